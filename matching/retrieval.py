"""Bring up the documents of a snapshot that a question is worth comparing with.

The walk over the posting lists gives an upper bound for every document's likeness, and
the documents with the greatest bounds. Their counts are then laid out as one table, and
their likeness is worked out exactly. Where the least likeness that is still wanted lies
above the least bound that was brought up, no document is missing; otherwise more are
brought up. So the choice is a function of the contents, however they are spread over
segments; ties go to the lesser id.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from matching import scan
from matching.scan import LOGS, MOST_FEATURES, SLACK, Shelf
from matching.segments import (
    Features,
    Floats,
    Integers,
    Mask,
    Segment,
    searchable,
)
from matching.snapshots import Snapshot

Counts: TypeAlias = npt.NDArray[np.uint8]

_MORE: Final = 64
"""So many more documents than wanted are brought up at first, since bounds are not
likeness."""
_MOSTLY: Final = 0.75
"""Where at least this share of the documents may be chosen, those that lead the whole
collection are brought up with them."""

_CELLS: Final = 1 << 20
"""Cells of a table of counts that are turned into floats at a time."""
_COLUMNS: Final = 4096
"""Columns that are added up in one go."""


@dataclass(frozen=True, eq=False)
class Asked:
    """Features that are asked for, looked up once in every segment of a snapshot.

    Attributes
    ----------
    snapshot : Snapshot
    features : array of uint64, all different
    """

    snapshot: Snapshot
    features: Features

    @cached_property
    def seats(self) -> Integers:
        """Their numbers in each segment; shape (segments, features), -1 if missing."""
        return scan.seats(self.snapshot.shelf, self.features)

    @cached_property
    def frequencies(self) -> Floats:
        """Living documents that hold each of them."""
        return self.snapshot.frequencies_at(self.seats)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Documents of a snapshot, by segment, then by number.

    Attributes
    ----------
    snapshot : Snapshot
    segments, docs : array of int64, shape (documents,)
    held : list of (Segment, array of int64)
        The same, one entry for each segment of the snapshot.
    """

    snapshot: Snapshot
    segments: Integers
    docs: Integers
    held: list[tuple[Segment, Integers]]

    @classmethod
    def of(cls, snapshot: Snapshot, places: Integers) -> Self:
        """Take documents by place: segment times 65,536 plus number; all different."""
        places = np.sort(places)
        segments, docs = places >> 16, places & 0xFFFF
        bounds = np.searchsorted(segments, np.arange(len(snapshot.holdings) + 1))
        held = [
            (segment, docs[bounds[number] : bounds[number + 1]])
            for number, segment in enumerate(snapshot.segments)
        ]
        return cls(snapshot, segments, docs, held)

    def __len__(self) -> int:
        return len(self.docs)

    @property
    def places(self) -> Integers:
        """Segment times 65,536 plus number, ascending."""
        return (self.segments << 16) + self.docs

    def subset(self, rows: Integers) -> "Chosen":
        """Take some of them; `rows` ascend."""
        return Chosen.of(self.snapshot, self.places[rows])

    def id_of(self, row: int) -> str:
        """Return the id of one of them."""
        segment = self.snapshot.holdings[int(self.segments[row])].segment
        return segment.id_of(int(self.docs[row]))

    def gather(self, name: str) -> npt.NDArray[Any]:
        """Take the values of these documents out of a column of their segments."""
        if not self.held:
            return np.zeros(0)
        return np.concatenate(
            [getattr(segment, name)[docs] for segment, docs in self.held]
        )

    def counts(self, asked: Asked) -> Counts:
        """Count features in them.

        Returns
        -------
        array of uint8, shape (documents, features)
        """
        return np.concatenate(
            [
                segment.forward.frequencies(docs, mine)
                for (segment, docs), mine in zip(self.held, asked.seats, strict=True)
                if len(docs)
            ]
            or [np.zeros((0, len(asked.features)), np.uint8)]
        )


@dataclass(frozen=True, slots=True)
class Pool:
    """Documents with their counts of the features asked for, and their likeness.

    Attributes
    ----------
    chosen : Chosen
    counts : array of uint8, shape (documents, features)
    likeness : array of float64, shape (documents,)
    """

    chosen: Chosen
    counts: Counts
    likeness: Floats

    def best(self, most: int) -> "Pool":
        """Keep those with the greatest likeness; ties go to the lesser id.

        Where there are more than wanted, those without any likeness are left out.
        """
        if len(self.likeness) <= most:
            return self
        border = np.partition(self.likeness, -most)[-most]
        surely = np.flatnonzero(self.likeness > max(border, 0.0))
        if border > 0:
            level = np.flatnonzero(self.likeness == border).tolist()
            if len(level) > most - len(surely):
                level.sort(key=self.chosen.id_of)
            surely = np.concatenate((surely, level[: most - len(surely)]))
        return self._subset(np.sort(surely).astype(np.int64))

    def among(self, allowed: Sequence[Mask]) -> "Pool":
        """Keep those that may be chosen."""
        masks = zip(self.chosen.held, allowed, strict=True)
        may = np.concatenate([mask[docs] for (_, docs), mask in masks])
        return self._subset(np.flatnonzero(may))

    def _subset(self, rows: Integers) -> "Pool":
        """Take some of them; `rows` ascend."""
        return Pool(self.chosen.subset(rows), self.counts[rows], self.likeness[rows])

    def with_more(self, others: Chosen, asked: Asked) -> tuple[Chosen, Counts]:
        """Add documents; of those that are here already nothing is counted again.

        Parameters
        ----------
        others : Chosen
        asked : Asked
            What `counts` were counted for.
        """
        places = np.setdiff1d(others.places, self.chosen.places, assume_unique=True)
        more = Chosen.of(others.snapshot, places)
        together = np.concatenate((self.chosen.places, more.places))
        counts = np.concatenate((self.counts, more.counts(asked)))
        order = np.argsort(together)
        return Chosen.of(others.snapshot, together), counts[order]


def retrieve(
    asked: Asked,
    weights: Floats,
    most: int,
    allowed: Sequence[Mask] | None = None,
    *,
    by_grams: bool = False,
) -> Pool:
    """Return the documents with the greatest likeness; ties go to the lesser id.

    Parameters
    ----------
    asked : Asked, weights : array of float64
        The likeness of a document is the sum of weighed sub-linear frequencies, divided
        by its norm. No document is looked for by characters, and of more than 30,000
        features only the weightiest count.
    most : int
    allowed : sequence of array of bool, optional
        For each segment the living documents that may be chosen; all of them if None.
    by_grams : bool, default=False
        Divide by the norms of n-grams.

    Returns
    -------
    Pool
        Where no more than `most` documents may be chosen at all, all of those.
    """
    snapshot, features = asked.snapshot, asked.features
    weights = np.where(searchable(features), weights, 0.0)
    norms = "gram_norms" if by_grams else "norms"
    everything = _few(snapshot, most, allowed)
    if everything is not None:
        return _pool(Chosen.of(snapshot, everything), asked, weights, norms)
    shelf = snapshot.gram_shelf if by_grams else snapshot.shelf
    if allowed is not None:
        shelf = Shelf(shelf.blocks, allowed)
    weights = _weightiest(features, weights)
    heavy = weights > 0
    wanted = most + _MORE
    while True:
        found = scan.candidates(shelf, features[heavy], weights[heavy], wanted)
        places = (found.blocks << 16) + found.ids
        pool = _pool(Chosen.of(snapshot, places), asked, weights, norms)
        if len(places) < wanted:
            return pool.best(most)
        least = np.partition(pool.likeness, -most)[-most]
        if least * SLACK > found.scores[-1]:
            return pool.best(most)
        wanted *= 2


def retrieve_led(
    asked: Asked,
    weights: Floats,
    most: int,
    leading: int,
    allowed: Sequence[Mask] | None,
) -> tuple[Pool, Pool]:
    """Return what `retrieve` does, and the first `leading` of the whole collection.

    Where most documents may be chosen, one walk brings up both.
    """
    if allowed is None:
        pool = retrieve(asked, weights, most)
        return pool, pool.best(leading)
    documents = asked.snapshot.documents
    open_to = sum(int(np.count_nonzero(mask)) for mask in allowed)
    if open_to > most and open_to >= _MOSTLY * documents:
        wanted = most * documents // open_to + most // 8 + leading
        whole = retrieve(asked, weights, wanted)
        pool = whole.among(allowed)
        if len(pool.chosen) >= most or len(whole.chosen) < wanted:
            return pool.best(most), whole.best(leading)
    return (
        retrieve(asked, weights, most, allowed),
        retrieve(asked, weights, leading),
    )


def _few(
    snapshot: Snapshot, most: int, allowed: Sequence[Mask] | None
) -> Integers | None:
    """Return the places of all allowed documents; None if they are more than `most`."""
    if allowed is None:
        allowed = [holding.living for holding in snapshot.holdings]
        total = snapshot.documents
    else:
        total = sum(int(np.count_nonzero(mask)) for mask in allowed)
    if total > most:
        return None
    places = [
        (number << 16) + np.flatnonzero(mask) for number, mask in enumerate(allowed)
    ]
    return np.concatenate(places) if places else np.zeros(0, np.int64)


def _weightiest(features: Features, weights: Floats) -> Floats:
    """Return the weights without those that are too many for one question."""
    asked = np.flatnonzero(weights > 0)
    if len(asked) <= MOST_FEATURES:
        return weights
    order = np.lexsort((features[asked], -weights[asked]))
    kept = np.zeros_like(weights)
    kept[asked[order[:MOST_FEATURES]]] = weights[asked[order[:MOST_FEATURES]]]
    return kept


def _pool(chosen: Chosen, asked: Asked, weights: Floats, norms: str) -> Pool:
    counts = chosen.counts(asked)
    likeness = weighed(counts, weights) / chosen.gather(norms)
    return Pool(chosen, counts, likeness)


def weighed(counts: Counts, weights: Floats) -> Floats:
    """Add up weighed sub-linear frequencies of each document.

    Parameters
    ----------
    counts : array of uint8, shape (documents, features)
    weights : array of float64, shape (features,)

    Returns
    -------
    array of float64, shape (documents,)
    """
    return in_slices(counts, lambda part, _: dot(LOGS[part], weights))


def in_slices(counts: Counts, score: Callable[[Counts, slice], Floats]) -> Floats:
    """Score a table a few rows at a time, so that a long query needs little memory.

    Parameters
    ----------
    counts : array of uint8, shape (documents, features)
    score : callable
        Takes rows of the table and which they are.
    """
    rows = max(1, _CELLS // max(1, counts.shape[1]))
    if len(counts) <= rows:
        return score(counts, slice(0, len(counts)))
    slices = [slice(at, at + rows) for at in range(0, len(counts), rows)]
    return np.concatenate([score(counts[part], part) for part in slices])


def dot(table: Floats, weights: Floats) -> Floats:
    """Add up weighed columns, each row in the order of the columns.

    A matrix product may add in another order with another number of rows, and the same
    document would score otherwise in another company.
    """
    sums: Floats = np.zeros(len(table))
    # Beyond the size of its buffer einsum would add in another order for one row.
    for at in range(0, max(table.shape[1], 1), _COLUMNS):
        part = slice(at, at + _COLUMNS)
        sums += np.einsum("ij,j->i", table[:, part], weights[part], optimize=False)
    return sums
