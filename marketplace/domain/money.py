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


_DIGITS = "零壹贰叁肆伍陆柒捌玖"
_PLACES = ("仟", "佰", "拾", "")


def in_words(amount: Decimal) -> str:
    """Write an amount in the capital numerals of contracts 人民币大写金额.

    After the rules for filling in bills and settlement vouchers (the annex to the
    Payment and Settlement Measures of the People's Bank of China, 1997): 整 ends what
    ends at 元 or 角; one 零 stands for the zeros between two digits, and between 元
    and 分 where there is no 角. Where the rules leave a 零 to the writer, before 角 and
    after a full 万, none is written.

    Parameters
    ----------
    amount : Decimal
        In 元, with at most two decimal places; what is below zero begins with 负.

    Raises
    ------
    ValueError
        What ``yuan`` refuses.

    Examples
    --------
    >>> in_words(Decimal("1200000.00"))
    '壹佰贰拾万元整'
    >>> in_words(Decimal("16409.02"))
    '壹万陆仟肆佰零玖元零贰分'
    """
    fen = int(yuan(amount).scaleb(2))
    whole, rest = divmod(abs(fen), 100)
    jiao, last = divmod(rest, 10)
    words = f"{_number_in_words(whole)}元" if whole or not rest else ""
    if jiao:
        words += f"{_DIGITS[jiao]}角"
    elif last and whole:
        words += "零"
    words += f"{_DIGITS[last]}分" if last else "整"
    return f"负{words}" if fen < 0 else words


def _number_in_words(number: int) -> str:
    """Write a whole number below ten quadrillion; 亿 counts what 万 counted."""
    if number == 0:
        return _DIGITS[0]
    for size, unit in ((10**8, "亿"), (10**4, "万")):
        high, low = divmod(number, size)
        if high:
            gap = _DIGITS[0] if 0 < low < size // 10 else ""
            rest = _number_in_words(low) if low else ""
            return f"{_number_in_words(high)}{unit}{gap}{rest}"
    return _four_digits(number)


def _four_digits(number: int) -> str:
    words = ""
    for digit, place in zip(f"{number:04d}", _PLACES, strict=True):
        if digit != "0":
            words += f"{_DIGITS[int(digit)]}{place}"
        elif words and not words.endswith(_DIGITS[0]):
            words += _DIGITS[0]
    return words.rstrip(_DIGITS[0])
