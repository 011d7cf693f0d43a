"""The need doctor finds each flaw where it is, and leaves good drafts alone."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace.errors import Text, Unauthenticated
from marketplace.models.ledger import Event
from marketplace.models.needs import Need
from marketplace.services import diagnosis, needs
from marketplace.services.diagnosis import RULES
from marketplace.services.diagnosis_drafts import read
from marketplace.services.indexes import MatchIndex
from tests.people import World

Data = dict[str, Any]


def row(name: str, text: str, **more: Any) -> Data:
    return {"name": name, "text": text, **more}


def draft(**fields: Any) -> Data:
    """Return a whole draft; what is given replaces what stands here."""
    return {
        "title": "薄壁压铸铝合金车身件热裂控制技术研究",
        "problem": "一体压铸后纵梁根部热裂，壁厚2.8 mm处裂纹率约6%。"
        "调整模温和浇注温度后略有"
        "下降，换用三种商用合金仍不稳定，X光检查每天挑出三十多件。"
        "我们不清楚热裂与晶界低熔点相"
        "之间的关系，也没有凝固收缩的仿真能力。",
        "key_technology": "1.低热裂倾向合金成分设计；2.凝固末期补缩与应力的关系；"
        "3.模具局部"
        "温度控制。裂纹率不高于0.5%，本体屈服强度不低于130 MPa。",
        "expected_goal": "在6000 t压铸单元上连续压铸500件考核合格，"
        "形成合金成分和工艺规范各1"
        "份，申请发明专利2件。",
        "research_content": "研究成分对热裂倾向的影响，建立凝固收缩与应力模型，"
        "开发局部温控方法，"
        "并在现场验证。",
        "background": "有6000 t压铸单元1台、模温机和X光检测线，已积累裂纹样品200余件。",
        "bidder_conditions": "有压铸合金设计经历，能驻厂试模不少于20天。",
        "indicators": [
            row(
                "裂纹率",
                "裂纹率≤0.5%",
                operator="LE",
                value="0.5",
                unit="%",
                test_condition="连续500件，X光检查",
                current_level="6%",
                benchmark="进口件约0.4%",
                is_core=True,
            ),
            row(
                "本体屈服强度",
                "屈服强度不低于130 MPa",
                operator="GE",
                value="130",
                unit="MPa",
                test_condition="铸态，室温，本体取样",
                test_method="GB/T 228.1",
                current_level="118 MPa",
            ),
            row(
                "断后伸长率",
                "断后伸长率≥10%",
                operator="GE",
                value="10",
                unit="%",
                test_method="GB/T 228.1",
                current_level="8%",
            ),
        ],
        "keywords": ["铝合金", "一体压铸", "热裂"],
        "tech_field": ["05"],
        "activity_type": "EXPERIMENTAL",
        "industry_use": "C32",
        "chain": "SD-C04",
        "solve_mode": "COOPERATIVE",
        "cooperation_mode": ["3"],
        "budget_total_yuan": Decimal("3800000.00"),
        "budget_negotiable": False,
        "budget_to_bidder_yuan": Decimal("1500000.00"),
        "period_start": date(2027, 1, 1),
        "period_end": date(2028, 12, 31),
        "ip_owner": "SHARED",
        "ip_arrangement": "专利共有，我公司在汽车领域独家实施，对外许可须双方同意。",
        "valid_until": date(2027, 11, 30),
        "disclosure": "FULL",
        "source_channel": "SELF",
        **fields,
    }


def without(*names: str) -> Data:
    whole = draft()
    for name in names:
        del whole[name]
    return whole


def rows_with(index: int, **fields: Any) -> Data:
    rows = deepcopy(draft()["indicators"])
    rows[index] |= fields
    return draft(indicators=rows)


def examine(world: World, data: Data) -> list[tuple[str, str, str, str]]:
    """Return code, pointer, severity and quote of each finding."""
    found = diagnosis.examine(read(world.session, world.actor("firm"), data))
    return [
        (rule.code, f.pointer, f.severity or rule.severity, f.quote)
        for rule, f in found
    ]


LONG = "研究成分与热裂倾向的关系，并在现场验证；" * 60
FLAWS: dict[str, tuple[Data, str, str, str]] = {
    # what is wrong: (draft, code, pointer, quote that must be part of it)
    "no title": (without("title"), "missing_title", "/title", ""),
    "a general title": (
        draft(title="新型高性能产品关键技术研发"),
        "poor_title",
        "/title",
        "新型高性能产品关键技术研发",
    ),
    "a short title": (draft(title="铝合金热裂"), "poor_title", "/title", "铝合金热裂"),
    "a title that tells all": (
        draft(
            title="关于我公司一体化压铸铝合金车身纵梁根部在壁厚较薄处出现热裂以及如何通过成分"
            "设计加以控制的研究"
        ),
        "long_title",
        "/title",
        "",
    ),
    "no problem": (without("problem"), "missing_text", "/problem", ""),
    "no background": (without("background"), "missing_text", "/background", ""),
    "a problem of one line": (
        draft(problem="铸件有裂纹，希望解决。"),
        "short_text",
        "/problem",
        "铸件有裂纹",
    ),
    "the same text twice": (
        draft(expected_goal=draft()["key_technology"]),
        "repeated_text",
        "/expected_goal",
        "",
    ),
    "a company profile": (
        draft(
            problem="我公司成立于2006年，注册资本5000万元，占地面积120亩，"
            "现有员工380人。"
            "公司是国家高新技术企业、省级专精特新企业，通过ISO 9001质量管理体系认证，"
            "产品远销"
            "海内外。现寻求铝合金压铸方面的技术合作。"
        ),
        "boilerplate",
        "/problem",
        "公司成立于",
    ),
    "promised benefit for a problem": (
        draft(
            problem="项目实施后预计新增销售收入2亿元、利税3000万元，带动就业300人，"
            "经济效益和"
            "社会效益显著。项目符合十五五规划和新旧动能转换方向，市场前景广阔，"
            "战略意义重大。"
        ),
        "boilerplate",
        "/problem",
        "新增销售",
    ),
    "no indicators": (draft(indicators=[]), "no_indicators", "/indicators", ""),
    "one indicator": (
        draft(indicators=draft()["indicators"][:1]),
        "few_indicators",
        "/indicators",
        "",
    ),
    "a core indicator without figure": (
        draft(indicators=[row("热裂倾向", "热裂倾向小", is_core=True)]),
        "missing_metric",
        "/indicators/0/value",
        "热裂倾向小",
    ),
    "praise in an indicator": (
        draft(indicators=[*draft()["indicators"], row("外观", "外观良好、质量可靠")]),
        "vague_word",
        "/indicators/3/text",
        "良好",
    ),
    "a figure without unit": (
        rows_with(1, text="屈服强度不低于130", unit=""),
        "missing_unit",
        "/indicators/1/unit",
        "",
    ),
    "strength without condition": (
        rows_with(1, test_condition="", test_method=""),
        "missing_test_condition",
        "/indicators/1/test_condition",
        "",
    ),
    "life without condition": (
        draft(
            indicators=[
                *draft()["indicators"],
                row(
                    "模具寿命", "模具寿命≥8万次", operator="GE", value="8", unit="万次"
                ),
            ]
        ),
        "missing_test_condition",
        "/indicators/3/test_condition",
        "",
    ),
    "no present level at all": (
        draft(
            indicators=[
                {k: v for k, v in each.items() if k != "current_level"}
                for each in draft()["indicators"]
            ]
        ),
        "missing_baseline",
        "/indicators/0/current_level",
        "",
    ),
    "a core indicator without present level": (
        rows_with(0, current_level=""),
        "missing_baseline",
        "/indicators/0/current_level",
        "",
    ),
    "no benchmark": (
        rows_with(0, benchmark=""),
        "missing_benchmark",
        "/indicators/0/benchmark",
        "",
    ),
    "no core indicator": (
        rows_with(0, is_core=False),
        "no_core_indicator",
        "/indicators/0/is_core",
        "",
    ),
    "everything is core": (
        draft(
            indicators=[
                *({**each, "is_core": True} for each in draft()["indicators"]),
                *(
                    row(f"{n}号位变形量", f"变形量≤0.{n} mm", is_core=True)
                    for n in range(1, 4)
                ),
            ]
        ),
        "many_core_indicators",
        "/indicators/5/is_core",
        "",
    ),
    "words and fields differ": (
        rows_with(1, value="310"),
        "words_differ",
        "/indicators/1/value",
        "130 MPa",
    ),
    "the comparison is turned round": (
        rows_with(1, operator="LE"),
        "words_differ",
        "/indicators/1/value",
        "130 MPa",
    ),
    "two rows contradict each other": (
        draft(
            indicators=[
                *draft()["indicators"],
                row("断后伸长率", "断后伸长率不大于7%", test_method="GB/T 228.1"),
            ]
        ),
        "contradictory_indicators",
        "/indicators/3/value",
        "不大于7%",
    ),
    "a figure in the text alone": (
        draft(
            expected_goal="在6000 t压铸单元上连续考核，孔隙率不高于0.3%，形成工艺规范。"
        ),
        "figure_without_row",
        "/expected_goal",
        "孔隙率不高于0.3%",
    ),
    "an increase without figure": (
        draft(expected_goal="显著提高铸件合格率。在压铸单元上完成考核，形成工艺规范。"),
        "vague_word",
        "/expected_goal",
        "显著提高",
    ),
    "a decrease without figure": (
        draft(expected_goal="大幅降低废品损失，在压铸单元上完成考核，形成工艺规范。"),
        "vague_word",
        "/expected_goal",
        "大幅降低",
    ),
    "a claim of level": (
        draft(
            expected_goal="项目总体达到国际领先水平，在压铸单元上完成考核并形成规范。"
        ),
        "vague_word",
        "/expected_goal",
        "国际领先",
    ),
    "praise in a sentence whose figure is about something else": (
        draft(
            expected_goal="裂纹率不高于0.5%，模具维护成本尽可能低。形成工艺规范1份。"
        ),
        "vague_word",
        "/expected_goal",
        "尽可能",
    ),
    "an unnamed standard": (
        draft(
            expected_goal="铸件符合国家标准，满足客户要求，在压铸单元上完成考核并应用。"
        ),
        "vague_word",
        "/expected_goal",
        "符合国家标准",
    ),
    "traditional and full-width praise": (
        draft(
            expected_goal="項目總體達到國際領先水準，　顯著提高鑄件品質，"
            "並在單元上完成考核。"
        ),
        "vague_word",
        "/expected_goal",
        "國際領先",
    ),
    "a purchase by its title": (
        draft(
            title="采购6000吨冷室压铸机2台",
            problem="现有压铸机吨位不够，需采购6000吨冷室压铸机2台，"
            "要求2027年6月前到货，"
            "质保期2年，请供应商提供报价单、规格型号和付款方式，含安装和操作培训，"
            "现货优先。",
            key_technology="规格型号：锁模力60000 kN，压射速度8 m/s；品牌不限，"
            "供货范围含周边"
            "设备和备品备件。",
            expected_goal="设备按期到货并安装完毕，投入使用。",
            research_content="",
        ),
        "purchase_in_disguise",
        "/title",
        "采购6000吨冷室压铸机2台",
    ),
    "a purchase by its text": (
        draft(
            title="车身铸件用三坐标检测仪一批",
            problem="因生产线扩建，拟购置三坐标测量机4台和配套夹具6套，"
            "用于车身铸件检测，请按含税"
            "报价，写明交货期和质保期。希望供方负责运输、就位和售后服务。",
            key_technology="测量范围1200 mm以上，型号规格见附表，"
            "供货范围含软件和标准球。",
            expected_goal="四台测量机到货并投入使用，操作人员会用。",
            research_content="",
        ),
        "purchase_in_disguise",
        "/problem",
        "",
    ),
    "a line to be brought in": (
        draft(problem="现有包装全靠人工，擬引進全自動包裝線一條，价格不超过200万元。"),
        "purchase_in_disguise",
        "/problem",
        "引進全自動包裝線一條",
    ),
    "one named firm": (
        draft(bidder_conditions="必须由海岳示例合金公司承担，其他单位不予考虑。"),
        "named_partner",
        "/bidder_conditions",
        "海岳示例合金公司",
    ),
    "one named person": (
        draft(bidder_conditions="只能由张示例教授团队承担。"),
        "named_partner",
        "/bidder_conditions",
        "张示例教授",
    ),
    "bidders of the city only": (
        draft(bidder_conditions="仅限本市高校和企业申报。"),
        "local_condition",
        "/bidder_conditions",
        "仅限本市",
    ),
    "a solution that is fixed": (
        draft(
            key_technology="技术方案已确定，只需加工。裂纹率不高于0.5%，"
            "按我公司图纸制造。"
        ),
        "fixed_solution",
        "/key_technology",
        "技术方案已确定",
    ),
    "a problem that is solved": (
        draft(problem=draft()["problem"] + "目前该问题已解决，希望推广。"),
        "already_solved",
        "/problem",
        "问题已解决",
    ),
    "a mobile number": (
        draft(background="有压铸单元1台和检测线，联系电话138 0000 1234，欢迎来电。"),
        "personal_data",
        "/background",
        "138 0000 1234",
    ),
    "a landline in full width": (
        draft(background="有压铸单元1台和检测线，电话０５３２－８８００１２３４。"),
        "personal_data",
        "/background",
        "０５３２－８８００１２３４",
    ),
    "a mail address in an indicator": (
        rows_with(2, benchmark="详询 tech@example.com"),
        "personal_data",
        "/indicators/2/benchmark",
        "tech@example.com",
    ),
    "an identity number": (
        draft(
            background="有压铸单元1台，负责人身份证号11010519491231002X，可现场考察。"
        ),
        "personal_data",
        "/background",
        "11010519491231002X",
    ),
    "secret matter": (
        draft(problem=draft()["problem"] + "该件用于某机密项目，图纸属国家秘密。"),
        "secret_words",
        "/problem",
        "机密",
    ),
    "no budget": (without("budget_total_yuan"), "no_budget", "/budget_total_yuan", ""),
    "only negotiable": (
        draft(
            budget_total_yuan=None, budget_to_bidder_yuan=None, budget_negotiable=True
        ),
        "open_budget",
        "/budget_negotiable",
        "",
    ),
    "no share for the bidder": (
        without("budget_to_bidder_yuan"),
        "missing_bidder_share",
        "/budget_to_bidder_yuan",
        "",
    ),
    "ten thousands in a field of yuan": (
        draft(budget_total_yuan=Decimal(380), budget_to_bidder_yuan=Decimal(150)),
        "implausible_budget",
        "/budget_total_yuan",
        "",
    ),
    "a share above the total": (
        draft(budget_to_bidder_yuan=Decimal(9_000_000)),
        "refused_value",
        "/budget_to_bidder_yuan",
        "",
    ),
    "no period": (
        without("period_start", "period_end"),
        "no_period",
        "/period_end",
        "",
    ),
    "a period of weeks": (
        draft(period_end=date(2027, 2, 1), valid_until=date(2027, 1, 31)),
        "implausible_period",
        "/period_end",
        "",
    ),
    "a period of five years": (
        draft(period_end=date(2031, 12, 31)),
        "implausible_period",
        "/period_end",
        "",
    ),
    "a period that is over": (
        draft(period_start=date(2024, 1, 1), period_end=date(2026, 1, 1)),
        "period_over",
        "/period_end",
        "",
    ),
    "a period turned round": (
        draft(period_start=date(2028, 1, 1), period_end=date(2027, 1, 1)),
        "refused_value",
        "/period_end",
        "",
    ),
    "a validity that has passed": (
        draft(valid_until=date(2026, 11, 1)),
        "implausible_validity",
        "/valid_until",
        "",
    ),
    "a validity of ten years": (
        draft(valid_until=date(2036, 11, 1)),
        "implausible_validity",
        "/valid_until",
        "",
    ),
    "no wish on rights": (without("ip_owner"), "no_rights_wish", "/ip_owner", ""),
    "shared rights without words": (
        without("ip_arrangement"),
        "unexplained_rights",
        "/ip_arrangement",
        "",
    ),
    "no keywords": (draft(keywords=[]), "no_keywords", "/keywords", ""),
    "a keyword for everything": (
        draft(keywords=["铝合金", "技术"]),
        "general_keyword",
        "/keywords/1",
        "技术",
    ),
    "no chain or other direction": (without("chain"), "missing_field", "/chain", ""),
    "no field of technology": (
        without("tech_field"),
        "missing_field",
        "/tech_field",
        "",
    ),
    "a text beyond the limit": (
        draft(research_content=LONG),
        "refused_value",
        "/research_content",
        "",
    ),
    "an unknown code": (draft(chain="SD-C99"), "refused_value", "/chain", ""),
    "a figure without comparison": (
        rows_with(1, operator=None),
        "refused_value",
        "/indicators/1/operator",
        "",
    ),
}


def test_every_flaw_is_found_at_its_place(world: World) -> None:
    missed = {}
    for flaw, (data, code, pointer, quote) in FLAWS.items():
        found = examine(world, data)
        hits = [f for f in found if f[:2] == (code, pointer)]
        if not any(quote in hit[3] for hit in hits):
            missed[flaw] = found
    assert missed == {}


def test_every_rule_is_tried() -> None:
    assert {rule.code for rule in RULES} == {code for _, code, _, _ in FLAWS.values()}


def good(title: str, problem: str, technology: str, goal: str, **more: Any) -> Data:
    return draft(
        title=title,
        problem=problem,
        key_technology=technology,
        expected_goal=goal,
        research_content="",
        bidder_conditions="",
        **more,
    )


def core(name: str, text: str, now: str, condition: str, **more: Any) -> Data:
    return row(
        name,
        text,
        current_level=now,
        test_condition=condition,
        benchmark="国外同类略高",
        is_core=True,
        **more,
    )


GOOD: dict[str, Data] = {
    "casting": draft(),
    "a purchase in the past": good(
        "苹果自动分选线内部褐变无损检测技术研究",
        "出口苹果水心和内部褐变靠切果抽检，漏检造成整柜退货。"
        "公司2023年购置2台进口近红外设备，"
        "采购价每台90万元，红富士准确率只有78%，厂家不开放模型，换品种要重新付费标定。",
        "果形和温度对透射光谱的影响与校正；小样本品种迁移建模；"
        "分选速度下的信号稳定性。",
        "在一条四通道分选线上连续运行一个榨季，形成检测模块2套和标定规程1份。",
        indicators=[
            core("内部褐变识别率", "识别率不低于95%", "78%", "5个每秒，样本2000个"),
            row("误判率", "误判率≤3%", current_level="9%", test_condition="同上"),
            row("单果检测时间", "单果检测时间200 ms以内"),
        ],
        keywords=["苹果", "近红外", "无损检测"],
    ),
    "no secrets": good(
        "水泥窑烟气低温脱硝催化剂抗硫中毒技术研究",
        "窑尾烟气180 ℃左右，现用催化剂三个月活性降到六成，"
        "主要是硫酸氢铵堵孔和碱金属中毒。"
        "提高喷氨量后氨逃逸超标，加热再生要停窑。项目内容不涉密，"
        "涉及的商业秘密另签保密协议。",
        "低温活性组分与抗硫助剂；硫酸氢铵分解温度的降低；碱金属耐受。"
        "脱硝效率不低于90%。",
        "制成整体式催化剂2 m³，在窑尾旁路连续运行6个月，给出再生规程。",
        indicators=[
            core("脱硝效率", "脱硝效率≥90%", "约60%", "180 ℃，SO2 100 mg/m³"),
            row("氨逃逸", "氨逃逸不大于5 mg/m³", current_level="12 mg/m³"),
            row("运行时间", "连续运行≥4000 h", test_condition="不再生"),
        ],
        keywords=["脱硝", "催化剂", "抗硫"],
    ),
    "proper nouns": good(
        "先进陶瓷轴承套圈精密磨削表面损伤控制研究",
        "氮化硅套圈磨削后亚表面裂纹深度8 μm左右，装机后早期剥落，退货率2.4%。"
        "换过金刚石砂轮粒度"
        "和冷却液，裂纹有所变浅但单件时间翻倍，没有在线判断损伤的办法。",
        "磨削力与裂纹深度的定量关系；砂轮修整与磨损监测；高性能陶瓷的延性域磨削窗口。",
        "形成磨削工艺包1套，在3台磨床上应用，亚表面裂纹深度由8 μm降到2 μm以下。",
        indicators=[
            core("亚表面裂纹深度", "裂纹深度≤2 μm", "8 μm", "截面抛光显微镜法"),
            row("表面粗糙度", "Ra≤0.02 μm", test_method="GB/T 1031"),
            row("单件磨削时间", "单件时间≤9 min", current_level="11 min"),
        ],
        keywords=["氮化硅", "磨削", "亚表面裂纹"],
    ),
    "an ability asked for": draft(
        bidder_conditions="牵头人须为教授或研究员，须由高校或科研院所牵头，"
        "签保密协议后提供图纸。",
    ),
    "capacity in words": good(
        "大棚番茄采摘机器人柔性末端执行器研究",
        "现有样机在果梗重叠处抓取失败，单果平均14 s，果面压伤率7%。夹持力靠弹簧，"
        "成熟度不同时"
        "要么滑脱要么压伤，视觉只给出中心点，不知道果梗朝向。",
        "果梗姿态估计；变刚度夹持；拉断力与压伤的关系。单果采摘时间不超过6 s。",
        "研制末端执行器3套，在两座日光温室连续试验两个采收季，申请发明专利不少于2件。",
        indicators=[
            core("单果采摘时间", "单果采摘时间≤6 s", "14 s", "温室，果距10 cm以上"),
            core("压伤率", "压伤率不高于2%", "7%", "采后24 h目测"),
            row("成功率", "采摘成功率90%以上", test_condition="每株不少于5果"),
        ],
        keywords=["番茄采摘", "末端执行器", "柔性夹持"],
    ),
    "ranges and tolerances": good(
        "锂电隔膜涂覆厚度在线闭环控制技术研究",
        "双面涂覆后横向厚度偏差±1.2 μm，客户要求±0.5 μm。"
        "射线测厚仪每30 s才出一条曲线，人工调"
        "模头螺栓，换卷后要废掉80多米。",
        "快速测厚与纵横向解耦；模头螺栓热膨胀调节模型；换卷过渡的前馈控制。",
        "在一条1.2 m幅宽涂覆线应用，换卷废膜由80 m降到20 m以内，系统连续运行3个月。",
        indicators=[
            core("涂层厚度偏差", "厚度偏差±0.5 μm", "±1.2 μm", "幅宽1.2 m，80 m/min"),
            row("涂层厚度", "2～4 μm", unit=""),
            row("工作温度", "-10～45℃"),
        ],
        keywords=["锂电隔膜", "涂覆", "厚度控制"],
    ),
    "rates and counts": good(
        "染色废水高盐膜浓缩液资源化处理技术研究",
        "反渗透浓水含盐4.5%，COD 320 mg/L，蒸发结晶得到的杂盐发黄，只能按危废处置，"
        "每吨3200元。"
        "试过臭氧和活性炭，COD只能降四成，树脂两个月就板结。",
        "有机物与盐的分离；膜污染控制；氯化钠与硫酸钠分质结晶。结晶盐白度不低于80。",
        "建成50 t/d示范线1条，回用氯化钠于染色，连续运行不少于90天。",
        indicators=[
            core("结晶盐纯度", "氯化钠纯度≥98.5%", "92%", "干基"),
            row("COD去除率", "COD去除率不小于85%", test_method="HJ 828"),
            row("吨水电耗", "吨水电耗≤28 kWh", current_level="41 kWh"),
        ],
        keywords=["染色废水", "膜浓缩液", "分质结晶"],
    ),
    "model numbers and standards": good(
        "42CrMo4风电主轴锻件超声衰减与晶粒控制研究",
        "直径800 mm以上42CrMo4主轴锻后探伤底波衰减大，按EN 10228-3要三级，"
        "合格率只有71%。"
        "金相见晶粒粗大和混晶，二次正火能改善但每件多耗一天。",
        "终锻温度与变形分配；大截面晶粒长大模型；正火制度优化。晶粒度不粗于5级。",
        "在80 MN压机上完成20件试制，超声合格率由71%提高到95%以上，少一次正火。",
        indicators=[
            core("超声合格率", "超声合格率≥95%", "71%", "EN 10228-3 三级"),
            row("晶粒度", "晶粒度不粗于5级", test_method="GB/T 6394"),
            row("冲击功", "-40 ℃冲击功≥40 J", current_level="31 J"),
        ],
        keywords=["风电主轴", "大锻件", "晶粒控制"],
    ),
    "negotiable with a sum": draft(
        title="血液透析管路用无增塑剂热塑弹性体配方研究",
        budget_negotiable=True,
        ip_owner="CLIENT",
        ip_arrangement="",
    ),
}


def test_good_drafts_get_no_important_advice_and_little_else(world: World) -> None:
    blamed = {}
    for name, data in GOOD.items():
        found = examine(world, data)
        if len(found) > 3 or any(f[2] == "important" for f in found):
            blamed[name] = found
    assert len(GOOD) >= 10
    assert blamed == {}


def test_the_base_draft_gets_no_advice_at_all(world: World) -> None:
    assert examine(world, draft()) == []


HARMLESS: dict[str, tuple[str, str, str]] = {
    # what must not be taken for a flaw: (field, words, code)
    "no secret": (
        "problem",
        "材料不涉密，不得涉及国家秘密，签商业秘密协议。",
        "secret_words",
    ),
    "an mAP": ("problem", "检测模型mAP@0.5只有0.82。", "personal_data"),
    "a credit code": ("background", "信用代码91370100MA000001X8。", "personal_data"),
    "an order number": ("background", "订单号202611230001234567。", "personal_data"),
    "a big number": ("background", "年产13800001234件。", "personal_data"),
    "a part number": ("background", "件号GB0532-1999001。", "personal_data"),
    "a sentence with a figure": (
        "expected_goal",
        "显著提高良率，由83%提高到95%以上。",
        "vague_word",
    ),
    "high-performance computing": (
        "key_technology",
        "用高性能计算做仿真。",
        "vague_word",
    ),
    "a measuring range": ("key_technology", "研制大量程位移传感器。", "vague_word"),
    "past purchases": (
        "problem",
        "已购置3台设备，采购价高，质保期外故障多。",
        "purchase_in_disguise",
    ),
    "a line brought in": (
        "problem",
        "2021年引进德国产线2条，仍有热裂。",
        "purchase_in_disguise",
    ),
    "technology to be brought in": (
        "problem",
        "希望引进成熟的温控技术1套，拟定制化开发一套算法。",
        "purchase_in_disguise",
    ),
    "a share in words": (
        "expected_goal",
        "废品率大幅降低三成以上，良率明显提升到百分之九十五。",
        "vague_word",
    ),
    "a bound that is a condition": (
        "expected_goal",
        "当模具温度超过250℃时自动停机，5分钟内不出现开裂。",
        "figure_without_row",
    ),
    "any university": ("bidder_conditions", "必须由国内高校承担。", "named_partner"),
    "any professor": ("bidder_conditions", "须由具有教授职称者牵头。", "named_partner"),
    "presence on site": ("bidder_conditions", "能到本市驻厂。", "local_condition"),
    "figures of today": ("problem", "目前磨损量不超过0.3 mm。", "figure_without_row"),
    "a size beside a noun": (
        "key_technology",
        "2.减震塔厚薄交接处（2.8～9 mm）的组织与孔洞控制。",
        "figure_without_row",
    ),
    "countable outputs": (
        "expected_goal",
        "申请发明专利不少于5件。",
        "figure_without_row",
    ),
    "a row's own figure": (
        "expected_goal",
        "本体屈服强度大于等于０.１３GPa。",
        "figure_without_row",
    ),
}


def test_what_only_looks_like_a_flaw_is_left_alone(world: World) -> None:
    blamed = {}
    for name, (field, words, code) in HARMLESS.items():
        found = examine(world, draft(**{field: draft()[field] + words}))
        if hits := [f for f in found if f[0] == code]:
            blamed[name] = hits
    assert blamed == {}


READ_WITH_ITS_UNIT = [
    row("抗拉强度/MPa", "≥260"),
    row("抗拉强度（MPa）", "≥260"),
    row("抗拉强度", "≥260（MPa）"),
    row("合格率", "百分之九十五以上"),
    row("表面粗糙度", "Ra≤1.6"),
]
SAYING_THE_SAME = [
    row("漏率", "≤1×10-9 Pa·m3/s", operator="LE", value="1e-9", unit="Pa·m³/s"),
    row("合格率", "不低于百分之九十五", operator="GE", value="95", unit="%"),
    row("寿命", "10 000次以上", operator="GE", value="10000", unit="次"),
    row("寿命", "１，０００次以上", operator="GE", value="1000", unit="次"),
    row("厚度", "大于2mm小于4mm", operator="RANGE", value="2", value2="4", unit="mm"),
]


def test_a_unit_beside_the_name_or_in_words_is_seen(world: World) -> None:
    for given in READ_WITH_ITS_UNIT:
        data = draft(indicators=[*draft()["indicators"], given])
        codes = [f[0] for f in examine(world, data)]
        assert "missing_unit" not in codes, given
        assert "missing_metric" not in codes, given


def test_figures_in_other_spellings_do_not_differ(world: World) -> None:
    for given in SAYING_THE_SAME:
        data = draft(indicators=[*draft()["indicators"], given])
        codes = [f[0] for f in examine(world, data)]
        assert "words_differ" not in codes, given
        wrong = {**given, "value": "77", "value2": None, "operator": "GE"}
        data = draft(indicators=[*draft()["indicators"], wrong])
        codes = [f[0] for f in examine(world, data)]
        assert "words_differ" in codes, wrong


COMPATIBLE = [
    ("合格率≥95%", "不合格率≤1%"),
    ("定位精度≤0.1 mm", "重复定位精度≥0.5 mm"),
    ("粘度≥5000 mPa·s@0.1 s-1", "粘度≤200 mPa·s@100 s-1"),
    ("抗拉强度≥600 MPa", "抗拉强度≥0.62 GPa"),
    ("工作温度 -40～85℃", "工作温度 0～120℃"),
    ("厚度 2～4 mm", "厚度公差±0.1 mm"),
]
CONTRADICTING = [
    ("浴比≤1:4", "浴比≥1:6"),
    ("pH 6-9", "pH值10-12"),
    ("抗拉强度≥600 MPa", "拉伸强度不大于0.5 GPa"),
    ("工作温度 -40～0℃", "工作温度 20～120℃"),
    ("响应时间≤50 ms", "响应时间大于1 s"),
]


def test_rows_contradict_only_when_no_value_meets_both(world: World) -> None:
    def contradicts(one: str, other: str) -> bool:
        data = draft(indicators=[row("", one), row("", other)])
        codes = [f[0] for f in examine(world, data)]
        return "contradictory_indicators" in codes

    assert [pair for pair in COMPATIBLE if contradicts(*pair)] == []
    assert [pair for pair in CONTRADICTING if not contradicts(*pair)] == []


def test_every_span_points_at_its_quote(world: World) -> None:
    """Also where the words are traditional, full-width or broken by residue."""
    seen = 0
    for data, *_ in FLAWS.values():
        found = diagnosis.examine(read(world.session, world.actor("firm"), data))
        for _, finding in found:
            if finding.span is None:
                continue
            node: Any = data
            for step in finding.pointer.strip("/").split("/"):
                node = node[int(step)] if isinstance(node, list) else node[step]
            assert node[slice(*finding.span)] == finding.quote
            seen += 1
    assert seen > 25


def test_an_offered_row_can_be_taken_over(world: World) -> None:
    """A row from the text is what the form takes, and then the advice is gone."""
    data = draft(expected_goal="铸件孔隙率不高于0.3%，变形量±0.8 mm，形成工艺规范1份。")
    found = diagnosis.examine(read(world.session, world.actor("firm"), data))
    offered = [f.row for rule, f in found if rule.code == "figure_without_row"]
    assert [
        (r["name"], r["operator"], r["value"], r["unit"]) for r in offered if r
    ] == [
        ("铸件孔隙率", "LE", "0.3", "%"),
        ("变形量", "PM", "0.8", "mm"),
    ]
    taken = [*data["indicators"], *(dict(r) for r in offered if r)]
    codes = {f[0] for f in examine(world, {**data, "indicators": taken})}
    assert codes.isdisjoint({"figure_without_row", "refused_value", "words_differ"})


ODD: list[Data] = [
    {},
    {"title": "", "indicators": [], "keywords": []},
    {"title": "\x00\ud800", "problem": "\x00", "keywords": ["", "\ud800"]},
    {"indicators": [{}, {"name": "x"}, {"text": "≥"}, {"value": "abc"}, "7", None]},
    {"indicators": [{"name": "a", "operator": "RANGE", "value": "1"}]},
    {"indicators": [{"name": "a", "operator": "GE", "value": "1e999"}]},
    {"budget_total_yuan": "-1", "period_end": "soon", "disclosure": "?"},
    {"title": 7, "problem": ["x"], "indicators": {}, "keywords": "x"},
]


def test_anything_is_read_and_nothing_refused(world: World) -> None:
    for data in ODD:
        assert examine(world, data), data


def test_long_texts_do_not_run_away(world: World) -> None:
    words = "显著提高，采购3台，联系人：张示例，必须由" * 150
    found = examine(world, draft(problem=words, key_technology=words, title="a@" * 40))
    assert 0 < len(found) < 60


@pytest.fixture
def index(tmp_path: Any) -> MatchIndex:
    return MatchIndex(tmp_path / "index")


def diagnose(
    world: World, index: MatchIndex, who: str, data: Data, **more: Any
) -> dict[str, Any]:
    """Ask in a session of its own, as a request would."""
    actor = world.actor(who)
    world.session.commit()
    with so.Session(world.session.get_bind()) as session:
        return diagnosis.diagnose(session, actor, index, data, **more)


def pooled(world: World, **fields: Any) -> Need:
    """Bring a need of the firm into the library."""
    need = needs.create(world.session, world.actor("firm_admin"), draft(**fields))
    for who, action in (
        ("firm_admin", "submit"),
        ("district", "district-approve"),
        ("operator", "formal-approve"),
        ("operator", "argue-pass"),
        ("operator", "pool"),
    ):
        needs.act(world.session, world.actor(who), need.id, action)
    world.session.commit()
    return need


def test_a_near_duplicate_in_the_library_is_named(
    world: World, index: MatchIndex
) -> None:
    need = pooled(world)
    copy = draft(
        title="铝合金车身压铸件热裂的控制", expected_goal="连续压铸300件考核合格。"
    )
    found = diagnose(world, index, "other_firm", copy)["duplicates"]
    assert [(d["id"], d["need_no"], d["title"]) for d in found] == [
        (need.id, need.need_no, need.published.title if need.published else "")
    ]
    assert found[0]["similarity_band"] in {"very_similar", "similar"}
    same = diagnose(world, index, "other_firm", draft())["duplicates"]
    assert same[0]["similarity_band"] == "identical"


def test_an_unlike_need_is_no_duplicate(world: World, index: MatchIndex) -> None:
    pooled(world)
    other = GOOD["rates and counts"]
    assert diagnose(world, index, "other_firm", other)["duplicates"] == []


def test_a_need_is_no_duplicate_of_itself(world: World, index: MatchIndex) -> None:
    need = pooled(world)
    found = diagnose(world, index, "firm", draft(), need_id=need.id)
    assert found["duplicates"] == []
    assert found["summary"]["duplicates"] == 0


def test_a_targeted_need_is_not_told_to_strangers(
    world: World, index: MatchIndex
) -> None:
    need = pooled(world, disclosure="TARGETED")
    assert diagnose(world, index, "other_firm", draft())["duplicates"] == []
    own = diagnose(world, index, "firm", draft())["duplicates"]
    assert [d["id"] for d in own] == [need.id]


def test_own_drafts_are_found_by_title_and_by_nobody_else(
    world: World, index: MatchIndex
) -> None:
    need = needs.create(
        world.session,
        world.actor("firm"),
        {"title": "薄壁壓鑄鋁合金車身件熱裂控制技術研究"},
    )
    world.session.commit()
    data = {"title": draft()["title"]}
    own = diagnose(world, index, "firm", data)["duplicates"]
    assert [(d["id"], d["similarity_band"]) for d in own] == [(need.id, "same_title")]
    for who in ("other_firm", "operator", "district"):
        assert diagnose(world, index, who, data)["duplicates"] == []


def test_nothing_is_stored(world: World, index: MatchIndex) -> None:
    actor = world.actor("firm")
    world.session.commit()
    with so.Session(world.session.get_bind()) as session:
        diagnosis.diagnose(session, actor, index, draft())
        assert not session.new
        assert not session.dirty
        session.commit()
    for table in (Need, Event):
        assert world.session.scalars(sa.select(table)).all() == []


def test_the_public_is_asked_to_sign_in(world: World, index: MatchIndex) -> None:
    with pytest.raises(Unauthenticated):
        diagnose(world, index, "stranger", draft())


def test_important_advice_comes_first_and_is_counted(
    world: World, index: MatchIndex
) -> None:
    answer = diagnose(world, index, "firm", {"title": "技术需求", "keywords": ["技术"]})
    severities = [a["severity"] for a in answer["advice"]]
    assert severities == sorted(severities)
    for name in ("important", "useful"):
        assert answer["summary"][name] == severities.count(name) > 0


def test_both_languages_say_everything(world: World) -> None:
    """Each text has both languages, and no placeholder is left unfilled."""

    def check(text: Text, describe: Callable[[], str]) -> None:
        assert text.zh, describe()
        assert text.en, describe()
        assert text.zh != text.en
        assert not {"{", "}"} & set(text.zh + text.en), describe()

    for data, *_ in FLAWS.values():
        actor = world.actor("firm")
        for rule, finding in diagnosis.examine(read(world.session, actor, data)):
            for text in (rule.title, finding.message, finding.suggestion):
                check(text, lambda code=rule.code: code)  # type: ignore[misc]
