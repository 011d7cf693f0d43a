"""The contents of an index at one moment: segments, and which of their documents live.

Nothing here is ever changed, only replaced, so whoever has begun to read goes on with
what was there. What was worked out for a segment stays with it from one snapshot to the
next.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from matching import scan
from matching.scan import BLOCK, Shelf
from matching.segments import (
    Features,
    Floats,
    Integers,
    Mask,
    Segment,
    digest64,
    joined,
)


@dataclass(frozen=True, eq=False)
class Holding:
    """A segment, and which of its documents live.

    Attributes
    ----------
    segment : Segment
    living : array of bool, shape (documents,)
    lost : array of uint32, shape (features,), optional
        Dead documents that hold each feature; None where all live.
    """

    segment: Segment
    living: Mask
    lost: npt.NDArray[np.uint32] | None = None

    @classmethod
    def whole(cls, segment: Segment) -> Self:
        """Take all documents of a segment."""
        return cls(segment, np.ones(len(segment), np.bool_))

    @classmethod
    def of(cls, segment: Segment, living: Mask) -> "Holding":
        """Take some documents of a segment."""
        return cls.whole(segment).without(np.flatnonzero(~living))

    @cached_property
    def documents(self) -> int:
        """Number of living documents."""
        return int(np.count_nonzero(self.living))

    @cached_property
    def total_length(self) -> float:
        """Tokens in all living documents."""
        return self.segment.total_length - float(self.segment.lengths[self._dead].sum())

    @cached_property
    def digest(self) -> npt.NDArray[np.uint64]:
        """Sum of the digests of the living documents."""
        dead = self.segment.digests[self._dead].sum(axis=0, dtype=np.uint64)
        left: npt.NDArray[np.uint64] = self.segment.digest - dead
        return left

    @property
    def mask(self) -> Mask | None:
        """Which documents live; None where all do."""
        return None if self.lost is None else self.living

    @property
    def _dead(self) -> Integers:
        return np.flatnonzero(~self.living) if self.lost is not None else _NONE

    def without(self, docs: Integers) -> "Holding":
        """Return the same without some documents that live."""
        if not len(docs):
            return self
        living = self.living.copy()
        living[docs] = False
        segment = self.segment
        lost = (
            np.zeros(len(segment.frequencies), np.uint32)
            if self.lost is None
            else self.lost.copy()
        )
        places, _ = segment.forward.places(docs)
        numbers, often = np.unique(segment.numbers[places], return_counts=True)
        lost[numbers] += often.astype(np.uint32)
        return Holding(segment, living, lost)

    def frequencies(self, seats: Integers) -> Floats:
        """Return in how many living documents features stand, given by number."""
        counts = np.zeros(len(seats))
        known = seats >= 0
        here = seats[known]
        counts[known] = self.segment.frequencies[here]
        if self.lost is not None:
            counts[known] -= self.lost[here]
        return counts


_NONE: Final = np.zeros(0, np.int64)


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The holdings of an index at one moment."""

    holdings: tuple[Holding, ...] = ()

    @classmethod
    def of(cls, segments: Sequence[Segment]) -> "Snapshot":
        """Take segments; of documents with the same id the last one lives."""
        keys = joined([segment.id_keys for segment in segments], np.uint64)
        sizes = [len(segment) for segment in segments]
        owners = np.repeat(np.arange(len(segments)), sizes)
        docs = joined([segment.id_docs for segment in segments], np.int32)
        order = np.argsort(keys, kind="stable")
        same = keys[order][1:] == keys[order][:-1]
        suspects = order[np.union1d(np.flatnonzero(same), np.flatnonzero(same) + 1)]
        latest: dict[str, tuple[int, int]] = {}
        living = [np.ones(size, np.bool_) for size in sizes]
        for place in sorted(
            zip(owners[suspects].tolist(), docs[suspects].tolist(), strict=True)
        ):
            posting_id = segments[place[0]].id_of(place[1])
            if (before := latest.get(posting_id)) is not None:
                living[before[0]][before[1]] = False
            latest[posting_id] = place
        return cls(tuple(map(Holding.of, segments, living)))

    @property
    def segments(self) -> list[Segment]:
        """The segments of all holdings."""
        return [holding.segment for holding in self.holdings]

    @cached_property
    def shelf(self) -> Shelf:
        """The posting lists of all segments."""
        return Shelf(
            [segment.block for segment in self.segments],
            [holding.mask for holding in self.holdings],
        )

    @cached_property
    def gram_shelf(self) -> Shelf:
        """The same under the norms of n-grams."""
        return Shelf(
            [segment.gram_block for segment in self.segments],
            [holding.mask for holding in self.holdings],
        )

    @cached_property
    def documents(self) -> int:
        """Number of living documents."""
        return sum(holding.documents for holding in self.holdings)

    @cached_property
    def total_length(self) -> float:
        """Tokens in all living documents; whole numbers, which add up in any order."""
        return sum(holding.total_length for holding in self.holdings)

    @cached_property
    def index_id(self) -> str:
        """Digest of the contents, whatever their order and their history."""
        totals = np.zeros(2, np.uint64)
        for holding in self.holdings:
            totals += holding.digest
        return "".join(f"{int(total):016x}" for total in totals)

    def frequencies(self, features: Features) -> Floats:
        """Return in how many living documents each of some features stands."""
        return self.frequencies_at(scan.seats(self.shelf, features))

    def frequencies_at(self, seats: Integers) -> Floats:
        """Return the same for features given by their numbers in each segment."""
        total = np.zeros(seats.shape[1])
        for holding, mine in zip(self.holdings, seats, strict=True):
            total += holding.frequencies(mine)
        return total

    def find(self, posting_id: str) -> tuple[int, int] | None:
        """Return segment and number of a living document, None when there is none."""
        key = digest64(posting_id)
        for number in range(len(self.holdings) - 1, -1, -1):
            holding = self.holdings[number]
            for doc in holding.segment.find(posting_id, key):
                if holding.living[doc]:
                    return number, doc
        return None

    def without(self, ids: Iterable[str]) -> "Snapshot":
        """Return the contents without these ids; unknown ids are left aside."""
        dead: dict[int, list[int]] = {}
        for posting_id in set(ids):
            if (place := self.find(posting_id)) is not None:
                dead.setdefault(place[0], []).append(place[1])
        holdings = list(self.holdings)
        for number, docs in dead.items():
            holdings[number] = holdings[number].without(np.array(sorted(docs)))
        return Snapshot(tuple(holding for holding in holdings if holding.documents))

    def with_segments(self, segments: Iterable[Segment]) -> "Snapshot":
        """Return the contents with more segments, whose documents are new."""
        return Snapshot((*self.holdings, *map(Holding.whole, segments)))

    def crowd(self) -> tuple[Holding, ...]:
        """Return the holdings that should be joined next; none if all is well.

        Each holding is kept more than twice as large as the next, as far as they fit
        into one segment, so few remain and every document is copied only now and then.
        One with more dead documents than living ones is written anew.
        """
        sizes = [holding.documents for holding in self.holdings]
        first, total = len(sizes), 0
        for number in range(len(sizes) - 1, -1, -1):
            if total and (sizes[number] > 2 * total or sizes[number] + total > BLOCK):
                break
            total += sizes[number]
            first = number
        if len(sizes) - first > 1:
            return self.holdings[first:]
        for holding in self.holdings:
            if 2 * holding.documents < len(holding.segment):
                return (holding,)
        return ()

    def with_joined(self, crowd: Sequence[Holding], segment: Segment) -> "Snapshot":
        """Put one segment in the place of the holdings that it was joined from.

        Parameters
        ----------
        crowd : sequence of Holding
            As they were when they were joined. Documents may have died since; then
            they are dead in the new segment too.
        segment : Segment
            What `merge` made of them.
        """
        now = {holding.segment: holding for holding in self.holdings}
        dead: list[Integers] = []
        base = 0
        for before in crowd:
            numbers = base + np.cumsum(before.living) - 1
            after = now.pop(before.segment, None)
            gone = before.living if after is None else before.living & ~after.living
            dead.append(numbers[gone])
            base += before.documents
        fresh = Holding.whole(segment).without(np.concatenate(dead))
        rest = tuple(now.values())
        return Snapshot((*rest, fresh) if fresh.documents else rest)
