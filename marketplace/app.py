"""``create_app``: wiring only."""

from __future__ import annotations

import functools
import os
from typing import Any

import marshmallow as ma
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Flask
from flask_smorest import Api
from werkzeug.middleware.proxy_fix import ProxyFix

from marketplace import counters, models, observation, problems
from marketplace.api import BLUEPRINTS, description, front, health
from marketplace.config import Settings, load_settings, prepare_folder
from marketplace.domain.clock import Clock, SystemClock
from marketplace.extensions import configure_engine, db, engine_options, limiter
from marketplace.jobs.queue import JobProcess
from marketplace.jobs.runner import Runner
from marketplace.services.indexes import MatchIndex
from schemas.base import Money, ProblemSchema

__all__ = ["create_app", "models"]


class MarketApi(Api):  # type: ignore[misc]
    """The API without the framework's own error pages: ours answer."""

    def _register_error_handlers(self) -> None:
        """Leave errors to ``problems``."""


def create_app(
    settings: Settings | None = None, *, clock: Clock | None = None
) -> Flask:
    """Make the application.

    Parameters
    ----------
    settings : Settings, optional
        Read from the environment when absent.
    clock : Clock, optional
        The machine's when absent.
    """
    settings = settings or load_settings()
    prepare_folder(settings)
    observation.configure_logging(settings.log_level)
    app = Flask("marketplace", static_folder=None)
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.config.update(_flask_settings(settings))
    app.extensions["jiebang.settings"] = settings
    app.extensions["jiebang.clock"] = clock or SystemClock()
    app.extensions["jiebang.index"] = MatchIndex(
        settings.index_dir, settings.weights_dir
    )
    if settings.proxies:
        hops = settings.proxies
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops
        )
    observation.observe(app)
    limiter.init_app(app)
    db.init_app(app)
    with app.app_context():
        configure_engine(db.engine, settings.busy_seconds)
    problems.register(app)
    api = MarketApi(app)
    app.extensions["jiebang.api"] = api
    _describe_common(api)
    for blueprint in BLUEPRINTS:
        api.register_blueprint(blueprint, url_prefix="/api/v1")
    app.register_blueprint(health.bp)
    app.register_blueprint(description.bp)
    app.register_blueprint(description.PAGES)
    app.register_blueprint(front.bp)
    app.extensions["jiebang.runner"] = Runner(app)
    app.extensions["jiebang.jobs"] = functools.partial(JobProcess, app)
    return app


def _flask_settings(settings: Settings) -> dict[str, Any]:
    return {
        "SQLALCHEMY_DATABASE_URI": settings.database_url,
        "SQLALCHEMY_ENGINE_OPTIONS": engine_options(settings.database_url),
        "MAX_CONTENT_LENGTH": settings.max_upload_bytes,
        "MAX_FORM_MEMORY_SIZE": 1024 * 1024,
        "API_TITLE": "Jiebang 揭榜",
        "API_VERSION": "v1",
        "OPENAPI_VERSION": "3.1.0",
        "JIEBANG_RATE_LIMIT": settings.rate_limit,
        "RATELIMIT_STORAGE_URI": f"{counters.ProcessCounters.STORAGE_SCHEME[0]}://",
        "PROPAGATE_EXCEPTIONS": False,
    }


def _describe_common(api: Api) -> None:
    plugin = next(p for p in api.spec.plugins if isinstance(p, MarshmallowPlugin))
    assert plugin.converter is not None  # noqa: S101 - set when the spec is made
    plugin.converter.add_attribute_function(_number_as_text)  # type: ignore[no-untyped-call]
    api.spec.components.schema("Problem", schema=ProblemSchema)
    api.spec.components.security_scheme("bearer", {"type": "http", "scheme": "bearer"})
    api.spec.components.parameter(
        "IdempotencyKey",
        "header",
        {
            "name": "Idempotency-Key",
            "required": False,
            "schema": {"type": "string", "minLength": 1, "maxLength": 255},
            "description": "Same key and body: the first answer again.",
        },
    )


def _number_as_text(
    self: Any,  # noqa: ARG001
    field: ma.fields.Field[Any],
    **kwargs: Any,  # noqa: ARG001
) -> dict[str, Any]:
    words = isinstance(field, ma.fields.Decimal) and field.as_string
    if not (isinstance(field, Money) or words):
        return {}
    return {"type": ["string", "null"] if field.allow_none else "string"}


def worker_count() -> int:
    """Return how many worker processes suit this machine: at least two."""
    return max(2, min(4, (os.cpu_count() or 1)))
