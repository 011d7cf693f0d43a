"""Every route with every role, a stranger, a token that only reads, and a false one.

The table below says who gets through; a route that it does not know fails the test.
All requests go to one market: a change that would be committed counts as allowed and
is rolled back at that very moment, so that the next caller finds the same market.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import sqlalchemy as sa
import sqlalchemy.orm as so
from flask import Flask, has_request_context, request

from marketplace.errors import MarketplaceError, Text
from marketplace.services import tokens
from tests.docking import DAY
from tests.listings import NEED
from tests.markets import (
    DOCUMENT,
    OUTCOME,
    SHEET,
    TRIAL,
    Market,
    open_market,
    open_threads,
)
from tests.people import CAST, PASSWORD, World, valid_uscc
from tests.printing import CAN_PRINT

OPEN = "open"
STRANGER, READER, FALSE = "stranger", "reader", "false token"
FIRM = {"firm", "firm_admin"}
UNIVERSITY = {"team", "university_admin"}
OPERATORS = {"operator", "operator_two"}
REVIEWERS = OPERATORS | {"district"}
ALL = set(CAST)
WRITERS = {
    who
    for who, (_, _, _, roles) in CAST.items()
    if {"demand", "supplier", "unit_admin"} & {r.value for r in roles}
}
ANYBODY = ALL | {STRANGER}


class Allowed(MarketplaceError):
    """A change that got as far as its commit."""

    status, code, title = 299, "allowed", Text("可以", "allowed")


@dataclass(frozen=True)
class Case:
    """One request and what becomes of it.

    Parameters
    ----------
    may : set of str
        Who gets through.
    others : int
        Status for everybody else who has signed in.
    public : int
        Status for who has not.
    but : mapping of str to int
        Statuses that follow from the object, not from the route's rule.
    scope : str or None
        What a token needs; by default what the method asks for.
    """

    method: str
    path: str
    may: set[str] = field(default_factory=lambda: set(ANYBODY))
    others: int = 404
    public: int = 404
    body: Mapping[str, Any] | None = None
    form: Mapping[str, Any] | None = None
    query: Mapping[str, Any] = field(default_factory=dict)
    but: Mapping[str, int] = field(default_factory=dict)
    scope: str | None = "method"

    @property
    def needed_scope(self) -> str | None:
        if self.scope != "method":
            return self.scope
        return "read" if self.method == "GET" else "write"

    def expected(self, who: str) -> int:
        """Return the status for a caller, 299 for a change that goes through."""
        through = 200 if self.method == "GET" else Allowed.status
        if self.scope == OPEN:
            return 200
        if who == FALSE:
            return through if self.needed_scope is None else 401
        if who == READER:
            return 403 if self.needed_scope == "write" else self.expected("firm_admin")
        if who in self.but:
            return self.but[who]
        if who in self.may:
            return through
        return self.public if who == STRANGER else self.others


def of_subject(kind: str) -> Iterator[Case]:
    """The routes that needs and offers have alike."""
    insiders = FIRM if kind == "need" else UNIVERSITY
    admin = "firm_admin" if kind == "need" else "university_admin"
    public = "POOLED" if kind == "need" else "LISTED"
    under_review = "SUBMITTED" if kind == "need" else "UNIT_OK"
    reviewers = REVIEWERS if kind == "need" else OPERATORS
    all_, draft, out, waiting = (
        f"/{kind}s",
        f"/{kind}s/{{{kind}:DRAFT}}",
        f"/{kind}s/{{{kind}:{public}}}",
        f"/{kind}s/{{{kind}:{under_review}}}",
    )
    text = {"title": "轻质高强铝合金托盘", "owner_org_id": f"{{org:{OWNER[kind]}}}"}
    if kind == "offer":
        text["kind"] = "result"
    yield Case("GET", all_)
    yield Case("POST", all_, insiders, 403, 401, text)
    for path, seen in (
        (draft, insiders),
        (waiting, insiders | reviewers),
        (out, ANYBODY),
    ):
        yield Case("GET", path, seen)
        yield Case("GET", f"{path}/events", seen)
        yield Case("GET", f"{path}/versions", seen)
        yield Case("GET", f"{path}/versions/1", seen)
        yield Case("GET", f"{path}/versions/compare", seen, query={"from": 1, "to": 1})
    yield Case("PATCH", draft, insiders, body={"title": "新题目"})
    yield Case("PATCH", out, insiders, 403, 401, {"title": "新题目"})
    yield Case("DELETE", draft, insiders)
    yield Case("DELETE", out, set(), 403, 401, but=dict.fromkeys(insiders, 409))
    matched = insiders | OPERATORS | {"broker"} | (reviewers - OPERATORS)
    yield Case("GET", f"{out}/matches", matched, 403, 401)
    yield Case("GET", f"{draft}/matches", insiders)
    if kind == "need":
        yield Case("GET", f"{out}/relaxations", matched, 403, 401)
        yield Case("GET", f"{draft}/relaxations", insiders)
        yield Case("GET", f"{out}/teams", matched, 403, 401)
        yield Case("GET", f"{draft}/teams", insiders)
    readers = insiders | OPERATORS
    yield Case("GET", f"{out}/disclosures", readers, 403, 401)
    signed = {"organisation_id": "{org:panel}", "basis": "保密协议2号"}
    yield Case("POST", f"{out}/disclosures", {admin}, 403, 401, signed)
    yield Case("DELETE", f"{out}/disclosures/{{grant:{kind}}}", {admin}, 403, 401)


OWNER = {"need": "firm", "offer": "university"}


def moves() -> Iterator[Case]:
    """Each action in a state that offers it, and for whom."""

    def move(
        path: str, action: str, may: set[str], seen: set[str], **more: Any
    ) -> Case:
        body = {"comment": "同意"} | more.pop("body", {})
        refused = dict.fromkeys(seen - may, 403) | more.pop("but", {})
        public = 401 if STRANGER in seen else 404
        refused.pop(STRANGER, None)
        return Case(
            "POST", f"{path}/actions/{action}", may, 404, public, body, but=refused
        )

    inside = FIRM | REVIEWERS
    for state, action, may, seen in (
        ("DRAFT", "submit", {"firm_admin"}, FIRM),
        ("DRAFT", "withdraw", FIRM, FIRM),
        ("SUBMITTED", "district-approve", {"district"}, inside),
        ("SUBMITTED", "return", {"district"}, inside),
        ("DISTRICT_OK", "return", OPERATORS, inside),
        ("DISTRICT_OK", "formal-approve", OPERATORS, inside),
        ("FORMAL_OK", "argue-pass", OPERATORS, inside),
        ("FORMAL_OK", "argue-fail", OPERATORS, inside),
        ("ARGUED", "pool", OPERATORS, inside),
        ("POOLED", "withdraw", FIRM, ANYBODY),
        ("RETURNED", "submit", {"firm_admin"}, inside),
    ):
        yield move(f"/needs/{{need:{state}}}", action, may, seen)
    for kind, state, insiders in (
        ("need", "POOLED", FIRM),
        ("offer", "LISTED", UNIVERSITY),
    ):
        # None of them is paused, which only its owner is told.
        path = f"/{kind}s/{{{kind}:{state}}}/actions/resume"
        running = dict.fromkeys(insiders, 409)
        yield Case("POST", path, set(), 403, 401, {}, but=running)
    until = {"valid_until": "2027-06-30"}
    yield move("/needs/{need:EXPIRED}", "renew", {"firm_admin"}, inside, body=until)
    approved = UNIVERSITY | OPERATORS
    for state, action, may, seen in (
        ("DRAFT", "submit", UNIVERSITY, UNIVERSITY),
        ("SUBMITTED", "unit-approve", {"university_admin"}, UNIVERSITY),
        ("SUBMITTED", "return", {"university_admin"}, UNIVERSITY),
        ("UNIT_OK", "register", OPERATORS, approved),
        ("UNIT_OK", "reject", OPERATORS, approved),
        ("UNIT_OK", "return", OPERATORS, approved),
        ("REGISTERED", "list", OPERATORS | {"university_admin"}, approved),
        ("LISTED", "delist", OPERATORS | {"university_admin"}, ANYBODY),
    ):
        yield move(f"/offers/{{offer:{state}}}", action, may, seen)
    sanction = {"until": "2027-06-30", "document": "鲁科字〔2026〕2号"}
    for unit, action, seen, body in (
        ("pending", "verify", OPERATORS | {"pending_admin"}, {}),
        ("other", "suspend", ANYBODY, sanction),
        ("other", "blacklist", ANYBODY, sanction),
        ("suspended", "reinstate", OPERATORS, {}),
        ("other", "close", ANYBODY, {}),
    ):
        yield move(f"/organisations/{{org:{unit}}}", action, OPERATORS, seen, body=body)
    for check, action in (
        ("pending", "clear"),
        ("pending", "uphold"),
        ("cleared", "uphold"),
    ):
        yield move(f"/conflict-checks/{{check:{check}}}", action, OPERATORS, OPERATORS)
    nothing_to_decide = dict.fromkeys(OPERATORS, 409)
    yield move(
        "/conflict-checks/{check:clear}",
        "clear",
        set(),
        set(),
        but=nothing_to_decide,
    )
    yield Case(
        "POST",
        "/users/{user:firm}/actions/disable",
        OPERATORS,
        403,
        401,
        {"comment": "停用"},
    )
    yield Case(
        "POST",
        "/users/{user:gone}/actions/enable",
        OPERATORS,
        403,
        401,
        {"comment": "恢复"},
    )
    yield Case(
        "POST",
        "/imports/{job}/actions/cancel",
        {"firm"},
        404,
        401,
        {"comment": "不再需要"},
        but={"firm_admin": 403},
    )


def docking_days() -> Iterator[Case]:
    """Days of talks: operators run them, participants find their own talks."""
    parties = FIRM | UNIVERSITY
    draft, held = "/docking-days/{day:DRAFT}", "/docking-days/{day:DEPLOYED}"
    known = dict.fromkeys(parties, 403)
    reason = {"comment": "场地不可用"}
    yield Case("GET", "/docking-days", ALL, public=401)
    yield Case("POST", "/docking-days", OPERATORS, 403, 401, DAY)
    yield Case("GET", draft, OPERATORS, public=401)
    yield Case("GET", held, OPERATORS | parties, public=401)
    yield Case("PATCH", draft, OPERATORS, public=401, body={"place": "二号厅"})
    for path, but in ((draft, {}), (held, known)):
        act = f"{path}/actions/call-off"
        yield Case("POST", act, OPERATORS, public=401, body=reason, but=but)
        yield Case("GET", f"{path}/events", OPERATORS, public=401, but=but)
        yield Case("GET", f"{path}/participants", OPERATORS, public=401, but=but)
        yield Case("GET", f"{path}/plan", OPERATORS, public=401, but=but)
    yield Case("POST", f"{held}/actions/finish", OPERATORS, public=401, but=known)
    another = {"offer_id": "{offer:docking}"}
    yield Case("POST", f"{draft}/participants", OPERATORS, public=401, body=another)
    one = f"{draft}/participants/{{participant:DRAFT}}"
    yield Case("GET", one, OPERATORS, public=401)
    yield Case("PATCH", one, OPERATORS, public=401, body={"absent": [1]})
    yield Case("DELETE", one, OPERATORS, public=401)
    for state, action in (
        ("DRAFT", "solve"),
        ("SOLVING", "cancel"),
        ("PROPOSED", "deploy"),
    ):
        path = f"/docking-days/{{day:{state}}}/plan/actions/{action}"
        yield Case("POST", path, OPERATORS, public=401)
    talk = f"{held}/talks/{{talk}}"
    yield Case("GET", f"{held}/talks", OPERATORS | parties, public=401)
    yield Case("GET", f"{draft}/talks", OPERATORS, public=401)
    yield Case("GET", talk, OPERATORS | parties, public=401)
    yield Case(
        "POST",
        f"{talk}/actions/record-outcome",
        OPERATORS | FIRM,
        public=401,
        body={"outcome": "interested"},
        but=dict.fromkeys(UNIVERSITY, 403),
    )


PROVINCE = {"province"}
DISTRICTS = {"district", "far_district"}
REGISTRY = {"clerk", "reviewer"}
STATISTICIANS = OPERATORS | PROVINCE


def of_figures() -> Iterator[Case]:
    """Figures, the funnel, targets and reports."""
    yield Case("GET", "/indicators")
    yield Case("GET", "/indicators/CT_N")
    yield Case("GET", "/targets")
    counted = STATISTICIANS | DISTRICTS
    whole = {"period": "2026", "by": "class"}
    yield Case("GET", "/indicators/CT_N", counted | REGISTRY, 422, 422, query=whole)
    yield Case("GET", "/indicators/CT_N/rows", counted | REGISTRY, 403, 401)
    yield Case("GET", "/indicators/NEED_N/rows", counted, 403, 401)
    yield Case("GET", "/funnel", counted, 403, 401)
    yield Case("GET", "/reports", ALL, public=401)
    rank = {"kind": "quarterly-rank", "period": "2026Q3", "region": "370200"}
    unit = {
        "kind": "conversion",
        "period": "2024",
        "organisation_id": "{org:university}",
    }
    own = STATISTICIANS | {"district"}
    yield Case("POST", "/reports/preparation", own, 403, 401, rank)
    yield Case("POST", "/reports", STATISTICIANS, 403, 401, rank)
    insiders = STATISTICIANS | UNIVERSITY
    yield Case("POST", "/reports/preparation", insiders, 403, 401, unit)
    admins = STATISTICIANS | {"university_admin"}
    yield Case("POST", "/reports", admins, 403, 401, unit)
    for name, may in (("city", own), ("unit", insiders)):
        yield Case("GET", f"/reports/{{report:{name}}}", may)
        yield Case("GET", f"/reports/{{report:{name}}}/sheet", may)


def of_trials() -> Iterator[Case]:
    """The trials of a docking, its meetings as files, and calendar feeds."""
    sides = FIRM | UNIVERSITY
    seen = sides | OPERATORS | {"broker"}
    place = "/dockings/{docking:trial}"
    offered, running, ended = (
        f"/trials/{{trial:{state}}}" for state in ("PROPOSED", "RUNNING", "ENDED")
    )
    yield Case("GET", f"{place}/meetings/{{meeting}}.ics", seen)
    yield Case("GET", f"{place}/trials", seen)
    lookers = dict.fromkeys(OPERATORS | {"broker"}, 403)
    yield Case("POST", f"{place}/trials", sides, body=TRIAL, but=lookers)
    yield Case("GET", offered, seen)
    yield Case("GET", f"{offered}/events", seen)

    def move(path: str, action: str, may: set[str], **body: Any) -> Case:
        refused = dict.fromkeys(seen - may, 403)
        return Case("POST", f"{path}/actions/{action}", may, body=body, but=refused)

    results = [{"name": "抗拉强度", "measured": "352 MPa", "verdict": "met"}]
    yield move(offered, "start", FIRM)
    yield move(offered, "drop", sides, comment="不试了")
    yield move(running, "report", FIRM, results=results)
    yield move(ended, "drop", sides, comment="不转化")
    unsigned = dict.fromkeys(sides, 422) | lookers
    contract = {"contract_id": "{docking:trial}"}
    yield Case("POST", f"{ended}/actions/convert", set(), body=contract, but=unsigned)
    yield Case("POST", "/me/calendar-feed", ALL, public=401)
    yield Case("DELETE", "/me/calendar-feed", ALL, public=401)
    yield Case("GET", "/calendars/{feed-token}.ics", scope=None)


def mediated() -> Iterator[Case]:
    """Brokers, institutions, contributions, and how a commission is shared."""
    admins = {"firm_admin", "other_firm", "university_admin"}
    certificate = {"certificate_no": "JJ-3", "certificate_body": "示例（演示）"}
    colleague = {"name": "钱示例", "own": False, **certificate}
    one, two = "/brokers/{broker:1}", "/brokers/{broker:2}"
    hidden = {"university_admin"} | OPERATORS
    yield Case("GET", "/brokers")
    yield Case("POST", "/brokers", admins, 403, 401, colleague)
    yield Case("GET", one)
    yield Case("GET", two, hidden)
    yield Case("PUT", one, {"broker"}, 403, 401, {"name": "王示例"})
    yield Case("PUT", two, {"university_admin"}, 404, 404, {"name": "钱示例"},
               but=dict.fromkeys(OPERATORS, 403))  # fmt: skip
    yield Case("POST", f"{one}/actions/suspend", OPERATORS, 403, 401, {"comment": "停"})
    yield Case("POST", f"{two}/actions/verify", OPERATORS, 404, 404, {},
               but={"university_admin": 403})  # fmt: skip
    yield Case("GET", f"{one}/events", OPERATORS | {"broker"}, 403, 401)
    yield Case("GET", f"{one}/ratings")
    worked = {"firm", "firm_admin", "team", "university_admin"}
    yield Case("POST", f"{one}/ratings", worked, 403, 401, {"score": 5})
    yield from _institutions()
    sides = FIRM | UNIVERSITY | {"broker"}
    insiders = sides | OPERATORS
    registry = {"province": 403}
    contract = "/contracts/{contract:brokered}"
    share = f"{contract}/shares/{{share:1}}"
    query = {"contract_id": "{contract:brokered}"}
    yield Case("GET", "/contributions", insiders, query=query, but=registry)
    needed = {"need_id": "{need:POOLED}"}
    yield Case("GET", "/contributions", FIRM | OPERATORS, 403, 401, query=needed)
    for path in (f"{contract}/shares", share, f"{contract}/commission-payments"):
        yield Case("GET", path, insiders, but=registry)
    outside = registry | dict.fromkeys(OPERATORS, 403)
    whole = {"organisation_id": "{org:broker}", "contribution": "OTHER"}
    body = {"shares": [{**whole, "percent": "100.00"}]}
    yield Case("POST", f"{contract}/shares", sides, body=body, but=outside)
    received = {"amount_yuan": "1.00", "paid_on": "2026-11-23", "voucher": "F-1"}
    yield Case("POST", f"{contract}/commission-payments", sides, body=received,
               but=outside)  # fmt: skip
    deciding = {"firm_admin", "university_admin", "broker"}
    outside = outside | {"firm": 403, "team": 403}
    for action in ("accept", "refuse"):
        yield Case("POST", f"{share}/actions/{action}", deciding,
                   body={"comment": "意见"}, but=outside)  # fmt: skip


def _institutions() -> Iterator[Case]:
    place = "/broker-institutions/{{institution:{}}}"
    applied, advised, recorded = map(place.format, ("APPLIED", "ADVISED", "RECORDED"))
    officials = OPERATORS | {"province"}
    seen = officials | {"university_admin"}
    form = {"legal_type": "ENTERPRISE", "unit_type": "OTHER"}
    admins = {"firm_admin", "other_firm", "university_admin"}
    yield Case("GET", "/broker-institutions")
    yield Case("POST", "/broker-institutions", set(), 403, 401, form,
               but=dict.fromkeys(admins, 409))  # fmt: skip
    yield Case("GET", applied, seen)
    yield Case("GET", recorded)
    yield Case("PATCH", recorded, {"other_firm"}, 403, 401, {"trainings": 3})
    yield Case("PATCH", applied, {"university_admin"}, 404, 404, {"trainings": 3},
               but=dict.fromkeys(officials, 403))  # fmt: skip
    insiders = officials | {"other_firm"}
    yield Case("GET", f"{recorded}/events", insiders, 403, 401)
    yield Case(
        "GET", f"{recorded}/thresholds", insiders, 403, 401, query={"year": 2025}
    )
    yield Case("GET", f"{applied}/thresholds", seen, query={"year": 2025})
    for path, action, may, unit in (
        (applied, "recommend", OPERATORS, "university_admin"),
        (applied, "return", officials, "university_admin"),
        (applied, "withdraw", {"university_admin"}, "university_admin"),
        (advised, "record", {"province"}, "firm_admin"),
        (advised, "remove", {"province"}, "firm_admin"),
    ):
        comment = {"comment": "理由"}
        refused = dict.fromkeys((officials | {unit}) - may, 403)
        yield Case("POST", f"{path}/actions/{action}", may, body=comment, but=refused)
    graded = {"comment": "评价", "year": 2026, "grade": "GOOD"}
    yield Case("POST", f"{recorded}/actions/evaluate", {"province"}, 403, 401, graded)


SIDES = FIRM | UNIVERSITY
ADMINS = {"firm_admin", "university_admin"}
OFFICE = {"clerk", "reviewer", "province"}
MEETING = {"starts_at": "2026-11-24T09:30:00+08:00", "content": "交流"}


def walked(path: str, action: str, may: set[str], seen: set[str], **more: Any) -> Case:
    """One step of a thread: who may, who is told that he may not, who knows nothing.

    Parameters
    ----------
    seen : set of str
        Who may know of the object.
    body, but : mapping, optional
    """
    refused = dict.fromkeys(seen - may, 403) | more.pop("but", {})
    body = more.pop("body", {})
    return Case("POST", f"{path}/actions/{action}", may, 404, 404, body, but=refused)


def dockings() -> Iterator[Case]:
    """The two sides and their broker; an operator reads, nobody else knows of it."""
    seen = SIDES | OPERATORS | {"broker"}
    pair = {"need_id": "{need:POOLED}", "offer_id": "{offer:LISTED}"}
    yield Case("GET", "/dockings")
    yield Case("POST", "/dockings", SIDES | {"broker"}, 403, 401, pair)
    for state in ("RECOMMENDED", "NDA", "LOST"):
        path = f"/dockings/{{docking:{state}}}"
        yield Case("GET", path, seen)
        yield Case("GET", f"{path}/events", seen)
        yield Case("GET", f"{path}/meetings", seen)
    with_broker = SIDES | {"broker"}
    reason = {"reason": "price"}
    terms = {"terms": {"price_yuan": "100000.00"}}
    for state, action, may, body in (
        ("RECOMMENDED", "express-interest", SIDES, {}),
        ("RECOMMENDED", "decline", SIDES, reason),
        ("INTERESTED", "accept", UNIVERSITY, {}),
        ("INTERESTED", "decline", SIDES, reason),
        ("CONTACTED", "log-meeting", with_broker, {"meeting": MEETING}),
        ("CONTACTED", "propose-nda", SIDES, {"text": "保密"}),
        ("CONTACTED", "lose", SIDES, reason),
        ("MEETING", "sign-nda", with_broker, {"nda_version": 1}),
        ("MEETING", "finish-next-step", FIRM, {}),
        ("NDA", "propose-intent", SIDES, terms),
        ("SOLUTION", "accept-intent", FIRM, {"number": 1}),
        ("SOLUTION", "propose-intent", SIDES, terms),
        ("INTENT", "log-meeting", with_broker, {"meeting": MEETING}),
    ):
        yield walked(f"/dockings/{{docking:{state}}}", action, may, seen, body=body)
    # Their contract is not signed, so that nobody gets through; the sides are told.
    yield walked(
        "/dockings/{docking:INTENT}",
        "sign",
        set(),
        seen,
        body={"contract_id": "{contract:SIGNED}"},
        but=dict.fromkeys(SIDES, 409),
    )


def contracts() -> Iterator[Case]:
    """Parties and operators; the registry once the papers have been handed in."""
    parties = SIDES | {"broker"}
    seen = parties | OPERATORS
    before, after = "/contracts/{contract:SIGNED}", "/contracts/{papers:ACCEPTED}"
    draft = "/contracts/{contract:DRAFT}"
    yield Case("GET", "/contracts")
    writing = WRITERS - {"pending_admin"}
    yield Case("POST", "/contracts", writing, 403, 401, {"title": "工艺开发"})
    for path, readers in ((draft, seen), (before, seen), (after, seen | OFFICE)):
        yield Case("GET", path, readers)
        for part in ("events", "amendments", "payments", "payment-plan", "readiness"):
            yield Case("GET", f"{path}/{part}", readers)
    for paper in ("draft.docx", "data-sheet.pdf", "registration/form.pdf"):
        unprinted = paper.endswith(".pdf") and not CAN_PRINT
        no_font = dict.fromkeys(seen, 503) if unprinted else {}
        yield Case("GET", f"{draft}/{paper}", seen, but=no_font)
    unregistered = dict.fromkeys(seen, 409)
    certificate = f"{draft}/registration/certificate.pdf"
    yield Case("GET", certificate, set(), but=unregistered)
    yield Case("GET", "/registrations/forms", ALL, public=401)
    refused = dict.fromkeys(seen - SIDES, 403)
    yield Case("PATCH", draft, SIDES, body={"title": "新题目"}, but=refused)
    drafting = dict.fromkeys(seen - FIRM, 403)
    yield Case("DELETE", draft, FIRM, but=drafting)
    signing = ADMINS | {"broker"}
    told = dict.fromkeys
    for state, action, may, body, but in (
        ("DRAFT", "sign", signing, {"signer": "测试员"}, {}),
        (
            "HALF",
            "withdraw-signature",
            {"firm_admin"},
            {"comment": "改条款"},
            told(("university_admin", "broker"), 409),
        ),
        ("SIGNED", "take-effect", ADMINS, {}, {}),
        ("SIGNED", "annul", OPERATORS, DOCUMENT, {}),
        ("EFFECTIVE", "complete", {"firm_admin"}, {}, {}),
        ("EFFECTIVE", "rescind", ADMINS, {"comment": "协商", "ground": "AGREED"}, {}),
    ):
        path = f"/contracts/{{contract:{state}}}"
        yield walked(path, action, may, seen, body=body, but=but)
    change = {"reason_kind": "PERIOD", "reason": "延期"}
    change |= {"changes": {"valid_to": "2029-02-28"}}
    received = {"kind": "received", "amount_yuan": "1.00", "paid_on": "2026-11-20"}
    in_force = "/contracts/{contract:EFFECTIVE}"
    yield Case("POST", f"{in_force}/amendments", SIDES, body=change, but=refused)
    yield Case("POST", f"{in_force}/payments", SIDES, body=received, but=refused)
    back = {"kind": "returned", "reverses_id": "{payment}"}
    back |= {"amount_yuan": "1.00", "paid_on": "2026-11-23"}
    paid = "/contracts/{contract:PAID}/payments"
    yield Case("POST", paid, SIDES, body=back, but=refused)
    proposed = "/contracts/{contract:AMENDED}/amendments/2"
    yield walked(proposed, "sign", signing, seen, body={"signer": "测试员"})
    yield walked(proposed, "refuse", ADMINS, seen, body={"comment": "不同意"})


def registrations() -> Iterator[Case]:
    """The applicant, the registry and the province, each where his turn is."""
    parties = SIDES | {"broker"} | OPERATORS
    seen = parties | OFFICE
    seller = {"university_admin"}
    yield Case("GET", "/registrations")
    place = "/contracts/{{papers:{}}}/registration"
    for state, readers in (("NONE", parties), ("APPLIED", seen), ("REGISTERED", seen)):
        yield Case("GET", place.format(state), readers)
        yield Case("GET", f"{place.format(state)}/events", readers)
    words = {"comment": "理由"}
    yield walked(
        place.format("NONE"),
        "apply",
        seller,
        parties,
        body={"truthful": True},
        but={"firm_admin": 409},
    )
    for state, action, may, body in (
        ("CORRECTION", "resubmit", seller, {}),
        ("APPLIED", "withdraw", seller, words),
        ("APPLIED", "accept", {"clerk"}, {}),
        ("APPLIED", "request-correction", {"clerk", "reviewer"}, words),
        ("ACCEPTED", "request-correction", {"clerk", "reviewer"}, words),
        ("ACCEPTED", "first-approve", {"clerk"}, {}),
        ("FIRST_OK", "send-to-experts", {"clerk", "reviewer"}, words),
        ("EXPERT", "note-opinion", {"clerk", "reviewer"}, {**words, "supports": True}),
        ("EXPERT", "appoint-expert", {"clerk", "reviewer"}, {"user_id": "{expert}"}),
        ("FIRST_OK", "register", {"reviewer"}, {}),
        ("FIRST_OK", "refuse", {"reviewer"}, {**words, "outcome": OUTCOME}),
        ("REGISTERED", "request-change", seller, {**words, "wanted": "change"}),
        ("OUTDATED", "return-to-check", {"clerk", "reviewer"}, words),
        ("CHANGE", "withdraw-request", seller, {}),
        ("CHANGE", "decline-change", {"reviewer"}, words),
        ("CHANGE", "change", {"reviewer"}, {}),
        ("CANCEL", "cancel", {"reviewer"}, words),
        ("REGISTERED", "revoke", {"reviewer", "province"}, DOCUMENT),
        ("REFUSED", "appeal", seller, words),
        ("APPEALED", "uphold-appeal", {"province"}, words),
        ("APPEALED", "dismiss-appeal", {"province"}, words),
        ("REVOKED", "reinstate", {"province"}, words),
    ):
        yield walked(place.format(state), action, may, seen, body=body)
    asked, seen = place.format("ASKED"), seen | {"expert"}
    opinion = {**words, "supports": True, "impartial": True}
    let_go = {**words, "user_id": "{expert}"}
    yield Case("GET", asked, seen)
    yield Case("GET", asked.removesuffix("/registration"), seen)
    yield walked(asked, "give-opinion", {"expert"}, seen, body=opinion)
    yield walked(asked, "recuse", {"expert"}, seen, body=words)
    yield walked(asked, "release-expert", {"clerk", "reviewer"}, seen, body=let_go)
    refused = dict.fromkeys(seen - {"clerk", "reviewer"}, 403)
    candidates = f"{asked}/expert-candidates"
    yield Case("GET", candidates, {"clerk", "reviewer"}, 404, 404, but=refused)


CASES: tuple[Case, ...] = (
    *docking_days(),
    *of_figures(),
    *mediated(),
    *dockings(),
    *contracts(),
    *registrations(),
    Case("GET", "/work-queue", ALL, public=401),
    *of_subject("need"),
    *of_subject("offer"),
    *moves(),
    *of_trials(),
    Case(
        "POST",
        "/auth/tokens",
        body={"email": "firm@example.test", "password": PASSWORD},
        scope=None,
    ),
    Case("DELETE", "/auth/tokens/current", ALL, public=401, scope="read"),
    Case(
        "POST",
        "/invitations",
        OPERATORS | {"firm_admin"},
        403,
        401,
        {
            "organisation_id": "{org:firm}",
            "email": "new@example.test",
            "roles": ["demand"],
        },
    ),
    Case(
        "GET",
        "/invitations",
        OPERATORS | {"firm_admin"},
        403,
        401,
        query={"organisation_id": "{org:firm}"},
    ),
    Case("DELETE", "/invitations/{invitation}", OPERATORS | {"firm_admin"}, public=401),
    Case(
        "POST",
        "/invitations/accept",
        {STRANGER},
        422,
        body={
            "token": "{invitation-token}",
            "name": "来客",
            "password": "a-long-password-2026",
        },
    ),
    Case("GET", "/me", ALL, public=401),
    Case("PATCH", "/me", ALL, public=401, body={"name": "新名"}),
    Case("GET", "/me/ties", ALL, public=401),
    Case(
        "PUT",
        "/me/ties",
        ALL,
        public=401,
        body={"ties": [{"kind": "adviser", "name": "某公司（演示）"}]},
    ),
    Case("GET", "/conflict-checks", OPERATORS, 403, 401),
    Case("GET", "/conflict-checks/{check:pending}", OPERATORS),
    Case("GET", "/conflict-checks/{check:clear}", OPERATORS),
    Case("GET", "/users", OPERATORS, 403, 401),
    Case("GET", "/users/{user:firm}", OPERATORS, 403, 401),
    Case("GET", "/codes"),
    Case("GET", "/codes/region"),
    Case("GET", "/audit", OPERATORS, 403, 401),
    Case("GET", "/audit/verification", OPERATORS, 403, 401),
    Case("GET", "/organisations"),
    Case(
        "POST",
        "/organisations",
        ALL,
        public=401,
        body={
            "name": "新单位（测试）",
            "org_type": "FIRM",
            "region": "370202",
            "uscc": valid_uscc(99_999),
        },
    ),
    Case("GET", "/organisations/{org:firm}"),
    Case("GET", "/organisations/{org:pending}", OPERATORS | {"pending_admin"}),
    Case(
        "PATCH",
        "/organisations/{org:firm}",
        OPERATORS | {"firm_admin"},
        403,
        401,
        {"intro": "新简介"},
    ),
    Case("GET", "/organisations/{org:firm}/contact", OPERATORS | FIRM, 403, 401),
    Case("GET", "/organisations/{org:firm}/events", OPERATORS | FIRM, 403, 401),
    Case("GET", "/organisations/{org:firm}/members", OPERATORS | FIRM, 403, 401),
    Case("GET", "/organisations/{org:pending}/members", OPERATORS | {"pending_admin"}),
    Case(
        "GET",
        "/organisations/{org:firm}/members/{member:firm}",
        OPERATORS | FIRM,
        403,
        401,
    ),
    Case(
        "PATCH",
        "/organisations/{org:firm}/members/{member:firm}",
        OPERATORS | {"firm_admin"},
        403,
        401,
        {"roles": ["demand", "unit_admin"]},
    ),
    Case(
        "DELETE",
        "/organisations/{org:firm}/members/{member:firm}",
        OPERATORS | FIRM,
        403,
        401,
    ),
    Case("GET", "/organisations/{org:university}/teams"),
    Case("GET", "/organisations/{org:pending}/teams", OPERATORS | {"pending_admin"}),
    Case(
        "POST",
        "/organisations/{org:university}/teams",
        OPERATORS | {"university_admin"},
        403,
        401,
        {"name": "新团队"},
    ),
    Case("GET", "/organisations/{org:university}/teams/{team:1}"),
    Case(
        "PATCH",
        "/organisations/{org:university}/teams/{team:1}",
        OPERATORS | {"university_admin"},
        403,
        401,
        {"intro": "新简介"},
    ),
    Case(
        "DELETE",
        "/organisations/{org:university}/teams/{team:1}",
        OPERATORS | {"university_admin"},
        403,
        401,
    ),
    Case("POST", "/attachments", ALL, public=401, form={"file": (b"words\n", "a.txt")}),
    Case("GET", "/attachments/{attachment}", FIRM),
    Case("GET", "/attachments/{attachment}/content", FIRM),
    Case(
        "POST",
        "/imports",
        FIRM | OPERATORS,
        403,
        401,
        form={
            "file": (SHEET, "needs.csv"),
            "kind": "needs",
            "dry_run": "true",
            "organisation_id": "{org:firm}",
        },
    ),
    Case("GET", "/imports", ALL, public=401),
    Case("GET", "/imports/{job}", FIRM, public=401),
    Case("GET", "/imports/{job}/problems", FIRM, public=401),
    Case("GET", "/imports/templates/needs"),
    Case("POST", "/needs/diagnosis", ALL, public=401, body={"title": NEED["title"]}),
    Case(
        "POST",
        "/matches/preview",
        WRITERS,
        403,
        401,
        body={"need": {"title": NEED["title"]}},
    ),
    Case(
        "POST",
        "/matches/feedback",
        FIRM | UNIVERSITY | REVIEWERS | {"broker"},
        403,
        401,
        body={
            "need_id": "{need:POOLED}",
            "offer_id": "{offer:LISTED}",
            "verdict": "useful",
        },
    ),
    Case("GET", "/messages", ALL, public=401),
    Case("GET", "/messages/{message}", {"firm"}, public=401),
    Case("POST", "/messages/{message}/actions/read", {"firm"}, public=401),
    Case("POST", "/messages/actions/read-all", ALL, public=401, body={}),
    Case(
        "POST",
        "/messages/groups/preview",
        OPERATORS,
        403,
        401,
        {"audience": {"roles": ["supplier"]}},
    ),
    Case(
        "POST",
        "/messages/groups",
        OPERATORS,
        403,
        401,
        {
            "audience": {"roles": ["provincial_authority"]},
            "subject": "通知",
            "text": "系统维护",
            "number": 1,
            "digest": "{group-digest}",
        },
    ),
    Case("GET", "/me/message-preferences", ALL, public=401),
    Case("PUT", "/me/message-preferences", ALL, public=401, body={"email": "digest"}),
    Case("GET", "/", scope=OPEN),
    Case("GET", "/api/v1/", scope=OPEN),
    Case("GET", "/healthz", scope=OPEN),
    Case("GET", "/readyz", scope=OPEN),
    Case("GET", "/metrics", scope=OPEN),
    Case("GET", "/api/v1/openapi.json", scope=OPEN),
    Case("GET", "/api/v1/docs/", scope=OPEN),
    Case("GET", "/api/v1/docs/swagger-ui.css", scope=OPEN),
)


def filled(value: Any, market: Market) -> Any:
    """Put the names of the market's objects into a path or a body."""
    if isinstance(value, str):
        return re.sub(r"\{([^}]+)\}", lambda m: market.names[m[1]], value)
    if isinstance(value, Mapping):
        return {name: filled(item, market) for name, item in value.items()}
    if isinstance(value, list):
        return [filled(item, market) for item in value]
    return value


@contextmanager
def nothing_committed() -> Iterator[None]:
    """Let no request change the store; one that tries to is told ``Allowed``."""

    def stop(session: so.Session) -> None:
        if has_request_context() and request.method != "GET":
            raise Allowed

    sa.event.listen(so.Session, "before_commit", stop)
    try:
        yield
    finally:
        sa.event.remove(so.Session, "before_commit", stop)


def address(case: Case, market: Market) -> str:
    """Return the whole path of a case, which may be one below ``/api/v1``."""
    path: str = filled(case.path, market)
    whole = path == "/" or path.startswith(("/api", "/healthz", "/readyz", "/metrics"))
    return path if whole else "/api/v1" + path


def send(app: Flask, case: Case, market: Market, who: str, headers: Any) -> Any:
    path = address(case, market)
    more: dict[str, Any] = {"query_string": filled(case.query, market)}
    if case.body is not None:
        more["json"] = filled(case.body, market)
    if case.form is not None:
        more["data"] = {
            name: (io.BytesIO(value[0]), value[1])
            if isinstance(value, tuple)
            else filled(value, market)
            for name, value in case.form.items()
        }
    etag = market.etag(case.path, reviews=who in REVIEWERS)
    if case.path in {"/me", "/me/ties"}:
        etag = f'"{market.revisions.get(f"user:{who}", 1)}"'
    if case.method != "GET":
        headers = {**headers, "If-Match": etag}
    with app.test_client() as client:
        return client.open(
            path,
            method=case.method,
            headers=headers,
            buffered=True,
            follow_redirects=case.method == "GET",
            **more,
        )


@pytest.fixture
def callers(world: World) -> dict[str, dict[str, str]]:
    """The headers of everybody who tries."""
    found = {who: world.client(who).headers for who in (*CAST, STRANGER)}
    raw, _ = tokens.issue(
        world.session,
        world.user("firm_admin"),
        world.clock.now(),
        hours=1,
        scopes=["read"],
    )
    world.session.commit()
    found[READER] = {"Authorization": f"Bearer {raw}"}
    found[FALSE] = {"Authorization": "Bearer jb_nobody-has-this-one"}
    return found


def test_every_route_lets_through_whom_it_should_and_nobody_else(
    world: World, app: Flask, callers: dict[str, dict[str, str]]
) -> None:
    market = open_market(world)
    open_threads(market)
    wrong: list[str] = []
    visited: set[tuple[str, str]] = set()
    rules = app.url_map.bind("localhost")
    with nothing_committed():
        for case in CASES:
            path = address(case, market)
            rule, _ = rules.match(path, case.method, return_rule=True)
            visited.add((rule.rule, case.method))
            for who, headers in callers.items():
                answer = send(app, case, market, who, headers)
                expected = case.expected(who)
                if answer.status_code != expected:
                    wrong.append(
                        f"{case.method} {case.path} as {who}: "
                        f"{answer.status_code}, not {expected}"
                        f" {answer.get_data()[:200]!r}"
                    )
    assert not wrong, "\n".join(["", *wrong])
    assert visited == {
        (rule.rule, method)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
