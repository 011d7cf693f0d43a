"""A seat is offered once, taken once, by whom it was offered to."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
import sqlalchemy as sa
import sqlalchemy.orm as so
from argon2 import PasswordHasher

from marketplace.domain.actors import Actor
from marketplace.domain.organisations import OrganisationState
from marketplace.domain.roles import OFFICIAL_ROLES, Role
from marketplace.errors import (
    Conflict,
    Forbidden,
    Invalid,
    MarketplaceError,
    NotFound,
)
from marketplace.models.ledger import Event
from marketplace.models.users import Invitation, Membership, User
from marketplace.services import invitations, memberships, passwords, tokens

NEW = {"name": "新同事", "password": "a good long password"}


@pytest.fixture(autouse=True)
def _cheap(monkeypatch):
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "HASHER", cheap)


def invite(world, who="firm_admin", org="firm", email="New@Example.test", roles=None):
    return invitations.create(
        world.session,
        world.actor(who),
        organisation_id=world.org(org).id,
        email=email,
        roles=roles or ["demand"],
    )


def accept(world, raw, actor=None, **data) -> User:
    actor = actor or Actor(now=world.clock.now())
    return invitations.accept(world.session, actor, {"token": raw, **data})


def member_of(world, user, org="firm") -> Membership:
    return world.session.scalars(
        sa.select(Membership).where(
            Membership.user_id == user.id, Membership.org_id == world.org(org).id
        )
    ).one()


def test_a_new_person_comes_in_with_the_roles_that_were_offered(world):
    raw, invitation = invite(world, roles=["unit_admin", "demand"])
    user = accept(world, raw, **NEW)
    world.session.commit()
    assert (user.email, user.name) == ("new@example.test", "新同事")
    assert member_of(world, user).roles == ["demand", "unit_admin"]
    assert invitation.accepted_by == user.id
    assert passwords.matches(user.password_hash, NEW["password"])


def test_the_secret_is_kept_as_a_hash_and_nowhere_else(world):
    raw, invitation = invite(world)
    accept(world, raw, **NEW)
    world.session.commit()
    assert invitation.token_hash == tokens.digest(raw)
    for event in world.session.scalars(sa.select(Event)):
        written = str([event.changes, event.comment])
        for secret in (raw, invitation.token_hash, "new@example.test", NEW["password"]):
            assert secret not in written


def test_who_has_an_account_takes_it_signed_in(world):
    user = world.user("team")
    raw, _ = invite(world, email=user.email, roles=["demand"])
    with pytest.raises(Conflict) as caught:
        accept(world, raw, **NEW)
    assert caught.value.errors[0].code == "email_taken"
    with pytest.raises(Invalid) as caught:
        accept(world, raw, world.actor("team"), name="x")
    assert caught.value.errors[0].pointer == "/name"
    assert accept(world, raw, world.actor("team")).id == user.id
    assert member_of(world, user).roles == ["demand"]
    assert len(tokens.standings(world.session, user.id)) == 2


def test_nobody_takes_the_seat_of_another(world):
    raw, invitation = invite(world, email=world.user("team").email)
    with pytest.raises(Forbidden):
        accept(world, raw, world.actor("broker"))
    assert invitation.accepted_at is None


def test_it_is_taken_once(world):
    raw, _ = invite(world)
    accept(world, raw, **NEW)
    with pytest.raises(Conflict):
        accept(world, raw, **NEW)
    with pytest.raises(NotFound):
        accept(world, "jbi_never_written", **NEW)


def test_two_at_once_take_it_once(world):
    raw, _ = invite(world)
    world.session.commit()
    engine = world.session.get_bind()
    outcomes: list[str] = []
    barrier = threading.Barrier(2)
    actor = Actor(now=world.clock.now())

    def take() -> None:
        with so.Session(engine) as session:
            barrier.wait()
            try:
                invitations.accept(session, actor, {"token": raw, **NEW})
                session.commit()
                outcomes.append("taken")
            except MarketplaceError as error:
                outcomes.append(error.code)

    threads = [threading.Thread(target=take) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["conflict", "taken"]
    counted = sa.select(sa.func.count(User.id)).where(User.email == "new@example.test")
    assert world.session.scalar(counted) == 1


def test_it_expires(world):
    raw, _ = invite(world)
    world.clock.advance(days=7)
    with pytest.raises(Conflict) as caught:
        accept(world, raw, **NEW)
    assert caught.value.detail.en == "the invitation has expired"


def test_it_ends_when_taken_back_or_written_anew(world):
    first, _ = invite(world)
    second, invitation = invite(world, email="new@EXAMPLE.test")
    with pytest.raises(Conflict):
        accept(world, first, **NEW)
    invitations.revoke(world.session, world.actor("firm_admin"), invitation.id)
    with pytest.raises(Conflict):
        accept(world, second, **NEW)
    with pytest.raises(NotFound):
        invitations.revoke(world.session, world.actor("firm_admin"), invitation.id)


def test_a_closed_unit_takes_nobody_in(world):
    raw, _ = invite(world)
    world.org("firm").state = OrganisationState.CLOSED
    world.session.flush()
    with pytest.raises(Conflict):
        accept(world, raw, **NEW)
    with pytest.raises(Conflict):
        invite(world, "operator")


@pytest.mark.parametrize(
    ("data", "where"),
    [
        ({}, ["/name", "/password"]),
        ({"name": "x", "password": "short"}, ["/password"]),
        ({"name": "  ", "password": "a good long password"}, ["/name"]),
        ({"name": "x", "password": "new@example.test"}, ["/password"]),
    ],
)
def test_a_new_person_gives_a_name_and_a_good_password(world, data, where):
    raw, invitation = invite(world)
    with pytest.raises(Invalid) as caught:
        accept(world, raw, **data)
    assert [e.pointer for e in caught.value.errors] == where
    assert invitation.accepted_at is None


def test_a_unit_does_not_make_its_own_reviewers(world):
    for role in Role:
        if role in OFFICIAL_ROLES:
            with pytest.raises(Forbidden) as caught:
                invite(world, email=f"{role}@example.test", roles=[role.value])
            assert caught.value.errors[0].pointer == "/roles"
        else:
            assert invite(world, email=f"{role}@example.test", roles=[role.value])
        assert invite(
            world, "operator", email=f"o.{role}@example.test", roles=[role.value]
        )


def test_a_member_is_not_invited_but_given_roles(world):
    with pytest.raises(Conflict) as caught:
        invite(world, email=world.user("firm").email)
    assert caught.value.errors[0].code == "already_member"


def test_who_left_comes_back_with_the_new_roles_only(world):
    user = world.user("firm")
    member = member_of(world, user)
    member.roles = ["demand", "expert"]
    memberships.end(
        world.session, world.actor("firm_admin"), world.org("firm").id, member.id
    )
    raw, _ = invite(world, email=user.email, roles=["supplier"])
    accept(world, raw, world.actor("firm"))
    assert member_of(world, user).roles == ["supplier"]
    assert member_of(world, user).ended_at is None


def test_a_list_shows_what_waits_and_to_whom_it_belongs(world):
    invite(world)
    invite(world, "operator", "team", email="other@example.test")
    gone, _ = invite(world, email="gone@example.test")
    accept(world, gone, **NEW)

    def listed(who, **filters):
        page = invitations.search(world.session, world.actor(who), **filters).page()
        return {(row["organisation"]["id"], row["email"]) for row in page.items}

    firm, university = world.org("firm").id, world.org("team").id
    assert listed("firm_admin") == {(firm, "new@example.test")}
    assert listed("university_admin") == {(university, "other@example.test")}
    assert listed("operator") == {
        (firm, "n***@example.test"),
        (university, "other@example.test"),
    }
    assert listed("operator", organisation_id=firm) == {(firm, "n***@example.test")}
    for who in ("firm", "broker"):
        with pytest.raises(Forbidden):
            listed(who)
    with pytest.raises(Forbidden):
        listed("firm_admin", organisation_id=university)
    world.clock.advance(days=7)
    assert listed("operator") == set()


def test_a_stranger_to_the_unit_does_not_learn_of_an_invitation(world):
    _, invitation = invite(world)
    with pytest.raises(NotFound):
        invitations.revoke(
            world.session, world.actor("university_admin"), invitation.id
        )
    assert world.session.get_one(Invitation, invitation.id).revoked_at is None


def test_the_invited_ones_rights_are_read_anew(world):
    raw, _ = invite(world, email=world.user("team").email)
    before = replace(world.actor("team"), standings=())
    accept(world, raw, before)
    begun = sa.select(Event).where(Event.action == "membership.begin")
    event = world.session.scalars(begun).one()
    assert event.actor_org_id == world.org("firm").id
    assert event.changes["roles"] == {"old": [], "new": ["demand"]}
