"""Trial licences over the wire."""

from __future__ import annotations

from marshmallow import fields, validate

from marketplace.domain.dockings import DockingSide, TrialState, TrialVerdict
from schemas.base import ActionLinkSchema, Money, OpaqueSchema
from schemas.contents import IndicatorInputSchema, line
from schemas.dockings import OwedSchema

VERDICTS = validate.OneOf([verdict.value for verdict in TrialVerdict])


class TrialCreateSchema(OpaqueSchema):
    """The terms of a trial 先用后转."""

    starts_on = fields.Date(required=True, metadata={"description": "试用开始"})
    ends_on = fields.Date(required=True, metadata={"description": "试用结束"})
    site = fields.String(
        required=True,
        validate=validate.Length(1, 200),
        metadata={"description": "试用场所"},
    )
    indicators = fields.List(
        fields.Nested(IndicatorInputSchema),
        required=True,
        validate=validate.Length(1, 50),
        metadata={"description": "What has to be reached."},
    )
    liability_cap_yuan = Money(allow_none=True, metadata={"description": "责任上限"})
    price_yuan = Money(allow_none=True, metadata={"description": "转化时的价款（元）"})


class TrialResultSchema(OpaqueSchema):
    """What was measured of one indicator."""

    name = fields.String(required=True, validate=validate.Length(1, 100))
    measured = line(200, description="测得值，如 372 MPa", example="372 MPa")
    verdict = fields.String(
        allow_none=True,
        validate=VERDICTS,
        metadata={"description": "May be left out where the figures tell it."},
    )


class TrialActionSchema(OpaqueSchema):
    """What comes with a step."""

    comment = fields.String(load_default="", validate=validate.Length(max=2000))
    results = fields.List(
        fields.Nested(TrialResultSchema), validate=validate.Length(1, 50)
    )
    contract_id = fields.UUID()


class TrialIndicatorSchema(IndicatorInputSchema):
    """An indicator that was agreed on, and what came of it."""

    measured = fields.String(required=True, allow_none=True)
    verdict = fields.String(required=True, allow_none=True, validate=VERDICTS)
    compared = fields.String(
        required=True,
        allow_none=True,
        validate=VERDICTS,
        metadata={"description": "What the figures say, where both can be read."},
    )


class TrialRowSchema(OpaqueSchema):
    """A trial in a list."""

    id = fields.UUID(required=True)
    docking_id = fields.UUID(required=True)
    docking_no = fields.String(required=True)
    state = fields.Enum(TrialState, by_value=True, required=True)
    proposed_side = fields.Enum(DockingSide, by_value=True, required=True)
    starts_on = fields.Date(required=True)
    ends_on = fields.Date(required=True)
    site = fields.String(required=True)
    liability_cap_yuan = Money(required=True, allow_none=True)
    price_yuan = Money(required=True, allow_none=True)
    result = fields.String(required=True)
    contract_id = fields.UUID(required=True, allow_none=True)
    created_at = fields.AwareDateTime(required=True)
    updated_at = fields.AwareDateTime(required=True)


class TrialSchema(TrialRowSchema):
    """A trial as a side, its broker or an operator sees it."""

    side = fields.Enum(DockingSide, by_value=True, required=True, allow_none=True)
    indicators = fields.List(fields.Nested(TrialIndicatorSchema), required=True)
    owed = fields.List(fields.Nested(OwedSchema), required=True)
    actions = fields.List(fields.Nested(ActionLinkSchema), required=True)
