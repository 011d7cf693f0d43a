"""Complete needs and offers, and their way onto the market."""

from __future__ import annotations

from typing import Any

from marketplace.models.needs import Need
from marketplace.models.offers import Offer
from marketplace.models.organisations import OrganisationTie
from marketplace.services import needs, offers
from tests.people import World

NEED: dict[str, Any] = {
    "title": "高强耐蚀6061铝合金型材挤压关键技术研发",
    "problem": "现有6061-T6型材抗拉强度不足，沿海使用半年后出现点蚀。",
    "key_technology": "合金成分与挤压工艺协同设计，在线淬火残余应力控制。",
    "expected_goal": "形成稳定的批量生产工艺，替代进口型材。",
    "background": "已有两条挤压线，抗拉强度稳定在300 MPa。",
    "indicators": [
        {"name": "抗拉强度", "text": "抗拉强度≥350 MPa", "is_core": True},
        {"name": "中性盐雾", "text": "中性盐雾≥720 h"},
    ],
    "keywords": ["铝合金", "挤压", "耐蚀"],
    "tech_field": ["05"],
    "chain": "SD-C04",
    "industry_use": "C32",
    "activity_type": "EXPERIMENTAL",
    "solve_mode": "COOPERATIVE",
    "cooperation_mode": ["4"],
    "budget_total_yuan": "3000000.00",
    "budget_to_bidder_yuan": "1200000.00",
    "period_start": "2027-01-01",
    "period_end": "2028-12-31",
    "ip_owner": "SHARED",
    "ip_arrangement": "双方共有",
    "valid_until": "2027-06-30",
    "disclosure": "FULL",
    "source_channel": "SELF",
}
OFFER: dict[str, Any] = {
    "kind": "result",
    "title": "耐蚀高强铝合金挤压型材及在线淬火技术",
    "abstract": "微合金化与在线淬火，获得高强耐蚀6061铝合金挤压型材，已在客车上试用。",
    "innovations": ["在线淬火残余应力控制"],
    "indicators": [
        {"name": "抗拉强度", "text": "抗拉强度372 MPa"},
        {"name": "中性盐雾", "text": "中性盐雾≥1000 h"},
    ],
    "keywords": ["铝合金", "挤压型材"],
    "tech_field": ["05"],
    "chain": "SD-C04",
    "industry_use": "C32",
    "category": "APPLIED",
    "nature": "ORIGINAL",
    "form": "MATERIAL",
    "level": "UNEVALUATED",
    "secrecy": "PUBLIC",
    "period_from": "2021-03",
    "period_to": "2024-06",
    "maturity_scale": "maturity_qd13",
    "maturity_level": 7,
    "maturity_evidence": "工程样机通过盐雾与力学检测",
    "stage": "2",
    "application_state": "SMALL",
    "conversion_mode": ["3"],
    "cooperation_mode": ["2", "4"],
    "price_mode": "1",
    "price_expect_yuan": "800000.00",
    "prospects": "可用于新能源客车骨架。",
    "team_intro": "轻合金课题组。",
    "completers": ["测试一", "测试二"],
}
POOLING = (
    ("firm_admin", "submit"),
    ("district", "district-approve"),
    ("operator", "formal-approve"),
    ("operator", "argue-pass"),
    ("operator", "pool"),
)
LISTING = (
    ("university_admin", "submit"),
    ("university_admin", "unit-approve"),
    ("operator", "register"),
    ("operator", "list"),
)


def pool(world: World, **changes: Any) -> Need:
    """Draft a need of the firm and take it into the library, step by step."""
    need = needs.create(world.session, world.actor("firm_admin"), NEED | changes)
    for who, action in POOLING:
        need = needs.act(world.session, world.actor(who), need.id, action)
    world.session.commit()
    return need


def list_offer(world: World, *, by: str = "university_admin", **changes: Any) -> Offer:
    """Draft an offer and take it onto the market, step by step."""
    offer = offers.create(world.session, world.actor(by), OFFER | changes)
    for who, action in LISTING:
        actor = world.actor(by if who == "university_admin" else who)
        offer = offers.act(world.session, actor, offer.id, action)
    world.session.commit()
    return offer


def relate(world: World, declares: str) -> None:
    """Let firm or team declare that it holds shares of the other."""
    other = {"firm": "team", "team": "firm"}[declares]
    world.session.add(
        OrganisationTie(
            org_id=world.org(declares).id,
            other_org_id=world.org(other).id,
            kind="shareholder",
            position=0,
        )
    )
    world.session.commit()
