"""What a period did to contracts of earlier ones: changes, cancellations, revocations.

They are entries of the day on which they were made, so that what was reported of the
earlier period stays; a report of the later one has to name them, or nobody could tell a
weak period from one that took back what another had been credited with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace import policies
from marketplace.domain import periods
from marketplace.domain.actors import Actor
from marketplace.domain.periods import Period
from marketplace.errors import Text
from marketplace.models.contracts import Contract
from marketplace.models.registrations import Registration, RegistrationFact
from marketplace.services.events import plain

Fact = RegistrationFact
KINDS: Mapping[str, Text] = {
    "changed": Text("变更", "changed"),
    "cancelled": Text("注销", "cancelled"),
    "revoked": Text("撤销", "revoked"),
    "restored": Text("恢复", "restored"),
}


def of_earlier(
    session: so.Session, actor: Actor, period: Period, region: str
) -> list[dict[str, Any]]:
    """List the entries of a period for contracts that were registered before it.

    Parameters
    ----------
    region : str
        GB/T 2260 code; entries of sellers or buyers in it.

    Returns
    -------
    list of dict
        ``number``, ``kind``, ``on_day``, ``period`` (in which it was registered, of
        the same length), and by how much it moves what is sold in the region
        (``count``, ``total_yuan``, ``technical_yuan``) and bought (``bought_yuan``).
    """
    first = (
        sa.select(Fact.registration_id, sa.func.min(Fact.on_day).label("day"))
        .where(Fact.kind == "registered")
        .group_by(Fact.registration_id)
        .subquery()
    )
    sold = policies.within(Fact.seller_region, [region])
    bought = policies.within(Fact.buyer_region, [region])

    def moved(side: sa.ColumnElement[bool], column: Any) -> Any:
        return sa.func.coalesce(sa.func.sum(sa.case((side, column))), 0)

    rows = session.execute(
        sa.select(
            sa.func.coalesce(Registration.reg_no, Contract.contract_no).label("number"),
            Fact.kind,
            Fact.on_day,
            first.c.day.label("registered_on"),
            moved(sold, Fact.count).label("contracts"),
            moved(sold, Fact.total_yuan).label("total"),
            moved(sold, Fact.technical_yuan).label("technical"),
            moved(bought, Fact.total_yuan).label("bought"),
        )
        .join(first, first.c.registration_id == Fact.registration_id)
        .join(Registration, Registration.id == Fact.registration_id)
        .join(Contract, Contract.id == Fact.contract_id)
        .where(
            Fact.kind.in_(KINDS),
            Fact.on_day.between(period.start, period.end),
            Fact.at <= actor.now,
            first.c.day < period.start,
            sa.or_(sold, bought),
        )
        .group_by(
            Fact.registration_id,
            Registration.reg_no,
            Contract.contract_no,
            Fact.kind,
            Fact.on_day,
            Fact.at,
            first.c.day,
        )
        .order_by(Fact.at, "number")
    )
    return [
        {
            "number": row.number,
            "kind": row.kind,
            "on_day": plain(row.on_day),
            "period": periods.containing(period.kind, row.registered_on).label,
            "count": int(row.contracts),
            "total_yuan": _yuan(row.total),
            "technical_yuan": _yuan(row.technical),
            "bought_yuan": _yuan(row.bought),
        }
        for row in rows
    ]


def _yuan(amount: Any) -> str:
    return f"{Decimal(amount):.2f}"


def lines(changes: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say in words what was done to contracts of earlier periods."""
    return [
        f"{c['period']} 登记的 {c['number']} 于 {c['on_day']} {KINDS[c['kind']].zh}："
        f"{c['count']:+d} 项，成交额 {Decimal(c['total_yuan']):+} 元，"
        f"技术交易额 {Decimal(c['technical_yuan']):+} 元，"
        f"吸纳 {Decimal(c['bought_yuan']):+} 元"
        for c in changes
    ]
