"""Measure how well and how quickly an organisation is found by its name.

``python -m matching.benchmarks.organisations SEEDS_DIR [--names 1000000] [--json]``
makes the names, asks for them in other words, and asks RapidFuzz and tantivy the same
in turn.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from random import Random
from statistics import fmean
from time import perf_counter, process_time
from typing import Any, Final

import numpy as np
from rapidfuzz import fuzz, process

from matching.benchmarks.invented_names import (
    DAMAGES,
    SHORT_FORMS,
    SHORTENINGS,
    Name,
    Way,
    make_names,
    questions,
)
from matching.organisations.index import NameIndex, warm
from matching.organisations.words import name_key

_SHOWN: Final = 5
_TIED: Final = 200
"""Answers among which the right one may be tied with the first."""
_SHARE_OF_REAL: Final = 0.3
_NEAREST: Final = 50
"""Names that tantivy hands on to RapidFuzz."""


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody wrote, and the numbers of the names that may be meant."""

    text: str
    meant: frozenset[int]


def ask(
    names: Sequence[Name], way: Way, held: set[str], count: int, seed: int
) -> list[Question]:
    """Return questions about names, three in ten about real ones if the way applies."""
    random = Random(seed)  # noqa: S311 (nothing secret)
    wanted = round(count * _SHARE_OF_REAL)
    groups = (
        ({"university", "written"}, wanted),
        ({"firm", "institute"}, count - wanted),
    )
    found: list[Question] = []
    for kinds, size in groups:
        chosen = [number for number, name in enumerate(names) if name.kind in kinds]
        random.shuffle(chosen)
        applies = any(way(names[number], random) for number in chosen[:5000])
        if chosen and applies:
            some = [names[number] for number in chosen]
            asked = islice(questions(some, way, held, random), size)
            for number, text in asked:
                found.append(Question(text, frozenset([chosen[number]])))
    random.shuffle(found)
    return found


def score(index: NameIndex, asked: Sequence[Question]) -> dict[str, Any]:
    """Ask the index and count.

    Returns
    -------
    dict
        ``asked``; ``first``, the share of which the right name is the first answer;
        ``first_or_tied``, the share of which it is as similar as the first and among
        the first two hundred; ``in_five``; ``tied``, mean number of answers as similar
        as the first; ``p50_ms``, ``p99_ms`` and ``cpu_p50_ms`` of `search` with five
        answers.
    """
    seconds: list[float] = []
    worked: list[float] = []
    firsts, ties, fives, tied = 0, 0, 0, 0
    for question in asked:
        began, before = perf_counter(), process_time()
        index.search(question.text, _SHOWN)
        worked.append(process_time() - before)
        seconds.append(perf_counter() - began)
        hits = index.search(question.text, _TIED)
        meant = {str(number) for number in question.meant}
        equal = [hit.id for hit in hits if hit.similarity == hits[0].similarity]
        firsts += bool(hits) and hits[0].id in meant
        ties += not meant.isdisjoint(equal)
        fives += any(hit.id in meant for hit in hits[:_SHOWN])
        tied += len(equal)
    milliseconds = np.array(seconds) * 1000
    count = len(asked)
    return {
        "asked": count,
        "first": round(firsts / count, 4),
        "first_or_tied": round(ties / count, 4),
        "in_five": round(fives / count, 4),
        "tied": round(tied / count, 1),
        "p50_ms": round(float(np.percentile(milliseconds, 50)), 3),
        "p99_ms": round(float(np.percentile(milliseconds, 99)), 3),
        "cpu_p50_ms": round(float(np.percentile(worked, 50)) * 1000, 3),
    }


Finder = Callable[[str], int]
"""Returns the number of the name that a peer puts first."""


def rapidfuzz_finder(keys: Sequence[str]) -> Finder:
    """Compare with every name."""

    def find(text: str) -> int:
        best = process.extractOne(name_key(text), keys, scorer=fuzz.ratio)
        return int(best[2]) if best is not None else -1

    return find


def tantivy_finder(keys: Sequence[str]) -> Finder:
    """Find fifty names by pairs of neighbours with tantivy, compare those."""
    module: Any = import_module("tantivy")
    builder = module.SchemaBuilder()
    builder.add_unsigned_field("number", stored=True)
    builder.add_text_field("grams", tokenizer_name="whitespace", index_option="freq")
    index = module.Index(builder.build())
    writer = index.writer(num_threads=1)
    for number, key in enumerate(keys):
        text = " ".join(_grams(key))
        writer.add_document(module.Document(number=number, grams=[text]))
    writer.commit()
    index.reload()
    searcher = index.searcher()

    def find(text: str) -> int:
        key = name_key(text)
        parsed = index.parse_query(" ".join(dict.fromkeys(_grams(key))), ["grams"])
        hits = searcher.search(parsed, _NEAREST).hits
        numbers = [int(searcher.doc(at)["number"][0]) for _, at in hits]
        near = {number: keys[number] for number in numbers}
        best = process.extractOne(key, near, scorer=fuzz.ratio)
        return int(best[2]) if best is not None else -1

    return find


def _grams(key: str) -> list[str]:
    return [key[at : at + 2] for at in range(max(1, len(key) - 1))]


def compare(
    finders: Mapping[str, tuple[Finder, int]], asked: Sequence[Question]
) -> dict[str, Any]:
    """Ask several finders in turn, each no more than its limit of questions."""
    seconds: dict[str, list[float]] = {name: [] for name in finders}
    cpu: dict[str, list[float]] = {name: [] for name in finders}
    right: dict[str, list[bool]] = {name: [] for name in finders}
    for at, question in enumerate(asked):
        for name, (find, limit) in finders.items():
            if at >= limit:
                continue
            began, worked = perf_counter(), process_time()
            found = find(question.text)
            cpu[name].append(process_time() - worked)
            seconds[name].append(perf_counter() - began)
            right[name].append(found in question.meant)
    return {
        name: {
            "asked": len(right[name]),
            "first": round(fmean(right[name]), 4),
            "p50_ms": round(float(np.percentile(seconds[name], 50)) * 1000, 3),
            "p99_ms": round(float(np.percentile(seconds[name], 99)) * 1000, 3),
            "cpu_p50_ms": round(float(np.percentile(cpu[name], 50)) * 1000, 3),
        }
        for name in finders
    }


def bench(
    directory: Path, *, names: int, asked: int, peers: int, seed: int
) -> dict[str, Any]:
    """Make names, index them and ask.

    Parameters
    ----------
    directory : Path
        See `matching.benchmarks.invented_names.read_names`.
    names : int
        How many names.
    asked : int
        Questions of each kind.
    peers : int
        Questions that peers are asked, too; RapidFuzz a tenth of them.
    seed : int

    Returns
    -------
    dict
        ``names``, ``build_seconds``, ``build_cpu_seconds``, ``bytes_per_name``;
        ``damaged``, ``shortened`` and
        ``known_short_forms`` as `score` returns them, by kind and together;
        ``missed_short_forms`` and ``peers``.
    """
    made = make_names(directory, names, seed=seed)
    held = {name_key(name.text) for name in made}
    began, before = perf_counter(), process_time()
    index = NameIndex.build((str(at), name.text) for at, name in enumerate(made))
    built, worked = perf_counter() - began, process_time() - before
    warm()
    report: dict[str, Any] = {
        "names": len(index),
        "build_seconds": round(built, 1),
        "build_cpu_seconds": round(worked, 1),
        "bytes_per_name": round(index.nbytes / len(index), 1),
    }
    damaged: dict[str, list[Question]] = {}
    for kind, ways in DAMAGES.items():
        for what, way in ways.items():
            damaged[f"{kind}: {what}"] = ask(made, way, held, asked, seed)
    short = {what: ask(made, w, held, asked, seed) for what, w in SHORTENINGS.items()}
    for title, groups in (("damaged", damaged), ("shortened", short)):
        report[title] = {what: score(index, group) for what, group in groups.items()}
        everything = [question for group in groups.values() for question in group]
        report[title]["together"] = score(index, everything)
    numbers = {name.text: at for at, name in enumerate(made)}
    known = [
        Question(short, frozenset(numbers[f] for f in full.split("|") if f in numbers))
        for short, full in SHORT_FORMS.items()
        if full.split("|")[0] in numbers
    ]
    report["known_short_forms"] = score(index, known)
    report["missed_short_forms"] = {
        question.text: index.search(question.text, 1)[0].name
        for question in known
        if score(index, [question])["first_or_tied"] < 1
    }
    if peers:
        report["peers"] = _peers(index, made, damaged, peers)
    return report


def _peers(
    index: NameIndex,
    names: Sequence[Name],
    damaged: Mapping[str, Sequence[Question]],
    count: int,
) -> dict[str, Any]:
    mixed = [question for group in damaged.values() for question in group]
    Random(0).shuffle(mixed)  # noqa: S311 (nothing secret)
    keys = [name_key(name.text) for name in names]

    def own(text: str, *, compiled: bool | None = None) -> int:
        hits = index.search(text, _SHOWN, compiled=compiled)
        return int(hits[0].id) if hits else -1

    finders: dict[str, tuple[Finder, int]] = {
        "jiebang": (own, count),
        "jiebang, NumPy": (lambda text: own(text, compiled=False), count),
        "RapidFuzz extractOne ratio": (rapidfuzz_finder(keys), max(1, count // 10)),
    }
    if find_spec("tantivy") is not None:
        finders["tantivy 2-grams + RapidFuzz"] = (tantivy_finder(keys), count)
    return compare(finders, mixed[:count])


def _table(report: Mapping[str, Any]) -> str:
    heads = ("first", "or tied", "in five", "tied", "p50", "CPU", "p99")
    size = f"{report['names']:,} names, {report['bytes_per_name']} bytes a name"
    took = f"{report['build_seconds']} s, CPU {report['build_cpu_seconds']} s"
    lines = [f"{size}, built in {took}; times in ms"]
    lines.append(" " * 44 + "".join(f"{head:>9}" for head in heads))
    for title in ("damaged", "shortened"):
        lines += [_line(what, row) for what, row in report[title].items()]
        lines.append("")
    lines.append(_line("known short forms", report["known_short_forms"]))
    lines += [
        f"  {short}: not {SHORT_FORMS[short]}, but {found}"
        for short, found in report["missed_short_forms"].items()
    ]
    for name, row in report.get("peers", {}).items():
        times = f"p50 {row['p50_ms']}, CPU {row['cpu_p50_ms']}, p99 {row['p99_ms']} ms"
        lines.append(f"{name:44}{row['first']:9.3f}  {times}, {row['asked']} questions")
    return "\n".join(lines)


def _line(what: str, row: Mapping[str, Any]) -> str:
    shares = "".join(f"{row[n]:9.3f}" for n in ("first", "first_or_tied", "in_five"))
    times = "".join(f"{row[n]:9.2f}" for n in ("p50_ms", "cpu_p50_ms", "p99_ms"))
    return f"{what:44}{shares}{row['tied']:9.1f}{times}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(prog="python -m matching.benchmarks.organisations")
    parser.add_argument("seeds", type=Path, help="directory with the lists of names")
    parser.add_argument("--names", type=int, default=1_000_000)
    parser.add_argument("--asked", type=int, default=1000, help="of each kind")
    parser.add_argument("--peers", type=int, default=200, help="0 leaves peers out")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    report = bench(
        options.seeds,
        names=options.names,
        asked=options.asked,
        peers=options.peers,
        seed=options.seed,
    )
    text = json.dumps(report, ensure_ascii=False) if options.json else _table(report)
    sys.stdout.write(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
