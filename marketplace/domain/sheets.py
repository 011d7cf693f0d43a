"""Rows of a sheet, whatever file they came from, and cells that cannot do harm."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

MAX_CELL = 32_767
"""Characters that a cell of a workbook can hold."""
MAX_COLUMNS = 200
MAX_ROWS = 100_000


@dataclass(frozen=True, slots=True)
class Fault:
    """A cell that holds no value: ``formula``, ``error_value`` or ``too_long``."""

    code: str
    text: str = ""


Cell = str | Decimal | bool | date | datetime | Fault | None


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One row that is not empty.

    Parameters
    ----------
    sheet : str
        Its sheet's name; empty for CSV.
    number : int
        As the program shows it that wrote the file, from 1.
    cells : tuple of Cell
        From the first column on; shorter than the header when the last are empty.
    """

    sheet: str
    number: int
    cells: tuple[Cell, ...]


class BadSheet(ValueError):
    """The file cannot be read as rows; ``code`` is a stable word.

    Parameters
    ----------
    code : str
        ``damaged``, ``too_many_rows`` or ``too_many_columns``, or one of the codes
        of ``filetypes.BadFile``.
    row : int
        The row at which reading ended, 0 when it did not begin.
    """

    def __init__(self, code: str, text: str, row: int = 0) -> None:
        super().__init__(text)
        self.code = code
        self.row = row


_LEADS = re.compile(r"(?:['\s\ufeff\u200b]*[=+\-@＝＋－＠])|(?:'*[\t\r\n])")
_NUMBER = re.compile(r"[-+]?[0-9]{1,15}(?:\.[0-9]{1,15})?")


def _dangerous(text: str) -> bool:
    return bool(_LEADS.match(text)) and not _NUMBER.fullmatch(text)


def disarm(text: str) -> str:
    r"""Return a text that no spreadsheet program will take for a formula.

    An apostrophe goes before what begins like a formula, full-width signs and blanks
    before them included. A plain number such as ``-12.50`` stays a number.

    >>> disarm('=HYPERLINK("x")')
    '\'=HYPERLINK("x")'
    >>> disarm("-12.50")
    '-12.50'
    """
    return f"'{text}" if _dangerous(text) else text


def rearm(text: str) -> str:
    """Undo ``disarm``: for every text, ``rearm(disarm(text)) == text``.

    >>> rearm(disarm("-40～85 ℃"))
    '-40～85 ℃'
    """
    return text[1:] if text.startswith("'") and _dangerous(text[1:]) else text
