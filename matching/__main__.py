"""The command line: ``python -m matching COMMAND``; ``--help`` lists the commands."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from matching import duplicates, kernels
from matching.ablation import ablate, markdown
from matching.batches import CHUNK
from matching.batches import command as batch_command
from matching.bench import PEERS, bench
from matching.benchmarks import retrieval, whole
from matching.benchmarks.grown import Grown
from matching.corpora import read_postings
from matching.engine import Matcher
from matching.errors import MatchingError, Stopped
from matching.evaluation import evaluate
from matching.examples import of_set, read_examples, write_examples
from matching.learning import learn, summary
from matching.learning import markdown as markdown_report
from matching.organisations import index as organisations
from matching.postings import Filter, Match, Posting
from matching.progress import Bar
from matching.weights import DEFAULT, content, write_new


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        return int(options.run(options))
    except Stopped as stopped:
        print(f"matching: {stopped}", file=sys.stderr)
        return batch_command.STOPPED
    except (MatchingError, OSError, ValueError) as error:
        print(f"matching: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m matching", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")

    command = commands.add_parser("evaluate", help="measure on a judged set")
    command.add_argument("directory", type=Path, metavar="DIR")
    command.add_argument("--queries", type=Path, metavar="FILE")
    command.add_argument("--judged-only", action="store_true")
    command.set_defaults(run=_evaluate)

    command = commands.add_parser("ablate", help="measure what each ingredient brings")
    command.add_argument("directories", type=Path, nargs="*", metavar="DIR")
    command.add_argument(
        "--judged-only", type=Path, action="append", default=[], metavar="DIR"
    )
    command.add_argument("--json", action="store_true")
    command.set_defaults(run=_ablate)

    command = commands.add_parser("build", help="build an index from JSON lines")
    command.add_argument("input", type=Path, metavar="INPUT.jsonl[.gz]")
    command.add_argument("output", type=Path, metavar="OUT/")
    command.add_argument("--weights", default=DEFAULT, metavar="VERSION")
    command.set_defaults(run=_build)

    command = commands.add_parser("rank", help="rank an index for a text")
    command.add_argument("index", type=Path, metavar="INDEX/")
    command.add_argument("--text", required=True)
    command.add_argument("-k", type=int, default=10)
    command.add_argument("--json", action="store_true")
    command.set_defaults(run=_rank)

    command = commands.add_parser("warm", help="compile the kernels, at installation")
    command.set_defaults(run=_warm)

    _match_all_parser(commands)

    command = commands.add_parser("bench", help="measure beside installed peers")
    command.add_argument("directory", type=Path, metavar="DIR")
    command.add_argument("--index", type=Path, help="of a grown corpus", metavar="I/")
    command.add_argument("--rounds", type=int, default=5)
    command.add_argument("--peers", default=",".join(PEERS))
    command.add_argument("--limit", type=int, default=300, metavar="QUERIES")
    command.add_argument("--json", action="store_true")
    command.set_defaults(run=_bench)

    _add_learning(commands)
    return parser


def _add_learning(commands: Any) -> None:
    command = commands.add_parser("examples", help="take graded pairs of judged sets")
    command.add_argument("directories", type=Path, nargs="*", metavar="DIR")
    command.add_argument(
        "--judged-only", type=Path, action="append", default=[], metavar="DIR"
    )
    command.add_argument("--least-grade", type=float, default=0.0, metavar="GRADE")
    command.add_argument("--weights", default=DEFAULT, metavar="VERSION")
    command.add_argument("--out", type=Path, required=True, metavar="EXAMPLES.jsonl")
    command.set_defaults(run=_examples)

    command = commands.add_parser("fit", help="fit the score to graded pairs")
    command.add_argument("examples", type=Path, nargs="+", metavar="EXAMPLES.jsonl")
    command.add_argument("--base", default=DEFAULT, metavar="VERSION")
    command.add_argument("--folder", type=Path, help="where the base lies", metavar="F")
    command.add_argument(
        "--check", type=Path, action="append", default=[], metavar="EXAMPLES.jsonl"
    )
    command.add_argument("--date", help="kept in the file", metavar="YYYY-MM-DD")
    command.add_argument("--out", type=Path, required=True, metavar="VERSION.json")
    command.add_argument("--report", type=Path, required=True, metavar="REPORT.json")
    command.add_argument(
        "--keep-shares", action="store_true", help="fit the calibration only"
    )
    command.set_defaults(run=_fit)

    command = commands.add_parser("report", help="show the report of a fit as tables")
    command.add_argument("report", type=Path, metavar="REPORT.json")
    command.set_defaults(run=_report)


def _match_all_parser(commands: Any) -> None:
    parser = commands.add_parser("match-all", help="rank for every line of a file")
    parser.add_argument("index", type=Path, metavar="INDEX/")
    parser.add_argument("needs", type=Path, metavar="NEEDS.jsonl[.gz]")
    parser.add_argument("output", type=Path, metavar="OUT/")
    parser.add_argument("-k", type=int, default=10)
    parser.add_argument("--kind", action="append", metavar="KIND")
    parser.add_argument("--max-tier", type=int, metavar="TIER")
    parser.add_argument("--chunk", type=int, default=CHUNK, metavar="ROWS")
    parser.add_argument("--workers", type=int, metavar="PROCESSES")
    parser.add_argument("--scheduler", metavar="tcp://HOST:PORT")
    parser.set_defaults(run=_match_all)


def _match_all(options: argparse.Namespace) -> int:
    began = perf_counter()
    result = batch_command.run(
        options.index,
        options.needs,
        options.output,
        workers=options.workers,
        scheduler=options.scheduler,
        k=options.k,
        where=Filter(kind=options.kind, max_tier=options.max_tier),
        chunk=options.chunk,
    )
    seconds = round(perf_counter() - began, 3)
    _print({**result.to_dict(), "seconds": seconds})
    return 0


def _print(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False))


def _evaluate(options: argparse.Namespace) -> int:
    report = evaluate(
        options.directory, queries=options.queries, judged_only=options.judged_only
    )
    _print(report)
    return 0


def _ablate(options: argparse.Namespace) -> int:
    sets = dict.fromkeys(options.directories, False)
    sets |= dict.fromkeys(options.judged_only, True)
    if not sets:
        raise ValueError("name at least one folder with an evaluation set")

    def progress(directory: str, ingredient: str) -> None:
        print(f"{directory}: without {ingredient or 'nothing'}", file=sys.stderr)

    table = ablate(sets, progress=progress)
    if options.json:
        _print(table)
    else:
        print(markdown(table))
    return 0


def _build(options: argparse.Namespace) -> int:
    began = perf_counter()
    bar = Bar(options.input.stat().st_size)
    postings = read_postings(options.input, bar.update)
    matcher = Matcher.build(postings, weights=options.weights)
    size = matcher.save(options.output)
    bar.finish(len(matcher))
    seconds = round(perf_counter() - began, 3)
    _print({"documents": len(matcher), "seconds": seconds, "bytes": size})
    return 0


def _rank(options: argparse.Namespace) -> int:
    matcher = Matcher.open(options.index)
    matches = matcher.rank(Posting(id="query", text=options.text), options.k)
    if options.json:
        _print([match.to_dict() for match in matches])
        return 0
    if not matches:
        print("no posting shares a word with this text")
    for rank, match in enumerate(matches, start=1):
        posting = matcher.get(match.id)
        _show(rank, match, posting.title or posting.text[:40] if posting else "")
    return 0


def _show(rank: int, match: Match, title: str) -> None:
    print(f"{rank:>3}. {match.id}  {match.band}  {match.score:.3f}  {title}")
    parts = (f"{k} {v:.2f}" for k, v in match.parts.items() if v is not None)
    print(f"     parts: {', '.join(parts)}")
    terms = (f"{term.text} {term.weight:.2f}" for term in match.terms)
    print(f"     terms: {', '.join(terms)}")
    for verdict in match.indicators:
        claimed = verdict.claimed.text if verdict.claimed else "-"
        required = verdict.required
        print(f"     {verdict.kind}: {required.name} {required.text} <- {claimed}")


def _warm(_: argparse.Namespace) -> int:
    if not kernels.installed():
        print("numba is not installed: NumPy answers; pip install jiebang[speed]")
        return 0
    began = perf_counter()
    kernels.warm()
    organisations.warm()
    duplicates.warm()
    print(f"kernels ready in {perf_counter() - began:.1f} s")
    return 0


def _bench_grown(options: argparse.Namespace, peers: Sequence[str]) -> int:
    """Measure retrieval and the whole engine on a corpus of `benchmarks.grown`."""
    if options.index is None:
        raise ValueError("a grown corpus needs --index, a folder for its index")
    grown = Grown.open(options.directory)
    documents = len(grown.documents)
    kernels.load()
    report = {
        "retrieval": retrieval.bench(
            grown,
            documents,
            peers,
            limit=options.limit,
            rounds=options.rounds,
            exact=10_000,
            many=20_000,
            threads=2,
        ),
        "whole": whole.measure(
            grown, options.index, documents, limit=options.limit, rounds=options.rounds
        ),
    }
    print(json.dumps(report, ensure_ascii=False, indent=None if options.json else 1))
    return 0


def _bench(options: argparse.Namespace) -> int:
    peers = [peer for peer in options.peers.split(",") if peer]
    if (options.directory / "about.json").exists():
        return _bench_grown(options, peers)
    report = bench(options.directory, peers, limit=options.limit)
    if options.json:
        _print(report)
        return 0
    columns = [name for name in report["engines"][0] if name != "engine"]
    print(f"{'engine':<24}" + "".join(f"{name:>20}" for name in columns))
    for row in report["engines"]:
        cells = "".join(
            f"{row[name] if row[name] is not None else '-':>20}" for name in columns
        )
        print(f"{row['engine']:<24}{cells}")
    if report["left_out"]:
        print(f"not installed, left out: {', '.join(report['left_out'])}")
    return 0


def _examples(options: argparse.Namespace) -> int:
    sets = dict.fromkeys(options.directories, False)
    sets |= dict.fromkeys(options.judged_only, True)
    if not sets:
        raise ValueError("name at least one folder with an evaluation set")
    count = write_examples(
        options.out,
        (
            example
            for directory, judged_only in sets.items()
            for example in of_set(
                directory,
                least_grade=options.least_grade,
                judged_only=judged_only,
                weights=options.weights,
            )
        ),
    )
    _print({"examples": count})
    return 0


def _fit(options: argparse.Namespace) -> int:
    for path in (options.out, options.report):
        if path.exists():
            raise ValueError(f"{path} is there already and is not written over")
    names = " ".join(path.name for path in options.examples)
    found = learn(
        (example for path in options.examples for example in read_examples(path)),
        content(options.base, options.folder),
        options.base,
        check=(example for path in options.check for example in read_examples(path)),
        keep_shares=options.keep_shares,
        date=options.date,
        command=f"python -m matching fit {names} --base {options.base}"
        + (" --keep-shares" if options.keep_shares else ""),
    )
    write_new(options.report, found.report)
    if found.content is not None:
        write_new(options.out, found.content)
    print("\n".join(summary(found.report)))
    return 0 if found.content is not None else 1


def _report(options: argparse.Namespace) -> int:
    print(markdown_report(json.loads(options.report.read_text(encoding="utf-8"))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
