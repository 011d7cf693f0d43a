"""The registry's clock, and who does what to a registration."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from marketplace.domain.contracts import RegistrationState
from marketplace.domain.roles import Role
from marketplace.errors import (
    Conflict,
    Forbidden,
    IllegalTransition,
    Invalid,
    NotFound,
)
from marketplace.models.messages import Message
from marketplace.models.registrations import RegistrationFact
from marketplace.models.rules import Rule
from marketplace.services import prechecks, registrations
from tests import agreements
from tests.agreements import Deal, amounts, party
from tests.conftest import SHANGHAI
from tests.people import World

OLD = {"signed_on": date(2026, 2, 27), "valid_from": date(2026, 2, 27)}
"""The last working day before the rules of 2026."""
LARGE = amounts("6000000", "5000000")
CORRECT = {"comment": "请补充知识产权证明"}
WORKING_15 = date(2026, 12, 14)
"""Fifteen working days after Monday, 23 November 2026."""


def at(world: World, day: date) -> None:
    world.clock.at = datetime(day.year, day.month, day.day, 9, tzinfo=SHANGHAI)


def shown(deal: Deal) -> dict[str, Any]:
    operator = deal.world.actor("operator")
    return registrations.view(deal.world.session, operator, deal.registration)


def accepted(world: World, **changes: Any) -> Deal:
    deal = agreements.applied(world, **changes)
    deal.register("clerk", "accept")
    return deal


@pytest.fixture
def resuming(world: World) -> Iterator[None]:
    """Rules of 2026 under which the clock goes on where it had stopped."""
    rule = world.session.scalars(
        sa.select(Rule).where(
            Rule.key == "registration.rule_set",
            Rule.valid_from <= date(2026, 11, 23),
            sa.or_(Rule.valid_to.is_(None), Rule.valid_to >= date(2026, 11, 23)),
        )
    ).one()
    before = rule.value
    rule.value = {**before, "correction_clock": "resume"}
    world.session.commit()
    yield
    world.session.rollback()
    rule.value = before
    world.session.commit()


# The clock


def test_the_clock_starts_with_acceptance_and_counts_working_days(
    world: World,
) -> None:
    deal = agreements.applied(world)
    assert shown(deal)["due_on"] is None
    at(world, date(2026, 11, 23))
    deal.register("clerk", "accept")
    assert shown(deal)["due_on"] == WORKING_15
    assert shown(deal)["working_days_left"] == 15
    assert deal.owed("registration") == {
        ("first-check", "registry:registry_clerk"): WORKING_15
    }


def test_holidays_and_make_up_days_count_as_the_notice_says(world: World) -> None:
    # 25 to 27 September and 1 to 7 October are free; 20 September, a Sunday, and
    # 10 October, a Saturday, are worked. Signed under the rules of 2026.
    at(world, date(2026, 9, 17))
    deal = accepted(world, signed_on=date(2026, 9, 17), valid_from=date(2026, 9, 17))
    # Worked: 18, 20-24, 28-30 September (9), 8-10 (3), 12-14 October (3).
    assert shown(deal)["due_on"] == date(2026, 10, 14)
    at(world, date(2026, 9, 30))
    assert shown(deal)["working_days_left"] == 6
    at(world, date(2026, 10, 7))
    assert shown(deal)["working_days_left"] == 6


def test_a_day_in_a_year_whose_holidays_are_not_known_is_told_to_be_provisional(
    world: World,
) -> None:
    deal = accepted(world, **LARGE)
    found = shown(deal)
    assert found["due_on"] == date(2027, 1, 4)
    assert found["due_is_provisional"] is True
    assert shown(accepted(world))["due_is_provisional"] is False


def test_what_is_late_shows_days_below_zero_and_is_found(world: World) -> None:
    deal = accepted(world)
    at(world, WORKING_15)
    assert (shown(deal)["working_days_left"], shown(deal)["late"]) == (0, False)
    at(world, WORKING_15 + timedelta(days=3))
    assert (shown(deal)["working_days_left"], shown(deal)["late"]) == (-3, True)
    for late, count in ((True, 1), (False, 0)):
        listing = registrations.search(world.session, world.actor("clerk"), late=late)
        assert listing.page(limit=10).total == count


def test_under_the_rules_of_2026_the_clock_restarts_after_a_correction(
    world: World,
) -> None:
    deal = accepted(world)
    at(world, date(2026, 11, 30))
    deal.register("clerk", "request-correction", **CORRECT)
    assert shown(deal)["due_on"] is None
    assert shown(deal)["working_days_left"] is None
    assert list(deal.owed("registration")) == [("correct", "university")]
    at(world, date(2026, 12, 7))
    deal.register("university_admin", "resubmit")
    deal.register("clerk", "accept")
    assert shown(deal)["working_days_left"] == 15
    assert shown(deal)["due_on"] == date(2026, 12, 28)


@pytest.mark.usefixtures("resuming")
def test_where_the_rules_say_so_the_clock_goes_on_where_it_stopped(
    world: World,
) -> None:
    deal = accepted(world)
    for passed in (5, 8):
        for _ in range(5 if passed == 5 else 3):
            world.clock.advance(days=1)
            while world.clock.now().weekday() > 4:
                world.clock.advance(days=1)
        deal.register("clerk", "request-correction", **CORRECT)
        world.clock.advance(days=7)
        deal.register("university_admin", "resubmit")
        world.clock.advance(days=7)
        deal.register("clerk", "accept")
        assert shown(deal)["working_days_left"] == 15 - passed


@pytest.mark.usefixtures("resuming")
def test_a_clock_that_has_run_out_leaves_no_days_and_does_not_go_below(
    world: World,
) -> None:
    deal = accepted(world)
    at(world, date(2026, 12, 21))
    deal.register("clerk", "request-correction", **CORRECT)
    deal.register("university_admin", "resubmit")
    deal.register("clerk", "accept")
    assert shown(deal)["due_on"] == date(2026, 12, 21)


def test_the_rules_of_2001_count_calendar_days(world: World) -> None:
    deal = accepted(world, **OLD)
    assert shown(deal)["rule_set"] == "2021"
    assert shown(deal)["due_on"] == date(2026, 12, 23)
    assert accepted(world, **OLD, **LARGE).registration.expert_reasons == []


def test_the_rules_of_the_application_stay_whatever_an_amendment_says(
    world: World,
) -> None:
    deal = agreements.applied(world)
    deal.amended(signed_on=date(2026, 2, 27))
    deal.register("clerk", "accept")
    assert shown(deal)["rule_set"] == "2026"
    assert shown(deal)["due_on"] == WORKING_15


def test_a_contract_older_than_every_rule_is_told_so(world: World) -> None:
    old = {"signed_on": date(1999, 1, 4), "valid_from": date(1999, 1, 4)}
    deal = agreements.effective(world, **old)
    with pytest.raises(Invalid):
        deal.register("university_admin", "apply", truthful=True)
    with pytest.raises(Invalid):
        prechecks.of_contract(world.session, world.actor("firm"), deal.contract)


# Experts


@pytest.mark.parametrize(
    ("changes", "reasons"),
    [
        (LARGE, ["large"]),
        (amounts("6000000", "4999999.99"), []),
        ({"is_related": True}, ["related"]),
        ({**LARGE, "is_related": True}, ["large", "related"]),
    ],
)
def test_large_and_related_contracts_need_experts_and_have_longer(
    world: World, changes: dict[str, Any], reasons: list[str]
) -> None:
    deal = accepted(world, **changes)
    assert deal.registration.expert_reasons == reasons
    assert shown(deal)["working_days_left"] == (30 if reasons else 15)


def test_a_dispute_lengthens_the_clock_from_the_day_of_acceptance(
    world: World,
) -> None:
    deal = accepted(world)
    deal.register("clerk", "first-approve")
    at(world, date(2026, 11, 30))
    deal.register("clerk", "send-to-experts", comment="合同类别有争议")
    assert deal.registration.expert_reasons == ["disputed"]
    assert shown(deal)["due_on"] == date(2027, 1, 4)
    assert deal.owed("registration") == {
        ("collect-opinions", "registry:registry_reviewer"): date(2027, 1, 4)
    }


def test_without_the_experts_support_nothing_is_registered(world: World) -> None:
    deal = accepted(world, **LARGE)
    deal.register("clerk", "first-approve")
    with pytest.raises(IllegalTransition):
        deal.register("reviewer", "register")
    deal.register("clerk", "send-to-experts", comment="金额较大")
    for supports in (None, False):
        if supports is None:
            with pytest.raises(Invalid):
                deal.register("clerk", "note-opinion", comment="意见")
        else:
            deal.register("clerk", "note-opinion", comment="意见", supports=supports)
        with pytest.raises(IllegalTransition):
            deal.register("reviewer", "register")
    deal.register("clerk", "note-opinion", comment="复议同意", supports=True)
    assert deal.owed("registration").keys() == {
        ("decide", "registry:registry_reviewer")
    }
    done = deal.register("reviewer", "register")
    assert done.state is RegistrationState.REGISTERED


def test_a_contract_that_grew_large_since_it_was_accepted_goes_to_the_experts(
    world: World,
) -> None:
    deal = accepted(world)
    deal.register("clerk", "first-approve")
    deal.amended(**LARGE)
    with pytest.raises(Conflict):
        deal.register("reviewer", "register")
    with pytest.raises(Conflict):
        deal.register("clerk", "send-to-experts", comment="金额已变更")
    deal.register("clerk", "return-to-check", comment="金额已变更")
    assert deal.registration.expert_reasons == ["large"]
    assert shown(deal)["due_on"] == date(2027, 1, 4)
    deal.register("clerk", "first-approve")
    deal.register("clerk", "send-to-experts", comment="金额较大")
    deal.register("clerk", "note-opinion", comment="同意", supports=True)
    assert deal.register("reviewer", "register").technical_yuan == 5_000_000


@pytest.mark.parametrize("sees", ["clerk", "experts"])
def test_only_what_was_checked_is_registered(world: World, sees: str) -> None:
    deal = accepted(world, **(LARGE if sees == "experts" else {}))
    deal.register("clerk", "first-approve")
    if sees == "experts":
        deal.register("clerk", "send-to-experts", comment="金额较大")
        deal.register("clerk", "note-opinion", comment="同意", supports=True)
    with pytest.raises(IllegalTransition):
        deal.register("clerk", "return-to-check", comment="再看一遍")
    deal.amended(goal="抗拉强度不低于360 MPa。")
    with pytest.raises(Conflict, match="version 1 was checked"):
        deal.register("reviewer", "register")
    deal.register("reviewer", "return-to-check", comment="合同已变更")
    assert deal.registration.opinions == []
    deal.register("clerk", "first-approve")
    if sees == "experts":
        deal.register("clerk", "send-to-experts", comment="金额较大")
        with pytest.raises(IllegalTransition):
            deal.register("reviewer", "register")
        deal.register("clerk", "note-opinion", comment="同意", supports=True)
    assert deal.register("reviewer", "register").version_number == 2


def test_a_resubmission_is_checked_by_the_rules_of_its_application(
    world: World,
) -> None:
    deal = agreements.applied(world)
    before = deal.registration.readiness
    deal.amended(**OLD)
    deal.register("clerk", "request-correction", **CORRECT)
    deal.register("university_admin", "resubmit")
    after = deal.registration.readiness
    assert after["rule_set"] == before["rule_set"] == "2026"
    assert after["answers"].keys() == before["answers"].keys()


# Who applies and who decides


def test_who_speaks_for_a_panel_does_not_decide(world: World) -> None:
    world.users["second"] = world.make_user(
        "second", world.org("clerk"), (Role.REGISTRY_REVIEWER,)
    )
    deal = accepted(world, **LARGE)
    deal.register("clerk", "first-approve")
    deal.register("clerk", "send-to-experts", comment="金额较大")
    deal.register("reviewer", "note-opinion", comment="同意", supports=True)
    with pytest.raises(Forbidden):
        deal.register("reviewer", "register")
    done = deal.register("second", "register")
    assert done.state is RegistrationState.REGISTERED


def test_a_refused_contract_is_handed_in_anew_and_judged_by_others(
    world: World,
) -> None:
    both = (Role.REGISTRY_CLERK, Role.REGISTRY_REVIEWER)
    world.users["both"] = world.make_user("both", world.org("clerk"), both)
    world.user("province")
    deal = agreements.applied(world)
    deal.register("both", "accept")
    deal.register("clerk", "first-approve")
    deal.register("reviewer", "refuse", comment="标的不明确", outcome="N04")
    deal.register("university_admin", "appeal", comment="标的明确")
    with pytest.raises(IllegalTransition):
        deal.register("university_admin", "apply", truthful=True)
    deal.register("province", "dismiss-appeal", comment="不成立")
    deal.edit("team", tech_field="04")
    deal.amended(goal="抗拉强度不低于360 MPa。")
    deal.register("university_admin", "apply", truthful=True)
    found = shown(deal)
    assert (found["outcome"], found["outcome_reason"], found["appeal"]) == (
        None,
        "",
        None,
    )
    deal.register("clerk", "accept")
    assert shown(deal)["working_days_left"] == 15
    deal.register("clerk", "first-approve")
    with pytest.raises(Forbidden):
        deal.register("both", "register")
    done = deal.register("reviewer", "register")
    assert done.state is RegistrationState.REGISTERED


def test_the_seller_applies_and_for_an_import_the_buyer(world: World) -> None:
    world.user("clerk")
    deal = agreements.effective(world)
    with pytest.raises(Conflict):
        deal.register("firm_admin", "apply", truthful=True)
    deal.register("university_admin", "apply", truthful=True)
    deal = agreements.effective(world, is_import=True)
    with pytest.raises(Conflict):
        deal.register("university_admin", "apply", truthful=True)
    assert deal.register("firm_admin", "apply", truthful=True).applicant_org_id == (
        world.org("firm").id
    )


def test_an_application_comes_after_effect_and_answers_for_its_truth(
    world: World,
) -> None:
    world.user("clerk")
    deal = agreements.draft(world)
    with pytest.raises(Conflict):
        deal.register("university_admin", "apply", truthful=True)
    deal.sign()
    with pytest.raises(Conflict):
        deal.register("university_admin", "apply", truthful=True)
    deal.act("firm_admin", "take-effect")
    for given in ({}, {"truthful": False}, {"truthful": "true"}):
        with pytest.raises(Invalid):
            deal.register("university_admin", "apply", **given)
    with pytest.raises(Forbidden):
        deal.register("team", "apply", truthful=True)
    deal.register("university_admin", "apply", truthful=True)
    with pytest.raises(IllegalTransition):
        deal.register("university_admin", "apply", truthful=True)


def offered(deal: Deal, who: str) -> set[str]:
    world = deal.world
    actor = world.actor(who)
    found = registrations.get(world.session, actor, deal.id)
    view = registrations.view(world.session, actor, found)
    return {row["name"] for row in view["actions"]}


def test_only_who_may_apply_now_is_offered_to(world: World) -> None:
    world.user("clerk")
    deal = agreements.draft(world)
    assert offered(deal, "university_admin") == set()
    deal.sign()
    deal.act("firm_admin", "take-effect")
    assert offered(deal, "university_admin") == {"apply"}
    assert offered(deal, "firm_admin") == set()
    imported = agreements.effective(world, is_import=True)
    assert offered(imported, "firm_admin") == {"apply"}
    assert offered(imported, "university_admin") == set()
    ancient = {"signed_on": date(2000, 1, 3), "valid_from": date(2000, 1, 3)}
    assert offered(agreements.effective(world, **ancient), "firm_admin") == set()


@pytest.mark.parametrize("why", ["amounts", "version", "end"])
def test_registering_is_offered_once_nothing_stands_against_it(
    world: World, why: str
) -> None:
    open_ = {"total_yuan": None, "technical_yuan": None, "non_technical": []}
    terms = {**agreements.ROYALTY, **open_, "instalments": []}
    deal = accepted(world, **(terms if why == "amounts" else {}))
    deal.register("clerk", "first-approve")
    if why != "amounts":
        assert "register" in offered(deal, "reviewer")
    if why == "version":
        deal.amended(goal="抗拉强度不低于360 MPa。")
        assert "return-to-check" in offered(deal, "reviewer")
    if why == "end":
        deal.act("firm_admin", "rescind", ground="LATE", comment="逾期")
    assert "register" not in offered(deal, "reviewer")


def test_a_broker_in_the_contract_reads_its_registration(world: World) -> None:
    parties = [
        party("buyer", world.org("firm").id),
        party("seller", world.org("university_admin").id),
        party("broker", world.org("broker").id),
    ]
    world.user("broker")
    deal = agreements.applied(world, parties=parties)
    assert offered(deal, "broker") == set()
    found = registrations.get(world.session, world.actor("broker"), deal.id)
    shown_to_him = registrations.view(world.session, world.actor("broker"), found)
    assert shown_to_him["readiness"] is None
    for action in ("apply", "withdraw", "accept"):
        with pytest.raises((Forbidden, IllegalTransition)):
            deal.register("broker", action, comment="理由")
    without = agreements.applied(world)
    with pytest.raises(NotFound):
        registrations.get(world.session, world.actor("broker"), without.id)


@pytest.mark.parametrize("took", ["accept", "first-approve"])
def test_who_accepted_or_checked_does_not_decide_nor_after_an_appeal(
    world: World, took: str
) -> None:
    both = (Role.REGISTRY_CLERK, Role.REGISTRY_REVIEWER)
    world.users["both"] = world.make_user("both", world.org("clerk"), both)
    world.user("province")
    deal = agreements.applied(world)
    doers = {"accept": "clerk", "first-approve": "clerk", took: "both"}
    for action, who in doers.items():
        deal.register(who, action)
    refuse = {"comment": "不属于技术合同", "outcome": "N01"}
    with pytest.raises(Forbidden):
        deal.register("both", "register")
    with pytest.raises(Forbidden):
        deal.register("both", "refuse", **refuse)
    deal.register("reviewer", "refuse", **refuse)
    deal.register("university_admin", "appeal", comment="属于技术开发")
    deal.register("province", "uphold-appeal", comment="异议成立")
    assert shown(deal)["working_days_left"] == 15
    deal.register("clerk", "first-approve")
    if took == "accept":
        with pytest.raises(Forbidden):
            deal.register("both", "register")
    done = deal.register("reviewer", "register")
    assert done.state is RegistrationState.REGISTERED


def test_opinions_of_before_an_appeal_do_not_carry_the_next_decision(
    world: World,
) -> None:
    world.user("province")
    deal = accepted(world, **LARGE)
    deal.register("clerk", "first-approve")
    deal.register("clerk", "send-to-experts", comment="金额较大")
    deal.register("clerk", "note-opinion", comment="同意", supports=True)
    deal.register("reviewer", "refuse", comment="标的不明确", outcome="N04")
    deal.register("university_admin", "appeal", comment="标的明确")
    deal.register("province", "uphold-appeal", comment="异议成立")
    deal.register("clerk", "first-approve")
    deal.register("clerk", "send-to-experts", comment="金额较大")
    with pytest.raises(IllegalTransition):
        deal.register("reviewer", "register")


def test_an_appeal_is_heard_once_and_by_the_province(world: World) -> None:
    world.user("province")
    deal = agreements.registered(world)
    deal.register("reviewer", "revoke", comment="材料不实", document="示例1号")
    with pytest.raises(IllegalTransition):
        deal.register("province", "reinstate", comment="成立")
    deal.register("university_admin", "appeal", comment="材料属实")
    assert deal.owed("registration").keys() == {("hear-appeal", "provincial_authority")}
    with pytest.raises(Forbidden):
        deal.register("reviewer", "reinstate", comment="成立")
    deal.register("province", "dismiss-appeal", comment="不成立")
    for who, action in (("university_admin", "appeal"), ("province", "reinstate")):
        with pytest.raises(IllegalTransition):
            deal.register(who, action, comment="再议")


@pytest.mark.parametrize("end", ["rescind", "annul"])
def test_a_contract_that_ended_meanwhile_is_not_registered(
    world: World, end: str
) -> None:
    world.user("operator")
    deal = accepted(world)
    deal.register("clerk", "first-approve")
    if end == "rescind":
        deal.act("firm_admin", "rescind", ground="LATE", comment="逾期")
    else:
        deal.act("operator", "annul", comment="无效", document="示例1号")
    with pytest.raises(Conflict):
        deal.register("reviewer", "register")
    deal.register("reviewer", "refuse", comment="合同已解除", outcome="N02")


def test_a_royalty_contract_is_registered_once_its_amounts_are_settled(
    world: World,
) -> None:
    open_ = {
        **agreements.ROYALTY,
        "total_yuan": None,
        "technical_yuan": None,
        "non_technical": [],
        "instalments": [],
    }
    deal = accepted(world, **open_)
    deal.register("clerk", "first-approve")
    with pytest.raises(Conflict):
        deal.register("reviewer", "register")
    deal.amended(**{**amounts("900", "800"), "payment_method": "4"})
    deal.register("reviewer", "return-to-check", comment="金额已载明")
    deal.register("clerk", "first-approve")
    found = deal.register("reviewer", "register")
    assert (found.total_yuan, found.technical_yuan) == (900, 800)


# The book of the registry


@dataclass(frozen=True)
class Line:
    kind: str
    count: int
    total: int
    technical: int
    code: str


def book(deal: Deal) -> list[Line]:
    rows = deal.world.session.scalars(
        sa.select(RegistrationFact)
        .where(RegistrationFact.contract_id == deal.id)
        .order_by(RegistrationFact.id)
    )
    return [
        Line(
            r.kind, r.count, int(r.total_yuan), int(r.technical_yuan), r.contract_class
        )
        for r in rows
    ]


def change(deal: Deal, wanted: str) -> None:
    deal.register("university_admin", "request-change", wanted=wanted, comment="变更")
    deal.register("reviewer", wanted, comment="同意")


def wants(deal: Deal, wanted: str = "change") -> None:
    deal.register("university_admin", "request-change", wanted=wanted, comment="变更")


def test_without_a_new_version_nothing_is_changed(world: World) -> None:
    deal = agreements.registered(world)
    wants(deal)
    with pytest.raises(Conflict):
        deal.register("reviewer", "change")
    deal.amended(goal="抗拉强度不低于360 MPa。")
    assert deal.register("reviewer", "change").version_number == 2
    wants(deal)
    with pytest.raises(Conflict):
        deal.register("reviewer", "change")


def test_a_change_does_not_bring_a_large_contract_past_the_experts(
    world: World,
) -> None:
    deal = agreements.registered(world)
    deal.amended(**LARGE)
    wants(deal)
    with pytest.raises(Conflict):
        deal.register("reviewer", "change")
    assert deal.registration.technical_yuan == 1_100_000


def test_what_experts_have_seen_is_changed_without_them(world: World) -> None:
    deal = accepted(world, **LARGE)
    deal.register("clerk", "first-approve")
    deal.register("clerk", "send-to-experts", comment="金额较大")
    deal.register("clerk", "note-opinion", comment="同意", supports=True)
    deal.register("reviewer", "register")
    deal.amended(**amounts("6500000", "5500000"))
    wants(deal)
    assert deal.register("reviewer", "change").technical_yuan == 5_500_000


def test_of_a_rescinded_contract_nothing_is_changed_or_restored(world: World) -> None:
    world.user("province")
    deal = agreements.registered(world)
    deal.amended(goal="抗拉强度不低于360 MPa。")
    wants(deal)
    deal.act("firm_admin", "rescind", ground="LATE", comment="逾期")
    with pytest.raises(Conflict):
        deal.register("reviewer", "change")
    deal.register("reviewer", "revoke", comment="不实", document="示例1号")
    deal.register("university_admin", "appeal", comment="属实")
    with pytest.raises(Conflict):
        deal.register("province", "reinstate", comment="成立")
    deal.register("province", "dismiss-appeal", comment="合同已解除")


def test_a_request_for_a_change_is_taken_back_or_declined(world: World) -> None:
    deal = agreements.registered(world)
    for who, action in (
        ("university_admin", "withdraw-request"),
        ("reviewer", "decline-change"),
    ):
        with pytest.raises(IllegalTransition):
            deal.register(who, action, comment="无此申请")
    wants(deal)
    assert deal.owed("registration").keys() == {
        ("decide-change", "registry:registry_reviewer")
    }
    with pytest.raises(Forbidden):
        deal.register("reviewer", "withdraw-request")
    found = deal.register("university_admin", "withdraw-request")
    assert (found.wanted, found.state) == ({}, RegistrationState.REGISTERED)
    assert deal.owed("registration") == {}
    wants(deal, "cancel")
    for who in ("clerk", "university_admin"):
        with pytest.raises(Forbidden):
            deal.register(who, "decline-change", comment="理由不足")
    with pytest.raises(Invalid):
        deal.register("reviewer", "decline-change")
    found = deal.register("reviewer", "decline-change", comment="理由不足")
    assert (found.wanted, found.state) == ({}, RegistrationState.REGISTERED)
    assert deal.owed("registration") == {}
    told = world.session.scalars(
        sa.select(Message.values)
        .where(Message.topic == "registration.decided")
        .order_by(Message.id.desc())
    ).first()
    assert told is not None
    assert told["reason"] == "理由不足"
    wants(deal)


def test_a_change_of_amounts_is_entered_as_the_difference(world: World) -> None:
    deal = agreements.registered(world, **amounts("1000", "900"))
    deal.amended(**amounts("700", "650"))
    assert deal.registration.total_yuan == 1000
    change(deal, "change")
    assert book(deal) == [
        Line("registered", 1, 1000, 900, "D1"),
        Line("changed", 0, -300, -250, "D1"),
    ]


def test_a_change_of_class_takes_off_there_and_adds_here(world: World) -> None:
    deal = agreements.registered(world, **amounts("1000", "900"))
    deal.amended(**amounts("700", "650"), contract_class="S1")
    change(deal, "change")
    assert book(deal)[1:] == [
        Line("changed", -1, -1000, -900, "D1"),
        Line("changed", 1, 700, 650, "S1"),
    ]


def test_what_is_taken_off_is_taken_off_where_it_stands(world: World) -> None:
    world.user("province")
    deal = agreements.registered(world, **amounts("1000", "900"))
    deal.amended(**amounts("700", "650"), contract_class="S1")
    deal.register("reviewer", "revoke", comment="不实", document="示例1号")
    deal.register("university_admin", "appeal", comment="属实")
    deal.register("province", "reinstate", comment="成立")
    change(deal, "cancel")
    assert book(deal) == [
        replace(
            Line("registered", 1, 1000, 900, "D1"),
            kind=kind,
            count=count,
            total=1000 * count,
            technical=900 * count,
        )
        for kind, count in (
            ("registered", 1),
            ("revoked", -1),
            ("restored", 1),
            ("cancelled", -1),
        )
    ]


def test_of_two_sellers_either_applies_and_the_first_gives_the_place(
    world: World,
) -> None:
    parties = [
        party("buyer", world.org("firm").id),
        party("seller", world.org("university_admin").id),
        party("seller", world.org("other_firm").id),
    ]
    deal = agreements.draft(world, parties=parties)
    deal.sign("firm_admin", "university_admin", "other_firm")
    deal.act("other_firm", "take-effect")
    for who in ("clerk", "reviewer"):
        world.user(who)
    deal.register("other_firm", "apply", truthful=True)
    for action, who in agreements.JUDGES.items():
        deal.register(who, action)
    fact = world.session.scalars(sa.select(RegistrationFact)).one()
    assert fact.seller_region == world.org("university_admin").region
