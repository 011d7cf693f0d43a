"""The registration form 技术合同登记表: one table for the paper and for the sheet.

The fields, their order and the input names are those of the national registration
system in 2021 (domain reference, section 9.10); what it calls our codes is dated data
(rule ``registration.form_names``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import islice
from typing import Any

import sqlalchemy.orm as so

from marketplace.domain.contracts import Side
from marketplace.domain.money import to_wan
from marketplace.models.contracts import Contract
from marketplace.services import rules
from marketplace.services.contract_contents import parties_of
from marketplace.services.contract_records import Record, records, stamp
from marketplace.services.fields import Row
from marketplace.services.wording import BLANK, day, exact, or_blank, yes_or_no

Cell = str | Decimal | date | None
Adapter = Mapping[str, Mapping[str, str]]
NAMES_RULE = "registration.form_names"
_BATCH = 200
_CHINA = "156"
_FIRMS = frozenset("1234")
"""How the natures of enterprises begin (codes list 6): only they are asked."""


@dataclass(frozen=True)
class _Entry:
    """A contract on the form: its record, its first parties, the system's names."""

    known: Record
    adapter: Adapter

    @property
    def values(self) -> Row:
        return self.known.values

    def party(self, side: Side) -> Row:
        standing = parties_of(self.values, side)
        return standing[0] if standing else {}

    def called(self, list_id: str, code: str | None) -> str:
        """Return what the receiving system calls a code; empty: it has no such."""
        if not code:
            return ""
        theirs = self.adapter.get(list_id, {})
        return theirs[code] if code in theirs else self.known.names(list_id, code)

    def coded(self, list_id: str, code: str | None) -> str:
        """Return a code that is no invention of ours, with its name."""
        name = self.known.names(list_id, code)
        return f"{code} {name}" if code and name != code else name


@dataclass(frozen=True)
class FormField:
    """One field of the form.

    Parameters
    ----------
    name : str
        The input name of the national system; empty where none is known.
    zh : str
        What the form calls it, with its unit.
    group : str
        The part of the form in which it stands.
    cell : callable
        Its value: amounts as numbers, dates as dates, codes as names.
    """

    name: str
    zh: str
    group: str
    cell: Callable[[_Entry], Cell]

    @property
    def heading(self) -> str:
        """The column of the sheet."""
        return f"{self.zh} {self.name}" if self.name else self.zh


def _value(name: str) -> Callable[[_Entry], Cell]:
    return lambda entry: entry.values[name]


def _named(name: str, list_id: str = "") -> Callable[[_Entry], Cell]:
    return lambda entry: entry.called(list_id or name, entry.values[name])


def _party(side: Side, name: str) -> Callable[[_Entry], Cell]:
    return lambda entry: entry.party(side).get(name) or ""


def _nature(side: Side) -> Callable[[_Entry], Cell]:
    return lambda entry: entry.coded(
        "party_nature", entry.party(side).get("party_nature")
    )


def _industry(side: Side) -> Callable[[_Entry], Cell]:
    return lambda entry: entry.coded("industry", entry.party(side).get("industry"))


def _country(side: Side) -> Callable[[_Entry], Cell]:
    def cell(entry: _Entry) -> Cell:
        party = entry.party(side)
        return (party["country"] or _CHINA) if party else ""

    return cell


def _flag(code: str, *, firms_only: bool = False) -> Callable[[_Entry], Cell]:
    def cell(entry: _Entry) -> Cell:
        buyer = entry.party(Side.BUYER)
        if not buyer or (firms_only and not _may_be_firm(buyer)):
            return ""
        return yes_or_no(code in buyer["flags"])

    return cell


def _may_be_firm(party: Row) -> bool:
    nature = party["party_nature"]
    return not nature or nature[0] in _FIRMS


def _scale(entry: _Entry) -> Cell:
    buyer = entry.party(Side.BUYER)
    if not buyer or not _may_be_firm(buyer):
        return ""
    return entry.called("enterprise_scale", buyer["scale"])


def _rights(entry: _Entry) -> Cell:
    return "；".join(entry.called("ip_type", code) for code in entry.values["ip_type"])


def _wan(name: str) -> Callable[[_Entry], Cell]:
    def cell(entry: _Entry) -> Cell:
        amount = entry.values[name]
        return None if amount is None else to_wan(amount)

    return cell


def _others(side: Side) -> Callable[[_Entry], Cell]:
    return lambda entry: "；".join(
        party["name"] for party in parties_of(entry.values, side)[1:] if party["name"]
    )


def _all_of(side: Side) -> Callable[[_Entry], Cell]:
    return lambda entry: "；".join(
        party["name"] for party in parties_of(entry.values, side) if party["name"]
    )


def _reg_no(entry: _Entry) -> Cell:
    registration = entry.known.registration
    return (registration.reg_no or "") if registration else ""


_DEAL, _BUYER, _SELLER, _OURS = "合同", "买方", "卖方", "平台补充"
FORM: tuple[FormField, ...] = (
    FormField("reg_no", "合同登记编号", _DEAL, _reg_no),
    FormField("projectname", "项目名称", _DEAL, _value("title")),
    FormField("contracttype", "合同类别", _DEAL, _named("contract_class")),
    FormField("signdate", "签订日期", _DEAL, _value("signed_on")),
    FormField("contractbegindate", "合同有效期起", _DEAL, _value("valid_from")),
    FormField("contractenddate", "合同有效期止", _DEAL, _value("valid_to")),
    FormField("totalamount", "合同成交总额（元）", _DEAL, _value("total_yuan")),
    FormField(
        "technicalamount", "其中技术交易额（元）", _DEAL, _value("technical_yuan")
    ),
    FormField("paymethod", "支付方式", _DEAL, _named("payment_method")),
    FormField(
        "isrelated",
        "是否关联交易",
        _DEAL,
        lambda entry: yes_or_no(entry.values["is_related"]),
    ),
    FormField("projectplantype", "计划来源", _DEAL, _named("plan_source")),
    FormField("ipr", "知识产权", _DEAL, _rights),
    FormField("techarea", "技术领域", _DEAL, _named("tech_field")),
    FormField("", "社会经济目标", _DEAL, _named("socio_objective")),
    FormField(
        "",
        "服务的国民经济行业",
        _DEAL,
        lambda entry: entry.coded("industry", entry.values["served_industry"]),
    ),
    FormField("buyername", "买方名称", _BUYER, _party(Side.BUYER, "name")),
    FormField("", "买方性质", _BUYER, _nature(Side.BUYER)),
    FormField("", "买方行政区划", _BUYER, _party(Side.BUYER, "region")),
    FormField("", "买方国别", _BUYER, _country(Side.BUYER)),
    FormField(
        "buyer_representative",
        "买方法定代表人",
        _BUYER,
        _party(Side.BUYER, "representative"),
    ),
    FormField(
        "buyer_contact", "买方联系人", _BUYER, _party(Side.BUYER, "contact_name")
    ),
    FormField(
        "buyer_contacttel", "买方联系电话", _BUYER, _party(Side.BUYER, "contact_phone")
    ),
    FormField("buyer_address", "买方地址", _BUYER, _party(Side.BUYER, "address")),
    FormField("buyer_zipcode", "买方邮编", _BUYER, _party(Side.BUYER, "postcode")),
    FormField("buyer_jszyjg", "是否技术转移机构", _BUYER, _flag("TRANSFER_BODY")),
    FormField("buyer_isyfjg", "是否研发机构", _BUYER, _flag("RD_BODY")),
    FormField("buyer_zzkyys", "是否转制科研院所", _BUYER, _flag("CONVERTED_INSTITUTE")),
    FormField(
        "buyer_countrygxqqy",
        "是否国家高新区内企业",
        _BUYER,
        _flag("NATIONAL_HTZ", firms_only=True),
    ),
    FormField("buyer_islist", "是否上市公司", _BUYER, _flag("LISTED", firms_only=True)),
    FormField("buyer_scale", "企业规模", _BUYER, _scale),
    FormField("", "买方从事的国民经济行业", _BUYER, _industry(Side.BUYER)),
    FormField("", "预计新增投入（万元）", _BUYER, _wan("expected_input_yuan")),
    FormField("", "预计新增产值（万元）", _BUYER, _wan("expected_output_yuan")),
    FormField("", "卖方名称", _SELLER, _party(Side.SELLER, "name")),
    FormField("", "卖方统一社会信用代码", _SELLER, _party(Side.SELLER, "uscc")),
    FormField("", "卖方性质", _SELLER, _nature(Side.SELLER)),
    FormField("", "卖方行政区划", _SELLER, _party(Side.SELLER, "region")),
    FormField("", "卖方国别", _SELLER, _country(Side.SELLER)),
    FormField("", "卖方联系人", _SELLER, _party(Side.SELLER, "contact_name")),
    FormField("", "卖方联系电话", _SELLER, _party(Side.SELLER, "contact_phone")),
    FormField("", "平台合同编号", _OURS, lambda entry: entry.known.contract_no),
    FormField("", "买方统一社会信用代码", _OURS, _party(Side.BUYER, "uscc")),
    FormField("", "其他买方", _OURS, _others(Side.BUYER)),
    FormField("", "其他卖方", _OURS, _others(Side.SELLER)),
    FormField("", "中介方", _OURS, _all_of(Side.BROKER)),
)
"""In the order of the national form; what it does not ask for stands at the end.

The form takes one buyer; a contract with several names the others behind it. The
seller's data come from its account there and are told to find it.
"""


def adapter(session: so.Session, on: date) -> Adapter:
    """Return what the receiving system calls the codes that are our own.

    By list and code; a code that is not in it goes by the name of our list, an empty
    name says that the system has no such value.

    Raises
    ------
    NoRule
        The reference data are not loaded.
    """
    found: Adapter = rules.in_force(session, NAMES_RULE, on=on).value
    return found


def export_headings() -> list[str]:
    """Return the columns of the sheet: the form's words and the system's inputs."""
    return [field.heading for field in FORM]


def rows(
    session: so.Session, contracts: Iterable[Contract], *, on: date
) -> Iterator[list[Cell]]:
    """Yield one row of the sheet for each contract, in their order.

    Parameters
    ----------
    contracts : iterable of Contract
        Those that the caller may see; they are read a few hundred at a time.
    on : date
        The day whose names of the receiving system hold.
    """
    theirs = adapter(session, on)
    waiting = iter(contracts)
    while batch := list(islice(waiting, _BATCH)):
        for known in records(session, batch, registered=True):
            entry = _Entry(known, theirs)
            yield [field.cell(entry) for field in FORM]


def registration_form(known: Record, theirs: Adapter) -> dict[str, Any]:
    """Return the form as a paper: the same fields, written out.

    Parameters
    ----------
    known : Record
    theirs : mapping
        See ``adapter``.
    """
    entry = _Entry(known, theirs)
    groups: dict[str, list[list[str]]] = {}
    for field in FORM:
        groups.setdefault(field.group, []).append(
            [field.zh, _written(field.cell(entry)), field.name]
        )
    return {
        "title": "技术合同登记表",
        "contract_no": known.contract_no,
        "version": str(known.number),
        "registry": or_blank(known.registry),
        "written": stamp(known),
        "groups": [
            {"heading": heading, "lines": lines} for heading, lines in groups.items()
        ],
    }


def _written(cell: Cell) -> str:
    if cell is None:
        return BLANK
    if isinstance(cell, date):
        return day(cell)
    if isinstance(cell, Decimal):
        exponent = cell.as_tuple().exponent
        return f"{cell:,.2f}" if exponent == -2 else exact(cell)
    return or_blank(cell)
