"""Dockings over the wire."""

from __future__ import annotations

from marshmallow import fields, validate

from marketplace.domain.dockings import DockingSide, DockingState
from schemas.base import ActionLinkSchema, Money, OpaqueSchema, PageQuery
from schemas.contents import code, day, line, lines
from schemas.organisations import UnitRefSchema

SIDES = validate.OneOf([side.value for side in DockingSide])


class TitledSchema(OpaqueSchema):
    """An object by its title."""

    id = fields.UUID(required=True)
    title = fields.String(required=True)


class PersonRefSchema(OpaqueSchema):
    """A person by name."""

    id = fields.UUID(required=True)
    name = fields.String(required=True)


class TermsSchema(OpaqueSchema):
    """What two sides bargain about."""

    scope = line(2000, description="合作内容")
    price_yuan = Money(allow_none=True, metadata={"description": "价款"})
    payment = line(500, description="支付安排")
    period_from = day(description="期限")
    period_to = day(description="期限")
    ip_owner = code("ip_owner")
    rights = line(1000, description="成果归属")
    with_trial = fields.Boolean(truthy={True}, falsy={False})
    trial = line(1000, description="试用安排（先用后转）")


class MeetingInputSchema(OpaqueSchema):
    """A meeting that was held or is planned."""

    starts_at = fields.AwareDateTime(required=True)
    ends_at = fields.AwareDateTime()
    place = line(200, description="地点")
    is_online = fields.Boolean(truthy={True}, falsy={False})
    participants = lines(60, 50, description="参加人")
    content = line(4000, description="会谈内容")
    next_step = line(500, description="下一步")
    next_side = fields.String(validate=SIDES)
    next_on = day(description="下一步期限")


class MeetingSchema(OpaqueSchema):
    """A meeting as it was logged."""

    id = fields.UUID(required=True)
    logged_at = fields.AwareDateTime(required=True)
    side = fields.Enum(DockingSide, by_value=True, required=True)
    starts_at = fields.AwareDateTime(required=True)
    ends_at = fields.AwareDateTime(required=True)
    place = fields.String(required=True)
    is_online = fields.Boolean(required=True)
    participants = fields.List(fields.String(), required=True)
    content = fields.String(required=True)
    next_step = fields.String(required=True)
    next_on = fields.Date(required=True, allow_none=True)
    next_side = fields.Enum(DockingSide, by_value=True, allow_none=True)


class DockingCreateSchema(OpaqueSchema):
    """A pair to bring together."""

    need_id = fields.UUID(required=True)
    offer_id = fields.UUID(required=True)
    message = line(1000, description="附言")


class DockingActionSchema(OpaqueSchema):
    """What comes with a step."""

    comment = fields.String(load_default="", validate=validate.Length(max=2000))
    reason = fields.String(
        validate=validate.Length(1, 40),
        metadata={"description": "Code list `decline_reason`."},
    )
    meeting = fields.Nested(MeetingInputSchema)
    text = fields.String(validate=validate.Length(max=20_000))
    attachment_id = fields.UUID()
    nda_version = fields.Integer(validate=validate.Range(1, 10_000))
    terms = fields.Nested(TermsSchema)
    number = fields.Integer(validate=validate.Range(1, 10_000))
    contract_id = fields.UUID()


class AcceptedSchema(OpaqueSchema):
    """One person's acceptance of an agreement."""

    user = fields.Nested(PersonRefSchema, required=True)
    side = fields.Enum(DockingSide, by_value=True, required=True)
    accepted_at = fields.AwareDateTime(required=True)


class NdaSchema(OpaqueSchema):
    """A version of the non-disclosure agreement."""

    number = fields.Integer(required=True)
    text = fields.String(required=True)
    attachment_id = fields.UUID(required=True, allow_none=True)
    digest = fields.String(required=True)
    proposed_side = fields.Enum(DockingSide, by_value=True, required=True)
    proposed_at = fields.AwareDateTime(required=True)
    accepted = fields.List(fields.Nested(AcceptedSchema), required=True)


class ProposalSchema(OpaqueSchema):
    """Terms that one side proposed."""

    number = fields.Integer(required=True)
    side = fields.Enum(DockingSide, by_value=True, required=True)
    proposed_at = fields.AwareDateTime(required=True)
    accepted_at = fields.AwareDateTime(required=True, allow_none=True)
    terms = fields.Nested(TermsSchema, required=True)


class OwedSchema(OpaqueSchema):
    """Who has to move next, and by when."""

    step = fields.String(required=True)
    what = fields.String(required=True)
    side = fields.Enum(DockingSide, by_value=True, required=True)
    due_on = fields.Date(required=True)
    late = fields.Boolean(required=True)


class DockingRowSchema(OpaqueSchema):
    """A docking in a list."""

    id = fields.UUID(required=True)
    docking_no = fields.String(required=True)
    state = fields.Enum(DockingState, by_value=True, required=True)
    need = fields.Nested(TitledSchema, required=True)
    offer = fields.Nested(TitledSchema, required=True)
    need_org = fields.Nested(UnitRefSchema, required=True)
    offer_org = fields.Nested(UnitRefSchema, required=True)
    opened_side = fields.Enum(DockingSide, by_value=True, required=True)
    intent_amount_yuan = Money(required=True, allow_none=True)
    intent_signed_on = fields.Date(required=True, allow_none=True)
    contract_id = fields.UUID(required=True, allow_none=True)
    lost_reason = fields.String(required=True, allow_none=True)
    created_at = fields.AwareDateTime(required=True)
    updated_at = fields.AwareDateTime(required=True)


class DockingSchema(DockingRowSchema):
    """A docking as a side, its broker or an operator sees it."""

    side = fields.Enum(DockingSide, by_value=True, required=True, allow_none=True)
    broker = fields.Nested(PersonRefSchema, required=True, allow_none=True)
    message = fields.String(required=True)
    match = fields.Dict(required=True, metadata={"description": "As it was shown."})
    interested = fields.List(fields.String(), required=True)
    nda_version = fields.Integer(required=True, allow_none=True)
    details_open = fields.Boolean(required=True)
    ndas = fields.List(fields.Nested(NdaSchema), required=True)
    proposals = fields.List(fields.Nested(ProposalSchema), required=True)
    intent = fields.Dict(required=True, allow_none=True)
    lost_comment = fields.String(required=True)
    lost_side = fields.Enum(DockingSide, by_value=True, required=True, allow_none=True)
    owed = fields.List(fields.Nested(OwedSchema), required=True)
    actions = fields.List(fields.Nested(ActionLinkSchema), required=True)


class DockingListQuery(PageQuery):
    """Which dockings to list."""

    state = fields.Enum(DockingState, by_value=True)
    need_id = fields.UUID()
    offer_id = fields.UUID()
