"""Any list is also a sheet: the same rows for the same caller, without formulas."""

from __future__ import annotations

import csv
import io
import re

import openpyxl
import pytest

from marketplace.api import exports
from marketplace.errors import Invalid
from marketplace.services import offers
from tests import people

XLSX = exports.sheets.XLSX


def make(world, title, **more):
    offer = offers.create(
        world.session,
        world.actor("team"),
        {"kind": "result", "title": title, **more},
    )
    world.session.flush()
    return offer


def table(answer):
    rows = list(csv.reader(io.StringIO(answer.get_data().decode("utf-8-sig"))))
    answer.close()
    return rows


def ask(client, path, accept):
    return client.get(path, headers={"Accept": accept})


FORMATS = {
    "text/csv": "text/csv",
    "text/csv; q=0.9, application/json; q=0.5": "text/csv",
    "application/json, text/csv; q=0.9": "application/json",
    f"{XLSX}, text/csv; q=0.9": XLSX,
    "text/*": "text/csv",
    "*/*": "application/json",
    "text/html, */*; q=0.1": "application/json",
    "application/*": "application/json",
    "text/csv, application/json": "application/json",
}


def test_the_format_follows_accept(world):
    client = world.client("team")
    for accept, media_type in FORMATS.items():
        answer = ask(client, "/offers", accept)
        assert answer.status_code == 200
        assert answer.content_type.partition(";")[0] == media_type, accept
        assert "Accept" in answer.headers["Vary"]
        answer.close()


def test_what_no_list_can_be_is_refused(world):
    client = world.client("team")
    for accept in ("image/png", "text/html", "text/csv; q=0"):
        answer = ask(client, "/offers", accept)
        assert answer.status_code == 406
        assert answer.get_json()["code"] == "not_acceptable"


def test_a_sheet_holds_all_rows_whatever_the_limit(world):
    for number in range(exports._BATCH + 30):
        make(world, f"成果{number}")
    rows = table(ask(world.client("team"), "/offers?limit=2", "text/csv"))
    assert len(rows) == exports._BATCH + 31
    titles = [row[rows[0].index("名称")] for row in rows[1:]]
    assert sorted(titles) == sorted(f"成果{n}" for n in range(exports._BATCH + 30))


def test_a_sheet_holds_what_the_filter_leaves_in_the_order_asked_for(world):
    for title in ("甲材料", "乙材料", "丙设备"):
        make(world, title)
    client = world.client("team")
    rows = table(ask(client, "/offers?q=材料&sort=created", "text/csv"))
    assert [row[rows[0].index("名称")] for row in rows[1:]] == ["甲材料", "乙材料"]


def test_a_sheet_shows_no_more_than_the_list(world):
    make(world, "内部草稿")
    for who in (*people.ROLES, "stranger"):
        client = world.client(who)
        listed = client.get("/offers").get_json()["items"]
        rows = table(ask(client, "/offers", "text/csv"))
        assert len(rows) - 1 == len(listed)
        assert (len(listed) == 1) == (who in {"team", "university_admin"})


def test_headings_are_in_the_callers_language_and_codes_have_names(world):
    make(world, "甲", tech_field=["05"], price_expect_yuan="1200500.00")
    client = world.client("team")
    rows = table(ask(client, "/offers", "text/csv"))
    shown = dict(zip(rows[0], rows[1], strict=True))
    assert shown["技术领域"] == "05 新材料及其应用"
    assert shown["期望价格（万元）"] == "120.05"
    assert shown["所属单位·单位全称"] == world.org("team").name
    assert shown["创建时间"] == "2026-11-23 09:00:00"
    client.headers["Accept-Language"] = "en"
    rows = table(ask(client, "/offers", "text/csv"))
    shown = dict(zip(rows[0], rows[1], strict=True))
    assert shown["Expected price (10,000 yuan)"] == "120.05"
    assert shown["Technology fields"].startswith("05 ")


@pytest.mark.parametrize("media_type", ["text/csv", XLSX])
def test_no_cell_is_a_formula(world, media_type):
    evil = '=HYPERLINK("http://example.test","甲")'
    make(world, evil, keywords=["@SUM(1)"])
    answer = ask(world.client("team"), "/offers", media_type)
    if media_type == XLSX:
        sheet = openpyxl.load_workbook(io.BytesIO(answer.get_data())).active
        answer.close()
        values = [cell.value for row in sheet.rows for cell in row]
        assert all(cell.data_type != "f" for row in sheet.rows for cell in row)
    else:
        values = [value for row in table(answer) for value in row]
    mark = "" if media_type == XLSX else "'"
    assert f"{mark}{evil}" in values
    assert f"{mark}@SUM(1)" in values


ORDERS = {
    "/needs": ["需求编号", "名称"],
    "/offers": ["成果编号", "名称"],
    "/organisations": ["单位全称"],
}


def test_a_sheet_begins_with_number_and_name_and_ends_with_identifiers(world):
    make(world, "甲")
    client = world.client("team")
    for path, first in ORDERS.items():
        heading = table(ask(client, path, "text/csv"))[0]
        assert heading[: len(first)] == first
        assert heading[-1] == "编号"
        assert len(set(heading)) == len(heading)


def test_states_and_regions_have_names_in_a_sheet(world):
    make(world, "甲")
    client = world.client("team")
    rows = table(ask(client, "/offers", "text/csv"))
    shown = dict(zip(rows[0], rows[1], strict=True))
    assert shown["状态"] == "DRAFT 草稿"
    region = shown["所属单位·所在地区"]
    assert region.partition(" ")[0] == world.org("team").region
    assert re.search(r"[\u4e00-\u9fff]", region)
    rows = table(ask(client, "/organisations", "text/csv"))
    shown = dict(zip(rows[0], rows[1], strict=True))
    assert shown["状态"] == "VERIFIED 已认证"
    assert re.fullmatch(r"[0-9]{6} [\u4e00-\u9fff]+", shown["所在地区"])
    client.headers["Accept-Language"] = "en"
    rows = table(ask(client, "/offers", "text/csv"))
    assert "DRAFT Draft" in rows[1]


def test_a_sheet_is_sent_as_a_file_with_a_name(world):
    answer = ask(world.client("team"), "/offers", XLSX)
    assert answer.headers["Content-Disposition"].endswith("offers-20261123.xlsx")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    answer.close()


def test_a_list_that_is_too_long_says_so(world, monkeypatch):
    monkeypatch.setattr(exports, "MOST_ROWS", 2)
    for number in range(3):
        make(world, f"成果{number}")
    client = world.client("team")
    answer = ask(client, "/offers", "text/csv")
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["code"] == "export_too_large"
    assert len(table(ask(client, "/offers?q=成果1", "text/csv"))) == 2


def test_every_list_of_the_description_exports(world, app):
    offer = make(world, "甲")
    client = world.client("team")
    operator = world.client("operator")
    description = client.get("/openapi.json").get_json()
    found = 0
    for path, item in description["paths"].items():
        answers = item.get("get", {}).get("responses", {})
        content = answers.get("200", {}).get("content", {})
        if "text/csv" not in content or path.endswith("/sheet"):
            continue  # What is always a sheet is no list.
        found += 1
        assert set(content) == {"application/json", "text/csv", XLSX}
        assert "406" in answers
        place = path.removeprefix("/api/v1").replace("{offer_id}", str(offer.id))
        if "{" in place:
            continue
        for caller in (client, operator):
            answer = ask(caller, place, "text/csv")
            assert answer.status_code in {200, 403, 404}, place
            if answer.status_code == 200:
                assert len(table(answer)[0]) > 1
            else:
                answer.close()
    assert found >= 8


def test_rows_of_another_service_are_a_sheet_too(app, world):
    rows = [["=1+1", 3], ["项目", 4]]
    with app.test_request_context("/"):
        answer = exports.export_rows(
            ["名称", "数"], iter(rows), exports.sheets.CSV, name="registration-forms"
        )
        answer.direct_passthrough = False
        found = table(answer)
        name = answer.headers["Content-Disposition"]
    assert found == [["名称", "数"], ["'=1+1", "3"], ["项目", "4"]]
    assert "registration-forms-20261123.csv" in name
    assert answer.headers["Cache-Control"] == "private, no-store"


def test_more_rows_than_a_sheet_may_have_are_refused(app, world, monkeypatch):
    monkeypatch.setattr(exports, "MOST_ROWS", 2)
    with app.test_request_context("/"), pytest.raises(Invalid) as refused:
        exports.export_rows(
            ["数"], ([n] for n in range(3)), exports.sheets.CSV, name="forms"
        )
    assert refused.value.errors[0].code == "export_too_large"
