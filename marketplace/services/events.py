"""What happened, written in the transaction in which it happens.

``record`` adds an event; just before the commit every event of the transaction gets
its place in the ledger's chain (``seal``), under the lock of the chain's head. The
order of sequence numbers is therefore the order of commits, which lets readers of the
ledger (the match index, the change feed) remember one number and miss nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Protocol, cast
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace.domain.actors import Actor
from marketplace.domain.ids import new_id
from marketplace.models.ledger import Event, LedgerEntry, LedgerHead

GENESIS = "0" * 64
_PENDING = "ledger_pending"
_BATCH = 500


class Subject(Protocol):
    """Anything with an identifier that events can be about."""

    @property
    def id(self) -> Any:
        """The identifier."""
        ...


_PLAIN = frozenset({str, int, bool, float})


def plain(value: Any) -> Any:  # noqa: PLR0911 - one return a type
    """Turn a value into what JSON can hold, the same on every store."""
    if value is None or type(value) in _PLAIN:
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Decimal | UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        items = [plain(v) for v in value]
        return sorted(items) if isinstance(value, set | frozenset) else items
    return value


def difference(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """List the fields that differ, each with its old and new value."""
    changes = {}
    for name in sorted(before.keys() | after.keys()):
        old, new = plain(before.get(name)), plain(after.get(name))
        if old != new:
            changes[name] = {"old": old, "new": new}
    return changes


def record(
    session: so.Session,
    actor: Actor,
    subject: Subject,
    action: str,
    *,
    kind: str | None = None,
    role: str | None = None,
    org_id: UUID | None = None,
    from_state: str | None = None,
    to_state: str | None = None,
    comment: str = "",
    changes: Mapping[str, Any] | None = None,
) -> Event:
    """Write one event.

    Parameters
    ----------
    subject : object with ``id``
    action : str
        For example ``need.submit``; the part before the dot is the subject's kind
        unless ``kind`` says otherwise.
    role : str, optional
        The role in which the actor did it; by default the actor's only role, or
        ``system`` or ``public``.
    changes : mapping of field to ``{"old": …, "new": …}``
    """
    event = Event(
        id=new_id(),
        at=actor.now,
        actor_id=actor.user_id,
        actor_role=role or default_role(actor),
        actor_org_id=org_id or _default_org(actor),
        subject_kind=kind or action.partition(".")[0],
        subject_id=subject.id,
        action=action,
        from_state=from_state,
        to_state=to_state,
        comment=comment,
        changes=plain(changes or {}),
        request_id=actor.request_id,
    )
    session.add(event)
    session.info.setdefault(_PENDING, []).append(event.id)
    return event


def recorded_kinds(session: so.Session) -> set[str]:
    """Return the kinds of objects of which this transaction has written events.

    Every change of a state writes one, so this tells what a refusal would take back.
    """
    pending: list[UUID] = session.info.get(_PENDING, [])
    session.flush()
    found: set[str] = set()
    for start in range(0, len(pending), _BATCH):
        some = pending[start : start + _BATCH]
        statement = sa.select(Event.subject_kind).where(Event.id.in_(some)).distinct()
        found.update(session.scalars(statement))
    return found


def default_role(actor: Actor) -> str:
    """Name the hat of an actor for whom no rule chose one."""
    if actor.is_system:
        return "system"
    roles = sorted({r.value for s in actor.standings for r in s.roles})
    return roles[0] if len(roles) == 1 else ("member" if actor.user_id else "public")


def _default_org(actor: Actor) -> UUID | None:
    orgs = actor.org_ids
    return next(iter(orgs)) if len(orgs) == 1 else None


def content(event: Event) -> dict[str, Any]:
    """Return what the chain protects of an event."""
    return {
        "id": str(event.id),
        "at": plain(event.at),
        "actor_id": plain(event.actor_id),
        "actor_role": event.actor_role,
        "actor_org_id": plain(event.actor_org_id),
        "subject_kind": event.subject_kind,
        "subject_id": str(event.subject_id),
        "action": event.action,
        "from_state": event.from_state,
        "to_state": event.to_state,
        "comment": event.comment,
        "changes": event.changes,
        "request_id": event.request_id,
    }


def chain_hash(previous: str, seq: int, event: Event) -> str:
    """SHA-256 over the previous hash, the place and the event's content."""
    body = json.dumps(
        [previous, seq, content(event)],
        ensure_ascii=True,
        sort_keys=True,
        separators=(",", ":"),
    )
    return hashlib.sha256(body.encode("ascii")).hexdigest()


@sa.event.listens_for(so.Session, "before_commit")
def seal(session: so.Session) -> None:
    """Chain the events of this transaction; runs before every commit."""
    pending: list[UUID] = session.info.get(_PENDING, [])
    if not pending or session.in_nested_transaction():
        return
    session.flush()
    head = session.scalars(
        sa.select(LedgerHead).where(LedgerHead.id == 1).with_for_update(),
        execution_options={"populate_existing": True},
    ).one()
    for start in range(0, len(pending), _BATCH):
        ids = pending[start : start + _BATCH]
        found = session.scalars(sa.select(Event).where(Event.id.in_(ids)))
        by_id = {event.id: event for event in found}
        rows = []
        for event_id in ids:
            event = by_id[event_id]
            head.seq += 1
            digest = chain_hash(head.hash, head.seq, event)
            rows.append(
                {
                    "seq": head.seq,
                    "event_id": event.id,
                    "subject_kind": event.subject_kind,
                    "subject_id": event.subject_id,
                    "previous_hash": head.hash,
                    "hash": digest,
                }
            )
            head.hash = digest
        session.execute(sa.insert(LedgerEntry), rows)
    session.flush()
    pending.clear()


_MARKS = "ledger_savepoints"


@sa.event.listens_for(so.Session, "after_transaction_create")
def _mark(session: so.Session, transaction: so.SessionTransaction) -> None:
    """Remember how many events stand before a savepoint."""
    if transaction.nested:
        marks = session.info.setdefault(_MARKS, {})
        marks[transaction] = len(session.info.get(_PENDING, []))


@sa.event.listens_for(so.Session, "after_transaction_end")
def _unmark(session: so.Session, transaction: so.SessionTransaction) -> None:
    """Forget a savepoint that is over."""
    session.info.get(_MARKS, {}).pop(transaction, None)


@sa.event.listens_for(so.Session, "after_soft_rollback")
def _forget(session: so.Session, previous: so.SessionTransaction) -> None:
    """Drop the events of a transaction, or since a savepoint, that did not happen."""
    if previous.nested:
        mark = session.info.get(_MARKS, {}).get(previous)
        if mark is not None:
            del session.info.get(_PENDING, [])[mark:]
    else:
        session.info.pop(_PENDING, None)


def head(session: so.Session) -> tuple[int, str]:
    """Return the number and hash of the last entry; note it outside as an anchor."""
    row = session.get_one(LedgerHead, 1)
    return row.seq, row.hash


def of_subject(
    session: so.Session, kind: str, subject_id: UUID, *, limit: int = 1000
) -> Sequence[Event]:
    """Return the history of one object, oldest first."""
    return session.scalars(
        sa.select(Event)
        .where(Event.subject_kind == kind, Event.subject_id == subject_id)
        .order_by(Event.at, Event.id)
        .limit(limit)
    ).all()


@dataclass(frozen=True, slots=True)
class Fault:
    """One entry of the ledger that is not as it was written."""

    seq: int | None
    event_id: UUID | None
    kind: str  # changed | removed | reordered | unsealed | truncated
    detail: str


def verify(session: so.Session) -> Iterator[Fault]:
    """Walk the chain and yield every entry that was changed, removed or moved.

    Yields nothing for a sound ledger. One pass, constant memory.
    """
    previous, expected = GENESIS, 1
    statement = (
        sa.select(LedgerEntry, Event)
        .outerjoin(Event, Event.id == LedgerEntry.event_id)
        .order_by(LedgerEntry.seq)
        .execution_options(yield_per=_BATCH)
    )
    for entry, joined in session.execute(statement):
        event = cast("Event | None", joined)
        if entry.seq != expected:
            gone = (
                f"entry {expected}"
                if entry.seq == expected + 1
                else f"entries {expected} to {entry.seq - 1}"
            )
            yield Fault(expected, None, "removed", f"{gone} missing")
        elif entry.previous_hash != previous:
            yield Fault(
                entry.seq,
                entry.event_id,
                "reordered",
                "does not follow the entry before it",
            )
        if event is None:
            yield Fault(entry.seq, entry.event_id, "removed", "its event is gone")
        elif chain_hash(entry.previous_hash, entry.seq, event) != entry.hash:
            yield Fault(
                entry.seq, entry.event_id, "changed", "content and hash disagree"
            )
        previous, expected = entry.hash, entry.seq + 1
    head = session.get(LedgerHead, 1)
    if head is None or (head.seq, head.hash) != (expected - 1, previous):
        told = "no head" if head is None else f"head is at {head.seq}"
        yield Fault(None, None, "truncated", f"last entry is {expected - 1}, {told}")
    stray = session.scalars(
        sa.select(Event.id)
        .outerjoin(LedgerEntry, LedgerEntry.event_id == Event.id)
        .where(LedgerEntry.seq.is_(None))
        .order_by(Event.id)
    )
    for event_id in stray:
        yield Fault(None, event_id, "unsealed", "event stands outside the chain")
