"""The text of needs and offers: tables of fields, child rows, search and comparison.

A kind of object is described by its fields (``Field`` and ``Rows``); everything here
works on any such table. Values travel as plain mappings of field name to value, with
child rows as lists of mappings, so that reading, storing, comparing and showing a
version speak of the same thing.
"""

from __future__ import annotations

import functools
from abc import abstractmethod
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Any

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace.domain.organisations import OrganisationState
from marketplace.models.attachments import Attachment
from marketplace.models.needs import NeedVersion
from marketplace.models.offers import OfferVersion
from marketplace.models.organisations import Organisation, Team
from marketplace.services import codes, events
from marketplace.services.fields import (
    MAGNITUDE,
    Code,
    Field,
    Lines,
    Reader,
    Row,
    Words,
)
from matching import indicators as engine
from matching import units
from matching.text import clean

Version = NeedVersion | OfferVersion
Values = dict[str, Any]
_EMPTY: tuple[Any, ...] = (None, "", [], {}, ())
_MOST_ROWS = 100


@dataclass(frozen=True)
class Rows(Field):
    """A field that is a child table, replaced as a whole when it is written."""

    model: type[Any]
    columns: tuple[str, ...] = ()
    derived: frozenset[str] = frozenset()
    """Columns worked out from the others; no difference between versions."""

    @property
    def empty(self) -> Any:
        """No rows."""
        return []

    def read(self, reader: Reader, value: Any, old: Any) -> list[Row]:
        """Read all rows."""
        names = self.names
        found = []
        for index, item in enumerate(reader.items(value, self.pointer, _MOST_ROWS)):
            place = f"{self.pointer}/{index}"
            if names:
                item = reader.row(item, place, names)  # noqa: PLW2901
            row = self.read_row(reader, item, place, old or [])
            if row is not None:
                found.append(row)
        return found

    @property
    def names(self) -> frozenset[str]:
        """Names that a row may have when it comes in; empty if it is no object."""
        return frozenset(self.columns) - self.derived

    @abstractmethod
    def read_row(
        self, reader: Reader, item: Any, place: str, old: Sequence[Row]
    ) -> Row | None:
        """Return the columns of one row, None when it cannot be read."""

    def stored(self, version: Version) -> list[Row]:
        """Return the rows that a version has."""
        return [
            {name: getattr(row, name) for name in self.columns}
            for row in getattr(version, self.name)
        ]

    def made(self, rows: Iterable[Row], present: Iterable[Any] = ()) -> list[Any]:
        """Make the model's objects for rows; those that are there already stay.

        A row that stays must not be deleted and inserted again: some are unique, and
        the insert would come first.
        """
        spare = list(present)
        objects = []
        for index, row in enumerate(rows):
            values = {name: row[name] for name in self.columns}
            found = next((o for o in spare if _has(o, values)), None)
            if found is None:
                found = self.model(**values)
            else:
                spare.remove(found)
            found.position = index
            objects.append(found)
        return objects

    def incoming(self, rows: Iterable[Row]) -> list[Any]:
        """Return stored rows as they would come in, to be checked once more."""
        return [{name: row[name] for name in self.names} for row in rows]

    @abstractmethod
    def key(self, row: Row) -> Hashable:
        """What makes rows of two versions the same row."""

    @abstractmethod
    def wording(self, row: Row) -> str:
        """What the search finds of a row."""


_INDICATOR_LENGTHS = {
    "name": 100,
    "text": 500,
    "unit": 40,
    "test_condition": 300,
    "test_method": 300,
    "current_level": 300,
    "benchmark": 300,
}
_COMPARISONS = {
    "GE": engine.Comparison.GE,
    "LE": engine.Comparison.LE,
    "GT": engine.Comparison.GT,
    "LT": engine.Comparison.LT,
    "EQ": engine.Comparison.EQ,
    "PM": engine.Comparison.PM,
    "RANGE": engine.Comparison.RANGE,
    "QUAL": engine.Comparison.QUALITATIVE,
}
_OPERATORS = {comparison: code for code, comparison in _COMPARISONS.items()}


@dataclass(frozen=True)
class Indicators(Rows):
    """Technical and economic indicators 指标: the firm's words beside what they say."""

    columns: tuple[str, ...] = (
        "name",
        "text",
        "operator",
        "value",
        "value2",
        "unit",
        "parsed_unit",
        "dimension",
        "test_condition",
        "test_method",
        "current_level",
        "benchmark",
        "is_core",
    )
    derived: frozenset[str] = frozenset({"parsed_unit", "dimension"})

    def read_row(
        self,
        reader: Reader,
        item: Any,
        place: str,
        old: Sequence[Row],  # noqa: ARG002
    ) -> Row | None:
        """Read a row of the form, or the figure out of its words."""
        row: Row = {
            name: reader.words(item.get(name), f"{place}/{name}", most)
            for name, most in _INDICATOR_LENGTHS.items()
        }
        row["is_core"] = reader.flag(item.get("is_core"), f"{place}/is_core")
        row["operator"] = reader.code(
            item.get("operator"), f"{place}/operator", "indicator_comparison", None
        )
        for name in ("value", "value2"):
            row[name] = reader.figure(item.get(name), f"{place}/{name}")
        if not row["name"] and not row["text"]:
            reader.wrong(
                place,
                "required",
                "指标须有名称或原文",
                "an indicator needs a name or the words for it",
            )
            return None
        row |= {"parsed_unit": "", "dimension": ""}
        if row["operator"] in _COMPARISONS:
            return self._from_form(reader, row, place)
        if row["value"] is not None or row["value2"] is not None or row["unit"]:
            reader.wrong(
                f"{place}/operator",
                "required",
                "给出数值时须说明比较方式，如 GE",
                "a value needs its comparison, such as GE",
            )
            return None
        return self._from_words(row)

    def _from_form(self, reader: Reader, row: Row, place: str) -> Row:
        comparison = _COMPARISONS[row["operator"]]
        low, high = row["value"], row["value2"]
        if comparison is engine.Comparison.QUALITATIVE:
            surplus = [n for n in ("value", "value2") if row[n] is not None]
        elif comparison in {engine.Comparison.RANGE, engine.Comparison.PM}:
            surplus = []
        else:
            surplus = ["value2"] if high is not None else []
        for name in surplus:
            reader.wrong(
                f"{place}/{name}",
                "not_with_operator",
                "该比较方式不需要此数值",
                "this comparison takes no such value",
            )
        both = low is not None and high is not None
        if comparison is engine.Comparison.RANGE and both and low > high:
            reader.wrong(
                f"{place}/value2",
                "range_reversed",
                "范围上限不能小于下限",
                "the upper end is below the lower end",
            )
        row["parsed_unit"] = units.canonical(row["unit"])[:60]
        row["dimension"] = units.dimension(row["unit"])[:120]
        return row

    @staticmethod
    def _from_words(row: Row) -> Row:
        words = row["text"] or row["name"]
        read = engine.parse(
            words,
            name=row["name"] if row["text"] else "",
            is_core=row["is_core"],
            condition=row["test_condition"],
        )
        low, high = _exact(read.value), _exact(read.value2)
        figured = low is not None
        row["operator"] = _OPERATORS[read.comparison] if figured else "QUAL"
        if figured and not row["text"]:
            row["text"], row["name"] = words, ""
        row["name"] = row["name"] or read.name[:100] or words[:100]
        row["test_condition"] = row["test_condition"] or read.condition[:300]
        if figured:
            row["value"], row["value2"] = low, high
            row["unit"] = read.unit[:40]
            row["parsed_unit"] = read.unit[:60]
            row["dimension"] = read.dimension[:120]
        return row

    def key(self, row: Row) -> Hashable:
        """Rows of one name are one indicator."""
        return clean(row["name"]).casefold()

    def wording(self, row: Row) -> str:
        """The name and the firm's words."""
        return f"{row['name']} {row['text']}"


def _exact(value: float | None) -> Decimal | None:
    """Return the digits of a figure that was read, None if it is absurdly large."""
    if value is None:
        return None
    number = Decimal(repr(value)).normalize()
    within = number.is_finite() and abs(number.adjusted()) <= MAGNITUDE
    return Decimal(f"{number:f}") if within else None


def show_indicator(row: Row) -> Row:
    """Show an indicator: the form's fields, and what was understood of them."""
    shown = {k: v for k, v in row.items() if k not in {"parsed_unit", "dimension"}}
    shown["parsed"] = {
        "comparison": _COMPARISONS[row["operator"]].value,
        "value": row["value"],
        "value2": row["value2"],
        "unit": row["parsed_unit"],
        "dimension": row["dimension"],
    }
    return shown


@dataclass(frozen=True)
class Files(Rows):
    """Attachments 附件, uploaded before by the owning unit and named by their ids."""

    columns: tuple[str, ...] = ("attachment_id",)

    @property
    def names(self) -> frozenset[str]:
        """A row is a bare identifier."""
        return frozenset()

    def read_row(
        self, reader: Reader, item: Any, place: str, old: Sequence[Row]
    ) -> Row | None:
        """Accept a file of the owning unit."""
        found = reader.reference(item, place)
        if found is None:
            return None
        row = {"attachment_id": found}
        if row not in old:
            file = reader.session.get(Attachment, found)
            if file is None or file.org_id != reader.owner_org_id:
                reader.wrong(
                    place,
                    "unknown_attachment",
                    "本单位没有上传过此附件",
                    "the unit has uploaded no such file",
                )
        return row

    def read(self, reader: Reader, value: Any, old: Any) -> list[Row]:
        """Read files in their order; a repeated one counts once."""
        rows = super().read(reader, value, old)
        return [row for index, row in enumerate(rows) if row not in rows[:index]]

    def incoming(self, rows: Iterable[Row]) -> list[Any]:
        """Return the identifiers."""
        return [row["attachment_id"] for row in rows]

    def key(self, row: Row) -> Hashable:
        """A file is itself."""
        return str(row["attachment_id"])

    def wording(self, row: Row) -> str:  # noqa: ARG002
        """Nothing: what a file holds is not searched."""
        return ""


def show_file(session: so.Session, row: Row) -> Row:
    """Show an attachment; its bytes are served elsewhere."""
    file = session.get_one(Attachment, row["attachment_id"])
    return {
        "id": file.id,
        "filename": file.filename,
        "media_type": file.media_type,
        "size": file.size,
    }


@dataclass(frozen=True)
class Units(Rows):
    """Units that the owner has in mind 意向合作单位, registered here or by name."""

    columns: tuple[str, ...] = ("org_id", "name")

    @property
    def names(self) -> frozenset[str]:
        """An organisation or a name."""
        return frozenset({"organisation_id", "name"})

    def read_row(
        self, reader: Reader, item: Any, place: str, old: Sequence[Row]
    ) -> Row | None:
        """Read a verified organisation or a name."""
        found = reader.reference(
            item.get("organisation_id"), f"{place}/organisation_id"
        )
        name = reader.words(item.get("name"), f"{place}/name", 120)
        if found is None:
            if not name:
                reader.wrong(
                    place,
                    "required",
                    "须有单位编号或名称",
                    "needs an organisation_id or a name",
                )
                return None
            return {"org_id": None, "name": name}
        kept = next((row for row in old if row["org_id"] == found), None)
        if kept is not None:
            return kept
        org = reader.session.get(Organisation, found)
        if org is None or org.state is not OrganisationState.VERIFIED:
            reader.wrong(
                f"{place}/organisation_id",
                "unknown_organisation",
                "没有此已认证单位",
                "there is no such verified organisation",
            )
            return None
        return {"org_id": found, "name": org.name}

    def incoming(self, rows: Iterable[Row]) -> list[Any]:
        """Return the rows under the names of the API."""
        return [show_unit(row) for row in rows]

    def key(self, row: Row) -> Hashable:
        """A registered unit is itself, another one its name."""
        return str(row["org_id"] or row["name"])

    def wording(self, row: Row) -> str:
        """The name."""
        return str(row["name"])


def show_unit(row: Row) -> Row:
    """Show an intended unit."""
    return {"organisation_id": row["org_id"], "name": row["name"]}


@dataclass(frozen=True)
class Rights(Rows):
    """Intellectual property 知识产权 (Civil Code 845)."""

    columns: tuple[str, ...] = (
        "kind",
        "number",
        "title",
        "owner",
        "filed_on",
        "granted_on",
        "expires_on",
        "legal_status",
    )

    def read_row(
        self, reader: Reader, item: Any, place: str, old: Sequence[Row]
    ) -> Row | None:
        """Read one right; its dates must follow each other."""
        lengths = {"number": 60, "title": 200, "owner": 200}
        row: Row = {
            name: reader.words(item.get(name), f"{place}/{name}", most)
            for name, most in lengths.items()
        }
        for name, list_id in (("kind", "ip_type"), ("legal_status", "ip_legal_status")):
            value = item.get(name)
            kept = value if any(value == r[name] for r in old) else None
            row[name] = reader.code(value, f"{place}/{name}", list_id, kept)
        if not row["kind"]:
            reader.wrong(f"{place}/kind", "required", "必填", "is required")
            return None
        dates = ("filed_on", "granted_on", "expires_on")
        for name in dates:
            row[name] = reader.day(item.get(name), f"{place}/{name}")
        given = [name for name in dates if row[name] is not None]
        for earlier, later in pairwise(given):
            if row[later] < row[earlier]:
                reader.wrong(
                    f"{place}/{later}",
                    "dates_reversed",
                    "日期先后颠倒",
                    "lies before the date that it must follow",
                )
        return row

    def key(self, row: Row) -> Hashable:
        """A right is its number, or its title while it has none."""
        return (row["kind"], row["number"] or row["title"])

    def wording(self, row: Row) -> str:
        """Number and title."""
        return f"{row['number']} {row['title']}"


@dataclass(frozen=True)
class TeamChoice(Field):
    """The team 团队 of the owning unit that stands behind an offer."""

    def read(self, reader: Reader, value: Any, old: Any) -> Any:
        """Accept a team of the owning unit."""
        found = reader.reference(value, self.pointer)
        if found is None or found == old:
            return found
        team = reader.session.get(Team, found)
        if team is None or team.org_id != reader.owner_org_id or team.closed_at:
            reader.wrong(
                self.pointer,
                "unknown_team",
                "本单位没有此团队",
                "the unit has no such team",
            )
        return found


Table = tuple[Field, ...]


def child_tables(table: Table) -> list[Rows]:
    """Return the fields that are child tables."""
    return [field for field in table if isinstance(field, Rows)]


def values_of(table: Table, version: Version) -> Values:
    """Return what a version holds; its child rows must be loaded."""
    return {
        field.name: field.stored(version)
        if isinstance(field, Rows)
        else getattr(version, field.name)
        for field in table
    }


def empty_values(table: Table) -> Values:
    """Return what a version holds before anything is written."""
    return {field.name: field.empty for field in table}


def read(
    table: Table, reader: Reader, data: Mapping[str, Any], before: Values
) -> Values:
    """Read the fields that came in; the others stay as they are.

    Unknown names and everything wrong are noted with the reader.
    """
    known = {field.name: field for field in table}
    for name in sorted(set(data) - set(known), key=str):
        reader.unknown("", name, known)
    return {
        name: known[name].read(reader, data[name], before[name])
        for name in known
        if name in data
    }


def reread(table: Table, reader: Reader, values: Values) -> None:
    """Check stored values again by today's codes and rules."""
    for field in table:
        value = values[field.name]
        if isinstance(field, Rows):
            value = field.incoming(value)
        field.read(reader, value, values[field.name] if reader.lenient else None)


def write(table: Table, version: Version, values: Values) -> None:
    """Put values into a version; its child rows must be loaded."""
    known = {field.name: field for field in table}
    for name, value in values.items():
        field = known[name]
        stored = value
        if isinstance(field, Rows):
            stored = field.made(value, getattr(version, name))
        setattr(version, name, stored)


def _has(stored: Any, values: Values) -> bool:
    return all(getattr(stored, name) == value for name, value in values.items())


def require_filled(reader: Reader, values: Values, names: Iterable[str]) -> None:
    """Note each of these fields that is empty."""
    for name in names:
        if values[name] in _EMPTY:
            reader.wrong(f"/{name}", "required", "提交前必填", "required to submit")


def require_count(reader: Reader, values: Values, name: str, least: int) -> None:
    """Note a list that is shorter than a rule asks for."""
    if len(values[name]) < least:
        reader.wrong(
            f"/{name}",
            "too_few" if values[name] else "required",
            "提交前至少填写 {least} 项",
            "at least {least} required to submit",
            least=least,
        )


def require_indicator_values(reader: Reader, values: Values) -> None:
    """Note each indicator that says too little to be judged by."""
    for index, row in enumerate(values["indicators"]):
        place = f"/indicators/{index}"
        needed = ["name"]
        if row["operator"] == "QUAL":
            needed.append("text")
        else:
            needed.append("value")
            needed += ["value2"] if row["operator"] == "RANGE" else []
        for name in needed:
            if row[name] in _EMPTY:
                reader.wrong(
                    f"{place}/{name}", "required", "提交前必填", "required to submit"
                )


def in_order(reader: Reader, values: Values, earlier: str, later: str) -> None:
    """Note a span that ends before it begins."""
    first, last = values[earlier], values[later]
    if first is not None and last is not None and last < first:
        reader.wrong(
            f"/{later}",
            "dates_reversed",
            "结束不能早于开始",
            "ends before it begins",
        )


def attributes(session: so.Session, list_id: str, code: str | None) -> dict[str, Any]:
    """Return the attributes of a code, none if it is not known."""
    for entry in codes.entries(session, list_id):
        if entry.code == code:
            return entry.attributes
    return {}


def wording(table: Table, values: Values, hidden: frozenset[str]) -> str:
    """Return the normalised text that the list search looks into."""
    parts: list[str] = []
    for field in table:
        if field.name in hidden:
            continue
        value = values[field.name]
        if isinstance(field, Words) and value:
            parts.append(value)
        elif isinstance(field, Lines):
            parts += value
        elif isinstance(field, Rows):
            parts += (field.wording(row) for row in value)
    return "\n".join(fold(part) for part in parts)


@functools.lru_cache(maxsize=1024)
def fold(text: str) -> str:
    """Bring a text into the spelling in which the list search compares."""
    return clean(text).casefold()


def code_lists(table: Table) -> dict[str, str]:
    """Return the code list of each field that holds one code."""
    return {f.name: f.list_id or f.name for f in table if isinstance(f, Code)}


def differences(
    table: Table, old: Values, new: Values, hidden: frozenset[str]
) -> list[dict[str, Any]]:
    """List what differs between two versions, with the place of each.

    A row of a child table is compared with the row of the same key, wherever it
    stands; a pointer into a child table counts in the newer version, that of a row
    which is gone in the older one.
    """
    found: list[dict[str, Any]] = []
    for field in table:
        if field.name in hidden:
            continue
        if isinstance(field, Rows):
            found += _row_differences(field, old[field.name], new[field.name])
        elif old[field.name] != new[field.name]:
            found.append(_difference(field.pointer, old[field.name], new[field.name]))
    return found


def _difference(pointer: str, old: Any, new: Any) -> dict[str, Any]:
    return {"pointer": pointer, "old": events.plain(old), "new": events.plain(new)}


def _row_differences(
    field: Rows, old: Sequence[Row], new: Sequence[Row]
) -> list[dict[str, Any]]:
    def bare(row: Row) -> Row:
        return {k: v for k, v in row.items() if k not in field.derived}

    waiting: dict[Hashable, list[int]] = {}
    for index, row in enumerate(old):
        waiting.setdefault(field.key(row), []).append(index)
    found, order = [], []
    for index, row in enumerate(new):
        place = f"{field.pointer}/{index}"
        same = waiting.get(field.key(row))
        if not same:
            found.append(_difference(place, None, bare(row)))
            continue
        before = same.pop(0)
        order.append(before)
        found += [
            _difference(f"{place}/{name}", old[before][name], value)
            for name, value in bare(row).items()
            if old[before][name] != value
        ]
    gone = sorted(index for rest in waiting.values() for index in rest)
    found += [
        _difference(f"{field.pointer}/{index}", bare(old[index]), None)
        for index in gone
    ]
    if order != sorted(order):
        found.append(
            _difference(
                field.pointer,
                [str(field.key(row)) for row in old],
                [str(field.key(row)) for row in new],
            )
        )
    return found


def load_children(session: so.Session, table: Table, version: Version) -> None:
    """Load the child rows of a version unless they are there."""
    state: Any = sa.inspect(version)
    missing = state.unloaded
    wanted = [f for f in child_tables(table) if f.name in missing]
    if not wanted:
        return
    model = type(version)
    session.scalars(
        sa.select(model)
        .where(model.id == version.id)
        .options(*(child_option(model, field) for field in wanted))
    ).one()


def child_option(model: type[Any], field: Rows) -> Any:
    """Return the loader option for a child table, with what its rows refer to."""
    option = so.selectinload(getattr(model, field.name))
    if isinstance(field, Files):
        return option.joinedload(field.model.attachment)
    return option
