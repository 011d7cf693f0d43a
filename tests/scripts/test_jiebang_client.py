"""The client script: it tries again without doing twice, and tells what is wrong."""

from __future__ import annotations

import argparse
import json
import re
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from marketplace.domain import titles
from marketplace.models.jobs import ImportState
from marketplace.services import needs, offers
from scripts import jiebang_client as client

Reply = tuple[int, dict[str, str], Any]
CODES = Path(__file__).resolve().parents[2] / "seeds" / "codes"
ONE = "01a20098-d92d-7ccc-8eac-346f9a2b19c4"
CHINESE = re.compile("[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]")


@dataclass
class Request:
    """What the server was sent."""

    method: str
    path: str
    headers: Message
    body: bytes

    @property
    def key(self) -> str:
        return str(self.headers["Idempotency-Key"])


@dataclass
class Server:
    """A server that answers by a list; None breaks the connection."""

    url: str = ""
    replies: list[Reply | None] = field(default_factory=list)
    seen: list[Request] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    script = Server()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            script.seen.append(
                Request(self.command, self.path, self.headers, self.rfile.read(length))
            )
            reply = script.replies.pop(0)
            if reply is None:
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            status, headers, body = reply
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = do_DELETE = answer  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Keep quiet."""

    http = HTTPServer(("127.0.0.1", 0), Handler)
    script.url = f"http://127.0.0.1:{http.server_address[1]}"
    thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield script
    http.shutdown()
    thread.join()
    http.server_close()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for name in ("JIEBANG_SERVER", "JIEBANG_TOKEN", "JIEBANG_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(client, "today", lambda: "2026-11-23")
    return tmp_path


@pytest.fixture
def run(server: Server) -> Callable[..., int]:
    def call(*arguments: str) -> int:
        return client.main(["--server", server.url, *arguments])

    return call


def api(server: Server, waits: list[float] | None = None) -> client.Api:
    pauses: list[float] = [] if waits is None else waits
    return client.Api(server.url, "jb_token", pause=pauses.append)


def test_a_broken_connection_is_tried_again_with_the_same_key(server: Server) -> None:
    server.replies = [None, (503, {"Retry-After": "2"}, {}), (201, {}, {"id": "1"})]
    waits: list[float] = []
    assert api(server, waits).post("/needs", {"title": "铝"}) == {"id": "1"}
    keys = {request.key for request in server.seen}
    assert len(server.seen) == 3
    assert len(keys) == 1
    assert waits[1] == 2
    assert {request.body for request in server.seen} == {'{"title": "铝"}'.encode()}


def test_two_posts_have_two_keys(server: Server) -> None:
    server.replies = [(201, {}, {}), (201, {}, {})]
    caller = api(server)
    caller.post("/needs", {})
    caller.post("/needs", {})
    assert server.seen[0].key != server.seen[1].key


def test_it_gives_up_in_the_end(server: Server) -> None:
    server.replies = [None] * client.ATTEMPTS
    with pytest.raises(client.Unreachable):
        api(server).get("/needs")
    server.replies = [(503, {}, {"title": "busy"})] * client.ATTEMPTS
    with pytest.raises(client.Refused) as refusal:
        api(server).get("/needs")
    assert refusal.value.status == 503


def test_a_refusal_is_not_tried_again(server: Server) -> None:
    server.replies = [(412, {}, {"title": "已被修改"})]
    with pytest.raises(client.Refused):
        api(server).call("PATCH", "/needs/1", {})
    assert len(server.seen) == 1


def test_an_action_carries_the_etag_that_was_just_read(server: Server) -> None:
    server.replies = [(200, {"ETag": '"7"'}, {}), (200, {}, {"state": "SUBMITTED"})]
    api(server).act("/needs/1", "submit", {})
    assert server.seen[1].path == "/api/v1/needs/1/actions/submit"
    assert server.seen[1].headers["If-Match"] == '"7"'
    assert server.seen[1].headers["Authorization"] == "Bearer jb_token"


def test_an_object_is_found_by_its_number(server: Server) -> None:
    rows = [{"id": "a", "need_no": "N2026-370202-00011"}]
    rows.append({"id": "b", "need_no": "N2026-370202-0001"})
    server.replies = [(200, {}, {"items": rows})] * 2
    caller = api(server)
    assert caller.find("needs", "N2026-370202-0001") == "/needs/b"
    with pytest.raises(client.Refused):
        caller.find("needs", "N2026-370202-0002")


def test_login_keeps_the_token_for_its_owner_only(
    server: Server,
    home: Path,
    run: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    server.replies = [
        (201, {}, {"token": "jb_secret", "expires_at": "2026-11-24T09:00:00+08:00"}),
        (200, {}, {"user": {"name": "赵", "email": "a@b.c"}, "memberships": []}),
        (204, {}, b""),
    ]
    assert run("--as", "firm", "login", "a@b.c", "--password", "x" * 10) == 0
    kept = home / "jiebang" / "firm.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert client.main(["--as", "firm", "me"]) == 0
    assert server.seen[1].headers["Authorization"] == "Bearer jb_secret"
    assert run("--as", "firm", "logout") == 0
    assert not kept.exists()
    assert "jb_secret" not in capsys.readouterr().out


def test_a_token_is_not_sent_to_another_server(
    server: Server, home: Path, run: Callable[..., int]
) -> None:
    client.write_config("firm", {"server": "http://127.0.0.1:9", "token": "jb_secret"})
    server.replies = [(200, {}, {"items": [], "next": None})]
    assert run("--as", "firm", "needs") == 0
    assert "Authorization" not in server.seen[0].headers


@pytest.mark.parametrize("command", ["me", "audit", "post-need", "act", "import"])
def test_a_name_that_never_signed_in_does_not_go_on_as_the_public(
    server: Server,
    run: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
    command: str,
) -> None:
    more = {
        "post-need": ["need.json"],
        "act": ["need", ONE, "submit"],
        "import": ["needs", "needs.csv"],
    }
    assert run("--as", "firn", command, *more.get(command, [])) == 2
    assert server.seen == []
    told = capsys.readouterr().err
    assert "请先登录" in told
    assert "--as firn login" in told


def test_what_the_public_may_see_is_shown_with_a_word_of_warning(
    server: Server, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    server.replies = [(200, {}, {"items": [], "next": None})] * 2
    assert run("--as", "firn", "needs") == 0
    assert "firn 尚未在" in capsys.readouterr().err
    assert run("needs") == 0
    assert capsys.readouterr().err == ""


def test_a_refusal_tells_field_and_reason(
    server: Server,
    tmp_path: Path,
    run: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    draft = tmp_path / "need.json"
    draft.write_text('{"title": ""}', encoding="utf-8")
    problem = {
        "title": "输入有误",
        "detail": "见各字段",
        "errors": [{"pointer": "/title", "code": "required", "message": "必填"}],
    }
    server.replies = [(422, {}, problem)]
    assert run("post-need", str(draft)) == 1
    told = capsys.readouterr().err
    assert "422 输入有误" in told
    assert "/title: 必填" in told


def test_what_is_not_there_is_told_without_a_traceback(
    run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("post-need", "/no/such/file.json") == 2
    assert run("export", "needs", "needs.pdf") == 2
    assert "Traceback" not in capsys.readouterr().err


def test_an_export_that_is_no_sheet_is_not_saved(
    server: Server, tmp_path: Path, run: Callable[..., int]
) -> None:
    target = tmp_path / "needs.csv"
    server.replies = [(200, {"Content-Type": "application/json"}, {"items": []})]
    assert run("export", "needs", str(target)) == 2
    assert not target.exists()
    server.replies = [(200, {"Content-Type": "text/csv; charset=utf-8"}, b"a,b\r\n")]
    assert run("export", "needs", str(target), "--state", "POOLED") == 0
    assert target.read_bytes() == b"a,b\r\n"
    assert server.seen[1].path == "/api/v1/needs?state=POOLED"


def test_an_import_waits_for_its_end_and_shows_the_report(
    server: Server,
    tmp_path: Path,
    run: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    sheet = tmp_path / "需求.csv"
    sheet.write_bytes(b"title\r\nx\r\n")
    row = {"sheet": "1", "row": 2, "column": "title", "message": "过短"}
    done = {"id": "j1", "state": "DONE", "rows_total": 1, "rows_wrong": 1}
    server.replies = [
        (202, {}, {"id": "j1", "state": "QUEUED"}),
        (200, {}, done),
        (200, {}, {"items": [row]}),
    ]
    assert run("import", "needs", str(sheet), "--mode", "good") == 0
    sent = server.seen[0]
    assert sent.headers["Content-Type"].startswith("multipart/form-data; boundary=")
    assert b'name="mode"\r\n\r\ngood\r\n' in sent.body
    assert "需求.csv".encode() in sent.body
    assert b"\r\n\r\ntitle\r\nx\r\n\r\n--" in sent.body
    told = capsys.readouterr().out
    assert "完成 DONE" in told
    assert "总行数 1、错误行数 1" in told
    assert "第 2 行 title: 过短" in told


@pytest.mark.parametrize("state", ["DONE", "REFUSED"])
def test_a_trial_import_says_that_nothing_was_stored(
    server: Server,
    tmp_path: Path,
    run: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
    state: str,
) -> None:
    sheet = tmp_path / "needs.csv"
    sheet.write_bytes(b"title\r\nx\r\n")
    server.replies = [
        (202, {}, {"id": "j1", "state": state, "rows_total": 1, "rows_kept": 1}),
        (200, {}, {"items": []}),
    ]
    assert run("import", "needs", str(sheet), "--dry-run") == (state != "DONE")
    assert b'name="dry_run"\r\n\r\ntrue\r\n' in server.seen[0].body
    told = capsys.readouterr().out
    assert "仅检查，未保存任何数据" in told
    assert "DONE" not in told
    assert "总行数 1、可导入行数 1" in told


def test_an_import_that_was_refused_ends_with_a_failure(
    server: Server,
    tmp_path: Path,
    run: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    sheet = tmp_path / "needs.csv"
    sheet.write_bytes(b"title\r\n")
    server.replies = [
        (202, {}, {"id": "j1", "state": "REFUSED"}),
        (200, {}, {"items": []}),
    ]
    assert run("import", "needs", str(sheet)) == 1
    assert "REFUSED" in capsys.readouterr().out


def test_an_unsound_ledger_ends_with_a_failure(
    server: Server, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    fault = {"kind": "changed", "seq": 7, "detail": "content and hash disagree"}
    server.replies = [(200, {}, {"sound": False, "faults": [fault]})]
    assert run("audit") == 1
    assert "changed seq 7" in capsys.readouterr().out


def test_a_return_carries_comments_on_fields(
    server: Server, run: Callable[..., int]
) -> None:
    server.replies = [
        (200, {"ETag": '"1"'}, {}),
        (200, {}, {"state": "RETURNED", "title": "铝"}),
    ]
    arguments = ("--comment", "请改", "--note", "/indicators/0/value=单位=MPa")
    assert run("act", "need", ONE, "return", *arguments) == 0
    assert json.loads(server.seen[1].body) == {
        "comment": "请改",
        "field_comments": [{"pointer": "/indicators/0/value", "comment": "单位=MPa"}],
    }


def test_a_note_on_no_field_is_quoted_with_the_nearest_field(
    server: Server, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    error = {
        "pointer": "/field_comments/1/pointer",
        "code": "unknown_pointer",
        "message": "应指向一个字段",
    }
    server.replies = [
        (200, {"ETag": '"1"'}, {}),
        (422, {}, {"title": "输入有误", "errors": [error]}),
    ]
    notes = ("--note", "/background=请写明", "--note", "/probem=请写明")
    assert run("act", "need", ONE, "return", *notes) == 1
    told = capsys.readouterr().err
    assert '--note "/probem": 应指向一个字段；最接近的是 /problem' in told
    assert run("act", "need", ONE, "return", "--note", "/problem") == 2
    assert "/problem" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["needs", "offers", "organisations"])
def test_states_are_called_what_the_code_lists_call_them(kind: str) -> None:
    name = {"needs": "need_state", "offers": "offer_state"}.get(kind, "org_state")
    found = json.loads((CODES / f"{name}.json").read_text(encoding="utf-8"))
    for version in found["versions"]:
        for entry in version["entries"]:
            assert client.STATES[entry["code"]] == (entry["zh"], entry["en"])
    assert {state.value for state in ImportState} <= client.STATES.keys()


@pytest.mark.parametrize("kind", sorted(client.THREAD_STATES))
def test_states_of_the_thread_are_called_what_the_code_lists_call_them(
    kind: str,
) -> None:
    found = json.loads((CODES / f"{kind}_state.json").read_text(encoding="utf-8"))
    listed = {
        entry["code"]: (entry["zh"], entry["en"])
        for version in found["versions"]
        for entry in version["entries"]
    }
    assert client.THREAD_STATES[kind] == listed


def test_every_command_says_what_it_does_in_both_languages() -> None:
    text = client.parser().format_help()
    for name, words in client.COMMANDS.items():
        assert CHINESE.search(words), name
        assert name in text
    for action in client.parser()._actions:
        if isinstance(action, argparse._SubParsersAction):
            assert action.choices.keys() == client.COMMANDS.keys()


def test_fields_are_all_known_by_the_names_of_the_sheets() -> None:
    tables = {"needs": needs.FIELDS, "offers": offers.FIELDS}
    for kind, table in tables.items():
        wanted = {f.name for f in table} - {"team_id"}
        wanted |= {"kind", "team"} if kind == "offers" else set()
        assert client.FIELDS[kind].keys() == wanted
        for name, words in client.FIELDS[kind].items():
            known = titles.TITLES[name]
            assert words == (known.zh, known.en), name


FILLED = {
    "id": ONE,
    "need_no": "N2026-370202-0001",
    "title": "免热处理铝合金",
    "state": "RETURNED",
    "version": 2,
    "published_version": 1,
    "owner_org": {"id": ONE, "name": "示例公司", "region": "370202"},
    "problem": "开裂",
    "background": "已试制三轮",
    "research_content": "",
    "keywords": ["铝合金", "压铸"],
    "budget_total_yuan": "3600000.00",
    "budget_negotiable": False,
    "intended_units": [{"organisation_id": None, "name": "示例大学"}],
    "attachments": [{"id": ONE, "filename": "图纸.pdf", "size": 7}],
    "indicators": [
        {
            "name": "强度",
            "text": "强度≥125 MPa",
            "is_core": True,
            "test_method": "GB/T 228.1",
            "benchmark": "",
        }
    ],
    "opinions": [
        {
            "step": "district",
            "action": "return",
            "comment": "请补充",
            "field_comments": [{"pointer": "/background", "comment": "写明数据"}],
        }
    ],
    "withheld": ["bidder_conditions"],
    "actions": [{"name": "submit", "title": "提交审核"}],
}


def test_an_object_is_shown_with_all_that_is_filled_by_its_chinese_names(
    server: Server, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    server.replies = [(200, {}, FILLED)]
    assert run("need", ONE) == 0
    told = capsys.readouterr().out
    for line in (
        "退回修改 RETURNED（第 2 版）",
        "第 1 版仍对外公开；下面是尚未公开的第 2 版",
        "主要问题 problem: 开裂",
        "需求背景与现有基础 background: 已试制三轮",
        "关键词 keywords: 铝合金、压铸",
        "拟投入资金总额 budget_total_yuan: 3600000.00 元",
        "意向合作单位 intended_units: 示例大学",
        "附件 attachments: 图纸.pdf",
        "* 强度≥125 MPa\n      检测方法 GB/T 228.1\n",
        "意见 区县初审 return: 请补充",
        "需求背景与现有基础 /background: 写明数据",
        "未公开字段: 对揭榜方要求 bidder_conditions",
        "可执行: submit（提交审核）",
    ):
        assert line in told
    assert "research_content" not in told
    assert "budget_negotiable" not in told
    server.replies = [(200, {}, FILLED | {"published_version": 2})]
    assert run("need", ONE) == 0
    assert "仍对外公开" not in capsys.readouterr().out


def test_an_offer_is_shown_with_its_rows(
    server: Server, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    offer = {
        **{k: FILLED[k] for k in ("id", "title", "version", "owner_org")},
        "ach_no": "R2026-370202-0001",
        "state": "LISTED",
        "innovations": ["一" * 90, "二" * 90],
        "ip": [{"kind": "PATENT", "number": "ZL0001", "title": "一种合金"}],
        "five_values": {"TECH": {"text": "领先", "score": 90}},
        "team": {"id": ONE, "name": "压铸课题组"},
    }
    server.replies = [(200, {}, offer)]
    assert run("offer", ONE) == 0
    told = capsys.readouterr().out
    assert "已发布 LISTED（第 2 版）" in told
    assert f"主要创新点 innovations:\n      {'一' * 90}\n      {'二' * 90}\n" in told
    assert "知识产权 ip: 一种合金（PATENT；ZL0001）" in told
    assert "五元价值 five_values: TECH（领先；90）" in told
    assert "团队 team: 压铸课题组\n" in told


def test_times_are_those_of_the_market_to_the_second(
    server: Server, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    event = {
        "at": "2026-11-22T23:03:08.134906+00:00",
        "action": "need.submit",
        "from": None,
        "to": "SUBMITTED",
        "role": "demand",
        "user_name": "赵",
        "comment": "",
    }
    server.replies = [(200, {}, {"items": [event]})]
    assert run("events", "need", ONE) == 0
    told = capsys.readouterr().out
    assert told.startswith("2026-11-23 07:03:08  need.submit")
    assert "- → 已提交 SUBMITTED" in told


def test_english_is_english_throughout(
    server: Server, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    plain = {
        key: value
        for key, value in FILLED.items()
        if key not in {"title", "owner_org", "actions"}
        and not CHINESE.search(json.dumps(value, ensure_ascii=False))
    }
    owner = {"id": ONE, "name": "A firm", "region": "370202"}
    need = plain | {"title": "Alloy", "owner_org": owner, "actions": []}
    match = {
        "rank": 1,
        "band": "strong",
        "offer": {"id": ONE, "title": "Casting", "owner_org": owner},
        "reasons": [],
        "indicators": [{"name": "strength", "verdict": "unstated"}],
    }
    named = {"id": ONE, "title": "Casting", "owner_org": owner}
    relaxation = {
        "field": "budget",
        "name": None,
        "required": None,
        "gained": 2,
        "lost": 0,
        "offers": [named | {"claimed": None}],
    }
    team = {
        "rank": 1,
        "team": {"id": ONE, "name": "Alloys"},
        "owner_org": owner,
        "offers": [named | {"band": "good"}],
    }
    advice = {"severity": "useful", "field": "/title", "message": "short", "quote": "x"}
    job = {"id": "j1", "state": "DONE", "rows_total": 1}
    error = {"pointer": "/title", "message": "is required"}
    server.replies = [
        (200, {}, need),
        (200, {}, {"items": [need], "next": "more"}),
        (200, {}, {"items": [match]}),
        (200, {}, {"items": []}),
        (200, {}, {"items": [relaxation]}),
        (200, {}, {"items": []}),
        (200, {}, {"items": [team]}),
        (200, {}, {"items": []}),
        (200, {}, {"advice": [advice], "duplicates": []}),
        (202, {}, job),
        (200, {}, {"items": [{"sheet": "1", "row": 2, "column": "a", "message": "b"}]}),
        (200, {}, {"sound": True, "head": "0" * 64, "entries": 3}),
        (409, {}, {"title": "No", "errors": [error], "possible": ["submit"]}),
    ]
    calls = [
        ("need", ONE),
        ("needs",),
        ("matches", "need", ONE),
        ("matches", "need", ONE),
        ("relax", ONE),
        ("relax", ONE),
        ("teams", ONE),
        ("teams", ONE),
        ("diagnose", str(CODES.parents[1] / "examples" / "need.json")),
        ("import", "needs", str(CODES.parents[1] / "Makefile"), "--dry-run"),
        ("audit",),
        ("audit",),
        ("template", "needs", "needs.csv"),
        ("post-need", str(CODES.parents[1] / "README.md")),
        ("--as", "nobody", "me"),
    ]
    for call in calls:
        run("--language", "en", *call)
        told = capsys.readouterr()
        assert told.out + told.err
        assert not CHINESE.search(told.out + told.err), call
    assert not server.replies


def test_what_stands_in_the_way_is_named_with_what_is_claimed(
    server: Server, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    owner = {"id": ONE, "name": "示例大学"}
    offer = {"id": ONE, "title": "铸造铝合金", "owner_org": owner}
    item = {
        "field": "indicators/0",
        "name": "抗拉强度",
        "required": "≥350 MPa",
        "gained": 1,
        "lost": 0,
        "offers": [offer | {"claimed": "抗拉强度290 MPa"}],
    }
    server.replies = [(200, {}, {"items": [item]})]
    assert run("relax", ONE, "--limit", "2") == 0
    assert server.seen[0].path == f"/api/v1/needs/{ONE}/relaxations?limit=2"
    assert capsys.readouterr().out.splitlines() == [
        "抗拉强度 ≥350 MPa：放宽后多 1 项，少 0 项",
        "      铸造铝合金 · 示例大学 · 抗拉强度290 MPa",
    ]


@pytest.mark.parametrize("text", ["# Title", "[1]", "", b"PK\x03\xff"])
def test_a_file_that_is_no_json_object_is_named(
    server: Server,
    tmp_path: Path,
    run: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
    text: str | bytes,
) -> None:
    file = tmp_path / "draft.md"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert run("diagnose", str(file)) == 2
    assert server.seen == []
    assert f"{file}: " in capsys.readouterr().err


def test_a_file_from_a_windows_editor_is_read(
    server: Server, tmp_path: Path, run: Callable[..., int]
) -> None:
    file = tmp_path / "need.json"
    file.write_bytes(b'\xef\xbb\xbf{"title": "x"}')
    server.replies = [(200, {}, {"advice": [], "duplicates": []})]
    assert run("diagnose", str(file)) == 0
    assert json.loads(server.seen[0].body) == {"title": "x"}


def test_a_template_is_not_saved_under_a_false_ending(
    server: Server,
    tmp_path: Path,
    run: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("template", "needs", str(tmp_path / "needs.csv")) == 2
    assert "文件须以 .xlsx 结尾" in capsys.readouterr().err
    assert server.seen == []
    server.replies = [(200, {}, b"PK")]
    target = tmp_path / "needs.XLSX"
    assert run("template", "needs", str(target)) == 0
    assert target.read_bytes() == b"PK"


def test_an_invitation_says_that_an_earlier_one_no_longer_holds(
    server: Server, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    made = {"token": "jbi_once", "expires_at": "2026-11-29T00:00:00+00:00"}
    server.replies = [(201, {}, made), (201, {}, made)]
    assert run("invite", ONE, "a@b.example", "demand", "unit_admin") == 0
    told = capsys.readouterr().out
    assert "jbi_once" in told
    assert "2026-11-29 08:00:00" in told
    assert "此前发给该邮箱、尚未接受的邀请从此失效" in told
    assert json.loads(server.seen[0].body) == {
        "organisation_id": ONE,
        "email": "a@b.example",
        "roles": ["demand", "unit_admin"],
    }
    assert run("invite", ONE, "a@b.example", "demand", "--id") == 0
    assert capsys.readouterr().out == "jbi_once\n"


def test_a_seat_is_taken_as_a_new_user_or_by_who_is_signed_in(
    server: Server, home: Path, run: Callable[..., int]
) -> None:
    user = {"user": {"email": "a@b.example"}}
    server.replies = [(201, {}, user), (201, {}, user)]
    new = ("--name", "赵", "--password", "x" * 12)
    assert run("--as", "boss", "accept", "jbi_once", *new) == 0
    client.write_config("boss", {"server": server.url, "token": "jb_secret"})
    assert run("--as", "boss", "accept", "jbi_again") == 0
    assert [json.loads(request.body) for request in server.seen] == [
        {"token": "jbi_once", "name": "赵", "password": "x" * 12},
        {"token": "jbi_again"},
    ]
    assert server.seen[1].headers["Authorization"] == "Bearer jb_secret"


TWO = "01a20098-d92d-7ccc-8eac-346f9a2b19c5"
LINKS = [{"name": "sign", "title": "签字盖章", "method": "POST", "href": "/"}]
DOCKING = {
    "id": ONE,
    "docking_no": "K2026-370785-0001",
    "state": "SOLUTION",
    "need": {"id": ONE, "title": "免热处理铝合金"},
    "offer": {"id": TWO, "title": "压铸铝硅合金"},
    "need_org": {"id": ONE, "name": "示例公司"},
    "offer_org": {"id": TWO, "name": "示例大学"},
    "broker": {"id": ONE, "name": "马示例"},
    "message": "指标契合",
    "match": {"reasons": {"zh-CN": ["伸长率满足"], "en": ["elongation is met"]}},
    "ndas": [
        {"number": 1, "accepted": [{"user": {"name": "赵示例"}, "side": "need"}]},
        {"number": 2, "accepted": []},
    ],
    "proposals": [
        {
            "number": 1,
            "side": "offer",
            "terms": {"price_yuan": "1800000.00"},
            "accepted_at": "2026-11-23T09:00:00+08:00",
        }
    ],
    "contract_id": TWO,
    "owed": [{"side": "need", "what": "拟订合同", "due_on": "2026-12-21"}],
    "actions": LINKS,
}
CONTRACT = {
    "id": TWO,
    "contract_no": "H2026-370785-00001",
    "title": "免热处理铝合金",
    "state": "DRAFT",
    "version": 1,
    "parties": [
        {"side": "buyer", "organisation_id": ONE, "name": "示例公司"},
        {"side": "seller", "organisation_id": TWO, "name": "示例大学"},
    ],
    "signatures": [
        {
            "side": "seller",
            "org_id": TWO,
            "signer": "梁示例",
            "signed_on": "2026-11-23",
        }
    ],
    "contract_class": "D1",
    "total_yuan": "1800000.00",
    "technical_yuan": None,
    "signed_on": None,
    "valid_from": None,
    "valid_to": None,
    "effective_on": None,
    "content": {"documents": [], "parties": []},
    "actions": LINKS,
}
PLAN = {
    "total_yuan": "1800000.00",
    "net_yuan": "720000.00",
    "net_technical_yuan": "648000.00",
    "instalments": [
        {
            "number": 1,
            "due_on": "2026-12-10",
            "paid_yuan": "720000.00",
            "amount_yuan": "720000.00",
            "state": "paid",
            "overdue": False,
            "deliverable": "工艺方案",
        },
        {
            "number": 2,
            "due_on": None,
            "paid_yuan": "0.00",
            "amount_yuan": "1080000.00",
            "state": "planned",
            "overdue": True,
            "deliverable": "样件",
        },
    ],
}
ETAG = (200, {"ETag": '"3"'}, {})


@pytest.mark.parametrize(
    "command",
    [
        ("pay", ONE, "720000.00", "--instalment", "1"),
        ("dock", ONE, TWO, "--message", "契合"),
        ("act", "docking", ONE, "log-meeting", "--set", 'meeting={"place": "潍坊"}'),
    ],
)
def test_the_same_command_of_the_same_day_is_not_done_twice(
    server: Server,
    run: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
    command: tuple[str, ...],
) -> None:
    answer = {"pay": PLAN}.get(command[0], DOCKING)
    first = [] if command[0] == "dock" else [ETAG]
    replayed = {client.REPLAYED: "true"}
    server.replies = [*first, (201, {}, answer), *first, (201, replayed, answer)]
    assert run(*command) == 0
    told = capsys.readouterr()
    assert told.err == ""
    assert run(*command) == 0
    again = capsys.readouterr()
    assert "没有重复" in again.err
    assert told.out == again.out
    posts = [request for request in server.seen if request.method == "POST"]
    assert posts[0].key == posts[1].key
    server.replies = [*first, (201, {}, answer)]
    more = ("--voucher", "2") if command[0] == "pay" else ("--comment", "再次")
    assert run(*command, *(("--message", "x") if command[0] == "dock" else more)) == 0
    assert server.seen[-1].key != posts[0].key


def test_tomorrow_the_same_command_is_another_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = client.day_key("/dockings", {"a": 1, "b": 2})
    assert before == client.day_key("/dockings", {"b": 2, "a": 1})
    monkeypatch.setattr(client, "today", lambda: "2026-11-24")
    assert client.day_key("/dockings", {"a": 1, "b": 2}) != before


def test_an_action_that_moves_on_has_a_key_of_its_own(
    server: Server, run: Callable[..., int]
) -> None:
    server.replies = [ETAG, (200, {}, FILLED)] * 2
    for _ in range(2):
        assert run("act", "need", ONE, "submit") == 0
    assert server.seen[1].key != server.seen[3].key


def test_a_value_is_json_where_it_is_json_and_money_stays_text(
    server: Server, tmp_path: Path, run: Callable[..., int]
) -> None:
    body = tmp_path / "body.json"
    body.write_text('{"terms": {"price_yuan": "1.00"}, "number": 9}', encoding="utf-8")
    server.replies = [ETAG, (200, {}, DOCKING)]
    values = ("number=1", "truthful=true", "signer=张示例", "amount=12.50", "code=010")
    options = [part for value in values for part in ("--set", value)]
    options += ["--body", str(body), "--comment", "好"]
    assert run("act", "docking", ONE, "accept-intent", *options) == 0
    assert server.seen[0].path == f"/api/v1/dockings/{ONE}"
    assert json.loads(server.seen[1].body) == {
        "terms": {"price_yuan": "1.00"},
        "number": 1,
        "truthful": True,
        "signer": "张示例",
        "amount": "12.50",
        "code": "010",
        "comment": "好",
    }


def test_a_registration_is_acted_on_by_its_contract(
    server: Server, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    found = {"state": "CORRECTION", "title": "铝合金", "reg_no": None}
    server.replies = [ETAG, (200, {}, found)]
    note = ("--comment", "请补正", "--note", "/plan_source=写明")
    assert run("act", "registration", ONE, "request-correction", *note) == 0
    place = f"/api/v1/contracts/{ONE}/registration"
    assert [request.path for request in server.seen] == [
        place,
        f"{place}/actions/request-correction",
    ]
    assert json.loads(server.seen[1].body) == {
        "comment": "请补正",
        "items": [{"pointer": "/plan_source", "comment": "写明"}],
    }
    told = capsys.readouterr().out
    assert told == "request-correction → 补正 CORRECTION  铝合金\n"


def test_a_docking_is_found_by_its_number_on_any_page(
    server: Server, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    other = DOCKING | {"id": TWO, "docking_no": "K2026-370785-0002"}
    server.replies = [
        (200, {}, {"items": [other], "next": "more"}),
        (200, {}, {"items": [DOCKING], "next": None}),
        (200, {}, DOCKING),
    ]
    assert run("docking", "K2026-370785-0001") == 0
    assert [request.path for request in server.seen] == [
        "/api/v1/dockings?limit=100",
        "/api/v1/dockings?limit=100&cursor=more",
        f"/api/v1/dockings/{ONE}",
    ]
    told = capsys.readouterr().out
    for line in (
        "K2026-370785-0001 免热处理铝合金 ↔ 压铸铝硅合金",
        "状态   方案 SOLUTION",
        "· 伸长率满足",
        "保密协议第 1 版，已签: 赵示例 (需求方)",
        "保密协议第 2 版，已签: -",
        "方案 1（供给方）: 1800000.00 元，已接受",
        "待需求方：拟订合同 · 2026-12-21",
        "可执行: sign（签字盖章）",
    ):
        assert line in told


def test_a_contract_is_drawn_up_from_a_docking(
    server: Server,
    tmp_path: Path,
    run: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    draft = tmp_path / "contract.json"
    draft.write_text('{"goal": "x"}', encoding="utf-8")
    server.replies = [(201, {}, CONTRACT)]
    options = ("--docking", ONE, "--set", "signed_on=2026-11-23", "--id")
    assert run("post-contract", str(draft), *options) == 0
    assert capsys.readouterr().out == f"{TWO}\n"
    assert json.loads(server.seen[0].body) == {
        "goal": "x",
        "signed_on": "2026-11-23",
        "docking_id": ONE,
    }


def test_a_party_without_a_name_stands_for_the_one_of_its_side() -> None:
    buyer, seller = CONTRACT["parties"]
    extra = {"side": "seller", "name": "另一单位"}
    new = [{"side": "seller", "seal_name": "章"}, extra, {"side": "broker"}, buyer]
    assert client.laid_over([buyer, seller], new) == [
        seller | {"seal_name": "章"},
        extra,
        {"side": "broker"},
        buyer,
    ]


def test_a_paper_is_attached_once(
    server: Server, tmp_path: Path, run: Callable[..., int]
) -> None:
    text = tmp_path / "合同.docx"
    text.write_bytes(b"PK")
    added = {"id": ONE, "filename": "合同.docx"}
    kept = {"kind": "CONTRACT", "attachment_id": ONE}
    full = CONTRACT | {"content": {"documents": [kept]}}
    server.replies = [
        *((201, {}, added), (200, {"ETag": '"3"'}, CONTRACT), (200, {}, full)),
        *((201, {client.REPLAYED: "true"}, added), (200, {"ETag": '"4"'}, full)),
    ]
    assert run("attach", TWO, str(text)) == 0
    assert run("attach", TWO, str(text)) == 0
    assert [request.method for request in server.seen] == [
        *("POST", "GET", "PATCH"),
        *("POST", "GET"),
    ]
    assert json.loads(server.seen[2].body) == {"documents": [kept]}
    assert server.seen[2].headers["If-Match"] == '"3"'
    assert server.seen[0].key == server.seen[3].key


def test_a_payment_says_what_was_given_and_no_more(
    server: Server, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    server.replies = [ETAG, (201, {}, PLAN), ETAG, (201, {}, PLAN)]
    assert run("pay", ONE, "720000.00") == 0
    more = ("--instalment", "1", "--on", "2026-11-23", "--voucher", "示例-001")
    assert run("pay", ONE, "720000.00", *more) == 0
    assert json.loads(server.seen[1].body) == {
        "kind": "received",
        "amount_yuan": "720000.00",
    }
    assert json.loads(server.seen[3].body) == {
        "kind": "received",
        "amount_yuan": "720000.00",
        "instalment": 1,
        "paid_on": "2026-11-23",
        "voucher": "示例-001",
    }
    assert server.seen[3].headers["If-Match"] == '"3"'
    assert capsys.readouterr().out.splitlines()[:3] == [
        "实收 720000.00 元，共 1800000.00 元；其中技术交易额 648000.00 元",
        "  1. 2026-12-10  720000.00 / 720000.00  [已付清] 工艺方案",
        "  2. -  0.00 / 1080000.00  [未付，已到期] 样件",
    ]


def test_readiness_stands_in_groups_with_clause_and_place(
    server: Server, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    rule = {"code": "R02", "source": "rules", "mark": "G", "pointers": []}
    rows = [
        rule | {"status": "pass", "message": "", "clause": "第一条"},
        rule
        | {
            "status": "fix",
            "message": "未写明目标",
            "clause": "第二条",
            "pointers": ["/goal"],
        },
    ]
    server.replies = [
        (
            200,
            {},
            {
                "on": "2026-11-23",
                "ready": False,
                "rule_set": {"version": "2026", "mark": "L?", "source": "x"},
                "items": rows,
            },
        )
    ]
    assert run("readiness", ONE) == 0
    assert capsys.readouterr().out.splitlines() == [
        "有须改正之处  2026-11-23  2026 [L?]",
        "须改正: 1",
        "  R02 未写明目标",
        "      第二条 [G]  → /goal",
        "须人工核对: 0",
        "通过: 1",
    ]


def test_a_paper_is_saved_under_its_own_ending(
    server: Server, tmp_path: Path, run: Callable[..., int]
) -> None:
    assert run("paper", ONE, "draft", str(tmp_path / "draft.pdf")) == 2
    assert run("paper", ONE, "form", str(tmp_path / "form.docx")) == 2
    assert server.seen == []
    target = tmp_path / "form.pdf"
    server.replies = [
        (200, {"Content-Type": "text/html"}, b"<html>"),
        (200, {"Content-Type": "application/pdf"}, b"%PDF"),
    ]
    assert run("paper", ONE, "form", str(target)) == 2
    assert not target.exists()
    assert run("paper", ONE, "form", str(target)) == 0
    assert target.read_bytes() == b"%PDF"
    assert server.seen[1].path == f"/api/v1/contracts/{ONE}/registration/form.pdf"


def test_the_queue_names_what_the_next_command_needs(
    server: Server, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    duty = {
        "kind": "docking",
        "subject_id": ONE,
        "number": "K1",
        "title": "铝合金",
        "what": "答复对接意向",
        "href": f"/api/v1/dockings/{ONE}",
        "due_on": "2026-11-30",
        "working_days_left": 5,
        "late": False,
    }
    late = duty | {
        "kind": "registration",
        "subject_id": ONE,
        "href": f"/api/v1/contracts/{TWO}/registration",
        "working_days_left": -2,
        "late": True,
    }
    server.replies = [(200, {}, {"items": [late, duty]}), (200, {}, {"items": []})]
    assert run("queue") == 0
    assert capsys.readouterr().out.splitlines() == [
        "2026-11-30  [逾期 2 个工作日] 答复对接意向",
        "    K1 铝合金",
        f"    registration {TWO}",
        "2026-11-30  [剩 5 个工作日] 答复对接意向",
        "    K1 铝合金",
        f"    docking {ONE}",
    ]
    assert run("queue") == 0
    assert capsys.readouterr().out == "没有待办\n"


def test_figures_tell_why_there_is_no_value(
    server: Server, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    total = {"names": {}, "value": "1800000.00", "reason": None}
    cells = [
        {"names": {"class": "技术开发"}, "value": "1800000.00", "reason": None},
        {"names": {"class": "技术转让"}, "value": None, "reason": "分母为零"},
    ]
    shown = {"code": "CT_AMT", "title": "成交额", "unit": "元", "period": "2026"}
    stages = [{"code": "need", "title": "提出需求", "count": 2, "median": "0.5"}]
    exits = [{"stage": "need", "kind": "need", "reason": "WITHDRAWN", "count": 1}]
    funnel = {"period": "2026", "whole": {"stages": stages, "exits": exits}}
    server.replies = [
        (200, {}, shown | {"total": total, "cells": cells, "notes": ["期间未结束"]}),
        (200, {}, funnel),
    ]
    assert run("figure", "CT_AMT", "--period", "2026", "--by", "class") == 0
    assert run("funnel") == 0
    assert [request.path for request in server.seen] == [
        "/api/v1/indicators/CT_AMT?period=2026&by=class",
        "/api/v1/funnel",
    ]
    assert capsys.readouterr().out.splitlines() == [
        "CT_AMT 成交额 2026: 1800000.00 元",
        "  技术开发: 1800000.00 元",
        "  技术转让: — 分母为零",
        "  期间未结束",
        "2026",
        "      2  提出需求  到下一步中位 0.5 天",
        "      1  止于提出需求 · 撤回 WITHDRAWN",
    ]


def _in_english(value: Any) -> Any:
    """Return an answer as an English reader's server would word it."""
    if isinstance(value, dict):
        return {name: _in_english(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_in_english(part) for part in value]
    return "words" if isinstance(value, str) and CHINESE.search(value) else value


def test_the_thread_is_english_throughout_for_an_english_reader(
    server: Server, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    moment = "2026-11-23T09:00:00+08:00"
    registration = {
        "contract_no": "H1",
        "title": "Alloy",
        "state": "CORRECTION",
        "reg_no": "2026370100000001",
        "registered_on": "2026-11-23",
        "due_on": "2026-12-14",
        "working_days_left": 15,
        "corrections": [
            {
                "at": moment,
                "comment": "add",
                "items": [{"pointer": "", "comment": "a"}],
            }
        ],
        "outcome_reason": "none",
        "actions": LINKS,
    }
    message = {
        "created_at": moment,
        "read_at": None,
        "title": "Correct",
        "body": "Add\nit",
    }
    payment = {
        "paid_on": "2026-11-23",
        "kind": "received",
        "amount_yuan": "1.00",
        "voucher": "",
    }
    answers: list[tuple[tuple[str, ...], list[Any]]] = [
        (("docking", ONE), [DOCKING]),
        (("dockings",), [{"items": [DOCKING]}]),
        (("dockings",), [{"items": []}]),
        (("contract", TWO), [CONTRACT]),
        (("contracts", "-q", "x"), [{"items": [CONTRACT]}]),
        (("registration", TWO), [registration]),
        (("messages", "--unread"), [{"items": [message]}]),
        (("messages",), [{"items": []}]),
        (("payments", TWO), [PLAN, {"items": [payment]}]),
        (("queue",), [{"items": []}]),
    ]
    for call, replies in answers:
        server.replies = [(200, {}, _in_english(reply)) for reply in replies]
        assert run("--language", "en", *call) == 0
        told = capsys.readouterr()
        assert told.out
        assert not CHINESE.search(told.out + told.err), call
        assert not server.replies
