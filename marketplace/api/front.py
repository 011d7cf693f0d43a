"""The front door: who opens the market in a browser is led to the pages of the API."""

from __future__ import annotations

from flask import Blueprint, redirect, url_for
from werkzeug.wrappers import Response

from marketplace.extensions import limiter

bp = Blueprint("front", __name__)
limiter.exempt(bp)


@bp.get("/")
@bp.get("/api/v1/")
def door() -> Response:
    """Lead on to the description."""
    return redirect(url_for("docs.show"))
