"""Calendar feeds over the wire."""

from __future__ import annotations

from marshmallow import fields

from schemas.base import OpaqueSchema


class CalendarFeedSchema(OpaqueSchema):
    """The address of a feed, which is shown once."""

    path = fields.String(
        required=True,
        metadata={"description": "Below this server; whoever knows it reads the feed."},
    )
    created_at = fields.AwareDateTime(required=True)
