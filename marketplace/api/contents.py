"""What the routes of needs and offers have in common."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Protocol
from uuid import UUID

import sqlalchemy.orm as so
from flask import Response

from marketplace.api.edge import actor, after_reading, etag, spoken
from marketplace.domain.actors import Actor
from marketplace.errors import NotFound
from marketplace.extensions import db
from marketplace.problems import language

Headers = dict[str, str]
OUT_OF_SIGHT = "Done; the object is not for the caller to read any more."


class Service(Protocol):
    """The service of one kind of object."""

    @property
    def view(self) -> Callable[[so.Session, Actor, Any], dict[str, Any]]:
        """Show an object as the caller may see it."""
        ...

    @property
    def tag(self) -> Callable[[Actor, Any], str]:
        """Return what changes with the object as the caller reads it."""
        ...

    @property
    def confidential(self) -> Callable[[Actor, Any, Mapping[str, Any]], list[str]]:
        """Name the confidential fields that an outsider has been shown."""
        ...

    @property
    def note_reading(
        self,
    ) -> Callable[[so.Session, Actor, UUID, Collection[str]], None]:
        """Write the reading of confidential fields into the ledger."""
        ...


def present(service: Service, subject: Any) -> tuple[dict[str, Any], Headers]:
    """Return an object for its schema, and its ``ETag``."""
    shown = service.view(db.session(), actor(), subject)
    return spoken(shown, language()), etag(service.tag(actor(), subject))


def moved(service: Service, subject: Any) -> Any:
    """Return an object after an action, or nothing when it has left the caller's sight.

    A reviewer who returns a text to its unit does not read it any more.
    """
    try:
        shown, headers = present(service, subject)
    except NotFound:
        return Response(status=204)
    names = service.confidential(actor(), subject, shown)
    if names:
        service.note_reading(db.session(), actor(), subject.id, names)
    return shown, 200, headers


def noted(service: Service, subject: Any, shown: Mapping[str, Any]) -> None:
    """Leave a trace of the confidential fields that this answer shows."""
    note(service, subject.id, service.confidential(actor(), subject, shown))


def note(service: Service, subject_id: UUID, names: Collection[str]) -> None:
    """Leave a trace of these fields of an object, if there are any."""
    if names:
        caller = actor()
        after_reading(
            lambda: service.note_reading(db.session(), caller, subject_id, names)
        )


def changed(events: Iterable[Mapping[str, Any]]) -> dict[str, bool]:
    """Name the fields whose old and new values a page of events shows."""
    return {name: True for event in events for name in event["changes"]}


def pointed(differences: Iterable[Mapping[str, Any]]) -> dict[str, bool]:
    """Name the fields of which a comparison of versions shows something."""
    return {found["pointer"].split("/")[1]: True for found in differences}
