"""``/docking-days``: days of talks, who takes part, their plan and its talks."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from marketplace.api import lists
from marketplace.api.edge import Blueprint, actor, etag, if_match, in_path, spoken
from marketplace.domain.docking_days import DOCKING_DAY_WORKFLOW, PLAN_ACTIONS
from marketplace.extensions import db
from marketplace.problems import language
from marketplace.services import docking_days as service
from marketplace.services import docking_participants, docking_plans, docking_talks
from schemas.base import EventSchema, NoteSchema, PageQuery
from schemas.docking_days import (
    DockingDayCreateSchema,
    DockingDayPatchSchema,
    DockingDayQuery,
    DockingDayRowSchema,
    DockingDaySchema,
    DockingPlanSchema,
    OutcomeSchema,
    ParticipantCreateSchema,
    ParticipantPatchSchema,
    ParticipantQuery,
    ParticipantSchema,
    PlanActionSchema,
    TalkQuery,
    TalkSchema,
)

bp = Blueprint("docking_days", __name__, description="Docking days 对接活动日")
ONE = "/docking-days/<uuid:day_id>"
PARTICIPANTS = f"{ONE}/participants"
PARTICIPANT = f"{PARTICIPANTS}/<uuid:participant_id>"
PLAN = f"{ONE}/plan"
TALKS = f"{ONE}/talks"
TALK = f"{TALKS}/<uuid:talk_id>"


ACTION = in_path("action", DOCKING_DAY_WORKFLOW.actions - PLAN_ACTIONS)
PLAN_ACTION = in_path("action", PLAN_ACTIONS)
TALK_ACTION = in_path("action", [docking_talks.RECORD])


def _present(day_id: UUID) -> tuple[Any, dict[str, str]]:
    day = service.get(db.session(), actor(), day_id)
    return spoken(service.view(actor(), day), language()), etag(day.revision)


def _participant(day_id: UUID, participant_id: UUID) -> tuple[Any, dict[str, str]]:
    session = db.session()
    row = docking_participants.get(session, actor(), day_id, participant_id)
    return docking_participants.show(session, [row])[0], etag(row.revision)


def _plan(day_id: UUID) -> tuple[Any, dict[str, str]]:
    day = service.for_operator(db.session(), actor(), day_id)
    shown = docking_plans.view(db.session(), actor(), day)
    return spoken(shown, language()), etag(day.revision)


def _talk(day_id: UUID, talk_id: UUID) -> tuple[Any, dict[str, str]]:
    session = db.session()
    day, talk = docking_talks.get(session, actor(), day_id, talk_id)
    shown = docking_talks.view(session, actor(), day, talk)
    return spoken(shown, language()), etag(talk.revision)


@bp.route("/docking-days", methods=["GET"])
@bp.arguments(DockingDayQuery, location="query")
@bp.response(200, lists.page_of(DockingDayRowSchema))
def index(query: dict[str, Any]) -> Any:
    """The days that the caller runs or has talks on"""
    paging, filters = lists.split(query)
    return lists.answer(service.search(db.session(), actor(), **filters), paging)


@bp.route("/docking-days", methods=["POST"])
@bp.arguments(DockingDayCreateSchema)
@bp.response(201, DockingDaySchema)
def create(data: dict[str, Any]) -> Any:
    """Set up a day with its slots"""
    day = service.create(db.session(), actor(), data)
    shown, headers = _present(day.id)
    return shown, 201, {**headers, "Location": f"{service.HREF}/{day.id}"}


@bp.route(ONE, methods=["GET"])
@bp.response(200, DockingDaySchema)
def get(day_id: UUID) -> Any:
    """A day as the caller may see it"""
    shown, headers = _present(day_id)
    return shown, 200, headers


@bp.route(ONE, methods=["PATCH"])
@bp.arguments(DockingDayPatchSchema)
@bp.response(200, DockingDaySchema)
def edit(data: dict[str, Any], day_id: UUID) -> Any:
    """Change a day; a proposal made before cannot be deployed any more"""
    service.edit(db.session(), actor(), day_id, data, expected=if_match())
    shown, headers = _present(day_id)
    return shown, 200, headers


@bp.route(f"{ONE}/actions/<action>", methods=["POST"], parameters=[ACTION])
@bp.arguments(NoteSchema)
@bp.response(200, DockingDaySchema)
def act(data: dict[str, Any], day_id: UUID, action: str) -> Any:
    """Finish a day, or call it off"""
    service.act(db.session(), actor(), day_id, action, expected=if_match(), **data)
    shown, headers = _present(day_id)
    return shown, 200, headers


@bp.route(f"{ONE}/events", methods=["GET"])
@bp.arguments(PageQuery, location="query")
@bp.response(200, lists.page_of(EventSchema))
def events(query: dict[str, Any], day_id: UUID) -> Any:
    """What happened to a day, its participants and talks, oldest first"""
    paging, _ = lists.split(query)
    return lists.answer(service.history(db.session(), actor(), day_id), paging)


@bp.route(PARTICIPANTS, methods=["GET"])
@bp.arguments(ParticipantQuery, location="query")
@bp.response(200, lists.page_of(ParticipantSchema))
def participants(query: dict[str, Any], day_id: UUID) -> Any:
    """Who takes part"""
    paging, filters = lists.split(query)
    found = docking_participants.search(db.session(), actor(), day_id, **filters)
    return lists.answer(found, paging)


@bp.route(PARTICIPANTS, methods=["POST"])
@bp.arguments(ParticipantCreateSchema)
@bp.response(201, ParticipantSchema)
def add_participant(data: dict[str, Any], day_id: UUID) -> Any:
    """Let a need take part, or a team through one of its listed offers"""
    row = docking_participants.add(db.session(), actor(), day_id, data)
    shown, headers = _participant(day_id, row.id)
    place = f"{service.HREF}/{day_id}/participants/{row.id}"
    return shown, 201, {**headers, "Location": place}


@bp.route(PARTICIPANT, methods=["GET"])
@bp.response(200, ParticipantSchema)
def participant(day_id: UUID, participant_id: UUID) -> Any:
    """One who takes part"""
    shown, headers = _participant(day_id, participant_id)
    return shown, 200, headers


@bp.route(PARTICIPANT, methods=["PATCH"])
@bp.arguments(ParticipantPatchSchema)
@bp.response(200, ParticipantSchema)
def edit_participant(data: dict[str, Any], day_id: UUID, participant_id: UUID) -> Any:
    """Change when a participant can come, and whom it must meet"""
    docking_participants.edit(
        db.session(), actor(), day_id, participant_id, data, expected=if_match()
    )
    shown, headers = _participant(day_id, participant_id)
    return shown, 200, headers


@bp.route(PARTICIPANT, methods=["DELETE"])
@bp.response(204)
def remove_participant(day_id: UUID, participant_id: UUID) -> Any:
    """Let a participant go"""
    docking_participants.remove(
        db.session(), actor(), day_id, participant_id, expected=if_match()
    )


@bp.route(PLAN, methods=["GET"])
@bp.response(200, DockingPlanSchema)
def plan(day_id: UUID) -> Any:
    """The day's plan: how far it is, the proposal, or what would have to give way"""
    shown, headers = _plan(day_id)
    return shown, 200, headers


@bp.route(f"{PLAN}/actions/<action>", methods=["POST"], parameters=[PLAN_ACTION])
@bp.arguments(PlanActionSchema)
@bp.response(200, DockingPlanSchema)
def act_on_plan(data: dict[str, Any], day_id: UUID, action: str) -> Any:
    """Have the day planned, stop that, or deploy the proposal

    The plan is made in the background; ask again for how far it is.
    """
    docking_plans.act(
        db.session(), actor(), day_id, action, expected=if_match(), **data
    )
    shown, headers = _plan(day_id)
    return shown, 200, headers


@bp.route(TALKS, methods=["GET"])
@bp.arguments(TalkQuery, location="query")
@bp.response(200, lists.page_of(TalkSchema))
def talks(query: dict[str, Any], day_id: UUID) -> Any:
    """The talks of a deployed day: all for who runs it, the own for others"""
    paging, filters = lists.split(query)
    found = docking_talks.search(db.session(), actor(), day_id, **filters)
    return lists.answer(found, paging)


@bp.route(TALK, methods=["GET"])
@bp.response(200, TalkSchema)
def talk(day_id: UUID, talk_id: UUID) -> Any:
    """One talk"""
    shown, headers = _talk(day_id, talk_id)
    return shown, 200, headers


@bp.route(f"{TALK}/actions/<action>", methods=["POST"], parameters=[TALK_ACTION])
@bp.arguments(OutcomeSchema)
@bp.response(200, TalkSchema)
def act_on_talk(data: dict[str, Any], day_id: UUID, talk_id: UUID, action: str) -> Any:
    """Say what came of a talk"""
    docking_talks.act(
        db.session(), actor(), day_id, talk_id, action, expected=if_match(), **data
    )
    shown, headers = _talk(day_id, talk_id)
    return shown, 200, headers
