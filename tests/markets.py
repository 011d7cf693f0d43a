"""A small market with an object in every state that a route can be tried on."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from marketplace.domain.actors import SHANGHAI, system
from marketplace.domain.conflicts import Purpose
from marketplace.domain.organisations import OrganisationState
from marketplace.integrations.files import FolderStore
from marketplace.services import (
    accounts,
    attachments,
    brokers,
    calendar_feeds,
    commissions,
    conflicts,
    contracts,
    disclosures,
    docking_days,
    docking_plans,
    docking_talks,
    dockings,
    events,
    imports,
    institutions,
    invitations,
    memberships,
    messages,
    payments,
    registrations,
    reports,
    teams,
    trials,
)
from tests.brokers import FORM, RECORD, deal, shares
from tests.docking import add, make_day, propose
from tests.listings import SERVICES, make_need, make_offer
from tests.people import CAST, World
from tests.threads import CONTRACT, NDA_TEXT, TERMS

COMPLETE = {
    "party_nature": "311",
    "legal_rep": "张示例",
    "industry": "C32",
    "address": "山东省青岛市市南区示例路1号",
    "scale": "MEDIUM",
}
NO_IDS = {"invitation-token", "group-digest", "feed-token", "share:1"}
TRIAL = {
    "starts_on": "2026-11-23",
    "ends_on": "2027-02-26",
    "site": "青岛焊接车间（演示）",
    "indicators": [{"text": "抗拉强度≥350 MPa"}],
    "price_yuan": "800000.00",
}
SHEET = "名称\n一行\n".encode()


@dataclass
class Market:
    """Names of objects, to be put into paths, and the revisions that they stand at."""

    world: World
    names: dict[str, str] = field(default_factory=dict)
    revisions: dict[str, int] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def keep(self, name: str, row: Any) -> Any:
        """Remember a row by a name."""
        self.names[name] = str(row.id)
        if hasattr(row, "revision"):
            self.revisions[name] = row.revision
        return row

    @property
    def ids(self) -> dict[str, UUID]:
        """The same names, as identifiers."""
        return {k: UUID(v) for k, v in self.names.items() if k not in NO_IDS}

    def etag(self, path: str, *, reviews: bool) -> str:
        """Return the ``If-Match`` for the last object that a path names.

        Reviewers have another tag than the unit for what is published.
        """
        words = path.replace("{", "}").split("}")[1::2]
        if reviews and words and words[-1] in self.tags:
            return f'"{self.tags[words[-1]]}"'
        known = [w for w in words if w in self.revisions]
        return f'"{self.revisions[known[-1]]}"' if known else '"0"'


def open_market(world: World) -> Market:
    """Make the people, their units, and one object of each kind and state."""
    folder = world.app.extensions["jiebang.settings"].files_dir
    market = Market(world)
    for who in CAST:
        market.keep(f"user:{who}", world.user(who))
    for key, org in world.orgs.items():
        market.keep(f"org:{key}", org)
    _units(market)
    _people(market)
    _offers_and_needs(market)
    _files(market, folder)
    _messages(market)
    _checks(market)
    _docking_days(market)
    _reports(market)
    _trials(market)
    _mediation(market)
    world.session.commit()
    return market


def _units(market: Market) -> None:
    world = market.world
    machine = system(world.clock.now())
    bad = world.make_org("suspended")
    bad.state = OrganisationState.SUSPENDED
    bad.suspended_until = machine.today + timedelta(days=30)
    bad.suspension_document = "鲁科字〔2026〕1号"
    world.session.flush()
    market.keep("org:suspended", bad)
    waiting = world.org("pending_admin")
    for name, value in COMPLETE.items():
        setattr(waiting, name, value)
    world.session.flush()
    market.keep("org:pending", waiting)
    university = world.org("team").id
    team = teams.create(
        world.session, machine, university, {"name": "铝合金团队", "leader": "李示例"}
    )
    market.keep("team:1", team)
    second = teams.create(world.session, machine, university, {"name": "热处理团队"})
    market.keep("team:2", second)


def _people(market: Market) -> None:
    world = market.world
    session, machine = world.session, system(world.clock.now())
    for who in ("firm", "firm_admin", "team"):
        page = memberships.search(session, machine, world.org(who).id).page()
        for row in page.items:
            if row["user_id"] == world.user(who).id:
                member, _ = memberships.get(
                    session, machine, world.org(who).id, row["id"]
                )
                market.keep(f"member:{who}", member)
    gone = world.make_user("gone", world.org("firm"), ())
    accounts.act(session, machine, gone.id, "disable", comment="离职")
    session.refresh(gone)
    market.keep("user:gone", gone)
    raw, invitation = invitations.create(
        session,
        machine,
        organisation_id=world.org("firm").id,
        email="guest@example.test",
        roles=["demand"],
    )
    market.keep("invitation", invitation)
    market.names["invitation-token"] = raw


def _offers_and_needs(market: Market) -> None:
    world = market.world
    for state in (
        *("DRAFT", "SUBMITTED", "RETURNED", "DISTRICT_OK", "FORMAL_OK"),
        *("ARGUED", "POOLED", "EXPIRED"),
    ):
        market.keep(f"need:{state}", make_need(world, state))
    for state in ("DRAFT", "SUBMITTED", "UNIT_OK", "REGISTERED", "LISTED"):
        market.keep(f"offer:{state}", make_offer(world, state))
    for kind, name in (("need", "need:POOLED"), ("offer", "offer:LISTED")):
        given = disclosures.grant(
            world.session,
            world.actor("firm_admin" if kind == "need" else "university_admin"),
            kind,
            UUID(market.names[name]),
            {"organisation_id": world.org("broker").id, "basis": "保密协议1号"},
        )
        market.names[f"grant:{kind}"] = str(given["id"])
        operator = world.actor("operator")
        found = SERVICES[kind].get(world.session, operator, UUID(market.names[name]))
        market.tags[name] = SERVICES[kind].tag(operator, found)


def _trials(market: Market) -> None:
    """A docking of its own need and offer, a meeting, three trials, and feeds."""
    world = market.world
    session = world.session
    need = make_need(world, "POOLED", title="铝合金托盘焊接变形控制技术")
    offer = make_offer(world, "LISTED", title="铝合金托盘焊接工艺及装备")
    index = world.app.extensions["jiebang.index"]
    pair = {"need_id": need.id, "offer_id": offer.id}
    docking = dockings.open_(session, world.actor("broker"), index, pair)
    held = {"starts_at": world.clock.now(), "place": "青岛"}
    for who, action, given in (
        ("firm", "express-interest", {}),
        ("team", "accept", {}),
        ("broker", "log-meeting", {"meeting": held}),
        ("firm", "propose-nda", {"text": "双方保密三年。"}),
        ("firm", "sign-nda", {"nda_version": 1}),
        ("team", "sign-nda", {"nda_version": 1}),
    ):
        dockings.act(session, world.actor(who), docking.id, action, **given)
    page = dockings.meetings(session, world.actor("firm"), docking.id).page()
    market.names["meeting"] = str(page.items[0]["id"])
    told = [{"name": "抗拉强度", "measured": "352 MPa"}]
    for state, path in (
        ("PROPOSED", ()),
        ("RUNNING", (("start", {}),)),
        ("ENDED", (("start", {}), ("report", {"results": told}))),
    ):
        made = trials.propose(session, world.actor("team"), docking.id, TRIAL)
        for action, given in path:
            trials.act(session, world.actor("firm"), made.id, action, **given)
        market.keep(f"trial:{state}", made)
    market.keep(
        "docking:trial", dockings.get(session, system(world.clock.now()), docking.id)
    )
    for who in ("firm", "team"):
        market.names["feed-token"], _ = calendar_feeds.make(session, world.actor(who))


def _messages(market: Market) -> None:
    world = market.world
    told = messages.notify(
        world.session,
        system(world.clock.now()),
        to=[world.user("firm").id],
        topic="docking.asked",
        values={"party": "某大学（演示）", "subject": "轻质托盘", "due": "2026-11-30"},
        subject_kind="need",
        subject_id=UUID(market.names["need:POOLED"]),
        key="docking:1:asked",
    )
    assert told == 1
    page = messages.inbox(world.session, world.actor("firm")).page()
    market.names["message"] = str(page.items[0]["id"])
    market.revisions["message"] = messages.UNREAD
    group = messages.preview_group(
        world.session, world.actor("operator"), {"roles": ["provincial_authority"]}
    )
    market.names["group-digest"] = group.digest


def _checks(market: Market) -> None:
    """Suspect a firm and a university: their legal representatives have one name."""
    world = market.world
    one, other = world.make_org("suspected", "UNIV"), world.make_org("suspect")
    one.legal_rep = other.legal_rep = "张示例"
    world.session.flush()
    for name, right, state in (
        ("check:clear", world.org("team"), None),
        ("check:pending", other, None),
        ("check:cleared", other, "clear"),
    ):
        row = conflicts.check(
            world.session,
            world.actor("firm"),
            purpose=Purpose.DOCKING,
            subject_kind=name,
            subject_id=one.id,
            left=conflicts.side(units=[one.id]),
            right=conflicts.side(units=[right.id]),
        )
        if state is not None:
            operator = world.actor("operator")
            conflicts.act(world.session, operator, row.id, state, comment="同名不同人")
        market.keep(name, row)


def _reports(market: Market) -> None:
    world = market.world
    session, operator = world.session, world.actor("operator")
    city = reports.issue(
        session, operator, kind="quarterly-rank", period="2026Q2", region="370200"
    )
    market.names["report:city"] = str(city.id)
    unit = reports.issue(
        session,
        world.actor("university_admin"),
        kind="conversion",
        period="2025",
        organisation_id=world.org("team").id,
    )
    market.names["report:unit"] = str(unit.id)


def _mediation(market: Market) -> None:
    """A broker, one without an account, three institutions, and a shared fee."""
    world = market.world
    session, broker = world.session, world.actor("broker")
    known = brokers.create(session, broker, RECORD)
    brokers.act(session, world.actor("operator"), known.id, "verify")
    market.keep("broker:1", brokers.get(session, broker, known.id))
    other = {**RECORD, "own": False, "id_no": "", "certificate_no": "JJ-2024-0002"}
    market.keep(
        "broker:2", brokers.create(session, world.actor("university_admin"), other)
    )
    for who, name, steps in (
        ("university_admin", "APPLIED", ()),
        ("firm_admin", "ADVISED", (("operator", "recommend"),)),
        (
            "other_firm",
            "RECORDED",
            (("operator", "recommend"), ("province", "record")),
        ),
    ):
        found = institutions.apply(session, world.actor(who), FORM)
        for official, action in steps:
            institutions.act(session, world.actor(official), found.id, action)
        found = institutions.get(session, world.actor(who), found.id)
        market.keep(f"institution:{name}", found)
    contract = deal(world, "1200000.00", date(2026, 11, 20), commission="36000.00")
    market.keep("contract:brokered", contract)
    for who in ("broker", "firm"):
        events.record(
            session,
            world.actor(who),
            contract,
            "contract.sign",
            org_id=world.org(who).id,
        )
    proposal = commissions.propose(
        session,
        world.actor("team"),
        contract.id,
        {"shares": shares(world, team="40.00", broker="60.00")},
    )
    market.names["share:1"] = str(proposal.number)
    market.revisions["share:1"] = proposal.revision


def _files(market: Market, folder: Path) -> None:
    world = market.world
    store = FolderStore(folder)
    kept = attachments.add(
        world.session,
        world.actor("firm"),
        store,
        io.BytesIO(b"plain words\n"),
        filename="记录.txt",
        limit=10_000,
    )
    market.keep("attachment", kept)
    job = imports.request(
        world.session,
        world.actor("firm"),
        store,
        io.BytesIO(SHEET),
        filename="需求.csv",
        kind="needs",
        mode="all",
        dry_run=True,
        publish=False,
        limit=10_000,
    )
    market.keep("job", job)


def _docking_days(market: Market) -> None:
    """One day in each state, with the firm's need and the university's team."""
    world = market.world
    session, who = world.session, world.actor("operator")
    need = UUID(market.names["need:POOLED"])
    team = UUID(market.names["team:1"])
    offer = make_offer(world, "LISTED", team_id=team)
    market.keep(
        "offer:docking",
        make_offer(world, "LISTED", team_id=UUID(market.names["team:2"])),
    )
    for state in ("DRAFT", "SOLVING", "PROPOSED", "DEPLOYED"):
        day = make_day(world)
        rows = [
            add(world, day, {k: v})
            for k, v in (("need_id", need), ("offer_id", offer.id))
        ]
        if state == "SOLVING":
            docking_plans.act(session, who, day.id, "solve")
        elif state != "DRAFT":
            propose(world, day)
        if state == "DEPLOYED":
            docking_plans.act(session, who, day.id, "deploy")
            (talk,) = docking_talks.search(session, who, day.id).page().items
            held = docking_talks.get(session, who, day.id, talk["id"])[1]
            held.starts_at = world.clock.now()
            session.flush()
            market.keep("talk", held)
        market.keep(f"day:{state}", docking_days.get(session, who, day.id))
        market.keep(f"participant:{state}", rows[0])


OUTCOME = "N01"
DOCKING_PATH: dict[str, tuple[tuple[str, str, dict[str, Any]], ...]] = {
    "RECOMMENDED": (),
    "INTERESTED": (("firm", "express-interest", {}),),
}
MEETING = {"starts_at": datetime(2026, 11, 23, 9, 30, tzinfo=SHANGHAI), "place": "青岛"}
DOCKING_PATH["CONTACTED"] = (*DOCKING_PATH["INTERESTED"], ("team", "accept", {}))
DOCKING_PATH["MEETING"] = (
    *DOCKING_PATH["CONTACTED"],
    ("broker", "log-meeting", {"meeting": MEETING}),
    ("firm", "propose-nda", {"text": NDA_TEXT}),
)
DOCKING_PATH["NDA"] = (
    *DOCKING_PATH["MEETING"],
    ("firm", "sign-nda", {"nda_version": 1}),
    ("team", "sign-nda", {"nda_version": 1}),
)
DOCKING_PATH["SOLUTION"] = (
    *DOCKING_PATH["NDA"],
    ("team", "propose-intent", {"terms": TERMS}),
)
DOCKING_PATH["INTENT"] = (
    *DOCKING_PATH["SOLUTION"],
    ("firm", "accept-intent", {"number": 1}),
)
DOCKING_PATH["LOST"] = (("firm", "decline", {"reason": "price"}),)
CONTRACT_PATH: dict[str, tuple[tuple[str, str, dict[str, Any]], ...]] = {
    "DRAFT": (),
    "HALF": (("firm_admin", "sign", {"signer": "张示例"}),),
}
CONTRACT_PATH["SIGNED"] = (
    *CONTRACT_PATH["HALF"],
    ("university_admin", "sign", {"signer": "李示例"}),
    ("broker", "sign", {"signer": "王示例"}),
)
CONTRACT_PATH["EFFECTIVE"] = (
    *CONTRACT_PATH["SIGNED"],
    ("university_admin", "take-effect", {}),
)
CONTRACT_PATH["AMENDED"] = CONTRACT_PATH["PAID"] = CONTRACT_PATH["EFFECTIVE"]
DOCUMENT = {"comment": "材料不实", "document": "登记字〔2026〕1号"}
REGISTRATION_PATH: dict[str, tuple[tuple[str, str, dict[str, Any]], ...]] = {
    "APPLIED": (("university_admin", "apply", {"truthful": True}),),
}
REGISTRATION_PATH["CORRECTION"] = (
    *REGISTRATION_PATH["APPLIED"],
    ("clerk", "request-correction", {"comment": "请补正"}),
)
REGISTRATION_PATH["ACCEPTED"] = (
    *REGISTRATION_PATH["APPLIED"],
    ("clerk", "accept", {}),
)
REGISTRATION_PATH["FIRST_OK"] = (
    *REGISTRATION_PATH["ACCEPTED"],
    ("clerk", "first-approve", {}),
)
REGISTRATION_PATH["EXPERT"] = (
    *REGISTRATION_PATH["FIRST_OK"],
    ("reviewer", "send-to-experts", {"comment": "有争议"}),
)
REGISTRATION_PATH["ASKED"] = (
    *REGISTRATION_PATH["EXPERT"],
    ("clerk", "appoint-expert", {"user_id": lambda world: world.user("expert").id}),
)
REGISTRATION_PATH["OUTDATED"] = REGISTRATION_PATH["FIRST_OK"]
REGISTRATION_PATH["REGISTERED"] = (
    *REGISTRATION_PATH["FIRST_OK"],
    ("reviewer", "register", {}),
)
for _wanted in ("change", "cancel"):
    REGISTRATION_PATH[_wanted.upper()] = (
        *REGISTRATION_PATH["REGISTERED"],
        ("university_admin", "request-change", {"comment": "变更", "wanted": _wanted}),
    )
REGISTRATION_PATH["REFUSED"] = (
    *REGISTRATION_PATH["FIRST_OK"],
    ("reviewer", "refuse", {"comment": "不属技术合同", "outcome": OUTCOME}),
)
REGISTRATION_PATH["APPEALED"] = (
    *REGISTRATION_PATH["REFUSED"],
    ("university_admin", "appeal", {"comment": "不服"}),
)
REGISTRATION_PATH["REVOKED"] = (
    *REGISTRATION_PATH["REGISTERED"],
    ("reviewer", "revoke", DOCUMENT),
    ("university_admin", "appeal", {"comment": "不服"}),
)


def dock(world: World, state: str, **more: Any) -> Any:
    """Bring a need of the firm and an offer of the university to a state."""
    session = world.session
    need, offer = make_need(world, "POOLED", **more), make_offer(world, "LISTED")
    index = world.app.extensions["jiebang.index"]
    docking = dockings.open_(
        session,
        world.actor("broker"),
        index,
        {"need_id": need.id, "offer_id": offer.id, "message": "建议对接"},
    )
    for who, action, given in DOCKING_PATH[state]:
        dockings.act(session, world.actor(who), docking.id, action, **given)
    return dockings.get(session, world.actor("operator"), docking.id)


def draw(world: World, state: str, **more: Any) -> Any:
    """Have firm, university and broker conclude a contract, up to a state."""
    session = world.session
    parties = [
        {"side": side, "organisation_id": world.org(who).id}
        for side, who in (("buyer", "firm"), ("seller", "team"), ("broker", "broker"))
    ]
    data = {"title": "在线淬火工艺开发", **CONTRACT, "parties": parties, **more}
    contract = contracts.create(session, world.actor("firm_admin"), data)
    for who, action, given in CONTRACT_PATH[state]:
        contracts.act(session, world.actor(who), contract.id, action, **given)
    return contract


def apply(world: World, state: str, **more: Any) -> Any:
    """Hand a contract in and take its registration to a state."""
    contract = draw(world, "EFFECTIVE", **more)
    for who, action, words in REGISTRATION_PATH[state]:
        given = {k: v(world) if callable(v) else v for k, v in words.items()}
        registrations.act(world.session, world.actor(who), contract.id, action, **given)
    return contract


def amend(world: World, contract_id: UUID) -> None:
    """Have all parties of a contract agree on another term."""
    session = world.session
    data = {
        "reason_kind": "PERIOD",
        "reason": "延期",
        "changes": {"valid_to": "2029-01-31"},
    }
    version = contracts.amend(session, world.actor("firm"), contract_id, data)
    for who in ("firm_admin", "university_admin", "broker"):
        contracts.decide_amendment(
            session,
            world.actor(who),
            contract_id,
            version.number,
            "sign",
            signer="张示例",
        )


def open_threads(market: Market) -> None:
    """Make a docking, a contract and a registration in every state that routes ask."""
    world = market.world
    session, operator = world.session, world.actor("operator")
    for state in DOCKING_PATH:
        market.keep(f"docking:{state}", dock(world, state))
    for state in CONTRACT_PATH:
        market.keep(f"contract:{state}", draw(world, state))
    firm = world.actor("firm")
    contracts.amend(
        session,
        firm,
        market.ids["contract:AMENDED"],
        {
            "reason_kind": "PERIOD",
            "reason": "延期",
            "changes": {"valid_to": "2029-01-31"},
        },
    )
    paid = payments.record(
        session,
        firm,
        market.ids["contract:PAID"],
        {"kind": "received", "amount_yuan": "480000.00", "paid_on": "2026-11-23"},
    )
    market.names["payment"] = str(paid.id)
    market.names["expert"] = str(world.user("expert").id)
    for state in REGISTRATION_PATH:
        contract = apply(world, state)
        market.names[f"papers:{state}"] = str(contract.id)
        if state in ("CHANGE", "OUTDATED"):
            amend(world, contract.id)
    session.commit()
    for name in [n for n in market.names if n.startswith(("contract:", "papers:"))]:
        contract = contracts.get(session, operator, market.ids[name])
        market.revisions[name] = contract.revision
        if name.startswith("papers:"):
            found = registrations.get(session, operator, contract.id)
            market.revisions[name] = found.revision
    found = registrations.get(session, operator, market.ids["contract:EFFECTIVE"])
    market.names["papers:NONE"] = market.names["contract:EFFECTIVE"]
    market.revisions["papers:NONE"] = found.revision
    session.commit()
