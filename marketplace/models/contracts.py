"""Technology contracts 技术合同: versions, parties, signatures, payments.

Domain reference, sections 9.1 to 9.7 and 9.10.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace.domain.contracts import ContractState, PaymentKind, Side, VersionState
from marketplace.models.attachments import Attachment
from marketplace.models.base import Base, Identified, Json, Timestamped, state_type
from marketplace.models.organisations import Organisation


class Contract(Identified, Timestamped, Base):
    """A contract: where it stands, and the version in force.

    The columns beside the links are those of the version in force, or of the draft
    while nothing is signed, so that lists and figures need not read any JSON.
    """

    __tablename__ = "contracts"
    __table_args__ = (
        sa.CheckConstraint(
            "total_yuan >= 0 AND technical_yuan >= 0", name="amounts_not_negative"
        ),
        sa.CheckConstraint(
            "technical_yuan IS NULL OR total_yuan IS NULL"
            " OR technical_yuan <= total_yuan",
            name="technical_within_total",
        ),
        sa.CheckConstraint(
            "state IN ('DRAFT') OR concluded_at IS NOT NULL", name="signed_has_moment"
        ),
        sa.Index("ix_contracts_state_id", "state", "id"),
    )

    contract_no: so.Mapped[str] = so.mapped_column(sa.String(32), unique=True)
    state: so.Mapped[ContractState] = so.mapped_column(state_type(ContractState))
    created_by: so.Mapped[UUID | None] = so.mapped_column(sa.ForeignKey("users.id"))
    created_for: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("organisations.id"), index=True
    )
    """The organisation that drew it up."""
    need_id: so.Mapped[UUID | None] = so.mapped_column(
        sa.ForeignKey("needs.id"), index=True
    )
    offer_id: so.Mapped[UUID | None] = so.mapped_column(
        sa.ForeignKey("offers.id"), index=True
    )
    docking_id: so.Mapped[UUID | None] = so.mapped_column(
        sa.ForeignKey("dockings.id"), index=True
    )
    current_version_id: so.Mapped[UUID | None] = so.mapped_column(
        sa.ForeignKey("contract_versions.id", use_alter=True), unique=True
    )
    title: so.Mapped[str] = so.mapped_column(sa.String(200), default="")
    contract_class: so.Mapped[str | None] = so.mapped_column(sa.String(40))
    tech_field: so.Mapped[str | None] = so.mapped_column(sa.String(40))
    signed_on: so.Mapped[date | None]
    valid_from: so.Mapped[date | None]
    valid_to: so.Mapped[date | None]
    total_yuan: so.Mapped[Decimal | None]
    technical_yuan: so.Mapped[Decimal | None]
    is_related: so.Mapped[bool] = so.mapped_column(default=False)
    concluded_at: so.Mapped[datetime | None]
    """When the last party had signed."""
    effective_on: so.Mapped[date | None]
    completed_on: so.Mapped[date | None]
    rescinded_on: so.Mapped[date | None]
    rescission: so.Mapped[dict[str, Any]] = so.mapped_column(Json, default=dict)
    """Who has asked for it, on which ground; by agreement it takes both sides."""
    revision: so.Mapped[int] = so.mapped_column()

    current: so.Mapped[ContractVersion] = so.relationship(
        lazy="raise", foreign_keys=[current_version_id], post_update=True
    )
    parties: so.Mapped[list[ContractParty]] = so.relationship(
        lazy="raise", cascade="all, delete-orphan", order_by="ContractParty.position"
    )

    __mapper_args__ = {"version_id_col": revision}  # noqa: RUF012


class ContractVersion(Identified, Base):
    """The content of a contract at one time; an amendment is the next one."""

    __tablename__ = "contract_versions"
    __table_args__ = (
        sa.UniqueConstraint("contract_id", "number"),
        sa.CheckConstraint("number >= 1", name="number_from_one"),
        sa.Index(
            "uq_contract_versions_one_proposed",
            "contract_id",
            unique=True,
            sqlite_where=sa.text("state = 'PROPOSED'"),
            postgresql_where=sa.text("state = 'PROPOSED'"),
        ),
    )

    contract_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("contracts.id", ondelete="CASCADE")
    )
    number: so.Mapped[int]
    state: so.Mapped[VersionState] = so.mapped_column(state_type(VersionState))
    content: so.Mapped[dict[str, Any]] = so.mapped_column(Json)
    reason_kind: so.Mapped[str | None] = so.mapped_column(sa.String(40))
    reason: so.Mapped[str] = so.mapped_column(sa.String(2000), default="")
    created_at: so.Mapped[datetime]
    created_by: so.Mapped[UUID | None] = so.mapped_column(sa.ForeignKey("users.id"))
    created_for: so.Mapped[UUID | None] = so.mapped_column(
        sa.ForeignKey("organisations.id")
    )
    in_force_at: so.Mapped[datetime | None]

    signatures: so.Mapped[list[ContractSignature]] = so.relationship(
        lazy="raise", cascade="all, delete-orphan", order_by="ContractSignature.id"
    )


class ContractParty(Identified, Base):
    """A party of the version in force, for who may see the contract and for figures."""

    __tablename__ = "contract_parties"
    __table_args__ = (sa.UniqueConstraint("contract_id", "position"),)

    contract_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("contracts.id", ondelete="CASCADE"), index=True
    )
    position: so.Mapped[int]
    side: so.Mapped[Side] = so.mapped_column(state_type(Side))
    org_id: so.Mapped[UUID | None] = so.mapped_column(
        sa.ForeignKey("organisations.id"), index=True
    )
    name: so.Mapped[str] = so.mapped_column(sa.String(120))
    region: so.Mapped[str] = so.mapped_column(sa.String(6), default="")
    party_nature: so.Mapped[str | None] = so.mapped_column(sa.String(40))
    org: so.Mapped[Organisation | None] = so.relationship(lazy="raise")


class ContractSignature(Identified, Base):
    """That a party has signed a version: who, when, and the file with its digest."""

    __tablename__ = "contract_signatures"
    __table_args__ = (sa.UniqueConstraint("version_id", "side", "party_key"),)

    version_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("contract_versions.id", ondelete="CASCADE")
    )
    side: so.Mapped[Side] = so.mapped_column(state_type(Side))
    party_key: so.Mapped[str] = so.mapped_column(sa.String(120))
    """The organisation's identifier; the name of a party that is not registered."""
    org_id: so.Mapped[UUID | None] = so.mapped_column(sa.ForeignKey("organisations.id"))
    signer: so.Mapped[str] = so.mapped_column(sa.String(60))
    signed_on: so.Mapped[date]
    recorded_at: so.Mapped[datetime]
    recorded_by: so.Mapped[UUID | None] = so.mapped_column(sa.ForeignKey("users.id"))
    attachment_id: so.Mapped[UUID | None] = so.mapped_column(
        sa.ForeignKey("attachments.id")
    )
    digest: so.Mapped[str] = so.mapped_column(sa.String(64))
    """SHA-256 of the signed file, or of the content where no file was given."""
    attachment: so.Mapped[Attachment | None] = so.relationship(lazy="raise")


class ContractPayment(Identified, Base):
    """Money that has gone from buyer to seller, or back. Never changed or removed."""

    __tablename__ = "contract_payments"
    __table_args__ = (
        sa.CheckConstraint("amount_yuan > 0", name="amount_positive"),
        sa.CheckConstraint(
            "technical_yuan >= 0 AND technical_yuan <= amount_yuan",
            name="technical_within_amount",
        ),
        sa.CheckConstraint(
            "technical_income_yuan >= 0 AND technical_income_yuan <= technical_yuan",
            name="income_within_technical",
        ),
        sa.CheckConstraint(
            "(kind = 'returned') = (reverses_id IS NOT NULL)", name="returned_of_what"
        ),
        sa.UniqueConstraint("contract_id", "number"),
    )

    contract_id: so.Mapped[UUID] = so.mapped_column(sa.ForeignKey("contracts.id"))
    number: so.Mapped[int]
    kind: so.Mapped[PaymentKind] = so.mapped_column(state_type(PaymentKind))
    instalment: so.Mapped[int | None]
    """Which instalment of the plan it pays, counted from one."""
    reverses_id: so.Mapped[UUID | None] = so.mapped_column(
        sa.ForeignKey("contract_payments.id"), index=True
    )
    paid_on: so.Mapped[date]
    amount_yuan: so.Mapped[Decimal]
    technical_yuan: so.Mapped[Decimal]
    deductions: so.Mapped[list[Any]] = so.mapped_column(default=list)
    technical_income_yuan: so.Mapped[Decimal]
    """技术性收入: the technical part less the deducted costs."""
    voucher: so.Mapped[str] = so.mapped_column(sa.String(120), default="")
    note: so.Mapped[str] = so.mapped_column(sa.String(500), default="")
    recorded_at: so.Mapped[datetime]
    recorded_by: so.Mapped[UUID | None] = so.mapped_column(sa.ForeignKey("users.id"))
    recorded_for: so.Mapped[UUID | None] = so.mapped_column(
        sa.ForeignKey("organisations.id")
    )
