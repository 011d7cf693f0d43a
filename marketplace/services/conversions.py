"""A unit's yearly conversion report 成果转化年度报告, filled in from what is here.

Shandong regulation on the conversion of achievements (2018), art. 15: the unit reports
to its supervising body by the end of March, which reports upward by the end of April.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace.domain.actors import Actor
from marketplace.domain.contracts import ANNULLED, CLASSES, PaymentKind, Side, class_of
from marketplace.domain.offers import MATCHABLE
from marketplace.domain.periods import Period
from marketplace.errors import Text
from marketplace.models.contracts import Contract, ContractParty, ContractPayment
from marketplace.models.offers import Offer, OfferVersion
from marketplace.models.registrations import RegistrationFact
from marketplace.services import rules
from marketplace.services.events import plain

_ZERO = Decimal("0.00")


@dataclass(frozen=True, slots=True)
class _Row:
    """A contract in which the unit sells, with what was registered and received."""

    contract: Contract
    registered: int
    registered_yuan: Decimal
    received: Decimal
    income: Decimal


def pack(
    session: so.Session, actor: Actor, org_id: UUID, period: Period
) -> dict[str, Any]:
    """Return the figures, the contracts of the year and the gaps to explain."""
    rows = _contracts(session, actor, org_id)
    signed = [
        r
        for r in rows
        if _within(r.contract.signed_on, period) and r.contract.state not in ANNULLED
    ]
    received, income = _received(session, actor, [r.contract.id for r in rows], period)
    deadlines = rules.in_force(
        session, "report.conversion_deadlines", on=period.end, region="370000"
    )
    return {
        "headline": [
            _line("contracts", Text("签订合同数", "Contracts signed"), len(signed)),
            _line(
                "contract_yuan",
                Text("合同总额", "Their total"),
                sum((r.contract.total_yuan or _ZERO for r in signed), _ZERO),
            ),
            _line(
                "technical_yuan",
                Text("技术交易额", "Their technical amount"),
                sum((r.contract.technical_yuan or _ZERO for r in signed), _ZERO),
            ),
            _line(
                "registered",
                Text("其中已登记", "Of these registered"),
                sum(r.registered for r in signed),
            ),
            _line("received_yuan", Text("当年到账", "Received in the year"), received),
            _line(
                "technical_income_yuan",
                Text("当年技术性收入", "Technical income of the year"),
                income,
            ),
            _line(
                "converted_offers",
                Text("有合同的成果数", "Achievements with a contract"),
                len({r.contract.offer_id for r in signed if r.contract.offer_id}),
            ),
        ],
        "sections": [_by_class(signed)],
        "contracts": [_shown(row) for row in signed],
        "gaps": [*_contract_gaps(signed), *_idle_offers(session, actor, org_id)],
        "deadlines": deadlines.value,
    }


def _within(day: date | None, period: Period) -> bool:
    return day is not None and period.start <= day <= period.end


def _line(code: str, title: Text, value: Decimal | int) -> dict[str, Any]:
    return {
        "code": code,
        "title": {"zh": title.zh, "en": title.en},
        "value": str(value),
        "yoy": None,
        "reason": None,
        "unit": None,
    }


def _contracts(session: so.Session, actor: Actor, org_id: UUID) -> list[_Row]:
    """Return the unit's contracts as seller that were signed by all until now."""
    facts = (
        sa.select(
            RegistrationFact.contract_id,
            sa.func.sum(RegistrationFact.count).label("n"),
            sa.func.sum(RegistrationFact.total_yuan).label("total"),
        )
        .where(RegistrationFact.at <= actor.now)
        .group_by(RegistrationFact.contract_id)
        .subquery()
    )
    sold = sa.exists().where(
        ContractParty.contract_id == Contract.id,
        ContractParty.org_id == org_id,
        ContractParty.side == Side.SELLER,
    )
    found = session.execute(
        sa.select(Contract, facts.c.n, facts.c.total)
        .outerjoin(facts, facts.c.contract_id == Contract.id)
        .where(sold, Contract.concluded_at <= actor.now)
        .order_by(Contract.signed_on, Contract.contract_no)
    ).all()
    paid = _payments(session, actor, [c.id for c, _, _ in found])
    return [
        _Row(c, n or 0, total or _ZERO, *paid.get(c.id, (_ZERO, _ZERO)))
        for c, n, total in found
    ]


def _payments(
    session: so.Session,
    actor: Actor,
    contracts: Sequence[UUID],
    period: Period | None = None,
) -> dict[UUID, tuple[Decimal, Decimal]]:
    """Return what each contract brought in, and the technical income of it."""
    if not contracts:
        return {}
    asked = sa.select(ContractPayment).where(
        ContractPayment.contract_id.in_(contracts),
        ContractPayment.recorded_at <= actor.now,
    )
    if period is not None:
        asked = asked.where(ContractPayment.paid_on.between(period.start, period.end))
    found: dict[UUID, tuple[Decimal, Decimal]] = {}
    for payment in session.scalars(asked):
        sign = 1 if payment.kind is PaymentKind.RECEIVED else -1
        amount, income = found.get(payment.contract_id, (_ZERO, _ZERO))
        found[payment.contract_id] = (
            amount + sign * payment.amount_yuan,
            income + sign * payment.technical_income_yuan,
        )
    return found


def _received(
    session: so.Session, actor: Actor, contracts: Sequence[UUID], period: Period
) -> tuple[Decimal, Decimal]:
    """Return what all contracts, of whatever year, brought in within a period."""
    paid = _payments(session, actor, contracts, period).values()
    return sum((p[0] for p in paid), _ZERO), sum((p[1] for p in paid), _ZERO)


def _by_class(signed: Sequence[_Row]) -> dict[str, Any]:
    rows = []
    for letter, title in CLASSES.items():
        own = [
            r.contract for r in signed if class_of(r.contract.contract_class) == letter
        ]
        rows.append(
            {
                "key": letter,
                "name": {"zh": title.zh, "en": title.en},
                "rank": None,
                "count": len(own),
                "count_yoy": None,
                "total_yuan": str(sum((c.total_yuan or _ZERO for c in own), _ZERO)),
                "total_yoy": None,
                "technical_yuan": str(
                    sum((c.technical_yuan or _ZERO for c in own), _ZERO)
                ),
                "technical_yoy": None,
            }
        )
    return {
        "axis": "class",
        "title": {"zh": "合同类别", "en": "Contract class"},
        "rows": rows,
        "notes": [],
    }


def _shown(row: _Row) -> dict[str, Any]:
    contract = row.contract
    return {
        "id": plain(contract.id),
        "contract_no": contract.contract_no,
        "title": contract.title,
        "contract_class": contract.contract_class,
        "signed_on": plain(contract.signed_on),
        "total_yuan": plain(contract.total_yuan),
        "technical_yuan": plain(contract.technical_yuan),
        "offer_id": plain(contract.offer_id),
        "registered": row.registered > 0,
        "registered_yuan": plain(row.registered_yuan),
        "received_yuan": plain(row.received),
    }


GAPS: dict[str, Text] = {
    "contract_without_offer": Text(
        "合同未关联成果，请说明来源", "no achievement is linked to the contract"
    ),
    "registered_without_payment": Text(
        "合同已登记而无到账记录", "the contract is registered and nothing is received"
    ),
    "listed_without_conversion": Text(
        "成果发布满一年尚未转化",
        "the achievement has been listed for a year without a contract",
    ),
}


def _gap(
    code: str, kind: str, subject: UUID, number: str, title: str
) -> dict[str, Any]:
    return {
        "code": code,
        "text": {"zh": GAPS[code].zh, "en": GAPS[code].en},
        "kind": kind,
        "id": str(subject),
        "number": number,
        "title": title,
    }


def _contract_gaps(signed: Sequence[_Row]) -> list[dict[str, Any]]:
    found = []
    for row in signed:
        contract = row.contract
        named = ("contract", contract.id, contract.contract_no, contract.title)
        if contract.offer_id is None:
            found.append(_gap("contract_without_offer", *named))
        if row.registered > 0 and row.received <= 0:
            found.append(_gap("registered_without_payment", *named))
    return found


def _idle_offers(
    session: so.Session, actor: Actor, org_id: UUID
) -> list[dict[str, Any]]:
    """Return results on offer for a year or more for which no contract was signed."""
    today = actor.today
    day = 28 if (today.month, today.day) == (2, 29) else today.day
    since = actor.now.astimezone(actor.zone).replace(year=today.year - 1, day=day)
    sold = sa.exists().where(
        Contract.offer_id == Offer.id, Contract.concluded_at <= actor.now
    )
    found = session.execute(
        sa.select(Offer.id, Offer.ach_no, OfferVersion.title)
        .join(OfferVersion, OfferVersion.id == Offer.published_version_id)
        .where(
            Offer.owner_org_id == org_id,
            Offer.state.in_(sorted(MATCHABLE)),
            Offer.published_at <= since,
            ~sold,
        )
        .order_by(Offer.ach_no)
    )
    return [
        _gap("listed_without_conversion", "offer", offer_id, number, title)
        for offer_id, number, title in found
    ]
