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
    session : Session
    statement : Select
        Unordered; its first column or entity is what ``view`` receives as a row.
    key : column
        The identifier: unique, never null, sortable by creation.
    sorts : mapping of name to column
        Columns that are never null. ``created`` (the key) is always there.
    view : callable
        Turns a batch of rows into what is shown, one each, in order.
    """

    session: so.Session
    statement: sa.Select[*tuple[Any, ...]]
    key: sa.ColumnElement[Any] | so.InstrumentedAttribute[Any]
    view: Callable[[Sequence[sa.Row[*tuple[Any, ...]]]], list[V]]
    sorts: Mapping[str, Any] = field(default_factory=dict)
    default_sort: str = "-created"

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
        statement = self._ordered(column, descending)
        if cursor:
            statement = statement.where(self._after(cursor, name, column, descending))
        rows = self.session.execute(statement.limit(limit + 1)).all()
        more, rows = len(rows) > limit, rows[:limit]
        token = _encode(name, rows[-1].sort_value, rows[-1].sort_key) if more else None
        return Page(self.view(rows), token, self.count())

    def stream(self, *, sort: str = "", batch: int = 200) -> Iterator[V]:
        """Yield everything, a batch in memory at a time."""
        name, column, descending = self._order(sort)
        cursor = None
        while True:
            statement = self._ordered(column, descending)
            if cursor:
                statement = statement.where(
                    self._after(cursor, name, column, descending)
                )
            rows = self.session.execute(statement.limit(batch)).all()
            yield from self.view(rows)
            if len(rows) < batch:
                return
            cursor = _encode(name, rows[-1].sort_value, rows[-1].sort_key)
            self.session.expunge_all()

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

    def _ordered(self, column: Any, descending: bool) -> sa.Select[*tuple[Any, ...]]:
        order = (column.desc(), self.key.desc()) if descending else (column, self.key)
        return self.statement.add_columns(
            column.label("sort_value"), self.key.label("sort_key")
        ).order_by(*order)

    def _after(
        self, cursor: str, name: str, column: Any, descending: bool
    ) -> sa.ColumnElement[bool]:
        value, key = _decode(cursor, name, column)
        if column is self.key:
            after: sa.ColumnElement[bool] = (
                self.key < key if descending else self.key > key
            )
            return after
        if descending:
            return sa.or_(column < value, sa.and_(column == value, self.key < key))
        return sa.or_(column > value, sa.and_(column == value, self.key > key))

    def count(self) -> int:
        """Count what the caller may see."""
        counted = self.statement.order_by(None).with_only_columns(self.key).subquery()
        return self.session.scalar(sa.select(sa.func.count()).select_from(counted)) or 0


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
