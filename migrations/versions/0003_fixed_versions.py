"""A version of a need or an offer never changes once it is fixed.

Revision ID: 0003
Revises: 0002
Create Date: 2026-11-22
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

CHILDREN = {
    "need_versions": ("need_indicators", "need_intended_units", "need_attachments"),
    "offer_versions": ("offer_indicators", "offer_rights", "offer_attachments"),
}
DERIVED = {"search_public", "search_full"}
MESSAGE = "a fixed version never changes"


def _guarded(table: str) -> str:
    """Name the columns that hold the text; what the search derives may be redone."""
    found = sa.inspect(op.get_bind()).get_columns(table)
    return ", ".join(c["name"] for c in found if c["name"] not in DERIVED)


def _postgresql() -> None:
    op.execute(
        f"""
        CREATE FUNCTION refuse_fixed_change() RETURNS trigger AS $$
        BEGIN
          IF OLD.fixed_at IS NOT NULL THEN
            RAISE EXCEPTION '{MESSAGE}';
          END IF;
          RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
        END $$ LANGUAGE plpgsql
        """
    )
    op.execute(
        f"""
        CREATE FUNCTION refuse_fixed_child_change() RETURNS trigger AS $$
        DECLARE
          touched uuid[] := '{{}}';
          fixed boolean;
        BEGIN
          IF TG_OP <> 'INSERT' THEN touched := touched || OLD.version_id; END IF;
          IF TG_OP <> 'DELETE' THEN touched := touched || NEW.version_id; END IF;
          EXECUTE format(
            'SELECT EXISTS (SELECT 1 FROM %I WHERE id = ANY ($1)'
            ' AND fixed_at IS NOT NULL)', TG_ARGV[0]
          ) INTO fixed USING touched;
          IF fixed THEN RAISE EXCEPTION '{MESSAGE}'; END IF;
          RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
        END $$ LANGUAGE plpgsql
        """
    )
    for table, children in CHILDREN.items():
        op.execute(
            f"CREATE TRIGGER {table}_fixed BEFORE DELETE OR UPDATE OF "
            f"{_guarded(table)} ON {table} FOR EACH ROW "
            "EXECUTE FUNCTION refuse_fixed_change()"
        )
        for child in children:
            op.execute(
                f"CREATE TRIGGER {child}_fixed BEFORE INSERT OR UPDATE OR DELETE "
                f"ON {child} FOR EACH ROW "
                f"EXECUTE FUNCTION refuse_fixed_child_change('{table}')"
            )


def _sqlite() -> None:
    refuse = f"SELECT RAISE(ABORT, '{MESSAGE}')"
    for table, children in CHILDREN.items():
        for name, change in (
            ("update", f"UPDATE OF {_guarded(table)}"),
            ("delete", "DELETE"),
        ):
            op.execute(
                f"CREATE TRIGGER {table}_fixed_{name} BEFORE {change} ON {table} "
                f"WHEN OLD.fixed_at IS NOT NULL BEGIN {refuse}; END"
            )
        for child in children:
            for change, sides in (
                ("insert", ("NEW",)),
                ("update", ("OLD", "NEW")),
                ("delete", ("OLD",)),
            ):
                ids = ", ".join(f"{side}.version_id" for side in sides)
                op.execute(
                    f"CREATE TRIGGER {child}_fixed_{change} BEFORE {change.upper()} "
                    f"ON {child} WHEN EXISTS (SELECT 1 FROM {table} WHERE id IN "
                    f"({ids}) AND fixed_at IS NOT NULL) BEGIN {refuse}; END"
                )


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        _postgresql()
    else:
        _sqlite()


def downgrade() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    for table, children in CHILDREN.items():
        if postgresql:
            for name in (table, *children):
                op.execute(f"DROP TRIGGER {name}_fixed ON {name}")
            continue
        for change in ("update", "delete"):
            op.execute(f"DROP TRIGGER {table}_fixed_{change}")
        for child in children:
            for change in ("insert", "update", "delete"):
                op.execute(f"DROP TRIGGER {child}_fixed_{change}")
    if postgresql:
        op.execute("DROP FUNCTION refuse_fixed_change()")
        op.execute("DROP FUNCTION refuse_fixed_child_change()")
