"""Accounts: signing in and out, one's own data, and what operators do with them."""

from __future__ import annotations

import hashlib
import ipaddress
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace import policies
from marketplace.domain.accounts import (
    ACCOUNT_WORKFLOW,
    ACTIVE,
    DISABLED,
    AccountState,
)
from marketplace.domain.actors import Actor
from marketplace.domain.masking import mask_email
from marketplace.domain.organisations import ORGANISATION_WORKFLOW, OrganisationState
from marketplace.domain.roles import Role
from marketplace.errors import (
    Conflict,
    FieldError,
    Forbidden,
    Invalid,
    NotFound,
    SignInFailed,
    Text,
    TooManyRequests,
    Unauthenticated,
    WrongPassword,
)
from marketplace.models.organisations import Organisation
from marketplace.models.users import ApiToken, Membership, SignInAttempt, User
from marketplace.policies import USER_RULES
from marketplace.services import actions, events, organisations, passwords, tokens
from marketplace.services.fields import Reader
from marketplace.services.paging import Listing

HREF = "/api/v1/users"
LANGUAGES = ("zh-CN", "en")
NETWORK_FACTOR = 10
"""A network address may fail this many times as often as an account: offices share
one address."""


@dataclass(frozen=True, slots=True)
class Throttle:
    """How many failures an account may have within how many minutes."""

    failures: int
    minutes: int


def normal_email(address: str) -> str:
    """Return the spelling in which an address is kept and compared."""
    return address.strip().lower()


def sign_in(
    session: so.Session,
    actor: Actor,
    *,
    email: str,
    password: str,
    address: str,
    throttle: Throttle,
    hours: int,
    scopes: Collection[str] = tokens.SCOPES,
) -> tuple[str, ApiToken]:
    """Exchange an address and a password for a token.

    Parameters
    ----------
    actor : Actor
        The public, with its moment.
    address : str
        Network address of the caller.

    Returns
    -------
    tuple of str and ApiToken
        The token's text, given here and nowhere else, and its row.

    Raises
    ------
    SignInFailed
        Unknown address, wrong password or disabled account, told and timed alike. The
        failure is written; the edge commits it (``keeps_changes``).
    TooManyRequests
        Too many failures of this account or from this network; ``retry_after`` in
        seconds. The password is not even looked at.
    Invalid
        Unknown scope.
    """
    email = normal_email(email)
    tokens.require_scopes(scopes)
    keys = {_account_key(email): throttle.failures}
    keys[_network_key(address)] = throttle.failures * NETWORK_FACTOR
    _one_at_a_time(session, _account_key(email))
    _refuse_too_many(session, keys, throttle, actor.now)
    user = session.scalar(sa.select(User).where(User.email == email))
    right = passwords.matches(user.password_hash if user else None, password)
    if user is None or not right or user.disabled_at is not None:
        _count_failure(session, keys, throttle, actor.now)
        raise SignInFailed
    _forget_failures(session, email)
    if passwords.is_outdated(user.password_hash):
        user.password_hash = passwords.hashed(password)
    raw, token = tokens.issue(session, user, actor.now, hours=hours, scopes=scopes)
    events.record(
        session,
        as_user(session, actor, user),
        user,
        "user.sign-in",
        changes=events.difference(
            {}, {"scopes": token.scopes, "expires_at": token.expires_at}
        ),
    )
    session.flush()
    return raw, token


def as_user(session: so.Session, actor: Actor, user: User) -> Actor:
    """Return the actor that the caller becomes by proving to be ``user``."""
    held = tokens.standings(session, user.id)
    return replace(actor, user_id=user.id, standings=held)


def sign_out(session: so.Session, actor: Actor, token: ApiToken) -> None:
    """End the token of this request."""
    tokens.revoke(session, token, actor.now)
    user = session.get_one(User, token.user_id)
    events.record(session, actor, user, "user.sign-out")
    session.flush()


def forget_attempts(session: so.Session, now: datetime, *, minutes: int) -> int:
    """Remove failed sign-ins that no longer count; returns how many."""
    result = session.execute(
        sa.delete(SignInAttempt).where(
            SignInAttempt.at <= now - timedelta(minutes=minutes)
        )
    )
    return cast("sa.CursorResult[tuple[()]]", result).rowcount


def _account_key(email: str) -> str:
    """Name an account without keeping the address that somebody typed."""
    return "account:" + hashlib.sha256(email.encode("utf-8", "replace")).hexdigest()


def _network_key(address: str) -> str:
    """Name a network: an IPv4 address, or the /64 that one IPv6 customer has."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return f"network:{hashlib.sha256(address.encode()).hexdigest()}"
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return f"network:{ip.ipv4_mapped}"
        return f"network:{ipaddress.ip_network((ip, 64), strict=False)}"
    return f"network:{ip}"


def _one_at_a_time(session: so.Session, key: str) -> None:
    """Let the attempts on one account follow each other until the transaction ends.

    Otherwise many at once would all pass before the first failure is counted. SQLite
    has one writer at a time anyway.
    """
    if session.get_bind().dialect.name == "postgresql":
        digest = hashlib.sha256(key.encode()).digest()[:8]
        number = int.from_bytes(digest, "big", signed=True)
        session.execute(sa.select(sa.func.pg_advisory_xact_lock(number)))


def _refuse_too_many(
    session: so.Session, keys: Mapping[str, int], throttle: Throttle, now: datetime
) -> None:
    window = timedelta(minutes=throttle.minutes)
    waits = []
    for key, limit in keys.items():
        oldest = session.scalar(
            sa.select(SignInAttempt.at)
            .where(SignInAttempt.key == key, SignInAttempt.at > now - window)
            .order_by(SignInAttempt.at.desc())
            .offset(limit - 1)
            .limit(1)
        )
        if oldest is not None:
            waits.append((oldest + window - now).total_seconds())
    if waits:
        raise TooManyRequests(
            Text(
                "登录失败次数过多，请在 {minutes} 分钟内稍后再试",
                "too many failed sign-ins; try again within {minutes} minutes",
            ).format(minutes=throttle.minutes),
            extra={"retry_after": math.ceil(max(waits))},
        )


def _count_failure(
    session: so.Session, keys: Collection[str], throttle: Throttle, now: datetime
) -> None:
    """Write a failure down, and drop those of the same keys that count no more."""
    window = timedelta(minutes=throttle.minutes)
    session.execute(
        sa.delete(SignInAttempt).where(
            SignInAttempt.key.in_(sorted(keys)), SignInAttempt.at <= now - window
        )
    )
    session.add_all([SignInAttempt(key=key, at=now) for key in keys])
    session.flush()


def _forget_failures(session: so.Session, email: str) -> None:
    session.execute(
        sa.delete(SignInAttempt).where(SignInAttempt.key == _account_key(email))
    )


def me(session: so.Session, actor: Actor) -> tuple[User, dict[str, Any]]:
    """Return the caller's account, and how it is shown to himself.

    Raises
    ------
    Unauthenticated
        Nobody has signed in.
    """
    user = _own(session, actor)
    return user, {
        "user": {
            "id": user.id,
            "email": user.email,
            "name": user.name,
            "language": user.language,
            "created_at": user.created_at,
        },
        "memberships": memberships_of(session, [user.id]).get(user.id, []),
    }


def _own(session: so.Session, actor: Actor) -> User:
    if actor.user_id is None:
        raise Unauthenticated
    return session.get_one(User, actor.user_id)


def memberships_of(
    session: so.Session, user_ids: Collection[UUID]
) -> dict[UUID, list[dict[str, Any]]]:
    """Return what each of some users is in which organisation, closed ones left out."""
    rows = session.execute(
        sa.select(Membership, Organisation)
        .join(Organisation, Organisation.id == Membership.org_id)
        .where(
            Membership.user_id.in_(user_ids),
            Membership.ended_at.is_(None),
            Organisation.state != OrganisationState.CLOSED,
        )
        .order_by(Membership.id)
    )
    found: dict[UUID, list[dict[str, Any]]] = {}
    for member, org in rows:
        found.setdefault(member.user_id, []).append(
            {
                "id": member.id,
                "organisation": {
                    "id": org.id,
                    "name": org.name,
                    "org_type": org.org_type,
                    "region": org.region,
                    "state": org.state,
                },
                "roles": member.roles,
            }
        )
    return found


def edit_me(
    session: so.Session,
    actor: Actor,
    data: Mapping[str, Any],
    *,
    expected: int | None,
    token: ApiToken | None,
    throttle: Throttle,
) -> User:
    """Change one's own name, language or password.

    Parameters
    ----------
    data : mapping
        ``name``, ``language``, ``password`` with ``current_password``.
    token : ApiToken or None
        The token in use: a new password ends all others.

    Raises
    ------
    Unauthenticated, Stale, Invalid
    WrongPassword
        The present password is wrong; it counts as a failed sign-in.
    TooManyRequests
        Too many wrong ones.
    """
    user = _own(session, actor)
    organisations.require_revision(user.revision, expected)
    before = {"name": user.name, "language": user.language}
    after = {name: data.get(name, old) for name, old in before.items()}
    errors: list[FieldError] = []
    after["name"] = _name(session, actor, after["name"], errors)
    if after["language"] not in LANGUAGES:
        known = Text("只能是 zh-CN 或 en", "zh-CN or en")
        errors.append(FieldError("/language", "unknown_language", known))
    if "password" in data:
        errors += passwords.faults(data["password"], user.email, "/password")
        if not data.get("current_password"):
            needed = Text("须提供当前密码", "the present password is needed")
            errors.append(FieldError("/current_password", "required", needed))
    if errors:
        raise Invalid(errors=errors)
    changes = events.difference(before, after)
    if "password" in data:
        _require_present_password(
            session, actor, user, data["current_password"], throttle
        )
        user.password_hash = passwords.hashed(data["password"])
        tokens.revoke_all(session, user.id, actor.now, keep=token)
        changes["password"] = {"old": "changed", "new": "changed"}
    if changes:
        user.name, user.language = after["name"], after["language"]
        user.updated_at = actor.now
        events.record(session, actor, user, "user.edit", changes=changes)
    session.flush()
    return user


def _require_present_password(
    session: so.Session, actor: Actor, user: User, password: str, throttle: Throttle
) -> None:
    """Refuse who has a token but not the password, and count how often he guesses.

    Nothing may be changed before this: the failure is committed with it.
    """
    key = _account_key(user.email)
    _one_at_a_time(session, key)
    _refuse_too_many(session, {key: throttle.failures}, throttle, actor.now)
    if not passwords.matches(user.password_hash, password):
        _count_failure(session, [key], throttle, actor.now)
        raise WrongPassword.at(
            "/current_password",
            "wrong_password",
            "当前密码不正确",
            "the present password is wrong",
        )
    _forget_failures(session, user.email)


def _name(
    session: so.Session, actor: Actor, value: Any, errors: list[FieldError]
) -> str:
    reader = Reader(session, actor.today)
    name = reader.words(value, "/name", 60)
    if not name and not reader.errors:
        reader.wrong("/name", "required", "必填", "is required")
    errors += reader.errors
    return name


def create_user(
    session: so.Session, actor: Actor, *, email: str, name: str, password: str
) -> User:
    """Make an account. Whoever calls this has seen that the address may have one.

    Raises
    ------
    Invalid
        Name or password will not do.
    Conflict
        The address has an account.
    """
    email = normal_email(email)
    errors: list[FieldError] = []
    name = _name(session, actor, name, errors)
    errors += passwords.faults(password, email, "/password")
    if errors:
        raise Invalid(errors=errors)
    if session.scalar(sa.select(sa.exists().where(User.email == email))):
        taken = Text("该邮箱已有账号，请先登录", "this address has an account; sign in")
        raise Conflict(taken, errors=[FieldError("/email", "email_taken", taken)])
    user = User(
        email=email,
        name=name,
        password_hash=passwords.hashed(password),
        created_at=actor.now,
        updated_at=actor.now,
    )
    session.add(user)
    session.flush()
    events.record(
        session,
        actor if actor.is_system else as_user(session, actor, user),
        user,
        "user.create",
        changes=events.difference({}, {"email": mask_email(email), "name": name}),
    )
    return user


def create_first_operator(
    session: so.Session,
    actor: Actor,
    *,
    organisation: Mapping[str, Any],
    email: str,
    name: str,
    password: str,
) -> User:
    """Make the first operator of a new market, with a verified unit.

    Everybody else comes by invitation, and only an operator can make operators; this
    is how the first one comes in. A command calls it as the system.

    Parameters
    ----------
    organisation : mapping
        Fields of the operating unit; ``name``, ``uscc`` and ``region`` at least.

    Raises
    ------
    Forbidden
        The caller is not the system.
    Conflict
        There is an operator already.
    Invalid
    """
    if not actor.is_system:
        raise Forbidden
    if operators(session):
        raise Conflict(Text("已有平台运营方账号", "there is an operator already"))
    if not organisation.get("uscc"):
        raise Invalid.at("/uscc", "required", "必填", "is required")
    data = {
        "org_type": "OPER",
        "contact_name": name,
        "contact_email": email,
        **organisation,
    }
    org = organisations.create(session, actor, data)
    step = ORGANISATION_WORKFLOW.step(org.state, "verify")
    events.record(
        session,
        actor,
        org,
        "organisation.verify",
        from_state=org.state,
        to_state=step.target,
        comment="the first operator of this market",
    )
    org.state = step.target
    user = create_user(session, actor, email=email, name=name, password=password)
    session.add(
        Membership(
            user_id=user.id,
            org_id=org.id,
            roles=[Role.OPERATOR.value, Role.UNIT_ADMIN.value],
            created_at=actor.now,
            updated_at=actor.now,
        )
    )
    session.flush()
    return user


def operators(session: so.Session) -> set[UUID]:
    """Return the memberships through which somebody is an operator now."""
    rows = session.execute(
        sa.select(Membership.id, Membership.roles)
        .join(User, User.id == Membership.user_id)
        .join(Organisation, Organisation.id == Membership.org_id)
        .where(
            Membership.ended_at.is_(None),
            User.disabled_at.is_(None),
            Organisation.state == OrganisationState.VERIFIED,
        )
    )
    return {found for found, roles in rows if Role.OPERATOR in roles}


def search(
    session: so.Session, actor: Actor, **filters: Any
) -> Listing[dict[str, Any]]:
    """List accounts, addresses masked; for operators.

    Parameters
    ----------
    q : str
        Part of a name, or a whole address.
    organisation_id : UUID
        Only present members of this unit.
    state : str
        ``ACTIVE`` or ``DISABLED``.
    """
    policies.require(actor, "read", None, USER_RULES)
    statement = sa.select(User)
    if q := filters.get("q"):
        part = q.strip()
        statement = statement.where(
            sa.or_(
                User.name.icontains(part, autoescape=True),
                User.email == normal_email(part),
            )
        )
    if org_id := filters.get("organisation_id"):
        members = sa.select(Membership.user_id).where(
            Membership.org_id == org_id, Membership.ended_at.is_(None)
        )
        statement = statement.where(User.id.in_(members))
    if state := filters.get("state"):
        disabled = User.disabled_at.is_not(None)
        statement = statement.where(disabled if state == DISABLED else ~disabled)

    def show(rows: Sequence[sa.Row[*tuple[Any, ...]]]) -> list[dict[str, Any]]:
        return [{**_shown(row[0]), "email": mask_email(row[0].email)} for row in rows]

    return Listing(session, statement, key=User.id, view=show)


def get(session: so.Session, actor: Actor, user_id: UUID) -> User:
    """Return an account; for operators.

    Raises
    ------
    Unauthenticated, Forbidden, NotFound
    """
    policies.require(actor, "read", None, USER_RULES)
    user = session.get(User, user_id, populate_existing=True)
    if user is None:
        raise NotFound
    return user


def _hold_both(session: so.Session, actor: Actor, user_id: UUID) -> None:
    """Lock the caller's account and another one, always in one order.

    Of two operators who disable each other at once the first one wins; the second one
    is disabled himself by then, so that somebody is left.
    """
    statement = sa.select(User.id, User.disabled_at).where(
        User.id.in_([user_id, actor.user_id])
    )
    rows = session.execute(statement.order_by(User.id).with_for_update()).all()
    if any(row.id == actor.user_id and row.disabled_at is not None for row in rows):
        raise Unauthenticated


def state_of(user: User) -> AccountState:
    """Return where an account stands."""
    return ACTIVE if user.disabled_at is None else DISABLED


def _shown(user: User) -> dict[str, Any]:
    return {
        "id": user.id,
        "email": user.email,
        "name": user.name,
        "language": user.language,
        "state": state_of(user),
        "disabled_at": user.disabled_at,
        "created_at": user.created_at,
    }


def view(session: so.Session, actor: Actor, user: User) -> dict[str, Any]:
    """Show an account to an operator; the reading belongs into the ledger."""
    return {
        **_shown(user),
        "memberships": memberships_of(session, [user.id]).get(user.id, []),
        "actions": actions.links(
            ACCOUNT_WORKFLOW,
            state_of(user),
            actor,
            user,
            USER_RULES,
            f"{HREF}/{user.id}",
        ),
    }


def record_reading(session: so.Session, actor: Actor, user_id: UUID) -> None:
    """Write into the ledger that an operator read somebody's address."""
    user = session.get_one(User, user_id)
    grant = policies.require(actor, "read", user, USER_RULES)
    events.record(
        session,
        actor,
        user,
        "user.read",
        role=grant.role,
        org_id=grant.org_id,
        comment="email",
    )


def act(
    session: so.Session,
    actor: Actor,
    user_id: UUID,
    action: str,
    *,
    expected: int | None = None,
    comment: str = "",
) -> User:
    """Disable or enable an account; a disabled one loses its tokens.

    Raises
    ------
    Unauthenticated, Forbidden, NotFound, Stale, IllegalTransition, Invalid
    Conflict
        An operator tries to disable himself.
    """
    policies.require(actor, "read", None, USER_RULES)
    _hold_both(session, actor, user_id)
    user = get(session, actor, user_id)
    state = state_of(user)
    grant, row = actions.grant_for(
        ACCOUNT_WORKFLOW, state, action, actor, user, USER_RULES
    )
    organisations.require_revision(user.revision, expected)
    actions.require_comment(row, comment)
    if user.id == actor.user_id:
        raise Conflict(Text("不能停用自己的账号", "nobody disables himself"))
    user.disabled_at = actor.now if row.target is DISABLED else None
    user.updated_at = actor.now
    tokens.revoke_all(session, user.id, actor.now)
    events.record(
        session,
        actor,
        user,
        f"user.{action}",
        role=grant.role,
        org_id=grant.org_id,
        from_state=state,
        to_state=row.target,
        comment=comment.strip(),
    )
    session.flush()
    return user
