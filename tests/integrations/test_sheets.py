"""Sheets are read with flat memory, and come back as they were written."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from datetime import date, datetime
from decimal import Decimal

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.domain.sheets import MAX_CELL, BadSheet, Fault
from marketplace.integrations import sheets
from tests import samples

MOMENT = datetime(2026, 1, 2, 3, 4)  # noqa: DTZ001 - a sheet has no time zone
MIDNIGHT = datetime(2026, 1, 2)  # noqa: DTZ001


def cells(content, name="a.xlsx", **more):
    return [row.cells for row in sheets.read(io.BytesIO(content), name, **more)]


def test_a_workbook_with_shared_strings_is_read():
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["名称", "数", "日", "时", "是", "率", "错"])
    sheet.append(["碳纤维", 0.1 + 0.2, date(2026, 11, 23), MOMENT, True, 0.995])
    sheet["F2"].number_format = "0.0%"
    sheet["G2"] = "=1/0"
    sheet["A4"] = "第四行"
    stream = io.BytesIO()
    book.save(stream)
    rows = list(sheets.read(io.BytesIO(stream.getvalue()), "a.xlsx"))
    assert [row.number for row in rows] == [1, 2, 4]
    assert rows[1].cells == (
        "碳纤维",
        Decimal("0.3"),
        date(2026, 11, 23),
        MOMENT,
        True,
        "99.5%",
        Fault("formula"),
    )
    assert rows[2].cells == ("第四行",)


def test_rich_text_is_joined_and_reading_aids_are_left_out():
    strings = (
        "<si><r><t>抗拉</t></r><r><t>强度</t></r><rPh><t>kang</t></rPh></si>"
        "<si><t>_x0041_=1</t></si>"
    )
    rows = '<row><c t="s"><v>0</v></c><c t="s"><v>1</v></c></row>'
    assert cells(samples.xlsx(rows, strings=strings)) == [("抗拉强度", "A=1")]


def test_a_formula_is_named_and_its_last_result_not_taken():
    rows = '<row r="3"><c r="B3"><f>1+1</f><v>2</v></c></row>'
    assert cells(samples.xlsx(rows)) == [(None, Fault("formula"))]


def test_a_formula_in_csv_is_named_but_a_disarmed_text_is_a_text():
    content = "a,b,c\n=1+1,'=1+1,-40～85℃\n".encode()
    assert cells(content, "a.csv")[1] == (Fault("formula", "=1+1"), "=1+1", "-40～85℃")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_csv_is_read_in_each_encoding_strictly(encoding):
    content = '名称,指标\r\n碳纤维,"≥600\nMPa"\r\n'.encode(encoding)
    assert cells(content, "数据.csv") == [("名称", "指标"), ("碳纤维", "≥600\nMPa")]


@pytest.mark.parametrize("sign", [",", ";", "\t"])
def test_csv_is_read_with_each_separator(sign):
    content = f"a{sign}b\n1{sign}2\n".encode()
    assert cells(content, "a.csv") == [("a", "b"), ("1", "2")]


@pytest.mark.parametrize(("name", "content", "code"), samples.BAD)
def test_no_refused_file_is_read(name, content, code):
    with pytest.raises(BadSheet) as caught:
        cells(content, name)
    assert caught.value.code == code


def test_a_picture_is_no_sheet():
    with pytest.raises(BadSheet) as caught:
        cells(samples.PNG, "a.png")
    assert caught.value.code == "type_not_accepted"


@pytest.mark.parametrize("prolog", [samples.DOCTYPE, samples.EXTERNAL])
def test_entities_in_a_sheet_are_refused(prolog):
    with pytest.raises(BadSheet) as caught:
        cells(samples.xlsx(prolog=prolog))
    assert caught.value.code == "damaged"


@pytest.mark.parametrize(
    "rows",
    [
        '<row r="1"><c r="A1" t="s"><v>7</v></c></row>',
        '<row r="1"><c r="A1" t="s"><v>-1</v></c></row>',
        '<row r="1"><c r="A1"><v>no number</v></c></row>',
        '<row r="1"><c r="A1"><v>NaN</v></c></row>',
        '<row r="1"><c r="A1"><v>1e999</v></c></row>',
        '<row r="x"><c r="A1"><v>1</v></c></row>',
        '<row r="1"><c r="1A"><v>1</v></c></row>',
        '<row r="1"><c r="A1" s="x"><v>1</v></c></row>',
        '<row r="1"><c r="A1" t="d"><v>yesterday</v></c></row>',
        '<row r="1"><c r="A1"><v>1</v></c>',
    ],
)
def test_a_damaged_sheet_is_an_error_and_not_a_crash(rows):
    with pytest.raises(BadSheet) as caught:
        cells(samples.xlsx(rows, strings="<si><t>a</t></si>"))
    assert caught.value.code == "damaged"


def test_a_date_out_of_range_is_an_error_and_not_a_crash():
    styles = '<cellXfs><xf numFmtId="14"/></cellXfs>'
    rows = '<row r="1"><c r="A1" s="0"><v>99999999999</v></c></row>'
    with pytest.raises(BadSheet) as caught:
        cells(samples.xlsx(rows, styles=styles))
    assert caught.value.code == "damaged"


def test_cells_far_to_the_right_are_refused():
    rows = '<row r="1"><c r="XFD1"><v>1</v></c></row>'
    with pytest.raises(BadSheet) as caught:
        cells(samples.xlsx(rows))
    assert caught.value.code == "too_many_columns"
    with pytest.raises(BadSheet) as caught:
        cells((",".join("a" * 300) + "\n").encode(), "a.csv")
    assert caught.value.code == "too_many_columns"


def test_rows_are_limited_and_a_gap_costs_nothing():
    rows = '<row r="1048576"><c r="A1048576"><v>1</v></c></row>'
    (row,) = sheets.read(io.BytesIO(samples.xlsx(rows)), "a.xlsx")
    assert row.number == 1_048_576
    with pytest.raises(BadSheet) as caught:
        cells(b"a\n" * 11, "a.csv", max_rows=10)
    assert (caught.value.code, caught.value.row) == ("too_many_rows", 11)


def test_a_cell_that_no_workbook_could_hold_is_named():
    long = "长" * (MAX_CELL + 1)
    inline = f'<c t="inlineStr"><is><t>{long}</t></is></c>'
    rows = f'<row>{inline}<c t="s"><v>0</v></c></row>'
    content = samples.xlsx(rows, strings=f"<si><t>{long}</t></si>")
    assert cells(content) == [(Fault("too_long"), Fault("too_long"))]
    assert cells(long.encode(), "a.csv") == [(Fault("too_long"),)]


CHARACTERS = st.characters(
    codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff"
)
TEXTS = st.text(alphabet=CHARACTERS | st.sampled_from("=+-@'"), max_size=30)


@pytest.mark.parametrize(
    ("media_type", "name"), [(sheets.CSV, "a.csv"), (sheets.XLSX, "a.xlsx")]
)
@settings(deadline=None, max_examples=30)
@given(rows=st.lists(st.lists(TEXTS, min_size=2, max_size=2), max_size=5))
def test_texts_come_back_as_they_were_written(media_type, name, rows):
    stream = io.BytesIO()
    assert sheets.write(stream, media_type, ["一", "二"], rows) == len(rows)
    read = list(sheets.read(stream, name))
    wanted = [tuple(t if t.strip() else None for t in row) for row in rows]
    padded = [
        tuple(row.cells[i] if i < len(row.cells) else None for i in (0, 1))
        for row in read[1:]
    ]
    assert padded == [row for row in wanted if any(row)]


def test_values_keep_their_types_in_a_workbook():
    stream = io.BytesIO()
    row = [Decimal("-12.50"), 7, date(2026, 1, 2), True, None, "-12.50", "=1"]
    sheets.write(stream, sheets.XLSX, ["a"] * 7, [row])
    sheet = openpyxl.load_workbook(stream).active
    assert [c.value for c in sheet[2]] == [
        -12.5, 7, MIDNIGHT, True, None, "-12.50", "=1",
    ]  # fmt: skip
    assert all(cell.data_type != "f" for cell in sheet[2])


FORMULAS = ['=HYPERLINK("a","b")', "+1+1", "-2+3", "@SUM(1)", " =1", "#N/A", "#1"]


def test_a_text_that_looks_like_a_formula_is_a_text_in_a_workbook():
    stream = io.BytesIO()
    rows = [[text, f"'{text}"] for text in FORMULAS]
    sheets.write(stream, sheets.XLSX, ["=1", "二"], rows)
    sheet = openpyxl.load_workbook(stream).active
    found = [cell for row in sheet.rows for cell in row]
    assert {cell.data_type for cell in found} == {"s"}
    assert [cell.value for cell in sheet["A"]] == ["=1", *FORMULAS]
    assert [cell.quotePrefix for cell in sheet["A"]] == [True] * 6 + [False] * 2
    part = zipfile.ZipFile(stream).read("xl/worksheets/sheet1.xml")
    assert b"<f" not in part
    assert cells(stream.getvalue())[1:] == [tuple(row) for row in rows]


def test_a_workbook_keeps_its_headings_in_view_and_its_columns_wide_enough():
    stream = io.BytesIO()
    rows = [["高强铝合金薄壁件", "x" * 500, 7]] * 300
    sheets.write(stream, sheets.XLSX, ["名称", "简介", "数"], iter(rows))
    sheet = openpyxl.load_workbook(stream).active
    assert sheet.freeze_panes == "A2"
    assert sheet.auto_filter.ref == "A1:C301"
    widths = [sheet.column_dimensions[letter].width for letter in "ABC"]
    assert widths == [18, 48, 8]
    assert sheet.max_row == 301


def test_csv_opens_in_spreadsheet_programs():
    stream = io.BytesIO()
    sheets.write(stream, sheets.CSV, ["名称"], [["=1"], [Decimal("1E+3")], [None]])
    assert stream.getvalue() == '\ufeff名称\r\n\'=1\r\n1000\r\n""\r\n'.encode()


def _shared(rows: int) -> bytes:
    strings = "".join(f"<si><t>{n} {'简介' * 100}</t></si>" for n in range(rows))
    body = "".join(
        f'<row r="{n + 1}"><c r="A{n + 1}" t="s"><v>{n}</v></c></row>'
        for n in range(rows)
    )
    return samples.xlsx(body, strings=strings)


@pytest.mark.parametrize("kind", ["shared", "csv"])
def test_memory_does_not_grow_with_the_rows(kind):
    peaks = []
    for rows in (2_000, 8_000):
        if kind == "shared":
            stream, name = io.BytesIO(_shared(rows)), "a.xlsx"
        else:
            line = "简介" * 100 + ",2\n"
            stream, name = io.BytesIO((line * rows).encode()), "a.csv"
        tracemalloc.start()
        count = sum(1 for _ in sheets.read(stream, name))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert count == rows
    assert peaks[1] < peaks[0] + 300_000
