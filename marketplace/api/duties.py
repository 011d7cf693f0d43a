"""``/work-queue``: what waits on the caller, oldest promise first 待办."""

from __future__ import annotations

from typing import Any

from marketplace.api import lists
from marketplace.api.edge import Blueprint, actor
from marketplace.extensions import db
from marketplace.services import duties as service
from schemas.duties import DutySchema, QueueQuery

bp = Blueprint("duties", __name__, description="Work queue 待办")


@bp.route("/work-queue", methods=["GET"])
@bp.arguments(QueueQuery, location="query")
@bp.response(200, lists.page_of(DutySchema))
def queue(query: dict[str, Any]) -> Any:
    """What waits on the caller, oldest promise first"""
    paging, filters = lists.split(query)
    return lists.answer(service.queue(db.session(), actor(), **filters), paging)
