"""``/needs``: needs 技术需求, from draft to library."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from marketplace.api import contents, lists
from marketplace.api.edge import Blueprint, actor, if_match_tag, in_path
from marketplace.domain.needs import NEED_WORKFLOW
from marketplace.extensions import db
from marketplace.services import needs as service
from schemas.base import EventSchema, PageQuery
from schemas.contents import CompareQuery, ComparisonSchema, VersionsSchema
from schemas.needs import (
    NeedActionSchema,
    NeedCreateSchema,
    NeedListQuery,
    NeedPatchSchema,
    NeedRowSchema,
    NeedSchema,
    NeedVersionSchema,
)

bp = Blueprint("needs", __name__, description="Needs 技术需求")
ONE = "/needs/<uuid:need_id>"
ACTION = in_path("action", NEED_WORKFLOW.actions)


@bp.route("/needs", methods=["GET"])
@bp.arguments(NeedListQuery, location="query")
@bp.response(200, lists.page_of(NeedRowSchema))
def index(query: dict[str, Any]) -> Any:
    """The needs that the caller may see"""
    paging, filters = lists.split(query)
    return lists.answer(service.search(db.session(), actor(), **filters), paging)


@bp.route("/needs", methods=["POST"])
@bp.arguments(NeedCreateSchema)
@bp.response(201, NeedSchema)
def create(data: dict[str, Any]) -> Any:
    """Draft a need"""
    need = service.create(db.session(), actor(), data)
    shown, headers = contents.present(service, need)
    return shown, 201, {**headers, "Location": f"/api/v1/needs/{need.id}"}


@bp.route(ONE, methods=["GET"])
@bp.response(200, NeedSchema)
def get(need_id: UUID) -> Any:
    """A need as the caller may see it"""
    need = service.get(db.session(), actor(), need_id)
    shown, headers = contents.present(service, need)
    contents.noted(service, need, shown)
    return shown, 200, headers


@bp.route(ONE, methods=["PATCH"])
@bp.arguments(NeedPatchSchema)
@bp.response(200, NeedSchema)
def edit(data: dict[str, Any], need_id: UUID) -> Any:
    """Change the text; of a published one, begin the next version"""
    need = service.edit(db.session(), actor(), need_id, data, expected=if_match_tag())
    shown, headers = contents.present(service, need)
    return shown, 200, headers


@bp.route(ONE, methods=["DELETE"])
@bp.response(204)
def delete(need_id: UUID) -> Any:
    """Remove a draft that was never submitted"""
    service.delete_draft(db.session(), actor(), need_id, expected=if_match_tag())


@bp.route(f"{ONE}/actions/<action>", methods=["POST"], parameters=[ACTION])
@bp.arguments(NeedActionSchema)
@bp.response(200, NeedSchema)
@bp.alt_response(204, description=contents.OUT_OF_SIGHT)
def act(data: dict[str, Any], need_id: UUID, action: str) -> Any:
    """Submit, review, pool, withdraw or renew"""
    need = service.act(
        db.session(), actor(), need_id, action, expected=if_match_tag(), **data
    )
    return contents.moved(service, need)


@bp.route(f"{ONE}/events", methods=["GET"])
@bp.arguments(PageQuery, location="query")
@bp.response(200, lists.page_of(EventSchema))
def events(query: dict[str, Any], need_id: UUID) -> Any:
    """What happened to a need, oldest first"""
    paging, _ = lists.split(query)
    need = service.get(db.session(), actor(), need_id)
    return lists.answer(
        service.history(db.session(), actor(), need_id),
        paging,
        notice=lambda rows: contents.noted(service, need, contents.changed(rows)),
    )


@bp.route(f"{ONE}/versions", methods=["GET"])
@bp.response(200, VersionsSchema)
def versions(need_id: UUID) -> Any:
    """The versions that the caller may read"""
    return {"items": service.versions(db.session(), actor(), need_id)}


@bp.route(f"{ONE}/versions/<int:number>", methods=["GET"])
@bp.response(200, NeedVersionSchema)
def version(need_id: UUID, number: int) -> Any:
    """One version as the caller may see it"""
    need = service.get(db.session(), actor(), need_id)
    shown = service.version(db.session(), actor(), need, number)
    contents.noted(service, need, shown["content"])
    return shown


@bp.route(f"{ONE}/versions/compare", methods=["GET"])
@bp.arguments(CompareQuery, location="query")
@bp.response(200, ComparisonSchema)
def compare(query: dict[str, Any], need_id: UUID) -> Any:
    """What differs from one version to another"""
    need = service.get(db.session(), actor(), need_id)
    found = service.compare(db.session(), actor(), need, query["from_"], query["to"])
    contents.noted(service, need, contents.pointed(found["changes"]))
    return found
