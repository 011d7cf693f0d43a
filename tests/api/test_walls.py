"""What is secret stays so by every route: objects, lists, searches, sheets, errors.

Each test plants words that nobody else uses, asks every question that the application
answers, and looks for them. A test of somebody who may read them shows that the
questions would have found them.
"""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from marketplace.domain.needs import NeedState
from marketplace.domain.organisations import OrganisationState
from marketplace.domain.roles import Role
from marketplace.models.needs import Need
from marketplace.models.users import User
from tests.factories import list_offer, pool, relate
from tests.people import World
from tests.stores import ONE
from tests.threads import (
    NDA_TEXT,
    TERMS,
    Thread,
    agree_on_secrecy,
    agree_on_terms,
    begin,
    draw_up,
    meet,
    open_docking,
    sign,
    to_contract,
)
from tests.walls import NOWHERE, heard, hire, leave, refusal

pytestmark = pytest.mark.parametrize("store", [ONE])

NEEDED, OFFERED, FILED = "墨工丙四一", "墨工丁七二", "墨工戊九三"
SECRETS = (NEEDED, OFFERED, FILED)
UNDER_NDA: dict[str, Any] = {
    "disclosure": "NDA",
    "problem": f"现有型材抗拉强度不足，{NEEDED}。",
    "key_technology": f"在线淬火，{NEEDED}控制。",
    "background": f"{NEEDED}两条挤压线。",
    "bidder_conditions": f"须有{NEEDED}经验",
    "indicators": [
        {"name": "抗拉强度", "text": f"抗拉强度≥350 MPa（{NEEDED}）", "is_core": True}
    ],
}
OFFER_UNDER_NDA: dict[str, Any] = {
    "disclosure": "NDA",
    "innovations": [f"{OFFERED}残余应力控制"],
    "team_intro": f"{OFFERED}课题组",
    "completers": [f"{OFFERED}某"],
    "indicators": [{"name": "抗拉强度", "text": f"抗拉强度372 MPa（{OFFERED}）"}],
}


def guarded(world: World) -> Thread:
    """Put a need and an offer on the market whose details are under an agreement."""
    firm = world.client("firm_admin")
    file = firm.post(
        "/attachments",
        data={"file": (io.BytesIO(FILED.encode()), "方案.txt")},
        buffered=True,
    )
    assert file.status_code == 201, file.json
    need = pool(world, **UNDER_NDA, attachments=[file.json["id"]])
    thread = Thread(world, need, list_offer(world, **OFFER_UNDER_NDA))
    thread.file = file.json["id"]
    return thread


def names(thread: Thread) -> dict[str, list[str]]:
    """Return the names of all objects of a thread, by the parameters that take them."""
    world = thread.world
    return {
        "need_id": [str(thread.need.id)],
        "offer_id": [str(thread.offer.id)],
        "docking_id": [thread.docking or NOWHERE],
        "contract_id": [thread.contract or NOWHERE],
        "org_id": [str(world.org(who).id) for who in ("firm", "team")],
        "attachment_id": [thread.file or NOWHERE],
        "number": ["1"],
    }


def told(thread: Thread, who: str, secrets: tuple[str, ...] = SECRETS) -> Any:
    """Return which secrets somebody finds out, and how."""
    world = thread.world
    return heard(world.app, world.client(who), secrets, names(thread))


def reads(thread: Thread, who: str) -> bool:
    """Whether somebody reads the details of the need."""
    answer = thread.world.client(who).get(f"/needs/{thread.need.id}")
    return NEEDED.encode() in answer.get_data()


def test_who_has_accepted_reads_the_details_and_nobody_else_does(world: World) -> None:
    thread = guarded(world)
    others = ("university_admin", "broker", "stranger", "other_firm")
    open_docking(thread)
    meet(thread)
    thread.dock("firm", "propose-nda", text=NDA_TEXT)
    thread.dock("team", "sign-nda", nda_version=1)
    assert told(thread, "team", (NEEDED, FILED)) == {}
    assert told(thread, "firm", (OFFERED,)) == {}
    thread.dock("firm", "sign-nda", nda_version=1)
    assert set(told(thread, "team")) == set(SECRETS)
    assert set(told(thread, "firm")) == set(SECRETS)
    for who in others:
        secrets = (NEEDED, FILED) if who == "university_admin" else SECRETS
        assert told(thread, who, secrets) == {}, who
    assert told(thread, "firm_admin", (OFFERED,)) == {}


def test_a_broker_who_accepts_an_agreement_is_bound_and_is_not_let_in(
    world: World,
) -> None:
    thread = guarded(world)
    open_docking(thread)
    meet(thread)
    agree_on_secrecy(thread)
    shown = thread.dock("broker", "sign-nda", nda_version=1)
    assert len(shown["ndas"][0]["accepted"]) == 3
    assert told(thread, "broker") == {}
    grant = {"organisation_id": str(world.org("broker").id), "basis": "三方保密协议"}
    place = f"/needs/{thread.need.id}/disclosures"
    assert thread["firm_admin"].post(place, grant).status_code == 201
    assert set(told(thread, "broker")) == {NEEDED, FILED}


@pytest.mark.parametrize("how", ["paused", "expired", "withdrawn"])
def test_who_talks_about_a_need_reads_it_when_it_has_left_the_library(
    world: World, how: str
) -> None:
    thread = guarded(world)
    open_docking(thread)
    meet(thread)
    agree_on_secrecy(thread)
    need = world.session.get_one(Need, thread.need.id, populate_existing=True)
    if how == "paused":
        need.paused_at = world.clock.now()
    else:
        need.state = NeedState(how.upper())
    world.session.commit()
    place = f"/needs/{thread.need.id}"
    shown = thread["team"].get(place).json
    assert shown["problem"]
    assert shown["version"] == shown["published_version"]
    assert "problem" in thread["university_admin"].get(place).json["withheld"]
    listed = thread["team"].get("/needs?limit=100").json["items"]
    assert str(thread.need.id) not in [row["id"] for row in listed]
    for who in ("other_firm", "broker", "expert", "stranger"):
        assert thread[who].get(place).status_code == 404
    thread.dock("firm", "lose", reason="price")
    assert thread["team"].get(place).status_code == 404


def test_details_close_when_the_docking_is_lost(world: World) -> None:
    thread = guarded(world)
    open_docking(thread)
    meet(thread)
    assert agree_on_secrecy(thread)["details_open"]
    thread.dock("firm", "lose", reason="price")
    assert told(thread, "team", (NEEDED, FILED)) == {}
    assert told(thread, "firm", (OFFERED,)) == {}


def test_a_newer_agreement_closes_the_details_to_who_has_not_accepted_it(
    world: World,
) -> None:
    thread = guarded(world)
    open_docking(thread)
    meet(thread)
    agree_on_secrecy(thread)
    thread.dock("university_admin", "sign-nda", nda_version=1)
    thread.dock("firm", "propose-nda", text=f"{NDA_TEXT}延长至五年。")
    assert reads(thread, "team")
    thread.dock("university_admin", "sign-nda", nda_version=2)
    assert reads(thread, "team")
    thread.dock("firm_admin", "sign-nda", nda_version=2)
    assert reads(thread, "university_admin")
    assert told(thread, "team", (NEEDED, FILED)) == {}
    assert told(thread, "firm", (OFFERED,)) == {}
    thread.dock("team", "sign-nda", nda_version=2)
    assert reads(thread, "team")


def test_who_has_left_the_unit_reads_nothing_that_he_accepted_for_it(
    world: World,
) -> None:
    thread = guarded(world)
    open_docking(thread)
    meet(thread)
    agree_on_secrecy(thread)
    hire(world, "team", world.org("other_firm"), Role.DEMAND, also=True)
    assert reads(thread, "team")
    leave(world, "team", world.org("university_admin").id)
    assert told(thread, "team", (*SECRETS, NDA_TEXT)) == {}


def test_a_unit_under_sanction_reads_no_details_and_no_thread(world: World) -> None:
    thread = guarded(world)
    open_docking(thread)
    meet(thread)
    agree_on_secrecy(thread)
    number = thread["team"].get(f"/dockings/{thread.docking}").json["docking_no"]
    secrets = (NEEDED, FILED, NDA_TEXT, number)
    assert set(told(thread, "team", secrets)) == set(secrets)
    org = world.org("team")
    org.state = OrganisationState.SUSPENDED
    org.suspension_document = "鲁科字〔2026〕1号"
    org.suspended_until = world.clock.now().date().replace(year=2027)
    world.session.commit()
    assert told(thread, "team", secrets) == {}
    assert thread.queue("team") == []


def test_a_file_of_a_thread_is_read_by_those_whom_it_concerns_alone(
    world: World,
) -> None:
    thread = begin(world)
    open_docking(thread)
    meet(thread)

    def upload(who: str, text: str) -> str:
        """Keep a file for the unit of somebody."""
        file = {"file": (io.BytesIO(text.encode()), "文件.txt")}
        answer = thread[who].post("/attachments", data=file, buffered=True)
        return str(answer.json["id"])

    agreement, contract = upload("firm", "保密协议"), upload("firm_admin", "合同")

    def read(who: str, file: str) -> int:
        return int(
            world.client(who)
            .get(f"/attachments/{file}/content", buffered=True)
            .status_code
        )

    sides = ("team", "university_admin", "broker", "operator")
    assert {read(who, agreement) for who in sides} == {404}
    thread.dock("firm", "propose-nda", attachment_id=agreement)
    assert {read(who, agreement) for who in sides} == {200}
    draw_up(thread)
    thread.step("firm_admin", "sign", signer="张示例", attachment_id=contract)
    assert {read(who, contract) for who in sides} == {200}
    for who in ("other_firm", "clerk", "expert", "province", "stranger"):
        assert read(who, agreement) == read(who, contract) == 404, who
    thread.step("university_admin", "sign", signer="李示例")
    thread.step("broker", "sign", signer="王示例")
    thread.step("firm_admin", "take-effect")
    thread.register("university_admin", "apply", truthful=True)
    assert (read("clerk", agreement), read("clerk", contract)) == (404, 200)


def test_without_an_agreement_terms_do_not_open_the_details(world: World) -> None:
    thread = guarded(world)
    open_docking(thread)
    meet(thread)
    shown = agree_on_terms(thread)
    assert (shown["state"], shown["details_open"]) == ("INTENT", False)
    assert told(thread, "team", (NEEDED, FILED)) == {}
    assert told(thread, "firm", (OFFERED,)) == {}


def test_the_match_that_a_docking_keeps_quotes_nothing_of_the_details(
    world: World,
) -> None:
    thread = guarded(world)
    kept = open_docking(thread)["match"]
    assert kept["reasons"]["zh-CN"]
    for secret in SECRETS:
        assert secret not in str(kept)


def test_nobody_outside_can_tell_that_a_thread_exists(world: World) -> None:
    thread = to_contract(world)
    shown = thread["firm"].get(f"/contracts/{thread.contract}").json
    docking = thread["firm"].get(f"/dockings/{thread.docking}").json
    secrets = (
        *(shown["contract_no"], shown["id"], docking["docking_no"], docking["id"]),
        *("1100000.00", "王示例", NDA_TEXT),
    )
    assert set(told(thread, "firm", secrets)) == set(secrets)
    hire(world, "far_clerk", world.make_org("registry2", "REG"), Role.REGISTRY_CLERK)
    outsiders = (
        *("other_firm", "expert", "district", "final_user"),
        *("clerk", "province", "far_clerk", "stranger"),
    )
    for who in outsiders:
        assert told(thread, who, secrets) == {}, who
        client = world.client(who)
        for path in ("/dockings", "/contracts", "/registrations"):
            found = client.get(path).json
            assert (found["items"], found["total"]) == ([], 0), (who, path)
        queue = client.get("/work-queue")
        assert queue.status_code == 401 or queue.json["items"] == []


ATTEMPTS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("GET", "/{kind}/{id}", {}),
    ("GET", "/{kind}/{id}/events", {}),
    ("GET", "/dockings/{id}/meetings", {}),
    ("POST", "/dockings/{id}/actions/lose", {"reason": "price"}),
    ("POST", "/dockings/{id}/actions/sign-nda", {"nda_version": 1}),
    ("PATCH", "/contracts/{id}", {"title": "新题目"}),
    ("DELETE", "/contracts/{id}", {}),
    ("POST", "/contracts/{id}/actions/sign", {"signer": "测试员"}),
    ("GET", "/contracts/{id}/amendments", {}),
    (
        "POST",
        "/contracts/{id}/amendments",
        {"reason_kind": "PERIOD", "reason": "延期", "changes": {}},
    ),
    ("POST", "/contracts/{id}/amendments/1/actions/sign", {"signer": "测试员"}),
    ("GET", "/contracts/{id}/payments", {}),
    (
        "POST",
        "/contracts/{id}/payments",
        {"kind": "received", "amount_yuan": "1.00", "paid_on": "2026-11-20"},
    ),
    ("GET", "/contracts/{id}/payment-plan", {}),
    ("GET", "/contracts/{id}/readiness", {}),
    ("GET", "/contracts/{id}/registration", {}),
    ("GET", "/contracts/{id}/registration/events", {}),
    ("POST", "/contracts/{id}/registration/actions/apply", {"truthful": True}),
    ("POST", "/contracts/{id}/registration/actions/accept", {}),
    ("POST", "/contracts", {"docking_id": "{id}", "title": "冒用"}),
)


@pytest.mark.parametrize("who", ["other_firm", "broker_two", "clerk", "stranger"])
def test_a_refusal_does_not_tell_what_exists_from_what_does_not(
    world: World, who: str
) -> None:
    thread = to_contract(world)
    hire(world, "broker_two", world.make_org("tto2", "TTO"), Role.BROKER)
    client = world.client(who)
    for kind, there in (("dockings", thread.docking), ("contracts", thread.contract)):
        for method, path, body in ATTEMPTS:
            answers = []
            for subject_id in (there, NOWHERE):
                place = path.format(kind=kind, id=subject_id)
                more: dict[str, Any] = {"headers": {"If-Match": '"1"'}}
                if method in {"POST", "PATCH"}:
                    more["json"] = {
                        k: subject_id if v == "{id}" else v for k, v in body.items()
                    }
                answer = client.open(method, place, **more)
                answers.append(refusal(answer, subject_id))
            assert answers[0] == answers[1], (method, path)
            assert answers[0][0] in {401, 403, 404, 405, 422}, (method, path, answers)


def test_another_broker_cannot_tell_whether_two_are_docking_or_related(
    world: World,
) -> None:
    thread = begin(world)
    pair = {"need_id": str(thread.need.id), "offer_id": str(thread.offer.id)}
    hire(world, "broker_two", world.make_org("tto2", "TTO"), Role.BROKER)
    open_docking(thread)
    client = world.client("broker_two")
    talking = client.post("/dockings", pair)
    thread.dock("team", "decline", reason="price")
    relate(world, "firm")
    related = client.post("/dockings", pair)
    assert talking.status_code == related.status_code == 409
    assert refusal(talking, "") == refusal(related, "")
    assert "K2026" not in talking.get_data(as_text=True)


@pytest.mark.parametrize("kind", ["need", "offer"])
def test_a_broker_does_not_carry_what_is_targeted_to_others(
    world: World, kind: str
) -> None:
    targeted = {"disclosure": "TARGETED"}
    thread = Thread(
        world,
        pool(world, **(targeted if kind == "need" else {})),
        list_offer(world, **(targeted if kind == "offer" else {})),
    )
    pair = {"need_id": str(thread.need.id), "offer_id": str(thread.offer.id)}
    who, other = (
        ("firm_admin", "team") if kind == "need" else ("university_admin", "firm")
    )
    place = f"/{kind}s/{pair[f'{kind}_id']}/disclosures"

    def tell(whom: str) -> None:
        body = {"organisation_id": str(world.org(whom).id), "basis": "保密协议"}
        assert thread[who].post(place, body).status_code == 201

    assert thread["broker"].post("/dockings", pair).status_code == 422
    assert thread[other].post("/dockings", pair).status_code == 422
    tell("broker")
    assert thread["broker"].post("/dockings", pair).status_code == 409
    assert thread.queue(other) == []
    tell(other)
    assert thread["broker"].post("/dockings", pair).status_code == 201


def test_the_registry_reads_a_contract_from_the_day_on_which_it_came_in(
    world: World,
) -> None:
    thread = begin(world)
    open_docking(thread)
    meet(thread)
    draw_up(thread)
    world.clock.at += timedelta(minutes=5)
    sign(thread)
    thread.step("firm_admin", "take-effect")
    place = f"/contracts/{thread.contract}"
    secrets = ("1100000.00", "王示例")
    hire(world, "far_clerk", world.make_org("registry2", "REG"), Role.REGISTRY_CLERK)
    assert told(thread, "clerk", secrets) == {}
    registry = str(world.org("clerk").id)
    thread.register(
        "university_admin", "apply", truthful=True, registry_org_id=registry
    )
    for who in ("clerk", "province"):
        assert set(told(thread, who, secrets)) == set(secrets), who
    for who in ("far_clerk", "expert", "district"):
        assert told(thread, who, secrets) == {}, who
    own = [row["action"] for row in thread["firm"].get(f"{place}/events").json["items"]]
    read = [
        row["action"] for row in thread["clerk"].get(f"{place}/events").json["items"]
    ]
    assert "contract.create" in own
    assert "contract.create" not in read
    assert {"contract.conclude", "contract.take-effect"} <= set(read)
    thread.register("university_admin", "withdraw", comment="再议")
    for who in ("clerk", "province"):
        assert told(thread, who, secrets) == {}, who


def test_parties_are_told_what_the_registry_did_and_not_by_whom(world: World) -> None:
    thread = to_contract(world)
    officials = {"clerk": "钱某某受理", "reviewer": "孙某某复审", "province": "周某某"}
    for who, name in officials.items():
        world.session.execute(
            sa.update(User).where(User.id == world.user(who).id).values(name=name)
        )
    thread.register("university_admin", "apply", truthful=True)
    thread.register("clerk", "request-correction", comment="请补技术资料")
    thread.register("university_admin", "resubmit")
    thread.register("clerk", "accept")
    thread.register("clerk", "first-approve")
    thread.register("reviewer", "send-to-experts", comment="有争议")
    thread.register("clerk", "note-opinion", comment="支持", supports=True)
    thread.register("reviewer", "register")
    thread.register("reviewer", "revoke", comment="材料不实", document="登记字1号")
    thread.register("university_admin", "appeal", comment="不服")
    thread.register("province", "reinstate", comment="异议成立")
    secrets = (*officials.values(), *(str(world.user(w).id) for w in officials))
    for who in ("firm_admin", "team", "broker"):
        assert told(thread, who, secrets) == {}, who
    events = f"/contracts/{thread.contract}/registration/events?limit=100"
    rows = thread["team"].get(events).json["items"]
    assert "有争议" in [row["comment"] for row in rows]
    applied = next(r for r in rows if r["action"] == "registration.apply")
    assert applied["user_name"] == world.user("university_admin").name
    names_told = {r["user_name"] for r in thread["clerk"].get(events).json["items"]}
    assert set(officials.values()) <= names_told


def test_a_buyer_does_not_learn_from_the_papers_what_else_the_seller_has_sold(
    world: World,
) -> None:
    thread = to_contract(world)
    world.org("clerk")
    place = f"/contracts/{thread.contract}/registration"
    thread.register("university_admin", "apply", truthful=True)
    for who in ("university_admin", "team", "clerk", "operator"):
        assert thread[who].get(place).json["readiness"]["answers"], who
    for who in ("firm", "firm_admin"):
        assert thread[who].get(place).json["readiness"] is None, who


def test_a_broker_who_left_his_unit_takes_no_thread_with_him(world: World) -> None:
    thread = guarded(world)
    open_docking(thread)
    meet(thread)
    agree_on_terms(thread)
    number = thread["broker"].get(f"/dockings/{thread.docking}").json["docking_no"]
    leave(world, "broker", world.org("broker").id)
    hire(world, "broker", world.make_org("tto2", "TTO"), Role.BROKER, also=True)
    assert told(thread, "broker", (number, TERMS["scope"])) == {}
    client = world.client("broker")
    taken = client.post("/contracts", {"docking_id": thread.docking})
    unknown = client.post("/contracts", {"docking_id": NOWHERE})
    assert taken.status_code == 422
    assert refusal(taken, thread.docking) == refusal(unknown, NOWHERE)


def test_who_signs_is_not_told_of_other_drafts(world: World) -> None:
    thread = guarded(world)
    open_docking(thread)
    meet(thread)
    draw_up(thread, title="淬火工艺开发")
    sign(thread)
    place = f"/contracts?docking_id={thread.docking}"
    assert thread["team"].get(place).json["total"] == 1
    assert thread["other_firm"].get(place).json["total"] == 0
