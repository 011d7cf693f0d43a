"""The yearly conversion report: who is asked for it, when, and until when."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from marketplace.domain.actors import system
from marketplace.domain.organisations import OrganisationState
from marketplace.services import conversion_duties, duties, reports
from tests.conftest import SHANGHAI
from tests.people import World


def at(world: World, day: date) -> None:
    world.clock.at = datetime(day.year, day.month, day.day, 9, tzinfo=SHANGHAI)


def ask(world: World) -> int:
    asked = conversion_duties.ask(world.session, system(world.clock.now()))
    world.session.flush()
    return asked


def owed(world: World, who: str) -> list[tuple[str, str, date]]:
    page = duties.queue(world.session, world.actor(who)).page(limit=10)
    return [(row["step"], row["number"], row["due_on"]) for row in page.items]


@pytest.fixture
def units(world: World) -> World:
    """A university here, one elsewhere, an institute that is not verified, a firm."""
    for who in ("university_admin", "team", "firm_admin", "operator"):
        world.user(who)
    world.make_org("elsewhere", "UNIV", "110000")
    young = world.make_org("young", "INST", "370102")
    young.state = OrganisationState.PENDING
    world.session.flush()
    return world


@pytest.mark.parametrize(
    ("day", "count"),
    [
        (date(2027, 1, 4), 0),
        (date(2027, 1, 5), 1),
        (date(2027, 3, 31), 1),
        (date(2027, 4, 1), 0),
        (date(2026, 11, 23), 0),
    ],
)
def test_universities_here_are_asked_from_january_to_the_end_of_march(
    units: World, day: date, count: int
) -> None:
    at(units, day)
    assert ask(units) == count
    wanted = [("conversion-report", "2026", date(2027, 3, 31))][:count]
    assert owed(units, "university_admin") == wanted
    for who in ("team", "firm_admin", "operator"):
        assert owed(units, who) == []


def test_nobody_is_asked_twice_nor_after_he_has_reported(units: World) -> None:
    at(units, date(2027, 1, 5))
    assert (ask(units), ask(units)) == (1, 0)
    at(units, date(2027, 2, 1))
    assert ask(units) == 0
    unit = units.org("team").id
    admin = units.actor("university_admin")
    # The report of a year before is not what is owed.
    for year, left in (("2025", 1), ("2026", 0)):
        reports.issue(
            units.session, admin, kind="conversion", period=year, organisation_id=unit
        )
        assert len(owed(units, "university_admin")) == left
    assert ask(units) == 0


def test_the_next_year_takes_the_place_of_one_that_was_never_reported(
    units: World,
) -> None:
    at(units, date(2027, 1, 5))
    ask(units)
    at(units, date(2028, 1, 5))
    assert ask(units) == 1
    assert owed(units, "university_admin") == [
        ("conversion-report", "2027", date(2028, 3, 31))
    ]
