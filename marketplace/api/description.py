"""The description of the API (OpenAPI 3.1) and its pages, served from this host."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Flask, Response, current_app, jsonify
from flask_smorest import Api
from flask_swagger_ui import get_swaggerui_blueprint

from marketplace.extensions import limiter

bp = Blueprint("description", __name__)
limiter.exempt(bp)

PROBLEM = {"$ref": "#/components/schemas/Problem"}
COMMON = {
    "400": "The request cannot be read.",
    "401": "No valid token came with the request.",
    "404": "No such object, or one that the caller may not see.",
    "422": "The input is not valid; `errors` name the places.",
    "429": "Too many requests; wait for `Retry-After` seconds.",
    "503": "The store is busy; try again.",
}
BY_METHOD = {
    "get": {"403": "The token lacks the scope."},
    "post": {
        "403": "The caller may not do this.",
        "409": "The state or the stored data do not allow it.",
        "412": "The object was changed since it was read.",
        "413": "The body is too large.",
        "415": "The body's type is not accepted.",
        "428": "`If-Match` is required.",
    },
}
CHANGES = ("post", "put", "patch", "delete")


def _operations(paths: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in paths.items():
        for method in ("get", *CHANGES):
            if method in item:
                yield path, method, item[method]


def describe(app: Flask) -> dict[str, Any]:
    """Return the description with what all operations have in common."""
    api: Api = app.extensions["jiebang.api"]
    document: dict[str, Any] = api.spec.to_dict()
    for _, method, operation in _operations(document["paths"]):
        responses = operation.setdefault("responses", {})
        responses.pop("default", None)
        kind = "get" if method == "get" else "post"
        for status, text in (COMMON | BY_METHOD[kind]).items():
            responses[status] = {
                "description": text,
                "content": {"application/problem+json": {"schema": PROBLEM}},
            }
        operation["responses"] = dict(sorted(responses.items()))
        operation.setdefault("security", [{"bearer": []}, {}])
        if method == "post":
            operation.setdefault("parameters", []).append(
                {"$ref": "#/components/parameters/IdempotencyKey"}
            )
    return document


@bp.get("/api/v1/openapi.json")
def openapi() -> Response:
    """Give the description."""
    return jsonify(describe(current_app))


PAGES = get_swaggerui_blueprint(
    "/api/v1/docs",
    "/api/v1/openapi.json",
    config={"app_name": "Jiebang 揭榜 API", "validatorUrl": None},
    blueprint_name="docs",
)
limiter.exempt(PAGES)


@PAGES.after_request
def stay_here(response: Response) -> Response:
    """Let the pages load nothing from elsewhere."""
    response.headers["Content-Security-Policy"] = (
        "default-src 'self'; script-src 'self' 'unsafe-inline'; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "connect-src 'self'; frame-ancestors 'none'"
    )
    return response
