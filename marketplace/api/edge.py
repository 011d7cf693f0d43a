"""What every route shares: one transaction, one caller, one answer.

A route of this package holds a docstring, its schemas and one call of a service. What
the conventions of the API ask of all of them is done here: the caller behind the
token, scopes, ``If-Match`` and ``ETag``, ``Idempotency-Key``, and the commit. It
stands here and not in the routes because the answer kept for an idempotency key must
commit together with the change that it tells of.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from operator import itemgetter
from typing import Any, NoReturn, TypeVar, cast
from uuid import UUID

import flask_smorest
import sqlalchemy as sa
from flask import Response, current_app, g, request
from marshmallow import RAISE, ValidationError
from marshmallow.exceptions import SCHEMA
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm.exc import StaleDataError
from webargs import missing
from webargs.flaskparser import FlaskParser, is_json_request

from marketplace import problems
from marketplace.config import Settings
from marketplace.domain.actors import Actor
from marketplace.domain.clock import Clock
from marketplace.errors import (
    FieldError,
    Forbidden,
    Invalid,
    MarketplaceError,
    NotFound,
    NotJson,
    PreconditionRequired,
    Stale,
    Text,
    Unauthenticated,
    UnsupportedMedia,
)
from marketplace.extensions import READ_ONLY, db
from marketplace.models.users import ApiToken
from marketplace.services import idempotency, tokens
from marketplace.services.indexes import MatchIndex

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
REPLAYED = "Idempotent-Replay"
KEPT_HEADERS = ("Content-Type", "ETag", "Location", "Content-Language")
BODIES = frozenset({"json", "json_or_form"})
View = Callable[..., Any]
V = TypeVar("V", bound=View)
_SCOPE = "needed_scope"
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_UNFIT = {
    "bad_character": Text(
        "含有不能保存的字符（空字符或残缺的代理字符）",
        "holds a NUL or half of a surrogate pair",
    ),
    "out_of_range": Text("超出可保存的范围", "is out of the range that can be stored"),
    "too_deep": Text("嵌套过深", "is nested too deeply"),
}
_DEEPEST = 64
_MOST_PLACES = 100
_LONGEST_REVISION = 18


def settings() -> Settings:
    """Return the settings of the running application."""
    return cast("Settings", current_app.extensions["jiebang.settings"])


def clock() -> Clock:
    """Return the injected clock."""
    return cast("Clock", current_app.extensions["jiebang.clock"])


def index() -> MatchIndex:
    """Return this process's view of the match index."""
    return cast("MatchIndex", current_app.extensions["jiebang.index"])


def actor() -> Actor:
    """Return the caller of this request, read once from its token."""
    if "actor" not in g:
        g.actor, g.token_id = _authenticate()
    return cast("Actor", g.actor)


def current_token() -> ApiToken:
    """Return the token of this request.

    Raises
    ------
    Unauthenticated
        The request came without one.
    """
    actor()
    if g.token_id is None:
        raise Unauthenticated
    return db.session().get_one(ApiToken, g.token_id)


def nobody() -> Actor:
    """Return the public as the caller, whatever token came with the request."""
    return Actor(
        now=clock().now(), zone=settings().zone, request_id=g.get("request_id", "")
    )


def refreshed_actor() -> Actor:
    """Return the caller with what he has become within this request."""
    caller = actor()
    if caller.user_id is not None:
        held = tokens.standings(db.session(), caller.user_id)
        g.actor = replace(caller, standings=held)
    return actor()


def _authenticate() -> tuple[Actor, UUID | None]:
    public = nobody()
    header = request.headers.get("Authorization")
    if header is None:
        return public, None
    scheme, _, raw = header.partition(" ")
    if scheme.lower() != "bearer" or not raw.strip():
        raise Unauthenticated
    return tokens.actor_for(
        db.session(),
        raw.strip(),
        public.now,
        zone=public.zone,
        request_id=public.request_id,
    )


def if_match_tag() -> str:
    """Return the tag that the caller has read, from ``If-Match``.

    Raises
    ------
    PreconditionRequired
        The header is missing.
    """
    header = request.headers.get("If-Match")
    if header is None:
        raise PreconditionRequired
    return header.strip().removeprefix("W/").strip('"')


def if_match() -> int:
    """Return the revision that the caller has read, from ``If-Match``.

    Raises
    ------
    PreconditionRequired
        The header is missing.
    Stale
        It holds an ETag that no revision of ours has.
    """
    text = if_match_tag()
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_REVISION):
        raise Stale
    return int(text)


def in_path(name: str, values: Iterable[str]) -> dict[str, Any]:
    """Describe a parameter of a path that is one of some words."""
    schema = {"type": "string", "enum": sorted(values)}
    return {"name": name, "in": "path", "schema": schema}


def etag(tag: int | str) -> dict[str, str]:
    """Return the header of an object that stands at a revision or tag."""
    return {"ETag": f'"{tag}"'}


def spoken(value: Any, language: str) -> Any:
    """Return an answer with its bilingual texts in the reader's language."""
    if isinstance(value, Text):
        return value.get(language)
    if isinstance(value, Mapping):
        return {name: spoken(item, language) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [spoken(item, language) for item in value]
    return value


def _fault(value: Any) -> str | None:
    """Say why no store can hold a single value, or None."""
    if isinstance(value, str):
        return "bad_character" if _UNSTORABLE.search(value) else None
    fits = True
    if isinstance(value, int):
        fits = -(2**63) <= value < 2**63
    elif isinstance(value, float):
        fits = math.isfinite(value)
    elif isinstance(value, datetime):
        fits = 1 < value.year < 9999
    return None if fits else "out_of_range"


def _unfit(value: Any, pointer: str) -> Iterator[tuple[str, str]]:
    """Yield the place and code of all that no store can hold, however deep it lies."""
    waiting = [(value, pointer, 0)]
    while waiting:
        value, pointer, depth = waiting.pop()
        if not isinstance(value, Mapping | list | tuple):
            code = _fault(value)
            if code is not None:
                yield pointer, code
            continue
        if depth == _DEEPEST:
            yield pointer, "too_deep"
            continue
        inside: Iterable[tuple[Any, Any]] = enumerate(value)
        if isinstance(value, Mapping):
            waiting += [(name, pointer, depth) for name in value]
            inside = value.items()
        for name, item in inside:
            step = str(name).replace("~", "~0").replace("/", "~1")
            waiting.append((item, f"{pointer}/{step}", depth + 1))


def _refuse_unfit(value: Any, pointer: str) -> None:
    found = [
        FieldError(_UNSTORABLE.sub("?", place), code, _UNFIT[code])
        for place, code in sorted(set(_unfit(value, pointer)))
    ]
    if found:
        raise Invalid(errors=found[:_MOST_PLACES])


class _HalfRight(Exception):
    """A body of which a part is wrong by its schema, and the service sees the rest."""

    def __init__(self, wrong: Sequence[FieldError], rest: dict[str, Any]) -> None:
        super().__init__()
        self.wrong, self.rest = tuple(wrong), rest


class StrictParser(FlaskParser):
    """A parser that refuses what the parsers below it let through.

    Unknown names in the query as in the body; a body that is not JSON where JSON is
    expected; texts with a NUL or half of a surrogate pair, which JSON may hold and
    PostgreSQL cannot; numbers and moments out of every store's range. It is done here
    for all routes, so that no service has to think of it.
    """

    DEFAULT_UNKNOWN_BY_LOCATION = {  # noqa: RUF012
        **FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION,
        "query": RAISE,
        "query_string": RAISE,
    }

    def parse(
        self, argmap: Any, req: Any = None, *, location: str | None = None, **more: Any
    ) -> Any:
        """Load one part of the request, and refuse what no store can hold."""
        location = location or self.location
        try:
            loaded = super().parse(argmap, req, location=location, **more)
        except _HalfRight as half:
            g.held, loaded = half.wrong, half.rest
        _refuse_unfit(loaded, _base(location))
        return loaded

    def _on_validation_error(
        self, error: ValidationError, req: Any, schema: Any, location: str, **more: Any
    ) -> NoReturn:
        """Refuse what the schema refuses, or hold it until the service has looked."""
        together = getattr(schema, "together", None)
        wrong, rest = error.messages, error.valid_data
        if location != "json" or together is None or not isinstance(wrong, Mapping):
            super()._on_validation_error(error, req, schema, location, **more)
        if SCHEMA in wrong or not isinstance(rest, Mapping):
            super()._on_validation_error(error, req, schema, location, **more)
        unfit = {str(name) for name in wrong}
        unfit |= {name for group in together if group & unfit for name in group}
        raise _HalfRight(
            problems.validation_errors({location: wrong}, schema),
            {name: value for name, value in rest.items() if name not in unfit},
        )

    def _raw_load_json(self, req: Any) -> Any:
        body = req.get_data(cache=True)
        if not is_json_request(req):
            if body or req.form or req.files:
                raise UnsupportedMedia(
                    Text(
                        "请求体须为 application/json",
                        "the body must be application/json",
                    )
                )
            return missing
        if not body:
            return missing
        try:
            return json.loads(body, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise NotJson(_why_not_json(error)) from error

    def _load_location_data(self, *, schema: Any, req: Any, location: str) -> Any:
        data = super()._load_location_data(schema=schema, req=req, location=location)
        if location in BODIES:
            _refuse_unfit(data, "")
        elif location in {"query", "querystring", "form"} and data:
            lists = {name: data.getlist(name) for name in data}
            _refuse_unfit(lists, _base(location))
        return data


def _base(location: str) -> str:
    """Return where the pointers of one part of a request begin."""
    return "" if location in BODIES else f"/{location}"


def _no_constant(name: str) -> float:
    """Refuse NaN and Infinity, which are not JSON."""
    raise NotJson(
        Text("{name} 不是 JSON 的值", "{name} is no value of JSON").format(name=name)
    )


def _why_not_json(error: ValueError | RecursionError) -> Text:
    """Say why a body cannot be read, and where."""
    if isinstance(error, json.JSONDecodeError):
        return Text(
            "第 {line} 行第 {column} 列附近有语法错误",
            "line {line}, column {column}: {message}",
        ).format(line=error.lineno, column=error.colno, message=error.msg)
    if isinstance(error, UnicodeDecodeError):
        return Text(
            "请求体须为 UTF-8 编码，第 {place} 个字节不是；若为 GBK 编码，请先转换",
            "the body must be in UTF-8, and byte {place} is not; convert it first"
            " if it is in GBK",
        ).format(place=error.start + 1)
    if isinstance(error, RecursionError):
        return _UNFIT["too_deep"]
    return Text("有位数过多的数字", "holds a number of too many digits")


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]
    """A blueprint whose routes run as one unit of work each.

    Parameters
    ----------
    secrets : bool
        Answers of this blueprint hold secrets that are shown once (tokens); they are
        not kept for ``Idempotency-Key``.
    """

    ARGUMENTS_PARSER = StrictParser()

    def __init__(self, *args: Any, secrets: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._secrets = secrets

    def arguments(self, schema: Any, **more: Any) -> Callable[[View], View]:
        """Describe what comes in; a schema is made once, not for each request."""
        made = schema() if isinstance(schema, type) else schema
        return cast("Callable[[View], View]", super().arguments(made, **more))

    def response(
        self, status_code: int | str, schema: Any = None, **more: Any
    ) -> Callable[[View], View]:
        """Describe an answer; a list's route also learns what its rows look like."""
        decorate = cast(
            "Callable[[View], View]", super().response(status_code, schema, **more)
        )
        row_schema = getattr(schema, "row_schema", None)
        if row_schema is None:
            return decorate

        def mark(view: View) -> View:
            @functools.wraps(view)
            def run(*args: Any, **kwargs: Any) -> Any:
                g.row_schema = row_schema
                return view(*args, **kwargs)

            return decorate(run)

        return mark

    def add_url_rule(
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: View | None = None,
        provide_automatic_options: bool | None = None,
        **options: Any,
    ) -> None:
        """Register a view inside a unit of work."""
        if view_func is not None:
            view_func = unit_of_work(view_func, keep_answers=not self._secrets)
        super().add_url_rule(
            rule, endpoint, view_func, provide_automatic_options, **options
        )


def needs_scope(scope: str | None) -> Callable[[V], V]:
    """Have a route need another scope than its method does.

    Signing out needs no right to write. ``None`` is for the route that signs in: it
    does not even look at a token, or one that has expired would shut its owner out.
    """

    def mark(view: V) -> V:
        setattr(view, _SCOPE, scope)
        return view

    return mark


def unit_of_work(view: View, *, keep_answers: bool = True) -> View:
    """Run a view in one transaction and commit it with its answer.

    A refusal rolls everything back, except where the error says that what was written
    before it stays (``MarketplaceError.keeps_changes``).
    """

    @functools.wraps(view)
    def run(*args: Any, **kwargs: Any) -> Response:
        if any(True for value in kwargs.values() for _ in _unfit(value, "")):
            raise NotFound
        session = db.session()
        if request.method in SAFE:
            session.connection(execution_options=READ_ONLY)
            _require_scope(getattr(view, _SCOPE, "read"))
            response = current_app.make_response(view(*args, **kwargs))
            _write_down_readings()
            return response
        _receive()
        _require_scope(getattr(view, _SCOPE, "write"))
        key = request.headers.get("Idempotency-Key")

        def answer() -> Response:
            return _whole_refusal(lambda: view(*args, **kwargs))

        try:
            if request.method == "POST" and key is not None:
                _require_key(key)
                if keep_answers:
                    return _once(key, answer)
            response = answer()
            session.commit()
        except MarketplaceError as error:
            if error.keeps_changes:
                session.commit()
            raise
        else:
            return response

    return run


def _whole_refusal(view: Callable[[], Any]) -> Response:
    """Run a view; what the schema had refused is told with what the service refuses.

    Nothing that was done for a body that is wrong in part is ever kept.

    Raises
    ------
    Invalid
        The schema found something, whatever the service says.
    """
    g.held = ()
    further: Sequence[FieldError] = ()
    try:
        response = current_app.make_response(view())
    except MarketplaceError as error:
        if not g.held:
            raise
        if isinstance(error, Invalid):
            further = error.errors
    if not g.held:
        return response
    known = {_first_step(error.pointer) for error in g.held}
    new = (error for error in further if _first_step(error.pointer) not in known)
    raise Invalid(errors=[*g.held, *new])


def _first_step(pointer: str) -> str:
    return pointer[1:].partition("/")[0]


def _require_scope(scope: str | None) -> None:
    if scope is None:
        return
    caller = actor()
    if caller.user_id is not None and scope not in caller.scopes:
        raise Forbidden(
            Text("令牌缺少 {scope} 权限", "the token lacks the {scope} scope").format(
                scope=scope
            )
        )


def _require_key(key: str) -> None:
    """Refuse a key that cannot be one.

    Raises
    ------
    Invalid
    """
    if not (1 <= len(key) <= 255 and key.isprintable()):
        raise Invalid.at(
            "/headers/Idempotency-Key",
            "bad_length",
            "须为 1 至 255 个可见字符",
            "must have 1 to 255 printable characters",
        )


def _once(key: str, answer: Callable[[], Response]) -> Response:
    """Answer a request with a key: from the store, or now and into the store.

    When two requests with one key run at once, the second one fails, on the key or on
    what the first one changed before it: then it has the first one's answer.
    """
    caller = str(actor().user_id or f"public:{request.remote_addr}")[:64]
    asked = _request_hash()
    session = db.session()
    kept = idempotency.find(session, caller, key, asked)
    if kept is None:
        try:
            return _answer_and_keep(caller, key, asked, answer)
        except (MarketplaceError, DBAPIError, StaleDataError) as error:
            if isinstance(error, MarketplaceError) and error.keeps_changes:
                raise
            session.rollback()
            kept = idempotency.find(session, caller, key, asked)
            if kept is None:
                raise
    replay = Response(kept.body, status=kept.status, headers=kept.headers)
    replay.headers[REPLAYED] = "true"
    return replay


def _receive() -> None:
    """Take the whole body in before the transaction begins; files go to disk.

    On SQLite a transaction that may write holds the lock from its first query on. A
    client that sends slowly must not hold it for as long as he sends.
    """
    request.get_data(cache=True, parse_form_data=True)


def _answer_and_keep(
    caller: str, key: str, asked: str, answer: Callable[[], Response]
) -> Response:
    """Answer for the first time; fails when another request with the key was faster."""
    session = db.session()
    response = answer()
    if response.status_code < 400:
        idempotency.keep(
            session,
            caller=caller,
            key=key,
            request_hash=asked,
            status=response.status_code,
            headers={
                h: response.headers[h] for h in KEPT_HEADERS if h in response.headers
            },
            body=response.get_data(),
            now=actor().now,
        )
    session.commit()
    return response


def _request_hash() -> str:
    digest = hashlib.sha256()
    for part in (
        request.method.encode(),
        request.full_path.encode("utf-8", "surrogateescape"),
        (request.mimetype or "").encode("utf-8", "surrogateescape"),
        request.get_data(cache=True),
        *_form_parts(),
    ):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()


def _form_parts() -> Iterator[bytes]:
    """Yield what a form says, whatever boundary lies between its parts."""
    for name, value in sorted(request.form.items(multi=True)):
        yield json.dumps([name, value]).encode()
    for name, file in sorted(request.files.items(multi=True), key=itemgetter(0)):
        content = hashlib.file_digest(cast("Any", file.stream), "sha256").hexdigest()
        file.stream.seek(0)
        yield json.dumps([name, file.filename, content]).encode()


def after_reading(write: Callable[[], None]) -> None:
    """Have ``write`` run in a transaction of its own before the answer leaves.

    A ``GET`` that shows confidential fields leaves a trace in the ledger. The reading
    itself holds no write lock; when the trace cannot be written, nothing is shown.
    """
    g.setdefault("readings", []).append(write)


def _write_down_readings() -> None:
    readings = g.pop("readings", [])
    if not readings:
        return
    session = db.session()
    session.rollback()
    session.connection()
    for write in readings:
        write()
    session.commit()


def ping() -> None:
    """Ask the database for a sign of life, without waiting for who writes."""
    session = db.session()
    session.connection(execution_options=READ_ONLY)
    session.execute(sa.text("SELECT 1"))
