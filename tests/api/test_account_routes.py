"""Signing in and out, invitations and one's own account over the API."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher

from marketplace.models.idempotency import IdempotentAnswer
from marketplace.models.ledger import Event
from marketplace.models.users import SignInAttempt
from marketplace.services import events, passwords
from tests.people import PASSWORD, Client, World

RIGHT = {"email": "firm@example.test", "password": PASSWORD}
WRONG = {**RIGHT, "password": "not it at all"}


@pytest.fixture(autouse=True)
def _cheap(monkeypatch):
    cheap = PasswordHasher(
        time_cost=1, memory_cost=8, parallelism=1, hash_len=16, salt_len=12
    )
    monkeypatch.setattr(passwords, "HASHER", cheap)


def with_token(world: World, raw: str) -> Client:
    client = world.client("stranger")
    client.headers = {"Authorization": f"Bearer {raw}"}
    return client


def signed_in(world: World, **more: Any) -> Client:
    answer = world.client("stranger").post("/auth/tokens", {**RIGHT, **more})
    assert answer.status_code == 201, answer.json
    return with_token(world, answer.json["token"])


def test_sign_in_use_sign_out(world):
    user = world.user("firm")
    answer = world.client("stranger").post("/auth/tokens", RIGHT)
    assert answer.status_code == 201
    expires = datetime.fromisoformat(answer.json["expires_at"])
    assert (expires - world.clock.now()).total_seconds() == 12 * 3600
    client = with_token(world, answer.json["token"])
    me = client.get("/me")
    assert me.json["user"]["id"] == str(user.id)
    (membership,) = me.json["memberships"]
    assert membership["organisation"]["name"] == world.org("firm").name
    assert membership["roles"] == ["demand"]
    assert client.delete("/auth/tokens/current").status_code == 204
    gone = client.get("/me")
    assert (gone.status_code, gone.json["code"]) == (401, "unauthenticated")
    assert gone.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_token_expires(world):
    world.user("firm")
    client = signed_in(world)
    world.clock.advance(hours=12)
    assert client.get("/me").status_code == 401


def test_an_expired_token_does_not_keep_its_owner_from_signing_in(world):
    world.user("firm")
    client = signed_in(world)
    world.clock.advance(hours=13)
    assert client.post("/auth/tokens", RIGHT).status_code == 201


def test_a_token_reads_or_writes_as_its_scopes_say_and_can_always_end(world):
    world.user("firm")
    reader = signed_in(world, scopes=["read"])
    assert reader.get("/me").status_code == 200
    refused = reader.patch("/me", {"name": "x"}, etag='"1"')
    assert (refused.status_code, refused.json["code"]) == (403, "action_forbidden")
    assert reader.delete("/auth/tokens/current").status_code == 204
    assert reader.get("/me").status_code == 401
    writer = signed_in(world, scopes=["write"])
    assert writer.get("/me").status_code == 403


def test_a_failed_sign_in_is_kept_although_it_is_refused(world):
    world.user("firm")
    stranger = world.client("stranger")
    for _ in range(5):
        answer = stranger.post("/auth/tokens", WRONG)
        assert (answer.status_code, answer.json["code"]) == (401, "sign_in_failed")
        assert "errors" not in answer.json
    assert world.session.scalar(sa.select(sa.func.count(SignInAttempt.id))) == 10
    waits = stranger.post("/auth/tokens", RIGHT)
    assert (waits.status_code, waits.json["code"]) == (429, "too_many_requests")
    assert 0 < int(waits.headers["Retry-After"]) <= 15 * 60
    assert "15" in waits.json["detail"]
    world.clock.advance(minutes=15)
    assert stranger.post("/auth/tokens", RIGHT).status_code == 201


def test_an_unknown_address_is_answered_like_a_wrong_password(world):
    world.user("firm")
    stranger = world.client("stranger")
    bodies = []
    for body in (
        WRONG,
        {**WRONG, "email": "nobody@example.test"},
        {**WRONG, "email": "?"},
    ):
        answer = stranger.post("/auth/tokens", body)
        assert answer.status_code == 401
        bodies.append(answer.json)
    assert bodies[0] == bodies[1] == bodies[2]


def test_no_secret_is_kept_for_a_retry(world):
    world.user("firm")
    stranger, admin = world.client("stranger"), world.client("firm_admin")
    key = {"Idempotency-Key": "once"}
    tokens = [
        stranger.post("/auth/tokens", RIGHT, headers=key).json["token"]
        for _ in range(2)
    ]
    assert tokens[0] != tokens[1]
    body = {
        "organisation_id": str(world.org("firm").id),
        "email": "new@example.test",
        "roles": ["demand"],
    }
    first = admin.post("/invitations", body, headers=key)
    assert first.status_code == 201
    assert world.session.scalars(sa.select(IdempotentAnswer)).all() == []


def test_from_invitation_to_sign_in(world):
    admin = world.client("firm_admin")
    made = admin.post(
        "/invitations",
        {
            "organisation_id": str(world.org("firm").id),
            "email": "New@Example.test",
            "roles": ["demand"],
        },
    )
    assert made.status_code == 201
    assert made.json["email"] == "new@example.test"
    (listed,) = admin.get("/invitations").json["items"]
    assert "token" not in listed
    stranger = world.client("stranger")
    seat = {"token": made.json["token"], "name": "新人", "password": "a new password"}
    accepted = stranger.post("/invitations/accept", seat)
    assert accepted.status_code == 201
    assert accepted.json["memberships"][0]["roles"] == ["demand"]
    again = stranger.post("/invitations/accept", seat)
    assert (again.status_code, again.json["code"]) == (409, "conflict")
    unknown = stranger.post("/invitations/accept", {**seat, "token": "jbi_none"})
    assert unknown.status_code == 404
    assert admin.get("/invitations").json["items"] == []
    signed_in(world, email="new@example.test", password="a new password")


def test_a_revoked_invitation_is_gone(world):
    admin = world.client("firm_admin")
    made = admin.post(
        "/invitations",
        {
            "organisation_id": str(world.org("firm").id),
            "email": "new@example.test",
            "roles": ["demand"],
        },
    ).json
    assert admin.delete(f"/invitations/{made['id']}").status_code == 204
    assert admin.delete(f"/invitations/{made['id']}").status_code == 404
    seat = {"token": made["token"], "name": "新人", "password": "a new password"}
    refused = world.client("stranger").post("/invitations/accept", seat)
    assert refused.status_code == 409
    assert refused.json["detail"] == "邀请已被撤回"


def test_an_invitation_to_a_unit_that_one_may_not_know_of_is_a_wrong_field(world):
    body = {
        "organisation_id": str(world.org("pending_admin").id),
        "email": "new@example.test",
        "roles": ["demand", "operator"],
    }
    answer = world.client("firm_admin").post("/invitations", body)
    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == "/organisation_id"
    body["organisation_id"] = str(world.org("firm").id)
    answer = world.client("firm_admin").post("/invitations", body)
    assert answer.status_code == 403
    assert answer.json["errors"][0]["code"] == "operator_only"


def test_a_new_password_ends_the_other_sessions(world):
    world.user("firm")
    one, two = signed_in(world), signed_in(world)
    etag = one.get("/me").headers["ETag"]
    wrong = {"password": "another password", "current_password": "guessed"}
    refused = one.patch("/me", wrong, etag=etag)
    assert refused.status_code == 422
    assert refused.json["errors"][0]["pointer"] == "/current_password"
    counted = sa.select(sa.func.count(SignInAttempt.id))
    assert world.session.scalar(counted) == 1
    changed = one.patch("/me", {**wrong, "current_password": PASSWORD}, etag=etag)
    assert changed.status_code == 200
    assert changed.headers["ETag"] != etag
    assert one.get("/me").status_code == 200
    assert two.get("/me").status_code == 401


def test_a_disabled_user_is_out_at_once(world):
    user, operator = world.user("firm"), world.client("operator")
    client = signed_in(world)
    answer = operator.act(f"/users/{user.id}", "disable", {"comment": "离职"})
    assert answer.json["state"] == "DISABLED"
    assert [a["name"] for a in answer.json["actions"]] == ["enable"]
    assert client.get("/me").status_code == 401
    stranger = world.client("stranger")
    assert stranger.post("/auth/tokens", RIGHT).status_code == 401
    unknown = operator.act(f"/users/{user.id}", "promote", {})
    assert (unknown.status_code, unknown.json["possible"]) == (409, ["enable"])
    back = operator.act(f"/users/{user.id}", "enable", {"comment": "返岗"})
    assert back.json["actions"][0]["title"] == "停用"


def test_an_operator_who_reads_an_address_is_written_down(world):
    user, operator = world.user("firm"), world.client("operator")
    listed = operator.get(f"/users?organisation_id={world.org('firm').id}").json
    assert [row["email"] for row in listed["items"]] == ["f***@example.test"]
    read = sa.select(Event).where(Event.action == "user.read")
    assert world.session.scalars(read).all() == []
    assert operator.get(f"/users/{user.id}").json["email"] == user.email
    (event,) = world.session.scalars(read)
    assert (event.subject_id, event.actor_role) == (user.id, "operator")
    own = world.user("operator").id
    operator.get(f"/users/{own}")
    world.session.commit()
    assert len(world.session.scalars(read).all()) == 1
    assert list(events.verify(world.session)) == []


@pytest.mark.parametrize("text", [r"half \ud800 pair", r"nul \u0000 byte"])
def test_texts_that_no_store_holds_are_refused_with_their_place(world, text):
    kind = {"content_type": "application/json"}
    user = world.client("firm")
    answer = user.open(
        "PATCH",
        "/me",
        data=f'{{"name": "{text}"}}',
        headers={"If-Match": '"1"'},
        **kind,
    )
    assert answer.status_code == 422
    (error,) = answer.json["errors"]
    assert (error["pointer"], error["code"]) == ("/name", "bad_character")
    body = f'{{"email": "{text}", "password": "x"}}'
    signing = world.client("stranger").open("POST", "/auth/tokens", data=body, **kind)
    assert signing.status_code == 422
    listed = user.get("/organisations?q=%00")
    assert listed.status_code == 422
    assert listed.json["errors"][0]["pointer"] == "/query/q/0"


def test_deeply_nested_input_is_refused_and_not_a_defect(world):
    nested: Any = "x"
    for _ in range(400):
        nested = [nested]
    answer = world.client("firm").patch("/me", {"name": nested}, etag='"1"')
    assert answer.status_code == 422
