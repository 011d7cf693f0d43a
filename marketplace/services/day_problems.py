"""What a docking day 对接活动日 asks of its planner, as plain data with one order.

Nothing here knows the store. Identifiers are strings, so that a problem can be handed
to a child process; everything is sorted when it is made, so that the same facts in
another order are the same problem.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

SCORE_UNITS = 10_000
"""Scores are planned in whole ten-thousandths: sums of whole numbers are exact, and
two scores that differ by rounding noise are the same."""

Pair = tuple[str, str]
"""A need and a team, by their identifiers."""


@dataclass(frozen=True, slots=True)
class Seat:
    """A need or a team that takes part.

    Parameters
    ----------
    id : str
    organisation : str
        The need's firm or the team's unit. One firm holds one talk in a slot, however
        many needs it brings, for the same people speak for all of them.
    slots : frozenset of int
        Positions of the slots in which it can come.
    most : int
        The most talks that it takes on this day.
    """

    id: str
    organisation: str
    slots: frozenset[int]
    most: int


@dataclass(frozen=True)
class DayProblem:
    """A day to plan.

    Parameters
    ----------
    needs, teams : sequence of Seat
    tables : sequence of int
        How many talks can be held at once, by slot.
    scores : mapping of Pair to float
        The pairs that are wanted at all, each with a score from 0 to 1.
    must : collection of Pair
        Pairs that have to meet, wanted or not.
    forbidden : collection of Pair
        Pairs that must not meet: related parties. Pairs within one organisation are
        forbidden without being named.

    Raises
    ------
    ValueError
        A pair or a slot that does not exist, a number out of range, an identifier
        that stands twice.
    """

    needs: tuple[Seat, ...]
    teams: tuple[Seat, ...]
    tables: tuple[int, ...]
    scores: Mapping[Pair, float] = field(default_factory=dict)
    must: tuple[Pair, ...] = ()
    forbidden: frozenset[Pair] = frozenset()

    def __post_init__(self) -> None:
        for name in ("needs", "teams"):
            seats = tuple(sorted(getattr(self, name), key=lambda seat: seat.id))
            object.__setattr__(self, name, seats)
            self._check_seats(name, seats)
        object.__setattr__(self, "tables", tuple(self.tables))
        object.__setattr__(self, "scores", dict(sorted(self.scores.items())))
        object.__setattr__(self, "must", tuple(sorted(set(self.must))))
        object.__setattr__(self, "forbidden", frozenset(self.forbidden))
        if any(count < 0 for count in self.tables):
            raise ValueError("a slot has a negative number of tables")
        firms = {seat.id: seat.organisation for seat in self.needs}
        units = {seat.id: seat.organisation for seat in self.teams}
        for need, team in (*self.scores, *self.must, *self.forbidden):
            if need not in firms or team not in units:
                raise ValueError(f"no need {need} or no team {team}")
        for pair, score in self.scores.items():
            if not 0 <= score <= 1:
                raise ValueError(f"the score of {pair} is {score}, not from 0 to 1")

    def _check_seats(self, name: str, seats: Iterable[Seat]) -> None:
        known: set[str] = set()
        for seat in seats:
            if seat.id in known:
                raise ValueError(f"{name}: {seat.id} stands twice")
            known.add(seat.id)
            if seat.most < 0:
                raise ValueError(f"{name}: {seat.id} takes {seat.most} talks")
            if not seat.slots <= set(range(len(self.tables))):
                raise ValueError(f"{name}: {seat.id} names a slot that is none")

    def barred(self, pairs: Iterable[Pair]) -> set[Pair]:
        """Return the pairs that must not meet: related, or of one organisation."""
        firms = {seat.id: seat.organisation for seat in self.needs}
        units = {seat.id: seat.organisation for seat in self.teams}
        return {
            pair
            for pair in pairs
            if pair in self.forbidden or firms[pair[0]] == units[pair[1]]
        }


@dataclass(frozen=True, slots=True, order=True)
class Talk:
    """One need and one team in one slot."""

    slot: int
    need: str
    team: str


@dataclass(frozen=True, slots=True, order=True)
class Loosening:
    """One constraint that would have to give way, and by how much.

    Parameters
    ----------
    kind : str
        ``must-meet`` (give the pair up), ``need-limit`` and ``team-limit`` (more talks
        for one participant), ``need-slot`` and ``team-slot`` (come in one more slot),
        ``tables`` (more tables in one slot).
    subject : str
        The need or the team; empty for tables.
    other : str
        The team of a must-meet, else empty.
    slot : int
        The slot meant, or -1.
    by : int
        How many talks or tables more; 1 where it is yes or no.
    """

    kind: str
    subject: str = ""
    other: str = ""
    slot: int = -1
    by: int = 1


def loosened(problem: DayProblem, changes: Iterable[Loosening]) -> DayProblem:
    """Return the problem with some of its constraints loosened."""
    needs = {seat.id: seat for seat in problem.needs}
    teams = {seat.id: seat for seat in problem.teams}
    tables = list(problem.tables)
    must = set(problem.must)
    for change in changes:
        side = needs if change.kind.startswith("need") else teams
        if change.kind == "must-meet":
            must.discard((change.subject, change.other))
        elif change.kind == "tables":
            tables[change.slot] += change.by
        elif change.kind.endswith("-limit"):
            seat = side[change.subject]
            side[change.subject] = replace(seat, most=seat.most + change.by)
        else:
            seat = side[change.subject]
            side[change.subject] = replace(seat, slots=seat.slots | {change.slot})
    return replace(
        problem,
        needs=tuple(needs.values()),
        teams=tuple(teams.values()),
        tables=tuple(tables),
        must=tuple(must),
    )


@dataclass(frozen=True, slots=True)
class Worth:
    """How good a plan is; compared in this order.

    Parameters
    ----------
    served : int
        Needs and teams with at least one talk.
    score : int
        Sum of the scores of the pairs that meet, in ``SCORE_UNITS``.
    """

    served: int
    score: int

    def beats(self, other: Worth) -> bool:
        """Whether this is the better plan."""
        return (self.served, self.score) > (other.served, other.score)


@dataclass(frozen=True, slots=True)
class DayPlan:
    """What the planner found.

    Parameters
    ----------
    talks : tuple of Talk
        In the order of slots, needs and teams. Empty when nothing fits.
    worth : Worth
    bound : Worth
        No plan is better than this.
    optimal : bool
        The plan reaches the bound. False means that time was up.
    way : str
        Which model proved it: ``parted`` (pairs first, then slots), ``whole`` (one
        model of both), ``none``.
    loosenings : tuple of tuple of Loosening
        Only when no plan keeps every constraint: several ways out, each of them a
        smallest set of its kind.
    """

    talks: tuple[Talk, ...]
    worth: Worth
    bound: Worth
    optimal: bool
    way: str
    loosenings: tuple[tuple[Loosening, ...], ...] = ()

    @property
    def feasible(self) -> bool:
        """Whether there is a plan that keeps every constraint."""
        return not self.loosenings
