"""The funnel: how far needs come, how long they stay, and why they leave."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from marketplace.domain.contracts import PaymentKind, Side
from marketplace.domain.dockings import DockingSide, DockingState
from marketplace.errors import Forbidden, Invalid, Unauthenticated
from marketplace.models.contracts import (
    Contract,
    ContractParty,
    ContractPayment,
    ContractVersion,
)
from marketplace.models.dockings import Docking
from marketplace.models.matches import MatchFeedback
from marketplace.services import funnels, indicators
from tests.listings import make_need, make_offer
from tests.people import World
from tests.registers import Book, event, write_events


class Thread:
    """A need that is carried on day by day, by events alone."""

    def __init__(self, world: World, state: str = "POOLED") -> None:
        self.world, self.session = world, world.session
        self.need = make_need(world, state)
        self.at: datetime = world.clock.now()

    def after(self, days: int) -> datetime:
        self.at += timedelta(days=days)
        return self.at

    def tell(self, kind: str, subject: UUID, action: str, days: int, to: str) -> None:
        row = event(kind, subject, action, self.after(days), to)
        write_events(self.session, [row])

    def dock(self, days: int, **more: Any) -> Docking:
        offer = make_offer(self.world, "LISTED")
        docking = Docking(
            docking_no=f"DJ{len(more)}{offer.id.hex[-8:]}",
            need_id=self.need.id,
            offer_id=offer.id,
            need_org_id=self.world.org("firm").id,
            offer_org_id=self.world.org("team").id,
            opened_side=DockingSide.NEED,
            match={"rank": 1},
            state=DockingState.INTERESTED,
            created_at=self.at,
            updated_at=self.at,
            **more,
        )
        self.session.add(docking)
        self.session.flush()
        self.tell("docking", docking.id, "open", days, "INTERESTED")
        return docking

    def contract(self, docking: Docking | None, **more: Any) -> UUID:
        book = Book(self.world.org("team").id)
        made = book.contract(
            need_id=self.need.id,
            docking_id=docking.id if docking else None,
            total_yuan=Decimal("100.00"),
            **{"contract_class": "D1", **more},
        )
        book.save(self.session)
        for position, (side, who) in enumerate(
            ((Side.BUYER, "firm"), (Side.SELLER, "team"))
        ):
            self.session.add(
                ContractParty(
                    contract_id=made,
                    position=position,
                    side=side,
                    org_id=self.world.org(who).id,
                    name=who,
                )
            )
        self.version(made, 1, self.at, more.get("contract_class", "D1"), "100.00")
        return made

    def version(
        self, contract: UUID, number: int, at: datetime, letter: str, total: str
    ) -> None:
        self.session.add(
            ContractVersion(
                contract_id=contract,
                number=number,
                state="IN_FORCE" if number == 1 else "SUPERSEDED",
                content={"contract_class": letter, "total_yuan": total},
                created_at=at,
                in_force_at=at,
                signatures=[],
            )
        )
        self.session.flush()

    def lose(self, docking: Docking, days: int, reason: str) -> None:
        row = event("docking", docking.id, "decline", self.after(days), "LOST")
        told = {"reason": {"old": None, "new": reason}}
        write_events(self.session, [{**row, "changes": told}])
        docking.state, docking.lost_reason = DockingState.LOST, reason
        self.session.flush()

    def pay(self, contract: UUID, days: int, amount: str, number: int) -> None:
        self.session.add(
            ContractPayment(
                contract_id=contract,
                number=number,
                kind=PaymentKind.RECEIVED,
                paid_on=self.after(days).date(),
                amount_yuan=Decimal(amount),
                technical_yuan=Decimal(0),
                technical_income_yuan=Decimal(0),
                recorded_at=self.at,
            )
        )
        self.session.flush()


def whole_thread(world: World) -> Thread:
    """Carry one need from its filing to the last payment, a few days a stage."""
    thread = Thread(world)
    docking = thread.dock(2, broker_org_id=world.org("broker").id)
    thread.tell("docking", docking.id, "accept", 3, "CONTACTED")
    thread.tell("docking", docking.id, "log-meeting", 4, "MEETING")
    contract = thread.contract(docking)
    thread.tell("contract", contract, "conclude", 5, "SIGNED")
    thread.tell("contract", contract, "take-effect", 1, "EFFECTIVE")
    book = Book(world.org("team").id)
    day = thread.after(5).date()
    book.enter(contract, day, "100.00", at=thread.at)
    book.save(world.session)
    thread.pay(contract, 1, "60.00", 1)
    thread.tell("contract", contract, "complete", 6, "COMPLETED")
    thread.pay(contract, 8, "40.00", 2)
    world.clock.at = thread.at
    return thread


def show(world: World, who: str = "operator", **more: Any) -> funnels.Funnel:
    return funnels.funnel(world.session, world.actor(who), **more)


def counts(branch: funnels.Branch) -> list[int]:
    return [stage.count for stage in branch.stages]


def test_one_thread_is_in_every_stage_with_its_days(world: World) -> None:
    thread = whole_thread(world)
    begun = thread.need.created_at
    found = show(world, period="2026")
    assert counts(found.whole) == [1] * 9
    assert [s.skipped for s in found.whole.stages] == [0] * 9
    medians = [s.median for s in found.whole.stages]
    assert medians[2:] == [3, 4, 5, 6, 7, 8, None]
    assert medians[0] is not None
    early = show(world, period="2026", as_of=begun + timedelta(days=20))
    assert counts(early.whole)[:5] == [1] * 5
    assert counts(early.whole)[7:] == [0, 0]
    for by, key in (
        ("city", "370200"),
        ("district", "370202"),
        ("class", "D"),
        ("broker", str(world.org("broker").id)),
    ):
        branches = show(world, period="2026", by=by).branches
        assert [(b.key, counts(b)) for b in branches] == [(key, [1] * 9)], by
    assert counts(show(world, period="2025").whole) == [0] * 9


def test_dockings_count_once_a_pair_and_succeed_when_their_contract_takes_effect(
    world: World,
) -> None:
    whole_thread(world)
    for code in ("DOCK_N", "DOCK_OK"):
        figure = indicators.figure(
            world.session, world.actor("operator"), code, period="2026", by=["city"]
        )
        assert [c.value for c in figure.cells] == [1], code
        rows = indicators.rows(
            world.session, world.actor("operator"), code, period="2026"
        )
        assert [r["count"] for r in rows.page().items] == [1], code


def test_a_later_stage_means_the_ones_before_it_and_gives_no_time(
    world: World,
) -> None:
    thread = Thread(world)
    contract = thread.contract(None)
    thread.tell("contract", contract, "conclude", 5, "SIGNED")
    world.clock.at = thread.at
    stages = show(world, period="2026").whole.stages
    assert [s.count for s in stages] == [1] * 6 + [0] * 3
    assert [s.skipped for s in stages] == [0, 0, 1, 1, 1, 0, 0, 0, 0]
    assert [s.timed for s in stages] == [1, 0, 0, 0, 0, 0, 0, 0, 0]


def test_a_pair_that_was_judged_to_fit_is_matched(world: World) -> None:
    thread = Thread(world)
    offer = make_offer(world, "LISTED")
    for who, verdict in (("firm", "irrelevant"), ("firm_admin", "useful")):
        row = MatchFeedback(
            need_id=thread.need.id,
            offer_id=offer.id,
            user_id=world.user(who).id,
            verdict=verdict,
            created_at=thread.at,
            updated_at=thread.at,
        )
        world.session.add(row)
        world.session.flush()
        thread.tell("match", row.id, "feedback", 1, None)  # type: ignore[arg-type]
        world.clock.at = thread.at
        assert counts(show(world, period="2026").whole)[2] == (verdict == "useful")


def test_who_leaves_is_counted_by_stage_and_coded_reason(world: World) -> None:
    thread = Thread(world)
    docking = thread.dock(1)
    thread.lose(docking, 1, "indicator-missed")
    thread.tell("need", thread.need.id, "expire", 1, "EXPIRED")
    world.clock.at = thread.at
    exits = [
        (e.stage, e.kind, e.reason, e.count)
        for e in show(world, period="2026").whole.exits
    ]
    assert exits == [
        ("matched", "need", "EXPIRED", 1),
        ("docked", "docking", "indicator-missed", 1),
    ]
    before = show(world, period="2026", as_of=thread.at - timedelta(days=2))
    assert before.whole.exits == ()


def test_a_need_that_went_on_with_another_has_not_left(world: World) -> None:
    thread = Thread(world)
    thread.lose(thread.dock(1), 1, "price")
    other = thread.dock(1, broker_org_id=world.org("broker").id)
    thread.tell("docking", other.id, "accept", 1, "CONTACTED")
    world.clock.at = thread.at
    assert show(world, period="2026").whole.exits == ()
    thread.lose(other, 1, "timing")
    world.clock.at = thread.at
    assert {e.reason for e in show(world, period="2026").whole.exits} == {
        "price",
        "timing",
    }
    earlier = show(world, period="2026", as_of=thread.at - timedelta(hours=1))
    assert earlier.whole.exits == ()


def test_why_a_docking_was_lost_is_what_was_said_then(world: World) -> None:
    thread = Thread(world)
    docking = thread.dock(1)
    thread.lose(docking, 1, "price")
    docking.lost_reason = "timing"
    world.session.flush()
    world.clock.at = thread.at
    exits = show(world, period="2026").whole.exits
    assert [e.reason for e in exits] == ["price"]


def test_what_was_agreed_later_changes_no_funnel_of_before(world: World) -> None:
    thread = whole_thread(world)
    then = world.clock.now()
    before = show(world, period="2026", as_of=then)
    contract = world.session.scalars(sa.select(Contract)).one()
    thread.version(contract.id, 2, thread.after(5), "T1", "900.00")
    contract.total_yuan, contract.contract_class = Decimal("900.00"), "T1"
    world.session.flush()
    world.clock.at = thread.at
    assert show(world, period="2026", as_of=then) == before
    for moment, letter in ((then, "D"), (thread.at, "T")):
        branches = show(world, period="2026", as_of=moment, by="class").branches
        assert [b.key for b in branches] == [letter]


@pytest.mark.parametrize("how", ["mediation", "one side"])
def test_a_contract_with_the_broker_is_no_success_of_the_docking(
    world: World, how: str
) -> None:
    thread = Thread(world)
    docking = thread.dock(1)
    letter = "S3" if how == "mediation" else "D1"
    contract = thread.contract(docking, contract_class=letter)
    if how == "one side":
        world.session.execute(
            sa.delete(ContractParty).where(ContractParty.side == Side.SELLER)
        )
    thread.tell("contract", contract, "conclude", 1, "SIGNED")
    thread.tell("contract", contract, "take-effect", 1, "EFFECTIVE")
    world.clock.at = thread.at
    assert counts(show(world, period="2026").whole)[5] == 0
    actor = world.actor("operator")
    found = indicators.figure(world.session, actor, "DOCK_OK", period="2026")
    assert found.total.value == 0


def test_who_leaves_with_a_contract_is_counted_once(world: World) -> None:
    thread = Thread(world)
    docking = thread.dock(1)
    contract = thread.contract(docking)
    thread.tell("contract", contract, "conclude", 1, "SIGNED")
    thread.tell("docking", docking.id, "sign", 0, "SIGNED")
    then = thread.at
    thread.tell("contract", contract, "rescind", 1, "RESCINDED")
    row = event("docking", docking.id, "contract-end", thread.at, "LOST")
    write_events(world.session, [{**row, "from_state": "SIGNED"}])
    world.clock.at = thread.at
    exits = show(world, period="2026").whole.exits
    assert [(e.kind, e.reason) for e in exits] == [("contract", "RESCINDED")]
    assert show(world, period="2026", as_of=then).whole.exits == ()


def test_the_stage_of_a_lost_docking_is_where_it_stood(world: World) -> None:
    thread = Thread(world)
    docking = thread.dock(1)
    thread.tell("docking", docking.id, "decline", 1, "LOST")
    docking.state, docking.lost_reason = DockingState.LOST, "price"
    world.session.flush()
    row = event("docking", docking.id, "lose", thread.at, "LOST")
    write_events(world.session, [{**row, "from_state": "CONTACTED"}])
    world.clock.at = thread.at
    stages = {e.stage for e in show(world, period="2026").whole.exits}
    assert stages == {"docked", "contacted"}


def test_quartiles_are_of_all_that_have_passed(world: World) -> None:
    threads = [Thread(world) for _ in range(3)]
    for days, thread in zip((2, 4, 10), threads, strict=True):
        contract = thread.contract(None)
        thread.tell("contract", contract, "conclude", 1, "SIGNED")
        book = Book(world.org("team").id)
        book.enter(contract, thread.after(days).date(), "1.00", at=thread.at)
        book.save(world.session)
    world.clock.at += timedelta(days=30)
    stages = {s.code: s for s in show(world, period="2026").whole.stages}
    signed = stages["signed"]
    assert (signed.count, signed.timed) == (3, 3)
    assert (signed.lower, signed.median, signed.upper) == (3, 4, 7)


def test_each_reviewer_follows_the_needs_of_his_region_alone(world: World) -> None:
    Thread(world)
    for who, count in (("district", 1), ("far_district", 0), ("province", 1)):
        assert counts(show(world, who, period="2026").whole)[0] == count, who
    for who in ("firm_admin", "university_admin", "clerk", "broker"):
        with pytest.raises(Forbidden):
            show(world, who)
    with pytest.raises(Unauthenticated):
        show(world, "stranger")


def test_what_cannot_be_asked_is_said_at_its_place(world: World) -> None:
    late = world.clock.now() + timedelta(days=1)
    with pytest.raises(Invalid) as found:
        show(world, period="26", by="colour", as_of=late)
    assert {e.pointer for e in found.value.errors} == {
        "/query/period",
        "/query/by",
        "/query/as_of",
    }
