"""The planner finds the best day there is, or says what would have to give way."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.services import day_conflicts, day_plans
from marketplace.services.day_conflicts import seat_must
from marketplace.services.day_plan_runs import Cancelled, PlannerDied, plan_apart
from marketplace.services.day_plans import plan
from marketplace.services.day_problems import (
    SCORE_UNITS,
    DayProblem,
    Loosening,
    Seat,
    Talk,
    Worth,
    loosened,
)


def make_problem(
    chance: random.Random,
    *,
    needs: int,
    teams: int,
    slots: int,
    wanted: float,
    there: float,
    most: int,
    tables: int,
    must: int = 0,
    firms: int | None = None,
    units: int | None = None,
) -> DayProblem:
    def times() -> frozenset[int]:
        return frozenset(s for s in range(slots) if chance.random() < there)

    def seats(letter: str, count: int, orgs: int | None, prefix: str) -> list[Seat]:
        return [
            Seat(
                f"{letter}{n:03}",
                f"{prefix}{chance.randrange(orgs or count)}",
                times(),
                chance.randint(1, most),
            )
            for n in range(count)
        ]

    # One unit in some has the name of a firm: both sides of one organisation.
    ns = seats("n", needs, firms, "org")
    ts = seats("t", teams, units, chance.choice(["org", "unit"]))
    pairs = [(n.id, t.id) for n in ns for t in ts]
    scores = {
        p: chance.randint(0, 100) / 100 for p in pairs if chance.random() < wanted
    }
    forbidden = {p for p in pairs if chance.random() < 0.1}
    return DayProblem(
        tuple(ns),
        tuple(ts),
        tuple(chance.randint(0, tables) for _ in range(slots)),
        scores,
        tuple(chance.sample(pairs, min(must, len(pairs)))),
        frozenset(forbidden),
    )


def faults(problem: DayProblem, talks: tuple[Talk, ...]) -> list[str]:
    """Say what a plan breaks, from the words of the rules alone."""
    met = {(t.need, t.team) for t in talks}
    missing = [f"{pair}: must meet" for pair in problem.must if pair not in met]
    return broken(problem, talks) + missing


def broken(problem: DayProblem, talks: tuple[Talk, ...]) -> list[str]:
    """Say what talks break that are not yet the whole plan."""
    needs = {s.id: s for s in problem.needs}
    teams = {s.id: s for s in problem.teams}
    found = []
    for talk in talks:
        need, team, pair = needs[talk.need], teams[talk.team], (talk.need, talk.team)
        if talk.slot not in need.slots or talk.slot not in team.slots:
            found.append(f"{talk}: absent")
        if pair in problem.forbidden or need.organisation == team.organisation:
            found.append(f"{talk}: forbidden")
        if pair not in problem.scores and pair not in problem.must:
            found.append(f"{talk}: nobody wants it")
    for one, other in itertools.combinations(talks, 2):
        if (one.need, one.team) == (other.need, other.team):
            found.append(f"{one}: twice")
        same_firm = needs[one.need].organisation == needs[other.need].organisation
        if one.slot == other.slot and (same_firm or one.team == other.team):
            found.append(f"{one} and {other} at once")
    for slot, tables in enumerate(problem.tables):
        if sum(t.slot == slot for t in talks) > tables:
            found.append(f"slot {slot}: tables")
    found += [
        f"{seat.id}: limit"
        for seat in (*problem.needs, *problem.teams)
        if sum(seat.id in {t.need, t.team} for t in talks) > seat.most
    ]
    return found


def worth(problem: DayProblem, talks: tuple[Talk, ...]) -> Worth:
    served = {t.need for t in talks} | {t.team for t in talks}
    score = sum(
        round(problem.scores.get((t.need, t.team), 0) * SCORE_UNITS) for t in talks
    )
    return Worth(len(served), score)


def by_brute_force(problem: DayProblem) -> Worth | None:
    """Try every slot for every pair; None when nothing keeps what must be."""
    needs = {s.id: s for s in problem.needs}
    teams = {s.id: s for s in problem.teams}
    pairs = sorted(set(problem.scores) | set(problem.must))
    best: Worth | None = None

    def fits(talk: Talk, taken: tuple[Talk, ...]) -> bool:
        return not broken(problem, (*taken, talk))

    def walk(at: int, taken: tuple[Talk, ...]) -> None:
        nonlocal best
        if at == len(pairs):
            found = worth(problem, taken)
            if best is None or found.beats(best):
                best = found
            return
        need, team = pairs[at]
        for slot in sorted(needs[need].slots & teams[team].slots):
            talk = Talk(slot, need, team)
            if fits(talk, taken):
                walk(at + 1, (*taken, talk))
        if pairs[at] not in problem.must:
            walk(at + 1, taken)

    walk(0, ())
    return best


def small(seed: int) -> DayProblem:
    chance = random.Random(seed)  # noqa: S311
    return make_problem(
        chance,
        needs=chance.randint(1, 3),
        teams=chance.randint(1, 3),
        slots=chance.randint(1, 3),
        wanted=0.6,
        there=chance.choice([0.5, 0.8, 1.0]),
        most=2,
        tables=chance.randint(1, 3),
        must=chance.choice([0, 0, 1, 2]),
        firms=2,
        units=3,
    )


@pytest.mark.parametrize("part", range(8))
def test_the_plan_is_as_good_as_the_best_of_all_that_can_be_tried(part):
    for seed in range(part * 40, part * 40 + 40):
        problem = small(seed)
        best, found = by_brute_force(problem), plan(problem)
        assert found.feasible == (best is not None), seed
        if best is not None:
            assert not faults(problem, found.talks), seed
            assert found.worth == worth(problem, found.talks) == best, seed
            assert found.optimal, seed
            assert found.bound == best, seed


def test_both_kinds_of_days_are_among_those_tried():
    answers = [by_brute_force(small(seed)) for seed in range(320)]
    assert sum(a is None for a in answers) > 40
    assert sum(a is not None for a in answers) > 200


@pytest.mark.parametrize("part", range(8))
def test_what_is_named_would_make_the_day_possible_and_nothing_of_it_is_idle(part):
    for seed in range(part * 40, part * 40 + 40):
        problem = small(seed)
        for way in plan(problem).loosenings:
            assert by_brute_force(loosened(problem, way)) is not None, (seed, way)
            for change in way:
                rest = [c for c in way if c != change]
                assert by_brute_force(loosened(problem, rest)) is None, (seed, way)


def middling(chance: random.Random) -> DayProblem:
    return make_problem(
        chance,
        needs=8,
        teams=10,
        slots=5,
        wanted=0.5,
        there=0.6,
        most=4,
        tables=5,
        must=0,
        firms=6,
        units=9,
    )


@settings(max_examples=25, deadline=None)
@given(st.randoms(use_true_random=False))
def test_planned_in_parts_or_as_a_whole_the_day_is_as_good(chance):
    problem = middling(chance)
    search = day_plans._Search(day_plans._Day(problem), None, _silent, _silent)
    search.whole()
    found = plan(problem)
    assert (found.worth, found.optimal) == (search.answer().worth, True)
    assert not faults(problem, found.talks)


@settings(max_examples=25, deadline=None)
@given(st.randoms(use_true_random=False))
def test_pairs_that_are_left_out_could_not_have_made_a_better_day(chance):
    problem = middling(chance)
    whole = plan(problem)
    small_before, rounds = day_plans.SMALL, day_plans.ROUNDS
    best_of_each = day_plans.BEST_OF_EACH
    day_plans.SMALL, day_plans.ROUNDS, day_plans.BEST_OF_EACH = 0, 1, 1
    try:
        found = plan(problem)
    finally:
        day_plans.SMALL, day_plans.ROUNDS = small_before, rounds
        day_plans.BEST_OF_EACH = best_of_each
    assert (found.worth, found.optimal) == (whole.worth, True)


def _silent(*_):
    """Listen to nothing."""


@settings(max_examples=20, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_same_facts_in_another_order_give_the_same_plan(chance):
    problem = middling(chance)

    def mixed(items):
        return tuple(chance.sample(list(items), len(list(items))))

    other = DayProblem(
        mixed(problem.needs),
        mixed(problem.teams),
        problem.tables,
        dict(mixed(problem.scores.items())),
        mixed(problem.must),
        problem.forbidden,
    )
    assert plan(other) == plan(problem) == plan(problem)


def test_nobody_who_could_be_served_is_left_out_while_others_take_many():
    """One dull talk for a team without any goes before a second one of the best."""
    needs = (Seat("n", "firm", frozenset({0, 1}), 2),)
    teams = tuple(Seat(f"t{i}", f"u{i}", frozenset({0, 1}), 2) for i in range(3))
    scores = {("n", "t0"): 0.9, ("n", "t1"): 0.8, ("n", "t2"): 0.1}
    found = plan(DayProblem(needs, teams, (1, 1), scores))
    assert found.worth == Worth(3, 17_000)
    second = Seat("o", "other", frozenset({0, 1}), 2)
    scores |= {("o", "t0"): 0.2, ("o", "t1"): 0.9}
    found = plan(DayProblem((*needs, second), teams, (1, 1), scores))
    assert found.worth.served == 4
    found = plan(DayProblem((*needs, second), teams, (2, 1), scores))
    assert found.worth.served == 5
    assert ("n", "t2") in {(t.need, t.team) for t in found.talks}


def test_a_firm_with_two_needs_sits_in_one_talk_at_a_time():
    times = frozenset({0})
    needs = (Seat("a", "firm", times, 1), Seat("b", "firm", times, 1))
    teams = (Seat("t", "u", times, 1), Seat("v", "w", times, 1))
    scores = {("a", "t"): 0.5, ("b", "v"): 0.7}
    found = plan(DayProblem(needs, teams, (2,), scores))
    assert found.talks == (Talk(0, "b", "v"),)


def test_a_unit_sends_two_teams_to_talks_at_the_same_time():
    times = frozenset({0})
    needs = (Seat("a", "firm", times, 1), Seat("b", "other", times, 1))
    teams = (Seat("t", "u", times, 1), Seat("v", "u", times, 1))
    found = plan(DayProblem(needs, teams, (2,), {("a", "t"): 0.5, ("b", "v"): 0.7}))
    assert len(found.talks) == 2


def one_pair(**more) -> DayProblem:
    values = {
        "needs": (Seat("n", "firm", frozenset({0}), 1),),
        "teams": (Seat("t", "unit", frozenset({0}), 1),),
        "tables": (1, 1),
        "must": (("n", "t"),),
    } | more
    return DayProblem(**values)


@pytest.mark.parametrize(
    ("problem", "ways"),
    [
        (one_pair(), ()),
        (
            one_pair(teams=(Seat("t", "firm", frozenset({0}), 1),)),
            ((Loosening("must-meet", "n", "t"),),),
        ),
        (
            one_pair(forbidden=frozenset({("n", "t")})),
            ((Loosening("must-meet", "n", "t"),),),
        ),
        (
            one_pair(tables=(0, 1), needs=(Seat("n", "firm", frozenset({0, 1}), 1),)),
            (
                (Loosening("team-slot", "t", slot=1),),
                (Loosening("tables", slot=0),),
                (Loosening("must-meet", "n", "t"),),
            ),
        ),
        (
            one_pair(needs=(Seat("n", "firm", frozenset({0}), 0),)),
            (
                (Loosening("need-limit", "n"),),
                (Loosening("must-meet", "n", "t"),),
            ),
        ),
    ],
    ids=["possible", "one organisation", "related", "no table", "limit"],
)
def test_the_smallest_ways_out_are_named(problem, ways):
    # Which of two ways of one size comes first is HiGHS's own affair.
    found = plan(problem).loosenings
    assert len(found) <= 3
    assert {len(way) for way in found} <= {1}
    assert set(found) <= set(ways)
    assert bool(found) == bool(ways)
    assert seat_must(problem)[1] == found


class _Answer(dict):
    """What ``milp`` says when its time is up."""

    __getattr__ = dict.__getitem__


def limited(monkeypatch, bound):
    """Have every model end at its limit of time with this bound; tell the limits."""
    limits = []
    whole = day_conflicts.milp

    def early(*args, options, **more):
        limits.append(options.get("time_limit"))
        found = whole(*args, options=options, **more)
        told = {"x": found.x, "fun": found.fun, "message": "time is up"}
        return _Answer(told, status=1, mip_dual_bound=bound)

    monkeypatch.setattr(day_conflicts, "milp", early)
    return limits


IMPOSSIBLE = {"teams": (Seat("t", "unit", frozenset({0}), 0),)}


def test_ways_out_are_named_within_the_time_of_the_plan(monkeypatch):
    limits = limited(monkeypatch, 1.0)
    assert plan(one_pair(**IMPOSSIBLE), seconds=30).loosenings
    assert limits
    assert all(0 < limit <= 30 for limit in limits)
    limits.clear()
    found = plan(one_pair(**IMPOSSIBLE), seconds=0).loosenings
    assert found == ((Loosening("team-limit", "t"),),)
    assert limits == [day_conflicts.LEAST_SECONDS]


@pytest.mark.parametrize("bound", [None, 0.0])
def test_what_is_not_sure_to_be_impossible_is_not_said_to_be(monkeypatch, bound):
    limited(monkeypatch, bound)
    with pytest.raises(RuntimeError):
        plan(one_pair(**IMPOSSIBLE), seconds=30)
    assert plan(one_pair(), seconds=30).talks


def test_what_must_happen_is_seated_even_when_nobody_would_choose_it():
    problem = one_pair(
        needs=(Seat("n", "firm", frozenset({0}), 1),),
        teams=(
            Seat("t", "unit", frozenset({0}), 1),
            Seat("v", "other", frozenset({0}), 1),
        ),
        scores={("n", "v"): 1.0},
    )
    assert plan(problem).talks == (Talk(0, "n", "t"),)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"scores": {("n", "x"): 0.5}}, "no team x"),
        ({"scores": {("n", "t"): 1.5}}, "1.5"),
        ({"tables": (-1,)}, "negative"),
        ({"needs": (Seat("n", "f", frozenset({7}), 1),)}, "slot"),
        ({"needs": (Seat("n", "f", frozenset({0}), -1),)}, "-1"),
        ({"needs": (Seat("n", "f", frozenset(), 1),) * 2}, "twice"),
    ],
)
def test_a_problem_that_makes_no_sense_is_refused(change, words):
    with pytest.raises(ValueError, match=words):
        one_pair(**change)


def test_a_day_without_anybody_has_an_empty_plan():
    found = plan(DayProblem((), (), ()))
    assert (found.talks, found.optimal, found.feasible) == ((), True, True)


def large(**more) -> DayProblem:
    values = {
        "needs": 60,
        "teams": 120,
        "slots": 16,
        "wanted": 0.15,
        "there": 0.8,
        "most": 6,
        "tables": 30,
        "firms": 45,
    } | more
    return make_problem(random.Random(4), **values)  # noqa: S311


@pytest.mark.parametrize(
    "more", [{}, {"wanted": 1.0}, {"there": 0.5, "tables": 12}], ids=str
)
def test_a_day_of_full_size_is_planned_to_the_end_within_its_limit(more):
    problem = large(**more)
    found = plan(problem, seconds=60)
    assert found.optimal
    assert not faults(problem, found.talks)
    assert found.worth == worth(problem, found.talks)


def test_a_limit_that_has_passed_gives_what_was_found_and_says_so():
    problem = replace(large(), must=())
    pair = next(iter(problem.scores))
    times = frozenset(range(16))
    problem = replace(
        problem,
        needs=tuple(replace(s, slots=times) for s in problem.needs),
        teams=tuple(replace(s, slots=times) for s in problem.teams),
        tables=(5,) * 16,
        forbidden=frozenset(),
        must=(pair,),
    )
    found = plan(problem, seconds=0)
    assert [(t.need, t.team) for t in found.talks] == [pair]
    assert not found.optimal
    assert found.bound.beats(found.worth)


def test_a_child_process_plans_the_same_day_and_tells_its_stages():
    problem = large()
    told: list[str] = []
    found = plan_apart(problem, seconds=60, report=lambda *stage: told.append(stage[0]))
    assert found == plan(problem)
    assert told[0] == "must"
    assert {"choose", "seat"} <= set(told)


def test_a_plan_that_is_cancelled_is_dropped():
    asked: list[int] = []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > 1

    with pytest.raises(Cancelled):
        plan_apart(large(wanted=1.0, there=0.5), seconds=60, cancelled=cancelled)


def test_what_the_asking_raises_comes_through():
    def stop() -> bool:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        plan_apart(large(), seconds=60, cancelled=stop)


def test_a_child_that_fails_says_why(monkeypatch):
    problem = one_pair()
    # The child reads the problem as it is handed over, without checking it again.
    object.__setattr__(problem, "tables", (1, "two"))
    with pytest.raises(PlannerDied):
        plan_apart(problem, seconds=60)
