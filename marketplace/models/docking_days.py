"""Docking days 对接活动日: slots, participants, plans and the talks that were fixed."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace.domain.docking_days import DockingDayState, PlanState, Side
from marketplace.models.base import Base, Identified, Json, Timestamped, state_type


class DockingDay(Identified, Timestamped, Base):
    """A day on which firms and teams talk at tables, slot by slot."""

    __tablename__ = "docking_days"
    __table_args__ = (
        sa.CheckConstraint("length(title) BETWEEN 1 AND 120", name="title_length"),
        sa.CheckConstraint("most_per_need >= 1 AND most_per_team >= 1", name="limits"),
        sa.CheckConstraint(
            "state NOT IN ('DEPLOYED','DONE') OR deployed_at IS NOT NULL",
            name="deployed_has_moment",
        ),
    )

    title: so.Mapped[str] = so.mapped_column(sa.String(120))
    held_on: so.Mapped[date]
    place: so.Mapped[str] = so.mapped_column(sa.String(200), default="")
    region: so.Mapped[str | None] = so.mapped_column(sa.String(6))
    most_per_need: so.Mapped[int]
    """The most talks for one need on this day."""
    most_per_team: so.Mapped[int]
    created_by: so.Mapped[UUID | None] = so.mapped_column(sa.ForeignKey("users.id"))
    state: so.Mapped[DockingDayState] = so.mapped_column(
        state_type(DockingDayState), default=DockingDayState.DRAFT
    )
    deployed_at: so.Mapped[datetime | None]
    revision: so.Mapped[int] = so.mapped_column()

    slots: so.Mapped[list[DockingSlot]] = so.relationship(
        lazy="raise", cascade="all, delete-orphan", order_by="DockingSlot.position"
    )

    __mapper_args__ = {"version_id_col": revision}  # noqa: RUF012


class DockingSlot(Identified, Base):
    """A stretch of the day and how many talks fit into it."""

    __tablename__ = "docking_slots"
    __table_args__ = (
        sa.UniqueConstraint("day_id", "position"),
        sa.CheckConstraint("ends_at > starts_at", name="ends_after_start"),
        sa.CheckConstraint("tables >= 1", name="tables"),
    )

    day_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("docking_days.id", ondelete="CASCADE")
    )
    position: so.Mapped[int]
    starts_at: so.Mapped[datetime]
    ends_at: so.Mapped[datetime]
    tables: so.Mapped[int]


class DockingParticipant(Identified, Timestamped, Base):
    """A published need, or a team that comes through an offer on the market."""

    __tablename__ = "docking_participants"
    __table_args__ = (
        sa.UniqueConstraint("day_id", "need_id"),
        sa.UniqueConstraint("day_id", "team_id"),
        sa.CheckConstraint(
            "(side = 'need') = (need_id IS NOT NULL)"
            " AND (side = 'team') = (team_id IS NOT NULL)"
            " AND (side = 'team') = (offer_id IS NOT NULL)",
            name="one_side",
        ),
        sa.CheckConstraint("most IS NULL OR most >= 1", name="most"),
    )

    day_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("docking_days.id", ondelete="CASCADE")
    )
    side: so.Mapped[Side] = so.mapped_column(state_type(Side))
    org_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("organisations.id"), index=True
    )
    need_id: so.Mapped[UUID | None] = so.mapped_column(sa.ForeignKey("needs.id"))
    offer_id: so.Mapped[UUID | None] = so.mapped_column(sa.ForeignKey("offers.id"))
    team_id: so.Mapped[UUID | None] = so.mapped_column(sa.ForeignKey("teams.id"))
    absent: so.Mapped[list[Any]] = so.mapped_column(default=list)
    """Positions of the slots in which it cannot come."""
    most: so.Mapped[int | None]
    """Its own limit of talks, where it has one."""
    revision: so.Mapped[int] = so.mapped_column()

    __mapper_args__ = {"version_id_col": revision}  # noqa: RUF012


class DockingMustMeet(Base):
    """A need and a team that have to meet on the day."""

    __tablename__ = "docking_must_meets"

    need_participant_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("docking_participants.id", ondelete="CASCADE"), primary_key=True
    )
    team_participant_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("docking_participants.id", ondelete="CASCADE"),
        primary_key=True,
        index=True,
    )


class DockingPlan(Identified, Timestamped, Base):
    """One attempt to plan a day, with what came of it."""

    __tablename__ = "docking_plans"
    __table_args__ = (
        sa.UniqueConstraint("day_id", "number"),
        sa.CheckConstraint("seconds BETWEEN 1 AND 600", name="seconds"),
    )

    day_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("docking_days.id", ondelete="CASCADE")
    )
    number: so.Mapped[int]
    user_id: so.Mapped[UUID | None] = so.mapped_column(sa.ForeignKey("users.id"))
    seconds: so.Mapped[int]
    """How long the planner may take."""
    state: so.Mapped[PlanState] = so.mapped_column(state_type(PlanState))
    stage: so.Mapped[str] = so.mapped_column(sa.String(16), default="")
    digest: so.Mapped[str] = so.mapped_column(sa.String(64), default="")
    """SHA-256 of the input from which the plan was made."""
    talks: so.Mapped[list[Any]] = so.mapped_column(default=list)
    figures: so.Mapped[dict[str, Any]] = so.mapped_column(Json, default=dict)
    """How good the plan is, how good any could be, and whether that is proven."""
    ways_out: so.Mapped[list[Any]] = so.mapped_column(default=list)
    """When nothing fits: sets of constraints to loosen."""
    engine: so.Mapped[str] = so.mapped_column(sa.String(80), default="")
    error: so.Mapped[str] = so.mapped_column(sa.String(64), default="")


class DockingTalk(Identified, Timestamped, Base):
    """A talk that was fixed, and what came of it."""

    __tablename__ = "docking_talks"
    __table_args__ = (
        sa.UniqueConstraint("day_id", "need_participant_id", "team_participant_id"),
        sa.UniqueConstraint("slot_id", "team_participant_id"),
        sa.UniqueConstraint("slot_id", "firm_org_id"),
        sa.CheckConstraint(
            "outcome IS NOT NULL OR follow_up_on IS NULL", name="follow_up_of_outcome"
        ),
        sa.CheckConstraint(
            "(outcome IS NULL) = (outcome_at IS NULL)", name="outcome_has_moment"
        ),
    )

    day_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("docking_days.id", ondelete="CASCADE")
    )
    slot_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("docking_slots.id", ondelete="CASCADE")
    )
    starts_at: so.Mapped[datetime]
    need_participant_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("docking_participants.id", ondelete="CASCADE")
    )
    team_participant_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("docking_participants.id", ondelete="CASCADE")
    )
    firm_org_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("organisations.id"), index=True
    )
    unit_org_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("organisations.id"), index=True
    )
    outcome: so.Mapped[str | None] = so.mapped_column(sa.String(40))
    follow_up_on: so.Mapped[date | None]
    outcome_at: so.Mapped[datetime | None]
    outcome_by: so.Mapped[UUID | None] = so.mapped_column(sa.ForeignKey("users.id"))
    revision: so.Mapped[int] = so.mapped_column()

    __mapper_args__ = {"version_id_col": revision}  # noqa: RUF012
