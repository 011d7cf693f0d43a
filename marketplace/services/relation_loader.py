"""Reads the neighbourhood of some parties out of the store, as a graph of relations.

Breadth first over the tables, from every party at once, so that ways between them meet
in the middle; how far and how wide is a rule. Nothing is ever looked up by a name: two
parties under one name meet there only when both were reached otherwise.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace.domain.actors import SHANGHAI
from marketplace.domain.organisations import UNVERIFIED
from marketplace.models.conflicts import PersonalTie
from marketplace.models.organisations import Organisation, OrganisationTie
from marketplace.models.users import Membership, User
from marketplace.services import rules
from marketplace.services.organisation_fields import name_key
from marketplace.services.relation_graph import (
    Edge,
    EdgeKind,
    Party,
    PartyKind,
    RelationGraph,
    Source,
    graph_of,
)

_OF_PERSONS = {
    "employment": EdgeKind.EMPLOYMENT,
    "adviser": EdgeKind.ADVISER,
    "family": EdgeKind.FAMILY,
    "co_author": EdgeKind.CO_AUTHOR,
    "paid_work": EdgeKind.PAID_WORK,
    "shareholding": EdgeKind.SHAREHOLDER,
}


def unit_key(org_id: UUID) -> str:
    """Name a unit in a graph."""
    return f"{PartyKind.UNIT}:{org_id}"


def user_key(user_id: UUID) -> str:
    """Name a user in a graph."""
    return f"{PartyKind.USER}:{user_id}"


def code_key(uscc: str) -> str:
    """Name an outside party with a credit code in a graph."""
    return f"{PartyKind.OUTSIDE}:{uscc}"


def person_key(digest: str) -> str:
    """Name a person with the digest of an identity number in a graph."""
    return f"{PartyKind.PERSON}:{digest}"


def named_key(name: str) -> str:
    """Name a name of which nothing more is known in a graph."""
    return f"{PartyKind.NAME}:{name_key(name)}"


def id_in(key: str) -> UUID:
    """Return the identifier in the key of a unit or a user."""
    return UUID(key.partition(":")[2])


@dataclass(frozen=True, slots=True)
class Reach:
    """How far to look; from the rule ``conflicts.search``.

    ``most_parties`` are for each party that is asked about.
    """

    rounds: int
    most_parties: int
    most_neighbours: int


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """What was found, and the keys of those whose ties were not all followed."""

    graph: RelationGraph
    unexplored: tuple[str, ...]


def load(
    session: so.Session,
    left: Collection[str],
    right: Collection[str],
    *,
    on: date,
    zone: ZoneInfo = SHANGHAI,
    rules_on: date | None = None,
) -> Neighbourhood:
    """Read what joins two sides, as far as the rule in force looks.

    What a unit declares counts once it is verified, or if it is one of the parties: a
    unit that nobody has checked could else part two strangers.

    Parameters
    ----------
    left, right : collection of str
        Keys of units, users and outside parties.
    on : date
        The day whose ties hold.
    rules_on : date, optional
        The day whose rules hold; by default the same.

    Returns
    -------
    Neighbourhood
        The ties that held on the day.
    """
    reading = _Reading(session, {*left, *right}, on, zone, rules_on or on)
    reading.explore()
    reading.bridge(left, right)
    return reading.result()


class _Frontier:
    """Parties whose ties are to be read next, by how they are known."""

    def __init__(self, keys: Iterable[str]) -> None:
        by_kind: dict[str, list[str]] = {}
        for key in sorted(keys):
            kind, _, rest = key.partition(":")
            by_kind.setdefault(kind, []).append(rest)
        self.units = [UUID(each) for each in by_kind.get(PartyKind.UNIT, [])]
        self.users = [UUID(each) for each in by_kind.get(PartyKind.USER, [])]
        self.codes = by_kind.get(PartyKind.OUTSIDE, [])
        self.digests = by_kind.get(PartyKind.PERSON, [])


@dataclass
class _Reading:
    """One reading of the store."""

    session: so.Session
    starts: set[str]
    on: date
    zone: ZoneInfo
    rules_on: date
    parties: dict[str, Party] = field(default_factory=dict)
    edges: dict[tuple[str, ...], Edge] = field(default_factory=dict)
    unexplored: set[str] = field(default_factory=set)
    unit_of_code: dict[str, UUID | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        search = rules.in_force(
            self.session, "conflicts.search", on=self.rules_on
        ).value
        self.reach = Reach(
            search["rounds"], search["most_parties"], search["most_neighbours"]
        )
        owners = rules.in_force(
            self.session, "conflicts.state_owners", on=self.rules_on
        )
        self.owner_types = frozenset(owners.value["org_types"])
        self.owner_words = tuple(owners.value["name_words"])
        self.start_units = [
            id_in(key) for key in sorted(self.starts) if key.startswith(PartyKind.UNIT)
        ]
        self.counts = sa.or_(
            Organisation.state.not_in(UNVERIFIED),
            Organisation.id.in_(self.start_units),
        )

    def result(self) -> Neighbourhood:
        """Return what has been read, with equal names joined."""
        self._name_units()
        graph = graph_of(self.parties.values(), self.edges.values()).as_of(self.on)
        return Neighbourhood(graph, tuple(sorted(self.unexplored)))

    def explore(self) -> None:
        """Follow ties from all parties, round by round."""
        seen: set[str] = set()
        fresh = set(self.starts)
        for _ in range(self.reach.rounds):
            room = self.reach.most_parties * len(self.starts) - len(seen)
            chosen = sorted(fresh)[: max(room, 0)]
            self.unexplored |= fresh - set(chosen)
            seen |= fresh
            self._expand(_Frontier(chosen))
            met = {key for edge in self.edges.values() for key in _ends(edge)}
            fresh = met - seen

    def _expand(self, frontier: _Frontier) -> None:
        if frontier.units:
            self._units(frontier.units)
        if frontier.users:
            self._users(frontier.users)
        if frontier.codes:
            few = self._few(OrganisationTie.uscc, frontier.codes, code_key)
            self._ties(OrganisationTie.uscc.in_(few))
            self._personal_ties(PersonalTie.uscc, frontier.codes, code_key)
        if frontier.digests:
            few = self._few(OrganisationTie.id_digest, frontier.digests, person_key)
            self._ties(OrganisationTie.id_digest.in_(few))

    def _few(self, column: Any, values: Sequence[Any], key: Any) -> list[Any]:
        """Return those of some values under which few rows stand; note the others."""
        rows = self.session.execute(
            sa.select(column)
            .where(column.in_(values))
            .group_by(column)
            .having(sa.func.count() > self.reach.most_neighbours)
        )
        many = set(rows.scalars())
        self.unexplored |= {key(value) for value in many}
        return [value for value in values if value not in many]

    def _units(self, ids: Sequence[UUID]) -> None:
        rows = self._read_units(Organisation.id.in_(ids))
        codes = [row.uscc for row in rows if row.uscc]
        self.unit_of_code |= {row.uscc: row.id for row in rows if row.uscc}
        people = self._ties(OrganisationTie.org_id.in_(ids))
        for row in rows:
            if row.counts:
                self._own_words(row, people)
        few = self._few(OrganisationTie.other_org_id, ids, unit_key)
        self._ties(OrganisationTie.other_org_id.in_(few))
        if codes:
            few = self._few(OrganisationTie.uscc, codes, self._key_of_code)
            self._ties(OrganisationTie.uscc.in_(few))
            self._personal_ties(PersonalTie.uscc, codes, self._key_of_code)
        self._personal_ties(PersonalTie.other_org_id, ids, unit_key)
        few = self._few(Organisation.parent_org_id, ids, unit_key)
        for row in self._read_units(Organisation.parent_org_id.in_(few), self.counts):
            self._parent(row)

    def _read_units(self, *conditions: Any) -> Sequence[Any]:
        rows = self.session.execute(
            sa.select(
                Organisation.id,
                Organisation.name,
                Organisation.uscc,
                Organisation.org_type,
                Organisation.parent_org_id,
                Organisation.legal_rep,
                self.counts.label("counts"),
            )
            .where(*conditions)
            .order_by(Organisation.id)
        ).all()
        for row in rows:
            self._meet(
                unit_key(row.id),
                PartyKind.UNIT,
                row.name,
                state_owner=row.org_type in self.owner_types,
            )
        return rows

    def _own_words(self, row: Any, people: dict[UUID, dict[str, str]]) -> None:
        """Take in what a unit says of itself in its own record."""
        self._parent(row)
        if row.legal_rep.strip():
            key = people.get(row.id, {}).get(name_key(row.legal_rep))
            holder = key or named_key(row.legal_rep)
            self._meet(holder, None, row.legal_rep)
            self._join(
                EdgeKind.LEGAL_REP,
                holder,
                unit_key(row.id),
                Source("organisations", str(row.id), "法定代表人"),
                declared_by=unit_key(row.id),
            )

    def _parent(self, row: Any) -> None:
        if row.parent_org_id is not None:
            self._join(
                EdgeKind.PARENT,
                unit_key(row.parent_org_id),
                unit_key(row.id),
                Source("organisations", str(row.id), "上级/依托单位"),
                declared_by=unit_key(row.id),
            )

    def _ties(self, condition: sa.ColumnElement[bool]) -> dict[UUID, dict[str, str]]:
        """Read ties of units that count.

        Returns
        -------
        dict of UUID to dict of str to str
            For each unit the keys of persons that it has identified, by their names:
            within one unit a name is one person.
        """
        ties = self.session.scalars(
            sa.select(OrganisationTie)
            .join(Organisation, Organisation.id == OrganisationTie.org_id)
            .where(condition, self.counts)
            .order_by(OrganisationTie.id)
        ).all()
        self._resolve({tie.uscc for tie in ties if tie.uscc})
        people: dict[UUID, dict[str, str]] = {}
        for tie in ties:
            if tie.id_digest and tie.name:
                known = people.setdefault(tie.org_id, {})
                known[name_key(tie.name)] = person_key(tie.id_digest)
        for tie in ties:
            for key in self._others(tie, people.get(tie.org_id, {})):
                self._meet(key, None, tie.name)
                self._join(
                    EdgeKind(tie.kind),
                    key,
                    unit_key(tie.org_id),
                    Source("organisation_ties", str(tie.id), tie.source or tie.duty),
                    share=tie.share_percent,
                    declared_by=unit_key(tie.org_id),
                    valid_from=tie.valid_from,
                    valid_to=tie.valid_to,
                )
        return people

    def _others(self, tie: OrganisationTie, people: dict[str, str]) -> list[str]:
        """Return whom a tie names: by registration, code, identity, or only a name."""
        keys = []
        if tie.other_org_id is not None:
            keys.append(unit_key(tie.other_org_id))
        if tie.uscc:
            keys.append(self._key_of_code(tie.uscc))
        if not keys and tie.id_digest:
            keys.append(person_key(tie.id_digest))
        if not keys:
            keys.append(people.get(name_key(tie.name)) or named_key(tie.name))
        return sorted(set(keys))

    def _resolve(self, codes: set[str]) -> None:
        """Find out which credit codes are registered here."""
        fresh = codes - self.unit_of_code.keys()
        if not fresh:
            return
        rows = self.session.execute(
            sa.select(Organisation.uscc, Organisation.id).where(
                Organisation.uscc.in_(sorted(fresh))
            )
        )
        self.unit_of_code |= dict.fromkeys(fresh)
        self.unit_of_code |= {row.uscc: row.id for row in rows}

    def _key_of_code(self, uscc: str) -> str:
        registered = self.unit_of_code.get(uscc)
        return code_key(uscc) if registered is None else unit_key(registered)

    def _users(self, ids: Sequence[UUID]) -> None:
        users = sa.select(User.id, User.name).where(User.id.in_(ids))
        for row in self.session.execute(users.order_by(User.id)):
            self._meet(user_key(row.id), PartyKind.USER, row.name)
        seats = sa.select(Membership).where(Membership.user_id.in_(ids))
        for seat in self.session.scalars(seats.order_by(Membership.id)):
            self._join(
                EdgeKind.EMPLOYMENT,
                user_key(seat.user_id),
                unit_key(seat.org_id),
                Source("memberships", str(seat.id), "、".join(seat.roles)),
                declared_by=unit_key(seat.org_id),
                valid_from=self._day(seat.created_at),
                valid_to=self._day(seat.ended_at) if seat.ended_at else None,
            )
        self._personal(PersonalTie.user_id.in_(ids))

    def _day(self, moment: datetime) -> date:
        return moment.astimezone(self.zone).date()

    def _personal_ties(self, column: Any, values: Sequence[Any], key: Any) -> None:
        self._personal(column.in_(self._few(column, values, key)))

    def _personal(self, condition: sa.ColumnElement[bool]) -> None:
        ties = self.session.scalars(
            sa.select(PersonalTie).where(condition).order_by(PersonalTie.id)
        ).all()
        self._resolve({tie.uscc for tie in ties if tie.uscc})
        for tie in ties:
            if tie.other_org_id is not None:
                target = unit_key(tie.other_org_id)
            elif tie.uscc:
                target = self._key_of_code(tie.uscc)
            else:
                target = named_key(tie.name)
            self._meet(target, None, tie.name)
            self._join(
                _OF_PERSONS[tie.kind],
                user_key(tie.user_id),
                target,
                Source("personal_ties", str(tie.id), tie.note),
                share=tie.share_percent,
                declared_by=user_key(tie.user_id),
                valid_from=tie.valid_from,
                valid_to=tie.valid_to,
            )

    def bridge(self, left: Collection[str], right: Collection[str]) -> None:
        """Read the people who belong to both sides, whom no round has followed.

        A round does not follow a unit's staff, who may be thousands; those who have a
        seat in, or declared a tie to, a unit of either side are few.
        """
        shared = set(left) & set(right)
        one, other = (
            [id_in(k) for k in sorted(set(side) - shared) if k.startswith("unit:")]
            for side in (left, right)
        )
        if not one or not other:
            return
        both = sa.intersect(self._linked(one), self._linked(other)).subquery()
        most = self.reach.most_neighbours
        found = self.session.scalars(
            sa.select(both.c.user_id).order_by(both.c.user_id).limit(most + 1)
        ).all()
        if len(found) > most:
            self.unexplored |= {unit_key(each) for each in one}
        if found:
            self._users(found[:most])

    def _linked(self, units: Sequence[UUID]) -> sa.Select[UUID]:
        """Return the users with a seat in some units or a declared tie to them."""
        codes = sa.select(Organisation.uscc).where(
            Organisation.id.in_(units), Organisation.uscc.is_not(None)
        )
        seats = sa.select(Membership.user_id.label("user_id")).where(
            Membership.org_id.in_(units)
        )
        declared = sa.select(PersonalTie.user_id.label("user_id")).where(
            sa.or_(PersonalTie.other_org_id.in_(units), PersonalTie.uscc.in_(codes))
        )
        either = sa.union(seats, declared).subquery()
        return sa.select(either.c.user_id)

    def _meet(
        self,
        key: str,
        kind: PartyKind | None,
        name: str,
        *,
        state_owner: bool = False,
    ) -> None:
        """Note a party; what its own record says goes before what others call it."""
        if kind is None and key in self.parties:
            return
        owner = state_owner or any(word in name for word in self.owner_words)
        known = kind or PartyKind(key.partition(":")[0])
        self.parties[key] = Party(key, known, name.strip(), owner)

    def _join(
        self, kind: EdgeKind, holder: str, target: str, source: Source, **more: Any
    ) -> None:
        key = (kind, holder, target, source.table, source.record)
        self.edges[key] = Edge(kind, holder, target, source, **more)

    def _name_units(self) -> None:
        """Give parties met at the rim their names, and join equal names."""
        met = {key for edge in self.edges.values() for key in _ends(edge)} | self.starts
        rim = _Frontier(met)
        self._read_units(Organisation.id.in_(rim.units))
        users = sa.select(User.id, User.name).where(User.id.in_(rim.users))
        for row in self.session.execute(users.order_by(User.id)):
            self._meet(user_key(row.id), PartyKind.USER, row.name)
        for party in [p for p in self.parties.values() if p.is_identified and p.name]:
            same = named_key(party.name)
            if same in self.parties:
                source = Source("names", party.key, party.name)
                self._join(EdgeKind.NAMESAKE, same, party.key, source)


def _ends(edge: Edge) -> tuple[str, str]:
    return edge.holder, edge.target
