"""Why a docking day cannot be planned: the smallest sets of constraints to loosen.

Only what must happen can be impossible, so the model holds the pairs that must meet
and nothing else. It is elastic: every constraint that people could loosen has a
variable that says by how much, and the sum of these is made smallest. As every unit
costs something, no smaller part of the answer would do. That a participant holds one
talk at a time, and that related parties do not meet, is not for anybody to loosen: of
such pairs the must-meet itself has to go.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from operator import attrgetter

import numpy as np
import scipy.sparse as sp
from scipy.optimize import Bounds, LinearConstraint, OptimizeResult, milp

from marketplace.services.day_problems import DayProblem, Loosening, Seat, Talk

_MOST_A_TALK = 5
"""One talk needs at most this many loosenings: two limits, two slots, one table."""
LEAST_SECONDS = 1.0
"""A model is given so long even when the time is up; the parent waits for longer."""
_TIME_UP = 1
"""What ``milp`` calls an answer at its limit of time."""
_ABOVE_NOTHING = 0.5
"""The least loosening costs 1; a bound above this says that there has to be one."""
KEEP_PAIRS = frozenset({"need-limit", "team-limit", "need-slot", "team-slot", "tables"})
OWN_RULES = frozenset({"need-limit", "team-limit", "tables"})
PAIRS_ONLY: frozenset[str] = frozenset()
WAYS = (KEEP_PAIRS, OWN_RULES, PAIRS_ONLY)
"""What may be loosened before a pair is given up, one answer each: anything; only what
the organiser sets himself, not people's time; nothing."""


@dataclass
class _Elastic:
    """Variables and rows of the elastic model, collected one by one."""

    changes: dict[int, Loosening] = field(default_factory=dict)
    talks: dict[int, Talk] = field(default_factory=dict)
    most: list[float] = field(default_factory=list)
    cost: list[float] = field(default_factory=list)
    rows: list[dict[int, float]] = field(default_factory=list)
    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)

    def variable(self, most: float, cost: float) -> int:
        self.most.append(most)
        self.cost.append(cost)
        return len(self.most) - 1

    def row(self, terms: dict[int, float], low: float, high: float) -> None:
        self.rows.append(terms)
        self.low.append(low)
        self.high.append(high)

    def solve(self, until: float | None) -> list[float]:
        """Return the values of the smallest sum, or the best found by the deadline.

        At the deadline an answer that loosens something stands only once it is sure
        that nothing less than some loosening would do.

        Raises
        ------
        RuntimeError
            Nothing is sure by then.
        """
        options: dict[str, float] = {"mip_rel_gap": 0}
        if until is not None:
            options["time_limit"] = max(until - time.monotonic(), LEAST_SECONDS)
        entries = [(r, c, v) for r, row in enumerate(self.rows) for c, v in row.items()]
        rows, columns, values = zip(*entries, strict=True)
        matrix = sp.csr_array(
            (values, (rows, columns)), shape=(len(self.rows), len(self.most))
        )
        answer = milp(
            self.cost,
            integrality=np.ones(len(self.most)),
            bounds=Bounds(0, self.most),
            constraints=LinearConstraint(matrix, self.low, self.high),
            options=options,
        )
        unsure = answer.status == _TIME_UP and not _proves(answer)
        if answer.x is None or unsure:
            raise RuntimeError(f"the elastic model has no answer: {answer.message}")
        return [float(v) for v in np.round(answer.x)]


def _proves(answer: OptimizeResult) -> bool:
    """Whether an answer that came early says for sure if something is to loosen."""
    bound = answer.mip_dual_bound
    return answer.x is not None and (
        round(answer.fun) == 0 or (bound is not None and bound > _ABOVE_NOTHING)
    )


def seat_must(
    problem: DayProblem,
    ways: Iterable[frozenset[str]] = WAYS,
    *,
    until: float | None = None,
) -> tuple[tuple[Talk, ...], tuple[tuple[Loosening, ...], ...]]:
    """Seat the pairs that must meet, or say what to loosen.

    Parameters
    ----------
    ways : iterable of frozenset of str
        Kinds of ``Loosening`` that are preferred to giving a pair up, one answer for
        each set.
    until : float, optional
        When to stop, by ``time.monotonic``: with the ways out found by then, which
        need not be the smallest any more.

    Returns
    -------
    talks : tuple of Talk
        A slot for every pair that must meet, if there is one without loosening.
    loosenings : tuple of tuple of Loosening
        Otherwise the ways out, in the order of ``ways``, without repeats.
    """
    if not problem.must:
        return (), ()
    found: list[tuple[Loosening, ...]] = []
    for kinds in ways:
        if found and until is not None and time.monotonic() >= until:
            break
        talks, changes = _solve(problem, kinds, until)
        if not changes:
            return talks, ()
        if changes not in found:
            found.append(changes)
    return (), tuple(found)


def _solve(
    problem: DayProblem, kinds: frozenset[str], until: float | None
) -> tuple[tuple[Talk, ...], tuple[Loosening, ...]]:
    model = _Elastic()
    dear = _MOST_A_TALK * len(problem.must) + 1
    count = float(len(problem.must))

    def loosen(change: Loosening, most: float) -> dict[int, float]:
        """Return the term by which a row may give way, if its kind may."""
        if change.kind not in kinds:
            return {}
        at = model.variable(most, 1)
        model.changes[at] = change
        return {at: -1.0}

    barred = problem.barred(problem.must)
    for need, team in problem.must:
        given_up = model.variable(1, dear)
        model.changes[given_up] = Loosening("must-meet", need, team)
        terms = {given_up: 1.0}
        if (need, team) not in barred:
            for slot in range(len(problem.tables)):
                at = model.variable(1, 0)
                model.talks[at] = Talk(slot, need, team)
                terms[at] = 1.0
        model.row(terms, 1, 1)
    for kind, seats in (("need", problem.needs), ("team", problem.teams)):
        _seat_rows(model, kind, seats, loosen, count)
    for slot, tables in enumerate(problem.tables):
        held = {at: 1.0 for at, talk in model.talks.items() if talk.slot == slot}
        if held:
            give = loosen(Loosening("tables", slot=slot), count)
            model.row(held | give, -np.inf, tables)
    _one_at_a_time(model, problem)
    values = model.solve(until)
    changes = tuple(
        sorted(
            Loosening(c.kind, c.subject, c.other, c.slot, int(values[at]))
            for at, c in model.changes.items()
            if values[at]
        )
    )
    return tuple(sorted(t for at, t in model.talks.items() if values[at])), changes


def _seat_rows(
    model: _Elastic,
    kind: str,
    seats: tuple[Seat, ...],
    loosen: Callable[[Loosening, float], dict[int, float]],
    count: float,
) -> None:
    """Add the limit and the absences of every participant that a pair names."""
    named = attrgetter(kind)
    for seat in seats:
        mine = {at: talk for at, talk in model.talks.items() if named(talk) == seat.id}
        if not mine:
            continue
        give = loosen(Loosening(f"{kind}-limit", seat.id), count)
        model.row(dict.fromkeys(mine, 1.0) | give, -np.inf, seat.most)
        for slot in sorted({talk.slot for talk in mine.values()} - seat.slots):
            terms = {at: 1.0 for at, talk in mine.items() if talk.slot == slot}
            give = loosen(Loosening(f"{kind}-slot", seat.id, slot=slot), 1)
            # All talks of a participant in one slot are one at most, see below.
            model.row(terms | give, -np.inf, 0)


def _one_at_a_time(model: _Elastic, problem: DayProblem) -> None:
    """Let a firm and a team be in one talk in a slot."""
    firm = {seat.id: seat.organisation for seat in problem.needs}
    groups: dict[tuple[str, str, int], dict[int, float]] = {}
    for at, talk in model.talks.items():
        for key in (("firm", firm[talk.need]), ("team", talk.team)):
            groups.setdefault((*key, talk.slot), {})[at] = 1.0
    for terms in groups.values():
        model.row(terms, -np.inf, 1)
