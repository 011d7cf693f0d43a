"""Payments of a contract 收付款: planned, received, returned; technical income.

Money is written down once and never changed: what was wrong is taken back by an entry
of its own. Technical income 技术性收入 is settled for each payment, from its technical
part less the deducted costs (form 技术合同技术性收入核定表).
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

from marketplace import policies
from marketplace import thread_policies as rights
from marketplace.domain.actors import Actor
from marketplace.domain.contracts import (
    COMPLETED,
    IN_FORCE,
    RESCINDED,
    UNTOUCHED,
    VOID,
    PaymentKind,
    Side,
)
from marketplace.domain.ids import new_id
from marketplace.errors import Conflict, Invalid, Text
from marketplace.models.contracts import Contract, ContractPayment
from marketplace.services import contracts, duties, events, rules, steps
from marketplace.services.contract_contents import NOTHING, ROYALTY_METHODS
from marketplace.services.fields import Amount, Code, Field, Items, Reader, Words
from marketplace.services.paging import Listing

Values = dict[str, Any]
PAYABLE = IN_FORCE | {COMPLETED}
RETURNABLE = PAYABLE | {RESCINDED, VOID}
DEDUCTION: tuple[Field, ...] = (
    Code("kind", list_id="income_deduction"),
    Amount("amount_yuan"),
)
AMOUNT, TECHNICAL = Amount("amount_yuan"), Amount("technical_yuan")
VOUCHER, NOTE = Words("voucher", most=120), Words("note", most=500)
DEDUCTIONS = Items("deductions", table=DEDUCTION, most=20)


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


def _rows(session: so.Session, contract_id: UUID) -> Sequence[ContractPayment]:
    return session.scalars(
        sa.select(ContractPayment)
        .where(ContractPayment.contract_id == contract_id)
        .order_by(ContractPayment.number)
    ).all()


def sums(session: so.Session, contract_id: UUID) -> Sums:
    """Add up what has gone through a contract."""
    return _sums(_rows(session, contract_id))


def _sums(rows: Sequence[ContractPayment]) -> Sums:
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


def record(
    session: so.Session,
    actor: Actor,
    contract_id: UUID,
    data: Mapping[str, Any],
    *,
    expected: str | None = None,
) -> ContractPayment:
    """Write down money that was received, or returned.

    Parameters
    ----------
    data : mapping
        ``kind``; ``amount_yuan``; ``paid_on`` (today when absent); ``instalment``
        (from one);
        ``reverses_id`` for what is returned; ``technical_yuan`` (in proportion to the
        contract when absent); ``deductions``; ``voucher``; ``note``.

    Raises
    ------
    NotFound, Unauthenticated, Forbidden, Stale, IllegalTransition
    Invalid
        Naming what is wrong: more than was agreed, or than was received.
    Conflict
        The voucher was recorded already.
    """
    contract = steps.get(session, actor, contracts.KIND, contract_id, lock=True)
    grant = policies.require(actor, "pay", contract, rights.CONTRACT_RULES)
    steps.require_revision(contract, expected)
    kind = PaymentKind(data["kind"])
    allowed = PAYABLE if kind is PaymentKind.RECEIVED else RETURNABLE
    if contract.state not in allowed:
        raise contracts.kind_refusal(actor, contract, "pay")
    rows = _rows(session, contract.id)
    payment = _read(session, actor, contract, kind, data, rows)
    payment.recorded_for = grant.org_id
    session.add(payment)
    if contract.state in UNTOUCHED:
        steps.advance(session, actor, contracts.KIND, contract, "perform")
    steps.touch(contract, actor)
    events.record(
        session,
        actor,
        contract,
        "contract.pay",
        role=grant.role,
        org_id=grant.org_id,
        changes=events.difference({}, _shown(payment)),
    )
    session.flush()
    owe_instalment(session, actor, contract)
    return payment


def _read(
    session: so.Session,
    actor: Actor,
    contract: Contract,
    kind: PaymentKind,
    data: Mapping[str, Any],
    rows: Sequence[ContractPayment],
) -> ContractPayment:
    reader = Reader(session, actor.today)
    amount = AMOUNT.read(reader, data.get("amount_yuan"), None)
    if amount is None or amount <= 0:
        reader.wrong("/amount_yuan", "required", "金额须大于零", "must be above zero")
        reader.refuse()
    assert amount is not None  # noqa: S101 - refused above
    paid_on = reader.day(data.get("paid_on"), "/paid_on") or actor.today
    if paid_on > actor.today:
        reader.wrong(
            "/paid_on", "not_a_past_day", "须为今天或以前的日期", "today or before"
        )
    voucher = VOUCHER.read(reader, data.get("voucher"), None)
    if voucher and voucher in {row.voucher for row in rows if row.kind is kind}:
        raise Conflict(
            Text("该凭证号已登记", "this voucher was recorded already"),
        )
    if kind is PaymentKind.RETURNED:
        facts = _returned(reader, data, amount, paid_on, rows)
    else:
        facts = _received(reader, contract, data, amount, rows)
    note = NOTE.read(reader, data.get("note"), None)
    reader.refuse()
    return ContractPayment(
        id=new_id(),
        contract_id=contract.id,
        number=1 + max((row.number for row in rows), default=0),
        kind=kind,
        paid_on=paid_on,
        amount_yuan=amount,
        voucher=voucher,
        note=note,
        recorded_at=actor.now,
        recorded_by=actor.user_id,
        **facts,
    )


def _received(
    reader: Reader,
    contract: Contract,
    data: Mapping[str, Any],
    amount: Decimal,
    rows: Sequence[ContractPayment],
) -> Values:
    values = contracts.values_of(contract.current)
    open_ended = values["payment_method"] in ROYALTY_METHODS
    so_far = _sums(rows)
    total, technical = values["total_yuan"], values["technical_yuan"]
    if total is not None and not open_ended and so_far.net_yuan + amount > total:
        reader.wrong(
            "/amount_yuan",
            "more_than_agreed",
            "累计收款 {paid} 将超过成交总额 {total}；金额有变请先签变更协议",
            "brings what was received to {paid}, above the total of {total};"
            " amend the contract first",
            paid=so_far.net_yuan + amount,
            total=total,
        )
    part = TECHNICAL.read(reader, data.get("technical_yuan"), None)
    if part is None:
        part = _usual_part(amount, total, technical, so_far, open_ended=open_ended)
    if part > amount:
        reader.wrong(
            "/technical_yuan",
            "more_than_amount",
            "技术交易额不能超过收款金额",
            "must not exceed the amount",
        )
    if (
        technical is not None
        and not open_ended
        and so_far.net_technical_yuan + part > technical
    ):
        reader.wrong(
            "/technical_yuan",
            "more_than_agreed",
            "累计技术交易额将超过合同技术交易额 {technical}",
            "brings the technical part above {technical}",
            technical=technical,
        )
    deductions = DEDUCTIONS.read(reader, data.get("deductions"), None)
    deducted = sum((row["amount_yuan"] or NOTHING for row in deductions), NOTHING)
    if deducted > part:
        reader.wrong(
            "/deductions",
            "more_than_technical",
            "扣除费用合计不能超过技术交易额",
            "must not exceed the technical part",
        )
    instalment = reader.whole(
        data.get("instalment"), "/instalment", 1, max(1, len(values["instalments"]))
    )
    if data.get("reverses_id") is not None:
        reader.wrong("/reverses_id", "not_of_a_receipt", "仅退款填写", "for returns")
    return {
        "technical_yuan": part,
        "deductions": events.plain(deductions),
        "technical_income_yuan": part - deducted,
        "instalment": instalment,
        "reverses_id": None,
    }


def _usual_part(
    amount: Decimal,
    total: Decimal | None,
    technical: Decimal | None,
    so_far: Sums,
    *,
    open_ended: bool,
) -> Decimal:
    """Split a payment as what is still to be paid of the contract is split.

    The share is one of what is left, so that what rounding gives or takes is made up
    by the payments that follow, and the last one takes the rest.
    """
    if technical is None or not total or open_ended:
        return amount
    to_pay = total - so_far.net_yuan
    left = max(NOTHING, technical - so_far.net_technical_yuan)
    return min(contracts.share_of(amount, left, to_pay), left, amount)


def _returned(
    reader: Reader,
    data: Mapping[str, Any],
    amount: Decimal,
    paid_on: date | None,
    rows: Sequence[ContractPayment],
) -> Values:
    """Take back a payment, whole or in part, with its technical part and income.

    Each part is a share of what is left of it, the income one of the technical part
    that goes back: no part ever exceeds the one that holds it, and what is returned to
    the last 分 leaves nothing of any.
    """
    reverses = reader.reference(data.get("reverses_id"), "/reverses_id")
    origin = next(
        (r for r in rows if r.id == reverses and r.kind is PaymentKind.RECEIVED), None
    )
    if origin is None:
        raise Invalid.at(
            "/reverses_id",
            "unknown_payment",
            "须指明所退的收款记录",
            "say which payment is returned",
        )
    if paid_on is not None and paid_on < origin.paid_on:
        reader.wrong(
            "/paid_on",
            "before_receipt",
            "不能早于所退收款的日期 {day}",
            "lies before {day}, the day of the payment that is returned",
            day=origin.paid_on,
        )
    left, technical, income = _left_of(origin, rows)
    if amount > left:
        reader.wrong(
            "/amount_yuan",
            "more_than_received",
            "该笔收款可退余额为 {left}",
            "only {left} of it is left",
            left=left,
        )
    part = contracts.share_of(amount, technical, left)
    return {
        "technical_yuan": part,
        "technical_income_yuan": contracts.share_of(part, income, technical),
        "deductions": [],
        "instalment": origin.instalment,
        "reverses_id": origin.id,
    }


def _left_of(
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


def owe_instalment(session: so.Session, actor: Actor, contract: Contract) -> None:
    """Have the buyer owe the earliest instalment that is due a day and not yet paid."""
    duties.close(
        session, actor, kind="contract", subject_id=contract.id, steps=("pay",)
    )
    if contract.state not in IN_FORCE:
        return
    plan = instalments(session, contract)
    waiting = min(
        (row for row in plan if row["open_yuan"] > 0 and row["due_on"]),
        key=lambda row: (row["due_on"], row["number"]),
        default=None,
    )
    if waiting is None:
        return
    rule = rules.in_force(session, "contract.duties", on=actor.today).value
    for org_id in rights.party_orgs(contract, Side.BUYER):
        contracts.owe(
            session,
            actor,
            contract,
            org_id,
            "pay",
            waiting["due_on"],
            int(rule["remind_before"]),
        )


def instalments(session: so.Session, contract: Contract) -> list[Values]:
    """Return the payment plan with what was paid of each instalment.

    ``state`` is ``planned``, ``part``, ``paid`` or ``paid-late``; early payment is told
    by ``paid_on`` before ``due_on``.
    """
    return _spread(contract, _rows(session, contract.id))[0]


def _spread(
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
        left, _, _ = _left_of(row, rows)
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
    values = contracts.values_of(contract.current)
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


def search(session: so.Session, actor: Actor, contract_id: UUID) -> Listing[Values]:
    """List the payments of a contract, in their order."""
    contract = contracts.get(session, actor, contract_id)
    statement = sa.select(ContractPayment).where(
        ContractPayment.contract_id == contract.id
    )

    def show(rows: Sequence[sa.Row[*tuple[Any, ...]]]) -> list[Values]:
        return [{"id": row[0].id, **_shown(row[0])} for row in rows]

    return Listing(
        session,
        statement,
        key=ContractPayment.id,
        view=show,
        sorts={"number": ContractPayment.number},
        default_sort="number",
    )


def _shown(payment: ContractPayment) -> Values:
    names = (
        "number",
        "kind",
        "instalment",
        "reverses_id",
        "paid_on",
        "amount_yuan",
        "technical_yuan",
        "technical_income_yuan",
        "deductions",
        "voucher",
        "note",
        "recorded_at",
        "recorded_for",
    )
    return {name: getattr(payment, name) for name in names}


def view(session: so.Session, actor: Actor, contract_id: UUID) -> Values:
    """Show the plan of a contract beside what was paid."""
    contract = contracts.get(session, actor, contract_id)
    rows = _rows(session, contract.id)
    found = _sums(rows)
    plan, unassigned = _spread(contract, rows)
    return {
        "total_yuan": contract.total_yuan,
        "technical_yuan": contract.technical_yuan,
        "received_yuan": found.received_yuan,
        "returned_yuan": found.returned_yuan,
        "net_yuan": found.net_yuan,
        "net_technical_yuan": found.net_technical_yuan,
        "technical_income_yuan": found.income_yuan,
        "instalments": [
            {**row, "overdue": bool(_overdue(row, actor.today))} for row in plan
        ],
        "unassigned_yuan": unassigned,
    }


def _overdue(row: Mapping[str, Any], today: date) -> bool:
    due_on = row["due_on"]
    return bool(row["open_yuan"]) and due_on is not None and due_on < today
