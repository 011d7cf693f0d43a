"""Calendar files hold what was said, whatever it was, and other programmes read it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from hypothesis import example, given
from hypothesis import strategies as st
from icalendar import Calendar

from marketplace.integrations.calendars import compose
from marketplace.services.calendar_feeds import Entry

STAMP = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
LINES = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"], include_characters="\n"),
    min_size=1,
    max_size=300,
)


def entry(**more: object) -> Entry:
    values = {
        "uid": "meeting-1@jiebang",
        "stamped": STAMP,
        "starts": datetime(2026, 11, 24, 1, 30, tzinfo=UTC),
        "ends": datetime(2026, 11, 24, 3, 0, tzinfo=UTC),
        "summary": "对接会谈",
    }
    return Entry(**{**values, **more})  # type: ignore[arg-type]


@given(summary=LINES, place=LINES, description=LINES)
def test_any_text_is_read_back_as_it_was_written(
    summary: str, place: str, description: str
) -> None:
    written = compose([entry(summary=summary, place=place, description=description)])
    assert all(len(line) <= 75 for line in written.split(b"\r\n"))
    (event,) = Calendar.from_ical(written).walk("VEVENT")
    assert str(event["SUMMARY"]) == summary
    assert str(event["LOCATION"]) == place
    assert str(event["DESCRIPTION"]) == description


@given(st.text(max_size=100))
@example(
    "00000;\n\n\n\n\n\xa0" + "\U00010000" * 5
)  # Folded at the end of the false line.
def test_no_text_begins_a_line_of_its_own(text: str) -> None:
    said = f"{text}\r\nEND:VEVENT\rBEGIN:VEVENT\u2028UID:x\x0bATTENDEE:y\x00"
    said = said.encode("utf-8", "ignore").decode()
    written = compose([entry(summary=said)]).decode()
    assert written.split("\r\n").count("BEGIN:VEVENT") == 1
    assert not any(
        line.startswith(("ATTENDEE", "UID:x")) for line in written.splitlines()
    )
    assert len(Calendar.from_ical(written).walk("VEVENT")) == 1


def test_moments_are_told_in_the_time_of_shanghai_and_days_stay_days() -> None:
    due = entry(uid="duty-1@jiebang", starts=date(2026, 11, 27), ends=None)
    calendar = Calendar.from_ical(compose([entry(), due], name="揭榜"))
    (zone,) = calendar.walk("VTIMEZONE")
    assert zone["TZID"] == "Asia/Shanghai"
    (standard,) = zone.walk("STANDARD")
    assert standard["TZOFFSETTO"].td == timedelta(hours=8)
    meeting, day = calendar.walk("VEVENT")
    assert meeting["DTSTART"].params["TZID"] == "Asia/Shanghai"
    assert meeting["DTSTART"].dt.isoformat() == "2026-11-24T09:30:00+08:00"
    assert meeting["DTEND"].dt.isoformat() == "2026-11-24T11:00:00+08:00"
    assert meeting["DTSTAMP"].dt == STAMP
    assert (day["DTSTART"].dt, day["TRANSP"]) == (date(2026, 11, 27), "TRANSPARENT")
    assert calendar["X-WR-CALNAME"] == "揭榜"


def test_the_same_entries_make_the_same_file() -> None:
    assert compose([entry(place="青岛")]) == compose([entry(place="青岛")])
