"""What is compared one document at a time, read out of a posting once."""

import json
from dataclasses import astuple, dataclass
from typing import Any, Self

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
        grades = (self.grades, self.hidden_grades)
        indicators = (self.rows, self.hidden_rows, self.read, self.hidden_read)
        return dumped(
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


def dumped(value: object) -> bytes:
    """Return JSON; half characters stay such, as `json.loads` reads them back.

    As escapes, two halves side by side would come back as one whole character.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return text.encode("utf-8", "surrogatepass")
