"""Exact best matches of a sparse score, at the speed of memory.

A document's score for a query is the sum, over the features of the query, of the
feature's weight times ``1 + ln tf``, divided by the document's norm. The weights come
with the question; tf and norm belong to the document alone. So nothing is ever
refitted, and blocks of documents are merged by laying their postings together.

Every question walks over the posting lists of its features, block by block, and adds up
small whole numbers, rounded up, in 16 bits. That gives an upper bound for every
document; only documents whose bound reaches the k-th best score so far are scored
exactly, in float64 and in the order of the features. The last and longest lists are
often left unread: once what they could add is small against that score, the few
documents that still reach it are looked up in them. `docs/retrieval.md` has the proof.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from threading import local
from typing import Any, Final, NamedTuple, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from matching import kernels
from matching.errors import MatchingError

Keys: TypeAlias = npt.NDArray[np.uint64]
Floats: TypeAlias = npt.NDArray[np.float64]
Integers: TypeAlias = npt.NDArray[np.int64]
Mask: TypeAlias = npt.NDArray[np.bool_]
Pair: TypeAlias = tuple[Keys, Floats]

BLOCK: Final = 65_536
"""Most documents of a block: a local id has 16 bits."""
WINDOW: Final = 256
"""The coarse inverses are padded to whole windows of so many documents."""
LOGS: Final[Floats] = np.concatenate(([0.0], 1.0 + np.log(np.arange(1, 256))))
"""Sub-linear term frequency ``1 + ln tf`` for every frequency that is stored."""
SLACK: Final = 1.0 - 1e-9
"""Covers every rounding of a float on the way to a bound; see the proof."""
LEAST, GREATEST = 1e-100, 1e100
"""Norms and weights other than 0 lie between these, so that no product is lost."""
MOST_FEATURES: Final = 30_000
"""Features of one query; more would leave too few steps of the 16 bits for each."""

_Parts: TypeAlias = tuple[
    npt.NDArray[np.uint16], npt.NDArray[np.uint16], npt.NDArray[np.uint16]
]
_START: Final = np.uint64((1 << 40) - 1)
_PEAK: Final = np.uint64(56)
_MIDDLE: Final = np.uint64(32)
_SPREAD: Final = 0x9E3779B97F4A7C15
_GATHER: Final = pow(_SPREAD, -1, 1 << 64)
_CHUNK: Final = 256
"""Queries that walk over a block together."""


class Found(NamedTuple):
    """The best documents of a query, best first.

    Attributes
    ----------
    blocks : array of int64
    ids : array of int64
        Number of the document in its block.
    scores : array of float64
        Exact scores from `top`, upper bounds from `candidates`.
    """

    blocks: Integers
    ids: Integers
    scores: Floats


def scattered(features: Keys) -> Keys:
    """Return keys whose upper bits are evenly spread, one for one.

    Multiplication by an odd number (Knuth, The Art of Computer Programming, vol. 3,
    section 6.4) can be undone, so only the product is stored.
    """
    return features * np.uint64(_SPREAD)


def gathered(keys: Keys) -> Keys:
    """Undo `scattered`."""
    return keys * np.uint64(_GATHER)


class Postings(NamedTuple):
    """Triples of document, feature and frequency, by feature, then by document.

    Attributes
    ----------
    keys : array of uint64, shape (features,)
        `scattered` features, ascending.
    bounds : array of int64, shape (features + 1,)
        Where the postings of each begin.
    docs : array of uint16, shape (postings,)
    counts : array of uint8, shape (postings,)
    """

    keys: Keys
    bounds: Integers
    docs: npt.NDArray[np.uint16]
    counts: npt.NDArray[np.uint8]

    @property
    def sizes(self) -> Integers:
        """In how many documents each feature stands."""
        return np.diff(self.bounds)

    @property
    def features(self) -> Keys:
        """The features themselves."""
        return gathered(self.keys)

    def only(self, listed: Mask) -> "Postings":
        """Return the postings of some features; the others keep an empty list."""
        kept = np.repeat(listed, self.sizes)
        bounds = np.concatenate(([0], np.cumsum(np.where(listed, self.sizes, 0))))
        return Postings(self.keys, bounds, self.docs[kept], self.counts[kept])


def by_feature(
    owners: npt.NDArray[Any],
    features: Keys,
    counts: npt.NDArray[Any],
    documents: int,
) -> Postings:
    """Sort triples of document, feature and frequency, given in any order.

    Parameters
    ----------
    owners : array of int, shape (postings,)
        Number of the document, from 0.
    features : array of uint64, shape (postings,)
    counts : array of int, shape (postings,)
        From 1 to 255.
    documents : int
        At most 65,536.

    Raises
    ------
    MatchingError
        When a value is out of range, or a document names a feature twice.
    """
    _check_triples(owners, features, counts, documents)
    docs = np.asarray(owners).astype(np.uint16)
    keys = scattered(np.asarray(features, np.uint64))
    order = _by_key_and_document(keys, docs)
    keys, docs = keys[order], docs[order]
    new = np.ones(len(keys), np.bool_)
    new[1:] = keys[1:] != keys[:-1]
    if (twice := np.flatnonzero(~new[1:] & (docs[1:] == docs[:-1]))).size:
        raise MatchingError(f"document {docs[twice[0]]} names a feature twice")
    starts = np.flatnonzero(new)
    return Postings(
        keys[starts],
        np.append(starts, len(keys)),
        docs,
        np.asarray(counts)[order].astype(np.uint8),
    )


def _by_key_and_document(keys: Keys, docs: npt.NDArray[np.uint16]) -> Integers:
    """Return the order by key, then by document.

    Most callers bring the documents of each key in order, and keys in a few ascending
    runs; NumPy's stable sort of 64 bits then only merges these (Timsort).
    """
    order = np.argsort(keys, kind="stable")
    keys_then, docs_then = keys[order], docs[order]
    same = keys_then[1:] == keys_then[:-1]
    if not (same & (docs_then[1:] < docs_then[:-1])).any():
        return order
    order = np.argsort(docs, kind="stable")
    return order[np.argsort(keys[order], kind="stable")]


def key_order(keys: Keys) -> Integers:
    """Return the stable order of scattered keys that come in any order.

    Their upper halves are evenly spread and nearly all different, so two passes over 16
    bits put nearly everything in order; what still lies the wrong way round among equal
    upper halves is sorted afterwards.

    Examples
    --------
    >>> key_order(np.array([7, 1 << 40, 3, 7], np.uint64)).tolist()
    [2, 0, 3, 1]
    """
    order = _order((keys >> _MIDDLE).astype(np.uint32))
    then = keys[order]
    falls = np.flatnonzero(then[1:] < then[:-1])
    if len(falls):
        upper = then >> _MIDDLE
        mixed = np.flatnonzero(np.isin(upper, upper[falls]))
        order[mixed] = order[mixed][np.argsort(then[mixed], kind="stable")]
    return order


def _order(numbers: npt.NDArray[np.uint32]) -> Integers:
    """Return the stable order in two passes over 16 bits, which NumPy counts."""
    order = np.argsort(numbers.astype(np.uint16), kind="stable")
    high = (numbers >> 16).astype(np.uint16)
    return order[np.argsort(high[order], kind="stable")]


@dataclass(frozen=True, eq=False)
class Block:
    """Posting lists of at most 65,536 documents, as flat arrays that can be mapped.

    Attributes
    ----------
    entries : array of uint64, shape (features + 1, 2)
        `scattered` features, ascending; beside each, in the lower 40 bits where its
        list begins in `lists`, and in the upper 8 bits the greatest frequency in it.
        The last row ends the last list. What a look-up needs stands in one cache line.
    directory : array of uint32
        Where the entries with the same upper bits begin; its size is a power of two
        plus 1.
    lists : array of uint16
        The posting lists: local ids, ascending. Where some documents have the feature
        more than once, these come first: their number less 1, their ids, and their
        frequencies. In running text few do, so this takes less than a frequency for
        every posting.
    norms : array of float64, shape (documents,)
    inverses : array of uint8, padded to a multiple of 256
        ``1 / norm`` in steps of `scale`, rounded up; 0 for documents without features.
    scale : array of float64, shape (1,)
    """

    entries: Keys
    directory: npt.NDArray[np.uint32]
    lists: npt.NDArray[np.uint16]
    norms: Floats
    inverses: npt.NDArray[np.uint8]
    scale: Floats

    def __post_init__(self) -> None:
        """Refuse arrays that the kernels would read wrongly."""
        for name, kind in _TYPES.items():
            array = getattr(self, name)
            if array.dtype != kind or not array.flags.c_contiguous:
                raise MatchingError(
                    f"{name} of a block must be a plain array of {kind}, "
                    f"not {array.dtype}"
                )
        documents, buckets = len(self.norms), len(self.directory) - 1
        if self.entries.ndim != 2 or self.entries.shape[1] != 2 or buckets < 2:
            raise MatchingError("a block needs two columns of entries and a directory")
        if documents > BLOCK or buckets & (buckets - 1):
            raise MatchingError(
                f"a block cannot have {documents} documents and {buckets} buckets"
            )
        sizes = {
            "entries": int(self.directory[-1]) + 1,
            "lists": int(self.entries[-1, 1] & _START),
            "inverses": -(-documents // WINDOW) * WINDOW,
            "scale": 1,
        }
        for name, size in sizes.items():
            if len(getattr(self, name)) != size:
                raise MatchingError(
                    f"{name} of a block has {len(getattr(self, name))} entries "
                    f"instead of {size}"
                )

    def __len__(self) -> int:
        return len(self.norms)

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum(getattr(self, name).nbytes for name in _TYPES)

    @classmethod
    def of(
        cls,
        owners: npt.NDArray[Any],
        features: Keys,
        counts: npt.NDArray[Any],
        norms: Floats,
    ) -> Self:
        """Lay out triples as `by_feature` takes them, with norms as for `laid`."""
        norms = np.ascontiguousarray(norms, np.float64)
        return cls.laid(by_feature(owners, features, counts, len(norms)), norms)

    @classmethod
    def laid(
        cls, postings: Postings, norms: Floats, listed: Mask | None = None
    ) -> Self:
        """Lay out sorted postings.

        Parameters
        ----------
        postings : Postings
        norms : array of float64, shape (documents,)
            Between 1e-100 and 1e100.
        listed : array of bool, shape (features,), optional
            Features that questions may ask for; the others keep an entry with an empty
            list, so that they have a number.

        Raises
        ------
        MatchingError
            When a norm is out of range.
        """
        norms = np.ascontiguousarray(norms, np.float64)
        _check_norms(norms)
        if listed is not None:
            postings = postings.only(listed)
        used = np.zeros(len(norms), np.bool_)
        used[postings.docs] = True
        inverses, scale = _inverses(norms, used)
        entries, lists = _lists(postings)
        return cls(
            entries=entries,
            directory=_directory(postings.keys),
            lists=lists,
            norms=norms,
            inverses=inverses,
            scale=scale,
        )

    def with_norms(self, norms: Floats) -> "Block":
        """Return the same lists under other norms; nothing else is copied."""
        norms = np.ascontiguousarray(norms, np.float64)
        _check_norms(norms)
        if len(norms) != len(self):
            raise MatchingError(f"{len(self)} documents cannot have {len(norms)} norms")
        inverses, scale = _inverses(norms, self.inverses[: len(self)] > 0)
        arrays = {name: getattr(self, name) for name in _TYPES}
        return Block(**arrays | {"norms": norms, "inverses": inverses, "scale": scale})

    @cached_property
    def row(self) -> tuple[int, ...]:
        """Sizes and addresses, as the compiled walk wants them."""
        return (
            len(self),
            len(self.entries) - 1,
            65 - (len(self.directory) - 1).bit_length(),
            len(self.directory) - 1,
            len(self.lists),
            _address(self.directory),
            _address(self.entries),
            _address(self.lists),
            _address(self.norms),
            _address(self.inverses),
        )

    def seats(self, wanted: Keys) -> Integers:
        """Return the numbers of scattered keys among the entries, -1 where missing."""
        buckets = (wanted >> np.uint64(self.row[2])).astype(np.int64)
        low = self.directory[buckets].astype(np.int64)
        high = self.directory[buckets + 1].astype(np.int64)
        empty = low == high
        while (high - low > 1).any():
            middle = (low + high) >> 1
            right = self.entries[middle, 0] <= wanted
            low, high = np.where(right, middle, low), np.where(right, high, middle)
        return np.where(empty | (self.entries[low, 0] != wanted), -1, low)

    def parts(self, seat: int) -> _Parts:
        """Return one list: who has the feature, who more than once, how often."""
        start = int(self.entries[seat, 1] & _START)
        end = int(self.entries[seat + 1, 1] & _START)
        if self.entries[seat, 1] >> _PEAK <= 1:
            return self.lists[start:end], self.lists[:0], self.lists[:0]
        again = int(self.lists[start]) + 1
        first, second = start + 1, start + 1 + again
        third = second + again
        return self.lists[third:end], self.lists[first:second], self.lists[second:third]


_TYPES: Final = {
    "entries": np.dtype(np.uint64),
    "directory": np.dtype(np.uint32),
    "lists": np.dtype(np.uint16),
    "norms": np.dtype(np.float64),
    "inverses": np.dtype(np.uint8),
    "scale": np.dtype(np.float64),
}


class Numbered(NamedTuple):
    """Postings by document whose features are numbers in a vocabulary of their own.

    Attributes
    ----------
    keys : array of uint64, shape (features,)
        `scattered` features, ascending.
    numbers : array of uint32, shape (postings,)
        Places in `keys`.
    docs : array of int, shape (postings,)
        Ascending, and greater than those of the parts before.
    counts : array of uint8, shape (postings,)
    """

    keys: Keys
    numbers: npt.NDArray[np.uint32]
    docs: npt.NDArray[Any]
    counts: npt.NDArray[np.uint8]


def merged(parts: Sequence[Numbered], documents: int) -> "tuple[Postings, Forward]":
    """Put postings of several vocabularies together, by feature and by document.

    The vocabularies are sorted, so only they are compared, and the documents are in
    order; only the way by feature has to be sorted.
    """
    # Sorting is much quicker here than the hashing of `numpy.unique`.
    keys = np.sort(np.concatenate([part.keys for part in parts]))
    keys = keys[np.flatnonzero(np.append(True, keys[1:] != keys[:-1])[: len(keys)])]
    numbers = np.concatenate(
        [np.searchsorted(keys, p.keys).astype(np.uint32)[p.numbers] for p in parts]
    )
    sizes = np.bincount(numbers, minlength=len(keys))
    used = sizes > 0
    if not used.all():
        numbers = (np.cumsum(used) - 1).astype(np.uint32)[numbers]
        keys, sizes = keys[used], sizes[used]
    docs = np.concatenate([part.docs.astype(np.uint16) for part in parts])
    counts = np.concatenate([part.counts for part in parts])
    bounds = np.concatenate(([0], np.cumsum(sizes)))
    listed, often = _by_number(numbers, bounds, docs, counts)
    held = np.bincount(docs, minlength=documents)
    forward = Forward(
        np.concatenate(([0], np.cumsum(held))).astype(np.uint32), numbers, counts
    )
    return Postings(keys, bounds, listed, often), forward


def _by_number(
    numbers: npt.NDArray[np.uint32],
    bounds: Integers,
    docs: npt.NDArray[np.uint16],
    counts: npt.NDArray[np.uint8],
) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint8]]:
    """Put documents and counts in the order of their numbers, equal ones as given."""
    compiled = kernels.compiled()
    if compiled is not None:
        listed, often = np.empty_like(docs), np.empty_like(counts)
        compiled.put_in_order(numbers, bounds[:-1].copy(), docs, counts, listed, often)
        return listed, often
    order = _order(numbers)
    return docs[order], counts[order]


def _address(array: npt.NDArray[Any]) -> int:
    return int(array.__array_interface__["data"][0])


def _check_norms(norms: Floats) -> None:
    if len(norms) > BLOCK:
        raise MatchingError(f"a block holds {BLOCK} documents, not {len(norms)}")
    wrong = np.flatnonzero(~((norms >= LEAST) & (norms <= GREATEST)))
    if len(wrong):
        raise MatchingError(
            f"norm of document {wrong[0]} is {norms[wrong[0]]}; "
            f"it must lie between {LEAST:g} and {GREATEST:g}"
        )


def _check_triples(
    owners: npt.NDArray[Any],
    features: Keys,
    counts: npt.NDArray[Any],
    documents: int,
) -> None:
    if documents > BLOCK:
        raise MatchingError(f"a block holds {BLOCK} documents, not {documents}")
    if not len(owners) == len(features) == len(counts):
        raise MatchingError(
            f"{len(owners)} owners, {len(features)} features and {len(counts)} counts "
            "do not make triples"
        )
    if not len(owners):
        return
    if len(owners) >= 1 << 32:
        raise MatchingError(f"{len(owners)} postings are too many for one block")
    if owners.min() < 0 or owners.max() >= documents:
        raise MatchingError(f"owners must lie between 0 and {documents - 1}")
    if counts.min() < 1 or counts.max() > 255:
        raise MatchingError("counts must lie between 1 and 255")


def _inverses(norms: Floats, used: Mask) -> tuple[npt.NDArray[np.uint8], Floats]:
    """Return ``1 / norm`` in 255 steps, rounded up, and the size of a step."""
    inverses = np.zeros(-(-len(norms) // WINDOW) * WINDOW, np.uint8)
    if not used.any():
        return inverses, np.ones(1)
    exact = 1.0 / norms[used]
    step = float(exact.max()) / 255 * (1 + 1e-12)
    inverses[: len(norms)][used] = np.floor(exact / step) + 1
    return inverses, np.array([step])


def _lists(postings: Postings) -> tuple[Keys, npt.NDArray[np.uint16]]:
    """Lay postings out as entries and lists."""
    sizes, tf = postings.sizes, postings.counts
    repeated = np.flatnonzero(tf > 1)
    list_of = np.searchsorted(postings.bounds, repeated, side="right") - 1
    again = np.bincount(list_of, minlength=len(sizes))
    heads = np.where(again > 0, 2 * again + 1, 0)
    ends = np.cumsum(sizes + heads)
    begins = ends - sizes - heads
    lists = np.empty(int(ends[-1]) if len(ends) else 0, np.uint16)
    lists[begins[again > 0]] = again[again > 0] - 1
    lists[ranges(begins + 1, again)] = postings.docs[repeated]
    lists[ranges(begins + 1 + again, again)] = tf[repeated]
    lists[ranges(begins + heads, sizes)] = postings.docs
    entries = np.empty((len(sizes) + 1, 2), np.uint64)
    entries[:-1, 0] = postings.keys
    entries[-1, 0] = np.iinfo(np.uint64).max
    entries[:-1, 1] = begins.astype(np.uint64)
    entries[-1, 1] = len(lists)
    if len(filled := np.flatnonzero(sizes)):
        peaks = np.maximum.reduceat(tf, postings.bounds[filled])
        entries[filled, 1] |= peaks.astype(np.uint64) << _PEAK
    return entries, lists


def ranges(starts: Integers, sizes: Integers) -> Integers:
    """Return the numbers of several ranges, one after another.

    Examples
    --------
    >>> ranges(np.array([5, 20]), np.array([2, 3])).tolist()
    [5, 6, 20, 21, 22]
    """
    firsts = np.cumsum(sizes) - sizes
    total = int(sizes.sum())
    numbers: Integers = np.arange(total) + np.repeat(starts - firsts, sizes)
    return numbers


def _directory(keys: Keys) -> npt.NDArray[np.uint32]:
    """Return where the keys with the same upper bits begin, about eight in a bucket."""
    bits = max(1, (len(keys) // 8).bit_length())
    tops = (keys >> np.uint64(64 - bits)).astype(np.int64)
    sizes = np.bincount(tops, minlength=1 << bits)
    return np.concatenate(([0], np.cumsum(sizes))).astype(np.uint32)


@dataclass(frozen=True, eq=False)
class Forward:
    """The same postings by document: for each its features and their frequencies.

    Attributes
    ----------
    bounds : array of uint32, shape (documents + 1,)
        Where each document begins in `numbers`.
    numbers : array of uint32, shape (postings,)
        Numbers of its features among the entries of its block, ascending.
    counts : array of uint8, shape (postings,)
        How often the document has each.
    """

    bounds: npt.NDArray[np.uint32]
    numbers: npt.NDArray[np.uint32]
    counts: npt.NDArray[np.uint8]

    @classmethod
    def of(cls, postings: Postings, documents: int) -> Self:
        """Turn postings round."""
        order = np.argsort(postings.docs, kind="stable")
        numbers = np.repeat(
            np.arange(len(postings.keys), dtype=np.uint32), postings.sizes
        )
        sizes = np.bincount(postings.docs, minlength=documents)
        return cls(
            np.concatenate(([0], np.cumsum(sizes))).astype(np.uint32),
            numbers[order],
            postings.counts[order],
        )

    def places(self, docs: Integers) -> tuple[Integers, Integers]:
        """Return where the features of some documents stand, and how many each has.

        Returns
        -------
        places : array of int64
            In `numbers` and `counts`, document by document.
        sizes : array of int64, shape (documents,)
        """
        starts = self.bounds[docs].astype(np.int64)
        sizes = self.bounds[docs + 1] - starts
        return ranges(starts, sizes), sizes

    def frequencies(self, docs: Integers, seats: Integers) -> npt.NDArray[np.uint8]:
        """Return how often each of some documents has each of some features.

        Parameters
        ----------
        docs : array of int64, shape (documents,)
        seats : array of int64, shape (features,)
            Numbers of the features, all different; -1 for one that no document has.

        Returns
        -------
        array of uint8, shape (documents, features)

        Raises
        ------
        MatchingError
            When a document is out of range.
        """
        docs = np.ascontiguousarray(docs, np.int64)
        if len(docs) and not 0 <= docs.min() <= docs.max() < len(self.bounds) - 1:
            raise MatchingError(
                f"documents must lie between 0 and {len(self.bounds) - 2}"
            )
        found = np.zeros((len(docs), len(seats)), np.uint8)
        known = np.flatnonzero(seats >= 0)
        if not len(known) or not len(docs):
            return found
        compiled = kernels.compiled()
        if compiled is not None:
            compiled.forward_frequencies(
                self.bounds, self.numbers, self.counts, docs, seats[known], known, found
            )
            return found
        places, sizes = self.places(docs)
        rows = np.repeat(np.arange(len(docs)), sizes)
        mine = self.numbers[places]
        columns = np.full(int(max(mine.max(initial=0), seats.max())) + 1, -1, np.int64)
        columns[seats[known]] = known
        column = columns[mine]
        held = column >= 0
        found[rows[held], column[held]] = self.counts[places[held]]
        return found


class Shelf:
    """Blocks and what lives in them, made ready once for many questions.

    Parameters
    ----------
    blocks : sequence of Block
    living : sequence of array of bool or None, optional
        One mask for each block; None where all documents live. A mask may be changed
        between questions.

    Raises
    ------
    MatchingError
        When a mask does not fit its block.
    """

    def __init__(
        self,
        blocks: Sequence[Block],
        living: Sequence[Mask | None] | None = None,
    ) -> None:
        self.blocks = tuple(blocks)
        self.living: tuple[Mask | None, ...] = (
            (None,) * len(self.blocks) if living is None else tuple(living)
        )
        if len(self.living) != len(self.blocks):
            raise MatchingError(
                f"{len(self.blocks)} blocks cannot have {len(self.living)} masks"
            )
        for number, (block, mask) in enumerate(
            zip(self.blocks, self.living, strict=True)
        ):
            if mask is not None and (
                mask.dtype != np.bool_
                or mask.shape != (len(block),)
                or not mask.flags.c_contiguous
            ):
                raise MatchingError(f"the mask of block {number} does not fit it")
        rows = [block.row for block in self.blocks]
        self.table = np.array(rows, np.uint64).reshape(len(rows), 10)
        self.steps = np.array([block.scale[0] for block in self.blocks], np.float64)
        self.masks = np.array(
            [0 if mask is None else _address(mask) for mask in self.living], np.uint64
        )
        self.documents = sum(len(block) for block in self.blocks)


def seats(shelf: Shelf, features: Keys) -> Integers:
    """Find features in every block.

    Returns
    -------
    array of int64, shape (blocks, features)
        Their numbers among the entries of each block, -1 where it has none.
    """
    wanted = scattered(np.ascontiguousarray(features, np.uint64))
    compiled = kernels.compiled()
    if compiled is None:
        found = [block.seats(wanted) for block in shelf.blocks]
        return np.array(found, np.int64).reshape(len(found), len(wanted))
    places = np.empty((len(shelf.blocks), len(wanted)), np.int64)
    compiled.look_up(shelf.table, wanted, places)
    return places


class _Desk(local):
    """Working memory of one thread."""

    def __init__(self) -> None:
        self.sums = np.zeros(BLOCK, np.uint16)
        self.found = np.zeros(BLOCK, np.int64)
        self.bounds = np.zeros(BLOCK, np.float64)
        self.tally = np.zeros(4, np.int64)


_DESK: Final = _Desk()


def tally() -> Integers:
    """Return what this thread has done so far.

    Returns
    -------
    array of int64, shape (4,)
        Postings in the lists of all queries, postings read, documents looked up in
        lists that were not read, documents scored exactly. Only compiled walks count.
    """
    return _DESK.tally.copy()


def top(
    blocks: Sequence[Block] | Shelf,
    features: Keys,
    weights: Floats,
    k: int,
    living: Sequence[Mask | None] | None = None,
) -> Found:
    """Return the k best documents, exactly.

    Parameters
    ----------
    blocks : sequence of Block, or Shelf
        A `Shelf` saves about a microsecond a block and question.
    features : array of uint64, shape (features,)
        A feature may stand twice; then it counts twice.
    weights : array of float64, shape (features,)
        0, or between 1e-100 and 1e100.
    k : int
        At least 1.
    living : sequence of array of bool or None, optional
        One mask for each block; not with a `Shelf`, which has its own.

    Returns
    -------
    Found
        Documents with a score above 0. Ties go to the lesser block, then id. Scores are
        summed in the order of the features.

    Raises
    ------
    MatchingError
        When a weight is out of range, or there are more than 30,000 features.
    """
    return _one(_shelf(blocks, living), features, weights, k, rescored=True)


def candidates(
    blocks: Sequence[Block] | Shelf,
    features: Keys,
    weights: Floats,
    most: int,
    living: Sequence[Mask | None] | None = None,
) -> Found:
    """Return the documents with the greatest upper bounds, without scoring them.

    A bound exceeds the score by at most one 65,534th of what a document with all
    features at their greatest frequencies would score under the same norm, for each
    feature. Parameters and ties are as for `top`.
    """
    return _one(_shelf(blocks, living), features, weights, most, rescored=False)


def top_many(
    blocks: Sequence[Block] | Shelf,
    queries: Sequence[Pair],
    k: int,
    *,
    threads: int = 1,
    living: Sequence[Mask | None] | None = None,
) -> list[Found]:
    """Answer many questions, each as `top` would.

    Queries walk over a block together, so that its lists stay in the cache.

    Parameters
    ----------
    queries : sequence of (features, weights)
    threads : int, default=1
        The result does not depend on it.
    """
    shelf = _shelf(blocks, living)
    chunks = [queries[i : i + _CHUNK] for i in range(0, len(queries), _CHUNK)]

    def answer(chunk: Sequence[Pair]) -> list[Found]:
        return _walk(shelf, [_checked(*query) for query in chunk], k, rescored=True)

    if threads == 1 or len(chunks) < 2:
        parts = [answer(chunk) for chunk in chunks]
    else:
        with ThreadPoolExecutor(threads) as pool:
            parts = list(pool.map(answer, chunks))
    return [found for part in parts for found in part]


def _shelf(
    blocks: Sequence[Block] | Shelf, living: Sequence[Mask | None] | None
) -> Shelf:
    if not isinstance(blocks, Shelf):
        return Shelf(blocks, living)
    if living is not None:
        raise MatchingError("a shelf has its own masks")
    return blocks


def _checked(features: Keys, weights: Floats) -> Pair:
    """Scatter the features and leave out those that weigh nothing."""
    wanted = scattered(np.ascontiguousarray(features, np.uint64))
    weights = np.ascontiguousarray(weights, np.float64)
    if wanted.shape != weights.shape or wanted.ndim != 1:
        raise MatchingError(f"{len(wanted)} features, but {len(weights)} weights")
    if len(wanted) and not weights.min() >= LEAST:
        if not (weights >= 0).all() or ((weights > 0) & (weights < LEAST)).any():
            raise MatchingError(f"weights must be 0 or at least {LEAST:g}")
        wanted, weights = wanted[weights > 0], weights[weights > 0]
    if len(wanted) and not weights.max() <= GREATEST:
        raise MatchingError(f"weights must be at most {GREATEST:g}")
    if len(wanted) > MOST_FEATURES:
        raise MatchingError(
            f"a query has at most {MOST_FEATURES} features, not {len(wanted)}"
        )
    return wanted, weights


def _one(
    shelf: Shelf, features: Keys, weights: Floats, most: int, *, rescored: bool
) -> Found:
    query = _checked(features, weights)
    return _walk(shelf, [query], most, rescored=rescored)[0]


def _walk(
    shelf: Shelf, queries: Sequence[Pair], most: int, *, rescored: bool
) -> list[Found]:
    if most < 1:
        raise MatchingError(f"at least one document must be asked for, not {most}")
    most = min(most, max(shelf.documents, 1))
    compiled = kernels.compiled()
    if compiled is None:
        return [_walk_plainly(shelf, *query, most, rescored) for query in queries]
    firsts = np.zeros(len(queries) + 1, np.int64)
    if len(queries) == 1:
        wanted, weights = queries[0]
        firsts[1] = len(wanted)
    else:
        np.cumsum([len(wanted) for wanted, _ in queries], out=firsts[1:])
        wanted = np.concatenate([wanted for wanted, _ in queries])
        weights = np.concatenate([weights for _, weights in queries])
    places = np.empty((len(queries), most), np.int64)
    scores = np.empty((len(queries), most), np.float64)
    sizes = np.empty(len(queries), np.int64)
    desk = _DESK
    compiled.walk(
        shelf.table,
        shelf.steps,
        shelf.masks,
        firsts,
        wanted,
        weights,
        LOGS,
        most,
        rescored,
        desk.sums,
        desk.found,
        desk.bounds,
        places,
        scores,
        sizes,
        desk.tally,
    )
    return [
        Found(places[q, :size] >> 16, places[q, :size] & 0xFFFF, scores[q, :size])
        for q, size in enumerate(sizes.tolist())
    ]


def _walk_plainly(
    shelf: Shelf, wanted: Keys, weights: Floats, most: int, rescored: bool
) -> Found:
    """Answer one query with NumPy alone; the same numbers as the compiled walk."""
    best = np.zeros(0, np.int64)
    scores = np.zeros(0, np.float64)
    all_seats = [block.seats(wanted) for block in shelf.blocks]
    gains, unit = _gains(shelf, all_seats, weights)
    for number, (block, seats) in enumerate(zip(shelf.blocks, all_seats, strict=True)):
        lists = np.flatnonzero(seats >= 0)
        if not len(lists):
            continue
        sums = _sums(block, seats, gains, lists)
        alive = shelf.living[number]
        if alive is not None:
            sums[~alive] = 0
        threshold = scores[-1] if len(scores) == most else 0.0
        docs = np.flatnonzero(sums)
        bounds = sums[docs] * unit / block.norms[docs]
        if len(scores) < most <= len(docs):
            surely = (sums[docs].astype(np.int64) - len(lists)) * unit
            lows = surely / block.norms[docs] * SLACK
            threshold = max(threshold, np.partition(lows, -most)[-most])
        kept = bounds >= threshold * SLACK
        docs, found = docs[kept], bounds[kept]
        if rescored:
            found = _exact(block, docs, seats, weights)
            docs, found = docs[found > 0], found[found > 0]
        best = np.concatenate((best, docs + (number << 16)))
        scores = np.concatenate((scores, found))
        order = np.lexsort((best, -scores))[:most]
        best, scores = best[order], scores[order]
    return Found(best >> 16, best & 0xFFFF, scores)


def _gains(
    shelf: Shelf, all_seats: Sequence[Integers], weights: Floats
) -> tuple[list[npt.NDArray[np.uint16]], float]:
    """Return what each feature adds at each frequency, in units; and the unit."""
    peaks = np.zeros(len(weights), np.int64)
    for block, seats in zip(shelf.blocks, all_seats, strict=True):
        held = seats >= 0
        mine = (block.entries[seats[held], 1] >> _PEAK).astype(np.int64)
        peaks[held] = np.maximum(peaks[held], mine)
    reach = float(sum((weights * LOGS[peaks]).tolist()))
    unit = reach / (65534.0 - len(weights))
    gains = []
    for weight, peak in zip(weights, peaks, strict=True):
        gain = np.zeros(peak + 1, np.uint16)
        if peak:
            gain[1:] = np.floor(weight * LOGS[1 : peak + 1] / unit) + 1
        gains.append(gain)
    return gains, unit


def _sums(
    block: Block,
    seats: Integers,
    gains: Sequence[npt.NDArray[np.uint16]],
    lists: Integers,
) -> npt.NDArray[np.uint16]:
    """Add up the gains of every document."""
    sums = np.zeros(len(block), np.uint16)
    for feature in lists:
        docs, again, counts = block.parts(int(seats[feature]))
        if not len(docs):
            continue
        gain = gains[feature]
        sums[docs] += gain[1]
        sums[again] += gain[counts] - gain[1]
    return sums


def _exact(block: Block, docs: Integers, seats: Integers, weights: Floats) -> Floats:
    """Score documents in the order of the features."""
    scores = np.zeros(len(docs), np.float64)
    if not len(docs):
        return scores
    for feature in np.flatnonzero(seats >= 0):
        counts = _counts(block, int(seats[feature]), docs)
        scores += weights[feature] * LOGS[counts]
    return scores / block.norms[docs]


def _counts(block: Block, seat: int, docs: Integers) -> Integers:
    """Return how often each document has a feature."""
    counts = np.zeros(len(docs), np.int64)
    mine, again, frequencies = block.parts(seat)
    counts[_held(mine, docs)] = 1
    if len(again):
        held = _held(again, docs)
        counts[held] = frequencies[np.searchsorted(again, docs[held])]
    return counts


def _held(ascending: npt.NDArray[np.uint16], docs: Integers) -> Mask:
    places = np.searchsorted(ascending, docs)
    places[places == len(ascending)] = 0
    held: Mask = ascending[places] == docs
    return held
