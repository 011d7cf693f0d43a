"""Immutable pieces of an index: postings by feature and by document, columns, payloads.

A segment holds at most 65,536 documents in a handful of flat arrays. Saved, it is one
file for each array, mapped into memory by every process that opens it. What is added
later becomes a small segment of the same kind in memory; small ones are joined, full
ones are left alone. No array holds a statistic of the whole collection: document
frequencies and lengths are counted over the living documents when a query is asked, so
a ranking depends on what is in the index and not on how it got there.
"""

import json
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from hashlib import blake2b
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from matching.facts import Facts, dumped
from matching.postings import Posting
from matching.scan import Block, Forward, Numbered, gathered, merged, ranges
from matching.tokens import Kind, among, are_of, kinds_of

Floats: TypeAlias = npt.NDArray[np.float64]
Integers: TypeAlias = npt.NDArray[np.int64]
Mask: TypeAlias = npt.NDArray[np.bool_]
Features: TypeAlias = npt.NDArray[np.uint64]

TOKEN_KINDS: Final = (Kind.WORD, Kind.BIGRAM, Kind.STEM, Kind.CODE, Kind.PAIR)
"""Features that make up the length of a text."""
SCORED_KINDS: Final = (*TOKEN_KINDS, Kind.CHAR)
"""Features that the word views score. Characters on their own tell of the field where
few words are shared."""
GRAM_KINDS: Final = (Kind.BIGRAM, Kind.GRAM)
"""Features that the n-gram view scores."""

_BLOCK: Final = ("entries", "directory", "lists", "norms", "inverses", "scale")
_FORWARD: Final = ("bounds", "numbers", "counts")


def digest64(text: str) -> int:
    """Return the 64-bit key under which a string is looked up."""
    raw = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(raw, "little")


@dataclass(frozen=True, eq=False)
class Segment:
    """Flat arrays over the documents of one batch.

    Attributes
    ----------
    entries, directory, lists, norms, inverses, scale
        The posting lists, as `matching.scan.Block` describes them. Norms are Euclidean,
        of the sub-linear frequencies, weighed by how much a feature says in the
        language at large; 1 for a document without features. Characters have an entry
        and an empty list: no document is looked for by them.
    bounds, numbers, counts
        The same by document, as `matching.scan.Forward` describes them; characters too.
    frequencies : array of uint32, shape (features,)
        Documents that hold each feature, dead ones too.
    kinds : array of uint8, shape (features,)
        `Kind` of each feature.
    lengths : array of float64, shape (documents,)
        Number of tokens.
    gram_norms : array of float64, shape (documents,)
        Euclidean norms of the sub-linear frequencies of n-grams; 1 without n-grams.
    maturity, budget : array of float64
        Not a number where unknown.
    tiers : array of int32
    named : array of bool
        Whether a document has grades or names.
    dimensions : array of uint64
        `Facts.dimensions` of each document.
    digests : array of uint64, shape (documents, 2)
        Of each payload; their sum names the contents of an index.
    id_keys, id_docs
        Sorted keys of the ids, and the documents that they belong to.
    ids, id_bounds
        The ids themselves, one after another, in UTF-8.
    label_names : array of uint8
        Texts of the labels, as JSON, sorted.
    label_bounds, label_docs
        Documents of each label, ascending.
    doc_label_bounds, doc_labels
        Labels of each document, ascending.
    facts, fact_bounds
        JSON of each document's `Facts`, one after another.
    payload, payload_bounds
        JSON of each posting.
    """

    entries: npt.NDArray[np.uint64]
    directory: npt.NDArray[np.uint32]
    lists: npt.NDArray[np.uint16]
    norms: Floats
    inverses: npt.NDArray[np.uint8]
    scale: Floats
    bounds: npt.NDArray[np.uint32]
    numbers: npt.NDArray[np.uint32]
    counts: npt.NDArray[np.uint8]
    frequencies: npt.NDArray[np.uint32]
    kinds: npt.NDArray[np.uint8]
    lengths: Floats
    gram_norms: Floats
    maturity: Floats
    budget: Floats
    tiers: npt.NDArray[np.int32]
    named: Mask
    dimensions: npt.NDArray[np.uint64]
    digests: npt.NDArray[np.uint64]
    id_keys: npt.NDArray[np.uint64]
    id_docs: npt.NDArray[np.int32]
    ids: npt.NDArray[np.uint8]
    id_bounds: Integers
    label_names: npt.NDArray[np.uint8]
    label_bounds: Integers
    label_docs: npt.NDArray[np.int32]
    doc_label_bounds: Integers
    doc_labels: npt.NDArray[np.uint32]
    facts: npt.NDArray[np.uint8]
    fact_bounds: Integers
    payload: npt.NDArray[np.uint8]
    payload_bounds: Integers

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum(getattr(self, f.name).nbytes for f in fields(self))

    @cached_property
    def block(self) -> Block:
        """The posting lists, for the walk over them."""
        return Block(**{name: getattr(self, name) for name in _BLOCK})

    @cached_property
    def gram_block(self) -> Block:
        """The same under the norms of n-grams."""
        return self.block.with_norms(self.gram_norms)

    @cached_property
    def forward(self) -> Forward:
        """The features by document."""
        return Forward(**{name: getattr(self, name) for name in _FORWARD})

    @cached_property
    def total_length(self) -> float:
        """Tokens in all documents; whole numbers, which add up in any order."""
        return float(self.lengths.sum())

    @cached_property
    def digest(self) -> npt.NDArray[np.uint64]:
        """Sum of the digests of all documents."""
        total: npt.NDArray[np.uint64] = self.digests.sum(axis=0, dtype=np.uint64)
        return total

    @cached_property
    def labels(self) -> dict[tuple[str, str], int]:
        """Number of each label, an axis and a value on it."""
        names = json.loads(self.label_names.tobytes() or b"[]")
        return {(axis, value): number for number, (axis, value) in enumerate(names)}

    @cached_property
    def label_list(self) -> list[tuple[str, str]]:
        """The labels in the order of their numbers."""
        return list(self.labels)

    def label_range(self, axis: str) -> tuple[int, int]:
        """Return the first number of a label on an axis, and the number after them."""
        first = bisect_left(self.label_list, (axis,))
        return first, bisect_left(self.label_list, (axis + "\0",), first)

    def features_of(
        self, docs: Integers, kinds: Sequence[Kind] = tuple(Kind)
    ) -> tuple[Integers, Features, npt.NDArray[np.uint8]]:
        """Return the features of some documents.

        Returns
        -------
        rows : array of int64
            To which of `docs` each belongs, ascending.
        features, counts
        """
        places, sizes = self.forward.places(docs)
        rows = np.repeat(np.arange(len(docs)), sizes)
        numbers = self.numbers[places]
        if len(kinds) < len(Kind):
            kept = np.flatnonzero(among(self.kinds[numbers], kinds))
            rows, places, numbers = rows[kept], places[kept], numbers[kept]
        return rows, gathered(self.entries[numbers, 0]), self.counts[places]

    def docs_with(self, label: tuple[str, str]) -> npt.NDArray[np.int32]:
        """Return the documents that carry a label."""
        number = self.labels.get(label)
        if number is None:
            return self.label_docs[:0]
        bounds = self.label_bounds
        return self.label_docs[bounds[number] : bounds[number + 1]]

    def labels_of(self, doc: int) -> list[tuple[str, str]]:
        """Return the labels of a document, each an axis and a value on it."""
        numbers = self.doc_labels[
            self.doc_label_bounds[doc] : self.doc_label_bounds[doc + 1]
        ]
        return [self.label_list[number] for number in numbers.tolist()]

    def posting(self, doc: int) -> Posting:
        """Return a document as it was added."""
        bounds = self.payload_bounds
        raw = self.payload[bounds[doc] : bounds[doc + 1]].tobytes()
        return Posting.from_dict(json.loads(raw))

    def facts_of(self, doc: int) -> Facts:
        """Return what is compared one document at a time."""
        bounds = self.fact_bounds
        raw = self.facts[bounds[doc] : bounds[doc + 1]].tobytes()
        return Facts.from_json(raw)

    def find(self, posting_id: str, key: int) -> list[int]:
        """Return the documents with that id, whose `digest64` is the key."""
        wanted = np.uint64(key)
        low = int(np.searchsorted(self.id_keys, wanted, side="left"))
        high = int(np.searchsorted(self.id_keys, wanted, side="right"))
        found = (int(doc) for doc in self.id_docs[low:high])
        return [doc for doc in found if self.id_of(doc) == posting_id]

    def id_of(self, doc: int) -> str:
        """Return the id of a document."""
        raw = self.ids[self.id_bounds[doc] : self.id_bounds[doc + 1]].tobytes()
        return raw.decode("utf-8", "surrogatepass")


def joined(arrays: Sequence[npt.NDArray[Any]], dtype: Any) -> npt.NDArray[Any]:
    """Put arrays behind one another; none make an empty one of that type."""
    return np.concatenate(arrays) if arrays else np.zeros(0, dtype)


def offsets(sizes: Sequence[int] | Integers) -> Integers:
    """Return where pieces of these sizes begin, and the end."""
    ends = np.cumsum(np.asarray(sizes, np.int64))
    bounds: Integers = np.concatenate(([0], ends)).astype(np.int64)
    return bounds


def searchable(features: Features) -> Mask:
    """Say which features documents are looked for by: all but characters."""
    return ~are_of(features, [Kind.CHAR])


def labelled(
    members: dict[tuple[str, str], Integers], documents: int
) -> dict[str, npt.NDArray[Any]]:
    """Lay out labels both ways.

    Parameters
    ----------
    members : dict
        Documents of each label, ascending.
    documents : int

    Returns
    -------
    dict
        The arrays of a `Segment` that hold labels.
    """
    names = sorted(members)
    sizes = [len(members[name]) for name in names]
    docs = joined([members[name] for name in names], np.int64)
    order = np.argsort(docs, kind="stable")
    return {
        "label_names": np.frombuffer(dumped(names), np.uint8),
        "label_bounds": offsets(sizes),
        "label_docs": docs.astype(np.int32),
        "doc_label_bounds": offsets(np.bincount(docs, minlength=documents)),
        "doc_labels": np.repeat(np.arange(len(names), dtype=np.uint32), sizes)[order],
    }


def by_id(id_keys: npt.NDArray[np.uint64], docs: Integers) -> dict[str, Any]:
    """Sort the keys of ids; of equal ones the earlier document comes first."""
    order = np.lexsort((docs, id_keys))
    return {"id_keys": id_keys[order], "id_docs": docs[order].astype(np.int32)}


def merge(pairs: Sequence[tuple[Segment, Mask]]) -> Segment:
    """Join the living documents of segments; no more than a block can hold."""
    renumbered: list[Integers] = []
    base = 0
    for _, mask in pairs:
        renumbered.append(np.where(mask, base + np.cumsum(mask) - 1, -1))
        base += int(mask.sum())
    with_numbers = [
        (segment, mask, numbers)
        for (segment, mask), numbers in zip(pairs, renumbered, strict=True)
    ]

    parts = []
    for segment, mask, numbers in with_numbers:
        kept = np.flatnonzero(mask)
        places, sizes = segment.forward.places(kept)
        parts.append(
            Numbered(
                segment.entries[:-1, 0],
                segment.numbers[places],
                np.repeat(numbers[kept], sizes),
                segment.counts[places],
            )
        )
    postings, forward = merged(parts, base)

    members: dict[tuple[str, str], list[Integers]] = {}
    for segment, mask, numbers in with_numbers:
        for label in segment.labels:
            carrying = segment.docs_with(label)
            if len(carrying := carrying[mask[carrying]]):
                members.setdefault(label, []).append(numbers[carrying])

    def column(name: str) -> npt.NDArray[Any]:
        return np.concatenate([getattr(s, name)[mask] for s, mask in pairs])

    id_keys = np.concatenate([s.id_keys[mask[s.id_docs]] for s, mask in pairs])
    id_docs = np.concatenate(
        [numbers[s.id_docs[mask[s.id_docs]]] for s, mask, numbers in with_numbers]
    )
    ids, id_bounds = _blobs(pairs, "ids", "id_bounds")
    facts, fact_bounds = _blobs(pairs, "facts", "fact_bounds")
    payload, payload_bounds = _blobs(pairs, "payload", "payload_bounds")
    block = Block.laid(postings, column("norms"), searchable(postings.features))
    return Segment(
        **{name: getattr(block, name) for name in _BLOCK},
        **{name: getattr(forward, name) for name in _FORWARD},
        frequencies=postings.sizes.astype(np.uint32),
        kinds=kinds_of(postings.features),
        lengths=column("lengths"),
        gram_norms=column("gram_norms"),
        maturity=column("maturity"),
        budget=column("budget"),
        tiers=column("tiers"),
        named=column("named"),
        dimensions=column("dimensions"),
        digests=column("digests"),
        **by_id(id_keys, id_docs),
        ids=ids,
        id_bounds=id_bounds,
        **labelled(
            {label: np.concatenate(mine) for label, mine in members.items()}, base
        ),
        facts=facts,
        fact_bounds=fact_bounds,
        payload=payload,
        payload_bounds=payload_bounds,
    )


def _blobs(
    pairs: Iterable[tuple[Segment, Mask]], blob: str, bounds: str
) -> tuple[npt.NDArray[np.uint8], Integers]:
    """Join pieces of variable length, leaving out those of dead documents."""
    pieces: list[npt.NDArray[np.uint8]] = []
    sizes: list[Integers] = []
    for segment, mask in pairs:
        whole, starts = getattr(segment, blob), getattr(segment, bounds)
        size = np.diff(starts)
        sizes.append(size[mask])
        kept = mask.all()
        pieces.append(whole if kept else whole[ranges(starts[:-1][mask], size[mask])])
    return np.concatenate(pieces), offsets(np.concatenate(sizes))
