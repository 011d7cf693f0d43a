"""Every list answers in pages; the same query also answers as a sheet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import marshmallow as ma
import orjson
from flask import Response, current_app, g
from marshmallow import fields

from marketplace.api import exports
from marketplace.errors import Text
from marketplace.problems import language
from marketplace.services.paging import Listing, Page
from schemas.base import OpaqueSchema
from schemas.rows import dumper

PAGING = ("limit", "cursor", "sort")


@cache
def page_of(item: type[ma.Schema]) -> type[ma.Schema]:
    """Make the schema of a page of ``item``, the same one for every route."""
    name = item.__name__.removesuffix("Schema")
    return type(
        f"{name}PageSchema",
        (OpaqueSchema,),
        {
            "items": fields.List(fields.Nested(item), required=True),
            "next": fields.String(required=True, allow_none=True),
            "total": fields.Integer(required=True, allow_none=True),
            "row_schema": item,
            "__doc__": f"One page of a list of {name}.",
        },
    )


def split(query: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Part a list's query into how to read it and what to filter by."""
    paging = {name: query[name] for name in PAGING if name in query}
    filters = {name: value for name, value in query.items() if name not in PAGING}
    return paging, filters


def answer(
    listing: Listing[Any],
    paging: Mapping[str, Any],
    *,
    notice: Callable[[Sequence[Any]], None] | None = None,
) -> Response:
    """Answer with one page as ``page_of`` describes it, or the whole list as a sheet.

    Which it is follows from ``Accept``.

    Parameters
    ----------
    notice : callable, optional
        Told of all rows that are shown, some at a time.

    Raises
    ------
    NotAcceptable
        The caller accepts neither JSON nor a sheet.
    """
    chosen = exports.wanted()
    if chosen is not None:
        return exports.export(
            listing,
            g.row_schema(),
            chosen,
            sort=str(paging.get("sort") or ""),
            notice=notice,
        )
    page = listing.page(**paging)
    if notice is not None:
        notice(page.items)
    return current_app.response_class(
        written(page, g.row_schema), mimetype=exports.JSON
    )


def written(page: Page[Any], row_schema: type[ma.Schema]) -> bytes:
    """Write a page as JSON, in the reader's language."""
    shown = {"items": page.items, "next": page.next, "total": page.total}
    return _written(shown, page_of(row_schema))


def answer_quickly(shown: Mapping[str, Any], schema: type[ma.Schema]) -> Response:
    """Answer with right values as ``schema`` describes them, in the reader's language.

    For long answers: what `schemas.rows` knows of the schema is found out once.
    """
    return current_app.response_class(_written(shown, schema), mimetype=exports.JSON)


def _written(shown: Mapping[str, Any], schema: type[ma.Schema]) -> bytes:
    return orjson.dumps(dumper(schema)(shown), default=_spoken, option=_AS_JSON)


_AS_JSON = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_APPEND_NEWLINE


def _spoken(value: Any) -> str:
    """Write a bilingual text; anything else that is no JSON is a defect."""
    if isinstance(value, Text):
        return value.get(language())
    raise TypeError(f"{type(value).__name__} in a row")
