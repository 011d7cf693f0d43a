"""Brokers, transfer institutions, contributions and commissions over the wire."""

from __future__ import annotations

from marshmallow import fields, validate

from marketplace.domain.brokers import BrokerState, InstitutionState, ProposalState
from schemas.base import ActionLinkSchema, Money, OpaqueSchema, PageQuery
from schemas.contents import code, day, line, lines
from schemas.dockings import PersonRefSchema
from schemas.organisations import PEOPLE, UnitRefSchema

COUNT = validate.Range(0, 100_000_000)
YEARS = validate.Range(1990, 2200)
PERCENT = {"description": "Decimal string.", "example": "60.00"}


def count(**about: str) -> fields.Integer:
    """Make a number of things that may be empty."""
    return fields.Integer(strict=True, allow_none=True, validate=COUNT, metadata=about)


def people(**about: str) -> fields.Integer:
    """Make a number of people that may be empty."""
    return fields.Integer(strict=True, allow_none=True, validate=PEOPLE, metadata=about)


class BrokerFieldsSchema(OpaqueSchema):
    """What a broker's record says (domain: 技术经纪人)."""

    name = fields.String(
        required=True,
        validate=validate.Length(1, 60),
        metadata={"description": "姓名; masked for the public."},
    )
    education = line(40, description="学历")
    title = line(60, description="职称")
    certificate_no = line(60, description="证书编号")
    certificate_body = line(120, description="发证机构")
    grade = code("broker_grade")
    obtained_on = day(description="取得日期")
    valid_until = day(description="有效期至")
    fields_ = fields.List(
        fields.String(validate=validate.Length(1, 40)),
        data_key="fields",
        attribute="fields",
        validate=validate.Length(max=20),
        metadata={"description": "Code list `tech_field`."},
    )
    service_years = fields.Integer(
        strict=True, allow_none=True, validate=validate.Range(0, 80)
    )
    cases = lines(300, 20, description="案例")


class BrokerPutSchema(BrokerFieldsSchema):
    """A whole record; what does not come is emptied, but for ``id_no``."""

    id_no = line(20, description="证件号码; kept for the check, never shown whole.")


class BrokerCreateSchema(BrokerPutSchema):
    """A record to enter."""

    organisation_id = fields.UUID(
        metadata={"description": "Needed by who belongs to several units."}
    )
    own = fields.Boolean(
        truthy={True},
        falsy={False},
        metadata={
            "description": "False: for a colleague without an account, entered by the"
            " unit's administrator."
        },
    )


class BrokerRowSchema(BrokerFieldsSchema):
    """A broker as the caller may see him."""

    id = fields.UUID(required=True)
    name = fields.String(required=True)
    organisation = fields.Nested(UnitRefSchema, required=True)
    state = fields.Enum(BrokerState, by_value=True, required=True)
    id_no = fields.String(metadata={"description": "Masked."})
    user_id = fields.UUID(allow_none=True)
    is_valid = fields.Boolean(required=True)
    deals_count = fields.Integer(required=True)
    deals_amount_yuan = Money(required=True)
    rating = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Mean score, one place.", "example": "4.5"},
    )
    ratings_count = fields.Integer(required=True)
    created_at = fields.AwareDateTime(required=True)
    updated_at = fields.AwareDateTime(required=True)
    withheld = fields.List(fields.String(), required=True)


class BrokerSchema(BrokerRowSchema):
    """A broker with what the caller may do."""

    actions = fields.List(fields.Nested(ActionLinkSchema), required=True)


class BrokerListQuery(PageQuery):
    """Which brokers to list; the valid ones, unless told otherwise."""

    mine = fields.Boolean(
        metadata={"description": "One's own record and those of one's units."}
    )
    state = fields.Enum(BrokerState, by_value=True)
    organisation_id = fields.UUID()
    grade = fields.String(validate=validate.Length(1, 40))
    tech_field = fields.String(validate=validate.Length(1, 40))


class RatingInputSchema(OpaqueSchema):
    """What one thinks of a broker."""

    score = fields.Integer(required=True, strict=True, validate=validate.Range(1, 5))
    text = line(1000, description="评价")


class RatingSchema(OpaqueSchema):
    """A rating without its author."""

    id = fields.UUID(required=True)
    score = fields.Integer(required=True)
    text = fields.String(required=True)
    basis = fields.String(required=True, metadata={"example": "docking"})
    mine = fields.Boolean(required=True)
    created_at = fields.AwareDateTime(required=True)
    updated_at = fields.AwareDateTime(required=True)


class AchievementTradedSchema(OpaqueSchema):
    """An achievement traded 成果交易."""

    name = line(200)
    demand_side = line(120)
    supply_side = line(120)
    amount_yuan = Money(allow_none=True)


class InstitutionFieldsSchema(OpaqueSchema):
    """The application form of a transfer institution (domain, section 11)."""

    legal_type = code("institution_legal_type")
    unit_type = code("institution_unit_type")
    head = line(60, description="负责人; masked for the public.")
    main_services = lines(100, 20, description="主要服务")
    office_area_m2 = fields.Integer(
        strict=True, allow_none=True, validate=validate.Range(0, 10_000_000)
    )
    website = line(200)
    database = line(500, description="自有数据库")
    staff_total = people(description="职工总数")
    staff_master = people(description="硕士及以上")
    staff_bachelor = people(description="本科")
    staff_college = people(description="大专")
    staff_senior = people(description="高级职称")
    staff_middle = people(description="中级职称")
    staff_brokers = people(description="技术经纪人")
    staff_full_time = people(description="专职人员")
    figures_year = fields.Integer(strict=True, allow_none=True, validate=YEARS)
    economic_effect = line(2000, description="经济效益")
    achievements = fields.List(
        fields.Nested(AchievementTradedSchema), validate=validate.Length(max=200)
    )
    trainings = count(description="培训和活动次数")
    needs_collected = count(description="征集需求数")
    income_operating_yuan = Money(allow_none=True)
    income_working_funds_yuan = Money(allow_none=True)
    income_transfer_services_yuan = Money(allow_none=True)
    income_national_yuan = Money(allow_none=True)
    income_local_yuan = Money(allow_none=True)
    income_own_yuan = Money(allow_none=True)
    income_other_yuan = Money(allow_none=True)
    income_growth_percent = fields.String(
        allow_none=True,
        validate=validate.Length(max=20),
        metadata={"description": "Decimal string.", "example": "12.5"},
    )
    cases = lines(1000, 20, description="案例")


class InstitutionPatchSchema(InstitutionFieldsSchema):
    """Fields of the form to change."""


class InstitutionCreateSchema(InstitutionFieldsSchema):
    """An application for the record of the caller's unit."""

    organisation_id = fields.UUID(
        metadata={"description": "Needed by who administers several units."}
    )
    legal_type = fields.String(
        required=True,
        validate=validate.Length(1, 40),
        metadata={"description": "Code list `institution_legal_type`."},
    )
    unit_type = fields.String(
        required=True,
        validate=validate.Length(1, 40),
        metadata={"description": "Code list `institution_unit_type`."},
    )


class InstitutionRowSchema(OpaqueSchema):
    """An institution in a list."""

    id = fields.UUID(required=True)
    organisation = fields.Nested(UnitRefSchema, required=True)
    region = fields.String(required=True)
    state = fields.Enum(InstitutionState, by_value=True, required=True)
    legal_type = fields.String(required=True)
    unit_type = fields.String(required=True)
    record_no = fields.String(required=True, allow_none=True)
    record_level = fields.String(required=True, allow_none=True)
    recorded_on = fields.Date(required=True, allow_none=True)
    grade = fields.String(required=True, allow_none=True)
    created_at = fields.AwareDateTime(required=True)
    updated_at = fields.AwareDateTime(required=True)


class EvaluationSchema(OpaqueSchema):
    """The grade of one year."""

    year = fields.Integer(required=True)
    grade = fields.String(required=True)
    on = fields.String(required=True, metadata={"format": "date"})


class InstitutionSchema(InstitutionRowSchema, InstitutionFieldsSchema):
    """An institution as the caller may see it."""

    legal_type = fields.String(required=True)
    unit_type = fields.String(required=True)
    uscc = fields.String(required=True, allow_none=True)
    party_nature = fields.String(required=True, allow_none=True)
    founded_on = fields.Date(required=True, allow_none=True)
    brokers_percent = fields.String(required=True, allow_none=True)
    full_time_percent = fields.String(required=True, allow_none=True)
    applied_at = fields.AwareDateTime(required=True)
    recommended_at = fields.AwareDateTime(required=True, allow_none=True)
    evaluations = fields.List(fields.Nested(EvaluationSchema), required=True)
    removal_reason = fields.String()
    withheld = fields.List(fields.String(), required=True)
    actions = fields.List(fields.Nested(ActionLinkSchema), required=True)


class InstitutionListQuery(PageQuery):
    """Which institutions to list."""

    state = fields.Enum(InstitutionState, by_value=True)
    legal_type = fields.String(validate=validate.Length(1, 40))
    grade = fields.String(validate=validate.Length(1, 40))
    organisation_id = fields.UUID()
    region = fields.String(
        validate=validate.Regexp(r"^[0-9]{6}$", error="Six digits of GB/T 2260."),
        metadata={"description": "A province or city holds its districts."},
    )


class InstitutionActionSchema(OpaqueSchema):
    """What comes with a step."""

    comment = fields.String(load_default="", validate=validate.Length(max=2000))
    level = fields.String(
        validate=validate.Length(1, 40),
        metadata={"description": "Code list `record_level`."},
    )
    year = fields.Integer(strict=True, validate=YEARS)
    grade = fields.String(
        validate=validate.Length(1, 40),
        metadata={"description": "Code list `performance_grade`."},
    )


class ThresholdQuery(OpaqueSchema):
    """For which year's record; the figures are of the year before."""

    year = fields.Integer(required=True, validate=YEARS)


class ConditionSchema(OpaqueSchema):
    """One condition of a year's record."""

    code = fields.String(required=True)
    title = fields.String(required=True)
    figure = fields.String(required=True)
    least = fields.String(required=True, allow_none=True)
    value = fields.String(required=True, metadata={"description": "What is sure."})
    value_at_most = fields.String(
        required=True, metadata={"description": "With what somebody has to judge."}
    )
    status = fields.String(
        required=True, validate=validate.OneOf(["reached", "not-reached", "ask"])
    )


class ThresholdFigureSchema(OpaqueSchema):
    """A figure: what is sure, and what it comes to at most."""

    sure = fields.String(required=True)
    most = fields.String(required=True)


class LevelSchema(OpaqueSchema):
    """The conditions of one level, judged."""

    level = fields.String(required=True, metadata={"example": "province"})
    status = fields.String(
        required=True, validate=validate.OneOf(["reached", "not-reached", "ask"])
    )
    mark = fields.String(required=True, metadata={"description": "How certain."})
    source = fields.String(required=True)
    region = fields.String(required=True)
    message = fields.String(required=True, allow_none=True)
    conditions = fields.List(fields.Nested(ConditionSchema), required=True)
    figures = fields.Dict(
        keys=fields.String(), values=fields.Nested(ThresholdFigureSchema), required=True
    )


class ThresholdEvidenceSchema(OpaqueSchema):
    """A contract, a payment or a commission that shows a figure, or does not."""

    kind = fields.String(required=True)
    contract_id = fields.UUID(required=True)
    contract_no = fields.String(required=True, allow_none=True)
    title = fields.String(required=True, allow_none=True)
    contract_class = fields.String(required=True, allow_none=True)
    day = fields.Date(required=True)
    amount_yuan = Money(required=True, allow_none=True)
    mark = fields.String(
        required=True, metadata={"description": "Number of certificate or invoice."}
    )
    shape = fields.String(required=True)
    is_three_party = fields.Boolean(required=True)
    is_affiliated = fields.Boolean(required=True)
    counted = fields.Boolean(required=True)
    sure = fields.Boolean(required=True)
    reason = fields.String(required=True, allow_none=True)


class ThresholdSchema(OpaqueSchema):
    """Whether an institution reaches what the record of a year asks."""

    institution_id = fields.UUID(required=True)
    organisation = fields.Nested(UnitRefSchema, required=True)
    year = fields.Integer(required=True)
    figures_year = fields.Integer(required=True)
    kind = fields.String(required=True, metadata={"example": "independent"})
    rules = fields.List(fields.Nested(LevelSchema), required=True)
    evidence = fields.List(fields.Nested(ThresholdEvidenceSchema), required=True)


class ContributionQuery(OpaqueSchema):
    """Whose contributions: of a contract or of a need."""

    contract_id = fields.UUID()
    need_id = fields.UUID()


class EntrySchema(OpaqueSchema):
    """An entry of the ledger that shows a contribution."""

    seq = fields.Integer(required=True)
    event_id = fields.UUID(required=True)
    at = fields.AwareDateTime(required=True)
    action = fields.String(required=True)
    subject_kind = fields.String(required=True)
    subject_id = fields.UUID(required=True)


class ContributionSchema(OpaqueSchema):
    """What one person did for one unit."""

    contribution = fields.String(
        required=True, metadata={"description": "Code list `contribution`."}
    )
    organisation = fields.Nested(UnitRefSchema, required=True, allow_none=True)
    user = fields.Nested(PersonRefSchema, required=True, allow_none=True)
    role = fields.String(required=True)
    first_at = fields.AwareDateTime(required=True)
    evidence = fields.List(fields.Nested(EntrySchema), required=True)


class AffiliationSchema(OpaqueSchema):
    """Two units of a deal that belong together."""

    a = fields.UUID(required=True)
    b = fields.UUID(required=True)


class DealSchema(OpaqueSchema):
    """What matters of a deal for who mediates it."""

    shape = fields.String(required=True, metadata={"example": "three-party"})
    is_three_party = fields.Boolean(required=True)
    mediation_contract_ids = fields.List(fields.UUID(), required=True)
    commission_yuan = Money(required=True, allow_none=True)
    received_yuan = Money(required=True)
    is_affiliated = fields.Boolean(required=True)
    is_declared_related = fields.Boolean(required=True)
    affiliations = fields.List(fields.Nested(AffiliationSchema), required=True)


class ContributionsSchema(OpaqueSchema):
    """The contribution ledger of a contract or a need."""

    contract_id = fields.UUID(required=True, allow_none=True)
    need_id = fields.UUID(required=True, allow_none=True)
    items = fields.List(fields.Nested(ContributionSchema), required=True)
    deal = fields.Nested(DealSchema, required=True, allow_none=True)


class ShareInputSchema(OpaqueSchema):
    """What one unit is to get."""

    organisation_id = fields.UUID(required=True)
    contribution = fields.String(
        required=True,
        validate=validate.Length(1, 40),
        metadata={"description": "Code list `contribution`."},
    )
    percent = fields.String(
        required=True, validate=validate.Length(1, 10), metadata=PERCENT
    )
    note = line(200)


class ShareProposalInputSchema(OpaqueSchema):
    """How a commission is to be shared; the shares add up to 100.00."""

    shares = fields.List(
        fields.Nested(ShareInputSchema), required=True, validate=validate.Length(1, 20)
    )
    note = line(1000)


class ShareSchema(OpaqueSchema):
    """What one unit gets."""

    organisation = fields.Nested(UnitRefSchema, required=True)
    contribution = fields.String(required=True)
    percent = fields.String(required=True, metadata=PERCENT)
    amount_yuan = Money(required=True, allow_none=True)
    note = fields.String(required=True)


class ConsentSchema(OpaqueSchema):
    """The consent of one unit."""

    organisation_id = fields.UUID(required=True)
    accepted_at = fields.AwareDateTime(required=True)


class ShareProposalSchema(OpaqueSchema):
    """A version of how a commission is shared."""

    id = fields.UUID(required=True)
    contract_id = fields.UUID(required=True)
    number = fields.Integer(required=True)
    state = fields.Enum(ProposalState, by_value=True, required=True)
    note = fields.String(required=True)
    proposed_at = fields.AwareDateTime(required=True)
    proposed_for = fields.UUID(required=True)
    decided_at = fields.AwareDateTime(required=True, allow_none=True)
    refusal = fields.String(required=True)
    commission_yuan = Money(required=True, allow_none=True)
    shares = fields.List(fields.Nested(ShareSchema), required=True)
    accepted = fields.List(fields.Nested(ConsentSchema), required=True)
    missing = fields.List(fields.Nested(UnitRefSchema), required=True)
    actions = fields.List(fields.Nested(ActionLinkSchema), required=True)


class ShareProposalsSchema(OpaqueSchema):
    """All versions, oldest first."""

    deal = fields.Nested(DealSchema, required=True)
    items = fields.List(fields.Nested(ShareProposalSchema), required=True)
    may_propose = fields.Boolean(required=True)


class CommissionInputSchema(OpaqueSchema):
    """Commission that a mediating unit has received."""

    organisation_id = fields.UUID(
        metadata={"description": "Who received it; the only mediating unit otherwise."}
    )
    amount_yuan = Money(required=True)
    paid_on = fields.Date(required=True)
    voucher = fields.String(
        required=True,
        validate=validate.Length(1, 120),
        metadata={"description": "发票号码"},
    )
    reverses_id = fields.UUID(
        metadata={
            "description": "The payment of which this takes something back; the"
            " voucher is then that of the return."
        }
    )


class CommissionReceivedSchema(OpaqueSchema):
    """One payment of a commission, or what was taken back of one."""

    id = fields.UUID(required=True)
    number = fields.Integer(required=True)
    organisation_id = fields.UUID(required=True)
    paid_on = fields.Date(required=True)
    amount_yuan = Money(required=True)
    voucher = fields.String(required=True)
    recorded_at = fields.AwareDateTime(required=True)
    recorded_for = fields.UUID(required=True, allow_none=True)
    reverses_id = fields.UUID(required=True, allow_none=True)
