"""Who takes part in a docking day: needs of the library, teams through their offers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, cast
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace import policies
from marketplace.domain import needs as need_states
from marketplace.domain import offers as offer_states
from marketplace.domain.actors import Actor, system
from marketplace.domain.docking_days import Side
from marketplace.errors import Conflict, FieldError, NotFound, Text
from marketplace.models.docking_days import (
    DockingDay,
    DockingMustMeet,
    DockingParticipant,
)
from marketplace.models.needs import Need, NeedVersion
from marketplace.models.offers import Offer, OfferVersion
from marketplace.models.organisations import Organisation, Team
from marketplace.policies import Grant
from marketplace.services import docking_days, events
from marketplace.services.docking_days import MOST_TALKS
from marketplace.services.fields import Reader
from marketplace.services.organisations import require_revision
from marketplace.services.paging import Listing

MOST = 400
"""So many may take part in a day: the planner's models grow with their pairs."""


def search(
    session: so.Session, actor: Actor, day_id: UUID, **filters: Any
) -> Listing[dict[str, Any]]:
    """List who takes part, in the order of their coming.

    Parameters
    ----------
    filters
        ``side``.

    Raises
    ------
    Unauthenticated, NotFound, Forbidden
    """
    day = docking_days.for_operator(session, actor, day_id)
    statement = sa.select(DockingParticipant).where(DockingParticipant.day_id == day.id)
    if filters.get("side") is not None:
        statement = statement.where(DockingParticipant.side == filters["side"])
    return Listing(
        session,
        statement,
        key=DockingParticipant.id,
        view=lambda rows: show(session, [row[0] for row in rows]),
        default_sort="created",
    )


def get(
    session: so.Session, actor: Actor, day_id: UUID, participant_id: UUID
) -> DockingParticipant:
    """Return one who takes part.

    Raises
    ------
    Unauthenticated, NotFound, Forbidden
    """
    day = docking_days.for_operator(session, actor, day_id)
    found = session.scalar(
        sa.select(DockingParticipant).where(
            DockingParticipant.id == participant_id,
            DockingParticipant.day_id == day.id,
        ),
        execution_options={"populate_existing": True},
    )
    if found is None:
        raise NotFound
    return found


def show(
    session: so.Session, rows: Sequence[DockingParticipant]
) -> list[dict[str, Any]]:
    """Show participants with their names and must-meets, one each, in order."""
    named = names(session, rows)
    orgs = _org_names(session, {row.org_id for row in rows})
    must = must_meets(session, [row.id for row in rows])
    return [
        {
            "id": row.id,
            "side": row.side,
            "organisation": {"id": row.org_id, "name": orgs[row.org_id]},
            "need_id": row.need_id,
            "offer_id": row.offer_id,
            "team_id": row.team_id,
            "title": named[row.id],
            "absent": list(row.absent),
            "most": row.most,
            "must_meet": sorted(must.get(row.id, ())),
            "created_at": row.created_at,
            "updated_at": row.updated_at,
        }
        for row in rows
    ]


def names(session: so.Session, rows: Collection[DockingParticipant]) -> dict[UUID, str]:
    """Return what each participant is called: a need's public title, a team's name."""
    needs = {row.need_id: row.id for row in rows if row.need_id is not None}
    teams = {row.team_id: row.id for row in rows if row.team_id is not None}
    found: dict[UUID, str] = {}
    titles = session.execute(
        sa.select(Need.id, NeedVersion.title)
        .join(NeedVersion, NeedVersion.id == Need.published_version_id)
        .where(Need.id.in_(needs))
    )
    found |= {needs[need_id]: title for need_id, title in titles}
    called = session.execute(sa.select(Team.id, Team.name).where(Team.id.in_(teams)))
    found |= {teams[team_id]: name for team_id, name in called}
    return found


def _org_names(session: so.Session, ids: Collection[UUID]) -> dict[UUID, str]:
    rows = session.execute(
        sa.select(Organisation.id, Organisation.name).where(Organisation.id.in_(ids))
    )
    return {key: name for key, name in rows}  # noqa: C416 - rows, not pairs


def must_meets(session: so.Session, ids: Collection[UUID]) -> dict[UUID, set[UUID]]:
    """Return whom each of some participants must meet, told from both sides."""
    rows = session.scalars(
        sa.select(DockingMustMeet).where(
            sa.or_(
                DockingMustMeet.need_participant_id.in_(ids),
                DockingMustMeet.team_participant_id.in_(ids),
            )
        )
    )
    found: dict[UUID, set[UUID]] = {}
    for row in rows:
        pair = row.need_participant_id, row.team_participant_id
        for mine, other in (pair, pair[::-1]):
            found.setdefault(mine, set()).add(other)
    return found


def add(
    session: so.Session,
    actor: Actor,
    day_id: UUID,
    data: Mapping[str, Any],
    *,
    expected: int | None = None,
) -> DockingParticipant:
    """Let a need take part, or a team through one of its offers.

    Parameters
    ----------
    data : mapping
        ``need_id`` or ``offer_id``; ``absent``, ``most`` and ``must_meet`` as in
        ``edit``.

    Raises
    ------
    Unauthenticated, NotFound, Forbidden, Stale, Invalid
    Conflict
        It takes part already, or the day may not change.
    """
    day, grant = docking_days.to_change(session, actor, day_id, expected)
    reader = Reader(session, actor.today)
    row = _new(session, actor, reader, day, data)
    values = _read(session, reader, day, data, {"absent": [], "most": None})
    count = session.scalar(
        sa.select(sa.func.count()).where(DockingParticipant.day_id == day.id)
    )
    if (count or 0) >= MOST:
        reader.wrong(
            "", "too_many", "最多 {most} 个", "at most {most} take part", most=MOST
        )
    reader.refuse()
    _refuse_twice(session, row)
    must = values.pop("must_meet", None)
    for name, value in values.items():
        setattr(row, name, value)
    session.add(row)
    docking_days.touch(day, actor)
    session.flush()
    if must is not None:
        _set_must_meets(session, row, must)
    _record(session, actor, grant, day, "add-participant", {}, _values(session, row))
    return row


def edit(
    session: so.Session,
    actor: Actor,
    day_id: UUID,
    participant_id: UUID,
    data: Mapping[str, Any],
    *,
    expected: int | None = None,
) -> DockingParticipant:
    """Change when a participant can come, its limit, and whom it must meet.

    Parameters
    ----------
    data : mapping
        ``absent``: positions of slots; ``most``: talks, or None for the day's limit;
        ``must_meet``: participants of the other side.

    Raises
    ------
    Unauthenticated, NotFound, Forbidden, Stale, Invalid, Conflict
    """
    day, grant = docking_days.to_change(session, actor, day_id)
    row = get(session, actor, day_id, participant_id)
    require_revision(row.revision, expected)
    before = _values(session, row)
    reader = Reader(session, actor.today)
    kept = {"absent": list(row.absent), "most": row.most}
    values = _read(session, reader, day, data, kept, row.side)
    reader.refuse()
    must = values.pop("must_meet", None)
    for name, value in values.items():
        setattr(row, name, value)
    row.updated_at = actor.now
    docking_days.touch(day, actor)
    session.flush()
    if must is not None:
        _set_must_meets(session, row, must)
    after = _values(session, row)
    _record(session, actor, grant, day, "edit-participant", before, after)
    return row


def remove(
    session: so.Session,
    actor: Actor,
    day_id: UUID,
    participant_id: UUID,
    *,
    expected: int | None = None,
) -> None:
    """Let a participant go, and with it the pairs that it had to make.

    Raises
    ------
    Unauthenticated, NotFound, Forbidden, Stale, Conflict
    """
    day, grant = docking_days.to_change(session, actor, day_id)
    row = get(session, actor, day_id, participant_id)
    require_revision(row.revision, expected)
    before = _values(session, row)
    _set_must_meets(session, row, ())
    session.delete(row)
    docking_days.touch(day, actor)
    session.flush()
    _record(session, actor, grant, day, "remove-participant", before, {})


def _new(
    session: so.Session,
    actor: Actor,
    reader: Reader,
    day: DockingDay,
    data: Mapping[str, Any],
) -> DockingParticipant:
    """Make the row of what is on the market.

    What is meant for some units only is not: its title would be told to others.
    """
    row = DockingParticipant(
        day_id=day.id, created_at=actor.now, updated_at=actor.now, absent=[]
    )
    need_id = reader.reference(data.get("need_id"), "/need_id")
    offer_id = reader.reference(data.get("offer_id"), "/offer_id")
    if (need_id is None) == (offer_id is None):
        reader.wrong(
            "/need_id",
            "one_of_two",
            "need_id 与 offer_id 须填其一",
            "give need_id or offer_id, and not both",
        )
    elif need_id is not None:
        row.side, row.need_id = Side.NEED, need_id
        owner = session.scalar(
            sa.select(Need.owner_org_id).where(
                Need.id == need_id, on_offer(system(actor.now))
            )
        )
        if owner is None:
            reader.wrong(
                "/need_id", "not_in_library", "需求不在库中", "not in the need library"
            )
        else:
            row.org_id = owner
    else:
        _take_team(session, actor, reader, row, offer_id)
    return row


def _take_team(
    session: so.Session,
    actor: Actor,
    reader: Reader,
    row: DockingParticipant,
    offer_id: UUID | None,
) -> None:
    row.side, row.offer_id = Side.TEAM, offer_id
    # The condition of being on the market asks for versions of its own.
    shown = so.aliased(OfferVersion)
    found = session.execute(
        sa.select(Offer.owner_org_id, Team.id)
        .join(shown, shown.id == Offer.published_version_id)
        .outerjoin(Team, sa.and_(Team.id == shown.team_id, Team.closed_at.is_(None)))
        .where(Offer.id == offer_id, on_market(system(actor.now)))
    ).first()
    if found is None:
        reader.wrong("/offer_id", "not_listed", "成果未发布", "not on the market")
        return
    row.org_id, team_id = cast("tuple[UUID, UUID | None]", tuple(found))
    if team_id is None:
        reader.wrong(
            "/offer_id", "no_team", "该成果没有团队", "this offer names no open team"
        )
    row.team_id = team_id


def on_offer(actor: Actor) -> sa.ColumnElement[bool]:
    """Needs that may take part: in the library, and shown there."""
    return sa.and_(
        policies.one_of(Need.state, need_states.LISTED), policies.library_needs(actor)
    )


def on_market(actor: Actor) -> sa.ColumnElement[bool]:
    """Offers through which a team may take part: on the market, and shown there."""
    return sa.and_(
        policies.one_of(Offer.state, offer_states.MATCHABLE),
        policies.market_offers(actor),
    )


def _refuse_twice(session: so.Session, row: DockingParticipant) -> None:
    same = (
        DockingParticipant.need_id == row.need_id
        if row.side is Side.NEED
        else DockingParticipant.team_id == row.team_id
    )
    taken = sa.exists().where(DockingParticipant.day_id == row.day_id, same)
    if session.scalar(sa.select(taken)):
        pointer = "/need_id" if row.side is Side.NEED else "/offer_id"
        text = Text("已在参加名单中", "takes part already")
        raise Conflict(errors=[FieldError(pointer, "takes_part", text)])


def _read(
    session: so.Session,
    reader: Reader,
    day: DockingDay,
    data: Mapping[str, Any],
    before: dict[str, Any],
    side: Side | None = None,
) -> dict[str, Any]:
    """Read what may change; ``must_meet`` is there only if it is given."""
    values = dict(before)
    if "absent" in data:
        last = len(day.slots) - 1
        found = {
            reader.whole(item, f"/absent/{at}", 0, last)
            for at, item in enumerate(
                reader.items(data["absent"], "/absent", len(day.slots))
            )
        }
        values["absent"] = sorted(found - {None})
    if "most" in data:
        values["most"] = reader.whole(data["most"], "/most", 1, MOST_TALKS)
    if "must_meet" in data:
        if side is None:
            side = Side.NEED if data.get("need_id") is not None else Side.TEAM
        values["must_meet"] = _read_others(session, reader, day, data, side)
    return values


def _read_others(
    session: so.Session,
    reader: Reader,
    day: DockingDay,
    data: Mapping[str, Any],
    side: Side,
) -> list[UUID]:
    """Read participants of the other side."""
    known = set(
        session.scalars(
            sa.select(DockingParticipant.id).where(
                DockingParticipant.day_id == day.id, DockingParticipant.side != side
            )
        )
    )
    found: list[UUID] = []
    for at, item in enumerate(reader.items(data["must_meet"], "/must_meet", MOST)):
        other = reader.reference(item, f"/must_meet/{at}")
        if other is None:
            continue
        if other not in known:
            reader.wrong(
                f"/must_meet/{at}",
                "not_the_other_side",
                "不是本活动的对方参加者",
                "is no participant of the other side",
            )
        found.append(other)
    return found


def _set_must_meets(
    session: so.Session, row: DockingParticipant, others: Collection[UUID]
) -> None:
    mine, other = (
        ("need_participant_id", "team_participant_id")
        if row.side is Side.NEED
        else ("team_participant_id", "need_participant_id")
    )
    session.execute(
        sa.delete(DockingMustMeet).where(getattr(DockingMustMeet, mine) == row.id),
        execution_options={"synchronize_session": "fetch"},
    )
    for other_id in sorted(set(others)):
        session.add(DockingMustMeet(**{mine: row.id, other: other_id}))
    session.flush()


def _values(session: so.Session, row: DockingParticipant) -> dict[str, Any]:
    names = ("need_id", "offer_id", "team_id", "absent", "most")
    shown = {name: getattr(row, name) for name in names}
    must = must_meets(session, [row.id]).get(row.id, set())
    return shown | {"participant_id": row.id, "must_meet": sorted(map(str, must))}


def _record(
    session: so.Session,
    actor: Actor,
    grant: Grant,
    day: DockingDay,
    what: str,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
) -> None:
    events.record(
        session,
        actor,
        day,
        f"docking-day.{what}",
        role=grant.role,
        org_id=grant.org_id,
        comment=str(after.get("participant_id") or before.get("participant_id")),
        changes=events.difference(before, after),
    )
    session.flush()
