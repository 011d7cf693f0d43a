"""Dockings 对接: the pair as it was shown, agreements, proposals, meetings, trials."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace.domain.dockings import DockingSide, DockingState, TrialState
from marketplace.models.base import Base, Identified, Json, Timestamped, state_type
from marketplace.models.duties import Duty
from marketplace.models.needs import Need
from marketplace.models.offers import Offer
from marketplace.models.organisations import Organisation

if TYPE_CHECKING:
    from marketplace.models.contracts import Contract


class Docking(Identified, Timestamped, Base):
    """One need and one offer whose owners have begun to talk, or were asked to."""

    __tablename__ = "dockings"
    __table_args__ = (
        sa.CheckConstraint("need_org_id <> offer_org_id", name="two_sides"),
        sa.CheckConstraint(
            "(state = 'LOST') = (lost_reason IS NOT NULL)", name="lost_has_reason"
        ),
        sa.Index(
            "uq_dockings_open_pair",
            "need_id",
            "offer_id",
            unique=True,
            sqlite_where=sa.text("state NOT IN ('LOST')"),
            postgresql_where=sa.text("state NOT IN ('LOST')"),
        ),
        sa.Index("ix_dockings_state_id", "state", "id"),
    )

    docking_no: so.Mapped[str] = so.mapped_column(sa.String(32), unique=True)
    need_id: so.Mapped[UUID] = so.mapped_column(sa.ForeignKey("needs.id"), index=True)
    offer_id: so.Mapped[UUID] = so.mapped_column(sa.ForeignKey("offers.id"), index=True)
    need_org_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("organisations.id"), index=True
    )
    offer_org_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("organisations.id"), index=True
    )
    broker_id: so.Mapped[UUID | None] = so.mapped_column(
        sa.ForeignKey("users.id"), index=True
    )
    broker_org_id: so.Mapped[UUID | None] = so.mapped_column(
        sa.ForeignKey("organisations.id")
    )
    opened_by: so.Mapped[UUID | None] = so.mapped_column(sa.ForeignKey("users.id"))
    opened_side: so.Mapped[DockingSide] = so.mapped_column(
        state_type(DockingSide, "opened_side_known")
    )
    message: so.Mapped[str] = so.mapped_column(sa.String(1000), default="")
    match: so.Mapped[dict[str, Any]] = so.mapped_column(Json, default=dict)
    """The pair as it was shown: version, parts, reasons; empty if it was not ranked."""
    state: so.Mapped[DockingState] = so.mapped_column(state_type(DockingState))
    interested: so.Mapped[list[str]] = so.mapped_column(default=list)
    """Sides that have said yes."""
    moved_side: so.Mapped[DockingSide | None] = so.mapped_column(
        state_type(DockingSide, "moved_side_known")
    )
    """The side that moved last, so that the other one owes the answer."""
    nda_number: so.Mapped[int | None]
    """The version of the agreement that holds."""
    intent: so.Mapped[dict[str, Any]] = so.mapped_column(Json, default=dict)
    """The terms that both have accepted."""
    intent_amount_yuan: so.Mapped[Decimal | None]
    intent_signed_on: so.Mapped[date | None]
    contract_id: so.Mapped[UUID | None] = so.mapped_column(
        sa.ForeignKey("contracts.id", use_alter=True)
    )
    lost_reason: so.Mapped[str | None] = so.mapped_column(sa.String(40))
    lost_comment: so.Mapped[str] = so.mapped_column(sa.String(2000), default="")
    lost_side: so.Mapped[DockingSide | None] = so.mapped_column(
        state_type(DockingSide, "lost_side_known")
    )
    revision: so.Mapped[int] = so.mapped_column()

    need: so.Mapped[Need] = so.relationship(lazy="raise")
    offer: so.Mapped[Offer] = so.relationship(lazy="raise")
    need_org: so.Mapped[Organisation] = so.relationship(
        lazy="raise", foreign_keys=[need_org_id]
    )
    offer_org: so.Mapped[Organisation] = so.relationship(
        lazy="raise", foreign_keys=[offer_org_id]
    )

    ndas: so.Mapped[list[DockingNda]] = so.relationship(
        lazy="raise", order_by="DockingNda.number", passive_deletes=True
    )
    proposals: so.Mapped[list[DockingProposal]] = so.relationship(
        lazy="raise", order_by="DockingProposal.number", passive_deletes=True
    )
    owed: so.Mapped[list[Duty]] = so.relationship(
        lazy="raise",
        viewonly=True,
        primaryjoin=lambda: sa.and_(
            so.foreign(Duty.subject_id) == Docking.id,
            Duty.subject_kind == "docking",
            Duty.closed_at.is_(None),
        ),
    )
    contracts: so.Mapped[list[Contract]] = so.relationship(
        lazy="raise",
        viewonly=True,
        primaryjoin="foreign(Contract.docking_id) == Docking.id",
    )

    __mapper_args__ = {"version_id_col": revision}  # noqa: RUF012


class DockingNda(Identified, Base):
    """A version of the non-disclosure agreement of a docking: a text or a file."""

    __tablename__ = "docking_ndas"
    __table_args__ = (
        sa.UniqueConstraint("docking_id", "number"),
        sa.CheckConstraint(
            "length(text) > 0 OR attachment_id IS NOT NULL", name="says_something"
        ),
    )

    docking_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("dockings.id", ondelete="CASCADE")
    )
    number: so.Mapped[int]
    text: so.Mapped[str] = so.mapped_column(sa.Text, default="")
    attachment_id: so.Mapped[UUID | None] = so.mapped_column(
        sa.ForeignKey("attachments.id")
    )
    digest: so.Mapped[str] = so.mapped_column(sa.String(64))
    proposed_side: so.Mapped[DockingSide] = so.mapped_column(state_type(DockingSide))
    proposed_by: so.Mapped[UUID | None] = so.mapped_column(sa.ForeignKey("users.id"))
    proposed_at: so.Mapped[datetime]


class NdaAcceptance(Identified, Base):
    """One person's acceptance of one version of an agreement."""

    __tablename__ = "nda_acceptances"
    __table_args__ = (sa.UniqueConstraint("docking_id", "number", "user_id"),)

    docking_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("dockings.id", ondelete="CASCADE")
    )
    number: so.Mapped[int]
    user_id: so.Mapped[UUID] = so.mapped_column(sa.ForeignKey("users.id"), index=True)
    org_id: so.Mapped[UUID] = so.mapped_column(sa.ForeignKey("organisations.id"))
    side: so.Mapped[DockingSide] = so.mapped_column(state_type(DockingSide))
    accepted_at: so.Mapped[datetime]


class DockingProposal(Identified, Base):
    """Terms that one side proposes; the last that both accept is the intent."""

    __tablename__ = "docking_proposals"
    __table_args__ = (sa.UniqueConstraint("docking_id", "number"),)

    docking_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("dockings.id", ondelete="CASCADE")
    )
    number: so.Mapped[int]
    side: so.Mapped[DockingSide] = so.mapped_column(state_type(DockingSide))
    proposed_by: so.Mapped[UUID | None] = so.mapped_column(sa.ForeignKey("users.id"))
    proposed_at: so.Mapped[datetime]
    terms: so.Mapped[dict[str, Any]] = so.mapped_column(Json)
    accepted_at: so.Mapped[datetime | None]
    accepted_by: so.Mapped[UUID | None] = so.mapped_column(sa.ForeignKey("users.id"))


class DockingMeeting(Identified, Base):
    """A meeting that was held or is planned; entries are added, never changed."""

    __tablename__ = "docking_meetings"
    __table_args__ = (
        sa.CheckConstraint("ends_at > starts_at", name="ends_after_start"),
    )

    docking_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("dockings.id", ondelete="CASCADE"), index=True
    )
    logged_at: so.Mapped[datetime]
    logged_by: so.Mapped[UUID | None] = so.mapped_column(sa.ForeignKey("users.id"))
    side: so.Mapped[DockingSide] = so.mapped_column(state_type(DockingSide))
    starts_at: so.Mapped[datetime]
    ends_at: so.Mapped[datetime]
    place: so.Mapped[str] = so.mapped_column(sa.String(200), default="")
    is_online: so.Mapped[bool] = so.mapped_column(default=False)
    participants: so.Mapped[list[str]] = so.mapped_column(default=list)
    content: so.Mapped[str] = so.mapped_column(sa.String(4000), default="")
    next_step: so.Mapped[str] = so.mapped_column(sa.String(500), default="")
    next_side: so.Mapped[DockingSide | None] = so.mapped_column(
        state_type(DockingSide, "next_side_known")
    )
    next_on: so.Mapped[date | None]


class TrialLicence(Identified, Timestamped, Base):
    """Use first, convert later 先用后转: on which terms, and what came of it."""

    __tablename__ = "trial_licences"
    __table_args__ = (
        sa.CheckConstraint("ends_on > starts_on", name="ends_after_start"),
        sa.CheckConstraint(
            "liability_cap_yuan >= 0 AND price_yuan >= 0", name="amounts_not_negative"
        ),
        sa.CheckConstraint(
            "(state = 'CONVERTED') = (contract_id IS NOT NULL)",
            name="converted_by_contract",
        ),
    )

    docking_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("dockings.id"), index=True
    )
    state: so.Mapped[TrialState] = so.mapped_column(state_type(TrialState))
    proposed_side: so.Mapped[DockingSide] = so.mapped_column(state_type(DockingSide))
    starts_on: so.Mapped[date]
    ends_on: so.Mapped[date]
    site: so.Mapped[str] = so.mapped_column(sa.String(200))
    indicators: so.Mapped[list[Any]] = so.mapped_column(default=list)
    """What has to be reached: name, required, and later what was measured."""
    liability_cap_yuan: so.Mapped[Decimal | None]
    price_yuan: so.Mapped[Decimal | None]
    """The price if it is converted."""
    result: so.Mapped[str] = so.mapped_column(sa.String(2000), default="")
    contract_id: so.Mapped[UUID | None] = so.mapped_column(
        sa.ForeignKey("contracts.id", use_alter=True)
    )
    revision: so.Mapped[int] = so.mapped_column()

    docking: so.Mapped[Docking] = so.relationship(lazy="raise")

    __mapper_args__ = {"version_id_col": revision}  # noqa: RUF012
