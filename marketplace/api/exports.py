"""Any list as a sheet: what the caller may see, by the same filters, disarmed."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from itertools import islice
from typing import Any, BinaryIO, cast

import marshmallow as ma
from flask import Response, after_this_request, request, send_file
from marshmallow import fields

from marketplace.api import edge
from marketplace.domain import titles
from marketplace.domain.docking_days import DockingDayState
from marketplace.domain.money import to_wan
from marketplace.domain.needs import NeedState
from marketplace.domain.offers import OfferState
from marketplace.domain.organisations import OrganisationState
from marketplace.domain.states import STATES
from marketplace.errors import Invalid, NotAcceptable
from marketplace.extensions import db
from marketplace.integrations import sheets
from marketplace.integrations.sheets import Value
from marketplace.models.jobs import ImportState
from marketplace.problems import language
from marketplace.services import codes
from marketplace.services.import_columns import KINDS, columns
from marketplace.services.paging import Listing
from schemas.base import Money

JSON = "application/json"
SHEETS = (sheets.CSV, sheets.XLSX)
MOST_ROWS = 100_000
_EXTENSIONS = {sheets.CSV: "csv", sheets.XLSX: "xlsx"}
_SKIPPED = frozenset({"actions"})
_BATCH = 200
_SPOOLED = 1024 * 1024


def wanted() -> str | None:
    """Return the type of sheet that the caller prefers, None for JSON.

    Raises
    ------
    NotAcceptable
        ``Accept`` names nothing that a list can be.
    """
    after_this_request(_varies)
    accepted = request.accept_mimetypes
    if not accepted.provided:
        return None
    offered = [JSON, sheets.CSV]
    if sheets.can_write_xlsx():
        offered.append(sheets.XLSX)
    best = accepted.best_match(offered)
    if best is None:
        raise NotAcceptable
    return None if best == JSON else best


def _varies(response: Response) -> Response:
    response.vary.add("Accept")
    return response


@dataclass(frozen=True)
class _Column:
    """One column of a sheet: where its value lies in a dumped row, and what it is."""

    path: tuple[str, ...]
    field: fields.Field[Any]
    heading: str
    names: dict[str, str]

    def value(self, row: dict[str, Any]) -> Value:
        """Return the cell for a row; what is withheld or empty is an empty cell."""
        found: Any = row
        for step in self.path:
            if found is None:
                return None
            found = found.get(step)
        return None if found is None else self._cell(found)

    def _cell(self, found: Any) -> Value:
        if isinstance(self.field, Money):
            return to_wan(Decimal(found))
        if isinstance(found, list):
            return "；".join(self._word(item) for item in found)
        if isinstance(self.field, fields.DateTime):
            moment = datetime.fromisoformat(found)
            return moment.astimezone(edge.settings().zone).replace(tzinfo=None)
        if isinstance(self.field, fields.Date):
            return date.fromisoformat(found)
        if isinstance(found, bool | int):
            return found
        return self._word(found)

    def _word(self, item: Any) -> str:
        if isinstance(item, dict):
            return json.dumps(item, ensure_ascii=False)
        text = str(item)
        name = self.names.get(text)
        return f"{text} {name}" if name else text


def export(
    listing: Listing[Any],
    schema: ma.Schema,
    media_type: str,
    *,
    sort: str,
    notice: Callable[[Sequence[Any]], None] | None = None,
) -> Response:
    """Write a whole list into a file and answer with it.

    The file is complete before the answer begins, so that an error is an error and
    not half a sheet, and the store is not held up by a slow reader.

    Raises
    ------
    Invalid
        The list has more rows than a sheet may have.
    """
    count = listing.count()
    if count > MOST_ROWS:
        raise Invalid.at(
            "/headers/Accept",
            "export_too_large",
            f"共 {count} 行，一次最多导出 {MOST_ROWS} 行；请加筛选条件",
            f"{count} rows; at most {MOST_ROWS} are exported at once: filter the list",
        )
    found = _columns(schema)
    return _answer(
        [column.heading for column in found],
        _rows(listing, schema, found, sort, notice),
        media_type,
        name=str(request.blueprint),
    )


def export_rows(
    headings: Sequence[str],
    rows: Iterable[Sequence[Value]],
    media_type: str,
    *,
    name: str,
) -> Response:
    """Write rows that are no list of the API into a file and answer with it.

    Parameters
    ----------
    headings : sequence of str
    rows : iterable of sequence
        Values as they shall stand in the sheet; texts are disarmed here.
    media_type : str
        From ``wanted``.
    name : str
        What the file and its sheet are called, in ASCII.

    Raises
    ------
    Invalid
        There are more rows than a sheet may have.
    """
    return _answer(headings, _counted(rows), media_type, name=name)


def _counted(rows: Iterable[Sequence[Value]]) -> Iterator[Sequence[Value]]:
    for count, row in enumerate(rows, 1):
        if count > MOST_ROWS:
            raise Invalid.at(
                "/headers/Accept",
                "export_too_large",
                f"超过 {MOST_ROWS} 行，不能一次导出；请加筛选条件",
                f"more than {MOST_ROWS} rows; filter the list",
            )
        yield row


def _answer(
    headings: Sequence[str],
    rows: Iterable[Sequence[Value]],
    media_type: str,
    *,
    name: str,
) -> Response:
    file = tempfile.SpooledTemporaryFile(max_size=_SPOOLED)  # noqa: SIM115 - sent
    try:
        sheets.write(cast("BinaryIO", file), media_type, headings, rows, title=name)
        file.seek(0)
        return _sent(file, media_type, name)
    except BaseException:
        file.close()
        raise


def wanted_sheet() -> str:
    """Return the type of sheet for what is never JSON: a workbook unless CSV is asked.

    Raises
    ------
    NotAcceptable
        ``Accept`` names no kind of sheet that can be written.
    """
    after_this_request(_varies)
    offered = [sheets.CSV]
    if sheets.can_write_xlsx():
        offered.insert(0, sheets.XLSX)
    accepted = request.accept_mimetypes
    media_type = accepted.best_match(offered) if accepted.provided else offered[0]
    if media_type is None:
        raise NotAcceptable
    return media_type


def _sent(file: Any, media_type: str, name: str) -> Response:
    filename = f"{name}-{edge.actor().today:%Y%m%d}.{_EXTENSIONS[media_type]}"
    response = send_file(
        file,
        mimetype=media_type,
        as_attachment=True,
        download_name=filename,
        conditional=False,
        etag=False,
    )
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["Content-Language"] = language()
    response.vary.add("Accept-Language")
    return response


def _rows(
    listing: Listing[Any],
    schema: ma.Schema,
    found: Sequence[_Column],
    sort: str,
    notice: Callable[[Sequence[Any]], None] | None,
) -> Iterator[list[Value]]:
    rows = listing.stream(sort=sort, batch=_BATCH)
    while batch := list(islice(rows, _BATCH)):
        if notice is not None:
            notice(batch)
        for row in batch:
            dumped = schema.dump(edge.spoken(row, language()))
            yield [column.value(dumped) for column in found]


def _columns(schema: ma.Schema) -> list[_Column]:
    """Return the columns: what people know a row by first, identifiers last."""
    found = list(_in_order(schema))
    known_by = {name: rank for rank, name in enumerate(_FIRST)}

    def place(column: _Column) -> int:
        if isinstance(column.field, fields.UUID):
            return len(_FIRST) + (2 if column.path == ("id",) else 1)
        return known_by.get("/".join(column.path), len(_FIRST))

    return sorted(found, key=place)


_FIRST = ("need_no", "ach_no", "title", "name")


def _in_order(schema: ma.Schema) -> Iterator[_Column]:
    spoken = language()
    for name, field in schema.dump_fields.items():
        if name in _SKIPPED:
            continue
        key = field.data_key or name
        heading = titles.title(key).get(spoken)
        if isinstance(field, fields.Nested) and not field.many:
            for inner, inner_field in field.schema.dump_fields.items():
                inner_key = inner_field.data_key or inner
                inner_heading = titles.title(inner_key).get(spoken)
                yield _Column(
                    (key, inner_key),
                    inner_field,
                    f"{heading}·{inner_heading}",
                    _names(inner, inner_field, spoken),
                )
        else:
            yield _Column((key,), field, heading, _names(name, field, spoken))


_LIFE_CYCLES: dict[type[Any], str] = {
    NeedState: "need",
    OfferState: "offer",
    OrganisationState: "organisation",
    ImportState: "import",
    DockingDayState: "docking-day",
}


@cache
def _lists() -> dict[str, str]:
    """Return the code list of each field that has one."""
    return {
        column.name: column.list_id
        for kind in KINDS
        for column in columns(kind, with_owner=False)
        if column.list_id
    }


def _names(name: str, field: fields.Field[Any], spoken: str) -> dict[str, str]:
    """Return what the codes of a field are called."""
    if isinstance(field, fields.Enum) and field.enum in _LIFE_CYCLES:
        called = STATES[_LIFE_CYCLES[field.enum]]
        return {code: text.get(spoken) for code, text in called.items()}
    list_id = _lists().get(name)
    if list_id is None:
        return {}
    found = codes.names(db.session(), list_id)
    side = 1 if spoken == "en" else 0
    return {code: pair[side] for code, pair in found.items()}
