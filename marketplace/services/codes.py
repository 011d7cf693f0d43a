"""Code lists 代码表: loaded as data with dates, offered while they hold."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace.errors import FieldError, NotFound, Text
from marketplace.models.codes import Code, CodeList, CodeListVersion


@dataclass(frozen=True, slots=True)
class Entry:
    """One code as it stands in one version of its list."""

    list_id: str
    version: str
    code: str
    zh: str
    en: str
    parent: str | None
    valid_from: date
    valid_to: date | None
    certainty: str
    note: str
    attributes: dict[str, Any]

    def holds(self, on: date) -> bool:
        """Tell whether the code is offered on a date (both ends included)."""
        return self.valid_from <= on and (self.valid_to is None or on <= self.valid_to)


def load(session: so.Session, lists: Iterable[Mapping[str, Any]]) -> int:
    """Bring the lists of the seed files into the database; returns how many changed.

    A version that is already there and equal is left alone, so that loading twice is
    loading once. A version whose entries differ is replaced; a version or list that is
    no longer in the files stays, since old records use its codes.
    """
    changed = 0
    for data in lists:
        row = session.get(CodeList, data["list_id"])
        if row is None:
            row = CodeList(list_id=data["list_id"])
            session.add(row)
        row.title_zh, row.title_en = data["title_zh"], data["title_en"]
        row.owner_region, row.source = data["owner_region"], data["source"]
        session.flush()
        for version in data["versions"]:
            changed += _load_version(session, data["list_id"], version)
    _forget_read(session)
    return changed


def _load_version(session: so.Session, list_id: str, data: Mapping[str, Any]) -> bool:
    wanted = [
        {
            "code": e["code"],
            "zh": e["zh"],
            "en": e["en"],
            "parent": e["parent"],
            "position": position,
            "valid_from": _date(e["valid_from"]),
            "valid_to": _date(e["valid_to"]),
            "certainty": e["certainty"],
            "note": e["note"],
            "attributes": e["attributes"],
        }
        for position, e in enumerate(data["entries"])
    ]
    version = session.scalar(
        sa.select(CodeListVersion).where(
            CodeListVersion.list_id == list_id,
            CodeListVersion.version == data["version"],
        )
    )
    if version is None:
        version = CodeListVersion(list_id=list_id, version=data["version"])
        session.add(version)
    version.valid_from = date.fromisoformat(data["valid_from"])
    version.valid_to = _date(data["valid_to"])
    version.certainty = data["certainty"]
    version.source, version.note = data["source"], data.get("note", "")
    session.flush()
    present = session.scalars(
        sa.select(Code).where(Code.version_id == version.id).order_by(Code.position)
    ).all()
    if [{name: getattr(c, name) for name in wanted[0]} for c in present] == wanted:
        return False
    session.execute(sa.delete(Code).where(Code.version_id == version.id))
    session.execute(
        sa.insert(Code), [{**values, "version_id": version.id} for values in wanted]
    )
    return True


_NO_LIST = Text("没有代码表 {id}", "no code list {id}")


def _date(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def lists(session: so.Session) -> list[CodeList]:
    """Return every list, by its id."""
    return list(session.scalars(sa.select(CodeList).order_by(CodeList.list_id)))


def entries(
    session: so.Session,
    list_id: str,
    *,
    on: date | None = None,
    version: str | None = None,
) -> list[Entry]:
    """Return the entries of a list.

    Parameters
    ----------
    on : date, optional
        Only what is offered on this date; without it also retired codes.
    version : str, optional
        Only this version.

    Raises
    ------
    NotFound
        No such list, or no such version of it.
    """
    found = _all_entries(session, list_id)
    if version is not None:
        found = [e for e in found if e.version == version]
    if not found:
        raise NotFound(_NO_LIST.format(id=list_id))
    return [e for e in found if on is None or e.holds(on)]


def _all_entries(session: so.Session, list_id: str) -> list[Entry]:
    """Read a list once a transaction: checks of many records ask for it again."""
    known: dict[str, list[Entry]] = session.info.setdefault(_READ, {})
    if list_id not in known:
        rows = session.execute(
            sa.select(CodeListVersion, Code)
            .join(Code, Code.version_id == CodeListVersion.id)
            .where(CodeListVersion.list_id == list_id)
            .order_by(CodeListVersion.valid_from.desc(), Code.position)
        )
        known[list_id] = [_entry(v, c) for v, c in rows]
    return known[list_id]


def _entry(version: CodeListVersion, code: Code) -> Entry:
    ends = [d for d in (code.valid_to, version.valid_to) if d is not None]
    return Entry(
        list_id=version.list_id,
        version=version.version,
        code=code.code,
        zh=code.zh,
        en=code.en,
        parent=code.parent,
        valid_from=code.valid_from or version.valid_from,
        valid_to=min(ends) if ends else None,
        certainty=code.certainty,
        note=code.note,
        attributes=code.attributes,
    )


_KNOWN = "code_lists_known"
_READ = "code_lists_read"


def offered(session: so.Session, list_id: str, on: date) -> frozenset[str]:
    """Return the codes of a list that may be used on a date.

    The lists read are remembered for the life of the session's transaction.
    """
    known: dict[tuple[str, date], frozenset[str]] = session.info.setdefault(_KNOWN, {})
    if (list_id, on) not in known:
        known[list_id, on] = frozenset(e.code for e in entries(session, list_id, on=on))
    return known[list_id, on]


@sa.event.listens_for(so.Session, "after_transaction_end")
def _forget(session: so.Session, transaction: so.SessionTransaction) -> None:
    """What was read in a transaction holds no longer than it."""
    if transaction.parent is None:
        _forget_read(session)


def _forget_read(session: so.Session) -> None:
    session.info.pop(_KNOWN, None)
    session.info.pop(_READ, None)


def check(
    session: so.Session,
    list_id: str,
    values: str | Collection[str] | None,
    *,
    on: date,
    pointer: str,
    kept: Collection[str] = (),
) -> list[FieldError]:
    """Return an error for each value that is not offered on ``on``.

    Parameters
    ----------
    values : str, collection of str or None
        One code, several (the pointer then gets an index), or none.
    kept : collection of str
        Codes that the record already has: a retired one may stay.
    """
    if values is None:
        return []
    several = not isinstance(values, str)
    good = offered(session, list_id, on)
    found = []
    for index, value in enumerate([values] if isinstance(values, str) else values):
        if value in good or value in kept:
            continue
        found.append(
            FieldError(
                f"{pointer}/{index}" if several else pointer,
                "unknown_code",
                Text(
                    "代码“{value}”不在代码表 {id} 的现行版本中，见 /api/v1/codes/{id}",
                    "{value!r} is not offered in code list {id};"
                    " see /api/v1/codes/{id}",
                ).format(value=value, id=list_id),
            )
        )
    return found


def names(
    session: so.Session, list_id: str, *, only: Collection[str] | None = None
) -> dict[str, tuple[str, str]]:
    """Return the Chinese and English name of every code, retired ones included.

    Parameters
    ----------
    only : collection of str, optional
        The codes that are asked for; those that the list does not have stay out.

    Raises
    ------
    NotFound
        No such list, all of which is asked for.
    """
    asked = (
        sa.select(Code.code, Code.zh, Code.en)
        .join(CodeListVersion, Code.version_id == CodeListVersion.id)
        .where(CodeListVersion.list_id == list_id)
        .order_by(CodeListVersion.valid_from.desc(), Code.position)
    )
    rows = session.execute(asked if only is None else asked.where(Code.code.in_(only)))
    found: dict[str, tuple[str, str]] = {}
    for code, zh, en in rows:
        found.setdefault(code, (zh, en))
    if not found and only is None:
        raise NotFound(_NO_LIST.format(id=list_id))
    return found
