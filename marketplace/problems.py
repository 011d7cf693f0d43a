"""Errors become ``application/problem+json`` (RFC 9457) in the reader's language."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from flask import Flask, Response, request
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import HTTPException, TooManyRequests

from marketplace import errors
from marketplace.errors import FieldError, MarketplaceError, Text

MEDIA_TYPE = "application/problem+json"
TYPE_BASE = "/problems/"

HTTP_TITLES: dict[int, tuple[str, Text]] = {
    400: ("bad_request", Text("请求格式有误", "Bad request")),
    401: ("unauthenticated", Text("请先登录", "Sign in first")),
    403: ("action_forbidden", Text("无权执行此操作", "You may not do this")),
    404: ("not_found", Text("未找到", "Not found")),
    405: ("method_not_allowed", Text("不支持该请求方法", "Method not allowed")),
    406: ("not_acceptable", Text("无法提供所要求的格式", "Not acceptable")),
    412: ("stale", errors.Stale.title),
    413: ("payload_too_large", errors.PayloadTooLarge.title),
    415: ("unsupported_media_type", errors.UnsupportedMedia.title),
    422: ("validation_failed", errors.Invalid.title),
    429: ("too_many_requests", errors.TooManyRequests.title),
    500: ("internal_error", MarketplaceError.title),
    503: ("busy", errors.Busy.title),
}

MESSAGES: dict[str, tuple[str, str]] = {
    "Missing data for required field.": ("required", "必填"),
    "Unknown field.": ("unknown_field", "未知字段"),
    "Field may not be null.": ("null_not_allowed", "不能为空值"),
    "Not a valid string.": ("not_a_string", "应为文本"),
    "Not a valid integer.": ("not_an_integer", "应为整数"),
    "Not a valid number.": ("not_a_number", "应为数字"),
    "Not a valid boolean.": ("not_a_boolean", "应为 true 或 false"),
    "Not a valid date.": ("not_a_date", "应为日期，如 2026-11-21"),
    "Not a valid datetime.": ("not_a_datetime", "应为日期时间，如 2026-11-21T17:00:00+08:00"),
    "Not a valid UUID.": ("not_an_id", "不是有效的编号"),
    "Not a valid list.": ("not_a_list", "应为列表"),
    "Not a valid mapping type.": ("not_an_object", "应为对象"),
    "Invalid input type.": ("not_an_object", "应为 JSON 对象"),
    "Not a valid email address.": ("not_an_email", "不是有效的邮箱地址"),
    "Invalid JSON body.": ("not_json", "不是有效的 JSON"),
}
"""Messages of marshmallow: its English is kept, its code and Chinese stand here."""


def language() -> str:
    """Return the reader's language: ``zh-CN`` unless English is preferred."""
    if not request:
        return "zh-CN"
    best = request.accept_languages.best_match(["zh-CN", "zh", "en"], "zh-CN")
    return "en" if best == "en" else "zh-CN"


def problem(
    status: int,
    code: str,
    title: Text,
    detail: Text | None = None,
    field_errors: Sequence[FieldError] = (),
    extra: Mapping[str, Any] | None = None,
) -> Response:
    """Build the answer for one problem."""
    spoken = language()
    body: dict[str, Any] = {
        "type": f"{TYPE_BASE}{code}",
        "title": title.get(spoken),
        "status": status,
        "code": code,
        "instance": request.path,
    }
    if detail is not None:
        body["detail"] = detail.get(spoken)
    if field_errors:
        body["errors"] = [
            {"pointer": e.pointer, "code": e.code, "message": e.message.get(spoken)}
            for e in field_errors
        ]
    extra = dict(extra or {})
    retry_after = extra.pop("retry_after", None)
    body.update(extra)
    response = Response(
        json.dumps(body, ensure_ascii=False), status=status, mimetype=MEDIA_TYPE
    )
    response.headers["Content-Language"] = spoken
    response.vary.add("Accept-Language")
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="jiebang"'
    if retry_after is not None:
        response.headers["Retry-After"] = str(max(1, int(retry_after)))
    elif status == 503:
        response.headers["Retry-After"] = "2"
    return response


def domain_error(error: MarketplaceError) -> Response:
    """Answer for what the marketplace refuses on purpose."""
    return problem(
        error.status, error.code, error.title, error.detail, error.errors, error.extra
    )


def flatten(messages: Any, pointer: str = "") -> list[FieldError]:
    """Turn marshmallow's nested messages into pointers."""
    if isinstance(messages, Mapping):
        found: list[FieldError] = []
        for key, value in messages.items():
            step = "" if key == "_schema" else f"/{_escape(str(key))}"
            found.extend(flatten(value, pointer + step))
        return found
    if isinstance(messages, list | tuple):
        return [error for item in messages for error in flatten(item, pointer)]
    if isinstance(messages, FieldError):
        return [FieldError(pointer + messages.pointer, messages.code, messages.message)]
    english = str(messages)
    code, chinese = MESSAGES.get(english, ("invalid", english))
    return [FieldError(pointer, code, Text(chinese, english))]


def _escape(step: str) -> str:
    return step.replace("~", "~0").replace("/", "~1")


def validation_errors(messages: Mapping[str, Any]) -> list[FieldError]:
    """Turn webargs' messages by location into pointers from the body's root."""
    found: list[FieldError] = []
    for location, content in messages.items():
        base = "" if location in {"json", "json_or_form", "files"} else f"/{location}"
        found.extend(flatten(content, base))
    return found


def http_error(error: HTTPException) -> Response:
    """Answer for what Flask and its helpers refuse."""
    if error.response is not None and error.code is None:
        return Response(error.response.get_data())
    status = error.code or 500
    code, title = HTTP_TITLES.get(
        status, ("http_error", Text(error.name, error.name))
    )
    data = getattr(error, "data", None) or {}
    messages = data.get("messages") if isinstance(data, Mapping) else None
    field_errors = validation_errors(messages) if messages else []
    extra: dict[str, Any] = {}
    if isinstance(error, TooManyRequests):
        extra["retry_after"] = getattr(error, "retry_after", None) or 60
    detail = None
    if status == 400 and error.description:
        detail = Text(error.description, error.description)
    response = problem(status, code, title, detail, field_errors, extra)
    allowed = getattr(error, "valid_methods", None)
    if status == 405 and allowed:
        response.headers["Allow"] = ", ".join(sorted(allowed))
    return response


def store_error(error: DBAPIError) -> Response:
    """Answer for what the database refuses: busy, contradicted, or broken."""
    text = str(error.orig)
    sqlstate = getattr(error.orig, "sqlstate", "") or ""
    busy = "database is locked" in text or sqlstate in {"55P03", "40P01", "40001"}
    if isinstance(error, OperationalError) and busy:
        return domain_error(errors.Busy())
    unique = "UNIQUE constraint failed" in text or sqlstate == "23505"
    if isinstance(error, IntegrityError) and unique:
        return domain_error(errors.Conflict())
    return unexpected_error(error)


def stale_error(error: StaleDataError) -> Response:  # noqa: ARG001
    """Two editors: the second one is told so."""
    return domain_error(errors.Stale())


def unexpected_error(error: Exception) -> Response:
    """Answer for a defect: logged whole, told without its inside."""
    structlog.get_logger().error("request.failed", exc_info=error)
    return problem(500, "internal_error", MarketplaceError.title)


def register(app: Flask) -> None:
    """Attach the handlers."""
    app.register_error_handler(MarketplaceError, domain_error)
    app.register_error_handler(HTTPException, http_error)
    app.register_error_handler(StaleDataError, stale_error)
    app.register_error_handler(DBAPIError, store_error)
    app.register_error_handler(Exception, unexpected_error)
