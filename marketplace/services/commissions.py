"""Commissions 中介报酬: how they are shared by consent, and what was received of them.

Shares are proposed in versions and hold once both principal parties and every unit
that mediates have accepted the same version. They are exact and add up to 100.00; the
amounts follow from the contract's commission, and no 分 is lost in splitting it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace import broker_policies as rights
from marketplace import policies
from marketplace import thread_policies as threads
from marketplace.broker_policies import Deal
from marketplace.domain.actors import Actor
from marketplace.domain.brokers import (
    HOLDING,
    OPEN_PROPOSAL,
    WHOLE,
    DealShape,
    ProposalState,
    is_whole,
    split,
)
from marketplace.domain.conflicts import CLEARED, UPHELD, Outcome, Purpose
from marketplace.domain.contracts import COMPLETED, DRAFT, EXECUTED, IN_FORCE, Side
from marketplace.domain.ids import new_id
from marketplace.domain.roles import Role
from marketplace.errors import (
    Conflict,
    IllegalTransition,
    NotFound,
    Stale,
    Text,
)
from marketplace.models.brokers import (
    CommissionPayment,
    ContributionShare,
    ShareAcceptance,
    ShareProposal,
)
from marketplace.models.contracts import Contract, ContractParty
from marketplace.models.dockings import Docking
from marketplace.services import (
    conflicts,
    contract_contents,
    contracts,
    duties,
    events,
    notices,
    rules,
)
from marketplace.services.brokers import MEDIATION, names_of
from marketplace.services.duties import Whom
from marketplace.services.fields import Amount, Code, Items, Reader, Reference, Words
from marketplace.services.fields import Share as Percent
from marketplace.services.paging import Listing
from marketplace.services.relation_loader import id_in

Values = dict[str, Any]
NOTHING = Decimal("0.00")
SHARED = EXECUTED | {DRAFT}
PAYABLE = IN_FORCE | {COMPLETED}
SHARES = Items(
    "shares",
    table=(
        Reference("organisation_id"),
        Code("contribution"),
        Percent("percent"),
        Words("note", most=200),
    ),
    most=20,
)


def get_deal(
    session: so.Session, actor: Actor, contract_id: UUID, *, lock: bool = False
) -> Deal:
    """Return a contract with the unit that brokered its docking.

    Raises
    ------
    NotFound
    """
    statement = (
        sa.select(Contract)
        .where(Contract.id == contract_id, rights.visible_deals(actor))
        .options(*contracts.KIND.options)
        .execution_options(populate_existing=True)
    )
    if lock:
        statement = statement.with_for_update(of=Contract)
    contract = session.scalars(statement).unique().one_or_none()
    if contract is None:
        raise NotFound
    return deal_of(session, contract)


def deal_of(session: so.Session, contract: Contract) -> Deal:
    """Return a contract, read with its parties, as a deal."""
    broker = None
    if contract.docking_id is not None:
        broker = session.scalar(
            sa.select(Docking.broker_org_id).where(Docking.id == contract.docking_id)
        )
    return Deal(contract, broker)


def amount_of(contract: Contract) -> Decimal | None:
    """Return the commission of a contract, in 元; None where none is agreed.

    The whole price of a mediation contract is commission.
    """
    if contract.contract_class == MEDIATION:
        return contract.total_yuan
    commission = contract_contents.values_of(contract.current)["commission"] or {}
    amount: Decimal | None = commission.get("amount_yuan")
    return amount


def shape_of(session: so.Session, contract: Contract) -> DealShape:
    """Tell in which way an institution stands in a deal."""
    if threads.party_orgs(contract, Side.BROKER):
        return DealShape.THREE_PARTY
    if beside(session, contract):
        return DealShape.SIDE_BY_SIDE
    return DealShape.TWO_PARTY


def beside(session: so.Session, contract: Contract) -> list[UUID]:
    """Return signed mediation contracts from the same docking, with one of its parties.

    Only the docking ties two contracts together: who names a need in a contract of his
    own has not brought about what others agree on.
    """
    if contract.docking_id is None or contract.contract_class == MEDIATION:
        return []
    principals = threads.party_orgs(contract, Side.BUYER, Side.SELLER)
    client = sa.exists().where(
        ContractParty.contract_id == Contract.id,
        ContractParty.side == Side.BUYER,
        ContractParty.org_id.in_(principals),
    )
    return list(
        session.scalars(
            sa.select(Contract.id)
            .where(
                Contract.docking_id == contract.docking_id,
                Contract.id != contract.id,
                Contract.contract_class == MEDIATION,
                policies.one_of(Contract.state, EXECUTED),
                client,
            )
            .order_by(Contract.id)
        )
    )


def affiliations(
    session: so.Session,
    actor: Actor,
    deal: Deal,
    *,
    but: frozenset[UUID] = frozenset(),
) -> dict[tuple[UUID, UUID], bool]:
    """Return pairs of units of a deal that belong together, by the graph of relations.

    The ties of the day on which the contract was signed count, and what an operator
    has decided about them.

    Parameters
    ----------
    but : frozenset of UUID
        Units whose own tie to a mediating unit does not count: the unit of which an
        inner office is a part.

    Returns
    -------
    dict of pairs to bool
        Mediating unit or buyer first; False where nobody has decided yet on what is
        only suspected.
    """
    contract = deal.contract
    buyers = threads.party_orgs(contract, Side.BUYER)
    sellers = threads.party_orgs(contract, Side.SELLER)
    mediating = rights.mediating_orgs(deal)
    subjects = [i for i in (contract.id, contract.docking_id, contract.need_id) if i]
    found: dict[tuple[UUID, UUID], bool] = {}
    for purpose, left, right in (
        (Purpose.BROKER, mediating, [*buyers, *sellers]),
        (Purpose.CONTRACT, buyers, sellers),
    ):
        outcomes = conflicts.pairs(
            session,
            purpose=purpose,
            left=conflicts.side(units=left),
            right=conflicts.side(units=right),
            on=min(contract.signed_on or actor.today, actor.today),
            today=actor.today,
            zone=actor.zone,
        )
        for ends, outcome in outcomes.items():
            own, other = map(id_in, ends)
            if purpose is Purpose.BROKER and other in but:
                continue
            sure = outcome in conflicts.CERTAIN
            if outcome is Outcome.ASK:
                decided = conflicts.decision_on(session, subjects, *ends)
                if decided is CLEARED:
                    continue
                sure = decided is UPHELD
            if sure or outcome is Outcome.ASK:
                found[own, other] = sure or found.get((own, other), False)
    return found


def deal_facts(session: so.Session, actor: Actor, deal: Deal) -> Values:
    """Show what matters of a deal for who mediates it."""
    contract = deal.contract
    found = affiliations(session, actor, deal)
    pairs = [pair for pair, sure in found.items() if sure]
    shape = shape_of(session, contract)
    return {
        "shape": shape.value,
        "is_three_party": shape is DealShape.THREE_PARTY,
        "mediation_contract_ids": beside(session, contract),
        "commission_yuan": amount_of(contract),
        "received_yuan": received(session, contract.id),
        "is_affiliated": bool(pairs) or contract.is_related,
        "is_declared_related": contract.is_related,
        "affiliations": [{"a": a, "b": b} for a, b in pairs],
    }


def propose(
    session: so.Session, actor: Actor, contract_id: UUID, data: Mapping[str, Any]
) -> ShareProposal:
    """Propose how the commission is shared; an open proposal gives way to it.

    Who may accept for his unit has accepted by that. The same proposal twice, by one
    unit, is one.

    Parameters
    ----------
    data : mapping
        ``shares``: ``organisation_id``, ``contribution`` (code), ``percent`` (two
        places at most), ``note``; ``note``.

    Raises
    ------
    NotFound, Unauthenticated, Forbidden, IllegalTransition
    Invalid
        The shares do not add up to 100.00, or go to who is not in the deal.
    Conflict
        A principal party is not registered here, so that it cannot accept.
    """
    deal = get_deal(session, actor, contract_id, lock=True)
    grant = policies.require(actor, "propose-shares", deal, rights.SHARE_RULES)
    _require_shareable(deal)
    reader = Reader(session, actor.today)
    rows = SHARES.read(reader, data.get("shares"), None)
    note = reader.words(data.get("note"), "/note", 1000)
    _check_shares(reader, deal, rows)
    reader.refuse()
    known = _proposals(session, deal.contract.id)
    waiting = next((p for p in known if p.state in OPEN_PROPOSAL), None)
    if waiting is not None and _is_same(waiting, rows, note, grant.org_id):
        return waiting
    if waiting is not None:
        waiting.state = ProposalState.SUPERSEDED
        session.flush()
    proposal = ShareProposal(
        id=new_id(),
        contract_id=deal.contract.id,
        number=1 + max((p.number for p in known), default=0),
        state=ProposalState.PROPOSED,
        note=note,
        proposed_at=actor.now,
        proposed_by=actor.user_id,
        proposed_for=grant.org_id,
        shares=[
            ContributionShare(
                position=position,
                org_id=row["organisation_id"],
                contribution=row["contribution"],
                percent=row["percent"],
                note=row["note"],
            )
            for position, row in enumerate(rows)
        ],
        acceptances=[],
    )
    session.add(proposal)
    session.flush()
    events.record(
        session,
        actor,
        proposal,
        "share.propose",
        role=grant.role,
        org_id=grant.org_id,
        to_state=proposal.state.value,
        comment=note,
        changes=events.difference(
            {}, {"contract_id": deal.contract.id, "shares": rows}
        ),
    )
    own = policies.may(actor, "accept-shares", deal, rights.SHARE_RULES)
    if own is not None and own.org_id == grant.org_id:
        _accept(session, actor, deal, proposal, own)
    session.flush()
    _owe(session, actor, deal, proposal)
    return proposal


def _require_shareable(deal: Deal) -> None:
    contract = deal.contract
    if contract.state not in SHARED:
        raise IllegalTransition(
            Text(
                "合同已解除或无效，不再商定分成",
                "the contract is rescinded or void: nothing is shared any more",
            ),
            extra={"state": contract.state.value, "possible": []},
        )
    outside = [
        party.name
        for party in contract.parties
        if party.org_id is None and party.side is not Side.BROKER
    ]
    if outside:
        raise Conflict(
            Text(
                "合同当事人“{name}”未在平台注册，无法在平台上确认分成",
                "the party {name} is not registered here and cannot accept shares",
            ).format(name=outside[0])
        )


def _check_shares(reader: Reader, deal: Deal, rows: Sequence[Values]) -> None:
    """Note shares that are none, go astray, or do not make a whole."""
    able = set(rights.accepting_orgs(deal))
    for index, row in enumerate(rows):
        for name in ("organisation_id", "contribution", "percent"):
            if row[name] is None:
                reader.wrong(
                    f"/shares/{index}/{name}", "required", "必填", "is required"
                )
        if row["organisation_id"] is not None and row["organisation_id"] not in able:
            reader.wrong(
                f"/shares/{index}/organisation_id",
                "not_in_the_deal",
                "该单位不是合同当事人或中介方",
                "is neither a party of the contract nor mediates it",
            )
    percents = [row["percent"] for row in rows]
    if not reader.errors and not is_whole(percents):
        reader.wrong(
            "/shares",
            "does_not_add_up",
            "各份须大于零、最多两位小数，合计应为 {whole}，现为 {total}",
            "shares are above zero, with two places at most, and add up to {whole},"
            " not to {total}",
            whole=WHOLE,
            total=sum(percents, NOTHING),
        )


def _is_same(
    proposal: ShareProposal, rows: Sequence[Values], note: str, org_id: UUID | None
) -> bool:
    kept = [(s.org_id, s.contribution, s.percent, s.note) for s in proposal.shares]
    given = [
        (r["organisation_id"], r["contribution"], r["percent"], r["note"]) for r in rows
    ]
    return (kept, proposal.note, proposal.proposed_for) == (given, note, org_id)


def _proposals(session: so.Session, contract_id: UUID) -> Sequence[ShareProposal]:
    return session.scalars(
        sa.select(ShareProposal)
        .where(ShareProposal.contract_id == contract_id)
        .options(
            so.selectinload(ShareProposal.shares),
            so.selectinload(ShareProposal.acceptances),
        )
        .order_by(ShareProposal.number)
        .execution_options(populate_existing=True)
    ).all()


def get(
    session: so.Session,
    actor: Actor,
    contract_id: UUID,
    number: int,
    *,
    lock: bool = False,
) -> tuple[Deal, ShareProposal]:
    """Return one proposal with its deal.

    Raises
    ------
    NotFound, Unauthenticated, Forbidden
    """
    deal = get_deal(session, actor, contract_id, lock=lock)
    policies.require(actor, "read-shares", deal, rights.SHARE_RULES)
    for proposal in _proposals(session, deal.contract.id):
        if proposal.number == number:
            return deal, proposal
    raise NotFound


def decide(
    session: so.Session,
    actor: Actor,
    contract_id: UUID,
    number: int,
    action: str,
    *,
    expected: str | None = None,
    comment: str = "",
) -> ShareProposal:
    """Accept or refuse a proposal; with the last consent it holds.

    Parameters
    ----------
    action : str
        ``accept`` or ``refuse``; a refusal needs a comment.

    Raises
    ------
    NotFound, Unauthenticated, Forbidden, Stale, Invalid
    Conflict
        It is decided, the unit has accepted, or one person speaks for two units.
    """
    deal, proposal = get(session, actor, contract_id, number, lock=True)
    grants = _speaks_for(actor, f"{action}-shares", deal)
    if expected is not None and expected != tag(proposal):
        raise Stale
    if proposal.state not in OPEN_PROPOSAL:
        raise Conflict(Text("该方案已有结果", "this proposal is decided"))
    _require_shareable(deal)
    reader = Reader(session, actor.today)
    said = reader.words(comment, "/comment", 2000)
    if action == "refuse" and not said:
        reader.wrong("/comment", "required", "请说明理由", "say why")
    reader.refuse()
    accepted = {a.org_id for a in proposal.acceptances}
    grant = next((g for g in grants if g.org_id not in accepted), grants[0])
    if action == "accept":
        _accept(session, actor, deal, proposal, grant, said)
    else:
        proposal.state, proposal.refusal = ProposalState.REFUSED, said
        proposal.decided_at = actor.now
        _tell(session, actor, proposal, "refuse", grant, said)
    session.flush()
    _owe(session, actor, deal, proposal)
    return proposal


def _owe(
    session: so.Session, actor: Actor, deal: Deal, proposal: ShareProposal
) -> None:
    """Have the units whose consent is missing owe an answer, and tell them once.

    A unit that brokered the docking and is no party learns no title of the contract.
    """
    contract = deal.contract
    duties.close(session, actor, kind="shares", subject_id=contract.id)
    if proposal.state not in OPEN_PROPOSAL:
        return
    days = rules.in_force(session, "broker.duties", on=actor.today).value
    due_on = duties.promise(session, actor, days["accept-shares"])
    accepted = {a.org_id for a in proposal.acceptances}
    parties = threads.party_orgs(contract)
    principals = threads.party_orgs(contract, Side.BUYER, Side.SELLER)
    for org_id in rights.accepting_orgs(deal):
        if org_id in accepted:
            continue
        role = Role.UNIT_ADMIN if org_id in principals else Role.BROKER
        is_party = org_id in parties
        duties.open_(
            session,
            actor,
            Whom(org_id=org_id, role=role),
            "accept-shares",
            kind="shares",
            subject_id=contract.id,
            title=contract.title if is_party else "",
            number=contract.contract_no if is_party else "",
            due_on=due_on,
        )
        notices.tell_units(
            session,
            actor,
            [org_id],
            "shares.proposed",
            {
                "party": notices.name_of(session, proposal.proposed_for),
                "version": proposal.number,
                "due": due_on.isoformat(),
            },
            kind="shares",
            subject_id=contract.id,
            key=f"shares:{proposal.id}:{org_id}",
            roles=frozenset({role}),
        )


def _speaks_for(actor: Actor, action: str, deal: Deal) -> list[policies.Grant]:
    """Return the hats under which the caller may decide, one for each of his units."""
    first = policies.require(actor, action, deal, rights.SHARE_RULES)
    rules = rights.SHARE_RULES[action]
    found = [first]
    for standing in actor.standings:
        alone = Actor(now=actor.now, user_id=actor.user_id, standings=(standing,))
        found += [grant for rule in rules if (grant := rule(alone, deal)) is not None]
    return list({grant.org_id: grant for grant in found}.values())


def _accept(
    session: so.Session,
    actor: Actor,
    deal: Deal,
    proposal: ShareProposal,
    grant: policies.Grant,
    comment: str = "",
) -> None:
    if any(a.org_id == grant.org_id for a in proposal.acceptances):
        raise Conflict(Text("贵单位已同意", "your unit has accepted already"))
    if any(a.user_id == actor.user_id for a in proposal.acceptances):
        raise Conflict(
            Text("同一人不能代表两方同意", "one person cannot accept for two units")
        )
    proposal.acceptances.append(
        ShareAcceptance(
            org_id=grant.org_id, user_id=actor.user_id, accepted_at=actor.now
        )
    )
    # The revision of the proposal has to tell of every consent.
    so.attributes.flag_modified(proposal, "note")
    session.flush()
    _tell(session, actor, proposal, "accept", grant, comment)
    missing = set(rights.accepting_orgs(deal)) - {
        a.org_id for a in proposal.acceptances
    }
    if missing:
        return
    for earlier in _proposals(session, proposal.contract_id):
        if earlier.state in HOLDING:
            earlier.state = ProposalState.SUPERSEDED
    session.flush()
    proposal.state, proposal.decided_at = ProposalState.AGREED, actor.now
    events.record(
        session,
        actor,
        proposal,
        "share.agree",
        role=grant.role,
        org_id=grant.org_id,
        from_state=ProposalState.PROPOSED.value,
        to_state=ProposalState.AGREED.value,
    )


def _tell(
    session: so.Session,
    actor: Actor,
    proposal: ShareProposal,
    what: str,
    grant: policies.Grant,
    comment: str,
) -> None:
    events.record(
        session,
        actor,
        proposal,
        f"share.{what}",
        role=grant.role,
        org_id=grant.org_id,
        from_state=ProposalState.PROPOSED.value,
        to_state=proposal.state.value,
        comment=comment,
    )


def tag(proposal: ShareProposal) -> str:
    """Return the ETag of a proposal."""
    return str(proposal.revision)


def proposals(session: so.Session, actor: Actor, contract_id: UUID) -> Values:
    """Show the proposals of a contract and what its commission comes to.

    Raises
    ------
    NotFound, Unauthenticated, Forbidden
    """
    deal = get_deal(session, actor, contract_id)
    policies.require(actor, "read-shares", deal, rights.SHARE_RULES)
    found = _proposals(session, deal.contract.id)
    return {
        "deal": deal_facts(session, actor, deal),
        "items": [view(session, actor, deal, proposal) for proposal in found],
        "may_propose": policies.may(actor, "propose-shares", deal, rights.SHARE_RULES)
        is not None,
    }


def view(
    session: so.Session, actor: Actor, deal: Deal, proposal: ShareProposal
) -> Values:
    """Show a proposal with the amounts to which it comes and whose consent is missing.

    Amounts follow the commission of the version in force; None while none is agreed.
    """
    amount = amount_of(deal.contract)
    percents = [share.percent for share in proposal.shares]
    amounts: Sequence[Decimal | None] = [None] * len(percents)
    if amount is not None:
        amounts = split(amount, percents)
    needed = rights.accepting_orgs(deal)
    accepted = {a.org_id for a in proposal.acceptances}
    names = names_of(session, {*needed, *(s.org_id for s in proposal.shares)})
    return {
        "id": proposal.id,
        "contract_id": proposal.contract_id,
        "number": proposal.number,
        "state": proposal.state,
        "note": proposal.note,
        "proposed_at": proposal.proposed_at,
        "proposed_for": proposal.proposed_for,
        "decided_at": proposal.decided_at,
        "refusal": proposal.refusal,
        "commission_yuan": amount,
        "shares": [
            {
                "organisation": {"id": s.org_id, "name": names.get(s.org_id, "")},
                "contribution": s.contribution,
                "percent": f"{s.percent:.2f}",
                "amount_yuan": part,
                "note": s.note,
            }
            for s, part in zip(proposal.shares, amounts, strict=True)
        ],
        "accepted": [
            {"organisation_id": a.org_id, "accepted_at": a.accepted_at}
            for a in proposal.acceptances
        ],
        "missing": [
            {"id": org, "name": names.get(org, "")}
            for org in needed
            if org not in accepted and proposal.state in OPEN_PROPOSAL
        ],
        "actions": _links(actor, deal, proposal),
    }


def _links(actor: Actor, deal: Deal, proposal: ShareProposal) -> list[Values]:
    if proposal.state not in OPEN_PROPOSAL or deal.contract.state not in SHARED:
        return []
    place = f"{contracts.PATH}/{deal.contract.id}/shares/{proposal.number}"
    accepted = {a.org_id for a in proposal.acceptances}
    shown = []
    for action, title in (
        ("accept", Text("同意分成方案", "Accept")),
        ("refuse", Text("不同意分成方案", "Refuse")),
    ):
        if policies.may(actor, f"{action}-shares", deal, rights.SHARE_RULES) is None:
            continue
        grants = _speaks_for(actor, f"{action}-shares", deal)
        if action == "accept" and all(g.org_id in accepted for g in grants):
            continue
        shown.append(
            {
                "name": action,
                "title": title,
                "method": "POST",
                "href": f"{place}/actions/{action}",
                "fields": ["comment"],
            }
        )
    return shown


def received(session: so.Session, contract_id: UUID) -> Decimal:
    """Add up the commission that mediating units have received and kept, in 元."""
    rows = session.scalars(
        sa.select(CommissionPayment).where(CommissionPayment.contract_id == contract_id)
    )
    return sum(map(signed, rows), NOTHING)


def signed(payment: CommissionPayment) -> Decimal:
    """Return what an entry adds to what was received; negative if it takes back."""
    sign = 1 if payment.reverses_id is None else -1
    return sign * payment.amount_yuan


def pay(
    session: so.Session, actor: Actor, contract_id: UUID, data: Mapping[str, Any]
) -> CommissionPayment:
    """Write down commission that a mediating unit has received, with its invoice.

    Parameters
    ----------
    data : mapping
        ``organisation_id`` (who received it; by default the only mediating unit),
        ``amount_yuan``, ``paid_on``, ``voucher``; ``reverses_id``, of the payment of
        which something is taken back, for example because it was entered wrongly.

    Raises
    ------
    NotFound, Unauthenticated, Forbidden, IllegalTransition
    Invalid
        More than the commission, more taken back than was received, a day to come, or
        somebody who does not mediate.
    Conflict
        The invoice was recorded already.
    """
    deal = get_deal(session, actor, contract_id, lock=True)
    grant = policies.require(actor, "pay-commission", deal, rights.SHARE_RULES)
    contract = deal.contract
    if contract.state not in PAYABLE:
        raise contracts.kind_refusal(actor, contract, "pay-commission")
    if contract.contract_class == MEDIATION:
        raise Conflict(
            Text(
                "技术中介合同的报酬请登记为合同收款",
                "the price of a mediation contract is recorded as its payment",
            )
        )
    rows = session.scalars(
        sa.select(CommissionPayment).where(CommissionPayment.contract_id == contract.id)
    ).all()
    values = _read_payment(session, actor, deal, data, rows)
    back = values["reverses_id"] is not None
    payment = CommissionPayment(
        id=new_id(),
        contract_id=contract.id,
        number=1 + max((row.number for row in rows), default=0),
        recorded_at=actor.now,
        recorded_by=actor.user_id,
        recorded_for=grant.org_id,
        **values,
    )
    session.add(payment)
    session.flush()
    events.record(
        session,
        actor,
        payment,
        "commission.take-back" if back else "commission.pay",
        role=grant.role,
        org_id=grant.org_id,
        changes=events.difference({}, {"contract_id": contract.id, **values}),
    )
    session.flush()
    return payment


def _read_payment(
    session: so.Session,
    actor: Actor,
    deal: Deal,
    data: Mapping[str, Any],
    rows: Sequence[CommissionPayment],
) -> Values:
    reader = Reader(session, actor.today)
    mediating = rights.mediating_orgs(deal)
    given = reader.reference(data.get("organisation_id"), "/organisation_id")
    reversed_ = _reversed(reader, data, rows)
    if reversed_ is not None:
        given = reversed_.org_id
    payee = given or (mediating[0] if len(mediating) == 1 else None)
    if payee is None or payee not in mediating:
        reader.wrong(
            "/organisation_id",
            "does_not_mediate",
            "须为本合同的中介单位",
            "must be a unit that mediates this contract",
        )
    amount = Amount("amount_yuan").read(reader, data.get("amount_yuan"), None)
    if amount is None or amount <= 0:
        reader.wrong("/amount_yuan", "required", "金额须大于零", "must be above zero")
    agreed = amount_of(deal.contract) or NOTHING
    so_far = sum(map(signed, rows), NOTHING)
    if reversed_ is not None:
        _check_taken_back(reader, amount, reversed_, rows)
    elif amount is not None and so_far + amount > agreed:
        reader.wrong(
            "/amount_yuan",
            "more_than_agreed",
            "累计 {paid} 将超过约定的中介报酬 {agreed}",
            "brings what was received to {paid}, above the commission of {agreed}",
            paid=so_far + amount,
            agreed=agreed,
        )
    paid_on = reader.day(data.get("paid_on"), "/paid_on")
    if paid_on is None or paid_on > actor.today:
        reader.wrong(
            "/paid_on", "not_a_past_day", "须为今天或以前的日期", "today or before"
        )
    voucher = reader.words(data.get("voucher"), "/voucher", 120)
    if not voucher:
        reader.wrong("/voucher", "required", "须填写发票号码", "give the invoice")
    reader.refuse()
    if voucher in {row.voucher for row in rows}:
        raise Conflict(
            Text("该发票号已登记", "this invoice was recorded already"),
        )
    return {
        "org_id": payee,
        "reverses_id": reversed_.id if reversed_ else None,
        "amount_yuan": amount,
        "paid_on": paid_on,
        "voucher": voucher,
    }


def _reversed(
    reader: Reader, data: Mapping[str, Any], rows: Sequence[CommissionPayment]
) -> CommissionPayment | None:
    """Return the payment of which something is taken back."""
    asked = reader.reference(data.get("reverses_id"), "/reverses_id")
    if asked is None:
        return None
    found = next((r for r in rows if r.id == asked and r.reverses_id is None), None)
    if found is None:
        reader.wrong(
            "/reverses_id",
            "no_such_payment",
            "本合同没有此笔收款",
            "is no payment under this contract",
        )
    return found


def _check_taken_back(
    reader: Reader,
    amount: Decimal | None,
    payment: CommissionPayment,
    rows: Sequence[CommissionPayment],
) -> None:
    back = sum((r.amount_yuan for r in rows if r.reverses_id == payment.id), NOTHING)
    left = payment.amount_yuan - back
    if amount is not None and amount > left:
        reader.wrong(
            "/amount_yuan",
            "more_than_received",
            "该笔收款尚可冲回 {left}",
            "of this payment {left} is left to take back",
            left=left,
        )


def payments(session: so.Session, actor: Actor, contract_id: UUID) -> Listing[Values]:
    """List what was received of a commission, in its order.

    Raises
    ------
    NotFound, Unauthenticated, Forbidden
    """
    deal = get_deal(session, actor, contract_id)
    policies.require(actor, "read-shares", deal, rights.SHARE_RULES)
    statement = sa.select(CommissionPayment).where(
        CommissionPayment.contract_id == deal.contract.id
    )

    def show(rows: Sequence[sa.Row[*tuple[Any, ...]]]) -> list[Values]:
        return [view_payment(row[0]) for row in rows]

    return Listing(
        session,
        statement,
        key=CommissionPayment.id,
        view=show,
        sorts={"number": CommissionPayment.number},
        default_sort="number",
    )


def view_payment(payment: CommissionPayment) -> Values:
    """Show one payment of a commission."""
    names = ("id", "number", "paid_on", "amount_yuan", "voucher", "recorded_at")
    return {
        **{name: getattr(payment, name) for name in names},
        "organisation_id": payment.org_id,
        "reverses_id": payment.reverses_id,
        "recorded_for": payment.recorded_for,
    }
