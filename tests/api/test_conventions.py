"""What clients may rely on, whichever route they call."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
import sqlalchemy as sa
import sqlalchemy.orm as so
from flask import Flask
from openapi_spec_validator import OpenAPIV31SpecValidator

from marketplace import observation
from marketplace.app import create_app
from marketplace.domain.clock import FixedClock
from marketplace.extensions import db, limiter
from marketplace.models.idempotency import IdempotentAnswer
from marketplace.models.ledger import LedgerHead
from marketplace.models.needs import Need
from marketplace.services import tokens
from tests.conftest import make_settings
from tests.markets import TRIAL
from tests.people import Client, World

PROBLEM = "application/problem+json"
JSON = "application/json"
CHINESE = re.compile(r"[\u4e00-\u9fff]")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
NOBODY = "018f0000-0000-7000-8000-000000000000"
TITLE = "轻质高强铝合金托盘"
Send = Callable[[dict[str, str]], Any]


def check_problem(answer: Any, status: int, code: str, *, english: bool) -> Any:
    """Assert that an answer is a problem document in one language."""
    assert answer.status_code == status, answer.get_data(as_text=True)
    assert answer.content_type == PROBLEM
    body = answer.json
    assert (body["status"], body["code"]) == (status, code)
    assert body["type"] == f"/problems/{code}"
    assert body["instance"] == answer.request.path
    assert answer.headers["Content-Language"] == ("en" if english else "zh-CN")
    assert "Accept-Language" in answer.headers["Vary"]
    assert answer.headers["X-Request-ID"]
    texts = [body["title"], *(e["message"] for e in body.get("errors", []))]
    for text in texts:
        assert bool(CHINESE.search(text)) is not english, text
    for error in body.get("errors", []):
        assert set(error) == {"pointer", "code", "message"}
        assert re.fullmatch(r"(/.*)?", error["pointer"])
    return body


def both(send: Send, status: int, code: str) -> Any:
    """Send a request in each language, check both problems, return the English."""
    check_problem(send({}), status, code, english=False)
    return check_problem(
        send({"Accept-Language": "en-GB,en;q=0.9"}), status, code, english=True
    )


def pointers(body: Any) -> list[tuple[str, str]]:
    return sorted((e["pointer"], e["code"]) for e in body["errors"])


@pytest.fixture
def own_app(tmp_path: Path, clock: FixedClock) -> Iterator[Callable[..., Flask]]:
    """Make further applications, with routes that break or only answer."""

    made: list[Flask] = []

    def make(url: str = "", **more: Any) -> Flask:
        url = url or f"sqlite:///{tmp_path / 'empty.db'}"
        app = create_app(replace(make_settings(url, tmp_path), **more), clock=clock)
        made.append(app)
        app.add_url_rule("/api/v1/broken", "broken", lambda: {}["defect"])
        app.add_url_rule("/api/v1/fine", "fine", lambda: "fine")
        return app

    yield make
    limiter.reset()
    for app in made:
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


def body(text: bytes, kind: str = JSON) -> dict[str, Any]:
    return {"data": text, "content_type": kind}


LARGE = b'{"title": "' + b"x" * (8 * 1024 * 1024) + b'"}'
DEEP = b'{"keywords": ' + b"[" * 200 + b"]" * 200 + b"}"
FORM = "application/x-www-form-urlencoded"
STALE = {"json": {}, "headers": {"If-Match": '"1"'}}
WRONG: dict[str, tuple[str, str, dict[str, Any], int, str]] = {
    "malformed": ("POST", "/needs", body(b'{"title": '), 400, "not_json"),
    "not UTF-8": ("POST", "/needs", body(b'{"title": "\xb0"}'), 400, "not_json"),
    "NaN": ("POST", "/needs", body(b'{"title": NaN}'), 400, "not_json"),
    "9999 digits": ("POST", "/needs", body(b"1" * 9999), 400, "not_json"),
    "an abyss": ("POST", "/needs", body(b"[" * 99_999), 400, "not_json"),
    "too deep": ("POST", "/needs", body(DEEP), 422, "validation_failed"),
    "unknown route": ("GET", "/nothing/here", {}, 404, "not_found"),
    "unknown root": ("GET", "/api/v2", {}, 404, "not_found"),
    "unknown object": ("GET", f"/needs/{NOBODY}", {}, 404, "not_found"),
    "not an id": ("GET", "/needs/17", {}, 404, "not_found"),
    "NUL in the path": ("GET", "/codes/a%00b", {}, 404, "not_found"),
    "bytes in the path": ("GET", "/codes/%ED%A0%80%FF", {}, 404, "not_found"),
    "act on nothing": (
        *("POST", f"/needs/{NOBODY}/actions/submit", STALE, 404, "not_found"),
    ),
    "method": ("PUT", "/codes", {"json": {}}, 405, "method_not_allowed"),
    "too large": ("POST", "/needs", body(LARGE), 413, "payload_too_large"),
    "a form": ("POST", "/needs", body(b"a=1", FORM), 415, "unsupported_media_type"),
    "no type": ("POST", "/needs", body(b"{}", ""), 415, "unsupported_media_type"),
    "required": ("POST", "/needs", {"json": {}}, 422, "validation_failed"),
    "no body": ("POST", "/needs", body(b""), 422, "validation_failed"),
    "a list": ("POST", "/needs", {"json": [1]}, 422, "validation_failed"),
}


@pytest.mark.parametrize("case", sorted(WRONG))
def test_every_refusal_is_a_problem_in_the_readers_language(
    world: World, case: str
) -> None:
    method, path, more, status, code = WRONG[case]
    client = world.client("firm")

    def send(headers: dict[str, str]) -> Any:
        headers = {**more.get("headers", {}), **headers}
        return client.open(method, path, **{**more, "headers": headers})

    both(send, status, code)
    if status == 405:
        allowed = send({}).headers["Allow"].replace(" ", "").split(",")
        assert sorted(allowed) == ["GET", "HEAD", "OPTIONS"]


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer ", "Bearer jb_wrong", "Basic YTpi", "jb_wrong", "\xe9"]
)
def test_credentials_that_are_not_valid_are_refused_and_not_overlooked(
    world: World, header: str
) -> None:
    client = world.client("stranger")
    assert client.get("/codes").status_code == 200

    def send(headers: dict[str, str]) -> Any:
        return client.get("/codes", headers={"Authorization": header, **headers})

    both(send, 401, "unauthenticated")
    assert send({}).headers["WWW-Authenticate"].startswith("Bearer")


def test_an_expired_and_a_revoked_token_are_refused(
    world: World, clock: FixedClock
) -> None:
    client = world.client("firm")
    raw, token = tokens.issue(
        world.session, world.user("firm"), clock.now(), hours=1000
    )
    gone = Client(
        world.app.test_client(), {"Authorization": f"Bearer {raw}"}, client.session
    )
    assert gone.get("/needs").status_code == 200
    tokens.revoke(world.session, token, clock.now())
    assert gone.get("/needs").status_code == 401
    assert client.get("/needs").status_code == 200
    clock.advance(hours=24)
    assert client.get("/needs").status_code == 401


def test_a_token_that_may_only_read_does_not_write(world: World) -> None:
    raw, _ = tokens.issue(
        world.session,
        world.user("firm"),
        world.clock.now(),
        hours=1,
        scopes=["read"],
    )
    reader = Client(
        world.app.test_client(), {"Authorization": f"Bearer {raw}"}, world.session
    )
    assert reader.get("/needs").status_code == 200
    refused = both(
        lambda h: reader.post("/needs", {"title": TITLE}, headers=h),
        403,
        "action_forbidden",
    )
    assert "write" in refused["detail"]


def test_a_defect_is_told_without_its_inside(own_app: Callable[..., Flask]) -> None:
    client = own_app().test_client()
    for path in ("/api/v1/broken", "/api/v1/codes"):
        told = both(
            lambda h, path=path: client.get(path, headers=h), 500, "internal_error"
        )
        assert set(told) == {"type", "title", "status", "code", "instance"}


def test_who_asks_too_often_is_told_when_to_come_back(
    own_app: Callable[..., Flask],
) -> None:
    client = own_app(rate_limit="3/minute").test_client()
    assert [client.get("/api/v1/fine").status_code for _ in range(3)] == [200] * 3
    both(lambda h: client.get("/api/v1/fine", headers=h), 429, "too_many_requests")
    assert 1 <= int(client.get("/api/v1/fine").headers["Retry-After"]) <= 61
    for path in ("/healthz", "/metrics", "/api/v1/openapi.json"):
        assert {client.get(path).status_code for _ in range(5)} == {200}


def test_each_application_has_its_own_rate(own_app: Callable[..., Flask]) -> None:
    strict = own_app(rate_limit="1/minute").test_client()
    generous = own_app(rate_limit="100/minute").test_client()
    assert strict.get("/api/v1/fine").status_code == 200
    assert strict.get("/api/v1/fine").status_code == 429
    assert generous.get("/api/v1/fine").status_code == 200


def test_a_store_that_is_locked_for_longer_than_we_wait_is_busy(
    world: World, own_app: Callable[..., Flask], session: so.Session
) -> None:
    headers = world.client("firm").headers
    url = session.get_bind().engine.url.render_as_string(hide_password=False)
    client = own_app(url, busy_seconds=1).test_client()
    session.scalars(sa.select(LedgerHead).with_for_update()).one()

    def send(more: dict[str, str]) -> Any:
        return client.post(
            "/api/v1/needs", json={"title": TITLE}, headers=headers | more
        )

    both(send, 503, "busy")
    assert int(send({}).headers["Retry-After"]) >= 1
    assert client.get("/readyz").status_code == 200
    assert client.get("/api/v1/needs", headers=headers).status_code == 200
    session.rollback()
    assert send({}).status_code == 201
    assert session.scalar(sa.select(sa.func.count(Need.id))) == 1


def test_unknown_fields_are_refused_with_their_pointers(world: World) -> None:
    client = world.client("firm")
    answer = client.post(
        "/needs",
        {
            "title": TITLE,
            "colour": 1,
            "a/b~c": 2,
            "state": "POOLED",
            "indicators": [{"name": "强度", "colour": 1}],
        },
    )
    assert answer.status_code == 422
    assert pointers(answer.json) == [
        ("/a~1b~0c", "unknown_field"),
        ("/colour", "unknown_field"),
        ("/indicators/0/colour", "unknown_field"),
        ("/state", "unknown_field"),
    ]
    refused = client.get("/needs?colour=red&limit=5")
    assert refused.status_code == 422
    assert pointers(refused.json) == [("/query/colour", "unknown_field")]


def test_an_unknown_field_is_told_with_the_known_one_that_is_near(
    world: World,
) -> None:
    client = world.client("firm")
    sent = {
        "titel": TITLE,
        "budget_total": "1.00",
        "colour": 1,
        "indicators": [{"nmae": "强度"}],
        "intended_units": [{"organization_id": NOBODY}],
    }
    near = {
        "/titel": "title",
        "/budget_total": "budget_total_yuan",
        "/indicators/0/nmae": "name",
        "/intended_units/0/organization_id": "organisation_id",
    }
    for language, asked in (("zh-CN", "；是否为 {}？"), ("en", " Did you mean {}?")):
        headers = {"Accept-Language": language}
        told = client.post("/needs", sent, headers=headers).json["errors"]
        unknown = {
            e["pointer"]: e["message"] for e in told if e["code"] == "unknown_field"
        }
        plain = unknown.pop("/colour")
        assert unknown == {k: plain + asked.format(v) for k, v in near.items()}
    refused = client.get("/needs?limt=5").json["errors"]
    assert [e["message"] for e in refused] == ["未知字段；是否为 limit？"]


SPOILT = {
    "colour": "red",
    "budget_total_yuan": "12万",
    "budget_to_bidder_yuan": "5.00",
    "valid_until": "明年",
    "chain": "SD-C99",
    "tech_field": ["ZZ"],
    "indicators": [{}],
    "period_start": "2027-02-01",
    "period_end": "2027-01-01",
}
NAMED = [
    ("/budget_total_yuan", "not_money"),
    ("/chain", "unknown_code"),
    ("/colour", "unknown_field"),
    ("/indicators/0", "required"),
    ("/period_end", "dates_reversed"),
    ("/tech_field/0", "unknown_code"),
    ("/valid_until", "not_a_date"),
]


def test_everything_that_is_wrong_with_a_body_is_named_at_once(world: World) -> None:
    client = world.client("firm")
    told = both(
        lambda h: client.post("/needs", {"title": TITLE, **SPOILT}, headers=h),
        422,
        "validation_failed",
    )
    assert pointers(told) == NAMED
    untitled = client.post("/needs", SPOILT)
    assert pointers(untitled.json) == sorted([*NAMED, ("/title", "required")])
    made = client.post("/needs", {"title": TITLE})
    path, etag = made.headers["Location"], made.headers["ETag"]
    assert pointers(client.patch(path, SPOILT, etag=etag).json) == NAMED
    assert client.get(path).headers["ETag"] == etag
    keyed = {"Idempotency-Key": "spoilt"}
    assert client.post("/needs", SPOILT, headers=keyed).status_code == 422
    assert world.session.scalar(sa.select(sa.func.count(Need.id))) == 1


def test_what_depends_on_a_wrong_value_is_not_held_against_it(world: World) -> None:
    client = world.client("firm")
    dates = {"period_start": "2027-02-01", "period_end": "2027-03-01"}
    amounts = {"budget_total_yuan": "10.00"}
    made = client.post("/needs", {"title": TITLE, **dates, **amounts})
    changed = {
        "period_start": "2026",
        "period_end": "2027-01-01",
        "budget_total_yuan": 50,
        "budget_to_bidder_yuan": "20.00",
    }
    path, etag = made.headers["Location"], made.headers["ETag"]
    assert pointers(client.patch(path, changed, etag=etag).json) == [
        ("/budget_total_yuan", "not_money"),
        ("/period_start", "not_a_date"),
    ]
    level = {"kind": "result", "title": "甲", "maturity_scale": 7, "maturity_level": 13}
    refused = world.client("team").post("/offers", level)
    assert pointers(refused.json) == [("/maturity_scale", "not_a_string")]


@pytest.mark.parametrize(
    ("content", "zh", "en"),
    [
        (b'{"title": "a",\n  "problem" "b"}', "第 2 行第 13 列", "line 2, column 13"),
        ('{"title": "铝托盘"}'.encode("gbk"), "UTF-8", "UTF-8"),
        (b'{"title": NaN}', "NaN", "NaN"),
        (b"[" * 99_999, "嵌套过深", "too deeply"),
        (b"1" * 9999, "位数过多", "too many digits"),
    ],
)
def test_a_body_that_is_not_json_is_told_why_and_where(
    world: World, content: bytes, zh: str, en: str
) -> None:
    client = world.client("firm")
    for language, said in (("zh-CN", zh), ("en", en)):
        headers = {"Accept-Language": language}
        answer = client.open("POST", "/needs", headers=headers, **body(content))
        assert (answer.status_code, answer.json["code"]) == (400, "not_json")
        assert said in answer.json["detail"]


def test_what_is_too_large_is_told_how_large_it_may_be(world: World) -> None:
    client = world.client("firm")
    most = world.app.config["MAX_CONTENT_LENGTH"] // 1024**2
    answer = client.open("POST", "/needs", **body(LARGE))
    assert f"不得超过 {most} MB" in answer.json["detail"]
    form = (
        b'--x\r\nContent-Disposition: form-data; name="kind"\r\n\r\n'
        + b"k" * (2 * 1024**2)
        + b"\r\n--x--\r\n"
    )
    answer = client.open(
        "POST", "/imports", **body(form, "multipart/form-data; boundary=x")
    )
    assert answer.status_code == 413
    assert "不得超过 1 MB" in answer.json["detail"]


@pytest.mark.parametrize(
    ("text", "pointer", "code"),
    [
        ('{"title": "a\\u0000b"}', "/title", "bad_character"),
        ('{"title": "\\ud800"}', "/title", "bad_character"),
        ('{"title": "a", "\\udfff": 1}', "", "bad_character"),
        ('{"title": "a", "keywords": ["\\u0000"]}', "/keywords/0", "bad_character"),
        (f'{{"title": {10**30}}}', "/title", "out_of_range"),
        (f'{{"title": "a", "{10**30}": 1e400}}', f"/{10**30}", "out_of_range"),
    ],
)
def test_what_no_store_can_hold_is_refused_at_its_place(
    world: World, text: str, pointer: str, code: str
) -> None:
    client = world.client("firm")
    answer = client.open("POST", "/needs", **body(text.encode()))
    assert answer.status_code == 422, answer.json
    assert (pointer, code) in pointers(answer.json)


@pytest.mark.parametrize(
    "query",
    ["q=%00", "q=%ED%A0%80", f"limit={10**40}", f"limit={'1' * 5000}", "cursor=%00"],
)
def test_no_query_breaks_a_list(world: World, query: str) -> None:
    assert world.client("firm").get(f"/needs?{query}").status_code in {200, 422}


@pytest.mark.parametrize(
    "name",
    [
        "a\x00b.txt",
        "../../a.txt",
        "a\ud800.txt",
        "\u202e.txt",
        "长" * 300 + ".txt",
        " ",
    ],
)
def test_no_file_name_breaks_an_upload(world: World, name: str) -> None:
    client = world.client("firm")
    raw = name.encode("utf-8", "surrogatepass")
    form = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="' + raw + b'"'
        b"\r\nContent-Type: text/plain\r\n\r\nplain words\n\r\n--x--\r\n"
    )
    answer = client.open(
        "POST", "/attachments", **body(form, "multipart/form-data; boundary=x")
    )
    assert answer.status_code in {201, 422}, answer.json
    if answer.status_code == 201:
        kept = answer.json["filename"]
        assert "/" not in kept
        assert "\x00" not in kept
        assert client.get(answer.headers["Location"]).json["filename"] == kept


@pytest.mark.parametrize("number", ["0", "-1", "2147483648", str(2**63), "9" * 40])
def test_no_number_in_a_path_breaks_a_route(world: World, number: str) -> None:
    client = world.client("firm")
    path = client.post("/needs", {"title": TITLE}).headers["Location"]
    both(lambda h: client.get(f"{path}/versions/{number}", headers=h), 404, "not_found")
    compared = client.get(f"{path}/versions/compare?from=1&to={number}")
    assert compared.status_code in {404, 422}


@pytest.mark.parametrize(
    "moment",
    ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-11-23T00:00:00"],
)
def test_a_moment_without_a_place_in_time_is_refused(world: World, moment: str) -> None:
    client = world.client("firm")
    answer = client.get("/needs", query_string={"updated_after": moment})
    assert answer.status_code == 422
    assert [p for p, _ in pointers(answer.json)] == ["/query/updated_after"]


# One object, its versions and its editors


def test_a_change_needs_the_revision_that_was_read(world: World) -> None:
    client = world.client("firm")
    made = client.post("/needs", {"title": TITLE})
    path = made.headers["Location"]
    first = made.headers["ETag"]
    assert client.get(path).headers["ETag"] == first

    def patch(headers: dict[str, str]) -> Any:
        return client.open("PATCH", path, json={"title": TITLE + "二"}, headers=headers)

    both(patch, 428, "if_match_required")
    for wrong in ('"99999"', "*", "nonsense", '""', '"' + "9" * 99 + '"', '"-1"'):
        both(lambda h, wrong=wrong: patch(h | {"If-Match": wrong}), 412, "stale")
    changed = patch({"If-Match": first})
    assert changed.status_code == 200
    assert changed.headers["ETag"] not in {first, ""}
    told = patch({"If-Match": first}).json["title"]
    assert "他人" not in told, "it may have been the caller's own second click"
    both(lambda h: patch(h | {"If-Match": first}), 412, "stale")
    assert patch({"If-Match": "W/" + changed.headers["ETag"]}).status_code == 200
    for method, where in (("DELETE", path), ("POST", f"{path}/actions/withdraw")):
        more = {} if method == "DELETE" else {"json": {"comment": "不再需要"}}

        def send(headers: dict[str, str], *, at: Any = (method, where, more)) -> Any:
            return client.open(at[0], at[1], headers=headers, **at[2])

        both(send, 428, "if_match_required")
        both(lambda h: send(h | {"If-Match": first}), 412, "stale")


def test_no_request_sets_the_state(world: World) -> None:
    client = world.client("firm")
    made = client.post("/needs", {"title": TITLE})
    refused = client.patch(
        made.headers["Location"], {"state": "POOLED"}, made.headers["ETag"]
    )
    assert refused.status_code == 422
    assert pointers(refused.json) == [("/state", "unknown_field")]


@pytest.mark.parametrize("action", ["renew", "expire", "no-such-action"])
def test_an_action_that_is_not_offered_names_the_state_and_what_is(
    world: World, action: str
) -> None:
    client = world.client("operator")
    firm = world.client("firm_admin")
    path = firm.post("/needs", {"title": TITLE}).headers["Location"]
    refused = firm.act(path, action)
    assert refused.status_code == 409, refused.json
    assert refused.json["code"] == "transition_not_allowed"
    assert refused.json["state"] == "DRAFT"
    assert set(refused.json["possible"]) == {"submit", "withdraw"}
    assert client.act(path, action).status_code == 404


# Retries


def test_the_same_key_and_body_give_the_first_answer_again(world: World) -> None:
    client = world.client("firm")
    key = {"Idempotency-Key": "k-1"}
    first = client.post("/needs", {"title": TITLE}, headers=key)
    again = client.post("/needs", {"title": TITLE}, headers=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert "Idempotent-Replay" not in first.headers
    assert again.headers["Idempotent-Replay"] == "true"
    assert again.get_data() == first.get_data()
    for name in ("Content-Type", "ETag", "Location"):
        assert again.headers[name] == first.headers[name]
    assert world.session.scalar(sa.select(sa.func.count(Need.id))) == 1


def test_the_same_key_with_another_request_is_refused(world: World) -> None:
    client = world.client("firm")
    key = {"Idempotency-Key": "k-1"}
    made = client.post("/needs", {"title": TITLE}, headers=key)
    both(
        lambda h: client.post("/needs", {"title": "别的"}, headers=h | key),
        422,
        "idempotency_key_reused",
    )
    both(
        lambda h: client.post("/needs?a=1", {"title": TITLE}, headers=h | key),
        422,
        "idempotency_key_reused",
    )
    other = client.act(
        made.headers["Location"], "withdraw", {"comment": "a"}, headers=key
    )
    assert other.json["code"] == "idempotency_key_reused"


def test_a_key_belongs_to_its_user(world: World) -> None:
    key = {"Idempotency-Key": "k-1"}
    firm = world.client("firm").post("/needs", {"title": TITLE}, headers=key)
    other = world.client("other_firm").post("/needs", {"title": TITLE}, headers=key)
    assert (firm.status_code, other.status_code) == (201, 201)
    assert firm.json["id"] != other.json["id"]
    assert "Idempotent-Replay" not in other.headers


def test_a_refusal_is_not_kept_for_its_key(world: World) -> None:
    client = world.client("firm")
    key = {"Idempotency-Key": "k-1"}
    assert client.post("/needs", {}, headers=key).status_code == 422
    assert client.post("/needs", {"title": TITLE}, headers=key).status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", "a\x80b"])
def test_a_key_has_a_length_that_can_be_kept(world: World, key: str) -> None:
    client = world.client("firm")
    answer = client.post("/needs", {"title": TITLE}, headers={"Idempotency-Key": key})
    assert answer.status_code == 422
    assert pointers(answer.json)[0][0] == "/headers/Idempotency-Key"


def together(number: int, send: Callable[[int], Any]) -> list[Any]:
    """Call ``send`` in as many threads at the same moment."""
    barrier = threading.Barrier(number)

    def go(n: int) -> Any:
        barrier.wait(20)
        return send(n)

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(go, range(number)))


def test_one_key_sent_by_many_at_once_makes_one_row(world: World) -> None:
    headers = world.client("firm").headers | {"Idempotency-Key": "k-many"}

    def send(n: int) -> Any:
        return world.app.test_client().post(
            "/api/v1/needs", json={"title": TITLE}, headers=headers
        )

    answers = together(8, send)
    assert [a.status_code for a in answers] == [201] * 8
    assert len({a.get_data() for a in answers}) == 1
    assert [a.headers.get("Idempotent-Replay") for a in answers].count("true") == 7
    assert world.session.scalar(sa.select(sa.func.count(Need.id))) == 1
    assert world.session.scalar(sa.select(sa.func.count(IdempotentAnswer.id))) == 1


def test_one_action_sent_twice_at_once_with_a_key_is_answered_twice(
    world: World,
) -> None:
    """The second one finds the object changed, and still has the first one's answer."""
    client = world.client("firm_admin")
    made = client.post("/needs", {"title": TITLE})
    headers = client.headers | {
        "Idempotency-Key": "k-act",
        "If-Match": made.headers["ETag"],
    }

    def send(n: int) -> Any:
        return world.app.test_client().post(
            made.headers["Location"] + "/actions/withdraw",
            json={"comment": "不再需要"},
            headers=headers,
        )

    answers = together(4, send)
    assert [a.status_code for a in answers] == [200] * 4
    assert len({a.get_data() for a in answers}) == 1


# Lists


def test_a_list_is_read_in_pages_while_rows_are_added(world: World) -> None:
    client = world.client("firm")
    titles = [f"{TITLE}第{n}号" for n in range(7)]
    for title in titles:
        assert client.post("/needs", {"title": title}).status_code == 201
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 2, "sort": "-created"}
    for round_ in range(20):
        page = client.get("/needs", query_string=query).json
        assert set(page) == {"items", "next", "total"}
        assert len(page["items"]) <= 2
        seen += [item["title"] for item in page["items"]]
        if page["next"] is None:
            break
        client.post("/needs", {"title": f"后来第{round_}号"})
        query["cursor"] = page["next"]
    assert seen == titles[::-1]
    assert client.get("/needs").json["total"] > 7


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("limit=0", "/query/limit"),
        ("limit=101", "/query/limit"),
        ("limit=-5", "/query/limit"),
        ("limit=ten", "/query/limit"),
        ("limit=5.5", "/query/limit"),
        ("sort=colour", "/query/sort"),
        ("sort=-", "/query/sort"),
        ("cursor=nonsense", "/query/cursor"),
        ("cursor=%F0%9F%90%BC", "/query/cursor"),
    ],
)
def test_a_list_refuses_how_it_cannot_be_read(
    world: World, query: str, pointer: str
) -> None:
    client = world.client("firm")
    told = both(
        lambda h: client.get(f"/needs?{query}", headers=h), 422, "validation_failed"
    )
    assert [p for p, _ in pointers(told)] == [pointer]


# What things look like


def test_money_is_a_string_with_two_places(world: World) -> None:
    client = world.client("firm")
    made = client.post("/needs", {"title": TITLE, "budget_total_yuan": "1200000"})
    assert made.json["budget_total_yuan"] == "1200000.00"
    large = client.post(
        "/needs", {"title": TITLE, "budget_total_yuan": "9999999999999999.99"}
    )
    assert large.json["budget_total_yuan"] == "9999999999999999.99"


@pytest.mark.parametrize(
    "amount",
    [1200000, 1.5, "1.005", "1e5", "-1.00", "１２", "NaN", "", " 1", "1_000", "9" * 17],
)
def test_what_is_not_money_is_refused_at_its_place(world: World, amount: Any) -> None:
    client = world.client("firm")
    sent = {"title": TITLE, "budget_total_yuan": amount}
    told = both(
        lambda h: client.post("/needs", sent, headers=h), 422, "validation_failed"
    )
    assert [p for p, _ in pointers(told)] == ["/budget_total_yuan"]


def test_times_have_an_offset_and_ids_are_opaque(world: World) -> None:
    made = world.client("firm").post("/needs", {"title": TITLE}).json
    assert datetime.fromisoformat(made["created_at"]) == world.clock.now()
    assert datetime.fromisoformat(made["created_at"]).utcoffset() is not None
    assert UUID.fullmatch(made["id"])
    assert made["id"][14] == "7"


def test_actions_say_how_they_are_called(world: World) -> None:
    client = world.client("firm_admin")
    made = client.post("/needs", {"title": TITLE}).json
    assert {a["name"] for a in made["actions"]} == {"submit", "withdraw"}
    for link in made["actions"]:
        assert set(link) == {"name", "title", "method", "href", "fields"}
        assert link["method"] == "POST"
        assert link["href"] == f"/api/v1/needs/{made['id']}/actions/{link['name']}"
        assert CHINESE.search(link["title"])
    english = client.get(f"/needs/{made['id']}", headers={"Accept-Language": "en"})
    assert english.json["actions"][0]["title"].isascii()


@pytest.mark.parametrize("path", ["/codes", "/codes/region?limit=3", "/needs"])
def test_head_is_get_without_its_body(world: World, path: str) -> None:
    client = world.client("firm")
    got, head = client.get(path), client.open("HEAD", path)
    assert head.status_code == got.status_code
    assert head.content_type == got.content_type
    assert head.get_data() == b""


def test_options_lists_the_methods_and_asks_for_no_token(world: World) -> None:
    client = world.client("stranger")
    answer = client.open("OPTIONS", "/needs")
    assert answer.status_code == 200
    assert set(answer.allow) == {"GET", "HEAD", "OPTIONS", "POST"}
    assert client.open("OPTIONS", "/nothing").status_code == 404


# Seen from outside


def test_a_request_has_an_id_that_its_sender_may_give(world: World) -> None:
    client = world.client("stranger")
    given = client.get("/codes", headers={"X-Request-ID": "abc-123"})
    assert given.headers["X-Request-ID"] == "abc-123"
    for unfit in ("", "a b", "x" * 65, "<script>"):
        made = client.get("/codes", headers={"X-Request-ID": unfit})
        assert UUID.fullmatch(made.headers["X-Request-ID"])
    first, second = (client.get("/codes").headers["X-Request-ID"] for _ in range(2))
    assert first != second


def test_the_log_is_one_json_object_a_line_with_the_requests_id(
    own_app: Callable[..., Flask], capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        client = own_app(log_level="INFO").test_client()
        client.get("/api/v1/fine", headers={"X-Request-ID": "first"})
        client.get("/api/v1/broken", headers={"X-Request-ID": "second"})
    finally:
        observation.configure_logging("CRITICAL")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    seen = [(x["event"], x["request_id"], x["level"]) for x in lines]
    assert seen == [
        ("request", "first", "info"),
        ("request.failed", "second", "error"),
        ("request", "second", "info"),
    ]
    assert lines[0]["route"] == "/api/v1/fine"
    assert lines[0]["status"] == 200
    assert "KeyError" in lines[1]["exception"]
    assert datetime.fromisoformat(lines[0]["timestamp"]).utcoffset() == timedelta(0)


def test_requests_are_counted_by_route(world: World) -> None:
    client = world.client("stranger")

    def count(route: str, status: int) -> float:
        text = client.get("/metrics").get_data(as_text=True)
        name = f'method="GET",route="{route}",status="{status}"'
        found = re.search(
            rf"^jiebang_requests_total{{{re.escape(name)}}} (\S+)$", text, re.MULTILINE
        )
        return float(found[1]) if found else 0.0

    before = count("/api/v1/codes/<list_id>", 200), count("unknown", 404)
    client.get("/codes/region")
    client.get(f"/nothing/{NOBODY}")
    after = count("/api/v1/codes/<list_id>", 200), count("unknown", 404)
    assert (after[0] - before[0], after[1] - before[1]) == (1, 1)


def test_ready_means_that_the_database_and_the_index_are_there(world: World) -> None:
    client = world.client("stranger")
    assert client.get("/healthz").json == {"status": "ok"}
    ready = client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json == {"status": "ok", "checks": {"database": "ok", "index": "ok"}}


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////no-such-folder/at-all/jiebang.db",
        "postgresql+psycopg://nobody@127.0.0.1:1/nothing",
    ],
)
def test_without_its_database_a_process_is_alive_and_not_ready(
    own_app: Callable[..., Flask], url: str
) -> None:
    client = own_app(url).test_client()
    assert client.get("/healthz").status_code == 200
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json["checks"]["database"] == "OperationalError"
    both(lambda h: client.get("/api/v1/codes", headers=h), 503, "busy")


# The description


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method in ("get", "post", "put", "patch", "delete"):
            if method in item:
                yield path, method, item[method]


@pytest.fixture(scope="session")
def document(
    tmp_path_factory: pytest.TempPathFactory, clock: FixedClock
) -> dict[str, Any]:
    """The description as a client reads it."""
    folder = tmp_path_factory.mktemp("description")
    settings = make_settings(f"sqlite:///{folder / 'empty.db'}", folder)
    answer = create_app(settings, clock=clock).test_client().get("/api/v1/openapi.json")
    assert answer.content_type == JSON
    found: dict[str, Any] = answer.json
    return found


def test_the_description_is_valid(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


def test_every_operation_is_described(document: dict[str, Any]) -> None:
    found = list(operations(document))
    assert len(found) > 5
    for path, method, operation in found:
        where = f"{method} {path}"
        assert operation.get("summary"), where
        assert operation.get("tags"), where
        statuses = set(operation["responses"])
        assert any(s.startswith("2") for s in statuses), where
        assert {"401", "404", "422", "429"} <= statuses, where
        for status, answer in operation["responses"].items():
            assert answer["description"], where
            if int(status) >= 400:
                assert set(answer["content"]) == {PROBLEM}, where
        if method == "post":
            names = [p.get("$ref", p.get("name")) for p in operation["parameters"]]
            assert "#/components/parameters/IdempotencyKey" in names, where


def test_every_route_of_the_api_is_in_the_description(
    app: Flask, document: dict[str, Any]
) -> None:
    described = {(path, method.upper()) for path, method, _ in operations(document)}
    routed = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method)
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
        if rule.rule.startswith("/api/")
        and not rule.rule.startswith(("/api/v1/docs", "/api/v1/openapi.json"))
        and rule.rule != "/api/v1/"
    }
    assert described == routed


@pytest.mark.parametrize("door", ["/", "/api/v1", "/api/v1/"])
def test_who_knocks_at_the_door_is_led_to_the_pages(app: Flask, door: str) -> None:
    answer = app.test_client().get(door, follow_redirects=True, buffered=True)
    assert answer.status_code == 200
    assert answer.request.path == "/api/v1/docs/"
    assert answer.content_type.startswith("text/html")


def test_the_front_door_stays_out_of_the_description(document: dict[str, Any]) -> None:
    assert not {"/", "/api/v1", "/api/v1/"} & document["paths"].keys()


def test_reading_the_description_does_not_change_it(app: Flask) -> None:
    client = app.test_client()
    first, second = (client.get("/api/v1/openapi.json").get_data() for _ in range(2))
    assert first == second


VALID: dict[str, dict[str, Any]] = {
    "{member_id}": {"roles": ["demand"]},
    "ties": {"ties": []},
    "trials": TRIAL,
    "payments": {
        "kind": "received",
        "amount_yuan": "1.00",
        "paid_on": "2026-11-23",
    },
    "amendments": {"reason_kind": "1", "reason": "延期", "changes": {}},
    "{broker_id}": {"name": "王示例"},
}
"""Bodies of operations that take no empty one, by the last step of their paths."""


def test_what_is_said_of_if_match_is_true(
    world: World, document: dict[str, Any]
) -> None:
    """Every operation that documents the header refuses to go on without it."""
    client = world.client("operator")
    asked = {
        (method, path)
        for path, method, operation in operations(document)
        if any(p.get("name") == "If-Match" for p in operation["parameters"])
    }
    assert {("patch", "/api/v1/me"), ("patch", "/api/v1/needs/{need_id}")} <= asked
    for method, path in asked:
        concrete = re.sub(r"{\w+}", NOBODY, path.replace("{number}", "1"))
        valid = VALID.get(path.rpartition("/")[2], {})
        answer = client.open(method.upper(), concrete, json=valid)
        assert answer.status_code == 428, (method, path, answer.json)


class Links(HTMLParser):
    """Everything that a page loads or points to."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(
        self,
        tag: str,  # noqa: ARG002
        attrs: list[tuple[str, str | None]],
    ) -> None:
        self.found += [v for k, v in attrs if k in {"src", "href", "action"} and v]


def test_the_pages_of_the_description_load_nothing_from_elsewhere(app: Flask) -> None:
    client = app.test_client()
    page = client.get("/api/v1/docs/")
    assert page.status_code == 200
    text = page.get_data(as_text=True)
    links = Links()
    links.feed(text)
    assert len(links.found) >= 3
    for link in links.found:
        assert not re.match(r"(?:[a-z]+:)?//", link), link
        there = urljoin("/api/v1/docs/", link)
        assert client.get(there, buffered=True).status_code == 200, link
    assert re.findall(r"(?:https?:)?//[\w.-]+\.[a-z]{2,}", text) == []
    assert '"validatorUrl": null' in text
    assert '"url": "/api/v1/openapi.json"' in text
    policy = dict(
        part.strip().split(" ", 1)
        for part in page.headers["Content-Security-Policy"].split(";")
    )
    assert policy["default-src"] == "'self'"
    for sources in policy.values():
        assert set(sources.split()) <= {"'self'", "'unsafe-inline'", "'none'", "data:"}
