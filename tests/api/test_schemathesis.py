"""The whole description, tried by schemathesis in three roles on both stores.

Data that fits the description and data that does not: never a 5xx, never a status,
a type or a body that the description does not know. Half of the requests carry names
of objects that exist and the ETag that they stand at, so that not everything ends in
404 and 412.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.generation import GenerationMode
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from marketplace.app import create_app
from marketplace.domain.clock import FixedClock
from tests.conftest import make_settings
from tests.markets import Market, open_market
from tests.people import World

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
ROLES = ("firm_admin", "team", "operator")
NAMES: Mapping[str, tuple[str, ...]] = {
    "need_id": ("need:DRAFT", "need:POOLED", "need:SUBMITTED", "need:ARGUED"),
    "offer_id": ("offer:DRAFT", "offer:LISTED", "offer:UNIT_OK", "offer:REGISTERED"),
    "org_id": ("org:firm", "org:university", "org:pending"),
    "member_id": ("member:firm", "member:team"),
    "team_id": ("team:1",),
    "user_id": ("user:firm", "user:gone"),
    "attachment_id": ("attachment",),
    "job_id": ("job",),
    "invitation_id": ("invitation",),
    "grant_id": ("grant:need", "grant:offer"),
}
WORDS = {"list_id": "region", "number": 1}


@pytest.fixture(scope="session")
def description(
    tmp_path_factory: pytest.TempPathFactory, clock: FixedClock
) -> schemathesis.BaseSchema:
    """The description, read once: it is the same on both stores."""
    folder = tmp_path_factory.mktemp("schemathesis")
    app = create_app(
        make_settings(f"sqlite:///{folder / 'empty.db'}", folder), clock=clock
    )
    document = app.test_client().get("/api/v1/openapi.json").json
    return schemathesis.openapi.from_dict(document, config=SchemathesisConfig())


def operations(description: schemathesis.BaseSchema) -> Iterator[APIOperation]:
    for result in description.get_all_operations():
        yield result.ok()


def names(operation: APIOperation) -> list[str]:
    return [p.name for p in operation.path_parameters]


def fill(case: schemathesis.Case, market: Market, pick: int) -> None:
    """Name objects that exist, and the state in which they were read."""
    path: list[str] = []
    for parameter in names(case.operation):
        if parameter in WORDS:
            case.path_parameters[parameter] = WORDS[parameter]
        elif parameter in NAMES:
            known = NAMES[parameter]
            path.append(known[pick % len(known)])
            case.path_parameters[parameter] = market.names[path[-1]]
    if "If-Match" in (case.headers or {}):
        etags = [market.revisions[n] for n in path if n in market.revisions]
        case.headers["If-Match"] = f'"{etags[-1] if etags else 1}"'


def whole(app: Flask) -> Any:
    """Take every answer in at once, files too, so that each one is closed."""

    def answer(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        parts = app(environ, start_response)
        try:
            return [b"".join(parts)]
        finally:
            parts.close()

    return answer


def attack(
    app: Any,
    market: Market,
    operation: APIOperation,
    headers: dict[str, str],
    examples: int,
) -> None:
    """Send cases of one operation and check every answer."""

    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
    )
    @given(
        case=st.one_of(*(operation.as_strategy(generation_mode=m) for m in MODES)),
        real=st.booleans(),
        pick=st.integers(0, 3),
    )
    def check(case: schemathesis.Case, real: bool, pick: int) -> None:
        if real:
            fill(case, market, pick)
        case.call_and_validate(app=app, headers=headers, checks=CHECKS)

    check()


def run(world: World, description: Any, who: str, examples: int) -> None:
    market = open_market(world)
    failures: list[str] = []
    app = whole(world.app)
    for operation in operations(description):
        headers = world.client(who).headers
        try:
            attack(app, market, operation, headers, examples)
        except* AssertionError as found:
            told = "\n".join(str(e) for e in found.exceptions)
            failures.append(f"{operation.label}: {told}")
    assert not failures, "\n\n".join(["", *failures])


@pytest.mark.parametrize("who", ROLES)
def test_nothing_breaks_and_nothing_is_undocumented(
    world: World, description: schemathesis.BaseSchema, who: str
) -> None:
    run(world, description, who, 8)


@pytest.mark.soak
@pytest.mark.parametrize("who", ROLES)
def test_nothing_breaks_under_many_examples(
    world: World, description: schemathesis.BaseSchema, who: str
) -> None:
    run(world, description, who, 200)
