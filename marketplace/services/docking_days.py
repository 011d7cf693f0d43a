"""Docking days 对接活动日: the day, its slots, and its way through its states."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace import policies
from marketplace.domain.actors import SHANGHAI, Actor
from marketplace.domain.docking_days import (
    CALLED_OFF,
    DOCKING_DAY_WORKFLOW,
    OPEN,
    PLAN_ACTIONS,
    DockingDayState,
)
from marketplace.domain.workflows import Transition
from marketplace.errors import Conflict, NotFound, Text
from marketplace.models.docking_days import (
    DockingDay,
    DockingParticipant,
    DockingSlot,
    DockingTalk,
)
from marketplace.models.ledger import Event, LedgerEntry
from marketplace.models.users import User
from marketplace.policies import DOCKING_DAY_RULES, Grant
from marketplace.services import actions, events, notices
from marketplace.services.audit import view_event
from marketplace.services.contents import read
from marketplace.services.fields import Code, Custom, Day, Field, Reader, Whole, Words
from marketplace.services.organisations import require_revision
from marketplace.services.paging import Listing

HREF = "/api/v1/docking-days"
MOST_SLOTS, MOST_TABLES, MOST_TALKS = 48, 200, 48
LONGEST = timedelta(hours=4)
Span = tuple[datetime, datetime, int]
"""Start, end and number of tables of a slot."""


def _read_slots(reader: Reader, value: Any, pointer: str) -> list[Span]:
    """Read slots: each ends after it starts, and before the next one starts."""
    found: list[Span] = []
    names = frozenset({"starts_at", "ends_at", "tables"})
    for index, item in enumerate(reader.items(value, pointer, MOST_SLOTS)):
        place = f"{pointer}/{index}"
        row = reader.row(item, place, names)
        start = _moment(reader, row.get("starts_at"), f"{place}/starts_at")
        end = _moment(reader, row.get("ends_at"), f"{place}/ends_at")
        tables = reader.whole(row.get("tables"), f"{place}/tables", 1, MOST_TABLES)
        if tables is None and row.get("tables") is None:
            reader.wrong(f"{place}/tables", "required", "必填", "is required")
        if start is None or end is None or tables is None:
            continue
        if not timedelta(0) < end - start <= LONGEST:
            reader.wrong(
                f"{place}/ends_at",
                "bad_period",
                "须晚于开始时间，且不超过 4 小时",
                "must come after the start, by at most 4 hours",
            )
        if found and start < found[-1][1]:
            reader.wrong(
                f"{place}/starts_at",
                "overlaps",
                "不得早于上一时段的结束时间",
                "must not come before the end of the slot before",
            )
        found.append((start, end, tables))
    return found


def _moment(reader: Reader, value: Any, pointer: str) -> datetime | None:
    """Read a moment to the minute; one without a zone is of Shanghai."""
    if value is None or value == "":
        reader.wrong(pointer, "required", "必填", "is required")
        return None
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    except (TypeError, ValueError):
        reader.wrong(
            pointer,
            "not_a_moment",
            "应为时间，如 2026-12-01T09:00:00+08:00",
            "Not a moment such as 2026-12-01T09:00:00+08:00.",
        )
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=SHANGHAI)
    return moment.astimezone(UTC).replace(second=0, microsecond=0)


FIELDS: tuple[Field, ...] = (
    Words("title", most=120),
    Day("held_on"),
    Words("place", most=200),
    Code("region", list_id="region"),
    Whole("most_per_need", least=1, most=MOST_TALKS),
    Whole("most_per_team", least=1, most=MOST_TALKS),
    Custom("slots", reading=_read_slots, initial=list),
)
REQUIRED = ("title", "held_on", "most_per_need", "most_per_team", "slots")


def search(session: so.Session, actor: Actor, **filters: Any) -> Listing[Any]:
    """List the days that the caller may know of.

    Parameters
    ----------
    filters
        ``state``.

    Raises
    ------
    Unauthenticated
    """
    policies.require_signed_in(actor)
    statement = sa.select(DockingDay).where(policies.visible_docking_days(actor))
    if filters.get("state") is not None:
        statement = statement.where(DockingDay.state == filters["state"])
    return Listing(
        session,
        statement,
        key=DockingDay.id,
        view=lambda rows: [_brief(row[0]) for row in rows],
        sorts={"held_on": DockingDay.held_on},
    )


def get(session: so.Session, actor: Actor, day_id: UUID) -> DockingDay:
    """Return a day with its slots.

    Raises
    ------
    Unauthenticated
        The public takes no part.
    NotFound
        There is none, or the caller may not know of it.
    """
    policies.require_signed_in(actor)
    day = session.scalar(
        sa.select(DockingDay)
        .where(DockingDay.id == day_id, policies.visible_docking_days(actor))
        .options(so.selectinload(DockingDay.slots)),
        execution_options={"populate_existing": True},
    )
    if day is None:
        raise NotFound
    return day


def for_operator(session: so.Session, actor: Actor, day_id: UUID) -> DockingDay:
    """Return a day to who may read what lies behind it: participants and plans.

    Raises
    ------
    Unauthenticated, NotFound
    Forbidden
        The caller takes part and does not run the day.
    """
    day = get(session, actor, day_id)
    policies.require(actor, "read", day, DOCKING_DAY_RULES)
    return day


def to_change(
    session: so.Session, actor: Actor, day_id: UUID, expected: int | None = None
) -> tuple[DockingDay, Grant]:
    """Return a day whose input may change, and under which hat.

    Raises
    ------
    Unauthenticated, NotFound, Forbidden, Stale
    Conflict
        It is being planned, or its talks are fixed.
    """
    day = get(session, actor, day_id)
    grant = policies.require(actor, "edit", day, DOCKING_DAY_RULES)
    require_revision(day.revision, expected)
    if day.state not in OPEN:
        raise Conflict(
            Text(
                "当前状态下不能修改活动内容",
                "the day cannot be changed in its present state",
            ),
            extra={"state": day.state.value},
        )
    return day, grant


def touch(day: DockingDay, actor: Actor) -> None:
    """Note that the day's input has changed, so that two who change it meet.

    Also when the clock has not moved since: the row's revision has to.
    """
    day.updated_at = actor.now
    so.attributes.flag_modified(day, "updated_at")


def _brief(day: DockingDay) -> dict[str, Any]:
    names = ("id", "title", "held_on", "place", "region", "state")
    return {name: getattr(day, name) for name in (*names, "created_at", "updated_at")}


def view(actor: Actor, day: DockingDay) -> dict[str, Any]:
    """Show a day; its limits are the organiser's business."""
    shown = _brief(day) | {
        "slots": [_slot(slot) for slot in day.slots],
        "deployed_at": day.deployed_at,
        "actions": actions.shown(
            [row for row in offered(actor, day) if row.action not in PLAN_ACTIONS],
            f"{HREF}/{day.id}",
        ),
    }
    if policies.may(actor, "read", day, DOCKING_DAY_RULES):
        shown |= {
            "most_per_need": day.most_per_need,
            "most_per_team": day.most_per_team,
        }
    else:
        for slot in shown["slots"]:
            del slot["tables"]
    return shown


def offered(actor: Actor, day: DockingDay) -> list[Transition[DockingDayState]]:
    """Return what the caller may do with a day or its plan now."""
    return [
        row
        for row in DOCKING_DAY_WORKFLOW.offered(day.state)
        if policies.may(actor, row.action, day, DOCKING_DAY_RULES)
    ]


def _slot(slot: DockingSlot) -> dict[str, Any]:
    names = ("position", "starts_at", "ends_at", "tables")
    return {name: getattr(slot, name) for name in names}


def create(session: so.Session, actor: Actor, data: Mapping[str, Any]) -> DockingDay:
    """Set up a day.

    Raises
    ------
    Unauthenticated, Forbidden, Invalid
    """
    grant = policies.require(actor, "create", None, DOCKING_DAY_RULES)
    empty = {field.name: field.empty for field in FIELDS}
    values = _read(session, actor, data, empty)
    day = DockingDay(
        state=DockingDayState.DRAFT,
        created_by=actor.user_id,
        created_at=actor.now,
        updated_at=actor.now,
        slots=_slots(values.pop("slots")),
        **values,
    )
    session.add(day)
    session.flush()
    _record(session, actor, grant, day, "create", {}, _values(day))
    return day


def edit(
    session: so.Session,
    actor: Actor,
    day_id: UUID,
    data: Mapping[str, Any],
    *,
    expected: int | None = None,
) -> DockingDay:
    """Change a day; whoever cannot come at a time still cannot, whatever its slot.

    Raises
    ------
    Unauthenticated, NotFound, Forbidden, Stale, Invalid, Conflict
    """
    day, grant = to_change(session, actor, day_id, expected)
    before = _values(day)
    values = _read(session, actor, data, before)
    if values == before:
        return day
    spans = values.pop("slots")
    for name, value in values.items():
        setattr(day, name, value)
    if spans != before["slots"]:
        later = day.held_on - before["held_on"]
        _carry_absences(
            session, day, [_moved(s, later) for s in before["slots"]], spans
        )
        day.slots = []
        session.flush()
        day.slots = _slots(spans)
    touch(day, actor)
    session.flush()
    _record(session, actor, grant, day, "edit", before, _values(day))
    return day


def _moved(span: Span, by: timedelta) -> Span:
    """Return a slot on another day at the same time."""
    start, end, tables = span
    return start + by, end + by, tables


def _carry_absences(
    session: so.Session, day: DockingDay, old: Sequence[Span], new: Sequence[Span]
) -> None:
    """Have everybody absent from the new slots that touch a time he cannot come at."""
    meant = [
        {at for at, span in enumerate(new) if start < span[1] and span[0] < end}
        for start, end, _ in old
    ]
    rows = session.scalars(
        sa.select(DockingParticipant).where(DockingParticipant.day_id == day.id)
    )
    for row in rows:
        absent = sorted(set[int]().union(*(meant[at] for at in row.absent)))
        if absent != row.absent:
            row.absent = absent


def act(
    session: so.Session,
    actor: Actor,
    day_id: UUID,
    action: str,
    *,
    expected: int | None = None,
    comment: str = "",
) -> DockingDay:
    """Finish a day, or call it off.

    Raises
    ------
    Unauthenticated, NotFound, Forbidden, Stale, Invalid
    IllegalTransition
    """
    day = get(session, actor, day_id)
    grant, row = granted(actor, day, action, on_plan=False)
    require_revision(day.revision, expected)
    actions.require_comment(row, comment)
    move(session, actor, grant, day, row, comment=comment)
    if row.target in CALLED_OFF:
        reason = {"reason": comment.strip()}
        tell(session, actor, day, "docking-day.called-off", lambda _: reason)
    return day


def tell(
    session: so.Session,
    actor: Actor,
    day: DockingDay,
    topic: str,
    values: Callable[[int], Mapping[str, object]],
) -> None:
    """Tell every unit that has a talk on the day; nobody else knows of it.

    Parameters
    ----------
    values : callable
        What the topic's text needs beside the day, for so many talks.
    """
    units = sa.union_all(
        sa.select(DockingTalk.firm_org_id.label("org_id")).where(
            DockingTalk.day_id == day.id
        ),
        sa.select(DockingTalk.unit_org_id.label("org_id")).where(
            DockingTalk.day_id == day.id
        ),
    ).subquery()
    counted = sa.select(units.c.org_id, sa.func.count()).group_by(units.c.org_id)
    for org_id, count in session.execute(counted.order_by(units.c.org_id)).all():
        notices.tell_units(
            session,
            actor,
            [org_id],
            topic,
            {
                "subject": day.title,
                "day": day.held_on.isoformat(),
                **values(count),
            },
            kind="docking-day",
            subject_id=day.id,
            key=f"{topic}:{day.id}",
        )


def granted(
    actor: Actor, day: DockingDay, action: str, *, on_plan: bool
) -> tuple[Grant, Transition[DockingDayState]]:
    """Return under which hat an action is taken and where it leads.

    Parameters
    ----------
    on_plan : bool
        Actions on the plan have a place of their own.

    Raises
    ------
    Unauthenticated, Forbidden, IllegalTransition
    """
    if (action in PLAN_ACTIONS) is not on_plan:
        possible = [
            row.action
            for row in offered(actor, day)
            if (row.action in PLAN_ACTIONS) is on_plan
        ]
        raise DOCKING_DAY_WORKFLOW.refusal(day.state, action, possible)
    return actions.grant_for(
        DOCKING_DAY_WORKFLOW, day.state, action, actor, day, DOCKING_DAY_RULES
    )


def move(
    session: so.Session,
    actor: Actor,
    grant: Grant,
    day: DockingDay,
    row: Transition[DockingDayState],
    *,
    comment: str = "",
    changes: Mapping[str, Any] | None = None,
) -> None:
    """Take a step, and write it down."""
    before, day.state = day.state, row.target
    touch(day, actor)
    events.record(
        session,
        actor,
        day,
        f"docking-day.{row.action}",
        role=grant.role,
        org_id=grant.org_id,
        from_state=before.value,
        to_state=row.target.value,
        comment=comment,
        changes=changes,
    )
    session.flush()


def history(session: so.Session, actor: Actor, day_id: UUID) -> Listing[dict[str, Any]]:
    """List what happened to a day, its participants and talks, oldest first.

    Raises
    ------
    Unauthenticated, NotFound, Forbidden
    """
    day = for_operator(session, actor, day_id)
    statement = (
        sa.select(Event, User.name)
        .join(LedgerEntry, LedgerEntry.event_id == Event.id)
        .outerjoin(User, User.id == Event.actor_id)
        .where(Event.subject_kind == "docking-day", Event.subject_id == day.id)
    )
    return Listing(
        session,
        statement,
        key=Event.id,
        view=lambda rows: [view_event(row[0], row[1]) for row in rows],
        sorts={"seq": LedgerEntry.seq},
        default_sort="seq",
    )


def _values(day: DockingDay) -> dict[str, Any]:
    plain = {field.name: getattr(day, field.name) for field in FIELDS[:-1]}
    return plain | {"slots": [(s.starts_at, s.ends_at, s.tables) for s in day.slots]}


def _slots(spans: Sequence[Span]) -> list[DockingSlot]:
    return [
        DockingSlot(position=at, starts_at=start, ends_at=end, tables=tables)
        for at, (start, end, tables) in enumerate(spans)
    ]


def _read(
    session: so.Session, actor: Actor, data: Mapping[str, Any], before: dict[str, Any]
) -> dict[str, Any]:
    reader = Reader(session, actor.today)
    values = before | read(FIELDS, reader, data, before)
    for name in REQUIRED:
        if not values[name] and not any(
            error.pointer.startswith(f"/{name}") for error in reader.errors
        ):
            reader.wrong(f"/{name}", "required", "必填", "is required")
    held_on: date | None = values["held_on"]
    for at, (start, end, _) in enumerate(values["slots"]):
        days = {moment.astimezone(SHANGHAI).date() for moment in (start, end)}
        if held_on is not None and days != {held_on}:
            reader.wrong(
                f"/slots/{at}/starts_at",
                "another_day",
                "时段须在活动当日（{day}，北京时间）",
                "slots lie on the day itself ({day}, Asia/Shanghai)",
                day=held_on.isoformat(),
            )
    reader.refuse()
    return values


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
        changes=events.difference(before, after),
    )
    session.flush()
