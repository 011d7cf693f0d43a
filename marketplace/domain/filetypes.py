"""What a file is, read from its content; a name is only asked to agree.

Everything here is the standard library: container formats are opened with limits on
what they may unfold to, XML is read by a parser that refuses document types, so that
neither a zip bomb nor an entity can do harm.
"""

from __future__ import annotations

import codecs
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO
from xml.parsers import expat

PDF = "application/pdf"
PNG = "image/png"
JPEG = "image/jpeg"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV = "text/csv"
TEXT = "text/plain"

EXTENSIONS: dict[str, tuple[str, ...]] = {
    PDF: (".pdf",),
    PNG: (".png",),
    JPEG: (".jpg", ".jpeg"),
    DOCX: (".docx",),
    XLSX: (".xlsx",),
    CSV: (".csv",),
    TEXT: (".txt",),
}
"""Every accepted type with the extensions that its name may have."""

_MAIN_PARTS = {
    f"{DOCX}.main+xml": DOCX,
    f"{XLSX}.main+xml": XLSX,
}
_COMPOUND = bytes.fromhex("d0cf11e0a1b11ae1")
_LOCKED = "EncryptedPackage".encode("utf-16-le")
"""The old container of Office; today's documents with a password lie in it too."""
_TEXTS = frozenset({".csv", ".txt"})
_ACTIVE = ("macroenabled", "vbaproject", "activex", "oleobject")
_CONTENT_TYPES = "[Content_Types].xml"
_CHUNK = 64 * 1024
MAX_ENTRIES = 5_000
MAX_UNZIPPED = 512 * 1024 * 1024
MAX_RATIO = 250
SMALL = 8 * 1024 * 1024
"""An entry smaller than this may have any ratio: a sheet of zeros packs very well."""


class BadFile(ValueError):
    """The content is refused; ``code`` is a stable word, the text is for logs."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True)
class FileType:
    """A recognised type.

    Parameters
    ----------
    media_type : str
    charset : str
        ``utf-8``, ``gb18030`` or ``utf-16`` for texts, else empty.
    """

    media_type: str
    charset: str = ""

    @property
    def header(self) -> str:
        """The value of a ``Content-Type`` header."""
        if not self.charset:
            return self.media_type
        return f"{self.media_type}; charset={self.charset}"


def recognise(stream: BinaryIO, filename: str) -> FileType:
    """Tell the type of a file from its content and check that its name agrees.

    Parameters
    ----------
    stream : seekable binary file
        Read from its beginning; left at its beginning.
    filename : str
        Already cleaned by ``clean_name``.

    Raises
    ------
    BadFile
        ``empty``, ``type_not_accepted``, ``old_format``, ``unmarked_utf16``,
        ``name_disagrees``, ``macros``, ``zip_bomb``, ``encrypted`` or ``damaged``.
    """
    try:
        stream.seek(0)
        start = stream.read(16)
        if not start:
            raise BadFile("empty", "the file is empty")
        found = _recognise(stream, start, _extension(filename))
    finally:
        stream.seek(0)
    if _extension(filename) not in EXTENSIONS[found.media_type]:
        raise BadFile(
            "name_disagrees",
            f"{filename!r} holds {found.media_type}; its name should end in "
            f"{' or '.join(EXTENSIONS[found.media_type])}",
        )
    return found


def _extension(filename: str) -> str:
    return PurePosixPath(filename).suffix.lower()


def _recognise(stream: BinaryIO, start: bytes, extension: str) -> FileType:
    if start.startswith(b"%PDF-"):
        return FileType(PDF)
    if start.startswith(b"\x89PNG\r\n\x1a\n") and start[12:16] == b"IHDR":
        return FileType(PNG)
    if start.startswith(b"\xff\xd8\xff"):
        return FileType(JPEG)
    if start.startswith(b"PK\x03\x04"):
        with open_package(stream) as package:
            return FileType(_package_type(package))
    if start.startswith(_COMPOUND):
        if _holds(stream, _LOCKED):
            raise BadFile("encrypted", "the document is encrypted")
        raise BadFile("old_format", "a document of Office before 2007")
    charset = text_charset(stream)
    if charset is None:
        if extension in _TEXTS and _is_unmarked_utf16(stream):
            raise BadFile("unmarked_utf16", "UTF-16 without a byte order mark")
        raise BadFile("type_not_accepted", "the content is of no accepted type")
    return FileType(CSV if extension == ".csv" else TEXT, charset)


def open_package(stream: BinaryIO) -> zipfile.ZipFile:
    """Open an Office Open XML file, refusing what would unfold without measure.

    ``zipfile`` never reads more of an entry than its header declares, so that the
    sum of the declared sizes is a bound on what anybody can be made to read.

    Raises
    ------
    BadFile
        ``damaged``, ``encrypted`` or ``zip_bomb``.
    """
    stream.seek(0)
    try:
        package = zipfile.ZipFile(stream)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise BadFile("damaged", f"not a readable package: {error}") from error
    entries = package.infolist()
    if len(entries) > MAX_ENTRIES:
        raise BadFile("zip_bomb", f"{len(entries)} entries in one package")
    if any(entry.flag_bits & 0x1 for entry in entries):
        raise BadFile("encrypted", "the package is encrypted")
    if sum(entry.file_size for entry in entries) > MAX_UNZIPPED:
        raise BadFile("zip_bomb", "the package unfolds to more than is accepted")
    for entry in entries:
        packed = max(1, entry.compress_size)
        if entry.file_size > SMALL and entry.file_size > MAX_RATIO * packed:
            raise BadFile("zip_bomb", f"{entry.filename!r} unfolds without measure")
    return package


def _package_type(package: zipfile.ZipFile) -> str:
    types: list[str] = []
    parse_part(
        package,
        _CONTENT_TYPES,
        lambda _, attributes: types.append(attributes.get("ContentType", "").lower()),
    )
    names = " ".join(package.namelist()).lower()
    if any(word in text for word in _ACTIVE for text in (*types, names)):
        raise BadFile("macros", "documents with macros or controls are not accepted")
    mains = {_MAIN_PARTS[text] for text in types if text in _MAIN_PARTS}
    if len(mains) != 1:
        raise BadFile("type_not_accepted", "neither a Word document nor a workbook")
    return mains.pop()


def parse_part(
    package: zipfile.ZipFile,
    name: str,
    element: Callable[[str, dict[str, str]], None],
) -> None:
    """Read a small part of a package; ``element`` gets local names and attributes.

    Raises
    ------
    BadFile
        ``damaged`` when the part is missing or is not plain XML.
    """
    parser = xml_parser()
    parser.StartElementHandler = lambda tag, attributes: element(
        local_name(tag), attributes
    )
    for _ in feeding(package, name, parser):
        pass


def xml_parser() -> expat.XMLParserType:
    """Make a parser that refuses document types, and with them all entities."""
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True

    def refuse(*_: object) -> None:
        raise BadFile("damaged", "document types and entities are not accepted")

    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    return parser


def local_name(tag: str) -> str:
    """Return a tag without its namespace: strict and transitional files differ."""
    return tag.rpartition(" ")[2]


def feeding(
    package: zipfile.ZipFile, name: str, parser: expat.XMLParserType
) -> Iterator[None]:
    """Push a part through a parser, a chunk in memory at a time, yielding after each.

    What the parser's handlers raise about the content comes out as ``BadFile``.

    Raises
    ------
    BadFile
        ``damaged`` when the part is missing, cut short or not what it should be.
    """
    try:
        part = package.open(name)
    except (KeyError, zipfile.BadZipFile, NotImplementedError, OSError) as error:
        raise BadFile("damaged", f"{name}: {error}") from error
    with part:
        ended = False
        while not ended:
            try:
                chunk = part.read(_CHUNK)
                ended = not chunk
                parser.Parse(chunk, ended)
            except BadFile:
                raise
            except _DAMAGE as error:
                raise BadFile("damaged", f"{name}: {error}") from error
            yield


_DAMAGE = (
    expat.ExpatError,
    zipfile.BadZipFile,
    zlib.error,
    OSError,
    EOFError,
    NotImplementedError,
    ValueError,
    LookupError,
    ArithmeticError,
)


def text_charset(stream: BinaryIO) -> str | None:
    """Return the encoding if the whole content is text in it, else None.

    UTF-8 is asked first, since nearly every UTF-8 text would also pass for GB18030.
    UTF-16 is what Excel calls "Unicode text"; it is only known by its mark. Control
    characters that no text holds (NUL above all) make it binary.
    """
    stream.seek(0)
    if stream.read(2) in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}:
        return "utf-16" if _decodes(stream, "utf-16") else None
    for charset in ("utf-8", "gb18030"):
        if _decodes(stream, charset):
            return charset
    return None


def _is_unmarked_utf16(stream: BinaryIO) -> bool:
    """Tell whether a content with NULs, which is no text, would be one in UTF-16."""
    return any(_decodes(stream, charset) for charset in ("utf-16-le", "utf-16-be"))


def _holds(stream: BinaryIO, wanted: bytes) -> bool:
    stream.seek(0)
    tail = b""
    while chunk := stream.read(_CHUNK):
        if wanted in tail + chunk:
            return True
        tail = chunk[-len(wanted) :]
    return False


_BINARY = frozenset(chr(n) for n in range(32)) - frozenset("\t\n\r\f\x1a")


def _decodes(stream: BinaryIO, charset: str) -> bool:
    stream.seek(0)
    decoder = codecs.getincrementaldecoder(charset)("strict")
    try:
        while chunk := stream.read(_CHUNK):
            if not _BINARY.isdisjoint(decoder.decode(chunk)):
                return False
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


MAX_NAME = 120
_DROPPED = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
"""Controls and format characters; among them those that reverse the reading order
and would let ``gpj.exe`` pass for ``exe.jpg``."""


def clean_name(name: str) -> str:
    """Return the last part of a path, fit to be shown and to be a header's value.

    The extension survives the cut to ``MAX_NAME`` characters. A name of nothing but
    dots and blanks comes back empty.
    """
    last = unicodedata.normalize("NFC", name).replace("\\", "/").rpartition("/")[2]
    kept = "".join(c for c in last if unicodedata.category(c) not in _DROPPED)
    kept = kept.strip(" .")
    stem, dot, extension = kept.rpartition(".")
    if not dot or not stem or len(extension) > 10:
        return kept[:MAX_NAME]
    return f"{stem[: MAX_NAME - len(extension) - 1].rstrip()}.{extension}"
