"""What the need doctor says about indicators (指标): figures, units, conditions."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

from marketplace.errors import Text
from marketplace.services.diagnosis_drafts import (
    GOALS,
    IMPORTANT,
    USEFUL,
    Draft,
    Finding,
    Passage,
    Row,
    decimal_text,
    is_output,
    words_pattern,
)
from marketplace.services.postings import COMPARISONS
from matching import units
from matching.indicators import Comparison, Indicator, describe, judge, parse
from matching.text import clean

CODES = {sign: code for code, sign in COMPARISONS.items()}
MOST_ROWS_OFFERED = 8
_STANDARD = re.compile(
    r"(?:gb|hg|jb|qb|yb|ys|sj|yy|dl|iso|iec|astm|din|jis|en|ul|aec|sae|q/)"
    r"[/ \-]?[a-z]{0,2} ?[0-9]"
)
_UPPER = {Comparison.LE, Comparison.LT}
_LOWER = {Comparison.GE, Comparison.GT}
_CLAUSE_END = re.compile(r"[,，、。；;！？!?\n]")
_SAME = 1e-9


def no_indicators(draft: Draft) -> Iterator[Finding]:
    """A need without indicators cannot be judged by an outsider."""
    if not draft.rows:
        yield Finding(
            "/indicators",
            Text("没有填写任何指标", "no indicator is given"),
            Text(
                "至少写一项核心指标的名称、比较方式、数值和单位，如“硬度≥60 HRC”。",
                "Give at least one core indicator: name, comparison, value and unit, "
                "such as 'hardness of at least 60 HRC'.",
            ),
        )


def few_indicators(draft: Draft) -> Iterator[Finding]:
    """Calls ask for several indicators; the advised number is a rule."""
    advised = int(draft.lexicon("need.minimum_indicators").get("advised", 1))
    if 0 < len(draft.rows) < advised:
        yield Finding(
            "/indicators",
            Text("指标只有{count}项", "there are only {count} indicators").format(
                count=len(draft.rows)
            ),
            Text(
                "建议不少于{advised}项，如性能、可靠性、成本各写一项。",
                "Give at least {advised}, for example one each of performance, "
                "reliability and cost.",
            ).format(advised=advised),
        )


def missing_metric(draft: Draft) -> Iterator[Finding]:
    """A row without a figure: nobody can tell whether it is reached."""
    alone = not any(row.quantified for row in draft.rows)
    verifiable = words_pattern(tuple(draft.lexicon("doctor.conditions")["verifiable"]))
    for row in draft.rows:
        words = clean(f"{row.text('text')} {row.text('test_method')}").casefold()
        if row.quantified or _STANDARD.search(words) or verifiable.search(words):
            continue
        passage = row.passage("text") or row.passage("name")
        quote = passage.text if passage else ""
        yield Finding(
            f"{row.pointer}/value",
            Text("指标“{name}”没有数值", "indicator '{name}' has no figure").format(
                name=row.label
            ),
            Text(
                "写明比较方式、数值和单位；确属定性要求的，写明判定所依据的标准号。",
                "Give a comparison, a value and a unit; if it is truly qualitative, "
                "name the standard by which it is judged.",
            ),
            quote=quote,
            severity=IMPORTANT if row.is_core or alone else USEFUL,
        )


def missing_unit(draft: Draft) -> Iterator[Finding]:
    """A figure without unit where the name of the quantity asks for one."""
    value = draft.lexicon("doctor.units")
    hints = [(tuple(h["names"]), str(h["units"])) for h in value["hints"]]
    unitless = tuple(value["unitless"])
    for row in draft.rows:
        if not row.quantified or row.indicator.unit or row.text("unit"):
            continue
        name = clean(re.sub(r"[(（].*", "", row.label)).casefold()
        wanted = next((u for names, u in hints if name.endswith(names)), None)
        figure = row.indicator.value or 0.0
        share = wanted == "%" and abs(figure) <= 1
        if wanted is None or share:
            continue
        if name.endswith(unitless) and not name.endswith(("导热系数", "传热系数")):
            continue
        if _unit_in_words(row, wanted):
            continue
        yield Finding(
            f"{row.pointer}/unit",
            Text("指标“{name}”没有单位", "indicator '{name}' has no unit").format(
                name=row.label
            ),
            Text("补上单位，如 {units}。", "Add the unit, such as {units}.").format(
                units=wanted
            ),
        )


def _unit_in_words(row: Row, wanted: str) -> bool:
    """Tell whether the row's own words state the unit beside the form's field."""
    said = parse(row.text("text"), name=row.text("name"))
    return bool(said.unit) or wanted in row.text("text")


def missing_condition(draft: Draft) -> Iterator[Finding]:
    """Strength, life or precision mean little without the condition of the test."""
    value = draft.lexicon("doctor.conditions")
    free = words_pattern(tuple(value["free"]))
    hints = [
        (words_pattern(tuple(h["names"])), Text(h["zh"], h["en"]))
        for h in value["hints"]
    ]
    for row in draft.technical_rows:
        if not row.quantified or row.indicator.condition or row.text("test_method"):
            continue
        if "(" in clean(row.text("text")):
            continue
        name = clean(row.label).casefold()
        what = next((text for pattern, text in hints if pattern.search(name)), None)
        if what is None or free.search(name):
            continue
        yield Finding(
            f"{row.pointer}/test_condition",
            Text(
                "指标“{name}”没有测试条件和检测方法",
                "indicator '{name}' has neither test condition nor method",
            ).format(name=row.label),
            Text("写明{zh}。", "State {en}.").format(zh=what.zh, en=what.en),
            severity=IMPORTANT if row.is_core else USEFUL,
        )


def missing_baseline(draft: Draft) -> Iterator[Finding]:
    """Without the present level nobody sees how far the way is."""
    rows = [row for row in draft.technical_rows if row.quantified]
    stated = any(row.text("current_level") for row in rows)
    if rows and not stated:
        yield Finding(
            f"{rows[0].pointer}/current_level",
            Text(
                "所有指标都没有写现有水平",
                "no indicator states the present level",
            ),
            _BASELINE,
            severity=IMPORTANT,
        )
    for row in rows:
        if stated and row.is_core and not row.text("current_level"):
            yield Finding(
                f"{row.pointer}/current_level",
                Text(
                    "核心指标“{name}”没有写现有水平",
                    "core indicator '{name}' does not state the present level",
                ).format(name=row.label),
                _BASELINE,
            )


_BASELINE = Text(
    "写明本单位目前达到的数值，如“现为540 MPa”；还没有做过的写“未测”。",
    "State what you reach today, such as 'now 540 MPa'; write 'not measured' if so.",
)


def missing_benchmark(draft: Draft) -> Iterator[Finding]:
    """Calls ask for the product or the level to be measured against (对标)."""
    rows = [row for row in draft.technical_rows if row.quantified]
    first = next((row for row in rows if row.is_core), rows[0] if rows else None)
    if first and not any(row.text("benchmark") for row in rows):
        yield Finding(
            f"{first.pointer}/benchmark",
            Text(
                "所有指标都没有写对标水平",
                "no indicator states a benchmark",
            ),
            Text(
                "至少为核心指标写明对标产品或国内外水平，如“进口同类620 MPa”。",
                "State for the core indicators at least what others reach, "
                "such as 'imported part 620 MPa'.",
            ),
        )


def no_core_indicator(draft: Draft) -> Iterator[Finding]:
    """The core indicator decides a match, so somebody has to name it."""
    if draft.rows and not any(row.is_core for row in draft.rows):
        yield Finding(
            "/indicators/0/is_core",
            Text("没有标出核心指标", "no indicator is marked as core"),
            Text(
                "把不达到就不能验收的一至三项标为核心指标；匹配时先看这些。",
                "Mark the one to three without which you would not accept the result; "
                "matching looks at them first.",
            ),
        )


def many_core_indicators(draft: Draft) -> Iterator[Finding]:
    """When everything is core, nothing is."""
    core = [row for row in draft.rows if row.is_core]
    most = int(draft.lexicon("doctor.plausible")["core_most"])
    if len(core) > most:
        yield Finding(
            f"{core[most].pointer}/is_core",
            Text(
                "核心指标有{count}项，过多", "{count} indicators are marked as core"
            ).format(count=len(core)),
            Text(
                "核心指标未达到的成果会排到后面；只保留不达到就不能验收的几项。",
                "Offers that miss a core indicator rank low: keep those without which "
                "you would not accept the result.",
            ),
        )


def words_differ(draft: Draft) -> Iterator[Finding]:
    """The words of a row and its fields state different figures."""
    for row in draft.rows:
        passage, stated = row.passage("text"), row.indicator
        if passage is None or not row.structured or not row.quantified:
            continue
        if len(passage.figures) != 1:
            continue
        said = passage.figures[0]
        if said.value is None or _agrees(said, stated, passage.folded):
            continue
        yield Finding(
            f"{row.pointer}/value",
            Text(
                "指标“{name}”的原文写“{said}”，表格中填的是“{stated}”",
                "the words of indicator '{name}' say '{said}', its fields '{stated}'",
            ).format(name=row.label, said=describe(said), stated=describe(stated)),
            Text("核对后改成一致。", "Check, and make the two agree."),
            quote=said.text,
        )


def _agrees(said: Indicator, stated: Indicator, words: str) -> bool:
    """Tell whether words and fields can mean the same figure in the same direction.

    Words of another dimension speak of something else: a condition, or the amount
    without its "per tonne".
    """
    ours = [v for v in (stated.value, stated.value2) if v is not None]
    theirs = [v for v in (said.value, said.value2) if v is not None]
    if stated.unit:
        if said.dimension != stated.dimension:
            return True
        changed = [units.convert(v, said.unit, stated.unit) for v in theirs]
        theirs = [v for v in changed if v is not None]
    if not any(_close(abs(a), abs(b)) for a in ours for b in theirs):
        return any(decimal_text(abs(v)) in words for v in ours)
    opposite = (said.comparison in _UPPER and stated.comparison in _LOWER) or (
        said.comparison in _LOWER and stated.comparison in _UPPER
    )
    return not opposite


def _close(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-12)


def contradictory_indicators(draft: Draft) -> Iterator[Finding]:
    """Two rows for one quantity that no value can meet together."""
    rows = [row for row in draft.rows if row.quantified]
    for one, other in combinations(rows, 2):
        if _disjoint(one.indicator, other.indicator):
            yield Finding(
                f"{other.pointer}/value",
                Text(
                    "“{one}”与“{other}”不可能同时达到",
                    "'{one}' and '{other}' cannot both be reached",
                ).format(one=_short(one.indicator), other=_short(other.indicator)),
                Text(
                    "核对比较方式和数值；条件不同的，分别写明测试条件。",
                    "Check comparison and value; where the conditions differ, "
                    "state the test condition of each.",
                ),
                quote=other.text("text"),
            )


def _short(indicator: Indicator) -> str:
    return f"{indicator.name}{describe(indicator)}"


def _disjoint(one: Indicator, other: Indicator) -> bool:
    conditions = {clean(each.condition).casefold() for each in (one, other)}
    if len(conditions - {""}) > 1 or judge(one, [other]).claimed is None:
        return False
    mine, theirs = _interval(one, one.unit), _interval(other, one.unit)
    if mine is None or theirs is None:
        return False
    gap = max(mine[0], theirs[0]) - min(mine[1], theirs[1])
    return gap > _SAME * max(abs(v) for v in (*mine, *theirs) if math.isfinite(v))


def _interval(indicator: Indicator, unit: str) -> tuple[float, float] | None:
    """Return where the quantity may lie, in a unit; None for what has no bounds."""
    spread = indicator.comparison is Comparison.PM
    if indicator.value is None or (spread and indicator.value2 is None):
        return None
    value = units.convert(indicator.value, indicator.unit, unit)
    second = value
    if indicator.value2 is not None:
        second = units.convert(
            indicator.value2, indicator.unit, unit, difference=spread
        )
    if value is None or second is None:
        return None
    bounds = {
        Comparison.GE: (value, math.inf),
        Comparison.GT: (value, math.inf),
        Comparison.LE: (-math.inf, value),
        Comparison.LT: (-math.inf, value),
        Comparison.RANGE: (min(value, second), max(value, second)),
        Comparison.PM: (value - second, value + second),
    }
    return bounds.get(indicator.comparison, (value, value))


def figure_without_row(draft: Draft) -> Iterator[Finding]:
    """A target that stands in the running text and in no indicator row."""
    value = draft.lexicon("doctor.outputs")
    outputs = words_pattern(tuple(value["names"]))
    present = words_pattern(tuple(value["present"]))
    activities = tuple(value["activities"])
    boxes = GOALS if draft.rows else (*GOALS, "problem")
    seen: list[Indicator] = []
    for passage in draft.texts(*boxes):
        for found in passage.figures:
            if len(seen) >= MOST_ROWS_OFFERED:
                return
            if found.name.startswith(activities):
                continue
            if not _is_target(found, passage, outputs, present):
                continue
            if any(_speaks_of(row.indicator, found) for row in draft.rows):
                continue
            if any(_speaks_of(other, found) for other in seen):
                continue
            seen.append(found)
            yield Finding(
                passage.pointer,
                Text(
                    "正文写了“{quote}”，指标表中没有",
                    "the text says '{quote}', which no indicator row holds",
                ).format(quote=found.text),
                Text(
                    "补一行指标（已按原文填好）。",
                    "Add an indicator row (filled in from the words).",
                ),
                found.span,
                found.text,
                row=_row_of(found),
            )


def _is_target(
    found: Indicator,
    passage: Passage,
    outputs: re.Pattern[str],
    present: re.Pattern[str],
) -> bool:
    """Tell a figure that is wanted from one of today, of an output or of a size."""
    if found.span is None or not found.name or is_output(found, outputs):
        return False
    lone = found.comparison is Comparison.EQ
    if lone or found.dimension in {"[count]", ""} or "[count]" in found.dimension:
        return False
    if found.comparison is Comparison.RANGE and _is_aside(passage, *found.span):
        return False
    start, end = _clause(passage, *found.span)
    return not present.search(clean(passage.text[start:end]).casefold())


def _is_aside(passage: Passage, start: int, end: int) -> bool:
    """Tell whether a bracket is open behind a place: a size noted beside a noun."""
    said = clean(passage.text[start:end])
    return said.count("(") > said.count(")")


def _clause(passage: Passage, start: int, end: int) -> tuple[int, int]:
    """Return the clause around a place of the text as written."""
    first = 0
    for match in _CLAUSE_END.finditer(passage.text):
        if match.start() >= end:
            return first, match.start()
        if match.end() <= start:
            first = match.end()
    return first, len(passage.text)


def _speaks_of(row: Indicator, found: Indicator) -> bool:
    """Tell whether a row covers what the text says, by quantity or by figure."""
    if judge(found, [row]).claimed is not None:
        return True
    pairs = [
        (a, b) for a in (row.value, row.value2) for b in (found.value, found.value2)
    ]
    for ours, theirs in pairs:
        if ours is None or theirs is None:
            continue
        converted = units.convert(theirs, found.unit, row.unit)
        if converted is not None and _close(abs(ours), abs(converted)):
            return True
    words = clean(f"{row.text} {row.condition}").casefold()
    return clean(found.text).casefold() in words


def _row_of(found: Indicator) -> Mapping[str, Any]:
    """Return an indicator as a row of the form."""
    return {
        "name": found.name[:100],
        "text": found.text[:500],
        "operator": CODES[found.comparison.value],
        "value": None if found.value is None else decimal_text(found.value),
        "value2": None if found.value2 is None else decimal_text(found.value2),
        "unit": found.unit,
        "test_condition": found.condition[:300],
        "is_core": False,
    }
