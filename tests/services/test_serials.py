"""Human numbers have no gaps and no doubles."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace.models.needs import Need
from marketplace.services import needs, serials
from tests.listings import NEED
from tests.people import World


def test_numbers_start_with_one_and_count_by_series(session: so.Session) -> None:
    assert [serials.next_number(session, "a") for _ in range(3)] == [1, 2, 3]
    assert serials.next_number(session, "b") == 1


def test_a_rollback_gives_its_number_back(session: so.Session) -> None:
    assert serials.next_number(session, "a") == 1
    session.commit()
    assert serials.next_number(session, "a") == 2
    session.rollback()
    assert serials.next_number(session, "a") == 2


def test_several_numbers_are_taken_at_once(session: so.Session) -> None:
    assert serials.reserve(session, "a", 5) == 1
    assert serials.reserve(session, "a", 2) == 6
    assert serials.next_number(session, "a") == 8


def test_eight_threads_leave_no_gap(world: World) -> None:
    actor, engine = world.actor("firm"), world.session.get_bind()
    world.session.commit()

    def draft(turn: int) -> str:
        with so.Session(engine) as own:
            made = needs.create(own, actor, {"title": f"第{turn}项"})
            if turn % 4 == 3:
                own.rollback()
                return ""
            number = made.need_no
            own.commit()
            return number

    with ThreadPoolExecutor(8) as pool:
        given = [number for number in pool.map(draft, range(40)) if number]
    assert sorted(given) == [f"N2026-370202-{n:04d}" for n in range(1, 31)]
    stored: Any = world.session.scalars(sa.select(Need.need_no)).all()
    assert sorted(stored) == sorted(given)


@pytest.mark.parametrize("who", ["firm", "other_firm"])
def test_the_number_tells_year_and_place(world: World, who: str) -> None:
    made = needs.create(world.session, world.actor(who), NEED)
    assert made.need_no == f"N2026-{made.owner_org.region}-0001"
