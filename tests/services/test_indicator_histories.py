"""Figures of the past can be made again: two thousand random histories of a book."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace.domain.actors import Actor
from marketplace.domain.indicators import AXES, INDICATORS
from marketplace.domain.periods import parse
from marketplace.models.registrations import RegistrationFact
from marketplace.policies import FigureScope
from marketplace.services import figures
from marketplace.services.figures import Parts, Question
from tests.registers import PLAIN, ZONE

HISTORIES, STEPS = 2_000, 9
BEGUN = datetime(2025, 11, 3, 9, 0, tzinfo=ZONE)
CLASSES = ("D1", "D2", "T1", "L1", "C", "S1")
ASKED: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("2025", ("registry",)),
    ("2026", ("registry",)),
    ("2026-02", ("registry", "class_detail")),
)


@dataclass
class History:
    """What happens to a few contracts of one registry, one entry a step."""

    registry: UUID
    chance: random.Random
    standing: dict[UUID, dict[str, Any]] = field(default_factory=dict)
    over: dict[UUID, dict[str, Any]] = field(default_factory=dict)

    def step(self, at: datetime) -> Iterator[dict[str, Any]]:
        """Do one thing that a registry may do, and yield its entries."""
        does = self.chance.choice(("register", "change", "cancel", "restore", "late"))
        today = at.astimezone(ZONE).date()
        late = today - timedelta(days=self.chance.randrange(120))
        if does == "change" and self.standing:
            yield from self._change(at, today)
        elif does == "cancel" and self.standing:
            chosen = self.chance.choice(sorted(self.standing))
            was = self.standing.pop(chosen)
            self.over[chosen] = was
            kind = self.chance.choice(("cancelled", "revoked"))
            yield self._entry(chosen, at, today, was, kind, -1)
        elif does == "restore" and self.over:
            chosen = self.chance.choice(sorted(self.over))
            was = self.standing[chosen] = self.over.pop(chosen)
            yield self._entry(chosen, at, today, was, "restored", 1)
        else:
            chosen = UUID(int=self.chance.getrandbits(128))
            made = self.standing[chosen] = self._content()
            day = late if does == "late" else today
            yield self._entry(chosen, at, day, made, "registered", 1)

    def _content(self) -> dict[str, Any]:
        total = Decimal(self.chance.randrange(10**9)) / 100
        return {
            "total_yuan": total,
            "technical_yuan": (total / 2).quantize(Decimal("0.01")),
            "contract_class": self.chance.choice(CLASSES),
        }

    def _change(self, at: datetime, day: date) -> Iterator[dict[str, Any]]:
        chosen = self.chance.choice(sorted(self.standing))
        was, new = self.standing[chosen], self._content()
        self.standing[chosen] = new
        yield self._entry(chosen, at, day, was, "changed", -1)
        yield self._entry(chosen, at, day, new, "changed", 1)

    def _entry(
        self,
        contract: UUID,
        at: datetime,
        day: date,
        content: dict[str, Any],
        kind: str,
        sign: int,
    ) -> dict[str, Any]:
        return {
            **PLAIN,
            "id": UUID(int=self.chance.getrandbits(128)),
            "registration_id": contract,
            "contract_id": contract,
            "kind": kind,
            "at": at,
            "on_day": day,
            "count": sign,
            "total_yuan": content["total_yuan"] * sign,
            "technical_yuan": content["technical_yuan"] * sign,
            "contract_class": content["contract_class"],
            "registry_org_id": self.registry,
        }


def added(rows: list[dict[str, Any]], period: str, axes: tuple[str, ...]) -> Any:
    """Add up entries in plain Python, as a second opinion."""
    span = parse(period)
    found: dict[tuple[str, ...], list[Any]] = {}
    for row in rows:
        if span.start <= row["on_day"] <= span.end:
            key = tuple(str(row[AXES[a].column]) for a in axes)
            sums = found.setdefault(key, [0, Decimal(0), Decimal(0)])
            for place, name in enumerate(("count", "total_yuan", "technical_yuan")):
                sums[place] += row[name]
    return {key: tuple(sums) for key, sums in found.items()}


@pytest.fixture
def memory() -> Iterator[so.Session]:
    """A store with nothing but the book."""
    engine = sa.create_engine("sqlite://")
    table = RegistrationFact.__table__
    assert isinstance(table, sa.Table)
    table.metadata.create_all(engine, tables=[table])
    with so.Session(engine) as session:
        yield session
    engine.dispose()


def figure(
    session: so.Session, period: str, axes: tuple[str, ...], as_of: datetime
) -> dict[tuple[str, ...], tuple[Any, ...]]:
    question = Question(
        indicator=INDICATORS["CT_AMT"],
        period=parse(period),
        as_of=as_of,
        axes=tuple(AXES[a] for a in axes),
        filters={},
        scope=FigureScope(everything=True),
        actor=Actor(now=as_of),
    )
    found: dict[tuple[str, ...], Parts] = figures.table(session, question)
    return {k: (p.count, p.total, p.technical) for k, p in found.items()}


def test_a_figure_as_of_any_past_event_is_the_one_computed_then(
    memory: so.Session,
) -> None:
    histories = [
        History(UUID(int=number + 1), random.Random(number))  # noqa: S311
        for number in range(HISTORIES)
    ]
    known: list[dict[str, Any]] = []
    then: dict[tuple[Any, ...], Any] = {}
    for step in range(STEPS):
        at = BEGUN + timedelta(days=17 * step, minutes=step)
        rows = [row for history in histories for row in history.step(at)]
        memory.execute(sa.insert(RegistrationFact), rows)
        known += rows
        for period, axes in ASKED:
            found = figure(memory, period, axes, at)
            assert found == added(known, period, axes), (step, period, axes)
            then[step, at, period, axes] = found
    assert len({key for found in then.values() for key in found}) > HISTORIES
    for (step, at, period, axes), found in then.items():
        assert figure(memory, period, axes, at) == found, (step, period, axes)
