"""What is particular to needs: completeness, validity, the library."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from marketplace.domain.actors import system
from marketplace.domain.needs import NeedState
from marketplace.errors import Forbidden, Invalid
from marketplace.models.rules import Rule
from marketplace.services import needs
from tests.listings import NEED, forget, make_need, undone
from tests.people import World

TODAY = date(2026, 11, 23)


def gaps(world: World, need_id: object) -> dict[str, str]:
    """Submit something incomplete; returns the code at each pointer."""
    with pytest.raises(Invalid) as caught:
        needs.act(world.session, world.actor("firm_admin"), need_id, "submit")
    return {e.pointer: e.code for e in caught.value.errors}


def test_a_title_makes_a_draft_and_submission_names_every_gap(world: World) -> None:
    draft = needs.create(world.session, world.actor("firm"), {"title": "轻量化"})
    assert draft.state is NeedState.DRAFT
    assert draft.working.valid_until == TODAY + timedelta(days=365)
    required = {
        *("problem", "key_technology", "expected_goal", "background", "tech_field"),
        *("activity_type", "industry_use", "solve_mode", "cooperation_mode"),
        *("period_start", "period_end", "ip_owner", "source_channel"),
        *("keywords", "indicators", "budget_total_yuan"),
    }
    assert gaps(world, draft.id) == {
        "/chain": "one_of_required",
        **{f"/{name}": "required" for name in required},
    }


def test_a_complete_need_is_submitted(world: World) -> None:
    made = needs.create(world.session, world.actor("firm"), NEED)
    found = needs.act(world.session, world.actor("firm_admin"), made.id, "submit")
    assert found.state is NeedState.SUBMITTED


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"chain": None}, {"/chain": "one_of_required"}),
        ({"chain": None, "ten_strong": "SD-T03"}, {}),
        (
            {"budget_total_yuan": None, "budget_to_bidder_yuan": None},
            {"/budget_total_yuan": "required"},
        ),
        (
            {
                "budget_total_yuan": None,
                "budget_to_bidder_yuan": None,
                "budget_negotiable": True,
            },
            {},
        ),
        ({"budget_total_yuan": "0.00", "budget_to_bidder_yuan": None}, {}),
        ({"ip_owner": "AGREED", "ip_arrangement": ""}, {"/ip_arrangement": "required"}),
        ({"ip_owner": "CLIENT", "ip_arrangement": ""}, {}),
        ({"valid_until": "2026-11-22"}, {"/valid_until": "out_of_range"}),
        ({"valid_until": "2026-11-23"}, {}),
        ({"valid_until": "2030-01-01"}, {"/valid_until": "out_of_range"}),
        (
            {
                "indicators": [
                    {"name": "强度", "operator": "GE"},
                    {"name": "外观"},
                    {"name": "温度", "operator": "RANGE", "value": "1"},
                ]
            },
            {
                "/indicators/0/value": "required",
                "/indicators/1/text": "required",
                "/indicators/2/value2": "required",
            },
        ),
    ],
)
def test_completeness_case_by_case(
    world: World, change: dict[str, object], expected: dict[str, str]
) -> None:
    made = make_need(world, **change)
    if expected:
        assert gaps(world, made.id) == expected
    else:
        needs.act(world.session, world.actor("firm_admin"), made.id, "submit")
        assert made.state is NeedState.SUBMITTED


def test_counts_and_lengths_are_the_rules_of_the_day_and_place(world: World) -> None:
    """Five indicators are asked for in one city from one day on, by its own rule."""
    session = world.session
    for key, value in (
        ("need.minimum_indicators", {"count": 5, "advised": 5}),
        ("need.text_lengths", {"title": 20, "problem": 10}),
    ):
        session.add(
            Rule(
                key=key,
                region="370200",
                valid_from=date(2026, 11, 24),
                valid_to=None,
                value=value,
                mark="P",
                source="test",
            )
        )
    session.flush()
    made, admin = make_need(world), world.actor("firm_admin")
    with undone(session):
        needs.act(session, admin, made.id, "submit")
    world.clock.advance(days=1)
    forget(session)
    assert gaps(world, made.id) == {
        "/title": "too_long",
        "/problem": "too_long",
        "/indicators": "too_few",
    }
    other = needs.create(session, world.actor("other_firm"), NEED)
    needs.act(session, world.actor("other_firm"), other.id, "submit")
    assert other.state is NeedState.SUBMITTED


def test_a_need_expires_after_its_last_day_and_may_be_renewed(world: World) -> None:
    session, admin = world.session, world.actor("firm_admin")
    due = make_need(world, "POOLED", valid_until="2026-12-01")
    later = make_need(world, "POOLED", valid_until="2026-12-02")
    waiting = make_need(world, "ARGUED", valid_until="2026-12-01")
    called = make_need(world, "CALLED", valid_until="2026-12-01")
    world.clock.advance(days=8)
    assert needs.expire_due(session, system(world.clock.now())) == 0
    world.clock.advance(days=1)
    stranger = world.actor("stranger")
    listed = {row["id"] for row in needs.search(session, stranger).stream()}
    assert listed == {later.id}, "past its last day before the job has run"
    assert needs.expire_due(session, system(world.clock.now()), batch=1) == 1
    assert needs.expire_due(session, system(world.clock.now())) == 0
    states = [
        needs.get(session, admin, n.id).state for n in (due, later, waiting, called)
    ]
    assert states == [
        NeedState.EXPIRED,
        NeedState.POOLED,
        NeedState.ARGUED,
        NeedState.CALLED,
    ]
    admin = world.actor("firm_admin")
    for wrong in ("2026-12-01", "2031-01-01", "soon"):
        with pytest.raises(Invalid) as caught:
            needs.act(session, admin, due.id, "renew", valid_until=wrong)
        assert caught.value.errors[0].pointer == "/valid_until"
    renewed = needs.act(session, admin, due.id, "renew", valid_until="2027-06-30")
    assert (renewed.state, renewed.valid_until) == (NeedState.POOLED, date(2027, 6, 30))
    shown = needs.view(session, admin, renewed)
    assert shown["valid_until"] == date(2027, 6, 30)
    assert renewed.published.valid_until == date(2026, 12, 1), "its text is fixed"
    assert {row["id"] for row in needs.search(session, stranger).stream()} == {
        due.id,
        later.id,
    }


def test_a_renewal_without_a_date_takes_the_usual_one(world: World) -> None:
    need = make_need(world, "EXPIRED")
    renewed = needs.act(world.session, world.actor("firm_admin"), need.id, "renew")
    assert renewed.valid_until == TODAY + timedelta(days=365)


def test_a_person_expires_nothing(world: World) -> None:
    make_need(world, "POOLED", valid_until="2026-11-23")
    world.clock.advance(days=2)
    with pytest.raises(Forbidden):
        needs.expire_due(world.session, world.actor("operator"))


def test_revising_an_expired_need_takes_the_old_text_away(world: World) -> None:
    need = make_need(world, "EXPIRED")
    edited = needs.edit(world.session, world.actor("firm"), need.id, {"title": "新"})
    assert (edited.state, edited.published) == (NeedState.DRAFT, None)
    assert edited.working.number == 2
    assert edited.published_version_id is None


def test_a_withdrawal_needs_its_reason(world: World) -> None:
    need = make_need(world, "POOLED")
    for nothing in ("", "   "):
        with pytest.raises(Invalid) as caught:
            needs.act(
                world.session, world.actor("firm"), need.id, "withdraw", comment=nothing
            )
        assert caught.value.errors[0].pointer == "/comment"
    needs.act(
        world.session, world.actor("firm"), need.id, "withdraw", comment="已自行解决"
    )
    assert need.state is NeedState.WITHDRAWN
