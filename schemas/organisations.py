"""Organisations over the wire."""

from __future__ import annotations

from marshmallow import fields, validate

from marketplace.domain.organisations import OrganisationState
from schemas.base import ActionLinkSchema, Money, OpaqueSchema, PageQuery
from schemas.contents import code, codes, day, line

MASKED = "Masked; whole in `/organisations/{id}/contact`."
ID_NUMBER = (
    "公民身份号码. Only a digest is kept, by which the person is recognised in other"
    " units; it is never shown. Left out, what was given before under this name stays."
)
PEOPLE = validate.Range(0, 50_000_000)


class UnitRefSchema(OpaqueSchema):
    """An organisation by its name."""

    id = fields.UUID(required=True)
    name = fields.String(required=True)


class QualificationSchema(OpaqueSchema):
    """A label or honour 资质荣誉 with its validity."""

    label = fields.String(
        required=True,
        validate=validate.Length(1, 40),
        metadata={"description": "Code list `enterprise_label`."},
    )
    granted_on = day(description="认定日期")
    valid_until = day(description="有效期至")
    evidence = line(200, description="证明材料")


class TieSchema(OpaqueSchema):
    """A controller, shareholder or other related party: registered here, or a name."""

    organisation_id = fields.UUID(allow_none=True)
    name = line(120)
    uscc = fields.String(
        allow_none=True,
        validate=validate.Length(max=60),
        metadata={"description": "统一社会信用代码"},
    )
    share_percent = fields.String(
        allow_none=True,
        validate=validate.Length(max=10),
        metadata={"description": "Decimal string, 0 to 100.", "example": "51.00"},
    )
    source = line(200, description="依据")
    id_number = fields.String(
        load_only=True,
        allow_none=True,
        validate=validate.Length(max=30),
        metadata={"description": ID_NUMBER},
    )
    valid_from = day(description="起始日期")
    valid_to = day(description="终止日期")


class OfficerSchema(OpaqueSchema):
    """A director, supervisor or senior manager 董事、监事、高级管理人员."""

    name = fields.String(required=True, validate=validate.Length(1, 120))
    duty = line(60, description="职务")
    source = line(200, description="依据")
    id_number = fields.String(
        load_only=True,
        allow_none=True,
        validate=validate.Length(max=30),
        metadata={"description": ID_NUMBER},
    )
    valid_from = day(description="任职起始日期")
    valid_to = day(description="任职终止日期")


class OrganisationFieldsSchema(OpaqueSchema):
    """What a unit says of itself (domain: 单位)."""

    name = fields.String(
        validate=validate.Length(1, 120), metadata={"description": "单位全称"}
    )
    uscc = fields.String(
        allow_none=True,
        validate=validate.Length(max=60),
        metadata={"description": "统一社会信用代码", "example": "91370600MA00DEM145"},
    )
    org_type = fields.String(
        validate=validate.Length(1, 40),
        metadata={"description": "Code list `org_type`."},
    )
    party_nature = code("party_nature")
    region = fields.String(
        validate=validate.Length(6, 6),
        metadata={
            "description": "GB/T 2260 of the seat; 000000 overseas.",
            "example": "370202",
        },
    )
    address = line(200, description="通讯地址")
    postcode = line(10, description="邮编")
    supervising_body = line(120, description="归口管理部门")
    industry = code("industry")
    scale = code("enterprise_scale")
    founded_on = day(description="成立时间")
    registered_capital_yuan = Money(allow_none=True)
    staff_total = fields.Integer(strict=True, allow_none=True, validate=PEOPLE)
    staff_rd = fields.Integer(strict=True, allow_none=True, validate=PEOPLE)
    revenue_last_year_yuan = Money(allow_none=True)
    rd_spend_last_year_yuan = Money(allow_none=True)
    flags = codes("party_flag")
    main_products = line(300, description="主要产品或服务")
    intro = line(500, description="机构简介")
    qualifications = fields.List(
        fields.Nested(QualificationSchema), validate=validate.Length(max=50)
    )
    controllers = fields.List(
        fields.Nested(TieSchema),
        validate=validate.Length(max=200),
        metadata={"description": "实际控制人"},
    )
    shareholders = fields.List(
        fields.Nested(TieSchema),
        validate=validate.Length(max=200),
        metadata={"description": "股东"},
    )
    related = fields.List(
        fields.Nested(TieSchema),
        validate=validate.Length(max=200),
        metadata={"description": "其他关联方"},
    )
    officers = fields.List(
        fields.Nested(OfficerSchema),
        validate=validate.Length(max=200),
        metadata={"description": "董事、监事、高级管理人员"},
    )
    credit_status = fields.String(
        validate=validate.OneOf(["normal", "watch", "dishonest"]),
        metadata={"description": "Kept by the operator."},
    )


class OrganisationPatchSchema(OrganisationFieldsSchema):
    """Fields to change; those that do not come stay."""

    parent_org_id = fields.UUID(allow_none=True)
    legal_rep = line(60, description="法定代表人")
    contact_name = line(60, description="联系人")
    contact_phone = line(40, description="手机")
    contact_email = line(254, description="邮箱")
    bank_name = line(120, description="开户行")
    bank_account = line(40, description="账号")


class OrganisationCreateSchema(OrganisationPatchSchema):
    """A unit to register: what is required now, the rest before the verification."""

    name = fields.String(
        required=True,
        validate=validate.Length(1, 120),
        metadata={"description": "单位全称"},
    )
    org_type = fields.String(
        required=True,
        validate=validate.Length(1, 40),
        metadata={"description": "Code list `org_type`."},
    )
    region = fields.String(
        required=True,
        validate=validate.Length(6, 6),
        metadata={"description": "GB/T 2260 of the seat.", "example": "370202"},
    )


class OrganisationSchema(OrganisationFieldsSchema):
    """A unit as the caller may see it; what is above his tier is in ``withheld``."""

    id = fields.UUID(required=True)
    state = fields.Enum(OrganisationState, by_value=True, required=True)
    parent_org = fields.Nested(UnitRefSchema, required=True, allow_none=True)
    legal_rep = fields.String(metadata={"description": MASKED})
    contact_name = fields.String(metadata={"description": MASKED})
    contact_phone = fields.String(metadata={"description": MASKED})
    contact_email = fields.String(metadata={"description": MASKED})
    bank_account = fields.String(metadata={"description": MASKED})
    suspended_until = fields.Date(allow_none=True)
    suspension_reason = fields.String()
    suspension_document = fields.String()
    created_at = fields.AwareDateTime(required=True)
    updated_at = fields.AwareDateTime(required=True)
    withheld = fields.List(fields.String(), required=True)
    actions = fields.List(fields.Nested(ActionLinkSchema), required=True)


class OrganisationRowSchema(OpaqueSchema):
    """A unit in a list."""

    id = fields.UUID(required=True)
    name = fields.String(required=True)
    uscc = fields.String(required=True, allow_none=True)
    org_type = fields.String(required=True)
    region = fields.String(required=True)
    industry = fields.String(required=True, allow_none=True)
    scale = fields.String(required=True, allow_none=True)
    state = fields.Enum(OrganisationState, by_value=True, required=True)
    main_products = fields.String(required=True)
    created_at = fields.AwareDateTime(required=True)
    updated_at = fields.AwareDateTime(required=True)


class OrganisationListQuery(PageQuery):
    """Which units to list."""

    q = fields.String(validate=validate.Length(max=200))
    state = fields.Enum(OrganisationState, by_value=True)
    org_type = fields.String(validate=validate.Length(1, 40))
    region = fields.String(
        validate=validate.Length(6, 6),
        metadata={"description": "Also the places within it."},
    )
    industry = fields.String(validate=validate.Length(1, 40))
    mine = fields.Boolean()


class OrganisationActionSchema(OpaqueSchema):
    """What comes with an action on a unit."""

    comment = fields.String(load_default="", validate=validate.Length(max=2000))
    until = fields.Date(
        load_default=None,
        allow_none=True,
        metadata={"description": "Last day of a suspension or blacklisting."},
    )
    document = fields.String(
        load_default="",
        validate=validate.Length(max=200),
        metadata={"description": "The decision that orders it."},
    )


class ContactSchema(OpaqueSchema):
    """Contact data of a unit, unmasked; the reading of an outsider is written down."""

    id = fields.UUID(required=True)
    name = fields.String(required=True)
    address = fields.String(required=True)
    postcode = fields.String(required=True)
    legal_rep = fields.String(required=True)
    contact_name = fields.String(required=True)
    contact_phone = fields.String(required=True)
    contact_email = fields.String(required=True)
    bank_name = fields.String()
    bank_account = fields.String()
    withheld = fields.List(fields.String(), required=True)
