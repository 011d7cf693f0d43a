"""A docking day with firms and teams, for the tests of its services and routes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from marketplace.domain.actors import SHANGHAI, Actor, system
from marketplace.models.docking_days import (
    DockingDay,
    DockingParticipant,
    DockingPlan,
)
from marketplace.services import (
    docking_days,
    docking_participants,
    docking_plans,
    teams,
)
from marketplace.services.day_plans import plan
from tests.listings import make_need, make_offer
from tests.people import World

FIRST = datetime(2026, 12, 8, 9, 0, tzinfo=SHANGHAI)
SLOTS = [
    {
        "starts_at": (FIRST + timedelta(minutes=30 * n)).isoformat(),
        "ends_at": (FIRST + timedelta(minutes=30 * n + 25)).isoformat(),
        "tables": 2,
    }
    for n in range(3)
]
DAY: dict[str, Any] = {
    "title": "新材料供需对接会（演示）",
    "held_on": "2026-12-08",
    "place": "一号会议厅",
    "region": "370200",
    "most_per_need": 2,
    "most_per_team": 2,
    "slots": SLOTS,
}


def make_day(world: World, **more: Any) -> DockingDay:
    """Set up a day of three slots with two tables."""
    data = {**DAY, **more}
    return docking_days.create(world.session, world.actor("operator"), data)


def machine(world: World) -> Actor:
    return system(world.clock.now())


def make_team(world: World, name: str, **more: Any) -> UUID:
    """Make a team with an offer on the market; returns the offer."""
    org_id = more.pop("owner_org_id", world.org("team").id)
    team = teams.create(world.session, machine(world), org_id, {"name": name})
    offer = make_offer(world, "LISTED", team_id=team.id, owner_org_id=org_id, **more)
    found: UUID = offer.id
    return found


def add(
    world: World, day: DockingDay, data: Mapping[str, Any], **more: Any
) -> DockingParticipant:
    """Let somebody take part."""
    who = world.actor("operator")
    return docking_participants.add(world.session, who, day.id, {**data, **more})


def cast_of(world: World, day: DockingDay) -> dict[str, DockingParticipant]:
    """Let two needs of two firms and two teams of one university take part."""
    other = make_need(world, "POOLED", owner_org_id=world.org("other_firm").id)
    return {
        "need": add(world, day, {"need_id": make_need(world, "POOLED").id}),
        "other": add(world, day, {"need_id": other.id}),
        "team": add(world, day, {"offer_id": make_team(world, "一队")}),
        "second": add(world, day, {"offer_id": make_team(world, "二队")}),
    }


def propose(world: World, day: DockingDay) -> DockingPlan:
    """Have a day planned here and now, every allowed pair being as good as another."""
    session, who = world.session, world.actor("operator")
    docking_plans.act(session, who, day.id, "solve")
    found = docking_plans.latest(session, day.id)
    assert found is not None
    asked = docking_plans.read_input(session, day, world.clock.now())
    pairs = {(str(n.id), str(t.id)) for n in asked.needs for t in asked.teams}
    scores = dict.fromkeys(sorted(pairs - asked.forbidden), 0.5)
    docking_plans.finish(
        session,
        machine(world),
        found,
        digest=asked.digest(),
        scores=scores,
        result=plan(asked.problem(scores)),
    )
    return found
