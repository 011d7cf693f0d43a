"""The thresholds of the yearly record, from registered contracts and receipts."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.domain.conflicts import Purpose
from marketplace.models.brokers import CommissionPayment
from marketplace.models.contracts import Contract
from marketplace.models.organisations import OrganisationTie
from marketplace.services import conflicts
from marketplace.services.thresholds import Figure, judge
from tests.brokers import applied, deal, paid
from tests.factories import relate
from tests.people import World
from tests.threads import begin, open_docking

DAY, LAST, FIRST = date(2024, 6, 30), date(2024, 12, 31), date(2024, 1, 1)


def report(world: World, place: str, year: int, who: str = "broker") -> dict[str, Any]:
    answer = world.client(who).get(f"{place}/thresholds?year={year}")
    assert answer.status_code == 200, answer.json
    found: dict[str, Any] = answer.json
    return found


def province(found: dict[str, Any]) -> dict[str, str]:
    level = next(row for row in found["rules"] if row["level"] == "province")
    return {row["code"]: row["status"] for row in level["conditions"]}


def commission(
    world: World, contract: Contract, amount: str, on: date, voucher: str = "F-9"
) -> None:
    world.session.add(
        CommissionPayment(
            contract_id=contract.id,
            number=1,
            org_id=world.org("broker").id,
            paid_on=on,
            amount_yuan=Decimal(amount),
            voucher=voucher,
            recorded_at=world.clock.now(),
        )
    )
    world.session.commit()


def test_deals_and_income_of_the_year_before_reach_the_provinces_thresholds(
    world: World,
) -> None:
    place = applied(world)
    one = deal(world, "2999999.99", FIRST)
    commission(world, one, "299999.99", LAST)
    assert province(report(world, place, 2025)) == {
        "deals": "not-reached",
        "income": "not-reached",
    }
    two = deal(world, "0.01", LAST)
    commission(world, two, "0.01", FIRST)
    assert province(report(world, place, 2025)) == {
        "deals": "reached",
        "income": "reached",
    }


def test_only_the_year_before_counts(world: World) -> None:
    place = applied(world)
    for on in (date(2023, 12, 31), date(2025, 1, 1)):
        commission(world, deal(world, "9000000.00", on), "900000.00", on)
    found = report(world, place, 2025)
    assert found["figures_year"] == 2024
    assert found["evidence"] == []
    assert set(province(found).values()) == {"not-reached"}


def test_every_figure_is_the_sum_of_its_evidence(world: World) -> None:
    place = applied(world)
    deal(world, "1200000.00", DAY)
    commission(world, deal(world, "800000.00", DAY), "5000.00", DAY)
    mediation = deal(
        world, "40000.00", DAY, kind="S3", seller="broker", broker=None, buyer="firm"
    )
    paid(world, mediation, "30000.00", DAY)
    found = report(world, place, 2025)
    level = found["rules"][0]
    assert level["figures"]["deals_yuan"] == {
        "sure": "2000000.00",
        "most": "2000000.00",
    }
    assert level["figures"]["income_yuan"]["sure"] == "35000.00"
    rows = found["evidence"]
    assert [row["kind"] for row in rows] == [
        "contract",
        "contract",
        "payment",
        "commission",
    ]
    for row in rows:
        assert row["counted"]
        assert row["mark"]


@pytest.mark.parametrize("how", ["declared", "tied", "institution"])
def test_deals_between_affiliated_units_do_not_count(world: World, how: str) -> None:
    place = applied(world)
    if how == "tied":
        relate(world, "firm")
    if how == "institution":
        world.org("broker").parent_org_id = world.org("firm").id
        world.session.commit()
    contract = deal(world, "9000000.00", DAY, related=how == "declared")
    commission(world, contract, "900000.00", DAY)
    found = report(world, place, 2025)
    assert set(province(found).values()) == {"not-reached"}
    assert [(r["is_affiliated"], r["counted"]) for r in found["evidence"]] == [
        (True, False),
        (True, False),
    ]
    assert "关联" in found["evidence"][0]["reason"]


@pytest.mark.parametrize(
    ("tie", "counted"),
    [
        ({"valid_to": DAY - timedelta(days=1)}, True),
        ({"valid_from": DAY, "valid_to": DAY}, False),
        ({"valid_from": DAY + timedelta(days=1)}, True),
    ],
)
def test_a_deal_is_affiliated_by_the_ties_of_its_day(
    world: World, tie: dict[str, date], counted: bool
) -> None:
    place = applied(world)
    world.session.add(
        OrganisationTie(
            org_id=world.org("firm").id,
            position=0,
            kind="controller",
            other_org_id=world.org("broker").id,
            **tie,
        )
    )
    deal(world, "9000000.00", DAY)
    row = report(world, place, 2025)["evidence"][0]
    assert (row["counted"], row["is_affiliated"]) == (counted, not counted)


def test_what_is_only_suspected_is_asked_until_an_operator_has_decided(
    world: World,
) -> None:
    place = applied(world)
    for who in ("firm", "broker"):
        world.org(who).legal_rep = "郑同名"
    contract = deal(world, "9000000.00", DAY)
    row = report(world, place, 2025)["evidence"][0]
    assert (row["counted"], row["sure"], row["is_affiliated"]) == (True, False, False)
    check = conflicts.check(
        world.session,
        world.actor("broker"),
        purpose=Purpose.BROKER,
        subject_kind="contract",
        subject_id=contract.id,
        left=conflicts.side(units=[world.org("broker").id]),
        right=conflicts.side(units=[world.org("firm").id, world.org("team").id]),
    )
    world.session.commit()
    operator = world.actor("operator")
    conflicts.act(world.session, operator, check.id, "clear", comment="同名不同人")
    world.session.commit()
    row = report(world, place, 2025)["evidence"][0]
    assert (row["counted"], row["sure"]) == (True, True)


def test_three_party_contracts_and_two_side_by_side_are_told_apart(
    world: World,
) -> None:
    place = applied(world)
    thread = begin(world)
    docking = open_docking(thread)["id"]
    deal(world, "1000000.00", DAY)
    deal(world, "2000000.00", DAY, broker=None, docking=docking)
    shapes = {r["shape"]: r for r in report(world, place, 2025)["evidence"]}
    unnamed = shapes["two-party"]
    assert not unnamed["counted"]
    assert unnamed["amount_yuan"] is unnamed["contract_no"] is None
    deal(
        world,
        "50000.00",
        DAY,
        kind="S3",
        seller="broker",
        broker=None,
        docking=docking,
    )
    found = report(world, place, 2025)
    shapes = {r["shape"]: r["is_three_party"] for r in found["evidence"]}
    assert shapes == {"three-party": True, "side-by-side": False}
    assert found["rules"][0]["figures"]["deals_yuan"]["sure"] == "3000000.00"


def test_income_without_an_invoice_has_to_be_asked(world: World) -> None:
    place = applied(world)
    mediation = deal(world, "400000.00", DAY, kind="S3", seller="broker", broker=None)
    paid(world, mediation, "400000.00", DAY, voucher="")
    assert province(report(world, place, 2025))["income"] == "ask"


def test_an_inner_office_needs_more_deals_and_in_2024_ten_conversions(
    world: World,
) -> None:
    place = applied(world, legal_type="INNER")
    on = date(2023, 5, 1)
    for _ in range(9):
        deal(world, "1200000.00", on, kind="T1")
    deal(world, "1200000.00", on, kind="D1")
    assert province(report(world, place, 2024)) == {
        "deals": "reached",
        "conversions": "not-reached",
    }
    deal(world, "1.00", on, kind="L1")
    assert set(province(report(world, place, 2024)).values()) == {"reached"}
    deal(world, "10000000.00", DAY)
    assert province(report(world, place, 2025)) == {"deals": "reached"}


def test_what_an_inner_office_of_a_seller_brought_about_has_to_be_asked(
    world: World,
) -> None:
    place = applied(world, legal_type="INNER")
    deal(world, "10000000.00", DAY, seller="broker", broker=None)
    found = report(world, place, 2025)
    assert province(found) == {"deals": "ask"}
    assert found["evidence"][0]["counted"]
    assert not found["evidence"][0]["sure"]


def test_an_inner_office_may_mediate_for_the_unit_that_it_is_part_of(
    world: World,
) -> None:
    place = applied(world, legal_type="INNER")
    world.org("broker").parent_org_id = world.org("team").id
    world.session.commit()
    deal(world, "10000000.00", DAY)
    assert province(report(world, place, 2025)) == {"deals": "reached"}


@pytest.mark.parametrize(
    ("region", "year", "levels"),
    [
        ("370202", 2025, {"province": "ask", "city": "ask"}),
        ("371302", 2022, {"province": "ask", "city": "reached"}),
        ("371302", 2023, {"province": "ask", "city": "ask"}),
        ("370102", 2025, {"province": "reached", "city": "ask"}),
        ("370102", 2027, {"province": "ask", "city": "ask"}),
        ("110101", 2025, {"province": "ask", "city": "ask"}),
    ],
)
def test_what_is_not_known_for_a_place_and_year_is_asked_and_not_made_up(
    world: World, region: str, year: int, levels: dict[str, str]
) -> None:
    place = applied(world)
    world.org("broker").region = region
    world.session.commit()
    on = date(year - 1, 7, 1)
    commission(world, deal(world, "6000000.00", on), "400000.00", on)
    found = report(world, place, year)
    assert {row["level"]: row["status"] for row in found["rules"]} == levels
    for row in found["rules"]:
        assert bool(row["source"]) != bool(row["message"])


def test_only_the_unit_and_officials_read_what_an_institution_reaches(
    world: World,
) -> None:
    place = applied(world)
    path = f"{place}/thresholds?year=2025"
    for who, status in (
        ("broker", 200),
        ("operator", 200),
        ("province", 200),
        ("firm", 404),
        ("stranger", 404),
    ):
        assert world.client(who).get(path).status_code == status, who
    for who, action in (("operator", "recommend"), ("province", "record")):
        world.client(who).act(place, action)
    assert world.client("firm").get(path).status_code == 403
    assert world.client("stranger").get(path).status_code == 401
    assert world.client("broker").get(f"{place}/thresholds").status_code == 422


@given(sure=st.integers(0, 100), more=st.integers(0, 100), least=st.integers(0, 200))
def test_a_figure_is_reached_missed_or_open_and_more_never_makes_it_worse(
    sure: int, more: int, least: int
) -> None:
    order = ["not-reached", "ask", "reached"]
    figure = Figure(Decimal(sure), Decimal(sure + more))
    found = judge(figure, Decimal(least))
    assert (found == "reached") == (sure >= least)
    assert (found == "not-reached") == (sure + more < least)
    better = judge(Figure(Decimal(sure + 1), Decimal(sure + more + 1)), Decimal(least))
    assert order.index(better) >= order.index(found)
