"""How a person wants to hear: by mail at once, in a digest, or not; and of what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy.orm as so
from sqlalchemy.exc import IntegrityError

from marketplace import policies
from marketplace.domain.actors import Actor
from marketplace.domain.messages import (
    DEFAULT_HOUR,
    FIRST_HOUR,
    LAST_HOUR,
    MailMode,
    Reach,
    told_topics,
)
from marketplace.errors import Stale, Unauthenticated
from marketplace.models.messages import MessagePreference
from marketplace.models.users import User
from marketplace.services import events
from marketplace.services.fields import Reader

UNSAID: dict[str, Any] = {
    "email": MailMode.IMMEDIATE,
    "muted": [],
    "digest_hour": DEFAULT_HOUR,
}
"""What holds for a person who has said nothing."""


def get(session: so.Session, actor: Actor) -> tuple[int, dict[str, Any]]:
    """Return the revision of the caller's preferences, 0 for none, and how they show.

    Raises
    ------
    Unauthenticated
    """
    found = _own(session, actor)
    said = UNSAID if found is None else _values(found)
    shown = {
        **said,
        "topics": [
            {
                "name": topic.name,
                "title": topic.title,
                "mandatory": topic.reach is Reach.MANDATORY,
                "muted": topic.name in said["muted"],
            }
            for topic in told_topics()
        ],
        "updated_at": None if found is None else found.updated_at,
    }
    return (0 if found is None else found.revision), shown


def put(
    session: so.Session,
    actor: Actor,
    data: Mapping[str, Any],
    *,
    expected: int | None = None,
) -> None:
    """Say how one wants to hear; what is not said is as if nothing had been said.

    Muting a mandatory topic mutes its mail only.

    Raises
    ------
    Unauthenticated, Stale, Invalid
    """
    found = _own(session, actor)
    if expected is not None and expected != (found.revision if found else 0):
        raise Stale
    values = _read(session, actor, data)
    before = UNSAID if found is None else _values(found)
    if found is not None and values == before:
        return
    if found is None:
        found = MessagePreference(user_id=actor.user_id)
        _fill(found, actor, values)
        try:
            with session.begin_nested():
                session.add(found)
        except IntegrityError as error:
            raise Stale from error
    else:
        _fill(found, actor, values)
    events.record(
        session,
        actor,
        session.get_one(User, actor.user_id),
        "user.message-preferences",
        changes=events.difference(before, values),
    )
    session.flush()


def _fill(found: MessagePreference, actor: Actor, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        setattr(found, name, value)
    found.updated_at = actor.now


def _own(session: so.Session, actor: Actor) -> MessagePreference | None:
    policies.require_signed_in(actor)
    if actor.user_id is None:
        raise Unauthenticated
    return session.get(MessagePreference, actor.user_id, populate_existing=True)


def _values(found: MessagePreference) -> dict[str, Any]:
    return {name: getattr(found, name) for name in UNSAID}


def _read(session: so.Session, actor: Actor, data: Mapping[str, Any]) -> dict[str, Any]:
    reader = Reader(session, actor.today)
    values = {**UNSAID, **data}
    known = [topic.name for topic in told_topics()]
    for index, name in enumerate(values["muted"]):
        if name not in known:
            reader.wrong(
                f"/muted/{index}",
                "unknown_topic",
                "没有主题“{name}”；可用：{known}",
                "no topic {name!r}; one of {known}",
                name=name,
                known=", ".join(known),
            )
    reader.whole(values["digest_hour"], "/digest_hour", FIRST_HOUR, LAST_HOUR)
    reader.refuse()
    values["email"] = MailMode(values["email"])
    values["muted"] = [name for name in known if name in values["muted"]]
    return values
