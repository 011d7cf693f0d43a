"""Plan a docking day in a child process, which can be ended at any moment.

HiGHS as scipy calls it cannot be interrupted: it looks at its time limit between
steps, and at nothing else. A process of its own can be killed when people cancel, when
the runner is to stop, or when a step takes too long; it tells its stages and every
better plan, so that what it had found is not lost with it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection

from marketplace.services.day_plans import plan
from marketplace.services.day_problems import DayPlan, DayProblem

POLL_SECONDS = 0.2
GRACE_SECONDS = 5.0
"""What the child may take beyond its limit: to start, and to end a step."""


class Cancelled(Exception):
    """The caller does not want the plan any more."""


class PlannerDied(Exception):
    """The child ended without an answer."""


def plan_apart(
    problem: DayProblem,
    *,
    seconds: float,
    cancelled: Callable[[], bool] = lambda: False,
    report: Callable[[str, float], None] = lambda *_: None,
    poll_seconds: float = POLL_SECONDS,
) -> DayPlan:
    """Plan a day in a child process.

    Parameters
    ----------
    problem : DayProblem
    seconds : float
        When to stop with the best plan so far.
    cancelled : callable
        Asked every ``poll_seconds``; the plan is dropped once it says yes. What it
        raises ends the child too.
    report : callable
        Told of the stages, see ``plan``.

    Raises
    ------
    Cancelled
    PlannerDied
        The child was ended from outside, or ran out of time before its first plan.
    """
    context = get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_work, args=(theirs, problem, seconds), daemon=True)
    child.start()
    theirs.close()
    deadline = time.monotonic() + seconds + GRACE_SECONDS
    best: DayPlan | None = None
    try:
        while time.monotonic() < deadline:
            if cancelled():
                raise Cancelled
            if not ours.poll(poll_seconds):
                continue
            try:
                kind, told = ours.recv()
            except EOFError:
                break
            if kind == "done":
                return _plan_in(told)
            if kind == "failed":
                raise PlannerDied(told)
            if kind == "found":
                best = _plan_in(told)
            else:
                report(*told)
        if best is None:
            raise PlannerDied(f"the planner ended with exit code {child.exitcode}")
        return best
    finally:
        child.kill()
        child.join()
        child.close()
        ours.close()


def _plan_in(told: object) -> DayPlan:
    if not isinstance(told, DayPlan):
        raise TypeError(f"{type(told).__name__} is no plan")
    return told


def _work(line: Connection, problem: DayProblem, seconds: float) -> None:
    """Plan, and tell the parent; nobody listens any more when it has gone."""
    with suppress(BrokenPipeError):
        try:
            found = plan(
                problem,
                seconds=seconds,
                report=lambda stage, part: line.send(("stage", (stage, part))),
                found=lambda better: line.send(("found", better)),
            )
        except (ValueError, RuntimeError, MemoryError) as error:
            line.send(("failed", f"{type(error).__name__}: {error}"))
        else:
            line.send(("done", found))
