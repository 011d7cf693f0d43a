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
    try:
        amount = Decimal(value)
    except InvalidOperation as error:
        raise ValueError(f"not an amount: {value!r}") from error
    if not amount.is_finite():
        raise ValueError(f"not an amount: {value!r}")
    if abs(amount) >= LIMIT:
        raise ValueError("amount out of range")
    rounded = amount.quantize(CENT)
    if rounded != amount:
        raise ValueError("more than two decimal places")
    return rounded + 0 if rounded else Decimal("0.00")


def from_wan(value: Decimal | int | str) -> Decimal:
    """Turn 万元 into 元, to the 分."""
    if isinstance(value, float):
        raise ValueError("money is never a float")  # noqa: TRY004
    try:
        return yuan(Decimal(value) * 10_000)
    except InvalidOperation as error:
        raise ValueError(f"not an amount: {value!r}") from error


def to_wan(amount: Decimal) -> Decimal:
    """Turn 元 into 万元 without loss (up to six decimal places)."""
    return (amount / 10_000).normalize() + 0
