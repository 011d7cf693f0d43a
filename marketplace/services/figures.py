"""What figures are made of: sums over the registry's book and counts from the ledger.

A question (``Question``) says which indicator, over which period, as of which moment,
by which axes, of which part of the market. ``table`` answers it with one pass over the
entries: rows that became known after the moment do not count, whatever day they are
entered for, so that a figure of the past can be made again at any time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace import policies
from marketplace.domain.actors import Actor
from marketplace.domain.brokers import CERTIFIED
from marketplace.domain.contracts import EFFECTIVE, Side
from marketplace.domain.indicators import (
    AXES,
    FLOW,
    FLOW_ENDS,
    Axis,
    Family,
    Indicator,
)
from marketplace.domain.needs import POOLED, SOLVED
from marketplace.domain.periods import Period
from marketplace.models.brokers import Broker
from marketplace.models.contracts import Contract, ContractParty
from marketplace.models.dockings import Docking
from marketplace.models.ledger import Event
from marketplace.models.needs import Need, NeedVersion
from marketplace.models.organisations import Organisation
from marketplace.models.registrations import RegistrationFact
from marketplace.policies import FigureScope
from marketplace.services import codes
from marketplace.services.brokers import MEDIATION

Key = tuple[str, ...]
Fact = RegistrationFact
NO_IP, NO_PLAN = "9", "9"
"""Codes 未涉及知识产权 and 计划外 of lists 3 and 4."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the entries of one cell add up to.

    ``part`` is what a share is taken of: solved needs, awarded calls, bids.
    """

    count: int = 0
    total: Decimal = Decimal("0.00")
    technical: Decimal = Decimal("0.00")
    ip: int = 0
    plan: int = 0
    local: Decimal = Decimal("0.00")
    local_count: int = 0
    part: int = 0

    def __add__(self, other: Parts) -> Parts:
        """Add two cells."""
        return Parts(
            *(getattr(self, f.name) + getattr(other, f.name) for f in fields(self))
        )


@dataclass(frozen=True)
class Question:
    """One figure that is asked for.

    Parameters
    ----------
    axes : tuple of Axis
        In the order asked.
    filters : mapping of axis to codes
        Only entries whose code is one of these, or below one of them.
    scope : FigureScope
        Of which entries the caller may have figures.
    measure : str
        Another indicator by which the entries are measured: the number of what is
        bought. By default the one that is asked for.
    """

    indicator: Indicator
    period: Period
    as_of: datetime
    axes: tuple[Axis, ...]
    filters: Mapping[str, tuple[str, ...]]
    scope: FigureScope
    actor: Actor
    measure: str = ""
    tops: dict[str, dict[str, str]] = field(default_factory=dict, repr=False)
    """For each code list the topmost code above every code."""
    names: dict[str, dict[str, tuple[str, str]]] = field(
        default_factory=dict, repr=False
    )
    """For each code list what its codes are called."""


def _parents(session: so.Session, list_id: str) -> dict[str, str | None]:
    """Return the code above each one, by the latest version that has it.

    Classes of contracts are those of today also on old records: what the bridge of
    four classes to five compares is decided by ``services.indicators``.
    """
    above: dict[str, str | None] = {}
    for entry in codes.entries(session, list_id):
        above.setdefault(entry.code, entry.parent)
    return above


def tops_of(session: so.Session, list_id: str) -> dict[str, str]:
    """Return the topmost code above each code of a list (D1: D, 221: 020)."""
    above = _parents(session, list_id)

    def top(code: str) -> str:
        parent = above.get(code)
        return code if parent is None else top(parent)

    return {code: top(code) for code in above}


def below(session: so.Session, list_id: str, chosen: Collection[str]) -> list[str]:
    """Return codes of a list with everything under them."""
    above = _parents(session, list_id)
    found = set(chosen)
    while True:
        more = {code for code, parent in above.items() if parent in found} - found
        if not more:
            return sorted(found)
        found |= more


def rolled(question: Question, axis: Axis, code: str) -> str:
    """Return the code of an axis under which an entry's code is counted."""
    if axis.roll == "city":
        return f"{code[:4]}00" if code else code
    if axis.roll == "root":
        return question.tops[axis.list_id].get(code, code)
    return code


def table(session: so.Session, question: Question) -> dict[Key, Parts]:
    """Add up the entries of each cell; cells without entries are not there."""
    ends = [AXES[c] for c in FLOW_ENDS]
    axes = [a for axis in question.axes for a in (ends if axis is FLOW else [axis])]
    for axis in axes:
        if axis.roll == "root" and axis.list_id not in question.tops:
            question.tops[axis.list_id] = tops_of(session, axis.list_id)
    found: dict[Key, Parts] = {}
    for raw, parts in _raw(session, question, axes):
        values = iter(
            rolled(question, axis, _text(code))
            for axis, code in zip(axes, raw, strict=True)
        )
        key = tuple(
            f"{next(values)}>{next(values)}" if axis is FLOW else next(values)
            for axis in question.axes
        )
        found[key] = found.get(key, Parts()) + parts
    return found


def _text(code: Any) -> str:
    return "" if code is None else str(code)


def grouped_by(axis: Axis, of: Any) -> Any:
    """Return what the store groups by: of a place, no more digits than are asked."""
    column = getattr(of, axis.column)
    return sa.func.substr(column, 1, 4) if axis.roll == "city" else column


def _raw(
    session: so.Session, question: Question, axes: list[Axis]
) -> Iterable[tuple[Key, Parts]]:
    family = question.indicator.family
    if family is Family.CONTRACT:
        return _sums(session, question, axes)
    if family in {Family.NEED, Family.DOCKING}:
        return _counts(session, question, axes)
    return _from_events(session, question)


def fact_conditions(
    session: so.Session, question: Question
) -> list[sa.ColumnElement[bool]]:
    """Return which entries of the registry's book a figure is made of."""
    period, code = question.period, question.indicator.code
    found: list[sa.ColumnElement[bool]] = [
        Fact.on_day.between(period.start, period.end),
        Fact.at <= question.as_of,
    ]
    if code in {"OUT", "LOCAL", "GDP_SHARE"}:
        found.append(Fact.seller_region != "")
    if code == "IN":
        found.append(Fact.buyer_region != "")
    if code == "GDP_SHARE" and not places_asked(question):
        found.append(policies.within(Fact.seller_region, [PROVINCE]))
    side = Fact.buyer_region if code == "IN" else Fact.seller_region
    if not question.scope.everything:
        found.append(
            sa.or_(
                policies.one_of(Fact.registry_org_id, question.scope.registries),
                policies.within(side, question.scope.regions),
            )
        )
    found += _chosen(session, question, Fact)
    return found


def _chosen(
    session: so.Session, question: Question, of: Any
) -> Iterable[sa.ColumnElement[bool]]:
    for name, values in question.filters.items():
        axis = AXES[name]
        if axis.list_id == "region":
            column = getattr(of, axis.column)
            if not axis.roll:
                yield column.in_(values)
                continue
            yield sa.or_(
                *(column == v for v in values if not v),
                policies.within(column, [v for v in values if v]),
            )
        elif axis.list_id and not axis.roll:
            yield getattr(of, axis.column).in_(values)
        elif axis.list_id:
            known = below(session, axis.list_id, [v for v in values if v])
            unstated = [v for v in values if not v]
            yield getattr(of, axis.column).in_([*known, *unstated])
        else:
            yield getattr(of, axis.column).in_([UUID(v) for v in values])


def _if(condition: sa.ColumnElement[bool], column: Any) -> Any:
    return sa.func.sum(sa.case((condition, column)))


def measures(question: Question) -> list[Any]:
    """Return the sums over entries, in the order of ``Parts``."""
    places = _digits(question)
    same = sa.and_(
        Fact.seller_region != "",
        sa.func.substr(Fact.seller_region, 1, places)
        == sa.func.substr(Fact.buyer_region, 1, places),
    )
    return [
        sa.func.sum(Fact.count).label("contracts"),
        sa.func.sum(Fact.total_yuan).label("total_yuan"),
        sa.func.sum(Fact.technical_yuan).label("technical_yuan"),
        _if(Fact.ip_type.not_in(["", NO_IP]), Fact.count).label("ip_count"),
        _if(Fact.plan_source.not_in(["", NO_PLAN]), Fact.count).label("plan_count"),
        _if(same, Fact.total_yuan).label("local_total_yuan"),
        _if(same, Fact.count).label("local_count"),
    ]


def adds_something(question: Question) -> sa.ColumnElement[bool]:
    """Tell whether the entries of a group add anything to any figure."""
    return sa.or_(*(sa.func.coalesce(m.element, 0) != 0 for m in measures(question)))


PROVINCE = "370000"


def places_asked(question: Question) -> tuple[str, ...]:
    """Return the places of the seller to which a question is confined."""
    for axis in ("seller_district", "seller_city"):
        if axis in question.filters:
            return question.filters[axis]
    return question.scope.regions


def _digits(question: Question) -> int:
    """Return in how many digits the places of two sides agree that are in one place.

    It is the place that is asked about: 2 for a province, 4 for a city, which is what
    holds where none is asked, 6 for a district.
    """
    by = {axis.code for axis in question.axes}
    if "seller_district" in by:
        return 6
    if "seller_city" in by:
        return 4
    lengths = {len(policies.region_prefix(place)) for place in places_asked(question)}
    return lengths.pop() if len(lengths) == 1 else 4


def _sums(
    session: so.Session, question: Question, axes: list[Axis]
) -> Iterable[tuple[Key, Parts]]:
    keys = [grouped_by(axis, Fact) for axis in axes]
    statement = sum_statement(session, question, keys)
    for row in session.execute(statement):
        raw = tuple(row)
        sums = (value or 0 for value in raw[len(keys) :])
        count, total, technical, ip, plan, local, local_count = sums
        yield (
            raw[: len(keys)],
            Parts(
                count,
                Decimal(total),
                Decimal(technical),
                ip,
                plan,
                Decimal(local),
                local_count,
            ),
        )


def sum_statement(
    session: so.Session, question: Question, keys: list[Any]
) -> sa.Select[*tuple[Any, ...]]:
    """Return the one statement that a figure of contracts costs."""
    return (
        sa.select(*keys, *measures(question))
        .where(*fact_conditions(session, question))
        .group_by(*keys)
        .having(sa.func.count() > 0)
    )


def contributors(session: so.Session, question: Question) -> dict[Key, int]:
    """Count for each cell the contracts or objects that make it, none twice.

    It is what the public's figures are hidden by.
    """
    if question.indicator.family is not Family.CONTRACT:
        return {key: parts.count for key, parts in table(session, question).items()}
    keys = [grouped_by(axis, Fact) for axis in question.axes]
    statement = (
        sa.select(Fact.contract_id, *keys)
        .where(*fact_conditions(session, question))
        .group_by(Fact.contract_id, *keys)
        .having(adds_something(question))
    )
    if not keys:
        number = session.scalar(
            sa.select(sa.func.count()).select_from(statement.subquery())
        )
        return {(): number} if number else {}
    found: dict[Key, set[UUID]] = {}
    for contract_id, *raw in session.execute(statement):
        key = tuple(
            rolled(question, axis, _text(code))
            for axis, code in zip(question.axes, raw, strict=True)
        )
        found.setdefault(key, set()).add(contract_id)
    return {key: len(ids) for key, ids in found.items()}


def first_moments(kind: str, states: Collection[str], as_of: datetime) -> sa.Subquery:
    """Return when each object of a kind first came into one of some states."""
    return (
        sa.select(Event.subject_id, sa.func.min(Event.at).label("at"))
        .where(
            Event.subject_kind == kind,
            Event.to_state.in_(sorted(states)),
            Event.at <= as_of,
        )
        .group_by(Event.subject_id)
        .subquery()
    )


def last_states(kind: str, states: Collection[str], as_of: datetime) -> sa.Subquery:
    """Return the objects of a kind that stood in one of some states at a moment.

    Columns ``subject_id`` and ``to_state``, the state that it was.
    """
    place = sa.func.row_number().over(
        partition_by=Event.subject_id, order_by=(Event.at.desc(), Event.id.desc())
    )
    last = (
        sa.select(Event.subject_id, Event.to_state, place.label("place"))
        .where(
            Event.subject_kind == kind,
            Event.to_state.is_not(None),
            Event.at <= as_of,
        )
        .subquery()
    )
    return (
        sa.select(last.c.subject_id, last.c.to_state)
        .where(last.c.place == 1, last.c.to_state.in_(sorted(states)))
        .subquery()
    )


def in_period(question: Question, column: Any) -> sa.ColumnElement[bool]:
    """Tell whether a moment lies in the period, by the local calendar."""
    zone = question.actor.zone
    begins, over = question.period.begins(zone), question.period.is_over(zone)
    return sa.and_(column >= begins, column < over)


def objects(session: so.Session, question: Question) -> sa.Subquery:
    """Return the needs or dockings that a figure counts, one row each.

    Columns ``id`` (of the need or docking), ``need_id``, ``at``, ``region``, ``chain``
    and ``part`` (1 where it counts for a share).
    """
    if question.indicator.family is Family.NEED:
        source = _pooled_needs(question)
    elif question.indicator.code == "DOCK_N":
        source = _dockings(_opened(question))
    else:
        source = _dockings(_succeeded(question))
    made = (
        sa.select(
            source.c.id,
            source.c.need_id,
            source.c.at,
            source.c.part,
            Organisation.region.label("region"),
            NeedVersion.chain.label("chain"),
        )
        .select_from(source)
        .join(Need, Need.id == source.c.need_id)
        .join(Organisation, Organisation.id == Need.owner_org_id)
        .outerjoin(NeedVersion, NeedVersion.id == Need.published_version_id)
        .where(in_period(question, source.c.at))
    )
    if not question.scope.everything:
        made = made.where(policies.within(Organisation.region, question.scope.regions))
    inner = made.subquery()
    return sa.select(inner).where(*_chosen(session, question, inner.c)).subquery()


def _pooled_needs(question: Question) -> sa.Subquery:
    pooled = first_moments("need", {POOLED.value}, question.as_of)
    solved = first_moments("need", {SOLVED.value}, question.as_of)
    return (
        sa.select(
            pooled.c.subject_id.label("id"),
            pooled.c.subject_id.label("need_id"),
            pooled.c.at,
            sa.case((solved.c.at.is_not(None), 1), else_=0).label("part"),
        )
        .outerjoin(solved, solved.c.subject_id == pooled.c.subject_id)
        .subquery()
    )


def _opened(question: Question) -> sa.Subquery:
    return (
        sa.select(Event.subject_id.label("docking_id"), Event.at)
        .where(
            Event.subject_kind == "docking",
            Event.action == "docking.open",
            Event.at <= question.as_of,
        )
        .subquery()
    )


def _succeeded(question: Question) -> sa.Subquery:
    effective = first_moments("contract", {EFFECTIVE.value}, question.as_of)
    return (
        sa.select(Contract.docking_id.label("docking_id"), effective.c.at)
        .join(Contract, Contract.id == effective.c.subject_id)
        .where(Contract.docking_id.is_not(None), between_the_sides())
        .subquery()
    )


def between_the_sides() -> sa.ColumnElement[bool]:
    """Tell whether a contract is the deal that its need or docking was about.

    A mediation contract is what somebody is paid for bringing it about; and from a
    docking only a contract comes in which both of its sides are principal parties.
    """

    def a_party(column: Any) -> sa.ColumnElement[bool]:
        return sa.exists().where(
            ContractParty.contract_id == Contract.id,
            ContractParty.org_id == column,
            policies.one_of(ContractParty.side, {Side.BUYER, Side.SELLER}),
        )

    both = sa.exists().where(
        Docking.id == Contract.docking_id,
        a_party(Docking.need_org_id),
        a_party(Docking.offer_org_id),
    )
    return sa.and_(
        Contract.contract_class.is_distinct_from(MEDIATION),
        sa.or_(Contract.docking_id.is_(None), both),
    )


def _dockings(moments: sa.Subquery) -> sa.Subquery:
    """Keep the first moment of each pair of a need and a supply."""
    pair = (Docking.need_id, Docking.offer_id)
    place = sa.func.row_number().over(
        partition_by=pair, order_by=(moments.c.at, Docking.id)
    )
    ranked = (
        sa.select(Docking.id, Docking.need_id, moments.c.at, place.label("place"))
        .join(moments, moments.c.docking_id == Docking.id)
        .subquery()
    )
    return (
        sa.select(
            ranked.c.id, ranked.c.need_id, ranked.c.at, sa.literal(0).label("part")
        )
        .where(ranked.c.place == 1)
        .subquery()
    )


def _counts(
    session: so.Session, question: Question, axes: list[Axis]
) -> Iterable[tuple[Key, Parts]]:
    found = objects(session, question)
    keys = [grouped_by(axis, found.c) for axis in axes]
    statement = sa.select(
        *keys, sa.func.count(), sa.func.coalesce(sa.func.sum(found.c.part), 0)
    ).group_by(*keys)
    for *raw, count, part in session.execute(statement):
        if count:
            yield tuple(raw), Parts(count=count, part=int(part))


COUNTED: Mapping[str, tuple[tuple[str, frozenset[str]], tuple[str, frozenset[str]]]] = {
    # code: what is counted as whole, and as part
    "BID_PER_ITEM": (
        ("call", frozenset({"PUBLISHED"})),
        ("bid", frozenset({"SUBMITTED"})),
    ),
    "AWARD_RATE": (
        ("call", frozenset({"AWARDED", "FAILED"})),
        ("call", frozenset({"AWARDED"})),
    ),
    "FAIL_RATE": (
        ("call", frozenset({"AWARDED", "FAILED"})),
        ("call", frozenset({"FAILED"})),
    ),
    "MS_ONTIME": (
        ("milestone", frozenset({"PASSED", "PASSED_LATE", "FAILED"})),
        ("milestone", frozenset({"PASSED"})),
    ),
    "LEVER": (("task", frozenset({"SIGNED"})), ("task", frozenset())),
}
"""Objects of calls and tasks, by the states of codes list 24 that they first enter."""


def _from_events(
    session: so.Session, question: Question
) -> Iterable[tuple[Key, Parts]]:
    if not question.scope.everything and question.indicator.family not in _PLACED:
        return
    found = event_objects(question)
    count, part = session.execute(
        sa.select(
            sa.func.coalesce(sa.func.sum(found.c.whole), 0),
            sa.func.coalesce(sa.func.sum(found.c.part), 0),
        )
    ).one()
    if count or part:
        yield (), Parts(count=int(count), part=int(part))


_PLACED = frozenset({Family.BROKER})
"""Of what only the ledger tells, what has a place by which it can be parted."""


def event_objects(question: Question) -> sa.Subquery:
    """Return objects that only the ledger tells of: calls, bids, milestones, brokers.

    Columns ``id``, ``kind``, ``at``, ``whole`` and ``part``.
    """
    if question.indicator.family is Family.BROKER:
        return _brokers(question)
    whole, part = COUNTED[question.indicator.code]
    selects = []
    for (kind, states), is_part in ((whole, 0), (part, 1)):
        moments = first_moments(kind, states, question.as_of)
        selects.append(
            sa.select(
                moments.c.subject_id.label("id"),
                sa.literal(kind).label("kind"),
                moments.c.at,
                sa.literal(1 - is_part).label("whole"),
                sa.literal(is_part).label("part"),
            ).where(in_period(question, moments.c.at))
        )
    both = sa.union_all(*selects).subquery()
    grouped = (both.c.id, both.c.kind)
    return (
        sa.select(
            *grouped,
            sa.func.min(both.c.at).label("at"),
            sa.func.max(both.c.whole).label("whole"),
            sa.func.max(both.c.part).label("part"),
        )
        .group_by(*grouped)
        .subquery()
    )


def _brokers(question: Question) -> sa.Subquery:
    """Return brokers who stood verified, with a certificate that had not run out.

    State and last day are those that the ledger told of at the moment of the figure,
    or at the end of its period if that was before.
    """
    last_day = min(
        question.period.end, question.as_of.astimezone(question.actor.zone).date()
    )
    states = _last_broker_events(question, Event.to_state, Event.to_state.is_not(None))
    until = Event.changes[("valid_until", "new")].as_string()
    told = Event.changes["valid_until"].as_string().is_not(None)
    terms = _last_broker_events(question, until, told)
    found = (
        sa.select(
            states.c.subject_id.label("id"),
            sa.literal("broker").label("kind"),
            states.c.at,
            sa.literal(1).label("whole"),
            sa.literal(0).label("part"),
        )
        .join(Broker, Broker.id == states.c.subject_id)
        .join(Organisation, Organisation.id == Broker.org_id)
        .outerjoin(terms, sa.and_(terms.c.subject_id == Broker.id, terms.c.place == 1))
        .where(
            states.c.place == 1,
            states.c.value.in_(sorted(s.value for s in CERTIFIED)),
            sa.or_(terms.c.value.is_(None), terms.c.value >= last_day.isoformat()),
        )
    )
    if not question.scope.everything:
        found = found.where(
            policies.within(Organisation.region, question.scope.regions)
        )
    return found.subquery()


def _last_broker_events(
    question: Question, value: Any, condition: sa.ColumnElement[bool]
) -> sa.Subquery:
    """Return events of brokers, the last one of each in the first place."""
    place = sa.func.row_number().over(
        partition_by=Event.subject_id, order_by=(Event.at.desc(), Event.id.desc())
    )
    return (
        sa.select(
            Event.subject_id,
            Event.at,
            value.label("value"),
            place.label("place"),
        )
        .where(
            Event.subject_kind == "broker",
            condition,
            Event.at <= question.as_of,
            Event.at < question.period.is_over(question.actor.zone),
        )
        .subquery()
    )
