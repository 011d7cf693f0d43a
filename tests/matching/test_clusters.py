"""A Dask cluster gives the bytes of one machine, whatever it loses on the way."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("distributed")

from matching import Filter, IndexCorrupt, Matcher
from matching.__main__ import main
from matching.batches import Cluster, Here, cluster, handover, match_all
from matching.batches.ranking import Task
from matching.errors import BatchError, SchedulerLost, VersionsDiffer, WorkersLost
from tests.clusters import Network, Running, running, why_no_network
from tests.matching import batches as samples
from tests.servers import ROOT, free_port, until


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return samples.market(tmp_path_factory.mktemp("market"))


@pytest.fixture(scope="module")
def expected(market, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    out = tmp_path_factory.mktemp("expected")
    return match_all(*market, out, executor=Here()).path.read_bytes()


@pytest.fixture(scope="module")
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A scheduler; two workers that share a folder, and a third with its own."""
    with running(tmp_path_factory.mktemp("dask"), free_port()) as started:
        started.start_scheduler()
        started.start_workers(one="shared", two="shared", three="three")
        yield started


def test_a_cluster_gives_the_same_bytes_and_gets_the_index_once_a_folder(
    market, expected, tmp_path, dask: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    # In pieces smaller than a file.
    monkeypatch.setattr(cluster, "PIECE", 1000)
    executor = Cluster(dask.address)
    held: list[int] = []

    def progress(done: int, total: int) -> None:
        held.extend(len(dask.indexes(folder)) for folder in ("shared", "three"))

    result = match_all(
        *market, tmp_path / "out", chunk=7, executor=executor, progress=progress
    )
    assert result.path.read_bytes() == expected
    assert set(held) == {1}
    size = sum(p.stat().st_size for p in market[0].rglob("*") if p.is_file())
    (handed,) = executor.handed
    assert (handed.folders, handed.workers, handed.bytes) == (2, 3, size)
    assert not dask.indexes("shared")
    assert not dask.indexes("three")


def test_an_index_that_arrives_damaged_is_refused(
    market, tmp_path, dask: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing = handover.listing

    def wrong(index: Path) -> handover.Listing:
        found = listing(index)
        name = max(found)
        return {**found, name: (found[name][0], "0" * 64)}

    monkeypatch.setattr(handover, "listing", wrong)
    with pytest.raises(BatchError, match=r"worker tcp://.* did not arrive whole"):
        match_all(*market, tmp_path / "out", executor=Cluster(dask.address))
    assert not dask.indexes("three")


def test_a_file_outside_of_the_index_is_refused() -> None:
    import asyncio

    class Worker:
        local_directory = "anywhere/worker"

    for name in ("../escaped", "/escaped"):
        with pytest.raises(BatchError, match="no file of an index"):
            asyncio.run(handover.receive("i", "n", name, b"", Worker()))


@pytest.mark.parametrize("name", ["numpy", "matching", "python"])
def test_workers_of_other_versions_are_refused(
    market, tmp_path, dask: Running, monkeypatch: pytest.MonkeyPatch, name
) -> None:
    stamp = handover.stamp()
    monkeypatch.setattr(handover, "stamp", lambda: {**stamp, name: "0.1"})
    says = f"{name} {stamp[name]} there and 0.1 here"
    with pytest.raises(VersionsDiffer, match=says):
        match_all(*market, tmp_path / "out", executor=Cluster(dask.address))
    assert samples.chunks_done(tmp_path / "out") == 0


def test_a_worker_that_comes_later_is_given_the_index(
    market, expected, tmp_path, dask: Running
) -> None:
    told: list[str] = []

    class Forgetful(Cluster):
        """Behaves as if all workers had come after the handing over."""

        def run(self, index, task, chunks):
            for number, answer in enumerate(super().run(index, task, chunks)):
                if number == 1:
                    client = self.connect()
                    client.run(handover.forget, task.index_id)
                    client.close()
                yield answer

    executor = Forgetful(dask.address, tell=told.append)
    result = match_all(*market, tmp_path / "out", chunk=3, executor=executor)
    assert result.path.read_bytes() == expected
    assert len(executor.handed) > 1
    assert any("has no index yet" in sentence for sentence in told)


@pytest.mark.parametrize("goes", [True, False])
@pytest.mark.parametrize("kind", [FileNotFoundError, IndexCorrupt])
def test_an_index_that_goes_while_it_is_opened_is_asked_for_again(
    tmp_path, monkeypatch: pytest.MonkeyPatch, goes: bool, kind: type[Exception]
) -> None:
    worker = SimpleNamespace(address="tcp://there", local_directory=tmp_path / "one")
    task = Task("0" * 32, 3, Filter())
    place = handover.place_of(worker, task.index_id)
    place.mkdir(parents=True)

    def lose(*_, **__) -> bytes:
        if goes:
            place.rmdir()
        raise kind("manifest.json")

    there = SimpleNamespace(get_worker=lambda: worker)
    monkeypatch.setattr(cluster, "import_module", lambda _: there)
    monkeypatch.setattr(cluster, "rank_chunk", lose)
    with pytest.raises((BatchError, IndexCorrupt)) as raised:
        cluster.answer(task, handover.stamp(), ())
    assert isinstance(raised.value, handover.IndexAbsent) == goes


def test_a_scheduler_that_does_not_answer_is_named(market, tmp_path) -> None:
    address = f"tcp://127.0.0.1:{free_port()}"
    with pytest.raises(SchedulerLost, match=f"no scheduler answers at {address}"):
        match_all(*market, tmp_path, executor=Cluster(address, patience=0.5))


def test_losing_workers_and_the_scheduler_costs_no_result(
    market, expected, tmp_path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    with running(tmp_path, free_port()) as dask:
        dask.start_scheduler()
        with pytest.raises(WorkersLost, match="has no workers"):
            match_all(
                *market, out, chunk=1, executor=Cluster(dask.address, patience=0.5)
            )
        dask.start_workers(one="one", two="two")
        options = ("--chunk", "1", "--scheduler", dask.address)
        arguments = samples.command(*market, out, *options)[3:]

        def harm() -> None:
            until(lambda: samples.chunks_done(out) >= 3, 180, "some chunks")
            dask.kill("one")
            until(lambda: samples.chunks_done(out) >= 20, 180, "further chunks")
            dask.kill("scheduler")

        other = threading.Thread(target=harm)
        other.start()
        assert main(arguments) == 1
        other.join()
        told = capfd.readouterr().err
        assert f"the scheduler {dask.address} has stopped" in told
        assert "the same command goes on from there" in told
        assert 20 <= samples.chunks_done(out) < 60
        dask.kill("two")
        dask.start_scheduler()
        dask.start_workers(two="two")
        assert main(arguments) == 0
    assert (out / "matches.jsonl").read_bytes() == expected


@pytest.fixture
def four() -> Iterator[Network]:
    """Networks of a scheduler, two workers and a client, joined by a bridge."""
    if reason := why_no_network():
        pytest.skip(f"no network namespaces: {reason}")
    with Network.made("scheduler", "one", "two", "client") as network:
        yield network
    assert not list(Path("/run/netns").glob(f"{network.name}-*"))


def from_the_client(dask: Running, command: list[str]) -> subprocess.Popen[str]:
    """Start a command in the client's network."""
    return subprocess.Popen(
        dask.command("client", command),
        cwd=ROOT,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_machine_with_a_network_of_its_own_may_be_lost(
    tmp_path, four: Network
) -> None:
    market, out = samples.market(tmp_path / "market", needs_=120), tmp_path / "out"
    straight = match_all(*market, tmp_path / "straight", executor=Here())
    with running(tmp_path, 8786, four) as dask:
        dask.start_scheduler()
        dask.start_workers(one="one", two="two")
        options = ("--chunk", "2", "--scheduler", dask.address)
        client = from_the_client(dask, samples.command(*market, out, *options))
        until(lambda: samples.chunks_done(out) >= 5, 180, "some chunks")
        dask.kill("one")
        assert samples.chunks_done(out) < 60
        said, told = client.communicate(timeout=300)
    assert client.returncode == 0, told
    assert json.loads(said)["digest"] == straight.digest
    assert (out / "matches.jsonl").read_bytes() == straight.path.read_bytes()


@pytest.mark.soak
def test_in_networks_of_their_own_everything_may_be_lost_in_turn(
    tmp_path, four: Network
) -> None:
    market, out = samples.market(tmp_path / "market", needs_=600), tmp_path / "out"
    straight = match_all(*market, tmp_path / "straight", executor=Here())
    with running(tmp_path, 8786, four) as dask:
        options = ("--chunk", "2", "--scheduler", dask.address)
        command = samples.command(*market, out, *options)
        for start in range(5, 200, 50):
            dask.start_scheduler()
            dask.start_workers(one="one", two="two")
            client = from_the_client(dask, command)
            for name, number in (("one", start), ("scheduler", start + 20)):
                until(lambda n=number: samples.chunks_done(out) >= n, 180, "chunks")
                dask.kill(name)
            _, told = client.communicate(timeout=300)
            assert client.returncode == 1, told
            assert f"scheduler {dask.address} has stopped" in told
            assert samples.chunks_done(out) < 300
            dask.kill("two")
        dask.start_scheduler()
        dask.start_workers(one="one", two="two")
        client = from_the_client(dask, command)
        said, told = client.communicate(timeout=300)
        assert client.returncode == 0, told
    assert json.loads(said)["digest"] == straight.digest
    assert (out / "matches.jsonl").read_bytes() == straight.path.read_bytes()


@pytest.mark.soak
def test_a_machine_that_falls_silent_is_given_up_after_a_while(
    tmp_path, four: Network
) -> None:
    """No packet tells of its end, as when it loses its power."""
    market, out = samples.market(tmp_path / "market", needs_=300), tmp_path / "out"
    straight = match_all(*market, tmp_path / "straight", executor=Here())
    with running(tmp_path, 8786, four) as dask:
        dask.start_scheduler()
        dask.start_workers(one="one", two="two")
        options = ("--chunk", "2", "--scheduler", dask.address)
        client = from_the_client(dask, samples.command(*market, out, *options))
        until(lambda: samples.chunks_done(out) >= 8, 180, "some chunks")
        four.unplug("one")
        said, told = client.communicate(timeout=400)
    assert client.returncode == 0, told
    assert json.loads(said)["digest"] == straight.digest
    assert (out / "matches.jsonl").read_bytes() == straight.path.read_bytes()


def test_an_index_on_a_worker_is_checked_when_it_is_opened(
    market, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from matching import IndexCorrupt
    from matching.batches import Task, rank_chunk, ranking
    from matching.postings import Filter

    index, asked = samples.market(tmp_path, needs_=1)
    task = Task(Matcher.open(index).index_id, 1, Filter())
    largest = max(index.rglob("*.npy"), key=lambda path: path.stat().st_size)
    data = bytearray(largest.read_bytes())
    data[-1] ^= 1
    largest.write_bytes(data)
    ranking.close()
    with pytest.raises(IndexCorrupt):
        rank_chunk(index, task, asked.read_bytes().splitlines(), verify=True)
