"""A docking day is planned by a job, deployed by a person, and judged by firms."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa

from marketplace.domain.conflicts import ConflictState, Outcome, Purpose, Verdict
from marketplace.domain.docking_days import DockingDayState, PlanState
from marketplace.errors import (
    Conflict,
    Forbidden,
    IllegalTransition,
    Invalid,
    NotFound,
    Stale,
)
from marketplace.extensions import db
from marketplace.jobs.runner import Runner
from marketplace.models.docking_days import (
    DockingParticipant,
    DockingPlan,
    DockingTalk,
)
from marketplace.models.jobs import OutboxMessage, OutboxState
from marketplace.models.messages import Message
from marketplace.models.organisations import OrganisationTie
from marketplace.services import (
    conflicts,
    docking_days,
    docking_participants,
    docking_plans,
    docking_talks,
    dockings,
    duties,
    offers,
)
from marketplace.services.day_plan_runs import Cancelled, PlannerDied
from marketplace.services.day_plans import plan
from marketplace.services.docking_plans import ProposalStale
from marketplace.services.relation_loader import unit_key
from tests.docking import SLOTS, add, cast_of, machine, make_day, make_team, propose
from tests.listings import make_need, undone
from tests.people import CAST, World


@pytest.fixture
def day(world):
    return make_day(world)


def here(problem, **_):
    """Plan in this process: what the child does has tests of its own."""
    return plan(problem)


def solve(world: World, day, *, planner=here):
    """Ask for a plan and run its job."""
    session, who = world.session, world.actor("operator")
    docking_plans.act(session, who, day.id, "solve")
    session.commit()
    return run(world, docking_plans.latest(session, day.id).id, planner=planner)


def run(world: World, plan_id: UUID, *, planner=here):
    session = world.session
    with world.app.app_context():
        job = docking_plans.Run(
            session=session,
            index=world.app.extensions["jiebang.index"],
            now=world.clock.now,
            hold=lambda: None,
            planner=planner,
        )
        job(plan_id)
    session.commit()
    return session.get_one(DockingPlan, plan_id, populate_existing=True)


def state(world: World, day) -> DockingDayState:
    return docking_days.get(world.session, machine(world), day.id).state


def deploy(world: World, day, who="operator"):
    docking_plans.act(world.session, world.actor(who), day.id, "deploy")
    world.session.commit()


def talks(world: World, day, who):
    found = docking_talks.search(world.session, world.actor(who), day.id)
    return found.page(limit=100).items


def test_only_an_operator_sets_up_a_day_and_knows_of_it(world, day):
    for who in set(CAST) - {"operator", "operator_two"}:
        actor = world.actor(who)
        with pytest.raises(Forbidden):
            docking_days.create(world.session, actor, {})
        with pytest.raises(NotFound):
            docking_days.get(world.session, actor, day.id)
        assert docking_days.search(world.session, actor).page().items == []


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"title": " "}, "/title"),
        ({"slots": []}, "/slots"),
        ({"slots": [SLOTS[0], SLOTS[0]]}, "/slots/1/starts_at"),
        ({"slots": [SLOTS[0] | {"tables": 0}]}, "/slots/0/tables"),
        (
            {"slots": [SLOTS[0] | {"ends_at": SLOTS[0]["starts_at"]}]},
            "/slots/0/ends_at",
        ),
        ({"slots": [SLOTS[0] | {"starts_at": "soon"}]}, "/slots/0/starts_at"),
        ({"held_on": "2026-12-09"}, "/slots/0/starts_at"),
        ({"most_per_need": 0}, "/most_per_need"),
        ({"region": "999999"}, "/region"),
    ],
)
def test_a_day_that_cannot_be_held_is_refused_where_it_is_wrong(world, change, pointer):
    with pytest.raises(Invalid) as refused:
        make_day(world, **change)
    assert pointer in {error.pointer for error in refused.value.errors}


def test_only_what_is_on_the_market_takes_part_and_only_once(world, day):
    need = make_need(world, "POOLED")
    add(world, day, {"need_id": need.id})
    with pytest.raises(Conflict):
        add(world, day, {"need_id": need.id})
    for data, pointer in (
        ({"need_id": make_need(world, "DRAFT").id}, "/need_id"),
        ({"need_id": make_need(world, "POOLED", disclosure="TARGETED").id}, "/need_id"),
        ({}, "/need_id"),
        ({"need_id": need.id, "offer_id": need.id}, "/need_id"),
        ({"offer_id": need.id}, "/offer_id"),
    ):
        with pytest.raises(Invalid) as refused:
            add(world, day, data)
        assert [error.pointer for error in refused.value.errors] == [pointer]


def test_the_plan_is_a_proposal_that_a_person_deploys(world, day):
    people = cast_of(world, day)
    found = solve(world, day)
    assert found.state is PlanState.FOUND
    assert found.figures["optimal"]
    assert found.figures["served"] == 4
    assert state(world, day) is DockingDayState.PROPOSED
    assert world.session.scalars(sa.select(DockingTalk)).all() == []
    assert talks(world, day, "operator") == []
    with pytest.raises(Forbidden):
        docking_plans.act(world.session, machine(world), day.id, "deploy")
    deploy(world, day)
    assert state(world, day) is DockingDayState.DEPLOYED
    fixed = talks(world, day, "operator")
    assert len(fixed) == len(found.talks) == 4
    needs = {people["need"].id, people["other"].id}
    assert {row["need"]["id"] for row in fixed} == needs


def test_the_same_day_is_planned_the_same_twice(world, day):
    cast_of(world, day)
    first = solve(world, day)
    kept = list(first.talks), first.digest
    second = solve(world, day)
    assert (list(second.talks), second.digest) == kept
    assert (first.number, second.number) == (1, 2)


def change_most(world, day, people):
    docking_participants.edit(
        world.session, world.actor("operator"), day.id, people["need"].id, {"most": 1}
    )


def change_absence(world, day, people):
    docking_participants.edit(
        world.session,
        world.actor("operator"),
        day.id,
        people["team"].id,
        {"absent": [0]},
    )


def change_must(world, day, people):
    docking_participants.edit(
        world.session,
        world.actor("operator"),
        day.id,
        people["need"].id,
        {"must_meet": [people["second"].id]},
    )


def change_slots(world, day, people):
    docking_days.edit(
        world.session, world.actor("operator"), day.id, {"slots": SLOTS[:2]}
    )


def change_people(world, day, people):
    add(world, day, {"offer_id": make_team(world, "三队")})


def remove_one(world, day, people):
    docking_participants.remove(
        world.session, world.actor("operator"), day.id, people["second"].id
    )


def delist(world, day, people):
    offers.act(
        world.session, machine(world), people["team"].offer_id, "delist", comment="撤"
    )


def relate(world, day, people):
    world.session.add(
        OrganisationTie(
            org_id=world.org("firm").id,
            position=0,
            kind="shareholder",
            other_org_id=world.org("team").id,
        )
    )
    world.session.flush()


CHANGES = (
    change_most,
    change_absence,
    change_must,
    change_slots,
    change_people,
    remove_one,
    delist,
    relate,
)


def test_a_proposal_made_from_older_input_is_not_deployed(world, day):
    people = cast_of(world, day)
    propose(world, day)
    session, who = world.session, world.actor("operator")
    world.org("firm"), world.org("team")

    def is_stale() -> bool:
        session.expire_all()
        present = docking_days.get(session, who, day.id)
        stale: bool = docking_plans.view(session, who, present)["stale"]
        return stale

    for change in CHANGES:
        assert not is_stale()
        with undone(session):
            change(world, day, people)
            assert is_stale(), change.__name__
            with pytest.raises(ProposalStale):
                docking_plans.act(session, who, day.id, "deploy")
    assert not is_stale()
    docking_plans.act(session, who, day.id, "deploy")


def test_own_and_related_parties_never_meet(world, day):
    people = cast_of(world, day)
    relate(world, day, people)
    found = solve(world, day)
    meeting = {need for _, need, _, _ in found.talks}
    assert meeting == {str(people["other"].id)}
    own = make_need(world, "POOLED", owner_org_id=world.org("team").id)
    row = add(world, day, {"need_id": own.id})
    found = solve(world, day)
    assert str(row.id) not in {need for _, need, _, _ in found.talks}


def test_when_nothing_fits_the_ways_out_are_told_in_both_languages(world, day):
    people = cast_of(world, day)
    change_must(world, day, people)
    docking_participants.edit(
        world.session,
        world.actor("operator"),
        day.id,
        people["need"].id,
        {"absent": [0, 1, 2]},
    )
    found = solve(world, day)
    assert found.state is PlanState.IMPOSSIBLE
    assert state(world, day) is DockingDayState.DRAFT
    who = world.actor("operator")
    present = docking_days.get(world.session, who, day.id)
    ways = docking_plans.view(world.session, who, present)["ways_out"]
    kinds = [{change["kind"] for change in way["changes"]} for way in ways]
    assert kinds == [{"need-slot"}, {"must-meet"}]
    for way in ways:
        for change in way["changes"]:
            assert make_need_title(people) in change["text"].zh
            assert make_need_title(people) in change["text"].en
    # What the first way says, done, makes the day possible.
    (first,) = ways[0]["changes"]
    kept = [slot for slot in (0, 1, 2) if slot != first["slot"]]
    docking_participants.edit(
        world.session, who, day.id, people["need"].id, {"absent": kept}
    )
    assert solve(world, day).state is PlanState.FOUND


def make_need_title(people) -> str:
    from tests.listings import NEED

    return str(NEED["title"])


def test_must_meets_are_the_same_told_from_both_sides(world, day):
    people = cast_of(world, day)
    change_must(world, day, people)
    session = world.session
    shown = docking_participants.show(session, [people["second"]])[0]
    assert shown["must_meet"] == [people["need"].id]
    found = solve(world, day)
    pair = str(people["need"].id), str(people["second"].id)
    assert pair in {(need, team) for _, need, team, _ in found.talks}
    remove_one(world, day, people)
    assert docking_participants.show(session, [people["need"]])[0]["must_meet"] == []


def test_a_day_that_is_being_planned_does_not_change(world, day):
    people = cast_of(world, day)
    docking_plans.act(world.session, world.actor("operator"), day.id, "solve")
    for change in (change_most, change_slots, change_people, remove_one):
        with pytest.raises(Conflict):
            change(world, day, people)


def test_a_plan_that_is_stopped_leaves_the_day_as_it_was(world, day):
    cast_of(world, day)
    session, who = world.session, world.actor("operator")

    def stopped_meanwhile(problem, *, cancelled, **_):
        docking_plans.act(session, who, day.id, "cancel")
        session.commit()
        assert cancelled()
        raise Cancelled

    found = solve(world, day, planner=stopped_meanwhile)
    assert found.state is PlanState.CANCELLED
    assert found.talks == []
    assert state(world, day) is DockingDayState.DRAFT


def test_a_plan_that_comes_after_it_was_stopped_is_dropped(world, day):
    cast_of(world, day)
    session, who = world.session, world.actor("operator")

    def too_late(problem, **_):
        docking_plans.act(session, who, day.id, "cancel")
        docking_plans.act(session, who, day.id, "solve")
        session.commit()
        return plan(problem)

    found = solve(world, day, planner=too_late)
    assert found.state is PlanState.CANCELLED
    assert docking_plans.latest(session, day.id).state is PlanState.QUEUED
    assert state(world, day) is DockingDayState.SOLVING


def test_a_planner_that_dies_is_told_and_the_day_goes_on(world, day):
    cast_of(world, day)

    def dies(problem, **_):
        raise PlannerDied("killed")

    found = solve(world, day, planner=dies)
    assert (found.state, found.error) == (PlanState.FAILED, "planner_died")
    assert state(world, day) is DockingDayState.DRAFT
    assert solve(world, day).state is PlanState.FOUND


def test_the_job_plans_in_a_child_and_ends_its_message(world, day):
    cast_of(world, day)
    session = world.session
    docking_plans.act(session, world.actor("operator"), day.id, "solve", seconds=60)
    session.commit()
    assert Runner(world.app).run_all() == 1
    with world.app.app_context():
        message = db.session.scalars(sa.select(OutboxMessage)).one()
        assert (message.state, message.last_error) == (OutboxState.DONE, "")
        db.session.remove()
    session.expire_all()
    assert docking_plans.latest(session, day.id).state is PlanState.FOUND
    assert state(world, day) is DockingDayState.PROPOSED


def test_two_clicks_on_solve_make_one_plan(world, day):
    cast_of(world, day)
    session, who = world.session, world.actor("operator")
    seen = docking_days.get(session, who, day.id).revision
    docking_plans.act(session, who, day.id, "solve", expected=seen)
    with pytest.raises(IllegalTransition):
        docking_plans.act(session, who, day.id, "solve", expected=seen)
    with pytest.raises(Stale):
        docking_plans.act(session, who, day.id, "cancel", expected=seen)


@pytest.fixture
def held(world, day):
    """A day whose talks are fixed."""
    people = cast_of(world, day)
    propose(world, day)
    deploy(world, day)
    return people


def test_a_participant_finds_its_own_talks_and_nobody_else_any(world, day, held):
    every = talks(world, day, "operator")
    for who, names in (("firm", ["need"]), ("other_firm", ["other"])):
        wanted = [r for r in every if r["need"]["id"] in {held[n].id for n in names}]
        assert wanted
        mine = talks(world, day, who)
        assert [r["id"] for r in mine] == [r["id"] for r in wanted]
    assert len(talks(world, day, "team")) == len(every)
    outside = set(CAST) - {
        *("firm", "firm_admin", "other_firm", "team", "university_admin"),
        *("operator", "operator_two"),
    }
    for who in outside:
        with pytest.raises(NotFound):
            talks(world, day, who)
        with pytest.raises(NotFound):
            docking_talks.get(world.session, world.actor(who), day.id, every[0]["id"])


def test_a_firm_does_not_read_the_talk_of_another(world, day, held):
    foreign = talks(world, day, "other_firm")[0]["id"]
    with pytest.raises(NotFound):
        docking_talks.get(world.session, world.actor("firm"), day.id, foreign)
    for look in (docking_participants.search, docking_days.history):
        with pytest.raises(Forbidden):
            look(world.session, world.actor("firm"), day.id)


@pytest.fixture
def begun(world, held):
    """The same on the day itself, when the talks have begun."""
    world.clock.advance(days=15, hours=3)
    return held


def record(world, day, who, outcome, **more):
    talk_id = talks(world, day, "firm")[0]["id"]
    actor = world.actor(who)
    return docking_talks.act(
        world.session, actor, day.id, talk_id, "record-outcome", outcome=outcome, **more
    )


def test_the_firm_says_what_came_of_a_talk_and_the_word_before_is_remembered(
    world, day, begun
):
    later = world.clock.now().date() + timedelta(days=7)
    talk = record(world, day, "firm", "interested")
    assert (talk.outcome, talk.follow_up_on) == ("interested", None)
    talk = record(world, day, "operator", "follow-up", follow_up_on=later)
    assert (talk.outcome, talk.follow_up_on) == ("follow-up", later)
    world.session.commit()
    history = docking_days.history(world.session, world.actor("operator"), day.id)
    changes = [
        event["changes"]["outcome"]
        for event in history.page(limit=100).items
        if event["action"] == "docking-day.record-outcome"
    ]
    assert changes == [
        {"old": None, "new": "interested"},
        {"old": "interested", "new": "follow-up"},
    ]
    with pytest.raises(Forbidden):
        record(world, day, "team", "interested")


WRONG_OUTCOMES = (
    (None, None, "/outcome"),
    ("splendid", None, "/outcome"),
    ("follow-up", None, "/follow_up_on"),
    ("follow-up", -1, "/follow_up_on"),
    ("no-fit", 7, "/follow_up_on"),
    ("no-show", 7, "/follow_up_on"),
)


def test_a_follow_up_has_a_day_that_is_to_come(world, day, begun):
    for outcome, days, pointer in WRONG_OUTCOMES:
        on = None if days is None else world.clock.now().date() + timedelta(days=days)
        with pytest.raises(Invalid) as refused:
            record(world, day, "firm", outcome, follow_up_on=on)
        assert [error.pointer for error in refused.value.errors] == [pointer]


def test_what_came_of_talks_is_kept_after_the_day_but_not_of_one_called_off(
    world, day, begun
):
    session, who = world.session, world.actor("operator")
    docking_days.act(session, who, day.id, "finish")
    assert record(world, day, "firm", "no-fit").outcome == "no-fit"
    other = make_day(world)
    with pytest.raises(Invalid):
        docking_days.act(session, who, other.id, "call-off")
    docking_days.act(session, who, other.id, "call-off", comment="场地不可用")
    with pytest.raises(IllegalTransition):
        docking_plans.act(session, who, other.id, "solve")


def test_nothing_came_of_a_talk_that_has_not_begun(world, day, held):
    assert talks(world, day, "firm")[0]["actions"] == []
    with pytest.raises(Conflict):
        record(world, day, "firm", "interested")


def follow_ups(world, who):
    found = duties.queue(world.session, world.actor(who), step="follow-up")
    return [row["due_on"] for row in found.page().items]


def test_the_firm_owes_the_follow_up_on_the_day_that_it_named(world, day, begun):
    later = world.clock.now().date() + timedelta(days=7)
    record(world, day, "firm", "follow-up", follow_up_on=later)
    assert follow_ups(world, "firm") == [later]
    assert follow_ups(world, "team") == []
    record(world, day, "firm", "interested", follow_up_on=later)
    assert follow_ups(world, "firm") == [later]
    record(world, day, "firm", "no-fit")
    assert follow_ups(world, "firm") == []


def test_a_docking_of_the_two_is_the_follow_up(world, day, begun):
    later = world.clock.now().date() + timedelta(days=7)
    talk = record(world, day, "firm", "follow-up", follow_up_on=later)
    docking_talks.taken_up(
        world.session,
        world.actor("firm"),
        world.session.get_one(DockingParticipant, talk.need_participant_id).need_id,
        world.session.get_one(DockingParticipant, talk.team_participant_id).offer_id,
    )
    assert follow_ups(world, "firm") == []


def told(world, who, topic):
    return world.session.scalars(
        sa.select(Message).where(
            Message.user_id == world.user(who).id, Message.topic == topic
        )
    ).all()


def test_who_has_a_talk_is_told_of_the_plan_and_when_it_is_called_off(world, day):
    world.user("firm"), world.user("team"), world.user("broker")
    cast_of(world, day)
    propose(world, day)
    assert told(world, "firm", "docking-day.deployed") == []
    deploy(world, day)
    (message,) = told(world, "firm", "docking-day.deployed")
    assert message.values["count"] == len(talks(world, day, "firm"))
    assert len(told(world, "team", "docking-day.deployed")) == 1
    who = world.actor("operator")
    docking_days.act(world.session, who, day.id, "call-off", comment="场地不可用")
    (message,) = told(world, "firm", "docking-day.called-off")
    assert message.values["reason"] == "场地不可用"
    assert told(world, "broker", "docking-day.called-off") == []


def test_an_absence_stays_at_its_time_when_the_slots_change(world, day):
    people = cast_of(world, day)
    who = world.actor("operator")
    change_absence(world, day, people)
    earlier = {
        "starts_at": "2026-12-08T08:00:00+08:00",
        "ends_at": "2026-12-08T08:40:00+08:00",
        "tables": 2,
    }
    for slots, absent in (
        ([earlier, *SLOTS], [1]),
        ([earlier, SLOTS[1]], []),
    ):
        docking_days.edit(world.session, who, day.id, {"slots": slots})
        row = docking_participants.get(world.session, who, day.id, people["team"].id)
        assert row.absent == absent


def test_an_absence_goes_with_the_day_to_another_date(world, day):
    people = cast_of(world, day)
    change_absence(world, day, people)
    moved = [
        {
            name: value.replace("12-08", "12-09") if name != "tables" else value
            for name, value in slot.items()
        }
        for slot in reversed([SLOTS[0]])
    ]
    docking_days.edit(
        world.session,
        world.actor("operator"),
        day.id,
        {"held_on": "2026-12-09", "slots": moved},
    )
    row = docking_participants.get(
        world.session, world.actor("operator"), day.id, people["team"].id
    )
    assert row.absent == [0]


def test_who_an_operator_has_found_related_never_meets(world, day):
    people = cast_of(world, day)
    firm, team = world.org("firm").id, world.org("team").id
    check = conflicts.check(
        world.session,
        world.actor("firm"),
        purpose=Purpose.DOCKING,
        subject_kind="need",
        subject_id=people["need"].need_id,
        left=conflicts.side(units=[firm]),
        right=conflicts.side(units=[team]),
    )
    finding = {"left": unit_key(firm), "right": unit_key(team)}
    check.findings, check.outcome = [finding], Outcome.ASK.value
    check.verdict = Verdict.DETECTED.value
    check.decision, check.decided_at = ConflictState.UPHELD, world.clock.now()
    world.session.commit()
    found = solve(world, day)
    assert {need for _, need, _, _ in found.talks} == {str(people["other"].id)}


def test_a_declined_pair_is_worth_less_to_the_plan_or_left_out(world, day):
    people = cast_of(world, day)
    session, index = world.session, world.app.extensions["jiebang.index"]
    session.commit()

    def score(pair):
        with world.app.app_context():
            asked = docking_plans.read_input(session, day, world.clock.now())
            now = world.clock.now()
            found = docking_plans.scores_of(session, index, asked, now)
        return found.get((str(people[pair[0]].id), str(people[pair[1]].id)))

    before = score(("need", "team"))
    for reason, left in (("price", 0.5), ("duplicate", None)):
        with world.app.app_context():
            pair = {
                "need_id": people["need"].need_id,
                "offer_id": people["team"].offer_id,
            }
            docking = dockings.open_(session, world.actor("team"), index, pair)
        firm = world.actor("firm")
        dockings.act(session, firm, docking.id, "decline", reason=reason)
        session.commit()
        expected = None if left is None else pytest.approx(before * left, abs=1e-4)
        assert score(("need", "team")) == expected
        assert score(("need", "second")) is not None


def test_a_deployed_day_stays_as_it_is(world, day, held):
    for change in (change_most, change_slots, change_people, remove_one):
        with pytest.raises(Conflict):
            change(world, day, held)
    with pytest.raises(IllegalTransition):
        docking_plans.act(world.session, world.actor("operator"), day.id, "deploy")


def test_who_left_the_market_is_left_out_of_the_next_plan_and_named(world, day):
    people = cast_of(world, day)
    delist(world, day, people)
    found = solve(world, day)
    assert str(people["team"].id) not in {team for _, _, team, _ in found.talks}
    who = world.actor("operator")
    present = docking_days.get(world.session, who, day.id)
    shown = docking_plans.view(world.session, who, present)
    assert shown["left_out"] == [str(people["team"].id)]
    deploy(world, day)
    assert talks(world, day, "operator")
