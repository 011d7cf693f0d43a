"""Technology contracts, their payments and their registration over the wire."""

from __future__ import annotations

from marshmallow import fields, validate

from marketplace.domain.conflicts import Outcome
from marketplace.domain.contracts import (
    ContractState,
    ExpertState,
    PaymentKind,
    RegistrationState,
    Side,
)
from schemas.base import ActionLinkSchema, Money, OpaqueSchema, PageQuery
from schemas.contents import code, codes, day, line, lines

LONG = 4000


def flag(about: str) -> fields.Boolean:
    """Make a yes or no."""
    return fields.Boolean(truthy={True}, falsy={False}, metadata={"description": about})


def rows(schema: type[OpaqueSchema], most: int) -> fields.List[object]:
    """Make a list of objects."""
    return fields.List(fields.Nested(schema), validate=validate.Length(max=most))


def money(about: str) -> Money:
    """Make an amount that may be unknown."""
    return Money(allow_none=True, metadata={"description": about})


class ContractPartySchema(OpaqueSchema):
    """A party 当事人; what is empty is taken from the organisation."""

    side = code("contract_side")
    organisation_id = fields.UUID(allow_none=True)
    name = line(120, description="名称")
    uscc = line(18, description="统一社会信用代码")
    party_nature = code("party_nature")
    region = code("region")
    country = line(3, description="国别代码，境内为空")
    representative = line(60, description="法定代表人")
    contact_name = line(60, description="联系人")
    contact_phone = line(40, description="联系电话")
    address = line(200, description="通讯地址")
    postcode = line(10, description="邮编")
    flags = codes("party_flag")
    scale = code("enterprise_scale")
    industry = code("industry")
    seal_name = line(120, description="印章名称")
    is_inner_body = flag("无法人资格的内设机构")
    team_name = line(120, description="课题组、团队名称")


class InstalmentSchema(OpaqueSchema):
    """One payment of the plan and what it is paid for."""

    deliverable = line(200, description="对应的交付物")
    due_on = day(description="应付日期")
    amount_yuan = money("金额")
    condition = line(200, description="支付条件")


class CostSchema(OpaqueSchema):
    """A non-technical sum within the price."""

    kind = code("non_technical_cost")
    name = line(120)
    amount_yuan = money("金额")


class GoodsSchema(OpaqueSchema):
    """Equipment or material that comes with the technology."""

    name = line(120)
    quantity = fields.Integer(allow_none=True, validate=validate.Range(0, 1_000_000))
    is_carrier = flag("技术载体")


class ContractRightSchema(OpaqueSchema):
    """A right that the contract is about (Civil Code 845)."""

    kind = code("ip_type")
    name = line(200, description="发明创造名称")
    applicant = line(120, description="专利申请人")
    owner = line(120, description="专利权人")
    filed_on = day(description="申请日期")
    application_no = line(40, description="申请号")
    patent_no = line(40, description="专利号")
    valid_until = day(description="专利权有效期限")
    legal_status = code("ip_legal_status")


class ClauseSchema(OpaqueSchema):
    """One clause of the checklist."""

    state = code("clause_state")
    code = code("contract_clause")
    text = line(LONG)


class RoyaltySchema(OpaqueSchema):
    """How a royalty is worked out (Civil Code 846)."""

    base = code("royalty_base")
    rate_shape = code("royalty_rate_shape")
    rate_percent = fields.String(allow_none=True, validate=validate.Length(max=12))
    entry_fee_yuan = money("入门费")
    method = line(500, description="提成方式")
    may_inspect_books = flag("查阅会计账目的权利")


class LicenceSchema(OpaqueSchema):
    """Mode, territory and term of a licence."""

    mode = code("patent_licence_mode")
    territory = line(200, description="许可地域")
    until = day(description="许可期限")
    manner = line(200, description="实施方式")


class CommissionSchema(OpaqueSchema):
    """What the intermediary gets, and from whom."""

    amount_yuan = money("中介报酬")
    paid_by = code("contract_side")
    text = line(500)


class PaperSchema(OpaqueSchema):
    """A file that belongs to the contract."""

    kind = code("contract_document")
    attachment_id = fields.UUID(allow_none=True)


class ContractContentSchema(OpaqueSchema):
    """What a contract says."""

    together = (
        frozenset(
            {
                "total_yuan",
                "technical_yuan",
                "non_technical",
                "instalments",
                "payment_method",
            }
        ),
        frozenset({"valid_from", "valid_to"}),
    )

    title = line(200, description="项目名称")
    contract_class = code("contract_class")
    parties = rows(ContractPartySchema, 10)
    signed_on = day(description="签订日期")
    valid_from = day(description="合同有效期")
    valid_to = day(description="合同有效期")
    place = line(200, description="签订地点")
    subject = line(LONG, description="标的的内容、范围和要求")
    goal = line(2000, description="技术目标")
    method = line(LONG, description="技术方法和路线")
    deliverables = line(2000, description="成果形式")
    acceptance = line(2000, description="验收标准和方法")
    results_ownership = line(2000, description="成果归属和收益分配")
    ip_owner = code("ip_owner")
    clauses = rows(ClauseSchema, 40)
    total_yuan = money("合同成交总额")
    technical_yuan = money("技术交易额")
    non_technical = rows(CostSchema, 50)
    goods = rows(GoodsSchema, 50)
    payment_method = code("payment_method")
    instalments = rows(InstalmentSchema, 60)
    royalty = fields.Nested(RoyaltySchema)
    ip_type = codes("ip_type")
    rights = rows(ContractRightSchema, 50)
    licence = fields.Nested(LicenceSchema)
    plan_source = code("plan_source")
    project_no = fields.String(allow_none=True, validate=validate.Length(max=40))
    tech_field = code("tech_field")
    socio_objective = code("socio_objective")
    served_industry = code("industry")
    is_related = flag("关联交易")
    is_import = flag("技术进口")
    is_foreign_text = flag("外文文本")
    commission = fields.Nested(CommissionSchema)
    expected_input_yuan = money("预计新增投入")
    expected_output_yuan = money("预计新增产值")
    trainees = lines(120, 50)
    mediation = line(500, description="中介事项")
    documents = rows(PaperSchema, 50)
    remarks = line(2000)


class ContractCreateSchema(ContractContentSchema):
    """A contract to draw up."""

    docking_id = fields.UUID(metadata={"description": "Its terms are taken over."})
    need_id = fields.UUID()
    offer_id = fields.UUID()
    owner_org_id = fields.UUID(
        metadata={"description": "For who belongs to several units."}
    )


class PartyRefSchema(OpaqueSchema):
    """A party in a list."""

    side = fields.Enum(Side, by_value=True, required=True)
    organisation_id = fields.UUID(required=True, allow_none=True)
    name = fields.String(required=True)


class SignatureSchema(OpaqueSchema):
    """That a party has signed: who, when, and the digest of what."""

    side = fields.Enum(Side, by_value=True, required=True)
    org_id = fields.UUID(required=True, allow_none=True)
    signer = fields.String(required=True)
    signed_on = fields.Date(required=True)
    recorded_at = fields.AwareDateTime(required=True)
    attachment_id = fields.UUID(required=True, allow_none=True)
    digest = fields.String(required=True)


class ContractRowSchema(OpaqueSchema):
    """A contract in a list."""

    id = fields.UUID(required=True)
    contract_no = fields.String(required=True)
    state = fields.Enum(ContractState, by_value=True, required=True)
    title = fields.String(required=True)
    contract_class = fields.String(required=True, allow_none=True)
    tech_field = fields.String(required=True, allow_none=True)
    signed_on = fields.Date(required=True, allow_none=True)
    valid_from = fields.Date(required=True, allow_none=True)
    valid_to = fields.Date(required=True, allow_none=True)
    total_yuan = Money(required=True, allow_none=True)
    technical_yuan = Money(required=True, allow_none=True)
    is_related = fields.Boolean(required=True)
    parties = fields.List(fields.Nested(PartyRefSchema), required=True)
    need_id = fields.UUID(required=True, allow_none=True)
    offer_id = fields.UUID(required=True, allow_none=True)
    docking_id = fields.UUID(required=True, allow_none=True)
    effective_on = fields.Date(required=True, allow_none=True)
    created_at = fields.AwareDateTime(required=True)
    updated_at = fields.AwareDateTime(required=True)


class ContractSchema(ContractRowSchema):
    """A contract with its content and what the caller may do now."""

    content = fields.Nested(ContractContentSchema, required=True)
    version = fields.Integer(required=True)
    signatures = fields.List(fields.Nested(SignatureSchema), required=True)
    proposed_version = fields.Integer(required=True, allow_none=True)
    completed_on = fields.Date(required=True, allow_none=True)
    rescinded_on = fields.Date(required=True, allow_none=True)
    rescission = fields.Dict(required=True, allow_none=True)
    actions = fields.List(fields.Nested(ActionLinkSchema), required=True)


class ContractListQuery(PageQuery):
    """Which contracts to list."""

    state = fields.Enum(ContractState, by_value=True)
    contract_class = fields.String(validate=validate.Length(1, 4))
    need_id = fields.UUID()
    offer_id = fields.UUID()
    docking_id = fields.UUID()
    q = fields.String(validate=validate.Length(max=200))


class SigningSchema(OpaqueSchema):
    """Who has signed, when, and the file."""

    comment = fields.String(load_default="", validate=validate.Length(max=2000))
    signer = line(60, description="签字人")
    signed_on = fields.Date()
    attachment_id = fields.UUID()
    party = fields.Integer(
        validate=validate.Range(0, 100),
        metadata={"description": "Position of a party that is not registered here."},
    )


class ContractActionSchema(SigningSchema):
    """What comes with a step of a contract."""

    effective_on = fields.Date()
    completed_on = fields.Date()
    ground = fields.String(
        validate=validate.Length(1, 40),
        metadata={"description": "Code list `rescission_ground`."},
    )
    rescinded_on = fields.Date()
    document = line(200, description="依据文件")


class ContractVersionSchema(OpaqueSchema):
    """One version of a contract and what it changed."""

    number = fields.Integer(required=True)
    state = fields.String(required=True)
    reason_kind = fields.String(required=True, allow_none=True)
    reason = fields.String(required=True)
    created_at = fields.AwareDateTime(required=True)
    created_for = fields.UUID(required=True, allow_none=True)
    in_force_at = fields.AwareDateTime(required=True, allow_none=True)
    signatures = fields.List(fields.Nested(SignatureSchema), required=True)
    changes = fields.Dict(keys=fields.String(), values=fields.Dict())


class AmendmentsSchema(OpaqueSchema):
    """All versions of a contract."""

    items = fields.List(fields.Nested(ContractVersionSchema), required=True)


class AmendmentCreateSchema(OpaqueSchema):
    """A change of what was agreed."""

    reason_kind = fields.String(
        required=True,
        validate=validate.Length(1, 40),
        metadata={"description": "Code list `amendment_reason`."},
    )
    reason = fields.String(required=True, validate=validate.Length(1, 2000))
    changes = fields.Nested(ContractContentSchema, required=True)


class DeductionSchema(OpaqueSchema):
    """A cost that is taken off the technical part."""

    kind = code("income_deduction")
    amount_yuan = money("金额")


class PaymentCreateSchema(OpaqueSchema):
    """Money that was received or returned."""

    kind = fields.Enum(PaymentKind, by_value=True, required=True)
    amount_yuan = Money(required=True)
    paid_on = fields.Date(metadata={"description": "Today when it is not given."})
    instalment = fields.Integer(allow_none=True, validate=validate.Range(1, 60))
    reverses_id = fields.UUID(allow_none=True)
    technical_yuan = money("其中技术交易额")
    deductions = rows(DeductionSchema, 20)
    voucher = line(120, description="凭证号")
    note = line(500)


class PaymentSchema(OpaqueSchema):
    """One entry of the book of payments."""

    id = fields.UUID(required=True)
    number = fields.Integer(required=True)
    kind = fields.Enum(PaymentKind, by_value=True, required=True)
    instalment = fields.Integer(required=True, allow_none=True)
    reverses_id = fields.UUID(required=True, allow_none=True)
    paid_on = fields.Date(required=True)
    amount_yuan = Money(required=True)
    technical_yuan = Money(required=True)
    technical_income_yuan = Money(required=True)
    deductions = fields.List(fields.Dict(), required=True)
    voucher = fields.String(required=True)
    note = fields.String(required=True)
    recorded_at = fields.AwareDateTime(required=True)
    recorded_for = fields.UUID(required=True, allow_none=True)


class PlanRowSchema(OpaqueSchema):
    """One instalment and how it stands."""

    number = fields.Integer(required=True)
    deliverable = fields.String(required=True)
    due_on = fields.Date(required=True, allow_none=True)
    amount_yuan = Money(required=True)
    paid_yuan = Money(required=True)
    open_yuan = Money(required=True)
    paid_on = fields.Date(required=True, allow_none=True)
    state = fields.String(required=True)
    overdue = fields.Boolean(required=True)


class PlanSchema(OpaqueSchema):
    """The plan of a contract beside what was paid."""

    total_yuan = Money(required=True, allow_none=True)
    technical_yuan = Money(required=True, allow_none=True)
    received_yuan = Money(required=True)
    returned_yuan = Money(required=True)
    net_yuan = Money(required=True)
    net_technical_yuan = Money(required=True)
    technical_income_yuan = Money(required=True)
    instalments = fields.List(fields.Nested(PlanRowSchema), required=True)
    unassigned_yuan = Money(
        required=True,
        metadata={"description": "Paid, and counted for no instalment of the plan."},
    )


class RuleSetRefSchema(OpaqueSchema):
    """The rules by which a contract is judged."""

    version = fields.String(required=True)
    mark = fields.String(required=True)
    source = fields.String(required=True)


class AnswerSchema(OpaqueSchema):
    """What one rule says of a contract."""

    code = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.String(
        required=True, validate=validate.OneOf(["pass", "fix", "ask"])
    )
    pointers = fields.List(fields.String(), required=True)
    message = fields.String(required=True)
    clause = fields.String(required=True)
    source = fields.String(required=True)
    mark = fields.String(required=True)


class DefaultSchema(OpaqueSchema):
    """What the law says where the contract is silent."""

    clause = fields.String(required=True)
    text = fields.String(required=True)
    source = fields.String(required=True)


class ReadinessSchema(OpaqueSchema):
    """The registration pre-check 预检, rule by rule."""

    on = fields.Date(required=True)
    rule_set = fields.Nested(RuleSetRefSchema, required=True)
    ready = fields.Boolean(required=True)
    counts = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)
    items = fields.List(fields.Nested(AnswerSchema), required=True)
    defaults = fields.List(fields.Nested(DefaultSchema), required=True)


class ReadinessQuery(OpaqueSchema):
    """By the rules of which day."""

    on = fields.Date()


class RegistrationRowSchema(OpaqueSchema):
    """A registration in a list."""

    id = fields.UUID(required=True)
    contract_id = fields.UUID(required=True)
    contract_no = fields.String(required=True)
    title = fields.String(required=True)
    contract_class = fields.String(required=True, allow_none=True)
    state = fields.Enum(RegistrationState, by_value=True, required=True)
    reg_no = fields.String(required=True, allow_none=True)
    registered_on = fields.Date(required=True, allow_none=True)
    rule_set = fields.String(required=True)
    due_on = fields.Date(required=True, allow_none=True)
    updated_at = fields.AwareDateTime(required=True)
    total_yuan = Money(required=True, allow_none=True)
    technical_yuan = Money(required=True, allow_none=True)
    late = fields.Boolean(required=True)


class FormsQuery(OpaqueSchema):
    """Which registrations go into the sheet."""

    state = fields.Enum(RegistrationState, by_value=True)
    registered_from = fields.Date()
    registered_to = fields.Date()


class CorrectionItemSchema(OpaqueSchema):
    """One thing to correct."""

    pointer = fields.String(validate=validate.Length(max=200))
    comment = fields.String(required=True, validate=validate.Length(1, 2000))


class CorrectionSchema(OpaqueSchema):
    """One request to correct the papers."""

    at = fields.String(required=True, metadata={"format": "date-time"})
    comment = fields.String(required=True)
    items = fields.List(fields.Nested(CorrectionItemSchema), required=True)


class OpinionNoteSchema(OpaqueSchema):
    """What experts said."""

    at = fields.String(required=True, metadata={"format": "date-time"})
    comment = fields.String(required=True)
    supports = fields.Boolean(required=True)


class ExpertCandidateSchema(OpaqueSchema):
    """Somebody who may be asked for his opinion on a registration."""

    user_id = fields.UUID(required=True)
    name = fields.String(required=True)
    org_id = fields.UUID(required=True)
    org_name = fields.String(required=True)
    outlook = fields.Enum(
        Outcome,
        by_value=True,
        required=True,
        metadata={"description": "What a check for conflicts would come to."},
    )


class ExpertQuery(PageQuery):
    """Whom to look for."""

    q = fields.String(validate=validate.Length(max=100))


class RegistrationExpertSchema(OpaqueSchema):
    """An expert who was asked, and what he said; officials read all of them."""

    user_id = fields.UUID(required=True)
    name = fields.String(required=True)
    org_id = fields.UUID(required=True)
    org_name = fields.String(required=True)
    state = fields.Enum(ExpertState, by_value=True, required=True)
    appointed_at = fields.AwareDateTime(required=True)
    due_on = fields.Date(required=True)
    supports = fields.Boolean(required=True, allow_none=True)
    comment = fields.String(required=True)
    answered_at = fields.AwareDateTime(required=True, allow_none=True)


class RegistrationSchema(RegistrationRowSchema):
    """A registration with its clock and what the caller may do now."""

    registry_org_id = fields.UUID(required=True, allow_none=True)
    applicant_org_id = fields.UUID(required=True, allow_none=True)
    applied_at = fields.AwareDateTime(required=True, allow_none=True)
    accepted_at = fields.AwareDateTime(required=True, allow_none=True)
    working_days_left = fields.Integer(required=True, allow_none=True)
    due_is_provisional = fields.Boolean(required=True)
    expert_reasons = fields.List(fields.String(), required=True)
    corrections = fields.List(fields.Nested(CorrectionSchema), required=True)
    opinions = fields.List(fields.Nested(OpinionNoteSchema), required=True)
    experts = fields.List(fields.Nested(RegistrationExpertSchema), required=True)
    experts_least = fields.Integer(required=True)
    readiness = fields.Dict(required=True, allow_none=True)
    wanted = fields.Dict(required=True, allow_none=True)
    appeal = fields.Dict(required=True, allow_none=True)
    outcome = fields.String(required=True, allow_none=True)
    outcome_reason = fields.String(required=True)
    checked_version = fields.Integer(
        required=True,
        allow_none=True,
        metadata={"description": "The version that passed the first check."},
    )
    version_number = fields.Integer(required=True, allow_none=True)
    actions = fields.List(fields.Nested(ActionLinkSchema), required=True)


class RegistrationListQuery(PageQuery):
    """Which registrations to list."""

    state = fields.Enum(RegistrationState, by_value=True)
    late = fields.Boolean()


class RegistrationActionSchema(OpaqueSchema):
    """What comes with a step of a registration."""

    comment = fields.String(load_default="", validate=validate.Length(max=2000))
    registry_org_id = fields.UUID()
    truthful = fields.Boolean(truthy={True}, falsy={False})
    items = fields.List(
        fields.Nested(CorrectionItemSchema), validate=validate.Length(max=50)
    )
    supports = fields.Boolean(truthy={True}, falsy={False})
    impartial = fields.Boolean(
        truthy={True},
        falsy={False},
        metadata={"description": "An expert declares that he has no stake."},
    )
    user_id = fields.UUID(metadata={"description": "The expert."})
    outcome = fields.String(
        validate=validate.Length(1, 10),
        metadata={"description": "Code list `registration_outcome`."},
    )
    wanted = fields.String(validate=validate.OneOf(["change", "cancel"]))
    document = line(200, description="依据文件")
