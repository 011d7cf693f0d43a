"""The registration pre-check 登记预检 of a stored contract."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace import thread_policies as rights
from marketplace.domain.actors import Actor
from marketplace.domain.roles import Role
from marketplace.errors import Invalid, Text
from marketplace.models.contracts import Contract
from marketplace.services import contract_contents, contract_defaults, readiness, rules
from marketplace.services.readiness_facts import RuleSet


def of_contract(
    session: so.Session,
    actor: Actor,
    contract: Contract,
    *,
    on: date | None = None,
    rule_set: RuleSet | None = None,
) -> dict[str, Any]:
    """Judge a contract by the rules of its date, rule by rule.

    Parameters
    ----------
    on : date, optional
        Judge by the rules of another day, to see what differs.
    rule_set : RuleSet, optional
        Judge by these rules, whatever the day.

    Returns
    -------
    dict
        ``rule_set`` and ``items``: each with ``code``, ``status`` (pass, fix, ask),
        ``pointers``, ``message``, ``clause``, ``source`` and ``mark``; ``defaults``:
        what the law says where the contract is silent.

    Raises
    ------
    Conflict
        No registration rules are known for that day.
    """
    day = on or contract.signed_on or actor.today
    if rule_set is None:
        rule_set = rules_on(session, day, "/signed_on" if on is None else "/on")
    picture = readiness.picture_of(
        session, contract, contract.current, today=actor.today
    )
    answers = [
        _for_caller(session, actor, contract, answer)
        for answer in readiness.judge(picture, rule_set)
    ]
    values = contract_contents.values_of(contract.current)
    statuses = [answer.status for answer in answers]
    return {
        "on": day,
        "rule_set": {
            "version": rule_set.version,
            "mark": rule_set.mark,
            "source": rule_set.source,
        },
        "ready": "fix" not in statuses,
        "counts": {name: statuses.count(name) for name in ("pass", "fix", "ask")},
        "items": [_shown(answer) for answer in answers],
        "defaults": [
            {"clause": row.clause, "text": row.text, "source": row.source}
            for row in contract_defaults.defaults(values)
        ],
    }


def rules_on(session: so.Session, day: date, pointer: str) -> RuleSet:
    """Return the rules that hold on a day.

    Parameters
    ----------
    pointer : str
        Where the day was given.

    Raises
    ------
    Invalid
        The day lies before the first rules that are known.
    """
    try:
        return readiness.rule_set(session, day)
    except rules.NoRule:
        raise Invalid.at(
            pointer,
            "no_rules_then",
            f"{day.isoformat()} 没有已知的认定登记规则",
            f"no rules of registration are known for {day.isoformat()}",
        ) from None


_OFFICIALS = (
    Role.REGISTRY_CLERK,
    Role.REGISTRY_REVIEWER,
    Role.PROVINCIAL_AUTHORITY,
    Role.OPERATOR,
)


def _for_caller(
    session: so.Session, actor: Actor, contract: Contract, answer: readiness.Answer
) -> readiness.Answer:
    """Keep what rests on contracts that the caller may not know of from him.

    Officials who belong to no party are told: to find what was registered before is
    their work. A buyer does not learn that his seller has sold the like to another.
    """
    if not answer.others or answer.status == "pass":
        return answer
    official = any(actor.has_role(role) for role in _OFFICIALS)
    if official and rights.no_party(actor, contract):
        return answer
    seen = session.scalar(
        sa.select(sa.func.count()).where(
            Contract.id.in_(answer.others), rights.visible_contracts(actor)
        )
    )
    if seen == len(set(answer.others)):
        return answer
    return replace(answer, status="pass", message=Text("", ""), pointers=())


def _shown(answer: readiness.Answer) -> dict[str, Any]:
    """Show an answer without the other contracts that it was found by."""
    return {
        "code": answer.code,
        "title": answer.title,
        "status": answer.status,
        "pointers": list(answer.pointers),
        "message": answer.message,
        "clause": answer.clause,
        "source": answer.source,
        "mark": answer.mark,
    }
