"""Immutable pieces of an index: postings by feature, columns by document, payloads.

A segment is a handful of flat arrays. Saved, it is one file for each array, mapped into
memory by every process that opens it. What is added later becomes a small segment of
the same kind in memory. No array holds a statistic of the whole collection: document
frequencies and lengths are counted over the living documents when a query is asked, so
a ranking depends on what is in the index and not on how it got there.
"""

import json
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import astuple, dataclass, fields
from hashlib import blake2b
from io import BytesIO
from mmap import ACCESS_READ, mmap
from typing import IO, Any, Final, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from matching.indicators import Comparison, Indicator, extract
from matching.lexicon.background import informativeness
from matching.names import Grade, grades, wanted_grades
from matching.postings import AXES, Posting
from matching.scan import LOGS, ranges
from matching.sections import substance
from matching.text import clean
from matching.tokens import Kind, are_of, fold, tokenise

Floats: TypeAlias = npt.NDArray[np.float64]
Integers: TypeAlias = npt.NDArray[np.int64]
Mask: TypeAlias = npt.NDArray[np.bool_]

CHUNK: Final = 1024
"""Postings that are cut into words in one pass; bounds the memory of a build."""

HAS_CLAIMS: Final = 1
"""Flag of a document with indicators, in rows or in its text."""
HAS_NAMES: Final = 2
"""Flag of a document with grades or names."""

LABELS: Final = ("kind", "org", *AXES)
"""What a document is filtered by, kept as postings like words are."""

TOKEN_KINDS: Final = (Kind.WORD, Kind.BIGRAM, Kind.STEM, Kind.CODE, Kind.PAIR)
"""Features that make up the length of a text."""
SCORED_KINDS: Final = (*TOKEN_KINDS, Kind.CHAR)
"""Features that the word views score. Characters on their own tell of the field where
few words are shared."""
GRAM_KINDS: Final = (Kind.BIGRAM, Kind.GRAM)
"""Features that the n-gram view scores."""


def digest64(text: str) -> int:
    """Return the 64-bit key under which a string is looked up."""
    raw = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(raw, "little")


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """Flat arrays over the documents of one batch.

    Attributes
    ----------
    keys : array of uint64, shape (features,)
        Sorted.
    frequencies : array of uint32, shape (features,)
        Documents that hold each feature, dead ones too.
    bounds : array of int64, shape (features + 1,)
        Where each feature's postings begin in `docs` and `counts`. Characters have
        none: no document is looked for by them.
    docs : array of int32, counts : array of uint8
        Document and term frequency of each posting, by feature, then by document.
    doc_bounds : array of int64, shape (documents + 1,)
        Where each document begins in `doc_features` and `doc_counts`.
    doc_features : array of uint32, doc_counts : array of uint8
        The same turned round: numbers of the features of each document, ascending, and
        their frequencies; characters too.
    lengths : array of float64, shape (documents,)
        Number of tokens.
    norms : array of float64, shape (documents,)
        Euclidean norms of the sub-linear frequencies, weighed by how much a feature
        says in the language at large; 1 for a document without features.
    gram_norms : array of float64, shape (documents,)
        Euclidean norms of the sub-linear frequencies of n-grams.
    maturity, budget : array of float64
        Not a number where unknown.
    tiers : array of int32, flags : array of uint8
    digests : array of uint64, shape (documents, 2)
        Of each payload; their sum names the contents of an index.
    id_keys, id_docs
        Sorted keys of the ids, and the documents that they belong to.
    ids, id_bounds
        The ids themselves, one after another, in UTF-8.
    label_keys : array of uint64, label_bounds : array of int64, label_docs
        Postings of the labels; `label_names` has their texts, as JSON.
    facts, fact_bounds
        JSON of each document's `Facts`, one after another.
    payload, payload_bounds
        JSON of each posting.
    """

    keys: npt.NDArray[np.uint64]
    frequencies: npt.NDArray[np.uint32]
    bounds: Integers
    docs: npt.NDArray[np.int32]
    counts: npt.NDArray[np.uint8]
    doc_bounds: Integers
    doc_features: npt.NDArray[np.uint32]
    doc_counts: npt.NDArray[np.uint8]
    lengths: Floats
    norms: Floats
    gram_norms: Floats
    maturity: Floats
    budget: Floats
    tiers: npt.NDArray[np.int32]
    flags: npt.NDArray[np.uint8]
    digests: npt.NDArray[np.uint64]
    id_keys: npt.NDArray[np.uint64]
    id_docs: npt.NDArray[np.int32]
    ids: npt.NDArray[np.uint8]
    id_bounds: Integers
    label_names: npt.NDArray[np.uint8]
    label_bounds: Integers
    label_docs: npt.NDArray[np.int32]
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

    def places(self, features: npt.NDArray[np.uint64]) -> tuple[Integers, Mask]:
        """Return the numbers of features, and which of them are known at all."""
        if not len(self.keys):
            return np.zeros(len(features), np.int64), np.zeros(len(features), np.bool_)
        places = np.searchsorted(self.keys, features)
        places[places == len(self.keys)] = 0
        return places, self.keys[places] == features

    def entries_of(self, docs: Integers) -> tuple[Integers, Integers]:
        """Return where the features of some documents stand, and how many each has.

        Returns
        -------
        places : array of int64
            In `doc_features` and `doc_counts`, document by document.
        sizes : array of int64, shape (documents,)
        """
        starts = self.doc_bounds[docs]
        sizes = self.doc_bounds[docs + 1] - starts
        return ranges(starts, sizes), sizes

    def labels(self) -> dict[tuple[str, str], slice]:
        """Return where the documents of each label stand in `label_docs`."""
        names = json.loads(self.label_names.tobytes() or b"[]")
        bounds = self.label_bounds
        return {
            (axis, value): slice(int(bounds[i]), int(bounds[i + 1]))
            for i, (axis, value) in enumerate(names)
        }

    def posting(self, doc: int) -> Posting:
        """Return a document as it was added."""
        bounds = self.payload_bounds
        raw = self.payload[bounds[doc] : bounds[doc + 1]].tobytes()
        return Posting.from_dict(json.loads(raw))

    def facts_of(self, doc: int) -> "Facts":
        """Return what is compared one document at a time."""
        bounds = self.fact_bounds
        raw = self.facts[bounds[doc] : bounds[doc + 1]].tobytes()
        return Facts.from_json(raw)

    def find(self, posting_id: str) -> list[int]:
        """Return the documents with that id, living or not."""
        key = np.uint64(digest64(posting_id))
        low = int(np.searchsorted(self.id_keys, key, side="left"))
        high = int(np.searchsorted(self.id_keys, key, side="right"))
        found = (int(doc) for doc in self.id_docs[low:high])
        return [doc for doc in found if self.id_of(doc) == posting_id]

    def id_of(self, doc: int) -> str:
        """Return the id of a document."""
        raw = self.ids[self.id_bounds[doc] : self.id_bounds[doc + 1]].tobytes()
        return raw.decode("utf-8", "surrogatepass")


@dataclass(frozen=True, slots=True)
class Facts:
    """What is compared one document at a time, apart from the long texts.

    Attributes
    ----------
    kind : str
        Of the posting.
    names : tuple of str
    grades, hidden_grades : tuple of Grade
        Grades and model numbers in the visible fields, and in the hidden text.
    rows, hidden_rows : tuple of Indicator
        Indicators of the form.
    read, hidden_read : tuple of Indicator
        Indicators in the running text, and in the hidden text.
    """

    kind: str
    names: tuple[str, ...]
    grades: tuple[Grade, ...]
    hidden_grades: tuple[Grade, ...]
    rows: tuple[Indicator, ...]
    hidden_rows: tuple[Indicator, ...]
    read: tuple[Indicator, ...]
    hidden_read: tuple[Indicator, ...]

    @classmethod
    def of(cls, posting: Posting) -> Self:
        """Read what a posting says."""
        return cls(
            posting.kind,
            posting.names,
            _visible_grades(posting),
            _grades(posting.hidden_text),
            posting.indicators,
            posting.hidden_indicators,
            _read(posting.text),
            _read(posting.hidden_text),
        )

    @classmethod
    def from_json(cls, raw: bytes) -> Self:
        """Read back what `to_json` returned."""
        kind, names, grades, hidden_grades, *indicators = json.loads(raw)
        rows, hidden_rows, read, hidden_read = (
            tuple(map(_unpacked, packed)) for packed in indicators
        )
        return cls(
            kind,
            tuple(names),
            tuple(Grade(*parts) for parts in grades),
            tuple(Grade(*parts) for parts in hidden_grades),
            rows,
            hidden_rows,
            read,
            hidden_read,
        )

    def to_json(self) -> bytes:
        """Return the facts as lists, which are quicker to read than objects."""
        grades = (self.grades, self.hidden_grades)
        indicators = (self.rows, self.hidden_rows, self.read, self.hidden_read)
        return _dump(
            [
                self.kind,
                self.names,
                *([astuple(grade) for grade in found] for found in grades),
                *([_packed(item) for item in items] for items in indicators),
            ]
        )

    def required(self) -> tuple[tuple[Indicator, ...], tuple[Indicator, ...]]:
        """Return what the posting asks for: visible, hidden. Rows beat the text."""
        if self.rows or self.hidden_rows:
            return self.rows, self.hidden_rows
        return self.read, self.hidden_read

    def claimed(self) -> tuple[tuple[Indicator, ...], tuple[Indicator, ...]]:
        """Return what the posting states: visible, hidden. Rows and text."""
        return (*self.rows, *self.read), (*self.hidden_rows, *self.hidden_read)


def _packed(indicator: Indicator) -> list[Any]:
    return [
        indicator.name,
        indicator.comparison.value,
        indicator.value,
        indicator.value2,
        indicator.unit,
        indicator.dimension,
        indicator.text,
        indicator.condition,
        indicator.is_core,
        indicator.span,
    ]


def _unpacked(packed: list[Any]) -> Indicator:
    name, comparison, value, value2, unit, dimension, text, when, core, span = packed
    return Indicator(
        name,
        Comparison(comparison),
        value,
        value2,
        unit,
        dimension,
        text,
        when,
        core,
        None if span is None else (span[0], span[1]),
    )


def _read(text: str) -> tuple[Indicator, ...]:
    """Extract indicators; a text without a figure has none."""
    if not any(map(str.isdigit, text)):
        return ()
    return tuple(extract(text))


def _grades(text: str) -> tuple[Grade, ...]:
    """Find grades; every grade has a figure."""
    if not any(map(str.isdigit, text)):
        return ()
    return grades(clean(text))


def _visible_grades(posting: Posting) -> tuple[Grade, ...]:
    """Find the grades in what may be quoted; of a need only those that it asks for."""
    rest = "\n".join((*posting.keywords, posting.text))
    if posting.kind != "need":
        return _grades(f"{posting.title}\n{rest}")
    if not any(map(str.isdigit, posting.title + rest)):
        return ()
    return wanted_grades(clean(posting.title), clean(rest))


def _dump(value: object) -> bytes:
    """Return JSON; half characters stay such, as `json.loads` reads them back.

    As escapes, two halves side by side would come back as one whole character.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return text.encode("utf-8", "surrogatepass")


def weighted_texts(
    posting: Posting, weights: Mapping[str, int]
) -> list[tuple[str, int]]:
    """List the texts that a posting is found by, with how often each counts.

    Of an indicator only name and condition are words. Its value is compared as a value:
    were it a word too, a better value would lose the word that the need has. Sections
    about the firm, the benefits and the contact are left out.
    """
    rows = (*posting.indicators, *posting.hidden_indicators)
    named = "\n".join(f"{row.name}\n{row.condition}" for row in rows)
    texts = [
        (posting.title, weights["title"]),
        ("\n".join(posting.keywords), weights["keywords"]),
        (substance(posting.text), weights["text"]),
        (substance(posting.hidden_text), weights["text"]),
        (named, weights["indicators"]),
    ]
    return [(text, weight) for text, weight in texts if text]


def count_features(
    texts: Sequence[str], owners: Integers, weights: Integers
) -> tuple[Integers, npt.NDArray[np.uint64], Integers]:
    """Count features by owner.

    Returns
    -------
    owners, features, counts
        Sorted by owner, then by feature.
    """
    tokens = tokenise([fold(text) for text in texts])
    docs = owners[tokens.owners]
    order = np.lexsort((tokens.features, docs))
    docs, features = docs[order], tokens.features[order]
    heavy = weights[tokens.owners][order]
    if not len(docs):
        return docs, features, heavy
    new = np.empty(len(docs), dtype=np.bool_)
    new[0] = True
    new[1:] = (docs[1:] != docs[:-1]) | (features[1:] != features[:-1])
    starts = np.flatnonzero(new)
    return docs[starts], features[starts], np.add.reduceat(heavy, starts)


class SegmentBuilder:
    """Collect postings, chunk by chunk, into one segment.

    Parameters
    ----------
    field_weights : mapping of str to int
        How often a word counts by its field.
    spool : bool, default=False
        Keep payloads in a temporary file instead of memory, for long builds.
    """

    def __init__(
        self, field_weights: Mapping[str, int], *, spool: bool = False
    ) -> None:
        self.field_weights = field_weights
        self.spool = spool
        self._payload: IO[bytes] = (
            tempfile.TemporaryFile() if spool else BytesIO()  # noqa: SIM115
        )
        self._sizes: list[int] = []
        self._places: list[Integers] = []
        self._features: list[npt.NDArray[np.uint64]] = []
        self._counts: list[npt.NDArray[np.uint8]] = []
        self._lengths: list[Floats] = []
        self._norms: list[Floats] = []
        self._gram_norms: list[Floats] = []
        self._columns: list[tuple[float, float, int, int]] = []
        self._digests: list[bytes] = []
        self._id_keys: list[int] = []
        self._ids: list[bytes] = []
        self._facts: list[bytes] = []
        self._labels: dict[tuple[str, str], list[int]] = {}

    def __len__(self) -> int:
        return len(self._sizes)

    def add(self, postings: Sequence[Posting]) -> None:
        """Add one chunk of postings, each with an id of its own."""
        first = len(self)
        texts: list[str] = []
        owners: list[int] = []
        weights: list[int] = []
        for number, posting in enumerate(postings):
            for text, weight in weighted_texts(posting, self.field_weights):
                texts.append(text)
                owners.append(number)
                weights.append(weight)
            self._add_columns(first + number, posting)
        docs, features, counts = count_features(
            texts, np.array(owners, np.int64), np.array(weights, np.int64)
        )
        tf = np.minimum(counts, 255).astype(np.uint8)
        self._places.append(docs + first)
        self._features.append(features)
        self._counts.append(tf)
        is_token = are_of(features, TOKEN_KINDS)
        is_scored = are_of(features, SCORED_KINDS)
        is_gram = are_of(features, GRAM_KINDS)
        n = len(postings)

        def total(mask: Mask, values: npt.NDArray[Any]) -> Floats:
            return np.bincount(docs[mask], values[mask], minlength=n).astype(np.float64)

        self._lengths.append(total(is_token, tf))
        norms = np.sqrt(total(is_scored, (LOGS[tf] * informativeness(features)) ** 2))
        self._norms.append(np.where(norms > 0, norms, 1.0))
        self._gram_norms.append(np.sqrt(total(is_gram, LOGS[tf] ** 2)))

    def _add_columns(self, doc: int, posting: Posting) -> None:
        facts = Facts.of(posting)
        self._facts.append(facts.to_json())
        raw = _dump(posting.to_dict())
        self._payload.write(raw)
        self._sizes.append(len(raw))
        self._digests.append(blake2b(raw, digest_size=16).digest())
        self._id_keys.append(digest64(posting.id))
        self._ids.append(posting.id.encode("utf-8", "surrogatepass"))
        flags = HAS_CLAIMS if any(facts.claimed()) else 0
        if posting.names or facts.grades or facts.hidden_grades:
            flags |= HAS_NAMES
        maturity = np.nan if posting.maturity is None else posting.maturity
        budget = np.nan if posting.budget_yuan is None else float(posting.budget_yuan)
        self._columns.append((maturity, budget, posting.tier, flags))
        labels = [("kind", posting.kind), ("org", posting.org)]
        for axis, codes in posting.codes.items():
            labels.extend((axis, code) for code in codes)
        for axis, value in labels:
            if value:
                self._labels.setdefault((axis, value), []).append(doc)

    def close(self) -> None:
        """Let go of the temporary file."""
        self._payload.close()

    def finish(self) -> Segment:
        """Sort everything and return the segment."""
        features = _joined(self._features, np.uint64)
        docs = _joined(self._places, np.int64)
        counts = _joined(self._counts, np.uint8)
        names = sorted(self._labels)
        label_sizes = [len(self._labels[name]) for name in names]
        columns = np.array(self._columns, np.float64).reshape(-1, 4)
        id_keys = np.array(self._id_keys, np.uint64)
        id_order = np.argsort(id_keys, kind="stable")
        return Segment(
            **inverted(docs, features, counts, len(self)),
            lengths=_joined(self._lengths, np.float64),
            norms=_joined(self._norms, np.float64),
            gram_norms=_joined(self._gram_norms, np.float64),
            maturity=columns[:, 0].copy(),
            budget=columns[:, 1].copy(),
            tiers=columns[:, 2].astype(np.int32),
            flags=columns[:, 3].astype(np.uint8),
            digests=np.frombuffer(b"".join(self._digests), "<u8").reshape(-1, 2),
            id_keys=id_keys[id_order],
            id_docs=id_order.astype(np.int32),
            ids=np.frombuffer(b"".join(self._ids), np.uint8),
            id_bounds=_offsets([len(raw) for raw in self._ids]),
            label_names=np.frombuffer(_dump(names), np.uint8),
            label_bounds=_offsets(label_sizes),
            label_docs=np.array(
                [doc for name in names for doc in self._labels[name]], np.int32
            ),
            facts=np.frombuffer(b"".join(self._facts), np.uint8),
            fact_bounds=_offsets([len(raw) for raw in self._facts]),
            payload=self._mapped_payload(),
            payload_bounds=_offsets(self._sizes),
        )

    def _mapped_payload(self) -> npt.NDArray[np.uint8]:
        if isinstance(self._payload, BytesIO):
            return np.frombuffer(self._payload.getvalue(), np.uint8)
        if not self._sizes:
            return np.zeros(0, np.uint8)
        self._payload.flush()
        # The file has no name any more; it lives as long as its mapping.
        mapping = mmap(self._payload.fileno(), 0, access=ACCESS_READ)
        return np.frombuffer(mapping, np.uint8)


def _joined(arrays: list[npt.NDArray[Any]], dtype: Any) -> npt.NDArray[Any]:
    return np.concatenate(arrays) if arrays else np.zeros(0, dtype)


def _offsets(sizes: Sequence[int] | Integers) -> Integers:
    ends = np.cumsum(np.asarray(sizes, np.int64))
    offsets: Integers = np.concatenate(([0], ends)).astype(np.int64)
    return offsets


def _runs(
    values: npt.NDArray[np.uint64],
) -> tuple[npt.NDArray[np.uint64], Integers]:
    """Return the distinct values of a sorted array and where each begins."""
    if not len(values):
        return values, np.zeros(1, np.int64)
    starts = np.flatnonzero(np.concatenate(([True], values[1:] != values[:-1])))
    return values[starts], np.append(starts, len(values)).astype(np.int64)


def inverted(
    docs: Integers,
    features: npt.NDArray[np.uint64],
    counts: npt.NDArray[np.uint8],
    documents: int,
) -> dict[str, npt.NDArray[Any]]:
    """Lay out triples by feature and by document.

    Parameters
    ----------
    docs, features, counts
        Sorted by document, then by feature.
    documents : int

    Returns
    -------
    dict
        The arrays of a `Segment` that hold counts.
    """
    order = np.argsort(features, kind="stable")
    keys, ends = _runs(features[order])
    frequencies = np.diff(ends)
    numbers = np.empty(len(order), np.uint32)
    numbers[order] = np.repeat(np.arange(len(keys), dtype=np.uint32), frequencies)
    listed = ~are_of(keys, [Kind.CHAR])
    order = order[np.repeat(listed, frequencies)]
    return {
        "keys": keys,
        "frequencies": frequencies.astype(np.uint32),
        "bounds": _offsets(np.where(listed, frequencies, 0)),
        "docs": docs[order].astype(np.int32),
        "counts": counts[order],
        "doc_bounds": _offsets(np.bincount(docs, minlength=documents)),
        "doc_features": numbers,
        "doc_counts": counts,
    }


def merge(segments: Sequence[Segment], living: Sequence[Mask]) -> Segment:
    """Join segments into one, leaving out the documents that are no longer living."""
    renumbered: list[Integers] = []
    base = 0
    for mask in living:
        renumbered.append(np.where(mask, base + np.cumsum(mask) - 1, -1))
        base += int(mask.sum())
    pairs = list(zip(segments, living, renumbered, strict=True))

    features, docs, counts = [], [], []
    for segment, mask, numbers in pairs:
        kept = np.flatnonzero(mask)
        where, sizes = segment.entries_of(kept)
        features.append(segment.keys[segment.doc_features[where]])
        docs.append(np.repeat(numbers[kept], sizes))
        counts.append(segment.doc_counts[where])

    labels: dict[tuple[str, str], list[Integers]] = {}
    for segment, mask, numbers in pairs:
        for label, place in segment.labels().items():
            members = segment.label_docs[place]
            if len(members := members[mask[members]]):
                labels.setdefault(label, []).append(numbers[members])
    names = sorted(labels)
    members_of = [np.concatenate(labels[name]) for name in names]

    def column(name: str) -> npt.NDArray[Any]:
        return np.concatenate([getattr(s, name)[mask] for s, mask, _ in pairs])

    id_keys = np.concatenate([s.id_keys[mask[s.id_docs]] for s, mask, _ in pairs])
    id_docs = np.concatenate(
        [numbers[s.id_docs[mask[s.id_docs]]] for s, mask, numbers in pairs]
    )
    id_order = np.argsort(id_keys, kind="stable")
    ids, id_bounds = _blobs(segments, living, "ids", "id_bounds")
    facts, fact_bounds = _blobs(segments, living, "facts", "fact_bounds")
    payload, payload_bounds = _blobs(segments, living, "payload", "payload_bounds")
    return Segment(
        **inverted(
            _joined(docs, np.int64),
            _joined(features, np.uint64),
            _joined(counts, np.uint8),
            base,
        ),
        lengths=column("lengths"),
        norms=column("norms"),
        gram_norms=column("gram_norms"),
        maturity=column("maturity"),
        budget=column("budget"),
        tiers=column("tiers"),
        flags=column("flags"),
        digests=column("digests"),
        id_keys=id_keys[id_order],
        id_docs=id_docs[id_order].astype(np.int32),
        ids=ids,
        id_bounds=id_bounds,
        label_names=np.frombuffer(_dump(names), np.uint8),
        label_bounds=_offsets([len(members) for members in members_of]),
        label_docs=_joined(members_of, np.int64).astype(np.int32),
        facts=facts,
        fact_bounds=fact_bounds,
        payload=payload,
        payload_bounds=payload_bounds,
    )


def _blobs(
    segments: Sequence[Segment], living: Sequence[Mask], blob: str, bounds: str
) -> tuple[npt.NDArray[np.uint8], Integers]:
    """Join pieces of variable length, leaving out those of dead documents."""
    pieces: list[npt.NDArray[np.uint8]] = []
    sizes: list[Integers] = []
    for segment, mask in zip(segments, living, strict=True):
        whole, starts = getattr(segment, blob), getattr(segment, bounds)
        size = np.diff(starts)
        sizes.append(size[mask])
        kept = mask.all()
        pieces.append(whole if kept else whole[ranges(starts[:-1][mask], size[mask])])
    return np.concatenate(pieces), _offsets(np.concatenate(sizes))


def build(
    postings: Iterable[Posting],
    field_weights: Mapping[str, int],
    *,
    spool: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Segment:
    """Build a segment from a stream of postings whose ids all differ."""
    with closing(SegmentBuilder(field_weights, spool=spool)) as builder:
        chunk: list[Posting] = []
        for posting in postings:
            chunk.append(posting)
            if len(chunk) == CHUNK:
                builder.add(chunk)
                chunk.clear()
                if progress is not None:
                    progress(len(builder))
        builder.add(chunk)
        if progress is not None:
            progress(len(builder))
        return builder.finish()
