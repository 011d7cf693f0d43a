"""Experts who are asked about a registration, and what each of them said.

Revision ID: 0013
Revises: 0012
Create Date: 2026-11-23
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

TABLE = "registration_experts"
STATES = ("ASKED", "ANSWERED", "RECUSED", "RELEASED")
STANDING = sa.text("state <> 'RELEASED'")


def _to(column: str, table: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{TABLE}_{column}_{table}")
    return sa.ForeignKeyConstraint([column], [f"{table}.id"], name=name)


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("registration_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                *STATES,
                name="state_known",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("check_id", sa.Uuid(), nullable=False),
        sa.Column("appointed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("appointed_by", sa.Uuid(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("supports", sa.Boolean(), nullable=True),
        sa.Column("comment", sa.String(length=2000), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "state <> 'ANSWERED' OR (supports IS NOT NULL AND answered_at IS NOT NULL)",
            name=op.f(f"ck_{TABLE}_answer_is_complete"),
        ),
        _to("registration_id", "registrations"),
        _to("user_id", "users"),
        _to("org_id", "organisations"),
        _to("check_id", "conflict_checks"),
        _to("appointed_by", "users"),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{TABLE}")),
    )
    op.create_index(op.f(f"ix_{TABLE}_registration_id"), TABLE, ["registration_id"])
    op.create_index(op.f(f"ix_{TABLE}_user_id"), TABLE, ["user_id"])
    op.create_index(
        f"uq_{TABLE}_once",
        TABLE,
        ["registration_id", "user_id"],
        unique=True,
        sqlite_where=STANDING,
        postgresql_where=STANDING,
    )
    op.add_column(
        "registrations",
        sa.Column("experts_least", sa.Integer(), nullable=False, server_default="0"),
    )


def downgrade() -> None:
    op.drop_column("registrations", "experts_least")
    op.drop_table(TABLE)
