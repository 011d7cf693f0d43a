"""Personal data is shown masked 脱敏 unless somebody asks for it and is written down.

What is hidden never tells its length, and a value too short to hide something in is
hidden whole.
"""

from __future__ import annotations

HIDDEN = "****"


def mask_name(name: str) -> str:
    """Keep the family name's first character: ``王小明`` becomes ``王**``."""
    name = name.strip()
    return f"{name[0]}**" if name else ""


def mask_number(number: str) -> str:
    """Keep the ends of a telephone number: ``138****1234``.

    At least half of the characters are hidden.
    """
    number = number.strip()
    head, tail = min(3, len(number) // 4), min(4, len(number) // 4)
    if len(number) >= 11:
        head, tail = 3, 4
    return _between(number, head, tail)


def mask_account(account: str) -> str:
    """Keep the last four digits of an account, if it has twice as many."""
    account = account.strip()
    return _between(account, 0, 4 if len(account) >= 8 else 0)


def mask_email(address: str) -> str:
    """Keep the first letter and the domain: ``z***@example.com``."""
    local, at, domain = address.strip().rpartition("@")
    if not at:
        return HIDDEN if domain else ""
    return f"{local[0] if len(local) > 1 else ''}***@{domain}"


def _between(text: str, head: int, tail: int) -> str:
    if not text:
        return ""
    return text[:head] + HIDDEN + (text[-tail:] if tail else "")
