"""Bring the store to the schema that this version of the code expects."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from marketplace.models.base import Base

SCRIPTS = Path(__file__).resolve().parents[2] / "migrations"


def _config(connection: sa.Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.attributes["connection"] = connection
    config.attributes["metadata"] = Base.metadata
    return config


def upgrade(engine: sa.Engine, revision: str = "head") -> None:
    """Apply the migrations up to ``revision``, in one transaction.

    Two processes that start at once do not both migrate: PostgreSQL serialises them
    by an advisory lock, SQLite by its write lock.
    """
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7413052)")
        command.upgrade(_config(connection), revision)


def downgrade(engine: sa.Engine, revision: str) -> None:
    """Take migrations back down to ``revision`` (``base`` for an empty store)."""
    with engine.begin() as connection:
        command.downgrade(_config(connection), revision)


def make(engine: sa.Engine, message: str) -> None:
    """Write a new migration from what differs between models and store."""
    with engine.begin() as connection:
        command.revision(_config(connection), message, autogenerate=True)


def heads() -> list[str]:
    """Return the head revisions; there has to be one."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    return list(ScriptDirectory.from_config(config).get_heads())


def current(engine: sa.Engine) -> str | None:
    """Return the revision of the store, None for an empty one."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def drift(engine: sa.Engine) -> list[object]:
    """Return what differs between the models and the store; empty is right."""
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, Base.metadata))
