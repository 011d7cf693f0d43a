"""Offers: results 科技成果 and capabilities 科研能力, with versions and rights."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace.domain.offers import OfferKind, OfferState
from marketplace.models.attachments import Attachment
from marketplace.models.base import Base, Identified, Json, Timestamped, state_type
from marketplace.models.contents import IndicatorColumns, VersionColumns
from marketplace.models.organisations import Organisation, Team


class Offer(Identified, Timestamped, Base):
    """What a unit has or can do, on the market."""

    __tablename__ = "offers"
    __table_args__ = (
        sa.CheckConstraint(
            "state NOT IN ('LISTED','TRIAL','PRICING','CONVERTED')"
            " OR published_version_id IS NOT NULL",
            name="published_has_version",
        ),
        sa.CheckConstraint(
            "state <> 'DRAFT' OR released = false", name="draft_not_released"
        ),
        sa.Index(
            "ix_offers_paused",
            "paused_at",
            sqlite_where=sa.text("paused_at IS NOT NULL"),
            postgresql_where=sa.text("paused_at IS NOT NULL"),
        ),
        sa.Index("ix_offers_state_id", "state", "id"),
    )

    ach_no: so.Mapped[str] = so.mapped_column(sa.String(32), unique=True)
    reg_no: so.Mapped[str | None] = so.mapped_column(sa.String(32), unique=True)
    kind: so.Mapped[OfferKind] = so.mapped_column(state_type(OfferKind))
    owner_org_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("organisations.id"), index=True
    )
    created_by: so.Mapped[UUID | None] = so.mapped_column(sa.ForeignKey("users.id"))
    state: so.Mapped[OfferState] = so.mapped_column(state_type(OfferState))
    working_version_id: so.Mapped[UUID | None] = so.mapped_column(
        sa.ForeignKey("offer_versions.id", use_alter=True), unique=True
    )
    published_version_id: so.Mapped[UUID | None] = so.mapped_column(
        sa.ForeignKey("offer_versions.id", use_alter=True), unique=True
    )
    released: so.Mapped[bool] = so.mapped_column(
        default=False, server_default=sa.false()
    )
    """The working text has left its unit, so that operators read it."""
    published_at: so.Mapped[datetime | None]
    paused_at: so.Mapped[datetime | None]
    """Since when it rests because requests were left unanswered 暂停推荐."""
    resumed_at: so.Mapped[datetime | None]
    """When its owner last brought it back."""
    opinions: so.Mapped[dict[str, Any]] = so.mapped_column(Json, default=dict)
    revision: so.Mapped[int] = so.mapped_column()

    owner_org: so.Mapped[Organisation] = so.relationship(lazy="raise")
    working: so.Mapped[OfferVersion] = so.relationship(
        lazy="raise", foreign_keys=[working_version_id]
    )
    published: so.Mapped[OfferVersion | None] = so.relationship(
        lazy="raise", foreign_keys=[published_version_id]
    )

    __mapper_args__ = {"version_id_col": revision}  # noqa: RUF012


class OfferVersion(VersionColumns, Base):
    """The text of an offer at one time."""

    __tablename__ = "offer_versions"
    __table_args__ = (
        sa.UniqueConstraint("offer_id", "number"),
        sa.CheckConstraint("number >= 1", name="number_from_one"),
        sa.CheckConstraint("length(title) BETWEEN 1 AND 100", name="title_length"),
        sa.CheckConstraint("price_expect_yuan >= 0", name="price_not_negative"),
        sa.CheckConstraint(
            "(maturity_level IS NULL) = (maturity_scale IS NULL)",
            name="maturity_has_scale",
        ),
    )

    offer_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("offers.id", ondelete="CASCADE")
    )
    team_id: so.Mapped[UUID | None] = so.mapped_column(sa.ForeignKey("teams.id"))
    abstract: so.Mapped[str] = so.mapped_column(sa.Text, default="")
    innovations: so.Mapped[list[str]] = so.mapped_column(default=list)
    category: so.Mapped[str | None] = so.mapped_column(sa.String(40))
    nature: so.Mapped[str | None] = so.mapped_column(sa.String(40))
    form: so.Mapped[str | None] = so.mapped_column(sa.String(40))
    period_from: so.Mapped[date | None]
    period_to: so.Mapped[date | None]
    source_plan: so.Mapped[str | None] = so.mapped_column(sa.String(40))
    project_no: so.Mapped[str] = so.mapped_column(sa.String(60), default="")
    evaluation_mode: so.Mapped[str | None] = so.mapped_column(sa.String(40))
    evaluation_body: so.Mapped[str] = so.mapped_column(sa.String(120), default="")
    evaluated_on: so.Mapped[date | None]
    level: so.Mapped[str | None] = so.mapped_column(sa.String(40))
    secrecy: so.Mapped[str | None] = so.mapped_column(sa.String(40))
    maturity_scale: so.Mapped[str | None] = so.mapped_column(sa.String(40))
    maturity_level: so.Mapped[int | None]
    maturity_evidence: so.Mapped[str] = so.mapped_column(sa.Text, default="")
    stage: so.Mapped[str | None] = so.mapped_column(sa.String(40))
    application_state: so.Mapped[str | None] = so.mapped_column(sa.String(40))
    conversion_mode: so.Mapped[list[str]] = so.mapped_column(default=list)
    trial_mode: so.Mapped[str | None] = so.mapped_column(sa.String(40))
    price_mode: so.Mapped[str | None] = so.mapped_column(sa.String(40))
    price_expect_yuan: so.Mapped[Decimal | None]
    empowerment: so.Mapped[str | None] = so.mapped_column(sa.String(40))
    licence_years: so.Mapped[int | None]
    five_values: so.Mapped[dict[str, Any]] = so.mapped_column(Json, default=dict)
    prospects: so.Mapped[str] = so.mapped_column(sa.Text, default="")
    team_intro: so.Mapped[str] = so.mapped_column(sa.Text, default="")
    completers: so.Mapped[list[str]] = so.mapped_column(default=list)
    co_owners: so.Mapped[list[str]] = so.mapped_column(default=list)
    equipment: so.Mapped[list[str]] = so.mapped_column(default=list)
    track_record: so.Mapped[str] = so.mapped_column(sa.Text, default="")

    team: so.Mapped[Team | None] = so.relationship(lazy="raise")
    indicators: so.Mapped[list[OfferIndicator]] = so.relationship(
        lazy="raise", cascade="all, delete-orphan", order_by="OfferIndicator.position"
    )
    ip: so.Mapped[list[OfferRight]] = so.relationship(
        lazy="raise", cascade="all, delete-orphan", order_by="OfferRight.position"
    )
    attachments: so.Mapped[list[OfferAttachment]] = so.relationship(
        lazy="raise", cascade="all, delete-orphan", order_by="OfferAttachment.position"
    )


class OfferIndicator(IndicatorColumns, Base):
    """An indicator that the offer reaches."""

    __tablename__ = "offer_indicators"

    version_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("offer_versions.id", ondelete="CASCADE"), index=True
    )


class OfferRight(Identified, Base):
    """Intellectual property 知识产权 that goes with an offer (Civil Code 845)."""

    __tablename__ = "offer_rights"

    version_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("offer_versions.id", ondelete="CASCADE"), index=True
    )
    position: so.Mapped[int]
    kind: so.Mapped[str] = so.mapped_column(sa.String(40))
    number: so.Mapped[str] = so.mapped_column(sa.String(60), default="")
    title: so.Mapped[str] = so.mapped_column(sa.String(200), default="")
    owner: so.Mapped[str] = so.mapped_column(sa.String(200), default="")
    filed_on: so.Mapped[date | None]
    granted_on: so.Mapped[date | None]
    expires_on: so.Mapped[date | None]
    legal_status: so.Mapped[str | None] = so.mapped_column(sa.String(40))


class OfferAttachment(Identified, Base):
    """A file that belongs to a version of an offer."""

    __tablename__ = "offer_attachments"
    __table_args__ = (sa.UniqueConstraint("version_id", "attachment_id"),)

    version_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("offer_versions.id", ondelete="CASCADE")
    )
    position: so.Mapped[int]
    attachment_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("attachments.id"), index=True
    )
    attachment: so.Mapped[Attachment] = so.relationship(lazy="raise")
