"""Brokers 技术经纪人, transfer institutions 技术转移机构, and shares of commissions."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace.domain.brokers import BrokerState, InstitutionState, ProposalState
from marketplace.models.base import Base, Identified, Json, Timestamped, state_type
from marketplace.models.organisations import Organisation


class Broker(Identified, Timestamped, Base):
    """The record of a person who mediates; with or without an account here."""

    __tablename__ = "brokers"
    __table_args__ = (
        sa.CheckConstraint("length(name) BETWEEN 1 AND 60", name="name_length"),
        sa.CheckConstraint(
            "valid_until IS NULL OR obtained_on IS NULL OR valid_until >= obtained_on",
            name="dates",
        ),
        sa.CheckConstraint(
            "service_years IS NULL OR service_years BETWEEN 0 AND 80",
            name="service_years",
        ),
        sa.CheckConstraint(
            "state <> 'VERIFIED' OR (length(certificate_no) > 0"
            " AND length(certificate_body) > 0 AND grade IS NOT NULL)",
            name="verified_has_certificate",
        ),
        sa.Index(
            "uq_brokers_certificate",
            "certificate_body",
            "certificate_no",
            unique=True,
            sqlite_where=sa.text("certificate_no <> ''"),
            postgresql_where=sa.text("certificate_no <> ''"),
        ),
        sa.Index("ix_brokers_state_id", "state", "id"),
    )

    user_id: so.Mapped[UUID | None] = so.mapped_column(
        sa.ForeignKey("users.id"), unique=True
    )
    org_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("organisations.id"), index=True
    )
    state: so.Mapped[BrokerState] = so.mapped_column(state_type(BrokerState))
    name: so.Mapped[str] = so.mapped_column(sa.String(60))
    id_no: so.Mapped[str] = so.mapped_column(sa.String(20), default="")
    """证件号码: kept for the check, shown masked and never whole."""
    education: so.Mapped[str] = so.mapped_column(sa.String(40), default="")
    title: so.Mapped[str] = so.mapped_column(sa.String(60), default="")
    certificate_no: so.Mapped[str] = so.mapped_column(sa.String(60), default="")
    certificate_body: so.Mapped[str] = so.mapped_column(sa.String(120), default="")
    grade: so.Mapped[str | None] = so.mapped_column(sa.String(40))
    obtained_on: so.Mapped[date | None]
    valid_until: so.Mapped[date | None]
    fields: so.Mapped[list[str]] = so.mapped_column(default=list)
    service_years: so.Mapped[int | None]
    cases: so.Mapped[list[str]] = so.mapped_column(default=list)
    verified_at: so.Mapped[datetime | None]
    verified_by: so.Mapped[UUID | None] = so.mapped_column(sa.ForeignKey("users.id"))
    revision: so.Mapped[int] = so.mapped_column()

    org: so.Mapped[Organisation] = so.relationship(lazy="raise")

    __mapper_args__ = {"version_id_col": revision}  # noqa: RUF012


class BrokerRating(Identified, Timestamped, Base):
    """What a person thinks of a broker with whom he had to do; one for each pair."""

    __tablename__ = "broker_ratings"
    __table_args__ = (
        sa.UniqueConstraint("broker_id", "user_id"),
        sa.CheckConstraint("score BETWEEN 1 AND 5", name="score_range"),
        sa.CheckConstraint("basis_kind IN ('docking','contract')", name="basis_known"),
    )

    broker_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("brokers.id", ondelete="CASCADE")
    )
    user_id: so.Mapped[UUID] = so.mapped_column(sa.ForeignKey("users.id"), index=True)
    org_id: so.Mapped[UUID] = so.mapped_column(sa.ForeignKey("organisations.id"))
    score: so.Mapped[int]
    text: so.Mapped[str] = so.mapped_column(sa.String(1000), default="")
    basis_kind: so.Mapped[str] = so.mapped_column(sa.String(10))
    basis_id: so.Mapped[UUID]
    """The docking or contract in which the two had to do with each other."""


class BrokerInstitution(Identified, Timestamped, Base):
    """The record 备案 of a unit as a transfer institution."""

    __tablename__ = "broker_institutions"
    __table_args__ = (
        sa.CheckConstraint(
            "state NOT IN ('RECORDED','EVALUATED')"
            " OR (record_no IS NOT NULL AND recorded_on IS NOT NULL)",
            name="recorded_has_number",
        ),
        sa.CheckConstraint(
            "state <> 'EVALUATED' OR grade IS NOT NULL", name="evaluated_has_grade"
        ),
        sa.CheckConstraint(
            "(recommended_at IS NULL) = (recommended_by IS NULL)",
            name="recommended_by_someone",
        ),
        sa.Index("ix_broker_institutions_state_id", "state", "id"),
    )

    org_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("organisations.id"), unique=True
    )
    state: so.Mapped[InstitutionState] = so.mapped_column(state_type(InstitutionState))
    legal_type: so.Mapped[str] = so.mapped_column(sa.String(40))
    unit_type: so.Mapped[str] = so.mapped_column(sa.String(40))
    content: so.Mapped[dict[str, Any]] = so.mapped_column(Json, default=dict)
    """The rest of the application form."""
    applied_at: so.Mapped[datetime]
    recommended_at: so.Mapped[datetime | None]
    recommended_by: so.Mapped[UUID | None] = so.mapped_column(sa.ForeignKey("users.id"))
    record_no: so.Mapped[str | None] = so.mapped_column(sa.String(32), unique=True)
    record_level: so.Mapped[str | None] = so.mapped_column(sa.String(40))
    recorded_on: so.Mapped[date | None]
    grade: so.Mapped[str | None] = so.mapped_column(sa.String(40))
    """The latest year's."""
    evaluations: so.Mapped[list[Any]] = so.mapped_column(default=list)
    removal_reason: so.Mapped[str] = so.mapped_column(sa.String(2000), default="")
    revision: so.Mapped[int] = so.mapped_column()

    org: so.Mapped[Organisation] = so.relationship(lazy="raise")

    __mapper_args__ = {"version_id_col": revision}  # noqa: RUF012


class ShareProposal(Identified, Base):
    """One version of how the commission of a contract is to be shared."""

    __tablename__ = "share_proposals"
    __table_args__ = (
        sa.UniqueConstraint("contract_id", "number"),
        sa.CheckConstraint("number >= 1", name="number_from_one"),
        sa.CheckConstraint(
            "state <> 'AGREED' OR decided_at IS NOT NULL", name="agreed_has_moment"
        ),
        sa.Index(
            "uq_share_proposals_one_proposed",
            "contract_id",
            unique=True,
            sqlite_where=sa.text("state = 'PROPOSED'"),
            postgresql_where=sa.text("state = 'PROPOSED'"),
        ),
        sa.Index(
            "uq_share_proposals_one_agreed",
            "contract_id",
            unique=True,
            sqlite_where=sa.text("state = 'AGREED'"),
            postgresql_where=sa.text("state = 'AGREED'"),
        ),
    )

    contract_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("contracts.id", ondelete="CASCADE")
    )
    number: so.Mapped[int]
    state: so.Mapped[ProposalState] = so.mapped_column(state_type(ProposalState))
    note: so.Mapped[str] = so.mapped_column(sa.String(1000), default="")
    proposed_at: so.Mapped[datetime]
    proposed_by: so.Mapped[UUID | None] = so.mapped_column(sa.ForeignKey("users.id"))
    proposed_for: so.Mapped[UUID] = so.mapped_column(sa.ForeignKey("organisations.id"))
    decided_at: so.Mapped[datetime | None]
    refusal: so.Mapped[str] = so.mapped_column(sa.String(2000), default="")
    revision: so.Mapped[int] = so.mapped_column()

    shares: so.Mapped[list[ContributionShare]] = so.relationship(
        lazy="raise",
        cascade="all, delete-orphan",
        order_by="ContributionShare.position",
    )
    acceptances: so.Mapped[list[ShareAcceptance]] = so.relationship(
        lazy="raise", cascade="all, delete-orphan", order_by="ShareAcceptance.id"
    )

    __mapper_args__ = {"version_id_col": revision}  # noqa: RUF012


class ContributionShare(Identified, Base):
    """What one unit gets of a commission, for which contribution."""

    __tablename__ = "contribution_shares"
    __table_args__ = (
        sa.UniqueConstraint("proposal_id", "position"),
        sa.CheckConstraint("percent > 0 AND percent <= 10000", name="percent_range"),
    )

    proposal_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("share_proposals.id", ondelete="CASCADE")
    )
    position: so.Mapped[int]
    org_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("organisations.id"), index=True
    )
    contribution: so.Mapped[str] = so.mapped_column(sa.String(40))
    percent: so.Mapped[Decimal]
    """In per cent with two places."""
    note: so.Mapped[str] = so.mapped_column(sa.String(200), default="")


class ShareAcceptance(Identified, Base):
    """That a unit has accepted a proposal, and who did it."""

    __tablename__ = "share_acceptances"
    __table_args__ = (
        sa.UniqueConstraint("proposal_id", "org_id"),
        sa.UniqueConstraint("proposal_id", "user_id"),
    )

    proposal_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("share_proposals.id", ondelete="CASCADE")
    )
    org_id: so.Mapped[UUID] = so.mapped_column(sa.ForeignKey("organisations.id"))
    user_id: so.Mapped[UUID] = so.mapped_column(sa.ForeignKey("users.id"))
    accepted_at: so.Mapped[datetime]


class CommissionPayment(Identified, Base):
    """Commission that a mediating unit has received, or that was taken back of it.

    Never changed or removed, not even by the database.
    """

    __tablename__ = "commission_payments"
    __table_args__ = (
        sa.CheckConstraint("amount_yuan > 0", name="amount_positive"),
        sa.CheckConstraint("length(voucher) > 0", name="voucher_given"),
        sa.UniqueConstraint("contract_id", "number"),
        sa.UniqueConstraint("contract_id", "voucher"),
    )

    contract_id: so.Mapped[UUID] = so.mapped_column(sa.ForeignKey("contracts.id"))
    number: so.Mapped[int]
    org_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("organisations.id"), index=True
    )
    """Who received it."""
    reverses_id: so.Mapped[UUID | None] = so.mapped_column(
        sa.ForeignKey("commission_payments.id"), index=True
    )
    """The payment of which this takes something back."""
    paid_on: so.Mapped[date]
    amount_yuan: so.Mapped[Decimal]
    voucher: so.Mapped[str] = so.mapped_column(sa.String(120))
    """Number of the invoice 发票号码."""
    recorded_at: so.Mapped[datetime]
    recorded_by: so.Mapped[UUID | None] = so.mapped_column(sa.ForeignKey("users.id"))
    recorded_for: so.Mapped[UUID | None] = so.mapped_column(
        sa.ForeignKey("organisations.id")
    )
