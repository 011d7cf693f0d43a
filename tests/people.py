"""The people that tests need: one of each role, in organisations of their own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import sqlalchemy.orm as so
from flask import Flask
from flask.testing import FlaskClient
from stdnum.cn import uscc

from marketplace.domain.actors import Actor
from marketplace.domain.clock import FixedClock
from marketplace.domain.organisations import OrganisationState
from marketplace.domain.roles import Role
from marketplace.models.organisations import Organisation
from marketplace.models.users import Membership, User
from marketplace.services import tokens

PASSWORD = "jiebang-test-2026"
PASSWORD_HASH = "$argon2id$v=19$m=8,t=1,p=1$amllYmFuZy1zYWx0$Ash0WPaQ3bD5M2OwY9MevA"
CAST: dict[str, tuple[str, str, str, tuple[Role, ...]]] = {
    # who: (organisation, its type, region of its seat, roles)
    "firm": ("firm", "FIRM", "370202", (Role.DEMAND,)),
    "firm_admin": ("firm", "FIRM", "370202", (Role.DEMAND, Role.UNIT_ADMIN)),
    "other_firm": ("other", "FIRM", "370102", (Role.DEMAND, Role.UNIT_ADMIN)),
    "team": ("university", "UNIV", "370102", (Role.SUPPLIER,)),
    "university_admin": (
        "university",
        "UNIV",
        "370102",
        (Role.SUPPLIER, Role.UNIT_ADMIN),
    ),
    "district": ("district", "GOV", "370200", (Role.DISTRICT_REVIEWER,)),
    "far_district": ("far", "GOV", "370100", (Role.DISTRICT_REVIEWER,)),
    "operator": ("operator", "OPER", "370100", (Role.OPERATOR,)),
    "operator_two": ("operator", "OPER", "370100", (Role.OPERATOR,)),
    "expert": ("panel", "OTHER", "370100", (Role.EXPERT,)),
    "final_user": ("user", "FIRM", "370102", (Role.FINAL_USER,)),
    "broker": ("broker", "TTO", "370100", (Role.BROKER,)),
    "clerk": ("registry", "REG", "370100", (Role.REGISTRY_CLERK,)),
    "reviewer": ("registry", "REG", "370100", (Role.REGISTRY_REVIEWER,)),
    "province": ("province", "GOV", "370000", (Role.PROVINCIAL_AUTHORITY,)),
    "fund": ("fund", "FIN", "370100", (Role.FUND_MANAGER,)),
    "pending_admin": ("pending", "FIRM", "370202", (Role.DEMAND, Role.UNIT_ADMIN)),
}
ROLES = tuple(CAST)


def valid_uscc(number: int) -> str:
    """Return an invented unified social credit code with right check characters."""
    body = f"91370100MA{number:06d}"
    organisation = body[8:]
    weights = (3, 7, 9, 10, 5, 8, 4, 2)
    values = [int(c, 36) for c in organisation]
    check = (11 - sum(w * v for w, v in zip(weights, values, strict=True)) % 11) % 11
    body += "X" if check == 10 else str(check)
    return body + uscc.calc_check_digit(body)


@dataclass
class World:
    """Organisations and people of one test."""

    session: so.Session
    clock: FixedClock
    app: Flask
    orgs: dict[str, Organisation] = field(default_factory=dict)
    users: dict[str, User] = field(default_factory=dict)

    def org(self, who: str) -> Organisation:
        """Return the organisation of one of the cast."""
        self.user(who)
        return self.orgs[CAST[who][0]]

    def make_org(
        self, key: str, org_type: str = "FIRM", region: str = "370202", **more: Any
    ) -> Organisation:
        """Make an organisation, verified unless told otherwise."""
        if key in self.orgs:
            return self.orgs[key]
        now = self.clock.now()
        state = OrganisationState.VERIFIED
        if key == "pending":
            state = OrganisationState.PENDING
        values: dict[str, Any] = {
            "name": f"{key}单位（测试）",
            "name_key": f"{key}单位(测试)",
            "uscc": valid_uscc(len(self.orgs) + 1),
            "org_type": org_type,
            "region": region,
            "contact_name": "测试员",
            "contact_phone": "13800001234",
            "contact_email": f"{key}@example.test",
            "intro": "测试单位",
            "state": state,
            "created_at": now,
            "updated_at": now,
            **more,
        }
        org = Organisation(**values)
        self.session.add(org)
        self.session.flush()
        self.orgs[key] = org
        return org

    def user(self, who: str) -> User:
        """Return one of the cast, made when first asked for."""
        if who in self.users:
            return self.users[who]
        key, org_type, region, roles = CAST[who]
        org = self.make_org(key, org_type, region)
        user = self.make_user(who, org, roles)
        self.users[who] = user
        return user

    def make_user(self, name: str, org: Organisation, roles: tuple[Role, ...]) -> User:
        """Make a person with one membership."""
        now = self.clock.now()
        user = User(
            email=f"{name}@example.test",
            name=name,
            password_hash=PASSWORD_HASH,
            created_at=now,
            updated_at=now,
        )
        self.session.add(user)
        self.session.flush()
        self.session.add(
            Membership(
                user_id=user.id,
                org_id=org.id,
                roles=[r.value for r in roles],
                created_at=now,
                updated_at=now,
            )
        )
        self.session.flush()
        return user

    def actor(self, who: str) -> Actor:
        """Return one of the cast as the caller of a service; ``stranger`` is nobody."""
        if who == "stranger":
            return Actor(now=self.clock.now())
        user = self.user(who)
        return Actor(
            now=self.clock.now(),
            user_id=user.id,
            standings=tokens.standings(self.session, user.id),
        )

    def client(self, who: str) -> Client:
        """Return an HTTP client that is signed in as one of the cast."""
        headers = {}
        if who != "stranger":
            raw, _ = tokens.issue(
                self.session, self.user(who), self.clock.now(), hours=24
            )
            headers["Authorization"] = f"Bearer {raw}"
        self.session.commit()
        return Client(self.app.test_client(), headers, self.session)


@dataclass
class Client:
    """A test client that carries its token and speaks JSON."""

    inner: FlaskClient
    headers: dict[str, str]
    session: so.Session

    def open(self, method: str, path: str, **more: Any) -> Any:
        """Send a request; ``path`` is below ``/api/v1`` unless it says otherwise.

        The test's own session commits first: SQLite has one writer at a time.
        """
        self.session.commit()
        headers = {**self.headers, **more.pop("headers", {})}
        if not path.startswith(("/api", "/healthz", "/readyz", "/metrics")):
            path = "/api/v1" + path
        return self.inner.open(path, method=method, headers=headers, **more)

    def get(self, path: str, **more: Any) -> Any:
        """GET."""
        return self.open("GET", path, **more)

    def post(self, path: str, json: Any = None, **more: Any) -> Any:
        """POST."""
        return self.open("POST", path, json=json, **more)

    def patch(
        self, path: str, json: Any = None, etag: str | None = None, **more: Any
    ) -> Any:
        """PATCH with an ``If-Match``."""
        headers = {"If-Match": etag} if etag else {}
        return self.open("PATCH", path, json=json, headers=headers, **more)

    def delete(self, path: str, etag: str | None = None, **more: Any) -> Any:
        """DELETE with an ``If-Match``."""
        headers = {"If-Match": etag} if etag else {}
        return self.open("DELETE", path, headers=headers, **more)

    def act(self, path: str, action: str, json: Any = None, **more: Any) -> Any:
        """Read the object's ETag and take one action on it."""
        etag = self.get(path).headers.get("ETag", '"0"')
        headers = {"If-Match": etag, **more.pop("headers", {})}
        return self.open(
            "POST", f"{path}/actions/{action}", json=json or {}, headers=headers, **more
        )


def ids(rows: list[dict[str, Any]]) -> list[UUID]:
    """Return the identifiers of listed objects."""
    return [UUID(row["id"]) for row in rows]
