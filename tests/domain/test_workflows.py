"""The tables of the life cycles hold together, and agree with rules and code lists."""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace import broker_policies, domain, policies, thread_policies
from marketplace.domain.accounts import ACCOUNT_WORKFLOW
from marketplace.domain.actions import action_title
from marketplace.domain.actors import Actor
from marketplace.domain.needs import NEED_WORKFLOW
from marketplace.domain.offers import OFFER_WORKFLOW
from marketplace.domain.organisations import ORGANISATION_WORKFLOW
from marketplace.domain.states import STATES
from marketplace.domain.workflows import Transition, Workflow, table
from marketplace.errors import Forbidden, IllegalTransition, Text

SEEDS = Path(__file__).resolve().parents[2] / "seeds"
KEBAB = re.compile(r"[a-z]+(-[a-z]+)*")


def found_workflows() -> dict[str, Workflow[Any]]:
    """Every workflow of the domain, so that a new one is tested unasked."""
    found: dict[str, Workflow[Any]] = {}
    for module in pkgutil.iter_modules(domain.__path__, domain.__name__ + "."):
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, Workflow):
                found[value.name] = value
    return found


WORKFLOWS = found_workflows()
NAMES = sorted(WORKFLOWS)
RULES = {
    "need": policies.NEED_RULES,
    "offer": policies.OFFER_RULES,
    "organisation": policies.ORGANISATION_RULES,
    "user": policies.USER_RULES,
    "conflict_check": policies.CONFLICT_RULES,
    "docking-day": policies.DOCKING_DAY_RULES,
    "broker": broker_policies.BROKER_RULES,
    "institution": broker_policies.INSTITUTION_RULES,
}
CONTRACT = {
    "need": {
        *("submit", "district-approve", "return", "formal-approve", "argue-pass"),
        *("argue-fail", "pool", "withdraw", "renew", "discard"),
    },
    "offer": {
        *("submit", "unit-approve", "register", "list", "return", "delist", "discard"),
    },
    "organisation": {"verify", "suspend", "reinstate", "close"},
    "docking-day": {"solve", "deploy"},
}
CODE_LISTS = {
    "need": "need_state",
    "offer": "offer_state",
    "organisation": "org_state",
    "institution": "institution_state",
}


def states(workflow: Workflow[Any]) -> list[StrEnum]:
    return list(type(workflow.initial))


def by_people(workflow: Workflow[Any], start: set[StrEnum]) -> set[StrEnum]:
    """States that can be reached from some without the system's own transitions."""
    found = set(start)
    while True:
        more = {
            t.target for t in workflow.transitions if not t.system and t.sources & found
        } - found
        if not more:
            return found
        found |= more


def test_the_domain_has_the_life_cycles_that_the_tests_name() -> None:
    assert set(WORKFLOWS) >= {"need", "offer", "organisation", "user"}
    assert WORKFLOWS["need"] is NEED_WORKFLOW
    assert WORKFLOWS["offer"] is OFFER_WORKFLOW
    assert WORKFLOWS["organisation"] is ORGANISATION_WORKFLOW
    assert WORKFLOWS["user"] is ACCOUNT_WORKFLOW


@pytest.mark.parametrize("name", NAMES)
def test_every_state_can_be_reached(name: str) -> None:
    workflow = WORKFLOWS[name]
    assert workflow.reachable() == set(states(workflow))


@pytest.mark.parametrize("name", NAMES)
def test_what_people_cannot_reach_the_system_enters_or_leads_to(name: str) -> None:
    workflow = WORKFLOWS[name]
    entered = {t.target for t in workflow.transitions if t.system}
    people = by_people(workflow, {workflow.initial} | entered)
    assert people == set(states(workflow))


@pytest.mark.parametrize("name", NAMES)
def test_every_source_and_target_is_a_state_of_the_kind(name: str) -> None:
    workflow = WORKFLOWS[name]
    known = type(workflow.initial)
    for row in workflow.transitions:
        assert row.sources, row.action
        assert all(isinstance(s, known) for s in [*row.sources, row.target])


@pytest.mark.parametrize("name", NAMES)
def test_every_action_has_a_kebab_name_and_a_title_in_both_languages(name: str) -> None:
    for row in WORKFLOWS[name].transitions:
        assert KEBAB.fullmatch(row.action), row.action
        assert re.search(r"[\u4e00-\u9fff]", row.title.zh)
        assert row.title.en.isascii()
        assert row.title.en.strip()


@pytest.mark.parametrize("name", NAMES)
def test_one_name_is_never_both_a_persons_and_the_systems(name: str) -> None:
    rows = WORKFLOWS[name].transitions
    persons = {t.action for t in rows if not t.system}
    assert not persons & {t.action for t in rows if t.system}


@pytest.mark.parametrize("name", NAMES)
def test_a_step_is_taken_exactly_where_the_table_has_it(name: str) -> None:
    workflow = WORKFLOWS[name]
    actions = {t.action for t in workflow.transitions} | {"", "nothing-like-it"}
    for state in states(workflow):
        for action in actions:
            for system in (False, True):
                rows = [
                    t
                    for t in workflow.transitions
                    if t.action == action and state in t.sources and t.system == system
                ]
                if rows:
                    assert [workflow.step(state, action, system=system)] == rows
                    continue
                with pytest.raises(IllegalTransition) as refused:
                    workflow.step(state, action, system=system)
                possible = [t.action for t in workflow.offered(state)]
                assert refused.value.extra == {
                    "state": state.value,
                    "possible": possible,
                }


@given(st.data())
def test_any_walk_stays_in_the_table(data: st.DataObject) -> None:
    workflow = WORKFLOWS[data.draw(st.sampled_from(NAMES))]
    state = workflow.initial
    for _ in range(data.draw(st.integers(0, 25))):
        rows = [t for t in workflow.transitions if state in t.sources]
        if not rows:
            assert workflow.offered(state) == ()
            break
        row = data.draw(st.sampled_from(rows))
        assert (row in workflow.offered(state)) is not row.system
        state = workflow.step(state, row.action, system=row.system).target
        assert state in type(workflow.initial)


@pytest.mark.parametrize("name", sorted(RULES))
def test_every_action_of_people_has_a_rule(name: str) -> None:
    """An action without a rule is refused to everybody: the table would lie."""
    assert WORKFLOWS[name].actions <= set(RULES[name])


@pytest.mark.parametrize("name", sorted(RULES))
def test_no_rule_lets_a_person_take_a_step_of_the_system(name: str) -> None:
    system = {t.action for t in WORKFLOWS[name].transitions if t.system}
    assert not system & set(RULES[name])


@pytest.mark.parametrize("name", sorted(CONTRACT))
def test_the_actions_of_the_contract_are_there(name: str) -> None:
    assert CONTRACT[name] <= WORKFLOWS[name].actions


@pytest.mark.parametrize("name", sorted(CODE_LISTS))
def test_the_states_are_those_of_the_code_list(name: str) -> None:
    path = SEEDS / "codes" / f"{CODE_LISTS[name]}.json"
    newest = json.loads(path.read_text(encoding="utf-8"))["versions"][-1]
    codes = {entry["code"] for entry in newest["entries"]}
    assert codes == {s.value for s in states(WORKFLOWS[name])}


@pytest.mark.parametrize("name", sorted(CODE_LISTS))
def test_states_are_called_what_the_code_list_calls_them(name: str) -> None:
    path = SEEDS / "codes" / f"{CODE_LISTS[name]}.json"
    newest = json.loads(path.read_text(encoding="utf-8"))["versions"][-1]
    listed = {e["code"]: Text(e["zh"], e["en"]) for e in newest["entries"]}
    assert STATES[name] == listed


@pytest.mark.parametrize("name", NAMES)
def test_a_refusal_speaks_chinese_to_who_reads_chinese(name: str) -> None:
    """Its codes stay in the English text and beside it."""
    workflow = WORKFLOWS[name]
    for state in states(workflow):
        offered = {row.action for row in workflow.offered(state)}
        for row in workflow.transitions:
            if row.action in offered:
                continue
            with pytest.raises(IllegalTransition) as refused:
                workflow.step(state, row.action)
            told = refused.value.detail
            assert told is not None
            assert not re.search(r"[A-Za-z-]", told.zh), told.zh
            assert row.title.zh in told.zh
            assert ("没有您可执行的操作" in told.zh) == (not offered)
            assert f"'{row.action}'" in told.en
            assert state.value in told.en


@pytest.mark.parametrize(
    "rules",
    [
        table
        for module in (policies, broker_policies, thread_policies)
        for name, table in vars(module).items()
        if "_RULES" in name
    ],
)
def test_who_may_not_is_told_in_words_what(rules: policies.Rules) -> None:
    stranger = Actor(now=datetime(2026, 11, 23, tzinfo=UTC), user_id=uuid4())
    for action in rules:
        with pytest.raises(Forbidden) as refused:
            policies.require(stranger, action, None, {action: ()})
        told = refused.value.detail
        assert told is not None
        assert not re.search(r"[A-Za-z-]", told.zh), told.zh
        assert told.en == f"your roles do not allow '{action}'"


def test_an_action_is_called_what_its_button_says() -> None:
    for workflow in (NEED_WORKFLOW, OFFER_WORKFLOW, ORGANISATION_WORKFLOW):
        for row in workflow.transitions:
            assert action_title(row.action, workflow.name) == row.title
    assert action_title("nothing-like-it").zh == "nothing-like-it"


def test_an_action_may_not_stand_twice_for_one_state() -> None:
    class Light(StrEnum):
        OFF = "OFF"
        ON = "ON"

    go = Text("开", "Go")
    rows = [
        Transition("go", {Light.OFF}, Light.ON, go),
        Transition("go", {Light.OFF, Light.ON}, Light.OFF, go),
    ]
    with pytest.raises(ValueError, match="light: go twice from OFF"):
        Workflow("light", Light.OFF, table(rows))
