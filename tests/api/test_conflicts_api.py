"""Operators read and decide checks; a person puts and reads his own declarations."""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa

from marketplace.models.ledger import Event
from tests.markets import open_market
from tests.people import World


def test_an_operator_reads_the_way_and_its_sources_and_that_is_written_down(
    world: World,
) -> None:
    market = open_market(world)
    check = market.names["check:pending"]
    client = world.client("operator")
    rows = client.get("/conflict-checks?decision=pending").json
    assert [row["id"] for row in rows["items"]] == [check]
    assert rows["items"][0]["kinds"] == ["same_legal_representative"]
    shown = client.get(f"/conflict-checks/{check}")
    assert shown.status_code == 200, shown.json
    (found,) = shown.json["findings"]
    assert [p["kind"] for p in found["parties"]] == ["unit", "name", "unit"]
    assert {t["source"]["table"] for t in found["ties"]} == {"organisations"}
    assert [a["name"] for a in shown.json["actions"]] == ["clear", "uphold"]
    read = sa.select(Event).where(Event.action == "conflict_check.read")
    assert world.session.scalars(read).one().subject_id == UUID(check)


def test_a_decision_is_taken_once_and_on_what_was_read(world: World) -> None:
    market = open_market(world)
    path = f"/conflict-checks/{market.names['check:pending']}"
    client = world.client("operator")
    assert client.act(path, "clear").status_code == 422
    stale = {"If-Match": '"99"'}
    late = client.post(f"{path}/actions/clear", {"comment": "x"}, headers=stale)
    assert late.status_code == 412
    assert client.post(f"{path}/actions/clear", {"comment": "x"}).status_code == 428
    done = client.act(path, "clear", {"comment": "同名不同人"})
    assert done.status_code == 200, done.json
    assert (done.json["decision"], done.json["reason"]) == ("cleared", "同名不同人")
    again = client.act(path, "clear", {"comment": "同名不同人"})
    assert again.json["code"] == "transition_not_allowed"
    assert again.json["possible"] == ["uphold"]


def test_who_is_no_operator_learns_nothing_of_checks_by_any_way(world: World) -> None:
    market = open_market(world)
    check = market.names["check:pending"]
    for who in ("firm_admin", "team", "broker", "expert"):
        client = world.client(who)
        for path in ("/conflict-checks", "/conflict-checks?verdict=detected"):
            assert client.get(path).json["code"] == "action_forbidden"
        sheet = client.get("/conflict-checks", headers={"Accept": "text/csv"})
        assert sheet.status_code == 403
        there = client.get(f"/conflict-checks/{check}")
        nowhere = client.get(f"/conflict-checks/{market.names['org:firm']}")
        assert there.status_code == nowhere.status_code == 404
        assert there.json["title"] == nowhere.json["title"]
        act = client.act(f"/conflict-checks/{check}", "clear", {"comment": "x"})
        assert act.status_code == 404


def test_declarations_are_put_as_a_whole_at_a_revision(world: World) -> None:
    client = world.client("firm")
    before = client.get("/me/ties")
    assert before.json == {"ties": []}
    tag = {"If-Match": before.headers["ETag"]}
    ties = [
        {
            "kind": "shareholding",
            "organisation_id": str(world.org("team").id),
            "share_percent": "5.00",
            "valid_from": "2025-01-01",
        }
    ]
    put = client.open("PUT", "/me/ties", json={"ties": ties}, headers=tag)
    assert put.status_code == 200, put.json
    (kept,) = put.json["ties"]
    assert kept["name"] == world.org("team").name
    assert (kept["share_percent"], kept["valid_to"]) == ("5.00", None)
    late = client.open("PUT", "/me/ties", json={"ties": []}, headers=tag)
    assert late.status_code == 412
    assert client.open("PUT", "/me/ties", json={"ties": []}).status_code == 428
    assert client.get("/me/ties").json == put.json
    wrong = client.open(
        "PUT",
        "/me/ties",
        json={"ties": [{"kind": "friend", "name": "x"}]},
        headers={"If-Match": put.headers["ETag"]},
    )
    assert wrong.json["errors"][0]["pointer"] == "/ties/0/kind"
    assert world.client("team").get("/me/ties").json == {"ties": []}
