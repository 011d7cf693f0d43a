"""``/organisations/{id}/teams``: groups without legal personality under a unit."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from marketplace.api import lists
from marketplace.api.edge import Blueprint, actor, etag, if_match
from marketplace.extensions import db
from marketplace.services import teams as service
from schemas.teams import TeamCreateSchema, TeamListQuery, TeamPatchSchema, TeamSchema

bp = Blueprint("teams", __name__, description="Teams 团队")
ALL = "/organisations/<uuid:org_id>/teams"
ONE = f"{ALL}/<uuid:team_id>"


def _present(org_id: UUID, team_id: UUID) -> tuple[Any, dict[str, str]]:
    org, team = service.get(db.session(), actor(), org_id, team_id)
    return service.view(actor(), org, team), etag(team.revision)


@bp.route(ALL, methods=["GET"])
@bp.arguments(TeamListQuery, location="query")
@bp.response(200, lists.page_of(TeamSchema))
def index(query: dict[str, Any], org_id: UUID) -> Any:
    """The teams of a unit"""
    paging, filters = lists.split(query)
    found = service.search(db.session(), actor(), org_id, **filters)
    return lists.answer(found, paging)


@bp.route(ALL, methods=["POST"])
@bp.arguments(TeamCreateSchema)
@bp.response(201, TeamSchema)
def create(data: dict[str, Any], org_id: UUID) -> Any:
    """Set up a team"""
    team = service.create(db.session(), actor(), org_id, data)
    shown, headers = _present(org_id, team.id)
    place = f"/api/v1/organisations/{org_id}/teams/{team.id}"
    return shown, 201, {**headers, "Location": place}


@bp.route(ONE, methods=["GET"])
@bp.response(200, TeamSchema)
def get(org_id: UUID, team_id: UUID) -> Any:
    """A team as the caller may see it"""
    shown, headers = _present(org_id, team_id)
    return shown, 200, headers


@bp.route(ONE, methods=["PATCH"])
@bp.arguments(TeamPatchSchema)
@bp.response(200, TeamSchema)
def edit(data: dict[str, Any], org_id: UUID, team_id: UUID) -> Any:
    """Change a team"""
    service.edit(db.session(), actor(), org_id, team_id, data, expected=if_match())
    shown, headers = _present(org_id, team_id)
    return shown, 200, headers


@bp.route(ONE, methods=["DELETE"])
@bp.response(204)
def close(org_id: UUID, team_id: UUID) -> Any:
    """Close a team; what it offers keeps naming it"""
    service.close(db.session(), actor(), org_id, team_id, expected=if_match())
