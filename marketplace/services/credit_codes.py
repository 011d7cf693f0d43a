"""The unified social credit code 统一社会信用代码 (GB 32100-2015), checked."""

from __future__ import annotations

from stdnum.cn import uscc

from marketplace.errors import FieldError, Text
from matching.text import clean

LENGTH = 18
ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
"""Digits and capitals without I, O, S, V and Z, which look like digits or others."""


def compact(text: str) -> str:
    """Return a code as it is stored: half width, capitals, no blanks or dashes."""
    return uscc.compact(clean(text)).replace(" ", "")


def faults(number: str, pointer: str) -> list[FieldError]:
    """Say what is wrong with a code, and what would be right.

    Parameters
    ----------
    number : str
        As ``compact`` returns it.
    pointer : str
        Where it stands in the input.

    Returns
    -------
    list of FieldError
        Empty for a right code. Every character that cannot stand in a code is named;
        the check character is judged only when all others may stand.

    Notes
    -----
    The check character is python-stdnum's. Its own ``validate`` is not asked, because
    it refuses letters in the first two places, where the standard has them (``N`` and
    ``Y`` for agriculture and other registers).
    """
    if len(number) != LENGTH:
        return [
            _fault(
                pointer,
                "uscc_length",
                "统一社会信用代码应为 18 位，现为 {length} 位",
                "a unified social credit code has 18 characters, this has {length}",
                length=len(number),
            )
        ]
    bad = [
        _fault(
            pointer,
            "uscc_character",
            "第 {place} 位“{char}”不允许：只用数字和大写字母，不用 I、O、S、V、Z",
            "character {place}, {char!r}, may not stand there: digits and capital"
            " letters except I, O, S, V and Z",
            place=place,
            char=char,
        )
        for place, char in enumerate(number, start=1)
        if char not in ALPHABET
    ]
    bad += [
        _fault(
            pointer,
            "uscc_region",
            "第 {place} 位“{char}”应为数字：第 3 至 8 位是登记机关行政区划码",
            "character {place}, {char!r}, must be a digit: places 3 to 8 hold the"
            " region of the registering body",
            place=place,
            char=char,
        )
        for place, char in enumerate(number[2:8], start=3)
        if char in ALPHABET and not char.isdigit()
    ]
    if bad:
        return bad
    expected = uscc.calc_check_digit(number[:-1])
    if number[-1] == expected:
        return []
    return [
        _fault(
            pointer,
            "uscc_check_character",
            "校验码（第 18 位）为“{found}”，按前 17 位应为“{expected}”，请核对各位",
            "the check character (the 18th) is {found!r}; the 17 before it ask for"
            " {expected!r}: compare all of them",
            found=number[-1],
            expected=expected,
        )
    ]


def _fault(pointer: str, code: str, zh: str, en: str, **values: object) -> FieldError:
    return FieldError(pointer, code, Text(zh, en).format(**values))
