"""Indicators 指标 of the market: what each figure means, as data.

Source: domain reference, sections 12.1 (definitions) and 12.2 (axes). What a figure
says and how it is made stand here once; ``services.indicators`` computes by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

from marketplace.domain.roles import Role
from marketplace.errors import Text


class Kind(StrEnum):
    """What sort of number an indicator is."""

    COUNT = "count"
    AMOUNT = "amount"
    RATIO = "ratio"
    DERIVED = "derived"


class Family(StrEnum):
    """What an indicator counts."""

    CONTRACT = "contract"
    NEED = "need"
    CALL = "call"
    MILESTONE = "milestone"
    DOCKING = "docking"
    BROKER = "broker"


@dataclass(frozen=True, slots=True)
class Axis:
    """Something that figures are parted by.

    Parameters
    ----------
    column : str
        The column of a registry's entry, or the property of a need, that holds the
        code; empty for ``flow``, which is a pair of two others.
    list_id : str
        The code list of its values; empty where they are organisations.
    roll : str
        To what the codes are rolled up: ``root`` (D1 to D), ``city`` (370202 to
        370200), or nothing.
    """

    code: str
    title: Text
    column: str
    list_id: str
    roll: str = ""


def _axis(code: str, zh: str, en: str, column: str, list_id: str, roll: str) -> Axis:
    return Axis(code, Text(zh, en), column, list_id, roll)


# fmt: off
CONTRACT_AXES: dict[str, Axis] = {a.code: a for a in (
    _axis("class", "合同类别", "Contract class",
          "contract_class", "contract_class", "root"),
    _axis("class_detail", "合同细类", "Kind of contract",
          "contract_class", "contract_class", ""),
    _axis("tech_field", "技术领域", "Technology field",
          "tech_field", "tech_field", "root"),
    _axis("tech_field_detail", "技术领域（细分）", "Technology field in detail",
          "tech_field", "tech_field", ""),
    _axis("seller_nature", "卖方性质", "Nature of the seller",
          "seller_nature", "party_nature", "root"),
    _axis("seller_nature_detail", "卖方性质（细分）", "Nature of the seller in detail",
          "seller_nature", "party_nature", ""),
    _axis("buyer_nature", "买方性质", "Nature of the buyer",
          "buyer_nature", "party_nature", "root"),
    _axis("buyer_nature_detail", "买方性质（细分）", "Nature of the buyer in detail",
          "buyer_nature", "party_nature", ""),
    _axis("ip", "知识产权类型", "Intellectual property",
          "ip_type", "ip_type", "root"),
    _axis("plan", "计划来源", "Plan source",
          "plan_source", "plan_source", "root"),
    _axis("seller_city", "输出地（市）", "City of the seller",
          "seller_region", "region", "city"),
    _axis("seller_district", "输出地（区县）", "District of the seller",
          "seller_region", "region", ""),
    _axis("buyer_city", "吸纳地（市）", "City of the buyer",
          "buyer_region", "region", "city"),
    _axis("buyer_district", "吸纳地（区县）", "District of the buyer",
          "buyer_region", "region", ""),
    _axis("registry", "登记机构", "Registry",
          "registry_org_id", "", ""),
)}
FLOW = Axis("flow", Text("市际流向", "Flow between cities"), "", "region", "city")
FLOW_ENDS = ("seller_city", "buyer_city")
OBJECT_AXES: dict[str, Axis] = {a.code: a for a in (
    _axis("city", "需求方所在市", "City of the need's owner",
          "region", "region", "city"),
    _axis("district", "需求方所在区县", "District of the need's owner",
          "region", "region", ""),
    _axis("chain", "产业链", "Industrial chain", "chain", "sd_chain", ""),
)}
# fmt: on
AXES: dict[str, Axis] = {**CONTRACT_AXES, FLOW.code: FLOW, **OBJECT_AXES}
SELLER_AXES = frozenset({"seller_city", "seller_district"})
BUYER_AXES = frozenset({"buyer_city", "buyer_district"})
MOST_AXES = 2
"""By how many axes at once a figure can be parted."""


@dataclass(frozen=True, slots=True)
class Indicator:
    """What a figure is called, how it is made, and who answers for it.

    Parameters
    ----------
    unit : Text
        Of the value over the wire: amounts are in 元 there.
    sheet_unit : Text
        Of the value on a sheet and in a bulletin: amounts are in 万元 there.
    formula : Text
        In words.
    source : str
        Where the definition comes from.
    owner : Role
        Who answers for it.
    decimals : int
        Places after the point to which the value is rounded, half up.
    """

    code: str
    title: Text
    unit: Text
    sheet_unit: Text
    formula: Text
    source: str
    owner: Role
    axes: tuple[str, ...]
    kind: Kind
    decimals: int
    family: Family
    modifier: bool = False


_ALL = (*CONTRACT_AXES, FLOW.code)
_OUT = tuple(a for a in _ALL if a not in BUYER_AXES | {FLOW.code})
_IN = tuple(a for a in _ALL if a not in SELLER_AXES | {FLOW.code})
_OBJECTS = tuple(OBJECT_AXES)
_ITEMS = Text("项", "contracts")
_NEEDS = Text("项", "needs")
_YUAN, _WAN = Text("元", "yuan"), Text("万元", "10,000 yuan")
_PERCENT = Text("%", "%")
_CLAUSE = "domain reference 12.1"
_REGISTRY, _OPERATOR = Role.REGISTRY_REVIEWER, Role.OPERATOR

# fmt: off
INDICATORS: dict[str, Indicator] = {i.code: i for i in (
    Indicator(
        "CT_N", Text("技术合同登记数", "Contracts registered"), _ITEMS, _ITEMS,
        Text("期内准予登记的技术合同数，减去期内注销、撤销的，加恢复的；"
             "按登记簿记载日归期",
             "contracts registered in the period, less those cancelled or revoked in"
             " it, plus those restored, by the day in the registry's book"),
        _CLAUSE, _REGISTRY, _ALL, Kind.COUNT, 0, Family.CONTRACT),
    Indicator(
        "CT_AMT", Text("技术合同成交额", "Contract value"), _YUAN, _WAN,
        Text("上述合同的成交总额之和，变更、注销、撤销按其增减额计入其发生之期",
             "sum of the total amounts of these contracts; a change, cancellation or"
             " revocation counts by its difference in the period in which it is made"),
        _CLAUSE, _REGISTRY, _ALL, Kind.AMOUNT, 2, Family.CONTRACT),
    Indicator(
        "CT_TECH", Text("技术交易额", "Technical amount"), _YUAN, _WAN,
        Text("上述合同的技术交易额之和", "sum of their technical amounts"),
        _CLAUSE, _REGISTRY, _ALL, Kind.AMOUNT, 2, Family.CONTRACT),
    Indicator(
        "YOY", Text("同比增长", "Growth on the year before"), _PERCENT, _PERCENT,
        Text("（本期－上年同期）÷上年同期；上年同期为 0 时记“—”；随各指标给出",
             "(this period - same period last year) / same period last year; '—' if"
             " the base is 0. Given with every other indicator"),
        _CLAUSE, _OPERATOR, (), Kind.RATIO, 2, Family.CONTRACT, modifier=True),
    Indicator(
        "CT_AVG", Text("平均每项成交额", "Mean contract value"),
        Text("元/项", "yuan a contract"), Text("万元/项", "10,000 yuan a contract"),
        Text("成交额÷登记数", "CT_AMT / CT_N"),
        _CLAUSE, _REGISTRY, _ALL, Kind.DERIVED, 2, Family.CONTRACT),
    Indicator(
        "OUT", Text("输出技术", "Technology sold"), _YUAN, _WAN,
        Text("按卖方所在地统计的成交额（项数与技术交易额一并给出）；"
             "卖方所在地未填的不计",
             "contract value by the seller's region, with count and technical amount;"
             " contracts with no region of the seller are left out"),
        _CLAUSE, _REGISTRY, _OUT, Kind.AMOUNT, 2, Family.CONTRACT),
    Indicator(
        "IN", Text("吸纳技术", "Technology bought"), _YUAN, _WAN,
        Text("按买方所在地统计的成交额（项数与技术交易额一并给出）；"
             "买方所在地未填的不计",
             "contract value by the buyer's region, with count and technical amount;"
             " contracts with no region of the buyer are left out"),
        _CLAUSE, _REGISTRY, _IN, Kind.AMOUNT, 2, Family.CONTRACT),
    Indicator(
        "LOCAL", Text("本地转化率", "Sold and bought in one place"),
        _PERCENT, _PERCENT,
        Text("买卖双方同在一地的成交额÷输出技术成交额；一地指所问的省、市或区县，"
             "未指定时指市",
             "value of contracts with both sides in one place / OUT; the place is the"
             " province, city or district asked about, a city where none is"),
        _CLAUSE, _REGISTRY, _OUT, Kind.RATIO, 2, Family.CONTRACT),
    Indicator(
        "IP_SHARE", Text("涉及知识产权合同占比", "Share with intellectual property"),
        _PERCENT, _PERCENT,
        Text("知识产权类型已填且不为“未涉及”的合同数÷登记数",
             "contracts whose kind of intellectual property is given and is not"
             " 'none' / CT_N"),
        _CLAUSE, _REGISTRY, _ALL, Kind.RATIO, 2, Family.CONTRACT),
    Indicator(
        "PLAN_SHARE", Text("科技计划项目合同占比", "Share under government plans"),
        _PERCENT, _PERCENT,
        Text("计划来源已填且不为“计划外”的合同数÷登记数",
             "contracts whose plan source is given and is not 'outside' / CT_N"),
        _CLAUSE, _REGISTRY, _ALL, Kind.RATIO, 2, Family.CONTRACT),
    Indicator(
        "GDP_SHARE", Text("成交额占地区生产总值", "Contract value to regional GDP"),
        _PERCENT, _PERCENT,
        Text("一地全年输出技术成交额÷该地当年生产总值；未录入有来源的生产总值时记“—”",
             "a year's contract value of sellers in a place / its GDP of the year;"
             " '—' without a GDP that has a source"),
        _CLAUSE, _OPERATOR, ("seller_city",), Kind.RATIO, 2, Family.CONTRACT),
    Indicator(
        "NEED_N", Text("征集需求数", "Needs collected"), _NEEDS, _NEEDS,
        Text("期内首次入库的需求数", "needs that first entered the library"),
        _CLAUSE, _OPERATOR, _OBJECTS, Kind.COUNT, 0, Family.NEED),
    Indicator(
        "NEED_RATE", Text("需求解决率", "Needs solved"), _PERCENT, _PERCENT,
        Text("期内首次入库的需求中，截至统计时点已解决的÷入库数",
             "of the needs that first entered the library in the period, those solved"
             " by the moment of the figure"),
        _CLAUSE, _OPERATOR, _OBJECTS, Kind.RATIO, 2, Family.NEED),
    Indicator(
        "BID_PER_ITEM", Text("项均揭榜数", "Bids a call"),
        Text("个", "bids"), Text("个", "bids"),
        Text("期内首次提交的揭榜申报数÷期内首次发布的榜单数",
             "bids first submitted in the period / calls first published in it"),
        _CLAUSE, _OPERATOR, (), Kind.DERIVED, 2, Family.CALL),
    Indicator(
        "AWARD_RATE", Text("中榜率", "Calls awarded"), _PERCENT, _PERCENT,
        Text("期内立项的榜单数÷期内立项与流榜的榜单数",
             "calls awarded / calls awarded or failed in the period"),
        _CLAUSE, _OPERATOR, (), Kind.RATIO, 2, Family.CALL),
    Indicator(
        "FAIL_RATE", Text("流榜率", "Calls failed"), _PERCENT, _PERCENT,
        Text("期内流榜的榜单数÷期内立项与流榜的榜单数",
             "calls failed / calls awarded or failed in the period"),
        _CLAUSE, _OPERATOR, (), Kind.RATIO, 2, Family.CALL),
    Indicator(
        "MS_ONTIME", Text("里程碑按期通过率", "Milestones passed in time"),
        _PERCENT, _PERCENT,
        Text("期内按期通过的里程碑÷期内通过、延期通过与未通过的里程碑",
             "milestones passed in time / milestones passed, passed late or failed"),
        _CLAUSE, _OPERATOR, (), Kind.RATIO, 2, Family.MILESTONE),
    Indicator(
        "LEVER", Text("撬动比", "Leverage of fiscal money"),
        Text("倍", "times"), Text("倍", "times"),
        Text("研发总投入÷财政资金", "all R&D money / fiscal money"),
        _CLAUSE, Role.FUND_MANAGER, (), Kind.DERIVED, 2, Family.MILESTONE),
    Indicator(
        "DOCK_N", Text("对接数", "Dockings"),
        Text("次", "dockings"), Text("次", "dockings"),
        Text("期内发起的对接；一项需求与一项供给为一次",
             "dockings opened in the period, one for each need and supply"),
        "domain reference 10 and 12.1",
        _OPERATOR, _OBJECTS, Kind.COUNT, 0, Family.DOCKING),
    Indicator(
        "DOCK_OK", Text("对接成功数", "Successful dockings"),
        Text("次", "dockings"), Text("次", "dockings"),
        Text("所成合同于期内首次生效的对接；意向协议不计",
             "dockings whose contract first took effect in the period; letters of"
             " intent do not count"),
        "domain reference 10 and 12.1",
        _OPERATOR, _OBJECTS, Kind.COUNT, 0, Family.DOCKING),
    Indicator(
        "BRK_N", Text("技术经纪人数", "Technology brokers"),
        Text("名", "persons"), Text("名", "persons"),
        Text("期末证书有效的技术经纪人数",
             "brokers whose certificate is valid at the end of the period"),
        _CLAUSE, _OPERATOR, (), Kind.COUNT, 0, Family.BROKER),
)}
# fmt: on
NO_DATA = Text("暂无数据：0 条记录", "no data yet: 0 rows")
BASE_IS_ZERO = Text("基数为 0", "the base is 0")


def rounded(value: Decimal, decimals: int) -> Decimal:
    """Round half up, as reports do."""
    return value.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)


def quotient(part: Decimal, whole: Decimal, decimals: int) -> Decimal | None:
    """Return part over whole, None over nothing."""
    return rounded(part / whole, decimals) if whole else None


def percent(part: Decimal, whole: Decimal, decimals: int = 2) -> Decimal | None:
    """Return what percentage ``part`` is of ``whole``, None of nothing.

    >>> percent(Decimal(1), Decimal(3))
    Decimal('33.33')
    """
    return rounded(part * 100 / whole, decimals) if whole else None


def growth(value: Decimal, base: Decimal) -> Decimal | None:
    """Return the growth on a base in per cent, None if the base is 0 (12.1, YOY).

    >>> growth(Decimal("709.58"), Decimal("632.36"))
    Decimal('12.21')
    """
    return percent(value - base, abs(base)) if base else None
