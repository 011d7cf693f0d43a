"""Statistical reports 统计报表 that were issued: frozen, each with its digest."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace.models.base import Base, Identified, Json


class IssuedReport(Identified, Base):
    """A report as it went out. Never changed or removed, not even by the database.

    What is found out later stands in the next one, with a note.
    """

    __tablename__ = "issued_reports"
    __table_args__ = (
        sa.UniqueConstraint("kind", "region", "period", "org_key", "revision"),
        sa.CheckConstraint(
            "kind IN ('monthly-bulletin','quarterly-rank','half-year','year',"
            "'conversion')",
            name="kind_known",
        ),
        sa.CheckConstraint("revision >= 1", name="revision_from_one"),
        sa.CheckConstraint("length(digest) = 64", name="digest_length"),
        sa.CheckConstraint("as_of <= issued_at", name="not_of_the_future"),
        sa.CheckConstraint(
            "(kind = 'conversion') = (org_id IS NOT NULL)", name="conversion_of_unit"
        ),
        sa.Index("ix_issued_reports_kind_region", "kind", "region", "issued_at"),
    )

    kind: so.Mapped[str] = so.mapped_column(sa.String(20))
    period: so.Mapped[str] = so.mapped_column(sa.String(24))
    region: so.Mapped[str] = so.mapped_column(sa.String(6), default="")
    org_id: so.Mapped[UUID | None] = so.mapped_column(
        sa.ForeignKey("organisations.id"), index=True
    )
    """The university of a conversion report."""
    org_key: so.Mapped[str] = so.mapped_column(sa.String(36), default="")
    """Its identifier as text, empty for the others, so that one revision is one."""
    number: so.Mapped[str] = so.mapped_column(sa.String(40), unique=True)
    as_of: so.Mapped[datetime]
    issued_at: so.Mapped[datetime]
    issued_by: so.Mapped[UUID | None] = so.mapped_column(sa.ForeignKey("users.id"))
    revision: so.Mapped[int]
    """From 1; a period reported again gets the next one."""
    content: so.Mapped[dict[str, Any]] = so.mapped_column(Json)
    digest: so.Mapped[str] = so.mapped_column(sa.String(64))
    """SHA-256 over the content as canonical JSON."""
    note: so.Mapped[str] = so.mapped_column(sa.Text, default="")
    """What has changed since the issue before, in words."""
