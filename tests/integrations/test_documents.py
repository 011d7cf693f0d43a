"""Papers as files: every value is in them, nothing typed is more than text."""

from __future__ import annotations

import hashlib
import importlib.abc
import io
import os
import re
import shutil
import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path
from zipfile import ZipFile

import openpyxl
import pytest
from docx import Document
from docx.table import Table
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from marketplace.domain.contracts import CLASSES, RegistrationState
from marketplace.errors import DocumentsUnavailable, Invalid
from marketplace.integrations import sheets
from marketplace.integrations.documents import TEMPLATES, pdf, printable, word
from marketplace.models.registrations import Registration
from marketplace.services import contract_papers as papers
from marketplace.services.contract_contents import CONTENT
from marketplace.services.contract_records import Record
from marketplace.services.fields import Code, Codes, Items, Part, Words
from scripts import make_contract_templates
from tests import drafts
from tests.drafts import KINDS
from tests.printing import needs_print

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = (
    "{{ 7*7 }} {% for x in y %} {_{ 7*7 }_} {_% raw %_} {# gone #} {{article()}}"
    " <w:p><w:t>x</w:t></w:p> &amp; &#65; <script>alert(1)</script> \"'"
    ' <img src="file:///etc/hostname"> %}}'
)
CONTROL = "前\x07\x0b\x0c\x1b\x01后"


class OwnNames:
    """Names of codes without a store: told apart from the codes themselves."""

    def __call__(self, list_id, code):
        return f"{list_id}·{code}" if code else ""


def known(values, **more):
    return Record(
        contract_no="HT2026000001",
        state="EFFECTIVE",
        number=3,
        moment=drafts.WRITTEN,
        values=values,
        names=OwnNames(),
        **more,
    )


def registered(values):
    entry = Registration(
        state=RegistrationState.REGISTERED,
        reg_no="2026370000000001",
        registered_on=date(2026, 11, 23),
        version_number=3,
        total_yuan=values["total_yuan"],
        technical_yuan=values["technical_yuan"],
    )
    return known(values, registration=entry, registry="海岱技术合同登记处（演示）")


def draft(values):
    return word.draft(papers.draft_context(known(values)))


PRINTERS = {
    "form": lambda r: pdf.registration_form(papers.registration_form(r, {})),
    "sheet": lambda r: pdf.data_sheet(papers.data_sheet(r)),
    "certificate": lambda r: pdf.certificate(papers.certificate(r)),
}


def printed(name, record):
    """Return one of the papers that are printed."""
    return PRINTERS[name](record)


def lines_of(content):
    """Return the texts of a Word file, one a paragraph or cell, in their order."""
    document = Document(io.BytesIO(content))
    parts = [document.sections[0].header, document, document.sections[0].footer]
    found = []
    for part in parts:
        for block in part.iter_inner_content():
            if isinstance(block, Table):
                found += [cell.text for row in block.rows for cell in row.cells]
            else:
                found.append(block.text)
    return found


def leaves(table, values, skipped=()):
    """Yield what each filled field of a contract must look like on paper."""
    for field in table:
        value = values[field.name]
        if field.name in skipped:
            continue
        if isinstance(field, Items):
            for row in value:
                yield from leaves(field.table, row, skipped)
        elif isinstance(field, Part):
            if value:
                yield from leaves(field.table, value, skipped)
        elif isinstance(field, Code):
            yield OwnNames()(field.list_id or field.name, value)
        elif isinstance(field, Codes):
            yield from (OwnNames()(field.list_id or field.name, c) for c in value)
        elif isinstance(value, date):
            yield f"{value.year}年{value.month}月{value.day}日"
        elif isinstance(value, Decimal) and field.name == "rate_percent":
            yield "3.5 %"
        elif isinstance(value, Decimal):
            yield f"{value:,.2f} 元"
        elif isinstance(value, list):
            yield from value
        elif isinstance(value, str):
            yield value


def text_of(content):
    pages = PdfReader(io.BytesIO(content)).pages
    return re.sub(r"\s", "", "".join(page.extract_text() for page in pages))


@pytest.mark.parametrize("kind", KINDS)
def test_every_value_of_a_contract_is_in_its_draft(kind):
    values = drafts.filled(kind)
    content = draft(values)
    whole = "\n".join(lines_of(content))
    # Sides are headings, and clauses stand under the articles of their names.
    skipped = {"side", "paid_by", "code", "state"}
    wanted = {leaf for leaf in leaves(CONTENT, values, skipped) if leaf}
    assert len(wanted) > 70
    assert {leaf for leaf in wanted if leaf not in whole} == set()
    assert CLASSES[kind[0]].zh in whole


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_of_a_template_is_left_in_a_draft(kind):
    for values in (drafts.filled(kind), drafts.empty(kind)):
        content = draft(values)
        with ZipFile(io.BytesIO(content)) as parts:
            for name in parts.namelist():
                part = parts.read(name)
                for mark in (b"{{", b"}}", b"{%", b"%}", b"{_", b">None<", b"jinja"):
                    assert mark not in part, (name, mark)


@pytest.mark.parametrize("kind", ["D", "T", "L", "C", "S"])
def test_an_empty_contract_makes_a_draft_to_be_filled_by_hand(kind):
    lines = lines_of(draft(drafts.empty(kind)))
    assert "________" in lines
    assert not any("None" in line for line in lines)
    assert any(line.startswith("【起草提示】") for line in lines)
    numbered = [line for line in lines if re.match(r"第.+条　", line)]
    expected = [f"第{word.chinese_number(n + 1)}条" for n in range(len(numbered))]
    assert [line.partition("　")[0] for line in numbered] == expected
    assert len(numbered) >= 13


def with_texts(values, text):
    """Return the values with every free text replaced."""

    def replaced(table, row):
        found = dict(row)
        for field in table:
            value = row[field.name]
            if isinstance(field, Items):
                found[field.name] = [replaced(field.table, r) for r in value]
            elif isinstance(field, Part):
                found[field.name] = replaced(field.table, value) if value else value
            elif isinstance(field, Words) and field.name != "region" and value:
                found[field.name] = text
        return found

    return replaced(CONTENT, values)


def shape(content):
    """Return the elements of a Word file without their texts."""
    with ZipFile(io.BytesIO(content)) as parts:
        return re.findall(r"<[/\w:]+", parts.read("word/document.xml").decode())


@pytest.mark.parametrize("kind", KINDS)
def test_what_users_type_is_printed_as_typed_and_is_never_markup(kind):
    values = drafts.filled(kind)
    harmless = draft(with_texts(values, "正常文字"))
    attacked = draft(with_texts(values, HOSTILE))
    assert shape(attacked) == shape(harmless)
    expected = [line.replace("正常文字", HOSTILE) for line in lines_of(harmless)]
    assert lines_of(attacked) == expected
    assert sum(HOSTILE in line for line in expected) > 40


def test_control_characters_are_shown_and_break_no_file():
    lines = lines_of(draft(drafts.filled(title=CONTROL, remarks="一\r\n二\t三")))
    assert "前\ufffd\ufffd\ufffd\ufffd\ufffd后" in lines
    assert "一\n二\t三" in lines


@settings(max_examples=15, deadline=None)
@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=40))
def test_any_text_that_a_contract_can_hold_makes_a_file_that_says_it(text):
    said = printable(text)
    lines = lines_of(draft(drafts.filled("C", title=text, acceptance=text)))
    assert said in lines
    assert f"项目名称：{said}" in lines


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_contract_gives_the_same_draft(kind):
    assert draft(drafts.filled(kind)) == draft(drafts.filled(kind))


@needs_print
def test_another_process_makes_the_same_files():
    program = "from tests.integrations import test_documents as t; print(t.digests())"
    assert run(program, PYTHONHASHSEED="1").strip() == str(digests())


def digests():
    """Return the digest of one file of each sort."""
    values = drafts.filled()
    files = [draft(values), *(printed(n, registered(values)) for n in PRINTERS)]
    return [hashlib.sha256(content).hexdigest() for content in files]


def run(program, **environment):
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("letter", word.LETTERS)
def test_the_templates_are_those_that_the_script_makes(letter):
    def parts(content):
        with ZipFile(content) as opened:
            return {name: opened.read(name) for name in opened.namelist()}

    built = make_contract_templates.build(letter)
    kept = TEMPLATES / f"contract_{letter}.docx"
    assert parts(io.BytesIO(built)) == parts(kept)


def test_the_template_script_writes_one_file_a_class(tmp_path, capsys):
    assert make_contract_templates.main([str(tmp_path)]) == 0
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [f"contract_{letter}.docx" for letter in sorted(word.LETTERS)]
    assert len(capsys.readouterr().out.splitlines()) == 5


@needs_print
def test_the_data_sheet_says_everything_that_the_contract_says():
    values = drafts.filled()
    sheet = text_of(printed("sheet", registered(values)))
    wanted = {leaf for leaf in leaves(CONTENT, values, {"side", "paid_by"}) if leaf}
    lost = {leaf for leaf in wanted if re.sub(r"\s", "", leaf) not in sheet}
    assert lost == set()


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("form", ["projectname", "高真空压铸铝硅合金", "1,200,000.00", "buyer_scale"]),
        (
            "certificate",
            [
                "技术合同登记证明",
                "2026370000000001",
                "人民币壹佰贰拾万元整",
                "人民币壹佰万元整",
                "1,000,000.00元",
                "海岱技术合同登记处（演示）",
                "2026年11月23日",
            ],
        ),
    ],
)
@needs_print
def test_forms_and_certificates_can_be_read_back(name, texts):
    said = text_of(printed(name, registered(drafts.filled())))
    assert [text for text in texts if text not in said] == []


def fonts_of(content):
    """Return the fonts of a PDF file: their families and whether they are in it."""
    found = {}
    for page in PdfReader(io.BytesIO(content)).pages:
        for reference in page["/Resources"]["/Font"].values():
            descendant = reference.get_object()["/DescendantFonts"][0].get_object()
            told = descendant["/FontDescriptor"].get_object()
            files = [told.get(name) for name in ("/FontFile2", "/FontFile3")]
            data = [f.get_object().get_data() for f in files if f is not None]
            found[str(told["/FontFamily"])] = sum(len(d) for d in data)
    return found


@pytest.mark.parametrize("name", PRINTERS)
@needs_print
def test_printed_papers_are_a4_and_carry_their_fonts(name):
    content = printed(name, registered(drafts.filled()))
    fonts = fonts_of(content)
    assert fonts
    assert all(size > 1000 for size in fonts.values()), fonts
    for page in PdfReader(io.BytesIO(content)).pages:
        assert [round(float(x)) for x in page.mediabox[2:]] == [595, 842]


RIGHT_MARGIN = 595.3 - 18 / 25.4 * 72
"""A4 less the margin of the page, in points."""


def right_ends(content):
    """Return where each piece of text on a page ends, in points from the left."""
    found = []

    def note(text, matrix, inner, _font, size):
        said = text.rstrip("\n")
        wide = sum(1 if ord(sign) > 0x2E80 else 0.5 for sign in said)
        scale = matrix[0] * inner[0]
        found.append((inner[4] * matrix[0] + matrix[4] + wide * size * scale, said))

    for page in PdfReader(io.BytesIO(content)).pages:
        page.extract_text(visitor_text=note)
    return [end for end, said in found if said.strip()]


@pytest.mark.parametrize("name", PRINTERS)
@needs_print
def test_nothing_is_printed_right_of_the_margin(name):
    ends = right_ends(printed(name, registered(drafts.filled())))
    assert len(ends) > 10
    assert max(ends) <= RIGHT_MARGIN


@needs_print
def test_a_printed_paper_dates_from_its_record():
    content = printed("sheet", registered(drafts.filled()))
    told = PdfReader(io.BytesIO(content)).metadata
    assert told.creation_date.isoformat().startswith("2026-11-23T01:30:00")
    assert told.title == "技术合同数据表"


@pytest.mark.parametrize("name", PRINTERS)
@needs_print
def test_what_users_type_is_text_on_printed_papers_too(name):
    content = printed(name, registered(with_texts(drafts.filled(), HOSTILE)))
    assert re.sub(r"\s", "", HOSTILE) in text_of(content)
    assert not any(page.images for page in PdfReader(io.BytesIO(content)).pages)


@needs_print
def test_control_characters_are_shown_on_printed_papers():
    content = printed("certificate", registered(drafts.filled(title=CONTROL)))
    assert "前\ufffd\ufffd\ufffd\ufffd\ufffd后" in text_of(content)


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1/x.png",
        "https://example.org/x.css",
        "file:///etc/hostname",
        "data:text/css,body{}",
        "font:own",
    ],
)
@needs_print
def test_a_paper_fetches_nothing(address):
    with pytest.raises(ValueError, match="fetch nothing"):
        pdf._fetcher(None).fetch(address)


@needs_print
def test_the_long_text_of_a_clause_runs_on_over_pages():
    long = "保密义务" * 1000
    clauses = [{"code": "SECRECY", "state": "PRESENT", "text": long}]
    content = printed("sheet", registered(drafts.filled(clauses=clauses)))
    assert text_of(content).count("保密义务") == 1000


@needs_print
def test_a_word_longer_than_a_line_is_broken_and_printed_whole():
    content = printed("sheet", registered(drafts.filled(subject="A1" * 2000)))
    assert text_of(content).replace("\u200b", "").count("A1") == 2000


@needs_print
def test_what_would_take_minutes_to_print_is_refused():
    clauses = [{"code": "SECRECY", "state": "PRESENT", "text": "密\n" * 2000}]
    with pytest.raises(Invalid) as refused:
        printed("sheet", registered(drafts.filled(clauses=clauses * 2)))
    assert "Word" in refused.value.detail.zh


@needs_print
def test_a_character_without_any_glyph_is_an_error_that_names_it():
    with pytest.raises(DocumentsUnavailable) as refused:
        printed("form", registered(drafts.filled(title="合金\U0010fffd")))
    assert refused.value.status == 503
    assert "U+10FFFD" in refused.value.detail.zh
    assert "U+10FFFD" in refused.value.detail.en


WITHOUT_FONTS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{empty}</dir><cachedir>{empty}</cachedir></fontconfig>"""
PRINT = """
import sys
from pathlib import Path
from marketplace.errors import DocumentsUnavailable, Invalid
from marketplace.integrations.documents import pdf
from marketplace.services import contract_papers as papers
from tests import drafts
from tests.integrations import test_documents as t
font = Path(sys.argv[1]) if len(sys.argv) > 1 else None
paper = papers.certificate(t.registered(drafts.filled()))
try:
    content = pdf.certificate(paper, font=font)
except DocumentsUnavailable as error:
    print("refused", error.detail.en)
else:
    print("made", sorted(t.fonts_of(content)), "壹佰贰拾万元整" in t.text_of(content))
"""


@pytest.fixture
def fontless(tmp_path):
    """Print where fontconfig knows of no font, with a font file or without."""
    config = tmp_path / "fonts.conf"
    config.write_text(WITHOUT_FONTS.format(empty=tmp_path / "none"))

    def make(*font):
        done = subprocess.run(
            [sys.executable, "-c", PRINT, *map(str, font)],
            cwd=ROOT,
            env={**os.environ, "FONTCONFIG_FILE": str(config)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()[-1]

    return make


@needs_print
def test_without_a_chinese_font_there_is_an_error_and_no_blank_boxes(fontless):
    answer = fontless()
    assert answer.startswith("refused this server has no Chinese font")
    assert "fonts-noto-cjk" in answer
    assert "JIEBANG_FONT" in answer


FC_MATCH = shutil.which("fc-match") or "fc-match"


def chinese_font():
    done = subprocess.run(
        [FC_MATCH, "-f", "%{file}", ":lang=zh-cn"],
        capture_output=True,
        text=True,
        check=True,
    )
    return Path(done.stdout)


@needs_print
def test_a_font_file_of_the_setting_is_used_where_the_system_has_none(fontless):
    answer = fontless(chinese_font())
    assert answer.startswith("made")
    assert answer.endswith("True")


@needs_print
def test_a_file_that_is_no_chinese_font_is_refused_by_name(tmp_path):
    broken = tmp_path / "broken.ttf"
    broken.write_bytes(b"\x00\x01\x00\x00 this is no font")
    paper = papers.certificate(registered(drafts.filled()))
    for font in (broken, tmp_path / "absent.otf"):
        with pytest.raises(DocumentsUnavailable, match=r"JIEBANG_FONT.*\.(ttf|otf)"):
            pdf.certificate(paper, font=font)


@pytest.mark.parametrize("name", ["docxtpl", "weasyprint"])
def test_a_server_without_the_extra_names_it(monkeypatch, name):
    monkeypatch.setitem(sys.modules, name, None)
    make = {
        "docxtpl": lambda: draft(drafts.filled()),
        "weasyprint": lambda: printed("form", registered(drafts.filled())),
    }[name]
    with pytest.raises(DocumentsUnavailable) as refused:
        make()
    assert refused.value.status == 503
    assert "jiebang[documents]" in refused.value.detail.zh
    assert "jiebang[documents]" in refused.value.detail.en


class WithoutPango(importlib.abc.MetaPathFinder):
    """Fails as WeasyPrint does when a library of the system is not there."""

    def find_spec(self, fullname, *_rest):
        if fullname == "weasyprint":
            raise OSError("cannot load library 'libpango-1.0-0'")


def test_a_server_without_pango_is_told_which_packages_to_install(monkeypatch):
    monkeypatch.delitem(sys.modules, "weasyprint")
    monkeypatch.setattr(sys, "meta_path", [WithoutPango(), *sys.meta_path])
    with pytest.raises(DocumentsUnavailable) as refused:
        printed("form", registered(drafts.filled()))
    assert "libpangoft2-1.0-0" in refused.value.detail.zh
    assert "libpango-1.0-0" in refused.value.detail.en


def test_nothing_of_the_extra_is_loaded_before_it_is_needed():
    program = (
        "import sys; import marketplace.integrations.documents.word;"
        "import marketplace.integrations.documents.pdf; import marketplace.app;"
        "print(sorted({'docx', 'docxtpl', 'weasyprint'} & set(sys.modules)))"
    )
    assert run(program).strip() == "[]"


FORMULAS = ("=1+1", "+SUM(A1)", "-2+3", "@cmd", "=HYPERLINK(0)", "'=1")


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_formula_in_a_contract_is_text_in_the_sheet_of_forms(session, world, formula):
    values = with_texts(drafts.filled(), formula)
    contract = drafts.store(session, world.org("firm").id, values)
    headings = papers.export_headings()

    def written(media_type):
        stream = io.BytesIO()
        rows = papers.rows(session, [contract], on=date(2026, 11, 23))
        sheets.write(stream, media_type, headings, rows, title="registration-forms")
        return stream

    book = openpyxl.load_workbook(written(sheets.XLSX))
    header, row = book.active.iter_rows()
    assert [cell.value for cell in header] == headings
    assert not [cell for cell in row if cell.data_type == "f"]
    amount = row[headings.index("合同成交总额（元） totalamount")]
    assert amount.value == 1200000
    back = list(sheets.read(io.BytesIO(written(sheets.CSV).getvalue()), "a.csv"))
    assert back[1].cells[1] == formula
