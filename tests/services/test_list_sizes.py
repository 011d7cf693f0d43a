"""A list's total is the number of its rows, however the store comes to know it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from marketplace import policies
from marketplace.domain.actors import Actor, system
from marketplace.domain.organisations import OrganisationState
from marketplace.models.needs import Need
from marketplace.models.offers import Offer
from marketplace.models.organisations import Organisation
from marketplace.services import disclosures
from tests.listings import ADMINS, PATHS, PUBLISHED, SAMPLES, SERVICES, make, walk
from tests.people import CAST, World

KINDS = ("need", "offer")
READERS = ("stranger", *CAST)
MOVED = {"need": ("SUBMITTED", "DRAFT"), "offer": ("SUBMITTED", "DRAFT")}


def caller(world: World, who: str) -> Actor:
    return system(world.clock.now()) if who == "system" else world.actor(who)


def made_by(world: World, kind: str, owner: str, **more: Any) -> Any:
    """Publish an object of another owner than the usual one."""
    machine = system(world.clock.now())
    data = {**SAMPLES[kind], "owner_org_id": world.org(owner).id, **more}
    row = SERVICES[kind].create(world.session, machine, data)
    return walk(world.session, machine, kind, row.id, PUBLISHED[kind])


def fill(world: World, kind: str) -> None:
    """Make what a list may hold or keep back, for more than one reason at a time."""
    for who in CAST:
        world.user(who)
    for state in PATHS[kind]:
        make(world, kind, state)
    make(world, kind, PUBLISHED[kind], disclosure="NDA")
    make(world, kind, PUBLISHED[kind], disclosure="TARGETED")
    told = make(world, kind, PUBLISHED[kind], disclosure="TARGETED")
    disclosures.grant(
        world.session,
        world.actor(ADMINS[kind]),
        kind,
        told.id,
        {"organisation_id": world.org("broker").id, "basis": "保密协议1号"},
    )
    revised = make(world, kind, PUBLISHED[kind])
    machine = system(world.clock.now())
    SERVICES[kind].edit(world.session, machine, revised.id, {"title": "另一题目"})
    for disclosure in ("FULL", "TARGETED"):
        made_by(world, kind, "other_firm", disclosure=disclosure)
        made_by(world, kind, "clerk", disclosure=disclosure)
    if kind == "need":
        meant = [{"organisation_id": world.org("team").id}]
        make(world, kind, "POOLED", disclosure="TARGETED", intended_units=meant)
        for disclosure in ("FULL", "TARGETED"):
            for owner in ("firm", "clerk"):
                row = made_by(world, kind, owner, disclosure=disclosure)
                row.valid_until = machine.today - timedelta(days=1)
    at_rest = world.org("clerk")
    at_rest.state = OrganisationState.SUSPENDED
    at_rest.suspended_until = machine.today + timedelta(days=30)
    at_rest.suspension_document = "鲁科字〔2026〕1号"
    world.session.commit()


@pytest.mark.parametrize("kind", KINDS)
def test_every_reader_is_told_how_many_rows_he_may_read(
    world: World, kind: str
) -> None:
    fill(world, kind)
    sizes = {}
    for who in (*READERS, "system"):
        found = SERVICES[kind].search(world.session, caller(world, who))
        rows = [row["id"] for row in found.stream(batch=7)]
        assert len(rows) == len(set(rows))
        page = found.page(limit=5)
        assert (page.total, found.count()) == (len(rows), len(rows)), who
        assert found.page(limit=5, cursor=page.next).total == len(rows), who
        sizes[who] = len(rows)
    assert sizes["stranger"] < sizes["broker"] < sizes["operator"] <= sizes["system"]
    assert sizes["stranger"] < sizes["firm" if kind == "need" else "team"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_total_of_a_filtered_list_is_that_of_its_rows(
    world: World, kind: str
) -> None:
    fill(world, kind)
    filters: tuple[dict[str, Any], ...] = (
        {"state": PUBLISHED[kind]},
        {"disclosure": "TARGETED"},
        {"mine": True},
        {"q": "铝合金"},
        {"region": "370100"},
    )
    for who in READERS:
        for asked in filters:
            found = SERVICES[kind].search(world.session, world.actor(who), **asked)
            assert found.page(limit=3).total == len(list(found.stream())), (who, asked)


@pytest.mark.parametrize("kind", KINDS)
def test_a_list_shows_at_once_what_was_published_and_what_was_taken_back(
    world: World, kind: str
) -> None:
    stranger = world.actor("stranger")

    def listed() -> tuple[int | None, list[Any]]:
        page = SERVICES[kind].search(world.session, stranger).page()
        return page.total, [row["id"] for row in page.items]

    assert listed() == (0, [])
    row = make(world, kind, PUBLISHED[kind])
    assert listed() == (1, [row.id])
    world.session.execute(
        sa.update(Organisation)
        .where(Organisation.id == row.owner_org_id)
        .values(
            state=OrganisationState.SUSPENDED,
            suspended_until=stranger.today,
            suspension_document="鲁科字〔2026〕1号",
        )
    )
    assert listed() == (0, [])


def test_a_need_leaves_the_list_at_the_turn_of_its_last_day(world: World) -> None:
    row = make(world, "need", "POOLED")
    noon = world.actor("stranger")
    for days, total in ((-1, 1), (0, 1), (1, 0), (0, 1)):
        now = noon.now + (row.valid_until - noon.today) + timedelta(days=days)
        found = SERVICES["need"].search(world.session, replace(noon, now=now))
        assert found.page().total == len(list(found.stream())) == total


def test_who_may_see_the_same_is_one_audience_until_he_becomes_another(
    world: World,
) -> None:
    firm = world.actor("firm")
    later = replace(firm, now=firm.now + timedelta(hours=1), request_id="another")
    assert later.audience() == firm.audience()
    assert later.audience().today == firm.today
    for other in (
        world.actor("firm_admin"),
        replace(firm, standings=()),
        replace(firm, now=firm.now + timedelta(days=1)),
        system(firm.now),
    ):
        assert other.audience() != firm.audience()


def plan(connection: sa.Connection, run: Callable[[], object]) -> list[str]:
    """Return how the store runs the one statement that a call asks it for."""
    asked: list[tuple[str, Any]] = []

    def keep(_a: Any, _b: Any, statement: str, values: Any, *_: Any) -> None:
        asked.append((statement, values))

    sa.event.listen(connection, "before_cursor_execute", keep)
    run()
    sa.event.remove(connection, "before_cursor_execute", keep)
    ((statement, values),) = asked
    if connection.dialect.name == "sqlite":
        query = f"EXPLAIN QUERY PLAN {statement}"
        rows = connection.exec_driver_sql(query, values).all()
        return [str(row.detail) for row in rows if row.parent == 0]
    # Of the few rows of a test it would rather read and sort them all.
    for way in ("sort", "seqscan", "bitmapscan"):
        connection.exec_driver_sql(f"SET LOCAL enable_{way} = off")
    rows = connection.exec_driver_sql(f"EXPLAIN {statement}", values).all()
    return [str(row[0]) for row in rows]


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_is_read_in_order_by_one_statement_and_nothing_is_sorted(
    world: World, kind: str
) -> None:
    fill(world, kind)
    connection = world.session.connection()
    for who in READERS:
        found = SERVICES[kind].search(world.session, caller(world, who))
        steps = plan(connection, found.page)
        if connection.dialect.name == "sqlite":
            by_key = f"SCAN {kind}s USING INDEX sqlite_autoindex_{kind}s_1"
            assert steps[0] == by_key, (who, steps)
            assert not [step for step in steps if "B-TREE" in step], (who, steps)
        else:
            by_key = f"Index Scan Backward using pk_{kind}s on {kind}s "
            assert [step for step in steps if by_key in step], (who, steps)
            assert not [step for step in steps if "Sort" in step], (who, steps)


@pytest.mark.parametrize("kind", KINDS)
def test_the_rows_of_a_ranking_are_looked_up_by_their_identifiers(
    world: World, kind: str
) -> None:
    connection = world.session.connection()
    if connection.dialect.name != "sqlite":
        pytest.skip("this store chooses by the figures that it keeps of its rows")
    fill(world, kind)
    connection = world.session.connection()
    model, seen = {
        "need": (Need, policies.library_needs),
        "offer": (Offer, policies.market_offers),
    }[kind]
    ids = world.session.scalars(sa.select(model.id)).all()
    for who in READERS:
        found = sa.select(model.id).where(model.id.in_(ids), seen(caller(world, who)))
        steps = plan(connection, lambda: connection.execute(found))  # noqa: B023
        by_id = f"SEARCH {kind}s USING INDEX sqlite_autoindex_{kind}s_1 (id=?)"
        assert steps[0] == by_id, (who, steps)
