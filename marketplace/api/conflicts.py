"""``/conflict-checks`` for operators, ``/me/ties`` for what one declares of oneself."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from marketplace.api import lists
from marketplace.api.edge import (
    Blueprint,
    actor,
    after_reading,
    etag,
    if_match,
    in_path,
    spoken,
)
from marketplace.domain.conflicts import CONFLICT_WORKFLOW
from marketplace.extensions import db
from marketplace.problems import language
from marketplace.services import conflicts as service
from marketplace.services import personal_ties
from schemas.base import NoteSchema
from schemas.conflicts import (
    ConflictCheckQuery,
    ConflictCheckRowSchema,
    ConflictCheckSchema,
    PersonalTiesInputSchema,
    PersonalTiesSchema,
)

bp = Blueprint("conflicts", __name__, description="Conflicts of interest 利益冲突")
ONE = "/conflict-checks/<uuid:check_id>"
ACTION = in_path("action", CONFLICT_WORKFLOW.actions)


@bp.route("/conflict-checks", methods=["GET"])
@bp.arguments(ConflictCheckQuery, location="query")
@bp.response(200, lists.page_of(ConflictCheckRowSchema))
def index(query: dict[str, Any]) -> Any:
    """The checks for conflicts of interest, for operators"""
    paging, filters = lists.split(query)
    return lists.answer(service.search(db.session(), actor(), **filters), paging)


@bp.route(ONE, methods=["GET"])
@bp.response(200, ConflictCheckSchema)
def get(check_id: UUID) -> Any:
    """One check with every way that was found; the reading is written down"""
    caller = actor()
    row = service.get(db.session(), caller, check_id)
    after_reading(lambda: service.record_reading(db.session(), caller, check_id))
    return _present(row)


@bp.route(f"{ONE}/actions/<action>", methods=["POST"], parameters=[ACTION])
@bp.arguments(NoteSchema)
@bp.response(200, ConflictCheckSchema)
def act(data: dict[str, Any], check_id: UUID, action: str) -> Any:
    """Clear or uphold what was found, with a reason"""
    row = service.act(
        db.session(), actor(), check_id, action, expected=if_match(), **data
    )
    return _present(row)


def _present(row: Any) -> Any:
    shown = service.view(db.session(), actor(), row)
    return spoken(shown, language()), 200, etag(row.revision)


@bp.route("/me/ties", methods=["GET"])
@bp.response(200, PersonalTiesSchema)
def own_ties() -> Any:
    """What the caller has declared of himself"""
    user, shown = personal_ties.get(db.session(), actor())
    return shown, 200, etag(user.revision)


@bp.route("/me/ties", methods=["PUT"])
@bp.arguments(PersonalTiesInputSchema)
@bp.response(200, PersonalTiesSchema)
def declare_ties(data: dict[str, Any]) -> Any:
    """Declare work, family, advice, joint papers, paid work and shares"""
    personal_ties.replace(db.session(), actor(), data, expected=if_match())
    user, shown = personal_ties.get(db.session(), actor())
    return shown, 200, etag(user.revision)
