"""How single values read on Chinese papers; what is missing is a blank line."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

BLANK = "________"
"""A place to be filled in by hand."""


def or_blank(text: str) -> str:
    """Return a text, or a blank where there is none."""
    return text or BLANK


def day(on: date | None) -> str:
    """Write a date as 2026年3月1日.

    >>> day(date(2026, 3, 1))
    '2026年3月1日'
    """
    return BLANK if on is None else f"{on.year}年{on.month}月{on.day}日"


def exact(number: Decimal) -> str:
    """Write a number without an exponent and without zeros that say nothing.

    >>> exact(Decimal("3.5000"))
    '3.5'
    """
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def money(amount: Decimal | None) -> str:
    """Write an amount in 元.

    >>> money(Decimal("1200000.00"))
    '1,200,000.00 元'
    """
    return f"{BLANK} 元" if amount is None else f"{amount:,.2f} 元"


def yes_or_no(is_so: bool) -> str:
    """Write a flag."""
    return "是" if is_so else "否"
