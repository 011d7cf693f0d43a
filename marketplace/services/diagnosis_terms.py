"""What the need doctor says about money, time, rights and the form's short fields."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

from marketplace.errors import Text
from marketplace.services import needs
from marketplace.services.diagnosis_drafts import LABELS, USEFUL, Draft, Finding
from matching.text import clean

_SPECIFIC = frozenset(
    {
        "title",
        "problem",
        "key_technology",
        "expected_goal",
        "background",
        "period_start",
        "period_end",
        "ip_owner",
        "valid_until",
    }
)
"""Required fields with a rule of their own, or with a default."""
_TO_AGREE = {"SHARED", "AGREED"}


def refused_value(draft: Draft) -> Iterator[Finding]:
    """A value that the form refuses when the draft is saved."""
    for error in draft.errors:
        yield Finding(
            error.pointer,
            error.message,
            Text(
                "保存前须改正，否则不能保存。",
                "Correct it before saving; the form refuses it.",
            ),
        )


def missing_field(draft: Draft) -> Iterator[Finding]:
    """A field without which the need cannot be submitted."""
    for name in needs.REQUIRED:
        if name in _SPECIFIC or draft.values[name]:
            continue
        label = LABELS[name]
        yield Finding(
            f"/{name}",
            Text("尚未填写{zh}", "{en} is not filled in").format(
                zh=label.zh, en=label.en
            ),
            Text(
                "提交前必填，请从代码表选择。", "Choose from the code list; required."
            ),
        )
    if not any(draft.values[name] for name in needs.DIRECTIONS):
        yield Finding(
            "/chain",
            Text(
                "没有选择产业链、十强产业、工业六基或未来产业",
                "no chain, strong industry, foundation or future industry is chosen",
            ),
            Text("至少选择一项。", "Choose at least one."),
        )


def no_budget(draft: Draft) -> Iterator[Finding]:
    """A need is something that the firm will pay for."""
    total, negotiable = _total(draft), draft.values["budget_negotiable"]
    if not draft.errors_at("/budget_total_yuan") and not total and not negotiable:
        yield Finding(
            "/budget_total_yuan",
            Text("没有写拟投入资金", "no budget is given"),
            Text(
                "填写拟投入资金总额；暂不能确定的，勾选面议并给出区间。",
                "Give the total you will spend; if it is open, mark it as negotiable "
                "and give a range.",
            ),
        )


def open_budget(draft: Draft) -> Iterator[Finding]:
    """Without a sum a team cannot tell whether it is worth its while."""
    if draft.values["budget_negotiable"] and not _total(draft):
        yield Finding(
            "/budget_negotiable",
            Text("资金只写了面议", "the budget is only 'negotiable'"),
            Text(
                "同时填写大致总额，团队才能判断工作量；匹配也会用到。",
                "Give a rough total beside it, so that teams can judge the effort; "
                "matching uses it too.",
            ),
        )


def missing_bidder_share(draft: Draft) -> Iterator[Finding]:
    """The share that goes to the bidder (支付揭榜方) is what the bidder asks first."""
    if _total(draft) and draft.values["budget_to_bidder_yuan"] is None:
        yield Finding(
            "/budget_to_bidder_yuan",
            Text(
                "没有写其中支付揭榜方的金额",
                "the share that goes to the bidder is not given",
            ),
            Text(
                "写明总额中付给揭榜方的金额，其余为自用。",
                "Say how much of the total is paid to the bidder.",
            ),
        )


def implausible_budget(draft: Draft) -> Iterator[Finding]:
    """A sum that looks like 万元 in a field of 元."""
    least = Decimal(str(draft.lexicon("doctor.plausible")["budget_least_yuan"]))
    for name in ("budget_total_yuan", "budget_to_bidder_yuan"):
        amount = draft.values[name]
        if isinstance(amount, Decimal) and 0 < amount < least:
            yield Finding(
                f"/{name}",
                Text(
                    "金额只有{amount}元，是否把万元填成了元",
                    "only {amount} yuan: was it meant in units of 10,000?",
                ).format(amount=amount),
                Text(
                    "本栏以元为单位；{amount}万元应填{yuan}。",
                    "The field is in yuan; {amount} times 10,000 is {yuan}.",
                ).format(amount=amount, yuan=f"{amount * 10_000:.2f}"),
            )


def _total(draft: Draft) -> Decimal | None:
    amount = draft.values["budget_total_yuan"]
    return amount if isinstance(amount, Decimal) else None


def no_period(draft: Draft) -> Iterator[Finding]:
    """A need without a time limit is a wish."""
    for name, zh, en in (
        ("period_start", "开始", "start"),
        ("period_end", "结束", "end"),
    ):
        if draft.values[name] is None and not draft.errors_at(f"/{name}"):
            yield Finding(
                f"/{name}",
                Text("没有写需求时限的{zh}日期", "the period has no {en}").format(
                    zh=zh, en=en
                ),
                Text(
                    "写明起止日期；通常为两至三年。",
                    "Give both dates; two to three years are usual.",
                ),
            )


def implausible_period(draft: Draft) -> Iterator[Finding]:
    """Research takes longer than a delivery, and a task at most three years."""
    start, end = _day(draft, "period_start"), _day(draft, "period_end")
    if start is None or end is None or end < start:
        return
    rule = draft.lexicon("doctor.plausible")
    days = (end - start).days
    if days < int(rule["period_least_days"]):
        yield Finding(
            "/period_end",
            Text(
                "时限只有{days}天，不像研发周期", "{days} days are short for research"
            ).format(days=days),
            Text(
                "核对日期；只需交货的不属于技术需求。",
                "Check the dates; a mere delivery is not a technical need.",
            ),
        )
    elif days > int(rule["period_most_days"]):
        yield Finding(
            "/period_end",
            Text(
                "时限超过三年（{days}天）",
                "the period exceeds three years ({days} days)",
            ).format(days=days),
            Text(
                "任务期一般不超过三年；可分阶段，先写第一阶段。",
                "Tasks run three years at most as a rule; state the first stage.",
            ),
        )


def period_over(draft: Draft) -> Iterator[Finding]:
    """A time limit that has passed."""
    end = _day(draft, "period_end")
    if end is not None and end < draft.on:
        yield Finding(
            "/period_end",
            Text("需求时限已经过去", "the period is over already"),
            Text("改为今后的日期。", "Choose a date to come."),
        )


def implausible_validity(draft: Draft) -> Iterator[Finding]:
    """How long the need may stay in the library (有效期)."""
    until = _day(draft, "valid_until")
    if until is None:
        return
    most = int(draft.lexicon("need.default_validity_days")["max_days"])
    last = draft.on + timedelta(days=most)
    if not draft.on <= until <= last:
        yield Finding(
            "/valid_until",
            Text(
                "有效期不在{first}至{last}之间",
                "the validity does not lie between {first} and {last}",
            ).format(first=draft.on, last=last),
            Text("改到该范围之内。", "Choose a date within."),
        )
        return
    end = _day(draft, "period_end")
    if end is not None and draft.on <= end < until:
        yield Finding(
            "/valid_until",
            Text(
                "有效期晚于需求时限的结束日期",
                "the need would stay in the library after its period has ended",
            ),
            Text("有效期不晚于{end}为宜。", "Better let it end by {end}.").format(
                end=end
            ),
            severity=USEFUL,
        )


def _day(draft: Draft, name: str) -> date | None:
    value = draft.values[name]
    return value if isinstance(value, date) else None


def no_rights_wish(draft: Draft) -> Iterator[Finding]:
    """Who shall own the results (产权归属) decides whether a team comes at all."""
    if not draft.values["ip_owner"]:
        yield Finding(
            "/ip_owner",
            Text("没有写产权归属意愿", "no wish on the ownership of results is given"),
            Text(
                "选择归委托方、归研发方、共有或另约，并写明使用和许可的约定。",
                "Choose the client, the developer, shared or to be agreed, and say "
                "who may use and license the results.",
            ),
        )


def unexplained_rights(draft: Draft) -> Iterator[Finding]:
    """Shared rights without words are the quarrels of tomorrow."""
    if draft.values["ip_owner"] in _TO_AGREE and not draft.values["ip_arrangement"]:
        yield Finding(
            "/ip_arrangement",
            Text(
                "产权为共有或另约，但没有写具体约定",
                "ownership is shared or to be agreed, and nothing says how",
            ),
            Text(
                "写明专利申请权、实施权、对外许可和收益如何分配。",
                "Say who files patents, who may use and license them, and how "
                "income is shared.",
            ),
        )


def no_keywords(draft: Draft) -> Iterator[Finding]:
    """Keywords find the need; the form asks for them."""
    rule = draft.lexicon("need.keywords")
    least = int(rule["min"])
    if len(draft.keywords) < least:
        yield Finding(
            "/keywords",
            Text("没有填写关键字", "there are no keywords"),
            Text(
                "写{least}至{most}个：对象、技术、工艺，如“铝合金、薄壁压铸、热裂”。",
                "Give {least} to {most}: the object, the technology, the process.",
            ).format(least=least, most=int(rule["max"])),
        )


def general_keyword(draft: Draft) -> Iterator[Finding]:
    """A keyword that fits every need finds none."""
    words = {
        clean(w).casefold() for w in draft.lexicon("doctor.generic_words")["keyword"]
    }
    for keyword in draft.keywords:
        if clean(keyword.text).casefold() in words:
            yield Finding(
                keyword.pointer,
                Text(
                    "关键字“{quote}”太宽泛", "the keyword '{quote}' is too general"
                ).format(quote=keyword.text),
                Text(
                    "换成对象或技术的名称。",
                    "Use the name of the object or technology.",
                ),
                (0, len(keyword.text)),
                keyword.text,
            )
