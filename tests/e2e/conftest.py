"""Installations of their own for what only real processes can show."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy.orm as so
from flask import Flask

from marketplace.app import create_app
from marketplace.domain.clock import SystemClock
from marketplace.extensions import db
from marketplace.integrations import migrations
from seeds import loader
from tests.conftest import make_settings
from tests.people import World
from tests.servers import Installation
from tests.stores import Postgres


@pytest.fixture
def installation(store: str, tmp_path: Path) -> Installation:
    """An empty store and an empty data folder."""
    if store == "sqlite":
        return Installation(f"sqlite:///{tmp_path / 'jiebang.db'}", tmp_path)
    server = Postgres.from_environment()
    assert server is not None
    return Installation(server.fresh("e2e"), tmp_path)


@pytest.fixture
def inside(installation: Installation) -> Iterator[Flask]:
    """An application on the installation's store, which it migrates and fills."""
    app = create_app(
        make_settings(installation.url, installation.folder), clock=SystemClock()
    )
    with app.app_context():
        migrations.upgrade(db.engine)
        loader.load_reference(db.session())
        db.session.commit()
        db.session.remove()
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def settled(inside: Flask) -> Iterator[World]:
    """The people of the installation, in the machine's own time."""
    with inside.app_context():
        engine = db.engine
    with so.Session(engine) as session:
        yield World(session, SystemClock(), inside)
