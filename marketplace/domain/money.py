"""Money is a Decimal in 元 with two places; floats are refused."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

CENT = Decimal("0.01")
LIMIT = Decimal(10) ** 16
"""Amounts stay below ten quadrillion 元, what an integer of 分 in 64 bits holds."""


def yuan(value: Decimal | int | str) -> Decimal:
    """Return an exact amount with two places.

    Raises
    ------
    ValueError
        For floats, for more than two decimal places, not-a-number, or an amount of
        ten quadrillion 元 or more.
    """
    if isinstance(value, float):
        raise ValueError("money is never a float")  # noqa: TRY004
    amount = _number(value)
    if not -LIMIT < amount < LIMIT:
        raise ValueError("amount out of range")
    rounded = amount.quantize(CENT)
    if rounded != amount:
        raise ValueError("more than two decimal places")
    return rounded + 0 if rounded else Decimal("0.00")


def _number(value: Decimal | int | str) -> Decimal:
    try:
        number = Decimal(value)
    except InvalidOperation as error:
        raise ValueError(f"not an amount: {value!r}") from error
    if not number.is_finite():
        raise ValueError(f"not an amount: {value!r}")
    return number


def from_wan(value: Decimal | int | str) -> Decimal:
    """Turn 万元 into 元, to the 分.

    The decimal point is moved, not multiplied by: a product is rounded to the
    precision of the context, and what is too fine would look exact.
    """
    if isinstance(value, float):
        raise ValueError("money is never a float")  # noqa: TRY004
    sign, digits, exponent = _number(value).as_tuple()
    return yuan(Decimal((sign, digits, int(exponent) + 4)))


def to_wan(amount: Decimal) -> Decimal:
    """Turn 元 into 万元 without loss (up to six decimal places)."""
    return (amount / 10_000).normalize() + 0
