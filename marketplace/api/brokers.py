"""``/brokers``, ``/broker-institutions``, ``/contributions``, shares of contracts."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from marketplace.api import lists
from marketplace.api.edge import Blueprint, actor, etag, if_match_tag, in_path, spoken
from marketplace.domain.brokers import BROKER_WORKFLOW, INSTITUTION_WORKFLOW
from marketplace.extensions import db
from marketplace.problems import language
from marketplace.services import (
    brokers,
    commissions,
    contributions,
    institutions,
    thresholds,
)
from schemas.base import EventSchema, NoteSchema, PageQuery
from schemas.brokers import (
    BrokerCreateSchema,
    BrokerListQuery,
    BrokerPutSchema,
    BrokerRowSchema,
    BrokerSchema,
    CommissionInputSchema,
    CommissionReceivedSchema,
    ContributionQuery,
    ContributionsSchema,
    InstitutionActionSchema,
    InstitutionCreateSchema,
    InstitutionListQuery,
    InstitutionPatchSchema,
    InstitutionRowSchema,
    InstitutionSchema,
    RatingInputSchema,
    RatingSchema,
    ShareProposalInputSchema,
    ShareProposalSchema,
    ShareProposalsSchema,
    ThresholdQuery,
    ThresholdSchema,
)

bp = Blueprint("brokers", __name__, description="Brokers 技术经纪人、技术转移机构")
ONE = "/brokers/<uuid:broker_id>"
INSTITUTION = "/broker-institutions/<uuid:institution_id>"
SHARES = "/contracts/<uuid:contract_id>/shares"
SHARE = f"{SHARES}/<int:number>"
PAID = "/contracts/<uuid:contract_id>/commission-payments"


def _present(broker_id: UUID) -> tuple[Any, dict[str, str]]:
    broker = brokers.get(db.session(), actor(), broker_id)
    shown = brokers.view(db.session(), actor(), broker)
    return spoken(shown, language()), etag(broker.revision)


def _present_institution(institution_id: UUID) -> tuple[Any, dict[str, str]]:
    found = institutions.get(db.session(), actor(), institution_id)
    shown = institutions.view(actor(), found)
    return spoken(shown, language()), etag(found.revision)


def _present_share(contract_id: UUID, number: int) -> tuple[Any, dict[str, str]]:
    session, caller = db.session(), actor()
    deal, proposal = commissions.get(session, caller, contract_id, number)
    shown = commissions.view(session, caller, deal, proposal)
    return spoken(shown, language()), etag(commissions.tag(proposal))


@bp.route("/brokers", methods=["GET"])
@bp.arguments(BrokerListQuery, location="query")
@bp.response(200, lists.page_of(BrokerRowSchema))
def all_(query: dict[str, Any]) -> Any:
    """The brokers whose certificate was checked and is valid"""
    paging, filters = lists.split(query)
    return lists.answer(brokers.search(db.session(), actor(), **filters), paging)


@bp.route("/brokers", methods=["POST"])
@bp.arguments(BrokerCreateSchema)
@bp.response(201, BrokerSchema)
def create(data: dict[str, Any]) -> Any:
    """Enter one's own record, or that of a colleague without an account"""
    broker = brokers.create(db.session(), actor(), data)
    shown, headers = _present(broker.id)
    return shown, 201, {**headers, "Location": f"{brokers.PATH}/{broker.id}"}


@bp.route(ONE, methods=["GET"])
@bp.response(200, BrokerSchema)
def get(broker_id: UUID) -> Any:
    """A broker as the caller may see him"""
    shown, headers = _present(broker_id)
    return shown, 200, headers


@bp.route(ONE, methods=["PUT"])
@bp.arguments(BrokerPutSchema)
@bp.response(200, BrokerSchema)
def put(data: dict[str, Any], broker_id: UUID) -> Any:
    """Put a record anew; what was checked is checked again"""
    brokers.edit(db.session(), actor(), broker_id, data, expected=if_match_tag())
    shown, headers = _present(broker_id)
    return shown, 200, headers


@bp.route(
    f"{ONE}/actions/<action>",
    methods=["POST"],
    parameters=[in_path("action", BROKER_WORKFLOW.actions)],
)
@bp.arguments(NoteSchema)
@bp.response(200, BrokerSchema)
def act(data: dict[str, Any], broker_id: UUID, action: str) -> Any:
    """Verify, suspend or reopen a record"""
    brokers.act(
        db.session(), actor(), broker_id, action, expected=if_match_tag(), **data
    )
    shown, headers = _present(broker_id)
    return shown, 200, headers


@bp.route(f"{ONE}/events", methods=["GET"])
@bp.arguments(PageQuery, location="query")
@bp.response(200, lists.page_of(EventSchema))
def events(query: dict[str, Any], broker_id: UUID) -> Any:
    """What happened to a record, oldest first"""
    paging, _ = lists.split(query)
    return lists.answer(brokers.history(db.session(), actor(), broker_id), paging)


@bp.route(f"{ONE}/ratings", methods=["GET"])
@bp.arguments(PageQuery, location="query")
@bp.response(200, lists.page_of(RatingSchema))
def ratings(query: dict[str, Any], broker_id: UUID) -> Any:
    """The ratings of a broker, without their authors"""
    paging, _ = lists.split(query)
    return lists.answer(brokers.ratings(db.session(), actor(), broker_id), paging)


@bp.route(f"{ONE}/ratings", methods=["POST"])
@bp.arguments(RatingInputSchema)
@bp.response(201, RatingSchema)
def rate(data: dict[str, Any], broker_id: UUID) -> Any:
    """Rate a broker with whom one had to do, or rate him anew"""
    rating = brokers.rate(db.session(), actor(), broker_id, data)
    return brokers.view_rating(actor(), rating)


@bp.route("/broker-institutions", methods=["GET"])
@bp.arguments(InstitutionListQuery, location="query")
@bp.response(200, lists.page_of(InstitutionRowSchema))
def institutions_(query: dict[str, Any]) -> Any:
    """The transfer institutions that the caller may know of"""
    paging, filters = lists.split(query)
    return lists.answer(institutions.search(db.session(), actor(), **filters), paging)


@bp.route("/broker-institutions", methods=["POST"])
@bp.arguments(InstitutionCreateSchema)
@bp.response(201, InstitutionSchema)
def apply(data: dict[str, Any]) -> Any:
    """Apply for the record of the caller's unit"""
    found = institutions.apply(db.session(), actor(), data)
    shown, headers = _present_institution(found.id)
    return shown, 201, {**headers, "Location": f"{institutions.PATH}/{found.id}"}


@bp.route(INSTITUTION, methods=["GET"])
@bp.response(200, InstitutionSchema)
def institution(institution_id: UUID) -> Any:
    """A transfer institution as the caller may see it"""
    shown, headers = _present_institution(institution_id)
    return shown, 200, headers


@bp.route(INSTITUTION, methods=["PATCH"])
@bp.arguments(InstitutionPatchSchema)
@bp.response(200, InstitutionSchema)
def edit_institution(data: dict[str, Any], institution_id: UUID) -> Any:
    """Change the form of an institution"""
    institutions.edit(
        db.session(), actor(), institution_id, data, expected=if_match_tag()
    )
    shown, headers = _present_institution(institution_id)
    return shown, 200, headers


@bp.route(
    f"{INSTITUTION}/actions/<action>",
    methods=["POST"],
    parameters=[in_path("action", INSTITUTION_WORKFLOW.actions)],
)
@bp.arguments(InstitutionActionSchema)
@bp.response(200, InstitutionSchema)
def act_on_institution(data: dict[str, Any], institution_id: UUID, action: str) -> Any:
    """Recommend, return, record, evaluate, remove"""
    institutions.act(
        db.session(), actor(), institution_id, action, expected=if_match_tag(), **data
    )
    shown, headers = _present_institution(institution_id)
    return shown, 200, headers


@bp.route(f"{INSTITUTION}/events", methods=["GET"])
@bp.arguments(PageQuery, location="query")
@bp.response(200, lists.page_of(EventSchema))
def institution_events(query: dict[str, Any], institution_id: UUID) -> Any:
    """What happened to an institution, oldest first"""
    paging, _ = lists.split(query)
    found = institutions.history(db.session(), actor(), institution_id)
    return lists.answer(found, paging)


@bp.route(f"{INSTITUTION}/thresholds", methods=["GET"])
@bp.arguments(ThresholdQuery, location="query")
@bp.response(200, ThresholdSchema)
def threshold_report(query: dict[str, Any], institution_id: UUID) -> Any:
    """What the record of a year asks, and whether it is reached"""
    shown = thresholds.threshold_report(
        db.session(), actor(), institution_id, query["year"]
    )
    return spoken(shown, language())


@bp.route("/contributions", methods=["GET"])
@bp.arguments(ContributionQuery, location="query")
@bp.response(200, ContributionsSchema)
def contributed(query: dict[str, Any]) -> Any:
    """Who did what for a contract or a need, read off the ledger 贡献台账"""
    return contributions.search(db.session(), actor(), **query)


@bp.route(SHARES, methods=["GET"])
@bp.response(200, ShareProposalsSchema)
def shares(contract_id: UUID) -> Any:
    """How the commission of a contract is shared"""
    shown = commissions.proposals(db.session(), actor(), contract_id)
    return spoken(shown, language())


@bp.route(SHARES, methods=["POST"])
@bp.arguments(ShareProposalInputSchema)
@bp.response(201, ShareProposalSchema)
def propose(data: dict[str, Any], contract_id: UUID) -> Any:
    """Propose how the commission is shared"""
    proposal = commissions.propose(db.session(), actor(), contract_id, data)
    shown, headers = _present_share(contract_id, proposal.number)
    place = f"/api/v1/contracts/{contract_id}/shares/{proposal.number}"
    return shown, 201, {**headers, "Location": place}


@bp.route(SHARE, methods=["GET"])
@bp.response(200, ShareProposalSchema)
def share(contract_id: UUID, number: int) -> Any:
    """One version of how the commission is shared"""
    shown, headers = _present_share(contract_id, number)
    return shown, 200, headers


@bp.route(
    f"{SHARE}/actions/<action>",
    methods=["POST"],
    parameters=[in_path("action", ["accept", "refuse"])],
)
@bp.arguments(NoteSchema)
@bp.response(200, ShareProposalSchema)
def decide(data: dict[str, Any], contract_id: UUID, number: int, action: str) -> Any:
    """Accept or refuse a proposal of shares"""
    commissions.decide(
        db.session(),
        actor(),
        contract_id,
        number,
        action,
        expected=if_match_tag(),
        **data,
    )
    shown, headers = _present_share(contract_id, number)
    return shown, 200, headers


@bp.route(PAID, methods=["GET"])
@bp.arguments(PageQuery, location="query")
@bp.response(200, lists.page_of(CommissionReceivedSchema))
def paid(query: dict[str, Any], contract_id: UUID) -> Any:
    """What mediating units have received"""
    paging, _ = lists.split(query)
    return lists.answer(
        commissions.payments(db.session(), actor(), contract_id), paging
    )


@bp.route(PAID, methods=["POST"])
@bp.arguments(CommissionInputSchema)
@bp.response(201, CommissionReceivedSchema)
def pay(data: dict[str, Any], contract_id: UUID) -> Any:
    """Record commission that a mediating unit has received"""
    payment = commissions.pay(db.session(), actor(), contract_id, data)
    return commissions.view_payment(payment)
