"""Technology brokers 技术经纪人, transfer institutions 技术转移机构, shares of a fee.

Source: domain reference, section 11; codes lists 23 and 24.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum

from marketplace.domain.money import CENT, yuan
from marketplace.domain.roles import Tier
from marketplace.domain.workflows import Transition, Workflow, table
from marketplace.errors import Text


class BrokerState(StrEnum):
    """Whether somebody has checked a broker's record."""

    PENDING = "PENDING"  # 待核验
    VERIFIED = "VERIFIED"  # 已核验
    SUSPENDED = "SUSPENDED"  # 停用


PENDING, VERIFIED, SUSPENDED = BrokerState
# fmt: off
BROKER_WORKFLOW = Workflow("broker", PENDING, table([
    Transition("verify",    {PENDING},           VERIFIED,
               Text("核验通过", "Verify")),
    Transition("suspend",   {PENDING, VERIFIED}, SUSPENDED,
               Text("停用", "Suspend"), needs_reason=True),
    Transition("reinstate", {SUSPENDED},         PENDING,
               Text("恢复待核验", "Reopen"), needs_reason=True),
    Transition("recheck",   {VERIFIED},          PENDING,
               Text("修改后重新核验", "Check again after a change"), system=True),
]))
# fmt: on
CERTIFIED = frozenset({VERIFIED})
"""An operator has seen the certificate."""
UNCHECKED = frozenset({PENDING})
"""An operator has yet to see it."""
CHECKED = frozenset(
    {
        "name",
        "id_no",
        "certificate_no",
        "certificate_body",
        "grade",
        "obtained_on",
        "valid_until",
    }
)
"""What the operator verified on the certificate; a change asks for him again."""
BROKER_TIERS: dict[str, Tier] = {
    "certificate_no": Tier.VERIFIED,
    "education": Tier.VERIFIED,
    "id_no": Tier.OWNER,
    "user_id": Tier.OWNER,
}
"""The tier that a field needs. A name is masked below ``VERIFIED``, an identity number
always."""


class InstitutionState(StrEnum):
    """How far the record 备案 of an institution has come (codes list 24)."""

    APPLIED = "APPLIED"  # 已申请
    RECORDED = "RECORDED"  # 已备案
    EVALUATED = "EVALUATED"  # 绩效评价
    REMOVED = "REMOVED"  # 取消


APPLIED, RECORDED, EVALUATED, REMOVED = InstitutionState
ON_RECORD = frozenset({RECORDED, EVALUATED})
ASKING = frozenset({APPLIED})
"""Somebody has to judge the application."""
CURRENT = ON_RECORD | ASKING
"""On record or asking for it: the form may change."""
# fmt: off
INSTITUTION_WORKFLOW = Workflow("institution", APPLIED, table([
    Transition("recommend", {APPLIED},   APPLIED,
               Text("推荐备案", "Recommend")),
    Transition("return",    {APPLIED},   APPLIED,
               Text("退回修改", "Return for changes"), needs_reason=True),
    Transition("record",    {APPLIED},   RECORDED,
               Text("予以备案", "Record"), fields=("level",)),
    Transition("withdraw",  {APPLIED},   REMOVED,
               Text("撤回申请", "Withdraw the application"), needs_reason=True),
    Transition("evaluate",  ON_RECORD,   EVALUATED,
               Text("登记绩效评价", "Evaluate"), fields=("year", "grade")),
    Transition("remove",    CURRENT,     REMOVED,
               Text("取消备案", "Remove"), needs_reason=True),
    Transition("reapply",   {REMOVED},   APPLIED,
               Text("重新申请", "Apply again")),
]))
# fmt: on
STAYING = frozenset({"recommend", "return"})
"""Steps that are written down and leave the record where it stands."""
INNER_OFFICE = "INNER"
"""Code of list 23: an office within a legal person, without one of its own."""


class ProposalState(StrEnum):
    """How a proposal of shares stands."""

    PROPOSED = "PROPOSED"  # 待确认
    AGREED = "AGREED"  # 已商定
    REFUSED = "REFUSED"  # 未同意
    SUPERSEDED = "SUPERSEDED"  # 已被新方案取代


OPEN_PROPOSAL = frozenset({ProposalState.PROPOSED})
"""Somebody's consent is still missing."""

HOLDING = frozenset({ProposalState.AGREED})
"""All have accepted it, and no later one."""


class DealShape(StrEnum):
    """In which way an institution stands in a deal."""

    THREE_PARTY = "three-party"  # 三方合同
    SIDE_BY_SIDE = "side-by-side"  # 两份合同并行
    TWO_PARTY = "two-party"  # 仅买卖双方


WHOLE = Decimal("100.00")


def split(amount: Decimal, shares: Sequence[Decimal]) -> list[Decimal]:
    """Split an amount by shares in per cent, so that no 分 is lost or made.

    Every share gets its part rounded down to the 分; what is left over goes 分 by 分 to
    the largest remainders. Of equal remainders the larger share comes first, then the
    one that stands first.

    Parameters
    ----------
    amount : Decimal
        In 元, not negative.
    shares : sequence of Decimal
        Shape (n,), in per cent with at most two places, positive, adding up to 100.

    Returns
    -------
    list of Decimal
        Shape (n,), in 元; adds up to ``amount``.

    Raises
    ------
    ValueError
        The amount is negative, or the shares are no shares of a whole.

    Examples
    --------
    >>> split(Decimal("0.10"), [Decimal("33.33"), Decimal("33.33"), Decimal("33.34")])
    [Decimal('0.03'), Decimal('0.03'), Decimal('0.04')]
    """
    if not is_whole(shares):
        raise ValueError("the shares do not add up to 100.00")
    fen = int(yuan(amount) / CENT)
    if fen < 0:
        raise ValueError("a negative amount is not shared")
    points = [int(share / CENT) for share in shares]
    parts = [divmod(fen * point, 10_000) for point in points]
    whole = [part for part, _ in parts]
    order = sorted(range(len(parts)), key=lambda i: (-parts[i][1], -points[i], i))
    for index in order[: fen - sum(whole)]:
        whole[index] += 1
    return [(Decimal(part) * CENT).quantize(CENT) for part in whole]


def is_whole(shares: Sequence[Decimal]) -> bool:
    """Tell whether shares in per cent are positive and add up to 100.00 exactly.

    >>> is_whole([Decimal("60"), Decimal("40.00")])
    True
    """
    exact = all(share > 0 and share == share.quantize(CENT) for share in shares)
    return exact and sum(shares, Decimal(0)) == WHOLE
