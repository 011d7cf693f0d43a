"""Who may do what with brokers, institutions and shares: rules beside WHERE clauses."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace import thread_policies as threads
from marketplace.domain.actors import Actor
from marketplace.domain.brokers import ON_RECORD, BrokerState
from marketplace.domain.contracts import Side
from marketplace.domain.organisations import OrganisationState
from marketplace.domain.roles import Role, Tier
from marketplace.models.brokers import Broker, BrokerInstitution
from marketplace.models.contracts import Contract
from marketplace.models.dockings import Docking
from marketplace.models.organisations import Organisation
from marketplace.policies import (
    Grant,
    Rules,
    in_verified_unit,
    one_of,
    operator,
    system,
)

_UNIT = so.aliased(Organisation)
"""The unit in a condition of its own, also where a statement reads units itself."""


def broker_of(actor: Actor, org_id: UUID) -> Grant | None:
    """A broker of the unit."""
    return in_verified_unit(actor.standing_in(org_id), Role.BROKER)


def admin_of(actor: Actor, org_id: UUID) -> Grant | None:
    """The administrator of the unit."""
    return in_verified_unit(actor.standing_in(org_id), Role.UNIT_ADMIN)


def himself(actor: Actor, broker: Broker) -> Grant | None:
    """The person of the record, while he works as a broker for that unit."""
    if actor.user_id is None or broker.user_id != actor.user_id:
        return None
    return broker_of(actor, broker.org_id)


def keeper(actor: Actor, broker: Broker) -> Grant | None:
    """The unit's administrator, for a person who has no account."""
    return admin_of(actor, broker.org_id) if broker.user_id is None else None


def uninvolved_operator(
    actor: Actor, subject: Broker | BrokerInstitution
) -> Grant | None:
    """An operator who does not belong to the unit that he judges."""
    return None if actor.standing_in(subject.org_id) else operator(actor, subject)


def _outsider(actor: Actor, broker: Broker) -> Grant | None:
    """Somebody who writes for another verified unit than the broker's."""
    if actor.standing_in(broker.org_id) is not None:
        return None
    for standing in actor.standings:
        grant = in_verified_unit(actor.standing_in(standing.org_id), *threads.WRITING)
        if grant is not None:
            return grant
    return None


BROKER_RULES: Rules = {
    "create-own": (broker_of,),
    "create": (admin_of,),
    "edit": (himself, keeper),
    "verify": (uninvolved_operator,),
    "suspend": (uninvolved_operator,),
    "reinstate": (uninvolved_operator,),
    "rate-broker": (_outsider,),
}
"""``create`` and ``create-own`` are asked of the unit's identifier."""


def broker_tier(actor: Actor, broker: Broker) -> Tier:
    """How much of a visible record the caller reads."""
    mine = actor.user_id is not None and broker.user_id == actor.user_id
    if actor.is_system or mine or admin_of(actor, broker.org_id):
        return Tier.OWNER
    if operator(actor, broker):
        return Tier.OWNER
    return Tier.VERIFIED if actor.is_verified else Tier.PUBLIC


def valid_brokers(actor: Actor) -> sa.ColumnElement[bool]:
    """Brokers whose certificate somebody has checked and whose term runs."""
    of_verified_unit = sa.exists().where(
        _UNIT.id == Broker.org_id,
        _UNIT.state == OrganisationState.VERIFIED,
    )
    return sa.and_(
        Broker.state == BrokerState.VERIFIED,
        sa.or_(Broker.valid_until.is_(None), Broker.valid_until >= actor.today),
        of_verified_unit,
    )


def own_brokers(actor: Actor) -> sa.ColumnElement[bool]:
    """The caller's own record, and those of the units that he administers."""
    units = [s.org_id for s in actor.with_role(Role.UNIT_ADMIN)]
    mine = Broker.user_id == actor.user_id if actor.user_id else sa.false()
    return sa.or_(mine, one_of(Broker.org_id, units))


def visible_brokers(actor: Actor) -> sa.ColumnElement[bool]:
    """Records that the caller may know of."""
    if actor.is_system or actor.has_role(Role.OPERATOR):
        return sa.true()
    return sa.or_(valid_brokers(actor), own_brokers(actor))


def own_admin(actor: Actor, institution: BrokerInstitution) -> Grant | None:
    """The administrator of the institution's unit."""
    return admin_of(actor, institution.org_id)


def province(actor: Actor, institution: BrokerInstitution) -> Grant | None:
    """The provincial authority, if it is not its own unit."""
    if actor.standing_in(institution.org_id):
        return None
    standing = next(iter(actor.with_role(Role.PROVINCIAL_AUTHORITY)), None)
    if standing is None:
        return None
    return Grant(Role.PROVINCIAL_AUTHORITY, standing.org_id)


INSTITUTION_RULES: Rules = {
    "apply-for-record": (admin_of,),
    "edit": (own_admin,),
    "withdraw": (own_admin,),
    "reapply": (own_admin,),
    "recommend": (uninvolved_operator,),
    "return": (uninvolved_operator, province),
    "record": (province,),
    "evaluate": (province,),
    "remove": (province,),
    "read-thresholds": (system, own_admin, operator, province),
}
"""``apply-for-record`` is asked of the unit's identifier."""


def institution_tier(actor: Actor, institution: BrokerInstitution) -> Tier:
    """How much of a visible institution the caller reads."""
    insiders = (system, own_admin, operator, province)
    if any(rule(actor, institution) for rule in insiders):
        return Tier.OWNER
    return Tier.VERIFIED if actor.is_verified else Tier.PUBLIC


def visible_institutions(actor: Actor) -> sa.ColumnElement[bool]:
    """Institutions on record are public, applications their unit's and officials'."""
    officials = (Role.OPERATOR, Role.PROVINCIAL_AUTHORITY)
    if actor.is_system or any(actor.has_role(role) for role in officials):
        return sa.true()
    verified = sa.exists().where(
        _UNIT.id == BrokerInstitution.org_id,
        _UNIT.state == OrganisationState.VERIFIED,
    )
    units = [s.org_id for s in actor.with_role(Role.UNIT_ADMIN)]
    return sa.or_(
        sa.and_(one_of(BrokerInstitution.state, ON_RECORD), verified),
        one_of(BrokerInstitution.org_id, units),
    )


@dataclass(frozen=True, slots=True)
class Deal:
    """A contract with the unit that brokered the docking from which it comes.

    Parameters
    ----------
    broker_org_id : UUID or None
        The docking's, also where the contract does not name it as a party.
    """

    contract: Contract
    broker_org_id: UUID | None


def _docking_broker(actor: Actor, deal: Deal) -> Grant | None:
    return in_verified_unit(actor.standing_in(deal.broker_org_id), Role.BROKER)


def _writer(actor: Actor, deal: Deal) -> Grant | None:
    return threads.party_writer(actor, deal.contract)


def _principal_writer(actor: Actor, deal: Deal) -> Grant | None:
    return threads.buyer_or_seller(actor, deal.contract)


def _principal_admin(actor: Actor, deal: Deal) -> Grant | None:
    return threads.principal_admin(actor, deal.contract)


def _party_broker(actor: Actor, deal: Deal) -> Grant | None:
    return threads.party_broker(actor, deal.contract)


_MEDIATORS = (_party_broker, _docking_broker)
SHARE_RULES: Rules = {
    "read-contributions": (system, _writer, *_MEDIATORS, operator),
    "read-shares": (system, _writer, *_MEDIATORS, operator),
    "propose-shares": (_principal_writer, *_MEDIATORS),
    "accept-shares": (_principal_admin, *_MEDIATORS),
    "refuse-shares": (_principal_admin, *_MEDIATORS),
    "pay-commission": (_principal_writer, *_MEDIATORS),
}
"""Asked of a ``Deal``."""


def mediating_orgs(deal: Deal) -> list[UUID]:
    """Return the units that mediate a deal, each once, in a fixed order."""
    named = threads.party_orgs(deal.contract, Side.BROKER)
    if deal.broker_org_id is not None and deal.broker_org_id not in named:
        named.append(deal.broker_org_id)
    return named


def accepting_orgs(deal: Deal) -> list[UUID]:
    """Return the units without whose consent no shares are agreed, each once."""
    principals = threads.party_orgs(deal.contract, Side.BUYER, Side.SELLER)
    return list(dict.fromkeys([*principals, *mediating_orgs(deal)]))


def visible_deals(actor: Actor) -> sa.ColumnElement[bool]:
    """Contracts that the caller may know of, or whose docking his unit brokered."""
    brokering = threads.brokering_org_ids(actor)
    brokered = Contract.docking_id.in_(
        sa.select(Docking.id).where(one_of(Docking.broker_org_id, brokering))
    )
    return sa.or_(threads.visible_contracts(actor), brokered)
