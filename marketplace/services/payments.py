"""Payments of a contract 收付款: planned, received, returned; technical income.

Money is written down once and never changed: what was wrong is taken back by an entry
of its own. Technical income 技术性收入 is settled for each payment, from its technical
part less the deducted costs (form 技术合同技术性收入核定表).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from marketplace.errors import Conflict, Forbidden, Invalid, Text
from marketplace.models.contracts import Contract, ContractPayment
from marketplace.services import contracts, events, payment_plans, steps
from marketplace.services.contract_contents import (
    NOTHING,
    ROYALTY_METHODS,
    non_technical_sum,
    values_of,
)
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
    rows = payment_plans.rows_of(session, contract.id)
    payment = _read(session, actor, contract, kind, data, rows)
    _require_hand(actor, contract, payment, rows)
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
    contracts.owe_instalment(session, actor, contract)
    return payment


def _require_hand(
    actor: Actor,
    contract: Contract,
    payment: ContractPayment,
    rows: Sequence[ContractPayment],
) -> None:
    """Let a receipt be taken back by who wrote it down, or by who got the money.

    Raises
    ------
    Forbidden
    """
    origin = next((row for row in rows if row.id == payment.reverses_id), None)
    if origin is None:
        return
    by = next(p.side for p in contract.parties if p.org_id == origin.recorded_for)
    hands = set(rights.party_orgs(contract, Side.SELLER, by))
    if not hands & set(rights.writing_org_ids(actor)):
        raise Forbidden(
            Text(
                "该笔收款由对方登记，须由对方或收款方登记退款",
                "the other side wrote this receipt down: it, or who got the money,"
                " records what goes back",
            )
        )


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
    if voucher and voucher in _vouchers(kind, rows):
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


def _vouchers(kind: PaymentKind, rows: Sequence[ContractPayment]) -> set[str]:
    """Return the vouchers in use: one of a receipt that is all gone back is free."""
    return {
        row.voucher
        for row in rows
        if row.kind is kind
        and (kind is PaymentKind.RETURNED or payment_plans.left_of(row, rows)[0] > 0)
    }


def _received(
    reader: Reader,
    contract: Contract,
    data: Mapping[str, Any],
    amount: Decimal,
    rows: Sequence[ContractPayment],
) -> Values:
    values = values_of(contract.current)
    open_ended = values["payment_method"] in ROYALTY_METHODS
    so_far = payment_plans.sums_of(rows)
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
        part = _usual_part(values, amount, so_far, open_ended=open_ended)
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
    values: Values,
    amount: Decimal,
    so_far: payment_plans.Sums,
    *,
    open_ended: bool,
) -> Decimal:
    """Split a payment as what is still to be paid of the contract is split.

    The share is one of what is left, so that what rounding gives or takes is made up
    by the payments that follow, and the last one takes the rest. Where the sum is not
    known before, the costs that the contract itemises are paid first.
    """
    total: Decimal | None = values["total_yuan"]
    technical: Decimal | None = values["technical_yuan"]
    if technical is None or not total or open_ended:
        paid = so_far.net_yuan - so_far.net_technical_yuan
        costs: Decimal = max(NOTHING, non_technical_sum(values) - paid)
        return amount - min(amount, costs)
    to_pay = total - so_far.net_yuan
    left = max(NOTHING, technical - so_far.net_technical_yuan)
    return min(payment_plans.share_of(amount, left, to_pay), left, amount)


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
    left, technical, income = payment_plans.left_of(origin, rows)
    if amount > left:
        reader.wrong(
            "/amount_yuan",
            "more_than_received",
            "该笔收款可退余额为 {left}",
            "only {left} of it is left",
            left=left,
        )
    part = payment_plans.share_of(amount, technical, left)
    return {
        "technical_yuan": part,
        "technical_income_yuan": payment_plans.share_of(part, income, technical),
        "deductions": [],
        "instalment": origin.instalment,
        "reverses_id": origin.id,
    }


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
    rows = payment_plans.rows_of(session, contract.id)
    found = payment_plans.sums_of(rows)
    plan, unassigned = payment_plans.spread(contract, rows)
    return {
        "total_yuan": contract.total_yuan,
        "technical_yuan": contract.technical_yuan,
        "received_yuan": found.received_yuan,
        "returned_yuan": found.returned_yuan,
        "net_yuan": found.net_yuan,
        "net_technical_yuan": found.net_technical_yuan,
        "technical_income_yuan": found.income_yuan,
        "instalments": [
            {**row, "overdue": payment_plans.is_overdue(row, actor.today)}
            for row in plan
        ],
        "unassigned_yuan": unassigned,
    }
