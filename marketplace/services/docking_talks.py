"""Talks of a deployed docking day: who sits where, and what came of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace import policies
from marketplace import thread_policies as rights
from marketplace.domain.actors import Actor
from marketplace.domain.docking_days import HELD
from marketplace.domain.workflows import refusal
from marketplace.errors import Conflict, Invalid, NotFound, Text
from marketplace.models.docking_days import (
    DockingDay,
    DockingParticipant,
    DockingSlot,
    DockingTalk,
)
from marketplace.models.organisations import Organisation
from marketplace.policies import TALK_RULES
from marketplace.services import (
    codes,
    docking_days,
    docking_participants,
    duties,
    events,
    rules,
)
from marketplace.services.duties import Whom
from marketplace.services.organisations import require_revision
from marketplace.services.paging import Listing

KIND = "docking-talk"
FOLLOW_UP = "follow-up"
MOST_IN_CALENDAR = 1000
RECORD = "record-outcome"
OUTCOMES = "talk_outcome"
_TITLES = {RECORD: Text("记录对接结果", "Record the outcome")}


def search(
    session: so.Session, actor: Actor, day_id: UUID, **filters: Any
) -> Listing[dict[str, Any]]:
    """List the talks of a day that the caller may know of, in the order of the day.

    Parameters
    ----------
    filters
        ``participant_id``, ``outcome``; ``open``: only those without an outcome.

    Raises
    ------
    Unauthenticated, NotFound
    """
    day = docking_days.get(session, actor, day_id)
    statement = sa.select(DockingTalk).where(
        DockingTalk.day_id == day.id, policies.visible_talks(actor)
    )
    participant = filters.get("participant_id")
    if participant is not None:
        statement = statement.where(
            sa.or_(
                DockingTalk.need_participant_id == participant,
                DockingTalk.team_participant_id == participant,
            )
        )
    if filters.get("outcome") is not None:
        statement = statement.where(DockingTalk.outcome == filters["outcome"])
    if filters.get("open"):
        statement = statement.where(DockingTalk.outcome.is_(None))
    return Listing(
        session,
        statement,
        key=DockingTalk.id,
        view=lambda rows: show(session, actor, day, [row[0] for row in rows]),
        sorts={"starts_at": DockingTalk.starts_at},
        default_sort="starts_at",
    )


def get(
    session: so.Session, actor: Actor, day_id: UUID, talk_id: UUID
) -> tuple[DockingDay, DockingTalk]:
    """Return a talk with its day.

    Raises
    ------
    Unauthenticated, NotFound
    """
    day = docking_days.get(session, actor, day_id)
    talk = session.scalar(
        sa.select(DockingTalk).where(
            DockingTalk.id == talk_id,
            DockingTalk.day_id == day.id,
            policies.visible_talks(actor),
        ),
        execution_options={"populate_existing": True},
    )
    if talk is None:
        raise NotFound
    return day, talk


def view(
    session: so.Session, actor: Actor, day: DockingDay, talk: DockingTalk
) -> dict[str, Any]:
    """Show one talk."""
    return show(session, actor, day, [talk])[0]


def show(
    session: so.Session, actor: Actor, day: DockingDay, talks: Sequence[DockingTalk]
) -> list[dict[str, Any]]:
    """Show talks with the names of both sides, one each, in order."""
    ids = {t.need_participant_id for t in talks} | {
        t.team_participant_id for t in talks
    }
    people = {
        row.id: row
        for row in session.scalars(
            sa.select(DockingParticipant).where(DockingParticipant.id.in_(ids))
        )
    }
    titles = docking_participants.names(session, list(people.values()))
    orgs = _names(session, {row.org_id for row in people.values()})
    slots = {
        slot.id: slot
        for slot in session.scalars(
            sa.select(DockingSlot).where(DockingSlot.day_id == day.id)
        )
    }

    def side(participant_id: UUID) -> dict[str, Any]:
        row = people[participant_id]
        return {
            "id": row.id,
            "title": titles[row.id],
            "organisation": {"id": row.org_id, "name": orgs[row.org_id]},
            "need_id": row.need_id,
            "offer_id": row.offer_id,
        }

    return [
        {
            "id": talk.id,
            "docking_day_id": talk.day_id,
            "slot": slots[talk.slot_id].position,
            "starts_at": talk.starts_at,
            "ends_at": slots[talk.slot_id].ends_at,
            "need": side(talk.need_participant_id),
            "team": side(talk.team_participant_id),
            "outcome": talk.outcome,
            "follow_up_on": talk.follow_up_on,
            "outcome_at": talk.outcome_at,
            "actions": _actions(actor, day, talk),
        }
        for talk in talks
    ]


def _names(session: so.Session, ids: Collection[UUID]) -> dict[UUID, str]:
    rows = session.scalars(sa.select(Organisation).where(Organisation.id.in_(ids)))
    return {row.id: row.name for row in rows}


def _actions(actor: Actor, day: DockingDay, talk: DockingTalk) -> list[dict[str, Any]]:
    begun = day.state in HELD and actor.now >= talk.starts_at
    if not begun or not policies.may(actor, RECORD, talk, TALK_RULES):
        return []
    href = f"{docking_days.HREF}/{day.id}/talks/{talk.id}/actions/{RECORD}"
    return [
        {
            "name": RECORD,
            "title": _TITLES[RECORD],
            "method": "POST",
            "href": href,
            "fields": ["comment", "outcome", "follow_up_on"],
        }
    ]


def act(
    session: so.Session,
    actor: Actor,
    day_id: UUID,
    talk_id: UUID,
    action: str,
    *,
    outcome: str | None = None,
    follow_up_on: date | None = None,
    expected: int | None = None,
    comment: str = "",
) -> DockingTalk:
    """Say what came of a talk; what was said before is replaced, and remembered.

    The firm owes the follow-up on the day that is named, until something else is said
    of the talk or the two open a docking.

    Parameters
    ----------
    outcome : str
        Of the code list ``talk_outcome``.
    follow_up_on : date, optional
        When somebody takes it up again; a code says whether it may or must be there.

    Raises
    ------
    Unauthenticated, NotFound, Forbidden, Stale, Invalid
    IllegalTransition
        The day was called off, or the action is another one.
    Conflict
        The talk has not begun.
    """
    day, talk = get(session, actor, day_id, talk_id)
    if action != RECORD or day.state not in HELD:
        policies.require_signed_in(actor)
        possible = [row["name"] for row in _actions(actor, day, talk)]
        raise refusal("docking-day", day.state, action, possible, _TITLES)
    grant = policies.require(actor, RECORD, talk, TALK_RULES)
    require_revision(talk.revision, expected)
    if actor.now < talk.starts_at:
        raise Conflict(Text("洽谈尚未开始，不能记录结果", "the talk has not begun yet"))
    _check(session, actor, outcome, follow_up_on)
    before = {"outcome": talk.outcome, "follow_up_on": talk.follow_up_on}
    talk.outcome, talk.follow_up_on = outcome, follow_up_on
    talk.outcome_at = talk.updated_at = actor.now
    talk.outcome_by = actor.user_id
    after = {"outcome": outcome, "follow_up_on": follow_up_on, "talk_id": talk.id}
    events.record(
        session,
        actor,
        day,
        "docking-day.record-outcome",
        role=grant.role,
        org_id=grant.org_id,
        comment=comment,
        changes=events.difference(before, after),
    )
    session.flush()
    if follow_up_on != before["follow_up_on"]:
        _owe(session, actor, day, talk)
    return talk


def _owe(session: so.Session, actor: Actor, day: DockingDay, talk: DockingTalk) -> None:
    """Ask the firm for the follow-up, if there is to be one, on the day named."""
    duties.close(session, actor, kind=KIND, subject_id=talk.id)
    if talk.follow_up_on is None:
        return
    rule = rules.in_force(session, "docking-day.duties", on=actor.today).value
    team = session.get_one(DockingParticipant, talk.team_participant_id)
    duties.open_(
        session,
        actor,
        Whom(org_id=talk.firm_org_id),
        FOLLOW_UP,
        kind=KIND,
        subject_id=talk.id,
        title=docking_participants.names(session, [team])[team.id],
        number=day.held_on.isoformat(),
        due_on=talk.follow_up_on,
        remind_before=int(rule["remind_before"]),
    )


def taken_up(session: so.Session, actor: Actor, need_id: UUID, offer_id: UUID) -> None:
    """Close the follow-ups of talks between two who dock now."""
    need, team = so.aliased(DockingParticipant), so.aliased(DockingParticipant)
    found = session.scalars(
        sa.select(DockingTalk.id)
        .join(need, need.id == DockingTalk.need_participant_id)
        .join(team, team.id == DockingTalk.team_participant_id)
        .where(need.need_id == need_id, team.offer_id == offer_id)
    ).all()
    for talk_id in found:
        duties.close(session, actor, kind=KIND, subject_id=talk_id)


def mine(
    session: so.Session, actor: Actor, since: datetime
) -> Sequence[sa.Row[*tuple[Any, ...]]]:
    """Return the caller's own talks with their days and slots, in order."""
    orgs = rights.writing_org_ids(actor)
    return session.execute(
        sa.select(DockingTalk, DockingDay, DockingSlot)
        .join(DockingDay, DockingDay.id == DockingTalk.day_id)
        .join(DockingSlot, DockingSlot.id == DockingTalk.slot_id)
        .where(
            sa.or_(
                policies.one_of(DockingTalk.firm_org_id, orgs),
                policies.one_of(DockingTalk.unit_org_id, orgs),
            ),
            policies.one_of(DockingDay.state, HELD),
            DockingTalk.starts_at >= since,
        )
        .order_by(DockingTalk.starts_at, DockingTalk.id)
        .limit(MOST_IN_CALENDAR)
    ).all()


def titles(
    session: so.Session, talks: Sequence[DockingTalk]
) -> dict[UUID, tuple[str, str]]:
    """Return what the need and the team of each talk are called."""
    pairs = {t.id: (t.need_participant_id, t.team_participant_id) for t in talks}
    ids = {key for pair in pairs.values() for key in pair}
    rows = session.scalars(
        sa.select(DockingParticipant).where(DockingParticipant.id.in_(ids))
    ).all()
    called = docking_participants.names(session, rows)
    return {key: (called[need], called[team]) for key, (need, team) in pairs.items()}


def _check(
    session: so.Session, actor: Actor, outcome: str | None, follow_up_on: date | None
) -> None:
    """Refuse an unknown outcome, and a day that does not go with it.

    Raises
    ------
    Invalid
    """
    if outcome is None:
        raise Invalid.at("/outcome", "required", "必填", "is required")
    wrong = codes.check(session, OUTCOMES, outcome, on=actor.today, pointer="/outcome")
    if wrong:
        raise Invalid(errors=wrong)
    offered = {e.code: e for e in codes.entries(session, OUTCOMES, on=actor.today)}
    asked = offered[outcome].attributes.get("follow_up")
    if asked == "required" and follow_up_on is None:
        raise Invalid.at(
            "/follow_up_on", "required", "请填写跟进日期", "say when it is followed up"
        )
    if follow_up_on is None:
        return
    if asked == "none":
        raise Invalid.at(
            "/follow_up_on",
            "not_with_this_outcome",
            "此结果没有跟进日期",
            "this outcome has no follow-up",
        )
    if follow_up_on < actor.today:
        raise Invalid.at(
            "/follow_up_on", "in_the_past", "不能早于今天", "must not lie in the past"
        )
