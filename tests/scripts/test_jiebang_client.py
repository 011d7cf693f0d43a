"""The client script: it tries again without doing twice, and tells what is wrong."""

from __future__ import annotations

import json
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

from scripts import jiebang_client as client

Reply = tuple[int, dict[str, str], Any]


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
    assert "rows_wrong 1" in told
    assert "第 2 行 title: 过短" in told


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
    one = "01a20098-d92d-7ccc-8eac-346f9a2b19c4"
    server.replies = [
        (200, {"ETag": '"1"'}, {}),
        (200, {}, {"state": "RETURNED", "title": "铝"}),
    ]
    arguments = ("--comment", "请改", "--note", "/indicators/0/value=单位=MPa")
    assert run("act", "need", one, "return", *arguments) == 0
    assert json.loads(server.seen[1].body) == {
        "comment": "请改",
        "field_comments": [{"pointer": "/indicators/0/value", "comment": "单位=MPa"}],
    }
