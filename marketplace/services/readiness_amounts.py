"""Checks of money: technical amount, deductions, payment plan, royalties (9.7)."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from marketplace.errors import Text
from marketplace.services.contract_contents import (
    INSTALMENT_METHODS,
    NOTHING,
    ROYALTY_METHODS,
    instalment_sum,
    non_technical_sum,
)
from marketplace.services.readiness_facts import (
    ASK,
    FIX,
    PASS,
    Fault,
    Picture,
    RuleRow,
    RuleSet,
    mentions,
    pattern,
)

Faults = Iterator[Fault]
_ENTRY_FEE = "4"
"""Payment method: royalty with an entry fee (codes list 8)."""


def _is_royalty(picture: Picture) -> bool:
    return picture.values["payment_method"] in ROYALTY_METHODS


def price_stated(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """The price and the way of paying it are clear."""
    values = picture.values
    if not values["payment_method"]:
        yield Fault(
            FIX,
            Text("未选支付方式，请选定", "no manner of payment is given: choose one"),
            ("/payment_method",),
        )
    if _is_royalty(picture):
        return
    for name, zh, en in (
        ("total_yuan", "成交总额", "the total"),
        ("technical_yuan", "技术交易额", "the technical amount"),
    ):
        if not values[name]:
            yield Fault(
                FIX,
                Text("未写明{zh}，请补填", "{en} is not stated: add it").format(
                    zh=zh, en=en
                ),
                (f"/{name}",),
            )


def technical_within(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """The technical amount is no more than the total."""
    total, technical = picture.values["total_yuan"], picture.values["technical_yuan"]
    if total is not None and technical is not None and technical > total:
        yield Fault(
            FIX,
            Text(
                "技术交易额 {technical} 元大于成交总额 {total} 元；请更正",
                "the technical amount of {technical} yuan is more than the total of"
                " {total}: correct it",
            ).format(technical=technical, total=total),
            ("/technical_yuan",),
        )


def itemised(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """What is not technical in the price is itemised, and adds up."""
    values = picture.values
    total, technical = values["total_yuan"], values["technical_yuan"]
    for index, cost in enumerate(values["non_technical"]):
        if cost["amount_yuan"] is None or not (cost["kind"] or cost["name"]):
            yield Fault(
                FIX,
                Text(
                    "第 {number} 项非技术性费用缺名目或金额；请补填",
                    "non-technical cost {number} lacks its kind or amount: add it",
                ).format(number=index + 1),
                (f"/non_technical/{index}",),
            )
    if total is None or technical is None or technical > total:
        return
    costs = non_technical_sum(values)
    if technical + costs != total:
        yield Fault(
            FIX,
            Text(
                "成交总额与技术交易额相差 {difference} 元，所列扣除共 {costs} 元；"
                "逐项列明使其相等",
                "total and technical amount differ by {difference} yuan, the listed"
                " non-technical costs add up to {costs}: itemise them until both agree",
            ).format(difference=total - technical, costs=costs),
            ("/technical_yuan", "/non_technical"),
        )


def goods_deducted(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """Equipment and goods that come with the technology are deducted."""
    values = picture.values
    goods = [i for i, row in enumerate(values["goods"]) if not row["is_carrier"]]
    kinds = {cost["kind"] for cost in values["non_technical"]}
    if goods and not kinds & set(rule.params["kinds"]):
        names = "、".join(values["goods"][index]["name"] for index in goods)
        yield Fault(
            FIX,
            Text(
                "列有设备、材料（{names}）而没有扣除；将其费用列入非技术性费用",
                "goods are listed ({names}) and nothing is deducted for them: put their"
                " cost among the non-technical costs",
            ).format(names=names),
            (*(f"/goods/{index}" for index in goods), "/non_technical"),
        )


def equipment_in_price(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """A price that is technical in full pays for no equipment."""
    values = picture.values
    plain_goods = [row for row in values["goods"] if not row["is_carrier"]]
    if plain_goods or values["non_technical"] or not values["technical_yuan"]:
        return
    if values["technical_yuan"] != values["total_yuan"]:
        return
    for pointer, quote in mentions(
        picture, rule.params["fields"], rule.params["words"]
    ):
        yield Fault(
            ASK,
            Text(
                "写有“{quote}”，而技术交易额等于成交总额；确认其中是否含设备费用，含的应扣除",
                "says '{quote}' and the technical amount is all of the total: ask"
                " whether equipment is in the price, and deduct it if so",
            ).format(quote=quote),
            (pointer, "/technical_yuan"),
        )


def carriers(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """No more carriers of the technology are delivered than it takes."""
    free = pattern(tuple(rule.params["in_copies"]))
    most = rule.params["most"]
    for index, row in enumerate(picture.values["goods"]):
        many = row["is_carrier"] and (row["quantity"] or 0) > most
        if many and not free.search(row["name"]):
            yield Fault(
                ASK,
                Text(
                    "技术载体“{name}”{count} 件，一般不超过 {most} 件；说明理由或扣除",
                    "{count} carriers '{name}', usually no more than {most}: give the"
                    " reason, or deduct the others",
                ).format(name=row["name"], count=row["quantity"], most=most),
                (f"/goods/{index}/quantity",),
            )


def instalments(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """Each instalment says for what, when and how much."""
    values = picture.values
    if values["payment_method"] in INSTALMENT_METHODS and not values["instalments"]:
        yield Fault(
            FIX,
            Text(
                "分期支付而未列各期；列明每期的交付物、时间和金额",
                "paid by instalments and none is listed: give deliverable, day and sum"
                " of each",
            ),
            ("/instalments",),
        )
    for index, row in enumerate(values["instalments"]):
        place = f"/instalments/{index}"
        if not row["deliverable"]:
            yield Fault(
                FIX,
                Text(
                    "第 {number} 期没有对应的交付物；写明凭什么付款",
                    "instalment {number} is bound to no deliverable: say what it pays",
                ).format(number=index + 1),
                (f"{place}/deliverable",),
            )
        if row["due_on"] is None and not row["condition"]:
            yield Fault(
                FIX,
                Text(
                    "第 {number} 期没有时间或条件；请补填",
                    "instalment {number} has neither day nor condition: add one",
                ).format(number=index + 1),
                (f"{place}/due_on",),
            )
        if not row["amount_yuan"]:
            yield Fault(
                FIX,
                Text(
                    "第 {number} 期没有金额；请补填",
                    "instalment {number} has no sum: add it",
                ).format(number=index + 1),
                (f"{place}/amount_yuan",),
            )


def plan_sum(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """The instalments add up to the total."""
    values = picture.values
    if not values["instalments"] or _is_royalty(picture):
        return
    planned, total = instalment_sum(values), values["total_yuan"] or NOTHING
    if planned != total:
        yield Fault(
            FIX,
            Text(
                "各期合计 {planned} 元，成交总额 {total} 元；使两者相等",
                "the instalments add up to {planned} yuan, the total is {total}: make"
                " them agree",
            ).format(planned=planned, total=total),
            ("/instalments", "/total_yuan"),
        )


def royalty_method(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """A royalty says of what, how much and how it is worked out."""
    if not _is_royalty(picture):
        return
    royalty = picture.values["royalty"] or {}
    missing = []
    if not royalty.get("base"):
        missing.append(("base", "提成基数", "the base"))
    if not royalty.get("rate_percent") and not royalty.get("method"):
        missing.append(("rate_percent", "提成比例或计算方法", "the rate or method"))
    entry = picture.values["payment_method"] == _ENTRY_FEE
    if entry and not royalty.get("entry_fee_yuan"):
        missing.append(("entry_fee_yuan", "入门费", "the entry fee"))
    for name, zh, en in missing:
        yield Fault(
            FIX,
            Text(
                "提成支付未写明{zh}；请补填", "the royalty lacks {en}: state it"
            ).format(zh=zh, en=en),
            (f"/royalty/{name}",),
        )
    open_ = [n for n in ("total_yuan", "technical_yuan") if picture.values[n] is None]
    if open_:
        yield Fault(
            ASK,
            Text(
                "提成合同的金额尚未确定：登记前须以变更协议载明成交总额和技术交易额；"
                "请向登记机构确认",
                "the amounts of the royalty contract are not settled: state total and"
                " technical amount by an amendment before it is registered; ask the"
                " registry",
            ),
            tuple(f"/{name}" for name in open_),
        )


def _is_large(picture: Picture, rules: RuleSet) -> bool:
    threshold: Decimal | None = rules.large_threshold_yuan
    basis = "total_yuan" if rules.large_basis == "total" else "technical_yuan"
    amount: Decimal | None = picture.values[basis]
    return threshold is not None and amount is not None and amount >= threshold


def large_amount(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """A large contract goes to the province's experts."""
    if _is_large(picture, rules):
        yield Fault(
            ASK,
            Text(
                "金额达到 {threshold} 元：一般由省级专家机制审核；请向登记机构确认",
                "the amount reaches {threshold} yuan: the experts of the province see"
                " it as a rule; ask the registry and have the technical papers ready",
            ).format(threshold=rules.large_threshold_yuan),
            ("/technical_yuan",),
        )


def deadline(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """Say in how many days the registry decides; nothing can be wrong here."""
    large = _is_large(picture, rules) and rules.days_large is not None
    days = rules.days_large if large else rules.days_normal
    working = rules.days_unit == "working_day"
    yield Fault(
        PASS,
        Text(
            "自受理之日起 {days} 个{unit_zh}办结",
            "decided within {days} {unit_en} of acceptance",
        ).format(
            days=days,
            unit_zh="工作日" if working else "自然日",
            unit_en="working days" if working else "days",
        ),
    )


CHECKS = {
    check.__name__: check
    for check in (
        price_stated,
        technical_within,
        itemised,
        goods_deducted,
        equipment_in_price,
        carriers,
        instalments,
        plan_sum,
        royalty_method,
        large_amount,
        deadline,
    )
}
