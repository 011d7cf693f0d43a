"""Life cycle of a docking day 对接活动日 and of the plans made for it."""

from __future__ import annotations

from enum import StrEnum

from marketplace.domain.workflows import Transition, Workflow, table
from marketplace.errors import Text


class DockingDayState(StrEnum):
    """Where a day stands."""

    DRAFT = "DRAFT"  # 筹备
    SOLVING = "SOLVING"  # 排程中
    PROPOSED = "PROPOSED"  # 已有方案
    DEPLOYED = "DEPLOYED"  # 已发布
    DONE = "DONE"  # 已结束
    CANCELLED = "CANCELLED"  # 已取消


DRAFT, SOLVING, PROPOSED, DEPLOYED, DONE, CANCELLED = DockingDayState

OPEN = frozenset({DRAFT, PROPOSED})
"""Slots, participants and pairs may change; a proposal then has to be made anew."""
OFFERED = frozenset({PROPOSED})
"""A proposal waits for a person to deploy it."""
HELD = frozenset({DEPLOYED, DONE})
"""The talks are fixed, their participants know them, and their outcomes are kept."""
CALLED_OFF = frozenset({CANCELLED})
"""It will not be held; who was to come is told."""

# fmt: off
DOCKING_DAY_WORKFLOW = Workflow("docking-day", DRAFT, table([
    Transition("solve",    {DRAFT, PROPOSED},           SOLVING,
               Text("开始排程", "Solve"), fields=("seconds",)),
    Transition("cancel",   {SOLVING},                   DRAFT,
               Text("停止排程", "Stop solving")),
    Transition("deploy",   {PROPOSED},                  DEPLOYED,
               Text("发布方案", "Deploy")),
    Transition("finish",   {DEPLOYED},                  DONE,
               Text("结束", "Finish")),
    Transition("call-off", {DRAFT, PROPOSED, DEPLOYED}, CANCELLED,
               Text("取消活动", "Call off"), needs_reason=True),
    Transition("propose",  {SOLVING},                   PROPOSED,
               Text("形成方案", "A plan was found"), system=True),
    Transition("give-up",  {SOLVING},                   DRAFT,
               Text("未能形成方案", "No plan was found"), system=True),
]))
# fmt: on
PLAN_ACTIONS = frozenset({"solve", "cancel", "deploy"})
"""Actions on the day's plan; the others are on the day itself."""


class PlanState(StrEnum):
    """Where an attempt to plan a day stands."""

    QUEUED = "QUEUED"  # 排队
    RUNNING = "RUNNING"  # 进行中
    FOUND = "FOUND"  # 有方案
    IMPOSSIBLE = "IMPOSSIBLE"  # 无可行方案
    CANCELLED = "CANCELLED"  # 已停止
    FAILED = "FAILED"  # 失败


ONGOING = frozenset({PlanState.QUEUED, PlanState.RUNNING})
"""The job has still to end it."""
USABLE = frozenset({PlanState.FOUND})
"""There are talks to deploy."""


class Side(StrEnum):
    """Who takes part."""

    NEED = "need"  # 需求方
    TEAM = "team"  # 团队
