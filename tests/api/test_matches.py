"""Matches through the API: both directions, previews, feedback, and who sees what."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from marketplace.domain.actors import system
from marketplace.domain.organisations import OrganisationState
from marketplace.models.ledger import Event
from marketplace.models.organisations import OrganisationTie
from marketplace.services import offers, teams
from tests.factories import NEED, OFFER, list_offer, pool, relate
from tests.people import World

WEAK = {"indicators": [{"name": "抗拉强度", "text": "抗拉强度290 MPa"}]}


def first(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 200, answer.json
    found: dict[str, Any] = answer.json["items"][0]
    return found


def test_a_need_finds_the_offer_and_says_why(world: World) -> None:
    need, offer = pool(world), list_offer(world)
    answer = world.client("firm").get(f"/needs/{need.id}/matches")
    match = first(answer)
    assert match["offer"]["id"] == str(offer.id)
    assert match["offer"]["owner_org"]["name"] == world.org("team").name
    assert match["band"] in {"strong", "good", "possible"}
    assert {v["name"]: v["verdict"] for v in match["indicators"]} == {
        "抗拉强度": "met",
        "中性盐雾": "met",
    }
    assert match["blockers"] == []
    assert any("抗拉强度" in reason for reason in match["reasons"])
    assert any("先进材料" in reason for reason in match["reasons"])
    assert set(match["engine"]) == {"version", "index", "weights"}


def test_terms_point_at_what_they_say(world: World) -> None:
    need, _ = pool(world), list_offer(world)
    match = first(world.client("firm").get(f"/needs/{need.id}/matches"))
    term = next(t for t in match["terms"] if t["text"] == "铝合金")
    assert [NEED["title"][s:e] for s, e in term["need_spans"]] == ["铝合金"]
    for place in term["offer_places"]:
        start, end = place["span"]
        name, _, index = place["field"].partition("/")
        value = OFFER[name][int(index)] if index else OFFER[name]
        assert value[start:end] == "铝合金"


@pytest.mark.parametrize(
    ("name", "its_own", "another"),
    [
        ("kind", "result", "capability"),
        ("chain", "SD-C04", "SD-C05"),
        ("region", "370000", "110000"),
        ("tech_field", "05", "01"),
    ],
)
def test_a_filter_leaves_what_has_the_value(
    world: World, name: str, its_own: str, another: str
) -> None:
    need, offer = pool(world), list_offer(world)
    path = f"/needs/{need.id}/matches"

    def found(value: str) -> list[str]:
        answer = world.client("firm").get(path, query_string={name: value})
        assert answer.status_code == 200, answer.json
        return [match["offer"]["id"] for match in answer.json["items"]]

    assert found(its_own) == [str(offer.id)]
    assert found(another) == []


def test_a_missed_core_indicator_is_named_and_ranks_below(world: World) -> None:
    need = pool(world)
    weak, good = list_offer(world, **WEAK), list_offer(world)
    items = world.client("firm").get(f"/needs/{need.id}/matches").json["items"]
    assert [m["offer"]["id"] for m in items] == [str(good.id), str(weak.id)]
    assert [b["name"] for b in items[1]["blockers"]] == ["抗拉强度"]
    assert items[1]["band"] == "possible"


def test_what_a_need_would_gain_by_asking_less(world: World) -> None:
    """The requirement that bars an offer is named, with what the offer claims."""
    need, weak = pool(world), list_offer(world, **WEAK)
    path = f"/needs/{need.id}/relaxations"
    answer = world.client("firm").get(path)
    assert answer.status_code == 200, answer.json
    (item,) = answer.json["items"]
    assert item["field"].startswith("indicators/")
    assert item["name"] == "抗拉强度"
    assert item["required"]
    assert (item["gained"], item["lost"]) == (1, 0)
    (offer,) = item["offers"]
    assert (offer["id"], offer["claimed"]) == (str(weak.id), "抗拉强度290 MPa")
    assert world.client("firm").get(path, query_string={"limit": 0}).status_code == 422
    offers.act(
        world.session, system(world.clock.now()), weak.id, "delist", comment="下架"
    )
    world.session.commit()
    assert world.client("firm").get(path).json == {"items": []}


def test_a_need_finds_teams_by_their_offers(world: World) -> None:
    need = pool(world)
    actor = world.actor("university_admin")
    org = world.org("team").id
    made = teams.create(world.session, actor, org, {"name": "轻合金课题组"})
    world.session.commit()
    near = list_offer(world, team_id=str(made.id))
    list_offer(world)
    answer = world.client("firm").get(f"/needs/{need.id}/teams")
    assert answer.status_code == 200, answer.json
    (item,) = answer.json["items"]
    assert item["team"] == {"id": str(made.id), "name": "轻合金课题组"}
    assert item["owner_org"]["id"] == str(org)
    assert [offer["id"] for offer in item["offers"]] == [str(near.id)]
    assert item["offers"][0]["band"] in {"strong", "good", "possible"}
    limited = world.client("firm").get(
        f"/needs/{need.id}/teams", query_string={"limit": 1}
    )
    assert len(limited.json["items"]) == 1
    teams.close(world.session, actor, org, made.id)
    world.session.commit()
    gone = world.client("firm").get(f"/needs/{need.id}/teams")
    assert gone.json == {"items": []}


def test_an_offer_finds_the_need(world: World) -> None:
    need, offer = pool(world), list_offer(world)
    match = first(world.client("team").get(f"/offers/{offer.id}/matches"))
    assert match["need"]["id"] == str(need.id)
    assert {v["verdict"] for v in match["indicators"]} == {"met"}


def test_english_readers_get_english_reasons(world: World) -> None:
    need, _ = pool(world), list_offer(world)
    answer = world.client("firm").get(
        f"/needs/{need.id}/matches", headers={"Accept-Language": "en"}
    )
    assert any(r.startswith("Indicator") for r in first(answer)["reasons"])


def test_nobody_meets_offers_of_the_own_organisation(world: World) -> None:
    need = pool(world)
    list_offer(world, by="firm_admin")
    assert world.client("firm").get(f"/needs/{need.id}/matches").json["items"] == []


@pytest.mark.parametrize("declares", ["firm", "team"])
def test_nobody_meets_offers_of_a_related_party(world: World, declares: str) -> None:
    need, _ = pool(world), list_offer(world)
    relate(world, declares)
    assert world.client("firm").get(f"/needs/{need.id}/matches").json["items"] == []


def test_a_withdrawn_object_is_gone_at_once(world: World) -> None:
    need, offer = pool(world), list_offer(world)
    client = world.client("firm")
    assert client.get(f"/needs/{need.id}/matches").json["items"]
    offers.act(
        world.session,
        system(world.clock.now()),
        offer.id,
        "delist",
        comment="不再提供",
    )
    assert client.get(f"/needs/{need.id}/matches").json["items"] == []


def test_hidden_fields_are_never_quoted(world: World) -> None:
    need = pool(world)
    secret = {
        "disclosure": "NDA",
        "innovations": ["挤压型材采用钪锆复合微合金化"],
    }
    list_offer(world, **secret)
    answer = world.client("firm").get(f"/needs/{need.id}/matches")
    match = first(answer)
    assert "钪锆" not in answer.get_data(as_text=True)
    assert all(v["claimed"] is None for v in match["indicators"])
    assert "indicators" not in match["parts"]
    assert "800000" not in answer.get_data(as_text=True)
    assert all(
        "innovations" not in p["field"]
        for t in match["terms"]
        for p in t["offer_places"]
    )


def test_what_a_ranking_quotes_of_a_confidential_need_leaves_a_trace(
    world: World,
) -> None:
    need = pool(world, disclosure="NDA")
    list_offer(world)
    need_id = need.id
    statement = sa.select(Event).where(
        Event.subject_id == need_id, Event.action == "need.read"
    )
    found = first(world.client("firm").get(f"/needs/{need_id}/matches"))
    assert found["indicators"]
    assert world.session.scalars(statement).all() == []
    operator = world.client("operator")
    for _ in range(3):
        first(operator.get(f"/needs/{need_id}/matches"))
    world.session.rollback()
    traces = world.session.scalars(statement).all()
    assert [trace.actor_role for trace in traces] == ["operator"] * 3
    for trace in traces:
        assert {"indicators", "problem"} <= set(trace.changes)


def test_a_targeted_need_is_matched_only_for_whom_it_is_meant(world: World) -> None:
    offer = list_offer(world)
    targeted = {
        "disclosure": "TARGETED",
        "intended_units": [{"organisation_id": str(world.org("other_firm").id)}],
    }
    pool(world, **targeted)
    assert world.client("team").get(f"/offers/{offer.id}/matches").json["items"] == []


def test_who_shares_nothing_but_the_province_is_not_shown(world: World) -> None:
    list_offer(world)
    draft = {"title": "量子纠缠通信卫星载荷", "problem": "单光子探测"}
    answer = world.client("firm").post("/matches/preview", {"need": draft, "limit": 5})
    assert answer.status_code == 200, answer.json
    assert answer.json == {"items": [], "next": None, "total": 0}


def test_a_preview_stores_nothing(world: World) -> None:
    list_offer(world)
    client = world.client("firm")
    draft = {k: v for k, v in NEED.items() if k != "title"}
    match = first(client.post("/matches/preview", {"need": draft}))
    assert match["need"]["id"] is None
    assert client.get("/needs?mine=true").json["items"] == []
    again = client.post("/matches/preview", {"need": draft, "offer": {}})
    assert again.status_code == 422


def test_preview_is_for_those_who_could_post(world: World) -> None:
    draft = {"need": {"title": "铝合金"}}
    assert world.client("stranger").post("/matches/preview", draft).status_code == 401
    assert world.client("expert").post("/matches/preview", draft).status_code == 403


@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("stranger", 401),
        ("firm", 200),
        ("operator", 200),
        ("district", 200),
        ("broker", 200),
        ("team", 403),
        ("expert", 403),
    ],
)
def test_who_may_ask_for_the_matches_of_a_need(
    world: World, who: str, status: int
) -> None:
    need = pool(world)
    answer = world.client(who).get(f"/needs/{need.id}/matches")
    assert answer.status_code == status


def test_feedback_keeps_the_last_word_of_a_person(world: World) -> None:
    need, offer = pool(world), list_offer(world)
    pair = {"need_id": str(need.id), "offer_id": str(offer.id)}
    client = world.client("firm")
    bare = client.post("/matches/feedback", {**pair, "verdict": "irrelevant"})
    assert bare.status_code == 422
    assert bare.json["errors"][0]["pointer"] == "/reason"
    odd = {**pair, "verdict": "irrelevant", "reason": "bad-mood"}
    assert (
        client.post("/matches/feedback", odd).json["errors"][0]["code"]
        == "unknown_code"
    )
    first_word = client.post("/matches/feedback", {**pair, "verdict": "useful"})
    last_word = client.post(
        "/matches/feedback",
        {**pair, "verdict": "irrelevant", "reason": "indicator-missed"},
    )
    assert (first_word.status_code, last_word.status_code) == (201, 201)
    assert last_word.json["id"] == first_word.json["id"]
    assert last_word.json["reason"] == "indicator-missed"
    stranger = world.client("other_firm").post(
        "/matches/feedback", {**pair, "verdict": "useful"}
    )
    assert stranger.status_code == 403


@pytest.mark.parametrize("side", ["firm", "team"])
def test_listings_of_a_unit_not_in_good_standing_rest(world: World, side: str) -> None:
    need, offer = pool(world), list_offer(world)
    client = world.client("firm")
    assert client.get(f"/needs/{need.id}/matches").json["items"]
    world.org(side).state = OrganisationState.CLOSED
    if side == "team":
        assert client.get(f"/needs/{need.id}/matches").json["items"] == []
    path = f"/needs/{need.id}" if side == "firm" else f"/offers/{offer.id}"
    assert world.client("stranger").get(path).status_code == 404


def test_an_unverified_unit_cannot_part_strangers(world: World) -> None:
    need, _ = pool(world), list_offer(world)
    for other in ("firm", "team"):
        world.session.add(
            OrganisationTie(
                org_id=world.org("pending_admin").id,
                other_org_id=world.org(other).id,
                kind="related",
                position=0,
            )
        )
    world.session.commit()
    assert world.client("firm").get(f"/needs/{need.id}/matches").json["items"]
