"""Answers kept for requests that are sent again."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace.models.base import Base, Identified, Json


class IdempotentAnswer(Identified, Base):
    """The first answer to a ``POST`` with an ``Idempotency-Key``.

    It commits in the same transaction as what the request changed, so that a change
    without its answer, or an answer without its change, cannot exist.
    """

    __tablename__ = "idempotent_answers"
    __table_args__ = (
        sa.UniqueConstraint("caller", "key"),
        sa.CheckConstraint("length(key) BETWEEN 1 AND 255", name="key_length"),
    )

    caller: so.Mapped[str] = so.mapped_column(sa.String(64))
    key: so.Mapped[str] = so.mapped_column(sa.String(255))
    request_hash: so.Mapped[str] = so.mapped_column(sa.String(64))
    status: so.Mapped[int]
    headers: so.Mapped[dict[str, Any]] = so.mapped_column(Json)
    body: so.Mapped[bytes] = so.mapped_column(sa.LargeBinary)
    created_at: so.Mapped[datetime]
