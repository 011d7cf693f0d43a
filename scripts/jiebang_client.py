#!/usr/bin/env python3
"""A small client of the Jiebang API: one file, standard library only.

It signs in, keeps the token for the next call, reads the ETag before it acts, and
sends an ``Idempotency-Key`` with every POST, so that it may safely try again when the
connection breaks or the server is busy.
"""

from __future__ import annotations

import argparse
import difflib
import getpass
import hashlib
import json
import mimetypes
import os
import sys
import time
import unicodedata
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
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
KINDS = {
    "need": "needs",
    "offer": "offers",
    "organisation": "organisations",
    "docking": "dockings",
    "contract": "contracts",
    "registration": "contracts",
}
"""Where an object is found by its id; a registration is named by its contract."""
SHEET_KINDS = ("organisations", "needs", "offers")
NUMBERS = {
    "needs": "need_no",
    "offers": "ach_no",
    "organisations": "uscc",
    "dockings": "docking_no",
    "contracts": "contract_no",
}
UNSEARCHED = frozenset({"dockings"})
"""Lists that cannot be asked for words; a number is looked for row by row."""
SAID_ONCE = frozenset({"log-meeting", "propose-nda", "propose-intent"})
"""Actions that leave the state as it is and add a row: twice would be two rows."""
REPLAYED = "Idempotent-Replay"
PDF = "application/pdf"
PAPERS = {
    "draft": (
        "draft.docx",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ),
    "data-sheet": ("data-sheet.pdf", PDF),
    "form": ("registration/form.pdf", PDF),
    "certificate": ("registration/certificate.pdf", PDF),
}
"""Where a paper of a contract is, and what kind of file it is."""
BANDS = {
    "strong": ("强", "strong"),
    "good": ("较强", "good"),
    "possible": ("可能", "possible"),
}
SEVERITIES = {"important": ("重要", "important"), "useful": ("建议", "useful")}
STEPS = {
    "district": ("区县初审", "district"),
    "formal": ("形式审查", "formal check"),
    "argument": ("专家论证", "experts"),
    "unit": ("单位审核", "unit"),
    "registration": ("登记", "registration"),
}
STATES = {
    "DRAFT": ("草稿", "Draft"),
    "SUBMITTED": ("已提交", "Submitted"),
    "RETURNED": ("退回修改", "Returned for changes"),
    "DISTRICT_OK": ("区县初审通过", "Passed by the district"),
    "FORMAL_OK": ("形式审查通过", "Formal check passed"),
    "ARGUED": ("论证通过", "Argued by experts and passed"),
    "REJECTED": ("未通过", "Rejected"),
    "POOLED": ("入库", "In the need library"),
    "CALLED": ("已发榜", "Called"),
    "DOCKING": ("对接中", "Docking"),
    "CONTRACTED": ("已签约", "Contracted"),
    "SOLVED": ("已解决", "Solved"),
    "WITHDRAWN": ("撤回", "Withdrawn"),
    "EXPIRED": ("过期", "Expired"),
    "UNIT_OK": ("单位审核", "Passed by the unit"),
    "REGISTERED": ("已登记", "Registered"),
    "LISTED": ("已发布", "Listed"),
    "TRIAL": ("试用中", "On trial"),
    "PRICING": ("定价公示", "Price publicised"),
    "CONVERTED": ("已转化", "Converted"),
    "DELISTED": ("下架", "Delisted"),
    "PENDING": ("待认证", "Awaiting verification"),
    "VERIFIED": ("已认证", "Verified"),
    "SUSPENDED": ("暂停", "Suspended"),
    "BLACKLISTED": ("失信", "Blacklisted"),
    "CLOSED": ("注销", "Closed"),
    "QUEUED": ("排队", "Waiting"),
    "RUNNING": ("进行中", "Running"),
    "DONE": ("完成", "Done"),
    "REFUSED": ("有错误，未导入", "Nothing was imported"),
    "CANCELLED": ("已取消", "Cancelled"),
    "FAILED": ("失败", "Failed"),
}
"""What the code lists ``need_state``, ``offer_state`` and ``org_state`` call them, and
what becomes of an import."""
THREAD_STATES = {
    "docking": {
        "RECOMMENDED": ("推荐", "Recommended"),
        "INTERESTED": ("有意向", "Interested"),
        "CONTACTED": ("已联系", "Contacted"),
        "MEETING": ("对接", "Meeting"),
        "NDA": ("已签保密", "Non-disclosure agreement signed"),
        "SOLUTION": ("方案", "Solution"),
        "INTENT": ("意向协议", "Letter of intent"),
        "SIGNED": ("签约", "Signed"),
        "LOST": ("未成", "Lost"),
    },
    "contract": {
        "DRAFT": ("草稿", "Draft"),
        "SIGNED": ("已签订", "Signed"),
        "EFFECTIVE": ("生效", "In force"),
        "PERFORMING": ("履行", "Being performed"),
        "COMPLETED": ("完成", "Completed"),
        "RESCINDED": ("解除", "Rescinded"),
        "VOID": ("无效", "Void"),
    },
    "registration": {
        "NONE": ("未申请", "Not applied for"),
        "APPLIED": ("已申请", "Applied for"),
        "CORRECTION": ("补正", "Correction asked"),
        "ACCEPTED": ("受理", "Accepted"),
        "FIRST_OK": ("初审", "First check passed"),
        "EXPERT": ("专家审核", "With experts"),
        "REGISTERED": ("已登记", "Registered"),
        "REFUSED": ("不予登记", "Refused"),
        "CHANGED": ("变更", "Changed"),
        "CANCELLED": ("注销", "Cancelled"),
        "REVOKED": ("撤销", "Revoked"),
    },
}
"""The same of the code lists ``docking_state``, ``contract_state`` and
``registration_state``, in which one code has several meanings."""
SIDES = {
    "need": ("需求方", "need"),
    "offer": ("供给方", "offer"),
    "broker": ("经纪人", "broker"),
    "buyer": ("买方", "buyer"),
    "seller": ("卖方", "seller"),
}
VERDICTS = {
    "fix": ("须改正", "to put right"),
    "ask": ("须人工核对", "for a person to look at"),
    "pass": ("通过", "passed"),
}
INSTALMENTS = {
    "paid": ("已付清", "paid"),
    "paid-late": ("已付清，逾期支付", "paid late"),
    "part": ("部分支付", "paid in part"),
    "planned": ("未付", "not paid yet"),
}
PAID = {"received": ("收款", "received"), "returned": ("退款", "returned")}
WAITING = frozenset({"QUEUED", "RUNNING"})
"""States of an import that is not over."""
FIELDS = {
    "needs": {
        "title": ("名称", "Title"),
        "problem": ("主要问题", "Problem"),
        "key_technology": ("技术关键", "Key technology"),
        "expected_goal": ("预期目标", "Expected goal"),
        "research_content": ("主要研究内容", "Research content"),
        "background": ("需求背景与现有基础", "Background"),
        "indicators": ("技术经济指标", "Indicators"),
        "keywords": ("关键词", "Keywords"),
        "tech_field": ("技术领域", "Technology fields"),
        "discipline": ("学科分类", "Discipline"),
        "activity_type": ("科技活动类型", "Activity type"),
        "industry_use": ("应用行业", "Industry of use"),
        "chain": ("产业链", "Industrial chain"),
        "ten_strong": ("十强产业", "Ten strong industry"),
        "foundation": ("工业六基", "Foundation area"),
        "future_tag": ("未来产业", "Future industry"),
        "solve_mode": ("解决方式", "Way of solving"),
        "cooperation_mode": ("合作方式", "Ways of cooperating"),
        "budget_total_yuan": ("拟投入资金总额", "Total budget"),
        "budget_negotiable": ("资金面议", "Budget negotiable"),
        "budget_to_bidder_yuan": ("其中支付揭榜方", "Of it to the bidder"),
        "period_start": ("需求时限起", "Period from"),
        "period_end": ("需求时限止", "Period to"),
        "ip_owner": ("产权归属", "Owner of rights"),
        "ip_arrangement": ("产权归属约定", "Arrangement of rights"),
        "bidder_conditions": ("对揭榜方要求", "Conditions for bidders"),
        "intended_units": ("意向合作单位", "Intended units"),
        "intended_experts": ("意向合作专家", "Intended experts"),
        "valid_until": ("有效期至", "Valid until"),
        "disclosure": ("公开程度", "Disclosure"),
        "source_channel": ("需求来源", "Source"),
        "attachments": ("附件", "Attachments"),
    },
    "offers": {
        "title": ("名称", "Title"),
        "kind": ("类型", "Kind"),
        "team": ("团队", "Team"),
        "abstract": ("成果简介", "Abstract"),
        "innovations": ("主要创新点", "Innovations"),
        "category": ("成果类别", "Category"),
        "nature": ("成果属性", "Nature"),
        "form": ("成果体现形式", "Form"),
        "period_from": ("研究起始月", "Work from"),
        "period_to": ("研究终止月", "Work to"),
        "source_plan": ("任务来源", "Plan"),
        "project_no": ("项目编号", "Project number"),
        "evaluation_mode": ("评价方式", "Evaluation"),
        "evaluation_body": ("评价单位", "Evaluated by"),
        "evaluated_on": ("评价日期", "Evaluated on"),
        "level": ("成果水平", "Level"),
        "secrecy": ("成果密级", "Secrecy"),
        "keywords": ("关键词", "Keywords"),
        "indicators": ("技术经济指标", "Indicators"),
        "maturity_scale": ("成熟度标准", "Maturity scale"),
        "maturity_level": ("成熟度级别", "Maturity level"),
        "maturity_evidence": ("成熟度依据", "Evidence of maturity"),
        "stage": ("所处阶段", "Stage"),
        "tech_field": ("技术领域", "Technology fields"),
        "industry_use": ("应用行业", "Industry of use"),
        "chain": ("产业链", "Industrial chain"),
        "ip": ("知识产权", "Intellectual property"),
        "application_state": ("应用状态", "State of use"),
        "conversion_mode": ("转化方式", "Ways of conversion"),
        "cooperation_mode": ("合作方式", "Ways of cooperating"),
        "trial_mode": ("试用方式", "Trial"),
        "price_mode": ("定价方式", "Pricing"),
        "price_expect_yuan": ("期望价格", "Expected price"),
        "empowerment": ("赋权方式", "Empowerment"),
        "licence_years": ("赋权年限", "Years of licence"),
        "five_values": ("五元价值", "Five values"),
        "prospects": ("应用前景", "Prospects"),
        "team_intro": ("团队介绍", "About the team"),
        "completers": ("完成人", "Completed by"),
        "co_owners": ("共同完成单位", "Co-owners"),
        "equipment": ("仪器设备", "Equipment"),
        "track_record": ("服务业绩", "Track record"),
        "disclosure": ("公开程度", "Disclosure"),
        "attachments": ("附件", "Attachments"),
    },
}
"""What the fields of a form are called, in its order."""
INDICATOR_FIELDS = {
    "test_condition": ("测试条件", "condition"),
    "test_method": ("检测方法", "method"),
    "current_level": ("现有水平", "present level"),
    "benchmark": ("对标", "benchmark"),
}
COUNTS = {
    "rows_total": ("总行数", "rows"),
    "rows_kept": ("导入行数", "kept"),
    "rows_wrong": ("错误行数", "wrong"),
    "rows_repeated": ("重复行数", "there already"),
}
TRIED = {"rows_kept": ("可导入行数", "good")}
"""What the rows of an import are called that only checks."""
NAMES = ("name", "title", "filename", "text", "number", "organisation_id")
"""What a row within a field is called by, the first one that is filled."""
OPEN_TO_ALL = frozenset({"needs", "offers", "need", "offer", "export", "template"})
"""Commands that the public may use, too."""
DEFAULT = "default"
"""The profile of who does not say ``--as``."""
BEIJING = timezone(timedelta(hours=8))

Json = dict[str, Any]
Words = tuple[str, str]
"""The same in Chinese and in English."""


@dataclass(frozen=True)
class Say:
    """Chooses the reader's language.

    Parameters
    ----------
    language : str
        ``zh-CN`` or ``en``.
    """

    language: str

    def __call__(self, zh: str, en: str) -> str:
        """Return one of the two."""
        return en if self.language == "en" else zh

    def of(self, table: Mapping[str, Words], code: str) -> str:
        """Return what a table calls a code; the code itself when it does not know."""
        return self(*table.get(code, (code, code)))

    def state(self, code: str | None, kind: str = "") -> str:
        """Return a state by its name and its code."""
        table = THREAD_STATES.get(kind, STATES)
        return f"{self.of(table, code)} {code}" if code in table else code or "-"

    def fact(self, zh: str, en: str, value: str) -> str:
        """Return a line of a heading: what it tells, and the value."""
        return f"  {padded(self(zh, en), 6)} {value}"

    def actions(self, found: Json) -> Iterable[str]:
        """Yield the line that says what the caller may do now."""
        rows = found.get("actions") or []
        names = (self(f"{r['name']}（{r['title']}）", r["name"]) for r in rows)
        if rows:
            yield f"  {self('可执行', 'actions')}: {', '.join(names)}"

    def label(self, kind: str, name: str) -> str:
        """Return what the form calls a field; a Chinese reader sees both names."""
        words = FIELDS[kind].get(name, (name, name))
        return self(words[0] if words[0] == name else f"{words[0]} {name}", words[1])

    def listed(self, items: Iterable[str]) -> str:
        """Join words."""
        return self("、", ", ").join(items)


def local(moment: str) -> str:
    """Return a moment of the API as the clocks of the market show it."""
    found = datetime.fromisoformat(moment)
    return found.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S")


def padded(text: str, width: int) -> str:
    """Fill a text up to a width on the screen, where Chinese takes twice the room."""
    taken = sum(1 + (unicodedata.east_asian_width(c) in "WF") for c in text)
    return text + " " * max(0, width - taken)


class Refused(Exception):
    """The server said no; carries its problem document."""

    def __init__(self, status: int, problem: Json) -> None:
        super().__init__(problem.get("title") or f"HTTP {status}")
        self.status = status
        self.problem = problem

    def lines(self, say: Say) -> Iterable[str]:
        """Yield what a person should read."""
        yield f"{self.status} {self}"
        if self.problem.get("detail"):
            yield f"  {self.problem['detail']}"
        for error in self.problem.get("errors", []):
            yield f"  {error['pointer'] or '/'}: {error['message']}"
        if self.problem.get("possible"):
            possible = ", ".join(self.problem["possible"])
            yield f"  {say('可执行', 'possible')}: {possible}"


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
        self.say = Say(language)
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
        headers = {"If-Match": self.call("GET", path).headers["ETag"]}
        place = f"{path}/actions/{action}"
        if action in SAID_ONCE:
            return self.once(place, body, headers=headers).json
        return self.call("POST", place, body, headers=headers).json

    def once(
        self,
        path: str,
        body: Any,
        *,
        headers: Mapping[str, str] | None = None,
        key: str = "",
    ) -> Answer:
        """Send what the same command of the same day must not do a second time.

        The key comes from what is sent, so a second run gets the first one's answer;
        the user is told, as nothing was done.

        Parameters
        ----------
        key : str
            Of a form, whose boundary is never the same.
        """
        sent = {"Idempotency-Key": key or day_key(path, body), **(headers or {})}
        answer = self.call("POST", path, body, headers=sent)
        if answer.headers.get(REPLAYED):
            told = self.say("今天已做过，没有重复", "done before today; not done again")
            sys.stderr.write(f"{told}\n")
        return answer

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
            pass
        for item in self.rows(kind, None if kind in UNSEARCHED else name):
            if item.get(NUMBERS[kind]) == name:
                return f"/{kind}/{item['id']}"
        raise Refused(404, {"title": f"{self.say('没有找到', 'not found')}: {name}"})

    def rows(self, kind: str, words: str | None) -> Iterable[Json]:
        """Yield what a list holds under some words, page after page."""
        cursor = None
        while True:
            page = self.get(f"/{kind}", q=words, limit=100, cursor=cursor)
            yield from page["items"]
            cursor = page.get("next")
            if not cursor:
                return

    def id_of(self, kind: str, name: str) -> str:
        """Return the id of an object by itself or by the object's number."""
        return self.find(kind, name).rpartition("/")[2]


def today() -> str:
    """Return the day that the clocks of the market show."""
    return datetime.now(BEIJING).date().isoformat()


def day_key(*parts: Any) -> str:
    """Return a key that is the same for the same request of the same day."""
    day = today()
    text = json.dumps([day, *parts], ensure_ascii=False, sort_keys=True)
    return f"{day}-{hashlib.sha256(text.encode()).hexdigest()}"


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


def load(path: str, say: Say) -> Json:
    """Read a JSON file; ``-`` is the standard input.

    Raises
    ------
    ValueError
        It is not a JSON object; the text names the file.
    """
    data = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    try:
        found = json.loads(data.decode("utf-8-sig"))
    except ValueError as error:
        told = say("不是有效的 JSON", "is not valid JSON")
        raise ValueError(f"{path}: {told} ({error})") from None
    if not isinstance(found, dict):
        told = say("应为一个 JSON 对象", "should hold one JSON object")
        raise ValueError(f"{path}: {told}")  # noqa: TRY004 - the file, not a caller
    return found


def password(api: Api, asked: argparse.Namespace) -> str:
    """Return the password of the person at the keyboard."""
    return (
        asked.password
        or os.environ.get("JIEBANG_PASSWORD")
        or getpass.getpass(api.say("密码: ", "password: "))
    )


def login(api: Api, asked: argparse.Namespace) -> str:
    """Sign in and keep the token."""
    body = {"email": asked.email, "password": password(api, asked)}
    found = api.post("/auth/tokens", body)
    write_config(
        asked.profile or DEFAULT, {"server": api.server, "token": found["token"]}
    )
    until = local(found["expires_at"])
    return api.say(
        f"已登录 {asked.email}，有效至 {until}（北京时间）",
        f"signed in as {asked.email} until {until} (Beijing time)",
    )


def logout(api: Api, asked: argparse.Namespace) -> str:
    """End the token and forget it."""
    api.call("DELETE", "/auth/tokens/current")
    config_path(asked.profile or DEFAULT).unlink(missing_ok=True)
    return api.say("已退出", "signed out")


def me(api: Api, asked: argparse.Namespace) -> str:  # noqa: ARG001
    """Say who is signed in."""
    found = api.get("/me")
    lines = [f"{found['user']['name']} <{found['user']['email']}>"]
    for row in found["memberships"]:
        roles = ", ".join(row["roles"])
        lines.append(f"  {row['organisation']['name']}: {roles}")
    return "\n".join(lines)


def register(api: Api, asked: argparse.Namespace) -> str:
    """Register a unit; prints its name, or with ``--id`` only its id."""
    found = api.post("/organisations", load(asked.file, api.say))
    if asked.id_only:
        return str(found["id"])
    state = api.say.state(found["state"])
    return f"{api.say('已登记', 'registered')} {found['name']} {state}\n  {found['id']}"


def invite(api: Api, asked: argparse.Namespace) -> str:
    """Offer somebody a seat in a unit; with ``--id`` prints only the invitation."""
    organisation = api.id_of("organisations", asked.organisation)
    body = {
        "organisation_id": organisation,
        "email": asked.email,
        "roles": asked.roles,
    }
    found = api.post("/invitations", body)
    if asked.id_only:
        return str(found["token"])
    until = local(found["expires_at"])
    return api.say(
        f"邀请码（只显示这一次，有效至北京时间 {until}）: {found['token']}\n"
        "同一单位此前发给该邮箱、尚未接受的邀请从此失效",
        f"invitation, shown only now, until {until} Beijing time: {found['token']}\n"
        "an earlier one of this unit for the same address no longer holds",
    )


def accept(api: Api, asked: argparse.Namespace) -> str:
    """Take the seat that an invitation offers, signed in or as a new user."""
    body = {"token": asked.invitation}
    if not api.token:
        body["password"] = password(api, asked)
    if asked.name:
        body["name"] = asked.name
    found = api.post("/invitations/accept", body)
    email = found["user"]["email"]
    return api.say(f"已加入，请登录: {email}", f"joined; sign in as {email}")


def diagnose(api: Api, asked: argparse.Namespace) -> str:
    """Ask the need doctor about a draft."""
    say = api.say
    found = api.post("/needs/diagnosis", load(asked.file, say))
    count = len(found["advice"])
    lines = [
        say(
            f"诊断意见 {count} 条（仅供参考，不影响提交）",
            f"{count} pieces of advice; none of them stands in the way of submitting",
        )
    ]
    for row in found["advice"]:
        severity = say.of(SEVERITIES, row["severity"])
        lines.append(f"  [{severity}] {row['field'] or '/'} {row['message']}")
        if row.get("quote"):
            lines.append(f"         {say('原文', 'quoted')}: {row['quote']}")
        if row.get("suggestion"):
            lines.append(f"         {say('可改为', 'instead')}: {row['suggestion']}")
    alike = say("库中相近需求", "a need like it")
    lines += [
        f"  {alike}: {row['need_no']} {row['title']}" for row in found["duplicates"]
    ]
    return "\n".join(lines)


def preview(api: Api, asked: argparse.Namespace) -> str:
    """Rank for a draft that is not saved."""
    data = load(asked.file, api.say)
    kind = "offer" if "kind" in data else "need"
    found = api.post("/matches/preview", {kind: data, "limit": asked.limit})
    return ranking(found["items"], "offer" if kind == "need" else "need", api.say)


def matches(api: Api, asked: argparse.Namespace) -> str:
    """Rank for what is stored."""
    path = api.find(KINDS[asked.kind], asked.id)
    found = api.get(f"{path}/matches", limit=asked.limit)
    other = "offer" if asked.kind == "need" else "need"
    return ranking(found["items"], other, api.say)


def owner_of(side: Json) -> str:
    """Return the name of the unit behind one side of a pair, if it is told."""
    return str(side.get("owner_org", {}).get("name", ""))


def ranking(items: list[Json], side: str, say: Say) -> str:
    """Return matches as text: the other side, and why it stands where it stands."""
    if not items:
        return say("没有匹配结果", "no match")
    lines = []
    for item in items:
        other = item[side]
        owner = owner_of(other)
        band = say.of(BANDS, item["band"])
        lines.append(f"{item['rank']:>2}. [{band}] {other['title']} · {owner}")
        lines.append(f"      {other['id']}")
        lines += [f"      · {reason}" for reason in item["reasons"]]
        silent = [v["name"] for v in item["indicators"] if v["verdict"] == "unstated"]
        if silent:
            told = say("供方未说明", "not stated by the offer")
            lines.append(f"      · {told}: {say.listed(silent)}")
    return "\n".join(lines)


def relaxations(api: Api, asked: argparse.Namespace) -> str:
    """Say which requirement costs a need the most offers, and what they claim."""
    say = api.say
    path = api.find("needs", asked.id)
    items = api.get(f"{path}/relaxations", limit=asked.limit)["items"]
    if not items:
        return say(
            "放宽任何一项要求都不会带来更多合适的供方",
            "no single requirement stands in the way of further offers",
        )
    lines = []
    for item in items:
        name, required = item["name"] or item["field"], item["required"] or ""
        what = required if name in required else f"{name} {required}".strip()
        gained, lost = item["gained"], item["lost"]
        lines.append(
            say(
                f"{what}：放宽后多 {gained} 项，少 {lost} 项",
                f"{what}: without it {gained} more, {lost} fewer",
            )
        )
        for offer in item["offers"]:
            claimed = offer["claimed"] or "—"
            lines.append(f"      {offer['title']} · {owner_of(offer)} · {claimed}")
    return "\n".join(lines)


def near_teams(api: Api, asked: argparse.Namespace) -> str:
    """Rank teams for a need by their three nearest offers."""
    path = api.find("needs", asked.id)
    items = api.get(f"{path}/teams", limit=asked.limit)["items"]
    if not items:
        return api.say("没有匹配的团队", "no team")
    lines = []
    for item in items:
        owner = item["owner_org"]["name"]
        lines.append(f"{item['rank']:>2}. {item['team']['name']} · {owner}")
        for offer in item["offers"]:
            band = api.say.of(BANDS, offer["band"])
            lines.append(f"      [{band}] {offer['title']}")
    return "\n".join(lines)


def post(api: Api, asked: argparse.Namespace) -> str:
    """Store a draft; prints its number, or with ``--id`` only its id."""
    kind = "needs" if asked.command == "post-need" else "offers"
    found = api.post(f"/{kind}", load(asked.file, api.say))
    if asked.id_only:
        return str(found["id"])
    return api.say("已保存", "saved") + "\n" + shown(found, kind, api.say)


def edit(api: Api, asked: argparse.Namespace) -> str:
    """Change the fields that a file names."""
    kind = KINDS[asked.kind]
    changes = load(asked.file, api.say)
    path = api.find(kind, asked.id)
    found = api.call("GET", path)
    if "parties" in changes and kind == "contracts":
        old = found.json["content"]["parties"]
        changes["parties"] = laid_over(old, changes["parties"])
    etag = {"If-Match": found.headers["ETag"]}
    answer = api.call("PATCH", path, changes, headers=etag)
    view = {"contracts": contract_text}.get(
        kind, lambda found, say: shown(found, kind, say)
    )
    return api.say("已修改", "changed") + "\n" + view(answer.json, api.say)


def laid_over(old: Sequence[Json], new: Sequence[Json]) -> list[Json]:
    """Return parties; one that names no unit stands for the next one of its side."""
    rest = list(old)
    parties = []
    for row in new:
        named = row.get("organisation_id") or row.get("name")
        same = next((p for p in rest if p["side"] == row.get("side")), None)
        if named or same is None:
            parties.append(row)
            continue
        rest.remove(same)
        parties.append(same | row)
    return parties


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
    lines = [row_line(row, asked.command, api.say) for row in found["items"]]
    if found["next"]:
        lines.append(
            api.say(
                "… 还有更多，可加大 --limit 或缩小范围",
                "… there are more: raise --limit or ask for less",
            )
        )
    return "\n".join(lines) or api.say("没有结果", "nothing found")


def row_line(row: Json, kind: str, say: Say) -> str:
    """Return one row of a list as text."""
    state = padded(say.state(row["state"]), 24)
    owner = row["owner_org"]["name"]
    return f"{row[NUMBERS[kind]]}  {state} {row['title']} · {owner}\n    {row['id']}"


def one(api: Api, asked: argparse.Namespace) -> str:
    """Show one need or offer."""
    kind = KINDS[asked.command]
    return shown(api.get(api.find(kind, asked.id)), kind, api.say)


def shown(found: Json, kind: str, say: Say) -> str:
    """Return an object as text: its heading, what it says, what can be done now."""
    version, public = found["version"], found.get("published_version")
    edition = say(f"（第 {version} 版）", f" (version {version})")
    lines = [
        f"{found[NUMBERS[kind]]} {found['title']}",
        say.fact("编号", "id", found["id"]),
        say.fact("状态", "state", f"{say.state(found['state'])}{edition}"),
        say.fact("单位", "owner", found["owner_org"]["name"]),
    ]
    if public and public != version:
        still = say(
            f"第 {public} 版仍对外公开；下面是尚未公开的第 {version} 版",
            f"version {public} is still public; below is version {version}, which is"
            " not yet",
        )
        lines.append(say.fact("公开", "public", still))
    for name in FIELDS[kind]:
        if name == "indicators":
            lines += indicator_lines(found.get(name) or [], say)
        elif name != "title":
            value = found.get(name)
            if value and name.endswith("_yuan"):
                value = f"{value} {say('元', 'yuan')}"
            lines += field_lines(say.label(kind, name), value, say)
    lines += opinion_lines(found.get("opinions") or [], kind, say)
    if found.get("withheld"):
        hidden = say.listed(say.label(kind, name) for name in found["withheld"])
        lines.append(f"  {say('未公开字段', 'withheld')}: {hidden}")
    lines += say.actions(found)
    return "\n".join(lines)


def field_lines(label: str, value: Any, say: Say) -> Iterable[str]:
    """Yield a field that is filled; long rows stand on lines of their own."""
    if value is None or value is False or value in ("", [], {}):
        return
    rows = [_worded(row, say) for row in _rows(value)]
    if sum(map(len, rows)) > 120 and len(rows) > 1:
        yield f"  {label}:"
        yield from (f"      {row}" for row in rows)
    else:
        yield f"  {label}: {say.listed(rows)}".replace("\n", "\n      ")


def _rows(value: Any) -> Sequence[Any]:
    """Return what a field holds, one by one; a table names its rows."""
    if isinstance(value, list):
        return value
    if isinstance(value, dict) and not value.keys() & set(NAMES):
        return [{"name": name, **row} for name, row in value.items()]
    return [value]


def _worded(value: Any, say: Say) -> str:
    """Return one thing as words; of a row what it is called and what is said of it."""
    if value is True:
        return say("是", "yes")
    if not isinstance(value, dict):
        return str(value)
    if "filename" in value:
        return str(value["filename"])
    called = next((value[name] for name in NAMES if value.get(name)), "")
    more = [
        str(found)
        for name, found in value.items()
        if found not in (None, "", called) and name != "id"
    ]
    return f"{called}（{'；'.join(more)}）" if more else str(called)


def indicator_lines(rows: Iterable[Json], say: Say) -> Iterable[str]:
    """Yield indicators as the firm worded them; a star marks the core ones."""
    for row in rows:
        yield f"  {'*' if row['is_core'] else '-'} {row['text'] or row['name']}"
        about = [
            f"{say.of(INDICATOR_FIELDS, name)} {row[name]}"
            for name in INDICATOR_FIELDS
            if row.get(name)
        ]
        if about:
            yield f"      {say('；', '; ').join(about)}"


def opinion_lines(rows: Iterable[Json], kind: str, say: Say) -> Iterable[str]:
    """Yield what the reviewers said, and of which field."""
    for row in rows:
        step = say.of(STEPS, row["step"])
        opinion = f"{say('意见', 'opinion')} {step} {row['action']}"
        yield f"  {opinion}: {row['comment'] or '-'}"
        for note in row.get("field_comments") or []:
            name = note["pointer"].split("/")[1]
            label = say(*FIELDS[kind].get(name, ("", "")))
            yield f"      {label} {note['pointer']}: {note['comment']}"


def act(api: Api, asked: argparse.Namespace) -> str:
    """Take an action; a registration is named by its contract."""
    kind, say = asked.kind, api.say
    body: Json = load(asked.body, say) if asked.body else {}
    if asked.comment:
        body["comment"] = asked.comment
    if asked.note:
        pairs = (_pair(note, "--note", say) for note in asked.note)
        name, text = NOTES.get(kind, ("field_comments", "comment"))
        body[name] = [{"pointer": pointer, text: said} for pointer, said in pairs]
    body |= fields_set(asked, say)
    try:
        found = api.act(place_of(api, kind, asked.id), asked.action, body)
    except Refused as refusal:
        _quote_pointers(refusal.problem, body, KINDS[kind], say)
        raise
    state = say.state(found["state"], kind)
    return f"{asked.action} → {state}  {heading(found)}"


NOTES = {"registration": ("items", "comment")}
"""Where the notes on fields go, if not into ``field_comments``."""


def place_of(api: Api, kind: str, name: str) -> str:
    """Return the path of an object that can be acted on."""
    path = api.find(KINDS[kind], name)
    return f"{path}/registration" if kind == "registration" else path


def fields_set(asked: argparse.Namespace, say: Say) -> Json:
    """Return the fields that ``--set`` names."""
    pairs = (_pair(pair, "--set", say) for pair in asked.set or [])
    return {name: plain_or_json(value) for name, value in pairs}


def heading(found: Json) -> str:
    """Return what an object is called: its numbers and its title."""
    names = ("reg_no", "docking_no", "title", "name")
    return " ".join(str(found[name]) for name in names if found.get(name))


def plain_or_json(text: str) -> Any:
    """Return what a value says: JSON where it is JSON, else the text as it stands.

    A number with a decimal point stays a text, as amounts are.
    """
    try:
        return json.loads(text, parse_float=str, parse_constant=str)
    except ValueError:
        return text


def _pair(text: str, option: str, say: Say) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign:
        told = say("应写作 名称=内容", "should read NAME=VALUE")
        raise ValueError(f"{option} {text!r}: {told}")
    return name, value


def _quote_pointers(problem: Json, body: Json, kind: str, say: Say) -> None:
    """Put the pointer that was given beside what is wrong with it, and the nearest."""
    for error in problem.get("errors", []):
        steps = error["pointer"].split("/")
        if error.get("code") != "unknown_pointer" or steps[1] != "field_comments":
            continue
        given = body["field_comments"][int(steps[2])]["pointer"]
        known = FIELDS.get(kind, {})
        name = given.strip("/").split("/")[0]
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        error["pointer"] = f'--note "{given}"'
        if near:
            hint = f"/{near[0]}"
            error["message"] += say(f"；最接近的是 {hint}", f"; the nearest is {hint}")


def history(api: Api, asked: argparse.Namespace) -> str:
    """Show what happened to an object."""
    path = place_of(api, asked.kind, asked.id)
    lines = []
    for row in api.get(f"{path}/events", limit=100)["items"]:
        moved = ""
        if row["to"]:
            states = (api.say.state(row[end], asked.kind) for end in ("from", "to"))
            moved = " → ".join(states)
        by = f"{row.get('user_name') or ''}"
        who = api.say(f"{by}（{row['role']}）", f"{by} ({row['role']})")
        said = f" “{row['comment']}”" if row["comment"] else ""
        action = padded(row["action"], 31)
        lines.append(f"{local(row['at'])}  {action} {padded(moved, 48)} {who}{said}")
    return "\n".join(lines)


UNTOLD = frozenset({"organisation"})
"""Kinds whose history this client does not show."""
THREADS = ("dockings", "contracts")


def queue(api: Api, asked: argparse.Namespace) -> str:
    """Show what waits on the caller, oldest promise first."""
    say = api.say
    found = api.get("/work-queue", limit=asked.limit)
    lines = []
    for row in found["items"]:
        days = row["working_days_left"]
        left = say(f"剩 {days} 个工作日", f"{days} working days left")
        if row["late"]:
            left = say(f"逾期 {-days} 个工作日", f"{-days} working days late")
        lines.append(f"{row['due_on']}  [{left}] {row['what']}")
        lines.append(f"    {row['number']} {row['title']}")
        named = row["subject_id"]
        if row["kind"] == "registration":
            named = row["href"].split("/")[-2]
        lines.append(f"    {row['kind']} {named}")
    return "\n".join(lines) or say("没有待办", "nothing waits on you")


def messages(api: Api, asked: argparse.Namespace) -> str:
    """Show what the caller was told, the newest first."""
    unread = "true" if asked.unread else None
    found = api.get("/messages", unread=unread, limit=asked.limit)
    lines = []
    for row in found["items"]:
        new = "" if row["read_at"] else api.say(" [未读]", " [unread]")
        lines.append(f"{local(row['created_at'])}{new}  {row['title']}")
        lines += [f"    {line}" for line in row["body"].splitlines() if line]
    return "\n".join(lines) or api.say("没有消息", "no messages")


def dock(api: Api, asked: argparse.Namespace) -> str:
    """Bring a need and an offer together; with ``--id`` prints only its id."""
    body = {
        "need_id": api.id_of("needs", asked.need),
        "offer_id": api.id_of("offers", asked.offer),
    }
    if asked.message:
        body["message"] = asked.message
    found = api.once("/dockings", body).json
    return str(found["id"]) if asked.id_only else docking_text(found, api.say)


def docking(api: Api, asked: argparse.Namespace) -> str:
    """Show a docking: who has moved, what is agreed, who owes what."""
    return docking_text(api.get(api.find("dockings", asked.id)), api.say)


def docking_text(found: Json, say: Say) -> str:
    """Return a docking as text."""
    lines = [
        f"{found['docking_no']} {found['need']['title']} ↔ {found['offer']['title']}",
        say.fact("编号", "id", found["id"]),
        say.fact("状态", "state", say.state(found["state"], "docking")),
    ]
    units = {side: found[f"{side}_org"]["name"] for side in ("need", "offer")}
    lines += [say.fact(*SIDES[side], name) for side, name in units.items()]
    if found["broker"]:
        lines.append(say.fact(*SIDES["broker"], found["broker"]["name"]))
    if found["message"]:
        lines.append(say.fact("附言", "said", found["message"]))
    reasons = (found["match"].get("reasons") or {}).get(say.language) or []
    lines += [f"      · {reason}" for reason in reasons]
    for nda in found["ndas"]:
        names = (
            f"{row['user']['name']} ({say.of(SIDES, row['side'])})"
            for row in nda["accepted"]
        )
        number, accepted = nda["number"], say.listed(names) or "-"
        nda_words = (f"保密协议第 {number} 版，已签", f"NDA {number}, accepted by")
        lines.append(f"  {say(*nda_words)}: {accepted}")
    for row in found["proposals"]:
        number, side = row["number"], say.of(SIDES, row["side"])
        price = row["terms"].get("price_yuan") or "-"
        taken = say("，已接受", ", accepted") if row["accepted_at"] else ""
        terms = (f"方案 {number}（{side}）", f"proposal {number} ({side})")
        lines.append(f"  {say(*terms)}: {price} {say('元', 'yuan')}{taken}")
    if found["contract_id"]:
        lines.append(say.fact("合同", "contract", found["contract_id"]))
    for row in found["owed"]:
        by = say.of(SIDES, row["side"])
        owed = (f"待{by}：{row['what']}", f"{by} owes: {row['what']}")
        lines.append(f"  {say(*owed)} · {row['due_on']}")
    lines += say.actions(found)
    return "\n".join(lines)


def threads(api: Api, asked: argparse.Namespace) -> str:
    """List dockings or contracts that the caller may know of."""
    kind, say = asked.command.removesuffix("s"), api.say
    query = {"state": asked.state, "q": getattr(asked, "q", None)}
    found = api.get(f"/{asked.command}", limit=asked.limit, **query)
    lines = []
    for row in found["items"]:
        if asked.id_only:
            lines.append(str(row["id"]))
            continue
        title = row.get("title")
        if kind == "docking":
            title = f"{row['need']['title']} ↔ {row['offer']['title']}"
        state = padded(say.state(row["state"], kind), 24)
        lines += [f"{row[NUMBERS[asked.command]]}  {state} {title}", f"    {row['id']}"]
    return "\n".join(lines) or say("没有结果", "nothing found")


def post_contract(api: Api, asked: argparse.Namespace) -> str:
    """Draw a contract up, from a docking or by itself; ``--id`` prints only its id."""
    body = load(asked.file, api.say) | fields_set(asked, api.say)
    if asked.docking:
        body["docking_id"] = api.id_of("dockings", asked.docking)
    found = api.once("/contracts", body).json
    return str(found["id"]) if asked.id_only else contract_text(found, api.say)


def contract(api: Api, asked: argparse.Namespace) -> str:
    """Show a contract: parties, amounts, signatures, what can be done now."""
    return contract_text(api.get(api.find("contracts", asked.id)), api.say)


def contract_text(found: Json, say: Say) -> str:
    """Return a contract as text; ``paper ID draft`` saves its whole wording."""
    version = say(f"（第 {found['version']} 版）", f" (version {found['version']})")
    lines = [
        f"{found['contract_no']} {found['title']}",
        say.fact("编号", "id", found["id"]),
        say.fact("状态", "state", say.state(found["state"], "contract") + version),
    ]
    signed = {(row["side"], row["org_id"]): row for row in found["signatures"]}
    for party in found["parties"]:
        line = say.fact(*SIDES[party["side"]], party["name"])
        row = signed.get((party["side"], party["organisation_id"]))
        if row:
            line += f" · {say('签字', 'signed')} {row['signer']} {row['signed_on']}"
        lines.append(line)
    named = (
        ("contract_class", "类别", "class", ""),
        ("total_yuan", "成交总额", "total", say(" 元", " yuan")),
        ("technical_yuan", "技术交易额", "technical", say(" 元", " yuan")),
        ("signed_on", "签订日期", "signed on", ""),
        ("valid_from", "有效期自", "from", ""),
        ("valid_to", "有效期至", "to", ""),
        ("effective_on", "生效日期", "effective on", ""),
    )
    for name, zh, en, unit in named:
        if found[name]:
            lines.append(f"  {say(zh, en)}: {found[name]}{unit}")
    lines += say.actions(found)
    return "\n".join(lines)


def readiness(api: Api, asked: argparse.Namespace) -> str:
    """Judge a contract by the registration rules: what to fix, to ask, what passes."""
    say = api.say
    found = api.get(f"{api.find('contracts', asked.id)}/readiness")
    rules = found["rule_set"]
    verdict = say("未发现须改正之处", "nothing to put right")
    if not found["ready"]:
        verdict = say("有须改正之处", "not ready")
    lines = [f"{verdict}  {found['on']}  {rules['version']} [{rules['mark']}]"]
    for status in VERDICTS:
        rows = [row for row in found["items"] if row["status"] == status]
        lines.append(f"{say.of(VERDICTS, status)}: {len(rows)}")
        if status != "pass":
            lines += (line for row in rows for line in _answer_lines(row))
    return "\n".join(lines)


def _answer_lines(row: Json) -> Iterable[str]:
    """Yield what one rule says, where it stands and which fields it means."""
    yield f"  {row['code']} {row['message']}"
    place = f"{row['clause']} [{row['mark']}]".strip()
    if row["pointers"]:
        place += f"  → {', '.join(row['pointers'])}"
    yield f"      {place}"


def attach(api: Api, asked: argparse.Namespace) -> str:
    """Add a file to the papers of a contract, by default its signed text."""
    file = Path(asked.file)
    path = api.find("contracts", asked.id)
    body, media = multipart({}, "file", file)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    added = api.once(
        "/attachments",
        body,
        headers={"Content-Type": media},
        key=day_key("/attachments", file.name, digest),
    ).json
    answer = api.call("GET", path)
    papers = answer.json["content"].get("documents") or []
    paper = {"kind": asked.kind, "attachment_id": added["id"]}
    if paper not in papers:
        etag = {"If-Match": answer.headers["ETag"]}
        api.call("PATCH", path, {"documents": [*papers, paper]}, headers=etag)
    return f"{api.say('已附上', 'attached')} {added['filename']} ({asked.kind})"


def registration(api: Api, asked: argparse.Namespace) -> str:
    """Show how far the registration of a contract has come."""
    say = api.say
    found = api.get(place_of(api, "registration", asked.id))
    lines = [
        f"{found['contract_no']} {found['title']}",
        say.fact("状态", "state", say.state(found["state"], "registration")),
    ]
    if found["reg_no"]:
        number = f"{found['reg_no']} · {found['registered_on']}"
        lines.append(say.fact("登记号", "number", number))
    if found["due_on"] and found["working_days_left"] is not None:
        days = found["working_days_left"]
        left = say(f"剩 {days} 个工作日", f"{days} working days left")
        lines.append(say.fact("期限", "due", f"{found['due_on']} · {left}"))
    for row in found["corrections"]:
        lines.append(f"  {say('补正', 'correct')} {local(row['at'])}: {row['comment']}")
        lines += [
            f"      {item.get('pointer') or '/'}: {item['comment']}"
            for item in row["items"]
        ]
    if found["outcome_reason"]:
        lines.append(f"  {say('决定', 'decision')}: {found['outcome_reason']}")
    lines += say.actions(found)
    return "\n".join(lines)


def pay(api: Api, asked: argparse.Namespace) -> str:
    """Record money that was received; the same command counts once a day."""
    path = api.find("contracts", asked.id)
    given = {
        "kind": "received",
        "amount_yuan": asked.amount,
        "instalment": asked.instalment,
        "paid_on": asked.on,
        "voucher": asked.voucher,
    }
    body = {name: value for name, value in given.items() if value is not None}
    etag = api.call("GET", path).headers["ETag"]
    found = api.once(f"{path}/payments", body, headers={"If-Match": etag}).json
    return "\n".join(plan_lines(found, api.say))


def payments(api: Api, asked: argparse.Namespace) -> str:
    """Show the plan of a contract beside what was paid, and each payment."""
    say = api.say
    path = api.find("contracts", asked.id)
    lines = list(plan_lines(api.get(f"{path}/payment-plan"), say))
    for row in api.get(f"{path}/payments", limit=100)["items"]:
        kind = say.of(PAID, row["kind"])
        amount = f"{row['amount_yuan']} {say('元', 'yuan')}"
        lines.append(f"{row['paid_on']}  {kind} {amount} {row['voucher']}".rstrip())
    return "\n".join(lines)


def plan_lines(found: Json, say: Say) -> Iterable[str]:
    """Yield what a contract is worth, what came of it, and each instalment."""
    net, total = found["net_yuan"], found["total_yuan"] or "-"
    technical = found["net_technical_yuan"]
    yield say(
        f"实收 {net} 元，共 {total} 元；其中技术交易额 {technical} 元",
        f"{net} of {total} yuan received; technical part {technical} yuan",
    )
    for row in found["instalments"]:
        state = say.of(INSTALMENTS, row["state"])
        if row["overdue"]:
            state += say("，已到期", ", overdue")
        due, what = row["due_on"] or "-", row["deliverable"]
        amounts = f"{row['paid_yuan']} / {row['amount_yuan']}"
        yield f"  {row['number']}. {due}  {amounts}  [{state}] {what}"


def paper(api: Api, asked: argparse.Namespace) -> str:
    """Save a contract as a draft for Word, or one of its forms as PDF."""
    name, wanted = PAPERS[asked.kind]
    answer = api.call("GET", f"{api.find('contracts', asked.id)}/{name}", accept=wanted)
    got = answer.headers["Content-Type"]
    if not got.startswith(wanted):
        raise ValueError(api.say(f"期待 {wanted}，收到 {got}", f"not {wanted}: {got}"))
    Path(asked.file).write_bytes(answer.body)
    size = len(answer.body)
    told = (f"已保存 {asked.file}（{size} 字节）", f"saved {asked.file} ({size} bytes)")
    return api.say(*told)


def figure(api: Api, asked: argparse.Namespace) -> str:
    """Show a figure of the market over a period."""
    found = api.get(
        f"/indicators/{urllib.parse.quote(asked.code, safe='')}",
        period=asked.period,
        by=asked.by,
    )
    total = _cell(found["total"], found["unit"])
    lines = [f"{found['code']} {found['title']} {found['period']}: {total}"]
    for cell in found["cells"]:
        names = " · ".join(cell["names"].values())
        lines.append(f"  {names}: {_cell(cell, found['unit'])}")
    lines += [f"  {note}" for note in found["notes"]]
    return "\n".join(lines)


def _cell(cell: Json, unit: str) -> str:
    """Return one value with its unit, or why there is none."""
    if cell["value"] is None:
        return f"— {cell['reason'] or ''}".rstrip()
    return f"{cell['value']} {unit}".rstrip()


def funnel(api: Api, asked: argparse.Namespace) -> str:
    """Show how far the needs of a period came, how long it took, why some left."""
    say = api.say
    found = api.get("/funnel", period=asked.period)
    lines = [found["period"]]
    stages = {row["code"]: row["title"] for row in found["whole"]["stages"]}
    for row in found["whole"]["stages"]:
        days = row["median"]
        waited = ""
        if days is not None:
            waited = say(
                f"  到下一步中位 {days} 天", f"  median {days} days to the next"
            )
        lines.append(f"  {row['count']:>5}  {row['title']}{waited}")
    for row in found["whole"]["exits"]:
        stage, reason = stages.get(row["stage"], row["stage"]), say.state(row["reason"])
        left = say(f"止于{stage}", f"went no further than: {stage}")
        lines.append(f"  {row['count']:>5}  {left} · {reason}")
    return "\n".join(lines)


def bring_in(api: Api, asked: argparse.Namespace) -> str:
    """Import sheets and wait until each is done."""
    say = api.say
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
        lines.append(f"{name}: {_ending(job, asked, say)}")
        counts = COUNTS | TRIED if asked.dry_run else COUNTS
        told = [f"{say.of(counts, c)} {job[c]}" for c in counts if job.get(c)]
        lines += [f"  {say.listed(told)}"] if told else []
        problems = api.get(f"/imports/{job['id']}/problems", limit=50)
        for row in problems["items"]:
            place = say(
                f"{row['sheet']} 第 {row['row']} 行 {row['column']}",
                f"{row['sheet']} row {row['row']} {row['column']}",
            )
            lines.append(f"  {place}: {row['message']}")
        ended.add(job["state"])
    if ended != {"DONE"}:
        raise BadNews("\n".join(lines))
    return "\n".join(lines)


def _ending(job: Json, asked: argparse.Namespace, say: Say) -> str:
    """Say how an import ended; of a trial, that nothing came of it."""
    if not asked.dry_run:
        return say.state(job["state"])
    nothing = say("仅检查，未保存任何数据", "only checked, nothing was stored")
    if job["state"] == "DONE":
        return nothing
    return f"{say.state(job['state'])} · {nothing}"


def export(api: Api, asked: argparse.Namespace) -> str:
    """Save a list as a sheet; the ending of the file says which kind."""
    target = Path(asked.file)
    wanted = SHEETS[target.suffix.lower()]
    answer = api.call(
        "GET",
        f"/{asked.kind}",
        query={"q": asked.q, "state": asked.state},
        accept=wanted,
    )
    got = answer.headers["Content-Type"]
    if not got.startswith(wanted):
        raise ValueError(api.say(f"期待 {wanted}，收到 {got}", f"not {wanted}: {got}"))
    target.write_bytes(answer.body)
    size = len(answer.body)
    return api.say(f"已导出 {target}（{size} 字节）", f"saved {target} ({size} bytes)")


def template(api: Api, asked: argparse.Namespace) -> str:
    """Save the sheet that an import expects, with notes and drop-downs."""
    media = SHEETS[".xlsx"]
    answer = api.call("GET", f"/imports/templates/{asked.kind}", accept=media)
    Path(asked.file).write_bytes(answer.body)
    return f"{api.say('已保存', 'saved')} {asked.file}"


def audit(api: Api, asked: argparse.Namespace) -> str:  # noqa: ARG001
    """Have the ledger verified."""
    found = api.get("/audit/verification")
    if found["sound"]:
        head, entries = found["head"][:16], found["entries"]
        return api.say(
            f"台账完好：{entries} 条，末条 {head}…",
            f"ledger sound: {entries} entries, head {head}…",
        )
    lines = [api.say("台账有问题", "ledger NOT sound")]
    lines += [f"  {f['kind']} seq {f['seq']}: {f['detail']}" for f in found["faults"]]
    raise BadNews("\n".join(lines))


COMMANDS = {
    "login": "登录。",
    "logout": "退出。",
    "accept": "接受邀请。",
    "me": "当前身份。",
    "audit": "校验台账。",
    "diagnose": "诊断需求草稿。",
    "preview": "为未保存的草稿试匹配。",
    "needs": "需求列表。",
    "offers": "供给列表。",
    "need": "查看需求。",
    "offer": "查看供给。",
    "events": "办理经过。",
    "matches": "匹配结果。",
    "relax": "哪项要求挡住了供方。",
    "teams": "相近团队。",
    "export": "导出表格。",
    "post-need": "保存需求草稿。",
    "post-offer": "保存供给草稿。",
    "post-organisation": "登记单位。",
    "invite": "邀请人员。",
    "edit": "修改。",
    "act": "办理。",
    "template": "下载导入模板。",
    "import": "导入表格。",
    "queue": "待办。",
    "messages": "消息。",
    "dockings": "对接列表。",
    "contracts": "合同列表。",
    "docking": "查看对接。",
    "contract": "查看合同。",
    "readiness": "登记预检。",
    "registration": "登记进度。",
    "payments": "付款计划与收付款。",
    "paper": "下载合同文书。",
    "figure": "指标数值。",
    "funnel": "需求漏斗。",
    "dock": "发起对接。",
    "post-contract": "拟订合同。",
    "attach": "上传并附上合同材料。",
    "pay": "登记收款。",
}
"""What each command does, in Chinese; its docstring says it in English."""
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
        help="name under which login keeps the token; for several people at once",
    )
    top.add_argument("--language", default="zh-CN", choices=["zh-CN", "en"])
    subs = top.add_subparsers(dest="command", required=True)

    def command(name: str, run: Command) -> argparse.ArgumentParser:
        about = f"{COMMANDS[name]} {run.__doc__}"
        sub = subs.add_parser(name, help=about, description=about)
        sub.set_defaults(run=run)
        return sub

    sub = command("login", login)
    sub.add_argument("email")
    sub.add_argument("--password", help="else JIEBANG_PASSWORD, else asked for")
    sub = command("accept", accept)
    sub.add_argument("invitation")
    sub.add_argument("--name", help="of a new user")
    sub.add_argument("--password", help="else JIEBANG_PASSWORD, else asked for")
    for name, run in (("logout", logout), ("me", me), ("audit", audit)):
        command(name, run)
    _reading(command)
    _writing(command)
    _reading_threads(command)
    _writing_threads(command)
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
    _subject(command("events", history), tuple(k for k in KINDS if k not in UNTOLD))
    sub = command("matches", matches)
    _subject(sub, ("need", "offer"))
    sub.add_argument("--limit", type=int, default=5)
    for name, ask, most in (("relax", relaxations, 3), ("teams", near_teams, 5)):
        sub = command(name, ask)
        sub.add_argument("id", help="id or number of a need")
        sub.add_argument("--limit", type=int, default=most)
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
    sub = command("post-organisation", register)
    sub.add_argument("file")
    sub.add_argument("--id", dest="id_only", action="store_true")
    sub = command("invite", invite)
    sub.add_argument("organisation", help="id or credit code")
    sub.add_argument("email")
    sub.add_argument("roles", nargs="+", help="such as demand, supplier, unit_admin")
    sub.add_argument("--id", dest="id_only", action="store_true")
    sub = command("edit", edit)
    _subject(sub, ("need", "offer", "contract"))
    sub.add_argument("file")
    sub = command("act", act)
    _subject(sub, tuple(KINDS))
    sub.add_argument("action")
    sub.add_argument("--comment")
    sub.add_argument("--note", action="append", metavar="POINTER=COMMENT")
    sub.add_argument(
        "--body", metavar="FILE", help="JSON object that goes along; - is the input"
    )
    _settable(sub)
    sub = command("template", template)
    sub.add_argument("kind", choices=SHEET_KINDS)
    sub.add_argument("file", help="ends in .xlsx")
    sub = command("import", bring_in)
    sub.add_argument("kind", choices=SHEET_KINDS)
    sub.add_argument("files", nargs="+")
    sub.add_argument("--mode", default="all", choices=["all", "good"])
    sub.add_argument("--dry-run", action="store_true")
    sub.add_argument("--publish", action="store_true", help="operators only")


def _reading_threads(
    command: Callable[[str, Command], argparse.ArgumentParser],
) -> None:
    sub = command("queue", queue)
    sub.add_argument("--limit", type=int, default=20)
    sub = command("messages", messages)
    sub.add_argument("--unread", action="store_true")
    sub.add_argument("--limit", type=int, default=20)
    for name in THREADS:
        sub = command(name, threads)
        sub.add_argument("--state")
        sub.add_argument("--limit", type=int, default=20)
        sub.add_argument("--id", dest="id_only", action="store_true")
        if name not in UNSEARCHED:
            sub.add_argument("-q", help="words that must all occur")
    command("docking", docking).add_argument("id", help="id or number")
    for name, run in (
        ("contract", contract),
        ("readiness", readiness),
        ("registration", registration),
        ("payments", payments),
    ):
        command(name, run).add_argument("id", help="id or number of a contract")
    sub = command("paper", paper)
    sub.add_argument("id", help="id or number of a contract")
    sub.add_argument("kind", choices=tuple(PAPERS))
    sub.add_argument("file", help="draft ends in .docx, the others in .pdf")
    sub = command("figure", figure)
    sub.add_argument("code", help="such as CT_N, CT_AMT, CT_TECH, DOCK_N")
    sub.add_argument(
        "--period",
        help="2026, 2026H1, 2026Q3, 2026-09 or day..day; else this year, and for the"
        " public the last quarter",
    )
    sub.add_argument("--by", help="one axis or two, such as class,buyer_city")
    sub = command("funnel", funnel)
    sub.add_argument("--period", help="as for figure")


def _writing_threads(
    command: Callable[[str, Command], argparse.ArgumentParser],
) -> None:
    sub = command("dock", dock)
    sub.add_argument("need", help="id or number")
    sub.add_argument("offer", help="id or number")
    sub.add_argument("--message")
    sub.add_argument("--id", dest="id_only", action="store_true")
    sub = command("post-contract", post_contract)
    sub.add_argument("file")
    sub.add_argument("--docking", help="id or number; its terms are taken over")
    _settable(sub)
    sub.add_argument("--id", dest="id_only", action="store_true")
    sub = command("attach", attach)
    sub.add_argument("id", help="id or number of a contract")
    sub.add_argument("file")
    sub.add_argument("--kind", default="CONTRACT", help="code list contract_document")
    sub = command("pay", pay)
    sub.add_argument("id", help="id or number of a contract")
    sub.add_argument("amount", help="yuan")
    sub.add_argument("--instalment", type=int, help="its number in the plan")
    sub.add_argument("--on", metavar="DAY", help="such as 2026-11-23; else today")
    sub.add_argument("--voucher", help="its number; each counts once")


def _settable(sub: argparse.ArgumentParser) -> None:
    sub.add_argument(
        "--set",
        action="append",
        metavar="FIELD=VALUE",
        help="VALUE is read as JSON where it is JSON: true, 1, {...}, else as text",
    )


def _subject(sub: argparse.ArgumentParser, kinds: tuple[str, ...]) -> None:
    sub.add_argument("kind", choices=kinds)
    sub.add_argument("id", help="id or number")


def signed_in(asked: argparse.Namespace, say: Say) -> tuple[str, str]:
    """Return the server and the token of this call.

    Raises
    ------
    ValueError
        A name was given under which nobody has signed in, and the command needs it.
    """
    kept = read_config(asked.profile or DEFAULT)
    server = (asked.server or kept.get("server") or SERVER).rstrip("/")
    if asked.command == "login":
        return server, ""
    token = asked.token or (
        kept.get("token", "") if server == kept.get("server") else ""
    )
    if token or not asked.profile or asked.command == "accept":
        return server, token
    name = asked.profile
    who = say(f"{name} 尚未在 {server} 登录", f"{name} has not signed in at {server}")
    first = f"jiebang_client.py --as {name} login EMAIL"
    if asked.command not in OPEN_TO_ALL:
        raise ValueError(say(f"{who}，请先登录: {first}", f"{who}; first: {first}"))
    public = say("；以下为公众可见内容", "; this is what the public sees")
    sys.stderr.write(f"{who}{public}\n")
    return server, token


def check_ending(asked: argparse.Namespace, say: Say) -> None:
    """Refuse the name of a file whose ending promises something else.

    Raises
    ------
    ValueError
        The text says which endings there are.
    """
    endings = {"export": (".csv", ".xlsx"), "template": (".xlsx",)}.get(asked.command)
    if asked.command == "paper":
        endings = (Path(PAPERS[asked.kind][0]).suffix,)
    if endings is None or Path(asked.file).suffix.lower() in endings:
        return
    zh, en = " 或 ".join(endings), " or ".join(endings)
    told = say(f"文件须以 {zh} 结尾", f"the file has to end in {en}")
    raise ValueError(f"{asked.file}: {told}")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 1 when the server refused, 2 when nothing could be asked."""
    asked = parser().parse_args(arguments)
    say = Say(asked.language)
    try:
        check_ending(asked, say)
        server, token = signed_in(asked, say)
        text = asked.run(Api(server, token, asked.language), asked)
    except BadNews as news:
        sys.stdout.write(f"{news}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    except Refused as refusal:
        sys.stderr.write("\n".join(refusal.lines(say)) + "\n")
        return 1
    except (Unreachable, OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
