"""``/offers``: results 科技成果 and capabilities 科研能力."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from marketplace.api import contents, lists
from marketplace.api.edge import Blueprint, actor, if_match_tag, in_path
from marketplace.domain.offers import OFFER_WORKFLOW
from marketplace.extensions import db
from marketplace.services import offers as service
from schemas.base import EventSchema, PageQuery
from schemas.contents import CompareQuery, ComparisonSchema, VersionsSchema
from schemas.offers import (
    OfferActionSchema,
    OfferCreateSchema,
    OfferListQuery,
    OfferPatchSchema,
    OfferRowSchema,
    OfferSchema,
    OfferVersionSchema,
)

bp = Blueprint("offers", __name__, description="Offers 科技成果、科研能力")
ONE = "/offers/<uuid:offer_id>"
ACTION = in_path("action", OFFER_WORKFLOW.actions)


@bp.route("/offers", methods=["GET"])
@bp.arguments(OfferListQuery, location="query")
@bp.response(200, lists.page_of(OfferRowSchema))
def index(query: dict[str, Any]) -> Any:
    """The offers that the caller may see"""
    paging, filters = lists.split(query)
    return lists.answer(service.search(db.session(), actor(), **filters), paging)


@bp.route("/offers", methods=["POST"])
@bp.arguments(OfferCreateSchema)
@bp.response(201, OfferSchema)
def create(data: dict[str, Any]) -> Any:
    """Draft an offer"""
    offer = service.create(db.session(), actor(), data)
    shown, headers = contents.present(service, offer)
    return shown, 201, {**headers, "Location": f"/api/v1/offers/{offer.id}"}


@bp.route(ONE, methods=["GET"])
@bp.response(200, OfferSchema)
def get(offer_id: UUID) -> Any:
    """An offer as the caller may see it"""
    offer = service.get(db.session(), actor(), offer_id)
    shown, headers = contents.present(service, offer)
    contents.noted(service, offer, shown)
    return shown, 200, headers


@bp.route(ONE, methods=["PATCH"])
@bp.arguments(OfferPatchSchema)
@bp.response(200, OfferSchema)
def edit(data: dict[str, Any], offer_id: UUID) -> Any:
    """Change the text; of a published one, begin the next version"""
    offer = service.edit(db.session(), actor(), offer_id, data, expected=if_match_tag())
    shown, headers = contents.present(service, offer)
    return shown, 200, headers


@bp.route(ONE, methods=["DELETE"])
@bp.response(204)
def delete(offer_id: UUID) -> Any:
    """Remove a draft that was never submitted"""
    service.delete_draft(db.session(), actor(), offer_id, expected=if_match_tag())


@bp.route(f"{ONE}/actions/<action>", methods=["POST"], parameters=[ACTION])
@bp.arguments(OfferActionSchema)
@bp.response(200, OfferSchema)
@bp.alt_response(204, description=contents.OUT_OF_SIGHT)
def act(data: dict[str, Any], offer_id: UUID, action: str) -> Any:
    """Submit, approve, register, list, return or delist"""
    offer = service.act(
        db.session(), actor(), offer_id, action, expected=if_match_tag(), **data
    )
    return contents.moved(service, offer)


@bp.route(f"{ONE}/events", methods=["GET"])
@bp.arguments(PageQuery, location="query")
@bp.response(200, lists.page_of(EventSchema))
def events(query: dict[str, Any], offer_id: UUID) -> Any:
    """What happened to an offer, oldest first"""
    paging, _ = lists.split(query)
    offer = service.get(db.session(), actor(), offer_id)
    return lists.answer(
        service.history(db.session(), actor(), offer_id),
        paging,
        notice=lambda rows: contents.noted(service, offer, contents.changed(rows)),
    )


@bp.route(f"{ONE}/versions", methods=["GET"])
@bp.response(200, VersionsSchema)
def versions(offer_id: UUID) -> Any:
    """The versions that the caller may read"""
    return {"items": service.versions(db.session(), actor(), offer_id)}


@bp.route(f"{ONE}/versions/<int:number>", methods=["GET"])
@bp.response(200, OfferVersionSchema)
def version(offer_id: UUID, number: int) -> Any:
    """One version as the caller may see it"""
    offer = service.get(db.session(), actor(), offer_id)
    shown = service.version(db.session(), actor(), offer, number)
    contents.noted(service, offer, shown["content"])
    return shown


@bp.route(f"{ONE}/versions/compare", methods=["GET"])
@bp.arguments(CompareQuery, location="query")
@bp.response(200, ComparisonSchema)
def compare(query: dict[str, Any], offer_id: UUID) -> Any:
    """What differs from one version to another"""
    offer = service.get(db.session(), actor(), offer_id)
    found = service.compare(db.session(), actor(), offer, query["from_"], query["to"])
    contents.noted(service, offer, contents.pointed(found["changes"]))
    return found
