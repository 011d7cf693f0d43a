"""The need doctor: advice on a draft."""

from __future__ import annotations

from typing import Any

from marketplace.api.edge import Blueprint, actor, index
from marketplace.extensions import db
from marketplace.problems import language
from marketplace.services import diagnosis as service
from schemas.diagnosis import DiagnosisDraftSchema, DiagnosisQuery, DiagnosisSchema

bp = Blueprint("diagnosis", __name__, description="The need doctor 需求诊断")


@bp.route("/needs/diagnosis", methods=["POST"])
@bp.arguments(DiagnosisQuery, location="query")
@bp.arguments(DiagnosisDraftSchema)
@bp.response(200, DiagnosisSchema)
def diagnose(query: dict[str, Any], data: dict[str, Any]) -> Any:
    """What a draft lacks and what to write instead; nothing is stored"""
    return service.diagnose(
        db.session(),
        actor(),
        index(),
        data,
        need_id=query["need_id"],
        language=language(),
    )
