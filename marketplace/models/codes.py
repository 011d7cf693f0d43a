"""Versioned code lists 代码表 and the working-day calendar."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace.models.base import Base, Identified, Json


class CodeList(Base):
    """One list, for example the signature chains of Shandong."""

    __tablename__ = "code_lists"

    list_id: so.Mapped[str] = so.mapped_column(sa.String(40), primary_key=True)
    title_zh: so.Mapped[str] = so.mapped_column(sa.String(120))
    title_en: so.Mapped[str] = so.mapped_column(sa.String(120))
    owner_region: so.Mapped[str] = so.mapped_column(sa.String(6), default="")
    source: so.Mapped[str] = so.mapped_column(sa.Text, default="")


class CodeListVersion(Identified, Base):
    """A version of a list with the dates on which it holds."""

    __tablename__ = "code_list_versions"
    __table_args__ = (
        sa.UniqueConstraint("list_id", "version"),
        sa.CheckConstraint("valid_to IS NULL OR valid_to >= valid_from", name="dates"),
        sa.CheckConstraint("certainty IN ('V','P','R','X')", name="certainty_known"),
    )

    list_id: so.Mapped[str] = so.mapped_column(sa.ForeignKey("code_lists.list_id"))
    version: so.Mapped[str] = so.mapped_column(sa.String(20))
    valid_from: so.Mapped[date]
    valid_to: so.Mapped[date | None]
    certainty: so.Mapped[str] = so.mapped_column(sa.String(1))
    source: so.Mapped[str] = so.mapped_column(sa.Text, default="")
    note: so.Mapped[str] = so.mapped_column(sa.Text, default="")


class Code(Identified, Base):
    """One entry of one version of a list."""

    __tablename__ = "codes"
    __table_args__ = (
        sa.UniqueConstraint("version_id", "code"),
        sa.CheckConstraint(
            "valid_to IS NULL OR valid_from IS NULL OR valid_to >= valid_from",
            name="dates",
        ),
    )

    version_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("code_list_versions.id", ondelete="CASCADE")
    )
    code: so.Mapped[str] = so.mapped_column(sa.String(40))
    zh: so.Mapped[str] = so.mapped_column(sa.String(200))
    en: so.Mapped[str] = so.mapped_column(sa.String(200), default="")
    parent: so.Mapped[str | None] = so.mapped_column(sa.String(40))
    position: so.Mapped[int]
    valid_from: so.Mapped[date | None]
    valid_to: so.Mapped[date | None]
    certainty: so.Mapped[str] = so.mapped_column(sa.String(1))
    note: so.Mapped[str] = so.mapped_column(sa.Text, default="")
    attributes: so.Mapped[dict[str, Any]] = so.mapped_column(Json, default=dict)


class CalendarDay(Base):
    """A day on which work and rest differ from the weekday's rule."""

    __tablename__ = "calendar_days"

    day: so.Mapped[date] = so.mapped_column(primary_key=True)
    working: so.Mapped[bool]


class CalendarYear(Base):
    """A year whose holidays are known."""

    __tablename__ = "calendar_years"

    year: so.Mapped[int] = so.mapped_column(primary_key=True, autoincrement=False)
    source: so.Mapped[str] = so.mapped_column(sa.Text)
