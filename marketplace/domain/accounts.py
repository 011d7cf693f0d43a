"""Life cycle of an account: in use, or disabled by an operator."""

from __future__ import annotations

from enum import StrEnum

from marketplace.domain.workflows import Transition, Workflow, table
from marketplace.errors import Text


class AccountState(StrEnum):
    """Whether a person may sign in."""

    ACTIVE = "ACTIVE"  # 正常
    DISABLED = "DISABLED"  # 停用


ACTIVE, DISABLED = AccountState
# fmt: off
ACCOUNT_WORKFLOW = Workflow("user", ACTIVE, table([
    Transition("disable", {ACTIVE},   DISABLED, Text("停用", "Disable"),
               needs_reason=True),
    Transition("enable",  {DISABLED}, ACTIVE,   Text("启用", "Enable"),
               needs_reason=True),
]))
# fmt: on
