"""Which version of a contract a registry has checked.

Revision ID: 0014
Revises: 0013
Create Date: 2026-11-23
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

CHECKED = """
    UPDATE registrations SET checked_version = (
        SELECT v.number FROM contract_versions v
        JOIN contracts c ON c.current_version_id = v.id
        WHERE c.id = registrations.contract_id
    )
    WHERE state IN ('FIRST_OK', 'EXPERT')
"""
"""What was checked before is not known: it was the version in force, or nearly."""


def upgrade() -> None:
    op.add_column(
        "registrations", sa.Column("checked_version", sa.Integer(), nullable=True)
    )
    op.execute(CHECKED)


def downgrade() -> None:
    op.drop_column("registrations", "checked_version")
