"""Registration readiness 预检: a contract judged by the registration rules of a day.

``picture_of`` gathers what is known of a contract, ``rule_set`` reads the rules that
hold on a day, ``judge`` compares the two without asking anything further. The answer
of a rule whose text is uncertain says so and never speaks of law: its wording begins
with what it rests on, and its severity is that of the rule's row at most.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace.domain.actors import SHANGHAI
from marketplace.domain.conflicts import UPHELD, Outcome, Purpose
from marketplace.domain.contracts import (
    ContractState,
    RegistrationState,
    Side,
)
from marketplace.errors import Text
from marketplace.models.attachments import Attachment
from marketplace.models.contracts import (
    Contract,
    ContractParty,
    ContractSignature,
    ContractVersion,
)
from marketplace.models.organisations import Organisation
from marketplace.models.registrations import Registration
from marketplace.services import (
    conflicts,
    readiness_amounts,
    readiness_classes,
    readiness_papers,
    readiness_parties,
    rules,
)
from marketplace.services.contract_contents import CONTENT
from marketplace.services.fields import thawed
from marketplace.services.readiness_facts import (
    LAW,
    LEVELS,
    PASS,
    Earlier,
    Fault,
    PartyFacts,
    Picture,
    RuleRow,
    RuleSet,
    plain,
)

RULES_KEY = "registration.rule_set"
MOST_EARLIER = 2000
"""Earlier contracts of the sellers that are compared, the newest first."""
CHECKS = (
    readiness_classes.CHECKS
    | readiness_parties.CHECKS
    | readiness_amounts.CHECKS
    | readiness_papers.CHECKS
)
"""Every check by the name that a rule's row gives it."""
_BASES = {
    "L?": Text(
        "据报道的现行办法（全文未核对）：",
        "According to reports of the measures in force, whose text was not read: ",
    ),
    "D": Text(
        "依据2024年12月征求意见稿（最终文本可能不同）：",
        "After the draft of December 2024, whose final text may differ: ",
    ),
    "G": Text(
        "参考来源未核实的认定规则文本：",
        "After a rule text whose origin is not verified: ",
    ),
    "O": Text(
        "依据2000年办法和2001年规则（旧规则，2026年3月1日起废止）：",
        "After the old rules of 2000 and 2001, repealed from 1 March 2026: ",
    ),
    "P": Text("依据实务做法：", "After practice: "),
    "S": Text("依据政策文件：", "After a policy document: "),
    "U": Text("依据未经核实的信息：", "After information that is not verified: "),
    "X": Text("平台建议：", "Advice of this platform: "),
}
_LAW = Text("法律规定（{clause}）：", "By law ({clause}): ")
_NOTHING = Text("未发现问题", "nothing was found")


@dataclass(frozen=True, slots=True)
class Answer:
    """What one rule says of a contract.

    Attributes
    ----------
    code : str
        The rule's code, the same for the same check in every rule set.
    status : str
        ``pass``, ``fix`` (what and where) or ``ask`` (a person must look).
    pointers : tuple of str
        JSON pointers into the content; empty where the matter lies outside it.
    message : Text
        What, where, and what instead; of a ``pass`` a note, if any.
    title : Text
    clause, source, mark : str
        Where the rule stands, and how certain that is.
    others : tuple of UUID
        Contracts with which this one was compared and that gave the answer; they are
        for those who may see them.
    """

    code: str
    status: str
    pointers: tuple[str, ...]
    message: Text
    title: Text
    clause: str
    source: str
    mark: str
    others: tuple[UUID, ...] = ()


def judge(picture: Picture, rule_set: RuleSet) -> list[Answer]:
    """Judge a contract by every rule of a rule set.

    Parameters
    ----------
    picture : Picture
    rule_set : RuleSet

    Returns
    -------
    list of Answer
        One a rule, in the order of the rule set. The same picture and rules give the
        same answers.
    """
    return [_answer(picture, rule, rule_set) for rule in rule_set.rules]


def _answer(picture: Picture, rule: RuleRow, rule_set: RuleSet) -> Answer:
    faults = list(CHECKS[rule.check](picture, rule, rule_set))
    status = (
        max((_capped(fault, rule) for fault in faults), key=LEVELS.index)
        if (faults)
        else PASS
    )
    pointers = dict.fromkeys(p for fault in faults for p in fault.pointers)
    others = dict.fromkeys(o for fault in faults for o in fault.others)
    return Answer(
        code=rule.code,
        status=status,
        pointers=tuple(pointers),
        message=_worded(rule, faults),
        title=rule.title,
        clause=rule.clause,
        source=rule.source,
        mark=rule.mark,
        others=tuple(others),
    )


def _capped(fault: Fault, rule: RuleRow) -> str:
    """Return the level of a fault, no higher than the rule's severity."""
    return min(fault.level, rule.severity, key=LEVELS.index)


def _worded(rule: RuleRow, faults: Sequence[Fault]) -> Text:
    """Say what was found, behind what the rule rests on."""
    if not faults:
        return _NOTHING
    basis = _LAW.format(clause=rule.clause) if rule.mark == LAW else _BASES[rule.mark]
    return Text(
        basis.zh + "；".join(fault.message.zh for fault in faults),
        basis.en + "; ".join(fault.message.en for fault in faults),
    )


def summary(answers: Sequence[Answer]) -> dict[str, int]:
    """Count the answers by status, those that are not there as nought."""
    return {
        level: sum(answer.status == level for answer in answers) for level in LEVELS
    }


def rule_set(session: so.Session, on: date, region: str = "") -> RuleSet:
    """Read the registration rules that hold on a day, for a place.

    Raises
    ------
    rules.NoRule
        No rule set holds on that day: it lies before the first one.
    """
    row = rules.in_force(session, RULES_KEY, on=on, region=region)
    return read_rule_set(
        row.value,
        mark=row.mark,
        source=row.source,
        valid_from=row.valid_from,
        valid_to=row.valid_to,
        on=on,
    )


def rule_set_of_version(session: so.Session, version: str, on: date) -> RuleSet | None:
    """Read the registration rules of a version, whichever rules hold on ``on``."""
    for row in rules.every(session, RULES_KEY):
        if row.value["version"] == version:
            return read_rule_set(
                row.value,
                mark=row.mark,
                source=row.source,
                valid_from=row.valid_from,
                valid_to=row.valid_to,
                on=on,
            )
    return None


def read_rule_set(
    value: Mapping[str, Any],
    *,
    mark: str,
    source: str,
    valid_from: date,
    valid_to: date | None,
    on: date,
) -> RuleSet:
    """Build a rule set from its value in the table of rules.

    A rule with a ``from`` rests on a text that came later than the set; it is left
    out on the days before.
    """
    threshold = value["large_threshold_yuan"]
    return RuleSet(
        version=value["version"],
        mark=mark,
        source=source,
        valid_from=valid_from,
        valid_to=valid_to,
        classes=frozenset(value["classes"]),
        class_bridge=value["class_bridge"],
        days_normal=value["days_normal"],
        days_large=value["days_large"],
        days_unit=value["days_unit"],
        large_threshold_yuan=None if threshold is None else Decimal(threshold),
        large_basis=value["large_basis"],
        who_applies=value["who_applies"],
        correction_clock=value["correction_clock"],
        certainty=value["certainty"],
        rules=tuple(
            _rule(row)
            for row in value["rules"]
            if date.fromisoformat(row.get("from", "0001-01-01")) <= on
        ),
    )


def _rule(row: Mapping[str, Any]) -> RuleRow:
    return RuleRow(
        code=row["code"],
        check=row["check"],
        clause=row["clause"],
        source=row["source"],
        mark=row["mark"],
        severity=row["severity"],
        title=Text(row["title"]["zh"], row["title"]["en"]),
        params=row.get("params", {}),
    )


def picture_of(
    session: so.Session, contract: Contract, version: ContractVersion, today: date
) -> Picture:
    """Gather what is known of one version of a contract.

    Parameters
    ----------
    contract : Contract
    version : ContractVersion
        The version that is judged; the one in force, or the draft.
    today : date
        The day of the application.

    Returns
    -------
    Picture
    """
    values = thawed(CONTENT, version.content)
    parties = _parties(session, values)
    signatures = session.scalars(
        sa.select(ContractSignature).where(ContractSignature.version_id == version.id)
    ).all()
    return Picture(
        values=values,
        parties=parties,
        documents=_documents(session, values, signatures),
        all_signed=_all_signed(values, signatures),
        state=contract.state,
        today=today,
        earlier=_earlier(session, contract, parties),
        related=_related(session, contract, parties, today),
        concluded_on=_concluded_on(contract),
        registry_region=_registry_region(session, contract),
    )


def _concluded_on(contract: Contract) -> date | None:
    if contract.concluded_at is None:
        return None
    return contract.concluded_at.astimezone(SHANGHAI).date()


def _registry_region(session: so.Session, contract: Contract) -> str:
    region = session.scalar(
        sa.select(Organisation.region)
        .join(Registration, Registration.registry_org_id == Organisation.id)
        .where(Registration.contract_id == contract.id)
    )
    return region or ""


_FROM_PARTY = (
    "name",
    "uscc",
    "party_nature",
    "region",
    "contact_name",
    "contact_phone",
    "address",
    "postcode",
    "scale",
    "industry",
)
"""What a party takes from its organisation where the contract leaves it empty."""


def _parties(session: so.Session, values: Mapping[str, Any]) -> tuple[PartyFacts, ...]:
    ids = [row["organisation_id"] for row in values["parties"]]
    found = session.scalars(
        sa.select(Organisation).where(
            Organisation.id.in_([key for key in ids if key is not None])
        )
    )
    orgs = {org.id: org for org in found}
    return tuple(
        party_facts(index, row, orgs.get(row["organisation_id"]))
        for index, row in enumerate(values["parties"])
    )


def party_facts(
    index: int, row: Mapping[str, Any], org: Organisation | None
) -> PartyFacts:
    """Return a party of the contract, filled up from its organisation."""
    filled: dict[str, Any] = {
        name: row[name] or (getattr(org, name) if org else "") or ""
        for name in _FROM_PARTY
    }
    party = PartyFacts(
        index=index,
        side=row["side"] or "",
        country=row["country"],
        representative=row["representative"] or (org.legal_rep if org else ""),
    )
    party = replace(party, **filled)
    if org is None:
        return party
    return replace(
        party,
        organisation_id=org.id,
        registered_name=org.name,
        registered_uscc=org.uscc or "",
        standing=org.state,
        is_inner=bool(org.parent_org_id and not org.uscc),
        is_legal_person=org.org_type != "PERS",
    )


def _documents(
    session: so.Session,
    values: Mapping[str, Any],
    signatures: Sequence[ContractSignature],
) -> frozenset[str]:
    """Return the kinds of papers whose file is there; a signed file is the contract."""
    named = [
        (row["attachment_id"], row["kind"])
        for row in values["documents"]
        if row["attachment_id"] is not None and row["kind"]
    ]
    there = set(
        session.scalars(
            sa.select(Attachment.id).where(Attachment.id.in_([key for key, _ in named]))
        )
    )
    kinds = {kind for key, kind in named if key in there}
    if any(signature.attachment_id for signature in signatures):
        kinds.add("CONTRACT")
    return frozenset(kinds)


def _all_signed(
    values: Mapping[str, Any], signatures: Sequence[ContractSignature]
) -> bool:
    have = {(signature.side.value, signature.party_key) for signature in signatures}
    want = {
        (row["side"], str(row["organisation_id"] or row["name"]))
        for row in values["parties"]
    }
    return bool(want) and want <= have


def _earlier(
    session: so.Session, contract: Contract, parties: Sequence[PartyFacts]
) -> tuple[Earlier, ...]:
    """Return the other contracts of the sellers that were ever concluded."""
    sellers = [
        party.organisation_id
        for party in parties
        if party.side == Side.SELLER and party.organisation_id is not None
    ]
    if not sellers:
        return ()
    mine = sa.select(ContractParty.contract_id).where(
        ContractParty.side == Side.SELLER, ContractParty.org_id.in_(sellers)
    )
    rows = session.execute(
        sa.select(
            Contract.id,
            Contract.title,
            Contract.contract_class,
            Contract.total_yuan,
            ContractVersion.content["subject"].as_string(),
            Registration.state,
        )
        .join(ContractVersion, ContractVersion.id == Contract.current_version_id)
        .outerjoin(Registration, Registration.contract_id == Contract.id)
        .where(
            Contract.id.in_(mine),
            Contract.id != contract.id,
            Contract.state.not_in([ContractState.DRAFT, ContractState.VOID]),
        )
        .order_by(Contract.id.desc())
        .limit(MOST_EARLIER)
    ).all()
    buyers = _buyers(session, [row[0] for row in rows])
    return tuple(
        Earlier(
            id=key,
            title=title,
            subject=subject or "",
            contract_class=contract_class or "",
            total_yuan=total,
            buyers=frozenset(buyers.get(key, ())),
            registration=state or RegistrationState.NONE,
        )
        for key, title, contract_class, total, subject, state in rows
    )


def _buyers(session: so.Session, ids: Sequence[UUID]) -> dict[UUID, set[str]]:
    found: dict[UUID, set[str]] = {}
    rows = session.execute(
        sa.select(
            ContractParty.contract_id, ContractParty.org_id, ContractParty.name
        ).where(ContractParty.contract_id.in_(ids), ContractParty.side == Side.BUYER)
    )
    for contract_id, org_id, name in rows:
        found.setdefault(contract_id, set()).add(str(org_id or plain(name)))
    return found


def _related(
    session: so.Session,
    contract: Contract,
    parties: Sequence[PartyFacts],
    today: date,
) -> bool | None:
    """Tell whether a buyer and a seller are related, by the ties of its day.

    It is the graph that the check of the contract asks. None where a party is known
    by nothing but its name, or where an operator would have to look.
    """
    sides = {
        side: [p for p in parties if p.side == side]
        for side in (Side.BUYER, Side.SELLER)
    }
    left, right = (
        conflicts.side(
            units=[p.organisation_id for p in found if p.organisation_id],
            codes=[p.uscc for p in found if not p.organisation_id and p.uscc],
        )
        for found in sides.values()
    )
    outcomes = conflicts.pairs(
        session,
        purpose=Purpose.CONTRACT,
        left=left,
        right=right,
        on=min(contract.signed_on or today, today),
        today=today,
    )
    if conflicts.CERTAIN & set(outcomes.values()):
        return True
    open_ = [ends for ends, outcome in outcomes.items() if outcome is Outcome.ASK]
    decided = {conflicts.decision_on(session, [contract.id], *ends) for ends in open_}
    if UPHELD in decided:
        return True
    unknown = any(
        not (p.organisation_id or p.uscc) for found in sides.values() for p in found
    )
    return None if unknown or None in decided else False
