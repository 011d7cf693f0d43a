"""``/auth``, ``/invitations``, ``/me`` and ``/users``: who comes in, and who is who."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import request

from marketplace.api import lists
from marketplace.api.edge import (
    Blueprint,
    actor,
    after_reading,
    current_token,
    etag,
    if_match,
    in_path,
    needs_scope,
    nobody,
    settings,
    spoken,
)
from marketplace.domain.accounts import ACCOUNT_WORKFLOW
from marketplace.extensions import db
from marketplace.problems import language
from marketplace.services import accounts as service
from marketplace.services import invitations
from marketplace.services.accounts import Throttle
from schemas.accounts import (
    AcceptSchema,
    InvitationCreateSchema,
    InvitationQuery,
    InvitationSchema,
    MePatchSchema,
    MeSchema,
    NewInvitationSchema,
    SignInSchema,
    TokenSchema,
    UserListQuery,
    UserRowSchema,
    UserSchema,
)
from schemas.base import NoteSchema

bp = Blueprint("accounts", __name__, description="Accounts 账号")
secret = Blueprint(
    "auth", __name__, description="Signing in, invitations 登录与邀请", secrets=True
)
ONE = "/users/<uuid:user_id>"
ACTION = in_path("action", ACCOUNT_WORKFLOW.actions)


def _throttle() -> Throttle:
    return Throttle(settings().sign_in_failures, settings().sign_in_minutes)


@secret.route("/auth/tokens", methods=["POST"])
@secret.arguments(SignInSchema)
@secret.response(201, TokenSchema)
@needs_scope(None)
def sign_in(data: dict[str, Any]) -> Any:
    """Sign in"""
    raw, token = service.sign_in(
        db.session(),
        nobody(),
        address=request.remote_addr or "",
        throttle=_throttle(),
        hours=settings().token_hours,
        **data,
    )
    return {"token": raw, "expires_at": token.expires_at, "scopes": token.scopes}


@secret.route("/auth/tokens/current", methods=["DELETE"])
@secret.response(204)
@needs_scope("read")
def sign_out() -> Any:
    """Sign out: end the token of this request"""
    token = current_token()
    service.sign_out(db.session(), actor(), token)


@secret.route("/invitations", methods=["POST"])
@secret.arguments(InvitationCreateSchema)
@secret.response(201, NewInvitationSchema)
def invite(data: dict[str, Any]) -> Any:
    """Offer somebody a seat in a unit"""
    raw, invitation = invitations.create(db.session(), actor(), **data)
    return {"token": raw, **invitations.view(actor(), invitation)}


@secret.route("/invitations", methods=["GET"])
@secret.arguments(InvitationQuery, location="query")
@secret.response(200, lists.page_of(InvitationSchema))
def pending(query: dict[str, Any]) -> Any:
    """The invitations that wait to be accepted"""
    paging, filters = lists.split(query)
    return lists.answer(invitations.search(db.session(), actor(), **filters), paging)


@secret.route("/invitations/<uuid:invitation_id>", methods=["DELETE"])
@secret.response(204)
def revoke(invitation_id: UUID) -> Any:
    """Take an invitation back"""
    invitations.revoke(db.session(), actor(), invitation_id)


@secret.route("/invitations/accept", methods=["POST"])
@secret.arguments(AcceptSchema)
@secret.response(201, MeSchema)
def accept(data: dict[str, Any]) -> Any:
    """Take the offered seat, as a new user or signed in"""
    session, caller = db.session(), actor()
    user = invitations.accept(session, caller, data)
    _, shown = service.me(session, service.as_user(session, caller, user))
    return shown, 201, etag(user.revision)


@bp.route("/me", methods=["GET"])
@bp.response(200, MeSchema)
def me() -> Any:
    """Who the caller is"""
    user, shown = service.me(db.session(), actor())
    return shown, 200, etag(user.revision)


@bp.route("/me", methods=["PATCH"])
@bp.arguments(MePatchSchema)
@bp.response(200, MeSchema)
def edit_me(data: dict[str, Any]) -> Any:
    """Change one's own name, language or password"""
    token = current_token()
    user = service.edit_me(
        db.session(),
        actor(),
        data,
        expected=if_match(),
        token=token,
        throttle=_throttle(),
    )
    _, shown = service.me(db.session(), actor())
    return shown, 200, etag(user.revision)


@bp.route("/users", methods=["GET"])
@bp.arguments(UserListQuery, location="query")
@bp.response(200, lists.page_of(UserRowSchema))
def index(query: dict[str, Any]) -> Any:
    """All accounts, for operators"""
    paging, filters = lists.split(query)
    return lists.answer(service.search(db.session(), actor(), **filters), paging)


@bp.route(ONE, methods=["GET"])
@bp.response(200, UserSchema)
def get(user_id: UUID) -> Any:
    """One account, for operators; the reading is written down"""
    session, caller = db.session(), actor()
    user = service.get(session, caller, user_id)
    if user.id != caller.user_id:
        after_reading(lambda: service.record_reading(db.session(), caller, user_id))
    return _present(user)


@bp.route(f"{ONE}/actions/<action>", methods=["POST"], parameters=[ACTION])
@bp.arguments(NoteSchema)
@bp.response(200, UserSchema)
def act(data: dict[str, Any], user_id: UUID, action: str) -> Any:
    """Disable an account or enable it again"""
    user = service.act(
        db.session(), actor(), user_id, action, expected=if_match(), **data
    )
    return _present(user)


def _present(user: Any) -> Any:
    shown = service.view(db.session(), actor(), user)
    return spoken(shown, language()), 200, etag(user.revision)
