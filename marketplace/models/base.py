"""The declarative base and the column types that both stores share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so
from sqlalchemy.dialects import postgresql

from marketplace.domain.ids import new_id
from marketplace.domain.money import CENT, yuan

E = TypeVar("E", bound=StrEnum)

NAMING = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """An aware moment; SQLite keeps it as UTC without its zone."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    @property
    def python_type(self) -> type[datetime]:
        """Tell readers of cursors what a value is."""
        return datetime

    def process_bind_param(
        self, value: datetime | None, dialect: sa.Dialect
    ) -> datetime | None:
        """Refuse naive moments and store UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("naive datetime")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(
        self, value: datetime | None, dialect: sa.Dialect
    ) -> datetime | None:
        """Give every moment back as aware UTC."""
        if value is None:
            return None
        if dialect.name == "sqlite":
            return value.replace(tzinfo=UTC)
        return value.astimezone(UTC)


class Money(sa.types.TypeDecorator[Decimal]):
    """An amount in 元, stored as an integer of 分: exact on every store."""

    impl = sa.BigInteger
    cache_ok = True

    @property
    def python_type(self) -> type[Decimal]:
        """Tell readers of cursors what a value is."""
        return Decimal

    def process_bind_param(
        self, value: Decimal | None, dialect: sa.Dialect
    ) -> int | None:
        """Store 分."""
        return None if value is None else int(yuan(value) * 100)

    def process_result_value(
        self, value: int | None, dialect: sa.Dialect
    ) -> Decimal | None:
        """Give 元 with two places."""
        return None if value is None else (Decimal(value) * CENT).quantize(CENT)


class ExactDecimal(sa.types.TypeDecorator[Decimal]):
    """A decimal of any scale, kept as the digits that were given."""

    impl = sa.String(40)
    cache_ok = True

    def process_bind_param(
        self, value: Decimal | None, dialect: sa.Dialect
    ) -> str | None:
        """Store the digits."""
        return None if value is None else str(value)

    def process_result_value(
        self, value: str | None, dialect: sa.Dialect
    ) -> Decimal | None:
        """Read the digits."""
        return None if value is None else Decimal(value)


Json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
"""JSON that PostgreSQL stores in binary form."""


def state_type(states: type[E], name: str | None = None) -> sa.Enum:
    """Column type of a state: its code as text, checked by the database.

    Parameters
    ----------
    name : str, optional
        What the check is called, where a table has several columns of codes.
    """
    values: Callable[[Any], list[str]] = lambda cls: [m.value for m in cls]  # noqa: E731
    return sa.Enum(
        states,
        native_enum=False,
        create_constraint=True,
        validate_strings=True,
        values_callable=values,
        length=32,
        name=name
        or ("state_known" if states.__name__.endswith("State") else "value_known"),
    )


class Base(so.DeclarativeBase):
    """Typed declarative base; relationships say how they load."""

    metadata = sa.MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012
        datetime: UtcDateTime(),
        Decimal: Money(),
        UUID: sa.Uuid(),
        dict[str, Any]: Json,
        list[str]: Json,
        list[Any]: Json,
    }


class Identified:
    """A table whose rows have unguessable, sortable identifiers."""

    id: so.Mapped[UUID] = so.mapped_column(primary_key=True, default=new_id)


class Timestamped:
    """Rows that tell when they were made and last changed, by the injected clock."""

    created_at: so.Mapped[datetime]
    updated_at: so.Mapped[datetime]
