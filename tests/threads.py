"""One thread from a match to a paid contract, step by step, over the API."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any

from marketplace.models.needs import Need
from marketplace.models.offers import Offer
from tests.factories import list_offer, pool
from tests.people import Client, World

NDA_TEXT = "双方对交流中知悉的技术信息承担保密义务，期限三年。"
TERMS = {
    "scope": "高强耐蚀铝合金型材在线淬火工艺的委托开发",
    "price_yuan": "1200000.00",
    "payment": "分两期",
    "period_from": "2026-12-01",
    "period_to": "2028-11-30",
    "ip_owner": "SHARED",
    "rights": "成果双方共有，各自可以使用",
}
CLAUSES = [
    {"code": code, "state": "PRESENT", "text": text}
    for code, text in (
        ("NAME", "高强耐蚀6061铝合金型材挤压关键技术研发"),
        ("SUBJECT", "研究微合金化与在线淬火工艺，提供工艺规程和样件"),
        ("PLAN", "2026年12月至2028年11月，在乙方实验室和甲方挤压车间履行"),
        ("SECRECY", "双方对未公开的技术信息保密三年"),
        ("RESULTS", "成果双方共有，收益按投入比例分配"),
        ("ACCEPTANCE", "抗拉强度不低于350 MPa，中性盐雾不低于720 h，现场抽检验收"),
        ("TERMS", "在线淬火指挤压出口处的连续冷却"),
        ("PRICE", "总额120万元，分两期支付"),
        ("RISK", "因技术困难失败的风险由双方合理分担"),
        ("BREACH", "逾期按日万分之五支付违约金"),
        ("DISPUTE", "协商不成的提交仲裁"),
    )
]
CONTRACT = {
    "contract_class": "D1",
    "signed_on": "2026-11-23",
    "valid_from": "2026-11-23",
    "valid_to": "2028-11-30",
    "place": "青岛市",
    "subject": "研究6061铝合金微合金化与在线淬火协同工艺，解决沿海使用中的点蚀问题，"
    "提交工艺规程一套、样件二十件和检测报告。",
    "goal": "抗拉强度不低于350 MPa，中性盐雾不低于720 h，工艺稳定可批量生产。",
    "method": "成分设计、热力学计算、挤压试验、在线淬火残余应力测试与工艺窗口优化。",
    "deliverables": "工艺规程、样件、第三方检测报告",
    "acceptance": "第三方检测合格后由委托方书面验收",
    "results_ownership": "成果双方共有",
    "ip_owner": "SHARED",
    "clauses": CLAUSES,
    "total_yuan": "1200000.00",
    "technical_yuan": "1100000.00",
    "non_technical": [
        {"kind": "MATERIAL", "name": "铝锭与模具", "amount_yuan": "100000.00"}
    ],
    "payment_method": "2",
    "instalments": [
        {
            "deliverable": "工艺方案",
            "due_on": "2026-12-10",
            "amount_yuan": "480000.00",
        },
        {
            "deliverable": "样件与检测报告",
            "due_on": "2027-06-30",
            "amount_yuan": "720000.00",
        },
    ],
    "ip_type": ["2"],
    "plan_source": "9",
    "tech_field": "05",
    "socio_objective": "10",
    "served_industry": "C32",
}


@dataclass
class Thread:
    """Five people and the objects that they carry through."""

    world: World
    need: Need
    offer: Offer
    people: dict[str, Client] = field(default_factory=dict)
    docking: str = ""
    contract: str = ""
    file: str = ""

    def __getitem__(self, who: str) -> Client:
        if who not in self.people:
            self.people[who] = self.world.client(who)
        return self.people[who]

    def do(self, who: str, path: str, action: str, **body: Any) -> dict[str, Any]:
        """Take one step, which has to go through."""
        answer = self[who].act(path, action, body)
        assert answer.status_code == 200, (who, action, answer.json)
        found: dict[str, Any] = answer.json
        return found

    def dock(self, who: str, action: str, **body: Any) -> dict[str, Any]:
        """Take one step of the docking."""
        return self.do(who, f"/dockings/{self.docking}", action, **body)

    def step(self, who: str, action: str, **body: Any) -> dict[str, Any]:
        """Take one step of the contract."""
        return self.do(who, f"/contracts/{self.contract}", action, **body)

    def register(self, who: str, action: str, **body: Any) -> dict[str, Any]:
        """Take one step of the registration."""
        path = f"/contracts/{self.contract}/registration"
        return self.do(who, path, action, **body)

    def post(self, who: str, path: str, **body: Any) -> dict[str, Any]:
        """Make something that hangs on the contract."""
        place = f"/contracts/{self.contract}"
        shown = self[who].get(place)
        assert shown.status_code == 200, shown.json
        etag = shown.headers["ETag"]
        answer = self[who].post(place + path, body, headers={"If-Match": etag})
        assert answer.status_code == 201, (who, path, answer.json)
        found: dict[str, Any] = answer.json
        return found

    def later(self, **step: float) -> None:
        """Let time pass; everybody signs in again."""
        self.world.clock.advance(**step)
        self.people.clear()

    def queue(self, who: str) -> list[str]:
        """Return what waits on somebody, by its steps."""
        answer = self[who].get("/work-queue?limit=100")
        return [row["step"] for row in answer.json["items"]]


def begin(world: World, **need: Any) -> Thread:
    """Put a need and an offer on the market."""
    thread = Thread(world, pool(world, **need), list_offer(world))
    for who in ("firm", "team", "broker", "clerk", "reviewer"):
        assert thread[who]
    return thread


def open_docking(thread: Thread, who: str = "broker") -> dict[str, Any]:
    """Bring the two together."""
    answer = thread[who].post(
        "/dockings",
        {
            "need_id": str(thread.need.id),
            "offer_id": str(thread.offer.id),
            "message": "指标契合，建议对接",
        },
    )
    assert answer.status_code == 201, answer.json
    found: dict[str, Any] = answer.json
    thread.docking = found["id"]
    return found


def meet(thread: Thread) -> dict[str, Any]:
    """Have both sides agree to talk, and meet once."""
    thread.dock("firm", "express-interest")
    thread.dock("team", "accept")
    return thread.dock(
        "broker",
        "log-meeting",
        meeting={
            "starts_at": "2026-11-24T09:30:00+08:00",
            "place": "青岛",
            "participants": ["测试甲", "测试乙"],
            "content": "交流工艺路线",
            "next_step": "签署保密协议",
            "next_side": "need",
            "next_on": "2026-11-27",
        },
    )


def agree_on_secrecy(thread: Thread) -> dict[str, Any]:
    """Have a person of each side accept the agreement."""
    thread.dock("firm", "propose-nda", text=NDA_TEXT)
    thread.dock("firm", "sign-nda", nda_version=1)
    return thread.dock("team", "sign-nda", nda_version=1)


def agree_on_terms(thread: Thread) -> dict[str, Any]:
    """Bargain once and accept."""
    thread.dock("team", "propose-intent", terms={**TERMS, "price_yuan": "1500000.00"})
    thread.dock("firm", "propose-intent", terms=TERMS)
    return thread.dock("team", "accept-intent", number=2)


def draw_up(thread: Thread, **changes: Any) -> dict[str, Any]:
    """Draw the contract up from the docking."""
    body = {"docking_id": thread.docking, **CONTRACT, **changes}
    answer = thread["firm_admin"].post("/contracts", body)
    assert answer.status_code == 201, answer.json
    found: dict[str, Any] = answer.json
    thread.contract = found["id"]
    return found


def sign(thread: Thread) -> dict[str, Any]:
    """Have every party sign."""
    thread.step("firm_admin", "sign", signer="张示例")
    thread.step("university_admin", "sign", signer="李示例")
    return thread.step("broker", "sign", signer="王示例")


def to_contract(world: World) -> Thread:
    """Walk to a contract that has taken effect."""
    thread = begin(world)
    open_docking(thread)
    meet(thread)
    agree_on_secrecy(thread)
    agree_on_terms(thread)
    draw_up(thread)
    sign(thread)
    thread.step("firm_admin", "take-effect")
    return thread


def fixes(thread: Thread) -> set[str]:
    """Return the codes of the rules that ask for something to be put right."""
    found = thread["team"].get(f"/contracts/{thread.contract}/readiness").json
    return {row["code"] for row in found["items"] if row["status"] == "fix"}


def correct(thread: Thread) -> dict[str, Any]:
    """Put right what the pre-check finds, as far as a draft can."""
    place = f"/contracts/{thread.contract}"
    shown = thread["firm"].get(place)
    parties = [
        party
        | {
            "seal_name": name,
            "party_nature": nature,
            "representative": "张示例",
            "contact_name": "李示例",
            "contact_phone": "13800001234",
            "address": "山东省示例路1号",
            "postcode": "250000",
            "industry": "C32",
            "scale": "M" if party["side"] == "buyer" else None,
        }
        for party, name, nature in zip(
            shown.json["content"]["parties"],
            [row["name"] for row in shown.json["parties"]],
            ("150", "022", "150"),
            strict=True,
        )
    ]
    changes = {
        "goal": CONTRACT["goal"],
        "clauses": CLAUSES,
        "parties": parties,
        "commission": {"amount_yuan": "20000.00", "paid_by": "buyer"},
    }
    answer = thread["firm"].patch(place, changes, shown.headers["ETag"])
    assert answer.status_code == 200, answer.json
    found: dict[str, Any] = answer.json
    return found


def attach(thread: Thread) -> None:
    """Add the signed text to the papers."""
    client = thread["university_admin"]
    file = {"file": (io.BytesIO("合同文本\n".encode()), "合同.txt")}
    kept = client.open("POST", "/attachments", data=file)
    assert kept.status_code == 201, kept.json
    place = f"/contracts/{thread.contract}"
    paper = {"kind": "CONTRACT", "attachment_id": kept.json["id"]}
    etag = client.get(place).headers["ETag"]
    answer = client.patch(place, {"documents": [paper]}, etag)
    assert answer.status_code == 200, answer.json


def pay(thread: Thread, amount: str, instalment: int) -> dict[str, Any]:
    """Record what the firm has paid today."""
    return thread.post(
        "team",
        "/payments",
        kind="received",
        amount_yuan=amount,
        paid_on=thread.world.clock.now().date().isoformat(),
        instalment=instalment,
        voucher=f"凭证{instalment}",
    )
