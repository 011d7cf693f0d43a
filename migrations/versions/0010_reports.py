"""Reports that were issued are kept, and the store refuses to change them.

Revision ID: 0010
Revises: 0009
Create Date: 2026-11-23
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TABLE = "issued_reports"
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("period", sa.String(24), nullable=False),
        sa.Column("region", sa.String(6), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=True),
        sa.Column("org_key", sa.String(36), nullable=False),
        sa.Column("number", sa.String(40), nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("issued_by", sa.Uuid(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("content", JSON, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('monthly-bulletin','quarterly-rank','half-year','year',"
            "'conversion')",
            name=op.f("ck_issued_reports_kind_known"),
        ),
        sa.CheckConstraint(
            "revision >= 1", name=op.f("ck_issued_reports_revision_from_one")
        ),
        sa.CheckConstraint(
            "length(digest) = 64", name=op.f("ck_issued_reports_digest_length")
        ),
        sa.CheckConstraint(
            "as_of <= issued_at", name=op.f("ck_issued_reports_not_of_the_future")
        ),
        sa.CheckConstraint(
            "(kind = 'conversion') = (org_id IS NOT NULL)",
            name=op.f("ck_issued_reports_conversion_of_unit"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id"],
            ["organisations.id"],
            name="fk_issued_reports_org_id_organisations",
        ),
        sa.ForeignKeyConstraint(
            ["issued_by"], ["users.id"], name="fk_issued_reports_issued_by_users"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_issued_reports"),
        sa.UniqueConstraint(
            "kind",
            "region",
            "period",
            "org_key",
            "revision",
            name="uq_issued_reports_kind_region_period_org_key_revision",
        ),
        sa.UniqueConstraint("number", name="uq_issued_reports_number"),
    )
    op.create_index(
        "ix_issued_reports_kind_region", TABLE, ["kind", "region", "issued_at"]
    )
    op.create_index("ix_issued_reports_org_id", TABLE, ["org_id"])
    op.create_index(
        "ix_events_kind_state", "events", ["subject_kind", "to_state", "at"]
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            """
            CREATE FUNCTION refuse_report_change() RETURNS trigger AS $$
            BEGIN
              RAISE EXCEPTION 'an issued report does not change';
            END $$ LANGUAGE plpgsql
            """
        )
        op.execute(
            f"CREATE TRIGGER {TABLE}_frozen BEFORE UPDATE OR DELETE ON {TABLE} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_report_change()"
        )
        op.execute(
            f"CREATE TRIGGER {TABLE}_no_truncate BEFORE TRUNCATE ON {TABLE} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_report_change()"
        )
        return
    for change in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER {TABLE}_no_{change.lower()} BEFORE {change} ON {TABLE} "
            "BEGIN SELECT RAISE(ABORT, 'an issued report does not change'); END"
        )


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"DROP TRIGGER {TABLE}_frozen ON {TABLE}")
        op.execute(f"DROP TRIGGER {TABLE}_no_truncate ON {TABLE}")
        op.execute("DROP FUNCTION refuse_report_change()")
    else:
        for change in ("update", "delete"):
            op.execute(f"DROP TRIGGER {TABLE}_no_{change}")
    op.drop_index("ix_events_kind_state", "events")
    op.drop_table(TABLE)
