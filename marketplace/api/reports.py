"""``/reports``: prepared now, issued for good, and as a sheet."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response

from marketplace.api import exports, lists
from marketplace.api.edge import Blueprint, actor, etag
from marketplace.extensions import db
from marketplace.integrations import sheets
from marketplace.problems import language
from marketplace.services import report_sheets
from marketplace.services import reports as service
from schemas.reports import (
    PreparedSchema,
    ReportAskSchema,
    ReportQuery,
    ReportSchema,
    WholeReportSchema,
)

bp = Blueprint("reports", __name__, description="Statistical reports 统计报表")
BINARY = {"type": "string", "format": "binary"}


@bp.route("/reports", methods=["GET"])
@bp.arguments(ReportQuery, location="query")
@bp.response(200, lists.page_of(ReportSchema))
def index(query: dict[str, Any]) -> Any:
    """The issued reports that the caller may read 已签发报表"""
    paging, filters = lists.split(query)
    return lists.answer(service.search(db.session(), actor(), **filters), paging)


@bp.route("/reports/preparation", methods=["POST"])
@bp.arguments(ReportAskSchema)
@bp.response(200, PreparedSchema)
def prepare(data: dict[str, Any]) -> Any:
    """A report as it would be issued now; nothing is stored 试算报表"""
    made = service.prepare(db.session(), actor(), **data)
    return {
        "kind": made.kind.value,
        "period": made.period.label,
        "digest": made.digest,
        "note": made.note,
        "content": made.content,
    }


@bp.route("/reports", methods=["POST"])
@bp.arguments(ReportAskSchema)
@bp.response(201, WholeReportSchema)
def issue(data: dict[str, Any]) -> Any:
    """Issue a report: frozen, with its digest 签发报表"""
    report = service.issue(db.session(), actor(), **data)
    headers = {**etag(report.revision), "Location": f"/api/v1/reports/{report.id}"}
    return service.view(report), 201, headers


@bp.route("/reports/<uuid:report_id>", methods=["GET"])
@bp.response(200, WholeReportSchema)
def get(report_id: UUID) -> Any:
    """An issued report 报表"""
    report = service.get(db.session(), actor(), report_id)
    return service.view(report), 200, etag(report.revision)


@bp.route("/reports/<uuid:report_id>/sheet", methods=["GET"])
@bp.response(200, BINARY, content_type=sheets.XLSX)
@bp.alt_response(200, schema=BINARY, content_type=sheets.CSV)
def sheet(report_id: UUID) -> Response:
    """An issued report as a workbook, or as CSV if that is asked for 报表表格"""
    report = service.get(db.session(), actor(), report_id)
    spoken = language()
    return exports.export_rows(
        [heading.get(spoken) for heading in report_sheets.SHEET],
        report_sheets.rows(report.content, spoken),
        exports.wanted_sheet(),
        name=report.number,
    )
