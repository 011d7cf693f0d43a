"""A list holds what its reader may know of, each row as the object alone shows it.

Lists read columns by statements of their own; an object alone is read and shown by
another way. Here every object of a market in which there is everything is read both
ways by everybody, and who may know of it is said a third time, in plain Python.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest
import sqlalchemy as sa

from marketplace import policies
from marketplace.api import lists
from marketplace.domain import needs as need_states
from marketplace.domain import offers as offer_states
from marketplace.domain.actors import Actor, system
from marketplace.domain.needs import Disclosure
from marketplace.domain.organisations import OrganisationState
from marketplace.domain.roles import Role
from marketplace.errors import NotFound
from marketplace.models.needs import Need, NeedIntendedUnit
from marketplace.models.offers import Offer
from marketplace.models.organisations import DisclosureGrant
from marketplace.services import disclosures, tokens
from schemas.needs import NeedRowSchema, NeedSchema
from schemas.offers import OfferRowSchema, OfferSchema
from tests.listings import ADMINS, PATHS, PUBLISHED, SAMPLES, SERVICES, make, walk
from tests.people import CAST, World

KINDS = ("need", "offer")
MODELS: Mapping[str, Any] = {"need": Need, "offer": Offer}
SCHEMAS = {
    "need": (NeedSchema, NeedRowSchema),
    "offer": (OfferSchema, OfferRowSchema),
}
SHOWN = {"need": need_states.SHOWN, "offer": offer_states.SHOWN}
NEXT_STATES = {
    "need": ("DRAFT", "SUBMITTED", "RETURNED", "DISTRICT_OK", "ARGUED", "WITHDRAWN"),
    "offer": ("DRAFT", "SUBMITTED", "UNIT_OK", "REGISTERED", "REJECTED", "DELISTED"),
}
READERS = (
    *("stranger", "firm", "firm_admin", "other_firm", "team", "university_admin"),
    *("district", "far_district", "operator", "expert", "broker", "clerk"),
    "pending_admin",
)
"""Everybody whose role or unit makes a difference."""
OTHERS_OWN = ("other_firm", "clerk", "operator", "district", "pending_admin")
"""Whose units own something too; the clerk's is at rest."""
SECRET = "内参密语甲"
SECRET_IN = {"need": "key_technology", "offer": "team_intro"}


def mine(world: World, kind: str, state: str, owner: str, **more: Any) -> Any:
    """Make an object of the unit of one of the cast, in a state."""
    machine = system(world.clock.now())
    data = {**SAMPLES[kind], "owner_org_id": world.org(owner).id, **more}
    row = SERVICES[kind].create(world.session, machine, data)
    return walk(world.session, machine, kind, row.id, state)


def next_version(
    world: World, kind: str, state: str, disclosures_of: tuple[str, str], **more: Any
) -> Any:
    """Publish an object, begin its next version and take that to a state."""
    before, after = disclosures_of
    row = make(world, kind, PUBLISHED[kind], disclosure=before, **more)
    machine = system(world.clock.now())
    world.clock.advance(hours=1)
    changed = {"title": f"下一版{state}", "disclosure": after, "keywords": ["下一版"]}
    SERVICES[kind].edit(world.session, machine, row.id, changed)
    return walk(world.session, machine, kind, row.id, state)


def sign(world: World, kind: str, subject_id: UUID, who: str) -> None:
    """Have a unit sign the agreement of an object."""
    disclosures.grant(
        world.session,
        world.actor(ADMINS[kind]),
        kind,
        subject_id,
        {"organisation_id": world.org(who).id, "basis": "保密协议1号"},
    )


def former_member(world: World) -> Any:
    """Return somebody who judges needs now, and wrote for the firm before."""
    org = world.make_org("bureau", "GOV", "370200")
    if "former" not in world.users:
        roles = (Role.DISTRICT_REVIEWER,)
        world.users["former"] = world.make_user("former", org, roles)
    return world.users["former"]


def fill(world: World, kind: str) -> None:
    """Make an object in every state, tier and stage of a next version."""
    for who in CAST:
        world.user(who)
    secret = {SECRET_IN[kind]: f"第一步：{SECRET}。"}
    for state in PATHS[kind]:
        for disclosure in Disclosure:
            make(world, kind, state, disclosure=disclosure.value, **secret)
    for place, state in enumerate(NEXT_STATES[kind]):
        openness = (("FULL", "TARGETED"), ("NDA", "FULL"), ("TARGETED", "NDA"))[
            place % 3
        ]
        next_version(world, kind, state, openness, **secret)
    for disclosure in ("NDA", "TARGETED"):
        row = make(world, kind, PUBLISHED[kind], disclosure=disclosure, **secret)
        sign(world, kind, row.id, "broker")
        sign(world, kind, row.id, "expert")
    for owner in OTHERS_OWN:
        mine(world, kind, "DRAFT", owner)
        mine(world, kind, "SUBMITTED", owner, disclosure="TARGETED")
        mine(world, kind, PUBLISHED[kind], owner)
        mine(world, kind, PUBLISHED[kind], owner, disclosure="TARGETED")
    _begin_by_the_former(world, kind)
    if kind == "need":
        _fill_needs(world)
    at_rest = world.org("clerk")
    at_rest.state = OrganisationState.SUSPENDED
    at_rest.suspended_until = system(world.clock.now()).today + timedelta(days=30)
    at_rest.suspension_document = "鲁科字〔2026〕1号"
    world.session.commit()


def _begin_by_the_former(world: World, kind: str) -> None:
    """Have what somebody wrote who has left the unit since."""
    author = former_member(world).id
    for state in ("DRAFT", "SUBMITTED", PUBLISHED[kind]):
        for disclosure in ("FULL", "TARGETED"):
            make(world, kind, state, disclosure=disclosure).created_by = author
    row = next_version(world, kind, "SUBMITTED", ("FULL", "FULL"))
    row.created_by = author


def _fill_needs(world: World) -> None:
    """Make what only needs can be: meant for a unit, and past their day."""
    meant = [{"organisation_id": world.org("team").id}]
    make(world, "need", "POOLED", disclosure="TARGETED", intended_units=meant)
    for disclosure in ("FULL", "TARGETED"):
        for owner, state in (("firm", "POOLED"), ("firm", "SOLVED")):
            row = mine(world, "need", state, owner, disclosure=disclosure)
            row.valid_until = system(world.clock.now()).today - timedelta(days=1)


def callers(world: World) -> Iterator[tuple[str, Actor]]:
    """Yield everybody who may ask, among them some with more than one hat."""
    yield "system", system(world.clock.now())
    for who in READERS:
        yield who, world.actor(who)
    held = tokens.standings(world.session, former_member(world).id)
    former = Actor(
        now=world.clock.now(), user_id=former_member(world).id, standings=held
    )
    yield "former member, reviewer now", former
    yield "ex-member", replace(world.actor("firm"), standings=())
    for one, two in (("firm", "operator"), ("team", "district"), ("firm", "broker")):
        both = world.actor(one).standings + world.actor(two).standings
        yield f"{one} and {two}", replace(world.actor(one), standings=both)
    unverified = tuple(
        replace(standing, org_verified=False)
        for standing in world.actor("broker").standings
    )
    yield "broker at rest", replace(world.actor("broker"), standings=unverified)


def knows(world: World, actor: Actor, kind: str, subject: Any) -> bool:
    """Say in plain Python whether a caller may know of an object."""
    insider, reviewer = {
        "need": (policies.need_insider, policies.need_reviewer),
        "offer": (policies.offer_insider, policies.operator),
    }[kind]
    if insider(actor, subject):
        return True
    published = subject.published
    if reviewer(actor, subject) and (subject.released or published is not None):
        return True
    if published is None or subject.state not in SHOWN[kind]:
        return False
    if subject.owner_org.state is not OrganisationState.VERIFIED:
        return False
    until = getattr(subject, "valid_until", None)
    if until is not None and until < actor.today:
        return False
    if published.disclosure is not Disclosure.TARGETED:
        return True
    mine = {s.org_id for s in actor.standings if s.org_verified}
    signed = sa.select(DisclosureGrant.org_id).where(
        DisclosureGrant.subject_kind == kind, DisclosureGrant.subject_id == subject.id
    )
    meant = sa.select(NeedIntendedUnit.org_id).where(
        NeedIntendedUnit.version_id == published.id
    )
    return bool(mine & {*world.session.scalars(signed), *world.session.scalars(meant)})


def alone(world: World, actor: Actor, kind: str, subject_id: UUID) -> Any:
    """Return the row that an object, asked for alone, says it has; None for nobody's.

    It is made of the object's own answer, as JSON, by the names of a row. The answer
    itself comes beside it, as text.
    """
    service, (whole, row) = SERVICES[kind], SCHEMAS[kind]
    try:
        subject = service.get(world.session, actor, subject_id)
    except NotFound:
        return None
    shown = whole().dump(service.view(world.session, actor, subject))
    text = world.app.json.dumps(shown)
    said = json.loads(text)
    names = list(row().dump_fields)
    withheld = [name for name in said["withheld"] if name in names]
    read = {name: said[name] for name in names if name in said}
    return {**read, "withheld": withheld}, text


def listed(
    world: World,
    actor: Actor,
    kind: str,
    *,
    limit: int = 100,
    sort: str = "",
    **asked: Any,
) -> Iterator[tuple[bytes, Any]]:
    """Yield the pages of a list as they go over the wire, and as they were made."""
    cursor = None
    while True:
        found = SERVICES[kind].search(world.session, actor, **asked)
        page = found.page(limit=limit, cursor=cursor, sort=sort)
        with world.app.test_request_context():
            yield lists.written(page, SCHEMAS[kind][1]), page
        cursor = page.next
        if cursor is None:
            return


def wire(rows: list[Any], following: str | None, total: int) -> bytes:
    """Write a page as it must go over the wire."""
    return orjson.dumps({"items": rows, "next": following, "total": total}) + b"\n"


@pytest.mark.parametrize("kind", KINDS)
def test_a_list_is_byte_for_byte_what_its_objects_show_alone(
    world: World, kind: str
) -> None:
    fill(world, kind)
    model = MODELS[kind]
    ids = sorted(world.session.scalars(sa.select(model.id)), reverse=True)
    machine = system(world.clock.now())
    subjects = [SERVICES[kind].get(world.session, machine, i) for i in ids]
    seen: dict[str, int] = {}
    for who, actor in callers(world):
        expected = [alone(world, actor, kind, i) for i in ids]
        for subject, one in zip(subjects, expected, strict=True):
            assert (one is not None) == knows(world, actor, kind, subject), (
                who,
                subject.state,
                subject.released,
            )
        found = [one for one in expected if one is not None]
        rows = [row for row, _ in found]
        start, limit = 0, 17
        for body, page in listed(world, actor, kind, limit=limit):
            part = rows[start : start + limit]
            assert body == wire(part, page.next, len(rows)), who
            start += limit
        _is_sorted(world, actor, kind, ("updated", "-updated")[len(seen) % 2], rows)
        _filters_look_at_what_is_shown(world, actor, kind, rows)
        telling = {row["id"] for row, text in found if SECRET in text}
        hits = [
            row
            for _, page in listed(world, actor, kind, q=SECRET)
            for row in page.items
        ]
        assert {str(row["id"]) for row in hits} <= telling, who
        seen[who] = len(rows)
    assert 0 < seen["stranger"] == seen["ex-member"] < seen["broker"]
    assert seen["broker at rest"] == seen["stranger"]
    assert seen["stranger"] < seen["operator"] < seen["system"] == len(ids)


def _is_sorted(
    world: World, actor: Actor, kind: str, sort: str, rows: list[Any]
) -> None:
    """A list is in the order of what it shows, and its cursors hold only that."""
    ordered = sorted(
        rows,
        key=lambda row: (row["updated_at"], row["id"]),
        reverse=sort.startswith("-"),
    )
    found: list[Any] = []
    for _, page in listed(world, actor, kind, limit=19, sort=sort):
        found += [(row["updated_at"], row["id"]) for row in page.items]
        if page.next is not None:
            name, value, key = _read_cursor(page.next)
            assert name == sort
            assert (value, key) == (found[-1][0].isoformat(), str(found[-1][1]))
    assert [str(key) for _, key in found] == [row["id"] for row in ordered]


def _read_cursor(cursor: str) -> list[Any]:
    read: list[Any] = json.loads(base64.urlsafe_b64decode(cursor + "=="))
    return read


def _filters_look_at_what_is_shown(
    world: World, actor: Actor, kind: str, rows: list[Any]
) -> None:
    """What a filter finds, and its total, follow from what the reader is shown."""
    own = {str(org_id) for org_id in actor.org_ids}
    moments = sorted(row["updated_at"] for row in rows)
    later = moments[len(moments) // 2]
    filters: list[tuple[dict[str, Any], Callable[[Any], bool]]] = [
        *(
            ({"state": state}, lambda row, s=state: row["state"] == s)
            for state in ("SUBMITTED", PUBLISHED[kind])
        ),
        *(
            ({"disclosure": d.value}, lambda row, d=d: row["disclosure"] == d.value)
            for d in (Disclosure.NDA, Disclosure.TARGETED)
        ),
        ({"mine": True}, lambda row: row["owner_org"]["id"] in own),
        ({"mine": False}, lambda row: row["owner_org"]["id"] not in own),
        ({"region": "370200"}, lambda row: row["owner_org"]["region"][:4] == "3702"),
        ({"q": "下一版"}, lambda row: "下一版" in row["title"]),
        (
            {"updated_after": datetime.fromisoformat(later)},
            lambda row: row["updated_at"] > later,
        ),
    ]
    for asked, holds in filters:
        meant = [row for row in rows if holds(row)]
        start = 0
        for body, page in listed(world, actor, kind, **asked):
            part = meant[start : start + 100]
            assert body == wire(part, page.next, len(meant)), (asked, actor)
            start += 100


QUERIES: tuple[dict[str, Any], ...] = (
    {},
    {"sort": "updated"},
    {"sort": "-updated"},
    {"q": "铝合金"},
    {"disclosure": "FULL"},
    {"region": "370000"},
    {"mine": False},
)


def bodies(world: World, actor: Actor, kind: str) -> list[bytes]:
    """Return every page of every list that a caller asks for."""
    found = []
    for asked in (*QUERIES, {"state": PUBLISHED[kind]}):
        found += [body for body, _ in listed(world, actor, kind, limit=3, **asked)]
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_reader_may_not_know_changes_nothing_of_his_lists(
    world: World, kind: str
) -> None:
    for who in CAST:
        world.user(who)
    former_member(world)
    rows = [
        make(world, kind, PUBLISHED[kind], disclosure=disclosure)
        for disclosure in ("FULL", "NDA", "FULL", "NDA")
    ]
    world.session.commit()
    usual = {"need": "firm", "offer": "university"}[kind]
    outside = {
        who: actor
        for who, actor in callers(world)
        if who != "system" and world.orgs[usual].id not in actor.org_ids
    }
    before = {who: bodies(world, actor, kind) for who, actor in outside.items()}
    machine = system(world.clock.now())
    world.clock.advance(hours=2)
    make(world, kind)
    make(world, kind, disclosure="TARGETED")
    for row in rows[:2]:
        SERVICES[kind].edit(world.session, machine, row.id, {"title": "另一题目"})
    world.session.commit()
    for who, actor in outside.items():
        assert bodies(world, actor, kind) == before[who], who
    for row in rows[:2]:
        walk(world.session, machine, kind, row.id, "SUBMITTED")
    make(world, kind, "SUBMITTED")
    make(world, kind, PUBLISHED[kind], disclosure="TARGETED")
    for state in ("WITHDRAWN", "REJECTED") if kind == "need" else ("DELISTED",):
        make(world, kind, state)
    world.session.commit()
    judges = {"district", "former member, reviewer now"} if kind == "need" else set()
    for who, actor in outside.items():
        if not (who in judges or "operator" in who or "district" in who):
            assert bodies(world, actor, kind) == before[who], who
    changed = bodies(world, outside["operator"], kind)
    assert changed != before["operator"]
