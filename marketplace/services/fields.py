"""How the fields of needs and offers are read: one class a type of field.

What comes in may be typed already (from a schema) or be the strings that a sheet or a
seed file holds. Everything that is wrong is collected, so that a caller learns of all
of it at once, each with the pointer of its place.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

import sqlalchemy.orm as so

from marketplace.domain.money import yuan
from marketplace.domain.needs import Disclosure
from marketplace.domain.spelling import nearest
from marketplace.errors import FieldError, Invalid, Text, misspelt
from marketplace.services import codes

Row = dict[str, Any]
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_MARK = re.compile(r"[0-9A-Za-z.\-]+")
_MONTH = re.compile(r"([0-9]{4})-([0-9]{2})")
_DIGITS, MAGNITUDE = 34, 30


def escaped(name: object) -> str:
    """Return a name as a step of a JSON pointer (RFC 6901)."""
    return str(name).replace("~", "~0").replace("/", "~1")


@dataclass
class Reader:
    """Reads one piece of input and keeps what is wrong with it.

    Parameters
    ----------
    session : Session
    on : date
        The day whose code lists hold.
    limits : mapping of str to int
        Lengths and counts from the rules in force, by field.
    owner_org_id : UUID, optional
        The unit whose files and teams may be named.
    lenient : bool
        A code that the record already has may stay although it is retired.
    """

    session: so.Session
    on: date
    limits: Mapping[str, int] = field(default_factory=dict)
    owner_org_id: UUID | None = None
    lenient: bool = True
    errors: list[FieldError] = field(default_factory=list)

    def wrong(
        self, pointer: str, code: str, zh: str, en: str, **values: object
    ) -> None:
        """Note one thing that is wrong."""
        text = Text(zh, en)
        self.errors.append(
            FieldError(pointer, code, text.format(**values) if values else text)
        )

    def unknown(self, place: str, name: object, known: Collection[str]) -> None:
        """Note a name that nothing has, with the known one that is near."""
        message = Text("未知字段", "Unknown field.")
        near = nearest(str(name), sorted(known))
        if near is not None:
            message = misspelt(message, near)
        pointer = f"{place}/{escaped(name)}"
        self.errors.append(FieldError(pointer, "unknown_field", message))

    def refuse(self) -> None:
        """Raise what was noted, if anything was.

        Raises
        ------
        Invalid
            With every error found.
        """
        if self.errors:
            raise Invalid(errors=tuple(self.errors))

    def words(self, value: Any, pointer: str, most: int) -> str:
        """Read a text; blanks at its ends are dropped."""
        if value is None:
            return ""
        if not isinstance(value, str):
            self.wrong(pointer, "not_a_string", "应为文本", "Not a valid string.")
            return ""
        if _UNSTORABLE.search(value):
            self.wrong(
                pointer,
                "bad_character",
                "含有不能保存的字符（空字符或残缺的代理字符）",
                "holds a NUL or half of a surrogate pair",
            )
            return ""
        text: str = value.strip()
        if len(text) > most:
            self.wrong(
                pointer,
                "too_long",
                "最多 {most} 字，现为 {length} 字",
                "at most {most} characters, there are {length}",
                most=most,
                length=len(text),
            )
        return text

    def items(self, value: Any, pointer: str, most: int) -> list[Any]:
        """Read a list of at most ``most`` items."""
        if value is None:
            return []
        if not isinstance(value, list | tuple):
            self.wrong(pointer, "not_a_list", "应为列表", "Not a valid list.")
            return []
        if len(value) > most:
            self.wrong(
                pointer,
                "too_many",
                "最多 {most} 项，现为 {count} 项",
                "at most {most} items, there are {count}",
                most=most,
                count=len(value),
            )
        return list(value)[:most]

    def row(self, value: Any, pointer: str, names: frozenset[str]) -> Row:
        """Read an object that has no other names than these."""
        if not isinstance(value, Mapping):
            self.wrong(pointer, "not_an_object", "应为对象", "Invalid input type.")
            return {}
        for name in sorted(set(value) - names, key=str):
            self.unknown(pointer, name, names)
        return dict(value)

    def code(self, value: Any, pointer: str, list_id: str, old: Any) -> str | None:
        """Read a code that is offered today, or that the record has already."""
        if value is None or value == "":
            return None
        word = self.words(value, pointer, 40)
        kept = [old] if self.lenient and isinstance(old, str) else []
        if word:
            self.errors += codes.check(
                self.session, list_id, word, on=self.on, pointer=pointer, kept=kept
            )
        return word

    def day(self, value: Any, pointer: str) -> date | None:
        """Read a date."""
        if value is None or value == "":
            return None
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        try:
            return date.fromisoformat(value)
        except (TypeError, ValueError):
            self.wrong(
                pointer,
                "not_a_date",
                "应为日期，如 2026-11-21",
                "Not a valid date.",
            )
            return None

    def figure(self, value: Any, pointer: str) -> Decimal | None:
        """Read a decimal number of reasonable size."""
        if value is None or value == "":
            return None
        try:
            if isinstance(value, float | bool):
                raise InvalidOperation  # noqa: TRY301
            number = Decimal(value)
        except (InvalidOperation, TypeError, ValueError):
            self.wrong(
                pointer,
                "not_a_number",
                "应为数字（字符串），如 0.05",
                "Not a decimal number in a string, such as 0.05.",
            )
            return None
        parts = number.as_tuple()
        tall = not number.is_finite() or abs(number.adjusted()) > MAGNITUDE
        if tall or len(parts.digits) > _DIGITS or len(f"{number:f}") > _DIGITS + 4:
            self.wrong(
                pointer,
                "out_of_range",
                "数字位数过多或超出范围",
                "has too many digits or is out of range",
            )
            return None
        return Decimal(f"{number:f}")

    def whole(self, value: Any, pointer: str, least: int, most: int) -> int | None:
        """Read a whole number within bounds."""
        if value is None or value == "":
            return None
        try:
            if isinstance(value, float | bool):
                raise TypeError("not whole")  # noqa: TRY301
            number = int(value)
        except (TypeError, ValueError):
            self.wrong(pointer, "not_an_integer", "应为整数", "Not a valid integer.")
            return None
        if not least <= number <= most:
            self.wrong(
                pointer,
                "out_of_range",
                "应在 {least} 与 {most} 之间",
                "must lie between {least} and {most}",
                least=least,
                most=most,
            )
        return number

    def flag(self, value: Any, pointer: str) -> bool:
        """Read yes or no."""
        if value is None:
            return False
        if not isinstance(value, bool):
            self.wrong(
                pointer,
                "not_a_boolean",
                "应为 true 或 false",
                "Not a valid boolean.",
            )
            return False
        return value

    def reference(self, value: Any, pointer: str) -> UUID | None:
        """Read an identifier."""
        if value is None or value == "":
            return None
        if isinstance(value, UUID):
            return value
        try:
            return UUID(value)
        except (AttributeError, TypeError, ValueError):
            self.wrong(pointer, "not_an_id", "不是有效的编号", "Not a valid UUID.")
            return None


@dataclass(frozen=True)
class Field(ABC):
    """One field of a version: its name, its type, and what it is when not filled."""

    name: str

    @property
    def empty(self) -> Any:
        """The value of the field before anything is written."""
        return None

    @abstractmethod
    def read(self, reader: Reader, value: Any, old: Any) -> Any:
        """Return the value to store; what is wrong is noted with the reader."""

    @property
    def pointer(self) -> str:
        """The place of the field in the body."""
        return f"/{self.name}"


@dataclass(frozen=True)
class Words(Field):
    """A text; the rule in force may set a lower limit than the store's ``most``."""

    most: int = 4000

    @property
    def empty(self) -> Any:
        """Empty text."""
        return ""

    def read(self, reader: Reader, value: Any, old: Any) -> str:  # noqa: ARG002
        """Read a text."""
        most = min(reader.limits.get(self.name, self.most), self.most)
        return reader.words(value, self.pointer, most)


@dataclass(frozen=True)
class Mark(Field):
    """A short classification mark for which there is no code list here."""

    def read(self, reader: Reader, value: Any, old: Any) -> str | None:  # noqa: ARG002
        """Read digits, letters, points and dashes."""
        word = reader.words(value, self.pointer, 40)
        if word and not _MARK.fullmatch(word):
            reader.wrong(
                self.pointer,
                "bad_format",
                "只能含数字、字母、点和连字符",
                "may hold digits, letters, points and dashes only",
            )
        return word or None


@dataclass(frozen=True)
class Code(Field):
    """One code of a list."""

    list_id: str = ""

    def read(self, reader: Reader, value: Any, old: Any) -> str | None:
        """Read a code."""
        return reader.code(value, self.pointer, self.list_id or self.name, old)


@dataclass(frozen=True)
class Codes(Field):
    """Several codes of a list, each once."""

    list_id: str = ""
    most: int = 20

    @property
    def empty(self) -> Any:
        """No codes."""
        return []

    def read(self, reader: Reader, value: Any, old: Any) -> list[str]:
        """Read codes in their order; a repeated one counts once."""
        found: list[str] = []
        for index, item in enumerate(reader.items(value, self.pointer, self.most)):
            place = f"{self.pointer}/{index}"
            kept = item if item in (old or []) else None
            code = reader.code(item, place, self.list_id or self.name, kept)
            if code is None:
                reader.wrong(place, "required", "必填", "is required")
            elif code not in found:
                found.append(code)
        return found


@dataclass(frozen=True)
class Lines(Field):
    """Several short texts, each once; ``length`` and ``most`` may name rules."""

    length: int = 200
    most: int = 50
    length_rule: str = ""

    @property
    def empty(self) -> Any:
        """No lines."""
        return []

    def read(self, reader: Reader, value: Any, old: Any) -> list[str]:  # noqa: ARG002
        """Read lines in their order; empty ones are refused, repeated ones dropped."""
        most = min(reader.limits.get(self.name, self.most), self.most)
        length = min(reader.limits.get(self.length_rule, self.length), self.length)
        found: list[str] = []
        for index, item in enumerate(reader.items(value, self.pointer, most)):
            place = f"{self.pointer}/{index}"
            errors = len(reader.errors)
            line = reader.words(item, place, length)
            if not line and len(reader.errors) == errors:
                reader.wrong(place, "required", "不能为空", "must not be empty")
            elif line not in found:
                found.append(line)
        return found


@dataclass(frozen=True)
class Amount(Field):
    """An amount in 元, not negative."""

    def read(self, reader: Reader, value: Any, old: Any) -> Decimal | None:  # noqa: ARG002
        """Read an amount."""
        if value is None or value == "":
            return None
        try:
            amount = yuan(value)
        except (TypeError, ValueError):
            reader.wrong(
                self.pointer,
                "not_money",
                "不是有效金额：数字字符串，最多两位小数",
                "Not an amount: a string of digits with up to two decimals.",
            )
            return None
        if amount < 0:
            reader.wrong(self.pointer, "negative", "不能为负", "Must not be negative.")
        return amount


@dataclass(frozen=True)
class Day(Field):
    """A date."""

    def read(self, reader: Reader, value: Any, old: Any) -> date | None:  # noqa: ARG002
        """Read a date."""
        return reader.day(value, self.pointer)


@dataclass(frozen=True)
class Month(Field):
    """A month, kept as its first day; forms ask for year and month."""

    def read(self, reader: Reader, value: Any, old: Any) -> date | None:  # noqa: ARG002
        """Read ``2021-03`` or any day of the month."""
        if isinstance(value, str) and _MONTH.fullmatch(value):
            value = f"{value}-01"
        found = reader.day(value, self.pointer)
        return found and found.replace(day=1)


@dataclass(frozen=True)
class Whole(Field):
    """A whole number."""

    least: int = 0
    most: int = 100

    def read(self, reader: Reader, value: Any, old: Any) -> int | None:  # noqa: ARG002
        """Read a whole number."""
        return reader.whole(value, self.pointer, self.least, self.most)


@dataclass(frozen=True)
class Flag(Field):
    """Yes or no."""

    @property
    def empty(self) -> Any:
        """No."""
        return False

    def read(self, reader: Reader, value: Any, old: Any) -> bool:  # noqa: ARG002
        """Read yes or no."""
        return reader.flag(value, self.pointer)


@dataclass(frozen=True)
class Openness(Field):
    """How openly an object is shown 公开程度."""

    @property
    def empty(self) -> Any:
        """Fully public."""
        return Disclosure.FULL

    def read(self, reader: Reader, value: Any, old: Any) -> Disclosure:
        """Read a disclosure."""
        code = reader.code(value, self.pointer, "disclosure", old)
        if code is None or code not in list(Disclosure):
            return Disclosure.FULL
        return Disclosure(code)


@dataclass(frozen=True)
class Custom(Field):
    """A field with a reader of its own: ``reading(reader, value, pointer)``."""

    reading: Callable[[Reader, Any, str], Any]
    initial: Callable[[], Any] = lambda: None

    @property
    def empty(self) -> Any:
        """What the field holds before anything is written."""
        return self.initial()

    def read(self, reader: Reader, value: Any, old: Any) -> Any:  # noqa: ARG002
        """Read with the given function."""
        return self.reading(reader, value, self.pointer)


@dataclass(frozen=True)
class Share(Field):
    """A share in per cent, between 0 and 100, with at most four decimal places."""

    def read(self, reader: Reader, value: Any, old: Any) -> Decimal | None:  # noqa: ARG002
        """Read a share."""
        share = reader.figure(value, self.pointer)
        if share is None:
            return None
        if not 0 <= share <= 100 or share != share.quantize(_SHARE):
            reader.wrong(
                self.pointer,
                "out_of_range",
                "应在 0 与 100 之间，最多四位小数",
                "must lie between 0 and 100, with at most four decimals",
            )
        return share


_SHARE = Decimal("0.0001")


@dataclass(frozen=True)
class Reference(Field):
    """The identifier of another object; whether it exists is asked elsewhere."""

    def read(self, reader: Reader, value: Any, old: Any) -> UUID | None:  # noqa: ARG002
        """Read an identifier."""
        return reader.reference(value, self.pointer)


@dataclass(frozen=True)
class Items(Field):
    """Rows with fields of their own, kept as one value and replaced as a whole."""

    table: tuple[Field, ...] = ()
    most: int = 100

    @property
    def empty(self) -> Any:
        """No rows."""
        return []

    def read(self, reader: Reader, value: Any, old: Any) -> list[Row]:
        """Read all rows; what is left out of a row is empty."""
        found: list[Row] = []
        before = old or []
        for index, item in enumerate(reader.items(value, self.pointer, self.most)):
            place = f"{self.pointer}/{index}"
            kept = before[index] if index < len(before) else {}
            found.append(_nested(reader, self.table, item, place, kept))
        return found


@dataclass(frozen=True)
class Part(Field):
    """Fields of their own under one name; empty when none of them is filled."""

    table: tuple[Field, ...] = ()

    @property
    def empty(self) -> Any:
        """Nothing filled."""
        return {}

    def read(self, reader: Reader, value: Any, old: Any) -> Row:
        """Read what is there."""
        if value is None or value == {}:
            return {}
        return _nested(reader, self.table, value, self.pointer, old or {})


def _nested(
    reader: Reader, table: tuple[Field, ...], value: Any, place: str, old: Row
) -> Row:
    """Read one object by a table; the places of its errors begin with its own."""
    inner = replace(reader, errors=[])
    names = frozenset(field.name for field in table)
    item = inner.row(value, "", names)
    row = {
        field.name: field.read(inner, item[field.name], old.get(field.name))
        if field.name in item
        else field.empty
        for field in table
    }
    reader.errors += [
        FieldError(f"{place}{error.pointer}", error.code, error.message)
        for error in inner.errors
    ]
    return row


def thawed(table: tuple[Field, ...], kept: Mapping[str, Any]) -> Row:
    """Return values of a table as they were read, from the JSON in which they lie.

    Values that were written before a field existed are empty.
    """
    return {
        field.name: _thaw(field, kept[field.name])
        if field.name in kept
        else field.empty
        for field in table
    }


def _thaw(field: Field, value: Any) -> Any:
    if isinstance(field, Items):
        return [thawed(field.table, row) for row in value]
    if isinstance(field, Part):
        return thawed(field.table, value) if value else {}
    if not isinstance(value, str):
        return value
    for kinds, read in _THAWING:
        if isinstance(field, kinds):
            return read(value)
    return value


_THAWING: tuple[tuple[tuple[type[Field], ...], Callable[[str], Any]], ...] = (
    ((Amount,), yuan),
    ((Share,), Decimal),
    ((Day, Month), date.fromisoformat),
    ((Reference,), UUID),
)
