"""``/contracts``: technology contracts from draft to payment and registration."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from marketplace.api import lists
from marketplace.api.edge import Blueprint, actor, etag, if_match_tag, in_path, spoken
from marketplace.domain.contracts import CONTRACT_WORKFLOW, REGISTRATION_WORKFLOW
from marketplace.extensions import db
from marketplace.problems import language
from marketplace.services import contracts as service
from marketplace.services import (
    payments,
    prechecks,
    registration_experts,
    registrations,
)
from schemas.base import EventSchema, PageQuery
from schemas.contracts import (
    AmendmentCreateSchema,
    AmendmentsSchema,
    ContractActionSchema,
    ContractContentSchema,
    ContractCreateSchema,
    ContractListQuery,
    ContractRowSchema,
    ContractSchema,
    ExpertCandidateSchema,
    ExpertQuery,
    PaymentCreateSchema,
    PaymentSchema,
    PlanSchema,
    ReadinessQuery,
    ReadinessSchema,
    RegistrationActionSchema,
    RegistrationListQuery,
    RegistrationRowSchema,
    RegistrationSchema,
    SigningSchema,
)

bp = Blueprint("contracts", __name__, description="Contracts 技术合同")
ONE = "/contracts/<uuid:contract_id>"
REGISTRATION = f"{ONE}/registration"


def _present(contract_id: UUID) -> tuple[Any, dict[str, str]]:
    contract = service.get(db.session(), actor(), contract_id)
    shown = service.view(db.session(), actor(), contract)
    return spoken(shown, language()), etag(contract.revision)


def _present_registration(contract_id: UUID) -> tuple[Any, dict[str, str]]:
    found = registrations.get(db.session(), actor(), contract_id)
    shown = registrations.view(db.session(), actor(), found)
    return spoken(shown, language()), etag(found.revision)


@bp.route("/contracts", methods=["GET"])
@bp.arguments(ContractListQuery, location="query")
@bp.response(200, lists.page_of(ContractRowSchema))
def index(query: dict[str, Any]) -> Any:
    """The contracts that the caller may know of"""
    paging, filters = lists.split(query)
    return lists.answer(service.search(db.session(), actor(), **filters), paging)


@bp.route("/contracts", methods=["POST"])
@bp.arguments(ContractCreateSchema)
@bp.response(201, ContractSchema)
def create(data: dict[str, Any]) -> Any:
    """Draw a contract up, from a docking or by itself"""
    contract = service.create(db.session(), actor(), data)
    shown, headers = _present(contract.id)
    return shown, 201, {**headers, "Location": f"/api/v1/contracts/{contract.id}"}


@bp.route(ONE, methods=["GET"])
@bp.response(200, ContractSchema)
def get(contract_id: UUID) -> Any:
    """A contract as its parties, its registry or an operator sees it"""
    shown, headers = _present(contract_id)
    return shown, 200, headers


@bp.route(ONE, methods=["PATCH"])
@bp.arguments(ContractContentSchema)
@bp.response(200, ContractSchema)
def edit(data: dict[str, Any], contract_id: UUID) -> Any:
    """Change a draft, or the papers that the registry asks for"""
    service.edit(db.session(), actor(), contract_id, data, expected=if_match_tag())
    shown, headers = _present(contract_id)
    return shown, 200, headers


@bp.route(ONE, methods=["DELETE"])
@bp.response(204)
def delete(contract_id: UUID) -> Any:
    """Remove a draft that nobody has signed"""
    service.delete(db.session(), actor(), contract_id, expected=if_match_tag())


@bp.route(
    f"{ONE}/actions/<action>",
    methods=["POST"],
    parameters=[in_path("action", CONTRACT_WORKFLOW.actions)],
)
@bp.arguments(ContractActionSchema)
@bp.response(200, ContractSchema)
def act(data: dict[str, Any], contract_id: UUID, action: str) -> Any:
    """Sign, confirm effect or completion, rescind"""
    service.act(
        db.session(), actor(), contract_id, action, expected=if_match_tag(), **data
    )
    shown, headers = _present(contract_id)
    return shown, 200, headers


@bp.route(f"{ONE}/events", methods=["GET"])
@bp.arguments(PageQuery, location="query")
@bp.response(200, lists.page_of(EventSchema))
def events(query: dict[str, Any], contract_id: UUID) -> Any:
    """What happened to a contract, oldest first"""
    paging, _ = lists.split(query)
    return lists.answer(service.history(db.session(), actor(), contract_id), paging)


@bp.route(f"{ONE}/amendments", methods=["GET"])
@bp.response(200, AmendmentsSchema)
def amendments(contract_id: UUID) -> Any:
    """The versions of a contract, what each changed and who signed it"""
    return {"items": service.versions(db.session(), actor(), contract_id)}


@bp.route(f"{ONE}/amendments", methods=["POST"])
@bp.arguments(AmendmentCreateSchema)
@bp.response(201, ContractSchema)
def amend(data: dict[str, Any], contract_id: UUID) -> Any:
    """Propose a change of what was agreed"""
    service.amend(db.session(), actor(), contract_id, data, expected=if_match_tag())
    shown, headers = _present(contract_id)
    return shown, 201, headers


@bp.route(
    f"{ONE}/amendments/<int:number>/actions/<action>",
    methods=["POST"],
    parameters=[in_path("action", ["sign", "refuse"])],
)
@bp.arguments(SigningSchema)
@bp.response(200, ContractSchema)
def decide(data: dict[str, Any], contract_id: UUID, number: int, action: str) -> Any:
    """Sign or refuse an amendment"""
    service.decide_amendment(
        db.session(),
        actor(),
        contract_id,
        number,
        action,
        expected=if_match_tag(),
        **data,
    )
    shown, headers = _present(contract_id)
    return shown, 200, headers


@bp.route(f"{ONE}/payments", methods=["GET"])
@bp.arguments(PageQuery, location="query")
@bp.response(200, lists.page_of(PaymentSchema))
def paid(query: dict[str, Any], contract_id: UUID) -> Any:
    """The book of payments of a contract"""
    paging, _ = lists.split(query)
    return lists.answer(payments.search(db.session(), actor(), contract_id), paging)


@bp.route(f"{ONE}/payments", methods=["POST"])
@bp.arguments(PaymentCreateSchema)
@bp.response(201, PlanSchema)
def pay(data: dict[str, Any], contract_id: UUID) -> Any:
    """Record money that was received or returned"""
    payments.record(db.session(), actor(), contract_id, data, expected=if_match_tag())
    _, headers = _present(contract_id)
    return payments.view(db.session(), actor(), contract_id), 201, headers


@bp.route(f"{ONE}/payment-plan", methods=["GET"])
@bp.response(200, PlanSchema)
def plan(contract_id: UUID) -> Any:
    """The payment plan beside what was paid"""
    return payments.view(db.session(), actor(), contract_id)


@bp.route(f"{ONE}/readiness", methods=["GET"])
@bp.arguments(ReadinessQuery, location="query")
@bp.response(200, ReadinessSchema)
def readiness(query: dict[str, Any], contract_id: UUID) -> Any:
    """The registration pre-check, rule by rule 登记预检"""
    contract = service.get(db.session(), actor(), contract_id)
    shown = prechecks.of_contract(db.session(), actor(), contract, on=query.get("on"))
    return spoken(shown, language())


@bp.route("/registrations", methods=["GET"])
@bp.arguments(RegistrationListQuery, location="query")
@bp.response(200, lists.page_of(RegistrationRowSchema))
def registered(query: dict[str, Any]) -> Any:
    """The registrations that the caller may know of"""
    paging, filters = lists.split(query)
    found = registrations.search(db.session(), actor(), **filters)
    return lists.answer(found, paging)


@bp.route(REGISTRATION, methods=["GET"])
@bp.response(200, RegistrationSchema)
def registration(contract_id: UUID) -> Any:
    """How far the registration of a contract has come"""
    shown, headers = _present_registration(contract_id)
    return shown, 200, headers


@bp.route(
    f"{REGISTRATION}/actions/<action>",
    methods=["POST"],
    parameters=[in_path("action", REGISTRATION_WORKFLOW.actions)],
)
@bp.arguments(RegistrationActionSchema)
@bp.response(200, RegistrationSchema)
def register(data: dict[str, Any], contract_id: UUID, action: str) -> Any:
    """Apply, accept, correct, check, register, refuse, change, cancel, revoke"""
    registrations.act(
        db.session(), actor(), contract_id, action, expected=if_match_tag(), **data
    )
    shown, headers = _present_registration(contract_id)
    return shown, 200, headers


@bp.route(f"{REGISTRATION}/expert-candidates", methods=["GET"])
@bp.arguments(ExpertQuery, location="query")
@bp.response(200, lists.page_of(ExpertCandidateSchema))
def expert_candidates(query: dict[str, Any], contract_id: UUID) -> Any:
    """Experts who may be asked, with what a check for conflicts would come to"""
    paging, filters = lists.split(query)
    found = registrations.get(db.session(), actor(), contract_id)
    listing = registration_experts.search(db.session(), actor(), found, **filters)
    return lists.answer(listing, paging)


@bp.route(f"{REGISTRATION}/events", methods=["GET"])
@bp.arguments(PageQuery, location="query")
@bp.response(200, lists.page_of(EventSchema))
def registration_events(query: dict[str, Any], contract_id: UUID) -> Any:
    """What happened to a registration, oldest first"""
    paging, _ = lists.split(query)
    found = registrations.history(db.session(), actor(), contract_id)
    return lists.answer(found, paging)
