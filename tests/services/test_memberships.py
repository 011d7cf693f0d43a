"""A unit keeps an administrator, the market an operator, and roles their giver."""

from __future__ import annotations

import threading

import pytest
import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace.domain.actors import system
from marketplace.domain.roles import OFFICIAL_ROLES, Role
from marketplace.errors import (
    Conflict,
    Forbidden,
    Invalid,
    MarketplaceError,
    NotFound,
    Stale,
)
from marketplace.models.users import Membership
from marketplace.services import memberships


def member(world, who) -> Membership:
    world.user(who)
    return world.session.scalars(
        sa.select(Membership).where(Membership.user_id == world.user(who).id)
    ).one()


def change(world, by, who, roles, **more) -> Membership:
    found = member(world, who)
    return memberships.change_roles(
        world.session, world.actor(by), found.org_id, found.id, roles, **more
    )


def end(world, by, who, **more) -> None:
    found = member(world, who)
    memberships.end(world.session, world.actor(by), found.org_id, found.id, **more)


def test_an_administrator_gives_and_takes_the_units_own_roles(world):
    for role in Role:
        if role in OFFICIAL_ROLES:
            with pytest.raises(Forbidden) as caught:
                change(world, "firm_admin", "firm", ["demand", role.value])
            assert caught.value.errors[0].pointer == "/roles"
            change(world, "operator", "firm", ["demand", role.value])
            with pytest.raises(Forbidden):
                change(world, "firm_admin", "firm", ["demand"])
            change(world, "firm_admin", "firm", ["supplier", role.value])
            change(world, "operator", "firm", ["demand"])
        else:
            change(world, "firm_admin", "firm", [role.value])
            assert member(world, "firm").roles == [role.value]


@pytest.mark.parametrize(
    ("roles", "where"), [([], "/roles"), (["demand", "king"], "/roles/1")]
)
def test_roles_exist_and_are_not_none(world, roles, where):
    with pytest.raises(Invalid) as caught:
        change(world, "firm_admin", "firm", roles)
    assert [e.pointer for e in caught.value.errors] == [where]


def test_the_last_administrator_neither_leaves_nor_is_demoted(world):
    for attempt in (
        lambda: end(world, "firm_admin", "firm_admin"),
        lambda: change(world, "firm_admin", "firm_admin", ["demand"]),
    ):
        with pytest.raises(Conflict):
            attempt()
    change(world, "operator", "firm_admin", ["demand"])
    change(world, "operator", "firm", ["unit_admin"])
    change(world, "operator", "firm_admin", ["unit_admin"])
    world.user("firm").disabled_at = world.clock.now()
    with pytest.raises(Conflict):
        end(world, "firm_admin", "firm_admin")
    world.user("firm").disabled_at = None
    end(world, "firm_admin", "firm_admin")
    with pytest.raises(Conflict):
        end(world, "firm", "firm")
    end(world, "operator", "firm")


def test_the_last_operator_stays(world):
    with pytest.raises(Conflict):
        change(world, "operator", "operator", ["demand"])
    world.user("operator_two")
    change(world, "operator", "operator_two", ["demand"])
    change(world, "operator", "operator_two", ["operator"])
    end(world, "operator", "operator_two")
    with pytest.raises(Conflict):
        end(world, "operator", "operator")


def test_a_member_may_leave_and_not_send_others_away(world):
    with pytest.raises(Forbidden):
        end(world, "firm", "firm_admin")
    end(world, "firm", "firm")
    world.session.commit()
    assert member(world, "firm").ended_at is not None
    assert world.actor("firm").standings == ()
    with pytest.raises(NotFound):
        end(world, "firm_admin", "firm")
    with pytest.raises(NotFound):
        change(world, "firm_admin", "firm", ["demand"])


def test_a_membership_is_found_in_its_own_unit_only(world):
    found = member(world, "team")
    with pytest.raises(NotFound):
        memberships.get(
            world.session, world.actor("operator"), world.org("firm").id, found.id
        )


def test_the_second_of_two_editors_is_told(world):
    read = member(world, "firm").revision
    change(world, "firm_admin", "firm", ["supplier"], expected=read)
    with pytest.raises(Stale):
        change(world, "firm_admin", "firm", ["demand"], expected=read)
    with pytest.raises(Stale):
        end(world, "firm_admin", "firm", expected=read)


def test_addresses_are_whole_for_the_administrator_and_oneself(world):
    world.user("firm")
    world.user("firm_admin")

    def listed(who):
        rows = memberships.search(
            world.session, world.actor(who), world.org("firm").id
        ).page()
        return {row["name"]: row["email"] for row in rows.items}

    whole = {"firm": "firm@example.test", "firm_admin": "firm_admin@example.test"}
    masked = dict.fromkeys(whole, "f***@example.test")
    assert listed("firm_admin") == whole
    assert listed("firm") == masked | {"firm": whole["firm"]}
    assert listed("operator") == masked


def test_two_administrators_who_demote_each_other_leave_one(world):
    org = world.org("firm")
    ours = [member(world, "firm"), member(world, "firm_admin")]
    actor = system(world.clock.now())
    for each in ours:
        memberships.change_roles(
            world.session, actor, org.id, each.id, ["unit_admin", "demand"]
        )
    actors = [world.actor("firm_admin"), world.actor("firm")]
    targets = [each.id for each in ours]
    org_id, engine = org.id, world.session.get_bind()
    world.session.commit()
    barrier = threading.Barrier(2)
    outcomes: list[str] = []

    def demote(who: int) -> None:
        with so.Session(engine) as session:
            barrier.wait()
            try:
                memberships.change_roles(
                    session, actors[who], org_id, targets[who], ["demand"]
                )
                session.commit()
                outcomes.append("done")
            except MarketplaceError as error:
                outcomes.append(error.code)

    threads = [threading.Thread(target=demote, args=(n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["conflict", "done"]
