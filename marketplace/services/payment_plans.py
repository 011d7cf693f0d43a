"""What a contract's payments come to 收付款: sums, and the plan beside what was paid.

Read from what ``payments`` writes down; nothing here changes anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace.domain.contracts import PaymentKind
from marketplace.models.contracts import Contract, ContractPayment
from marketplace.services.contract_contents import NOTHING, values_of

Values = dict[str, Any]


def share_of(amount: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    """Return the part of an amount in the ratio ``part / whole``, to the 分."""
    if not whole:
        return Decimal("0.00")
    return (amount * part / whole).quantize(Decimal("0.01"))


@dataclass(frozen=True, slots=True)
class Sums:
    """What has gone through a contract, in 元.

    Parameters
    ----------
    received_yuan, returned_yuan : Decimal
    net_technical_yuan : Decimal
        Technical parts received less those returned.
    income_yuan : Decimal
        Technical income, net of what was returned.
    """

    received_yuan: Decimal
    returned_yuan: Decimal
    net_technical_yuan: Decimal
    income_yuan: Decimal

    @property
    def net_yuan(self) -> Decimal:
        """What the seller holds."""
        return self.received_yuan - self.returned_yuan


def rows_of(session: so.Session, contract_id: UUID) -> Sequence[ContractPayment]:
    """Return the payments of a contract, in its order."""
    return session.scalars(
        sa.select(ContractPayment)
        .where(ContractPayment.contract_id == contract_id)
        .order_by(ContractPayment.number)
    ).all()


def sums(session: so.Session, contract_id: UUID) -> Sums:
    """Add up what has gone through a contract."""
    return sums_of(rows_of(session, contract_id))


def sums_of(rows: Sequence[ContractPayment]) -> Sums:
    """Add up payments of one contract."""
    received = [r for r in rows if r.kind is PaymentKind.RECEIVED]
    returned = [r for r in rows if r.kind is PaymentKind.RETURNED]

    def total(found: Sequence[ContractPayment], name: str) -> Decimal:
        return sum((getattr(row, name) for row in found), NOTHING)

    return Sums(
        total(received, "amount_yuan"),
        total(returned, "amount_yuan"),
        total(received, "technical_yuan") - total(returned, "technical_yuan"),
        total(received, "technical_income_yuan")
        - total(returned, "technical_income_yuan"),
    )


def left_of(
    origin: ContractPayment, rows: Sequence[ContractPayment]
) -> tuple[Decimal, Decimal, Decimal]:
    """Return amount, technical part and income of a receipt less what went back."""
    back = [row for row in rows if row.reverses_id == origin.id]
    return (
        origin.amount_yuan - sum((r.amount_yuan for r in back), NOTHING),
        origin.technical_yuan - sum((r.technical_yuan for r in back), NOTHING),
        origin.technical_income_yuan
        - sum((r.technical_income_yuan for r in back), NOTHING),
    )


def instalments(session: so.Session, contract: Contract) -> list[Values]:
    """Return the payment plan with what was paid of each instalment.

    ``state`` is ``planned``, ``part``, ``paid`` or ``paid-late``; early payment is told
    by ``paid_on`` before ``due_on``.
    """
    return spread(contract, rows_of(session, contract.id))[0]


def spread(
    contract: Contract, rows: Sequence[ContractPayment]
) -> tuple[list[Values], Decimal]:
    """Spread what was received, less what went back, over the plan.

    Payments that name an instalment count for it, up to its amount. What is above it,
    what names none, and what names one that an amendment has dropped counts for the
    earliest that is still open. Returns the plan, and what no instalment takes.
    """
    plan = _unpaid_plan(contract)
    loose: list[tuple[Decimal, date]] = []
    for row in rows:
        if row.kind is not PaymentKind.RECEIVED:
            continue
        left, _, _ = left_of(row, rows)
        named = (row.instalment or 0) - 1
        if 0 <= named < len(plan):
            left -= _take(plan[named], left, row.paid_on, named=True)
        loose.append((left, row.paid_on))
    unassigned = NOTHING
    for rest, paid_on in loose:
        left = rest
        for entry in plan:
            left -= _take(entry, left, paid_on)
        unassigned += left
    return plan_with_states(plan), unassigned


def _unpaid_plan(contract: Contract) -> list[Values]:
    values = values_of(contract.current)
    return [
        {
            "number": index,
            "deliverable": row["deliverable"],
            "due_on": row["due_on"],
            "amount_yuan": row["amount_yuan"] or NOTHING,
            "is_open_ended": row["amount_yuan"] is None,
            "paid_yuan": NOTHING,
            "paid_on": None,
        }
        for index, row in enumerate(values["instalments"], start=1)
    ]


def _take(
    entry: Values, money: Decimal, paid_on: date, *, named: bool = False
) -> Decimal:
    """Count money for an instalment and return how much of it the instalment takes.

    One whose amount is not known yet, as with royalties, takes all that names it.
    """
    room = entry["amount_yuan"] - entry["paid_yuan"]
    taken = money if entry["is_open_ended"] and named else min(money, room)
    if taken <= 0:
        return NOTHING
    entry["paid_yuan"] += taken
    entry["paid_on"] = max(entry["paid_on"] or paid_on, paid_on)
    return taken


def plan_with_states(plan: list[Values]) -> list[Values]:
    """Say of each instalment how it stands, apart from whether today is late."""
    for entry in plan:
        entry["open_yuan"] = max(NOTHING, entry["amount_yuan"] - entry["paid_yuan"])
        entry["state"] = _standing(entry)
    return plan


def _standing(entry: Mapping[str, Any]) -> str:
    nothing_yet = entry["is_open_ended"] and not entry["paid_yuan"]
    if entry["open_yuan"] or nothing_yet:
        return "part" if entry["paid_yuan"] > 0 else "planned"
    return "paid-late" if _is_late(entry["paid_on"], entry["due_on"]) else "paid"


def _is_late(paid_on: date | None, due_on: date | None) -> bool:
    return paid_on is not None and due_on is not None and paid_on > due_on


def is_overdue(row: Mapping[str, Any], today: date) -> bool:
    """Whether something of an instalment is open although its day is past."""
    due_on = row["due_on"]
    return bool(row["open_yuan"]) and due_on is not None and due_on < today
