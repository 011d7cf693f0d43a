"""What a technology contract says: its fields, and what must agree within it.

The content of a contract is one value that changes by versions. It is kept as JSON and
read by the tables here; ``thawed`` gives it back with its types.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from marketplace.domain.contracts import Side
from marketplace.models.contracts import ContractVersion
from marketplace.services import contents
from marketplace.services.fields import (
    Amount,
    Code,
    Codes,
    Day,
    Field,
    Flag,
    Items,
    Lines,
    Mark,
    Part,
    Reader,
    Reference,
    Row,
    Share,
    Whole,
    Words,
    thawed,
)

Values = dict[str, Any]
NOTHING = Decimal("0.00")

PARTY: tuple[Field, ...] = (
    Code("side", list_id="contract_side"),
    Reference("organisation_id"),
    Words("name", most=120),
    Words("uscc", most=18),
    Code("party_nature"),
    Code("region"),
    Words("country", most=3),
    Words("representative", most=60),
    Words("contact_name", most=60),
    Words("contact_phone", most=40),
    Words("address", most=200),
    Words("postcode", most=10),
    Codes("flags", list_id="party_flag"),
    Code("scale", list_id="enterprise_scale"),
    Code("industry"),
    Words("seal_name", most=120),
    Flag("is_inner_body"),
    Words("team_name", most=120),
)
"""A party 当事人; what is empty is taken from the organisation that is named.

``is_inner_body``: a group without legal personality signs, so that the unit above it
must have authorised it (SPC interpretation 2020, article 7). ``country`` is a code of
three digits, empty for China.
"""
INSTALMENT: tuple[Field, ...] = (
    Words("deliverable", most=200),
    Day("due_on"),
    Amount("amount_yuan"),
    Words("condition", most=200),
)
"""One payment 分期 and what it is paid for."""
COST: tuple[Field, ...] = (
    Code("kind", list_id="non_technical_cost"),
    Words("name", most=120),
    Amount("amount_yuan"),
)
"""A non-technical sum within the price (SPC interpretation 2020, article 14)."""
GOODS: tuple[Field, ...] = (
    Words("name", most=120),
    Whole("quantity", most=1_000_000),
    Flag("is_carrier"),
)
"""Equipment or material that comes with the technology 随附设备、材料.

``is_carrier``: it carries the technology (papers, samples, a test rig), so that its
direct cost stays in the technical amount.
"""
RIGHT: tuple[Field, ...] = (
    Code("kind", list_id="ip_type"),
    Words("name", most=200),
    Words("applicant", most=120),
    Words("owner", most=120),
    Day("filed_on"),
    Words("application_no", most=40),
    Words("patent_no", most=40),
    Day("valid_until"),
    Code("legal_status", list_id="ip_legal_status"),
)
"""A right that the contract is about (Civil Code 845(3))."""
CLAUSE: tuple[Field, ...] = (
    Code("code", list_id="contract_clause"),
    Code("state", list_id="clause_state"),
    Words("text", most=4000),
)
ROYALTY: tuple[Field, ...] = (
    Code("base", list_id="royalty_base"),
    Code("rate_shape", list_id="royalty_rate_shape"),
    Share("rate_percent"),
    Amount("entry_fee_yuan"),
    Words("method", most=500),
    Flag("may_inspect_books"),
)
LICENCE: tuple[Field, ...] = (
    Code("mode", list_id="patent_licence_mode"),
    Words("territory", most=200),
    Day("until"),
    Words("manner", most=200),
)
COMMISSION: tuple[Field, ...] = (
    Amount("amount_yuan"),
    Code("paid_by", list_id="contract_side"),
    Words("text", most=500),
)
PAPER: tuple[Field, ...] = (
    Code("kind", list_id="contract_document"),
    Reference("attachment_id"),
)
CONTENT: tuple[Field, ...] = (
    Words("title", most=200),
    Code("contract_class"),
    Items("parties", table=PARTY, most=10),
    Day("signed_on"),
    Day("valid_from"),
    Day("valid_to"),
    Words("place", most=200),
    Words("subject", most=4000),
    Words("goal", most=2000),
    Words("method", most=4000),
    Words("deliverables", most=2000),
    Words("acceptance", most=2000),
    Words("results_ownership", most=2000),
    Code("ip_owner"),
    Items("clauses", table=CLAUSE, most=40),
    Amount("total_yuan"),
    Amount("technical_yuan"),
    Items("non_technical", table=COST, most=50),
    Items("goods", table=GOODS, most=50),
    Code("payment_method"),
    Items("instalments", table=INSTALMENT, most=60),
    Part("royalty", table=ROYALTY),
    Codes("ip_type"),
    Items("rights", table=RIGHT, most=50),
    Part("licence", table=LICENCE),
    Code("plan_source"),
    Mark("project_no"),
    Code("tech_field"),
    Code("socio_objective"),
    Code("served_industry", list_id="industry"),
    Flag("is_related"),
    Flag("is_import"),
    Flag("is_foreign_text"),
    Part("commission", table=COMMISSION),
    Amount("expected_input_yuan"),
    Amount("expected_output_yuan"),
    Lines("trainees", length=120, most=50),
    Words("mediation", most=500),
    Items("documents", table=PAPER, most=50),
    Words("remarks", most=2000),
)
"""Fields of the contract (domain reference, sections 9.2, 9.7 and 9.10)."""

PAPERS = frozenset(
    {
        "tech_field",
        "socio_objective",
        "served_industry",
        "plan_source",
        "project_no",
        "ip_type",
        "expected_input_yuan",
        "expected_output_yuan",
    }
)
"""What the registry asks and the parties did not agree on: no amendment is needed.

Of the documents and the parties a part belongs to it too.
"""
PARTY_PAPERS = frozenset(
    {
        "party_nature",
        "region",
        "representative",
        "contact_name",
        "contact_phone",
        "address",
        "postcode",
        "flags",
        "scale",
        "industry",
        "seal_name",
    }
)
"""What the registration form asks of a party besides who it is."""
STATED_ONCE = frozenset({"representative", "address"})
"""Of these what the contract says stays; what it leaves empty may be filled in."""
ANNEXES = frozenset({"ANNEX"})
"""Documents that are part of what was agreed."""
KEPT_DOCUMENTS = ANNEXES | {"CONTRACT", "TASK_BOOK"}
"""Documents by which the content is judged: another one may come beside them."""
ROYALTY_METHODS = frozenset({"3", "4"})
"""Payment methods whose total is not known at signing (codes list 8)."""
INSTALMENT_METHODS = frozenset({"2"})
IN_WORDS = ("title", "subject", "goal", "method", "deliverables", "acceptance")
"""What the content of the contract is judged by, as texts."""


def parties_of(values: Mapping[str, Any], side: str) -> list[Row]:
    """Return the parties of one side, in their order."""
    return [party for party in values["parties"] if party["side"] == side]


def non_technical_sum(values: Mapping[str, Any]) -> Decimal:
    """Add up the itemised non-technical costs, in 元."""
    rows = values["non_technical"]
    return sum((row["amount_yuan"] or NOTHING for row in rows), NOTHING)


def instalment_sum(values: Mapping[str, Any]) -> Decimal:
    """Add up the payment plan, in 元."""
    rows = values["instalments"]
    return sum((row["amount_yuan"] or NOTHING for row in rows), NOTHING)


def agreed(values: Mapping[str, Any]) -> Values:
    """Return what the parties agree on: the content without the registry's papers."""
    return {
        **{name: value for name, value in values.items() if name not in PAPERS},
        "parties": [
            {name: value for name, value in party.items() if name not in PARTY_PAPERS}
            for party in values["parties"]
        ],
        "documents": _of_kinds(values, ANNEXES),
    }


def _of_kinds(values: Mapping[str, Any], kinds: frozenset[str]) -> list[Row]:
    return [row for row in values["documents"] if row["kind"] in kinds]


def breaks(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Tell whether a change of papers changes what was agreed as well."""
    if agreed(before) != agreed(after):
        return True
    if any(row not in after["documents"] for row in _of_kinds(before, KEPT_DOCUMENTS)):
        return True
    return any(
        old[name] and old[name] != new[name]
        for old, new in zip(before["parties"], after["parties"], strict=True)
        for name in STATED_ONCE
    )


def papers_over(values: Values, current: Values) -> Values:
    """Return a content with the papers that another one has, its terms untouched."""
    form = {party_key(party): party for party in current["parties"]}
    return {
        **values,
        **{name: current[name] for name in PAPERS},
        "parties": [
            {**party, **{name: form[key][name] for name in PARTY_PAPERS}}
            if (key := party_key(party)) in form
            else party
            for party in values["parties"]
        ],
        "documents": _of_kinds(values, ANNEXES)
        + [row for row in current["documents"] if row["kind"] not in ANNEXES],
    }


def party_key(party: Mapping[str, Any]) -> tuple[str, str]:
    """Return on which side who stands, as signatures know the parties."""
    return str(party["side"]), str(party["organisation_id"] or party["name"])


def check(reader: Reader, values: Values) -> None:
    """Note what contradicts itself, finished or not.

    Money is neither made nor lost: what is technical and what is not add up to the
    total, and so does the plan by which it is paid.
    """
    contents.in_order(reader, values, "valid_from", "valid_to")
    _check_amounts(reader, values)
    for pointer, zh, en in _contradictions(values):
        reader.wrong(pointer, "contradiction", zh, en)


def _check_amounts(reader: Reader, values: Values) -> None:
    total, technical = values["total_yuan"], values["technical_yuan"]
    if total is None:
        return
    costs = non_technical_sum(values)
    if technical is not None and technical + costs != total:
        reader.wrong(
            "/technical_yuan",
            "does_not_add_up",
            "技术交易额 {technical} 加非技术性费用 {costs} 应等于成交总额 {total}",
            "technical {technical} and non-technical {costs} must add up to {total}",
            technical=technical,
            costs=costs,
            total=total,
        )
    planned = instalment_sum(values)
    royalty = values["payment_method"] in ROYALTY_METHODS
    if values["instalments"] and not royalty and planned != total:
        reader.wrong(
            "/instalments",
            "does_not_add_up",
            "分期合计 {planned} 应等于成交总额 {total}",
            "the instalments add up to {planned}, not to the total of {total}",
            planned=planned,
            total=total,
        )


def _contradictions(values: Values) -> Iterator[tuple[str, str, str]]:
    seen: set[tuple[str, Any]] = set()
    for index, party in enumerate(values["parties"]):
        org = party["organisation_id"]
        if org is None and not party["name"]:
            yield (
                f"/parties/{index}/name",
                "须指明单位或填写名称",
                "name the organisation or give its name",
            )
        mark = (str(party["side"]), org or party["name"])
        if mark in seen:
            yield f"/parties/{index}", "同一当事人重复", "stands here twice"
        seen.add(mark)
    ids = [p["organisation_id"] for p in values["parties"] if p["organisation_id"]]
    if len(set(ids)) != len(ids):
        yield (
            "/parties",
            "同一单位不能同时为合同多方",
            "one organisation cannot be on two sides",
        )
    codes = [clause["code"] for clause in values["clauses"]]
    for index, code in enumerate(codes):
        if code is None:
            yield f"/clauses/{index}/code", "必填", "is required"
        elif code in codes[:index]:
            yield f"/clauses/{index}/code", "同一条款重复", "stands here twice"


REQUIRED = (
    "title",
    "contract_class",
    "signed_on",
    "valid_from",
    "valid_to",
    "subject",
    "payment_method",
    "tech_field",
)
"""Without these nobody signs; what a registry asks for besides, the check tells."""


def check_complete(reader: Reader, values: Values) -> None:
    """Note what is missing of a contract that is about to be signed."""
    contents.require_filled(reader, values, REQUIRED)
    for side, name in ((Side.BUYER, "买方"), (Side.SELLER, "卖方")):
        if not parties_of(values, side):
            reader.wrong(
                "/parties",
                "required",
                f"缺少{name}",
                f"there is no {side.value}",
            )
    if values["payment_method"] in ROYALTY_METHODS:
        if not values["royalty"]:
            reader.wrong(
                "/royalty",
                "required",
                "提成支付须写明提成方式",
                "say how the royalty is worked out",
            )
    else:
        contents.require_filled(reader, values, ("total_yuan", "technical_yuan"))
    if values["payment_method"] in INSTALMENT_METHODS and not values["instalments"]:
        reader.wrong(
            "/instalments", "required", "分期支付须列明各期", "list the instalments"
        )


def values_of(version: ContractVersion) -> Values:
    """Return the content of a version with its types."""
    return thawed(CONTENT, version.content)
