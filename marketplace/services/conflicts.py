"""Checks for conflicts of interest 利益冲突核查, and the operator's decisions on them.

A use case that brings two sides together calls ``require_clear`` before it writes
anything, and shows a party no more of the answer than ``told`` gives.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa
import sqlalchemy.orm as so
from sqlalchemy.exc import IntegrityError

from marketplace import policies
from marketplace.domain.actors import SHANGHAI, Actor
from marketplace.domain.conflicts import (
    CLEARED,
    CONFLICT_WORKFLOW,
    PENDING,
    TO_DECIDE,
    UPHELD,
    ConflictState,
    Outcome,
    Purpose,
    Verdict,
)
from marketplace.domain.roles import Role
from marketplace.errors import (
    Conflict,
    ConflictNoted,
    ConflictOfInterest,
    NotFound,
    Text,
)
from marketplace.models.conflicts import ConflictCheck
from marketplace.models.organisations import Organisation
from marketplace.models.users import User
from marketplace.policies import CONFLICT_RULES
from marketplace.services import actions, duties, events, organisations, rules
from marketplace.services.duties import Whom
from marketplace.services.fields import Reader
from marketplace.services.paging import Listing
from marketplace.services.relation_graph import (
    EdgeKind,
    Finding,
    FindingKind,
    Limits,
    RelationGraph,
    Step,
    findings,
)
from marketplace.services.relation_loader import (
    code_key,
    id_in,
    load,
    unit_key,
    user_key,
)

HREF = "/api/v1/conflict-checks"


@dataclass(frozen=True)
class Side:
    """Those who stand on one side: units, and users as persons.

    For an expert give the person and the units that he belongs to: a relation of his
    employer is then judged as the employer's, not as an indirect one of his own.

    Parameters
    ----------
    codes : frozenset of str
        Credit codes of parties that are not known by an identifier.
    """

    units: frozenset[UUID] = frozenset()
    users: frozenset[UUID] = frozenset()
    codes: frozenset[str] = frozenset()

    @property
    def keys(self) -> list[str]:
        """Names in the graph of relations, in order."""
        units, users = map(unit_key, self.units), map(user_key, self.users)
        return sorted([*units, *users, *map(code_key, self.codes)])

    def __bool__(self) -> bool:
        """Tell whether anybody stands on it."""
        return bool(self.units or self.users or self.codes)


def side(
    *,
    units: Iterable[UUID] = (),
    users: Iterable[UUID] = (),
    codes: Iterable[str] = (),
) -> Side:
    """Make a side out of identifiers and credit codes."""
    return Side(frozenset(units), frozenset(users), frozenset(codes))


def _registered(session: so.Session, given: Side) -> Side:
    """Return a side whose codes that are registered here are units."""
    if not given.codes:
        return given
    rows = session.execute(
        sa.select(Organisation.id, Organisation.uscc).where(
            Organisation.uscc.in_(sorted(given.codes))
        )
    ).all()
    known = {row.uscc for row in rows}
    units = given.units | {row.id for row in rows}
    return Side(units, given.users, given.codes - known)


@dataclass(frozen=True, slots=True)
class Consequences:
    """What the rule in force makes of relations, for one purpose.

    Parameters
    ----------
    declared, detected : dict of str to str
        Outcome by kind of finding; under the empty kind that of all others.
    upheld : Outcome
        What holds when an operator has upheld a finding.
    waiting : Outcome
        What holds until an operator has decided.
    review_level : int
        By how much a relation raises the level of review.
    """

    declared: dict[str, str]
    detected: dict[str, str]
    upheld: Outcome
    waiting: Outcome
    review_level: int

    def of(self, finding: Finding) -> Outcome:
        """Return what the rule makes of one finding."""
        outcomes = self.declared if finding.is_declared else self.detected
        kind = finding.kind.value
        small = f"{kind}_small"
        if small in outcomes and _is_of_small_shares(finding):
            kind = small
        return Outcome(outcomes.get(kind, outcomes[""]))

    def together(self, outcomes: Collection[Outcome]) -> Outcome:
        """Return what holds when there are several findings.

        Nobody is asked about what would change nothing: one refusal refuses, and a
        relation that is certain is not asked about where a further one only marks.
        """
        settled = self.upheld is Outcome.MARK and Outcome.MARK in outcomes
        for outcome in Outcome:
            if outcome in outcomes and not (outcome is Outcome.ASK and settled):
                return outcome
        return Outcome.PASS


_WEAK = frozenset({FindingKind.SHAREHOLDING, FindingKind.INDIRECT})


def _is_of_small_shares(finding: Finding) -> bool:
    """Tell whether two are related by nothing but known shares, without influence.

    Shares that give control or influence make a finding of another kind.
    """
    return finding.kind in _WEAK and all(
        step.edge.kind is EdgeKind.SHAREHOLDER and step.edge.share is not None
        for step in finding.path.steps
    )


def refusing(session: so.Session, purpose: Purpose, *, on: date) -> Consequences:
    """Return the rule in force for a purpose.

    Raises
    ------
    NoRule
        The seed data is incomplete.
    """
    rule = rules.in_force(session, "conflicts.consequences", on=on)
    value = rule.value[Purpose(purpose).value]
    return Consequences(
        value["declared"],
        value["detected"],
        Outcome(value["upheld"]),
        Outcome(value["waiting"]),
        value["review_level"],
    )


def _limits(session: so.Session, on: date) -> Limits:
    shares = rules.in_force(session, "conflicts.thresholds", on=on).value
    search = rules.in_force(session, "conflicts.search", on=on).value
    return Limits(
        Decimal(shares["control_percent"]),
        Decimal(shares["joint_percent"]),
        Decimal(shares["significant_percent"]),
        search["longest_indirect"],
    )


def check(
    session: so.Session,
    actor: Actor,
    *,
    purpose: Purpose,
    subject_kind: str,
    subject_id: UUID,
    left: Side,
    right: Side,
) -> ConflictCheck:
    """Check two sides for one matter, and keep the answer.

    The ties that hold today are read with the market's own eyes, whoever asks. The
    same question with the same answer is one record, so asking twice makes no second
    item for the operator, and a decision stands as long as nothing new is found.

    Parameters
    ----------
    purpose : Purpose
    subject_kind, subject_id : str and UUID
        What it is about, for example a docking.
    left, right : Side
        Whose relation to each other is asked for; those of one side may be related.

    Raises
    ------
    NotFound
        A unit or user does not exist.
    """
    left, right = _registered(session, left), _registered(session, right)
    _require_known(session, left, right)
    near = load(session, left.keys, right.keys, on=actor.today, zone=actor.zone)
    found = findings(
        near.graph, left.keys, right.keys, limits=_limits(session, actor.today)
    )
    rule = refusing(session, purpose, on=actor.today)
    outcome = rule.together({rule.of(finding) for finding in found})
    row = ConflictCheck(
        purpose=Purpose(purpose).value,
        subject_kind=subject_kind,
        subject_id=subject_id,
        left=left.keys,
        right=right.keys,
        as_of=actor.today,
        verdict=_verdict(found).value,
        outcome=outcome.value,
        findings=[_written(near.graph, finding, rule.of(finding)) for finding in found],
        unexplored=list(near.unexplored),
        decision=CONFLICT_WORKFLOW.initial if outcome is Outcome.ASK else None,
        created_at=actor.now,
        updated_at=actor.now,
    )
    row.fingerprint = _fingerprint(row)
    return _keep(session, actor, row)


def _require_known(session: so.Session, *sides: Side) -> None:
    for model, ids in (
        (Organisation, frozenset[UUID]().union(*(s.units for s in sides))),
        (User, frozenset[UUID]().union(*(s.users for s in sides))),
    ):
        known = session.scalars(sa.select(model.id).where(model.id.in_(ids)))
        if ids - set(known):
            raise NotFound


def _verdict(found: Sequence[Finding]) -> Verdict:
    if any(finding.is_declared for finding in found):
        return Verdict.DECLARED
    return Verdict.DETECTED if found else Verdict.CLEAR


def _written(
    graph: RelationGraph, finding: Finding, outcome: Outcome
) -> dict[str, Any]:
    """Return a finding as it is kept, with the names of the day."""
    parties = [graph.parties[key] for key in finding.path.parties]
    return {
        "kind": finding.kind.value,
        "left": finding.left,
        "right": finding.right,
        "declared": finding.is_declared,
        "outcome": outcome.value,
        "share_percent": None if finding.share is None else str(finding.share),
        "parties": [
            {"key": p.key, "kind": p.kind.value, "name": p.name} for p in parties
        ],
        "ties": [_tie(step) for step in finding.path.steps],
    }


def _tie(step: Step) -> dict[str, Any]:
    edge = step.edge
    return {
        "kind": edge.kind.value,
        "holder": edge.holder,
        "target": edge.target,
        "share_percent": None if edge.share is None else str(edge.share),
        "declared_by": edge.declared_by,
        "valid_from": events.plain(edge.valid_from),
        "valid_to": events.plain(edge.valid_to),
        "source": {
            "table": edge.source.table,
            "record": edge.source.record,
            "text": edge.source.text,
        },
    }


def _fingerprint(row: ConflictCheck) -> str:
    """Return a digest of the question and of what was found, names left out."""
    found = [
        [f["kind"], f["declared"], f["outcome"], f["share_percent"], f["left"]]
        + [f["right"], [p["key"] for p in f["parties"]]]
        + [[t["kind"], t["source"]["table"], t["source"]["record"]] for t in f["ties"]]
        for f in row.findings
    ]
    body = [row.purpose, row.subject_kind, str(row.subject_id), row.left, row.right]
    text = json.dumps([body, found], ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _keep(session: so.Session, actor: Actor, row: ConflictCheck) -> ConflictCheck:
    """Write a check, or return the one that stands already."""
    same = sa.select(ConflictCheck).where(ConflictCheck.fingerprint == row.fingerprint)
    kept = session.scalar(same)
    if kept is not None:
        return kept
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        kept = session.scalar(same)
        if kept is None:
            raise
        return kept
    events.record(
        session,
        actor,
        row,
        "conflict_check.create",
        to_state=row.decision,
        changes=events.difference(
            {},
            {
                "purpose": row.purpose,
                "subject_id": row.subject_id,
                "verdict": row.verdict,
                "outcome": row.outcome,
                "kinds": sorted({f["kind"] for f in row.findings}),
            },
        ),
    )
    if row.decision in TO_DECIDE:
        rule = rules.in_force(session, "review.duties", on=actor.today).value
        duties.open_(
            session,
            actor,
            Whom(role=Role.OPERATOR),
            "review-conflict",
            kind="conflict_check",
            subject_id=row.id,
            title=_title(session, row),
            number="",
            due_on=duties.promise(session, actor, int(rule["review-conflict"])),
        )
    session.flush()
    return row


def upheld_pairs(session: so.Session) -> set[frozenset[str]]:
    """Return the pairs of units whose relation an operator has upheld, by their keys.

    For whatever purpose it was looked into: what is decided is how the two stand.
    """
    rows = session.scalars(
        sa.select(ConflictCheck.findings).where(ConflictCheck.decision == UPHELD)
    )
    pairs = (frozenset({f["left"], f["right"]}) for found in rows for f in found)
    return {pair for pair in pairs if all(key.startswith("unit:") for key in pair)}


def _title(session: so.Session, row: ConflictCheck) -> str:
    """Name the parties, as far as the line of a queue has room."""
    names = _names(session, {*row.left, *row.right})
    sides = (
        "、".join(names.get(key) or key.partition(":")[2] for key in keys)
        for keys in (row.left, row.right)
    )
    return " × ".join(sides)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a check means now, with the operator's decision.

    Parameters
    ----------
    may_go_on : bool
    is_related : bool
        To be marked as a deal of related parties 关联交易 or affiliated units.
    waits : bool
        An operator has yet to decide.
    review_level : int
        By how much the level of review rises.
    """

    may_go_on: bool
    is_related: bool
    waits: bool
    review_level: int


def answer(session: so.Session, row: ConflictCheck) -> Answer:
    """Say what a check means now, by the rule of the day it was made."""
    rule = refusing(session, Purpose(row.purpose), on=row.as_of)
    by_decision = {
        None: Outcome(row.outcome),
        PENDING: rule.waiting,
        CLEARED: Outcome.PASS,
        UPHELD: rule.upheld,
    }
    outcome = by_decision[row.decision]
    certain = any(
        Outcome(found["outcome"]) in {Outcome.MARK, Outcome.REFUSE}
        for found in row.findings
    )
    related = certain or row.decision is UPHELD
    return Answer(
        may_go_on=outcome is not Outcome.REFUSE,
        is_related=related,
        waits=row.decision is PENDING,
        review_level=rule.review_level if related else 0,
    )


def require_clear(
    session: so.Session,
    actor: Actor,
    *,
    purpose: Purpose,
    subject_kind: str,
    subject_id: UUID,
    left: Side,
    right: Side,
) -> ConflictCheck:
    """Check two sides, and refuse where the rule in force does not let them go on.

    Call it before anything else is written: the record of a refusal then stays, and an
    item for the operator with it. After a change of anything but checks it refuses all
    the same, and everything goes back.

    Returns
    -------
    ConflictCheck
        See ``answer`` for whether it marks the deal or waits.

    Raises
    ------
    ConflictOfInterest
        Telling no more than ``told``.
    NotFound
    """
    untouched = events.recorded_kinds(session) <= {"conflict_check"}
    row = check(
        session,
        actor,
        purpose=purpose,
        subject_kind=subject_kind,
        subject_id=subject_id,
        left=left,
        right=right,
    )
    if answer(session, row).may_go_on:
        return row
    refusal = ConflictNoted if untouched else ConflictOfInterest
    raise refusal(_REFUSED[row.decision], extra={"conflict": told(session, actor, row)})


_REFUSED: dict[ConflictState | None, Text] = {
    None: Text(
        "双方存在已申报的关联关系，按现行规则不能进行",
        "the two sides have a declared relation; the rule in force does not let them"
        " go on",
    ),
    PENDING: Text(
        "须先由平台运营方核查双方是否存在关联关系",
        "an operator has to look first at whether the two sides are related",
    ),
    UPHELD: Text(
        "平台运营方已认定双方存在关联关系，不能进行",
        "an operator has found that the two sides are related",
    ),
}


def told(session: so.Session, actor: Actor, row: ConflictCheck) -> dict[str, Any]:
    """Return what the caller may know of a check.

    An operator knows all. A party learns that there is a relation, and of the ways
    those that consist of nothing but its own declarations and what is public. A way of
    which it knows only a part is not begun for it: how its own tie goes on would tell
    what another has declared in confidence.

    Returns
    -------
    dict
        ``verdict``, and ``ways``: of each its kind, the names on it, and its ties.
    """
    all_of_it = policies.may(actor, "read", row, CONFLICT_RULES) or actor.is_system
    public = set[str]() if all_of_it else _public_units(session, actor, row)
    myself = user_key(actor.user_id) if actor.user_id is not None else None
    own = {myself, *map(unit_key, actor.org_ids)} - {None}

    def known(tie: dict[str, Any]) -> bool:
        if tie["declared_by"] in own or tie["holder"] == myself:
            return True
        is_parent = tie["kind"] == EdgeKind.PARENT.value
        return is_parent and {tie["holder"], tie["target"]} <= public

    ways = [
        {
            "kind": found["kind"],
            "parties": [party["name"] for party in found["parties"]],
            "ties": [tie["kind"] for tie in found["ties"]],
        }
        for found in row.findings
        if all_of_it or (found["ties"] and all(known(tie) for tie in found["ties"]))
    ]
    return {"verdict": row.verdict, "ways": ways}


def _public_units(session: so.Session, actor: Actor, row: ConflictCheck) -> set[str]:
    """Name the concerned units that the caller may know of: their parents are shown."""
    statement = sa.select(Organisation.id).where(
        Organisation.id.in_(row.units), policies.visible_organisations(actor)
    )
    return set(map(unit_key, session.scalars(statement)))


def outlooks(
    session: so.Session,
    actor: Actor,
    *,
    purpose: Purpose,
    left: Side,
    right: Sequence[Side],
) -> list[Outcome]:
    """Say for each of many candidates what a check would come to; nothing is kept.

    The neighbourhood is read once a batch of candidates. What an operator has decided
    before does not count here; whoever is chosen is checked again by ``require_clear``.

    Parameters
    ----------
    right : sequence of Side
        The candidates, for example experts with their units.

    Returns
    -------
    list of Outcome
        In the order of the candidates.
    """
    _require_known(session, left, *right)
    rule = refusing(session, purpose, on=actor.today)
    limits = _limits(session, actor.today)
    most = rules.in_force(session, "conflicts.search", on=actor.today).value["batch"]
    found: list[Outcome] = []
    for start in range(0, len(right), most):
        some = right[start : start + most]
        keys = sorted({key for candidate in some for key in candidate.keys})
        near = load(session, left.keys, keys, on=actor.today, zone=actor.zone)
        by_key: dict[str, set[Outcome]] = {}
        for finding in findings(near.graph, left.keys, keys, limits=limits):
            by_key.setdefault(finding.right, set()).add(rule.of(finding))
        for candidate in some:
            outcomes = set().union(*(by_key.get(key, set()) for key in candidate.keys))
            found.append(rule.together(outcomes))
    return found


def pairs(
    session: so.Session,
    *,
    purpose: Purpose,
    left: Side,
    right: Side,
    on: date,
    today: date,
    zone: ZoneInfo = SHANGHAI,
) -> dict[tuple[str, str], Outcome]:
    """Say for each two of two sides what a check would come to; nothing is kept.

    Parameters
    ----------
    on : date
        The day whose ties count, for example that on which a contract was signed.
    today : date
        The day whose rules count.

    Returns
    -------
    dict of (str, str) to Outcome
        By the keys of the two; those without any relation are not there.
    """
    one, other = _registered(session, left), _registered(session, right)
    if not one or not other:
        return {}
    rule = refusing(session, purpose, on=today)
    near = load(session, one.keys, other.keys, on=on, zone=zone, rules_on=today)
    found: dict[tuple[str, str], set[Outcome]] = {}
    limits = _limits(session, today)
    for finding in findings(near.graph, one.keys, other.keys, limits=limits):
        ends = (finding.left, finding.right)
        found.setdefault(ends, set()).add(rule.of(finding))
    return {ends: rule.together(outcomes) for ends, outcomes in found.items()}


CERTAIN = frozenset({Outcome.MARK, Outcome.REFUSE})
"""Outcomes of sides that certainly belong together."""


def decision_on(
    session: so.Session, subjects: Collection[UUID], one: str, other: str
) -> ConflictState | None:
    """Return what an operator has decided last on two parties of some matters."""
    rows = session.scalars(
        sa.select(ConflictCheck)
        .where(
            ConflictCheck.subject_id.in_(subjects),
            policies.one_of(ConflictCheck.decision, {CLEARED, UPHELD}),
        )
        .order_by(ConflictCheck.decided_at.desc(), ConflictCheck.id.desc())
    )
    for row in rows:
        sides = (set(row.left), set(row.right))
        if any(one in a and other in b for a, b in (sides, sides[::-1])):
            return row.decision
    return None


def unaffected(
    session: so.Session,
    actor: Actor,
    *,
    purpose: Purpose,
    left: Side,
    right: Sequence[Side],
) -> list[Side]:
    """Return the candidates whom nothing refuses, marks or puts before an operator."""
    free = {Outcome.PASS, Outcome.NOTE}
    told_of = outlooks(session, actor, purpose=purpose, left=left, right=right)
    return [
        candidate
        for candidate, outcome in zip(right, told_of, strict=True)
        if outcome in free
    ]


def search(
    session: so.Session, actor: Actor, **filters: Any
) -> Listing[dict[str, Any]]:
    """List the checks, newest first; operators only.

    Parameters
    ----------
    purpose, verdict, outcome, decision, subject_kind : str
    subject_id : UUID

    Raises
    ------
    Unauthenticated, Forbidden
    """
    policies.require(actor, "read", None, CONFLICT_RULES)
    statement = sa.select(ConflictCheck)
    for name, value in filters.items():
        statement = statement.where(getattr(ConflictCheck, name) == value)

    def show(rows: Sequence[sa.Row[*tuple[Any, ...]]]) -> list[dict[str, Any]]:
        checks = [row[0] for row in rows]
        names = _names(session, {k for c in checks for k in (*c.left, *c.right)})
        return [_brief(each, names) for each in checks]

    return Listing(session, statement, key=ConflictCheck.id, view=show)


def _names(session: so.Session, keys: Collection[str]) -> dict[str, str]:
    """Return what units and users are called today, by their keys."""
    units = [id_in(key) for key in keys if key.startswith("unit:")]
    users = [id_in(key) for key in keys if key.startswith("user:")]
    found = {unit_key(i): n for i, n in organisations.names(session, units).items()}
    rows = session.execute(sa.select(User.id, User.name).where(User.id.in_(users)))
    return found | {user_key(row.id): row.name for row in rows}


def _brief(row: ConflictCheck, names: dict[str, str]) -> dict[str, Any]:
    def parties(keys: list[str]) -> list[dict[str, Any]]:
        return [
            {
                "kind": key.partition(":")[0],
                "id": None if key.startswith(code_key("")) else id_in(key),
                "name": names.get(key) or key.partition(":")[2],
            }
            for key in keys
        ]

    return {
        "id": row.id,
        "purpose": row.purpose,
        "subject_kind": row.subject_kind,
        "subject_id": row.subject_id,
        "left": parties(row.left),
        "right": parties(row.right),
        "as_of": row.as_of,
        "verdict": row.verdict,
        "outcome": row.outcome,
        "kinds": sorted({found["kind"] for found in row.findings}),
        "decision": row.decision,
        "created_at": row.created_at,
        "decided_at": row.decided_at,
    }


def get(session: so.Session, actor: Actor, check_id: UUID) -> ConflictCheck:
    """Return a check, for operators.

    Raises
    ------
    NotFound
        There is none, or the caller may not know of it.
    """
    row = session.get(ConflictCheck, check_id, populate_existing=True)
    if row is None or not policies.may(actor, "read", row, CONFLICT_RULES):
        raise NotFound
    return row


def view(session: so.Session, actor: Actor, row: ConflictCheck) -> dict[str, Any]:
    """Show a check to an operator, with what he may decide."""
    links = []
    if row.decision is not None:
        links = actions.links(
            CONFLICT_WORKFLOW,
            row.decision,
            actor,
            row,
            CONFLICT_RULES,
            f"{HREF}/{row.id}",
        )
    meaning = answer(session, row)
    return {
        **_brief(row, _names(session, {*row.left, *row.right})),
        "findings": row.findings,
        "unexplored": row.unexplored,
        "may_go_on": meaning.may_go_on,
        "is_related": meaning.is_related,
        "review_level": meaning.review_level,
        "reason": row.reason,
        "decided_by": row.decided_by,
        "actions": links,
    }


def record_reading(session: so.Session, actor: Actor, check_id: UUID) -> None:
    """Write into the ledger that somebody read who is related to whom."""
    row = session.get_one(ConflictCheck, check_id)
    events.record(session, actor, row, "conflict_check.read", role=Role.OPERATOR.value)
    session.flush()


def act(
    session: so.Session,
    actor: Actor,
    check_id: UUID,
    action: str,
    *,
    expected: int | None = None,
    comment: str = "",
) -> ConflictCheck:
    """Decide on what was found, with a reason.

    Raises
    ------
    NotFound, Unauthenticated, Forbidden
        Also for an operator who belongs to a party or to a unit on the way.
    Stale, Invalid, IllegalTransition
    Conflict
        There is nothing to decide: the rule itself says what holds.
    """
    row = get(session, actor, check_id)
    state = row.decision or CONFLICT_WORKFLOW.initial
    grant, step = actions.grant_for(
        CONFLICT_WORKFLOW, state, action, actor, row, CONFLICT_RULES
    )
    organisations.require_revision(row.revision, expected)
    if row.decision is None:
        raise Conflict(
            Text("此项核查无须裁定", "this check leaves nothing to be decided")
        )
    actions.require_comment(step, comment)
    reader = Reader(session, actor.today)
    reason = reader.words(comment, "/comment", 2000)
    reader.refuse()
    row.decision = step.target
    row.reason = reason
    row.decided_by, row.decided_at = actor.user_id, actor.now
    row.updated_at = actor.now
    duties.close(session, actor, kind="conflict_check", subject_id=row.id)
    events.record(
        session,
        actor,
        row,
        f"conflict_check.{action}",
        role=grant.role,
        org_id=grant.org_id,
        from_state=state,
        to_state=step.target,
        comment=reason,
    )
    session.flush()
    return row
