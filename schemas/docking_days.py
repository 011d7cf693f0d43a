"""Docking days over the wire."""

from __future__ import annotations

from marshmallow import fields, validate

from marketplace.domain.docking_days import DockingDayState, PlanState, Side
from marketplace.services.docking_days import MOST_SLOTS, MOST_TABLES, MOST_TALKS
from marketplace.services.docking_participants import MOST
from marketplace.services.docking_plans import MOST_SECONDS
from schemas.base import ActionLinkSchema, NoteSchema, OpaqueSchema, PageQuery
from schemas.contents import line
from schemas.organisations import UnitRefSchema

TALKS = validate.Range(1, MOST_TALKS)
POSITION = validate.Range(0, MOST_SLOTS - 1)


class SlotInputSchema(OpaqueSchema):
    """A stretch of the day and how many talks fit into it."""

    starts_at = fields.AwareDateTime(required=True)
    ends_at = fields.AwareDateTime(required=True)
    tables = fields.Integer(
        required=True, strict=True, validate=validate.Range(1, MOST_TABLES)
    )


class SlotSchema(OpaqueSchema):
    """A stretch of the day; its tables are shown to who runs it."""

    position = fields.Integer(required=True)
    starts_at = fields.AwareDateTime(required=True)
    ends_at = fields.AwareDateTime(required=True)
    tables = fields.Integer()


class DockingDayPatchSchema(OpaqueSchema):
    """Fields of a docking day 对接活动日 to change."""

    title = fields.String(validate=validate.Length(1, 120))
    held_on = fields.Date()
    place = line(200, description="地点")
    region = fields.String(
        allow_none=True,
        validate=validate.Length(max=6),
        metadata={"description": "Code list `region`."},
    )
    most_per_need = fields.Integer(
        strict=True, validate=TALKS, metadata={"description": "Talks for one need."}
    )
    most_per_team = fields.Integer(strict=True, validate=TALKS)
    slots = fields.List(
        fields.Nested(SlotInputSchema), validate=validate.Length(1, MOST_SLOTS)
    )


class DockingDayCreateSchema(DockingDayPatchSchema):
    """A docking day to set up."""

    title = fields.String(required=True, validate=validate.Length(1, 120))
    held_on = fields.Date(required=True)
    most_per_need = fields.Integer(required=True, strict=True, validate=TALKS)
    most_per_team = fields.Integer(required=True, strict=True, validate=TALKS)
    slots = fields.List(
        fields.Nested(SlotInputSchema),
        required=True,
        validate=validate.Length(1, MOST_SLOTS),
    )


class DockingDayRowSchema(OpaqueSchema):
    """A docking day in a list."""

    id = fields.UUID(required=True)
    title = fields.String(required=True)
    held_on = fields.Date(required=True)
    place = fields.String(required=True)
    region = fields.String(required=True, allow_none=True)
    state = fields.Enum(DockingDayState, by_value=True, required=True)
    created_at = fields.AwareDateTime(required=True)
    updated_at = fields.AwareDateTime(required=True)


class DockingDaySchema(DockingDayRowSchema):
    """A docking day as the caller may see it."""

    slots = fields.List(fields.Nested(SlotSchema), required=True)
    most_per_need = fields.Integer()
    most_per_team = fields.Integer()
    deployed_at = fields.AwareDateTime(required=True, allow_none=True)
    actions = fields.List(fields.Nested(ActionLinkSchema), required=True)


class DockingDayQuery(PageQuery):
    """Which days to list."""

    state = fields.Enum(DockingDayState, by_value=True, load_default=None)


class ParticipantPatchSchema(OpaqueSchema):
    """When a participant can come, and whom it must meet."""

    absent = fields.List(
        fields.Integer(strict=True, validate=POSITION),
        validate=validate.Length(max=MOST_SLOTS),
        metadata={"description": "Positions of slots in which it cannot come."},
    )
    most = fields.Integer(
        strict=True,
        allow_none=True,
        validate=TALKS,
        metadata={"description": "Its own limit of talks; null for the day's."},
    )
    must_meet = fields.List(
        fields.UUID(),
        validate=validate.Length(max=MOST),
        metadata={"description": "Participants of the other side."},
    )


class ParticipantCreateSchema(ParticipantPatchSchema):
    """A need of the library, or a team through one of its listed offers."""

    need_id = fields.UUID()
    offer_id = fields.UUID()


class ParticipantSchema(OpaqueSchema):
    """One who takes part."""

    id = fields.UUID(required=True)
    side = fields.Enum(Side, by_value=True, required=True)
    organisation = fields.Nested(UnitRefSchema, required=True)
    need_id = fields.UUID(required=True, allow_none=True)
    offer_id = fields.UUID(required=True, allow_none=True)
    team_id = fields.UUID(required=True, allow_none=True)
    title = fields.String(required=True)
    absent = fields.List(fields.Integer(), required=True)
    most = fields.Integer(required=True, allow_none=True)
    must_meet = fields.List(fields.UUID(), required=True)
    created_at = fields.AwareDateTime(required=True)
    updated_at = fields.AwareDateTime(required=True)


class ParticipantQuery(PageQuery):
    """Which participants to list."""

    side = fields.Enum(Side, by_value=True, load_default=None)


class PlanActionSchema(NoteSchema):
    """What an action on the plan takes."""

    seconds = fields.Integer(
        strict=True,
        load_default=None,
        validate=validate.Range(1, MOST_SECONDS),
        metadata={"description": "How long the planner may take, for `solve`."},
    )


class ParticipantRefSchema(OpaqueSchema):
    """A participant by its name."""

    id = fields.UUID(required=True)
    title = fields.String(required=True)


class ProposedTalkSchema(OpaqueSchema):
    """A talk of a proposal."""

    slot = fields.Integer(required=True)
    need = fields.Nested(ParticipantRefSchema, required=True)
    team = fields.Nested(ParticipantRefSchema, required=True)
    score = fields.Float(
        required=True,
        allow_none=True,
        metadata={"description": "Null for a pair that only had to meet."},
    )


class LooseningSchema(OpaqueSchema):
    """A constraint that would have to give way, and by how much."""

    kind = fields.String(required=True)
    participant_id = fields.UUID(required=True, allow_none=True)
    other_id = fields.UUID(required=True, allow_none=True)
    slot = fields.Integer(required=True, allow_none=True)
    by = fields.Integer(required=True)
    text = fields.String(required=True)


class WayOutSchema(OpaqueSchema):
    """A smallest set of constraints with which a plan would be possible."""

    changes = fields.List(fields.Nested(LooseningSchema), required=True)


class DockingPlanSchema(OpaqueSchema):
    """The plan of a day, and how far it is; ``state`` is null before the first."""

    docking_day_id = fields.UUID(required=True)
    day_state = fields.Enum(DockingDayState, by_value=True, required=True)
    number = fields.Integer(required=True)
    state = fields.Enum(PlanState, by_value=True, required=True, allow_none=True)
    stage = fields.String()
    seconds = fields.Integer()
    error = fields.String()
    engine = fields.String()
    digest = fields.String(metadata={"description": "SHA-256 of the plan's input."})
    created_at = fields.AwareDateTime()
    served = fields.Integer(
        metadata={"description": "Needs and teams with at least one talk."}
    )
    served_bound = fields.Integer()
    score = fields.Float(metadata={"description": "Sum of the scores of the pairs."})
    score_bound = fields.Float()
    optimal = fields.Boolean(metadata={"description": "No plan is better: proven."})
    stale = fields.Boolean(
        metadata={"description": "Its input has changed; it cannot be deployed."}
    )
    left_out = fields.List(
        fields.UUID(),
        required=True,
        metadata={"description": "Participants that are no longer on the market."},
    )
    talks = fields.List(fields.Nested(ProposedTalkSchema), required=True)
    ways_out = fields.List(fields.Nested(WayOutSchema), required=True)
    actions = fields.List(fields.Nested(ActionLinkSchema), required=True)


class TalkSideSchema(OpaqueSchema):
    """One side of a talk."""

    id = fields.UUID(required=True)
    title = fields.String(required=True)
    organisation = fields.Nested(UnitRefSchema, required=True)
    need_id = fields.UUID(required=True, allow_none=True)
    offer_id = fields.UUID(required=True, allow_none=True)


class TalkSchema(OpaqueSchema):
    """A talk that was fixed, and what came of it."""

    id = fields.UUID(required=True)
    docking_day_id = fields.UUID(required=True)
    slot = fields.Integer(required=True)
    starts_at = fields.AwareDateTime(required=True)
    ends_at = fields.AwareDateTime(required=True)
    need = fields.Nested(TalkSideSchema, required=True)
    team = fields.Nested(TalkSideSchema, required=True)
    outcome = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Code list `talk_outcome`."},
    )
    follow_up_on = fields.Date(required=True, allow_none=True)
    outcome_at = fields.AwareDateTime(required=True, allow_none=True)
    actions = fields.List(fields.Nested(ActionLinkSchema), required=True)


class TalkQuery(PageQuery):
    """Which talks to list."""

    participant_id = fields.UUID(load_default=None)
    outcome = fields.String(load_default=None, validate=validate.Length(max=40))
    open = fields.Boolean(
        load_default=False, metadata={"description": "Only without an outcome."}
    )


class OutcomeSchema(NoteSchema):
    """What came of a talk."""

    outcome = fields.String(
        load_default=None,
        validate=validate.Length(1, 40),
        metadata={"description": "Code list `talk_outcome`."},
    )
    follow_up_on = fields.Date(load_default=None, allow_none=True)
