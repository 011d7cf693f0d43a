"""Code lists over the API."""

from __future__ import annotations

from datetime import date

from tests.people import World


def test_a_list_gives_what_is_offered_today(world: World) -> None:
    answer = world.client("stranger").get("/codes/sd_chain")
    assert answer.status_code == 200
    assert [c["code"] for c in answer.json["items"]][:2] == ["SD-C01", "SD-C02"]
    assert answer.json["on"] == "2026-11-23"


def test_a_retired_code_is_readable_and_not_offered(world: World) -> None:
    client = world.client("stranger")
    offered = {c["code"] for c in client.get("/codes/region").json["items"]}
    every = client.get("/codes/region?retired=true").json["items"]
    assert "371200" not in offered
    assert {c["code"]: c["zh"] for c in every}["371200"] == "莱芜市"


def test_four_classes_then_five(world: World) -> None:
    client = world.client("stranger")

    def top(on: date) -> list[str]:
        items = client.get(f"/codes/contract_class?on={on}").json["items"]
        return sorted(c["code"] for c in items if c["parent"] is None)

    assert top(date(2019, 6, 1)) == ["C", "D", "S", "T"]
    assert top(date(2026, 6, 1)) == ["C", "D", "L", "S", "T"]


def test_an_unknown_list_is_not_found_in_the_readers_language(world: World) -> None:
    client = world.client("stranger")
    chinese = client.get("/codes/nothing")
    english = client.get("/codes/nothing", headers={"Accept-Language": "en"})
    assert (chinese.status_code, chinese.json["code"]) == (404, "not_found")
    assert chinese.json["title"] == "未找到"
    assert english.json["title"] == "Not found"
    assert chinese.content_type == "application/problem+json"


def test_an_unknown_query_name_is_refused_with_its_pointer(world: World) -> None:
    answer = world.client("stranger").get("/codes/region?colour=red")
    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == "/query/colour"
    assert answer.json["errors"][0]["code"] == "unknown_field"
