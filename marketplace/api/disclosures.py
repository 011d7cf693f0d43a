"""``/needs/{id}/disclosures`` and the same of offers: who has signed the agreement."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from marketplace.api import lists
from marketplace.api.edge import Blueprint, actor
from marketplace.extensions import db
from marketplace.services import disclosures as service
from schemas.base import PageQuery
from schemas.disclosures import DisclosureCreateSchema, DisclosureSchema

bp = Blueprint("disclosures", __name__, description="Disclosure under NDA 保密披露")


def _index(kind: str, query: dict[str, Any], subject_id: UUID) -> Any:
    paging, _ = lists.split(query)
    return lists.answer(service.search(db.session(), actor(), kind, subject_id), paging)


@bp.route("/needs/<uuid:need_id>/disclosures", methods=["GET"])
@bp.arguments(PageQuery, location="query")
@bp.response(200, lists.page_of(DisclosureSchema))
def of_need(query: dict[str, Any], need_id: UUID) -> Any:
    """Who may read the protected fields of a need"""
    return _index("need", query, need_id)


@bp.route("/needs/<uuid:need_id>/disclosures", methods=["POST"])
@bp.arguments(DisclosureCreateSchema)
@bp.response(201, DisclosureSchema)
def grant_need(data: dict[str, Any], need_id: UUID) -> Any:
    """Open the protected fields of a need to an organisation"""
    return service.grant(db.session(), actor(), "need", need_id, data)


@bp.route("/needs/<uuid:need_id>/disclosures/<uuid:grant_id>", methods=["DELETE"])
@bp.response(204)
def revoke_need(need_id: UUID, grant_id: UUID) -> Any:
    """Close the protected fields of a need again"""
    service.revoke(db.session(), actor(), "need", need_id, grant_id)


@bp.route("/offers/<uuid:offer_id>/disclosures", methods=["GET"])
@bp.arguments(PageQuery, location="query")
@bp.response(200, lists.page_of(DisclosureSchema))
def of_offer(query: dict[str, Any], offer_id: UUID) -> Any:
    """Who may read the protected fields of an offer"""
    return _index("offer", query, offer_id)


@bp.route("/offers/<uuid:offer_id>/disclosures", methods=["POST"])
@bp.arguments(DisclosureCreateSchema)
@bp.response(201, DisclosureSchema)
def grant_offer(data: dict[str, Any], offer_id: UUID) -> Any:
    """Open the protected fields of an offer to an organisation"""
    return service.grant(db.session(), actor(), "offer", offer_id, data)


@bp.route("/offers/<uuid:offer_id>/disclosures/<uuid:grant_id>", methods=["DELETE"])
@bp.response(204)
def revoke_offer(offer_id: UUID, grant_id: UUID) -> Any:
    """Close the protected fields of an offer again"""
    service.revoke(db.session(), actor(), "offer", offer_id, grant_id)
