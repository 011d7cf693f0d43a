"""An issued report as rows of a sheet: everything that it says, amounts in 万元."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from marketplace.domain.indicators import INDICATORS
from marketplace.errors import Text
from marketplace.services import report_changes

Row = list[Any]
SHEET = (
    Text("表", "Table"),
    Text("名次", "Rank"),
    Text("代码", "Code"),
    Text("名称", "Name"),
    Text("合同数", "Contracts"),
    Text("同比（%）", "Growth (%)"),
    Text("成交额（万元）", "Value (10,000 yuan)"),
    Text("同比（%）", "Growth (%)"),
    Text("技术交易额（万元）", "Technical amount (10,000 yuan)"),
    Text("同比（%）", "Growth (%)"),
    Text("数值", "Figure"),
    Text("单位", "Unit"),
    Text("同比（%）", "Growth (%)"),
    Text("说明", "Remark"),
)
"""Headings: the seven columns of the bulletins with where a row stands, and four more
for what has no place in them."""
_TOTAL = Text("合计", "Total")
_HEADLINE = Text("主要指标", "Headline")
_CORRECTION = Text("前期更正", "Correction of an earlier period")
_CHANGE = Text("前期登记合同的变动", "Change of a contract of an earlier period")
_CONTRACT = Text("合同明细", "Contract")
_GAP = Text("待说明事项", "To be explained")
_WAN = Text("万元", "10,000 yuan")
_IN_COLUMNS = ("CT_N", "CT_AMT", "CT_TECH")
"""Figures of the headline that the total row shows."""


def rows(content: Mapping[str, Any], language: str) -> Iterable[Row]:
    """Yield the rows of a report's sheet."""
    side = "en" if language == "en" else "zh"
    yield from _headline(content["figures"]["headline"], side)
    for section in content["figures"]["sections"]:
        yield from _section(section, side)
    for contract in content["figures"].get("contracts", ()):
        yield _contract(contract, side)
    for gap in content["figures"].get("gaps", ()):
        yield _gap(gap, side)
    for correction in content["corrections"]:
        yield _correction(correction, side)
    for change in content.get("changes", ()):
        yield _change(change, side)


def _headline(entries: Iterable[Mapping[str, Any]], side: str) -> Iterable[Row]:
    known = {entry["code"]: entry for entry in entries}
    if known.keys() >= set(_IN_COLUMNS):
        count, value, technical = (known.pop(code) for code in _IN_COLUMNS)
        yield [
            _TOTAL.get(side),
            None,
            None,
            None,
            int(count["value"]),
            growth(count["yoy"]),
            wan(value["value"]),
            growth(value["yoy"]),
            wan(technical["value"]),
            growth(technical["yoy"]),
            *_nothing(4),
        ]
    for code, entry in known.items():
        shown, unit = _figure(code, entry, side)
        yield [
            _HEADLINE.get(side),
            None,
            code,
            entry["title"][side],
            *_nothing(6),
            shown,
            unit,
            growth(entry["yoy"]),
            entry["reason"][side] if entry["reason"] else None,
        ]


def _figure(
    code: str, entry: Mapping[str, Any], side: str
) -> tuple[Decimal | str, str | None]:
    """Return a value as sheets show it, with its unit."""
    if entry["value"] is None:
        return "—", None
    value = Decimal(entry["value"])
    known = INDICATORS.get(code)
    if code.endswith("_yuan"):
        return value / 10_000, _WAN.get(side)
    unit = known.sheet_unit if known is not None else None
    if known is not None and known.unit != known.sheet_unit:
        value /= 10_000
    return value, unit.get(side) if unit else None


def _section(section: Mapping[str, Any], side: str) -> Iterable[Row]:
    for row in section["rows"]:
        yield [
            section["title"][side],
            row["rank"],
            row["key"],
            row["name"][side],
            row["count"],
            growth(row["count_yoy"]),
            wan(row["total_yuan"]),
            growth(row["total_yoy"]),
            wan(row["technical_yuan"]),
            growth(row["technical_yoy"]),
            *_nothing(4),
        ]
    for note in section["notes"]:
        yield [section["title"][side], *_nothing(12), note[side]]


def _contract(contract: Mapping[str, Any], side: str) -> Row:
    """Return a contract of a conversion report; the figure is what was received."""
    said = Text(
        "{day} 签订，{zh}；数值为到账额",
        "signed on {day}, {en}; the figure is received",
    ).format(
        day=contract["signed_on"],
        zh="已登记" if contract["registered"] else "未登记",
        en="registered" if contract["registered"] else "not registered",
    )
    return [
        _CONTRACT.get(side),
        None,
        contract["contract_no"],
        contract["title"],
        1,
        None,
        wan(contract["total_yuan"]),
        None,
        wan(contract["technical_yuan"]),
        None,
        wan(contract["received_yuan"]),
        _WAN.get(side),
        None,
        said.get(side),
    ]


def _gap(gap: Mapping[str, Any], side: str) -> Row:
    return [
        _GAP.get(side),
        None,
        gap["number"],
        gap["title"],
        *_nothing(9),
        gap["text"][side],
    ]


def _correction(correction: Mapping[str, Any], side: str) -> Row:
    reported, now = correction["reported"], correction["now"]
    said = Text("原报 {was}，现为 {now}", "reported as {was}, it is {now}").format(
        was=reported or "—", now=now
    )
    return [
        _CORRECTION.get(side),
        None,
        correction["where"],
        correction["period"],
        *_nothing(6),
        Decimal(correction["difference"]),
        None,
        None,
        said.get(side),
    ]


def _change(change: Mapping[str, Any], side: str) -> Row:
    kind = report_changes.KINDS[change["kind"]]
    said = Text(
        "{period} 登记，{day} {zh}；数值为吸纳额的增减",
        "registered in {period}, {en} on {day}; the figure is the difference of what"
        " is bought",
    ).format(period=change["period"], day=change["on_day"], zh=kind.zh, en=kind.en)
    return [
        _CHANGE.get(side),
        None,
        change["number"],
        kind.get(side),
        change["count"],
        None,
        wan(change["total_yuan"]),
        None,
        wan(change["technical_yuan"]),
        None,
        wan(change["bought_yuan"]),
        _WAN.get(side),
        None,
        said.get(side),
    ]


def _nothing(places: int) -> Row:
    return [None] * places


def wan(amount: str | None) -> Decimal | None:
    """Return an amount in 万元."""
    return None if amount is None else Decimal(amount) / 10_000


def growth(text: str | None) -> Decimal | str:
    """Return a growth as sheets show it."""
    return "—" if text is None else Decimal(text)
