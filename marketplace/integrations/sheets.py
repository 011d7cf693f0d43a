"""Sheets in and out: xlsx and csv, a few rows in memory at a time.

Reading needs only the standard library. The reader is our own because a workbook
library holds all shared strings and a husk of every row in memory; here the strings
lie in a temporary file, so that memory does not grow with the file. Formulas are
never computed and never taken for their last result. Writing xlsx uses openpyxl, from
the ``sheets`` extra.
"""

from __future__ import annotations

import csv
import functools
import importlib.util
import io
import re
import tempfile
from array import array
from collections.abc import Generator, Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import chain, islice
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, BinaryIO, Self
from unicodedata import east_asian_width
from xml.parsers import expat
from zipfile import ZipFile

from marketplace.domain import filetypes
from marketplace.domain.filetypes import BadFile, local_name
from marketplace.domain.sheets import (
    MAX_CELL,
    MAX_COLUMNS,
    MAX_ROWS,
    BadSheet,
    Cell,
    Fault,
    SheetRow,
    disarm,
    rearm,
)

if TYPE_CHECKING:
    from openpyxl.cell import Cell as XlsxCell
    from openpyxl.worksheet._write_only import WriteOnlyWorksheet

XLSX, CSV = filetypes.XLSX, filetypes.CSV
Value = str | int | Decimal | bool | date | datetime | None


def read(
    stream: BinaryIO, filename: str, *, max_rows: int = MAX_ROWS
) -> Generator[SheetRow]:
    """Yield the rows of a csv file, or of the first sheet of an xlsx file.

    Parameters
    ----------
    stream : seekable binary file
    filename : str
        Its extension has to agree with the content.
    max_rows : int
        Rows that are not empty, the header included.

    Raises
    ------
    BadSheet
        The file is refused, or damaged from some row on.
    """
    try:
        found = filetypes.recognise(stream, filename)
        if found.media_type == XLSX:
            yield from _limited(_read_xlsx(stream), max_rows)
        elif found.charset:
            yield from _limited(_read_csv(stream, found.charset), max_rows)
        else:
            raise BadSheet("type_not_accepted", "neither xlsx nor csv")
    except BadFile as error:
        raise BadSheet(error.code, str(error)) from error


def _limited(rows: Iterator[SheetRow], max_rows: int) -> Iterator[SheetRow]:
    for count, row in enumerate(rows, 1):
        if count > max_rows:
            raise BadSheet("too_many_rows", f"more than {max_rows} rows", row.number)
        yield row


def _read_csv(stream: BinaryIO, charset: str) -> Iterator[SheetRow]:
    stream.seek(0)
    encoding = "utf-8-sig" if charset == "utf-8" else charset
    text = io.TextIOWrapper(stream, encoding=encoding, newline="")
    number = 0
    try:
        first = text.readline(1_000_000)
        text.seek(0)
        reader = csv.reader(text, delimiter=_delimiter(first))
        for number, values in enumerate(reader, 1):
            if len(values) > MAX_COLUMNS and any(values[MAX_COLUMNS:]):
                raise BadSheet("too_many_columns", "too many columns", number)
            if any(value.strip() for value in values):
                yield SheetRow("", number, tuple(_csv_cell(v) for v in values))
    except csv.Error as error:
        raise BadSheet("damaged", str(error), number + 1) from error
    finally:
        if not stream.closed:
            text.detach()


def _delimiter(line: str) -> str:
    return max(",;\t", key=line.count)


def _csv_cell(text: str) -> Cell:
    if len(text) > MAX_CELL:
        return Fault("too_long")
    if text.lstrip().startswith("="):
        return Fault("formula", text)
    return rearm(text) if text.strip() else None


def _read_xlsx(stream: BinaryIO) -> Iterator[SheetRow]:
    with filetypes.open_package(stream) as package:
        book = _Book(package)
        with _Strings(package, book.strings) as strings:
            parser = _RowParser(book, strings)
            for _ in filetypes.feeding(package, book.sheet, parser.xml):
                yield from parser.take()


class _Book:
    """Where the parts of a workbook lie, and which of its formats are dates."""

    def __init__(self, package: ZipFile) -> None:
        root = _relations(package, "")
        book = next((p for kind, _, p in root if kind == "officeDocument"), "")
        relations = _relations(package, book)
        by_kind = {kind: path for kind, _, path in relations}
        by_id = {name: path for _, name, path in relations}
        self.strings = by_kind.get("sharedStrings", "")
        self.name, self.sheet, self.from_1904 = "", "", False

        def element(tag: str, attributes: dict[str, str]) -> None:
            names = {local_name(k): v for k, v in attributes.items()}
            if tag == "workbookPr":
                self.from_1904 = names.get("date1904") in {"1", "true"}
            elif tag == "sheet" and not self.sheet:
                self.name = names.get("name", "")
                self.sheet = by_id.get(names.get("id", ""), "")

        filetypes.parse_part(package, book, element)
        if not self.sheet:
            raise BadFile("damaged", "the workbook has no sheet")
        self.dates, self.percents = _formats(package, by_kind.get("styles", ""))


def _relations(package: ZipFile, part: str) -> list[tuple[str, str, str]]:
    path = PurePosixPath(part)
    name = str(path.parent / "_rels" / f"{path.name}.rels") if part else "_rels/.rels"
    found: list[tuple[str, str, str]] = []

    def element(tag: str, attributes: dict[str, str]) -> None:
        if tag != "Relationship" or attributes.get("TargetMode") == "External":
            return
        target = attributes.get("Target", "")
        if target.startswith("/"):
            target = target[1:]
        else:
            target = _joined(path.parent if part else PurePosixPath(), target)
        kind = attributes.get("Type", "").rpartition("/")[2]
        found.append((kind, attributes.get("Id", ""), target))

    filetypes.parse_part(package, name, element)
    return found


def _joined(folder: PurePosixPath, target: str) -> str:
    steps: list[str] = []
    for step in (folder / target).parts:
        if step == "..":
            del steps[-1:]
        elif step != ".":
            steps.append(step)
    return "/".join(steps)


_DATE_IDS = frozenset([*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)])
_PERCENT_IDS = frozenset({9, 10})
_QUOTED = re.compile(r'"[^"]*"|\\.|_.|\*.|\[[^\]]*\]')


def _formats(package: ZipFile, part: str) -> tuple[frozenset[int], frozenset[int]]:
    """Return the style numbers that show a number as a date, and as per cent."""
    if not part:
        return frozenset(), frozenset()
    dates, percents = set(_DATE_IDS), set(_PERCENT_IDS)
    styles: list[int] = []
    inside: list[bool] = [False]

    def element(tag: str, attributes: dict[str, str]) -> None:
        if tag == "numFmt":
            number = int(attributes.get("numFmtId", "0"))
            code = _QUOTED.sub("", attributes.get("formatCode", "")).lower()
            if any(letter in code for letter in "ymdhs") and "general" not in code:
                dates.add(number)
            elif "%" in code:
                percents.add(number)
        elif tag in {"cellXfs", "cellStyleXfs", "cellStyles", "dxfs"}:
            inside[0] = tag == "cellXfs"
        elif tag == "xf" and inside[0]:
            styles.append(int(attributes.get("numFmtId", "0")))

    filetypes.parse_part(package, part, element)
    return (
        frozenset(n for n, number in enumerate(styles) if number in dates),
        frozenset(n for n, number in enumerate(styles) if number in percents),
    )


_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_MOST_STRINGS = 4_000_000
_MOST_REMEMBERED = 20_000
_SHORT = 64


def _unescape(text: str) -> str:
    if "_x" not in text:
        return text
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)


class _Strings:
    """The shared strings of a workbook, in a temporary file.

    Only short ones that were asked for are remembered: codes and names that come
    again in every row.
    """

    def __init__(self, package: ZipFile, part: str) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - see __exit__
        self._ends = array("Q", [0])
        self._known: dict[int, str] = {}
        try:
            if part:
                self._load(package, part)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def _load(self, package: ZipFile, part: str) -> None:
        parser = filetypes.xml_parser()
        pieces: list[str] = []
        state = {"text": False, "phonetic": False}

        def start(tag: str, attributes: dict[str, str]) -> None:  # noqa: ARG001
            name = local_name(tag)
            if name == "si":
                pieces.clear()
            elif name == "rPh":
                state["phonetic"] = True
            elif name == "t":
                state["text"] = not state["phonetic"]

        def end(tag: str) -> None:
            name = local_name(tag)
            if name == "t":
                state["text"] = False
            elif name == "rPh":
                state["phonetic"] = False
            elif name == "si":
                self._add(_unescape("".join(pieces)))

        def data(text: str) -> None:
            if state["text"]:
                pieces.append(text)

        parser.StartElementHandler = start
        parser.EndElementHandler = end
        parser.CharacterDataHandler = data
        for _ in filetypes.feeding(package, part, parser):
            pass

    def _add(self, text: str) -> None:
        if len(self._ends) > _MOST_STRINGS:
            raise BadFile("zip_bomb", "too many shared strings")
        raw = text[: MAX_CELL + 1].encode("utf-8", "surrogatepass")
        self._file.write(raw)
        self._ends.append(self._ends[-1] + len(raw))

    def __getitem__(self, index: int) -> str:
        known = self._known.get(index)
        if known is not None:
            return known
        if index < 0:
            raise IndexError(index)
        start, end = self._ends[index], self._ends[index + 1]
        self._file.seek(start)
        text = self._file.read(end - start).decode("utf-8", "surrogatepass")
        if len(text) <= _SHORT and len(self._known) < _MOST_REMEMBERED:
            self._known[index] = text
        return text


_REFERENCE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")
_NUMBERED_SHEETS_BEGIN = datetime(1899, 12, 30)  # noqa: DTZ001 - a sheet has no zone
_MAC_SHEETS_BEGIN = datetime(1904, 1, 1)  # noqa: DTZ001


class _RowParser:
    """Turns the events of a sheet's XML into rows."""

    def __init__(self, book: _Book, strings: _Strings) -> None:
        self.xml: expat.XMLParserType = filetypes.xml_parser()
        self.xml.StartElementHandler = self._start
        self.xml.EndElementHandler = self._end
        self.xml.CharacterDataHandler = self._data
        self._book, self._strings = book, strings
        self._rows: list[SheetRow] = []
        self._cells: list[Cell] = []
        self._number = 0
        self._column = 0
        self._kind, self._style = "n", 0
        self._formula = False
        self._text: list[str] = []
        self._length = 0
        self._listening = False

    def take(self) -> list[SheetRow]:
        """Return the rows that are complete and forget them."""
        rows, self._rows = self._rows, []
        return rows

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        name = local_name(tag)
        if name == "c":
            self._kind = attributes.get("t", "n")
            self._style = int(attributes.get("s", "0"))
            self._place(attributes.get("r"))
            self._formula = False
            self._text, self._length = [], 0
        elif name in {"v", "t"}:
            self._listening = True
        elif name == "f":
            self._formula = True
        elif name == "row":
            self._number = int(attributes.get("r", self._number + 1))
            self._cells, self._column = [], 0

    def _place(self, reference: str | None) -> None:
        if reference is None:
            self._column += 1
            return
        found = _REFERENCE.fullmatch(reference)
        if found is None:
            raise ValueError(f"not a cell: {reference!r}")
        column = 0
        for letter in found[1]:
            column = column * 26 + ord(letter) - 64
        self._column = column

    def _data(self, text: str) -> None:
        if self._listening and self._length <= MAX_CELL:
            self._text.append(text)
            self._length += len(text)

    def _end(self, tag: str) -> None:
        name = local_name(tag)
        if name in {"v", "t"}:
            self._listening = False
        elif name == "c":
            self._add(self._value("".join(self._text)))
        elif name == "row" and any(cell is not None for cell in self._cells):
            self._rows.append(
                SheetRow(self._book.name, self._number, tuple(self._cells))
            )

    def _add(self, cell: Cell) -> None:
        if cell is None:
            return
        if self._column > MAX_COLUMNS:
            raise BadFile("too_many_columns", f"row {self._number}: too many columns")
        missing = self._column - len(self._cells)
        if missing > 0:
            self._cells.extend([None] * missing)
        self._cells[self._column - 1] = cell

    def _value(self, raw: str) -> Cell:  # noqa: PLR0911 - one return a type
        if self._formula:
            return Fault("formula")
        if self._kind == "s" and raw:
            return _text_cell(self._strings[int(raw)])
        if self._kind in {"inlineStr", "str"}:
            return _text_cell(_unescape(raw))
        if not raw.strip():
            return None
        if self._kind == "b":
            return raw.strip() == "1"
        if self._kind == "e":
            return Fault("error_value", raw[:20])
        if self._kind == "d":
            return datetime.fromisoformat(raw.strip()).replace(tzinfo=None)
        return self._number_cell(raw)

    def _number_cell(self, raw: str) -> Cell:
        number = Decimal(f"{float(raw):.15g}")
        if not number.is_finite():
            raise ValueError(f"not a number: {raw!r}")
        if self._style in self._book.dates:
            return _moment(number, from_1904=self._book.from_1904)
        if self._style in self._book.percents:
            return f"{_plain(number * 100)}%"
        return Decimal(_plain(number))


def _plain(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _text_cell(text: str) -> Cell:
    if len(text) > MAX_CELL:
        return Fault("too_long")
    return rearm(text) if text.strip() else None


def _moment(serial: Decimal, *, from_1904: bool) -> Cell:
    """Turn a serial day into a date, or a moment when it has a time.

    Day 60 of the usual count is 29 February 1900, which never was; days before it
    are one off, as in the program that invented them.
    """
    begin = _MAC_SHEETS_BEGIN if from_1904 else _NUMBERED_SHEETS_BEGIN
    if not from_1904 and serial < 60:
        begin += timedelta(days=1)
    moment = begin + timedelta(seconds=round(serial * 86_400))
    return moment.date() if serial == int(serial) else moment


@functools.cache
def can_write_xlsx() -> bool:
    """Tell whether the ``sheets`` extra is installed."""
    return importlib.util.find_spec("openpyxl") is not None


def write(
    stream: BinaryIO,
    media_type: str,
    headings: Sequence[str],
    rows: Iterable[Sequence[Value]],
    *,
    title: str = "data",
) -> int:
    """Write a table and return how many rows it has.

    No cell is a formula: texts are disarmed in CSV, which knows no types, and are
    typed as texts in a workbook. CSV is UTF-8 with a byte order mark, which is what
    spreadsheet programs on Chinese systems recognise. A workbook keeps its headings in
    view, offers filters, and has columns as wide as its first rows ask for.

    Parameters
    ----------
    stream : binary file
        For xlsx it has to be seekable.
    media_type : str
        ``CSV`` or ``XLSX``.
    headings : sequence of str
    rows : iterable of sequence
        Moments are naive local times; a sheet has no time zones.
    """
    if media_type == CSV:
        return _write_csv(stream, headings, rows)
    return _write_xlsx(stream, headings, rows, title)


def _write_csv(
    stream: BinaryIO, headings: Sequence[str], rows: Iterable[Sequence[Value]]
) -> int:
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="replace", newline="")
    count = 0
    try:
        writer = csv.writer(text)
        writer.writerow([disarm(h) for h in headings])
        for row in rows:
            writer.writerow([_csv_value(v) for v in row])
            count += 1
        text.flush()
    finally:
        text.detach()
    return count


def _csv_value(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, date | int):
        return str(value)
    return disarm(value.replace("\x00", "\ufffd"))


_ILLEGAL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


_MEASURED = 200
_NARROWEST, _WIDEST = 8, 48


def _write_xlsx(
    stream: BinaryIO,
    headings: Sequence[str],
    rows: Iterable[Sequence[Value]],
    title: str,
) -> int:
    from openpyxl import Workbook  # noqa: PLC0415 - of an extra
    from openpyxl.utils import get_column_letter  # noqa: PLC0415

    book = Workbook(write_only=True)
    sheet = book.create_sheet(title[:31])
    waiting = iter(rows)
    first = list(islice(waiting, _MEASURED))
    # What stands before the rows in the file has to be said before the first of them.
    for number, heading in enumerate(headings):
        shown = [heading, *(row[number] for row in first if number < len(row))]
        width = max(_width(value) for value in shown) + 2
        letter = get_column_letter(number + 1)
        sheet.column_dimensions[letter].width = min(max(width, _NARROWEST), _WIDEST)
    sheet.freeze_panes = "A2"
    count = 0
    sheet.append([_xlsx_value(sheet, h) for h in headings])
    for row in chain(first, waiting):
        sheet.append([_xlsx_value(sheet, v) for v in row])
        count += 1
    if headings:
        sheet.auto_filter.ref = f"A1:{get_column_letter(len(headings))}{count + 1}"
    book.save(stream)
    return count


def _width(value: Value) -> int:
    """Return how many letters wide a value is shown; a Chinese character is two."""
    if isinstance(value, datetime):
        return 16
    if isinstance(value, date):
        return 10
    text = "" if value is None else str(value)[: _WIDEST * 2]
    lines = text.splitlines() or [""]
    return max(sum(1 + (east_asian_width(c) in "WFA") for c in line) for line in lines)


def xlsx_text(text: str) -> str:
    """Return a text that a workbook can hold and that is no formula."""
    return _storable(disarm(text))


def _storable(text: str) -> str:
    text = _ILLEGAL.sub("\ufffd", text)
    return text if len(text) <= MAX_CELL else f"{text[: MAX_CELL - 1]}…"


def _xlsx_value(sheet: WriteOnlyWorksheet, value: Value) -> Value | XlsxCell:
    if isinstance(value, str):
        return _xlsx_cell(sheet, value)
    if isinstance(value, Decimal) and len(value.as_tuple().digits) > 15:
        return f"{value:f}"
    return value


def _xlsx_cell(sheet: WriteOnlyWorksheet, text: str) -> str | XlsxCell:
    """Return a text as it is; what looks like more than a text is typed as one.

    ``quotePrefix`` keeps it a text when somebody edits the cell. Only a text that our
    own reader would take for a disarmed one is disarmed.
    """
    from openpyxl.cell import WriteOnlyCell  # noqa: PLC0415 - of an extra

    text = _storable(text if rearm(text) == text else disarm(text))
    suspicious = disarm(text) != text
    if not suspicious and not text.startswith("#"):
        return text
    cell = WriteOnlyCell(sheet, text)
    cell.data_type = "s"
    cell.quotePrefix = suspicious
    return cell
