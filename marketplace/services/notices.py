"""Who is told what of a thread: dockings, contracts, registrations, and late duties.

Each occasion has a key, so that nobody is told of it twice. The titles in a message are
those that its reader may know: of the other side's object, as the public reads it.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace.domain.actors import Actor
from marketplace.domain.roles import Role
from marketplace.errors import Text
from marketplace.models.duties import Duty
from marketplace.models.organisations import Organisation
from marketplace.services import duties, messages


def tell_units(
    session: so.Session,
    actor: Actor,
    org_ids: Iterable[UUID | None],
    topic: str,
    values: dict[str, object],
    *,
    kind: str,
    subject_id: UUID,
    key: str,
    roles: frozenset[Role] = frozenset(duties.UNIT_ROLES),
) -> int:
    """Tell the people of some units, except who has brought it about."""
    to: set[UUID] = set()
    for org_id in org_ids:
        if org_id is not None:
            to |= messages.members(session, org_id, roles)
    if actor.user_id is not None:
        to.discard(actor.user_id)
    return messages.notify(
        session,
        actor,
        to=to,
        topic=topic,
        values=values,
        subject_kind=kind,
        subject_id=subject_id,
        key=key,
    )


def name_of(session: so.Session, org_id: UUID | None) -> str:
    """Return what a unit is called."""
    org = session.get(Organisation, org_id) if org_id else None
    return org.name if org is not None else ""


def remind(session: so.Session, actor: Actor, *, batch: int = 500) -> int:
    """Remind those whose promised day is near, and escalate what is late.

    Parameters
    ----------
    actor : Actor
        The system's; its time zone says which day it is.

    Returns
    -------
    int
        How many duties were reminded of or escalated.
    """
    near = sa.and_(Duty.reminded_at.is_(None), Duty.remind_on <= actor.today)
    late = sa.and_(Duty.escalated_at.is_(None), Duty.due_on < actor.today)
    count = 0
    while True:
        found = session.scalars(
            sa.select(Duty)
            .where(Duty.closed_at.is_(None), sa.or_(near, late))
            .order_by(Duty.id)
            .limit(batch)
            .with_for_update(skip_locked=True)
        ).all()
        for duty in found:
            _remind(session, actor, duty)
        session.flush()
        count += len(found)
        if len(found) < batch:
            return count


def _remind(session: so.Session, actor: Actor, duty: Duty) -> None:
    values: dict[str, object] = {
        "subject": duty.title,
        "step": duties.STEPS[duty.step],
        "due": duty.due_on.isoformat(),
    }
    if duty.reminded_at is None:
        duty.reminded_at = actor.now
        messages.notify(
            session,
            actor,
            to=addressees(session, duty),
            topic="duty.reminder",
            values=values,
            subject_kind=duty.subject_kind,
            subject_id=duty.subject_id,
            key=f"duty:{duty.id}:{duty.due_on}:remind",
        )
    if duty.due_on < actor.today:
        duty.escalated_at = actor.now
        whose = name_of(session, duty.org_id) or _ROLE_NAMES.get(
            duty.role, Text("", "")
        )
        messages.notify(
            session,
            actor,
            to=_with_role(session, Role.OPERATOR) | addressees(session, duty),
            topic="duty.escalated",
            values={**values, "party": whose},
            subject_kind=duty.subject_kind,
            subject_id=duty.subject_id,
            key=f"duty:{duty.id}:{duty.due_on}:late",
        )


_ROLE_NAMES: dict[Role | None, Text] = {
    Role.DISTRICT_REVIEWER: Text("区县科技主管部门", "the district's reviewers"),
    Role.OPERATOR: Text("平台运营方", "the operator"),
    Role.PROVINCIAL_AUTHORITY: Text("省级主管部门", "the provincial authority"),
}


def addressees(session: so.Session, duty: Duty) -> frozenset[UUID]:
    """Return the people on whom a duty waits."""
    if duty.user_id is not None:
        return frozenset({duty.user_id})
    if duty.org_id is not None:
        roles = frozenset({duty.role}) if duty.role else frozenset(duties.UNIT_ROLES)
        return messages.members(session, duty.org_id, roles)
    if duty.role is None:
        return frozenset()
    return _with_role(session, duty.role, duty.region)


def _with_role(session: so.Session, role: Role, region: str = "") -> frozenset[UUID]:
    return messages.holders(session, role, region)
