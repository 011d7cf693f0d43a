"""The funnel 漏斗: how far needs come from their filing to the last payment.

Stages are read from the ledger, the registry's book and the payments, each of which is
only added to; so the funnel can be made as of any moment. A need that reached a later
stage has passed the ones before it, also where no event of its own says so: needs that
come in by a sheet are never submitted, contracts are signed without a docking. Such
needs are counted as ``skipped`` there, and give no time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from statistics import quantiles
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace import policies
from marketplace.domain import contracts as contract_states
from marketplace.domain import dockings as docking_states
from marketplace.domain import needs as need_states
from marketplace.domain.actors import Actor
from marketplace.domain.contracts import PaymentKind, class_of
from marketplace.domain.indicators import rounded
from marketplace.domain.periods import Period, parse
from marketplace.errors import FieldError, Forbidden, Invalid, Text, Unauthenticated
from marketplace.models.contracts import Contract, ContractPayment, ContractVersion
from marketplace.models.dockings import Docking
from marketplace.models.ledger import Event
from marketplace.models.matches import MatchFeedback
from marketplace.models.needs import Need, NeedVersion
from marketplace.models.organisations import Organisation
from marketplace.models.registrations import Registration, RegistrationFact
from marketplace.policies import FigureScope
from marketplace.services import codes
from marketplace.services.figures import between_the_sides, first_moments, last_states

STAGES: dict[str, Text] = {
    "need": Text("提出需求", "Need"),
    "published": Text("入库发布", "Published"),
    "matched": Text("匹配", "Matched"),
    "contacted": Text("联系", "Contacted"),
    "docked": Text("对接", "Docked"),
    "signed": Text("签约", "Signed"),
    "registered": Text("登记", "Registered"),
    "accepted": Text("完成", "Accepted"),
    "paid": Text("付清", "Paid"),
}
ORDER = tuple(STAGES)
BY = ("city", "district", "chain", "class", "broker")
_LISTS = {
    "city": "region",
    "district": "region",
    "chain": "sd_chain",
    "class": "contract_class",
}
_DAY = Decimal(86_400)
Moments = dict[UUID, datetime]


@dataclass(frozen=True, slots=True)
class Stage:
    """How many needs came to a stage, and how long they stayed there.

    ``lower``, ``median`` and ``upper`` are the quartiles, in days, of the time until
    the next stage, of the ``timed`` needs that have come to both by events of their
    own.
    """

    code: str
    title: Text
    count: int
    skipped: int
    timed: int
    lower: Decimal | None
    median: Decimal | None
    upper: Decimal | None


@dataclass(frozen=True, slots=True)
class Exit:
    """How many left at a stage, and why, by a coded reason."""

    stage: str
    kind: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class Branch:
    """The funnel of one value of an axis; all needs where there is no axis."""

    key: str
    name: Text
    stages: tuple[Stage, ...]
    exits: tuple[Exit, ...]


@dataclass(frozen=True, slots=True)
class Funnel:
    """The needs that were first filed in a period, as they stood at a moment."""

    period: Period
    as_of: datetime
    by: str
    whole: Branch
    branches: tuple[Branch, ...]


@dataclass
class _Thread:
    """One need with the moments of its stages and the exits that it saw."""

    need_id: UUID
    places: dict[str, str]
    moments: dict[str, datetime] = field(default_factory=dict)
    exits: list[tuple[str, str, str]] = field(default_factory=list)

    def leave(self, stage: str, kind: str, reason: str) -> None:
        """Note an exit, unless the need has come further by another way."""
        if self.furthest() <= ORDER.index(stage):
            self.exits.append((stage, kind, reason))

    def furthest(self) -> int:
        """Return the place of the last stage that it came to."""
        return max(ORDER.index(stage) for stage in self.moments)


def funnel(
    session: so.Session,
    actor: Actor,
    *,
    period: str = "",
    as_of: datetime | None = None,
    by: str = "",
) -> Funnel:
    """Follow the needs that were first filed in a period.

    Parameters
    ----------
    by : str
        ``city``, ``district`` or ``chain`` of the need, ``class`` of its first
        contract, ``broker`` of its first docking that has one; or nothing.

    Raises
    ------
    Unauthenticated, Forbidden
        It is for operators, the provincial authority and reviewers of districts.
    Invalid
    """
    scope = policies.figure_scope(actor, contracts=False)
    if scope.public:
        if actor.is_public:
            raise Unauthenticated
        raise Forbidden(
            Text("您的角色不能查看漏斗", "the funnel is not open to your roles")
        )
    span, moment = _checked(actor, period, as_of, by)
    threads = _threads(session, actor, scope, span, moment)
    groups: dict[str, list[_Thread]] = {}
    for thread in threads.values() if by else ():
        groups.setdefault(thread.places.get(by, ""), []).append(thread)
    return Funnel(
        period=span,
        as_of=moment,
        by=by,
        whole=_branch("", Text("全部", "all"), list(threads.values())),
        branches=tuple(
            _branch(key, _name(session, by, key), groups[key]) for key in sorted(groups)
        ),
    )


def _checked(
    actor: Actor, period: str, as_of: datetime | None, by: str
) -> tuple[Period, datetime]:
    errors = []
    moment = as_of or actor.now
    if moment > actor.now:
        text = Text("不能晚于现在", "is in the future")
        errors.append(FieldError("/query/as_of", "future", text))
    if by and by not in BY:
        text = Text("可用：{known}", "one of {known}").format(known=", ".join(BY))
        errors.append(FieldError("/query/by", "unknown_axis", text))
    try:
        span = parse(period or str(actor.today.year))
    except ValueError:
        text = Text(
            "须为 2026、2026H1、2026Q3、2026-09 或 2026-01-05..2026-02-11",
            "must be like 2026, 2026H1, 2026Q3, 2026-09 or 2026-01-05..2026-02-11",
        )
        errors.append(FieldError("/query/period", "bad_period", text))
    if errors:
        raise Invalid(errors=errors)
    return span, moment


def _name(session: so.Session, by: str, key: str) -> Text:
    if not key:
        return Text("无", "none")
    if by == "broker":
        org = session.get_one(Organisation, UUID(key))
        return Text(org.name, org.name)
    known = codes.names(session, _LISTS[by], only=[key])
    return Text(*known.get(key, (key, key)))


def _threads(
    session: so.Session,
    actor: Actor,
    scope: FigureScope,
    span: Period,
    as_of: datetime,
) -> dict[UUID, _Thread]:
    filed = first_moments(
        "need",
        {need_states.SUBMITTED.value, need_states.POOLED.value},
        as_of,
    )
    statement = (
        sa.select(Need.id, filed.c.at, Organisation.region, NeedVersion.chain)
        .join(filed, filed.c.subject_id == Need.id)
        .join(Organisation, Organisation.id == Need.owner_org_id)
        .outerjoin(NeedVersion, NeedVersion.id == Need.published_version_id)
        .where(
            filed.c.at >= span.begins(actor.zone), filed.c.at < span.is_over(actor.zone)
        )
    )
    if not scope.everything:
        statement = statement.where(policies.within(Organisation.region, scope.regions))
    found = {
        need_id: _Thread(
            need_id,
            {"district": region, "city": f"{region[:4]}00", "chain": chain or ""},
            {"need": at},
        )
        for need_id, at, region, chain in session.execute(statement)
    }
    for stage, read in _READERS.items():
        for need_id, at in read(session, as_of).items():
            if need_id in found:
                found[need_id].moments[stage] = at
    _place_in_market(session, found, as_of)
    _find_exits(session, found, as_of)
    return found


def _earliest(rows: Iterable[Sequence[Any]]) -> Moments:
    found: Moments = {}
    for need_id, at in rows:
        if need_id not in found or at < found[need_id]:
            found[need_id] = at
    return found


def _published(session: so.Session, as_of: datetime) -> Moments:
    moments = first_moments("need", {need_states.POOLED.value}, as_of)
    return _earliest(session.execute(sa.select(moments.c.subject_id, moments.c.at)))


def _matched(session: so.Session, as_of: datetime) -> Moments:
    """Return when a pair was first taken up: judged as fitting, or docked from."""
    judged = (
        sa.select(MatchFeedback.need_id, Event.at)
        .join(Event, Event.subject_id == MatchFeedback.id)
        .where(
            Event.subject_kind == "match",
            Event.at <= as_of,
            MatchFeedback.verdict != "irrelevant",
        )
    )
    from_match = sa.cast(Docking.match, sa.Text).not_in(["{}", "null"])
    opened = (
        sa.select(Docking.need_id, Event.at)
        .join(Event, Event.subject_id == Docking.id)
        .where(
            Event.subject_kind == "docking",
            Event.action == "docking.open",
            Event.at <= as_of,
            from_match,
        )
    )
    both = [*session.execute(judged), *session.execute(opened)]
    return _earliest(both)


_BEYOND_CONTACT = (docking_states.TALKING | {docking_states.SIGNED}) - {
    docking_states.CONTACTED
}


def _docking_reached(
    states: Iterable[docking_states.DockingState],
) -> Callable[[so.Session, datetime], Moments]:
    wanted = frozenset(s.value for s in states)

    def read(session: so.Session, as_of: datetime) -> Moments:
        moments = first_moments("docking", wanted, as_of)
        return _earliest(
            session.execute(
                sa.select(Docking.need_id, moments.c.at).join(
                    moments, moments.c.subject_id == Docking.id
                )
            )
        )

    return read


def _contract_reached(
    states: Iterable[contract_states.ContractState],
) -> Callable[[so.Session, datetime], Moments]:
    wanted = frozenset(s.value for s in states)

    def read(session: so.Session, as_of: datetime) -> Moments:
        moments = first_moments("contract", wanted, as_of)
        return _earliest(
            session.execute(
                sa.select(Contract.need_id, moments.c.at)
                .join(moments, moments.c.subject_id == Contract.id)
                .where(Contract.need_id.is_not(None), between_the_sides())
            )
        )

    return read


def _registered(session: so.Session, as_of: datetime) -> Moments:
    return _earliest(
        session.execute(
            sa.select(Contract.need_id, sa.func.min(RegistrationFact.at))
            .join(RegistrationFact, RegistrationFact.contract_id == Contract.id)
            .where(
                Contract.need_id.is_not(None),
                between_the_sides(),
                RegistrationFact.kind == "registered",
                RegistrationFact.at <= as_of,
            )
            .group_by(Contract.need_id)
        )
    )


def _paid(session: so.Session, as_of: datetime) -> Moments:
    """Return when what was received first reached what the contract then came to."""
    rows = session.execute(
        sa.select(
            Contract.id,
            Contract.need_id,
            ContractPayment.kind,
            ContractPayment.amount_yuan,
            ContractPayment.recorded_at,
        )
        .join(ContractPayment, ContractPayment.contract_id == Contract.id)
        .where(
            Contract.need_id.is_not(None),
            between_the_sides(),
            ContractPayment.recorded_at <= as_of,
        )
        .order_by(ContractPayment.recorded_at, ContractPayment.number)
    ).all()
    needs = {row.id: row.need_id for row in rows}
    steps: dict[UUID, list[tuple[datetime, int, Decimal]]] = {}
    for contract_id, at, content in _versions(session, needs, as_of):
        total = content.get("total_yuan")
        if total is not None:
            step = (at, _AGREED, Decimal(total))
            steps.setdefault(contract_id, []).append(step)
    for row in rows:
        moved = row.amount_yuan * (1 if row.kind is PaymentKind.RECEIVED else -1)
        step = (row.recorded_at, _MOVED, moved)
        steps.setdefault(row.id, []).append(step)
    reached = ((needs[key], _paid_off(found)) for key, found in steps.items())
    return _earliest((need_id, at) for need_id, at in reached if at is not None)


_AGREED, _MOVED = 0, 1


def _paid_off(steps: list[tuple[datetime, int, Decimal]]) -> datetime | None:
    """Return when the sum of payments first reached the total of that moment."""
    total, paid = None, Decimal(0)
    for at, kind, amount in sorted(steps, key=lambda step: step[:2]):
        if kind == _AGREED:
            total = amount
        else:
            paid += amount
        if total is not None and paid > 0 and paid >= total:
            return at
    return None


def _versions(
    session: so.Session, contracts: Collection[UUID], as_of: datetime
) -> list[tuple[UUID, datetime, dict[str, Any]]]:
    """Return the versions of contracts that came into force until a moment, in order.

    What was agreed later, the contract's row of today tells and these do not.
    """
    found: list[tuple[UUID, datetime, dict[str, Any]]] = []
    ids = sorted(contracts)
    for start in range(0, len(ids), _BATCH):
        found += [
            (row.contract_id, row.in_force_at, row.content)
            for row in session.execute(
                sa.select(
                    ContractVersion.contract_id,
                    ContractVersion.in_force_at,
                    ContractVersion.content,
                )
                .where(
                    ContractVersion.contract_id.in_(ids[start : start + _BATCH]),
                    ContractVersion.in_force_at <= as_of,
                )
                .order_by(ContractVersion.in_force_at, ContractVersion.number)
            )
        ]
    return found


_BATCH = 1_000


_READERS: Mapping[str, Callable[[so.Session, datetime], Moments]] = {
    "published": _published,
    "matched": _matched,
    "contacted": _docking_reached(_BEYOND_CONTACT | {docking_states.CONTACTED}),
    "docked": _docking_reached(_BEYOND_CONTACT),
    "signed": _contract_reached({contract_states.SIGNED}),
    "registered": _registered,
    "accepted": _contract_reached({contract_states.COMPLETED}),
    "paid": _paid,
}


def _place_in_market(
    session: so.Session, found: Mapping[UUID, _Thread], as_of: datetime
) -> None:
    """Give each thread the class of its first contract and its first broker."""
    signed = first_moments("contract", {contract_states.SIGNED.value}, as_of)
    contracts = session.execute(
        sa.select(Contract.id, Contract.need_id)
        .join(signed, signed.c.subject_id == Contract.id)
        .where(Contract.need_id.is_not(None), between_the_sides())
        .order_by(signed.c.at, Contract.id)
    ).all()
    mine = [row for row in contracts if row.need_id in found]
    versions = _versions(session, [row.id for row in mine], as_of)
    classes = {key: content.get("contract_class") for key, _, content in versions}
    for row in mine:
        code = class_of(classes.get(row.id))
        found[row.need_id].places.setdefault("class", code)
    brokers = session.execute(
        sa.select(Docking.need_id, Docking.broker_org_id)
        .join(Event, Event.subject_id == Docking.id)
        .where(
            Event.subject_kind == "docking",
            Event.action == "docking.open",
            Event.at <= as_of,
            Docking.broker_org_id.is_not(None),
        )
        .order_by(Event.at, Docking.id)
    )
    for need_id, broker in brokers:
        if need_id in found:
            found[need_id].places.setdefault("broker", str(broker))


def _find_exits(
    session: so.Session, found: Mapping[UUID, _Thread], as_of: datetime
) -> None:
    ended = {
        s.value
        for s in (need_states.WITHDRAWN, need_states.EXPIRED, need_states.REJECTED)
    }
    rows = session.execute(sa.select(last_states("need", ended, as_of)))
    for need_id, state in rows:
        if need_id in found:
            thread = found[need_id]
            thread.exits.append((ORDER[thread.furthest()], "need", state))
    going_on = _needs_in_docking(session, as_of)
    lost = session.execute(
        sa.select(Docking.need_id, Event.from_state, Event.changes)
        .join(Event, Event.subject_id == Docking.id)
        .where(
            Event.subject_kind == "docking",
            Event.to_state == docking_states.LOST.value,
            # A signed one ends with its contract, which leaves the market itself.
            Event.from_state.is_distinct_from(docking_states.SIGNED.value),
            Event.at <= as_of,
        )
    )
    for need_id, state, changes in lost:
        if need_id in found and need_id not in going_on:
            stage = _LOST_AT.get(state or "", "docked")
            found[need_id].leave(stage, "docking", _told(changes, "reason"))
    refused = session.execute(
        sa.select(Contract.need_id, Event.changes)
        .join(Registration, Registration.contract_id == Contract.id)
        .join(Event, Event.subject_id == Registration.id)
        .where(
            Contract.need_id.is_not(None),
            Event.subject_kind == "registration",
            Event.action == "registration.refuse",
            Event.at <= as_of,
        )
    )
    for need_id, changes in refused:
        if need_id is not None and need_id in found:
            reason = _told(changes, "outcome")
            found[need_id].leave("signed", "registration", reason)
    over = {contract_states.RESCINDED.value, contract_states.VOID.value}
    broken = session.execute(
        sa.select(Contract.need_id, Event.to_state)
        .join(Event, Event.subject_id == Contract.id)
        .where(
            Contract.need_id.is_not(None),
            Event.subject_kind == "contract",
            Event.to_state.in_(sorted(over)),
            Event.at <= as_of,
        )
    )
    for need_id, state in broken:
        if need_id is not None and need_id in found:
            thread = found[need_id]
            thread.exits.append((ORDER[thread.furthest()], "contract", state or ""))


def _told(changes: Mapping[str, Any], name: str) -> str:
    """Return the code that an event itself tells, whatever holds today."""
    told: str | None = (changes.get(name) or {}).get("new")
    return told or ""


def _needs_in_docking(session: so.Session, as_of: datetime) -> set[UUID]:
    """Return the needs that had a docking in which both still talked or had signed."""
    alive = last_states("docking", _ALIVE, as_of)
    return set(
        session.scalars(
            sa.select(Docking.need_id).join(alive, alive.c.subject_id == Docking.id)
        )
    )


_ALIVE = {s.value for s in docking_states.TALKING | {docking_states.SIGNED}}


_LOST_AT = {
    docking_states.RECOMMENDED.value: "matched",
    docking_states.INTERESTED.value: "matched",
    docking_states.CONTACTED.value: "contacted",
}


def _branch(key: str, name: Text, threads: Sequence[_Thread]) -> Branch:
    exits = Counter(found for thread in threads for found in thread.exits)
    return Branch(
        key=key,
        name=name,
        stages=tuple(_stage(place, threads) for place in range(len(ORDER))),
        exits=tuple(
            Exit(stage, kind, reason, exits[stage, kind, reason])
            for stage, kind, reason in sorted(
                exits, key=lambda e: (ORDER.index(e[0]), e[1], e[2])
            )
        ),
    )


def _stage(place: int, threads: Sequence[_Thread]) -> Stage:
    code = ORDER[place]
    reached = [t for t in threads if t.furthest() >= place]
    stays = []
    if place + 1 < len(ORDER):
        following = ORDER[place + 1]
        stays = [
            _days(t.moments[following] - t.moments[code])
            for t in reached
            if code in t.moments and following in t.moments
        ]
    lower, median, upper = _quartiles(stays)
    return Stage(
        code=code,
        title=STAGES[code],
        count=len(reached),
        skipped=sum(code not in t.moments for t in reached),
        timed=len(stays),
        lower=lower,
        median=median,
        upper=upper,
    )


def _days(stay: timedelta) -> Decimal:
    """Return days; what came before its turn has taken none."""
    return max(Decimal(0), Decimal(int(stay.total_seconds())) / _DAY)


def _quartiles(stays: Sequence[Decimal]) -> tuple[Decimal | None, ...]:
    if not stays:
        return None, None, None
    if len(stays) == 1:
        return (rounded(stays[0], 1),) * 3
    return tuple(rounded(q, 1) for q in quantiles(stays, n=4, method="inclusive"))
