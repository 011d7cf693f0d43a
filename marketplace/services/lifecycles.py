"""What needs and offers have in common: versions, actions, rows that may be seen.

``Aggregate`` describes a kind of object by its tables: the fields, the workflow, the
rules. The functions here are the use cases of both kinds; ``needs`` and ``offers`` name
them and say what differs.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace import policies
from marketplace.domain.actions import action_title
from marketplace.domain.actors import Actor
from marketplace.domain.ids import new_id
from marketplace.domain.needs import Disclosure
from marketplace.domain.organisations import OrganisationState
from marketplace.domain.roles import Role, Tier
from marketplace.domain.states import state_title
from marketplace.domain.workflows import Transition, Workflow
from marketplace.errors import (
    IllegalTransition,
    Invalid,
    NotFound,
    Stale,
    Text,
)
from marketplace.models.ledger import Event, LedgerEntry
from marketplace.models.matches import MatchFeedback
from marketplace.models.needs import Need, NeedVersion
from marketplace.models.offers import Offer, OfferVersion
from marketplace.models.organisations import DisclosureGrant, Organisation, Team
from marketplace.models.users import User
from marketplace.services import actions, contents, duties, events, outbox, rules
from marketplace.services.contents import Table, Values, Version
from marketplace.services.duties import Whom
from marketplace.services.fields import Reader
from marketplace.services.paging import Listing, row_by_row
from matching import tokens
from matching.text import HAN

T = TypeVar("T", Need, Offer)
Tiers = Mapping[Disclosure, Mapping[str, Tier]]
Action = dict[str, Any]
_CHINESE = re.compile(f"[{HAN}]{{4,}}")
MOST_COMMENT, MOST_FIELD_COMMENTS, MOST_WORDS = 2000, 100, 10
_TAG_LENGTH = 32
DISCARD = "discard"
LEFT = "listing.left"
"""What is put into the outbox when something published leaves the market."""
RETREATS = frozenset({"withdraw", "delist", DISCARD})
"""What an owner does while an opinion is waited for; it is none."""

OF_PUBLISHED = "published"
"""Where an object with a next version keeps the opinions on the published one."""

_WRITING = {Role.DEMAND, Role.SUPPLIER, Role.UNIT_ADMIN}


@dataclass(frozen=True, eq=False)
class Aggregate(Generic[T]):
    """One kind of object, as tables and as the few functions that differ.

    Parameters
    ----------
    name : str
        The kind in the ledger: ``need`` or ``offer``.
    path : str
        Where the API has objects of this kind.
    heading : tuple of str
        Columns of the object itself that a view shows.
    number : str
        The column with the human number.
    open_states, revisable, shown, published : sets of state
        Where the text may be edited, where an edit begins the next version, where
        outsiders read a published version, and where the object itself is published.
    gone : set of state
        Where it has left the market; who talks about it is told (topic ``LEFT``).
    between : set of state
        Where the next version is edited or reviewed while an earlier one may stay
        published.
    listed : state
        What outsiders read while the next version is edited and reviewed.
    steps : mapping of state to str
        Whose opinion a state waits for; opinions are kept under these names.
    fixing, publishing : sets of str
        Actions after which the text never changes, or is what everybody reads.
    releasing : set of str
        Actions by which the text leaves its unit, so that reviewers read it.
    private : set of state
        Where the text is its unit's own affair; what happens within these states is
        not told to reviewers.
    """

    name: str
    path: str
    model: type[T]
    version_model: type[NeedVersion | OfferVersion]
    parent: str
    number: str
    heading: tuple[str, ...]
    table: Table
    workflow: Workflow[Any]
    rules: policies.Rules
    tiers: Tiers
    open_states: Collection[Any]
    revisable: Collection[Any]
    shown: Collection[Any]
    published: Collection[Any]
    gone: Collection[Any]
    between: Collection[Any]
    listed: Any
    steps: Mapping[Any, str]
    fixing: frozenset[str]
    publishing: frozenset[str]
    releasing: frozenset[str]
    private: frozenset[Any]
    visible: Callable[[Actor], sa.ColumnElement[bool]]
    docked: Callable[[Actor], sa.ColumnElement[bool]]
    """What the caller reads besides, though no list shows it: his unit talks of it."""
    size: Callable[[Actor], sa.ColumnElement[int] | None]
    """How many rows are visible, where the store need not walk all of them."""
    within: Callable[[Actor], sa.ColumnElement[bool]]
    """Rows of the caller's own units."""
    working: Callable[[Actor], sa.ColumnElement[bool]]
    insider: Callable[[Actor, T], bool]
    reads_working: Callable[[Actor, T], bool]
    tier: Callable[[Actor, T, Iterable[UUID]], Tier]
    limits: Callable[[so.Session, date, str], dict[str, int]]
    row: Callable[[Any], tuple[Any, ...]]
    """What a list shows of this kind only: columns, for the version that is shown."""
    check: Callable[[Reader, Values], None]
    complete: Callable[[T, Reader, Values], None]
    take: Callable[[so.Session, Actor, T, str, Mapping[str, Any]], None]
    """What an action does beside moving the state, with its further fields."""
    owed: Mapping[Any, tuple[str, Callable[[T], Whom]]]
    """What is waited for in a state, and of whom."""


def visible_row(
    session: so.Session,
    actor: Actor,
    kind: Aggregate[T],
    subject_id: UUID,
    *,
    lock: bool,
) -> T:
    """Return an object with its unit and its versions, without child rows.

    Raises
    ------
    NotFound
        There is none, or the caller may not know of it.
    """
    model = kind.model
    statement = (
        sa.select(model)
        .where(model.id == subject_id, sa.or_(kind.visible(actor), kind.docked(actor)))
        .options(
            so.joinedload(model.owner_org),
            so.joinedload(model.working),
            so.joinedload(model.published),
        )
    )
    if lock:
        statement = statement.with_for_update(of=model)
        statement = statement.execution_options(populate_existing=True)
    found: T | None = session.scalars(statement).one_or_none()
    if found is None:
        raise NotFound
    return found


def get(session: so.Session, actor: Actor, kind: Aggregate[T], subject_id: UUID) -> T:
    """Return an object with everything that a view needs."""
    subject = visible_row(session, actor, kind, subject_id, lock=False)
    contents.load_children(session, kind.table, subject.working)
    if subject.published is not None:
        contents.load_children(session, kind.table, subject.published)
    return subject


def tag(actor: Actor, kind: Aggregate[T], subject: T) -> str:
    """Return what changes whenever the object, as this caller reads it, changes.

    Its unit, and who reviews it, get the revision. For whoever reads what is published
    the tag stands still while the next version is written: it tells nothing of it.
    """
    if not _settled(actor, kind, subject):
        return str(subject.revision)
    shown = (
        subject.published_version_id,
        shown_state(actor, kind, subject),
        *_heading(kind, subject).values(),
    )
    words = "|".join(str(events.plain(value)) for value in shown)
    return hashlib.sha256(words.encode()).hexdigest()[:_TAG_LENGTH]


def _expect(actor: Actor, kind: Aggregate[T], subject: T, expected: str | None) -> None:
    if expected is not None and tag(actor, kind, subject) != expected:
        raise Stale


def _reader(
    session: so.Session,
    actor: Actor,
    kind: Aggregate[T],
    org: Organisation,
    *,
    lenient: bool = True,
) -> Reader:
    return Reader(
        session,
        actor.today,
        limits=kind.limits(session, actor.today, org.region),
        owner_org_id=org.id,
        lenient=lenient,
    )


def owner_of(session: so.Session, actor: Actor, given: Any) -> Organisation:
    """Return the unit for which something is created.

    Raises
    ------
    Invalid
        The caller has several units and names none, or the unit is closed.
    Forbidden, Unauthenticated
        The caller writes for no unit, or not for this one.
    """
    reader = Reader(session, actor.today)
    org_id = reader.reference(given, "/owner_org_id")
    reader.refuse()
    if org_id is None:
        mine = [s.org_id for s in actor.standings if s.roles & _WRITING]
        if len(mine) > 1 or actor.is_system:
            raise Invalid.at(
                "/owner_org_id",
                "required",
                "您属于多个单位，请指明所属单位",
                "you write for several units; say for which",
            )
        # Who writes for no unit is refused like who names a unit that is not his.
        org_id = next(iter(mine), new_id())
    probe = Need(owner_org_id=org_id)
    policies.require(actor, "create", probe, policies.NEED_RULES)
    org = session.get(Organisation, org_id)
    if org is None or org.state is OrganisationState.CLOSED:
        raise Invalid.at(
            "/owner_org_id",
            "unknown_organisation",
            "没有此单位或单位已注销",
            "there is no such organisation, or it is closed",
        )
    return org


def create(
    session: so.Session,
    actor: Actor,
    kind: Aggregate[T],
    subject: T,
    org: Organisation,
    data: Mapping[str, Any],
) -> T:
    """Store a new object with its first version; ``subject`` is not yet stored."""
    grant = policies.require(actor, "create", subject, kind.rules)
    before = contents.empty_values(kind.table)
    reader = _reader(session, actor, kind, org)
    values = before | contents.read(kind.table, reader, data, before)
    contents.require_filled(reader, values, ["title"])
    kind.check(reader, values)
    reader.refuse()
    subject.id = new_id()
    subject.created_by = actor.user_id
    subject.created_at = subject.updated_at = actor.now
    subject.owner_org = org
    subject.state = kind.workflow.initial
    subject.opinions = {}
    session.add(subject)
    session.flush()
    version = _new_version(kind, actor, subject, 1, values)
    session.add(version)
    session.flush()
    _point(subject, "working", version)
    _point(subject, "published", None)
    _record(
        session,
        actor,
        kind,
        subject,
        "create",
        grant,
        to_state=subject.state.value,
        changes=events.difference(before, values),
    )
    session.flush()
    return subject


def _record(
    session: so.Session,
    actor: Actor,
    kind: Aggregate[T],
    subject: T,
    action: str,
    grant: policies.Grant,
    **told: Any,
) -> None:
    """Write into the ledger what was done to an object, and under which hat."""
    events.record(
        session,
        actor,
        subject,
        f"{kind.name}.{action}",
        role=grant.role,
        org_id=grant.org_id,
        **told,
    )


def unsaved(
    session: so.Session,
    actor: Actor,
    kind: Aggregate[T],
    subject: T,
    org: Organisation,
    data: Mapping[str, Any],
) -> T:
    """Make an object that is not stored, for previews; what is wrong is refused.

    It may be as incomplete as a draft in the making: even its title may be missing.
    """
    policies.require(actor, "create", subject, kind.rules)
    before = contents.empty_values(kind.table)
    reader = _reader(session, actor, kind, org)
    values = before | contents.read(kind.table, reader, data, before)
    kind.check(reader, values)
    reader.refuse()
    subject.id = new_id()
    subject.state = kind.workflow.initial
    version = kind.version_model(id=new_id(), number=1)
    contents.write(kind.table, version, values | {"title": values["title"] or ""})
    so.attributes.set_committed_value(subject, "owner_org", org)
    so.attributes.set_committed_value(subject, "working", version)
    so.attributes.set_committed_value(subject, "published", None)
    return subject


def _touch(subject: Need | Offer, actor: Actor) -> None:
    """Have the object's row written, so that its revision tells of the change.

    The moment alone would not do: two changes may come at the same one.
    """
    subject.updated_at = actor.now
    so.attributes.flag_modified(subject, "updated_at")


def _point(subject: Need | Offer, which: str, version: Version | None) -> None:
    """Make a stored version the ``working`` or the ``published`` one."""
    setattr(subject, which, version)


def _new_version(
    kind: Aggregate[T], actor: Actor, subject: T, number: int, values: Values
) -> Version:
    version = kind.version_model(
        id=new_id(),
        number=number,
        created_at=actor.now,
        created_by=actor.user_id,
        **{kind.parent: subject.id},
    )
    contents.write(kind.table, version, values)
    _index_words(kind, subject, version, values)
    return version


def _index_words(
    kind: Aggregate[T], subject: T, version: Version, values: Values
) -> None:
    texts = search_texts(kind, getattr(subject, kind.number), values)
    for column, text in texts.items():
        setattr(version, column, text)


def search_texts(kind: Aggregate[Any], number: str, values: Values) -> dict[str, str]:
    """Return what the list search looks into, by column: for the public, and all."""
    hidden = policies.withheld(values["disclosure"], Tier.PUBLIC, kind=kind.name)
    mark = contents.fold(number)
    return {
        "search_public": f"{mark}\n{contents.wording(kind.table, values, hidden)}",
        "search_full": f"{mark}\n{contents.wording(kind.table, values, frozenset())}",
    }


def edit(
    session: so.Session,
    actor: Actor,
    kind: Aggregate[T],
    subject_id: UUID,
    data: Mapping[str, Any],
    *,
    expected: str | None,
) -> T:
    """Change the text; of a published one, begin the next version.

    What is left out of ``data`` stays; a list that is given replaces the old one. An
    edit that changes nothing leaves everything as it was.
    """
    subject = visible_row(session, actor, kind, subject_id, lock=True)
    grant = policies.require(actor, "edit", subject, kind.rules)
    _expect(actor, kind, subject, expected)
    if subject.state not in kind.open_states and subject.state not in kind.revisable:
        raise IllegalTransition(
            Text(
                f"状态“{state_title(kind.name, subject.state.value).zh}”"
                "下内容已锁定，不能修改",
                f"the text is locked in state {subject.state.value}",
            ),
            extra={
                "state": subject.state.value,
                "possible": [t.action for t in allowed(actor, kind, subject)],
            },
        )
    contents.load_children(session, kind.table, subject.working)
    before = contents.values_of(kind.table, subject.working)
    reader = _reader(session, actor, kind, subject.owner_org)
    new = contents.read(kind.table, reader, data, before)
    after = before | new
    contents.require_filled(reader, after, ["title"])
    kind.check(reader, after)
    reader.refuse()
    changes = events.difference(before, after)
    if not changes:
        return subject
    if subject.state not in kind.open_states:
        _begin_next(session, actor, kind, subject, grant, after)
    else:
        contents.write(kind.table, subject.working, {n: after[n] for n in changes})
        _index_words(kind, subject, subject.working, after)
    _touch(subject, actor)
    _record(
        session,
        actor,
        kind,
        subject,
        "edit",
        grant,
        from_state=subject.state.value,
        to_state=subject.state.value,
        changes=changes,
    )
    session.flush()
    return subject


def _begin_next(
    session: so.Session,
    actor: Actor,
    kind: Aggregate[T],
    subject: T,
    grant: policies.Grant,
    values: Values,
) -> None:
    """Open version n+1; the published one stays where outsiders still read it."""
    step = kind.workflow.step(subject.state, "revise", system=True)
    number = subject.working.number
    model = kind.version_model
    of_subject = getattr(model, kind.parent) == subject.id
    last = session.scalars(sa.select(sa.func.max(model.number)).where(of_subject)).one()
    following = last + 1
    version = _new_version(kind, actor, subject, following, values)
    session.add(version)
    session.flush()
    _record(
        session,
        actor,
        kind,
        subject,
        "revise",
        grant,
        from_state=subject.state.value,
        to_state=step.target.value,
        changes={"version": {"old": number, "new": following}},
    )
    if subject.state not in kind.shown:
        _point(subject, "published", None)
    elif OF_PUBLISHED not in subject.opinions:
        subject.opinions = {**subject.opinions, OF_PUBLISHED: subject.opinions}
    _point(subject, "working", version)
    subject.released = False
    subject.state = step.target


def delete_draft(
    session: so.Session,
    actor: Actor,
    kind: Aggregate[T],
    subject_id: UUID,
    *,
    expected: str | None,
) -> None:
    """Remove a draft that was never submitted; the ledger keeps what it held."""
    subject = visible_row(session, actor, kind, subject_id, lock=True)
    grant = policies.require(actor, "delete", subject, kind.rules)
    _expect(actor, kind, subject, expected)
    submitted = session.scalar(
        sa.select(sa.func.count(Event.id)).where(
            Event.subject_kind == kind.name,
            Event.subject_id == subject.id,
            Event.action == f"{kind.name}.submit",
        )
    )
    begun = submitted or subject.working.number > 1
    if subject.state is not kind.workflow.initial or begun:
        raise IllegalTransition(
            Text(
                "只有从未提交过的草稿可以删除",
                "only a draft that was never submitted can be deleted",
            ),
            extra={
                "state": subject.state.value,
                "possible": [t.action for t in allowed(actor, kind, subject)],
            },
        )
    contents.load_children(session, kind.table, subject.working)
    _record(
        session,
        actor,
        kind,
        subject,
        "delete",
        grant,
        from_state=subject.state.value,
        changes=events.difference(contents.values_of(kind.table, subject.working), {}),
    )
    version = subject.working
    _point(subject, "working", None)
    session.flush()
    session.execute(
        sa.delete(DisclosureGrant).where(
            DisclosureGrant.subject_kind == kind.name,
            DisclosureGrant.subject_id == subject.id,
        )
    )
    feedback = {"need": MatchFeedback.need_id, "offer": MatchFeedback.offer_id}
    session.execute(sa.delete(MatchFeedback).where(feedback[kind.name] == subject.id))
    session.delete(version)
    session.flush()
    session.delete(subject)
    session.flush()


def shown_state(actor: Actor, kind: Aggregate[T], subject: T) -> Any:
    """Return the state as the caller may know it.

    Whoever does not read the working version learns nothing of its review: for him
    the object stands in the library.
    """
    if kind.reads_working(actor, subject) or subject.state not in kind.between:
        return subject.state
    return kind.listed


def _settled(actor: Actor, kind: Aggregate[T], subject: T) -> bool:
    """Whether the caller reads what is published, be there a next version or not.

    A reviewer does as long as that one is its unit's own affair, so to him nothing may
    look otherwise than if it did not exist.
    """
    if kind.insider(actor, subject):
        return False
    reads = kind.reads_working(actor, subject)
    return not reads or subject.state in kind.published


def allowed(actor: Actor, kind: Aggregate[T], subject: T) -> list[Transition[Any]]:
    """Return what this caller may do with the object now."""
    return [
        step
        for step in _open_steps(actor, kind, subject)
        if policies.may(actor, step.action, subject, kind.rules)
    ]


def _open_steps(
    actor: Actor, kind: Aggregate[T], subject: T
) -> Iterator[Transition[Any]]:
    """Yield the transitions of the state that the caller may know of."""
    inside = kind.reads_working(actor, subject)
    for step in kind.workflow.offered(subject.state):
        if subject.published_version_id is None and step.published_only:
            continue
        if inside or step.published_only:
            yield step


def _step(actor: Actor, kind: Aggregate[T], subject: T, action: str) -> Transition[Any]:
    """Return the transition, or refuse naming only what the caller may know."""
    possible = [step.action for step in allowed(actor, kind, subject)]
    for step in _open_steps(actor, kind, subject):
        if step.action == action:
            return step
    state = shown_state(actor, kind, subject)
    raise kind.workflow.refusal(state, action, possible)


def act(
    session: so.Session,
    actor: Actor,
    kind: Aggregate[T],
    subject_id: UUID,
    action: str,
    *,
    expected: str | None,
    comment: str,
    fields: Mapping[str, Any],
) -> T:
    """Move an object along its workflow."""
    subject = visible_row(session, actor, kind, subject_id, lock=True)
    if action not in kind.workflow.actions:
        _step(actor, kind, subject, action)
    grant = policies.require(actor, action, subject, kind.rules)
    _expect(actor, kind, subject, expected)
    step = _step(actor, kind, subject, action)
    comment, notes = _said(session, actor, kind, step, comment, fields)
    before = _heading(kind, subject)
    if action == "submit":
        _check_complete(session, actor, kind, subject)
    kind.take(session, actor, subject, action, fields)
    _keep_opinion(actor, kind, subject, step, grant, comment, notes)
    return _moved(session, actor, kind, subject, step, grant, comment, before)


def advance(
    session: so.Session,
    actor: Actor,
    kind: Aggregate[T],
    subject_id: UUID,
    action: str,
    *,
    comment: str = "",
) -> T:
    """Make a move that only the system makes, on behalf of another aggregate."""
    subject = visible_row(session, actor, kind, subject_id, lock=True)
    grant = policies.require(actor, "advance", subject, {"advance": (policies.system,)})
    step = kind.workflow.step(subject.state, action, system=True)
    before = _heading(kind, subject)
    kind.take(session, actor, subject, action, {})
    return _moved(session, actor, kind, subject, step, grant, comment, before)


def _heading(kind: Aggregate[T], subject: T) -> Values:
    return {name: getattr(subject, name) for name in kind.heading}


def _moved(
    session: so.Session,
    actor: Actor,
    kind: Aggregate[T],
    subject: T,
    step: Transition[Any],
    grant: policies.Grant,
    comment: str,
    before: Values,
) -> T:
    if step.action in kind.fixing and subject.working.fixed_at is None:
        subject.working.fixed_at = actor.now
    if step.action in kind.publishing:
        _point(subject, "published", subject.working)
        subject.published_at = actor.now
        subject.opinions = {
            k: v for k, v in subject.opinions.items() if k != OF_PUBLISHED
        }
    if step.action == DISCARD:
        _drop_next(subject)
    if step.action in kind.releasing or step.action == DISCARD:
        subject.released = True
    elif step.target is kind.workflow.initial:
        subject.released = False
    _record(
        session,
        actor,
        kind,
        subject,
        step.action,
        grant,
        from_state=subject.state.value,
        to_state=step.target.value,
        comment=comment,
        changes=events.difference(before, _heading(kind, subject)),
    )
    before_step, subject.state = subject.state, step.target
    _touch(subject, actor)
    session.flush()
    leaves = step.target in kind.gone and before_step not in kind.gone
    if leaves and subject.published_version_id is not None:
        payload = {"kind": kind.name, "listing_id": subject.id}
        outbox.put(session, LEFT, payload, now=actor.now)
    if before_step in kind.owed or step.target in kind.owed:
        _owe(session, actor, kind, subject)
    return subject


def _owe(session: so.Session, actor: Actor, kind: Aggregate[T], subject: T) -> None:
    """Say in the work queue who has to move next."""
    steps = [step for step, _ in kind.owed.values()]
    duties.close(session, actor, kind=kind.name, subject_id=subject.id, steps=steps)
    waiting = kind.owed.get(subject.state)
    if waiting is None:
        return
    step, whom = waiting
    rule = rules.in_force(session, "review.duties", on=actor.today).value
    duties.open_(
        session,
        actor,
        whom(subject),
        step,
        kind=kind.name,
        subject_id=subject.id,
        title=subject.working.title,
        number=getattr(subject, kind.number),
        due_on=duties.promise(session, actor, int(rule[step])),
        remind_before=int(rule["remind_before"]),
    )


def _drop_next(subject: Need | Offer) -> None:
    """Take the published version back to work on.

    The other one stays among the versions that its unit reads, and keeps its number.
    """
    subject.opinions = subject.opinions.get(OF_PUBLISHED, {})
    _point(subject, "working", subject.published)


def _said(
    session: so.Session,
    actor: Actor,
    kind: Aggregate[T],
    step: Transition[Any],
    comment: str,
    fields: Mapping[str, Any],
) -> tuple[str, list[dict[str, str]]]:
    """Check what came with an action; returns the comment and notes on fields."""
    reader = Reader(session, actor.today)
    comment = reader.words(comment, "/comment", MOST_COMMENT)
    if step.needs_reason and not comment and not reader.errors:
        reader.wrong(
            "/comment", "required", "请说明理由", "say why: a comment is required"
        )
    for name in sorted(set(fields) - set(step.fields)):
        reader.wrong(
            f"/{name}",
            "unknown_field",
            "此操作不需要该字段",
            "this action takes no such field",
        )
    known = {field.name for field in kind.table}
    notes = []
    given = fields.get("field_comments")
    items = reader.items(given, "/field_comments", MOST_FIELD_COMMENTS)
    for index, item in enumerate(items):
        place = f"/field_comments/{index}"
        row = reader.row(item, place, frozenset({"pointer", "comment"}))
        pointer = reader.words(row.get("pointer"), f"{place}/pointer", 200)
        words = reader.words(row.get("comment"), f"{place}/comment", MOST_COMMENT)
        if not pointer.startswith("/") or pointer.split("/")[1] not in known:
            reader.wrong(
                f"{place}/pointer",
                "unknown_pointer",
                f"应指向一个字段，如 /indicators/0/value；现为 {pointer or '空'}",
                "must point at a field, such as /indicators/0/value,"
                f" not {pointer or 'nothing'}",
            )
        if not words:
            reader.wrong(f"{place}/comment", "required", "必填", "is required")
        notes.append({"pointer": pointer, "comment": words})
    reader.refuse()
    return comment, notes


def _check_complete(
    session: so.Session, actor: Actor, kind: Aggregate[T], subject: T
) -> None:
    """Refuse a text that is not ready to leave its author, naming every gap."""
    contents.load_children(session, kind.table, subject.working)
    values = contents.values_of(kind.table, subject.working)
    reader = _reader(session, actor, kind, subject.owner_org, lenient=False)
    contents.reread(kind.table, reader, values)
    kind.check(reader, values)
    kind.complete(subject, reader, values)
    reader.refuse()


def _keep_opinion(
    actor: Actor,
    kind: Aggregate[T],
    subject: T,
    step: Transition[Any],
    grant: policies.Grant,
    comment: str,
    notes: list[dict[str, str]],
) -> None:
    """Keep the latest opinion of each reviewing step; the ledger keeps them all."""
    whose = kind.steps.get(subject.state)
    if whose is None or step.action in RETREATS:
        return
    opinion = {
        "action": step.action,
        "comment": comment,
        "field_comments": notes,
        "user_id": events.plain(actor.user_id),
        "role": grant.role,
        "organisation_id": events.plain(grant.org_id),
        "at": events.plain(actor.now),
        "version": subject.working.number,
    }
    subject.opinions = {**subject.opinions, whose: opinion}


def granted(
    session: so.Session, actor: Actor, kind: Aggregate[T], among: Collection[UUID]
) -> frozenset[UUID]:
    """Return those of these objects whose NDA a unit of the caller has signed."""
    if actor.is_public or not among:
        return frozenset()
    return frozenset(
        session.scalars(policies.granted_subjects(actor, kind.name, among))
    )


def tier_of(session: so.Session, actor: Actor, kind: Aggregate[T], subject: T) -> Tier:
    """Return how much of an object the caller reads."""
    return kind.tier(actor, subject, granted(session, actor, kind, [subject.id]))


def read_version(actor: Actor, kind: Aggregate[T], subject: T) -> Version:
    """Return the version that the caller reads.

    Raises
    ------
    NotFound
        The caller reads published versions and there is none.
    """
    if kind.reads_working(actor, subject):
        return subject.working
    if subject.published is None:
        raise NotFound
    return subject.published


def _reviews(actor: Actor, kind: Aggregate[T], subject: T) -> bool:
    """Whether the caller is of the unit or of those who judge it."""
    return kind.tier(actor, subject, ()) is Tier.OWNER


def hidden_fields(kind: Aggregate[T], version: Version, tier: Tier) -> frozenset[str]:
    """Return the names above a tier in a version."""
    hidden = policies.withheld(version.disclosure, tier, kind=kind.name)
    return hidden | {"team_id"} if "team" in hidden else hidden


def show_version(
    session: so.Session, kind: Aggregate[T], version: Version, tier: Tier
) -> Values:
    """Show the fields of a version up to a tier, and name those withheld."""
    contents.load_children(session, kind.table, version)
    hidden = hidden_fields(kind, version, tier)
    shown = {
        name: _show(session, name, value)
        for name, value in contents.values_of(kind.table, version).items()
        if name not in hidden
    }
    if "team_id" in shown:
        team = session.get(Team, shown["team_id"]) if shown["team_id"] else None
        shown["team"] = team and {"id": team.id, "name": team.name}
    return {"version": version.number, **shown, "withheld": sorted(hidden)}


def _show(session: so.Session, name: str, value: Any) -> Any:
    if name == "indicators":
        return [contents.show_indicator(row) for row in value]
    if name == "intended_units":
        return [contents.show_unit(row) for row in value]
    if name == "attachments":
        return [contents.show_file(session, row) for row in value]
    return value


def view(session: so.Session, actor: Actor, kind: Aggregate[T], subject: T) -> Values:
    """Show an object as the caller may see it."""
    version = read_version(actor, kind, subject)
    tier = tier_of(session, actor, kind, subject)
    settled = _settled(actor, kind, subject)
    shown: Values = {
        "id": subject.id,
        "state": shown_state(actor, kind, subject),
        "owner_org": show_org(subject.owner_org),
        "created_at": subject.created_at,
        "updated_at": subject.published_at if settled else subject.updated_at,
        **show_version(session, kind, version, tier),
        **_heading_shown(kind, subject, version),
        "published_version": subject.published.number if subject.published else None,
        "actions": actions.shown(
            allowed(actor, kind, subject), f"{kind.path}/{subject.id}"
        ),
    }
    if kind.insider(actor, subject) and subject.paused_at is not None:
        shown["paused_at"] = subject.paused_at
        shown["actions"].append(_resume(kind, subject))
    if _reviews(actor, kind, subject):
        shown["opinions"] = _show_opinions(
            session, kind, _opinions(actor, kind, subject)
        )
    return shown


def _resume(kind: Aggregate[T], subject: T) -> Action:
    """Show the one click by which a paused listing comes back."""
    return {
        "name": "resume",
        "title": action_title("resume"),
        "method": "POST",
        "href": f"{kind.path}/{subject.id}/actions/resume",
        "fields": [],
    }


def _opinions(
    actor: Actor, kind: Aggregate[T], subject: T
) -> Mapping[str, dict[str, Any]]:
    """Return the opinions on the version that the caller reads, by step."""
    if not kind.reads_working(actor, subject) and OF_PUBLISHED in subject.opinions:
        kept: dict[str, dict[str, Any]] = subject.opinions[OF_PUBLISHED]
        return kept
    return {k: v for k, v in subject.opinions.items() if k != OF_PUBLISHED}


def _heading_shown(kind: Aggregate[T], subject: T, version: Version) -> Values:
    """Show the object's own columns; a date of the working text comes from it."""
    heading = _heading(kind, subject)
    if version is not subject.published and "valid_until" in heading:
        heading.pop("valid_until")
    return heading


def show_org(org: Organisation) -> dict[str, Any]:
    """Show the owning unit."""
    return {"id": org.id, "name": org.name, "region": org.region}


def _show_opinions(
    session: so.Session, kind: Aggregate[T], opinions: Mapping[str, dict[str, Any]]
) -> list[dict[str, Any]]:
    given = opinions.items()
    users = [UUID(o["user_id"]) for _, o in given if o["user_id"]]
    names: dict[UUID, str] = {}
    if users:
        named = sa.select(User.id, User.name).where(User.id.in_(users))
        names = {row.id: row.name for row in session.execute(named)}
    shown = [
        {
            **opinion,
            "step": step,
            "user_name": names.get(UUID(opinion["user_id"]))
            if opinion["user_id"]
            else None,
        }
        for step, opinion in given
    ]
    order = list(kind.steps.values())
    return sorted(shown, key=lambda opinion: order.index(opinion["step"]))


def confidential(
    actor: Actor, kind: Aggregate[T], subject: T, shown: Mapping[str, Any]
) -> list[str]:
    """Name the filled fields of an NDA or higher that an outsider has been shown.

    Reading them leaves a trace in the ledger.
    """
    if actor.is_system or subject.owner_org_id in actor.org_ids:
        return []
    version = read_version(actor, kind, subject)
    given = shown.get("disclosure")
    disclosure = given if isinstance(given, Disclosure) else version.disclosure
    return sorted(
        name
        for name, needed in kind.tiers[disclosure].items()
        if needed >= Tier.NDA and shown.get(name)
    )


@dataclass(slots=True)
class _Named:
    """A subject of which only the identifier is needed."""

    id: UUID


def note_reading(
    session: so.Session,
    actor: Actor,
    kind: Aggregate[T],
    subject_id: UUID,
    names: Sequence[str],
) -> None:
    """Write into the ledger which confidential fields somebody has read."""
    events.record(
        session,
        actor,
        _Named(subject_id),
        f"{kind.name}.read",
        changes={name: {"read": True} for name in names},
    )
    session.flush()


def history(
    session: so.Session, actor: Actor, kind: Aggregate[T], subject_id: UUID
) -> Listing[dict[str, Any]]:
    """List what happened to an object, oldest first.

    Its unit reads everything, its reviewers all but what the unit did before the text
    left it: neither what was written, nor by whom, nor when. Others learn when it was
    published and what became of it, but neither who did it nor why, and nothing of a
    review.
    """
    subject = visible_row(session, actor, kind, subject_id, lock=False)
    inside = _reviews(actor, kind, subject)
    statement = (
        sa.select(Event, User.name)
        .join(LedgerEntry, LedgerEntry.event_id == Event.id)
        .outerjoin(User, User.id == Event.actor_id)
        .where(Event.subject_kind == kind.name, Event.subject_id == subject_id)
    )
    if inside and not kind.insider(actor, subject):
        statement = statement.where(sa.not_(_own_affair(kind)))
    elif not inside:
        statement = statement.where(
            Event.to_state.in_([state.value for state in kind.published]),
            Event.action != f"{kind.name}.{DISCARD}",
        )

    def show(rows: Sequence[sa.Row[*tuple[Any, ...]]]) -> list[dict[str, Any]]:
        return [_show_event(row[0], row[1], inside=inside) for row in rows]

    return Listing(
        session,
        statement,
        key=Event.id,
        view=show,
        sorts={"seq": LedgerEntry.seq},
        default_sort="seq",
    )


def _own_affair(kind: Aggregate[T]) -> sa.ColumnElement[bool]:
    """Events of a text before it left its unit, and that a next one was begun."""
    private = [state.value for state in kind.private]
    target = sa.func.coalesce(Event.to_state, "")
    from_within = sa.or_(Event.from_state.is_(None), Event.from_state.in_(private))
    return sa.or_(
        Event.action == f"{kind.name}.revise",
        sa.and_(
            from_within,
            sa.or_(
                target.in_(private),
                Event.action == f"{kind.name}.{DISCARD}",
                sa.and_(Event.action == f"{kind.name}.edit", target == ""),
            ),
        ),
    )


def _show_event(event: Event, name: str | None, *, inside: bool) -> dict[str, Any]:
    return {
        "id": event.id,
        "at": event.at,
        "user_id": event.actor_id if inside else None,
        "user_name": name if inside else None,
        "role": event.actor_role,
        "organisation_id": event.actor_org_id if inside else None,
        "action": event.action,
        "from": event.from_state,
        "to": event.to_state,
        "comment": event.comment if inside else "",
        "changes": event.changes if inside else {},
    }


def _versions(
    session: so.Session, actor: Actor, kind: Aggregate[T], subject: T
) -> list[Version]:
    """Return the versions that the caller may read, oldest first.

    Reviewers read what has become fixed and what they are asked about; what a unit gave
    up before that stays its own. A text that was published under an openness which its
    owner has since narrowed is no longer for everybody, so outsiders read the version
    in force only.
    """
    model = kind.version_model
    statement = (
        sa.select(model)
        .where(getattr(model, kind.parent) == subject.id)
        .order_by(model.number)
    )
    found: list[Version] = list(session.scalars(statement))
    if kind.insider(actor, subject):
        return found
    if _reviews(actor, kind, subject):
        asked = kind.reads_working(actor, subject)
        return [
            version
            for version in found
            if version.fixed_at is not None or (asked and version is subject.working)
        ]
    return [version for version in found if version is subject.published]


def versions(
    session: so.Session, actor: Actor, kind: Aggregate[T], subject_id: UUID
) -> list[dict[str, Any]]:
    """List the versions that the caller may read, oldest first."""
    subject = visible_row(session, actor, kind, subject_id, lock=False)
    return [
        {
            "number": version.number,
            "title": version.title,
            "created_at": version.created_at,
            "fixed_at": version.fixed_at,
            "published": version is subject.published,
        }
        for version in _versions(session, actor, kind, subject)
    ]


def version(
    session: so.Session, actor: Actor, kind: Aggregate[T], subject: T, number: int
) -> dict[str, Any]:
    """Show one version as the caller may see it.

    Raises
    ------
    NotFound
        There is none of this number, or it is not for the caller.
    """
    found = _numbered(session, actor, kind, subject, number)
    tier = tier_of(session, actor, kind, subject)
    return {
        "number": found.number,
        "created_at": found.created_at,
        "fixed_at": found.fixed_at,
        "published": found is subject.published,
        "content": show_version(session, kind, found, tier),
    }


def _numbered(
    session: so.Session, actor: Actor, kind: Aggregate[T], subject: T, number: int
) -> Version:
    for found in _versions(session, actor, kind, subject):
        if found.number == number:
            return found
    raise NotFound


def compare(
    session: so.Session,
    actor: Actor,
    kind: Aggregate[T],
    subject: T,
    older: int,
    newer: int,
) -> dict[str, Any]:
    """List what differs from one version to another, child rows included."""
    old = _numbered(session, actor, kind, subject, older)
    new = _numbered(session, actor, kind, subject, newer)
    tier = tier_of(session, actor, kind, subject)
    hidden = hidden_fields(kind, old, tier) | hidden_fields(kind, new, tier)
    for side in (old, new):
        contents.load_children(session, kind.table, side)
    return {
        "from": older,
        "to": newer,
        "changes": contents.differences(
            kind.table,
            contents.values_of(kind.table, old),
            contents.values_of(kind.table, new),
            hidden,
        ),
        "withheld": sorted(hidden),
    }


Filter = Callable[[Any, Any], sa.ColumnElement[bool]]


def has_code(column: Any, value: str) -> sa.ColumnElement[bool]:
    """Tell whether a list of codes holds one, on both stores."""
    text = sa.cast(column, sa.Text)
    found: sa.ColumnElement[bool] = text.contains(f'"{value}"', autoescape=True)
    return found


VERSION_FILTERS: Mapping[str, Filter] = {
    "chain": lambda shown, value: shown.chain == value,
    "tech_field": lambda shown, value: has_code(shown.tech_field, value),
    "industry_use": lambda shown, value: shown.industry_use.startswith(
        value, autoescape=True
    ),
    "disclosure": lambda shown, value: shown.disclosure == value,
}
"""Filters on the version that the caller reads."""


@dataclass(frozen=True)
class _Readable:
    """The statement of a list for one audience, and the expressions it is made of.

    Parameters
    ----------
    statement : Select
        What the audience may see, without filters.
    shown : alias
        The version that is shown.
    reads : expression of bool
        The working version is shown.
    state, moved : expression
        The state and the moment of the last change as they may be known.
    names : tuple of str
        Names of the columns of a row.
    own : tuple of str
        Names of what a row of this kind has beside those of all kinds.
    size : expression of int
        How many rows there are without filters.
    made : dict
        The statements of the pages without filters.
    """

    statement: sa.Select[*tuple[Any, ...]]
    shown: Any
    reads: sa.ColumnElement[bool]
    state: sa.ColumnElement[Any]
    moved: sa.ColumnElement[Any]
    names: tuple[str, ...]
    own: tuple[str, ...]
    size: sa.ColumnElement[int]
    made: dict[tuple[str, bool], sa.Select[*tuple[Any, ...]]]


@cache
def _shown_version(kind: Aggregate[Any]) -> Any:
    """Return the version that a list shows, whichever it is for a reader."""
    return so.aliased(kind.version_model)


@lru_cache(maxsize=64)
def _readable(kind: Aggregate[Any], audience: Actor) -> _Readable:
    """Make the statement of a list, once for each audience.

    Making it takes longer than running it. It holds no answer: who belongs where, and
    which day it is, are part of the audience.
    """
    model = kind.model
    reads = kind.working(audience)
    shown = _shown_version(kind)
    joined = sa.case(
        (reads, model.working_version_id), else_=model.published_version_id
    )
    between = sa.and_(sa.not_(reads), policies.one_of(model.state, kind.between))
    state = sa.type_coerce(
        sa.case((between, kind.listed.value), else_=model.state), model.state.type
    )
    settled = sa.and_(
        sa.not_(kind.within(audience)),
        sa.or_(sa.not_(reads), policies.one_of(model.state, kind.published)),
    )
    moved = sa.case((settled, model.published_at), else_=model.updated_at)
    begun = model.created_by == sa.literal(audience.user_id, model.created_by.type)
    own = kind.row(shown)
    signed = policies.is_granted(model.id, audience, kind.name)
    statement = (
        sa.select(
            model.id,
            getattr(model, kind.number),
            state.label("state"),
            model.owner_org_id,
            sa.case((begun, model.created_by)).label("created_by"),
            model.created_at,
            moved.label("updated_at"),
            model.published_at,
            Organisation.name.label("owner_name"),
            Organisation.region.label("owner_region"),
            *(getattr(shown, name) for name in _CONTENT),
            *own,
            signed.label("signed"),
        )
        .select_from(model)
        .join(shown, shown.id == joined)
        .join(Organisation, Organisation.id == model.owner_org_id)
        .where(row_by_row(kind.visible(audience)))
    )
    size = kind.size(audience)
    if size is None:
        rows = sa.select(sa.func.count()).select_from(model)
        rows = rows.where(kind.visible(audience), joined.is_not(None))
        size = rows.correlate(None).scalar_subquery()
    return _Readable(
        statement,
        shown,
        reads,
        state,
        moved,
        names=tuple(statement.selected_columns.keys()),
        own=tuple(str(column.key) for column in own),
        size=size,
        made={},
    )


def search(
    session: so.Session,
    actor: Actor,
    kind: Aggregate[T],
    *,
    extra: Mapping[str, Filter],
    filters: Mapping[str, Any],
) -> Listing[Values]:
    """List what the caller may see, each row as he may see it.

    Parameters
    ----------
    extra : mapping of str to filter
        Filters of the kind beside those that all have.
    """
    known = _readable(kind, actor.audience())
    statement, shown = known.statement, known.shown
    asked = {name: value for name, value in filters.items() if value is not None}
    for name, value in asked.items():
        if name in VERSION_FILTERS:
            statement = statement.where(VERSION_FILTERS[name](shown, value))
        elif name in extra:
            statement = statement.where(extra[name](shown, value))
        else:
            statement = statement.where(
                *_common_filter(actor, kind, name, value, known)
            )

    def show(rows: Sequence[sa.Row[*tuple[Any, ...]]]) -> list[Values]:
        return _show_rows(actor, kind, rows, known)

    session.flush()
    return Listing(
        session.connection(),
        statement,
        key=kind.model.id,
        view=show,
        sorts={"updated": known.moved},
        size=None if asked else known.size,
        made={} if asked else known.made,
    )


def _common_filter(
    actor: Actor,
    kind: Aggregate[T],
    name: str,
    value: Any,
    known: _Readable,
) -> list[sa.ColumnElement[bool]]:
    model, shown = kind.model, known.shown
    if name == "q":
        return [
            sa.or_(
                shown.search_public.contains(part, autoescape=True),
                sa.and_(known.reads, shown.search_full.contains(part, autoescape=True)),
                Organisation.name_key.contains(part, autoescape=True),
            )
            for part in search_words(value)
        ]
    if name == "state":
        return [known.state == getattr(value, "value", value)]
    if name == "owner_org_id":
        return [model.owner_org_id == value]
    if name == "region":
        prefix = policies.region_prefix(value)
        return [Organisation.region.startswith(prefix, autoescape=True)]
    if name == "mine":
        own = model.owner_org_id.in_(list(actor.org_ids))
        return [own if value else sa.not_(own)]
    if name == "updated_after":
        return [known.moved > value]
    raise TypeError(f"{kind.name}: no filter {name!r}")


def search_words(text: str) -> list[str]:
    """Part a query into words, all of which must occur.

    Who types several words without a blank between them (减震塔免热处理) means the
    words; what stands between blanks and is no Chinese is looked for as it is.

    Raises
    ------
    Invalid
        For more words than a query may have.
    """
    parts = contents.fold(text.encode("utf-8", "ignore").decode()).split()
    if len(parts) > MOST_WORDS:
        raise Invalid.at(
            "/query/q",
            "too_many",
            f"最多 {MOST_WORDS} 个检索词",
            f"at most {MOST_WORDS} words",
        )
    cut = (tokens.words(part) if _CHINESE.fullmatch(part) else [part] for part in parts)
    return list(dict.fromkeys(word for words in cut for word in words))


class _Owner(NamedTuple):
    """The owning unit of an object in a list."""

    id: UUID
    name: str
    region: str


class _Listed(NamedTuple):
    """What the rules of who reads how much ask of an object, read for a list.

    Who began it is there only if it was the caller.
    """

    id: UUID
    owner_org_id: UUID
    created_by: UUID | None
    owner_org: _Owner


_HEADING = ("id", "state", "created_at", "updated_at", "published_at")
_CONTENT = ("title", "chain", "tech_field", "industry_use", "keywords", "disclosure")
"""What a list shows of the version of every kind."""


@cache
def _shared(
    kind: Aggregate[Any], own: tuple[str, ...], disclosure: Disclosure, tier: Tier
) -> tuple[list[str], list[str]]:
    """Return the names of what a tier reads of a row, and of its content above it."""
    hidden = policies.withheld(disclosure, tier, kind=kind.name)
    content = (*_CONTENT, *own)
    shown = [name for name in content if name not in hidden]
    return [kind.number, *_HEADING, *shown], sorted(hidden.intersection(content))


def _show_rows(
    actor: Actor,
    kind: Aggregate[T],
    rows: Sequence[sa.Row[*tuple[Any, ...]]],
    known: _Readable,
) -> list[Values]:
    """Show each row as the caller may see it, by the rules for single objects."""
    result: list[Values] = []
    for row in rows:
        read = dict(zip(known.names, row, strict=False))
        owner = _Owner(read["owner_org_id"], read["owner_name"], read["owner_region"])
        listed: Any = _Listed(read["id"], owner.id, read["created_by"], owner)
        tier = kind.tier(actor, listed, (listed.id,) if read["signed"] else ())
        names, withheld = _shared(kind, known.own, read["disclosure"], tier)
        shown = {name: read[name] for name in names}
        shown["owner_org"] = {
            "id": owner.id,
            "name": owner.name,
            "region": owner.region,
        }
        shown["withheld"] = list(withheld)
        result.append(shown)
    return result


def text_limits(session: so.Session, key: str, on: date, region: str) -> dict[str, int]:
    """Return the lengths of a rule, as numbers."""
    value = rules.in_force(session, key, on=on, region=region).value
    return {name: int(most) for name, most in value.items()}
