"""Dockings 产学研对接: opened from a match, answered in time, signed or lost."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace import policies
from marketplace import thread_policies as rights
from marketplace.domain import actors
from marketplace.domain.actors import Actor, Standing
from marketplace.domain.conflicts import Purpose
from marketplace.domain.contracts import DRAFTED, EXECUTED, Side
from marketplace.domain.dockings import (
    ASKED,
    DISCLOSING,
    DOCKING_WORKFLOW,
    GIVEN_UP,
    INTERESTED,
    OPEN,
    RECOMMENDED,
    SIDES,
    SIGNED,
    STAYING,
    UNSHOWN,
    WON,
    DockingSide,
    DockingState,
)
from marketplace.domain.needs import GONE as NEED_GONE
from marketplace.domain.needs import IN_DOCKING, NeedState
from marketplace.domain.needs import LISTED as IN_LIBRARY
from marketplace.domain.offers import GONE as OFFER_GONE
from marketplace.domain.offers import MATCHABLE
from marketplace.domain.roles import Role
from marketplace.errors import (
    Conflict,
    FieldError,
    Forbidden,
    Invalid,
    NotFound,
    Stale,
    Text,
)
from marketplace.models.attachments import Attachment
from marketplace.models.contracts import (
    Contract,
    ContractSignature,
    ContractVersion,
)
from marketplace.models.dockings import (
    Docking,
    DockingMeeting,
    DockingNda,
    DockingProposal,
    NdaAcceptance,
)
from marketplace.models.duties import Duty
from marketplace.models.needs import Need
from marketplace.models.offers import Offer
from marketplace.models.users import User
from marketplace.services import (
    calendars,
    conflicts,
    contents,
    docking_duties,
    docking_notices,
    docking_talks,
    duties,
    events,
    matches,
    needs,
    offers,
    rules,
    serials,
    steps,
    trials,
)
from marketplace.services.duties import Whom
from marketplace.services.fields import (
    Amount,
    Code,
    Day,
    Field,
    Flag,
    Lines,
    Reader,
    Words,
    thawed,
)
from marketplace.services.indexes import MatchIndex
from marketplace.services.paging import Listing

Values = dict[str, Any]
MOST_NDA = 20_000
PATH = "/api/v1/dockings"
TERMS: tuple[Field, ...] = (
    Words("scope", most=2000),
    Amount("price_yuan"),
    Words("payment", most=500),
    Day("period_from"),
    Day("period_to"),
    Code("ip_owner"),
    Words("rights", most=1000),
    Flag("with_trial"),
    Words("trial", most=1000),
)
"""What two sides bargain about: price, period, rights, trial."""
MEETING: tuple[Field, ...] = (
    Words("place", most=200),
    Flag("is_online"),
    Lines("participants", length=60, most=50),
    Words("content", most=4000),
    Words("next_step", most=500),
    Day("next_on"),
)

TITLED = (
    so.joinedload(Docking.need_org),
    so.joinedload(Docking.offer_org),
    so.joinedload(Docking.need).joinedload(Need.published),
    so.joinedload(Docking.offer).joinedload(Offer.published),
)
"""What is loaded to say between whom a docking is, and about what."""


def _possible(docking: Docking, action: str) -> bool:
    """Whether there is something to accept, or to sign."""
    if action == "sign-nda":
        return bool(docking.ndas)
    if action == "accept-intent":
        return any(p.accepted_at is None for p in docking.proposals[-1:])
    return action != "sign" or any(
        contract.state in EXECUTED and rights.between_both(contract, docking)
        for contract in docking.contracts
    )


KIND: steps.Kind[Docking] = steps.Kind(
    name="docking",
    path=f"{PATH}/{{id}}",
    model=Docking,
    workflow=DOCKING_WORKFLOW,
    rules=rights.DOCKING_RULES,
    visible=rights.visible_dockings,
    options=(
        *TITLED,
        so.selectinload(Docking.ndas),
        so.selectinload(Docking.proposals),
        so.selectinload(Docking.owed),
        so.selectinload(Docking.contracts).selectinload(Contract.parties),
    ),
    staying=STAYING,
    possible=_possible,
)


def open_(
    session: so.Session, actor: Actor, index: MatchIndex, data: Mapping[str, Any]
) -> Docking:
    """Open a docking from a pair; the match as it stands now is kept.

    A side that opens it has said yes by that; of a broker's recommendation both sides
    have to say so.

    Parameters
    ----------
    data : mapping
        ``need_id``, ``offer_id``, ``message``.

    Raises
    ------
    Unauthenticated, Forbidden
    Invalid
        There is no such need or offer for the caller, or it is not on the market.
    Conflict
        The two belong together, or are docking already.
    """
    policies.require_signed_in(actor)
    need, offer = _pair(session, actor, data)
    grant = rights.may_open(actor, need.owner_org_id, offer.owner_org_id)
    if grant is None:
        raise Forbidden(
            Text(
                "只有供需双方和技术经纪人可以发起对接",
                "only the two sides and brokers open a docking",
            )
        )
    if grant.role == Role.BROKER:
        _refuse_to_broker(session, actor, grant, need, offer)
    else:
        _refuse_double(session, need, offer)
        _check_relations(session, actor, need.id, need.owner_org_id, offer.owner_org_id)
    reader = Reader(session, actor.today)
    message = reader.words(data.get("message"), "/message", 1000)
    reader.refuse()
    docking = Docking(
        docking_no=_number(session, actor, need.owner_org.region),
        need_id=need.id,
        offer_id=offer.id,
        need_org_id=need.owner_org_id,
        offer_org_id=offer.owner_org_id,
        opened_by=actor.user_id,
        opened_side=DockingSide.BROKER,
        message=message,
        match=matches.kept_pair(session, index, need, offer) or {},
        state=RECOMMENDED,
        interested=[],
        intent={},
        created_at=actor.now,
        updated_at=actor.now,
    )
    side = rights.side_of(actor, docking) or DockingSide.BROKER
    docking.opened_side = docking.moved_side = side
    if side is DockingSide.BROKER:
        docking.broker_id, docking.broker_org_id = actor.user_id, grant.org_id
    else:
        docking.state, docking.interested = INTERESTED, [side.value]
    session.add(docking)
    session.flush()
    events.record(
        session,
        actor,
        docking,
        "docking.open",
        role=grant.role,
        org_id=grant.org_id,
        to_state=docking.state.value,
        comment=message,
        changes=events.difference(
            {}, {"need_id": need.id, "offer_id": offer.id, "side": side}
        ),
    )
    session.flush()
    docking = get(session, actor, docking.id)
    docking_duties.settle(session, actor, docking)
    docking_talks.taken_up(session, actor, need.id, offer.id)
    docking_notices.asked(session, actor, docking)
    return docking


def _pair(
    session: so.Session, actor: Actor, data: Mapping[str, Any]
) -> tuple[Need, Offer]:
    """Return the published need and offer that the caller names."""
    found: list[Any] = []
    wrong: list[FieldError] = []
    kinds: tuple[tuple[str, Any, Any], ...] = (
        ("need", needs, IN_LIBRARY),
        ("offer", offers, MATCHABLE),
    )
    for name, service, listed in kinds:
        subject: Any
        try:
            subject = service.get(session, actor, data[f"{name}_id"])
        except NotFound:
            subject = None
        absent = subject is None or subject.published is None
        if absent or subject.state not in listed or subject.paused_at is not None:
            text = Text("没有在发布中的此项", "nothing of this name is on the market")
            wrong.append(FieldError(f"/{name}_id", "not_on_the_market", text))
        found.append(subject)
    if wrong:
        raise Invalid(errors=wrong)
    return found[0], found[1]


def _check_relations(
    session: so.Session,
    actor: Actor,
    need_id: UUID,
    need_org_id: UUID,
    offer_org_id: UUID,
) -> None:
    """Refuse relatives; what is only suspected goes to an operator.

    It stands before anything else is written, so that a refusal is kept.

    Raises
    ------
    ConflictOfInterest
    """
    conflicts.require_clear(
        session,
        actor,
        purpose=Purpose.DOCKING,
        subject_kind="need",
        subject_id=need_id,
        left=conflicts.side(units=[need_org_id]),
        right=conflicts.side(units=[offer_org_id]),
    )


def _refuse_to_broker(
    session: so.Session, actor: Actor, grant: policies.Grant, need: Need, offer: Offer
) -> None:
    """Refuse a pair to a broker, without telling him what the two have between them.

    Whether they are talking already, by another broker or by themselves, is their own
    affair, and what is meant for some units only he does not carry to others. A broker
    who belongs to one of the two is marked: such deals do not count in his record.
    """
    own, other = need.owner_org_id, offer.owner_org_id
    try:
        _refuse_double(session, need, offer)
        _refuse_carried_on(session, actor, need, offer)
        _check_relations(session, actor, need.id, own, other)
        for org_id in (own, other):
            _mark_broker(session, actor, grant, need.id, org_id)
    except Conflict:
        raise Conflict(
            Text(
                "目前不能由技术经纪人发起这一对接",
                "a broker cannot bring these two together now",
            )
        ) from None


def _mark_broker(
    session: so.Session,
    actor: Actor,
    grant: policies.Grant,
    need_id: UUID,
    org_id: UUID,
) -> None:
    if grant.org_id is None or actor.user_id is None:
        return
    conflicts.require_clear(
        session,
        actor,
        purpose=Purpose.BROKER,
        subject_kind="need",
        subject_id=need_id,
        left=conflicts.side(units=[grant.org_id], users=[actor.user_id]),
        right=conflicts.side(units=[org_id]),
    )


def _refuse_carried_on(
    session: so.Session, actor: Actor, need: Need, offer: Offer
) -> None:
    """Refuse to show what is targeted to a unit for which it is not meant."""
    to_offer, to_need = (
        Actor(now=actor.now, standings=(Standing(org_id, frozenset()),))
        for org_id in (offer.owner_org_id, need.owner_org_id)
    )
    shown = (
        sa.select(Need.id).where(Need.id == need.id, policies.library_needs(to_offer)),
        sa.select(Offer.id).where(
            Offer.id == offer.id, policies.market_offers(to_need)
        ),
    )
    if any(session.scalar(statement) is None for statement in shown):
        raise Conflict(Text("该发布不向对方公开", "not meant for the other unit"))


def _refuse_double(session: so.Session, need: Need, offer: Offer) -> None:
    there = session.scalar(
        sa.select(Docking.docking_no).where(
            Docking.need_id == need.id,
            Docking.offer_id == offer.id,
            Docking.state.not_in(GIVEN_UP),
        )
    )
    if there is not None:
        raise Conflict(
            Text("双方已在对接中：{no}", "they are docking already: {no}").format(
                no=there
            )
        )


def _number(session: so.Session, actor: Actor, region: str) -> str:
    year = actor.today.year
    number = serials.next_number(session, f"docking:{year}:{region}")
    return f"K{year}-{region}-{number:04d}"


def get(session: so.Session, actor: Actor, docking_id: UUID) -> Docking:
    """Return a docking that the caller may know of.

    Raises
    ------
    NotFound
    """
    return steps.get(session, actor, KIND, docking_id)


@dataclass(slots=True)
class _Move:
    """A step on its way, for the functions that know what it does."""

    session: so.Session
    actor: Actor
    docking: Docking
    side: DockingSide
    comment: str
    given: Mapping[str, Any]
    changes: dict[str, Any]
    target: DockingState | None = None


def act(
    session: so.Session,
    actor: Actor,
    docking_id: UUID,
    action: str,
    *,
    expected: str | None = None,
    comment: str = "",
    **given: Any,
) -> Docking:
    """Take one step of a docking.

    Parameters
    ----------
    given
        ``reason`` (code) for ``decline`` and ``lose``; ``meeting``; ``text`` or
        ``attachment_id`` for ``propose-nda``; ``nda_version``; ``terms``; ``number``
        of the proposal for ``accept-intent``; ``contract_id`` for ``sign``.

    Raises
    ------
    NotFound, Unauthenticated, Forbidden, IllegalTransition, Stale, Invalid, Conflict
    """
    step = steps.begin(
        session,
        actor,
        KIND,
        docking_id,
        action,
        expected=expected,
        comment=comment,
        given=given,
    )
    side = rights.side_of(actor, step.subject)
    assert side is not None  # noqa: S101 - the rules of every action ask for a side
    move = _Move(session, actor, step.subject, side, step.comment, given, {})
    doing = _DOING.get(action)
    if doing is not None:
        doing(move)
    docking = steps.finish(
        session, actor, KIND, step, changes=move.changes, target=move.target
    )
    docking_notices.moved(session, actor, docking, action, side)
    _settle(session, actor, docking, action, side)
    return docking


def _say_yes(move: _Move) -> None:
    """Agree to talk, unless the two have become related since they were asked."""
    docking = move.docking
    if docking.need.state in NEED_GONE or docking.offer.state in OFFER_GONE:
        raise Conflict(
            Text(
                "需求或成果已退出市场，不能再同意对接",
                "the need or the offer has left the market since",
            )
        )
    _check_relations(
        move.session,
        move.actor,
        docking.need_id,
        docking.need_org_id,
        docking.offer_org_id,
    )
    docking.interested = [*docking.interested, move.side.value]
    docking.moved_side = move.side


def _lose(move: _Move) -> None:
    """Give the talks up, unless the contract is being signed.

    It would go through, and what came of the docking would be told wrongly.
    """
    begun = move.session.scalar(
        sa.select(Contract.contract_no)
        .join(ContractVersion, ContractVersion.contract_id == Contract.id)
        .join(ContractSignature, ContractSignature.version_id == ContractVersion.id)
        .where(
            Contract.docking_id == move.docking.id,
            policies.one_of(Contract.state, DRAFTED),
        )
        .limit(1)
    )
    if begun is not None:
        raise Conflict(
            Text(
                "合同 {no} 已有一方签署，须先撤回签署再终止对接",
                "contract {no} carries a signature; take it back before giving up",
            ).format(no=begun)
        )
    _give_up(move)


def _give_up(move: _Move) -> None:
    """Keep the coded reason, which the other side reads."""
    reason = steps.coded(
        move.session,
        move.actor,
        move.given.get("reason"),
        "decline_reason",
        "reason",
        Text("请选择原因", "say why, by a code"),
    )
    if reason in BY_SYSTEM:
        raise Invalid.at(
            "/reason", "not_for_people", "此原因由系统填写", "only the system sets it"
        )
    if reason == "other" and not move.comment:
        raise Invalid.at("/comment", "required", "请用一句话说明", "say it in a line")
    docking = move.docking
    docking.lost_reason, docking.lost_comment = reason, move.comment
    docking.lost_side = docking.moved_side = move.side
    move.changes = events.difference({}, {"reason": reason, "side": move.side})


NO_REPLY, OFF_MARKET, CONTRACT_ENDED = "no-reply", "off-market", "contract-ended"
BY_SYSTEM = frozenset({NO_REPLY, OFF_MARKET, CONTRACT_ENDED})


def _log_meeting(move: _Move) -> None:
    reader = Reader(move.session, move.actor.today)
    given = move.given.get("meeting")
    if not isinstance(given, Mapping):
        raise Invalid.at("/meeting", "required", "请填写会谈记录", "say what was held")
    values = {
        field.name: field.read(reader, given.get(field.name), None) for field in MEETING
    }
    starts, ends = given.get("starts_at"), given.get("ends_at")
    if not isinstance(starts, datetime):
        reader.wrong("/starts_at", "required", "请填写开始时间", "say when it began")
    elif ends is None:
        ends = starts + timedelta(hours=1)
    elif ends <= starts:
        reader.wrong("/ends_at", "dates_reversed", "结束应晚于开始", "ends too early")
    next_side = given.get("next_side")
    if next_side is not None and next_side not in list(DockingSide):
        reader.wrong("/next_side", "unknown_side", "没有此方", "there is no such side")
    elif next_side and rights.org_of(move.docking, DockingSide(next_side)) is None:
        reader.wrong(
            "/next_side",
            "no_broker",
            "本次对接没有技术经纪人",
            "this docking has no broker",
        )
    if (values["next_on"] is not None or next_side) and not values["next_step"]:
        reader.wrong("/next_step", "required", "请填写下一步", "say what comes next")
    if values["next_on"] is not None and values["next_on"] < move.actor.today:
        reader.wrong("/next_on", "in_the_past", "不能早于今天", "lies in the past")
    reader.errors = [
        FieldError(f"/meeting{e.pointer}", e.code, e.message) for e in reader.errors
    ]
    reader.refuse()
    meeting = DockingMeeting(
        docking_id=move.docking.id,
        logged_at=move.actor.now,
        logged_by=move.actor.user_id,
        side=move.side,
        starts_at=starts,
        ends_at=ends,
        next_side=DockingSide(next_side) if next_side else None,
        **values,
    )
    move.session.add(meeting)
    move.session.flush()
    move.changes = events.difference({}, {"meeting_id": meeting.id})


def _propose_nda(move: _Move) -> None:
    """Put a text or a file before both sides; an earlier one holds until accepted."""
    reader = Reader(move.session, move.actor.today)
    text = reader.words(move.given.get("text"), "/text", MOST_NDA)
    file = _own_file(move, reader, move.given.get("attachment_id"))
    if not text and file is None and not reader.errors:
        reader.wrong(
            "/text", "required", "请填写正文或上传文件", "give a text or a file"
        )
    reader.refuse()
    docking = move.docking
    number = 1 + len(docking.ndas)
    digest = hashlib.sha256(f"{text}\n{file.digest if file else ''}".encode())
    docking.ndas.append(
        DockingNda(
            number=number,
            text=text,
            attachment_id=file.id if file else None,
            digest=digest.hexdigest(),
            proposed_side=move.side,
            proposed_by=move.actor.user_id,
            proposed_at=move.actor.now,
        )
    )
    move.changes = events.difference({}, {"nda": number, "digest": digest.hexdigest()})


def _own_file(move: _Move, reader: Reader, given: Any) -> Attachment | None:
    """Return a file of the caller's own unit."""
    attachment_id = reader.reference(given, "/attachment_id")
    if attachment_id is None:
        return None
    file = move.session.get(Attachment, attachment_id)
    if file is None or file.org_id != rights.org_of(move.docking, move.side):
        reader.wrong(
            "/attachment_id",
            "unknown_attachment",
            "没有此附件",
            "there is no such attachment of your unit",
        )
        return None
    return file


def _sign_nda(move: _Move) -> None:
    """Accept the latest version, for oneself; it holds once both sides have someone."""
    session, docking, user_id = move.session, move.docking, move.actor.user_id
    assert user_id is not None  # noqa: S101 - a side is somebody
    latest = docking.ndas[-1]
    if move.given.get("nda_version") != latest.number:
        raise Invalid.at(
            "/nda_version",
            "not_the_latest",
            f"须写明所接受的协议版本，现行为第 {latest.number} 版",
            f"name the version that you accept; the latest is {latest.number}",
        )
    earlier = session.scalar(
        sa.select(NdaAcceptance).where(
            NdaAcceptance.docking_id == docking.id,
            NdaAcceptance.number == latest.number,
            NdaAcceptance.user_id == user_id,
        )
    )
    if earlier is not None and earlier.side is not move.side:
        raise Conflict(
            Text(
                "您已代表另一方接受过本版协议，须由本单位其他人员接受",
                "you have accepted this version for another side; a colleague has to",
            )
        )
    if earlier is None:
        session.add(
            NdaAcceptance(
                docking_id=docking.id,
                number=latest.number,
                user_id=user_id,
                org_id=rights.org_of(docking, move.side),
                side=move.side,
                accepted_at=move.actor.now,
            )
        )
        session.flush()
    if docking_duties.accepted_by(session, docking, latest.number) == set(SIDES):
        docking.nda_number = latest.number
        unshown = docking.state in UNSHOWN
        move.target = DockingState.NDA if unshown else docking.state
    else:
        move.target = docking.state
    move.changes = events.difference({}, {"nda": latest.number, "side": move.side})


def _propose_terms(move: _Move) -> None:
    reader = Reader(move.session, move.actor.today)
    given = move.given.get("terms")
    if not isinstance(given, Mapping) or not given:
        raise Invalid.at("/terms", "required", "请填写方案", "say on which terms")
    terms = {
        field.name: field.read(reader, given.get(field.name), None) for field in TERMS
    }
    contents.in_order(reader, terms, "period_from", "period_to")
    if not reader.errors and not any(map(_is_said, terms.values())):
        reader.wrong("", "required", "请至少填写一项条件", "say at least one term")
    reader.errors = [
        FieldError(f"/terms{e.pointer}", e.code, e.message) for e in reader.errors
    ]
    reader.refuse()
    number = 1 + len(move.docking.proposals)
    move.docking.proposals.append(
        DockingProposal(
            number=number,
            side=move.side,
            proposed_by=move.actor.user_id,
            proposed_at=move.actor.now,
            terms=events.plain(terms),
        )
    )
    move.docking.moved_side = move.side
    move.changes = events.difference({}, {"proposal": number, **terms})


def _is_said(value: Any) -> bool:
    """Whether a term says something; that something costs nothing does."""
    return bool(value) or isinstance(value, Decimal)


def _accept_terms(move: _Move) -> None:
    """Accept the other side's latest proposal, which thereby becomes the intent."""
    latest = move.docking.proposals[-1]
    if move.given.get("number") != latest.number:
        raise Invalid.at(
            "/number",
            "not_the_latest",
            f"须写明所接受的方案，最新为第 {latest.number} 稿",
            f"name the proposal that you accept; the latest is {latest.number}",
        )
    latest.accepted_at, latest.accepted_by = move.actor.now, move.actor.user_id
    docking = move.docking
    docking.intent = {"number": latest.number, **latest.terms}
    docking.intent_amount_yuan = thawed(TERMS, latest.terms)["price_yuan"]
    docking.intent_signed_on = move.actor.today
    docking.moved_side = move.side
    move.changes = events.difference({}, {"intent": latest.number})


def _sign(move: _Move) -> None:
    """Link the signed contract: only that counts as success."""
    reader = Reader(move.session, move.actor.today)
    contract_id = reader.reference(move.given.get("contract_id"), "/contract_id")
    reader.refuse()
    contract = move.session.scalar(
        sa.select(Contract)
        .where(
            Contract.id == contract_id,
            Contract.docking_id == move.docking.id,
            Contract.state.in_(EXECUTED),
        )
        .options(so.selectinload(Contract.parties))
    )
    if contract is None or not rights.between_both(contract, move.docking):
        raise Invalid.at(
            "/contract_id",
            "unknown_contract",
            "没有由本次对接产生且已签订的此合同",
            "there is no signed contract of this docking with this id",
        )
    move.docking.contract_id = contract.id
    move.changes = events.difference({}, {"contract_id": contract.id})


_DOING: Mapping[str, Callable[[_Move], None]] = {
    "express-interest": _say_yes,
    "accept": _say_yes,
    "decline": _give_up,
    "lose": _lose,
    "log-meeting": _log_meeting,
    "propose-nda": _propose_nda,
    "sign-nda": _sign_nda,
    "propose-intent": _propose_terms,
    "accept-intent": _accept_terms,
    "sign": _sign,
}


def conclude(session: so.Session, actor: Actor, contract: Contract) -> None:
    """Close the docking of a contract that all parties have signed."""
    if contract.docking_id is None:
        return
    docking = session.get(Docking, contract.docking_id, with_for_update=True)
    if docking is None or docking.state not in OPEN:
        return
    if not rights.between_both(contract, docking):
        return
    before = docking.state
    docking.state, docking.contract_id = SIGNED, contract.id
    steps.touch(docking, actor)
    events.record(
        session,
        actor,
        docking,
        "docking.sign",
        from_state=before.value,
        to_state=SIGNED.value,
        changes=events.difference({}, {"contract_id": contract.id}),
    )
    duties.close(session, actor, kind="docking", subject_id=docking.id)
    session.flush()


def contract_ended(session: so.Session, actor: Actor, contract: Contract) -> None:
    """End the docking of a contract that holds no more, so that the pair may try again.

    It stays won as long as another contract of the two stands.
    """
    docking = _locked(session, contract)
    if docking is None or docking.state not in WON:
        return
    others = session.scalars(
        sa.select(Contract)
        .where(
            Contract.docking_id == docking.id,
            Contract.id != contract.id,
            policies.one_of(Contract.state, EXECUTED),
        )
        .options(so.selectinload(Contract.parties))
    ).all()
    if any(rights.between_both(other, docking) for other in others):
        return
    machine = actors.system(actor.now, request_id=actor.request_id)
    _end(session, machine, docking, "contract-end", CONTRACT_ENDED, [])
    trials.lapse(session, machine, docking)


def require_not_lost(session: so.Session, contract: Contract) -> None:
    """Refuse the contract of two whose docking has been given up.

    Raises
    ------
    Conflict
    """
    docking = _locked(session, contract)
    if docking is not None and given_up(contract, docking):
        raise Conflict(
            Text(
                "对接 {no} 已终止，须重新对接后另行拟订合同",
                "docking {no} was given up; open a new one and draw up a contract"
                " from that",
            ).format(no=docking.docking_no)
        )


def given_up(contract: Contract, docking: Docking) -> bool:
    """Whether a contract would be the success of a docking that has come to nothing."""
    return docking.state in GIVEN_UP and rights.between_both(contract, docking)


def _locked(session: so.Session, contract: Contract) -> Docking | None:
    """Return the docking of a contract as it stands now, for a step of the contract."""
    return session.scalar(
        sa.select(Docking)
        .where(Docking.id == contract.docking_id)
        .options(*TITLED)
        .with_for_update(of=Docking)
        .execution_options(populate_existing=True)
    )


def _settle(
    session: so.Session, actor: Actor, docking: Docking, action: str, side: DockingSide
) -> None:
    """Put what follows from a step into effect: the need's state, and who owes what."""
    machine = actors.system(actor.now, request_id=actor.request_id)
    if docking.state in OPEN - {RECOMMENDED, INTERESTED}:
        _dock_need(session, machine, docking)
    elif docking.state in GIVEN_UP:
        trials.lapse(session, actor, docking)
        _undock_need(session, machine, docking)
    docking_duties.settle(session, actor, docking, action, side)


def _dock_need(session: so.Session, machine: Actor, docking: Docking) -> None:
    state = session.scalar(sa.select(Need.state).where(Need.id == docking.need_id))
    if state in (NeedState.POOLED, NeedState.CALLED):
        needs.advance(session, machine, docking.need_id, "dock")


def _undock_need(session: so.Session, machine: Actor, docking: Docking) -> None:
    """A need with which nobody talks any more is open to everybody again."""
    state = session.scalar(sa.select(Need.state).where(Need.id == docking.need_id))
    others = session.scalar(
        sa.select(sa.func.count()).where(
            Docking.need_id == docking.need_id,
            Docking.id != docking.id,
            Docking.state.in_(OPEN - {RECOMMENDED, INTERESTED}),
        )
    )
    if state in IN_DOCKING and not others:
        needs.advance(session, machine, docking.need_id, "undock")


def expire_due(session: so.Session, actor: Actor, *, batch: int = 100) -> int:
    """Let requests lapse some days after the promised one; returns how many.

    A listing whose owner let several of them lapse is paused.

    Parameters
    ----------
    actor : Actor
        The system's.
    """
    rule = rules.in_force(session, "docking.reply_days", on=actor.today).value
    last = calendars.working_calendar(session).last_before(
        actor.today, int(rule["lapse_after"])
    )
    count = 0
    while True:
        due = session.scalars(
            sa.select(Docking)
            .where(
                Docking.state.in_((RECOMMENDED, INTERESTED)),
                sa.exists().where(
                    Duty.subject_kind == "docking",
                    Duty.subject_id == Docking.id,
                    Duty.step == "answer",
                    Duty.closed_at.is_(None),
                    Duty.due_on < last,
                ),
            )
            .order_by(Docking.id)
            .limit(batch)
            .options(*TITLED)
            .with_for_update(of=Docking, skip_locked=True)
        ).all()
        for docking in due:
            _expire(session, actor, docking)
        count += len(due)
        if len(due) < batch:
            return count


def _expire(session: so.Session, actor: Actor, docking: Docking) -> None:
    silent = docking_duties.undecided(docking)
    _end(session, actor, docking, "expire", NO_REPLY, silent)
    for side in silent:
        _pause_if_silent(session, actor, docking, side)


def _end(
    session: so.Session,
    actor: Actor,
    docking: Docking,
    action: str,
    reason: str,
    sides: Sequence[DockingSide],
) -> None:
    """End a docking in the system's name, and tell of it.

    Parameters
    ----------
    sides : sequence of DockingSide
        Those with whom the reason lies.
    """
    docking.lost_reason = reason
    docking.lost_side = sides[0] if len(sides) == 1 else None
    told = {"reason": reason, "sides": [side.value for side in sides]}
    changes = events.difference({}, told)
    steps.advance(session, actor, KIND, docking, action, changes=changes)
    outcome = duties.EXPIRED if reason == NO_REPLY else duties.DROPPED
    duties.close(session, actor, kind="docking", subject_id=docking.id, outcome=outcome)
    docking_notices.ended(session, actor, docking)


def take_leave(session: so.Session, actor: Actor, kind: str, listing_id: UUID) -> int:
    """End what was asked of a listing that has left the market; returns how many.

    Who talks about it already is told, and decides himself.

    Parameters
    ----------
    actor : Actor
        The system's.
    kind : str
        ``need`` or ``offer``.
    """
    is_need = kind == "need"
    listing: Need | Offer | None = (
        session.get(Need, listing_id) if is_need else session.get(Offer, listing_id)
    )
    if listing is None or listing.state not in NEED_GONE | OFFER_GONE:
        return 0
    duties.close(
        session,
        actor,
        kind=kind,
        subject_id=listing_id,
        steps=("resume",),
        outcome=duties.DROPPED,
    )
    side = DockingSide.NEED if is_need else DockingSide.OFFER
    found = session.scalars(
        sa.select(Docking)
        .where(
            (Docking.need_id if is_need else Docking.offer_id) == listing_id,
            policies.one_of(Docking.state, OPEN),
        )
        .order_by(Docking.id)
        .options(*TITLED)
        .with_for_update(of=Docking)
        .execution_options(populate_existing=True)
    ).all()
    for docking in found:
        if docking.state in ASKED:
            _end(session, actor, docking, "take-leave", OFF_MARKET, [side])
        else:
            docking_notices.left(session, actor, docking, side)
    return len(found)


_REQUESTER = sa.case(
    (Docking.opened_side == DockingSide.NEED, Docking.need_org_id),
    (Docking.opened_side == DockingSide.OFFER, Docking.offer_org_id),
    else_=Docking.broker_org_id,
)
"""The unit that asked."""


def _pause_if_silent(
    session: so.Session, actor: Actor, docking: Docking, side: DockingSide
) -> None:
    """Pause a listing whose owner has let the requests of several units lapse.

    One who asks again and again cannot take a listing off the market by that.
    """
    rule = rules.in_force(session, "docking.pause", on=actor.today).value
    since = actor.now - timedelta(days=int(rule["within_days"]))
    is_need = side is DockingSide.NEED
    listing: Need | Offer = docking.need if is_need else docking.offer
    same = Docking.need_id if is_need else Docking.offer_id
    org_id = rights.org_of(docking, side)
    lapsed = session.scalar(
        sa.select(sa.func.count(sa.distinct(_REQUESTER)))
        .select_from(Duty)
        .join(Docking, Docking.id == Duty.subject_id)
        .where(
            same == listing.id,
            Duty.subject_kind == "docking",
            Duty.step == "answer",
            Duty.org_id == org_id,
            Duty.outcome == duties.EXPIRED,
            Duty.closed_at >= since,
            *([Duty.closed_at > listing.resumed_at] if listing.resumed_at else []),
        )
    )
    listed = listing.state in (IN_LIBRARY if is_need else MATCHABLE)
    if (
        listed
        and listing.paused_at is None
        and (lapsed or 0) >= int(rule["expired_requests"])
    ):
        kind = needs.KIND if is_need else offers.KIND
        pause(session, actor, kind.name, listing)


def pause(session: so.Session, actor: Actor, kind: str, listing: Need | Offer) -> None:
    """Take a listing out of recommendations until its owner comes back."""
    listing.paused_at = actor.now
    steps.touch(listing, actor)
    events.record(session, actor, listing, f"{kind}.pause", kind=kind)
    number = listing.need_no if isinstance(listing, Need) else listing.ach_no
    duties.open_(
        session,
        actor,
        Whom(org_id=listing.owner_org_id),
        "resume",
        kind=kind,
        subject_id=listing.id,
        title=listing.published.title if listing.published else "",
        number=number,
        due_on=actor.today,
    )
    session.flush()


def resume(
    session: so.Session,
    actor: Actor,
    kind: str,
    listing_id: UUID,
    *,
    expected: str | None = None,
) -> None:
    """Bring a paused listing back, with one click of its owner.

    Raises
    ------
    NotFound, Unauthenticated, Forbidden
    Conflict
        It is not paused.
    """
    service: Any = needs if kind == "need" else offers
    listing = service.get(session, actor, listing_id)
    grant = rights.require_owner(actor, listing)
    if expected is not None and service.tag(actor, listing) != expected:
        raise Stale
    if listing.paused_at is None:
        raise Conflict(Text("该发布未被暂停", "this listing is not paused"))
    listing.paused_at, listing.resumed_at = None, actor.now
    steps.touch(listing, actor)
    events.record(
        session,
        actor,
        listing,
        f"{kind}.resume",
        kind=kind,
        role=grant.role,
        org_id=grant.org_id,
    )
    duties.close(session, actor, kind=kind, subject_id=listing.id, steps=("resume",))
    session.flush()


def search(session: so.Session, actor: Actor, **filters: Any) -> Listing[Values]:
    """List the dockings that the caller may know of.

    Parameters
    ----------
    state, need_id, offer_id : optional
    """
    statement = (
        sa.select(Docking).where(rights.visible_dockings(actor)).options(*TITLED)
    )
    for name in ("state", "need_id", "offer_id"):
        if filters.get(name) is not None:
            statement = statement.where(getattr(Docking, name) == filters[name])

    def show(rows: Sequence[sa.Row[*tuple[Any, ...]]]) -> list[Values]:
        return [_brief(row[0]) for row in rows]

    return Listing(
        session,
        statement,
        key=Docking.id,
        view=show,
        sorts={"updated": Docking.updated_at},
    )


def _brief(docking: Docking) -> Values:
    need, offer = docking.need.published, docking.offer.published
    return {
        "id": docking.id,
        "docking_no": docking.docking_no,
        "state": docking.state,
        "need": {"id": docking.need_id, "title": need.title if need else ""},
        "offer": {"id": docking.offer_id, "title": offer.title if offer else ""},
        "need_org": {"id": docking.need_org_id, "name": docking.need_org.name},
        "offer_org": {"id": docking.offer_org_id, "name": docking.offer_org.name},
        "opened_side": docking.opened_side,
        "intent_amount_yuan": docking.intent_amount_yuan,
        "intent_signed_on": docking.intent_signed_on,
        "contract_id": docking.contract_id,
        "lost_reason": docking.lost_reason,
        "created_at": docking.created_at,
        "updated_at": docking.updated_at,
    }


def view(session: so.Session, actor: Actor, docking: Docking) -> Values:
    """Show a docking as a side, its broker or an operator sees it."""
    names = _people(session, docking)
    accepted = session.scalars(
        sa.select(NdaAcceptance)
        .where(NdaAcceptance.docking_id == docking.id)
        .order_by(NdaAcceptance.id)
    ).all()
    owed = session.scalars(
        sa.select(Duty)
        .where(
            Duty.subject_kind == "docking",
            Duty.subject_id == docking.id,
            Duty.closed_at.is_(None),
        )
        .order_by(Duty.due_on, Duty.id)
    ).all()
    return {
        **_brief(docking),
        "side": rights.side_of(actor, docking),
        "broker": _named(names, docking.broker_id),
        "message": docking.message,
        "match": docking.match,
        "interested": docking.interested,
        "nda_version": docking.nda_number,
        "details_open": docking.state in DISCLOSING and docking.nda_number is not None,
        "ndas": [
            {
                "number": nda.number,
                "text": nda.text,
                "attachment_id": nda.attachment_id,
                "digest": nda.digest,
                "proposed_side": nda.proposed_side,
                "proposed_at": nda.proposed_at,
                "accepted": [
                    {
                        "user": _named(names, row.user_id),
                        "side": row.side,
                        "accepted_at": row.accepted_at,
                    }
                    for row in accepted
                    if row.number == nda.number
                ],
            }
            for nda in docking.ndas
        ],
        "proposals": [_show_proposal(p) for p in docking.proposals],
        "intent": docking.intent or None,
        "lost_comment": docking.lost_comment,
        "lost_side": docking.lost_side,
        "owed": [
            {
                "step": duty.step,
                "what": duties.STEPS[duty.step],
                "side": rights.side_of_org(docking, duty.org_id),
                "due_on": duty.due_on,
                "late": duty.due_on < actor.today,
            }
            for duty in owed
        ],
        "actions": steps.links(actor, KIND, docking, docking.id),
    }


def _show_proposal(proposal: DockingProposal) -> Values:
    return {
        "number": proposal.number,
        "side": proposal.side,
        "proposed_at": proposal.proposed_at,
        "accepted_at": proposal.accepted_at,
        "terms": thawed(TERMS, proposal.terms),
    }


def _people(session: so.Session, docking: Docking) -> dict[UUID, str]:
    ids = {docking.broker_id} | set(
        session.scalars(
            sa.select(NdaAcceptance.user_id).where(
                NdaAcceptance.docking_id == docking.id
            )
        )
    )
    named = sa.select(User.id, User.name).where(User.id.in_(ids - {None}))
    return {row.id: row.name for row in session.execute(named)}


def _named(names: Mapping[UUID, str], user_id: UUID | None) -> Values | None:
    return None if user_id is None else {"id": user_id, "name": names.get(user_id, "")}


def meetings(session: so.Session, actor: Actor, docking_id: UUID) -> Listing[Values]:
    """List the meetings of a docking, earliest first."""
    docking = get(session, actor, docking_id)
    statement = sa.select(DockingMeeting).where(DockingMeeting.docking_id == docking.id)

    def show(rows: Sequence[sa.Row[*tuple[Any, ...]]]) -> list[Values]:
        return [show_meeting(row[0]) for row in rows]

    return Listing(
        session,
        statement,
        key=DockingMeeting.id,
        view=show,
        sorts={"starts": DockingMeeting.starts_at},
        default_sort="starts",
    )


def show_meeting(meeting: DockingMeeting) -> Values:
    """Show one meeting."""
    names = ("id", "logged_at", "side", "starts_at", "ends_at", "next_side")
    return {
        name: getattr(meeting, name)
        for name in (*names, *(field.name for field in MEETING))
    }


def my_meetings(session: so.Session, actor: Actor) -> Sequence[Any]:
    """Return the meetings of the caller's dockings with their dockings.

    From half a year back, for a calendar. What was planned for after the end of a
    docking does not take place.
    """
    since = actor.now - timedelta(days=183)
    return session.execute(
        sa.select(DockingMeeting, Docking)
        .join(Docking, Docking.id == DockingMeeting.docking_id)
        .where(
            rights.my_dockings(actor),
            DockingMeeting.starts_at >= since,
            sa.or_(
                Docking.state.not_in(GIVEN_UP),
                DockingMeeting.starts_at <= Docking.updated_at,
            ),
        )
        .options(*TITLED)
        .order_by(DockingMeeting.starts_at, DockingMeeting.id)
        .limit(2000)
    ).all()


def history(session: so.Session, actor: Actor, docking_id: UUID) -> Listing[Values]:
    """List what happened to a docking, oldest first."""
    docking = get(session, actor, docking_id)
    return steps.history(session, "docking", docking.id)


def counterpart(docking: Docking, side: Side) -> UUID:
    """Return the unit that stands on a side of the contract to come."""
    return docking.need_org_id if side is Side.BUYER else docking.offer_org_id


def intent_of(docking: Docking) -> Values:
    """Return the terms that both have accepted, typed; empty without an intent."""
    return thawed(TERMS, docking.intent) if docking.intent else {}
