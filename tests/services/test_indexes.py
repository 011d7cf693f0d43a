"""The match index is a cache: it may vanish, lag or lie, and answers stay right."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace.domain.actors import system
from marketplace.services import indexes, needs, offers, organisations
from marketplace.services.indexes import MatchIndex
from matching import Matcher, index_stamp
from tests.factories import list_offer, pool
from tests.people import World


@pytest.fixture
def index(tmp_path: Path) -> MatchIndex:
    return MatchIndex(tmp_path / "index")


def known(index: MatchIndex, world: World) -> set[str]:
    return set(index.fresh(world.session).ids())


def test_an_absent_index_is_built_and_then_opened(
    world: World, index: MatchIndex
) -> None:
    need, offer = pool(world), list_offer(world)
    assert known(index, world) == {str(need.id), str(offer.id)}
    assert index_stamp(index.path)
    again = MatchIndex(index.folder)
    assert known(again, world) == {str(need.id), str(offer.id)}


def test_what_is_committed_later_is_known_to_every_process(
    world: World, index: MatchIndex
) -> None:
    other = MatchIndex(index.folder)
    assert known(index, world) == known(other, world) == set()
    offer = list_offer(world)
    assert known(index, world) == known(other, world) == {str(offer.id)}
    offers.act(
        world.session, system(world.clock.now()), offer.id, "delist", comment="下架"
    )
    world.session.commit()
    assert known(index, world) == known(other, world) == set()


def test_what_is_rolled_back_is_never_known(world: World, index: MatchIndex) -> None:
    offer = list_offer(world)
    offers.act(
        world.session, system(world.clock.now()), offer.id, "delist", comment="下架"
    )
    world.session.rollback()
    assert known(index, world) == {str(offer.id)}


def test_a_deleted_folder_costs_a_rebuild_and_nothing_else(
    world: World, index: MatchIndex
) -> None:
    offer = list_offer(world)
    known(index, world)
    index.folder.rename(index.folder.with_name("gone"))
    assert known(index, world) == {str(offer.id)}


@pytest.mark.parametrize(
    ("damage", "note"),
    [
        ("cut", None),
        ("changed", None),
        ("empty mark", {}),
        ("no mark", None),
        ("nonsense", [1]),
        ("nonsense", {"seq": "x", "hash": 1}),
    ],
)
def test_a_damaged_base_is_built_again(
    world: World, index: MatchIndex, damage: str, note: object
) -> None:
    offer = list_offer(world)
    known(index, world)
    manifest = index.path / "manifest.json"
    told = json.loads(manifest.read_text())
    if damage in {"cut", "changed"}:
        files = [path for path in index.path.rglob("*") if path.is_file()]
        largest = max(files, key=lambda path: path.stat().st_size)
        raw = largest.read_bytes()
        largest.write_bytes(raw[:-7] if damage == "cut" else raw[:-1] + b"\xff")
    elif damage == "no mark":
        del told["note"]
        manifest.write_text(json.dumps(told))
    else:
        manifest.write_text(json.dumps(told | {"note": note}))
    assert known(MatchIndex(index.folder), world) == {str(offer.id)}


def test_a_base_of_another_ledger_is_not_believed(
    world: World, index: MatchIndex
) -> None:
    list_offer(world)
    known(index, world)
    manifest = index.path / "manifest.json"
    told = json.loads(manifest.read_text())
    told["note"]["hash"] = "00" + told["note"]["hash"][2:]
    manifest.write_text(json.dumps(told))
    foreign = index_stamp(index.path)
    other = MatchIndex(index.folder)
    seen = known(other, world)
    assert len(seen) == 1
    assert index_stamp(index.path) != foreign


def test_a_rebuild_that_fails_changes_nothing(
    world: World, index: MatchIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer = list_offer(world)
    known(index, world)
    foreign = indexes.Mark(index._mark.seq, "f" * 64)
    index._mark = index._base = foreign
    assert index._matcher is not None
    index._matcher.remove([str(offer.id)])

    def broken(session: so.Session) -> Any:
        raise RuntimeError("the database went away")

    with monkeypatch.context() as patch:
        patch.setattr(indexes.postings, "everything", broken)
        with pytest.raises(RuntimeError):
            index.fresh(world.session)
    assert index._mark == foreign
    assert known(index, world) == {str(offer.id)}


def test_a_reader_of_an_earlier_moment_does_not_rebuild(
    world: World, index: MatchIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = MatchIndex(index.folder)
    list_offer(world)
    known(index, world)
    world.session.commit()
    bind = world.session.get_bind()
    if bind.dialect.name != "sqlite":
        pytest.skip("a read of an earlier moment is a matter of SQLite's requests")
    with so.Session(bind) as earlier:
        earlier.connection(execution_options={"read_only": True})
        index.fresh(earlier)
        list_offer(world)
        monkeypatch.setattr(indexes, "COMPACT_AFTER", 1)
        known(other, world)
        world.session.commit()
        written = index_stamp(index.path)
        index.fresh(earlier)
        assert index_stamp(index.path) == written


def test_upkeep_writes_the_delta_when_it_has_grown(
    world: World, index: MatchIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    known(index, world)
    offer = list_offer(world)
    assert known(index, world) == {str(offer.id)}
    assert index.upkeep(world.session) is False
    first = index_stamp(index.path)
    monkeypatch.setattr(indexes, "COMPACT_AFTER", 3)
    assert index.upkeep(world.session) is True
    assert index_stamp(index.path) != first
    assert len(Matcher.open(index.path)) == 1
    assert known(index, world) == {str(offer.id)}
    assert index.upkeep(world.session) is False


def test_much_that_came_at_once_makes_a_new_base_for_all(
    world: World, index: MatchIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = MatchIndex(index.folder)
    assert known(index, world) == known(other, world) == set()
    monkeypatch.setattr(indexes, "COMPACT_AFTER", 3)
    offer = list_offer(world)
    first = index_stamp(index.path)
    assert known(index, world) == {str(offer.id)}
    renewed = index_stamp(index.path)
    assert renewed != first
    assert known(other, world) == {str(offer.id)}
    assert index_stamp(index.path) == renewed


def test_a_unit_that_moves_takes_its_offers_along(
    world: World, index: MatchIndex
) -> None:
    offer = list_offer(world)
    known(index, world)
    moved = {"region": "370202"}
    organisations.edit(
        world.session,
        world.actor("operator"),
        world.org("team").id,
        moved,
    )
    world.session.commit()
    posting = index.fresh(world.session).get(str(offer.id))
    assert posting is not None
    assert posting.codes["region"] == {"370202"}


def test_who_reads_what_is_confidential_changes_nothing_in_the_index(
    world: World, index: MatchIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    need, offer = pool(world), list_offer(world)
    assert known(index, world) == {str(need.id), str(offer.id)}
    needs.note_reading(world.session, world.actor("operator"), need.id, ["budget"])
    offers.note_reading(world.session, world.actor("operator"), offer.id, ["text"])
    world.session.commit()
    mark = index._mark.seq
    monkeypatch.setattr(indexes, "COMPACT_AFTER", 1)
    with monkeypatch.context() as patch:
        patch.setattr(indexes.postings, "load", None)
        assert index.upkeep(world.session) is False
    assert index._mark.seq == mark + 2
    more = list_offer(world)
    assert known(index, world) == {str(need.id), str(offer.id), str(more.id)}


def test_a_search_does_not_write(world: World, index: MatchIndex) -> None:
    list_offer(world)
    known(index, world)
    before = world.session.scalar(sa.text("SELECT count(*) FROM ledger_entries"))
    known(index, world)
    after = world.session.scalar(sa.text("SELECT count(*) FROM ledger_entries"))
    assert before == after
