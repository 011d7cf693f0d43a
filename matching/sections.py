"""Leave out what says nothing of the technology: the firm, the benefits, the contact.

Needs and results come as forms run together into one text: 技术需求：… 企业简介：…
预期目标：… The firm's praise of itself has more common words with other firms' praise
than with any answer, so such sections are not searched. Indicators are read from them
as from the rest, and they are shown as they were written.
"""

import re
from typing import Final

_ABOUT_THE_FIRM = """
公司简介 企业简介 单位简介 机构简介 公司介绍 企业介绍 单位介绍 公司概况 企业概况
单位概况 公司情况 企业情况 公司基本情况 企业基本情况 单位基本情况 企业基本信息
公司基本信息 需求方简介 需求单位简介 需求企业简介 发榜单位简介 发榜方简介
"""
_BENEFITS = """
预期目标 预期效益 预期效果 预期经济效益 预期社会效益 预期经济社会效益 经济效益
社会效益 经济社会效益 经济和社会效益 经济与社会效益 效益分析 经济效益分析
社会效益分析 市场前景 市场分析 推广前景
"""
_DEALING = """
联系方式 联系人 联系电话 联系地址 联系邮箱 电子邮箱 合作方式 合作意向 合作要求
合作模式 拟合作方式 拟投入资金 投入资金 资金投入 项目预算 揭榜条件 对揭榜方要求
对揭榜方的要求
"""
_OF_THE_TECHNOLOGY = """
技术需求 需求内容 需求描述 需求背景 需求名称 需求概述 技术难题 技术问题 技术难点
技术关键 关键技术 核心技术 主要问题 存在问题 拟解决问题 拟解决的问题
拟解决的关键问题 解决的问题 研究内容 主要内容 主要研究内容 研究目标 技术目标
技术指标 主要技术指标 考核指标 核心指标 技术要求 性能要求 性能指标 指标要求 技术参数
技术背景 项目背景 项目概述 项目简介 成果简介 技术简介 技术特点 技术方案 技术路线
创新点 主要创新点 应用领域 应用场景 应用范围 应用前景 知识产权 成熟度 技术成熟度
"""
_NUMBERED = r"(?:[(（]?(?:[一二三四五六七八九十]{1,3}|\d{1,2})[)）、.．]{1,2}\s*)"
_NOTHING = "|".join(
    sorted((_ABOUT_THE_FIRM + _BENEFITS + _DEALING).split(), key=len, reverse=True)
)
_SOMETHING = "|".join(sorted(_OF_THE_TECHNOLOGY.split(), key=len, reverse=True))
_HEADING: Final = re.compile(
    # At the beginning of a line or behind a full stop; with a colon or a bracket, or
    # alone on its line.
    rf"(?:^|(?<=[\n。；;！!]))[ \t\u3000]*{_NUMBERED}?[【\[〔]?"
    rf"(?:(?P<nothing>{_NOTHING})|(?P<something>{_SOMETHING}))"
    r"(?:\s?[(（][^()（）\n]{1,20}[)）])?"
    r"(?:[】\]〕][ \t]*[:：]?|[ \t]*[:：]|[ \t]*(?=\n|$))"
)

_LAST_SIGNS: Final = "".join(
    sorted({word[-1] for word in (_ABOUT_THE_FIRM + _BENEFITS + _DEALING).split()})
)
_MAY_END: Final = re.compile(rf"[{_LAST_SIGNS}](?=[\s:：(（\]】〕]|$)")
"""Where a heading about nothing may end; most texts have no such place."""


def substance(text: str) -> str:
    """Return a text without the sections that say nothing of the technology.

    A section goes from its heading to the next heading of either kind. A text that has
    no other is returned as it is.

    Examples
    --------
    >>> substance("技术需求：高强铝合金。企业简介：我公司成立于1998年。")
    '技术需求：高强铝合金。'
    >>> substance("公司简介：我公司研发高强铝合金。")
    '公司简介：我公司研发高强铝合金。'
    """
    if not _MAY_END.search(text):
        return text
    headings = list(_HEADING.finditer(text))
    if not any(heading["nothing"] for heading in headings):
        return text
    ends = [heading.start() for heading in headings[1:]]
    kept = [text[: headings[0].start()]]
    for heading, end in zip(headings, [*ends, len(text)], strict=True):
        if heading["something"]:
            kept.append(text[heading.start() : end])
    left = "".join(kept)
    return left if any(map(str.isalnum, left)) else text
