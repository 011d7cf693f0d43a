"""Statistical reports 统计报表: kinds, and what each is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from marketplace.errors import Text


class ReportKind(StrEnum):
    """What sort of report it is."""

    MONTHLY_BULLETIN = "monthly-bulletin"  # 月报
    QUARTERLY_RANK = "quarterly-rank"  # 季度区市排名
    HALF_YEAR = "half-year"  # 半年快报
    YEAR = "year"  # 年报
    CONVERSION = "conversion"  # 高校院所科技成果转化年度报告


@dataclass(frozen=True, slots=True)
class ReportForm:
    """What a kind of report is called and over which period it goes.

    Parameters
    ----------
    period : str
        Kind of period: ``month``, ``quarter``, ``half`` or ``year``.
    letter : str
        In the number of an issued report.
    """

    title: Text
    period: str
    letter: str


FORMS: Mapping[ReportKind, ReportForm] = {
    ReportKind.MONTHLY_BULLETIN: ReportForm(
        Text("技术市场月报", "Monthly bulletin"), "month", "M"
    ),
    ReportKind.QUARTERLY_RANK: ReportForm(
        Text("区市技术合同季度排名", "Quarterly rank of districts"), "quarter", "Q"
    ),
    ReportKind.HALF_YEAR: ReportForm(
        Text("技术市场半年快报", "Half-year bulletin"), "half", "H"
    ),
    ReportKind.YEAR: ReportForm(Text("技术市场年报", "Yearly report"), "year", "Y"),
    ReportKind.CONVERSION: ReportForm(
        Text("科技成果转化年度报告", "Yearly conversion report"), "year", "C"
    ),
}
