"""Time a docking day: 60 needs, 120 teams, 16 slots, from the store to the plan.

Fills an empty database with invented firms, units, needs and offers, lets all of them
take part in a day, and times what its job does: reading the day, scoring its pairs
through the match index, planning in a child process. The same numbers make the same
market, so a run can be repeated.

    python scripts/measure_docking_day.py --store sqlite:////tmp/day.db
    DATABASE_URL=postgresql+psycopg://… python scripts/measure_docking_day.py

The store has to be empty; it is left filled.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace.domain.actors import SHANGHAI, system
from marketplace.extensions import configure_engine
from marketplace.integrations import migrations
from marketplace.models.docking_days import DockingDay
from marketplace.models.organisations import Organisation
from marketplace.services import (
    docking_days,
    docking_participants,
    docking_plans,
    needs,
    offers,
    teams,
)
from marketplace.services.day_plan_runs import plan_apart
from marketplace.services.day_problems import SCORE_UNITS, DayPlan, DayProblem
from marketplace.services.indexes import MatchIndex
from seeds import loader

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
FIRST = datetime(2026, 12, 8, 9, 0, tzinfo=SHANGHAI)
STOPS = {"an hour later": 4, "not in the morning": 8}
"""How many slots somebody misses who cannot come at the beginning."""
FIELDS = {
    "铝合金型材": ("在线淬火", "抗拉强度", "MPa", 350),
    "工业废水": ("膜分离", "化学需氧量去除率", "%", 92),
    "锂电池隔膜": ("涂覆", "穿刺强度", "N", 5),
    "数控机床主轴": ("热误差补偿", "径向跳动", "μm", 2),
    "海洋生物酶": ("固定化", "酶活回收率", "%", 85),
    "高分子轴承": ("自润滑改性", "摩擦系数", "", 0.1),
    "煤矿巡检机器人": ("视觉识别", "识别准确率", "%", 98),
    "大豆蛋白": ("超声提取", "提取率", "%", 90),
}
AIMS = ("提高稳定性", "降低能耗", "替代进口", "缩短工期", "实现在线检测", "连续化生产")


def main() -> int:
    """Fill, plan, print; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--store", default=os.environ.get("DATABASE_URL"))
    parser.add_argument("--needs", type=int, default=60)
    parser.add_argument("--teams", type=int, default=120)
    parser.add_argument("--slots", type=int, default=16)
    parser.add_argument("--tables", type=int, default=20)
    parser.add_argument("--seconds", type=int, default=docking_plans.SECONDS)
    parser.add_argument("--repeat", type=int, default=3)
    asked = parser.parse_args()
    if not asked.store:
        sys.stderr.write("measure_docking_day: give --store or DATABASE_URL\n")
        return 2
    url = sa.make_url(asked.store)
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    engine = sa.create_engine(url)
    configure_engine(engine, 20)
    migrations.upgrade(engine)
    with so.Session(engine) as session, tempfile.TemporaryDirectory() as folder:
        if session.scalar(sa.select(sa.func.count()).select_from(Organisation)):
            sys.stderr.write("measure_docking_day: the store has to be empty\n")
            return 2
        begun = time.perf_counter()
        day_id = fill(session, asked)
        say(f"market and day written in {time.perf_counter() - begun:.1f} s")
        measure(session, Path(folder), day_id, asked)
    return 0


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def fill(session: so.Session, asked: argparse.Namespace) -> UUID:
    """Write a market and a day in which all of it takes part."""
    loader.load_reference(session)
    chance = random.Random(2026)  # noqa: S311 - nothing secret
    day = make_day(session, asked)
    machine = system(NOW)
    firms = [unit(session, f"示例企业{n}（演示）", "FIRM") for n in range(asked.needs)]
    houses = [unit(session, f"示例大学{n}（演示）", "UNIV") for n in range(20)]
    must: list[UUID] = []
    for number in range(asked.teams):
        house = chance.choice(houses).id
        team = teams.create(session, machine, house, {"name": f"团队{number}（演示）"})
        words = wording(chance)
        data = offer_data(words) | {"owner_org_id": house, "team_id": team.id}
        made = offers.create(session, machine, data)
        offers.advance(session, machine, made.id, "admit")
        row = add(session, day, chance, asked.slots, {"offer_id": made.id})
        if number % 12 == 0:
            must.append(row)
    for number, firm in enumerate(firms):
        data = need_data(wording(chance)) | {"owner_org_id": firm.id}
        need = needs.create(session, machine, data)
        needs.advance(session, machine, need.id, "admit")
        wanted = {"must_meet": [must.pop()]} if must and number % 6 == 0 else {}
        add(session, day, chance, asked.slots, {"need_id": need.id, **wanted})
    session.commit()
    return day.id


def make_day(session: so.Session, asked: argparse.Namespace) -> DockingDay:
    """Set up the day: slots of 25 minutes, every half an hour."""
    starts = [FIRST + timedelta(minutes=30 * n) for n in range(asked.slots)]
    data = {
        "title": "供需对接活动日（演示）",
        "held_on": FIRST.date().isoformat(),
        "most_per_need": 6,
        "most_per_team": 4,
        "slots": [
            {
                "starts_at": at.isoformat(),
                "ends_at": (at + timedelta(minutes=25)).isoformat(),
                "tables": asked.tables,
            }
            for at in starts
        ],
    }
    return docking_days.create(session, system(NOW), data)


def unit(session: so.Session, name: str, kind: str) -> Organisation:
    """Write a verified unit of its own, related to nobody."""
    number = session.scalar(sa.select(sa.func.count()).select_from(Organisation))
    org = Organisation(
        name=name,
        name_key=name,
        org_type=kind,
        region="370202",
        state="VERIFIED",
        uscc=f"91370200{number:08d}XX",
        created_at=NOW,
        updated_at=NOW,
    )
    session.add(org)
    session.flush()
    return org


def wording(chance: random.Random) -> tuple[str, str, str, str, float, str]:
    """Draw what a need or an offer is about."""
    thing = chance.choice(list(FIELDS))
    way, name, measure, value = FIELDS[thing]
    return (
        thing,
        way,
        name,
        measure,
        value * chance.uniform(0.9, 1.1),
        (chance.choice(AIMS)),
    )


def need_data(words: tuple[str, str, str, str, float, str]) -> dict[str, Any]:
    """Return what a firm asks for."""
    thing, way, name, measure, value, aim = words
    return {
        "title": f"{thing}{aim}的{way}技术",
        "problem": f"现有{thing}生产中{name}达不到要求，需要{way}技术{aim}。",
        "expected_goal": f"{name}达到{value:.2f}{measure}，{aim}。",
        "indicators": [{"text": f"{name}不低于{value:.2f}{measure}"}],
    }


def offer_data(words: tuple[str, str, str, str, float, str]) -> dict[str, Any]:
    """Return what a team offers."""
    thing, way, name, measure, value, aim = words
    return {
        "kind": "result",
        "title": f"{thing}{way}工艺与装备",
        "abstract": f"{thing}的{way}工艺，{name}达到{value:.2f}{measure}，{aim}。",
        "indicators": [{"text": f"{name}{value:.2f}{measure}"}],
    }


def add(
    session: so.Session,
    day: DockingDay,
    chance: random.Random,
    slots: int,
    data: dict[str, Any],
) -> UUID:
    """Let somebody take part; one in four cannot come at the beginning."""
    missed = chance.choice(list(STOPS.values())) if chance.random() < 0.25 else 0
    absent = list(range(min(missed, slots - 1)))
    given = {**data, "absent": absent}
    row = docking_participants.add(session, system(NOW), day.id, given)
    return row.id


def measure(
    session: so.Session, folder: Path, day_id: UUID, asked: argparse.Namespace
) -> None:
    """Time each part of the job, and print how good the plan is."""
    index = MatchIndex(folder)
    begun = time.perf_counter()
    index.fresh(session)
    say(f"match index built in {time.perf_counter() - begun:.1f} s")
    times: dict[str, list[float]] = {"read": [], "score": [], "plan": [], "all": []}
    plans: list[DayPlan] = []
    for _ in range(asked.repeat):
        session.expire_all()
        marks = [time.perf_counter()]
        day = docking_days.get(session, system(NOW), day_id)
        known = docking_plans.read_input(session, day, NOW)
        marks.append(time.perf_counter())
        scores = docking_plans.scores_of(session, index, known, NOW)
        problem = known.problem(scores)
        marks.append(time.perf_counter())
        plans.append(planned(problem, asked.seconds))
        marks.append(time.perf_counter())
        parts = [after - before for before, after in pairwise(marks)]
        for name, took in zip(times, [*parts, marks[-1] - marks[0]], strict=True):
            times[name].append(took)
    size = f"{len(problem.needs)} needs × {len(problem.teams)} teams"
    say(f"{size} × {len(problem.tables)} slots, {len(scores)} pairs worth a talk")
    for name, took in times.items():
        say(f"{name}: median {statistics.median(took):.2f} s, worst {max(took):.2f} s")
    for plan in plans[:1]:
        say(
            f"{len(plan.talks)} talks, {plan.worth.served} of"
            f" {len(problem.needs) + len(problem.teams)} served (bound"
            f" {plan.bound.served}), score {plan.worth.score / SCORE_UNITS:.2f} (bound"
            f" {plan.bound.score / SCORE_UNITS:.2f}), optimal: {plan.optimal},"
            f" way: {plan.way}"
        )
    say(f"the same plan each time: {len({plan.talks for plan in plans}) == 1}")


def planned(problem: DayProblem, seconds: int) -> DayPlan:
    """Plan as the job does, in a child process."""
    return plan_apart(
        problem,
        seconds=seconds,
        cancelled=lambda: False,
        report=lambda stage, part: None,  # noqa: ARG005 - nobody looks on
    )


if __name__ == "__main__":
    sys.exit(main())
