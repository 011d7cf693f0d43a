"""Alembic environment: the engine and the models' metadata are handed in."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import context

config = context.config
connection = config.attributes["connection"]


def render_item(kind: str, item: Any, autogen_context: Any) -> str | bool:
    """Write the models' own column types as what the database stores."""
    if kind == "type" and isinstance(item, sa.JSON):
        autogenerate_imports = autogen_context.imports
        autogenerate_imports.add("from sqlalchemy.dialects import postgresql")
        return 'sa.JSON().with_variant(postgresql.JSONB(), "postgresql")'
    if kind == "type" and isinstance(item, sa.types.TypeDecorator):
        impl = item.impl
        if isinstance(impl, sa.DateTime):
            return "sa.DateTime(timezone=True)"
        return f"sa.{impl!r}"
    return False


context.configure(
    connection=connection,
    target_metadata=config.attributes.get("metadata"),
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
    render_item=render_item,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
