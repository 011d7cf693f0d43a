"""Members of a unit: what each may do there, and how a membership ends."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace import policies
from marketplace.domain.actors import Actor
from marketplace.domain.masking import mask_email
from marketplace.domain.roles import OFFICIAL_ROLES, Role
from marketplace.errors import (
    Conflict,
    FieldError,
    Forbidden,
    Invalid,
    NotFound,
    Text,
)
from marketplace.models.organisations import Organisation
from marketplace.models.users import Membership, User
from marketplace.policies import ORGANISATION_RULES, Grant
from marketplace.services import accounts, events, organisations
from marketplace.services.paging import Listing


def search(session: so.Session, actor: Actor, org_id: UUID) -> Listing[dict[str, Any]]:
    """List the present members of a unit, for its members and operators.

    Raises
    ------
    NotFound, Unauthenticated, Forbidden
    """
    org = organisations.get(session, actor, org_id)
    policies.require(actor, "read-members", org, ORGANISATION_RULES)
    statement = (
        sa.select(Membership, User)
        .join(User, User.id == Membership.user_id)
        .where(Membership.org_id == org_id, Membership.ended_at.is_(None))
    )

    def show(rows: Sequence[sa.Row[*tuple[Any, ...]]]) -> list[dict[str, Any]]:
        return [_shown(actor, org, row[0], row[1]) for row in rows]

    return Listing(session, statement, key=Membership.id, view=show)


def get(
    session: so.Session, actor: Actor, org_id: UUID, member_id: UUID
) -> tuple[Membership, dict[str, Any]]:
    """Return a present membership and how the caller sees it.

    Raises
    ------
    NotFound, Unauthenticated, Forbidden
    """
    org = organisations.get(session, actor, org_id)
    policies.require(actor, "read-members", org, ORGANISATION_RULES)
    member, user = _find(session, org, member_id)
    return member, _shown(actor, org, member, user)


def _find(
    session: so.Session, org: Organisation, member_id: UUID
) -> tuple[Membership, User]:
    row = session.execute(
        sa.select(Membership, User)
        .join(User, User.id == Membership.user_id)
        .where(
            Membership.id == member_id,
            Membership.org_id == org.id,
            Membership.ended_at.is_(None),
        )
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        raise NotFound
    return row[0], row[1]


def _shown(
    actor: Actor, org: Organisation, member: Membership, user: User
) -> dict[str, Any]:
    """Show a member; the whole address is for himself and the unit's administrator."""
    whole = policies.own_admin(actor, org) or user.id == actor.user_id
    return {
        "id": member.id,
        "user_id": user.id,
        "name": user.name,
        "email": user.email if whole else mask_email(user.email),
        "roles": member.roles,
        "disabled": user.disabled_at is not None,
        "created_at": member.created_at,
        "updated_at": member.updated_at,
    }


def known_roles(names: Iterable[str], pointer: str = "/roles") -> list[str]:
    """Return roles in the order of their table, each once.

    Raises
    ------
    Invalid
        There is none, or one that does not exist.
    """
    wanted = list(names)
    known = [role.value for role in Role]
    if not wanted:
        raise Invalid.at(
            pointer, "required", "至少一个角色", "at least one role is needed"
        )
    unknown = [
        FieldError(
            f"{pointer}/{index}",
            "unknown_role",
            Text(
                "没有角色“{name}”；可用：{known}", "no role {name!r}; one of {known}"
            ).format(name=name, known=", ".join(known)),
        )
        for index, name in enumerate(wanted)
        if name not in known
    ]
    if unknown:
        raise Invalid(errors=unknown)
    return [name for name in known if name in wanted]


def require_official(actor: Actor, org: Organisation, changed: Iterable[str]) -> None:
    """Refuse official roles from everybody but an operator.

    Raises
    ------
    Forbidden
        A unit would make its own reviewer.
    """
    official = sorted(OFFICIAL_ROLES & {Role(name) for name in changed})
    if official and not policies.may(
        actor, "give-official-roles", org, ORGANISATION_RULES
    ):
        raise Forbidden(
            errors=[
                FieldError(
                    "/roles",
                    "operator_only",
                    Text(
                        "角色 {roles} 只能由平台运营方授予或收回",
                        "only an operator gives or takes {roles}",
                    ).format(roles=", ".join(official)),
                )
            ]
        )


def change_roles(
    session: so.Session,
    actor: Actor,
    org_id: UUID,
    member_id: UUID,
    roles: Sequence[str],
    *,
    expected: int | None = None,
) -> Membership:
    """Give a member other roles.

    Raises
    ------
    NotFound, Unauthenticated, Forbidden, Stale, Invalid
    Conflict
        The unit would lose its last administrator, or the market its last operator.
    """
    org = organisations.get(session, actor, org_id)
    grant = policies.require(actor, "manage-members", org, ORGANISATION_RULES)
    _lock(session, org)
    member, _ = _find(session, org, member_id)
    organisations.require_revision(member.revision, expected)
    wanted = known_roles(roles)
    before, after = set(member.roles), set(wanted)
    if before == after:
        return member
    require_official(actor, org, before ^ after)
    _refuse_last(session, grant, member, before - after)
    old, member.roles = member.roles, wanted
    member.updated_at = actor.now
    _record(
        session,
        actor,
        grant,
        member,
        "change",
        {"roles": old},
        {"roles": member.roles},
    )
    session.flush()
    return member


def end(
    session: so.Session,
    actor: Actor,
    org_id: UUID,
    member_id: UUID,
    *,
    expected: int | None = None,
) -> None:
    """End a membership: an administrator's doing, or one's own leaving.

    Raises
    ------
    NotFound, Unauthenticated, Forbidden, Stale
    Conflict
        The unit would lose its last administrator, or the market its last operator.
    """
    org = organisations.get(session, actor, org_id)
    policies.require(actor, "read-members", org, ORGANISATION_RULES)
    _lock(session, org)
    member, user = _find(session, org, member_id)
    if user.id == actor.user_id:
        grant = policies.require(actor, "read-members", org, ORGANISATION_RULES)
    else:
        grant = policies.require(actor, "manage-members", org, ORGANISATION_RULES)
    organisations.require_revision(member.revision, expected)
    _refuse_last(session, grant, member, set(member.roles))
    member.ended_at = actor.now
    member.updated_at = actor.now
    _record(session, actor, grant, member, "end", {"roles": member.roles}, {})
    session.flush()


def join(
    session: so.Session, actor: Actor, org_id: UUID, user: User, roles: Sequence[str]
) -> Membership:
    """Make a user a member, or give a present one further roles.

    Whoever calls this has seen an invitation. A membership that had ended begins
    anew, with the roles of the invitation only.
    """
    member = session.scalar(
        sa.select(Membership)
        .where(Membership.org_id == org_id, Membership.user_id == user.id)
        .with_for_update()
    )
    before: list[str] = []
    if member is None:
        member = Membership(user_id=user.id, org_id=org_id, created_at=actor.now)
        session.add(member)
    elif member.ended_at is None:
        before = member.roles
    member.ended_at = None
    member.roles = known_roles([*before, *roles])
    member.updated_at = actor.now
    session.flush()
    grant = Grant("member", org_id)
    _record(
        session,
        actor,
        grant,
        member,
        "begin",
        {"roles": before},
        {"roles": member.roles},
    )
    session.flush()
    return member


def _lock(session: so.Session, org: Organisation) -> None:
    """Let changes of a unit's members follow each other.

    Two administrators who demote each other at once would otherwise leave none.
    """
    session.execute(
        sa.select(Organisation.id).where(Organisation.id == org.id).with_for_update()
    )


def _refuse_last(
    session: so.Session, grant: Grant, member: Membership, lost: set[str]
) -> None:
    """Refuse to take away what nobody else in the unit, or on the market, has."""
    by_unit = grant.role not in {Role.OPERATOR, "system"}
    if Role.UNIT_ADMIN in lost and by_unit and not _other_admins(session, member):
        raise Conflict(
            Text(
                "不能移除本单位最后一名单位管理员，请先指定他人或联系平台运营方",
                "the last administrator of a unit stays; appoint another one first,"
                " or ask the operator",
            )
        )
    if Role.OPERATOR in lost and not accounts.operators(session) - {member.id}:
        raise Conflict(
            Text("不能移除最后一名平台运营方", "the last operator of the market stays")
        )


def _other_admins(session: so.Session, member: Membership) -> bool:
    rows = session.scalars(
        sa.select(Membership.roles)
        .join(User, User.id == Membership.user_id)
        .where(
            Membership.org_id == member.org_id,
            Membership.id != member.id,
            Membership.ended_at.is_(None),
            User.disabled_at.is_(None),
        )
    )
    return any(Role.UNIT_ADMIN in roles for roles in rows)


def _record(
    session: so.Session,
    actor: Actor,
    grant: Grant,
    member: Membership,
    what: str,
    before: dict[str, Any],
    after: dict[str, Any],
) -> None:
    changes = events.difference(before, after)
    changes["user_id"] = {"old": member.user_id, "new": member.user_id}
    events.record(
        session,
        actor,
        member,
        f"membership.{what}",
        role=grant.role,
        org_id=grant.org_id,
        changes=changes,
    )
