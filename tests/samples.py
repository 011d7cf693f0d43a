"""Small files of every accepted type, and of many that are refused."""

from __future__ import annotations

import io
import zipfile

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01"
PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01"
_TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
_MAIN = "application/vnd.openxmlformats-officedocument.{kind}.main+xml"
_DOCUMENT = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
_SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def package(parts: dict[str, bytes], *, store: bool = False) -> bytes:
    """Pack parts as they are."""
    stream = io.BytesIO()
    method = zipfile.ZIP_STORED if store else zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return stream.getvalue()


def content_types(kind: str, *more: str) -> bytes:
    """Write the manifest of an Office file."""
    overrides = "".join(
        f'<Override PartName="/part{n}.xml" ContentType="{text}"/>'
        for n, text in enumerate((kind, *more))
    )
    return f'<Types xmlns="{_TYPES}">{overrides}</Types>'.encode()


SPREADSHEET = _MAIN.format(kind="spreadsheetml.sheet")
DOCUMENT = _MAIN.format(kind="wordprocessingml.document")
DEFAULT_ROWS = (
    '<row r="1"><c r="A1" t="inlineStr"><is><t>名称</t></is></c></row>'
    '<row r="2"><c r="A2"><v>1</v></c></row>'
)


def xlsx(
    rows: str = DEFAULT_ROWS,
    *,
    strings: str | None = None,
    styles: str | None = None,
    prolog: str = "",
    **more: bytes,
) -> bytes:
    """Write a workbook by hand: one sheet with these rows."""
    book = (
        f'<workbook xmlns="{_SHEET}" xmlns:r="{_DOCUMENT}"><sheets>'
        '<sheet name="数据" sheetId="1" r:id="rId1"/></sheets></workbook>'
    )
    relations = [("rId1", "worksheet", "worksheets/sheet1.xml")]
    parts = {
        "[Content_Types].xml": content_types(SPREADSHEET),
        "_rels/.rels": _relations([("rId1", "officeDocument", "xl/workbook.xml")]),
        "xl/workbook.xml": book.encode(),
        "xl/worksheets/sheet1.xml": (
            f'{prolog}<worksheet xmlns="{_SHEET}"><sheetData>{rows}</sheetData>'
            "</worksheet>"
        ).encode(),
    }
    if strings is not None:
        relations.append(("rId2", "sharedStrings", "sharedStrings.xml"))
        parts["xl/sharedStrings.xml"] = (
            f'<sst xmlns="{_SHEET}">{strings}</sst>'.encode()
        )
    if styles is not None:
        relations.append(("rId3", "styles", "/xl/styles.xml"))
        parts["xl/styles.xml"] = (
            f'<styleSheet xmlns="{_SHEET}">{styles}</styleSheet>'.encode()
        )
    parts["xl/_rels/workbook.xml.rels"] = _relations(relations)
    return package(parts | more)


def _relations(rows: list[tuple[str, str, str]]) -> bytes:
    body = "".join(
        f'<Relationship Id="{name}" Type="{_DOCUMENT}/{kind}" Target="{target}"/>'
        for name, kind, target in rows
    )
    return f'<Relationships xmlns="{_PACKAGE}">{body}</Relationships>'.encode()


def docx() -> bytes:
    """Write the least that is a Word document."""
    return package(
        {"[Content_Types].xml": content_types(DOCUMENT), "word/document.xml": b"<w/>"}
    )


def encrypted() -> bytes:
    """Mark the entries of a package as encrypted."""
    content = bytearray(xlsx())
    place = 0
    while (place := content.find(b"PK\x01\x02", place)) >= 0:
        content[place + 8] |= 1
        place += 4
    return bytes(content)


def bomb() -> bytes:
    """Write a small package that unfolds to 40 MB of zeros."""
    zeros = b"0" * (40 * 1024 * 1024)
    return xlsx(**{"xl/media/zeros.bin": zeros})


COMPOUND = bytes.fromhex("d0cf11e0a1b11ae1") + b"\x00" * 504
LOCKED = COMPOUND + "EncryptedPackage".encode("utf-16-le")
DOCTYPE = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'
EXTERNAL = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
GOOD = [
    ("说明.pdf", PDF, "application/pdf"),
    ("图.PNG", PNG, "image/png"),
    ("照片.jpg", JPEG, "image/jpeg"),
    ("照片.jpeg", JPEG, "image/jpeg"),
    (
        "方案.docx",
        docx(),
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ),
    (
        "数据.xlsx",
        xlsx(),
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ),
    ("数据.csv", "名称,值\n甲,1\n".encode(), "text/csv"),
    ("数据.csv", "名称,值\n甲,1\n".encode("gb18030"), "text/csv"),
    ("数据.csv", "名称,值\n甲,1\n".encode("utf-16"), "text/csv"),
    ("数据.txt", b"\xfe\xff" + "名称\t值\n".encode("utf-16-be"), "text/plain"),
    ("记录.txt", b"plain words\n", "text/plain"),
]
BAD = [
    ("空.txt", b"", "empty"),
    ("a.exe", b"MZ\x90\x00\x03\x00\x00\x00", "type_not_accepted"),
    ("a.txt", b"MZ\x90\x00\x03\x00\x00\x00", "type_not_accepted"),
    ("a.zip", package({"a.txt": b"a"}), "damaged"),
    ("a.docx", package({"[Content_Types].xml": content_types("text/xml")}),
     "type_not_accepted"),
    ("a.xls", COMPOUND, "old_format"),
    ("a.xlsx", COMPOUND, "old_format"),
    ("a.xlsx", LOCKED, "encrypted"),
    ("a.csv", "名称,值\n".encode("utf-16-le"), "unmarked_utf16"),
    ("a.txt", "名称,值\n".encode("utf-16-be"), "unmarked_utf16"),
    ("a.csv", b"\xff\xfe\x00\x00", "type_not_accepted"),
    ("a.pdf", PNG, "name_disagrees"),
    ("a.png", PDF, "name_disagrees"),
    ("a.docx", xlsx(), "name_disagrees"),
    ("a.html", b"<script>alert(1)</script>", "name_disagrees"),
    ("a", b"plain words", "name_disagrees"),
    ("a.docm", package({"[Content_Types].xml": content_types(
        "application/vnd.ms-word.document.macroEnabled.main+xml")}), "macros"),
    ("a.xlsx", package({"[Content_Types].xml": content_types(
        SPREADSHEET, "application/vnd.ms-office.vbaProject")}), "macros"),
    ("a.xlsx", xlsx(**{"xl/vbaProject.bin": b"x"}), "macros"),
    ("a.xlsx", bomb(), "zip_bomb"),
    ("a.xlsx", encrypted(), "encrypted"),
    ("a.xlsx", xlsx()[:-30], "damaged"),
    ("a.xlsx", package({"[Content_Types].xml": DOCTYPE.encode() + b"<Types/>"}),
     "damaged"),
    ("a.xlsx", package({"[Content_Types].xml": EXTERNAL.encode() + b"<Types/>"}),
     "damaged"),
]  # fmt: skip
