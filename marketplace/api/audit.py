"""``/audit``: the whole ledger and its verification, for operators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from marketplace.api import lists
from marketplace.api.edge import Blueprint, actor, after_reading
from marketplace.extensions import db
from marketplace.services import audit as service
from schemas.audit import LedgerEntrySchema, LedgerQuery, VerificationSchema

bp = Blueprint("audit", __name__, description="The ledger 台账")


@bp.route("/audit", methods=["GET"])
@bp.arguments(LedgerQuery, location="query")
@bp.response(200, lists.page_of(LedgerEntrySchema))
def index(query: dict[str, Any]) -> Any:
    """The ledger, newest first"""
    paging, filters = lists.split(query)
    caller, numbers = actor(), list[int]()

    def notice(rows: Sequence[dict[str, Any]]) -> None:
        if rows and not numbers:
            after_reading(
                lambda: service.note_reading(db.session(), caller, numbers, filters)
            )
        numbers.extend(row["seq"] for row in rows)

    listing = service.search(db.session(), caller, **filters)
    return lists.answer(listing, paging, notice=notice)


@bp.route("/audit/verification", methods=["GET"])
@bp.response(200, VerificationSchema)
def verification() -> Any:
    """Is every entry as it was written?"""
    return service.verify(db.session(), actor())
