"""Who owes what in a docking: a list that follows from its facts.

After every step the list is drawn up anew. What stood in it and still does is left
alone: its day, and what was reminded of, do not move because something else happened,
least of all by an act of the side that owes it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace import thread_policies as rights
from marketplace.domain.actors import Actor
from marketplace.domain.dockings import (
    ASKED,
    GIVEN_UP,
    MET,
    OWED,
    SIDES,
    TALKING,
    DockingSide,
)
from marketplace.domain.roles import Role
from marketplace.models.dockings import (
    Docking,
    DockingMeeting,
    DockingNda,
    DockingProposal,
    NdaAcceptance,
)
from marketplace.models.duties import Duty
from marketplace.models.ledger import Event
from marketplace.services import calendars, duties, messages, rules
from marketplace.services.duties import Whom


@dataclass(frozen=True, slots=True)
class Promise:
    """One step that one side owes.

    Parameters
    ----------
    due_on : date, optional
        The day that was agreed on; without one the rule says how many days there are.
    """

    step: str
    side: DockingSide
    due_on: date | None = None


def whom(docking: Docking, side: DockingSide) -> Whom:
    """Return who of a side is asked: its unit, or the brokers of the broker's.

    Raises
    ------
    ValueError
        Nobody stands on this side; what is asked of nobody would be shown to many.
    """
    org_id = rights.org_of(docking, side)
    if org_id is None:
        raise ValueError(f"docking {docking.docking_no} has no {side}")
    broker = side is DockingSide.BROKER
    return Whom(org_id=org_id, role=Role.BROKER if broker else None)


def title_for(docking: Docking, side: DockingSide) -> str:
    """Return the title of the other side's object, as the public reads it."""
    need, offer = docking.need.published, docking.offer.published
    subject = offer if side is DockingSide.NEED else need
    return subject.title if subject is not None else ""


def undecided(docking: Docking) -> list[DockingSide]:
    """Return the sides that have not said yet whether they want to talk."""
    return [side for side in SIDES if side.value not in docking.interested]


def other(side: DockingSide) -> DockingSide:
    """Return the side that has to answer what one of the two proposes."""
    return DockingSide.OFFER if side is DockingSide.NEED else DockingSide.NEED


def accepted_by(
    session: so.Session, docking: Docking, number: int
) -> frozenset[DockingSide]:
    """Return the sides for which somebody who still belongs to them has accepted.

    What a person accepted for one unit says nothing of the other one to which he has
    gone, nor, once he has gone, of the one that he left.
    """
    rows = session.scalars(
        sa.select(NdaAcceptance).where(
            NdaAcceptance.docking_id == docking.id, NdaAcceptance.number == number
        )
    ).all()
    found = set()
    for side in SIDES:
        org_id = rights.org_of(docking, side)
        assert org_id is not None  # noqa: S101 - both sides are units
        people = messages.members(session, org_id, frozenset(duties.UNIT_ROLES))
        if any(
            row.side is side and row.org_id == org_id and row.user_id in people
            for row in rows
        ):
            found.add(side)
    return frozenset(found)


def promises(session: so.Session, docking: Docking) -> list[Promise]:
    """Return what is owed as the docking stands now."""
    if docking.state in ASKED:
        return [Promise("answer", side) for side in undecided(docking)]
    if docking.state not in TALKING:
        return []
    owed = OWED.get(docking.state)
    found = [] if owed is None else [Promise(owed.step, owed.side)]
    return [
        *found,
        *_agreed(session, docking),
        *_unanswered_terms(session, docking),
        *_unaccepted_secrecy(session, docking),
    ]


def _agreed(session: so.Session, docking: Docking) -> list[Promise]:
    """Return what the last meeting agreed on, until it is done or something follows."""
    last = session.scalar(
        sa.select(DockingMeeting)
        .where(DockingMeeting.docking_id == docking.id)
        .order_by(DockingMeeting.id.desc())
        .limit(1)
    )
    if last is not None and last.next_step:
        side = last.next_side or DockingSide.NEED
        if _moved_on(session, last, side) or _is_finished(session, last):
            # It is for the team to say what it would do, where nobody has yet.
            open_ = docking.state in MET
            return [Promise("propose", DockingSide.OFFER)] if open_ else []
        return [Promise("next-step", side, last.next_on)]
    # A first meeting without a next step leaves it to the firm what comes of it.
    after = docking.state in MET
    return [Promise("next-step", DockingSide.NEED)] if after else []


def _moved_on(session: so.Session, meeting: DockingMeeting, side: DockingSide) -> bool:
    """Whether the side has since proposed terms, or accepted those of the other."""
    later = sa.or_(
        sa.and_(DockingProposal.side == side, DockingProposal.id > meeting.id),
        sa.and_(
            DockingProposal.side != side,
            DockingProposal.accepted_at > meeting.logged_at,
        ),
    )
    found = session.scalar(
        sa.select(DockingProposal.id)
        .where(DockingProposal.docking_id == meeting.docking_id, later)
        .limit(1)
    )
    return found is not None


def _is_finished(session: so.Session, meeting: DockingMeeting) -> bool:
    """Whether the side that owed the next step has said since that it is done."""
    found = session.scalar(
        sa.select(Event.id)
        .where(
            Event.subject_kind == "docking",
            Event.subject_id == meeting.docking_id,
            Event.action == "docking.finish-next-step",
            Event.id > meeting.id,
        )
        .limit(1)
    )
    return found is not None


def _unanswered_terms(session: so.Session, docking: Docking) -> list[Promise]:
    last = session.scalar(
        sa.select(DockingProposal)
        .where(DockingProposal.docking_id == docking.id)
        .order_by(DockingProposal.number.desc())
        .limit(1)
    )
    if last is None or last.accepted_at is not None:
        return []
    return [Promise("answer-terms", other(last.side))]


def _unaccepted_secrecy(session: so.Session, docking: Docking) -> list[Promise]:
    """Return the sides that have not accepted the latest agreement, while it waits."""
    number = session.scalar(
        sa.select(sa.func.max(DockingNda.number)).where(
            DockingNda.docking_id == docking.id
        )
    )
    if number is None or number == docking.nda_number:
        return []
    have = accepted_by(session, docking, number)
    return [Promise("sign-nda", side) for side in SIDES if side not in have]


RENEWS: Mapping[str, str] = {
    "propose-intent": "answer-terms",
    "propose-nda": "sign-nda",
    "accept-intent": "contract",
    "log-meeting": "next-step",
}
"""Steps by which a promise begins anew, because there is something else to answer."""


def _renewed(
    action: str, moved: DockingSide | None, wanted: Sequence[Promise]
) -> set[Promise]:
    """Return the promises whose days begin anew.

    Nobody gets more time by his own proposal; what a meeting agrees on for a day is
    what both have agreed on.
    """
    step = RENEWS.get(action)
    if step == "contract":
        return {promise for promise in wanted if promise.step == step}
    if step == "next-step":
        dated = (p for p in wanted if p.step == step and p.due_on is not None)
        return set(dated)
    return {p for p in wanted if p.step == step and p.side is not moved}


def settle(
    session: so.Session,
    actor: Actor,
    docking: Docking,
    action: str = "",
    moved: DockingSide | None = None,
) -> None:
    """Close what is no longer owed, open what is new, and leave the rest alone.

    Parameters
    ----------
    action : str
        The step that was taken; "" when the docking was opened or ended by itself.
    moved : DockingSide, optional
        Who took it.
    """
    wanted = promises(session, docking)
    anew = {_key(docking, promise) for promise in _renewed(action, moved, wanted)}
    missing = {_key(docking, promise): promise for promise in wanted}
    ended = duties.DROPPED if docking.state in GIVEN_UP else duties.DONE
    for duty in _open(session, docking):
        key = duty.step, duty.addressee
        if key in missing and key not in anew:
            del missing[key]
        else:
            duty.closed_at, duty.outcome = actor.now, ended
    session.flush()
    _promise(session, actor, docking, list(missing.values()))


def _key(docking: Docking, promise: Promise) -> tuple[str, str]:
    return promise.step, whom(docking, promise.side).key


def _open(session: so.Session, docking: Docking) -> Sequence[Duty]:
    return session.scalars(
        sa.select(Duty).where(
            Duty.subject_kind == "docking",
            Duty.subject_id == docking.id,
            Duty.closed_at.is_(None),
        )
    ).all()


def _promise(
    session: so.Session,
    actor: Actor,
    docking: Docking,
    found: Collection[Promise],
) -> None:
    if not found:
        return
    rule = rules.in_force(session, "docking.reply_days", on=actor.today).value
    for promise in found:
        days = int(rule[promise.step.replace("-", "_")])
        due_on = promise.due_on and _working_day(session, promise.due_on)
        duties.open_(
            session,
            actor,
            whom(docking, promise.side),
            promise.step,
            kind="docking",
            subject_id=docking.id,
            title=title_for(docking, promise.side),
            number=docking.docking_no,
            due_on=due_on or duties.promise(session, actor, days),
            remind_before=int(rule["remind_before"]),
        )


def _working_day(session: so.Session, day: date) -> date:
    """Return the day itself, or the first working day after it.

    What is agreed for a Saturday is not late on the Sunday.
    """
    return calendars.working_calendar(session).expected(day - timedelta(days=1), 1)
