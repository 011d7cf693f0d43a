"""Figures, funnel and reports over the wire."""

from __future__ import annotations

import io
from datetime import date
from typing import Any

import openpyxl
import pytest

from tests.people import World
from tests.registers import Book

OCTOBER = {"kind": "monthly-bulletin", "period": "2026-10", "region": "370200"}


@pytest.fixture
def filled(world: World) -> World:
    book = Book(world.org("team").id)
    for region in ("370211", "370212", "370102"):
        book.register(date(2026, 10, 5), "1000000.00", seller_region=region)
    gone = book.register(date(2026, 9, 5), "50.00", seller_region="370211")
    book.enter(
        gone,
        date(2026, 10, 6),
        "-50.00",
        kind="cancelled",
        count=-1,
        seller_region="370211",
    )
    book.save(world.session)
    world.session.commit()
    return world


def test_definitions_are_read_in_both_languages(world: World) -> None:
    client = world.client("stranger")
    for language, title in (
        ("zh-CN", "技术合同登记数"),
        ("en", "Contracts registered"),
    ):
        answer = client.get("/indicators", headers={"Accept-Language": language})
        assert answer.json["items"][0]["title"] == title
        assert len(answer.json["items"]) == 21


def test_a_figure_is_asked_by_axes_and_filters_and_opened_to_its_rows(
    filled: World,
) -> None:
    client = filled.client("operator")
    path = "/indicators/CT_AMT"
    found = client.get(f"{path}?period=2026-10&by=seller_city&class=D").json
    assert found["total"]["value"] == "2999950.00"
    assert {c["key"]["seller_city"]: c["value"] for c in found["cells"]} == {
        "370100": "1000000.00",
        "370200": "1999950.00",
    }
    rows = client.get(f"{path}/rows?period=2026-10&seller_city=370200").json
    assert rows["total"] == 3
    assert sorted(r["total_yuan"] for r in rows["items"]) == [
        "-50.00",
        "1000000.00",
        "1000000.00",
    ]
    sheet = client.get(
        f"{path}/rows?period=2026-10", headers={"Accept": "text/csv"}, buffered=True
    )
    assert sheet.status_code == 200
    assert sheet.text.count("\n") == 5


def test_as_of_is_read_from_the_query(filled: World) -> None:
    client = filled.client("operator")
    moment = "2026-10-05T18:00:00%2B08:00"
    found = client.get(f"/indicators/CT_N?period=2026-10&as_of={moment}").json
    assert found["total"]["value"] == "3"
    assert client.get("/indicators/CT_N?period=2026-10").json["total"]["value"] == "2"
    wrong = client.get("/indicators/CT_N?period=2026-10&as_of=yesterday")
    assert wrong.status_code == 422


def test_a_report_is_prepared_issued_and_read_as_a_sheet(filled: World) -> None:
    client = filled.client("operator")
    dry = client.post("/reports/preparation", json=OCTOBER)
    assert dry.status_code == 200
    assert client.get("/reports").json["total"] == 0
    issued = client.post("/reports", json=OCTOBER)
    assert issued.status_code == 201, issued.json
    assert issued.json["sound"] is True
    assert issued.json["content"]["figures"] == dry.json["content"]["figures"]
    assert client.post("/reports", json=OCTOBER).status_code == 409
    path = issued.headers["Location"]
    assert client.get(path).json["digest"] == issued.json["digest"]
    rows = sheet(client, path)
    assert rows[0][4:7] == ("合同数", "同比（%）", "成交额（万元）")
    assert rows[1][0] == "合计"
    assert (rows[1][4], float(rows[1][6])) == (1, 199.995)
    csv = client.get(f"{path}/sheet", headers={"Accept": "text/csv"}, buffered=True)
    assert csv.mimetype == "text/csv"
    assert (
        client.get(f"{path}/sheet", headers={"Accept": "image/png"}).status_code == 406
    )


def sheet(client: Any, path: str) -> list[tuple[Any, ...]]:
    answer = client.get(f"{path}/sheet", buffered=True)
    book = openpyxl.load_workbook(io.BytesIO(answer.data))
    return list(book.active.iter_rows(values_only=True))


def test_the_funnel_and_the_targets_answer(filled: World) -> None:
    funnel = filled.client("operator").get("/funnel?period=2026&by=city").json
    assert funnel["whole"]["stages"][0]["code"] == "need"
    found = filled.client("stranger").get("/targets?region=370200").json
    assert len(found["items"]) == 5


def test_one_issue_sent_twice_with_a_key_is_one_report(filled: World) -> None:
    client = filled.client("operator")
    headers = {"Idempotency-Key": "k1"}
    first = client.post("/reports", json=OCTOBER, headers=headers)
    again = client.post("/reports", json=OCTOBER, headers=headers)
    assert first.json == again.json
    assert again.headers["Idempotent-Replay"] == "true"
