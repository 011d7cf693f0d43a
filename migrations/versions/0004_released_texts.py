"""A reviewer reads a text only once it has left its unit.

Revision ID: 0004
Revises: 0003
Create Date: 2026-11-22
"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TABLES = {
    "needs": ("need", ("submit", "admit"), ("revise",)),
    "offers": ("offer", ("unit-approve", "admit"), ("revise", "return")),
}
"""Table, kind in the ledger, actions that release a text, and those that recall it."""


def _actions(kind: str, names: tuple[str, ...]) -> str:
    return ", ".join(f"'{kind}.{name}'" for name in names)


def upgrade() -> None:
    for table, (kind, releasing, recalling) in TABLES.items():
        # A column with its own constraint: a rebuilt table would lose its triggers.
        op.execute(
            f"ALTER TABLE {table} ADD COLUMN released BOOLEAN DEFAULT false NOT NULL "
            f"CONSTRAINT ck_{table}_draft_not_released "
            "CHECK (state <> 'DRAFT' OR released = false)"
        )
        of_subject = f"e.subject_kind = '{kind}' AND e.subject_id = {table}.id"
        op.execute(
            f"UPDATE {table} SET released = true WHERE state <> 'DRAFT' AND EXISTS ("
            f"SELECT 1 FROM events e WHERE {of_subject} "
            f"AND e.action IN ({_actions(kind, releasing)}) AND NOT EXISTS ("
            "SELECT 1 FROM events later WHERE later.subject_kind = e.subject_kind "
            "AND later.subject_id = e.subject_id AND later.id > e.id "
            f"AND later.action IN ({_actions(kind, recalling)})))"
        )


def downgrade() -> None:
    for table in TABLES:
        op.execute(f"ALTER TABLE {table} DROP COLUMN released")
