"""Disclosure grants over the wire."""

from __future__ import annotations

from marshmallow import fields, validate

from schemas.base import OpaqueSchema
from schemas.organisations import UnitRefSchema


class DisclosureCreateSchema(OpaqueSchema):
    """An organisation that has signed the agreement."""

    organisation_id = fields.UUID(required=True)
    basis = fields.String(
        required=True,
        validate=validate.Length(1, 200),
        metadata={"description": "保密协议编号等依据"},
    )


class DisclosureSchema(OpaqueSchema):
    """Who may read the protected fields of one object, since when and why."""

    id = fields.UUID(required=True)
    organisation = fields.Nested(UnitRefSchema, required=True)
    basis = fields.String(required=True)
    granted_at = fields.AwareDateTime(required=True)
    granted_by = fields.UUID(required=True, allow_none=True)
