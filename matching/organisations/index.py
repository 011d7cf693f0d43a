"""Find an organisation by its name among a million, however the name was written.

People write 济南鲁言新材料公司 for 济南鲁信新材料有限公司, put the place behind the
core, leave out what goes without saying, and say 西工大 for 西北工业大学. The index
knows two ways to a name:

- *Likeness.* The rarest pairs of neighbouring characters of the question lead to the
  names that share most of them. These are compared character by character.
- *Short forms.* A short form takes characters of the name in their order: first
  characters of its words, or whole words. The rarest pair of neighbouring characters of
  the question is looked up among the pairs of characters that may stand for words, and
  among neighbours. Each name found is read as cheaply as it can be
  (`matching.organisations.words` has the prices).

A name's similarity is the better of the two. Everything is whole numbers but the last
division, so the answers are the same on every machine, with numba or without.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import islice, pairwise
from pathlib import Path
from threading import local
from types import ModuleType
from typing import Any, Final, NamedTuple, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from matching import storage
from matching.kernels import needing_numba
from matching.organisations.well_known import PROMINENT, WELL_KNOWN
from matching.organisations.words import (
    CHEAP,
    CLASS,
    FIRM,
    LIGHT,
    NEVER,
    PART_OF_FIRM,
    PRICES,
    SECOND,
    START,
    WordClass,
    Words,
    cut_names,
    form_length,
    name_key,
    name_keys,
    place_first,
    split_ending,
)

Array: TypeAlias = npt.NDArray[Any]
Floats: TypeAlias = npt.NDArray[np.float64]
Integers: TypeAlias = npt.NDArray[np.int64]

FORMAT: Final = 2
"""Raised whenever an array changes its meaning."""
_VERSIONS: Final = {"format": FORMAT}

CANDIDATES: Final = 64
"""Names that each of the two ways hands on, or as many as are asked for."""
POSTINGS: Final = 12_000
"""Entries that are read on the way of likeness."""
LOOKED_AT: Final = 512
"""Names of which single characters are compared on the way of likeness."""
READINGS: Final = 4_000
"""Names that are read as what a question might be short for."""
LONGEST_SHORT_FORM: Final = 32
"""Characters; nothing longer is read as a short form."""
LONGEST_SEARCHED: Final = 8
"""Characters; a longer short form shares enough with its name to be found as alike."""

_HEAVY: Final = 3
_LIGHT: Final = 1
"""What a character of a legal form is worth in a comparison, beside any other."""
_ORDERED: Final = 1
_UNORDERED: Final = 1
"""How much common characters count in their order, and in any order."""
_READ_BEST: Final = 0.985
_READ_STEP: Final = 0.0125
_READ_LEAST: Final = 0.3
_READ: Final[Floats] = np.append(
    np.maximum(_READ_BEST - _READ_STEP * np.arange(NEVER), _READ_LEAST), 0.0
)
"""Similarity of a name and its short form, by what the reading costs."""
DISCOUNTS: Final[Integers] = (np.arange(256) >> 2 >= 16).astype(np.int64)
"""What is taken off the price of a reading, by standing: one for the well-known, that
is for organisations named at least fifteen times."""
_CHARACTER_WEIGHT: Final = 16
"""What a common character counts beside a common gram, see `_weight`."""
_COST_BITS: Final = 6
_ROW_BITS: Final = 26
_MOST_NAMED: Final = 50_000
"""Beyond this it makes no difference; the fourth power takes 63 bits."""
_MOST_ROWS: Final = 1 << _ROW_BITS
_MOST_CHARS: Final = 65_535
_MOST_STANDING: Final = 12
"""Characters of a name, from its beginning, of which pairs are kept."""


class Organisation(NamedTuple):
    """What goes into an index.

    Attributes
    ----------
    id : str
        Each only once.
    name : str
        The official name, which a search returns.
    aliases : sequence of str
        Former names, short forms that follow no rule (成电), names in other languages.
    named : int, default=0
        How often it is named wherever one can count: in papers, results, postings.
        Who is named often is likelier meant by a short form that fits several.
    """

    id: str
    name: str
    aliases: Sequence[str] = ()
    named: int = 0


class Hit(NamedTuple):
    """An organisation that a search found.

    Attributes
    ----------
    id, name : str
    similarity : float
        1 when a name or an alias is the question but for width, case, script and
        signs; else below. A place in brackets, as in 鲁信（济南）新材料有限公司, may
        stand in front, too.
    """

    id: str
    name: str
    similarity: float


@dataclass(frozen=True, slots=True, eq=False)
class Arrays:
    """The flat arrays of an index. A row is a name or an alias.

    Attributes
    ----------
    alphabet : array of uint32
        Code points of all characters of the names, sorted. A character's number is its
        place, counted from 1; 0 stands for any other.
    chars : array of uint16, marks : array of uint8
        Characters of all rows, one row after another, with their marks.
    bounds : array of uint32, shape (rows + 1,)
        Where each row begins in `chars`.
    lengths : array of uint8, shape (rows,)
    owners : array of uint32, shape (rows,)
        The organisation of each row, ascending.
    gram_keys, gram_bounds, gram_rows : array of uint32
        Rows by two neighbouring characters, ascending.
    pair_keys, pair_bounds, pair_rows : array of uint32
        Rows by two characters, in order, that may stand for their words; the rows that
        leave least out come first.
    ids, id_bounds
        The ids in UTF-8, sorted.
    names, name_bounds
        The names in UTF-8, as they were written; an empty one is what its row says.
    standing : array of uint8, shape (rows,)
        How likely a body is meant before it is asked for, see `_standing`.
    first_rows : array of uint32, shape (organisations,)
        The row that holds an organisation's name, the others being aliases.
    """

    alphabet: npt.NDArray[np.uint32]
    chars: npt.NDArray[np.uint16]
    marks: npt.NDArray[np.uint8]
    bounds: npt.NDArray[np.uint32]
    lengths: npt.NDArray[np.uint8]
    owners: npt.NDArray[np.uint32]
    standing: npt.NDArray[np.uint8]
    gram_keys: npt.NDArray[np.uint32]
    gram_bounds: npt.NDArray[np.uint32]
    gram_rows: npt.NDArray[np.uint32]
    pair_keys: npt.NDArray[np.uint32]
    pair_bounds: npt.NDArray[np.uint32]
    pair_rows: npt.NDArray[np.uint32]
    ids: npt.NDArray[np.uint8]
    id_bounds: npt.NDArray[np.uint32]
    names: npt.NDArray[np.uint8]
    name_bounds: npt.NDArray[np.uint32]
    first_rows: npt.NDArray[np.uint32]


class NameIndex:
    """An immutable index over names of organisations.

    Examples
    --------
    >>> index = NameIndex.build(
    ...     [("1", "西北工业大学"), ("2", "天津大学"), ("3", "济南鲁信新材料有限公司")]
    ... )
    >>> index.search("西工大", k=1)[0].name
    '西北工业大学'
    >>> [hit.id for hit in index.search("鲁信新材料(济南)公司", k=1)]
    ['3']
    """

    def __init__(self, arrays: Arrays) -> None:
        self.arrays = arrays
        self._room = local()

    def __len__(self) -> int:
        return len(self.arrays.first_rows)

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum(getattr(self.arrays, f.name).nbytes for f in fields(self.arrays))

    @classmethod
    def build(
        cls,
        organisations: Iterable[Organisation | tuple[str, str]],
        *,
        short_forms: Mapping[str, Sequence[str]] = WELL_KNOWN,
        prominent: Mapping[str, int] = PROMINENT,
    ) -> "NameIndex":
        """Index organisations.

        Parameters
        ----------
        organisations : iterable of Organisation, or of (id, name)
            In any order; the index does not depend on it.
        short_forms : mapping of str to sequence of str
            Short forms by official name, which become aliases of the organisations that
            are named so.
        prominent : mapping of str to int
            How often at least who has that official name counts as named, whatever
            `Organisation.named` says. By default this and `short_forms` are those of
            `matching.organisations.well_known`.

        Raises
        ------
        ValueError
            When two have the same id, when one is named less than no times, or when
            there are more than 67 million names or 65,535 different characters.
        """
        known = {name_key(name): forms for name, forms in short_forms.items()}
        more = {name_key(name): times for name, times in prominent.items()}
        entries = sorted(Organisation(*entry) for entry in organisations)
        for entry in entries:
            if entry.named < 0:
                raise ValueError(
                    f"{entry.id!r} cannot be named {entry.named} times: {entry.name}"
                )
        for one, other in pairwise(entries):
            if one.id == other.id:
                raise ValueError(
                    f"the id {one.id!r} is given twice: {one.name}, {other.name}"
                )
        return cls(_build(entries, known, more))

    def save(self, path: Path | str) -> int:
        """Write the index into a directory, replacing the one that is there.

        The arrays go into a directory of their own; then the manifest is replaced in
        one step. Whoever has the old index open keeps it.

        Returns
        -------
        int
            Bytes on disk.
        """
        return storage.save(self.arrays, Path(path), _VERSIONS)

    @classmethod
    def open(cls, path: Path | str, *, verify: bool = True) -> "NameIndex":
        """Map a saved index into memory.

        Parameters
        ----------
        path : Path or str
        verify : bool, default=True
            Whether checksums are compared, which reads all files once.

        Raises
        ------
        FileNotFoundError
            When there is no index.
        IndexCorrupt
            When files are missing or differ from the manifest.
        IndexVersionMismatch
            When another format wrote it.
        """
        arrays, _ = storage.load(Arrays, Path(path), _VERSIONS, verify=verify)
        return cls(arrays)

    def search(
        self, name: str, k: int = 5, *, compiled: bool | None = None
    ) -> list[Hit]:
        """Find the organisations whose names are nearest to what was written.

        Parameters
        ----------
        name : str
            A name, whole, damaged or short.
        k : int, default=5
            How many are wanted.
        compiled : bool, optional
            Whether numba is used; by default when it is installed. The answer is the
            same.

        Returns
        -------
        list of Hit
            Best first; by equal similarity names before aliases, then who is named more
            often, then bodies before firms, then the shorter name, then the lesser id.
            An organisation is there once, by the best of its names.
            Names that share nothing with the question are not returned.

        Raises
        ------
        ValueError
            When k is less than 1.
        """
        if k < 1:
            raise ValueError(f"k must be at least 1, it is {k}")
        question = _Question.of(name, self.arrays)
        loops = _kernels() if compiled is None or compiled else None
        if compiled and loops is None:
            raise ValueError("numba is not installed")
        way: _Way = (
            _Plain(self.arrays)
            if loops is None
            else _Compiled(self.arrays, loops, self._room)
        )
        most = max(k, CANDIDATES)
        rows = np.sort(
            np.concatenate((way.alike(question, most), way.shortened(question, most)))
        )
        rows = rows[np.flatnonzero(np.diff(rows, prepend=-1))]
        return self._best(rows, way.similarities(question, rows), k)

    def _best(self, rows: Integers, similarities: Floats, k: int) -> list[Hit]:
        arrays = self.arrays
        other = arrays.first_rows[arrays.owners[rows]] != rows
        standing = 255 - arrays.standing[rows]
        order = np.lexsort((rows, arrays.lengths[rows], standing, other, -similarities))
        owners = arrays.owners[rows[order]].tolist()
        hits: dict[int, Hit] = {}
        for owner, similarity in zip(owners, similarities[order].tolist(), strict=True):
            if owner not in hits:
                hits[owner] = Hit(self.id_of(owner), self.name_of(owner), similarity)
                if len(hits) == k:
                    break
        return list(hits.values())

    def id_of(self, number: int) -> str:
        """Return the id of an organisation by its number, which is its rank by id."""
        bounds = self.arrays.id_bounds
        raw = self.arrays.ids[bounds[number] : bounds[number + 1]].tobytes()
        return raw.decode("utf-8", "surrogatepass")

    def name_of(self, number: int) -> str:
        """Return the name of an organisation by its number."""
        arrays = self.arrays
        first, last = arrays.name_bounds[number], arrays.name_bounds[number + 1]
        if first < last:
            return arrays.names[first:last].tobytes().decode("utf-8", "surrogatepass")
        row = int(arrays.first_rows[number])
        chars = arrays.chars[arrays.bounds[row] : arrays.bounds[row + 1]]
        return "".join(map(chr, arrays.alphabet[chars - 1].tolist()))


def warm() -> bool:
    """Compile the loops, or load them as compiled before; say whether numba is there.

    To be called at installation, so that no question waits for a compiler.
    """
    if _kernels() is None:
        return False
    index = NameIndex.build([("1", "西北工业大学"), ("2", "西安工程大学")])
    index.search("西工大", compiled=True)
    return True


def _kernels() -> ModuleType | None:
    """Import the compiled loops at the first question, if numba is installed."""
    return needing_numba("matching.organisations.kernels")


# Building


def _build(
    entries: Sequence[Organisation],
    known: Mapping[str, Sequence[str]],
    prominent: Mapping[str, int],
) -> Arrays:
    keys, owners, first_rows, spelt = _rows(entries, known)
    if len(keys) > _MOST_ROWS:
        raise ValueError(f"{len(keys)} names are more than {_MOST_ROWS}")
    codes = np.frombuffer("".join(keys).encode("utf-32-le"), np.uint32)
    alphabet = np.unique(codes)
    if len(alphabet) > _MOST_CHARS:
        raise ValueError(
            f"the names have {len(alphabet)} different characters, more than "
            f"{_MOST_CHARS}"
        )
    chars = (np.searchsorted(alphabet, codes) + 1).astype(np.uint16)
    lengths = np.fromiter(map(len, keys), np.int64, len(keys))
    words = cut_names(keys)
    gram_keys, gram_bounds, gram_rows = _grams(chars, lengths)
    named = [
        min(max(entry.named, prominent.get(keys[row], 0)), _MOST_NAMED)
        for entry, row in zip(entries, first_rows.tolist(), strict=True)
    ]
    standing = _standing(np.array(named, np.int64)[owners], words, len(keys))
    pair_keys, pair_bounds, pair_rows = _pairs(chars, words, standing)
    ids, id_bounds = _blob([entry.id for entry in entries])
    names, name_bounds = _blob(spelt)
    return Arrays(
        alphabet=alphabet,
        chars=chars,
        marks=words.marks,
        bounds=_offsets(lengths),
        lengths=lengths.astype(np.uint8),
        owners=owners,
        standing=standing,
        gram_keys=gram_keys,
        gram_bounds=gram_bounds,
        gram_rows=gram_rows,
        pair_keys=pair_keys,
        pair_bounds=pair_bounds,
        pair_rows=pair_rows,
        ids=ids,
        id_bounds=id_bounds,
        names=names,
        name_bounds=name_bounds,
        first_rows=first_rows,
    )


def _rows(
    entries: Sequence[Organisation], known: Mapping[str, Sequence[str]]
) -> tuple[list[str], npt.NDArray[np.uint32], npt.NDArray[np.uint32], list[str]]:
    """Return keys and owners of all rows, first rows, and names unlike their keys."""
    named = list(name_keys([entry.name for entry in entries]))
    keys: list[str] = []
    owners: list[int] = []
    firsts: list[int] = []
    for number, (entry, key) in enumerate(zip(entries, named, strict=True)):
        firsts.append(len(keys))
        keys.append(key)
        owners.append(number)
        aliases = [*entry.aliases, place_first(entry.name), *known.get(key, ())]
        others = {name_key(alias) for alias in aliases if alias} - {key, ""}
        if others:
            keys += sorted(others)
            owners += [number] * len(others)
    spelt = [
        "" if entry.name == key else entry.name
        for entry, key in zip(entries, named, strict=True)
    ]
    return keys, np.array(owners, np.uint32), np.array(firsts, np.uint32), spelt


def _standing(named: Integers, words: Words, rows: int) -> npt.NDArray[np.uint8]:
    """Rank rows by how likely they are meant before anything is asked.

    First by how often the organisation is named, in quarters of a doubling; then come
    bodies, groups of the state, other firms of the state, and firms.

    Parameters
    ----------
    named : array of int64, shape (rows,)
        At most `_MOST_NAMED`.
    words : Words
    rows : int

    Returns
    -------
    array of uint8, shape (rows,)
        At most 255.
    """
    counts, which = np.unique(named, return_inverse=True)
    logarithms = [((n + 1) ** 4).bit_length() - 1 for n in counts.tolist()]
    often = np.array(logarithms, np.int64)[which]
    # A body has no legal form.
    kinds = np.full(rows, 3, np.int64)
    kinds[words.names[words.classes == WordClass.FORM]] = 1
    kinds[words.names[words.groups]] = 2
    kinds[words.names[(words.marks[words.starts] & FIRM) > 0]] = 0
    return (often << 2 | kinds).astype(np.uint8)


def _grams(chars: npt.NDArray[np.uint16], lengths: Integers) -> tuple[Any, Any, Any]:
    """Post the rows by pairs of neighbours; a single character is a pair with 0."""
    rows = np.repeat(np.arange(len(lengths), dtype=np.uint64), lengths)
    left, right = chars[:-1].astype(np.uint64), chars[1:].astype(np.uint64)
    inside = np.flatnonzero(rows[1:] == rows[:-1])
    alone = np.flatnonzero(lengths == 1)
    places = (np.cumsum(lengths) - lengths)[alone]
    keys = np.concatenate(
        (left[inside] << np.uint64(16) | right[inside], chars[places].astype(np.uint64))
    )
    packed = keys << np.uint64(32)
    packed |= np.concatenate((rows[1:][inside], alone.astype(np.uint64)))
    return _posted(packed, 0)


def _pairs(
    chars: npt.NDArray[np.uint16], words: Words, standing: npt.NDArray[np.uint8]
) -> tuple[Any, Any, Any]:
    """Post the rows by pairs of characters that may stand for their words.

    Rows come in the order of what the pair costs as a short form, so that the beginning
    of a list is enough.
    """
    rows = len(standing)
    word_of = np.repeat(np.arange(len(words.sizes)), words.sizes)
    if not len(words.names):
        return _posted(np.zeros(0, np.uint64), _COST_BITS)
    cheap = (words.marks & CHEAP) > 0
    places = np.flatnonzero(cheap & (words.classes[word_of] != WordClass.FORM))
    word = word_of[places]
    row = words.names[word]
    first = np.searchsorted(row, np.arange(rows))
    kept = np.arange(len(places)) - first[row] < _MOST_STANDING
    places, word, row = places[kept], word[kept], row[kept]
    firm = np.zeros(rows, np.int64)
    firm[words.names[(words.marks[words.starts] & FIRM) > 0]] = 1
    drops = PRICES[firm[words.names], 0, words.classes]
    whole = np.bincount(words.names, drops, minlength=rows).astype(np.int64)
    whole += PART_OF_FIRM * firm - DISCOUNTS[standing]
    # What is saved by taking a word's character instead of dropping the word.
    saved = drops[word] - np.where(
        words.sizes[word] > 1, PRICES[firm[row], 1, words.classes[word]], 0
    )
    char = chars[places].astype(np.uint64)
    packed = []
    for step in range(1, _MOST_STANDING):
        at = np.flatnonzero(row[step:] == row[:-step])
        cost = whole[row[at]] - saved[at]
        cost -= np.where(word[at] == word[at + step], 0, saved[at + step])
        cost = np.clip(cost, 0, (1 << _COST_BITS) - 1).astype(np.uint64)
        packed.append(
            char[at] << np.uint64(48)
            | char[at + step] << np.uint64(32)
            | cost << np.uint64(_ROW_BITS)
            | row[at].astype(np.uint64)
        )
    return _posted(np.concatenate(packed), _COST_BITS)


def _posted(packed: npt.NDArray[np.uint64], cost_bits: int) -> tuple[Any, Any, Any]:
    """Sort numbers of key, cost and row; return keys, bounds and rows, each once."""
    packed.sort()
    rows = (packed & np.uint64((1 << (32 - cost_bits)) - 1)).astype(np.uint32)
    keys = (packed >> np.uint64(32)).astype(np.uint32)
    if not len(keys):
        return keys, np.zeros(1, np.uint32), rows
    new = (keys[1:] != keys[:-1]) | (rows[1:] != rows[:-1])
    kept = np.concatenate(([True], new))
    keys, rows = keys[kept], rows[kept]
    starts = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
    return keys[starts], np.append(starts, len(keys)).astype(np.uint32), rows


def _offsets(sizes: Integers) -> npt.NDArray[np.uint32]:
    return np.concatenate(([0], np.cumsum(sizes))).astype(np.uint32)


def _blob(texts: Sequence[str]) -> tuple[Any, Any]:
    raw = [text.encode("utf-8", "surrogatepass") for text in texts]
    sizes = np.fromiter(map(len, raw), np.int64, len(raw))
    return np.frombuffer(b"".join(raw), np.uint8), _offsets(sizes)


# Asking


_Run: TypeAlias = tuple[int, int]
"""Length and start of a piece of `gram_rows` or `pair_rows`."""


@dataclass(frozen=True, slots=True, eq=False)
class _Question:
    """A name that is looked for, in the numbers of an index.

    Attributes
    ----------
    chars : array of uint16
    stem : int
        Number of characters before the legal form.
    worth : array of int64
        Of each character in a comparison.
    starts, sizes, weights : array of int64
        The runs of `gram_rows` that are read for likeness, and what a gram is worth.
    of_pairs : array of bool, short_starts, short_sizes : array of int64
        The runs, in `pair_rows` or `gram_rows`, of names that it may be short for.
    """

    chars: npt.NDArray[np.uint16]
    stem: int
    worth: Integers
    starts: Integers
    sizes: Integers
    weights: Integers
    of_pairs: npt.NDArray[np.bool_]
    short_starts: Integers
    short_sizes: Integers

    @classmethod
    def of(cls, name: str, arrays: Arrays) -> Self:
        """Fold a name and choose what is read of the postings."""
        key = name_key(name)
        codes = np.frombuffer(key.encode("utf-32-le"), np.uint32)
        places = np.searchsorted(arrays.alphabet, codes)
        places[places == len(arrays.alphabet)] = 0
        known = (
            arrays.alphabet[places] == codes
            if len(arrays.alphabet)
            else np.zeros(len(codes), np.bool_)
        )
        chars = np.where(known, places + 1, 0).astype(np.uint16)
        worth = np.full(len(chars), _HEAVY, np.int64)
        stem = len(chars) - form_length(split_ending(key)[1])
        worth[stem:] = _LIGHT
        wide = chars.astype(np.uint32)
        if len(wide) == 1:
            wide = np.concatenate((np.zeros(1, np.uint32), wide))
        grams = wide[:-1] << np.uint32(16) | wide[1:]
        # Two characters are easily typed the wrong way round.
        turned = wide[1:] << np.uint32(16) | wide[:-1]
        runs = _look_up(
            arrays.gram_keys, arrays.gram_bounds, np.concatenate((grams, turned))
        )
        starts, sizes, weights = _rarest(runs, len(arrays.lengths))
        apart: list[_Run] = []
        if 2 <= len(chars) <= LONGEST_SEARCHED:
            apart = _look_up(arrays.pair_keys, arrays.pair_bounds, grams)
        of_pairs, short_starts, short_sizes = _likeliest(apart, runs)
        return cls(
            chars,
            stem,
            worth,
            starts,
            sizes,
            weights,
            of_pairs,
            short_starts,
            short_sizes,
        )


def _look_up(keys: Array, bounds: Array, wanted: Array) -> list[_Run]:
    """Return the run of each wanted key; an empty one where there is none."""
    if not len(keys):
        return [(0, 0)] * len(wanted)
    places = keys.searchsorted(wanted)
    places[places == len(keys)] = 0
    found = (keys[places] == wanted).tolist()
    begins, ends = bounds[places].tolist(), bounds[places + 1].tolist()
    return [
        (end - begin if is_there else 0, begin)
        for is_there, begin, end in zip(found, begins, ends, strict=True)
    ]


def _rarest(runs: Sequence[_Run], rows: int) -> tuple[Integers, Integers, Integers]:
    """Choose runs, the rarest first, until there are enough postings."""
    chosen: list[tuple[int, int, int]] = []
    left = POSTINGS
    for size, start in sorted(set(runs)):
        if not size:
            continue
        if size > left and chosen:
            break
        chosen.append((start, min(size, left), _weight(size, rows)))
        left -= min(size, left)
    table = np.array(chosen, np.int64).reshape(-1, 3).T.copy()
    return table[0], table[1], table[2]


def _likeliest(
    apart: Sequence[_Run], near: Sequence[_Run]
) -> tuple[npt.NDArray[np.bool_], Integers, Integers]:
    """Choose runs of names that a question may be short for, the rarest pair first.

    Of a pair those come first whose words begin with the two characters.
    """
    ranked = sorted(
        (one[0] + other[0], number)
        for number, (one, other) in enumerate(zip(apart, near, strict=False))
    )
    chosen: list[tuple[int, int, int]] = []
    left = READINGS
    for _, number in ranked:
        for is_pair, (whole, start) in ((1, apart[number]), (0, near[number])):
            size = min(whole, left)
            if size:
                chosen.append((is_pair, start, size))
                left -= size
    table = np.array(chosen, np.int64).reshape(-1, 3).T.copy()
    return table[0] > 0, table[1], table[2]


def _weight(size: int, rows: int) -> int:
    """Return four times the inverse document frequency in bits, in whole numbers."""
    return ((rows + size) ** 4 // size**4).bit_length()


class _Way:
    """How the postings are read and the names compared."""

    def __init__(self, arrays: Arrays) -> None:
        self.arrays = arrays

    def alike(self, question: _Question, most: int) -> Integers:
        """Return the rows that share most with a question for their length."""
        raise NotImplementedError

    def shortened(self, question: _Question, most: int) -> Integers:
        """Return the rows that a question is the cheapest short form of."""
        raise NotImplementedError

    def compared(self, question: _Question, rows: Integers) -> Integers:
        """Return the figures of a comparison, a row each; see `kernels`."""
        raise NotImplementedError

    def similarities(self, question: _Question, rows: Integers) -> Floats:
        """Return the better of likeness and reading for each row."""
        figures = self.compared(question, rows)
        shared = _ORDERED * figures[:, 0] + _UNORDERED * figures[:, 1]
        alike = shared / ((_ORDERED + _UNORDERED) * np.maximum(figures[:, 2], 1))
        costs = _discounted(figures[:, 3], self.arrays.standing[rows])
        better: Floats = np.maximum(alike, _READ[costs])
        return better


class _Compiled(_Way):
    """By compiled loops."""

    def __init__(self, arrays: Arrays, loops: ModuleType, room: local) -> None:
        super().__init__(arrays)
        self.loops: Any = loops
        if not hasattr(room, "sums"):
            # One for each thread, and left at nought by every loop.
            room.sums = np.zeros(len(arrays.lengths), np.uint16)
            room.touched = np.zeros(max(POSTINGS, READINGS), np.uint32)
            room.present = np.zeros(_MOST_CHARS + 1, np.uint8)
        self.room = room

    def alike(self, question: _Question, most: int) -> Integers:
        """Return the rows that share most with a question for their length."""
        found: Integers = self.loops.overlapping(
            question.chars,
            self.arrays.gram_rows,
            question.starts,
            question.sizes,
            question.weights,
            self.arrays.chars,
            self.arrays.bounds,
            self.arrays.lengths,
            max(most, LOOKED_AT),
            most,
            _CHARACTER_WEIGHT,
            self.room.sums,
            self.room.touched,
            self.room.present,
        )
        return found

    def shortened(self, question: _Question, most: int) -> Integers:
        """Return the rows that a question is the cheapest short form of."""
        arrays = self.arrays
        found: Integers = self.loops.shortened(
            question.chars,
            question.stem,
            arrays.pair_rows,
            arrays.gram_rows,
            question.of_pairs,
            question.short_starts,
            question.short_sizes,
            arrays.chars,
            arrays.marks,
            arrays.bounds,
            arrays.standing,
            DISCOUNTS,
            PRICES,
            PART_OF_FIRM,
            most,
            self.room.sums,
            self.room.touched,
        )
        return found

    def compared(self, question: _Question, rows: Integers) -> Integers:
        """Return the figures of a comparison, a row each; see `kernels`."""
        arrays = self.arrays
        found: Integers = self.loops.compared(
            question.chars,
            question.stem,
            question.worth,
            arrays.chars,
            arrays.marks,
            arrays.bounds,
            rows,
            _HEAVY,
            _LIGHT,
            LONGEST_SHORT_FORM,
            PRICES,
            PART_OF_FIRM,
        )
        return found


class _Plain(_Way):
    """By NumPy, all candidates side by side."""

    def alike(self, question: _Question, most: int) -> Integers:
        """Return the rows that share most with a question for their length."""
        if not len(question.starts):
            return np.zeros(0, np.int64)
        arrays = self.arrays
        runs = zip(question.starts.tolist(), question.sizes.tolist(), strict=True)
        found = np.concatenate([arrays.gram_rows[at : at + n] for at, n in runs])
        rows, which = np.unique(found, return_inverse=True)
        weights = np.repeat(question.weights, question.sizes)
        sums = np.bincount(which, weights).astype(np.int64)
        lengths = len(question.chars) + arrays.lengths[rows].astype(np.int64)
        first = np.lexsort((rows, -((sums << 12) // lengths)))[: max(most, LOOKED_AT)]
        rows, sums, lengths = rows[first].astype(np.int64), sums[first], lengths[first]
        for chars, _, inside in self._columns(rows):
            sums += _CHARACTER_WEIGHT * (inside & np.isin(chars, question.chars))
        best: Integers = rows[np.lexsort((rows, -((sums << 12) // lengths)))[:most]]
        return best

    def shortened(self, question: _Question, most: int) -> Integers:
        """Return the rows that a question is the cheapest short form of."""
        arrays = self.arrays
        found = [np.zeros(0, np.uint32)]
        for is_pair, at, size in zip(
            question.of_pairs.tolist(),
            question.short_starts.tolist(),
            question.short_sizes.tolist(),
            strict=True,
        ):
            source = arrays.pair_rows if is_pair else arrays.gram_rows
            found.append(source[at : at + size])
        rows = np.unique(np.concatenate(found)).astype(np.int64)
        costs = self._short_form_costs(question, rows)
        rows, costs = rows[costs < NEVER], costs[costs < NEVER]
        standing = arrays.standing[rows]
        costs = _discounted(costs, standing)
        order = np.lexsort((rows, arrays.lengths[rows], 255 - standing, costs))
        best: Integers = rows[order[:most]]
        return best

    def compared(self, question: _Question, rows: Integers) -> Integers:
        """Return the figures of a comparison, a row each; see `kernels`."""
        query, worth = question.chars, question.worth
        length = len(query)
        lengths = self.arrays.lengths[rows].astype(np.int64)
        line = np.zeros((len(rows), length + 1), np.int64)
        used = np.zeros((len(rows), length), np.bool_)
        every = np.arange(len(rows))
        common = np.zeros(len(rows), np.int64)
        whole = np.full(len(rows), worth.sum(), np.int64)
        for chars, marks, inside in self._columns(rows):
            value = np.where(marks & LIGHT, _LIGHT, _HEAVY)
            whole += np.where(inside, value, 0)
            same = (chars[:, None] == query) & inside[:, None]
            gains = np.where(same, np.minimum(value[:, None], worth), 0)
            # Where characters differ the longest subsequence is that of a neighbour.
            best = np.maximum(line[:, 1:], line[:, :-1] + gains)
            line[:, 1:] = np.maximum.accumulate(best, axis=1)
            if length:
                free = same & ~used
                first = free.argmax(axis=1)
                hit = free[every, first]
                used[every[hit], first[hit]] = True
                common[hit] += gains[every[hit], first[hit]]
        costs = np.full(len(rows), NEVER, np.int64)
        if 1 < length <= LONGEST_SHORT_FORM:
            longer = np.flatnonzero(lengths > length)
            costs[longer] = self._short_form_costs(question, rows[longer])
        return np.stack((2 * line[:, -1], 2 * common, whole, costs), axis=1)

    def _columns(self, rows: Integers) -> Iterator[tuple[Array, Array, Array]]:
        """Yield characters, marks and whether there are any, place by place."""
        arrays = self.arrays
        starts = arrays.bounds[rows].astype(np.int64)
        lengths = arrays.lengths[rows].astype(np.int64)
        for place in range(int(lengths.max(initial=0))):
            inside = lengths > place
            at = np.where(inside, starts + place, 0)
            yield arrays.chars[at], arrays.marks[at], inside

    def _short_form_costs(self, question: _Question, rows: Integers) -> Integers:
        """Return what reading a question as a short form of each row costs.

        The same steps as `kernels.short_form_cost`, with a column for each number
        of characters taken. A name that has ended takes no part in further steps.
        """
        query = question.chars
        shape = (len(rows), len(query) + 1)
        base, run, part, rest = (np.full(shape, NEVER, np.int64) for _ in range(4))
        base[:, 0] = 0
        prices = np.zeros((3, len(rows), 1), np.int64)
        light = self._light(rows)
        firm = np.zeros(len(rows), np.int64)
        for _, marks, inside in islice(self._columns(rows), 1):
            firm += inside & ((marks & FIRM) > 0)
        for number, (chars, marks, inside) in enumerate(self._columns(rows)):
            starts = (((marks & START) > 0) & inside)[:, None]
            if number:
                closed = _closed(base, run, part, rest, prices)
                base = np.where(starts, closed, base)
                run, part, rest = (
                    np.where(starts, NEVER, costs) for costs in (run, part, rest)
                )
            fresh_prices = PRICES[firm, :, marks & CLASS].T[:, :, None]
            prices = np.where(starts, fresh_prices, prices)
            same = (chars[:, None] == query) & inside[:, None]
            cheap = (marks & CHEAP)[:, None] > 0
            more = ((marks & SECOND)[:, None] > 0).astype(np.int64)
            fresh = np.minimum(base[:, :-1], part[:, :-1])
            going = inside[:, None]
            new_part = np.where(going, np.minimum(part, run), part)
            new_run = np.where(going, NEVER, run)
            new_rest = rest.copy()
            begun = np.where(starts, base[:, :-1], run[:, :-1])
            new_run[:, 1:] = np.where(same, begun, new_run[:, 1:])
            inner = same & ~starts
            taken = np.where(inner & cheap, fresh + more, NEVER)
            new_part[:, 1:] = np.minimum(new_part[:, 1:], taken)
            odd = np.where(cheap, rest[:, :-1], np.minimum(fresh, rest[:, :-1]))
            new_rest[:, 1:] = np.minimum(new_rest[:, 1:], np.where(inner, odd, NEVER))
            run, part, rest = new_run, new_part, new_rest
        costs = _closed(base, run, part, rest, prices)[:, -1]
        stems = self.arrays.lengths[rows].astype(np.int64) - light
        costs = costs + PART_OF_FIRM * firm * (question.stem < stems)
        most: Integers = np.minimum(costs, NEVER)
        return most

    def _light(self, rows: Integers) -> Integers:
        """Return the lengths of the legal forms at the ends of rows."""
        light = np.zeros(len(rows), np.int64)
        for _, marks, inside in self._columns(rows):
            light += inside & ((marks & LIGHT) > 0)
        return light


def _discounted(costs: Integers, standing: Array) -> Integers:
    """Take off what a name's standing is worth; what is none stays none."""
    less = np.maximum(costs - DISCOUNTS[standing], 0)
    return np.where(costs < NEVER, less, NEVER)


def _closed(
    base: Integers, run: Integers, part: Integers, rest: Integers, prices: Integers
) -> Integers:
    """Return the costs at the end of a word."""
    kept = np.minimum(run, np.minimum(part + prices[1], rest + prices[2]))
    closed: Integers = np.minimum(base + prices[0], kept)
    return closed
