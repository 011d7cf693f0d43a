"""A unified social credit code is checked, and what is wrong with it is told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.cn import uscc

from marketplace.services import credit_codes
from tests.people import valid_uscc

SIGNS = credit_codes.ALPHABET + "IOSVZ#中"


def codes_of(number: str) -> list[str]:
    return [e.code for e in credit_codes.faults(number, "/uscc")]


@st.composite
def numbers(draw: st.DrawFn) -> str:
    """Any code of the standard's form with its right check character."""
    register = draw(st.text(credit_codes.ALPHABET, min_size=2, max_size=2))
    region = draw(st.text("0123456789", min_size=6, max_size=6))
    body = draw(st.text(credit_codes.ALPHABET, min_size=9, max_size=9))
    number = register + region + body
    return number + uscc.calc_check_digit(number)


@pytest.mark.parametrize(
    "number", ["91370100MA00TEXT0T", "1237020049500001XX", "91370600MA00DEM145"]
)
def test_the_reference_values_are_right(number):
    assert codes_of(number) == []


@given(numbers(), st.integers(0, 17), st.sampled_from(SIGNS))
def test_any_single_changed_character_fails(number, place, sign):
    changed = number[:place] + sign + number[place + 1 :]
    assert codes_of(number) == []
    assert bool(codes_of(changed)) == (changed != number)


@given(numbers(), st.integers(0, 16))
def test_two_neighbours_that_change_places_fail(number, place):
    a, b = number[place], number[place + 1]
    changed = number[:place] + b + a + number[place + 2 :]
    assert bool(codes_of(changed)) == (a != b)


@given(numbers())
def test_what_stdnum_accepts_is_accepted(number):
    if uscc.is_valid(number):
        assert codes_of(number) == []
    else:
        assert not number[:2].isdigit()


def test_the_message_says_what_would_be_right():
    right = valid_uscc(7)
    wrong = right[:-1] + ("0" if right[-1] != "0" else "1")
    (fault,) = credit_codes.faults(wrong, "/uscc")
    assert fault.code == "uscc_check_character"
    assert f"“{right[-1]}”" in fault.message.zh
    assert repr(right[-1]) in fault.message.en


def test_length_and_characters_are_named():
    (short,) = credit_codes.faults("91370100", "/uscc")
    assert (short.code, short.pointer) == ("uscc_length", "/uscc")
    assert "8" in short.message.zh
    found = credit_codes.faults("9137010OMA00TEXTIT", "/uscc")
    assert [e.code for e in found] == ["uscc_character", "uscc_character"]
    assert "第 8 位“O”" in found[0].message.zh
    assert codes_of("9137A100MA00TEXT0T") == ["uscc_region"]


@pytest.mark.parametrize(
    "typed",
    ["91370100ma00text0t", " 9137 0100 MA00 TEXT 0T ", "９１370100MA00TEXT0T"],
)
def test_spelling_does_not_count(typed):
    assert credit_codes.compact(typed) == "91370100MA00TEXT0T"
