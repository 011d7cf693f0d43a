"""Files that belong to an object; the bytes lie in the file store by their digest."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace.models.base import Base, Identified


class Attachment(Identified, Base):
    """One uploaded file: its name for people, its SHA-256 for the store."""

    __tablename__ = "attachments"
    __table_args__ = (
        sa.CheckConstraint("size > 0", name="not_empty"),
        sa.CheckConstraint("length(digest) = 64", name="digest_length"),
    )

    org_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("organisations.id"), index=True
    )
    uploaded_by: so.Mapped[UUID | None] = so.mapped_column(sa.ForeignKey("users.id"))
    filename: so.Mapped[str] = so.mapped_column(sa.String(255))
    media_type: so.Mapped[str] = so.mapped_column(sa.String(100))
    size: so.Mapped[int] = so.mapped_column(sa.BigInteger)
    digest: so.Mapped[str] = so.mapped_column(sa.String(64), index=True)
    created_at: so.Mapped[datetime]
