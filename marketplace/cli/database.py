"""``jiebang migrate``: bring the store to this version's schema."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from marketplace.extensions import db
from marketplace.integrations import migrations


@click.command()
@with_appcontext
def migrate() -> None:
    """Apply the migrations. 升级数据库结构。"""
    migrations.upgrade(db.engine)
    click.echo(f"store at revision {migrations.current(db.engine)}")
