"""Indicators are understood, and a claim is judged the way an engineer would."""

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from matching.indicators import (
    NEAR_TOLERANCE,
    Comparison,
    Indicator,
    VerdictKind,
    describe,
    extract,
    from_parts,
    judge,
    parse,
)

GE, LE, GT, LT, EQ, PM, RANGE, QUALITATIVE = Comparison
MET, NEAR, MISSED, UNSTATED = VerdictKind
BOUNDS = [GE, LE, GT, LT, EQ]
ORDER = {MISSED: 0, NEAR: 1, MET: 2}


@pytest.mark.parametrize(
    ("words", "name", "comparison", "value", "value2", "unit"),
    [
        ("抗拉强度≥600 MPa", "抗拉强度", GE, 600, None, "MPa"),
        ("抗拉强度不低于600兆帕", "抗拉强度", GE, 600, None, "MPa"),
        ("抗拉強度不得低於600ＭＰａ", "抗拉强度", GE, 600, None, "MPa"),
        ("抗拉强度应达到≥600MPa", "抗拉强度", GE, 600, None, "MPa"),
        ("抗拉强度(MPa)≥600", "抗拉强度", GE, 600, None, "MPa"),
        ("抗拉强度 620 MPa", "抗拉强度", EQ, 620, None, "MPa"),
        ("厚度不大于0.05mm", "厚度", LE, 0.05, None, "mm"),
        ("厚度为5毫米", "厚度", EQ, 5, None, "mm"),
        ("-40～85℃", "", RANGE, -40, 85, "°C"),
        ("-40℃至85℃", "", RANGE, -40, 85, "°C"),
        ("零下40度到85度", "", RANGE, -40, 85, "°C"),
        ("工作温度 −40～85 ℃", "工作温度", RANGE, -40, 85, "°C"),
        ("旋转角度-45度到45度", "旋转角度", RANGE, -45, 45, "°"),
        ("精度±0.01 mm", "精度", PM, 0.01, None, "mm"),
        ("定位精度优于±0.01mm", "定位精度", PM, 0.01, None, "mm"),
        ("误差在±5%以内", "误差", PM, 5, None, "%"),
        ("误差+/-5%", "误差", PM, 5, None, "%"),
        ("600±20 MPa", "", PM, 600, 20, "MPa"),
        ("(600±20)MPa", "", PM, 600, 20, "MPa"),
        ("600 MPa±5%", "", PM, 600, 30, "MPa"),
        ("良品率99.5%以上", "良品率", GE, 99.5, None, "%"),
        ("良品率９９.５％及以上", "良品率", GE, 99.5, None, "%"),
        ("良率百分之九十五以上", "良率", GE, 95, None, "%"),
        ("优于0.1 μm", "", LE, 0.1, None, "μm"),
        ("准确率优于95%", "准确率", GE, 95, None, "%"),
        ("检测精度优于0.1um", "检测精度", LE, 0.1, None, "μm"),
        ("50ms以内", "", LE, 50, None, "ms"),
        ("50ms内", "", LE, 50, None, "ms"),
        ("噪声60dB以下", "噪声", LE, 60, None, "dB"),
        ("不超过5%", "", LE, 5, None, "%"),
        ("大于等于3", "", GE, 3, None, ""),
        ("小于或等于3", "", LE, 3, None, ""),
        ("高于90%", "", GT, 90, None, "%"),
        ("不高于3 dB", "", LE, 3, None, "dB"),
        ("低于10 ppm", "", LT, 10, None, "ppm"),
        ("不得低于10 ppm", "", GE, 10, None, "ppm"),
        ("至少5件", "", GE, 5, None, "件"),
        ("小于0.5mm", "", LT, 0.5, None, "mm"),
        ("≤3", "", LE, 3, None, ""),
        ("＞=95%", "", GE, 95, None, "%"),
        ("> = 95%", "", GE, 95, None, "%"),
        ("达到95%", "", GE, 95, None, "%"),
        ("误差达到0.1mm", "误差", LE, 0.1, None, "mm"),
        ("不少于5件", "", GE, 5, None, "件"),
        ("不少于5件发明专利", "发明专利", GE, 5, None, "件"),
        ("循环寿命不少于三千次", "循环寿命", GE, 3000, None, "次"),
        ("使用寿命不低于十五年", "使用寿命", GE, 15, None, "a"),
        ("提高20%以上", "提高", GE, 20, None, "%"),
        ("能耗降低20%", "能耗降低", GE, 20, None, "%"),
        ("降低≥20%", "降低", GE, 20, None, "%"),
        ("3000次", "", EQ, 3000, None, "次"),
        ("3×10^5 次", "", EQ, 3e5, None, "次"),
        ("3×10⁵次以上", "", GE, 3e5, None, "次"),
        ("寿命10万次以上", "寿命", GE, 10, None, "万次"),
        ("1e-6", "", EQ, 1e-6, None, ""),
        ("10⁻⁶", "", EQ, 1e-6, None, ""),
        ("热膨胀系数≤12×10⁻⁶/℃", "热膨胀系数", LE, 12e-6, None, "1/°C"),
        ("1,200 h", "", EQ, 1200, None, "h"),
        ("5~10 mm", "", RANGE, 5, 10, "mm"),
        ("5-10mm", "", RANGE, 5, 10, "mm"),
        ("5mm-10mm", "", RANGE, 5, 10, "mm"),
        ("5 mm — 10 mm", "", RANGE, 5, 10, "mm"),
        ("5mm~1cm", "", RANGE, 0.5, 1, "cm"),
        ("介于5和10mm之间", "", RANGE, 5, 10, "mm"),
        ("pH 6~9", "pH", RANGE, 6, 9, ""),
        ("Ra≤0.8μm", "Ra", LE, 0.8, None, "μm"),
        ("表面粗糙度≤Ra0.8μm", "表面粗糙度", LE, 0.8, None, "μm"),
        ("IP67", "防护等级", GE, 67, None, "IP"),
        ("防护等级达到IP67", "防护等级", GE, 67, None, "IP"),
        ("1/3", "", EQ, 1 / 3, None, ""),
        ("占比≥1/3", "占比", GE, 1 / 3, None, ""),
        ("由5%降至2%", "", LE, 2, None, "%"),
        ("良率由85%提高到95%以上", "良率", GE, 95, None, "%"),
        ("硬度≥58HRC", "硬度", GE, 58, None, "HRC"),
        ("硬度HRC58~62", "硬度", RANGE, 58, 62, "HRC"),
        ("导电率≥85%IACS", "导电率", GE, 85, None, "%IACS"),
        ("控制在0.05mm以内", "", LE, 0.05, None, "mm"),
        ("价格约5元", "价格", EQ, 5, None, "元"),
        ("Cpk≥1.33", "Cpk", GE, 1.33, None, ""),
        ("PUE 1.16", "PUE", EQ, 1.16, None, ""),
        ("95", "", EQ, 95, None, ""),
        ("-5 ℃", "", EQ, -5, None, "°C"),
    ],
)
def test_a_row_is_read_in_every_spelling(words, name, comparison, value, value2, unit):
    row = parse(words)
    assert (row.name, row.comparison, row.unit) == (name, comparison, unit)
    assert row.value == pytest.approx(value)
    assert row.value2 == (None if value2 is None else pytest.approx(value2))
    assert row.text == words
    assert row.span is None


@pytest.mark.parametrize(
    "words",
    [
        "6061-T6",
        "T800",
        "T700级碳纤维",
        "Q345",
        "采用316L不锈钢",
        "304/316L",
        "GB/T 1591-2018",
        "GB/T 1591—2018",
        "ISO 9001",
        "2020年",
        "2021~2025年",
        "2021年3月4日",
        "0532-88881234",
        "13800138000转802",
        "1200×800 mm",
        "6系铝合金",
        "第3台",
        "国内领先",
        "抗拉强度、屈服强度分别不低于600、380MPa",
        "",
    ],
)
def test_what_is_no_figure_stays_words(words):
    row = parse(words, name="名称")
    assert row.comparison is QUALITATIVE
    assert (row.value, row.value2, row.unit, row.text) == (None, None, "", words)
    assert row.name == "名称"
    assert extract(words) == []


def test_a_row_keeps_what_the_form_says():
    row = parse("不低于600MPa", name="抗拉强度", condition="室温", is_core=True)
    assert (row.name, row.condition, row.is_core) == ("抗拉强度", "室温", True)
    assert row.dimension == "[mass] / [length] / [time] ** 2"


def test_the_name_of_the_row_turns_better_than_round():
    assert parse("优于0.5%", name="误差").comparison is LE
    assert parse("优于0.5%", name="合格率").comparison is GE


def test_the_row_takes_the_figure_of_its_own_name():
    row = parse("抗拉强度≥600MPa，屈服强度≥380MPa", name="屈服强度")
    assert row.value == 380


@pytest.mark.parametrize(
    ("words", "value", "condition"),
    [
        ("在200℃高温下抗拉强度≥300 MPa", 300, "200℃高温下"),
        ("-30℃放电容量保持率≥80%", 80, "-30℃"),
        ("循环1000次后容量保持率≥80%", 80, "循环1000次后"),
        ("60℃存储30天容量保持率97%", 97, "60℃ 存储30天"),
        ("抗拉强度≥600MPa（室温）", 600, "室温"),
        ("抗拉强度(室温)≥600MPa", 600, "室温"),
        ("抗拉强度≥300MPa@200℃", 300, "200℃"),
        ("在25℃下，响应时间≤50ms", 50, "25℃下"),
    ],
)
def test_a_condition_is_no_value(words, value, condition):
    (found,) = extract(words)
    assert (found.value, found.condition) == (value, condition)


def test_a_condition_ends_with_its_sentence():
    first, second = extract("在200℃下强度≥300MPa。延伸率≥7%")
    assert (first.condition, second.condition) == ("200℃下", "")


BODY = (
    "考核指标：1.抗拉强度≥600MPa；2.定位精度±0.01 mm；(3)工作温度-40～85℃；"
    "④良品率99.5%以上。"
    "符合GB/T 1591-2018，采用6061-T6铝合金，2021年3月4日前完成。\n"
    "申请发明专利≥3件，建设示范线1条，新增销售收入≥5000万元，且能耗降低20%"
)


def test_indicators_are_found_in_running_text():
    found = [
        (each.name, each.comparison, each.value, each.unit) for each in extract(BODY)
    ]
    assert found == [
        ("抗拉强度", GE, 600, "MPa"),
        ("定位精度", PM, 0.01, "mm"),
        ("工作温度", RANGE, -40, "°C"),
        ("良品率", GE, 99.5, "%"),
        ("申请发明专利", GE, 3, "件"),
        ("建设示范线", EQ, 1, "条"),
        ("新增销售收入", GE, 5000, "万元"),
        ("能耗降低", GE, 20, "%"),
    ]


def test_a_span_points_into_the_original():
    text = "技術(shù)指標：　抗拉強\u200b度　不低於６００　ＭＰａ，延伸率≧７％。"
    first, second = extract(text)
    assert (
        text[slice(*first.span)]
        == first.text
        == ("抗拉強\u200b度　不低於６００　ＭＰａ")
    )
    assert text[slice(*second.span)] == second.text == "延伸率≧７％"
    assert (first.name, first.value, first.unit) == ("抗拉强度", 600, "MPa")


def test_a_line_end_parts_two_indicators():
    names = [each.name for each in extract("抗拉强度\n≥600 MPa\n屈服强度:380 MPa")]
    assert names == ["抗拉强度", "屈服强度"]


def test_english_is_read_too():
    (found,) = extract("tensile strength ≥ 600 MPa")
    assert (found.name, found.value) == ("tensile strength", 600)


PIECES = st.lists(
    st.one_of(
        st.sampled_from(
            [
                *(
                    "抗拉强度",
                    "≥",
                    "不低于",
                    "600",
                    "MPa",
                    "-40",
                    "~",
                    "85",
                    "℃",
                    "±",
                    "0.01",
                ),
                *(
                    "，",
                    "。",
                    "\n",
                    "(",
                    ")",
                    "以上",
                    "由",
                    "降至",
                    "%",
                    "10⁻⁶",
                    "×10^5",
                    "1e5",
                ),
                *(
                    "百分之",
                    "九十五",
                    "零下",
                    "IP67",
                    "Ra",
                    "HRC",
                    "1/3",
                    "下",
                    "时",
                    "@",
                    "年",
                ),
                *(
                    "術(shù)",
                    "\u200b",
                    "　",
                    "6061-T6",
                    "2020年",
                    "万",
                    "/",
                    "m²",
                    "之间",
                    "和",
                ),
            ]
        ),
        st.text(st.characters(codec=None), max_size=4),
    ),
    max_size=20,
).map("".join)


@given(PIECES)
def test_any_text_may_be_read(text):
    end = 0
    for found in extract(text):
        start, stop = found.span
        assert end <= start < stop <= len(text)
        assert text[start:stop] == found.text
        assert found.value is not None
        assert math.isfinite(found.value)
        end = stop
    row = parse(text, name="名称")
    assert (row.name, row.text) == ("名称", text)
    assert judge(row, [row, *extract(text)]).required == row


def test_long_and_repetitive_texts_are_accepted():
    for piece in ("1 ", "1~", "(1", "≥", "由5%降至", "1m·", "百分之九", "9", "抗拉"):
        assert all(each.span for each in extract(piece * 3_000))


# Not below what a ratio of two figures can still tell apart.
FIGURES = st.floats(-1e12, 1e12).map(
    lambda each: float(f"{each:.6g}") if abs(each) > 1e-100 else 0.0
)
UNITS = st.sampled_from(
    [
        "",
        "MPa",
        "°C",
        "%",
        "mm",
        "次",
        "万元",
        "g/cm³",
        "W/(m·K)",
        "1/°C",
        "HRC",
        "件",
        "°",
    ]
)


@given(st.sampled_from(BOUNDS), FIGURES, UNITS)
def test_a_described_bound_reads_back_the_same(comparison, value, unit):
    made = from_parts("名称", comparison, value, None, unit)
    again = parse(describe(made), name="名称")
    assert (again.comparison, again.value, again.unit) == (comparison, value, unit)


@given(FIGURES, FIGURES, UNITS)
def test_a_described_range_reads_back_the_same(one, other, unit):
    made = from_parts("名称", RANGE, one, other, unit)
    again = parse(describe(made), name="名称")
    assert (again.comparison, again.value, again.value2, again.unit) == (
        (RANGE, min(one, other), max(one, other), unit)
    )


@given(FIGURES, FIGURES.map(abs), UNITS)
def test_a_described_tolerance_reads_back_the_same(nominal, deviation, unit):
    for made in (
        from_parts("名称", PM, nominal, deviation, unit),
        from_parts("名称", PM, deviation, None, unit),
    ):
        again = parse(describe(made), name="名称")
        assert (again.comparison, again.value, again.value2, again.unit) == (
            (PM, made.value, made.value2, unit)
        )


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        (("强度", "GE", 600, None, "兆帕"), "≥600 MPa"),
        (("温度", "range", 85, -40, "℃"), "-40~85°C"),
        (("精度", "±", 0.01, None, "毫米"), "±0.01 mm"),
        (("强度", PM, 600, 20, "MPa"), "600±20 MPa"),
        (("良率", "≥", 99.5, None, "％"), "≥99.5%"),
        (("防护等级", GE, 67, None, "IP"), "≥IP67"),
    ],
)
def test_parts_are_described_the_short_way(parts, words):
    assert describe(from_parts(*parts)) == from_parts(*parts).text == words


def test_parts_keep_the_words_of_the_firm():
    made = from_parts("外观", "QUAL", None, None, "", text="无毛刺", is_core=True)
    assert (made.comparison, made.text, made.is_core) == (QUALITATIVE, "无毛刺", True)
    assert describe(made) == "无毛刺"
    assert from_parts("强度", GE, 1, 2, "", text="一").value2 is None


@pytest.mark.parametrize(
    "parts",
    [
        ("强度", GE, None, None, "MPa"),
        ("温度", RANGE, 1, None, "℃"),
        ("强度", GE, math.inf, None, "MPa"),
        ("强度", GE, math.nan, None, "MPa"),
        ("温度", RANGE, 1, math.inf, "℃"),
        ("强度", "不低于", 1, None, "MPa"),
    ],
)
def test_parts_that_say_nothing_are_refused(parts):
    with pytest.raises(ValueError, match=r"lacks a figure|finite|not a valid"):
        from_parts(*parts)


@pytest.mark.parametrize(
    ("required", "claimed", "kind"),
    [
        ("抗拉强度≥600MPa", "抗拉强度620MPa", MET),
        ("抗拉强度≥600MPa", "抗拉强度≥600MPa", MET),
        ("抗拉强度≥600MPa", "抗拉强度≥580MPa", NEAR),
        ("抗拉强度≥600MPa", "抗拉强度≥500MPa", MISSED),
        ("抗拉强度≥600MPa", "拉伸强度0.62GPa", MET),
        ("抗拉强度≥600MPa", "铝合金抗拉强度610~650MPa", MET),
        ("抗拉强度≥600MPa", "抗拉强度590~650MPa", NEAR),
        ("抗拉强度≥600MPa", "抗拉强度≤650MPa", UNSTATED),
        ("抗拉强度≥600MPa", "抗拉强度≤300MPa", MISSED),
        ("抗拉强度≥600MPa", "屈服强度≥700MPa", UNSTATED),
        ("抗拉强度≥600MPa", "高温抗拉强度≥700MPa", UNSTATED),
        ("抗拉强度≥600MPa", "在300℃下抗拉强度≥700MPa", UNSTATED),
        ("抗拉强度≥600MPa", "室温抗拉强度≥700MPa", MET),
        ("抗拉强度≥600MPa", "抗拉强度620次", UNSTATED),
        ("抗拉强度>600MPa", "抗拉强度600MPa", NEAR),
        ("抗拉强度>600MPa", "抗拉强度>600MPa", MET),
        ("抗拉强度600MPa", "抗拉强度620MPa", MET),
        ("抗拉强度=600MPa", "抗拉强度620MPa", NEAR),
        ("抗拉强度=600MPa", "抗拉强度≥500MPa", UNSTATED),
        ("抗拉强度=600MPa", "抗拉强度≥700MPa", MISSED),
        ("误差≤0.03mm", "误差≤0.05mm", MISSED),
        ("误差≤0.03mm", "误差20μm", MET),
        ("误差≤0.03mm", "误差±0.02mm", MET),
        ("误差≤0.03mm", "误差≥0.01mm", UNSTATED),
        ("误差<0.03mm", "误差0.03mm", NEAR),
        ("定位精度±0.01mm", "精度±0.008mm", MET),
        ("定位精度±0.01mm", "定位精度±0.02mm", MISSED),
        ("定位精度±0.01mm", "重复定位精度±0.005mm", UNSTATED),
        ("工作温度-40~85℃", "使用温度-55~125℃", MET),
        ("工作温度-40~85℃", "工作温度-20~85℃", MISSED),
        ("工作温度-40~85℃", "工作温度25℃", UNSTATED),
        ("工作温度-40~85℃", "工作温度≤60℃", MISSED),
        ("厚度5~10mm", "厚度7mm", MET),
        ("厚度5~10mm", "厚度4~8mm", MISSED),
        ("直径600±20mm", "直径600±10mm", MET),
        ("直径600±20mm", "直径590±15mm", MISSED),
        ("良率≥99.5%", "合格率99.2%", NEAR),
        ("良率≥99.5%", "合格率95%", MISSED),
        ("延伸率≥7%", "断后伸长率8%", MET),
        ("防护等级IP67", "防护等级IP68", MET),
        ("防护等级IP54", "防水等级IP45", MISSED),
        ("防护等级IP67", "防护等级IP66", MISSED),
        ("硬度≥58HRC", "硬度≥600HV", UNSTATED),
        ("表面粗糙度Ra≤0.8μm", "Ra 0.4 μm", MET),
        ("表面粗糙度Ra≤0.8μm", "粗糙度Rz0.4 μm", UNSTATED),
        ("能耗降低≥20%", "能耗降低25%", MET),
        ("能耗降低≥20%", "能耗25%", UNSTATED),
        ("密度≤2.8g/cm³", "能量密度2 Wh/kg", UNSTATED),
        ("体积能量密度≥600Wh/L", "能量密度700Wh/L", UNSTATED),
        ("导热系数≤0.02W/(m·K)", "老化后导热系数0.02W/(m·K)", UNSTATED),
        ("温升≤40K", "温升35℃", MET),
        ("响应时间≤50ms", "响应时间0.04s", MET),
        ("发明专利≥5件", "发明专利6项", MET),
        ("循环1000次后容量保持率≥80%", "循环2000次后容量保持率≥85%", UNSTATED),
        ("进水温度≥20℃", "出水温度≥25℃", UNSTATED),
        ("外观无毛刺", "外观 无毛刺", MET),
        ("外观无毛刺", "表面光亮", UNSTATED),
    ],
)
def test_a_claim_is_judged_like_an_engineer_would(required, claimed, kind):
    verdict = judge(parse(required), [parse(claimed)])
    assert verdict.kind is kind
    if verdict.margin is not None:
        assert (verdict.margin >= 0) == (kind is MET)


def test_no_claim_leaves_a_demand_unstated():
    verdict = judge(parse("抗拉强度≥600MPa"), [])
    assert (verdict.claimed, verdict.kind, verdict.margin) == (None, UNSTATED, None)


def test_the_claim_of_the_likest_name_counts_then_the_best():
    required = parse("抗拉强度≥600MPa")
    claims = [
        parse("基体材料抗拉强度900MPa"),
        parse("抗拉强度500MPa"),
        parse("抗拉强度590MPa"),
    ]
    assert judge(required, claims).claimed == claims[2]


def test_the_margin_is_a_share_of_the_bound():
    assert judge(parse("抗拉强度≥600MPa"), [parse("抗拉强度660MPa")]).margin == (
        pytest.approx(0.1)
    )


def figure(name: str, comparison: Comparison, value: float, unit: str) -> Indicator:
    return from_parts(name, comparison, value, None, unit)


@given(
    required=st.sampled_from([GE, GT, LE, LT]),
    claim=st.sampled_from([EQ, GE, GT, LE, LT]),
    bound=FIGURES,
    one=FIGURES,
    other=FIGURES,
    unit=st.sampled_from(["MPa", "°C", "%", "件", "级"]),
)
def test_a_better_claim_never_gets_a_worse_verdict(
    required, claim, bound, one, other, unit
):
    rising = required in {GE, GT}
    assume(claim is EQ or (claim in {GE, GT}) == rising)
    demand = figure("名称", required, bound, unit)
    worse, better = sorted((one, other), reverse=not rising)
    low = judge(demand, [figure("名称", claim, worse, unit)])
    high = judge(demand, [figure("名称", claim, better, unit)])
    assert ORDER[low.kind] <= ORDER[high.kind]
    assert low.margin <= high.margin


@given(low=FIGURES, high=FIGURES, more=FIGURES.map(abs), less=FIGURES.map(abs))
def test_a_wider_service_range_never_gets_a_worse_verdict(low, high, more, less):
    demand = from_parts("工作温度", RANGE, low, high, "℃")
    claim = from_parts("工作温度", RANGE, low + less, high, "℃")
    wider = from_parts("工作温度", RANGE, claim.value, claim.value2 + more, "℃")
    assert ORDER[judge(demand, [claim]).kind] <= ORDER[judge(demand, [wider]).kind]


@given(st.lists(FIGURES, max_size=6), FIGURES)
def test_one_more_claim_never_makes_a_verdict_worse(values, bound):
    demand = figure("名称", GE, bound, "MPa")
    merits = [-1]
    for count in range(1, len(values) + 1):
        claims = [figure("名称", EQ, value, "MPa") for value in values[:count]]
        merits.append(ORDER[judge(demand, claims).kind])
    assert merits == sorted(merits)


@given(st.sampled_from(BOUNDS), FIGURES, st.sampled_from(BOUNDS), FIGURES, UNITS, UNITS)
def test_different_dimensions_are_never_compared(one, ours, other, theirs, u1, u2):
    demand, claim = figure("名称", one, ours, u1), figure("名称", other, theirs, u2)
    verdict = judge(demand, [claim])
    if demand.dimension != claim.dimension:
        assert verdict.kind is UNSTATED
        assert verdict.claimed is None
    else:
        assert verdict.claimed == claim


@given(FIGURES.filter(lambda each: each > 0), st.floats(0, 0.2))
def test_near_means_within_the_documented_share(bound, short):
    assume(abs(short - NEAR_TOLERANCE) > 1e-6 and (short == 0 or short > 1e-6))
    claim = figure("名称", EQ, bound * (1 - short), "MPa")
    kind = judge(figure("名称", GE, bound, "MPa"), [claim]).kind
    expected = MET if short == 0 else NEAR if short < NEAR_TOLERANCE else MISSED
    assert kind is expected


def test_shared_out_figures_are_left_as_words() -> None:
    """分别 shares figures out over several names; the sentence is left alone."""
    text = "强度和伸长率分别为131 MPa时试样断裂。硬度≥60 HRC"
    assert [found.name for found in extract(text)] == ["硬度"]
