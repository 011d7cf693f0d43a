"""Every route of people, units and disclosures, tried by every role and a stranger."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import count
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher

from marketplace.api import accounts, disclosures, organisations, teams
from marketplace.domain.needs import NeedState
from marketplace.domain.offers import OfferKind, OfferState
from marketplace.domain.organisations import OrganisationState
from marketplace.domain.roles import Role
from marketplace.models.needs import Need, NeedVersion
from marketplace.models.offers import Offer, OfferVersion
from marketplace.models.organisations import DisclosureGrant, Organisation, Team
from marketplace.models.users import Membership, User
from marketplace.services import invitations, passwords
from tests.people import CAST, PASSWORD, ROLES, World

EVERYBODY = (*ROLES, "stranger")
OPERATORS = {"operator", "operator_two"}
FIRM = {"firm", "firm_admin"}
ADMINS = {who for who, cast in CAST.items() if Role.UNIT_ADMIN in cast[3]}
NOBODY = UUID("018f0000-0000-7000-8000-000000000000")


@dataclass
class Scene:
    """One test's objects; what a request uses up is made anew for each caller."""

    world: World
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def firm(self) -> UUID:
        return self.world.org("firm").id

    @property
    def elsewhere(self) -> UUID:
        return self.world.make_org("elsewhere").id

    def add(self, row: Any) -> Any:
        self.world.session.add(row)
        self.world.session.flush()
        return row

    def stamps(self) -> dict[str, Any]:
        now = self.world.clock.now()
        return {"created_at": now, "updated_at": now}

    def org(self, state: OrganisationState) -> Organisation:
        more: dict[str, Any] = {
            "address": "测试路 1 号",
            "legal_rep": "王测试",
            "industry": "C32",
        }
        if state in {OrganisationState.SUSPENDED, OrganisationState.BLACKLISTED}:
            more |= {"suspended_until": date(2027, 1, 1), "suspension_document": "x"}
        key = f"scene{next(self.numbers)}"
        return self.world.make_org(key, state=state, **more)

    def member(self) -> Membership:
        org = self.world.org("firm")
        user = self.world.make_user(f"extra{next(self.numbers)}", org, (Role.DEMAND,))
        return self.world.session.scalars(
            sa.select(Membership).where(Membership.user_id == user.id)
        ).one()

    def team(self) -> Team:
        name = f"课题组{next(self.numbers)}"
        return self.add(Team(org_id=self.firm, name=name, **self.stamps()))

    def need(self) -> Need:
        now = self.world.clock.now()
        need = self.add(
            Need(
                need_no=f"N{next(self.numbers)}",
                owner_org_id=self.firm,
                state=NeedState.DRAFT,
                **self.stamps(),
            )
        )
        version = self.add(
            NeedVersion(need_id=need.id, number=1, title="甲", created_at=now)
        )
        need.working_version_id = need.published_version_id = version.id
        need.state = NeedState.POOLED
        return need

    def offer(self) -> Offer:
        now = self.world.clock.now()
        offer = self.add(
            Offer(
                ach_no=f"R{next(self.numbers)}",
                kind=OfferKind.RESULT,
                owner_org_id=self.firm,
                state=OfferState.DRAFT,
                **self.stamps(),
            )
        )
        version = self.add(
            OfferVersion(offer_id=offer.id, number=1, title="乙", created_at=now)
        )
        offer.working_version_id = offer.published_version_id = version.id
        offer.state = OfferState.LISTED
        return offer

    def grant(self, kind: str) -> DisclosureGrant:
        subject = self.need() if kind == "need" else self.offer()
        return self.add(
            DisclosureGrant(
                subject_kind=kind,
                subject_id=subject.id,
                org_id=self.world.org("team").id,
                granted_at=self.world.clock.now(),
                basis="协议",
            )
        )

    def invitation(self, email: str = "") -> tuple[str, UUID]:
        raw, row = invitations.create(
            self.world.session,
            self.world.actor("operator"),
            organisation_id=self.elsewhere if email else self.firm,
            email=email or f"guest{next(self.numbers)}@example.test",
            roles=["demand"],
        )
        return raw, row.id


Made = tuple[str, Any, Any]
"""Path, body, and the row whose revision stands in ``If-Match``."""
Make = Callable[[Scene, str], Made]


@dataclass(frozen=True)
class Row:
    """One route: how to call it, who may, and what the others are told."""

    method: str
    route: str
    allowed: set[str]
    made: Make
    ok: int = 200
    refused: int = 403
    public: int = 401
    note: str = ""
    last: bool = False
    """Whoever is served has other rights afterwards."""
    own: bool = False
    """The request differs from caller to caller."""


def acting(state: OrganisationState, action: str, **body: Any) -> Make:
    def make(scene: Scene, who: str) -> Made:
        org = scene.org(state)
        return f"/organisations/{org.id}/actions/{action}", body, org

    return make


def on_member(method: str) -> Make:
    def make(scene: Scene, who: str) -> Made:
        body = {"roles": ["supplier"]} if method == "PATCH" else None
        member = scene.member()
        return f"/organisations/{scene.firm}/members/{member.id}", body, member

    return make


def on_team(method: str) -> Make:
    def make(scene: Scene, who: str) -> Made:
        body = {"intro": "新"} if method == "PATCH" else None
        team = scene.team()
        return f"/organisations/{scene.firm}/teams/{team.id}", body, team

    return make


def at_firm(below: str = "", body: Any = None) -> Make:
    def make(scene: Scene, who: str) -> Made:
        return f"/organisations/{scene.firm}{below}", body, scene.world.org("firm")

    return make


def at_pending(body: Any = None) -> Make:
    def make(scene: Scene, who: str) -> Made:
        org = scene.world.org("pending_admin")
        return f"/organisations/{org.id}", body, org

    return make


def fixed(path: str, body: Any = None) -> Make:
    def make(scene: Scene, who: str) -> Made:
        own = path == "/me" and who in SIGNED_IN
        return path, body, scene.world.user(who) if own else None

    return make


def registering(scene: Scene, who: str) -> Made:
    name = f"新单位{next(scene.numbers)}"
    body = {"name": name, "org_type": "FIRM", "region": "370202"}
    return "/organisations", body, None


def new_team(scene: Scene, who: str) -> Made:
    body = {"name": f"新组{next(scene.numbers)}"}
    return f"/organisations/{scene.firm}/teams", body, None


def inviting(scene: Scene, who: str) -> Made:
    body = {
        "organisation_id": str(scene.firm),
        "email": f"invited{next(scene.numbers)}@example.test",
        "roles": ["demand"],
    }
    return "/invitations", body, None


def revoking(scene: Scene, who: str) -> Made:
    return f"/invitations/{scene.invitation()[1]}", None, None


def accepting(scene: Scene, who: str) -> Made:
    body = {"token": ""}
    if who == "stranger":
        body = {"name": "新人", "password": "a good long password"}
        body["token"] = scene.invitation()[0]
    elif who != "broker":
        body["token"] = scene.invitation(scene.world.user(who).email)[0]
    else:
        body["token"] = scene.invitation("somebody.else@example.test")[0]
    return "/invitations/accept", body, None


def on_user(action: str = "") -> Make:
    def make(scene: Scene, who: str) -> Made:
        user = scene.world.session.get_one(User, scene.member().user_id)
        if action:
            return f"/users/{user.id}/actions/{action}", {"comment": "x"}, user
        return f"/users/{user.id}", None, user

    return make


def disclosing(kind: str, method: str) -> Make:
    def make(scene: Scene, who: str) -> Made:
        if method == "DELETE":
            given = scene.grant(kind)
            path = f"/{kind}s/{given.subject_id}/disclosures/{given.id}"
            return path, None, None
        subject = scene.need() if kind == "need" else scene.offer()
        other = str(scene.world.org("team").id)
        body = {"organisation_id": other, "basis": "保密协议 1 号"}
        path = f"/{kind}s/{subject.id}/disclosures"
        return path, body if method == "POST" else None, None

    return make


ALL = set(EVERYBODY)
SIGNED_IN = set(ROLES)
KEEPERS = OPERATORS | {"firm_admin"}
INSIDERS = OPERATORS | FIRM
ORG, TEAM = "/organisations/<org_id>", "/organisations/<org_id>/teams/<team_id>"
MEMBER = "/organisations/<org_id>/members/<member_id>"
PENDING, VERIFIED, SUSPENDED, _, _ = OrganisationState
SANCTION = {"comment": "因故", "until": "2027-05-31", "document": "文"}
TABLE = (
    Row("POST", "/auth/tokens", ALL, fixed("/auth/tokens", None), ok=201),
    Row(
        "DELETE",
        "/auth/tokens/current",
        SIGNED_IN,
        fixed("/auth/tokens/current"),
        ok=204,
        last=True,
    ),
    Row("GET", "/me", SIGNED_IN, fixed("/me"), own=True),
    Row("PATCH", "/me", SIGNED_IN, fixed("/me", {"language": "en"}), own=True),
    Row("GET", "/users", OPERATORS, fixed("/users")),
    Row("GET", "/users/<user_id>", OPERATORS, on_user()),
    Row("POST", "/users/<user_id>/actions/<action>", OPERATORS, on_user("disable")),
    Row("POST", "/invitations", KEEPERS, inviting, ok=201),
    Row("GET", "/invitations", OPERATORS | ADMINS, fixed("/invitations")),
    Row(
        "DELETE",
        "/invitations/<invitation_id>",
        KEEPERS,
        revoking,
        ok=204,
        refused=404,
    ),
    Row(
        "POST",
        "/invitations/accept",
        ALL - {"broker"},
        accepting,
        ok=201,
        note="an invitation of one's own, and for the broker of somebody else",
        last=True,
        own=True,
    ),
    Row("GET", "/organisations", ALL, fixed("/organisations")),
    Row("POST", "/organisations", SIGNED_IN, registering, ok=201, last=True),
    Row("GET", ORG, ALL, at_firm()),
    Row(
        "GET", ORG, OPERATORS | {"pending_admin"}, at_pending(), 200, 404, 404, "hidden"
    ),
    Row("PATCH", ORG, KEEPERS, at_firm(body={"intro": "新"})),
    Row(
        "PATCH",
        ORG,
        OPERATORS | {"pending_admin"},
        at_pending({"intro": "新"}),
        200,
        404,
        404,
        "hidden",
    ),
    *(
        Row(
            "POST",
            f"{ORG}/actions/<action>",
            OPERATORS,
            acting(state, action, **body),
            refused=403 if state is VERIFIED else 404,
            public=401 if state is VERIFIED else 404,
            note=action,
        )
        for state, action, body in (
            (PENDING, "verify", {}),
            (VERIFIED, "suspend", SANCTION),
            (VERIFIED, "blacklist", SANCTION),
            (SUSPENDED, "reinstate", {"comment": "因故"}),
            (VERIFIED, "close", {"comment": "因故"}),
        )
    ),
    Row("GET", f"{ORG}/contact", INSIDERS, at_firm("/contact")),
    Row("GET", f"{ORG}/events", INSIDERS, at_firm("/events")),
    Row("GET", f"{ORG}/members", INSIDERS, at_firm("/members")),
    Row("GET", MEMBER, INSIDERS, on_member("GET")),
    Row("PATCH", MEMBER, KEEPERS, on_member("PATCH")),
    Row("DELETE", MEMBER, KEEPERS, on_member("DELETE"), ok=204),
    Row("GET", f"{ORG}/teams", ALL, at_firm("/teams")),
    Row("POST", f"{ORG}/teams", KEEPERS, new_team, ok=201),
    Row("GET", TEAM, ALL, on_team("GET")),
    Row("PATCH", TEAM, KEEPERS, on_team("PATCH")),
    Row("DELETE", TEAM, KEEPERS, on_team("DELETE"), ok=204),
    *(
        Row(method, f"/{kind}s/<{kind}_id>/disclosures{below}", allowed, made, ok)
        for kind in ("need", "offer")
        for method, below, allowed, made, ok in (
            ("GET", "", INSIDERS, disclosing(kind, "GET"), 200),
            ("POST", "", {"firm_admin"}, disclosing(kind, "POST"), 201),
            ("DELETE", "/<grant_id>", {"firm_admin"}, disclosing(kind, "DELETE"), 204),
        )
    ),
)


@pytest.fixture(autouse=True)
def _cheap(monkeypatch):
    cheap = PasswordHasher(
        time_cost=1, memory_cost=8, parallelism=1, hash_len=16, salt_len=12
    )
    monkeypatch.setattr(passwords, "HASHER", cheap)


def test_every_route_serves_whom_it_is_for(world: World) -> None:
    scene = Scene(world)
    clients = {who: world.client(who) for who in EVERYBODY}
    world.user("firm")
    wrong = []
    for row in sorted(TABLE, key=lambda row: (row.last, "current" in row.route)):
        made: Made | None = None
        for who, client in clients.items():
            if made is None or row.own:
                made = row.made(scene, who)
            path, body, subject = made
            if row.route == "/auth/tokens":
                body = {"email": "firm@example.test", "password": PASSWORD}
            headers = {}
            if subject is not None:
                world.session.refresh(subject)
                headers = {"If-Match": f'"{subject.revision}"'}
            answer = client.open(row.method, path, json=body, headers=headers)
            wanted = row.public if who == "stranger" else row.refused
            if who in row.allowed:
                wanted = row.ok
                made = made if row.method == "GET" else None
            if answer.status_code != wanted:
                told = answer.get_data(as_text=True)
                wrong.append((row.method, path, who, answer.status_code, wanted, told))
            if wanted >= 400:
                assert answer.content_type == "application/problem+json"
    assert wrong == []


def test_the_table_knows_every_route(world: World) -> None:
    ours = {module.__name__ for module in (accounts, disclosures, organisations, teams)}
    known = {(row.method, row.route) for row in TABLE}
    found = set()
    for rule in world.app.url_map.iter_rules():
        view = world.app.view_functions[rule.endpoint]
        if view.__module__ in ours and rule.methods:
            route = rule.rule.removeprefix("/api/v1").replace("uuid:", "")
            methods = rule.methods - {"HEAD", "OPTIONS"}
            found |= {(method, route) for method in methods}
    assert found == known


def test_a_change_of_an_object_says_what_was_read(world: World) -> None:
    scene, client = Scene(world), world.client("operator")
    changes: list[tuple[str, Made]] = [
        ("PATCH", ("/me", {"name": "x"}, None)),
        ("PATCH", (f"/organisations/{scene.firm}", {"intro": "x"}, None)),
        ("PATCH", on_member("PATCH")(scene, "operator")),
        ("PATCH", on_team("PATCH")(scene, "operator")),
        ("DELETE", on_member("DELETE")(scene, "operator")),
        ("DELETE", on_team("DELETE")(scene, "operator")),
        ("POST", on_user("disable")(scene, "operator")),
        ("POST", acting(VERIFIED, "close", comment="x")(scene, "operator")),
    ]
    for method, (path, body, _) in changes:
        missing = client.open(method, path, json=body)
        assert (path, missing.status_code) == (path, 428)
        for wrong in ('"999"', "nonsense", f'"{10**40}"'):
            headers = {"If-Match": wrong}
            stale = client.open(method, path, json=body, headers=headers)
            assert (path, wrong, stale.status_code) == (path, wrong, 412)


def test_what_does_not_exist_is_not_found(world: World) -> None:
    scene, client = Scene(world), world.client("operator")
    for path in (
        f"/organisations/{NOBODY}",
        f"/organisations/{NOBODY}/contact",
        f"/organisations/{NOBODY}/members",
        f"/organisations/{NOBODY}/teams",
        f"/organisations/{NOBODY}/events",
        f"/organisations/{scene.firm}/members/{NOBODY}",
        f"/organisations/{scene.firm}/teams/{NOBODY}",
        f"/users/{NOBODY}",
        f"/needs/{NOBODY}/disclosures",
        f"/offers/{NOBODY}/disclosures",
        f"/invitations?organisation_id={NOBODY}",
    ):
        assert (path, client.get(path).status_code) == (path, 404)
