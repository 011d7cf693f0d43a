"""Whatever a firm types, pastes or uploads is taken in: no exception, no standstill.

Each rule is tried on a few hundred inputs in the normal suite. ``make soak`` tries the
same rules for as many seconds as ``JIEBANG_SOAK_SECONDS`` says (ten minutes in all if
it says nothing), every time with other inputs.
"""

import json
import math
import os
import re
import secrets
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from matching import InvalidPosting, Matcher, Posting
from matching.benchmarks.intake import MIXED, REPEATED, measure, text_of
from matching.explanations import _all_inside
from matching.indicators import (
    Comparison,
    Indicator,
    VerdictKind,
    describe,
    extract,
    from_parts,
    judge,
    parse,
)
from matching.names import (
    best_grades,
    grade_similarity,
    grades,
    name_similarity,
    wanted_grades,
)
from matching.postings import indicator_from_dict, indicator_to_dict
from matching.text import (
    _FOLDED,
    _LOWER,
    _ONLY_ASCII_HAS_CASE,
    _PLAIN,
    _USUAL,
    clean,
    normalise,
)
from matching.tokens import Kind, _stem, fold, tokenise, words
from matching.units import canonical, convert, dimension, scan

SOAK_SECONDS = float(os.environ.get("JIEBANG_SOAK_SECONDS", "600"))

NAMES = """
抗拉强度 良品率 定位精度 响应时间 工作温度 寿命 能耗 噪声 硬度 表面粗糙度 pH值 比例
"""
BOUNDS = """
≥ ≤ > < = ± ~ - — – ～ → --> +/- 不低于 不大于 小于等于 超过 达到 达 至少 优于 低至
约 为 控制在 提高 提高到 降低到 从 由 到 至 以上 以下 以内 内 左右 之间 和 与 或 且
分别 比 相比
"""
FIGURES = """
600 5 0.5 99.5 1,200 1,234,567 １２３ 2021-2025 -40~85 5±0.5 5±0.5×10^-3 ×10^-6
×10-6 10的5次方 的负五次方 乘以10 e5 E-3 1e5 1:40 20:1 1/3 三成 百分之五 万分之一
一百二十 十亿 九九九九九九九 0 0.0 ０，０００ ½ 10⁻⁶ ² ① ⒈ 00 3×4×5 IP65 HRC58 Ra0.8
Φ5 13812345678
"""
UNITS = """
MPa 兆帕 mm 毫米 μm um ℃ °C 度 % ％ ‰ ppm 倍 个 件 次 小时 h min s 年 月 日 万元
亿元 元 万 千 亿 kg t/万元 kW·h W/(m·K) W/mK N/15mm N/0.0mm g/cm3 kJ/m² r/min 转/分
dB(A) %RH EFLOPS^9
"""
GRADES = """
6061-T6 T800 Q345 316L 304不锈钢 45钢 GB/T1591-2018 ISO9001 Y2O3 Al2O3 替代 现有
"""
JOINS = """
的 在 条件下 环境下 时 后 下 范围内 当 需要 要求 应 可以 能够 一是 (1) 1. @ / ( ) （
） [ ] : ， 。 ； 、
"""
WORDS = """
铝合金 電池托盤 碳纖維 術(shù)語 乾隆 焊接工艺 carbon fibre coated a-b ＡＢＣ ſ İ ß
ﬃ ﷺ ㎡
"""
ODD = [
    *(
        "\x00",
        "\ud800",
        "\udfff",
        "\ud83d\ude00",
        "\u0301",
        "e\u0301\u0338",
        "か\u3099",
    ),
    *("\u200b", "\u202e", "\u2066", "\ufeff", "\u00ad", "\ue000", "\U000f0000", "𠀀"),
    *("\n", "\r\n", "\t", " ", "  ", "\u3000", "\u2028", "\x85"),
    *("مرحبا", "עברית", "한국어", "カタカナ", "สวัสดี", "😀", "👩\u200d🔬", "\U000e0041"),
]

Text = st.SearchStrategy[str]
pieces: Text = st.sampled_from(
    [*f"{NAMES} {BOUNDS} {FIGURES} {UNITS} {GRADES} {JOINS} {WORDS}".split(), *ODD]
)
any_signs: Text = st.text(st.characters(codec=None), max_size=6)
repeated: Text = st.builds(
    str.__mul__, st.one_of(pieces, any_signs), st.integers(2, 60)
)
long_digits: Text = st.text("0123456789.,-~ ", min_size=10, max_size=200)
nested: Text = st.text("()（）[]1铝", min_size=5, max_size=60)


# As composites, since the words of all the lists would be repeated in every report.
@st.composite
def _some_text(draw: st.DrawFn) -> str:
    kinds = (pieces, pieces, pieces, pieces, any_signs, repeated, long_digits, nested)
    return "".join(draw(st.lists(st.one_of(*kinds), max_size=20)))


@st.composite
def _some_words(draw: st.DrawFn) -> str:
    return "".join(draw(st.lists(st.one_of(pieces, any_signs), max_size=4)))


texts: Text = _some_text()
short_texts: Text = _some_words()
figures = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(
    [0.0, -0.0, 1e-320, 1e308, 600.0, 0.05]
)


def whole_normalised(text: str) -> None:
    found = normalise(text)
    assert clean(found.text) == found.text
    assert len(found.starts) == len(found.ends) == len(found.text) == len(found.folded)
    assert list(found.starts) == sorted(found.starts)
    assert list(found.ends) == sorted(found.ends)
    assert all(
        0 <= start < end <= len(text)
        for start, end in zip(found.starts, found.ends, strict=True)
    )
    needle = found.text[1:4]
    hits = list(found.find_all(needle))
    assert bool(hits) == (fold(needle) in found.folded and bool(clean(needle)))


def cut_in_place(text: str) -> None:
    folded = fold(text)
    tokens = tokenise([folded, "", folded])
    assert (tokens.starts >= 0).all()
    assert (tokens.lengths > 0).all()
    assert (tokens.starts + tokens.lengths <= len(folded)).all()
    one, other = tokens.owners == 0, tokens.owners == 2
    assert (one | other).all()
    assert tokens.features[one].tolist() == tokens.features[other].tolist()
    assert tokens.starts[one].tolist() == tokens.starts[other].tolist()
    plain = folded.encode("utf-8", "replace").decode()
    assert len("".join(words(folded))) <= len(plain)


def extracted_in_place(text: str) -> None:
    reached = -1
    for found in extract(text):
        assert found.span is not None
        start, end = found.span
        assert 0 <= start < end <= len(text)
        assert text[start:end] == found.text
        assert reached < end
        reached = end
        assert is_sound(found)


def is_sound(found: Indicator) -> bool:
    assert indicator_from_dict(indicator_to_dict(found)) == found
    assert isinstance(describe(found), str)
    figures = [each for each in (found.value, found.value2) if each is not None]
    assert all(map(math.isfinite, figures))
    if found.comparison is Comparison.RANGE:
        assert figures == sorted(figures)
    return found.dimension == dimension(found.unit)


def parsed_and_kept(row: tuple[str, str, str, bool]) -> None:
    text, name, condition, is_core = row
    found = parse(text, name=name, condition=condition, is_core=is_core)
    assert found.text == text or found.comparison is Comparison.QUALITATIVE
    assert found.name == name or not name
    assert found.condition == condition or not condition
    assert found.is_core is is_core
    assert is_sound(found)


def built(parts: tuple[str, Comparison, float, float, str, str, str]) -> Indicator:
    name, comparison, value, value2, unit, text, condition = parts
    return from_parts(
        name, comparison, value, value2, unit, text=text, condition=condition
    )


indicators = st.one_of(
    st.builds(parse, short_texts, name=short_texts, condition=short_texts),
    st.tuples(
        st.sampled_from(NAMES.split()),
        st.sampled_from(Comparison),
        figures,
        figures,
        st.sampled_from(UNITS.split()) | short_texts,
        short_texts,
        short_texts,
    ).map(built),
)


def judged_by_its_margin(case: tuple[Indicator, list[Indicator]]) -> None:
    required, claims = case
    verdict = judge(required, [*claims, required])
    assert verdict.required == required
    assert verdict.claimed is None or verdict.claimed in [*claims, required]
    if verdict.margin is not None:
        assert math.isfinite(verdict.margin)
        assert (verdict.margin >= 0) == (verdict.kind is VerdictKind.MET)


def graded(case: tuple[str, str]) -> None:
    title, text = map(clean, case)
    one, other = grades(title), grades(text)
    wanted = wanted_grades(title, text)
    assert len(set(one)) == len(one)
    assert set(one) <= set(wanted) <= {*one, *other}
    assert all(grade.text in title or grade.text in text for grade in wanted)
    for mine, theirs, likeness in best_grades(one, other):
        assert 0 <= likeness <= 1
        assert grade_similarity(theirs, mine) == pytest.approx(likeness)
    assert 0 <= name_similarity(*case) <= 1


def measured(case: tuple[str, float]) -> None:
    text, value = case
    unit = canonical(text)
    assert isinstance(dimension(unit), str)
    converted = convert(value, text, text)
    assert converted == value
    for other in ("MPa", "°C", "%", "km/h", unit):
        for difference in (False, True):
            assert isinstance(
                convert(value, text, other, difference=difference), float | None
            )
    plain = clean(text)
    for start in range(len(plain)):
        found = scan(plain, start)
        assert found is None or start < found[1] <= len(plain)


@st.composite
def _some_json(draw: st.DrawFn, levels: int = 2) -> Any:
    plain = (
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.sampled_from([10**400, "1e999999", "-0", "NaN", "SD-C04"])
        | short_texts
    )
    if not levels:
        return draw(plain)
    inner = _some_json(levels - 1)
    lists = st.lists(inner, max_size=3)
    return draw(plain | lists | st.dictionaries(short_texts, inner, max_size=3))


json_values = _some_json()
json_indicators = st.fixed_dictionaries(
    {},
    optional={
        "comparison": st.sampled_from([*Comparison, "GE", "=>"]) | json_values,
        "value": figures | json_values,
        "value2": figures | json_values,
        "span": st.lists(st.integers(), max_size=3) | json_values,
        "is_core": st.booleans() | json_values,
        **dict.fromkeys(
            ("name", "unit", "dimension", "text", "condition"),
            short_texts | json_values,
        ),
    },
)
json_postings = st.fixed_dictionaries(
    {"id": short_texts | json_values},
    optional={
        **dict.fromkeys(("title", "text", "hidden_text", "org"), texts | json_values),
        **dict.fromkeys(
            ("keywords", "names", "hidden_parts"),
            st.lists(short_texts, max_size=3) | json_values,
        ),
        **dict.fromkeys(
            ("indicators", "hidden_indicators"),
            st.lists(short_texts | json_indicators, max_size=3) | json_values,
        ),
        "codes": st.dictionaries(
            st.sampled_from(["field", "chain", "industry", "region", "colour"]),
            st.lists(short_texts, max_size=2) | json_values,
            max_size=2,
        )
        | json_values,
        "maturity": st.floats(0, 1) | json_values,
        "budget_yuan": st.decimals(0, 10**9, places=2).map(str) | json_values,
        "kind": st.sampled_from(["", "need", "result", "capability"]) | json_values,
        "tier": st.integers(0, 3) | json_values,
        "colour": json_values,
    },
)


def refused_or_found_again(data: Any) -> None:
    try:
        posting = Posting.from_dict(data)
    except InvalidPosting:
        return
    # As the market stores it: JSON in UTF-8, half characters and all.
    raw = json.dumps(posting.to_dict(), ensure_ascii=False)
    again = Posting.from_dict(json.loads(raw.encode("utf-8", "surrogatepass")))
    assert again == posting
    matcher = Matcher.build([posting])
    assert matcher.get(posting.id) == posting
    assert matcher.ids().__next__() == posting.id
    for match in matcher.rank(Posting(id="q", title=posting.title, text=posting.text)):
        json.dumps(match.to_dict())


postings = st.builds(
    Posting,
    id=st.text(st.characters(codec=None), min_size=1, max_size=4),
    title=short_texts,
    text=texts,
    keywords=st.lists(short_texts, max_size=2),
    names=st.lists(short_texts, max_size=2),
    indicators=st.lists(indicators, max_size=2),
    hidden_text=short_texts,
    kind=st.sampled_from(["", "need", "result"]),
)


def ranked_and_explained(case: tuple[list[Posting], list[Posting], Posting]) -> None:
    base, added, query = case
    documents = {posting.id: posting for posting in [*base, *added]}
    matcher = Matcher.build(base)
    matcher.add(added)
    assert set(matcher.ids()) == set(documents)
    found = matcher.rank(query, k=20)
    for match in found:
        assert 0 <= match.score <= 1
        for term in match.terms:
            for spans, posting in (
                (term.query_spans, query),
                (term.document_spans, documents[match.id]),
            ):
                assert spans
                for field, start, end in spans:
                    assert 0 <= start < end <= len(posting.field_text(field))
    with tempfile.TemporaryDirectory() as folder:
        matcher.save(Path(folder) / "index")
        opened = Matcher.open(Path(folder) / "index")
        assert opened.rank(query, k=20) == found
        for posting in documents.values():
            assert opened.get(posting.id) == posting


class Rule(NamedTuple):
    """What holds for any input, and on how many the normal suite tries it."""

    name: str
    inputs: st.SearchStrategy[Any]
    check: Callable[[Any], None]
    examples: int


RULES = [
    Rule("normalised text leads back to the original", texts, whole_normalised, 400),
    Rule("features stand inside of their text", texts, cut_in_place, 300),
    Rule("an indicator stands where it says", texts, extracted_in_place, 300),
    Rule(
        "a form row keeps its words",
        st.tuples(texts, short_texts, short_texts, st.booleans()),
        parsed_and_kept,
        300,
    ),
    Rule(
        "a verdict agrees with its margin",
        st.tuples(indicators, st.lists(indicators, max_size=4)),
        judged_by_its_margin,
        300,
    ),
    Rule("grades are found, not made up", st.tuples(texts, texts), graded, 150),
    Rule("any words may be a unit", st.tuples(short_texts, figures), measured, 300),
    Rule("a posting is refused or found", json_postings, refused_or_found_again, 80),
    Rule(
        "any postings are ranked and explained",
        st.tuples(
            st.lists(postings, max_size=3), st.lists(postings, max_size=2), postings
        ),
        ranked_and_explained,
        25,
    ),
]
rules = pytest.mark.parametrize("rule", RULES, ids=[rule.name for rule in RULES])
tried = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@rules
def test_any_input_keeps_the_rule(rule):
    settings(tried, max_examples=rule.examples)(given(rule.inputs)(rule.check))()


@pytest.mark.soak
@rules
def test_any_input_keeps_the_rule_for_long(rule):
    end = monotonic() + SOAK_SECONDS / len(RULES)
    rounds = 0
    while monotonic() < end or not rounds:
        rounds += 1
        other = seed(secrets.randbits(64))(given(rule.inputs)(rule.check))
        settings(tried, max_examples=300, database=None)(other)()
    assert rounds


# A quadratic step takes hours on the longest of these texts, an exponential one years.
@pytest.mark.parametrize("kind", [*REPEATED, *MIXED])
def test_a_long_text_of_any_kind_is_normalised_and_cut(kind):
    text = text_of(kind, 100_000)
    found = normalise(text)
    assert found.original == text
    tokens = tokenise([found.folded])
    assert (tokens.starts + tokens.lengths <= len(found.text)).all()
    assert all(grade.text in found.text for grade in grades(found.text))


@pytest.mark.parametrize("kind", [*REPEATED, *MIXED])
def test_a_long_text_of_any_kind_is_read_for_indicators(kind):
    text = text_of(kind, 5_000)
    assert all(is_sound(found) for found in extract(text))


def test_signs_that_are_not_looked_at_stay_as_they_are():
    everything = "".join(map(chr, range(sys.maxunicode + 1)))
    plain = "".join(re.findall(_PLAIN.pattern, everything))
    assert len(plain) > 20_000
    assert [char for char in plain if _FOLDED[char] != char] == []
    assert {wide: _FOLDED[wide] for wide in _USUAL} == _USUAL
    caseless = "".join(re.findall(_ONLY_ASCII_HAS_CASE.pattern, everything))
    assert len(caseless) > 20_000
    assert caseless.translate(_LOWER) == caseless.lower()


def test_a_text_of_all_characters_fills_no_memory():
    everything = "".join(map(chr, range(sys.maxunicode + 1)))
    assert len(normalise(everything).folded) > 500_000
    assert max(len(_FOLDED), len(_LOWER)) <= 65_536


def test_one_long_word_is_a_word():
    tokens = tokenise(["a" * 1_000_000 + "-1"], grams=False)
    kept = tokens.kinds() == int(Kind.CODE)
    assert tokens.lengths[kept].tolist() == [1_000_002]


def test_words_that_lead_to_a_figure_are_dropped_in_any_number():
    for number in (1, 22):
        (found,) = extract(f"某强度{'需要' * number}≥5MPa")
        assert (found.name, found.value) == ("某强度", 5.0)
    (found,) = extract(f"强度{'需要' * 22}某≥5MPa")
    assert found.name == f"强度{'需要' * 22}某"


@pytest.mark.parametrize("name", ["响应", "性能", "供应", "功能"])
def test_a_name_keeps_its_last_word(name):
    (found,) = extract(f"{name}应能达到5MPa")
    assert found.name == name


def test_many_conditions_become_one():
    (found,) = extract("200℃下" * 2_000 + "抗拉强度≥600MPa")
    assert found.condition.count("200℃下") == 2_000


def test_a_name_of_any_length_is_compared():
    name = "铝" * 100_000
    claims = [parse("≥5MPa", name=f"{name}拉伸强度")]
    required = parse("≥5MPa", name=f"{name}抗拉强度", condition="1" * 100_000)
    assert judge(required, claims).kind is VerdictKind.MET


@pytest.mark.parametrize("amount", ["0.0", "0.00", "0.000"])
def test_nothing_is_measured_per_nothing(amount):
    assert canonical(f"N/{amount}mm") == f"N/{amount}mm"
    (found,) = extract(f"剥离强度≥5N/{amount}mm")
    assert (found.value, found.unit) == (5.0, "N")


@pytest.mark.parametrize("sign", ["", "负"])
def test_a_power_beyond_all_bounds_is_no_error(sign):
    text = f"系数(4.5~5)×10的{sign}九九九九九九九次方"
    assert all(is_sound(found) for found in extract(text))


def test_a_word_that_stands_everywhere_is_shown_once():
    query = Posting(id="q", text="铝合金" * 10_000)
    document = Posting(id="d", text="铝合金，合金，铝合" * 10_000)
    (match,) = Matcher.build([document]).rank(query)
    assert "铝合金" in [term.text for term in match.terms]


@given(
    st.lists(st.tuples(*[st.integers(0, 3)] * 3), max_size=12),
    st.lists(st.tuples(*[st.integers(0, 3)] * 3), max_size=6),
)
def test_a_place_lies_inside_when_one_of_the_others_holds_it(around, places):
    expected = all(
        any(f == field and s <= start and end <= e for f, s, e in around)
        for field, start, end in places
    )
    assert _all_inside(places, around) == expected


def test_threads_do_not_disturb_each_other_in_stemming():
    endings = ("ing", "ation", "al", "ness", "ed", "es", "ly", "ers", "ment", "able")
    vocabulary = [
        f"un{first}{second}{ending}"
        for first in "abcdefghijklmnopqrstuvwxyz"
        for second in "bdfghklmnp"
        for ending in endings
    ]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(_stem, vocabulary))
    finally:
        sys.setswitchinterval(before)
    assert together == [_stem(word) for word in vocabulary]


def test_two_half_characters_do_not_become_a_whole_one():
    posting = Posting(id="\ud83d\ude00", title="\ud83d\ude00", org="\ud83d\ude00")
    assert Matcher.build([posting]).get("\ud83d\ude00") == posting


def test_the_benchmark_measures_each_size():
    row = measure("prose", "normalise", [0.001, 0.002, 0.004], rounds=2)
    assert len(row["seconds"]) == 3
    assert len(row["ratios"]) == 2
    assert row["left_out"] == []
