"""Every list answers in pages; the same query also answers as a sheet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import marshmallow as ma
from marshmallow import fields

from marketplace.services.paging import Listing
from schemas.base import OpaqueSchema

PAGING = ("limit", "cursor", "sort")


def page_of(item: type[ma.Schema]) -> type[ma.Schema]:
    """Make the schema of a page of ``item``."""
    name = item.__name__.removesuffix("Schema")
    return type(
        f"{name}PageSchema",
        (OpaqueSchema,),
        {
            "items": fields.List(fields.Nested(item), required=True),
            "next": fields.String(required=True, allow_none=True),
            "total": fields.Integer(required=True, allow_none=True),
            "__doc__": f"One page of a list of {name}.",
        },
    )


def split(query: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Part a list's query into how to read it and what to filter by."""
    paging = {name: query[name] for name in PAGING if name in query}
    filters = {name: value for name, value in query.items() if name not in PAGING}
    return paging, filters


def answer(listing: Listing[Any], paging: Mapping[str, Any]) -> Any:
    """Return one page for the schema of ``page_of`` to dump."""
    return listing.page(**paging)
