"""The work queue over the wire."""

from __future__ import annotations

from marshmallow import fields, validate

from marketplace.services.duties import PLACES, STEPS
from schemas.base import OpaqueSchema, PageQuery


class DutySchema(OpaqueSchema):
    """One thing that waits on the caller."""

    id = fields.UUID(required=True)
    kind = fields.String(required=True)
    subject_id = fields.UUID(required=True)
    number = fields.String(required=True)
    title = fields.String(required=True)
    step = fields.String(required=True)
    what = fields.String(required=True)
    href = fields.String(required=True)
    since = fields.AwareDateTime(required=True)
    due_on = fields.Date(required=True)
    due_is_provisional = fields.Boolean(
        required=True,
        metadata={"description": "The holidays of that year are not announced yet."},
    )
    working_days_left = fields.Integer(
        required=True, metadata={"description": "Negative when it is late."}
    )
    late = fields.Boolean(required=True)
    escalated = fields.Boolean(required=True)


class QueueQuery(PageQuery):
    """Which duties to list."""

    kind = fields.String(validate=validate.OneOf(sorted(PLACES)))
    step = fields.String(validate=validate.OneOf(sorted(STEPS)))
    late = fields.Boolean()
