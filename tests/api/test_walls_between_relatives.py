"""Units that belong together are not brought together, whoever of them said so."""

from __future__ import annotations

from typing import Any

import pytest

from marketplace.domain.roles import Role
from tests.factories import NEED, OFFER, list_offer, pool, relate
from tests.people import World
from tests.stores import ONE
from tests.threads import (
    CONTRACT,
    Thread,
    begin,
    open_docking,
)
from tests.walls import hire

pytestmark = pytest.mark.parametrize("store", [ONE])

DECLARED_BY = ("firm", "team")


def met(thread: Thread) -> set[str]:
    """Return by which questions the two find each other."""
    need, offer = str(thread.need.id), str(thread.offer.id)
    found = set()

    def ask(name: str, other: str, answer: Any) -> None:
        assert answer.status_code == 200, (name, answer.json)
        if other.encode() in answer.get_data():
            found.add(name)

    for who in ("firm", "broker", "operator"):
        for part in ("matches", "relaxations", "teams"):
            ask(part, offer, thread[who].get(f"/needs/{need}/{part}"))
    for who in ("team", "broker", "operator"):
        ask("backwards", need, thread[who].get(f"/offers/{offer}/matches"))
    ask("preview", offer, thread["firm"].post("/matches/preview", {"need": NEED}))
    back = thread["team"].post("/matches/preview", {"offer": OFFER})
    ask("preview backwards", need, back)
    return found


def asked_for(world: World) -> Thread:
    """Put a need and the offer of a team on the market that differ in one figure."""
    team = world.client("university_admin").post(
        f"/organisations/{world.org('team').id}/teams", {"name": "轻合金团队"}
    )
    assert team.status_code == 201, team.json
    return Thread(world, pool(world), list_offer(world, team_id=team.json["id"]))


def test_strangers_find_each_other_by_every_question(world: World) -> None:
    found = met(asked_for(world))
    assert found >= {"matches", "backwards", "preview", "preview backwards", "teams"}


@pytest.mark.parametrize("declares", DECLARED_BY)
def test_relatives_find_each_other_by_no_question(world: World, declares: str) -> None:
    thread = asked_for(world)
    relate(world, declares)
    assert met(thread) == set()


@pytest.mark.parametrize("declares", DECLARED_BY)
def test_relatives_are_not_docked_by_anybody(world: World, declares: str) -> None:
    thread = begin(world)
    relate(world, declares)
    pair = {"need_id": str(thread.need.id), "offer_id": str(thread.offer.id)}
    for who in ("firm", "team", "broker"):
        assert thread[who].post("/dockings", pair).status_code == 409, who
    assert thread["operator"].get("/dockings").json["total"] == 0
    for who in ("firm", "team", "broker"):
        assert thread.queue(who) == []


@pytest.mark.parametrize("declares", DECLARED_BY)
def test_who_has_become_related_does_not_accept_any_more(
    world: World, declares: str
) -> None:
    thread = begin(world)
    open_docking(thread)
    relate(world, declares)
    place = f"/dockings/{thread.docking}"
    assert thread["firm"].act(place, "express-interest").status_code == 409
    assert thread["team"].act(place, "express-interest").status_code == 409
    assert (
        thread.dock("team", "decline", reason="other", comment="关联")["state"]
        == "LOST"
    )


def test_a_unit_does_not_dock_with_itself(world: World) -> None:
    need = pool(world)
    hire(world, "firm_admin", world.org("team"), Role.SUPPLIER, also=True)
    own = world.client("firm_admin")
    made = own.post("/offers", {**OFFER, "owner_org_id": str(world.org("firm").id)})
    assert made.status_code == 201, made.json
    pair = {"need_id": str(need.id), "offer_id": made.json["id"]}
    assert own.post("/dockings", pair).status_code == 422
    offer = list_offer(world)
    world.session.refresh(offer)
    offer.owner_org_id = world.org("firm").id
    world.session.commit()
    pair = {"need_id": str(need.id), "offer_id": str(offer.id)}
    for who in ("firm", "firm_admin", "broker"):
        assert world.client(who).post("/dockings", pair).status_code == 409, who


@pytest.mark.parametrize("declares", ["firm", "team"])
def test_relatives_do_not_sign_before_the_contract_says_so(
    world: World, declares: str
) -> None:
    relate(world, declares)
    parties = [
        {"side": "buyer", "organisation_id": str(world.org("firm").id)},
        {"side": "seller", "organisation_id": str(world.org("team").id)},
    ]
    thread = begin(world)
    body = {**CONTRACT, "title": "工艺开发", "parties": parties, "is_related": False}
    thread.contract = thread["firm_admin"].post("/contracts", body).json["id"]
    place = f"/contracts/{thread.contract}"
    refused = thread["firm_admin"].act(place, "sign", {"signer": "张示例"})
    assert [e["pointer"] for e in refused.json["errors"]] == ["/is_related"]
    etag = thread["firm_admin"].get(place).headers["ETag"]
    told = thread["firm_admin"].patch(place, {"is_related": True}, etag)
    assert told.status_code == 200
    assert thread.step("firm_admin", "sign", signer="张示例")["is_related"]


@pytest.mark.parametrize("declares", DECLARED_BY)
def test_relatives_who_are_silent_about_it_go_before_the_experts(
    world: World, declares: str
) -> None:
    world.org("clerk")
    parties = [
        {"side": "buyer", "organisation_id": str(world.org("firm").id)},
        {"side": "seller", "organisation_id": str(world.org("team").id)},
    ]
    thread = begin(world)
    body = {**CONTRACT, "title": "工艺开发", "parties": parties, "is_related": False}
    thread.contract = thread["firm_admin"].post("/contracts", body).json["id"]
    thread.step("firm_admin", "sign", signer="张示例")
    thread.step("university_admin", "sign", signer="李示例")
    thread.step("university_admin", "take-effect")
    relate(world, declares)
    thread.register("university_admin", "apply", truthful=True)
    assert thread.register("clerk", "accept")["expert_reasons"] == ["related"]
    thread.register("clerk", "first-approve")
    place = f"/contracts/{thread.contract}/registration"
    assert thread["reviewer"].act(place, "register").status_code == 409
    thread.register("reviewer", "send-to-experts", comment="关联交易")
    assert thread["reviewer"].act(place, "register").status_code == 409
    thread.register("clerk", "note-opinion", comment="价格公允", supports=True)
    assert thread.register("reviewer", "register")["reg_no"]
