"""Officers and dates of ties, personal declarations, checks for conflicts of interest.

Revision ID: 0008
Revises: 0007
Create Date: 2026-11-22
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TIES = "organisation_ties"
KINDS = "kind IN ('controller','shareholder','related')"
MORE_KINDS = "kind IN ('controller','shareholder','related','officer')"
OF_TIES = {
    "not_to_itself": "org_id <> other_org_id",
    "someone": "other_org_id IS NOT NULL OR length(name) > 0",
    "share_range": (
        "share_percent IS NULL OR (share_percent >= 0 AND share_percent <= 10000)"
    ),
}
NEW_OF_TIES = {
    "officer_is_a_person": (
        "kind <> 'officer' OR (other_org_id IS NULL AND uscc IS NULL"
        " AND share_percent IS NULL)"
    ),
    "id_digest_length": "id_digest IS NULL OR length(id_digest) = 64",
    "dates": "valid_to IS NULL OR valid_from IS NULL OR valid_to >= valid_from",
}
OLD = (
    *("org_id", "position", "kind", "other_org_id", "name", "uscc"),
    *("share_percent", "source", "id"),
)
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def _new_columns() -> list[sa.Column]:
    return [
        sa.Column("duty", sa.String(length=60), nullable=False, server_default=""),
        sa.Column("id_digest", sa.String(length=64), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_to", sa.Date(), nullable=True),
    ]


def _rebuild(checks: dict[str, str], more: list[sa.Column]) -> None:
    """Make the table of ties anew on SQLite, which cannot change a constraint.

    No trigger stands on this table and no other table refers to it.
    """
    op.create_table(
        f"{TIES}_new",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("other_org_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("uscc", sa.String(length=18), nullable=True),
        sa.Column("share_percent", sa.BigInteger(), nullable=True),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        *more,
        *(
            sa.CheckConstraint(rule, name=op.f(f"ck_{TIES}_{name}"))
            for name, rule in checks.items()
        ),
        sa.ForeignKeyConstraint(
            ["org_id"],
            ["organisations.id"],
            name=op.f(f"fk_{TIES}_org_id_organisations"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["other_org_id"],
            ["organisations.id"],
            name=op.f(f"fk_{TIES}_other_org_id_organisations"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{TIES}")),
    )
    columns = ", ".join(OLD)
    op.execute(f"INSERT INTO {TIES}_new ({columns}) SELECT {columns} FROM {TIES}")
    op.drop_table(TIES)
    op.rename_table(f"{TIES}_new", TIES)
    for column in ("org_id", "other_org_id", "uscc"):
        op.create_index(f"ix_{TIES}_{column}", TIES, [column])


def _is_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def _widen_ties() -> None:
    if _is_postgresql():
        for column in _new_columns():
            op.add_column(TIES, column)
        op.drop_constraint(op.f(f"ck_{TIES}_kind_known"), TIES, type_="check")
        for name, rule in {"kind_known": MORE_KINDS, **NEW_OF_TIES}.items():
            op.create_check_constraint(op.f(f"ck_{TIES}_{name}"), TIES, rule)
    else:
        checks = {"kind_known": MORE_KINDS, **OF_TIES, **NEW_OF_TIES}
        _rebuild(checks, _new_columns())
    op.create_index(f"ix_{TIES}_id_digest", TIES, ["id_digest"])


def _narrow_ties() -> None:
    """Take officers out, for whom there was no place before."""
    op.execute(f"DELETE FROM {TIES} WHERE kind = 'officer'")
    op.drop_index(f"ix_{TIES}_id_digest", TIES)
    if not _is_postgresql():
        _rebuild({"kind_known": KINDS, **OF_TIES}, [])
        return
    for name in ("kind_known", *NEW_OF_TIES):
        op.drop_constraint(op.f(f"ck_{TIES}_{name}"), TIES, type_="check")
    for column in _new_columns():
        op.drop_column(TIES, column.name)
    op.create_check_constraint(op.f(f"ck_{TIES}_kind_known"), TIES, KINDS)


def upgrade() -> None:
    _widen_ties()
    op.create_table(
        "personal_ties",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("other_org_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("uscc", sa.String(length=18), nullable=True),
        sa.Column("share_percent", sa.BigInteger(), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("note", sa.String(length=500), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "kind IN ('employment','adviser','family','co_author','paid_work',"
            "'shareholding')",
            name=op.f("ck_personal_ties_kind_known"),
        ),
        sa.CheckConstraint(
            "other_org_id IS NOT NULL OR length(name) > 0",
            name=op.f("ck_personal_ties_someone"),
        ),
        sa.CheckConstraint(
            "share_percent IS NULL OR (kind = 'shareholding'"
            " AND share_percent >= 0 AND share_percent <= 10000)",
            name=op.f("ck_personal_ties_share_range"),
        ),
        sa.CheckConstraint(
            "valid_to IS NULL OR valid_from IS NULL OR valid_to >= valid_from",
            name=op.f("ck_personal_ties_dates"),
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_personal_ties_user_id_users")
        ),
        sa.ForeignKeyConstraint(
            ["other_org_id"],
            ["organisations.id"],
            name=op.f("fk_personal_ties_other_org_id_organisations"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_personal_ties")),
    )
    for column in ("user_id", "other_org_id", "uscc"):
        op.create_index(f"ix_personal_ties_{column}", "personal_ties", [column])
    op.create_table(
        "conflict_checks",
        sa.Column("purpose", sa.String(length=12), nullable=False),
        sa.Column("subject_kind", sa.String(length=32), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("left_parties", JSON, nullable=False),
        sa.Column("right_parties", JSON, nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("verdict", sa.String(length=12), nullable=False),
        sa.Column("outcome", sa.String(length=12), nullable=False),
        sa.Column("findings", JSON, nullable=False),
        sa.Column("unexplored", JSON, nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column(
            "decision",
            sa.Enum(
                "pending",
                "cleared",
                "upheld",
                name="state_known",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "purpose IN ('docking','expert','broker','contract')",
            name=op.f("ck_conflict_checks_purpose_known"),
        ),
        sa.CheckConstraint(
            "verdict IN ('clear','declared','detected')",
            name=op.f("ck_conflict_checks_verdict_known"),
        ),
        sa.CheckConstraint(
            "outcome IN ('refuse','ask','mark','note','pass')",
            name=op.f("ck_conflict_checks_outcome_known"),
        ),
        sa.CheckConstraint(
            "(decision IS NULL OR decision = 'pending') = (decided_at IS NULL)",
            name=op.f("ck_conflict_checks_decided_at_some_time"),
        ),
        sa.CheckConstraint(
            "(outcome = 'ask') = (decision IS NOT NULL)",
            name=op.f("ck_conflict_checks_decided_where_asked"),
        ),
        sa.CheckConstraint(
            "verdict <> 'clear' OR outcome = 'pass'",
            name=op.f("ck_conflict_checks_clear_passes"),
        ),
        sa.CheckConstraint(
            "length(fingerprint) = 64",
            name=op.f("ck_conflict_checks_fingerprint_length"),
        ),
        sa.ForeignKeyConstraint(
            ["decided_by"],
            ["users.id"],
            name=op.f("fk_conflict_checks_decided_by_users"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conflict_checks")),
        sa.UniqueConstraint("fingerprint", name=op.f("uq_conflict_checks_fingerprint")),
    )
    op.create_index(
        "ix_conflict_checks_subject", "conflict_checks", ["subject_kind", "subject_id"]
    )
    op.create_index(
        "ix_conflict_checks_decision_id", "conflict_checks", ["decision", "id"]
    )


def downgrade() -> None:
    op.drop_table("conflict_checks")
    op.drop_table("personal_ties")
    _narrow_ties()
