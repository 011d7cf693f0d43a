"""A thread with a commission, and the records of who mediates."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from marketplace.domain.contracts import (
    ContractState,
    PaymentKind,
    RegistrationState,
    Side,
)
from marketplace.domain.ids import new_id
from marketplace.models.contracts import (
    Contract,
    ContractParty,
    ContractPayment,
    ContractVersion,
)
from marketplace.models.registrations import Registration
from marketplace.models.users import Membership
from tests.people import World
from tests.threads import (
    Thread,
    begin,
    draw_up,
    open_docking,
    sign,
)

COMMISSION = {"amount_yuan": "36000.01", "paid_by": "buyer", "text": "成交后十日内支付"}
RECORD = {
    "name": "王示例",
    "id_no": "11010519491231002X",
    "education": "硕士",
    "title": "工程师",
    "certificate_no": "JJ-2024-0001",
    "certificate_body": "示例培训中心（演示）",
    "grade": "INTERMEDIATE",
    "obtained_on": "2024-05-01",
    "valid_until": "2027-04-30",
    "fields": ["05"],
    "service_years": 6,
    "cases": ["促成铝合金型材技术开发"],
}
FORM = {
    "legal_type": "ENTERPRISE",
    "unit_type": "OTHER",
    "head": "赵示例",
    "main_services": ["技术经纪", "成果评价"],
    "staff_total": 12,
    "staff_brokers": 5,
    "staff_full_time": 9,
    "income_operating_yuan": "900000.00",
    "income_growth_percent": "-3.5",
}


def concluded(world: World, **changes: Any) -> Thread:
    """Walk the short way to a contract with a commission that has taken effect."""
    thread = begin(world)
    open_docking(thread)
    thread.dock("firm", "express-interest")
    thread.dock("team", "accept")
    draw_up(thread, **{"commission": COMMISSION, **changes})
    sign(thread)
    thread.step("firm_admin", "take-effect")
    return thread


def shares(world: World, **percents: str) -> list[dict[str, Any]]:
    """Return shares by one of the cast of each unit."""
    return [
        {
            "organisation_id": str(world.org(who).id),
            "contribution": "INTRODUCED" if who == "broker" else "FILED",
            "percent": percent,
        }
        for who, percent in percents.items()
    ]


def enter(world: World, **changes: Any) -> dict[str, Any]:
    """Have the broker enter his own record."""
    answer = world.client("broker").post("/brokers", {**RECORD, **changes})
    assert answer.status_code == 201, answer.json
    found: dict[str, Any] = answer.json
    return found


def verified(world: World, **changes: Any) -> str:
    """Return the path of the broker's record once it is verified."""
    place = f"/brokers/{enter(world, **changes)['id']}"
    answer = world.client("operator").act(place, "verify")
    assert answer.status_code == 200, answer.json
    return place


def administer(world: World, who: str) -> None:
    """Make one of the cast the administrator of his unit as well."""
    seat = world.session.scalars(
        sa.select(Membership).where(Membership.user_id == world.user(who).id)
    ).one()
    seat.roles = [*seat.roles, "unit_admin"]
    world.session.commit()


def applied(world: World, **changes: Any) -> str:
    """Return the path of the application of the broker's unit."""
    administer(world, "broker")
    answer = world.client("broker").post("/broker-institutions", {**FORM, **changes})
    assert answer.status_code == 201, answer.json
    return f"/broker-institutions/{answer.json['id']}"


def recorded(world: World, **changes: Any) -> str:
    """Return the path of the broker's unit on record."""
    place = applied(world, **changes)
    for who, action in (("operator", "recommend"), ("province", "record")):
        answer = world.client(who).act(place, action)
        assert answer.status_code == 200, answer.json
    return place


def deal(
    world: World,
    amount: str,
    on: date,
    *,
    kind: str = "D1",
    buyer: str = "firm",
    seller: str = "team",
    broker: str | None = "broker",
    docking: str | None = None,
    related: bool = False,
    commission: str | None = None,
) -> Contract:
    """Put a contract of some day into the store as it stands after its registration."""
    session, now = world.session, world.clock.now()
    key = new_id()
    sides = {Side.BUYER: buyer, Side.SELLER: seller, Side.BROKER: broker}
    contract = Contract(
        id=key,
        contract_no=f"H-{key.hex[-12:]}",
        state=ContractState.PERFORMING,
        created_for=world.org(seller).id,
        docking_id=UUID(docking) if docking else None,
        title="演示合同",
        contract_class=kind,
        signed_on=on,
        total_yuan=Decimal(amount),
        technical_yuan=Decimal(amount),
        is_related=related,
        concluded_at=now,
        rescission={},
        created_at=now,
        updated_at=now,
        parties=[
            ContractParty(
                position=position,
                side=side,
                org_id=world.org(who).id,
                name=world.org(who).name,
            )
            for position, (side, who) in enumerate(sides.items())
            if who is not None
        ],
    )
    session.add(contract)
    session.flush()
    version = ContractVersion(
        contract_id=key,
        number=1,
        state="IN_FORCE",
        content={"commission": {"amount_yuan": commission}} if commission else {},
        created_at=now,
        signatures=[],
    )
    session.add(version)
    session.flush()
    contract.current = version
    session.add(
        Registration(
            contract_id=key,
            state=RegistrationState.REGISTERED,
            reg_no=key.hex[-14:],
            registered_on=on,
            total_yuan=Decimal(amount),
            technical_yuan=Decimal(amount),
            created_at=now,
            updated_at=now,
            expert_reasons=[],
            opinions=[],
            corrections=[],
        )
    )
    session.commit()
    return contract


def paid(
    world: World, contract: Contract, amount: str, on: date, voucher: str = "F-1"
) -> None:
    """Put a payment of a contract into the store."""
    world.session.add(
        ContractPayment(
            contract_id=contract.id,
            number=1,
            kind=PaymentKind.RECEIVED,
            paid_on=on,
            amount_yuan=Decimal(amount),
            technical_yuan=Decimal(amount),
            technical_income_yuan=Decimal(amount),
            deductions=[],
            voucher=voucher,
            recorded_at=world.clock.now(),
        )
    )
    world.session.commit()
