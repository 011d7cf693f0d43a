"""Measure the search for near-duplicates beside rensa.

``python -m matching.benchmarks.duplicates TEXTS… [--titles projects.csv.gz …]
[--passages 30000] [--copies 5000] [--edits 0.08] [--rounds 5] [--threads 1] [--json]``

TEXTS are files of JSON lines with postings, or directories with a ``docs.jsonl`` or
``docs.jsonl.gz``. All texts are folded, laid one after another and cut into passages of
half to one and a half times the mean length, so that every passage is another text. Of
some of them an edited copy is added: the given share of its characters, drawn at
random, is replaced by, followed by, or left out for a character of the texts, each as
often. The copies stand behind all passages.

All engines get the same folded texts and cut them into the same shingles; cutting is
inside the time on all sides, folding on none. rensa is asked in the three ways that its
documentation gives for many texts, with 128 numbers a sketch and 32 bands:

- *pairs*: `RMinHash.from_token_sets`, then `insert_many` and `query_all` of the index.
  Only this way says which texts belong together. Its candidates are taken as they are.
- *filter*: `RMinHashDeduplicator.add_pairs` says of each text whether one before it is
  alike.
- *flags*: shingles are numbered by NumPy and handed over in one buffer
  (`digest_matrix_from_flat_token_hashes`); `query_duplicate_flags_matrix_one_shot` says
  of each text whether any other shares a band.

Ours says which texts belong together and how alike they are. rensa takes as many
threads as ``RAYON_NUM_THREADS`` allows where it works in parallel, by default one for
every core; ours takes ``--threads``.

Recall is the share of the copies that are found (a pair with the original, or a flag at
the copy). Precision is the share of the pairs that reach the threshold by a count of
their shingles in plain Python, or the share of the flagged texts that are in such a
pair. The engines take turns. Each turn is a process of its own (Linux only), which runs
once to see how much memory it takes at most beyond texts, program and compiled loops,
and once more for the time. Times are medians over the rounds.
"""

import argparse
import gc
import json
import multiprocessing
import random
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import fmean, median
from time import perf_counter, process_time
from typing import Any, Final, NamedTuple

import numpy as np

from matching.benchmarks.grown import read_texts, read_titles
from matching.duplicates import DuplicateIndex, Measure, near_duplicates, warm
from matching.errors import MatchingError
from matching.tokens import fold

LENGTH: Final = 173
"""Characters of a passage, on average."""
_LANES: Final = 128
_BANDS: Final = 32
_SEED: Final = 42
_ASKED: Final = 2000
"""Copies that the index is asked for."""


@dataclass(frozen=True, slots=True)
class Task:
    """What every engine gets.

    Attributes
    ----------
    texts : list of str
        Passages, then copies.
    copies : list of (int, int)
        Original and copy, by their places in the texts.
    measure : Measure
    """

    texts: list[str]
    copies: list[tuple[int, int]]
    measure: Measure

    def shingles(self, place: int) -> list[str]:
        """Cut a text into its shingles, in plain Python."""
        text, length = self.texts[place], self.measure.length
        return [text[at : at + length] for at in range(max(1, len(text) - length + 1))]

    def likeness(self, one: int, other: int) -> float:
        """Count the common shingles of two texts, in plain Python."""
        mine, theirs = set(self.shingles(one)), set(self.shingles(other))
        return len(mine & theirs) / len(mine | theirs)


@dataclass(frozen=True, slots=True)
class Answer:
    """What an engine found: pairs, or only the texts that have a near-duplicate."""

    pairs: frozenset[tuple[int, int]] | None
    flagged: frozenset[int]

    @classmethod
    def of_pairs(cls, pairs: Iterable[tuple[int, int]]) -> "Answer":
        """Flag the texts of pairs."""
        kept = frozenset(pairs)
        return cls(kept, frozenset(place for pair in kept for place in pair))

    def finds(self, original: int, copy: int) -> bool:
        """Say whether a copy was found."""
        if self.pairs is None:
            return copy in self.flagged
        return (original, copy) in self.pairs


@dataclass(frozen=True, slots=True)
class Engine:
    """Something to be measured; `read` is not timed."""

    run: Callable[[Task], Any]
    read: Callable[[Any], Answer]


class Trial(NamedTuple):
    """One run of an engine."""

    seconds: float
    cpu_seconds: float
    megabytes: float
    answer: Answer


def ours(threads: int, *, compiled: bool) -> Engine:
    """Return the search of `matching.duplicates`."""

    def run(task: Task) -> Any:
        return near_duplicates(
            task.texts, task.measure, threads=threads, compiled=compiled
        )

    def read(found: Any) -> Answer:
        return Answer.of_pairs((pair.first, pair.second) for pair in found)

    return Engine(run, read)


def rensa_pairs() -> Engine:
    """Return rensa's index, asked for all texts at once."""
    rensa = import_module("rensa")

    def run(task: Task) -> Any:
        sketches = rensa.RMinHash.from_token_sets(
            [task.shingles(place) for place in range(len(task.texts))],
            num_perm=_LANES,
            seed=_SEED,
        )
        index = rensa.RMinHashLSH(
            threshold=task.measure.threshold, num_perm=_LANES, num_bands=_BANDS
        )
        index.insert_many(sketches)
        return index.query_all(sketches)

    def read(found: Any) -> Answer:
        return Answer.of_pairs(
            (one, other)
            for one, others in enumerate(found)
            for other in others
            if one < other
        )

    return Engine(run, read)


def rensa_filter() -> Engine:
    """Return rensa's deduplicator, given all texts at once."""
    rensa = import_module("rensa")

    def run(task: Task) -> Any:
        filtered = rensa.RMinHashDeduplicator(
            threshold=task.measure.threshold,
            num_perm=_LANES,
            use_lsh=True,
            num_bands=_BANDS,
        )
        return filtered.add_pairs(
            (str(place), task.shingles(place)) for place in range(len(task.texts))
        )

    def read(kept: Any) -> Answer:
        return Answer(None, frozenset(at for at, new in enumerate(kept) if not new))

    return Engine(run, read)


def rensa_flags() -> Engine:
    """Return rensa's search in one pass, given numbered shingles."""
    rensa = import_module("rensa")

    def run(task: Task) -> Any:
        matrix = rensa.RMinHash.digest_matrix_from_flat_token_hashes(
            *_numbered(task), _LANES, _SEED
        )
        index = rensa.RMinHashLSH(
            threshold=task.measure.threshold, num_perm=_LANES, num_bands=_BANDS
        )
        return index.query_duplicate_flags_matrix_one_shot(matrix)

    def read(flags: Any) -> Answer:
        return Answer(None, frozenset(at for at, flag in enumerate(flags) if flag))

    return Engine(run, read)


def _numbered(task: Task) -> tuple[Any, Any]:
    """Number the shingles of all texts in one pass, as fast as NumPy allows."""
    length = task.measure.length
    joined = "".join(task.texts).encode("utf-32-le", "surrogatepass")
    codes = np.frombuffer(joined, np.uint32).astype(np.uint64)
    sizes = np.fromiter(map(len, task.texts), np.int64, len(task.texts))
    ends = np.cumsum(sizes)
    whole = len(codes) - length + 1
    numbers = codes[:whole].copy()
    for at in range(1, length):
        numbers = (numbers << np.uint64(21)) | codes[at : whole + at]
    inside = np.ones(len(codes), np.bool_)
    for back in range(1, length):
        inside[ends - back] = False
    numbers = numbers[inside[:whole]] * np.uint64(0x9E3779B97F4A7C15)
    numbers = (numbers ^ (numbers >> np.uint64(32))) * np.uint64(0xD6E8FEB86659FD93)
    bounds = np.zeros(len(sizes) + 1, np.uint64)
    np.cumsum(sizes - length + 1, out=bounds[1:])
    return numbers ^ (numbers >> np.uint64(32)), bounds


def cut(texts: Sequence[str], count: int, mean: int, seed: int) -> list[str]:
    """Cut folded texts, laid one after another, into passages of like lengths.

    Raises
    ------
    MatchingError
        When there is not a single passage.
    """
    source = random.Random(seed)  # noqa: S311 (passages, no secret)
    joined = " ".join(texts)
    passages: dict[str, None] = {}
    at = 0
    while at < len(joined) and len(passages) < count:
        size = source.randint(mean // 2, mean * 3 // 2)
        if at + size <= len(joined):
            passages.setdefault(joined[at : at + size])
        at += size
    if not passages:
        raise MatchingError(f"{len(joined)} characters are no passage")
    return list(passages)


def edited(text: str, share: float, alphabet: str, source: random.Random) -> str:
    """Replace, add or drop a share of the characters of a text."""
    places = set(source.sample(range(len(text)), round(share * len(text))))
    pieces = []
    for place, char in enumerate(text):
        if place not in places:
            pieces.append(char)
            continue
        other = source.choice(alphabet)
        pieces.append(source.choice((other, char + other, "")))
    return "".join(pieces)


def make_task(
    passages: Sequence[str], copies: int, edits: float, measure: Measure, seed: int
) -> Task:
    """Add edited copies of some passages."""
    source = random.Random(seed)  # noqa: S311 (copies, no secret)
    alphabet = "".join(passages)
    originals = source.sample(range(len(passages)), min(copies, len(passages)))
    made = [edited(passages[at], edits, alphabet, source) for at in originals]
    places = range(len(passages), len(passages) + len(made))
    return Task([*passages, *made], list(zip(originals, places, strict=True)), measure)


def judge(task: Task, answers: Mapping[str, Answer]) -> dict[str, dict[str, Any]]:
    """Say how many copies were found, and how much of what was found is right."""
    listed = {pair for answer in answers.values() for pair in answer.pairs or ()}
    least = task.measure.threshold
    true = {pair for pair in listed | set(task.copies) if task.likeness(*pair) >= least}
    return {
        name: {
            "gives": "texts" if answer.pairs is None else "pairs",
            "found": len(answer.flagged if answer.pairs is None else answer.pairs),
            "recall": round(fmean(answer.finds(*pair) for pair in task.copies), 4),
            "precision": round(_precision(answer, true), 4),
        }
        for name, answer in answers.items()
    }


def measure_engines(
    engines: Mapping[str, Engine], task: Task, rounds: int
) -> dict[str, Any]:
    """Let engines take turns, each time in a process of its own; then judge them."""
    trials: dict[str, list[Trial]] = {name: [] for name in engines}
    for _ in range(rounds):
        for name, engine in engines.items():
            trials[name].append(_tried(engine, task))
    report = judge(task, {name: tried[-1].answer for name, tried in trials.items()})
    for name, tried in trials.items():
        wall = median(trial.seconds for trial in tried)
        cpu = median(trial.cpu_seconds for trial in tried)
        report[name] |= {
            "seconds": round(wall, 4),
            "cpu_seconds": round(cpu, 4),
            "rounds": [round(trial.seconds, 4) for trial in tried],
            "texts_per_second": round(len(task.texts) / wall),
            "texts_per_cpu_second": round(len(task.texts) / cpu),
            "megabytes": round(median(trial.megabytes for trial in tried), 1),
        }
    return report


def _precision(answer: Answer, true: set[tuple[int, int]]) -> float:
    if answer.pairs is not None:
        return len(answer.pairs & true) / max(1, len(answer.pairs))
    meant = {place for pair in true for place in pair}
    return len(answer.flagged & meant) / max(1, len(answer.flagged))


def _tried(engine: Engine, task: Task) -> Trial:
    """Run an engine in a child, so that none finds the memory as another left it."""
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe(duplex=False)
    child = context.Process(target=_try, args=(engine, task, there))
    child.start()
    there.close()
    trial: Trial = here.recv()
    child.join()
    return trial


def _try(engine: Engine, task: Task, reply: Connection) -> None:
    engine.run(Task(task.texts[:100], [], task.measure))
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = _kilobytes("VmRSS")
    engine.run(task)
    taken = _kilobytes("VmHWM") - before
    gc.collect()
    began, worked = perf_counter(), process_time()
    found = engine.run(task)
    cpu_seconds = process_time() - worked
    seconds = perf_counter() - began
    reply.send(Trial(seconds, cpu_seconds, taken / 1024, engine.read(found)))


def _kilobytes(name: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name + ":"))


def measure_index(task: Task) -> dict[str, Any]:
    """Add all passages to an index one by one, and ask it for copies."""
    index = DuplicateIndex(task.measure)
    passages = len(task.texts) - len(task.copies)
    began = perf_counter()
    for place in range(passages):
        index.add(str(place), task.texts[place])
    added = perf_counter() - began
    seconds, found = [], []
    for original, copy in task.copies[:_ASKED]:
        began = perf_counter()
        hits = index.find(task.texts[copy])
        seconds.append(perf_counter() - began)
        found.append(str(original) in {hit.id for hit in hits})
    return {
        "texts": passages,
        "add_ms": round(added / passages * 1000, 3),
        "find_p50_ms": round(float(np.percentile(seconds, 50)) * 1000, 3),
        "find_p99_ms": round(float(np.percentile(seconds, 99)) * 1000, 3),
        "recall": round(float(np.mean(found)), 4),
        "bytes_per_text": round(index.nbytes / passages),
    }


def bench(
    passages: Sequence[str],
    *,
    copies: int = 5000,
    edits: float = 0.08,
    rounds: int = 5,
    threads: int = 1,
    seed: int = 1,
    measure: Measure | None = None,
) -> dict[str, Any]:
    """Compare the engines that are installed.

    Parameters
    ----------
    passages : sequence of str
        Folded, and different from one another.
    copies : int
        How many edited copies are added.
    edits : float
        Share of the characters of a copy that is edited.
    rounds : int
    threads : int
        For ours.
    seed : int
    measure : Measure, optional

    Returns
    -------
    dict
        ``texts``, ``copies``, ``characters`` on average, quantiles of the copies'
        ``likeness``, and ``engines``, ``index`` with what was measured.
    """
    measure = measure or Measure()
    task = make_task(passages, copies, edits, measure, seed)
    engines: dict[str, Engine] = {}
    if warm():
        engines["ours"] = ours(threads, compiled=True)
    engines["ours, NumPy"] = ours(1, compiled=False)
    if find_spec("rensa") is not None:
        engines["rensa, pairs"] = rensa_pairs()
        engines["rensa, filter"] = rensa_filter()
        engines["rensa, flags"] = rensa_flags()
    likeness = [task.likeness(*pair) for pair in task.copies]
    quantiles = {"least": 0, "1%": 1, "median": 50, "99%": 99}
    missed = [measure.chance_of_miss(value) for value in likeness]
    return {
        "texts": len(task.texts),
        "copies": len(task.copies),
        "characters": round(float(np.mean([len(text) for text in task.texts]))),
        "likeness": {
            name: round(float(np.percentile(likeness, at)), 3)
            for name, at in quantiles.items()
        },
        "copies_below_threshold": sum(value < measure.threshold for value in likeness),
        "expected_misses": round(float(np.sum(missed)), 4),
        "engines": measure_engines(engines, task, rounds),
        "index": measure_index(task),
    }


def _table(report: Mapping[str, Any]) -> str:
    likeness = ", ".join(f"{name} {at}" for name, at in report["likeness"].items())
    lines = [
        (
            f"{report['texts']:,} texts of {report['characters']} characters, "
            f"{report['copies']:,} of them edited copies; likeness: {likeness}"
        ),
        (
            f"copies below the threshold: {report['copies_below_threshold']}; "
            f"misses to be expected: {report['expected_misses']}"
        ),
        (
            f"{'':16}{'gives':>7}{'found':>8}{'recall':>8}{'precis.':>8}{'wall s':>8}"
            f"{'CPU s':>8}{'texts/s':>10}{'/CPU s':>10}{'MB':>7}"
        ),
    ]
    for name, row in report["engines"].items():
        lines.append(
            f"{name:16}{row['gives']:>7}{row['found']:>8}{row['recall']:>8.4f}"
            f"{row['precision']:>8.4f}{row['seconds']:>8.3f}{row['cpu_seconds']:>8.3f}"
            f"{row['texts_per_second']:>10,}{row['texts_per_cpu_second']:>10,}"
            f"{row['megabytes']:>7.0f}"
        )
    index = report["index"]
    lines.append(
        f"index of {index['texts']:,}: add {index['add_ms']} ms, find p50 "
        f"{index['find_p50_ms']}, p99 {index['find_p99_ms']} ms, recall "
        f"{index['recall']}, {index['bytes_per_text']} bytes a text besides the text"
    )
    return "\n".join(lines)


def _documents(path: Path) -> Path:
    if not path.is_dir():
        return path
    packed = path / "docs.jsonl.gz"
    return packed if packed.exists() else path / "docs.jsonl"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(prog="python -m matching.benchmarks.duplicates")
    parser.add_argument("texts", type=Path, nargs="+")
    parser.add_argument("--titles", type=Path, nargs="*", default=[])
    parser.add_argument("--passages", type=int, default=30_000)
    parser.add_argument("--characters", type=int, default=LENGTH)
    parser.add_argument("--copies", type=int, default=5000)
    parser.add_argument("--edits", type=float, default=0.08)
    parser.add_argument("--threshold", type=float, default=Measure.threshold)
    parser.add_argument("--length", type=int, default=Measure.length)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    read = read_texts([_documents(path) for path in options.texts])
    read += read_titles(options.titles)
    passages = cut(
        [fold(text) for text in read],
        options.passages,
        options.characters,
        options.seed,
    )
    report = bench(
        passages,
        copies=options.copies,
        edits=options.edits,
        rounds=options.rounds,
        threads=options.threads,
        seed=options.seed,
        measure=Measure(threshold=options.threshold, length=options.length),
    )
    text = json.dumps(report, ensure_ascii=False) if options.json else _table(report)
    sys.stdout.write(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
