"""Read technical indicators (技术指标), and judge a promise against a demand.

Firms state what they need in running words: "抗拉强度不低于600兆帕", "-40～85℃",
"良品率99.5%以上". Such words become a name, a comparison, one or two figures, a unit
and a condition, and the words stay beside them. Whatever cannot be read with confidence
stays words: a model number or a year that turns into a figure does more harm than an
indicator that is compared by eye.
"""

import math
import re
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache

from rapidfuzz import fuzz

from matching.text import HAN, Normalised, clean, normalise
from matching.units import canonical, convert, dimension, first_signs, scan


class Comparison(StrEnum):
    """How the figure bounds the quantity."""

    GE = "≥"
    LE = "≤"
    GT = ">"
    LT = "<"
    EQ = "="
    PM = "±"
    RANGE = "range"
    QUALITATIVE = "qualitative"


@dataclass(frozen=True, slots=True)
class Indicator:
    """One indicator, as data and as words.

    Attributes
    ----------
    name : str
        The quantity, empty when the words do not say.
    comparison : Comparison
        How ``value`` bounds it.
    value, value2 : float or None
        In ``unit``. The lower and the upper end of a range; the nominal value and the
        tolerance of "600±20"; the tolerance alone, in ``value``, of "±0.01".
    unit, dimension : str
        As :func:`matching.units.canonical` and :func:`matching.units.dimension` say.
    text : str
        The words as written.
    condition : str
        The test condition (测试条件).
    is_core : bool
        Whether the owner calls it a core indicator (核心指标).
    span : tuple of int or None
        Where the words stand in the text they were extracted from.
    """

    name: str
    comparison: Comparison
    value: float | None
    value2: float | None
    unit: str
    dimension: str
    text: str
    condition: str = ""
    is_core: bool = False
    span: tuple[int, int] | None = None


class VerdictKind(StrEnum):
    """What the claims say about one required indicator."""

    MET = "met"
    NEAR = "near"
    MISSED = "missed"
    UNSTATED = "unstated"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A required indicator, the claim that answers it, and how it answers.

    ``margin`` is the signed distance to the bound as a share of the bound: not below
    zero exactly when the indicator is met, None when nothing can be said.
    """

    required: Indicator
    claimed: Indicator | None
    kind: VerdictKind
    margin: float | None


_SIGNED = r"(?:[+\-]|零下|零上|负)?"
_TENS = {"十": 10, "百": 100, "千": 1000}
_CHINESE_DIGITS = dict(zip("零〇一二两三四五六七八九", "001223456789", strict=True))
_CHINESE_NUMBER = "[DIGITS十百千]{1,12}(?:点[DIGITS]{1,12})?".replace(
    "DIGITS", "".join(_CHINESE_DIGITS)
)
# A blank groups digits only where the last group could be no figure of its own.
_DECIMAL = (
    r"(?:[0-9]{1,3}(?:,[0-9]{3}){1,5}(?![0-9])"
    r"|[1-9][0-9]{0,2}(?: [0-9]{3}){0,4} 0[0-9]{2}(?![0-9])"
    r"|[0-9]{1,18}(?![0-9]))(?:\.[0-9]{1,18})?"
)
# Copied text loses its superscripts: ×10-6 can mean nothing but a power.
_TEN_TO = (
    r"10(?:(?:\^|\*\*)\(?(?P<NAME>[+\-]?[0-9]{1,3})\)?(?![0-9])"
    rf"|的(?P<NAME_words>[负+\-]?(?:[0-9]{{1,3}}|{_CHINESE_NUMBER}))次(?:方|幂)LOST)"
)
_POWER = (
    r"(?: ?(?:[×xX*]|乘以?) ?"
    + _TEN_TO.replace("NAME", "power").replace(
        "LOST", r"|[\-~](?P<lost>[0-9]{1,2})(?![0-9.])"
    )
    + r"|[eE](?P<exp>[+\-][0-9]{1,3}(?![0-9])|[0-9]{1,3}(?![0-9A-Za-z])))"
)
_FIGURE = (
    rf"(?:(?P<whole>十亿|百万|[百千万]|{_CHINESE_NUMBER})分之"
    rf"(?P<share>{_DECIMAL}|{_CHINESE_NUMBER})"
    rf"|1 ?: ?(?P<to>{_DECIMAL})(?! ?[0-9:])"
    rf"|(?P<tenths>[1-9一二两三四五六七八九])成(?=以[上下内]|左右|[^{HAN}]|$)"
    rf"|{_TEN_TO.replace('NAME', 'ten').replace('LOST', '')}"
    rf"|(?P<decimal>{_DECIMAL}){_POWER}?"
    rf"|(?!零[上下])(?P<chinese>{_CHINESE_NUMBER}))"
)
_FIRST_SIGN = re.compile(f"[0-9{''.join(_CHINESE_DIGITS)}十百千万]")
_NUMBER = re.compile(rf"(?<![0-9])(?<![0-9]\.){_FIGURE}")
_SECOND = re.compile(rf"(?P<sign>{_SIGNED}) ?[ΦφØ⌀]? ?{_FIGURE}")
_SHARED_POWER = re.compile(rf"\){_POWER}")
# 1:40 is more than 1:30 to those who write so; it is a scale of its own.
_ONE_TO = "1:n"
_PARTS_OF = {"百": 1, "千": 1, "万": 100, "百万": 1, "十亿": 1}
_OF_A_WHOLE = {"百": "%", "千": "‰", "万": "%", "百万": "ppm", "十亿": "ppb"}

# Words before a figure. "better" and "reach" take their direction from the quantity.
_WORDS: dict[str, str] = {
    "≥": "≥ 大于等于 大于或等于 高于等于 高于或等于 大于且等于 至少 最少 不下于 起码 "
    "突破 提高到 提高至 提升到 提升至 增加到 增加至 增长到 增长至 延长到 延长至 增至 "
    "升至 上升到 上升至 扩大到 扩大至",
    "≤": "≤ 小于等于 小于或等于 低于等于 低于或等于 至多 最多 降到 降至 降低到 降低至 "
    "下降到 下降至 减少到 减少至 减小到 减小至 缩短到 缩短至 缩小到 缩小至 压缩到 "
    "压缩至 控制在 限制在 不得过 不能过 不应过 不可过",
    ">": "> 大于 高于 超过 超出 多于 长于 超 逾",
    "<": "< 小于 低于 少于 短于 不到 不足",
    "=": "= ≈ 约 约为 大约 为 是 等于 设为",
    "up": "高达 多达 长达",
    "down": "低至 低到 小至 小到",
    "better": "优于 好于 优于或等于 不劣于 不差于 不逊于 不亚于 不弱于",
    "reach": "达到 达 可达 达至",
}
_NEGATIONS = (
    "不 未 不得 不应 不能 不可 不宜 不会 不允许 不再 没有 不许 严禁 禁止 不准 避免"
)
_NEGATED = {
    "≤": "高于 大于 超过 超出 多于 长于 超 高过 大过",
    "≥": "低于 小于 少于 短于 弱于 低过",
}
_DIRECTIONS = {
    word: sign for sign, words in _WORDS.items() for word in words.split()
} | {
    f"{no}{word}": sign
    for sign, words in _NEGATED.items()
    for word in words.split()
    for no in _NEGATIONS.split()
}
_FILLERS = r"(?:[ :(]|约|到|至|在|为|R[azqmt] ?|[ΦφØ⌀] ?)*"
_STRONG = "|".join(
    re.escape(word)
    for word in sorted(_DIRECTIONS, key=len, reverse=True)
    if _DIRECTIONS[word] not in {"=", "up", "down"}
)
_BEFORE = re.compile(
    f"(?P<word>{'|'.join(sorted(map(re.escape, _DIRECTIONS), key=len, reverse=True))})"
    rf"(?P<fill>{_FILLERS})$"
)
_BEFORE_LAST = {word[-1] for word in _DIRECTIONS} | set(" :(约到至在为azqmtΦφØ⌀")
# The last signs of what _introduction and _SIGN, or _PLUS_MINUS, may find.
_INTRODUCING = _BEFORE_LAST | set("的ABCHLPVWaqztmΦφØ⌀ (:")
_SIGNING = frozenset("± +-下上负")
_INTRODUCING_OR_SIGNING = _INTRODUCING | _SIGNING
_AT_LENGTH = "|".join(
    ["为", "是", "约为", *(word for word in _STRONG.split("|") if len(word) > 1)]
)
# "不低于常温的80%": what the share is of stands between the words and the figure.
_BEFORE_SHARE = re.compile(
    f"(?P<word>{_AT_LENGTH})(?P<of>[{HAN}A-Za-z]{{1,12}}的)(?P<fill>)$"
)
_SHARES = {"%", "‰", "倍", ""}
_FORWARD = re.compile(f" ?(?P<word>{_STRONG}){_FILLERS}")
# "0.5≤x≤1.0" bounds x from both sides.
_CHAIN = re.compile(
    r" ?(?:(?P<up>[≤<])|[≥>]) ?(?P<name>[^,;。；、≤<≥>()0-9]{1,20}?) ?"
    r"(?(up)[≤<]|[≥>]) ?"
)
_OTHER_BOUND = re.compile("[ ,、]{0,2}(?:并且|且|并|同时|但|而)?")
_RISING, _FALLING = {"≥", ">"}, {"≤", "<"}
_AFTER = re.compile(
    r" ?(?:\)|及|或|\(含\)|\(及\))? ?"
    r"(?P<word>以上|之上|以下|之下|以内|之内|左右|上下"
    r"|内(?![部径孔壁外存层腔衬]))"
)
_AFTERWARDS = {
    "以上": "≥",
    "之上": "≥",
    "以下": "≤",
    "之下": "≤",
    "以内": "≤",
    "之内": "≤",
    "内": "≤",
    "左右": "=",
    "上下": "=",
}
_RANGE_SIGN = re.compile(
    r" ?\)? ?(?P<sign>~+|-+|—+|\.{2,3}|至|到|(?<= )to(?= )) ?"
    r"(?=[+\-零负0-9ΦφØ⌀]|(?:十亿|[百千万]{1,2})分之)"
)
_BETWEEN = re.compile(r" ?(?:和|与) ?")
_TOLERANCE = re.compile(r" ?(?:±|\+/-) ?")
_CHANGE = re.compile(
    r"(?:左右|以上|以下)?(?:逐步|进一步|大幅)?"
    r"(?:(?P<down>降低|下降|降|减少|减小|缩短|缩小|压缩)|"
    r"(?P<up>提高|提升|增加|增长|上升|扩大|延长|增|升))(?:至|到|为) ?"
    r"| ?(?P<arrow>→|-+>|—+>) ?"
)
# The signs with which these patterns, 余 and 多 may begin, and _AFTER and _CHAIN.
_GOING_ON = frozenset("至到和与左以逐进大降减缩压提增上扩延升下余多")
_FOLLOWED = _GOING_ON | set(" )±+-~—.→t(之内及或≤<≥>")
_FOLLOWED_OR_PARTED = _FOLLOWED | set("/:×xX*")
_CHANGED = re.compile(
    "(?:提高|提升|增加|增长|延长|降低|下降|减少|减小|缩短|缩小|节约|节省|减轻|提速"
    "|节[能水电油煤气汽材药肥料]|增[产收效]|降[耗本噪]|减[重排]|提效)"
    "(?:了|幅度|率|比例)?$"
)
_LONGEST_CHANGED = 4
# "比现有产品提高30%" compares with what stands between.
_BASELINE = re.compile(
    f"(?:相?[比较]于?|相对于?|与)(?:现有?|原有?|传统|常规|普通|目前|当前|同类|国[内外]|进口|市售"
    f"|行业|基[准体]|对照|上一代|一般|未|改[造进]前)[{HAN}]{{0,10}}?(?:相比)?(?=提|增|延|降|下|减|缩|节)"
)
_CHANGING = re.compile(
    "(?:提高|提升|增加|延长|降低|减少|减小|缩短|缩小|节约|节省|减轻)(?![值量到至为])"
)
# A figure with one of these behind it says under which condition others hold.
_CONDITION_MARK = re.compile(
    r" ?\)?(?:的)?(?:[高低常恒]温)?(?:充放电|放电|充电)?(?:条件|环境|工况|温度|倍率"
    r"|循环|老化|浸泡|保温|处理|盐雾|载荷|压力|介质|溶液)?(?:条件)?"
    r"(?:下(?![降调跌滑限])|时(?!间)|以后|之后|后(?![续期处])"
    r"|(?<=环境)中|(?<=条件)中|(?<=介质)中|(?<=溶液)中)"
)
# A bound may be a condition too: 当温度超过60℃时, 在高于200℃的环境下.
_HEADING = re.compile("(.{2,20}?) ?:")  # 剪切强度:23℃下不小于18MPa
_CONDITION_BOUND = re.compile(r" ?\)?(?:的)?(?:条件|环境|工况|情况)(?:下|中)")
_WHENEVER = re.compile("^ ?(?:当|若|如果|如|一旦|在)")
# "在2.4～2.5GHz频段内驻波比≤1.5", where a figure of another quantity follows.
_CONDITION_WITHIN = re.compile(
    r" ?\)?(?:的)?(?:频率|温度|波长|转速|压力)?(?:频段|波段|范围|区间)[内上]"
    r"(?=[^,;。；、\n]{2,24}[0-9])| ?\)?(?:的)?[频波]段[内上](?=,)"
)
# "2h内温升不低于20℃" and "5分钟内不起火".
_MEANWHILE = re.compile(r"(?=[不无未]|[^,;。；、\n]{2,24}[0-9])(?!完成|达|完)")
_BRACKET = re.compile(r" ?\(([^()]{1,40})\)")
_BOUND_WORDS = re.compile("[≥≤<>±]|(?<![A-Za-zα-ωΑ-Ω])=|以[上下内]|[不高低大小]于|超过")
_AT = re.compile(
    r" ?(?:@ ?|/(?=[0-9.]+ ?(?:min|h|s|d|小时|分钟?|秒|天)(?![A-Za-z])))"
    r"([^,;。；、()]{1,30})"
)
# A bracket behind a name, with figures that are not the quantity's own.
_REMARKED = re.compile(rf"(?<=[{HAN}A-Za-z0-9])\([^()]{{0,40}}[0-9][^()]{{0,40}}\)")
_REMARKED_MORE = re.compile(rf" ?(?:{_STRONG}|[=:±≈]|[+\-]?[0-9])")

# How far back the words of an indicator, of a comparison and of a scale may begin.
_WINDOW, _WORD_WINDOW, _SCALE_WINDOW = 48, 16, 8
_CLAUSE = re.compile(r"[\n,;。；、!?！？|【】\[\]{}“”\"《》<>≥≤=]|:(?=.)")
_LEADING = re.compile(
    r"(?:[ )\-*·•●■◆▪:]|\(?[0-9]{1,2}[).、](?![0-9])"
    r"|\([0-9一二三四五六七八九十]{1,3}\)|\(|[一二三四五六七八九十]是"
    "|本?(?:项目|课题)|我们|我公司|需要|支持(?![力率向])|希望|想(?![象])|拟|力争|争取|提供|建成"
    "|将(?!来)|使(?!用)"
    "|(?:19|20)[0-9]{2}年[度末底前]?"
    "|主要技术指标|技术指标|主要指标|指标要求|考核指标|要求|实现|使得|能够|可以|满足|达到"
    "|确保|保证|同时|其中|以及|并且|而且|且|并(?![联网发行])|具有|具备|包括|例如"
    "|以上|以下|以内|左右|的)+"
)
_JOINING = re.compile("[和与及或]")
_LEADING_ON = """
应当 必须 需要 要求 能够 可以 可以达 可达 可 需 须 要 应 均 都 也 约 仅 只 只有 为 是
的 在 从 由 介于 达到 达 不 控制 保持 稳定 一般 通常 指标 数值 能
"""
_TRAILING = frozenset(_LEADING_ON.split()).union(" :=(,-")
_LONGEST_TRAILING = max(map(len, _TRAILING))
_TRAILING_FIRST = frozenset(word[0] for word in _TRAILING)
_TRAILING_LAST = frozenset(word[-1] for word in _TRAILING)
# A name that ends so may say more of a bare figure: the unit in its bracket, or 分别.
_CLOSING = frozenset(")别ΦφØ⌀")
# What stands behind a figure that ends its clause.
_OVER = frozenset(["", *",。;、"])
# 响应 and 性能 are words of their own.
_BELONGING = {"应": "响效反供感适", "能": "性产节功智动势热电储光阳机"}
# What a bare figure must measure before running words pass for an indicator.
_QUANTITY = re.compile(
    "(?:率|度|量|压|流|值|力|径|长|宽|高|厚|距|比|数|重|功率|时间|寿命|周期|时长|温|速|频"
    "|能|耗|成本|费用|价格?|金额|额|期限|收入|产值|利润|税收|投入|面积|体积|容积|跨度|性|误差|公差|偏差|损失|间隔"
    "|等级|级别|噪声|噪音|粒|孔|目|电阻|内阻|热阻|阻抗|增益|带宽|延迟|时延|专利|标准|样机"
    "|论文|软著|著作权|生产线|示范线|产品|人才|能力|规模|里程|模量|系数|常数|指数|分数|密度"
    "|[年月日亩单]产|[年日]处理|行程|扬程|量程|节拍|[力转扭]矩|间隙|背隙|角|幅|载荷|负[载荷]"
    "|R[azqmt]|[ΦφØ⌀]|[A-Z][a-z]{0,2})$"
)
_LONGEST_QUANTITY = 3


def _names_quantity(name: str) -> bool:
    """Tell whether words end in that of a quantity; one more sign may end the line."""
    return _QUANTITY.search(name, max(0, len(name) - _LONGEST_QUANTITY - 1)) is not None


def _names_change(name: str) -> bool:
    """Tell whether words end in that of a change; one more sign may end the line."""
    return _CHANGED.search(name, max(0, len(name) - _LONGEST_CHANGED - 1)) is not None


# Signs between a name and its figure. Some are units in front of the figure.
_SCALE = re.compile(
    r"(?<![A-Za-z])(?P<scale>HRC|HRA|HRB|HV|HBW|HB|HL|IP|R[azqmt]|[ΦφØ⌀]|pH|PH)[ (:]*$"
)
# The load of a hardness test stands behind its scale: HV0.1≥1200.
_SCALE_WITH_LOAD = re.compile(
    r"(?<![A-Za-z])(?P<scale>HV|HBW?) ?[0-9]{1,2}(?:\.[0-9]{1,2})?(?:/[0-9]{1,4}){0,2}"
    r"[ (:]*$"
)
_LOAD = re.compile(rf"(?:/[0-9]{{1,4}}){{0,2}}(?: ?(?:{_STRONG}|[=:])| [0-9])")
_ROUGHNESS = {"Ra", "Rz", "Rq"}
_SYMBOL = re.compile("R[azq]")
_LOADED = {"HV", "HB", "HBW"}
_SCALES = {
    "HRC": ("HRC", "硬度"),
    "HRA": ("HRA", "硬度"),
    "HRB": ("HRB", "硬度"),
    "HV": ("HV", "硬度"),
    "HB": ("HB", "硬度"),
    "HBW": ("HB", "硬度"),
    "HL": ("HL", "硬度"),
    "IP": ("IP", "防护等级"),
}
_NAME_BEFORE = re.compile(r"(?:[A-Za-z0-9_/#×*第.]|[0-9]:|[A-Za-z0-9)][\-—+]|/[A-Z] )$")
_LONGEST_NAMING = 3
_CURRENT_BEFORE = re.compile(r"(?<![A-Za-z])(?:AC|DC)$")
_LATIN_BEFORE = re.compile(r"[A-Za-z] $")
_MOBILE = re.compile("1[3-9][0-9]{9}(?= ?(?:转|$|[,;。；、)]))")
_PLUS_MINUS = re.compile(r"(?:±|\+/-) ?$")
_SIGN = re.compile(r"(?:零下|零上|负|(?<![A-Za-z0-9%‰°)])[+\-]) ?$")
_MINUS = {"-", "零下", "负", "- ", "零下 ", "负 "}
_ORIGIN = re.compile("[由从][^,;。；由从]{0,12}$")
_WARMTH = re.compile("[温热冷冻]|零下|零上")
_TURNING = re.compile("[角旋转摆倾偏]")
_LINE_END = re.compile(r"[\r\n]")
_SENTENCE_END = re.compile("[。;；\n]")
_WEAK_WORDS = {"约", "约为", "大约", "为", "是", "设为", "高达", "多达", "长达"}
_DATE = re.compile("(?:(?<!个)月|日|号)$")
_GLUED = re.compile(rf"[A-Z][{HAN}A-Za-z]")
_ABBREVIATION = re.compile("[A-Za-zα-ω]{2,8}$")
_MORE_WORDS = re.compile(f"[{HAN}]| [A-Za-z]")
_NAME_BRACKET = re.compile(r"(.+?) ?\(([^()]*)\)")
_MODEL_TAIL = re.compile(r" ?-?[A-Za-z]|-[0-9]|系|号|款|\.[0-9]|/[0-9A-Za-z]")
_FRACTION = re.compile(r"/([1-9][0-9]{0,3})(?![0-9/])")
_RATIO = re.compile(r" ?: ?([1-9][0-9]{0,3}(?:\.[0-9]{1,3})?)(?! ?[0-9:])")
_PARTS = re.compile(" ?: ?[0-9]")
_IS_RATIO = re.compile(rf"(?:比|比例|比值|倍率)(?:[ :=]|约|为|是|{_STRONG})*$")
_TIMES = re.compile(r" ?[×xX*] ?[ΦφØ⌀]?[0-9]")
_UNIT_OF_NAME = re.compile(
    rf"(?:(?<=[{HAN})])[/,] ?(?P<bare>[^ ,]{{1,32}})|\((?P<inside>[^(),]{{1,32}})\))$"
)
_FOREMOST = re.compile("^最[大小高低]")
_ADVERB = re.compile("(?:显著|明显|远远?|大大|略|普遍)$")
_EXTREME = re.compile("(?P<rest>.+?)(?P<extreme>最[大小高低])(?:值)?")
_DIAMETER = re.compile(" ?[ΦφØ⌀]$")
# "600MPa以上的抗拉强度" names the quantity behind the figure.
_OF = re.compile(rf"的?([{HAN}A-Za-z0-9α-ωΑ-Ω]{{2,16}})")
_OF_END = re.compile("[和与及或并且以的]|要求|指标|$")
# Words that say whose figure it is, not of what.
_WHOSE = re.compile(
    "(?:目前|现有|现在|当前|国内外?|国外|国际|进口|国产|同类|传统|先进|一般|最好|产品|水平"
    "|设备|厂家|企业|公司|的|只能|做)+"
)
_ELECTRIC = re.compile("[用耗发节省输购充供售]电|电[耗量费]")
_MODEL_LETTER = re.compile("[级型系类号款认版]")
_CLASS = re.compile("[百千万亿]+级")  # 万级用户 are many, not of a grade.
_BLANK = re.compile(" (?=[0-9])")
_CODE = re.compile("0[0-9]+")
_ROOM_TO = re.compile("(?:室温|常温) ?(?:~|-|至|到) ?$")
_ROOM_DEGREES = 25.0
_STANDARD = re.compile("[A-Z]{2,4}(?:/[A-Z])? ?[0-9]{3,}")
_WAITING = {"[time]", "[temperature]", "[cycle]"}
# "优于0.1 μm" asks for less, "优于600 MPa" for more.
_FINER_IS_BETTER = {"[length]", "[time]", "[angle]", "[temperature]"}
_HIT_RATE = 50.0
_ALIKE = 10.0
_LATIN_DIGITS = 2
_LOWER_GRADE = re.compile("[能水]效|精度|公差|洁净|清洁|毒性|附着力|污染|粗糙")
_BY_HOW_MUCH = {"倍", "个数量级", "个百分点", "%"}
_FOLLOWING = re.compile(rf"(?:的)?([{HAN}]{{2,12}})")
_YEARS = range(1900, 2101)

_LOWER_BETTER = re.compile(
    "(?:排放|能耗|噪声|碳)强度|误差|偏差|公差|粗糙度|不平度|能耗|电耗|水耗|油耗|煤耗|损耗|损失|噪声|噪音|响应时间|时延"
    "|延迟|延时|耗时|成本|不良率|缺陷率|次品率|废品率|失效率|故障率|泄漏|泄露|漏率|漏电|磨损"
    "|杂质|排放|收缩率|变形|波动|不确定度|温升|衰减|孔隙率|误报|误判|误检|漏检|漏报|误码|残余"
    "|热阻|内阻|摩擦系数|失重|线宽|抖动|精度|不均匀|翘曲|挠度|介电损耗|污染|致死|毒性"
    "|真空|稳定度|走偏|跑偏|偏移|漂移|零偏|非线性|失真|畸变|纹波|谐波(?!减速|传动|齿轮)|迟滞|直线度|平面度|圆度|同轴度|垂直度|平行度"
    "|跳动|检出限|检测限|检测下限|定量限|驻波|插损|串扰|暗电流|本底|功耗|待机|过检|不合格"
)
_HIGHER_BETTER = re.compile(
    "强度|寿命|良率|良品率|合格率|准确率|精确率|召回率|识别率|检出率|成功率|回收率|转化率"
    "|收率|效率|利用率|纯度|韧性|模量|能量密度|功率密度|比容量|产能|产量|延伸率|伸长率|导电率"
    "|导热率|热导率|导热系数|透过率|透光率|保持率|覆盖率|专利|样机|增益|信噪比|续航"
    "|[去脱清]除率|降解率|截留率|抑制比|净化率"
)

# Names of one quantity. The first of each row stands for all.
_SYNONYMS = """
抗拉强度 拉伸强度 抗张强度 极限强度
屈服强度 屈服极限 条件屈服强度 规定非比例延伸强度 规定塑性延伸强度
伸长率 断后伸长率 延伸率 断后延伸率 断裂伸长率 断裂延伸率 延长率
抗弯强度 弯曲强度 抗折强度
抗压强度 压缩强度
抗剪强度 剪切强度
弹性模量 杨氏模量 拉伸模量 拉伸弹性模量
弯曲模量 弯曲弹性模量
冲击功 冲击吸收功 冲击吸收能量
良率 良品率 合格率 成品率 产品合格率
准确率 精确度 准确度 正确率
粗糙度 表面粗糙度 Ra
定位精度 精度 定位准确度
导热系数 热导率 导热率
导电率 电导率
循环寿命 循环次数 循环使用寿命
响应时间 响应速度 响应时延
工作温度 使用温度 工作温度范围 使用温度范围 环境温度 工作环境温度 温度范围 适用温度
能量密度 比能量 质量能量密度 重量能量密度
比容量 克容量
中性盐雾 中性盐雾试验 盐雾试验 耐盐雾 耐盐雾时间 中性盐雾时间 耐中性盐雾
防护等级 防水等级 防护级别 IP等级
使用寿命 寿命 工作寿命
噪声 噪音
能耗 单位能耗 综合能耗
发明专利 申请发明专利 授权发明专利 申请专利
纯度 产品纯度
孔隙率 气孔率
线膨胀系数 热膨胀系数
介电常数 相对介电常数
介电损耗 介质损耗 损耗因子 介电损耗角正切 介质损耗因数 介质损耗因子 介质损耗角正切
通信速率 通信数据率 数据率 传输速率 数据传输速率
通信距离 作用距离 通信作用距离
检测精度 测量精度
pH pH值 酸碱度
续航里程 续航
分辨率 分辨力
"""
_CANONICAL_NAME = {
    name: row.split()[0]
    for row in _SYNONYMS.strip().splitlines()
    for name in map(str.casefold, row.split())
}
_LONGEST_NAME = max(map(len, _CANONICAL_NAME))
# Words of which two names of one quantity must say the same. Behind the bar stands what
# silence means: a word of the group, anything (*), or nothing but silence.
_QUALIFIERS = tuple(
    (tuple(word.split("/") for word in words.split()), silence.strip())
    for words, silence in (
        row.split("|")
        for row in """
抗拉/拉伸 屈服 抗压/压缩 抗弯/弯曲 抗剪/剪切 冲击 疲劳 断裂 粘接/粘结 剥离 撕裂 层间 |
室温/常温 高温 低温 | 室温
重复 绝对 相对 累积 |
初始/首次 末期/最终/终期/老化后/循环后/次后/年后/寿命末 | 初始
最大/最高/峰值/瞬时/极限 最小/最低 平均/均值 额定 典型 | *
横向 纵向 轴向 径向 周向 法向 水平 垂直 | *
充电 放电 | *
静态 动态 | *
干态 湿态 | *
正极 负极 |
输入 输出 |
进口/进水/入口/进气 出口/出水/排气 |
内径 外径 |
上限 下限 |
单体/电芯 模组 系统/电池包 整机 | *
体积能量/体积比 质量能量/重量能量 | 质量能量
短期 长期 | *
提高/提升/增加/增长 降低/下降/减少/缩短/减小/节约 |
""".strip().splitlines()
    )
)
_ROOM = "室温"
_REMARK = re.compile(r"\([^()]*\)")
_AFTERWARD_STATE = re.compile("后(?![续期处端])")
_TRAILING_SYMBOL = re.compile("(?<=.)(?<![a-z])(?:ra|rz|rq|rm|rt)$")
_GENERIC = re.compile(r"[\s()（）,.:：\-_/·\"“”]|的|指标|数值|产品|要求|主要|整体|总体")
_TEMPERATURE = re.compile(
    r"(零下|负|-)?([0-9]{1,4}(?:\.[0-9]+)?)(?: ?[±~] ?-?[0-9.]+)? ?°C"
)
_SAME_TEMPERATURE = 5.0
_ROOM_TEMPERATURE = (0.0, 40.0)
_ROUNDS = re.compile(r"(?<![0-9.])[0-9.]+ ?万?次")
_SAME_NAME = 85.0
_SUFFIX_SCORE = 90.0
_SUFFIX_LENGTH = 3

_LEVEL = re.compile("灵敏度|分辨率|分辨力")
_SERVICE_RANGE = re.compile(
    "温度|湿度|范围|量程|工作|适用|使用|环境|适应|测程|频段|波段|可调|调节|加工|检测|测量|耐"
)
NEAR_TOLERANCE = 0.05
"""A claim that falls short by no more than this share of the bound is near it."""
_EXACT = 1e-9
_NO_TOLERANCE = {"[grade]", "[ingress_protection]"}
_LARGEST_MARGIN = 1e6
_LARGEST_POWER = 1000
# Of these a temperature is the distance between two, whatever the scale's zero.
_DIFFERENCE = re.compile("温差|温升|温降|均匀性|波动|偏差|误差|精度|梯度")
_MERIT = {
    VerdictKind.UNSTATED: 0,
    VerdictKind.MISSED: 1,
    VerdictKind.NEAR: 2,
    VerdictKind.MET: 3,
}


def _chinese(words: str) -> float:
    whole, _, fraction = words.partition("点")
    total = digit = 0
    for sign in whole:
        if sign in _TENS:
            total += (digit or 1) * _TENS[sign]
            digit = 0
        else:
            digit = digit * 10 + int(_CHINESE_DIGITS[sign])
    decimals = "".join(_CHINESE_DIGITS[sign] for sign in fraction)
    return float(f"{total + digit}.{decimals or 0}")


def _plain_figure(words: str) -> float:
    if words[:1].isascii():
        return float(words.replace(",", "").replace(" ", ""))
    return _chinese(words)


def _power(match: re.Match[str], name: str = "power") -> int:
    """Return the power of ten that is written behind a figure."""
    if words := match[f"{name}_words"]:
        power = int(_plain_figure(words.lstrip("负+-")))
        return -power if words[0] in "负-" else power
    if name == "power" and match["lost"]:
        return -int(match["lost"])
    return int(match[name] or (match["exp"] if name == "power" else None) or 0)


def _figure(match: re.Match[str]) -> float:
    """Return the value of a matched figure, infinite when it is out of reach."""
    if match.lastgroup == "decimal":  # Nothing but digits, as most are.
        return _plain_figure(match["decimal"])
    if match["ten"] or match["ten_words"]:
        return float(f"1e{_power(match, 'ten')}")
    if words := match["chinese"] or match["to"]:
        return _plain_figure(words)
    if match["tenths"]:
        return 10 * _plain_figure(match["tenths"])
    if whole := match["whole"]:
        share = _plain_figure(match["share"])
        parts = _PARTS_OF.get(whole) or _chinese(whole)
        return share / parts if parts else math.inf
    digits = match["decimal"].replace(",", "").replace(" ", "")
    return float(f"{digits}e{_power(match)}")


def _raised(value: float, power: int) -> float:
    # By way of the digits: 5.5 times 1e-6 would not be 5.5e-6. No power beyond the
    # limit leaves a figure between nothing and infinity.
    limited = max(-_LARGEST_POWER, min(_LARGEST_POWER, power))
    return float(Decimal(repr(value)).scaleb(limited))


def _own_unit(match: re.Match[str]) -> str:
    """Return the unit that is part of the figure, as in 百分之五, 三成 and 1:40."""
    if match["to"]:
        return _ONE_TO
    if match["tenths"]:
        return "%"
    return _OF_A_WHOLE.get(match["whole"] or "", "")


@dataclass(slots=True)
class _Reading:
    """What stands around one figure; places are in the normalised text."""

    start: int  # of the words of comparison, or of the figure without them
    end: int
    value: float
    value2: float | None = None
    unit: str = ""
    sign: str = ""  # A sign of comparison, "better", "reach", or nothing.
    word: str = ""
    shape: Comparison = Comparison.EQ
    name: str = ""  # What the scale says when nothing else does.
    power: int = 0  # The power of ten behind the first figure.
    bounded: bool = False  # By words behind it, such as 以上.
    inside: bool = False  # By nothing more than 内, 以内 or 之内.
    of: str = ""  # What it is a share of, as in 常温的80%.


@dataclass(slots=True)
class _Other:
    """The other figure of a pair."""

    value: float
    unit: str
    end: int
    power: int = 0
    for_both: bool = False  # (5±1)×10^-6: the power is written behind both.


def _with_line_ends(source: Normalised) -> str:
    """Return the normalised text with a line end for each blank that was one."""
    if "\n" not in source.original and "\r" not in source.original:
        return source.text

    def written(blank: re.Match[str]) -> str:
        first, last = source.span(*blank.span())
        return "\n" if _LINE_END.search(source.original, first, last) else " "

    return re.sub(" ", written, source.text)


class _Scanner:
    """Walks over the figures of a text and keeps those that are indicators."""

    def __init__(self, source: Normalised, *, loose: bool, name: str = "") -> None:
        self.source, self.text, self.loose = source, source.text, loose
        self.given_name = name
        self.lines = _with_line_ends(source)
        self.done = 0  # Words before this place are spoken for.
        self.conditions: list[str] = []
        self.asides: list[str] = []
        self.aside_end = -1
        self.waiting = (0, 0)  # A name whose figure is still to come,
        self.waiting_end = -1  # right behind this place.
        self.spare: list[Indicator] = []
        brackets = _REMARKED.finditer(self.text) if "(" in self.text else ()
        self.remarks = deque(
            found.span()
            for found in brackets
            if _FORWARD.match(self.text, found.end())
            or (
                _REMARKED_MORE.match(self.text, found.end())
                and not _BOUND_WORDS.search(found.group())
            )
        )

    def run(self) -> Iterator[Indicator]:
        """Yield the indicators in the order of the text."""
        at = 0
        while sign := _FIRST_SIGN.search(self.text, at):
            at = sign.end()
            match = _NUMBER.match(self.text, sign.start())
            if match is None:
                continue
            at = match.end()
            if match.start() < self.done:
                continue
            if remark := self._remark(match.start()):
                at = remark
                continue
            if self._says_nothing(match):
                continue
            reading = self._read(match)
            if reading is None:
                continue
            if self._keep_condition(reading) or self._await(reading):
                at = self.done
            elif indicator := self._indicator(reading):
                yield indicator
                at = self.done
            elif self._set_aside(reading):
                at = self.done
            elif reading.shape is not Comparison.EQ:
                at = reading.end

    def _says_nothing(self, match: re.Match[str]) -> bool:
        """See at a glance that a figure in running words is no indicator.

        No sign and no words of comparison stand in front of it. A figure in Chinese
        words then needs a unit and words behind it, as 三年以上 has them; another one
        needs at least a unit, its own or that of a name such as 厚度(mm).
        """
        start, end = match.span()
        if self.loose or self.text[start - 1 : start] in _INTRODUCING_OR_SIGNING:
            return False
        if match["chinese"]:
            return self._is_mere_count(end)
        if not match["decimal"] or self.waiting_end == self.done:
            return False
        if self.text[end : end + 1] not in _OVER and not self._runs_on(end, _FOLLOWED):
            return False
        last = _without_trailing(self.text, max(self.done, start - _WINDOW), start)
        return self.text[last - 1 : last] not in _CLOSING

    def _is_mere_count(self, end: int) -> bool:
        """See at a glance that no words of comparison follow, as in 一种 and 三个."""
        unit = scan(self.text, end)
        if unit is not None:
            end = unit[1]
            if unit[0] in _BY_HOW_MUCH:
                return False
        return self.text[end : end + 1] not in _FOLLOWED_OR_PARTED

    def _remark(self, at: int) -> int:
        """Return where the bracket ends that lies around a place, if one does."""
        while self.remarks and self.remarks[0][1] <= at:
            self.remarks.popleft()
        inside = self.remarks and self.remarks[0][0] < at
        return self.remarks[0][1] if inside else 0

    def _read(self, match: re.Match[str]) -> _Reading | None:
        """Read a figure with all that belongs to it, or see that it is none."""
        value, first = _figure(match), max(self.done, match.start() - _WINDOW)
        before = self.text[first : match.start()]
        tolerance = signed = None
        if before[-1:] in _SIGNING:
            tolerance = _PLUS_MINUS.search(before[-4:])
            signed = None if tolerance else _SIGN.search(before[-4:])
        if cut := tolerance or signed:
            before = before[: -len(cut.group())]
        if signed and not before and self.text[max(0, first - 1) : first].isalnum():
            return None  # The second term of a sum, as in 2.5 cm+1 ppm.
        word, scale, start, outer = _introduction(before)
        introduced = bool(word or tolerance or _own_unit(match))
        runs_on = match["chinese"] and self._runs_on(match.end(), _GOING_ON)
        if runs_on and not introduced:
            return None
        known = introduced or bool(scale)
        if not math.isfinite(value) or not self._is_figure(
            match, before, scale, is_known=known
        ):
            return None
        minus = signed is not None and signed.group() in _MINUS
        reading = _Reading(
            start=first + start,
            end=match.end(),
            value=-value if minus else value,
            word=word["word"] if word else "",
            power=_power(match) if match["decimal"] else 0,
            of=(word.groupdict().get("of") or "") if word else "",
        )
        reading.sign = _DIRECTIONS.get(reading.word, "")
        if not self._read_fraction(reading, before):
            return None
        own, name = _SCALES.get(scale, ("", ""))
        self._read_unit(reading, _own_unit(match) or own, minus)
        if own and reading.unit == own:
            reading.name, reading.start = name, first + outer
        elif scale in _ROUGHNESS and not reading.unit and "显色" not in before:
            reading.unit = "μm"
        if reading.of and (match["chinese"] or reading.unit not in _SHARES):
            reading.start, reading.word = first + len(before), ""
            reading.sign = reading.of = ""
            introduced = bool(tolerance or _own_unit(match))
        if tolerance:
            reading.shape, reading.value = Comparison.PM, abs(value)
        else:
            self._read_pair(reading, before)
        self._read_after(reading)
        if match["chinese"] and not self._is_spelt_out(reading, before, introduced):
            return None
        alone = not (introduced or scale or reading.unit)
        return reading if self._is_whole(reading, match, before, alone) else None

    def _runs_on(self, end: int, going_on: AbstractSet[str]) -> bool:
        """See at a glance that behind a figure there are only other words.

        Neither a unit nor what `going_on` belongs to can begin with the next character.
        A figure in Chinese words without a unit, another figure or a change is none.
        """
        char = self.text[end : end + 1]
        if not "一" <= char <= "鿿":
            return False
        return char not in going_on and char not in first_signs()

    def _read_pair(self, reading: _Reading, before: str) -> None:
        """Read what makes a tolerance, a change or a range of a figure."""
        if self.text[reading.end : reading.end + 1] in _FOLLOWED:
            if self._read_tolerance(reading) or self._read_change(reading):
                return
            self._read_range(reading)
        if reading.shape is not Comparison.EQ or reading.unit != "°C" or reading.word:
            return
        if room := _ROOM_TO.search(before):
            reading.start -= len(room.group())
            reading.value, reading.value2 = sorted((_ROOM_DEGREES, reading.value))
            reading.shape = Comparison.RANGE

    def _read_after(self, reading: _Reading) -> None:
        """Read the words of comparison behind a figure, and a second bound."""
        followed = self.text[reading.end : reading.end + 1] in _FOLLOWED
        if followed and (after := _AFTER.match(self.text, reading.end)):
            reading.end, reading.bounded = after.end(), True
            reading.inside = after["word"].endswith("内") and not reading.sign
            if not reading.sign or reading.word in _WEAK_WORDS:
                reading.sign, reading.word = _AFTERWARDS[after["word"]], ""
        if not self._read_chain(reading):
            self._read_other_bound(reading)

    def _is_whole(
        self, reading: _Reading, match: re.Match[str], before: str, alone: bool
    ) -> bool:
        """Tell a figure from a part of a size, of a number of a standard or a date."""
        unit = scan(self.text, reading.end)
        if _TIMES.match(self.text, reading.end) or (unit and _CLASS.fullmatch(unit[0])):
            return False
        if alone and _LATIN_BEFORE.search(before):
            # PUE 1.16 is a figure; ISO 9001 and GB 4943.1 are not.
            whole, point, _ = match.group().partition(".")
            return bool(point) and len(whole) <= _LATIN_DIGITS
        figures = (reading.value, reading.value2 or 0.0)
        return all(map(math.isfinite, figures)) and not self._is_date(reading)

    def _is_figure(
        self, match: re.Match[str], before: str, scale: str, *, is_known: bool
    ) -> bool:
        """Tell a figure from the digits of a model, a standard, a size or a list.

        It is known when words of comparison or a scale stand in front of it.
        """
        end = match.end()
        if _TIMES.match(self.text, end) or _CODE.fullmatch(match["decimal"] or ""):
            return False
        if scale in _LOADED and _LOAD.match(self.text, end):
            return False
        if match["chinese"] and before.endswith(("为", "是")):
            return False
        if match["to"] and not (is_known or self._names_ratio(before)):
            return False
        volts = self.text[end : end + 2].strip().startswith(("V", "v", "伏"))
        if is_known or (volts and _CURRENT_BEFORE.search(before)):
            return True
        called = _MOBILE.match(self.text, match.start())
        return not (called or _NAME_BEFORE.search(before[-_LONGEST_NAMING:]))

    def _is_spelt_out(self, reading: _Reading, before: str, introduced: bool) -> bool:
        """Tell a figure in Chinese words from such words in running text.

        With nothing in front, 三年以上 and 提高一倍 are figures, 一种 is none.
        """
        bounded = bool(reading.sign and reading.unit)
        if reading.inside and not (self.loose and dimension(reading.unit) == "[time]"):
            bounded = False  # 一种内在关联, 一天之内
        by_much = reading.unit in _BY_HOW_MUCH and _names_change(before)
        return bool(introduced or bounded or by_much)

    def _is_date(self, reading: _Reading) -> bool:
        whole = reading.value == int(reading.value)
        if reading.unit in {"a", "级"} and whole and int(reading.value) in _YEARS:
            return True
        if reading.unit == "a" and reading.value2 in _YEARS:
            return True
        words = self.text[max(0, reading.end - 2) : reading.end]
        return not reading.sign and _DATE.search(words) is not None

    def _read_fraction(self, reading: _Reading, before: str) -> bool:
        """Read 1/3 and 20:1; refuse a time of day and a ratio of several parts."""
        if self.text[reading.end : reading.end + 1] not in {"/", ":", " "}:
            return True
        match = _FRACTION.match(self.text, reading.end)
        if match and (reading.word or (self.loose and match.end() == len(self.text))):
            reading.value /= int(match[1])
            reading.end = match.end()
        elif _PARTS.match(self.text, reading.end):
            ratio = _RATIO.match(self.text, reading.end)
            if not ratio or not (reading.word or self._names_ratio(before)):
                return False
            reading.value /= float(ratio[1])
            reading.end = ratio.end()
        return True

    def _names_ratio(self, before: str) -> bool:
        return bool(_IS_RATIO.search(before) or _IS_RATIO.search(self.given_name))

    def _read_unit(self, reading: _Reading, unit: str, minus: bool) -> None:
        if unit:
            reading.unit = unit
            if (found := scan(self.text, reading.end)) and found[0] == unit:
                reading.end = found[1]
        elif found := self._unit_at(reading.end):
            reading.unit, end = found
            around = self.text[max(0, reading.start - _WINDOW) : end + _WINDOW]
            if reading.unit.endswith("°") and self.text[reading.end : end][-1] == "度":
                cold = minus and not _TURNING.search(around)
                if cold or _WARMTH.search(around):
                    reading.unit = reading.unit[:-1] + "°C"
                elif _ELECTRIC.search(around) and not _TURNING.search(around):
                    reading.unit = reading.unit[:-1] + "kWh"
            reading.end = end

    def _unit_at(self, at: int) -> tuple[str, int] | None:
        """Read the unit behind a figure, bare or in a bracket: 600(MPa)."""
        found = scan(self.text, at)
        if found is None and self.text[at : at + 1] in {"余", "多"}:
            return scan(self.text, at + 1)  # 400余家, 300多件
        if found is None:
            bracket = _BRACKET.match(self.text, at)
            inside = scan(bracket[1], 0) if bracket else None
            if not (bracket and inside and inside[1] == len(bracket[1])):
                return None
            return inside[0], bracket.end()
        letter = self.text[found[1] - 1]
        if _CLASS.fullmatch(found[0]):
            return None
        model = len(found[0]) == 1 and letter.isascii() and letter.isalpha()
        if model and _MODEL_LETTER.match(self.text, found[1]):
            return None
        return found

    def _second(self, at: int, default: str) -> _Other | None:
        """Read the other figure of a pair, with its unit."""
        match = _SECOND.match(self.text, at)
        if not match or match["chinese"] or not math.isfinite(_figure(match)):
            return None
        if _TIMES.match(self.text, match.end()):
            return None
        other = _Other(_figure(match), default, match.end())
        if match["sign"] in _MINUS:
            other.value = -other.value
        if own := _own_unit(match):
            other.unit = own
            return other
        if match["decimal"] and not match["exp"]:
            other.power = _power(match)
        if shared := _SHARED_POWER.match(self.text, other.end):
            other.power, other.for_both = _power(shared), True
            other.value, other.end = _raised(other.value, other.power), shared.end()
        closed = other.end + self.text.startswith(")", other.end)
        if found := self._unit_at(closed):
            other.unit, other.end = found
        if other.unit == "°" and default == "°C":
            other.unit = default
        return other if math.isfinite(other.value) else None

    @staticmethod
    def _first_of(reading: _Reading, other: _Other) -> float:
        """Return the first figure of a pair, under the power that both have.

        4.5~5.5×10^-6 says the power once; 10~2×10^4 does not mean ten of them.
        """
        if not other.power or reading.power or reading.unit:
            return reading.value
        raised = _raised(reading.value, other.power)
        alike = other.power < 0 or raised * _ALIKE > other.value
        rising = reading.shape is Comparison.EQ and 0 < raised < other.value and alike
        return raised if other.for_both or rising else reading.value

    def _read_tolerance(self, reading: _Reading) -> bool:
        match = _TOLERANCE.match(self.text, reading.end)
        other = self._second(match.end(), reading.unit) if match else None
        if not other:
            return False
        value, unit = other.value, other.unit
        nominal = reading.value
        if other.for_both:
            nominal = self._first_of(reading, other)
        if unit == "%" and reading.unit != "%" and reading.unit:
            value, unit = abs(reading.value) * value / 100, reading.unit
        if reading.unit:
            changed = convert(reading.value, reading.unit, unit)
            if changed is None:
                return False
            nominal = changed
        reading.value, reading.value2 = nominal, abs(value)
        reading.unit, reading.end, reading.shape = unit, other.end, Comparison.PM
        return True

    def _read_change(self, reading: _Reading) -> bool:
        """Read "from 5% down to 2%": only where it leads is an indicator."""
        match = _CHANGE.match(self.text, reading.end)
        pair = self._second(match.end(), reading.unit) if match else None
        if not (match and pair):
            return False
        words = self.text[max(self.done, reading.start - _WINDOW) : reading.start]
        origin = _ORIGIN.search(words)
        if not (origin or match["arrow"]):
            return False
        down = match["down"] is not None
        if match["arrow"]:
            first = convert(reading.value, reading.unit or pair.unit, pair.unit)
            down = first is None or pair.value < first
        if origin:
            reading.start -= len(words) - origin.start()
        reading.value, reading.unit, reading.end = pair.value, pair.unit, pair.end
        reading.word = reading.sign = "≤" if down else "≥"
        return True

    def _read_range(self, reading: _Reading) -> None:
        sign = _RANGE_SIGN.match(self.text, reading.end)
        between = None if sign else _BETWEEN.match(self.text, reading.end)
        pair = None
        if match := sign or between:
            pair = self._second(match.end(), reading.unit)
        if not pair:
            return
        high, unit, end = pair.value, pair.unit, pair.end
        low: float | None = self._first_of(reading, pair)
        if reading.unit == "%" != unit and "%" in unit:
            low = reading.value  # 10%~95%RH says the whole unit once.
        elif reading.unit:
            low = convert(reading.value, reading.unit, unit)
        hyphen = sign is not None and sign["sign"].startswith("-")
        if between and not self.text.startswith("之间", end):
            return
        if low is None or (hyphen and low > high):
            return
        if hyphen and not unit and not self._may_be_range(reading, high, end):
            return
        reading.value, reading.value2 = sorted((low, high))
        reading.unit, reading.end, reading.shape = unit, end, Comparison.RANGE
        if self.text.startswith("之间", end):
            reading.end += 2

    def _may_be_range(self, reading: _Reading, high: float, end: int) -> bool:
        """Tell pH 6-9 from 2021-2025, 6061-6063 and the like."""
        before = self.text[max(self.done, reading.start - _WINDOW) : reading.start]
        name = (before.rstrip(" :(") or self.given_name).removesuffix("为")
        over = _CLAUSE.match(self.text, end) or end == len(self.text)
        small = abs(reading.value) < _YEARS.start and abs(high) < _YEARS.start
        return bool(over and small and _names_quantity(name))

    def _read_chain(self, reading: _Reading) -> bool:
        """Read 0.5≤x≤1.0 mm, which bounds what stands in the middle."""
        if reading.word or reading.shape is not Comparison.EQ:
            return False
        match = _CHAIN.match(self.text, reading.end)
        pair = self._second(match.end(), reading.unit) if match else None
        if not (match and pair):
            return False
        value, unit = pair.value, pair.unit
        first = convert(reading.value, reading.unit or unit, unit)
        if first is None or (first > value) == bool(match["up"]):
            return False
        reading.value, reading.value2 = sorted((first, value))
        reading.unit, reading.end, reading.shape = unit, pair.end, Comparison.RANGE
        reading.name = match["name"].strip()
        return True

    def _read_other_bound(self, reading: _Reading) -> None:
        """Read 不低于5%且不高于10% as one range, since it bounds one quantity."""
        if reading.shape is not Comparison.EQ or reading.sign not in _RISING | _FALLING:
            return
        joining = _OTHER_BOUND.match(self.text, reading.end)
        at = joining.end() if joining else reading.end
        word = _FORWARD.match(self.text, at)
        pair = self._second(word.end() if word else at, reading.unit)
        if not pair:
            return
        value, unit, end = pair.value, pair.unit, pair.end
        apart = joining and joining.group()[:1] in {",", "、"}
        if not reading.unit and unit and (apart or not word):
            return  # 下降三分之二以上,2年内收回投资
        sign = _DIRECTIONS[word["word"]] if word else ""
        if after := _AFTER.match(self.text, end):
            sign, end = sign or _AFTERWARDS[after["word"]], after.end()
        first = convert(reading.value, reading.unit or unit, unit)
        rising = reading.sign in _RISING
        opposite = sign in (_FALLING if rising else _RISING)
        if first is None or not opposite or (first < value) != rising:
            return
        reading.value, reading.value2 = sorted((first, value))
        reading.unit, reading.end, reading.shape = unit, end, Comparison.RANGE

    def _keep_condition(self, reading: _Reading) -> bool:
        """Set a figure aside that says when others hold, as in 200℃下."""
        if not reading.unit:
            return False
        mark = self._condition_mark(reading)
        if not mark:
            return False
        first = self._clause_start(reading.start)
        named = _HEADING.fullmatch(self.text, first, reading.start)
        if named and _names_quantity(named[1]):
            self.waiting, self.waiting_end = named.span(1), mark.end()
            first = reading.start
        words = self.source.original[slice(*self.source.span(first, mark.end()))]
        words = words.strip().removeprefix("在").strip(" ,，;；:：、。(（")
        over = _SENTENCE_END.search(self.lines, self.done, first)
        if over:
            self.conditions.clear()
        self._add_condition(words)
        self.done = mark.end()
        return True

    def _add_condition(self, words: str) -> None:
        if self.conditions == [""]:
            self.conditions.clear()
        self.conditions.append(words)

    def _condition_mark(self, reading: _Reading) -> re.Match[str] | None:
        """Find the words that make a condition of the figure before them."""
        bound = reading.sign and reading.word not in _WEAK_WORDS
        if not bound:
            within = _CONDITION_WITHIN.match(self.text, reading.end)
            if within and not reading.sign:
                return within
        if reading.sign == "≤" and not reading.word:
            first, last = self._name(reading.start)
            timed = dimension(reading.unit) == "[time]"
            if not timed or _names_quantity(self.text[first:last]):
                return None
            return _MEANWHILE.match(self.text, reading.end)
        mark = _CONDITION_MARK.match(self.text, reading.end)
        if not mark or not reading.sign:
            return mark
        clause = self.text[self._clause_start(reading.start) : reading.start]
        if bound and _CONDITION_BOUND.match(self.text, reading.end):
            return mark
        return mark if _WHENEVER.search(clause) else None

    def _await(self, reading: _Reading) -> bool:
        """Put by a figure between a name and its bound: 溶出度30分钟不低于85%.

        The figure is a condition, and the name waits for the bound.
        """
        bare = not reading.sign and reading.shape is Comparison.EQ
        if not bare or dimension(reading.unit) not in _WAITING:
            return False
        word = _FORWARD.match(self.text, reading.end) or _BLANK.match(
            self.text, reading.end
        )
        pair = self._second(word.end(), "") if word else None
        if not pair or dimension(pair.unit) in {"[time]", dimension(reading.unit)}:
            return False
        first, last = self._name(reading.start)
        name = _REMARK.sub("", self.text[first:last])
        loosely = self.loose and bool(name or self.given_name)
        if not (_names_quantity(name) or loosely) or name.endswith(
            ("温度", "时间", "周期", "寿命")
        ):
            return False
        span = self.source.span(reading.start, reading.end)
        self._add_condition(self.source.original[slice(*span)])
        self.waiting = (first, last)
        self.waiting_end = self.done = reading.end
        return True

    def _set_aside(self, reading: _Reading) -> bool:
        """Put by a bare figure before other words, as in 60℃存储30天容量保持率.

        It qualifies what follows in the same clause. When nothing does, it is the
        best there is, and a form row takes it.
        """
        bare = not reading.sign and reading.shape is Comparison.EQ and reading.unit
        rest = self.text[reading.end : reading.end + 2]
        spoken_for = reading.start < self.done
        if spoken_for or not bare or not _MORE_WORDS.match(rest):
            return False
        if _is_glued(reading.unit, rest):
            return False
        first = self._clause_start(reading.start)
        if _STANDARD.search(self.text, first, reading.start):
            return False
        words = self.source.original[slice(*self.source.span(first, reading.end))]
        words = words.strip(" (（")
        if self.loose:
            self.spare.append(self._build(reading, words, first))
        joined = first == self.aside_end
        if not joined:
            self.asides.clear()
        self.asides.append(words)
        self.done = self.aside_end = reading.end
        return True

    def _clause_start(self, end: int) -> int:
        """Find where the clause begins in which a place lies."""
        first = max(self.done, end - _WINDOW)
        for match in _CLAUSE.finditer(self.lines, first, end):
            first = match.end()
        return first

    def _name(self, end: int) -> tuple[int, int]:
        """Find the words that name the quantity, in front of its comparison."""
        first = max(self.done, end - _WINDOW)
        end = _without_trailing(self.text, first, end)
        # A clause does not begin inside of the bracket that closes the name.
        opened = self.text.rfind("(", first, end) if self.text[end - 1] == ")" else 0
        behind = opened > first and self.text[opened - 1] not in {"/", "·"}
        first = self._clause_start(opened if behind else end)
        if first == self.done and (joining := _JOINING.match(self.text, first, end)):
            first = joining.end()
        if leading := _LEADING.match(self.text, first, end):
            first = leading.end()
        if first >= end and self.waiting_end == self.done:
            return self.waiting
        return first, max(first, end)

    def _indicator(self, reading: _Reading) -> Indicator | None:
        first, last = self._name(reading.start)
        name, condition = _DIAMETER.sub("", self.text[first:last]), ""
        if name.endswith(")") and (match := _NAME_BRACKET.fullmatch(name)):
            name, inside = match[1], match[2]
            found = scan(inside, 0)
            if found is None or found[1] < len(inside):
                condition = inside
            elif not reading.unit:
                reading.unit = found[0]
        name = name.strip() or reading.name
        if name.endswith("分别"):
            # Several names share out several figures: there is no telling which.
            over = _SENTENCE_END.search(self.lines, reading.end)
            self.done = over.start() if over else len(self.text)
            return None
        name = _ADVERB.sub("", name)
        if "最" in name and (extreme := _EXTREME.fullmatch(name)):
            name = extreme["extreme"] + extreme["rest"]
        if not self._passes(reading, name):
            return None
        if not name:
            name = self._name_behind(reading)
        if not reading.unit:
            reading.unit = _unit_of(name) or _unit_of(self.given_name)
        condition = " ".join(filter(None, [self._condition_before(first), condition]))
        start = first if name and first < reading.start else reading.start
        self.done, self.waiting_end = reading.end, -1
        condition = " ".join(filter(None, [condition, self._condition_after()]))
        return replace(self._build(reading, name, start), condition=condition)

    def _name_behind(self, reading: _Reading) -> str:
        """Find the name in 不少于5件发明专利 and in 600MPa以上的抗拉强度."""
        following = _FOLLOWING.match(self.text, reading.end)
        measured = dimension(reading.unit)
        graded = measured == "[grade]"
        if following and (
            measured == "[count]" or (graded and _LOWER_GRADE.search(following[1]))
        ):
            reading.end = following.end()
            return str(following[1])
        match = _OF.match(self.text, reading.end)
        if not match or not (reading.bounded or match.group().startswith("的")):
            return ""
        over = _OF_END.search(match[1])
        name = match[1][: over.start()] if over else match[1]
        if not (_names_quantity(name) or name.casefold() in _CANONICAL_NAME):
            return ""
        reading.end = match.start(1) + len(name)
        return name

    def _build(self, reading: _Reading, name: str, start: int) -> Indicator:
        span = self.source.span(start, reading.end)
        return Indicator(
            name=name,
            comparison=_comparison(reading, name or self.given_name),
            value=reading.value,
            value2=reading.value2,
            unit=reading.unit,
            dimension=dimension(reading.unit),
            text=self.source.original[slice(*span)],
            span=span,
        )

    def _condition_before(self, first: int) -> str:
        """Take the condition set aside, unless its sentence is over."""
        condition, aside = " ".join(self.conditions), " ".join(self.asides)
        self.conditions.clear()
        self.asides.clear()
        over = _SENTENCE_END.search(self.lines, self.done, first)
        kept = [] if over else [condition]
        if aside and self._clause_start(first) == self.aside_end:
            kept.append(aside)
        return " ".join(filter(None, kept))

    def _condition_after(self) -> str:
        for pattern in (_AT, _BRACKET):
            match = pattern.match(self.text, self.done)
            if match and not _BOUND_WORDS.search(match.group()):
                self.done = match.end()
                words = self.source.span(match.start(1), match.end(1))
                return self.source.original[slice(*words)].strip()
        return ""

    def _passes(self, reading: _Reading, name: str) -> bool:
        """Decide whether a figure in running words is an indicator."""
        rest = self.text[reading.end : reading.end + 4]
        if not reading.unit and _MODEL_TAIL.match(rest):
            return False
        if reading.name:
            return True
        if _WHOSE.fullmatch(name) and not self.loose:
            return False
        spoken = reading.sign if reading.word not in _WEAK_WORDS else ""
        paired = reading.shape is not Comparison.EQ
        known = _names_quantity(name) or _names_change(name)
        if self.loose:
            tail = self.text[reading.end : reading.end + _WINDOW]
            last = not tail or _BRACKET.fullmatch(tail)
            named = known or reading.word or _ABBREVIATION.search(name)
            alone = last and (reading.start == 0 or named)
            settled = reading.unit and (known or not _MORE_WORDS.match(rest))
            passes = bool(spoken or paired or settled or alone)
        elif spoken:
            passes = bool(reading.unit or name)
        elif paired:
            passes = bool(reading.unit or _names_quantity(name))
        else:
            # 相关系数为0.99 is one; 工序比2.5更多的 is none.
            pure = reading.word and (not rest or _CLAUSE.match(rest))
            passes = bool((reading.unit or pure) and known)
        if passes and not (spoken or paired or known):
            return not _is_glued(reading.unit, rest)
        return passes


def _is_glued(unit: str, rest: str) -> bool:
    """Tell 316L不锈钢, which is a steel, from 316 litres of one."""
    return len(unit) == 1 and bool(_GLUED.match(unit + rest))


def _introduction(before: str) -> tuple[re.Match[str] | None, str, int, int]:
    """Find the words of comparison and the scale in front of a figure.

    They may stand in either order: HRC≥58, 不低于HRC58.

    Returns
    -------
    tuple
        The words and the scale; where the words begin, and where both do.
    """
    if before[-1:] not in _INTRODUCING:
        return None, "", len(before), len(before)

    def word_before(end: int) -> re.Match[str] | None:
        last = before[max(0, end - _WORD_WINDOW) : end]
        if last[-1:] in _BEFORE_LAST and (found := _BEFORE.search(last)):
            return found
        return _BEFORE_SHARE.search(last) if last.endswith("的") else None

    end = len(before)
    word = word_before(end)
    start = end - (len(word.group()) if word else 0)
    window = before[max(0, start - _SCALE_WINDOW) : start]
    scale = _SCALE.search(window) or (_SCALE_WITH_LOAD.search(window) if word else None)
    if not scale:
        symbol = _SYMBOL.search(word["fill"]) if word else None  # ≤Ra0.8
        return word, symbol.group() if symbol else "", start, start
    outer = start - len(scale.group())
    if not word and (word := word_before(outer)):
        start = outer = outer - len(word.group())
    return word, scale["scale"], start, outer


def _without_trailing(text: str, first: int, end: int) -> int:
    """Return where the words begin that only lead from a name to its figure.

    They are sought from behind, each place once: as a pattern, the many ways in which
    需要要求可以达 can be cut would be tried one after another.
    """
    if end <= first or text[end - 1] not in _TRAILING_LAST:
        return end
    begins, at = [end], end - 1
    while at >= max(first, begins[-1] - _LONGEST_TRAILING):
        if text[at] not in _TRAILING_FIRST:
            at -= 1
            continue
        words = {text[at:stop] for stop in begins[-_LONGEST_TRAILING:]}
        if at and text[at - 1] in _BELONGING.get(text[at], ""):
            words.discard(text[at])
        if not words.isdisjoint(_TRAILING):
            begins.append(at)
        at -= 1
    return begins[-1]


def _unit_of(name: str) -> str:
    """Return the unit that a name carries, as 抗拉强度/MPa and 厚度(μm) do."""
    match = _UNIT_OF_NAME.search(clean(name))
    words = (match["bare"] or match["inside"]) if match else ""
    found = scan(words, 0)
    return found[0] if found and found[1] == len(words) else ""


def _is_hit_rate(name: str, value: float | None, unit: str) -> bool:
    """Tell 识别精度95%, a rate of hits, from 测量精度0.5%, a deviation."""
    if not name.endswith("精度") or value is None:
        return False
    rate = convert(value, unit, "%") if unit else 100 * value
    return rate is not None and _HIT_RATE <= rate <= 100.0


def _is_lower_better(name: str, value: float | None, unit: str) -> bool:
    """Tell whether less of a quantity is better, by its name and its figure.

    Precision of 0.01 mm is a deviation, one of 95% a rate of hits; a resolution is a
    length or a number of bits; a level below zero, as of noise, had better be low.
    """
    if value is not None and value < 0:
        return True
    measured = dimension(unit)
    if _is_hit_rate(name, value, unit):
        return False
    if name.endswith(("分辨率", "分辨力")):
        return measured in _FINER_IS_BETTER
    if measured == "[grade]" and _LOWER_GRADE.search(name):
        return True
    if _names_change(name) or _CHANGING.match(name):
        return False
    # The last word is what the quantity is: 磨损寿命 is a life, 失效率 no efficiency.
    lower, higher = (
        max((found.end() for found in words.finditer(name)), default=-1)
        for words in (_LOWER_BETTER, _HIGHER_BETTER)
    )
    return lower >= higher and lower > 0


_DEPENDING = frozenset(["better", "reach", "up", "down"])


def _comparison(reading: _Reading, name: str) -> Comparison:
    if reading.shape is not Comparison.EQ:
        return reading.shape
    if not reading.sign:
        changed = _names_change(name) or _CHANGING.match(name)
        return Comparison.GE if reading.unit == "IP" or changed else Comparison.EQ
    if reading.sign not in _DEPENDING:
        return Comparison(reading.sign)
    lower = _is_lower_better(name, reading.value, reading.unit)
    higher = _HIGHER_BETTER.search(name) is not None
    fine = dimension(reading.unit) in _FINER_IS_BETTER
    turned = {
        "better": Comparison.LE if lower or (fine and not higher) else Comparison.GE,
        "reach": Comparison.LE if lower else Comparison.GE,
        "up": Comparison.EQ if lower else Comparison.GE,
        "down": Comparison.EQ if higher else Comparison.LE,
    }
    return turned[reading.sign]


def extract(text: str) -> list[Indicator]:
    """Find the indicators in running text.

    Parameters
    ----------
    text : str
        Any text, as written.

    Returns
    -------
    list of Indicator
        In the order of the text. ``span`` points into ``text`` itself, and
        ``text`` of an indicator is what stands there. Model numbers, standards,
        years and telephone numbers are left out.

    Examples
    --------
    >>> [found.name for found in extract("抗拉强度≥600 MPa，延伸率不低于7%")]
    ['抗拉强度', '延伸率']
    """
    return list(_Scanner(normalise(text), loose=False).run())


def parse(
    text: str, *, name: str = "", is_core: bool = False, condition: str = ""
) -> Indicator:
    """Read the words of one form row.

    Parameters
    ----------
    text : str
        What the firm wrote. Of several indicators the one named like the row counts,
        else the first that has a name.
    name : str, optional
        The name given in the form; the words may name the quantity themselves.
    is_core : bool, default=False
        Whether the row is marked as a core indicator.
    condition : str, optional
        The test condition given in the form.

    Returns
    -------
    Indicator
        Qualitative, with the words kept, when no figure can be read.

    Examples
    --------
    >>> row = parse("厚度不大于0.05mm")
    >>> row.name, row.comparison.value, row.value, row.unit
    ('厚度', '≤', 0.05, 'mm')
    """
    scanner = _Scanner(normalise(text), loose=True, name=name)
    found = list(scanner.run())
    if not found and not _BOUND_WORDS.search(scanner.text):
        found = scanner.spare
    best = next((each for each in found if each.name), found[0] if found else None)
    if name:
        best = max(found, key=lambda each: _likeness(name, each.name), default=None)
    if best is None:
        return from_parts(
            name,
            Comparison.QUALITATIVE,
            None,
            None,
            "",
            text=text,
            condition=condition,
            is_core=is_core,
        )
    return replace(
        best,
        name=name or best.name,
        text=text,
        condition=condition or best.condition,
        is_core=is_core,
        span=None,
    )


_CODES = {**Comparison.__members__, "QUAL": Comparison.QUALITATIVE}


def from_parts(
    name: str,
    comparison: Comparison | str,
    value: float | None,
    value2: float | None,
    unit: str,
    *,
    text: str = "",
    condition: str = "",
    is_core: bool = False,
) -> Indicator:
    """Build an indicator from the fields of a structured form row.

    Parameters
    ----------
    name : str
        The quantity.
    comparison : Comparison or str
        How the value bounds it, as a sign (``≥``) or as a code (``GE``).
    value, value2 : float or None
        In ``unit``; see :class:`Indicator`. A range may be given in any order.
    unit : str
        In any spelling.
    text : str, optional
        The words as written; made from the parts when there are none.
    condition : str, optional
        The test condition.
    is_core : bool, default=False
        Whether it is a core indicator.

    Returns
    -------
    Indicator
        With the canonical unit.

    Raises
    ------
    ValueError
        If the comparison is unknown, or lacks a figure that it needs, or a figure is
        not finite.
    """
    kind = _CODES.get(comparison) or Comparison(comparison)
    figures = [None if each is None else float(each) for each in (value, value2)]
    if kind is Comparison.QUALITATIVE:
        figures = [None, None]
    elif figures[0] is None or (kind is Comparison.RANGE and figures[1] is None):
        raise ValueError(f"{kind.value} lacks a figure")
    elif kind not in {Comparison.RANGE, Comparison.PM}:
        figures[1] = None
    if not all(each is None or math.isfinite(each) for each in figures):
        raise ValueError("figures must be finite")
    if kind is Comparison.RANGE:
        figures.sort(key=lambda each: each or 0.0)
    made = Indicator(
        name=name,
        comparison=kind,
        value=figures[0],
        value2=figures[1],
        unit=canonical(unit),
        dimension=dimension(unit),
        text=text,
        condition=condition,
        is_core=is_core,
    )
    return made if text else replace(made, text=describe(made))


def describe(indicator: Indicator) -> str:
    """Write the bound the short way, such as ``≥600 MPa`` or ``-40~85°C``.

    Parameters
    ----------
    indicator : Indicator
        A qualitative one is described by its own words.

    Returns
    -------
    str
        Words that :func:`parse` reads back to the same comparison and figures.
    """
    kind, value, value2 = indicator.comparison, indicator.value, indicator.value2
    if kind is Comparison.QUALITATIVE or value is None:
        return indicator.text
    figures = f"{kind.value}{_plain(value)}"
    if value2 is not None:
        sign = "~" if kind is Comparison.RANGE else "±"
        figures = f"{_plain(value)}{sign}{_plain(value2)}"
    if indicator.unit == "IP":
        return figures.replace(_plain(value), f"IP{_plain(value)}")
    if indicator.unit.startswith("1/"):
        return f"{figures}{indicator.unit[1:]}"
    if indicator.unit == _ONE_TO:
        return re.sub("(?<![0-9.])(?=[0-9])", "1:", figures)
    close = not indicator.unit or indicator.unit[0] in "%‰°"
    return f"{figures}{'' if close else ' '}{indicator.unit}"


def _plain(value: float) -> str:
    return repr(value).removesuffix(".0")


@lru_cache(maxsize=8192)
def _plain_name(name: str) -> str:
    """Return the one name of a quantity, without what tells no quantities apart."""
    words = clean(name)
    if _unit_of(words):
        words = _UNIT_OF_NAME.sub("", words) or words
    words = words.casefold()
    words = _GENERIC.sub("", _REMARK.sub("", words) or words)
    words = _TRAILING_SYMBOL.sub("", words)
    if _names_change(words):
        words = _BASELINE.sub("", words)
    if changing := _CHANGING.match(words):
        words = words[changing.end() :] + changing.group()  # 降低能耗, 能耗降低
    if words in _CANONICAL_NAME:
        return _CANONICAL_NAME[words]
    longest = max(1, len(words) - _LONGEST_NAME)
    for at in range(longest, len(words) - _SUFFIX_LENGTH + 1):
        if words[at:] in _CANONICAL_NAME:
            return words[:at] + _CANONICAL_NAME[words[at:]]
    return words


@lru_cache(maxsize=8192)
def _qualifiers(name: str, condition: str) -> tuple[str, ...]:
    """Return, group by group, the words that set a quantity apart from its kin."""
    remarks = " ".join(_REMARK.findall(clean(name)))
    words = f"{_plain_name(name)} {remarks} {clean(condition)}"
    symbol = _TRAILING_SYMBOL.search(clean(name).casefold())
    # A state after some treatment, as in 老化后导热系数, is another quantity.
    after = "后" if _AFTERWARD_STATE.search(_plain_name(name)) else ""
    said = [symbol.group() if symbol else "ra", after]
    for group, silence in _QUALIFIERS:
        hits = [same[0] for same in group if any(each in words for each in same)]
        said.append("/".join(hits) or silence)
    temperatures = _temperatures(condition)
    if temperatures and _ROOM in said:
        low, high = _ROOM_TEMPERATURE
        extreme = (temperatures[0] > high) - (temperatures[0] < low)
        said[said.index(_ROOM)] = (_ROOM, "高温", "低温")[extreme]
    return tuple(said)


@lru_cache(maxsize=65536)
def _temperatures(words: str) -> tuple[float, ...]:
    found = _TEMPERATURE.findall(clean(words))
    return tuple(-float(figure) if sign else float(figure) for sign, figure in found)


@lru_cache(maxsize=65536)
def _rounds(words: str) -> tuple[str, ...]:
    return tuple(map(str, _ROUNDS.findall(clean(words))))


def _same_condition(one: str, other: str) -> bool:
    """Tell whether two conditions do not contradict each other's figures."""
    ours, theirs = _temperatures(one), _temperatures(other)
    if ours and theirs and abs(ours[0] - theirs[0]) > _SAME_TEMPERATURE:
        return False
    rounds = [_rounds(each) for each in (one, other)]
    return not all(rounds) or rounds[0] == rounds[1]


@lru_cache(maxsize=65536)
def _likeness(one: str, other: str) -> float:
    """Return how alike two names are, from 0 to 100."""
    ours, theirs = (
        _FOREMOST.sub("", _plain_name(each)) or _plain_name(each)
        for each in (one, other)
    )
    if ours == theirs:
        return 100.0
    short, long = sorted((ours, theirs), key=len)
    if len(short) >= _SUFFIX_LENGTH and long.endswith(short):
        return _SUFFIX_SCORE
    score = float(fuzz.ratio(ours, theirs))
    return score if score >= _SAME_NAME else 0.0


def _same_quantity(required: Indicator, claimed: Indicator) -> float:
    """Return how surely two indicators speak of one quantity, 0 when they do not."""
    if required.dimension != claimed.dimension:
        return 0.0
    score = _likeness(required.name, claimed.name)
    if not score:
        return 0.0
    ours = _qualifiers(required.name, required.condition)
    theirs = _qualifiers(claimed.name, claimed.condition)
    for one, other in zip(ours, theirs, strict=True):
        if one != other and "*" not in {one, other}:
            return 0.0
    return score if _same_condition(required.condition, claimed.condition) else 0.0


@dataclass(frozen=True, slots=True)
class _Bounds:
    """Where a quantity is said to lie, in the unit of the demand."""

    low: float
    high: float
    spread: bool = False  # Both ends were stated, so that it is a range.
    tolerance: bool = False  # The figure is a deviation, without a nominal value.


def _is_lone(indicator: Indicator) -> bool:
    return indicator.comparison is Comparison.PM and indicator.value2 is None


def _claimed(claim: Indicator, required: Indicator) -> _Bounds | None:
    """Return what a claim guarantees, None when it cannot be put into the unit."""
    unit, lone = required.unit, _is_lone(claim)
    apart = lone or _is_lone(required) or bool(_DIFFERENCE.search(required.name))
    value = second = None
    if claim.value is not None:
        value = convert(claim.value, claim.unit, unit, difference=apart)
    if claim.value2 is not None:
        apart = apart or claim.comparison is Comparison.PM
        second = convert(claim.value2, claim.unit, unit, difference=apart)
    if value is None:
        return None
    match claim.comparison:
        case Comparison.GE | Comparison.GT:
            return _Bounds(value, math.inf)
        case Comparison.LE | Comparison.LT:
            return _Bounds(-math.inf, value)
        case Comparison.RANGE if second is not None:
            return _Bounds(value, second, spread=True)
        case Comparison.PM if second is not None:
            return _Bounds(value - second, value + second, spread=True)
    return _Bounds(value, value, tolerance=lone)


def _share(distance: float, scale: float) -> float:
    """Return a distance as a share, within what a report can hold."""
    if not math.isfinite(distance) or not math.isfinite(scale):
        return math.copysign(_LARGEST_MARGIN, distance)
    share = distance / scale if scale else 0.0
    share = 0.0 if abs(share) <= _EXACT else share
    return max(-_LARGEST_MARGIN, min(_LARGEST_MARGIN, share))


def _at_least(bound: float, stated: _Bounds) -> float | None:
    """Return the margin over a lower bound, None when nothing is guaranteed."""
    if stated.tolerance:
        return None
    if stated.low > -math.inf:
        return _share(stated.low - bound, abs(bound) or abs(stated.low))
    margin = _share(stated.high - bound, abs(bound) or abs(stated.high))
    return margin if margin < 0 else None


def _exactly(bound: float, stated: _Bounds) -> float | None:
    scale = abs(bound) or abs(stated.low if stated.low > -math.inf else stated.high)
    if stated.low == -math.inf or stated.high == math.inf:
        outside = max(stated.low - bound, bound - stated.high)
        return _share(-outside, scale) if outside > 0 else None
    return _share(-max(abs(stated.low - bound), abs(stated.high - bound)), scale)


def _within(low: float, high: float, stated: _Bounds) -> float | None:
    """Return the room that a claim leaves inside a range."""
    scale = high - low or abs(high) or 1.0
    if stated.tolerance:
        return None
    if stated.low == -math.inf or stated.high == math.inf:
        outside = max(stated.low - high, low - stated.high)
        return _share(-outside, scale) if outside > 0 else None
    return _share(min(stated.low - low, high - stated.high), scale)


def _covering(low: float, high: float, stated: _Bounds) -> float | None:
    """Return by how much a claim covers a whole range; one point says nothing."""
    scale = high - low or abs(high) or 1.0
    if stated.spread:
        return _share(min(low - stated.low, stated.high - high), scale)
    ends = [
        _share(distance, scale)
        for distance in (low - stated.low, stated.high - high)
        if math.isfinite(distance)
    ]
    missed = len(ends) == 1 and ends[0] < -NEAR_TOLERANCE
    return ends[0] if missed else None


def _ingress(required: float, claimed: float) -> float:
    """Compare protection grades: dust and water are two scales in one figure."""
    pairs = zip(divmod(required, 10), divmod(claimed, 10), strict=True)
    return min(theirs - ours for ours, theirs in pairs) / 10


def _margin(required: Indicator, claim: Indicator) -> float | None:
    """Return the signed margin of a claim, None when it settles nothing."""
    stated, bound = _claimed(claim, required), required.value
    if stated is None or bound is None:
        return None
    comparison = _meant(required)
    if required.unit == "IP" and math.isfinite(stated.low):
        return _ingress(bound, stated.low)
    if required.value2 is not None:
        return _range_margin(required, bound, required.value2, stated)
    if comparison is Comparison.EQ:
        return _exactly(bound, stated)
    if comparison in {Comparison.GE, Comparison.GT}:
        margin = _at_least(bound, stated)
    else:
        # "At most" is "at least" on the other side of zero; a lone tolerance counts
        # by its size.
        margin = _at_least(-bound, _Bounds(-stated.high, -stated.low))
    strict = comparison in {Comparison.GT, Comparison.LT}
    if margin == 0.0 and strict and claim.comparison is not comparison:
        margin = -sys.float_info.epsilon
    return margin


def _range_margin(
    required: Indicator, first: float, second: float, stated: _Bounds
) -> float | None:
    if required.comparison is Comparison.PM:
        return _within(first - second, first + second, stated)
    service = _SERVICE_RANGE.search(required.name)
    if service or required.dimension == "[temperature]":
        return _covering(first, second, stated)
    return _within(first, second, stated)


def _meant(required: Indicator) -> Comparison:
    """Return the comparison a demand means.

    "抗拉强度600MPa" in a demand asks for no less, "误差0.1mm" for no more. Only a
    written sign of equality asks for exactly the figure.
    """
    if required.comparison is not Comparison.EQ or "=" in clean(required.text):
        return required.comparison
    measured = required.name, required.value, required.unit
    directed = _LOWER_BETTER.search(required.name) or _LEVEL.search(required.name)
    if directed and _is_lower_better(*measured):
        return Comparison.LE
    if _HIGHER_BETTER.search(required.name) or _is_hit_rate(*measured):
        return Comparison.GE
    return Comparison.EQ


def _tolerance(required: Indicator) -> float:
    """Return by which share a claim may fall short and still be near.

    Near the whole, five per cent are much: 95 % of good parts are ten times as many
    bad ones as 99.5 %. There, a claim is near while the bad share no more than doubles.
    """
    if required.dimension in _NO_TOLERANCE:
        return 0.0
    if required.dimension == "[ratio]" and _meant(required) in {
        Comparison.GE,
        Comparison.GT,
    }:
        whole = convert(required.value or 0.0, required.unit, "%") or 0.0
        if 0.0 < whole <= 100.0:
            return min(NEAR_TOLERANCE, (100.0 - whole) / whole)
    return NEAR_TOLERANCE


def _answer(required: Indicator, claim: Indicator) -> Verdict:
    qualitative = Comparison.QUALITATIVE
    if qualitative in {required.comparison, claim.comparison}:
        words = {
            _GENERIC.sub("", clean(each.text).casefold()) for each in (required, claim)
        }
        same = required.comparison == claim.comparison and len(words) == 1
        kind = VerdictKind.MET if same else VerdictKind.UNSTATED
        return Verdict(required, claim, kind, None)
    margin = _margin(required, claim)
    if margin is None:
        kind = VerdictKind.UNSTATED
    elif margin >= 0.0:
        kind = VerdictKind.MET
    elif margin >= -_tolerance(required) - _EXACT:
        kind = VerdictKind.NEAR
    else:
        kind = VerdictKind.MISSED
    return Verdict(required, claim, kind, margin)


def judge(required: Indicator, claimed: Sequence[Indicator]) -> Verdict:
    """Say what the claims of an offer mean for one demand.

    A claim counts only when it speaks of the same quantity: equal dimension, the same
    name or a known synonym, and no word that sets the two apart, such as yield against
    tensile strength, or hot against room temperature. Of several such claims the one
    with the likest name counts, then the best.

    Parameters
    ----------
    required : Indicator
        From the need.
    claimed : sequence of Indicator
        From the offer.

    Returns
    -------
    Verdict
        ``near`` when the claim falls short by no more than :data:`NEAR_TOLERANCE` of
        the bound. ``unstated`` when no claim speaks of the quantity, or the one that
        does leaves it open (a demand of at least 7 met by a claim of at most 10). A
        service range, such as a working temperature, must be covered by the claim; a
        range of a property must hold it.

    Examples
    --------
    >>> judge(parse("抗拉强度≥600 MPa"), [parse("拉伸强度 0.62 GPa")]).kind.value
    'met'
    """
    best: tuple[float, int, float] | None = None
    verdict = Verdict(required, None, VerdictKind.UNSTATED, None)
    for claim in claimed:
        score = _same_quantity(required, claim)
        if not score:
            continue
        answer = _answer(required, claim)
        margin = -math.inf if answer.margin is None else answer.margin
        merit = (score, _MERIT[answer.kind], margin)
        if best is None or merit > best:
            best, verdict = merit, answer
    return verdict
