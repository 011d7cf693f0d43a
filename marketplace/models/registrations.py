"""Recognition and registration 认定登记 of technology contracts."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace.domain.contracts import JUDGING, ExpertState, RegistrationState
from marketplace.models.base import Base, Identified, Json, Timestamped, state_type
from marketplace.models.contracts import Contract
from marketplace.models.ledger import Event


class Registration(Identified, Timestamped, Base):
    """The one registration of a contract, from its application to its end."""

    __tablename__ = "registrations"
    __table_args__ = (
        sa.CheckConstraint(
            "state NOT IN ('REGISTERED','CHANGED','CANCELLED','REVOKED')"
            " OR reg_no IS NOT NULL",
            name="registered_has_number",
        ),
        sa.CheckConstraint(
            "registered_by IS NULL OR accepted_by IS NULL"
            " OR registered_by <> accepted_by",
            name="accepted_by_another",
        ),
        sa.CheckConstraint(
            "state NOT IN ('ACCEPTED','FIRST_OK','EXPERT') OR due_on IS NOT NULL",
            name="judged_has_a_day",
        ),
        sa.Index("ix_registrations_registry_state", "registry_org_id", "state"),
    )

    contract_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("contracts.id"), unique=True
    )
    state: so.Mapped[RegistrationState] = so.mapped_column(
        state_type(RegistrationState)
    )
    registry_org_id: so.Mapped[UUID | None] = so.mapped_column(
        sa.ForeignKey("organisations.id")
    )
    applicant_org_id: so.Mapped[UUID | None] = so.mapped_column(
        sa.ForeignKey("organisations.id"), index=True
    )
    applied_at: so.Mapped[datetime | None]
    applied_by: so.Mapped[UUID | None] = so.mapped_column(sa.ForeignKey("users.id"))
    rule_set: so.Mapped[str] = so.mapped_column(sa.String(40), default="")
    """The version of the rules under which it is judged; it never changes after."""
    accepted_at: so.Mapped[datetime | None]
    accepted_by: so.Mapped[UUID | None] = so.mapped_column(sa.ForeignKey("users.id"))
    first_by: so.Mapped[UUID | None] = so.mapped_column(sa.ForeignKey("users.id"))
    checked_version: so.Mapped[int | None]
    """The version of the contract that passed the first check."""
    clock_from: so.Mapped[date | None]
    """The day from which the registry's working days count."""
    due_on: so.Mapped[date | None]
    days_used: so.Mapped[int] = so.mapped_column(default=0)
    """Working days that had passed when the clock was last stopped."""
    expert_reasons: so.Mapped[list[str]] = so.mapped_column(default=list)
    """Why experts must see it: large, related, disputed."""
    opinions: so.Mapped[list[Any]] = so.mapped_column(default=list)
    corrections: so.Mapped[list[Any]] = so.mapped_column(default=list)
    readiness: so.Mapped[dict[str, Any]] = so.mapped_column(Json, default=dict)
    """What the pre-check found when the papers were handed in."""
    wanted: so.Mapped[dict[str, Any]] = so.mapped_column(Json, default=dict)
    """A change or cancellation that the applicant has asked for."""
    appeal: so.Mapped[dict[str, Any]] = so.mapped_column(Json, default=dict)
    outcome: so.Mapped[str | None] = so.mapped_column(sa.String(10))
    outcome_reason: so.Mapped[str] = so.mapped_column(sa.String(2000), default="")
    reg_no: so.Mapped[str | None] = so.mapped_column(sa.String(20), unique=True)
    registered_on: so.Mapped[date | None]
    registered_by: so.Mapped[UUID | None] = so.mapped_column(sa.ForeignKey("users.id"))
    version_number: so.Mapped[int | None]
    """The version of the contract that stands registered."""
    total_yuan: so.Mapped[Decimal | None]
    technical_yuan: so.Mapped[Decimal | None]
    experts_least: so.Mapped[int] = so.mapped_column(default=0)
    """How many appointed experts have to answer, by the rule of the day they were
    sent for."""
    revision: so.Mapped[int] = so.mapped_column()

    contract: so.Mapped[Contract] = so.relationship(lazy="raise")
    experts: so.Mapped[list[RegistrationExpert]] = so.relationship(
        lazy="raise", order_by=lambda: RegistrationExpert.id
    )
    judgements: so.Mapped[list[Event]] = so.relationship(
        lazy="raise",
        viewonly=True,
        primaryjoin=lambda: sa.and_(
            so.foreign(Event.subject_id) == Registration.id,
            Event.subject_kind == "registration",
            Event.action.in_([f"registration.{action}" for action in JUDGING]),
        ),
    )
    """Every step that an official has taken with the papers, in any round of them."""

    __mapper_args__ = {"version_id_col": revision}  # noqa: RUF012


class RegistrationExpert(Identified, Base):
    """One expert who was appointed to look at a registration, and what he said."""

    __tablename__ = "registration_experts"
    __table_args__ = (
        sa.CheckConstraint(
            "state <> 'ANSWERED' OR (supports IS NOT NULL AND answered_at IS NOT NULL)",
            name="answer_is_complete",
        ),
        sa.Index(
            "uq_registration_experts_once",
            "registration_id",
            "user_id",
            unique=True,
            sqlite_where=sa.text("state <> 'RELEASED'"),
            postgresql_where=sa.text("state <> 'RELEASED'"),
        ),
    )

    registration_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("registrations.id"), index=True
    )
    user_id: so.Mapped[UUID] = so.mapped_column(sa.ForeignKey("users.id"), index=True)
    org_id: so.Mapped[UUID] = so.mapped_column(sa.ForeignKey("organisations.id"))
    """The unit in which he is an expert."""
    state: so.Mapped[ExpertState] = so.mapped_column(state_type(ExpertState))
    check_id: so.Mapped[UUID] = so.mapped_column(sa.ForeignKey("conflict_checks.id"))
    appointed_at: so.Mapped[datetime]
    appointed_by: so.Mapped[UUID] = so.mapped_column(sa.ForeignKey("users.id"))
    due_on: so.Mapped[date]
    supports: so.Mapped[bool | None]
    comment: so.Mapped[str] = so.mapped_column(sa.String(2000), default="")
    answered_at: so.Mapped[datetime | None]


class RegistrationFact(Identified, Base):
    """One entry of the registry's book, added and never changed.

    Figures are sums of these: ``on_day`` says to which period an entry belongs,
    ``at`` when it became known. A correction is an entry of the day on which it was
    made, so that what was reported stays as it was.
    """

    __tablename__ = "registration_facts"
    __table_args__ = (
        sa.CheckConstraint(
            "kind IN ('registered','changed','cancelled','revoked','restored')",
            name="kind_known",
        ),
        sa.Index("ix_registration_facts_day", "on_day", "at"),
    )

    registration_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("registrations.id"), index=True
    )
    contract_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("contracts.id"), index=True
    )
    kind: so.Mapped[str] = so.mapped_column(sa.String(12))
    at: so.Mapped[datetime]
    on_day: so.Mapped[date]
    count: so.Mapped[int]
    """+1, 0 or -1 contracts."""
    total_yuan: so.Mapped[Decimal]
    technical_yuan: so.Mapped[Decimal]
    """What the entry adds to the amounts; negative where it takes off."""
    contract_class: so.Mapped[str] = so.mapped_column(sa.String(4))
    tech_field: so.Mapped[str] = so.mapped_column(sa.String(4), default="")
    ip_type: so.Mapped[str] = so.mapped_column(sa.String(4), default="")
    plan_source: so.Mapped[str] = so.mapped_column(sa.String(4), default="")
    seller_region: so.Mapped[str] = so.mapped_column(sa.String(6), default="")
    buyer_region: so.Mapped[str] = so.mapped_column(sa.String(6), default="")
    seller_nature: so.Mapped[str] = so.mapped_column(sa.String(4), default="")
    buyer_nature: so.Mapped[str] = so.mapped_column(sa.String(4), default="")
    registry_org_id: so.Mapped[UUID | None] = so.mapped_column(
        sa.ForeignKey("organisations.id")
    )
