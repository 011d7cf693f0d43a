"""The need doctor on what became of a need: why its dockings came to nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from marketplace.errors import Text
from marketplace.services.diagnosis_drafts import Draft, Finding

_ANYWHERE = (
    "",
    Text(
        "看看各次对接中对方写的说明，把需求写得更明确。",
        "Read what was said in these dockings, and make the need clearer.",
    ),
)
ADVICE: Mapping[str, tuple[str, Text]] = {
    "price": (
        "/budget_total_yuan",
        Text(
            "预算或支付揭榜方的金额可能偏低，可提高、分期或改为先用后转。",
            "The budget, or the bidder's share of it, may be too low: raise it, pay by"
            " stages, or offer a trial first.",
        ),
    ),
    "indicator-missed": (
        "/indicators",
        Text(
            "核对指标是否过高，哪些确为核心指标，测试条件是否写明。",
            "Check whether the indicators ask too much, which of them are core, and"
            " whether the test conditions are stated.",
        ),
    ),
    "too-early": (
        "/expected_goal",
        Text(
            "对方技术成熟度不足；可分阶段提目标，或写明可共同开展的中试。",
            "What is offered is not mature: set goals by stages, or say which pilot"
            " work can be shared.",
        ),
    ),
    "rights": (
        "/ip_owner",
        Text(
            "成果归属可再协商，例如共有或许可使用。",
            "Leave room on the ownership of results: shared, or a licence.",
        ),
    ),
    "timing": (
        "/period_start",
        Text("重新考虑起止时间。", "Think the period over."),
    ),
    "not-now": (
        "/period_start",
        Text("重新考虑起止时间。", "Think the period over."),
    ),
}
"""Where to look when a reason comes up again and again."""


def declined_often(draft: Draft) -> Iterator[Finding]:
    """Several dockings of the need ended for one and the same reason."""
    for declined in draft.declined:
        pointer, suggestion = ADVICE.get(declined.code, _ANYWHERE)
        count = declined.count
        yield Finding(
            pointer,
            Text(
                f"本需求发布后有{count}次对接因“{declined.name.zh}”未成",
                f"since it was published, {count} dockings of this need ended for the"
                f" reason '{declined.name.en}'",
            ),
            suggestion,
        )
