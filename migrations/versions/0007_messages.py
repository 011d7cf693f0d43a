"""Messages to people, and how each of them wants to hear.

Revision ID: 0007
Revises: 0006
Create Date: 2026-11-23
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
MOMENT = sa.DateTime(timezone=True)
DIGEST = sa.text("mail_state = 'DIGEST'")
MAIL_STATES = ("WAITING", "DIGEST", "SENT", "UNWANTED", "NO_SERVER", "FAILED")


def choice(*values: str, name: str) -> sa.Enum:
    return sa.Enum(
        *values, name=name, native_enum=False, create_constraint=True, length=32
    )


def upgrade() -> None:
    op.create_table(
        "messages",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("topic", sa.String(length=40), nullable=False),
        sa.Column("key", sa.String(length=160), nullable=False),
        sa.Column("template", sa.String(length=48), nullable=False),
        sa.Column("values", JSON, nullable=False),
        sa.Column("subject_kind", sa.String(length=20), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("read_at", MOMENT, nullable=True),
        sa.Column(
            "mail_state", choice(*MAIL_STATES, name="state_known"), nullable=False
        ),
        sa.Column("mailed_at", MOMENT, nullable=True),
        sa.Column("mail_error", sa.String(length=500), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "(mail_state = 'SENT') = (mailed_at IS NOT NULL)",
            name=op.f("ck_messages_sent_has_moment"),
        ),
        sa.CheckConstraint("length(key) > 0", name=op.f("ck_messages_key_given")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_messages_user_id_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
        sa.UniqueConstraint("user_id", "key", name=op.f("uq_messages_user_id_key")),
    )
    op.create_index("ix_messages_user_id_id", "messages", ["user_id", "id"])
    op.create_index(
        "ix_messages_digest",
        "messages",
        ["user_id"],
        sqlite_where=DIGEST,
        postgresql_where=DIGEST,
    )
    op.create_table(
        "message_preferences",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column(
            "email",
            choice("immediate", "digest", "none", name="value_known"),
            nullable=False,
        ),
        sa.Column("muted", JSON, nullable=False),
        sa.Column("digest_hour", sa.Integer(), nullable=False),
        sa.Column("digested_on", sa.Date(), nullable=True),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "digest_hour BETWEEN 0 AND 23",
            name=op.f("ck_message_preferences_hour_of_a_day"),
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_message_preferences_user_id_users")
        ),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_message_preferences")),
    )


def downgrade() -> None:
    op.drop_table("message_preferences")
    op.drop_index("ix_messages_digest", "messages")
    op.drop_index("ix_messages_user_id_id", "messages")
    op.drop_table("messages")
