"""One spelling for every text, and the way back to what was written."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.text import clean, normalise

AWKWARD = st.text(
    st.one_of(
        st.sampled_from(
            "09 .()（）術乾隆縣麼昇温創shuùûümeni=<>＜＞≥≤~～−–—―‐-⁺⁻²⁶½①⒈，,%℃°㎡"
            "\u0301\u0338\u0308\u3099か\u200b\u00ad\ufeff\x00\n\t\ud800ſ㈠ﷺ´¨"
        ),
        st.characters(codec=None),
    )
)


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("技術合同", "技术合同"),
        ("乾隆年間的乾燥設備", "乾隆年间的干燥设备"),
        ("瞭解聯繫", "了解联系"),
        ("ＡＢＣ１２３", "ABC123"),
        ("技\u200b术\ufeff合\u00ad同", "技术合同"),
        ("技\u2066术\ufe0f合\u202c同", "技术合同"),
        ("技\x00术", "技术"),
        ("a\t\r\n 　b", "a b"),
        ("  ends  ", "ends"),
        ("㎡ ㎜ ㎏ ㎝", "m2 mm kg cm"),
        ("0.8µm", "0.8μm"),
        ("85℃", "85°C"),
        ("85ºC", "85°C"),
        ("９９.５％", "99.5%"),
        ("＞=5 >= 5 ≧5 ⩾5 ≮5", "≥5 ≥ 5 ≥5 ≥5 ≥5"),
        ("＜=5 < =5 ≦5 ≯5", "≤5 ≤5 ≤5 ≤5"),
        ("5～10 5〜10 5∼10", "5~10 5~10 5~10"),
        ("−40～85", "-40~85"),
        ("5−10 5–10 5—10", "5~10 5~10 5~10"),
        ("-40℃——85℃", "-40°C~85°C"),
        ("GB/T 1591—2018", "GB/T 1591-2018"),
        ("2021—2025年", "2021~2025年"),
        ("0532—88881234", "0532-88881234"),
        ("目标——填补空白", "目标——填补空白"),
        ("10⁻⁶ 3×10⁵ cm³ W·m⁻¹", "10^-6 3×10^5 cm3 W·m^-1"),
        ("Ca²⁺ H₂O", "Ca2+ H2O"),
        ("5½ ½", "5 1/2 1/2"),
        ("600，700 和 1,200", "600, 700 和 1,200"),
        ("１，０００ 和 12，034，050", "1,000 和 12,034,050"),
        ("600，0 和 1000，000", "600, 0 和 1000, 000"),
        ("氮化矽", "氮化硅"),
        ("强度600①", "强度600(1)"),
        ("600⒉屈服", "600 2.屈服"),
        ("e\u0301", "é"),
        ("", ""),
    ],
)
def test_a_text_has_one_spelling(written, plain):
    assert clean(written) == plain


@pytest.mark.parametrize(
    ("copied", "plain"),
    [
        ("技術(shù)合同", "技术合同"),
        ("創(chuàng )建", "创建"),
        ("會(huì\u3000)議", "会议"),
        ("過（guò）程", "过程"),
        ("类( lèi )别", "类别"),
        ("綠(lü)色", "绿色"),
        ("術(shu\u0300)", "术"),
        ("術(shù)(shù)", "术"),
        ("術(shù)(AI)", "术(AI)"),
        ("产(chǎn)學(xué)研(yán)", "产学研"),
        ("高(ɡāo)企", "高企"),
        ("我們(men)的技術(shù)", "我们的技术"),
    ],
)
def test_pinyin_glued_to_a_character_vanishes(copied, plain):
    assert clean(copied) == plain


@pytest.mark.parametrize(
    "real",
    [
        "人工智能(AI)",
        "知识产权(IP)",
        "国标(GB)",
        "压力(Pa)",
        "时间(min)",
        "冠词(an)",
        "语气词(ma)",
        "技术(Shù)",
        "城市(xīān)",
        "数值(ù)ù",
        "word(shù)",
        "技术 (shù)",
        "技术(shù1)",
        "技术(brù)",
    ],
)
def test_a_real_bracket_stays(real):
    assert clean(real) == real


def test_a_unit_in_brackets_stays_beside_residue():
    assert clean("術(shù)的时间(min)和压力(Pa)") == "术的时间(min)和压力(Pa)"


@given(AWKWARD)
def test_normalising_twice_changes_nothing(text):
    once = clean(text)
    assert clean(once) == once


@given(AWKWARD)
def test_every_character_stands_for_a_piece_of_the_original(text):
    found = normalise(text)
    assert len(found.starts) == len(found.ends) == len(found.text)
    assert list(found.starts) == sorted(found.starts)
    assert list(found.ends) == sorted(found.ends)
    for start, end in zip(found.starts, found.ends, strict=True):
        assert 0 <= start < end <= len(text)


@given(AWKWARD)
def test_folding_case_keeps_the_length(text):
    found = normalise(text)
    assert len(found.folded) == len(found.text)


@given(st.text("抗拉强度abc 123"), st.integers(0, 30), st.integers(0, 30))
def test_a_plain_text_is_its_own_original(text, one, other):
    found = normalise(text)
    start, end = sorted(min(each, len(found.text)) for each in (one, other))
    first, last = found.span(start, end)
    assert clean(text[first:last]) == found.text[start:end].strip()


def test_a_span_takes_in_what_was_dropped_inside_it():
    found = normalise("看　技術(shù)合\u200b同 。")
    start = found.text.index("技")
    assert found.original[slice(*found.span(start, start + 4))] == (
        "技術(shù)合\u200b同"
    )
    assert found.original[slice(*found.span(start, start + 2))] == "技術"


def test_a_grown_sign_stands_for_its_original():
    found = normalise("面积5㎡以上")
    at = found.text.index("m2")
    assert found.original[slice(*found.span(at, at + 2))] == "㎡"
    assert found.original[slice(*found.span(at, at + 1))] == "㎡"


def test_an_empty_span_is_a_place():
    found = normalise("a\u200bb")
    assert [found.span(at, at) for at in range(3)] == [(0, 0), (2, 2), (3, 3)]
    assert normalise("").span(0, 0) == (0, 0)


@pytest.mark.parametrize(("start", "end"), [(-1, 1), (2, 1), (0, 4)])
def test_a_range_outside_the_text_is_refused(start, end):
    with pytest.raises(ValueError, match="no range"):
        normalise("abc").span(start, end)


@pytest.mark.parametrize(
    "needle", ["技术合同交易额", "技術合同交易額", "技術(shù)合同交易额"]
)
def test_words_are_found_however_they_were_spelt(needle):
    text = "2020年技術(shù)合同交易額突破80億元,技术合\u200b同交易额增长"
    hits = [text[start:end] for start, end in normalise(text).find_all(needle)]
    assert hits == ["技術(shù)合同交易額", "技术合\u200b同交易额"]


def test_case_does_not_hide_words_and_nothing_is_found_by_nothing():
    found = normalise("ＭＰａ MPA mpa")
    assert len(list(found.find_all("MPa"))) == 3
    assert list(found.find_all("")) == []
    assert list(found.find_all(" \u200b")) == []


def test_hits_do_not_overlap():
    assert list(normalise("啊啊啊啊啊").find_all("啊啊")) == [(0, 2), (2, 4)]


def test_threads_agree():
    texts = [f"技術(shù)合同第{number}號～" for number in range(200)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(clean, texts)) == [clean(text) for text in texts]


def test_long_and_repetitive_texts_are_accepted():
    for piece in ("術(shù)", "(((", "—5", "\u0301", "> =", "½", "　", "\ud800", "乾"):
        assert len(normalise(piece * 20_000).original) == len(piece) * 20_000
