"""Flask extensions and the store's connection settings."""

from __future__ import annotations

import sqlite3
from typing import Any

import orjson
import sqlalchemy as sa
from flask import current_app
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_sqlalchemy import SQLAlchemy

from marketplace.models.base import Base

READ_ONLY = {"read_only": True}
"""Execution option of a transaction that will not write.

On SQLite every other transaction takes the write lock at its start, and waits for it
there, instead of failing when a read turns into a write behind another writer's back.
"""

CACHE_KIB = 16 * 1024
"""So much of an SQLite file each connection keeps: its own 2 MB hold less than one
list of a market of some thousands looks at."""


def _rate_limit() -> str:
    """Return the limit of the running application: several may share a process."""
    return str(current_app.config["JIEBANG_RATE_LIMIT"])


db = SQLAlchemy(metadata=Base.metadata)
limiter = Limiter(
    get_remote_address, default_limits=[_rate_limit], headers_enabled=True
)


def engine_options(database_url: str) -> dict[str, Any]:
    """Return the options of a store's engine; only a server can have gone away."""
    server = sa.make_url(database_url).get_backend_name() != "sqlite"
    return {"pool_pre_ping": server, "json_deserializer": orjson.loads}


def configure_engine(engine: sa.Engine, busy_seconds: int) -> None:
    """Set what each new connection and transaction of ``engine`` needs."""
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _sqlite_connect(busy_seconds))
        sa.event.listen(engine, "begin", _sqlite_begin)
    else:
        sa.event.listen(engine, "connect", _postgres_connect(busy_seconds))


def _sqlite_connect(busy_seconds: int) -> Any:
    def connect(connection: sqlite3.Connection, record: Any) -> None:  # noqa: ARG001
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute(f"PRAGMA busy_timeout={busy_seconds * 1000}")
        cursor.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
        cursor.close()

    return connect


def _sqlite_begin(connection: sa.Connection) -> None:
    read_only = connection.get_execution_options().get("read_only", False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


def _postgres_connect(busy_seconds: int) -> Any:
    def connect(connection: Any, record: Any) -> None:  # noqa: ARG001
        before = connection.autocommit
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"SET lock_timeout = '{busy_seconds}s'")
            cursor.execute("SET timezone = 'UTC'")
            # Compiling a list's statement takes longer than running it.
            cursor.execute("SET jit = off")
        connection.autocommit = before

    return connect
