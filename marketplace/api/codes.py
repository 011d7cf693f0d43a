"""``/codes``: the versioned code lists."""

from __future__ import annotations

from typing import Any

from marketplace.api.edge import Blueprint, actor
from marketplace.extensions import db
from marketplace.services import codes as service
from schemas.codes import CodeListsSchema, CodesQuery, CodesSchema

bp = Blueprint("codes", __name__, description="Versioned code lists 代码表")


@bp.route("/codes", methods=["GET"])
@bp.response(200, CodeListsSchema)
def index() -> Any:
    """Every code list"""
    found = service.lists(db.session())
    return {
        "items": [
            {
                "list_id": row.list_id,
                "title_zh": row.title_zh,
                "title_en": row.title_en,
                "owner_region": row.owner_region,
                "source": row.source,
                "href": f"/api/v1/codes/{row.list_id}",
            }
            for row in found
        ]
    }


@bp.route("/codes/<list_id>", methods=["GET"])
@bp.arguments(CodesQuery, location="query")
@bp.response(200, CodesSchema)
def entries(query: dict[str, Any], list_id: str) -> Any:
    """The codes of one list, as offered on a date"""
    on = None if query["retired"] else query["on"] or actor().today
    items = service.entries(db.session(), list_id, on=on, version=query["version"])
    return {"list_id": list_id, "on": on, "items": items}
