"""Forms and certificates as PDF, from our own HTML (WeasyPrint).

The Chinese font is embedded. By default it is one that fontconfig knows, the first of
``FAMILIES`` that is installed; a path in ``JIEBANG_FONT`` goes before them. A page on
which some character has no glyph is not given out: a blank box on a certificate is
worse than an error that names what to install. The HTML reads no file and no address,
and the same paper gives the same bytes.
"""

from __future__ import annotations

import ctypes
import re
import warnings
from collections.abc import Iterable, Mapping
from ctypes.util import find_library
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from marketplace.errors import DocumentsUnavailable, Invalid, Text
from marketplace.integrations.documents import (
    TEMPLATES,
    missing_library,
    printable,
)

if TYPE_CHECKING:
    from jinja2 import Environment

FAMILIES = (
    "Noto Sans CJK SC",
    "Source Han Sans SC",
    "Noto Serif CJK SC",
    "WenQuanYi Zen Hei",
    "SimSun",
    "sans-serif",
)
OWN_FAMILY = "Jiebang Paper"
_FONT_URL = "font:own"
MOST = 200_000
"""Characters that a paper may have: about a hundred pages, set within 30 seconds."""
_LINE = 60
_LONG_WORD = re.compile(r"[^\s\u2e80-\uffef]{30}(?=\S)")
_SAMPLE = "技术合同登记证明壹贰叁肆元角分整"

_NO_PANGO = Text(
    "缺少排版库：请安装系统软件包 libpango-1.0-0、libpangoft2-1.0-0"
    " 和 libharfbuzz-subset0（{reason}）",
    "a typesetting library is missing: install the system packages libpango-1.0-0,"
    " libpangoft2-1.0-0 and libharfbuzz-subset0 ({reason})",
)
_BAD_FONT = Text(
    "JIEBANG_FONT：{path} 不是可用的中文字体文件（ttf、otf 或 ttc）",
    "JIEBANG_FONT: {path} is no font file (ttf, otf or ttc) with Chinese characters",
)
_TOO_LONG = Text(
    f"内容过长（超过 {MOST} 字，换行按 {_LINE} 字计），不能打印；请改用 Word 草案",
    f"longer than {MOST} characters (a line end counts as {_LINE}) and not printed;"
    " take the draft for Word",
)
_NO_FONT = Text(
    "本服务器没有中文字体：请安装（如 fonts-noto-cjk），或用 JIEBANG_FONT 指定字体文件",
    "this server has no Chinese font: install one (such as the package"
    " fonts-noto-cjk) or name a font file in JIEBANG_FONT",
)
_NO_GLYPH = Text(
    "没有字体能显示这些字符：{letters}。请安装中文字体（如 fonts-noto-cjk），"
    "或用 JIEBANG_FONT 指定字体文件",
    "no font has these characters: {letters}. Install a Chinese font (such as the"
    " package fonts-noto-cjk) or name a font file in JIEBANG_FONT",
)


def registration_form(form: Mapping[str, Any], *, font: Path | None = None) -> bytes:
    """Print the registration form 技术合同登记表; for the errors see ``render``."""
    return render("registration_form.html", form, font=font)


def data_sheet(sheet: Mapping[str, Any], *, font: Path | None = None) -> bytes:
    """Print the data sheet 合同数据表; for the errors see ``render``."""
    return render("data_sheet.html", sheet, font=font)


def certificate(paper: Mapping[str, Any], *, font: Path | None = None) -> bytes:
    """Print the certificate 登记证明; for the errors see ``render``."""
    return render("certificate.html", paper, font=font)


def render(template: str, paper: Mapping[str, Any], *, font: Path | None) -> bytes:
    """Lay out a paper on A4.

    Parameters
    ----------
    template : str
        One of our templates.
    paper : mapping
        Finished texts, from ``services.contract_papers``; ``written`` dates the file.
    font : Path, optional
        A font file that goes before those of the system.

    Raises
    ------
    DocumentsUnavailable
        The extra or a system library is not installed, the font file is none, or no
        font has some character of the paper.
    Invalid
        The paper is too long to be set while somebody waits; the draft for Word has
        no such limit.
    """
    if _size(paper) > MOST:
        raise Invalid(_TOO_LONG)
    weasyprint = _library()
    if font is not None:
        _check_font(font)
    elif not _has_chinese_font():
        raise DocumentsUnavailable(_NO_FONT)
    html = (
        _environment()
        .get_template(template)
        .render(
            paper=_printable(paper),
            has_font=font is not None,
            family=OWN_FAMILY,
            font_url=_FONT_URL,
            families=([OWN_FAMILY] if font else []) + list(FAMILIES),
        )
    )
    fetcher = _fetcher(font)
    document = weasyprint.HTML(string=html, url_fetcher=fetcher).render()
    content: bytes = document.write_pdf()
    missing = sorted({c for used in document.fonts.values() for c in used.missing})
    if missing:
        raise DocumentsUnavailable(_NO_GLYPH.format(letters=_listed(missing)))
    return content


def _library() -> Any:
    try:
        with warnings.catch_warnings():
            # That there are no fonts is told by our own error, once something is
            # to be printed.
            warnings.filterwarnings("ignore", "No fonts configured in FontConfig")
            import weasyprint  # noqa: PLC0415 - of an extra
    except ImportError as error:
        raise missing_library("weasyprint") from error
    except OSError as error:
        raise DocumentsUnavailable(_NO_PANGO.format(reason=error)) from error
    return weasyprint


def _fetcher(font: Path | None) -> Any:
    """Return what fetches the font of the setting and refuses everything else."""
    from weasyprint.urls import URLFetcher, URLFetcherResponse  # noqa: PLC0415

    class Refusing(URLFetcher):  # type: ignore[misc] # ships no types
        """Neither network nor files."""

        def fetch(
            self, url: str, headers: Mapping[str, str] | None = None
        ) -> URLFetcherResponse:
            """Give out the font; there is nothing else to fetch."""
            del headers
            if font is None or url != _FONT_URL:
                raise ValueError(f"papers fetch nothing, asked for {url}")
            return URLFetcherResponse(url, font.read_bytes())

    return Refusing()


class _FontSet(ctypes.Structure):
    """The head of fontconfig's FcFontSet."""

    _fields_ = (("count", ctypes.c_int),)


@cache
def _fontconfig() -> ctypes.CDLL:
    library = ctypes.CDLL(find_library("fontconfig") or "libfontconfig.so.1")
    library.FcNameParse.restype = ctypes.c_void_p
    library.FcObjectSetCreate.restype = ctypes.c_void_p
    library.FcFontList.restype = ctypes.POINTER(_FontSet)
    library.FcFontList.argtypes = [ctypes.c_void_p] * 3
    return library


def _has_chinese_font() -> bool:
    """Tell whether fontconfig knows a font for Chinese.

    Asked before anything is laid out: Pango ends the process where there is no font
    at all, and boxes are what it prints where there is none for Chinese.
    """
    library = _fontconfig()
    pattern = library.FcNameParse(b":lang=zh-cn")
    nothing = library.FcObjectSetCreate()
    found = library.FcFontList(None, pattern, nothing)
    has_any = bool(found) and found.contents.count > 0
    library.FcFontSetDestroy(found)
    library.FcObjectSetDestroy(ctypes.c_void_p(nothing))
    library.FcPatternDestroy(ctypes.c_void_p(pattern))
    return has_any


def _check_font(font: Path) -> None:
    from fontTools.ttLib import TTFont, TTLibError  # noqa: PLC0415

    try:
        with (
            font.open("rb") as file,
            TTFont(file, fontNumber=0, lazy=True) as opened,
        ):
            letters = opened.getBestCmap() or {}
    except (OSError, TTLibError) as error:
        raise DocumentsUnavailable(_BAD_FONT.format(path=font)) from error
    if any(ord(letter) not in letters for letter in _SAMPLE):
        raise DocumentsUnavailable(_BAD_FONT.format(path=font))


def _listed(points: Iterable[int]) -> str:
    shown = [f"{chr(point)} (U+{point:04X})" for point in points]
    more = "…" if len(shown) > 10 else ""
    return "、".join(shown[:10]) + more


@cache
def _environment() -> Environment:
    from jinja2 import FileSystemLoader, StrictUndefined  # noqa: PLC0415
    from jinja2.sandbox import SandboxedEnvironment  # noqa: PLC0415

    return SandboxedEnvironment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _size(value: Any) -> int:
    """Estimate how much there is to set; a line end takes up a line."""
    if isinstance(value, str):
        return len(value) + _LINE * value.count("\n")
    if isinstance(value, Mapping):
        return sum(_size(item) for item in value.values())
    if isinstance(value, list | tuple):
        return sum(_size(item) for item in value)
    return 0


def _printable(value: Any) -> Any:
    """Return the same tree with texts that paper can hold.

    A word longer than a line may break every thirty letters: to try all places of a
    word of thousands takes the typesetter minutes.
    """
    if isinstance(value, str):
        return _LONG_WORD.sub("\\g<0>\u200b", printable(value))
    if isinstance(value, Mapping):
        return {key: _printable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_printable(item) for item in value]
    return value
