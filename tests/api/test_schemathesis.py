"""The whole description, tried by schemathesis in three roles on both stores.

Data that fits the description and data that does not: never a 5xx, never a status,
a type or a body that the description does not know, and never a yes to what it rules
out. Most requests carry names of objects that exist and the ETag that they stand at,
so that not everything ends in 404 and 412.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.generation import GenerationMode
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from marketplace.app import create_app
from marketplace.domain.clock import FixedClock
from tests.conftest import make_settings
from tests.markets import Market, open_market, open_threads
from tests.people import Client, World


def refuses_what_it_rules_out(ctx: Any, response: Any, case: Any) -> Any:
    """A stale ``If-Match`` is a refusal too, which schemathesis does not know of."""
    if response.status_code == 412:
        return None
    return negative_data_rejection(ctx, response, case)


CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    refuses_what_it_rules_out,
]
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
ROLES = ("firm_admin", "team", "operator")
NAMES: Mapping[str, tuple[str, ...]] = {
    "need_id": ("need:POOLED", "need:DRAFT", "need:SUBMITTED", "need:ARGUED"),
    "offer_id": ("offer:LISTED", "offer:DRAFT", "offer:UNIT_OK", "offer:REGISTERED"),
    "org_id": ("org:firm", "org:university", "org:pending", "org:suspended"),
    "member_id": ("member:firm", "member:team", "member:firm_admin", "member:firm"),
    "team_id": ("team:1",),
    "user_id": ("user:firm", "user:gone", "user:broker", "user:clerk"),
    "attachment_id": ("attachment",),
    "job_id": ("job",),
    "message_id": ("message",),
    "invitation_id": ("invitation",),
    "check_id": ("check:pending", "check:cleared", "check:clear"),
    "day_id": ("day:DRAFT", "day:SOLVING", "day:PROPOSED", "day:DEPLOYED"),
    "participant_id": (
        "participant:DRAFT",
        "participant:SOLVING",
        "participant:PROPOSED",
        "participant:DEPLOYED",
    ),
    "talk_id": ("talk",),
    "report_id": ("report:city", "report:unit"),
    "meeting_id": ("meeting",),
    "trial_id": ("trial:PROPOSED", "trial:RUNNING", "trial:ENDED"),
    "token": ("feed-token",),
    "broker_id": ("broker:1", "broker:2", "broker:1"),
    "institution_id": (
        "institution:APPLIED",
        "institution:ADVISED",
        "institution:RECORDED",
    ),
    "docking_id": (
        "docking:trial",
        "docking:RECOMMENDED",
        "docking:CONTACTED",
        "docking:MEETING",
        "docking:NDA",
        "docking:SOLUTION",
        "docking:INTENT",
    ),
    "contract_id": (
        "contract:brokered",
        "contract:DRAFT",
        "contract:HALF",
        "contract:AMENDED",
        "contract:EFFECTIVE",
        "contract:PAID",
        "papers:CORRECTION",
        "papers:REGISTERED",
    ),
}
UNIT_OF = {"member:team": "org:university", "team:1": "org:university"}
WORDS = {"list_id": "region", "number": 1, "kind": "needs", "code": "CT_N"}
EXAMPLES = 4
"""Of each operation, and others in each role and store; the soak tries many."""
REAL_IN = 8
"""One request in so many has nothing but made-up names."""


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


def chosen(operation: APIOperation, pick: int) -> dict[str, Any]:
    """Choose objects that exist, and that belong together, for a path."""
    found: dict[str, Any] = {}
    for parameter in (p.name for p in operation.path_parameters):
        known = NAMES.get(parameter)
        if known:
            found[parameter] = known[pick % len(known)]
        elif parameter == "grant_id":
            found[parameter] = "grant:need" if "need_id" in found else "grant:offer"
        elif parameter in WORDS:
            found[parameter] = WORDS[parameter]
    last = list(found.values())[-1:]
    if "org_id" in found and {"member_id", "team_id"} & found.keys():
        found["org_id"] = UNIT_OF.get(last[0], "org:firm")
    if "talk_id" in found:
        found["day_id"] = "day:DEPLOYED"
    if "contract_id" in found and "number" in found:
        found |= {"contract_id": "contract:AMENDED", "number": 2}
    return found


def fill(case: schemathesis.Case, market: Market, pick: int, client: Client) -> None:
    """Name objects that exist, and the state in which they are at the moment."""
    for name, value in chosen(case.operation, pick).items():
        case.path_parameters[name] = market.names.get(value, value)
    if "If-Match" in (case.headers or {}):
        path, acts, _ = case.formatted_path.partition("/actions/")
        if case.method.lower() == "post" and not acts:
            path = path.rpartition("/")[0]
        path = case.formatted_path.partition("/actions/")[0]
        # What hangs on a contract is changed at the contract's revision.
        path = re.split("/amendments|/payments", path)[0]
        case.headers["If-Match"] = client.get(path).headers.get("ETag", '"0"')


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
    client: Client,
    examples: int,
    which: str,
) -> None:
    """Send cases of one operation and check every answer.

    Parameters
    ----------
    which : str
        Who tries it where: the same cases in every run, others than his colleagues'.
    """

    @seed(zlib.crc32(f"{which} {operation.label}".encode()))
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
    )
    @given(
        case=st.one_of(*(operation.as_strategy(generation_mode=m) for m in MODES)),
        pick=st.integers(0, REAL_IN - 1),
    )
    def check(case: schemathesis.Case, pick: int) -> None:
        if pick:
            fill(case, market, pick, client)
        case.call_and_validate(app=app, headers=client.headers, checks=CHECKS)

    check()


def run(world: World, description: Any, who: str, examples: int) -> None:
    store = world.session.get_bind().dialect.name
    market = open_market(world)
    open_threads(market)
    failures: list[str] = []
    app = whole(world.app)
    for operation in operations(description):
        try:
            client = world.client(who)
            attack(app, market, operation, client, examples, f"{who} {store}")
        except* AssertionError as found:
            told = "\n".join(str(e) for e in found.exceptions)
            failures.append(f"{operation.label}: {told}")
    assert not failures, "\n\n".join(["", *failures])


@pytest.mark.parametrize("who", ROLES)
def test_nothing_breaks_and_nothing_is_undocumented(
    world: World, description: schemathesis.BaseSchema, who: str
) -> None:
    run(world, description, who, EXAMPLES)


@pytest.mark.soak
@pytest.mark.parametrize("who", ROLES)
def test_nothing_breaks_under_many_examples(
    world: World, description: schemathesis.BaseSchema, who: str
) -> None:
    run(world, description, who, 100)
