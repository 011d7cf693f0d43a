"""The ledger over the wire."""

from __future__ import annotations

from marshmallow import fields, validate

from schemas.base import EventSchema, OpaqueSchema, PageQuery


class LedgerEntrySchema(EventSchema):
    """An event with its place in the chain."""

    seq = fields.Integer(required=True)
    previous_hash = fields.String(required=True)
    hash = fields.String(required=True)
    subject_kind = fields.String(required=True)
    subject_id = fields.UUID(required=True)
    request_id = fields.String()


class LedgerQuery(PageQuery):
    """Which entries of the ledger to read."""

    subject_kind = fields.String(validate=validate.Length(1, 32))
    subject_id = fields.UUID()
    user_id = fields.UUID()
    action = fields.String(validate=validate.Length(1, 64))
    since = fields.AwareDateTime()
    until = fields.AwareDateTime()


class FaultSchema(OpaqueSchema):
    """An entry that is not as it was written."""

    seq = fields.Integer(required=True, allow_none=True)
    event_id = fields.UUID(required=True, allow_none=True)
    kind = fields.String(
        required=True,
        validate=validate.OneOf(
            ["changed", "removed", "reordered", "truncated", "unsealed"]
        ),
    )
    detail = fields.String(required=True)


class VerificationSchema(OpaqueSchema):
    """Whether the whole ledger is sound."""

    sound = fields.Boolean(required=True)
    entries = fields.Integer(required=True)
    head = fields.String(required=True)
    faults = fields.List(fields.Nested(FaultSchema), required=True)
    more_faults = fields.Boolean(required=True)
