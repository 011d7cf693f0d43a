"""Money is exact, has two places, and is never a float."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.domain.money import CENT, LIMIT, from_wan, in_words, to_wan, yuan

AMOUNTS = st.integers(-(10**18) + 1, 10**18 - 1).map(lambda fen: Decimal(fen) / 100)
WAN = st.integers(-(10**15), 10**15).map(lambda fen: Decimal(fen) / 10**6)


@given(AMOUNTS)
def test_an_amount_comes_back_as_it_was_with_two_places(amount: Decimal) -> None:
    for form in (amount, str(amount), f"{amount:.2f}"):
        kept = yuan(form)
        assert kept == amount
        assert kept.as_tuple().exponent == -2
        assert yuan(str(kept)) == kept


@given(st.integers(-(10**16) + 1, 10**16 - 1))
def test_whole_yuan_are_amounts(number: int) -> None:
    assert yuan(number) == number
    assert str(yuan(number)) == f"{number}.00"


@given(WAN)
def test_wan_and_yuan_are_the_same_money(wan: Decimal) -> None:
    assert to_wan(from_wan(wan)) == wan
    assert from_wan(str(wan)) == from_wan(wan)


@given(AMOUNTS, st.integers(1, 10**6))
def test_a_third_decimal_is_refused_and_not_rounded(amount: Decimal, more: int) -> None:
    finer = amount + Decimal(more) / 10**9
    if finer != finer.quantize(CENT):
        with pytest.raises(ValueError, match=r"decimal places|out of range"):
            yuan(finer)


@given(st.floats())
def test_a_float_is_never_money(value: float) -> None:
    with pytest.raises(ValueError, match="float"):
        yuan(value)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="float"):
        from_wan(value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "value",
    [
        "",
        "abc",
        "1,000.00",
        "NaN",
        "sNaN",
        "Infinity",
        "-Infinity",
        "1.2.3",
        "１e",
        "元",
    ],
)
def test_what_is_no_number_is_no_amount(value: str) -> None:
    with pytest.raises(ValueError, match="not an amount"):
        yuan(value)
    with pytest.raises(ValueError, match="not an amount"):
        from_wan(value)


@pytest.mark.parametrize(
    "value",
    [LIMIT, -LIMIT, "1e16", "1e400", "1e9999999", "-1e999999999", "9" * 5000],
)
def test_an_amount_that_no_store_can_hold_is_refused(value: Decimal | str) -> None:
    with pytest.raises(ValueError, match="out of range"):
        yuan(value)
    with pytest.raises(ValueError, match="out of range"):
        from_wan(value)


@given(st.text())
def test_any_text_is_an_amount_or_a_value_error(text: str) -> None:
    for read in (yuan, from_wan):
        try:
            assert abs(read(text)) < LIMIT
        except ValueError:
            continue


def test_what_is_too_fine_is_not_rounded_to_the_precision_of_arithmetic() -> None:
    with pytest.raises(ValueError, match="decimal places"):
        from_wan("1." + "0" * 40 + "1")
    with pytest.raises(ValueError, match="decimal places"):
        yuan("1." + "0" * 40 + "1")


def test_there_is_no_negative_zero() -> None:
    assert str(yuan("-0")) == "0.00"
    assert str(to_wan(yuan("0"))) == "0"


def read_words(words: str) -> Decimal:
    """Read capital numerals the way a cashier does, from left to right."""
    negative = words.startswith("负")
    fen = section = below = 0
    digit = 0
    for letter in words.removeprefix("负"):
        if letter in "零壹贰叁肆伍陆柒捌玖":
            digit = "零壹贰叁肆伍陆柒捌玖".index(letter)
        elif letter in "拾佰仟":
            section += digit * 10 ** ("拾佰仟".index(letter) + 1)
            digit = 0
        elif letter == "万":
            below, section, digit = (section + digit) * 10_000, 0, 0
        elif letter == "亿":
            fen += (below + section + digit) * 10**8
            below = section = digit = 0
        elif letter == "元":
            fen = (fen + below + section + digit) * 100
            below = section = digit = 0
        elif letter in "角分":
            fen += digit * (10 if letter == "角" else 1)
            digit = 0
        else:
            assert letter == "整"
    return Decimal(-fen if negative else fen) / 100


@given(AMOUNTS)
def test_what_is_written_in_words_reads_as_the_amount(amount: Decimal) -> None:
    assert read_words(in_words(amount)) == amount


@given(st.integers(0, 30), st.lists(st.integers(0, 17), min_size=1, max_size=4))
def test_round_amounts_read_back_too(digit: int, places: list[int]) -> None:
    amount = Decimal(sum(10**place for place in places) + digit) / 100
    words = in_words(amount)
    assert read_words(words) == amount
    assert "零零" not in words
    assert not words.endswith("零")
    # 整 closes what no 分 closes, so that nothing can be written behind it.
    assert words.endswith("分") != words.endswith("整")


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        ("0", "零元整"),
        ("0.01", "壹分"),
        ("0.50", "伍角整"),
        ("0.53", "伍角叁分"),
        ("10", "壹拾元整"),
        ("10.05", "壹拾元零伍分"),
        ("1409.50", "壹仟肆佰零玖元伍角整"),
        ("6007.14", "陆仟零柒元壹角肆分"),
        ("1680.32", "壹仟陆佰捌拾元叁角贰分"),
        ("107000.53", "壹拾万柒仟元伍角叁分"),
        ("16409.02", "壹万陆仟肆佰零玖元零贰分"),
        ("1200000", "壹佰贰拾万元整"),
        ("100000005", "壹亿零伍元整"),
        ("100050000", "壹亿零伍万元整"),
        ("1000000000000", "壹万亿元整"),
        ("100010000000000", "壹佰万零壹佰亿元整"),
        (
            "9999999999999999.99",
            "玖仟玖佰玖拾玖万玖仟玖佰玖拾玖亿玖仟玖佰玖拾玖万玖仟玖佰玖拾玖元玖角玖分",
        ),
        ("-35.20", "负叁拾伍元贰角整"),
    ],
)
def test_amounts_in_words_follow_the_rules_of_the_central_bank(
    amount: str, words: str
) -> None:
    assert in_words(Decimal(amount)) == words


def test_a_float_or_a_third_decimal_is_never_put_into_words() -> None:
    with pytest.raises(ValueError, match="float"):
        in_words(0.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="decimal places"):
        in_words(Decimal("0.005"))
