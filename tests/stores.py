"""The two stores that every test of storage runs on."""

from __future__ import annotations

import os
from dataclasses import dataclass

import sqlalchemy as sa

ENV = "TEST_DATABASE_URL"
KEPT = {
    "alembic_version",
    "code_lists",
    "code_list_versions",
    "codes",
    "calendar_days",
    "calendar_years",
    "rules",
}

ONE = "postgres" if os.environ.get(ENV) else "sqlite"
"""The store of tests that ask about rights and not about storage: the one that would
be used in production, where there is one."""

_made: set[str] = set()


@dataclass
class Postgres:
    """A PostgreSQL server on which test databases may be made."""

    url: sa.URL

    @classmethod
    def from_environment(cls) -> Postgres | None:
        """Return the server named by ``TEST_DATABASE_URL``, None without one."""
        text = os.environ.get(ENV)
        if not text:
            return None
        return cls(sa.make_url(text).set(drivername="postgresql+psycopg"))

    def fresh(self, purpose: str) -> str:
        """Make an empty database of this process and return its address.

        Its name holds the process's number, so that several runs may share a server.
        """
        name = f"jiebang_test_{os.getpid()}_{purpose}"
        drop = f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'
        self._command(drop, f'CREATE DATABASE "{name}"')
        _made.add(name)
        return self.url.set(database=name).render_as_string(hide_password=False)

    def drop_all(self) -> None:
        """Drop every database that this process has made."""
        while _made:
            self._command(f'DROP DATABASE IF EXISTS "{_made.pop()}" WITH (FORCE)')

    def _command(self, *statements: str) -> None:
        engine = sa.create_engine(self.url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
        engine.dispose()


def wipe(engine: sa.Engine, metadata: sa.MetaData) -> None:
    """Empty every table that a test may have written, the ledger included."""
    names = [t.name for t in metadata.sorted_tables if t.name not in KEPT]
    if engine.dialect.name == "postgresql":
        with engine.begin() as connection:
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
            connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
            connection.exec_driver_sql("; ".join(f"DELETE FROM {n}" for n in names))
            _restart_ledger(connection)
        return
    raw = engine.raw_connection()
    try:
        cursor = raw.cursor()
        cursor.execute("PRAGMA foreign_keys=OFF")
        cursor.execute("BEGIN IMMEDIATE")
        triggers = cursor.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall()
        for name, _ in triggers:
            cursor.execute(f"DROP TRIGGER {name}")
        for name in names:
            cursor.execute(f"DELETE FROM {name}")
        for _, statement in triggers:
            cursor.execute(statement)
        cursor.execute(
            "INSERT INTO ledger_head (id, seq, hash) VALUES (1, 0, ?)", ("0" * 64,)
        )
        cursor.execute("COMMIT")
        cursor.execute("PRAGMA foreign_keys=ON")
    finally:
        raw.close()


def _restart_ledger(connection: sa.Connection) -> None:
    connection.execute(
        sa.text("INSERT INTO ledger_head (id, seq, hash) VALUES (1, 0, :hash)"),
        {"hash": "0" * 64},
    )
