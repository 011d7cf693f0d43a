"""Every list answers in pages; the same query also answers as a sheet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import marshmallow as ma
from flask import g
from marshmallow import fields

from marketplace.api import exports
from marketplace.api.edge import spoken
from marketplace.problems import language
from marketplace.services.paging import Listing
from schemas.base import OpaqueSchema

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
) -> Any:
    """Return one page for the schema of ``page_of``, or the whole list as a sheet.

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
    return replace(page, items=[spoken(row, language()) for row in page.items])
