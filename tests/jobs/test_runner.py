"""The runner hands on what is due, whatever happens to the runner before it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from marketplace.extensions import db
from marketplace.jobs.handlers import HANDLERS
from marketplace.jobs.runner import Handler, Interrupted, Runner
from marketplace.models.jobs import OutboxMessage, OutboxState
from marketplace.models.organisations import Organisation
from marketplace.services import outbox


@pytest.fixture
def put(app, clock):
    def make(topic="test", **payload):
        with app.app_context():
            message = outbox.put(db.session(), topic, payload, now=clock.now())
            message_id = message.id
            db.session.commit()
            db.session.remove()
        return message_id

    return make


@pytest.fixture
def state(app):
    def read(message_id):
        with app.app_context():
            message = db.session.get(OutboxMessage, message_id)
            return message.state, message.attempts, message.last_error

    return read


def test_a_handler_gets_the_payload_and_the_message_is_done(app, put, state):
    seen = []
    handler = Handler(lambda work: seen.append(work.claim.payload))
    runner = Runner(app, {"test": handler})
    message_id = put(n=3)
    assert runner.run_once()
    assert not runner.run_once()
    assert seen == [{"n": 3}]
    assert state(message_id)[0] is OutboxState.DONE


def test_what_a_failing_handler_wrote_is_rolled_back(app, world, put, state, clock):
    org_id = world.org("firm").id
    world.session.commit()

    def run(work):
        work.session.execute(
            sa.update(Organisation).where(Organisation.id == org_id).values(intro="x")
        )
        raise ValueError("no luck")

    message_id = put()
    assert Runner(app, {"test": Handler(run)}).run_once()
    found, attempts, error = state(message_id)
    assert (found, attempts) == (OutboxState.WAITING, 1)
    assert "no luck" in error
    world.session.expire_all()
    assert world.session.get(Organisation, org_id).intro == "测试单位"


def test_a_handler_that_never_succeeds_is_given_up_and_told(app, put, state, clock):
    told = []

    def run(work):
        raise ValueError("never")

    handler = Handler(run, gave_up=lambda _, error: told.append(error))
    runner = Runner(app, {"test": handler})
    message_id = put()
    for _ in range(outbox.MAX_ATTEMPTS):
        assert runner.run_once()
        clock.advance(hours=2)
    assert not runner.run_once()
    assert state(message_id)[0] is OutboxState.DEAD
    assert len(told) == 1
    assert "never" in told[0]


def test_a_message_whose_runners_die_is_given_up_too(app, put, state, clock):
    told = []
    handler = Handler(lambda _: None, gave_up=lambda _, error: told.append(error))
    runner = Runner(app, {"test": handler}, lease_seconds=10)
    message_id = put()
    for _ in range(outbox.MAX_ATTEMPTS):
        with app.app_context():
            outbox.claim(db.session(), clock.now(), 10)
            db.session.commit()
            db.session.remove()
        clock.advance(seconds=11)
    assert runner.run_once()
    assert state(message_id)[0] is OutboxState.DEAD
    assert "died" in told[0]


def test_a_topic_without_a_handler_is_kept_with_its_error(app, put, state):
    message_id = put("unknown")
    assert Runner(app, {}).run_once()
    found, _, error = state(message_id)
    assert found is OutboxState.WAITING
    assert "no handler" in error


def test_a_runner_that_was_overtaken_leaves_nothing(app, world, put, clock):
    org_id = world.org("firm").id
    world.session.commit()

    def slow(work):
        work.session.execute(
            sa.update(Organisation).where(Organisation.id == org_id).values(intro="x")
        )
        work.session.rollback()
        with app.app_context():
            clock.advance(seconds=11)
            outbox.claim(db.session(), clock.now(), 10)
            db.session.commit()
            db.session.remove()
        work.session.execute(
            sa.update(Organisation).where(Organisation.id == org_id).values(intro="y")
        )

    put()
    Runner(app, {"test": Handler(slow)}, lease_seconds=10).run_once()
    world.session.expire_all()
    assert world.session.get(Organisation, org_id).intro == "测试单位"


def test_a_runner_that_is_to_stop_gives_its_message_back(app, put, state):
    stop = threading.Event()

    def run(work):
        stop.set()
        work.hold()

    message_id = put()
    assert Runner(app, {"test": Handler(run)}).run_once(stop)
    assert state(message_id)[:2] == (OutboxState.WAITING, 0)
    assert issubclass(Interrupted, Exception)


def test_it_runs_until_it_is_stopped(app, put, state):
    stop = threading.Event()
    message_id = put()

    def run(work):
        stop.set()

    Runner(app, {"test": Handler(run)}).run_forever(stop, poll_seconds=0.01)
    assert state(message_id)[0] is OutboxState.DONE


def test_every_duty_runs_and_comes_back(app, clock):
    runner = Runner(app)
    runner.prepare()
    runner.prepare()
    duties = {topic for topic, handler in HANDLERS.items() if handler.every}
    assert runner.run_all() == len(duties)
    assert not runner.run_once()
    with app.app_context():
        rows = db.session.scalars(sa.select(OutboxMessage)).all()
        assert {row.topic for row in rows} == duties
        assert {row.last_error for row in rows} == {""}
    clock.advance(days=2)
    assert runner.run_all() == len(duties)


def test_a_duty_can_be_let_come_at_once(app, clock):
    ran = []
    handlers = {
        "duty": Handler(lambda _: ran.append(clock.now()), every=timedelta(hours=1)),
        "test": Handler(
            lambda work: outbox.hasten(work.session, "duty", now=clock.now())
        ),
    }
    runner = Runner(app, handlers)
    runner.prepare()
    assert runner.run_all() == 1
    clock.advance(minutes=1)
    assert runner.run_all() == 0
    with app.app_context():
        outbox.put(db.session(), "test", {}, now=clock.now())
        db.session.commit()
        db.session.remove()
    assert runner.run_all() == 2
    assert len(ran) == 2


def test_a_duty_that_has_failed_waits_its_time(app, clock):
    def fail(_):
        raise ValueError("not today")

    runner = Runner(app, {"duty": Handler(fail, every=timedelta(hours=1))})
    runner.prepare()
    assert runner.run_all() == 1
    with app.app_context():
        outbox.hasten(db.session(), "duty", now=clock.now())
        db.session.commit()
        db.session.remove()
    assert runner.run_all() == 0


KILLED = textwrap.dedent(
    """
    import os, sys, time
    from datetime import datetime
    from pathlib import Path
    from marketplace.app import create_app
    from marketplace.domain.clock import FixedClock
    from marketplace.jobs.runner import Handler, Runner

    def run(work):
        work.hold()
        Path(os.environ["MARK"]).write_text("begun")
        time.sleep(60)

    clock = FixedClock(datetime.fromisoformat(sys.argv[1]))
    Runner(create_app(clock=clock), {"test": Handler(run)}, lease_seconds=30).run_once()
    """
)


def test_a_killed_runner_loses_nothing(app, put, state, clock, tmp_path):
    message_id = put(n=1)
    mark = tmp_path / "mark"
    settings = app.extensions["jiebang.settings"]
    url = settings.database_url.replace("postgresql+psycopg", "postgresql")
    environment = os.environ | {
        "DATABASE_URL": url,
        "JIEBANG_DATA_DIR": str(settings.data_dir),
        "JIEBANG_LOG_LEVEL": "CRITICAL",
        "MARK": str(mark),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED, clock.now().isoformat()], env=environment
    )
    try:
        deadline = time.monotonic() + 30
        while not mark.exists():
            assert child.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    seen = []
    handler = Handler(lambda work: seen.append(work.claim.attempt))
    runner = Runner(app, {"test": handler})
    assert not runner.run_once()
    clock.at += timedelta(seconds=31)
    assert runner.run_once()
    assert seen == [2]
    assert state(message_id)[0] is OutboxState.DONE
