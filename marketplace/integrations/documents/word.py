"""Drafts of contracts as Word files, from our own templates (docxtpl).

The templates are made by ``scripts/make_contract_templates.py``. What users typed is
text in them and never markup: every character that XML, Jinja or docxtpl could read
as more than a letter reaches the file as a character reference.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from marketplace.integrations.documents import (
    TEMPLATES,
    missing_library,
    printable,
)

if TYPE_CHECKING:
    from docxtpl import DocxTemplate
    from markupsafe import Markup

LETTERS = ("D", "T", "L", "C", "S")
_SPECIAL = re.compile(r"""[&<>"'{}%_#]""")
_DIGITS = "零一二三四五六七八九"
_EPOCH = (1980, 1, 1, 0, 0, 0)


def draft(context: Mapping[str, Any]) -> bytes:
    """Write the draft of a contract.

    The same context gives the same bytes: the file bears the date of its record.

    Parameters
    ----------
    context : mapping
        From ``services.contract_papers.draft_context``.

    Raises
    ------
    DocumentsUnavailable
        The extra ``documents`` is not installed.
    """
    template = _template(context["letter"])
    from jinja2 import StrictUndefined  # noqa: PLC0415 - beside its extra
    from jinja2.sandbox import SandboxedEnvironment  # noqa: PLC0415

    environment = SandboxedEnvironment(autoescape=True, undefined=StrictUndefined)
    filling = {**_escaped(context), "article": _ArticleCounter()}
    template.render(filling, environment)
    _describe(template, context)
    stream = io.BytesIO()
    template.save(stream)
    return steady(stream.getvalue())


def _template(letter: str) -> DocxTemplate:
    try:
        from docxtpl import DocxTemplate  # noqa: PLC0415 - of an extra
    except ImportError as error:
        raise missing_library("docxtpl") from error
    if letter not in LETTERS:
        raise ValueError(f"no template for class {letter!r}")
    return DocxTemplate(TEMPLATES / f"contract_{letter}.docx")


def _escaped(value: Any) -> Any:
    """Return the same tree with its texts as markup that says just them.

    Jinja's own escaping leaves ``{``, ``%`` and ``_`` alone, from which docxtpl makes
    braces after the template is filled.
    """
    if isinstance(value, str):
        return _markup(value)
    if isinstance(value, Mapping):
        return {key: _escaped(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_escaped(item) for item in value]
    return value


def _markup(text: str) -> Markup:
    from markupsafe import Markup  # noqa: PLC0415 - comes with Jinja

    # Every character that means something is gone before the text is called safe.
    safe = _SPECIAL.sub(lambda found: f"&#{ord(found[0])};", printable(text))
    return Markup(safe)  # noqa: S704


class _ArticleCounter:
    """Numbers the articles as they are written: which there are, the contract says."""

    def __init__(self) -> None:
        self._count = 0

    def __call__(self) -> str:
        self._count += 1
        return f"第{chinese_number(self._count)}条"


def chinese_number(number: int) -> str:
    """Write a number from 1 to 99 as articles are numbered.

    >>> chinese_number(12)
    '十二'
    """
    tens, ones = divmod(number, 10)
    high = "" if tens == 0 else ("十" if tens == 1 else f"{_DIGITS[tens]}十")
    return f"{high}{_DIGITS[ones] if ones else ''}"


def _describe(template: DocxTemplate, context: Mapping[str, Any]) -> None:
    told = template.docx.core_properties
    told.title = printable(f"{context['heading']} {context['title']}")[:255]
    told.author = told.last_modified_by = "Jiebang"
    told.comments = told.keywords = told.subject = ""
    written = datetime.fromisoformat(context["written"]).replace(tzinfo=None)
    told.created = told.modified = written


def steady(content: bytes) -> bytes:
    """Pack an Office file again without the moment at which it was packed."""
    packed = io.BytesIO()
    with ZipFile(io.BytesIO(content)) as source, ZipFile(packed, "w") as target:
        for item in source.infolist():
            entry = ZipInfo(item.filename, _EPOCH)
            entry.compress_type = ZIP_DEFLATED
            target.writestr(entry, source.read(item))
    return packed.getvalue()
