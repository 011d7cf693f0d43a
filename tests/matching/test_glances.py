"""What is seen at a glance is what a close look finds.

Reading a text is quick because most of it is passed over by cheap looks at single
signs. Each of them is tried against the long way that it saves.
"""

import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from matching import Posting, facts, indicators, sections, text, units
from matching.building import count_features, features_of
from matching.indicators import extract, parse
from matching.scan import by_feature, gathered, key_order, scattered
from matching.text import HAN, clean
from matching.tokens import _CODE, Kind, _is_han, fold, tokenise

WORDS = """
抗拉强度 厚度(mm) 工作温度 良品率 第 自 共有 分别 分别为 必须 应当 约 为 是 在 由 从 当
不低于 不超过 ≥ ≤ > < = ± + - ~ — → 至 到 和 与 提高 提高到 降低到 降至 以上 以下 之内
之间 以内 左右 上下 或 及 且 的 余 多 每 一 三 十二 五十 百分之 三成 百 千 万 亿 点
1998 2024 5 0.5 600 1,200 10 00 ×10^-6 e5 1:40 / : × x * ^ ( ) @ HRC Ra Φ IP 零下 负
MPa mm ℃ °C 度 % ‰ 倍 个 种 年 月 日 次 升 大 t m mg/L 平方米 立方米 件 级 系 号 型
万级 条件下 下 时 后 内 环境 研究 中心 一种 大学 carbon α , 。 ; 、
"""
PIECES = [*WORDS.split(), " ", "  ", "\n", "\u3000"]
running = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)
any_text = st.text(st.characters(codec=None), max_size=30)
POSSIBLE = frozenset(map(chr, range(0x20, 0x10000))) | {""}
LOOKS = (
    "_INTRODUCING",
    "_SIGNING",
    "_INTRODUCING_OR_SIGNING",
    "_FOLLOWED",
    "_TRAILING_FIRST",
    "_TRAILING_LAST",
)


def assert_read_alike_without_looks(words):
    seen = extract(words), parse(words), parse(words, name="厚度")
    with pytest.MonkeyPatch.context() as patch:
        for look in LOOKS:
            patch.setattr(indicators, look, POSSIBLE)
        assert (extract(words), parse(words), parse(words, name="厚度")) == seen


@given(running)
@example("厚度(mm)必须600,宽度")
@example("长和宽分别5,厚度6mm")
@example("一共三之上且5MPa以下")
@example("提高三倍,共三个以上,第三升至5MPa")
@example("溶出度30分钟不低于85%,粒径(μm)第30分钟确保5,")
@settings(deadline=None, max_examples=400)
def test_indicators_are_those_of_a_text_read_without_short_cuts(words):
    assert_read_alike_without_looks(words)


@pytest.mark.parametrize("first", ["厚度600", "由三", "温度5℃", "厚度为(5"])
def test_two_figures_are_read_as_one_whatever_stands_between(first):
    for between in PIECES:
        for second in ("5", "800", "三", "80℃", "5)mm"):
            assert_read_alike_without_looks(f"{first}{between}{second}以上")


@given(running | any_text)
@settings(deadline=None, max_examples=200)
def test_the_last_signs_tell_what_a_name_ends_in(words):
    for name in (words, f"{words}率", f"{words}生产线\n", f"{words}提高幅度\n"):
        assert indicators._names_quantity(name) == bool(
            indicators._QUANTITY.search(name)
        )
        assert indicators._names_change(name) == bool(indicators._CHANGED.search(name))
    before = clean(words)
    last = before[-indicators._LONGEST_NAMING :]
    named = indicators._NAME_BEFORE
    assert bool(named.search(last)) == bool(named.search(before))


@pytest.mark.parametrize(
    "rest",
    [
        "",
        " ",
        "/m",
        " / s",
        "·m",
        "*m",
        ".m",
        "^2",
        "-1",
        "2",
        "每天",
        "(m)",
        "长",
        "m",
    ],
)
def test_a_unit_that_stands_alone_is_what_the_whole_grammar_reads(rest):
    for spelling in units._atoms():
        for words in (spelling + rest, f" {spelling}{rest}", f"万{spelling}{rest}"):
            reader = units._Reader(words, 0)
            whole = (reader.canonical(), reader.end) if reader.read() else None
            first = words.lstrip(" ")
            is_none = first[0] in units._NEVER_A_UNIT or units._MODEL.match(first)
            assert units.scan(words, 0) == (None if is_none else whole)


def test_no_unit_begins_with_another_sign_than_the_known_ones():
    others = {chr(code) for code in range(0x20, 0xA000)} - units.first_signs()
    for sign in others - units._NEVER_A_UNIT:
        assert not units._Reader(f"{sign}m/s", 0).read()


def test_every_sign_that_is_a_figure_is_seen():
    for code in range(0x110000):
        assert facts._has_figure(f"铝{chr(code)}") == chr(code).isdigit()


@given(
    st.lists(
        st.sampled_from(
            [
                *"铝合金：:（） 】[【\n。1",
                *sections._NOTHING.split("|"),
                "技术指标：",
                "技术需求",
            ]
        ),
        max_size=9,
    )
)
@settings(deadline=None, max_examples=300)
def test_sections_are_found_as_without_a_look_at_the_last_signs(pieces):
    words = "".join(pieces)
    seen = sections.substance(words)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sections, "_MAY_END", re.compile(""))
        assert sections.substance(words) == seen


@given(
    st.lists(st.sampled_from([*"電池鋁合金乾隆燥后後里裡㎡A1，\ud800\n"]), max_size=20)
    | st.just(list("乾隆年間的乾燥器"))
)
@settings(deadline=None, max_examples=200)
def test_a_text_is_simplified_in_whole_as_in_its_chinese_runs(signs):
    words = "".join(signs)
    seen = text._simplify(words)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text, "_is_simplified", lambda _: False)
        assert text._simplify(words) == seen


@given(st.text("aZ9α-./ 铝\n", max_size=40))
@settings(deadline=None, max_examples=300)
def test_codes_are_those_of_a_search_over_the_whole_text(words):
    folded = fold(words)
    tokens = tokenise([folded, folded])
    codes = tokens.kinds() == int(Kind.CODE)
    places = zip(tokens.starts[codes], tokens.lengths[codes], strict=True)
    wanted = [
        (match.start(), len(match.group()))
        for match in _CODE.finditer(folded)
        if any(map(str.isdigit, match.group()))
    ]
    assert [*places] == wanted + wanted


def test_the_table_of_characters_is_that_of_the_normalised_text():
    signs = [chr(code) for code in range(0x110000)]
    chinese = re.compile(f"[{HAN}]")
    mask = _is_han(np.arange(0x110000, dtype=np.uint32))
    assert mask.tolist() == [chinese.match(sign) is not None for sign in signs]


upper_halves = st.integers(0, 3).map(lambda high: high << 32)
keys_alike = st.lists(st.builds(int.__or__, upper_halves, st.integers(0, 5)))


@given(keys_alike | st.lists(st.integers(0, 2**64 - 1)))
def test_keys_are_ordered_as_by_one_stable_sort(keys):
    array = np.array(keys, np.uint64)
    assert key_order(array).tolist() == np.argsort(array, kind="stable").tolist()


@given(st.permutations([(doc, feature) for doc in range(4) for feature in (3, 5, 9)]))
def test_postings_do_not_depend_on_the_order_of_the_triples(triples):
    docs, features = np.array(triples).T
    postings = by_feature(docs, features.astype(np.uint64), 1 + docs, 4)
    assert sorted(postings.features.tolist()) == [3, 5, 9]
    assert postings.docs.tolist() == [0, 1, 2, 3] * 3
    assert postings.counts.tolist() == [1, 2, 3, 4] * 3


@given(st.lists(any_text, min_size=1, max_size=5))
@settings(deadline=None, max_examples=60)
def test_features_are_counted_by_their_weights(texts):
    folded = [fold(each) for each in texts]
    owners = np.arange(len(texts)) // 2
    weights = np.arange(1, len(texts) + 1)
    tokens = tokenise(folded)
    wanted: Counter[tuple[int, int]] = Counter()
    for feature, place in zip(tokens.features, tokens.owners, strict=True):
        wanted[int(owners[place]), int(feature)] += int(weights[place])
    docs, features, counts = count_features(folded, owners, weights)
    found = zip(docs.tolist(), features.tolist(), strict=True)
    assert dict(zip(found, counts.tolist(), strict=True)) == wanted
    assert (np.diff(scattered(features).astype(object)) >= 0).all()
    assert gathered(scattered(features)).tolist() == features.tolist()


@given(any_text, any_text)
@settings(deadline=None, max_examples=60)
def test_the_features_of_one_posting_are_ascending_and_all_counted(title, words):
    posting = Posting(id="1", title=title, text=words)
    by_field = {"title": 2, "text": 1, "keywords": 1, "indicators": 1}
    features, counts = features_of(posting, by_field)
    wanted: Counter[int] = Counter()
    for each, weight in ((title, 2), (words, 1)):
        for feature in tokenise([fold(each)]).features.tolist():
            wanted[feature] += weight
    assert features.tolist() == sorted(wanted)
    assert dict(zip(features.tolist(), counts.tolist(), strict=True)) == wanted
