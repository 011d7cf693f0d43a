"""Contracts as files: drafts for Word, forms as PDF, and the registry's sheet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from flask import Response

from marketplace.api import exports
from marketplace.api.edge import Blueprint, actor, settings
from marketplace.extensions import db
from marketplace.integrations import documents
from marketplace.integrations.documents import pdf, word
from marketplace.services import contract_papers as service
from marketplace.services import contracts, registration_forms, registrations
from schemas.base import ProblemSchema
from schemas.contracts import FormsQuery

bp = Blueprint("papers", __name__, description="Papers of contracts 合同文书")
ONE = "/contracts/<uuid:contract_id>"
BINARY = {"type": "string", "format": "binary"}


def _file(content: bytes, media_type: str, name: str) -> Response:
    response = Response(content, mimetype=media_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _printed(
    contract_id: UUID,
    make: Callable[[service.Record], Any],
    write: Callable[..., bytes],
    name: str,
    *,
    registered: bool = False,
) -> Response:
    """Print something of a contract that the caller reads."""
    contract = contracts.get(db.session(), actor(), contract_id)
    known = service.record(db.session(), contract, registered=registered)
    content = write(make(known), font=settings().font)
    return _file(content, documents.PDF, f"{contract.contract_no}-{name}.pdf")


@bp.route(f"{ONE}/draft.docx", methods=["GET"])
@bp.response(200, BINARY, content_type=documents.WORD)
def draft(contract_id: UUID) -> Response:
    """The draft of a contract for Word, filled from the record"""
    contract = contracts.get(db.session(), actor(), contract_id)
    context = service.draft_context(service.record(db.session(), contract))
    name = f"{contract.contract_no}.docx"
    return _file(word.draft(context), documents.WORD, name)


@bp.route(f"{ONE}/data-sheet.pdf", methods=["GET"])
@bp.response(200, BINARY, content_type=documents.PDF)
def data_sheet(contract_id: UUID) -> Response:
    """The data sheet of a contract 合同数据表"""
    return _printed(contract_id, service.data_sheet, pdf.data_sheet, "data")


@bp.route(f"{ONE}/registration/form.pdf", methods=["GET"])
@bp.response(200, BINARY, content_type=documents.PDF)
def form(contract_id: UUID) -> Response:
    """The registration form of a contract 技术合同登记表"""
    theirs = registration_forms.adapter(db.session(), actor().today)
    return _printed(
        contract_id,
        lambda known: registration_forms.registration_form(known, theirs),
        pdf.registration_form,
        "form",
        registered=True,
    )


@bp.route(f"{ONE}/registration/certificate.pdf", methods=["GET"])
@bp.response(200, BINARY, content_type=documents.PDF)
@bp.alt_response(
    409,
    schema=ProblemSchema,
    content_type="application/problem+json",
    description="It is not registered.",
)
def certificate(contract_id: UUID) -> Response:
    """The certificate's data, with both amounts 登记证明"""
    registrations.get(db.session(), actor(), contract_id)
    return _printed(
        contract_id,
        service.certificate,
        pdf.certificate,
        "certificate",
        registered=True,
    )


@bp.route("/registrations/forms", methods=["GET"])
@bp.arguments(FormsQuery, location="query")
@bp.response(200, BINARY, content_type="*/*")
def forms(query: dict[str, Any]) -> Response:
    """The national form of registered contracts as a sheet, one row each"""
    session = db.session()
    found = registrations.contracts_of(session, actor(), **query)
    rows = service.rows(session, found, on=actor().today)
    return exports.export_rows(
        service.export_headings(),
        rows,
        exports.wanted_sheet(),
        name="registration-forms",
    )
