"""Compare names, grades and model numbers, where one wrong sign is another thing.

6061-T6 and 6061-T651 are the same alloy in two tempers; T700 and T800 are two fibres;
T800 and Q345 have nothing to do with each other. So a grade (牌号) is compared only
inside its family: a standard with standards of the same body, a letter-led grade with
grades of the same letters, a figure-led one with grades of the same shape.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from rapidfuzz import fuzz
from rapidfuzz.distance import OSA

from matching.text import clean

_STANDARD = re.compile(
    r"(?<![A-Za-z0-9])"
    r"(GB|GJB|ISO|IEC|ASTM|DIN|JIS|EN|YB|YS|HB|HG|JB|SH|NB|QB|FZ|CB|TB|JT|AMS|SAE|UL)"
    r"(/[TZ])?[ -]?([A-Z]?\d{1,6}(?:\.\d{1,3}){0,2})(?:[-:](\d{4}|\d{2}))?"
    r"(?![A-Za-z0-9])"
)
_LETTERED = re.compile(
    r"(?<![A-Za-z0-9.])"
    r"([A-Z][A-Za-z]{0,5})-?(\d{1,5})((?:[a-z]?[A-Z][A-Za-z0-9]{0,4}|-[A-Za-z0-9]{1,6}){0,2})"
    r"(?![A-Za-z0-9]|\.\d)"
)
_ALLOY = re.compile(
    r"(?<![A-Za-z0-9.-])([1-9]\d{3})(?:-([TOHF]\d{0,4})|(?=系?铝|铝?合金))(?![A-Za-z0-9])"
)
_STAINLESS = re.compile(
    r"(?<![A-Za-z0-9.-])([2-6]\d{2})(?:(LN|L|H|N|Ti)(?![A-Za-z0-9])|(?=\s?不锈钢|系不锈))"
)
_CARBON_STEEL = re.compile(
    r"(?<![A-Za-z0-9.-])(\d{2})"
    r"(?:号?钢|((?:Cr|Mn|Mo|Si|Ni|Ti|V|W|Al|B|Nb)[A-Za-z0-9]{0,12}))(?![A-Za-z0-9])"
)
_CAPITAL = re.compile("[A-Z]")
_ELEMENTS = (
    "He|Li|Be|Ne|Na|Mg|Al|Si|Cl|Ar|Ca|Sc|Ti|Cr|Mn|Fe|Co|Ni|Cu|Zn|Ga|Ge|As|Se|Br|Kr|Rb|Sr"
    "|Zr|Nb|Mo|Tc|Ru|Rh|Pd|Ag|Cd|In|Sn|Sb|Te|Xe|Cs|Ba|La|Ce|Pr|Nd|Sm|Eu|Gd|Tb|Dy|Ho|Er"
    "|Tm|Yb|Lu|Hf|Ta|Re|Os|Ir|Pt|Au|Hg|Tl|Pb|Bi|Th|H|B|C|N|O|F|P|S|K|V|I|Y|W|U"
)
_NONMETALS = frozenset(["H", "B", "C", "N", "O", "F", "P", "S", "Cl", "Br", "I"])
_ATOMS = re.compile(rf"({_ELEMENTS})(\d{{0,2}})")
_COMPOUND = re.compile(rf"(?:(?:{_ELEMENTS})\d{{0,2}}){{2,8}}")
_NOT_WANTED = re.compile(
    r"(?:替代|取代|代替|替换|淘汰|不采用|不使用|不用|弃用|现有|现用|原有|原用|目前|传统|常规|普通|而非|不同于|优于)"
    r"[^，。；、,;\n\d]{0,8}$"
)
"""Before a grade: it is what the firm has, not what it asks for."""
_ONE_LETTER = re.compile(r"letters [A-Z]$")
_OTHER_TEMPER = 0.5
_OTHER_NUMBER = 0.5
_OTHER_EDITION = 0.95
_LOOK_BACK = 16


@dataclass(frozen=True, slots=True)
class Grade:
    """A grade, model number or standard.

    Attributes
    ----------
    family : str
        What it may be compared with.
    number : str
        The figure that makes it what it is.
    suffix : str
        Temper, variant or year of the edition.
    text : str
        As it stands in the normalised text.
    """

    family: str
    number: str
    suffix: str
    text: str


def grades(text: str) -> tuple[Grade, ...]:
    """Find the grades in a normalised text, in order, each once.

    Chemical formulas are no grades.

    Examples
    --------
    >>> [grade.text for grade in grades("6061-T6 与 T800，执行 GB/T 1591-2018")]
    ['6061-T6', 'T800', 'GB/T 1591-2018']
    >>> grades("抗拉强度≥600 MPa，2024 年，掺 Y2O3")
    ()
    """
    return tuple(dict.fromkeys(grade for _, grade in _placed(text)))


def wanted_grades(title: str, text: str) -> tuple[Grade, ...]:
    """Find the grades that a need asks for, not those that it sets out from.

    Of the grades of one family those in the title count alone. Where there is none,
    a grade after words such as 现有 or 替代 counts only if it is the only one.

    Parameters
    ----------
    title, text : str
        Normalised; the title is not repeated in the text.

    Examples
    --------
    >>> [grade.text for grade in wanted_grades("R290热泵", "现用R32，改用R290")]
    ['R290']
    """
    titled = {grade.family for _, grade in _placed(title)}
    placed = [
        (grade, not _NOT_WANTED.search(text, max(0, start - _LOOK_BACK), start))
        for start, grade in _placed(text)
        if grade.family not in titled
    ]
    asked = {grade.family for grade, is_asked in placed if is_asked}
    return tuple(
        dict.fromkeys(
            [
                *(grade for _, grade in _placed(title)),
                *(
                    grade
                    for grade, is_asked in placed
                    if is_asked or grade.family not in asked
                ),
            ]
        )
    )


def _is_compound(words: str) -> bool:
    """Say whether each part of a word is a formula with a metal or oxygen in it."""
    for part in words.split("-"):
        if _COMPOUND.fullmatch(part) is None:
            return False
        symbols = {symbol for symbol, _ in _ATOMS.findall(part)}
        if not symbols & _NONMETALS or not (symbols - _NONMETALS or "O" in symbols):
            return False
    return True


def _matches(text: str) -> Iterator[tuple[re.Match[str], str, str, str]]:
    """Yield what each pattern finds, with family, number and suffix.

    Most texts hold nothing that a pattern could end on; that is seen at a glance.
    """
    lettered = _CAPITAL.search(text) is not None
    if lettered:
        for m in _STANDARD.finditer(text):
            yield m, f"standard {m[1]}{m[2] or ''}", m[3], m[4] or ""
    if lettered or "铝" in text or "合金" in text:
        for m in _ALLOY.finditer(text):
            yield m, "alloy", m[1], m[2] or ""
    if lettered or "不锈" in text:
        for m in _STAINLESS.finditer(text):
            yield m, "stainless", m[1], m[2] or ""
    if lettered or "钢" in text:
        for m in _CARBON_STEEL.finditer(text):
            yield m, "steel", m[1], m[2] or ""
    if lettered:
        for m in _LETTERED.finditer(text):
            yield m, f"letters {m[1].upper()}", m[2], m[3].lstrip("-")


def _placed(text: str) -> list[tuple[int, Grade]]:
    """Return the grades with the places where they begin, in order."""
    found: dict[int, tuple[int, Grade]] = {}
    for match, family, number, suffix in _matches(text):
        if not _is_compound(match.group()):
            grade = Grade(family, number, suffix.upper(), match.group())
            found.setdefault(match.start(), (match.end(), grade))
    ordered: list[tuple[int, Grade]] = []
    reached = 0
    for start in sorted(found):
        end, grade = found[start]
        if start >= reached:
            ordered.append((start, grade))
            reached = end
    return ordered


def grade_similarity(one: Grade, other: Grade) -> float | None:
    """Compare two grades; None when they are of different families.

    After one letter alone the figure must be about as long: T6 is a temper, T700 a
    fibre.

    Returns
    -------
    float or None
        1 for the same grade; at least 0.5 for the same number with another temper;
        less than 0.5 for another number of the family.

    Examples
    --------
    >>> a, b, c = grades("T700 T800 Q345")
    >>> grade_similarity(a, a), grade_similarity(a, c)
    (1.0, None)
    >>> grade_similarity(a, b) < 0.5
    True
    """
    if one.family != other.family:
        return None
    if _ONE_LETTER.match(one.family) and abs(len(one.number) - len(other.number)) > 1:
        return None
    if one.number != other.number:
        return _OTHER_NUMBER * OSA.normalized_similarity(one.number, other.number)
    if one.suffix == other.suffix:
        return 1.0
    if one.family.startswith("standard"):
        return _OTHER_EDITION
    rest = OSA.normalized_similarity(one.suffix, other.suffix)
    return _OTHER_TEMPER + (1 - _OTHER_TEMPER) * rest


def best_grades(
    wanted: Sequence[Grade], offered: Sequence[Grade]
) -> list[tuple[Grade, Grade, float]]:
    """Pair in each family the wanted and the offered grade that are nearest.

    A family that is not offered at all has no pair: nothing is known. Of several wanted
    grades of a family any one will do.
    """
    nearest: dict[str, tuple[Grade, Grade, float]] = {}
    for grade in wanted:
        for other in offered:
            similarity = grade_similarity(grade, other)
            if similarity is None:
                continue
            known = nearest.get(grade.family)
            if known is None or similarity > known[2]:
                nearest[grade.family] = (grade, other, similarity)
    return list(nearest.values())


@lru_cache(maxsize=65536)
def _key(name: str) -> str:
    """Return what of a name is compared: letters, figures and Chinese characters."""
    return "".join(filter(str.isalnum, clean(name).casefold()))


def name_similarity(one: str, other: str) -> float:
    """Compare two names of organisations, products or equipment.

    An abbreviation (简称) takes characters of the full name in their order and keeps
    the first one: 西工大 stands for 西北工业大学. Otherwise edits and the order of the
    parts are forgiven as RapidFuzz does.

    Returns
    -------
    float
        Between 0 and 1; 0 when one of them is empty.

    Examples
    --------
    >>> name_similarity("西工大", "西北工业大学") > 0.9
    True
    >>> name_similarity("西工大", "东北林业大学") < 0.5
    True
    """
    a, b = sorted((_key(one), _key(other)), key=lambda key: (len(key), key))
    if not a:
        return 0.0
    if a == b:
        return 1.0
    if 2 <= len(a) <= 6 and len(a) < len(b) and _abbreviates(a, b):
        return 0.9 + 0.1 * len(a) / len(b)
    return float(fuzz.ratio(a, b)) / 100


def _abbreviates(short: str, full: str) -> bool:
    if short[0] != full[0]:
        return False
    rest = iter(full)
    return all(char in rest for char in short)


def names_similarity(wanted: Iterable[str], offered: Sequence[str]) -> float | None:
    """Return the best agreement of any two names; None when a side has none."""
    scores = [name_similarity(a, b) for a in wanted for b in offered]
    return max(scores, default=None)
