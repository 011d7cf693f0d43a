"""Plan a docking day: who talks with whom in which slot.

What is made largest, in this order:

1. the number of needs and teams with at least one talk. Nobody who could be served is
   left out while another could spare a talk;
2. the sum of the scores of the pairs that meet.

Each of them is solved to proven optimality by HiGHS (Huangfu and Hall, "Parallelizing
the dual revised simplex method", 2018) through ``scipy.optimize.milp``; the second
with the first one's value as a constraint, so that no weights have to be balanced.
Every coefficient is a small whole number.

The day is first planned in two parts. Pairs are chosen as if any set of them could be
seated, under the limits and the number of slots in which a participant can come; this
is a flow, and quickly solved. Then the chosen pairs are seated. If all find a slot,
the plan is optimal, for the choice was made under weaker constraints. If not, the dual
prices of the seating (a participant in a slot, a table in a slot) give an inequality
that every plan obeys and this choice breaks (Benders, "Partitioning procedures", 1962):

    sum over pairs (cheapest price of a slot that both have) <= sum of all prices.

With it the choice is made again. When the prices find nothing more, or after
``ROUNDS``, pairs and slots go into one model instead: first of the pairs that look
best, which gives a good plan; then of every pair that could be in a better one, which
the reduced costs of the choice tell. With everybody there all day and as many tables
in every slot the first seating always works: a bipartite graph whose degrees are at
most the number of slots has an edge colouring of as many colours (König 1916), with
classes of equal size (de Werra 1971).

The same problem gives the same plan: participants and pairs stand in the order of
their identifiers, scores are whole numbers, and HiGHS runs its one path for one model
(``milp`` leaves its seed at 0, and its answer does not depend on the number of
threads). Only a plan that was cut off by its time limit, and says so, may differ.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, linprog, milp

from marketplace.services.day_conflicts import seat_must
from marketplace.services.day_problems import (
    SCORE_UNITS,
    DayPlan,
    DayProblem,
    Talk,
    Worth,
)

ROUNDS = 4
"""So often pairs are chosen anew before one model takes pairs and slots together."""
SMALL = 12_000
"""A model of so many places (a pair in a slot) is solved as it is, within seconds."""
BEST_OF_EACH = 6
"""So many of each participant's best pairs are in the first, small model."""
NOTHING = Worth(0, 0)
Report = Callable[[str, float], None]
"""Told of a stage (``must``, ``choose``, ``seat``, ``whole``) and how far it is."""
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class _TimeUp(Exception):
    """The limit has passed; the best plan so far is the answer.

    Parameters
    ----------
    values : array of float or None
        What HiGHS had by then.
    """

    def __init__(self, values: Floats | None = None) -> None:
        super().__init__()
        self.values = values


def plan(
    problem: DayProblem,
    *,
    seconds: float | None = None,
    report: Report | None = None,
    found: Callable[[DayPlan], None] | None = None,
) -> DayPlan:
    """Plan a day.

    Parameters
    ----------
    problem : DayProblem
    seconds : float, optional
        When to stop with the best plan so far. HiGHS looks at its clock between
        steps, so that a large step may run over; a caller who cannot wait plans in a
        child process (``day_plan_runs``).
    report : callable, optional
        Told of the stages.
    found : callable, optional
        Given every plan that is better than those before it.

    Returns
    -------
    DayPlan
        With ``loosenings`` when no plan keeps every constraint.
    """
    search = _Search(
        _Day(problem),
        time.monotonic() + seconds if seconds is not None else None,
        report or _nobody,
        found or _nobody,
    )
    search.report("must", 0.0)
    must, loosenings = seat_must(problem, until=search.until)
    if loosenings:
        return DayPlan((), NOTHING, NOTHING, True, "none", loosenings)
    search.offer(must, "none")
    with suppress(_TimeUp):
        if not search.in_parts():
            search.whole()
    return search.answer()


def _nobody(*_: Any) -> None:
    """Listen to nothing."""


class _Day:
    """A problem as arrays: pairs, participants and the places where both can be.

    A *place* is a pair in one slot. Participants are numbered needs first.
    """

    def __init__(self, problem: DayProblem) -> None:
        self.problem = problem
        needs, teams = problem.needs, problem.teams
        need_at = {seat.id: at for at, seat in enumerate(needs)}
        team_at = {seat.id: at for at, seat in enumerate(teams)}
        firms = {
            name: at for at, name in enumerate(sorted({s.organisation for s in needs}))
        }
        self.slots = len(problem.tables)
        self.sides = len(needs) + len(teams)
        self.firms = len(firms)
        self.most = np.array([s.most for s in (*needs, *teams)], dtype=np.int64)
        present = np.zeros((self.sides, self.slots), dtype=bool)
        for at, seat in enumerate((*needs, *teams)):
            present[at, sorted(seat.slots)] = True
        self.present = present
        self.firm_of = np.array([firms[s.organisation] for s in needs], dtype=np.int64)
        wanted = sorted(problem.scores.keys() | set(problem.must))
        barred = problem.barred(wanted)
        rows = [
            (need_at[n], len(needs) + team_at[t], problem.scores.get((n, t), 0.0))
            for n, t in wanted
            if (n, t) not in barred
        ]
        both = [present[n] & present[t] for n, t, _ in rows]
        kept = [row for row, common in zip(rows, both, strict=True) if common.any()]
        self.need = np.array([n for n, _, _ in kept], dtype=np.int64)
        self.team = np.array([t for _, t, _ in kept], dtype=np.int64)
        self.score = np.array([round(s * SCORE_UNITS) for *_, s in kept], dtype=float)
        must = {(need_at[n], len(needs) + team_at[t]) for n, t in problem.must}
        self.must = np.array([(n, t) in must for n, t, _ in kept], dtype=bool)
        self.common = present[self.need] & present[self.team]
        self.pairs = len(kept)
        self.ids = [seat.id for seat in (*needs, *teams)]
        self.firm = self.firm_of[self.need]

    def worth(self, talks: Sequence[Talk]) -> Worth:
        """Return how good some talks are."""
        scores = self.problem.scores
        served = {t.need for t in talks}, {t.team for t in talks}
        score = sum(round(scores.get((t.need, t.team), 0) * SCORE_UNITS) for t in talks)
        return Worth(len(served[0]) + len(served[1]), score)

    def talks(self, pairs: Ints, slots: Ints) -> tuple[Talk, ...]:
        """Return the talks of pairs in slots."""
        return tuple(
            sorted(
                Talk(int(s), self.ids[self.need[p]], self.ids[self.team[p]])
                for p, s in zip(pairs, slots, strict=True)
            )
        )


@dataclass
class _Rows:
    """Rows of ``low <= A x <= high``, collected in blocks."""

    width: int
    blocks: list[Any] = field(default_factory=list)
    low: list[Floats] = field(default_factory=list)
    high: list[Floats] = field(default_factory=list)

    def at_most(
        self,
        row: Ints,
        column: Ints,
        high: Any,
        count: int,
        value: Floats | None = None,
    ) -> None:
        """Add ``count`` rows with an upper bound; of ones unless values are given."""
        ones = np.ones(len(row)) if value is None else value
        block = sp.csr_array((ones, (row, column)), shape=(count, self.width))
        self.blocks.append(block)
        self.high.append(np.broadcast_to(np.asarray(high, dtype=float), count))
        self.low.append(np.full(count, -np.inf))

    def at_least(self, columns: Ints, low: float) -> None:
        """Add one row: the sum of some variables has a lower bound."""
        zeros = np.zeros(len(columns), dtype=np.int64)
        self.at_most(zeros, columns, np.inf, 1)
        self.low[-1] = np.array([low])

    def constraint(self) -> LinearConstraint:
        """Return what ``milp`` takes."""
        matrix = sp.vstack(self.blocks, format="csr")
        return LinearConstraint(
            matrix, np.concatenate(self.low), np.concatenate(self.high)
        )


def _served_rows(rows: _Rows, day: _Day, need: Ints, team: Ints) -> Ints:
    """Say that a participant is served only with a talk; return those variables.

    The first columns are pairs or places, with their need and team; the last ones
    tell who is served.
    """
    count = len(need)
    served = np.arange(count, count + day.sides)
    columns = np.concatenate([np.tile(np.arange(count), 2), served])
    row = np.concatenate([need, team, np.arange(day.sides)])
    value = np.concatenate([np.full(2 * count, -1.0), np.ones(day.sides)])
    rows.at_most(row, columns, 0, day.sides, value)
    return served


@dataclass
class _Search:
    """The search for the best plan of a day, with the best that is known."""

    day: _Day
    until: float | None
    report: Report
    found: Callable[[DayPlan], None]
    best: tuple[Talk, ...] = ()
    worth: Worth = NOTHING
    bound: Worth | None = None
    way: str = "none"
    cuts: list[tuple[Floats, float]] = field(default_factory=list)
    liked: NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        self.liked = np.zeros(self.day.pairs, dtype=bool)

    def offer(self, talks: tuple[Talk, ...], way: str) -> None:
        """Keep a plan that is better than the best so far."""
        worth = self.day.worth(talks)
        if worth.beats(self.worth):
            self.best, self.worth, self.way = talks, worth, way
            self.found(self.answer())

    def answer(self) -> DayPlan:
        """Return the best plan, with what is known of better ones."""
        bound = self.bound or Worth(self.day.sides, int(self.day.score.sum()))
        optimal = not bound.beats(self.worth)
        return DayPlan(self.best, self.worth, bound, optimal, self.way)

    def in_parts(self) -> bool:
        """Choose pairs, then seat them; returns whether that proved a best plan."""
        day = self.day
        if not day.pairs:
            self.bound = self.worth
            return True
        for done in range(ROUNDS):
            self.report("choose", done / ROUNDS)
            rows, served = self._choice()
            values, self.bound = self._best_two(rows, served, day.score, self._low())
            chosen = np.flatnonzero(values[: day.pairs] > 0.5)
            self.liked[chosen] = True
            self.report("seat", done / ROUNDS)
            self.offer(self._seat(chosen), "parted")
            if not self.bound.beats(self.worth):
                return True
            cut = _prices(day, chosen)
            if cut is None:
                return False
            self.cuts.append(cut)
        return False

    def _low(self) -> Floats:
        """Return the lower bounds of the choice: who must meet is chosen."""
        low = np.zeros(self.day.pairs + self.day.sides)
        low[: self.day.pairs] = self.day.must
        return low

    def _choice(self) -> tuple[_Rows, Ints]:
        """Make the rows of the choice of pairs, which are weaker than those of a day.

        Returns
        -------
        rows : _Rows
            Columns are pairs, then participants.
        served : array of int
            Where the participants are.
        """
        day = self.day
        rows = _Rows(day.pairs + day.sides)
        every = np.arange(day.pairs)
        there = np.minimum(day.most, day.present.sum(axis=1))
        rows.at_most(day.need, every, there, day.sides)
        rows.at_most(day.team, every, there, day.sides)
        firm_slots = np.zeros((day.firms, day.slots), dtype=bool)
        np.logical_or.at(firm_slots, day.firm_of, day.present[: len(day.firm_of)])
        rows.at_most(day.firm, every, firm_slots.sum(axis=1), day.firms)
        places = sum(day.problem.tables)
        rows.at_most(np.zeros(day.pairs, dtype=np.int64), every, places, 1)
        for price, high in self.cuts:
            where = np.flatnonzero(price)
            zeros = np.zeros(len(where), dtype=np.int64)
            rows.at_most(zeros, where, high, 1, price[where])
        return rows, _served_rows(rows, day, day.need, day.team)

    def _best_two(
        self, rows: _Rows, served: Ints, score: Floats, low: Floats
    ) -> tuple[Floats, Worth]:
        """Make the number of the served largest, then the sum of scores."""
        goal = np.zeros(rows.width)
        goal[served] = -1
        first, most = self._solve(goal, rows, low)
        rows.at_least(served, np.round(first[served].sum()))
        goal = np.zeros(rows.width)
        goal[: len(score)] = -score
        values, best = self._solve(goal, rows, low)
        return values, Worth(round(-most), round(-best))

    def _solve(self, goal: Floats, rows: _Rows, low: Floats) -> tuple[Floats, float]:
        """Solve one model to the end.

        Raises
        ------
        _TimeUp
        """
        options: dict[str, float] = {"mip_rel_gap": 0}
        if self.until is not None:
            options["time_limit"] = max(self.until - time.monotonic(), 0.0)
            if not options["time_limit"]:
                raise _TimeUp
        whole = np.ones(rows.width)
        # Who is served follows from whole numbers of talks by itself.
        whole[rows.width - self.day.sides :] = 0
        answer = milp(
            goal,
            integrality=whole,
            bounds=Bounds(low, 1),
            constraints=rows.constraint(),
            options=options,
        )
        if answer.status == 1:
            raise _TimeUp(answer.x)
        if answer.x is None:
            raise RuntimeError(f"the planner's model has no answer: {answer.message}")
        return answer.x, answer.fun

    def _seat(self, chosen: Ints) -> tuple[Talk, ...]:
        """Give slots to as many chosen pairs as can be.

        Pairs that must meet are always seated: that they can be was shown before.
        """
        day = self.day
        pair, slot, rows = _seating(day, chosen)
        place = np.arange(len(pair))
        low = np.zeros(rows.width)
        bound_to = day.must[chosen]
        where = np.flatnonzero(bound_to[pair])
        order = np.cumsum(bound_to) - 1
        rows.at_most(order[pair[where]], place[where], np.inf, int(bound_to.sum()))
        rows.low[-1] = np.ones(int(bound_to.sum()))
        goal = np.zeros(rows.width)
        goal[: len(pair)] = -1
        values, _ = self._solve(goal, rows, low)
        taken = np.flatnonzero(values[: len(pair)] > 0.5)
        return day.talks(chosen[pair[taken]], slot[taken])

    def whole(self) -> None:
        """Choose pairs and slots in one model, of as few pairs as can be.

        Raises
        ------
        _TimeUp
        """
        day = self.day
        every = np.arange(day.pairs)
        self.report("whole", 0.0)
        if day.common.sum() > SMALL:
            liked = np.flatnonzero(self.liked | _among_the_best(day) | day.must)
            self._whole(liked)
            self.report("whole", 0.5)
            every = self._could_be_better()
        bound = self._whole(every)
        self.bound = bound if bound.beats(self.worth) else self.worth

    def _could_be_better(self) -> Ints:
        """Return every pair that a plan better than the best one may hold.

        The linear relaxation of the choice bounds the sum of scores, and a pair's
        reduced cost tells what the bound loses when that pair is taken. This needs a
        best plan that serves as many as can be.
        """
        day, bound = self.day, self.bound
        if bound is None or self.worth.served < bound.served:
            return np.arange(day.pairs)
        rows, served = self._choice()
        rows.at_least(served, bound.served)
        constraint = rows.constraint()
        matrix, low, high = constraint.A, constraint.lb, constraint.ub
        upper, lower = np.isfinite(high), np.isfinite(low)
        goal = np.zeros(rows.width)
        goal[: day.pairs] = -day.score
        answer = linprog(
            goal,
            A_ub=sp.vstack([matrix[upper], -matrix[lower]]),
            b_ub=np.concatenate([high[upper], -low[lower]]),
            bounds=np.column_stack([self._low(), np.ones(rows.width)]),
            method="highs-ds",
        )
        if answer.status:
            raise RuntimeError(f"the choice has no prices: {answer.message}")
        reach = -(answer.fun + np.maximum(answer.lower.marginals[: day.pairs], 0))
        # Scores are whole numbers: a better plan has one more. Floats err by less
        # than the hundredth.
        return np.flatnonzero((reach > self.worth.score + 0.99) | day.must)

    def _whole(self, kept: Ints) -> Worth:
        """Plan with some of the pairs; returns what is the most with these.

        Raises
        ------
        _TimeUp
        """
        day = self.day
        pair, slot = np.nonzero(day.common[kept])
        count = len(pair)
        rows = _Rows(count + day.sides)
        place = np.arange(count)
        rows.at_most(pair, place, 1, len(kept))
        rows.low[-1] = day.must[kept].astype(float)
        pair = kept[pair]
        _slot_rows(rows, day, pair, slot)
        rows.at_most(day.need[pair], place, day.most, day.sides)
        rows.at_most(day.team[pair], place, day.most, day.sides)
        served = _served_rows(rows, day, day.need[pair], day.team[pair])

        def take(values: Floats) -> None:
            where = np.flatnonzero(values[:count] > 0.5)
            self.offer(day.talks(pair[where], slot[where]), "whole")

        try:
            low = np.zeros(rows.width)
            taken, bound = self._best_two(rows, served, day.score[pair], low)
        except _TimeUp as up:
            if up.values is not None:
                take(up.values)
            raise
        take(taken)
        return bound


def _among_the_best(day: _Day) -> NDArray[np.bool_]:
    """Tell which pairs are among the best few of their need or of their team."""
    found = np.zeros(day.pairs, dtype=bool)
    for side in (day.need, day.team):
        order = np.lexsort((-day.score, side))
        starts = np.searchsorted(side[order], side[order])
        found[order[np.arange(day.pairs) - starts < BEST_OF_EACH]] = True
    return found


def _slot_rows(rows: _Rows, day: _Day, pair: Ints, slot: Ints) -> None:
    """Let firms and teams be in one talk in a slot, and count its tables."""
    place = np.arange(len(pair))
    firm = day.firm[pair] * day.slots + slot
    rows.at_most(firm, place, 1, day.firms * day.slots)
    team = day.team[pair] * day.slots + slot
    rows.at_most(team, place, 1, day.sides * day.slots)
    rows.at_most(slot, place, day.problem.tables, day.slots)


def _seating(day: _Day, chosen: Ints) -> tuple[Ints, Ints, _Rows]:
    """Make the model of who sits where: places of chosen pairs, and its rows."""
    pair, slot = np.nonzero(day.common[chosen])
    rows = _Rows(len(pair) + day.sides)
    _slot_rows(rows, day, chosen[pair], slot)
    rows.at_most(pair, np.arange(len(pair)), 1, len(chosen))
    return pair, slot, rows


def _prices(day: _Day, chosen: Ints) -> tuple[Floats, float] | None:
    """Return an inequality that every plan obeys and these pairs break, if one is seen.

    Returns
    -------
    prices : array of float, one a pair
    high : float
        The sum of the prices of the pairs that meet is at most this.
    """
    pair, _, rows = _seating(day, chosen)
    constraint = rows.constraint()
    goal = np.zeros(rows.width)
    goal[: len(pair)] = -1
    answer = linprog(
        goal, A_ub=constraint.A, b_ub=constraint.ub, bounds=(0, None), method="highs-ds"
    )
    if answer.status:
        raise RuntimeError(f"the seating has no prices: {answer.message}")
    paid = np.maximum(-answer.ineqlin.marginals, 0)
    firms, teams = day.firms * day.slots, day.sides * day.slots
    firm = paid[:firms].reshape(day.firms, day.slots)
    team = paid[firms : firms + teams].reshape(day.sides, day.slots)
    table = paid[firms + teams : firms + teams + day.slots]
    each = firm[day.firm] + team[day.team] + table
    price = np.where(day.common, each, np.inf).min(axis=1)
    high = float(firm.sum() + team.sum() + table @ np.array(day.problem.tables))
    if price[chosen].sum() <= high + 1e-6:
        return None
    # The sums are of floats: the inequality gives way by less than it could cost.
    return price, high + 1e-7 * max(1.0, high)
