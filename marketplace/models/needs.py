"""Needs 技术需求: an identity with a life cycle, and versions that hold the text."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace.domain.needs import NeedState
from marketplace.models.attachments import Attachment
from marketplace.models.base import Base, Identified, Json, Timestamped, state_type
from marketplace.models.contents import IndicatorColumns, VersionColumns
from marketplace.models.organisations import Organisation


class Need(Identified, Timestamped, Base):
    """A problem that a firm will pay to have solved.

    The working version is what the owner edits and the reviewers judge; the
    published version is what everybody else reads. They are the same row until an
    edit after publication begins the next version.
    """

    __tablename__ = "needs"
    __table_args__ = (
        sa.CheckConstraint(
            "state NOT IN ('POOLED','CALLED','DOCKING','CONTRACTED','SOLVED',"
            "'EXPIRED') OR published_version_id IS NOT NULL",
            name="published_has_version",
        ),
        sa.CheckConstraint(
            "state <> 'DRAFT' OR released = false", name="draft_not_released"
        ),
        sa.Index(
            "ix_needs_paused",
            "paused_at",
            sqlite_where=sa.text("paused_at IS NOT NULL"),
            postgresql_where=sa.text("paused_at IS NOT NULL"),
        ),
        sa.Index("ix_needs_state_id", "state", "id"),
        sa.Index("ix_needs_state_valid_until", "state", "valid_until"),
    )

    need_no: so.Mapped[str] = so.mapped_column(sa.String(32), unique=True)
    owner_org_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("organisations.id"), index=True
    )
    created_by: so.Mapped[UUID | None] = so.mapped_column(sa.ForeignKey("users.id"))
    state: so.Mapped[NeedState] = so.mapped_column(state_type(NeedState))
    working_version_id: so.Mapped[UUID | None] = so.mapped_column(
        sa.ForeignKey("need_versions.id", use_alter=True), unique=True
    )
    published_version_id: so.Mapped[UUID | None] = so.mapped_column(
        sa.ForeignKey("need_versions.id", use_alter=True), unique=True
    )
    released: so.Mapped[bool] = so.mapped_column(
        default=False, server_default=sa.false()
    )
    """The working text has left its unit, so that reviewers read it."""
    valid_until: so.Mapped[date | None] = so.mapped_column(index=True)
    """Last day in the library; the published version's, or a renewal's."""
    published_at: so.Mapped[datetime | None]
    paused_at: so.Mapped[datetime | None]
    """Since when it rests because requests were left unanswered 暂停推荐."""
    resumed_at: so.Mapped[datetime | None]
    """When its owner last brought it back."""
    opinions: so.Mapped[dict[str, Any]] = so.mapped_column(Json, default=dict)
    """Latest opinion of each reviewing step 审核意见, and comments on fields."""
    revision: so.Mapped[int] = so.mapped_column()

    owner_org: so.Mapped[Organisation] = so.relationship(lazy="raise")
    working: so.Mapped[NeedVersion] = so.relationship(
        lazy="raise", foreign_keys=[working_version_id]
    )
    published: so.Mapped[NeedVersion | None] = so.relationship(
        lazy="raise", foreign_keys=[published_version_id]
    )

    __mapper_args__ = {"version_id_col": revision}  # noqa: RUF012


class NeedVersion(VersionColumns, Base):
    """The text of a need at one time."""

    __tablename__ = "need_versions"
    __table_args__ = (
        sa.UniqueConstraint("need_id", "number"),
        sa.CheckConstraint("number >= 1", name="number_from_one"),
        sa.CheckConstraint("length(title) BETWEEN 1 AND 80", name="title_length"),
        sa.CheckConstraint(
            "budget_total_yuan >= 0 AND budget_to_bidder_yuan >= 0",
            name="budget_not_negative",
        ),
        sa.CheckConstraint(
            "budget_to_bidder_yuan IS NULL OR budget_total_yuan IS NULL"
            " OR budget_to_bidder_yuan <= budget_total_yuan",
            name="bidder_share_within_total",
        ),
        sa.CheckConstraint(
            "period_end IS NULL OR period_start IS NULL OR period_end >= period_start",
            name="period",
        ),
    )

    need_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("needs.id", ondelete="CASCADE")
    )
    problem: so.Mapped[str] = so.mapped_column(sa.Text, default="")
    key_technology: so.Mapped[str] = so.mapped_column(sa.Text, default="")
    expected_goal: so.Mapped[str] = so.mapped_column(sa.Text, default="")
    research_content: so.Mapped[str] = so.mapped_column(sa.Text, default="")
    background: so.Mapped[str] = so.mapped_column(sa.Text, default="")
    discipline: so.Mapped[str | None] = so.mapped_column(sa.String(40))
    activity_type: so.Mapped[str | None] = so.mapped_column(sa.String(40))
    ten_strong: so.Mapped[str | None] = so.mapped_column(sa.String(40))
    foundation: so.Mapped[str | None] = so.mapped_column(sa.String(40))
    future_tag: so.Mapped[str | None] = so.mapped_column(sa.String(40))
    solve_mode: so.Mapped[str | None] = so.mapped_column(sa.String(40))
    budget_total_yuan: so.Mapped[Decimal | None]
    budget_negotiable: so.Mapped[bool] = so.mapped_column(default=False)
    budget_to_bidder_yuan: so.Mapped[Decimal | None]
    period_start: so.Mapped[date | None]
    period_end: so.Mapped[date | None]
    ip_owner: so.Mapped[str | None] = so.mapped_column(sa.String(40))
    ip_arrangement: so.Mapped[str] = so.mapped_column(sa.Text, default="")
    bidder_conditions: so.Mapped[str] = so.mapped_column(sa.Text, default="")
    intended_experts: so.Mapped[list[str]] = so.mapped_column(default=list)
    valid_until: so.Mapped[date | None]
    source_channel: so.Mapped[str | None] = so.mapped_column(sa.String(40))

    indicators: so.Mapped[list[NeedIndicator]] = so.relationship(
        lazy="raise", cascade="all, delete-orphan", order_by="NeedIndicator.position"
    )
    intended_units: so.Mapped[list[NeedIntendedUnit]] = so.relationship(
        lazy="raise", cascade="all, delete-orphan", order_by="NeedIntendedUnit.position"
    )
    attachments: so.Mapped[list[NeedAttachment]] = so.relationship(
        lazy="raise", cascade="all, delete-orphan", order_by="NeedAttachment.position"
    )


class NeedIndicator(IndicatorColumns, Base):
    """An indicator that an answer has to reach."""

    __tablename__ = "need_indicators"

    version_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("need_versions.id", ondelete="CASCADE"), index=True
    )


class NeedIntendedUnit(Identified, Base):
    """A unit that the firm has in mind 意向合作单位; the targets of a targeted need."""

    __tablename__ = "need_intended_units"
    __table_args__ = (
        sa.CheckConstraint("org_id IS NOT NULL OR length(name) > 0", name="someone"),
    )

    version_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("need_versions.id", ondelete="CASCADE"), index=True
    )
    position: so.Mapped[int]
    org_id: so.Mapped[UUID | None] = so.mapped_column(
        sa.ForeignKey("organisations.id"), index=True
    )
    name: so.Mapped[str] = so.mapped_column(sa.String(120), default="")


class NeedAttachment(Identified, Base):
    """A file that belongs to a version of a need."""

    __tablename__ = "need_attachments"
    __table_args__ = (sa.UniqueConstraint("version_id", "attachment_id"),)

    version_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("need_versions.id", ondelete="CASCADE")
    )
    position: so.Mapped[int]
    attachment_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("attachments.id"), index=True
    )
    attachment: so.Mapped[Attachment] = so.relationship(lazy="raise")


class SerialNumber(Base):
    """The last human number given in a series, for example needs of 2026 in 3702."""

    __tablename__ = "serial_numbers"
    __table_args__ = (sa.CheckConstraint("last >= 0", name="not_negative"),)

    series: so.Mapped[str] = so.mapped_column(sa.String(40), primary_key=True)
    last: so.Mapped[int]
