"""What people are told, and how they want to hear it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace.domain.messages import (
    DEFAULT_HOUR,
    FIRST_HOUR,
    LAST_HOUR,
    MailMode,
    MailState,
)
from marketplace.models.base import Base, Identified, state_type

_DIGEST = sa.text("mail_state = 'DIGEST'")


class Message(Identified, Base):
    """One person told of one occasion.

    The same occasion (``key``) never tells a person twice, however often it is
    reported.
    """

    __tablename__ = "messages"
    __table_args__ = (
        sa.UniqueConstraint("user_id", "key"),
        sa.CheckConstraint(
            "(mail_state = 'SENT') = (mailed_at IS NOT NULL)", name="sent_has_moment"
        ),
        sa.CheckConstraint("length(key) > 0", name="key_given"),
        sa.Index("ix_messages_user_id_id", "user_id", "id"),
        sa.Index(
            "ix_messages_digest",
            "user_id",
            sqlite_where=_DIGEST,
            postgresql_where=_DIGEST,
        ),
    )

    user_id: so.Mapped[UUID] = so.mapped_column(sa.ForeignKey("users.id"))
    topic: so.Mapped[str] = so.mapped_column(sa.String(40))
    key: so.Mapped[str] = so.mapped_column(sa.String(160))
    template: so.Mapped[str] = so.mapped_column(sa.String(48))
    values: so.Mapped[dict[str, Any]]
    subject_kind: so.Mapped[str] = so.mapped_column(sa.String(20))
    subject_id: so.Mapped[UUID]
    created_at: so.Mapped[datetime]
    read_at: so.Mapped[datetime | None]
    mail_state: so.Mapped[MailState] = so.mapped_column(state_type(MailState))
    mailed_at: so.Mapped[datetime | None]
    mail_error: so.Mapped[str] = so.mapped_column(sa.String(500), default="")
    """Why no mail can reach the person, in the mail server's words."""


class MessagePreference(Base):
    """How a person wants to hear; who has said nothing has no row."""

    __tablename__ = "message_preferences"
    __table_args__ = (
        sa.CheckConstraint(
            f"digest_hour BETWEEN {FIRST_HOUR} AND {LAST_HOUR}", name="hour_of_a_day"
        ),
    )

    user_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("users.id"), primary_key=True
    )
    email: so.Mapped[MailMode] = so.mapped_column(
        state_type(MailMode), default=MailMode.IMMEDIATE
    )
    muted: so.Mapped[list[str]] = so.mapped_column(default=list)
    digest_hour: so.Mapped[int] = so.mapped_column(default=DEFAULT_HOUR)
    digested_on: so.Mapped[date | None]
    """The day of the last digest; kept by the machine, no revision of the person's."""
    updated_at: so.Mapped[datetime]
    revision: so.Mapped[int] = so.mapped_column()

    __mapper_args__ = {"version_id_col": revision}  # noqa: RUF012
