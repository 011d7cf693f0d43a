"""Needs over the wire."""

from __future__ import annotations

from marshmallow import fields, validate

from marketplace.domain.needs import NeedState
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
    day,
    line,
    lines,
    text,
)


class IntendedUnitSchema(OpaqueSchema):
    """A unit that the firm has in mind 意向合作单位: one registered here, or a name."""

    organisation_id = fields.UUID(allow_none=True)
    name = line(120)


class NeedContentSchema(ContentSchema):
    """The text of a need, without its child rows that differ by direction."""

    together = (
        frozenset({"period_start", "period_end"}),
        frozenset({"budget_total_yuan", "budget_to_bidder_yuan"}),
    )

    title = fields.String(
        validate=validate.Length(1, 80), metadata={"description": "需求名称"}
    )
    problem = text(description="主要问题、技术难点")
    key_technology = text(description="所需关键技术、主要指标")
    expected_goal = text(description="预期目标")
    research_content = text(description="主要研究内容")
    background = text(description="需求背景、现有基础")
    discipline = fields.String(
        allow_none=True,
        validate=validate.Length(max=40),
        metadata={"description": "GB/T 13745."},
    )
    activity_type = code("activity_type")
    ten_strong = code("sd_ten_strong")
    foundation = code("foundation")
    future_tag = code("future_tag")
    solve_mode = code("solve_mode")
    budget_total_yuan = Money(
        allow_none=True, metadata={"description": "拟投入资金总额"}
    )
    budget_negotiable = fields.Boolean(
        truthy={True}, falsy={False}, metadata={"description": "面议"}
    )
    budget_to_bidder_yuan = Money(
        allow_none=True, metadata={"description": "其中支付揭榜方"}
    )
    period_start = day(description="需求时限")
    period_end = day(description="需求时限")
    ip_owner = code("ip_owner")
    ip_arrangement = text(description="产权归属")
    bidder_conditions = text(description="对揭榜方要求")
    intended_units = fields.List(
        fields.Nested(IntendedUnitSchema), validate=validate.Length(max=100)
    )
    intended_experts = lines(60, 50)
    valid_until = day(description="有效期")
    source_channel = code("source_channel")


class NeedPatchSchema(NeedContentSchema):
    """What may be changed; what is left out stays, lists are replaced."""

    indicators = fields.List(
        fields.Nested(IndicatorInputSchema), validate=validate.Length(max=100)
    )
    attachments = fields.List(fields.UUID(), validate=validate.Length(max=100))


class NeedDraftSchema(NeedPatchSchema):
    """A need that is not stored: nothing must be there."""

    owner_org_id = fields.UUID(
        metadata={"description": "For who belongs to several units."}
    )


class NeedCreateSchema(NeedDraftSchema):
    """A new draft: only its title must be there."""

    title = fields.String(
        required=True,
        validate=validate.Length(1, 80),
        metadata={"description": "需求名称"},
    )


class NeedVersionContentSchema(NeedContentSchema):
    """The fields of one version up to the caller's tier."""

    version = fields.Integer(required=True)
    indicators = fields.List(fields.Nested(IndicatorSchema))
    attachments = fields.List(fields.Nested(AttachmentRefSchema))
    withheld = fields.List(fields.String(), required=True)


class NeedVersionSchema(OpaqueSchema):
    """One version of a need."""

    number = fields.Integer(required=True)
    created_at = fields.AwareDateTime(required=True)
    fixed_at = fields.AwareDateTime(required=True, allow_none=True)
    published = fields.Boolean(required=True)
    content = fields.Nested(NeedVersionContentSchema, required=True)


class NeedSchema(NeedContentSchema, HeadSchema):
    """A need as the caller may see it."""

    need_no = fields.String(required=True)
    state = fields.Enum(NeedState, by_value=True, required=True)
    indicators = fields.List(fields.Nested(IndicatorSchema))
    attachments = fields.List(fields.Nested(AttachmentRefSchema))


class NeedRowSchema(RowSchema):
    """A need in a list."""

    need_no = fields.String(required=True)
    state = fields.Enum(NeedState, by_value=True, required=True)
    budget_total_yuan = Money(allow_none=True)
    budget_negotiable = fields.Boolean(required=True)
    valid_until = fields.Date(required=True, allow_none=True)


class NeedListQuery(ListQuery):
    """Which needs to list."""

    state = fields.Enum(NeedState, by_value=True)


class NeedActionSchema(ActionSchema):
    """What comes with an action on a need."""

    field_comments = fields.List(
        fields.Nested(FieldCommentSchema),
        validate=validate.Length(max=100),
        metadata={"description": "For `return`."},
    )
    valid_until = fields.Date(metadata={"description": "For `renew`."})
