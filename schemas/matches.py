"""Matches over the wire."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from schemas.base import OpaqueSchema
from schemas.needs import NeedDraftSchema
from schemas.offers import OfferDraftSchema, TeamRefSchema

BANDS = ("strong", "good", "possible")
VERDICTS = ("met", "near", "missed", "unstated")
FEEDBACK = ("useful", "irrelevant", "already-working")
SPAN = {"description": "Start and end in characters of the original text."}


class OrgBriefSchema(OpaqueSchema):
    """An organisation, named."""

    id = fields.UUID(required=True)
    name = fields.String(required=True)


class PairSideSchema(OpaqueSchema):
    """One side of a pair; an unsaved draft has no id."""

    id = fields.UUID(required=True, allow_none=True)
    kind = fields.String()
    title = fields.String(required=True)
    owner_org = fields.Nested(OrgBriefSchema)


class PlaceSchema(OpaqueSchema):
    """Where a term stands: a field of the form and a span within it."""

    field = fields.String(required=True)
    span = fields.List(
        fields.Integer(), required=True, validate=validate.Length(equal=2)
    )


def _spans() -> fields.List[Any]:
    return fields.List(
        fields.List(fields.Integer(), validate=validate.Length(equal=2)),
        required=True,
        metadata={"description": "Spans in the title."},
    )


class TermSchema(OpaqueSchema):
    """A term that both sides share."""

    text = fields.String(required=True)
    weight = fields.Float(required=True)
    need_spans = _spans()
    offer_spans = _spans()
    need_places = fields.List(fields.Nested(PlaceSchema), required=True)
    offer_places = fields.List(fields.Nested(PlaceSchema), required=True)


class VerdictSchema(OpaqueSchema):
    """What becomes of one required indicator."""

    name = fields.String(required=True)
    required = fields.String(required=True)
    claimed = fields.String(required=True, allow_none=True)
    verdict = fields.String(required=True, validate=validate.OneOf(VERDICTS))
    is_core = fields.Boolean(required=True)


class BlockerSchema(OpaqueSchema):
    """A core indicator that is missed."""

    name = fields.String(required=True)
    required = fields.String(required=True)
    claimed = fields.String(required=True, allow_none=True)


class EngineSchema(OpaqueSchema):
    """What one must have to replay the ranking."""

    version = fields.String(required=True)
    index = fields.String(required=True)
    weights = fields.String(required=True)


class MatchSchema(OpaqueSchema):
    """A ranked pair, explained."""

    rank = fields.Integer(required=True)
    band = fields.String(required=True, validate=validate.OneOf(BANDS))
    score = fields.Float(
        required=True,
        metadata={"description": "Orders the list; not a percentage of anything."},
    )
    need = fields.Nested(PairSideSchema, required=True)
    offer = fields.Nested(PairSideSchema, required=True)
    parts = fields.Dict(keys=fields.String(), values=fields.Float(), required=True)
    reasons = fields.List(fields.String(), required=True)
    terms = fields.List(fields.Nested(TermSchema), required=True)
    indicators = fields.List(fields.Nested(VerdictSchema), required=True)
    blockers = fields.List(fields.Nested(BlockerSchema), required=True)
    engine = fields.Nested(EngineSchema, required=True)


class MatchesSchema(OpaqueSchema):
    """The ranking, best first."""

    items = fields.List(fields.Nested(MatchSchema), required=True)
    next = fields.String(required=True, allow_none=True)
    total = fields.Integer(required=True, allow_none=True)


class GainedOfferSchema(PairSideSchema):
    """An offer that a need would gain, and what it claims instead."""

    claimed = fields.String(required=True, allow_none=True)


class RelaxationSchema(OpaqueSchema):
    """One requirement, and what the need gains without it."""

    field = fields.String(
        required=True,
        metadata={"description": "indicators/0, …, maturity, budget or region."},
    )
    name = fields.String(required=True, allow_none=True)
    required = fields.String(required=True, allow_none=True)
    gained = fields.Integer(
        required=True,
        metadata={"description": "Offers that become good or strong."},
    )
    lost = fields.Integer(
        required=True, metadata={"description": "Offers that no longer are."}
    )
    offers = fields.List(fields.Nested(GainedOfferSchema), required=True)


class RelaxationsSchema(OpaqueSchema):
    """What a need could ask less of, the most gain first; often empty."""

    items = fields.List(fields.Nested(RelaxationSchema), required=True)


class RelaxationQuery(OpaqueSchema):
    """How many offers are named for each requirement."""

    limit = fields.Integer(load_default=3, validate=validate.Range(1, 20))


class NearOfferSchema(PairSideSchema):
    """An offer that speaks for a team."""

    band = fields.String(required=True, validate=validate.OneOf(BANDS))


class TeamMatchSchema(OpaqueSchema):
    """A team, ranked by the mean of its three nearest offers."""

    rank = fields.Integer(required=True)
    score = fields.Float(
        required=True,
        metadata={"description": "Orders the list; not a percentage of anything."},
    )
    team = fields.Nested(TeamRefSchema, required=True)
    owner_org = fields.Nested(OrgBriefSchema, required=True)
    offers = fields.List(fields.Nested(NearOfferSchema), required=True)


class TeamMatchesSchema(OpaqueSchema):
    """The teams, best first."""

    items = fields.List(fields.Nested(TeamMatchSchema), required=True)


class TeamMatchQuery(OpaqueSchema):
    """How many teams."""

    limit = fields.Integer(load_default=10, validate=validate.Range(1, 50))


class MatchQuery(OpaqueSchema):
    """How many matches, and of which kind."""

    limit = fields.Integer(load_default=10, validate=validate.Range(1, 100))
    chain = fields.String(validate=validate.Length(1, 40))
    region = fields.String(validate=validate.Regexp(r"^[0-9]{6}$"))
    tech_field = fields.String(validate=validate.Length(1, 40))


class NeedMatchQuery(MatchQuery):
    """Offers of one kind or of both."""

    kind = fields.String(validate=validate.OneOf(["result", "capability"]))


class PreviewSchema(OpaqueSchema):
    """An unsaved need or an unsaved offer: exactly one of them."""

    need = fields.Nested(NeedDraftSchema)
    offer = fields.Nested(OfferDraftSchema)
    limit = fields.Integer(load_default=10, validate=validate.Range(1, 100))

    @ma.validates_schema
    def _one_of_both(self, data: dict[str, Any], **kwargs: Any) -> None:  # noqa: ARG002
        if ("need" in data) == ("offer" in data):
            raise ma.ValidationError("Give either need or offer.")


class FeedbackSchema(OpaqueSchema):
    """What a person says of a pair."""

    need_id = fields.UUID(required=True)
    offer_id = fields.UUID(required=True)
    verdict = fields.String(required=True, validate=validate.OneOf(FEEDBACK))
    reason = fields.String(load_default=None, allow_none=True)
    comment = fields.String(load_default="", validate=validate.Length(max=500))
    rank = fields.Integer(load_default=None, allow_none=True)
    score = fields.Float(load_default=None, allow_none=True)
    engine = fields.Nested(EngineSchema, load_default=None, allow_none=True)


class FeedbackKeptSchema(OpaqueSchema):
    """Feedback as it is kept."""

    id = fields.UUID(required=True)
    need_id = fields.UUID(required=True)
    offer_id = fields.UUID(required=True)
    verdict = fields.String(required=True)
    reason = fields.String(required=True, allow_none=True)
    comment = fields.String(required=True)
    updated_at = fields.AwareDateTime(required=True)
