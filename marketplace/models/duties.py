"""What somebody owes, and by when: the work queue's rows."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace.domain.roles import Role
from marketplace.models.base import Base, Identified, state_type


class Duty(Identified, Base):
    """One thing that waits on somebody: a unit, an office, or a person.

    ``org_id`` means the members of a unit who have one of the ``roles``; without it
    the duty is for everybody with the role, within ``region`` if one is given.
    """

    __tablename__ = "duties"
    __table_args__ = (
        sa.Index(
            "uq_duties_open",
            "subject_kind",
            "subject_id",
            "step",
            "addressee",
            unique=True,
            sqlite_where=sa.text("closed_at IS NULL"),
            postgresql_where=sa.text("closed_at IS NULL"),
        ),
        sa.Index("ix_duties_open_due", "closed_at", "due_on", "id"),
        sa.Index("ix_duties_org", "org_id", "closed_at"),
    )

    subject_kind: so.Mapped[str] = so.mapped_column(sa.String(20))
    subject_id: so.Mapped[UUID]
    title: so.Mapped[str] = so.mapped_column(sa.String(200), default="")
    """What the object is called, as those who owe it may know it."""
    number: so.Mapped[str] = so.mapped_column(sa.String(32), default="")
    step: so.Mapped[str] = so.mapped_column(sa.String(40))
    addressee: so.Mapped[str] = so.mapped_column(sa.String(80))
    """Who owes it, in one word, so that nobody owes the same thing twice."""
    org_id: so.Mapped[UUID | None] = so.mapped_column(sa.ForeignKey("organisations.id"))
    user_id: so.Mapped[UUID | None] = so.mapped_column(
        sa.ForeignKey("users.id"), index=True
    )
    role: so.Mapped[Role | None] = so.mapped_column(state_type(Role))
    region: so.Mapped[str] = so.mapped_column(sa.String(6), default="")
    opened_at: so.Mapped[datetime]
    due_on: so.Mapped[date]
    """The promised day; late from the day after."""
    remind_on: so.Mapped[date]
    reminded_at: so.Mapped[datetime | None]
    escalated_at: so.Mapped[datetime | None]
    closed_at: so.Mapped[datetime | None]
    outcome: so.Mapped[str] = so.mapped_column(sa.String(20), default="")
    """done, expired or dropped."""
