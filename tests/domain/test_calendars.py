"""Working days: weekdays less holidays plus make-up days, and no guessing."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.domain.clock import (
    CalendarGap,
    FixedClock,
    SystemClock,
    WorkingCalendar,
)

YEARS = (2025, 2026, 2027)
FIRST, LAST = date(2025, 1, 1), date(2027, 12, 31)
DAYS = st.dates(FIRST, date(2027, 6, 30))


@st.composite
def calendars(draw: st.DrawFn) -> WorkingCalendar:
    """A calendar whose holidays fall on weekdays and make-up days on weekends."""
    days = draw(st.sets(st.dates(FIRST, LAST), max_size=40))
    return WorkingCalendar.of(
        [d for d in days if d.weekday() < 5],
        [d for d in days if d.weekday() >= 5],
        YEARS,
    )


@given(calendars(), DAYS, st.integers(0, 60))
def test_counting_back_gives_what_was_added(
    calendar: WorkingCalendar, start: date, number: int
) -> None:
    end = calendar.add(start, number)
    assert calendar.between(start, end) == number
    assert end == start if number == 0 else calendar.is_working(end)


@given(calendars(), DAYS, st.integers(0, 30), st.integers(0, 30))
def test_two_terms_one_after_the_other_are_one_long_term(
    calendar: WorkingCalendar, start: date, first: int, second: int
) -> None:
    middle = calendar.add(start, first)
    assert calendar.add(middle, second) == calendar.add(start, first + second)


@given(calendars(), DAYS, st.integers(0, 90), st.integers(0, 90))
def test_days_between_add_up(
    calendar: WorkingCalendar, start: date, first: int, second: int
) -> None:
    middle = start + timedelta(days=first)
    end = middle + timedelta(days=second)
    whole = calendar.between(start, end)
    assert whole == calendar.between(start, middle) + calendar.between(middle, end)
    assert 0 <= whole <= first + second


@given(calendars(), DAYS, st.integers(1, 60))
def test_a_later_start_never_ends_earlier(
    calendar: WorkingCalendar, start: date, number: int
) -> None:
    later = start + timedelta(days=1)
    assert calendar.add(start, number) <= calendar.add(later, number)


def test_a_holiday_rests_and_a_make_up_day_works() -> None:
    calendar = WorkingCalendar.of(
        [date(2026, 10, 1), date(2026, 10, 2)], [date(2026, 10, 10)], [2026]
    )
    assert not calendar.is_working(date(2026, 10, 1))
    assert calendar.is_working(date(2026, 10, 10))
    assert not calendar.is_working(date(2026, 10, 11))
    assert calendar.add(date(2026, 9, 30), 1) == date(2026, 10, 5)


def test_a_year_whose_holidays_are_unknown_is_not_guessed() -> None:
    calendar = WorkingCalendar.of([], [], [2026])
    with pytest.raises(CalendarGap, match="2027"):
        calendar.is_working(date(2027, 1, 4))
    with pytest.raises(CalendarGap, match="2027"):
        calendar.add(date(2026, 12, 31), 1)


def test_no_term_runs_backwards() -> None:
    calendar = WorkingCalendar.of([], [], YEARS)
    with pytest.raises(ValueError, match="negative"):
        calendar.add(date(2026, 1, 5), -1)


def test_the_machines_clock_is_aware_and_a_fixed_one_moves_only_when_told() -> None:
    assert SystemClock().now().utcoffset() == timedelta(0)
    start = datetime(2026, 11, 23, 9, tzinfo=timezone(timedelta(hours=8)))
    clock = FixedClock(start)
    assert clock.now() == clock.now() == start
    clock.advance(hours=1, minutes=30)
    assert clock.now() - start == timedelta(minutes=90)


@given(
    st.sets(st.dates(FIRST, LAST), max_size=40),
    st.sets(st.dates(FIRST, LAST), max_size=10),
    st.sets(st.sampled_from(YEARS)),
    DAYS,
    st.integers(-30, 500),
)
def test_working_days_that_have_passed_are_counted_as_one_by_one(
    holidays: set[date],
    make_up_days: set[date],
    years: set[int],
    start: date,
    number: int,
) -> None:
    calendar = WorkingCalendar.of(holidays, make_up_days, years)
    end = start + timedelta(days=number)
    day, count = start, 0
    while day < end:
        count += calendar.expected(day, 1) == day + timedelta(days=1)
        day += timedelta(days=1)
    assert calendar.elapsed(start, end) == count
