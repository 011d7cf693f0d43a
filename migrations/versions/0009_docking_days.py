"""Docking days: slots, participants, plans and talks.

Revision ID: 0009
Revises: 0008
Create Date: 2026-11-22
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "docking_days",
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.Column("held_on", sa.Date(), nullable=False),
        sa.Column("place", sa.String(length=200), nullable=False),
        sa.Column("region", sa.String(length=6), nullable=True),
        sa.Column("most_per_need", sa.Integer(), nullable=False),
        sa.Column("most_per_team", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "DRAFT",
                "SOLVING",
                "PROPOSED",
                "DEPLOYED",
                "DONE",
                "CANCELLED",
                name="state_known",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("deployed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state NOT IN ('DEPLOYED','DONE') OR deployed_at IS NOT NULL",
            name=op.f("ck_docking_days_deployed_has_moment"),
        ),
        sa.CheckConstraint(
            "length(title) BETWEEN 1 AND 120", name=op.f("ck_docking_days_title_length")
        ),
        sa.CheckConstraint(
            "most_per_need >= 1 AND most_per_team >= 1",
            name=op.f("ck_docking_days_limits"),
        ),
        sa.ForeignKeyConstraint(
            ["created_by"], ["users.id"], name=op.f("fk_docking_days_created_by_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_docking_days")),
    )
    op.create_table(
        "docking_participants",
        sa.Column("day_id", sa.Uuid(), nullable=False),
        sa.Column(
            "side",
            sa.Enum(
                "need",
                "team",
                name="value_known",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("need_id", sa.Uuid(), nullable=True),
        sa.Column("offer_id", sa.Uuid(), nullable=True),
        sa.Column("team_id", sa.Uuid(), nullable=True),
        sa.Column(
            "absent",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column("most", sa.Integer(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(side = 'need') = (need_id IS NOT NULL) AND (side = 'team') = (team_id IS NOT NULL) AND (side = 'team') = (offer_id IS NOT NULL)",
            name=op.f("ck_docking_participants_one_side"),
        ),
        sa.CheckConstraint(
            "most IS NULL OR most >= 1", name=op.f("ck_docking_participants_most")
        ),
        sa.ForeignKeyConstraint(
            ["day_id"],
            ["docking_days.id"],
            name=op.f("fk_docking_participants_day_id_docking_days"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["need_id"],
            ["needs.id"],
            name=op.f("fk_docking_participants_need_id_needs"),
        ),
        sa.ForeignKeyConstraint(
            ["offer_id"],
            ["offers.id"],
            name=op.f("fk_docking_participants_offer_id_offers"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id"],
            ["organisations.id"],
            name=op.f("fk_docking_participants_org_id_organisations"),
        ),
        sa.ForeignKeyConstraint(
            ["team_id"],
            ["teams.id"],
            name=op.f("fk_docking_participants_team_id_teams"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_docking_participants")),
        sa.UniqueConstraint(
            "day_id", "need_id", name=op.f("uq_docking_participants_day_id_need_id")
        ),
        sa.UniqueConstraint(
            "day_id", "team_id", name=op.f("uq_docking_participants_day_id_team_id")
        ),
    )
    op.create_index(
        op.f("ix_docking_participants_org_id"),
        "docking_participants",
        ["org_id"],
        unique=False,
    )

    op.create_table(
        "docking_plans",
        sa.Column("day_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("seconds", sa.Integer(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "QUEUED",
                "RUNNING",
                "FOUND",
                "IMPOSSIBLE",
                "CANCELLED",
                "FAILED",
                name="state_known",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column(
            "talks",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "figures",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "ways_out",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column("engine", sa.String(length=80), nullable=False),
        sa.Column("error", sa.String(length=64), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "seconds BETWEEN 1 AND 600", name=op.f("ck_docking_plans_seconds")
        ),
        sa.ForeignKeyConstraint(
            ["day_id"],
            ["docking_days.id"],
            name=op.f("fk_docking_plans_day_id_docking_days"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_docking_plans_user_id_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_docking_plans")),
        sa.UniqueConstraint(
            "day_id", "number", name=op.f("uq_docking_plans_day_id_number")
        ),
    )
    op.create_table(
        "docking_slots",
        sa.Column("day_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tables", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "ends_at > starts_at", name=op.f("ck_docking_slots_ends_after_start")
        ),
        sa.CheckConstraint("tables >= 1", name=op.f("ck_docking_slots_tables")),
        sa.ForeignKeyConstraint(
            ["day_id"],
            ["docking_days.id"],
            name=op.f("fk_docking_slots_day_id_docking_days"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_docking_slots")),
        sa.UniqueConstraint(
            "day_id", "position", name=op.f("uq_docking_slots_day_id_position")
        ),
    )
    op.create_table(
        "docking_must_meets",
        sa.Column("need_participant_id", sa.Uuid(), nullable=False),
        sa.Column("team_participant_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["need_participant_id"],
            ["docking_participants.id"],
            name=op.f("fk_docking_must_meets_need_participant_id_docking_participants"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["team_participant_id"],
            ["docking_participants.id"],
            name=op.f("fk_docking_must_meets_team_participant_id_docking_participants"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "need_participant_id",
            "team_participant_id",
            name=op.f("pk_docking_must_meets"),
        ),
    )
    op.create_index(
        op.f("ix_docking_must_meets_team_participant_id"),
        "docking_must_meets",
        ["team_participant_id"],
        unique=False,
    )

    op.create_table(
        "docking_talks",
        sa.Column("day_id", sa.Uuid(), nullable=False),
        sa.Column("slot_id", sa.Uuid(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("need_participant_id", sa.Uuid(), nullable=False),
        sa.Column("team_participant_id", sa.Uuid(), nullable=False),
        sa.Column("firm_org_id", sa.Uuid(), nullable=False),
        sa.Column("unit_org_id", sa.Uuid(), nullable=False),
        sa.Column("outcome", sa.String(length=40), nullable=True),
        sa.Column("follow_up_on", sa.Date(), nullable=True),
        sa.Column("outcome_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome_by", sa.Uuid(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(outcome IS NULL) = (outcome_at IS NULL)",
            name=op.f("ck_docking_talks_outcome_has_moment"),
        ),
        sa.CheckConstraint(
            "outcome IS NOT NULL OR follow_up_on IS NULL",
            name=op.f("ck_docking_talks_follow_up_of_outcome"),
        ),
        sa.ForeignKeyConstraint(
            ["day_id"],
            ["docking_days.id"],
            name=op.f("fk_docking_talks_day_id_docking_days"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["firm_org_id"],
            ["organisations.id"],
            name=op.f("fk_docking_talks_firm_org_id_organisations"),
        ),
        sa.ForeignKeyConstraint(
            ["need_participant_id"],
            ["docking_participants.id"],
            name=op.f("fk_docking_talks_need_participant_id_docking_participants"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["outcome_by"], ["users.id"], name=op.f("fk_docking_talks_outcome_by_users")
        ),
        sa.ForeignKeyConstraint(
            ["slot_id"],
            ["docking_slots.id"],
            name=op.f("fk_docking_talks_slot_id_docking_slots"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["team_participant_id"],
            ["docking_participants.id"],
            name=op.f("fk_docking_talks_team_participant_id_docking_participants"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["unit_org_id"],
            ["organisations.id"],
            name=op.f("fk_docking_talks_unit_org_id_organisations"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_docking_talks")),
        sa.UniqueConstraint(
            "day_id",
            "need_participant_id",
            "team_participant_id",
            name=op.f(
                "uq_docking_talks_day_id_need_participant_id_team_participant_id"
            ),
        ),
        sa.UniqueConstraint(
            "slot_id", "firm_org_id", name=op.f("uq_docking_talks_slot_id_firm_org_id")
        ),
        sa.UniqueConstraint(
            "slot_id",
            "team_participant_id",
            name=op.f("uq_docking_talks_slot_id_team_participant_id"),
        ),
    )
    op.create_index(
        op.f("ix_docking_talks_firm_org_id"),
        "docking_talks",
        ["firm_org_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_docking_talks_unit_org_id"),
        "docking_talks",
        ["unit_org_id"],
        unique=False,
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_docking_talks_unit_org_id"), table_name="docking_talks")
    op.drop_index(op.f("ix_docking_talks_firm_org_id"), table_name="docking_talks")

    op.drop_table("docking_talks")
    op.drop_index(
        op.f("ix_docking_must_meets_team_participant_id"),
        table_name="docking_must_meets",
    )

    op.drop_table("docking_must_meets")
    op.drop_table("docking_slots")
    op.drop_table("docking_plans")
    op.drop_index(
        op.f("ix_docking_participants_org_id"), table_name="docking_participants"
    )

    op.drop_table("docking_participants")
    op.drop_table("docking_days")
