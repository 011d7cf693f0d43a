"""Life cycle and disclosure of a need 技术需求 (domain reference, section 4)."""

from __future__ import annotations

from enum import StrEnum

from marketplace.domain.roles import Tier
from marketplace.domain.workflows import Transition, Workflow, table
from marketplace.errors import Text


class NeedState(StrEnum):
    """States of codes list 24."""

    DRAFT = "DRAFT"  # 草稿
    SUBMITTED = "SUBMITTED"  # 已提交
    RETURNED = "RETURNED"  # 退回修改
    DISTRICT_OK = "DISTRICT_OK"  # 区县初审通过
    FORMAL_OK = "FORMAL_OK"  # 形式审查通过
    ARGUED = "ARGUED"  # 论证通过
    REJECTED = "REJECTED"  # 未通过
    POOLED = "POOLED"  # 入库
    CALLED = "CALLED"  # 已发榜
    DOCKING = "DOCKING"  # 对接中
    CONTRACTED = "CONTRACTED"  # 已签约
    SOLVED = "SOLVED"  # 已解决
    WITHDRAWN = "WITHDRAWN"  # 撤回
    EXPIRED = "EXPIRED"  # 过期


(
    DRAFT,
    SUBMITTED,
    RETURNED,
    DISTRICT_OK,
    FORMAL_OK,
    ARGUED,
    REJECTED,
    POOLED,
    CALLED,
    DOCKING,
    CONTRACTED,
    SOLVED,
    WITHDRAWN,
    EXPIRED,
) = NeedState

EDITABLE = frozenset({DRAFT, RETURNED})
"""The owner's text is open."""
REVIEWING = frozenset({SUBMITTED, DISTRICT_OK, FORMAL_OK, ARGUED})
"""The text is locked and waits for somebody's opinion."""
IN_DOCKING = frozenset({DOCKING})
"""Somebody talks about it."""
LISTED = frozenset({POOLED, CALLED, DOCKING})
"""In the needs library, matchable."""
PUBLISHED = LISTED | {CONTRACTED, SOLVED}
"""Readable by the public at the tiers of its fields."""
REVISABLE = frozenset({POOLED, EXPIRED})
"""An edit begins the next version, which goes through review again."""
SHOWN = PUBLISHED | EDITABLE | REVIEWING
"""States in which outsiders read the published version, where there is one: while
the next version is edited and reviewed, the one before it stays in the library."""
GONE = frozenset({REJECTED, SOLVED, WITHDRAWN, EXPIRED})
"""Off the market: nobody is to answer it any more."""
OPEN = EDITABLE | REVIEWING | LISTED | {EXPIRED}
"""What the owner may still withdraw."""

# fmt: off
NEED_WORKFLOW = Workflow("need", DRAFT, table([
    Transition("submit",           {DRAFT, RETURNED},        SUBMITTED,
               Text("提交审核", "Submit")),
    Transition("district-approve", {SUBMITTED},              DISTRICT_OK,
               Text("区县初审通过", "Approve for the district")),
    Transition("return",           {SUBMITTED, DISTRICT_OK}, RETURNED,
               Text("退回修改", "Return for changes"), needs_reason=True,
               fields=("field_comments",)),
    Transition("formal-approve",   {DISTRICT_OK},            FORMAL_OK,
               Text("形式审查通过", "Pass the formal check")),
    Transition("argue-pass",       {FORMAL_OK},              ARGUED,
               Text("论证通过", "Experts pass")),
    Transition("argue-fail",       {FORMAL_OK},              REJECTED,
               Text("论证未通过", "Experts reject"), needs_reason=True),
    Transition("pool",             {ARGUED},                 POOLED,
               Text("入库", "Add to the library")),
    Transition("withdraw",         OPEN,                     WITHDRAWN,
               Text("撤回", "Withdraw"), needs_reason=True),
    Transition("discard",          EDITABLE | REVIEWING,     POOLED,
               Text("放弃修订", "Discard the next version"), published_only=True),
    Transition("renew",            {EXPIRED},                POOLED,
               Text("续期", "Renew"), fields=("valid_until",)),
    Transition("expire",           {POOLED},                 EXPIRED,
               Text("到期", "Expire"), system=True),
    Transition("revise",           REVISABLE,                DRAFT,
               Text("修订", "Begin the next version"), system=True),
    Transition("admit",            {DRAFT},                  POOLED,
               Text("核准导入", "Admit a record checked before"), system=True),
    Transition("call",             {POOLED},                 CALLED,
               Text("发榜", "Put on a call"), system=True),
    Transition("dock",             {POOLED, CALLED},         DOCKING,
               Text("开始对接", "Begin docking"), system=True),
    Transition("undock",           {DOCKING},                POOLED,
               Text("对接结束", "All talks have ended"), system=True),
    Transition("contract",         {POOLED, CALLED, DOCKING}, CONTRACTED,
               Text("签约", "Contract signed"), system=True),
    Transition("reopen",           {CONTRACTED},             POOLED,
               Text("合同终止，重新征集", "The contract has ended"), system=True),
    Transition("solve",            {CONTRACTED},             SOLVED,
               Text("已解决", "Solved"), system=True),
]))
# fmt: on


class Disclosure(StrEnum):
    """How openly the owner shows an object 公开程度 (codes list 20)."""

    FULL = "FULL"  # 完全公开
    NDA = "NDA"  # 摘要公开、详情需签保密协议
    TARGETED = "TARGETED"  # 仅定向


_DETAILS = frozenset(
    {
        "problem",
        "key_technology",
        "research_content",
        "background",
        "indicators",
        "bidder_conditions",
        "attachments",
    }
)
_ALWAYS = {
    "intended_units": Tier.OWNER,
    "intended_experts": Tier.OWNER,
    "budget_to_bidder_yuan": Tier.VERIFIED,
}
NEED_TIERS: dict[Disclosure, dict[str, Tier]] = {
    Disclosure.FULL: _ALWAYS | {"attachments": Tier.VERIFIED},
    Disclosure.NDA: _ALWAYS
    | dict.fromkeys(_DETAILS, Tier.NDA)
    | {"budget_total_yuan": Tier.VERIFIED, "ip_arrangement": Tier.VERIFIED},
    Disclosure.TARGETED: _ALWAYS | dict.fromkeys(_DETAILS, Tier.NDA),
}
"""The tier that a field needs; a field that is not named is public."""
