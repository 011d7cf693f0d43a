"""Docking 产学研对接: two sides, sometimes a broker, on the way to a contract.

States of codes list 24; actions as clients know them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from marketplace.domain.workflows import Transition, Workflow, table
from marketplace.errors import Text


class DockingSide(StrEnum):
    """Who stands where in a docking."""

    NEED = "need"  # 需求方
    OFFER = "offer"  # 供给方
    BROKER = "broker"  # 技术经纪人


SIDES = (DockingSide.NEED, DockingSide.OFFER)
"""The two who have to agree."""


class DockingState(StrEnum):
    """How far two sides have come."""

    RECOMMENDED = "RECOMMENDED"  # 推荐
    INTERESTED = "INTERESTED"  # 有意向
    CONTACTED = "CONTACTED"  # 已联系
    MEETING = "MEETING"  # 对接
    NDA = "NDA"  # 已签保密
    SOLUTION = "SOLUTION"  # 方案
    INTENT = "INTENT"  # 意向协议
    SIGNED = "SIGNED"  # 签约
    LOST = "LOST"  # 未成


(
    RECOMMENDED,
    INTERESTED,
    CONTACTED,
    MEETING,
    NDA,
    SOLUTION,
    INTENT,
    SIGNED,
    LOST,
) = DockingState

ASKED = frozenset({RECOMMENDED, INTERESTED})
"""Not yet accepted by both sides."""
TALKING = frozenset({CONTACTED, MEETING, NDA, SOLUTION, INTENT})
"""Both sides have agreed to talk."""
OPEN = ASKED | TALKING
GIVEN_UP = frozenset({LOST})
"""Over without a contract; the pair may try again."""
WON = frozenset({SIGNED})
"""A contract stands."""
MET = frozenset({MEETING})
"""They have met, and it is open what comes of it."""
UNSHOWN = frozenset({CONTACTED, MEETING})
"""Agreed to talk, and nothing confidential is open yet."""
DISCLOSING = frozenset({NDA, SOLUTION, INTENT, SIGNED})
"""Both sides have accepted a non-disclosure agreement: who has, reads the details."""

# fmt: off
DOCKING_WORKFLOW = Workflow("docking", RECOMMENDED, table([
    Transition("express-interest", {RECOMMENDED},            INTERESTED,
               Text("表达意向", "Express interest")),
    Transition("accept",           {INTERESTED},             CONTACTED,
               Text("同意对接", "Accept")),
    Transition("decline",          ASKED,                    LOST,
               Text("谢绝", "Decline"), fields=("reason",)),
    Transition("log-meeting",      {CONTACTED},              MEETING,
               Text("记录会谈", "Log a meeting"), fields=("meeting",)),
    Transition("log-meeting",      {MEETING},                MEETING,
               Text("记录会谈", "Log a meeting"), fields=("meeting",)),
    Transition("log-meeting",      {NDA},                    NDA,
               Text("记录会谈", "Log a meeting"), fields=("meeting",)),
    Transition("log-meeting",      {SOLUTION},               SOLUTION,
               Text("记录会谈", "Log a meeting"), fields=("meeting",)),
    Transition("log-meeting",      {INTENT},                 INTENT,
               Text("记录会谈", "Log a meeting"), fields=("meeting",)),
    Transition("finish-next-step", TALKING,                  CONTACTED,
               Text("完成下一步", "The next step is done")),
    Transition("propose-nda",      TALKING,                  CONTACTED,
               Text("提出保密协议", "Propose an NDA"),
               fields=("text", "attachment_id")),
    Transition("sign-nda",         TALKING,                  NDA,
               Text("签署保密协议", "Accept the NDA"), fields=("nda_version",)),
    Transition("propose-intent",   {CONTACTED, MEETING, NDA}, SOLUTION,
               Text("提出合作方案", "Propose terms"), fields=("terms",)),
    Transition("propose-intent",   {SOLUTION},               SOLUTION,
               Text("提出合作方案", "Propose terms"), fields=("terms",)),
    Transition("propose-intent",   {INTENT},                 INTENT,
               Text("提出合作方案", "Propose terms"), fields=("terms",)),
    Transition("accept-intent",    {SOLUTION, INTENT},       INTENT,
               Text("接受方案", "Accept the terms"), fields=("number",)),
    Transition("sign",             {INTENT},                 SIGNED,
               Text("签约", "Signed"), fields=("contract_id",)),
    Transition("lose",             TALKING,                  LOST,
               Text("终止对接", "Give up"), fields=("reason",)),
    Transition("expire",           ASKED,                    LOST,
               Text("逾期未答复", "No reply in time"), system=True),
    Transition("take-leave",       ASKED,                    LOST,
               Text("发布已退出市场", "The listing has left the market"), system=True),
    Transition("contract-end",     {SIGNED},                 LOST,
               Text("合同已终止", "The contract has ended"), system=True),
]))
# fmt: on
STAYING = frozenset({"propose-nda", "finish-next-step"})
"""Steps that are written down and leave the docking where it stands."""


@dataclass(frozen=True)
class Owed:
    """What one side owes as long as a docking stands where it does.

    Parameters
    ----------
    step : str
        What is waited for, in the words of the work queue; under this name the rule
        ``docking.reply_days`` has its days.
    side : DockingSide
    """

    step: str
    side: DockingSide


OWED: Mapping[DockingState, Owed] = {
    CONTACTED: Owed("meet", DockingSide.NEED),
    NDA: Owed("propose", DockingSide.OFFER),
    INTENT: Owed("contract", DockingSide.NEED),
}
"""What a state itself waits for. Whoever was asked, was made a proposal or has agreed
on a next step owes that besides."""


class TrialState(StrEnum):
    """How far a trial licence 先用后转 has come."""

    PROPOSED = "PROPOSED"  # 拟定
    RUNNING = "RUNNING"  # 试用中
    ENDED = "ENDED"  # 试用结束
    CONVERTED = "CONVERTED"  # 已转化
    DROPPED = "DROPPED"  # 未转化


# fmt: off
TRIAL_WORKFLOW = Workflow("trial", TrialState.PROPOSED, table([
    Transition("start",   {TrialState.PROPOSED}, TrialState.RUNNING,
               Text("同意试用", "Agree and start")),
    Transition("report",  {TrialState.RUNNING},  TrialState.ENDED,
               Text("报告试用结果", "Report the result"), fields=("results",)),
    Transition("convert", {TrialState.ENDED},    TrialState.CONVERTED,
               Text("转化", "Convert"), fields=("contract_id",)),
    Transition("drop",    {TrialState.PROPOSED, TrialState.RUNNING, TrialState.ENDED},
               TrialState.DROPPED, Text("不转化", "Do not convert"),
               needs_reason=True),
    Transition("lapse",   {TrialState.PROPOSED, TrialState.RUNNING, TrialState.ENDED},
               TrialState.DROPPED, Text("随对接终止", "Ended with its docking"),
               system=True),
]))
# fmt: on
TRYING = frozenset({NDA, SOLUTION, INTENT})
"""States of a docking in which a trial may be proposed: the details are open, and
nothing is signed yet."""
UNDECIDED = frozenset({TrialState.PROPOSED, TrialState.RUNNING, TrialState.ENDED})
"""Trials of which nobody knows yet what becomes of them."""


class TrialVerdict(StrEnum):
    """What a trial has shown of one indicator."""

    MET = "met"  # 达到
    NEAR = "near"  # 接近
    MISSED = "missed"  # 未达到
    UNSTATED = "unstated"  # 未测得
