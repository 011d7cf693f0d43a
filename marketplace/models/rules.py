"""Rules that differ by place or year, as data with dates."""

from __future__ import annotations

from datetime import date
from typing import Any

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace.models.base import Base, Identified, Json


class Rule(Identified, Base):
    """One value of one rule, for a region and a span of dates.

    ``mark`` is the certainty of the domain reference: L, L?, D, G, O, P, S, U, X.
    """

    __tablename__ = "rules"
    __table_args__ = (
        sa.UniqueConstraint("key", "region", "valid_from"),
        sa.CheckConstraint("valid_to IS NULL OR valid_to >= valid_from", name="dates"),
    )

    key: so.Mapped[str] = so.mapped_column(sa.String(80))
    region: so.Mapped[str] = so.mapped_column(sa.String(6), default="")
    valid_from: so.Mapped[date]
    valid_to: so.Mapped[date | None]
    value: so.Mapped[dict[str, Any]] = so.mapped_column(Json)
    mark: so.Mapped[str] = so.mapped_column(sa.String(2))
    source: so.Mapped[str] = so.mapped_column(sa.Text)
