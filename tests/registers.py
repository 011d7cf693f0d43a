"""A registry's book for tests: contracts, their registrations, and entries in bulk."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace.domain.ids import new_id
from marketplace.models.contracts import Contract
from marketplace.models.ledger import Event
from marketplace.models.registrations import Registration, RegistrationFact

ZONE = ZoneInfo("Asia/Shanghai")
PLAIN: dict[str, Any] = {
    "contract_class": "D1",
    "tech_field": "03",
    "ip_type": "11",
    "plan_source": "9",
    "seller_region": "370102",
    "buyer_region": "370202",
    "seller_nature": "022",
    "buyer_nature": "150",
    "registry_org_id": None,
}
"""A development contract of a university in Jinan for a firm in Qingdao."""


def noon(day: date) -> datetime:
    """Return the middle of a day."""
    return datetime.combine(day, time(12), ZONE)


@dataclass
class Book:
    """Contracts and entries that are written together by ``save``."""

    owner: UUID
    contracts: list[dict[str, Any]] = field(default_factory=list)
    registrations: list[dict[str, Any]] = field(default_factory=list)
    facts: list[dict[str, Any]] = field(default_factory=list)

    def contract(self, **more: Any) -> UUID:
        """Make a contract with its registration; returns its identifier."""
        contract_id = new_id()
        at = noon(date(2020, 1, 1))
        self.contracts.append(
            {
                "id": contract_id,
                "contract_no": f"HT{len(self.contracts):06d}-{contract_id.hex[-6:]}",
                "state": "EFFECTIVE",
                "created_for": self.owner,
                "title": "合同（测试）",
                "concluded_at": at,
                "created_at": at,
                "updated_at": at,
                "need_id": None,
                "offer_id": None,
                "docking_id": None,
                "total_yuan": None,
                "revision": 1,
                **more,
            }
        )
        self.registrations.append(
            {
                "id": contract_id,
                "contract_id": contract_id,
                "state": "NONE",
                "created_at": at,
                "updated_at": at,
                "revision": 1,
            }
        )
        return contract_id

    def enter(
        self,
        contract_id: UUID,
        day: date,
        total: str | Decimal,
        technical: str | Decimal | None = None,
        *,
        kind: str = "registered",
        count: int = 1,
        at: datetime | None = None,
        **axes: Any,
    ) -> None:
        """Write one entry; known at noon of its day unless told otherwise."""
        whole = Decimal(total)
        self.facts.append(
            {
                **PLAIN,
                "id": new_id(),
                "registration_id": contract_id,
                "contract_id": contract_id,
                "kind": kind,
                "at": at or noon(day),
                "on_day": day,
                "count": count,
                "total_yuan": whole,
                "technical_yuan": whole if technical is None else Decimal(technical),
                **axes,
            }
        )

    def register(self, day: date, total: str = "100.00", **axes: Any) -> UUID:
        """Register a contract of its own."""
        found = self.contract()
        self.enter(found, day, total, **axes)
        return found

    def save(self, session: so.Session) -> None:
        """Write all of it in a few statements and forget it."""
        for model, rows in (
            (Contract, self.contracts),
            (Registration, self.registrations),
            (RegistrationFact, self.facts),
        ):
            if rows:
                session.execute(sa.insert(model), rows)
            rows.clear()
        session.flush()


def event(
    kind: str, subject_id: UUID, action: str, at: datetime, to_state: str | None = None
) -> dict[str, Any]:
    """Return a row of the ledger."""
    return {
        "id": new_id(),
        "at": at,
        "actor_id": None,
        "actor_role": "system",
        "actor_org_id": None,
        "subject_kind": kind,
        "subject_id": subject_id,
        "action": f"{kind}.{action}",
        "from_state": None,
        "to_state": to_state,
        "comment": "",
        "changes": {},
        "request_id": "",
    }


def write_events(session: so.Session, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows of the ledger in bulk; they stand outside of its chain."""
    session.execute(sa.insert(Event), list(rows))
    session.flush()


def random_day(chance: random.Random, first: date, days: int) -> date:
    """Return a day of a span."""
    return first + timedelta(days=chance.randrange(days))
