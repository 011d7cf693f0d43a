"""Grades are compared inside their family, names by characters in order."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.names import (
    best_grades,
    grade_similarity,
    grades,
    name_similarity,
    names_similarity,
    wanted_grades,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("6061-T6铝板与7075铝合金", ["6061-T6", "7075"]),
        ("T800级碳纤维，T700", ["T800", "T700"]),
        ("304/316L不锈钢", ["316L"]),
        ("304不锈钢管", ["304"]),
        ("45钢、45号钢、40Cr、20CrMnTi", ["45钢", "45号钢", "40Cr", "20CrMnTi"]),
        ("Q345B、Q345qD 和 TC4", ["Q345B", "Q345qD", "TC4"]),
        ("GB/T 1591-2018，ISO 9001", ["GB/T 1591-2018", "ISO 9001"]),
        ("PA66-GF30，IP67，GH4169", ["PA66-GF30", "IP67", "GH4169"]),
        ("抗拉强度≥600MPa，50 mm，100W，2024年，0.8μm", []),
        ("Ra0.8，PM2.5", []),
        ("Y2O3-MgO、Al2O3、Li4Ti5O12、MoS2 与 CO2", []),
        ("Ti6Al4V、0Cr18Ni9、U71Mn、PA66", ["Ti6Al4V", "U71Mn", "PA66"]),
        ("", []),
    ],
)
def test_grades_are_found_and_measures_are_not(text, expected):
    assert [grade.text for grade in grades(text)] == expected


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [
        ("T800", "T800", 1, 1),
        ("T800", "T700", 0, 0.499),
        ("6061-T6", "6061-T651", 0.5, 0.99),
        ("6061-T6", "7075-T6", 0, 0.499),
        ("316L不锈钢", "316不锈钢", 0.5, 0.99),
        ("GB/T 1591-2018", "GB/T 1591", 0.9, 0.99),
        ("GB/T 1591", "GB/T 700", 0, 0.499),
    ],
)
def test_the_number_counts_most_inside_a_family(one, other, low, high):
    (a,), (b,) = grades(one), grades(other)
    assert low <= grade_similarity(a, b) <= high
    assert grade_similarity(a, b) == grade_similarity(b, a)


@pytest.mark.parametrize("pair", ["T800 Q345", "316L 6061-T6", "GB/T 1591 ISO 1591"])
def test_families_are_never_mixed(pair):
    one, other = grades(pair)
    assert grade_similarity(one, other) is None
    assert best_grades([one], [other]) == []


def test_a_temper_is_no_fibre():
    temper, fibre = grades("T6 T700")
    assert grade_similarity(temper, fibre) is None


@pytest.mark.parametrize(
    ("title", "text", "expected"),
    [
        ("R290热泵", "现用R32，改用R290", ["R290"]),
        ("热泵", "采用R290替代R32、R410A", ["R290", "R410A"]),
        ("热泵", "目前使用R32，效率低", ["R32"]),
        ("热泵", "不采用R22，改用R290", ["R290"]),
        ("碳纤维", "优于T700的T800", ["T800"]),
        ("T800级碳纤维", "现有T700级产品；铝件为6061-T6", ["T800", "6061-T6"]),
        ("", "", []),
    ],
)
def test_what_a_firm_has_is_not_what_it_wants(title, text, expected):
    assert [grade.text for grade in wanted_grades(title, text)] == expected


def test_one_grade_of_a_family_will_do():
    wanted, offered = grades("6061-T6 7075-T6"), grades("7075-T6")
    ((one, other, similarity),) = best_grades(wanted, offered)
    assert (one.text, other.text, similarity) == ("7075-T6", "7075-T6", 1.0)


def test_the_nearest_grade_of_the_family_answers():
    wanted, offered = grades("T800"), grades("T300 T800 Q345")
    ((_, best, similarity),) = best_grades(wanted, offered)
    assert (best.text, similarity) == ("T800", 1.0)


@pytest.mark.parametrize(
    ("one", "other", "least"),
    [
        ("西工大", "西北工业大学", 0.9),
        ("海岱理工大学", "海岱理工大學", 1.0),
        ("鲁中先进材料研究院", "鲁中先进材料研究所", 0.85),
        ("鲁中先进材料研究院（演示）", "鲁中先进材料研究院", 0.85),
    ],
)
def test_names_of_one_organisation_are_alike(one, other, least):
    assert name_similarity(one, other) >= least


def test_an_abbreviation_keeps_the_first_character():
    assert name_similarity("西工大", "东北工业大学") < 0.6


@given(st.text(max_size=12), st.text(max_size=12))
@settings(deadline=None, max_examples=60)
def test_likeness_of_names_is_symmetric_and_bounded(one, other):
    assert 0 <= name_similarity(one, other) <= 1
    assert name_similarity(one, other) == name_similarity(other, one)


def test_without_names_nothing_is_said():
    assert names_similarity([], ["a"]) is None
    assert names_similarity(["甲公司"], ["乙公司", "甲公司"]) == 1.0


def test_a_hostile_text_takes_linear_time():
    assert grades("A1" + "aA" * 50_000) == ()
    assert grades("20" + "Cr" * 50_000) == ()
