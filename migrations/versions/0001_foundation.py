"""foundation

Revision ID: 0001
Revises:
Create Date: 2026-11-21
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


CIRCULAR = (
    (
        "fk_needs_published_version_id_need_versions",
        "needs",
        "need_versions",
        "published_version_id",
    ),
    (
        "fk_needs_working_version_id_need_versions",
        "needs",
        "need_versions",
        "working_version_id",
    ),
    (
        "fk_offers_published_version_id_offer_versions",
        "offers",
        "offer_versions",
        "published_version_id",
    ),
    (
        "fk_offers_working_version_id_offer_versions",
        "offers",
        "offer_versions",
        "working_version_id",
    ),
)
# PostgreSQL adds these when both tables exist; SQLite has them in its tables.


def upgrade() -> None:
    op.create_table(
        "calendar_days",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("working", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_calendar_days")),
    )
    op.create_table(
        "calendar_years",
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("year", name=op.f("pk_calendar_years")),
    )
    op.create_table(
        "code_lists",
        sa.Column("list_id", sa.String(length=40), nullable=False),
        sa.Column("title_zh", sa.String(length=120), nullable=False),
        sa.Column("title_en", sa.String(length=120), nullable=False),
        sa.Column("owner_region", sa.String(length=6), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("list_id", name=op.f("pk_code_lists")),
    )
    op.create_table(
        "events",
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("actor_role", sa.String(length=32), nullable=False),
        sa.Column("actor_org_id", sa.Uuid(), nullable=True),
        sa.Column("subject_kind", sa.String(length=32), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("from_state", sa.String(length=32), nullable=True),
        sa.Column("to_state", sa.String(length=32), nullable=True),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column(
            "changes",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column("request_id", sa.String(length=64), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("length(action) > 0", name=op.f("ck_events_action_given")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
    )
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.create_index(
            "ix_events_subject", ["subject_kind", "subject_id", "at"], unique=False
        )

    op.create_table(
        "idempotent_answers",
        sa.Column("caller", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("request_hash", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column(
            "headers",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "length(key) BETWEEN 1 AND 255",
            name=op.f("ck_idempotent_answers_key_length"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_idempotent_answers")),
        sa.UniqueConstraint(
            "caller", "key", name=op.f("uq_idempotent_answers_caller_key")
        ),
    )
    op.create_table(
        "ledger_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_ledger_head_only_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_head")),
    )
    op.create_table(
        "organisations",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("name_key", sa.String(length=240), nullable=False),
        sa.Column("uscc", sa.String(length=18), nullable=True),
        sa.Column("org_type", sa.String(length=40), nullable=False),
        sa.Column("party_nature", sa.String(length=40), nullable=True),
        sa.Column("parent_org_id", sa.Uuid(), nullable=True),
        sa.Column("region", sa.String(length=6), nullable=False),
        sa.Column("address", sa.String(length=200), nullable=False),
        sa.Column("postcode", sa.String(length=10), nullable=False),
        sa.Column("legal_rep", sa.String(length=60), nullable=False),
        sa.Column("contact_name", sa.String(length=60), nullable=False),
        sa.Column("contact_phone", sa.String(length=40), nullable=False),
        sa.Column("contact_email", sa.String(length=254), nullable=False),
        sa.Column("supervising_body", sa.String(length=120), nullable=False),
        sa.Column("industry", sa.String(length=40), nullable=True),
        sa.Column("scale", sa.String(length=40), nullable=True),
        sa.Column("founded_on", sa.Date(), nullable=True),
        sa.Column("registered_capital_yuan", sa.BigInteger(), nullable=True),
        sa.Column("staff_total", sa.Integer(), nullable=True),
        sa.Column("staff_rd", sa.Integer(), nullable=True),
        sa.Column("revenue_last_year_yuan", sa.BigInteger(), nullable=True),
        sa.Column("rd_spend_last_year_yuan", sa.BigInteger(), nullable=True),
        sa.Column(
            "flags",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column("main_products", sa.String(length=300), nullable=False),
        sa.Column("intro", sa.String(length=500), nullable=False),
        sa.Column("credit_status", sa.String(length=10), nullable=False),
        sa.Column("bank_name", sa.String(length=120), nullable=False),
        sa.Column("bank_account", sa.String(length=40), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "PENDING",
                "VERIFIED",
                "SUSPENDED",
                "BLACKLISTED",
                "CLOSED",
                name="state_known",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("suspended_until", sa.Date(), nullable=True),
        sa.Column("suspension_reason", sa.Text(), nullable=False),
        sa.Column("suspension_document", sa.String(length=200), nullable=False),
        sa.Column("search_text", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(state IN ('SUSPENDED','BLACKLISTED')) = (suspended_until IS NOT NULL)",
            name=op.f("ck_organisations_sanction_has_end"),
        ),
        sa.CheckConstraint(
            "credit_status IN ('normal','watch','dishonest')",
            name=op.f("ck_organisations_credit_known"),
        ),
        sa.CheckConstraint(
            "state <> 'VERIFIED' OR uscc IS NOT NULL OR org_type = 'PERS' OR party_nature = '600'",
            name=op.f("ck_organisations_verified_has_uscc"),
        ),
        sa.CheckConstraint(
            "id <> parent_org_id", name=op.f("ck_organisations_not_its_own_parent")
        ),
        sa.CheckConstraint(
            "length(name) BETWEEN 1 AND 120", name=op.f("ck_organisations_name_length")
        ),
        sa.CheckConstraint(
            "registered_capital_yuan >= 0 AND revenue_last_year_yuan >= 0 AND rd_spend_last_year_yuan >= 0",
            name=op.f("ck_organisations_amounts_not_negative"),
        ),
        sa.CheckConstraint(
            "staff_total >= 0 AND staff_rd >= 0 AND staff_rd <= staff_total",
            name=op.f("ck_organisations_staff"),
        ),
        sa.CheckConstraint(
            "suspended_until IS NULL OR length(suspension_document) > 0",
            name=op.f("ck_organisations_sanction_has_document"),
        ),
        sa.CheckConstraint(
            "uscc IS NULL OR length(uscc) = 18",
            name=op.f("ck_organisations_uscc_length"),
        ),
        sa.ForeignKeyConstraint(
            ["parent_org_id"],
            ["organisations.id"],
            name=op.f("fk_organisations_parent_org_id_organisations"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organisations")),
        sa.UniqueConstraint("uscc", name=op.f("uq_organisations_uscc")),
    )
    with op.batch_alter_table("organisations", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_organisations_name_key"), ["name_key"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_organisations_parent_org_id"),
            ["parent_org_id"],
            unique=False,
        )
        batch_op.create_index(
            "uq_organisations_region_name_key",
            ["region", "name_key"],
            unique=True,
            sqlite_where=sa.text("state <> 'CLOSED'"),
            postgresql_where=sa.text("state <> 'CLOSED'"),
        )

    op.create_table(
        "outbox",
        sa.Column("topic", sa.String(length=64), nullable=False),
        sa.Column(
            "payload",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "WAITING",
                "DONE",
                "DEAD",
                name="state_known",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("attempts >= 0", name=op.f("ck_outbox_attempts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index("ix_outbox_due", ["state", "due_at"], unique=False)

    op.create_table(
        "rules",
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("region", sa.String(length=6), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column(
            "value",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column("mark", sa.String(length=2), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "valid_to IS NULL OR valid_to >= valid_from", name=op.f("ck_rules_dates")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rules")),
        sa.UniqueConstraint(
            "key", "region", "valid_from", name=op.f("uq_rules_key_region_valid_from")
        ),
    )
    op.create_table(
        "serial_numbers",
        sa.Column("series", sa.String(length=40), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.CheckConstraint("last >= 0", name=op.f("ck_serial_numbers_not_negative")),
        sa.PrimaryKeyConstraint("series", name=op.f("pk_serial_numbers")),
    )
    op.create_table(
        "sign_in_attempts",
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_attempts")),
    )
    with op.batch_alter_table("sign_in_attempts", schema=None) as batch_op:
        batch_op.create_index("ix_sign_in_attempts_key_at", ["key", "at"], unique=False)

    op.create_table(
        "users",
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("language", sa.String(length=5), nullable=False),
        sa.Column("password_hash", sa.String(length=200), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "language IN ('zh-CN','en')", name=op.f("ck_users_language_known")
        ),
        sa.CheckConstraint("email = lower(email)", name=op.f("ck_users_email_lower")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("email", name=op.f("uq_users_email")),
    )
    op.create_table(
        "api_tokens",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column(
            "scopes",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "expires_at > created_at", name=op.f("ck_api_tokens_expires_later")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_api_tokens_user_id_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_tokens")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_api_tokens_token_hash")),
    )
    with op.batch_alter_table("api_tokens", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_api_tokens_user_id"), ["user_id"], unique=False
        )

    op.create_table(
        "attachments",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("uploaded_by", sa.Uuid(), nullable=True),
        sa.Column("filename", sa.String(length=255), nullable=False),
        sa.Column("media_type", sa.String(length=100), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "length(digest) = 64", name=op.f("ck_attachments_digest_length")
        ),
        sa.CheckConstraint("size > 0", name=op.f("ck_attachments_not_empty")),
        sa.ForeignKeyConstraint(
            ["org_id"],
            ["organisations.id"],
            name=op.f("fk_attachments_org_id_organisations"),
        ),
        sa.ForeignKeyConstraint(
            ["uploaded_by"], ["users.id"], name=op.f("fk_attachments_uploaded_by_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attachments")),
    )
    with op.batch_alter_table("attachments", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_attachments_digest"), ["digest"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_attachments_org_id"), ["org_id"], unique=False
        )

    op.create_table(
        "code_list_versions",
        sa.Column("list_id", sa.String(length=40), nullable=False),
        sa.Column("version", sa.String(length=20), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("certainty", sa.String(length=1), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "certainty IN ('V','P','R','X')",
            name=op.f("ck_code_list_versions_certainty_known"),
        ),
        sa.CheckConstraint(
            "valid_to IS NULL OR valid_to >= valid_from",
            name=op.f("ck_code_list_versions_dates"),
        ),
        sa.ForeignKeyConstraint(
            ["list_id"],
            ["code_lists.list_id"],
            name=op.f("fk_code_list_versions_list_id_code_lists"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_code_list_versions")),
        sa.UniqueConstraint(
            "list_id", "version", name=op.f("uq_code_list_versions_list_id_version")
        ),
    )
    op.create_table(
        "disclosure_grants",
        sa.Column("subject_kind", sa.String(length=8), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("granted_by", sa.Uuid(), nullable=True),
        sa.Column("basis", sa.String(length=200), nullable=False),
        sa.Column(
            "attributes",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "subject_kind IN ('need','offer')",
            name=op.f("ck_disclosure_grants_kind_known"),
        ),
        sa.ForeignKeyConstraint(
            ["granted_by"],
            ["users.id"],
            name=op.f("fk_disclosure_grants_granted_by_users"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id"],
            ["organisations.id"],
            name=op.f("fk_disclosure_grants_org_id_organisations"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disclosure_grants")),
        sa.UniqueConstraint(
            "subject_kind",
            "subject_id",
            "org_id",
            name=op.f("uq_disclosure_grants_subject_kind_subject_id_org_id"),
        ),
    )
    with op.batch_alter_table("disclosure_grants", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_disclosure_grants_org_id"), ["org_id"], unique=False
        )

    op.create_table(
        "import_jobs",
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("org_id", sa.Uuid(), nullable=True),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("mode", sa.String(length=4), nullable=False),
        sa.Column("dry_run", sa.Boolean(), nullable=False),
        sa.Column("publish", sa.Boolean(), nullable=False),
        sa.Column("filename", sa.String(length=255), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "QUEUED",
                "RUNNING",
                "DONE",
                "REFUSED",
                "CANCELLED",
                "FAILED",
                name="state_known",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("rows_total", sa.Integer(), nullable=True),
        sa.Column("rows_read", sa.Integer(), nullable=False),
        sa.Column("rows_kept", sa.Integer(), nullable=False),
        sa.Column("rows_wrong", sa.Integer(), nullable=False),
        sa.Column("rows_repeated", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "kind IN ('organisations','needs','offers')",
            name=op.f("ck_import_jobs_kind_known"),
        ),
        sa.CheckConstraint(
            "mode IN ('all','good')", name=op.f("ck_import_jobs_mode_known")
        ),
        sa.CheckConstraint(
            "rows_read >= 0 AND rows_kept >= 0 AND rows_wrong >= 0 AND rows_repeated >= 0",
            name=op.f("ck_import_jobs_counts"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id"],
            ["organisations.id"],
            name=op.f("fk_import_jobs_org_id_organisations"),
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_import_jobs_user_id_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_jobs")),
    )
    op.create_table(
        "invitations",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column(
            "roles",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("invited_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("accepted_by", sa.Uuid(), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "(accepted_at IS NULL) = (accepted_by IS NULL)",
            name=op.f("ck_invitations_accepted_by_someone"),
        ),
        sa.CheckConstraint(
            "email = lower(email)", name=op.f("ck_invitations_email_lower")
        ),
        sa.ForeignKeyConstraint(
            ["accepted_by"], ["users.id"], name=op.f("fk_invitations_accepted_by_users")
        ),
        sa.ForeignKeyConstraint(
            ["invited_by"], ["users.id"], name=op.f("fk_invitations_invited_by_users")
        ),
        sa.ForeignKeyConstraint(
            ["org_id"],
            ["organisations.id"],
            name=op.f("fk_invitations_org_id_organisations"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitations")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_invitations_token_hash")),
    )
    with op.batch_alter_table("invitations", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_invitations_org_id"), ["org_id"], unique=False
        )

    op.create_table(
        "ledger_entries",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("subject_kind", sa.String(length=32), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("previous_hash", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["event_id"], ["events.id"], name=op.f("fk_ledger_entries_event_id_events")
        ),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_ledger_entries")),
        sa.UniqueConstraint("event_id", name=op.f("uq_ledger_entries_event_id")),
        sa.UniqueConstraint("hash", name=op.f("uq_ledger_entries_hash")),
        sa.UniqueConstraint(
            "previous_hash", name=op.f("uq_ledger_entries_previous_hash")
        ),
    )
    op.create_table(
        "memberships",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column(
            "roles",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id"],
            ["organisations.id"],
            name=op.f("fk_memberships_org_id_organisations"),
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_memberships_user_id_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_memberships")),
        sa.UniqueConstraint(
            "user_id", "org_id", name=op.f("uq_memberships_user_id_org_id")
        ),
    )
    with op.batch_alter_table("memberships", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_memberships_org_id"), ["org_id"], unique=False
        )

    op.create_table(
        "needs",
        sa.Column("need_no", sa.String(length=32), nullable=False),
        sa.Column("owner_org_id", sa.Uuid(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "DRAFT",
                "SUBMITTED",
                "RETURNED",
                "DISTRICT_OK",
                "FORMAL_OK",
                "ARGUED",
                "REJECTED",
                "POOLED",
                "CALLED",
                "DOCKING",
                "CONTRACTED",
                "SOLVED",
                "WITHDRAWN",
                "EXPIRED",
                name="state_known",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("working_version_id", sa.Uuid(), nullable=True),
        sa.Column("published_version_id", sa.Uuid(), nullable=True),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "opinions",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state NOT IN ('POOLED','CALLED','DOCKING','CONTRACTED','SOLVED','EXPIRED') OR published_version_id IS NOT NULL",
            name=op.f("ck_needs_published_has_version"),
        ),
        sa.ForeignKeyConstraint(
            ["created_by"], ["users.id"], name=op.f("fk_needs_created_by_users")
        ),
        sa.ForeignKeyConstraint(
            ["owner_org_id"],
            ["organisations.id"],
            name=op.f("fk_needs_owner_org_id_organisations"),
        ),
        sa.ForeignKeyConstraint(
            ["published_version_id"],
            ["need_versions.id"],
            name=op.f("fk_needs_published_version_id_need_versions"),
            use_alter=True,
        ),
        sa.ForeignKeyConstraint(
            ["working_version_id"],
            ["need_versions.id"],
            name=op.f("fk_needs_working_version_id_need_versions"),
            use_alter=True,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_needs")),
        sa.UniqueConstraint("need_no", name=op.f("uq_needs_need_no")),
        sa.UniqueConstraint(
            "published_version_id", name=op.f("uq_needs_published_version_id")
        ),
        sa.UniqueConstraint(
            "working_version_id", name=op.f("uq_needs_working_version_id")
        ),
    )
    with op.batch_alter_table("needs", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_needs_owner_org_id"), ["owner_org_id"], unique=False
        )
        batch_op.create_index("ix_needs_state_id", ["state", "id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_needs_valid_until"), ["valid_until"], unique=False
        )

    op.create_table(
        "offers",
        sa.Column("ach_no", sa.String(length=32), nullable=False),
        sa.Column("reg_no", sa.String(length=32), nullable=True),
        sa.Column(
            "kind",
            sa.Enum(
                "result",
                "capability",
                name="value_known",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("owner_org_id", sa.Uuid(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "DRAFT",
                "SUBMITTED",
                "UNIT_OK",
                "REGISTERED",
                "REJECTED",
                "LISTED",
                "TRIAL",
                "PRICING",
                "CONVERTED",
                "DELISTED",
                name="state_known",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("working_version_id", sa.Uuid(), nullable=True),
        sa.Column("published_version_id", sa.Uuid(), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "opinions",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state NOT IN ('LISTED','TRIAL','PRICING','CONVERTED') OR published_version_id IS NOT NULL",
            name=op.f("ck_offers_published_has_version"),
        ),
        sa.ForeignKeyConstraint(
            ["created_by"], ["users.id"], name=op.f("fk_offers_created_by_users")
        ),
        sa.ForeignKeyConstraint(
            ["owner_org_id"],
            ["organisations.id"],
            name=op.f("fk_offers_owner_org_id_organisations"),
        ),
        sa.ForeignKeyConstraint(
            ["published_version_id"],
            ["offer_versions.id"],
            name=op.f("fk_offers_published_version_id_offer_versions"),
            use_alter=True,
        ),
        sa.ForeignKeyConstraint(
            ["working_version_id"],
            ["offer_versions.id"],
            name=op.f("fk_offers_working_version_id_offer_versions"),
            use_alter=True,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offers")),
        sa.UniqueConstraint("ach_no", name=op.f("uq_offers_ach_no")),
        sa.UniqueConstraint(
            "published_version_id", name=op.f("uq_offers_published_version_id")
        ),
        sa.UniqueConstraint("reg_no", name=op.f("uq_offers_reg_no")),
        sa.UniqueConstraint(
            "working_version_id", name=op.f("uq_offers_working_version_id")
        ),
    )
    with op.batch_alter_table("offers", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_offers_owner_org_id"), ["owner_org_id"], unique=False
        )
        batch_op.create_index("ix_offers_state_id", ["state", "id"], unique=False)

    op.create_table(
        "organisation_ties",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("other_org_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("uscc", sa.String(length=18), nullable=True),
        sa.Column("share_percent", sa.BigInteger(), nullable=True),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('controller','shareholder','related')",
            name=op.f("ck_organisation_ties_kind_known"),
        ),
        sa.CheckConstraint(
            "org_id <> other_org_id", name=op.f("ck_organisation_ties_not_to_itself")
        ),
        sa.CheckConstraint(
            "other_org_id IS NOT NULL OR length(name) > 0",
            name=op.f("ck_organisation_ties_someone"),
        ),
        sa.CheckConstraint(
            "share_percent IS NULL OR (share_percent >= 0 AND share_percent <= 10000)",
            name=op.f("ck_organisation_ties_share_range"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id"],
            ["organisations.id"],
            name=op.f("fk_organisation_ties_org_id_organisations"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["other_org_id"],
            ["organisations.id"],
            name=op.f("fk_organisation_ties_other_org_id_organisations"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organisation_ties")),
    )
    with op.batch_alter_table("organisation_ties", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_organisation_ties_org_id"), ["org_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_organisation_ties_other_org_id"),
            ["other_org_id"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_organisation_ties_uscc"), ["uscc"], unique=False
        )

    op.create_table(
        "qualifications",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("label", sa.String(length=40), nullable=False),
        sa.Column("granted_on", sa.Date(), nullable=True),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("evidence", sa.String(length=200), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "valid_until IS NULL OR granted_on IS NULL OR valid_until >= granted_on",
            name=op.f("ck_qualifications_dates"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id"],
            ["organisations.id"],
            name=op.f("fk_qualifications_org_id_organisations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_qualifications")),
    )
    with op.batch_alter_table("qualifications", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_qualifications_org_id"), ["org_id"], unique=False
        )

    op.create_table(
        "teams",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("leader", sa.String(length=60), nullable=False),
        sa.Column("intro", sa.String(length=1000), nullable=False),
        sa.Column(
            "tech_field",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organisations.id"], name=op.f("fk_teams_org_id_organisations")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_teams")),
        sa.UniqueConstraint("org_id", "name", name=op.f("uq_teams_org_id_name")),
    )
    with op.batch_alter_table("teams", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_teams_org_id"), ["org_id"], unique=False)

    op.create_table(
        "codes",
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("zh", sa.String(length=200), nullable=False),
        sa.Column("en", sa.String(length=200), nullable=False),
        sa.Column("parent", sa.String(length=40), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("certainty", sa.String(length=1), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column(
            "attributes",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "valid_to IS NULL OR valid_from IS NULL OR valid_to >= valid_from",
            name=op.f("ck_codes_dates"),
        ),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["code_list_versions.id"],
            name=op.f("fk_codes_version_id_code_list_versions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_codes")),
        sa.UniqueConstraint(
            "version_id", "code", name=op.f("uq_codes_version_id_code")
        ),
    )
    op.create_table(
        "import_problems",
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("sheet", sa.String(length=64), nullable=False),
        sa.Column("row", sa.Integer(), nullable=False),
        sa.Column("column", sa.String(length=64), nullable=False),
        sa.Column("cell", sa.String(length=16), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("message_zh", sa.Text(), nullable=False),
        sa.Column("message_en", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"],
            ["import_jobs.id"],
            name=op.f("fk_import_problems_job_id_import_jobs"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_problems")),
        sa.UniqueConstraint(
            "job_id", "number", name=op.f("uq_import_problems_job_id_number")
        ),
    )
    op.create_table(
        "imported_rows",
        sa.Column("scope", sa.String(length=64), nullable=False),
        sa.Column("row_key", sa.String(length=64), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"],
            ["import_jobs.id"],
            name=op.f("fk_imported_rows_job_id_import_jobs"),
        ),
        sa.PrimaryKeyConstraint("scope", "row_key", name=op.f("pk_imported_rows")),
    )
    with op.batch_alter_table("imported_rows", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_imported_rows_job_id"), ["job_id"], unique=False
        )

    op.create_table(
        "match_feedback",
        sa.Column("need_id", sa.Uuid(), nullable=False),
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=True),
        sa.Column("verdict", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=True),
        sa.Column("comment", sa.String(length=500), nullable=False),
        sa.Column(
            "shown",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "verdict IN ('useful','irrelevant','already-working')",
            name=op.f("ck_match_feedback_verdict_known"),
        ),
        sa.ForeignKeyConstraint(
            ["need_id"], ["needs.id"], name=op.f("fk_match_feedback_need_id_needs")
        ),
        sa.ForeignKeyConstraint(
            ["offer_id"], ["offers.id"], name=op.f("fk_match_feedback_offer_id_offers")
        ),
        sa.ForeignKeyConstraint(
            ["org_id"],
            ["organisations.id"],
            name=op.f("fk_match_feedback_org_id_organisations"),
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_match_feedback_user_id_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_match_feedback")),
        sa.UniqueConstraint(
            "need_id",
            "offer_id",
            "user_id",
            name=op.f("uq_match_feedback_need_id_offer_id_user_id"),
        ),
    )
    with op.batch_alter_table("match_feedback", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_match_feedback_offer_id"), ["offer_id"], unique=False
        )

    op.create_table(
        "need_versions",
        sa.Column("need_id", sa.Uuid(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("key_technology", sa.Text(), nullable=False),
        sa.Column("expected_goal", sa.Text(), nullable=False),
        sa.Column("research_content", sa.Text(), nullable=False),
        sa.Column("background", sa.Text(), nullable=False),
        sa.Column("discipline", sa.String(length=40), nullable=True),
        sa.Column("activity_type", sa.String(length=40), nullable=True),
        sa.Column("ten_strong", sa.String(length=40), nullable=True),
        sa.Column("foundation", sa.String(length=40), nullable=True),
        sa.Column("future_tag", sa.String(length=40), nullable=True),
        sa.Column("solve_mode", sa.String(length=40), nullable=True),
        sa.Column("budget_total_yuan", sa.BigInteger(), nullable=True),
        sa.Column("budget_negotiable", sa.Boolean(), nullable=False),
        sa.Column("budget_to_bidder_yuan", sa.BigInteger(), nullable=True),
        sa.Column("period_start", sa.Date(), nullable=True),
        sa.Column("period_end", sa.Date(), nullable=True),
        sa.Column("ip_owner", sa.String(length=40), nullable=True),
        sa.Column("ip_arrangement", sa.Text(), nullable=False),
        sa.Column("bidder_conditions", sa.Text(), nullable=False),
        sa.Column(
            "intended_experts",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("source_channel", sa.String(length=40), nullable=True),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("fixed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("title", sa.String(length=100), nullable=False),
        sa.Column(
            "keywords",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "tech_field",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column("industry_use", sa.String(length=40), nullable=True),
        sa.Column("chain", sa.String(length=40), nullable=True),
        sa.Column(
            "cooperation_mode",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "disclosure",
            sa.Enum(
                "FULL",
                "NDA",
                "TARGETED",
                name="value_known",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("search_public", sa.Text(), nullable=False),
        sa.Column("search_full", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "budget_to_bidder_yuan IS NULL OR budget_total_yuan IS NULL OR budget_to_bidder_yuan <= budget_total_yuan",
            name=op.f("ck_need_versions_bidder_share_within_total"),
        ),
        sa.CheckConstraint(
            "budget_total_yuan >= 0 AND budget_to_bidder_yuan >= 0",
            name=op.f("ck_need_versions_budget_not_negative"),
        ),
        sa.CheckConstraint(
            "length(title) BETWEEN 1 AND 80", name=op.f("ck_need_versions_title_length")
        ),
        sa.CheckConstraint(
            "number >= 1", name=op.f("ck_need_versions_number_from_one")
        ),
        sa.CheckConstraint(
            "period_end IS NULL OR period_start IS NULL OR period_end >= period_start",
            name=op.f("ck_need_versions_period"),
        ),
        sa.ForeignKeyConstraint(
            ["created_by"], ["users.id"], name=op.f("fk_need_versions_created_by_users")
        ),
        sa.ForeignKeyConstraint(
            ["need_id"],
            ["needs.id"],
            name=op.f("fk_need_versions_need_id_needs"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_need_versions")),
        sa.UniqueConstraint(
            "need_id", "number", name=op.f("uq_need_versions_need_id_number")
        ),
    )
    with op.batch_alter_table("need_versions", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_need_versions_chain"), ["chain"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_need_versions_disclosure"), ["disclosure"], unique=False
        )

    op.create_table(
        "offer_versions",
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=True),
        sa.Column("abstract", sa.Text(), nullable=False),
        sa.Column(
            "innovations",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column("category", sa.String(length=40), nullable=True),
        sa.Column("nature", sa.String(length=40), nullable=True),
        sa.Column("form", sa.String(length=40), nullable=True),
        sa.Column("period_from", sa.Date(), nullable=True),
        sa.Column("period_to", sa.Date(), nullable=True),
        sa.Column("source_plan", sa.String(length=40), nullable=True),
        sa.Column("project_no", sa.String(length=60), nullable=False),
        sa.Column("evaluation_mode", sa.String(length=40), nullable=True),
        sa.Column("evaluation_body", sa.String(length=120), nullable=False),
        sa.Column("evaluated_on", sa.Date(), nullable=True),
        sa.Column("level", sa.String(length=40), nullable=True),
        sa.Column("secrecy", sa.String(length=40), nullable=True),
        sa.Column("maturity_scale", sa.String(length=40), nullable=True),
        sa.Column("maturity_level", sa.Integer(), nullable=True),
        sa.Column("maturity_evidence", sa.Text(), nullable=False),
        sa.Column("stage", sa.String(length=40), nullable=True),
        sa.Column("application_state", sa.String(length=40), nullable=True),
        sa.Column(
            "conversion_mode",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column("trial_mode", sa.String(length=40), nullable=True),
        sa.Column("price_mode", sa.String(length=40), nullable=True),
        sa.Column("price_expect_yuan", sa.BigInteger(), nullable=True),
        sa.Column("empowerment", sa.String(length=40), nullable=True),
        sa.Column("licence_years", sa.Integer(), nullable=True),
        sa.Column(
            "five_values",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column("prospects", sa.Text(), nullable=False),
        sa.Column("team_intro", sa.Text(), nullable=False),
        sa.Column(
            "completers",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "co_owners",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "equipment",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column("track_record", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("fixed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("title", sa.String(length=100), nullable=False),
        sa.Column(
            "keywords",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "tech_field",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column("industry_use", sa.String(length=40), nullable=True),
        sa.Column("chain", sa.String(length=40), nullable=True),
        sa.Column(
            "cooperation_mode",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "disclosure",
            sa.Enum(
                "FULL",
                "NDA",
                "TARGETED",
                name="value_known",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("search_public", sa.Text(), nullable=False),
        sa.Column("search_full", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "(maturity_level IS NULL) = (maturity_scale IS NULL)",
            name=op.f("ck_offer_versions_maturity_has_scale"),
        ),
        sa.CheckConstraint(
            "length(title) BETWEEN 1 AND 100",
            name=op.f("ck_offer_versions_title_length"),
        ),
        sa.CheckConstraint(
            "number >= 1", name=op.f("ck_offer_versions_number_from_one")
        ),
        sa.CheckConstraint(
            "price_expect_yuan >= 0", name=op.f("ck_offer_versions_price_not_negative")
        ),
        sa.ForeignKeyConstraint(
            ["created_by"],
            ["users.id"],
            name=op.f("fk_offer_versions_created_by_users"),
        ),
        sa.ForeignKeyConstraint(
            ["offer_id"],
            ["offers.id"],
            name=op.f("fk_offer_versions_offer_id_offers"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["team_id"], ["teams.id"], name=op.f("fk_offer_versions_team_id_teams")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offer_versions")),
        sa.UniqueConstraint(
            "offer_id", "number", name=op.f("uq_offer_versions_offer_id_number")
        ),
    )
    with op.batch_alter_table("offer_versions", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_offer_versions_chain"), ["chain"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_offer_versions_disclosure"), ["disclosure"], unique=False
        )

    op.create_table(
        "need_attachments",
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("attachment_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["attachment_id"],
            ["attachments.id"],
            name=op.f("fk_need_attachments_attachment_id_attachments"),
        ),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["need_versions.id"],
            name=op.f("fk_need_attachments_version_id_need_versions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_need_attachments")),
        sa.UniqueConstraint(
            "version_id",
            "attachment_id",
            name=op.f("uq_need_attachments_version_id_attachment_id"),
        ),
    )
    with op.batch_alter_table("need_attachments", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_need_attachments_attachment_id"),
            ["attachment_id"],
            unique=False,
        )

    op.create_table(
        "need_indicators",
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("text", sa.String(length=500), nullable=False),
        sa.Column("operator", sa.String(length=12), nullable=False),
        sa.Column("value", sa.String(length=40), nullable=True),
        sa.Column("value2", sa.String(length=40), nullable=True),
        sa.Column("unit", sa.String(length=40), nullable=False),
        sa.Column("parsed_unit", sa.String(length=60), nullable=False),
        sa.Column("dimension", sa.String(length=120), nullable=False),
        sa.Column("test_condition", sa.String(length=300), nullable=False),
        sa.Column("test_method", sa.String(length=300), nullable=False),
        sa.Column("current_level", sa.String(length=300), nullable=False),
        sa.Column("benchmark", sa.String(length=300), nullable=False),
        sa.Column("is_core", sa.Boolean(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["need_versions.id"],
            name=op.f("fk_need_indicators_version_id_need_versions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_need_indicators")),
    )
    with op.batch_alter_table("need_indicators", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_need_indicators_version_id"), ["version_id"], unique=False
        )

    op.create_table(
        "need_intended_units",
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "org_id IS NOT NULL OR length(name) > 0",
            name=op.f("ck_need_intended_units_someone"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id"],
            ["organisations.id"],
            name=op.f("fk_need_intended_units_org_id_organisations"),
        ),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["need_versions.id"],
            name=op.f("fk_need_intended_units_version_id_need_versions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_need_intended_units")),
    )
    with op.batch_alter_table("need_intended_units", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_need_intended_units_org_id"), ["org_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_need_intended_units_version_id"),
            ["version_id"],
            unique=False,
        )

    op.create_table(
        "offer_attachments",
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("attachment_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["attachment_id"],
            ["attachments.id"],
            name=op.f("fk_offer_attachments_attachment_id_attachments"),
        ),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["offer_versions.id"],
            name=op.f("fk_offer_attachments_version_id_offer_versions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offer_attachments")),
        sa.UniqueConstraint(
            "version_id",
            "attachment_id",
            name=op.f("uq_offer_attachments_version_id_attachment_id"),
        ),
    )
    with op.batch_alter_table("offer_attachments", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_offer_attachments_attachment_id"),
            ["attachment_id"],
            unique=False,
        )

    op.create_table(
        "offer_indicators",
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("text", sa.String(length=500), nullable=False),
        sa.Column("operator", sa.String(length=12), nullable=False),
        sa.Column("value", sa.String(length=40), nullable=True),
        sa.Column("value2", sa.String(length=40), nullable=True),
        sa.Column("unit", sa.String(length=40), nullable=False),
        sa.Column("parsed_unit", sa.String(length=60), nullable=False),
        sa.Column("dimension", sa.String(length=120), nullable=False),
        sa.Column("test_condition", sa.String(length=300), nullable=False),
        sa.Column("test_method", sa.String(length=300), nullable=False),
        sa.Column("current_level", sa.String(length=300), nullable=False),
        sa.Column("benchmark", sa.String(length=300), nullable=False),
        sa.Column("is_core", sa.Boolean(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["offer_versions.id"],
            name=op.f("fk_offer_indicators_version_id_offer_versions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offer_indicators")),
    )
    with op.batch_alter_table("offer_indicators", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_offer_indicators_version_id"), ["version_id"], unique=False
        )

    op.create_table(
        "offer_rights",
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("number", sa.String(length=60), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("owner", sa.String(length=200), nullable=False),
        sa.Column("filed_on", sa.Date(), nullable=True),
        sa.Column("granted_on", sa.Date(), nullable=True),
        sa.Column("expires_on", sa.Date(), nullable=True),
        sa.Column("legal_status", sa.String(length=40), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["offer_versions.id"],
            name=op.f("fk_offer_rights_version_id_offer_versions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offer_rights")),
    )
    with op.batch_alter_table("offer_rights", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_offer_rights_version_id"), ["version_id"], unique=False
        )

    if op.get_bind().dialect.name == "postgresql":
        for name, table, referred, column in CIRCULAR:
            op.create_foreign_key(name, table, referred, [column], ["id"])


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for name, table, _, _ in CIRCULAR:
            op.drop_constraint(name, table, type_="foreignkey")
    with op.batch_alter_table("offer_rights", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_offer_rights_version_id"))

    op.drop_table("offer_rights")
    with op.batch_alter_table("offer_indicators", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_offer_indicators_version_id"))

    op.drop_table("offer_indicators")
    with op.batch_alter_table("offer_attachments", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_offer_attachments_attachment_id"))

    op.drop_table("offer_attachments")
    with op.batch_alter_table("need_intended_units", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_need_intended_units_version_id"))
        batch_op.drop_index(batch_op.f("ix_need_intended_units_org_id"))

    op.drop_table("need_intended_units")
    with op.batch_alter_table("need_indicators", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_need_indicators_version_id"))

    op.drop_table("need_indicators")
    with op.batch_alter_table("need_attachments", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_need_attachments_attachment_id"))

    op.drop_table("need_attachments")
    with op.batch_alter_table("offer_versions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_offer_versions_disclosure"))
        batch_op.drop_index(batch_op.f("ix_offer_versions_chain"))

    op.drop_table("offer_versions")
    with op.batch_alter_table("need_versions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_need_versions_disclosure"))
        batch_op.drop_index(batch_op.f("ix_need_versions_chain"))

    op.drop_table("need_versions")
    with op.batch_alter_table("match_feedback", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_match_feedback_offer_id"))

    op.drop_table("match_feedback")
    with op.batch_alter_table("imported_rows", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_imported_rows_job_id"))

    op.drop_table("imported_rows")
    op.drop_table("import_problems")
    op.drop_table("codes")
    with op.batch_alter_table("teams", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_teams_org_id"))

    op.drop_table("teams")
    with op.batch_alter_table("qualifications", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_qualifications_org_id"))

    op.drop_table("qualifications")
    with op.batch_alter_table("organisation_ties", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_organisation_ties_uscc"))
        batch_op.drop_index(batch_op.f("ix_organisation_ties_other_org_id"))
        batch_op.drop_index(batch_op.f("ix_organisation_ties_org_id"))

    op.drop_table("organisation_ties")
    with op.batch_alter_table("offers", schema=None) as batch_op:
        batch_op.drop_index("ix_offers_state_id")
        batch_op.drop_index(batch_op.f("ix_offers_owner_org_id"))

    op.drop_table("offers")
    with op.batch_alter_table("needs", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_needs_valid_until"))
        batch_op.drop_index("ix_needs_state_id")
        batch_op.drop_index(batch_op.f("ix_needs_owner_org_id"))

    op.drop_table("needs")
    with op.batch_alter_table("memberships", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_memberships_org_id"))

    op.drop_table("memberships")
    op.drop_table("ledger_entries")
    with op.batch_alter_table("invitations", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_invitations_org_id"))

    op.drop_table("invitations")
    op.drop_table("import_jobs")
    with op.batch_alter_table("disclosure_grants", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_disclosure_grants_org_id"))

    op.drop_table("disclosure_grants")
    op.drop_table("code_list_versions")
    with op.batch_alter_table("attachments", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_attachments_org_id"))
        batch_op.drop_index(batch_op.f("ix_attachments_digest"))

    op.drop_table("attachments")
    with op.batch_alter_table("api_tokens", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_api_tokens_user_id"))

    op.drop_table("api_tokens")
    op.drop_table("users")
    with op.batch_alter_table("sign_in_attempts", schema=None) as batch_op:
        batch_op.drop_index("ix_sign_in_attempts_key_at")

    op.drop_table("sign_in_attempts")
    op.drop_table("serial_numbers")
    op.drop_table("rules")
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_index("ix_outbox_due")

    op.drop_table("outbox")
    with op.batch_alter_table("organisations", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_organisations_region_name_key",
            sqlite_where=sa.text("state <> 'CLOSED'"),
            postgresql_where=sa.text("state <> 'CLOSED'"),
        )
        batch_op.drop_index(batch_op.f("ix_organisations_parent_org_id"))
        batch_op.drop_index(batch_op.f("ix_organisations_name_key"))

    op.drop_table("organisations")
    op.drop_table("ledger_head")
    op.drop_table("idempotent_answers")
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.drop_index("ix_events_subject")

    op.drop_table("events")
    op.drop_table("code_lists")
    op.drop_table("calendar_years")
    op.drop_table("calendar_days")
