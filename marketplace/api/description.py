"""The description of the API (OpenAPI 3.1) and its pages, served from this host."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Flask, Response, current_app, jsonify
from flask_smorest import Api
from flask_swagger_ui import get_swaggerui_blueprint

from marketplace.api import exports
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
    },
}
CHANGES = ("post", "put", "patch", "delete")
ACTION = "/actions/{action}"
WITHIN = (
    "/dockings/{docking_id}/trials",
    "/contracts/{contract_id}/amendments",
    "/contracts/{contract_id}/amendments/{number}/actions/{action}",
    "/contracts/{contract_id}/payments",
)
"""What is put into an object that stands above it, by whose ``ETag`` it is known."""
IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "schema": {"type": "string", "example": '"3"'},
    "description": "The `ETag` of the object as it was read.",
}


def _operations(paths: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in paths.items():
        for method in ("get", *CHANGES):
            if method in item:
                yield path, method, item[method]


def _offer_sheets(responses: dict[str, Any]) -> None:
    """A list also answers as a sheet; say so where a page is described."""
    content = responses.get("200", {}).get("content", {})
    page = content.get("application/json", {}).get("schema", {}).get("$ref", "")
    if not page.endswith("Page"):
        return
    for media_type in exports.SHEETS:
        content[media_type] = {"schema": {"type": "string", "format": "binary"}}
    responses["406"] = {
        "description": "None of the accepted formats can be given.",
        "content": {"application/problem+json": {"schema": PROBLEM}},
    }


def _join_forms(document: dict[str, Any], operation: dict[str, Any]) -> None:
    """Describe a file and the fields beside it as the one form that they are."""
    parameters = operation.get("parameters", [])
    files = [p for p in parameters if p.get("in") == "formData"]
    if not files:
        return
    operation["parameters"] = [p for p in parameters if p not in files]
    form: dict[str, Any] = {"type": "object", "properties": {}, "required": []}
    for content in operation.get("requestBody", {}).get("content", {}).values():
        name = content["schema"]["$ref"].rpartition("/")[2]
        beside = document["components"]["schemas"][name]
        form["properties"] |= beside["properties"]
        form["required"] += beside.get("required", [])
    for field in form["properties"].values():
        _never_null(field)
    for file in files:
        form["properties"][file["name"]] = file["schema"]
        form["required"] += [file["name"]] if file.get("required") else []
    form["additionalProperties"] = False
    operation["requestBody"] = {
        "required": True,
        "content": {"multipart/form-data": {"schema": form}},
    }


def _never_null(schema: dict[str, Any]) -> None:
    """A query or a form cannot say null: what may be null is what may be left out."""
    kinds = schema.get("type")
    if isinstance(kinds, list):
        left = [kind for kind in kinds if kind != "null"]
        schema["type"] = left[0] if len(left) == 1 else left
    if "enum" in schema:
        schema["enum"] = [value for value in schema["enum"] if value is not None]
    if "default" in schema and schema["default"] is None:
        del schema["default"]


def _needs_if_match(paths: dict[str, Any], path: str, method: str) -> bool:
    """Whoever changes an object that can be read alone says what he has read."""
    if method == "post" and path.endswith((*WITHIN, "/actions/resume")):
        return True
    if method == "get" or "get" not in paths.get(path.removesuffix(ACTION), {}):
        return False
    return method != "post" or path.endswith(ACTION)


def _parameters(
    paths: dict[str, Any], path: str, method: str, operation: dict[str, Any]
) -> list[dict[str, Any]]:
    """Return what an operation takes beside its body."""
    parameters: list[dict[str, Any]] = operation.get("parameters", [])
    for parameter in parameters:
        if parameter.get("in") == "query":
            _never_null(parameter["schema"])
    if method == "post":
        parameters.append({"$ref": "#/components/parameters/IdempotencyKey"})
    if _needs_if_match(paths, path, method):
        parameters.append(IF_MATCH)
    return parameters


def describe(app: Flask) -> dict[str, Any]:
    """Return the description with what all operations have in common."""
    api: Api = app.extensions["jiebang.api"]
    document: dict[str, Any] = copy.deepcopy(api.spec.to_dict())
    paths = document["paths"]
    for path, method, operation in _operations(paths):
        _join_forms(document, operation)
        operation["parameters"] = _parameters(paths, path, method, operation)
        responses = operation.setdefault("responses", {})
        responses.pop("default", None)
        texts = COMMON | BY_METHOD["get" if method == "get" else "post"]
        if _needs_if_match(paths, path, method):
            texts["428"] = "`If-Match` is required."
        for status, text in texts.items():
            responses[status] = {
                "description": text,
                "content": {"application/problem+json": {"schema": PROBLEM}},
            }
        if method == "get":
            _offer_sheets(responses)
        operation["responses"] = dict(sorted(responses.items()))
        operation.setdefault("security", [{"bearer": []}, {}])
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
