"""The rules in force on a date, at a place: data, never constants."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace.models.rules import Rule


class NoRule(LookupError):
    """No rule of this name holds on that date: the seed data is incomplete."""


def load(session: so.Session, rows: Iterable[Mapping[str, Any]]) -> None:
    """Bring rules in; one with the same key, region and start is replaced."""
    for data in rows:
        start = date.fromisoformat(data["valid_from"])
        rule = session.scalar(
            sa.select(Rule).where(
                Rule.key == data["key"],
                Rule.region == data["region"],
                Rule.valid_from == start,
            )
        )
        if rule is None:
            rule = Rule(key=data["key"], region=data["region"], valid_from=start)
            session.add(rule)
        end = data.get("valid_to")
        rule.valid_to = date.fromisoformat(end) if end else None
        rule.value = data["value"]
        rule.mark, rule.source = data["mark"], data["source"]
    session.flush()
    session.info.pop(_KNOWN, None)


_KNOWN = "rules_known"


@sa.event.listens_for(so.Session, "after_transaction_end")
def _forget(session: so.Session, transaction: so.SessionTransaction) -> None:
    """What was read in a transaction holds no longer than it."""
    if transaction.parent is None:
        session.info.pop(_KNOWN, None)


def every(session: so.Session, key: str) -> Sequence[Rule]:
    """Return all rules of a name, past ones too, by place and start."""
    return session.scalars(
        sa.select(Rule).where(Rule.key == key).order_by(Rule.region, Rule.valid_from)
    ).all()


def in_force(session: so.Session, key: str, *, on: date, region: str = "") -> Rule:
    """Return the rule that holds on a date for a place.

    The most local rule wins: the district's, the city's, the province's, then the
    rule for everywhere (region ``""``). Among these the latest start wins. A rule is
    read once a transaction.

    Raises
    ------
    NoRule
        Nothing of this name holds then.
    """
    known: dict[tuple[str, date, str], Rule] = session.info.setdefault(_KNOWN, {})
    if (key, on, region) not in known:
        known[key, on, region] = _read(session, key, on, region)
    return known[key, on, region]


def _read(session: so.Session, key: str, on: date, region: str) -> Rule:
    places = ["", region, region[:4] + "00", region[:2] + "0000"] if region else [""]
    rows = session.scalars(
        sa.select(Rule).where(
            Rule.key == key,
            Rule.region.in_(places),
            Rule.valid_from <= on,
            sa.or_(Rule.valid_to.is_(None), Rule.valid_to >= on),
        )
    ).all()
    if not rows:
        raise NoRule(f"no rule {key!r} holds on {on} in {region or 'any region'}")
    local = {"": 0, region[:2] + "0000": 1, region[:4] + "00": 2, region: 3}
    local[""] = 0
    return max(rows, key=lambda r: (local[r.region], r.valid_from))
