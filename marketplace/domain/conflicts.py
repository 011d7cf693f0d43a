"""Checks for conflicts of interest 利益冲突, and what an operator decides on them."""

from __future__ import annotations

from enum import StrEnum

from marketplace.domain.workflows import Transition, Workflow, table
from marketplace.errors import Text


class Purpose(StrEnum):
    """What two sides are about to do together."""

    DOCKING = "docking"  # 对接
    EXPERT = "expert"  # 专家遴选
    BROKER = "broker"  # 技术经纪
    CONTRACT = "contract"  # 合同


class Verdict(StrEnum):
    """What the records say of two sides."""

    CLEAR = "clear"  # 未发现关联
    DECLARED = "declared"  # 已申报的关联
    DETECTED = "detected"  # 疑似关联，未申报


class Outcome(StrEnum):
    """What the rule in force makes of a finding, the gravest first."""

    REFUSE = "refuse"  # 不得进行
    ASK = "ask"  # 交运营方核查
    MARK = "mark"  # 标注为关联
    NOTE = "note"  # 仅记录
    PASS = "pass"  # 通过  # noqa: S105 - no password


class ConflictState(StrEnum):
    """Where the operator's decision stands; a check that asks nobody has none."""

    PENDING = "pending"  # 待核查
    CLEARED = "cleared"  # 已排除
    UPHELD = "upheld"  # 已认定


PENDING, CLEARED, UPHELD = ConflictState
TO_DECIDE = frozenset({PENDING})
"""An operator has to look."""
# fmt: off
CONFLICT_WORKFLOW = Workflow("conflict_check", PENDING, table([
    Transition("clear",  {PENDING, UPHELD},  CLEARED,
               Text("排除关联", "Clear"), needs_reason=True),
    Transition("uphold", {PENDING, CLEARED}, UPHELD,
               Text("认定关联", "Uphold"), needs_reason=True),
]))
# fmt: on
PERSONAL_KINDS = (
    "employment",  # 任职
    "adviser",  # 顾问
    "family",  # 亲属任职或持股
    "co_author",  # 合作发表
    "paid_work",  # 有偿服务
    "shareholding",  # 持股
)
"""What a person declares of himself (domain reference, 13.3)."""
