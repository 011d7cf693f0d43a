"""What a unit is called, and which figures may be compared."""

import math
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.units import canonical, convert, dimension, scan

SIGNS = """
MPa GPa °C μm mm kWh Wh/kg %IACS g/cm³ 次 h 万次 万元 亿元 dB ppm 目 HRC HV HB r/min
件 台 mm/s 级 t/d kN N·m W/(m·K) Ω·cm S/cm mAh/g Nm³/h 亩 ‰ % m² m³ kg 个百分点 mPa·s
1/°C kJ/(kg·°C) V/μm μg/m³ 元/t kg/m³ 倍 ° °/s cN/dtex g/(m²·24h) N/15mm
"""
KNOWN = SIGNS.split()


@pytest.mark.parametrize(
    ("written", "unit"),
    [
        ("兆帕", "MPa"),
        ("MPA", "MPa"),
        ("Mpa", "MPa"),
        ("ＭＰａ", "MPa"),
        ("℃", "°C"),
        ("摄氏度", "°C"),
        ("um", "μm"),
        ("µm", "μm"),
        ("微米", "μm"),
        ("毫米", "mm"),
        ("千瓦时", "kWh"),
        ("KWH", "kWh"),
        ("kW·h", "kWh"),
        ("亿千瓦时", "亿kWh"),
        ("g/cm3", "g/cm³"),
        ("g/cm^3", "g/cm³"),
        ("克每立方厘米", "g/cm³"),
        ("平方米", "m²"),
        ("千克", "kg"),
        ("公斤", "kg"),
        ("小时", "h"),
        ("万元", "万元"),
        ("rpm", "r/min"),
        ("转每分", "r/min"),
        ("转/分钟", "r/min"),
        ("W/m·K", "W/(m·K)"),
        ("W·m⁻¹·K⁻¹", "W/(m·K)"),
        ("瓦/(米·开尔文)", "W/(m·K)"),
        ("kJ/(kg·℃)", "kJ/(kg·°C)"),
        ("Nm", "N·m"),
        ("Nm³/h", "Nm³/h"),
        ("毫安时每克", "mAh/g"),
        ("/K", "1/K"),
        ("1/℃", "1/°C"),
        ("cm⁻¹", "1/cm"),
        ("吨/日", "t/d"),
        ("百分点", "个百分点"),
        ("台(套)", "台(套)"),
        ("万", "万"),
        ("邵氏A", "Shore A"),
        ("MPa·m^1/2", "MPa·m^1/2"),
        ("（mm）", "mm"),
        ("", ""),
        ("  ", ""),
        ("W/mK", "W/(m·K)"),  # Nobody counts per millikelvin.
        ("W/m2K", "W/(m²·K)"),
        ("kJ/kgK", "kJ/(kg·K)"),
        ("J/g℃", "J/(g·°C)"),
        ("cm2/Vs", "cm²/(V·s)"),
        ("MPa·m1/2", "MPa·m^1/2"),
        ("度/吨", "kWh/t"),  # 度 of electricity is a kilowatt-hour,
        ("元/度", "元/kWh"),
        ("度/秒", "°/s"),  # of turning an angle.
        ("t/万元", "t/万元"),
        ("个数量级", "个数量级"),
        ("奈米", "nm"),
        ("cc", "mL"),
        ("foo", "foo"),
        ("IP67", "IP67"),
        ("50ms", "50ms"),
    ],
)
def test_a_unit_has_one_spelling(written, unit):
    assert canonical(written) == unit


@pytest.mark.parametrize("unit", KNOWN)
def test_a_canonical_unit_is_its_own_canonical(unit):
    assert canonical(unit) == unit
    assert not dimension(unit).startswith(f"[{unit}")


@pytest.mark.parametrize(
    ("value", "source", "target", "result"),
    [
        (0.6, "GPa", "兆帕", 600.0),
        (3, "N/mm²", "MPa", 3.0),
        (85, "℃", "K", 358.15),
        (212, "°F", "℃", 100.0),
        (1, "亿元", "万元", 10000.0),
        (3600, "秒", "小时", 1.0),
        (3, "万次", "次", 30000.0),
        (99.5, "%", "ppm", 995000.0),
        (5, "件", "项", 5.0),
        (1, "kW·h", "MJ", 3.6),
        (100, "%IACS", "MS/m", 58.0),
        (1, "亩", "m²", 666.666666667),
        (1, "角分", "角秒", 60.0),
        (2.7, "g/cm³", "kg/m³", 2700.0),
        (1, "L/min", "m³/h", 0.06),
        (3, "N/15mm", "N/m", 200.0),
        (5, "万", "", 50000.0),
        (50, "MGOe", "kJ/m³", 397.887357729738),
        (1, "LMH", "L/(m²·h)", 1.0),
        (5, "kTPS", "kTPS", 5.0),
        (60, "JPH", "件/min", 1.0),
        (1, "nM", "μmol/L", 0.001),
        (0.5, "t/万元", "kg/元", 0.05),
    ],
)
def test_figures_of_one_dimension_convert(value, source, target, result):
    assert convert(value, source, target) == pytest.approx(result, rel=1e-9)


def test_a_difference_of_temperatures_has_no_zero_point():
    assert convert(5, "K", "℃", difference=True) == 5.0
    assert convert(9, "°F", "℃", difference=True) == 5.0


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("HRC", "HV"),
        ("HV", "HB"),
        ("dB", "dBm"),
        ("MPa", "℃"),
        ("rpm", "Hz"),
        ("次", "件"),
        ("%", ""),
        ("%", "个百分点"),
        ("%", "%RH"),
        ("°", "%"),
        ("m³", "Nm³"),
        ("元", "美元"),
        ("级", "件"),
        ("foo", "bar"),
        ("foo", "MPa"),
        ("Wh/kg", "Wh/L"),
    ],
)
def test_different_scales_never_convert(one, other):
    assert convert(1.0, one, other) is None
    assert convert(1.0, other, one) is None


def test_an_unknown_unit_compares_with_itself():
    assert convert(5, "foo", "foo") == 5
    assert dimension("foo") == dimension(" foo ") != dimension("bar")


@given(
    st.floats(-1e9, 1e9),
    st.sampled_from([("MPa", "kPa"), ("℃", "K"), ("h", "min"), ("万元", "元")]),
)
def test_there_and_back_is_the_same(value, pair):
    there = convert(value, *pair)
    assert there is not None
    back = convert(there, *reversed(pair))
    assert back is not None
    assert math.isclose(back, value, rel_tol=1e-9, abs_tol=1e-6)


@pytest.mark.parametrize(
    ("text", "start", "found"),
    [
        ("600MPa,屈服", 3, ("MPa", 6)),
        ("50 ms以内", 2, ("ms", 5)),
        ("5mm-8mm", 1, ("mm", 3)),
        ("5件发明", 1, ("件", 2)),
        ("10^-6/°C", 5, ("1/°C", 8)),
        ("100元/台以上", 3, ("元/台", 6)),
        ("600MPa.屈", 3, ("MPa", 6)),
        ("1.5μm(3σ)", 3, ("μm", 5)),
        ("110kV/5min", 3, ("kV", 5)),  # A time for which it is held,
        ("20g/10min", 2, ("g/10min", 9)),  # and the time of a rate.
        ("0.6kWh/24h", 3, ("kWh/24h", 10)),
        ("14°Brix", 2, ("°Brix", 7)),
        ("2A12", 1, None),
        ("6061-T6", 4, None),
        ("5代", 1, None),
        ("304/316L", 3, None),
        ("5", 1, None),
    ],
)
def test_a_unit_is_read_as_far_as_it_goes(text, start, found):
    assert scan(text, start) == found


def test_a_unit_beyond_all_scales_is_only_itself():
    tiny = "nm9·" * 4 + "nm9"
    assert convert(5, tiny, tiny) == 5
    assert convert(5, tiny, tiny.replace("nm", "pm")) is None


@given(st.text(st.characters(codec=None), max_size=40))
def test_any_text_may_be_asked(text):
    assert isinstance(canonical(text), str)
    assert convert(1.5, text, text) == 1.5
    assert isinstance(dimension(text), str)


def test_threads_agree():
    units = KNOWN * 20
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(dimension, units)) == [dimension(unit) for unit in units]
