"""The mails about messages: what each says, and what has become of it.

Nothing here speaks to a mail server. A letter is read in a transaction of its own,
sent while no transaction is open, and its end is written together with the end of the
job: at least once, and always the same letter.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace.domain.actors import Actor
from marketplace.domain.messages import (
    TOPICS,
    MailMode,
    MailState,
    rendered,
)
from marketplace.models.messages import Message, MessagePreference
from marketplace.models.users import User
from marketplace.services import messages, outbox

DIGEST_TOPIC = "mail.digest"
MOST_LINES = 100
_ERROR_LENGTH = 500


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail to one person.

    Parameters
    ----------
    name : str
        Follows from what the mail is about, so that a letter that is sent again has
        the same Message-ID.
    address, person : str
        Where it goes.
    message_ids : tuple of UUID
        The messages that it tells of.
    href : str, optional
        The path of what it is about.
    wanted : bool
        The person has an account that is in use, and still wants mail.
    """

    name: str
    address: str
    person: str
    language: str
    title: str
    body: str
    message_ids: tuple[UUID, ...]
    href: str | None
    wanted: bool


def letter(session: so.Session, message_id: UUID) -> Letter | None:
    """Return the mail about one message, None when it needs none any more."""
    row = session.execute(
        sa.select(Message, User)
        .join(User, User.id == Message.user_id)
        .where(Message.id == message_id, Message.mail_state == MailState.WAITING)
    ).one_or_none()
    if row is None:
        return None
    message, user = row
    title, body = rendered(message.template, message.values)
    return Letter(
        name=str(message.id),
        address=user.email,
        person=user.name,
        language=user.language,
        title=title.get(user.language),
        body=body.get(user.language),
        message_ids=(message.id,),
        href=messages.href(message),
        wanted=user.disabled_at is None,
    )


def digest(
    session: so.Session, user_id: UUID, day: date, message_ids: Collection[UUID]
) -> Letter | None:
    """Return the digest of some messages, the same whenever it is asked for.

    None when all of them were told of already. Of very many messages the newest are
    listed; the number counts them all.
    """
    waiting = session.scalars(
        sa.select(Message)
        .where(Message.user_id == user_id, Message.id.in_(message_ids))
        .order_by(Message.id.desc())
    ).all()
    if not any(message.mail_state is MailState.DIGEST for message in waiting):
        return None
    user = session.get_one(User, user_id)
    mode = session.scalar(
        sa.select(MessagePreference.email).where(MessagePreference.user_id == user_id)
    )
    titles = (rendered(m.template, m.values)[0] for m in waiting[:MOST_LINES])
    lines = "\n".join(f"- {title.get(user.language)}" for title in titles)
    values = {"count": len(waiting), "lines": lines}
    title, body = rendered(TOPICS["digest"].template, values)
    return Letter(
        name=f"digest.{user_id}.{day.isoformat()}",
        address=user.email,
        person=user.name,
        language=user.language,
        title=title.get(user.language),
        body=body.get(user.language),
        message_ids=tuple(message.id for message in waiting),
        href="/api/v1/messages?unread=true",
        wanted=user.disabled_at is None and mode is not MailMode.NONE,
    )


def close(
    session: so.Session,
    actor: Actor,
    message_ids: Collection[UUID],
    state: MailState,
    *,
    reason: str = "",
) -> None:
    """Write down what has become of the mail about some messages.

    Only of mail that was still on its way: what another worker has closed stays so.
    """
    session.execute(
        sa.update(Message)
        .where(
            Message.id.in_(message_ids),
            Message.mail_state.in_([MailState.WAITING, MailState.DIGEST]),
        )
        .values(
            mail_state=state,
            mailed_at=actor.now if state is MailState.SENT else None,
            mail_error=reason[:_ERROR_LENGTH],
        ),
        execution_options={"synchronize_session": False},
    )


def drop_read(session: so.Session, user_id: UUID) -> None:
    """Leave out of digests what the person has read before one came."""
    session.execute(
        sa.update(Message)
        .where(
            Message.user_id == user_id,
            Message.mail_state == MailState.DIGEST,
            Message.read_at.is_not(None),
        )
        .values(mail_state=MailState.UNWANTED),
        execution_options={"synchronize_session": False},
    )


def put_digests(session: so.Session, actor: Actor) -> int:
    """Ask for the digest of everybody whose hour has come; returns how many.

    Each person has at most one a day, of what he had not read at his hour: what comes
    later that day waits for the next one. Which messages it tells of is settled here,
    so that a digest that is sent again is the same. Whoever has left digests has what
    waited for one in a last one.
    """
    local = actor.now.astimezone(actor.zone)
    due = session.execute(
        sa.select(MessagePreference.user_id, MessagePreference.digest_hour)
        .where(
            MessagePreference.digest_hour <= local.hour,
            sa.or_(
                MessagePreference.digested_on.is_(None),
                MessagePreference.digested_on < actor.today,
            ),
            sa.exists().where(
                Message.user_id == MessagePreference.user_id,
                Message.mail_state == MailState.DIGEST,
            ),
        )
        .order_by(MessagePreference.user_id)
    ).all()
    payloads = []
    for user_id, hour in due:
        told = _unread_at(
            session, user_id, datetime.combine(local, time(hour), local.tzinfo)
        )
        if not told:
            continue
        session.execute(
            sa.update(MessagePreference)
            .where(MessagePreference.user_id == user_id)
            .values(digested_on=actor.today),
            execution_options={"synchronize_session": False},
        )
        payloads.append(
            {"user_id": user_id, "day": actor.today, "message_ids": list(told)}
        )
    outbox.put_all(session, DIGEST_TOPIC, payloads, now=actor.now)
    return len(payloads)


def _unread_at(session: so.Session, user_id: UUID, moment: datetime) -> Sequence[UUID]:
    """Return what waited for a person's digest before a moment and is unread."""
    return session.scalars(
        sa.select(Message.id)
        .where(
            Message.user_id == user_id,
            Message.mail_state == MailState.DIGEST,
            Message.read_at.is_(None),
            Message.created_at < moment,
        )
        .order_by(Message.id)
    ).all()
