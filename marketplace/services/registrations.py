"""Recognition and registration 认定登记: from the application to the certificate.

The registry's clock counts working days under the rule set that holds for the contract;
it stops while papers are corrected. Who has accepted or checked the papers never
registers them. Domain reference, sections 9.4 to 9.9.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace import policies
from marketplace import thread_policies as rights
from marketplace.domain.actors import Actor
from marketplace.domain.contracts import (
    APPLYING,
    CHECKED,
    HANDED_IN,
    JUDGED,
    OF_EXPERTS,
    REGISTRABLE,
    REGISTRATION_WORKFLOW,
    STAYING,
    TURNED_DOWN,
    RegistrationState,
    Side,
)
from marketplace.domain.organisations import OrganisationState
from marketplace.errors import Conflict, Invalid, NotFound, Text
from marketplace.models.contracts import Contract, ContractParty
from marketplace.models.organisations import Organisation
from marketplace.models.registrations import Registration, RegistrationFact
from marketplace.services import (
    calendars,
    contract_contents,
    contracts,
    duties,
    events,
    notices,
    prechecks,
    readiness,
    registration_duties,
    registration_experts,
    rules,
    serials,
    steps,
)
from marketplace.services.fields import Reader
from marketplace.services.paging import Listing
from marketplace.services.readiness_facts import RuleSet

Values = dict[str, Any]
REGISTRY = "REG"
"""Organisation type of a registry (codes list 6a)."""
LARGE, RELATED, DISPUTED = "large", "related", "disputed"
NOTHING = Decimal("0.00")


def _possible(registration: Registration, action: str) -> bool:
    """Whether the papers are ready for a step that the state alone would offer."""
    checks: Mapping[str, Callable[[Registration], bool]] = {
        "register": registration_duties.may_register,
        "note-opinion": registration_experts.is_panel,
        "appoint-expert": registration_experts.may_appoint,
        "change": lambda r: r.wanted.get("kind") == "change",
        "cancel": lambda r: r.wanted.get("kind") == "cancel",
        "request-change": lambda r: not r.wanted,
        "withdraw-request": lambda r: bool(r.wanted),
        "decline-change": lambda r: bool(r.wanted),
        "apply": lambda r: not registration_duties.is_heard(r),
        "return-to-check": lambda r: not _is_checked(r),
        "appeal": lambda r: not r.appeal,
        "uphold-appeal": registration_duties.is_heard,
        "reinstate": registration_duties.is_heard,
        "dismiss-appeal": registration_duties.is_heard,
    }
    check = checks.get(action)
    return check is None or check(registration)


def _is_checked(registration: Registration) -> bool:
    """Whether the version in force is the one that passed the first check."""
    return registration.checked_version == registration.contract.current.number


KIND: steps.Kind[Registration] = steps.Kind(
    name="registration",
    path=f"{contracts.PATH}/{{id}}/registration",
    model=Registration,
    workflow=REGISTRATION_WORKFLOW,
    rules=rights.REGISTRATION_RULES,
    visible=rights.visible_registrations,
    options=(
        so.joinedload(Registration.contract).selectinload(Contract.parties),
        so.joinedload(Registration.contract).joinedload(Contract.current),
        so.selectinload(Registration.judgements),
        so.selectinload(Registration.experts),
    ),
    staying=STAYING,
    untold=OF_EXPERTS,
    possible=_possible,
)


def get(session: so.Session, actor: Actor, contract_id: UUID) -> Registration:
    """Return the registration of a contract.

    Raises
    ------
    NotFound
    """
    return steps.get(session, actor, KIND, _id_of(session, contract_id))


def _id_of(session: so.Session, contract_id: UUID) -> UUID:
    found = session.scalar(
        sa.select(Registration.id).where(Registration.contract_id == contract_id)
    )
    if found is None:
        raise NotFound
    return found


@dataclass(slots=True)
class _Move:
    """A step on its way, for the functions that know what it does."""

    session: so.Session
    actor: Actor
    registration: Registration
    comment: str
    given: Mapping[str, Any]
    grant: Any
    changes: dict[str, Any]


def act(
    session: so.Session,
    actor: Actor,
    contract_id: UUID,
    action: str,
    *,
    expected: str | None = None,
    comment: str = "",
    **given: Any,
) -> Registration:
    """Take one step of a registration.

    Parameters
    ----------
    given
        ``registry_org_id`` and ``truthful`` for ``apply``; ``items`` for
        ``request-correction``; ``supports`` for ``note-opinion`` and, with
        ``impartial``, for ``give-opinion``; ``user_id`` of an expert; ``outcome``
        (code) for ``refuse``; ``wanted`` (change or cancel); ``document`` for
        ``revoke``.

    Raises
    ------
    NotFound, Unauthenticated, Forbidden, IllegalTransition, Stale, Invalid, Conflict
    """
    step = steps.begin(
        session,
        actor,
        KIND,
        _id_of(session, contract_id),
        action,
        expected=expected,
        comment=comment,
        given=given,
    )
    move = _Move(session, actor, step.subject, step.comment, given, step.grant, {})
    doing = _DOING.get(action)
    if doing is not None:
        doing(move)
    registration = steps.finish(session, actor, KIND, step, changes=move.changes)
    _book(session, actor, registration, action)
    registration_duties.owe(session, actor, registration)
    _tell(session, actor, registration, action, step.comment)
    return registration


_DECIDED = frozenset(
    {
        "register",
        "refuse",
        "change",
        "cancel",
        "decline-change",
        "revoke",
        "uphold-appeal",
        "reinstate",
        "dismiss-appeal",
    }
)


def _tell(
    session: so.Session,
    actor: Actor,
    registration: Registration,
    action: str,
    comment: str,
) -> None:
    """Tell the applicant what is asked of him, or what was decided."""
    contract = registration.contract
    values: Values = {"subject": contract.title}
    if action == "request-correction":
        last = registration.corrections[-1]
        rule = rules.in_force(session, "registration.duties", on=actor.today).value
        due_on = duties.promise(session, actor, int(rule["correct"]))
        lines = [last["comment"], *(item["comment"] for item in last["items"])]
        topic = "registration.correction"
        values |= {"due": due_on.isoformat(), "items": "\n".join(lines)}
    elif action in _DECIDED:
        topic = "registration.decided"
        values |= {
            "decision": REGISTRATION_WORKFLOW.titles[action],
            "reason": comment,
        }
    else:
        return
    notices.tell_units(
        session,
        actor,
        [registration.applicant_org_id],
        topic,
        values,
        kind="contract",
        subject_id=contract.id,
        key=f"registration:{registration.id}:{action}:{registration.revision}",
    )


def rule_of(session: so.Session, registration: Registration) -> RuleSet:
    """Return the rule set under which a contract is judged: that of its date.

    Once the papers are handed in it stays, whatever an amendment says of the date.
    """
    on = _judged_as_of(registration.contract)
    kept = None
    if registration.rule_set:
        kept = readiness.rule_set_of_version(session, registration.rule_set, on)
    return kept or prechecks.rules_on(session, on, "/signed_on")


def _judged_as_of(contract: Contract) -> date:
    return contract.signed_on or contract.created_at.date()


def _days(rule: RuleSet, registration: Registration) -> int:
    """Return the days that the registry has, less those that it has used."""
    large = rule.days_large if registration.expert_reasons else None
    return max(0, (large or rule.days_normal) - registration.days_used)


def _due(session: so.Session, rule: RuleSet, start: date, days: int) -> date:
    """Return the last of so many days, working days unless the rule says otherwise."""
    if rule.days_unit == "day":
        return start + timedelta(days=days)
    return calendars.working_calendar(session).expected(start, days)


def _elapsed(session: so.Session, rule: RuleSet, start: date, end: date) -> int:
    if rule.days_unit == "day":
        return (end - start).days
    return calendars.working_calendar(session).elapsed(start, end)


def _apply(move: _Move) -> None:
    """Hand the papers in: by the seller, or for an import by the buyer."""
    session, registration = move.session, move.registration
    contract = registration.contract
    if contract.state not in REGISTRABLE:
        raise Conflict(
            Text(
                "合同生效后方可申请认定登记",
                "a contract can be registered once it has taken effect",
            )
        )
    if move.given.get("truthful") is not True:
        raise Invalid.at(
            "/truthful",
            "required",
            "申请人须承诺材料真实",
            "the applicant answers for the truth of the papers",
        )
    rule = _judging(session, contract)
    side = _applicants_side(contract, rule)
    applicants = rights.party_orgs(contract, side)
    if move.grant.org_id not in applicants:
        name = "买方" if side is Side.BUYER else "卖方"
        raise Conflict(
            Text(f"应由{name}申请认定登记", f"the {side.value} has to apply")
        )
    registry = _registry(move)
    _begin_round(move)
    registration.applicant_org_id = move.grant.org_id
    registration.registry_org_id = registry.id
    registration.applied_at, registration.applied_by = (
        move.actor.now,
        move.actor.user_id,
    )
    registration.rule_set = rule.version
    registration.readiness = _summary(session, move.actor, contract, rule)
    move.changes = events.difference(
        {}, {"registry": registry.id, "rule_set": registration.rule_set}
    )


def _judging(session: so.Session, contract: Contract) -> RuleSet:
    """Return the rule set of the contract's own date."""
    return prechecks.rules_on(session, _judged_as_of(contract), "/signed_on")


def _applicants_side(contract: Contract, rule: RuleSet) -> Side:
    """Return who applies: the seller, or for an import the buyer."""
    values = contract_contents.values_of(contract.current)
    return Side(rule.who_applies["import" if values["is_import"] else "normal"])


def _begin_round(move: _Move) -> None:
    """Forget what was decided of an earlier application; the ledger keeps it."""
    registration = move.registration
    registration.accepted_at = registration.accepted_by = None
    registration.first_by = registration.checked_version = None
    registration.clock_from = registration.due_on = None
    registration.days_used, registration.corrections = 0, []
    registration.expert_reasons, registration.opinions = [], []
    registration.outcome, registration.outcome_reason = None, ""
    registration.appeal = {}
    registration_experts.begin_anew(move.session, move.actor, registration)


def _summary(
    session: so.Session, actor: Actor, contract: Contract, rule: RuleSet
) -> Values:
    """Return what the pre-check says now, as it is kept with an application."""
    answers = prechecks.of_contract(session, actor, contract, rule_set=rule)
    return {
        "rule_set": answers["rule_set"]["version"],
        "answers": {row["code"]: row["status"] for row in answers["items"]},
    }


def _registry(move: _Move) -> Organisation:
    """Return the registry that was named, or the only one there is."""
    reader = Reader(move.session, move.actor.today)
    given = reader.reference(move.given.get("registry_org_id"), "/registry_org_id")
    reader.refuse()
    statement = sa.select(Organisation).where(
        Organisation.org_type == REGISTRY,
        Organisation.state == OrganisationState.VERIFIED,
        Organisation.id.not_in(rights.party_orgs(move.registration.contract)),
    )
    if given is not None:
        statement = statement.where(Organisation.id == given)
    found = move.session.scalars(statement.order_by(Organisation.id).limit(2)).all()
    if len(found) != 1:
        raise Invalid.at(
            "/registry_org_id",
            "required" if found else "unknown_organisation",
            "请指明登记机构" if found else "没有此登记机构",
            "name the registry" if found else "there is no such registry",
        )
    return found[0]


def _resubmit(move: _Move) -> None:
    session, registration = move.session, move.registration
    rule = rule_of(session, registration)
    registration.readiness = _summary(session, move.actor, registration.contract, rule)


def _withdraw(move: _Move) -> None:
    registration = move.registration
    registration.applicant_org_id = registration.registry_org_id = None
    _begin_round(move)


def _accept(move: _Move) -> None:
    """The clock starts; experts are needed for what is large or between relatives."""
    registration, actor = move.registration, move.actor
    registration.accepted_at, registration.accepted_by = actor.now, actor.user_id
    registration.first_by = registration.checked_version = None
    registration.expert_reasons = _expert_reasons(
        move.session, move.actor, registration
    )
    _start_clock(move)


def _expert_reasons(
    session: so.Session, actor: Actor, registration: Registration
) -> list[str]:
    """Say why experts must see the contract as it stands now."""
    contract = registration.contract
    rule = rule_of(session, registration)
    threshold = rule.large_threshold_yuan
    judged = contract.total_yuan if rule.large_basis == "total" else None
    amount = judged or contract.technical_yuan or NOTHING
    reasons = []
    if threshold is not None and amount >= threshold:
        reasons.append(LARGE)
    related = contracts.is_related(session, actor, contract)
    if related or contract.is_related:
        reasons.append(RELATED)
    return reasons


def _start_clock(move: _Move) -> None:
    registration = move.registration
    rule = rule_of(move.session, registration)
    today = move.actor.today
    registration.clock_from = today
    days = _days(rule, registration)
    registration.due_on = _due(move.session, rule, today, days)
    move.changes = events.difference(
        {}, {"due_on": registration.due_on, "reasons": registration.expert_reasons}
    )


def _request_correction(move: _Move) -> None:
    """Name what is to be corrected; the clock stops as the rule set says."""
    registration = move.registration
    reader = Reader(move.session, move.actor.today)
    items = []
    given = reader.items(move.given.get("items"), "/items", 50)
    for index, item in enumerate(given):
        place = f"/items/{index}"
        row = reader.row(item, place, frozenset({"pointer", "comment"}))
        pointer = reader.words(row.get("pointer"), f"{place}/pointer", 200)
        words = reader.words(row.get("comment"), f"{place}/comment", 2000)
        if not words:
            reader.wrong(f"{place}/comment", "required", "必填", "is required")
        items.append({"pointer": pointer, "comment": words})
    reader.refuse()
    registration.corrections = [
        *registration.corrections,
        {
            "at": events.plain(move.actor.now),
            "comment": move.comment,
            "items": items,
            "by": events.plain(move.actor.user_id),
        },
    ]
    if registration.state in JUDGED and registration.clock_from is not None:
        rule = rule_of(move.session, registration)
        start, today = registration.clock_from, move.actor.today
        used = registration.days_used + _elapsed(move.session, rule, start, today)
        registration.days_used = used if rule.correction_clock == "resume" else 0
    registration.clock_from = registration.due_on = None
    move.changes = events.difference({}, {"items": items})


def _first_approve(move: _Move) -> None:
    registration = move.registration
    registration.first_by = move.actor.user_id
    registration.checked_version = registration.contract.current.number
    move.changes = events.difference({}, {"version": registration.checked_version})


def _return_to_check(move: _Move) -> None:
    """Have a clerk look at what was amended; experts see it anew, the clock runs on."""
    registration = move.registration
    before = registration.checked_version
    registration.first_by = registration.checked_version = None
    registration.opinions = []
    registration_experts.begin_anew(move.session, move.actor, registration)
    registration.expert_reasons = _expert_reasons(
        move.session, move.actor, registration
    )
    _promise_anew(move)
    move.changes = events.difference({"version": before}, {})


def _promise_anew(move: _Move) -> None:
    """Count the days from where the clock started, as many as there are now."""
    registration = move.registration
    rule, start = rule_of(move.session, registration), registration.clock_from
    if start is not None:
        days = _days(rule, registration)
        registration.due_on = _due(move.session, rule, start, days)


def _send_to_experts(move: _Move) -> None:
    registration = move.registration
    _must_be_checked(registration)
    if not registration.expert_reasons:
        now = _expert_reasons(move.session, move.actor, registration)
        registration.expert_reasons = now or [DISPUTED]
        _promise_anew(move)
    registration.experts_least = registration_experts.least(move.session, move.actor)
    move.changes = events.difference({}, {"reasons": registration.expert_reasons})


def _appoint_expert(move: _Move) -> None:
    move.changes = registration_experts.appoint(
        move.session, move.actor, move.registration, move.given
    )


def _release_expert(move: _Move) -> None:
    move.changes = registration_experts.release(
        move.session, move.actor, move.registration, move.given
    )


def _give_opinion(move: _Move) -> None:
    move.changes = registration_experts.answer(
        move.session, move.actor, move.registration, move.comment, move.given
    )


def _recuse(move: _Move) -> None:
    move.changes = registration_experts.recuse(
        move.session, move.actor, move.registration, move.comment
    )


def _note_opinion(move: _Move) -> None:
    supports = move.given.get("supports")
    if not isinstance(supports, bool):
        raise Invalid.at(
            "/supports", "required", "请注明专家是否支持", "say whether they support it"
        )
    opinion = {
        "supports": supports,
        "comment": move.comment,
        "at": events.plain(move.actor.now),
        "by": events.plain(move.actor.user_id),
    }
    move.registration.opinions = [*move.registration.opinions, opinion]
    move.changes = events.difference({}, {"supports": supports})


def _register(move: _Move) -> None:
    """Give the number and keep both amounts as they are registered."""
    registration, contract = move.registration, move.registration.contract
    _must_stand(move)
    if contract.total_yuan is None or contract.technical_yuan is None:
        raise Conflict(
            Text(
                "合同金额未确定，不能登记；提成合同须先以变更协议载明金额",
                "the amounts are not settled; a royalty contract states them by an"
                " amendment first",
            )
        )
    registration.reg_no = _reg_no(move)
    registration.registered_on = move.actor.today
    registration.registered_by = move.actor.user_id
    _keep_amounts(registration)
    move.changes = events.difference({}, {"reg_no": registration.reg_no})


def _must_stand(move: _Move) -> None:
    """Refuse to register what has ended, or has changed, since it was checked."""
    registration = move.registration
    _must_be_valid(registration)
    _must_be_checked(registration)
    if registration.state in CHECKED and _expert_reasons(
        move.session, move.actor, registration
    ):
        raise Conflict(
            Text(
                "须先送专家审核",
                "experts must see it first",
            )
        )


def _must_be_valid(registration: Registration) -> None:
    if registration.contract.state not in REGISTRABLE:
        raise Conflict(
            Text(
                "合同已解除或无效，不能登记",
                "the contract was rescinded or is void",
            )
        )


def _must_be_checked(registration: Registration) -> None:
    """Refuse to go on with a version of the contract that no clerk has checked."""
    if not _is_checked(registration):
        raise Conflict(
            Text(
                "初审后合同已变更为第{now}版，初审的是第{checked}版；请先退回初审",
                "version {now} is in force and version {checked} was checked: return"
                " it to the first check",
            ).format(
                now=registration.contract.current.number,
                checked=registration.checked_version or "-",
            )
        )


def _reg_no(move: _Move) -> str:
    """Return the next number of the registry's year; none is lost and none is double.

    Four places for the year, six for the registry's region, six for the serial.
    """
    session, registration = move.session, move.registration
    registry = session.get_one(Organisation, registration.registry_org_id)
    year = move.actor.today.year
    serial = serials.next_number(session, f"registration:{year}:{registry.region}")
    return f"{year}{registry.region}{serial:06d}"


def _keep_amounts(registration: Registration) -> None:
    contract = registration.contract
    registration.version_number = contract.current.number
    registration.total_yuan = contract.total_yuan
    registration.technical_yuan = contract.technical_yuan


def _refuse(move: _Move) -> None:
    outcome = steps.coded(
        move.session,
        move.actor,
        move.given.get("outcome"),
        "registration_outcome",
        "outcome",
        Text("请选择原因", "say why, by a code"),
    )
    registration_experts.dismiss(move.session, move.actor, move.registration)
    move.registration.outcome = outcome
    move.registration.outcome_reason = move.comment
    move.registration.appeal = {}
    move.changes = events.difference({}, {"outcome": outcome})


def _request_change(move: _Move) -> None:
    wanted = move.given.get("wanted")
    if wanted not in ("change", "cancel"):
        raise Invalid.at(
            "/wanted", "required", "请选择变更或注销", "either change or cancel"
        )
    move.registration.wanted = {
        "kind": wanted,
        "reason": move.comment,
        "at": events.plain(move.actor.now),
    }
    move.changes = events.difference({}, {"wanted": wanted})


def _clear_request(move: _Move) -> None:
    """Drop what was asked for: its applicant takes it back, or it is declined."""
    registration = move.registration
    wanted = registration.wanted["kind"]
    registration.wanted = {}
    move.changes = events.difference({"wanted": wanted}, {})


def _change(move: _Move) -> None:
    """Bring in what was amended, if it needs nobody's look beside the reviewer's."""
    registration = move.registration
    _must_be_valid(registration)
    _must_have_amounts(registration)
    if registration.contract.current.number == registration.version_number:
        raise Conflict(
            Text(
                "合同没有新的版本，无可变更登记的内容；请不予变更",
                "the contract has no new version, so that nothing is to be changed:"
                " decline it",
            )
        )
    now = _expert_reasons(move.session, move.actor, registration)
    if set(now) - set(registration.expert_reasons):
        raise Conflict(
            Text(
                "变更后的合同须经专家审核，不能以变更登记办理；请不予变更",
                "experts have to see the contract as amended, which a change does not"
                " bring about: decline it",
            )
        )
    before = {n: getattr(registration, n) for n in ("total_yuan", "technical_yuan")}
    contract = registration.contract
    after = {n: getattr(contract, n) for n in before}
    registration.wanted = {}
    move.changes = events.difference(before, after)


def _must_have_amounts(registration: Registration) -> None:
    contract = registration.contract
    if contract.total_yuan is None or contract.technical_yuan is None:
        raise Conflict(Text("合同金额未确定", "the amounts are not settled"))


def _cancel(move: _Move) -> None:
    move.registration.wanted = {}


def _revoke(move: _Move) -> None:
    document = contracts.document_of(move.session, move.actor, move.given)
    move.registration.outcome_reason = move.comment
    move.registration.wanted = {}
    move.registration.appeal = {}
    move.changes = events.difference({}, {"document": document})


def _appeal(move: _Move) -> None:
    move.registration.appeal = {
        "reason": move.comment,
        "at": events.plain(move.actor.now),
    }


def _decide_appeal(result: str) -> Callable[[_Move], None]:
    def decide(move: _Move) -> None:
        registration = move.registration
        if result == "upheld":
            _must_be_valid(registration)
        registration.appeal = {
            **registration.appeal,
            "result": result,
            "answer": move.comment,
        }
        if result == "upheld":
            registration.outcome = None
            registration.outcome_reason = ""
        if result == "upheld" and registration.state in TURNED_DOWN:
            registration.days_used = 0
            registration.first_by = registration.checked_version = None
            registration.opinions = []
            registration_experts.begin_anew(move.session, move.actor, registration)
            _start_clock(move)

    return decide


_DOING: Mapping[str, Callable[[_Move], None]] = {
    "apply": _apply,
    "resubmit": _resubmit,
    "withdraw": _withdraw,
    "accept": _accept,
    "request-correction": _request_correction,
    "first-approve": _first_approve,
    "return-to-check": _return_to_check,
    "send-to-experts": _send_to_experts,
    "note-opinion": _note_opinion,
    "appoint-expert": _appoint_expert,
    "release-expert": _release_expert,
    "give-opinion": _give_opinion,
    "recuse": _recuse,
    "register": _register,
    "refuse": _refuse,
    "request-change": _request_change,
    "withdraw-request": _clear_request,
    "decline-change": _clear_request,
    "change": _change,
    "cancel": _cancel,
    "revoke": _revoke,
    "appeal": _appeal,
    "uphold-appeal": _decide_appeal("upheld"),
    "reinstate": _decide_appeal("upheld"),
    "dismiss-appeal": _decide_appeal("dismissed"),
}
_BOOKED = {
    "register": ("registered", 1),
    "change": ("changed", 0),
    "cancel": ("cancelled", -1),
    "revoke": ("revoked", -1),
    "reinstate": ("restored", 1),
}


def _book(
    session: so.Session, actor: Actor, registration: Registration, action: str
) -> None:
    """Enter what a step does to the figures; entries are never changed.

    What is taken off is taken off where it was entered: under the class, place and
    nature of parties of that time. A change that moves a contract from one to another
    makes two entries, one that takes it off there and one that adds it here.
    """
    if action not in _BOOKED:
        return
    kind, count = _BOOKED[action]
    old = _booked_under(session, registration)
    total, technical = _amounts(registration)
    if action != "change":
        axes = _axes(registration) if old is None else old
        amounts = (count * total, count * technical)
        _enter(session, actor, registration, _Entry(kind, count, *amounts, axes))
        return
    _keep_amounts(registration)
    new_total, new_technical = _amounts(registration)
    new = _axes(registration)
    entries = [_Entry(kind, 0, new_total - total, new_technical - technical, new)]
    if old is not None and old != new:
        entries = [
            _Entry(kind, -1, -total, -technical, old),
            _Entry(kind, 1, new_total, new_technical, new),
        ]
    for entry in entries:
        _enter(session, actor, registration, entry)


@dataclass(frozen=True, slots=True)
class _Entry:
    """One entry of the registry's book before it is written."""

    kind: str
    count: int
    total_yuan: Decimal
    technical_yuan: Decimal
    axes: Mapping[str, Any]


_AXES = (
    "contract_class",
    "tech_field",
    "ip_type",
    "plan_source",
    "seller_region",
    "buyer_region",
    "seller_nature",
    "buyer_nature",
    "registry_org_id",
)
"""By what the figures of the registry are split."""


def _amounts(registration: Registration) -> tuple[Decimal, Decimal]:
    """Return what stands registered, in 元: total and technical amount."""
    return registration.total_yuan or NOTHING, registration.technical_yuan or NOTHING


def _booked_under(
    session: so.Session, registration: Registration
) -> dict[str, Any] | None:
    """Return under what the contract stands in the book, by its last entry."""
    last = session.scalar(
        sa.select(RegistrationFact)
        .where(RegistrationFact.registration_id == registration.id)
        .order_by(RegistrationFact.at.desc(), RegistrationFact.id.desc())
        .limit(1)
    )
    return None if last is None else {name: getattr(last, name) for name in _AXES}


def _axes(registration: Registration) -> dict[str, Any]:
    """Return under what the contract belongs in the book as it is now."""
    contract = registration.contract
    values = contract_contents.values_of(contract.current)
    seller, buyer = (_first(contract, side) for side in (Side.SELLER, Side.BUYER))
    return {
        "contract_class": contract.contract_class or "",
        "tech_field": contract.tech_field or "",
        "ip_type": next(iter(values["ip_type"]), "") or "",
        "plan_source": values["plan_source"] or "",
        "seller_region": seller.region if seller else "",
        "buyer_region": buyer.region if buyer else "",
        "seller_nature": (seller.party_nature or "") if seller else "",
        "buyer_nature": (buyer.party_nature or "") if buyer else "",
        "registry_org_id": registration.registry_org_id,
    }


def _enter(
    session: so.Session, actor: Actor, registration: Registration, entry: _Entry
) -> None:
    session.add(
        RegistrationFact(
            registration_id=registration.id,
            contract_id=registration.contract_id,
            kind=entry.kind,
            at=actor.now,
            on_day=actor.today,
            count=entry.count,
            total_yuan=entry.total_yuan,
            technical_yuan=entry.technical_yuan,
            **entry.axes,
        )
    )
    session.flush()


def _first(contract: Contract, side: Side) -> ContractParty | None:
    return next((p for p in contract.parties if p.side is side), None)


def search(session: so.Session, actor: Actor, **filters: Any) -> Listing[Values]:
    """List the registrations that the caller may know of, those handed in.

    Parameters
    ----------
    state : optional
    late : bool, optional
        Only those whose promised day has passed.
    """
    statement = (
        sa.select(Registration)
        .where(rights.visible_registrations(actor), Registration.state.in_(HANDED_IN))
        .options(*KIND.options)
    )
    if filters.get("state") is not None:
        statement = statement.where(Registration.state == filters["state"])
    if filters.get("late") is not None:
        passed = sa.and_(
            Registration.due_on.is_not(None),
            Registration.due_on < actor.today,
            Registration.state.in_(JUDGED),
        )
        statement = statement.where(passed if filters["late"] else sa.not_(passed))

    def show(rows: Sequence[sa.Row[*tuple[Any, ...]]]) -> list[Values]:
        return [_brief(actor, row[0]) for row in rows]

    return Listing(
        session,
        statement,
        key=Registration.id,
        view=show,
        sorts={"updated": Registration.updated_at},
    )


def contracts_of(
    session: so.Session,
    actor: Actor,
    *,
    state: RegistrationState | None = None,
    registered_from: date | None = None,
    registered_to: date | None = None,
) -> Iterator[Contract]:
    """Return the contracts of registrations that the caller may know of, oldest first.

    Parameters
    ----------
    registered_from, registered_to : date, optional
        Both days included.

    Raises
    ------
    Unauthenticated
    """
    policies.require_signed_in(actor)
    statement = (
        sa.select(Contract)
        .join(Registration, Registration.contract_id == Contract.id)
        .where(rights.visible_registrations(actor), Registration.state.in_(HANDED_IN))
        .options(so.selectinload(Contract.parties))
        .order_by(Registration.id)
        .execution_options(yield_per=200)
    )
    if state is not None:
        statement = statement.where(Registration.state == state)
    if registered_from is not None:
        statement = statement.where(Registration.registered_on >= registered_from)
    if registered_to is not None:
        statement = statement.where(Registration.registered_on <= registered_to)
    return iter(session.scalars(statement))


def _brief(actor: Actor, registration: Registration) -> Values:
    contract = registration.contract
    names = ("state", "reg_no", "registered_on", "rule_set", "due_on", "updated_at")
    running = registration.state in JUDGED and registration.due_on is not None
    return {
        "id": registration.id,
        "contract_id": contract.id,
        "contract_no": contract.contract_no,
        "title": contract.title,
        "contract_class": contract.contract_class,
        **{name: getattr(registration, name) for name in names},
        "total_yuan": registration.total_yuan,
        "technical_yuan": registration.technical_yuan,
        "late": bool(running and (registration.due_on or actor.today) < actor.today),
    }


def view(session: so.Session, actor: Actor, registration: Registration) -> Values:
    """Show a registration with what the caller may do now.

    Parties are not told who in the registry did what; the registry and operators are,
    from the events.
    """
    calendar = calendars.working_calendar(session)
    left = None
    if registration.due_on is not None and registration.state in JUDGED:
        first, last = sorted((actor.today, registration.due_on))
        days = calendar.elapsed(first, last)
        left = -days if actor.today > registration.due_on else days
    return {
        **_brief(actor, registration),
        "registry_org_id": registration.registry_org_id,
        "applicant_org_id": registration.applicant_org_id,
        "applied_at": registration.applied_at,
        "accepted_at": registration.accepted_at,
        "working_days_left": left,
        "due_is_provisional": bool(
            registration.due_on and not calendar.is_settled(registration.due_on)
        ),
        "expert_reasons": registration.expert_reasons,
        "corrections": [
            {name: row[name] for name in ("at", "comment", "items")}
            for row in registration.corrections
        ],
        "opinions": [
            {name: row[name] for name in ("at", "comment", "supports")}
            for row in registration.opinions
        ],
        "experts": registration_experts.view(session, actor, registration),
        "experts_least": registration.experts_least,
        "readiness": registration.readiness or None
        if rights.reads_precheck(actor, registration)
        else None,
        "wanted": registration.wanted or None,
        "appeal": registration.appeal or None,
        "outcome": registration.outcome,
        "outcome_reason": registration.outcome_reason,
        "checked_version": registration.checked_version,
        "version_number": registration.version_number,
        "actions": steps.links(
            actor,
            KIND,
            registration,
            registration.contract_id,
            is_open=lambda action: _is_open(session, actor, registration, action),
        ),
    }


def _is_open(
    session: so.Session, actor: Actor, registration: Registration, action: str
) -> bool:
    """Whether a step that the caller may take would not be refused for the contract."""
    contract = registration.contract
    if action == "register":
        settled = None not in (contract.total_yuan, contract.technical_yuan)
        standing = contract.state in REGISTRABLE
        return settled and standing and _is_checked(registration)
    if action == "apply":
        mine = rights.signing_orgs(actor, contract)
        in_turn = set(_applicants(session, contract))
        return contract.state in REGISTRABLE and bool(in_turn & mine)
    return True


def _applicants(session: so.Session, contract: Contract) -> list[UUID]:
    """Return the units whose turn it is to apply; none where no rules are known."""
    try:
        rule = _judging(session, contract)
    except Invalid:
        return []
    return rights.party_orgs(contract, _applicants_side(contract, rule))


def history(session: so.Session, actor: Actor, contract_id: UUID) -> Listing[Values]:
    """List what happened to a registration, oldest first.

    Parties read what the registry did and why, not which of its people did it, nor
    who the experts are; an expert reads nothing of the others.
    """
    registration = get(session, actor, contract_id)
    told = rights.reads_officials(actor, registration)
    applying = {f"registration.{action}" for action in APPLYING}
    return steps.history(
        session,
        "registration",
        registration.id,
        without=() if told else registration_experts.IN_LEDGER,
        nameless=lambda event: not told and event.action not in applying,
    )
