"""Attachments on the wire."""

from __future__ import annotations

from flask_smorest.fields import Upload
from marshmallow import fields

from schemas.base import OpaqueSchema


class UploadSchema(OpaqueSchema):
    """The file of a multipart form."""

    file = Upload(required=True)


class UploadFormSchema(OpaqueSchema):
    """What stands beside the file."""

    organisation_id = fields.UUID(
        load_default=None,
        metadata={
            "description": "Whose file it is; may be left out by who belongs to one."
        },
    )


class AttachmentSchema(OpaqueSchema):
    """A file that was uploaded."""

    id = fields.UUID(required=True)
    organisation_id = fields.UUID(required=True)
    filename = fields.String(required=True)
    media_type = fields.String(
        required=True, metadata={"description": "As recognised from the content."}
    )
    size = fields.Integer(required=True, metadata={"description": "In bytes."})
    digest = fields.String(required=True, metadata={"description": "SHA-256."})
    created_at = fields.AwareDateTime(required=True)
