"""Answers kept for requests that are sent again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import cast

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace.errors import IdempotencyKeyReused
from marketplace.models.idempotency import IdempotentAnswer


def find(
    session: so.Session, caller: str, key: str, request_hash: str
) -> IdempotentAnswer | None:
    """Return the first answer to this request, or None if it is new.

    Raises
    ------
    IdempotencyKeyReused
        The key came with another request.
    """
    answer = session.scalar(
        sa.select(IdempotentAnswer).where(
            IdempotentAnswer.caller == caller, IdempotentAnswer.key == key
        )
    )
    if answer is not None and answer.request_hash != request_hash:
        raise IdempotencyKeyReused
    return answer


def keep(
    session: so.Session,
    *,
    caller: str,
    key: str,
    request_hash: str,
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    now: datetime,
) -> None:
    """Store an answer in the transaction of the change that it tells of."""
    session.add(
        IdempotentAnswer(
            caller=caller,
            key=key,
            request_hash=request_hash,
            status=status,
            headers=dict(headers),
            body=body,
            created_at=now,
        )
    )
    session.flush()


def forget(session: so.Session, now: datetime, *, hours: int) -> int:
    """Remove answers older than ``hours``; returns how many."""
    result = session.execute(
        sa.delete(IdempotentAnswer).where(
            IdempotentAnswer.created_at < now - timedelta(hours=hours)
        )
    )
    return cast("sa.CursorResult[tuple[()]]", result).rowcount
