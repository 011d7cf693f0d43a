"""Fixtures: both stores, an application on each, a clock that stands still."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import hypothesis
import pytest
import sqlalchemy.orm as so
from flask import Flask

from marketplace.app import create_app
from marketplace.config import Settings
from marketplace.domain.clock import FixedClock
from marketplace.extensions import db, limiter
from marketplace.integrations import migrations
from marketplace.models.base import Base
from tests.people import World
from tests.stores import Postgres, wipe

SHANGHAI = ZoneInfo("Asia/Shanghai")
hypothesis.settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    # What is tried on one machine is tried on the next; elsewhere new cases each run.
    hypothesis.settings.load_profile("ci")
START = datetime(2026, 11, 23, 9, 0, tzinfo=SHANGHAI)
"""A Monday morning."""


def pytest_report_header() -> list[str]:
    """Say at once what this run will leave out."""
    if Postgres.from_environment():
        return []
    return ["!! no TEST_DATABASE_URL: every PostgreSQL test is LEFT OUT"]


def pytest_sessionfinish() -> None:
    """Leave no database behind."""
    server = Postgres.from_environment()
    if server is not None:
        server.drop_all()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the end how much was left out."""
    skipped = terminalreporter.stats.get("skipped", [])
    left_out = [r for r in skipped if "PostgreSQL" in str(r.longrepr)]
    if left_out:
        terminalreporter.section("LEFT OUT", sep="!", red=True, bold=True)
        terminalreporter.line(
            f"{len(left_out)} tests did not run on PostgreSQL: "
            "set TEST_DATABASE_URL to a server on which databases may be made."
        )


@pytest.fixture(scope="session")
def clock() -> FixedClock:
    """The clock of every application under test."""
    return FixedClock(START)


def make_settings(database_url: str, data_dir: Path) -> Settings:
    """Return settings that keep tests fast and quiet."""
    return Settings(
        database_url=database_url,
        data_dir=data_dir,
        zone=SHANGHAI,
        log_level="CRITICAL",
        token_hours=12,
        max_upload_bytes=8 * 1024 * 1024,
        rate_limit="100000/minute",
        busy_seconds=20,
        idempotency_hours=48,
        proxies=0,
        sign_in_failures=5,
        sign_in_minutes=15,
    )


@pytest.fixture(scope="session")
def apps(
    tmp_path_factory: pytest.TempPathFactory, clock: FixedClock
) -> Iterator[Callable[[str], Flask]]:
    """Make one application a store and keep it for the session."""
    made: dict[str, Flask] = {}

    def make(store: str) -> Flask:
        if store not in made:
            folder = tmp_path_factory.mktemp(store)
            if store == "sqlite":
                url = f"sqlite:///{folder / 'test.db'}"
            else:
                server = Postgres.from_environment()
                assert server is not None
                url = server.fresh("main")
            app = create_app(make_settings(url, folder), clock=clock)
            with app.app_context():
                migrations.upgrade(db.engine)
                _load_reference_data()
                db.session.remove()
            made[store] = app
        return made[store]

    yield make
    for app in made.values():
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


def _load_reference_data() -> None:
    from seeds import loader

    loader.load_reference(db.session())
    db.session.commit()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def store(request: pytest.FixtureRequest) -> str:
    """The name of a store; tests that use it run on both."""
    name: str = request.param
    if name == "postgres" and Postgres.from_environment() is None:
        if os.environ.get("REQUIRE_POSTGRES"):
            pytest.fail("REQUIRE_POSTGRES is set and there is no TEST_DATABASE_URL")
        pytest.skip("no PostgreSQL: TEST_DATABASE_URL is not set")
    return name


@pytest.fixture
def app(store: str, apps: Callable[[str], Flask], clock: FixedClock) -> Iterator[Flask]:
    """An application with empty tables."""
    clock.at = START
    app = apps(store)
    yield app
    with app.app_context():
        db.session.remove()
        wipe(db.engine, Base.metadata)
    limiter.reset()


@pytest.fixture
def session(app: Flask) -> Iterator[so.Session]:
    """A session of the application's own store, apart from those of its requests."""
    with app.app_context():
        engine = db.engine
    with so.Session(engine) as opened:
        yield opened
        opened.rollback()


@pytest.fixture
def world(session: so.Session, clock: FixedClock, app: Flask) -> World:
    """The people of this test."""
    return World(session, clock, app)
