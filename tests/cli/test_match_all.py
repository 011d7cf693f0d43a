"""``jiebang match-all`` ranks what the operator would be shown, for every need."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import Result
from flask import Flask

from marketplace.cli.batches import match_all
from marketplace.domain.actors import system
from marketplace.domain.organisations import OrganisationState
from marketplace.models.ledger import LedgerEntry
from marketplace.services import offers
from matching import batches
from matching.batches import Here
from matching.errors import WorkersLost
from tests.factories import list_offer, pool, relate
from tests.people import World

STEEL = {
    "title": "高强钢热冲压成形",
    "keywords": ["热冲压"],
    "abstract": "硼钢热冲压模具与保压淬火。",
    "innovations": ["保压淬火"],
    "indicators": [{"name": "抗拉强度", "text": "抗拉强度1500 MPa"}],
}
WEAK = {"indicators": [{"name": "抗拉强度", "text": "抗拉强度290 MPa"}]}


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rank without further processes, which other tests start."""
    monkeypatch.setattr(batches.command, "Processes", lambda _: Here())


def run(app: Flask, out: Path, *options: str) -> Result:
    return app.test_cli_runner().invoke(match_all, ["--out", str(out), *options])


def ranked(app: Flask, out: Path, *options: str) -> dict[str, list[dict[str, Any]]]:
    done = run(app, out, *options)
    assert done.exit_code == 0, done.stderr
    lines = (out / "matches.jsonl").read_text("utf-8").splitlines()
    assert json.loads(done.stdout)["needs"] == len(lines)
    return {(row := json.loads(line))["need"]: row["matches"] for line in lines}


def shown(world: World, need_id: Any) -> list[tuple[Any, ...]]:
    """What the API shows the operator."""
    answer = world.client("operator").get(f"/needs/{need_id}/matches?limit=10")
    assert answer.status_code == 200, answer.json
    return [
        (m["rank"], m["offer"]["id"], m["score"], m["band"])
        for m in answer.json["items"]
    ]


def brief(matches: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [(m["rank"], m["offer"], round(m["score"], 2), m["band"]) for m in matches]


def test_every_need_gets_what_the_operator_is_shown(
    world: World, app: Flask, tmp_path: Path
) -> None:
    asked = [pool(world), pool(world, disclosure="NDA"), pool(world, **STEEL_NEED)]
    list_offer(world)
    list_offer(world, **WEAK)
    list_offer(world, **STEEL)
    list_offer(world, disclosure="NDA")
    list_offer(world, by="firm_admin")  # the firm's own
    list_offer(world, disclosure="TARGETED")
    found = ranked(app, tmp_path / "out")
    assert set(found) == {str(need.id) for need in asked}
    for need in asked:
        assert brief(found[str(need.id)]) == shown(world, need.id)
    assert len(found[str(asked[0].id)]) >= 3


STEEL_NEED = {
    "title": "热冲压模具寿命提升",
    "problem": "硼钢热冲压时模具磨损快。",
    "key_technology": "模具材料与涂层。",
    "indicators": [{"name": "模具寿命", "text": "模具寿命≥20万次", "is_core": True}],
    "keywords": ["热冲压", "模具"],
}


@pytest.mark.parametrize("declares", ["firm", "team"])
def test_related_parties_do_not_meet(
    world: World, app: Flask, tmp_path: Path, declares: str
) -> None:
    need, _ = pool(world), list_offer(world)
    relate(world, declares)
    assert ranked(app, tmp_path / "out") == {str(need.id): []}


@pytest.mark.parametrize("side", ["firm", "team"])
def test_units_at_rest_are_left_out(
    world: World, app: Flask, tmp_path: Path, side: str
) -> None:
    need, _ = pool(world), list_offer(world)
    world.org(side).state = OrganisationState.CLOSED
    world.session.commit()
    expected = {} if side == "firm" else {str(need.id): []}
    assert ranked(app, tmp_path / "out") == expected


def test_a_need_that_is_out_of_date_is_left_out(
    world: World, app: Flask, tmp_path: Path
) -> None:
    pool(world)
    list_offer(world)
    world.clock.at += timedelta(days=400)
    assert ranked(app, tmp_path / "out") == {}


def test_a_need_for_a_few_units_is_asked_for_the_operator(
    world: World, app: Flask, tmp_path: Path
) -> None:
    need = pool(world, disclosure="TARGETED")
    list_offer(world)
    found = ranked(app, tmp_path / "out")
    assert brief(found[str(need.id)]) == shown(world, need.id) != []


def test_nothing_confidential_is_told_or_left_behind(
    world: World, app: Flask, tmp_path: Path
) -> None:
    pool(world, disclosure="NDA")
    list_offer(world, disclosure="NDA", innovations=["钪锆复合微合金化"])
    entries = world.session.scalar(sa.select(sa.func.count(LedgerEntry.seq)))
    world.session.commit()
    (matches,) = ranked(app, tmp_path / "out").values()
    assert matches[0]["parts"]["indicators"] is None
    assert matches[0]["parts"]["budget"] is None
    for path in (tmp_path / "out").rglob("*"):
        assert path.is_dir() or "钪锆" not in path.read_text("utf-8")
    assert not (tmp_path / "out" / "inputs").exists()
    after = world.session.scalar(sa.select(sa.func.count(LedgerEntry.seq)))
    assert after == entries


class Interrupted(Here):
    """Loses its workers after one chunk."""

    def run(self, index: Any, task: Any, chunks: Any) -> Any:
        yield from super().run(index, task, iter([next(chunks)]))
        raise WorkersLost("all workers are gone")


def test_an_interrupted_ranking_goes_on_with_the_market_as_it_was(
    world: World, app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs = [pool(world), pool(world, **STEEL_NEED)]
    offer, _ = list_offer(world), list_offer(world, **STEEL)
    straight = ranked(app, tmp_path / "straight", "--chunk", "1")
    with monkeypatch.context() as patched:
        patched.setattr(batches.command, "Processes", lambda _: Interrupted())
        broken = run(app, tmp_path / "out", "--chunk", "1")
    assert broken.exit_code == 1
    assert "all workers are gone" in broken.stderr
    assert "the same command goes on from there" in broken.stderr
    assert (tmp_path / "out" / "inputs").stat().st_mode & 0o077 == 0
    actor = system(world.clock.now())
    offers.act(world.session, actor, offer.id, "delist", comment="下架")
    pool(world)
    assert ranked(app, tmp_path / "out", "--chunk", "1") == straight
    now = ranked(app, tmp_path / "now")
    assert len(now) == len(needs) + 1
    assert str(offer.id) not in json.dumps(now)


def test_a_finished_ranking_is_not_made_again(
    world: World, app: Flask, tmp_path: Path
) -> None:
    pool(world)
    list_offer(world)
    first = ranked(app, tmp_path / "out")
    list_offer(world)
    again = run(app, tmp_path / "out")
    assert again.exit_code == 0
    assert "finished before" in again.stderr
    assert ranked(app, tmp_path / "out") == first
    other = run(app, tmp_path / "out", "--k", "3")
    assert other.exit_code != 0
    assert "finished ranking with k 10" in str(other.exception)


def test_a_folder_with_something_else_is_refused(
    world: World, app: Flask, tmp_path: Path
) -> None:
    (tmp_path / "thesis.txt").touch()
    refused = run(app, tmp_path)
    assert refused.exit_code == 1
    assert "thesis.txt" in refused.stderr
