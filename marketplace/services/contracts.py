"""Technology contracts 技术合同: drawn up, signed by all, performed, amended."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace import policies
from marketplace import thread_policies as rights
from marketplace.domain import actors
from marketplace.domain.actors import Actor
from marketplace.domain.conflicts import Purpose
from marketplace.domain.contracts import (
    BOUND,
    CONCLUDED,
    CONTRACT_WORKFLOW,
    DRAFT,
    DRAFTED,
    EXECUTED,
    HELD,
    JUDGED,
    OPEN_PAPERS,
    OVER,
    REGISTRABLE,
    STANDING,
    TO_SIGN,
    RegistrationState,
    Side,
    VersionState,
)
from marketplace.domain.dockings import TALKING
from marketplace.domain.ids import new_id
from marketplace.domain.needs import NeedState
from marketplace.domain.organisations import OrganisationState
from marketplace.domain.roles import Role
from marketplace.domain.workflows import Transition
from marketplace.errors import (
    Conflict,
    FieldError,
    IllegalTransition,
    Invalid,
    NotFound,
    Text,
)
from marketplace.models.attachments import Attachment
from marketplace.models.contracts import (
    Contract,
    ContractParty,
    ContractSignature,
    ContractVersion,
)
from marketplace.models.dockings import Docking
from marketplace.models.duties import Duty
from marketplace.models.needs import Need
from marketplace.models.organisations import Organisation
from marketplace.models.registrations import Registration
from marketplace.services import (
    conflicts,
    contents,
    contract_contents,
    dockings,
    duties,
    events,
    needs,
    notices,
    offers,
    payment_plans,
    registration_duties,
    rules,
    serials,
    steps,
)
from marketplace.services.contract_contents import CONTENT, PARTY
from marketplace.services.duties import Whom
from marketplace.services.fields import Reader, Row
from marketplace.services.organisation_fields import name_key
from marketplace.services.paging import Listing

Values = dict[str, Any]
PATH = "/api/v1/contracts"
AGREED = "AGREED"
"""Ground for a rescission that takes both sides (code list rescission_ground)."""
LINKS = frozenset({"docking_id", "need_id", "offer_id", "owner_org_id"})
COLUMNS = (
    "title",
    "contract_class",
    "tech_field",
    "signed_on",
    "valid_from",
    "valid_to",
    "total_yuan",
    "technical_yuan",
    "is_related",
)


def _possible(contract: Contract, action: str) -> bool:
    """Whether there is something to take back."""
    return action != "withdraw-signature" or bool(contract.current.signatures)


KIND: steps.Kind[Contract] = steps.Kind(
    name="contract",
    path=f"{PATH}/{{id}}",
    model=Contract,
    workflow=CONTRACT_WORKFLOW,
    rules=rights.CONTRACT_RULES,
    visible=rights.visible_contracts,
    options=(
        so.selectinload(Contract.parties),
        so.joinedload(Contract.current).selectinload(ContractVersion.signatures),
    ),
    possible=_possible,
)


def get(session: so.Session, actor: Actor, contract_id: UUID) -> Contract:
    """Return a contract with its parties and the version in force.

    Raises
    ------
    NotFound
    """
    return steps.get(session, actor, KIND, contract_id)


def create(session: so.Session, actor: Actor, data: Mapping[str, Any]) -> Contract:
    """Draw a contract up; from a docking its parties and terms are taken over.

    Parameters
    ----------
    data : mapping
        Fields of the content, and ``docking_id``, ``need_id``, ``offer_id``,
        ``owner_org_id``.

    Raises
    ------
    Unauthenticated, Forbidden
    Invalid
        With every wrong field; a docking that is not the caller's or not open.
    """
    policies.require_signed_in(actor)
    reader = Reader(session, actor.today)
    links = {
        name: reader.reference(data.get(name), f"/{name}") for name in sorted(LINKS)
    }
    reader.refuse()
    docking = _docking(session, actor, links["docking_id"])
    org_id = _drafting_org(actor, docking, links["owner_org_id"])
    before = {field.name: field.empty for field in CONTENT}
    start = before | (_from_docking(docking) if docking else {})
    given = {name: value for name, value in data.items() if name not in LINKS}
    values = _read(session, actor, org_id, start, given)
    contract = Contract(
        id=new_id(),
        contract_no=_number(session, actor, org_id),
        state=DRAFT,
        created_by=actor.user_id,
        created_for=org_id,
        docking_id=docking.id if docking else None,
        need_id=docking.need_id if docking else _linked(session, actor, links, "need"),
        offer_id=docking.offer_id
        if docking
        else _linked(session, actor, links, "offer"),
        created_at=actor.now,
        updated_at=actor.now,
        rescission={},
        parties=[],
    )
    session.add(contract)
    session.flush()
    version = ContractVersion(
        contract_id=contract.id,
        number=1,
        state=VersionState.DRAFT,
        content=events.plain(values),
        created_at=actor.now,
        created_by=actor.user_id,
        created_for=org_id,
        signatures=[],
    )
    session.add(version)
    session.flush()
    contract.current = version
    _show_in_columns(session, contract, values)
    session.add(
        Registration(
            contract_id=contract.id,
            state=RegistrationState.NONE,
            created_at=actor.now,
            updated_at=actor.now,
            expert_reasons=[],
            opinions=[],
            corrections=[],
            readiness={},
            wanted={},
            appeal={},
        )
    )
    events.record(
        session,
        actor,
        contract,
        "contract.create",
        org_id=org_id,
        to_state=DRAFT.value,
        changes=events.difference(before, values),
    )
    session.flush()
    return contract


def _docking(
    session: so.Session, actor: Actor, docking_id: UUID | None
) -> Docking | None:
    """Return the docking from which a contract comes, if its side asks."""
    if docking_id is None:
        return None
    found = session.scalar(
        sa.select(Docking)
        .where(Docking.id == docking_id, rights.my_dockings(actor))
        .options(*dockings.KIND.options)
    )
    if found is None or found.state not in TALKING:
        raise Invalid.at(
            "/docking_id",
            "unknown_docking",
            "没有您参与且正在进行的此对接",
            "you take part in no docking of this id that is under way",
        )
    return found


def _drafting_org(actor: Actor, docking: Docking | None, given: UUID | None) -> UUID:
    """Return the unit for which the caller draws the contract up."""
    mine = rights.writing_org_ids(actor)
    if docking is not None:
        mine = [
            org for org in (docking.need_org_id, docking.offer_org_id) if org in mine
        ] or [s.org_id for s in actor.standings if s.org_id == docking.broker_org_id]
    if given is not None:
        if given not in mine:
            raise Invalid.at(
                "/owner_org_id",
                "unknown_organisation",
                "您不能代表此单位起草",
                "you do not write for this organisation",
            )
        return given
    if len(mine) == 1:
        return mine[0]
    if not mine:
        policies.require(actor, "create", None, {})
    raise Invalid.at(
        "/owner_org_id",
        "required",
        "您属于多个单位，请指明所属单位",
        "you write for several units; say for which",
    )


def _linked(
    session: so.Session, actor: Actor, links: Mapping[str, UUID | None], kind: str
) -> UUID | None:
    """Return a need or offer that the caller may know of."""
    subject_id = links[f"{kind}_id"]
    if subject_id is None:
        return None
    service: Any = needs if kind == "need" else offers
    try:
        service.get(session, actor, subject_id)
    except NotFound:
        text = Text("没有此项", "there is no such object")
        raise Invalid(errors=[FieldError(f"/{kind}_id", "unknown", text)]) from None
    return subject_id


def _from_docking(docking: Docking) -> Values:
    """Return what need and intent already say, so that nothing is typed twice."""
    terms = dockings.intent_of(docking)
    need = docking.need.published
    parties = [
        _party(Side.BUYER, docking.need_org_id),
        _party(Side.SELLER, docking.offer_org_id),
    ]
    if docking.broker_org_id is not None:
        parties.append(_party(Side.BROKER, docking.broker_org_id))
    found: Values = {"parties": parties}
    if need is not None:
        found["title"] = need.title
        found["tech_field"] = next(iter(need.tech_field), None)
        found["served_industry"] = need.industry_use
    if terms:
        found |= {
            "subject": terms["scope"],
            "total_yuan": terms["price_yuan"],
            "valid_from": terms["period_from"],
            "valid_to": terms["period_to"],
            "ip_owner": terms["ip_owner"],
            "results_ownership": terms["rights"],
        }
    return found


def _party(side: Side, org_id: UUID) -> Row:
    empty = {field.name: field.empty for field in PARTY}
    return {**empty, "side": side.value, "organisation_id": org_id}


def _number(session: so.Session, actor: Actor, org_id: UUID) -> str:
    region = session.get_one(Organisation, org_id).region
    year = actor.today.year
    serial = serials.next_number(session, f"contract:{year}:{region}")
    return f"H{year}-{region}-{serial:05d}"


def _read(
    session: so.Session,
    actor: Actor,
    org_id: UUID,
    before: Values,
    data: Mapping[str, Any],
) -> Values:
    """Read what was given over what was there; refuse what contradicts itself."""
    reader = Reader(session, actor.today, owner_org_id=org_id)
    values = before | contents.read(CONTENT, reader, data, before)
    contract_contents.check(reader, values)
    _check_references(session, actor, reader, values, before)
    reader.refuse()
    return values


def _check_references(
    session: so.Session, actor: Actor, reader: Reader, values: Values, before: Values
) -> None:
    """Note units and files that are not there for the caller."""
    named = {p["organisation_id"] for p in values["parties"]} - {None}
    known = {
        org.id: org
        for org in session.scalars(
            sa.select(Organisation).where(
                Organisation.id.in_(named), policies.visible_organisations(actor)
            )
        )
    }
    for index, party in enumerate(values["parties"]):
        if party["side"] is None:
            reader.wrong(
                f"/parties/{index}/side", "required", "请选择", "say on which side"
            )
        org = known.get(party["organisation_id"])
        if party["organisation_id"] and (
            org is None or org.state is OrganisationState.CLOSED
        ):
            reader.wrong(
                f"/parties/{index}/organisation_id",
                "unknown_organisation",
                "没有此单位",
                "there is no such organisation",
            )
    old = {row["attachment_id"] for row in before["documents"]}
    for index, row in enumerate(values["documents"]):
        if row["attachment_id"] in old:
            continue
        file = session.get(Attachment, row["attachment_id"] or new_id())
        if file is None or file.org_id not in actor.org_ids:
            reader.wrong(
                f"/documents/{index}/attachment_id",
                "unknown_attachment",
                "没有您单位上传的此附件",
                "there is no such attachment of your unit",
            )


def _show_in_columns(session: so.Session, contract: Contract, values: Values) -> None:
    """Write what lists and figures read, and who the parties are."""
    for name in COLUMNS:
        setattr(contract, name, values[name])
    rows = [_party_row(session, i, p) for i, p in enumerate(values["parties"])]
    names = ("side", "org_id", "name", "region", "party_nature")
    shown, kept = (
        [tuple(getattr(row, name) for name in names) for row in found]
        for found in (rows, contract.parties)
    )
    if kept != shown:
        contract.parties.clear()
        session.flush()
        contract.parties.extend(rows)


def _party_row(session: so.Session, position: int, party: Row) -> ContractParty:
    org_id = party["organisation_id"]
    org = session.get(Organisation, org_id) if org_id else None
    return ContractParty(
        position=position,
        side=Side(party["side"]),
        org_id=org_id,
        name=party["name"] or (org.name if org else ""),
        region=party["region"] or (org.region if org else ""),
        party_nature=party["party_nature"] or (org.party_nature if org else None),
    )


def edit(
    session: so.Session,
    actor: Actor,
    contract_id: UUID,
    data: Mapping[str, Any],
    *,
    expected: str | None = None,
) -> Contract:
    """Change a draft; of a signed contract, the papers that the registry asks for.

    Raises
    ------
    NotFound, Unauthenticated, Forbidden, Stale, Invalid
    IllegalTransition
        It is signed, or one side has signed: what was agreed changes by an amendment.
    """
    contract = steps.get(session, actor, KIND, contract_id, lock=True)
    grant = policies.require(actor, "edit", contract, rights.CONTRACT_RULES)
    steps.require_revision(contract, expected)
    _require_open(session, contract)
    before = contract_contents.values_of(contract.current)
    values = _read(session, actor, contract.created_for, before, data)
    if contract.state not in DRAFTED and contract_contents.breaks(before, values):
        raise _agreed_already(contract)
    changes = events.difference(before, values)
    if not changes:
        return contract
    contract.current.content = events.plain(values)
    _carry_over(proposed(session, contract), contract.current, changes)
    _show_in_columns(session, contract, values)
    steps.touch(contract, actor)
    events.record(
        session,
        actor,
        contract,
        "contract.edit",
        role=grant.role,
        org_id=grant.org_id,
        from_state=contract.state.value,
        to_state=contract.state.value,
        changes=changes,
    )
    session.flush()
    return contract


def _carry_over(
    waiting: ContractVersion | None,
    current: ContractVersion,
    changes: Mapping[str, Any],
) -> None:
    """Write changed papers into an amendment that waits, or they would be lost."""
    if waiting is not None:
        papers = contract_contents.papers_over(
            contract_contents.values_of(waiting),
            contract_contents.values_of(current),
        )
        kept = {name: papers[name] for name in changes}
        waiting.content = {**waiting.content, **events.plain(kept)}


def _require_open(session: so.Session, contract: Contract) -> None:
    """Refuse to change what somebody has signed, and papers that others judge."""
    if contract.state in DRAFTED:
        if contract.current.signatures:
            raise IllegalTransition(
                Text(
                    "已有一方签字，须先撤回签字再修改",
                    "one side has signed; take the signature back first",
                ),
                extra={"state": contract.state.value, "possible": []},
            )
        return
    registration = session.scalars(
        sa.select(Registration).where(Registration.contract_id == contract.id)
    ).one()
    if registration.state not in OPEN_PAPERS:
        raise _agreed_already(contract)


def _agreed_already(contract: Contract) -> IllegalTransition:
    """Make the refusal of a change that one side cannot make by itself."""
    return IllegalTransition(
        Text(
            "合同已签订，约定内容须经变更协议修改；登记材料只能在申请前或补正时修改",
            "the contract is signed: what was agreed changes by an amendment,"
            " papers of the registry before the application or for a correction",
        ),
        extra={"state": contract.state.value, "possible": ["amend"]},
    )


def delete(
    session: so.Session,
    actor: Actor,
    contract_id: UUID,
    *,
    expected: str | None = None,
) -> None:
    """Remove a draft that nobody has signed; the ledger keeps what it held."""
    contract = steps.get(session, actor, KIND, contract_id, lock=True)
    grant = policies.require(actor, "delete", contract, rights.CONTRACT_RULES)
    steps.require_revision(contract, expected)
    _require_draft(contract)
    events.record(
        session,
        actor,
        contract,
        "contract.delete",
        role=grant.role,
        org_id=grant.org_id,
        from_state=contract.state.value,
        changes=events.difference(contract.current.content, {}),
    )
    session.execute(
        sa.delete(Registration).where(Registration.contract_id == contract.id)
    )
    version = contract.current
    contract.current_version_id = None
    so.attributes.set_committed_value(contract, "current", None)
    session.flush()
    session.delete(version)
    session.flush()
    session.delete(contract)
    session.flush()


def _require_draft(contract: Contract) -> None:
    if contract.state not in DRAFTED or contract.current.signatures:
        raise IllegalTransition(
            Text(
                "只有无人签字的草稿可以删除",
                "only a draft that nobody has signed can be deleted",
            ),
            extra={"state": contract.state.value, "possible": []},
        )


@dataclass(slots=True)
class _Move:
    """A step on its way, for the functions that know what it does."""

    session: so.Session
    actor: Actor
    contract: Contract
    step: steps.Step[Contract]
    given: Mapping[str, Any]
    changes: dict[str, Any]
    stays: bool = False


def act(
    session: so.Session,
    actor: Actor,
    contract_id: UUID,
    action: str,
    *,
    expected: str | None = None,
    comment: str = "",
    **given: Any,
) -> Contract:
    """Take one step of a contract.

    Parameters
    ----------
    given
        ``signer``, ``signed_on``, ``attachment_id`` and ``party`` for ``sign``;
        ``effective_on``; ``completed_on``; ``ground`` (code) and ``rescinded_on``;
        ``document`` for ``annul``.

    Raises
    ------
    NotFound, Unauthenticated, Forbidden, IllegalTransition, Stale, Invalid, Conflict
    """
    step = steps.begin(
        session,
        actor,
        KIND,
        contract_id,
        action,
        expected=expected,
        comment=comment,
        given=given,
    )
    move = _Move(session, actor, step.subject, step, given, {})
    _DOING[action](move)
    target = step.subject.state if move.stays else None
    contract = steps.finish(
        session, actor, KIND, step, changes=move.changes, target=target
    )
    if action == "sign":
        _tell_signed(session, actor, contract, step.grant.org_id)
        _conclude_if_signed(session, actor, contract)
    if action in _ENDS and not move.stays:
        _tell_ended(session, actor, contract, step)
    if contract.state in OVER:
        dockings.contract_ended(session, actor, contract)
    if contract.state not in BOUND:
        _let_amendment_lapse(session, actor, contract)
    _owe(session, actor, contract)
    return contract


def _tell_signed(
    session: so.Session, actor: Actor, contract: Contract, org_id: UUID | None
) -> None:
    """Tell the other parties that one has signed."""
    _tell_others(
        session,
        actor,
        contract,
        org_id,
        "contract.signed",
        {"party": notices.name_of(session, org_id), "subject": contract.title},
        f"contract:{contract.id}:signed:{contract.current.number}:{org_id}",
    )


def _tell_others(
    session: so.Session,
    actor: Actor,
    contract: Contract,
    org_id: UUID | None,
    topic: str,
    values: Values,
    key: str,
) -> None:
    """Tell the people of all parties but one; of a broker's unit its brokers."""
    for sides, roles in (
        ((Side.BUYER, Side.SELLER), frozenset(duties.UNIT_ROLES)),
        ((Side.BROKER,), frozenset({Role.BROKER})),
    ):
        units = rights.party_orgs(contract, *sides)
        notices.tell_units(
            session,
            actor,
            [other for other in units if other != org_id],
            topic,
            values,
            kind="contract",
            subject_id=contract.id,
            key=key,
            roles=roles,
        )


_ENDS: Mapping[str, Text] = {
    "complete": Text("已完成", "completed"),
    "rescind": Text("已解除", "rescinded"),
    "annul": Text("已确认无效", "void"),
}


def _tell_ended(
    session: so.Session, actor: Actor, contract: Contract, step: steps.Step[Contract]
) -> None:
    """Tell the other parties that it is over, and the registry of what it holds."""
    action, org_id = step.row.action, step.grant.org_id
    values: Values = {
        "party": notices.name_of(session, org_id),
        "subject": contract.title,
        "what": _ENDS[action],
        "reason": step.comment,
    }
    key = f"contract:{contract.id}:{action}"
    _tell_others(session, actor, contract, org_id, "contract.ended", values, key)
    registration = _registration_of(session, contract)
    if contract.state in REGISTRABLE or registration.state not in STANDING | JUDGED:
        return
    officials = frozenset({Role.REGISTRY_CLERK, Role.REGISTRY_REVIEWER})
    notices.tell_units(
        session,
        actor,
        [registration.registry_org_id],
        "contract.ended",
        values,
        kind="contract",
        subject_id=contract.id,
        key=key,
        roles=officials,
    )
    if registration.state in STANDING:
        registration_duties.owe(session, actor, registration)
        _ask_to_report(session, actor, registration, values)


def _registration_of(session: so.Session, contract: Contract) -> Registration:
    return session.scalars(
        sa.select(Registration)
        .where(Registration.contract_id == contract.id)
        .options(
            so.joinedload(Registration.contract), so.selectinload(Registration.experts)
        )
    ).one()


def _ask_to_report(
    session: so.Session, actor: Actor, registration: Registration, values: Values
) -> None:
    """Have the applicant of a registered contract report its end, and tell him so."""
    rule = rules.in_force(session, "registration.duties", on=actor.today).value
    due_on = duties.promise(session, actor, int(rule["report"]))
    notices.tell_units(
        session,
        actor,
        [registration.applicant_org_id],
        "registration.report",
        {
            "subject": values["subject"],
            "what": values["what"],
            "due": due_on.isoformat(),
        },
        kind="contract",
        subject_id=registration.contract_id,
        key=f"registration:{registration.id}:report",
    )


def _sign(move: _Move) -> None:
    """Record that a party has signed the draft."""
    dockings.require_not_lost(move.session, move.contract)
    reader = Reader(move.session, move.actor.today)
    values = contract_contents.values_of(move.contract.current)
    contract_contents.check_complete(reader, values)
    _not_ahead(reader, move.actor, values)
    if is_related(move.session, move.actor, move.contract) and not values["is_related"]:
        reader.wrong(
            "/is_related",
            "not_marked",
            "双方存在关联关系，须在合同中标注为关联交易",
            "the two sides are related; the contract has to say so",
        )
    reader.refuse()
    _put_signature(move, move.contract.current)


def _not_ahead(reader: Reader, actor: Actor, values: Values) -> None:
    """Note a day of signing that is yet to come: it decides which rules hold."""
    if values["signed_on"] is not None and values["signed_on"] > actor.today:
        reader.wrong(
            "/signed_on", "in_the_future", "签订日期不能晚于今天", "lies ahead"
        )


def is_related(session: so.Session, actor: Actor, contract: Contract) -> bool:
    """Whether buyers and sellers are known to belong together.

    Outside parties are looked up by their credit codes. Who mediates is checked with
    both sides as well, for his record: his ties make no deal one of related parties.
    What is only suspected goes to an operator.

    Raises
    ------
    ConflictOfInterest
        The rule in force does not let them make a contract at all.
    """
    rows = contract_contents.values_of(contract.current)["parties"]
    outside = {
        side: [
            row["uscc"]
            for row in rows
            if row["side"] == side and not row["organisation_id"] and row["uscc"]
        ]
        for side in Side
    }
    buyers, sellers, brokers = (
        conflicts.side(units=rights.party_orgs(contract, side), codes=outside[side])
        for side in (Side.BUYER, Side.SELLER, Side.BROKER)
    )
    related = False
    both = conflicts.side(
        units=buyers.units | sellers.units, codes=buyers.codes | sellers.codes
    )
    for purpose, left, right in (
        (Purpose.CONTRACT, buyers, sellers),
        (Purpose.BROKER, brokers, both),
    ):
        if not left or not right:
            continue
        row = conflicts.require_clear(
            session,
            actor,
            purpose=purpose,
            subject_kind="contract",
            subject_id=contract.id,
            left=left,
            right=right,
        )
        if purpose is Purpose.CONTRACT:
            related = conflicts.answer(session, row).is_related
    return related


def _put_signature(move: _Move, version: ContractVersion) -> None:
    session, actor, given = move.session, move.actor, move.given
    party = _signing_party(move)
    reader = Reader(session, actor.today)
    signer = reader.words(given.get("signer"), "/signer", 60)
    if not signer:
        reader.wrong("/signer", "required", "请填写签字人", "say who has signed")
    signed_on = reader.day(given.get("signed_on"), "/signed_on") or actor.today
    if signed_on > actor.today:
        reader.wrong("/signed_on", "in_the_future", "不能晚于今天", "lies ahead")
    file = _signed_file(move, reader, party)
    reader.refuse()
    key = str(party.org_id or party.name)
    for there in version.signatures:
        if there.party_key == key and there.side is party.side:
            raise Conflict(Text("该方已签字", "this party has signed already"))
        both = party.org_id is not None and there.org_id is not None
        if both and there.recorded_by == actor.user_id:
            raise Conflict(
                Text(
                    "同一人不能代表两方签字",
                    "one person cannot sign for two sides",
                )
            )
    digest = file.digest if file else _digest(version.content)
    version.signatures.append(
        ContractSignature(
            side=party.side,
            party_key=key,
            org_id=party.org_id,
            signer=signer,
            signed_on=signed_on,
            recorded_at=actor.now,
            recorded_by=actor.user_id,
            attachment_id=file.id if file else None,
            digest=digest,
        )
    )
    move.changes = events.difference(
        {},
        {
            "side": party.side,
            "party": party.name,
            "signer": signer,
            "signed_on": signed_on,
            "digest": digest,
            "version": version.number,
        },
    )


def _signing_party(move: _Move) -> ContractParty:
    """Return the party for which the caller signs.

    For a party that is not registered here somebody of another one records the
    signature; the signed file has to come with it.
    """
    outside = [p for p in move.contract.parties if p.org_id is None]
    position = move.given.get("party")
    if position is not None:
        found = next((p for p in outside if p.position == position), None)
        if found is None:
            raise Invalid.at(
                "/party",
                "not_an_outside_party",
                "只能代为登记未注册当事人的签字",
                "only for a party that is not registered here",
            )
        _refuse_registered(move.session, move.contract, found)
        return found
    own = [p for p in move.contract.parties if p.org_id == move.step.grant.org_id]
    return own[0]


def _refuse_registered(
    session: so.Session, contract: Contract, party: ContractParty
) -> None:
    """Refuse to sign for a unit that is registered here and can sign for itself."""
    values = contract_contents.values_of(contract.current)
    rows = values["parties"]
    code = rows[party.position]["uscc"] if party.position < len(rows) else ""
    known = session.scalar(
        sa.select(Organisation.id)
        .where(
            Organisation.state == OrganisationState.VERIFIED,
            sa.or_(
                Organisation.name_key == name_key(party.name),
                sa.and_(
                    Organisation.uscc.is_not(None), Organisation.uscc == code.upper()
                ),
            ),
        )
        .limit(1)
    )
    if known is not None:
        raise Invalid.at(
            "/party",
            "registered_here",
            "该当事人已在本平台注册，须由其本单位签字；请在合同中按单位选定",
            "this party is registered here and signs for itself: name it in the"
            " contract as an organisation",
        )


def _signed_file(
    move: _Move, reader: Reader, party: ContractParty
) -> Attachment | None:
    attachment_id = reader.reference(move.given.get("attachment_id"), "/attachment_id")
    file = move.session.get(Attachment, attachment_id) if attachment_id else None
    if attachment_id and (file is None or file.org_id != move.step.grant.org_id):
        reader.wrong(
            "/attachment_id",
            "unknown_attachment",
            "没有您单位上传的此附件",
            "there is no such attachment of your unit",
        )
        return None
    if party.org_id is None and file is None:
        reader.wrong(
            "/attachment_id",
            "required",
            "代为登记签字须附签署文件",
            "the signed file has to come with it",
        )
    return file


def _digest(content: Mapping[str, Any]) -> str:
    """SHA-256 over what the parties agree on, in one canonical form.

    Papers of the registry may change after a signature and are left out.
    """
    agreed = contract_contents.agreed(content)
    text = json.dumps(agreed, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _withdraw_signature(move: _Move) -> None:
    """Take back what the caller's unit had signed, or recorded for one outside."""
    signatures = move.contract.current.signatures
    mine = [
        s for s in signatures if _unit_of(move.session, s) == move.step.grant.org_id
    ]
    if not mine:
        raise Conflict(Text("贵单位尚未签字", "your unit has not signed"))
    for signature in mine:
        signatures.remove(signature)
    move.changes = events.difference({"side": mine[0].side}, {})


def _unit_of(session: so.Session, signature: ContractSignature) -> UUID | None:
    """Return the unit that brought a signature in: its own, or with the signed file."""
    if signature.org_id is not None:
        return signature.org_id
    return session.get_one(Attachment, signature.attachment_id).org_id


def _all_signed(contract: Contract, version: ContractVersion) -> bool:
    signed = {(s.side, s.party_key) for s in version.signatures}
    needed = {(p.side, str(p.org_id or p.name)) for p in contract.parties}
    return needed <= signed


def _conclude_if_signed(session: so.Session, actor: Actor, contract: Contract) -> None:
    """Once the last party has signed, the contract stands, and the docking is won."""
    if not _all_signed(contract, contract.current):
        return
    contract.concluded_at = actor.now
    contract.current.state = VersionState.IN_FORCE
    contract.current.in_force_at = actor.now
    steps.advance(session, actor, KIND, contract, "conclude")
    dockings.conclude(session, actor, contract)
    _advance_need(session, actor, contract, "contract")


def _advance_need(
    session: so.Session, actor: Actor, contract: Contract, action: str
) -> None:
    """Move the need that the contract answers, if its owner is the buyer.

    Anybody may name a published need in a contract; only its owner's signature says
    that it is answered.
    """
    if contract.need_id is None:
        return
    owner = session.scalar(
        sa.select(Need.owner_org_id).where(Need.id == contract.need_id)
    )
    if owner not in rights.party_orgs(contract, Side.BUYER):
        return
    ready = {
        "contract": (NeedState.POOLED, NeedState.CALLED, NeedState.DOCKING),
        "solve": (NeedState.CONTRACTED,),
        "reopen": (NeedState.CONTRACTED,),
    }[action]
    state = session.scalar(sa.select(Need.state).where(Need.id == contract.need_id))
    if state in ready:
        machine = actors.system(actor.now, request_id=actor.request_id)
        needs.advance(session, machine, contract.need_id, action)


def _reopen_need(move: _Move) -> None:
    """Bring a need back to the market that no other contract answers."""
    contract = move.contract
    others = (
        sa.select(Contract.id)
        .join(ContractParty, ContractParty.contract_id == Contract.id)
        .join(Need, Need.id == Contract.need_id)
        .where(
            Contract.need_id == contract.need_id,
            Contract.id != contract.id,
            Contract.state.in_(EXECUTED),
            ContractParty.side == Side.BUYER,
            ContractParty.org_id == Need.owner_org_id,
        )
    )
    if move.session.scalar(others.limit(1)) is None:
        _advance_need(move.session, move.actor, contract, "reopen")


def _take_effect(move: _Move) -> None:
    contract = move.contract
    day = _day(move, "effective_on", contract.signed_on)
    if contract.signed_on is not None and day < contract.signed_on:
        raise Invalid.at(
            "/effective_on",
            "before_signing",
            "不能早于签订日期",
            "lies before the day of signing",
        )
    contract.effective_on = day
    move.changes = events.difference({}, {"effective_on": day})


def _day(move: _Move, name: str, default: date | None) -> date:
    """Read a day that is not ahead; today or a default if none came."""
    reader = Reader(move.session, move.actor.today)
    day = reader.day(move.given.get(name), f"/{name}") or default or move.actor.today
    if day > move.actor.today:
        reader.wrong(f"/{name}", "in_the_future", "不能晚于今天", "lies ahead")
    reader.refuse()
    return day


def _complete(move: _Move) -> None:
    """The buyer or the seller says that everything was delivered and accepted."""
    day = _day(move, "completed_on", None)
    _not_before(day, "completed_on", move.contract.effective_on)
    move.contract.completed_on = day
    move.changes = events.difference({}, {"completed_on": move.contract.completed_on})
    _advance_need(move.session, move.actor, move.contract, "solve")


def _rescind(move: _Move) -> None:
    """Rescind; by agreement it takes somebody of each side."""
    ground = steps.coded(
        move.session,
        move.actor,
        move.given.get("ground"),
        "rescission_ground",
        "ground",
        Text("请选择依据", "say on which ground"),
    )
    contract = move.contract
    org = str(move.step.grant.org_id)
    side = _side_of(contract, move.step.grant.org_id)
    day = _day(move, "rescinded_on", None)
    _not_before(day, "rescinded_on", contract.signed_on)
    asked = contract.rescission
    if ground == AGREED and asked.get("side", side) == side:
        contract.rescission = {"org": org, "side": side.value, "ground": ground}
        move.stays = True
    else:
        contract.rescinded_on = day
        contract.rescission = {
            **asked,
            "ground": ground,
            "by": org,
            "reason": move.step.comment,
        }
        _reopen_need(move)
    move.changes = events.difference({}, {"ground": ground})


def _side_of(contract: Contract, org_id: UUID | None) -> Side:
    """Return the side on which a unit stands."""
    return next(party.side for party in contract.parties if party.org_id == org_id)


def _not_before(day: date, name: str, first: date | None) -> None:
    """Refuse a day that lies before the one on which the matter began."""
    if first is not None and day < first:
        text = Text("不能早于 {day}", "lies before {day}").format(day=first)
        raise Invalid(errors=[FieldError(f"/{name}", "too_early", text)])


def _annul(move: _Move) -> None:
    document = document_of(move.session, move.actor, move.given)
    _reopen_need(move)
    move.changes = events.difference({}, {"document": document})


def document_of(session: so.Session, actor: Actor, given: Mapping[str, Any]) -> str:
    """Return the document on which an official rests a step.

    Raises
    ------
    Invalid
        None was named.
    """
    reader = Reader(session, actor.today)
    document = reader.words(given.get("document"), "/document", 200)
    if not document:
        reader.wrong("/document", "required", "须填写依据文件", "name the document")
    reader.refuse()
    return document


_DOING: Mapping[str, Callable[[_Move], None]] = {
    "sign": _sign,
    "withdraw-signature": _withdraw_signature,
    "take-effect": _take_effect,
    "complete": _complete,
    "rescind": _rescind,
    "annul": _annul,
}


def _owe(session: so.Session, actor: Actor, contract: Contract) -> None:
    """Say who has to sign, to confirm or to pay, and by when."""
    over = contract.state not in DRAFTED | BOUND
    duties.close(
        session,
        actor,
        kind="contract",
        subject_id=contract.id,
        steps=("sign-contract", "take-effect") + (("sign-amendment",) if over else ()),
    )
    owe_instalment(session, actor, contract)
    rule = rules.in_force(session, "contract.duties", on=actor.today).value
    waiting: list[ContractParty] = []
    step, days = "sign-contract", int(rule["sign"])
    if contract.state in DRAFTED and contract.current.signatures:
        waiting = _unsigned(contract, contract.current)
    elif contract.state in CONCLUDED:
        waiting = [p for p in contract.parties if p.side is Side.SELLER]
        step, days = "take-effect", int(rule["take_effect"])
    due_on = duties.promise(session, actor, days)
    for party in waiting:
        _owe_step(
            session, actor, contract, party, step, due_on, int(rule["remind_before"])
        )


def _unsigned(contract: Contract, version: ContractVersion) -> list[ContractParty]:
    """Return the registered parties that have not signed a version."""
    signed = {s.org_id for s in version.signatures}
    return [p for p in contract.parties if p.org_id not in signed]


def owe_instalment(session: so.Session, actor: Actor, contract: Contract) -> None:
    """Have the earliest instalment owed that is due a day and not yet paid.

    The buyer owes it; if none is registered here, the seller, who records it. What is
    owed already stays as it is, or its reminders would begin anew.
    """
    row = _open_instalment(session, contract)
    due_on = row["due_on"] if row else None
    payers = rights.party_orgs(contract, Side.BUYER) or rights.party_orgs(
        contract, Side.SELLER
    )
    owing = {Whom(org_id=org_id).key for org_id in payers} if row else set()
    standing = set()
    for duty in session.scalars(
        sa.select(Duty).where(
            Duty.subject_kind == "contract",
            Duty.subject_id == contract.id,
            Duty.step == "pay",
            Duty.closed_at.is_(None),
        )
    ):
        if duty.addressee in owing and duty.due_on == due_on:
            standing.add(duty.org_id)
        else:
            duty.closed_at, duty.outcome = actor.now, duties.DONE
    session.flush()
    if due_on is None:
        return
    rule = rules.in_force(session, "contract.duties", on=actor.today).value
    for party in contract.parties:
        if party.org_id in set(payers) - standing:
            _owe_step(
                session,
                actor,
                contract,
                party,
                "pay",
                due_on,
                int(rule["remind_before"]),
            )


def _open_instalment(session: so.Session, contract: Contract) -> Values | None:
    if contract.state not in REGISTRABLE:
        return None
    plan = payment_plans.instalments(session, contract)
    return min(
        (row for row in plan if row["open_yuan"] > 0 and row["due_on"]),
        key=lambda row: (row["due_on"], row["number"]),
        default=None,
    )


def _owe_step(
    session: so.Session,
    actor: Actor,
    contract: Contract,
    party: ContractParty,
    step: str,
    due_on: date,
    remind_before: int,
) -> None:
    """Have a registered party owe something of a contract; a broker does it himself."""
    if party.org_id is None:
        return
    role = Role.BROKER if party.side is Side.BROKER else None
    duties.open_(
        session,
        actor,
        Whom(org_id=party.org_id, role=role),
        step,
        kind="contract",
        subject_id=contract.id,
        title=contract.title,
        number=contract.contract_no,
        due_on=due_on,
        remind_before=remind_before,
    )


def amend(
    session: so.Session,
    actor: Actor,
    contract_id: UUID,
    data: Mapping[str, Any],
    *,
    expected: str | None = None,
) -> ContractVersion:
    """Propose a change of what was agreed; it holds once every party has signed it.

    Parameters
    ----------
    data : mapping
        ``reason_kind`` (code), ``reason``, ``changes`` (fields of the content).

    Raises
    ------
    NotFound, Unauthenticated, Forbidden, Stale, Invalid
    Conflict
        Another amendment waits for signatures, or the contract is not in force.
    """
    contract = steps.get(session, actor, KIND, contract_id, lock=True)
    grant = policies.require(actor, "amend", contract, rights.CONTRACT_RULES)
    steps.require_revision(contract, expected)
    if contract.state not in BOUND:
        raise kind_refusal(actor, contract, "amend")
    if proposed(session, contract) is not None:
        raise Conflict(
            Text("已有一份变更待签", "another amendment waits for signatures")
        )
    reader = Reader(session, actor.today)
    reason_kind = reader.code(
        data.get("reason_kind"), "/reason_kind", "amendment_reason", None
    )
    reason = reader.words(data.get("reason"), "/reason", 2000)
    if reason_kind is None:
        reader.wrong("/reason_kind", "required", "请选择原因", "say why, by a code")
    if not reason:
        reader.wrong("/reason", "required", "请说明理由", "say why")
    reader.refuse()
    before = contract_contents.values_of(contract.current)
    after = _read(session, actor, contract.created_for, before, data["changes"])
    _check_amendment(session, actor, contract, before, after)
    last = session.scalar(
        sa.select(sa.func.max(ContractVersion.number)).where(
            ContractVersion.contract_id == contract.id
        )
    )
    version = ContractVersion(
        contract_id=contract.id,
        number=(last or 0) + 1,
        state=VersionState.PROPOSED,
        content=events.plain(after),
        reason_kind=reason_kind,
        reason=reason,
        created_at=actor.now,
        created_by=actor.user_id,
        created_for=grant.org_id,
        signatures=[],
    )
    session.add(version)
    steps.touch(contract, actor)
    events.record(
        session,
        actor,
        contract,
        "contract.amend",
        role=grant.role,
        org_id=grant.org_id,
        comment=reason,
        changes=events.difference(before, after),
    )
    session.flush()
    _owe_amendment(session, actor, contract, version)
    return version


def kind_refusal(actor: Actor, contract: Contract, action: str) -> Exception:
    """Make the refusal of something that the contract's state does not offer."""
    return steps.refused(actor, KIND, contract, action)


def _check_amendment(
    session: so.Session,
    actor: Actor,
    contract: Contract,
    before: Values,
    after: Values,
) -> None:
    """Refuse a change of nothing, of the parties' identity, or below what was paid."""
    reader = Reader(session, actor.today)
    if before == after:
        reader.wrong("/changes", "nothing_changes", "没有变更内容", "changes nothing")
    if _identities(before) != _identities(after):
        reader.wrong(
            "/parties",
            "other_parties",
            "变更协议不能更换当事人，请另签合同",
            "an amendment does not exchange the parties; that takes another contract",
        )
    contract_contents.check_complete(reader, after)
    _not_ahead(reader, actor, after)
    _check_paid(session, reader, contract, after)
    reader.errors = [
        FieldError(
            e.pointer if e.pointer == "/changes" else f"/changes{e.pointer}",
            e.code,
            e.message,
        )
        for e in reader.errors
    ]
    reader.refuse()


def _identities(values: Values) -> list[tuple[str, str]]:
    """Return who the parties are, by what their signatures are known by."""
    return sorted(contract_contents.party_key(party) for party in values["parties"])


def _check_paid(
    session: so.Session, reader: Reader, contract: Contract, after: Values
) -> None:
    """Note amounts that lie below what was paid already."""
    if after["payment_method"] in contract_contents.ROYALTY_METHODS:
        return
    sums = payment_plans.sums(session, contract.id)
    for name, paid in (
        ("total_yuan", sums.net_yuan),
        ("technical_yuan", sums.net_technical_yuan),
    ):
        if after[name] is not None and after[name] < paid:
            reader.wrong(
                f"/{name}",
                "below_what_was_paid",
                "不能低于已收款 {paid}",
                "must not be below what was paid, {paid}",
                paid=paid,
            )


def proposed(session: so.Session, contract: Contract) -> ContractVersion | None:
    """Return the amendment that waits for signatures."""
    return session.scalar(
        sa.select(ContractVersion)
        .where(
            ContractVersion.contract_id == contract.id,
            ContractVersion.state.in_(TO_SIGN),
        )
        .options(so.selectinload(ContractVersion.signatures))
    )


def decide_amendment(
    session: so.Session,
    actor: Actor,
    contract_id: UUID,
    number: int,
    action: str,
    *,
    expected: str | None = None,
    comment: str = "",
    **given: Any,
) -> ContractVersion:
    """Sign or refuse an amendment; with the last signature it is in force.

    Parameters
    ----------
    action : str
        ``sign`` or ``refuse``.

    Raises
    ------
    NotFound, Unauthenticated, Forbidden, Stale, Invalid, Conflict
    """
    contract = steps.get(session, actor, KIND, contract_id, lock=True)
    rule = f"{action}-amendment"
    grant = policies.require(actor, rule, contract, rights.CONTRACT_RULES)
    steps.require_revision(contract, expected)
    version = proposed(session, contract)
    if version is None or version.number != number:
        known = session.scalar(
            sa.select(ContractVersion.id).where(
                ContractVersion.contract_id == contract.id,
                ContractVersion.number == number,
            )
        )
        if known is None:
            raise NotFound
        raise Conflict(Text("该变更不在待签状态", "it does not wait for signatures"))
    if contract.state not in BOUND:
        raise kind_refusal(actor, contract, rule)
    row: Transition[Any] = KIND.workflow.transitions[0]
    move = _Move(
        session,
        actor,
        contract,
        steps.Step(contract, grant, row, comment.strip()),
        given,
        {},
    )
    if action == "refuse":
        if not comment.strip():
            raise Invalid.at("/comment", "required", "请说明理由", "say why")
        version.state = VersionState.REFUSED
        move.changes = events.difference({}, {"refused": version.number})
    else:
        _still_above_paid(session, actor, contract, version)
        _put_signature(move, version)
    steps.touch(contract, actor)
    events.record(
        session,
        actor,
        contract,
        f"contract.{rule}",
        role=grant.role,
        org_id=grant.org_id,
        comment=comment.strip(),
        changes=move.changes,
    )
    duties.close(
        session,
        actor,
        kind="contract",
        subject_id=contract.id,
        steps=("sign-amendment",),
    )
    if version.state in TO_SIGN:
        if _all_signed(contract, version):
            _put_in_force(session, actor, contract, version)
            _owe(session, actor, contract)
        else:
            _owe_amendment(session, actor, contract, version)
    session.flush()
    return version


def _still_above_paid(
    session: so.Session, actor: Actor, contract: Contract, version: ContractVersion
) -> None:
    """Refuse to sign what payments have overtaken since it was proposed."""
    reader = Reader(session, actor.today)
    _check_paid(session, reader, contract, contract_contents.values_of(version))
    if reader.errors:
        raise Conflict(
            Text(
                "提出变更后又有收款，变更后的金额已低于已收款，请重新提出变更",
                "payments since have made its amounts lie below what was paid;"
                " refuse it and propose another",
            )
        )


def _let_amendment_lapse(session: so.Session, actor: Actor, contract: Contract) -> None:
    """Drop an amendment that waits on a contract which is over."""
    waiting = proposed(session, contract)
    if waiting is None:
        return
    waiting.state = VersionState.REFUSED
    events.record(
        session,
        actor,
        contract,
        "contract.amendment-lapsed",
        changes=events.difference({}, {"refused": waiting.number}),
    )
    session.flush()


def _put_in_force(
    session: so.Session, actor: Actor, contract: Contract, version: ContractVersion
) -> None:
    contract.current.state = VersionState.SUPERSEDED
    version.state, version.in_force_at = VersionState.IN_FORCE, actor.now
    session.flush()
    contract.current = version
    _show_in_columns(session, contract, contract_contents.values_of(version))
    events.record(
        session,
        actor,
        contract,
        "contract.amended",
        changes=events.difference({}, {"version": version.number}),
    )


def _owe_amendment(
    session: so.Session, actor: Actor, contract: Contract, version: ContractVersion
) -> None:
    rule = rules.in_force(session, "contract.duties", on=actor.today).value
    due_on = duties.promise(session, actor, int(rule["sign"]))
    remind_before = int(rule["remind_before"])
    for party in _unsigned(contract, version):
        _owe_step(
            session, actor, contract, party, "sign-amendment", due_on, remind_before
        )


def versions(session: so.Session, actor: Actor, contract_id: UUID) -> list[Values]:
    """List the versions of a contract, what each changed and who signed it."""
    contract = get(session, actor, contract_id)
    found = session.scalars(
        sa.select(ContractVersion)
        .where(ContractVersion.contract_id == contract.id)
        .options(so.selectinload(ContractVersion.signatures))
        .order_by(ContractVersion.number)
    ).all()
    shown = []
    before: Mapping[str, Any] = {}
    for version in found:
        changes = events.difference(before, version.content) if before else {}
        shown.append({**show_version(version), "changes": changes})
        if version.state in HELD:
            before = version.content
    return shown


def show_version(version: ContractVersion) -> Values:
    """Show a version without its content."""
    names = ("number", "state", "reason_kind", "reason", "created_at", "in_force_at")
    return {
        **{name: getattr(version, name) for name in names},
        "created_for": version.created_for,
        "signatures": [_show_signature(s) for s in version.signatures],
    }


def _show_signature(signature: ContractSignature) -> Values:
    names = ("side", "org_id", "signer", "signed_on", "recorded_at", "attachment_id")
    return {
        **{name: getattr(signature, name) for name in names},
        "digest": signature.digest,
    }


def search(session: so.Session, actor: Actor, **filters: Any) -> Listing[Values]:
    """List the contracts that the caller may know of.

    Parameters
    ----------
    state, contract_class, need_id, offer_id, docking_id, mine, q : optional
    """
    statement = (
        sa.select(Contract)
        .where(rights.visible_contracts(actor))
        .options(so.selectinload(Contract.parties))
    )
    for name in ("state", "need_id", "offer_id", "docking_id"):
        if filters.get(name) is not None:
            statement = statement.where(getattr(Contract, name) == filters[name])
    if filters.get("contract_class"):
        of_class = Contract.contract_class.startswith(
            filters["contract_class"], autoescape=True
        )
        statement = statement.where(of_class)
    for word in contents.fold(filters.get("q") or "").split():
        statement = statement.where(
            sa.or_(
                sa.func.lower(Contract.title).contains(word, autoescape=True),
                sa.func.lower(Contract.contract_no).contains(word, autoescape=True),
            )
        )

    def show(rows: Sequence[sa.Row[*tuple[Any, ...]]]) -> list[Values]:
        return [brief(row[0]) for row in rows]

    return Listing(
        session,
        statement,
        key=Contract.id,
        view=show,
        sorts={"updated": Contract.updated_at},
    )


def brief(contract: Contract) -> Values:
    """Show a contract in a list."""
    return {
        "id": contract.id,
        "contract_no": contract.contract_no,
        "state": contract.state,
        **{name: getattr(contract, name) for name in COLUMNS},
        "parties": [
            {"side": p.side, "organisation_id": p.org_id, "name": p.name}
            for p in contract.parties
        ],
        "need_id": contract.need_id,
        "offer_id": contract.offer_id,
        "docking_id": contract.docking_id,
        "effective_on": contract.effective_on,
        "created_at": contract.created_at,
        "updated_at": contract.updated_at,
    }


def view(session: so.Session, actor: Actor, contract: Contract) -> Values:
    """Show a contract with its content and what the caller may do now."""
    waiting = proposed(session, contract)
    return {
        **brief(contract),
        "content": contract_contents.values_of(contract.current),
        "version": contract.current.number,
        "signatures": [_show_signature(s) for s in contract.current.signatures],
        "proposed_version": waiting.number if waiting else None,
        "completed_on": contract.completed_on,
        "rescinded_on": contract.rescinded_on,
        "rescission": contract.rescission or None,
        "actions": steps.links(
            actor,
            KIND,
            contract,
            contract.id,
            is_open=lambda action: _waits_for(session, actor, contract, action),
        ),
    }


def _waits_for(
    session: so.Session, actor: Actor, contract: Contract, action: str
) -> bool:
    """Whether a step that the caller may take has anything to do for him."""
    mine = rights.signing_orgs(actor, contract)
    signatures = contract.current.signatures
    if action == "sign":
        docking = session.get(Docking, contract.docking_id or new_id())
        if docking is not None and dockings.given_up(contract, docking):
            return False
        signed = {(s.side, s.party_key) for s in signatures}
        return any(
            (p.side, str(p.org_id or p.name)) not in signed
            for p in contract.parties
            if p.org_id is None or p.org_id in mine
        )
    if action == "withdraw-signature":
        return any(_unit_of(session, s) in mine for s in signatures)
    return True


def history(session: so.Session, actor: Actor, contract_id: UUID) -> Listing[Values]:
    """List what happened to a contract, oldest first.

    Officials read on from the day on which it was concluded: how the parties came to
    terms is their own affair.
    """
    contract = get(session, actor, contract_id)
    since = None if rights.insider(actor, contract) else contract.concluded_at
    return steps.history(session, "contract", contract.id, since=since)
