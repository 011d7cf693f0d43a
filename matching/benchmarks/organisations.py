"""Measure how well and how quickly an organisation is found by its name.

``python -m matching.benchmarks.organisations SEEDS_DIR [--names 1000000] [--json]``
makes the names, asks for them in other words, and asks RapidFuzz and tantivy the same
in turn.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
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
    SHORTENINGS,
    Name,
    Way,
    make_names,
    questions,
    read_counts,
)
from matching.benchmarks.known_short_forms import SHORT_FORMS, UNSEEN_SHORT_FORMS
from matching.organisations.index import NameIndex, Organisation, warm
from matching.organisations.well_known import WELL_KNOWN
from matching.organisations.words import name_key

_SHOWN: Final = 5
_TIED: Final = 200
"""Answers among which the right one may be tied with the first."""
_SHARE_OF_REAL: Final = 0.3
_NEAREST: Final = 50
"""Names that tantivy hands on to RapidFuzz."""


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody wrote, and the numbers of the names that may be meant.

    `fitting` says how many names are written so in this way, if that was counted.
    """

    text: str
    meant: frozenset[int]
    fitting: int = 0


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


def counted(
    asked: Sequence[Question], names: Sequence[Name], way: Way
) -> list[Question]:
    """Count for each question how many names are written so in this way.

    Of a question that fits several names nothing says which one is meant.
    """
    random = Random(0)  # noqa: S311 (nothing secret)
    wanted = {name_key(question.text) for question in asked}
    written = (name_key(way(name, random)) for name in names)
    fitting = Counter(text for text in written if text in wanted)
    return [replace(q, fitting=fitting[name_key(q.text)]) for q in asked]


def score(index: NameIndex, asked: Sequence[Question]) -> dict[str, Any]:
    """Ask the index and count.

    Returns
    -------
    dict
        ``asked``; ``first``, the share of which the right name is the first answer;
        ``first_or_tied``, the share of which it is as similar as the first and among
        the first two hundred; ``in_five``; ``first_of_sole``, the share of which the
        right name is the first answer, of those questions that one name only fits, None
        if that was not counted; ``tied``, mean number of answers as similar
        as the first; ``p50_ms``, ``p99_ms`` and ``cpu_p50_ms`` of `search` with five
        answers.
    """
    seconds: list[float] = []
    worked: list[float] = []
    firsts, ties, fives, tied = 0, 0, 0, 0
    of_sole: list[bool] = []
    for question in asked:
        began, before = perf_counter(), process_time()
        index.search(question.text, _SHOWN)
        worked.append(process_time() - before)
        seconds.append(perf_counter() - began)
        hits = index.search(question.text, _TIED)
        meant = {str(number) for number in question.meant}
        equal = [hit.id for hit in hits if hit.similarity == hits[0].similarity]
        firsts += bool(hits) and hits[0].id in meant
        if question.fitting == 1:
            of_sole.append(bool(hits) and hits[0].id in meant)
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
        "first_of_sole": round(fmean(of_sole), 4) if of_sole else None,
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
        ``missed_short_forms`` and ``peers``. The known short forms are asked of three
        indexes: by rules alone; as the library is shipped; and with how often each
        organisation is named, too. What the shipped table has does not count as a test,
        but once, by rules alone.
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
    for what, way in DAMAGES["dropped"].items():
        if what != "without legal form":  # 公司 may be put in its place, by chance.
            question = f"dropped: {what}"
            damaged[question] = counted(damaged[question], made, way)
    short = {what: counted(short[what], made, w) for what, w in SHORTENINGS.items()}
    for title, groups in (("damaged", damaged), ("shortened", short)):
        report[title] = {what: score(index, group) for what, group in groups.items()}
        everything = [question for group in groups.values() for question in group]
        report[title]["together"] = score(index, everything)
    report["known_short_forms"], report["missed_short_forms"] = _known(
        index, made, read_counts(directory)
    )
    if peers:
        report["peers"] = _peers(index, made, damaged, peers)
    return report


def _known(
    shipped: NameIndex, made: Sequence[Name], counts: Mapping[str, int]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Ask known short forms; return scores, and what was missed of the first list."""
    numbers = {name.text: at for at, name in enumerate(made)}
    every: dict[str, list[Question]] = {}
    lists = {"seen": SHORT_FORMS, "unseen": UNSEEN_SHORT_FORMS}
    for title, pairs in lists.items():
        fulls = {short: full.split("|") for short, full in pairs.items()}
        every[title] = [
            Question(short, frozenset(numbers[f] for f in names if f in numbers))
            for short, names in fulls.items()
            if names[0] in numbers
        ]
    in_table = {form for forms in WELL_KNOWN.values() for form in forms}
    tested = {
        title: [question for question in asked if question.text not in in_table]
        for title, asked in every.items()
    }
    plain = NameIndex.build(
        ((str(at), name.text) for at, name in enumerate(made)),
        short_forms={},
        prominent={},
    )
    found = {f"{title}, rules, all": score(plain, every[title]) for title in every}
    found |= {f"{title}, rules": score(plain, tested[title]) for title in every}
    found |= {f"{title}, as shipped": score(shipped, tested[title]) for title in every}
    weighed = NameIndex.build(
        Organisation(str(at), name.text, (), counts.get(name.text, 0))
        for at, name in enumerate(made)
    )
    found |= {f"{title}, with counts": score(weighed, tested[title]) for title in every}
    missed = {
        question.text: weighed.search(question.text, 1)[0].name
        for question in every["seen"]
        if score(weighed, [question])["first"] < 1
    }
    return found, missed


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
    heads = ("first", "or tied", "in five", "of sole", "tied", "p50", "CPU", "p99")
    size = f"{report['names']:,} names, {report['bytes_per_name']} bytes a name"
    took = f"{report['build_seconds']} s, CPU {report['build_cpu_seconds']} s"
    lines = [f"{size}, built in {took}; times in ms"]
    lines.append(" " * 44 + "".join(f"{head:>9}" for head in heads))
    for title in ("damaged", "shortened"):
        lines += [_line(what, row) for what, row in report[title].items()]
        lines.append("")
    for what, row in report["known_short_forms"].items():
        lines.append(_line(f"known short forms: {what}", row))
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
    sole = row["first_of_sole"]
    shares += " " * 9 if sole is None else f"{sole:9.3f}"
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
