"""Dockings: who moves them, who owes what, and what becomes of silence."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from marketplace.domain.actors import Actor, system
from marketplace.domain.dockings import DOCKING_WORKFLOW, DockingSide, DockingState
from marketplace.domain.needs import NeedState
from marketplace.domain.roles import Role
from marketplace.errors import (
    Conflict,
    Forbidden,
    IllegalTransition,
    Invalid,
    NotFound,
    Stale,
)
from marketplace.jobs.runner import Runner
from marketplace.models.dockings import Docking
from marketplace.models.duties import Duty
from marketplace.models.messages import Message
from marketplace.models.needs import Need
from marketplace.models.offers import Offer
from marketplace.models.users import Membership
from marketplace.services import docking_duties, dockings, duties, needs, notices
from marketplace.services.indexes import MatchIndex
from tests.factories import NEED, list_offer, pool, relate
from tests.listings import make_need
from tests.people import World
from tests.threads import NDA_TEXT, TERMS


@pytest.fixture
def pair(world: World) -> tuple[UUID, UUID]:
    """A need and an offer on the market, and the people of both sides."""
    found = pool(world).id, list_offer(world).id
    for who in ("firm", "team", "broker"):
        world.user(who)
    return found


def opened(world: World, pair: tuple[UUID, UUID], who: str = "firm") -> Docking:
    index: MatchIndex = world.app.extensions["jiebang.index"]
    data = {"need_id": pair[0], "offer_id": pair[1], "message": "请考虑"}
    world.session.commit()
    with world.app.app_context():
        return dockings.open_(world.session, world.actor(who), index, data)


def act(world: World, docking: Docking, who: str, action: str, **given: Any) -> Docking:
    return dockings.act(world.session, world.actor(who), docking.id, action, **given)


def owed(world: World, docking: Docking) -> list[tuple[str, UUID | None, date]]:
    rows = world.session.scalars(
        sa.select(Duty)
        .where(Duty.subject_id == docking.id, Duty.closed_at.is_(None))
        .order_by(Duty.addressee)
    )
    return [(duty.step, duty.org_id, duty.due_on) for duty in rows]


def talking(world: World, pair: tuple[UUID, UUID]) -> Docking:
    return act(world, opened(world, pair), "team", "accept")


def machine(world: World) -> Actor:
    return system(world.clock.now())


def test_who_opens_has_said_yes_and_the_other_side_owes_the_answer(world, pair):
    docking = opened(world, pair)
    assert docking.state is DockingState.INTERESTED
    team = world.org("team").id
    assert owed(world, docking) == [("answer", team, date(2026, 11, 30))]
    assert [row["step"] for row in queue(world, "university_admin")] == ["answer"]
    assert queue(world, "firm") == []


def queue(world: World, who: str) -> list[dict[str, Any]]:
    return duties.queue(world.session, world.actor(who)).page().items


def test_of_a_brokers_recommendation_both_sides_owe_an_answer(world, pair):
    docking = opened(world, pair, "broker")
    assert docking.state is DockingState.RECOMMENDED
    assert {org for _, org, _ in owed(world, docking)} == {
        world.org("firm").id,
        world.org("team").id,
    }
    act(world, docking, "team", "express-interest")
    with pytest.raises(Forbidden):
        act(world, docking, "team", "accept")
    assert act(world, docking, "firm", "accept").state is DockingState.CONTACTED


@pytest.mark.parametrize("who", ["other_firm", "operator", "clerk", "expert"])
def test_nobody_else_opens_a_docking(world, pair, who):
    with pytest.raises(Forbidden):
        opened(world, pair, who)


def test_a_pair_docks_once_until_it_is_given_up(world, pair):
    docking = opened(world, pair)
    with pytest.raises(Conflict):
        opened(world, pair, "team")
    act(world, docking, "team", "decline", reason="price")
    again = opened(world, pair, "team")
    assert again.id != docking.id


@pytest.mark.parametrize("declares", ["firm", "team"])
def test_declared_relatives_do_not_dock(world, pair, declares):
    relate(world, declares)
    with pytest.raises(Conflict):
        opened(world, pair)
    with pytest.raises(Conflict):
        opened(world, pair, "broker")
    assert world.session.scalar(sa.select(sa.func.count(Docking.id))) == 0


def test_declining_takes_a_coded_reason_that_the_other_side_reads(world, pair):
    docking = opened(world, pair)
    for given in ({}, {"reason": "bad"}, {"reason": "no-reply"}, {"reason": "other"}):
        with pytest.raises(Invalid):
            act(world, docking, "team", "decline", **given)
    act(world, docking, "team", "decline", reason="indicator-missed", comment="盐雾")
    found = dockings.get(world.session, world.actor("firm"), docking.id)
    shown = dockings.view(world.session, world.actor("firm"), found)
    assert (shown["lost_reason"], shown["lost_comment"]) == ("indicator-missed", "盐雾")
    assert owed(world, docking) == []


def test_an_outsider_does_not_know_of_a_docking(world, pair):
    docking = opened(world, pair)
    for who in ("other_firm", "broker", "district", "clerk", "expert", "stranger"):
        with pytest.raises(NotFound):
            dockings.get(world.session, world.actor(who), docking.id)
        page = dockings.search(world.session, world.actor(who)).page()
        assert (page.items, page.total) == ([], 0)


def test_the_need_docks_while_somebody_talks_and_is_free_again_after(world, pair):
    docking = opened(world, pair)
    assert need_state(world, pair) is NeedState.POOLED
    act(world, docking, "team", "accept")
    assert need_state(world, pair) is NeedState.DOCKING
    act(world, docking, "firm", "lose", reason="timing")
    assert need_state(world, pair) is NeedState.POOLED


def need_state(world: World, pair: tuple[UUID, UUID]) -> NeedState:
    found = world.session.scalar(sa.select(Need.state).where(Need.id == pair[0]))
    assert found is not None
    return found


def test_the_agreement_holds_when_both_sides_have_accepted_its_latest_version(
    world, pair
):
    docking = talking(world, pair)
    with pytest.raises(Conflict):
        act(world, docking, "firm", "sign-nda", nda_version=1)
    act(world, docking, "firm", "propose-nda", text=NDA_TEXT)
    act(world, docking, "firm", "sign-nda", nda_version=1)
    act(world, docking, "team", "propose-nda", text=NDA_TEXT + "（修订）")
    with pytest.raises(Invalid):
        act(world, docking, "team", "sign-nda", nda_version=1)
    act(world, docking, "team", "sign-nda", nda_version=2)
    assert docking.state is DockingState.CONTACTED
    assert act(world, docking, "firm", "sign-nda", nda_version=2).nda_number == 2
    assert docking.state is DockingState.NDA


def test_a_proposal_says_something(world, pair):
    docking = talking(world, pair)
    for empty in ({"scope": ""}, {"scope": "  ", "price_yuan": None}):
        with pytest.raises(Invalid) as refused:
            act(world, docking, "team", "propose-intent", terms=empty)
        assert [error.pointer for error in refused.value.errors] == ["/terms"]
    assert docking.state is DockingState.CONTACTED
    act(world, docking, "team", "propose-intent", terms={"price_yuan": "0.00"})


def test_nobody_accepts_his_own_proposal_or_one_that_is_not_the_latest(world, pair):
    docking = talking(world, pair)
    act(world, docking, "team", "propose-intent", terms=TERMS)
    with pytest.raises(Forbidden):
        act(world, docking, "university_admin", "accept-intent", number=1)
    act(world, docking, "team", "propose-intent", terms=TERMS | {"payment": "一次付清"})
    with pytest.raises(Invalid):
        act(world, docking, "firm", "accept-intent", number=1)
    act(world, docking, "firm", "accept-intent", number=2)
    assert docking.intent["payment"] == "一次付清"
    with pytest.raises(IllegalTransition):
        act(world, docking, "firm", "decline", reason="price")


def test_a_later_proposal_leaves_the_intent_until_it_is_accepted(world, pair):
    docking = talking(world, pair)
    act(world, docking, "team", "propose-intent", terms=TERMS)
    act(world, docking, "firm", "accept-intent", number=1)
    cheaper = TERMS | {"price_yuan": "1000000.00"}
    act(world, docking, "firm", "propose-intent", terms=cheaper)
    assert docking.intent["number"] == 1
    act(world, docking, "team", "accept-intent", number=2)
    assert docking.intent["price_yuan"] == "1000000.00"


def test_a_stale_reader_changes_nothing(world, pair):
    docking = opened(world, pair)
    with pytest.raises(Stale):
        act(world, docking, "team", "accept", expected="0")
    assert docking.state is DockingState.INTERESTED


def test_who_owes_the_next_step_of_a_meeting_is_whom_the_meeting_named(world, pair):
    docking = talking(world, pair)
    start = world.clock.now()
    meeting = {
        "starts_at": start,
        "next_step": "寄送样品",
        "next_side": "offer",
        "next_on": date(2026, 12, 1),
    }
    act(world, docking, "firm", "log-meeting", meeting=meeting)
    team = world.org("team").id
    assert owed(world, docking) == [("next-step", team, date(2026, 12, 1))]
    with pytest.raises(Invalid):
        act(world, docking, "firm", "log-meeting", meeting=meeting | {"next_step": ""})


def terms(**changes: Any) -> dict[str, Any]:
    return TERMS | changes


def meeting_on(world: World, **agreed: Any) -> dict[str, Any]:
    return {"starts_at": world.clock.now(), **agreed}


def test_an_act_of_the_debtor_gives_him_no_more_time(world, pair):
    docking = talking(world, pair)
    before = duty(world, docking, "meet")
    world.clock.advance(days=30)
    notices.remind(world.session, machine(world))
    assert before.escalated_at is not None
    first = (before.id, before.due_on, before.opened_at, before.escalated_at)
    act(world, docking, "firm", "propose-nda", text=NDA_TEXT)
    act(world, docking, "firm", "sign-nda", nda_version=1)
    same = duty(world, docking, "meet")
    assert (same.id, same.due_on, same.opened_at, same.escalated_at) == first


def duty(world: World, docking: Docking, step: str) -> Duty:
    found = world.session.scalars(
        sa.select(Duty).where(
            Duty.subject_id == docking.id,
            Duty.step == step,
            Duty.closed_at.is_(None),
        )
    ).one()
    world.session.refresh(found)
    return found


def test_a_yes_of_one_side_does_not_renew_the_answer_of_the_other(world, pair):
    docking = opened(world, pair, "broker")
    world.clock.advance(days=5)
    act(world, docking, "team", "express-interest")
    firm = world.org("firm").id
    assert owed(world, docking) == [("answer", firm, date(2026, 11, 30))]


def test_new_terms_of_the_other_side_begin_a_new_clock_and_own_ones_end_it(world, pair):
    docking = talking(world, pair)
    act(world, docking, "team", "propose-intent", terms=terms())
    first = duty(world, docking, "answer-terms")
    assert first.org_id == world.org("firm").id
    world.clock.advance(days=5)
    act(world, docking, "firm", "log-meeting", meeting=meeting_on(world))
    assert duty(world, docking, "answer-terms").id == first.id
    act(world, docking, "team", "propose-intent", terms=terms(payment="一次付清"))
    assert duty(world, docking, "answer-terms").due_on > first.due_on
    act(world, docking, "firm", "propose-intent", terms=terms(price_yuan="9.00"))
    assert duty(world, docking, "answer-terms").org_id == world.org("team").id


def test_a_proposed_agreement_waits_for_each_side_that_has_not_accepted_it(world, pair):
    docking = talking(world, pair)
    firm, team = world.org("firm").id, world.org("team").id

    def signing() -> set[UUID | None]:
        return {org for step, org, _ in owed(world, docking) if step == "sign-nda"}

    act(world, docking, "firm", "propose-nda", text=NDA_TEXT)
    assert signing() == {firm, team}
    act(world, docking, "firm", "sign-nda", nda_version=1)
    assert signing() == {team}
    assert duty(world, docking, "sign-nda").due_on == date(2026, 11, 30)
    act(world, docking, "team", "propose-nda", text=NDA_TEXT + "（修订）")
    assert signing() == {firm, team}
    act(world, docking, "firm", "sign-nda", nda_version=2)
    act(world, docking, "team", "sign-nda", nda_version=2)
    assert signing() == set()


def test_a_proposal_within_an_intent_waits_for_the_other_sides_answer(world, pair):
    docking = talking(world, pair)
    act(world, docking, "team", "propose-intent", terms=terms())
    act(world, docking, "firm", "accept-intent", number=1)
    assert [row[0] for row in owed(world, docking)] == ["contract"]
    act(world, docking, "firm", "propose-intent", terms=terms(price_yuan="1.00"))
    assert duty(world, docking, "answer-terms").org_id == world.org("team").id
    act(world, docking, "team", "accept-intent", number=2)
    assert [row[0] for row in owed(world, docking)] == ["contract"]


def test_what_a_meeting_agreed_on_outlasts_the_agreement_on_secrecy(world, pair):
    docking = talking(world, pair)
    agreed = {"next_step": "寄送样品", "next_side": "offer", "next_on": "2026-12-05"}
    act(world, docking, "firm", "log-meeting", meeting=meeting_on(world, **agreed))
    kept = duty(world, docking, "next-step")
    # The fifth is a Saturday.
    assert kept.due_on == date(2026, 12, 7)
    secret(world, docking)
    assert duty(world, docking, "next-step").id == kept.id
    later = agreed | {"next_on": "2026-12-09", "next_side": "need"}
    act(world, docking, "team", "log-meeting", meeting=meeting_on(world, **later))
    other = duty(world, docking, "next-step")
    assert (other.org_id, other.due_on) == (world.org("firm").id, date(2026, 12, 9))
    act(world, docking, "firm", "propose-intent", terms=terms())
    assert "next-step" not in {step for step, _, _ in owed(world, docking)}


def secret(world: World, docking: Docking) -> Docking:
    act(world, docking, "firm", "propose-nda", text=NDA_TEXT)
    act(world, docking, "firm", "sign-nda", nda_version=1)
    return act(world, docking, "team", "sign-nda", nda_version=1)


@pytest.mark.parametrize("far", ["NDA", "SOLUTION", "INTENT"])
def test_a_meeting_agrees_on_a_next_step_however_far_the_two_have_come(
    world, pair, far
):
    docking = secret(world, talking(world, pair))
    if far in ("SOLUTION", "INTENT"):
        act(world, docking, "team", "propose-intent", terms=terms())
    if far == "INTENT":
        act(world, docking, "firm", "accept-intent", number=1)
    world.clock.advance(minutes=1)
    agreed = {"next_step": "寄送样品", "next_side": "offer"}
    act(world, docking, "firm", "log-meeting", meeting=meeting_on(world, **agreed))
    assert docking.state.value == far
    found = duty(world, docking, "next-step")
    assert (found.org_id, found.due_on) == (world.org("team").id, date(2026, 11, 30))
    act(world, docking, "team", "log-meeting", meeting=meeting_on(world))
    assert "next-step" not in {step for step, _, _ in owed(world, docking)}


def test_nothing_is_asked_of_a_broker_where_there_is_none(world, pair):
    docking = talking(world, pair)
    agreed = {"next_step": "联系园区", "next_side": "broker"}
    meeting = meeting_on(world, **agreed)
    with pytest.raises(Invalid) as refused:
        act(world, docking, "firm", "log-meeting", meeting=meeting)
    assert [error.pointer for error in refused.value.errors] == ["/meeting/next_side"]
    with pytest.raises(ValueError, match="no broker"):
        docking_duties.whom(docking, DockingSide.BROKER)
    assert queue(world, "broker") == []


def test_the_broker_of_a_docking_may_owe_the_next_step(world, pair):
    docking = opened(world, pair, "broker")
    act(world, docking, "team", "express-interest")
    act(world, docking, "firm", "accept")
    agreed = {"next_step": "联系园区", "next_side": "broker"}
    act(world, docking, "firm", "log-meeting", meeting=meeting_on(world, **agreed))
    assert [row["step"] for row in queue(world, "broker")] == ["next-step"]


def test_who_owes_a_next_step_says_that_it_is_done_and_nobody_else_does(world, pair):
    docking = opened(world, pair, "broker")
    act(world, docking, "team", "express-interest")
    act(world, docking, "firm", "accept")
    agreed = {"next_step": "联系园区", "next_side": "broker", "next_on": "2026-12-04"}
    act(world, docking, "firm", "log-meeting", meeting=meeting_on(world, **agreed))
    for who in ("firm", "team"):
        with pytest.raises(Forbidden):
            act(world, docking, who, "finish-next-step")
    done = act(world, docking, "broker", "finish-next-step", comment="已联系")
    assert done.state is DockingState.MEETING
    # Now it is for the team to say what it would do.
    assert [row[:2] for row in owed(world, docking)] == [
        ("propose", world.org("team").id)
    ]
    with pytest.raises(Forbidden):
        act(world, docking, "broker", "finish-next-step")
    told = sa.select(Message.topic).where(Message.key.contains("finish-next-step"))
    assert set(world.session.scalars(told)) == {"docking.answered"}
    act(world, docking, "team", "log-meeting", meeting=meeting_on(world, **agreed))
    assert [row["step"] for row in queue(world, "broker")] == ["next-step"]


def test_who_goes_over_to_the_other_side_accepts_for_one_of_them_only(world, pair):
    docking = talking(world, pair)
    act(world, docking, "firm", "propose-nda", text=NDA_TEXT)
    act(world, docking, "firm", "sign-nda", nda_version=1)
    move(world, "firm", "team")
    with pytest.raises(Conflict):
        act(world, docking, "firm", "sign-nda", nda_version=1)
    act(world, docking, "team", "sign-nda", nda_version=1)
    assert (docking.nda_number, docking.state) == (None, DockingState.CONTACTED)
    assert duty(world, docking, "sign-nda").org_id == world.org("firm").id
    act(world, docking, "firm_admin", "sign-nda", nda_version=1)
    assert (docking.nda_number, docking.state) == (1, DockingState.NDA)


def move(world: World, who: str, to: str) -> None:
    """Have somebody leave his unit for another one."""
    place = world.session.scalars(
        sa.select(Membership).where(Membership.user_id == world.user(who).id)
    ).one()
    place.org_id = world.org(to).id
    place.roles = [Role.SUPPLIER]
    world.session.commit()


def test_a_reminder_comes_once_before_the_day_and_the_operator_after_it(world, pair):
    world.user("operator")
    docking = opened(world, pair)
    told = sa.select(Message.topic, Message.user_id).where(
        Message.subject_id == docking.id, Message.topic.startswith("duty.")
    )
    notices.remind(world.session, machine(world))
    assert world.session.execute(told).all() == []
    world.clock.advance(days=3)
    for _ in range(2):
        notices.remind(world.session, machine(world))
    assert {row.topic for row in world.session.execute(told)} == {"duty.reminder"}
    world.clock.advance(days=5)
    for _ in range(2):
        notices.remind(world.session, machine(world))
    late = [r.user_id for r in world.session.execute(told) if "escal" in r.topic]
    assert world.user("operator").id in late
    assert len(late) == len(set(late))
    assert [row["escalated"] for row in queue(world, "operator")] == [True]


ASKING = ("firm", "broker", "other_firm")


def lapse(world: World, pair: tuple[UUID, UUID], who: str = "firm") -> None:
    """Let a request of somebody lapse; another firm asks for a need of its own."""
    if who == "other_firm":
        own = make_need(world, "POOLED", owner_org_id=world.org(who).id)
        pair = own.id, pair[1]
    docking = opened(world, pair, who)
    world.clock.advance(days=7)
    assert dockings.expire_due(world.session, machine(world)) == 0
    world.clock.advance(days=8)
    assert dockings.expire_due(world.session, machine(world)) == 1
    world.session.refresh(docking)
    assert (docking.state, docking.lost_reason) == (DockingState.LOST, "no-reply")


def test_one_who_asks_again_and_again_pauses_nobody(world, pair):
    for _ in range(4):
        lapse(world, pair)
    assert offer_is_found(world, pair)


def test_a_listing_whose_owner_stays_silent_rests_until_he_comes_back(world, pair):
    for who in ASKING[:2]:
        lapse(world, pair, who)
    assert offer_is_found(world, pair)
    lapse(world, pair, ASKING[2])
    assert not offer_is_found(world, pair)
    with pytest.raises(Invalid):
        opened(world, pair)
    with pytest.raises(NotFound):
        dockings.resume(world.session, world.actor("firm"), "offer", pair[1])
    assert [row["step"] for row in queue(world, "team")] == ["resume"]
    dockings.resume(world.session, world.actor("team"), "offer", pair[1])
    assert offer_is_found(world, pair)
    with pytest.raises(Conflict):
        dockings.resume(world.session, world.actor("team"), "offer", pair[1])
    lapse(world, pair)
    assert offer_is_found(world, pair)


def offer_is_found(world: World, pair: tuple[UUID, UUID]) -> bool:
    page = dockings.offers.search(world.session, world.actor("firm")).page()
    return pair[1] in [row["id"] for row in page.items]


def messages_of(world: World, who: str, topic: str) -> list[dict[str, Any]]:
    found = world.session.scalars(
        sa.select(Message)
        .where(Message.user_id == world.user(who).id, Message.topic == topic)
        .order_by(Message.id)
    )
    return [message.values for message in found]


def leave(world: World, kind: str, listing_id: UUID, action: str) -> None:
    """Take a listing off the market, and run the job that follows."""
    service: Any = dockings.needs if kind == "need" else dockings.offers
    who = "firm_admin" if kind == "need" else "university_admin"
    service.act(world.session, world.actor(who), listing_id, action, comment="到期")
    world.session.commit()
    world.session.expire_all()
    Runner(world.app).run_all()
    world.session.expire_all()


@pytest.mark.parametrize(
    ("kind", "action"), [("need", "withdraw"), ("offer", "delist")]
)
def test_requests_end_with_the_listing_that_leaves_the_market(
    world, pair, kind, action
):
    docking = opened(world, pair, "broker")
    leave(world, kind, pair[kind == "offer"], action)
    found = dockings.get(world.session, world.actor("firm"), docking.id)
    assert (found.state, found.lost_reason) == (DockingState.LOST, "off-market")
    assert found.lost_side == kind
    assert owed(world, docking) == []
    for who in ("firm", "team", "broker"):
        assert len(messages_of(world, who, "docking.ended")) == 1


def test_what_has_left_the_market_is_not_talked_about_any_more(world, pair):
    docking = opened(world, pair)
    owner = world.actor("firm_admin")
    needs.act(world.session, owner, pair[0], "withdraw", comment="不做了")
    with pytest.raises(Conflict):
        act(world, docking, "team", "accept")
    with pytest.raises(Invalid):
        act(world, docking, "team", "decline", reason="off-market")


def test_who_talks_about_a_listing_is_told_that_it_left(world, pair):
    docking = talking(world, pair)
    leave(world, "offer", pair[1], "delist")
    found = dockings.get(world.session, world.actor("firm"), docking.id)
    assert found.state is DockingState.CONTACTED
    told = messages_of(world, "firm", "docking.left")
    assert [row["state"]["zh"] for row in told] == ["下架"]
    assert messages_of(world, "team", "docking.left") == []


def test_what_has_left_the_market_is_not_paused_and_asks_for_nothing(world, pair):
    for who in ASKING[1:]:
        lapse(world, pair, who)
    docking = opened(world, pair)
    listing = world.session.get_one(Offer, pair[1])
    owner = world.actor("university_admin")
    dockings.offers.act(world.session, owner, pair[1], "delist", comment="到期")
    world.clock.advance(days=20)
    assert dockings.expire_due(world.session, machine(world)) == 1
    world.session.refresh(docking)
    assert docking.lost_reason == "no-reply"
    assert listing.paused_at is None


def test_a_paused_listing_that_leaves_need_not_be_brought_back(world, pair):
    for who in ASKING:
        lapse(world, pair, who)
    assert [row["step"] for row in queue(world, "team")] == ["resume"]
    leave(world, "offer", pair[1], "delist")
    assert queue(world, "team") == []


def test_both_sides_are_told_of_a_request_that_nobody_answered(world, pair):
    lapse(world, pair)
    for who in ("firm", "team"):
        told = messages_of(world, who, "docking.ended")
        assert [row["reason"]["zh"] for row in told] == ["逾期未答复"]


def test_who_declined_says_why_to_the_other_side(world, pair):
    docking = opened(world, pair)
    act(world, docking, "team", "decline", reason="price", comment="预算偏低")
    told = messages_of(world, "firm", "docking.answered")
    assert told[-1]["answer"]["zh"] == "谢绝（价格不合适：预算偏低）"
    assert messages_of(world, "team", "docking.answered") == []


def test_a_meeting_and_an_agreement_in_force_are_told_to_the_others(world, pair):
    docking = talking(world, pair)
    agreed = {"next_step": "寄送样品", "next_side": "offer", "next_on": "2026-12-04"}
    act(world, docking, "firm", "log-meeting", meeting=meeting_on(world, **agreed))
    told = messages_of(world, "team", "docking.meeting")
    assert [row["next"]["zh"] for row in told] == ["寄送样品（供给方，2026-12-04）"]
    assert messages_of(world, "firm", "docking.meeting") == []
    secret(world, docking)
    assert [row["version"] for row in messages_of(world, "firm", "docking.nda")] == [1]
    assert messages_of(world, "team", "docking.nda") == []


def offered(world: World, docking: Docking, who: str) -> set[str]:
    found = dockings.get(world.session, world.actor(who), docking.id)
    shown = dockings.view(world.session, world.actor(who), found)
    return {row["name"] for row in shown["actions"]}


def test_only_what_there_is_may_be_accepted(world, pair):
    docking = talking(world, pair)
    assert not {"sign-nda", "sign"} & offered(world, docking, "firm")
    with pytest.raises(IllegalTransition):
        act(world, docking, "firm", "sign-nda", nda_version=1)
    act(world, docking, "team", "propose-nda", text=NDA_TEXT)
    assert "sign-nda" in offered(world, docking, "firm")
    act(world, docking, "team", "propose-intent", terms=terms())
    assert "accept-intent" in offered(world, docking, "firm")
    assert "accept-intent" not in offered(world, docking, "team")
    act(world, docking, "firm", "accept-intent", number=1)
    for who in ("firm", "team"):
        assert not {"accept-intent", "sign"} & offered(world, docking, who)
    with pytest.raises(IllegalTransition):
        act(world, docking, "firm", "sign", contract_id=docking.id)


def test_an_answered_request_does_not_count_as_silence(world, pair):
    for _ in range(4):
        docking = opened(world, pair)
        act(world, docking, "team", "decline", reason="not-now")
        world.clock.advance(days=20)
        assert dockings.expire_due(world.session, machine(world)) == 0
    assert offer_is_found(world, pair)


def test_every_state_of_the_table_can_be_reached() -> None:
    assert DOCKING_WORKFLOW.reachable() == frozenset(DockingState)


def test_reviews_of_a_need_stand_in_the_queue_of_who_is_asked(world):
    need = needs.create(world.session, world.actor("firm_admin"), dict(NEED))
    need = needs.act(world.session, world.actor("firm_admin"), need.id, "submit")
    assert [row["step"] for row in queue(world, "district")] == ["district"]
    assert queue(world, "far_district") == []
    needs.act(world.session, world.actor("district"), need.id, "district-approve")
    assert queue(world, "district") == []
    assert [row["step"] for row in queue(world, "operator")] == ["formal"]
    needs.act(
        world.session, world.actor("firm_admin"), need.id, "withdraw", comment="撤回"
    )
    assert queue(world, "operator") == []
