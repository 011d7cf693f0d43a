"""Contracts made by calling the services, for tests of what becomes of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from marketplace.domain.roles import Role
from marketplace.models.attachments import Attachment
from marketplace.models.contracts import Contract, ContractPayment, ContractVersion
from marketplace.models.duties import Duty
from marketplace.models.registrations import Registration
from marketplace.services import contracts, payments, registrations
from tests.people import World
from tests.threads import CONTRACT

SIGNERS = ("firm_admin", "university_admin", "broker")
JUDGES = {"accept": "clerk", "first-approve": "clerk", "register": "reviewer"}


def party(side: str, org_id: UUID | None = None, **more: Any) -> dict[str, Any]:
    """Return a party as it is handed in."""
    return {"side": side, "organisation_id": org_id, **more}


def amounts(
    total: Decimal | str, technical: Decimal | str, *instalments: Decimal | str
) -> dict[str, Any]:
    """Return the money of a contract: what is not technical is material."""
    total, technical = Decimal(total), Decimal(technical)
    rest = total - technical
    cost = {"kind": "MATERIAL", "name": "材料", "amount_yuan": rest}
    plan = [
        {
            "deliverable": f"成果{number}",
            "due_on": date(2026, 12, number),
            "amount_yuan": Decimal(amount),
        }
        for number, amount in enumerate(instalments, start=1)
    ]
    return {
        "total_yuan": total,
        "technical_yuan": technical,
        "non_technical": [cost] if rest else [],
        "payment_method": "2" if plan else "1",
        "instalments": plan,
    }


ROYALTY = {
    "payment_method": "4",
    "royalty": {"base": "SALES", "rate_percent": "5", "method": "按销售额提成"},
}


@dataclass
class Deal:
    """One contract of the firm with the university, and who does what with it."""

    world: World
    id: UUID
    orgs: list[UUID] = field(default_factory=list)

    @property
    def contract(self) -> Contract:
        """The contract as the store has it."""
        operator = self.world.actor("operator")
        return contracts.get(self.world.session, operator, self.id)

    @property
    def registration(self) -> Registration:
        """Its registration as the store has it."""
        operator = self.world.actor("operator")
        return registrations.get(self.world.session, operator, self.id)

    @property
    def plan(self) -> dict[str, Any]:
        """The payment plan beside what was paid."""
        operator = self.world.actor("operator")
        return payments.view(self.world.session, operator, self.id)

    @property
    def book(self) -> list[ContractPayment]:
        """The payments in their order."""
        return list(
            self.world.session.scalars(
                sa.select(ContractPayment)
                .where(ContractPayment.contract_id == self.id)
                .order_by(ContractPayment.number)
            )
        )

    @property
    def versions(self) -> list[ContractVersion]:
        """Every version in its order."""
        return list(
            self.world.session.scalars(
                sa.select(ContractVersion)
                .where(ContractVersion.contract_id == self.id)
                .order_by(ContractVersion.number)
            )
        )

    def owed(self, kind: str = "contract") -> dict[tuple[str, str], date]:
        """Return what is owed, by step and addressee, with its day."""
        found = self.world.session.scalars(
            sa.select(Duty).where(
                Duty.subject_kind == kind,
                Duty.subject_id == self.id,
                Duty.closed_at.is_(None),
            )
        )
        names = {org.id: key for key, org in self.world.orgs.items()}
        return {
            (
                duty.step,
                f"{names[duty.org_id]}:{duty.role}"
                if duty.role and duty.org_id
                else str(duty.role)
                if duty.role
                else names[duty.org_id],
            ): duty.due_on
            for duty in found
        }

    def act(self, who: str, action: str, **given: Any) -> Contract:
        """Take one step of the contract."""
        actor = self.world.actor(who)
        return contracts.act(self.world.session, actor, self.id, action, **given)

    def register(self, who: str, action: str, **given: Any) -> Registration:
        """Take one step of its registration."""
        actor = self.world.actor(who)
        return registrations.act(self.world.session, actor, self.id, action, **given)

    def edit(self, who: str, **changes: Any) -> Contract:
        """Change the draft, or the papers."""
        actor = self.world.actor(who)
        return contracts.edit(self.world.session, actor, self.id, changes)

    def sign(self, *who: str) -> Contract:
        """Have some sign, everybody unless told otherwise."""
        for one in who or [w for w in SIGNERS if self._is_party(w)]:
            found = self.act(one, "sign", signer="张示例")
        return found

    def _is_party(self, who: str) -> bool:
        return self.world.org(who).id in [p.org_id for p in self.contract.parties]

    def amend(self, who: str, **changes: Any) -> ContractVersion:
        """Propose an amendment."""
        data = {"reason_kind": "AMOUNT", "reason": "双方协商调整", "changes": changes}
        actor = self.world.actor(who)
        return contracts.amend(self.world.session, actor, self.id, data)

    def decide(
        self, who: str, action: str, number: int, **given: Any
    ) -> ContractVersion:
        """Sign or refuse an amendment."""
        if action == "sign":
            given.setdefault("signer", "张示例")
        return contracts.decide_amendment(
            self.world.session, self.world.actor(who), self.id, number, action, **given
        )

    def amended(self, **changes: Any) -> ContractVersion:
        """Propose an amendment and have both sign it."""
        number = self.amend("firm_admin", **changes).number
        self.decide("firm_admin", "sign", number)
        return self.decide("university_admin", "sign", number)

    def pay(self, amount: Decimal | str, who: str = "firm", **more: Any) -> Any:
        """Record that money was received."""
        data = {
            "kind": "received",
            "amount_yuan": amount,
            "paid_on": self.world.actor(who).today,
            **more,
        }
        actor = self.world.actor(who)
        return payments.record(self.world.session, actor, self.id, data)

    def give_back(self, payment_id: UUID, amount: Decimal | str, **more: Any) -> Any:
        """Record that money was returned."""
        data = {"kind": "returned", "reverses_id": payment_id, **more}
        return self.pay(amount, **data)


def draft(world: World, **changes: Any) -> Deal:
    """Draw a contract of firm and university up."""
    firm, university = world.org("firm").id, world.org("university_admin").id
    for who in ("firm", "firm_admin", "team", "university_admin"):
        world.user(who)
    data = {
        **CONTRACT,
        "title": "高强耐蚀铝合金型材在线淬火工艺委托开发",
        "parties": [party("buyer", firm), party("seller", university)],
        **changes,
    }
    made = contracts.create(world.session, world.actor("firm_admin"), data)
    return Deal(world, made.id)


def effective(world: World, **changes: Any) -> Deal:
    """Make a contract that both have signed and that has taken effect."""
    deal = draft(world, **changes)
    deal.sign()
    deal.act("firm_admin", "take-effect")
    return deal


def applied(world: World, **changes: Any) -> Deal:
    """Make a contract whose papers lie with the registry."""
    for who in ("clerk", "reviewer"):
        world.user(who)
    deal = effective(world, **changes)
    deal.register("university_admin", "apply", truthful=True)
    return deal


def registered(world: World, **changes: Any) -> Deal:
    """Make a registered contract."""
    deal = applied(world, **changes)
    for action, who in JUDGES.items():
        deal.register(who, action)
    return deal


def attachment(world: World, who: str, mark: str = "a") -> Attachment:
    """Put the record of a file of somebody's unit into the store."""
    made = Attachment(
        org_id=world.org(who).id,
        uploaded_by=world.user(who).id,
        filename="签署文本.pdf",
        media_type="application/pdf",
        size=1,
        digest=mark * 64,
        created_at=world.clock.now(),
    )
    world.session.add(made)
    world.session.flush()
    return made


def another_admin(world: World, name: str, like: str) -> None:
    """Add a colleague who administers the unit of one of the cast."""
    roles = (Role.DEMAND, Role.SUPPLIER, Role.UNIT_ADMIN)
    world.users[name] = world.make_user(name, world.org(like), roles)
