"""Who may do what, and see what, from docking to payment: rules beside WHERE clauses.

The sides of a docking and the parties of a contract come from their rows, never from
the request. Whoever registers is kept apart from whoever accepted, and an official of
a unit that is a party judges nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from uuid import UUID

import sqlalchemy as sa

from marketplace.domain.actors import Actor, Standing
from marketplace.domain.contracts import (
    APPOINTED,
    AT_WORK,
    BEFORE_EXPERTS,
    CHECKING,
    JUDGING,
    OFFICIAL,
    OWING,
    ExpertState,
    RegistrationState,
    Side,
)
from marketplace.domain.dockings import DockingSide
from marketplace.domain.roles import Role
from marketplace.models.contracts import Contract, ContractParty
from marketplace.models.dockings import Docking, TrialLicence
from marketplace.models.needs import Need
from marketplace.models.offers import Offer
from marketplace.models.registrations import Registration, RegistrationExpert
from marketplace.policies import (
    Grant,
    Rule,
    Rules,
    broker,
    in_verified_unit,
    may,
    one_of,
    operator,
    owner_verified_member,
    require,
    system,
)

WRITING = (Role.DEMAND, Role.SUPPLIER, Role.UNIT_ADMIN)


def _writer(standing: Standing | None) -> Grant | None:
    """A member of a verified unit who writes for it."""
    return in_verified_unit(standing, *WRITING)


def _admin(standing: Standing | None) -> Grant | None:
    """The administrator of a verified unit."""
    return in_verified_unit(standing, Role.UNIT_ADMIN)


def _mediator(standing: Standing | None) -> Grant | None:
    """A broker of a verified unit."""
    return in_verified_unit(standing, Role.BROKER)


def writing_org_ids(actor: Actor) -> list[UUID]:
    """Return the verified units for which the caller writes."""
    return [
        s.org_id for s in actor.standings if s.org_verified and s.roles & set(WRITING)
    ]


def brokering_org_ids(actor: Actor) -> list[UUID]:
    """Return the verified units in which the caller is a broker."""
    return [s.org_id for s in actor.with_role(Role.BROKER)]


def side_of(actor: Actor, docking: Docking) -> DockingSide | None:
    """Return the side on which the caller stands; None for everybody else."""
    for side, org_id in (
        (DockingSide.NEED, docking.need_org_id),
        (DockingSide.OFFER, docking.offer_org_id),
    ):
        if _writer(actor.standing_in(org_id)):
            return side
    return DockingSide.BROKER if _docking_broker(actor, docking) else None


def _docking_broker(actor: Actor, docking: Docking) -> Grant | None:
    """The broker of the docking, or a colleague of his who is one too."""
    if docking.broker_org_id is None:
        return None
    return _mediator(actor.standing_in(docking.broker_org_id))


def org_of(docking: Docking, side: DockingSide) -> UUID | None:
    """Return the unit of a side."""
    return {
        DockingSide.NEED: docking.need_org_id,
        DockingSide.OFFER: docking.offer_org_id,
        DockingSide.BROKER: docking.broker_org_id,
    }[side]


def side_of_org(docking: Docking, org_id: UUID | None) -> DockingSide:
    """Return the side on which a unit stands; whoever is none of the two mediates."""
    if org_id == docking.need_org_id:
        return DockingSide.NEED
    if org_id == docking.offer_org_id:
        return DockingSide.OFFER
    return DockingSide.BROKER


def a_side(actor: Actor, docking: Docking) -> Grant | None:
    """Somebody of the two units."""
    return _writer(actor.standing_in(docking.need_org_id)) or _writer(
        actor.standing_in(docking.offer_org_id)
    )


def undecided_side(actor: Actor, docking: Docking) -> Grant | None:
    """Somebody of a unit that has not yet said yes."""
    side = side_of(actor, docking)
    if side is None or side.value in docking.interested:
        return None
    return a_side(actor, docking)


def other_side(actor: Actor, docking: Docking) -> Grant | None:
    """Somebody of the unit that did not make the last proposal."""
    side = side_of(actor, docking)
    if side is None or side is docking.moved_side:
        return None
    return a_side(actor, docking)


def owes_next_step(actor: Actor, docking: Docking) -> Grant | None:
    """Somebody of the side that owes what a meeting agreed on."""
    side = side_of(actor, docking)
    if side is None:
        return None
    org_id = org_of(docking, side)
    if not any(d.step == "next-step" and d.org_id == org_id for d in docking.owed):
        return None
    return a_side(actor, docking) or _docking_broker(actor, docking)


DOCKING_RULES: Rules = {
    "express-interest": (undecided_side,),
    "accept": (undecided_side,),
    "decline": (a_side,),
    "log-meeting": (a_side, _docking_broker),
    "finish-next-step": (owes_next_step,),
    "propose-nda": (a_side,),
    "sign-nda": (a_side, _docking_broker),
    "propose-intent": (a_side,),
    "accept-intent": (other_side,),
    "sign": (a_side,),
    "lose": (a_side,),
    "read": (system, a_side, _docking_broker, operator),
}
TRIAL_OPENING: Rules = {"propose-trial": (a_side,)}
"""Asked of the docking."""


def trial_side(actor: Actor, trial: TrialLicence) -> Grant | None:
    """Somebody of the two units of a trial."""
    return a_side(actor, trial.docking)


def trial_answerer(actor: Actor, trial: TrialLicence) -> Grant | None:
    """Somebody of the unit that did not propose the trial."""
    side = side_of(actor, trial.docking)
    if side is None or side is trial.proposed_side:
        return None
    return a_side(actor, trial.docking)


def trial_user(actor: Actor, trial: TrialLicence) -> Grant | None:
    """Somebody of the unit that tries the technology: what it measures is the result.

    Whoever wants to sell does not say himself that it works.
    """
    return _writer(actor.standing_in(trial.docking.need_org_id))


TRIAL_RULES: Rules = {
    "start": (trial_answerer,),
    "report": (trial_user,),
    "convert": (trial_side,),
    "drop": (trial_side,),
}


def may_open(actor: Actor, need_org_id: UUID, offer_org_id: UUID) -> Grant | None:
    """Either side, or a broker, may open a docking."""
    return (
        _writer(actor.standing_in(need_org_id))
        or _writer(actor.standing_in(offer_org_id))
        or broker(actor, None)
    )


def visible_dockings(actor: Actor) -> sa.ColumnElement[bool]:
    """Rows that the ``read`` rule lets the caller see."""
    if actor.is_system or actor.has_role(Role.OPERATOR):
        return sa.true()
    mine = writing_org_ids(actor)
    brokering = brokering_org_ids(actor)
    return sa.or_(
        one_of(Docking.need_org_id, mine),
        one_of(Docking.offer_org_id, mine),
        one_of(Docking.broker_org_id, brokering),
    )


def visible_trials(actor: Actor) -> sa.ColumnElement[bool]:
    """Trials of dockings that the caller may know of."""
    return sa.exists().where(
        Docking.id == TrialLicence.docking_id, visible_dockings(actor)
    )


def my_dockings(actor: Actor) -> sa.ColumnElement[bool]:
    """Dockings in which the caller himself takes part, on a side or as the broker.

    A broker does so only as long as he is one of the unit for which he mediates.
    """
    mine = writing_org_ids(actor)
    brokering = brokering_org_ids(actor)
    return sa.or_(
        one_of(Docking.need_org_id, mine),
        one_of(Docking.offer_org_id, mine),
        sa.and_(
            Docking.broker_id == actor.user_id,
            one_of(Docking.broker_org_id, brokering),
        ),
    )


def require_owner(actor: Actor, listing: Need | Offer) -> Grant:
    """Return under which hat the caller speaks for the owner of a listing."""
    return require(actor, "resume", listing, LISTING_RULES)


LISTING_RULES: Rules = {"resume": (owner_verified_member,)}


def party_orgs(contract: Contract, *sides: Side) -> list[UUID]:
    """Return the registered units on some sides of a contract."""
    return [
        party.org_id
        for party in contract.parties
        if party.org_id is not None and (not sides or party.side in sides)
    ]


def _of_party(
    by: Callable[[Standing | None], Grant | None], *sides: Side
) -> Callable[[Actor, Contract], Grant | None]:
    def rule(actor: Actor, contract: Contract) -> Grant | None:
        for org_id in party_orgs(contract, *sides):
            grant = by(actor.standing_in(org_id))
            if grant is not None:
                return grant
        return None

    return rule


party_writer = _of_party(_writer)
party_admin = _of_party(_admin)
buyer_admin = _of_party(_admin, Side.BUYER)
buyer_or_seller = _of_party(_writer, Side.BUYER, Side.SELLER)
principal_admin = _of_party(_admin, Side.BUYER, Side.SELLER)
party_broker = _of_party(_mediator, Side.BROKER)


def signing_orgs(actor: Actor, contract: Contract) -> set[UUID]:
    """Return the parties for which the caller may sign."""
    return {
        party.org_id
        for party in contract.parties
        if party.org_id is not None
        and (
            _admin(actor.standing_in(party.org_id))
            or (
                party.side is Side.BROKER and _mediator(actor.standing_in(party.org_id))
            )
        )
    }


def accepting_admin(actor: Actor, contract: Contract) -> Grant | None:
    """Who says that everything was delivered: the buyer, if he is registered here."""
    if party_orgs(contract, Side.BUYER):
        return buyer_admin(actor, contract)
    return principal_admin(actor, contract)


def drafter(actor: Actor, contract: Contract) -> Grant | None:
    """A member of the unit that drew the contract up, or a broker who did."""
    standing = actor.standing_in(contract.created_for)
    return _writer(standing) or _mediator(standing)


def no_party(actor: Actor, contract: Contract) -> bool:
    """Whether the caller belongs to none of the parties, nor to who drew it up."""
    return not {contract.created_for, *party_orgs(contract)} & actor.org_ids


def _none_of_mine(actor: Actor) -> sa.ColumnElement[bool]:
    """Contracts for which ``no_party`` holds."""
    a_party = sa.exists().where(
        ContractParty.contract_id == Contract.id,
        one_of(ContractParty.org_id, actor.org_ids),
    )
    return sa.not_(sa.or_(one_of(Contract.created_for, actor.org_ids), a_party))


def impartial_operator(actor: Actor, contract: Contract) -> Grant | None:
    """An operator who belongs to no party."""
    return operator(actor, contract) if no_party(actor, contract) else None


CONTRACT_RULES: Rules = {
    "read": (system, party_writer, party_broker, drafter, operator),
    "edit": (drafter, buyer_or_seller),
    "delete": (drafter,),
    "sign": (party_admin, party_broker),
    "withdraw-signature": (party_admin, party_broker),
    "take-effect": (principal_admin,),
    "complete": (accepting_admin,),
    "rescind": (principal_admin,),
    "annul": (impartial_operator,),
    "pay": (buyer_or_seller,),
    "amend": (buyer_or_seller,),
    "sign-amendment": (party_admin, party_broker),
    "refuse-amendment": (party_admin,),
}


def between_both(contract: Contract, docking: Docking) -> bool:
    """Whether the two who docked are the two who signed.

    A contract that one of them made with somebody else is no success of the docking.
    """
    buyers = party_orgs(contract, Side.BUYER)
    sellers = party_orgs(contract, Side.SELLER)
    return docking.need_org_id in buyers and docking.offer_org_id in sellers


def insider(actor: Actor, contract: Contract) -> bool:
    """Whether the caller reads a contract as one of those who made it, or runs all."""
    return may(actor, "read", contract, CONTRACT_RULES) is not None


def visible_contracts(actor: Actor) -> sa.ColumnElement[bool]:
    """Contracts that the caller may know of.

    Parties and their broker, whoever drew it up, operators; a registry and the
    province from the day on which the papers were handed in, unless the official
    belongs to a party.
    """
    if actor.is_system or actor.has_role(Role.OPERATOR):
        return sa.true()
    mine = writing_org_ids(actor)
    brokering = brokering_org_ids(actor)
    a_party = sa.exists().where(
        ContractParty.contract_id == Contract.id, one_of(ContractParty.org_id, mine)
    )
    mediates = sa.exists().where(
        ContractParty.contract_id == Contract.id,
        ContractParty.side == Side.BROKER,
        one_of(ContractParty.org_id, brokering),
    )
    return sa.or_(
        one_of(Contract.created_for, [*mine, *brokering]),
        a_party,
        mediates,
        sa.and_(
            Contract.id.in_(
                sa.select(Registration.contract_id).where(
                    sa.or_(_before_me(actor), _before_me_as_expert(actor, AT_WORK))
                )
            ),
            _none_of_mine(actor),
        ),
    )


def _has_done(
    actor: Actor, registration: Registration, actions: Collection[str]
) -> bool:
    """Whether the caller took one of these steps, in whatever round of the papers.

    The ledger says so: a correction, a new application or an appeal begins a round of
    its own, and what is written in the row is only that of the last.
    """
    names = {f"registration.{action}" for action in actions}
    return any(
        event.actor_id == actor.user_id and event.action in names
        for event in registration.judgements
    )


def _stands_apart(actor: Actor, registration: Registration) -> bool:
    """Whether the caller has nothing to do with the contract that he judges.

    Who drew it up or applied for a party does not judge it from another desk.
    """
    contract = registration.contract
    hands = {contract.created_by, registration.applied_by}
    return actor.user_id not in hands and no_party(actor, contract)


def _registry(role: Role) -> Rule:
    """Make the rule of an official of the registry who stands apart."""

    def rule(actor: Actor, registration: Registration) -> Grant | None:
        standing = actor.standing_in(registration.registry_org_id)
        grant = in_verified_unit(standing, role)
        return grant if grant and _stands_apart(actor, registration) else None

    return rule


clerk = _registry(Role.REGISTRY_CLERK)
reviewer = _registry(Role.REGISTRY_REVIEWER)


def another_reviewer(actor: Actor, registration: Registration) -> Grant | None:
    """A reviewer who has neither accepted nor checked it, nor spoken for experts."""
    if _has_done(actor, registration, CHECKING):
        return None
    return reviewer(actor, registration)


def province(actor: Actor, registration: Registration) -> Grant | None:
    """The provincial authority, by somebody who has not checked the papers himself."""
    standing = next(iter(actor.with_role(Role.PROVINCIAL_AUTHORITY)), None)
    if standing is None or not _stands_apart(actor, registration):
        return None
    if _has_done(actor, registration, CHECKING):
        return None
    return Grant(Role.PROVINCIAL_AUTHORITY, standing.org_id)


def appeal_judge(actor: Actor, registration: Registration) -> Grant | None:
    """The provincial authority, by somebody who has decided nothing of it before."""
    if _has_done(actor, registration, JUDGING):
        return None
    return province(actor, registration)


def expert_row(actor: Actor, registration: Registration) -> RegistrationExpert | None:
    """The caller's own appointment, as long as he is an expert in a verified unit."""
    units = {s.org_id for s in actor.with_role(Role.EXPERT)}
    rows = (
        row
        for row in registration.experts
        if row.user_id == actor.user_id
        and row.org_id in units
        and row.state in APPOINTED
    )
    return next(rows, None)


def appointed_expert(actor: Actor, registration: Registration) -> Grant | None:
    """An expert who was appointed, while opinions are wanted.

    Who has recused himself reads how the registration stands, not the contract.
    """
    row = expert_row(actor, registration)
    wanted = row is not None and registration.state in BEFORE_EXPERTS
    if row is None or not wanted or not _stands_apart(actor, registration):
        return None
    if _has_done(actor, registration, OFFICIAL):
        return None
    return Grant(Role.EXPERT, row.org_id)


def asked_expert(actor: Actor, registration: Registration) -> Grant | None:
    """An appointed expert who has not answered yet."""
    row = expert_row(actor, registration)
    if row is None or row.state not in OWING:
        return None
    return appointed_expert(actor, registration)


def reads_officials(actor: Actor, registration: Registration) -> bool:
    """Whether the caller is told who in the registry did what: parties are not."""
    return may(actor, "read-officials", registration, REGISTRATION_RULES) is not None


def reads_precheck(actor: Actor, registration: Registration) -> bool:
    """Whether the caller is told what the pre-check said when the papers came in.

    It may rest on other contracts of the applicant, of which the other parties do not
    know.
    """
    own = registration.applicant_org_id is not None and bool(
        _writer(actor.standing_in(registration.applicant_org_id))
    )
    return own or reads_officials(actor, registration)


def applicant(actor: Actor, registration: Registration) -> Grant | None:
    """The administrator of the unit that has applied."""
    if registration.applicant_org_id is None:
        return None
    return _admin(actor.standing_in(registration.applicant_org_id))


def may_apply(actor: Actor, registration: Registration) -> Grant | None:
    """The administrator of a buyer or a seller; which of them, the rule set says."""
    return principal_admin(actor, registration.contract)


def a_party_of(actor: Actor, registration: Registration) -> Grant | None:
    """Anybody who writes for a party of the contract, or brokers for one."""
    contract = registration.contract
    return party_writer(actor, contract) or party_broker(actor, contract)


def impartial_market(actor: Actor, registration: Registration) -> Grant | None:
    """An operator who has nothing to do with the contract."""
    grant = operator(actor, registration)
    return grant if grant and _stands_apart(actor, registration) else None


_OFFICIALS = (system, clerk, reviewer, province, impartial_market)
REGISTRATION_RULES: Rules = {
    "read": (a_party_of, *_OFFICIALS, operator, appointed_expert),
    "read-officials": _OFFICIALS,
    "apply": (may_apply,),
    "resubmit": (applicant,),
    "withdraw": (applicant,),
    "accept": (clerk,),
    "request-correction": (clerk, reviewer),
    "first-approve": (clerk,),
    "return-to-check": (clerk, reviewer),
    "send-to-experts": (clerk, reviewer),
    "note-opinion": (clerk, reviewer),
    "appoint-expert": (clerk, reviewer),
    "release-expert": (clerk, reviewer),
    "give-opinion": (asked_expert,),
    "recuse": (asked_expert,),
    "register": (another_reviewer,),
    "refuse": (another_reviewer,),
    "request-change": (applicant,),
    "withdraw-request": (applicant,),
    "change": (another_reviewer,),
    "decline-change": (another_reviewer,),
    "cancel": (another_reviewer,),
    "revoke": (another_reviewer, province),
    "appeal": (applicant,),
    "uphold-appeal": (appeal_judge,),
    "reinstate": (appeal_judge,),
    "dismiss-appeal": (appeal_judge,),
}


def _before_me(actor: Actor) -> sa.ColumnElement[bool]:
    """Registrations that a registry of the caller, or his province, has before it."""
    roles = (Role.REGISTRY_CLERK, Role.REGISTRY_REVIEWER)
    offices = {s.org_id for role in roles for s in actor.with_role(role)}
    handed_in = Registration.state != RegistrationState.NONE
    if actor.has_role(Role.PROVINCIAL_AUTHORITY):
        return handed_in
    return sa.and_(handed_in, one_of(Registration.registry_org_id, offices))


def _before_me_as_expert(
    actor: Actor, states: Collection[ExpertState]
) -> sa.ColumnElement[bool]:
    """Registrations that wait for experts, of whom the caller is one."""
    units = [s.org_id for s in actor.with_role(Role.EXPERT)]
    if not units:
        return sa.false()
    appointed = sa.exists().where(
        RegistrationExpert.registration_id == Registration.id,
        RegistrationExpert.user_id == actor.user_id,
        RegistrationExpert.state.in_(states),
        one_of(RegistrationExpert.org_id, units),
    )
    return sa.and_(Registration.state.in_(BEFORE_EXPERTS), appointed)


def visible_registrations(actor: Actor) -> sa.ColumnElement[bool]:
    """Registrations that the ``read`` rule lets the caller see."""
    if actor.is_system or actor.has_role(Role.OPERATOR):
        return sa.true()
    mine = sa.exists().where(
        ContractParty.contract_id == Registration.contract_id,
        sa.or_(
            one_of(ContractParty.org_id, writing_org_ids(actor)),
            sa.and_(
                ContractParty.side == Side.BROKER,
                one_of(ContractParty.org_id, brokering_org_ids(actor)),
            ),
        ),
    )
    apart = Registration.contract_id.in_(
        sa.select(Contract.id).where(_none_of_mine(actor))
    )
    before_me = sa.or_(_before_me(actor), _before_me_as_expert(actor, APPOINTED))
    return sa.or_(mine, sa.and_(before_me, apart))
