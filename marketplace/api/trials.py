"""``/trials``: used first, converted later 先用后转."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from marketplace.api import lists
from marketplace.api.edge import Blueprint, actor, etag, if_match_tag, in_path, spoken
from marketplace.domain.dockings import TRIAL_WORKFLOW
from marketplace.extensions import db
from marketplace.problems import language
from marketplace.services import trials as service
from schemas.base import EventSchema, PageQuery
from schemas.trials import (
    TrialActionSchema,
    TrialCreateSchema,
    TrialRowSchema,
    TrialSchema,
)

bp = Blueprint("trials", __name__, description="Trial licences 先用后转")
OF_DOCKING = "/dockings/<uuid:docking_id>/trials"
ONE = "/trials/<uuid:trial_id>"
ACTION = in_path("action", TRIAL_WORKFLOW.actions)


def _present(trial: Any) -> tuple[Any, dict[str, str]]:
    shown = service.view(db.session(), actor(), trial)
    return spoken(shown, language()), etag(trial.revision)


@bp.route(OF_DOCKING, methods=["GET"])
@bp.arguments(PageQuery, location="query")
@bp.response(200, lists.page_of(TrialRowSchema))
def all_(query: dict[str, Any], docking_id: UUID) -> Any:
    """The trials of a docking"""
    paging, _ = lists.split(query)
    return lists.answer(service.search(db.session(), actor(), docking_id), paging)


@bp.route(OF_DOCKING, methods=["POST"])
@bp.arguments(TrialCreateSchema)
@bp.response(201, TrialSchema)
def propose(data: dict[str, Any], docking_id: UUID) -> Any:
    """Propose a trial; ``If-Match`` is the docking's"""
    trial = service.propose(
        db.session(), actor(), docking_id, data, expected=if_match_tag()
    )
    shown, headers = _present(trial)
    return shown, 201, {**headers, "Location": f"/api/v1/trials/{trial.id}"}


@bp.route(ONE, methods=["GET"])
@bp.response(200, TrialSchema)
def get(trial_id: UUID) -> Any:
    """A trial as a side, its broker or an operator sees it"""
    shown, headers = _present(service.get(db.session(), actor(), trial_id))
    return shown, 200, headers


@bp.route(f"{ONE}/actions/<action>", methods=["POST"], parameters=[ACTION])
@bp.arguments(TrialActionSchema)
@bp.response(200, TrialSchema)
def act(data: dict[str, Any], trial_id: UUID, action: str) -> Any:
    """Agree, report the result, convert, or drop"""
    service.act(
        db.session(), actor(), trial_id, action, expected=if_match_tag(), **data
    )
    shown, headers = _present(service.get(db.session(), actor(), trial_id))
    return shown, 200, headers


@bp.route(f"{ONE}/events", methods=["GET"])
@bp.arguments(PageQuery, location="query")
@bp.response(200, lists.page_of(EventSchema))
def events(query: dict[str, Any], trial_id: UUID) -> Any:
    """What happened to a trial, oldest first"""
    paging, _ = lists.split(query)
    return lists.answer(service.history(db.session(), actor(), trial_id), paging)
