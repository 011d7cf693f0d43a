"""Rows of a list as plain mappings, by what their schema declares.

``Schema.dump`` asks every field of every row for its accessor, its attribute and its
value anew. A row of a list comes from a service as a mapping of right values, so all
this is found out once for a schema, and a row costs a look-up a field. What is left to
the JSON encoder are values that it writes as the fields would: texts, numbers, moments,
dates, identifiers and codes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import marshmallow as ma
from marshmallow import fields

Convert = Callable[[Any], Any]
Row = Mapping[str, Any]
_AS_IT_IS = (
    fields.String,
    fields.UUID,
    fields.Integer,
    fields.Boolean,
    fields.AwareDateTime,
    fields.Date,
    fields.Dict,
    fields.Raw,
)
"""Fields whose right values the encoder writes as the field does."""


@cache
def dumper(schema: type[ma.Schema]) -> Callable[[Row], dict[str, Any]]:
    """Return a function that shows a row as ``schema`` would dump it.

    Fields that a row does not have are left out. Bilingual texts stay as they are.
    """
    plan = tuple(
        (field.data_key or name, field.attribute or name, _converter(name, field))
        for name, field in schema().dump_fields.items()
    )

    def dump(row: Row) -> dict[str, Any]:
        shown = {}
        for key, attribute, convert in plan:
            if attribute in row:
                value = row[attribute]
                if convert is not None and value is not None:
                    value = convert(value)
                shown[key] = value
        return shown

    return dump


def _converter(name: str, field: fields.Field[Any]) -> Convert | None:
    """Return what has to be done with a value; None where it can stay as it is."""
    kind = type(field)
    if kind in _AS_IT_IS or (isinstance(field, fields.Enum) and field.by_value):
        return None
    if isinstance(field, fields.Nested):
        schema = field.schema
        inner = dumper(schema if isinstance(schema, type) else type(schema))
        return _each(inner) if field.many else inner
    if isinstance(field, fields.List):
        convert = _converter(name, field.inner)
        return None if convert is None else _each(convert)
    return lambda value: field._serialize(value, name, None)  # noqa: SLF001


def _each(convert: Convert) -> Convert:
    return lambda values: [v if v is None else convert(v) for v in values]
