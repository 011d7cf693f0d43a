"""Errors become ``application/problem+json`` (RFC 9457) in the reader's language."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import marshmallow as ma
import structlog
from flask import Flask, Response, request
from marshmallow import fields
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, OperationalError
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import HTTPException, TooManyRequests

from marketplace import errors
from marketplace.domain.spelling import nearest
from marketplace.errors import FieldError, MarketplaceError, Text, misspelt

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
    "Not a valid datetime.": (
        "not_a_datetime",
        "应为日期时间，如 2026-11-21T17:00:00+08:00",
    ),
    "Not a valid UUID.": ("not_an_id", "不是有效的编号"),
    "Not a valid list.": ("not_a_list", "应为列表"),
    "Not a valid mapping type.": ("not_an_object", "应为对象"),
    "Invalid input type.": ("not_an_object", "应为 JSON 对象"),
    "Not a valid email address.": ("not_an_email", "不是有效的邮箱地址"),
    "Not a valid aware datetime.": (
        "not_a_datetime",
        "日期时间须带时区，如 2026-11-21T17:00:00+08:00",
    ),
    "Not a valid naive datetime.": ("not_a_datetime", "日期时间不应带时区"),
    "Not a valid time.": ("not_a_time", "应为时间，如 17:00"),
    "Not a valid period of time.": ("not_a_period", "应为时长"),
    "Not a valid tuple.": ("not_a_list", "应为列表"),
    "Not a valid URL.": ("not_a_url", "不是有效的网址"),
    "Not a valid IP address.": ("not_an_ip", "不是有效的 IP 地址"),
    "Not a valid utf-8 string.": ("not_a_string", "应为 UTF-8 文本"),
    "Number too large.": ("out_of_range", "数字过大"),
    "Special numeric values (nan or infinity) are not permitted.": (
        "not_a_number",
        "不能是 NaN 或无穷",
    ),
    "String does not match expected pattern.": ("bad_format", "格式不符"),
    "Invalid input.": ("invalid", "值无效"),
    "Invalid type.": ("invalid", "类型不符"),
    "Invalid value.": ("invalid", "值无效"),
    "Not an amount: a string of digits with up to two decimals.": (
        "not_money",
        "不是有效金额：数字字符串，最多两位小数",
    ),
    "Must not be negative.": ("negative", "不能为负"),
}
"""Messages of marshmallow: its English is kept, its code and Chinese stand here."""

_LOW = r"greater than(?P<least_too> or equal to)? (?P<least>.+?)"
_HIGH = r"less than(?P<most_too> or equal to)? (?P<most>.+?)"
PATTERNS: tuple[tuple[re.Pattern[str], str, str], ...] = tuple(
    (re.compile(pattern, re.DOTALL), code, chinese)
    for pattern, code, chinese in (
        (r"Shorter than minimum length (?P<n>\d+)\.", "too_short", "至少 {n} 个"),
        (r"Longer than maximum length (?P<n>\d+)\.", "too_long", "最多 {n} 个"),
        (
            r"Length must be between (?P<least>\d+) and (?P<most>\d+)\.",
            "bad_length",
            "长度须为 {least} 至 {most}",
        ),
        (r"Length must be (?P<n>\d+)\.", "bad_length", "长度须为 {n}"),
        (
            r"Must be one of: (?P<choices>.*)\.",
            "not_a_choice",
            "须为其中之一：{choices}",
        ),
        (
            r"One or more of the choices you made was not in: (?P<choices>.*)\.",
            "not_a_choice",
            "只能从中选择：{choices}",
        ),
        (rf"Must be {_LOW} and {_HIGH}\.", "out_of_range", "须{low}，且{high}"),
        (rf"Must be {_LOW}\.", "out_of_range", "须{low}"),
        (rf"Must be {_HIGH}\.", "out_of_range", "须{high}"),
        (r"Must be equal to (?P<other>.+)\.", "invalid", "须等于 {other}"),
    )
)
"""The same for messages that carry values: a full match, its named groups filled in."""


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
    code, chinese = translated(english)
    return [FieldError(pointer, code, Text(chinese, english))]


def translated(english: str) -> tuple[str, str]:
    """Return the code and the Chinese of a message of marshmallow's."""
    if english in MESSAGES:
        return MESSAGES[english]
    for pattern, code, chinese in PATTERNS:
        if found := pattern.fullmatch(english):
            values = found.groupdict()
            for side, end, only, too in (
                ("low", "least", "大于", "不小于"),
                ("high", "most", "小于", "不大于"),
            ):
                word = too if values.get(f"{end}_too") else only
                values[side] = f"{word} {values.get(end)}"
            return code, chinese.format(**values)
    return "invalid", english


def _escape(step: str) -> str:
    return step.replace("~", "~0").replace("/", "~1")


def _unescape(step: str) -> str:
    return step.replace("~1", "/").replace("~0", "~")


def validation_errors(
    messages: Mapping[str, Any], schema: ma.Schema | None = None
) -> list[FieldError]:
    """Turn webargs' messages by location into pointers from the body's root.

    With the schema that refused, an unknown name is told with the one that is near.
    """
    found: list[FieldError] = []
    for location, content in messages.items():
        base = "" if location in {"json", "json_or_form", "files"} else f"/{location}"
        told = flatten(content)
        if schema is not None:
            told = _with_suggestions(told, schema)
        found += [FieldError(base + e.pointer, e.code, e.message) for e in told]
    return found


def _with_suggestions(
    found: Sequence[FieldError], schema: ma.Schema
) -> list[FieldError]:
    told, left = [], _MOST_SUGGESTIONS
    for error in found:
        near = None
        if error.code == "unknown_field" and left:
            left -= 1
            *place, name = map(_unescape, error.pointer.split("/")[1:])
            near = nearest(name, _names_at(schema, place))
        if near is not None:
            message = misspelt(error.message, near)
            told.append(FieldError(error.pointer, error.code, message))
        else:
            told.append(error)
    return told


_MOST_SUGGESTIONS = 50
"""A body of nothing but unknown names is not looked through for each of them."""


def _names_at(schema: ma.Schema, place: Sequence[str]) -> list[str]:
    """Return the names that are taken at a place of what a schema loads."""
    at: Any = schema
    for step in place:
        if isinstance(at, ma.Schema):
            known = {f.data_key or name: f for name, f in at.load_fields.items()}
            at = known.get(step)
        elif isinstance(at, fields.List):
            at = at.inner
        elif isinstance(at, fields.Dict):
            at = at.value_field if step == "value" else at
        if isinstance(at, fields.Nested):
            at = at.schema
    if not isinstance(at, ma.Schema):
        return []
    return [f.data_key or name for name, f in at.load_fields.items()]


def http_error(error: HTTPException) -> Response:
    """Answer for what Flask and its helpers refuse."""
    status = error.code or 500
    code, title = HTTP_TITLES.get(status, ("http_error", Text(error.name, error.name)))
    data = getattr(error, "data", None) or {}
    messages = data.get("messages") if isinstance(data, Mapping) else None
    schema = data.get("schema") if isinstance(data, Mapping) else None
    field_errors = validation_errors(messages, schema) if messages else []
    extra: dict[str, Any] = {}
    if isinstance(error, TooManyRequests):
        extra["retry_after"] = getattr(error, "retry_after", None) or 60
    detail = None
    if status == 400 and error.description:
        detail = Text(error.description, error.description)
    elif status == 413:
        detail = _size_limit()
    response = problem(status, code, title, detail, field_errors, extra)
    allowed = getattr(error, "valid_methods", None)
    if status == 405 and allowed:
        response.headers["Allow"] = ", ".join(sorted(allowed))
    return response


def _size_limit() -> Text | None:
    """Say how large the body, or what a form says beside its files, may be."""
    whole, form = request.max_content_length, request.max_form_memory_size
    if whole is not None and (request.content_length or whole + 1) > whole:
        return _BODY_LIMIT.format(size=_megabytes(whole))
    return None if form is None else _FORM_LIMIT.format(size=_megabytes(form))


def _megabytes(size: int) -> str:
    return f"{size / (1024 * 1024):.1f}".removesuffix(".0")


_BODY_LIMIT = Text(
    "整个请求（含文件）不得超过 {size} MB",
    "a request may have at most {size} MB, files included",
)
_FORM_LIMIT = Text(
    "表单中文件以外的内容不得超过 {size} MB",
    "what a form holds beside its files may have at most {size} MB",
)


def store_error(error: DBAPIError) -> Response:
    """Answer for what the database refuses: busy, contradicted, or broken."""
    text = str(error.orig)
    sqlstate = getattr(error.orig, "sqlstate", "") or ""
    busy = "database is locked" in text or sqlstate in {"55P03", "40P01", "40001"}
    if isinstance(error, OperationalError) and busy:
        return domain_error(errors.Busy())
    if isinstance(error, OperationalError) and _is_away(error, sqlstate):
        structlog.get_logger().error("request.store_away", exc_info=error)
        return domain_error(errors.Busy())
    unique = "UNIQUE constraint failed" in text or sqlstate == "23505"
    if isinstance(error, IntegrityError) and unique:
        return domain_error(errors.Conflict())
    if isinstance(error, DataError):
        structlog.get_logger().warning("request.unstorable", exc_info=error)
        return domain_error(errors.Invalid())
    return unexpected_error(error)


def _is_away(error: OperationalError, sqlstate: str) -> bool:
    """Tell whether there was no database to ask, or it went away while asked."""
    if error.connection_invalidated or sqlstate[:3] in {"57P", "53P"}:
        return True
    if "unable to open database file" in str(error.orig):
        return True
    return error.statement is None and sqlstate[:2] in {"", "08", "53"}


def store_line(error: OperationalError) -> str:
    """Tell an operator in one line why the store cannot be used."""
    told = str(error.orig).strip().splitlines()
    return f"the store cannot be used: {told[0].strip() if told else error!r}"


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
