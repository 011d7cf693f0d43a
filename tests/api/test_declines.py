"""A declined pair falls for the two who declined it; nothing else of anybody does."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from marketplace.domain.actors import system
from marketplace.domain.roles import Role
from marketplace.models.needs import Need
from marketplace.models.offers import Offer
from marketplace.services import dockings, needs, offers, teams
from marketplace.services.declines import Mark, Marks
from matching import EngineStamp, Match
from tests.factories import LISTING, POOLING, list_offer, pool
from tests.people import World
from tests.threads import Thread, open_docking

OTHER_NEED = {
    "title": "铝合金型材表面耐蚀处理工艺",
    "problem": "沿海环境下铝合金型材表面点蚀，需要耐蚀处理与在线检测。",
}
WEAKER = {"title": "铝合金挤压型材成分优化", "abstract": "铝合金挤压型材的成分优化。"}
SAID = "终止过"
Items = list[dict[str, Any]]


def ranked(world: World, who: str, subject: Need | Offer, **query: Any) -> Items:
    """Return what somebody is shown, without what changes with every index."""
    kind = "needs" if isinstance(subject, Need) else "offers"
    path = f"/{kind}/{subject.id}/matches"
    answer = world.client(who).get(path, query_string=query)
    assert answer.status_code == 200, answer.json
    items: Items = answer.json["items"]
    for item in items:
        del item["rank"], item["engine"]
    return items


def other(item: dict[str, Any], subject: Need | Offer) -> str:
    side = "offer" if isinstance(subject, Need) else "need"
    return str(item[side]["id"])


def names(items: Items, subject: Need | Offer) -> list[str]:
    return [other(item, subject) for item in items]


def decline(
    world: World, need: Need, offer: Offer, reason: str, who: str = "firm"
) -> None:
    """Have a broker bring two together, and one of them decline."""
    thread = Thread(world, need, offer)
    open_docking(thread)
    thread.dock(who, "decline", reason=reason, comment="见附表")


def check_that_only_one_fell(
    before: Items, after: Items, subject: Need | Offer, fallen: Need | Offer
) -> None:
    """The pair has fallen; all that is found of it, and all others, are as before."""
    one = str(fallen.id)
    rest = [[i for i in items if other(i, subject) != one] for items in (before, after)]
    assert rest[0] == rest[1]
    was, now = (
        next(i for i in items if other(i, subject) == one) for items in (before, after)
    )
    assert now["score"] < was["score"]
    assert now["band"] == "possible"
    assert SAID in now["reasons"][0]
    assert now["reasons"][1:] == was["reasons"]
    same = set(was) - {"score", "band", "reasons"}
    assert {name: now[name] for name in same} == {name: was[name] for name in same}


def test_a_pair_declined_for_a_missed_indicator_falls_and_nothing_else_does(
    world: World,
) -> None:
    need, another = pool(world), pool(world, **OTHER_NEED)
    first, twin, weaker = (
        list_offer(world),
        list_offer(world),
        list_offer(world, **WEAKER),
    )
    views: Sequence[tuple[str, Need | Offer]] = (
        *(("firm", need), ("firm", another), ("team", first), ("team", twin)),
        *(("team", weaker), ("operator", need), ("district", need)),
    )
    before = [ranked(world, *view) for view in views]
    assert names(before[0], need)[:2] == [str(first.id), str(twin.id)]
    assert before[0][0]["score"] == before[0][1]["score"]
    assert before[0][0]["band"] != "possible"

    decline(world, need, first, "indicator-missed")
    after = [ranked(world, *view) for view in views]
    assert names(after[0], need)[0] == str(twin.id)
    check_that_only_one_fell(before[0], after[0], need, first)
    check_that_only_one_fell(before[2], after[2], first, need)
    check_that_only_one_fell(before[5], after[5], need, first)
    for untouched in (1, 3, 4, 6):
        assert after[untouched] == before[untouched]
    (told,) = [r for item in after[0] for r in item["reasons"] if SAID in r]
    assert told == "需求方于 2026-11-23 终止过与该成果的对接：指标不达标"


def test_whoever_may_not_know_of_the_docking_is_shown_the_pair_as_before(
    world: World,
) -> None:
    need, offer = pool(world), list_offer(world)
    unit = world.make_org("brokers", "TTO", "370100")
    outsider = world.make_user("outsider", unit, (Role.BROKER,))
    world.users["outsider"] = outsider
    before = ranked(world, "outsider", need)
    assert before
    decline(world, need, offer, "price")
    assert ranked(world, "outsider", need) == before
    known = ranked(world, "broker", need)
    assert known[0]["score"] < before[0]["score"]


@pytest.mark.parametrize("reason", ["duplicate", "already-solved"])
def test_a_duplicate_is_left_out_for_the_side_that_says_so(
    world: World, reason: str
) -> None:
    need, offer, twin = pool(world), list_offer(world), list_offer(world)
    before = ranked(world, "firm", need, limit=1)
    assert names(before, need) == [str(offer.id)]
    theirs = ranked(world, "team", offer)
    decline(world, need, offer, reason)
    assert names(ranked(world, "firm", need), need) == [str(twin.id)]
    assert names(ranked(world, "firm", need, limit=1), need) == [str(twin.id)]
    check_that_only_one_fell(theirs, ranked(world, "team", offer), offer, need)


@pytest.mark.parametrize(("reason", "days"), [("timing", 180), ("not-now", 90)])
def test_bad_timing_counts_for_a_while(world: World, reason: str, days: int) -> None:
    need, offer = pool(world), list_offer(world)
    before = ranked(world, "firm", need)
    decline(world, need, offer, reason, who="team")
    world.clock.at += timedelta(days=days)
    assert ranked(world, "firm", need) != before
    assert "供给方" in ranked(world, "firm", need)[0]["reasons"][0]
    world.clock.at += timedelta(days=1)
    assert ranked(world, "firm", need) == before


def renew(world: World, subject: Need | Offer) -> None:
    """Publish a new version of an object."""
    session = world.session
    service: Any = needs if isinstance(subject, Need) else offers
    steps = POOLING if isinstance(subject, Need) else LISTING
    admin = "firm_admin" if isinstance(subject, Need) else "university_admin"
    session.expire_all()
    service.edit(session, world.actor(admin), subject.id, {"keywords": ["铝合金"]})
    for who, action in steps:
        service.act(session, world.actor(who), subject.id, action)
    session.commit()


@pytest.mark.parametrize("side", ["need", "offer"])
def test_a_new_version_of_either_side_wipes_the_mark_out(
    world: World, side: str
) -> None:
    need, offer = pool(world), list_offer(world)
    decline(world, need, offer, "indicator-missed")
    assert SAID in ranked(world, "firm", need)[0]["reasons"][0]
    world.clock.at += timedelta(hours=1)
    assert SAID in ranked(world, "firm", need)[0]["reasons"][0]
    renew(world, need if side == "need" else offer)
    (item,) = ranked(world, "firm", need)
    assert not any(SAID in reason for reason in item["reasons"])


def test_the_last_docking_of_a_pair_counts(world: World) -> None:
    need, offer = pool(world), list_offer(world)
    before = ranked(world, "firm", need)
    decline(world, need, offer, "price")
    assert ranked(world, "firm", need) != before
    thread = Thread(world, need, offer)
    open_docking(thread)
    assert ranked(world, "firm", need) == before
    thread.dock("team", "decline", reason="rights")
    assert "权属" in ranked(world, "firm", need)[0]["reasons"][0]


def test_a_request_that_nobody_answered_is_no_decline(world: World) -> None:
    need, offer = pool(world), list_offer(world)
    before = ranked(world, "firm", need)
    thread = Thread(world, need, offer)
    shown = open_docking(thread)
    world.clock.at += timedelta(days=30)
    assert dockings.expire_due(world.session, system(world.clock.now())) == 1
    world.session.commit()
    lost = world.client("firm").get(f"/dockings/{shown['id']}").json
    assert lost["lost_reason"] == "no-reply"
    assert ranked(world, "firm", need) == before


def test_a_ranking_asks_the_store_once_for_what_was_declined(world: World) -> None:
    need, offer, _ = pool(world), list_offer(world), list_offer(world)
    decline(world, need, offer, "price")
    asked: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        asked.append(statement)

    client = world.client("firm")
    path = f"/needs/{need.id}/matches"
    client.get(path)
    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        assert len(client.get(path).json["items"]) == 2
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)
    assert sum("dockings.lost_reason" in statement for statement in asked) == 1


def match(name: int, score: float) -> Match:
    stamp = EngineStamp("1", "1", "1")
    parts = {"text": score}
    return Match(
        f"{name:03d}",
        score,
        "strong",
        parts,
        (),
        (),
        (),
        (),
        blocked=False,
        engine=stamp,
    )


@given(
    st.lists(st.sampled_from([0.1, 0.2, 0.4, 0.8]), max_size=30),
    st.sets(st.integers(0, 29)),
    st.sets(st.integers(0, 29)),
)
def test_settling_moves_marked_pairs_only(
    scores: list[float], low: set[int], out: set[int]
) -> None:
    ranking = [match(n, s) for n, s in enumerate(sorted(scores, reverse=True))]
    mark = Mark("price", None, date(2026, 11, 23))
    names = [f"{n:03d}" for n in low]
    left_out = frozenset(f"{n:03d}" for n in out - low)
    found = Marks(left_out, dict.fromkeys(names, mark), 0.5).settle(ranking)
    marked = set(names)
    assert [m for m in found if m.id not in marked] == [
        m for m in ranking if m.id not in marked | left_out
    ]
    assert {m.id for m in found} == {m.id for m in ranking} - left_out
    shown = [m.score for m in found]
    assert shown == sorted(shown, reverse=True)
    for one, two in pairwise(found):
        assert not (
            one.id in marked and two.id not in marked and one.score == two.score
        )
    for m in found:
        if m.id in marked:
            assert (m.band, m.parts["text"]) == ("possible", 2 * m.score)


def diagnose(world: World, who: str, need: Need) -> list[dict[str, Any]]:
    answer = world.client(who).post(
        "/needs/diagnosis",
        {"title": "高强耐蚀6061铝合金型材挤压关键技术研发"},
        query_string={"need_id": str(need.id)},
    )
    assert answer.status_code == 200, answer.json
    return [a for a in answer.json["advice"] if a["code"] == "declined_often"]


def test_the_need_doctor_tells_the_owner_what_dockings_fail_for(world: World) -> None:
    need = pool(world)
    for reason in ("price", "price", "indicator-missed"):
        decline(world, need, list_offer(world), reason, who="team")
    (advice,) = diagnose(world, "firm", need)
    assert advice["field"] == "/budget_total_yuan"
    assert "2次" in advice["message"]
    assert "价格不合适" in advice["message"]
    for who in ("team", "other_firm", "operator", "district"):
        assert diagnose(world, who, need) == []
    decline(world, need, list_offer(world), "indicator-missed", who="team")
    codes = [a["field"] for a in diagnose(world, "firm", need)]
    assert codes == ["/indicators", "/budget_total_yuan"]
    world.clock.at += timedelta(hours=1)
    renew(world, need)
    assert diagnose(world, "firm", need) == []


def teams_of(world: World, who: str, need: Need) -> dict[str, float]:
    """Return the teams that somebody is shown for a need, with their scores."""
    answer = world.client(who).get(f"/needs/{need.id}/teams")
    assert answer.status_code == 200, answer.json
    return {row["team"]["name"]: row["score"] for row in answer.json["items"]}


def test_a_team_falls_with_the_pair_that_was_declined(world: World) -> None:
    need = pool(world)
    machine, unit = system(world.clock.now()), world.org("team").id
    made = {
        name: list_offer(
            world,
            team_id=teams.create(world.session, machine, unit, {"name": name}).id,
        )
        for name in ("一队", "二队")
    }
    before = teams_of(world, "firm", need)
    assert before["一队"] == before["二队"]
    decline(world, need, made["一队"], "indicator-missed")
    after = teams_of(world, "firm", need)
    assert after["二队"] == before["二队"]
    assert after["一队"] == pytest.approx(before["一队"] / 2, abs=0.01)
    assert list(after) == ["二队", "一队"]
    decline(world, need, made["一队"], "already-solved")
    assert list(teams_of(world, "firm", need)) == ["二队"]
