"""The lists as a FastAPI application: the peer of ``measure_lists``.

The same rows of the same tables, by the same rule of who sees what, in the same pages,
written as one who knows FastAPI, pydantic and SQLAlchemy would write it for speed:
columns instead of objects, a statement made once, the total by the application's own
expression and within the same statement, rows read in order as the application reads
them, one indexed look-up for a token. It keeps no log, no counters and no limit, shows
nobody the texts that his unit is still writing, and has no filters: what it leaves out
is in its favour.

Run by ``measure_lists``; the store's address comes from ``DATABASE_URL``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import sqlalchemy as sa
from fastapi import Depends, FastAPI, Header, HTTPException, Query
from pydantic import BaseModel

from marketplace.domain import needs, offers
from marketplace.domain.needs import Disclosure, NeedState
from marketplace.domain.offers import OfferKind, OfferState
from marketplace.domain.organisations import OrganisationState
from marketplace.extensions import CACHE_KIB
from marketplace.models.needs import Need, NeedIntendedUnit, NeedVersion
from marketplace.models.offers import Offer, OfferVersion
from marketplace.models.organisations import DisclosureGrant, Organisation
from marketplace.models.users import ApiToken, Membership, User
from marketplace.policies import Shelf, one_of
from marketplace.services.paging import row_by_row

ZONE = ZoneInfo("Asia/Shanghai")
BIND = sa.bindparam
VERIFIED = sa.bindparam("verified", expanding=True, type_=sa.Uuid())
POOL = 16


class OwnerOrg(BaseModel):
    """The unit that owns a need."""

    id: UUID
    name: str
    region: str


class Row(BaseModel):
    """An object in a list."""

    id: UUID
    title: str
    owner_org: OwnerOrg
    chain: str | None
    tech_field: list[str]
    industry_use: str | None
    keywords: list[str]
    disclosure: Disclosure
    created_at: datetime
    updated_at: datetime
    published_at: datetime | None
    withheld: list[str]


class NeedRow(Row):
    """A need in a list."""

    need_no: str
    state: NeedState
    budget_total_yuan: Decimal | None = None
    budget_negotiable: bool
    valid_until: date | None


class OfferRow(Row):
    """An offer in a list."""

    ach_no: str
    kind: OfferKind
    state: OfferState
    stage: str | None
    maturity_scale: str | None
    maturity_level: int | None
    price_expect_yuan: Decimal | None = None


class NeedPage(BaseModel):
    """One page of the library."""

    items: list[NeedRow]
    next: str | None
    total: int


class OfferPage(BaseModel):
    """One page of the market."""

    items: list[OfferRow]
    next: str | None
    total: int


class Reader(BaseModel):
    """Who asks: the units that he belongs to, and those that are verified."""

    org_ids: list[UUID] = []
    verified: list[UUID] = []


def _need_rows(*, signed_in: bool) -> sa.Select[Any]:
    """Return the first page of the library."""
    over = sa.and_(Need.valid_until.is_not(None), Need.valid_until < BIND("today"))
    unless: list[sa.ColumnElement[bool]] = []
    if signed_in:
        meant = sa.exists().where(
            NeedIntendedUnit.version_id == Need.published_version_id,
            NeedIntendedUnit.org_id.in_(VERIFIED),
        )
        unless = [meant, Need.id.in_(_granted("need"))]
    return _rows(
        Need,
        NeedVersion,
        (needs.SHOWN, needs.PUBLISHED),
        (
            Need.need_no,
            NeedVersion.budget_total_yuan,
            NeedVersion.budget_negotiable,
            Need.valid_until,
        ),
        over,
        unless,
    )


def _offer_rows(*, signed_in: bool) -> sa.Select[Any]:
    """Return the first page of the market."""
    return _rows(
        Offer,
        OfferVersion,
        (offers.SHOWN, offers.PUBLISHED),
        (
            Offer.ach_no,
            Offer.kind,
            OfferVersion.stage,
            OfferVersion.maturity_scale,
            OfferVersion.maturity_level,
            OfferVersion.price_expect_yuan,
        ),
        sa.false(),
        [Offer.id.in_(_granted("offer"))] if signed_in else [],
    )


def _granted(kind: str) -> sa.Select[Any]:
    return sa.select(DisclosureGrant.subject_id).where(
        DisclosureGrant.subject_kind == kind, DisclosureGrant.org_id.in_(VERIFIED)
    )


def _rows(
    model: Any,
    version: Any,
    states: tuple[frozenset[Any], frozenset[Any]],
    own: tuple[Any, ...],
    over: sa.ColumnElement[bool],
    unless: list[sa.ColumnElement[bool]],
) -> sa.Select[Any]:
    """Return the first page of a list, each row with the total beside it.

    ``over`` has passed its day; what is targeted is hidden ``unless`` one of these.
    """
    meant = sa.or_(sa.false(), *unless)
    total = Shelf(model, version, *states, over=over, open_to=meant).size()
    seen = sa.and_(
        model.published_version_id.is_not(None),
        one_of(model.state, states[0]),
        Organisation.state == OrganisationState.VERIFIED,
        sa.not_(over),
        sa.or_(version.disclosure != Disclosure.TARGETED, *unless),
    )
    return (
        sa.select(
            model.id,
            version.title,
            Organisation.id.label("org_id"),
            Organisation.name,
            Organisation.region,
            version.chain,
            version.tech_field,
            version.industry_use,
            version.keywords,
            version.disclosure,
            model.created_at,
            model.published_at,
            model.state,
            *own,
            total.label("total"),
        )
        .join(version, version.id == model.published_version_id)
        .join(Organisation, Organisation.id == model.owner_org_id)
        .where(row_by_row(seen))
        .order_by(model.id.desc())
        .limit(BIND("limit"))
    )


NEEDS = {known: _need_rows(signed_in=known) for known in (False, True)}
NEEDS_AFTER = {key: rows.where(Need.id < BIND("after")) for key, rows in NEEDS.items()}
OFFERS = {known: _offer_rows(signed_in=known) for known in (False, True)}
OFFERS_AFTER = {
    key: rows.where(Offer.id < BIND("after")) for key, rows in OFFERS.items()
}
TOKEN = (
    sa.select(Organisation.id, Organisation.state)
    .select_from(ApiToken)
    .join(User, User.id == ApiToken.user_id)
    .join(Membership, Membership.user_id == User.id)
    .join(Organisation, Organisation.id == Membership.org_id)
    .where(
        ApiToken.token_hash == BIND("token_hash"),
        ApiToken.revoked_at.is_(None),
        ApiToken.expires_at > BIND("now"),
        User.disabled_at.is_(None),
        Membership.ended_at.is_(None),
        Organisation.state != OrganisationState.CLOSED,
    )
)


def _token_values(authorization: str) -> dict[str, Any]:
    raw = authorization.removeprefix("Bearer ").strip()
    digest = hashlib.sha256(raw.encode()).hexdigest()
    return {"token_hash": digest, "now": datetime.now(UTC)}


def _reader(rows: Sequence[Any]) -> Reader:
    if not rows:
        raise HTTPException(401)
    return Reader(
        org_ids=[row.id for row in rows],
        verified=[r.id for r in rows if r.state is OrganisationState.VERIFIED],
    )


def _asked(limit: int, cursor: str | None, reader: Reader) -> dict[str, Any]:
    values: dict[str, Any] = {"limit": limit + 1}
    if reader.org_ids:
        values["verified"] = reader.verified
    if cursor is not None:
        try:
            padded = cursor + "=" * (-len(cursor) % 4)
            values["after"] = UUID(json.loads(base64.urlsafe_b64decode(padded))[2])
        except (binascii.Error, ValueError, TypeError, IndexError) as error:
            raise HTTPException(422, "this cursor does not belong here") from error
    return values


def _needs_query(
    limit: int, cursor: str | None, reader: Reader
) -> tuple[sa.Select[Any], dict[str, Any]]:
    statement = (NEEDS_AFTER if cursor else NEEDS)[bool(reader.org_ids)]
    today = datetime.now(ZONE).date()
    return statement, {**_asked(limit, cursor, reader), "today": today}


def _offers_query(
    limit: int, cursor: str | None, reader: Reader
) -> tuple[sa.Select[Any], dict[str, Any]]:
    statement = (OFFERS_AFTER if cursor else OFFERS)[bool(reader.org_ids)]
    return statement, _asked(limit, cursor, reader)


def _cursor(row: Any) -> str:
    body = json.dumps(["-created", str(row.id), str(row.id)])
    return base64.urlsafe_b64encode(body.encode()).decode().rstrip("=")


def _values(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "title": row.title,
        "owner_org": OwnerOrg(id=row.org_id, name=row.name, region=row.region),
        "chain": row.chain,
        "tech_field": row.tech_field,
        "industry_use": row.industry_use,
        "keywords": row.keywords,
        "disclosure": row.disclosure,
        "created_at": row.created_at,
        "updated_at": row.published_at,
        "published_at": row.published_at,
        "withheld": [],
    }


def _need(row: Any, reader: Reader) -> NeedRow:
    values = {
        **_values(row),
        "need_no": row.need_no,
        "state": row.state if row.state in needs.PUBLISHED else NeedState.POOLED,
        "budget_negotiable": row.budget_negotiable,
        "valid_until": row.valid_until,
    }
    if reader.verified or row.disclosure is not Disclosure.NDA:
        values["budget_total_yuan"] = row.budget_total_yuan
    else:
        values["withheld"] = ["budget_total_yuan"]
    return NeedRow(**values)


def _offer(row: Any, reader: Reader) -> OfferRow:
    values = {
        **_values(row),
        "ach_no": row.ach_no,
        "kind": row.kind,
        "state": row.state if row.state in offers.PUBLISHED else OfferState.LISTED,
        "stage": row.stage,
        "maturity_scale": row.maturity_scale,
        "maturity_level": row.maturity_level,
    }
    if reader.verified:
        values["price_expect_yuan"] = row.price_expect_yuan
    else:
        values["withheld"] = ["price_expect_yuan"]
    return OfferRow(**values)


def _need_page(rows: Sequence[Any], limit: int, reader: Reader) -> NeedPage:
    return NeedPage(
        items=[_need(row, reader) for row in rows[:limit]],
        next=_next(rows, limit),
        total=rows[0].total if rows else 0,
    )


def _offer_page(rows: Sequence[Any], limit: int, reader: Reader) -> OfferPage:
    return OfferPage(
        items=[_offer(row, reader) for row in rows[:limit]],
        next=_next(rows, limit),
        total=rows[0].total if rows else 0,
    )


def _next(rows: Sequence[Any], limit: int) -> str | None:
    return _cursor(rows[limit - 1]) if len(rows) > limit else None


def _sqlite_connect(connection: Any, record: Any) -> None:  # noqa: ARG001
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
    cursor.close()


Limit = Annotated[int, Query(ge=1, le=100)]
Cursor = Annotated[str | None, Query(max_length=1000)]
Bearer = Annotated[str | None, Header()]


def _address() -> tuple[sa.URL, bool]:
    """Return the store's address without a driver, and whether it is PostgreSQL."""
    url = sa.make_url(os.environ["DATABASE_URL"])
    return url, url.get_backend_name() == "postgresql"


def create_app() -> FastAPI:
    """Make the peer whose routes run in a pool of threads."""
    url, postgres = _address()
    driver = "postgresql+psycopg" if postgres else "sqlite"
    engine = sa.create_engine(url.set(drivername=driver), pool_size=POOL)
    if not postgres:
        sa.event.listen(engine, "connect", _sqlite_connect)
    app = FastAPI()

    def connected() -> Iterator[sa.Connection]:
        with engine.connect() as connection:
            yield connection

    def read(store: sa.Connection, authorization: str | None) -> Reader:
        if authorization is None:
            return Reader()
        found = store.execute(TOKEN, _token_values(authorization))
        return _reader(found.fetchall())

    @app.get("/needs", response_model_exclude_unset=True)
    def list_needs(
        limit: Limit = 20,
        cursor: Cursor = None,
        authorization: Bearer = None,
        store: sa.Connection = Depends(connected),  # noqa: B008 - FastAPI's way
    ) -> NeedPage:
        reader = read(store, authorization)
        found = store.execute(*_needs_query(limit, cursor, reader))
        return _need_page(found.fetchall(), limit, reader)

    @app.get("/offers", response_model_exclude_unset=True)
    def list_offers(
        limit: Limit = 20,
        cursor: Cursor = None,
        authorization: Bearer = None,
        store: sa.Connection = Depends(connected),  # noqa: B008 - FastAPI's way
    ) -> OfferPage:
        reader = read(store, authorization)
        found = store.execute(*_offers_query(limit, cursor, reader))
        return _offer_page(found.fetchall(), limit, reader)

    return app


def create_async_app() -> FastAPI:
    """Make the peer whose routes wait for the store without a thread of their own."""
    from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415

    url, postgres = _address()
    driver = "postgresql+psycopg" if postgres else "sqlite+aiosqlite"
    engine = create_async_engine(url.set(drivername=driver), pool_size=POOL)
    if not postgres:
        sa.event.listen(engine.sync_engine, "connect", _sqlite_connect)
    app = FastAPI()

    async def connected() -> AsyncIterator[Any]:
        async with engine.connect() as connection:
            yield connection

    async def read(store: Any, authorization: str | None) -> Reader:
        if authorization is None:
            return Reader()
        found = await store.execute(TOKEN, _token_values(authorization))
        return _reader(found.fetchall())

    @app.get("/needs", response_model_exclude_unset=True)
    async def list_needs(
        limit: Limit = 20,
        cursor: Cursor = None,
        authorization: Bearer = None,
        store: Any = Depends(connected),  # noqa: B008 - FastAPI's way
    ) -> NeedPage:
        reader = await read(store, authorization)
        found = await store.execute(*_needs_query(limit, cursor, reader))
        return _need_page(found.fetchall(), limit, reader)

    @app.get("/offers", response_model_exclude_unset=True)
    async def list_offers(
        limit: Limit = 20,
        cursor: Cursor = None,
        authorization: Bearer = None,
        store: Any = Depends(connected),  # noqa: B008 - FastAPI's way
    ) -> OfferPage:
        reader = await read(store, authorization)
        found = await store.execute(*_offers_query(limit, cursor, reader))
        return _offer_page(found.fetchall(), limit, reader)

    return app
