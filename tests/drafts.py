"""Contracts with every field filled, all names and numbers invented."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy.orm as so

from marketplace.domain.contracts import ContractState, RegistrationState
from marketplace.models.contracts import Contract, ContractVersion
from marketplace.models.registrations import Registration
from marketplace.services.contract_contents import CONTENT
from marketplace.services.events import plain
from marketplace.services.fields import thawed

WRITTEN = datetime(2026, 11, 23, 9, 30, tzinfo=ZoneInfo("Asia/Shanghai"))
KINDS = ("D1", "T1", "L1", "C", "S2")
"""One kind of each class."""


def party(side: str, name: str, **more: Any) -> dict[str, Any]:
    return {"side": side, "name": name, **more}


def filled(kind: str = "D1", **changes: Any) -> dict[str, Any]:
    """Return the values of a contract in which no field is empty."""
    values = {
        "title": "高真空压铸铝硅合金减震塔工艺开发",
        "contract_class": kind,
        "parties": [
            party(
                "buyer",
                "胶澳汽车零部件有限公司（演示）",
                uscc="91370200MA0000001X",
                party_nature="150",
                region="370202",
                country="156",
                representative="甲代表",
                contact_name="甲联系人",
                contact_phone="0532-00000001",
                address="青岛市演示路1号",
                postcode="266000",
                flags=["NATIONAL_HTZ", "RD_BODY"],
                scale="M",
                industry="C36",
                seal_name="胶澳汽车零部件有限公司合同专用章（演示）",
            ),
            party("buyer", "胶澳第二公司（演示）"),
            party(
                "seller",
                "海岱理工大学（演示）",
                uscc="12370000000000002Y",
                party_nature="022",
                region="370102",
                representative="乙代表",
                contact_name="乙联系人",
                contact_phone="0531-00000002",
                address="济南市演示路2号",
                postcode="250000",
                is_inner_body=True,
                team_name="轻合金课题组（演示）",
            ),
            party("broker", "齐鲁技术转移中心（演示）"),
        ],
        "signed_on": date(2026, 11, 20),
        "valid_from": date(2026, 12, 1),
        "valid_to": date(2027, 11, 30),
        "place": "山东省济南市",
        "subject": "开发免热处理压铸铝硅合金\n及其高真空压铸工艺",
        "goal": "铸态屈服强度不低于140 MPa，断后伸长率不低于10%",
        "method": "成分设计、模流分析与三轮试制",
        "deliverables": "合金成分报告、工艺规程、试制件60件",
        "acceptance": "第三方检测报告与现场试制",
        "results_ownership": "专利申请权由双方共有",
        "ip_owner": "SHARED",
        "clauses": [
            {"code": "SECRECY", "state": "PRESENT", "text": "保密期三年"},
            {"code": "BREACH", "state": "PRESENT", "text": "逾期每日万分之五"},
            {"code": "DISPUTE", "state": "PRESENT", "text": "提交演示仲裁委员会"},
            {"code": "TERMS", "state": "NOT_APPLICABLE", "text": ""},
            {"code": "CHANGE", "state": "PRESENT", "text": "书面变更方为有效"},
            {"code": "RISK", "state": "PRESENT", "text": "风险双方各半承担"},
            {"code": "SUBCONTRACT", "state": "PRESENT", "text": "不得转委托"},
            {"code": "PUBLIC_NOTICE", "state": "PRESENT", "text": "十日内通知"},
            {"code": "IMPROVEMENT", "state": "PRESENT", "text": "改进归改进方"},
            {"code": "PLAN", "state": "PRESENT", "text": "每季度提交进展"},
        ],
        "total_yuan": Decimal("1200000.00"),
        "technical_yuan": Decimal("1000000.00"),
        "non_technical": [
            {
                "kind": "EQUIPMENT",
                "name": "压铸模具一副",
                "amount_yuan": Decimal("150000.00"),
            },
            {"kind": "TRAVEL", "name": "差旅", "amount_yuan": Decimal("50000.00")},
        ],
        "goods": [{"name": "试制模具", "quantity": 1, "is_carrier": True}],
        "payment_method": "2",
        "instalments": [
            {
                "deliverable": "成分报告",
                "due_on": date(2027, 3, 1),
                "amount_yuan": Decimal("480000.00"),
                "condition": "报告经甲方确认后十日内",
            },
            {
                "deliverable": "试制件验收",
                "due_on": date(2027, 11, 1),
                "amount_yuan": Decimal("720000.00"),
                "condition": "验收合格后十日内",
            },
        ],
        "royalty": {
            "base": "SALES",
            "rate_shape": "FALLING",
            "rate_percent": Decimal("3.5"),
            "entry_fee_yuan": Decimal("88000.00"),
            "method": "按季度销售额结算",
            "may_inspect_books": True,
        },
        "ip_type": ["11", "2"],
        "rights": [
            {
                "kind": "11",
                "name": "一种演示合金",
                "applicant": "申请单位（演示）",
                "owner": "权利单位（演示）",
                "filed_on": date(2024, 5, 6),
                "application_no": "202400000001.X",
                "patent_no": "ZL202400000001.X",
                "valid_until": date(2044, 5, 5),
                "legal_status": "GRANTED",
            }
        ],
        "licence": {
            "mode": "2",
            "territory": "山东省境内",
            "until": date(2031, 12, 31),
            "manner": "仅限自行生产",
        },
        "plan_source": "9",
        "project_no": "2026-DEMO-7",
        "tech_field": "03",
        "socio_objective": "10",
        "served_industry": "C36",
        "is_related": True,
        "is_import": True,
        "is_foreign_text": False,
        "commission": {
            "amount_yuan": Decimal("24000.00"),
            "paid_by": "buyer",
            "text": "首期款到账后支付",
        },
        "expected_input_yuan": Decimal("3000000.00"),
        "expected_output_yuan": Decimal("12345600.00"),
        "trainees": ["一线工艺员", "质检员"],
        "mediation": "由中介方协助履约",
        "documents": [{"kind": "ANNEX"}],
        "remarks": "本合同一式四份",
        **changes,
    }
    return thawed(CONTENT, plain(values))


def empty(kind: str | None = None) -> dict[str, Any]:
    return {**thawed(CONTENT, {}), "contract_class": kind}


def store(
    session: so.Session,
    org_id: Any,
    values: dict[str, Any],
    *,
    number: str = "HT2026000001",
    reg_no: str | None = None,
    registry_id: Any = None,
    state: RegistrationState | None = None,
    **registered: Any,
) -> Contract:
    """Write a contract and its one version; with ``reg_no`` also its registration."""
    in_force = reg_no or state
    contract = Contract(
        contract_no=number,
        state=ContractState.EFFECTIVE if in_force else ContractState.DRAFT,
        concluded_at=WRITTEN if in_force else None,
        created_for=org_id,
        title=values["title"],
        contract_class=values["contract_class"],
        created_at=WRITTEN,
        updated_at=WRITTEN,
    )
    session.add(contract)
    session.flush()
    version = add_version(session, contract, 1, values)
    contract.current_version_id = version.id
    if in_force:
        session.add(
            Registration(
                contract_id=contract.id,
                state=state or RegistrationState.REGISTERED,
                registry_org_id=registry_id,
                reg_no=reg_no,
                registered_on=date(2026, 11, 23),
                version_number=1,
                total_yuan=values["total_yuan"],
                technical_yuan=values["technical_yuan"],
                created_at=WRITTEN,
                updated_at=WRITTEN,
                **registered,
            )
        )
    session.flush()
    return contract


def add_version(
    session: so.Session, contract: Contract, number: int, values: dict[str, Any]
) -> ContractVersion:
    version = ContractVersion(
        contract_id=contract.id,
        number=number,
        state="DRAFT",
        content=plain(values),
        created_at=WRITTEN,
    )
    session.add(version)
    session.flush()
    return version


def texts(tree: Any) -> list[str]:
    """Return every text of a tree of dictionaries and lists."""
    if isinstance(tree, str):
        return [tree]
    if isinstance(tree, dict):
        return [t for item in tree.values() for t in texts(item)]
    if isinstance(tree, list | tuple):
        return [t for item in tree for t in texts(item)]
    return []
