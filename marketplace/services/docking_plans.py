"""The plan of a docking day: asked for by people, made by a job, deployed by people.

The job reads the day once, with a digest of everything that the plan follows from, and
plans in a child process while it holds no lock. A plan is a proposal. It is deployed
only while the day's digest is still that of the plan: if a participant, a time, a
limit, a tie between units or a listing has changed since, the day is planned anew.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace.domain import actors
from marketplace.domain.actors import SHANGHAI, Actor
from marketplace.domain.docking_days import (
    DOCKING_DAY_WORKFLOW,
    OFFERED,
    ONGOING,
    PLAN_ACTIONS,
    USABLE,
    PlanState,
    Side,
)
from marketplace.errors import Conflict, NotFound, Text
from marketplace.models.docking_days import (
    DockingDay,
    DockingMustMeet,
    DockingParticipant,
    DockingPlan,
    DockingTalk,
)
from marketplace.models.needs import Need
from marketplace.models.offers import Offer
from marketplace.policies import SYSTEM
from marketplace.services import (
    actions,
    conflicts,
    declines,
    docking_days,
    docking_participants,
    events,
    outbox,
    postings,
    relations,
)
from marketplace.services.day_plan_runs import Cancelled, PlannerDied, plan_apart
from marketplace.services.day_problems import (
    SCORE_UNITS,
    DayPlan,
    DayProblem,
    Loosening,
    Seat,
)
from marketplace.services.indexes import MatchIndex
from marketplace.services.matches import SUPPLY, WORTH
from marketplace.services.organisations import require_revision
from marketplace.services.relation_loader import unit_key
from matching import VERSION, Filter, rank_teams

TOPIC = "docking-day.solve"
SECONDS, MOST_SECONDS = 60, 600
LOOK_SECONDS = 1.0
"""So often the job looks whether it is still wanted, and tells how far it is."""
Pair = tuple[str, str]


class ProposalStale(Conflict):
    """The plan was made from an older input than the present one."""

    code = "proposal_stale"
    title = Text("方案已过时，请重新排程", "The plan is out of date; solve again")


@dataclass(frozen=True)
class Input:
    """A day as it stands, but for the scores of its pairs.

    Parameters
    ----------
    day : DockingDay
    needs, teams : list of DockingParticipant
        Those that may still take part; others are left out of the plan.
    must : list of Pair
    forbidden : set of Pair
        Related parties, by what they declared or by what an operator has upheld.
    """

    day: DockingDay
    needs: list[DockingParticipant]
    teams: list[DockingParticipant]
    must: list[Pair]
    forbidden: set[Pair]

    def seats(self) -> tuple[tuple[Seat, ...], tuple[Seat, ...]]:
        """Return both sides as the planner takes them."""
        day = self.day
        every = frozenset(range(len(day.slots)))

        def seat(row: DockingParticipant, most: int) -> Seat:
            there = every - frozenset(row.absent)
            return Seat(str(row.id), str(row.org_id), there, row.most or most)

        return (
            tuple(seat(row, day.most_per_need) for row in self.needs),
            tuple(seat(row, day.most_per_team) for row in self.teams),
        )

    def digest(self) -> str:
        """Return the SHA-256 of all that a plan follows from."""
        needs, teams = self.seats()

        def plain(seat: Seat) -> list[Any]:
            return [seat.id, seat.organisation, sorted(seat.slots), seat.most]

        subjects = [(r.id, r.need_id, r.offer_id) for r in (*self.needs, *self.teams)]
        body = [
            [[s.starts_at, s.ends_at, s.tables] for s in self.day.slots],
            sorted(map(plain, needs)),
            sorted(map(plain, teams)),
            sorted([str(part) for part in row] for row in subjects),
            sorted(self.must),
            sorted(self.forbidden),
        ]
        text = json.dumps(events.plain(body), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def problem(self, scores: Mapping[Pair, float]) -> DayProblem:
        """Return what the planner is asked."""
        needs, teams = self.seats()
        return DayProblem(
            needs,
            teams,
            tuple(slot.tables for slot in self.day.slots),
            scores,
            tuple(self.must),
            frozenset(self.forbidden),
        )


def read_input(session: so.Session, day: DockingDay, now: datetime) -> Input:
    """Read who takes part now, and who must or must not meet."""
    machine = actors.system(now)
    rows = list(
        session.scalars(
            sa.select(DockingParticipant)
            .outerjoin(Need, Need.id == DockingParticipant.need_id)
            .outerjoin(Offer, Offer.id == DockingParticipant.offer_id)
            .where(
                DockingParticipant.day_id == day.id,
                sa.or_(
                    sa.and_(
                        DockingParticipant.side == Side.NEED,
                        docking_participants.on_offer(machine),
                    ),
                    sa.and_(
                        DockingParticipant.side == Side.TEAM,
                        docking_participants.on_market(machine),
                    ),
                ),
            )
            .order_by(DockingParticipant.id)
        )
    )
    needs = [row for row in rows if row.side is Side.NEED]
    teams = [row for row in rows if row.side is Side.TEAM]
    here = {row.id for row in rows}
    must = [
        (str(row.need_participant_id), str(row.team_participant_id))
        for row in session.scalars(
            sa.select(DockingMustMeet).where(
                DockingMustMeet.need_participant_id.in_(here)
            )
        )
        if row.team_participant_id in here
    ]
    related = {
        org_id: relations.related_org_ids(session, {org_id}) | {org_id}
        for org_id in sorted({row.org_id for row in needs})
    }
    upheld = conflicts.upheld_pairs(session)
    forbidden = {
        (str(need.id), str(team.id))
        for need in needs
        for team in teams
        if team.org_id in related[need.org_id]
        or frozenset(map(unit_key, (need.org_id, team.org_id))) in upheld
    }
    return Input(day, needs, teams, sorted(must), forbidden)


def scores_of(
    session: so.Session, index: MatchIndex, asked: Input, now: datetime
) -> dict[Pair, float]:
    """Score the pairs that are worth a talk, as ``matches.teams`` ranks them.

    A team is judged by the offer through which it takes part. A pair that was declined
    is worth less, or is left out, as in any ranking of the two.
    """
    matcher = index.fresh(session)
    by_offer = {str(row.offer_id): row for row in asked.teams}
    by_team = {str(row.team_id): str(row.id) for row in asked.teams}
    if not by_offer:
        return {}
    asking = {row.need_id for row in asked.needs if row.need_id is not None}
    questions = postings.load(session, "need", asking)
    subjects = {
        need.id: need
        for need in session.scalars(sa.select(Need).where(Need.id.in_(asking)))
    }
    machine = actors.system(now)
    found: dict[Pair, float] = {}
    for row in asked.needs:
        if row.need_id is None or row.need_id not in questions:
            continue
        posting = questions[row.need_id]
        marks = declines.marks(session, machine, subjects.get(row.need_id))
        where = Filter(
            kind=SUPPLY,
            ids=by_offer.keys() - marks.left_out,
            exclude_org={str(row.org_id)},
        )
        ranked = rank_teams(matcher, posting, len(by_team), where, depth=len(by_offer))
        for match in marks.settle_teams(ranked):
            pair = (str(row.id), by_team.get(match.id, ""))
            if pair[1] and match.score >= WORTH.score and pair not in asked.forbidden:
                found[pair] = round(min(match.score, 1.0), 4)
    return found


def latest(session: so.Session, day_id: UUID) -> DockingPlan | None:
    """Return the last attempt to plan a day, if there was one."""
    return session.scalar(
        sa.select(DockingPlan)
        .where(DockingPlan.day_id == day_id)
        .order_by(DockingPlan.number.desc())
        .limit(1),
        execution_options={"populate_existing": True},
    )


def view(session: so.Session, actor: Actor, day: DockingDay) -> dict[str, Any]:
    """Show the day's plan with what the caller may do with it.

    Raises
    ------
    Unauthenticated, NotFound, Forbidden
    """
    found = latest(session, day.id)
    rows = {
        str(row.id): row
        for row in session.scalars(
            sa.select(DockingParticipant).where(DockingParticipant.day_id == day.id)
        )
    }
    named = docking_participants.names(session, list(rows.values()))
    called = {str(key): name for key, name in named.items()}
    asked = read_input(session, day, actor.now)
    coming = {str(row.id) for row in (*asked.needs, *asked.teams)}
    shown: dict[str, Any] = {
        "docking_day_id": day.id,
        "left_out": sorted(rows.keys() - coming),
        "day_state": day.state,
        "actions": actions.shown(
            [r for r in docking_days.offered(actor, day) if r.action in PLAN_ACTIONS],
            f"{docking_days.HREF}/{day.id}/plan",
        ),
    }
    if found is None:
        return shown | {"number": 0, "state": None, "talks": [], "ways_out": []}
    names = ("number", "state", "stage", "seconds", "error", "engine", "digest")
    shown |= {name: getattr(found, name) for name in (*names, "created_at")}
    shown |= dict(found.figures)
    shown["stale"] = day.state in OFFERED and asked.digest() != found.digest
    shown["talks"] = [
        {
            "slot": slot,
            "need": {"id": need, "title": called.get(need, "")},
            "team": {"id": team, "title": called.get(team, "")},
            "score": score,
        }
        for slot, need, team, score in found.talks
    ]
    shown["ways_out"] = [
        {"changes": [_told(Loosening(**change), called, day) for change in way]}
        for way in found.ways_out
    ]
    return shown


_TOLD = {
    "must-meet": Text(
        "取消必须会面：{subject} 与 {other}",
        "give up that {subject} and {other} must meet",
    ),
    "need-limit": Text(
        "将需求“{subject}”的洽谈上限增加 {by} 场",
        "let the need {subject} hold {by} more talks",
    ),
    "team-limit": Text(
        "将团队“{subject}”的洽谈上限增加 {by} 场",
        "let the team {subject} hold {by} more talks",
    ),
    "need-slot": Text(
        "请需求“{subject}”的单位在 {slot} 到场",
        "have the need {subject} attended at {slot}",
    ),
    "team-slot": Text(
        "请团队“{subject}”在 {slot} 到场", "have the team {subject} come at {slot}"
    ),
    "tables": Text("在 {slot} 增加 {by} 张桌", "add {by} tables at {slot}"),
}


def _told(
    change: Loosening, called: Mapping[str, str], day: DockingDay
) -> dict[str, Any]:
    """Say in words what would have to give way."""
    at = {slot.position: slot.starts_at for slot in day.slots}.get(change.slot)
    slot = "" if at is None else at.astimezone(SHANGHAI).strftime("%H:%M")
    text = _TOLD[change.kind].format(
        subject=called.get(change.subject, change.subject),
        other=called.get(change.other, change.other),
        by=change.by,
        slot=slot,
    )
    return {
        "kind": change.kind,
        "participant_id": change.subject or None,
        "other_id": change.other or None,
        "slot": None if change.slot < 0 else change.slot,
        "by": change.by,
        "text": text,
    }


def act(
    session: so.Session,
    actor: Actor,
    day_id: UUID,
    action: str,
    *,
    expected: int | None = None,
    comment: str = "",
    seconds: int | None = None,
) -> DockingDay:
    """Have a day planned, stop that, or deploy the proposal.

    Parameters
    ----------
    seconds : int, optional
        How long the planner may take.

    Raises
    ------
    Unauthenticated, NotFound, Forbidden, Stale, IllegalTransition
    ProposalStale
        The proposal was made from older input.
    """
    day = docking_days.for_operator(session, actor, day_id)
    grant, row = docking_days.granted(actor, day, action, on_plan=True)
    require_revision(day.revision, expected)
    found = latest(session, day.id)
    if action == "solve":
        number = 1 if found is None else found.number + 1
        found = DockingPlan(
            day_id=day.id,
            number=number,
            user_id=actor.user_id,
            seconds=seconds or SECONDS,
            state=PlanState.QUEUED,
            created_at=actor.now,
            updated_at=actor.now,
        )
        session.add(found)
        session.flush()
        outbox.put(session, TOPIC, {"plan_id": found.id}, now=actor.now)
    elif found is None:
        raise NotFound
    elif action == "cancel":
        found.state = PlanState.CANCELLED
        found.updated_at = actor.now
    else:
        _deploy(session, actor, day, found)
    told = {"plan": {"old": None, "new": found.number}}
    docking_days.move(session, actor, grant, day, row, comment=comment, changes=told)
    return day


def _deploy(
    session: so.Session, actor: Actor, day: DockingDay, found: DockingPlan
) -> None:
    """Fix the talks of a proposal."""
    asked = read_input(session, day, actor.now)
    if found.state not in USABLE or asked.digest() != found.digest:
        raise ProposalStale(
            Text(
                "方案形成后，参加者、时段、限制或关联关系已有变动",
                "participants, slots, limits or ties have changed since it was made",
            )
        )
    here = {str(row.id): row for row in (*asked.needs, *asked.teams)}
    slots = {slot.position: slot for slot in day.slots}
    for slot, need, team, _ in found.talks:
        session.add(
            DockingTalk(
                day_id=day.id,
                slot_id=slots[slot].id,
                starts_at=slots[slot].starts_at,
                need_participant_id=here[need].id,
                team_participant_id=here[team].id,
                firm_org_id=here[need].org_id,
                unit_org_id=here[team].org_id,
                created_at=actor.now,
                updated_at=actor.now,
            )
        )
    day.deployed_at = actor.now
    session.flush()
    docking_days.tell(
        session,
        actor,
        day,
        "docking-day.deployed",
        lambda count: {"place": day.place or "—", "count": count},
    )


Planner = Callable[..., DayPlan]


@dataclass
class Run:
    """One run of the job that plans a day.

    Parameters
    ----------
    session : Session
    index : MatchIndex
    now : callable
        The present moment of the injected clock.
    hold : callable
        Keeps the job's message in its runner's hands, at the start of each
        transaction; raises when the runner is to stop or has lost it.
    reading : callable
        Begins a transaction that only reads, and so keeps nobody waiting.
    planner : callable
        ``plan_apart`` unless a test brings its own.
    """

    session: so.Session
    index: MatchIndex
    now: Callable[[], datetime]
    hold: Callable[[], None]
    reading: Callable[[], object] = lambda: None
    planner: Planner = plan_apart
    stage: str = ""
    looked: float = 0.0

    def __call__(self, plan_id: UUID) -> None:
        """Plan, unless nobody wants it any more; the caller commits the end."""
        found = self._wanted(plan_id)
        if found is None:
            return
        found.state, found.updated_at = PlanState.RUNNING, self.now()
        seconds, day_id = found.seconds, found.day_id
        self.session.commit()
        self.reading()
        day = docking_days.get(self.session, actors.system(self.now()), day_id)
        now = self.now()
        asked = read_input(self.session, day, now)
        digest = asked.digest()
        problem = asked.problem(scores_of(self.session, self.index, asked, now))
        self.session.rollback()
        result: DayPlan | None = None
        error = ""
        try:
            result = self.planner(
                problem,
                seconds=seconds,
                cancelled=lambda: self._unwanted(plan_id),
                report=self._report,
            )
        except Cancelled:
            return
        except PlannerDied:
            error = "planner_died"
        self._keep(plan_id, digest, problem, result, error)

    def _wanted(self, plan_id: UUID) -> DockingPlan | None:
        """Return the plan while its day waits for it."""
        self.hold()
        found = self.session.get(DockingPlan, plan_id, populate_existing=True)
        return found if found is not None and found.state in ONGOING else None

    def _unwanted(self, plan_id: UUID) -> bool:
        """Look now and then, in a transaction of its own, and tell the stage."""
        if time.monotonic() - self.looked < LOOK_SECONDS:
            return False
        self.looked = time.monotonic()
        found = self._wanted(plan_id)
        if found is not None and found.stage != self.stage:
            found.stage = self.stage
        self.session.commit()
        return found is None

    def _report(self, stage: str, part: float) -> None:  # noqa: ARG002 - stages do
        self.stage = stage

    def _keep(
        self,
        plan_id: UUID,
        digest: str,
        problem: DayProblem,
        result: DayPlan | None,
        error: str,
    ) -> None:
        """Keep what was found, and let the day go on."""
        found = self._wanted(plan_id)
        if found is None:
            return
        finish(
            self.session,
            actors.system(self.now()),
            found,
            digest=digest,
            scores=problem.scores,
            result=result,
            error=error,
        )


def finish(
    session: so.Session,
    actor: Actor,
    found: DockingPlan,
    *,
    digest: str = "",
    scores: Mapping[Pair, float] | None = None,
    result: DayPlan | None = None,
    error: str = "",
) -> None:
    """End an attempt: with a proposal, with what to loosen, or with an error."""
    day = docking_days.get(session, actor, found.day_id)
    found.updated_at = actor.now
    found.stage, found.error, found.digest = "", error, digest
    found.engine = VERSION
    if result is None:
        found.state, action = PlanState.FAILED, "give-up"
    elif not result.feasible:
        found.state, action = PlanState.IMPOSSIBLE, "give-up"
        found.ways_out = [[asdict(c) for c in way] for way in result.loosenings]
    else:
        found.state, action = PlanState.FOUND, "propose"
        found.talks = list(_rows(result, scores or {}))
        found.figures = {
            "served": result.worth.served,
            "score": result.worth.score / SCORE_UNITS,
            "served_bound": result.bound.served,
            "score_bound": result.bound.score / SCORE_UNITS,
            "optimal": result.optimal,
        }
    row = DOCKING_DAY_WORKFLOW.step(day.state, action, system=True)
    told = {
        "plan": {"old": None, "new": found.number},
        "talks": {"old": None, "new": len(found.talks)},
    }
    docking_days.move(session, actor, SYSTEM, day, row, comment=error, changes=told)


def _rows(result: DayPlan, scores: Mapping[Pair, float]) -> Iterable[list[Any]]:
    for talk in result.talks:
        score = scores.get((talk.need, talk.team))
        yield [talk.slot, talk.need, talk.team, score]


def gave_up(session: so.Session, now: datetime, plan_id: UUID) -> None:
    """End an attempt whose job has ended in errors too often."""
    found = session.get(DockingPlan, plan_id, populate_existing=True)
    if found is None or found.state not in ONGOING:
        return
    finish(session, actors.system(now), found, error="internal_error")
