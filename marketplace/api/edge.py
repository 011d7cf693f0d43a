"""What every route shares: one transaction, one caller, one answer.

A route of this package holds a docstring, its schemas and one call of a service. What
the conventions of the API ask of all of them is done here: the caller behind the
token, scopes, ``If-Match`` and ``ETag``, ``Idempotency-Key``, and the commit. The commit
stands here and not in the routes because the answer kept for an idempotency key must
commit together with the change that it tells of.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from typing import Any, cast

import flask_smorest
import sqlalchemy as sa
from flask import Response, current_app, g, request
from marshmallow import RAISE
from sqlalchemy.exc import IntegrityError
from webargs.flaskparser import FlaskParser

from marketplace.config import Settings
from marketplace.domain.actors import Actor
from marketplace.domain.clock import Clock
from marketplace.errors import (
    Forbidden,
    Invalid,
    PreconditionRequired,
    Stale,
    Text,
    Unauthenticated,
)
from marketplace.extensions import READ_ONLY, db
from marketplace.models.users import ApiToken
from marketplace.services import idempotency, tokens

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
REPLAYED = "Idempotent-Replay"
KEPT_HEADERS = ("Content-Type", "ETag", "Location", "Content-Language")
View = Callable[..., Any]


def settings() -> Settings:
    """Return the settings of the running application."""
    return cast("Settings", current_app.extensions["jiebang.settings"])


def clock() -> Clock:
    """Return the injected clock."""
    return cast("Clock", current_app.extensions["jiebang.clock"])


def actor() -> Actor:
    """Return the caller of this request, read once from its token."""
    if "actor" not in g:
        g.actor, g.token = _authenticate()
    return cast("Actor", g.actor)


def current_token() -> ApiToken:
    """Return the token of this request.

    Raises
    ------
    Unauthenticated
        The request came without one.
    """
    actor()
    if g.token is None:
        raise Unauthenticated
    return cast("ApiToken", g.token)


def _authenticate() -> tuple[Actor, ApiToken | None]:
    now, zone = clock().now(), settings().zone
    request_id = g.get("request_id", "")
    header = request.headers.get("Authorization")
    if header is None:
        return Actor(now=now, zone=zone, request_id=request_id), None
    scheme, _, raw = header.partition(" ")
    if scheme.lower() != "bearer" or not raw.strip():
        raise Unauthenticated
    return tokens.actor_for(
        db.session(), raw.strip(), now, zone=zone, request_id=request_id
    )


def if_match() -> int:
    """Return the revision that the caller has read, from ``If-Match``.

    Raises
    ------
    PreconditionRequired
        The header is missing.
    Stale
        It holds an ETag that no revision of ours has.
    """
    header = request.headers.get("If-Match")
    if header is None:
        raise PreconditionRequired
    text = header.strip().removeprefix("W/").strip('"')
    if not (text.isascii() and text.isdigit()):
        raise Stale
    return int(text)


def etag(revision: int) -> dict[str, str]:
    """Return the header of an object that stands at ``revision``."""
    return {"ETag": f'"{revision}"'}


class StrictParser(FlaskParser):  # type: ignore[misc]
    """A parser that refuses unknown names in the query as in the body."""

    DEFAULT_UNKNOWN_BY_LOCATION = {  # noqa: RUF012
        **FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION,
        "query": RAISE,
        "query_string": RAISE,
    }


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

    def add_url_rule(
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: View | None = None,
        provide_automatic_options: bool | None = None,  # noqa: FBT001
        **options: Any,
    ) -> None:
        """Register a view inside a unit of work."""
        if view_func is not None:
            view_func = unit_of_work(view_func, keep_answers=not self._secrets)
        super().add_url_rule(
            rule, endpoint, view_func, provide_automatic_options, **options
        )


def unit_of_work(view: View, *, keep_answers: bool = True) -> View:
    """Run a view in one transaction and commit it with its answer."""

    @functools.wraps(view)
    def run(*args: Any, **kwargs: Any) -> Response:
        session = db.session()
        if request.method in SAFE:
            session.connection(execution_options=READ_ONLY)
            _require_scope("read")
            response = current_app.make_response(view(*args, **kwargs))
            _write_down_readings()
            return response
        _require_scope("write")
        key = request.headers.get("Idempotency-Key") if keep_answers else None
        if request.method != "POST" or key is None:
            response = current_app.make_response(view(*args, **kwargs))
            session.commit()
            return response
        return _once(key, lambda: current_app.make_response(view(*args, **kwargs)))

    return run


def _require_scope(scope: str) -> None:
    caller = actor()
    if caller.user_id is not None and scope not in caller.scopes:
        raise Forbidden(
            Text(
                "令牌缺少 {scope} 权限", "the token lacks the {scope} scope"
            ).format(scope=scope)
        )


def _once(key: str, answer: Callable[[], Response]) -> Response:
    """Answer a request with a key: from the store, or now and into the store."""
    if not 1 <= len(key) <= 255:
        raise Invalid.at(
            "/headers/Idempotency-Key",
            "bad_length",
            "长度须为 1 至 255",
            "must have 1 to 255 characters",
        )
    caller = str(actor().user_id or f"public:{request.remote_addr}")[:64]
    asked = _request_hash()
    session = db.session()
    kept = idempotency.find(session, caller, key, asked)
    if kept is None:
        response = answer()
        if response.status_code >= 400:
            session.commit()
            return response
        try:
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
        except IntegrityError:
            session.rollback()
            kept = idempotency.find(session, caller, key, asked)
            if kept is None:
                raise
        else:
            return response
    replay = Response(kept.body, status=kept.status, headers=kept.headers)
    replay.headers[REPLAYED] = "true"
    return replay


def _request_hash() -> str:
    digest = hashlib.sha256()
    for part in (
        request.method.encode(),
        request.full_path.encode("utf-8", "surrogateescape"),
        (request.mimetype or "").encode("utf-8", "surrogateescape"),
        request.get_data(cache=True),
    ):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()


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
    """Ask the database for a sign of life."""
    db.session.execute(sa.text("SELECT 1"))
