"""Turn postings into segments: words counted, facts read, everything laid out."""

import tempfile
from collections import defaultdict
from collections.abc import (
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import closing
from hashlib import blake2b
from io import BytesIO
from itertools import islice
from mmap import ACCESS_READ, mmap
from typing import IO, Any, Final

import numpy as np
import numpy.typing as npt

from matching.facts import Facts, dumped
from matching.lexicon.background import informativeness
from matching.postings import Posting
from matching.scan import (
    BLOCK,
    LOGS,
    Block,
    Forward,
    by_feature,
    gathered,
    key_order,
    scattered,
)
from matching.sections import substance
from matching.segments import (
    GRAM_KINDS,
    SCORED_KINDS,
    TOKEN_KINDS,
    Features,
    Floats,
    Integers,
    Segment,
    by_id,
    digest64,
    joined,
    labelled,
    offsets,
    searchable,
)
from matching.tokens import Kind, among, fold, kinds_of, tokenise

CHUNK: Final = 1024
"""Postings that are cut into words in one pass; bounds the memory of a build. A block
is a whole number of chunks."""


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
    folded: Sequence[str], owners: Integers, weights: Integers
) -> tuple[Integers, Features, Integers]:
    """Count features by owner.

    Parameters
    ----------
    folded : sequence of str, length n
        Texts as `matching.tokens.fold` returns them.
    owners : array of int64, shape (n,)
        To which posting each text belongs, ascending.
    weights : array of int64, shape (n,)
        How often a feature counts in each text.

    Returns
    -------
    owners, features, counts
        Sorted by scattered feature, then by owner: the order of posting lists, so that
        those of several chunks only have to be merged.
    """
    tokens = tokenise(folded)
    keys = scattered(tokens.features)
    order = key_order(keys)
    texts = tokens.owners[order]
    docs, keys = owners[texts], keys[order]
    if not len(docs):
        return docs, keys, docs
    new = np.empty(len(docs), dtype=np.bool_)
    new[0] = True
    new[1:] = (docs[1:] != docs[:-1]) | (keys[1:] != keys[:-1])
    starts = np.flatnonzero(new)
    counts = np.add.reduceat(weights[texts], starts)
    return docs[starts], gathered(keys[starts]), counts


def features_of(
    posting: Posting, field_weights: Mapping[str, int]
) -> tuple[Features, Integers]:
    """Return the features of one posting, ascending, and how often each counts."""
    texts = weighted_texts(posting, field_weights)
    tokens = tokenise([fold(text) for text, _ in texts])
    order = np.argsort(tokens.features, kind="stable")
    features = tokens.features[order]
    if not len(features):
        return features, np.zeros(0, np.int64)
    weights = np.array([weight for _, weight in texts], np.int64)
    starts = np.flatnonzero(np.append(True, features[1:] != features[:-1]))
    return features[starts], np.add.reduceat(weights[tokens.owners[order]], starts)


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
        self._docs: list[npt.NDArray[np.uint16]] = []
        self._features: list[Features] = []
        self._counts: list[npt.NDArray[np.uint8]] = []
        self._columns: list[tuple[float, float, int, int]] = []
        self._dimensions: list[int] = []
        self._digests: list[bytes] = []
        self._id_keys: list[int] = []
        self._ids: list[bytes] = []
        self._facts: list[bytes] = []
        self._labels: dict[tuple[str, str], list[int]] = defaultdict(list)

    def __len__(self) -> int:
        return len(self._sizes)

    def add(self, postings: Sequence[Posting]) -> None:
        """Add one chunk of postings, each with an id of its own."""
        first = len(self)
        texts: list[str] = []
        owners: list[int] = []
        weights: list[int] = []
        for number, posting in enumerate(postings):
            self._add_columns(first + number, posting)
            for text, weight in weighted_texts(posting, self.field_weights):
                texts.append(fold(text))
                owners.append(number)
                weights.append(weight)
        docs, features, counts = count_features(
            texts, np.array(owners, np.int64), np.array(weights, np.int64)
        )
        self._docs.append((docs + first).astype(np.uint16))
        self._features.append(features)
        self._counts.append(np.minimum(counts, 255).astype(np.uint8))

    def _add_columns(self, doc: int, posting: Posting) -> None:
        facts = Facts.of(posting)
        self._facts.append(facts.to_json())
        raw = dumped(posting.to_dict())
        self._payload.write(raw)
        self._sizes.append(len(raw))
        self._digests.append(blake2b(raw, digest_size=16).digest())
        self._id_keys.append(digest64(posting.id))
        self._ids.append(posting.id.encode("utf-8", "surrogatepass"))
        maturity = np.nan if posting.maturity is None else posting.maturity
        budget = np.nan if posting.budget_yuan is None else float(posting.budget_yuan)
        self._columns.append((maturity, budget, posting.tier, facts.is_named))
        self._dimensions.append(facts.dimensions())
        labels = [
            ("kind", posting.kind),
            ("org", posting.org),
            ("team", posting.team),
        ]
        for axis, codes in posting.codes.items():
            labels.extend((axis, code) for code in codes)
        for axis, value in labels:
            if value:
                self._labels[axis, value].append(doc)

    def close(self) -> None:
        """Let go of the temporary file."""
        self._payload.close()

    def finish(self) -> Segment:
        """Sort everything and return the segment."""
        documents = len(self)
        postings = by_feature(
            joined(self._docs, np.uint16),
            joined(self._features, np.uint64),
            joined(self._counts, np.uint8),
            documents,
        )
        forward = Forward.of(postings, documents)
        lengths, norms, gram_norms = _sizes_of(postings.features, forward)
        block = Block.laid(postings, norms, searchable(postings.features))
        columns = np.array(self._columns, np.float64).reshape(-1, 4)
        members = {
            label: np.array(docs, np.int64) for label, docs in self._labels.items()
        }
        return Segment(
            entries=block.entries,
            directory=block.directory,
            lists=block.lists,
            norms=block.norms,
            inverses=block.inverses,
            scale=block.scale,
            bounds=forward.bounds,
            numbers=forward.numbers,
            counts=forward.counts,
            frequencies=postings.sizes.astype(np.uint32),
            kinds=kinds_of(postings.features),
            lengths=lengths,
            gram_norms=gram_norms,
            maturity=columns[:, 0].copy(),
            budget=columns[:, 1].copy(),
            tiers=columns[:, 2].astype(np.int32),
            named=columns[:, 3].astype(np.bool_),
            dimensions=np.array(self._dimensions, np.uint64),
            digests=np.frombuffer(b"".join(self._digests), "<u8").reshape(-1, 2),
            **by_id(np.array(self._id_keys, np.uint64), np.arange(documents)),
            ids=np.frombuffer(b"".join(self._ids), np.uint8),
            id_bounds=offsets([len(raw) for raw in self._ids]),
            **labelled(members, documents),
            facts=np.frombuffer(b"".join(self._facts), np.uint8),
            fact_bounds=offsets([len(raw) for raw in self._facts]),
            payload=self._mapped_payload(),
            payload_bounds=offsets(self._sizes),
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


def _sizes_of(features: Features, forward: Forward) -> tuple[Floats, Floats, Floats]:
    """Return number of tokens, norm, and norm of the n-grams of each document.

    A document's features come in the order of their scattered keys, which is the same
    in every segment, and so are the sums, to the last bit.
    """
    documents = len(forward.bounds) - 1
    owners = np.repeat(np.arange(documents), np.diff(forward.bounds))
    given = kinds_of(features)[forward.numbers]

    def total(kinds: Collection[Kind], values: npt.NDArray[Any]) -> Floats:
        """Add up values; a feature of another kind adds 0."""
        sums = np.bincount(owners, among(given, kinds) * values, documents)
        return sums.astype(np.float64, copy=False)

    logs = LOGS[forward.counts]
    weighed = (logs * informativeness(features)[forward.numbers]) ** 2
    return (
        total(TOKEN_KINDS, forward.counts),
        _norms(total(SCORED_KINDS, weighed)),
        _norms(total(GRAM_KINDS, logs**2)),
    )


def _norms(squares: Floats) -> Floats:
    """Return norms that one can divide by: 1 where there is nothing."""
    return np.where(squares > 0, np.sqrt(squares), 1.0)


def build(
    postings: Iterable[Posting],
    field_weights: Mapping[str, int],
    *,
    spool: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Iterator[Segment]:
    """Build segments from a stream of postings.

    Returns
    -------
    iterator of Segment
        Full ones, but for the last; none where there are no postings.
    """
    done = 0
    chunks = _chunks(postings)
    while True:
        with closing(SegmentBuilder(field_weights, spool=spool)) as builder:
            for chunk in islice(chunks, BLOCK // CHUNK):
                builder.add(chunk)
                done += len(chunk)
                if progress is not None:
                    progress(done)
            if not len(builder):
                return
            yield builder.finish()


def _chunks(postings: Iterable[Posting]) -> Iterator[list[Posting]]:
    """Take postings so many at a time."""
    rest = iter(postings)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk
