"""Thresholds of the yearly record 年度备案条件 of a transfer institution, worked out.

The conditions are dated data (``institution.record.province`` and ``.city``); the
figures come from registered contracts and from money received in the year before, each
with its evidence. Domain reference, section 11: three-party contracts, or two side by
side, are preferred; deals between affiliated units do not count.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace import broker_policies as rights
from marketplace import policies
from marketplace.broker_policies import Deal
from marketplace.domain.actors import Actor
from marketplace.domain.brokers import INNER_OFFICE, DealShape
from marketplace.domain.contracts import STANDING, PaymentKind, Side, class_of
from marketplace.errors import Text
from marketplace.models.brokers import BrokerInstitution, CommissionPayment
from marketplace.models.contracts import Contract, ContractParty, ContractPayment
from marketplace.models.dockings import Docking
from marketplace.models.registrations import Registration
from marketplace.models.rules import Rule
from marketplace.services import commissions, contracts, institutions, rules
from marketplace.services.brokers import MEDIATION

Values = dict[str, Any]
NOTHING = Decimal("0.00")
REACHED, NOT_REACHED, ASK = "reached", "not-reached", "ask"
AFFILIATED, SUSPECTED, UNNAMED, OWN_DEAL, NO_INVOICE = (
    "affiliated",
    "suspected",
    "not-named",
    "own-deal",
    "no-invoice",
)
LEVELS = ("province", "city")


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing that shows a figure, or that does not count, and why.

    Parameters
    ----------
    kind : str
        ``contract``, ``payment`` or ``commission``.
    reason : str
        Why it does not count, or not for sure; empty where it counts.
    """

    kind: str
    contract: Contract
    day: date
    amount_yuan: Decimal
    mark: str
    shape: DealShape
    affiliated: bool
    counted: bool
    sure: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """A sum, by what is sure and by what may be.

    What is between the two needs somebody's judgement.
    """

    sure: Decimal
    most: Decimal


def threshold_report(
    session: so.Session, actor: Actor, institution_id: UUID, year: int
) -> Values:
    """Work out whether an institution reaches what the record of a year asks.

    Parameters
    ----------
    year : int
        Of the record; the figures are of the year before.

    Returns
    -------
    dict
        ``figures``, ``rules`` (each with its conditions: reached, not reached, or to
        be asked) and ``evidence``.

    Raises
    ------
    NotFound, Unauthenticated, Forbidden
    """
    institution = institutions.get(session, actor, institution_id)
    policies.require(actor, "read-thresholds", institution, rights.INSTITUTION_RULES)
    span = date(year - 1, 1, 1), date(year - 1, 12, 31)
    evidence = [
        *_deals(session, actor, institution, span),
        *_mediation_payments(session, actor, institution, span),
        *_commissions(session, actor, institution, span),
    ]
    answers = [_level(session, institution, level, year, evidence) for level in LEVELS]
    return {
        "institution_id": institution.id,
        "organisation": {"id": institution.org_id, "name": institution.org.name},
        "year": year,
        "figures_year": year - 1,
        "kind": kind_of(institution),
        "rules": answers,
        "evidence": [_show(row) for row in evidence],
    }


def kind_of(institution: BrokerInstitution) -> str:
    """Tell an inner office from an independent body."""
    return "inner" if institution.legal_type == INNER_OFFICE else "independent"


def _deals(
    session: so.Session,
    actor: Actor,
    institution: BrokerInstitution,
    span: tuple[date, date],
) -> Iterator[Evidence]:
    """Yield the registered contracts with which an institution has to do."""
    rows = session.execute(
        sa.select(Contract, Registration)
        .join(Registration, Registration.contract_id == Contract.id)
        .where(
            policies.one_of(Registration.state, STANDING),
            Registration.registered_on.between(*span),
            Contract.contract_class.is_distinct_from(MEDIATION),
            _has_to_do_with(institution),
        )
        .options(*contracts.KIND.options)
        .order_by(Registration.registered_on, Registration.reg_no)
    ).unique()
    for contract, registration in rows.all():
        yield _deal(session, actor, institution, contract, registration)


def _has_to_do_with(institution: BrokerInstitution) -> sa.ColumnElement[bool]:
    org_id = institution.org_id
    sides = {Side.BROKER}
    if kind_of(institution) == "inner":
        sides.add(Side.SELLER)
    a_party = sa.exists().where(
        ContractParty.contract_id == Contract.id,
        ContractParty.org_id == org_id,
        policies.one_of(ContractParty.side, sides),
    )
    brokered = Contract.docking_id.in_(
        sa.select(Docking.id).where(Docking.broker_org_id == org_id)
    )
    beside = so.aliased(Contract)
    mediated = sa.exists().where(
        beside.docking_id == Contract.docking_id,
        beside.contract_class == MEDIATION,
        ContractParty.contract_id == beside.id,
        ContractParty.side == Side.SELLER,
        ContractParty.org_id == org_id,
    )
    return sa.or_(a_party, brokered, mediated)


def _deal(
    session: so.Session,
    actor: Actor,
    institution: BrokerInstitution,
    contract: Contract,
    registration: Registration,
) -> Evidence:
    org_id = institution.org_id
    parties = {party.org_id: party.side for party in contract.parties}
    shape = DealShape.TWO_PARTY
    if parties.get(org_id) is Side.BROKER:
        shape = DealShape.THREE_PARTY
    elif _mediates_beside(session, contract, org_id):
        shape = DealShape.SIDE_BY_SIDE
    affiliated, suspected = _affiliation(session, actor, institution, contract)
    own = parties.get(org_id) is Side.SELLER
    named = shape is not DealShape.TWO_PARTY
    reason = ""
    if affiliated:
        reason = AFFILIATED
    elif not named:
        reason = OWN_DEAL if own else UNNAMED
    elif suspected:
        reason = SUSPECTED
    return Evidence(
        kind="contract",
        contract=contract,
        day=registration.registered_on or date.min,
        amount_yuan=registration.total_yuan or NOTHING,
        mark=registration.reg_no or "",
        shape=shape,
        affiliated=affiliated,
        counted=not affiliated and (named or own),
        sure=not affiliated and not suspected and named,
        reason=reason,
    )


def _mediates_beside(session: so.Session, contract: Contract, org_id: UUID) -> bool:
    """Whether the institution is the seller of a mediation contract beside this one."""
    found = commissions.beside(session, contract)
    if not found:
        return False
    mine = sa.exists().where(
        ContractParty.contract_id.in_(found),
        ContractParty.side == Side.SELLER,
        ContractParty.org_id == org_id,
    )
    return bool(session.scalar(sa.select(mine)))


def _affiliation(
    session: so.Session,
    actor: Actor,
    institution: BrokerInstitution,
    contract: Contract,
) -> tuple[bool, bool]:
    """Whether a deal is one between affiliated units, and whether it may be one.

    Either the parties belong together or one of them does with the institution; of an
    inner office the unit above it may be a party.
    """
    if contract.is_related:
        return True, False
    own = frozenset[UUID]()
    if kind_of(institution) == "inner":
        above = institution.org.parent_org_id
        own = frozenset({institution.org_id, above or institution.org_id})
    deal = Deal(contract, None)
    if institution.org_id not in {p.org_id for p in contract.parties}:
        deal = Deal(contract, institution.org_id)
    found = commissions.affiliations(session, actor, deal, but=own)
    affiliated = any(found.values())
    return affiliated, bool(found) and not affiliated


def _mediation_payments(
    session: so.Session,
    actor: Actor,
    institution: BrokerInstitution,
    span: tuple[date, date],
) -> Iterator[Evidence]:
    """Yield what was paid under mediation contracts of the institution."""
    rows = session.execute(
        sa.select(Contract, ContractPayment)
        .join(ContractPayment, ContractPayment.contract_id == Contract.id)
        .where(
            Contract.contract_class == MEDIATION,
            ContractPayment.paid_on.between(*span),
            sa.exists().where(
                ContractParty.contract_id == Contract.id,
                ContractParty.side == Side.SELLER,
                ContractParty.org_id == institution.org_id,
            ),
        )
        .options(*contracts.KIND.options)
        .order_by(ContractPayment.paid_on, ContractPayment.id)
    ).unique()
    for contract, payment in rows.all():
        affiliated, suspected = _affiliation(session, actor, institution, contract)
        back = payment.kind is PaymentKind.RETURNED
        shown = back or bool(payment.voucher)
        yield Evidence(
            kind="payment",
            contract=contract,
            day=payment.paid_on,
            amount_yuan=-payment.amount_yuan if back else payment.amount_yuan,
            mark=payment.voucher,
            shape=DealShape.SIDE_BY_SIDE,
            affiliated=affiliated,
            counted=not affiliated,
            sure=not affiliated and not suspected and shown,
            reason=_why(affiliated, suspected) or ("" if shown else NO_INVOICE),
        )


def _commissions(
    session: so.Session,
    actor: Actor,
    institution: BrokerInstitution,
    span: tuple[date, date],
) -> Iterator[Evidence]:
    """Yield commission that the institution received under contracts of others."""
    rows = session.execute(
        sa.select(Contract, CommissionPayment)
        .join(CommissionPayment, CommissionPayment.contract_id == Contract.id)
        .where(
            CommissionPayment.org_id == institution.org_id,
            CommissionPayment.paid_on.between(*span),
        )
        .options(*contracts.KIND.options)
        .order_by(CommissionPayment.paid_on, CommissionPayment.id)
    ).unique()
    for contract, payment in rows.all():
        affiliated, suspected = _affiliation(session, actor, institution, contract)
        yield Evidence(
            kind="commission",
            contract=contract,
            day=payment.paid_on,
            amount_yuan=commissions.signed(payment),
            mark=payment.voucher,
            shape=commissions.shape_of(session, contract),
            affiliated=affiliated,
            counted=not affiliated,
            sure=not affiliated and not suspected,
            reason=_why(affiliated, suspected),
        )


def _why(affiliated: bool, suspected: bool) -> str:
    """Return why what was paid under a deal does not count, or not for sure."""
    if affiliated:
        return AFFILIATED
    return SUSPECTED if suspected else ""


def figures(
    evidence: Sequence[Evidence], conversion_classes: Sequence[str]
) -> dict[str, Figure]:
    """Add the evidence up.

    Parameters
    ----------
    conversion_classes : sequence of str
        Letters of the classes whose contracts are conversions of achievements.

    Returns
    -------
    dict
        ``deals_yuan`` and ``income_yuan`` in 元, ``conversions`` in contracts.
    """
    deals = [e for e in evidence if e.kind == "contract"]
    income = [e for e in evidence if e.kind != "contract"]
    converted = [
        e for e in deals if class_of(e.contract.contract_class) in conversion_classes
    ]
    return {
        "deals_yuan": _sum(deals, lambda e: e.amount_yuan),
        "income_yuan": _sum(income, lambda e: e.amount_yuan),
        "conversions": _sum(converted, lambda _: Decimal(1)),
    }


def _sum(rows: Sequence[Evidence], value: Any) -> Figure:
    return Figure(
        sum((value(e) for e in rows if e.sure), Decimal(0)),
        sum((value(e) for e in rows if e.counted), Decimal(0)),
    )


def _level(
    session: so.Session,
    institution: BrokerInstitution,
    level: str,
    year: int,
    evidence: Sequence[Evidence],
) -> Values:
    """Judge one level's conditions; where no rule is known, one has to ask."""
    try:
        rule: Rule | None = rules.in_force(
            session,
            f"institution.record.{level}",
            on=date(year, 12, 31),
            region=institution.org.region,
        )
    except rules.NoRule:
        rule = None
    value: Mapping[str, Any] = rule.value if rule else {}
    found = figures(evidence, value.get("conversion_classes", ()))
    kinds = {kind_of(institution), "any"}
    conditions = [
        _condition(row, found, certain=bool(value["certain"]))
        for row in value.get("conditions", ())
        if row["of"] in kinds
    ]
    return {
        "level": level,
        "status": _together([c["status"] for c in conditions]),
        "mark": rule.mark if rule else "U",
        "source": rule.source if rule else "",
        "region": rule.region if rule else institution.org.region,
        "message": None if rule else UNKNOWN,
        "conditions": conditions,
        "figures": {
            name: {"sure": _written(name, f.sure), "most": _written(name, f.most)}
            for name, f in found.items()
        },
    }


UNKNOWN = Text(
    "平台没有该地区该年度的备案条件，请向主管部门确认",
    "the conditions of this place and year are not known here; ask the authority",
)


def _together(statuses: Sequence[str]) -> str:
    """Judge conditions together: one that is missed decides, one that is open asks."""
    if NOT_REACHED in statuses:
        return NOT_REACHED
    return ASK if ASK in statuses or not statuses else REACHED


def _condition(
    row: Mapping[str, Any], found: Mapping[str, Figure], *, certain: bool
) -> Values:
    figure = found[row["figure"]]
    least = None if row["least"] is None else Decimal(row["least"])
    return {
        "code": row["code"],
        "title": Text(row["title"]["zh"], row["title"]["en"]),
        "figure": row["figure"],
        "least": None if least is None else _written(row["figure"], least),
        "value": _written(row["figure"], figure.sure),
        "value_at_most": _written(row["figure"], figure.most),
        "status": judge(figure, least) if certain else ASK,
    }


def judge(figure: Figure, least: Decimal | None) -> str:
    """Judge a figure by what it has to reach.

    >>> judge(Figure(Decimal(2), Decimal(4)), Decimal(3))
    'ask'
    """
    if least is None:
        return ASK
    if figure.sure >= least:
        return REACHED
    return NOT_REACHED if figure.most < least else ASK


def _written(name: str, value: Decimal) -> str:
    """Write a figure: money with two places, numbers whole."""
    return f"{value:.2f}" if name.endswith("_yuan") else f"{value:.0f}"


REASONS = {
    AFFILIATED: Text("关联单位间交易，不计入", "between affiliated units: not counted"),
    SUSPECTED: Text(
        "疑似关联单位间交易，须由运营方核实",
        "perhaps between affiliated units: an operator has to look",
    ),
    UNNAMED: Text(
        "仅有对接记录，合同中未列本机构且无中介合同，不计入",
        "no contract names the institution: not counted",
    ),
    NO_INVOICE: Text(
        "收款未登记凭证号，须补凭证", "received without an invoice: show one"
    ),
    OWN_DEAL: Text(
        "本单位为卖方的合同，是否由内设机构促成须核实",
        "the unit's own sale: whether its office brought it about has to be asked",
    ),
}


def _show(row: Evidence) -> Values:
    """Show evidence; of a deal that names the institution nowhere, no amount."""
    told = row.reason != UNNAMED
    contract = row.contract
    return {
        "kind": row.kind,
        "contract_id": contract.id,
        "contract_no": contract.contract_no if told else None,
        "title": contract.title if told else None,
        "contract_class": contract.contract_class if told else None,
        "day": row.day,
        "amount_yuan": row.amount_yuan if told else None,
        "mark": row.mark if told else "",
        "shape": row.shape.value,
        "is_three_party": row.shape is DealShape.THREE_PARTY,
        "is_affiliated": row.affiliated,
        "counted": row.counted,
        "sure": row.sure,
        "reason": REASONS.get(row.reason),
    }
