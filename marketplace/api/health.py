"""Is the process alive, is it ready, and how much has it done."""

from __future__ import annotations

import os

from flask import Blueprint, Response, jsonify
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    generate_latest,
    multiprocess,
)
from prometheus_client import REGISTRY as PROCESS_REGISTRY
from sqlalchemy.exc import SQLAlchemyError

from marketplace.api.edge import index, ping
from marketplace.extensions import db, limiter
from matching import MatchingError

bp = Blueprint("health", __name__)
limiter.exempt(bp)


@bp.get("/healthz")
def healthz() -> Response:
    """Tell that the process answers."""
    return jsonify(status="ok")


@bp.get("/readyz")
def readyz() -> tuple[Response, int]:
    """Tell whether the database answers and the match index is loaded."""
    checks = {"database": "ok"}
    try:
        ping()
    except SQLAlchemyError as error:
        checks["database"] = type(error).__name__
    else:
        checks["index"] = "ok"
        try:
            index().fresh(db.session())
        except (OSError, MatchingError) as error:
            checks["index"] = type(error).__name__
    ready = all(value == "ok" for value in checks.values())
    body = jsonify(status="ok" if ready else "unavailable", checks=checks)
    return body, 200 if ready else 503


@bp.get("/metrics")
def metrics() -> Response:
    """Give the counters of all worker processes, for Prometheus."""
    registry = PROCESS_REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
