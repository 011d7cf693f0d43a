"""What stands in the templates for imports, before it is a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy.orm as so

from marketplace import policies
from marketplace.domain.actors import Actor
from marketplace.errors import NotFound, Text
from marketplace.policies import IMPORT_RULES
from marketplace.services import codes, needs, offers
from marketplace.services.import_columns import KINDS, Column, columns, note

TITLES = {
    "organisations": Text("单位导入模板", "Organisations template"),
    "needs": Text("需求导入模板", "Needs template"),
    "offers": Text("成果能力导入模板", "Offers template"),
}
NOTES = (
    Text(
        "第一行是表头，请勿修改；从第二行起每行填写一条记录。",
        "The first row is the header; every row below it is one record.",
    ),
    Text(
        "表头带 * 的列必填；其余可留空，提交审核前再补齐。",
        "Columns marked * are required; the others may wait until submission.",
    ),
    Text(
        "金额一律以万元为单位，换算精确到分。",
        "Amounts are in 10,000 yuan, converted exactly.",
    ),
    Text(
        "请填内容而不是公式；含公式的单元格会被指出。",
        "Write values, not formulas; a cell with a formula is reported.",
    ),
    Text(
        "外部编号选填：同一编号或内容完全相同的行不会重复导入。",
        "The external number is optional: no number and no equal row comes in twice.",
    ),
    Text(
        "可先选择“仅检查”（dry_run）导入一次，按报告改正后再正式导入。",
        "Try a dry run first, correct what the report names, then import.",
    ),
)


@dataclass(frozen=True)
class PlannedColumn:
    """A column with what is said about it.

    Parameters
    ----------
    choices : tuple of Text
        ``code name`` of every code in force, for a drop-down; empty without a list.
    """

    column: Column
    note: Text
    choices: tuple[Text, ...]
    example: str


@dataclass(frozen=True)
class Plan:
    """A template for one kind of records."""

    kind: str
    title: Text
    columns: tuple[PlannedColumn, ...]
    notes: tuple[Text, ...]


def plan(session: so.Session, actor: Actor, kind: str) -> Plan:
    """Say what the template for a kind holds, by the code lists of today.

    Parameters
    ----------
    actor : Actor
        An operator's rows each name their unit.

    Raises
    ------
    NotFound
        There is no such template.
    """
    if kind not in KINDS:
        raise NotFound
    by_operator = policies.may(actor, "publish", None, IMPORT_RULES) is not None
    lengths = _lengths(session, actor, kind)
    return Plan(
        kind,
        TITLES[kind],
        tuple(
            _planned(session, actor, column, lengths)
            for column in columns(kind, with_owner=by_operator)
        ),
        NOTES,
    )


def _lengths(session: so.Session, actor: Actor, kind: str) -> dict[str, int]:
    if kind == "needs":
        return needs.KIND.limits(session, actor.today, "")
    if kind == "offers":
        return offers.KIND.limits(session, actor.today, "")
    return {}


_LIST_FORMS = frozenset({"lines", "sentences"})


def _planned(
    session: so.Session, actor: Actor, column: Column, lengths: dict[str, int]
) -> PlannedColumn:
    parts = [_REQUIRED if column.required else _OPTIONAL, note(column)]
    most = min(column.most or 10**9, lengths.get(column.name, 10**9))
    if most < 10**9:
        limit = _MOST_ITEMS if column.form in _LIST_FORMS else _MOST_WORDS
        parts.append(limit.format(most=most))
    choices = _choices(session, actor, column)
    example = column.example
    if not example and choices:
        example = choices[0].zh
    return PlannedColumn(
        column,
        Text("；".join(p.zh for p in parts), "; ".join(p.en for p in parts)),
        choices,
        example or _EXAMPLE,
    )


def _choices(session: so.Session, actor: Actor, column: Column) -> tuple[Text, ...]:
    listed: Any = ()
    if column.list_id:
        entries = codes.entries(session, column.list_id, on=actor.today)
        listed = (Text(f"{e.code} {e.zh}", f"{e.code} {e.en or e.zh}") for e in entries)
    elif column.form == "kind":
        listed = (Text("成果", "result"), Text("能力", "capability"))
    elif column.form == "flag":
        listed = (Text("是", "yes"), Text("否", "no"))
    elif column.form == "scale":
        listed = (Text(scale, scale) for scale in offers.SCALES)
    return tuple(listed)


_EXAMPLE = "示例内容"
_REQUIRED = Text("必填", "required")
_OPTIONAL = Text("选填", "optional")
_MOST_WORDS = Text("最多 {most} 字", "at most {most} characters")
_MOST_ITEMS = Text("最多 {most} 项", "at most {most} items")
