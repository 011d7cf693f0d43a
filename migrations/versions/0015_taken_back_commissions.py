"""Commissions are taken back by an entry of their own; no book is emptied at once.

Revision ID: 0015
Revises: 0014
Create Date: 2026-11-23
"""

from __future__ import annotations

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

TABLE = "commission_payments"
INDEX = "ix_commission_payments_reverses_id"
APPEND_ONLY = ("contract_payments", "docking_meetings", "registration_facts", TABLE)
MESSAGE = "rows of this table are added and never changed"


def upgrade() -> None:
    on_postgres = op.get_bind().dialect.name == "postgresql"
    # A column with its own constraint: SQLite adds no constraint to a table.
    op.execute(
        f"ALTER TABLE {TABLE} ADD COLUMN reverses_id "
        f"{'UUID' if on_postgres else 'CHAR(32)'} "
        f"CONSTRAINT fk_{TABLE}_reverses_id_{TABLE} REFERENCES {TABLE} (id)"
    )
    op.create_index(INDEX, TABLE, ["reverses_id"])
    if not on_postgres:
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {TABLE}_no_{change.lower()} BEFORE {change} ON "
                f"{TABLE} BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END"
            )
        return
    op.execute(
        f"CREATE TRIGGER {TABLE}_append_only BEFORE UPDATE OR DELETE ON {TABLE} "
        "FOR EACH ROW EXECUTE FUNCTION refuse_row_change()"
    )
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_row_change()"
        )


def downgrade() -> None:
    on_postgres = op.get_bind().dialect.name == "postgresql"
    if on_postgres:
        for table in APPEND_ONLY:
            op.execute(f"DROP TRIGGER {table}_no_truncate ON {table}")
        op.execute(f"DROP TRIGGER {TABLE}_append_only ON {TABLE}")
    else:
        for change in ("update", "delete"):
            op.execute(f"DROP TRIGGER {TABLE}_no_{change}")
    op.drop_index(INDEX, TABLE)
    if on_postgres:
        op.execute(f"ALTER TABLE {TABLE} DROP COLUMN reverses_id")
        return
    # SQLite drops no column that another table's key, or its own, refers by.
    with op.batch_alter_table(TABLE) as batch:
        batch.drop_column("reverses_id")
