"""Reporting periods 统计期间: years, halves, quarters, months and spans of days."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_SHAPES = {
    "year": re.compile(r"(\d{4})"),
    "half": re.compile(r"(\d{4})H([12])"),
    "quarter": re.compile(r"(\d{4})Q([1-4])"),
    "month": re.compile(r"(\d{4})-(0[1-9]|1[0-2])"),
}
_MONTHS = {"year": 12, "half": 6, "quarter": 3, "month": 1}
_SPAN = re.compile(r"(\d{4}-\d{2}-\d{2})\.\.(\d{4}-\d{2}-\d{2})")
_YEARS = range(1950, 2200)


@dataclass(frozen=True, slots=True)
class Period:
    """A span of days, both ends included.

    Parameters
    ----------
    kind : str
        ``year``, ``half``, ``quarter``, ``month`` or ``span``.
    label : str
        As it is written: ``2026``, ``2026H1``, ``2026Q3``, ``2026-09``,
        ``2026-01-05..2026-02-11``.
    """

    kind: str
    label: str
    start: date
    end: date

    def begins(self, zone: ZoneInfo) -> datetime:
        """Return the first moment."""
        return datetime.combine(self.start, time(), zone)

    def is_over(self, zone: ZoneInfo) -> datetime:
        """Return the first moment after it."""
        return datetime.combine(self.end + timedelta(days=1), time(), zone)

    def until(self, day: date) -> Period:
        """Return the part up to a day; the same period when it has ended by then."""
        if day >= self.end:
            return self
        return span(self.start, max(self.start, day))

    def year_before(self) -> Period:
        """Return the same period of the year before.

        29 February is compared with the 28th.
        """
        if self.kind != "span":
            return parse(f"{self.start.year - 1}{self.label[4:]}")
        return span(_year_before(self.start), _year_before(self.end))

    def before(self) -> Period:
        """Return the period of this kind that ends where this one begins."""
        end = self.start - timedelta(days=1)
        if self.kind == "span":
            return span(end - (self.end - self.start), end)
        months = _MONTHS[self.kind]
        first = self.start.month - months
        year, month = self.start.year, first
        if first < 1:
            year, month = year - 1, first + 12
        return _of_months(self.kind, year, (month - 1) // months + 1)


def span(start: date, end: date) -> Period:
    """Make a period of any days.

    Raises
    ------
    ValueError
        It would end before it begins.
    """
    if end < start:
        raise ValueError("a period ends before it begins")
    return Period("span", f"{start}..{end}", start, end)


def parse(text: str) -> Period:
    """Read a period.

    Raises
    ------
    ValueError
        It is written in none of the five ways, or no such days exist.

    Examples
    --------
    >>> parse("2026Q3").end
    datetime.date(2026, 9, 30)
    >>> parse("2026Q1").before().label
    '2025Q4'
    """
    found = _SPAN.fullmatch(text) if text.isascii() else None
    if found:
        start, end = (date.fromisoformat(day) for day in found.groups())
        if start.year not in _YEARS or end.year not in _YEARS:
            raise ValueError(f"no period: {text!r}")
        return span(start, end)
    for kind, shape in _SHAPES.items():
        found = shape.fullmatch(text) if text.isascii() else None
        if found and int(found[1]) in _YEARS:
            number = int(found[2]) if kind != "year" else 1
            return _of_months(kind, int(found[1]), number)
    raise ValueError(f"no period: {text!r}")


def containing(kind: str, day: date) -> Period:
    """Return the period of a kind in which a day lies."""
    return _of_months(kind, day.year, (day.month - 1) // _MONTHS[kind] + 1)


def _of_months(kind: str, year: int, number: int) -> Period:
    months = _MONTHS[kind]
    last = number * months
    after = date(year + 1, 1, 1) if last == 12 else date(year, last + 1, 1)
    label = {
        "year": f"{year:04d}",
        "half": f"{year:04d}H{number}",
        "quarter": f"{year:04d}Q{number}",
        "month": f"{year:04d}-{number:02d}",
    }[kind]
    start = date(year, last - months + 1, 1)
    return Period(kind, label, start, after - timedelta(days=1))


def _year_before(day: date) -> date:
    last = 28 if (day.month, day.day) == (2, 29) else day.day
    return day.replace(year=day.year - 1, day=last)
