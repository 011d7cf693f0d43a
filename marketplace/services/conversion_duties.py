"""Who owes a yearly conversion report, and until when.

Shandong regulation on the conversion of achievements (2018), art. 15: universities and
institutes of the state report to their supervising body by the end of March. Which
units are asked, and from which day on, is ours, as data.
"""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace.domain.actors import Actor
from marketplace.domain.organisations import OrganisationState
from marketplace.domain.reports import ReportKind
from marketplace.domain.roles import Role
from marketplace.models.duties import Duty
from marketplace.models.organisations import Organisation
from marketplace.models.reports import IssuedReport
from marketplace.services import duties, rules
from marketplace.services.duties import Whom

KIND = STEP = "conversion-report"


def year_due(actor: Actor) -> str:
    """Return the year that is reported on this year."""
    return str(actor.today.year - 1)


def ask(session: so.Session, actor: Actor) -> int:
    """Ask every unit for its report of the year that is over; returns how many.

    Only between the day on which asking begins and the one on which the report is
    due: a market that is set up later does not begin with what was late before. Who
    was asked already, or has reported, is not asked again.
    """
    year = year_due(actor)
    reported = sa.select(IssuedReport.org_id).where(
        IssuedReport.kind == ReportKind.CONVERSION,
        IssuedReport.period == year,
        IssuedReport.org_id.is_not(None),
    )
    asked = sa.select(Duty.subject_id).where(
        Duty.subject_kind == KIND, Duty.number == year, Duty.closed_at.is_(None)
    )
    units = session.scalars(
        sa.select(Organisation)
        .where(
            Organisation.state == OrganisationState.VERIFIED,
            Organisation.id.not_in(reported),
            Organisation.id.not_in(asked),
        )
        .order_by(Organisation.id)
    )
    return sum(_ask(session, actor, unit, year) for unit in units)


def _ask(session: so.Session, actor: Actor, unit: Organisation, year: str) -> bool:
    found = _rules(session, actor, unit.region)
    if found is None:
        return False
    whom, deadline = found
    opens, due_on = _day(actor, whom["opens"]), _day(actor, deadline["unit"])
    if unit.org_type not in whom["org_types"] or not opens <= actor.today <= due_on:
        return False
    duties.open_(
        session,
        actor,
        Whom(org_id=unit.id, role=Role.UNIT_ADMIN),
        STEP,
        kind=KIND,
        subject_id=unit.id,
        title=unit.name,
        number=year,
        due_on=due_on,
        remind_before=whom["remind_before"],
    )
    return True


def _rules(
    session: so.Session, actor: Actor, region: str
) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Return whom a place asks, and by when; None where no such report is known of."""
    try:
        whom, deadline = (
            rules.in_force(session, key, on=actor.today, region=region)
            for key in ("report.conversion_duty", "report.conversion_deadlines")
        )
    except rules.NoRule:
        return None
    return whom.value, deadline.value


def _day(actor: Actor, month_and_day: str) -> date:
    return date.fromisoformat(f"{actor.today.year}-{month_and_day}")


def done(session: so.Session, actor: Actor, org_id: UUID, period: str) -> None:
    """Close what a unit owed once its report of the year is issued."""
    if period == year_due(actor):
        duties.close(session, actor, kind=KIND, subject_id=org_id)
