"""Monopolising clauses, and what the law says where a contract is silent."""

from __future__ import annotations

import pytest

from marketplace.services.clause_lint import defaults, monopolising
from tests.contracts import content

RESTRICTING = [
    ("RESEARCH", "乙方不得在合同技术基础上进行新的研究开发。"),
    ("RESEARCH", "未经甲方书面同意，被许可方不得对许可技术进行任何改进。"),
    ("RESEARCH", "禁止受让方就该专利自行开展二次开发。"),
    ("RESEARCH", "乙方不得使用其改进后的技术。"),
    ("RESEARCH", "乙方作出的改进，应无偿提供给甲方使用。"),
    ("RESEARCH", "被许可方所作的后续改进成果，其知识产权全部归许可方所有。"),
    ("RESEARCH", "乙方应当免费将其改进技术转让给甲方。"),
    ("SOURCE", "合同期内，乙方不得从第三方获得与合同技术类似的技术。"),
    ("SOURCE", "乙方承诺不从其他来源引进同类工艺。"),
    ("SOURCE", "被许可人不得采用与许可技术相竞争的技术。"),
    ("SOURCE", "禁止受让方从其他单位受让有竞争关系的专利。"),
    ("MARKET", "乙方实施该专利的年产量不得超过五千吨。"),
    ("MARKET", "合同产品的销售价格不得低于每吨八千元。"),
    ("MARKET", "产品售价须经许可方批准。"),
    ("MARKET", "乙方只能通过甲方指定的经销商销售合同产品。"),
    ("MARKET", "乙方不得将合同产品出口。"),
    ("MARKET", "乙方不得向甲方的现有客户销售合同产品。"),
    ("TYING", "乙方必须同时购买甲方的检测软件和包装机。"),
    ("TYING", "被许可方应当接受许可方提供的其他专利，并支付使用费。"),
    ("TYING", "乙方购买甲方生产的清洗设备作为许可本专利的前提。"),
    ("TYING", "乙方应接收甲方指派的十名管理人员。"),
    ("INPUT", "生产所需原材料只能向甲方采购。"),
    ("INPUT", "乙方必须从许可方指定的供应商购买零部件。"),
    ("INPUT", "乙方不得从其他渠道采购催化剂。"),
    ("INPUT", "乙方不得使用第三方生产的模具。"),
    ("CHALLENGE", "乙方不得对该专利权的有效性提出异议。"),
    ("CHALLENGE", "被许可方承诺不请求宣告许可专利无效。"),
    ("CHALLENGE", "乙方放弃对专利有效性提出质疑的权利。"),
    ("CHALLENGE", "乙方对专利权有效性提出异议的，甲方有权解除合同。"),
    ("RESEARCH", "受托方不得就本合同标的技术从事进一步的研究开发活动。"),
    ("RESEARCH", "乙方在许可技术基础上完成的改进技术，其专利申请权归甲方所有。"),
    ("RESEARCH", "受让人对受让技术进行的改进须无偿交付让与人，且不得自行使用。"),
    ("RESEARCH", "被许可方不得改进许可技术。"),
    ("RESEARCH", "乙方对该技术的任何改进均应无偿许可甲方使用。"),
    ("SOURCE", "在许可期限内，被许可方不得使用与许可专利同类的其他技术。"),
    ("SOURCE", "乙方不得另行向第三人购买相同或类似的技术。"),
    ("SOURCE", "未经许可方同意，被许可方不得引进他人的竞争技术。"),
    ("SOURCE", "乙方只能使用甲方提供的技术，不得采用任何第三方的替代技术。"),
    ("MARKET", "被许可方每年生产的合同产品数量不得超过一万件。"),
    ("MARKET", "合同产品不得销往欧洲市场。"),
    ("MARKET", "乙方应按甲方统一规定的价格销售合同产品。"),
    ("MARKET", "未经甲方批准，乙方不得出口合同产品。"),
    ("MARKET", "乙方生产的产品应全部由甲方包销。"),
    ("MARKET", "乙方产品的销售价格由甲方统一制定。"),
    ("TYING", "乙方须一并受让甲方的三项外围专利。"),
    ("TYING", "甲方许可本专利的条件是乙方向甲方采购不少于五台注塑机。"),
    ("TYING", "乙方应向甲方购买与本技术实施无关的包装设备。"),
    ("TYING", "乙方须聘用甲方推荐的人员担任生产负责人。"),
    ("INPUT", "实施本专利所用催化剂必须从甲方购买。"),
    ("INPUT", "乙方所需的模具钢应由甲方指定的厂家供应。"),
    ("INPUT", "被许可方不得自行采购原材料，一律由许可方供应。"),
    ("CHALLENGE", "受让方不得以任何方式质疑许可专利的有效性。"),
    ("CHALLENGE", "如乙方请求宣告该专利权无效，甲方有权立即终止本合同。"),
    ("CHALLENGE", "乙方不得向国家知识产权局提出针对本专利的无效宣告请求。"),
    ("CHALLENGE", "乙方确认许可专利有效，今后不得提出任何异议。"),
    ("RESEARCH", "受让人无权对本专利技术进行后续开发。"),
    ("RESEARCH", "被许可方不得利用许可技术从事新产品的研究开发。"),
    ("RESEARCH", "乙方作出改进的，应将改进成果的知识产权无偿转让给甲方。"),
    ("RESEARCH", "双方约定：乙方的改进技术归甲方独占所有，甲方不支付任何费用。"),
    ("SOURCE", "合同有效期内，受让方不得接受任何其他企业的同类技术许可。"),
    ("SOURCE", "严禁乙方采用国外类似工艺。"),
    ("SOURCE", "乙方只得使用甲方技术，不得与其他单位合作引进类似技术。"),
    ("SOURCE", "被许可方保证不使用竞争对手的同类技术。"),
    ("MARKET", "乙方只能将合同产品销售给甲方指定的客户。"),
    ("MARKET", "许可产品仅限在国内市场销售，不得外销。"),
    ("MARKET", "合同产品单价不得低于200元。"),
    ("MARKET", "乙方每年的产销量以三千台为限。"),
    ("MARKET", "未经许可方书面批准，被许可方不得调整产品售价。"),
    ("TYING", "乙方必须接受甲方提供的安装调试服务并支付费用，否则甲方不予许可。"),
    ("TYING", "甲方转让专利的同时，乙方应当购买甲方库存的原料。"),
    ("TYING", "被许可方应捆绑购买许可方的管理软件。"),
    ("INPUT", "零部件须从甲方指定厂商处购进。"),
    ("INPUT", "乙方不得使用甲方以外供应商提供的设备。"),
    ("INPUT", "所有耗材只能由甲方供应。"),
    ("CHALLENGE", "乙方不得以任何理由对许可专利提起无效请求。"),
    ("CHALLENGE", "乙方若对甲方专利的有效性提出质疑，应支付违约金五十万元。"),
    ("CHALLENGE", "禁止被许可方挑战许可专利的有效性。"),
    ("RESEARCH", "未经让与方许可，受让方不得在受让技术的基础上开展新的研发。"),
    ("RESEARCH", "被许可方取得的改进成果应当无偿归许可方使用。"),
    ("RESEARCH", "甲方禁止乙方对上述技术进行二次开发。"),
    ("SOURCE", "受托方不得从他处获得与本技术竞争的技术。"),
    ("SOURCE", "乙方在五年内不得购买其他公司的相似技术。"),
    ("SOURCE", "限制受让方使用第三方同类专利技术。"),
    ("MARKET", "被许可方的年销售量不得高于五千套。"),
    ("MARKET", "乙方产品的转售价格由许可方决定。"),
    ("MARKET", "乙方不得在国外销售许可产品。"),
    ("MARKET", "许可产品须由许可方独家经销。"),
    ("TYING", "受让方应同时采购让与方的专用包装材料。"),
    ("TYING", "乙方必须接受甲方派遣的非必需的管理人员。"),
    ("TYING", "乙方以订购甲方设备为取得许可的条件。"),
    ("INPUT", "乙方生产所用的原料一律从甲方购进。"),
    ("INPUT", "设备必须向许可方指定的企业采购。"),
    ("INPUT", "乙方不得购买其他厂家的配件。"),
    ("CHALLENGE", "受让方不得质疑让与方专利权的效力。"),
    ("CHALLENGE", "乙方放弃请求宣告涉案专利无效的权利。"),
    ("CHALLENGE", "被许可方提出无效宣告请求的，许可方可以解除合同。"),
]
INNOCENT = [
    "甲方不得限制乙方在合同技术基础上进行新的研究开发。",
    "乙方有权在合同技术基础上进行改进，改进成果归改进方所有。",
    "双方各自作出的改进归各自所有，需要使用对方改进的，支付合理费用。",
    "一方作出改进的，双方按对等条件相互许可。",
    "未经甲方同意，乙方不得将合同技术的研究开发工作转委托第三方。",
    "乙方不得擅自停止本技术的研究开发工作。",
    "研究开发人不得泄露该技术的改进内容。",
    "许可方不得以任何方式限制被许可方从其他来源获得类似技术。",
    "乙方可以从第三方取得与合同技术类似的技术。",
    "乙方不得采用侵犯第三方同类专利的技术完成开发。",
    "乙方不得向第三方披露甲方的技术秘密。",
    "样品中杂质数量不得超过百分之二。",
    "年产量不得低于三千吨，以保证提成费的支付。",
    "合同产品的数量、品种、价格和销售渠道由乙方自主确定。",
    "设备采购价格不得高于市场价格。",
    "乙方不得违反国家出口管制的法律出口合同产品。",
    "甲方不得禁止乙方将合同产品销往境外。",
    "乙方不得销售不合格产品，不得向用户供应质量未经检验的产品。",
    "甲方应按期采购本项目所需的设备，费用由甲方承担。",
    "乙方可向甲方购买专用助剂，也可自行选择其他供应商。",
    "实施本专利必需的专用催化剂由甲方供应，乙方应向甲方采购，价格按成本计算。",
    "原材料由乙方自主采购，应符合附件二规定的质量指标。",
    "甲方应当接受乙方提供的技术培训。",
    "甲方派两名技术人员到乙方现场指导，乙方提供食宿。",
    "乙方有权对专利权的有效性提出异议。",
    "专利权被宣告无效的，甲方应返还已收取的使用费。",
    "乙方对验收结果有异议的，应在十日内书面提出。",
    "甲方不得因乙方提出无效宣告请求而解除合同。",
    "本合同不含有限制乙方对专利有效性提出异议的条款。",
    "甲方保证许可专利合法有效，不存在被请求宣告无效的情形。",
    "乙方应当按照甲方的技术要求完成样机研制，并于2027年6月30日前交付。",
    "乙方不得将同一研究开发课题另行委托或者提供给第三人。",
    "研究开发人应当按照约定制定和实施研究开发计划。",
    "乙方不得将委托开发的技术成果擅自提供给第三方使用。",
    "委托方不得干涉研究开发人选择技术路线。",
    "双方均可在合同技术基础上继续研究开发，成果归各自所有。",
    "乙方应在三个月内对现有工艺进行改进，使合格率达到95%。",
    "后续改进的技术成果由改进一方享有，另一方有优先受让权。",
    "乙方保证所采用的技术不侵犯第三方的知识产权。",
    "甲方应向乙方提供试验所需的原材料，费用由甲方负担。",
    "乙方应从合格供应商处采购零部件，并提供检验报告。",
    "设备由乙方负责采购，价格不得高于预算的10%。",
    "样机数量不得少于3台。",
    "试制批量不超过200件。",
    "乙方不得泄露甲方的生产数量和销售价格。",
    "未经对方书面同意，任何一方不得公开技术资料。",
    "乙方不得擅自变更技术方案或者使用替代材料。",
    "甲方有权监督研究开发经费的使用，但不得妨碍乙方的正常工作。",
    "许可方保证在许可期内维持专利权有效。",
    "专利被宣告无效的，合同自无效决定生效之日起终止，双方互不承担责任。",
    "第三人对专利权有效性提出异议的，由许可方负责答辩。",
    "被许可方发现侵权的，应当及时通知许可方，双方协商应对。",
    "乙方不得超出许可范围实施专利。",
    "被许可方无权转许可第三人实施该专利。",
    "乙方在独占许可期间不得少于每年生产5000件，否则转为普通许可。",
    "提成费按合同产品净销售额的3%计算，净销售额不得低于同期市场价。",
    "培训人员不少于20人，时间不超过15天。",
    "甲方应当接受乙方按期交付的技术成果。",
    "乙方必须使用符合国家标准的材料和设备。",
    "本技术适用于壁厚不超过3mm的产品。",
    "合同期内乙方不得在甲方的竞争企业兼职。",
    "乙方应派2名技术人员到甲方现场工作，甲方应当接受并提供便利。",
    "乙方不得降低设备的使用标准。",
    "软件升级由乙方免费提供两年。",
    "质保期内乙方免费提供改进后的软件版本。",
    "甲方无需另行购买任何软件。",
    "乙方可以自行决定产品的销售价格和销售渠道，甲方不得干预。",
    "甲方承诺不限制乙方购买原材料的渠道。",
    "双方不得对外发布未经确认的试验数据。",
    "乙方应使用甲方提供的图纸进行加工试制。",
    "研究开发所需原料应由甲方提供，费用由甲方承担。",
    "试验样件全部由甲方提供。",
    "乙方应按甲方要求对样机进行改进。",
    "未按期付款的，乙方有权中止研究开发。",
    "乙方不得将本合同的研究开发工作分包给他人。",
    "甲方不得要求乙方无偿转让改进技术。",
    "双方同意，改进技术的许可条件另行协商确定。",
    "乙方在合同技术基础上作出的改进，甲方可以有偿使用。",
    "甲方可以选择是否购买乙方的其他技术。",
    "受让方可以自主选择原材料供应商，让与方不加限制。",
    "乙方不得使用未经检定的测量设备。",
    "乙方应使用第三方检测机构出具报告。",
    "乙方应当从甲方仓库领取试验材料。",
    "甲方应当自验收合格之日起十日内向乙方支付余款。",
    "合同总价不得超过预算批复金额。",
    "投料量不得超过每炉500千克。",
    "噪声不得超过75分贝。",
    "甲方有权了解产品的销售数量，乙方不得拒绝。",
    "许可方不得拒绝被许可方合理的技术支持请求。",
    "被许可方有权请求宣告专利无效，许可方不得因此解除合同。",
    "双方对专利有效性发生争议的，提交法院解决。",
    "乙方应保证样品来源合法，不得侵害他人权利。",
    "乙方应配备5名以上工程师。",
    "甲方提供的图纸不得用于其他产品的生产。",
    "乙方不得向第三方提供甲方的客户名单。",
    "乙方不得以甲方名义对外销售产品。",
    "受让方可以对受让技术进行后续改进。",
    "让与方不得阻碍受让方改进技术。",
    "乙方不得在未经验证的技术上开展中试。",
    "研究开发方不得以其他项目的成果充抵。",
    "被许可方购买设备的渠道不受限制。",
    "许可产品的质量不得低于国家标准。",
    "许可费不得低于评估价格。",
    "乙方对甲方的付款数额有异议的，应及时提出。",
    "本合同不影响任何一方提出无效宣告请求的权利。",
    "甲方应接受乙方的技术指导。",
    "双方应共同采购试验设备，按比例分担费用。",
    "乙方应从本合同约定的专户中支付材料费。",
    "乙方必须在2027年3月前购买实验所需试剂。",
    "甲方不得将图纸提供给其他企业使用。",
    "乙方不得使用盗版软件。",
    "甲方保证其提供的技术不存在竞争禁止义务。",
    "年产能达到一万吨后支付第三期款。",
    "专利权的效力由国家知识产权局认定。",
    "甲方应无偿向乙方提供试验场地。",
    "乙方将改进建议书面提交甲方。",
]


@pytest.mark.parametrize(("kind", "sentence"), RESTRICTING)
def test_a_clause_of_the_six_kinds_is_found_and_quoted(kind, sentence):
    found = monopolising(sentence)
    assert [finding.kind for finding in found] == [kind]
    assert sentence[found[0].start : found[0].end] == found[0].quote != ""


@pytest.mark.parametrize("sentence", INNOCENT)
def test_a_clause_that_restricts_nobody_is_not_found(sentence):
    assert monopolising(sentence) == []


def test_there_are_more_than_forty_sentences_half_of_them_innocent():
    assert len(RESTRICTING) + len(INNOCENT) >= 40
    assert len(INNOCENT) * 2 >= len(RESTRICTING) + len(INNOCENT)


def test_places_are_those_of_the_text_as_it_was_written():
    text = "第一条　乙方按期付款。\n第二条　乙方不得對該專利權的有效性提出異議。"
    (finding,) = monopolising(text)
    assert finding.kind == "CHALLENGE"
    assert text[finding.start : finding.end] == finding.quote
    assert finding.start > text.index("第二条")


def test_every_kind_of_one_text_is_found_in_its_order():
    text = "".join(
        next(sentence for kind, sentence in RESTRICTING if kind == wanted)
        for wanted in ("CHALLENGE", "INPUT", "RESEARCH")
    )
    assert [f.kind for f in monopolising(text)] == ["CHALLENGE", "INPUT", "RESEARCH"]


def topics(kind, **changes):
    return [default.topic for default in defaults(content(kind, **changes))]


def without(kind, *codes):
    return [c for c in content(kind)["clauses"] if c["code"] not in codes]


SILENT = {"results_ownership": "", "ip_owner": None, "clauses": []}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("D1", ["filing_right", "know_how", "risk"]),
        ("D2", ["joint_filing", "know_how", "risk"]),
        ("T1", ["improvements", "inventors_first_refusal"]),
        ("C", ["new_results", "work_costs", "advice_risk"]),
        ("S1", ["new_results", "work_costs"]),
        ("S3", ["intermediary_fee", "intermediary_costs"]),
    ],
)
def test_a_silent_contract_gets_the_defaults_of_its_class(kind, expected):
    assert topics(kind, **SILENT) == expected


def test_a_contract_that_settles_the_results_gets_no_default_on_them():
    assert "filing_right" not in topics("D1")
    assert "risk" not in topics("D1")


def test_a_clause_marked_absent_counts_as_silence():
    clauses = without("D1", "RISK")
    clauses.append({"code": "RISK", "state": "ABSENT", "text": ""})
    assert topics("D1", clauses=clauses) == ["risk"]


def test_a_licence_silent_on_mode_and_term_is_ordinary_and_unlimited():
    assert topics("L1", licence={}, **SILENT) == [
        "improvements",
        "licence_mode",
        "licence_term",
    ]
    assert topics("L1") == []


def test_a_broker_without_an_agreed_payer_is_paid_half_and_half():
    broker = {**content("D1")["parties"][0], "side": "broker", "name": "桥东技术转移"}
    parties = [*content("D1")["parties"], {**broker, "organisation_id": None}]
    assert topics("D1", parties=parties) == ["intermediary_costs", "intermediary_share"]


def test_a_contract_without_a_class_has_no_defaults():
    assert topics("D1", contract_class=None) == []


def test_each_default_names_its_article():
    for kind in ("D1", "D2", "T1", "L1", "C", "S1", "S3"):
        for default in defaults(content(kind, **SILENT)):
            assert "第" in default.source
            assert "条" in default.source
            assert default.text.zh
            assert default.text.en
