"""What people say of matches."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace.models.base import Base, Identified, Json


class MatchFeedback(Identified, Base):
    """One judgement on one pair by one person, the last one counts.

    ``shown`` keeps what the person says he saw (rank, score, versions), and under
    ``compared`` the parts as the engine gave them at that moment, hidden ones too, so
    that the score can be learned from later. It is never handed out.
    """

    __tablename__ = "match_feedback"
    __table_args__ = (
        sa.UniqueConstraint("need_id", "offer_id", "user_id"),
        sa.CheckConstraint(
            "verdict IN ('useful','irrelevant','already-working')", name="verdict_known"
        ),
    )

    need_id: so.Mapped[UUID] = so.mapped_column(sa.ForeignKey("needs.id"))
    offer_id: so.Mapped[UUID] = so.mapped_column(sa.ForeignKey("offers.id"), index=True)
    user_id: so.Mapped[UUID] = so.mapped_column(sa.ForeignKey("users.id"))
    org_id: so.Mapped[UUID | None] = so.mapped_column(sa.ForeignKey("organisations.id"))
    verdict: so.Mapped[str] = so.mapped_column(sa.String(20))
    reason: so.Mapped[str | None] = so.mapped_column(sa.String(40))
    comment: so.Mapped[str] = so.mapped_column(sa.String(500), default="")
    shown: so.Mapped[dict[str, Any]] = so.mapped_column(Json, default=dict)
    created_at: so.Mapped[datetime]
    updated_at: so.Mapped[datetime]
