"""What is compared one document at a time, read out of a posting once."""

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Self
from zlib import crc32

from matching.indicators import Comparison, Indicator, extract
from matching.names import Grade, grades, wanted_grades
from matching.postings import Posting
from matching.text import clean


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
        return dumped(
            [
                self.kind,
                self.names,
                list(map(_packed_grade, self.grades)),
                list(map(_packed_grade, self.hidden_grades)),
                list(map(_packed, self.rows)),
                list(map(_packed, self.hidden_rows)),
                list(map(_packed, self.read)),
                list(map(_packed, self.hidden_read)),
            ]
        )

    @property
    def is_named(self) -> bool:
        """Whether there are grades or names to compare."""
        return bool(self.names or self.grades or self.hidden_grades)

    def dimensions(self) -> int:
        """Return the dimensions of all indicators as a set of 64 bits.

        Two postings without a common bit have no indicator of the same quantity; two
        dimensions may share a bit.
        """
        bits = 0
        for item in (*self.rows, *self.read, *self.hidden_rows, *self.hidden_read):
            bits |= 1 << _bit(item.dimension)
        return bits

    def required(self) -> tuple[tuple[Indicator, ...], tuple[Indicator, ...]]:
        """Return what the posting asks for: visible, hidden. Rows beat the text.

        Of a text that is one long table only the first figures are taken.
        """
        if self.rows or self.hidden_rows:
            return self.rows, self.hidden_rows
        return self.read[:MOST_REQUIRED], self.hidden_read[:MOST_REQUIRED]

    def claimed(self) -> tuple[tuple[Indicator, ...], tuple[Indicator, ...]]:
        """Return what the posting states: visible, hidden. Rows and text."""
        return (*self.rows, *self.read), (*self.hidden_rows, *self.hidden_read)


MOST_REQUIRED: Final = 200
"""Requirements that are read out of a text. Each is compared with every claim of the
same dimension, so two long tables would take very long."""


@lru_cache(maxsize=4096)
def _bit(dimension: str) -> int:
    return crc32(dimension.encode("utf-8", "surrogatepass")) % 64


def _packed_grade(grade: Grade) -> list[str]:
    return [grade.family, grade.number, grade.suffix, grade.text]


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


# No sign left out here is a figure; most texts are seen through without a look at each.
_FIRST_LIKE_A_FIGURE = re.compile(
    "[0-9²³¹]|[^\x00-\xff\u2010-\u206f\u3000-\u9fff\uff01-\uff0f\uff1a-\uffff]"
)


def _has_figure(text: str) -> bool:
    found = _FIRST_LIKE_A_FIGURE.search(text)
    return found is not None and any(map(str.isdigit, text[found.start() :]))


def _read(text: str) -> tuple[Indicator, ...]:
    """Extract indicators; a text without a figure has none."""
    return tuple(extract(text)) if _has_figure(text) else ()


def _grades(*texts: str) -> tuple[Grade, ...]:
    """Find grades; every grade has a figure."""
    said = [clean(text) for text in texts if _has_figure(text)]
    return grades("\n".join(said)) if said else ()


def _visible_grades(posting: Posting) -> tuple[Grade, ...]:
    """Find the grades in what may be quoted; of a need only those that it asks for."""
    rest = (*posting.keywords, posting.text)
    if posting.kind != "need":
        return _grades(posting.title, *rest)
    if not any(map(_has_figure, (posting.title, *rest))):
        return ()
    return wanted_grades(clean(posting.title), "\n".join(map(clean, rest)))


_JSON: Final = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), sort_keys=True
)


def dumped(value: object) -> bytes:
    """Return JSON; half characters stay such, as `json.loads` reads them back.

    As escapes, two halves side by side would come back as one whole character.
    """
    return _JSON.encode(value).encode("utf-8", "surrogatepass")
