"""A long ranking gives the same bytes however it is cut, ordered and interrupted."""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from matching import Filter, InvalidPosting, Matcher, Posting
from matching.batches import Folder, Here, Processes, Question, match_all
from matching.batches.local import TRIES
from matching.errors import BatchError, JobDiffers, Stopped, WorkersLost
from matching.postings import Worth
from tests.matching import batches as samples
from tests.servers import ROOT, descendants, processes, until


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return samples.market(tmp_path_factory.mktemp("market"))


@pytest.fixture(scope="module")
def expected(market: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory):
    return match_all(
        *market, tmp_path_factory.mktemp("expected"), chunk=7, executor=Here()
    ).path.read_bytes()


class Shuffled:
    """Takes a few chunks ahead and answers them in another order."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311

    def run(self, index, task, chunks):
        while batch := list(islice(chunks, 4)):
            self.chance.shuffle(batch)
            yield from Here().run(index, task, iter(batch))


class Interrupted:
    """Ends with an error after a few chunks."""

    def __init__(self, after: int) -> None:
        self.after = after

    def run(self, index, task, chunks):
        yield from Here().run(index, task, islice(chunks, self.after))
        raise WorkersLost("the power went off")


def test_every_need_is_ranked_as_it_would_be_alone(market, expected) -> None:
    matcher = Matcher.open(market[0])
    rows = [json.loads(row) for row in expected.splitlines()]
    asked = samples.needs()
    assert [row["need"] for row in rows] == [posting.id for posting in asked]
    for row, posting in zip(rows, asked, strict=True):
        assert row["matches"] == [
            {
                "rank": rank,
                "offer": match.id,
                "score": match.score,
                "band": match.band,
                "parts": match.parts,
            }
            for rank, match in enumerate(matcher.rank(posting, 10), start=1)
        ]
        assert row["matches"]


@pytest.mark.parametrize("workers", [1, 3])
def test_processes_give_the_same_bytes(market, expected, tmp_path, workers) -> None:
    seen: list[tuple[int, int]] = []
    result = match_all(
        *market,
        tmp_path / "out",
        chunk=8,
        executor=Processes(workers),
        progress=lambda done, total: seen.append((done, total)),
    )
    assert result.path.read_bytes() == expected
    assert result.needs == 60
    assert result.pairs == sum(
        len(json.loads(row)["matches"]) for row in expected.splitlines()
    )
    assert seen == sorted(seen)
    assert seen[-1] == (60, 60)
    assert sorted(entry.name for entry in (tmp_path / "out").iterdir()) == [
        ".lock",
        "done.json",
        "job.json",
        "matches.jsonl",
    ]


def damage(out: Path, kind: str, chance: random.Random) -> None:
    """Do something to a kept chunk that a bad disk or a killed writer might do."""
    kept = sorted((out / "chunks").glob("*.jsonl"))
    if not kept:
        return
    path = chance.choice(kept)
    data = bytearray(path.read_bytes())
    if kind == "flip":
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    elif kind == "cut":
        del data[chance.randrange(len(data)) :]
    elif kind == "swap":
        data = bytearray(chance.choice(kept).read_bytes())
    elif kind == "remove":
        path.unlink()
        return
    path.write_bytes(data)
    path.with_name(path.name + ".new").write_bytes(data[:9])


@settings(
    deadline=None,
    max_examples=8,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    size=st.integers(1, 70),
    ends=st.lists(
        st.tuples(
            st.integers(0, 9),
            st.sampled_from(["flip", "cut", "swap", "remove", "nothing"]),
        ),
        max_size=3,
    ),
    seed=st.integers(0, 999),
)
def test_however_it_is_cut_ordered_damaged_and_interrupted_the_bytes_are_the_same(
    market, expected, size, ends, seed
) -> None:
    chance = random.Random(seed)  # noqa: S311
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "out")
        for after, kind in ends:
            try:
                match_all(*market, out, chunk=size, executor=Interrupted(after))
            except WorkersLost:
                damage(out, kind, chance)
        result = match_all(*market, out, chunk=size, executor=Shuffled(seed))
        assert result.path.read_bytes() == expected


def test_what_is_done_is_not_done_again(market, expected, tmp_path) -> None:
    with pytest.raises(WorkersLost):
        match_all(*market, tmp_path / "out", chunk=10, executor=Interrupted(4))

    class Counting(Here):
        taken = 0

        def run(self, index, task, chunks):
            for answer in super().run(index, task, chunks):
                self.taken += 1
                yield answer

    executor = Counting()
    match_all(*market, tmp_path / "out", chunk=10, executor=executor)
    assert executor.taken == 2
    match_all(*market, tmp_path / "out", chunk=10, executor=executor)
    assert executor.taken == 2


@pytest.mark.parametrize("harm", ["matches", "done", "both"])
def test_a_damaged_result_is_made_again(market, expected, tmp_path, harm) -> None:
    out = tmp_path / "out"
    match_all(*market, out, executor=Here())
    if harm != "done":
        (out / "matches.jsonl").write_bytes(expected[:-1])
    if harm != "matches":
        (out / "done.json").unlink()
    result = match_all(*market, out, executor=Here())
    assert result.path.read_bytes() == expected


def test_a_job_that_is_asked_to_stop_ends_after_the_chunk_under_way(
    market, expected, tmp_path
) -> None:
    stop = threading.Event()
    with pytest.raises(Stopped, match="20 of 60 needs"):
        match_all(
            *market,
            tmp_path / "out",
            chunk=10,
            executor=Here(),
            stop=stop,
            progress=lambda done, _: stop.set() if done == 20 else None,
        )
    assert samples.chunks_done(tmp_path / "out") == 2
    result = match_all(*market, tmp_path / "out", chunk=10, executor=Here())
    assert result.path.read_bytes() == expected


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "line 3: "),
        ('{"title": "没有编号"}', "line 3: .* id"),
        ('{"id": "x", "maturity": 7}', "line 3: maturity"),
        ('{"id": "x", "exclude_org": "org-1"}', "line 3: exclude_org"),
        ('{"id": "x", "exclude_ids": [1]}', "line 3: exclude_ids"),
        ("[" * 100_000, "line 3: "),
        ("\udcff", "line 3: "),
    ],
)
def test_a_bad_row_is_named_and_nothing_is_ranked(market, tmp_path, line, says) -> None:
    good = market[1].read_text("ascii").splitlines()
    bad = tmp_path / "bad.jsonl"
    bad.write_text(
        "\n".join([good[0], "", line, *good[1:]]),
        encoding="utf-8",
        errors="surrogateescape",
    )
    with pytest.raises(InvalidPosting, match=says) as caught:
        match_all(market[0], bad, tmp_path / "out", executor=Here())
    assert str(bad) in str(caught.value)
    assert [entry.name for entry in (tmp_path / "out").iterdir()] == [".lock"]


def test_a_damaged_archive_is_refused(market, tmp_path) -> None:
    packed = tmp_path / "needs.jsonl.gz"
    packed.write_bytes(gzip.compress(market[1].read_bytes())[:-20])
    with pytest.raises(BatchError, match="is damaged"):
        match_all(market[0], packed, tmp_path / "out", executor=Here())


def test_how_the_input_is_packed_does_not_matter(market, expected, tmp_path) -> None:
    packed = tmp_path / "needs.jsonl.gz"
    packed.write_bytes(gzip.compress(b"\r\n\r\n" + market[1].read_bytes()))
    with pytest.raises(WorkersLost):
        match_all(*market, tmp_path / "out", executor=Interrupted(1), chunk=9)
    result = match_all(market[0], packed, tmp_path / "out", executor=Here(), chunk=9)
    assert result.path.read_bytes() == expected


def test_an_input_that_changes_meanwhile_is_noticed(market, tmp_path) -> None:
    asked = tmp_path / "needs.jsonl"
    asked.write_bytes(market[1].read_bytes())

    class Changing(Here):
        def run(self, index, task, chunks):
            lines = asked.read_bytes().splitlines(keepends=True)
            asked.write_bytes(b"".join(lines[:30] + lines[31:]))
            yield from super().run(index, task, chunks)

    with pytest.raises(BatchError, match="was changed"):
        match_all(market[0], asked, tmp_path / "out", chunk=7, executor=Changing())


def test_no_needs_give_an_empty_result(market, tmp_path) -> None:
    (tmp_path / "none.jsonl").write_text("\n")
    result = match_all(market[0], tmp_path / "none.jsonl", tmp_path / "out")
    assert (result.needs, result.bytes) == (0, 0)
    assert result.path.read_bytes() == b""


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"k": 9}, "k was 10 and is now 9"),
        ({"chunk": 8}, "chunk was 7 and is now 8"),
        ({"where": Filter(kind="result")}, r'filter was \{\} and is now .*"result"'),
        ({"worth": Worth(0.1, 0.1, frozenset())}, "worth was null"),
        ({"needs": 59}, "input was"),
        ({"offers": 119}, "index was"),
    ],
)
def test_a_directory_of_another_job_is_refused(
    market, expected, tmp_path, change, says
) -> None:
    out = tmp_path / "out"
    with pytest.raises(WorkersLost):
        match_all(*market, out, chunk=7, executor=Interrupted(3))
    other = list(market)
    options = {"chunk": 7, **change}
    if options.pop("needs", None):
        other[1] = samples.write(tmp_path / "other.jsonl", samples.needs(59))
    if options.pop("offers", None):
        other[0] = samples.market(tmp_path / "other", offers_=119)[0]
    with pytest.raises(JobDiffers, match=says):
        match_all(*other, out, executor=Here(), **options)
    result = match_all(*market, out, chunk=7, executor=Here())
    assert result.path.read_bytes() == expected


def test_a_directory_with_something_else_is_left_alone(market, tmp_path) -> None:
    (tmp_path / "thesis.txt").write_text("not to be lost")
    with pytest.raises(JobDiffers, match=r"thesis\.txt"):
        match_all(*market, tmp_path, executor=Here())
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.txt"]


def test_two_processes_cannot_work_on_one_directory(market, tmp_path) -> None:
    with (
        Folder(tmp_path / "out").held(),
        pytest.raises(BatchError, match="another process"),
    ):
        match_all(*market, tmp_path / "out", executor=Here())


@pytest.mark.parametrize("options", [{"k": 0}, {"chunk": 0}])
def test_there_is_no_ranking_of_less_than_one(market, tmp_path, options) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        match_all(*market, tmp_path / "out", **options)
    with pytest.raises(ValueError, match="at least one worker"):
        Processes(0)


def test_a_row_may_leave_out_organisations_and_postings_for_itself(
    market, tmp_path
) -> None:
    posting = replace(samples.needs(1)[0], org=None)
    row = {
        **posting.to_dict(),
        "exclude_org": ["org-1", "org-2"],
        "exclude_ids": ["offer-0003"],
    }
    lines = [json.dumps(row), json.dumps(posting.to_dict())]
    (tmp_path / "needs.jsonl").write_text("\n".join(lines))
    where = Filter(kind="result", exclude_org="org-3")
    result = match_all(
        market[0],
        tmp_path / "needs.jsonl",
        tmp_path / "out",
        k=200,
        where=where,
        executor=Here(),
    )
    apart, other = (
        {match["offer"] for match in json.loads(line)["matches"]}
        for line in result.path.read_text("utf-8").splitlines()
    )
    org = {offer.id: offer.org for offer in samples.offers()}
    assert {org[i] for i in apart} == {"org-0", "org-4", "org-5", "org-6"}
    assert {org[i] for i in other} == {"org-0", "org-1", "org-2", *map(org.get, apart)}
    assert apart == {
        i for i in other if org[i] not in {"org-1", "org-2"} and i != "offer-0003"
    }


def test_what_is_not_worth_a_look_is_left_out_as_if_all_was_explained(
    market, tmp_path
) -> None:
    worth = Worth(0.08, 0.2, frozenset())
    # Without a common word a match rests on its chain alone.
    odd = [
        Posting(id="none", text="氢能", codes={"chain": ["C1"]}),
        *samples.needs(20),
        Posting(id="hidden", hidden_text="铝合金 挤压", codes={"chain": ["C2"]}),
    ]
    asked = samples.write(tmp_path / "needs.jsonl", odd)
    result = match_all(
        market[0], asked, tmp_path / "out", k=40, worth=worth, executor=Here()
    )
    matcher = Matcher.open(market[0])
    left_out = 0
    for line, posting in zip(
        result.path.read_text("utf-8").splitlines(), odd, strict=True
    ):
        ranked = matcher.rank(posting, 40)
        kept = [match.id for match in ranked if worth.admits(match)]
        shown = json.loads(line)["matches"]
        assert [match["offer"] for match in shown] == kept
        assert [match["rank"] for match in shown] == list(range(1, len(kept) + 1))
        left_out += len(ranked) - len(kept)
    assert left_out


@settings(deadline=None)
@given(st.text(min_size=1), st.lists(st.text(min_size=1), max_size=3))
def test_any_row_that_json_can_write_is_read_back(posting_id, orgs) -> None:
    row = {"id": posting_id, "text": "铝", "exclude_org": orgs}
    question = Question.read(json.dumps(row).encode("ascii"))
    assert question.posting.id == posting_id
    assert question.exclude_org == set(orgs)


def test_an_id_that_has_no_bytes_is_written_as_json_can(tmp_path) -> None:
    Matcher.build([Posting(id="a", title="铝合金")]).save(tmp_path / "index")
    (tmp_path / "needs.jsonl").write_text('{"id": "\\ud800", "text": "铝合金"}')
    result = match_all(
        tmp_path / "index", tmp_path / "needs.jsonl", tmp_path / "out", executor=Here()
    )
    row = json.loads(result.path.read_bytes())
    assert row["need"] == "\ud800"
    assert [match["offer"] for match in row["matches"]] == ["a"]


def test_an_index_that_is_replaced_meanwhile_is_noticed(tmp_path) -> None:
    index, asked = samples.market(tmp_path / "market", needs_=9, offers_=20)

    class Replacing(Processes):
        def run(self, index, task, chunks) -> Iterator[tuple[int, bytes]]:
            Matcher.build(samples.offers(21)).save(index)
            yield from super().run(index, task, chunks)

    with pytest.raises(BatchError, match="other postings"):
        match_all(index, asked, tmp_path / "out", executor=Replacing(1))


def test_a_killed_worker_is_replaced(market, expected, tmp_path) -> None:
    executor = Processes(2)
    killed: list[int] = []

    def kill(done: int, total: int) -> None:
        fresh = [pid for pid in executor.pids if pid not in killed]
        if len(killed) < TRIES - 1 and fresh:
            killed.append(fresh[0])
            os.kill(fresh[0], signal.SIGKILL)

    result = match_all(
        *market, tmp_path / "out", chunk=5, executor=executor, progress=kill
    )
    assert len(killed) == TRIES - 1
    assert result.path.read_bytes() == expected


def test_a_chunk_that_ends_every_worker_is_named(
    market, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    give, given_to = Processes._give, []

    def deadly(self: Processes, chunk, index, task) -> None:
        give(self, chunk, index, task)
        if chunk.number == 1:
            given_to.extend(self.pids)
            os.kill(self.pids[-1], signal.SIGKILL)

    monkeypatch.setattr(Processes, "_give", deadly)
    with pytest.raises(WorkersLost, match=r"chunk 1 \(lines 21 to 40\) has ended"):
        match_all(*market, tmp_path / "out", chunk=20, executor=Processes(1))
    assert len(set(given_to)) == TRIES
    assert not set(given_to) & processes().keys()


def kill_once(out: Path, command: list[str], further: int, seconds: float) -> None:
    """Start a command, and kill it some chunks and some time later."""
    before = samples.chunks_done(out)
    process = subprocess.Popen(
        command, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE
    )
    until(
        lambda: (
            process.poll() is not None or samples.chunks_done(out) >= before + further
        ),
        180,
        "some chunks",
    )
    time.sleep(seconds)
    below = descendants(process.pid)
    process.kill()
    process.communicate()
    # Workers end by themselves when nobody is there to take their answers.
    until(lambda: not below.keys() & processes().keys(), 30, "no worker left")


@pytest.mark.parametrize(
    ("kills", "workers"), [(2, "1"), pytest.param(40, "2", marks=pytest.mark.soak)]
)
def test_killed_at_any_moment_it_goes_on(tmp_path, kills, workers) -> None:
    market = samples.market(tmp_path / "market", needs_=200)
    straight = match_all(*market, tmp_path / "straight", executor=Here())
    out, chance = tmp_path / "out", random.Random(kills)  # noqa: S311
    command = samples.command(*market, out, "--chunk", "2", "--workers", workers)
    for _ in range(kills):
        further = chance.randrange(4)
        wait = chance.random() * (0.05 if further else 2.0)
        kill_once(out, command, further, wait)
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (out / "matches.jsonl").read_bytes() == straight.path.read_bytes()
    assert json.loads(done.stdout)["digest"] == straight.digest


def test_ctrl_c_stops_it_gently_and_it_says_how_to_go_on(tmp_path) -> None:
    market = samples.market(tmp_path / "market", needs_=200)
    out = tmp_path / "out"
    command = samples.command(*market, out, "--chunk", "2", "--workers", "2")
    # In a group of its own, whose every process gets the signal, as at a terminal.
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    until(lambda: samples.chunks_done(out) > 3, 180, "some chunks")
    os.killpg(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=180)
    assert process.returncode == 130, told
    assert "stopping after the chunks under way" in told
    assert "Traceback" not in told
    done = samples.chunks_done(out)
    assert 3 < done < 100
    assert f"stopped: {2 * done} of 200 needs are ranked" in told
    assert "the same command goes on from there" in told
    result = match_all(*market, out, chunk=2, executor=Here())
    straight = match_all(*market, tmp_path / "straight", executor=Here())
    assert result.path.read_bytes() == straight.path.read_bytes()


def test_a_service_manager_can_stop_it_too(
    market, expected, tmp_path, capfd: pytest.CaptureFixture[str]
) -> None:
    from matching.__main__ import main

    out, before = tmp_path / "out", signal.getsignal(signal.SIGTERM)
    arguments = samples.command(*market, out, "--chunk", "1", "--workers", "1")[3:]

    def terminate() -> None:
        until(lambda: samples.chunks_done(out), 180, "a chunk")
        os.kill(os.getpid(), signal.SIGTERM)

    other = threading.Thread(target=terminate)
    other.start()
    assert main(arguments) == 130
    other.join()
    assert signal.getsignal(signal.SIGTERM) is before
    assert "stopping after the chunks under way" in capfd.readouterr().err
    assert match_all(*market, out, chunk=1).path.read_bytes() == expected


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--scheduler", "localhost:8786"], "is no address of a scheduler"),
        (["--scheduler", "tcp://127.0.0.1:1", "--workers", "2"], "its own workers"),
        (["--workers", "0"], "at least one worker"),
        (["-k", "0"], "at least 1"),
    ],
)
def test_wrong_options_are_refused_in_one_line(
    market, tmp_path, capsys: pytest.CaptureFixture[str], options, says
) -> None:
    from matching.__main__ import main

    arguments = samples.command(*market, tmp_path / "out", *options)[3:]
    assert main(arguments) == 1
    told = capsys.readouterr().err
    assert says in told
    assert told.count("\n") == 1
