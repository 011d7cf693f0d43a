"""Score texts against texts. Each view looks at the same counts in its own way.

A view is one notion of likeness. Posting lists bring up the documents that may be worth
it; their counts of the query's features are then laid out as one small table, and every
view scores that table. All statistics come from the living documents at the moment of
the question, so no view has anything to refit when documents come and go.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

import numpy as np

from matching.lexicon.background import informativeness
from matching.lexicon.thesaurus import related
from matching.retrieval import Asked, Chosen, Counts, dot, in_slices, weighed
from matching.scan import LOGS
from matching.segments import (
    GRAM_KINDS,
    SCORED_KINDS,
    TOKEN_KINDS,
    Features,
    Floats,
    Integers,
    Mask,
)
from matching.tokens import Kind, are_of

Frequencies: TypeAlias = Callable[[Features], Floats]
"""Returns for each feature in how many living documents it stands."""

MOST_STEMS = 16
"""Stems of a query up to which words of like meaning are looked for: in longer texts
what one word lacks the others say, and each costs a pass over all candidates."""


@dataclass(frozen=True)
class Query:
    """The features of a query, sorted, and how often each stands in it.

    Attributes
    ----------
    features : array of uint64
    counts : array of int64, from 1 to 255
    """

    features: Features
    counts: Integers

    @classmethod
    def of(cls, features: Features, counts: Integers) -> "Query":
        """Take counted features as `count_features` returns them."""
        return cls(features, np.minimum(counts, 255))

    @cached_property
    def tf(self) -> Floats:
        """Saturated frequencies, k3 = 1, below 2.

        Saturating the query side tames long needs, where a word of the introduction
        may stand ten times.
        """
        frequencies: Floats = 2.0 * self.counts / (1.0 + self.counts)
        return frequencies

    @cached_property
    def logs(self) -> Floats:
        """Sub-linear frequencies, as those of a document."""
        return LOGS[self.counts]

    @cached_property
    def tokens(self) -> float:
        """How long the query is, in saturated tokens."""
        return float(self.logs[self.of_kinds(TOKEN_KINDS)].sum())

    @cached_property
    def lettered(self) -> float:
        """How much of the query is written in letters rather than characters."""
        stems = float(self.logs[self.of_kinds([Kind.STEM])].sum())
        bigrams = float(self.logs[self.of_kinds([Kind.BIGRAM])].sum())
        return stems / (stems + bigrams) if stems else 0.0

    def of_kinds(self, kinds: Sequence[Kind]) -> Mask:
        """Say which features are of these kinds."""
        return are_of(self.features, kinds)


@dataclass(frozen=True)
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

    @cached_property
    def idf(self) -> Floats:
        """Smoothed inverse document frequencies, at least 1."""
        return smooth_idf(self.documents, self.frequencies)


def smooth_idf(documents: int, frequencies: Floats) -> Floats:
    """Return ``ln((1 + N) / (1 + df)) + 1``."""
    idf: Floats = np.log((1 + documents) / (1 + frequencies)) + 1
    return idf


@dataclass(frozen=True, slots=True)
class Rows:
    """Some documents with their counts of a query's features.

    Attributes
    ----------
    counts : array of uint8, shape (rows, features of the query)
    lengths, norms, gram_norms : array of float64, shape (rows,)
    """

    counts: Counts
    lengths: Floats
    norms: Floats
    gram_norms: Floats

    @classmethod
    def of(cls, chosen: Chosen, counts: Counts) -> "Rows":
        """Put the columns of documents beside their counts."""
        columns = (chosen.gather(name) for name in ("lengths", "norms", "gram_norms"))
        return cls(counts, *columns)


class Bm25View:
    """BM25 over words, bigrams, characters and codes, as a share of the possible.

    Notes
    -----
    Robertson and Zaragoza (2009), "The Probabilistic Relevance Framework: BM25 and
    Beyond", with the inverse document frequency that is never negative, raised to a
    power: a rare word brings its bigrams and characters along, so what it says is
    counted more than once, and more often than once in long queries of common words.
    """

    def __init__(self, *, k1: float, b: float, power: float) -> None:
        self.k1 = k1
        self.b = b
        self.power = power

    def weights(self, query: Query, statistics: Statistics) -> Floats:
        """Return the weight of each feature of the query."""
        df = statistics.frequencies
        rarity = np.log1p((statistics.documents - df + 0.5) / (df + 0.5)) ** self.power
        return np.where(query.of_kinds(SCORED_KINDS), query.tf * rarity, 0.0)

    def levels(self, lengths: Floats, average: float) -> Floats:
        """Return the frequency that counts half in documents of these lengths.

        A frequency counts by its share of itself and this level.
        """
        return self.k1 * (1 - self.b + self.b * lengths / average)

    def scores(self, query: Query, statistics: Statistics, rows: Rows) -> Floats:
        """Return the BM25 score divided by that of a document full of the query."""
        weights = self.weights(query, statistics)
        most = float(weights.sum())
        if not most:
            return np.zeros(len(rows.lengths))
        levels = self.levels(rows.lengths, statistics.average_length)
        return (
            in_slices(
                rows.counts,
                lambda part, which: dot(part / (part + levels[which, None]), weights),
            )
            / most
        )


def retrieval_weights(query: Query, statistics: Statistics) -> Floats:
    """Return what each feature is worth when documents are looked for.

    With the documents' side of `cosine_scores`, but for characters, which stand in too
    many documents to bring any up; for text in letters their n-grams count too.
    """
    words = query.of_kinds(TOKEN_KINDS)
    grams = query.of_kinds([Kind.GRAM])
    share = words + query.lettered * grams
    weights: Floats = share * query.tf * statistics.idf**2
    return weights


def cosine_scores(query: Query, statistics: Statistics, rows: Rows) -> Floats:
    """Return TF-IDF likeness as a share of the query's likeness to itself.

    The query carries the inverse document frequency for both sides; a document's norm
    takes that of the language instead, so that it stays valid while documents come and
    go. This view asks how much of the document is about the query, which tells most
    where documents are shorter than the query.
    """
    mine = query.of_kinds(SCORED_KINDS)
    size = norm_of(query.features[mine], query.logs[mine])
    return _likeness(query, statistics, rows, mine, size, rows.norms)


def _likeness(
    query: Query,
    statistics: Statistics,
    rows: Rows,
    mine: Mask,
    size: float,
    norms: Floats,
) -> Floats:
    """Return likeness by some features as a share of the query's to itself."""
    weights = np.where(mine, query.tf * statistics.idf**2, 0.0)
    itself = float((weights * query.logs).sum())
    if not itself:
        return np.zeros(len(norms))
    return weighed(rows.counts, weights) / norms * (size / itself)


def norm_of(features: Features, logs: Floats) -> float:
    """Return the norm of a text of these features, weighed as in the language."""
    return float(np.sqrt(((logs * informativeness(features)) ** 2).sum()))


def gram_scores(query: Query, statistics: Statistics, rows: Rows) -> Floats:
    """Return the likeness of letter and character n-grams, forms and compounds."""
    mine = query.of_kinds(GRAM_KINDS)
    size = float(np.sqrt((query.logs[mine] ** 2).sum()))
    return _likeness(query, statistics, rows, mine, size, rows.gram_norms)


def plain_weights(query: Query) -> Floats:
    """Return what each feature is worth in the search for near-duplicates.

    With the norms of n-grams this is the plain cosine: rare words count no more than
    others here, since a copy is a copy by all its text.
    """
    mine = query.of_kinds(GRAM_KINDS)
    size = float(np.sqrt((query.logs[mine] ** 2).sum()))
    return np.where(mine, query.logs, 0.0) / (size or 1.0)


def thesaurus_scores(
    query: Query,
    statistics: Statistics,
    documents: int,
    chosen: Chosen,
    frequencies: Frequencies,
) -> Floats:
    """Return how much of query and document have a word of like meaning on either side.

    Parameters
    ----------
    query, statistics
    documents : int
        Size of the collection.
    chosen : Chosen
        The documents.
    frequencies : callable

    Returns
    -------
    array of float64, shape (all documents,)
        The geometric mean of the two coverages by stems, rare ones counting more.
    """
    mine = query.of_kinds([Kind.STEM])
    stems, idf = query.features[mine], statistics.idf[mine]
    total = len(chosen)
    if not 0 < len(stems) <= MOST_STEMS:
        return np.zeros(total)
    owners, features = _stems_of(chosen)
    if not len(features):
        return np.zeros(total)
    distinct, which = np.unique(features, return_inverse=True)
    nearness = np.zeros((len(stems), len(distinct)))
    for row, stem in zip(nearness, stems.tolist(), strict=True):
        others, near = related(stem)
        places = np.searchsorted(distinct, others)
        places[places == len(distinct)] = 0
        known = distinct[places] == others
        row[places[known]] = near[known]
        row[distinct == np.uint64(stem)] = 1.0
    starts = np.flatnonzero(np.concatenate(([True], owners[1:] != owners[:-1])))
    best = np.maximum.reduceat(nearness[:, which], starts, axis=1)
    query_side = (best * idf[:, None]).sum(axis=0) / idf.sum()
    theirs = smooth_idf(documents, frequencies(distinct))[which]
    covered = nearness.max(axis=0)[which] * theirs
    document_side = np.add.reduceat(covered, starts) / np.add.reduceat(theirs, starts)
    scores = np.zeros(total)
    scores[owners[starts]] = np.sqrt(query_side * document_side)
    return scores


def _stems_of(chosen: Chosen) -> tuple[Integers, Features]:
    """Return the stems of documents, by document."""
    owners, features = [np.zeros(0, np.int64)], [np.zeros(0, np.uint64)]
    first = 0
    for segment, docs in chosen.held:
        rows, mine, _ = segment.features_of(docs, [Kind.STEM])
        owners.append(first + rows)
        features.append(mine)
        first += len(docs)
    return np.concatenate(owners), np.concatenate(features)


@dataclass(frozen=True, slots=True)
class Feedback:
    """What the best documents have in common, as a query of its own.

    Attributes
    ----------
    asked : Asked
        Its features, sorted.
    weights : array of float64
        For the documents' side of `cosine_scores`.
    most : float
        Greatest score among the documents that it was made of.
    """

    asked: Asked
    weights: Floats
    most: float

    def scores(self, counts: Counts, norms: Floats) -> Floats:
        """Score documents, 1 for the likest of those it was made of."""
        return np.minimum(self.raw(counts, norms) / self.most, 1.0)

    def raw(self, counts: Counts, norms: Floats) -> Floats:
        """Score documents by their counts of the features."""
        return weighed(counts, self.weights) / norms


def feedback(
    leaders: Chosen,
    order: Integers,
    shares: Floats,
    documents: int,
    frequencies: Frequencies,
    *,
    most: int,
) -> Feedback:
    """Make a query of the best documents (pseudo-relevance feedback).

    Parameters
    ----------
    leaders : Chosen
    order : array of int64
        Rows of `leaders` that feed back, the best first; at least one.
    shares : array of float64
        How much each of these counts.
    documents : int
        Size of the collection.
    frequencies : callable
    most : int
        Features that are kept: those that weigh most; ties go to the lesser.

    Notes
    -----
    Rocchio (1971), "Relevance Feedback in Information Retrieval", without the query's
    own part, which the caller adds.
    """
    features, gains = [], []
    for row, share in zip(order.tolist(), shares.tolist(), strict=True):
        segment = leaders.snapshot.segments[leaders.segments[row]]
        doc = leaders.docs[[row]]
        _, mine, counts = segment.features_of(doc, SCORED_KINDS)
        features.append(mine)
        gains.append(share / segment.norms[doc] * LOGS[counts])
    distinct, which = np.unique(np.concatenate(features), return_inverse=True)
    idf = smooth_idf(documents, frequencies(distinct))
    centre = np.bincount(which, np.concatenate(gains), minlength=len(distinct)) * idf
    heavy = np.sort(np.lexsort((distinct, -centre.round(12)))[:most])
    asked = Asked(leaders.snapshot, distinct[heavy])
    found = Feedback(asked, centre[heavy] * idf[heavy], 1.0)
    raw = found.raw(leaders.counts(asked), leaders.gather("norms"))
    return replace(found, most=float(raw[order].max()) or 1.0)
