"""The ledger: every change, append-only, each entry chained to the one before."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace.models.base import Base, Identified, Json


class Event(Identified, Base):
    """What happened: who did what to which object, from what to what.

    ``subject_kind`` and ``subject_id`` name the object without a foreign key, since
    the ledger outlives what it tells of.
    """

    __tablename__ = "events"
    __table_args__ = (
        sa.Index("ix_events_subject", "subject_kind", "subject_id", "at"),
        sa.Index("ix_events_kind_state", "subject_kind", "to_state", "at"),
        sa.CheckConstraint("length(action) > 0", name="action_given"),
    )

    at: so.Mapped[datetime]
    actor_id: so.Mapped[UUID | None]
    actor_role: so.Mapped[str] = so.mapped_column(sa.String(32))
    actor_org_id: so.Mapped[UUID | None]
    subject_kind: so.Mapped[str] = so.mapped_column(sa.String(32))
    subject_id: so.Mapped[UUID]
    action: so.Mapped[str] = so.mapped_column(sa.String(64))
    from_state: so.Mapped[str | None] = so.mapped_column(sa.String(32))
    to_state: so.Mapped[str | None] = so.mapped_column(sa.String(32))
    comment: so.Mapped[str] = so.mapped_column(sa.Text, default="")
    changes: so.Mapped[dict[str, Any]] = so.mapped_column(Json, default=dict)
    request_id: so.Mapped[str] = so.mapped_column(sa.String(64), default="")


class LedgerEntry(Base):
    """The place of an event in the chain, given when its transaction commits."""

    __tablename__ = "ledger_entries"

    seq: so.Mapped[int] = so.mapped_column(
        sa.BigInteger().with_variant(sa.Integer, "sqlite"),
        primary_key=True,
        autoincrement=False,
    )
    event_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("events.id"), unique=True
    )
    subject_kind: so.Mapped[str] = so.mapped_column(sa.String(32))
    subject_id: so.Mapped[UUID]
    previous_hash: so.Mapped[str] = so.mapped_column(sa.String(64), unique=True)
    hash: so.Mapped[str] = so.mapped_column(sa.String(64), unique=True)


class LedgerHead(Base):
    """The end of the chain: one row, locked while a transaction appends."""

    __tablename__ = "ledger_head"
    __table_args__ = (sa.CheckConstraint("id = 1", name="only_one"),)

    id: so.Mapped[int] = so.mapped_column(primary_key=True, autoincrement=False)
    seq: so.Mapped[int] = so.mapped_column(sa.BigInteger)
    hash: so.Mapped[str] = so.mapped_column(sa.String(64))
