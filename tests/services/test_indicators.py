"""Figures: what they say, as of when, for whom, and which rows make them."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from marketplace.domain.indicators import INDICATORS
from marketplace.errors import Forbidden, Invalid, NotFound, Unauthenticated
from marketplace.models.rules import Rule
from marketplace.services import indicators, reports
from tests.brokers import RECORD, verified
from tests.listings import make_need
from tests.people import World
from tests.registers import Book, event, noon, write_events

TODAY = date(2026, 11, 23)


@pytest.fixture
def book(world: World) -> Book:
    """An empty book of the registry."""
    return Book(world.org("team").id)


def cells(found: indicators.Figure, what: str = "value") -> dict[Any, Any]:
    """Return one property of each cell by its key."""
    return {tuple(c.key.values()): getattr(c, what) for c in found.cells}


def ask(world: World, code: str, who: str = "operator", **more: Any) -> Any:
    return indicators.figure(world.session, world.actor(who), code, **more)


def test_contracts_count_by_the_day_in_the_book_less_those_cancelled(
    world: World, book: Book
) -> None:
    kept = book.register(date(2026, 3, 2), "100.00")
    gone = book.register(date(2026, 3, 31), "50.00")
    book.enter(gone, date(2026, 4, 1), "-50.00", kind="cancelled", count=-1)
    book.enter(kept, date(2026, 4, 2), "25.50", "0", kind="changed", count=0)
    book.save(world.session)
    for period, count, value in (
        ("2026Q1", 2, "150.00"),
        ("2026Q2", -1, "-24.50"),
        ("2026", 1, "125.50"),
        ("2026-03", 2, "150.00"),
        ("2026H1", 1, "125.50"),
        ("2026-03-03..2026-03-31", 1, "50.00"),
        ("2025", 0, "0.00"),
    ):
        assert ask(world, "CT_N", period=period).total.value == count, period
        amount = ask(world, "CT_AMT", period=period).total.value
        assert amount == Decimal(value), period
    assert ask(world, "CT_TECH", period="2026").total.value == Decimal("100.00")
    assert ask(world, "CT_AVG", period="2026").total.value == Decimal("125.50")
    assert ask(world, "CT_AVG", period="2024").total.value is None


def test_a_figure_of_the_past_knows_only_what_was_known_then(
    world: World, book: Book
) -> None:
    book.register(date(2026, 3, 2), "100.00")
    late = book.contract()
    book.enter(late, date(2026, 3, 30), "40.00", at=noon(date(2026, 5, 4)))
    book.save(world.session)
    before = noon(date(2026, 5, 3))
    assert ask(world, "CT_AMT", period="2026Q1", as_of=before).total.value == 100
    assert ask(world, "CT_AMT", period="2026Q1").total.value == 140


def test_codes_are_rolled_up_to_their_parents(world: World, book: Book) -> None:
    for code in ("D1", "D2", "T1", "S"):
        book.register(date(2026, 3, 2), "10.00", contract_class=code)
    book.register(date(2026, 3, 2), "7.00", seller_region="370211", seller_nature="021")
    book.save(world.session)
    found = ask(world, "CT_AMT", period="2026", by=["class"])
    assert cells(found) == {("D",): 27, ("S",): 10, ("T",): 10}
    found = ask(world, "CT_AMT", period="2026", by=["class_detail"])
    assert cells(found) == {("D1",): 17, ("D2",): 10, ("S",): 10, ("T1",): 10}
    found = ask(world, "OUT", period="2026", by=["seller_city"])
    assert cells(found) == {("370100",): 40, ("370200",): 7}
    assert found.cells[0].names["seller_city"].zh == "济南市"
    found = ask(world, "OUT", period="2026", by=["seller_district"])
    assert cells(found) == {("370102",): 40, ("370211",): 7}
    found = ask(world, "CT_N", period="2026", by=["seller_nature"])
    assert cells(found) == {("020",): 5}
    found = ask(world, "CT_N", period="2026", by=["flow"])
    assert cells(found) == {("370100>370200",): 4, ("370200>370200",): 1}
    found = ask(world, "CT_N", period="2026", by=["seller_city", "class"])
    assert sum(cells(found).values()) == found.total.value == 5


def test_a_filter_takes_a_code_with_all_below_it(world: World, book: Book) -> None:
    for code in ("D1", "D2", "T1"):
        book.register(date(2026, 3, 2), "10.00", contract_class=code)
    book.register(date(2026, 3, 2), "10.00", tech_field="")
    book.save(world.session)
    for name, values, count in (
        ("class", ["D"], 3),
        ("class", ["D2", "T"], 2),
        ("seller_city", ["370100"], 4),
        ("seller_city", ["370000"], 4),
        ("seller_city", ["370200"], 0),
        ("seller_nature", ["020"], 4),
        ("tech_field", [""], 1),
    ):
        found = ask(world, "CT_N", period="2026", filters={name: values})
        assert found.total.value == count, (name, values)


def test_a_cell_of_detail_opens_to_its_own_entries(world: World, book: Book) -> None:
    for code, region in (("D", "370200"), ("D1", "370211"), ("D2", "370212")):
        book.register(
            date(2026, 3, 2), "10.00", contract_class=code, seller_region=region
        )
    book.save(world.session)
    actor = world.actor("operator")
    for axis in ("class_detail", "seller_district"):
        for cell in ask(world, "CT_AMT", period="2026", by=[axis]).cells:
            filters = {name: [code] for name, code in cell.key.items()}
            rows = indicators.rows(
                world.session, actor, "CT_AMT", period="2026", filters=filters
            )
            assert sum(r["total_yuan"] for r in rows.stream()) == cell.value == 10


def test_a_cell_that_has_fallen_to_nothing_is_shown_with_its_fall(
    world: World, book: Book
) -> None:
    book.register(date(2025, 3, 2), "80.00", tech_field="05")
    book.register(date(2026, 3, 2), "10.00")
    book.save(world.session)
    found = ask(world, "CT_AMT", period="2026Q1", by=["tech_field"])
    assert cells(found) == {("03",): 10, ("05",): 0}
    assert cells(found, "yoy") == {("03",): None, ("05",): -100}


def test_shares_are_of_number_and_local_is_of_value(world: World, book: Book) -> None:
    day = date(2026, 3, 2)
    book.register(day, "10.00", ip_type="9")
    book.register(day, "20.00", ip_type="11", buyer_region="370112")
    book.register(day, "30.00", ip_type="", plan_source="31", buyer_region="370102")
    book.save(world.session)
    assert ask(world, "IP_SHARE", period="2026").total.value == Decimal("33.33")
    assert ask(world, "PLAN_SHARE", period="2026").total.value == Decimal("33.33")
    assert ask(world, "LOCAL", period="2026").total.value == Decimal("83.33")
    by = ask(world, "LOCAL", period="2026", by=["seller_district"])
    assert cells(by) == {("370102",): Decimal("50.00")}


def test_bought_is_by_the_buyers_place_and_leaves_out_those_without(
    world: World, book: Book
) -> None:
    book.register(date(2026, 3, 2), "10.00")
    book.register(date(2026, 3, 2), "20.00", buyer_region="")
    book.save(world.session)
    found = ask(world, "IN", period="2026", by=["buyer_city"])
    assert (found.total.value, cells(found)) == (10, {("370200",): 10})


def test_growth_is_on_the_same_days_and_has_none_on_nothing(
    world: World, book: Book
) -> None:
    book.register(date(2025, 3, 2), "80.00")
    book.register(date(2025, 12, 2), "900.00")
    book.register(date(2026, 3, 2), "100.00")
    book.register(date(2026, 3, 2), "5.00", tech_field="09")
    book.save(world.session)
    quarter = ask(world, "CT_AMT", period="2026Q1", by=["tech_field"])
    assert quarter.total.yoy == Decimal("31.25")
    assert cells(quarter, "yoy") == {("03",): Decimal("25.00"), ("09",): None}
    assert quarter.cells[1].yoy_reason == indicators.BASE_IS_ZERO
    year = ask(world, "CT_AMT", period="2026")
    assert year.total.yoy == Decimal("31.25"), "December of 2025 does not count yet"
    assert any("未结束" in note.zh for note in year.notes)


def test_transfer_is_compared_with_the_licences_that_were_counted_in_it(
    world: World, book: Book
) -> None:
    book.register(date(2025, 5, 2), "100.00", contract_class="T1")
    book.register(date(2026, 5, 2), "80.00", contract_class="T1")
    book.register(date(2026, 5, 2), "40.00", contract_class="L1")
    book.register(date(2027, 5, 2), "60.00", contract_class="L1")
    book.register(date(2027, 5, 2), "80.00", contract_class="T1")
    book.save(world.session)
    found = ask(world, "CT_AMT", period="2026Q2", by=["class"])
    assert cells(found) == {("L",): 40, ("T",): 80}
    assert cells(found, "yoy") == {("L",): None, ("T",): Decimal("20.00")}
    assert indicators._BRIDGE in found.notes
    alone = ask(world, "CT_AMT", period="2026Q2", filters={"class": ["T"]})
    assert (alone.total.value, alone.total.yoy) == (80, Decimal("20.00"))
    assert indicators._BRIDGE in alone.notes
    world.clock.at = noon(date(2027, 8, 2))
    later = ask(world, "CT_AMT", period="2027Q2", by=["class"])
    assert cells(later, "yoy") == {("L",): Decimal("50.00"), ("T",): 0}
    assert indicators._BRIDGE not in later.notes


@pytest.mark.parametrize(
    ("asked", "is_apart"),
    [
        ({"filters": {"class": ["L"]}}, False),
        ({"filters": {"class": ["D", "T"]}}, False),
        ({"filters": {"class_detail": ["T1"]}}, False),
        ({"filters": {"class": ["T", "L"]}}, True),
        ({"filters": {"class": ["D"]}}, True),
    ],
)
def test_a_part_of_what_was_one_class_has_no_growth(
    world: World, book: Book, asked: dict[str, Any], is_apart: bool
) -> None:
    for year, code in ((2025, "T1"), (2026, "T1"), (2025, "D"), (2026, "D")):
        book.register(date(year, 5, 2), "100.00", contract_class=code)
    book.register(date(2026, 5, 2), "40.00", contract_class="L1")
    book.save(world.session)
    found = ask(world, "CT_AMT", period="2026Q2", **asked)
    assert (found.total.yoy is not None) == is_apart
    assert indicators._BRIDGE not in found.notes
    placed = ask(world, "CT_AMT", period="2026Q2", by=["seller_city"], **asked)
    assert (placed.cells[0].yoy is not None) == is_apart


def test_kinds_of_transfer_and_licence_are_not_compared(
    world: World, book: Book
) -> None:
    for year, code in ((2025, "T1"), (2026, "T1"), (2025, "D1"), (2026, "D1")):
        book.register(date(year, 5, 2), "100.00", contract_class=code)
    book.save(world.session)
    found = ask(world, "CT_AMT", period="2026Q2", by=["class_detail"])
    assert cells(found, "yoy") == {("D1",): 0, ("T1",): None}
    assert indicators._BRIDGE not in found.notes
    only = ask(world, "CT_AMT", period="2026Q2", by=["class"], filters={"class": ["T"]})
    assert only.total.yoy == 0
    assert cells(only, "yoy") == {("T",): None}, "licences are not in its cells"


def test_local_is_of_the_place_that_is_asked(world: World, book: Book) -> None:
    day = date(2026, 3, 2)
    for buyer, total in (("370102", "10.00"), ("370112", "20.00"), ("370202", "30.00")):
        book.register(day, total, seller_region="370102", buyer_region=buyer)
    book.register(day, "40.00", seller_region="370102", buyer_region="110101")
    book.save(world.session)
    for region, share in (("370000", 60), ("370100", 30), ("370102", 10)):
        found = ask(world, "LOCAL", period="2026", filters={"seller_city": [region]})
        assert found.total.value == share, region
    assert ask(world, "LOCAL", period="2026").total.value == 30
    content = reports.prepare(
        world.session,
        world.actor("operator"),
        kind="monthly-bulletin",
        period="2026-03",
        region="370000",
    ).content
    headline = {e["code"]: e["value"] for e in content["figures"]["headline"]}
    assert headline["LOCAL"] == "60.00"


def test_a_share_of_gdp_needs_a_gdp_with_a_source(world: World, book: Book) -> None:
    book.register(date(2026, 3, 2), "131.00")
    book.save(world.session)
    found = ask(world, "GDP_SHARE", period="2026", by=["seller_city"])
    assert found.total.value is None
    assert "地区生产总值" in found.total.reason.zh
    session = world.session
    rule = Rule(
        key="region.gdp",
        region="370100",
        valid_from=date(2026, 1, 1),
        valid_to=date(2026, 12, 31),
        value={"year": 2026, "gdp_yuan": "10000.00"},
        mark="X",
        source="Invented for this test.",
    )
    session.add(rule)
    session.flush()
    session.info.pop("rules_known", None)
    found = ask(world, "GDP_SHARE", period="2026", by=["seller_city"])
    assert cells(found) == {("370100",): Decimal("1.31")}
    assert found.total.value is None, "no GDP of the province is known"
    half = ask(world, "GDP_SHARE", period="2026H1", by=["seller_city"])
    assert cells(half) == {("370100",): None}


@pytest.mark.parametrize("code", sorted(set(INDICATORS) - {"YOY"}))
def test_every_figure_answers_before_there_is_anything(world: World, code: str) -> None:
    found = ask(world, code, period="2026")
    known = {"CT_N", "CT_AMT", "CT_TECH", "OUT", "IN", "NEED_N", "DOCK_N", "DOCK_OK"}
    known.add("BRK_N")
    assert (found.total.value == 0) if code in known else found.total.value is None
    assert code in known or found.total.reason
    actor = world.actor("operator")
    page = indicators.rows(world.session, actor, code, period="2026").page()
    assert (page.items, page.total) == ([], 0)


def test_needs_count_when_they_first_enter_the_library(world: World) -> None:
    need = make_need(world, "POOLED")
    year = str(world.clock.now().year)
    found = ask(world, "NEED_N", period=year, by=["district"])
    assert cells(found) == {("370202",): 1}
    assert ask(world, "NEED_RATE", period=year).total.value == 0
    solved = world.clock.now() - timedelta(seconds=1)
    write_events(world.session, [event("need", need.id, "solve", solved, "SOLVED")])
    assert ask(world, "NEED_RATE", period=year).total.value == 100
    before = world.clock.now() - timedelta(days=1)
    early = ask(world, "NEED_N", period=year, as_of=before).total
    assert early.value == 0
    rows = indicators.rows(world.session, world.actor("operator"), "NEED_RATE")
    assert [(r["id"], r["count"], r["part"]) for r in rows.page().items] == [
        (need.id, 1, 1)
    ]


def test_calls_and_milestones_are_counted_from_the_ledger_alone(world: World) -> None:
    at = noon(date(2026, 5, 4))
    call, lost, bid = (UUID(int=n) for n in (1, 2, 3))
    stone, late = UUID(int=4), UUID(int=5)
    write_events(
        world.session,
        [
            event("call", call, "publish", at, "PUBLISHED"),
            event("call", call, "award", at, "AWARDED"),
            event("call", lost, "publish", at, "PUBLISHED"),
            event("call", lost, "fail", at, "FAILED"),
            *(event("bid", UUID(int=n), "submit", at, "SUBMITTED") for n in (6, 7)),
            event("bid", bid, "submit", at, "SUBMITTED"),
            event("milestone", stone, "pass", at, "PASSED"),
            event("milestone", late, "pass-late", at, "PASSED_LATE"),
            event("milestone", UUID(int=8), "fail", at, "FAILED"),
        ],
    )
    for code, value in (
        ("BID_PER_ITEM", "1.50"),
        ("AWARD_RATE", "50.00"),
        ("FAIL_RATE", "50.00"),
        ("MS_ONTIME", "33.33"),
    ):
        assert ask(world, code, period="2026").total.value == Decimal(value), code


def test_brokers_count_while_they_are_verified_and_their_certificate_runs(
    world: World,
) -> None:
    place = verified(world, valid_until="2026-12-31")
    ledger = ("2026", "2026-11")
    assert [ask(world, "BRK_N", period=p).total.value for p in ledger] == [1, 1]
    assert ask(world, "BRK_N", period="2026-10").total.value == 0, "not yet verified"
    actor = world.actor("operator")
    rows = indicators.rows(world.session, actor, "BRK_N", period="2026").page().items
    assert [(r["number"], r["count"]) for r in rows] == [("JJ-2024-0001", 1)]
    own = ask(world, "BRK_N", "far_district", period="2026")
    assert own.total.value == 1, "the broker's unit is of Jinan"
    assert ask(world, "BRK_N", "district", period="2026").total.value == 0
    world.clock.advance(days=80)
    assert ask(world, "BRK_N", period="2027").total.value == 0, "it has run out"
    assert ask(world, "BRK_N", period="2026").total.value == 1
    before = world.clock.now()
    world.clock.advance(days=1)
    world.client("operator").act(place, "suspend", {"comment": "证书被撤销"})
    assert ask(world, "BRK_N", period="2026").total.value == 1
    world.clock.advance(days=1)
    assert ask(world, "BRK_N", period="2027", as_of=before).total.value == 0


def test_a_certificate_that_is_renewed_counts_from_its_check_on(world: World) -> None:
    place = verified(world, valid_until="2026-12-31")
    world.clock.advance(days=3)
    client = world.client("broker")
    sent = {**RECORD, "valid_until": "2029-12-31"}
    headers = {"If-Match": client.get(place).headers["ETag"]}
    assert client.open("PUT", place, json=sent, headers=headers).status_code == 200
    assert ask(world, "BRK_N", period="2026").total.value == 0, "to be checked again"
    assert world.client("operator").act(place, "verify").status_code == 200
    world.clock.advance(days=400)
    assert ask(world, "BRK_N", period="2027").total.value == 1


def test_the_doubling_of_brokers_is_followed_by_its_figure(world: World) -> None:
    found = {
        t["key"]: t for t in reports.targets(world.session, world.actor("operator"))
    }["target.brokers"]
    assert (found["indicator"], found["value"]) == ("BRK_N", 0)


MEASURES = (
    "count",
    "total_yuan",
    "technical_yuan",
)


def test_the_rows_of_a_figure_add_up_to_it(world: World, book: Book) -> None:
    day = date(2026, 3, 2)
    for number in range(7):
        region = ("370102", "370211", "370212")[number % 3]
        found = book.register(day, f"{number}.50", seller_region=region)
        if number % 2:
            book.enter(found, day, "1.00", "0.25", kind="changed", count=0)
        if number == 4:
            book.enter(found, day, "-4.50", kind="revoked", count=-1)
    back = book.register(day, "9.00")
    book.enter(back, day, "-9.00", kind="cancelled", count=-1, seller_region="370211")
    book.enter(back, day, "0.00", kind="changed", count=0, ip_type="9")
    book.save(world.session)
    figure = ask(world, "CT_AMT", period="2026", by=["seller_city"])
    actor = world.actor("operator")
    wholes = [(figure.total, {})]
    wholes += [(c, {k: [v] for k, v in c.key.items()}) for c in figure.cells]
    for cell, filters in wholes:
        listing = indicators.rows(
            world.session, actor, "CT_AMT", period="2026", filters=filters
        )
        rows = list(listing.stream())
        assert len(rows) == listing.count()
        for name in MEASURES:
            assert sum(r[name] for r in rows) == getattr(cell, name), (filters, name)
    assert all(r["total_yuan"] or r["count"] for r in rows)


def test_each_hat_has_figures_of_its_own_part_of_the_market(
    world: World, book: Book
) -> None:
    day = date(2026, 3, 2)
    registry = world.org("clerk").id
    book.register(day, "10.00", registry_org_id=registry)
    book.register(day, "20.00", seller_region="370211", buyer_region="370102")
    book.save(world.session)
    for who, code, value in (
        ("operator", "CT_AMT", 30),
        ("province", "CT_AMT", 30),
        ("clerk", "CT_AMT", 10),
        ("reviewer", "CT_AMT", 10),
        ("district", "CT_AMT", 20),
        ("far_district", "CT_AMT", 10),
        ("district", "IN", 10),
    ):
        found = ask(world, code, who, period="2026")
        assert found.total.value == value, (who, code)
        rows = indicators.rows(world.session, world.actor(who), code, period="2026")
        assert sum(r["total_yuan"] for r in rows.stream()) == value, (who, code)
    make_need(world, "POOLED")
    for who, count in (("operator", 1), ("district", 1), ("far_district", 0)):
        assert ask(world, "NEED_N", who, period="2026").total.value == count


def test_the_public_never_sees_a_row(world: World) -> None:
    with pytest.raises(Unauthenticated):
        indicators.rows(world.session, world.actor("stranger"), "CT_N")
    for who in ("firm_admin", "university_admin", "broker", "expert"):
        with pytest.raises(Forbidden):
            indicators.rows(world.session, world.actor(who), "CT_N")
    with pytest.raises(Forbidden):
        indicators.rows(world.session, world.actor("clerk"), "NEED_N")


@pytest.mark.parametrize("who", ["stranger", "firm_admin", "clerk"])
def test_the_public_has_quarters_that_are_settled_and_nothing_finer(
    world: World, who: str
) -> None:
    code = "NEED_N" if who == "clerk" else "CT_N"
    assert ask(world, code, who).period.label == "2026Q3"
    world.clock.at = noon(date(2026, 10, 10))
    assert ask(world, code, who).period.label == "2026Q2", "not settled yet"
    now = world.clock.now()
    for more in (
        {"period": "2026"},
        {"period": "2026-03"},
        {"period": "2026Q3"},
        {"period": "2027Q1"},
        {"period": "2026-01-01..2026-03-31"},
        {"as_of": now},
        {"by": ["registry"]},
        {"by": ["class", "seller_city"]},
        {"filters": {"class": ["D"]}},
    ):
        with pytest.raises(Invalid):
            ask(world, code, who, **more)


def settled_cells(world: World, sizes: dict[str, int], book: Book) -> Any:
    for code, number in sizes.items():
        for _ in range(number):
            book.register(date(2026, 8, 3), "10.00", contract_class=code)
    book.save(world.session)
    return ask(world, "CT_AMT", "stranger", by=["class"])


def shown(found: Any) -> dict[str, Any]:
    return {c.key["class"]: c.value for c in found.cells}


def test_the_public_is_not_shown_a_cell_of_fewer_than_three(
    world: World, book: Book
) -> None:
    found = settled_cells(world, {"D": 5, "T": 2, "S": 4, "C": 9}, book)
    assert found.total.value == 200
    assert shown(found) == {"D": 50, "T": None, "S": None, "C": 90}
    hidden = next(c for c in found.cells if c.key["class"] == "T")
    assert (hidden.count, hidden.total_yuan, hidden.yoy) == (None, None, None)
    rest = found.total.value - sum(v for v in shown(found).values() if v)
    assert rest == 60, "what is left over is of six contracts of two classes"


def test_a_total_of_fewer_than_three_is_hidden_with_all_in_it(
    world: World, book: Book
) -> None:
    found = settled_cells(world, {"D": 1, "T": 1}, book)
    assert found.total.value is None
    assert found.total.count is None
    assert shown(found) == {"D": None, "T": None}


def test_a_contract_that_only_moves_makes_no_cell_of_three(
    world: World, book: Book
) -> None:
    for _ in range(2):
        book.register(date(2026, 8, 3), "10.00", contract_class="T")
    moved = book.register(date(2026, 8, 3), "10.00", contract_class="T")
    book.enter(moved, date(2026, 8, 4), "-10.00", count=-1, contract_class="T")
    found = settled_cells(world, {"D": 5, "S": 6}, book)
    assert shown(found)["T"] is None


def public_cells(world: World, code: str, axis: str) -> dict[str, Any]:
    found = ask(world, code, "stranger", by=[axis])
    return {"": found.total.value, **{c.key[axis]: c.value for c in found.cells}}


@pytest.mark.parametrize("code", ["OUT", "IN", "LOCAL"])
def test_a_contract_without_a_place_is_no_difference_of_two_public_figures(
    world: World, book: Book, code: str
) -> None:
    nowhere = {"seller_region": "", "buyer_region": ""}
    for number in range(8):
        book.register(
            date(2026, 8, 3),
            "10.00",
            contract_class="DT"[number % 2],
            buyer_region="370102" if number > 3 else "370202",
        )
    book.register(date(2026, 8, 3), "777.00", **nowhere)
    book.save(world.session)
    assert public_cells(world, "CT_AMT", "class")[""] == 857
    axis = "buyer_city" if code == "IN" else "seller_city"
    for by in ("class", axis):
        told = public_cells(world, code, by)
        assert set(told.values()) == {None}, "the rest is one contract"
    for _ in range(2):
        book.register(date(2026, 8, 3), "5.00", **nowhere)
    book.save(world.session)
    assert public_cells(world, code, "class")[""] is not None, "it is three now"


def test_differences_of_public_cells_are_of_enough_contracts(
    world: World, book: Book
) -> None:
    rows = [("D", "370102")] * 5 + [("T", "370102")] * 6 + [("S", "370102")] * 7
    rows += [("D", ""), *[("T", "")] * 4, *[("S", "")] * 5]
    for letter, region in rows:
        book.register(
            date(2026, 8, 3), "10.00", contract_class=letter, seller_region=region
        )
    book.save(world.session)
    told = [public_cells(world, code, "class") for code in ("CT_AMT", "OUT")]
    for cells_ in told:
        assert (cells_["D"], cells_["T"]) == (None, None), "one contract, covered"
        assert cells_["S"] is not None
    assert [t[""] for t in told] == [280, 180]


def test_the_cell_without_a_place_covers_no_other_where_the_rest_is_told(
    world: World, book: Book
) -> None:
    for region, number in (("370102", 2), ("370211", 6), ("", 3)):
        for _ in range(number):
            book.register(date(2026, 8, 3), "10.00", seller_region=region)
    book.save(world.session)
    told = {
        code: ask(world, code, "stranger", by=["seller_city"])
        for code in ("CT_AMT", "OUT")
    }
    assert cells(told["OUT"]) == {("370100",): None, ("370200",): None}
    assert cells(told["CT_AMT"]) == {
        ("",): 30,
        ("370100",): None,
        ("370200",): None,
    }


def test_a_share_does_not_tell_the_public_of_the_one_exception(
    world: World, book: Book
) -> None:
    for number in range(6):
        ip = "9" if number == 0 else "11"
        book.register(date(2026, 8, 3), "10.00", ip_type=ip, buyer_region="370102")
    book.register(date(2026, 8, 3), "10.00", ip_type="11")
    book.save(world.session)
    for code in ("IP_SHARE", "LOCAL"):
        found = ask(world, code, "stranger").total
        assert (found.value, found.reason) == (None, indicators.HIDDEN), code
    assert ask(world, "PLAN_SHARE", "stranger").total.value == 0


def test_what_the_public_was_told_of_a_quarter_does_not_move(
    world: World, book: Book
) -> None:
    for _ in range(3):
        book.register(date(2025, 8, 3), "10.00")
        book.register(date(2026, 8, 3), "20.00")
    book.save(world.session)
    first = ask(world, "CT_AMT", "stranger")
    assert (first.total.value, first.total.yoy) == (60, 100)
    late = book.contract()
    book.enter(late, date(2026, 8, 5), "500.00", at=noon(date(2026, 11, 1)))
    old = book.contract()
    book.enter(old, date(2025, 8, 5), "500.00", at=noon(date(2026, 1, 1)))
    book.save(world.session)
    again = ask(world, "CT_AMT", "stranger")
    assert again.total == first.total
    assert ask(world, "CT_AMT", period="2026Q3").total.value == 560


def test_what_is_no_figure_is_said_at_its_place(world: World) -> None:
    with pytest.raises(NotFound):
        ask(world, "CT_X")
    for code, more, pointer in (
        ("YOY", {}, "/query/code"),
        ("CT_N", {"period": "2026Q5"}, "/query/period"),
        ("CT_N", {"period": "２０２６"}, "/query/period"),
        ("CT_N", {"period": "2026-02-30..2026-03-01"}, "/query/period"),
        ("CT_N", {"period": "2026-03-02..2026-03-01"}, "/query/period"),
        ("CT_N", {"by": ["colour"]}, "/query/by"),
        ("CT_N", {"by": ["city"]}, "/query/by"),
        ("OUT", {"by": ["buyer_city"]}, "/query/by"),
        ("CT_N", {"by": ["class", "ip", "plan"]}, "/query/by"),
        ("CT_N", {"by": ["class", "class"]}, "/query/by"),
        ("CT_N", {"filters": {"class": ["Z"]}}, "/query/class"),
        ("CT_N", {"filters": {"registry": ["x"]}}, "/query/registry"),
        ("CT_N", {"filters": {"flow": ["370100>370200"]}}, "/query/flow"),
        (
            "CT_N",
            {"as_of": datetime.fromisoformat("2030-01-01T00:00:00+08:00")},
            "/query/as_of",
        ),
    ):
        with pytest.raises(Invalid) as found:
            ask(world, code, **more)
        assert pointer in {e.pointer for e in found.value.errors}, (code, more)


def test_every_definition_is_complete(world: World) -> None:
    wanted = (
        "CT_N CT_AMT CT_TECH YOY CT_AVG OUT IN LOCAL IP_SHARE PLAN_SHARE GDP_SHARE"
        " NEED_N NEED_RATE BID_PER_ITEM AWARD_RATE FAIL_RATE DOCK_N DOCK_OK LEVER"
        " MS_ONTIME BRK_N"
    )
    assert set(INDICATORS) == set(wanted.split())
    for found in INDICATORS.values():
        for text in (found.title, found.unit, found.sheet_unit, found.formula):
            assert text.zh, found.code
            assert text.en, found.code
        assert found.source, found.code
        assert found.owner, found.code
