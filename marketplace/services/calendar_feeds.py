"""What stands in somebody's calendar, and the secret address at which it is read."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace import policies
from marketplace.domain.actors import Actor
from marketplace.errors import NotFound, Text, Unauthenticated
from marketplace.models.calendars import CalendarFeed
from marketplace.models.docking_days import DockingDay, DockingSlot, DockingTalk
from marketplace.models.dockings import Docking, DockingMeeting
from marketplace.models.duties import Duty
from marketplace.models.users import User
from marketplace.services import docking_talks, dockings, duties, events, tokens

HOST = "jiebang"
"""What the names of entries end in; they stay the same wherever the product runs."""
ONLINE = Text("线上", "online")
TALK = Text("活动日洽谈：{subject}", "Talk of a docking day: {subject}")
MEETING = Text("对接会谈：{subject}", "Docking: {subject}")
DUE = Text("到期：{what}（{number}）", "Due: {what} ({number})")
NUMBER = Text("对接编号：{number}", "Docking no. {number}")
NEXT = Text("下一步：{step}", "Next step: {step}")
PEOPLE = Text("参加人：{people}", "Participants: {people}")
MOST_DUTIES = 1000
PAST = timedelta(days=183)
"""So far back a feed goes: half a year."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a calendar.

    Parameters
    ----------
    uid : str
        The same at each reading, so that a calendar programme replaces the entry.
    stamped : datetime
        When the record was written.
    starts, ends : datetime or date
        Moments of a meeting; of what is due its day, and no end.
    """

    uid: str
    stamped: datetime
    starts: datetime | date
    ends: datetime | date | None
    summary: str
    place: str = ""
    description: str = ""


def make(session: so.Session, actor: Actor) -> tuple[str, CalendarFeed]:
    """Make the caller's feed, or make it anew under another secret.

    Returns
    -------
    tuple of str and CalendarFeed
        The secret is returned here and nowhere else; an earlier one ends.

    Raises
    ------
    Unauthenticated
    """
    user = _user(session, actor)
    raw = secrets.token_urlsafe(32)
    feed = session.get(CalendarFeed, user.id, with_for_update=True)
    if feed is None:
        feed = CalendarFeed(user_id=user.id)
        session.add(feed)
    feed.token_hash, feed.created_at = tokens.digest(raw), actor.now
    events.record(session, actor, user, "user.calendar-feed")
    session.flush()
    return raw, feed


def revoke(session: so.Session, actor: Actor) -> None:
    """End the caller's feed; ending it twice is the same as once.

    Raises
    ------
    Unauthenticated
    """
    user = _user(session, actor)
    feed = session.get(CalendarFeed, user.id, with_for_update=True)
    if feed is None:
        return
    session.delete(feed)
    events.record(session, actor, user, "user.calendar-feed-end")
    session.flush()


def _user(session: so.Session, actor: Actor) -> User:
    """Return the caller's account, whose row makes two of his requests take turns."""
    policies.require_signed_in(actor)
    if actor.user_id is None:
        raise Unauthenticated
    return session.get_one(User, actor.user_id, with_for_update=True)


def owner(session: so.Session, public: Actor, raw: str) -> tuple[Actor, str]:
    """Return the person behind a secret, as he stands now, and his language.

    He may only read. A calendar programme does not say which language he reads.

    Raises
    ------
    NotFound
        No feed has this secret any more, or the account is disabled.
    """
    found = session.execute(
        sa.select(User.id, User.language)
        .join(CalendarFeed, CalendarFeed.user_id == User.id)
        .where(
            CalendarFeed.token_hash == tokens.digest(raw), User.disabled_at.is_(None)
        )
    ).one_or_none()
    if found is None:
        raise NotFound
    person = Actor(
        now=public.now,
        user_id=found.id,
        standings=tokens.standings(session, found.id),
        scopes=frozenset({"read"}),
        zone=public.zone,
        request_id=public.request_id,
    )
    return person, found.language


def entries(session: so.Session, actor: Actor, language: str) -> list[Entry]:
    """Return the caller's meetings and talks, and the days on which he owes something.

    What was talked about, and with whom, is not among it: the address of a feed lies
    with calendar programmes and their servers.
    """
    found = [
        _meeting(meeting, docking, language)
        for meeting, docking in dockings.my_meetings(session, actor)
    ]
    talks = docking_talks.mine(session, actor, actor.now - PAST)
    titles = docking_talks.titles(session, [talk for talk, _, _ in talks])
    found += [
        _talk(talk, day, slot, titles[talk.id], language) for talk, day, slot in talks
    ]
    owed: Sequence[Duty] = session.scalars(
        sa.select(Duty)
        .where(Duty.closed_at.is_(None), duties.mine(actor))
        .order_by(Duty.due_on, Duty.id)
        .limit(MOST_DUTIES)
    ).all()
    return [*found, *(_duty(duty, language) for duty in owed)]


def meeting(
    session: so.Session,
    actor: Actor,
    docking_id: UUID,
    meeting_id: UUID,
    language: str,
) -> Entry:
    """Return one meeting of a docking that the caller may know of.

    Raises
    ------
    NotFound
    """
    docking = dockings.get(session, actor, docking_id)
    found = session.scalar(
        sa.select(DockingMeeting).where(
            DockingMeeting.id == meeting_id, DockingMeeting.docking_id == docking.id
        )
    )
    if found is None:
        raise NotFound
    return _meeting(found, docking, language, people=True)


def _meeting(
    held: DockingMeeting, docking: Docking, language: str, *, people: bool = False
) -> Entry:
    titles = [
        version.title
        for version in (docking.need.published, docking.offer.published)
        if version is not None
    ]
    lines = [NUMBER.format(number=docking.docking_no)]
    if held.next_step:
        lines.append(NEXT.format(step=held.next_step))
    if people and held.participants:
        lines.append(PEOPLE.format(people="、".join(held.participants)))
    return Entry(
        uid=f"meeting-{held.id}@{HOST}",
        stamped=held.logged_at,
        starts=held.starts_at,
        ends=held.ends_at,
        summary=MEETING.format(subject=" × ".join(titles)).get(language),
        place=held.place or (ONLINE.get(language) if held.is_online else ""),
        description="\n".join(line.get(language) for line in lines),
    )


def _talk(
    talk: DockingTalk,
    day: DockingDay,
    slot: DockingSlot,
    titles: Sequence[str],
    language: str,
) -> Entry:
    return Entry(
        uid=f"talk-{talk.id}@{HOST}",
        stamped=talk.created_at,
        starts=talk.starts_at,
        ends=slot.ends_at,
        summary=TALK.format(subject=" × ".join(titles)).get(language),
        place=day.place,
        description=day.title,
    )


def _duty(duty: Duty, language: str) -> Entry:
    what = duties.STEPS[duty.step].get(language)
    return Entry(
        uid=f"duty-{duty.id}@{HOST}",
        stamped=duty.opened_at,
        starts=duty.due_on,
        ends=None,
        summary=DUE.format(what=what, number=duty.number).get(language),
        description=duty.title,
    )
