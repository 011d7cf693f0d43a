"""Lists are written by a shorter way than their schemas, to the same end."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import orjson
import pytest
from flask import current_app

from marketplace.api import lists
from marketplace.api.edge import spoken
from marketplace.domain.needs import Disclosure
from marketplace.errors import Text
from marketplace.problems import language
from schemas.base import Money
from schemas.contents import OpaqueSchema
from schemas.needs import NeedRowSchema
from schemas.rows import dumper
from tests.markets import open_market
from tests.people import World

READERS = {
    "operator": "org:firm",
    "firm_admin": "org:firm",
    "university_admin": "org:university",
    "stranger": "org:university",
}
"""Who reads every list, and the unit whose lists he reads."""


def test_every_list_has_the_rows_that_its_schema_describes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    market = open_market(world)
    compared: dict[str, int] = {}
    write = lists.written

    def compare(page: Any, row_schema: Any) -> bytes:
        body = write(page, row_schema)
        rows = [spoken(row, language()) for row in page.items]
        described = {"items": rows, "next": page.next, "total": page.total}
        dumped = lists.page_of(row_schema)().dump(described)
        assert orjson.loads(body) == json.loads(current_app.json.dumps(dumped))
        name = row_schema.__name__
        compared[name] = compared.get(name, 0) + len(rows)
        return body

    monkeypatch.setattr(lists, "written", compare)
    kinds = {"need": "need:POOLED", "offer": "offer:LISTED", "job": "job"}
    for who, org in READERS.items():
        client = world.client(who)
        names = {**kinds, "org": org}
        for rule in world.app.url_map.iter_rules():
            if "GET" not in rule.methods or not rule.rule.startswith("/api/v1"):
                continue
            path = re.sub(
                r"<[^>]*?(\w+)_id>",
                lambda found, names=names: market.names.get(
                    names.get(found[1], ""), "none"
                ),
                rule.rule,
            )
            if "<" not in path and "none" not in path:
                for tongue in ("zh-CN", "en"):
                    client.get(path, headers={"Accept-Language": tongue}).close()
    assert {name for name, rows in compared.items() if rows} >= {
        "NeedRowSchema",
        "OfferRowSchema",
        "OrganisationRowSchema",
        "EventSchema",
        "MemberSchema",
        "UserRowSchema",
        "TeamSchema",
        "InvitationSchema",
        "DisclosureSchema",
        "LedgerEntrySchema",
        "ImportSchema",
    }


def test_a_row_has_its_values_in_the_order_and_the_spelling_of_its_schema() -> None:
    moment = datetime(2026, 11, 22, 9, 30, 0, 120000, tzinfo=UTC)
    row = {
        "need_no": "N2026-370202-0001",
        "id": uuid4(),
        "title": "题目",
        "owner_org": {"id": uuid4(), "name": "单位", "region": "370202"},
        "chain": None,
        "tech_field": ["05"],
        "disclosure": Disclosure.NDA,
        "created_at": moment,
        "valid_until": date(2027, 1, 1),
        "budget_total_yuan": Decimal("1200000.5"),
        "budget_negotiable": False,
        "further": "not in the schema",
    }
    dumped = NeedRowSchema().dump(row)
    shown = orjson.loads(orjson.dumps(dumper(NeedRowSchema)(row)))
    assert shown == json.loads(json.dumps(dumped))
    assert list(shown) == list(dumped)
    assert shown["budget_total_yuan"] == "1200000.50"
    assert "published_at" not in shown


def test_amounts_within_lists_are_written_as_amounts() -> None:
    schema = OpaqueSchema.from_dict(
        {"amounts": lists.fields.List(Money(allow_none=True)), "total": Money()}
    )
    row = {"amounts": [Decimal(1), None], "total": None}
    assert dumper(schema)(row) == {"amounts": ["1.00", None], "total": None}


def test_what_is_no_json_is_a_defect_and_not_an_answer(world: World) -> None:
    with world.app.test_request_context():
        schema = OpaqueSchema.from_dict({"name": lists.fields.String()})
        page = lists.Page([{"name": Text("甲", "A")}], None, 1)
        assert orjson.loads(lists.written(page, schema))["items"] == [{"name": "甲"}]
        wrong = lists.Page([{"name": object()}], None, 1)
        with pytest.raises(TypeError, match="not JSON serializable"):
            lists.written(wrong, schema)
