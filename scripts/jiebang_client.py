#!/usr/bin/env python3
"""A small client of the Jiebang API: one file, standard library only.

It signs in, keeps the token for the next call, reads the ETag before it acts, and
sends an ``Idempotency-Key`` with every POST, so that it may safely try again when the
connection breaks or the server is busy.
"""

from __future__ import annotations

import argparse
import getpass
import json
import mimetypes
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SERVER = "http://127.0.0.1:8000"
BASE = "/api/v1"
ATTEMPTS = 5
"""How often one request is sent before its failure is told."""
RETRIED = frozenset({429, 502, 503, 504})
TIMEOUT_SECONDS = 60.0
SHEETS = {
    ".csv": "text/csv",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
KINDS = {"need": "needs", "offer": "offers", "organisation": "organisations"}
SHEET_KINDS = ("organisations", "needs", "offers")
NUMBERS = {"needs": "need_no", "offers": "ach_no", "organisations": "uscc"}
BANDS = {"strong": "强", "good": "较强", "possible": "可能"}
SEVERITIES = {"important": "重要", "useful": "建议"}
WAITING = frozenset({"QUEUED", "RUNNING"})
"""States of an import that is not over."""

Json = dict[str, Any]


class Refused(Exception):
    """The server said no; carries its problem document."""

    def __init__(self, status: int, problem: Json) -> None:
        super().__init__(problem.get("title") or f"HTTP {status}")
        self.status = status
        self.problem = problem

    def lines(self) -> Iterable[str]:
        """Yield what a person should read."""
        yield f"{self.status} {self}"
        if self.problem.get("detail"):
            yield f"  {self.problem['detail']}"
        for error in self.problem.get("errors", []):
            yield f"  {error['pointer'] or '/'}: {error['message']}"
        if self.problem.get("possible"):
            yield "  可执行 possible: " + ", ".join(self.problem["possible"])


class BadNews(Exception):
    """The answer came, and it is not what was hoped for."""


class Unreachable(Exception):
    """Nobody answered, however often the client asked."""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON; None for an empty one."""
        return json.loads(self.body) if self.body else None


class Api:
    """The routes below ``/api/v1`` of one server, for one caller.

    Parameters
    ----------
    server : str
        Scheme, host and port.
    token : str
        Empty for the public.
    language : str
        ``zh-CN`` or ``en``; the language in which the server explains.
    pause : callable
        Waits for a number of seconds before the next attempt.
    """

    def __init__(
        self,
        server: str,
        token: str = "",
        language: str = "zh-CN",
        *,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.server = server.rstrip("/")
        self.token = token
        self.language = language
        self.pause = pause

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        accept: str = "application/json",
    ) -> Answer:
        """Send a request, again if need be; the key makes a repeated POST harmless.

        Raises
        ------
        Refused
            For every status of 400 and above.
        Unreachable
            When no attempt got an answer.
        """
        sent = {"Accept": accept, "Accept-Language": self.language, **(headers or {})}
        if self.token:
            sent["Authorization"] = f"Bearer {self.token}"
        if method == "POST":
            sent.setdefault("Idempotency-Key", str(uuid.uuid4()))
        data = body if isinstance(body, bytes) else None
        if body is not None and data is None:
            data = json.dumps(body, ensure_ascii=False).encode()
            sent["Content-Type"] = "application/json"
        url = self.server + BASE + path
        asked = {k: v for k, v in (query or {}).items() if v is not None}
        if asked:
            url += "?" + urllib.parse.urlencode(asked)
        request = urllib.request.Request(  # noqa: S310 - the user names the server
            url, data=data, headers=sent, method=method
        )
        return self._send(request)

    def _send(self, request: urllib.request.Request) -> Answer:
        reason = ""
        for attempt in range(ATTEMPTS):
            last = attempt == ATTEMPTS - 1
            wait = 0.2 * 2.0**attempt
            try:
                with urllib.request.urlopen(  # noqa: S310 - as above
                    request, timeout=TIMEOUT_SECONDS
                ) as response:
                    return Answer(response.status, response.headers, response.read())
            except urllib.error.HTTPError as error:
                with error:
                    if error.code not in RETRIED or last:
                        raise Refused(error.code, _problem(error.read())) from None
                    wait = _seconds(error.headers.get("Retry-After"), wait)
            except (urllib.error.URLError, OSError) as error:
                reason = str(getattr(error, "reason", error))
            if not last:
                self.pause(wait)
        raise Unreachable(f"{self.server}: {reason}")

    def get(self, path: str, **query: Any) -> Any:
        """Read JSON."""
        return self.call("GET", path, query=query).json

    def post(self, path: str, body: Any) -> Any:
        """Send JSON."""
        return self.call("POST", path, body).json

    def act(self, path: str, action: str, body: Json) -> Any:
        """Take an action on the object as it stands now.

        The ETag is read just before; whoever was faster wins, and the server says so.
        """
        etag = self.call("GET", path).headers["ETag"]
        answer = self.call(
            "POST", f"{path}/actions/{action}", body, headers={"If-Match": etag}
        )
        return answer.json

    def find(self, kind: str, name: str) -> str:
        """Return the path of an object by its id or its human number.

        Raises
        ------
        Refused
            When nothing of that number can be seen.
        """
        try:
            return f"/{kind}/{uuid.UUID(name)}"
        except ValueError:
            items = self.get(f"/{kind}", q=name, limit=20)["items"]
        for item in items:
            if item.get(NUMBERS[kind]) == name:
                return f"/{kind}/{item['id']}"
        raise Refused(404, {"title": f"没有找到 not found: {name}"})


def _problem(body: bytes) -> Json:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _seconds(header: str | None, otherwise: float) -> float:
    return min(float(header), 30.0) if header and header.isdigit() else otherwise


def multipart(fields: Mapping[str, str], name: str, path: Path) -> tuple[bytes, str]:
    """Return a form with one file, and its content type."""
    boundary = uuid.uuid4().hex
    disposition = f"--{boundary}\r\nContent-Disposition: form-data; name="
    parts = [
        f'{disposition}"{key}"\r\n\r\n{value}\r\n' for key, value in fields.items()
    ]
    media = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    quoted = path.name.replace('"', "%22")
    head = (
        f'{disposition}"{name}"; filename="{quoted}"\r\nContent-Type: {media}\r\n\r\n'
    )
    body = "".join(parts).encode() + head.encode() + path.read_bytes()
    body += f"\r\n--{boundary}--\r\n".encode()
    return body, f"multipart/form-data; boundary={boundary}"


def config_path(profile: str) -> Path:
    """Return where the token of a profile is kept."""
    home = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(home) / "jiebang" / f"{profile}.json"


def read_config(profile: str) -> Json:
    """Return what an earlier ``login`` kept."""
    try:
        return _problem(config_path(profile).read_bytes())
    except FileNotFoundError:
        return {}


def write_config(profile: str, data: Json) -> None:
    """Keep a token where only its owner reads it."""
    path = config_path(profile)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600)
    path.write_text(json.dumps(data), encoding="utf-8")


def load(path: str) -> Json:
    """Read a JSON file; ``-`` is the standard input."""
    text = sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
    data = json.loads(text)
    if not isinstance(data, dict):
        raise SystemExit(f"{path}: 应为 JSON 对象 a JSON object is expected")
    return data


def login(api: Api, asked: argparse.Namespace) -> str:
    """Sign in and keep the token."""
    password = (
        asked.password
        or os.environ.get("JIEBANG_PASSWORD")
        or getpass.getpass("密码 password: ")
    )
    found = api.post("/auth/tokens", {"email": asked.email, "password": password})
    write_config(asked.profile, {"server": api.server, "token": found["token"]})
    return f"已登录 signed in: {asked.email}，令牌有效至 until {found['expires_at']}"


def logout(api: Api, asked: argparse.Namespace) -> str:
    """End the token and forget it."""
    api.call("DELETE", "/auth/tokens/current")
    config_path(asked.profile).unlink(missing_ok=True)
    return "已退出 signed out"


def me(api: Api, asked: argparse.Namespace) -> str:  # noqa: ARG001
    """Say who is signed in."""
    found = api.get("/me")
    lines = [f"{found['user']['name']} <{found['user']['email']}>"]
    for row in found["memberships"]:
        roles = ", ".join(row["roles"])
        lines.append(f"  {row['organisation']['name']}: {roles}")
    return "\n".join(lines)


def diagnose(api: Api, asked: argparse.Namespace) -> str:
    """Ask the need doctor about a draft."""
    found = api.post("/needs/diagnosis", load(asked.file))
    lines = [f"诊断意见 {len(found['advice'])} 条（仅供参考，不影响提交）"]
    for row in found["advice"]:
        severity = SEVERITIES.get(row["severity"], row["severity"])
        lines.append(f"  [{severity}] {row['field'] or '/'} {row['message']}")
        if row.get("quote"):
            lines.append(f"         原文: {row['quote']}")
        if row.get("suggestion"):
            lines.append(f"         可改为: {row['suggestion']}")
    lines += [
        f"  库中相近需求: {row['need_no']} {row['title']}"
        for row in found["duplicates"]
    ]
    return "\n".join(lines)


def preview(api: Api, asked: argparse.Namespace) -> str:
    """Rank for a draft that is not saved."""
    data = load(asked.file)
    kind = "offer" if "kind" in data else "need"
    found = api.post("/matches/preview", {kind: data, "limit": asked.limit})
    return ranking(found["items"], "offer" if kind == "need" else "need")


def matches(api: Api, asked: argparse.Namespace) -> str:
    """Rank for what is stored."""
    path = api.find(KINDS[asked.kind], asked.id)
    found = api.get(f"{path}/matches", limit=asked.limit)
    return ranking(found["items"], "offer" if asked.kind == "need" else "need")


def ranking(items: list[Json], side: str) -> str:
    """Return matches as text: the other side, and why it stands where it stands."""
    if not items:
        return "没有匹配结果 no match"
    lines = []
    for item in items:
        other = item[side]
        owner = other.get("owner_org", {}).get("name", "")
        band = BANDS.get(item["band"], item["band"])
        lines.append(f"{item['rank']:>2}. [{band}] {other['title']} · {owner}")
        lines.append(f"      {other['id']}")
        lines += [f"      · {reason}" for reason in item["reasons"]]
        silent = [v["name"] for v in item["indicators"] if v["verdict"] == "unstated"]
        if silent:
            lines.append("      · 供方未说明: " + "、".join(silent))
    return "\n".join(lines)


def post(api: Api, asked: argparse.Namespace) -> str:
    """Store a draft; prints its number, or with ``--id`` only its id."""
    kind = "needs" if asked.command == "post-need" else "offers"
    found = api.post(f"/{kind}", load(asked.file))
    if asked.id_only:
        return str(found["id"])
    return "已保存 saved\n" + shown(found, NUMBERS[kind])


def edit(api: Api, asked: argparse.Namespace) -> str:
    """Change the fields that a file names."""
    kind = KINDS[asked.kind]
    path = api.find(kind, asked.id)
    etag = api.call("GET", path).headers["ETag"]
    answer = api.call("PATCH", path, load(asked.file), headers={"If-Match": etag})
    return "已修改 changed\n" + shown(answer.json, NUMBERS[kind])


def listing(api: Api, asked: argparse.Namespace) -> str:
    """List what the caller may see."""
    found = api.get(
        f"/{asked.command}",
        q=asked.q,
        state=asked.state,
        chain=asked.chain,
        mine="true" if asked.mine else None,
        limit=asked.limit,
    )
    if asked.id_only:
        return "\n".join(row["id"] for row in found["items"])
    lines = [row_line(row, NUMBERS[asked.command]) for row in found["items"]]
    if found["next"]:
        lines.append("… 还有更多，可加大 --limit 或缩小范围")
    return "\n".join(lines) or "没有结果 nothing found"


def row_line(row: Json, number: str) -> str:
    """Return one row of a list as text."""
    owner = row["owner_org"]["name"]
    return (
        f"{row[number]}  {row['state']:<11} {row['title']} · {owner}\n    {row['id']}"
    )


def one(api: Api, asked: argparse.Namespace) -> str:
    """Show one need or offer."""
    kind = KINDS[asked.command]
    return shown(api.get(api.find(kind, asked.id)), NUMBERS[kind])


def shown(found: Json, number: str) -> str:
    """Return an object as text: its heading, its words, what can be done now."""
    lines = [
        f"{found[number]} {found['title']}",
        f"  编号 id      {found['id']}",
        f"  状态 state   {found['state']}（第 {found['version']} 版）",
        f"  单位 owner   {found['owner_org']['name']}",
    ]
    words = ("problem", "key_technology", "expected_goal", "abstract")
    lines += [f"  {name}: {found[name]}" for name in words if found.get(name)]
    for row in found.get("indicators") or []:
        mark = "*" if row["is_core"] else "-"
        lines += [f"  {mark} {row['text'] or row['name']}"]
    for row in found.get("opinions") or []:
        notes = row.get("field_comments") or []
        lines += [
            f"  意见 {row['step']} {row['action']}: {row['comment'] or '-'}",
            *(f"      {note['pointer']}: {note['comment']}" for note in notes),
        ]
    if found.get("withheld"):
        lines.append("  未公开字段 withheld: " + ", ".join(found["withheld"]))
    if found.get("actions"):
        names = (f"{row['name']}（{row['title']}）" for row in found["actions"])
        lines.append("  可执行 actions: " + ", ".join(names))
    return "\n".join(lines)


def act(api: Api, asked: argparse.Namespace) -> str:
    """Take an action on a need, an offer or an organisation."""
    body: Json = {"comment": asked.comment} if asked.comment else {}
    if asked.note:
        pairs = (note.partition("=") for note in asked.note)
        body["field_comments"] = [
            {"pointer": pointer, "comment": text} for pointer, _, text in pairs
        ]
    for pair in asked.set or []:
        name, _, value = pair.partition("=")
        body[name] = value
    path = api.find(KINDS[asked.kind], asked.id)
    found = api.act(path, asked.action, body)
    title = found.get("title") or found.get("name")
    return f"{asked.action} → {found['state']}  {title}"


def history(api: Api, asked: argparse.Namespace) -> str:
    """Show what happened to an object."""
    path = api.find(KINDS[asked.kind], asked.id)
    lines = []
    for row in api.get(f"{path}/events", limit=100)["items"]:
        moved = f"{row['from'] or '-'} → {row['to']}" if row["to"] else ""
        who = f"{row.get('user_name') or ''}（{row['role']}）"
        said = f" “{row['comment']}”" if row["comment"] else ""
        lines.append(f"{row['at']}  {row['action']:<22} {moved:<24} {who}{said}")
    return "\n".join(lines)


def bring_in(api: Api, asked: argparse.Namespace) -> str:
    """Import sheets and wait until each is done."""
    lines, ended = [], set()
    for name in asked.files:
        fields = {"kind": asked.kind, "mode": asked.mode}
        fields |= {
            name: "true" for name in ("dry_run", "publish") if getattr(asked, name)
        }
        body, media = multipart(fields, "file", Path(name))
        job = api.call("POST", "/imports", body, headers={"Content-Type": media}).json
        while job["state"] in WAITING:
            api.pause(0.5)
            job = api.get(f"/imports/{job['id']}")
        lines.append(f"{name}: {job['state']}")
        counts = ("rows_total", "rows_kept", "rows_wrong", "rows_repeated")
        told = [f"{count} {job[count]}" for count in counts if job.get(count)]
        lines.append("  " + ", ".join(told))
        problems = api.get(f"/imports/{job['id']}/problems", limit=50)
        for row in problems["items"]:
            place = f"{row['sheet']} 第 {row['row']} 行 {row['column']}"
            lines.append(f"  {place}: {row['message']}")
        ended.add(job["state"])
    if ended != {"DONE"}:
        raise BadNews("\n".join(lines))
    return "\n".join(lines)


def export(api: Api, asked: argparse.Namespace) -> str:
    """Save a list as a sheet; the ending of the file says which kind."""
    target = Path(asked.file)
    answer = api.call(
        "GET",
        f"/{asked.kind}",
        query={"q": asked.q, "state": asked.state},
        accept=SHEETS[target.suffix.lower()],
    )
    wanted, got = SHEETS[target.suffix.lower()], answer.headers["Content-Type"]
    if not got.startswith(wanted):
        raise ValueError(f"期待 expected {wanted}，收到 got {got}")
    target.write_bytes(answer.body)
    return f"已导出 saved: {target}（{len(answer.body)} 字节）"


def template(api: Api, asked: argparse.Namespace) -> str:
    """Save the sheet that an import expects, with notes and drop-downs."""
    media = SHEETS[".xlsx"]
    answer = api.call("GET", f"/imports/templates/{asked.kind}", accept=media)
    Path(asked.file).write_bytes(answer.body)
    return f"已保存 saved: {asked.file}"


def audit(api: Api, asked: argparse.Namespace) -> str:  # noqa: ARG001
    """Have the ledger verified."""
    found = api.get("/audit/verification")
    if found["sound"]:
        head = found["head"][:16]
        return f"台账完好 ledger sound: {found['entries']} 条, head {head}…"
    lines = ["台账有问题 ledger NOT sound"]
    lines += [f"  {f['kind']} seq {f['seq']}: {f['detail']}" for f in found["faults"]]
    raise BadNews("\n".join(lines))


Command = Callable[[Api, argparse.Namespace], str]


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    top = argparse.ArgumentParser(
        prog="jiebang_client.py", description="Jiebang 揭榜 API client 命令行客户端"
    )
    top.add_argument("--server", default=os.environ.get("JIEBANG_SERVER"))
    top.add_argument("--token", default=os.environ.get("JIEBANG_TOKEN"))
    top.add_argument(
        "--as",
        dest="profile",
        default="default",
        help="name under which login keeps the token; for several people at once",
    )
    top.add_argument("--language", default="zh-CN", choices=["zh-CN", "en"])
    subs = top.add_subparsers(dest="command", required=True)

    def command(name: str, run: Command) -> argparse.ArgumentParser:
        sub = subs.add_parser(name, help=run.__doc__, description=run.__doc__)
        sub.set_defaults(run=run)
        return sub

    sub = command("login", login)
    sub.add_argument("email")
    sub.add_argument("--password", help="else JIEBANG_PASSWORD, else asked for")
    for name, run in (("logout", logout), ("me", me), ("audit", audit)):
        command(name, run)
    _reading(command)
    _writing(command)
    return top


def _reading(command: Callable[[str, Command], argparse.ArgumentParser]) -> None:
    command("diagnose", diagnose).add_argument("file")
    sub = command("preview", preview)
    sub.add_argument("file")
    sub.add_argument("--limit", type=int, default=5)
    for name in ("needs", "offers"):
        sub = command(name, listing)
        sub.add_argument("-q", help="words that must all occur")
        sub.add_argument("--state")
        sub.add_argument("--chain")
        sub.add_argument("--mine", action="store_true")
        sub.add_argument("--limit", type=int, default=20)
        sub.add_argument("--id", dest="id_only", action="store_true")
    for name in ("need", "offer"):
        command(name, one).add_argument("id", help="id or number")
    _subject(command("events", history), ("need", "offer"))
    sub = command("matches", matches)
    _subject(sub, ("need", "offer"))
    sub.add_argument("--limit", type=int, default=5)
    sub = command("export", export)
    sub.add_argument("kind", choices=SHEET_KINDS)
    sub.add_argument("file", help="ends in .csv or .xlsx")
    sub.add_argument("-q")
    sub.add_argument("--state")


def _writing(command: Callable[[str, Command], argparse.ArgumentParser]) -> None:
    for name in ("post-need", "post-offer"):
        sub = command(name, post)
        sub.add_argument("file")
        sub.add_argument("--id", dest="id_only", action="store_true")
    sub = command("edit", edit)
    _subject(sub, ("need", "offer"))
    sub.add_argument("file")
    sub = command("act", act)
    _subject(sub, tuple(KINDS))
    sub.add_argument("action")
    sub.add_argument("--comment")
    sub.add_argument("--note", action="append", metavar="POINTER=COMMENT")
    sub.add_argument("--set", action="append", metavar="FIELD=VALUE")
    sub = command("template", template)
    sub.add_argument("kind", choices=SHEET_KINDS)
    sub.add_argument("file", help="ends in .xlsx")
    sub = command("import", bring_in)
    sub.add_argument("kind", choices=SHEET_KINDS)
    sub.add_argument("files", nargs="+")
    sub.add_argument("--mode", default="all", choices=["all", "good"])
    sub.add_argument("--dry-run", action="store_true")
    sub.add_argument("--publish", action="store_true", help="operators only")


def _subject(sub: argparse.ArgumentParser, kinds: tuple[str, ...]) -> None:
    sub.add_argument("kind", choices=kinds)
    sub.add_argument("id", help="id or number")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 1 when the server refused, 2 when nobody answered."""
    asked = parser().parse_args(arguments)
    if asked.command == "export" and Path(asked.file).suffix.lower() not in SHEETS:
        sys.stderr.write("文件须以 .csv 或 .xlsx 结尾 the file ends in .csv or .xlsx\n")
        return 2
    kept = read_config(asked.profile)
    server = asked.server or kept.get("server") or SERVER
    mine = server.rstrip("/") == kept.get("server")
    token = asked.token or (kept.get("token", "") if mine else "")
    if asked.command == "login":
        token = ""
    api = Api(server, token, asked.language)
    try:
        text = asked.run(api, asked)
    except BadNews as news:
        sys.stdout.write(f"{news}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    except Refused as refusal:
        sys.stderr.write("\n".join(refusal.lines()) + "\n")
        return 1
    except (Unreachable, OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
