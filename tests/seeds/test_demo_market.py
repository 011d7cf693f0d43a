"""The demo market: whole, invented, true to the rules, and measured."""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import sqlalchemy.orm as so
from flask import Flask

from marketplace.domain.actors import system
from marketplace.domain.clock import FixedClock
from marketplace.domain.needs import Disclosure, NeedState
from marketplace.domain.offers import OfferKind, OfferState
from marketplace.domain.roles import Role
from marketplace.errors import Invalid
from marketplace.extensions import db
from marketplace.models.ledger import Event
from marketplace.models.needs import Need, NeedIntendedUnit
from marketplace.models.offers import Offer
from marketplace.models.organisations import Organisation, Team
from marketplace.models.users import User
from marketplace.policies import covers
from marketplace.services import contents, credit_codes, events, needs, offers
from marketplace.services.fields import Reader
from seeds import __main__ as command
from seeds import demo_market, measure
from seeds.demo_market import Content, Market

CHAIN = {"SD-C02"}


@pytest.fixture(scope="module")
def content() -> Content:
    return Content.read()


@pytest.fixture
def small() -> Content:
    return Content.read(CHAIN)


def test_there_is_as_much_as_promised(content: Content) -> None:
    chains = {need["chain"] for need in content.needs.values()}
    assert chains == {f"SD-C{n:02d}" for n in range(1, 12)}
    assert len(content.needs) >= 60
    assert len(content.offers) >= 200
    assert {offer["kind"] for offer in content.offers.values()} == {
        "result",
        "capability",
    }


def test_needs_and_offers_stand_in_every_state_that_can_be_reached(
    content: Content,
) -> None:
    assert {NeedState(n["state"]) for n in content.needs.values()} == set(
        demo_market.NEED_WAYS
    )
    assert {OfferState(o["state"]) for o in content.offers.values()} == set(
        demo_market.OFFER_WAYS
    )
    shown = {Disclosure(need["disclosure"]) for need in content.needs.values()}
    assert shown == set(Disclosure)


def test_every_unit_is_marked_as_invented(content: Content) -> None:
    for unit in content.organisations.values():
        assert unit["name"].endswith("（演示）"), unit["key"]


def test_credit_codes_are_right_different_and_of_nowhere(content: Content) -> None:
    codes = [
        demo_market.credit_code(key, unit["org_type"])
        for key, unit in content.organisations.items()
    ]
    assert len(set(codes)) == len(codes)
    for code in codes:
        assert credit_codes.faults(code, "/uscc") == []
        assert code[2:8] == "379900"


def test_each_need_has_an_answer_and_near_misses_on_the_market(
    content: Content,
) -> None:
    for key, need in content.needs.items():
        core = {row["name"] for row in need["indicators"] if row["is_core"]}
        graded = [a for a in content.answers if a["need"] == key]
        offered = {o for o, v in content.offers.items() if v["state"] == "LISTED"}
        on_market = [a for a in graded if a["offer"] in offered]
        assert any(a["grade"] >= measure.ANSWER for a in on_market), key
        misses = [a for a in on_market if a["grade"] == 1]
        assert len(misses) >= 3, key
        assert {a["fails"] for a in misses} <= core, key


def test_answers_name_what_there_is_once(content: Content) -> None:
    pairs = Counter((a["need"], a["offer"]) for a in content.answers)
    assert max(pairs.values()) == 1
    for need, offer in pairs:
        assert need in content.needs
        assert offer in content.offers


def test_every_unit_has_the_people_that_its_work_needs(content: Content) -> None:
    roles: dict[str, list[set[str]]] = {}
    for account in content.accounts:
        assert set(account["roles"]) <= set(Role)
        roles.setdefault(account["org"], []).append(set(account["roles"]))
    assert set(roles) == set(content.organisations)
    owners = {o["owner"] for o in content.offers.values()}
    for unit in owners | {n["owner"] for n in content.needs.values()}:
        assert len(roles[unit]) >= 2, unit
        assert any(Role.UNIT_ADMIN in held for held in roles[unit]), unit
    given = set().union(*(held for people in roles.values() for held in people))
    assert given == set(Role)


def test_every_firm_has_a_reviewer_of_its_district(content: Content) -> None:
    reviewers = [
        content.organisations[account["org"]]["region"]
        for account in content.accounts
        if Role.DISTRICT_REVIEWER in account["roles"]
    ]
    for need in content.needs.values():
        region = content.organisations[need["owner"]]["region"]
        assert sum(covers(reviewer, region) for reviewer in reviewers) == 1


def test_the_last_screen_shows_a_handful_of_accounts(content: Content) -> None:
    mails = [account["email"] for account in content.accounts]
    assert len(set(mails)) == len(mails)
    assert all(mail.endswith(f"@{demo_market.MAIL_DOMAIN}") for mail in mails)
    shown = {account["email"] for account in content.accounts if account["shown"]}
    assert 4 <= len(shown) <= 8
    for who in ("firm", "district", "operator", "team"):
        assert f"{who}@{demo_market.MAIL_DOMAIN}" in shown


def test_the_market_comes_in_as_its_files_say(
    app: Flask, clock: FixedClock, small: Content
) -> None:
    with app.app_context():
        session = db.session()
        market = demo_market.load(session, clock.now(), small)
        session.commit()
        assert demo_market.is_loaded(session)
        _every_object_is_in_its_state(session, market, small)
        _each_acted_in_his_role(session)
        _amounts_are_exact(session, market, small)
        _offers_of_one_leader_are_of_one_team(session, market, small)
        _a_targeted_need_is_meant_for_who_can_answer_it(session, market, small)
        hashes = session.scalars(sa.select(User.password_hash)).all()
        assert len(set(hashes)) == len(hashes) == len(small.accounts)


def _every_object_is_in_its_state(
    session: so.Session, market: Market, small: Content
) -> None:
    for key, need in small.needs.items():
        found = session.get_one(Need, market.needs[key])
        assert found.state == need["state"], key
        assert bool(found.opinions) == (need["state"] not in {"DRAFT", "SUBMITTED"})
    for key, offer in small.offers.items():
        assert session.get_one(Offer, market.offers[key]).state == offer["state"], key


def _each_acted_in_his_role(session: so.Session) -> None:
    assert list(events.verify(session)) == []
    rows = session.execute(sa.select(Event.action, Event.actor_role))
    seen = {(row.action, row.actor_role) for row in rows}
    assert {
        ("organisation.verify", "operator"),
        ("need.create", "demand"),
        ("need.submit", "unit_admin"),
        ("need.district-approve", "district_reviewer"),
        ("need.return", "district_reviewer"),
        ("need.pool", "operator"),
        ("offer.create", "supplier"),
        ("offer.unit-approve", "unit_admin"),
        ("offer.register", "operator"),
    } <= seen
    by_system = {action for action, role in seen if role == "system"}
    assert not [a for a in by_system if a.startswith(("need.", "offer."))]


def _offers_of_one_leader_are_of_one_team(
    session: so.Session, market: Market, small: Content
) -> None:
    teams: dict[tuple[str, str], set[Any]] = {}
    for key, row in small.offers.items():
        offer = session.get_one(
            Offer, market.offers[key], options=[so.joinedload(Offer.working)]
        )
        team = offer.working.team_id
        named = re.search("[\u4e00-\u9fff](?:演示|示例)", row["team"])
        research = small.organisations[row["owner"]]["org_type"] != "FIRM"
        assert (team is not None) == (named is not None and research), key
        if named is not None and team is not None:
            teams.setdefault((row["owner"], named.group()), set()).add(team)
    assert {len(found) for found in teams.values()} == {1}
    assert len(teams) == session.scalar(sa.select(sa.func.count()).select_from(Team))
    assert len(teams) < len(small.offers)


def _amounts_are_exact(session: so.Session, market: Market, small: Content) -> None:
    for key, row in small.needs.items():
        need = session.get_one(
            Need, market.needs[key], options=[so.joinedload(Need.working)]
        )
        wan = Decimal(row["budget_total_wan"])
        assert need.working.budget_total_yuan == wan * 10_000


def _a_targeted_need_is_meant_for_who_can_answer_it(
    session: so.Session, market: Market, small: Content
) -> None:
    targeted = {
        key
        for key, need in small.needs.items()
        if need["disclosure"] == Disclosure.TARGETED
    }
    assert targeted, "choose a chain that has one"
    for key in targeted:
        need = session.get_one(Need, market.needs[key])
        meant = session.scalars(
            sa.select(NeedIntendedUnit.org_id).where(
                NeedIntendedUnit.version_id == need.working_version_id
            )
        )
        owners = {
            market.units[small.offers[a["offer"]]["owner"]]
            for a in small.answers
            if a["need"] == key and a["grade"] >= measure.ANSWER
        }
        assert owners & set(meant)


def test_a_loading_that_breaks_leaves_nothing_behind(
    app: Flask, clock: FixedClock, small: Content
) -> None:
    some = list(small.offers)[5]
    small.offers[some]["industry_use"] = "no such code"
    with app.app_context():
        session = db.session()
        with pytest.raises(Invalid):
            demo_market.load(session, clock.now(), small)
        db.session.remove()
        assert not demo_market.is_loaded(db.session())
        assert db.session().scalar(sa.select(sa.func.count(Organisation.id))) == 0


def test_the_command_loads_once(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    small: Content,
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("JIEBANG_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("JIEBANG_LOG_LEVEL", "CRITICAL")
    monkeypatch.setattr(Content, "read", lambda: small)
    assert command.main(["load", "--demo"]) == 0
    assert "6 needs" in capsys.readouterr().out
    assert command.main(["load", "--demo"]) == 0
    assert "there already" in capsys.readouterr().out


def test_a_wrong_setting_stops_the_command_with_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql://somewhere/else")
    assert command.main(["load"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_every_need_and_offer_is_ready_to_submit(
    session: so.Session, clock: FixedClock, content: Content
) -> None:
    """What the whole loading would refuse, found without loading it."""
    loader = demo_market.Loader(session, clock.now(), content)
    for key, row in content.needs.items():
        region = content.organisations[row["owner"]]["region"]
        subject = Need(owner_org=Organisation(region=region))
        _refuses_nothing(
            session, clock, needs.KIND, subject, loader.need_data(row), key
        )
    for key, row in content.offers.items():
        region = content.organisations[row["owner"]]["region"]
        unit = Organisation(region=region)
        offered = Offer(owner_org=unit, kind=OfferKind(row["kind"]))
        data = loader.offer_data(row)
        assert data.pop("kind") == row["kind"]
        _refuses_nothing(session, clock, offers.KIND, offered, data, key)


def _refuses_nothing(
    session: so.Session,
    clock: FixedClock,
    kind: Any,
    subject: Any,
    data: dict[str, Any],
    key: str,
) -> None:
    today = system(clock.now()).today
    limits = kind.limits(session, today, subject.owner_org.region)
    reader = Reader(session, today, limits=limits)
    before = contents.empty_values(kind.table)
    values = before | contents.read(kind.table, reader, data, before)
    if kind is needs.KIND:
        values["valid_until"] = today
    kind.check(reader, values)
    kind.complete(subject, reader, values)
    assert reader.errors == [], key


def _holds(figures: dict[str, Any]) -> None:
    assert figures["answer_in_top_5"] >= measure.TARGET_TOP_5
    assert figures["answer_first"] >= measure.TARGET_FIRST
    for counted in (figures["near_misses_in_top_10"], figures["near_misses"]):
        assert counted["count"] > figures["needs"]
        assert counted["silent"] == []
        assert counted["named"] + len(counted["withheld"]) == counted["count"]


def test_the_engine_finds_the_answers_and_says_what_a_near_miss_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("JIEBANG_LOG_LEVEL", "CRITICAL")
    report = measure.measure({"SD-C04"})
    figures = report.figures()
    assert figures["needs"] == 6
    _holds(figures)
    assert f"{figures['ndcg@10']:.3f}" in report.as_text()


@pytest.mark.soak
def test_the_figures_hold_on_the_whole_market(
    monkeypatch: pytest.MonkeyPatch, content: Content
) -> None:
    monkeypatch.setenv("JIEBANG_LOG_LEVEL", "CRITICAL")
    figures = measure.measure().figures()
    assert figures["needs"] == len(content.needs)
    _holds(figures)
