"""Load reference data and the demo market, through services."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy.orm as so

from marketplace.services import calendars, codes, rules

FOLDER = Path(__file__).parent


def read(folder: str) -> Iterator[Any]:
    """Yield the content of each JSON file of a folder, by name."""
    for path in sorted((FOLDER / folder).glob("*.json")):
        yield json.loads(path.read_text(encoding="utf-8"))


def load_reference(session: so.Session) -> None:
    """Load code lists, the working-day calendar and the dated rules; repeatable."""
    codes.load(session, read("codes"))
    for calendar in read("calendar"):
        calendars.load(session, calendar)
    for rows in read("rules"):
        rules.load(session, rows)
