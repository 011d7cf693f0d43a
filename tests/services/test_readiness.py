"""The pre-check 预检: every planted flaw is found, and nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

import seeds
from marketplace.domain.contracts import ContractState, RegistrationState, Side
from marketplace.domain.organisations import OrganisationState
from marketplace.models.attachments import Attachment
from marketplace.models.contracts import (
    Contract,
    ContractParty,
    ContractSignature,
    ContractVersion,
)
from marketplace.models.organisations import OrganisationTie
from marketplace.models.registrations import Registration
from marketplace.services import rules
from marketplace.services.contract_contents import CONTENT
from marketplace.services.fields import thawed
from marketplace.services.readiness import (
    CHECKS,
    RULES_KEY,
    judge,
    picture_of,
    read_rule_set,
    rule_set,
    summary,
)
from marketplace.services.readiness_facts import Earlier, Picture, RuleSet
from tests.contracts import (
    BASE,
    BUYER_ID,
    CLAUSES,
    FIRM,
    FOREIGN,
    GOOD_ELSEWHERE,
    PATENT,
    ROYALTY,
    TODAY,
    UNIVERSITY,
    content,
    picture,
    written,
)
from tests.people import valid_uscc

OLD, NEW = date(2026, 2, 27), date(2026, 11, 23)
ROWS = json.loads(
    (Path(seeds.__file__).parent / "rules" / "registration.json").read_text("utf-8")
)


def rules_on(day: date) -> RuleSet:
    """Read the rule set of a day from the seed file, as the table would give it."""
    for row in ROWS:
        begins = date.fromisoformat(row["valid_from"])
        ends = date.fromisoformat(row["valid_to"] or "9999-12-31")
        if row["key"] == RULES_KEY and begins <= day <= ends:
            return read_rule_set(
                row["value"],
                mark=row["mark"],
                source=row["source"],
                valid_from=begins,
                valid_to=ends,
                on=day,
            )
    raise AssertionError(f"no rule set on {day}")


def open_points(seen: Picture, day: date = NEW) -> dict[str, str]:
    """Return the codes that are not passed, with their statuses."""
    answers = judge(seen, rules_on(day))
    return {a.code: a.status for a in answers if a.status != "pass"}


def firm(**more: Any) -> dict[str, Any]:
    return {**FIRM, **more}


def university(**more: Any) -> dict[str, Any]:
    return {**UNIVERSITY, **more}


def earlier(**more: Any) -> Earlier:
    """Return another contract of the same seller on the subject of the base."""
    values = {
        "id": UUID("01900000-0000-7000-8000-00000000c001"),
        "title": BASE["D1"]["title"],
        "subject": BASE["D1"]["subject"],
        "contract_class": "D1",
        "total_yuan": Decimal("800000.00"),
        "buyers": frozenset({"另一家企业"}),
        "registration": RegistrationState.NONE,
    }
    return Earlier(**{**values, **more})


LARGE = {
    "total_yuan": "5000000.00",
    "technical_yuan": "5000000.00",
    "payment_method": "1",
    "instalments": [],
}
IMPORT = {
    "parties": [FIRM, FOREIGN],
    "is_import": True,
    "is_foreign_text": True,
}
DEDUCTED = {
    "technical_yuan": "650000.00",
    "non_technical": [
        {"kind": "EQUIPMENT", "name": "增压缸", "amount_yuan": "150000.00"}
    ],
    "goods": [{"name": "增压缸", "quantity": 2, "is_carrier": False}],
}
PLANNED = {"plan_source": "31", "project_no": "2026CXGC010101"}
BROKER = {
    "side": "broker",
    "name": "桥东技术转移有限公司（演示）",
    "uscc": "91370100MA0000003X",
    "party_nature": "150",
    "seal_name": "桥东技术转移有限公司（演示）",
}
COMMISSION = {"amount_yuan": "20000.00", "paid_by": "buyer"}
SETTLED = {**ROYALTY, "total_yuan": "800000.00", "technical_yuan": "800000.00"}
GOOD: dict[str, Picture] = {
    **{f"a good contract of class {kind}": picture(kind) for kind in BASE},
    "a licence for a royalty with an entry fee": picture("L1", changes=SETTLED),
    "a related-party deal that says so": picture(
        "D1", changes={"is_related": True}, related=True
    ),
    "an import for which the buyer applies": picture(
        "D1", changes=IMPORT, documents=frozenset({"CONTRACT", "TRANSLATION"})
    ),
    "a transfer with equipment that is deducted": picture("T1", changes=DEDUCTED),
    "a project of a plan with its papers": picture(
        "D1", changes=PLANNED, documents=frozenset({"CONTRACT", "TASK_BOOK"})
    ),
    "a contract of three parties with an agreed fee": picture(
        "D1", changes={"parties": [FIRM, UNIVERSITY, BROKER], "commission": COMMISSION}
    ),
    "an application for a patent, not granted yet": picture(
        "T1",
        changes={
            "contract_class": "T2",
            "rights": [
                {
                    **PATENT,
                    "legal_status": "PENDING",
                    "patent_no": "",
                    "valid_until": None,
                }
            ],
        },
    ),
    "an inner body with the authority of its unit": picture(
        "D1",
        changes={"parties": [FIRM, university(is_inner_body=True)]},
        documents=frozenset({"CONTRACT", "AUTHORISATION"}),
    ),
    "a seller who serves another client on another subject": picture(
        "D1",
        earlier=(earlier(subject="镁合金板材温成形润滑剂的配方与涂覆工艺研究开发"),),
    ),
    "a subject that denies what it resembles": picture(
        "S1",
        changes={
            "remarks": "本合同不包含土建施工和设备安装施工。",
            "subject": BASE["S1"]["subject"] + "不包括来料加工。",
        },
    ),
}
CHANGED = {
    # what is wrong: (class, what is changed in the content, the code that finds it)
    "no class": ("D1", {"contract_class": None}, {"R01": "fix"}),
    "development without a goal": (
        "D1",
        {"goal": "满足甲方要求，达到国内领先水平。"},
        {"R02": "fix"},
    ),
    "development of what is mastered": (
        "D1",
        {"method": "采用乙方现有的成熟技术，按附表完成三轮压铸线验证。"},
        {"R03": "fix"},
    ),
    "development by a new look only": (
        "D1",
        {"title": "压铸机外观改型"},
        {"R04": "ask"},
    ),
    "cooperation in which one side only pays": (
        "D2",
        {"method": "甲方仅提供研发资金，乙方完成凝固应力建模与工艺窗口优化。"},
        {"R05": "fix"},
    ),
    "transfer of what is still to be developed": (
        "T1",
        {"method": "该方法尚未完成研发，签订后一年内移交技术资料。"},
        {"R06": "fix"},
    ),
    "transfer of know-how under the class of patents": (
        "T3",
        {"contract_class": "T1"},
        {"R07": "fix"},
    ),
    "licence of technology in the public domain": (
        "L1",
        {"method": "按公知技术实施，十日内移交资料。"},
        {"R08": "ask"},
    ),
    "consulting without a report": (
        "C",
        {"deliverables": "热平衡计算数据5份及现场检测记录。"},
        {"R09": "fix"},
    ),
    "consulting on law": (
        "C",
        {
            "title": "压铸企业法律咨询",
            "method": "查阅资料两周，访谈管理人员。",
            "subject": "就压铸车间保温炉租赁合同的条款、担保方式与违约责任，"
            "比较两种签约路线的优劣和责任。",
        },
        {"R10": "ask"},
    ),
    "service that is construction": (
        "S1",
        {"title": "压铸车间土建施工技术服务"},
        {"R11": "fix"},
    ),
    "service that is contract work": (
        "S1",
        {"deliverables": "来料加工壳体3000件、渗氮工艺卡1份。"},
        {"R11": "fix"},
    ),
    "service in which a patent changes hands": (
        "S1",
        {"results_ownership": "受托方将其专利权转让给委托方。"},
        {"R12": "fix"},
    ),
    "service without figures": (
        "S1",
        {
            "goal": "显著延长模具寿命。",
            "deliverables": "失效分析记录、渗氮工艺卡、水道改进图纸。",
            "acceptance": "模具上线后无贯穿裂纹即为通过。",
        },
        {"R13": "ask"},
    ),
    "training without trainees": ("S2", {"trainees": []}, {"R14": "fix"}),
    "training that is schooling of staff": (
        "S2",
        {"title": "新员工入职培训"},
        {"R14": "ask"},
    ),
    "intermediation without a third party": (
        "S3",
        {"mediation": "促成技术交易并提供对接服务。"},
        {"R15": "fix"},
    ),
    "training that belongs to a licence": (
        "S2",
        {"remarks": "本培训随许可合同的培训安排执行。"},
        {"R16": "ask"},
    ),
    "no buyer": ("D1", {"parties": [UNIVERSITY]}, {"R17": "fix"}),
    "an inner body without authority": (
        "D1",
        {"parties": [FIRM, university(is_inner_body=True)]},
        {"R18": "fix"},
    ),
    "a seal of another name": (
        "D1",
        {"parties": [firm(seal_name="青屿精工集团合同专用章"), UNIVERSITY]},
        {"R21": "fix"},
    ),
    "no credit code": (
        "D1",
        {"parties": [firm(uscc="", organisation_id=None), UNIVERSITY]},
        {"R20": "fix"},
    ),
    "a buyer without address and size": (
        "D1",
        {"parties": [firm(address="", scale=None), UNIVERSITY]},
        {"R22": "fix"},
    ),
    "a flag of a party that the contract does not follow": (
        "D1",
        {"parties": [firm(flags=["RELATED_DEAL"]), UNIVERSITY]},
        {"R23": "fix"},
    ),
    "an import that is not marked": (
        "D1",
        {"parties": [FIRM, FOREIGN]},
        {"R26": "fix"},
    ),
    "an export without an approval": (
        "D1",
        {
            "parties": [
                {**FOREIGN, **FIRM, "country": "276", "party_nature": "600"},
                UNIVERSITY,
            ]
        },
        {"R27": "ask"},
    ),
    "a broker without an agreed fee": (
        "D1",
        {"parties": [FIRM, UNIVERSITY, BROKER]},
        {"R28": "ask"},
    ),
    "no price": (
        "D1",
        {"total_yuan": None, "technical_yuan": None, "instalments": []}
        | {"payment_method": "1"},
        {"R29": "fix"},
    ),
    "a technical amount above the total": (
        "D1",
        {"technical_yuan": "900000.00"},
        {"R30": "fix"},
    ),
    "costs that are not itemised": (
        "D1",
        {"technical_yuan": "700000.00"},
        {"R31": "fix"},
    ),
    "equipment that is not deducted": (
        "T1",
        {"goods": [{"name": "增压缸", "quantity": 1, "is_carrier": False}]},
        {"R32": "fix"},
    ),
    "equipment in a wholly technical price": (
        "S1",
        {"deliverables": "渗氮工艺卡1份，并提供离子渗氮炉等2套设备。"},
        {"R33": "ask"},
    ),
    "too many test rigs": (
        "D1",
        {"goods": [{"name": "热裂试验台", "quantity": 6, "is_carrier": True}]},
        {"R34": "ask"},
    ),
    "an instalment that pays for nothing": (
        "D1",
        {
            "instalments": [
                {"due_on": "2026-12-01", "amount_yuan": "300000.00"},
                {
                    "deliverable": "全部交付物",
                    "due_on": "2028-09-30",
                    "amount_yuan": "500000.00",
                },
            ]
        },
        {"R35": "fix"},
    ),
    "an instalment without a day": (
        "D1",
        {
            "instalments": [
                {"deliverable": "全部交付物", "amount_yuan": "800000.00"},
            ]
        },
        {"R35": "fix"},
    ),
    "a plan that does not add up": (
        "D1",
        {
            "instalments": [
                {
                    "deliverable": "全部交付物",
                    "due_on": "2028-09-30",
                    "amount_yuan": "700000.00",
                }
            ]
        },
        {"R36": "fix"},
    ),
    "a royalty without a base": (
        "L1",
        {**ROYALTY, "royalty": {**ROYALTY["royalty"], "base": None}},
        {"R37": "fix"},
    ),
    "a royalty whose amounts are not settled": ("L1", ROYALTY, {"R37": "ask"}),
    "a large contract": ("D1", LARGE, {"R38": "ask"}),
    "an empty subject": (
        "D1",
        {"subject": "乙方按照甲方要求提供相关技术服务，具体内容双方另行协商确定。"},
        {"R40": "fix"},
    ),
    "an annex that is not attached": (
        "D1",
        {"deliverables": "详见附件一。"},
        {"R40": "fix"},
    ),
    "no clause on secrecy": (
        "D1",
        {"clauses": [c for c in CLAUSES if c["code"] != "SECRECY"]},
        {"R41": "ask"},
    ),
    "a clause that says nothing": (
        "D1",
        {"clauses": [*CLAUSES, {"code": "BREACH", "state": "PRESENT", "text": ""}]},
        {"R42": "fix"},
    ),
    "a transfer silent on whose the rights are": (
        "T1",
        {"results_ownership": "双方另行协商确定。"},
        {"R43": "fix"},
    ),
    "a clause that monopolises": (
        "L1",
        {
            "clauses": [
                *CLAUSES,
                {
                    "code": "BREACH",
                    "state": "PRESENT",
                    "text": "被许可方不得对该专利权的有效性提出异议。",
                },
            ]
        },
        {"R44": "fix"},
    ),
    "a patent without its number": (
        "T1",
        {"rights": [{**PATENT, "patent_no": "", "filed_on": None}]},
        {"R45": "fix"},
    ),
    "a patent that has lapsed": (
        "T1",
        {"rights": [{**PATENT, "legal_status": "LAPSED"}]},
        {"R46": "fix"},
    ),
    "a licence longer than the patent": (
        "L1",
        {"rights": [{**PATENT, "filed_on": "2008-03-01", "valid_until": "2028-02-29"}]},
        {"R46": "fix"},
    ),
    "a licence silent on its mode": (
        "L1",
        {"licence": {"territory": "中国境内", "until": "2031-10-14"}},
        {"R47": "ask"},
    ),
    "know-how that everybody knows": (
        "T3",
        {
            "subject": "让与方将铝液旋转除氢的转子结构与吹气制度技术秘密转让给受让方，"
            "该技术具有商业价值和实用性，让与方已采取保密措施。"
        },
        {"R48": "fix"},
    ),
    "a foreign text without its copy": (
        "D1",
        {"is_foreign_text": True},
        {"R52": "fix"},
    ),
    "a project of a plan without its task book": ("D1", PLANNED, {"R53": "fix"}),
    "no objective and no served industry": (
        "D1",
        {"socio_objective": None, "served_industry": None},
        {"R54": "fix"},
    ),
    "classified matter": ("D1", {"remarks": "本项目含国家秘密。"}, {"R56": "ask"}),
    "a term that is over": (
        "D1",
        {"valid_from": "2026-10-15", "valid_to": "2026-11-01"},
        {"R59": "fix"},
    ),
    "a term that begins before the signing": (
        "D1",
        {"valid_from": "2026-10-01"},
        {"R60": "ask"},
    ),
    "a term that ends before it begins": (
        "D1",
        {"valid_from": "2028-12-01"},
        {"R60": "fix"},
    ),
}
SAID_OTHERWISE: list[tuple[str, str, dict[str, Any]]] = [
    (
        "R03",
        "D1",
        {
            "method": "乙方已具备该软件全套成熟产品，签约后直接部署到甲方三台服务器。",
        },
    ),
    (
        "R03",
        "D1",
        {
            "subject": BASE["D1"]["subject"] + "该技术已通过鉴定并批量应用。",
        },
    ),
    (
        "R03",
        "D1",
        {
            "goal": "将乙方已研发完成的热裂预测软件移植到甲方，热裂率降至1%。",
        },
    ),
    (
        "R04",
        "D1",
        {
            "goal": "对现有产品配方作常规调整，热裂率降至1%以下。",
        },
    ),
    (
        "R04",
        "D1",
        {
            "title": "铝合金样品性能检测",
        },
    ),
    (
        "R05",
        "D2",
        {
            "method": "甲方负责出资300万元，不参与研究；乙方完成全部研究开发。",
        },
    ),
    (
        "R06",
        "T1",
        {
            "subject": "让与方承诺在两年内研发出增压方法并申请专利，取得授权后将专利权"
            "转让给受让方，用于消除缩孔。",
        },
    ),
    (
        "R06",
        "L1",
        {
            "method": "许可技术目前处于实验室研究阶段，许可方继续攻关后交付。",
        },
    ),
    (
        "R08",
        "L1",
        {
            "subject": "许可方许可被许可方使用已进入公有领域的增压方法，用于铝合金壳体"
            "压铸，在凝固末期二次加压消除缩孔。",
        },
    ),
    (
        "R10",
        "C",
        {
            "title": "企业股权激励方案咨询",
            "subject": "为委托方设计股权激励方案，提出持股平台的设立建议、考核办法与税"
            "务筹划意见，比较两种路线。",
            "method": "访谈、查阅资料。",
            "goal": "形成激励方案",
        },
    ),
    (
        "R11",
        "S1",
        {
            "subject": "受托方承担压铸车间冷却水管道的安装与土建改造工程，更换H13模具水"
            "道布置和渗氮制度。",
        },
    ),
    (
        "R11",
        "S1",
        {
            "deliverables": "按委托方图纸加工模具镶块20件",
        },
    ),
    (
        "R11",
        "S1",
        {
            "title": "厂区道路绿化养护技术服务工程施工",
        },
    ),
    (
        "R12",
        "S1",
        {
            "deliverables": "失效分析记录1份，并将渗氮工艺发明专利过户给委托方",
        },
    ),
    (
        "R14",
        "S2",
        {
            "title": "产品操作使用培训",
        },
    ),
    (
        "R33",
        "S1",
        {
            "deliverables": "渗氮工艺卡1份，供应热处理炉3台",
        },
    ),
    (
        "R33",
        "D1",
        {
            "title": "压铸机成套设备采购及技术开发",
        },
    ),
    (
        "R40",
        "D1",
        {
            "subject": "双方就甲方提出的技术难题合作，由乙方提供全面的解决方案。",
        },
    ),
    (
        "R40",
        "S1",
        {
            "acceptance": "甲方满意即可",
        },
    ),
    (
        "R56",
        "D1",
        {
            "remarks": "本项目为涉密项目，按保密要求执行",
        },
    ),
    (
        "R03",
        "D1",
        {
            "method": "受托方使用其已成熟的热裂预测软件，安装后进行参数配置。",
        },
    ),
    (
        "R03",
        "D1",
        {
            "subject": BASE["D1"]["subject"] + "上述工艺已在其他企业投产多年。",
        },
    ),
    (
        "R04",
        "D1",
        {
            "goal": "仅对现有模具进行外形改款，热裂率降至1%。",
        },
    ),
    (
        "R05",
        "D2",
        {
            "method": "甲方只提供场地和设备，乙方承担全部研究工作并完成工艺窗口优化。",
        },
    ),
    (
        "R06",
        "T1",
        {
            "goal": "受让方取得待开发的增压控制技术的专利权。",
        },
    ),
    (
        "R06",
        "L1",
        {
            "subject": "许可方正在研发局部增压方法，拟于2027年完成后许可被许可方在铝合"
            "金壳体压铸中实施，消除缩孔。",
        },
    ),
    (
        "R08",
        "L1",
        {
            "method": "该专利已过保护期，许可方移交资料并指导实施。",
        },
    ),
    (
        "R09",
        "C",
        {
            "deliverables": "现场检测原始数据一套",
        },
    ),
    (
        "R10",
        "C",
        {
            "title": "企业上市咨询",
            "method": "查阅资料。",
        },
    ),
    (
        "R11",
        "S1",
        {
            "title": "车间钢结构施工技术服务",
        },
    ),
    (
        "R11",
        "S1",
        {
            "deliverables": "委托加工的渗氮镶块10件",
        },
    ),
    (
        "R12",
        "S1",
        {
            "results_ownership": "受托方将相关专利权让与给委托方。",
        },
    ),
    (
        "R14",
        "S2",
        {
            "subject": "对员工进行职业技能培训，讲授车间安全常识、考勤制度、文明礼仪和"
            "沟通技巧等内容。",
        },
    ),
    (
        "R33",
        "S1",
        {
            "deliverables": "渗氮工艺卡1份，交付真空泵4台",
        },
    ),
    (
        "R40",
        "D1",
        {
            "deliverables": "待定",
        },
    ),
    (
        "R40",
        "D1",
        {
            "subject": "按照甲方要求提供相关技术开发服务。",
        },
    ),
]
"""The flaws that are found by words, in other words: code, class, changes."""
KNOWN = {
    # what is wrong: (what is known otherwise, the code that finds it)
    "a party that is closed": (
        {"parties": {0: {"standing": OrganisationState.CLOSED}}},
        {"R19": "fix"},
    ),
    "a party that is not verified": (
        {"parties": {1: {"standing": OrganisationState.PENDING}}},
        {"R19": "ask"},
    ),
    "a name that is not the registered one": (
        {"parties": {0: {"name": "青屿精工（演示）"}}},
        {"R20": "fix"},
    ),
    "a unit that the market knows as an inner body": (
        {"parties": {1: {"is_inner": True}}},
        {"R18": "fix"},
    ),
    "related parties that do not say so": ({"related": True}, {"R23": "fix"}),
    "a contract handed in twice": (
        {
            "earlier": (
                earlier(
                    buyers=frozenset({str(BUYER_ID)}),
                    registration=RegistrationState.REGISTERED,
                ),
            )
        },
        {"R24": "fix"},
    ),
    "a second contract with the same buyer": (
        {
            "earlier": (
                earlier(
                    buyers=frozenset({str(BUYER_ID)}),
                    registration=RegistrationState.APPLIED,
                    total_yuan=Decimal("120000.00"),
                ),
            )
        },
        {"R24": "ask"},
    ),
    "the same subject sold to another": ({"earlier": (earlier(),)}, {"R25": "ask"}),
    "no contract attached": ({"documents": frozenset()}, {"R50": "fix"}),
    "not signed by all": ({"all_signed": False}, {"R57": "fix"}),
    "not in force": ({"state": ContractState.SIGNED}, {"R58": "fix"}),
    "rescinded": ({"state": ContractState.RESCINDED}, {"R58": "fix"}),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_good_contract_passes_every_rule(name):
    assert open_points(GOOD[name]) == {}


@pytest.mark.parametrize("name", CHANGED)
def test_a_flaw_in_the_content_is_found_and_nothing_else(name):
    kind, changes, expected = CHANGED[name]
    assert open_points(picture(kind, changes=changes)) == expected


@pytest.mark.parametrize(("code", "kind", "changes"), SAID_OTHERWISE)
def test_a_flaw_in_other_words_is_found_and_nothing_else(code, kind, changes):
    assert set(open_points(picture(kind, changes=changes))) == {code}


@pytest.mark.parametrize(("kind", "changes"), GOOD_ELSEWHERE)
def test_a_good_contract_on_another_subject_passes_every_rule(kind, changes):
    assert open_points(picture(kind, changes=changes)) == {}


@pytest.mark.parametrize("name", KNOWN)
def test_a_flaw_in_what_is_known_is_found_and_nothing_else(name):
    known, expected = KNOWN[name]
    assert open_points(picture("D1", **known)) == expected


def test_a_transfer_without_proof_of_the_right_is_told_to_attach_it():
    assert open_points(picture("T1", documents=frozenset({"CONTRACT"}))) == {
        "R49": "fix"
    }


def test_there_are_enough_contracts_good_and_flawed():
    assert len(GOOD) + len(CHANGED) + len(KNOWN) >= 30
    assert {name[-2:].strip() for name in GOOD} >= {"D1", "D2", "T1", "L1", "C", "S1"}


def test_each_rule_in_force_has_a_contract_that_it_finds():
    found = {
        code for *_, codes in (*CHANGED.values(), *KNOWN.values()) for code in codes
    }
    told_only = {"R39", "R49", "R51", "R61", "R62"}
    assert {rule.code for rule in rules_on(NEW).rules} - found == told_only
    assert len(rules_on(NEW).rules) >= 25


@pytest.mark.parametrize("name", CHANGED)
def test_an_answer_points_at_a_place_of_the_content(name):
    kind, changes, _ = CHANGED[name]
    values = content(kind, **changes)
    for answer in judge(picture(kind, changes=changes), rules_on(NEW)):
        for pointer in answer.pointers:
            at: Any = values
            for step in pointer.split("/")[1:]:
                if isinstance(at, list):
                    at = at[int(step)]
                else:
                    assert step in at or at == {}, (answer.code, pointer)
                    at = at.get(step)


@pytest.mark.parametrize("day", [OLD, NEW])
def test_a_rule_of_uncertain_text_never_claims_to_be_law(day):
    every = [*GOOD.values()]
    every += [picture(kind, changes=changes) for kind, changes, _ in CHANGED.values()]
    every += [picture("D1", **known) for known, _ in KNOWN.values()]
    basis = ("据报道", "征求意见稿", "未核实", "旧规则", "实务", "平台建议")
    claims = ("法律规定", "依法", "法定", "民法典", "司法解释", "By law")
    for seen in every:
        for answer in judge(seen, rules_on(day)):
            said = answer.message.zh + answer.message.en + answer.title.zh
            if answer.mark == "L":
                assert "民法典" in answer.clause or "司法解释" in answer.clause
                continue
            assert not any(word in said + answer.clause for word in claims), answer
            if answer.message.zh != "未发现问题":
                assert any(word in answer.message.zh for word in basis), answer


def test_the_severity_of_a_rule_caps_its_answer():
    rules_new = rules_on(NEW)
    flawed = picture("D1", changes=CHANGED["development without a goal"][1])
    lowered = tuple(
        replace(rule, severity="ask") if rule.code == "R02" else rule
        for rule in rules_new.rules
    )
    answers = judge(flawed, replace(rules_new, rules=lowered))
    assert {a.code: a.status for a in answers if a.status != "pass"} == {"R02": "ask"}


def test_under_the_old_rules_a_licence_is_a_transfer():
    for day in (NEW, OLD, date(2021, 1, 1)):
        assert "R01" not in open_points(picture("L1"), day)
    answers = {a.code: a for a in judge(picture("L1"), rules_on(date(2020, 12, 31)))}
    assert answers["R01"].status == "fix"
    assert "技术转让" in answers["R01"].message.zh
    assert answers["R01"].mark == "O"


def test_only_the_new_rules_send_a_large_contract_to_experts():
    large = picture("D1", changes=LARGE)
    assert "R38" not in open_points(large, OLD)
    assert open_points(large)["R38"] == "ask"
    just_below = {**LARGE, "total_yuan": "4999999.99", "technical_yuan": "4999999.99"}
    assert "R38" not in open_points(picture("D1", changes=just_below))


def test_the_days_of_the_registry_are_those_of_the_rule_set():
    def told(seen: Picture, day: date) -> str:
        return next(a for a in judge(seen, rules_on(day)) if a.code == "R39").message.zh

    large = picture("D1", changes=LARGE)
    assert "30 个自然日" in told(picture("D1"), OLD)
    assert "15 个工作日" in told(picture("D1"), NEW)
    assert "征求意见稿" in told(picture("D1"), NEW)
    assert "30 个工作日" in told(large, NEW)


@pytest.mark.parametrize(
    ("seen", "old", "new"),
    [
        # The old rules let a concluded contract in, the draft one that is in force.
        (picture("D1", state=ContractState.SIGNED), set(), {"R58"}),
        # "Within its term" stands in the draft only.
        (
            picture("D1", today=date(2028, 10, 15)),
            set(),
            {"R59"},
        ),
        # The four marks of know-how stand in the newer text only.
        (
            picture("T3", changes=CHANGED["know-how that everybody knows"][1]),
            set(),
            {"R48"},
        ),
        # Old forms ask transfers for the expected input and output.
        (
            picture("T1", changes={"expected_output_yuan": None}),
            {"R55"},
            set(),
        ),
        # Training within another contract: newer text only.
        (
            picture("S2", changes=CHANGED["training that belongs to a licence"][1]),
            set(),
            {"R16"},
        ),
    ],
)
def test_one_contract_under_two_rule_sets_gets_the_answers_of_each(seen, old, new):
    electronic = {"R51"}
    assert set(open_points(seen, OLD)) == old | electronic
    assert set(open_points(seen, NEW)) == new


def test_a_day_of_signing_that_differs_from_the_record_is_asked_about():
    same = picture("D1", concluded_on=date(2026, 10, 12))
    assert open_points(same) == {}
    backdated = picture("D1", concluded_on=date(2026, 11, 20))
    assert open_points(backdated) == {"R61": "ask"}
    assert open_points(backdated, OLD)["R61"] == "ask"


@pytest.mark.parametrize("region", ["370000", "370100", "370102", ""])
def test_the_registry_of_the_sellers_seat_has_its_contract(region):
    assert open_points(picture("D1", registry_region=region)) == {}


@pytest.mark.parametrize("region", ["370200", "110000"])
def test_a_registry_elsewhere_is_asked_about(region):
    assert open_points(picture("D1", registry_region=region)) == {"R62": "ask"}


def test_of_an_import_the_buyers_seat_counts():
    seen = replace(GOOD["an import for which the buyer applies"])
    assert open_points(replace(seen, registry_region="370200")) == {}
    assert open_points(replace(seen, registry_region="370100")) == {"R62": "ask"}


def test_a_pending_application_has_no_patentee_yet():
    pending = {**PATENT, "legal_status": "PENDING", "owner": "", "patent_no": ""}
    seen = picture("T1", changes={"rights": [{**pending, "valid_until": None}]})
    assert "R45" not in open_points(seen)


@pytest.mark.parametrize(
    ("filed", "alive"), [("2016-01-01", False), ("2021-06-01", True)]
)
def test_a_design_lives_as_long_as_the_law_of_its_filing_says(filed, alive):
    design = {**PATENT, "kind": "13", "filed_on": filed, "valid_until": None}
    seen = picture("T1", changes={"rights": [design]})
    assert ("R46" not in open_points(seen)) is alive


def test_legal_advice_is_refused_by_the_old_rules_and_asked_about_by_the_new():
    kind, changes, _ = CHANGED["consulting on law"]
    seen = picture(kind, changes=changes)
    assert open_points(seen, OLD)["R10"] == "fix"
    assert open_points(seen, NEW)["R10"] == "ask"


def test_soft_science_by_technical_means_counts_since_the_interpretation():
    changes = {
        "title": "压铸产业市场调研",
        "method": "建立数据模型，检测并测算产能。",
    }
    assert open_points(picture("C", changes=changes), OLD)["R10"] == "fix"
    assert "R10" not in open_points(picture("C", changes=changes), NEW)


def test_an_electronic_text_is_a_question_under_the_old_rules_only():
    assert open_points(picture("D1"), OLD) == {"R51": "ask"}
    assert open_points(picture("D1"), NEW) == {}


def test_rules_that_rest_on_the_civil_code_hold_from_its_day():
    before = {rule.code for rule in rules_on(date(2020, 12, 31)).rules}
    after = {rule.code for rule in rules_on(date(2021, 1, 1)).rules}
    assert "R44" not in before
    assert "R44" in after
    assert before < after
    assert all(rule.mark != "L" for rule in rules_on(date(2020, 12, 31)).rules)


def test_the_old_set_ends_the_day_before_the_new_one_begins():
    assert rules_on(date(2020, 12, 31)).version == "2001"
    assert rules_on(date(2021, 1, 1)).version == "2021"
    assert rules_on(date(2026, 2, 28)).version == "2021"
    assert rules_on(date(2026, 3, 1)).version == "2026"


def test_figures_of_the_draft_are_marked_as_such_in_the_set_in_force():
    new = rules_on(NEW)
    for name in ("days_normal", "days_large", "large_threshold_yuan"):
        assert new.mark_of(name) == "D"
    assert new.mark == "L?"
    assert new.large_threshold_yuan == Decimal(5000000)
    draft = next(r for r in ROWS if r["key"] == "registration.draft_values")
    assert draft["mark"] == "D"
    assert draft["value"]["in_force"] is False


@pytest.mark.parametrize("day", [OLD, NEW])
def test_every_rule_names_a_check_a_place_and_a_source(day):
    codes = [rule.code for rule in rules_on(day).rules]
    assert len(set(codes)) == len(codes)
    for rule in rules_on(day).rules:
        assert rule.check in CHECKS
        assert rule.clause
        assert rule.source
        assert rule.title.zh
        assert rule.title.en
        assert rule.severity in {"fix", "ask"}
        assert rule.mark in {"L", "L?", "D", "G", "O", "P", "X"}


@given(
    technical=st.integers(0, 10**11),
    costs=st.lists(st.integers(0, 10**10), max_size=5),
)
def test_amounts_that_add_up_are_never_told_to_be_itemised(technical, costs):
    total = technical + sum(costs)
    changes = {
        "technical_yuan": f"{Decimal(technical) / 100:.2f}",
        "total_yuan": f"{Decimal(total) / 100:.2f}",
        "non_technical": [
            {"kind": "TRAVEL", "name": "差旅", "amount_yuan": f"{Decimal(c) / 100:.2f}"}
            for c in costs
        ],
        "payment_method": "1",
        "instalments": [],
    }
    found = open_points(picture("D1", changes=changes))
    assert not {"R30", "R31", "R36"} & set(found)
    assert ("R29" in found) == (technical == 0)
    assert ("R38" in found) == (technical >= 500_000_000)


@given(st.dictionaries(st.sampled_from(sorted(BASE["D1"])), st.text(max_size=60)))
def test_any_text_at_all_is_judged_without_failing(texts):
    changes = {k: v for k, v in texts.items() if k != "contract_class"}
    seen = picture("D1", changes=changes)
    assert judge(seen, rules_on(NEW)) == judge(seen, rules_on(NEW))


def test_an_empty_contract_is_judged_and_fails():
    values = thawed(CONTENT, {})
    empty = replace(picture("D1"), values=values, parties=(), documents=frozenset())
    found = open_points(replace(empty, state=ContractState.DRAFT, all_signed=False))
    assert {"R01", "R17", "R29", "R40", "R50", "R54", "R57", "R58", "R60"} <= set(found)


def test_the_answers_are_counted_by_status():
    answers = judge(picture("D1", related=True), rules_on(NEW))
    assert summary(answers) == {"pass": len(answers) - 1, "ask": 0, "fix": 1}


def stored(world, kind: str, **changes: Any) -> tuple[Contract, ContractVersion]:
    """Write a signed contract between the cast's firm and university."""
    session, now = world.session, world.clock.now()
    buyer, seller = world.org("firm"), world.org("team")
    parties = [
        firm(organisation_id=str(buyer.id), name="", uscc=""),
        university(organisation_id=str(seller.id), name="", uscc=""),
    ]
    for party, org in zip(parties, (buyer, seller), strict=True):
        party["seal_name"] = org.name
    text = Attachment(
        org_id=seller.id,
        filename="合同.pdf",
        media_type="application/pdf",
        size=10,
        digest="0" * 64,
        created_at=now,
    )
    session.add(text)
    session.flush()
    body = written(kind, parties=parties, **changes)
    body["documents"] = [{"kind": "CONTRACT", "attachment_id": str(text.id)}]
    number = session.query(Contract).count() + 1
    contract = Contract(
        contract_no=f"HT-{number:04d}",
        state=ContractState.EFFECTIVE,
        created_for=seller.id,
        title=body["title"],
        contract_class=body["contract_class"],
        total_yuan=Decimal(body["total_yuan"]),
        technical_yuan=Decimal(body["technical_yuan"]),
        concluded_at=now.replace(month=10, day=12),
        created_at=now,
        updated_at=now,
    )
    session.add(contract)
    session.flush()
    version = ContractVersion(
        contract_id=contract.id,
        number=1,
        state="IN_FORCE",
        content=body,
        created_at=now,
    )
    session.add(version)
    session.flush()
    contract.current_version_id = version.id
    for position, org, side in ((0, buyer, Side.BUYER), (1, seller, Side.SELLER)):
        session.add(
            ContractParty(
                contract_id=contract.id,
                position=position,
                side=side,
                org_id=org.id,
                name=org.name,
            )
        )
        session.add(
            ContractSignature(
                version_id=version.id,
                side=side,
                party_key=str(org.id),
                org_id=org.id,
                signer="测试员",
                signed_on=now.date(),
                recorded_at=now,
                digest="0" * 64,
            )
        )
    session.flush()
    return contract, version


def judged(world, contract: Contract, version: ContractVersion) -> dict[str, str]:
    seen = picture_of(world.session, contract, version, TODAY)
    answers = judge(seen, rule_set(world.session, NEW))
    return {a.code: a.status for a in answers if a.status != "pass"}


def test_a_stored_contract_is_judged_with_what_the_market_knows(world):
    contract, version = stored(world, "D1")
    assert judged(world, contract, version) == {}
    seen = picture_of(world.session, contract, version, TODAY)
    assert seen.parties[0].name == world.org("firm").name
    assert seen.parties[0].uscc == world.org("firm").uscc
    assert seen.all_signed
    assert seen.documents == {"CONTRACT"}


def test_a_missing_signature_and_a_missing_file_are_seen(world):
    contract, version = stored(world, "D1")
    world.session.query(ContractSignature).filter_by(side=Side.BUYER).delete()
    version.content = {**version.content, "documents": []}
    world.session.flush()
    assert judged(world, contract, version) == {"R50": "fix", "R57": "fix"}


def test_declared_ties_between_the_parties_are_found(world):
    contract, version = stored(world, "D1")
    world.session.add(
        OrganisationTie(
            org_id=world.org("firm").id,
            position=0,
            kind="shareholder",
            other_org_id=world.org("team").id,
            share_percent=Decimal("30.00"),
        )
    )
    world.session.flush()
    assert judged(world, contract, version) == {"R23": "fix"}


def test_ties_are_those_of_the_graph_and_of_the_day(world):
    contract, version = stored(world, "D1")
    ended = OrganisationTie(
        org_id=world.org("firm").id,
        position=0,
        kind="controller",
        other_org_id=world.org("team").id,
        valid_to=TODAY - timedelta(days=400),
    )
    world.session.add(ended)
    world.session.flush()
    assert judged(world, contract, version) == {}, "it had ended"
    for who in ("firm", "team"):
        world.org(who).legal_rep = "郑同名"
    world.session.flush()
    seen = picture_of(world.session, contract, version, TODAY)
    assert seen.related is None, "one name is for somebody to look at"


def test_an_outside_seller_is_looked_up_by_its_code(world):
    contract, version = stored(world, "D1")
    parties = [dict(row) for row in version.content["parties"]]
    for row in parties:
        if row["side"] == "seller":
            row |= {"organisation_id": None, "name": "外地公司", "uscc": valid_uscc(77)}
    version.content = {**version.content, "parties": parties}
    world.session.flush()
    assert picture_of(world.session, contract, version, TODAY).related is False
    world.session.add(
        OrganisationTie(
            org_id=world.org("firm").id,
            position=0,
            kind="controller",
            name="外地公司",
            uscc=valid_uscc(77),
        )
    )
    world.session.flush()
    assert picture_of(world.session, contract, version, TODAY).related is True


def test_a_stored_contract_that_is_registered_already_is_named(world):
    first, _ = stored(world, "D1")
    contract, version = stored(world, "D1")
    assert judged(world, contract, version) == {}
    world.session.add(
        Registration(
            contract_id=first.id,
            state=RegistrationState.APPLIED,
            created_at=world.clock.now(),
            updated_at=world.clock.now(),
        )
    )
    world.session.flush()
    seen = picture_of(world.session, contract, version, TODAY)
    answers = {a.code: a for a in judge(seen, rule_set(world.session, NEW))}
    assert answers["R24"].status == "fix"
    assert answers["R24"].others == (first.id,)
    assert first.contract_no not in answers["R24"].message.zh


def test_the_rule_set_of_a_day_comes_from_the_table_of_rules(session):
    assert rule_set(session, NEW) == replace(rules_on(NEW), valid_to=None)
    assert rule_set(session, OLD) == rules_on(OLD)
    assert rule_set(session, NEW, "370202").version == "2026"
    with pytest.raises(rules.NoRule):
        rule_set(session, date(2001, 7, 18) - timedelta(days=1))
