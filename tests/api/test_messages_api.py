"""Messages over HTTP: one's own, in one's language, with the conventions of the API."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from marketplace.domain.actors import system
from marketplace.services import messages
from tests.people import Client, World


@pytest.fixture
def told(world: World) -> Client:
    client = world.client("firm")
    for number in (1, 2):
        messages.notify(
            world.session,
            system(world.clock.now()),
            to=[world.user("firm").id],
            topic="docking.asked",
            values={
                "party": "某大学（演示）",
                "subject": f"第{number}项",
                "due": "12-01",
            },
            subject_kind="need",
            subject_id=world.org("firm").id,
            key=f"asked:{number}",
        )
    world.session.commit()
    return client


def rows(client: Client, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(f"/messages{query}").json["items"]
    return found


def test_a_list_is_in_the_readers_language_newest_first(told: Client) -> None:
    assert [row["title"] for row in rows(told)] == [
        "某大学（演示）就“第2项”提出对接",
        "某大学（演示）就“第1项”提出对接",
    ]
    told.headers["Accept-Language"] = "en"
    assert rows(told)[0]["title"] == "某大学（演示） asks to talk on 第2项"
    assert rows(told)[0]["mail_state"] == "WAITING"


def test_a_message_is_marked_as_read_with_what_was_seen(told: Client) -> None:
    path = f"/messages/{rows(told)[0]['id']}"
    seen = told.get(path)
    assert seen.headers["ETag"] == '"1"'
    assert seen.json["actions"][0]["title"] == "标为已读"
    assert told.post(f"{path}/actions/read").status_code == 428
    read = told.act(path, "read")
    assert read.status_code == 200
    assert read.json["read_at"] is not None
    assert read.json["actions"] == []
    again = told.post(f"{path}/actions/read", headers={"If-Match": '"1"'})
    assert again.status_code == 412
    refused = told.act(path, "read")
    assert (refused.status_code, refused.json["code"]) == (
        409,
        "transition_not_allowed",
    )
    assert refused.json["state"] == "read"
    assert told.act(path, "burn").status_code == 409
    page = told.get("/messages?unread=true").json
    assert (page["total"], len(page["items"])) == (1, 1)
    assert len(rows(told, "?unread=false")) == 1


def test_all_are_marked_as_read_up_to_a_moment(world: World, told: Client) -> None:
    at = rows(told)[0]["created_at"]
    early = {"until": "2020-01-01T00:00:00+08:00"}
    assert told.post("/messages/actions/read-all", early).json == {
        "read": 0,
        "unread": 2,
    }
    answer = told.post("/messages/actions/read-all", {"until": at})
    assert answer.json == {"read": 2, "unread": 0}
    assert told.post("/messages/actions/read-all").json == {"read": 0, "unread": 0}


def test_a_list_of_messages_is_a_sheet_too(told: Client) -> None:
    answer = told.get("/messages", headers={"Accept": "text/csv"})
    table = list(csv.reader(io.StringIO(answer.get_data().decode("utf-8-sig"))))
    answer.close()
    assert len(table) == 3
    assert "正文" in table[0]


def test_preferences_are_put_with_what_was_read(world: World) -> None:
    client = world.client("firm")
    path = "/me/message-preferences"
    first = client.get(path)
    assert first.headers["ETag"] == '"0"'
    assert {t["name"] for t in first.json["topics"] if t["mandatory"]} >= {
        "registration.correction"
    }
    assert client.open("PUT", path, json={}).status_code == 428
    body = {"email": "digest", "muted": ["docking.asked"], "digest_hour": 18}
    changed = client.open("PUT", path, json=body, headers={"If-Match": '"0"'})
    assert changed.status_code == 200
    assert {name: changed.json[name] for name in body} == body
    assert changed.headers["ETag"] == '"1"'
    stale = client.open("PUT", path, json=body, headers={"If-Match": '"0"'})
    assert stale.status_code == 412
    for wrong, pointer in (
        ({"email": "daily"}, "/email"),
        ({"muted": ["docking.nothing"]}, "/muted/0"),
        ({"digest_hour": 24}, "/digest_hour"),
        ({"colour": "red"}, "/colour"),
    ):
        answer = client.open("PUT", path, json=wrong, headers={"If-Match": '"1"'})
        assert answer.status_code == 422
        assert answer.json["errors"][0]["pointer"] == pointer


def test_a_group_is_told_what_was_previewed_and_only_if_it_is_the_same(
    world: World,
) -> None:
    firm, operator = world.client("firm"), world.client("operator")
    audience = {"roles": ["demand"], "region": "370200"}
    preview = operator.post("/messages/groups/preview", {"audience": audience})
    assert preview.json["number"] == 1
    assert preview.json["recipients"] == [
        {
            "user_id": str(world.user("firm").id),
            "name": "firm",
            "organisations": [
                {"id": str(world.org("firm").id), "name": "firm单位（测试）"}
            ],
        }
    ]
    world.user("firm_admin")
    body = {
        "audience": audience,
        "subject": "停机通知",
        "text": "周六维护。",
        "number": 1,
        "digest": preview.json["digest"],
    }
    changed = operator.post("/messages/groups", body)
    assert (changed.status_code, changed.json["code"]) == (409, "group_changed")
    assert changed.json["number"] == 2
    assert "2 人" in changed.json["detail"]
    now = operator.post("/messages/groups/preview", {"audience": audience}).json
    body |= {"number": now["number"], "digest": now["digest"]}
    key = {"Idempotency-Key": "notice-1"}
    sent = operator.post("/messages/groups", body, headers=key)
    assert (sent.status_code, sent.json["number"]) == (201, 2)
    assert operator.post("/messages/groups", body, headers=key).json == sent.json
    assert operator.post("/messages/groups", body).status_code == 409
    assert [row["body"] for row in rows(firm)] == ["周六维护。"]
