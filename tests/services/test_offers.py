"""What is particular to offers: completeness by kind, registration, maturity."""

from __future__ import annotations

from datetime import date

import pytest

from marketplace.domain.offers import OfferState
from marketplace.errors import Conflict, IllegalTransition, Invalid, NotFound
from marketplace.services import offers
from tests.factories import list_offer
from tests.listings import OFFER, make_offer
from tests.people import World

CAPABILITY = {
    "kind": "capability",
    "title": "铝合金挤压与在线热处理中试能力",
    "abstract": "可承接型材挤压、淬火与性能评价。",
    "keywords": ["挤压"],
    "tech_field": ["05"],
    "industry_use": "C32",
    "cooperation_mode": ["6"],
    "secrecy": "PUBLIC",
    "team_intro": "十二人，其中高级职称五人。",
    "equipment": ["2500 t 挤压机"],
}


def gaps(world: World, offer_id: object) -> dict[str, str]:
    """Submit something incomplete; returns the code at each pointer."""
    with pytest.raises(Invalid) as caught:
        offers.act(world.session, world.actor("team"), offer_id, "submit")
    return {e.pointer: e.code for e in caught.value.errors}


def test_the_form_of_a_result_and_of_a_capability(world: World) -> None:
    session, team = world.session, world.actor("team")
    result = offers.create(session, team, {"kind": "result", "title": "型材"})
    always = {
        *("abstract", "secrecy", "tech_field", "industry_use", "cooperation_mode"),
        *("team_intro", "keywords"),
    }
    assert gaps(world, result.id) == {
        f"/{name}": "required"
        for name in always
        | {
            *("innovations", "completers", "category", "nature", "form", "level"),
            *("period_from", "period_to", "maturity_level", "maturity_evidence"),
            *("stage", "chain", "application_state", "conversion_mode", "prospects"),
            "indicators",
        }
    }
    capability = offers.create(session, team, {"kind": "capability", "title": "中试"})
    assert gaps(world, capability.id) == {
        "/track_record": "one_of_required",
        **{f"/{name}": "required" for name in always},
    }


@pytest.mark.parametrize("data", [OFFER, CAPABILITY])
def test_a_complete_offer_is_submitted(world: World, data: dict[str, object]) -> None:
    made = offers.create(world.session, world.actor("team"), data)
    offers.act(world.session, world.actor("team"), made.id, "submit")
    assert made.state is OfferState.SUBMITTED
    assert made.ach_no == {"result": "R", "capability": "C"}[str(data["kind"])] + (
        "2026-370102-0001"
    )


def test_only_public_results_leave_the_unit(world: World) -> None:
    made = make_offer(world, secrecy="INTERNAL")
    assert gaps(world, made.id) == {"/secrecy": "not_publishable"}
    with pytest.raises(Invalid) as caught:
        offers.edit(
            world.session, world.actor("team"), made.id, {"secrecy": "CLASSIFIED"}
        )
    assert caught.value.errors[0].code == "secret"


def test_neither_kind_nor_owner_can_be_changed(world: World) -> None:
    made = make_offer(world)
    for name in ("kind", "owner_org_id", "state", "ach_no"):
        with pytest.raises(Invalid) as caught:
            offers.edit(world.session, world.actor("team"), made.id, {name: "result"})
        assert caught.value.errors[0].pointer == f"/{name}"


def test_a_registration_number_is_given_once(world: World) -> None:
    session, operator = world.session, world.actor("operator")
    one, two = make_offer(world, "UNIT_OK"), make_offer(world, "UNIT_OK")
    offers.act(session, operator, one.id, "register", reg_no="370 2026 Y 0001")
    assert one.reg_no == "370 2026 Y 0001"
    with pytest.raises(Conflict) as caught:
        offers.act(session, operator, two.id, "register", reg_no="370 2026 Y 0001")
    assert caught.value.errors[0].pointer == "/reg_no"
    offers.act(session, operator, two.id, "register")
    assert two.reg_no is None


def test_what_is_registered_is_fixed_before_it_is_listed(world: World) -> None:
    session = world.session
    made = make_offer(world, "REGISTERED")
    assert made.working.fixed_at is not None
    assert made.published is None
    edited = offers.edit(session, world.actor("team"), made.id, {"title": "新"})
    assert (edited.state, edited.working.number) == (OfferState.DRAFT, 2)


def test_a_delisted_offer_that_is_revised_loses_its_old_text(world: World) -> None:
    made = make_offer(world, "DELISTED")
    assert made.published is not None
    edited = offers.edit(world.session, world.actor("team"), made.id, {"title": "新"})
    assert edited.published is None
    assert offers.search(world.session, world.actor("stranger")).page().total == 0


def test_maturity_is_compared_across_scales(world: World) -> None:
    """Levels of the nine-step scale and of the stages are read by their mapping."""
    session = world.session
    levels = {
        ("maturity_qd13", 6): True,
        ("maturity_qd13", 5): False,
        ("maturity_trl9", 6): True,
        ("maturity_trl9", 5): False,
        ("maturity_stage", 2): True,
        ("maturity_stage", 1): False,
        (None, None): False,
    }
    made = {
        make_offer(
            world,
            "LISTED" if scale else "DRAFT",
            maturity_scale=scale,
            maturity_level=level,
        ).id: enough
        for (scale, level), enough in levels.items()
    }
    found = offers.search(session, world.actor("team"), maturity_min=6).stream()
    assert {row["id"] for row in found} == {i for i, enough in made.items() if enough}
    top = offers.search(session, world.actor("team"), maturity_min=13).page()
    assert top.items == []


def test_results_and_capabilities_are_told_apart(world: World) -> None:
    result = make_offer(world, "LISTED")
    capability = make_offer(world, "LISTED", **CAPABILITY)
    for kind, expected in (("result", result.id), ("capability", capability.id)):
        rows = offers.search(world.session, world.actor("stranger"), kind=kind).stream()
        assert [row["id"] for row in rows] == [expected]


def test_a_month_is_its_first_day(world: World) -> None:
    made = make_offer(world, period_from="2021-03", period_to=date(2024, 6, 30))
    assert made.working.period_from == date(2021, 3, 1)
    assert made.working.period_to == date(2024, 6, 1)


def test_what_the_public_reads_can_be_taken_down_while_it_is_revised(
    world: World,
) -> None:
    """An owner cannot keep a listing up by beginning its next version."""
    offer = list_offer(world)
    revised = offers.edit(
        world.session, world.actor("university_admin"), offer.id, {"title": "修订稿"}
    )
    assert revised.state is OfferState.DRAFT
    operator = world.actor("operator")
    taken = offers.act(world.session, operator, offer.id, "delist", comment="投诉属实")
    assert taken.state is OfferState.DELISTED
    with pytest.raises(NotFound):
        offers.get(world.session, world.actor("stranger"), offer.id)


def test_an_unpublished_draft_cannot_be_taken_down(world: World) -> None:
    draft = offers.create(world.session, world.actor("university_admin"), OFFER)
    with pytest.raises(IllegalTransition):
        offers.act(
            world.session,
            world.actor("university_admin"),
            draft.id,
            "delist",
            comment="不要了",
        )
