"""``/messages`` and ``/me/message-preferences``: what people are told, and how."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from marketplace.api import lists
from marketplace.api.edge import Blueprint, actor, etag, if_match, in_path, spoken
from marketplace.extensions import db
from marketplace.problems import language
from marketplace.services import message_preferences as preferences
from marketplace.services import messages as service
from schemas.messages import (
    GroupPreviewSchema,
    GroupSchema,
    GroupSendSchema,
    MessageListQuery,
    MessageSchema,
    PreferencePutSchema,
    PreferenceSchema,
    ReadAllSchema,
    ReadCountSchema,
    SendingSchema,
)

bp = Blueprint("messages", __name__, description="Messages 消息")
ONE = "/messages/<uuid:message_id>"
ACTION = in_path("action", ["read"])


@bp.route("/messages", methods=["GET"])
@bp.arguments(MessageListQuery, location="query")
@bp.response(200, lists.page_of(MessageSchema))
def index(query: dict[str, Any]) -> Any:
    """The caller's own messages, newest first"""
    paging, filters = lists.split(query)
    return lists.answer(service.inbox(db.session(), actor(), **filters), paging)


@bp.route(ONE, methods=["GET"])
@bp.response(200, MessageSchema)
def get(message_id: UUID) -> Any:
    """One of the caller's own messages; looking at it does not mark it as read"""
    return _present(service.get(db.session(), actor(), message_id))


@bp.route(f"{ONE}/actions/<action>", methods=["POST"], parameters=[ACTION])
@bp.response(200, MessageSchema)
def act(message_id: UUID, action: str) -> Any:
    """Mark a message as read"""
    session, caller, tag = db.session(), actor(), if_match()
    return _present(service.act(session, caller, message_id, action, expected=tag))


def _present(message: Any) -> Any:
    shown = spoken(service.view(message), language())
    return shown, 200, etag(service.tag(message))


@bp.route("/messages/actions/read-all", methods=["POST"])
@bp.arguments(ReadAllSchema)
@bp.response(200, ReadCountSchema)
def read_all(data: dict[str, Any]) -> Any:
    """Mark all of the caller's messages as read"""
    session, caller = db.session(), actor()
    read = service.read_all(session, caller, **data)
    return {"read": read, "unread": service.unread_count(session, caller)}


@bp.route("/messages/groups/preview", methods=["POST"])
@bp.arguments(GroupPreviewSchema)
@bp.response(200, GroupSchema)
def preview(data: dict[str, Any]) -> Any:
    """Exactly whom a message would reach, for operators"""
    return service.preview_group(db.session(), actor(), data["audience"])


@bp.route("/messages/groups", methods=["POST"])
@bp.arguments(GroupSendSchema)
@bp.response(201, SendingSchema)
def send(data: dict[str, Any]) -> Any:
    """Tell a group something, exactly as it was previewed"""
    return service.send_group(db.session(), actor(), **data)


@bp.route("/me/message-preferences", methods=["GET"])
@bp.response(200, PreferenceSchema)
def own() -> Any:
    """How the caller hears, and of what he may hear"""
    return _own()


@bp.route("/me/message-preferences", methods=["PUT"])
@bp.arguments(PreferencePutSchema)
@bp.response(200, PreferenceSchema)
def put(data: dict[str, Any]) -> Any:
    """Say how one wants to hear"""
    preferences.put(db.session(), actor(), data, expected=if_match())
    return _own()


def _own() -> Any:
    revision, shown = preferences.get(db.session(), actor())
    return spoken(shown, language()), 200, etag(revision)
