"""Attachments: upload once, refer by id."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response, send_file

from marketplace.api import edge
from marketplace.extensions import db
from marketplace.integrations.files import FolderStore
from marketplace.models.attachments import Attachment
from marketplace.services import attachments as service
from schemas.attachments import AttachmentSchema, UploadFormSchema, UploadSchema

bp = edge.Blueprint("attachments", __name__, description="附件")
BINARY = {"type": "string", "format": "binary"}


def store() -> FolderStore:
    """Return the file store of this installation."""
    return FolderStore(edge.settings().files_dir)


@bp.route("/attachments", methods=["POST"])
@bp.arguments(UploadSchema, location="files")
@bp.arguments(UploadFormSchema, location="form")
@bp.response(201, AttachmentSchema)
def upload(files: dict[str, Any], form: dict[str, Any]) -> Any:
    """Upload a file 上传附件

    The type is recognised from the content; the extension has to agree with it.
    Accepted are pdf, png, jpg, docx and xlsx without macros, and csv or txt in UTF-8
    or GB18030.
    """
    file = files["file"]
    attachment = service.add(
        db.session(),
        edge.actor(),
        store(),
        file.stream,
        filename=file.filename or "",
        limit=edge.settings().max_upload_bytes,
        org_id=form["organisation_id"],
    )
    location = f"/api/v1/attachments/{attachment.id}"
    return service.view(attachment), 201, {"Location": location}


@bp.route("/attachments/<uuid:attachment_id>", methods=["GET"])
@bp.response(200, AttachmentSchema)
def read(attachment_id: UUID) -> Any:
    """Describe a file 附件信息"""
    attachment = _get(attachment_id, "metadata")
    return service.view(attachment), 200, {"ETag": f'"{attachment.digest}"'}


@bp.route("/attachments/<uuid:attachment_id>/content", methods=["GET"])
@bp.response(200, BINARY, content_type="*/*")
def content(attachment_id: UUID) -> Response:
    """Download a file 下载附件

    The content is checked against its digest before the first byte leaves.
    """
    attachment = _get(attachment_id, "content")
    response = send_file(
        store().open(attachment.digest),
        mimetype=attachment.media_type,
        as_attachment=True,
        download_name=attachment.filename,
        conditional=False,
        etag=False,
    )
    response.headers["Content-Type"] = attachment.media_type
    response.headers["Content-Length"] = str(attachment.size)
    response.headers["ETag"] = f'"{attachment.digest}"'
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


def _get(attachment_id: UUID, part: str) -> Attachment:
    caller = edge.actor()
    attachment = service.get(db.session(), caller, attachment_id)
    if service.is_outsider(caller, attachment):
        subject = service.Read(attachment.id)
        edge.after_reading(
            lambda: service.note_reading(db.session(), caller, subject, part)
        )
    return attachment
