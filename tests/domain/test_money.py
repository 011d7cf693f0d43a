"""Money is exact, has two places, and is never a float."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.domain.money import CENT, LIMIT, from_wan, to_wan, yuan

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
