"""Dockings, contracts, registrations, and what somebody owes.

Revision ID: 0006
Revises: 0005
Create Date: 2026-11-22
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

CIRCULAR = (
    (
        "fk_dockings_contract_id_contracts",
        "dockings",
        "contracts",
        "contract_id",
    ),
    (
        "fk_contracts_current_version_id_contract_versions",
        "contracts",
        "contract_versions",
        "current_version_id",
    ),
    (
        "fk_trial_licences_contract_id_contracts",
        "trial_licences",
        "contracts",
        "contract_id",
    ),
)
# PostgreSQL adds these when both tables exist; SQLite has them in its tables.
APPEND_ONLY = ("contract_payments", "docking_meetings", "registration_facts")
PAUSABLE = ("needs", "offers")


def upgrade() -> None:
    op.create_table(
        "duties",
        sa.Column("subject_kind", sa.String(length=20), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("number", sa.String(length=32), nullable=False),
        sa.Column("step", sa.String(length=40), nullable=False),
        sa.Column("addressee", sa.String(length=80), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=True),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column(
            "role",
            sa.Enum(
                "demand",
                "supplier",
                "unit_admin",
                "district_reviewer",
                "operator",
                "expert",
                "final_user",
                "broker",
                "registry_clerk",
                "registry_reviewer",
                "provincial_authority",
                "fund_manager",
                name="value_known",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("region", sa.String(length=6), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("remind_on", sa.Date(), nullable=False),
        sa.Column("reminded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("escalated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id"],
            ["organisations.id"],
            name=op.f("fk_duties_org_id_organisations"),
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_duties_user_id_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duties")),
    )
    op.create_index(
        "ix_duties_open_due", "duties", ["closed_at", "due_on", "id"], unique=False
    )
    op.create_index("ix_duties_org", "duties", ["org_id", "closed_at"], unique=False)
    op.create_index(op.f("ix_duties_user_id"), "duties", ["user_id"], unique=False)
    op.create_index(
        "uq_duties_open",
        "duties",
        ["subject_kind", "subject_id", "step", "addressee"],
        unique=True,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_table(
        "dockings",
        sa.Column("docking_no", sa.String(length=32), nullable=False),
        sa.Column("need_id", sa.Uuid(), nullable=False),
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column("need_org_id", sa.Uuid(), nullable=False),
        sa.Column("offer_org_id", sa.Uuid(), nullable=False),
        sa.Column("broker_id", sa.Uuid(), nullable=True),
        sa.Column("broker_org_id", sa.Uuid(), nullable=True),
        sa.Column("opened_by", sa.Uuid(), nullable=True),
        sa.Column(
            "opened_side",
            sa.Enum(
                "need",
                "offer",
                "broker",
                name="opened_side_known",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("message", sa.String(length=1000), nullable=False),
        sa.Column(
            "match",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "RECOMMENDED",
                "INTERESTED",
                "CONTACTED",
                "MEETING",
                "NDA",
                "SOLUTION",
                "INTENT",
                "SIGNED",
                "LOST",
                name="state_known",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "interested",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "moved_side",
            sa.Enum(
                "need",
                "offer",
                "broker",
                name="moved_side_known",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("nda_number", sa.Integer(), nullable=True),
        sa.Column(
            "intent",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column("intent_amount_yuan", sa.BigInteger(), nullable=True),
        sa.Column("intent_signed_on", sa.Date(), nullable=True),
        sa.Column("contract_id", sa.Uuid(), nullable=True),
        sa.Column("lost_reason", sa.String(length=40), nullable=True),
        sa.Column("lost_comment", sa.String(length=2000), nullable=False),
        sa.Column(
            "lost_side",
            sa.Enum(
                "need",
                "offer",
                "broker",
                name="lost_side_known",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(state = 'LOST') = (lost_reason IS NOT NULL)",
            name=op.f("ck_dockings_lost_has_reason"),
        ),
        sa.CheckConstraint(
            "need_org_id <> offer_org_id", name=op.f("ck_dockings_two_sides")
        ),
        sa.ForeignKeyConstraint(
            ["broker_id"], ["users.id"], name=op.f("fk_dockings_broker_id_users")
        ),
        sa.ForeignKeyConstraint(
            ["broker_org_id"],
            ["organisations.id"],
            name=op.f("fk_dockings_broker_org_id_organisations"),
        ),
        sa.ForeignKeyConstraint(
            ["contract_id"],
            ["contracts.id"],
            name=op.f("fk_dockings_contract_id_contracts"),
            use_alter=True,
        ),
        sa.ForeignKeyConstraint(
            ["need_id"], ["needs.id"], name=op.f("fk_dockings_need_id_needs")
        ),
        sa.ForeignKeyConstraint(
            ["need_org_id"],
            ["organisations.id"],
            name=op.f("fk_dockings_need_org_id_organisations"),
        ),
        sa.ForeignKeyConstraint(
            ["offer_id"], ["offers.id"], name=op.f("fk_dockings_offer_id_offers")
        ),
        sa.ForeignKeyConstraint(
            ["offer_org_id"],
            ["organisations.id"],
            name=op.f("fk_dockings_offer_org_id_organisations"),
        ),
        sa.ForeignKeyConstraint(
            ["opened_by"], ["users.id"], name=op.f("fk_dockings_opened_by_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dockings")),
        sa.UniqueConstraint("docking_no", name=op.f("uq_dockings_docking_no")),
    )
    op.create_index(
        op.f("ix_dockings_broker_id"), "dockings", ["broker_id"], unique=False
    )
    op.create_index(op.f("ix_dockings_need_id"), "dockings", ["need_id"], unique=False)
    op.create_index(
        op.f("ix_dockings_need_org_id"), "dockings", ["need_org_id"], unique=False
    )
    op.create_index(
        op.f("ix_dockings_offer_id"), "dockings", ["offer_id"], unique=False
    )
    op.create_index(
        op.f("ix_dockings_offer_org_id"), "dockings", ["offer_org_id"], unique=False
    )
    op.create_index("ix_dockings_state_id", "dockings", ["state", "id"], unique=False)
    op.create_index(
        "uq_dockings_open_pair",
        "dockings",
        ["need_id", "offer_id"],
        unique=True,
        sqlite_where=sa.text("state NOT IN ('LOST')"),
        postgresql_where=sa.text("state NOT IN ('LOST')"),
    )
    op.create_table(
        "contracts",
        sa.Column("contract_no", sa.String(length=32), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "DRAFT",
                "SIGNED",
                "EFFECTIVE",
                "PERFORMING",
                "COMPLETED",
                "RESCINDED",
                "VOID",
                name="state_known",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_for", sa.Uuid(), nullable=False),
        sa.Column("need_id", sa.Uuid(), nullable=True),
        sa.Column("offer_id", sa.Uuid(), nullable=True),
        sa.Column("docking_id", sa.Uuid(), nullable=True),
        sa.Column("current_version_id", sa.Uuid(), nullable=True),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("contract_class", sa.String(length=40), nullable=True),
        sa.Column("tech_field", sa.String(length=40), nullable=True),
        sa.Column("signed_on", sa.Date(), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("total_yuan", sa.BigInteger(), nullable=True),
        sa.Column("technical_yuan", sa.BigInteger(), nullable=True),
        sa.Column("is_related", sa.Boolean(), nullable=False),
        sa.Column("concluded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("effective_on", sa.Date(), nullable=True),
        sa.Column("completed_on", sa.Date(), nullable=True),
        sa.Column("rescinded_on", sa.Date(), nullable=True),
        sa.Column(
            "rescission",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state IN ('DRAFT') OR concluded_at IS NOT NULL",
            name=op.f("ck_contracts_signed_has_moment"),
        ),
        sa.CheckConstraint(
            "technical_yuan IS NULL OR total_yuan IS NULL OR technical_yuan <= total_yuan",
            name=op.f("ck_contracts_technical_within_total"),
        ),
        sa.CheckConstraint(
            "total_yuan >= 0 AND technical_yuan >= 0",
            name=op.f("ck_contracts_amounts_not_negative"),
        ),
        sa.ForeignKeyConstraint(
            ["created_by"], ["users.id"], name=op.f("fk_contracts_created_by_users")
        ),
        sa.ForeignKeyConstraint(
            ["created_for"],
            ["organisations.id"],
            name=op.f("fk_contracts_created_for_organisations"),
        ),
        sa.ForeignKeyConstraint(
            ["current_version_id"],
            ["contract_versions.id"],
            name=op.f("fk_contracts_current_version_id_contract_versions"),
            use_alter=True,
        ),
        sa.ForeignKeyConstraint(
            ["docking_id"],
            ["dockings.id"],
            name=op.f("fk_contracts_docking_id_dockings"),
        ),
        sa.ForeignKeyConstraint(
            ["need_id"], ["needs.id"], name=op.f("fk_contracts_need_id_needs")
        ),
        sa.ForeignKeyConstraint(
            ["offer_id"], ["offers.id"], name=op.f("fk_contracts_offer_id_offers")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contracts")),
        sa.UniqueConstraint("contract_no", name=op.f("uq_contracts_contract_no")),
        sa.UniqueConstraint(
            "current_version_id", name=op.f("uq_contracts_current_version_id")
        ),
    )
    op.create_index(
        op.f("ix_contracts_created_for"), "contracts", ["created_for"], unique=False
    )
    op.create_index(
        op.f("ix_contracts_docking_id"), "contracts", ["docking_id"], unique=False
    )
    op.create_index(
        op.f("ix_contracts_need_id"), "contracts", ["need_id"], unique=False
    )
    op.create_index(
        op.f("ix_contracts_offer_id"), "contracts", ["offer_id"], unique=False
    )
    op.create_index("ix_contracts_state_id", "contracts", ["state", "id"], unique=False)
    op.create_table(
        "docking_meetings",
        sa.Column("docking_id", sa.Uuid(), nullable=False),
        sa.Column("logged_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("logged_by", sa.Uuid(), nullable=True),
        sa.Column(
            "side",
            sa.Enum(
                "need",
                "offer",
                "broker",
                name="value_known",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("place", sa.String(length=200), nullable=False),
        sa.Column("is_online", sa.Boolean(), nullable=False),
        sa.Column(
            "participants",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column("content", sa.String(length=4000), nullable=False),
        sa.Column("next_step", sa.String(length=500), nullable=False),
        sa.Column(
            "next_side",
            sa.Enum(
                "need",
                "offer",
                "broker",
                name="next_side_known",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("next_on", sa.Date(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "ends_at > starts_at", name=op.f("ck_docking_meetings_ends_after_start")
        ),
        sa.ForeignKeyConstraint(
            ["docking_id"],
            ["dockings.id"],
            name=op.f("fk_docking_meetings_docking_id_dockings"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["logged_by"],
            ["users.id"],
            name=op.f("fk_docking_meetings_logged_by_users"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_docking_meetings")),
    )
    op.create_index(
        op.f("ix_docking_meetings_docking_id"),
        "docking_meetings",
        ["docking_id"],
        unique=False,
    )
    op.create_table(
        "docking_ndas",
        sa.Column("docking_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("attachment_id", sa.Uuid(), nullable=True),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column(
            "proposed_side",
            sa.Enum(
                "need",
                "offer",
                "broker",
                name="value_known",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("proposed_by", sa.Uuid(), nullable=True),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "length(text) > 0 OR attachment_id IS NOT NULL",
            name=op.f("ck_docking_ndas_says_something"),
        ),
        sa.ForeignKeyConstraint(
            ["attachment_id"],
            ["attachments.id"],
            name=op.f("fk_docking_ndas_attachment_id_attachments"),
        ),
        sa.ForeignKeyConstraint(
            ["docking_id"],
            ["dockings.id"],
            name=op.f("fk_docking_ndas_docking_id_dockings"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["proposed_by"],
            ["users.id"],
            name=op.f("fk_docking_ndas_proposed_by_users"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_docking_ndas")),
        sa.UniqueConstraint(
            "docking_id", "number", name=op.f("uq_docking_ndas_docking_id_number")
        ),
    )
    op.create_table(
        "docking_proposals",
        sa.Column("docking_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column(
            "side",
            sa.Enum(
                "need",
                "offer",
                "broker",
                name="value_known",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("proposed_by", sa.Uuid(), nullable=True),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "terms",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("accepted_by", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["accepted_by"],
            ["users.id"],
            name=op.f("fk_docking_proposals_accepted_by_users"),
        ),
        sa.ForeignKeyConstraint(
            ["docking_id"],
            ["dockings.id"],
            name=op.f("fk_docking_proposals_docking_id_dockings"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["proposed_by"],
            ["users.id"],
            name=op.f("fk_docking_proposals_proposed_by_users"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_docking_proposals")),
        sa.UniqueConstraint(
            "docking_id", "number", name=op.f("uq_docking_proposals_docking_id_number")
        ),
    )
    op.create_table(
        "nda_acceptances",
        sa.Column("docking_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column(
            "side",
            sa.Enum(
                "need",
                "offer",
                "broker",
                name="value_known",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["docking_id"],
            ["dockings.id"],
            name=op.f("fk_nda_acceptances_docking_id_dockings"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["org_id"],
            ["organisations.id"],
            name=op.f("fk_nda_acceptances_org_id_organisations"),
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_nda_acceptances_user_id_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_nda_acceptances")),
        sa.UniqueConstraint(
            "docking_id",
            "number",
            "user_id",
            name=op.f("uq_nda_acceptances_docking_id_number_user_id"),
        ),
    )
    op.create_index(
        op.f("ix_nda_acceptances_user_id"), "nda_acceptances", ["user_id"], unique=False
    )
    op.create_table(
        "trial_licences",
        sa.Column("docking_id", sa.Uuid(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "PROPOSED",
                "RUNNING",
                "ENDED",
                "CONVERTED",
                "DROPPED",
                name="state_known",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "proposed_side",
            sa.Enum(
                "need",
                "offer",
                "broker",
                name="value_known",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("site", sa.String(length=200), nullable=False),
        sa.Column(
            "indicators",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column("liability_cap_yuan", sa.BigInteger(), nullable=True),
        sa.Column("price_yuan", sa.BigInteger(), nullable=True),
        sa.Column("result", sa.String(length=2000), nullable=False),
        sa.Column("contract_id", sa.Uuid(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(state = 'CONVERTED') = (contract_id IS NOT NULL)",
            name=op.f("ck_trial_licences_converted_by_contract"),
        ),
        sa.CheckConstraint(
            "ends_on > starts_on", name=op.f("ck_trial_licences_ends_after_start")
        ),
        sa.CheckConstraint(
            "liability_cap_yuan >= 0 AND price_yuan >= 0",
            name=op.f("ck_trial_licences_amounts_not_negative"),
        ),
        sa.ForeignKeyConstraint(
            ["contract_id"],
            ["contracts.id"],
            name=op.f("fk_trial_licences_contract_id_contracts"),
            use_alter=True,
        ),
        sa.ForeignKeyConstraint(
            ["docking_id"],
            ["dockings.id"],
            name=op.f("fk_trial_licences_docking_id_dockings"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trial_licences")),
    )
    op.create_index(
        op.f("ix_trial_licences_docking_id"),
        "trial_licences",
        ["docking_id"],
        unique=False,
    )
    op.create_table(
        "contract_parties",
        sa.Column("contract_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column(
            "side",
            sa.Enum(
                "buyer",
                "seller",
                "broker",
                name="value_known",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("org_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("region", sa.String(length=6), nullable=False),
        sa.Column("party_nature", sa.String(length=40), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["contract_id"],
            ["contracts.id"],
            name=op.f("fk_contract_parties_contract_id_contracts"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["org_id"],
            ["organisations.id"],
            name=op.f("fk_contract_parties_org_id_organisations"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contract_parties")),
        sa.UniqueConstraint(
            "contract_id",
            "position",
            name=op.f("uq_contract_parties_contract_id_position"),
        ),
    )
    op.create_index(
        op.f("ix_contract_parties_contract_id"),
        "contract_parties",
        ["contract_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_contract_parties_org_id"), "contract_parties", ["org_id"], unique=False
    )
    op.create_table(
        "contract_payments",
        sa.Column("contract_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "received",
                "returned",
                name="value_known",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("instalment", sa.Integer(), nullable=True),
        sa.Column("reverses_id", sa.Uuid(), nullable=True),
        sa.Column("paid_on", sa.Date(), nullable=False),
        sa.Column("amount_yuan", sa.BigInteger(), nullable=False),
        sa.Column("technical_yuan", sa.BigInteger(), nullable=False),
        sa.Column(
            "deductions",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column("technical_income_yuan", sa.BigInteger(), nullable=False),
        sa.Column("voucher", sa.String(length=120), nullable=False),
        sa.Column("note", sa.String(length=500), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.Uuid(), nullable=True),
        sa.Column("recorded_for", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "(kind = 'returned') = (reverses_id IS NOT NULL)",
            name=op.f("ck_contract_payments_returned_of_what"),
        ),
        sa.CheckConstraint(
            "amount_yuan > 0", name=op.f("ck_contract_payments_amount_positive")
        ),
        sa.CheckConstraint(
            "technical_income_yuan >= 0 AND technical_income_yuan <= technical_yuan",
            name=op.f("ck_contract_payments_income_within_technical"),
        ),
        sa.CheckConstraint(
            "technical_yuan >= 0 AND technical_yuan <= amount_yuan",
            name=op.f("ck_contract_payments_technical_within_amount"),
        ),
        sa.ForeignKeyConstraint(
            ["contract_id"],
            ["contracts.id"],
            name=op.f("fk_contract_payments_contract_id_contracts"),
        ),
        sa.ForeignKeyConstraint(
            ["recorded_by"],
            ["users.id"],
            name=op.f("fk_contract_payments_recorded_by_users"),
        ),
        sa.ForeignKeyConstraint(
            ["recorded_for"],
            ["organisations.id"],
            name=op.f("fk_contract_payments_recorded_for_organisations"),
        ),
        sa.ForeignKeyConstraint(
            ["reverses_id"],
            ["contract_payments.id"],
            name=op.f("fk_contract_payments_reverses_id_contract_payments"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contract_payments")),
        sa.UniqueConstraint(
            "contract_id",
            "number",
            name=op.f("uq_contract_payments_contract_id_number"),
        ),
    )
    op.create_index(
        op.f("ix_contract_payments_reverses_id"),
        "contract_payments",
        ["reverses_id"],
        unique=False,
    )
    op.create_table(
        "contract_versions",
        sa.Column("contract_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "DRAFT",
                "PROPOSED",
                "IN_FORCE",
                "SUPERSEDED",
                "REFUSED",
                name="state_known",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "content",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column("reason_kind", sa.String(length=40), nullable=True),
        sa.Column("reason", sa.String(length=2000), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_for", sa.Uuid(), nullable=True),
        sa.Column("in_force_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "number >= 1", name=op.f("ck_contract_versions_number_from_one")
        ),
        sa.ForeignKeyConstraint(
            ["contract_id"],
            ["contracts.id"],
            name=op.f("fk_contract_versions_contract_id_contracts"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["created_by"],
            ["users.id"],
            name=op.f("fk_contract_versions_created_by_users"),
        ),
        sa.ForeignKeyConstraint(
            ["created_for"],
            ["organisations.id"],
            name=op.f("fk_contract_versions_created_for_organisations"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contract_versions")),
        sa.UniqueConstraint(
            "contract_id",
            "number",
            name=op.f("uq_contract_versions_contract_id_number"),
        ),
    )
    op.create_index(
        "uq_contract_versions_one_proposed",
        "contract_versions",
        ["contract_id"],
        unique=True,
        sqlite_where=sa.text("state = 'PROPOSED'"),
        postgresql_where=sa.text("state = 'PROPOSED'"),
    )
    op.create_table(
        "registrations",
        sa.Column("contract_id", sa.Uuid(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "NONE",
                "APPLIED",
                "CORRECTION",
                "ACCEPTED",
                "FIRST_OK",
                "EXPERT",
                "REGISTERED",
                "REFUSED",
                "CHANGED",
                "CANCELLED",
                "REVOKED",
                name="state_known",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("registry_org_id", sa.Uuid(), nullable=True),
        sa.Column("applicant_org_id", sa.Uuid(), nullable=True),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("applied_by", sa.Uuid(), nullable=True),
        sa.Column("rule_set", sa.String(length=40), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("accepted_by", sa.Uuid(), nullable=True),
        sa.Column("first_by", sa.Uuid(), nullable=True),
        sa.Column("clock_from", sa.Date(), nullable=True),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("days_used", sa.Integer(), nullable=False),
        sa.Column(
            "expert_reasons",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "opinions",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "corrections",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "readiness",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "wanted",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "appeal",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column("outcome", sa.String(length=10), nullable=True),
        sa.Column("outcome_reason", sa.String(length=2000), nullable=False),
        sa.Column("reg_no", sa.String(length=20), nullable=True),
        sa.Column("registered_on", sa.Date(), nullable=True),
        sa.Column("registered_by", sa.Uuid(), nullable=True),
        sa.Column("version_number", sa.Integer(), nullable=True),
        sa.Column("total_yuan", sa.BigInteger(), nullable=True),
        sa.Column("technical_yuan", sa.BigInteger(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state NOT IN ('ACCEPTED','FIRST_OK','EXPERT') OR due_on IS NOT NULL",
            name=op.f("ck_registrations_judged_has_a_day"),
        ),
        sa.CheckConstraint(
            "state NOT IN ('REGISTERED','CHANGED','CANCELLED','REVOKED') OR reg_no IS NOT NULL",
            name=op.f("ck_registrations_registered_has_number"),
        ),
        sa.CheckConstraint(
            "registered_by IS NULL OR accepted_by IS NULL OR registered_by <> accepted_by",
            name=op.f("ck_registrations_accepted_by_another"),
        ),
        sa.ForeignKeyConstraint(
            ["accepted_by"],
            ["users.id"],
            name=op.f("fk_registrations_accepted_by_users"),
        ),
        sa.ForeignKeyConstraint(
            ["applicant_org_id"],
            ["organisations.id"],
            name=op.f("fk_registrations_applicant_org_id_organisations"),
        ),
        sa.ForeignKeyConstraint(
            ["applied_by"], ["users.id"], name=op.f("fk_registrations_applied_by_users")
        ),
        sa.ForeignKeyConstraint(
            ["contract_id"],
            ["contracts.id"],
            name=op.f("fk_registrations_contract_id_contracts"),
        ),
        sa.ForeignKeyConstraint(
            ["first_by"], ["users.id"], name=op.f("fk_registrations_first_by_users")
        ),
        sa.ForeignKeyConstraint(
            ["registered_by"],
            ["users.id"],
            name=op.f("fk_registrations_registered_by_users"),
        ),
        sa.ForeignKeyConstraint(
            ["registry_org_id"],
            ["organisations.id"],
            name=op.f("fk_registrations_registry_org_id_organisations"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registrations")),
        sa.UniqueConstraint("contract_id", name=op.f("uq_registrations_contract_id")),
        sa.UniqueConstraint("reg_no", name=op.f("uq_registrations_reg_no")),
    )
    op.create_index(
        op.f("ix_registrations_applicant_org_id"),
        "registrations",
        ["applicant_org_id"],
        unique=False,
    )
    op.create_index(
        "ix_registrations_registry_state",
        "registrations",
        ["registry_org_id", "state"],
        unique=False,
    )
    op.create_table(
        "contract_signatures",
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column(
            "side",
            sa.Enum(
                "buyer",
                "seller",
                "broker",
                name="value_known",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("party_key", sa.String(length=120), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=True),
        sa.Column("signer", sa.String(length=60), nullable=False),
        sa.Column("signed_on", sa.Date(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.Uuid(), nullable=True),
        sa.Column("attachment_id", sa.Uuid(), nullable=True),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["attachment_id"],
            ["attachments.id"],
            name=op.f("fk_contract_signatures_attachment_id_attachments"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id"],
            ["organisations.id"],
            name=op.f("fk_contract_signatures_org_id_organisations"),
        ),
        sa.ForeignKeyConstraint(
            ["recorded_by"],
            ["users.id"],
            name=op.f("fk_contract_signatures_recorded_by_users"),
        ),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["contract_versions.id"],
            name=op.f("fk_contract_signatures_version_id_contract_versions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contract_signatures")),
        sa.UniqueConstraint(
            "version_id",
            "side",
            "party_key",
            name=op.f("uq_contract_signatures_version_id_side_party_key"),
        ),
    )
    op.create_table(
        "registration_facts",
        sa.Column("registration_id", sa.Uuid(), nullable=False),
        sa.Column("contract_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("on_day", sa.Date(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("total_yuan", sa.BigInteger(), nullable=False),
        sa.Column("technical_yuan", sa.BigInteger(), nullable=False),
        sa.Column("contract_class", sa.String(length=4), nullable=False),
        sa.Column("tech_field", sa.String(length=4), nullable=False),
        sa.Column("ip_type", sa.String(length=4), nullable=False),
        sa.Column("plan_source", sa.String(length=4), nullable=False),
        sa.Column("seller_region", sa.String(length=6), nullable=False),
        sa.Column("buyer_region", sa.String(length=6), nullable=False),
        sa.Column("seller_nature", sa.String(length=4), nullable=False),
        sa.Column("buyer_nature", sa.String(length=4), nullable=False),
        sa.Column("registry_org_id", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('registered','changed','cancelled','revoked','restored')",
            name=op.f("ck_registration_facts_kind_known"),
        ),
        sa.ForeignKeyConstraint(
            ["contract_id"],
            ["contracts.id"],
            name=op.f("fk_registration_facts_contract_id_contracts"),
        ),
        sa.ForeignKeyConstraint(
            ["registration_id"],
            ["registrations.id"],
            name=op.f("fk_registration_facts_registration_id_registrations"),
        ),
        sa.ForeignKeyConstraint(
            ["registry_org_id"],
            ["organisations.id"],
            name=op.f("fk_registration_facts_registry_org_id_organisations"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registration_facts")),
    )
    op.create_index(
        op.f("ix_registration_facts_contract_id"),
        "registration_facts",
        ["contract_id"],
        unique=False,
    )
    op.create_index(
        "ix_registration_facts_day",
        "registration_facts",
        ["on_day", "at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_registration_facts_registration_id"),
        "registration_facts",
        ["registration_id"],
        unique=False,
    )
    if op.get_bind().dialect.name == "postgresql":
        for name, table, referred, column in CIRCULAR:
            op.create_foreign_key(name, table, referred, [column], ["id"])
        op.execute(
            """
            CREATE FUNCTION refuse_row_change() RETURNS trigger AS $$
            BEGIN
              RAISE EXCEPTION 'rows of this table are added and never changed';
            END $$ LANGUAGE plpgsql
            """
        )
        for table in APPEND_ONLY:
            op.execute(
                f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE "
                f"ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_row_change()"
            )
    else:
        for table in APPEND_ONLY:
            for change in ("UPDATE", "DELETE"):
                op.execute(
                    f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} "
                    f"ON {table} BEGIN SELECT RAISE(ABORT, "
                    "'rows of this table are added and never changed'); END"
                )
    for table in PAUSABLE:
        for column in ("paused_at", "resumed_at"):
            op.add_column(
                table, sa.Column(column, sa.DateTime(timezone=True), nullable=True)
            )
        op.create_index(
            f"ix_{table}_paused",
            table,
            ["paused_at"],
            unique=False,
            sqlite_where=sa.text("paused_at IS NOT NULL"),
            postgresql_where=sa.text("paused_at IS NOT NULL"),
        )


def downgrade() -> None:
    for table in PAUSABLE:
        op.execute(f"DROP INDEX ix_{table}_paused")
        for column in ("paused_at", "resumed_at"):
            op.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
    if op.get_bind().dialect.name == "postgresql":
        for table in APPEND_ONLY:
            op.execute(f"DROP TRIGGER {table}_append_only ON {table}")
        op.execute("DROP FUNCTION refuse_row_change()")
        for name, table, _, _ in CIRCULAR:
            op.drop_constraint(name, table, type_="foreignkey")
    op.drop_index(
        op.f("ix_registration_facts_registration_id"), table_name="registration_facts"
    )
    op.drop_index("ix_registration_facts_day", table_name="registration_facts")
    op.drop_index(
        op.f("ix_registration_facts_contract_id"), table_name="registration_facts"
    )
    # The tables point at each other: rows let go of what is dropped before them.
    op.execute("UPDATE contracts SET current_version_id = NULL")
    op.execute("UPDATE dockings SET contract_id = NULL")
    op.drop_table("registration_facts")
    op.drop_table("contract_signatures")
    op.drop_index("ix_registrations_registry_state", table_name="registrations")
    op.drop_index(op.f("ix_registrations_applicant_org_id"), table_name="registrations")
    op.drop_table("registrations")
    op.drop_index(
        "uq_contract_versions_one_proposed",
        table_name="contract_versions",
        sqlite_where=sa.text("state = 'PROPOSED'"),
        postgresql_where=sa.text("state = 'PROPOSED'"),
    )
    op.drop_table("contract_versions")
    op.drop_index(
        op.f("ix_contract_payments_reverses_id"), table_name="contract_payments"
    )
    op.drop_table("contract_payments")
    op.drop_index(op.f("ix_contract_parties_org_id"), table_name="contract_parties")
    op.drop_index(
        op.f("ix_contract_parties_contract_id"), table_name="contract_parties"
    )
    op.drop_table("contract_parties")
    op.drop_index(op.f("ix_trial_licences_docking_id"), table_name="trial_licences")
    op.drop_table("trial_licences")
    op.drop_index(op.f("ix_nda_acceptances_user_id"), table_name="nda_acceptances")
    op.drop_table("nda_acceptances")
    op.drop_table("docking_proposals")
    op.drop_table("docking_ndas")
    op.drop_index(op.f("ix_docking_meetings_docking_id"), table_name="docking_meetings")
    op.drop_table("docking_meetings")
    op.drop_index("ix_contracts_state_id", table_name="contracts")
    op.drop_index(op.f("ix_contracts_offer_id"), table_name="contracts")
    op.drop_index(op.f("ix_contracts_need_id"), table_name="contracts")
    op.drop_index(op.f("ix_contracts_docking_id"), table_name="contracts")
    op.drop_index(op.f("ix_contracts_created_for"), table_name="contracts")
    op.drop_table("contracts")
    op.drop_index(
        "uq_dockings_open_pair",
        table_name="dockings",
        sqlite_where=sa.text("state NOT IN ('LOST')"),
        postgresql_where=sa.text("state NOT IN ('LOST')"),
    )
    op.drop_index("ix_dockings_state_id", table_name="dockings")
    op.drop_index(op.f("ix_dockings_offer_org_id"), table_name="dockings")
    op.drop_index(op.f("ix_dockings_offer_id"), table_name="dockings")
    op.drop_index(op.f("ix_dockings_need_org_id"), table_name="dockings")
    op.drop_index(op.f("ix_dockings_need_id"), table_name="dockings")
    op.drop_index(op.f("ix_dockings_broker_id"), table_name="dockings")
    op.drop_table("dockings")
    op.drop_index(
        "uq_duties_open",
        table_name="duties",
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.drop_index(op.f("ix_duties_user_id"), table_name="duties")
    op.drop_index("ix_duties_org", table_name="duties")
    op.drop_index("ix_duties_open_due", table_name="duties")
    op.drop_table("duties")
