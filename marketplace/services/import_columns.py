"""What the columns of an import sheet are called, and how their cells are read.

The columns follow from the fields of needs, offers and organisations. A cell is
turned into what the API would have been sent; the same checks follow. Amounts are in
万元 unless the heading says 元; codes may be given by code, by name or as both.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace.domain import titles
from marketplace.domain.money import from_wan, yuan
from marketplace.domain.organisations import OrganisationState
from marketplace.domain.sheets import Cell, Fault
from marketplace.domain.spelling import nearest
from marketplace.errors import Text
from marketplace.models.organisations import Organisation
from marketplace.services import codes, needs, offers, organisation_fields
from marketplace.services import fields as types
from marketplace.services.bulk import Owner
from marketplace.services.contents import Files, Indicators, Rights, TeamChoice, Units
from marketplace.services.fields import Field

KINDS = ("organisations", "needs", "offers")
EXTERNAL, OWNER = "external_no", "owner"
MOST_EXTERNAL = 100
SAFE_DIGITS = Decimal(10) ** 15
"""A spreadsheet keeps fifteen digits of a number; a longer one has lost its end."""


class CellError(ValueError):
    """A cell cannot be read; the text says what would be right."""

    def __init__(self, code: str, zh: str, en: str, **values: object) -> None:
        super().__init__(en)
        self.code = code
        text = Text(zh, en)
        self.message = text.format(**values) if values else text


@dataclass(frozen=True)
class Column:
    """One column of a sheet.

    Parameters
    ----------
    name : str
        The field in the API, or ``external_no`` or ``owner``.
    form : str
        How cells are written: a key of ``FORMS``.
    list_id : str
        Code list of a code.
    required : bool
        A row without it is wrong.
    most : int
        Characters or items that are accepted, 0 when there is no such limit.
    """

    name: str
    form: str
    heading: Text
    list_id: str = ""
    required: bool = False
    most: int = 0
    example: str = ""


_TITLES = {
    ("needs", "title"): Text("需求名称", "Title"),
    ("offers", "title"): Text("成果名称", "Title"),
}
_REQUIRED = {
    "needs": {"title"},
    "offers": {"kind", "title"},
    "organisations": {"name", "org_type", "region"},
}
_SKIPPED = {"attachments", "team_id", "five_values", "parent_org_id", "qualifications"}
_FORMS: tuple[tuple[type[Field], str], ...] = (
    (Files, ""),
    (TeamChoice, ""),
    (Indicators, "indicators"),
    (Rights, "rights"),
    (Units, "units"),
    (types.Openness, "code"),
    (types.Codes, "codes"),
    (types.Code, "code"),
    (types.Lines, "lines"),
    (types.Amount, "money"),
    (types.Day, "day"),
    (types.Month, "month"),
    (types.Whole, "whole"),
    (types.Flag, "flag"),
)
_SPECIAL = {
    "region": ("code", "region"),
    "founded_on": ("day", ""),
    "disclosure": ("code", "disclosure"),
    "maturity_scale": ("scale", ""),
}
_SENTENCES = frozenset({"innovations", "equipment"})
"""Lists whose items hold commas of their own: only a new line or ； parts them."""
_EXAMPLES = {
    "external_no": "XQ-2026-001",
    "owner": "泉城示例材料有限公司（演示）",
    "kind": "成果",
    "indicators": "*抗拉强度≥600 MPa\n厚度不大于0.05mm\n工作温度 -40～85℃",
    "keywords": "铝合金；低温成形；薄壁件",
    "ip": "发明专利|ZL0000演示000001|一种低温成形装置|示例大学（演示）|授权有效",
    "budget_total_yuan": "380",
    "budget_to_bidder_yuan": "150",
    "price_expect_yuan": "120.5",
    "registered_capital_yuan": "5000",
    "revenue_last_year_yuan": "48000",
    "rd_spend_last_year_yuan": "2100",
    "budget_negotiable": "否",
    "period_start": "2027-01-01",
    "period_end": "2028-12-31",
    "valid_until": "2027-11-20",
    "evaluated_on": "2026-05-01",
    "founded_on": "2009-05-01",
    "period_from": "2021-03",
    "period_to": "2024-06",
    "maturity_scale": "maturity_qd13",
    "maturity_level": "6",
    "licence_years": "10",
    "intended_units": "海岱理工大学（演示）；鲁中先进材料研究院（演示）",
    "intended_experts": "张演示；李示例",
    "innovations": "提出低温梯度成形工艺；研制在线测温装置",
    "completers": "张演示；李示例",
    "co_owners": "示例研究院（演示）",
    "equipment": "万能材料试验机 1 台；扫描电镜 1 台",
    "name": "泉城示例材料有限公司（演示）",
    "contact_phone": "13800000000",
    "contact_email": "contact@example.com",
    "staff_total": "320",
    "staff_rd": "46",
    "postcode": "250000",
    "uscc": "91370100MA0000007J",
    "discipline": "460",
    "bank_name": "示例银行",
    "bank_account": "0000 0000 0000 0000",
}


def columns(kind: str, *, with_owner: bool) -> tuple[Column, ...]:
    """Return the columns of a sheet of this kind.

    Parameters
    ----------
    kind : str
        ``organisations``, ``needs`` or ``offers``.
    with_owner : bool
        Rows belong to various units, so each names its own.
    """
    found = [
        Column(
            EXTERNAL,
            "text",
            titles.title(EXTERNAL),
            most=MOST_EXTERNAL,
            example=_EXAMPLES[EXTERNAL],
        )
    ]
    if with_owner and kind != "organisations":
        found.append(
            Column(
                OWNER,
                "text",
                titles.title(OWNER),
                required=True,
                most=120,
                example=_EXAMPLES[OWNER],
            )
        )
    if kind == "offers":
        found.append(
            Column("kind", "kind", titles.title("kind"), required=True, example="成果")
        )
    table: Sequence[Field] = {
        "needs": needs.FIELDS,
        "offers": offers.FIELDS,
        "organisations": organisation_fields.FIELDS,
    }[kind]
    skipped = _SKIPPED | set(organisation_fields.TIES)
    found += [_column(kind, f) for f in table if f.name not in skipped]
    return tuple(found)


def _column(kind: str, of: Field) -> Column:
    form, list_id = "text", ""
    if of.name in _SPECIAL:
        form, list_id = _SPECIAL[of.name]
    else:
        form = next((f for cls, f in _FORMS if isinstance(of, cls)), "text")
    if isinstance(of, types.Code | types.Codes):
        list_id = of.list_id or of.name
    if form == "lines" and of.name in _SENTENCES:
        form = "sentences"
    most = of.most if isinstance(of, types.Words | types.Lines) else 0
    return Column(
        of.name,
        form,
        _TITLES.get((kind, of.name), titles.title(of.name)),
        list_id=list_id,
        required=of.name in _REQUIRED[kind],
        most=most,
        example=_EXAMPLES.get(of.name, ""),
    )


_NOTES: dict[str, Text] = {
    "text": Text("文本", "text"),
    "kind": Text("填“成果”或“能力”", "result or capability"),
    "code": Text(
        "填代码、名称或“代码 名称”，见下拉列表",
        "a code, its name or 'code name'; see the list",
    ),
    "codes": Text(
        "可填多项，用；或换行分隔；每项填代码或名称",
        "several, parted by ; or new lines; each a code or its name",
    ),
    "lines": Text("可填多项，用；、或换行分隔", "several, parted by ; or new lines"),
    "sentences": Text("可填多项，用；或换行分隔", "several, parted by ; or new lines"),
    "money": Text("金额，单位万元，如 380 或 12.5", "an amount in 10,000 yuan"),
    "day": Text("日期，如 2026-11-21", "a date, such as 2026-11-21"),
    "month": Text("年月，如 2021-03", "a month, such as 2021-03"),
    "whole": Text("整数", "a whole number"),
    "flag": Text("填“是”或“否”", "yes or no"),
    "scale": Text(
        "maturity_qd13（青岛13级）、maturity_trl9 或 maturity_stage",
        "maturity_qd13, maturity_trl9 or maturity_stage",
    ),
    "indicators": Text(
        "每行一项指标，照写原文，如 抗拉强度≥600 MPa；核心指标行首加 *",
        "one indicator a line in your own words; * before a core one",
    ),
    "rights": Text(
        "每行一项：类型|编号|名称|权利人|状态",
        "one a line: kind|number|title|owner|status",
    ),
    "units": Text("单位全称，多个用；或换行分隔", "full names, parted by ; or lines"),
}
_EXTERNAL_NOTE = Text(
    "贵方系统中的编号；同一编号不会重复导入",
    "your own number; a number never comes in twice",
)
_OWNER_NOTE = Text(
    "统一社会信用代码或单位全称", "unified social credit code or full name"
)


def note(column: Column) -> Text:
    """Say what a column takes."""
    if column.name == EXTERNAL:
        return _EXTERNAL_NOTE
    if column.name == OWNER:
        return _OWNER_NOTE
    return _NOTES[column.form]


def plain_heading(text: str) -> str:
    """Return the form in which headings are compared."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return re.sub(r"[\s*]", "", folded)


def headings(wanted: Iterable[Column]) -> dict[str, tuple[Column, str]]:
    """Return every heading that is understood, with the column and its money unit."""
    found: dict[str, tuple[Column, str]] = {}
    for column in wanted:
        unit = "wan" if column.form == "money" else ""
        found[plain_heading(column.heading.zh)] = (column, unit)
        found[plain_heading(column.heading.en)] = (column, unit)
        base = titles.TITLES.get(column.name, column.heading)
        unit = "yuan" if unit else ""
        found[plain_heading(column.name)] = (column, unit)
        for text in (base.zh, base.en) if not unit else (f"{base.zh}(元)",):
            found.setdefault(plain_heading(text), (column, unit))
    return found


def kind_of_sheet(words: Iterable[str], asked: str) -> str:
    """Return the kind of records whose headings fit a header best.

    It is ``asked`` unless another one fits better: many headings are common to all.
    """
    plain = {plain_heading(word) for word in words}
    fitting = {
        kind: len(plain & headings(columns(kind, with_owner=True)).keys())
        for kind in KINDS
    }
    best = max(KINDS, key=lambda kind: fitting[kind])
    return best if fitting[best] > fitting[asked] else asked


def unknown_heading(word: str, kind: str, wanted: Sequence[Column]) -> Text:
    """Say of a heading that it is unknown, and which one was probably meant."""
    shown = word[:40]
    spare = headings(columns(kind, with_owner=True)).get(plain_heading(word))
    if spare is not None and spare[0].name == OWNER:
        return _OWNER_SPARE.format(heading=shown)
    known = {name: shown for column in wanted for name, shown in _written(column)}
    near = nearest(word.strip("* "), known)
    if near is None:
        return _UNKNOWN_COLUMN.format(heading=shown)
    return _MISSPELT_COLUMN.format(heading=shown, near=known[near])


def _written(column: Column) -> Iterator[tuple[str, str]]:
    """Yield how a heading may be written, with and without its unit, and in full."""
    for full in (column.heading.zh, column.heading.en, column.name):
        yield full, full
        yield _UNIT.sub("", full), full


_UNIT = re.compile(r"\s*[（(].*[）)]$")


_UNKNOWN_COLUMN = Text(
    "不认识的列“{heading}”；请用导入模板中的列名，或删去此列",
    "unknown column {heading!r}; use the headings of the template, or drop it",
)
_MISSPELT_COLUMN = Text(
    "不认识的列“{heading}”；是否为“{near}”？",
    "unknown column {heading!r}; did you mean {near!r}?",
)
_OWNER_SPARE = Text(
    "不需要列“{heading}”：各行都归为其导入的单位，请删去此列",
    "column {heading!r} is not needed: all rows belong to the unit that imports;"
    " drop it",
)


@dataclass
class Lookups:
    """What cells refer to, read once a batch.

    Parameters
    ----------
    on : date
        The day whose code lists hold.
    """

    session: so.Session
    on: date
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)
    _shown: dict[str, list[str]] = field(default_factory=dict)
    _owners: dict[str, Owner | None] = field(default_factory=dict)
    _units: dict[str, dict[str, Any]] = field(default_factory=dict)

    def code(self, list_id: str, text: str) -> str:
        """Return the code that a text means.

        Raises
        ------
        CellError
            It is none of the codes and names that hold today.
        """
        known = self._known(list_id)
        for candidate in _spellings(text):
            code = known.get(candidate)
            if code is not None:
                return code
        shown = self._shown[list_id]
        close = difflib.get_close_matches(text, shown, n=3, cutoff=0.3) or shown[:3]
        raise CellError(
            "unknown_code",
            "“{text}”不是现行代码或名称；可填如：{close}",
            "{text!r} is no code or name in force; right would be for example {close}",
            text=text[:60],
            close="、".join(close),
        )

    def _known(self, list_id: str) -> dict[str, str]:
        if list_id not in self._codes:
            known: dict[str, str] = {}
            entries = codes.entries(self.session, list_id, on=self.on)
            twice = _repeated(e.zh for e in entries) | _repeated(e.en for e in entries)
            for entry in entries:
                for name in (entry.en, entry.zh):
                    if name and name not in twice:
                        known[_folded(name)] = entry.code
            for entry in entries:
                known[_folded(entry.code)] = entry.code
            self._codes[list_id] = known
            self._shown[list_id] = [f"{e.code} {e.zh}" for e in entries]
        return self._codes[list_id]

    def owner(self, text: str) -> Owner:
        """Return the unit that a credit code or a full name means.

        Raises
        ------
        CellError
            There is none, or there are several.
        """
        if text not in self._owners:
            rows = self._organisations(text)
            if len(rows) > 1:
                raise CellError(
                    "ambiguous",
                    "有多个同名单位，请填统一社会信用代码",
                    "several units have this name; give the credit code",
                )
            self._owners[text] = owner_of(rows[0]) if rows else None
        found = self._owners[text]
        if found is None:
            raise CellError(
                "unknown_organisation",
                "没有此单位：请填已登记单位的统一社会信用代码或全称",
                "no such unit: give the credit code or full name of a registered one",
            )
        return found

    def unit(self, name: str) -> dict[str, Any]:
        """Return an intended unit: the registered one of this name, or the name."""
        if name not in self._units:
            rows = [
                org
                for org in self._organisations(name)
                if org.state is OrganisationState.VERIFIED
            ]
            self._units[name] = (
                {"organisation_id": rows[0].id} if len(rows) == 1 else {"name": name}
            )
        return self._units[name]

    def _organisations(self, text: str) -> Sequence[Organisation]:
        number = re.sub(r"\s", "", text).upper()
        return self.session.scalars(
            sa.select(Organisation).where(
                sa.or_(
                    Organisation.uscc == number,
                    Organisation.name_key == organisation_fields.name_key(text),
                ),
                Organisation.state != OrganisationState.CLOSED,
            )
        ).all()


def owner_of(org: Organisation) -> Owner:
    """Return what an import needs to know of a unit."""
    verified = org.state is OrganisationState.VERIFIED
    return Owner(org.id, org.region, org.name, verified)


def _repeated(names: Iterable[str]) -> set[str]:
    seen: set[str] = set()
    return {name for name in names if name in seen or seen.add(name)}  # type: ignore[func-returns-value]


def _folded(text: str) -> str:
    return re.sub(r"\s+", " ", unicodedata.normalize("NFKC", text)).strip().casefold()


def _spellings(text: str) -> Iterable[str]:
    """Yield what a text may stand for: itself, its first word, a padded number."""
    whole = _folded(text)
    yield whole
    first = whole.partition(" ")[0]
    if first != whole:
        yield first
    if whole.isdigit():
        yield from (whole.zfill(2), whole.zfill(3))


def as_text(cell: Cell) -> str:
    """Return the words of a cell.

    Raises
    ------
    CellError
        It holds a formula or an error, or a number that has lost its end.
    """
    if isinstance(cell, Fault):
        raise _FAULTS[cell.code]
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "是" if cell else "否"
    if isinstance(cell, Decimal):
        if abs(cell) >= SAFE_DIGITS:
            raise CellError(
                "number_too_long",
                "数字超过15位已被表格软件截断，请将单元格设为文本后重填",
                "a number of more than 15 digits has lost its end; format as text",
            )
        return f"{cell:f}"
    if isinstance(cell, datetime):
        return cell.isoformat(sep=" ", timespec="minutes")
    if isinstance(cell, date):
        return cell.isoformat()
    return cell.strip()


_FAULTS = {
    "formula": CellError(
        "formula",
        "单元格是公式；请复制后“选择性粘贴为数值”",
        "the cell is a formula; paste its value instead",
    ),
    "error_value": CellError(
        "error_value",
        "单元格是错误值（如 #N/A），请改为实际内容",
        "the cell holds an error value such as #N/A",
    ),
    "too_long": CellError(
        "too_long",
        "单元格超过 32767 字",
        "the cell has more than 32767 characters",
    ),
}

_BREAKS = re.compile(r"[\r\n；;]+")
_COMMAS = re.compile(r"[\r\n；;、，,]+")


def _parts(text: str, pattern: re.Pattern[str]) -> list[str]:
    return [part.strip() for part in pattern.split(text) if part.strip()]


def _money(text: str, unit: str) -> Decimal:
    plain = re.sub(r"[,，\s]", "", unicodedata.normalize("NFKC", text))
    plain = plain.removesuffix("万元" if unit == "wan" else "元")
    try:
        amount = from_wan(plain) if unit == "wan" else yuan(plain)
    except (ValueError, InvalidOperation) as error:
        raise CellError(
            "not_money",
            "不是有效金额；应为数字（{unit}），精确到分，如 12.5",
            "not an amount; give a number ({unit}), exact to the cent, such as 12.5",
            unit="万元" if unit == "wan" else "元",
        ) from error
    return amount


_DATE = re.compile(r"([0-9]{4})[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2})日?(?: 00:00)?")
_MONTH = re.compile(r"([0-9]{4})[-/年]([0-9]{1,2})月?")


def _day(text: str) -> date:
    found = _DATE.fullmatch(text)
    if found is None:
        raise _NOT_A_DATE
    try:
        return date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError as error:
        raise _NOT_A_DATE from error


_NOT_A_DATE = CellError(
    "not_a_date", "应为日期，如 2026-11-21", "not a date such as 2026-11-21"
)


def _month(text: str) -> str:
    found = _MONTH.fullmatch(text)
    if found is not None and 1 <= int(found[2]) <= 12:
        return f"{found[1]}-{int(found[2]):02d}"
    try:
        day = _day(text)
    except CellError as error:
        raise CellError(
            "not_a_month", "应为年月，如 2021-03", "not a month such as 2021-03"
        ) from error
    return f"{day.year:04d}-{day.month:02d}"


_YES = frozenset({"是", "yes", "y", "true", "1", "√"})
_NO = frozenset({"否", "no", "n", "false", "0", "×"})


def _flag(text: str) -> bool:
    word = _folded(text)
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise CellError("not_a_flag", "应填“是”或“否”", "must be yes or no")


_KINDS = {
    "成果": "result",
    "科技成果": "result",
    "result": "result",
    "能力": "capability",
    "科研能力": "capability",
    "capability": "capability",
}


def _kind(text: str) -> str:
    try:
        return _KINDS[_folded(text)]
    except KeyError as error:
        raise CellError(
            "unknown_code", "应填“成果”或“能力”", "must be result or capability"
        ) from error


_STARS = "*＊★"


def _indicators(text: str) -> list[dict[str, Any]]:
    found = []
    for line in _parts(text, _BREAKS):
        words = line.strip(f"{_STARS} ")
        core = line[0] in _STARS or line[-1] in _STARS
        if words:
            found.append({"text": words, "is_core": core})
    return found


def _rights(text: str, lookups: Lookups) -> list[dict[str, Any]]:
    names = ("kind", "number", "title", "owner", "legal_status")
    found = []
    for line in re.split(r"[\r\n]+", text):
        if not line.strip():
            continue
        parts = [part.strip() for part in re.split(r"[|｜]", line)]
        if len(parts) > len(names):
            raise CellError(
                "bad_format",
                "每行应为：类型|编号|名称|权利人|状态",
                "a line is: kind|number|title|owner|status",
            )
        row = dict(zip(names, parts, strict=False))
        row["kind"] = lookups.code("ip_type", row["kind"])
        if row.get("legal_status"):
            row["legal_status"] = lookups.code("ip_legal_status", row["legal_status"])
        found.append({name: value for name, value in row.items() if value})
    return found


def _codes(text: str, list_id: str, lookups: Lookups) -> list[str]:
    """Read codes; a name may itself hold a comma, so it is tried whole first."""
    found = []
    for part in _parts(text, _BREAKS):
        try:
            found.append(lookups.code(list_id, part))
        except CellError:
            pieces = _parts(part, _COMMAS)
            if len(pieces) < 2:
                raise
            found += [lookups.code(list_id, piece) for piece in pieces]
    return found


@dataclass(frozen=True, slots=True)
class _At:
    """The words of one cell, and what is needed to understand them."""

    text: str
    column: Column
    unit: str
    lookups: Lookups


FORMS: Mapping[str, Callable[[_At], Any]] = {
    "text": lambda at: at.text,
    "kind": lambda at: _kind(at.text),
    "code": lambda at: at.lookups.code(at.column.list_id, at.text),
    "codes": lambda at: _codes(at.text, at.column.list_id, at.lookups),
    "lines": lambda at: _parts(at.text, _COMMAS),
    "sentences": lambda at: _parts(at.text, _BREAKS),
    "money": lambda at: _money(at.text, at.unit),
    "day": lambda at: _day(at.text),
    "month": lambda at: _month(at.text),
    "whole": lambda at: at.text,
    "flag": lambda at: _flag(at.text),
    "scale": lambda at: at.text,
    "indicators": lambda at: _indicators(at.text),
    "rights": lambda at: _rights(at.text, at.lookups),
    "units": lambda at: [at.lookups.unit(n) for n in _parts(at.text, _BREAKS)],
}


def read_cell(cell: Cell, column: Column, unit: str, lookups: Lookups) -> Any:
    """Return what a cell says, None when it is empty.

    Raises
    ------
    CellError
        With what is wrong and what would be right.
    """
    text = as_text(cell)
    if not text:
        return None
    return FORMS[column.form](_At(text, column, unit, lookups))
