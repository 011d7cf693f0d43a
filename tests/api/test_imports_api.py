"""Imports over the API: who may, what is answered, templates that can be sent back."""

from __future__ import annotations

import io

import openpyxl
import pytest

from marketplace.integrations import sheets
from marketplace.jobs.runner import Runner
from marketplace.services.import_columns import KINDS
from tests import people, samples

XLSX = sheets.XLSX
ROLES = (*people.ROLES, "stranger")
WRITERS = {
    "firm",
    "firm_admin",
    "other_firm",
    "team",
    "university_admin",
    "pending_admin",
}
OPERATORS = {"operator", "operator_two"}
SMALL = "类型,成果名称\r\n成果,甲\r\n".encode()
WRONG = "类型,成果名称\r\n专利,甲\r\n".encode()


def place(answer):
    return f"/imports/{answer.get_json()['id']}"


def send(client, content=SMALL, name="a.csv", **form):
    data = {"file": (io.BytesIO(content), name), "kind": "offers", **form}
    return client.open(
        "POST", "/imports", data=data, content_type="multipart/form-data"
    )


def allowed(who, among):
    return 202 if who in among else (401 if who == "stranger" else 403)


def test_who_may_import_what(world):
    for who in ROLES:
        client = world.client(who)
        seen = {
            "offers": send(client).status_code,
            "needs": send(client, b"title\nx\n", kind="needs").status_code,
            "organisations": send(client, kind="organisations").status_code,
            "publish": send(client, publish="true").status_code,
        }
        assert seen == {
            "offers": allowed(who, WRITERS | OPERATORS),
            "needs": allowed(who, WRITERS | OPERATORS),
            "organisations": allowed(who, OPERATORS),
            "publish": allowed(who, OPERATORS),
        }, who


def test_who_imports_for_another_unit(world):
    for who in ROLES:
        other = "team" if who in {"firm", "firm_admin"} else "firm"
        form = {"organisation_id": str(world.org(other).id)}
        answer = send(world.client(who), **form)
        assert answer.status_code == allowed(who, OPERATORS), who


@pytest.mark.parametrize(
    ("asked_by", "seen_by"),
    [
        ("team", {"team", "university_admin"}),
        ("operator", OPERATORS),
    ],
)
def test_a_job_and_its_report_are_seen_by_its_unit_or_its_operators(
    world, asked_by, seen_by
):
    job = send(world.client(asked_by)).get_json()
    for who in ROLES:
        client = world.client(who)
        unseen = 401 if who == "stranger" else 404
        expected = 200 if who in seen_by else unseen
        for path in (f"/imports/{job['id']}", f"/imports/{job['id']}/problems"):
            assert client.get(path).status_code == expected, (who, path)
        listed = client.get("/imports")
        if who == "stranger":
            assert listed.status_code == 401
        else:
            ids = [row["id"] for row in listed.get_json()["items"]]
            assert ids == ([job["id"]] if who in seen_by else [])
            assert listed.get_json()["total"] == len(ids)


def test_who_may_cancel_a_units_job(world):
    own = world.client("team")
    for who in ROLES:
        path = place(send(own))
        answer = world.client(who).act(path, "cancel")
        expected = {"team": 200, "university_admin": 403, "stranger": 401}
        assert answer.status_code == expected.get(who, 404), who
        state = own.get(path).get_json()["state"]
        assert state == ("CANCELLED" if who == "team" else "QUEUED")


@pytest.mark.parametrize("kind", ["organisations", "needs", "offers"])
def test_templates_are_for_everybody(world, kind):
    for who in ROLES if kind == "organisations" else ("operator", "team", "stranger"):
        answer = world.client(who).get(f"/imports/templates/{kind}")
        assert answer.status_code == 200
        assert answer.content_type == XLSX
        (row,) = sheets.read(io.BytesIO(answer.data), "a.xlsx")
        answer.close()
        owner = who in OPERATORS and kind != "organisations"
        assert ("所属单位*" in row.cells) == owner, who


@pytest.mark.parametrize(
    ("language", "optional"), [("zh-CN", "选填"), ("en", "optional")]
)
def test_a_template_says_once_that_a_column_is_optional(world, language, optional):
    client = world.client("team")
    client.headers["Accept-Language"] = language
    for kind in KINDS:
        answer = client.get(f"/imports/templates/{kind}")
        sheet = openpyxl.load_workbook(io.BytesIO(answer.data)).worksheets[0]
        answer.close()
        for cell in sheet[1]:
            assert cell.comment.text.count(optional) <= 1, cell.comment.text


def test_an_unknown_template_is_not_found(world):
    assert world.client("team").get("/imports/templates/pets").status_code == 404


def test_a_job_answers_with_its_place_and_runs_to_its_end(world, app):
    client = world.client("team")
    answer = send(client, mode="good")
    assert answer.status_code == 202
    job = answer.get_json()
    assert answer.headers["Location"] == f"/api/v1/imports/{job['id']}"
    assert answer.headers["ETag"] == '"1"'
    assert (job["state"], job["rows_total"]) == ("QUEUED", None)
    assert [a["name"] for a in job["actions"]] == ["cancel"]
    assert Runner(app).run_once()
    job = client.get(f"/imports/{job['id']}").get_json()
    assert (job["state"], job["rows_total"], job["rows_kept"]) == ("DONE", 1, 1)
    assert job["actions"] == []
    assert [r["title"] for r in client.get("/offers").get_json()["items"]] == ["甲"]


def test_a_retried_request_makes_one_job(world):
    client = world.client("team")
    client.headers["Idempotency-Key"] = "once"
    first, second = send(client), send(client)
    assert second.headers["Idempotent-Replay"] == "true"
    assert first.get_json()["id"] == second.get_json()["id"]
    del client.headers["Idempotency-Key"]
    assert client.get("/imports").get_json()["total"] == 1


@pytest.mark.parametrize(
    ("form", "pointer"),
    [
        ({"kind": "pets"}, "/form/kind"),
        ({"mode": "some"}, "/form/mode"),
        ({"dry_run": "perhaps"}, "/form/dry_run"),
        ({"colour": "red"}, "/form/colour"),
        ({"organisation_id": "x"}, "/form/organisation_id"),
    ],
)
def test_wrong_options_are_named(world, form, pointer):
    answer = send(world.client("operator"), **form)
    assert answer.status_code == 422
    assert [e["pointer"] for e in answer.get_json()["errors"]] == [pointer]


def test_units_are_never_published_by_an_import(world):
    answer = send(world.client("operator"), kind="organisations", publish="true")
    assert answer.get_json()["errors"][0]["code"] == "not_for_organisations"


def test_a_refused_file_makes_no_job(world):
    client = world.client("team")
    for name, content, code in samples.BAD:
        answer = send(client, content, name)
        assert answer.status_code in {415, 422}
        assert answer.get_json()["errors"][0]["code"] == code
    assert client.get("/imports").get_json()["total"] == 0


def test_a_picture_is_no_sheet(world):
    answer = send(world.client("team"), samples.PNG, "a.png")
    assert answer.status_code == 415


@pytest.mark.parametrize(
    ("name", "content", "advice"),
    [
        ("a.png", samples.PNG, "xlsx, csv"),
        ("a.docx", samples.docx(), "xlsx, csv"),
        ("a.csv", samples.PNG, "xlsx, csv"),
        ("a.xls", samples.COMPOUND, "另存为 xlsx"),
        ("a.csv", SMALL.decode().encode("utf-16-le"), "UTF-8 或 GBK"),
    ],
)
def test_a_refused_file_is_told_what_a_sheet_may_be(world, name, content, advice):
    client = world.client("team")
    (error,) = send(client, content, name).get_json()["errors"]
    assert advice in error["message"]
    assert "pdf" not in error["message"]
    assert "docx" not in error["message"]


def test_a_sheet_in_utf_16_with_its_mark_comes_in(world, app):
    client = world.client("team")
    for name, content in (("a.csv", SMALL), ("a.txt", SMALL.replace(b",", b"\t"))):
        path = place(send(client, content.decode().encode("utf-16"), name))
        assert Runner(app).run_once()
        job = client.get(path).get_json()
        assert (job["state"], job["rows_read"]) == ("DONE", 1)


def test_an_action_that_is_not_possible_is_told(world, app):
    client = world.client("team")
    path = place(send(client))
    assert client.act(path, "explode").get_json()["code"] == "transition_not_allowed"
    assert client.open("POST", f"{path}/actions/cancel", json={}).status_code == 428
    stale = {"If-Match": '"9"'}
    answer = client.open("POST", f"{path}/actions/cancel", json={}, headers=stale)
    assert answer.status_code == 412
    assert client.act(path, "cancel").status_code == 200
    refused = client.act(path, "cancel")
    assert refused.status_code == 409
    assert refused.get_json()["possible"] == []
    told = refused.get_json()["detail"]
    assert told == "状态“已取消”下不能执行“取消”，目前没有您可执行的操作"


def test_the_report_reads_in_the_callers_language_and_as_a_sheet(world, app):
    client = world.client("team")
    path = place(send(client, WRONG))
    assert Runner(app).run_once()
    (zh,) = client.get(f"{path}/problems").get_json()["items"]
    assert (zh["row"], zh["cell"], zh["column"]) == (2, "A2", "类型")
    client.headers["Accept-Language"] = "en"
    (en,) = client.get(f"{path}/problems").get_json()["items"]
    assert en["message"] == "must be result or capability"
    assert zh["message"] != en["message"]
    client.headers["Accept"] = "text/csv"
    answer = client.get(f"{path}/problems")
    text = answer.get_data().decode("utf-8-sig")
    answer.close()
    assert text.splitlines()[1].startswith("1,,2,类型,A2,unknown_code,must be")


@pytest.mark.parametrize("language", ["zh-CN", "en"])
@pytest.mark.parametrize("kind", ["organisations", "needs", "offers"])
def test_a_template_filled_with_its_own_example_comes_in(world, app, kind, language):
    client = world.client("operator")
    client.headers["Accept-Language"] = language
    answer = client.get(f"/imports/templates/{kind}")
    book = openpyxl.load_workbook(io.BytesIO(answer.data))
    answer.close()
    data, lists, example = book.worksheets[:3]
    assert lists.sheet_state == "hidden"
    assert all(cell.comment is not None for cell in data[1])
    assert len(data.data_validations.dataValidation) == lists.max_column
    values = {
        head.value: cell.value
        for head, cell in zip(example[1], example[2], strict=True)
    }
    assert all(values.values())
    names = [cell.comment.text.splitlines()[0] for cell in data[1]]
    owner = world.org("firm")
    for number, (name, head) in enumerate(zip(names, data[1], strict=True), 1):
        value = values[head.value]
        if name == "owner":
            value = owner.name
        data.cell(row=2, column=number, value=value)
    stream = io.BytesIO()
    book.save(stream)
    world.session.commit()
    path = place(send(client, stream.getvalue(), "t.xlsx", kind=kind))
    assert Runner(app).run_once()
    problems = client.get(f"{path}/problems").get_json()["items"]
    assert problems == []
    assert client.get(path).get_json()["rows_kept"] == 1
