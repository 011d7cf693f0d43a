"""Reports: what is issued stays, and what is found out later stands in the next."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from marketplace.domain.contracts import PaymentKind, Side
from marketplace.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated
from marketplace.models.contracts import ContractParty, ContractPayment
from marketplace.models.ledger import Event
from marketplace.models.offers import Offer
from marketplace.models.reports import IssuedReport
from marketplace.services import report_sheets, reports
from tests.listings import make_offer
from tests.people import World
from tests.registers import Book, noon

OCTOBER = {"kind": "monthly-bulletin", "period": "2026-10", "region": "370200"}
RANK = {"kind": "quarterly-rank", "period": "2026Q3", "region": "370200"}
QINGDAO = {"seller_region": "370211"}


@pytest.fixture
def book(world: World) -> Book:
    return Book(world.org("team").id)


def issue(world: World, who: str = "operator", **asked: Any) -> IssuedReport:
    found = reports.issue(world.session, world.actor(who), **asked)
    world.session.commit()
    return found


def prepare(world: World, who: str = "operator", **asked: Any) -> reports.Prepared:
    return reports.prepare(world.session, world.actor(who), **asked)


def headline(content: dict[str, Any]) -> dict[str, Any]:
    return {e["code"]: e["value"] for e in content["figures"]["headline"]}


def test_a_bulletin_tells_its_region_in_seven_columns(world: World, book: Book) -> None:
    book.register(date(2025, 10, 5), "80.00", **QINGDAO)
    book.register(date(2026, 10, 5), "100.00", **QINGDAO)
    book.register(date(2026, 10, 5), "900.00", seller_region="370102")
    book.save(world.session)
    made = prepare(world, **OCTOBER)
    found = headline(made.content)
    assert (found["CT_N"], found["CT_AMT"]) == ("1", "100.00")
    assert found["IN"] == "1000.00", "both buyers sit in Qingdao"
    classes = made.content["figures"]["sections"][0]
    row = classes["rows"][0]
    assert [row[n] for n in ("key", "count", "total_yuan", "total_yoy")] == [
        "D",
        1,
        "100.00",
        "25.00",
    ]
    assert made.digest == reports.digest_of(made.content)
    assert world.session.scalar(sa.select(sa.func.count(IssuedReport.id))) == 0


def test_what_is_bought_has_its_growth_by_number_and_technical_amount_too(
    world: World, book: Book
) -> None:
    for year, total, technical in ((2025, "80.00", "40.00"), (2026, "100.00", "80.00")):
        first = book.contract()
        book.enter(first, date(year, 10, 5), total, technical, **QINGDAO)
    second = book.contract()
    book.enter(second, date(2026, 10, 6), "20.00", "0.00", seller_region="110101")
    book.save(world.session)
    section = prepare(world, **OCTOBER).content["figures"]["sections"][-1]
    assert section["axis"] == "buyer_district"
    (row,) = section["rows"]
    names = ("count", "count_yoy", "total_yoy", "technical_yoy")
    assert [row[n] for n in names] == [2, "100.00", "50.00", "100.00"]


def test_the_sheet_of_a_report_tells_all_of_it(world: World, book: Book) -> None:
    book.register(date(2026, 8, 5), "100.00", **QINGDAO)
    book.save(world.session)
    for asked, codes in (
        (RANK, {"OUT"}),
        (
            {**OCTOBER, "period": "2026-08"},
            {"IN", "LOCAL", "IP_SHARE", "PLAN_SHARE", "NEED_N", "DOCK_N"},
        ),
    ):
        content = prepare(world, **asked).content
        rows = list(report_sheets.rows(content, "zh"))
        assert rows[0][0] == "合计"
        assert (rows[0][4], rows[0][6]) == (1, Decimal("0.01"))
        told = {row[2]: row for row in rows if row[0] == "主要指标"}
        assert told.keys() >= codes
    assert (told["IN"][10], told["IN"][11]) == (Decimal("0.01"), "万元")
    assert told["LOCAL"][11] == "%"
    content["corrections"] = [
        {
            "period": "2026-07",
            "where": "CT_N",
            "reported": "1",
            "now": "2",
            "difference": "1",
        }
    ]
    last = list(report_sheets.rows(content, "zh"))[-1]
    assert (last[0], last[3], last[10]) == ("前期更正", "2026-07", 1)
    assert last[13] == "原报 1，现为 2"


def test_districts_are_ranked_by_value_and_ties_stand_in_the_order_of_codes(
    world: World, book: Book
) -> None:
    for region, total in (("370212", "5.00"), ("370211", "9.00"), ("370202", "5.00")):
        book.register(date(2026, 8, 3), total, seller_region=region)
    book.save(world.session)
    rows = prepare(world, **RANK).content["figures"]["sections"][0]["rows"]
    assert [(r["rank"], r["key"]) for r in rows[:4]] == [
        (1, "370211"),
        (2, "370202"),
        (2, "370212"),
        (4, "370203"),
    ]
    assert len(rows) == 10, "districts without contracts are told too"
    assert {r["rank"] for r in rows[3:]} == {4}


def test_what_is_issued_is_frozen_with_its_digest(world: World, book: Book) -> None:
    book.register(date(2026, 10, 5), "100.00", **QINGDAO)
    book.save(world.session)
    report = issue(world, **OCTOBER)
    late = book.contract()
    book.enter(late, date(2026, 10, 6), "7.00", at=world.clock.now(), **QINGDAO)
    book.save(world.session)
    again = reports.get(world.session, world.actor("operator"), report.id)
    shown = reports.view(again)
    assert shown["sound"] is True
    assert headline(shown["content"])["CT_AMT"] == "100.00"
    events = world.session.scalars(
        sa.select(Event.action).where(Event.subject_id == report.id)
    ).all()
    assert events == ["report.issue"]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE issued_reports SET note = 'x'",
        "UPDATE issued_reports SET digest = digest",
        "DELETE FROM issued_reports",
    ],
)
def test_the_store_refuses_to_change_an_issued_report(
    world: World, change: str
) -> None:
    issue(world, **OCTOBER)
    with pytest.raises(sa.exc.DBAPIError, match="does not change"):
        world.session.execute(sa.text(change))
    world.session.rollback()


@pytest.mark.parametrize(
    ("check", "lie"),
    [
        ("kind_known", {"kind": "weekly"}),
        ("revision_from_one", {"revision": 0}),
        ("digest_length", {"digest": "abc"}),
        ("not_of_the_future", {"days": 1}),
        ("conversion_of_unit", {"kind": "conversion"}),
    ],
)
def test_the_store_refuses_a_false_report(
    world: World, check: str, lie: dict[str, Any]
) -> None:
    now = world.clock.now()
    told = {name: value for name, value in lie.items() if name != "days"}
    values = {
        "kind": "year",
        "period": "2025",
        "region": "370200",
        "number": "Y-1",
        "revision": 1,
        "digest": "0" * 64,
        "as_of": now + timedelta(days=lie.get("days", 0)),
        "issued_at": now,
        "content": {},
        **told,
    }
    world.session.add(IssuedReport(**values))
    with pytest.raises(sa.exc.IntegrityError, match=f"ck_issued_reports_{check}"):
        world.session.flush()
    world.session.rollback()


def test_later_corrections_stand_in_the_next_issue_with_a_note_and_once(
    world: World, book: Book
) -> None:
    book.register(date(2026, 9, 5), "100.00", **QINGDAO)
    book.save(world.session)
    september = {**OCTOBER, "period": "2026-09"}
    first = issue(world, **september)
    assert (first.content["corrections"], first.note) == ([], "")
    world.clock.advance(days=1)
    late = book.contract()
    book.enter(late, date(2026, 9, 6), "7.00", at=world.clock.now(), **QINGDAO)
    book.save(world.session)
    second = issue(world, **OCTOBER)
    told = {c["where"]: c for c in second.content["corrections"]}
    assert told["CT_AMT"] == {
        "period": "2026-09",
        "where": "CT_AMT",
        "reported": "100.00",
        "now": "107.00",
        "difference": "7.00",
    }
    assert told["class/D/count"]["difference"] == "1"
    assert "2026-09 CT_AMT：原报 100.00，现为 107.00（+7.00）" in second.note
    world.clock.advance(days=10)
    november = {**OCTOBER, "period": "2026-11"}
    assert prepare(world, **november).content["corrections"] == []


def test_a_report_names_what_it_took_back_of_earlier_periods(
    world: World, book: Book
) -> None:
    old = book.register(date(2026, 9, 5), "100.00", **QINGDAO)
    moved = book.register(date(2026, 8, 5), "50.00", **QINGDAO)
    fresh = book.register(date(2026, 10, 5), "8.00", **QINGDAO)
    far = book.register(date(2026, 9, 5), "9.00", buyer_region="370102")
    book.save(world.session)
    issue(world, **{**OCTOBER, "period": "2026-09"})
    for contract, day, total, kind, count, region in (
        (moved, 8, "-20.00", "changed", 0, "370211"),
        (old, 9, "-100.00", "cancelled", -1, "370211"),
        (fresh, 9, "-8.00", "revoked", -1, "370211"),
        (far, 9, "-9.00", "cancelled", -1, "370102"),
    ):
        book.enter(
            contract,
            date(2026, 10, day),
            total,
            kind=kind,
            count=count,
            seller_region=region,
            buyer_region="370102",
        )
    book.save(world.session)
    made = prepare(world, **OCTOBER)
    assert made.content["corrections"] == [], "September stays as it was reported"
    told = [
        (c["kind"], c["period"], c["count"], c["total_yuan"], c["bought_yuan"])
        for c in made.content["changes"]
    ]
    assert told == [
        ("changed", "2026-08", 0, "-20.00", "0.00"),
        ("cancelled", "2026-09", -1, "-100.00", "0.00"),
    ]
    number = made.content["changes"][1]["number"]
    assert (
        f"2026-09 登记的 {number} 于 2026-10-09 注销：-1 项，成交额 -100.00 元"
        in made.note
    )
    rows = [r for r in report_sheets.rows(made.content, "en") if r[2] == number]
    assert [(r[4], r[6]) for r in rows] == [(-1, Decimal("-0.01"))]
    assert all(len(r) == len(report_sheets.SHEET) for r in rows)


def test_a_period_is_issued_again_only_if_something_has_changed(
    world: World, book: Book
) -> None:
    first = issue(world, **OCTOBER)
    assert first.revision == 1
    with pytest.raises(Conflict):
        issue(world, **OCTOBER)
    world.session.rollback()
    world.clock.advance(days=1)
    late = book.contract()
    book.enter(late, date(2026, 10, 6), "7.00", at=world.clock.now(), **QINGDAO)
    book.save(world.session)
    second = issue(world, **OCTOBER)
    assert second.revision == 2
    assert [first.number, second.number] == ["M-370200-0001", "M-370200-0002"]
    assert {c["where"] for c in second.content["corrections"]} >= {"CT_N", "CT_AMT"}


def test_a_period_that_is_not_over_is_not_issued(world: World) -> None:
    with pytest.raises(Conflict):
        issue(world, **{**OCTOBER, "period": "2026-11"})


def test_who_may_prepare_issue_and_read(world: World) -> None:
    report = issue(world, **OCTOBER)
    for who in ("operator", "province", "district"):
        assert prepare(world, who, **OCTOBER)
        assert reports.get(world.session, world.actor(who), report.id)
        assert reports.search(world.session, world.actor(who)).count() == 1
    for who in ("far_district", "firm_admin", "clerk", "team"):
        with pytest.raises(Forbidden):
            prepare(world, who, **OCTOBER)
        with pytest.raises(NotFound):
            reports.get(world.session, world.actor(who), report.id)
        assert reports.search(world.session, world.actor(who)).count() == 0
    for who in ("district", "clerk"):
        with pytest.raises(Forbidden):
            issue(world, who, **OCTOBER)
    with pytest.raises(Unauthenticated):
        prepare(world, "stranger", **OCTOBER)
    with pytest.raises(NotFound):
        reports.get(world.session, world.actor("stranger"), report.id)


def test_a_district_is_reported_by_its_own_reviewer_whatever_he_sees(
    world: World, book: Book
) -> None:
    book.register(date(2026, 10, 5), "100.00", **QINGDAO)
    book.register(date(2026, 10, 5), "900.00", seller_region="370102")
    book.save(world.session)
    made = [prepare(world, who, **OCTOBER).digest for who in ("operator", "district")]
    assert made[0] == made[1]


@pytest.mark.parametrize(
    ("asked", "pointer"),
    [
        ({"period": "2026"}, "/period"),
        ({"period": "x"}, "/period"),
        ({"region": ""}, "/region"),
        ({"region": "379999"}, "/region"),
        ({"kind": "quarterly-rank", "period": "2026Q3", "region": "370211"}, "/region"),
        ({"organisation_id": UUID(int=1)}, "/organisation_id"),
        ({"kind": "conversion", "period": "2025", "region": ""}, "/organisation_id"),
    ],
)
def test_what_no_report_is_about_is_said_at_its_place(
    world: World, asked: dict[str, Any], pointer: str
) -> None:
    with pytest.raises(Invalid) as found:
        prepare(world, **{**OCTOBER, **asked})
    assert pointer in {e.pointer for e in found.value.errors}


def sold(world: World, book: Book, **more: Any) -> UUID:
    """Make a contract that the university has sold in 2025."""
    made = book.contract(
        signed_on=date(2025, 5, 6),
        contract_class="D1",
        total_yuan=Decimal("100.00"),
        technical_yuan=Decimal("80.00"),
        **more,
    )
    book.save(world.session)
    world.session.add(
        ContractParty(
            contract_id=made,
            position=0,
            side=Side.SELLER,
            org_id=world.org("team").id,
            name="海岱理工大学（演示）",
        )
    )
    world.session.flush()
    return made


def test_a_conversion_report_is_filled_in_and_names_its_gaps(
    world: World, book: Book
) -> None:
    kept = make_offer(world, "LISTED")
    idle = make_offer(world, "LISTED")
    fresh = make_offer(world, "LISTED")
    for offer in (kept, idle):
        world.session.execute(
            sa.update(Offer)
            .where(Offer.id == offer.id)
            .values(published_at=world.clock.now() - timedelta(days=400))
        )
    whole = sold(world, book, offer_id=kept.id)
    bare = sold(world, book)
    for contract in (whole, bare):
        book.enter(contract, date(2025, 6, 2), "100.00", "80.00")
    book.save(world.session)
    world.session.add(
        ContractPayment(
            contract_id=whole,
            number=1,
            kind=PaymentKind.RECEIVED,
            paid_on=date(2025, 7, 1),
            amount_yuan=Decimal("60.00"),
            technical_yuan=Decimal("50.00"),
            technical_income_yuan=Decimal("40.00"),
            recorded_at=noon(date(2025, 7, 2)),
        )
    )
    world.session.flush()
    asked = {
        "kind": "conversion",
        "period": "2025",
        "organisation_id": world.org("team").id,
    }
    made = prepare(world, "university_admin", **asked).content["figures"]
    values = {e["code"]: e["value"] for e in made["headline"]}
    assert values == {
        "contracts": "2",
        "contract_yuan": "200.00",
        "technical_yuan": "160.00",
        "registered": "2",
        "received_yuan": "60.00",
        "technical_income_yuan": "40.00",
        "converted_offers": "1",
    }
    assert {c["id"] for c in made["contracts"]} == {str(whole), str(bare)}
    assert [(g["code"], g["id"]) for g in made["gaps"]] == [
        ("contract_without_offer", str(bare)),
        ("registered_without_payment", str(bare)),
        ("listed_without_conversion", str(idle.id)),
    ]
    assert str(fresh.id) not in str(made["gaps"])
    rows = list(report_sheets.rows({"figures": made, "corrections": []}, "zh"))
    assert all(len(r) == len(report_sheets.SHEET) for r in rows)
    tables = [r[0] for r in rows]
    assert (tables.count("合同明细"), tables.count("待说明事项")) == (2, 3)
    total = next(r for r in rows if r[2] == "received_yuan")
    assert (total[10], total[11]) == (Decimal("0.006"), "万元")
    assert made["deadlines"] == {"unit": "03-31", "upward": "04-30"}
    issued = issue(world, "university_admin", **asked)
    for who in ("team", "operator"):
        assert reports.get(world.session, world.actor(who), issued.id)
    for who in ("firm_admin", "district", "other_firm"):
        with pytest.raises(NotFound):
            reports.get(world.session, world.actor(who), issued.id)
        with pytest.raises(Forbidden):
            prepare(world, who, **asked)
    with pytest.raises(Forbidden):
        reports.issue(world.session, world.actor("team"), **asked)


def test_a_void_contract_is_no_conversion(world: World, book: Book) -> None:
    sold(world, book)
    void = sold(world, book, state="VOID")
    asked = {
        "kind": "conversion",
        "period": "2025",
        "organisation_id": world.org("team").id,
    }
    made = prepare(world, "university_admin", **asked).content["figures"]
    assert next(e["value"] for e in made["headline"] if e["code"] == "contracts") == "1"
    assert str(void) not in str(made)


def test_targets_are_told_with_their_source_and_progress_to_who_may_have_it(
    world: World, book: Book
) -> None:
    book.register(date(2026, 10, 5), "1200000000.00", **QINGDAO)
    book.save(world.session)
    shown = {
        who: {
            t["key"]: t
            for t in reports.targets(world.session, world.actor(who), region="370200")
        }
        for who in ("operator", "district", "far_district", "stranger")
    }
    assert len(shown["operator"]) == 5, "the five doublings"
    key = "target.contract_value"
    for who in ("operator", "district"):
        found = shown[who][key]
        assert (found["value"], found["progress"]) == (1_200_000_000, 1)
    for who in ("far_district", "stranger"):
        found = shown[who][key]
        assert (found["value"], found["progress"]) == (None, None)
        assert found["reported"][0]["value"] == "70958000000.00"
    for found in shown["operator"].values():
        assert found["source"]
        assert found["mark"] == "S"
