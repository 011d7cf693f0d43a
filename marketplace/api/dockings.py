"""``/dockings``: two sides on the way to a contract 产学研对接."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from marketplace.api import contents, lists
from marketplace.api.edge import (
    Blueprint,
    actor,
    etag,
    if_match_tag,
    in_path,
    index,
    spoken,
)
from marketplace.domain.dockings import DOCKING_WORKFLOW
from marketplace.extensions import db
from marketplace.problems import language
from marketplace.services import dockings as service
from marketplace.services import needs, offers
from schemas.base import EventSchema, PageQuery
from schemas.dockings import (
    DockingActionSchema,
    DockingCreateSchema,
    DockingListQuery,
    DockingRowSchema,
    DockingSchema,
    MeetingSchema,
)
from schemas.needs import NeedSchema
from schemas.offers import OfferSchema

bp = Blueprint("dockings", __name__, description="Dockings 产学研对接")
ONE = "/dockings/<uuid:docking_id>"
ACTION = in_path("action", DOCKING_WORKFLOW.actions)


def _present(docking: Any) -> tuple[Any, dict[str, str]]:
    shown = service.view(db.session(), actor(), docking)
    return spoken(shown, language()), etag(docking.revision)


@bp.route("/dockings", methods=["GET"])
@bp.arguments(DockingListQuery, location="query")
@bp.response(200, lists.page_of(DockingRowSchema))
def all_(query: dict[str, Any]) -> Any:
    """The dockings that the caller may know of"""
    paging, filters = lists.split(query)
    return lists.answer(service.search(db.session(), actor(), **filters), paging)


@bp.route("/dockings", methods=["POST"])
@bp.arguments(DockingCreateSchema)
@bp.response(201, DockingSchema)
def open_(data: dict[str, Any]) -> Any:
    """Open a docking from a pair"""
    docking = service.open_(db.session(), actor(), index(), data)
    shown, headers = _present(docking)
    return shown, 201, {**headers, "Location": f"/api/v1/dockings/{docking.id}"}


@bp.route(ONE, methods=["GET"])
@bp.response(200, DockingSchema)
def get(docking_id: UUID) -> Any:
    """A docking as a side, its broker or an operator sees it"""
    shown, headers = _present(service.get(db.session(), actor(), docking_id))
    return shown, 200, headers


@bp.route(f"{ONE}/actions/<action>", methods=["POST"], parameters=[ACTION])
@bp.arguments(DockingActionSchema)
@bp.response(200, DockingSchema)
def act(data: dict[str, Any], docking_id: UUID, action: str) -> Any:
    """Answer, meet, agree on secrecy and terms, sign, or give up"""
    service.act(
        db.session(), actor(), docking_id, action, expected=if_match_tag(), **data
    )
    shown, headers = _present(service.get(db.session(), actor(), docking_id))
    return shown, 200, headers


@bp.route(f"{ONE}/events", methods=["GET"])
@bp.arguments(PageQuery, location="query")
@bp.response(200, lists.page_of(EventSchema))
def events(query: dict[str, Any], docking_id: UUID) -> Any:
    """What happened to a docking, oldest first"""
    paging, _ = lists.split(query)
    return lists.answer(service.history(db.session(), actor(), docking_id), paging)


@bp.route(f"{ONE}/meetings", methods=["GET"])
@bp.arguments(PageQuery, location="query")
@bp.response(200, lists.page_of(MeetingSchema))
def meetings(query: dict[str, Any], docking_id: UUID) -> Any:
    """The meetings of a docking"""
    paging, _ = lists.split(query)
    return lists.answer(service.meetings(db.session(), actor(), docking_id), paging)


def _resumed(kind: str, service_of: Any, subject_id: UUID) -> Any:
    service.resume(db.session(), actor(), kind, subject_id, expected=if_match_tag())
    subject = service_of.get(db.session(), actor(), subject_id)
    shown, headers = contents.present(service_of, subject)
    return shown, 200, headers


@bp.route("/needs/<uuid:need_id>/actions/resume", methods=["POST"])
@bp.response(200, NeedSchema)
def resume_need(need_id: UUID) -> Any:
    """Bring a need back that was paused because requests were left unanswered"""
    return _resumed("need", needs, need_id)


@bp.route("/offers/<uuid:offer_id>/actions/resume", methods=["POST"])
@bp.response(200, OfferSchema)
def resume_offer(offer_id: UUID) -> Any:
    """Bring an offer back that was paused because requests were left unanswered"""
    return _resumed("offer", offers, offer_id)
