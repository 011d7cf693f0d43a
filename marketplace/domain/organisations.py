"""Life cycle of an organisation 单位 (domain reference, section 3)."""

from __future__ import annotations

from enum import StrEnum

from marketplace.domain.roles import Tier
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
               Text("暂停", "Suspend"), needs_reason=True,
               fields=("until", "document")),
    Transition("blacklist", {VERIFIED, SUSPENDED},            BLACKLISTED,
               Text("列入失信", "Blacklist"), needs_reason=True,
               fields=("until", "document")),
    Transition("reinstate", {SUSPENDED, BLACKLISTED},         VERIFIED,
               Text("恢复", "Reinstate"), needs_reason=True),
    Transition("close",     {PENDING, VERIFIED, SUSPENDED, BLACKLISTED}, CLOSED,
               Text("注销", "Close"), needs_reason=True),
]))
# fmt: on

UNVERIFIED = frozenset({PENDING})
"""Nobody has checked the licence yet: the unit may still correct everything."""
OPEN = frozenset(OrganisationState) - {CLOSED}
"""The unit exists; its name is taken and its fields may change."""
IDENTITY = frozenset({"name", "uscc", "org_type", "party_nature", "region"})
"""What the operator verified on the licence; afterwards only an operator changes it.
The seat's region belongs to it, since a reviewer's district follows from it."""
PRIVATE = frozenset({"legal_rep", "contact_name", "contact_phone", "contact_email"})
"""Personal data: masked wherever it is shown, whole only in the contact answer."""
BANK = frozenset({"bank_name", "bank_account"})
"""For the unit's own administrator and the operator."""
ORGANISATION_TIERS: dict[str, Tier] = {
    **dict.fromkeys(PRIVATE, Tier.VERIFIED),
    "staff_total": Tier.VERIFIED,
    "staff_rd": Tier.VERIFIED,
    "revenue_last_year_yuan": Tier.OWNER,
    "rd_spend_last_year_yuan": Tier.OWNER,
    "controllers": Tier.OWNER,
    "shareholders": Tier.OWNER,
    "related": Tier.OWNER,
    "officers": Tier.OWNER,
    "credit_status": Tier.OWNER,
    "suspended_until": Tier.OWNER,
    "suspension_reason": Tier.OWNER,
    "suspension_document": Tier.OWNER,
}
"""The tier that a field needs; a field that is not named is public."""
PERSON_TIERS = ORGANISATION_TIERS | {"address": Tier.OWNER, "postcode": Tier.OWNER}
"""The same for a natural person, whose seat is a home."""
NATURAL_PERSON, OVERSEAS = "PERS", "600"
"""Codes of lists 6a and 6: who has no unified social credit code."""
OVERSEAS_REGION = "000000"
"""The seat of a party outside China, which GB/T 2260 does not number."""
