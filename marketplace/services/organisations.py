"""Organisations 单位: registering, verifying, sanctions, ties, and who reads what."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace import policies
from marketplace.domain import organisations as states
from marketplace.domain.actors import Actor
from marketplace.domain.organisations import (
    BANK,
    IDENTITY,
    NATURAL_PERSON,
    ORGANISATION_TIERS,
    ORGANISATION_WORKFLOW,
    OVERSEAS,
    OVERSEAS_REGION,
    PERSON_TIERS,
    PRIVATE,
)
from marketplace.domain.roles import Role, Tier
from marketplace.errors import (
    Conflict,
    FieldError,
    Forbidden,
    NotFound,
    Stale,
    Text,
)
from marketplace.models.ledger import Event, LedgerEntry
from marketplace.models.organisations import (
    Organisation,
    Team,
)
from marketplace.models.users import Invitation, Membership, User
from marketplace.policies import ORGANISATION_RULES
from marketplace.services import actions, codes, events, rules
from marketplace.services.audit import view_event
from marketplace.services.contents import fold, read
from marketplace.services.fields import Reader
from marketplace.services.organisation_fields import (
    FIELDS,
    TIES,
    changes_between,
    masked,
    name_key,
    values_of,
    write,
)
from marketplace.services.paging import Listing
from marketplace.services.relations import related_org_ids

__all__ = [
    "act",
    "confidential",
    "contact",
    "create",
    "edit",
    "get",
    "history",
    "is_outsider",
    "names",
    "record_reading",
    "related_org_ids",
    "require_revision",
    "search",
    "view",
]
HREF = "/api/v1/organisations"


def get(session: so.Session, actor: Actor, org_id: UUID) -> Organisation:
    """Return a unit with its parent, labels and ties.

    Raises
    ------
    NotFound
        There is none, or the caller may not know of it.
    """
    org = session.scalar(
        sa.select(Organisation)
        .where(Organisation.id == org_id, policies.visible_organisations(actor))
        .options(
            so.joinedload(Organisation.parent),
            so.selectinload(Organisation.qualifications),
            so.selectinload(Organisation.ties),
        )
        .execution_options(populate_existing=True)
    )
    if org is None:
        raise NotFound
    return org


def create(session: so.Session, actor: Actor, data: Mapping[str, Any]) -> Organisation:
    """Register a unit; it waits for verification.

    Whoever registers a unit becomes its administrator; an operator, a loader or a
    command registers units for others and does not.

    Parameters
    ----------
    data : mapping
        API field names of the domain reference, section 3. ``name``, ``org_type`` and
        ``region`` are needed now, the rest at the latest for the verification.

    Raises
    ------
    Invalid
        With every wrong field.
    Conflict
        The credit code, or the name in its region, is registered already.
    """
    grant = policies.require(actor, "create", None, ORGANISATION_RULES)
    reader = _reader(session, actor)
    before = {field.name: field.empty for field in FIELDS}
    values = before | read(FIELDS, reader, data, before)
    values["credit_status"] = values["credit_status"] or "normal"
    _check_whole(reader, values)
    _refuse_rating(actor, None, "normal", values["credit_status"])
    _refer(reader, actor, values, None)
    reader.refuse()
    _refuse_taken(session, values, None)
    org = Organisation(
        state=ORGANISATION_WORKFLOW.initial,
        created_at=actor.now,
        updated_at=actor.now,
        qualifications=[],
        ties=[],
    )
    write(org, values)
    session.add(org)
    session.flush()
    if grant.role == "member":
        session.add(
            Membership(
                user_id=actor.user_id,
                org_id=org.id,
                roles=[Role.UNIT_ADMIN.value],
                created_at=actor.now,
                updated_at=actor.now,
            )
        )
    events.record(
        session,
        actor,
        org,
        "organisation.create",
        role=grant.role,
        org_id=grant.org_id,
        to_state=org.state,
        changes=changes_between(before, values),
    )
    session.flush()
    return org


def edit(
    session: so.Session,
    actor: Actor,
    org_id: UUID,
    data: Mapping[str, Any],
    *,
    expected: int | None = None,
) -> Organisation:
    """Change fields of a unit; those that do not come stay as they are.

    Raises
    ------
    NotFound, Unauthenticated, Forbidden
        Also when a unit changes by itself what an operator has verified.
    Stale
        The unit stands at another revision than ``expected``.
    Invalid, Conflict
    """
    org = get(session, actor, org_id)
    grant = policies.require(actor, "edit", org, ORGANISATION_RULES)
    require_revision(org.revision, expected)
    if org.state not in states.OPEN:
        raise Conflict(Text("单位已注销", "the organisation is closed"))
    reader = _reader(session, actor)
    before = values_of(org)
    values = before | read(FIELDS, reader, data, before)
    values["credit_status"] = values["credit_status"] or before["credit_status"]
    _check_whole(reader, values)
    _refer(reader, actor, values, org)
    if org.state not in states.UNVERIFIED:
        _require_complete(reader, values, before)
    reader.refuse()
    changes = changes_between(before, values)
    if not changes:
        return org
    _refuse_rating(actor, org, before["credit_status"], values["credit_status"])
    _refuse_identity(actor, org, changes)
    _refuse_taken(session, values, org)
    write(org, values)
    org.updated_at = actor.now
    events.record(
        session,
        actor,
        org,
        "organisation.edit",
        role=grant.role,
        org_id=grant.org_id,
        changes=changes,
    )
    session.flush()
    return org


def act(
    session: so.Session,
    actor: Actor,
    org_id: UUID,
    action: str,
    *,
    expected: int | None = None,
    comment: str = "",
    until: date | None = None,
    document: str = "",
) -> Organisation:
    """Move a unit along its life cycle.

    Parameters
    ----------
    comment : str
        The reason; needed for everything but ``verify``.
    until : date, optional
        Last day of a suspension or blacklisting.
    document : str
        Number or title of the decision that orders it.

    Raises
    ------
    NotFound, Unauthenticated, Forbidden, Stale, IllegalTransition
    Invalid
        A reason, date or document is missing, or the unit is not complete enough to
        be verified: every missing field is named.
    """
    org = get(session, actor, org_id)
    grant, row = actions.grant_for(
        ORGANISATION_WORKFLOW, org.state, action, actor, org, ORGANISATION_RULES
    )
    require_revision(org.revision, expected)
    actions.require_comment(row, comment)
    reader = _reader(session, actor)
    document = reader.words(document, "/document", 200)
    reader.words(comment, "/comment", 2000)
    if row.fields:
        _require_sanction(reader, until, document)
    elif until is not None or document:
        name = "until" if until is not None else "document"
        reader.wrong(
            f"/{name}", "not_of_this_action", "此操作不含该项", "not of this action"
        )
    if action == "verify":
        _require_complete(reader, values_of(org))
    reader.refuse()
    before = _standing(org)
    org.state = row.target
    org.suspended_until = until if row.fields else None
    org.suspension_document = document
    org.suspension_reason = comment.strip() if row.fields else ""
    org.updated_at = actor.now
    events.record(
        session,
        actor,
        org,
        f"organisation.{action}",
        role=grant.role,
        org_id=grant.org_id,
        from_state=before["state"],
        to_state=row.target,
        comment=comment.strip(),
        changes=events.difference(before, _standing(org)),
    )
    session.flush()
    return org


def _standing(org: Organisation) -> dict[str, Any]:
    return {
        "state": org.state,
        "suspended_until": org.suspended_until,
        "suspension_document": org.suspension_document,
    }


def _require_sanction(reader: Reader, until: date | None, document: str) -> None:
    if until is None:
        reader.wrong("/until", "required", "须填写截止日期", "an end date is needed")
    elif until <= reader.on:
        reader.wrong(
            "/until", "not_in_the_future", "须晚于今天", "must lie in the future"
        )
    if not document:
        reader.wrong(
            "/document", "required", "须填写依据文件", "the deciding document is needed"
        )


def require_revision(revision: int, expected: int | None) -> None:
    """Refuse a change of something that the caller has not read as it is now."""
    if expected is not None and expected != revision:
        raise Stale


def search(
    session: so.Session, actor: Actor, **filters: Any
) -> Listing[dict[str, Any]]:
    """List the units that the caller may know of.

    Parameters
    ----------
    q : str
        All its words must occur in name, credit code, products or introduction, in
        any script and width.
    state, org_type, industry : str
    region : str
        Also the places within it.
    mine : bool
        Only the caller's own units.
    """
    statement = sa.select(Organisation).where(policies.visible_organisations(actor))
    for name in ("state", "org_type", "industry"):
        if filters.get(name):
            statement = statement.where(getattr(Organisation, name) == filters[name])
    if filters.get("region"):
        prefix = policies.region_prefix(filters["region"])
        statement = statement.where(
            Organisation.region.startswith(prefix, autoescape=True)
        )
    if filters.get("mine"):
        statement = statement.where(Organisation.id.in_(actor.org_ids))
    for part in fold(filters.get("q") or "").split():
        statement = statement.where(
            Organisation.search_text.contains(part, autoescape=True)
        )
    return Listing(
        session,
        statement,
        key=Organisation.id,
        view=lambda rows: [_brief(row[0]) for row in rows],
        sorts={"updated": Organisation.updated_at, "name": Organisation.name},
    )


def _brief(org: Organisation) -> dict[str, Any]:
    """Show a unit in a list, where nothing above the public tier stands."""
    names = ("id", "name", "uscc", "org_type", "region", "industry", "scale", "state")
    return {
        **{name: getattr(org, name) for name in names},
        "main_products": org.main_products,
        "created_at": org.created_at,
        "updated_at": org.updated_at,
    }


def view(session: so.Session, actor: Actor, org: Organisation) -> dict[str, Any]:
    """Show a unit as far as the caller may read it.

    Personal data and the bank account are masked for everybody; ``contact`` gives
    them whole. Fields above the caller's tier are absent and named in ``withheld``.
    """
    tier = policies.organisation_tier(actor, org)
    hidden = {name for name, needed in _tiers(org).items() if needed > tier}
    hidden.add("bank_name")
    if not policies.may(actor, "read-bank", org, ORGANISATION_RULES):
        hidden.add("bank_account")
    parent = org.parent
    if parent is not None and not policies.sees_organisation(actor, parent):
        parent = None
    shown = values_of(org) | {
        "id": org.id,
        "state": org.state,
        "parent_org": parent and {"id": parent.id, "name": parent.name},
        "suspended_until": org.suspended_until,
        "suspension_reason": org.suspension_reason,
        "suspension_document": org.suspension_document,
        "created_at": org.created_at,
        "updated_at": org.updated_at,
        "actions": actions.links(
            ORGANISATION_WORKFLOW,
            org.state,
            actor,
            org,
            ORGANISATION_RULES,
            f"{HREF}/{org.id}",
        ),
        "withheld": sorted(hidden),
    }
    shown |= masked(org)
    del shown["parent_org_id"]
    if not hidden & set(TIES):
        _name_ties(session, shown)
    return {name: value for name, value in shown.items() if name not in hidden}


def confidential(actor: Actor, org: Organisation) -> list[str]:
    """Name the filled fields that only owner and operator read, for an outsider.

    Empty when the reader belongs to the unit or reads none of them: then there is
    nothing to write into the ledger.
    """
    inside = actor.is_system or policies.own_member(actor, org)
    if inside or policies.organisation_tier(actor, org) < Tier.OWNER:
        return []
    values = values_of(org)
    tiers = _tiers(org).items()
    owned = {name for name, tier in tiers if tier is Tier.OWNER} - {"credit_status"}
    return sorted(name for name in owned if values.get(name))


def contact(session: so.Session, actor: Actor, org_id: UUID) -> dict[str, Any]:
    """Return the contact data of a unit, unmasked.

    The bank account is for the unit's own administrator and the operator.

    Raises
    ------
    NotFound, Unauthenticated, Forbidden
    """
    org = get(session, actor, org_id)
    policies.require(actor, "read-contact", org, ORGANISATION_RULES)
    bank = policies.may(actor, "read-bank", org, ORGANISATION_RULES) is not None
    names = sorted(PRIVATE | {"address", "postcode"} | (BANK if bank else set()))
    return {
        **{name: getattr(org, name) for name in names},
        "id": org.id,
        "name": org.name,
        "withheld": [] if bank else sorted(BANK),
    }


def record_reading(
    session: so.Session, actor: Actor, org_id: UUID, names: Iterable[str]
) -> None:
    """Write into the ledger that an outsider of the unit read confidential fields."""
    org = session.get_one(Organisation, org_id)
    grant = policies.operator(actor, org)
    events.record(
        session,
        actor,
        org,
        "organisation.read",
        role=grant.role if grant else None,
        org_id=grant.org_id if grant else None,
        comment=", ".join(sorted(names)),
    )


def is_outsider(actor: Actor, org_id: UUID) -> bool:
    """Whether a reading by this caller is to be written down."""
    return not actor.is_system and actor.standing_in(org_id) is None


def history(session: so.Session, actor: Actor, org_id: UUID) -> Listing[dict[str, Any]]:
    """List what happened to a unit, its members, invitations and teams, oldest first.

    Raises
    ------
    NotFound, Unauthenticated, Forbidden
    """
    org = get(session, actor, org_id)
    policies.require(actor, "read-events", org, ORGANISATION_RULES)
    about = [sa.and_(Event.subject_kind == "organisation", Event.subject_id == org.id)]
    about += [
        sa.and_(
            Event.subject_kind == kind,
            Event.subject_id.in_(sa.select(model.id).where(model.org_id == org.id)),
        )
        for kind, model in (
            ("membership", Membership),
            ("invitation", Invitation),
            ("team", Team),
        )
    ]
    statement = (
        sa.select(Event, User.name)
        .join(LedgerEntry, LedgerEntry.event_id == Event.id)
        .outerjoin(User, User.id == Event.actor_id)
        .where(sa.or_(*about))
    )
    return Listing(
        session,
        statement,
        key=Event.id,
        view=lambda rows: [view_event(row[0], row[1]) for row in rows],
        sorts={"seq": LedgerEntry.seq},
        default_sort="seq",
    )


def _tiers(org: Organisation) -> Mapping[str, Tier]:
    return PERSON_TIERS if org.org_type == NATURAL_PERSON else ORGANISATION_TIERS


def _name_ties(session: so.Session, shown: dict[str, Any]) -> None:
    """Show a tie to a registered unit under the unit's present name."""
    ties = [tie for name in TIES for tie in shown[name]]
    known = names(session, {tie["organisation_id"] for tie in ties} - {None})
    for tie in ties:
        del tie["id_digest"]
        tie["name"] = known.get(tie["organisation_id"], tie["name"])


def _reader(session: so.Session, actor: Actor) -> Reader:
    limits = rules.in_force(session, "organisation.text_lengths", on=actor.today).value
    return Reader(session, actor.today, limits)


def _check_whole(reader: Reader, values: Mapping[str, Any]) -> None:
    """Check what a unit always needs, and what two fields say together."""
    for name in ("name", "org_type", "region"):
        if not values[name] and not any(e.pointer == f"/{name}" for e in reader.errors):
            reader.wrong(f"/{name}", "required", "必填", "is required")
    total, research = values["staff_total"], values["staff_rd"]
    if research is not None and total is not None and research > total:
        reader.wrong(
            "/staff_rd",
            "out_of_range",
            "研发人员数不能多于职工数（{total}）",
            "cannot exceed the staff of {total}",
            total=total,
        )
    overseas = values["party_nature"] == OVERSEAS
    if values["region"] == OVERSEAS_REGION and not overseas:
        reader.wrong(
            "/region",
            "unknown_code",
            "仅境外机构（机构性质 600）可填 000000",
            "000000 is for overseas parties (party_nature 600) only",
        )
    if values["flags"]:
        _refuse_flags_of_contracts(reader, values["flags"])


def _refuse_flags_of_contracts(reader: Reader, flags: Iterable[str]) -> None:
    entries = codes.entries(reader.session, "party_flag")
    of_contracts = {
        e.code for e in entries if e.attributes.get("asked_of") == "contract"
    }
    for index, flag in enumerate(flags):
        if flag in of_contracts:
            reader.wrong(
                f"/flags/{index}",
                "unknown_code",
                "“{flag}”是合同的标志，不是单位的标志",
                "{flag!r} is a flag of contracts, not of units",
                flag=flag,
            )


def _require_complete(
    reader: Reader,
    values: Mapping[str, Any],
    before: Mapping[str, Any] | None = None,
) -> None:
    """Note every field that a verified unit must have and this one has not.

    With what it held ``before``, only what has been emptied: a rule that came later
    must not keep a unit from correcting its telephone number.
    """
    person = values["org_type"] == NATURAL_PERSON
    rule = rules.in_force(
        reader.session, "organisation.required_to_verify", on=reader.on
    )
    needed = list(rule.value["person" if person else "unit"])
    if not person and values["party_nature"] != OVERSEAS:
        needed.insert(0, "uscc")
    for name in needed:
        if not values[name] and (before is None or before[name]):
            reader.wrong(
                f"/{name}", "required", "认证后必填", "required of a verified unit"
            )


def _refuse_rating(actor: Actor, org: Organisation | None, old: str, new: str) -> None:
    if old != new and not policies.may(actor, "rate", org, ORGANISATION_RULES):
        raise Forbidden(
            errors=[
                FieldError(
                    "/credit_status",
                    "operator_only",
                    Text("信用状态由平台运营方维护", "kept by the operator"),
                )
            ]
        )


def _refuse_identity(
    actor: Actor, org: Organisation, changes: Mapping[str, Any]
) -> None:
    """Refuse a unit's own change of what an operator saw on its licence."""
    changed = sorted(IDENTITY & set(changes))
    if not changed or org.state in states.UNVERIFIED:
        return
    if not policies.may(actor, "edit-verified", org, ORGANISATION_RULES):
        raise Forbidden(
            errors=[
                FieldError(
                    f"/{name}",
                    "verified_field",
                    Text(
                        "认证时核对过的信息，只能由平台运营方修改",
                        "was verified; only an operator changes it",
                    ),
                )
                for name in changed
            ]
        )


def _refuse_taken(
    session: so.Session, values: Mapping[str, Any], org: Organisation | None
) -> None:
    """Refuse a second registration of the same unit."""
    other = Organisation.id != org.id if org is not None else sa.true()
    found = []
    if values["uscc"] and session.scalar(
        sa.select(sa.exists().where(Organisation.uscc == values["uscc"], other))
    ):
        found.append(
            FieldError(
                "/uscc",
                "uscc_taken",
                Text(
                    "该统一社会信用代码已登记", "this credit code is registered already"
                ),
            )
        )
    same_name = sa.exists().where(
        Organisation.name_key == name_key(values["name"]),
        Organisation.region == values["region"],
        Organisation.state.in_(states.OPEN),
        other,
    )
    if session.scalar(sa.select(same_name)):
        found.append(
            FieldError(
                "/name",
                "name_taken",
                Text(
                    "该地区已有同名单位（不计括号、全半角和简繁）",
                    "a unit of this name, however spelt, is registered in this region",
                ),
            )
        )
    if found:
        raise Conflict(errors=found)


def _refer(
    reader: Reader, actor: Actor, values: Mapping[str, Any], org: Organisation | None
) -> None:
    """Check the units that the fields refer to."""
    own_id, own_uscc = org and org.id, values["uscc"]
    wanted = [
        (tie["organisation_id"], f"/{name}/{index}/organisation_id")
        for name in TIES
        for index, tie in enumerate(values[name])
        if tie["organisation_id"] is not None
    ]
    if values["parent_org_id"] is not None:
        wanted.append((values["parent_org_id"], "/parent_org_id"))
    kept = set()
    if org is not None:
        kept = {tie.other_org_id for tie in org.ties} | {org.parent_org_id}
    fresh = {other for other, _ in wanted} - kept
    known: set[UUID] = set()
    if fresh:
        statement = sa.select(Organisation.id).where(
            Organisation.id.in_(fresh), policies.visible_organisations(actor)
        )
        known.update(reader.session.scalars(statement))
    for other, pointer in wanted:
        if other == own_id:
            _refuse_itself(reader, pointer)
        elif other not in known | kept:
            reader.wrong(
                pointer, "unknown_organisation", "没有此单位", "there is no such unit"
            )
    for name in TIES:
        for index, tie in enumerate(values[name]):
            if own_uscc and tie["uscc"] == own_uscc:
                _refuse_itself(reader, f"/{name}/{index}/uscc")
    if org is not None and values["parent_org_id"] not in {None, org.parent_org_id}:
        _refuse_circle(reader, org.id, values["parent_org_id"])


def _refuse_itself(reader: Reader, pointer: str) -> None:
    reader.wrong(pointer, "itself", "不能是本单位", "cannot be the unit itself")


def _refuse_circle(reader: Reader, org_id: UUID, parent_id: UUID) -> None:
    """Refuse a parent that is the unit's own branch, however far down.

    The rows on the way are locked, so that two units cannot each become the other's
    parent at the same time.
    """
    at: UUID | None = parent_id
    seen: set[UUID] = set()
    while at is not None and at not in seen:
        if at == org_id:
            break
        seen.add(at)
        at = reader.session.scalar(
            sa.select(Organisation.parent_org_id)
            .where(Organisation.id == at)
            .with_for_update()
        )
    else:
        return
    if parent_id != org_id:
        reader.wrong(
            "/parent_org_id",
            "circle",
            "上级单位不能是本单位的下级",
            "the parent is a branch of this unit",
        )


def names(session: so.Session, org_ids: Collection[UUID]) -> dict[UUID, str]:
    """Return the names of units by their identifiers."""
    if not org_ids:
        return {}
    rows = session.execute(
        sa.select(Organisation.id, Organisation.name).where(
            Organisation.id.in_(org_ids)
        )
    )
    return {row.id: row.name for row in rows}
