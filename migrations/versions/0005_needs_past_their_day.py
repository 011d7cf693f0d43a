"""Needs in the library that have passed their last day are found by an index.

Revision ID: 0005
Revises: 0004
Create Date: 2026-11-22
"""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

NAME = "ix_needs_state_valid_until"


def upgrade() -> None:
    op.create_index(NAME, "needs", ["state", "valid_until"])


def downgrade() -> None:
    op.drop_index(NAME, "needs")
