"""Life cycle of an organisation 单位 (domain reference, section 3)."""

from __future__ import annotations

from enum import StrEnum

from marketplace.domain.workflows import Transition, Workflow, table
from marketplace.errors import Text


class OrganisationState(StrEnum):
    """States of codes list 24."""

    PENDING = "PENDING"  # 待认证
    VERIFIED = "VERIFIED"  # 已认证
    SUSPENDED = "SUSPENDED"  # 暂停
    BLACKLISTED = "BLACKLISTED"  # 失信
    CLOSED = "CLOSED"  # 注销


PENDING, VERIFIED, SUSPENDED, BLACKLISTED, CLOSED = OrganisationState
# fmt: off
ORGANISATION_WORKFLOW = Workflow("organisation", PENDING, table([
    Transition("verify",    {PENDING},                        VERIFIED,
               Text("认证通过", "Verify")),
    Transition("suspend",   {VERIFIED},                       SUSPENDED,
               Text("暂停", "Suspend"), needs_reason=True, fields=("until", "document")),
    Transition("blacklist", {VERIFIED, SUSPENDED},            BLACKLISTED,
               Text("列入失信", "Blacklist"), needs_reason=True,
               fields=("until", "document")),
    Transition("reinstate", {SUSPENDED, BLACKLISTED},         VERIFIED,
               Text("恢复", "Reinstate"), needs_reason=True),
    Transition("close",     {PENDING, VERIFIED, SUSPENDED, BLACKLISTED}, CLOSED,
               Text("注销", "Close"), needs_reason=True),
]))
# fmt: on
