"""Indicators, funnel and targets over the wire."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from marshmallow import fields, validate

from marketplace.domain.indicators import CONTRACT_AXES, OBJECT_AXES
from schemas.base import Money, OpaqueSchema, PageQuery


class SignedMoney(Money):
    """An amount in 元 that may be negative: what a period took back is more."""

    def __init__(self, **kwargs: Any) -> None:
        pattern = r"^-?[0-9]{1,20}\.[0-9]{2}$"
        super().__init__(metadata={"pattern": pattern}, **kwargs)


class Number(fields.Field[Decimal]):
    """A number as a decimal string, with the places of its indicator."""

    def __init__(self, **kwargs: Any) -> None:
        metadata = {
            "type": "string",
            "pattern": r"^-?[0-9]+(\.[0-9]+)?$",
            "example": "12.21",
        }
        super().__init__(metadata=metadata, **kwargs)

    def _serialize(
        self,
        value: Decimal | None,
        attr: str | None,  # noqa: ARG002
        obj: Any,  # noqa: ARG002
        **kwargs: Any,  # noqa: ARG002
    ) -> str | None:
        return None if value is None else f"{value:f}"


class FigureDefinitionSchema(OpaqueSchema):
    """A definition: what a figure is called, how it is made, who answers for it."""

    code = fields.String(required=True)
    title = fields.String(required=True)
    unit = fields.String(required=True)
    sheet_unit = fields.String(required=True)
    formula = fields.String(required=True)
    source = fields.String(required=True)
    owner = fields.String(required=True)
    kind = fields.String(required=True)
    family = fields.String(required=True)
    decimals = fields.Integer(required=True)
    modifier = fields.Boolean(required=True)
    axes = fields.List(fields.String(), required=True)


class FigureDefinitionsSchema(OpaqueSchema):
    """All definitions."""

    items = fields.List(fields.Nested(FigureDefinitionSchema), required=True)


class FigureCellSchema(OpaqueSchema):
    """One value, or the reason why there is none."""

    key = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    names = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    value = Number(required=True, allow_none=True)
    reason = fields.String(required=True, allow_none=True)
    yoy = Number(required=True, allow_none=True)
    yoy_reason = fields.String(required=True, allow_none=True)
    count = fields.Integer(required=True, allow_none=True)
    total_yuan = SignedMoney(required=True, allow_none=True)
    technical_yuan = SignedMoney(required=True, allow_none=True)


class FigureSchema(OpaqueSchema):
    """An indicator over a period, as it stood at a moment."""

    code = fields.String(required=True)
    title = fields.String(required=True)
    unit = fields.String(required=True)
    period = fields.String(required=True)
    starts_on = fields.Date(required=True)
    ends_on = fields.Date(required=True)
    as_of = fields.AwareDateTime(required=True)
    by = fields.List(fields.String(), required=True)
    total = fields.Nested(FigureCellSchema, required=True)
    cells = fields.List(fields.Nested(FigureCellSchema), required=True)
    notes = fields.List(fields.String(), required=True)


def _period() -> fields.String:
    return fields.String(
        load_default="",
        validate=validate.Length(max=24),
        metadata={"description": "2026, 2026H1, 2026Q3, 2026-09 or two dates: a..b"},
    )


_FILTERS = {
    name: fields.String(
        validate=validate.Length(max=400),
        metadata={"description": "Codes, parted by commas."},
    )
    for name in (*CONTRACT_AXES, *OBJECT_AXES)
}


class _Filters(OpaqueSchema.from_dict(_FILTERS)):  # type: ignore[misc]
    """Only entries with these codes, or with codes below them.

    By an axis in detail, and by districts, a code stands for itself alone, as in the
    cells of that axis.
    """


class FigureQuery(_Filters):
    """Which figure to compute."""

    period = _period()
    as_of = fields.AwareDateTime(load_default=None)
    by = fields.String(
        load_default="",
        validate=validate.Length(max=60),
        metadata={"description": "At most two axes, parted by a comma."},
    )


class FigureRowsQuery(_Filters, PageQuery):
    """Whose rows to list."""

    period = _period()
    as_of = fields.AwareDateTime(load_default=None)


class FigureRowSchema(OpaqueSchema):
    """A contract or object with what it adds to a figure."""

    id = fields.UUID(required=True)
    kind = fields.String(required=True)
    number = fields.String(required=True)
    title = fields.String(required=True)
    contract_class = fields.String(required=True, allow_none=True)
    at = fields.AwareDateTime(required=True, allow_none=True)
    count = fields.Integer(required=True)
    part = fields.Integer(required=True)
    total_yuan = SignedMoney(required=True, allow_none=True)
    technical_yuan = SignedMoney(required=True, allow_none=True)
    ip_count = fields.Integer(required=True, allow_none=True)
    plan_count = fields.Integer(required=True, allow_none=True)
    local_count = fields.Integer(required=True, allow_none=True)
    local_total_yuan = SignedMoney(required=True, allow_none=True)


class FunnelQuery(OpaqueSchema):
    """Which needs to follow."""

    period = _period()
    as_of = fields.AwareDateTime(load_default=None)
    by = fields.String(load_default="", validate=validate.Length(max=20))


class FunnelStageSchema(OpaqueSchema):
    """How many needs came to a stage; days until the next one, as quartiles."""

    code = fields.String(required=True)
    title = fields.String(required=True)
    count = fields.Integer(required=True)
    skipped = fields.Integer(required=True)
    timed = fields.Integer(required=True)
    lower = Number(required=True, allow_none=True)
    median = Number(required=True, allow_none=True)
    upper = Number(required=True, allow_none=True)


class FunnelExitSchema(OpaqueSchema):
    """How many left at a stage, by a coded reason."""

    stage = fields.String(required=True)
    kind = fields.String(required=True)
    reason = fields.String(required=True)
    count = fields.Integer(required=True)


class FunnelBranchSchema(OpaqueSchema):
    """The funnel of one value of an axis."""

    key = fields.String(required=True)
    name = fields.String(required=True)
    stages = fields.List(fields.Nested(FunnelStageSchema), required=True)
    exits = fields.List(fields.Nested(FunnelExitSchema), required=True)


class FunnelSchema(OpaqueSchema):
    """The needs first filed in a period, as they stood at a moment."""

    period = fields.String(required=True)
    as_of = fields.AwareDateTime(required=True)
    by = fields.String(required=True)
    whole = fields.Nested(FunnelBranchSchema, required=True)
    branches = fields.List(fields.Nested(FunnelBranchSchema), required=True)


class TargetQuery(OpaqueSchema):
    """Whose targets."""

    region = fields.String(validate=validate.Regexp(r"^[0-9]{6}$"))


class ReportedSchema(OpaqueSchema):
    """What was reported elsewhere, with its source."""

    year = fields.String(required=True)
    value = fields.String(required=True)
    source = fields.String(required=True)


class TargetSchema(OpaqueSchema):
    """A target with its dates and source, and how far it is reached."""

    key = fields.String(required=True)
    region = fields.String(required=True)
    title = fields.String(required=True)
    relation = fields.String(required=True)
    target = Number(required=True)
    unit = fields.String(required=True)
    by = fields.String(required=True)
    indicator = fields.String(required=True, allow_none=True)
    value = Number(required=True, allow_none=True)
    progress = Number(required=True, allow_none=True)
    reported = fields.List(fields.Nested(ReportedSchema), required=True)
    valid_from = fields.Date(required=True)
    valid_to = fields.Date(required=True, allow_none=True)
    mark = fields.String(required=True)
    source = fields.String(required=True)


class TargetsSchema(OpaqueSchema):
    """The targets in force."""

    items = fields.List(fields.Nested(TargetSchema), required=True)
