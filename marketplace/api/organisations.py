"""``/organisations``: units 单位, their contact data, history and members."""

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
    refreshed_actor,
    spoken,
)
from marketplace.domain.organisations import ORGANISATION_WORKFLOW
from marketplace.extensions import db
from marketplace.models.organisations import Organisation
from marketplace.problems import language
from marketplace.services import memberships
from marketplace.services import organisations as service
from schemas.accounts import MemberPatchSchema, MemberSchema
from schemas.base import EventSchema, PageQuery
from schemas.organisations import (
    ContactSchema,
    OrganisationActionSchema,
    OrganisationCreateSchema,
    OrganisationListQuery,
    OrganisationPatchSchema,
    OrganisationRowSchema,
    OrganisationSchema,
)

bp = Blueprint("organisations", __name__, description="Organisations 单位")
ONE = "/organisations/<uuid:org_id>"
MEMBERS = f"{ONE}/members"
MEMBER = f"{MEMBERS}/<uuid:member_id>"
ACTION = in_path("action", ORGANISATION_WORKFLOW.actions)


def _present(org: Organisation) -> tuple[Any, dict[str, str]]:
    shown = service.view(db.session(), actor(), org)
    return spoken(shown, language()), etag(org.revision)


@bp.route("/organisations", methods=["GET"])
@bp.arguments(OrganisationListQuery, location="query")
@bp.response(200, lists.page_of(OrganisationRowSchema))
def index(query: dict[str, Any]) -> Any:
    """The units that the caller may know of: verified ones, and the own"""
    paging, filters = lists.split(query)
    return lists.answer(service.search(db.session(), actor(), **filters), paging)


@bp.route("/organisations", methods=["POST"])
@bp.arguments(OrganisationCreateSchema)
@bp.response(201, OrganisationSchema)
def create(data: dict[str, Any]) -> Any:
    """Register a unit; it waits for verification"""
    org = service.create(db.session(), actor(), data)
    refreshed_actor()
    shown, headers = _present(service.get(db.session(), actor(), org.id))
    return shown, 201, {**headers, "Location": f"{service.HREF}/{org.id}"}


@bp.route(ONE, methods=["GET"])
@bp.response(200, OrganisationSchema)
def get(org_id: UUID) -> Any:
    """A unit as the caller may see it"""
    org = service.get(db.session(), actor(), org_id)
    _note_reading(org_id, service.confidential(actor(), org))
    shown, headers = _present(org)
    return shown, 200, headers


@bp.route(ONE, methods=["PATCH"])
@bp.arguments(OrganisationPatchSchema)
@bp.response(200, OrganisationSchema)
def edit(data: dict[str, Any], org_id: UUID) -> Any:
    """Change fields of a unit"""
    org = service.edit(db.session(), actor(), org_id, data, expected=if_match())
    shown, headers = _present(service.get(db.session(), actor(), org.id))
    return shown, 200, headers


@bp.route(f"{ONE}/actions/<action>", methods=["POST"], parameters=[ACTION])
@bp.arguments(OrganisationActionSchema)
@bp.response(200, OrganisationSchema)
def act(data: dict[str, Any], org_id: UUID, action: str) -> Any:
    """Verify, suspend, blacklist, reinstate or close a unit"""
    org = service.act(
        db.session(), actor(), org_id, action, expected=if_match(), **data
    )
    shown, headers = _present(org)
    return shown, 200, headers


@bp.route(f"{ONE}/contact", methods=["GET"])
@bp.response(200, ContactSchema)
def contact(org_id: UUID) -> Any:
    """Contact data, unmasked; the reading of an outsider is written down"""
    shown = service.contact(db.session(), actor(), org_id)
    if service.is_outsider(actor(), org_id):
        names = set(shown) - {"id", "name", "withheld"}
        _note_reading(org_id, sorted(name for name in names if shown[name]))
    return shown


def _note_reading(org_id: UUID, names: list[str]) -> None:
    if names:
        caller = actor()
        after_reading(
            lambda: service.record_reading(db.session(), caller, org_id, names)
        )


@bp.route(f"{ONE}/events", methods=["GET"])
@bp.arguments(PageQuery, location="query")
@bp.response(200, lists.page_of(EventSchema))
def events(query: dict[str, Any], org_id: UUID) -> Any:
    """What happened to a unit, its members and teams, oldest first"""
    paging, _ = lists.split(query)
    return lists.answer(service.history(db.session(), actor(), org_id), paging)


@bp.route(MEMBERS, methods=["GET"])
@bp.arguments(PageQuery, location="query")
@bp.response(200, lists.page_of(MemberSchema))
def members(query: dict[str, Any], org_id: UUID) -> Any:
    """The members of a unit, for its members and operators"""
    paging, _ = lists.split(query)
    return lists.answer(memberships.search(db.session(), actor(), org_id), paging)


@bp.route(MEMBER, methods=["GET"])
@bp.response(200, MemberSchema)
def member(org_id: UUID, member_id: UUID) -> Any:
    """One member"""
    found, shown = memberships.get(db.session(), actor(), org_id, member_id)
    return shown, 200, etag(found.revision)


@bp.route(MEMBER, methods=["PATCH"])
@bp.arguments(MemberPatchSchema)
@bp.response(200, MemberSchema)
def change_member(data: dict[str, Any], org_id: UUID, member_id: UUID) -> Any:
    """Give a member other roles"""
    session = db.session()
    memberships.change_roles(
        session, actor(), org_id, member_id, data["roles"], expected=if_match()
    )
    found, shown = memberships.get(session, actor(), org_id, member_id)
    return shown, 200, etag(found.revision)


@bp.route(MEMBER, methods=["DELETE"])
@bp.response(204)
def end_member(org_id: UUID, member_id: UUID) -> Any:
    """End a membership, or leave"""
    memberships.end(db.session(), actor(), org_id, member_id, expected=if_match())
