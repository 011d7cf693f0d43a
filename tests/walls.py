"""What somebody can hear by every route there is: for tests that try to get round."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from uuid import UUID

from flask import Flask

from marketplace.domain.roles import Role
from marketplace.models.organisations import Organisation
from marketplace.models.users import Membership
from tests.factories import NEED, OFFER
from tests.people import Client, World

NOWHERE = "01890000-0000-7000-8000-000000000000"
SHEET = {"Accept": "text/csv"}
STATIC = re.compile(r"^/(healthz|readyz|metrics)?$|/docs/|openapi|/templates/|/codes")
PREVIEWS: tuple[tuple[str, Mapping[str, Any]], ...] = (
    ("/matches/preview", {"need": NEED}),
    ("/matches/preview", {"offer": OFFER}),
    ("/needs/diagnosis", NEED),
)
"""Questions that change nothing, though they are not asked by GET."""


def readings(app: Flask) -> Iterator[str]:
    """Yield every path that is read, with its parameters in braces."""
    for rule in app.url_map.iter_rules():
        if "GET" in (rule.methods or set()) and not STATIC.search(rule.rule):
            yield re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)


def addresses(app: Flask, names: Mapping[str, Iterable[str]]) -> Iterator[str]:
    """Yield every path that is read, with each of the names that it takes.

    Paths that take a name of something else have nothing to do with the matter.
    """
    for path in readings(app):
        found = [path]
        for parameter in re.findall(r"{(\w+)}", path):
            known = names.get(parameter, ())
            found = [
                p.replace(f"{{{parameter}}}", str(name))
                for p in found
                for name in known
            ]
        yield from found


def heard(
    app: Flask,
    client: Client,
    secrets: Iterable[str],
    names: Mapping[str, Iterable[str]],
) -> dict[str, list[str]]:
    """Ask everything; return which secrets came out, and by which questions.

    Each path is read as it is, lists also as a sheet and, where they are searched, with
    each secret as the word: a list that finds something by it has told it, whatever it
    shows.
    """
    words = tuple(secrets)
    found: dict[str, list[str]] = {}

    def note(question: str, answer: Any) -> None:
        text = answer.get_data().decode("utf-8", "replace")
        for word in words:
            # Who names an object in a path has its identifier sent back to him.
            if word in text and word not in question:
                found.setdefault(word, []).append(question)

    for path in addresses(app, names):
        answer = client.get(path, query_string=_query(path), buffered=True)
        note(path, answer)
        if not (answer.is_json and "items" in answer.json):
            continue
        note(f"{path} as a sheet", client.get(path, headers=SHEET, buffered=True))
        if path.rpartition("/")[2] not in {"needs", "offers", "contracts"}:
            continue
        for word in words:
            answer = client.get(path, query_string={"q": word})
            if answer.status_code == 200 and answer.json["items"]:
                found.setdefault(word, []).append(f"{path}?q={word}")
    for path, body in PREVIEWS:
        note(path, client.post(path, body))
    return found


def _query(path: str) -> dict[str, Any]:
    return {"from": 1, "to": 1} if path.endswith("/compare") else {}


def refusal(answer: Any, subject_id: str) -> tuple[int, str]:
    """Return how a request was refused, without the identifier that it named."""
    text = answer.get_data().decode("utf-8", "replace").replace(subject_id, "")
    return answer.status_code, re.sub(r'"request_id":\s*"[^"]*"', "", text)


def hire(
    world: World, name: str, org: Organisation, *roles: Role, also: bool = False
) -> None:
    """Have somebody of a name join a unit; ``also`` if he is there already."""
    if also:
        now = world.clock.now()
        world.session.add(
            Membership(
                user_id=world.user(name).id,
                org_id=org.id,
                roles=[role.value for role in roles],
                created_at=now,
                updated_at=now,
            )
        )
    else:
        world.users[name] = world.make_user(name, org, roles)
    world.session.commit()


def leave(world: World, name: str, org_id: UUID) -> None:
    """Have somebody leave a unit."""
    user_id = world.user(name).id
    world.session.query(Membership).filter_by(user_id=user_id, org_id=org_id).delete()
    world.session.commit()
