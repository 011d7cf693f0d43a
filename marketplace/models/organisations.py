"""Organisations 单位, their teams and their ties (domain reference, section 3)."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace.domain.organisations import OrganisationState
from marketplace.models.base import Base, Identified, Json, Timestamped, state_type


class Organisation(Identified, Timestamped, Base):
    """A legal person, unincorporated body or natural person that can be a party."""

    __tablename__ = "organisations"
    __table_args__ = (
        sa.CheckConstraint("length(name) BETWEEN 1 AND 120", name="name_length"),
        sa.CheckConstraint("uscc IS NULL OR length(uscc) = 18", name="uscc_length"),
        sa.CheckConstraint("id <> parent_org_id", name="not_its_own_parent"),
        sa.CheckConstraint(
            "state <> 'VERIFIED' OR uscc IS NOT NULL"
            " OR org_type = 'PERS' OR party_nature = '600'",
            name="verified_has_uscc",
        ),
        sa.CheckConstraint(
            "credit_status IN ('normal','watch','dishonest')", name="credit_known"
        ),
        sa.CheckConstraint(
            "registered_capital_yuan >= 0 AND revenue_last_year_yuan >= 0"
            " AND rd_spend_last_year_yuan >= 0",
            name="amounts_not_negative",
        ),
        sa.CheckConstraint(
            "staff_total >= 0 AND staff_rd >= 0 AND staff_rd <= staff_total",
            name="staff",
        ),
        sa.CheckConstraint(
            "(state IN ('SUSPENDED','BLACKLISTED')) = (suspended_until IS NOT NULL)",
            name="sanction_has_end",
        ),
        sa.CheckConstraint(
            "suspended_until IS NULL OR length(suspension_document) > 0",
            name="sanction_has_document",
        ),
        sa.Index(
            "uq_organisations_region_name_key",
            "region",
            "name_key",
            unique=True,
            sqlite_where=sa.text("state <> 'CLOSED'"),
            postgresql_where=sa.text("state <> 'CLOSED'"),
        ),
    )

    name: so.Mapped[str] = so.mapped_column(sa.String(120))
    name_key: so.Mapped[str] = so.mapped_column(sa.String(240), index=True)
    """The name normalised for comparison (script, width, case, brackets)."""
    uscc: so.Mapped[str | None] = so.mapped_column(sa.String(18), unique=True)
    org_type: so.Mapped[str] = so.mapped_column(sa.String(40))
    party_nature: so.Mapped[str | None] = so.mapped_column(sa.String(40))
    parent_org_id: so.Mapped[UUID | None] = so.mapped_column(
        sa.ForeignKey("organisations.id"), index=True
    )
    region: so.Mapped[str] = so.mapped_column(sa.String(6))
    address: so.Mapped[str] = so.mapped_column(sa.String(200), default="")
    postcode: so.Mapped[str] = so.mapped_column(sa.String(10), default="")
    legal_rep: so.Mapped[str] = so.mapped_column(sa.String(60), default="")
    contact_name: so.Mapped[str] = so.mapped_column(sa.String(60), default="")
    contact_phone: so.Mapped[str] = so.mapped_column(sa.String(40), default="")
    contact_email: so.Mapped[str] = so.mapped_column(sa.String(254), default="")
    supervising_body: so.Mapped[str] = so.mapped_column(sa.String(120), default="")
    industry: so.Mapped[str | None] = so.mapped_column(sa.String(40))
    scale: so.Mapped[str | None] = so.mapped_column(sa.String(40))
    founded_on: so.Mapped[date | None]
    registered_capital_yuan: so.Mapped[Decimal | None]
    staff_total: so.Mapped[int | None]
    staff_rd: so.Mapped[int | None]
    revenue_last_year_yuan: so.Mapped[Decimal | None]
    rd_spend_last_year_yuan: so.Mapped[Decimal | None]
    flags: so.Mapped[list[str]] = so.mapped_column(default=list)
    main_products: so.Mapped[str] = so.mapped_column(sa.String(300), default="")
    intro: so.Mapped[str] = so.mapped_column(sa.String(500), default="")
    credit_status: so.Mapped[str] = so.mapped_column(sa.String(10), default="normal")
    bank_name: so.Mapped[str] = so.mapped_column(sa.String(120), default="")
    bank_account: so.Mapped[str] = so.mapped_column(sa.String(40), default="")
    state: so.Mapped[OrganisationState] = so.mapped_column(
        state_type(OrganisationState), default=OrganisationState.PENDING
    )
    suspended_until: so.Mapped[date | None]
    suspension_reason: so.Mapped[str] = so.mapped_column(sa.Text, default="")
    suspension_document: so.Mapped[str] = so.mapped_column(sa.String(200), default="")
    search_text: so.Mapped[str] = so.mapped_column(sa.Text, default="")
    revision: so.Mapped[int] = so.mapped_column()

    parent: so.Mapped[Organisation | None] = so.relationship(
        remote_side="Organisation.id", lazy="raise"
    )
    qualifications: so.Mapped[list[Qualification]] = so.relationship(
        lazy="raise", cascade="all, delete-orphan", order_by="Qualification.position"
    )
    ties: so.Mapped[list[OrganisationTie]] = so.relationship(
        lazy="raise",
        cascade="all, delete-orphan",
        foreign_keys="OrganisationTie.org_id",
        order_by="OrganisationTie.position",
    )

    __mapper_args__ = {"version_id_col": revision}  # noqa: RUF012


class Qualification(Identified, Base):
    """A label or honour 资质荣誉 with its validity (codes list 7)."""

    __tablename__ = "qualifications"
    __table_args__ = (
        sa.CheckConstraint(
            "valid_until IS NULL OR granted_on IS NULL OR valid_until >= granted_on",
            name="dates",
        ),
    )

    org_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("organisations.id", ondelete="CASCADE"), index=True
    )
    position: so.Mapped[int]
    label: so.Mapped[str] = so.mapped_column(sa.String(40))
    granted_on: so.Mapped[date | None]
    valid_until: so.Mapped[date | None]
    evidence: so.Mapped[str] = so.mapped_column(sa.String(200), default="")


class OrganisationTie(Identified, Base):
    """A controller, shareholder, officer or other declared tie of an organisation.

    The other side is an organisation of the market when it is known
    (``other_org_id``), else a name with, perhaps, its credit code. A person has a
    name and, perhaps, the digest of an identity number, by which he is recognised
    elsewhere; the number itself is not kept.
    """

    __tablename__ = "organisation_ties"
    __table_args__ = (
        sa.CheckConstraint(
            "kind IN ('controller','shareholder','related','officer')",
            name="kind_known",
        ),
        sa.CheckConstraint("org_id <> other_org_id", name="not_to_itself"),
        sa.CheckConstraint(
            "other_org_id IS NOT NULL OR length(name) > 0", name="someone"
        ),
        sa.CheckConstraint(
            "share_percent IS NULL OR (share_percent >= 0 AND share_percent <= 10000)",
            name="share_range",
        ),
        sa.CheckConstraint(
            "kind <> 'officer' OR (other_org_id IS NULL AND uscc IS NULL"
            " AND share_percent IS NULL)",
            name="officer_is_a_person",
        ),
        sa.CheckConstraint(
            "id_digest IS NULL OR length(id_digest) = 64", name="id_digest_length"
        ),
        sa.CheckConstraint(
            "valid_to IS NULL OR valid_from IS NULL OR valid_to >= valid_from",
            name="dates",
        ),
    )

    org_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("organisations.id", ondelete="CASCADE"), index=True
    )
    position: so.Mapped[int]
    kind: so.Mapped[str] = so.mapped_column(sa.String(12))
    other_org_id: so.Mapped[UUID | None] = so.mapped_column(
        sa.ForeignKey("organisations.id"), index=True
    )
    name: so.Mapped[str] = so.mapped_column(sa.String(120), default="")
    uscc: so.Mapped[str | None] = so.mapped_column(sa.String(18), index=True)
    share_percent: so.Mapped[Decimal | None]
    """Share in per cent with two places."""
    source: so.Mapped[str] = so.mapped_column(sa.String(200), default="")
    duty: so.Mapped[str] = so.mapped_column(sa.String(60), default="")
    """What an officer is: 董事、监事、总经理 …"""
    id_digest: so.Mapped[str | None] = so.mapped_column(sa.String(64), index=True)
    valid_from: so.Mapped[date | None]
    valid_to: so.Mapped[date | None]


class Team(Identified, Timestamped, Base):
    """A research group or studio without legal personality, under a unit.

    It cannot be a party itself (SPC interpretation 2020, article 7).
    """

    __tablename__ = "teams"
    __table_args__ = (sa.UniqueConstraint("org_id", "name"),)

    org_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("organisations.id"), index=True
    )
    name: so.Mapped[str] = so.mapped_column(sa.String(120))
    leader: so.Mapped[str] = so.mapped_column(sa.String(60), default="")
    intro: so.Mapped[str] = so.mapped_column(sa.String(1000), default="")
    tech_field: so.Mapped[list[str]] = so.mapped_column(default=list)
    closed_at: so.Mapped[datetime | None]
    revision: so.Mapped[int] = so.mapped_column()

    __mapper_args__ = {"version_id_col": revision}  # noqa: RUF012


class DisclosureGrant(Identified, Base):
    """An organisation that has signed the NDA for one object, and when."""

    __tablename__ = "disclosure_grants"
    __table_args__ = (
        sa.UniqueConstraint("subject_kind", "subject_id", "org_id"),
        sa.CheckConstraint("subject_kind IN ('need','offer')", name="kind_known"),
    )

    subject_kind: so.Mapped[str] = so.mapped_column(sa.String(8))
    subject_id: so.Mapped[UUID]
    org_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("organisations.id"), index=True
    )
    granted_at: so.Mapped[datetime]
    granted_by: so.Mapped[UUID | None] = so.mapped_column(sa.ForeignKey("users.id"))
    basis: so.Mapped[str] = so.mapped_column(sa.String(200))
    attributes: so.Mapped[dict[str, Any]] = so.mapped_column(Json, default=dict)
