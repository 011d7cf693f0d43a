"""Measure the whole engine on a grown corpus: build, open, rank, add, join.

``python -m matching.benchmarks.whole CORPUS_DIR INDEX_DIR [--documents 400000]
[--limit 300] [--rounds 5]``

CORPUS_DIR comes from ``python -m matching.benchmarks.grown``. Its running words become
postings with invented indicators, codes, prices and organisations
(`matching.benchmarks.invented_offers`), and its long queries become needs. The index is
built once and kept in INDEX_DIR; with an index there already, building is left out.
Times are of one thread unless said; tantivy is asked the bare words of the same needs,
in turn with the whole ranking.
"""

import argparse
import gc
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from threading import Event, Thread
from time import perf_counter, process_time
from typing import Any, Final

import numpy as np
import rjieba

from matching import kernels
from matching.benchmarks import invented_offers, retrieval
from matching.benchmarks.grown import Grown
from matching.engine import Matcher
from matching.errors import MatchingError
from matching.postings import Posting

TOP: Final = 10
_WHOLE_ORDERS: Final = 100
"""Needs for which the whole collection is scored, at some seconds each."""
_OPENING = """
import sys
from time import perf_counter
from matching import Matcher, Posting, kernels
began = perf_counter()
matcher = Matcher.open(sys.argv[1], verify=False)
opened = perf_counter()
with kernels.without():
    matches = matcher.rank(Posting(id="q", text=sys.argv[2]), 10)
print(opened - began, perf_counter() - opened, len(matches))
"""


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """Return p50, p99 and mean in milliseconds."""
    times = np.array(seconds) * 1000
    p50, p99 = np.percentile(times, [50, 99])
    return {"p50": float(p50), "p99": float(p99), "mean": float(times.mean())}


def build(grown: Grown, documents: int, path: Path) -> dict[str, float]:
    """Build and save an index; return seconds of CPU beside those of the word cutter.

    Returns
    -------
    dict
        ``ours`` from texts to the saved index, ``rjieba`` for cutting the same texts
        once, ``ratio``, ``bytes_per_document``.
    """
    offers = invented_offers.offers(grown, documents)
    ours = cutter = 0.0

    def timed() -> Iterator[Posting]:
        """Count the time of inventing and of cutting apart."""
        nonlocal ours, cutter
        while True:
            ours += process_time()
            chunk = list(islice(offers, 1024))
            began = process_time()
            for posting in chunk:
                rjieba.cut(posting.title)
                rjieba.cut(posting.text)
            cutter += process_time() - began
            ours -= process_time()
            if not chunk:
                return
            yield from chunk

    ours -= process_time()
    size = Matcher.build(timed()).save(path)
    ours += process_time()
    return {
        "ours": ours,
        "rjieba": cutter,
        "ratio": ours / cutter,
        "bytes_per_document": size / documents,
    }


@dataclass(frozen=True, slots=True)
class Task:
    """Something that is asked for by the number of a need."""

    name: str
    run: Callable[[int], object]

    def ask(self, words: Any, counts: Any) -> Any:  # noqa: ARG002
        """Do it; `retrieval.measure` hands over two values for a query."""
        return self.run(words)


def ranking(
    matcher: Matcher,
    needs: Sequence[Posting],
    tantivy: retrieval.Tantivy | None,
    bags: Sequence[tuple[Any, Any]],
    rounds: int,
) -> dict[str, dict[str, float]]:
    """Rank for needs in turn with bare retrieval by tantivy; milliseconds."""
    tasks = [
        Task("explained", lambda n: matcher.rank(needs[n], TOP)),
        Task("not explained", lambda n: matcher.rank(needs[n], TOP, explain=0)),
    ]
    if tantivy is not None:
        peer = tantivy
        tasks.append(Task("tantivy, retrieval only", lambda n: peer.ask(*bags[n])))
    queries = [(number, None) for number in range(len(needs))]
    return retrieval.measure(tasks, queries, rounds)


def final_order(matcher: Matcher, needs: Sequence[Posting]) -> dict[str, Any]:
    """Compare the first ten with those of a ranking in which all are candidates.

    Returns
    -------
    dict
        ``equal``, the share of equal first tens; ``gap``, by how much the tenth score
        of the others lies below at most and on average.
    """
    everything = Matcher(
        matcher._snapshot,  # noqa: SLF001 - the same contents under other weights
        replace(matcher.weights, candidates=len(matcher)),
    )
    equal = 0
    gaps = []
    for need in needs:
        mine = [(m.id, m.score) for m in matcher.rank(need, TOP, explain=0)]
        full = [(m.id, m.score) for m in everything.rank(need, TOP, explain=0)]
        if mine == full:
            equal += 1
            continue
        gaps.append(full[-1][1] - mine[-1][1])
    return {
        "documents": len(matcher),
        "queries": len(needs),
        "equal": equal / len(needs),
        "greatest_gap": max(gaps, default=0.0),
        "mean_gap": float(np.mean(gaps)) if gaps else 0.0,
    }


def freshness(matcher: Matcher, grown: Grown, most: int) -> dict[str, float]:
    """Add one posting at a time until a ranking finds it; milliseconds of adding."""
    extra = list(invented_offers.offers(grown, most, seed=9))
    times = []
    for number, posting in enumerate(extra):
        fresh = replace(posting, id=f"fresh-{number}")
        began = perf_counter()
        matcher.add([fresh])
        times.append(perf_counter() - began)
        if fresh.id not in matcher:
            raise MatchingError(f"{fresh.id} was added and is not there")
    matcher.settle()
    return percentiles(times)


def joining(
    matcher: Matcher, grown: Grown, needs: Sequence[Posting], many: int
) -> dict[str, Any]:
    """Join so many new documents with the rest while needs are ranked.

    Returns
    -------
    dict
        ``seconds`` of the joining (analysis of the texts not included), and percentiles
        of rankings ``alone`` and ``meanwhile``, in milliseconds.
    """
    extra = [
        replace(posting, id=f"late-{number}")
        for number, posting in enumerate(invented_offers.offers(grown, many, seed=8))
    ]

    def ask(until: Callable[[], bool]) -> list[float]:
        times: list[float] = []
        while not times or not until():
            began = perf_counter()
            matcher.rank(needs[len(times) % len(needs)], TOP)
            times.append(perf_counter() - began)
        return times

    left = iter(range(len(needs)))
    alone = ask(lambda: next(left, None) is None)
    segments = [
        part._snapshot.segments[0]  # noqa: SLF001
        for part in (Matcher.build(extra[i : i + 1000]) for i in range(0, many, 1000))
    ]
    # As if each thousand had been added just now, and none of them joined yet.
    matcher._snapshot = matcher._snapshot.with_segments(segments)  # noqa: SLF001
    done = Event()
    took = 0.0

    def join() -> None:
        nonlocal took
        began = perf_counter()
        matcher.settle()
        took = perf_counter() - began
        done.set()

    Thread(target=join).start()
    meanwhile = ask(done.is_set)
    return {
        "seconds": took,
        "alone": percentiles(alone),
        "meanwhile": percentiles(meanwhile),
        "asked_meanwhile": len(meanwhile),
    }


def opening(path: Path, need: Posting, rounds: int) -> dict[str, float]:
    """Start a process, open the index and rank once; seconds, medians.

    The process answers with NumPy, as one does whose kernels are not loaded yet.
    """
    walls, opened, asked = [], [], []
    for _ in range(rounds):
        began = perf_counter()
        told = subprocess.run(  # noqa: S603
            [sys.executable, "-c", _OPENING, str(path), need.text],
            capture_output=True,
            text=True,
            check=True,
        )
        walls.append(perf_counter() - began)
        figures = told.stdout.split()
        opened.append(float(figures[0]))
        asked.append(float(figures[1]))
    return {
        "process": float(np.median(walls)),
        "open": float(np.median(opened)),
        "first_rank": float(np.median(asked)),
    }


def memory(matcher: Matcher, needs: Sequence[Posting], workers: int) -> dict[str, Any]:
    """Fork workers that rank thirty times each; return their private megabytes."""
    for need in needs[:30]:
        matcher.rank(need, TOP)
    gc.collect()
    gc.freeze()
    private = []
    for _ in range(workers):
        reading, writing = os.pipe()
        if not os.fork():
            for need in needs[:30]:
                matcher.rank(need, TOP)
            rollup = Path("/proc/self/smaps_rollup").read_text("ascii")
            kilobytes = sum(
                int(line.split()[1])
                for line in rollup.splitlines()
                if line.startswith(("Private_Clean", "Private_Dirty"))
            )
            os.write(writing, str(kilobytes).encode())
            os._exit(0)
        os.close(writing)
        private.append(int(os.read(reading, 64)) / 1024)
        os.close(reading)
        os.wait()
    gc.unfreeze()
    return {"workers": workers, "private_mb": float(np.median(private))}


def measure(
    grown: Grown,
    path: Path,
    documents: int,
    *,
    limit: int,
    rounds: int,
    many: int = 10_000,
) -> dict[str, Any]:
    """Measure everything; see the module. `many` documents are joined with the rest.

    Raises
    ------
    MatchingError
        When the corpus has fewer documents.
    """
    if documents > len(grown.documents):
        raise MatchingError(f"the corpus has only {len(grown.documents)} documents")
    result: dict[str, Any] = {"documents": documents}
    if not (path / "manifest.json").exists():
        result["build"] = build(grown, documents, path)
    needs = list(invented_offers.needs(grown, limit))
    result["open"] = opening(path, needs[0], rounds)
    kernels.load()
    matcher = Matcher.open(path, verify=False)
    result["memory"] = memory(matcher, needs, 4)
    tantivy = None
    if find_spec("tantivy") is not None:
        bags = grown.documents.first(documents)
        tantivy = retrieval.Tantivy(
            retrieval.Setting(bags, grown.features(), grown.words)
        )
        tantivy.build()
    queries = retrieval.queries_of(grown.long, len(grown.words), limit)
    result["rank"] = ranking(matcher, needs, tantivy, queries, rounds)
    del tantivy
    result["final_order"] = [final_order(matcher, needs[:_WHOLE_ORDERS])]
    result["freshness"] = freshness(matcher, grown, min(documents, 500))
    result["joining"] = joining(matcher, grown, needs, many)
    few = min(documents, 20_000)
    for plain in (True, False):
        some = Matcher.build(invented_offers.offers(grown, few, plain=plain))
        asking = list(invented_offers.needs(grown, limit, plain=plain))
        result["final_order"].append({"plain": plain} | final_order(some, asking))
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m matching.benchmarks.whole")
    parser.add_argument("corpus", type=Path)
    parser.add_argument("index", type=Path)
    parser.add_argument("--documents", type=int)
    parser.add_argument("--limit", type=int, default=300, help="queries a round")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(arguments)
    grown = Grown.open(options.corpus)
    documents = options.documents or len(grown.documents)
    result = measure(
        grown,
        options.index,
        documents,
        limit=options.limit,
        rounds=options.rounds,
    )
    json.dump(result, sys.stdout, ensure_ascii=False, indent=1)
    sys.stdout.write("\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
