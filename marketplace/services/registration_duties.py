"""Who has to move next with a registration, and by when."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy.orm as so

from marketplace.domain.actors import Actor
from marketplace.domain.contracts import (
    ACCEPTED,
    APPEALABLE,
    APPLIED,
    BEFORE_EXPERTS,
    CHECKED,
    CORRECTION,
    EXPERT,
    FIRST_OK,
    JUDGED,
    REGISTRABLE,
    STANDING,
    RegistrationState,
)
from marketplace.domain.roles import Role
from marketplace.models.registrations import Registration
from marketplace.services import duties, registration_experts, rules
from marketplace.services.duties import Whom

_CLERK, _REVIEWER = Role.REGISTRY_CLERK, Role.REGISTRY_REVIEWER
REPORT = "report-change"
_WAITING: Mapping[RegistrationState, tuple[str, Role | None]] = {
    APPLIED: ("accept-papers", _CLERK),
    CORRECTION: ("correct", None),
    ACCEPTED: ("first-check", _CLERK),
    FIRST_OK: ("decide", _REVIEWER),
    EXPERT: ("collect-opinions", _REVIEWER),
}
_OWN_STEPS = (
    *(step for step, _ in _WAITING.values()),
    REPORT,
    "decide-change",
    "hear-appeal",
)
"""What the registry, the applicant or the province owes; not what an expert does."""
_DAYS = {"correct": "correct", REPORT: "report"}
"""Which days of the rule hold for a step; for the others those of the acceptance."""


def is_heard(registration: Registration) -> bool:
    """Whether an appeal waits for its answer."""
    return bool(registration.appeal) and "result" not in registration.appeal


def may_register(registration: Registration) -> bool:
    """Large, related or disputed contracts need experts who support them."""
    if registration.state in CHECKED:
        return not registration.expert_reasons
    if registration_experts.counted(registration):
        return registration_experts.support(registration)
    return any(opinion["supports"] for opinion in registration.opinions[-1:])


def owe(session: so.Session, actor: Actor, registration: Registration) -> None:
    """Have the next one owe his step, and nobody else his."""
    contract = registration.contract
    waiting = _next(registration)
    step, role = waiting or ("", None)
    # What is still owed is left alone, or an expert's answer would begin it anew.
    ended = [own for own in _OWN_STEPS if own != step]
    duties.close(
        session, actor, kind="registration", subject_id=contract.id, steps=ended
    )
    if waiting is None:
        return
    rule = rules.in_force(session, "registration.duties", on=actor.today).value
    due_on = registration.due_on if registration.state in JUDGED else None
    if due_on is None:
        days = int(rule[_DAYS.get(step, "accept")])
        due_on = duties.promise(session, actor, days)
    if step == "hear-appeal":
        whom = Whom(role=Role.PROVINCIAL_AUTHORITY)
    elif role is None:
        whom = Whom(org_id=registration.applicant_org_id)
    else:
        whom = Whom(org_id=registration.registry_org_id, role=role)
    duties.open_(
        session,
        actor,
        whom,
        step,
        kind="registration",
        subject_id=contract.id,
        title=contract.title,
        number=contract.contract_no,
        due_on=due_on,
        remind_before=int(rule["remind_before"]),
    )


def _next(registration: Registration) -> tuple[str, Role | None] | None:
    if registration.state in STANDING:
        return _next_of_registered(registration)
    if registration.state in APPEALABLE:
        return ("hear-appeal", None) if is_heard(registration) else None
    if registration.state in BEFORE_EXPERTS and (
        may_register(registration) or registration_experts.have_answered(registration)
    ):
        return "decide", _REVIEWER
    return _WAITING.get(registration.state)


def _next_of_registered(registration: Registration) -> tuple[str, Role | None] | None:
    """A request waits for the registry, a contract that is over for its applicant."""
    if registration.wanted:
        return "decide-change", _REVIEWER
    if registration.contract.state not in REGISTRABLE:
        return REPORT, None
    return None
