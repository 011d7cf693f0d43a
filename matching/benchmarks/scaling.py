"""Measure long rankings: processes, memory, and a Dask cluster on the same cores.

``python -m matching.benchmarks.scaling WORK [--corpus GROWN_DIR --sizes 10000 100000]
[--sets DIR …] [--needs 300] [--workers 1 2] [--rounds 3] [--chunk 10]
[--dask] [--json]``

GROWN_DIR comes from ``python -m matching.benchmarks.grown``; of its documents the first
so many are taken, as postings with the words as text, and its long queries are the
needs. A set is a folder with ``docs.jsonl.gz`` and ``queries.jsonl``. Indexes are built
anew below WORK each time.

Every way to rank is measured in turn, round by round, and the median is shown. A rate
counts from the moment at which every worker has given its first answer, so that
starting processes is left out of it and shown apart. Processor time is read from
``/proc`` and so does not depend on who else uses the machine, as far as caches and
memory are not shared; Linux only.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path
from socket import socket
from statistics import median
from time import monotonic, perf_counter, process_time, sleep
from typing import Any, Final, Self

import numpy as np

from matching.batches.cluster import Cluster
from matching.batches.local import Executor, Processes, usable_cores
from matching.batches.questions import chunks, survey
from matching.batches.ranking import Task
from matching.benchmarks.grown import Bags, Grown
from matching.corpora import read_postings
from matching.engine import VERSION, Matcher
from matching.errors import MatchingError
from matching.postings import Filter, Posting

TICKS: Final = os.sysconf("SC_CLK_TCK")
_MEGA: Final = 1e6


@dataclass(frozen=True, slots=True)
class Market:
    """An index and needs to rank for.

    Attributes
    ----------
    name : str
    index, needs : Path
    documents, bytes : int
    seconds : float
        What building and saving took.
    """

    name: str
    index: Path
    needs: Path
    documents: int
    bytes: int
    seconds: float

    @classmethod
    def made(
        cls,
        name: str,
        folder: Path,
        documents: Iterator[Posting],
        needs: Sequence[Posting],
    ) -> "Market":
        """Build the index and write the needs."""
        folder.mkdir(parents=True)
        began = perf_counter()
        matcher = Matcher.build(documents)
        size = matcher.save(folder / "index")
        seconds = perf_counter() - began
        with (folder / "needs.jsonl").open("w", encoding="ascii") as file:
            file.writelines(json.dumps(need.to_dict()) + "\n" for need in needs)
        return cls(
            name, folder / "index", folder / "needs.jsonl", len(matcher), size, seconds
        )


def _texts(grown: Grown, bags: Bags, texts: int) -> Iterator[str]:
    for text in range(texts):
        words, counts = bags[text]
        yield " ".join(grown.words[word] for word in np.repeat(words, counts))


def _repeated(needs: Sequence[Posting], number: int) -> list[Posting]:
    """Return so many needs, asking again from the first one when they end."""
    return [needs[place % len(needs)] for place in range(number)]


def from_grown(
    directory: Path, sizes: Sequence[int], needs: int, work: Path
) -> Iterator[Market]:
    """Make a market of each size out of a grown corpus."""
    grown = Grown.open(directory)
    longest = len(grown.documents)
    asked = [
        Posting(id=f"n{place:05}", text=text, kind="need")
        for place, text in enumerate(
            _texts(grown, grown.long, min(needs, len(grown.long)))
        )
    ]
    for size in sizes:
        if size > longest:
            raise MatchingError(f"{directory} has {longest} documents, not {size}")
        documents = (
            Posting(id=f"d{place:07}", text=text, kind="result")
            for place, text in enumerate(_texts(grown, grown.documents, size))
        )
        name = f"grown, {size:,}"
        yield Market.made(
            name, work / f"grown-{size}", documents, _repeated(asked, needs)
        )


def from_set(directory: Path, needs: int, work: Path) -> Market:
    """Make a market out of an evaluation set."""
    asked = list(islice(read_postings(directory / "queries.jsonl"), needs))
    documents = read_postings(directory / "docs.jsonl.gz")
    folder = work / directory.name
    return Market.made(directory.name, folder, documents, _repeated(asked, needs))


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has used."""
    stat = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    user, system = stat.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / TICKS


def memory(pid: int) -> tuple[int, int]:
    """Return bytes of a process's own memory, and of files that it has mapped.

    Pages of a mapped file are in memory once, however many processes look at them.
    """
    found: dict[str, int] = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines()[1:]:
        name, _, rest = line.partition(":")
        found[name] = int(rest.split()[0]) * 1024
    return found["Anonymous"], found["Rss"] - found["Anonymous"]


@dataclass(frozen=True, slots=True)
class Round:
    """One measurement.

    Attributes
    ----------
    start : float
        Seconds until every worker has answered once.
    rate : float
        Needs a second from then on.
    worker, client, scheduler : float
        Processor seconds for a thousand needs: of all workers, of the client, of the
        scheduler if there is one.
    own, mapped : float
        Bytes of the greatest worker; see `memory`.
    result : float
        Bytes of the answer for one need.
    """

    start: float
    rate: float
    worker: float
    client: float
    scheduler: float
    own: float
    mapped: float
    result: float


def measure(
    market: Market,
    executor: Executor,
    workers: int,
    pids: Callable[[], Sequence[int]],
    size: int,
    scheduler: int | None = None,
) -> Round:
    """Rank all needs of a market once.

    Parameters
    ----------
    workers : int
        How many there are.
    pids : callable
        Returns their processes.
    size : int
        Rows of a chunk.
    scheduler : int, optional
        Process of the scheduler.
    """
    surveyed = survey(market.needs, size)
    task = Task(Matcher.open(market.index, verify=False).index_id, 10, Filter())
    began, rows, written = perf_counter(), 0, 0
    first, used, own, other = began, 0.0, 0.0, 0.0
    for done, (_, answer) in enumerate(
        executor.run(market.index, task, chunks(market.needs, surveyed)), start=1
    ):
        if done > workers:
            rows += answer.count(b"\n")
            written += len(answer)
        if done == workers:
            first, own = perf_counter(), process_time()
            used = sum(map(cpu_seconds, pids()))
            other = cpu_seconds(scheduler) if scheduler else 0.0
        if done == len(surveyed.digests):
            last = perf_counter()
            used = sum(map(cpu_seconds, pids())) - used
            own = process_time() - own
            other = cpu_seconds(scheduler) - other if scheduler else 0.0
            held, mapped = map(max, zip(*map(memory, pids()), strict=True))
    if not rows:
        raise MatchingError(f"{surveyed.rows} needs are too few for {workers} workers")
    return Round(
        first - began,
        rows / (last - first),
        1000 * used / rows,
        1000 * own / rows,
        1000 * other / rows,
        held,
        mapped,
        written / rows,
    )


class LocalDask:
    """A scheduler and workers of one thread each, on this machine.

    Parameters
    ----------
    folder : Path
    workers : int
    """

    def __init__(self, folder: Path, workers: int) -> None:
        self.folder, self.workers = folder, workers
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        folder = self.folder
        folder.mkdir()
        with socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{port}"
        self.scheduler = self._start(
            "dask_scheduler", "--host", "127.0.0.1", "--port", str(port)
        )
        self.pids = []
        for number in range(self.workers):
            place = folder / f"worker-{number}"
            place.mkdir()
            pid = self._start(
                "dask_worker",
                *(self.address, "--host", "127.0.0.1", "--no-nanny"),
                *("--nthreads", "1", "--local-directory", str(place)),
            )
            self.pids.append(pid)
        self._wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _start(self, program: str, *arguments: str) -> int:
        command = [
            *(sys.executable, "-m", f"distributed.cli.{program}"),
            *(*arguments, "--no-dashboard"),
        ]
        log = self._stack.enter_context((self.folder / "log").open("ab"))
        process = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        return process.pid

    def _wait(self) -> None:
        until = monotonic() + 120
        log = self.folder / "log"
        while log.read_text("utf-8", "replace").count("Registered to:") < self.workers:
            if monotonic() > until:
                raise MatchingError(f"the cluster did not start; see {log}")
            sleep(0.1)


def _pids(owner: Processes | LocalDask) -> list[int]:
    return owner.pids


def compare(
    market: Market,
    workers: Sequence[int],
    rounds: int,
    size: int,
    dask: LocalDask | None,
) -> dict[str, Any]:
    """Measure a market by all ways in turn."""
    ways: dict[str, list[Round]] = {}
    handed = []
    for _ in range(rounds):
        for number in workers:
            local = Processes(number)
            took = measure(market, local, number, partial(_pids, local), size)
            ways.setdefault(f"{number} local", []).append(took)
        if dask is not None:
            cluster = Cluster(dask.address)
            took = measure(
                *(market, cluster, dask.workers, partial(_pids, dask), size),
                dask.scheduler,
            )
            ways.setdefault(f"{dask.workers} dask", []).append(took)
            handed.extend(cluster.handed)
    needs = market.needs.read_bytes().splitlines()
    return {
        "market": market.name,
        "documents": market.documents,
        "bytes": market.bytes,
        "build_seconds": market.seconds,
        "need_bytes": sum(map(len, needs)) / len(needs),
        "ways": {
            name: {
                field: median(getattr(one, field) for one in found)
                for field in Round.__dataclass_fields__
            }
            for name, found in ways.items()
        },
        "handed": [
            {"bytes": one.bytes, "folders": one.folders, "seconds": one.seconds}
            for one in handed
        ],
    }


_HEADING: Final = (
    "Engine {engine}, {cores} cores, {needs} needs in chunks of {chunk}, k = 10, "
    "medians of {rounds} rounds in turn."
)
_WAYS: Final = (
    "index",
    "documents",
    "MB",
    "workers",
    "needs/s",
    "beside the first",
    "CPU s for 1,000 needs",
    "start, s",
    "own MB",
    "mapped MB",
)
_CLUSTER: Final = (
    "index",
    "client, CPU s for 1,000 needs",
    "scheduler, likewise",
    "workers that keep the busier one busy",
    "bytes of a need",
    "of its answer",
    "MB handed over",
    "folders",
    "s",
)


def _head(columns: Sequence[str]) -> list[str]:
    return ["", f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]


def markdown(report: Mapping[str, Any]) -> str:
    """Return the report as tables."""
    lines = [_HEADING.format(**report), *_head(_WAYS)]
    for market in report["markets"]:
        first = next(iter(market["ways"].values()))["rate"]
        for name, way in market["ways"].items():
            lines.append(
                f"| {market['market']} | {market['documents']:,} "
                f"| {market['bytes'] / _MEGA:.0f} | {name} | {way['rate']:.1f} "
                f"| {way['rate'] / first:.2f} | {way['worker']:.1f} "
                f"| {way['start']:.1f} | {way['own'] / _MEGA:.0f} "
                f"| {way['mapped'] / _MEGA:.0f} |"
            )
    lines += _head(_CLUSTER)
    for market in report["markets"]:
        for name, way in market["ways"].items():
            if not name.endswith("dask"):
                continue
            busiest = max(way["client"], way["scheduler"])
            took = median(one["seconds"] for one in market["handed"])
            sent = market["handed"][0]
            lines.append(
                f"| {market['market']} | {way['client']:.2f} | {way['scheduler']:.2f} "
                f"| {way['worker'] / busiest:.0f} | {market['need_bytes']:.0f} "
                f"| {way['result']:.0f} | {sent['bytes'] / _MEGA:.0f} "
                f"| {sent['folders']} | {took:.2f} |"
            )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m matching.benchmarks.scaling")
    parser.add_argument("work", type=Path)
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--sizes", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--sets", type=Path, nargs="*", default=[])
    parser.add_argument("--needs", type=int, default=300)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, usable_cores()])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--chunk", type=int, default=10)
    parser.add_argument("--dask", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    if options.work.exists():
        parser.error(f"{options.work} is there already; name a new folder")
    options.work.mkdir(parents=True)
    report = {
        "engine": VERSION,
        "cores": usable_cores(),
        "needs": options.needs,
        "rounds": options.rounds,
        "chunk": options.chunk,
        "markets": [],
    }
    markets = (from_set(path, options.needs, options.work) for path in options.sets)
    with ExitStack() as stack:
        dask = None
        if options.dask:
            folder = options.work / "dask"
            dask = stack.enter_context(LocalDask(folder, max(options.workers)))
        grown: Iterator[Market] = iter(())
        if options.corpus is not None:
            grown = from_grown(
                options.corpus, options.sizes, options.needs, options.work
            )
        for market in chain(markets, grown):
            found = compare(
                market, options.workers, options.rounds, options.chunk, dask
            )
            report["markets"].append(found)
            print(json.dumps(found), file=sys.stderr)
    shutil.rmtree(options.work)
    print(json.dumps(report) if options.json else markdown(report))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
