"""The market's own score: learned from its feedback, used by a step in the ledger."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
import sqlalchemy.orm as so
from click.testing import CliRunner, Result
from flask.cli import ScriptInfo

from marketplace.__main__ import cli
from marketplace.domain.ids import new_id
from marketplace.errors import Conflict, Forbidden, Invalid, MarketplaceError
from marketplace.models.ledger import Event
from marketplace.models.matches import MatchFeedback
from marketplace.models.users import User
from marketplace.services import events, scores
from marketplace.services.indexes import MatchIndex
from matching import VERSION, learning
from matching.weights import DEFAULT, content, load, save
from tests.factories import list_offer, pool
from tests.people import World


@pytest.fixture
def folder(world: World) -> Iterator[Path]:
    path: Path = world.app.extensions["jiebang.settings"].weights_dir
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a few pairs be enough."""
    for name in ("LEAST_QUERIES", "LEAST_OUTCOMES"):
        monkeypatch.setattr(learning, name, 5)
    monkeypatch.setattr(learning, "FOLDS", 2)


def give(
    world: World, who: str, need: Any, offer: Any, verdict: str, **more: Any
) -> Any:
    pair = {"need_id": str(need.id), "offer_id": str(offer.id), "verdict": verdict}
    answer = world.client(who).post("/matches/feedback", {**pair, **more})
    assert answer.status_code == 201, answer.json
    return answer


def kept(world: World) -> dict[str, Any]:
    world.session.expire_all()
    (row,) = world.session.scalars(sa.select(MatchFeedback))
    return row.shown


def fill(world: World) -> None:
    """Let six units judge five offers each, the likelier ones better."""
    numbers = np.random.default_rng(11)
    needs = [pool(world) for _ in range(6)]
    offers = [list_offer(world) for _ in range(5)]
    now, user = world.clock.now(), world.user("firm").id
    for need in needs:
        for offer in offers:
            text = round(float(numbers.random()), 6)
            useful = bool(numbers.random() < text)
            world.session.add(
                MatchFeedback(
                    id=new_id(),
                    need_id=need.id,
                    offer_id=offer.id,
                    user_id=user,
                    verdict="useful" if useful else "irrelevant",
                    reason=None if useful else "wrong-field",
                    comment="不得外传的评语",
                    shown={
                        "compared": {
                            "for": "need",
                            "parts": {"text": text},
                            "blocked": False,
                            "engine": VERSION,
                            "weights": DEFAULT,
                        }
                    },
                    created_at=now,
                    updated_at=now,
                )
            )
    world.session.commit()


def keep(folder: Path, name: str, verdict: str | None, **changes: Any) -> None:
    """Put a version into the folder as a fit would."""
    fitted = None if verdict is None else {"verdict": verdict}
    save(content(DEFAULT) | {"fitted": fitted} | changes, name, folder)


def learn(world: World, folder: Path, **more: Any) -> dict[str, Any]:
    operator = world.actor("operator")
    lesson = scores.gather(world.session, operator, folder, **more)
    world.session.commit()
    report = scores.fit(lesson, folder)
    scores.note(world.session, operator, report)
    world.session.commit()
    return report


def use(world: World, folder: Path, name: str, **more: Any) -> None:
    scores.use(world.session, world.actor("operator"), folder, name, **more)
    world.session.commit()


# What feedback keeps


def test_feedback_keeps_the_parts_that_the_server_computes(world: World) -> None:
    need, offer = pool(world), list_offer(world)
    told = {"rank": 1, "score": 0.99}
    answer = give(world, "firm", need, offer, "useful", **told)
    shown = kept(world)
    assert (shown["rank"], shown["score"]) == (1, 0.99)
    compared = shown["compared"]
    assert compared["for"] == "need"
    assert (compared["engine"], compared["weights"]) == (VERSION, DEFAULT)
    assert compared["blocked"] is False
    match = world.client("firm").get(f"/needs/{need.id}/matches").json["items"][0]
    for part, value in match["parts"].items():
        assert compared["parts"][part] == pytest.approx(value, abs=0.006)
    assert "compared" not in json.dumps(answer.json)


def test_feedback_keeps_hidden_parts_and_hands_them_to_nobody(world: World) -> None:
    need, offer = pool(world), list_offer(world, disclosure="NDA")
    answer = give(world, "firm", need, offer, "useful")
    assert kept(world)["compared"]["parts"]["indicators"] == 1.0
    assert "indicators" not in answer.get_data(as_text=True)
    match = world.client("firm").get(f"/needs/{need.id}/matches").json["items"][0]
    assert "indicators" not in match["parts"]


def test_feedback_of_the_offers_side_is_of_the_offers_ranking(world: World) -> None:
    need, offer = pool(world), list_offer(world)
    give(world, "team", need, offer, "already-working")
    assert kept(world)["compared"]["for"] == "offer"


# Learning


def test_learning_writes_a_file_and_a_report_and_uses_nothing(
    world: World, folder: Path, little: None
) -> None:
    fill(world)
    report = learn(world, folder)
    assert report["version"] == "market-20261123"
    assert report["feedback"] == {"all": 30, "used": 30}
    assert report["base"] == DEFAULT
    assert load("market-20261123", folder).fitted["date"] == "2026-11-23"
    kept_report = json.loads((folder / "reports" / "market-20261123.json").read_text())
    assert kept_report == report
    assert scores.in_use(world.session) is None
    again = learn(world, folder)
    assert again["version"] == "market-20261123-2"
    first, second = (
        content(name, folder) for name in ("market-20261123", "market-20261123-2")
    )
    assert first["parts"] == second["parts"]
    assert first["calibration"] == second["calibration"]


def test_the_report_tells_nothing_of_a_person_or_a_pair(
    world: World, folder: Path, little: None
) -> None:
    fill(world)
    learn(world, folder)
    told = "".join(p.read_text() for p in folder.rglob("*.json"))
    for row in world.session.scalars(sa.select(MatchFeedback)):
        for secret in (row.need_id, row.offer_id, row.user_id, row.comment):
            assert str(secret) not in told


def test_what_cannot_be_learned_from_is_counted_and_left_out(
    world: World, folder: Path
) -> None:
    fill(world)
    rows = list(world.session.scalars(sa.select(MatchFeedback)))
    useless = [row for row in rows if row.verdict == "irrelevant"]
    useless[0].reason = "timing"
    useless[1].shown = {"rank": 1}
    useless[2].shown = {"compared": None}
    for row, change in zip(
        useless[3:5], ({"engine": "0.9"}, {"weights": "lost"}), strict=True
    ):
        row.shown = {"compared": row.shown["compared"] | change}
    world.session.commit()
    report = learn(world, folder)
    assert report["feedback"] == {
        "all": 30,
        "of the moment": 1,
        "without parts": 2,
        "of another engine": 2,
        "used": 25,
    }
    assert report["verdict"] == learning.TOO_LITTLE
    assert not list(folder.glob("*.json"))


def test_learning_is_written_into_the_ledger(
    world: World, folder: Path, little: None
) -> None:
    fill(world)
    report = learn(world, folder)
    event = world.session.scalars(
        sa.select(Event).where(Event.action == "score.learn")
    ).one()
    assert event.actor_role == "operator"
    assert event.changes["version"] == {"old": DEFAULT, "new": "market-20261123"}
    assert event.changes["verdict"]["new"] == report["verdict"]


@pytest.mark.parametrize("who", ["firm_admin", "broker", "expert", "district"])
def test_only_an_operator_learns_and_chooses(
    world: World, folder: Path, who: str
) -> None:
    keep(folder, "market-1", "better")
    with pytest.raises(Forbidden):
        scores.gather(world.session, world.actor(who), folder)
    with pytest.raises(Forbidden):
        scores.note(world.session, world.actor(who), {})
    with pytest.raises(Forbidden):
        scores.use(world.session, world.actor(who), folder, "market-1")
    assert scores.in_use(world.session) is None


def test_a_name_that_is_taken_or_will_not_do_is_refused(
    world: World, folder: Path, little: None
) -> None:
    fill(world)
    learn(world, folder, name="market-1")
    for name in ("2026.2", "Not A Name", "market-1"):
        with pytest.raises(Invalid, match="--name"):
            learn(world, folder, name=name)
    assert [path.name for path in folder.glob("*.json")] == ["market-1.json"]


# Using


def test_better_weights_are_used_from_the_next_request_by_every_process(
    world: World, folder: Path, tmp_path: Path
) -> None:
    need, _ = pool(world), list_offer(world)
    one, other = (MatchIndex(tmp_path / "index", folder) for _ in range(2))
    before = one.fresh(world.session)
    assert other.fresh(world.session).weights.version == DEFAULT
    keep(folder, "market-1", "better")
    use(world, folder, "market-1")
    assert one.fresh(world.session).weights.version == "market-1"
    assert other.fresh(world.session).weights.version == "market-1"
    assert before.weights.version == DEFAULT
    third = MatchIndex(tmp_path / "index", folder)
    assert third.fresh(world.session).weights.version == "market-1"
    match = world.client("firm").get(f"/needs/{need.id}/matches").json["items"][0]
    assert match["engine"]["weights"] == "market-1"
    list_offer(world)
    assert len(one.fresh(world.session)) == 3
    one.rebuild(world.session)
    assert one.fresh(world.session).weights.version == "market-1"
    use(world, folder, scores.SHIPPED)
    assert one.fresh(world.session).weights.version == DEFAULT


def test_the_choice_stands_in_the_ledger_with_who_and_why(
    world: World, folder: Path
) -> None:
    keep(folder, "market-1", "no better")
    use(world, folder, "market-1", force=True, reason="试行一周")
    event = world.session.scalars(
        sa.select(Event).where(Event.action == "score.use")
    ).one()
    assert event.actor_id == world.user("operator").id
    assert event.comment == "试行一周"
    assert event.changes["version"] == {"old": "shipped", "new": "market-1"}
    assert event.changes["forced"]["new"] is True
    assert list(events.verify(world.session)) == []


@pytest.mark.parametrize("verdict", ["no better", None])
def test_weights_that_are_not_better_are_refused(
    world: World, folder: Path, verdict: str | None
) -> None:
    keep(folder, "market-1", verdict)
    with pytest.raises(Conflict, match="--force"):
        use(world, folder, "market-1")
    with pytest.raises(Invalid, match="--reason"):
        use(world, folder, "market-1", force=True, reason=" ")
    assert scores.in_use(world.session) is None


def test_what_cannot_be_ranked_by_is_refused_though_forced(
    world: World, folder: Path
) -> None:
    keep(folder, "market-1", "better", fields=content(DEFAULT)["fields"] | {"title": 9})
    (folder / "broken.json").write_text("{")
    for name in ("market-1", "broken", "absent", "2026.1", "../2026.2"):
        with pytest.raises(Invalid, match="--use"):
            use(world, folder, name, force=True, reason="trial")


def test_the_version_in_use_is_not_chosen_twice(world: World, folder: Path) -> None:
    keep(folder, "market-1", "better")
    use(world, folder, "market-1")
    with pytest.raises(Conflict, match="in use already"):
        use(world, folder, "market-1")


def test_without_their_file_the_shipped_weights_rank_and_say_so(
    world: World, folder: Path, tmp_path: Path
) -> None:
    keep(folder, "market-lost", "better")
    use(world, folder, "market-lost")
    index = MatchIndex(tmp_path / "index", tmp_path / "elsewhere")
    assert index.fresh(world.session).weights.version == DEFAULT


# The command


def run(world: World, *arguments: str) -> Result:
    world.session.commit()
    info = ScriptInfo(create_app=lambda: world.app)
    return CliRunner().invoke(cli, ["learn", *arguments], obj=info)


def test_the_command_learns_and_then_changes(
    world: World, folder: Path, little: None
) -> None:
    fill(world)
    operator = ("--as", world.user("operator").email)
    done = run(world, *operator, "--name", "market-a")
    assert done.exit_code == 0, done.output
    assert '"used": 30' in done.output
    assert "market-a.json" in done.output
    keep(folder, "market-b", "better")
    done = run(world, *operator, "--use", "market-b")
    assert done.exit_code == 0, done.output
    world.session.rollback()
    assert scores.in_use(world.session) == "market-b"


def test_nobody_waits_for_the_store_while_a_score_is_fitted(
    world: World, folder: Path, little: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(world)
    fit, engine, person = scores.fit, world.session.get_bind(), world.user("firm").id

    def beside(lesson: scores.Lesson, place: Path) -> dict[str, Any]:
        with so.Session(engine) as other:
            other.get_one(User, person).name = "改名"
            other.commit()
        return fit(lesson, place)

    monkeypatch.setattr(scores, "fit", beside)
    done = run(world, "--as", world.user("operator").email)
    assert done.exit_code == 0, done.output
    world.session.rollback()
    assert world.session.get_one(User, person).name == "改名"


def test_the_command_prints_the_whole_report_as_json(
    world: World, folder: Path
) -> None:
    done = run(world, "--as", world.user("operator").email, "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["verdict"] == learning.TOO_LITTLE


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (["--as", "firm"], Forbidden),
        (["--as", "nobody@example.test"], Invalid),
        (["--as", "operator", "--use", "absent"], Invalid),
    ],
)
def test_the_command_refuses_as_the_service_does(
    world: World, folder: Path, arguments: list[str], kind: type[MarketplaceError]
) -> None:
    emails = {who: world.user(who).email for who in ("firm", "operator")}
    done = run(world, *(emails.get(word, word) for word in arguments))
    assert isinstance(done.exception, kind)
    world.session.rollback()
    assert scores.in_use(world.session) is None


def test_force_goes_with_use(world: World, folder: Path) -> None:
    done = run(world, "--as", world.user("operator").email, "--force")
    assert done.exit_code == 2
    assert "--use" in done.output
