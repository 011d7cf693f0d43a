"""Texts that stand already, to be asked whether another one is a copy of one."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from matching.duplicates import sketches
from matching.duplicates.finder import chosen, sketched
from matching.duplicates.sketches import Measure, Signatures

_SMALLEST = 64
"""Texts for which an empty index has room."""


class Copy(NamedTuple):
    """A text that another one may be a copy of."""

    id: str
    likeness: float


class DuplicateIndex:
    """Near-duplicates of a text, among texts that come and go.

    Between two texts it sees what `matching.duplicates.near_duplicates` sees: adding
    texts one by one and looking for each leads to the pairs that the batch finds. Every
    text costs 256 bytes for its sketch, about 16 bytes a band, and the text itself,
    which is kept as it was given. A single sketch takes NumPy about a tenth of a
    millisecond for a passage; numba is of use where many texts are added at once.

    One thread may write at a time, and none may read meanwhile.

    Parameters
    ----------
    measure : Measure, optional
        Threshold, length of the shingles, and how surely copies are found.

    Examples
    --------
    >>> index = DuplicateIndex()
    >>> index.add("n-1", "高强铝合金型材的挤压成形工艺")
    >>> [copy.id for copy in index.find("高强铝合金型材挤压成形工艺")]
    ['n-1']
    """

    def __init__(self, measure: Measure | None = None) -> None:
        self.measure = measure or Measure()
        self._rows: dict[str, int] = {}
        self._ids: list[str | None] = []
        self._texts: list[str] = []
        self._make_room(_SMALLEST)

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, text_id: object) -> bool:
        return text_id in self._rows

    @property
    def nbytes(self) -> int:
        """Bytes of sketches and tables, without the texts and ids."""
        return self._signatures.nbytes + self._heads.nbytes + self._links.nbytes

    def add(self, text_id: str, text: str) -> None:
        """Add one text.

        Raises
        ------
        ValueError
            When there is one with this id.
        """
        self.add_many([(text_id, text)], compiled=False)

    def add_many(
        self, texts: Iterable[tuple[str, str]], *, compiled: bool | None = None
    ) -> None:
        """Add texts with their ids, all of them or, where one is refused, none.

        Parameters
        ----------
        texts : iterable of (str, str)
            Ids and texts.
        compiled : bool, optional
            Whether numba is used; by default when it is installed. The answer is the
            same.

        Raises
        ------
        ValueError
            When an id is there already or given twice, or when numba is asked for and
            not installed.
        """
        entries = list(texts)
        fresh: set[str] = set()
        for text_id, _ in entries:
            if text_id in self._rows or text_id in fresh:
                raise ValueError(f"there is a text with the id {text_id!r} already")
            fresh.add(text_id)
        loops = chosen(compiled)
        signatures = sketched([text for _, text in entries], self.measure, loops)
        if len(self._ids) + len(entries) > len(self._signatures):
            self._make_room(2 * (len(self) + len(entries)))
        for (text_id, text), signature in zip(entries, signatures, strict=True):
            self._insert(text_id, text, signature)

    def remove(self, text_id: str) -> None:
        """Take a text out.

        Raises
        ------
        KeyError
            When there is none with this id.
        """
        row = self._rows.pop(text_id)
        self._ids[row] = None
        self._texts[row] = ""

    def find(self, text: str, k: int | None = None) -> list[Copy]:
        """Find the texts that are at least as like this one as the threshold says.

        Parameters
        ----------
        text : str
        k : int, optional
            How many are wanted; by default all.

        Returns
        -------
        list of Copy
            The likest first; at equal likeness the lesser id. Identical texts are found
            too, empty ones never.

        Raises
        ------
        ValueError
            When k is less than 1.
        """
        if k is not None and k < 1:
            raise ValueError(f"k must be at least 1, it is {k}")
        if not text:
            return []
        signature = sketches.sketch(*sketches.encode([text]), self.measure)[0]
        rows = self._met(signature)
        rows = rows[sketches.agreeing(self._signatures[rows], signature, self.measure)]
        mine = sketches.distinct(text, self.measure)
        found: list[Copy] = []
        for row in rows.tolist():
            text_id = self._ids[row]
            if text_id is None:
                continue
            likeness = self._likeness(row, text, mine)
            if likeness >= self.measure.threshold:
                found.append(Copy(text_id, likeness))
        return sorted(found, key=lambda copy: (-copy.likeness, copy.id))[:k]

    def _likeness(self, row: int, text: str, shingles: sketches.Shingles) -> float:
        if self._texts[row] == text:
            return 1.0
        theirs = sketches.distinct(self._texts[row], self.measure)
        return sketches.likeness(shingles, theirs)

    def _make_room(self, rows: int) -> None:
        """Take larger tables and put in what lives."""
        rows = max(rows, _SMALLEST)
        living = [
            (text_id, text, self._signatures[row])
            for row, (text_id, text) in enumerate(
                zip(self._ids, self._texts, strict=True)
            )
            if text_id is not None
        ]
        bands = self.measure.bands
        self._signatures: Signatures = np.zeros((rows, sketches.LANES), np.uint16)
        self._bits = max(1, (rows - 1).bit_length())
        self._heads = np.full((bands, 1 << self._bits), -1, np.int32)
        self._links = np.full((bands, rows), -1, np.int32)
        self._rows, self._ids, self._texts = {}, [], []
        for text_id, text, signature in living:
            self._insert(text_id, text, signature)

    def _insert(self, text_id: str, text: str, signature: Signatures) -> None:
        row = len(self._ids)
        self._ids.append(text_id)
        self._texts.append(text)
        self._rows[text_id] = row
        self._signatures[row] = signature
        if text:
            bands = np.arange(self.measure.bands)
            buckets = self._buckets(signature)
            self._links[:, row] = self._heads[bands, buckets]
            self._heads[bands, buckets] = row

    def _buckets(self, signature: Signatures) -> sketches.Integers:
        """Return the bucket of each band."""
        keys = sketches.band_keys(signature, self.measure)
        return (keys >> np.uint64(64 - self._bits)).astype(np.int64)

    def _met(self, signature: Signatures) -> sketches.Integers:
        """Return the rows that are in a bucket with this sketch, ascending."""
        bands = np.arange(self.measure.bands)
        rows = self._heads[bands, self._buckets(signature)]
        met = [np.empty(0, np.int64)]
        while len(rows):
            there = rows >= 0
            bands, rows = bands[there], rows[there]
            met.append(rows.astype(np.int64))
            rows = self._links[bands, rows]
        return np.unique(np.concatenate(met))
