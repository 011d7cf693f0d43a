"""Measure this engine and its peers side by side, on the same tokens and queries.

Only peers that are installed take part; the others are named as left out. Engines are
asked in turn, query by query and round by round, so that a busy machine slows them all.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from math import log1p
from pathlib import Path
from statistics import fmean
from time import perf_counter, process_time
from typing import Any, Final, Protocol

import numpy as np

from matching.building import features_of
from matching.corpora import Corpus
from matching.engine import Matcher
from matching.evaluation import ndcg
from matching.postings import Posting
from matching.segments import TOKEN_KINDS
from matching.tokens import are_of
from matching.weights import load

PEERS: Final = ("bm25s", "tantivy", "sklearn", "sparse_dot_topn")
_ROUNDS: Final = 3
_TOP: Final = 10
_CHECKED: Final = 50
"""Queries whose ranking is compared with brute force."""

Tokens = list[list[str]]


class Engine(Protocol):
    """What is measured."""

    name: str

    def build(self) -> int:
        """Index the corpus; return the bytes of the index."""
        ...

    def ask(self, query: int) -> list[int]:
        """Return the numbers of the best documents for a query."""
        ...

    def exact(self, query: int) -> list[int]:
        """Return the same by brute force."""
        ...


@dataclass(slots=True)
class Texts:
    """A corpus and its queries, as postings and as tokens that every engine shares."""

    documents: list[Posting]
    queries: list[Posting]
    document_tokens: Tokens
    query_tokens: Tokens


def tokens_of(posting: Posting) -> list[str]:
    """Return words, bigrams, stems and codes as strings, as often as they count."""
    features, counts = features_of(posting, load().fields)
    mine = are_of(features, TOKEN_KINDS)
    pairs = zip(features[mine].tolist(), counts[mine].tolist(), strict=True)
    return [f"{feature:x}" for feature, count in pairs for _ in range(count)]


class Own:
    """Our engine: the whole ranking, explanation of all ten matches included."""

    name = "jiebang"

    def __init__(self, texts: Texts, *, explain: int) -> None:
        self.texts = texts
        self.explain = explain
        self.name = "jiebang" if explain else "jiebang, not explained"
        self.numbers = {p.id: i for i, p in enumerate(texts.documents)}

    def build(self) -> int:
        """Index the corpus."""
        self.matcher = Matcher.build(self.texts.documents)
        return self.matcher.nbytes

    def ask(self, query: int) -> list[int]:
        """Rank for a query."""
        posting = self.texts.queries[query]
        matches = self.matcher.rank(posting, _TOP, explain=self.explain)
        return [self.numbers[match.id] for match in matches]

    def exact(self, query: int) -> list[int]:
        """Rank every document, without stopping early."""
        posting = self.texts.queries[query]
        matches = self.matcher.rank(posting, max(len(self.matcher), 1), explain=0)
        return [self.numbers[match.id] for match in matches[:_TOP]]


class Sklearn:
    """scikit-learn: sub-linear TF-IDF, one sparse product for a query."""

    name = "sklearn"

    def __init__(self, texts: Texts) -> None:
        self.texts = texts

    def build(self) -> int:
        """Fit the vectoriser."""
        module = import_module("sklearn.feature_extraction.text")
        self.vectoriser = module.TfidfVectorizer(analyzer=_same, sublinear_tf=True)
        self.matrix = self.vectoriser.fit_transform(self.texts.document_tokens)
        parts = (self.matrix.data, self.matrix.indices, self.matrix.indptr)
        return sum(int(part.nbytes) for part in parts)

    def ask(self, query: int) -> list[int]:
        """Multiply and select."""
        vector = self.vectoriser.transform([self.texts.query_tokens[query]])
        return _best((self.matrix @ vector.T).toarray().ravel())

    def exact(self, query: int) -> list[int]:
        """Sum in plain Python floats, term by term."""
        vector = self.vectoriser.transform([self.texts.query_tokens[query]])
        dense = np.zeros(self.matrix.shape[1])
        dense[vector.indices] = vector.data
        return _best(self.matrix @ dense)


class SparseDotTopn(Sklearn):
    """sparse_dot_topn over the matrix of scikit-learn."""

    name = "sparse_dot_topn"

    def build(self) -> int:
        """Fit the vectoriser and turn the matrix."""
        size = super().build()
        self.product = import_module("sparse_dot_topn").sp_matmul_topn
        self.turned = self.matrix.T.tocsr()
        return size

    def ask(self, query: int) -> list[int]:
        """Multiply and keep the best."""
        vector = self.vectoriser.transform([self.texts.query_tokens[query]])
        best = self.product(vector, self.turned, top_n=_TOP, sort=True)
        return [int(number) for number in best.indices]


class Bm25s:
    """bm25s with its defaults."""

    name = "bm25s"

    def __init__(self, texts: Texts) -> None:
        self.texts = texts

    def build(self) -> int:
        """Index the tokens."""
        self.index = import_module("bm25s").BM25()
        self.index.index(self.texts.document_tokens, show_progress=False)
        scores = self.index.scores
        return sum(int(scores[name].nbytes) for name in ("data", "indices", "indptr"))

    def ask(self, query: int) -> list[int]:
        """Retrieve."""
        found, _ = self.index.retrieve(
            [self.texts.query_tokens[query]],
            k=min(_TOP, len(self.texts.documents)),
            show_progress=False,
        )
        return [int(number) for number in found[0]]

    def exact(self, query: int) -> list[int]:
        """Score every document by the formula."""
        return _brute_bm25(self.texts, query, k1=1.5, b=0.75)


class Tantivy:
    """tantivy with whitespace tokens, so that it sees the same tokens."""

    name = "tantivy"

    def __init__(self, texts: Texts) -> None:
        self.texts = texts

    def build(self) -> int:
        """Index the tokens in memory."""
        self.module = import_module("tantivy")
        builder = self.module.SchemaBuilder()
        builder.add_integer_field("number", stored=True)
        builder.add_text_field("body", tokenizer_name="whitespace")
        index = self.module.Index(builder.build())
        writer = index.writer()
        for number, tokens in enumerate(self.texts.document_tokens):
            writer.add_document(
                self.module.Document(number=number, body=[" ".join(tokens)])
            )
        writer.commit()
        index.reload()
        self.index, self.searcher = index, index.searcher()
        return 0

    def ask(self, query: int) -> list[int]:
        """Search."""
        text = " ".join(dict.fromkeys(self.texts.query_tokens[query]))
        parsed = self.index.parse_query(text, ["body"])
        hits = self.searcher.search(parsed, _TOP).hits
        return [int(self.searcher.doc(at)["number"][0]) for _, at in hits]

    def exact(self, query: int) -> list[int]:
        """Score every document by the formula."""
        return _brute_bm25(self.texts, query, k1=1.2, b=0.75)


_CLASSES: Final[Mapping[str, Callable[[Texts], Engine]]] = {
    "bm25s": Bm25s,
    "tantivy": Tantivy,
    "sklearn": Sklearn,
    "sparse_dot_topn": SparseDotTopn,
}


def _same(tokens: list[str]) -> list[str]:
    return tokens


def _best(scores: Any) -> list[int]:
    order = np.lexsort((np.arange(len(scores)), -np.asarray(scores).round(9)))
    return [int(number) for number in order[:_TOP] if scores[number] > 0]


def _brute_bm25(texts: Texts, query: int, *, k1: float, b: float) -> list[int]:
    wanted = set(texts.query_tokens[query])
    bags = [
        {token: tokens.count(token) for token in wanted.intersection(tokens)}
        for tokens in texts.document_tokens
    ]
    lengths = [len(tokens) for tokens in texts.document_tokens]
    average = fmean(lengths)
    scores = np.zeros(len(bags))
    for token in sorted(wanted):
        df = sum(token in bag for bag in bags)
        idf = log1p((len(bags) - df + 0.5) / (df + 0.5))
        for number, bag in enumerate(bags):
            if tf := bag.get(token, 0):
                norm = k1 * (1 - b + b * lengths[number] / average)
                scores[number] += idf * tf / (tf + norm)
    return _best(scores)


def bench(directory: Path, peers: Sequence[str], *, limit: int = 300) -> dict[str, Any]:
    """Measure this engine and the installed peers on an evaluation set.

    Parameters
    ----------
    directory : Path
    peers : sequence of str
        Some of `PEERS`.
    limit : int, default=300
        Queries asked in each round.

    Returns
    -------
    dict
        ``engines``, one row each with ``build_seconds``, ``p50_ms``, ``p99_ms``,
        ``cpu_ms``, ``queries_per_second``, ``bytes_per_document``, ``agreement`` (mean
        share of the first ten that brute force finds too) and ``ndcg@10``; and
        ``left_out``, the peers that are not installed.

    Raises
    ------
    ValueError
        When a peer is not known at all.
    """
    if unknown := sorted(set(peers) - set(PEERS)):
        raise ValueError(f"unknown peers: {', '.join(unknown)}")
    corpus = Corpus.read(directory)
    documents = list(corpus.documents())
    queries = corpus.queries[:limit]
    texts = Texts(
        documents,
        queries,
        [tokens_of(document) for document in documents],
        [tokens_of(query) for query in queries],
    )
    installed = [peer for peer in peers if find_spec(peer) is not None]
    engines: list[Engine] = [Own(texts, explain=_TOP), Own(texts, explain=0)]
    engines += [_CLASSES[peer](texts) for peer in installed]
    rows = [_built(engine, len(documents)) for engine in engines]
    walls: list[list[float]] = [[] for _ in engines]
    cpus = [0.0 for _ in engines]
    answers: list[list[list[int]]] = [[] for _ in engines]
    for turn in range(_ROUNDS):
        for query in range(len(queries)):
            for number, engine in enumerate(engines):
                cpu, wall = process_time(), perf_counter()
                found = engine.ask(query)
                walls[number].append(perf_counter() - wall)
                cpus[number] += process_time() - cpu
                if not turn:
                    answers[number].append(found)
    for number, engine in enumerate(engines):
        milliseconds = np.array(walls[number]) * 1000
        rows[number] |= {
            "p50_ms": round(float(np.percentile(milliseconds, 50)), 3),
            "p99_ms": round(float(np.percentile(milliseconds, 99)), 3),
            "cpu_ms": round(cpus[number] / len(milliseconds) * 1000, 3),
            "queries_per_second": round(1000 / float(milliseconds.mean()), 1),
            "agreement": round(_agreement(engine, answers[number]), 4),
            "ndcg@10": round(_quality(corpus, texts, answers[number]), 4),
        }
    return {
        "documents": len(documents),
        "queries": len(queries),
        "rounds": _ROUNDS,
        "engines": rows,
        "left_out": [peer for peer in peers if peer not in installed],
    }


def _built(engine: Engine, documents: int) -> dict[str, Any]:
    began = perf_counter()
    size = engine.build()
    return {
        "engine": engine.name,
        "build_seconds": round(perf_counter() - began, 3),
        # An engine that keeps its index to itself cannot be weighed.
        "bytes_per_document": round(size / documents) if size else None,
    }


def _agreement(engine: Engine, answers: list[list[int]]) -> float:
    shares = []
    for query in range(0, len(answers), max(1, len(answers) // _CHECKED)):
        exact = engine.exact(query)
        if exact:
            same = set(exact).intersection(answers[query])
            shares.append(len(same) / len(exact))
    return fmean(shares) if shares else 1.0


def _quality(corpus: Corpus, texts: Texts, answers: list[list[int]]) -> float:
    values = []
    for query, found in zip(texts.queries, answers, strict=True):
        grades = corpus.judgements.get(query.id, {})
        if any(grades.values()):
            gains = [grades.get(texts.documents[n].id, 0.0) for n in found]
            values.append(ndcg(gains, list(grades.values())))
    return fmean(values) if values else 0.0
