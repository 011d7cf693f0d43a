"""Bearer tokens: issued once, kept as a hash, scoped, expiring, revocable."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any
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


_HELD = (Membership.roles, Organisation.id, Organisation.state, Organisation.region)
_CURRENT = sa.and_(Membership.user_id == User.id, Membership.ended_at.is_(None))
_OPEN = sa.and_(
    Organisation.id == Membership.org_id, Organisation.state != OrganisationState.CLOSED
)
_STANDINGS = (
    sa.select(*_HELD)
    .select_from(User)
    .join(Membership, _CURRENT)
    .join(Organisation, _OPEN)
    .where(User.id == sa.bindparam("user_id", type_=User.id.type))
    .order_by(Membership.id)
)
_BEARER = (
    sa.select(
        ApiToken.id.label("token_id"),
        ApiToken.user_id,
        ApiToken.scopes,
        ApiToken.expires_at,
        ApiToken.revoked_at,
        User.disabled_at,
        *_HELD,
    )
    .join(User, User.id == ApiToken.user_id)
    .outerjoin(Membership, _CURRENT)
    .outerjoin(Organisation, _OPEN)
    .where(ApiToken.token_hash == sa.bindparam("token_hash"))
    .order_by(Membership.id)
)
"""The token with the account and everything that it is: one look-up a request."""


def standings(session: so.Session, user_id: UUID) -> tuple[Standing, ...]:
    """Return what a user is now, in every organisation that is not closed."""
    return tuple(map(_standing, session.execute(_STANDINGS, {"user_id": user_id})))


def _standing(row: Any) -> Standing:
    return Standing(
        org_id=row.id,
        roles=frozenset(Role(role) for role in row.roles),
        org_verified=row.state is OrganisationState.VERIFIED,
        region=row.region,
    )


def actor_for(
    session: so.Session,
    raw: str,
    now: datetime,
    *,
    zone: ZoneInfo = SHANGHAI,
    request_id: str = "",
) -> tuple[Actor, UUID]:
    """Return the actor behind a bearer token, and the token's identifier.

    Raises
    ------
    Unauthenticated
        Unknown, expired or revoked token, or a disabled account; which of these it
        was is not told.
    """
    session.flush()
    asked = {"token_hash": digest(raw)}
    rows = session.connection().execute(_BEARER, asked).all()
    if not rows:
        raise Unauthenticated
    token = rows[0]
    if token.revoked_at is not None or token.expires_at <= now:
        raise Unauthenticated
    if token.disabled_at is not None:
        raise Unauthenticated
    return (
        Actor(
            now=now,
            user_id=token.user_id,
            standings=tuple(_standing(row) for row in rows if row.id is not None),
            scopes=frozenset(token.scopes),
            zone=zone,
            request_id=request_id,
        ),
        token.token_id,
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
