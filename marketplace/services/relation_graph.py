"""Who belongs together: a graph of parties and ties, without any store.

Parties are units registered here, outside parties known by their credit code, users,
persons known by a hashed identity number, and names of which nothing else is known.
Ties point down: from controller, shareholder, parent or person to the unit. Every tie
says where it was learnt and who declared it, and from when to when it held.

What counts as control, joint control or significant influence follows the definitions
of 企业会计准则第 36 号 (related parties) and the bidder's rule of real calls (无关联
关系: sole control, joint control, significant influence); the percentages come in as
``Limits``.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, localcontext
from enum import StrEnum
from functools import cached_property
from itertools import count
from typing import Any

HUNDRED = Decimal(100)
_PLACES = Decimal("0.0001")
_SURE = Decimal("1E-30")
_PRECISION = 60


class PartyKind(StrEnum):
    """How a party is known; a name alone identifies nobody."""

    UNIT = "unit"  # 本平台登记的单位
    OUTSIDE = "outside"  # 仅知统一社会信用代码
    USER = "user"  # 账号
    PERSON = "person"  # 以证件号摘要识别的自然人
    NAME = "name"  # 仅知名称或姓名


class EdgeKind(StrEnum):
    """What joins two parties."""

    CONTROLLER = "controller"  # 实际控制人
    SHAREHOLDER = "shareholder"  # 股东
    PARENT = "parent"  # 上级/依托单位
    OFFICER = "officer"  # 董事、监事、高级管理人员
    LEGAL_REP = "legal_rep"  # 法定代表人
    RELATED = "related"  # 其他关联方
    EMPLOYMENT = "employment"  # 任职
    FAMILY = "family"  # 亲属
    ADVISER = "adviser"  # 顾问
    CO_AUTHOR = "co_author"  # 合作发表
    PAID_WORK = "paid_work"  # 有偿服务
    NAMESAKE = "namesake"  # 同名


class FindingKind(StrEnum):
    """What a relation between two parties is called, the strongest first."""

    SAME_PARTY = "same_party"  # 同一主体
    CONTROL = "control"  # 控制
    PARENT_BRANCH = "parent_branch"  # 上下级单位
    JOINT_CONTROL = "joint_control"  # 共同控制
    SAME_CONTROLLER = "same_controller"  # 同受控制
    SIGNIFICANT_INFLUENCE = "significant_influence"  # 重大影响
    SAME_LEGAL_REP = "same_legal_representative"  # 同一法定代表人
    SHARED_PERSON = "shared_person"  # 共有任职人员
    SAME_SHAREHOLDER = "same_shareholder"  # 共同重要股东
    SHAREHOLDING = "shareholding"  # 参股
    DECLARED_RELATION = "declared_relation"  # 申报的其他关联
    EMPLOYMENT = "employment"  # 任职
    FAMILY = "family"  # 亲属
    ADVISER = "adviser"  # 顾问
    CO_AUTHOR = "co_author"  # 合作发表
    PAID_WORK = "paid_work"  # 有偿服务
    INDIRECT = "indirect"  # 间接关联


OWNERSHIP = frozenset({EdgeKind.CONTROLLER, EdgeKind.SHAREHOLDER})
STEERING = OWNERSHIP | {EdgeKind.PARENT}
_ROLES = frozenset(
    {
        EdgeKind.LEGAL_REP,
        EdgeKind.OFFICER,
        EdgeKind.CONTROLLER,
        EdgeKind.EMPLOYMENT,
    }
)
_OF_PEOPLE = _ROLES | {EdgeKind.SHAREHOLDER}
_DIRECT = {
    EdgeKind.RELATED: FindingKind.DECLARED_RELATION,
    EdgeKind.EMPLOYMENT: FindingKind.EMPLOYMENT,
    EdgeKind.OFFICER: FindingKind.EMPLOYMENT,
    EdgeKind.LEGAL_REP: FindingKind.EMPLOYMENT,
    EdgeKind.FAMILY: FindingKind.FAMILY,
    EdgeKind.ADVISER: FindingKind.ADVISER,
    EdgeKind.CO_AUTHOR: FindingKind.CO_AUTHOR,
    EdgeKind.PAID_WORK: FindingKind.PAID_WORK,
    EdgeKind.CONTROLLER: FindingKind.CONTROL,
    EdgeKind.SHAREHOLDER: FindingKind.SHAREHOLDING,
}
_ORDER = {kind: place for place, kind in enumerate(FindingKind)}


@dataclass(frozen=True, slots=True)
class Party:
    """One party.

    Parameters
    ----------
    key : str
        Unique in its graph, for example ``unit:<id>`` or ``code:<credit code>``.
    kind : PartyKind
    name : str
        For who reads the answer.
    state_owner : bool
        A body that holds shares for the state: units are not related by having it in
        common as owner, and only by that (公司法 art. 265).
    """

    key: str
    kind: PartyKind
    name: str = ""
    state_owner: bool = False

    @property
    def is_identified(self) -> bool:
        """More is known of it than a name."""
        return self.kind is not PartyKind.NAME


@dataclass(frozen=True, slots=True)
class Source:
    """Where a tie was learnt: the table, the record's identifier, and in words."""

    table: str
    record: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Edge:
    """One tie.

    Parameters
    ----------
    kind : EdgeKind
    holder, target : str
        Keys; the holder controls, owns, is above or works for the target.
    source : Source
    share : Decimal, optional
        Per cent held, for shareholders and controllers.
    declared_by : str, optional
        Key of the party that says so; None for what was only noticed.
    valid_from, valid_to : date, optional
        First and last day; open without.
    """

    kind: EdgeKind
    holder: str
    target: str
    source: Source
    share: Decimal | None = None
    declared_by: str | None = None
    valid_from: date | None = None
    valid_to: date | None = None

    @property
    def is_declared(self) -> bool:
        """Somebody who should know has said so."""
        return self.declared_by is not None

    def holds_on(self, day: date) -> bool:
        """Whether the tie held on a day; both ends count."""
        begun = self.valid_from is None or self.valid_from <= day
        return begun and (self.valid_to is None or day <= self.valid_to)

    def beyond(self, key: str) -> str:
        """Return the other end."""
        return self.target if key == self.holder else self.holder


@dataclass(frozen=True)
class RelationGraph:
    """Parties by their keys, and the ties between them."""

    parties: Mapping[str, Party] = field(default_factory=dict)
    edges: tuple[Edge, ...] = ()

    def as_of(self, day: date) -> RelationGraph:
        """Return the graph with the ties that held on a day."""
        held = tuple(edge for edge in self.edges if edge.holds_on(day))
        return RelationGraph(self.parties, held)

    @cached_property
    def _at(self) -> Mapping[str, tuple[Edge, ...]]:
        found: dict[str, list[Edge]] = defaultdict(list)
        for edge in sorted(self.edges, key=_edge_order):
            if edge.holder != edge.target:
                found[edge.holder].append(edge)
                found[edge.target].append(edge)
        return {key: tuple(edges) for key, edges in found.items()}

    def at(self, key: str) -> tuple[Edge, ...]:
        """Return the ties of a party, in an order that never differs."""
        return self._at.get(key, ())

    @cached_property
    def stakes(self) -> Mapping[str, Mapping[str, Decimal]]:
        """Parts of one that each holder has in each target.

        One holding told by two sources is one holding: the larger figure counts.
        """
        found: dict[str, dict[str, Decimal]] = defaultdict(dict)
        for edge in self.edges:
            if edge.kind in OWNERSHIP and edge.share and edge.holder != edge.target:
                of_target = found[edge.target]
                part = min(edge.share / HUNDRED, Decimal(1))
                of_target[edge.holder] = max(part, of_target.get(edge.holder, part))
        return found

    @cached_property
    def held(self) -> Mapping[str, tuple[str, ...]]:
        """The units in which each holder has a known share."""
        found: dict[str, list[str]] = defaultdict(list)
        for target, holders in self.stakes.items():
            for holder in holders:
                found[holder].append(target)
        return {holder: tuple(targets) for holder, targets in found.items()}


def _edge_order(edge: Edge) -> tuple[str, str, str, str, str]:
    source = edge.source
    return (edge.kind, edge.holder, edge.target, source.table, source.record)


def effective_shares(graph: RelationGraph, holder: str) -> dict[str, Decimal]:
    """Return what a party holds of every unit, directly and through others.

    Along a chain the percentages multiply; over several chains they add up. Without
    circles that is the sum over all chains. With circles (cross-holdings) a part of
    what is held leads round and round: the answer solves
    ``x[t] = sum over holders h of w[h, t] * (1 if h is the party else x[h])``, the
    chance to come to the party on the way up from the target. No answer exceeds
    100 %, and a larger share of a unit that has one to give never makes an answer
    smaller. Where false data give the holders of a unit more than 100 % together,
    their shares are scaled down to that.

    Parameters
    ----------
    holder : str
        Key of the party; shares in itself are not counted.

    Returns
    -------
    dict of str to Decimal
        Per cent with four places, of all units of which it holds something.

    Notes
    -----
    Solved by eliminating one unit after the other. What leaves a unit is added up and
    not taken from one (Grassmann, Taksar and Heyman, 1985), so nothing cancels and a
    circle that is nearly closed is solved as well as any other.
    """
    below = _below(graph, holder)
    with localcontext(prec=_PRECISION):
        rows = {target: _row(graph, holder, target, below) for target in below}
        for target in sorted(below):
            _eliminate(rows, target)
        parts = {target: rows[target].get(holder, Decimal(0)) for target in below}
        shares = {
            target: (part * HUNDRED)
            .quantize(_SURE, ROUND_HALF_UP)
            .quantize(_PLACES, ROUND_HALF_UP)
            for target, part in parts.items()
        }
    return {target: share for target, share in sorted(shares.items()) if share}


_NOBODY = ""
"""Stands for all holders that do not lead up to the party, and for unknown ones."""


def _row(
    graph: RelationGraph, holder: str, target: str, below: Collection[str]
) -> dict[str, Decimal]:
    """Return the parts of one target, by holder; they add up to one."""
    held = graph.stakes[target]
    whole = max(sum(held.values(), Decimal(0)), Decimal(1))
    leading = {h: part / whole for h, part in held.items() if h == holder or h in below}
    rest = Decimal(1) - sum(leading.values(), Decimal(0))
    return leading | {_NOBODY: max(rest, Decimal(0))}


def _eliminate(rows: dict[str, dict[str, Decimal]], target: str) -> None:
    """Put what a target consists of into every row that names it."""
    row = rows[target]
    row.pop(target, None)
    leaving = sum(row.values(), Decimal(0))
    solved = {each: part / leaving for each, part in row.items()}
    rows[target] = solved
    for other, parts in rows.items():
        weight = parts.pop(target, None) if other != target else None
        if weight:
            for each, part in solved.items():
                parts[each] = parts.get(each, Decimal(0)) + weight * part


def _below(graph: RelationGraph, holder: str) -> frozenset[str]:
    """Return the units that any chain of shares leads to from a party."""
    found, fresh = {holder}, [holder]
    while fresh:
        more = {target for each in fresh for target in graph.held.get(each, ())} - found
        found |= more
        fresh = sorted(more)
    return frozenset(found - {holder})


def effective_share(graph: RelationGraph, holder: str, target: str) -> Decimal:
    """Return what one party holds of another in per cent; see ``effective_shares``.

    >>> who = Source("test", "1")
    >>> tie = EdgeKind.SHAREHOLDER
    >>> edges = (Edge(tie, "a", "b", who, Decimal(60)),
    ...          Edge(tie, "b", "c", who, Decimal(50)))
    >>> effective_share(RelationGraph({}, edges), "a", "c")
    Decimal('30.0000')
    """
    if holder == target:
        return HUNDRED.quantize(_PLACES)
    return effective_shares(graph, holder).get(target, Decimal(0).quantize(_PLACES))


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a way: the tie, and the party that it leads to."""

    edge: Edge
    to: str


@dataclass(frozen=True, slots=True)
class Path:
    """A way from one party to another, no party twice."""

    start: str
    steps: tuple[Step, ...] = ()

    @property
    def parties(self) -> tuple[str, ...]:
        """The keys on the way, both ends included."""
        return (self.start, *(step.to for step in self.steps))

    @property
    def end(self) -> str:
        """Where it leads."""
        return self.steps[-1].to if self.steps else self.start

    @property
    def kinds(self) -> frozenset[EdgeKind]:
        """What kinds of ties it takes."""
        return frozenset(step.edge.kind for step in self.steps)

    def reversed(self) -> Path:
        """Return the way back."""
        keys = self.parties
        back = range(len(self.steps) - 1, -1, -1)
        return Path(self.end, tuple(Step(self.steps[i].edge, keys[i]) for i in back))

    def order(self) -> tuple[int, tuple[str, ...], tuple[tuple[str, ...], ...]]:
        """Sort shorter ways first, then by keys."""
        edges = tuple(_edge_order(step.edge) for step in self.steps)
        return (len(self.steps), self.parties, edges)


def is_declared(graph: RelationGraph, path: Path) -> bool:
    """Whether every tie was declared and nobody on the way is a mere name.

    That two names are equal proves nothing: people of one name are many.
    """
    known = all(_party(graph, key).is_identified for key in path.parties)
    return known and all(step.edge.is_declared for step in path.steps)


def _party(graph: RelationGraph, key: str) -> Party:
    return graph.parties.get(key) or Party(key, PartyKind.OUTSIDE, key)


def _passable(graph: RelationGraph, before: str, first: Edge, second: Edge) -> bool:
    """Whether a way may lead over two ties, one after the other.

    Not through an owner for the state from one of its holdings to another. And two
    users of one name are two persons, as are two identity numbers; a user and an
    identity number may be one.
    """
    middle = _party(graph, first.beyond(before))
    if first.kind in OWNERSHIP and second.kind in OWNERSHIP and middle.state_owner:
        return False
    if first.kind is second.kind is EdgeKind.NAMESAKE:
        beyond = _party(graph, second.beyond(middle.key))
        return _party(graph, before).kind is not beyond.kind
    return True


@dataclass(frozen=True, slots=True)
class Roads:
    """Which ties a search takes.

    Parameters
    ----------
    kinds : set of EdgeKind
    budget : int
        The most that a way may cost; a tie costs one unless it is free.
    free : set of EdgeKind
        Ties that cost nothing.
    heading : str
        ``down`` from holders to targets, ``up``, or empty for both. Equal names are
        passed either way.
    steering_percent : Decimal, optional
        Controllers, and shareholders of more than so much, cost nothing either.
    within : set of str, optional
        Keys that the way may not leave.
    """

    kinds: frozenset[EdgeKind]
    budget: int
    free: frozenset[EdgeKind] = frozenset()
    heading: str = ""
    steering_percent: Decimal | None = None
    within: frozenset[str] | None = None

    def leads(self, edge: Edge, key: str) -> bool:
        """Whether a tie may be taken from this end."""
        if edge.kind not in self.kinds:
            return False
        if self.within is not None and edge.beyond(key) not in self.within:
            return False
        if not self.heading or edge.kind is EdgeKind.NAMESAKE:
            return True
        return (edge.holder == key) == (self.heading == "down")

    def cost(self, edge: Edge) -> int:
        """Return what a tie costs, 0 or 1."""
        if edge.kind in self.free:
            return 0
        most = self.steering_percent
        return 0 if most is not None and _steers(edge, most) else 1


def _steers(edge: Edge, percent: Decimal) -> bool:
    if edge.kind is EdgeKind.CONTROLLER:
        return True
    held = edge.share is not None and edge.share > percent
    return edge.kind is EdgeKind.SHAREHOLDER and held


def _search(graph: RelationGraph, start: str, roads: Roads) -> dict[str, Path]:
    """Return the cheapest way to every party, of these the shortest."""
    found: dict[str, Path] = {}
    seen: set[tuple[str, str]] = set()
    first = Path(start)
    turns = count()
    queue: list[tuple[Any, ...]] = [(0, first.order(), next(turns), first)]
    while queue:
        cost, _, _, path = heapq.heappop(queue)
        state = (path.end, _arrival(graph, path))
        if state in seen:
            continue
        seen.add(state)
        found.setdefault(path.end, path)
        for longer in _onward(graph, path, roads):
            more = cost + roads.cost(longer.steps[-1].edge)
            if more <= roads.budget:
                heapq.heappush(queue, (more, longer.order(), next(turns), longer))
    del found[start]
    return found


def _arrival(graph: RelationGraph, path: Path) -> str:
    """Say what of the last step decides how a way may go on."""
    if not path.steps:
        return ""
    edge, before = path.steps[-1].edge, path.parties[-2]
    if edge.kind is EdgeKind.NAMESAKE:
        return _party(graph, before).kind.value
    return "owned" if edge.kind in OWNERSHIP else "other"


def _onward(graph: RelationGraph, path: Path, roads: Roads) -> Iterator[Path]:
    last = path.steps[-1].edge if path.steps else None
    for edge in graph.at(path.end):
        beyond = edge.beyond(path.end)
        if beyond in path.parties or not roads.leads(edge, path.end):
            continue
        if last is None or _passable(graph, path.parties[-2], last, edge):
            yield Path(path.start, (*path.steps, Step(edge, beyond)))


def paths(
    graph: RelationGraph,
    left: Collection[str],
    right: Collection[str],
    *,
    kinds: Collection[EdgeKind] = frozenset(EdgeKind),
    longest: int = 6,
) -> list[Path]:
    """Return the shortest way between each two parties of two sets.

    Parameters
    ----------
    left, right : collection of str
        Keys.
    kinds : collection of EdgeKind
        Ties that may be taken, in either direction.
    longest : int
        The most ties on a way.

    Returns
    -------
    list of Path
        Shorter ones first, then by keys; a party that stands on both sides has the
        empty way.
    """
    roads = Roads(frozenset(kinds), longest)
    found = []
    for start in sorted(set(left)):
        reached = {start: Path(start)} | _search(graph, start, roads)
        found += [reached[end] for end in set(right) if end in reached]
    return sorted(found, key=Path.order)


@dataclass(frozen=True, slots=True)
class Limits:
    """From where on a share is what; in per cent, from the rules in force.

    Parameters
    ----------
    control : Decimal
        More than this is sole control.
    joint : Decimal
        So much, without being sole control, is joint control.
    significant : Decimal
        So much is significant influence.
    longest_indirect : int
        The most ties, not counting parents, branches and control, of an indirect
        relation.
    """

    control: Decimal = Decimal(50)
    joint: Decimal = Decimal(50)
    significant: Decimal = Decimal(20)
    longest_indirect: int = 2


@dataclass(frozen=True, slots=True)
class Finding:
    """A relation between two parties, and the way that explains it.

    Parameters
    ----------
    kind : FindingKind
    left, right : str
        Keys of the two.
    path : Path
        From left to right.
    is_declared : bool
        Every tie of the way was declared, and none rests on a name alone.
    share : Decimal, optional
        Effective share in per cent, where shares are what it is about.
    """

    kind: FindingKind
    left: str
    right: str
    path: Path
    is_declared: bool
    share: Decimal | None = None


def findings(
    graph: RelationGraph,
    left: Collection[str],
    right: Collection[str],
    *,
    limits: Limits | None = None,
) -> list[Finding]:
    """Find how the parties of two sides are related.

    Parameters
    ----------
    graph : RelationGraph
        With the ties of one day; see ``RelationGraph.as_of``.
    left, right : collection of str
        Keys of the parties.
    limits : Limits, optional

    Returns
    -------
    list of Finding
        By party, the strongest first. Of each kind one between two parties, explained
        by its shortest way; a declared way goes before any that a name suggests. An
        indirect relation is told only where there is no other that is as certain.
    """
    limits = limits or Limits()
    sure, whole = _Study(_declared(graph), limits), _Study(graph, limits)
    found: list[Finding] = []
    for one in sorted(set(left)):
        for other in sorted(set(right)):
            certain = sure.between(one, other)
            told = {finding.kind for finding in certain}
            found += certain
            found += [f for f in whole.between(one, other) if f.kind not in told]
    return sorted(
        found, key=lambda f: (f.left, f.right, _ORDER[f.kind], f.path.order())
    )


def _declared(graph: RelationGraph) -> RelationGraph:
    """Return what is left without names and guesses."""
    return RelationGraph(
        graph.parties,
        tuple(
            edge
            for edge in graph.edges
            if edge.is_declared
            and _party(graph, edge.holder).is_identified
            and _party(graph, edge.target).is_identified
        ),
    )


class _Study:
    """One reading of a graph; what has been worked out for a party is kept."""

    def __init__(self, graph: RelationGraph, limits: Limits) -> None:
        self.graph, self.limits = graph, limits
        self._shares: dict[str, dict[str, Decimal]] = {}
        self._controlled: dict[str, frozenset[str]] = {}
        self._controllers: dict[str, frozenset[str]] = {}
        self._reached: dict[tuple[str, str], frozenset[str]] = {}
        self._found: dict[tuple[str, Roads], dict[str, Path]] = {}

    def between(self, one: str, other: str) -> list[Finding]:
        """Return the relations of two parties, each kind once."""
        if one == other:
            return [self._finding(FindingKind.SAME_PARTY, Path(one))]
        best: dict[FindingKind, Finding] = {}
        for finding in (
            *(self._owned(one, other) if other in self._near(one, "down") else ()),
            *(self._owned(other, one) if other in self._near(one, "up") else ()),
            *self._branches(one, other),
            *self._under_one(one, other),
            *self._joined(one, other),
            *self._in_common(one, other),
        ):
            kept = best.get(finding.kind)
            if kept is None or _rank(finding) < _rank(kept):
                best[finding.kind] = _facing(finding, one)
        if not best:
            return list(self._indirect(one, other))
        return list(best.values())

    def _finding(
        self, kind: FindingKind, path: Path, share: Decimal | None = None
    ) -> Finding:
        declared = is_declared(self.graph, path)
        return Finding(kind, path.start, path.end, path, declared, share)

    def _ways(self, start: str, roads: Roads) -> dict[str, Path]:
        key = (start, roads)
        if key not in self._found:
            self._found[key] = _search(self.graph, start, roads)
        return self._found[key]

    def shares(self, holder: str) -> dict[str, Decimal]:
        """Return the effective shares of a party."""
        if holder not in self._shares:
            self._shares[holder] = effective_shares(self.graph, holder)
        return self._shares[holder]

    def controlled(self, holder: str) -> frozenset[str]:
        """Return the units that a party steers, itself included.

        As parent or controller, or because it and the units that it steers hold more
        than the limit together.
        """
        if holder in self._controlled:
            return self._controlled[holder]
        found, fresh = {holder}, {holder}
        while fresh:
            near = {e.target for key in fresh for e in self._steering(key)} - found
            fresh = {key for key in sorted(near) if self._is_steered(key, found)}
            found |= fresh
        self._controlled[holder] = frozenset(found)
        return self._controlled[holder]

    def _steering(self, key: str) -> list[Edge]:
        edges = self.graph.at(key)
        return [e for e in edges if e.kind in STEERING and e.holder == key]

    def _is_steered(self, key: str, by: Collection[str]) -> bool:
        named = {EdgeKind.CONTROLLER, EdgeKind.PARENT}
        if any(e.kind in named and e.holder in by for e in self._above(key)):
            return True
        held = self.graph.stakes.get(key, {})
        together = sum((part for h, part in held.items() if h in by), Decimal(0))
        return together * HUNDRED > self.limits.control

    def _above(self, key: str) -> list[Edge]:
        return [e for e in self.graph.at(key) if e.target == key]

    def controllers(self, key: str) -> frozenset[str]:
        """Return who steers a unit, the unit itself left out."""
        if key not in self._controllers:
            above = self._near(key, "up")
            self._controllers[key] = frozenset(
                each for each in above if key in self.controlled(each)
            )
        return self._controllers[key]

    def _near(self, key: str, heading: str) -> frozenset[str]:
        """Return whom chains of shares and control lead to, up or down."""
        if (key, heading) not in self._reached:
            found, fresh = {key}, [key]
            down = heading == "down"
            while fresh:
                edges = [(e, each) for each in fresh for e in self.graph.at(each)]
                met = {
                    edge.beyond(each)
                    for edge, each in edges
                    if edge.kind in STEERING and (edge.holder == each) == down
                }
                fresh = sorted(met - found)
                found |= met
            self._reached[key, heading] = frozenset(found - {key})
        return self._reached[key, heading]

    def _way_of_control(self, holder: str, target: str) -> Path | None:
        roads = Roads(
            STEERING,
            0,
            free=STEERING,
            heading="down",
            within=self.controlled(holder),
        )
        return self._ways(holder, roads).get(target)

    def _owned(self, holder: str, target: str) -> Iterator[Finding]:
        """Say what one party holds of the other: control, influence, or less."""
        share = self.shares(holder).get(target)
        if target in self.controlled(holder):
            path = self._way_of_control(holder, target)
            if path is not None and path.kinds != {EdgeKind.PARENT}:
                alone = not self._is_one_of_several(holder, target)
                kind = FindingKind.CONTROL if alone else FindingKind.JOINT_CONTROL
                yield self._finding(kind, path, share)
            return
        roads = Roads(OWNERSHIP, 0, free=OWNERSHIP, heading="down")
        path = self._ways(holder, roads).get(target)
        if path is not None:
            yield self._finding(self._kind_of_share(share), path, share)

    def _kind_of_share(self, share: Decimal | None) -> FindingKind:
        limits = self.limits
        if share is None or share < limits.significant:
            return FindingKind.SHAREHOLDING
        if share > limits.control:
            return FindingKind.CONTROL
        joint = share >= limits.joint
        return FindingKind.JOINT_CONTROL if joint else FindingKind.SIGNIFICANT_INFLUENCE

    def _is_one_of_several(self, holder: str, target: str) -> bool:
        """Whether a unit names further controllers with whom a party must agree.

        A controller that it steers, or that steers it, is no further one.
        """
        named = {e.holder for e in self._above(target) if e.kind is EdgeKind.CONTROLLER}
        held = self.graph.stakes.get(target, {}).get(holder, Decimal(0)) * HUNDRED
        if holder not in named or held > self.limits.control:
            return False
        ours = self.controlled(holder)
        return any(
            each not in ours and holder not in self.controlled(each) for each in named
        )

    def _branches(self, one: str, other: str) -> Iterator[Finding]:
        only = frozenset({EdgeKind.PARENT})
        path = self._ways(one, Roads(only, 0, free=only)).get(other)
        if path is not None:
            yield self._finding(FindingKind.PARENT_BRANCH, path)

    def _under_one(self, one: str, other: str) -> Iterator[Finding]:
        """Find who steers both; an owner for the state relates nobody."""
        if one in self.controlled(other) or other in self.controlled(one):
            return
        for top in sorted(self.controllers(one)):
            if other not in self.controlled(top):
                continue
            down, across = (
                self._way_of_control(top, one),
                self._way_of_control(top, other),
            )
            if down is None or across is None:
                continue
            path = self._meeting(down.reversed(), across.reversed())
            if path is not None and path.kinds != {EdgeKind.PARENT}:
                yield self._finding(FindingKind.SAME_CONTROLLER, path)

    def _joined(self, one: str, other: str) -> Iterator[Finding]:
        """Find single ties; by its name only where no share has told of it already."""
        for edge_kind, kind in _DIRECT.items():
            path = self._by_one_tie(one, edge_kind).get(other)
            if path is None:
                continue
            if edge_kind not in OWNERSHIP:
                yield self._finding(kind, path)
            elif EdgeKind.NAMESAKE in path.kinds:
                share = _tie_of(path).share
                held = edge_kind is EdgeKind.SHAREHOLDER
                told = self._kind_of_share(share) if held else kind
                yield self._finding(told, path, share)

    def _by_one_tie(
        self, start: str, kind: EdgeKind, heading: str = ""
    ) -> dict[str, Path]:
        """Return whom one tie of a kind leads to, also under a like name."""
        names = frozenset({EdgeKind.NAMESAKE})
        roads = Roads(names | {kind}, 1, free=names, heading=heading)
        found = self._ways(start, roads)
        return {key: path for key, path in found.items() if kind in path.kinds}

    def _in_common(self, one: str, other: str) -> Iterator[Finding]:
        """Find persons, or owners of much, whom two units have in common."""
        for first in sorted(_OF_PEOPLE):
            mine = self._by_one_tie(one, first, "up")
            for second in sorted(_OF_PEOPLE):
                theirs = self._by_one_tie(other, second, "up")
                for key in sorted(mine.keys() & theirs.keys()):
                    path = self._meeting(mine[key], theirs[key])
                    kind = self._kind_in_common(mine[key], theirs[key])
                    if path is not None and kind is not None:
                        yield self._finding(kind, path)

    def _kind_in_common(self, mine: Path, theirs: Path) -> FindingKind | None:
        first, second = _tie_of(mine), _tie_of(theirs)
        limits = self.limits
        if first.kind is second.kind is EdgeKind.LEGAL_REP:
            return FindingKind.SAME_LEGAL_REP
        if _steers(first, limits.control) and _steers(second, limits.control):
            return FindingKind.SAME_CONTROLLER
        for edge in (first, second):
            if edge.kind is EdgeKind.SHAREHOLDER and (
                edge.share is None or edge.share < limits.significant
            ):
                return None
        if first.kind in OWNERSHIP and second.kind in OWNERSHIP:
            return FindingKind.SAME_SHAREHOLDER
        return FindingKind.SHARED_PERSON

    def _meeting(self, mine: Path, theirs: Path) -> Path | None:
        """Join two ways that end at one party; None where they may not be joined."""
        if set(mine.parties[:-1]) & set(theirs.parties[:-1]):
            return None
        back = theirs.reversed()
        if mine.steps and back.steps:
            first, second = mine.steps[-1].edge, back.steps[0].edge
            if not _passable(self.graph, mine.parties[-2], first, second):
                return None
        return Path(mine.start, mine.steps + back.steps)

    def _indirect(self, one: str, other: str) -> Iterator[Finding]:
        """Find ways over a few ties of any kinds, equal names left out."""
        roads = Roads(
            frozenset(EdgeKind) - {EdgeKind.NAMESAKE},
            self.limits.longest_indirect,
            free=frozenset({EdgeKind.PARENT}),
            steering_percent=self.limits.control,
        )
        path = self._ways(one, roads).get(other)
        if path is not None:
            yield self._finding(FindingKind.INDIRECT, path)


def _tie_of(path: Path) -> Edge:
    """Return the one tie of a way that is more than an equal name."""
    edges = (step.edge for step in path.steps)
    return next(edge for edge in edges if edge.kind is not EdgeKind.NAMESAKE)


def _rank(finding: Finding) -> tuple[object, ...]:
    return (not finding.is_declared, *finding.path.order())


def _facing(finding: Finding, one: str) -> Finding:
    """Return a finding as seen from one of its two parties."""
    if finding.left == one:
        return finding
    return Finding(
        finding.kind,
        finding.right,
        finding.left,
        finding.path.reversed(),
        finding.is_declared,
        finding.share,
    )


def graph_of(parties: Iterable[Party], edges: Iterable[Edge]) -> RelationGraph:
    """Make a graph; of two parties with one key the later one stays."""
    return RelationGraph({party.key: party for party in parties}, tuple(edges))
