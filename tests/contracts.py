"""Contracts as parties would write them: one good one a class, all of it invented."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

from marketplace.domain.contracts import ContractState
from marketplace.domain.organisations import OrganisationState
from marketplace.services.contract_contents import CONTENT
from marketplace.services.fields import thawed
from marketplace.services.readiness import party_facts
from marketplace.services.readiness_facts import PartyFacts, Picture

BUYER_ID = UUID("01900000-0000-7000-8000-00000000b001")
SELLER_ID = UUID("01900000-0000-7000-8000-00000000a001")
TODAY = date(2026, 11, 23)
FIRM: dict[str, Any] = {
    "side": "buyer",
    "organisation_id": str(BUYER_ID),
    "name": "青屿精工有限公司（演示）",
    "uscc": "91370100MA0000001X",
    "party_nature": "150",
    "region": "370202",
    "representative": "陈示例",
    "contact_name": "周示例",
    "contact_phone": "13800001234",
    "address": "青屿市演示路1号",
    "postcode": "266000",
    "scale": "M",
    "industry": "C34",
    "seal_name": "青屿精工有限公司（演示）合同专用章",
}
UNIVERSITY: dict[str, Any] = {
    "side": "seller",
    "organisation_id": str(SELLER_ID),
    "name": "海岱理工大学（演示）",
    "uscc": "12370000MA0000002X",
    "party_nature": "022",
    "region": "370102",
    "representative": "吴示例",
    "seal_name": "海岱理工大学（演示）",
}
FOREIGN: dict[str, Any] = {
    "side": "seller",
    "name": "Nordlicht Beispieltechnik GmbH",
    "party_nature": "600",
    "country": "276",
}
CLAUSES = [
    {"code": "PLAN", "state": "PRESENT", "text": "按三个阶段在乙方实验室实施。"},
    {
        "code": "SECRECY",
        "state": "PRESENT",
        "text": "双方对取得的技术资料保密，期限为合同终止后五年。",
    },
    {
        "code": "RISK",
        "state": "PRESENT",
        "text": "因无法克服的技术困难失败的，双方各承担已发生费用的一半。",
    },
    {"code": "TERMS", "state": "NOT_APPLICABLE", "text": ""},
    {
        "code": "IMPROVEMENT",
        "state": "PRESENT",
        "text": "一方作出的后续改进归改进方所有，另一方可有偿使用。",
    },
]
COMMON: dict[str, Any] = {
    "parties": [FIRM, UNIVERSITY],
    "signed_on": "2026-10-12",
    "valid_from": "2026-10-15",
    "valid_to": "2028-10-14",
    "place": "青屿市",
    "clauses": CLAUSES,
    "total_yuan": "800000.00",
    "technical_yuan": "800000.00",
    "payment_method": "2",
    "instalments": [
        {
            "deliverable": "总体技术方案",
            "due_on": "2026-12-01",
            "amount_yuan": "300000.00",
        },
        {
            "deliverable": "全部交付物并通过验收",
            "condition": "验收后三十日内",
            "amount_yuan": "500000.00",
        },
    ],
    "ip_type": ["9"],
    "plan_source": "9",
    "tech_field": "03",
    "socio_objective": "10",
    "served_industry": "C34",
    "results_ownership": "研究开发成果由双方共有，收益按六比四分配。",
    "documents": [],
}
DEVELOPMENT: dict[str, Any] = {
    "title": "薄壁压铸铝合金热裂控制技术开发",
    "contract_class": "D1",
    "subject": "针对壁厚2.5mm铝合金压铸件充型末端热裂，研究合金成分、模温场与局部增"
    "压的协同控制方法，开发热裂倾向预测模型和工艺窗口。",
    "goal": "铸件热裂率由8%降至1%以下，抗拉强度不低于280MPa，形成可移植的工艺规范。",
    "method": "先做热裂敏感性试验，再建立凝固应力模型，最后在乙方压铸线上验证三轮。",
    "deliverables": "热裂预测模型1套、工艺规范1份、试制件30件及检测记录。",
    "acceptance": "按附表抽检30件，热裂不超过1件；强度按GB/T 228.1检测。",
}
PATENT: dict[str, Any] = {
    "kind": "11",
    "name": "一种压铸件局部增压方法",
    "applicant": "海岱理工大学（演示）",
    "owner": "海岱理工大学（演示）",
    "filed_on": "2021-05-10",
    "application_no": "202110000001.2",
    "patent_no": "ZL202110000001.2",
    "valid_until": "2041-05-09",
    "legal_status": "GRANTED",
}
RIGHTS: dict[str, Any] = {
    "title": "压铸件局部增压方法专利",
    "contract_class": "T1",
    "subject": "让与方将其拥有的压铸件局部增压方法发明专利权转让给受让方，该方法在凝"
    "固末期对厚大部位二次加压，消除缩孔。",
    "goal": "受让方取得专利权并掌握增压曲线的整定。",
    "method": "签订后十日内移交技术资料，三十日内办理著录项目变更。",
    "deliverables": "专利证书、说明书全文、增压曲线数据表及工艺卡各1份。",
    "acceptance": "受让方按工艺卡连续压铸50模，缩孔率不高于2%即为掌握。",
    "results_ownership": "专利权自登记之日起归受让方所有。",
    "ip_type": ["11"],
    "rights": [PATENT],
    "expected_input_yuan": "500000.00",
    "expected_output_yuan": "9000000.00",
}
LICENCE: dict[str, Any] = {
    **RIGHTS,
    "contract_class": "L1",
    "subject": "许可方许可被许可方实施压铸件局部增压方法发明专利，用于铝合金壳体压铸"
    "，该方法在凝固末期对厚大部位二次加压，消除缩孔。",
    "results_ownership": "专利权仍归许可方所有，被许可方取得实施权。",
    "licence": {
        "mode": "3",
        "territory": "中国境内",
        "until": "2031-10-14",
        "manner": "制造、使用、销售",
    },
}
KNOW_HOW: dict[str, Any] = {
    **RIGHTS,
    "title": "铝液除氢精炼技术秘密",
    "contract_class": "T3",
    "subject": "让与方将铝液旋转除氢的转子结构与吹气制度技术秘密转让给受让方。该技术"
    "不为公众所知悉，可降低废品损失、具有商业价值，已用于生产、具有实用性，让与方已"
    "采取保密措施。",
    "ip_type": ["2"],
    "rights": [{"kind": "2", "name": "铝液旋转除氢技术秘密"}],
    "results_ownership": "技术秘密的所有权归受让方，让与方保留用于教学的使用权。",
}
CONSULTING: dict[str, Any] = {
    "title": "压铸车间余热利用技术可行性咨询",
    "contract_class": "C",
    "subject": "就压铸车间保温炉烟气余热回收，测算烟气流量与温度分布，比较换热器与热"
    "管两种技术路线的节能量和投资。",
    "goal": "提出可实施的余热回收路线及其能效测算。",
    "method": "现场检测两周，建立热平衡计算模型，比较两种路线。",
    "deliverables": "可行性咨询报告5份，含热平衡计算书。",
    "acceptance": "报告通过三名同行专家评审，数据误差不超过5%。",
    "results_ownership": "咨询报告的成果归委托方所有。",
    "ip_owner": "CLIENT",
}
SERVICE: dict[str, Any] = {
    "title": "压铸模具热疲劳寿命提升技术服务",
    "contract_class": "S1",
    "subject": "受托方运用热应力分析和表面渗氮知识，解决委托方H13模具早期热疲劳开裂"
    "问题，确定渗氮制度与冷却水道布置。",
    "goal": "模具寿命由3万模次提高到6万模次。",
    "method": "取样分析裂纹成因，计算热应力，试验四组渗氮制度并上线跟踪。",
    "deliverables": "失效分析记录1份、渗氮工艺卡1份、水道改进图纸1套。",
    "acceptance": "两副模具连续压铸6万模次无贯穿裂纹。",
    "results_ownership": "新的技术成果归完成方所有。",
}
TRAINING: dict[str, Any] = {
    **SERVICE,
    "title": "压铸凝固仿真技术培训",
    "contract_class": "S2",
    "subject": "受托方向委托方指定的工艺人员传授压铸凝固仿真的网格划分、边界条件设定"
    "和热裂判据，结合两个壳体零件实作。",
    "goal": "受训人员独立完成一个壳体零件的凝固仿真。",
    "deliverables": "讲义1套、实作算例2个。",
    "acceptance": "受训人员各完成1个算例并通过考核。",
    "trainees": ["周示例", "郑示例", "王示例"],
}
MEDIATION: dict[str, Any] = {
    **SERVICE,
    "title": "局部增压技术交易中介",
    "contract_class": "S3",
    "subject": "中介方就压铸件局部增压专利技术，为委托方寻找并联系有专利权的高校，组"
    "织技术对接，促成双方订立专利实施许可合同。",
    "goal": "促成许可合同订立。",
    "deliverables": "对接记录3次、专利稳定性检索资料1份。",
    "acceptance": "委托方与第三方签订许可合同。",
    "mediation": "促成委托方与第三方海岱理工大学（演示）就局部增压专利订立许可合同。",
}
COOPERATION: dict[str, Any] = {
    **DEVELOPMENT,
    "contract_class": "D2",
    "method": "甲方负责压铸试验与在线测温，乙方负责凝固应力建模，双方共同优化工艺窗"
    "口。",
}
BASE: dict[str, dict[str, Any]] = {
    "D1": DEVELOPMENT,
    "D2": COOPERATION,
    "T1": RIGHTS,
    "T3": KNOW_HOW,
    "L1": LICENCE,
    "C": CONSULTING,
    "S1": SERVICE,
    "S2": TRAINING,
    "S3": MEDIATION,
}
GOOD_ELSEWHERE: tuple[tuple[str, dict[str, Any]], ...] = (
    (
        "D1",
        {
            "title": "海水养殖溶解氧在线预测系统研制",
            "subject": "开发基于多参数传感器的养殖池溶解氧短时预测软件与边缘采集终端，"
            "解决夜间缺氧预警滞后问题，终端不含池塘土建施工。",
            "goal": "提前2小时预测溶解氧，平均误差不超过0.3mg/L，误报率低于5%。",
            "method": "乙方利用甲方现有三个养殖池布设传感器，采集六个月数据，训练并比较"
            "三种模型。甲方提供场地和电力。",
            "deliverables": "预测软件源代码1套、采集终端样机2台、测试报告1份",
            "acceptance": "在甲方基地连续运行30天，逐时比对，满足目标指标。",
            "remarks": "乙方不得将研究开发工作转委托第三方。",
        },
    ),
    (
        "D1",
        {
            "title": "氢燃料电池双极板涂层工艺开发",
            "subject": "研究不锈钢双极板表面碳基涂层的磁控溅射工艺，解决接触电阻高、耐"
            "蚀性差的问题。",
            "goal": "接触电阻不高于5mΩ·cm2，腐蚀电流密度低于1μA/cm2。",
            "method": "在乙方前期已掌握的单层涂层技术基础上，研究尚未解决的多层结构。",
            "deliverables": "涂层工艺规程一份，涂层样片50片，专利申请2项",
            "acceptance": "第三方检测机构按GB/T 20042.6检测合格并达到上述指标",
            "goods": [{"name": "双极板样片", "quantity": 50, "is_carrier": True}],
        },
    ),
    (
        "D2",
        {
            "title": "耐盐碱小麦分子标记辅助育种合作研究",
            "subject": "双方合作研究耐盐碱小麦的关键位点，构建分子标记体系，选育适合滨"
            "海盐碱地的新品系。",
            "goal": "获得耐盐主效位点不少于3个，育成新品系2个，千分之三盐度下亩产不低于"
            "300公斤。",
            "method": "甲方负责田间鉴定和制种，乙方负责基因型分析与标记开发，每年召开两"
            "次技术会。",
            "deliverables": "分子标记3套，新品系种子各5公斤，田间试验数据",
            "acceptance": "由双方组织专家现场测产",
        },
    ),
    (
        "T3",
        {
            "title": "低温豆粕脱脂技术秘密转让",
            "subject": "转让亚临界萃取低温脱脂的溶剂配比、压力曲线和脱溶参数。该技术未"
            "公开，能给受让方带来经济效益，已用于生产，转让方制定了保密制度。",
            "method": "转让方在签约后一个月内移交资料，派两名技术人员现场指导试车。",
            "deliverables": "工艺文件1套、参数表1份、操作规程1份",
            "acceptance": "连续72小时试车，残油率不超过1%",
            "results_ownership": "技术秘密归受让方，转让方不再使用。",
        },
    ),
    (
        "L1",
        {
            "title": "一种污泥低温干化方法专利实施许可",
            "subject": "许可方许可被许可方以普通许可方式在华东地区实施污泥低温干化方法"
            "发明专利。",
            "method": "许可方提供工艺包，指导被许可方建成日处理20吨示范线。",
            "deliverables": "工艺包1套，运行手册1份",
            "acceptance": "示范线出泥含水率低于30%，连续7天",
            "results_ownership": "专利权归许可方，改进成果归改进方。",
            "goal": "被许可方掌握低温干化运行方法",
        },
    ),
    (
        "C",
        {
            "title": "化工园区VOCs治理方案技术咨询",
            "subject": "对园区12家企业的挥发性有机物排放开展走航监测和源解析，论证集中"
            "治理与分散治理的技术方案。",
            "goal": "给出推荐方案及其减排效果和投资估算",
            "method": "走航监测5天，采样分析60个，运用受体模型源解析。",
            "deliverables": "咨询报告（含数据附表）8份",
            "acceptance": "通过委托方组织的专家评审",
            "results_ownership": "报告归委托方",
        },
    ),
    (
        "S1",
        {
            "title": "轧机振动诊断与抑制技术服务",
            "subject": "针对五机架冷连轧机第四机架自激振动，开展在线测试和动力学分析，"
            "提出辊系与工艺参数调整措施并跟踪实施。",
            "goal": "轧制速度由900m/min提高到1100m/min以上无振纹",
            "method": "安装加速度传感器测试，计算稳定裕度，调整参数，试轧三批。不包括设"
            "备安装施工。",
            "deliverables": "测试报告、参数调整方案各一份",
            "acceptance": "连续三批试轧带钢表面无振纹",
            "results_ownership": "双方共享",
        },
    ),
    (
        "S1",
        {
            "title": "ERP系统与产线数据对接技术服务",
            "subject": "为委托方打通制造执行系统与十二台数控机床的数据采集，编写协议转"
            "换程序，解决产量与刀具寿命数据缺失。",
            "goal": "数据采集完整率不低于99%",
            "method": "调研接口，编写驱动，现场联调一个月",
            "deliverables": "协议转换程序一套，接口文档一份",
            "acceptance": "连续15天采集完整率不低于99%",
            "results_ownership": "程序著作权归受托方，委托方有永久使用权。",
        },
    ),
    (
        "S2",
        {
            "title": "锂电池安全测试方法培训",
            "subject": "讲授锂离子电池热失控机理、针刺与过充测试方法、数据判读，学员分"
            "组实操。",
            "goal": "学员独立完成一次过充测试",
            "method": "理论3天，实操2天",
            "deliverables": "讲义一册，考核记录",
            "acceptance": "考核通过率不低于90%",
        },
    ),
    (
        "D1",
        {
            "title": "重载AGV视觉导航算法研究",
            "subject": "针对强光与粉尘环境，研究多模态融合的托盘识别与定位算法，解决现"
            "有方案丢失定位的问题。",
            "goal": "定位误差不超过10mm，丢失率低于0.1%",
            "method": "在甲方提供的两台车上采集数据，训练网络，经三轮现场试验优化。甲方"
            "承担试验用车的安装与调试费用。",
            "deliverables": "算法源码1套、测试报告2份",
            "acceptance": "现场连续运行200小时满足指标",
        },
    ),
    (
        "D1",
        {
            "title": "高性能减水剂合成工艺开发",
            "subject": "以甲方产品为对照，开发低温合成聚羧酸减水剂的结构和投料制度。",
            "goal": "减水率不低于30%，合成温度不超过40℃",
            "method": "在小试基础上放大至500L反应釜，乙方已有的表征方法用于结构确认。",
            "deliverables": "工艺规程1份、样品20kg",
            "acceptance": "第三方检测合格，指标满足目标",
        },
    ),
    (
        "L1",
        {
            "contract_class": "L2",
            "title": "铝液除氢技术秘密使用许可",
            "rights": [{"kind": "2", "name": "除氢技术秘密"}],
            "licence": {"territory": "山东省", "until": "2029-12-31"},
            "subject": "许可方许可被许可方使用铝液旋转除氢的转子结构与吹气制度。该技术"
            "不为公众所知悉，具有商业价值和实用性，双方签有保密协议。",
        },
    ),
    (
        "S1",
        {
            "title": "污水处理厂提标改造工艺优化技术服务",
            "subject": "针对二沉池出水总氮超标，试验碳源投加量与回流比，确定运行参数。",
            "goal": "出水总氮稳定低于10mg/L",
            "method": "小试、中试和现场调试各一个月",
            "deliverables": "运行参数表、操作规程各1份",
            "acceptance": "连续30天达标",
        },
    ),
    (
        "S1",
        {
            "title": "大型储罐焊缝缺陷评定技术服务",
            "subject": "运用断裂力学方法评定储罐焊缝缺陷的安全裕度，解决是否需要返修的"
            "技术问题。",
            "goal": "给出12处缺陷的评定结论",
            "method": "检测复核、有限元计算、评定",
            "deliverables": "评定报告2份",
            "acceptance": "评定报告经专家确认",
        },
    ),
    (
        "C",
        {
            "title": "海上风电场选址技术论证",
            "subject": "对三个备选海域的风能资源、海床地质和航道影响进行数据分析与模拟"
            "，比较技术可行性。",
            "goal": "推荐一个场址",
            "method": "收集两年测风数据，数值模拟",
            "deliverables": "论证报告6份",
            "acceptance": "通过评审",
            "results_ownership": "归委托方",
        },
    ),
    (
        "S2",
        {
            "title": "机器人离线编程技术培训",
            "subject": "讲授焊接机器人离线编程软件的轨迹规划、碰撞检查和工艺参数库建立"
            "方法，结合企业典型零件练习。",
            "goal": "学员独立编制3个零件的程序",
            "deliverables": "教材1册、练习程序5个",
            "acceptance": "考核合格率90%以上",
        },
    ),
    (
        "T1",
        {
            "contract_class": "T4",
            "title": "热裂预测软件著作权转让",
            "rights": [
                {
                    "kind": "3",
                    "name": "热裂预测软件V1.0",
                    "owner": "海岱理工大学（演示）",
                }
            ],
            "ip_type": ["3"],
            "subject": "让与方将热裂预测软件V1.0的著作权转让给受让方，软件由网格导入、"
            "应力计算和判据输出三个模块组成。",
            "method": "十日内交付源代码并办理登记变更",
            "deliverables": "源代码、设计文档、用户手册各1套",
            "acceptance": "受让方独立编译运行通过3个算例",
            "results_ownership": "著作权归受让方",
        },
    ),
)
"""Good contracts on other subjects: the base of a class, and what they change."""
ROYALTY: dict[str, Any] = {
    "payment_method": "4",
    "total_yuan": None,
    "technical_yuan": None,
    "instalments": [],
    "royalty": {
        "base": "SALES",
        "rate_shape": "FIXED",
        "rate_percent": "3.5",
        "entry_fee_yuan": "200000.00",
        "method": "按被许可产品不含税销售额每半年结算一次。",
        "may_inspect_books": True,
    },
}
"""A price that is a royalty with an entry fee, in place of a fixed one."""


def written(kind: str, **changes: Any) -> dict[str, Any]:
    """Return the content of a good contract of one class as it lies in the store."""
    return copy.deepcopy({**COMMON, **BASE[kind], **changes})


def content(kind: str, **changes: Any) -> dict[str, Any]:
    """Return the content of a good contract of one class, with its types."""
    return thawed(CONTENT, written(kind, **changes))


def papers(kind: str) -> frozenset[str]:
    """Return the papers that a contract of one class comes with."""
    return frozenset({"CONTRACT"} | ({"IP_PROOF"} if kind[0] in "TL" else set()))


def picture(
    kind: str,
    *,
    changes: dict[str, Any] | None = None,
    parties: dict[int, dict[str, Any]] | None = None,
    **known: Any,
) -> Picture:
    """Return what is known of a good contract of one class, changed in places.

    Parameters
    ----------
    changes : dict, optional
        Fields of the content.
    parties : dict, optional
        What the market knows of a party otherwise, by its position.
    **known
        Fields of the picture.
    """
    values = content(kind, **(changes or {}))
    facts = []
    for index, row in enumerate(values["parties"]):
        party = party_facts(index, row, None)
        if row["organisation_id"]:
            party = _registered(party, row["organisation_id"])
        facts.append(replace(party, **(parties or {}).get(index, {})))
    made = Picture(
        values=values,
        parties=tuple(facts),
        documents=papers(kind),
        all_signed=True,
        state=ContractState.EFFECTIVE,
        today=TODAY,
    )
    return replace(made, **known)


def _registered(party: PartyFacts, key: UUID) -> PartyFacts:
    return replace(
        party,
        organisation_id=key,
        registered_name=party.name,
        registered_uscc=party.uscc,
        standing=OrganisationState.VERIFIED,
    )
