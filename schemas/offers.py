"""Offers over the wire."""

from __future__ import annotations

from datetime import date
from typing import Any

from marshmallow import fields, validate

from marketplace.domain.offers import OfferKind, OfferState
from schemas.base import Money, OpaqueSchema
from schemas.contents import (
    ActionSchema,
    AttachmentRefSchema,
    ContentSchema,
    FieldCommentSchema,
    HeadSchema,
    IndicatorInputSchema,
    IndicatorSchema,
    ListQuery,
    RowSchema,
    code,
    codes,
    day,
    line,
    lines,
    text,
)


class Month(fields.Field[date]):
    """A month such as ``2021-03``."""

    default_error_messages = {"not_a_month": "Not a month, such as 2021-03."}  # noqa: RUF012

    def __init__(self, **kwargs: Any) -> None:
        metadata = {
            "type": "string",
            "pattern": "^[0-9]{4}-(0[1-9]|1[0-2])$",
            "example": "2021-03",
            **kwargs.pop("metadata", {}),
        }
        super().__init__(metadata=metadata, **kwargs)

    def _serialize(
        self,
        value: date | None,
        attr: str | None,  # noqa: ARG002
        obj: Any,  # noqa: ARG002
        **kwargs: Any,  # noqa: ARG002
    ) -> str | None:
        return None if value is None else f"{value.year:04d}-{value.month:02d}"

    def _deserialize(
        self,
        value: Any,
        attr: str | None,  # noqa: ARG002
        data: Any,  # noqa: ARG002
        **kwargs: Any,  # noqa: ARG002
    ) -> date:
        if not isinstance(value, str) or len(value) != len("2021-03"):
            raise self.make_error("not_a_month")
        try:
            return date.fromisoformat(f"{value}-01")
        except ValueError as error:
            raise self.make_error("not_a_month") from error


class RightSchema(OpaqueSchema):
    """Intellectual property 知识产权 that goes with an offer."""

    kind = fields.String(
        required=True,
        validate=validate.Length(1, 40),
        metadata={"description": "Code list `ip_type`."},
    )
    number = line(60)
    title = line(200)
    owner = line(200)
    filed_on = day()
    granted_on = day()
    expires_on = day()
    legal_status = code("ip_legal_status")


class ValueSchema(OpaqueSchema):
    """One of the five values 五元价值."""

    text = line(500)
    score = fields.Integer(
        strict=True, allow_none=True, validate=validate.Range(0, 100)
    )


class TeamRefSchema(OpaqueSchema):
    """The team behind an offer."""

    id = fields.UUID(required=True)
    name = fields.String(required=True)


class OfferContentSchema(ContentSchema):
    """The text of an offer, without its child rows that differ by direction."""

    together = (
        frozenset({"period_from", "period_to"}),
        frozenset({"maturity_scale", "maturity_level"}),
        frozenset({"empowerment", "licence_years"}),
    )

    title = fields.String(
        validate=validate.Length(1, 100), metadata={"description": "成果名称"}
    )
    team_id = fields.UUID(allow_none=True)
    abstract = text(description="成果简介")
    innovations = lines(200, 20, description="主要创新点")
    category = code("achievement_category")
    nature = code("achievement_nature")
    form = code("achievement_form")
    period_from = Month(allow_none=True, metadata={"description": "研究起始"})
    period_to = Month(allow_none=True, metadata={"description": "研究终止"})
    source_plan = code("plan_source")
    project_no = line(60)
    evaluation_mode = code("evaluation_mode")
    evaluation_body = line(120)
    evaluated_on = day()
    level = code("achievement_level")
    secrecy = code("secrecy")
    maturity_scale = code("maturity_qd13, maturity_trl9 or maturity_stage")
    maturity_level = fields.Integer(
        strict=True, allow_none=True, validate=validate.Range(1, 99)
    )
    maturity_evidence = text()
    stage = code("maturity_stage")
    application_state = code("application_state")
    conversion_mode = codes("conversion_mode")
    trial_mode = code("trial_mode")
    price_mode = code("pricing_mode")
    price_expect_yuan = Money(allow_none=True)
    empowerment = code("empowerment")
    licence_years = fields.Integer(
        strict=True, allow_none=True, validate=validate.Range(1, 99)
    )
    five_values = fields.Dict(
        keys=fields.String(),
        values=fields.Nested(ValueSchema),
        metadata={"description": "By the codes of list `five_values`."},
    )
    ip = fields.List(fields.Nested(RightSchema), validate=validate.Length(max=100))
    prospects = text(description="应用前景")
    team_intro = text(description="团队")
    completers = lines(60, 50, description="完成人，按序")
    co_owners = lines(120, 50, description="其他完成单位，按序")
    equipment = lines(200, 50, description="仪器设备")
    track_record = text(description="业绩")


class OfferPatchSchema(OfferContentSchema):
    """What may be changed; what is left out stays, lists are replaced."""

    indicators = fields.List(
        fields.Nested(IndicatorInputSchema), validate=validate.Length(max=100)
    )
    attachments = fields.List(fields.UUID(), validate=validate.Length(max=100))


class OfferDraftSchema(OfferPatchSchema):
    """An offer that is not stored: only its kind must be there."""

    kind = fields.Enum(OfferKind, by_value=True, required=True)
    owner_org_id = fields.UUID(
        metadata={"description": "For who belongs to several units."}
    )


class OfferCreateSchema(OfferDraftSchema):
    """A new draft: only its kind and its title must be there."""

    title = fields.String(
        required=True,
        validate=validate.Length(1, 100),
        metadata={"description": "成果名称"},
    )


class OfferVersionContentSchema(OfferContentSchema):
    """The fields of one version up to the caller's tier."""

    version = fields.Integer(required=True)
    indicators = fields.List(fields.Nested(IndicatorSchema))
    attachments = fields.List(fields.Nested(AttachmentRefSchema))
    team = fields.Nested(TeamRefSchema, allow_none=True)
    withheld = fields.List(fields.String(), required=True)


class OfferVersionSchema(OpaqueSchema):
    """One version of an offer."""

    number = fields.Integer(required=True)
    created_at = fields.AwareDateTime(required=True)
    fixed_at = fields.AwareDateTime(required=True, allow_none=True)
    published = fields.Boolean(required=True)
    content = fields.Nested(OfferVersionContentSchema, required=True)


class OfferSchema(OfferContentSchema, HeadSchema):
    """An offer as the caller may see it."""

    ach_no = fields.String(required=True)
    reg_no = fields.String(required=True, allow_none=True)
    kind = fields.Enum(OfferKind, by_value=True, required=True)
    state = fields.Enum(OfferState, by_value=True, required=True)
    indicators = fields.List(fields.Nested(IndicatorSchema))
    attachments = fields.List(fields.Nested(AttachmentRefSchema))
    team = fields.Nested(TeamRefSchema, allow_none=True)


class OfferRowSchema(RowSchema):
    """An offer in a list."""

    ach_no = fields.String(required=True)
    kind = fields.Enum(OfferKind, by_value=True, required=True)
    state = fields.Enum(OfferState, by_value=True, required=True)
    stage = fields.String(required=True, allow_none=True)
    maturity_scale = fields.String(required=True, allow_none=True)
    maturity_level = fields.Integer(required=True, allow_none=True)
    price_expect_yuan = Money(allow_none=True)


class OfferListQuery(ListQuery):
    """Which offers to list."""

    state = fields.Enum(OfferState, by_value=True)
    kind = fields.Enum(OfferKind, by_value=True)
    maturity_min = fields.Integer(
        validate=validate.Range(1, 13),
        metadata={"description": "At least this level of list `maturity_qd13`."},
    )


class OfferActionSchema(ActionSchema):
    """What comes with an action on an offer."""

    field_comments = fields.List(
        fields.Nested(FieldCommentSchema),
        validate=validate.Length(max=100),
        metadata={"description": "For `return`."},
    )
    reg_no = fields.String(
        validate=validate.Length(1, 32), metadata={"description": "For `register`."}
    )
