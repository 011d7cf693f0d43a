"""What stands on a contract's papers is what the contract says."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from marketplace.domain.contracts import ContractState, RegistrationState
from marketplace.errors import Conflict, Invalid
from marketplace.services import contract_defaults, registration_forms
from marketplace.services import contract_papers as papers
from marketplace.services.wording import BLANK
from tests import drafts
from tests.drafts import KINDS

TODAY = date(2026, 11, 23)
REG_NO = "2026370000000001"


@pytest.fixture
def stored(session, world):
    """Store a contract of the firm's, registered when it has a number."""

    def make(values, **more):
        return drafts.store(
            session,
            world.org("firm").id,
            values,
            registry_id=world.org("clerk").id,
            **more,
        )

    return make


@pytest.fixture
def known(session, stored):
    """Read a stored contract with these values."""
    count = iter(range(1, 1000))

    def make(values, **more):
        contract = stored(values, number=f"HT{next(count):04d}", **more)
        return papers.record(session, contract, registered=True)

    return make


def form_of(session, record):
    theirs = registration_forms.adapter(session, TODAY)
    return papers.registration_form(record, theirs)


def row_of(session, contract):
    row = next(papers.rows(session, [contract], on=TODAY))
    headings = papers.export_headings()
    return dict(zip(headings, row, strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_the_form_and_the_sheet_say_the_same_in_the_same_order(session, stored, kind):
    contract = stored(drafts.filled(kind), reg_no=REG_NO)
    form = form_of(session, papers.record(session, contract, registered=True))
    row = row_of(session, contract)
    printed = [r for group in form["groups"] for r in group["lines"]]
    assert [f"{r[0]} {r[2]}".strip() for r in printed] == list(row)
    for (_, text, _), cell in zip(printed, row.values(), strict=True):
        if isinstance(cell, str):
            assert text == (cell or BLANK)


def test_the_sheet_has_the_inputs_of_the_national_system_in_its_order():
    inputs = [h.split(" ")[1] for h in papers.export_headings() if " " in h]
    assert inputs == [
        "reg_no",
        "projectname",
        "contracttype",
        "signdate",
        "contractbegindate",
        "contractenddate",
        "totalamount",
        "technicalamount",
        "paymethod",
        "isrelated",
        "projectplantype",
        "ipr",
        "techarea",
        "buyername",
        "buyer_representative",
        "buyer_contact",
        "buyer_contacttel",
        "buyer_address",
        "buyer_zipcode",
        "buyer_jszyjg",
        "buyer_isyfjg",
        "buyer_zzkyys",
        "buyer_countrygxqqy",
        "buyer_islist",
        "buyer_scale",
    ]


def test_the_sheet_gives_amounts_in_yuan_and_codes_by_name(session, stored):
    row = row_of(session, stored(drafts.filled("T1"), reg_no=REG_NO))
    assert row["合同成交总额（元） totalamount"] == Decimal(1200000)
    assert row["其中技术交易额（元） technicalamount"] == Decimal(1000000)
    assert row["预计新增产值（万元）"] == Decimal("1234.56")
    assert row["合同类别 contracttype"] == "专利权转让"
    assert row["签订日期 signdate"] == date(2026, 11, 20)
    assert row["知识产权 ipr"] == "发明专利；技术秘密"
    assert row["计划来源 projectplantype"] == "计划外"
    assert row["买方行政区划"] == "370202"
    assert row["是否研发机构 buyer_isyfjg"] == "是"
    assert row["是否上市公司 buyer_islist"] == "否"
    assert row["企业规模 buyer_scale"] == "中型"
    assert row["其他买方"] == "胶澳第二公司（演示）"
    assert row["中介方"] == "齐鲁技术转移中心（演示）"


def test_what_is_asked_of_enterprises_only_stays_empty_for_others(session, stored):
    buyer = drafts.party("buyer", "海岱研究院（演示）", party_nature="021", scale="M")
    row = row_of(session, stored(drafts.filled(parties=[buyer])))
    assert row["是否国家高新区内企业 buyer_countrygxqqy"] == ""
    assert row["是否上市公司 buyer_islist"] == ""
    assert row["企业规模 buyer_scale"] == ""
    assert row["是否技术转移机构 buyer_jszyjg"] == "否"
    assert row["买方国别"] == "156"
    assert row["卖方名称"] == row["卖方国别"] == ""


def test_a_value_that_the_receiving_system_does_not_have_is_left_to_be_chosen(
    session, stored
):
    # Marine is a tag of ours for matching and no field of the national tree.
    row = row_of(session, stored(drafts.filled(tech_field="53")))
    assert row["技术领域 techarea"] == ""


def test_an_empty_contract_gives_a_row_of_empty_cells(session, stored):
    row = row_of(session, stored(drafts.empty()))
    said = {name: cell for name, cell in row.items() if cell not in {None, ""}}
    assert said == {"是否关联交易 isrelated": "否", "平台合同编号": "HT2026000001"}


def test_rows_come_in_the_order_of_the_contracts(session, stored):
    many = [
        stored(drafts.filled(title=f"项目{n}"), number=f"HT{n:04d}") for n in range(205)
    ]
    wanted = many[::-1]
    rows = list(papers.rows(session, iter(wanted), on=TODAY))
    assert [row[1] for row in rows] == [c.title for c in wanted]


def test_papers_of_a_registered_contract_show_the_version_that_stands_registered(
    session, stored
):
    contract = stored(drafts.filled(title="登记时的名称"), reg_no=REG_NO)
    version = drafts.add_version(
        session, contract, 2, drafts.filled(title="变更后的名称")
    )
    contract.current_version_id = version.id
    session.flush()
    registered = papers.record(session, contract, registered=True)
    assert papers.certificate(registered)["lines"][2] == ["项目名称", "登记时的名称"]
    assert row_of(session, contract)["项目名称 projectname"] == "登记时的名称"
    current = papers.record(session, contract)
    assert papers.draft_context(current)["title"] == "变更后的名称"


def test_what_is_empty_of_a_party_is_taken_from_the_organisation_it_names(
    session, world, known
):
    firm = world.org("firm")
    firm.legal_rep, firm.address = "丙代表", "演示路三号"
    session.flush()
    buyer = {"side": "buyer", "organisation_id": firm.id, "address": "合同写的地址"}
    record = known(drafts.filled(parties=[buyer]))
    party = papers.draft_context(record)["parties"][0]
    lines = dict(party["lines"])
    assert lines["名称"] == firm.name
    assert lines["统一社会信用代码"] == firm.uscc
    assert lines["法定代表人（负责人）"] == "丙代表"
    assert lines["通信地址"] == "合同写的地址"


def test_the_certificate_has_both_amounts_in_figures_and_in_words(known):
    paper = papers.certificate(known(drafts.filled(), reg_no=REG_NO))
    assert paper["amounts"] == [
        {
            "label": "合同成交总额",
            "figures": "1,200,000.00 元",
            "words": "人民币壹佰贰拾万元整",
        },
        {
            "label": "技术交易额",
            "figures": "1,000,000.00 元",
            "words": "人民币壹佰万元整",
        },
    ]
    assert paper["reg_no"] == REG_NO
    assert paper["registered_on"] == "2026年11月23日"
    assert paper["written"] == "2026-11-23"


def test_a_royalty_contract_is_certified_without_an_invented_total(known):
    values = drafts.filled(
        payment_method="3",
        total_yuan=None,
        technical_yuan=None,
        instalments=[],
        non_technical=[],
    )
    amounts = papers.certificate(known(values, reg_no=REG_NO))["amounts"]
    assert {a["words"] for a in amounts} == {BLANK}
    assert {a["figures"] for a in amounts} == {f"{BLANK} 元"}


@pytest.mark.parametrize("state", list(RegistrationState))
def test_only_what_stands_registered_gets_a_certificate(known, state):
    record = known(
        drafts.filled(), reg_no=REG_NO, state=state, due_on=date(2026, 12, 14)
    )
    if state in {RegistrationState.REGISTERED, RegistrationState.CHANGED}:
        assert papers.certificate(record)["reg_no"] == REG_NO
    else:
        with pytest.raises(Conflict):
            papers.certificate(record)


@pytest.mark.parametrize("state", list(ContractState))
def test_no_certificate_speaks_for_a_contract_that_is_over(known, state):
    record = replace(known(drafts.filled(), reg_no=REG_NO), state=state.value)
    if state in {
        ContractState.EFFECTIVE,
        ContractState.PERFORMING,
        ContractState.COMPLETED,
    }:
        assert papers.certificate(record)["reg_no"] == REG_NO
    else:
        with pytest.raises(Conflict):
            papers.certificate(record)


def test_a_contract_that_was_never_handed_in_gets_no_certificate(known):
    with pytest.raises(Conflict):
        papers.certificate(known(drafts.filled()))


def test_a_draft_needs_a_class(known):
    with pytest.raises(Invalid) as refused:
        papers.draft_context(known(drafts.empty()))
    assert refused.value.errors[0].pointer == "/contract_class"


@pytest.mark.parametrize("kind", ["D", "D2", "T3", "L2", "C", "S", "S3"])
def test_an_empty_contract_is_all_blanks_and_never_none(session, known, kind):
    record = known(drafts.empty(kind))
    trees = [
        papers.draft_context(record),
        papers.data_sheet(record),
        form_of(session, record),
    ]
    for tree in trees:
        texts = drafts.texts(tree)
        assert "None" not in " ".join(texts)
        assert any(BLANK in text for text in texts)
    assert [p["label"][:2] for p in trees[0]["parties"]] == ["甲方", "乙方"]


def test_every_kind_of_contract_calls_its_sides_by_their_names():
    def labels(kind):
        values = drafts.empty(kind)
        return [papers.party_label(values, side) for side in ("buyer", "seller")]

    assert labels("D1") == ["甲方（委托方）", "乙方（研究开发方）"]
    assert labels("T2") == ["甲方（受让方）", "乙方（让与方）"]
    assert labels("L1") == ["甲方（被许可方）", "乙方（许可方）"]
    assert labels("C") == ["甲方（委托方）", "乙方（受托方）"]
    assert labels("S3") == ["甲方（委托方）", "乙方（中介方）"]


def sources(values):
    return [(d.clause, d.source.en) for d in contract_defaults.defaults(values)]


def article(number):
    return f"Civil Code, article {number}"


@pytest.mark.parametrize(
    ("kind", "clause", "number"),
    [
        ("D1", "RESULTS", 859),
        ("D2", "RESULTS", 860),
        ("D1", "RESULTS", 861),
        ("D1", "RISK", 858),
        ("T1", "IMPROVEMENT", 875),
        ("L1", "IMPROVEMENT", 875),
        ("T3", "RESULTS", 847),
        ("C", "RESULTS", 885),
        ("S1", "PRICE", 886),
    ],
)
def test_a_silent_contract_carries_the_legal_default_of_its_class(kind, clause, number):
    assert (clause, article(number)) in sources(drafts.empty(kind))


@pytest.mark.parametrize("kind", ["D1", "D2", "T1", "L1", "C", "S1"])
def test_where_the_contract_speaks_no_default_is_noted(kind):
    clauses = [
        {"code": code, "state": "PRESENT", "text": "已约定"}
        for code in ("RESULTS", "IMPROVEMENT", "RISK", "PRICE")
    ]
    assert sources(drafts.filled(kind, clauses=clauses)) == []


def test_a_default_of_one_class_is_none_of_another():
    assert ("RESULTS", article(859)) not in sources(drafts.empty("C"))
    assert ("RESULTS", article(885)) not in sources(drafts.empty("D1"))
    assert ("RESULTS", article(859)) not in sources(drafts.empty("D2"))


def test_a_patent_licence_that_is_silent_on_mode_and_term_is_told_so():
    found = sources(drafts.empty("L1"))
    assert [clause for clause, _ in found if clause.startswith("LICENCE")] == [
        "LICENCE_MODE",
        "LICENCE_TERM",
    ]


def test_the_mediators_fee_is_noted_only_where_there_is_a_mediator():
    silent = drafts.empty("D1")
    assert "MEDIATION" not in dict(sources(silent))
    broker = {"side": "broker", "name": "齐鲁技术转移中心（演示）"}
    brokered = drafts.filled("D1", commission=None, parties=[broker])
    assert "MEDIATION" in dict(sources(brokered))


def test_notes_stand_beside_the_terms_and_are_none_of_them(known):
    articles = papers.draft_context(known(drafts.empty("D1")))["articles"]
    assert articles["RESULTS"]["texts"] == [BLANK]
    assert articles["RESULTS"]["notes"][0].startswith("【起草提示】《民法典》第859条")
    said = papers.draft_context(known(drafts.filled("D1")))["articles"]
    assert said["RESULTS"]["notes"] == []


def test_a_clause_that_does_not_apply_says_so(known):
    articles = papers.draft_context(known(drafts.filled("C")))["articles"]
    assert articles["TERMS"]["texts"] == ["本合同不适用本条。"]


def test_the_payment_plan_and_the_costs_are_summed(known):
    record = known(drafts.filled())
    assert papers.instalments(record)["rows"][-1][3] == "1,200,000.00 元"
    costs = papers.draft_context(record)["tables"]["costs"]
    assert costs["rows"][-1] == ["合计", "", "200,000.00 元"]
    assert ("提成比例", "3.5 %") in papers.royalty(record)
    bare = known(drafts.empty("C"))
    assert papers.instalments(bare)["rows"] == []
    assert papers.royalty(bare) == []


def test_the_data_sheet_dates_from_its_version_and_not_from_the_printing(known, clock):
    record = known(drafts.filled())
    first = papers.data_sheet(record)
    clock.at += timedelta(days=30)
    assert papers.data_sheet(record) == first
    assert first["written"] == "2026-11-23T01:30:00+00:00"
