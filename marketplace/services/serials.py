"""Human numbers in unbroken series, for example the needs of 2026 in one district."""

from __future__ import annotations

from typing import cast

import sqlalchemy as sa
import sqlalchemy.orm as so
from sqlalchemy.dialects import postgresql, sqlite

from marketplace.models.needs import SerialNumber


def next_number(session: so.Session, series: str) -> int:
    """Return the next number of a series, starting with 1; see ``reserve``."""
    return reserve(session, series, 1)


def reserve(session: so.Session, series: str, count: int) -> int:
    """Take ``count`` numbers of a series and return the first of them.

    The row of the series stays locked until the transaction ends, and its count goes
    back with a rollback: no number is given twice and none is lost. Whoever numbers
    many objects in one transaction therefore makes others of that series wait.

    Parameters
    ----------
    series : str
        At most 40 characters.
    count : int
        At least 1.
    """
    table = cast("sa.Table", SerialNumber.__table__)
    if session.get_bind().dialect.name == "postgresql":
        last = _count(session, postgresql.insert(table), table, series, count)
    else:
        last = _count(session, sqlite.insert(table), table, series, count)
    return last - count + 1


def _count(
    session: so.Session,
    insert: postgresql.Insert | sqlite.Insert,
    table: sa.Table,
    series: str,
    count: int,
) -> int:
    statement = (
        insert.values(series=series, last=count)
        .on_conflict_do_update(
            index_elements=[table.c.series], set_={"last": table.c.last + count}
        )
        .returning(table.c.last)
    )
    return cast("int", session.execute(statement).scalar_one())
