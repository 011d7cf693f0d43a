"""What needs and offers have in common over the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from marshmallow import ValidationError, fields, validate

from marketplace.domain.needs import Disclosure
from marketplace.domain.roles import Role
from schemas.base import ActionLinkSchema, OpaqueSchema, PageQuery

LONGEST = 4000
"""No text is longer than this; the rules in force set lower limits by field."""


def text(**about: Any) -> fields.String:
    """Make a text of any lines; the rules of a place may allow fewer signs."""
    said = "".join((about.pop("description", ""), "（字数以所在地现行规则为准）"))
    about["description"] = said
    return fields.String(validate=validate.Length(max=LONGEST), metadata=about)


def line(most: int = 200, **about: Any) -> fields.String:
    """Make a short text."""
    return fields.String(validate=validate.Length(max=most), metadata=about)


def code(list_id: str) -> fields.String:
    """Make a code of one of the lists at ``/codes``."""
    return fields.String(
        allow_none=True,
        validate=validate.Length(max=40),
        metadata={"description": f"Code list `{list_id}`."},
    )


def codes(list_id: str) -> fields.List[str]:
    """Make several codes of one list."""
    return fields.List(
        fields.String(validate=validate.Length(1, 40)),
        validate=validate.Length(max=20),
        metadata={"description": f"Code list `{list_id}`."},
    )


def lines(most: int, count: int, **about: Any) -> fields.List[str]:
    """Make a list of short texts."""
    return fields.List(
        fields.String(validate=validate.Length(1, most)),
        validate=validate.Length(max=count),
        metadata=about,
    )


def day(**about: Any) -> fields.Date:
    """Make a date that may be empty."""
    return fields.Date(allow_none=True, metadata=about)


class ParsedSchema(OpaqueSchema):
    """What was understood of an indicator."""

    comparison = fields.String(required=True)
    value = fields.Decimal(as_string=True, required=True, allow_none=True)
    value2 = fields.Decimal(as_string=True, required=True, allow_none=True)
    unit = fields.String(required=True)
    dimension = fields.String(required=True)


class IndicatorInputSchema(OpaqueSchema):
    """One indicator 指标: parts of the form, or only the words, which are then read."""

    name = line(100, description="指标名称")
    text = line(500, description="The firm's own words, kept as they are.")
    operator = code("indicator_comparison")
    value = fields.String(
        allow_none=True,
        validate=validate.Length(max=40),
        metadata={"description": "Decimal string.", "example": "600"},
    )
    value2 = fields.String(
        allow_none=True,
        validate=validate.Length(max=40),
        metadata={
            "description": "Upper end of a range; tolerance of ± beside a value."
        },
    )
    unit = line(40)
    test_condition = line(300, description="测试条件")
    test_method = line(300, description="检测方法、标准号")
    current_level = line(300, description="现有水平")
    benchmark = line(300, description="对标产品、国际水平")
    is_core = fields.Boolean(truthy={True}, falsy={False})


class IndicatorSchema(IndicatorInputSchema):
    """One indicator with what was understood of it."""

    parsed = fields.Nested(ParsedSchema, required=True)


class OrganisationRefSchema(OpaqueSchema):
    """The unit that owns something."""

    id = fields.UUID(required=True)
    name = fields.String(required=True)
    region = fields.String(required=True)


class AttachmentRefSchema(OpaqueSchema):
    """A file that hangs on an object."""

    id = fields.UUID(required=True)
    filename = fields.String(required=True)
    media_type = fields.String(required=True)
    size = fields.Integer(required=True)


class ContentSchema(OpaqueSchema):
    """Fields of which both needs and offers have one."""

    keywords = lines(40, 20, description="关键词")
    tech_field = codes("tech_field")
    industry_use = code("industry")
    chain = code("sd_chain")
    cooperation_mode = codes("cooperation_mode")
    disclosure = fields.Enum(Disclosure, by_value=True)


class FieldCommentSchema(OpaqueSchema):
    """What a reviewer says of one field."""

    pointer = fields.String(
        required=True,
        validate=validate.Length(1, 200),
        metadata={"example": "/indicators/0/value"},
    )
    comment = fields.String(required=True, validate=validate.Length(1, 2000))


class OpinionSchema(OpaqueSchema):
    """The latest opinion of one reviewing step 审核意见."""

    step = fields.String(required=True)
    action = fields.String(required=True)
    comment = fields.String(required=True)
    field_comments = fields.List(fields.Nested(FieldCommentSchema), required=True)
    user_id = fields.UUID(required=True, allow_none=True)
    user_name = fields.String(required=True, allow_none=True)
    role = fields.String(
        required=True,
        metadata={"description": "The role then.", "example": Role.OPERATOR.value},
    )
    organisation_id = fields.UUID(required=True, allow_none=True)
    at = fields.String(required=True, metadata={"format": "date-time"})
    version = fields.Integer(required=True)


class HeadSchema(OpaqueSchema):
    """What an object has beside its text."""

    id = fields.UUID(required=True)
    version = fields.Integer(
        required=True, metadata={"description": "The version that is shown."}
    )
    published_version = fields.Integer(required=True, allow_none=True)
    owner_org = fields.Nested(OrganisationRefSchema, required=True)
    paused_at = fields.AwareDateTime(
        metadata={"description": "Not recommended until its owner resumes it."}
    )
    created_at = fields.AwareDateTime(required=True)
    updated_at = fields.AwareDateTime(required=True)
    published_at = fields.AwareDateTime(required=True, allow_none=True)
    withheld = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "Fields above the caller's tier."},
    )
    actions = fields.List(fields.Nested(ActionLinkSchema), required=True)
    opinions = fields.List(
        fields.Nested(OpinionSchema),
        metadata={"description": "Only for the owning unit and the reviewers."},
    )


class RowSchema(OpaqueSchema):
    """What a list shows of every object."""

    id = fields.UUID(required=True)
    title = fields.String(required=True)
    owner_org = fields.Nested(OrganisationRefSchema, required=True)
    chain = fields.String(required=True, allow_none=True)
    tech_field = fields.List(fields.String(), required=True)
    industry_use = fields.String(required=True, allow_none=True)
    keywords = fields.List(fields.String(), required=True)
    disclosure = fields.Enum(Disclosure, by_value=True, required=True)
    created_at = fields.AwareDateTime(required=True)
    updated_at = fields.AwareDateTime(required=True)
    published_at = fields.AwareDateTime(required=True, allow_none=True)
    withheld = fields.List(fields.String(), required=True)


def _within_reach(moment: datetime) -> None:
    """Refuse moments that a change of zone would push out of the calendar."""
    if not 1900 <= moment.year <= 9000:
        raise ValidationError("Not a valid datetime.")


class ListQuery(PageQuery):
    """Which objects to list."""

    q = fields.String(
        validate=validate.Length(1, 200),
        metadata={"description": "Words that must all occur, in any spelling."},
    )
    owner_org_id = fields.UUID()
    chain = fields.String(validate=validate.Length(1, 40))
    tech_field = fields.String(validate=validate.Length(1, 40))
    industry_use = fields.String(
        validate=validate.Length(1, 40),
        metadata={"description": "A section (`C`) holds its divisions (`C32`)."},
    )
    region = fields.String(
        validate=validate.Regexp(r"^[0-9]{6}$", error="Six digits of GB/T 2260."),
        metadata={"description": "A province or city holds its districts."},
    )
    disclosure = fields.Enum(Disclosure, by_value=True)
    mine = fields.Boolean()
    updated_after = fields.AwareDateTime(validate=_within_reach)


class VersionSchema(OpaqueSchema):
    """One version of an object."""

    number = fields.Integer(required=True)
    title = fields.String(required=True)
    created_at = fields.AwareDateTime(required=True)
    fixed_at = fields.AwareDateTime(
        required=True,
        allow_none=True,
        metadata={"description": "Since when the text cannot change."},
    )
    published = fields.Boolean(required=True)


class VersionsSchema(OpaqueSchema):
    """The versions that the caller may read, oldest first."""

    items = fields.List(fields.Nested(VersionSchema), required=True)


class CompareQuery(OpaqueSchema):
    """Which versions to compare."""

    from_ = fields.Integer(
        required=True, data_key="from", validate=validate.Range(1, 1_000_000)
    )
    to = fields.Integer(required=True, validate=validate.Range(1, 1_000_000))


class DifferenceSchema(OpaqueSchema):
    """One thing that differs."""

    pointer = fields.String(required=True, metadata={"example": "/indicators/0/value"})
    old = fields.Raw(required=True, allow_none=True)
    new = fields.Raw(required=True, allow_none=True)


class ComparisonSchema(OpaqueSchema):
    """What differs from one version to another."""

    from_ = fields.Integer(required=True, data_key="from", attribute="from")
    to = fields.Integer(required=True)
    changes = fields.List(fields.Nested(DifferenceSchema), required=True)
    withheld = fields.List(fields.String(), required=True)


class ActionSchema(OpaqueSchema):
    """What comes with an action; an object's ``actions`` say what each one takes."""

    comment = fields.String(validate=validate.Length(max=2000))
