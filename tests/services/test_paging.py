"""Lists are cut into pages that neither lose nor repeat a row."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
import sqlalchemy.orm as so
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketplace.domain.ids import new_id
from marketplace.errors import Invalid
from marketplace.models.ledger import Event
from marketplace.services.paging import MAX_LIMIT, Listing, _decode, _encode
from tests.conftest import START

SORTS = {"at": Event.at, "role": Event.actor_role}
ORDERS = ("created", "-created", "at", "-at", "role", "-role")
shared_rows = settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def add(session: so.Session, number: int, *, minutes: int, role: str) -> UUID:
    event = Event(
        id=new_id(1_700_000_000_000 + number),
        at=START + timedelta(minutes=minutes),
        actor_role=role,
        subject_kind="note",
        subject_id=new_id(),
        action="note.add",
        changes={},
    )
    session.add(event)
    session.flush()
    return event.id


def listing(session: so.Session) -> Listing[UUID]:
    return Listing(
        session,
        sa.select(Event),
        key=Event.id,
        sorts=SORTS,
        view=lambda rows: [row[0].id for row in rows],
    )


def walk(listing: Listing[UUID], sort: str, limit: int) -> Iterator[list[UUID]]:
    cursor = None
    while True:
        page = listing.page(limit=limit, cursor=cursor, sort=sort)
        yield page.items
        if page.next is None:
            return
        cursor = page.next


def expected(session: so.Session, sort: str) -> list[UUID]:
    """The same order, made by Python instead of the database."""
    name, reverse = sort.lstrip("-"), sort.startswith("-")
    column = {"created": "id", "at": "at", "role": "actor_role"}[name]
    rows = session.scalars(sa.select(Event)).all()
    ordered = sorted(
        rows, key=lambda e: (getattr(e, column), e.id.int), reverse=reverse
    )
    return [e.id for e in ordered]


@pytest.fixture
def rows(session: so.Session) -> so.Session:
    """Twenty-three rows with many ties; never committed, so never sealed."""
    for number in range(23):
        add(session, number, minutes=number % 4, role="ab"[number % 2])
    return session


@shared_rows
@given(sort=st.sampled_from(ORDERS), limit=st.integers(1, 30))
def test_the_pages_are_the_list(rows: so.Session, sort: str, limit: int) -> None:
    pages = list(walk(listing(rows), sort, limit))
    assert [i for page in pages for i in page] == expected(rows, sort)
    assert all(len(page) == limit for page in pages[:-1])
    assert list(listing(rows).stream(sort=sort, batch=limit)) == expected(rows, sort)


@pytest.mark.parametrize("sort", ORDERS)
def test_rows_that_are_added_meanwhile_shift_no_page(
    rows: so.Session, sort: str
) -> None:
    before = expected(rows, sort)
    seen: list[UUID] = []
    for number, page in enumerate(walk(listing(rows), sort, 4)):
        seen += page
        add(rows, 100 + number, minutes=number % 5, role="abc"[number % 3])
        add(rows, -100 - number, minutes=number % 3, role="cba"[number % 3])
        assert number < 30
    assert len(seen) == len(set(seen))
    assert [i for i in seen if i in set(before)] == before


def test_total_counts_the_whole_list_and_limit_has_bounds(rows: so.Session) -> None:
    assert listing(rows).page(limit=3).total == 23
    assert len(listing(rows).page(limit=0).items) == 1
    for number in range(200, 310):
        add(rows, number, minutes=0, role="a")
    assert len(listing(rows).page(limit=10_000).items) == MAX_LIMIT


@pytest.mark.parametrize("sort", ["", "-"])
def test_no_order_named_is_the_default_one_or_refused(
    rows: so.Session, sort: str
) -> None:
    if sort:
        with pytest.raises(Invalid, match="unknown order"):
            listing(rows).page(sort=sort)
    else:
        assert listing(rows).page(limit=100).items == expected(rows, "-created")


def test_a_cursor_belongs_to_its_order(rows: so.Session) -> None:
    cursor = listing(rows).page(limit=2, sort="at").next
    for other in set(ORDERS) - {"at"}:
        with pytest.raises(Invalid, match="does not belong"):
            listing(rows).page(cursor=cursor, sort=other)


JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters()),
    st.just("\x00"),
    st.just("\ud800"),
    st.datetimes().map(datetime.isoformat),
    st.just("0001-01-01T00:00:00+08:00"),
    st.just("9999-12-31T23:59:59-08:00"),
    st.uuids().map(str),
    st.lists(st.integers(), max_size=2),
)


def pack(body: Any) -> str:
    text = json.dumps(body).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


@settings(
    shared_rows,
    max_examples=80,
)
@given(
    cursor=st.one_of(
        st.text(max_size=200),
        st.binary(max_size=60).map(
            lambda raw: base64.urlsafe_b64encode(raw).decode().rstrip("=")
        ),
        JUNK.map(pack),
        st.tuples(st.sampled_from(ORDERS), JUNK, JUNK).map(pack),
        st.tuples(st.sampled_from(ORDERS), JUNK, st.uuids().map(str)).map(pack),
    ),
    sort=st.sampled_from(ORDERS),
)
def test_a_cursor_that_somebody_made_up_is_refused_or_harmless(
    rows: so.Session, cursor: str, sort: str
) -> None:
    try:
        items = listing(rows).page(limit=3, cursor=cursor, sort=sort).items
        places = []
    except Invalid as refused:
        items, places = [], [e.pointer for e in refused.errors]
    assert len(items) <= 3
    assert places in ([], ["/query/cursor"])


@given(
    st.sampled_from([Event.at, Event.actor_role, Event.id]),
    st.uuids(),
    st.data(),
)
def test_a_cursor_says_what_was_put_into_it(
    column: Any, key: UUID, data: st.DataObject
) -> None:
    values = {
        "at": st.datetimes(timezones=st.just(UTC)),
        "actor_role": st.text(st.characters(exclude_categories=["Cs", "Cc"])),
        "id": st.uuids(),
    }
    value = data.draw(values[column.key])
    if isinstance(value, datetime) and not 2 < value.year < 9998:
        value = value.replace(year=2026, day=1)
    cursor = _encode("-name", value, key)
    assert _decode(cursor, "-name", column) == (value, key)
    with pytest.raises(Invalid):
        _decode(cursor, "name", column)


def test_a_view_sees_each_page_as_one_batch(rows: so.Session) -> None:
    sizes: list[int] = []

    def view(found: Any) -> list[UUID]:
        sizes.append(len(found))
        return [row[0].id for row in found]

    replace(listing(rows), view=view).page(limit=7)
    assert sizes == [7]
