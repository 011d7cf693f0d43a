"""Meetings as calendar files, and a private calendar feed a person 日历."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response

from marketplace.api.edge import Blueprint, actor, needs_scope, nobody
from marketplace.errors import Text
from marketplace.extensions import db
from marketplace.integrations import calendars
from marketplace.problems import language
from marketplace.services import calendar_feeds as service
from schemas.calendars import CalendarFeedSchema

bp = Blueprint("calendars", __name__, description="Calendars 日历")
secret = Blueprint(
    "calendar-feeds", __name__, description="Calendar feeds 日历订阅", secrets=True
)
FILE = {"type": "string"}
NAME = Text("揭榜：会谈与到期事项", "Jiebang: meetings and what is due")


def _file(content: bytes, name: str) -> Response:
    response = Response(content, mimetype=calendars.MEDIA_TYPE)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.ics"'
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


@bp.route("/dockings/<uuid:docking_id>/meetings/<uuid:meeting_id>.ics", methods=["GET"])
@bp.response(200, FILE, content_type=calendars.MEDIA_TYPE)
def meeting(docking_id: UUID, meeting_id: UUID) -> Any:
    """One meeting, to be taken into a calendar"""
    entry = service.meeting(db.session(), actor(), docking_id, meeting_id, language())
    return _file(calendars.compose([entry]), str(meeting_id))


@secret.route("/me/calendar-feed", methods=["POST"])
@secret.response(201, CalendarFeedSchema)
def make() -> Any:
    """Make one's calendar feed, or make it anew: the old address ends"""
    raw, feed = service.make(db.session(), actor())
    path = f"/api/v1/calendars/{raw}.ics"
    return {"path": path, "created_at": feed.created_at}


@secret.route("/me/calendar-feed", methods=["DELETE"])
@secret.response(204)
def revoke() -> Any:
    """End one's calendar feed"""
    service.revoke(db.session(), actor())


@bp.route("/calendars/<token>.ics", methods=["GET"])
@bp.response(200, FILE, content_type=calendars.MEDIA_TYPE)
@needs_scope(None)
def feed(token: str) -> Any:
    """The meetings and due days of the person whose feed this is"""
    session = db.session()
    person, spoken = service.owner(session, nobody(), token)
    entries = service.entries(session, person, spoken)
    return _file(calendars.compose(entries, name=NAME.get(spoken)), "jiebang")
