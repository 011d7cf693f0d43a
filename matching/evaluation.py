"""Measure rankings against judged sets, by the code path that applications use."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from time import perf_counter

import numpy as np
import numpy.typing as npt

from matching.corpora import Corpus
from matching.engine import Matcher
from matching.postings import Filter, Posting

Report = dict[str, float | int | None]
_DEEP = 100
_TOP = 10


def ndcg(gains: Sequence[float], ideal: Sequence[float], *, at: int = _TOP) -> float:
    """Return the discounted gain of a ranking as a share of the best possible.

    Parameters
    ----------
    gains : sequence of float
        Grades in the order of the ranking.
    ideal : sequence of float
        All grades of the query, in any order.
    at : int, default=10
        How many ranks count.

    Examples
    --------
    >>> round(ndcg([0, 1], [1, 0]), 4)
    0.6309
    """
    discounts = 1 / np.log2(np.arange(2, at + 2))

    def discounted(values: Sequence[float]) -> float:
        top = np.array(values[:at], np.float64)
        return float((top * discounts[: len(top)]).sum())

    best = discounted(sorted(ideal, reverse=True))
    return discounted(gains) / best if best else 0.0


def recall(ranked: Sequence[str], relevant: set[str], *, at: int) -> float:
    """Return the share of the relevant documents among the first ones."""
    return len(relevant.intersection(ranked[:at])) / len(relevant)


def reciprocal_rank(ranked: Sequence[str], relevant: set[str]) -> float:
    """Return 1 / rank of the first relevant document, 0 without one."""
    for rank, document in enumerate(ranked, start=1):
        if document in relevant:
            return 1 / rank
    return 0.0


def pearson(x: Sequence[float], y: Sequence[float]) -> float | None:
    """Return the linear correlation, None where one side is constant."""
    if len(x) < 2 or len(set(x)) < 2 or len(set(y)) < 2:
        return None
    return float(np.corrcoef(np.array(x), np.array(y))[0, 1])


def spearman(x: Sequence[float], y: Sequence[float]) -> float | None:
    """Return the correlation of the ranks; ties share their mean rank.

    Examples
    --------
    >>> round(spearman([1, 2, 3], [10, 100, 1000]), 6)
    1.0
    """
    return pearson(_ranks(x).tolist(), _ranks(y).tolist())


def _ranks(values: Sequence[float]) -> npt.NDArray[np.float64]:
    _, which, counts = np.unique(
        np.array(values, np.float64), return_inverse=True, return_counts=True
    )
    ends = np.cumsum(counts)
    ranks: npt.NDArray[np.float64] = (ends - (counts - 1) / 2)[which]
    return ranks


@dataclass(slots=True)
class _Tally:
    """Figures of each query, in turn."""

    ndcg: list[float]
    recall_10: list[float]
    recall_100: list[float]
    mrr: list[float]
    scores: list[float]
    grades: list[float]
    seconds: list[float]


def evaluate(
    directory: Path, *, queries: Path | None = None, judged_only: bool = False
) -> Report:
    """Rank every query of an evaluation set with the default settings.

    Parameters
    ----------
    directory : Path
        With ``docs.jsonl.gz``, ``queries.jsonl`` and ``qrels.tsv``.
    queries : Path, optional
        Other queries with the same ids.
    judged_only : bool, default=False
        Rank for each query only the documents that are judged for it, all of them.

    Returns
    -------
    dict
        Means over the queries that have a relevant document. Latencies are of
        ``rank(k=10)`` with explanations, on the saved and mapped index.
        ``pearson`` and ``spearman`` compare scores and grades over all judged pairs,
        and are None unless `judged_only`.
    """
    corpus = Corpus.read(directory, queries)
    documents = list(corpus.documents())
    began = perf_counter()
    built = Matcher.build(documents)
    build_seconds = perf_counter() - began
    with tempfile.TemporaryDirectory() as folder:
        size = built.save(folder)
        matcher = Matcher.open(folder)
        tally = _Tally([], [], [], [], [], [], [])
        for query in corpus.queries:
            if grades := corpus.judgements.get(query.id):
                _judge(matcher, query, grades, tally, judged_only=judged_only)
    milliseconds = np.array(tally.seconds or [0.0]) * 1000
    return {
        "queries": len(tally.seconds),
        "ndcg@10": _mean(tally.ndcg),
        "recall@10": _mean(tally.recall_10),
        "recall@100": _mean(tally.recall_100),
        "mrr": _mean(tally.mrr),
        "pearson": _correlation(pearson(tally.scores, tally.grades)),
        "spearman": _correlation(spearman(tally.scores, tally.grades)),
        "build_seconds": round(build_seconds, 3),
        "p50_ms": round(float(np.percentile(milliseconds, 50)), 3),
        "p99_ms": round(float(np.percentile(milliseconds, 99)), 3),
        "index_bytes_per_document": round(size / max(len(built), 1)),
    }


def _judge(
    matcher: Matcher,
    query: Posting,
    grades: dict[str, float],
    tally: _Tally,
    *,
    judged_only: bool,
) -> None:
    where = Filter(ids=grades) if judged_only else None
    began = perf_counter()
    matcher.rank(query, _TOP, where)
    tally.seconds.append(perf_counter() - began)
    depth = max(len(grades), _DEEP) if judged_only else _DEEP
    matches = matcher.rank(query, depth, where, explain=0)
    ranked = [match.id for match in matches]
    if judged_only:
        # What shares nothing with the query is not returned, yet it was to be ranked.
        scores = {match.id: match.score for match in matches}
        ranked += sorted(grades.keys() - scores.keys())
        tally.scores += [scores.get(document, 0.0) for document in ranked]
        tally.grades += [grades.get(document, 0.0) for document in ranked]
    relevant = {document for document, grade in grades.items() if grade > 0}
    if relevant:
        gains = [grades.get(document, 0.0) for document in ranked]
        tally.ndcg.append(ndcg(gains, list(grades.values())))
        tally.recall_10.append(recall(ranked, relevant, at=_TOP))
        tally.recall_100.append(recall(ranked, relevant, at=_DEEP))
        tally.mrr.append(reciprocal_rank(ranked, relevant))


def _mean(values: list[float]) -> float | None:
    return round(fmean(values), 4) if values else None


def _correlation(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
