"""The queue only hands over: what is lost in it or doubled in it changes nothing."""

from __future__ import annotations

import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from huey.registry import Message

from marketplace.domain.clock import FixedClock
from marketplace.extensions import db
from marketplace.jobs import queue as queues
from marketplace.jobs.queue import JobProcess, PlainSerializer
from marketplace.jobs.runner import Handler
from marketplace.models.jobs import OutboxMessage, OutboxState
from marketplace.services import outbox

Put = Callable[..., list[UUID]]


@pytest.fixture
def put(app: Flask, clock: FixedClock) -> Put:
    def make(count: int, topic: str = "test") -> list[UUID]:
        with app.app_context():
            made = [
                outbox.put(db.session(), topic, {"n": n}, now=clock.now()).id
                for n in range(count)
            ]
            db.session.commit()
            db.session.remove()
        return made

    return make


@pytest.fixture
def process(app: Flask) -> Iterator[Callable[..., JobProcess]]:
    """Make processes on one queue, which is empty at the start and at the end."""
    made: list[JobProcess] = []

    def make(run: Callable[[Any], None], **more: Any) -> JobProcess:
        jobs = JobProcess(app, {"test": Handler(run)}, **more)
        jobs.queue.storage.initialize_schema()
        if not made:
            jobs.queue.flush()
        made.append(jobs)
        return jobs

    yield make
    for jobs in made:
        jobs.queue.storage.close()
    if made:
        made[0].queue.flush()
        made[0].queue.storage.close()


@contextmanager
def own_signals() -> Iterator[None]:
    """Give signals back to pytest, whoever takes them meanwhile."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def state(app: Flask, message_id: UUID) -> OutboxState:
    with app.app_context():
        found = db.session.get_one(OutboxMessage, message_id).state
        db.session.remove()
    return found


def take(jobs: JobProcess) -> bool:
    """Do what a worker of Huey does once."""
    task = jobs.queue.dequeue()
    if task is None:
        return False
    jobs.queue.execute(task)
    return True


def test_each_message_is_handled_once_by_several_workers(
    app: Flask, put: Put, process: Callable[..., JobProcess]
) -> None:
    seen: Counter[int] = Counter()
    lock = threading.Lock()
    wanted = queues.BATCH + 30

    def run(work: Any) -> None:
        with lock:
            seen[work.claim.payload["n"]] += 1
            if len(seen) == wanted:
                jobs.stop.set()

    jobs = process(run, workers=3)
    made = put(wanted)
    watch = threading.Timer(60, jobs.stop.set)
    watch.start()
    with own_signals():
        jobs.run()
    watch.cancel()
    assert seen == Counter(range(wanted))
    assert {state(app, message_id) for message_id in made} == {OutboxState.DONE}


def test_nothing_more_is_handed_over_before_all_was_taken(
    put: Put, process: Callable[..., JobProcess]
) -> None:
    jobs = process(lambda _: None)
    put(3)
    assert jobs.dispatch() == 3
    assert jobs.dispatch() == 0
    assert take(jobs)
    assert jobs.dispatch() == 0
    while take(jobs):
        pass
    assert jobs.dispatch() == 0


def test_what_two_dispatchers_hand_over_twice_is_done_once(
    app: Flask, put: Put, process: Callable[..., JobProcess]
) -> None:
    seen: list[int] = []
    one = process(lambda work: seen.append(work.claim.payload["n"]))
    put(4)
    due = one.runner.due(10)
    assert one.dispatch() == 4
    for message_id in due:
        one._put(str(message_id))
    while take(one):
        pass
    assert sorted(seen) == [0, 1, 2, 3]


def test_what_is_lost_of_the_queue_is_due_as_before(
    put: Put, process: Callable[..., JobProcess]
) -> None:
    seen: list[int] = []
    jobs = process(lambda work: seen.append(work.claim.payload["n"]))
    put(2)
    assert jobs.dispatch() == 2
    assert jobs.queue.dequeue() is not None
    jobs.queue.flush()
    assert jobs.dispatch() == 2
    while take(jobs):
        pass
    assert sorted(seen) == [0, 1]


def test_what_a_dead_worker_had_claimed_comes_back_after_its_lease(
    app: Flask, put: Put, process: Callable[..., JobProcess], clock: FixedClock
) -> None:
    seen: list[int] = []
    jobs = process(lambda work: seen.append(work.claim.attempt), lease_seconds=30)
    (message_id,) = put(1)
    with app.app_context():
        outbox.claim(db.session(), clock.now(), 30, message_id)
        db.session.commit()
        db.session.remove()
    assert jobs.dispatch() == 0
    clock.advance(seconds=31)
    assert jobs.dispatch() == 1
    assert take(jobs)
    assert seen == [2]
    assert state(app, message_id) is OutboxState.DONE


def test_a_failing_message_waits_its_time_and_stops_no_other(
    app: Flask, put: Put, process: Callable[..., JobProcess], clock: FixedClock
) -> None:
    def run(work: Any) -> None:
        if work.claim.payload["n"] == 0 and work.claim.attempt == 1:
            raise ValueError("not yet")

    jobs = process(run)
    first, second = put(2)
    assert jobs.dispatch() == 2
    while take(jobs):
        pass
    assert state(app, first) is OutboxState.WAITING
    assert state(app, second) is OutboxState.DONE
    assert jobs.dispatch() == 0
    clock.advance(minutes=1)
    assert jobs.dispatch() == 1
    assert take(jobs)
    assert state(app, first) is OutboxState.DONE


def test_a_process_that_is_to_stop_takes_nothing_up(
    app: Flask, put: Put, process: Callable[..., JobProcess]
) -> None:
    jobs = process(lambda _: None)
    (message_id,) = put(1)
    jobs.dispatch()
    jobs.stop.set()
    assert take(jobs)
    assert state(app, message_id) is OutboxState.WAITING


def test_a_store_that_is_away_is_waited_for(
    app: Flask,
    put: Put,
    process: Callable[..., JobProcess],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    jobs = process(lambda _: jobs.stop.set(), workers=1)
    (message_id,) = put(1)
    away = [True]
    due = jobs.runner.due

    def sometimes(most: int) -> Any:
        if away.pop() if away else False:
            raise jobs._store_errors()[1]("server closed the connection")
        return due(most)

    monkeypatch.setattr(jobs.runner, "due", sometimes)
    watch = threading.Timer(60, jobs.stop.set)
    watch.start()
    with own_signals():
        jobs.run()
    watch.cancel()
    assert state(app, message_id) is OutboxState.DONE


@pytest.mark.parametrize("store", ["sqlite"])
def test_what_lies_in_the_queue_is_data_and_never_code(
    put: Put, process: Callable[..., JobProcess]
) -> None:
    jobs = process(lambda _: None)
    (message_id,) = put(1)
    jobs.dispatch()
    (raw,) = jobs.queue.storage.enqueued_items()
    assert str(message_id).encode() in bytes(raw)
    read = PlainSerializer().deserialize(raw)
    assert isinstance(read, Message)
    assert list(read.args) == [str(message_id)]
    with pytest.raises(UnicodeDecodeError):
        PlainSerializer().deserialize(b"\x80\x05N.")
