"""Life cycle and disclosure of an offer 科技成果 / 科研能力 (domain, section 8)."""

from __future__ import annotations

from enum import StrEnum

from marketplace.domain.needs import Disclosure
from marketplace.domain.roles import Tier
from marketplace.domain.workflows import Transition, Workflow, table
from marketplace.errors import Text


class OfferKind(StrEnum):
    """What is offered."""

    RESULT = "result"  # 科技成果
    CAPABILITY = "capability"  # 科研能力


class OfferState(StrEnum):
    """States of codes list 24 (achievement)."""

    DRAFT = "DRAFT"  # 草稿
    SUBMITTED = "SUBMITTED"  # 已提交
    UNIT_OK = "UNIT_OK"  # 单位审核
    REGISTERED = "REGISTERED"  # 已登记
    REJECTED = "REJECTED"  # 不予登记
    LISTED = "LISTED"  # 已发布
    TRIAL = "TRIAL"  # 试用中
    PRICING = "PRICING"  # 定价公示
    CONVERTED = "CONVERTED"  # 已转化
    DELISTED = "DELISTED"  # 下架


(
    DRAFT,
    SUBMITTED,
    UNIT_OK,
    REGISTERED,
    REJECTED,
    LISTED,
    TRIAL,
    PRICING,
    CONVERTED,
    DELISTED,
) = OfferState

EDITABLE = frozenset({DRAFT})
"""The owner's text is open."""
REVIEWING = frozenset({SUBMITTED, UNIT_OK, REGISTERED})
"""The text is locked and waits for somebody."""
MATCHABLE = frozenset({LISTED, TRIAL, PRICING})
"""On the market, matchable."""
PUBLISHED = MATCHABLE | {CONVERTED}
"""Readable by the public at the tiers of its fields."""
SHOWN = PUBLISHED | EDITABLE | REVIEWING
"""States in which outsiders read the published version, where there is one."""
GONE = frozenset({REJECTED, DELISTED})
"""Off the market: nobody is to ask for it any more."""
REVISABLE = frozenset({REGISTERED, LISTED, DELISTED})
"""An edit begins the next version, which goes through review again."""

# fmt: off
OFFER_WORKFLOW = Workflow("offer", DRAFT, table([
    Transition("submit",       {DRAFT},                      SUBMITTED,
               Text("提交单位审核", "Submit")),
    Transition("unit-approve", {SUBMITTED},                  UNIT_OK,
               Text("单位审核通过", "Approve for the unit")),
    Transition("register",     {UNIT_OK},                    REGISTERED,
               Text("登记", "Register"), fields=("reg_no",)),
    Transition("reject",       {UNIT_OK},                    REJECTED,
               Text("不予登记", "Refuse registration"), needs_reason=True),
    Transition("list",         {REGISTERED},                 LISTED,
               Text("发布", "List")),
    Transition("return",       {SUBMITTED, UNIT_OK},         DRAFT,
               Text("退回修改", "Return for changes"), needs_reason=True,
               fields=("field_comments",)),
    Transition("delist",       MATCHABLE | {REGISTERED},     DELISTED,
               Text("下架", "Delist"), needs_reason=True),
    Transition("delist",       {DRAFT, SUBMITTED, UNIT_OK},  DELISTED,
               Text("下架", "Delist"), needs_reason=True, published_only=True),
    Transition("discard",      {DRAFT, SUBMITTED, UNIT_OK},  LISTED,
               Text("放弃修订", "Discard the next version"), published_only=True),
    Transition("revise",       REVISABLE,                    DRAFT,
               Text("修订", "Begin the next version"), system=True),
    Transition("admit",        {DRAFT},                      LISTED,
               Text("核准导入", "Admit a record checked before"), system=True),
    Transition("try",          {LISTED},                     TRIAL,
               Text("开始试用", "Begin a trial"), system=True),
    Transition("end-trial",    {TRIAL},                      LISTED,
               Text("结束试用", "End the last trial"), system=True),
    Transition("price",        {LISTED, TRIAL},              PRICING,
               Text("定价公示", "Publicise the price"), system=True),
    Transition("convert",      {PRICING},                    CONVERTED,
               Text("已转化", "Converted"), system=True),
]))
# fmt: on

_DETAILS = frozenset(
    {
        "innovations",
        "indicators",
        "attachments",
        "team",
        "team_intro",
        "completers",
    }
)
_ALWAYS = {"price_expect_yuan": Tier.VERIFIED, "maturity_evidence": Tier.VERIFIED}
OFFER_TIERS: dict[Disclosure, dict[str, Tier]] = {
    Disclosure.FULL: _ALWAYS | {"attachments": Tier.VERIFIED},
    Disclosure.NDA: _ALWAYS | dict.fromkeys(_DETAILS, Tier.NDA),
    Disclosure.TARGETED: _ALWAYS | dict.fromkeys(_DETAILS | {"abstract"}, Tier.NDA),
}
"""The tier that a field needs; a field that is not named is public.

Under an NDA the abstract stays public (摘要公开、详情需签保密协议).
"""
