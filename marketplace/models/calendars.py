"""The calendar feeds of people."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace.models.base import Base


class CalendarFeed(Base):
    """The address under which a person's calendar programme reads his dates.

    One a person; the address holds a secret, of which only the hash is kept.
    """

    __tablename__ = "calendar_feeds"
    __table_args__ = (
        sa.UniqueConstraint("token_hash"),
        sa.CheckConstraint("length(token_hash) = 64", name="hash_length"),
    )

    user_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("users.id"), primary_key=True
    )
    token_hash: so.Mapped[str] = so.mapped_column(sa.String(64))
    created_at: so.Mapped[datetime]
