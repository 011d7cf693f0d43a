"""The outbox: what must happen after a commit, written in the transaction itself.

A message is taken under a lease. Whoever finishes it proves with the number of the
attempt that the lease is still his: a runner that was thought dead cannot overwrite
the work of the one that took over. Every message is therefore handled at least once,
and what a handler writes in the transaction of ``done`` is written exactly once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID, uuid5

import sqlalchemy as sa
import sqlalchemy.orm as so
from sqlalchemy.exc import IntegrityError

from marketplace.models.jobs import OutboxMessage, OutboxState
from marketplace.services.events import plain

MAX_ATTEMPTS = 8
FIRST_DELAY = timedelta(seconds=10)
LONGEST_DELAY = timedelta(hours=1)
KEPT_DAYS = 14
_ERROR_LENGTH = 4000
_RECURRING = UUID("6f6d5f4a-0b1c-7c55-9a3e-2f0a7d1e9b10")


class LeaseLost(Exception):
    """Somebody else has taken the message; what was done for it is rolled back."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A message as its runner holds it: the attempt's number is the proof.

    Parameters
    ----------
    attempt : int
        1 for the first; a higher one tells that an earlier attempt failed or died.
    """

    id: UUID
    topic: str
    payload: dict[str, Any]
    attempt: int


def put(
    session: so.Session,
    topic: str,
    payload: Mapping[str, Any],
    *,
    now: datetime,
    due_at: datetime | None = None,
) -> OutboxMessage:
    """Write a message; it exists if and only if the caller's transaction commits.

    Parameters
    ----------
    payload : mapping
        Identifiers rather than contents: the handler reads what is true then.
    due_at : datetime, optional
        Not before; ``now`` when absent.
    """
    message = OutboxMessage(
        topic=topic,
        payload=plain(payload),
        created_at=now,
        due_at=due_at or now,
        attempts=0,
    )
    session.add(message)
    session.flush()
    return message


def put_all(
    session: so.Session,
    topic: str,
    payloads: Sequence[Mapping[str, Any]],
    *,
    now: datetime,
) -> None:
    """Write many messages of a topic, all due now, in one go."""
    session.add_all(
        OutboxMessage(
            topic=topic, payload=plain(payload), created_at=now, due_at=now, attempts=0
        )
        for payload in payloads
    )
    session.flush()


def recurring(session: so.Session, topic: str, *, now: datetime) -> bool:
    """Make sure that there is the one message of a duty that comes back.

    Its identifier follows from the topic, so that several runners that start at once
    agree on one row. Returns whether it was made now.
    """
    message_id = uuid5(_RECURRING, topic)
    if session.get(OutboxMessage, message_id) is not None:
        return False
    message = OutboxMessage(
        id=message_id, topic=topic, payload={}, created_at=now, due_at=now, attempts=0
    )
    try:
        with session.begin_nested():
            session.add(message)
    except IntegrityError:
        return False
    return True


def hasten(session: so.Session, topic: str, *, now: datetime) -> None:
    """Let a duty come back at once; one that runs or has just failed is left alone."""
    session.execute(
        sa.update(OutboxMessage)
        .where(
            OutboxMessage.id == uuid5(_RECURRING, topic),
            OutboxMessage.state == OutboxState.WAITING,
            OutboxMessage.leased_until.is_(None),
            OutboxMessage.attempts == 0,
            OutboxMessage.due_at > now,
        )
        .values(due_at=now),
        execution_options={"synchronize_session": False},
    )


def is_due(session: so.Session, now: datetime, message_id: UUID | None = None) -> bool:
    """Tell whether ``claim`` would find something, without locking anything."""
    wanted = _wanted(now, message_id)
    found = session.scalar(sa.select(OutboxMessage.id).where(wanted).limit(1))
    return found is not None


def due(session: so.Session, now: datetime, most: int) -> Sequence[UUID]:
    """Return the messages that ``claim`` would find, due longest first."""
    return session.scalars(
        sa.select(OutboxMessage.id)
        .where(_due(now))
        .order_by(OutboxMessage.due_at, OutboxMessage.id)
        .limit(most)
    ).all()


def _due(now: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(
        OutboxMessage.state == OutboxState.WAITING,
        OutboxMessage.due_at <= now,
        sa.or_(OutboxMessage.leased_until.is_(None), OutboxMessage.leased_until <= now),
    )


def _wanted(now: datetime, message_id: UUID | None) -> sa.ColumnElement[bool]:
    if message_id is None:
        return _due(now)
    return sa.and_(OutboxMessage.id == message_id, _due(now))


def claim(
    session: so.Session,
    now: datetime,
    lease_seconds: int,
    message_id: UUID | None = None,
) -> Claim | None:
    """Take the message that has been due longest, or None.

    Parameters
    ----------
    message_id : UUID, optional
        Take this one or none: it may be done, or in the hands of somebody else.

    Notes
    -----
    The caller commits at once; until ``leased_until`` nobody else gets it. On
    PostgreSQL rows that another runner holds are passed over; on SQLite the
    transaction holds the write lock, so that two runners cannot read the same row.
    """
    message = session.scalar(
        sa.select(OutboxMessage)
        .where(_wanted(now, message_id))
        .order_by(OutboxMessage.due_at, OutboxMessage.id)
        .limit(1)
        .with_for_update(skip_locked=True),
        execution_options={"populate_existing": True},
    )
    if message is None:
        return None
    message.attempts += 1
    message.leased_until = now + timedelta(seconds=lease_seconds)
    session.flush()
    return Claim(message.id, message.topic, dict(message.payload), message.attempts)


def hold(session: so.Session, claim: Claim, now: datetime, lease_seconds: int) -> None:
    """Prolong the lease within the transaction of some work for the message.

    The row stays locked until that transaction ends, and the new lease counts from
    its commit: a long job calls this at the start of each of its transactions and
    can be overtaken in none of them.

    Raises
    ------
    LeaseLost
        The message is not the caller's any more.
    """
    _update(session, claim, leased_until=now + timedelta(seconds=lease_seconds))


def done(session: so.Session, claim: Claim, now: datetime) -> None:
    """Close the message in the transaction of what was done for it.

    Raises
    ------
    LeaseLost
        The message is not the caller's any more.
    """
    _update(
        session,
        claim,
        state=OutboxState.DONE,
        done_at=now,
        leased_until=None,
        last_error="",
    )


def again(session: so.Session, claim: Claim, now: datetime, due_at: datetime) -> None:
    """Put a recurring message back until its next turn.

    Raises
    ------
    LeaseLost
        The message is not the caller's any more.
    """
    _update(
        session,
        claim,
        due_at=due_at,
        done_at=now,
        leased_until=None,
        attempts=0,
        last_error="",
    )


def release(session: so.Session, claim: Claim, now: datetime) -> None:
    """Give a message back untouched, because the runner is asked to stop.

    Raises
    ------
    LeaseLost
        The message is not the caller's any more.
    """
    _update(session, claim, due_at=now, leased_until=None, attempts=claim.attempt - 1)


def failed(
    session: so.Session,
    claim: Claim,
    now: datetime,
    error: str,
    *,
    give_up: bool = True,
    attempts: int = MAX_ATTEMPTS,
) -> OutboxState:
    """Put the message back with a delay that doubles, or give it up with its error.

    Parameters
    ----------
    give_up : bool
        After the last attempt the message is DEAD. A recurring duty is never given
        up.
    attempts : int
        How many attempts there are.

    Raises
    ------
    LeaseLost
        The message is not the caller's any more.
    """
    dead = give_up and claim.attempt >= attempts
    state = OutboxState.DEAD if dead else OutboxState.WAITING
    delay = min(FIRST_DELAY * 2 ** min(claim.attempt - 1, 10), LONGEST_DELAY)
    _update(
        session,
        claim,
        state=state,
        due_at=now + delay,
        leased_until=None,
        last_error=error[-_ERROR_LENGTH:],
    )
    return state


def _update(session: so.Session, claim: Claim, **values: Any) -> None:
    result = session.execute(
        sa.update(OutboxMessage)
        .where(
            OutboxMessage.id == claim.id,
            OutboxMessage.state == OutboxState.WAITING,
            OutboxMessage.attempts == claim.attempt,
            OutboxMessage.leased_until.is_not(None),
        )
        .values(**values),
        execution_options={"synchronize_session": False},
    )
    if cast("sa.CursorResult[tuple[()]]", result).rowcount != 1:
        raise LeaseLost(f"{claim.topic} {claim.id}")


def forget(session: so.Session, now: datetime, *, days: int = KEPT_DAYS) -> int:
    """Remove messages that were done more than ``days`` ago; returns how many."""
    result = session.execute(
        sa.delete(OutboxMessage).where(
            OutboxMessage.state == OutboxState.DONE,
            OutboxMessage.done_at < now - timedelta(days=days),
        )
    )
    return cast("sa.CursorResult[tuple[()]]", result).rowcount


def waiting(session: so.Session, topic: str | None = None) -> int:
    """Count the messages that still wait, of one topic or of all."""
    statement = sa.select(sa.func.count()).where(
        OutboxMessage.state == OutboxState.WAITING
    )
    if topic is not None:
        statement = statement.where(OutboxMessage.topic == topic)
    return session.scalar(statement) or 0
