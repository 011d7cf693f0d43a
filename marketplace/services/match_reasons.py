"""The sentences in which a match is explained, in both languages.

The engine gives codes and values; what is said to people stands here. A sentence
quotes only what the engine handed out, and the engine hands out only what may be shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from marketplace.errors import Text
from matching import Match, Reason

SENTENCES: dict[str, Text] = {
    "core_missed": Text(
        "核心指标“{name}”未达到：要求 {required}，供方为 {claimed}",
        "Core indicator '{name}' is missed:"
        " {required} is required, {claimed} is offered",
    ),
    "indicator_met": Text(
        "指标“{name}”满足：要求 {required}，供方为 {claimed}",
        "Indicator '{name}' is met: {required} is required, {claimed} is offered",
    ),
    "indicator_near": Text(
        "指标“{name}”接近：要求 {required}，供方为 {claimed}",
        "Indicator '{name}' is near: {required} is required, {claimed} is offered",
    ),
    "indicator_missed": Text(
        "指标“{name}”未达到：要求 {required}，供方为 {claimed}",
        "Indicator '{name}' is missed: {required} is required, {claimed} is offered",
    ),
    "indicators_hidden": Text(
        "对方的指标须签保密协议后可见，此处未逐项比较",
        "The other side's indicators are under an NDA and not compared here",
    ),
    "shared_terms": Text("共同的技术用语：{terms}", "Shared technical terms: {terms}"),
    "same_grade": Text("牌号一致：{offered}", "The same grade: {offered}"),
    "other_grade": Text(
        "牌号不同：要求 {wanted}，供方为 {offered}",
        "Another grade: {wanted} is wanted, {offered} is offered",
    ),
    "same_chain": Text("同属产业链：{names}", "In the same industrial chain: {names}"),
    "same_field": Text(
        "技术领域相同：{names}", "In the same technology field: {names}"
    ),
    "same_county": Text("同在{names}", "In the same county: {names}"),
    "same_city": Text("同在{names}", "In the same city: {names}"),
    "same_province": Text("同在{names}", "In the same province: {names}"),
    "mature_enough": Text("成熟度满足要求", "Mature enough"),
    "not_mature": Text("成熟度低于要求", "Less mature than wanted"),
    "within_budget": Text("报价在预算之内", "The price is within the budget"),
    "over_budget": Text("报价高于预算", "The price is above the budget"),
}
LISTS = {
    "same_chain": "sd_chain",
    "same_field": "tech_field",
    "same_county": "region",
    "same_city": "region",
    "same_province": "region",
}


def codes_in(matches: Iterable[Match]) -> dict[str, set[str]]:
    """Return the codes that reasons speak of, by code list."""
    found: dict[str, set[str]] = {}
    for match in matches:
        for reason in match.reasons:
            if reason.code in LISTS:
                listed = found.setdefault(LISTS[reason.code], set())
                listed.update(reason.values["codes"])
    return found


def sentence(
    reason: Reason,
    language: str,
    names: Mapping[str, Mapping[str, tuple[str, str]]],
) -> str | None:
    """Say one reason, or nothing for a code that is only for machines.

    Parameters
    ----------
    names : mapping of code list to mapping of code to (Chinese, English)
    """
    text = SENTENCES.get(reason.code)
    if text is None:
        return None
    english = language == "en"
    values: dict[str, Any] = dict(reason.values)
    if reason.code in LISTS:
        known = names[LISTS[reason.code]]
        said = [known.get(c, (c, c))[1 if english else 0] or c for c in values["codes"]]
        values["names"] = ", ".join(said) if english else "、".join(said)
    if "terms" in values:
        terms = values["terms"]
        values["terms"] = ", ".join(terms) if english else "、".join(terms)
    return text.format(**values).get(language)
