"""The need doctor over the API."""

from __future__ import annotations

from typing import Any

from tests.people import World

DRAFT: dict[str, Any] = {
    "title": "一体压铸铝合金热裂控制技术研究",
    "expected_goal": "显著提高合格率。本体孔隙率不高于0.3%。",
    "indicators": [{"name": "热裂倾向", "text": "较小", "is_core": True}],
}


def by_code(answer: Any) -> dict[str, dict[str, Any]]:
    return {advice["code"]: advice for advice in answer.json["advice"]}


def test_a_draft_is_advised_on_in_both_languages(world: World) -> None:
    client = world.client("firm")
    chinese = client.post("/needs/diagnosis", json=DRAFT)
    english = client.post(
        "/needs/diagnosis", json=DRAFT, headers={"Accept-Language": "en"}
    )
    assert chinese.status_code == english.status_code == 200
    vague = [a for a in chinese.json["advice"] if a["code"] == "vague_word"]
    assert [(a["field"], a["quote"], a["span"]) for a in vague] == [
        ("/indicators/0/text", "较小", [0, 2]),
        ("/expected_goal", "显著提高", [0, 4]),
    ]
    assert by_code(chinese)["missing_metric"] == {
        "field": "/indicators/0/value",
        "code": "missing_metric",
        "severity": "important",
        "title": "指标没有数值",
        "message": "指标“热裂倾向”没有数值",
        "suggestion": by_code(chinese)["missing_metric"]["suggestion"],
        "quote": "较小",
        "span": None,
    }
    assert by_code(english)["missing_metric"]["title"] == "No figure"
    assert [a["code"] for a in chinese.json["advice"]] == [
        a["code"] for a in english.json["advice"]
    ]
    assert chinese.json["summary"]["important"] > 0


def test_an_offered_row_is_accepted_by_the_form(world: World) -> None:
    client = world.client("firm")
    answer = client.post("/needs/diagnosis", json=DRAFT)
    offered = by_code(answer)["figure_without_row"]["row"]
    assert (offered["operator"], offered["value"], offered["unit"]) == (
        "LE",
        "0.3",
        "%",
    )
    created = client.post(
        "/needs", json={"title": DRAFT["title"], "indicators": [offered]}
    )
    assert created.status_code == 201


def test_an_empty_draft_is_advised_on_and_nothing_is_stored(world: World) -> None:
    client = world.client("firm")
    answer = client.post("/needs/diagnosis", json={})
    assert answer.status_code == 200
    assert {"missing_title", "no_indicators", "no_budget"} <= set(by_code(answer))
    assert client.get("/needs?mine=true").json["items"] == []


def test_what_the_form_refuses_is_advice_here(world: World) -> None:
    client = world.client("firm")
    body = {"title": "长" * 120, "chain": "SD-C99", "indicators": [{"unit": "MPa"}]}
    answer = client.post("/needs/diagnosis", json=body)
    assert answer.status_code == 200
    fields = {a["field"] for a in answer.json["advice"] if a["code"] == "refused_value"}
    assert {"/title", "/chain", "/indicators/0"} <= fields


def test_an_unknown_field_is_refused_with_its_pointer(world: World) -> None:
    answer = world.client("firm").post("/needs/diagnosis", json={"colour": "red"})
    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == "/colour"


def test_the_public_is_asked_to_sign_in(world: World) -> None:
    assert world.client("stranger").post("/needs/diagnosis", json={}).status_code == 401


def test_a_saved_draft_is_a_duplicate_unless_it_is_the_one(world: World) -> None:
    client = world.client("firm")
    made = client.post("/needs", json={"title": DRAFT["title"]}).json
    told = client.post("/needs/diagnosis", json=DRAFT).json["duplicates"]
    assert told == [
        {
            "id": made["id"],
            "need_no": made["need_no"],
            "title": DRAFT["title"],
            "similarity_band": "same_title",
        }
    ]
    path = f"/needs/diagnosis?need_id={made['id']}"
    assert client.post(path, json=DRAFT).json["duplicates"] == []
