"""Teams: groups and studios under a unit, which cannot be parties themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace import policies
from marketplace.domain.actors import Actor
from marketplace.domain.organisations import OPEN
from marketplace.domain.roles import Tier
from marketplace.errors import Conflict, FieldError, NotFound, Text
from marketplace.models.organisations import Organisation, Team
from marketplace.policies import ORGANISATION_RULES, Grant
from marketplace.services import events, organisations
from marketplace.services.contents import read
from marketplace.services.fields import Codes, Field, Reader, Words
from marketplace.services.paging import Listing

FIELDS: tuple[Field, ...] = (
    Words("name", most=120),
    Words("leader", most=60),
    Words("intro", most=1000),
    Codes("tech_field", most=10),
)
TIERS = {"leader": Tier.VERIFIED}
"""Who leads a group is a person's name: not for the public."""


def search(
    session: so.Session, actor: Actor, org_id: UUID, *, closed: bool = False
) -> Listing[dict[str, Any]]:
    """List the teams of a unit that the caller may know of.

    Parameters
    ----------
    closed : bool
        Also those that are closed.
    """
    org = organisations.get(session, actor, org_id)
    statement = sa.select(Team).where(Team.org_id == org.id)
    if not closed:
        statement = statement.where(Team.closed_at.is_(None))

    def show(rows: Sequence[sa.Row[*tuple[Any, ...]]]) -> list[dict[str, Any]]:
        return [view(actor, org, row[0]) for row in rows]

    return Listing(
        session,
        statement,
        key=Team.id,
        view=show,
        sorts={"name": Team.name},
        default_sort="created",
    )


def get(
    session: so.Session, actor: Actor, org_id: UUID, team_id: UUID
) -> tuple[Organisation, Team]:
    """Return a team with its unit.

    Raises
    ------
    NotFound
    """
    org = organisations.get(session, actor, org_id)
    team = session.scalar(
        sa.select(Team)
        .where(Team.id == team_id, Team.org_id == org.id)
        .execution_options(populate_existing=True)
    )
    if team is None:
        raise NotFound
    return org, team


def view(actor: Actor, org: Organisation, team: Team) -> dict[str, Any]:
    """Show a team as far as the caller may read it."""
    tier = policies.organisation_tier(actor, org)
    hidden = {name for name, needed in TIERS.items() if needed > tier}
    shown = {
        "id": team.id,
        "organisation": {"id": org.id, "name": org.name},
        **_values(team),
        "closed_at": team.closed_at,
        "created_at": team.created_at,
        "updated_at": team.updated_at,
        "withheld": sorted(hidden),
    }
    return {name: value for name, value in shown.items() if name not in hidden}


def create(
    session: so.Session, actor: Actor, org_id: UUID, data: Mapping[str, Any]
) -> Team:
    """Set up a team under a unit.

    Raises
    ------
    NotFound, Unauthenticated, Forbidden, Invalid
    Conflict
        The unit is closed, or has had a team of this name.
    """
    org = organisations.get(session, actor, org_id)
    grant = policies.require(actor, "manage-teams", org, ORGANISATION_RULES)
    if org.state not in OPEN:
        raise Conflict(Text("单位已注销", "the organisation is closed"))
    before = {field.name: field.empty for field in FIELDS}
    values = _read(session, actor, data, before)
    _refuse_taken(session, org, values["name"], None)
    team = Team(org_id=org.id, created_at=actor.now, updated_at=actor.now, **values)
    session.add(team)
    session.flush()
    _record(session, actor, grant, team, "create", before, values)
    return team


def edit(
    session: so.Session,
    actor: Actor,
    org_id: UUID,
    team_id: UUID,
    data: Mapping[str, Any],
    *,
    expected: int | None = None,
) -> Team:
    """Change a team.

    Raises
    ------
    NotFound, Unauthenticated, Forbidden, Stale, Invalid
    Conflict
        The team is closed, or another has this name.
    """
    org, team, grant = _to_change(session, actor, org_id, team_id, expected)
    before = _values(team)
    values = _read(session, actor, data, before)
    if values == before:
        return team
    _refuse_taken(session, org, values["name"], team)
    for name, value in values.items():
        setattr(team, name, value)
    team.updated_at = actor.now
    _record(session, actor, grant, team, "edit", before, values)
    return team


def close(
    session: so.Session,
    actor: Actor,
    org_id: UUID,
    team_id: UUID,
    *,
    expected: int | None = None,
) -> None:
    """Close a team; what it offers keeps naming it.

    Raises
    ------
    NotFound, Unauthenticated, Forbidden, Stale
    Conflict
        It is closed already.
    """
    _, team, grant = _to_change(session, actor, org_id, team_id, expected)
    team.closed_at = team.updated_at = actor.now
    _record(session, actor, grant, team, "close", {}, {"closed_at": team.closed_at})


def _to_change(
    session: so.Session,
    actor: Actor,
    org_id: UUID,
    team_id: UUID,
    expected: int | None,
) -> tuple[Organisation, Team, Grant]:
    org, team = get(session, actor, org_id, team_id)
    grant = policies.require(actor, "manage-teams", org, ORGANISATION_RULES)
    organisations.require_revision(team.revision, expected)
    if team.closed_at is not None:
        raise Conflict(Text("团队已撤销", "the team is closed"))
    return org, team, grant


def _values(team: Team) -> dict[str, Any]:
    return {field.name: getattr(team, field.name) for field in FIELDS}


def _read(
    session: so.Session, actor: Actor, data: Mapping[str, Any], before: dict[str, Any]
) -> dict[str, Any]:
    reader = Reader(session, actor.today)
    values = before | read(FIELDS, reader, data, before)
    if not values["name"] and not reader.errors:
        reader.wrong("/name", "required", "必填", "is required")
    reader.refuse()
    return values


def _refuse_taken(
    session: so.Session, org: Organisation, name: str, team: Team | None
) -> None:
    """Refuse a name twice in one unit; a closed team keeps its name."""
    other = Team.id != team.id if team is not None else sa.true()
    same = sa.exists().where(Team.org_id == org.id, Team.name == name, other)
    if session.scalar(sa.select(same)):
        text = Text("本单位已有同名团队", "this unit has a team of this name")
        raise Conflict(errors=[FieldError("/name", "name_taken", text)])


def _record(
    session: so.Session,
    actor: Actor,
    grant: Grant,
    team: Team,
    what: str,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
) -> None:
    events.record(
        session,
        actor,
        team,
        f"team.{what}",
        role=grant.role,
        org_id=grant.org_id,
        changes=events.difference(before, after),
    )
    session.flush()
