"""Code lists over the wire."""

from __future__ import annotations

from marshmallow import fields, validate

from schemas.base import OpaqueSchema


class CodeListSchema(OpaqueSchema):
    """A list, without its entries."""

    list_id = fields.String(required=True)
    title_zh = fields.String(required=True)
    title_en = fields.String(required=True)
    owner_region = fields.String(required=True)
    source = fields.String(required=True)
    href = fields.String(required=True)


class CodeListsSchema(OpaqueSchema):
    """Every list."""

    items = fields.List(fields.Nested(CodeListSchema), required=True)


class CodeSchema(OpaqueSchema):
    """One code with its names and the dates on which it is offered."""

    code = fields.String(required=True)
    zh = fields.String(required=True)
    en = fields.String(required=True)
    parent = fields.String(required=True, allow_none=True)
    version = fields.String(required=True)
    valid_from = fields.Date(required=True)
    valid_to = fields.Date(required=True, allow_none=True)
    certainty = fields.String(required=True)
    note = fields.String(required=True)
    attributes = fields.Dict(keys=fields.String(), required=True)


class CodesSchema(OpaqueSchema):
    """The entries of one list."""

    list_id = fields.String(required=True)
    on = fields.Date(required=True, allow_none=True)
    items = fields.List(fields.Nested(CodeSchema), required=True)


class CodesQuery(OpaqueSchema):
    """Which entries to read: today's by default."""

    on = fields.Date(load_default=None)
    version = fields.String(load_default=None, validate=validate.Length(1, 20))
    retired = fields.Boolean(
        load_default=False,
        metadata={"description": "Also the codes that are no longer offered."},
    )
