"""What somebody owes, and the work queue 待办: oldest promise first.

A duty is opened and closed in the transaction of the step that brings it about, so the
queue never lags behind. Days are working days; a promise into a year whose holidays are
not announced yet is told to be provisional.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace import policies
from marketplace.domain.actors import Actor
from marketplace.domain.roles import Role
from marketplace.errors import Text
from marketplace.models.docking_days import DockingTalk
from marketplace.models.duties import Duty
from marketplace.policies import one_of
from marketplace.services import calendars
from marketplace.services.paging import Listing

DONE, EXPIRED, DROPPED = "done", "expired", "dropped"
UNIT_ROLES = (Role.DEMAND, Role.SUPPLIER, Role.UNIT_ADMIN)
# fmt: off
STEPS: Mapping[str, Text] = {
    "answer":          Text("答复对接意向", "Answer the request for docking"),
    "meet":            Text("安排首次会谈", "Hold the first meeting"),
    "next-step":       Text("落实会谈约定的下一步", "Do what the meeting agreed"),
    "sign-nda":        Text("签署保密协议", "Accept the non-disclosure agreement"),
    "propose":         Text("提出合作方案", "Propose terms"),
    "answer-terms":    Text("答复合作方案", "Answer the proposed terms"),
    "contract":        Text("拟订并签订合同", "Draw up and sign the contract"),
    "resume":          Text("恢复被暂停的发布", "Bring a paused listing back"),
    "follow-up":       Text("跟进活动日洽谈", "Follow a talk of a docking day up"),
    "answer-trial":    Text("答复试用方案", "Answer the proposed trial"),
    "trial-result":    Text("报告试用结果", "Report the result of the trial"),
    "trial-decision":  Text("决定是否转化", "Decide on the conversion"),
    "sign-contract":   Text("签署合同", "Sign the contract"),
    "sign-amendment":  Text("签署变更协议", "Sign the amendment"),
    "take-effect":     Text("确认合同生效", "Confirm that the contract takes effect"),
    "pay":             Text("支付或登记到期款项", "Pay or record the instalment due"),
    "accept-papers":   Text("受理登记申请", "Accept the application"),
    "correct":         Text("补正登记材料", "Correct the papers"),
    "first-check":     Text("初审", "First check"),
    "decide":          Text("复审并决定登记", "Decide on the registration"),
    "collect-opinions": Text("收集专家意见", "Collect the experts' opinions"),
    "give-opinion":    Text("出具专家意见", "Give an expert's opinion"),
    "report-change":   Text("合同已终止，申请注销登记",
                            "Report that the contract has ended"),
    "decide-change":   Text("办理变更或注销", "Decide on a change or cancellation"),
    "hear-appeal":     Text("处理异议", "Hear the appeal"),
    "district":        Text("区县初审需求", "Check the need for the district"),
    "formal":          Text("形式审查需求", "Check the form of the need"),
    "argument":        Text("组织需求论证", "Have experts argue the need"),
    "pool":            Text("需求入库", "Add the need to the library"),
    "revise-need":     Text("修改被退回的需求", "Change the returned need"),
    "unit":            Text("单位审核成果", "Check the offer for the unit"),
    "registry":        Text("登记成果", "Register the offer"),
    "list-offer":      Text("发布成果", "List the offer"),
    "verify":          Text("认证单位", "Verify the organisation"),
    "review-conflict": Text("核查疑似关联关系", "Look into a suspected tie"),
    "verify-broker":   Text("核验技术经纪人", "Verify the broker's certificate"),
    "recommend-institution": Text("审核并推荐机构备案", "Recommend the institution"),
    "record-institution": Text("办理机构备案", "Record the institution"),
    "conversion-report": Text("报送成果转化年度报告", "Issue the conversion report"),
    "accept-shares":   Text("确认中介报酬分成", "Answer the proposed shares"),
}
# fmt: on
PLACES: Mapping[str, str] = {
    "docking": "/api/v1/dockings/{id}",
    "trial": "/api/v1/trials/{id}",
    "docking-talk": "/api/v1/docking-days/{day}/talks/{id}",
    "contract": "/api/v1/contracts/{id}",
    "registration": "/api/v1/contracts/{id}/registration",
    "need": "/api/v1/needs/{id}",
    "offer": "/api/v1/offers/{id}",
    "organisation": "/api/v1/organisations/{id}",
    "conflict_check": "/api/v1/conflict-checks/{id}",
    "broker": "/api/v1/brokers/{id}",
    "institution": "/api/v1/broker-institutions/{id}",
    "shares": "/api/v1/contracts/{id}/shares",
    "conversion-report": "/api/v1/reports?kind=conversion",
}
"""Where the object of a duty is read; a registration and the shares of a commission
are named by their contract, and a talk stands under its day."""
OF_UNITS_AT_WORK = (
    *("docking", "trial", "docking-talk", "contract", "registration"),
    *("shares", "conversion-report"),
)
"""Kinds whose objects a unit does not read while it is suspended, nor their titles."""


@dataclass(frozen=True, slots=True)
class Whom:
    """Who owes something: a unit, an office, or everybody with a role in a region.

    Parameters
    ----------
    org_id : UUID, optional
        Members of this unit; with ``role`` only those who have it there.
    user_id : UUID, optional
        One person, as long as he belongs to ``org_id``.
    """

    org_id: UUID | None = None
    role: Role | None = None
    region: str = ""
    user_id: UUID | None = None

    @property
    def key(self) -> str:
        """Name the addressee in one word."""
        parts = (self.user_id or self.org_id or "", self.role or "", self.region)
        return ":".join(str(part) for part in parts)


def promise(session: so.Session, actor: Actor, working_days: int) -> date:
    """Return the day that lies so many working days after today."""
    return calendars.working_calendar(session).expected(actor.today, working_days)


def open_(
    session: so.Session,
    actor: Actor,
    whom: Whom,
    step: str,
    *,
    kind: str,
    subject_id: UUID,
    title: str,
    number: str,
    due_on: date,
    remind_before: int = 2,
) -> Duty:
    """Have somebody owe a step; if he owes it already, the new day counts.

    He is not reminded again of the same day.
    """
    if step not in STEPS:
        raise KeyError(step)
    remind_on = _before(session, actor, due_on, remind_before)
    duty = session.scalar(
        sa.select(Duty).where(
            Duty.subject_kind == kind,
            Duty.subject_id == subject_id,
            Duty.step == step,
            Duty.addressee == whom.key,
            Duty.closed_at.is_(None),
        )
    )
    if duty is None:
        duty = Duty(
            subject_kind=kind,
            subject_id=subject_id,
            step=step,
            addressee=whom.key,
            org_id=whom.org_id,
            user_id=whom.user_id,
            role=whom.role,
            region=whom.region,
            opened_at=actor.now,
        )
        session.add(duty)
    duty.title, duty.number = title[:200], number
    if duty.due_on != due_on:
        duty.due_on, duty.remind_on = due_on, remind_on
        duty.reminded_at = duty.escalated_at = None
    session.flush()
    return duty


def _before(session: so.Session, actor: Actor, due_on: date, days: int) -> date:
    """Return the day of the reminder: some working days before, but not yesterday."""
    calendar = calendars.working_calendar(session)
    day = due_on
    while day > actor.today and calendar.elapsed(day, due_on) < days:
        day -= timedelta(days=1)
    return max(day, actor.today)


def close(
    session: so.Session,
    actor: Actor,
    *,
    kind: str,
    subject_id: UUID,
    steps: Sequence[str] = (),
    whom: Whom | None = None,
    outcome: str = DONE,
) -> int:
    """Close what is owed of an object: some steps, or all; returns how many.

    Parameters
    ----------
    whom : Whom, optional
        Only what this one owes.
    """
    statement = sa.select(Duty).where(
        Duty.subject_kind == kind,
        Duty.subject_id == subject_id,
        Duty.closed_at.is_(None),
    )
    if steps:
        statement = statement.where(Duty.step.in_(steps))
    if whom is not None:
        statement = statement.where(Duty.addressee == whom.key)
    found = session.scalars(statement).all()
    for duty in found:
        duty.closed_at, duty.outcome = actor.now, outcome
    session.flush()
    return len(found)


def mine(actor: Actor) -> sa.ColumnElement[bool]:
    """Duties that wait on the caller; what is late waits on operators too."""
    conditions: list[sa.ColumnElement[bool]] = []
    for standing in actor.standings:
        if not standing.roles:
            continue
        roles = [role for role in standing.roles if standing.org_verified]
        unit = sa.and_(Duty.role.is_(None), _writes(standing.roles))
        if not standing.org_verified:
            unit = sa.and_(unit, Duty.subject_kind.not_in(OF_UNITS_AT_WORK))
        conditions.append(
            sa.and_(
                Duty.org_id == standing.org_id,
                sa.or_(Duty.user_id.is_(None), Duty.user_id == actor.user_id),
                sa.or_(unit, one_of(Duty.role, roles)),
            )
        )
        conditions.append(
            sa.and_(
                Duty.org_id.is_(None),
                Duty.user_id.is_(None),
                one_of(Duty.role, roles),
                _in_region(standing.region, standing.roles),
            )
        )
    if actor.has_role(Role.OPERATOR):
        conditions.append(Duty.escalated_at.is_not(None))
    return sa.or_(sa.false(), *conditions)


def _writes(roles: frozenset[Role]) -> sa.ColumnElement[bool]:
    return sa.true() if roles & set(UNIT_ROLES) else sa.false()


def _in_region(region: str, roles: frozenset[Role]) -> sa.ColumnElement[bool]:
    """Tell whether a duty lies within the region of an office.

    An operator's market has no borders; a district reviewer's district has.
    """
    if Role.DISTRICT_REVIEWER not in roles or not region:
        return Duty.region == "" if Role.OPERATOR not in roles else sa.true()
    prefix = policies.region_prefix(region)
    inside = Duty.region.startswith(prefix, autoescape=True)
    return sa.or_(Duty.region == "", inside)


def queue(session: so.Session, actor: Actor, **filters: Any) -> Listing[dict[str, Any]]:
    """List what waits on the caller, oldest promise first.

    Parameters
    ----------
    kind, step : str, optional
    late : bool, optional
        Only what is late, or only what is not.

    Raises
    ------
    Unauthenticated
    """
    policies.require_signed_in(actor)
    statement = sa.select(Duty).where(Duty.closed_at.is_(None), mine(actor))
    if filters.get("kind"):
        statement = statement.where(Duty.subject_kind == filters["kind"])
    if filters.get("step"):
        statement = statement.where(Duty.step == filters["step"])
    late = filters.get("late")
    if late is not None:
        passed = Duty.due_on < actor.today
        statement = statement.where(passed if late else sa.not_(passed))
    calendar = calendars.working_calendar(session)

    def show(rows: Sequence[sa.Row[*tuple[Any, ...]]]) -> list[dict[str, Any]]:
        talks = _days_of(session, [row[0].subject_id for row in rows])
        return [_view(actor, row[0], calendar, talks) for row in rows]

    return Listing(
        session,
        statement,
        key=Duty.id,
        view=show,
        sorts={"due": Duty.due_on},
        default_sort="due",
    )


def _days_of(session: so.Session, ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """Return the docking day of each of these objects that is a talk."""
    talks = sa.select(DockingTalk.id, DockingTalk.day_id).where(DockingTalk.id.in_(ids))
    return {row.id: row.day_id for row in session.execute(talks)}


def _view(
    actor: Actor, duty: Duty, calendar: Any, talks: Mapping[UUID, UUID]
) -> dict[str, Any]:
    late = actor.today > duty.due_on
    first, last = sorted((actor.today, duty.due_on))
    days = calendar.elapsed(first, last)
    return {
        "id": duty.id,
        "kind": duty.subject_kind,
        "subject_id": duty.subject_id,
        "number": duty.number,
        "title": duty.title,
        "step": duty.step,
        "what": STEPS[duty.step],
        "href": PLACES[duty.subject_kind].format(
            id=duty.subject_id, day=talks.get(duty.subject_id)
        ),
        "since": duty.opened_at,
        "due_on": duty.due_on,
        "due_is_provisional": not calendar.is_settled(duty.due_on),
        "working_days_left": -days if late else days,
        "late": late,
        "escalated": duty.escalated_at is not None,
    }
