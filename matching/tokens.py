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
from typing import Final, TypeAlias

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
        if len(self) < 500_000 and len(word) <= 32:
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
    sizes = np.fromiter((len(text) + 1 for text in folded), np.int64, len(folded))
    bounds = np.concatenate(([0], np.cumsum(sizes)))
    if not joined.isascii():
        # The word cutter is written in Rust and takes no half characters.
        joined = _SURROGATE.sub("\ufffd", joined)
    codes = np.frombuffer(joined.encode("utf-32-le"), dtype=np.uint32)
    han = _is_han(codes)
    latin_words = [(m.start(), m.group()) for m in _LATIN.finditer(joined)]
    follows = _follows(joined, latin_words)
    pieces = [
        _words(joined, han),
        _bigrams(codes, han),
        *_stems(latin_words, follows),
        _codes(joined),
    ]
    if grams:
        pieces += [_grams(latin_words, follows), _chars(codes, han)]
    features = np.concatenate([piece[0] for piece in pieces])
    places = np.concatenate([piece[1] for piece in pieces])
    lengths = np.concatenate([piece[2] for piece in pieces])
    owners = np.searchsorted(bounds, places, side="right") - 1
    return Tokens(features, owners, places - bounds[owners], lengths)


_Piece: TypeAlias = tuple[Features, Integers, Integers]


def _is_han(codes: npt.NDArray[np.uint32]) -> npt.NDArray[np.bool_]:
    mask = np.zeros(len(codes), dtype=np.bool_)
    for low, high in _HAN_BLOCKS:
        mask |= (codes >= low) & (codes <= high)
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
    wide = codes.astype(np.uint64)
    base = np.uint64(int(Kind.BIGRAM) << 60)
    both = np.flatnonzero(han[:-1] & han[1:])
    before = np.concatenate(([False], han[:-1]))
    after = np.concatenate((han[1:], [False]))
    alone = np.flatnonzero(han & ~before & ~after)
    pairs = base | (wide[both] << np.uint64(21)) | wide[both + 1]
    single = base | (wide[alone] << np.uint64(21))
    lengths = np.concatenate(
        [np.full(len(both), 2, np.int64), np.full(len(alone), 1, np.int64)]
    )
    return np.concatenate([pairs, single]), np.concatenate([both, alone]), lengths


def _chars(codes: npt.NDArray[np.uint32], han: npt.NDArray[np.bool_]) -> _Piece:
    places = np.flatnonzero(han)
    base = np.uint64(int(Kind.CHAR) << 60)
    return base | codes[places].astype(np.uint64), places, np.ones_like(places)


def _follows(joined: str, words: list[tuple[int, str]]) -> npt.NDArray[np.bool_]:
    """Say which words stand one sign after another word of the same text.

    They belong together: "carbon fibre", "gb/t", "al-mg".
    """
    follows = np.zeros(len(words), dtype=np.bool_)
    reached = -2
    for number, (start, word) in enumerate(words):
        follows[number] = start == reached + 1 and joined[reached] != _BREAK
        reached = start + len(word)
    return follows


def _stems(
    words: list[tuple[int, str]], follows: npt.NDArray[np.bool_]
) -> tuple[_Piece, _Piece]:
    starts = np.fromiter((start for start, _ in words), np.int64, len(words))
    lengths = np.fromiter((len(word) for _, word in words), np.int64, len(words))
    features = np.fromiter((_STEMS[word] for _, word in words), np.uint64, len(words))
    near = np.flatnonzero(follows[1:])
    pairs = np.fromiter(
        (_PAIRS[f"{_STEMS[words[i][1]]} {_STEMS[words[i + 1][1]]}"] for i in near),
        np.uint64,
        len(near),
    )
    spans = starts[near + 1] + lengths[near + 1] - starts[near]
    return (features, starts, lengths), (pairs, starts[near], spans)


def _codes(joined: str) -> _Piece:
    found = [(m.start(), m.group()) for m in _CODE.finditer(joined)]
    found = [(start, code) for start, code in found if any(map(str.isdigit, code))]
    return (
        np.fromiter((_CODES[code] for _, code in found), np.uint64, len(found)),
        np.fromiter((start for start, _ in found), np.int64, len(found)),
        np.fromiter((len(code) for _, code in found), np.int64, len(found)),
    )


def _grams(words: list[tuple[int, str]], follows: npt.NDArray[np.bool_]) -> _Piece:
    """Return the letter 2- and 3-grams of stems, across one sign between two words.

    Their place is that of the word in which they begin.
    """
    stems = [
        (" " if joins else _BREAK) + _stem(word)
        for (_, word), joins in zip(words, follows.tolist(), strict=True)
    ]
    joined = "".join(stems)
    codes = np.frombuffer(joined.encode("utf-32-le"), dtype=np.uint32)
    signs = codes.astype(np.uint64) & np.uint64(0xFFFFF)
    sizes = np.fromiter(map(len, stems), np.int64, len(stems))
    word_of = np.repeat(np.arange(len(words)), sizes)
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
    starts = np.fromiter((start for start, _ in words), np.int64, len(words))
    lengths = np.fromiter((len(word) for _, word in words), np.int64, len(words))
    return np.concatenate([pairs, triples]), starts[owner], lengths[owner]
