"""Time is injected: only ``SystemClock`` asks the machine what time it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Anything that tells the time."""

    def now(self) -> datetime:
        """Return the present moment as aware UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the present moment as aware UTC."""
        return datetime.now(UTC)


@dataclass
class FixedClock:
    """A clock for tests and replays that moves only when told."""

    at: datetime

    def now(self) -> datetime:
        """Return the set moment."""
        return self.at

    def advance(self, **step: float) -> None:
        """Move forward by a ``timedelta`` given by its keywords."""
        self.at += timedelta(**step)


class CalendarGap(LookupError):
    """A date lies in a year whose holidays are not loaded."""


@dataclass(frozen=True)
class WorkingCalendar:
    """Working days of China: weekdays less holidays plus make-up days (调休).

    The days come from the yearly notices of the State Council and are data. A year
    without data raises ``CalendarGap`` instead of guessing.
    """

    holidays: frozenset[date] = field(default_factory=frozenset)
    make_up_days: frozenset[date] = field(default_factory=frozenset)
    years: frozenset[int] = field(default_factory=frozenset)

    @classmethod
    def of(
        cls,
        holidays: Iterable[date],
        make_up_days: Iterable[date],
        years: Iterable[int],
    ) -> WorkingCalendar:
        """Build a calendar from any iterables."""
        return cls(frozenset(holidays), frozenset(make_up_days), frozenset(years))

    def is_working(self, day: date) -> bool:
        """Tell whether ``day`` is worked.

        Raises
        ------
        CalendarGap
            When the year's holidays are not known.
        """
        if day.year not in self.years:
            raise CalendarGap(f"no holiday calendar for {day.year}")
        if day in self.make_up_days:
            return True
        return day.weekday() < 5 and day not in self.holidays

    def add(self, start: date, working_days: int) -> date:
        """Return the date ``working_days`` working days after ``start``.

        The start itself does not count, as with limits of Chinese administrative
        procedure. Zero days gives the start. Negative numbers raise ``ValueError``.
        """
        if working_days < 0:
            raise ValueError("working_days must not be negative")
        day = start
        while working_days:
            day += timedelta(days=1)
            working_days -= self.is_working(day)
        return day

    def expected(self, start: date, working_days: int) -> date:
        """Return the day as ``add`` does, also where a year's holidays are not known.

        The State Council announces a year's holidays in the autumn before it. Until
        then every weekday of that year counts as a working day, so that a promise can
        be given at all; ``is_settled`` tells whether that was needed.
        """
        if working_days < 0:
            raise ValueError("working_days must not be negative")
        day = start
        while working_days:
            day += timedelta(days=1)
            working_days -= self._may_be_working(day)
        return day

    def elapsed(self, start: date, end: date) -> int:
        """Count as ``between`` does, weekdays where a year's holidays are not known."""
        if end <= start:
            return 0
        weekdays = _weekdays_to(end) - _weekdays_to(start)
        worked = [d for d in self.make_up_days if d.weekday() >= 5]
        free = [d for d in self.holidays - self.make_up_days if d.weekday() < 5]
        within = [
            sum(1 for d in days if start < d <= end and self.is_settled(d))
            for days in (worked, free)
        ]
        return weekdays + within[0] - within[1]

    def last_before(self, end: date, working_days: int) -> date:
        """Return the latest day from which so many working days have passed by ``end``.

        Weekdays count where a year's holidays are not known.
        """
        day = end
        while working_days:
            working_days -= self._may_be_working(day)
            day -= timedelta(days=1)
        return day

    def is_settled(self, day: date) -> bool:
        """Tell whether the holidays of the year of ``day`` are known."""
        return day.year in self.years

    def _may_be_working(self, day: date) -> bool:
        if self.is_settled(day):
            return self.is_working(day)
        return day.weekday() < 5

    def between(self, start: date, end: date) -> int:
        """Count the working days after ``start`` up to and including ``end``."""
        days = (end - start).days
        return sum(self.is_working(start + timedelta(days=n + 1)) for n in range(days))


def _weekdays_to(day: date) -> int:
    """Count the weekdays from the first Monday of the calendar up to ``day``."""
    weeks, rest = divmod(day.toordinal(), 7)
    return 5 * weeks + min(rest, 5)
