"""Who has signed the non-disclosure agreement 保密协议 for a need or an offer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace import policies
from marketplace.domain.actors import Actor
from marketplace.domain.organisations import OrganisationState
from marketplace.errors import Conflict, FieldError, NotFound, Text
from marketplace.models.needs import Need
from marketplace.models.offers import Offer
from marketplace.models.organisations import DisclosureGrant, Organisation
from marketplace.policies import DISCLOSURE_RULES
from marketplace.services import events
from marketplace.services.fields import Reader
from marketplace.services.paging import Listing


def search(
    session: so.Session, actor: Actor, kind: str, subject_id: UUID
) -> Listing[dict[str, Any]]:
    """List who has signed, for the owner's members and operators.

    Parameters
    ----------
    kind : str
        ``need`` or ``offer``.

    Raises
    ------
    NotFound, Unauthenticated, Forbidden
    """
    subject = _subject(session, actor, kind, subject_id)
    policies.require(actor, "read", subject, DISCLOSURE_RULES)
    statement = (
        sa.select(DisclosureGrant, Organisation)
        .join(Organisation, Organisation.id == DisclosureGrant.org_id)
        .where(
            DisclosureGrant.subject_kind == kind,
            DisclosureGrant.subject_id == subject_id,
        )
    )

    def show(rows: Sequence[sa.Row[*tuple[Any, ...]]]) -> list[dict[str, Any]]:
        return [view(row[0], row[1]) for row in rows]

    return Listing(session, statement, key=DisclosureGrant.id, view=show)


def view(given: DisclosureGrant, org: Organisation) -> dict[str, Any]:
    """Show who signed, when and on what basis."""
    return {
        "id": given.id,
        "organisation": {"id": org.id, "name": org.name},
        "basis": given.basis,
        "granted_at": given.granted_at,
        "granted_by": given.granted_by,
    }


def grant(
    session: so.Session,
    actor: Actor,
    kind: str,
    subject_id: UUID,
    data: Mapping[str, Any],
) -> dict[str, Any]:
    """Open the protected fields of one object to one organisation.

    Parameters
    ----------
    data : mapping
        ``organisation_id`` and ``basis``, for example the agreement's number.

    Raises
    ------
    NotFound, Unauthenticated, Forbidden
    Invalid
        No such verified organisation, or the owner itself.
    Conflict
        It has signed already.
    """
    subject = _subject(session, actor, kind, subject_id)
    hat = policies.require(actor, "grant", subject, DISCLOSURE_RULES)
    reader = Reader(session, actor.today)
    basis = reader.words(data.get("basis"), "/basis", 200)
    if not basis:
        reader.wrong("/basis", "required", "须填写依据", "say on what basis")
    org_id = reader.reference(data.get("organisation_id"), "/organisation_id")
    org = session.get(Organisation, org_id) if org_id else None
    if org is None or org.state is not OrganisationState.VERIFIED:
        reader.wrong(
            "/organisation_id",
            "unknown_organisation",
            "没有此已认证单位",
            "there is no such verified organisation",
        )
    elif org.id == subject.owner_org_id:
        reader.wrong(
            "/organisation_id", "itself", "不能是本单位", "cannot be the owner itself"
        )
    reader.refuse()
    assert org is not None  # noqa: S101 - or the reader would have refused
    signed = sa.exists().where(
        DisclosureGrant.subject_kind == kind,
        DisclosureGrant.subject_id == subject_id,
        DisclosureGrant.org_id == org.id,
    )
    if session.scalar(sa.select(signed)):
        text = Text("该单位已获授权", "this organisation has been granted it already")
        raise Conflict(errors=[FieldError("/organisation_id", "already_granted", text)])
    given = DisclosureGrant(
        subject_kind=kind,
        subject_id=subject_id,
        org_id=org.id,
        granted_at=actor.now,
        granted_by=actor.user_id,
        basis=basis,
    )
    session.add(given)
    events.record(
        session,
        actor,
        subject,
        f"{kind}.grant",
        role=hat.role,
        org_id=hat.org_id,
        comment=basis,
        changes=events.difference({}, {"disclosed_to": org.id}),
    )
    session.flush()
    return view(given, org)


def revoke(
    session: so.Session, actor: Actor, kind: str, subject_id: UUID, grant_id: UUID
) -> None:
    """Close the protected fields again; what was read has been read.

    Raises
    ------
    NotFound, Unauthenticated, Forbidden
    """
    subject = _subject(session, actor, kind, subject_id)
    hat = policies.require(actor, "grant", subject, DISCLOSURE_RULES)
    given = session.scalar(
        sa.select(DisclosureGrant).where(
            DisclosureGrant.id == grant_id,
            DisclosureGrant.subject_kind == kind,
            DisclosureGrant.subject_id == subject_id,
        )
    )
    if given is None:
        raise NotFound
    events.record(
        session,
        actor,
        subject,
        f"{kind}.revoke-grant",
        role=hat.role,
        org_id=hat.org_id,
        changes=events.difference({"disclosed_to": given.org_id}, {}),
    )
    session.delete(given)
    session.flush()


def _subject(
    session: so.Session, actor: Actor, kind: str, subject_id: UUID
) -> Need | Offer:
    """Return an object that the caller may know of.

    Raises
    ------
    NotFound
    """
    found: Need | Offer | None
    if kind == "need":
        found = session.scalar(
            sa.select(Need).where(Need.id == subject_id, policies.visible_needs(actor))
        )
    else:
        found = session.scalar(
            sa.select(Offer).where(
                Offer.id == subject_id, policies.visible_offers(actor)
            )
        )
    if found is None:
        raise NotFound
    return found
