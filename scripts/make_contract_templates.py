#!/usr/bin/env python3
"""Make the Word templates of contracts, one a class.

    python scripts/make_contract_templates.py [folder]

The texts are our own, in the order of the Civil Code, article 845, and of the list of
clauses. A template holds headings and places to be filled, no terms: what the parties
have not agreed on stays blank, with the legal default as a drafting note beside it.
"""

from __future__ import annotations

import sys
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from docx import Document
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Pt, RGBColor

from marketplace.integrations.documents import TEMPLATES
from marketplace.integrations.documents.word import LETTERS, steady

BODY, HEAD = "宋体", "黑体"
WRITTEN = datetime(2026, 11, 22)  # noqa: DTZ001 - Word keeps no zone
NOTE_COLOUR = RGBColor(0x7F, 0x3F, 0x00)

NAMES = {
    "D": "技术开发合同",
    "T": "技术转让合同",
    "L": "技术许可合同",
    "C": "技术咨询合同",
    "S": "技术服务合同",
}
PREAMBLE = {
    "D": "就下述项目的研究开发",
    "T": "就下述技术权益的转让",
    "L": "就下述技术的实施许可",
    "C": "就下述项目的技术咨询",
    "S": "就下述项目的技术服务",
}

ALWAYS, IF_SAID = True, False
Article = tuple[str, str, bool, tuple[str, ...]]
"""Its key in the context, its heading, whether it always stands, its tables."""


def articles(letter: str) -> list[Article]:
    """Return the articles of a class in their order."""
    develops, moves = letter == "D", letter in {"T", "L"}
    subject = {
        "D": "研究开发的目标、内容、方法和要求",
        "T": "转让技术的内容、范围和要求",
        "L": "许可技术的内容、范围和要求",
        "C": "咨询的内容、范围和要求",
        "S": "服务的内容、范围和要求",
    }[letter]
    price = {
        "D": "研究开发经费、报酬及其支付方式",
        "T": "转让费及其支付方式",
        "L": "许可使用费及其支付方式",
        "C": "咨询报酬及其支付方式",
        "S": "服务报酬及其支付方式",
    }[letter]
    results = {
        "D": "技术成果的归属和收益的分配办法",
        "T": "权利的转移及收益的分配办法",
        "L": "权利的保留及收益的分配办法",
        "C": "新技术成果的归属和收益的分配办法",
        "S": "新技术成果的归属和收益的分配办法",
    }[letter]
    plan = {
        "D": "履行的计划、地点和方式",
        "T": "履行的期限、地点和技术资料的交付",
        "L": "履行的期限、地点和技术资料的交付",
        "C": "履行的期限、地点和方式",
        "S": "履行的期限、地点和方式",
    }[letter]
    return [
        ("NAME", "项目名称", ALWAYS, ()),
        ("SUBJECT", subject, ALWAYS, ()),
        ("RIGHTS", "涉及的专利和其他知识产权", moves, ("rights",)),
        ("LICENCE", "许可的方式、地域和期限", letter == "L", ()),
        ("PLAN", plan, ALWAYS, ("goods",)),
        ("TRAINEES", "培训对象", IF_SAID, ()),
        ("PRICE", price, ALWAYS, ("instalments", "costs")),
        ("ACCEPTANCE", "验收标准和方法", ALWAYS, ()),
        ("SECRECY", "技术信息和资料的保密", ALWAYS, ()),
        ("RESULTS", results, ALWAYS, ()),
        ("IMPROVEMENT", "后续改进成果的归属", develops or moves, ()),
        ("RISK", "风险责任的承担", develops, ()),
        ("SUBCONTRACT", "转委托的限制", letter in {"D", "C", "S"}, ()),
        ("PUBLIC_NOTICE", "技术公开时的通知", develops, ()),
        ("CHANGE", "合同的变更", ALWAYS, ()),
        ("BREACH", "违约责任", ALWAYS, ()),
        ("DISPUTE", "争议的解决", ALWAYS, ()),
        ("TERMS", "名词和术语的解释", ALWAYS, ()),
        ("MEDIATION", "中介条款", IF_SAID, ()),
    ]


COLUMNS = {
    "instalments": (
        "分期支付计划",
        ["期次", "对应交付物", "支付日期", "金额", "支付条件"],
    ),
    "costs": ("非技术性费用明细", ["类别", "名称", "金额"]),
    "goods": ("随附设备、材料", ["名称", "数量", "是否技术载体"]),
    "rights": (
        "知识产权明细",
        [
            "类型",
            "名称",
            "申请人",
            "权利人",
            "申请日期",
            "申请号",
            "专利号或登记号",
            "有效期至",
            "法律状态",
        ],
    ),
    "documents": ("附件材料", ["类别", "文件"]),
}


def _xml(thing: Any) -> Any:
    """Return the element behind an object: fields and faces need it."""
    return thing._element  # noqa: SLF001 - python-docx has no public name for it


def _face(run: Any, face: str, size: float) -> Any:
    run.font.name, run.font.size = face, Pt(size)
    _xml(run).get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), face)
    return run


def _line(
    document: Any, text: str, *, indent: bool = True, face: str = BODY, size: float = 12
) -> Any:
    paragraph = document.add_paragraph()
    paragraph.paragraph_format.space_after = Pt(3)
    paragraph.paragraph_format.line_spacing = 1.4
    if indent:
        paragraph.paragraph_format.first_line_indent = Pt(24)
    _face(paragraph.add_run(text), face, size)
    return paragraph


def _heading(document: Any, text: str) -> None:
    paragraph = _line(document, text, indent=False, face=HEAD)
    paragraph.paragraph_format.keep_with_next = True
    paragraph.runs[0].font.bold = True


def _tag(document: Any, text: str) -> None:
    """Add a paragraph that docxtpl takes out: it opens or closes a block."""
    document.add_paragraph().add_run(text)


def _cell(cell: Any, text: str, *, bold: bool = False, size: float = 10.5) -> None:
    paragraph = cell.paragraphs[0]
    _face(paragraph.add_run(text), HEAD if bold else BODY, size)


def _heading_row(row: Any) -> None:
    """Repeat the row at the top of each page."""
    mark = OxmlElement("w:tblHeader")
    mark.set(qn("w:val"), "true")
    _xml(row).get_or_add_trPr().append(mark)


def _table(document: Any, name: str) -> None:
    title, headings = COLUMNS[name]
    size = 8 if len(headings) > 6 else 10.5
    _tag(document, f"{{%p if tables.{name}.rows %}}")
    _line(document, f"{title}：", face=HEAD)
    table = document.add_table(rows=4, cols=len(headings), style="Table Grid")
    for index, heading in enumerate(headings):
        _cell(table.rows[0].cells[index], heading, bold=True, size=size)
        place = f"{{{{ row[{index}] }}}}"
        _cell(table.rows[2].cells[index], place, size=size)
    _heading_row(table.rows[0])
    _cell(table.rows[1].cells[0], f"{{%tr for row in tables.{name}.rows %}}")
    _cell(table.rows[3].cells[0], "{%tr endfor %}")
    _tag(document, "{%p endif %}")


def _pairs(document: Any, rows: str) -> None:
    """Add a table of labels and values."""
    table = document.add_table(rows=3, cols=2, style="Table Grid")
    _cell(table.rows[0].cells[0], f"{{%tr for line in {rows} %}}")
    _cell(table.rows[1].cells[0], "{{ line[0] }}", bold=True)
    _cell(table.rows[1].cells[1], "{{ line[1] }}")
    _cell(table.rows[2].cells[0], "{%tr endfor %}")
    for row in table.rows:
        row.cells[0].width, row.cells[1].width = Cm(4.6), Cm(11.4)


def _article(document: Any, entry: Article) -> None:
    key, heading, always, tables = entry
    place = f"articles.{key}"
    if not always:
        _tag(document, f"{{%p if {place}.shown %}}")
    _heading(document, f"{{{{ article() }}}}　{heading}")
    _tag(document, f"{{%p for text in {place}.texts %}}")
    _line(document, "{{ text }}")
    _tag(document, "{%p endfor %}")
    for name in tables:
        _table(document, name)
    _tag(document, f"{{%p for note in {place}.notes %}}")
    note = _line(document, "{{ note }}", size=10.5).runs[0]
    note.font.italic, note.font.color.rgb = True, NOTE_COLOUR
    _tag(document, "{%p endfor %}")
    if not always:
        _tag(document, "{%p endif %}")


def _page_number(paragraph: Any) -> None:
    run = _face(paragraph.add_run(), BODY, 9)
    for kind, text in (("begin", ""), ("", "PAGE"), ("end", "")):
        if kind:
            part = OxmlElement("w:fldChar")
            part.set(qn("w:fldCharType"), kind)
        else:
            part = OxmlElement("w:instrText")
            part.text = text
        _xml(run).append(part)


def _frame(document: Any) -> None:
    section = document.sections[0]
    section.page_width, section.page_height = Cm(21), Cm(29.7)
    section.left_margin = section.right_margin = Cm(2.5)
    section.top_margin = section.bottom_margin = Cm(2.5)
    normal = document.styles["Normal"]
    normal.font.name, normal.font.size = BODY, Pt(12)
    normal.element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), BODY)
    header = section.header.paragraphs[0]
    header.alignment = WD_ALIGN_PARAGRAPH.RIGHT
    told = "第 {{ version }} 版　草案文本，以各方签字盖章的文本为准"
    _face(header.add_run(told), BODY, 9)
    footer = section.footer.paragraphs[0]
    footer.alignment = WD_ALIGN_PARAGRAPH.CENTER
    _page_number(footer)


def _opening(document: Any, letter: str) -> None:
    title = _line(document, "{{ heading }}", indent=False, face=HEAD, size=20)
    title.alignment = WD_ALIGN_PARAGRAPH.CENTER
    for text in (
        "合同编号：{{ contract_no }}",
        "项目名称：{{ title }}",
        "签订日期：{{ signed_on }}",
    ):
        _line(document, text, indent=False)
    _tag(document, "{%p for party in parties %}")
    _line(document, "{{ party.label }}", indent=False, face=HEAD)
    _pairs(document, "party.lines")
    _line(document, "", indent=False)
    _tag(document, "{%p endfor %}")
    _line(
        document,
        f"各方{PREAMBLE[letter]}，根据《中华人民共和国民法典》的规定，"
        "经协商一致，订立本合同。",
    )


def _closing(document: Any) -> None:
    ends = (
        ("{{ article() }}　附件", "documents"),
        ("{{ article() }}　其他约定", ""),
    )
    for heading, table in ends:
        _heading(document, heading)
        if table:
            _tag(document, f"{{%p if not tables.{table}.rows %}}")
            _line(document, "________")
            _tag(document, "{%p endif %}")
            _table(document, table)
        else:
            _line(document, "{{ remarks }}")
    _heading(document, "签字盖章")
    _tag(document, "{%p for party in parties %}")
    _line(document, "{{ party.label }}（盖章）：________________", indent=False)
    told = "法定代表人或者委托代理人（签字）：________________　　____年__月__日"
    _line(document, told, indent=False)
    _tag(document, "{%p endfor %}")
    _heading(document, "附：登记与统计要素")
    _pairs(document, "facts")


def build(letter: str) -> bytes:
    """Return the template of a class; the same bytes each time."""
    document = Document()
    _frame(document)
    _opening(document, letter)
    for entry in articles(letter):
        _article(document, entry)
    _closing(document)
    told = document.core_properties
    told.title, told.author, told.comments = NAMES[letter], "Jiebang", ""
    told.created = told.modified = WRITTEN
    stream = BytesIO()
    document.save(stream)
    return steady(stream.getvalue())


def main(arguments: list[str]) -> int:
    """Write all templates into a folder, by default where the application reads."""
    folder = Path(arguments[0]) if arguments else TEMPLATES
    folder.mkdir(parents=True, exist_ok=True)
    for letter in LETTERS:
        path = folder / f"contract_{letter}.docx"
        path.write_bytes(build(letter))
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
