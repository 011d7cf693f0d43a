"""Import templates as workbooks: header with notes, drop-downs, example, notes."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from marketplace.integrations.sheets import xlsx_text
from marketplace.services.import_templates import Plan, PlannedColumn

if TYPE_CHECKING:
    from openpyxl.workbook import Workbook
    from openpyxl.worksheet.worksheet import Worksheet

ROWS_WITH_LISTS = 5_000
_ONE_OF = frozenset({"code", "kind", "flag", "scale"})
_WIDE = frozenset({"indicators", "rights"})
_SHEETS = {
    "data": ("数据", "Data"),
    "example": ("示例", "Example"),
    "notes": ("填写说明", "Notes"),
    "lists": ("代码", "Codes"),
}
_NOTE_HEADINGS = (
    ("列名", "Column"),
    ("字段", "Field"),
    ("说明", "What it takes"),
    ("示例", "Example"),
)


def write(stream: BinaryIO, plan: Plan, language: str) -> None:
    """Write the template for a plan.

    The first sheet is the one that is read; the others are for people. Drop-downs
    refer to a hidden sheet with the code lists in force.
    """
    from openpyxl import Workbook  # noqa: PLC0415 - of an extra

    book = Workbook()
    data = book.worksheets[0]
    data.title = _named("data", language)
    _header(data, plan, language)
    lists = book.create_sheet(_named("lists", language))
    lists.sheet_state = "hidden"
    _lists(data, lists, plan, language)
    _example(book, plan, language)
    _notes(book, plan, language)
    book.save(stream)


def _named(sheet: str, language: str) -> str:
    zh, en = _SHEETS[sheet]
    return en if language == "en" else zh


def _heading(planned: PlannedColumn, language: str) -> str:
    star = "*" if planned.column.required else ""
    return f"{planned.column.heading.get(language)}{star}"


def _header(sheet: Worksheet, plan: Plan, language: str) -> None:
    from openpyxl.comments import Comment  # noqa: PLC0415 - of an extra
    from openpyxl.styles import Alignment, Font, PatternFill  # noqa: PLC0415
    from openpyxl.utils import get_column_letter  # noqa: PLC0415

    for number, planned in enumerate(plan.columns, 1):
        cell = sheet.cell(row=1, column=number, value=_heading(planned, language))
        cell.font = Font(bold=True)
        colour = "FFE699" if planned.column.required else "DDEBF7"
        cell.fill = PatternFill("solid", fgColor=colour)
        cell.alignment = Alignment(wrap_text=True, vertical="top")
        text = f"{planned.column.name}\n{planned.note.get(language)}"
        cell.comment = Comment(text, "Jiebang", height=120, width=260)
        letter = get_column_letter(number)
        sheet.column_dimensions[letter].width = 30 if _is_wide(planned) else 18
        if planned.column.form == "text":
            # Long digits such as credit codes would lose their end as numbers.
            sheet.column_dimensions[letter].number_format = "@"
    sheet.freeze_panes = "A2"


def _is_wide(planned: PlannedColumn) -> bool:
    return planned.column.form in _WIDE or planned.column.most > 200


def _lists(data: Worksheet, lists: Worksheet, plan: Plan, language: str) -> None:
    from openpyxl.utils import get_column_letter, quote_sheetname  # noqa: PLC0415
    from openpyxl.worksheet.datavalidation import DataValidation  # noqa: PLC0415

    used = 0
    for number, planned in enumerate(plan.columns, 1):
        if not planned.choices:
            continue
        used += 1
        source = get_column_letter(used)
        lists.cell(row=1, column=used, value=_heading(planned, language))
        for row, choice in enumerate(planned.choices, 2):
            lists.cell(row=row, column=used, value=xlsx_text(choice.get(language)))
        last = len(planned.choices) + 1
        target = get_column_letter(number)
        validation = DataValidation(
            type="list",
            formula1=f"={quote_sheetname(lists.title)}!${source}$2:${source}${last}",
            allow_blank=True,
            # Several codes in one cell, or a code without its name, are right too.
            showErrorMessage=False,
            showInputMessage=planned.column.form in _ONE_OF,
        )
        validation.prompt = planned.note.get(language)[:255]
        validation.add(f"{target}2:{target}{ROWS_WITH_LISTS}")
        data.add_data_validation(validation)


def _example(book: Workbook, plan: Plan, language: str) -> None:
    sheet = book.create_sheet(_named("example", language))
    sheet.append([_heading(planned, language) for planned in plan.columns])
    sheet.append([xlsx_text(planned.example) for planned in plan.columns])


def _notes(book: Workbook, plan: Plan, language: str) -> None:
    sheet = book.create_sheet(_named("notes", language))
    for text in plan.notes:
        sheet.append([text.get(language)])
    sheet.append([])
    sheet.append([en if language == "en" else zh for zh, en in _NOTE_HEADINGS])
    for planned in plan.columns:
        sheet.append(
            [
                _heading(planned, language),
                planned.column.name,
                planned.note.get(language),
                xlsx_text(planned.example),
            ]
        )
    for letter, width in zip("ABCD", (30, 24, 60, 50), strict=True):
        sheet.column_dimensions[letter].width = width
