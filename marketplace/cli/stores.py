"""What a command says when the store cannot be used."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError, OperationalError

NO_TABLE = "42P01"
"""What PostgreSQL says of a table that is not there."""


def line(error: DBAPIError) -> str | None:
    """Tell an operator in one line why the store cannot be used.

    Neither driver puts the password into what it says, and the address is not told.

    Returns
    -------
    str or None
        None for an error that speaks of a statement: a defect of ours.
    """
    text = str(error.orig).strip()
    if "no such table" in text or getattr(error.orig, "sqlstate", "") == NO_TABLE:
        return (
            "DATABASE_URL: the store has no tables of this version yet; "
            "`serve` makes them, or `.venv/bin/python -m seeds load`"
        )
    if not isinstance(error, OperationalError) and error.statement is not None:
        return None
    first = text.splitlines()[0].strip() if text else type(error).__name__
    return f"DATABASE_URL: the store cannot be used: {first}"
