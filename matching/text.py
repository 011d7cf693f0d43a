"""Bring Chinese technical text into one spelling, and remember where it came from.

Two firms write the same thing in full-width and half-width signs, in Traditional and
Simplified characters, with invisible characters or pinyin glued in by a web page.
Matching needs one spelling; the reader must see the original. So every normalised
text carries, for each of its characters, the piece of the original that it stands for.
"""

import re
import unicodedata
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from itertools import chain, repeat

import opencc

HAN = (
    "\u2e80-\u2fdf\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
"""Inside of a regular-expression class that holds the Chinese characters."""

# These leave no ink. Soft hyphens, joiners, byte-order and direction marks, variation
# selectors, tags and the Hangul fillers come with copied text and split words.
_INVISIBLE = (
    {0x00AD, 0x034F, 0x061C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFEFF, 0xFFA0}
    | set(range(0x180B, 0x1810))
    | set(range(0x200B, 0x2010))
    | set(range(0x202A, 0x202F))
    | set(range(0x2060, 0x2070))
    | set(range(0xFE00, 0xFE10))
    | set(range(0xFFF0, 0xFFFC))
    | set(range(0xE0000, 0xE1000))
)

# Where the compatibility form would lose the meaning, or several signs mean the same.
_SIGNS = {
    "º": "°",  # The ordinal sign is typed for the degree sign.
    "˚": "°",
    "˜": "~",
    "〜": "~",
    "∼": "~",
    "∽": "~",
    "矽": "硅",  # Silicon, as it is called in Taiwan.
    "≧": "≥",
    "⩾": "≥",
    "≮": "≥",  # Chinese drawings write "not less than" so.
    "≦": "≤",
    "⩽": "≤",
    "≯": "≤",
    "‐": "-",
    "‑": "-",
    "⁄": "/",
    "∕": "/",
    "✕": "×",
    "╳": "×",
    "•": "·",
    "‧": "·",
    "⋅": "·",
    "∙": "·",
    "・": "·",
}
_SUPERSCRIPTS = str.maketrans("⁺⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "+-0123456789")
_FRACTIONS = "¼½¾⅐⅑⅒⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞⅟↉"
# What these become depends on their neighbours, so the table leaves them alone.
_CONTEXTUAL = set("⁺⁻⁰¹²³⁴⁵⁶⁷⁸⁹" + _FRACTIONS + "，−‒–—―")


_MOST_KEPT = 65_536
"""More characters than any language has; a text of all of Unicode fills no memory."""


class _Fold(dict[str, str]):
    """Folding of single characters, worked out on first sight and kept for a while."""

    def __missing__(self, char: str) -> str:
        folded = self._fold(char)
        if len(self) < _MOST_KEPT:
            self[char] = folded
        return folded

    def _fold(self, char: str) -> str:
        category = unicodedata.category(char)
        if char.isspace() or category == "Cc":
            return " " if char.isspace() else ""
        plain = unicodedata.normalize("NFKC", char)
        if plain == char:
            return char
        # A circled number starts a list item: glued to its neighbours as a bare
        # digit it would become part of their value.
        if unicodedata.decomposition(char).startswith("<circle>"):
            return f"({plain})" if plain.isdecimal() else plain
        if category == "No" and plain.endswith("."):
            return f" {plain}"
        return "".join(self[each] for each in plain)


_FOLDED = _Fold(
    {char: char for char in _CONTEXTUAL}
    | {chr(code): "" for code in _INVISIBLE}
    | _SIGNS
)


_NUMBERS = array("I", range(4097))


def _array(places: Sequence[int]) -> Sequence[int]:
    """Return places as an array, whose pieces are copied faster than ranges."""
    if not isinstance(places, range):
        return places
    if places.stop < len(_NUMBERS):
        return _NUMBERS[places.start : places.stop]
    return array("I", places)


# Most texts have no other signs than these, and need no look at each.
_USUAL = dict(zip("（）：；？！％～", "():;?!%~", strict=True))
_PLAIN = re.compile(
    "[ -~\u4e00-\u77fc\u77fe-\u9fff，、。《》“”‘’【】·—–×±≥≤°αβγδεθλμπρσφω]*"
)


@dataclass(slots=True)
class _Draft:
    """A text under edit, with the place in the original of each character."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]

    def replace(
        self, pattern: re.Pattern[str], new: Callable[[re.Match[str]], str]
    ) -> None:
        """Replace every hit; a new character stands for its whole hit, if it must."""
        pieces: list[str] = []
        starts, ends = array("I"), array("I")
        done = moved = 0  # What lies before is in the pieces, and in the places.
        for match in pattern.finditer(self.text):
            old, words = match.group(), new(match)
            if words == old:
                continue
            first, last = match.span()
            pieces += (self.text[done:first], words)
            done = last
            if len(words) == len(old):
                continue  # Each new character stands where the old one stood.
            if not moved:
                self.starts, self.ends = _array(self.starts), _array(self.ends)
            starts.extend(self.starts[moved:first])
            ends.extend(self.ends[moved:first])
            if old.endswith(words):
                moved = last - len(words)
            else:
                starts.extend([self.starts[first]] * len(words))
                ends.extend([self.ends[last - 1]] * len(words))
                moved = last
        if done:
            self.text = "".join([*pieces, self.text[done:]])
        if moved:
            starts.extend(self.starts[moved:])
            ends.extend(self.ends[moved:])
            self.starts, self.ends = starts, ends

    def strip(self) -> None:
        """Drop blanks at both ends."""
        if self.text[:1] != " " and self.text[-1:] != " ":
            return
        first = len(self.text) - len(self.text.lstrip(" "))
        last = max(first, len(self.text.rstrip(" ")))
        self.text = self.text[first:last]
        self.starts, self.ends = self.starts[first:last], self.ends[first:last]


_FULL_WIDTH_COMMA = "\uff0c"
_BLANKS = re.compile(" {2,}")
_MARK = re.compile("[\u0300-\u036f\u3099\u309a]")
_MARKS = re.compile(f".{_MARK.pattern}+", re.DOTALL)
# A full-width comma is looked at between figures only; any other is a comma.
_COMMA = re.compile(rf"{_FULL_WIDTH_COMMA}(?<=\d.)(?=\d)")
_CONTEXT = re.compile(
    "(?P<super>[⁺⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+|[⁺⁻])"
    f"|(?P<fraction>[{_FRACTIONS}])"
    f"|(?P<comma>{_COMMA.pattern})"
    "|(?P<dash>[−‒–—―]+)"
    "|(?P<bound>[<>] ?=)"
)
_ANY_CONTEXT = re.compile(f"[⁺⁻⁰¹²³⁴⁵⁶⁷⁸⁹{_FRACTIONS}−‒–—―<>]")
_THOUSANDS = re.compile(
    f"(?:{_FULL_WIDTH_COMMA}[0-9]{{3}}){{0,4}}{_FULL_WIDTH_COMMA}0[0-9]{{2}}(?![0-9])"
)
_UP_TO_THREE = re.compile(
    rf"(?<![0-9.{_FULL_WIDTH_COMMA}])[1-9][0-9]{{0,2}}(?:{_FULL_WIDTH_COMMA}[0-9]{{3}}){{0,4}}$"
)
_STANDARD_NUMBER = re.compile(r"[A-Za-z][A-Za-z/]{0,9} ?\d[\d.]{0,9} ?$")
_YEAR = re.compile(r" ?(?:19|20)\d\d(?!\d)")
_AREA_CODE = re.compile(r"(?<![\d.])0\d{2,3} ?$")
_DIGITS = "0-9⁰¹²³⁴⁵⁶⁷⁸⁹" + _FRACTIONS
_AFTER_NUMBER = re.compile(f"(?:[%‰{_DIGITS}]|°[CF]) ?$")
_BEFORE_NUMBER = re.compile(rf" ?[+\-−‒–⁺⁻]?[{_DIGITS}]")


def _compose(match: re.Match[str]) -> str:
    """Join a letter with the accents typed after it, one accent at a time."""
    whole: list[str] = []
    for char in match.group():
        joined = unicodedata.normalize("NFC", "".join(whole[-1:]) + char)
        if whole and len(joined) == 1:
            whole[-1] = _FOLDED[joined]
        else:
            whole.append(char)
    return "".join(whole)


def _in_context(match: re.Match[str]) -> str:
    words, text, at = match.group(), match.string, match.start()
    before = text[max(0, at - 24) : at]
    kind = match.lastgroup
    if kind == "super":
        plain = words.translate(_SUPERSCRIPTS)
        # Ten to the minus six must not read as ten minus six; a unit's m² may be m2.
        power = before[-1:].isdecimal() or plain[0] == "-"
        return f"^{plain}" if power and plain[-1].isdecimal() else plain
    if kind == "fraction":
        plain = unicodedata.normalize("NFKC", words).replace("⁄", "/")
        return f" {plain}" if before[-1:].isdecimal() else plain
    if kind == "comma":
        # A full-width comma parts two values; only a half-width one groups digits,
        # unless what follows could be no value of its own, as in １，０００.
        grouping = _THOUSANDS.match(text, at) and _UP_TO_THREE.search(before)
        return "," if grouping else ", "
    if kind == "dash":
        return _dash(words, before, text[match.end() : match.end() + 8])
    return "≥" if words[0] == ">" else "≤"


def _dash(words: str, before: str, after: str) -> str:
    """Tell a range from a minus sign, a standard number and a telephone number."""
    if _AFTER_NUMBER.search(before) and _BEFORE_NUMBER.match(after):
        in_standard = _STANDARD_NUMBER.search(before) and _YEAR.match(after)
        return "-" if in_standard or _AREA_CODE.search(before) else "~"
    if words[0] in "—―":
        return "—" * len(words)
    return "-" * len(words)


_TONES = {0x0300, 0x0301, 0x0304, 0x0306, 0x030C}
_BRACKETED = re.compile(rf"(?<=[{HAN}])(?:\([^()0-9{HAN}]{{1,12}}\))+")
_BRACKET = re.compile(r"\(([^()]*)\)")
# The neutral syllables carry no tone mark, so only their company tells residue from
# a real bracket.
_NEUTRAL_TONE = "a ba bo de ge la le li lou ma me men na ne shang tou wa ya zhe zi"
_NEUTRAL = frozenset(_NEUTRAL_TONE.split())
_FINALS = {
    "": "a ai an ang ao e ei en eng er o ou n ng m",
    "b": "a ai an ang ao ei en eng i ian iao ie in ing o u",
    "p": "a ai an ang ao ei en eng i ian iao ie in ing o ou u",
    "m": "a ai an ang ao e ei en eng i ian iao ie in ing iu o ou u",
    "f": "a an ang ei en eng iao o ou u",
    "d": "a ai an ang ao e ei en eng i ia ian iao ie ing iu ong ou u uan ui un uo",
    "t": "a ai an ang ao e ei eng i ian iao ie ing ong ou u uan ui un uo",
    "n": "a ai an ang ao e ei en eng i ian iang iao ie in ing iu ong ou u uan un uo "
    "ü üe",
    "l": "a ai an ang ao e ei eng i ia ian iang iao ie in ing iu o ong ou u uan un uo "
    "ü üe",
    "g": "a ai an ang ao e ei en eng ong ou u ua uai uan uang ui un uo",
    "k": "a ai an ang ao e ei en eng ong ou u ua uai uan uang ui un uo",
    "h": "a ai an ang ao e ei en eng ong ou u ua uai uan uang ui un uo",
    "j": "i ia ian iang iao ie in ing iong iu u uan ue un",
    "q": "i ia ian iang iao ie in ing iong iu u uan ue un",
    "x": "i ia ian iang iao ie in ing iong iu u uan ue un",
    "zh": "a ai an ang ao e ei en eng i ong ou u ua uai uan uang ui un uo",
    "ch": "a ai an ang ao e en eng i ong ou u ua uai uan uang ui un uo",
    "sh": "a ai an ang ao e ei en eng i ou u ua uai uan uang ui un uo",
    "r": "an ang ao e en eng i ong ou u ua uan ui un uo",
    "z": "a ai an ang ao e ei en eng i ong ou u uan ui un uo",
    "c": "a ai an ang ao e en eng i ong ou u uan ui un uo",
    "s": "a ai an ang ao e en eng i ong ou u uan ui un uo",
    "y": "a an ang ao e i in ing o ong ou u uan ue un",
    "w": "a ai an ang ei en eng o u",
}
_SYLLABLES = frozenset(
    initial + final for initial, finals in _FINALS.items() for final in finals.split()
)


@lru_cache(maxsize=4096)
def _pinyin(inside: str) -> str:
    """Return ``toned``, ``neutral`` or nothing for the words of a bracket."""
    letters = inside.replace(" ", "").replace("ɡ", "g").replace("ɑ", "a")
    marks, plain = 0, []
    for char in unicodedata.normalize("NFD", letters):
        if ord(char) in _TONES:
            marks += 1
        else:
            plain.append(char)
    syllable = unicodedata.normalize("NFC", "".join(plain))
    if marks > 1 or syllable not in _SYLLABLES:
        return ""
    if marks or "ü" in syllable:
        return "toned"
    return "neutral" if syllable in _NEUTRAL else ""


def _drop_pinyin(draft: _Draft) -> None:
    """Drop the readings that some web pages glue behind Traditional characters.

    A bracket right behind a Chinese character is such a residue when it holds one
    lower-case syllable with a tone mark or ü. A syllable of neutral tone, as in
    們(men), is one only in a text that shows marked ones too, so that (ma) or (de)
    in an ordinary text stays, as (AI), (Pa) and (min) always do.
    """
    if "(" not in draft.text:
        return
    brackets = (
        bracket
        for glued in _BRACKETED.finditer(draft.text)
        for bracket in _BRACKET.finditer(glued.group())
    )
    if any(_pinyin(bracket.group(1)) == "toned" for bracket in brackets):
        draft.replace(_BRACKETED, _without_pinyin)


def _without_pinyin(match: re.Match[str]) -> str:
    glued = match.group()
    for bracket in _BRACKET.finditer(glued):
        if not _pinyin(bracket.group(1)):
            return glued[bracket.start() :]
    return ""


@cache
def _to_simplified() -> opencc.OpenCC:
    # No lock guards the loading: a race loads it twice at worst, and a fork can
    # never inherit a lock that nobody will release.
    return opencc.OpenCC("t2s")


_HAN_RUNS = re.compile(f"[{HAN}]+")
_SETTLING_PASSES = 4
_LONGEST_KEPT = 20_000
"""Longer texts are normalised anew each time; the memory of a few is not worth it."""


def _is_simplified(text: str) -> bool:
    """See at a glance that the converter leaves a text alone, as it does most."""
    try:
        return bool(_to_simplified().convert(text) == text)
    except UnicodeEncodeError:  # It takes no half characters.
        return False


def _simplify(text: str) -> str:
    """Write Chinese characters in their Simplified form, one for one.

    Only the Chinese runs are shown to the converter, since it knows neither lone
    surrogates nor positions. Phrases decide between readings (乾隆 but 干燥), and a
    phrase may change once its characters have: the conversion is repeated until it
    settles, so that a text written in either form ends up the same.
    """
    if text.isascii() or _is_simplified(text):
        return text
    runs = _HAN_RUNS.findall(text)
    if not runs:
        return text
    converter = _to_simplified()
    first = old = "\n".join(runs)
    for _ in range(_SETTLING_PASSES):
        converted = converter.convert(old)
        if converted == old:
            break
        new = "\n".join(
            after if len(after) == len(before) else before
            for before, after in zip(
                old.split("\n"), converted.split("\n"), strict=True
            )
        )
        if new == old:
            break
        old = new
    if old == first:
        return text
    fresh = iter(old.split("\n"))
    return _HAN_RUNS.sub(lambda _: next(fresh), text)


class _Lower(dict[int, int]):
    """Case folding that keeps the length: a letter that would grow stays."""

    def __missing__(self, code: int) -> int:
        char = chr(code)
        folded = char.casefold()
        lower = code if len(folded) != 1 else ord(folded)
        if len(self) < _MOST_KEPT:
            self[code] = lower
        return lower


_LOWER = _Lower()
_ONLY_ASCII_HAS_CASE = re.compile("[ -~、。《》【】“”‘’·—–×±≥≤°\u4e00-\u9fff]*")


@dataclass(frozen=True, slots=True)
class Normalised:
    """A text in one spelling, with the way back to what was written.

    Attributes
    ----------
    original : str
        What was written; the only thing shown to readers.
    text : str
        The normalised form; the only thing compared.
    starts, ends : sequence of int
        For each character of ``text``, the piece of ``original`` it stands for.
    """

    original: str
    text: str
    starts: Sequence[int] = field(repr=False, compare=False)
    ends: Sequence[int] = field(repr=False, compare=False)

    @property
    def folded(self) -> str:
        """``text`` without distinction of case, character for character."""
        if _ONLY_ASCII_HAS_CASE.fullmatch(self.text):
            return self.text.lower()
        return self.text.translate(_LOWER)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Find what a piece of the normalised text was written as.

        Parameters
        ----------
        start, end : int
            A half-open range of ``text``.

        Returns
        -------
        tuple of int
            The half-open range of ``original``. It leaves out whatever was dropped
            around the piece, and takes in what was dropped inside.

        Raises
        ------
        ValueError
            If the range is not one of ``text``.
        """
        if not 0 <= start <= end <= len(self.text):
            raise ValueError(f"({start}, {end}) is no range of {len(self.text)} signs")
        if start < end:
            return self.starts[start], self.ends[end - 1]
        if start < len(self.text):
            return self.starts[start], self.starts[start]
        at = self.ends[-1] if self.text else 0
        return at, at

    def find_all(self, needle: str) -> Iterator[tuple[int, int]]:
        """Find words however they were spelt.

        Parameters
        ----------
        needle : str
            In any spelling; an empty one is found nowhere.

        Yields
        ------
        tuple of int
            The range of each hit in ``original``, in order, without overlap.
        """
        wanted, folded = clean(needle).translate(_LOWER), self.folded
        at = folded.find(wanted) if wanted else -1
        while at >= 0:
            yield self.span(at, at + len(wanted))
            at = folded.find(wanted, at + len(wanted))


def _folded(text: str) -> _Draft:
    """Fold each character for itself, and join letters with their accents."""
    ends: Sequence[int] = range(1, len(text) + 1)
    if _PLAIN.fullmatch(text):
        return _Draft(text, range(len(text)), ends)
    plain = text
    for wide, narrow in _USUAL.items():
        plain = plain.replace(wide, narrow)
    if _PLAIN.fullmatch(plain):
        return _Draft(plain, range(len(text)), ends)
    pieces = list(map(_FOLDED.__getitem__, text))
    lengths = list(map(len, pieces))
    draft = _Draft("".join(pieces), range(len(text)), ends)
    if lengths.count(1) != len(lengths):
        places = chain.from_iterable(map(repeat, range(len(text)), lengths))
        draft.starts = array("I", places)
        draft.ends = array("I", chain.from_iterable(map(repeat, ends, lengths)))
    if _MARK.search(draft.text):
        draft.replace(_MARKS, _compose)
    return draft


def normalise(text: str) -> Normalised:
    """Bring a text into the spelling in which texts are compared.

    Invisible characters and pinyin residue are dropped; width and compatibility forms
    are folded; signs of comparison, range, degree and product get one spelling each;
    Traditional characters become Simplified; runs of white space become one blank,
    and none is left at the ends. The time is linear in the length, and any string is
    accepted.

    Parameters
    ----------
    text : str
        As written, copied or uploaded.

    Returns
    -------
    Normalised
        The result with its offsets. Normalising its ``text`` again changes nothing.

    Examples
    --------
    >>> found = normalise("技術(shù)合同交易額≧８０億元")
    >>> found.text
    '技术合同交易额≥80亿元'
    >>> found.original[slice(*found.span(0, 4))]
    '技術(shù)合同'
    """
    return _recent(text) if len(text) <= _LONGEST_KEPT else _normalised(text)


def _normalised(text: str) -> Normalised:
    draft = _folded(text)
    if "  " in draft.text:
        draft.replace(_BLANKS, lambda _: " ")
    if _ANY_CONTEXT.search(draft.text) or _COMMA.search(draft.text):
        draft.replace(_CONTEXT, _in_context)
    draft.text = draft.text.replace(_FULL_WIDTH_COMMA, ",")
    _drop_pinyin(draft)
    draft.strip()
    return Normalised(text, _simplify(draft.text), draft.starts, draft.ends)


_recent = lru_cache(maxsize=64)(_normalised)
"""What has just been normalised: words, grades, indicators and explanations are read
from the same text one after another."""


def clean(text: str) -> str:
    """Return only the normalised text; see :func:`normalise`."""
    return normalise(text).text
