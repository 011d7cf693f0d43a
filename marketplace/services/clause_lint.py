"""Clauses that monopolise technology 非法垄断技术的条款.

Sources: Civil Code, article 850; the Supreme People's Court's interpretation on
technology contracts of 2020, article 10.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from matching.text import normalise


@dataclass(frozen=True, slots=True)
class Finding:
    """A passage that reads like one of the six clauses (list ``monopoly_clause``).

    ``start`` and ``end`` are a half-open range of the text as written.
    """

    kind: str
    start: int
    end: int
    quote: str


# A party is forbidden something. "不得限制乙方…" forbids the restriction itself, and
# "甲方不禁止…" forbids nothing, so neither counts.
_RESTRAIN = "限制|禁止|阻碍|阻止|妨碍|干涉|干预|要求|强制|强迫|拒绝|反对|无理"
_BAN = (
    rf"(?:(?:不得|不可以|不可|不能|不许|不准|不应|无权|不再|承诺不|保证不|同意不|放弃)"
    rf"(?!以?[^,;。]{{0,10}}(?:{_RESTRAIN}))"
    rf"|(?<!不)(?<!不得)(?<!未)(?<!无权)(?<!不应)(?<!不会)(?<!得以任何方式)"
    rf"(?:禁止|严禁|限制)(?![^,;。]{{0,6}}(?:条款|行为发生)))"
)
_GIVERS = "许可方|许可人|让与方|让与人|转让方|出让方|技术提供方|技术供方|专利权人"
_TAKERS = "被许可方|被许可人|受让方|受让人|技术接受方|技术受方"
# What stands for either: a letter or a client says nothing of who has the technology,
# and in our own drafts the buyer is 甲方. A sentence is read with both.
_BUYERS = "甲方|委托方|委托人|买方"
_SELLERS = "乙方|受托方|受托人|研究开发方|研究开发人|卖方"
_PARTY = "(?:甲方|乙方|丙方|[^,;。]{0,4}(?:许可方|许可人|让与方|让与人|转让方|受让方"
_PARTY += "|受让人|委托方|委托人|受托方|受托人|提供方|接受方|研究开发人|研究开发方))"
_MUST = "(?:必须|应当|应|须|务必|只能|仅能|只可)"
_STRICTLY = "(?:只能|仅能|只可|仅可|仅限于?|一律)"
_SOFTLY = "(?:必须|须|应当|应)"
_ONLY = "(?:只能|仅能|只可|仅可|必须全部|应全部|须全部|仅限于?|必须|须|应当|应)"
_ON = "[^;。!?\n]"
_IN = "[^,;。!?\n]"
_IMPROVED = (
    "(?:改进|后续研发|后续开发|后续研究|二次开发|升级|新的?研究开发|再研发|再开发"
)
_IMPROVED += "|再研究|新的?研发|新的?开发|研究开发|进一步研究|进一步开发)"
_TECHNOLOGY = "(?:标的技术|许可技术|受让技术|合同技术|该技术|本技术|上述技术|转让技术"
_TECHNOLOGY += "|该专利|上述专利|许可专利|本专利|该项技术|本项技术|本合同技术|所述技术"
_TECHNOLOGY += "|(?:甲方|乙方)技术|许可的技术|转让的技术|受让的技术)"
_ELSEWHERE = (
    "(?:其他来源|其他渠道|其他途径|其他单位|其他方|其他第三方|其他企业|其他公司"
)
_ELSEWHERE += "|其他厂家|其他厂商|其他供应商|第三方|第三人|他人|竞争对手|市场上"
_ELSEWHERE += "|境外|国外)"
_ACQUIRE = "(?:获得|获取|取得|引进|购买|采购|受让|采用|使用|接受|应用)"
_ALIKE = (
    "(?:类似|同类|相似|近似|相同或类似|有竞争|相竞争|竞争性|竞争|替代性|可替代|替代)"
)
_KNOWLEDGE = "(?:技术|工艺|专利|方案|成果)"
_BUYABLE = (
    "(?:原材料|原料|零部件|零配件|配件|辅料|助剂|催化剂|产品|设备|材料|耗材|模具)"
)


def _patterns(giver: str, taker: str) -> dict[str, tuple[str, ...]]:
    """Write the patterns down for who has the technology, and who gets it."""
    return {
        "RESEARCH": (
            (
                rf"{_BAN}{_IN}{{0,16}}(?:{_TECHNOLOGY}|{_TECHNOLOGY}?{_IN}{{0,6}}基础上)"
                rf"{_IN}{{0,16}}{_IMPROVED}"
            ),
            (
                rf"{_BAN}{_IN}{{0,4}}(?:自行|擅自|单独|独立)?(?:对|就){_IN}{{0,10}}"
                rf"{_TECHNOLOGY}{_IN}{{0,8}}{_IMPROVED}"
            ),
            (
                rf"{_BAN}{_IN}{{0,12}}(?:使用|实施|利用){_IN}{{0,10}}改进(?:后|所得|形成)?的?"
                rf"{_IN}{{0,4}}(?:技术|成果)"
            ),
            (
                rf"改进{_IN}{{0,18}},?{_ON}{{0,16}}(?:无偿|免费){_IN}{{0,10}}"
                rf"(?:归|提供|转让|许可|交付|移交|共享|让与|给){_IN}{{0,10}}"
            ),
            (
                rf"(?:无偿|免费){_IN}{{0,10}}(?:将|把)?{_IN}{{0,14}}改进{_IN}{{0,12}}"
                rf"(?:提供|转让|许可|交付|移交|让与|归){_IN}{{0,8}}"
            ),
            rf"{_BAN}(?:自行|擅自|单独)?(?:改进|改造|升级){_IN}{{0,4}}{_TECHNOLOGY}",
            rf"{taker}{_IN}{{0,14}}改进{_ON}{{0,24}}(?:归|属于?){giver}{_IN}{{0,6}}",
        ),
        "SOURCE": (
            (
                rf"{_BAN}{_IN}{{0,14}}{_ELSEWHERE}{_IN}{{0,14}}{_ACQUIRE}{_IN}{{0,14}}"
                rf"{_ALIKE}{_IN}{{0,8}}{_KNOWLEDGE}"
            ),
            (
                rf"{_BAN}{_IN}{{0,10}}{_ACQUIRE}{_IN}{{0,16}}{_ELSEWHERE}{_IN}{{0,10}}"
                rf"{_ALIKE}{_IN}{{0,6}}{_KNOWLEDGE}"
            ),
            (
                rf"{_BAN}{_IN}{{0,8}}{_ACQUIRE}{_IN}{{0,14}}(?:与|同|和){_IN}{{0,12}}{_ALIKE}"
                rf"{_IN}{{0,6}}{_KNOWLEDGE}"
            ),
        ),
        "MARKET": (
            rf"{_STRICTLY}{_IN}{{0,12}}产品{_IN}{{0,6}}(?:销售|出售)",
            (
                rf"(?:{_STRICTLY}|只得){_IN}{{0,4}}在{_IN}{{0,10}}(?:市场|地区|境内|国内)"
                rf"{_IN}{{0,4}}(?:销售|出售)"
            ),
            rf"产品{_ON}{{0,20}}{_BAN}(?:出口|外销)",
            rf"产品的?单价{_IN}{{0,6}}(?:不得|不能|不可|不应)(?:低于|高于|超过)",
            rf"(?:产量|产销量|销量|销售量){_IN}{{0,4}}以{_IN}{{0,12}}为限",
            (
                rf"{_BAN}{_IN}{{0,4}}(?:调整|变更|改变|降低|提高){_IN}{{0,8}}"
                r"(?:售价|销售价格|销售价)"
            ),
            (
                rf"(?:生产|销售){_IN}{{0,12}}产品的?数量{_IN}{{0,6}}"
                r"(?:不得|不能|不可|不应)(?:超过|高于|多于|大于|突破)"
            ),
            rf"{_BAN}{_IN}{{0,2}}销往",
            rf"(?:按|以){_IN}{{0,2}}{giver}{_IN}{{0,8}}价格{_IN}{{0,4}}(?:销售|出售)",
            (
                rf"(?:产量|产销量|销量|销售数量|生产数量|生产规模|销售量){_IN}{{0,10}}"
                r"(?:不得|不能|不可|不应)(?:超过|高于|多于|大于|突破)"
            ),
            (
                rf"(?:售价|销售价格|销售价|转售价格|产品价格|出厂价|零售价|定价){_IN}{{0,10}}"
                r"(?:不得|不能|不可|不应)(?:低于|高于|超过)(?!市场)"
            ),
            (
                rf"(?:售价|销售价格|销售价|转售价格|产品价格|出厂价|零售价|定价){_IN}{{0,8}}"
                rf"(?:由|须经|应经|必须经|须由|应由|应报|须报|按){giver}{_IN}{{0,6}}"
                r"(?:确定|决定|批准|同意|指定|统一|核定|审批|制定)"
            ),
            (
                rf"{_ONLY}{_IN}{{0,6}}(?:通过|经由|经|委托|由){giver}{_IN}{{0,12}}"
                r"(?:销售|经销|代销|包销)"
            ),
            (
                rf"{_BAN}{_IN}{{0,14}}(?:产品|商品|货物){_IN}{{0,8}}"
                r"(?:出口|外销|销往(?:境外|国外|海外|其他国家)|销售(?:到|至|往)(?:境外|国外|海外))"
            ),
            (
                rf"{_BAN}{_IN}{{0,4}}(?:出口|外销|向(?:境外|国外|海外){_IN}{{0,4}}(?:销售|出口))"
                rf"{_IN}{{0,12}}(?:产品|商品|货物)"
            ),
            rf"{_BAN}{_IN}{{0,4}}(?:向|对){_IN}{{1,16}}(?:销售|出售|供应){_IN}{{0,12}}产品",
            rf"{_BAN}{_IN}{{0,4}}生产{_IN}{{0,10}}以外的?{_IN}{{0,8}}(?:品种|规格|型号|产品)",
        ),
        "TYING": (
            (
                rf"{_MUST}{_IN}{{0,6}}(?:接受|购买|采购){_IN}{{0,20}}{_ON}{{0,12}}否则{_IN}{{0,10}}"
                r"(?:不予许可|不予转让|收回许可|不得实施)"
            ),
            (
                rf"(?:许可|转让){_IN}{{0,10}}同时,?{_IN}{{0,8}}{_MUST}{_IN}{{0,4}}"
                rf"(?:购买|采购|接受){_IN}{{0,16}}"
            ),
            (
                rf"(?:许可|转让|提供){_IN}{{0,12}}(?:条件|前提)(?:是|为){_IN}{{0,12}}"
                rf"(?:购买|采购|订购|接受){_IN}{{0,12}}"
            ),
            (
                rf"{_MUST}{_IN}{{0,10}}(?:同时|一并|另行|搭配|捆绑|配套)?{_IN}{{0,4}}"
                rf"(?:购买|采购|订购|受让|接受){_IN}{{0,20}}(?:非必需|非必要|并非{_IN}{{0,8}}"
                rf"(?:必需|必要|必不可少)|无关|其他(?:技术|专利|产品|设备|服务|软件))"
            ),
            (
                rf"{_MUST}{_IN}{{0,6}}(?:同时|一并|搭配|捆绑){_IN}{{0,8}}"
                rf"(?:购买|采购|订购|受让|接受){_IN}{{0,10}}{giver}{_IN}{{0,20}}"
            ),
            (
                rf"(?:以|将)?{taker}?{_IN}{{0,4}}(?:购买|采购|订购|接受){_IN}{{0,24}}"
                r"(?:作为|为|是)(?:取得|获得)?(?:许可|转让|交付|本合同|提供)"
                rf"{_IN}{{0,10}}(?:前提|条件)"
            ),
            (
                rf"{_MUST}{_IN}{{0,6}}(?:接收|聘用|雇用|雇佣|录用){_IN}{{0,6}}{giver}"
                rf"{_IN}{{0,10}}(?:人员|员工|职工)"
            ),
        ),
        "INPUT": (
            (
                rf"{_BAN}{_IN}{{0,6}}(?:购买|采购|使用|购进){_IN}{{0,8}}以外{_IN}{{0,12}}"
                rf"{_BUYABLE}"
            ),
            (
                rf"{_STRICTLY}{_IN}{{0,6}}(?:从|向|由|自){_IN}{{0,4}}(?:{giver}|指定|其指定)"
                rf"{_IN}{{0,16}}(?:购买|采购|购进|供应|订购|提供|进货){_IN}{{0,16}}"
            ),
            (
                rf"{_SOFTLY}{_IN}{{0,6}}(?:从|向|自){_IN}{{0,4}}(?:{giver}|指定|其指定)"
                rf"{_IN}{{0,16}}(?:购买|采购|购进|订购|进货){_IN}{{0,16}}"
            ),
            rf"{_SOFTLY}{_IN}{{0,6}}由{_IN}{{0,8}}指定{_IN}{{0,12}}(?:供应|提供){_IN}{{0,12}}",
            (
                rf"{_BAN}{_IN}{{0,6}}(?:从|向|自){_IN}{{0,12}}{_ELSEWHERE}{_IN}{{0,10}}"
                rf"(?:购买|采购|购进|订购){_IN}{{0,10}}{_BUYABLE}"
            ),
            (
                rf"{_BAN}{_IN}{{0,6}}(?:购买|采购|使用|购进){_IN}{{0,6}}{_ELSEWHERE}{_IN}{{0,8}}"
                rf"(?:生产|提供|供应)?的?{_IN}{{0,4}}{_BUYABLE}"
            ),
            (
                rf"{_BAN}(?:自行|自主|自由|擅自){_IN}{{0,4}}(?:采购|购买|选购){_IN}{{0,10}}"
                rf"{_BUYABLE}"
            ),
        ),
        "CHALLENGE": (
            rf"(?:专利|知识产权){_IN}{{0,4}}有效,{_IN}{{0,8}}{_BAN}{_IN}{{0,8}}异议",
            (
                rf"{_BAN}{_IN}{{0,24}}(?:专利|知识产权|商标|技术秘密|权利|合同技术|标的技术)"
                rf"{_IN}{{0,10}}(?:有效性|效力|有效){_IN}{{0,10}}"
                r"(?:异议|质疑|挑战|争议|疑义|否认)"
            ),
            rf"{_BAN}{_IN}{{0,10}}(?:质疑|挑战|否认){_IN}{{0,16}}(?:有效性|效力)",
            (
                rf"{_BAN}{_IN}{{0,20}}(?:请求|申请|提出|提起|启动|主张){_IN}{{0,16}}"
                rf"(?:无效宣告|无效请求|无效申请|宣告{_IN}{{0,12}}无效|专利权?{_IN}{{0,4}}无效|复审无效)"
            ),
            (
                rf"(?:对{_IN}{{0,20}}有效性{_IN}{{0,8}}提出{_IN}{{0,6}}|提出{_IN}{{0,12}}"
                rf"(?:有效性{_IN}{{0,4}}异议|无效宣告{_IN}{{0,4}})"
                rf"|请求宣告{_IN}{{0,14}}无效)(?:的|后|时|,){_ON}{{0,24}}"
                r"(?:解除|终止|违约金|赔偿|双倍|提高使用费|视为违约|收回许可)"
            ),
        ),
    }


_READINGS = (
    _patterns(f"(?:{_BUYERS}|{_GIVERS})", f"(?:{_SELLERS}|{_TAKERS})"),
    _patterns(f"(?:{_SELLERS}|{_GIVERS})", f"(?:{_BUYERS}|{_TAKERS})"),
)
_COMPILED = {
    kind: tuple(
        re.compile(pattern)
        for pattern in dict.fromkeys(p for reading in _READINGS for p in reading[kind])
    )
    for kind in _READINGS[0]
}
# What makes a sentence harmless: the freedom is kept, the terms are equal, or the
# sentence is about another duty that uses the same words.
_HARMLESS: dict[str, re.Pattern[str]] = {
    kind: re.compile(words)
    for kind, words in {
        "RESEARCH": "互相|相互|彼此|对等|互惠|有偿|合理(?:费用|报酬|对价|使用费)"
        "|改进方|完成方|各自|另行协商|转委托|转包|分包|委托给|泄露|披露|公开|透露"
        "|停止|中止|中断|拖延|延误|共同享有,?收益"
        rf"|(?P<own>{_BUYERS}|{_SELLERS})[^,;。]{{0,14}}改进[^,;。]{{0,10}}归(?P=own)",
        "SOURCE": "侵犯|侵权|侵害|泄露|披露",
        "MARKET": "法律|法规|管制|许可证|海关|国家规定|未取得|不合格|假冒|侵权|技术资料"
        "|技术秘密|技术文件|质量|自主(?:确定|决定|定价)|自行(?:确定|决定|定价)"
        rf"|(?P<own>{_BUYERS}|{_SELLERS})[^,;。]{{0,16}}价[^,;。]{{0,4}}由(?P=own)",
        "TYING": "(?<!非)(?<!并非)必需的?专用|必不可少的专用|可以选择|自愿|自行选择",
        "INPUT": "(?<!非)必需的?专用|不可替代|合格供应商名录|自行选择|自主选择|同等质量"
        "|不合格|假冒|侵权",
        "CHALLENGE": "不影响|不得?因|验收结果|账目|发票",
    }.items()
}
_FREE = re.compile(
    "(?:有权|可以|(?<!许)可|自由)(?:自行|自主|随时|依法)?$|(?:不得因|不因|无论)[^,;。]{0,20}$"
    "|(?:并不|并未|没有|不存在|不含有|不包含|不设)[^,;。]{0,6}$"
)
_SENTENCE = re.compile(r"[^;。!?\n]+")


def monopolising(text: str) -> list[Finding]:
    """Find passages that read like one of the six typical monopolising clauses.

    It is a lint: a pattern cannot tell what is reasonable, so a finding asks for a
    look by somebody who can. A sentence that forbids the restriction, keeps a freedom
    or agrees on equal terms is not found.

    Parameters
    ----------
    text : str
        Contract prose of any length.

    Returns
    -------
    list of Finding
        At most one a kind and sentence, in the order of the text, then of the kinds
        of the interpretation's article 10.
    """
    normalised = normalise(text)
    folded = normalised.folded.replace("，", ",").replace("；", ";").replace("、", "·")
    found = []
    for sentence in _SENTENCE.finditer(folded):
        tied = False
        for kind in _COMPILED:
            span = _first(kind, sentence.group())
            if span is None or (kind == "INPUT" and tied):
                continue
            tied = kind == "TYING"
            start, end = (sentence.start() + at for at in span)
            start, end = normalised.span(start, end)
            found.append(Finding(kind, start, end, text[start:end]))
    return found


def _first(kind: str, sentence: str) -> tuple[int, int] | None:
    """Return the earliest passage of one kind, of two the longer."""
    if _HARMLESS[kind].search(sentence):
        return None
    spans = [
        match.span()
        for pattern in _COMPILED[kind]
        for match in pattern.finditer(sentence)
        if not _FREE.search(sentence[: match.start()])
    ]
    return min(spans, key=lambda s: (s[0], -s[1]), default=None)
