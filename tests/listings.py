"""A complete need and a complete offer, as their owners would write them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import sqlalchemy.orm as so

from marketplace.domain.actors import Actor, system
from marketplace.models.needs import Need
from marketplace.models.offers import Offer
from marketplace.services import needs, offers
from tests.people import World

NEED: dict[str, Any] = {
    "title": "高强韧铝合金电池托盘型材关键技术研究及应用",
    "problem": "现有6系铝合金挤压型材强度与延伸率难以兼顾，托盘减重受限。",
    "key_technology": "成分与热处理协同调控；在线淬火均匀性控制。",
    "expected_goal": "型材减重15%，建成年产1万吨示范线。",
    "background": "企业已有4条挤压线，具备中试条件。",
    "indicators": [
        {
            "name": "抗拉强度",
            "operator": "GE",
            "value": "380",
            "unit": "MPa",
            "test_condition": "室温，GB/T 228.1",
            "is_core": True,
        },
        {"text": "断后伸长率不低于10%"},
    ],
    "keywords": ["铝合金", "挤压型材"],
    "tech_field": ["05"],
    "activity_type": "EXPERIMENTAL",
    "industry_use": "C32",
    "chain": "SD-C04",
    "solve_mode": "COOPERATIVE",
    "cooperation_mode": ["3", "4"],
    "budget_total_yuan": "3800000.00",
    "budget_to_bidder_yuan": "1500000.00",
    "period_start": "2027-01-01",
    "period_end": "2028-12-31",
    "ip_owner": "SHARED",
    "ip_arrangement": "知识产权双方共有",
    "bidder_conditions": "有铝合金挤压研究基础",
    "intended_units": [{"name": "某某大学"}],
    "intended_experts": ["张示例"],
    "disclosure": "FULL",
    "source_channel": "SELF",
}
OFFER: dict[str, Any] = {
    "kind": "result",
    "title": "高强高韧6系铝合金型材及其在线热处理工艺",
    "abstract": "开发了高强高韧铝合金成分与在线淬火工艺，型材强度与塑性同步提高。",
    "innovations": ["微合金化抑制粗晶环", "分区喷雾在线淬火"],
    "category": "APPLIED",
    "nature": "ORIGINAL",
    "form": "MATERIAL",
    "period_from": "2021-03",
    "period_to": "2024-06",
    "level": "UNEVALUATED",
    "secrecy": "PUBLIC",
    "keywords": ["铝合金", "型材", "热处理"],
    "indicators": [
        {
            "name": "抗拉强度",
            "operator": "EQ",
            "value": "392",
            "unit": "MPa",
            "text": "抗拉强度392MPa",
        }
    ],
    "maturity_scale": "maturity_qd13",
    "maturity_level": 6,
    "maturity_evidence": "正样性能测试报告",
    "stage": "2",
    "tech_field": ["05"],
    "industry_use": "C32",
    "chain": "SD-C04",
    "ip": [
        {
            "kind": "11",
            "number": "ZL0000测试000001",
            "title": "一种铝合金型材",
            "owner": "某大学",
            "filed_on": "2022-01-05",
            "granted_on": "2023-06-01",
            "legal_status": "GRANTED",
        }
    ],
    "application_state": "SMALL",
    "conversion_mode": ["3"],
    "cooperation_mode": ["2", "4"],
    "price_mode": "1",
    "price_expect_yuan": "1200000.00",
    "prospects": "可用于新能源汽车电池托盘。",
    "team_intro": "团队长期从事铝合金挤压研究。",
    "completers": ["李示例", "王示例"],
    "five_values": {"TECHNICAL": {"text": "工艺先进", "score": 85}},
    "disclosure": "FULL",
}
NEED_PATH = {
    "DRAFT": (),
    "SUBMITTED": ("submit",),
    "RETURNED": ("submit", "return"),
    "DISTRICT_OK": ("submit", "district-approve"),
    "FORMAL_OK": ("submit", "district-approve", "formal-approve"),
    "ARGUED": ("submit", "district-approve", "formal-approve", "argue-pass"),
    "REJECTED": ("submit", "district-approve", "formal-approve", "argue-fail"),
}
NEED_PATH["POOLED"] = (*NEED_PATH["ARGUED"], "pool")
NEED_PATH["WITHDRAWN"] = (*NEED_PATH["POOLED"], "withdraw")
NEED_PATH["EXPIRED"] = (*NEED_PATH["POOLED"], "expire")
NEED_PATH["CALLED"] = (*NEED_PATH["POOLED"], "call")
NEED_PATH["DOCKING"] = (*NEED_PATH["CALLED"], "dock")
NEED_PATH["CONTRACTED"] = (*NEED_PATH["DOCKING"], "contract")
NEED_PATH["SOLVED"] = (*NEED_PATH["CONTRACTED"], "solve")
OFFER_PATH = {
    "DRAFT": (),
    "SUBMITTED": ("submit",),
    "UNIT_OK": ("submit", "unit-approve"),
    "REJECTED": ("submit", "unit-approve", "reject"),
    "REGISTERED": ("submit", "unit-approve", "register"),
}
OFFER_PATH["LISTED"] = (*OFFER_PATH["REGISTERED"], "list")
OFFER_PATH["DELISTED"] = (*OFFER_PATH["LISTED"], "delist")
OFFER_PATH["TRIAL"] = (*OFFER_PATH["LISTED"], "try")
OFFER_PATH["PRICING"] = (*OFFER_PATH["LISTED"], "price")
OFFER_PATH["CONVERTED"] = (*OFFER_PATH["PRICING"], "convert")
PATHS = {"need": NEED_PATH, "offer": OFFER_PATH}
SERVICES: dict[str, Any] = {"need": needs, "offer": offers}
OWNERS = {"need": "firm", "offer": "team"}
ADMINS = {"need": "firm_admin", "offer": "university_admin"}
SAMPLES = {"need": NEED, "offer": OFFER}
PUBLISHED = {"need": "POOLED", "offer": "LISTED"}
SYSTEM_MOVES = {
    "expire",
    "call",
    "dock",
    "contract",
    "solve",
    "try",
    "price",
    "convert",
}


def forget(session: so.Session) -> None:
    """Have code lists and rules read again, which a transaction reads once."""
    for key in [k for k in session.info if k.endswith(("_known", "_read"))]:
        del session.info[key]


@contextmanager
def undone(session: so.Session) -> Iterator[None]:
    """Run a block and take back what it did."""
    nested = session.begin_nested()
    try:
        yield
    finally:
        nested.rollback()


def step(
    session: so.Session, who: Actor, kind: str, subject_id: UUID, action: str
) -> Any:
    """Take one step, as the system."""
    service = SERVICES[kind]
    if action in SYSTEM_MOVES:
        return service.advance(session, who, subject_id, action)
    return service.act(session, who, subject_id, action, comment="测试")


def walk(
    session: so.Session, who: Actor, kind: str, subject_id: UUID, state: str
) -> Any:
    """Take an object of version n from DRAFT to a state, as the system."""
    for action in PATHS[kind][state]:
        step(session, who, kind, subject_id, action)
    return SERVICES[kind].get(session, who, subject_id)


def tour(world: World, kind: str, subject_id: UUID) -> Iterator[Any]:
    """Yield a draft in every state that it can get to; afterwards it is a draft.

    Make everybody who is needed before: what happens on the way is taken back.
    """
    session, who = world.session, system(world.clock.now())
    paths = PATHS[kind]

    def visit(path: tuple[str, ...]) -> Iterator[Any]:
        yield SERVICES[kind].get(session, who, subject_id)
        for longer in paths.values():
            if longer[:-1] == path and longer:
                with undone(session):
                    step(session, who, kind, subject_id, longer[-1])
                    yield from visit(longer)

    yield from visit(())


def make(world: World, kind: str, state: str = "DRAFT", /, **more: Any) -> Any:
    """Make an object of the usual owner in a state."""
    machine = system(world.clock.now())
    owner = world.org(OWNERS[kind])
    data = {**SAMPLES[kind], "owner_org_id": owner.id, **more}
    made = SERVICES[kind].create(world.session, machine, data)
    return walk(world.session, machine, kind, made.id, state)


def make_need(world: World, state: str = "DRAFT", **more: Any) -> Need:
    """Make a need of the firm in a state."""
    found: Need = make(world, "need", state, **more)
    return found


def make_offer(world: World, state: str = "DRAFT", **more: Any) -> Offer:
    """Make an offer of the university in a state."""
    found: Offer = make(world, "offer", state, **more)
    return found
