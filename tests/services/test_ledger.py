"""The ledger finds what was changed, removed or moved."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace.models.ledger import Event, LedgerEntry, LedgerHead
from marketplace.services import events
from tests.people import World


def write_three(world: World) -> list[Event]:
    org = world.org("firm")
    actor = world.actor("firm")
    written = [
        events.record(
            world.session, actor, org, f"organisation.note-{n}", comment=f"第{n}条"
        )
        for n in range(3)
    ]
    world.session.commit()
    return written


def disarm(session: so.Session) -> None:
    """Do what somebody with the database's own password could do."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(sa.text("SET LOCAL session_replication_role = replica"))
        return
    names = session.scalars(
        sa.text("SELECT name FROM sqlite_master WHERE type = 'trigger'")
    ).all()
    for name in names:
        session.execute(sa.text(f"DROP TRIGGER {name}"))


@pytest.fixture(autouse=True)
def _restore_triggers(session: so.Session):
    """SQLite's triggers are part of the schema: put them back after a test."""
    sql = []
    if session.get_bind().dialect.name == "sqlite":
        sql = session.scalars(
            sa.text("SELECT sql FROM sqlite_master WHERE type = 'trigger'")
        ).all()
    session.rollback()
    yield
    session.rollback()
    if sql:
        kept = session.scalars(
            sa.text("SELECT sql FROM sqlite_master WHERE type = 'trigger'")
        ).all()
        for statement in set(sql) - set(kept):
            session.execute(sa.text(statement))
        session.commit()


def test_a_sound_ledger_verifies_and_is_without_gaps(world: World) -> None:
    write_three(world)
    seqs = world.session.scalars(sa.select(LedgerEntry.seq)).all()
    assert sorted(seqs) == [1, 2, 3]
    assert list(events.verify(world.session)) == []


def test_events_of_a_rolled_back_transaction_leave_no_trace(world: World) -> None:
    org, actor = world.org("firm"), world.actor("firm")
    world.session.commit()
    events.record(world.session, actor, org, "organisation.note")
    world.session.rollback()
    write_three(world)
    assert world.session.scalar(sa.select(sa.func.count(Event.id))) == 3
    assert list(events.verify(world.session)) == []


@pytest.mark.parametrize("table", ["events", "ledger_entries"])
@pytest.mark.parametrize("change", ["UPDATE", "DELETE"])
def test_the_database_refuses_to_change_the_ledger(
    world: World, table: str, change: str
) -> None:
    write_three(world)
    column = "comment" if table == "events" else "hash"
    statement = (
        f"UPDATE {table} SET {column} = 'x'"
        if change == "UPDATE"
        else f"DELETE FROM {table}"
    )
    with pytest.raises(sa.exc.DBAPIError, match="append-only"):
        world.session.execute(sa.text(statement))
    world.session.rollback()


def test_a_changed_event_is_named(world: World) -> None:
    event = write_three(world)[1]
    disarm(world.session)
    world.session.execute(
        sa.update(Event).where(Event.id == event.id).values(comment="改过")
    )
    world.session.commit()
    faults = list(events.verify(world.session))
    assert [(f.kind, f.seq, f.event_id) for f in faults] == [("changed", 2, event.id)]


def test_a_removed_entry_is_named(world: World) -> None:
    event = write_three(world)[1]
    disarm(world.session)
    world.session.execute(
        sa.delete(LedgerEntry).where(LedgerEntry.event_id == event.id)
    )
    world.session.execute(sa.delete(Event).where(Event.id == event.id))
    world.session.commit()
    faults = list(events.verify(world.session))
    assert [(f.kind, f.seq) for f in faults] == [("removed", 2)]


def test_swapped_entries_are_named(world: World) -> None:
    first, second, _ = write_three(world)
    disarm(world.session)
    rows = {
        e.event_id: e.seq for e in world.session.scalars(sa.select(LedgerEntry)).all()
    }
    assert rows[first.id] == 1
    for seq, other in ((1, 91), (2, 1), (91, 2)):
        world.session.execute(
            sa.update(LedgerEntry)
            .where(LedgerEntry.seq == seq)
            .values(seq=other)
            .execution_options(synchronize_session=False)
        )
    world.session.commit()
    world.session.expire_all()
    faults = list(events.verify(world.session))
    assert {f.event_id for f in faults if f.kind == "reordered"} >= {second.id}


def test_a_cut_off_end_is_noticed(world: World) -> None:
    last = write_three(world)[2]
    disarm(world.session)
    world.session.execute(sa.delete(LedgerEntry).where(LedgerEntry.event_id == last.id))
    world.session.execute(sa.delete(Event).where(Event.id == last.id))
    world.session.commit()
    faults = list(events.verify(world.session))
    assert [f.kind for f in faults] == ["truncated"]


def test_an_event_slipped_in_is_noticed(world: World) -> None:
    write_three(world)
    stray = Event(
        at=world.clock.now(),
        actor_role="operator",
        subject_kind="need",
        subject_id=world.org("firm").id,
        action="need.forged",
        changes={},
    )
    world.session.add(stray)
    world.session.commit()
    faults = list(events.verify(world.session))
    assert [(f.kind, f.event_id) for f in faults] == [("unsealed", stray.id)]


def test_the_head_tells_the_last_entry(world: World) -> None:
    write_three(world)
    head = world.session.get_one(LedgerHead, 1)
    last = world.session.get_one(LedgerEntry, 3)
    assert (head.seq, head.hash) == (3, last.hash)
