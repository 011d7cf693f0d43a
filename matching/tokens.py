"""Cut normalised text into features: words, bigrams, characters, stems, codes, n-grams.

A feature is one 64-bit number. Its upper four bits say what kind it is; bigrams,
characters and letter n-grams hold their characters themselves, words and stems a 60-bit
hash. So no vocabulary of strings has to be kept, and any new word can be found at once.
With ten million different words the chance of any two sharing a hash is about one in
20,000.

The work is done for many texts at a time: one pass of the word cutter over the joined
texts, and NumPy for all n-grams.
"""

import re
import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from hashlib import blake2b
from importlib.metadata import version
from itertools import compress
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import rjieba
import snowballstemmer

from matching.text import HAN, normalise

Features: TypeAlias = npt.NDArray[np.uint64]
Integers: TypeAlias = npt.NDArray[np.int64]

ANALYSER: Final = f"4+rjieba-{version('rjieba')}"
"""Names the features and the facts that are read out of texts; an index made by another
analyser cannot be searched. Raised whenever either would come out otherwise."""


class Kind(IntEnum):
    """Kinds of features, in the upper four bits."""

    WORD = 1
    BIGRAM = 2
    STEM = 3
    CODE = 4
    PAIR = 5
    GRAM = 6
    CHAR = 7


KIND_SHIFT: Final = np.uint64(60)
_BODY: Final = (1 << 60) - 1
_LATIN = re.compile(rf"[^\W_{HAN}]+")
# Without the look behind, each sign of a long word would be tried as a beginning.
_CODE = re.compile(r"(?<![a-z0-9])[a-z0-9]+(?:[-./][a-z0-9]+)+")
_SURROGATE = re.compile("[\ud800-\udfff]")
_HAN_BLOCKS: Final = (
    (0x2E80, 0x2FDF),
    (0x3005, 0x3005),
    (0x3007, 0x3007),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)
_BREAK: Final = "\n"
"""Stands between joined texts; normalised text has only plain blanks."""


def kinds_of(features: Features) -> npt.NDArray[np.uint8]:
    """Return the kind of each feature."""
    return (features >> KIND_SHIFT).astype(np.uint8)


def are_of(features: Features, kinds: Collection[Kind]) -> npt.NDArray[np.bool_]:
    """Say which features are of these kinds.

    Examples
    --------
    >>> are_of(tokenise(["合金"]).features, [Kind.CHAR]).tolist()
    [False, False, True, True]
    """
    return among(kinds_of(features), kinds)


def among(
    given: npt.NDArray[np.uint8], kinds: Collection[Kind]
) -> npt.NDArray[np.bool_]:
    """Say which of the given kinds are wanted."""
    wanted = np.zeros(16, np.bool_)
    wanted[list(kinds)] = True
    mask: npt.NDArray[np.bool_] = wanted[given]
    return mask


_LONGEST_KEPT: Final = 48
"""Longer words are not remembered; the name of a pair has some forty figures."""


class _Hashes(dict[str, int]):
    """Hash of a word of one kind, worked out on first sight and kept for a while."""

    def __init__(self, kind: Kind, *, stems: bool = False) -> None:
        super().__init__()
        self._base = int(kind) << 60
        self._stems = stems

    def __missing__(self, word: str) -> int:
        stem = _stem(word) if self._stems else word
        digest = blake2b(stem.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        value = self._base | (int.from_bytes(digest, "little") & _BODY)
        # The table is only there for speed; a limit keeps a long-lived process small.
        if len(self) < 500_000 and len(word) <= _LONGEST_KEPT:
            self[word] = value
        return value


class _Stemmers(threading.local):
    """A stemmer for each thread: it keeps the word that it is working on."""

    def __init__(self) -> None:
        self.english = snowballstemmer.stemmer("english")


_STEMMERS = _Stemmers()


@lru_cache(maxsize=65_536)
def _english_stem(word: str) -> str:
    return str(_STEMMERS.english.stemWord(word))


def _stem(word: str) -> str:
    """Return the English stem; words of other scripts and numbers stay as they are."""
    if len(word) <= 64 and word.isascii() and word.isalpha():
        return _english_stem(word)
    return word


_WORDS = _Hashes(Kind.WORD)
_STEMS = _Hashes(Kind.STEM, stems=True)
_CODES = _Hashes(Kind.CODE)
_PAIRS = _Hashes(Kind.PAIR)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Features in the order of their kinds, with their places.

    Attributes
    ----------
    features : array of uint64
    owners : array of int64
        Number of the text from which each came.
    starts, lengths : array of int64
        Place of each in its folded text.
    """

    features: Features
    owners: Integers
    starts: Integers
    lengths: Integers

    def kinds(self) -> npt.NDArray[np.uint64]:
        """Return the kind of each feature."""
        return self.features >> KIND_SHIFT


def fold(text: str) -> str:
    """Return the spelling that features are cut from.

    Examples
    --------
    >>> fold("６０６１－Ｔ６鋁合金")
    '6061-t6铝合金'
    """
    return normalise(text).folded


def feature_of(kind: Kind, folded: str) -> int:
    """Return the feature of one folded word, bigram, stem, code or character.

    Raises
    ------
    ValueError
        For another kind, or when a bigram or character has another length.

    Examples
    --------
    >>> feature_of(Kind.STEM, "coatings") == feature_of(Kind.STEM, "coated")
    True
    >>> feature_of(Kind.BIGRAM, "合金") in tokenise(["铝合金"]).features
    True
    """
    hashes = {Kind.WORD: _WORDS, Kind.STEM: _STEMS, Kind.CODE: _CODES}
    if kind in hashes:
        return hashes[kind][folded]
    base = int(kind) << 60
    if kind is Kind.CHAR and len(folded) == 1:
        return base | ord(folded)
    if kind is Kind.BIGRAM and len(folded) == 2:
        return base | (ord(folded[0]) << 21) | ord(folded[1])
    raise ValueError(f"{folded!r} is no {kind.name}")


def words(folded: str) -> list[str]:
    """Cut one folded text into words, signs and blanks left out.

    Examples
    --------
    >>> words("电池托盘, t800")
    ['电池', '托盘', 't800']
    """
    cut = rjieba.cut(_SURROGATE.sub("\ufffd", folded)) if folded else []
    return [word for word in cut if any(map(str.isalnum, word))]


def tokenise(folded: Sequence[str], *, grams: bool = True) -> Tokens:
    """Cut folded texts into features.

    Parameters
    ----------
    folded : sequence of str
        Texts as `fold` returns them. Empty ones are allowed.
    grams : bool, default=True
        Whether letter n-grams and single characters are wanted; explanations do not
        show them.

    Returns
    -------
    Tokens

    Examples
    --------
    >>> tokens = tokenise(["碳纤维", "carbon fibres"])
    >>> sorted(set(tokens.owners.tolist()))
    [0, 1]
    """
    joined = _BREAK.join([*folded, ""])
    sizes = np.fromiter(map(len, folded), np.int64, len(folded)) + 1
    begins = np.cumsum(sizes) - sizes
    if not joined.isascii():
        # The word cutter is written in Rust and takes no half characters.
        joined = _SURROGATE.sub("\ufffd", joined)
    codes = np.frombuffer(joined.encode("utf-32-le"), dtype=np.uint32)
    han = _is_han(codes)
    latin = _latin_words(joined, codes)
    pieces = [
        _words(joined, han),
        _bigrams(codes, han),
        *_stems(latin),
        _codes(joined, latin),
    ]
    if grams:
        pieces += [_grams(latin), _chars(codes, han)]
    features = np.concatenate([piece[0] for piece in pieces])
    places = np.concatenate([piece[1] for piece in pieces])
    lengths = np.concatenate([piece[2] for piece in pieces])
    owners = np.repeat(np.arange(len(folded)), sizes)[places]
    return Tokens(features, owners, places - begins[owners], lengths)


_Piece: TypeAlias = tuple[Features, Integers, Integers]


def _han_table() -> npt.NDArray[np.bool_]:
    """Return for each code whether it is Chinese; the last entry is for all above."""
    table = np.zeros(_HAN_BLOCKS[-1][1] + 2, np.bool_)
    for low, high in _HAN_BLOCKS:
        table[low : high + 1] = True
    return table


_HAN: Final = _han_table()


def _is_han(codes: npt.NDArray[np.uint32]) -> npt.NDArray[np.bool_]:
    mask: npt.NDArray[np.bool_] = _HAN[np.minimum(codes, len(_HAN) - 1)]
    return mask


def _words(joined: str, han: npt.NDArray[np.bool_]) -> _Piece:
    words = rjieba.cut(joined) if joined else []
    lengths = np.fromiter(map(len, words), np.int64, len(words))
    starts = np.cumsum(lengths) - lengths
    kept = han[starts]
    chinese = compress(words, kept.tolist())
    hashes = map(_WORDS.__getitem__, chinese)
    features = np.fromiter(hashes, np.uint64, np.count_nonzero(kept))
    return features, starts[kept], lengths[kept]


def _bigrams(codes: npt.NDArray[np.uint32], han: npt.NDArray[np.bool_]) -> _Piece:
    """Return the pairs of neighbours, and the characters that have none."""
    wide = codes.astype(np.uint64)
    base, shift = np.uint64(int(Kind.BIGRAM) << 60), np.uint64(21)
    both = np.flatnonzero(han[:-1] & han[1:])
    lonely = han.copy()
    lonely[1:] &= ~han[:-1]
    lonely[:-1] &= ~han[1:]
    alone = np.flatnonzero(lonely)
    pairs = base | (wide[both] << shift) | wide[both + 1]
    single = base | (wide[alone] << shift)
    places = np.concatenate([both, alone])
    lengths = np.ones(len(places), np.int64)
    lengths[: len(both)] = 2
    return np.concatenate([pairs, single]), places, lengths


def _chars(codes: npt.NDArray[np.uint32], han: npt.NDArray[np.bool_]) -> _Piece:
    places = np.flatnonzero(han)
    base = np.uint64(int(Kind.CHAR) << 60)
    return base | codes[places].astype(np.uint64), places, np.ones_like(places)


class _Latin(NamedTuple):
    """The words in letters of the joined texts, in order.

    Attributes
    ----------
    words : list of str
    starts, lengths : array of int64
    follows : array of bool
        Which words stand one sign after another word of the same text. They belong
        together: "carbon fibre", "gb/t", "al-mg".
    """

    words: list[str]
    starts: Integers
    lengths: Integers
    follows: npt.NDArray[np.bool_]

    def chains(self) -> list[tuple[int, int]]:
        """Return where words that follow one another stand, all as one range."""
        joining = np.flatnonzero(self.follows)
        if not len(joining):
            return []
        apart = np.flatnonzero(np.diff(joining) > 1)
        firsts = joining[np.append(0, apart + 1)] - 1
        lasts = joining[np.append(apart, len(joining) - 1)]
        ends = self.starts[lasts] + self.lengths[lasts]
        return list(zip(self.starts[firsts].tolist(), ends.tolist(), strict=True))


def _latin_words(joined: str, codes: npt.NDArray[np.uint32]) -> _Latin:
    words: list[str] = []
    places: list[int] = []
    for match in _LATIN.finditer(joined):
        words.append(match.group())
        places.append(match.start())
    starts = np.array(places, np.int64)
    lengths = np.fromiter(map(len, words), np.int64, len(words))
    follows = np.zeros(len(words), np.bool_)
    ends = starts[:-1] + lengths[:-1]
    follows[1:] = (starts[1:] == ends + 1) & (codes[ends] != ord(_BREAK))
    return _Latin(words, starts, lengths, follows)


def _stems(latin: _Latin) -> tuple[_Piece, _Piece]:
    words, starts, lengths, follows = latin
    features = np.fromiter(map(_STEMS.__getitem__, words), np.uint64, len(words))
    near = np.flatnonzero(follows[1:])
    pairs = np.fromiter(
        (_PAIRS[f"{_STEMS[words[i]]} {_STEMS[words[i + 1]]}"] for i in near.tolist()),
        np.uint64,
        len(near),
    )
    spans = starts[near + 1] + lengths[near + 1] - starts[near]
    return (features, starts, lengths), (pairs, starts[near], spans)


def _codes(joined: str, latin: _Latin) -> _Piece:
    """Return the codes. They lie where words follow one another."""
    found = [
        (match.start(), match.group())
        for first, end in latin.chains()
        for match in _CODE.finditer(joined, first, end)
        if any(map(str.isdigit, match.group()))
    ]
    return (
        np.fromiter((_CODES[code] for _, code in found), np.uint64, len(found)),
        np.fromiter((start for start, _ in found), np.int64, len(found)),
        np.fromiter((len(code) for _, code in found), np.int64, len(found)),
    )


def _grams(latin: _Latin) -> _Piece:
    """Return the letter 2- and 3-grams of stems, across one sign between two words.

    Their place is that of the word in which they begin.
    """
    stems = [
        (" " if joins else _BREAK) + _stem(word)
        for word, joins in zip(latin.words, latin.follows.tolist(), strict=True)
    ]
    joined = "".join(stems)
    codes = np.frombuffer(joined.encode("utf-32-le"), dtype=np.uint32)
    signs = codes.astype(np.uint64) & np.uint64(0xFFFFF)
    sizes = np.fromiter(map(len, stems), np.int64, len(stems))
    word_of = np.repeat(np.arange(len(stems)), sizes)
    whole = codes != ord(_BREAK)
    two = np.flatnonzero(whole[:-1] & whole[1:])
    three = np.flatnonzero(whole[:-2] & whole[1:-1] & whole[2:])
    base, shift = np.uint64(int(Kind.GRAM) << 60), np.uint64(20)
    pairs = base | (signs[two] << shift) | signs[two + 1]
    triples = (
        base
        | (((signs[three] << shift) | signs[three + 1]) << shift)
        | signs[three + 2]
    )
    owner = word_of[np.concatenate([two, three])]
    features = np.concatenate([pairs, triples])
    return features, latin.starts[owner], latin.lengths[owner]
