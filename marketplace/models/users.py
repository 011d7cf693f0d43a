"""Users, their memberships, invitations, tokens and sign-in attempts."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace.models.base import Base, Identified, Timestamped
from marketplace.models.organisations import Organisation


class User(Identified, Timestamped, Base):
    """A person with an account."""

    __tablename__ = "users"
    __table_args__ = (
        sa.CheckConstraint("email = lower(email)", name="email_lower"),
        sa.CheckConstraint("language IN ('zh-CN','en')", name="language_known"),
    )

    email: so.Mapped[str] = so.mapped_column(sa.String(254), unique=True)
    name: so.Mapped[str] = so.mapped_column(sa.String(60))
    language: so.Mapped[str] = so.mapped_column(sa.String(5), default="zh-CN")
    password_hash: so.Mapped[str] = so.mapped_column(sa.String(200))
    disabled_at: so.Mapped[datetime | None]
    revision: so.Mapped[int] = so.mapped_column()

    memberships: so.Mapped[list[Membership]] = so.relationship(
        lazy="raise", back_populates="user", order_by="Membership.id"
    )

    __mapper_args__ = {"version_id_col": revision}  # noqa: RUF012


class Membership(Identified, Timestamped, Base):
    """What a person is in one organisation."""

    __tablename__ = "memberships"
    __table_args__ = (sa.UniqueConstraint("user_id", "org_id"),)

    user_id: so.Mapped[UUID] = so.mapped_column(sa.ForeignKey("users.id"))
    org_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("organisations.id"), index=True
    )
    roles: so.Mapped[list[str]] = so.mapped_column(default=list)
    ended_at: so.Mapped[datetime | None]
    revision: so.Mapped[int] = so.mapped_column()

    user: so.Mapped[User] = so.relationship(lazy="raise", back_populates="memberships")
    org: so.Mapped[Organisation] = so.relationship(lazy="raise")

    __mapper_args__ = {"version_id_col": revision}  # noqa: RUF012


class Invitation(Identified, Base):
    """A seat offered to an address; its token is shown once and kept as a hash."""

    __tablename__ = "invitations"
    __table_args__ = (
        sa.CheckConstraint(
            "(accepted_at IS NULL) = (accepted_by IS NULL)", name="accepted_by_someone"
        ),
        sa.CheckConstraint("email = lower(email)", name="email_lower"),
    )

    org_id: so.Mapped[UUID] = so.mapped_column(
        sa.ForeignKey("organisations.id"), index=True
    )
    email: so.Mapped[str] = so.mapped_column(sa.String(254))
    roles: so.Mapped[list[str]] = so.mapped_column(default=list)
    token_hash: so.Mapped[str] = so.mapped_column(sa.String(64), unique=True)
    invited_by: so.Mapped[UUID | None] = so.mapped_column(sa.ForeignKey("users.id"))
    created_at: so.Mapped[datetime]
    expires_at: so.Mapped[datetime]
    accepted_at: so.Mapped[datetime | None]
    accepted_by: so.Mapped[UUID | None] = so.mapped_column(sa.ForeignKey("users.id"))
    revoked_at: so.Mapped[datetime | None]

    org: so.Mapped[Organisation] = so.relationship(lazy="raise")


class ApiToken(Identified, Base):
    """A bearer token, kept as its SHA-256."""

    __tablename__ = "api_tokens"
    __table_args__ = (
        sa.CheckConstraint("expires_at > created_at", name="expires_later"),
    )

    user_id: so.Mapped[UUID] = so.mapped_column(sa.ForeignKey("users.id"), index=True)
    token_hash: so.Mapped[str] = so.mapped_column(sa.String(64), unique=True)
    scopes: so.Mapped[list[str]] = so.mapped_column(default=list)
    created_at: so.Mapped[datetime]
    expires_at: so.Mapped[datetime]
    revoked_at: so.Mapped[datetime | None]


class SignInAttempt(Identified, Base):
    """A failed sign-in, counted per address of mail and per network address."""

    __tablename__ = "sign_in_attempts"
    __table_args__ = (sa.Index("ix_sign_in_attempts_key_at", "key", "at"),)

    key: so.Mapped[str] = so.mapped_column(sa.String(80))
    at: so.Mapped[datetime]
