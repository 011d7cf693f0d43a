"""Requests are counted by windows, which are forgotten when they have ended."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from limits import parse
from limits.strategies import FixedWindowRateLimiter

from marketplace import counters
from marketplace.counters import LEAST_KEPT, ProcessCounters


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The machine's clock, which stands still."""
    held = [1_000_000.0]
    monkeypatch.setattr(counters.time, "time", lambda: held[0])
    return held


def test_a_window_begins_with_the_first_request_and_ends_by_itself(
    now: list[float],
) -> None:
    counted = ProcessCounters()
    assert [counted.incr("a", 60) for _ in range(3)] == [1, 2, 3]
    now[0] += 59
    assert (counted.incr("a", 60), counted.get_expiry("a")) == (4, now[0] + 1)
    now[0] += 1
    assert (counted.get("a"), counted.get_expiry("a")) == (0, now[0])
    assert counted.incr("a", 60, amount=2) == counted.get("a") == 2
    assert counted.get("b") == 0


def test_the_library_limits_by_these_counts(now: list[float]) -> None:
    limiter = FixedWindowRateLimiter(ProcessCounters())
    limit = parse("2/minute")
    assert [limiter.hit(limit, "a") for _ in range(3)] == [True, True, False]
    assert limiter.hit(limit, "b")
    now[0] += 60
    assert limiter.hit(limit, "a")


def test_callers_that_do_not_come_back_are_forgotten(now: list[float]) -> None:
    counted = ProcessCounters()
    for number in range(20 * LEAST_KEPT):
        now[0] += 0.1
        counted.incr(str(number), 60)
    assert counted.reset() <= 2 * LEAST_KEPT
    assert counted.reset() == 0


def test_a_cleared_window_begins_anew_and_others_stay(now: list[float]) -> None:
    counted = ProcessCounters()
    counted.incr("a", 60)
    counted.incr("b", 60)
    counted.clear("a")
    assert (counted.get("a"), counted.get("b"), counted.check()) == (0, 1, True)


def test_no_request_is_lost_between_threads_and_none_is_started() -> None:
    counted = ProcessCounters()
    before = threading.active_count()
    counted.incr("a", 60)
    assert threading.active_count() == before
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: counted.incr("a", 60), range(2000)))
    assert counted.get("a") == 2001
