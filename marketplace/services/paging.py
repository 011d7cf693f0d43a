"""Lists: a query, the orders it may be read in, and pages by keyset cursor."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Generic, TypeVar
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace.domain.money import yuan
from marketplace.errors import Invalid

V = TypeVar("V")
DEFAULT_LIMIT, MAX_LIMIT = 20, 100


@dataclass(frozen=True, slots=True)
class Page(Generic[V]):
    """One page of a list."""

    items: list[V]
    next: str | None
    total: int | None


@dataclass(frozen=True)
class Listing(Generic[V]):
    """What a list answers from, before it is cut into pages.

    Parameters
    ----------
    store : Session or Connection
        A connection for a statement of columns only, which then costs less.
    statement : Select
        Unordered; its first column or entity is what ``view`` receives as a row. The
        first one of columns only is the key.
    key : column
        The identifier: unique, never null, sortable by creation.
    sorts : mapping of name to column
        Columns that are never null. ``created`` (the key) is always there.
    view : callable
        Turns a batch of rows into what is shown, one each, in order.
    size : expression of int, optional
        How many rows there are, where the store can tell without walking them.
    made : dict, optional
        Where the statements of pages are kept. Who keeps a list's statement keeps this
        beside it, and each of them is made once.
    """

    store: so.Session | sa.Connection
    statement: sa.Select[*tuple[Any, ...]]
    key: sa.ColumnElement[Any] | so.InstrumentedAttribute[Any]
    view: Callable[[Sequence[sa.Row[*tuple[Any, ...]]]], list[V]]
    sorts: Mapping[str, Any] = field(default_factory=dict)
    default_sort: str = "-created"
    size: sa.ColumnElement[int] | None = None
    made: dict[tuple[str, bool], sa.Select[*tuple[Any, ...]]] = field(
        default_factory=dict, repr=False
    )

    def page(
        self, *, limit: int = DEFAULT_LIMIT, cursor: str | None = None, sort: str = ""
    ) -> Page[V]:
        """Return the page after ``cursor``.

        Raises
        ------
        Invalid
            For a cursor that is not of this list and order, or an unknown order.
        """
        limit = max(1, min(limit, MAX_LIMIT))
        name, column, descending = self._order(sort)
        values: dict[str, Any] = {"most": limit + 1}
        if cursor:
            values["after_value"], values["after_key"] = _decode(cursor, name, column)
        statement = self.made.get((name, bool(cursor)))
        if statement is None:
            statement = self._ordered(column, descending, after=bool(cursor))
            statement = statement.add_columns(self._size().label("total_rows"))
            self.made[name, bool(cursor)] = statement
        rows = self.store.execute(statement, values).all()
        more, shown = len(rows) > limit, rows[:limit]
        token = self._behind(name, shown[-1]) if more else None
        total = rows[0].total_rows if rows else self.count()
        return Page(self.view(shown), token, total)

    def stream(self, *, sort: str = "", batch: int = 200) -> Iterator[V]:
        """Yield everything, a batch in memory at a time."""
        name, column, descending = self._order(sort)
        values: dict[str, Any] = {"most": batch}
        statement = self._ordered(column, descending, after=False)
        while True:
            rows = self.store.execute(statement, values).all()
            yield from self.view(rows)
            if len(rows) < batch:
                return
            cursor = self._behind(name, rows[-1])
            values["after_value"], values["after_key"] = _decode(cursor, name, column)
            statement = self._ordered(column, descending, after=True)
            if isinstance(self.store, so.Session):
                self.store.expunge_all()

    def _order(self, sort: str) -> tuple[str, Any, bool]:
        sort = sort or self.default_sort
        descending, name = sort.startswith("-"), sort.lstrip("-")
        columns = {"created": self.key, **self.sorts}
        if name not in columns:
            known = ", ".join(sorted(columns))
            raise Invalid.at(
                "/query/sort",
                "unknown_sort",
                f"不支持的排序：{name}；可用：{known}（前加 - 为降序）",
                f"unknown order {name!r}; one of {known}, with - for descending",
            )
        return sort, columns[name], descending

    def _ordered(
        self, column: Any, descending: bool, *, after: bool
    ) -> sa.Select[*tuple[Any, ...]]:
        """Return the rows in order, for values of ``most`` and of a cursor."""
        key = self.key
        order: tuple[Any, ...] = (key.desc(),) if descending else (key,)
        statement = self.statement
        if isinstance(self.store, so.Session):
            statement = statement.add_columns(key.label("sort_key"))
        last_key = sa.bindparam("after_key", type_=key.type)
        beyond = key < last_key if descending else key > last_key
        if column is not key:
            statement = statement.add_columns(column.label("sort_value"))
            order = (column.desc() if descending else column, *order)
            last = sa.bindparam("after_value", type_=column.type)
            further = column < last if descending else column > last
            beyond = sa.or_(further, sa.and_(column == last, beyond))
        if after:
            statement = statement.where(beyond)
        return statement.order_by(*order).limit(sa.bindparam("most", type_=sa.Integer))

    def _behind(self, name: str, row: sa.Row[*tuple[Any, ...]]) -> str:
        """Name the place behind a row."""
        key = row.sort_key if isinstance(self.store, so.Session) else row[0]
        return _encode(name, getattr(row, "sort_value", key), key)

    def _size(self) -> sa.ColumnElement[int]:
        if self.size is not None:
            return self.size
        counted = self.statement.order_by(None).with_only_columns(self.key).subquery()
        return sa.select(sa.func.count()).select_from(counted).scalar_subquery()

    def count(self) -> int:
        """Count what the caller may see."""
        return self.store.scalar(sa.select(self._size())) or 0


def row_by_row(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """Have a store look nothing up by a condition that most rows meet.

    SQLite keeps no figures of how rare a value is: for a page of what nearly everybody
    may see it would gather all rows by an index on the state or the owner and sort
    them, where it can read in order and stop at the end of the page. It uses indexes
    for an ``or`` only if there is one for every term
    (https://www.sqlite.org/optoverview.html, "OR optimizations"); there is none for a
    value that comes with each execution, and none can be left out.
    """
    return sa.or_(sa.literal(False), condition)


def _encode(name: str, value: Any, key: UUID) -> str:
    if isinstance(value, datetime | date):
        value = value.isoformat()
    body = json.dumps([name, value if isinstance(value, int) else str(value), str(key)])
    return base64.urlsafe_b64encode(body.encode()).decode().rstrip("=")


def _decode(cursor: str, name: str, column: Any) -> tuple[Any, UUID]:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        body = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        made_for, value, key = body
        if made_for != name:
            raise ValueError("another order")  # noqa: TRY301
        return _sort_value(column.type.python_type, value), UUID(key)
    except (
        binascii.Error,
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        UnicodeError,
        OverflowError,
        RecursionError,
    ) as error:
        raise Invalid.at(
            "/query/cursor",
            "bad_cursor",
            "游标无效，请从第一页重新开始",
            "this cursor does not belong to this list and order; start again",
        ) from error


def _sort_value(python: type, value: Any) -> Any:
    """Read what a cursor says of a row, or raise: the caller may have made it up."""
    if python is datetime:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError("naive")
        return moment.astimezone(UTC)
    if python is date:
        return date.fromisoformat(value)
    if python is UUID:
        return UUID(value)
    if python is Decimal:
        return yuan(value)
    if type(value) is not python:
        raise ValueError("wrong type")
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError("out of range")
    if isinstance(value, str):
        value.encode("utf-8")
        if "\x00" in value:
            raise ValueError("not a text that a store can hold")
    return value
