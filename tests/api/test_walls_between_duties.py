"""Who has a hand in a matter does not judge it, and signs for his own unit alone."""

from __future__ import annotations

import io
from typing import Any
from uuid import UUID

import pytest

from marketplace.domain.roles import Role
from tests.factories import pool
from tests.markets import amend
from tests.people import World
from tests.stores import ONE
from tests.threads import (
    CONTRACT,
    Thread,
    begin,
    draw_up,
    meet,
    open_docking,
    to_contract,
)
from tests.walls import hire, leave

pytestmark = pytest.mark.parametrize("store", [ONE])

DECISIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("register", {}),
    ("refuse", {"comment": "不属技术合同", "outcome": "N01"}),
)
AFTERWARDS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("change", {}),
    ("decline-change", {"comment": "理由不足"}),
    ("cancel", {"comment": "注销"}),
    ("revoke", {"comment": "材料不实", "document": "登记字〔2026〕1号"}),
)
APPEALS = ("uphold-appeal", "reinstate", "dismiss-appeal")


@pytest.fixture
def thread(world: World) -> Thread:
    """A contract in force, and somebody in the registry who is clerk and reviewer."""
    found = to_contract(world)
    registry = world.org("clerk")
    hire(world, "both", registry, Role.REGISTRY_CLERK, Role.REGISTRY_REVIEWER)
    world.user("reviewer")
    return found


def refused(thread: Thread, who: str, *steps: tuple[str, dict[str, Any]]) -> None:
    """Try steps of the registration; each is refused, and none was offered."""
    path = f"/contracts/{thread.contract}/registration"
    shown = thread[who].get(path)
    for action, body in steps:
        answer = thread[who].act(path, action, body)
        assert answer.status_code in {403, 404}, (who, action, answer.json)
        if shown.status_code == 200:
            assert action not in {a["name"] for a in shown.json["actions"]}


def hand_in(thread: Thread) -> None:
    thread.register("university_admin", "apply", truthful=True)


@pytest.mark.parametrize("task", ["accept", "first-approve"])
def test_who_accepted_or_checked_first_decides_nothing_then_or_later(
    thread: Thread, task: str
) -> None:
    hand_in(thread)
    for step in ("accept", "first-approve"):
        thread.register("both" if step == task else "clerk", step)
    refused(thread, "both", *DECISIONS)
    thread.register("reviewer", "register")
    amend(thread.world, UUID(thread.contract))
    thread.world.session.commit()
    for wanted in ("change", "cancel"):
        thread.register(
            "university_admin", "request-change", comment="变更", wanted=wanted
        )
        refused(thread, "both", *AFTERWARDS)
        thread.register(
            "reviewer", wanted, **({"comment": "注销"} if wanted == "cancel" else {})
        )


def test_a_correction_does_not_wash_off_who_accepted_before_it(thread: Thread) -> None:
    hand_in(thread)
    thread.register("both", "accept")
    thread.register("both", "first-approve")
    thread.register("both", "request-correction", comment="请补正")
    thread.register("university_admin", "resubmit")
    thread.register("clerk", "accept")
    thread.register("clerk", "first-approve")
    refused(thread, "both", *DECISIONS)
    assert thread.register("reviewer", "register")["reg_no"]


def test_a_new_application_does_not_wash_off_who_accepted_the_last_one(
    thread: Thread,
) -> None:
    hand_in(thread)
    thread.register("both", "accept")
    thread.register("clerk", "request-correction", comment="请补正")
    thread.register("university_admin", "withdraw", comment="再议")
    hand_in(thread)
    thread.register("clerk", "accept")
    thread.register("clerk", "first-approve")
    refused(thread, "both", *DECISIONS)


def test_an_upheld_appeal_does_not_wash_off_who_accepted(thread: Thread) -> None:
    hand_in(thread)
    thread.register("both", "accept")
    thread.register("clerk", "first-approve")
    thread.register("reviewer", "refuse", comment="不属技术合同", outcome="N01")
    thread.register("university_admin", "appeal", comment="不服")
    thread.register("province", "uphold-appeal", comment="成立")
    thread.register("clerk", "first-approve")
    refused(thread, "both", *DECISIONS)


def test_who_decided_for_the_registry_hears_no_appeal_for_the_province(
    thread: Thread,
) -> None:
    world = thread.world
    province = world.org("province")
    for who in ("both", "reviewer"):
        hire(world, who, province, Role.PROVINCIAL_AUTHORITY, also=True)
    hand_in(thread)
    thread.register("both", "accept")
    thread.register("clerk", "first-approve")
    thread.register("reviewer", "register")
    refused(thread, "both", *AFTERWARDS)
    thread.register("province", "revoke", comment="不实", document="登记字1号")
    thread.register("university_admin", "appeal", comment="不服")
    steps = tuple((name, {"comment": "理由"}) for name in APPEALS)
    for who in ("both", "reviewer", "province"):
        refused(thread, who, *steps)
    hire(world, "province_two", province, Role.PROVINCIAL_AUTHORITY)
    thread.register("province_two", "reinstate", comment="成立")


@pytest.mark.parametrize("unit", ["firm", "team", "broker"])
def test_an_official_who_belongs_to_a_party_judges_nothing_of_it(
    thread: Thread, unit: str
) -> None:
    world = thread.world
    hire(
        world,
        "insider",
        world.org("clerk"),
        Role.REGISTRY_CLERK,
        Role.REGISTRY_REVIEWER,
    )
    hire(world, "insider", world.org("province"), Role.PROVINCIAL_AUTHORITY, also=True)
    hire(world, "insider", world.org(unit), also=True)
    hand_in(thread)
    client = world.client("insider")
    assert client.get("/registrations").json["total"] == 0
    assert client.get("/contracts").json["total"] == 0
    words = {"comment": "理由"}
    refused(thread, "insider", ("accept", {}), ("request-correction", words))
    thread.register("clerk", "accept")
    refused(thread, "insider", ("first-approve", {}), ("request-correction", words))
    thread.register("clerk", "first-approve")
    refused(thread, "insider", ("send-to-experts", words), *DECISIONS)
    thread.register("reviewer", "register")
    refused(thread, "insider", *AFTERWARDS)


def test_who_applied_for_a_party_does_not_judge_it_from_another_desk(
    thread: Thread,
) -> None:
    world = thread.world
    registry = world.org("clerk")
    hand_in(thread)
    for who, unit in (("university_admin", "team"), ("firm_admin", "firm")):
        hire(
            world,
            who,
            registry,
            *(Role.REGISTRY_CLERK, Role.REGISTRY_REVIEWER),
            also=True,
        )
        leave(world, who, world.org(unit).id)
        del thread.people[who]
        refused(thread, who, ("accept", {}), ("request-correction", {"comment": "补"}))
    thread.register("clerk", "accept")


def test_one_person_signs_for_one_side_whatever_units_he_belongs_to(
    world: World,
) -> None:
    thread = begin(world)
    open_docking(thread)
    meet(thread)
    hire(world, "firm_admin", world.org("team"), Role.UNIT_ADMIN, also=True)
    draw_up(thread, owner_org_id=str(world.org("firm").id))
    place = f"/contracts/{thread.contract}"
    thread.step("firm_admin", "sign", signer="张示例")
    assert (
        thread["firm_admin"].act(place, "sign", {"signer": "张示例"}).status_code == 409
    )
    leave(world, "firm_admin", world.org("firm").id)
    moved = thread["firm_admin"].act(place, "sign", {"signer": "张示例"})
    assert moved.status_code == 409
    assert "同一人不能代表两方签字" in moved.get_data(as_text=True)
    shown = thread["broker"].get(place).json
    assert [s["side"] for s in shown["signatures"]] == ["buyer"]
    assert shown["state"] == "DRAFT"


def test_nobody_but_its_own_people_signs_for_a_unit(world: World) -> None:
    thread = begin(world)
    open_docking(thread)
    meet(thread)
    draw_up(thread)
    place = f"/contracts/{thread.contract}"
    tries = {
        **dict.fromkeys(("firm", "team", "operator"), 403),
        **dict.fromkeys(("other_firm", "clerk", "stranger"), 404),
    }
    for who, status in tries.items():
        answer = world.client(who).act(place, "sign", {"signer": "李示例"})
        assert answer.status_code == status, (who, answer.json)
    thread.step("firm_admin", "sign", signer="张示例")
    for position in (0, 1, 2):
        body = {"signer": "李示例", "party": position}
        answer = thread["firm_admin"].act(place, "sign", body)
        assert answer.json["errors"][0]["code"] == "not_an_outside_party"
    etag = thread["firm_admin"].get(place).headers["ETag"]
    parties = [{"side": "buyer", "organisation_id": str(world.org("firm").id)}]
    dropped = thread["firm_admin"].patch(place, {"parties": parties}, etag)
    assert dropped.status_code == 409


@pytest.mark.parametrize("by", ["name", "code"])
def test_a_registered_unit_cannot_be_signed_for_as_if_it_were_not(
    world: World, by: str
) -> None:
    file = world.client("firm_admin").post(
        "/attachments",
        data={"file": (io.BytesIO("合同".encode()), "合同.txt")},
        buffered=True,
    )
    university = world.org("team")
    named = {
        "name": {"name": university.name},
        "code": {"name": "海岱理工大学（演示）", "uscc": university.uscc},
    }[by]
    firm = {"side": "buyer", "organisation_id": str(world.org("firm").id)}
    parties = [firm, {"side": "seller", **named}]
    thread = begin(world)
    made = thread["firm_admin"].post(
        "/contracts", {**CONTRACT, "title": "工艺", "parties": parties}
    )
    assert made.status_code == 201, made.json
    thread.contract = made.json["id"]
    body = {"signer": "李示例", "party": 1, "attachment_id": file.json["id"]}
    answer = thread["firm_admin"].act(f"/contracts/{thread.contract}", "sign", body)
    assert answer.json["errors"][0]["code"] == "registered_here", answer.json


def test_the_signature_of_an_outside_party_and_the_own_one_go_in_any_order(
    world: World,
) -> None:
    file = world.client("firm_admin").post(
        "/attachments",
        data={"file": (io.BytesIO("合同".encode()), "合同.txt")},
        buffered=True,
    )
    firm = {"side": "buyer", "organisation_id": str(world.org("firm").id)}
    outside = {"side": "seller", "name": "境外某研究所（演示）", "country": "276"}
    body = {**CONTRACT, "title": "工艺", "parties": [firm, outside]}
    for first in (0, 1):
        thread = begin(world)
        thread.contract = thread["firm_admin"].post("/contracts", body).json["id"]
        steps: list[dict[str, Any]] = [
            {"signer": "张示例"},
            {"signer": "某人", "party": 1, "attachment_id": file.json["id"]},
        ]
        thread.step("firm_admin", "sign", **steps[first])
        assert (
            thread.step("firm_admin", "sign", **steps[1 - first])["state"] == "SIGNED"
        )


def test_an_amendment_makes_nobody_party_who_has_not_signed(thread: Thread) -> None:
    world = thread.world
    place = f"/contracts/{thread.contract}"
    shown = thread["firm"].get(place)
    parties = [
        {k: v for k, v in party.items() if v not in (None, "", [])}
        for party in shown.json["content"]["parties"]
    ]
    other = {**parties[1], "organisation_id": str(world.org("other_firm").id)}
    for changed in ([parties[0], other, parties[2]], parties[:2], [*parties, other]):
        answer = thread["firm"].post(
            f"{place}/amendments",
            {"reason_kind": "PARTY", "reason": "换人", "changes": {"parties": changed}},
            headers={"If-Match": shown.headers["ETag"]},
        )
        assert answer.status_code == 422
        assert "/changes/parties" in [e["pointer"] for e in answer.json["errors"]]


def test_a_contract_with_others_neither_answers_a_need_nor_wins_a_docking(
    world: World,
) -> None:
    thread = begin(world)
    open_docking(thread)
    meet(thread)
    other = str(world.org("other_firm").id)
    seller = {"side": "seller", "organisation_id": other}
    firm = {"side": "buyer", "organisation_id": str(world.org("firm").id)}
    draw_up(thread, parties=[firm, seller])
    thread.step("firm_admin", "sign", signer="张示例")
    assert thread.step("other_firm", "sign", signer="赵示例")["state"] == "SIGNED"
    docking = thread["team"].get(f"/dockings/{thread.docking}").json
    assert (docking["state"], docking["contract_id"]) == ("MEETING", None)

    need = pool(world, title="另一项需求")
    buyer = {"side": "buyer", "organisation_id": other}
    university = {"side": "seller", "organisation_id": str(world.org("team").id)}
    body = {**CONTRACT, "title": "冒名", "parties": [buyer, university]}
    made = thread["other_firm"].post("/contracts", {**body, "need_id": str(need.id)})
    thread.contract = made.json["id"]
    thread.step("other_firm", "sign", signer="赵示例")
    thread.step("university_admin", "sign", signer="李示例")
    assert thread["firm"].get(f"/needs/{need.id}").json["state"] == "POOLED"


def test_rescission_by_agreement_takes_both_sides_not_two_of_one(world: World) -> None:
    thread = begin(world)
    open_docking(thread)
    meet(thread)
    sides = (("buyer", "firm"), ("seller", "team"), ("seller", "other_firm"))
    parties = [
        {"side": side, "organisation_id": str(world.org(who).id)} for side, who in sides
    ]
    draw_up(thread, parties=parties)
    for who in ("firm_admin", "university_admin", "other_firm"):
        thread.step(who, "sign", signer="张示例")
    body = {"comment": "协商一致", "ground": "AGREED"}
    assert thread.step("university_admin", "rescind", **body)["state"] == "SIGNED"
    assert thread.step("other_firm", "rescind", **body)["state"] == "SIGNED"
    assert thread.step("firm_admin", "rescind", **body)["state"] == "RESCINDED"


def test_the_buyer_and_not_the_seller_says_that_all_was_delivered(
    thread: Thread,
) -> None:
    place = f"/contracts/{thread.contract}"
    assert thread["university_admin"].act(place, "complete").status_code == 403
    assert thread.step("firm_admin", "complete")["state"] == "COMPLETED"


def test_an_operator_who_belongs_to_a_party_does_not_annul(thread: Thread) -> None:
    world = thread.world
    hire(world, "operator_two", world.org("team"), also=True)
    place = f"/contracts/{thread.contract}"
    body = {"comment": "判决", "document": "判决书1号"}
    assert thread["operator_two"].act(place, "annul", body).status_code == 403
    assert thread.step("operator", "annul", **body)["state"] == "VOID"


def test_signing_is_not_skipped_by_two_of_three(world: World) -> None:
    thread = begin(world)
    open_docking(thread)
    meet(thread)
    draw_up(thread)
    thread.step("firm_admin", "sign", signer="张示例")
    assert thread.step("university_admin", "sign", signer="李示例")["state"] == "DRAFT"
    place = f"/contracts/{thread.contract}"
    assert thread["firm_admin"].act(place, "take-effect").status_code == 409
    assert thread["firm_admin"].act(place, "conclude").status_code == 409
