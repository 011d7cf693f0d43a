"""The ledger for those who answer for it: operators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace import policies
from marketplace.domain.actors import Actor
from marketplace.domain.roles import Role
from marketplace.models.ledger import Event, LedgerEntry
from marketplace.models.users import User
from marketplace.services import events
from marketplace.services.paging import Listing

MOST_FAULTS = 1000
FILTERS = {
    "subject_kind": lambda v: Event.subject_kind == v,
    "subject_id": lambda v: Event.subject_id == v,
    "user_id": lambda v: Event.actor_id == v,
    "action": lambda v: Event.action == v,
    "since": lambda v: Event.at >= v,
    "until": lambda v: Event.at < v,
}


def search(
    session: so.Session, actor: Actor, **filters: Any
) -> Listing[dict[str, Any]]:
    """List the ledger, newest first; operators only."""
    policies.require(actor, "read", None, policies.AUDIT_RULES)
    statement = (
        sa.select(LedgerEntry, Event, User.name)
        .join(Event, Event.id == LedgerEntry.event_id)
        .outerjoin(User, User.id == Event.actor_id)
        .where(*(FILTERS[name](value) for name, value in filters.items()))
    )
    return Listing(session, statement, key=Event.id, view=_view)


def _view(rows: Sequence[sa.Row[*tuple[Any, ...]]]) -> list[dict[str, Any]]:
    return [
        {
            "seq": entry.seq,
            "previous_hash": entry.previous_hash,
            "hash": entry.hash,
            "subject_kind": event.subject_kind,
            "subject_id": event.subject_id,
            "request_id": event.request_id,
            **view_event(event, name),
        }
        for entry, event, name, *_ in rows
    ]


def view_event(event: Event, user_name: str | None) -> dict[str, Any]:
    """Show an event as the history of an object shows it."""
    return {
        "id": event.id,
        "at": event.at,
        "user_id": event.actor_id,
        "user_name": user_name,
        "role": event.actor_role,
        "organisation_id": event.actor_org_id,
        "action": event.action,
        "from": event.from_state,
        "to": event.to_state,
        "comment": event.comment,
        "changes": event.changes,
    }


def note_reading(
    session: so.Session,
    actor: Actor,
    numbers: Sequence[int],
    filters: Mapping[str, Any],
) -> None:
    """Write into the ledger which of its entries somebody has read.

    Entries tell confidential fields and texts that are not submitted yet.
    """
    events.record(
        session,
        actor,
        session.get_one(User, actor.user_id),
        "user.read-ledger",
        role=Role.OPERATOR.value,
        changes={"entries": {"read": [min(numbers), max(numbers), len(numbers)]}}
        | {name: {"read": value} for name, value in filters.items()},
    )
    session.flush()


def verify(session: so.Session, actor: Actor) -> dict[str, Any]:
    """Verify the whole chain; operators only."""
    policies.require(actor, "read", None, policies.AUDIT_RULES)
    faults = list(islice(events.verify(session), MOST_FAULTS + 1))
    seq, digest = events.head(session)
    return {
        "sound": not faults,
        "entries": seq,
        "head": digest,
        "faults": faults[:MOST_FAULTS],
        "more_faults": len(faults) > MOST_FAULTS,
    }
