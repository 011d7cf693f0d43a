"""Steps of objects with a life cycle: load, permit, check, move, write down.

What dockings, contracts and registrations do alike. A ``Kind`` names the tables that a
step asks; the services say what each step does beside moving the state.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace import policies
from marketplace.domain.actors import Actor
from marketplace.domain.workflows import Transition, Workflow
from marketplace.errors import Invalid, NotFound, Stale, Text
from marketplace.models.ledger import Event, LedgerEntry
from marketplace.models.users import User
from marketplace.services import actions, codes, events
from marketplace.services.audit import view_event
from marketplace.services.fields import Reader
from marketplace.services.paging import Listing

T = TypeVar("T")
MOST_COMMENT = 2000


@dataclass(frozen=True, eq=False)
class Kind(Generic[T]):
    """One kind of object, as its tables.

    Parameters
    ----------
    name : str
        The kind in the ledger.
    path : str
        Where the API has objects of this kind, with ``{id}`` for theirs.
    visible : callable
        The WHERE clause of the objects that a caller may know of.
    options : tuple
        What is loaded together with an object.
    staying : set of str
        Steps that are written down and leave the object where it stands.
    untold : set of str
        Steps that leave the revision alone: who may not know of them cannot count them.
    possible : callable, optional
        Of an offered step, whether the object is ready for it; for what a state alone
        does not tell.
    """

    name: str
    path: str
    model: Any
    workflow: Workflow[Any]
    rules: policies.Rules
    visible: Callable[[Actor], sa.ColumnElement[bool]]
    options: tuple[Any, ...] = ()
    staying: frozenset[str] = frozenset()
    untold: frozenset[str] = frozenset()
    possible: Callable[[Any, str], bool] = lambda subject, action: True  # noqa: ARG005


def get(
    session: so.Session,
    actor: Actor,
    kind: Kind[T],
    subject_id: UUID,
    *,
    lock: bool = False,
) -> T:
    """Return an object that the caller may know of.

    Raises
    ------
    NotFound
    """
    statement = (
        sa.select(kind.model)
        .where(kind.model.id == subject_id, kind.visible(actor))
        .options(*kind.options)
        .execution_options(populate_existing=True)
    )
    if lock:
        # The row is locked before it is read with what hangs on it: one statement
        # that waited for the lock would show the rows beside it as they were before.
        held = sa.select(kind.model.id).where(kind.model.id == subject_id)
        session.execute(held.with_for_update())
    found: T | None = session.scalars(statement).unique().one_or_none()
    if found is None:
        raise NotFound
    return found


@dataclass(frozen=True, slots=True)
class Step(Generic[T]):
    """A step that the caller may take: on what, under which hat, and where it leads."""

    subject: T
    grant: policies.Grant
    row: Transition[Any]
    comment: str


def begin(
    session: so.Session,
    actor: Actor,
    kind: Kind[T],
    subject_id: UUID,
    action: str,
    *,
    expected: str | None,
    comment: str,
    given: Mapping[str, Any],
) -> Step[T]:
    """Find out whether a step may be taken now.

    Raises
    ------
    NotFound, Unauthenticated, Forbidden, IllegalTransition, Stale
    Invalid
        A reason is missing, or something came that the step does not take.
    """
    subject: Any = get(session, actor, kind, subject_id, lock=True)
    if action not in kind.workflow.actions:
        raise refused(actor, kind, subject, action)
    grant = policies.require(actor, action, subject, kind.rules)
    require_revision(subject, expected)
    rows = {row.action: row for row in kind.workflow.offered(subject.state)}
    row = rows.get(action)
    if row is None or not kind.possible(subject, action):
        raise refused(actor, kind, subject, action)
    reader = Reader(session, actor.today)
    comment = reader.words(comment, "/comment", MOST_COMMENT)
    if row.needs_reason and not comment and not reader.errors:
        reader.wrong("/comment", "required", "请说明理由", "say why")
    for name in sorted(set(given) - set(row.fields)):
        reader.wrong(
            f"/{name}",
            "unknown_field",
            "此操作不需要该字段",
            "this action takes no such field",
        )
    reader.refuse()
    return Step(subject, grant, row, comment)


def require_revision(subject: Any, expected: str | None) -> None:
    """Refuse a change of what the caller has not read as it is now.

    Raises
    ------
    Stale
        Something was expected, and the object stands at another revision.
    """
    if expected is not None and expected != str(subject.revision):
        raise Stale


def coded(
    session: so.Session, actor: Actor, given: Any, list_id: str, field: str, why: Text
) -> str:
    """Return a reason given by a code that is in force today.

    Raises
    ------
    Invalid
        It is not a code of the list, or none was given, which ``why`` then asks for.
    """
    wrong = codes.check(session, list_id, given, on=actor.today, pointer=f"/{field}")
    if wrong:
        raise Invalid(errors=wrong)
    if given is None:
        raise Invalid.at(f"/{field}", "required", why.zh, why.en)
    return str(given)


def refused(actor: Actor, kind: Kind[Any], subject: Any, action: str) -> Exception:
    """Make the refusal of a step, naming what the caller may do instead."""
    possible = [row.action for row in offered(actor, kind, subject)]
    return kind.workflow.refusal(subject.state, action, possible)


def finish(
    session: so.Session,
    actor: Actor,
    kind: Kind[T],
    step: Step[T],
    *,
    changes: Mapping[str, Any] | None = None,
    target: Any = None,
) -> T:
    """Move the object and write down who did it.

    Parameters
    ----------
    target : state, optional
        Where it goes if not where the table says; its own state to stay.
    """
    subject: Any = step.subject
    before = subject.state
    after = target or step.row.target
    if step.row.action in kind.staying:
        after = before
    if step.row.action not in kind.untold:
        subject.state = after
        touch(subject, actor)
    events.record(
        session,
        actor,
        subject,
        f"{kind.name}.{step.row.action}",
        role=step.grant.role,
        org_id=step.grant.org_id,
        from_state=before.value,
        to_state=after.value,
        comment=step.comment,
        changes=changes,
    )
    session.flush()
    found: T = subject
    return found


def advance(
    session: so.Session,
    actor: Actor,
    kind: Kind[T],
    subject: Any,
    action: str,
    *,
    comment: str = "",
    changes: Mapping[str, Any] | None = None,
) -> None:
    """Make a step that follows from another one, in the name of who took that one."""
    row = kind.workflow.step(subject.state, action, system=True)
    before, subject.state = subject.state, row.target
    touch(subject, actor)
    events.record(
        session,
        actor,
        subject,
        f"{kind.name}.{action}",
        from_state=before.value,
        to_state=row.target.value,
        comment=comment,
        changes=changes,
    )
    session.flush()


def touch(subject: Any, actor: Actor) -> None:
    """Have the row written, so that its revision tells of the change."""
    subject.updated_at = actor.now
    so.attributes.flag_modified(subject, "updated_at")


def offered(actor: Actor, kind: Kind[T], subject: Any) -> list[Transition[Any]]:
    """Return what the caller may do with the object now, each action once."""
    return [
        row
        for row in kind.workflow.offered(subject.state)
        if policies.may(actor, row.action, subject, kind.rules)
        and kind.possible(subject, row.action)
    ]


def links(
    actor: Actor,
    kind: Kind[T],
    subject: Any,
    place: UUID,
    *,
    is_open: Callable[[str], bool] = lambda action: True,  # noqa: ARG005
) -> list[Any]:
    """Return what the caller may do now, as links for the API.

    Parameters
    ----------
    is_open : callable, optional
        Of an offered step, whether it would not be refused for something beside the
        object, which has to be looked up.
    """
    rows = [row for row in offered(actor, kind, subject) if is_open(row.action)]
    return actions.shown(rows, kind.path.format(id=place))


def history(
    session: so.Session,
    kind_name: str,
    subject_id: UUID,
    *,
    since: datetime | None = None,
    without: Collection[str] = (),
    nameless: Callable[[Event], bool] = lambda event: False,  # noqa: ARG005
) -> Listing[dict[str, Any]]:
    """List what happened to an object that the caller has been shown, oldest first.

    Parameters
    ----------
    since : datetime, optional
        What happened before is not for the caller.
    without : collection of str, optional
        Actions in the ledger that the caller is not told of.
    nameless : callable, optional
        Of which events the caller is not told who did it.
    """
    statement = (
        sa.select(Event, User.name)
        .join(LedgerEntry, LedgerEntry.event_id == Event.id)
        .outerjoin(User, User.id == Event.actor_id)
        .where(Event.subject_kind == kind_name, Event.subject_id == subject_id)
    )

    if since is not None:
        statement = statement.where(Event.at >= since)
    if without:
        statement = statement.where(Event.action.not_in(without))

    def show(rows: Sequence[sa.Row[*tuple[Any, ...]]]) -> list[dict[str, Any]]:
        return [
            view_event(row[0], row[1])
            | ({"user_id": None, "user_name": None} if nameless(row[0]) else {})
            for row in rows
        ]

    return Listing(
        session,
        statement,
        key=Event.id,
        view=show,
        sorts={"seq": LedgerEntry.seq},
        default_sort="seq",
    )
