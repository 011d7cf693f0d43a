"""Matches: ranked pairs in both directions, previews and feedback."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any
from uuid import UUID

import marshmallow as ma

from marketplace.api import contents
from marketplace.api.edge import Blueprint, actor, index
from marketplace.api.lists import answer_quickly
from marketplace.extensions import db
from marketplace.problems import language
from marketplace.services import matches as service
from marketplace.services import needs, offers
from schemas.matches import (
    FeedbackKeptSchema,
    FeedbackSchema,
    MatchesSchema,
    MatchQuery,
    NeedMatchQuery,
    PreviewSchema,
    RelaxationQuery,
    RelaxationsSchema,
    TeamMatchesSchema,
    TeamMatchQuery,
)

bp = Blueprint("matches", __name__, description="Matches 匹配")


def _about(
    kind: ModuleType,
    subject_id: UUID,
    find: Callable[..., dict[str, Any]],
    schema: type[ma.Schema],
    /,
    **asked: Any,
) -> Any:
    """Find something for an object, and note the confidential fields it may quote."""
    subject = kind.get(db.session(), actor(), subject_id)
    guarded = service.guarded(actor(), kind.KIND, subject)
    found = find(db.session(), actor(), index(), subject, **asked)
    if found["items"]:
        contents.note(kind, subject_id, guarded)
    return answer_quickly(found, schema)


@bp.route("/needs/<uuid:need_id>/matches", methods=["GET"])
@bp.arguments(NeedMatchQuery, location="query")
@bp.response(200, MatchesSchema)
def for_need(query: dict[str, Any], need_id: UUID) -> Any:
    """Offers that would answer a need, ranked and explained"""
    find = service.for_need
    return _about(needs, need_id, find, MatchesSchema, language=language(), **query)


@bp.route("/needs/<uuid:need_id>/relaxations", methods=["GET"])
@bp.arguments(RelaxationQuery, location="query")
@bp.response(200, RelaxationsSchema)
def relaxed(query: dict[str, Any], need_id: UUID) -> Any:
    """Which single requirement costs a need the most matches, and what is claimed"""
    return _about(needs, need_id, service.relaxed, RelaxationsSchema, **query)


@bp.route("/needs/<uuid:need_id>/teams", methods=["GET"])
@bp.arguments(TeamMatchQuery, location="query")
@bp.response(200, TeamMatchesSchema)
def teams(query: dict[str, Any], need_id: UUID) -> Any:
    """Teams for a need, by their three nearest offers"""
    return _about(needs, need_id, service.teams, TeamMatchesSchema, **query)


@bp.route("/offers/<uuid:offer_id>/matches", methods=["GET"])
@bp.arguments(MatchQuery, location="query")
@bp.response(200, MatchesSchema)
def for_offer(query: dict[str, Any], offer_id: UUID) -> Any:
    """Needs that an offer would answer, ranked and explained"""
    find = service.for_offer
    return _about(offers, offer_id, find, MatchesSchema, language=language(), **query)


@bp.route("/matches/preview", methods=["POST"])
@bp.arguments(PreviewSchema)
@bp.response(200, MatchesSchema)
def preview(data: dict[str, Any]) -> Any:
    """Rank for a need or offer that is not saved; nothing is stored"""
    draft = data.get("need") or data.get("offer") or {}
    found = service.preview(
        db.session(),
        actor(),
        index(),
        kind="need" if "need" in data else "offer",
        data=draft,
        limit=data["limit"],
        language=language(),
    )
    return answer_quickly(found, MatchesSchema)


@bp.route("/matches/feedback", methods=["POST"])
@bp.arguments(FeedbackSchema)
@bp.response(201, FeedbackKeptSchema)
def feedback(data: dict[str, Any]) -> Any:
    """Say of a pair: useful, irrelevant (and why), or already working together"""
    shown = {name: data.pop(name) for name in ("rank", "score", "engine")}
    return service.give_feedback(db.session(), actor(), index(), shown=shown, **data)
