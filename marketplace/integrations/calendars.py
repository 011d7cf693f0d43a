"""Calendars as files (RFC 5545), by the icalendar library."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime, timedelta

from icalendar import Calendar, Event, Timezone, TimezoneStandard

from marketplace.domain.actors import SHANGHAI
from marketplace.services.calendar_feeds import Entry

MEDIA_TYPE = "text/calendar"
PRODUCT = "-//Jiebang//Jiebang 揭榜//ZH"
REFRESH = timedelta(hours=1)
"""How often a calendar programme is asked to look again (RFC 7986, 5.7)."""
_CHINA = timedelta(hours=8)
_LINE_END = re.compile(r"\r\n?|[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")


def compose(entries: Iterable[Entry], *, name: str = "") -> bytes:
    """Return entries as one calendar, in the order given.

    Parameters
    ----------
    name : str, optional
        What a calendar programme calls a feed; a single meeting has no name.

    Returns
    -------
    bytes
        UTF-8, lines folded at 75 octets, moments in the time of Shanghai.
    """
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    if name:
        calendar.add("name", name)
        calendar.add("x-wr-calname", name)
        calendar.add("refresh-interval", REFRESH, parameters={"VALUE": "DURATION"})
    calendar.add_component(_shanghai())
    for entry in entries:
        calendar.add_component(_event(entry))
    written: bytes = calendar.to_ical()
    return written


def _shanghai() -> Timezone:
    """Say what the time of Shanghai is: eight hours ahead, all year.

    There was summer time until 1991, before anything that stands in these calendars.
    """
    standard = TimezoneStandard()
    standard.add("dtstart", datetime(1992, 1, 1))  # noqa: DTZ001 - local by the format
    standard.add("tzoffsetfrom", _CHINA)
    standard.add("tzoffsetto", _CHINA)
    standard.add("tzname", "CST")
    zone = Timezone()
    zone.add("tzid", SHANGHAI.key)
    zone.add_component(standard)
    return zone


def _event(entry: Entry) -> Event:
    event = Event()
    event.add("uid", entry.uid)
    event.add("dtstamp", entry.stamped)
    event.add("dtstart", _local(entry.starts))
    if entry.ends is not None:
        event.add("dtend", _local(entry.ends))
    if not isinstance(entry.starts, datetime):
        # A day on which something is due takes nobody's time.
        event.add("transp", "TRANSPARENT")
    event.add("summary", _text(entry.summary))
    if entry.place:
        event.add("location", _text(entry.place))
    if entry.description:
        event.add("description", _text(entry.description))
    return event


def _text(value: str) -> str:
    """Return a text as the format can hold it (RFC 5545, 3.3.11).

    Line ends become one kind; other control characters may not stand in a calendar.
    """
    return _CONTROL.sub("", _LINE_END.sub("\n", value))


def _local(when: datetime | date) -> datetime | date:
    """Return a moment in the time of Shanghai; a day stays a day."""
    if isinstance(when, datetime):
        return when.astimezone(SHANGHAI)
    return when
