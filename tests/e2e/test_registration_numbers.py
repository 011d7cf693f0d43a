"""Registration numbers have no gap and no double, however many reviewers there are."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace.domain.actors import Actor
from marketplace.domain.contracts import RegistrationState
from marketplace.domain.roles import Role
from marketplace.errors import Conflict, Invalid, Stale
from marketplace.models.registrations import Registration, RegistrationFact
from marketplace.services import contracts, events, payments, registrations
from tests import agreements
from tests.agreements import Deal, amounts
from tests.people import World

REVIEWERS = {"sqlite": 4, "postgres": 8}
CONTRACTS = {"sqlite": 16, "postgres": 40}
REGISTERED = "registered"


def reviewers(world: World, count: int) -> list[Actor]:
    """Return so many reviewers of the registry."""
    office = world.org("clerk")
    for number in range(count):
        name = f"reviewer_{number}"
        world.users[name] = world.make_user(name, office, (Role.REGISTRY_REVIEWER,))
    return [world.actor(f"reviewer_{number}") for number in range(count)]


def checked(world: World) -> Deal:
    """Make a contract whose papers have passed the first check."""
    deal = agreements.applied(world)
    deal.register("clerk", "accept")
    deal.register("clerk", "first-approve")
    return deal


def numbers(world: World) -> list[str]:
    """Return every number that the store holds, in order."""
    world.session.rollback()
    found = world.session.scalars(
        sa.select(Registration.reg_no).where(Registration.reg_no.is_not(None))
    )
    return sorted(number for number in found if number)


def unbroken(count: int) -> list[str]:
    return [f"2026370100{number:06d}" for number in range(1, count + 1)]


class Desk:
    """One reviewer with a session of his own."""

    def __init__(self, engine: sa.Engine, actor: Actor) -> None:
        self.engine, self.actor = engine, actor

    def register(self, contract_id: UUID, *, expected: str | None, slip: bool) -> str:
        """Register a contract and say what came of it.

        With ``slip`` the transaction fails after the number was taken.
        """
        with so.Session(self.engine) as own:
            try:
                registrations.act(
                    own, self.actor, contract_id, "register", expected=expected
                )
            except (Stale, Conflict) as error:
                own.rollback()
                return type(error).__name__
            if slip:
                own.rollback()
                return "slipped"
            own.commit()
            return REGISTERED


def test_eight_reviewers_leave_no_gap_and_no_double(world: World, store: str) -> None:
    judges = reviewers(world, REVIEWERS[store])
    deals = [checked(world) for _ in range(CONTRACTS[store])]
    ended, good = deals[::8], [d for n, d in enumerate(deals) if n % 8]
    for deal in ended:
        deal.act("firm_admin", "rescind", ground="LATE", comment="逾期未履行")
    revisions = {deal.id: str(deal.registration.revision) for deal in deals}
    world.session.commit()
    engine = world.session.get_bind()
    desks = [Desk(engine, judge) for judge in judges]
    dice = random.Random(20261123)  # noqa: S311 - an order, the same in every run
    turns = [
        (deal.id, expected, slip)
        for deal in deals
        for expected, slip in (
            (revisions[deal.id], False),
            (revisions[deal.id], True),
            (None, True),
            ("1", False),
        )
    ]
    dice.shuffle(turns)
    # The last turn of each contract is meant: whatever failed before, it is registered.
    turns += [(deal.id, None, False) for deal in deals]
    start = threading.Barrier(len(desks))

    def work(number: int) -> list[str]:
        start.wait(60)
        return [
            desks[number].register(contract_id, expected=expected, slip=slip)
            for contract_id, expected, slip in turns[number :: len(desks)]
        ]

    with ThreadPoolExecutor(len(desks)) as pool:
        outcomes = Counter(
            what for said in pool.map(work, range(len(desks))) for what in said
        )

    assert numbers(world) == unbroken(len(good))
    assert outcomes[REGISTERED] == len(good)
    assert {"slipped", "Stale", "Conflict"} <= set(outcomes)
    facts = world.session.scalars(sa.select(RegistrationFact)).all()
    assert Counter(f.contract_id for f in facts) == {d.id: 1 for d in good}
    assert list(events.verify(world.session)) == []


@pytest.mark.parametrize("read", [True, False])
def test_of_two_reviewers_at_one_contract_exactly_one_registers(
    world: World, store: str, read: bool
) -> None:
    judges = reviewers(world, 2)
    deals = [checked(world) for _ in range(CONTRACTS[store] // 4)]
    revisions = {d.id: str(d.registration.revision) if read else None for d in deals}
    world.session.commit()
    engine = world.session.get_bind()
    start = threading.Barrier(2)

    def work(judge: Actor) -> list[str]:
        said = []
        for deal_id, revision in revisions.items():
            start.wait(60)
            desk = Desk(engine, judge)
            said.append(desk.register(deal_id, expected=revision, slip=False))
        return said

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(work, judges)
    lost = "Stale" if read else "IllegalTransition"
    for pair in zip(first, second, strict=True):
        assert sorted(pair) == sorted((REGISTERED, lost))
    assert numbers(world) == unbroken(len(deals))


def at_once(world: World, *steps: Callable[[so.Session], object]) -> list[str]:
    """Take steps at the same moment, each in a session of its own."""
    world.session.commit()
    engine, start = world.session.get_bind(), threading.Barrier(len(steps))

    def work(step: Callable[[so.Session], object]) -> str:
        with so.Session(engine) as own:
            start.wait(60)
            try:
                step(own)
                own.commit()
            except (Stale, Conflict, Invalid) as error:
                own.rollback()
                return type(error).__name__
        return "done"

    with ThreadPoolExecutor(len(steps)) as pool:
        said = list(pool.map(work, steps))
    world.session.rollback()
    return said


@pytest.mark.parametrize("turn", range(6))
def test_a_payment_never_goes_above_an_amendment_that_is_signed_meanwhile(
    world: World, turn: int
) -> None:
    deal = agreements.effective(world, **amounts("1000", "1000"))
    number = deal.amend("firm", **amounts("500", "500")).number
    deal.decide("firm_admin", "sign", number)
    payer, signer = world.actor("firm"), world.actor("university_admin")
    given = {"kind": "received", "amount_yuan": "600", "paid_on": payer.today}
    steps: list[Callable[[so.Session], object]] = [
        lambda own: payments.record(own, payer, deal.id, given),
        lambda own: contracts.decide_amendment(
            own, signer, deal.id, number, "sign", signer="李示例"
        ),
    ]
    said = at_once(world, *(reversed(steps) if turn % 2 else steps))
    assert said.count("done") == 1
    assert deal.plan["net_yuan"] <= deal.contract.total_yuan


@pytest.mark.parametrize("turn", range(3))
def test_eight_clicks_on_one_payment_pay_once(world: World, turn: int) -> None:
    deal = agreements.effective(world, **amounts("1000", "900"))
    payer = world.actor("firm")
    given = {"kind": "received", "amount_yuan": "300", "paid_on": payer.today}
    given |= {"voucher": f"转-{turn}"}
    steps = [lambda own: payments.record(own, payer, deal.id, given)] * 8
    assert sorted(at_once(world, *steps)) == ["Conflict"] * 7 + ["done"]
    assert deal.plan["received_yuan"] == 300


def test_both_sides_sign_at_once_and_the_contract_stands(world: World) -> None:
    deal = agreements.draft(world)
    firm, university = world.actor("firm_admin"), world.actor("university_admin")
    said = at_once(
        world,
        lambda own: contracts.act(own, firm, deal.id, "sign", signer="张示例"),
        lambda own: contracts.act(own, university, deal.id, "sign", signer="李示例"),
    )
    assert said == ["done", "done"]
    assert deal.contract.state.value == "SIGNED"


def test_two_registries_of_one_place_share_their_numbers(world: World) -> None:
    world.make_org("second", "REG", "370100")
    both = (Role.REGISTRY_CLERK, Role.REGISTRY_REVIEWER)
    for name, key in (("clerk_b", "second"), ("reviewer_b", "second")):
        world.users[name] = world.make_user(name, world.orgs[key], both)
    for who, judge, office in (
        ("clerk", "reviewer", world.org("clerk")),
        ("clerk_b", "reviewer_b", world.orgs["second"]),
    ):
        deal = agreements.effective(world)
        with pytest.raises(Invalid):
            deal.register("university_admin", "apply", truthful=True)
        deal.register(
            "university_admin", "apply", truthful=True, registry_org_id=office.id
        )
        deal.register(who, "accept")
        deal.register(who, "first-approve")
        assert deal.register(judge, "register").state is RegistrationState.REGISTERED
    world.session.commit()
    assert numbers(world) == unbroken(2)
