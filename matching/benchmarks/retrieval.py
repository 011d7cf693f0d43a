"""Measure the retrieval core beside its peers on a grown corpus.

``python -m matching.benchmarks.retrieval CORPUS_DIR [--documents 100000 400000]
[--peers …] [--exact 10000] [--batch 20000] [--growth SIZE… [--plot FILE.svg]]
[--json]``

CORPUS_DIR comes from ``python -m matching.benchmarks.grown``; the first so many of its
documents are taken, so one corpus serves for all sizes. Every engine gets the same
words and the same queries as numbers. Engines are asked in turn, all queries of a round
one after another, round by round; the time of a query is its median over the rounds. A
slow engine is asked only a few of the queries. The time of ours starts with the words
of the query: looking up their weights belongs to it.
"""

import argparse
import gc
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from matching import kernels, scan
from matching.benchmarks import plots
from matching.benchmarks.grown import Bags, Grown
from matching.errors import MatchingError

PEERS: Final = ("bm25s", "tantivy", "sklearn", "sparse_dot_topn")
SLOW: Final = {"sklearn": 10, "sparse_dot_topn": 5, "ours without numba": 5}
"""Engines that are asked only one in so many of the queries."""
TOP: Final = 10
TIE: Final = 1e-6
"""Scores that differ by less, relatively, may change places."""

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Setting:
    """What every engine gets."""

    documents: Bags
    features: npt.NDArray[np.uint64]
    words: list[str]

    def csr(self, data: npt.NDArray[Any]) -> Any:
        """Return documents by words as a sparse matrix of scipy."""
        sparse = import_module("scipy.sparse")
        return sparse.csr_matrix(
            (data, self.documents.words, self.documents.bounds),
            shape=(len(self.documents), len(self.words)),
        )


class Asked(Protocol):
    """What is timed."""

    @property
    def name(self) -> str:
        """What it is called in the table."""
        ...

    def ask(self, words: Any, counts: Any) -> Any:
        """Return the best documents of a query."""
        ...


class Engine(Asked, Protocol):
    """What is measured."""

    def build(self) -> int:
        """Index the corpus; return the bytes of the index, 0 if it is not known."""
        ...


class Ours:
    """Blocks of posting lists, exhaustively walked and exactly rescored."""

    name = "ours"

    def __init__(self, setting: Setting) -> None:
        self.setting = setting

    def build(self) -> int:
        """Lay out the blocks."""
        documents = self.setting.documents
        n = len(documents)
        owners = np.repeat(np.arange(n), np.diff(documents.bounds))
        logs = scan.LOGS[documents.counts]
        norms = np.sqrt(np.bincount(owners, logs**2, minlength=n))
        norms[norms == 0] = 1.0
        blocks = []
        for first in range(0, n, scan.BLOCK):
            last = min(first + scan.BLOCK, n)
            mine = slice(documents.bounds[first], documents.bounds[last])
            blocks.append(
                scan.Block.of(
                    owners[mine] - first,
                    self.setting.features[documents.words[mine]],
                    documents.counts[mine],
                    norms[first:last],
                )
            )
        self.shelf = scan.Shelf(blocks)
        self.norms = norms
        frequencies = np.bincount(documents.words, minlength=len(self.setting.words))
        # The squared inverse document frequency, as `matching.views` weighs words.
        self.weights = (np.log((1 + n) / (1 + frequencies)) + 1) ** 2
        return sum(block.nbytes for block in blocks)

    def pair(self, words: Any, counts: Any) -> scan.Pair:
        """Return the features of a query and their weights."""
        return (
            self.setting.features[words],
            scan.LOGS[counts] * self.weights[words],
        )

    def ask(self, words: Any, counts: Any) -> Numbers:
        """Return the best documents."""
        found = scan.top(self.shelf, *self.pair(words, counts), TOP)
        return (found.blocks << 16) + found.ids


class Plain(Ours):
    """The same without numba."""

    name = "ours without numba"

    def __init__(self, ours: Ours) -> None:
        super().__init__(ours.setting)
        self.ours = ours

    def build(self) -> int:
        """Take the blocks that are there."""
        self.shelf, self.weights = self.ours.shelf, self.ours.weights
        return 0

    def ask(self, words: Any, counts: Any) -> Numbers:
        """Return the best documents."""
        with kernels.without():
            return super().ask(words, counts)


class Bm25s:
    """bm25s with its numba backend."""

    name = "bm25s"

    def __init__(self, setting: Setting) -> None:
        self.setting = setting

    def build(self) -> int:
        """Index the words."""
        documents = self.setting.documents
        running = np.repeat(documents.words, documents.counts)
        bounds = np.concatenate(([0], np.cumsum(documents.counts, dtype=np.int64)))
        ends = bounds[documents.bounds]
        ids = [running[ends[i] : ends[i + 1]].tolist() for i in range(len(documents))]
        vocabulary = {word: number for number, word in enumerate(self.setting.words)}
        self.index = import_module("bm25s").BM25(backend="numba")
        self.index.index((ids, vocabulary), show_progress=False)
        self.index.vocab_dict = {}
        scores = self.index.scores
        return sum(int(scores[name].nbytes) for name in ("data", "indices", "indptr"))

    def ask(self, words: Any, counts: Any) -> Any:
        """Retrieve."""
        query = np.repeat(words, counts).tolist()
        return self.index.retrieve([query], k=TOP, show_progress=False)


class Tantivy:
    """tantivy over the same words, separated by blanks."""

    name = "tantivy"

    def __init__(self, setting: Setting) -> None:
        self.setting = setting

    def build(self) -> int:
        """Index the words in memory."""
        self.module = import_module("tantivy")
        builder = self.module.SchemaBuilder()
        builder.add_text_field("body", tokenizer_name="whitespace")
        index = self.module.Index(builder.build())
        writer = index.writer(200_000_000)
        words, documents = self.setting.words, self.setting.documents
        for number in range(len(documents)):
            mine, counts = documents[number]
            running = np.repeat(mine, counts).tolist()
            text = " ".join([words[word] for word in running])
            writer.add_document(self.module.Document(body=[text]))
        writer.commit()
        writer.wait_merging_threads()
        index.reload()
        self.index, self.searcher = index, index.searcher()
        return 0

    def ask(self, words: Any, counts: Any) -> Any:  # noqa: ARG002
        """Search; a query names each word once."""
        names = self.setting.words
        text = " ".join([names[word] for word in words.tolist()])
        parsed = self.index.parse_query(text, ["body"])
        return self.searcher.search(parsed, TOP, count=False).hits


class Sklearn:
    """scikit-learn: sub-linear TF-IDF, one sparse product for a query."""

    name = "sklearn"

    def __init__(self, setting: Setting) -> None:
        self.setting = setting

    def build(self) -> int:
        """Weigh the counts."""
        self.sparse = import_module("scipy.sparse")
        module = import_module("sklearn.feature_extraction.text")
        self.weigher = module.TfidfTransformer(sublinear_tf=True)
        counts = self.setting.csr(self.setting.documents.counts.astype(np.float64))
        self.matrix = self.weigher.fit_transform(counts)
        parts = (self.matrix.data, self.matrix.indices, self.matrix.indptr)
        return sum(int(part.nbytes) for part in parts)

    def vector(self, words: Any, counts: Any) -> Any:
        """Weigh a query."""
        row = self.sparse.csr_matrix(
            (counts.astype(np.float64), words, [0, len(words)]),
            shape=(1, self.matrix.shape[1]),
        )
        return self.weigher.transform(row)

    def ask(self, words: Any, counts: Any) -> Any:
        """Multiply and select."""
        scores = (self.matrix @ self.vector(words, counts).T).toarray().ravel()
        best = np.argpartition(-scores, TOP)[:TOP]
        return best[np.argsort(-scores[best], kind="stable")]


class SparseDotTopn(Sklearn):
    """sparse_dot_topn over the matrix of scikit-learn."""

    name = "sparse_dot_topn"

    def build(self) -> int:
        """Weigh the counts and turn the matrix."""
        size = super().build()
        self.product = import_module("sparse_dot_topn").sp_matmul_topn
        self.turned = self.matrix.T.tocsr()
        del self.matrix
        return size

    def vector(self, words: Any, counts: Any) -> Any:
        """Weigh a query."""
        row = self.sparse.csr_matrix(
            (counts.astype(np.float64), words, [0, len(words)]),
            shape=(1, self.turned.shape[0]),
        )
        return self.weigher.transform(row)

    def ask(self, words: Any, counts: Any) -> Any:
        """Multiply and keep the best."""
        return self.product(
            self.vector(words, counts), self.turned, top_n=TOP, sort=True
        )


_CLASSES: Final[Mapping[str, Callable[[Setting], Engine]]] = {
    "bm25s": Bm25s,
    "tantivy": Tantivy,
    "sklearn": Sklearn,
    "sparse_dot_topn": SparseDotTopn,
}


def queries_of(bags: Bags, known: int, limit: int) -> list[tuple[Any, Any]]:
    """Take queries out of their bags; only words that any engine may know."""
    taken = []
    for number in range(min(limit, len(bags))):
        words, counts = bags[number]
        kept = words < known
        taken.append((np.array(words[kept]), np.array(counts[kept], np.int64)))
    return taken


def measure(
    engines: Sequence[Asked], queries: Sequence[tuple[Any, Any]], rounds: int
) -> dict[str, dict[str, float]]:
    """Ask in turn; return milliseconds by engine.

    Returns
    -------
    dict of dict
        ``p50``, ``p99``, ``p99_p50``, ``mean``, ``cpu`` (mean of CPU time), ``asked``.
    """
    walls: dict[str, list[list[float]]] = {engine.name: [] for engine in engines}
    cpus: dict[str, list[float]] = {engine.name: [] for engine in engines}
    for _ in range(rounds):
        for engine in engines:
            mine = queries[:: SLOW.get(engine.name, 1)]
            for words, counts in mine[:3]:
                engine.ask(words, counts)
            times = []
            cpu = process_time()
            for words, counts in mine:
                start = perf_counter()
                engine.ask(words, counts)
                times.append(perf_counter() - start)
            cpus[engine.name].append((process_time() - cpu) / len(mine))
            walls[engine.name].append(times)
    rows = {}
    for engine in engines:
        times = np.median(np.array(walls[engine.name]), axis=0) * 1000
        p50, p99 = np.percentile(times, [50, 99])
        rows[engine.name] = {
            "p50": float(p50),
            "p99": float(p99),
            "p99_p50": float(p99 / p50),
            "mean": float(times.mean()),
            "cpu": float(np.median(cpus[engine.name]) * 1000),
            "asked": len(times),
        }
    return rows


def check(ours: Ours, queries: Sequence[tuple[Any, Any]]) -> dict[str, Any]:
    """Compare the first ten with a product of float64 matrices.

    Returns
    -------
    dict
        ``queries``, ``different`` (other documents, or another order, where scores
        differ by more than 1e-6 of the score), ``ties`` (another order of scores closer
        than that), ``greatest_error`` (relative, of a score).
    """
    sparse = import_module("scipy.sparse")
    documents = ours.setting.documents
    owners = np.repeat(np.arange(len(documents)), np.diff(documents.bounds))
    values = scan.LOGS[documents.counts] / ours.norms[owners]
    turned = ours.setting.csr(values).T.tocsr()
    different = ties = 0
    error = 0.0
    for first in range(0, len(queries), 50):
        part = queries[first : first + 50]
        sizes = [len(words) for words, _ in part]
        weights = [ours.pair(*query)[1] for query in part]
        matrix = sparse.csr_matrix(
            (
                np.concatenate(weights),
                np.concatenate([words for words, _ in part]),
                np.concatenate(([0], np.cumsum(sizes))),
            ),
            shape=(len(part), turned.shape[0]),
        )
        product = matrix @ turned
        found = scan.top_many(ours.shelf, [ours.pair(*q) for q in part], TOP)
        for row, answer in enumerate(found):
            mine = slice(product.indptr[row], product.indptr[row + 1])
            docs, scores = product.indices[mine], product.data[mine]
            cut = np.partition(scores, -TOP)[-TOP] if len(scores) > TOP else 0.0
            kept = scores >= cut * (1 - TIE)
            docs, scores = docs[kept], scores[kept]
            order = np.lexsort((docs, -scores))[:TOP]
            best, expected = docs[order], scores[order]
            places = (answer.blocks << 16) + answer.ids
            if len(places) != len(best):
                different += 1
                continue
            gaps = np.abs(answer.scores - expected) / expected
            error = max(error, float(gaps.max(initial=0.0)))
            if np.array_equal(places, best):
                continue
            truth = dict(zip(docs.tolist(), scores.tolist(), strict=True))
            level = [truth.get(place, 0.0) for place in places.tolist()]
            if np.allclose(level, expected, rtol=TIE, atol=0):
                ties += 1
            else:
                different += 1
    return {
        "queries": len(queries),
        "different": different,
        "ties": ties,
        "greatest_error": error,
    }


def batch(
    setting: Setting,
    ours: Ours,
    queries: Sequence[tuple[Any, Any]],
    threads: int,
    rounds: int,
) -> dict[str, float]:
    """Answer many queries at once, beside sparse_dot_topn; seconds, medians."""
    sparse = import_module("scipy.sparse")
    product = import_module("sparse_dot_topn").sp_matmul_topn
    peer = SparseDotTopn(setting)
    peer.build()
    matrix = sparse.vstack([peer.vector(*query) for query in queries]).tocsr()
    walls: dict[str, list[float]] = {"ours": [], "sparse_dot_topn": []}
    for _ in range(rounds):
        start = perf_counter()
        pairs = [ours.pair(*query) for query in queries]
        scan.top_many(ours.shelf, pairs, TOP, threads=threads)
        walls["ours"].append(perf_counter() - start)
        start = perf_counter()
        product(matrix, peer.turned, top_n=TOP, sort=True, n_threads=threads)
        walls["sparse_dot_topn"].append(perf_counter() - start)
    seconds = {name: float(np.median(times)) for name, times in walls.items()}
    return seconds | {
        "queries": len(queries),
        "threads": threads,
        "ratio": seconds["ours"] / seconds["sparse_dot_topn"],
    }


def growth(
    grown: Grown, sizes: Sequence[int], limit: int, rounds: int
) -> list[dict[str, float]]:
    """Time long queries on ever more documents, beside the postings in their lists."""
    features = grown.features()
    rows = []
    for size in sizes:
        setting = Setting(grown.documents.first(size), features, grown.words)
        ours = Ours(setting)
        ours.build()
        queries = queries_of(grown.long, len(grown.words), limit)
        tally = scan.tally()
        for query in queries:
            ours.ask(*query)
        spent = scan.tally() - tally
        row = measure([ours], queries, rounds)["ours"]
        rows.append(
            {
                "documents": size,
                "p50": row["p50"],
                "mean": row["mean"],
                "postings": float(spent[0] / len(queries)),
                "postings_read": float(spent[1] / len(queries)),
                "ns_a_posting": row["p50"] * 1e6 / float(spent[0] / len(queries)),
            }
        )
    return rows


def plot(rows: Sequence[Mapping[str, float]]) -> str:
    """Draw the time of a query beside the postings in its lists, as SVG."""
    return plots.log_log(
        [
            (row["postings"], row["p50"], f"{int(row['documents']):,} documents")
            for row in rows
        ],
        "postings in the lists of a query (mean)",
        "milliseconds a query (p50)",
        "Long queries: time beside postings",
    )


def bench(
    grown: Grown,
    documents: int,
    peers: Sequence[str],
    *,
    limit: int,
    rounds: int,
    exact: int,
    many: int,
    threads: int,
) -> dict[str, Any]:
    """Measure at one size.

    Raises
    ------
    MatchingError
        When the corpus has fewer documents, or a peer is not known or not installed.
    """
    if documents > len(grown.documents):
        raise MatchingError(f"the corpus has only {len(grown.documents)} documents")
    if unknown := [peer for peer in peers if find_spec(peer) is None]:
        raise MatchingError(f"not installed: {', '.join(unknown)}")
    setting = Setting(grown.documents.first(documents), grown.features(), grown.words)
    ours = Ours(setting)
    engines: list[Engine] = [ours, Plain(ours)]
    engines += [_CLASSES[peer](setting) for peer in peers]
    built = {}
    for engine in engines:
        start = perf_counter()
        size = engine.build()
        built[engine.name] = {
            "build_seconds": perf_counter() - start,
            "bytes_per_document": size / documents,
        }
        gc.collect()
    known = len(grown.words)
    result: dict[str, Any] = {"documents": documents, "built": built}
    for name, bags in (("long", grown.long), ("short", grown.titles)):
        rows = measure(engines, queries_of(bags, known, limit), rounds)
        for row in rows.values():
            row["ours_by_this"] = rows["ours"]["p50"] / row["p50"]
        result[name] = rows
    del engines
    gc.collect()
    if exact:
        queries = queries_of(grown.long, known, exact)
        queries += queries_of(grown.titles, known, (exact - len(queries)) // 2)
        queries += queries_of(grown.passages, known, exact - len(queries))
        result["exact"] = check(ours, queries)
    if many:
        queries = queries_of(grown.passages, known, many)
        result["batch"] = batch(setting, ours, queries, threads, max(1, rounds // 2))
    return result


def _print(result: Mapping[str, Any]) -> None:
    out = sys.stdout
    out.write(f"\n{result['documents']:,} documents\n")
    for name, row in result["built"].items():
        out.write(
            f"  {name:20} built in {row['build_seconds']:.1f} s, "
            f"{row['bytes_per_document']:.0f} bytes a document\n"
        )
    for kind in ("long", "short"):
        out.write(f"  {kind:20} p50 ms  p99 ms  p99/p50  CPU ms  ours/this  asked\n")
        for name, row in result[kind].items():
            out.write(
                f"  {name:20} {row['p50']:6.3f} {row['p99']:7.3f} {row['p99_p50']:8.2f}"
                f" {row['cpu']:7.3f} {row['ours_by_this']:10.4f} {row['asked']:6}\n"
            )
    for kind in ("exact", "batch"):
        if kind in result:
            out.write(f"  {kind}: {json.dumps(result[kind])}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m matching.benchmarks.retrieval")
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--documents", type=int, nargs="*")
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=list(PEERS))
    parser.add_argument("--limit", type=int, default=300, help="queries a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--exact", type=int, default=0, help="queries to check")
    parser.add_argument("--batch", type=int, default=0, help="queries of the batch")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--growth", type=int, nargs="*", default=[])
    parser.add_argument("--plot", type=Path, help="draw the growth", metavar="FILE.svg")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    grown = Grown.open(options.corpus)
    kernels.load()
    results: dict[str, Any] = {"corpus": grown.about, "sizes": []}
    sizes = options.documents
    for size in [len(grown.documents)] if sizes is None else sizes:
        result = bench(
            grown,
            size,
            options.peers,
            limit=options.limit,
            rounds=options.rounds,
            exact=options.exact,
            many=options.batch,
            threads=options.threads,
        )
        results["sizes"].append(result)
        if not options.json:
            _print(result)
    if options.growth:
        results["growth"] = growth(grown, options.growth, options.limit, options.rounds)
        if options.plot is not None:
            options.plot.write_text(plot(results["growth"]), "utf-8")
        for row in [] if options.json else results["growth"]:
            sys.stdout.write(f"  {json.dumps(row)}\n")
    if options.json:
        json.dump(results, sys.stdout, ensure_ascii=False, indent=1)
        sys.stdout.write("\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
