"""Units over the API: what is shown to whom, and what a reading leaves behind."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa

from marketplace.domain.organisations import PRIVATE
from marketplace.models.ledger import Event
from marketplace.models.organisations import Organisation
from marketplace.services import events, organisations
from tests.people import World, valid_uscc

FIRM: dict[str, Any] = {
    "name": "云岭轻合金有限公司（测试）",
    "uscc": valid_uscc(920001),
    "org_type": "FIRM",
    "region": "370202",
    "address": "测试路 1 号",
    "legal_rep": "孙法人测试",
    "contact_name": "周联系测试",
    "contact_phone": "13912345678",
    "contact_email": "zhou.contact@example.test",
    "industry": "C32",
    "registered_capital_yuan": "50000000.00",
    "revenue_last_year_yuan": "480000000.00",
    "main_products": "铝合金型材",
    "qualifications": [{"label": "HNTE", "valid_until": "2027-11-30"}],
    "controllers": [{"name": "李测试", "share_percent": "51.00"}],
    "bank_name": "测试银行青岛分行",
    "bank_account": "6222020200001234567",
}
SECRETS = [FIRM[name] for name in (*sorted(PRIVATE), "bank_name", "bank_account")]


def verified(world: World) -> str:
    """Register the firm and have it verified; return its path."""
    made = world.client("operator").post("/organisations", FIRM)
    assert made.status_code == 201, made.json
    path = made.headers["Location"].removeprefix("/api/v1")
    assert world.client("operator").act(path, "verify").status_code == 200
    return path


def readings(world: World) -> list[Event]:
    world.session.commit()
    return list(
        world.session.scalars(
            sa.select(Event)
            .where(Event.action == "organisation.read")
            .order_by(Event.id)
        )
    )


def test_a_unit_is_registered_completed_verified_and_listed(world):
    client, operator = world.client("team"), world.client("operator")
    made = client.post(
        "/organisations", {k: FIRM[k] for k in ("name", "org_type", "region")}
    )
    assert made.status_code == 201
    path = made.headers["Location"].removeprefix("/api/v1")
    assert made.json["state"] == "PENDING"
    assert made.json["actions"] == []
    assert made.json["withheld"] == ["bank_name"]
    roles = [m["roles"] for m in client.get("/me").json["memberships"]]
    assert ["unit_admin"] in roles
    early = operator.act(path, "verify")
    assert early.status_code == 422
    assert "/uscc" in {e["pointer"] for e in early.json["errors"]}
    etag = client.get(path).headers["ETag"]
    filled = client.patch(path, {**FIRM, "intro": "简介"}, etag=etag)
    assert filled.status_code == 200, filled.json
    assert filled.headers["ETag"] != etag
    stale = client.patch(path, {"intro": "别的"}, etag=etag)
    assert stale.status_code == 412
    done = operator.act(path, "verify")
    assert done.json["state"] == "VERIFIED"
    assert [a["name"] for a in done.json["actions"]] == [
        "suspend",
        "blacklist",
        "close",
    ]
    assert done.json["actions"][0]["fields"] == ["comment", "until", "document"]
    english = operator.get(path, headers={"Accept-Language": "en"}).json
    assert english["actions"][0]["title"] == "Suspend"
    found = world.client("stranger").get("/organisations?q=鋁合金").json
    assert [row["name"] for row in found["items"]] == [FIRM["name"]]
    log = [e["action"] for e in client.get(f"{path}/events").json["items"]]
    changes = [action for action in log if action != "organisation.read"]
    assert changes == [
        "organisation.create",
        "organisation.edit",
        "organisation.verify",
    ]
    assert len(log) > len(changes)


def test_a_wrong_credit_code_says_which_character_would_be_right(world):
    right = FIRM["uscc"]
    wrong = right[:-1] + ("A" if right[-1] != "A" else "B")
    answer = world.client("team").post("/organisations", {**FIRM, "uscc": wrong})
    assert answer.status_code == 422
    (error,) = answer.json["errors"]
    assert error["pointer"] == "/uscc"
    assert error["code"] == "uscc_check_character"
    assert f"“{right[-1]}”" in error["message"]


def test_a_second_registration_names_the_field(world):
    verified(world)
    twice = world.client("team").post("/organisations", FIRM)
    assert (twice.status_code, twice.json["code"]) == (409, "conflict")
    assert {e["pointer"] for e in twice.json["errors"]} == {"/uscc", "/name"}


def test_two_operators_and_one_sanction(world):
    path = verified(world)
    one, two = world.client("operator"), world.client("operator_two")
    etag = one.get(path).headers["ETag"]
    body = {"comment": "因故", "until": "2027-05-31", "document": "文"}
    first = one.post(f"{path}/actions/suspend", body, headers={"If-Match": etag})
    second = two.post(f"{path}/actions/suspend", body, headers={"If-Match": etag})
    assert (first.status_code, second.status_code) == (200, 409)
    assert first.json["suspended_until"] == "2027-05-31"
    assert second.json["state"] == "SUSPENDED"
    assert second.json["possible"] == ["blacklist", "reinstate", "close"]
    assert world.client("team").get(path).status_code == 404


def test_personal_data_appears_in_the_contact_answer_only(world):
    path = verified(world)
    wrong = {**FIRM, "uscc": "1", "contact_phone": FIRM["contact_phone"] + "x"}
    told = []
    for who in ("stranger", "team", "operator"):
        client = world.client(who)
        told += [
            client.get("/organisations?limit=100"),
            client.get("/organisations?q=云岭"),
            client.get(path),
            client.post("/organisations", wrong),
            client.post("/organisations", FIRM),
        ]
    operator = world.client("operator")
    told.append(operator.get(f"{path}/events"))
    told.append(operator.get("/audit?limit=100"))
    for answer in told:
        text = json.dumps(answer.json, ensure_ascii=False)
        for secret in SECRETS:
            assert secret not in text, answer.request.path
    public = world.client("stranger").get(path).json
    assert not set(public) & (PRIVATE | {"bank_account", "bank_name"})
    assert set(public["withheld"]) >= PRIVATE
    member = world.client("team").get(path).json
    assert member["contact_phone"] == "139****5678"
    assert member["contact_email"] == "z***@example.test"
    assert member["legal_rep"] == "孙**"
    assert operator.get(path).json["bank_account"] == "****4567"
    whole = operator.get(f"{path}/contact").json
    assert all(whole[name] == FIRM[name] for name in (*PRIVATE, "bank_account"))
    assert whole["withheld"] == []


def test_an_outsiders_reading_is_written_down_and_a_members_is_not(world):
    org = world.org("firm")
    org.bank_account, org.revenue_last_year_yuan = "6222020200001234567", None
    path = f"/organisations/{org.id}"
    inside = world.client("firm").get(f"{path}/contact").json
    assert inside["contact_phone"] == "13800001234"
    assert inside["withheld"] == ["bank_account", "bank_name"]
    assert "bank_account" not in inside
    admin = world.client("firm_admin").get(f"{path}/contact").json
    assert admin["bank_account"] == "6222020200001234567"
    assert readings(world) == []
    operator = world.client("operator")
    operator.get(path)
    assert readings(world) == []
    etag = operator.get(path).headers["ETag"]
    operator.get(f"{path}/contact")
    (event,) = readings(world)
    assert event.subject_id == org.id
    assert event.actor_id == world.user("operator").id
    assert event.actor_role == "operator"
    assert set(event.comment.split(", ")) == {
        "bank_account",
        "contact_email",
        "contact_name",
        "contact_phone",
    }
    assert operator.get(path).headers["ETag"] == etag
    org.revenue_last_year_yuan = 480_000_000
    operator.get(path)
    assert [e.comment for e in readings(world)][1:] == ["revenue_last_year_yuan"]
    seen = world.client("firm").get(f"{path}/events").json["items"]
    assert [e["action"] for e in seen].count("organisation.read") == 2
    assert list(events.verify(world.session)) == []


def test_a_unit_cannot_change_what_was_verified(world):
    org = world.org("firm")
    client = world.client("firm_admin")
    etag = client.get(f"/organisations/{org.id}").headers["ETag"]
    answer = client.patch(f"/organisations/{org.id}", {"region": "370000"}, etag=etag)
    assert answer.status_code == 403
    assert answer.json["errors"][0]["pointer"] == "/region"
    state = client.patch(f"/organisations/{org.id}", {"state": "VERIFIED"}, etag=etag)
    assert state.status_code == 422
    assert state.json["errors"][0] == {
        "pointer": "/state",
        "code": "unknown_field",
        "message": "未知字段",
    }


def test_the_last_administrator_stays(world):
    org = world.org("firm_admin")
    client = world.client("firm_admin")
    (row,) = client.get(f"/organisations/{org.id}/members").json["items"]
    path = f"/organisations/{org.id}/members/{row['id']}"
    etag = client.get(path).headers["ETag"]
    assert client.delete(path, etag=etag).status_code == 409
    demoted = client.patch(path, {"roles": ["demand"]}, etag=etag)
    assert demoted.status_code == 409
    assert "最后一名" in demoted.json["detail"]
    operator = world.client("operator")
    assert operator.patch(path, {"roles": ["demand"]}, etag=etag).status_code == 200
    assert client.get("/me").json["memberships"][0]["roles"] == ["demand"]


def test_a_team_is_set_up_changed_and_closed(world):
    org = world.org("university_admin")
    client, stranger = world.client("university_admin"), world.client("stranger")
    base = f"/organisations/{org.id}/teams"
    body = {"name": "轻合金课题组", "leader": "郑测试", "tech_field": ["05"]}
    made = client.post(base, body)
    assert made.status_code == 201
    path = made.headers["Location"].removeprefix("/api/v1")
    assert made.json["leader"] == "郑测试"
    assert client.post(base, body).json["errors"][0]["pointer"] == "/name"
    wrong = client.post(base, {"name": "乙", "tech_field": ["05", "99"]})
    assert wrong.json["errors"][0]["pointer"] == "/tech_field/1"
    public = stranger.get(path).json
    assert public["withheld"] == ["leader"]
    assert "leader" not in public
    etag = client.get(path).headers["ETag"]
    changed = client.patch(path, {"intro": "新"}, etag=etag)
    assert (changed.status_code, changed.json["intro"]) == (200, "新")
    assert client.delete(path, etag=etag).status_code == 412
    assert client.delete(path, etag=changed.headers["ETag"]).status_code == 204
    assert stranger.get(base).json["items"] == []
    closed = stranger.get(f"{base}?closed=true").json["items"]
    assert [t["name"] for t in closed] == ["轻合金课题组"]
    assert closed[0]["closed_at"] is not None
    late = client.patch(path, {"intro": "x"}, etag=client.get(path).headers["ETag"])
    assert late.status_code == 409
    log = client.get(f"/organisations/{org.id}/events").json["items"]
    assert [e["action"] for e in log] == ["team.create", "team.edit", "team.close"]


def test_a_list_is_read_page_by_page(world):
    for number in range(5):
        world.make_org(f"单位{number}")
    world.session.commit()
    stranger = world.client("stranger")
    names: list[str] = []
    path = "/organisations?limit=2&sort=name"
    cursor = ""
    while True:
        page = stranger.get(path + cursor).json
        names += [row["name"] for row in page["items"]]
        assert page["total"] == 5
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert names == [f"单位{n}单位（测试）" for n in range(5)]


def test_an_unforeseen_twin_is_a_conflict_and_not_a_defect(world, monkeypatch):
    verified(world)
    monkeypatch.setattr(organisations, "_refuse_taken", lambda *_: None)
    answer = world.client("team").post("/organisations", FIRM)
    assert (answer.status_code, answer.json["code"]) == (409, "conflict")
    counted = sa.select(sa.func.count(Organisation.id)).where(
        Organisation.uscc == FIRM["uscc"]
    )
    assert world.session.scalar(counted) == 1
