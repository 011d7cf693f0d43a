"""Bearer tokens: issued once, kept as a hash, scoped, expiring, revocable."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace.domain.actors import SHANGHAI, Actor, Standing
from marketplace.domain.organisations import OrganisationState
from marketplace.domain.roles import Role
from marketplace.errors import Invalid, Unauthenticated
from marketplace.models.organisations import Organisation
from marketplace.models.users import ApiToken, Membership, User

SCOPES = frozenset({"read", "write"})
PREFIX = "jb_"


def digest(raw: str) -> str:
    """Hash a secret of full entropy; the database never holds the secret itself."""
    return hashlib.sha256(raw.encode("utf-8", "surrogatepass")).hexdigest()


def require_scopes(scopes: Collection[str]) -> None:
    """Refuse an unknown or an empty set of scopes.

    Raises
    ------
    Invalid
    """
    if not scopes or not set(scopes) <= SCOPES:
        raise Invalid.at(
            "/scopes",
            "unknown_scope",
            "权限范围只能是 read、write",
            "scopes are read and write",
        )


def issue(
    session: so.Session,
    user: User,
    now: datetime,
    *,
    hours: int,
    scopes: Collection[str] = SCOPES,
) -> tuple[str, ApiToken]:
    """Make a token; the raw text is returned here and nowhere else.

    Raises
    ------
    Invalid
        For an unknown or an empty set of scopes.
    """
    require_scopes(scopes)
    raw = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken(
        user_id=user.id,
        token_hash=digest(raw),
        scopes=sorted(scopes),
        created_at=now,
        expires_at=now + timedelta(hours=hours),
    )
    session.add(token)
    session.flush()
    return raw, token


def standings(session: so.Session, user_id: UUID) -> tuple[Standing, ...]:
    """Return what a user is now, in every organisation that is not closed."""
    rows = session.execute(
        sa.select(Membership.roles, Organisation)
        .join(Organisation, Organisation.id == Membership.org_id)
        .where(
            Membership.user_id == user_id,
            Membership.ended_at.is_(None),
            Organisation.state != OrganisationState.CLOSED,
        )
        .order_by(Membership.id)
    )
    return tuple(
        Standing(
            org_id=org.id,
            roles=frozenset(Role(r) for r in roles),
            org_verified=org.state is OrganisationState.VERIFIED,
            region=org.region,
        )
        for roles, org in rows
    )


def actor_for(
    session: so.Session,
    raw: str,
    now: datetime,
    *,
    zone: ZoneInfo = SHANGHAI,
    request_id: str = "",
) -> tuple[Actor, ApiToken]:
    """Return the actor behind a bearer token.

    Raises
    ------
    Unauthenticated
        Unknown, expired or revoked token, or a disabled account; which of these it
        was is not told.
    """
    token = session.scalar(
        sa.select(ApiToken).where(ApiToken.token_hash == digest(raw))
    )
    if token is None or token.revoked_at is not None or token.expires_at <= now:
        raise Unauthenticated
    user = session.get_one(User, token.user_id)
    if user.disabled_at is not None:
        raise Unauthenticated
    return (
        Actor(
            now=now,
            user_id=user.id,
            standings=standings(session, user.id),
            scopes=frozenset(token.scopes),
            zone=zone,
            request_id=request_id,
        ),
        token,
    )


def revoke(session: so.Session, token: ApiToken, now: datetime) -> None:
    """End a token; ending it twice is the same as once."""
    if token.revoked_at is None:
        token.revoked_at = now
    session.flush()


def revoke_all(
    session: so.Session,
    user_id: UUID,
    now: datetime,
    *,
    keep: ApiToken | None = None,
) -> None:
    """End every token of a user, except the one that is in use."""
    statement = sa.update(ApiToken).where(
        ApiToken.user_id == user_id, ApiToken.revoked_at.is_(None)
    )
    if keep is not None:
        statement = statement.where(ApiToken.id != keep.id)
    session.execute(statement.values(revoked_at=now))
