"""Money is neither made nor lost, whatever becomes of a contract."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import hypothesis
import pytest
import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from marketplace.domain.contracts import STANDING, PaymentKind
from marketplace.errors import Invalid, MarketplaceError
from marketplace.models.contracts import (
    Contract,
    ContractPayment,
    ContractSignature,
    ContractVersion,
)
from marketplace.models.registrations import Registration, RegistrationFact
from marketplace.services import contracts, payment_plans
from marketplace.services.contract_contents import (
    ROYALTY_METHODS,
    instalment_sum,
    non_technical_sum,
    values_of,
)
from tests import agreements
from tests.agreements import ROYALTY, Deal, amounts
from tests.conftest import START
from tests.people import World

CENT, NOTHING = Decimal("0.01"), Decimal("0.00")
PEOPLE = ("firm", "firm_admin", "team", "university_admin", "other_firm")
ADMINS = ("firm_admin", "university_admin", "other_firm")
HANGING = (ContractVersion, ContractPayment, Registration, RegistrationFact)
EXAMPLES = {"sqlite": 20, "postgres": 6}


def cents(most: int) -> st.SearchStrategy[Decimal]:
    return st.integers(0, most).map(lambda n: n * CENT)


@st.composite
def money(draw: st.DrawFn) -> dict[str, Any]:
    """Draw the amounts of a contract, small ones too, where rounding bites."""
    total = draw(st.one_of(cents(30), cents(100_000), cents(10**11)))
    technical = draw(st.integers(0, int(total / CENT))) * CENT
    cuts = draw(st.lists(st.integers(0, int(total / CENT)), max_size=3))
    edges = [0, *sorted(cuts), int(total / CENT)]
    parts = [(b - a) * CENT for a, b in pairwise(edges)]
    planned = draw(st.booleans())
    return amounts(total, technical, *(parts if planned else []))


class Histories(RuleBasedStateMachine):
    """One contract and everything that people may do with it."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        world.clock.at = START
        self.deal: Deal | None = None
        self.steps = 0
        self.book: list[tuple[Any, ...]] = []

    @property
    def there(self) -> Deal:
        assert self.deal is not None
        return self.deal

    @property
    def is_amending(self) -> bool:
        """Whether amendments were made; the last may wait or be decided already."""
        return self.deal is not None and len(self.deal.versions) > 1

    @property
    def may_end(self) -> bool:
        """Whether a step that ends much may be taken: not at the very beginning."""
        return self.deal is not None and self.steps > 12

    def fingerprint(self) -> list[Any]:
        """Return every row that hangs on the contract."""
        self.world.session.flush()
        versions = sa.select(ContractVersion.id).where(
            ContractVersion.contract_id == self.there.id
        )
        of_it = {
            Contract: Contract.id == self.there.id,
            ContractSignature: ContractSignature.version_id.in_(versions),
            **{kind: kind.contract_id == self.there.id for kind in HANGING},
        }
        connection = self.world.session.connection()
        return [
            connection.execute(sa.select(kind.__table__).where(condition)).all()
            for kind, condition in of_it.items()
        ]

    def attempt(self, step: Callable[[], Any]) -> bool:
        """Take a step; one that is refused has changed nothing, rolled back or not."""
        self.world.session.commit()
        self.steps += 1
        before = self.fingerprint()
        try:
            step()
        except MarketplaceError:
            assert self.fingerprint() == before
            self.world.session.rollback()
            return False
        self.world.session.commit()
        return True

    @precondition(lambda self: self.deal is None)
    @rule(money=money(), royalty=st.booleans(), two=st.booleans())
    def begin(self, money: dict[str, Any], royalty: bool, two: bool) -> None:
        for who in (*PEOPLE, "operator", "clerk", "reviewer", "province", "broker"):
            self.world.user(who)
        sellers = ["university_admin", *(["other_firm"] if two else [])]
        parties = [agreements.party("buyer", self.world.org("firm").id)]
        parties += [agreements.party("seller", self.world.org(s).id) for s in sellers]
        changes = {**money, "parties": parties, **(ROYALTY if royalty else {})}
        self.deal = agreements.draft(self.world, **changes)
        self.deal.sign("firm_admin", *sellers)
        self.deal.act("university_admin", "take-effect")

    @precondition(lambda self: self.deal is not None)
    @rule(days=st.integers(0, 40))
    def wait(self, days: int) -> None:
        self.world.clock.advance(days=days)

    @precondition(lambda self: self.deal is not None)
    @rule(data=st.data(), who=st.sampled_from(PEOPLE))
    def pay(self, data: st.DataObject, who: str) -> None:
        deal, plan = self.there, self.there.plan
        left = max(NOTHING, (plan["total_yuan"] or NOTHING) - plan["net_yuan"])
        most = int(left / CENT)
        amount = data.draw(
            st.one_of(cents(most + 1), cents(most // 2), st.sampled_from([left, CENT]))
        )
        most = int(amount / CENT)
        taken = data.draw(st.lists(cents(most // 4), max_size=2))
        numbers = st.integers(1, len(plan["instalments"]) + 1)
        more = {
            "technical_yuan": data.draw(st.none() | st.none() | cents(most + 1)),
            "deductions": [{"kind": "LABOUR", "amount_yuan": a} for a in taken],
            "instalment": data.draw(st.none() | numbers),
            "paid_on": self.world.actor(who).today
            - timedelta(days=data.draw(st.integers(-1, 30))),
            "voucher": data.draw(st.sampled_from(["", "", "", "甲-1", "甲-2"])),
        }
        self.attempt(lambda: deal.pay(amount, who, **more))

    @precondition(lambda self: self.deal is not None)
    @rule(data=st.data())
    def seller_pays_in(self, data: st.DataObject) -> None:
        self.pay(data, "team")

    @precondition(lambda self: self.deal is not None and self.there.book)
    @rule(data=st.data(), who=st.sampled_from(PEOPLE))
    def give_back(self, data: st.DataObject, who: str) -> None:
        deal = self.there
        row = data.draw(st.sampled_from([r.number for r in deal.book]))
        paid = deal.book[row - 1]
        amount = data.draw(
            st.one_of(
                st.just(CENT),
                st.just(paid.amount_yuan),
                cents(int(paid.amount_yuan / CENT) + 1),
            )
        )
        self.attempt(lambda: deal.give_back(paid.id, amount, who=who))

    @precondition(lambda self: self.deal is not None and self.there.book)
    @rule(data=st.data())
    def give_everything_back(self, data: st.DataObject) -> None:
        deal = self.there
        left: Counter[Any] = Counter()
        for row in deal.book:
            left[row.reverses_id or row.id] += int(
                row.amount_yuan / CENT * (-1 if row.reverses_id else 1)
            )
        for payment_id, rest in left.items():
            some = data.draw(st.integers(0, rest))
            for amount in filter(None, (some, rest - some)):
                assert self.attempt(
                    lambda p=payment_id, a=amount: deal.give_back(
                        p, a * CENT, who="team"
                    )
                )
        found = payment_plans.sums(self.world.session, deal.id)
        assert (found.net_yuan, found.net_technical_yuan, found.income_yuan) == (
            NOTHING,
            NOTHING,
            NOTHING,
        )

    @precondition(lambda self: self.deal is not None)
    @rule(
        who=st.sampled_from(PEOPLE),
        money=money(),
        fit=st.booleans(),
        code=st.sampled_from(["D1", "S1", "T1"]),
        royalty=st.sampled_from([None, "1", "4"]),
    )
    def propose(
        self,
        who: str,
        money: dict[str, Any],
        fit: bool,
        code: str,
        royalty: str | None,
    ) -> None:
        deal, paid = self.there, self.there.plan
        if fit:  # Amounts that lie just at, or above, what was paid.
            rest = paid["net_yuan"] - paid["net_technical_yuan"]
            technical = paid["net_technical_yuan"] + money["technical_yuan"]
            money = amounts(technical + rest, technical, technical + rest)
        changes = {**money, "contract_class": code}
        if royalty is not None:
            changes["payment_method"] = royalty
        self.attempt(lambda: deal.amend(who, **changes))

    @precondition(lambda self: self.is_amending)
    @rule(
        who=st.sampled_from(ADMINS), action=st.sampled_from(["sign", "sign", "refuse"])
    )
    def decide(self, who: str, action: str) -> None:
        number = self.there.versions[-1].number
        self.attempt(lambda: self.there.decide(who, action, number, comment="不同意"))

    @precondition(lambda self: self.is_amending)
    @rule()
    def all_sign(self) -> None:
        for who in ADMINS:
            self.decide(who, "sign")

    @precondition(lambda self: self.may_end)
    @rule(
        who=st.sampled_from(ADMINS),
        ground=st.sampled_from(["AGREED", "AGREED", "AGREED", "LATE"]),
    )
    def rescind(self, who: str, ground: str) -> None:
        self.attempt(
            lambda: self.there.act(who, "rescind", ground=ground, comment="协商解除")
        )

    @precondition(lambda self: self.may_end)
    @rule(who=st.sampled_from([*ADMINS, "team"]))
    def complete(self, who: str) -> None:
        self.attempt(lambda: self.there.act(who, "complete"))

    @precondition(lambda self: self.may_end)
    @rule(who=st.sampled_from([*ADMINS, "operator"]))
    def annul(self, who: str) -> None:
        self.attempt(
            lambda: self.there.act(
                who, "annul", comment="确认无效", document="（2026）示例1号"
            )
        )

    @precondition(lambda self: self.deal is not None)
    @rule()
    def register(self) -> None:
        """Walk towards registration, through the experts where they are needed."""
        steps = [
            ("university_admin", "apply", {"truthful": True}),
            ("clerk", "accept", {}),
            ("clerk", "first-approve", {}),
            ("reviewer", "register", {}),
            ("clerk", "send-to-experts", {"comment": "金额较大"}),
            ("clerk", "note-opinion", {"comment": "同意", "supports": True}),
            ("reviewer", "register", {}),
        ]
        for who, action, given in steps:
            if self.there.registration.state not in STANDING:
                self.attempt(
                    lambda w=who, a=action, g=given: self.there.register(w, a, **g)
                )

    @precondition(lambda self: self.may_end)
    @rule(wanted=st.sampled_from(["change", "change", "cancel"]))
    def change_registration(self, wanted: str) -> None:
        for who, action, given in (
            ("university_admin", "request-change", {"wanted": wanted}),
            ("reviewer", wanted, {}),
        ):
            self.attempt(
                lambda w=who, a=action, g=given: self.there.register(
                    w, a, comment="合同已变更", **g
                )
            )

    @precondition(lambda self: self.may_end)
    @rule(upheld=st.booleans())
    def revoke_registration(self, upheld: bool) -> None:
        for who, action, given in (
            ("reviewer", "revoke", {"document": "（2026）示例2号"}),
            ("university_admin", "appeal", {}),
            ("province", "reinstate" if upheld else "dismiss-appeal", {}),
        ):
            self.attempt(
                lambda w=who, a=action, g=given: self.there.register(
                    w, a, comment="核查", **g
                )
            )

    @precondition(lambda self: self.deal is not None)
    @invariant()
    def money_is_neither_made_nor_lost(self) -> None:
        plan, book = self.there.plan, self.there.book
        received = total_of(book, PaymentKind.RECEIVED, "amount_yuan")
        returned = total_of(book, PaymentKind.RETURNED, "amount_yuan")
        paid = sum((row["paid_yuan"] for row in plan["instalments"]), NOTHING)
        assert plan["net_yuan"] == received - returned >= 0
        assert paid + plan["unassigned_yuan"] == plan["net_yuan"]
        assert plan["unassigned_yuan"] >= 0
        for row in plan["instalments"]:
            assert row["open_yuan"] == max(
                NOTHING, row["amount_yuan"] - row["paid_yuan"]
            )
            assert 0 <= row["paid_yuan"] <= row["amount_yuan"]
        assert 0 <= plan["technical_income_yuan"] <= plan["net_technical_yuan"]
        assert plan["net_technical_yuan"] <= plan["net_yuan"]

    @precondition(lambda self: self.deal is not None)
    @invariant()
    def nothing_goes_above_what_was_agreed(self) -> None:
        contract, plan = self.there.contract, self.there.plan
        if values_of(contract.current)["payment_method"] in ROYALTY_METHODS:
            return
        assert plan["net_yuan"] <= contract.total_yuan
        assert plan["net_technical_yuan"] <= contract.technical_yuan
        open_ = sum((row["open_yuan"] for row in plan["instalments"]), NOTHING)
        if plan["instalments"]:
            assert open_ == contract.total_yuan - plan["net_yuan"]

    @precondition(lambda self: self.deal is not None)
    @invariant()
    def every_version_adds_up(self) -> None:
        versions = self.there.versions
        assert [v.number for v in versions] == list(range(1, len(versions) + 1))
        assert [v.state for v in versions].count("IN_FORCE") == 1
        for version in versions:
            values = values_of(version)
            total = values["technical_yuan"] + non_technical_sum(values)
            assert total == values["total_yuan"]
            if (
                values["instalments"]
                and values["payment_method"] not in ROYALTY_METHODS
            ):
                assert instalment_sum(values) == total
        contract = self.there.contract
        current = values_of(contract.current)
        for name in contracts.COLUMNS:
            assert getattr(contract, name) == current[name]

    @precondition(lambda self: self.deal is not None)
    @invariant()
    def the_book_is_only_added_to(self) -> None:
        columns = ContractPayment.__table__.columns.keys()
        book = self.there.book
        rows = [tuple(getattr(row, name) for name in columns) for row in book]
        assert rows[: len(self.book)] == self.book
        assert [row.number for row in book] == list(range(1, len(rows) + 1))
        self.book = rows

    @precondition(lambda self: self.deal is not None)
    @invariant()
    def facts_sum_to_what_is_registered(self) -> None:
        registration = self.there.registration
        facts = self.world.session.scalars(
            sa.select(RegistrationFact)
            .where(RegistrationFact.contract_id == self.there.id)
            .order_by(RegistrationFact.id)
        ).all()
        sums: dict[str, tuple[int, Decimal, Decimal]] = {}
        for fact in facts:
            count, total, technical = sums.get(
                fact.contract_class, (0, NOTHING, NOTHING)
            )
            sums[fact.contract_class] = (
                count + fact.count,
                total + fact.total_yuan,
                technical + fact.technical_yuan,
            )
        found = [row for row in sums.values() if any(row)]
        if registration.state in STANDING:
            assert registration.total_yuan is not None
            assert found == [(1, registration.total_yuan, registration.technical_yuan)]
        else:
            assert found == []


def total_of(book: list[ContractPayment], kind: PaymentKind, name: str) -> Decimal:
    """Add up one column of the book, apart from how the service does."""
    return sum((getattr(row, name) for row in book if row.kind is kind), NOTHING)


def test_money_is_neither_made_nor_lost_in_any_history(
    world: World, store: str
) -> None:
    world.session.expire_on_commit = True
    run_state_machine_as_test(
        lambda: Histories(world),
        settings=hypothesis.settings(
            max_examples=EXAMPLES[store],
            stateful_step_count=25,
            deadline=None,
            derandomize=store == "postgres",
            suppress_health_check=list(hypothesis.HealthCheck),
        ),
    )


def chunks(total: int) -> st.SearchStrategy[list[int]]:
    cuts = st.lists(st.integers(1, max(1, total - 1)), max_size=6, unique=True)
    return cuts.map(
        lambda found: [b - a for a, b in pairwise([0, *sorted(found), total]) if b > a]
    )


@st.composite
def split(draw: st.DrawFn) -> tuple[int, int, int, list[int]]:
    """Draw a total, its technical part, the costs within that, and pieces, in 分."""
    total = draw(st.integers(2, 300))
    technical = draw(st.integers(0, total))
    return total, technical, draw(st.integers(0, technical)), draw(chunks(total))


HALVES = (4, 2, 1, [1, 1, 1, 1])
"""Pieces each of which has half a 分 of what it is a piece of."""
few = hypothesis.settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)


@hypothesis.given(case=split())
@hypothesis.example(case=HALVES)
@few
def test_what_is_paid_in_pieces_is_technical_as_the_contract_is(
    world: World, case: tuple[int, int, int, list[int]]
) -> None:
    total, technical, _, parts = case
    deal = agreements.effective(world, **amounts(total * CENT, technical * CENT))
    for part in parts:
        deal.pay(part * CENT)
    found = payment_plans.sums(world.session, deal.id)
    assert found.net_yuan == total * CENT
    assert found.net_technical_yuan == technical * CENT


@hypothesis.given(case=split())
@hypothesis.example(case=HALVES)
@few
def test_what_is_returned_in_pieces_leaves_nothing(
    world: World, case: tuple[int, int, int, list[int]]
) -> None:
    total, technical, deducted, parts = case
    deal = agreements.effective(world, **amounts(total * CENT, technical * CENT))
    cost = [{"kind": "LABOUR", "amount_yuan": deducted * CENT}]
    paid = deal.pay(total * CENT, technical_yuan=technical * CENT, deductions=cost)
    for part in parts:
        deal.give_back(paid.id, part * CENT)
        found = payment_plans.sums(world.session, deal.id)
        assert 0 <= found.income_yuan <= found.net_technical_yuan <= found.net_yuan
    assert not any((found.income_yuan, found.net_technical_yuan, found.net_yuan))
    with pytest.raises(Invalid):
        deal.give_back(paid.id, CENT)


def test_a_hundred_returns_of_one_fen_take_the_whole_technical_part_back(
    world: World,
) -> None:
    deal = agreements.effective(world, **amounts("1.00", "0.50"))
    paid = deal.pay("1.00")
    for _ in range(100):
        deal.give_back(paid.id, CENT)
    assert payment_plans.sums(world.session, deal.id).net_technical_yuan == 0
