"""Whether this machine can print: PDFs need Pango and a Chinese font."""

from __future__ import annotations

import os

import pytest

from marketplace.errors import DocumentsUnavailable
from marketplace.integrations.documents import pdf


def _can_print() -> bool:
    try:
        pdf._library()
    except DocumentsUnavailable:
        return False
    return bool(pdf._has_chinese_font())


CAN_PRINT = _can_print()
needs_print = pytest.mark.skipif(
    not CAN_PRINT and not os.environ.get("REQUIRE_POSTGRES"),
    reason="no Pango or no Chinese font: nothing can be printed here",
)
"""Where everything is required, a machine that cannot print fails."""
