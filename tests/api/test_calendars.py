"""Meetings as calendar files, and feeds that only their owners know."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from icalendar import Calendar

from marketplace.models.calendars import CalendarFeed
from marketplace.models.ledger import Event
from marketplace.models.users import Membership, User
from marketplace.services import tokens
from tests.people import World
from tests.threads import Thread, begin, meet, open_docking


def to_meeting(world: World) -> Thread:
    thread = begin(world)
    open_docking(thread)
    meet(thread)
    return thread


def subscribe(thread: Thread, who: str) -> str:
    answer = thread[who].post("/me/calendar-feed")
    assert answer.status_code == 201, answer.json
    path: str = answer.json["path"]
    assert re.fullmatch(r"/api/v1/calendars/[A-Za-z0-9_-]{43}\.ics", path)
    return path


def read(thread: Thread, path: str, who: str = "stranger") -> Any:
    answer = thread[who].get(path)
    assert answer.status_code == 200, answer.json
    assert answer.mimetype == "text/calendar"
    return Calendar.from_ical(answer.data)


def uids(calendar: Any) -> list[str]:
    return [str(event["UID"]) for event in calendar.walk("VEVENT")]


def meetings(calendar: Any) -> list[str]:
    return [uid for uid in uids(calendar) if uid.startswith("meeting-")]


def test_a_meeting_is_a_file_for_whoever_may_know_of_the_docking(world: World) -> None:
    thread = to_meeting(world)
    place = f"/dockings/{thread.docking}/meetings"
    (row,) = thread["firm"].get(place).json["items"]
    path = f"{place}/{row['id']}.ics"
    for who in ("firm", "team", "broker", "operator"):
        (event,) = read(thread, path, who).walk("VEVENT")
        assert event["UID"] == f"meeting-{row['id']}@jiebang"
        assert event["LOCATION"] == "青岛"
        assert event["DTSTAMP"].dt == world.clock.now()
        assert "参加人：测试甲、测试乙" in event["DESCRIPTION"]
        assert "交流工艺路线" not in event.to_ical().decode()
    for who in ("other_firm", "district", "stranger"):
        assert thread[who].get(path).status_code == 404
    another = open_docking(begin(world))["id"]
    elsewhere = f"/dockings/{another}/meetings/{row['id']}.ics"
    assert thread["operator"].get(elsewhere).status_code == 404


def test_a_feed_tells_meetings_and_due_days_without_signing_in(world: World) -> None:
    thread = to_meeting(world)
    calendar = read(thread, subscribe(thread, "firm"))
    (duty,) = thread["firm"].get("/work-queue").json["items"]
    (row,) = thread["firm"].get(f"/dockings/{thread.docking}/meetings").json["items"]
    expected = [f"meeting-{row['id']}@jiebang", f"duty-{duty['id']}@jiebang"]
    assert uids(calendar) == expected
    due = calendar.walk("VEVENT")[1]
    assert due["DTSTART"].dt.isoformat() == duty["due_on"] == "2026-11-27"
    assert duty["number"] in due["SUMMARY"]
    written = calendar.to_ical().decode()
    assert "测试甲" not in written
    assert "交流工艺路线" not in written
    theirs = read(thread, subscribe(thread, "broker"))
    assert uids(theirs) == expected[:1]
    assert uids(read(thread, subscribe(thread, "other_firm"))) == []


def test_what_lay_ahead_of_a_lost_docking_leaves_the_feed(world: World) -> None:
    thread = to_meeting(world)
    now = world.clock.now()
    for days in (-1, 30):
        starts = (now + timedelta(days=days)).isoformat()
        thread.dock("firm", "log-meeting", meeting={"starts_at": starts})
    path = subscribe(thread, "firm")
    rows = thread["firm"].get(f"/dockings/{thread.docking}/meetings").json["items"]
    names = [f"meeting-{row['id']}@jiebang" for row in rows]
    assert meetings(read(thread, path)) == names
    thread.dock("firm", "lose", reason="price")
    kept = meetings(read(thread, path))
    assert names[0] in kept
    assert names[-1] not in kept
    world.clock.at = now + timedelta(days=31)
    assert meetings(read(thread, path)) == kept


def test_an_entry_keeps_its_name_at_every_reading(world: World) -> None:
    thread = to_meeting(world)
    path = subscribe(thread, "firm")
    first = thread["stranger"].get(path).data
    assert thread["stranger"].get(path).data == first


def test_a_feed_speaks_the_language_of_its_owner(world: World) -> None:
    thread = to_meeting(world)
    path = subscribe(thread, "firm")
    user = world.session.get_one(User, world.user("firm").id)
    user.language = "en"
    world.session.commit()
    event = read(thread, path).walk("VEVENT")[0]
    assert event["SUMMARY"].startswith("Docking: ")


def test_a_new_address_ends_the_old_one_and_a_revoked_one_is_unknown(
    world: World,
) -> None:
    thread = to_meeting(world)
    old = subscribe(thread, "firm")
    new = subscribe(thread, "firm")
    assert old != new
    assert thread["stranger"].get(old).status_code == 404
    assert meetings(read(thread, new))
    for _ in range(2):
        assert thread["firm"].delete("/me/calendar-feed").status_code == 204
        assert thread["stranger"].get(new).status_code == 404
    for wrong in ("x", "jb_wrong", "é", "%00", "a" * 3000):
        assert thread["stranger"].get(f"/calendars/{wrong}.ics").status_code == 404


def test_the_store_and_the_ledger_hold_no_secret_of_a_feed(world: World) -> None:
    thread = to_meeting(world)
    again = {"Idempotency-Key": "feed-1"}
    paths = {
        thread["firm"].post("/me/calendar-feed", headers=again).json["path"]
        for _ in range(2)
    }
    assert len(paths) == 2
    kept = world.session.scalars(sa.select(CalendarFeed.token_hash)).all()
    secrets = {path.rpartition("/")[2].removesuffix(".ics") for path in paths}
    assert set(kept) < {tokens.digest(secret) for secret in secrets}
    told = world.session.scalars(
        sa.select(Event).where(Event.action == "user.calendar-feed")
    ).all()
    assert [event.changes for event in told] == [{}, {}]


def test_whoever_left_the_unit_sees_nothing_of_its_meetings(world: World) -> None:
    thread = to_meeting(world)
    paths = {who: subscribe(thread, who) for who in ("firm", "team", "broker")}
    for path in paths.values():
        assert meetings(read(thread, path))
    for who, path in paths.items():
        seat = world.session.scalars(
            sa.select(Membership).where(Membership.user_id == world.user(who).id)
        ).one()
        seat.ended_at = world.clock.now()
        world.session.commit()
        assert uids(read(thread, path)) == [], who


def test_a_disabled_account_has_no_feed(world: World) -> None:
    thread = to_meeting(world)
    path = subscribe(thread, "firm")
    user = world.session.get_one(User, world.user("firm").id)
    user.disabled_at = world.clock.now()
    world.session.commit()
    assert thread["stranger"].get(path).status_code == 404
