"""Experts who look at a large, related or disputed contract before it is registered.

An expert belongs to no party and is related to none (科学技术进步法, art. 101, asks for
rules of selection, recusal and secrecy); he is checked when he is appointed and again
when he answers, and reads nobody else's opinion. A panel that meets elsewhere is
written down as one opinion instead. Domain reference, sections 9.9 and 13.3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace import policies
from marketplace import thread_policies as rights
from marketplace.domain.actors import Actor
from marketplace.domain.conflicts import Purpose
from marketplace.domain.contracts import (
    APPOINTED,
    AT_WORK,
    BEFORE_EXPERTS,
    OF_EXPERTS,
    OWING,
    ExpertState,
)
from marketplace.domain.organisations import OrganisationState
from marketplace.domain.roles import Role
from marketplace.errors import Conflict, Invalid, NotFound, Text
from marketplace.models.conflicts import ConflictCheck
from marketplace.models.organisations import Organisation
from marketplace.models.registrations import Registration, RegistrationExpert
from marketplace.models.users import Membership, User
from marketplace.services import conflicts, duties, events, messages, organisations
from marketplace.services import rules as dated
from marketplace.services.conflicts import Side
from marketplace.services.duties import Whom
from marketplace.services.fields import Reader
from marketplace.services.paging import Listing

Values = dict[str, Any]
ASKED, ANSWERED, RECUSED, RELEASED = ExpertState
IN_LEDGER = frozenset(f"registration.{action}" for action in OF_EXPERTS)
"""Events that say who the experts are."""


def least(session: so.Session, actor: Actor) -> int:
    """Return how many experts have to answer, by the rule in force today."""
    rule = dated.in_force(session, "registration.experts", on=actor.today)
    return int(rule.value["least"])


def counted(registration: Registration) -> list[RegistrationExpert]:
    """Return the experts who are asked or have answered."""
    return [row for row in registration.experts if row.state in AT_WORK]


def have_answered(registration: Registration) -> bool:
    """Whether enough experts were asked and all of them have answered."""
    rows = counted(registration)
    enough = len(rows) >= max(1, registration.experts_least)
    return enough and not any(row.state in OWING for row in rows)


def may_appoint(registration: Registration) -> bool:
    """Whether somebody more may be asked.

    Nobody once a panel has spoken, and nobody to outvote those who have answered: then
    only as many as are still too few.
    """
    rows = counted(registration)
    if registration.opinions:
        return False
    answered = any(row.state not in OWING for row in rows)
    return not answered or len(rows) < max(1, registration.experts_least)


def support(registration: Registration) -> bool:
    """Whether all have answered and more than half of them say yes."""
    rows = counted(registration)
    return have_answered(registration) and 2 * sum(
        bool(row.supports) for row in rows
    ) > len(rows)


def search(
    session: so.Session, actor: Actor, registration: Registration, **filters: Any
) -> Listing[Values]:
    """List who may be asked, with what a check for conflicts would come to.

    Whoever belongs to a party or to the registry is not among them, nor who was asked
    already. The check of the list is not kept and
    knows nothing of what an operator has decided; who is appointed is checked again.

    Parameters
    ----------
    q : str, optional
        Part of the name of the person or the unit.

    Raises
    ------
    Unauthenticated, Forbidden
    """
    policies.require(actor, "appoint-expert", registration, rights.REGISTRATION_RULES)
    parties = _parties(registration)
    involved = sa.select(Membership.user_id).where(
        Membership.org_id.in_(parties.units), Membership.ended_at.is_(None)
    )
    asked = [row.user_id for row in registration.experts if row.state in APPOINTED]
    statement = _experts(registration).where(
        User.id.not_in(involved), User.id.not_in(asked)
    )
    if filters.get("q"):
        words = filters["q"].strip()
        statement = statement.where(
            sa.or_(
                User.name.contains(words, autoescape=True),
                Organisation.name.contains(words, autoescape=True),
            )
        )

    def show(rows: Sequence[sa.Row[*tuple[Any, ...]]]) -> list[Values]:
        people = [_side(session, row[0].user_id) for row in rows]
        outlooks = conflicts.outlooks(
            session, actor, purpose=Purpose.EXPERT, left=parties, right=people
        )
        return [
            {
                "user_id": row[0].user_id,
                "name": row[1],
                "org_id": row[0].org_id,
                "org_name": row[2],
                "outlook": outlook.value,
            }
            for row, outlook in zip(rows, outlooks, strict=True)
        ]

    return Listing(session, statement, key=Membership.id, view=show)


def _experts(registration: Registration) -> sa.Select[*tuple[Any, ...]]:
    """Select everybody who is an expert in a verified unit, and not of the registry."""
    of_registry = sa.select(Membership.user_id).where(
        Membership.org_id == registration.registry_org_id
    )
    return (
        sa.select(Membership, User.name, Organisation.name)
        .join(User, User.id == Membership.user_id)
        .join(Organisation, Organisation.id == Membership.org_id)
        .where(
            Membership.ended_at.is_(None),
            sa.cast(Membership.roles, sa.Text).contains(f'"{Role.EXPERT.value}"'),
            Organisation.state == OrganisationState.VERIFIED,
            User.disabled_at.is_(None),
            User.id.not_in(of_registry),
        )
    )


def _side(session: so.Session, user_id: UUID) -> Side:
    """Return a person with the units that he belongs to."""
    units = session.scalars(
        sa.select(Membership.org_id).where(
            Membership.user_id == user_id, Membership.ended_at.is_(None)
        )
    )
    return conflicts.side(units=units, users=[user_id])


def _parties(registration: Registration) -> Side:
    """Return the parties, and who drew the contract up or handed it in."""
    contract = registration.contract
    people = {contract.created_by, registration.applied_by} - {None}
    return conflicts.side(
        units={contract.created_for, *rights.party_orgs(contract)},
        users=[user_id for user_id in people if user_id is not None],
    )


def _require_clear(
    session: so.Session, actor: Actor, registration: Registration, user_id: UUID
) -> ConflictCheck:
    """Check an expert with his units against the parties; refuse who is related."""
    return conflicts.require_clear(
        session,
        actor,
        purpose=Purpose.EXPERT,
        subject_kind="registration",
        subject_id=registration.id,
        left=_parties(registration),
        right=_side(session, user_id),
    )


def appoint(
    session: so.Session,
    actor: Actor,
    registration: Registration,
    given: Mapping[str, Any],
) -> Values:
    """Ask an expert, unless he is related to a party; returns what changed.

    Raises
    ------
    Invalid
        No such expert.
    Conflict
        He was asked already, or has recused himself.
    ConflictOfInterest
    """
    member = _named(session, actor, registration, given)
    if any(
        row.user_id == member.user_id and row.state in APPOINTED
        for row in registration.experts
    ):
        raise Conflict(Text("该专家已被选聘或已回避", "this expert was asked already"))
    check = _require_clear(session, actor, registration, member.user_id)
    if not registration.experts_least:
        # They were sent for before the number was kept.
        registration.experts_least = least(session, actor)
    rule = dated.in_force(session, "registration.duties", on=actor.today).value
    row = RegistrationExpert(
        registration_id=registration.id,
        user_id=member.user_id,
        org_id=member.org_id,
        state=ASKED,
        check_id=check.id,
        appointed_at=actor.now,
        appointed_by=actor.user_id,
        due_on=duties.promise(session, actor, int(rule["opinion"])),
    )
    registration.experts.append(row)
    session.flush()
    _ask(session, actor, registration, row, int(rule["remind_before"]))
    return {"expert": [None, str(row.user_id)]}


def _named(
    session: so.Session,
    actor: Actor,
    registration: Registration,
    given: Mapping[str, Any],
) -> Membership:
    reader = Reader(session, actor.today)
    user_id = reader.reference(given.get("user_id"), "/user_id")
    if user_id is None and not reader.errors:
        reader.wrong("/user_id", "required", "请选择专家", "name the expert")
    reader.refuse()
    statement = _experts(registration).where(Membership.user_id == user_id)
    found = session.execute(statement.order_by(Membership.id).limit(1)).first()
    if found is None:
        raise Invalid.at(
            "/user_id", "unknown_user", "没有此专家", "there is no such expert"
        )
    member: Membership = found[0]
    return member


def _ask(
    session: so.Session,
    actor: Actor,
    registration: Registration,
    row: RegistrationExpert,
    remind_before: int,
) -> None:
    contract = registration.contract
    duties.open_(
        session,
        actor,
        _whom(row),
        "give-opinion",
        kind="registration",
        subject_id=contract.id,
        title=contract.title,
        number=contract.contract_no,
        due_on=row.due_on,
        remind_before=remind_before,
    )
    messages.notify(
        session,
        actor,
        to={row.user_id},
        topic="registration.expert",
        values={"subject": contract.title, "due": row.due_on.isoformat()},
        subject_kind="contract",
        subject_id=contract.id,
        key=f"registration-expert:{row.id}",
    )


def _whom(row: RegistrationExpert) -> Whom:
    return Whom(org_id=row.org_id, role=Role.EXPERT, user_id=row.user_id)


def release(
    session: so.Session,
    actor: Actor,
    registration: Registration,
    given: Mapping[str, Any],
) -> Values:
    """Let an expert go who has not answered: he has left, or does not answer.

    Raises
    ------
    Invalid
        He is none of those who are asked. An opinion that was given stays.
    """
    reader = Reader(session, actor.today)
    user_id = reader.reference(given.get("user_id"), "/user_id")
    reader.refuse()
    rows = [r for r in registration.experts if r.user_id == user_id]
    row = next((r for r in rows if r.state in OWING), None)
    if row is None:
        raise Invalid.at(
            "/user_id",
            "not_asked",
            "该专家不在待出具意见之列",
            "this expert owes no opinion",
        )
    _end(session, actor, registration, row, RELEASED)
    return {"expert": [str(row.user_id), None]}


def answer(
    session: so.Session,
    actor: Actor,
    registration: Registration,
    comment: str,
    given: Mapping[str, Any],
) -> Values:
    """Take an expert's opinion; he declares that he is impartial, and is checked again.

    Raises
    ------
    Invalid, ConflictOfInterest
    """
    row = _own(actor, registration)
    reader = Reader(session, actor.today)
    if not isinstance(given.get("supports"), bool):
        reader.wrong(
            "/supports", "required", "请注明是否支持登记", "say whether you support it"
        )
    if given.get("impartial") is not True:
        reader.wrong(
            "/impartial",
            "required",
            "请声明与合同各方无利害关系；有利害关系的应当回避",
            "declare that you have no stake in any party, or recuse yourself",
        )
    reader.refuse()
    check = _require_clear(session, actor, registration, row.user_id)
    row.check_id = check.id
    row.supports, row.comment, row.answered_at = given["supports"], comment, actor.now
    _end(session, actor, registration, row, ANSWERED)
    return events.difference({}, {"supports": row.supports})


def _own(actor: Actor, registration: Registration) -> RegistrationExpert:
    """Return the caller's appointment, which the rule of the step has seen."""
    row = rights.expert_row(actor, registration)
    if row is None:
        raise NotFound
    return row


def recuse(
    session: so.Session, actor: Actor, registration: Registration, comment: str
) -> Values:
    """Let an expert step back who has a stake; he is not asked again."""
    row = _own(actor, registration)
    row.comment = comment
    _end(session, actor, registration, row, RECUSED)
    return {"expert": [str(row.user_id), None]}


def _end(
    session: so.Session,
    actor: Actor,
    registration: Registration,
    row: RegistrationExpert,
    state: ExpertState,
) -> None:
    row.state = state
    duties.close(
        session,
        actor,
        kind="registration",
        subject_id=registration.contract_id,
        steps=["give-opinion"],
        whom=_whom(row),
        outcome=duties.DONE if state in AT_WORK else duties.DROPPED,
    )


def dismiss(session: so.Session, actor: Actor, registration: Registration) -> None:
    """Ask nobody any more once it is decided; what was said stays on record."""
    for row in registration.experts:
        if row.state in OWING:
            _end(session, actor, registration, row, RELEASED)


def begin_anew(session: so.Session, actor: Actor, registration: Registration) -> None:
    """Count no opinion of an earlier round; the same people may be asked again.

    Who has recused himself is not.
    """
    dismiss(session, actor, registration)
    for row in registration.experts:
        if row.state in AT_WORK:
            row.state = RELEASED


def view(session: so.Session, actor: Actor, registration: Registration) -> list[Values]:
    """Show the experts: all to officials, an expert his own, to parties none."""
    if rights.reads_officials(actor, registration):
        rows = list(registration.experts)
    else:
        own = rights.appointed_expert(actor, registration)
        rows = [r for r in registration.experts if own and r.user_id == actor.user_id]
    units = organisations.names(session, {row.org_id for row in rows})
    people = session.execute(
        sa.select(User.id, User.name).where(User.id.in_({row.user_id for row in rows}))
    )
    names = {row.id: row.name for row in people}
    kept = ("user_id", "state", "appointed_at", "due_on", "supports", "comment")
    return [
        {
            **{name: getattr(row, name) for name in kept},
            "answered_at": row.answered_at,
            "name": names[row.user_id],
            "org_id": row.org_id,
            "org_name": units[row.org_id],
        }
        for row in rows
        if row.state in APPOINTED or row.answered_at is not None
    ]


def is_panel(registration: Registration) -> bool:
    """Whether nobody was appointed, so that a panel's opinion may be written down."""
    return registration.state in BEFORE_EXPERTS and not counted(registration)
