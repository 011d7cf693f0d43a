"""What the need doctor (需求诊断) reads: a draft, its texts, rows and word lists.

A draft may hold anything. What the form would refuse is kept as an error beside the
values, and every text stays as it was written, because advice quotes it by its place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import Any
from uuid import UUID

import sqlalchemy.orm as so

from marketplace.domain.actors import Actor
from marketplace.errors import FieldError, Text
from marketplace.services import contents, declines, needs, rules
from marketplace.services.contents import Indicators
from marketplace.services.declines import Declined
from marketplace.services.fields import Reader
from marketplace.services.postings import COMPARISONS
from matching.indicators import Comparison, Indicator, extract, from_parts, parse
from matching.text import Normalised, clean, normalise

IMPORTANT, USEFUL = "important", "useful"
TEXTS = (
    "title",
    "problem",
    "key_technology",
    "expected_goal",
    "research_content",
    "background",
    "bidder_conditions",
    "ip_arrangement",
)
GOALS = ("key_technology", "expected_goal", "research_content")
"""Boxes that say what is wanted; the others tell of today."""
ROW_TEXTS = (
    "name",
    "text",
    "test_condition",
    "test_method",
    "current_level",
    "benchmark",
)
LABELS = {
    "title": Text("需求名称", "title"),
    "problem": Text("主要问题", "problem"),
    "key_technology": Text("技术关键", "key technology"),
    "expected_goal": Text("预期目标", "expected goal"),
    "research_content": Text("主要研究内容", "research content"),
    "background": Text("需求背景", "background"),
    "tech_field": Text("技术领域", "technology field"),
    "activity_type": Text("科技活动类型", "type of activity"),
    "industry_use": Text("应用行业", "industry of use"),
    "solve_mode": Text("解决方式", "way of solving"),
    "cooperation_mode": Text("合作方式", "mode of cooperation"),
    "source_channel": Text("需求来源", "source of the need"),
}
LONGEST_TEXT = 10_000
"""Characters of one box that are read; the form takes far fewer."""
MOST_ROWS = 50
_SENTENCE_END = re.compile(r"[。；;！？!?\n]")
_COMMA = re.compile(r"[，,](?![0-9]{3}(?![0-9]))")
_UNREAD = frozenset({"indicators", "attachments", "intended_units"})


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that could be better, at one place of the draft.

    Attributes
    ----------
    pointer : str
        JSON pointer into the draft.
    message, suggestion : Text
    span : tuple of int, optional
        Where ``quote`` stands in the text at ``pointer``.
    quote : str
    severity : str, optional
        Where it differs from that of the rule.
    row : mapping, optional
        An indicator row that can be taken over as it is.
    """

    pointer: str
    message: Text
    suggestion: Text
    span: tuple[int, int] | None = None
    quote: str = ""
    severity: str | None = None
    row: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Passage:
    """One text of the draft, as written and as compared."""

    name: str
    pointer: str
    text: str

    @cached_property
    def normalised(self) -> Normalised:
        """The text in one spelling, with the way back."""
        return normalise(self.text)

    @cached_property
    def folded(self) -> str:
        """What patterns are searched in."""
        return self.normalised.folded

    @cached_property
    def figures(self) -> list[Indicator]:
        """The indicators that stand in the text."""
        return extract(self.text)

    def find(self, pattern: re.Pattern[str]) -> Iterator[Hit]:
        """Yield the places where a pattern matches the normalised text."""
        for match in pattern.finditer(self.folded):
            if match.end() > match.start():
                yield Hit(self, self.normalised.span(*match.span()), match)

    def sentence(self, start: int) -> tuple[int, int]:
        """Return the sentence around a place of the text as written."""
        first = 0
        for end in _SENTENCE_END.finditer(self.text):
            if end.start() >= start:
                return first, end.start()
            first = end.end()
        return first, len(self.text)

    def reach(self, start: int, end: int) -> tuple[int, int]:
        """Return the clause around some words and the next one of its sentence.

        "显著提高良率，由83%提高到95%" says by how much only behind the comma.
        """
        first, last = self.sentence(start)
        commas = [m.start() for m in _COMMA.finditer(self.text, first, last)]
        before = [at for at in commas if at < start]
        after = [at for at in commas if at >= end]
        return (before[-1] if before else first), (after[1] if after[1:] else last)

    def states_a_figure(self, start: int, end: int) -> bool:
        """Tell whether an indicator stands within a piece of the text."""
        spans = (figure.span for figure in self.figures)
        return any(span and span[0] < end and start < span[1] for span in spans)


@dataclass(frozen=True, slots=True)
class Hit:
    """Words found in a passage."""

    passage: Passage
    span: tuple[int, int]
    match: re.Match[str]

    @property
    def quote(self) -> str:
        """The words as they were written."""
        return self.passage.text[slice(*self.span)]

    @property
    def word(self) -> str:
        """The words as they were found."""
        return self.match.group()

    def finding(
        self, message: Text, suggestion: Text, severity: str | None = None
    ) -> Finding:
        """Make the advice that quotes these words."""
        return Finding(
            self.passage.pointer,
            message.format(quote=self.quote),
            suggestion,
            self.span,
            self.quote,
            severity,
        )


@dataclass(frozen=True)
class Row:
    """One indicator row: what the form holds and what it says."""

    index: int
    given: Mapping[str, Any]
    indicator: Indicator
    passages: tuple[Passage, ...]
    structured: bool
    """The form's own fields hold a figure, beside whatever the words say."""

    @property
    def pointer(self) -> str:
        """The place of the row."""
        return f"/indicators/{self.index}"

    @property
    def label(self) -> str:
        """What to call the row."""
        name = self.indicator.name or self.text("name") or self.text("text")
        return name[:40] or str(self.index + 1)

    @property
    def is_core(self) -> bool:
        """Marked as a core indicator 核心指标."""
        return self.given.get("is_core") is True

    @property
    def quantified(self) -> bool:
        """A figure could be read."""
        return self.indicator.comparison is not Comparison.QUALITATIVE

    def text(self, name: str) -> str:
        """Return one text of the row."""
        value = self.given.get(name)
        return value.strip() if isinstance(value, str) else ""

    def passage(self, name: str) -> Passage | None:
        """Return one text of the row with its place."""
        return next((p for p in self.passages if p.name == name), None)


@dataclass(frozen=True)
class Draft:
    """A need as it stands in the form.

    Attributes
    ----------
    on : date
        The day whose rules hold.
    values : mapping
        Fields by their names, read as the form reads them.
    errors : sequence of FieldError
        What the form would refuse.
    passages : mapping of str to Passage
        The texts that are not empty.
    rows : sequence of Row
    keywords : sequence of Passage
    lexicon : callable
        Returns the value of a rule in force by its key.
    declined : sequence of Declined
        Why dockings of the stored need came to nothing, for its owner.
    """

    on: date
    values: Mapping[str, Any]
    errors: Sequence[FieldError]
    passages: Mapping[str, Passage]
    rows: Sequence[Row]
    keywords: Sequence[Passage]
    lexicon: Callable[[str], Mapping[str, Any]] = field(repr=False)
    declined: Sequence[Declined] = ()

    def texts(self, *names: str) -> list[Passage]:
        """Return those of the named texts that are filled."""
        return [self.passages[name] for name in names if name in self.passages]

    def errors_at(self, pointer: str) -> bool:
        """Tell whether the form would refuse what stands at a place."""
        return any(error.pointer == pointer for error in self.errors)

    def everything(self) -> list[Passage]:
        """Return every text of the draft, rows and keywords among them."""
        rows = [passage for row in self.rows for passage in row.passages]
        return [*self.passages.values(), *self.keywords, *rows]

    @cached_property
    def technical_rows(self) -> list[Row]:
        """Rows that are neither countable outputs nor money."""
        outputs = words_pattern(tuple(self.lexicon("doctor.outputs")["names"]))
        return [row for row in self.rows if not is_output(row.indicator, outputs)]


def is_output(indicator: Indicator, outputs: re.Pattern[str]) -> bool:
    """Tell patents, prototypes and money from technical indicators."""
    words = clean(f"{indicator.name} {indicator.text}").casefold()
    return "[currency]" in indicator.dimension or bool(outputs.search(words))


@lru_cache(maxsize=256)
def words_pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    """Return a pattern of literal words, the longest first."""
    spellings = {clean(word).casefold() for word in words}
    ordered = sorted(spellings, key=lambda word: (-len(word), word))
    return re.compile("|".join(map(re.escape, ordered)) or r"(?!)")


@lru_cache(maxsize=256)
def any_pattern(patterns: tuple[str, ...]) -> re.Pattern[str]:
    """Return a pattern that matches whatever one of several does."""
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns) or r"(?!)")


def outside(hits: Iterable[Hit], other: Iterable[Hit]) -> Iterator[Hit]:
    """Leave out hits that lie within other words, such as 不涉密 for 涉密."""
    taken = [hit.span for hit in other]
    for hit in hits:
        first, last = hit.span
        if not any(start <= first and last <= end for start, end in taken):
            yield hit


def read(
    session: so.Session,
    actor: Actor,
    data: Mapping[str, Any],
    need_id: UUID | None = None,
) -> Draft:
    """Read a draft, of a stored need or a new one; nothing is refused."""
    region = _region(actor, data.get("owner_org_id"))
    known: dict[str, Mapping[str, Any]] = {}

    def lexicon(key: str) -> Mapping[str, Any]:
        if key not in known:
            rule = rules.in_force(session, key, on=actor.today, region=region)
            known[key] = rule.value
        return known[key]

    limits = needs.KIND.limits(session, actor.today, region)
    reader = Reader(session, actor.today, limits)
    table = tuple(f for f in needs.FIELDS if f.name not in _UNREAD)
    empty = contents.empty_values(needs.FIELDS)
    names = {f.name for f in table}
    given = {name: value for name, value in data.items() if name in names}
    values = {**empty, **contents.read(table, reader, given, empty)}
    needs.KIND.check(reader, values)
    rows = _rows(reader, data.get("indicators"))
    keywords = data.get("keywords")
    return Draft(
        on=actor.today,
        values=values,
        errors=tuple(reader.errors),
        passages={p.name: p for p in _passages("", data, TEXTS)},
        rows=rows,
        keywords=tuple(
            Passage("keywords", f"/keywords/{index}", word[:LONGEST_TEXT])
            for index, word in enumerate(keywords if isinstance(keywords, list) else ())
            if isinstance(word, str) and word.strip()
        ),
        lexicon=lexicon,
        declined=declines.of_need(session, actor, need_id),
    )


def _region(actor: Actor, owner_org_id: Any) -> str:
    """Return the seat whose local rules hold: the owner's, or the only unit's."""
    owner = owner_org_id if isinstance(owner_org_id, UUID) else None
    standing = actor.standing_in(owner)
    if standing is None and len(actor.standings) == 1:
        standing = actor.standings[0]
    return standing.region if standing else ""


def _passages(
    base: str, given: Mapping[str, Any], names: Iterable[str]
) -> Iterator[Passage]:
    for name in names:
        value = given.get(name)
        if isinstance(value, str) and value.strip():
            yield Passage(name, f"{base}/{name}", value[:LONGEST_TEXT])


def _rows(reader: Reader, value: Any) -> tuple[Row, ...]:
    """Read the rows in their order; one that the form refuses is read by its words."""
    column = next(f for f in needs.FIELDS if isinstance(f, Indicators))
    found: list[Row] = []
    items = value if isinstance(value, list) else []
    for index, item in enumerate(items[:MOST_ROWS]):
        if not isinstance(item, Mapping):
            continue
        place = f"/indicators/{index}"
        columns = column.read_row(reader, dict(item), place, ())
        passages = tuple(_passages(place, item, ROW_TEXTS))
        structured = item.get("value") not in (None, "")
        said = _indicator(item, columns)
        found.append(Row(index, item, said, passages, structured))
    return tuple(found)


def _indicator(
    given: Mapping[str, Any], columns: Mapping[str, Any] | None
) -> Indicator:
    """Return what a row says, by its figures or else by its words."""
    words = {
        name: value.strip()[:LONGEST_TEXT] if isinstance(value, str) else ""
        for name in ("name", "text", "unit", "test_condition")
        for value in (given.get(name),)
    }
    name, text, condition = words["name"], words["text"], words["test_condition"]
    core = given.get("is_core") is True
    said = parse(text or name, name=name, is_core=core, condition=condition)
    if columns is not None and columns["value"] is not None:
        try:
            return from_parts(
                columns["name"],
                COMPARISONS[columns["operator"]],
                float(columns["value"]),
                None if columns["value2"] is None else float(columns["value2"]),
                columns["unit"],
                text=text,
                condition=said.condition,
                is_core=core,
            )
        except (KeyError, ValueError):
            # A range with one end, or an operator that no list has: the reader has
            # noted it, and the words may still say what is meant.
            pass
    return said


def decimal_text(value: float) -> str:
    """Write a figure as the form takes it."""
    return f"{Decimal(repr(value)):f}".removesuffix(".0")
