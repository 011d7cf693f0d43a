"""The working-day calendar, loaded as data from the State Council's notices."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace.domain.clock import WorkingCalendar
from marketplace.models.codes import CalendarDay, CalendarYear


def load(session: so.Session, data: Mapping[str, Any]) -> None:
    """Replace the calendar of the years that ``data`` knows."""
    years = [int(y) for y in data["years"]]
    for year in years:
        span = CalendarDay.day.between(date(year, 1, 1), date(year, 12, 31))
        session.execute(sa.delete(CalendarDay).where(span))
    session.execute(sa.delete(CalendarYear).where(CalendarYear.year.in_(years)))
    days = [(d, False) for d in data["holidays"]]
    days += [(d, True) for d in data["make_up_days"]]
    session.execute(
        sa.insert(CalendarDay),
        [{"day": date.fromisoformat(d), "working": working} for d, working in days],
    )
    session.execute(
        sa.insert(CalendarYear), [{"year": y, "source": data["source"]} for y in years]
    )


def working_calendar(session: so.Session) -> WorkingCalendar:
    """Return the calendar of all years that are known."""
    days = session.execute(sa.select(CalendarDay.day, CalendarDay.working)).all()
    return WorkingCalendar.of(
        [day for day, working in days if not working],
        [day for day, working in days if working],
        session.scalars(sa.select(CalendarYear.year)),
    )
