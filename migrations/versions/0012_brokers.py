"""Brokers, transfer institutions, ratings, and how commissions are shared.

Revision ID: 0012
Revises: 0011
Create Date: 2026-11-23
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
MOMENT = sa.DateTime(timezone=True)


def choice(*values: str, name: str) -> sa.Enum:
    return sa.Enum(
        *values, name=name, native_enum=False, create_constraint=True, length=32
    )


def upgrade() -> None:
    op.create_table(
        "broker_institutions",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column(
            "state",
            choice("APPLIED", "RECORDED", "EVALUATED", "REMOVED", name="state_known"),
            nullable=False,
        ),
        sa.Column("legal_type", sa.String(length=40), nullable=False),
        sa.Column("unit_type", sa.String(length=40), nullable=False),
        sa.Column("content", JSON, nullable=False),
        sa.Column("applied_at", MOMENT, nullable=False),
        sa.Column("recommended_at", MOMENT, nullable=True),
        sa.Column("recommended_by", sa.Uuid(), nullable=True),
        sa.Column("record_no", sa.String(length=32), nullable=True),
        sa.Column("record_level", sa.String(length=40), nullable=True),
        sa.Column("recorded_on", sa.Date(), nullable=True),
        sa.Column("grade", sa.String(length=40), nullable=True),
        sa.Column("evaluations", JSON, nullable=False),
        sa.Column("removal_reason", sa.String(length=2000), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.CheckConstraint(
            "state <> 'EVALUATED' OR grade IS NOT NULL",
            name=op.f("ck_broker_institutions_evaluated_has_grade"),
        ),
        sa.CheckConstraint(
            "state NOT IN ('RECORDED','EVALUATED')"
            " OR (record_no IS NOT NULL AND recorded_on IS NOT NULL)",
            name=op.f("ck_broker_institutions_recorded_has_number"),
        ),
        sa.CheckConstraint(
            "(recommended_at IS NULL) = (recommended_by IS NULL)",
            name=op.f("ck_broker_institutions_recommended_by_someone"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id"],
            ["organisations.id"],
            name=op.f("fk_broker_institutions_org_id_organisations"),
        ),
        sa.ForeignKeyConstraint(
            ["recommended_by"],
            ["users.id"],
            name=op.f("fk_broker_institutions_recommended_by_users"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_broker_institutions")),
        sa.UniqueConstraint("org_id", name=op.f("uq_broker_institutions_org_id")),
        sa.UniqueConstraint("record_no", name=op.f("uq_broker_institutions_record_no")),
    )
    op.create_index(
        "ix_broker_institutions_state_id",
        "broker_institutions",
        ["state", "id"],
        unique=False,
    )
    op.create_table(
        "brokers",
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column(
            "state",
            choice("PENDING", "VERIFIED", "SUSPENDED", name="state_known"),
            nullable=False,
        ),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("id_no", sa.String(length=20), nullable=False),
        sa.Column("education", sa.String(length=40), nullable=False),
        sa.Column("title", sa.String(length=60), nullable=False),
        sa.Column("certificate_no", sa.String(length=60), nullable=False),
        sa.Column("certificate_body", sa.String(length=120), nullable=False),
        sa.Column("grade", sa.String(length=40), nullable=True),
        sa.Column("obtained_on", sa.Date(), nullable=True),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("fields", JSON, nullable=False),
        sa.Column("service_years", sa.Integer(), nullable=True),
        sa.Column("cases", JSON, nullable=False),
        sa.Column("verified_at", MOMENT, nullable=True),
        sa.Column("verified_by", sa.Uuid(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.CheckConstraint(
            "state <> 'VERIFIED' OR (length(certificate_no) > 0"
            " AND length(certificate_body) > 0 AND grade IS NOT NULL)",
            name=op.f("ck_brokers_verified_has_certificate"),
        ),
        sa.CheckConstraint(
            "length(name) BETWEEN 1 AND 60", name=op.f("ck_brokers_name_length")
        ),
        sa.CheckConstraint(
            "service_years IS NULL OR service_years BETWEEN 0 AND 80",
            name=op.f("ck_brokers_service_years"),
        ),
        sa.CheckConstraint(
            "valid_until IS NULL OR obtained_on IS NULL OR valid_until >= obtained_on",
            name=op.f("ck_brokers_dates"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id"],
            ["organisations.id"],
            name=op.f("fk_brokers_org_id_organisations"),
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_brokers_user_id_users")
        ),
        sa.ForeignKeyConstraint(
            ["verified_by"], ["users.id"], name=op.f("fk_brokers_verified_by_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_brokers")),
        sa.UniqueConstraint("user_id", name=op.f("uq_brokers_user_id")),
    )
    op.create_index(op.f("ix_brokers_org_id"), "brokers", ["org_id"], unique=False)
    op.create_index("ix_brokers_state_id", "brokers", ["state", "id"], unique=False)
    op.create_index(
        "uq_brokers_certificate",
        "brokers",
        ["certificate_body", "certificate_no"],
        unique=True,
        sqlite_where=sa.text("certificate_no <> ''"),
        postgresql_where=sa.text("certificate_no <> ''"),
    )
    op.create_table(
        "broker_ratings",
        sa.Column("broker_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(length=1000), nullable=False),
        sa.Column("basis_kind", sa.String(length=10), nullable=False),
        sa.Column("basis_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.CheckConstraint(
            "basis_kind IN ('docking','contract')",
            name=op.f("ck_broker_ratings_basis_known"),
        ),
        sa.CheckConstraint(
            "score BETWEEN 1 AND 5", name=op.f("ck_broker_ratings_score_range")
        ),
        sa.ForeignKeyConstraint(
            ["broker_id"],
            ["brokers.id"],
            name=op.f("fk_broker_ratings_broker_id_brokers"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["org_id"],
            ["organisations.id"],
            name=op.f("fk_broker_ratings_org_id_organisations"),
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_broker_ratings_user_id_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_broker_ratings")),
        sa.UniqueConstraint(
            "broker_id", "user_id", name=op.f("uq_broker_ratings_broker_id_user_id")
        ),
    )
    op.create_index(
        op.f("ix_broker_ratings_user_id"), "broker_ratings", ["user_id"], unique=False
    )
    op.create_table(
        "commission_payments",
        sa.Column("contract_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("paid_on", sa.Date(), nullable=False),
        sa.Column("amount_yuan", sa.BigInteger(), nullable=False),
        sa.Column("voucher", sa.String(length=120), nullable=False),
        sa.Column("recorded_at", MOMENT, nullable=False),
        sa.Column("recorded_by", sa.Uuid(), nullable=True),
        sa.Column("recorded_for", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "amount_yuan > 0", name=op.f("ck_commission_payments_amount_positive")
        ),
        sa.CheckConstraint(
            "length(voucher) > 0", name=op.f("ck_commission_payments_voucher_given")
        ),
        sa.ForeignKeyConstraint(
            ["contract_id"],
            ["contracts.id"],
            name=op.f("fk_commission_payments_contract_id_contracts"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id"],
            ["organisations.id"],
            name=op.f("fk_commission_payments_org_id_organisations"),
        ),
        sa.ForeignKeyConstraint(
            ["recorded_by"],
            ["users.id"],
            name=op.f("fk_commission_payments_recorded_by_users"),
        ),
        sa.ForeignKeyConstraint(
            ["recorded_for"],
            ["organisations.id"],
            name=op.f("fk_commission_payments_recorded_for_organisations"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_commission_payments")),
        sa.UniqueConstraint(
            "contract_id",
            "number",
            name=op.f("uq_commission_payments_contract_id_number"),
        ),
        sa.UniqueConstraint(
            "contract_id",
            "voucher",
            name=op.f("uq_commission_payments_contract_id_voucher"),
        ),
    )
    op.create_index(
        op.f("ix_commission_payments_org_id"),
        "commission_payments",
        ["org_id"],
        unique=False,
    )
    op.create_table(
        "share_proposals",
        sa.Column("contract_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column(
            "state",
            choice("PROPOSED", "AGREED", "REFUSED", "SUPERSEDED", name="state_known"),
            nullable=False,
        ),
        sa.Column("note", sa.String(length=1000), nullable=False),
        sa.Column("proposed_at", MOMENT, nullable=False),
        sa.Column("proposed_by", sa.Uuid(), nullable=True),
        sa.Column("proposed_for", sa.Uuid(), nullable=False),
        sa.Column("decided_at", MOMENT, nullable=True),
        sa.Column("refusal", sa.String(length=2000), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "state <> 'AGREED' OR decided_at IS NOT NULL",
            name=op.f("ck_share_proposals_agreed_has_moment"),
        ),
        sa.CheckConstraint(
            "number >= 1", name=op.f("ck_share_proposals_number_from_one")
        ),
        sa.ForeignKeyConstraint(
            ["contract_id"],
            ["contracts.id"],
            name=op.f("fk_share_proposals_contract_id_contracts"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["proposed_by"],
            ["users.id"],
            name=op.f("fk_share_proposals_proposed_by_users"),
        ),
        sa.ForeignKeyConstraint(
            ["proposed_for"],
            ["organisations.id"],
            name=op.f("fk_share_proposals_proposed_for_organisations"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_share_proposals")),
        sa.UniqueConstraint(
            "contract_id", "number", name=op.f("uq_share_proposals_contract_id_number")
        ),
    )
    op.create_index(
        "uq_share_proposals_one_agreed",
        "share_proposals",
        ["contract_id"],
        unique=True,
        sqlite_where=sa.text("state = 'AGREED'"),
        postgresql_where=sa.text("state = 'AGREED'"),
    )
    op.create_index(
        "uq_share_proposals_one_proposed",
        "share_proposals",
        ["contract_id"],
        unique=True,
        sqlite_where=sa.text("state = 'PROPOSED'"),
        postgresql_where=sa.text("state = 'PROPOSED'"),
    )
    op.create_table(
        "contribution_shares",
        sa.Column("proposal_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("contribution", sa.String(length=40), nullable=False),
        sa.Column("percent", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "percent > 0 AND percent <= 10000",
            name=op.f("ck_contribution_shares_percent_range"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id"],
            ["organisations.id"],
            name=op.f("fk_contribution_shares_org_id_organisations"),
        ),
        sa.ForeignKeyConstraint(
            ["proposal_id"],
            ["share_proposals.id"],
            name=op.f("fk_contribution_shares_proposal_id_share_proposals"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contribution_shares")),
        sa.UniqueConstraint(
            "proposal_id",
            "position",
            name=op.f("uq_contribution_shares_proposal_id_position"),
        ),
    )
    op.create_index(
        op.f("ix_contribution_shares_org_id"),
        "contribution_shares",
        ["org_id"],
        unique=False,
    )
    op.create_table(
        "share_acceptances",
        sa.Column("proposal_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("accepted_at", MOMENT, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id"],
            ["organisations.id"],
            name=op.f("fk_share_acceptances_org_id_organisations"),
        ),
        sa.ForeignKeyConstraint(
            ["proposal_id"],
            ["share_proposals.id"],
            name=op.f("fk_share_acceptances_proposal_id_share_proposals"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_share_acceptances_user_id_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_share_acceptances")),
        sa.UniqueConstraint(
            "proposal_id",
            "org_id",
            name=op.f("uq_share_acceptances_proposal_id_org_id"),
        ),
        sa.UniqueConstraint(
            "proposal_id",
            "user_id",
            name=op.f("uq_share_acceptances_proposal_id_user_id"),
        ),
    )


def downgrade() -> None:
    op.drop_table("share_acceptances")
    op.drop_index(
        op.f("ix_contribution_shares_org_id"), table_name="contribution_shares"
    )
    op.drop_table("contribution_shares")
    op.drop_index(
        "uq_share_proposals_one_proposed",
        table_name="share_proposals",
        sqlite_where=sa.text("state = 'PROPOSED'"),
        postgresql_where=sa.text("state = 'PROPOSED'"),
    )
    op.drop_index(
        "uq_share_proposals_one_agreed",
        table_name="share_proposals",
        sqlite_where=sa.text("state = 'AGREED'"),
        postgresql_where=sa.text("state = 'AGREED'"),
    )
    op.drop_table("share_proposals")
    op.drop_index(
        op.f("ix_commission_payments_org_id"), table_name="commission_payments"
    )
    op.drop_table("commission_payments")
    op.drop_index(op.f("ix_broker_ratings_user_id"), table_name="broker_ratings")
    op.drop_table("broker_ratings")
    op.drop_index(
        "uq_brokers_certificate",
        table_name="brokers",
        sqlite_where=sa.text("certificate_no <> ''"),
        postgresql_where=sa.text("certificate_no <> ''"),
    )
    op.drop_index("ix_brokers_state_id", table_name="brokers")
    op.drop_index(op.f("ix_brokers_org_id"), table_name="brokers")
    op.drop_table("brokers")
    op.drop_index("ix_broker_institutions_state_id", table_name="broker_institutions")
    op.drop_table("broker_institutions")
