"""Needs and offers over the wire: whole walks, headers, tiers through every route."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from marketplace.domain.actors import system
from marketplace.models.ledger import Event
from marketplace.models.organisations import DisclosureGrant
from marketplace.services import events
from tests.listings import (
    ADMINS,
    NEED,
    OFFER,
    OWNERS,
    PUBLISHED,
    SAMPLES,
    SERVICES,
    make,
)
from tests.people import World

KINDS = ("need", "offer")
PATHS = {"need": "/needs", "offer": "/offers"}
REVIEWS = {
    "need": [
        ("firm_admin", "submit", "SUBMITTED"),
        ("district", "district-approve", "DISTRICT_OK"),
        ("operator", "formal-approve", "FORMAL_OK"),
        ("operator_two", "argue-pass", "ARGUED"),
        ("operator", "pool", "POOLED"),
    ],
    "offer": [
        ("team", "submit", "SUBMITTED"),
        ("university_admin", "unit-approve", "UNIT_OK"),
        ("operator", "register", "REGISTERED"),
        ("university_admin", "list", "LISTED"),
    ],
}


def codes(response: Any) -> dict[str, str]:
    """Return the code at each pointer of a problem."""
    return {e["pointer"]: e["code"] for e in response.get_json()["errors"]}


@pytest.mark.parametrize("kind", KINDS)
def test_from_draft_to_the_market(world: World, kind: str) -> None:
    owner = world.client(OWNERS[kind])
    made = owner.post(PATHS[kind], SAMPLES[kind])
    assert made.status_code == 201
    body = made.get_json()
    path = f"{PATHS[kind]}/{body['id']}"
    assert made.headers["Location"] == f"/api/v1{path}"
    read = owner.get(path)
    assert read.headers["ETag"] == made.headers["ETag"]
    for name, value in SAMPLES[kind].items():
        if name not in {"indicators", "attachments", "ip", "intended_units"}:
            assert body[name] == value, name
    for who, action, state in REVIEWS[kind]:
        caller = world.client(who)
        offered = {
            link["name"]: link for link in caller.get(path).get_json()["actions"]
        }
        link = offered[action]
        assert link["method"] == "POST"
        assert link["href"] == f"/api/v1{path}/actions/{action}"
        answer = caller.open(
            "POST",
            link["href"],
            json={},
            headers={"If-Match": caller.get(path).headers["ETag"]},
        )
        assert answer.status_code == 200, answer.get_json()
        assert answer.get_json()["state"] == state
    public = world.client("stranger").get(path).get_json()
    assert public["state"] == PUBLISHED[kind]
    listed = world.client("stranger").get(PATHS[kind]).get_json()
    assert [row["id"] for row in listed["items"]] == [body["id"]]
    assert listed["total"] == 1
    with world.session.no_autoflush:
        assert list(events.verify(world.session)) == []


@pytest.mark.parametrize("kind", KINDS)
def test_titles_speak_the_readers_language(world: World, kind: str) -> None:
    path = f"{PATHS[kind]}/{make(world, kind).id}"
    admin = world.client(ADMINS[kind])
    chinese = admin.get(path).get_json()["actions"][0]["title"]
    english = admin.get(path, headers={"Accept-Language": "en"}).get_json()
    assert chinese in {"提交审核", "提交单位审核"}
    assert english["actions"][0]["title"] == "Submit"
    refused = admin.post(f"{path}/actions/nothing", {}, headers={"If-Match": '"1"'})
    assert refused.status_code == 409
    assert refused.get_json()["state"] == "DRAFT"


@pytest.mark.parametrize("kind", KINDS)
def test_a_change_needs_the_revision_that_was_read(world: World, kind: str) -> None:
    path = f"{PATHS[kind]}/{make(world, kind).id}"
    one, two = world.client(OWNERS[kind]), world.client(ADMINS[kind])
    tag = one.get(path).headers["ETag"]
    for answer in (
        one.patch(path, {"title": "甲"}),
        one.delete(path),
        two.post(f"{path}/actions/submit", {}),
    ):
        assert answer.status_code == 428
    assert one.patch(path, {"title": "甲"}, etag=tag).status_code == 200
    for answer in (
        two.patch(path, {"title": "乙"}, etag=tag),
        two.delete(path, etag=tag),
        two.post(f"{path}/actions/submit", {}, headers={"If-Match": tag}),
        two.patch(path, {"title": "乙"}, etag='"nonsense"'),
    ):
        assert answer.status_code == 412
    assert one.get(path).get_json()["title"] == "甲"


@pytest.mark.parametrize("kind", KINDS)
def test_two_submissions_are_one(world: World, kind: str) -> None:
    path = f"{PATHS[kind]}/{make(world, kind).id}"
    admin = world.client(ADMINS[kind])
    tag = admin.get(path).headers["ETag"]
    again = [
        admin.post(f"{path}/actions/submit", {}, headers={"If-Match": tag}).status_code
        for _ in range(2)
    ]
    assert again == [200, 412]
    assert admin.act(path, "submit").status_code == 409
    keyed = {"If-Match": admin.get(path).headers["ETag"], "Idempotency-Key": "k1"}
    action, body = ("withdraw", {"comment": "不再需要"})
    if kind == "offer":
        action, body = "return", {"comment": "补充材料"}
    first = admin.post(f"{path}/actions/{action}", body, headers=keyed)
    second = admin.post(f"{path}/actions/{action}", body, headers=keyed)
    assert (first.status_code, second.status_code) == (200, 200)
    assert second.headers["Idempotent-Replay"] == "true"
    assert second.get_json() == first.get_json()


@pytest.mark.parametrize("kind", KINDS)
def test_who_may_not_is_told_so_and_who_may_not_know_is_not(
    world: World, kind: str
) -> None:
    hidden = f"{PATHS[kind]}/{make(world, kind).id}"
    public = f"{PATHS[kind]}/{make(world, kind, PUBLISHED[kind]).id}"
    tag = {"If-Match": '"1"'}
    move = "withdraw" if kind == "need" else "delist"
    for who, seen in (("stranger", 401), ("other_firm", 403), ("broker", 403)):
        caller = world.client(who)
        for route in ("", "/events", "/versions", "/versions/1"):
            assert caller.get(hidden + route).status_code == 404
        compared = "/versions/compare?from=1&to=1"
        assert caller.get(hidden + compared).status_code == 404
        assert caller.patch(hidden, {"title": "x"}, etag='"1"').status_code == 404
        assert caller.delete(hidden, etag='"1"').status_code == 404
        acted = caller.post(f"{hidden}/actions/submit", {}, headers=tag)
        assert acted.status_code == 404
        assert caller.patch(public, {"title": "x"}, etag='"1"').status_code == seen
        assert caller.delete(public, etag='"1"').status_code == seen
        acted = caller.post(f"{public}/actions/{move}", {"comment": "x"}, headers=tag)
        assert acted.status_code == seen
        unknown = caller.post(f"{public}/actions/revise", {}, headers=tag)
        assert unknown.status_code == 409
        assert unknown.get_json()["state"] == PUBLISHED[kind]
        assert unknown.get_json()["possible"] == []
    assert world.client("stranger").post(PATHS[kind], SAMPLES[kind]).status_code == 401
    assert world.client("expert").post(PATHS[kind], SAMPLES[kind]).status_code == 403
    assert world.client("stranger").get(f"{PATHS[kind]}/{uuid4()}").status_code == 404
    assert world.client("stranger").get(f"{PATHS[kind]}/none").status_code == 404


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_input_is_named_by_its_place(world: World, kind: str) -> None:
    owner = world.client(OWNERS[kind])
    base: dict[str, Any] = {"title": "试"}
    if kind == "offer":
        base["kind"] = "result"
    answer = owner.post(PATHS[kind], {**base, "state": "POOLED", "keywords": "one"})
    assert answer.status_code == 422
    assert codes(answer) == {"/state": "unknown_field", "/keywords": "not_a_list"}
    answer = owner.post(PATHS[kind], {**base, "chain": "X", "indicators": [{}]})
    assert codes(answer) == {"/chain": "unknown_code", "/indicators/0": "required"}
    answer = owner.post(PATHS[kind], {k: v for k, v in base.items() if k != "title"})
    assert codes(answer) == {"/title": "required"}
    draft = owner.post(PATHS[kind], base)
    path = f"{PATHS[kind]}/{draft.get_json()['id']}"
    incomplete = world.client(ADMINS[kind]).act(path, "submit")
    assert incomplete.status_code == 422
    assert "/industry_use" in codes(incomplete)
    surplus = world.client(ADMINS[kind]).act(path, "submit", {"field_comments": []})
    assert codes(surplus) == {"/field_comments": "unknown_field"}
    for query in (
        "colour=red",
        "state=NEW",
        "region=青岛",
        "q=",
        "maturity_min=0",
        "updated_after=0001-01-01T00:00:00%2B14:00",
        "sort=title",
    ):
        assert owner.get(f"{PATHS[kind]}?{query}").status_code == 422, query


@pytest.mark.parametrize("kind", KINDS)
def test_a_patch_changes_what_it_names_and_empties_what_is_null(
    world: World, kind: str
) -> None:
    path = f"{PATHS[kind]}/{make(world, kind).id}"
    owner = world.client(OWNERS[kind])
    before = owner.get(path).get_json()
    patched = owner.patch(
        path,
        {"chain": None, "keywords": ["新词"], "indicators": [{"text": "纯度≥99.9%"}]},
        etag=owner.get(path).headers["ETag"],
    )
    after = patched.get_json()
    assert patched.headers["ETag"] == owner.get(path).headers["ETag"]
    assert (after["chain"], after["keywords"]) == (None, ["新词"])
    assert after["indicators"][0]["parsed"] == {
        "comparison": "≥",
        "value": "99.9",
        "value2": None,
        "unit": "%",
        "dimension": after["indicators"][0]["parsed"]["dimension"],
    }
    changed = {"chain", "keywords", "indicators", "updated_at"}
    assert {k for k in before if before[k] != after[k]} <= changed


@pytest.mark.parametrize("kind", KINDS)
def test_a_draft_is_deleted_once(world: World, kind: str) -> None:
    path = f"{PATHS[kind]}/{make(world, kind).id}"
    owner = world.client(OWNERS[kind])
    tag = owner.get(path).headers["ETag"]
    assert owner.delete(path, etag=tag).status_code == 204
    assert owner.delete(path, etag=tag).status_code == 404
    assert owner.get(path).status_code == 404


SECRET = {
    # field: (what is stored, the words that must not be seen)
    "need": {
        "problem": ("绝密难点", "绝密难点"),
        "key_technology": ("绝密关键", "绝密关键"),
        "background": ("绝密背景", "绝密背景"),
        "research_content": ("绝密内容", "绝密内容"),
        "bidder_conditions": ("绝密条件", "绝密条件"),
        "ip_arrangement": ("绝密约定", "绝密约定"),
        "indicators": (
            [{"name": "绝密指标", "operator": "GE", "value": "4711"}],
            "4711",
        ),
        "intended_units": ([{"name": "绝密单位"}], "绝密单位"),
        "intended_experts": (["绝密专家"], "绝密专家"),
        "budget_total_yuan": ("7654321.00", "7654321"),
        "budget_to_bidder_yuan": ("1234567.00", "1234567"),
    },
    "offer": {
        "innovations": (["绝密创新"], "绝密创新"),
        "team_intro": ("绝密团队", "绝密团队"),
        "completers": (["绝密人"], "绝密人"),
        "maturity_evidence": ("绝密证据", "绝密证据"),
        "price_expect_yuan": ("7654321.00", "7654321"),
        "indicators": (
            [{"name": "绝密指标", "operator": "GE", "value": "4711"}],
            "4711",
        ),
    },
}
VERIFIED_FIELDS = {
    "need": {
        "FULL": {"budget_to_bidder_yuan"},
        "NDA": {"budget_to_bidder_yuan", "budget_total_yuan", "ip_arrangement"},
    },
    "offer": {
        "FULL": {"price_expect_yuan", "maturity_evidence"},
        "NDA": {"price_expect_yuan", "maturity_evidence"},
    },
}
NDA_FIELDS = {
    "need": {
        "FULL": set(),
        "NDA": {
            *("problem", "key_technology", "research_content", "background"),
            *("bidder_conditions", "indicators"),
        },
    },
    "offer": {
        "FULL": set(),
        "NDA": {"innovations", "indicators", "team_intro", "completers"},
    },
}
OWNER_FIELDS = {"need": {"intended_units", "intended_experts"}, "offer": set()}


@pytest.mark.parametrize("disclosure", ["FULL", "NDA"])
@pytest.mark.parametrize("kind", KINDS)
def test_no_route_shows_more_than_the_tier(
    world: World, kind: str, disclosure: str
) -> None:
    stored = {name: value for name, (value, _) in SECRET[kind].items()}
    made = make(world, kind, PUBLISHED[kind], disclosure=disclosure, **stored)
    made_id = made.id
    world.session.add(
        DisclosureGrant(
            subject_kind=kind,
            subject_id=made_id,
            org_id=world.org("broker").id,
            granted_at=world.clock.now(),
            granted_by=world.user("broker").id,
            basis="NDA",
        )
    )
    # The next version is under way: nothing of it may show either.
    SERVICES[kind].edit(
        world.session,
        system(world.clock.now()),
        made_id,
        {"title": "绝密新题", "keywords": ["绝密新词"]},
    )
    world.session.commit()
    owner_only = OWNER_FIELDS[kind]
    nda = owner_only | set()
    verified = nda | NDA_FIELDS[kind][disclosure]
    public = verified | VERIFIED_FIELDS[kind][disclosure]
    path = f"{PATHS[kind]}/{made_id}"
    routes = [
        path,
        f"{path}/events",
        f"{path}/versions",
        f"{path}/versions/1",
        f"{path}/versions/compare?from=1&to=1",
        PATHS[kind],
        f"{PATHS[kind]}?q=绝密",
        f"{PATHS[kind]}?q=4711",
    ]
    for who, hidden in (
        ("stranger", public),
        ("other_firm", verified),
        ("broker", nda),
        (OWNERS[kind], set()),
    ):
        caller = world.client(who)
        insider = who == OWNERS[kind]
        for route in routes:
            answer = caller.get(route)
            assert answer.status_code == 200, route
            text = json.dumps(answer.get_json(), ensure_ascii=False)
            for name in hidden:
                assert SECRET[kind][name][1] not in text, (who, route, name)
            if not insider:
                assert "绝密新" not in text, (who, route)
        body = caller.get(path).get_json()
        for name, (_, words) in SECRET[kind].items():
            shown = words in json.dumps(body.get(name), ensure_ascii=False)
            assert shown == (name not in hidden), (who, name)
            assert (name in body["withheld"]) == (name in hidden)
            assert (name in body) == (name not in hidden)
        for number in ("2", "99"):
            newer = caller.get(f"{path}/versions/{number}")
            assert newer.status_code == (200 if insider and number == "2" else 404)
        newer = caller.get(f"{path}/versions/compare?from=1&to=2")
        assert newer.status_code == (200 if insider else 404)


def readings(world: World, subject_id: Any) -> list[tuple[str, set[str]]]:
    """Return who read which confidential fields."""
    rows = world.session.scalars(
        sa.select(Event)
        .where(Event.subject_id == subject_id, Event.action.like("%.read"))
        .order_by(Event.id)
    )
    return [(row.actor_role, set(row.changes)) for row in rows]


@pytest.mark.parametrize("kind", KINDS)
def test_a_confidential_reading_leaves_a_trace(world: World, kind: str) -> None:
    made = make(world, kind, PUBLISHED[kind], disclosure="NDA")
    made_id = made.id
    path = f"{PATHS[kind]}/{made_id}"
    world.session.add(
        DisclosureGrant(
            subject_kind=kind,
            subject_id=made_id,
            org_id=world.org("broker").id,
            granted_at=world.clock.now(),
            granted_by=world.user("broker").id,
            basis="NDA",
        )
    )
    for who in ("stranger", "other_firm", OWNERS[kind]):
        caller = world.client(who)
        tag = caller.get(path).headers["ETag"]
        caller.get(PATHS[kind])
        caller.get(f"{path}/matches")
    assert readings(world, made_id) == []
    detail = {"need": "problem", "offer": "team_intro"}[kind]
    broker = world.client("broker")
    for route in ("", "/versions/1"):
        assert detail in json.dumps(broker.get(path + route).get_json())
    traces = readings(world, made_id)
    assert [role for role, _ in traces] == ["broker", "broker"]
    assert all(detail in fields for _, fields in traces)
    owner = world.client(OWNERS[kind])
    assert owner.get(path).headers["ETag"] == tag, "a reading is no change"
    operator = world.client("operator")
    operator.get(f"{path}/versions/1")
    assert readings(world, made_id)[-1][0] == "operator"
    with world.session.no_autoflush:
        assert list(events.verify(world.session)) == []


def test_an_answer_to_an_action_is_a_reading_as_well(world: World) -> None:
    made_id = make(world, "need", "DISTRICT_OK", disclosure="NDA").id
    path = f"/needs/{made_id}"
    operator = world.client("operator")
    tag = operator.get(path).headers["ETag"]
    before = len(readings(world, made_id))
    world.session.rollback()
    approve = f"{path}/actions/formal-approve"
    answer = operator.post(approve, {}, headers={"If-Match": tag})
    assert answer.status_code == 200, answer.json
    assert answer.json["problem"]
    world.session.rollback()
    found = readings(world, made_id)
    assert len(found) == before + 1
    assert "problem" in found[-1][1]


def test_reading_the_ledger_leaves_a_trace_in_it(world: World) -> None:
    make(world, "need")
    world.session.commit()
    operator = world.client("operator")
    page = operator.get("/audit?subject_kind=need&limit=1").json["items"]
    assert len(page) == 1
    after = operator.get("/audit?action=user.read-ledger").json["items"]
    assert [(e["user_name"], e["changes"]) for e in after] == [
        (
            "operator",
            {
                "entries": {"read": [page[0]["seq"], page[0]["seq"], 1]},
                "subject_kind": {"read": "need"},
            },
        )
    ]


def test_the_comparison_counts_from_one(world: World) -> None:
    path = f"/needs/{make(world, 'need', 'POOLED').id}"
    owner = world.client("firm")
    tag = owner.get(path).headers["ETag"]
    owner.patch(path, {"budget_total_yuan": "4000000.00"}, etag=tag)
    found = owner.get(f"{path}/versions/compare?from=1&to=2").get_json()
    assert found == {
        "from": 1,
        "to": 2,
        "changes": [
            {
                "pointer": "/budget_total_yuan",
                "old": NEED["budget_total_yuan"],
                "new": "4000000.00",
            }
        ],
        "withheld": [],
    }
    for query in ("", "?from=1", "?from=0&to=1", "?from=a&to=1"):
        assert owner.get(f"{path}/versions/compare{query}").status_code == 422
    assert owner.get(f"{path}/versions/compare?from=1&to=9").status_code == 404


def test_the_market_is_filtered_by_what_an_offer_is(world: World) -> None:
    make(world, "offer", "LISTED")
    public = world.client("stranger")
    for query, count in (
        ("kind=result", 1),
        ("kind=capability", 0),
        ("maturity_min=6", 1),
        ("maturity_min=7", 0),
        ("state=LISTED", 1),
        ("region=370100", 1),
        ("mine=true", 0),
        ("q=鋁合金 型材", 1),
        ("q=100%25", 0),
        ("sort=-updated&limit=1", 1),
    ):
        answer = public.get(f"/offers?{query}")
        assert answer.status_code == 200, query
        assert len(answer.get_json()["items"]) == count, query
    row = public.get("/offers").get_json()["items"][0]
    assert row["withheld"] == ["price_expect_yuan"]
    assert "abstract" not in row
    assert row["owner_org"]["region"] == "370102"
    month = public.get(f"/offers/{row['id']}").get_json()["period_from"]
    assert month == OFFER["period_from"]
