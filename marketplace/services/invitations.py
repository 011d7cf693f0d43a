"""Invitations: how everybody but the first operator comes into the market."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace import policies
from marketplace.domain.actors import Actor
from marketplace.domain.masking import mask_email
from marketplace.domain.organisations import OPEN
from marketplace.domain.roles import Role
from marketplace.errors import (
    Conflict,
    FieldError,
    Forbidden,
    Invalid,
    NotFound,
    Text,
)
from marketplace.models.organisations import Organisation
from marketplace.models.users import Invitation, Membership, User
from marketplace.policies import ORGANISATION_RULES
from marketplace.services import accounts, events, memberships, organisations, tokens
from marketplace.services.paging import Listing

PREFIX = "jbi_"
LIFETIME = timedelta(days=7)
"""Long enough for a week of absence, short enough for a mailbox that changes hands."""


def create(
    session: so.Session,
    actor: Actor,
    *,
    organisation_id: UUID,
    email: str,
    roles: Sequence[str],
) -> tuple[str, Invitation]:
    """Offer somebody a seat in a unit.

    An earlier invitation of the same address to the same unit ends.

    Returns
    -------
    tuple of str and Invitation
        The invitation's text, given here and nowhere else, and its row.

    Raises
    ------
    Unauthenticated, Forbidden
        Also for official roles from anybody but an operator.
    Invalid
        No such unit, or unknown roles.
    Conflict
        The unit is closed, or the address belongs to a member.
    """
    policies.require_signed_in(actor)
    org = _organisation(session, actor, organisation_id)
    grant = policies.require(actor, "manage-members", org, ORGANISATION_RULES)
    wanted = memberships.known_roles(roles)
    memberships.require_official(actor, org, wanted)
    if org.state not in OPEN:
        raise Conflict(Text("单位已注销", "the organisation is closed"))
    email = accounts.normal_email(email)
    _refuse_member(session, org, email)
    for earlier in session.scalars(
        sa.select(Invitation).where(
            Invitation.org_id == org.id, Invitation.email == email, *_pending(actor)
        )
    ):
        earlier.revoked_at = actor.now
    raw = PREFIX + secrets.token_urlsafe(32)
    invitation = Invitation(
        org_id=org.id,
        email=email,
        roles=wanted,
        token_hash=tokens.digest(raw),
        invited_by=actor.user_id,
        created_at=actor.now,
        expires_at=actor.now + LIFETIME,
        org=org,
    )
    session.add(invitation)
    session.flush()
    events.record(
        session,
        actor,
        invitation,
        "invitation.create",
        role=grant.role,
        org_id=grant.org_id,
        changes=events.difference({}, {"email": mask_email(email), "roles": wanted}),
    )
    session.flush()
    return raw, invitation


def _organisation(session: so.Session, actor: Actor, org_id: UUID) -> Organisation:
    try:
        return organisations.get(session, actor, org_id)
    except NotFound:
        raise Invalid.at(
            "/organisation_id",
            "unknown_organisation",
            "没有此单位",
            "there is no such unit",
        ) from None


def _refuse_member(session: so.Session, org: Organisation, email: str) -> None:
    member = sa.exists().where(
        Membership.org_id == org.id,
        Membership.ended_at.is_(None),
        Membership.user_id == User.id,
        User.email == email,
    )
    if session.scalar(sa.select(member)):
        text = Text(
            "该邮箱已是本单位成员，请直接修改其角色",
            "this address belongs to a member; change his roles instead",
        )
        raise Conflict(errors=[FieldError("/email", "already_member", text)])


def _pending(actor: Actor) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        Invitation.accepted_at.is_(None),
        Invitation.revoked_at.is_(None),
        Invitation.expires_at > actor.now,
    )


def search(
    session: so.Session, actor: Actor, *, organisation_id: UUID | None = None
) -> Listing[dict[str, Any]]:
    """List the invitations that wait to be accepted.

    Of one unit, or of all units whose members the caller manages.

    Raises
    ------
    Unauthenticated, Forbidden
    NotFound
        The caller may not know of that unit.
    """
    policies.require_signed_in(actor)
    statement = (
        sa.select(Invitation)
        .where(*_pending(actor))
        .options(so.joinedload(Invitation.org))
    )
    if organisation_id is not None:
        org = organisations.get(session, actor, organisation_id)
        policies.require(actor, "manage-members", org, ORGANISATION_RULES)
        statement = statement.where(Invitation.org_id == org.id)
    elif not (actor.is_system or policies.operator(actor, None)):
        managed = [s.org_id for s in actor.standings if Role.UNIT_ADMIN in s.roles]
        if not managed:
            raise Forbidden
        statement = statement.where(Invitation.org_id.in_(managed))

    def show(rows: Sequence[sa.Row[*tuple[Any, ...]]]) -> list[dict[str, Any]]:
        return [view(actor, row[0]) for row in rows]

    return Listing(session, statement, key=Invitation.id, view=show)


def view(actor: Actor, invitation: Invitation) -> dict[str, Any]:
    """Show an invitation; the whole address is for who wrote it and the unit."""
    whole = invitation.invited_by == actor.user_id or policies.own_admin(
        actor, invitation.org
    )
    return {
        "id": invitation.id,
        "organisation": {"id": invitation.org.id, "name": invitation.org.name},
        "email": invitation.email if whole else mask_email(invitation.email),
        "roles": invitation.roles,
        "created_at": invitation.created_at,
        "expires_at": invitation.expires_at,
    }


def revoke(session: so.Session, actor: Actor, invitation_id: UUID) -> None:
    """Take back an invitation that nobody has accepted.

    Raises
    ------
    Unauthenticated
    NotFound
        There is none that the caller manages and that still waits.
    """
    policies.require_signed_in(actor)
    invitation = session.scalar(
        sa.select(Invitation)
        .where(Invitation.id == invitation_id, *_pending(actor))
        .options(so.joinedload(Invitation.org))
        .with_for_update(of=Invitation)
    )
    if invitation is None:
        raise NotFound
    grant = policies.may(actor, "manage-members", invitation.org, ORGANISATION_RULES)
    if grant is None:
        raise NotFound
    invitation.revoked_at = actor.now
    events.record(
        session,
        actor,
        invitation,
        "invitation.revoke",
        role=grant.role,
        org_id=grant.org_id,
    )
    session.flush()


def accept(session: so.Session, actor: Actor, data: Mapping[str, Any]) -> User:
    """Take the offered seat: as a new user, or signed in as the invited one.

    Parameters
    ----------
    data : mapping
        ``token``; for a new user also ``name`` and ``password``.

    Raises
    ------
    NotFound
        No invitation has this token.
    Conflict
        It was accepted, taken back or has expired, the unit is closed, or the address
        has an account whose owner must sign in first.
    Forbidden
        It is for another address than the caller's.
    Invalid
    """
    invitation = session.scalar(
        sa.select(Invitation)
        .where(Invitation.token_hash == tokens.digest(data["token"]))
        .options(so.joinedload(Invitation.org))
        .with_for_update(of=Invitation)
    )
    if invitation is None:
        raise NotFound(Text("邀请不存在", "there is no such invitation"))
    _require_open(actor, invitation)
    user = _invited(session, actor, invitation, data)
    caller = accounts.as_user(session, actor, user)
    invitation.accepted_at, invitation.accepted_by = actor.now, user.id
    memberships.join(session, caller, invitation.org_id, user, invitation.roles)
    events.record(
        session,
        caller,
        invitation,
        "invitation.accept",
        role="member",
        org_id=invitation.org_id,
    )
    session.flush()
    return user


def _require_open(actor: Actor, invitation: Invitation) -> None:
    why = None
    if invitation.accepted_at is not None:
        why = Text("邀请已被接受", "the invitation was accepted already")
    elif invitation.revoked_at is not None:
        why = Text("邀请已被撤回", "the invitation was taken back")
    elif invitation.expires_at <= actor.now:
        why = Text("邀请已过期", "the invitation has expired")
    elif invitation.org.state not in OPEN:
        why = Text("单位已注销", "the organisation is closed")
    if why is not None:
        raise Conflict(why)


def _invited(
    session: so.Session, actor: Actor, invitation: Invitation, data: Mapping[str, Any]
) -> User:
    if actor.user_id is None:
        missing = [
            FieldError(
                f"/{name}", "required", Text("新用户必填", "a new user needs it")
            )
            for name in ("name", "password")
            if not data.get(name)
        ]
        if missing:
            raise Invalid(errors=missing)
        return accounts.create_user(
            session,
            actor,
            email=invitation.email,
            name=data["name"],
            password=data["password"],
        )
    for name in ("name", "password"):
        if data.get(name):
            raise Invalid.at(
                f"/{name}",
                "not_for_members",
                "已登录用户只需提供邀请码",
                "who is signed in sends the token only",
            )
    user = session.get_one(User, actor.user_id)
    if user.email != invitation.email:
        raise Forbidden(
            Text("该邀请发给了另一个邮箱", "the invitation is for another address")
        )
    return user
