"""Split names of organisations into words, and say what each word is worth.

A Chinese name runs from the place to the core, to the trade, to the kind of body:
济南|鲁信|新材料|有限公司, 西北|工业|大学. Who shortens it keeps the first characters of
its words, or whole words, and leaves out what goes without saying. So an index of names
has to know where words begin, and what it costs to leave one out.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from itertools import pairwise
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import rjieba

from matching.organisations.places import PLACES, leading_place
from matching.text import clean

Bytes: TypeAlias = npt.NDArray[np.uint8]
Integers: TypeAlias = npt.NDArray[np.int64]

LONGEST: Final = 100
"""Characters of a name that are compared; no register allows longer ones."""


def listed(words: str) -> tuple[str, ...]:
    """Return the words of a list that blanks part."""
    return tuple(words.split())


FORMS: Final = frozenset(
    listed(
        "股份有限公司 有限责任公司 有限公司 总公司 分公司 子公司 公司 集团 股份 "
        "控股 有限 责任 有限合伙 普通合伙 特殊普通合伙 合伙企业 合伙 个人独资企业 "
        "个体工商户 经营部 商行 工作室 门市部 事务所 专业合作社 农民专业合作社 "
        "合作社 联合社 总厂 分厂 厂"
    )
)
"""Legal forms. They tell least of all words, and are left out first."""

TYPES: Final = frozenset(
    listed(
        "大学 学院 学校 专科学校 高等专科学校 职业学院 职业技术学院 职业技术大学 "
        "技师学院 研究生院 研究院 研究所 技术研究院 技术研究所 产业技术研究院 "
        "科学研究院 科学研究所 设计研究院 设计院 研究总院 科学院 工程院 总院 分院 "
        "研究中心 工程中心 技术中心 工程研究中心 技术研究中心 工程技术研究中心 "
        "检测中心 推广中心 服务中心 中心 重点实验室 实验室 医院 卫生院 党校 协会 "
        "学会 商会 委员会 联合会 促进会 基金会 中学 小学 幼儿园 图书馆 博物馆 "
        "出版社 银行 管理局 总局 电视台"
    )
)
"""Kinds of bodies. A short form keeps their first or their last character."""

_INNER_KINDS: Final = frozenset(
    listed("大学 学院 科学院 医学院 研究院 研究总院 研究所 医院 附属 直属")
)
"""A body's name up to one of these is its parent's: 四川大学 in 四川大学华西医院."""

_EITHER: Final = frozenset(listed("理工 农林 政法 经贸 石油 医药 制药 电网 电影 电视"))
"""Words of two ideas, or known by the second: 昆工 is 昆明理工大学, 国网 国家电网."""

_ENDINGS: Final = sorted(FORMS | TYPES, key=lambda word: (-len(word), word))
_LONGEST_ENDING: Final = len(_ENDINGS[0])
_ENDING_SET: Final = FORMS | TYPES
_ADMINISTRATIVE: Final = frozenset("省市县区州盟旗镇")

_CONJUNCTIONS: Final = frozenset("与及")
_ORDINAL: Final = "第"
"""Begins a word, as 第三, for which the number may stand."""
_GROUP: Final = "集团"

NATIONAL: Final = frozenset(listed("中国 国家 全国 中华"))
"""Left out without a thought where a name begins: 人大 is 中国人民大学."""

START: Final = 128
"""Mark of the first character of a word."""
CHEAP: Final = 64
"""Mark of a character that may stand for its word."""
LIGHT: Final = 32
"""Mark of a character of the legal form at the end."""
FIRM: Final = 16
"""Mark of the first character of a name that is read as that of a firm."""
SECOND: Final = 16
"""Mark of a character, not the first of its word, that stands for it at one more."""
CLASS: Final = 15
"""Mask of the class of a word, in the mark of its first character."""


class WordClass(IntEnum):
    """What a word does in a name.

    `COMMON` words are frequent in the names at hand, `RARE` ones are not, and `KNOWN`
    ones are not, either, but the dictionary has them. `TYPE` is 大学, `COLLEGE` 学院,
    `KIND` any other kind of body and `PART_OF_KIND` what such a body does (工程研究 of
    工程研究中心). `PARENT` is a word of the body's parent, and `SECOND_HALF` the latter
    two of four characters that are one idea (航天 of 航空航天).
    """

    ADMINISTRATIVE = 0
    FORM = 1
    TYPE = 2
    COMMON = 3
    RARE = 4
    NATIONAL = 5
    FIRST_COMMON = 6
    FIRST_RARE = 7
    KIND = 8
    PART_OF_KIND = 9
    PARENT = 10
    KNOWN = 11
    COLLEGE = 12
    SECOND_HALF = 13
    FIRST_PARENT = 14


_SCHOOLS: Final = {"大学": WordClass.TYPE, "学院": WordClass.COLLEGE}
"""Kinds of bodies that short forms leave out more easily than others."""

NEVER: Final = 255
"""The price of a short form that is none."""

_Prices: TypeAlias = dict[WordClass, tuple[int, int, int]]
_PRICES_OF_BODIES: Final[_Prices] = {
    WordClass.ADMINISTRATIVE: (0, 0, 0),
    WordClass.FORM: (0, 0, 0),
    WordClass.TYPE: (1, 0, 2),
    WordClass.COLLEGE: (2, 1, 2),
    WordClass.KIND: (3, 1, 2),
    WordClass.PART_OF_KIND: (0, 1, 2),
    WordClass.NATIONAL: (2, 2, 4),
    WordClass.COMMON: (2, 2, 4),
    WordClass.KNOWN: (4, 2, 4),
    WordClass.RARE: (8, 2, 4),
    WordClass.SECOND_HALF: (0, 1, 3),
    WordClass.FIRST_COMMON: (4, 2, 4),
    WordClass.FIRST_RARE: (10, 2, 4),
    WordClass.FIRST_PARENT: (3, 2, 4),
    WordClass.PARENT: (1, 2, 4),
}
"""A body is called by first characters of its words. So is a firm of the state."""
_PRICES_OF_FIRMS: Final[_Prices] = {
    WordClass.ADMINISTRATIVE: (0, 0, 0),
    WordClass.FORM: (0, 0, 0),
    WordClass.TYPE: (1, 0, 2),
    WordClass.COLLEGE: (1, 0, 2),
    WordClass.KIND: (1, 0, 2),
    WordClass.PART_OF_KIND: (0, 0, 2),
    WordClass.NATIONAL: (0, 5, 6),
    WordClass.COMMON: (0, 5, 6),
    WordClass.KNOWN: (8, 5, 6),
    WordClass.RARE: (8, 5, 6),
    WordClass.SECOND_HALF: (0, 5, 6),
    WordClass.FIRST_COMMON: (0, 5, 6),
    WordClass.FIRST_RARE: (8, 5, 6),
    WordClass.FIRST_PARENT: (0, 5, 6),
    WordClass.PARENT: (0, 5, 6),
}
"""A firm is called by its core, whatever its place and trade."""
PRICES: Final[Integers] = np.array(
    [
        list(zip(*(prices[of] for of in WordClass), strict=True))
        for prices in (_PRICES_OF_BODIES, _PRICES_OF_FIRMS)
    ],
    np.int64,
)
"""What a short form costs, word by word.

First axis: bodies, firms. Second: a word left out; first characters, or those that may
stand for it; other characters. Third: `WordClass`.
"""
PART_OF_FIRM: Final = 6
"""On top, for a short form that leaves anything but the legal form of a firm out."""

_COMMON_SHARE: Final = 10_000
"""A word is common that stands in at least one of so many names, and in two."""

_BATCH: Final = 8192
_PLAIN: Final = frozenset(
    [chr(code) for code in range(0x4E00, 0xA000)]
    + list("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ()（）")
)


def name_key(name: str) -> str:
    """Return what of a name is compared: letters, figures and Chinese characters.

    Width, case, script and signs are folded, and what is longer than `LONGEST` is cut.

    Examples
    --------
    >>> name_key("中國石油大學（華東） ")
    '中国石油大学华东'
    """
    return _compared(clean(name))


def name_keys(names: Sequence[str]) -> Iterator[str]:
    """Yield `name_key` of each name; of many names in one pass, which is quicker.

    Names of Chinese characters, plain letters, figures and brackets have nothing that
    reaches over their ends, so they are folded together, one to a line.
    """
    for first in range(0, len(names), _BATCH):
        batch = names[first : first + _BATCH]
        together = [bool(name) and _PLAIN.issuperset(name) for name in batch]
        lines = [name for name, plain in zip(batch, together, strict=True) if plain]
        folded = iter(clean("\n".join(lines)).split(" "))
        for name, plain in zip(batch, together, strict=True):
            yield _compared(next(folded)) if plain else name_key(name)


def _compared(cleaned: str) -> str:
    return "".join(filter(str.isalnum, cleaned.casefold()))[:LONGEST]


_BRACKETED = re.compile(
    r"([^()（）]+)[(（]([^()（）]{2,6})[)）]([^()（）]+)", re.DOTALL
)


def place_first(name: str) -> str:
    """Return a name with the place out of the brackets in front; empty without any.

    Examples
    --------
    >>> place_first("鲁信（济南）新材料有限公司")
    '济南鲁信新材料有限公司'
    """
    found = _BRACKETED.fullmatch(name)
    return found[2] + found[1] + found[3] if found else ""


def split_ending(key: str) -> tuple[str, list[str]]:
    """Part the kinds of bodies and legal forms from the end of a name.

    At least two characters are left, if there are as many.

    Examples
    --------
    >>> split_ending("山东能源集团有限公司")
    ('山东能源', ['集团', '有限公司'])
    """
    endings: list[str] = []
    while True:
        for size in range(min(_LONGEST_ENDING, len(key) - 2), 0, -1):
            if key[-size:] in _ENDING_SET:
                endings.insert(0, key[-size:])
                key = key[:-size]
                break
        else:
            return key, endings


def form_length(endings: Sequence[str]) -> int:
    """Return how many characters at the end of a name are its legal form.

    Parameters
    ----------
    endings : sequence of str
        As `split_ending` returns them.
    """
    length = 0
    for ending in reversed(endings):
        if ending not in FORMS:
            break
        length += len(ending)
    return length


@dataclass(frozen=True, slots=True)
class Words:
    """The words of many names, one name after another.

    Attributes
    ----------
    names : array of int64, shape (words,)
        Number of the name that a word belongs to, ascending.
    starts, sizes : array of int64, shape (words,)
        Place of the first character among all characters, and how many there are.
    classes : array of uint8, shape (words,)
        `WordClass`.
    groups : array of bool, shape (words,)
        Whether a word is 集团.
    marks : array of uint8, shape (characters,)
        `START`, `CHEAP`, `LIGHT`, `FIRM` or `SECOND` and the class, for each character
        of each name.
    """

    names: Integers
    starts: Integers
    sizes: Integers
    classes: Bytes
    groups: npt.NDArray[np.bool_]
    marks: Bytes


class _Place(IntEnum):
    """Where in a name a word stands, if that decides what it is."""

    ANYWHERE = 0
    BEHIND_PLACE = 1
    AT_END = 2
    BEFORE_END = 3
    IN_PARENT = 4
    SECOND_HALF = 5


class _Vocabulary:
    """Words seen so far: their numbers, kinds and lengths."""

    def __init__(self) -> None:
        self.numbers: dict[tuple[str, _Place], int] = {}
        self.parts: dict[str, tuple[int, ...]] = {}

    def look_up(self, word: str) -> tuple[int, ...]:
        """Return the numbers of a word's parts: 章丘市 is 章丘 and 市."""
        known = self.parts.get(word)
        if known is None:
            at, place = len(word), _Place.ANYWHERE
            if word in PLACES:
                pass  # Neither 景德镇 nor 齐齐哈尔 has parts.
            elif at > 2 and word[-1] in _ADMINISTRATIVE:
                at, place = at - 1, _Place.BEHIND_PLACE
            elif at == 4 and all(map(rjieba.has_word, (word[:2], word[2:]))):
                # 航空航天 and 科学技术 are two words to whoever shortens them.
                at, place = 2, _Place.SECOND_HALF
            known = (self.number(word[:at], _Place.ANYWHERE),)
            if at < len(word):
                known += (self.number(word[at:], place),)
            self.parts[word] = known
        return known

    def number(self, word: str, place: _Place) -> int:
        """Return the number of a word, a new one if it is new."""
        return self.numbers.setdefault((word, place), len(self.numbers))

    def sizes(self) -> Integers:
        """Return the length of each word."""
        lengths = (len(word) for word, _ in self.numbers)
        return np.fromiter(lengths, np.int64, len(self.numbers))

    def classes(self, frequencies: Integers, names: int) -> Bytes:
        """Return the class of each word, wherever it stands."""
        common = frequencies >= max(2, -(-names // _COMMON_SHARE))
        classes = np.where(common, WordClass.COMMON, WordClass.RARE).astype(np.uint8)
        for (word, place), number in self.numbers.items():
            if place == _Place.BEHIND_PLACE or word in _CONJUNCTIONS:
                classes[number] = WordClass.ADMINISTRATIVE
            elif place == _Place.SECOND_HALF:
                classes[number] = WordClass.SECOND_HALF
            elif word in FORMS:
                classes[number] = WordClass.FORM
            elif place == _Place.AT_END:
                classes[number] = _SCHOOLS.get(word, WordClass.KIND)
            elif place == _Place.BEFORE_END:
                classes[number] = WordClass.PART_OF_KIND
            elif place == _Place.IN_PARENT:
                classes[number] = WordClass.PARENT
            elif classes[number] == WordClass.RARE and rjieba.has_word(word):
                classes[number] = WordClass.KNOWN
        return classes

    def beginnings(self, classes: Bytes) -> Bytes:
        """Return the class of each word where it begins a name."""
        firsts = classes.copy()
        firsts[classes == WordClass.COMMON] = WordClass.FIRST_COMMON
        rare = (classes == WordClass.RARE) | (classes == WordClass.KNOWN)
        firsts[rare] = WordClass.FIRST_RARE
        firsts[classes == WordClass.PARENT] = WordClass.FIRST_PARENT
        for (word, _), number in self.numbers.items():
            # However few names begin with a place, it is not what tells them apart.
            if rare[number] and (word in PLACES or _is_place(word)):
                firsts[number] = WordClass.FIRST_COMMON
        for word in NATIONAL:
            for place in (_Place.ANYWHERE, _Place.IN_PARENT):
                if (word, place) in self.numbers:
                    firsts[self.numbers[word, place]] = WordClass.NATIONAL
        return firsts

    def shapes(self, size: int) -> tuple[Integers, Bytes]:
        """Return for each word of that length its number, and its marks, a row each."""
        chosen = [
            (number, word, place)
            for (word, place), number in self.numbers.items()
            if len(word) == size
        ]
        marks = np.zeros((len(chosen), size), np.uint8)
        for at, (_, word, place) in enumerate(chosen):
            marks[at, 0] = START | (0 if place == _Place.BEHIND_PLACE else CHEAP)
            if word in FORMS:
                continue
            if word in TYPES:
                marks[at, -1] |= CHEAP
            elif word in _EITHER:
                marks[at, -1] |= CHEAP | SECOND
            elif size > 3 and not word.isascii():
                marks[at, 2::2] |= CHEAP | SECOND
            elif size > 1 and word[0] == _ORDINAL:
                marks[at, 1] |= CHEAP
        return np.array([number for number, _, _ in chosen], np.int64), marks


def cut_names(keys: Sequence[str]) -> Words:
    """Cut names into words and weigh the words by how many of the names have them.

    Parameters
    ----------
    keys : sequence of str
        As `name_key` returns them.

    Returns
    -------
    Words
        They depend on which names there are, not on their order.
    """
    vocabulary = _Vocabulary()
    tokens: list[int] = []
    counts: list[int] = []
    forms: list[int] = []
    firms: list[bool] = []
    for first in range(0, len(keys), _BATCH):
        for parts, form, firm in _cut(keys[first : first + _BATCH], vocabulary):
            tokens += parts
            counts.append(len(parts))
            forms.append(form)
            firms.append(firm)
    words = np.array(tokens, np.int64)
    words_of = np.array(counts, np.int64)
    names = np.repeat(np.arange(len(keys)), words_of)
    all_sizes = vocabulary.sizes()
    frequencies = np.bincount(words, minlength=len(all_sizes)).astype(np.int64)
    of_words = vocabulary.classes(frequencies, len(keys))
    classes = np.where(
        _firsts(names), vocabulary.beginnings(of_words)[words], of_words[words]
    )
    sizes = all_sizes[words]
    starts = np.cumsum(sizes) - sizes
    marks = np.zeros(int(sizes.sum()), np.uint8)
    for size in np.unique(sizes).tolist():
        numbers, shapes = vocabulary.shapes(size)
        row_of = np.zeros(len(all_sizes), np.int64)
        row_of[numbers] = np.arange(len(numbers))
        mine = np.flatnonzero(sizes == size)
        marks[starts[mine][:, None] + np.arange(size)] = shapes[row_of[words[mine]]]
    marks[starts] |= classes
    of_firms = np.array(firms, np.bool_)[words_of > 0]
    marks[starts[_firsts(names)][of_firms]] |= FIRM
    ends = np.cumsum(np.fromiter(map(len, keys), np.int64, len(keys)))
    light = np.array(forms, np.int64)
    places = np.repeat(ends, light) - 1
    places -= np.arange(len(places)) - np.repeat(np.cumsum(light) - light, light)
    marks[places] |= LIGHT
    groups = words == vocabulary.number(_GROUP, _Place.ANYWHERE)
    return Words(names, starts, sizes, classes, groups, marks)


def _firsts(names: Integers) -> npt.NDArray[np.bool_]:
    """Say of each word whether a name begins with it."""
    if not len(names):
        return np.zeros(0, np.bool_)
    return np.concatenate(([True], names[1:] != names[:-1]))


def _cut(
    keys: Sequence[str], vocabulary: _Vocabulary
) -> Iterator[tuple[list[int], int, bool]]:
    """Cut names.

    Yields
    ------
    list of int
        The numbers of the words of a name.
    int
        How long its legal form is.
    bool
        Whether it is read as the name of a firm.
    """
    split = [split_ending(key) for key in keys]
    cut = iter(_lines(rjieba.cut("\n".join(stem for stem, _ in split))))
    for stem, endings in split:
        words = _placed(stem, next(cut, []))
        parts: list[int] = []
        pieces = [
            piece
            for number, word in enumerate(_joined(words))
            for piece in _pieces(word, begins=number == 0)
        ]
        parents = _parents(pieces) if endings and endings[-1] in TYPES else 0
        for number, piece in enumerate(pieces):
            if number < parents:
                parts.append(vocabulary.number(piece, _Place.IN_PARENT))
            else:
                parts += vocabulary.look_up(piece)
        # Of 科学院 and 大学 only the last says what kind of body it is.
        last = max((at for at, word in enumerate(endings) if word in TYPES), default=0)
        for at, word in enumerate(endings):
            if at >= last and word in TYPES:
                head = _head(word)
                if head != word:
                    inner = word.removesuffix(head)
                    parts.append(vocabulary.number(inner, _Place.BEFORE_END))
                parts.append(vocabulary.number(head, _Place.AT_END))
            else:
                parts.append(vocabulary.number(word, _Place.ANYWHERE))
        yield parts, form_length(endings), _is_firm(pieces, endings)


def _placed(stem: str, words: list[str]) -> list[str]:
    """Cut behind the place that a name begins with, if the dictionary did not."""
    place = leading_place(stem)
    if not place or not words or words[0] == place:
        return words
    # 大理石 is a word, though 大理 is a place.
    if words[0].startswith(place) and rjieba.has_word(words[0]):
        return words
    rest = stem.removeprefix(place)
    return [place, *rjieba.cut(rest)] if rest else [place]


def _parents(pieces: Sequence[str]) -> int:
    """Return how many words at the beginning name the parent of a body."""
    for number in range(len(pieces) - 2, 0, -1):
        if pieces[number] in _INNER_KINDS:
            return number + 1
    return 0


@lru_cache
def _head(kind: str) -> str:
    """Return the kind of body without what it does: 研究所 of 科学研究所."""
    for size in range(2, len(kind)):
        if kind[-size:] in TYPES:
            return kind[-size:]
    return kind


def _is_firm(pieces: Sequence[str], endings: Sequence[str]) -> bool:
    """Say whether a name is read as that of a firm, which is called by its core.

    A firm of the state, which begins with a national word, is called by first
    characters as a body is. So is a group of a place and a trade (上海汽车集团), which
    has no core.
    """
    if not form_length(endings) or (pieces and pieces[0] in NATIONAL):
        return False
    of_place = pieces[:1] and pieces[0] in PLACES and _GROUP in endings
    return not (of_place and all(map(rjieba.has_word, pieces[1:])))


def _is_place(word: str) -> bool:
    """Say whether the dictionary knows a word as the name of a place."""
    return [tag for _, tag in rjieba.tag(word)] == ["ns"]


def _joined(words: Sequence[str]) -> Iterator[str]:
    """Join single characters: 鲁 and 信 side by side are a core that no book knows."""
    run = ""
    for word in words:
        if len(word) == 1 and not word.isascii() and word not in _CONJUNCTIONS:
            run += word
            continue
        if run:
            yield run
            run = ""
        yield word
    if run:
        yield run


@lru_cache(maxsize=65536)
def _pieces(word: str, *, begins: bool) -> tuple[str, ...]:
    """Cut the long words of the dictionary, which has whole names of organisations.

    Where a name begins a word of four is place and field (北京|理工) if both are words;
    elsewhere it is one idea (航空航天). Chinese words are of two characters.
    """
    if len(word) < 4 or word.isascii() or word in PLACES:
        return (word,)
    if len(word) == 4:
        halves = (word[:2], word[2:])
        return halves if begins and all(map(rjieba.has_word, halves)) else (word,)
    stem, endings = split_ending(word)
    if endings:
        pieces = rjieba.cut(stem)
        first = [
            p for n, w in enumerate(pieces) for p in _pieces(w, begins=begins and not n)
        ]
        return (*first, *endings)
    cuts = [*range(0, len(word) - 1, 2), len(word)]
    return tuple(word[a:b] for a, b in pairwise(cuts))


def _lines(words: Iterable[str]) -> Iterator[list[str]]:
    """Part a stream of words at its line breaks."""
    line: list[str] = []
    for word in words:
        if "\n" not in word:
            line.append(word)
            continue
        for number, piece in enumerate(word.split("\n")):
            if number:
                yield line
                line = []
            if piece:
                line.append(piece)
    yield line
