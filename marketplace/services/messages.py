"""Messages: people are told of occasions, once each, and read it in their language.

What is told stands in the application from the moment in which the occasion commits.
The mail about it is asked for in the same transaction, as each person has chosen, and
sent afterwards by the jobs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so
from sqlalchemy.dialects import postgresql, sqlite

from marketplace import policies
from marketplace.domain.actors import Actor
from marketplace.domain.ids import new_id
from marketplace.domain.messages import (
    PLACES,
    TOPICS,
    MailMode,
    MailState,
    Reach,
    Topic,
    rendered,
    stored,
)
from marketplace.domain.organisations import OrganisationState
from marketplace.domain.roles import Role
from marketplace.errors import (
    Conflict,
    GroupChanged,
    IllegalTransition,
    Invalid,
    NotFound,
    Stale,
    Text,
)
from marketplace.models.messages import Message, MessagePreference
from marketplace.models.organisations import Organisation
from marketplace.models.users import Membership, User
from marketplace.policies import MESSAGE_RULES, region_prefix
from marketplace.services import events, outbox
from marketplace.services.fields import Reader
from marketplace.services.paging import Listing

MAIL_TOPIC = "mail.send"
UNREAD, READ = 1, 2
"""What a message's tag says of it."""
SUBJECT_LENGTH, TEXT_LENGTH = 120, 4000
MOST_RECIPIENTS = 5000
_BATCH = 200


def notify(
    session: so.Session,
    actor: Actor,
    *,
    to: Collection[UUID],
    topic: str,
    values: Mapping[str, Any],
    subject_kind: str,
    subject_id: UUID,
    key: str,
) -> int:
    """Tell people of an occasion, in the transaction in which it happens.

    Parameters
    ----------
    to : collection of UUID
        Users; those whose account is disabled are left out, each is told once.
    topic : str
        A row of ``domain.messages.TOPICS``.
    values : mapping
        What the topic's wording leaves open; a ``Text`` where it differs by language.
    key : str
        Names the occasion: a person is never told of the same one twice, however
        often and by however many workers at once it is reported.

    Returns
    -------
    int
        How many people were told now, for the first time.

    Raises
    ------
    LookupError, ValueError
        The topic or the values do not fit the table: a defect of the caller.
    """
    kept = events.plain(stored(topic, values))
    rows = [
        {
            "id": new_id(),
            "user_id": user_id,
            "topic": topic,
            "key": key,
            "template": TOPICS[topic].template,
            "values": kept,
            "subject_kind": subject_kind,
            "subject_id": subject_id,
            "created_at": actor.now,
            "mail_state": state,
            "mail_error": "",
        }
        for user_id, state in _how(session, TOPICS[topic], to)
    ]
    made = [id_ for batch in _batches(rows) for id_ in _insert(session, batch)]
    by_mail = {row["id"] for row in rows if row["mail_state"] is MailState.WAITING}
    outbox.put_all(
        session,
        MAIL_TOPIC,
        [{"message_id": id_} for id_ in made if id_ in by_mail],
        now=actor.now,
    )
    return len(made)


def _how(
    session: so.Session, topic: Topic, to: Collection[UUID]
) -> Iterator[tuple[UUID, MailState]]:
    """Yield who is to be told, in a fixed order, and what becomes of his mail.

    Workers that report one occasion at once insert in the same order, so that none
    waits for the other in a circle.
    """
    if topic.reach is Reach.MAIL_ONLY:
        raise ValueError(f"{topic.name} is no message of its own")
    states = {
        MailMode.IMMEDIATE: MailState.WAITING,
        MailMode.DIGEST: MailState.DIGEST,
        MailMode.NONE: MailState.UNWANTED,
    }
    for batch in _batches(sorted(set(to))):
        for user_id, mode, muted in session.execute(
            sa.select(User.id, MessagePreference.email, MessagePreference.muted)
            .outerjoin(MessagePreference, MessagePreference.user_id == User.id)
            .where(User.id.in_(batch), User.disabled_at.is_(None))
            .order_by(User.id)
        ):
            if topic.name not in (muted or ()):
                yield user_id, states[mode or MailMode.IMMEDIATE]
            elif topic.reach is Reach.MANDATORY:
                yield user_id, MailState.UNWANTED


def _batches(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (rows[at : at + _BATCH] for at in range(0, len(rows), _BATCH))


def _insert(session: so.Session, rows: Sequence[dict[str, Any]]) -> Sequence[UUID]:
    """Insert rows but those of an occasion that was told; returns the new ones.

    The store decides, and not a look before: two transactions do not see each other.
    """
    dialect = session.get_bind().dialect.name
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    table = Message.__table__
    statement = (
        insert(table)  # type: ignore[arg-type]
        .values(list(rows))
        .on_conflict_do_nothing(index_elements=["user_id", "key"])
        .returning(table.c.id)
    )
    return session.execute(statement).scalars().all()


def members(
    session: so.Session, org_id: UUID, roles: Collection[Role] = frozenset(Role)
) -> frozenset[UUID]:
    """Return the active people of a unit who have one of some roles there.

    Nobody for a unit that is not verified: its roles do not count then
    (``Actor.with_role``).
    """
    found = _standing(session, Membership.org_id == org_id)
    return frozenset(row.id for row in found if set(row.roles) & set(roles))


def holders(session: so.Session, role: Role, region: str = "") -> frozenset[UUID]:
    """Return the active people who have a role, in whichever verified unit.

    Parameters
    ----------
    region : str
        Of a district reviewer: only those whose seat covers this place.
    """
    covering: sa.ColumnElement[bool] = sa.true()
    if region and role is Role.DISTRICT_REVIEWER:
        places = {region, f"{region[:4]}00", f"{region[:2]}0000"}
        covering = Organisation.region.in_(sorted(places))
    found = _standing(session, covering)
    return frozenset(row.id for row in found if role in row.roles)


def _standing(
    session: so.Session, condition: sa.ColumnElement[bool]
) -> Sequence[sa.Row[*tuple[Any, ...]]]:
    """Return active people with what they are in verified units."""
    return session.execute(
        sa.select(
            User.id,
            User.name,
            Membership.roles,
            Organisation.id.label("org_id"),
            Organisation.name.label("org_name"),
        )
        .join(Membership, Membership.user_id == User.id)
        .join(Organisation, Organisation.id == Membership.org_id)
        .where(
            User.disabled_at.is_(None),
            Membership.ended_at.is_(None),
            Organisation.state == OrganisationState.VERIFIED,
            condition,
        )
        .order_by(User.id, Membership.id)
    ).all()


def inbox(
    session: so.Session,
    actor: Actor,
    *,
    unread: bool | None = None,
    topic: str | None = None,
) -> Listing[dict[str, Any]]:
    """List the caller's own messages.

    Parameters
    ----------
    unread : bool, optional
        Only those that he has not read, or only those that he has.

    Raises
    ------
    Unauthenticated
    """
    policies.require_signed_in(actor)
    statement = sa.select(Message).where(Message.user_id == actor.user_id)
    if unread is not None:
        is_unread = Message.read_at.is_(None)
        statement = statement.where(is_unread if unread else sa.not_(is_unread))
    if topic is not None:
        statement = statement.where(Message.topic == topic)

    def show(rows: Sequence[sa.Row[*tuple[Any, ...]]]) -> list[dict[str, Any]]:
        return [view(row[0]) for row in rows]

    return Listing(session, statement, key=Message.id, view=show)


def unread_count(session: so.Session, actor: Actor) -> int:
    """Count what the caller has not read."""
    return inbox(session, actor, unread=True).count()


def get(session: so.Session, actor: Actor, message_id: UUID) -> Message:
    """Return one of the caller's own messages.

    Raises
    ------
    Unauthenticated, NotFound
    """
    policies.require_signed_in(actor)
    message = session.scalar(
        sa.select(Message)
        .where(Message.id == message_id, Message.user_id == actor.user_id)
        .execution_options(populate_existing=True)
    )
    if message is None:
        raise NotFound
    return message


def view(message: Message) -> dict[str, Any]:
    """Show a message in both languages; the edge takes the reader's."""
    title, body = rendered(message.template, message.values)
    read = {"name": "read", "title": Text("标为已读", "Mark as read"), "method": "POST"}
    read |= {"href": f"/api/v1/messages/{message.id}/actions/read", "fields": []}
    return {
        "id": message.id,
        "topic": message.topic,
        "title": title,
        "body": body,
        "subject_kind": message.subject_kind,
        "subject_id": message.subject_id,
        "href": href(message),
        "created_at": message.created_at,
        "read_at": message.read_at,
        "mail_state": message.mail_state,
        "mailed_at": message.mailed_at,
        "actions": [read] if message.read_at is None else [],
    }


def href(message: Message) -> str | None:
    """Return where the object of a message is found, None if it has no place."""
    place = PLACES.get(message.subject_kind)
    return f"/api/v1{place.format(id=message.subject_id)}" if place else None


def tag(message: Message) -> int:
    """Return the tag of a message, which changes once: when it is read."""
    return UNREAD if message.read_at is None else READ


def act(
    session: so.Session,
    actor: Actor,
    message_id: UUID,
    action: str,
    *,
    expected: int | None = None,
) -> Message:
    """Mark a message as read; there is nothing else to do with one.

    Raises
    ------
    Unauthenticated, NotFound, Stale
    IllegalTransition
        It is read already, or messages have no such action.
    """
    message = get(session, actor, message_id)
    if expected is not None and expected != tag(message):
        raise Stale
    if action != "read" or message.read_at is not None:
        possible = ["read"] if message.read_at is None else []
        state = "read" if message.read_at is not None else "unread"
        raise IllegalTransition(extra={"state": state, "possible": possible})
    message.read_at = actor.now
    session.flush()
    return message


def read_all(
    session: so.Session, actor: Actor, *, until: datetime | None = None
) -> int:
    """Mark the caller's messages as read; returns how many were not.

    Parameters
    ----------
    until : datetime, optional
        Only those of up to this moment: what comes after the list that somebody has
        looked at stays unread.

    Raises
    ------
    Unauthenticated
    """
    policies.require_signed_in(actor)
    statement = (
        sa.update(Message)
        .where(Message.user_id == actor.user_id, Message.read_at.is_(None))
        .values(read_at=actor.now)
        .returning(Message.id)
    )
    if until is not None:
        statement = statement.where(Message.created_at <= until)
    return len(session.execute(statement).all())


@dataclass(frozen=True)
class Group:
    """Whom a message to a group reaches, as it is at this moment."""

    recipients: list[dict[str, Any]]

    @property
    def number(self) -> int:
        """How many people they are."""
        return len(self.recipients)

    @property
    def digest(self) -> str:
        """SHA-256 of who they are: another one for another group."""
        names = ",".join(str(row["user_id"]) for row in self.recipients)
        return hashlib.sha256(names.encode("ascii")).hexdigest()


def preview_group(
    session: so.Session, actor: Actor, audience: Mapping[str, Any]
) -> Group:
    """Show an operator exactly whom a message would reach.

    Parameters
    ----------
    audience : mapping
        ``roles``, ``region`` (GB/T 2260; a province or city stands for all within)
        and ``organisation_ids``; who meets all that are given is meant, in the same
        unit. Only active people of verified units are reached.

    Raises
    ------
    Unauthenticated, Forbidden
    Invalid
        Nothing is given, something does not exist, or too many people are meant.
    """
    policies.require(actor, "preview-group", None, MESSAGE_RULES)
    return _group(session, actor, audience)


def _group(session: so.Session, actor: Actor, audience: Mapping[str, Any]) -> Group:
    reader = Reader(session, actor.today)
    roles = set(audience.get("roles") or ())
    conditions = [*_where(session, reader, audience)]
    if not roles and not conditions and not reader.errors:
        reader.wrong(
            "/audience",
            "required",
            "请至少给出角色、地区或单位之一",
            "give at least roles, a region or organisations",
        )
    reader.refuse()
    found: dict[UUID, dict[str, Any]] = {}
    for row in _standing(session, sa.and_(sa.true(), *conditions)):
        if roles and not roles & set(row.roles):
            continue
        person = found.setdefault(
            row.id, {"user_id": row.id, "name": row.name, "organisations": []}
        )
        person["organisations"].append({"id": row.org_id, "name": row.org_name})
    if len(found) > MOST_RECIPIENTS:
        raise Invalid.at(
            "/audience",
            "too_many",
            f"收件人 {len(found)} 人，超过 {MOST_RECIPIENTS} 人，请缩小范围",
            f"{len(found)} people, more than {MOST_RECIPIENTS}; narrow the audience",
        )
    return Group(list(found.values()))


def _where(
    session: so.Session, reader: Reader, audience: Mapping[str, Any]
) -> Iterable[sa.ColumnElement[bool]]:
    region = audience.get("region")
    if region:
        reader.code(region, "/audience/region", "region", None)
        yield Organisation.region.startswith(region_prefix(region), autoescape=True)
    org_ids = audience.get("organisation_ids")
    if org_ids:
        known = set(
            session.scalars(
                sa.select(Organisation.id).where(
                    Organisation.id.in_(org_ids),
                    Organisation.state == OrganisationState.VERIFIED,
                )
            )
        )
        for index, org_id in enumerate(org_ids):
            if org_id not in known:
                reader.wrong(
                    f"/audience/organisation_ids/{index}",
                    "unknown_organisation",
                    "没有此已认证单位",
                    "there is no such verified organisation",
                )
        yield Organisation.id.in_(org_ids)


@dataclass(frozen=True, slots=True)
class Sending:
    """One message to a group, as the ledger knows it."""

    id: UUID
    number: int


def send_group(
    session: so.Session,
    actor: Actor,
    *,
    audience: Mapping[str, Any],
    subject: str,
    text: str,
    number: int,
    digest: str,
) -> Sending:
    """Tell a group something, exactly as it was previewed.

    Parameters
    ----------
    number, digest : int, str
        What the preview said of the recipients.

    Raises
    ------
    Unauthenticated, Forbidden, Invalid
    GroupChanged
        The group is another one now; it says how many it has.
    Conflict
        The same was sent to the same people today: a second click.
    """
    grant = policies.require(actor, "send-group", None, MESSAGE_RULES)
    reader = Reader(session, actor.today)
    words = {
        "subject": reader.words(subject, "/subject", SUBJECT_LENGTH),
        "text": reader.words(text, "/text", TEXT_LENGTH),
    }
    for name, value in words.items():
        if not value and not reader.errors:
            reader.wrong(f"/{name}", "required", "必填", "is required")
    reader.refuse()
    group = _group(session, actor, audience)
    if (group.number, group.digest) != (number, digest):
        changed = Text(
            "收件人已有变动，现为 {number} 人；请重新预览后发送",
            "the group has changed and has {number} people now; preview it again",
        )
        raise GroupChanged(
            changed.format(number=group.number), extra={"number": group.number}
        )
    if not group.number:
        raise Invalid.at("/audience", "nobody", "没有收件人", "reaches nobody")
    return _send(session, actor, grant, audience, words, group)


def _send(
    session: so.Session,
    actor: Actor,
    grant: policies.Grant,
    audience: Mapping[str, Any],
    words: Mapping[str, str],
    group: Group,
) -> Sending:
    said = "\x00".join([group.digest, actor.today.isoformat(), *words.values()])
    sending = Sending(new_id(), group.number)
    told = notify(
        session,
        actor,
        to=[row["user_id"] for row in group.recipients],
        topic="group.notice",
        values=words,
        subject_kind="group",
        subject_id=sending.id,
        key=f"group:{hashlib.sha256(said.encode('utf-8')).hexdigest()}",
    )
    if not told:
        raise Conflict(
            Text(
                "今天已向这些收件人发送过同样的消息",
                "the same was sent to these people today",
            )
        )
    facts = {"audience": dict(audience), "number": told, "digest": group.digest}
    events.record(
        session,
        actor,
        sending,
        "message.send-group",
        role=grant.role,
        org_id=grant.org_id,
        changes=events.difference({}, {**words, **facts}),
    )
    session.flush()
    return sending
