"""Contribution ledger 贡献台账: who did what for a deal, read off the events.

Nothing here is ever typed in: every line is a person and the unit for which he acted,
with the entries of the ledger that show it. Who filed the need, who refined it, who
introduced the pair, who sat in the docking and who drafted the contract follow from
what they did; what somebody claims does not count.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace import broker_policies as rights
from marketplace import policies
from marketplace import thread_policies as threads
from marketplace.broker_policies import Deal
from marketplace.domain.actors import Actor
from marketplace.domain.roles import Role
from marketplace.errors import Forbidden, Invalid, Text
from marketplace.models.contracts import Contract
from marketplace.models.dockings import Docking
from marketplace.models.ledger import Event, LedgerEntry
from marketplace.models.users import User
from marketplace.services import commissions, needs
from marketplace.services.brokers import names_of

Values = dict[str, Any]
FILED, REFINED, INTRODUCED, ATTENDED, DRAFTED = (
    "FILED",
    "REFINED",
    "INTRODUCED",
    "ATTENDED",
    "DRAFTED",
)
ORDER = (FILED, REFINED, INTRODUCED, ATTENDED, DRAFTED)
MEANING: Mapping[str, str] = {
    "need.create": FILED,
    "need.edit": REFINED,
    "docking.open": INTRODUCED,
    "docking.log-meeting": ATTENDED,
    "docking.sign-nda": ATTENDED,
    "docking.propose-intent": ATTENDED,
    "docking.accept-intent": ATTENDED,
    "contract.create": DRAFTED,
    "contract.edit": DRAFTED,
    "contract.amend": DRAFTED,
}
"""Which entry of the ledger shows which contribution (code list ``contribution``)."""


@dataclass(frozen=True, slots=True)
class Line:
    """One contribution of one person for one unit.

    Parameters
    ----------
    user_id : UUID or None
        None where a job or a command did it.
    evidence : tuple of (int, UUID, datetime, str, str, UUID)
        Place in the ledger, event, moment, action, kind and id of the object.
    """

    contribution: str
    org_id: UUID | None
    user_id: UUID | None
    role: str
    evidence: tuple[tuple[int, UUID, datetime, str, str, UUID], ...]

    @property
    def first_seq(self) -> int:
        """The place of the first entry that shows it."""
        return self.evidence[0][0]


def lines(
    session: so.Session,
    *,
    need_ids: Collection[UUID] = (),
    docking_ids: Collection[UUID] = (),
    contract_ids: Collection[UUID] = (),
) -> list[Line]:
    """Read the contributions to some objects off the ledger.

    One line for each contribution, unit and person, in the order of ``ORDER`` and then
    of the ledger. Only the first filing of a need counts as one.

    Returns
    -------
    list of Line
    """
    subjects = {"need": need_ids, "docking": docking_ids, "contract": contract_ids}
    wanted = [
        sa.and_(Event.subject_kind == kind, Event.subject_id.in_(list(ids)))
        for kind, ids in subjects.items()
        if ids
    ]
    if not wanted:
        return []
    rows = session.execute(
        sa.select(LedgerEntry.seq, Event)
        .join(Event, Event.id == LedgerEntry.event_id)
        .where(sa.or_(*wanted), Event.action.in_(sorted(MEANING)))
        .order_by(LedgerEntry.seq)
    )
    found: dict[tuple[str, UUID | None, UUID | None], list[Any]] = {}
    roles: dict[tuple[str, UUID | None, UUID | None], str] = {}
    for seq, event in rows:
        key = (MEANING[event.action], event.actor_org_id, event.actor_id)
        roles.setdefault(key, event.actor_role)
        found.setdefault(key, []).append(
            (
                seq,
                event.id,
                event.at,
                event.action,
                event.subject_kind,
                event.subject_id,
            )
        )
    made = [
        Line(contribution, org_id, user_id, roles[key], tuple(evidence))
        for key, evidence in found.items()
        for contribution, org_id, user_id in [key]
    ]
    return sorted(made, key=lambda li: (ORDER.index(li.contribution), li.first_seq))


def search(
    session: so.Session,
    actor: Actor,
    *,
    contract_id: UUID | None = None,
    need_id: UUID | None = None,
) -> Values:
    """Show the contributions to a contract, or to a need.

    Raises
    ------
    NotFound, Unauthenticated, Forbidden
    Invalid
        Neither or both are named.
    """
    if (contract_id is None) == (need_id is None):
        raise Invalid.at(
            "/query/contract_id",
            "one_of_two",
            "请指明 contract_id 或 need_id 之一",
            "name either contract_id or need_id",
        )
    if contract_id is not None:
        return _of_contract(session, actor, contract_id)
    assert need_id is not None  # noqa: S101 - asked above
    return _of_need(session, actor, need_id)


def _of_contract(session: so.Session, actor: Actor, contract_id: UUID) -> Values:
    deal = commissions.get_deal(session, actor, contract_id)
    policies.require(actor, "read-contributions", deal, rights.SHARE_RULES)
    found = of_deal(session, deal)
    known = {*rights.accepting_orgs(deal), deal.contract.created_for}
    return {
        "contract_id": deal.contract.id,
        "need_id": deal.contract.need_id,
        "items": _show(session, actor, found, known),
        "deal": commissions.deal_facts(session, actor, deal),
    }


def of_deal(session: so.Session, deal: Deal) -> list[Line]:
    """Read the contributions to a contract off the ledger."""
    contract = deal.contract
    return lines(
        session,
        need_ids=[contract.need_id] if contract.need_id else (),
        docking_ids=[contract.docking_id] if contract.docking_id else (),
        contract_ids=[contract.id],
    )


def _of_need(session: so.Session, actor: Actor, need_id: UUID) -> Values:
    """Show the contributions to a need, its dockings and contracts, that he may see."""
    need = needs.get(session, actor, need_id)
    insider = policies.need_insider(actor, need) or actor.has_role(Role.OPERATOR)
    if not insider:
        policies.require_signed_in(actor)
        raise Forbidden(
            Text(
                "只有需求单位和平台运营方可以查看",
                "only the need's unit and operators read its contributions",
            )
        )
    dockings = session.execute(
        sa.select(Docking.id, Docking.broker_org_id, Docking.offer_org_id).where(
            Docking.need_id == need.id, threads.visible_dockings(actor)
        )
    ).all()
    contracts = session.scalars(
        sa.select(Contract.id).where(
            Contract.need_id == need.id, threads.visible_contracts(actor)
        )
    ).all()
    found = lines(
        session,
        need_ids=[need.id],
        docking_ids=[row.id for row in dockings],
        contract_ids=contracts,
    )
    known = {need.owner_org_id}
    for row in dockings:
        known |= {row.offer_org_id} | ({row.broker_org_id} - {None})
    return {
        "contract_id": None,
        "need_id": need.id,
        "items": _show(session, actor, found, known),
        "deal": None,
    }


def _show(
    session: so.Session, actor: Actor, found: Sequence[Line], known: Collection[UUID]
) -> list[Values]:
    """Show lines; persons of units that are not in the deal stay unnamed."""
    units = names_of(session, {li.org_id for li in found if li.org_id})
    people = {
        row.id: row.name
        for row in session.execute(
            sa.select(User.id, User.name).where(
                User.id.in_({li.user_id for li in found if li.user_id})
            )
        )
    }
    all_of_them = actor.is_system or actor.has_role(Role.OPERATOR)

    def person(line: Line) -> Values | None:
        told = all_of_them or line.org_id in known or line.org_id in actor.org_ids
        if line.user_id is None or not told:
            return None
        return {"id": line.user_id, "name": people.get(line.user_id, "")}

    return [
        {
            "contribution": line.contribution,
            "organisation": None
            if line.org_id is None
            else {"id": line.org_id, "name": units.get(line.org_id, "")},
            "user": person(line),
            "role": line.role,
            "first_at": line.evidence[0][2],
            "evidence": [
                {
                    "seq": seq,
                    "event_id": event_id,
                    "at": at,
                    "action": action,
                    "subject_kind": kind,
                    "subject_id": subject_id,
                }
                for seq, event_id, at, action, kind, subject_id in line.evidence
            ],
        }
        for line in found
    ]
