"""A message is handled once by whoever holds it, and never lost."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from marketplace.extensions import db
from marketplace.models.jobs import OutboxMessage, OutboxState
from marketplace.services import outbox


@pytest.fixture
def now(clock):
    return clock.now()


def put(session, now, **more):
    message = outbox.put(session, "test", {"n": 1}, now=now, **more)
    session.commit()
    return message.id


def row(session, message_id):
    return session.get(OutboxMessage, message_id, populate_existing=True)


def test_a_message_exists_only_if_its_transaction_commits(session, now):
    outbox.put(session, "test", {}, now=now)
    session.rollback()
    assert not outbox.is_due(session, now)
    put(session, now)
    assert outbox.is_due(session, now)


def test_who_holds_a_message_holds_it_alone_until_the_lease_ends(session, now):
    put(session, now)
    claim = outbox.claim(session, now, 60)
    assert (claim.topic, claim.payload, claim.attempt) == ("test", {"n": 1}, 1)
    assert outbox.claim(session, now + timedelta(seconds=59), 60) is None
    later = outbox.claim(session, now + timedelta(seconds=60), 60)
    assert (later.id, later.attempt) == (claim.id, 2)


def test_who_lost_the_lease_can_neither_end_nor_prolong_it(session, now):
    put(session, now)
    lost = outbox.claim(session, now, 60)
    outbox.claim(session, now + timedelta(seconds=61), 60)
    session.commit()
    for attempt in (
        lambda: outbox.done(session, lost, now),
        lambda: outbox.hold(session, lost, now, 60),
        lambda: outbox.failed(session, lost, now, "late"),
        lambda: outbox.release(session, lost, now),
        lambda: outbox.again(session, lost, now, now),
    ):
        with pytest.raises(outbox.LeaseLost):
            attempt()
        session.rollback()


def test_a_held_message_stays_with_its_runner(session, now):
    put(session, now)
    claim = outbox.claim(session, now, 60)
    outbox.hold(session, claim, now + timedelta(seconds=50), 60)
    session.commit()
    assert outbox.claim(session, now + timedelta(seconds=100), 60) is None


def test_a_done_message_is_never_taken_again(session, now):
    message_id = put(session, now)
    outbox.done(session, outbox.claim(session, now, 60), now)
    session.commit()
    assert outbox.claim(session, now + timedelta(days=1), 60) is None
    assert row(session, message_id).state is OutboxState.DONE
    with pytest.raises(outbox.LeaseLost):
        outbox.done(session, outbox.Claim(message_id, "test", {}, 1), now)


def test_failures_wait_longer_each_time_and_end_with_their_error(session, now):
    message_id = put(session, now)
    delays = []
    for attempt in range(1, outbox.MAX_ATTEMPTS + 1):
        claim = outbox.claim(session, now, 60)
        assert claim.attempt == attempt
        state = outbox.failed(session, claim, now, f"error {attempt}")
        session.commit()
        delays.append(row(session, message_id).due_at - now)
        now += delays[-1]
    assert delays[:-1] == sorted(delays[:-1])
    assert delays[1] == 2 * delays[0]
    assert state is OutboxState.DEAD
    assert row(session, message_id).last_error == f"error {outbox.MAX_ATTEMPTS}"
    assert outbox.claim(session, now + timedelta(days=9), 60) is None


def test_the_oldest_due_message_comes_first_and_none_before_its_time(session, now):
    late = put(session, now, due_at=now + timedelta(hours=2))
    first = put(session, now, due_at=now - timedelta(hours=2))
    second = put(session, now, due_at=now - timedelta(hours=1))
    taken = [outbox.claim(session, now, 60).id for _ in range(2)]
    assert taken == [first, second]
    assert outbox.claim(session, now, 60) is None
    assert outbox.claim(session, now + timedelta(hours=2), 60).id in {first, late}


def test_a_released_message_is_due_at_once_and_costs_no_attempt(session, now):
    put(session, now)
    outbox.release(session, outbox.claim(session, now, 60), now)
    session.commit()
    assert outbox.claim(session, now, 60).attempt == 1


def test_a_duty_has_one_message_that_comes_back(session, now):
    assert outbox.recurring(session, "duty.test", now=now)
    assert not outbox.recurring(session, "duty.test", now=now)
    session.commit()
    claim = outbox.claim(session, now, 60)
    outbox.again(session, claim, now, now + timedelta(hours=1))
    session.commit()
    assert outbox.claim(session, now, 60) is None
    assert outbox.claim(session, now + timedelta(hours=1), 60).attempt == 1
    assert outbox.waiting(session, "duty.test") == 1


def test_a_duty_is_never_given_up(session, now):
    outbox.recurring(session, "duty.test", now=now)
    claim = outbox.claim(session, now, 60)
    tired = outbox.Claim(claim.id, claim.topic, {}, claim.attempt)
    for _ in range(outbox.MAX_ATTEMPTS + 2):
        state = outbox.failed(session, tired, now, "no", give_up=False)
        assert state is OutboxState.WAITING
        now += timedelta(hours=2)
        tired = outbox.claim(session, now, 60)


def test_done_messages_are_forgotten_after_a_while(session, now):
    put(session, now)
    outbox.done(session, outbox.claim(session, now, 60), now)
    waits = put(session, now)
    session.commit()
    assert outbox.forget(session, now + timedelta(days=1)) == 0
    assert outbox.forget(session, now + timedelta(days=15)) == 1
    assert row(session, waits) is not None


def test_runners_at_the_same_time_take_each_message_once(app, now):
    with app.app_context():
        for _ in range(40):
            outbox.put(db.session(), "test", {}, now=now)
        db.session.commit()
    taken: list[object] = []
    failures: list[BaseException] = []

    def work():
        try:
            with app.app_context():
                while True:
                    claim = outbox.claim(db.session(), now, 60)
                    if claim is None:
                        break
                    outbox.done(db.session(), claim, now)
                    db.session.commit()
                    taken.append(claim.id)
                db.session.remove()
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(taken) == len(set(taken)) == 40
