"""Contracts as files: drafts for Word, and forms as PDF (extra ``documents``)."""

from __future__ import annotations

import re
from pathlib import Path

from marketplace.errors import DocumentsUnavailable, Text

TEMPLATES = Path(__file__).parent / "templates"
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PDF = "application/pdf"
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_MISSING = Text(
    "缺少生成文件所需的组件 {name}：请安装 jiebang[documents]",
    "{name} is not installed: it comes with the extra jiebang[documents]",
)


def missing_library(name: str) -> DocumentsUnavailable:
    """Return the error that names the extra."""
    return DocumentsUnavailable(_MISSING.format(name=name))


def printable(text: str) -> str:
    """Return a text without what neither XML nor paper can hold.

    A control character shows as U+FFFD, so that nobody takes the text for whole;
    line ends and tabs stay.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _UNPRINTABLE.sub("\ufffd", text)
