"""Score texts against texts. Each view looks at the same postings in its own way.

A view is one notion of likeness. They share one walk over the postings of the query's
features; each weighs them and sums them up by document. All statistics come from the
living documents at the moment of the question, so no view has anything to refit when
documents come and go. A further view only has to fulfil `View`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from matching.segments import (
    GRAM_KINDS,
    LOGS,
    TOKEN_KINDS,
    Floats,
    Integers,
    Mask,
    Segment,
    ranges,
)
from matching.tokens import KIND_SHIFT, Kind

Features: TypeAlias = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Query:
    """The features of a query, sorted, with their sub-linear frequencies.

    Saturating the query side tames long needs, where a word of the introduction may
    stand ten times.
    """

    features: Features
    tf: Floats

    @classmethod
    def of(cls, features: Features, counts: Integers) -> "Query":
        """Take counted features as `count_features` returns them."""
        return cls(features, LOGS[np.minimum(counts, 255)])

    @property
    def tokens(self) -> float:
        """How long the query is, in saturated tokens."""
        return float(self.tf[self.of_kinds(TOKEN_KINDS)].sum())

    @property
    def lettered(self) -> float:
        """How much of the query is written in letters rather than characters."""
        stems = float(self.tf[self.of_kinds([Kind.STEM])].sum())
        bigrams = float(self.tf[self.of_kinds([Kind.BIGRAM])].sum())
        return stems / (stems + bigrams) if stems else 0.0

    def of_kinds(self, kinds: Sequence[Kind]) -> Mask:
        """Say which features are of these kinds."""
        return np.isin(self.features >> KIND_SHIFT, np.array(kinds, np.uint64))


@dataclass(frozen=True, slots=True)
class Hits:
    """The postings of a query in one segment, dead documents left out.

    Attributes
    ----------
    which : array of int64
        Number of the query's feature.
    docs : array of int64
    counts : array of uint8
    """

    which: Integers
    docs: Integers
    counts: npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Statistics:
    """What is known of the whole collection.

    Attributes
    ----------
    documents : int
    average_length : float
    frequencies : array of float64, shape (features of the query,)
        Living documents that hold each feature.
    """

    documents: int
    average_length: float
    frequencies: Floats


def look_up(query: Query, segment: Segment, living: Mask) -> Hits:
    """Walk over the postings of a query's features, in the order of the features.

    The order never depends on the segment, and so neither does any sum.
    """
    if not len(segment.keys):
        nothing = np.zeros(0, np.int64)
        return Hits(nothing, nothing, np.zeros(0, np.uint8))
    places = np.searchsorted(segment.keys, query.features)
    places[places == len(segment.keys)] = 0
    found = np.flatnonzero(segment.keys[places] == query.features)
    starts = segment.bounds[places[found]]
    sizes = segment.bounds[places[found] + 1] - starts
    where = ranges(starts, sizes)
    which = np.repeat(found, sizes)
    docs = segment.docs[where].astype(np.int64)
    counts = segment.counts[where]
    if not living.all():
        kept = living[docs]
        which, docs, counts = which[kept], docs[kept], counts[kept]
    return Hits(which, docs, counts)


def collect(
    query: Query, documents: int, total_length: float, hits: Sequence[Hits]
) -> Statistics:
    """Count in how many living documents each feature of the query stands."""
    frequencies = np.zeros(len(query.features))
    for found in hits:
        frequencies += np.bincount(found.which, minlength=len(query.features))
    average = total_length / documents if documents and total_length else 1.0
    return Statistics(documents, average, frequencies)


class View(Protocol):
    """One notion of likeness between a query and every document of a segment."""

    name: str

    def scores(
        self, query: Query, statistics: Statistics, segment: Segment, hits: Hits
    ) -> Floats:
        """Return one score for each document, 0 where nothing is shared.

        A document that says what the query says, and no more, scores about 1.
        """
        ...


class Bm25View:
    """BM25 over words, bigrams, stems and codes, as a share of what can be reached.

    Notes
    -----
    Robertson and Zaragoza (2009), "The Probabilistic Relevance Framework: BM25 and
    Beyond", with the inverse document frequency that is never negative.
    """

    name = "bm25"

    def __init__(self, *, k1: float, b: float) -> None:
        self.k1 = k1
        self.b = b

    def weights(self, query: Query, statistics: Statistics) -> Floats:
        """Return the weight of each feature of the query."""
        df = statistics.frequencies
        idf = np.log1p((statistics.documents - df + 0.5) / (df + 0.5))
        return np.where(query.of_kinds(TOKEN_KINDS), query.tf * idf, 0.0)

    def saturated(self, count: float, length: float, average: float) -> float:
        """Return a frequency after saturation and length normalisation, below 1."""
        return count / (count + self.k1 * (1 - self.b + self.b * length / average))

    def scores(
        self, query: Query, statistics: Statistics, segment: Segment, hits: Hits
    ) -> Floats:
        """Return the BM25 score divided by that of a document full of the query."""
        weights = self.weights(query, statistics)
        most = float(weights.sum())
        if not most:
            return np.zeros(len(segment))
        norms = self.k1 * (
            1 - self.b + self.b * segment.lengths / statistics.average_length
        )
        gains = hits.counts / (hits.counts + norms[hits.docs])
        gains *= weights[hits.which]
        return np.bincount(hits.docs, gains, minlength=len(segment)) / most


class CosineView:
    """Sub-linear TF-IDF likeness over some kinds of features.

    The query's side carries the inverse document frequency for both, squared; the
    document's norm is taken without it. Measured, this ranks as well as the true
    cosine, and it is what lets a norm stay valid while documents come and go.
    """

    def __init__(self, name: str, kinds: Sequence[Kind]) -> None:
        self.name = name
        self.kinds = kinds

    def norms(self, segment: Segment) -> Floats:
        """Return the stored norms over this view's features."""
        stored = segment.gram_norms if self.name == "grams" else segment.token_norms
        return np.where(stored > 0, stored, 1.0)

    def scores(
        self, query: Query, statistics: Statistics, segment: Segment, hits: Hits
    ) -> Floats:
        """Return the likeness divided by the query's likeness to itself."""
        mine = query.of_kinds(self.kinds)
        df = statistics.frequencies
        idf = np.log((1 + statistics.documents) / (1 + df)) + 1
        weights = np.where(mine, query.tf * idf**2, 0.0)
        size = float(np.sqrt((query.tf[mine] ** 2).sum()))
        itself = float((weights * query.tf).sum())
        if not itself:
            return np.zeros(len(segment))
        gains = LOGS[hits.counts] * weights[hits.which]
        sums = np.bincount(hits.docs, gains, minlength=len(segment))
        likeness: Floats = sums / self.norms(segment) * (size / itself)
        return likeness


TOKENS_VIEW = CosineView("tokens", TOKEN_KINDS)
GRAMS_VIEW = CosineView("grams", GRAM_KINDS)


def plain_cosine(query: Query, segment: Segment, hits: Hits) -> Floats:
    """Return the cosine of n-gram frequencies, for near-duplicates.

    Rare words count no more than others here: a copy is a copy by all its text.
    """
    mine = query.of_kinds(GRAM_KINDS)
    size = float(np.sqrt((query.tf[mine] ** 2).sum()))
    if not size:
        return np.zeros(len(segment))
    gains = LOGS[hits.counts] * np.where(mine, query.tf, 0.0)[hits.which]
    sums = np.bincount(hits.docs, gains, minlength=len(segment))
    cosine: Floats = sums / GRAMS_VIEW.norms(segment) / size
    return np.minimum(cosine, 1.0)
