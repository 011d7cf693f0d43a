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


SPELLINGS = {
    # Why it is read so: (words, name, comparison, value, second value, unit).
    "a power is lost in copying": [
        ("漏率优于1×10-9Pa·m3/s", "漏率", LE, 1e-9, None, "Pa·m³/s"),
        ("极限真空≤5.0E-5Pa", "极限真空", LE, 5e-5, None, "Pa"),
        ("3.0×10**8", "", EQ, 3e8, None, ""),
    ],
    "a power is spelt out": [
        ("误码率优于10的负6次方", "误码率", LE, 1e-6, None, ""),
        ("透过率＜5×10的-4次方g/m2/day", "透过率", LT, 5e-4, None, "g/(m²·d)"),
    ],
    "a power belongs to both figures": [
        ("线膨胀系数4.5~5.5×10^-6/℃", "线膨胀系数", RANGE, 4.5e-6, 5.5e-6, "1/°C"),
        ("膨胀系数(4.5±0.2)×10⁻⁶/℃", "膨胀系数", PM, 4.5e-6, 2e-7, "1/°C"),
    ],
    "a power belongs to the second figure": [
        ("10~2×10^4Hz", "", RANGE, 10, 2e4, "Hz"),
        ("5±0.5×10^-3mm", "", PM, 5, 5e-4, "mm"),
    ],
    "a share of a whole follows its comparison": [
        ("召回率不低于百分之九十五", "召回率", GE, 95, None, "%"),
        ("误检率低于千分之五", "误检率", LT, 5, None, "‰"),
        ("丢包率小于万分之一", "丢包率", LT, 0.01, None, "%"),
        ("重金属≤百万分之十", "重金属", LE, 10, None, "ppm"),
        ("成功率三分之二以上", "成功率", GE, 2 / 3, None, ""),
        ("重量减轻三成", "重量减轻", GE, 30, None, "%"),
    ],
    "Chinese figures are bounded from behind": [
        ("三年以上", "", GE, 3, None, "a"),
        ("百万次以上", "", GE, 100, None, "万次"),
        ("提高一倍", "提高", GE, 1, None, "倍"),
    ],
    "digits are grouped by blanks and full-width commas": [
        ("10 000次以上", "", GE, 10_000, None, "次"),
        ("１，０００小时", "", EQ, 1000, None, "h"),
    ],
    "two bounds are one range": [
        ("大于600小于800MPa", "", RANGE, 600, 800, "MPa"),
        ("压力不低于35MPa，不高于70MPa", "压力", RANGE, 35, 70, "MPa"),
        ("温度15℃以上、30℃以下", "温度", RANGE, 15, 30, "°C"),
        ("0.5mm≤厚度≤1.0mm", "厚度", RANGE, 0.5, 1, "mm"),
        ("1.0≥膜厚≥0.6μm", "膜厚", RANGE, 0.6, 1, "μm"),
        ("下降三分之二以上，2年内收回投资", "下降", GE, 2 / 3, None, ""),
    ],
    "a range takes other signs": [
        ("-40...+85℃", "", RANGE, -40, 85, "°C"),
        ("-40°C to 85°C", "", RANGE, -40, 85, "°C"),
        ("pH值6-9", "pH值", RANGE, 6, 9, ""),
        ("加工直径φ20～φ150mm", "加工直径", RANGE, 20, 150, "mm"),
        ("湿度10%～95%RH", "湿度", RANGE, 10, 95, "%RH"),
        ("室温~350℃", "", RANGE, 25, 350, "°C"),
    ],
    "a ratio is a scale of its own": [
        ("长径比≥1:40", "长径比", GE, 40, None, "1:n"),
        ("浴比1:6～1:8", "浴比", RANGE, 6, 8, "1:n"),
        ("深径比大于20:1", "深径比", GT, 20, None, ""),
    ],
    "a scale stands before or behind the comparison": [
        ("洛氏硬度不低于HRC58", "洛氏硬度", GE, 58, None, "HRC"),
        ("防护等级不低于IP65", "防护等级", GE, 65, None, "IP"),
        ("表面硬度HV0.1≥1200", "表面硬度", GE, 1200, None, "HV"),
        ("硬度HRC 58-62", "硬度", RANGE, 58, 62, "HRC"),
        ("粗糙度≤Ra0.8", "粗糙度", LE, 0.8, None, "μm"),
    ],
    "the unit stands in a bracket or beside the name": [
        ("≥600（MPa）", "", GE, 600, None, "MPa"),
        ("抗弯强度/MPa ≥ 800", "抗弯强度/MPa", GE, 800, None, "MPa"),
    ],
    "the name stands behind the figure": [
        ("600MPa以上的抗拉强度", "抗拉强度", GE, 600, None, "MPa"),
        ("不低于200W/(m·K)的热导率", "热导率", GE, 200, None, "W/(m·K)"),
        ("99.9%以上抗菌率", "抗菌率", GE, 99.9, None, "%"),
    ],
    "a share of something is bounded": [
        ("放电容量不低于常温的80%", "放电容量", GE, 80, None, "%"),
        ("耗时不到原来的1/3", "耗时", LT, 1 / 3, None, ""),
        ("强度达到母材的90%以上", "强度", GE, 90, None, "%"),
    ],
    "less of it is better": [
        ("灵敏度优于-105dBm", "灵敏度", LE, -105, None, "dBm"),
        ("分辨率达到0.1mm", "分辨率", LE, 0.1, None, "mm"),
        ("真空度优于5×10⁻⁴Pa", "真空度", LE, 5e-4, None, "Pa"),
        ("能效等级达到1级", "能效等级", LE, 1, None, "级"),
        ("检测限低至1ng/mL", "检测限", LE, 1, None, "ng/mL"),
    ],
    "more of it is better": [
        ("识别精度达到95%", "识别精度", GE, 95, None, "%"),
        ("能耗降低达到20%", "能耗降低", GE, 20, None, "%"),
        ("磨损寿命优于60min", "磨损寿命", GE, 60, None, "min"),
        ("杂质去除率达到95%", "杂质去除率", GE, 95, None, "%"),
    ],
    "a change is at least so much": [
        ("降低能耗15%", "降低能耗", GE, 15, None, "%"),
        ("年节电100万度", "年节电", GE, 100, None, "万kWh"),
        ("效率92%→95%", "效率", GE, 95, None, "%"),
    ],
    "a ban is a bound": [
        ("严禁超过80℃", "", LE, 80, None, "°C"),
        ("单个杂质不得过0.1%", "单个杂质", LE, 0.1, None, "%"),
    ],
    "words around the figure leave the name alone": [
        ("转速最高24000r/min", "最高转速", EQ, 24000, None, "r/min"),
        ("强度远高于600MPa", "强度", GT, 600, None, "MPa"),
        ("检索响应<=1s", "检索响应", LE, 1, None, "s"),
        ("样品300余件", "样品", EQ, 300, None, "件"),
    ],
}


@pytest.mark.parametrize(
    ("words", "name", "comparison", "value", "value2", "unit"),
    [
        pytest.param(*row, id=f"{why}: {row[0]}")
        for why, rows in SPELLINGS.items()
        for row in rows
    ],
)
def test_a_row_is_read_as_firms_write_it(words, name, comparison, value, value2, unit):
    test_a_row_is_read_in_every_spelling(words, name, comparison, value, value2, unit)


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
        "GB/T 1033.1",  # A standard with parts is no 1033.1.
        "执行GB 4943.1",
        "行程1200mm×800mm×600mm",  # A size has several figures.
        "2A12-T4",  # One letter before more digits is an alloy.
        "4J36合金",
        "0.2S级",
        "1000万级用户",
        "用户数达到百万级",
        "PA66+30%GF",
        "强度等级不低于C60",
        "2024级学生",
        "2025年1月至2027年12月",  # A span of dates is no range of months.
        "22:10-23:14",
        "座机0531-88880000转8012",
        "5分钟内不起火",
        "",
    ],
)
def test_what_is_no_figure_stays_words(words):
    row = parse(words, name="名称")
    assert row.comparison is QUALITATIVE
    assert (row.value, row.value2, row.unit, row.text) == (None, None, "", words)
    assert row.name == "名称"
    assert extract(words) == []


@pytest.mark.parametrize(
    ("name", "words", "comparison", "value", "unit"),
    [
        ("抗拉强度（MPa）", "≥600", GE, 600, "MPa"),
        ("压力/MPa", "≤0.6", LE, 0.6, "MPa"),
        ("导热系数，W/(m·K)", "≥5", GE, 5, "W/(m·K)"),
        ("GB/T", "≥5", GE, 5, ""),  # The T is no tesla.
        ("防护等级", "IP67/IP69K", GE, 67, "IP"),
        ("浴比", "1:4以下", LE, 4, "1:n"),
        ("灵敏度", "优于-100dBm", LE, -100, "dBm"),
    ],
)
def test_the_name_of_the_row_helps_to_read_it(name, words, comparison, value, unit):
    row = parse(words, name=name)
    assert (row.comparison, row.value, row.unit) == (comparison, value, unit)


def test_a_row_without_a_name_takes_the_first_figure_that_has_one():
    assert parse("定位精度≤2.5cm，+1ppm，误差5mm").name == "定位精度"
    assert parse("0-100km/h加速时间≤5s").name == "加速时间"


def test_what_belongs_to_others_is_no_indicator():
    assert extract("目前国外可达0.1mm，进口设备±0.05 μm") == []


def test_names_behind_their_figures_do_not_run_into_each_other():
    found = extract("需要600MPa以上的抗拉强度和12%以上的延伸率。")
    assert [(each.name, each.value) for each in found] == [
        ("抗拉强度", 600),
        ("延伸率", 12),
    ]


def test_a_ratio_is_described_as_it_is_read():
    row = parse("浴比1:6～1:8")
    assert describe(row) == "1:6~1:8"
    assert parse(describe(row), name="浴比").value2 == 8


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
        ("热膨胀系数（20~300℃）≤7×10⁻⁶/K", 7e-6, "20~300°C"),
        ("介电常数（10GHz，23℃）3.0±0.05", 3.0, "10GHz,23°C"),
        ("疲劳极限不低于500MPa（R=-1，10⁷周次）", 500, "R=-1，10⁷周次"),
        ("溶出度30分钟不低于85%", 85, "30分钟"),
        ("抗压强度28d≥60MPa", 60, "28d"),
        ("当含水率高于15%时，收获损失率不超过3%", 3, "当含水率高于15%时"),
        ("在2.4GHz～2.5GHz频段内驻波比≤1.5", 1.5, "2.4GHz～2.5GHz频段内"),
        ("电池在-30℃环境中，2h内温升不低于20℃", 20, "电池在-30℃环境中 2h内"),
        ("耐压≥110kV/5min", 110, "5min"),
        ("剪切强度：23℃下不小于18MPa", 18, "23℃下"),
        ("颗粒数（≥0.1μm）≤10个/片", 10, "≥0.1μm"),
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
        ("抗拉强度/MPa≥600", "抗拉强度（MPa）：650", MET),
        ("能耗降低20%", "降低能耗25%", MET),
        ("导热系数比现有产品提高30%", "导热系数提高35%", MET),
        ("效率提高15%以上", "效率92%", UNSTATED),
        ("接收灵敏度-105dBm", "接收灵敏度-110dBm", MET),
        ("误码率低于10的负6次方", "误码率1e-7", MET),
        ("丢包率小于万分之一", "丢包率0.5‰", MISSED),
        ("识别精度95%", "识别精度97.2%", MET),
        ("分辨率0.1mm", "分辨率0.05mm", MET),
        ("浴比1:4以下", "浴比1:6", MISSED),
        ("浴比1:4以下", "浴比1:3.2", MET),
        ("水胶比不大于0.4", "水胶比1:3", UNSTATED),
        ("能效等级达到1级", "能效等级2级", MISSED),
        ("齿轮精度达到5级", "齿轮精度6级", MISSED),
        ("供电煤耗≤270克/千瓦时", "供电煤耗265g/度", MET),
        ("传热系数≤0.8W/(㎡·K)", "传热系数0.75W/m2K", MET),
        ("强度不低于600且不高于800MPa", "强度850MPa", MISSED),
        ("工作温度室温~350℃", "工作温度-20~400℃", MET),
        ("焊缝强度不低于母材的90%", "焊缝强度为母材的95%", MET),
        ("pH值6-9", "pH 6.5～8.5", MET),
        ("粗糙度≤Ra0.8", "粗糙度Ra0.4μm", MET),
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
