"""Experts of a registration: who may be asked, who counts, and who reads what."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from marketplace.domain.contracts import ExpertState, RegistrationState
from marketplace.domain.roles import Role
from marketplace.errors import (
    Conflict,
    ConflictOfInterest,
    Forbidden,
    IllegalTransition,
    Invalid,
    NotFound,
)
from marketplace.models.conflicts import PersonalTie
from marketplace.models.duties import Duty
from marketplace.models.messages import Message
from marketplace.models.users import Membership
from marketplace.services import (
    contracts,
    duties,
    registration_experts,
    registrations,
)
from tests import agreements
from tests.agreements import Deal, amounts
from tests.people import World
from tests.walls import hire

PANEL = ("expert_a", "expert_b", "expert_c")
LARGE = amounts("6000000", "5000000")
YES = {"comment": "同意登记", "supports": True, "impartial": True}
NO = {**YES, "comment": "技术内容不实", "supports": False}


@pytest.fixture
def deal(world: World) -> Deal:
    """A large contract that lies with the experts, three of whom are known."""
    for name in PANEL:
        add_expert(world, name)
    found = agreements.applied(world, **LARGE)
    found.register("clerk", "accept")
    found.register("clerk", "first-approve")
    found.register("clerk", "send-to-experts", comment="金额较大")
    return found


def add_expert(world: World, name: str) -> None:
    """Add an expert of a unit of his own."""
    org = world.make_org(f"unit of {name}", "OTHER", "370100")
    world.users[name] = world.make_user(name, org, (Role.EXPERT,))


def appoint(deal: Deal, *names: str) -> None:
    for name in names:
        deal.register("clerk", "appoint-expert", user_id=deal.world.user(name).id)


def declare(world: World, name: str, like: str) -> None:
    """Have an expert declare that he advises the unit of somebody."""
    now = world.clock.now()
    org = world.org(like)
    world.session.add(
        PersonalTie(
            user_id=world.user(name).id,
            position=0,
            kind="adviser",
            other_org_id=org.id,
            name=org.name,
            created_at=now,
            updated_at=now,
        )
    )
    world.session.flush()


def is_found(service: Any, world: World, who: str, deal: Deal) -> bool:
    try:
        service.get(world.session, world.actor(who), deal.id)
    except NotFound:
        return False
    return True


def shown(deal: Deal, who: str) -> dict[str, Any]:
    actor, session = deal.world.actor(who), deal.world.session
    found = registrations.get(session, actor, deal.id)
    return registrations.view(session, actor, found)


def candidates(deal: Deal, who: str = "clerk", **filters: Any) -> dict[str, str]:
    actor, session = deal.world.actor(who), deal.world.session
    found = registrations.get(session, actor, deal.id)
    page = registration_experts.search(session, actor, found, **filters).page(limit=50)
    return {row["name"]: row["outlook"] for row in page.items}


def test_three_are_asked_and_more_than_half_have_to_support(deal: Deal) -> None:
    appoint(deal, *PANEL)
    for name, words in zip(PANEL, (YES, NO, YES), strict=True):
        with pytest.raises(IllegalTransition):
            deal.register("reviewer", "register")
        deal.register(name, "give-opinion", **words)
    assert ("decide", "registry:registry_reviewer") in deal.owed("registration")
    done = deal.register("reviewer", "register")
    assert done.state is RegistrationState.REGISTERED
    assert [row.supports for row in done.experts] == [True, False, True]


@pytest.mark.parametrize("answers", [(YES, NO, NO), (YES, YES, NO, NO)])
def test_half_is_not_enough_and_the_reviewer_may_refuse(
    deal: Deal, answers: tuple[dict[str, Any], ...]
) -> None:
    names = (*PANEL, "expert_d")[: len(answers)]
    add_expert(deal.world, "expert_d")
    appoint(deal, *names)
    for name, words in zip(names, answers, strict=True):
        deal.register(name, "give-opinion", **words)
    with pytest.raises(IllegalTransition):
        deal.register("reviewer", "register")
    # A panel's paper does not stand against those who were asked one by one.
    with pytest.raises(IllegalTransition):
        deal.register("reviewer", "note-opinion", comment="同意", supports=True)
    assert ("decide", "registry:registry_reviewer") in deal.owed("registration")
    deal.register("reviewer", "refuse", comment="不属于技术合同", outcome="N01")


def test_two_experts_are_too_few(deal: Deal) -> None:
    appoint(deal, *PANEL[:2])
    for name in PANEL[:2]:
        deal.register(name, "give-opinion", **YES)
    with pytest.raises(IllegalTransition):
        deal.register("reviewer", "register")
    assert ("collect-opinions", "registry:registry_reviewer") in deal.owed(
        "registration"
    )


def test_who_belongs_to_a_party_or_is_tied_to_one_is_not_asked(deal: Deal) -> None:
    world = deal.world
    world.users["insider"] = world.make_user(
        "insider", world.org("firm"), (Role.EXPERT,)
    )
    declare(world, "expert_b", "team")
    assert candidates(deal) == {
        "expert_a": "pass",
        "expert_b": "refuse",
        "expert_c": "pass",
    }
    for name in ("insider", "expert_b"):
        with pytest.raises(ConflictOfInterest):
            appoint(deal, name)
    with pytest.raises(Invalid) as caught:
        appoint(deal, "clerk")
    assert [(e.pointer, e.code) for e in caught.value.errors] == [
        ("/user_id", "unknown_user")
    ]
    assert shown(deal, "clerk")["experts"] == []


def test_the_list_of_candidates_is_searched_by_name_and_unit(deal: Deal) -> None:
    assert list(candidates(deal, q="expert_c")) == ["expert_c"]
    assert list(candidates(deal, q="unit of expert_a")) == ["expert_a"]
    assert candidates(deal, q="%") == {}


def test_a_tie_that_came_up_later_stops_the_opinion(deal: Deal) -> None:
    appoint(deal, "expert_a")
    declare(deal.world, "expert_a", "firm")
    with pytest.raises(ConflictOfInterest):
        deal.register("expert_a", "give-opinion", **YES)
    deal.register("expert_a", "recuse", comment="为买方顾问")
    assert [row.state for row in deal.registration.experts] == [ExpertState.RECUSED]
    with pytest.raises(Conflict):
        appoint(deal, "expert_a")


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({"supports": True}, "/impartial"),
        ({"supports": True, "impartial": False}, "/impartial"),
        ({"impartial": True}, "/supports"),
        ({"impartial": True, "supports": 1}, "/supports"),
    ],
)
def test_an_opinion_says_yes_or_no_and_declares_no_stake(
    deal: Deal, given: dict[str, Any], pointer: str
) -> None:
    appoint(deal, "expert_a")
    with pytest.raises(Invalid) as caught:
        deal.register("expert_a", "give-opinion", comment="意见", **given)
    assert [error.pointer for error in caught.value.errors] == [pointer]
    with pytest.raises(Invalid):
        deal.register("expert_a", "give-opinion", **{**YES, "comment": " "})


def test_an_opinion_is_given_once_and_only_by_who_was_asked(deal: Deal) -> None:
    appoint(deal, "expert_a")
    with pytest.raises(NotFound):
        deal.register("expert_b", "give-opinion", **YES)
    with pytest.raises(Forbidden):
        deal.register("reviewer", "give-opinion", **YES)
    deal.register("expert_a", "give-opinion", **YES)
    with pytest.raises(Forbidden):
        deal.register("expert_a", "give-opinion", **NO)
    with pytest.raises(Forbidden):
        deal.register("expert_a", "recuse", comment="后悔")
    with pytest.raises(Conflict):
        appoint(deal, "expert_a")
    with pytest.raises(Invalid):
        deal.register(
            "clerk",
            "release-expert",
            user_id=deal.world.user("expert_a").id,
            comment="换人",
        )


def test_who_does_not_answer_is_released_and_may_be_asked_again(deal: Deal) -> None:
    user_id = deal.world.user("expert_a").id
    appoint(deal, "expert_a")
    deal.register("reviewer", "release-expert", user_id=user_id, comment="逾期未答复")
    with pytest.raises(NotFound):
        deal.register("expert_a", "give-opinion", **YES)
    appoint(deal, "expert_a")
    assert [row.state for row in deal.registration.experts] == [
        ExpertState.RELEASED,
        ExpertState.ASKED,
    ]
    deal.register("expert_a", "give-opinion", **YES)


def test_an_expert_owes_his_own_opinion_and_is_told_so(deal: Deal) -> None:
    world = deal.world
    appoint(deal, *PANEL)
    mine = duties.queue(world.session, world.actor("expert_a")).page(limit=10)
    assert [(row["step"], row["subject_id"]) for row in mine.items] == [
        ("give-opinion", deal.id)
    ]
    deal.register("expert_a", "give-opinion", **YES)
    assert duties.queue(world.session, world.actor("expert_a")).page(limit=1).total == 0
    open_ = world.session.scalars(
        sa.select(Duty.user_id).where(
            Duty.step == "give-opinion", Duty.closed_at.is_(None)
        )
    )
    assert set(open_) == {world.user(name).id for name in PANEL[1:]}
    told = world.session.scalars(
        sa.select(Message.user_id).where(Message.topic == "registration.expert")
    )
    assert set(told) == {world.user(name).id for name in PANEL}
    deal.register("reviewer", "refuse", comment="不属于技术合同", outcome="N01")
    for name in PANEL:
        queue = duties.queue(world.session, world.actor(name)).page(limit=1)
        assert queue.total == 0


def test_each_reads_what_is_his(deal: Deal) -> None:
    world = deal.world
    appoint(deal, *PANEL)
    deal.register("expert_a", "give-opinion", **YES)
    world.session.commit()
    assert [row["name"] for row in shown(deal, "expert_b")["experts"]] == ["expert_b"]
    assert [row["comment"] for row in shown(deal, "reviewer")["experts"]] == [
        "同意登记",
        "",
        "",
    ]
    for party in ("firm", "university_admin"):
        assert shown(deal, party)["experts"] == []
        page = registrations.history(world.session, world.actor(party), deal.id)
        text = str(page.page(limit=50).items)
        assert "expert_a" not in text
        assert str(world.user("expert_a").id) not in text
        assert "同意登记" not in text
    told = registrations.history(world.session, world.actor("clerk"), deal.id)
    assert "registration.give-opinion" in str(told.page(limit=50).items)


def test_an_expert_reads_the_contract_only_as_long_as_he_is_asked(deal: Deal) -> None:
    world = deal.world

    def reads(name: str) -> tuple[bool, bool]:
        return tuple(
            is_found(service, world, name, deal)
            for service in (contracts, registrations)
        )

    assert reads("expert_a") == (False, False)
    appoint(deal, *PANEL)
    assert reads("expert_a") == (True, True)
    deal.register("expert_a", "recuse", comment="有利害关系")
    assert reads("expert_a") == (False, True)
    deal.register("reviewer", "refuse", comment="不属于技术合同", outcome="N01")
    for name in PANEL:
        assert reads(name) == (False, False)


def test_an_expert_who_has_left_reads_nothing_and_another_takes_his_place(
    deal: Deal,
) -> None:
    world = deal.world
    appoint(deal, *PANEL)
    gone = world.user("expert_a")
    world.session.execute(
        sa.update(Membership)
        .where(Membership.user_id == gone.id)
        .values(ended_at=world.clock.now())
    )
    with pytest.raises(NotFound):
        deal.register("expert_a", "give-opinion", **YES)
    assert "expert_a" not in candidates(deal)
    deal.register("clerk", "release-expert", user_id=gone.id, comment="已离职")


def test_opinions_of_before_an_appeal_do_not_count_after_it(deal: Deal) -> None:
    world = deal.world
    world.user("province")
    appoint(deal, *PANEL)
    for name in PANEL:
        deal.register(name, "give-opinion", **YES)
    deal.register("reviewer", "refuse", comment="不属于技术合同", outcome="N01")
    deal.register("university_admin", "appeal", comment="属于技术开发")
    deal.register("province", "uphold-appeal", comment="异议成立")
    deal.register("clerk", "first-approve")
    deal.register("clerk", "send-to-experts", comment="再审")
    with pytest.raises(IllegalTransition):
        deal.register("reviewer", "register")
    # What was said then stays on record, and the same people may be asked again.
    assert len(shown(deal, "reviewer")["experts"]) == len(PANEL)
    appoint(deal, *PANEL)
    for name in PANEL:
        deal.register(name, "give-opinion", **YES)
    deal.register("reviewer", "register")


def test_nobody_is_an_expert_of_what_he_deals_with_at_the_registry(deal: Deal) -> None:
    world = deal.world
    unit = world.orgs["unit of expert_a"]
    for who in ("clerk", "reviewer"):
        hire(world, who, unit, Role.EXPERT, also=True)
    assert set(candidates(deal)) == set(PANEL)
    for who in ("clerk", "reviewer"):
        with pytest.raises(Invalid):
            appoint(deal, who)


def test_an_official_who_was_asked_before_he_decided_gives_no_opinion(
    deal: Deal,
) -> None:
    world = deal.world
    roles = (Role.REGISTRY_CLERK,)
    appoint(deal, *PANEL)
    # He joins the registry afterwards and takes a step there.
    hire(world, "expert_a", world.org("clerk"), *roles, also=True)
    deal.register("reviewer", "refuse", comment="不属于技术合同", outcome="N01")
    deal.register("university_admin", "apply", truthful=True)
    deal.register("expert_a", "accept")
    deal.register("clerk", "first-approve")
    deal.register("clerk", "send-to-experts", comment="金额较大")
    assert "expert_a" not in candidates(deal)
    with pytest.raises(Forbidden):
        deal.register("expert_a", "give-opinion", **YES)


def test_who_has_spoken_as_an_expert_hears_no_appeal(deal: Deal) -> None:
    world = deal.world
    unit = world.orgs["unit of expert_a"]
    world.user("province")
    hire(world, "province", unit, Role.EXPERT, also=True)
    appoint(deal, "province")
    deal.register("province", "give-opinion", **NO)
    deal.register("reviewer", "refuse", comment="不属于技术合同", outcome="N01")
    deal.register("university_admin", "appeal", comment="属于技术开发")
    with pytest.raises(Forbidden):
        deal.register("province", "dismiss-appeal", comment="驳回")


def test_who_has_answered_is_not_outvoted_by_others_who_are_asked_later(
    deal: Deal,
) -> None:
    add_expert(deal.world, "expert_d")
    appoint(deal, *PANEL[:2])
    deal.register("expert_a", "give-opinion", **NO)
    # One is still missing, and no more than one is asked.
    appoint(deal, "expert_c")
    with pytest.raises(IllegalTransition):
        appoint(deal, "expert_d")
    deal.register("expert_b", "recuse", comment="有利害关系")
    appoint(deal, "expert_d")


def test_a_panel_that_has_spoken_is_not_outvoted_by_experts(deal: Deal) -> None:
    deal.register("clerk", "note-opinion", comment="不同意", supports=False)
    with pytest.raises(IllegalTransition):
        appoint(deal, "expert_a")


def test_who_has_recused_himself_is_not_asked_in_the_next_round_either(
    deal: Deal,
) -> None:
    world = deal.world
    world.user("province")
    appoint(deal, *PANEL)
    deal.register("expert_a", "recuse", comment="为买方顾问")
    deal.register("reviewer", "refuse", comment="不属于技术合同", outcome="N01")
    deal.register("university_admin", "appeal", comment="属于技术开发")
    deal.register("province", "uphold-appeal", comment="异议成立")
    deal.register("clerk", "first-approve")
    deal.register("clerk", "send-to-experts", comment="再审")
    assert [row["state"] for row in shown(deal, "clerk")["experts"]] == [
        ExpertState.RECUSED
    ]
    assert set(candidates(deal)) == set(PANEL[1:])
    with pytest.raises(Conflict):
        appoint(deal, "expert_a")


def test_an_operator_of_a_party_does_not_read_who_the_experts_are(deal: Deal) -> None:
    world = deal.world
    world.users["both"] = world.make_user(
        "both", world.org("operator"), (Role.OPERATOR,)
    )
    appoint(deal, *PANEL)
    assert len(shown(deal, "both")["experts"]) == len(PANEL)
    hire(world, "both", world.org("firm"), Role.UNIT_ADMIN, also=True)
    assert shown(deal, "both")["experts"] == []
    told = registrations.history(world.session, world.actor("both"), deal.id)
    assert "appoint-expert" not in str(told.page(limit=50).items)


def test_a_party_counts_no_experts_by_the_revision(deal: Deal) -> None:
    before = deal.registration.revision, deal.registration.updated_at
    appoint(deal, *PANEL)
    deal.register("expert_a", "give-opinion", **YES)
    deal.register("expert_b", "recuse", comment="有利害关系")
    deal.world.clock.advance(days=1)
    deal.register(
        "clerk",
        "release-expert",
        user_id=deal.world.user("expert_c").id,
        comment="未答复",
    )
    assert (deal.registration.revision, deal.registration.updated_at) == before


def test_papers_sent_to_experts_before_a_number_was_kept_need_as_many(
    deal: Deal,
) -> None:
    deal.registration.experts_least = 0
    deal.world.session.flush()
    appoint(deal, "expert_a")
    deal.register("expert_a", "give-opinion", **YES)
    with pytest.raises(IllegalTransition):
        deal.register("reviewer", "register")


def test_an_experts_answer_begins_nothing_anew_that_the_reviewer_owes(
    deal: Deal,
) -> None:
    session = deal.world.session
    appoint(deal, *PANEL)
    owed = sa.select(Duty).where(
        Duty.step == "collect-opinions", Duty.closed_at.is_(None)
    )
    duty = session.scalars(owed).one()
    duty.reminded_at = deal.world.clock.now()
    deal.register("expert_a", "give-opinion", **YES)
    same = session.scalars(owed).one()
    assert (same.id, same.reminded_at) == (duty.id, deal.world.clock.now())
