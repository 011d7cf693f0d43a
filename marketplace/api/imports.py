"""Imports: a sheet in, its progress and its report, and templates to fill in."""

from __future__ import annotations

import io
from typing import Any
from uuid import UUID

from flask import Response, send_file

from marketplace.api import edge, lists
from marketplace.errors import NotAcceptable
from marketplace.extensions import db
from marketplace.integrations import templates
from marketplace.integrations.files import FolderStore
from marketplace.integrations.sheets import XLSX, can_write_xlsx
from marketplace.models.jobs import ImportJob
from marketplace.problems import language
from marketplace.services import import_templates
from marketplace.services import imports as service
from marketplace.services.import_columns import KINDS
from schemas.base import NoteSchema, PageQuery
from schemas.imports import (
    ImportFileSchema,
    ImportFormSchema,
    ImportProblemSchema,
    ImportQuery,
    ImportSchema,
)

bp = edge.Blueprint("imports", __name__, description="Imports 导入")
BINARY = {"type": "string", "format": "binary"}
KIND = edge.in_path("kind", KINDS)
ACTION = edge.in_path("action", ["cancel"])


def _present(job: ImportJob) -> tuple[dict[str, Any], dict[str, str]]:
    shown = edge.spoken(service.view(edge.actor(), job), language())
    return shown, edge.etag(job.revision)


@bp.route("/imports", methods=["POST"])
@bp.arguments(ImportFileSchema, location="files")
@bp.arguments(ImportFormSchema, location="form")
@bp.response(202, ImportSchema)
def create(files: dict[str, Any], form: dict[str, Any]) -> Any:
    """Bring in a sheet 导入表格

    The answer tells where to ask how far it has come. The same file, or the same row
    in another file, makes no duplicates.
    """
    file = files["file"]
    settings = edge.settings()
    job = service.request(
        db.session(),
        edge.actor(),
        FolderStore(settings.files_dir),
        file.stream,
        filename=file.filename or "",
        kind=form["kind"],
        mode=form["mode"],
        dry_run=form["dry_run"],
        publish=form["publish"],
        limit=settings.max_upload_bytes,
        org_id=form["organisation_id"],
    )
    shown, headers = _present(job)
    return shown, 202, {**headers, "Location": f"/api/v1/imports/{job.id}"}


@bp.route("/imports", methods=["GET"])
@bp.arguments(ImportQuery, location="query")
@bp.response(200, lists.page_of(ImportSchema))
def index(query: dict[str, Any]) -> Any:
    """The imports that the caller may see, newest first 导入记录"""
    paging, filters = lists.split(query)
    return lists.answer(service.search(db.session(), edge.actor(), **filters), paging)


@bp.route("/imports/<uuid:job_id>", methods=["GET"])
@bp.response(200, ImportSchema)
def get(job_id: UUID) -> Any:
    """How far an import has come 导入进度"""
    job = service.get(db.session(), edge.actor(), job_id)
    shown, headers = _present(job)
    return shown, 200, headers


@bp.route("/imports/<uuid:job_id>/problems", methods=["GET"])
@bp.arguments(PageQuery, location="query")
@bp.response(200, lists.page_of(ImportProblemSchema))
def problems(query: dict[str, Any], job_id: UUID) -> Any:
    """Every cell that is wrong, and what would be right 错误报告"""
    paging, _ = lists.split(query)
    found = service.problems(db.session(), edge.actor(), job_id)
    return lists.answer(found, paging)


@bp.route(
    "/imports/<uuid:job_id>/actions/<action>", methods=["POST"], parameters=[ACTION]
)
@bp.arguments(NoteSchema)
@bp.response(200, ImportSchema)
def act(data: dict[str, Any], job_id: UUID, action: str) -> Any:
    """Cancel an import; it stops before its next batch 取消导入"""
    job = service.act(
        db.session(),
        edge.actor(),
        job_id,
        action,
        expected=edge.if_match(),
        comment=data["comment"],
    )
    shown, headers = _present(job)
    return shown, 200, headers


@bp.route("/imports/templates/<kind>", methods=["GET"], parameters=[KIND])
@bp.response(200, BINARY, content_type=XLSX)
def template(kind: str) -> Response:
    """A sheet to fill in, with notes and drop-downs 导入模板

    An operator's template has a column for the unit that each row belongs to.
    """
    if not can_write_xlsx():
        raise NotAcceptable
    plan = import_templates.plan(db.session(), edge.actor(), kind)
    stream = io.BytesIO()
    templates.write(stream, plan, language())
    stream.seek(0)
    response = send_file(
        stream,
        mimetype=XLSX,
        as_attachment=True,
        download_name=f"{plan.title.get(language())}.xlsx",
        conditional=False,
        etag=False,
    )
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Language"] = language()
    response.vary.add("Accept-Language")
    return response
