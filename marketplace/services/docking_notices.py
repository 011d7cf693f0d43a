"""Who is told of what happens in a docking: the other side, and the broker.

The title in a message is that of the other side's object, as the public reads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace import thread_policies as rights
from marketplace.domain.actors import SHANGHAI, Actor
from marketplace.domain.dockings import DISCLOSING, DOCKING_WORKFLOW, DockingSide
from marketplace.domain.roles import Role
from marketplace.domain.states import state_title
from marketplace.errors import Text
from marketplace.models.dockings import Docking, DockingMeeting
from marketplace.services import codes, docking_duties, duties, notices, rules

REASONS = "decline_reason"
ANSWERS = frozenset(
    {
        "express-interest",
        "accept",
        "decline",
        "lose",
        "propose-nda",
        "accept-intent",
        "finish-next-step",
    }
)
"""Steps of which the others are told by what they are called."""
_SIDES = {
    DockingSide.NEED: Text("需求方", "the need's side"),
    DockingSide.OFFER: Text("供给方", "the offer's side"),
    DockingSide.BROKER: Text("技术经纪人", "the broker"),
}


def _tell(
    session: so.Session,
    actor: Actor,
    docking: Docking,
    sides: Iterable[DockingSide],
    topic: str,
    values: Mapping[str, object],
    *,
    key: str,
) -> None:
    """Tell some sides, each under the title that it knows."""
    for side in sides:
        broker = side is DockingSide.BROKER
        notices.tell_units(
            session,
            actor,
            [rights.org_of(docking, side)],
            topic,
            {**values, "subject": docking_duties.title_for(docking, side)},
            kind="docking",
            subject_id=docking.id,
            key=f"docking:{docking.id}:{key}:{side}",
            roles=frozenset({Role.BROKER} if broker else duties.UNIT_ROLES),
        )


def _others(side: DockingSide) -> list[DockingSide]:
    return [other for other in DockingSide if other is not side]


def _name(session: so.Session, docking: Docking, side: DockingSide) -> str:
    return notices.name_of(session, rights.org_of(docking, side))


def asked(session: so.Session, actor: Actor, docking: Docking) -> None:
    """Tell each side that has to answer who asks, and until when."""
    rule = rules.in_force(session, "docking.reply_days", on=actor.today).value
    due_on = duties.promise(session, actor, int(rule["answer"]))
    values = {
        "party": _name(session, docking, docking.opened_side),
        "due": due_on.isoformat(),
    }
    sides = docking_duties.undecided(docking)
    _tell(session, actor, docking, sides, "docking.asked", values, key="asked")


def moved(
    session: so.Session,
    actor: Actor,
    docking: Docking,
    action: str,
    side: DockingSide,
) -> None:
    """Tell the others of a step: an answer, terms, a meeting, an agreement in force."""
    party = _name(session, docking, side)
    others = _others(side)
    number = docking.revision
    if action in ANSWERS:
        answer = DOCKING_WORKFLOW.titles[action]
        if docking.lost_reason is not None:
            answer = _with_reason(session, docking, answer)
        values: dict[str, object] = {"party": party, "answer": answer}
        topic = "docking.answered"
    elif action == "propose-intent":
        number = len(docking.proposals)
        values = {"party": party, "version": number}
        topic = "docking.proposal"
    elif action == "log-meeting":
        values = {"party": party, **_last_meeting(session, docking)}
        topic = "docking.meeting"
    elif action == "sign-nda" and _holds(docking):
        # Everybody is told: the person who was the last to accept knows already.
        number, others = docking.nda_number or 0, list(DockingSide)
        values = {"version": number}
        topic = "docking.nda"
    else:
        return
    key = f"{action}:{number}"
    _tell(session, actor, docking, others, topic, values, key=key)


def _holds(docking: Docking) -> bool:
    """Whether the agreement that was accepted last is the one in force."""
    latest = docking.ndas[-1].number
    return docking.state in DISCLOSING and docking.nda_number == latest


def _with_reason(session: so.Session, docking: Docking, answer: Text) -> Text:
    """Say besides why somebody declined, and what he wrote to it."""
    reason = reason_of(session, docking)
    comment = docking.lost_comment
    return Text(
        f"{answer.zh}（{reason.zh}{'：' if comment else ''}{comment}）",
        f"{answer.en} ({reason.en}{': ' if comment else ''}{comment})",
    )


def reason_of(session: so.Session, docking: Docking) -> Text:
    """Return what the reason is called for which a docking came to nothing."""
    code = docking.lost_reason or ""
    chinese, english = codes.names(session, REASONS, only={code}).get(code, (code, ""))
    return Text(chinese, english or chinese)


def _last_meeting(session: so.Session, docking: Docking) -> dict[str, object]:
    """Return when the last meeting was, and what it agreed on."""
    held = session.scalars(
        sa.select(DockingMeeting)
        .where(DockingMeeting.docking_id == docking.id)
        .order_by(DockingMeeting.id.desc())
        .limit(1)
    ).one()
    agreed = Text("未约定", "none was agreed on")
    if held.next_step:
        side = _SIDES[held.next_side or DockingSide.NEED]
        day = held.next_on.isoformat() if held.next_on else ""
        agreed = Text(
            f"{held.next_step}（{side.zh}{'，' if day else ''}{day}）",
            f"{held.next_step} ({side.en}{', ' if day else ''}{day})",
        )
    return {"starts": _moment(held.starts_at), "next": agreed}


def _moment(at: datetime) -> str:
    return at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")


def ended(session: so.Session, actor: Actor, docking: Docking) -> None:
    """Tell everybody that a request has ended by itself."""
    values = {"reason": reason_of(session, docking)}
    sides = list(DockingSide)
    _tell(session, actor, docking, sides, "docking.ended", values, key="ended")


def left(
    session: so.Session, actor: Actor, docking: Docking, side: DockingSide
) -> None:
    """Tell the other side that what they talk about has left the market.

    Parameters
    ----------
    side : DockingSide
        Whose listing it is.
    """
    need = side is DockingSide.NEED
    kind, listing = ("need", docking.need) if need else ("offer", docking.offer)
    values = {
        "party": _name(session, docking, side),
        "state": state_title(kind, listing.state.value),
    }
    other = docking_duties.other(side)
    key = f"left:{kind}:{listing.revision}"
    _tell(session, actor, docking, [other], "docking.left", values, key=key)
