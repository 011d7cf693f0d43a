"""Sheets come in whole or row by row, once, with a report on every wrong cell."""

from __future__ import annotations

import io
import threading
from datetime import timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from marketplace.domain.needs import NeedState
from marketplace.domain.offers import OfferState
from marketplace.errors import NotFound
from marketplace.extensions import db
from marketplace.integrations import sheets
from marketplace.integrations.files import FolderStore
from marketplace.jobs import handlers
from marketplace.jobs.runner import Handler, Runner
from marketplace.models.jobs import (
    ImportedRow,
    ImportJob,
    ImportProblem,
    ImportState,
    OutboxMessage,
)
from marketplace.models.needs import Need
from marketplace.models.offers import Offer
from marketplace.models.organisations import Organisation
from marketplace.models.users import Membership
from marketplace.services import events, import_runs, imports, needs, offers
from marketplace.services.import_columns import columns
from tests import people


def csv(*rows, encoding="utf-8"):
    stream = io.BytesIO()
    heading, *body = rows
    sheets.write(stream, sheets.CSV, heading, body)
    return stream.getvalue()


OFFERS = (
    ("类型", "成果名称", "成果简介", "成果密级", "技术领域", "关键词"),
    (
        "成果",
        "高强铝合金薄壁件低温成形技术",
        "低温梯度成形",
        "公开",
        "05",
        "铝合金；成形",
    ),
    ("能力", "金属材料力学性能检测", "可做拉伸试验", "PUBLIC", "新材料及其应用", ""),
)


@pytest.fixture
def bring(world, app):
    """Ask for an import as one of the cast and run it; returns the job."""

    def run(who, content, name="a.csv", kind="offers", **more):
        options = {"mode": "all", "dry_run": False, "publish": False} | more
        job = imports.request(
            world.session,
            world.actor(who),
            FolderStore(app.extensions["jiebang.settings"].files_dir),
            io.BytesIO(content),
            filename=name,
            kind=kind,
            limit=10_000_000,
            **options,
        )
        job_id = job.id
        world.session.commit()
        assert Runner(app).run_once()
        world.session.expire_all()
        errors = world.session.scalars(sa.select(OutboxMessage.last_error)).all()
        assert not any(errors), errors
        return world.session.get(ImportJob, job_id)

    return run


@pytest.fixture
def told(world):
    """Return what the report of a job says."""

    def read(job):
        rows = world.session.scalars(
            sa.select(ImportProblem)
            .where(ImportProblem.job_id == job.id)
            .order_by(ImportProblem.number)
        )
        return [(row.row, row.cell, row.column, row.code) for row in rows]

    return read


def count(world, model):
    return world.session.scalar(sa.select(sa.func.count()).select_from(model))


def counts(job):
    return (job.rows_read, job.rows_kept, job.rows_wrong, job.rows_repeated)


def test_who_leaves_the_unit_leaves_its_reports(world, bring):
    job = bring("team", csv(*OFFERS))
    session = world.session
    assert imports.get(session, world.actor("team"), job.id) is job
    assert imports.get(session, world.actor("university_admin"), job.id) is job
    session.execute(
        sa.delete(Membership).where(Membership.user_id == world.user("team").id)
    )
    with pytest.raises(NotFound):
        imports.get(session, world.actor("team"), job.id)


@pytest.mark.parametrize("mode", ["all", "good"])
def test_a_members_rows_become_drafts_of_his_unit(world, bring, mode):
    job = bring("team", csv(*OFFERS), mode=mode)
    assert (job.state, job.error) == (ImportState.DONE, "")
    assert (job.rows_total, *counts(job)) == (2, 2, 2, 0, 0)
    found = world.session.scalars(sa.select(Offer).order_by(Offer.ach_no)).all()
    assert {o.owner_org_id for o in found} == {world.org("team").id}
    assert {o.state for o in found} == {OfferState.DRAFT}
    result = next(o for o in found if o.kind == "result")
    actor = world.actor("team")
    shown = offers.view(
        world.session, actor, offers.get(world.session, actor, result.id)
    )
    assert shown["title"] == "高强铝合金薄壁件低温成形技术"
    assert shown["tech_field"] == ["05"]
    assert shown["keywords"] == ["铝合金", "成形"]
    assert shown["secrecy"] == "PUBLIC"
    assert [a["name"] for a in shown["actions"]] == ["submit"]


def test_a_need_keeps_its_money_dates_and_indicators(world, bring):
    heading = (
        "需求名称", "技术经济指标", "拟投入资金总额（万元）", "资金面议", "需求时限起",
        "需求时限止", "产业链", "合作方式", "意向合作单位", "公开程度",
    )  # fmt: skip
    row = (
        "超薄带材轧制关键技术",
        "*抗拉强度≥600 MPa\n厚度不大于0.05mm；延伸率≥7%", "380.5", "否",
        "2027/1/1", "2028年12月31日", "", "联合攻关", "", "FULL",
    )  # fmt: skip
    chain = world.session.execute(
        sa.text("select code, zh from codes where code like 'SD-C%' limit 1")
    ).one()
    modes = world.session.execute(
        sa.text(
            "select c.code, c.zh from codes c join code_list_versions v"
            " on v.id = c.version_id where v.list_id = 'cooperation_mode'"
            " order by c.position limit 2"
        )
    ).all()
    university = world.org("team")
    row = (
        *row[:6],
        f"{chain.code} {chain.zh}",
        f"{modes[0].code}；{modes[1].zh}",
        f"{university.name}；外地示例大学（演示）",
        "FULL",
    )
    world.session.commit()
    job = bring("firm", csv(heading, row), kind="needs")
    assert (job.state, counts(job)) == (ImportState.DONE, (1, 1, 0, 0))
    actor = world.actor("firm")
    (need_id,) = world.session.scalars(sa.select(Need.id))
    shown = needs.view(world.session, actor, needs.get(world.session, actor, need_id))
    assert shown["budget_total_yuan"] == Decimal("3805000.00")
    assert shown["budget_negotiable"] is False
    assert str(shown["period_start"]) == "2027-01-01"
    assert str(shown["period_end"]) == "2028-12-31"
    assert shown["chain"] == chain.code
    assert shown["cooperation_mode"] == [modes[0].code, modes[1].code]
    said = [(i["name"], i["operator"], i["is_core"]) for i in shown["indicators"]]
    assert said == [
        ("抗拉强度", "GE", True),
        ("厚度", "LE", False),
        ("延伸率", "GE", False),
    ]
    assert [u["organisation_id"] for u in shown["intended_units"]] == [
        university.id,
        None,
    ]


def test_an_operator_names_the_unit_of_each_row_and_may_publish(world, bring):
    firm, university = world.org("firm"), world.org("team")
    heading = ("所属单位", *OFFERS[0])
    content = csv(
        heading,
        (university.name, *OFFERS[1]),
        (firm.uscc, *OFFERS[2]),
    )
    job = bring("operator", content, publish=True)
    assert (job.state, counts(job)) == (ImportState.DONE, (2, 2, 0, 0))
    found = {o.owner_org_id: o for o in world.session.scalars(sa.select(Offer))}
    assert found.keys() == {firm.id, university.id}
    assert {o.state for o in found.values()} == {OfferState.LISTED}
    stranger = world.actor("stranger")
    page = offers.search(world.session, stranger, q="薄壁件").page()
    assert [row["title"] for row in page.items] == ["高强铝合金薄壁件低温成形技术"]
    offer = found[university.id]
    told = offers.history(world.session, world.actor("team"), offer.id).page().items
    assert [(e["action"], e["to"], e["role"]) for e in told] == [
        ("offer.create", "DRAFT", "operator"),
        ("offer.admit", "LISTED", "operator"),
    ]
    assert {e["comment"] for e in told} == {f"import {job.id}"}
    assert {e["user_id"] for e in told} == {world.user("operator").id}
    assert list(events.verify(world.session)) == []


def test_published_needs_stand_in_the_library(world, bring):
    world.org("firm")
    content = csv(
        ("owner", "title", "problem"),
        (world.org("firm").name, "超薄带材轧制关键技术", "带材表面有裂纹"),
    )
    job = bring("operator", content, kind="needs", publish=True)
    assert job.state is ImportState.DONE
    (need,) = world.session.scalars(sa.select(Need))
    assert need.state is NeedState.POOLED
    assert need.published_version_id == need.working_version_id
    assert need.valid_until > world.actor("operator").today
    page = needs.search(world.session, world.actor("stranger")).page()
    assert [row["title"] for row in page.items] == ["超薄带材轧制关键技术"]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (("成果", "", "简介", "公开", "05", ""), [("B2", "成果名称", "required")]),
        (("", "名称", "简介", "公开", "05", ""), [("A2", "类型", "required")]),
        (("专利", "名称", "简介", "公开", "05", ""), [("A2", "类型", "unknown_code")]),
        (
            ("成果", "长" * 101, "简介", "公开", "", ""),
            [("B2", "成果名称", "too_long")],
        ),
        (
            ("成果", "名称", "简介", "绝密", "", ""),
            [("D2", "成果密级", "unknown_code")],
        ),
        (
            ("成果", "名称", "简介", "秘密以上", "99", ""),
            [("E2", "技术领域", "unknown_code"), ("D2", "成果密级", "secret")],
        ),
        (("成果", "名称", "简介", "秘密以上", "", ""), [("D2", "成果密级", "secret")]),
        (
            ("成果", "名称", "简介", "公开", "05", "甲；乙；丙；丁；戊"),
            [("F2", "关键词", "too_many")],
        ),
        (("成果", "名称", "=1+1", "公开", "", ""), [("C2", "成果简介", "formula")]),
    ],
)
def test_each_wrong_cell_is_named(world, bring, told, row, expected):
    stream = io.BytesIO()
    sheets.write(stream, sheets.CSV, OFFERS[0], [])
    line = ",".join(row) + "\r\n"
    job = bring("team", stream.getvalue() + line.encode())
    assert (job.state, job.error) == (ImportState.REFUSED, "rows_wrong")
    assert told(job) == [(2, *found) for found in expected]
    assert counts(job) == (1, 0, 1, 0)
    assert count(world, Offer) == 0


def test_a_message_says_what_would_be_right_in_both_languages(world, bring):
    job = bring("team", csv(OFFERS[0], ("成果", "名称", "简介", "公开", "新材料", "")))
    (problem,) = world.session.scalars(sa.select(ImportProblem))
    assert problem.sheet == ""
    assert "05 新材料及其应用" in problem.message_zh
    assert "05 新材料及其应用" in problem.message_en
    assert "right would be" in problem.message_en
    assert job.rows_wrong == 1


def test_with_all_nothing_is_kept_when_one_row_is_wrong(world, bring):
    job = bring("team", csv(*OFFERS, ("成果", "", "", "", "", "")), mode="all")
    assert job.state is ImportState.REFUSED
    assert counts(job) == (3, 0, 1, 0)
    assert count(world, Offer) == 0
    assert count(world, ImportedRow) == 0


def test_with_good_the_good_rows_are_kept(world, bring, told):
    job = bring("team", csv(*OFFERS, ("成果", "", "", "", "", "")), mode="good")
    assert job.state is ImportState.DONE
    assert counts(job) == (3, 2, 1, 0)
    assert count(world, Offer) == 2
    assert told(job) == [(4, "B4", "成果名称", "required")]


@pytest.mark.parametrize("mode", ["all", "good"])
def test_a_dry_run_tells_and_keeps_nothing(world, bring, mode):
    wrong = ("成果", "", "", "", "", "")
    job = bring("team", csv(*OFFERS, wrong), mode=mode, dry_run=True)
    assert job.state is ImportState.DONE
    assert counts(job) == (3, 2 if mode == "good" else 0, 1, 0)
    assert count(world, Offer) == 0
    assert count(world, ImportedRow) == 0


@pytest.mark.parametrize("mode", ["all", "good"])
def test_the_same_rows_twice_make_no_duplicates(world, bring, mode):
    bring("team", csv(*OFFERS), mode=mode)
    job = bring("team", csv(*OFFERS), mode=mode)
    assert counts(job) == (2, 0, 0, 2)
    stream = io.BytesIO()
    sheets.write(stream, sheets.XLSX, OFFERS[0], [*OFFERS[1:], OFFERS[1]])
    job = bring("team", stream.getvalue(), name="b.xlsx", mode=mode)
    assert counts(job) == (3, 0, 0, 3)
    assert count(world, Offer) == 2


def test_equal_rows_of_two_units_are_two_rows(world, bring):
    bring("team", csv(*OFFERS))
    job = bring("firm", csv(*OFFERS))
    assert counts(job) == (2, 2, 0, 0)


def test_a_row_whose_draft_was_deleted_may_come_in_again(world, bring):
    bring("team", csv(*OFFERS))
    actor = world.actor("team")
    for offer_id in world.session.scalars(sa.select(Offer.id)).all():
        offers.delete_draft(world.session, actor, offer_id)
    world.session.commit()
    job = bring("team", csv(*OFFERS))
    assert counts(job) == (2, 2, 0, 0)


NUMBERED = ("外部编号", "类型", "成果名称")


@pytest.mark.parametrize("mode", ["all", "good"])
def test_a_numbered_row_that_changed_is_told_and_not_overwritten(
    world, bring, told, mode
):
    bring("team", csv(NUMBERED, ("X1", "成果", "旧名称"), ("X2", "成果", "同一名称")))
    changed = csv(NUMBERED, ("X1", "成果", "新名称"), ("X2", "成果", "同一名称"))
    job = bring("team", changed, mode=mode)
    assert told(job) == [(2, "A2", "外部编号", "changed_row")]
    assert counts(job) == (2, 0, 1, 1)
    assert count(world, Offer) == 2


def test_equal_rows_with_different_numbers_are_two_rows(world, bring):
    rows = (NUMBERED, ("X1", "成果", "名称"), ("X2", "成果", "名称"))
    assert counts(bring("team", csv(*rows))) == (2, 2, 0, 0)


@pytest.mark.parametrize("dry_run", [True, False])
def test_one_number_twice_in_a_file_is_wrong(world, bring, told, dry_run):
    rows = (NUMBERED, ("X1", "成果", "甲"), ("X1", "成果", "乙"), ("X1", "成果", "甲"))
    job = bring("team", csv(*rows), mode="good", dry_run=dry_run)
    assert told(job) == [(3, "A3", "外部编号", "changed_row")]
    assert counts(job) == (3, 1, 1, 1)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (csv(("类型", "成果名称", "颜色"), ("成果", "甲", "红")), "unknown_column"),
        (csv(("类型", "成果名称", "title"), ("成果", "甲", "乙")), "column_twice"),
        (csv(("类型",), ("成果",)), "no_column"),
        (csv(("类型", "成果名称")), "no_rows"),
        (b"\n\n", "no_rows"),
        (csv(("甲", "乙"), ("成果", "丙")), "no_heading"),
        (csv(("所属单位", "类型", "成果名称"), ("甲", "成果", "乙")), "unknown_column"),
    ],
)
def test_a_sheet_that_is_not_understood_is_refused_whole(
    world, bring, told, content, code
):
    job = bring("team", content, mode="good")
    assert (job.state, job.error) == (ImportState.REFUSED, code)
    assert code in {found[3] for found in told(job)}
    assert count(world, Offer) == 0


@pytest.fixture
def report(world):
    """Return the report of a job in full, with both texts."""

    def read(job):
        rows = world.session.scalars(
            sa.select(ImportProblem)
            .where(ImportProblem.job_id == job.id)
            .order_by(ImportProblem.number)
        )
        return [(row.row, row.code, row.message_zh, row.message_en) for row in rows]

    return read


NEEDS = ("needs", "“需求”表")
NEED_HEADING = tuple(c.heading.zh for c in columns("needs", with_owner=False))


@pytest.mark.parametrize(
    ("who", "kind", "content", "fitting", "name"),
    [
        ("team", "offers", csv(NEED_HEADING, ["一"] * len(NEED_HEADING)), *NEEDS),
        ("operator", "offers", csv(("所属单位", "title", "problem"), "甲乙丙"), *NEEDS),
        ("firm", "needs", csv(*OFFERS), "offers", "“成果能力”表"),
        (
            "firm",
            "needs",
            csv(("单位全称", "单位类型", "所在地区")),
            "organisations",
            "“单位”表",
        ),
    ],
)
def test_a_sheet_of_another_kind_is_told_in_one_line(
    bring, report, who, kind, content, fitting, name
):
    job = bring(who, content, kind=kind)
    assert (job.state, job.error) == (ImportState.REFUSED, "wrong_kind")
    ((row, code, zh, en),) = report(job)
    assert (row, code) == (1, "wrong_kind")
    assert name in zh
    assert f"kind={fitting}" in zh
    assert f"kind={fitting}" in en


@pytest.mark.parametrize(
    ("kind", "heading", "meant"),
    [
        ("needs", ("需求名称", "主要难题"), "“主要问题”"),
        ("needs", ("需求名称", "拟投资金总额"), "“拟投入资金总额（万元）”"),
        ("needs", ("title", "Problems"), "“Problem”"),
        ("offers", ("类型", "成果名称", "期望价"), "“期望价格（万元）”"),
    ],
)
def test_an_unknown_heading_is_told_with_the_one_that_is_near(
    bring, report, kind, heading, meant
):
    job = bring("team", csv(heading, ["甲"] * len(heading)), kind=kind)
    ((_, code, zh, en),) = report(job)
    assert code == "unknown_column"
    assert f"是否为{meant}" in zh
    assert meant.strip("“”") in en


def test_an_unknown_heading_that_is_like_no_other_does_not_list_them_all(bring, report):
    job = bring("team", csv(("类型", "成果名称", "颜色"), ("成果", "甲", "红")))
    ((_, code, zh, en),) = report(job)
    assert code == "unknown_column"
    assert len(zh) < 60
    assert len(en) < 100


def test_a_column_for_the_unit_is_told_to_be_spare_where_all_rows_are_of_one(
    bring, report
):
    job = bring("team", csv(("所属单位", "类型", "成果名称"), ("甲", "成果", "乙")))
    ((_, code, zh, _),) = report(job)
    assert code == "unknown_column"
    assert "不需要列“所属单位”" in zh


@pytest.mark.parametrize(
    ("content", "row", "said"),
    [
        (b"\n\n", 1, "表是空的"),
        (csv(("类型", "成果名称")), 2, "没有数据行"),
    ],
)
def test_an_empty_sheet_is_told_to_be_empty(bring, report, content, row, said):
    ((found, code, zh, _),) = report(bring("team", content))
    assert (found, code) == (row, "no_rows")
    assert said in zh


def test_a_damaged_file_keeps_nothing_even_of_its_good_beginning(
    world, bring, told, monkeypatch
):
    monkeypatch.setattr(import_runs, "BATCH", 1)
    good = csv(*OFFERS)
    job = bring("team", good + b'"unfinished' + b"x" * 200_000, mode="good")
    assert job.state is ImportState.REFUSED
    assert job.error == "damaged"
    assert count(world, Offer) == 0


def test_headings_are_understood_in_english_by_field_and_with_marks(world, bring):
    heading = (" Kind* ", "title", "Expected price (10,000 yuan)", "licence_years")
    job = bring("team", csv(heading, ("result", "Name", "1,200.5万元", "12")))
    assert job.state is ImportState.DONE
    actor = world.actor("team")
    (offer_id,) = world.session.scalars(sa.select(Offer.id))
    offer = offers.get(world.session, actor, offer_id)
    assert offer.working.price_expect_yuan == Decimal("12005000.00")
    assert offer.working.licence_years == 12


def test_a_heading_with_the_fields_own_name_means_yuan(world, bring):
    bring(
        "team", csv(("kind", "title", "price_expect_yuan"), ("成果", "甲", "1200.50"))
    )
    (offer_id,) = world.session.scalars(sa.select(Offer.id))
    offer = offers.get(world.session, world.actor("team"), offer_id)
    assert offer.working.price_expect_yuan == Decimal("1200.50")


def test_rights_come_in_one_a_line(world, bring, told):
    heading = ("类型", "成果名称", "知识产权")
    rights = (
        "发明专利|ZL0000演示000001|成形装置|示例大学（演示）|授权有效\n"
        "11｜ZL0000演示000002"
    )
    job = bring("team", csv(heading, ("成果", "甲", rights)))
    assert told(job) == []
    (offer_id,) = world.session.scalars(sa.select(Offer.id))
    offer = offers.get(world.session, world.actor("team"), offer_id)
    assert [(r.kind, r.number, r.owner) for r in offer.working.ip] == [
        ("11", "ZL0000演示000001", "示例大学（演示）"),
        ("11", "ZL0000演示000002", ""),
    ]


@pytest.mark.parametrize(
    ("owner", "code"),
    [("没有这个单位", "unknown_organisation"), ("", "required")],
)
def test_an_operators_row_needs_a_known_unit(world, bring, told, owner, code):
    content = csv(("所属单位", "类型", "成果名称"), (owner, "成果", "甲"))
    job = bring("operator", content)
    assert told(job) == [(2, "A2", "所属单位", code)]


def test_only_records_of_verified_units_are_published(world, bring, told):
    pending = world.org("pending_admin")
    content = csv(("所属单位", *OFFERS[0]), (pending.name, *OFFERS[1]))
    job = bring("operator", content, publish=True)
    assert told(job) == [(2, "A2", "所属单位", "not_verified")]
    assert bring("operator", content).state is ImportState.DONE


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (("成果", "甲", "", "公开", "", ""), [("C2", "成果简介", "required")]),
        (("成果", "甲", "简介", "", "", ""), [("D2", "成果密级", "required")]),
        (
            ("成果", "甲", "简介", "内部", "", ""),
            [("D2", "成果密级", "not_publishable")],
        ),
    ],
)
def test_a_published_record_is_checked_for_what_the_market_shows(
    world, bring, told, row, expected
):
    org = world.org("team")
    heading = (*OFFERS[0], "所属单位")
    job = bring("operator", csv(heading, (*row, org.uscc)), publish=True)
    assert told(job) == [(2, *found) for found in expected]


ORGANISATION = ("单位全称", "统一社会信用代码", "单位类型", "所在地区", "机构简介")


def organisation(number, name="示例单位"):
    return (
        f"{name}{number}（演示）",
        people.valid_uscc(900 + number),
        "FIRM",
        "370102",
        "",
    )


@pytest.mark.parametrize("mode", ["all", "good"])
def test_organisations_come_in_pending(world, bring, mode):
    world.user("operator")
    before = count(world, Organisation)
    content = csv(ORGANISATION, organisation(1), organisation(2))
    job = bring("operator", content, kind="organisations", mode=mode)
    assert (job.state, counts(job)) == (ImportState.DONE, (2, 2, 0, 0))
    assert count(world, Organisation) == before + 2
    again = bring("operator", content, kind="organisations", mode=mode)
    assert counts(again) == (2, 0, 0, 2)


@pytest.mark.parametrize(
    ("mode", "dry_run", "kept"),
    [("all", False, 0), ("good", False, 1), ("good", True, 0)],
)
def test_an_organisation_with_a_wrong_code_is_named(
    world, bring, told, mode, dry_run, kept
):
    world.user("operator")
    before = count(world, Organisation)
    wrong = ("甲单位（演示）", "913701000000000000", "FIRM", "370102", "")
    content = csv(ORGANISATION, organisation(1), wrong)
    job = bring("operator", content, kind="organisations", mode=mode, dry_run=dry_run)
    assert {found[:3] for found in told(job)} == {(3, "B3", "统一社会信用代码")}
    assert job.rows_wrong == 1
    assert count(world, Organisation) == before + kept


def test_two_equal_organisations_in_one_file_are_told(world, bring, told):
    world.user("operator")
    one = organisation(1)
    twin = (one[0], people.valid_uscc(950), *one[2:])
    job = bring("operator", csv(ORGANISATION, one, twin), kind="organisations")
    assert job.state is ImportState.REFUSED
    assert {found[0] for found in told(job)} == {3}


def test_a_queued_job_is_cancelled_at_once(world, app):
    job_id = ask(world, app, csv(*OFFERS))
    imports.act(world.session, world.actor("team"), job_id, "cancel")
    world.session.commit()
    assert Runner(app).run_once()
    world.session.expire_all()
    assert world.session.get(ImportJob, job_id).state is ImportState.CANCELLED
    assert count(world, Offer) == 0


def ask(world, app, content, who="team", **more):
    options = {"mode": "good", "dry_run": False, "publish": False} | more
    job = imports.request(
        world.session,
        world.actor(who),
        FolderStore(app.extensions["jiebang.settings"].files_dir),
        io.BytesIO(content),
        filename="a.csv",
        kind="offers",
        limit=10_000_000,
        **options,
    )
    job_id = job.id
    world.session.commit()
    return job_id


def many(rows):
    return csv(
        OFFERS[0], *(("成果", f"成果{n}", "简介", "公开", "", "") for n in range(rows))
    )


class Interfering:
    """Runs the import handler with small batches, and does something after a few."""

    def __init__(self, after, act):
        self.left, self.act = after, act

    def __call__(self, work):
        run = import_runs.Run(
            session=work.session,
            store=FolderStore(work.settings.files_dir),
            read_rows=sheets.read,
            now=work.now,
            hold=lambda: self.hold(work),
            batch=10,
        )
        from uuid import UUID

        run(UUID(work.claim.payload["job_id"]))

    def hold(self, work):
        self.left -= 1
        if self.left == 0:
            work.session.rollback()
            self.act(work)
        work.hold()


@pytest.mark.parametrize(("mode", "kept"), [("good", True), ("all", False)])
def test_a_running_job_is_cancelled_between_batches(world, app, mode, kept):
    job_id = ask(world, app, many(100), mode=mode)
    actor = world.actor("team")
    world.session.rollback()

    def cancel(work):
        imports.act(work.session, actor, job_id, "cancel")
        work.session.commit()

    handler = Handler(Interfering(6, cancel))
    assert Runner(app, {"import": handler}).run_once()
    world.session.expire_all()
    job = world.session.get(ImportJob, job_id)
    assert job.state is ImportState.CANCELLED
    stored = count(world, Offer)
    assert job.rows_kept == stored
    assert (0 < stored < 100) if kept else stored == 0


class Killed(BaseException):
    """As if the process had ended here."""


@pytest.mark.parametrize("mode", ["good", "all"])
@pytest.mark.parametrize("after", [3, 6, 13])
def test_a_job_whose_runner_died_is_finished_by_the_next(
    world, app, clock, mode, after
):
    job_id = ask(world, app, many(100), mode=mode)

    def die(work):
        raise Killed

    with pytest.raises(Killed):
        Runner(app, {"import": Handler(Interfering(after, die))}).run_once()
    world.session.rollback()
    if mode == "all":
        assert count(world, Offer) in {0, 100}
    world.session.rollback()
    clock.advance(seconds=500)
    assert Runner(app).run_once()
    world.session.expire_all()
    job = world.session.get(ImportJob, job_id)
    assert job.state is ImportState.DONE
    assert counts(job) == (100, 100, 0, 0)
    assert count(world, Offer) == 100
    assert list(events.verify(world.session)) == []


def test_a_job_that_fails_again_and_again_says_so(world, app, clock):
    job_id = ask(world, app, many(1))

    def broken(work):
        raise OSError("the disk is gone")

    failing = Handler(broken, gave_up=handlers.give_import_up)
    runner = Runner(app, {"import": failing})
    while runner.run_once():
        clock.at += timedelta(hours=2)
    world.session.expire_all()
    found = world.session.get(ImportJob, job_id)
    assert (found.state, found.error) == (ImportState.FAILED, "internal_error")


def test_rights_are_judged_when_the_job_runs(world, app, clock):
    job_id = ask(world, app, many(1))
    user = world.user("team")
    user.disabled_at = clock.now()
    world.session.commit()
    assert Runner(app).run_once()
    world.session.expire_all()
    found = world.session.get(ImportJob, job_id)
    assert found.state is ImportState.REFUSED
    assert count(world, Offer) == 0


def test_progress_is_seen_while_a_job_runs(world, app):
    job_id = ask(world, app, many(100))
    seen = []

    def look(work):
        row = work.session.get(ImportJob, job_id, populate_existing=True)
        seen.append((row.state, row.rows_total, row.rows_read, row.rows_kept))
        work.session.rollback()

    assert Runner(app, {"import": Handler(Interfering(6, look))}).run_once()
    ((state, total, read, kept),) = seen
    assert (state, total) == (ImportState.RUNNING, 100)
    assert 0 < read < 100
    assert kept == read


def test_after_an_import_the_index_takes_it_in_at_once(app, world):
    runner = Runner(app)
    runner.prepare()
    runner.run_all()
    ask(world, app, many(3))
    assert runner.run_all() == 2
    ran = sa.select(OutboxMessage.done_at).where(
        OutboxMessage.topic == handlers.KEEP_INDEX
    )
    with app.app_context():
        assert db.session.scalars(ran).all() == [world.clock.now()]


def test_two_imports_at_once_keep_each_row_once(app, world):
    for _ in range(2):
        ask(world, app, many(60))
    threads = [
        threading.Thread(target=lambda: Runner(app).run_once()) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for _ in range(3):
        world.clock.advance(minutes=10)
        Runner(app).run_all()
    with app.app_context():
        stored = db.session.scalar(sa.select(sa.func.count()).select_from(Offer))
        jobs = db.session.scalars(sa.select(ImportJob)).all()
        assert {job.state for job in jobs} == {ImportState.DONE}
        assert sum(job.rows_kept for job in jobs) == stored
        assert stored == 60
