"""Who did what for a deal is read off the ledger; how a fee is shared is agreed."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

import pytest
import sqlalchemy as sa

from marketplace.domain.roles import Role
from marketplace.errors import Conflict, Forbidden, Invalid, NotFound
from marketplace.models.brokers import CommissionPayment, ShareProposal
from marketplace.models.contracts import ContractParty
from marketplace.models.ledger import Event, LedgerEntry
from marketplace.services import commissions, contributions, needs
from tests.brokers import administer, concluded, shares
from tests.factories import NEED, POOLING, list_offer, relate
from tests.people import World
from tests.threads import CONTRACT, Thread, begin, draw_up, meet, open_docking

HALVES = {"firm": "10.00", "team": "23.33", "broker": "66.67"}


def place(thread: Thread) -> str:
    return f"/contracts/{thread.contract}/shares"


def propose(thread: Thread, who: str = "broker", **percents: str) -> dict[str, object]:
    body = {"shares": shares(thread.world, **(percents or HALVES))}
    answer = thread[who].post(place(thread), body)
    assert answer.status_code == 201, answer.json
    found: dict[str, object] = answer.json
    return found


def seen(thread: Thread, who: str, query: str = "") -> list[tuple[str, str, str]]:
    answer = thread[who].get(
        f"/contributions?{query or f'contract_id={thread.contract}'}"
    )
    assert answer.status_code == 200, answer.json
    return [
        (
            row["contribution"],
            row["organisation"]["name"][:6],
            row["user"]["name"] if row["user"] else "",
        )
        for row in answer.json["items"]
    ]


def test_the_ledger_says_who_filed_refined_introduced_attended_and_drafted(
    world: World,
) -> None:
    session = world.session
    need = needs.create(session, world.actor("firm_admin"), NEED)
    goal = {"expected_goal": "形成稳定的批量生产工艺。"}
    needs.edit(session, world.actor("firm"), need.id, goal)
    for who, action in POOLING:
        need = needs.act(session, world.actor(who), need.id, action)
    thread = Thread(world, need, list_offer(world))
    open_docking(thread)
    meet(thread)
    draw_up(thread)
    assert [(c, who) for c, _, who in seen(thread, "team")] == [
        ("FILED", "firm_admin"),
        ("REFINED", "firm"),
        ("INTRODUCED", "broker"),
        ("ATTENDED", "broker"),
        ("DRAFTED", "firm_admin"),
    ]


def test_every_line_shows_the_entries_of_the_ledger_that_prove_it(world: World) -> None:
    thread = concluded(world)
    answer = thread["broker"].get(f"/contributions?contract_id={thread.contract}")
    assert answer.json["items"]
    for row in answer.json["items"]:
        assert row["evidence"]
        for entry in row["evidence"]:
            kept = world.session.get_one(LedgerEntry, entry["seq"])
            event = world.session.get_one(Event, UUID(entry["event_id"]))
            assert kept.event_id == event.id
            assert contributions.MEANING[event.action] == row["contribution"]
            assert str(event.actor_id) == row["user"]["id"]
            assert str(event.actor_org_id) == row["organisation"]["id"]


def test_a_meeting_that_names_somebody_makes_no_contribution_of_his(
    world: World,
) -> None:
    thread = begin(world)
    open_docking(thread)
    meet(thread)
    draw_up(thread)
    attended = [who for c, _, who in seen(thread, "firm") if c == "ATTENDED"]
    assert attended == ["broker"]


def test_who_may_not_see_the_deal_sees_no_contributions(world: World) -> None:
    thread = concluded(world)
    query = f"contract_id={thread.contract}"
    for who in ("other_firm", "stranger", "clerk", "expert", "district"):
        assert thread[who].get(f"/contributions?{query}").status_code == 404, who
    by_need = f"need_id={thread.need.id}"
    for who, status in (("stranger", 401), ("team", 403), ("firm", 200)):
        assert thread[who].get(f"/contributions?{by_need}").status_code == status
    for wrong in ("", f"{query}&{by_need}"):
        assert thread["firm"].get(f"/contributions?{wrong}").status_code == 422


def test_a_need_shows_all_contributions_to_its_owner(world: World) -> None:
    thread = concluded(world)
    found = {c for c, _, _ in seen(thread, "firm", f"need_id={thread.need.id}")}
    assert found == {"FILED", "INTRODUCED", "DRAFTED"}


def test_shares_hold_once_both_parties_and_the_mediator_accept_one_version(
    world: World,
) -> None:
    thread = concluded(world)
    first = propose(thread)
    assert (first["number"], first["state"]) == (1, "PROPOSED")
    assert [row["name"][:4] for row in first["missing"]] == ["firm", "univ"]
    one = f"{place(thread)}/1"
    assert thread["firm"].act(one, "accept").status_code == 403
    assert thread["firm_admin"].act(one, "accept").json["state"] == "PROPOSED"
    assert thread["firm_admin"].act(one, "accept").status_code == 409
    done = thread["university_admin"].act(one, "accept").json
    assert (done["state"], done["missing"]) == ("AGREED", [])
    assert [row["amount_yuan"] for row in done["shares"]] == [
        "3600.00",
        "8398.80",
        "24001.21",
    ]
    assert thread["university_admin"].act(one, "accept").status_code == 409


def test_the_version_that_holds_stays_until_the_next_one_is_agreed(
    world: World,
) -> None:
    thread = concluded(world)
    propose(thread)
    for who in ("firm_admin", "university_admin"):
        thread[who].act(f"{place(thread)}/1", "accept")
    propose(thread, "firm_admin", firm="50.00", broker="50.00")
    rows = thread["broker"].get(place(thread)).json["items"]
    assert [row["state"] for row in rows] == ["AGREED", "PROPOSED"]
    said = thread["university_admin"].act(
        f"{place(thread)}/2", "refuse", {"comment": "我方未列入"}
    )
    assert said.json["state"] == "REFUSED"
    propose(thread, "firm_admin", broker="100.00")
    for who in ("university_admin", "broker"):
        assert thread[who].act(f"{place(thread)}/3", "accept").status_code == 200
    rows = thread["broker"].get(place(thread)).json["items"]
    assert [row["state"] for row in rows] == ["SUPERSEDED", "REFUSED", "AGREED"]


def test_a_later_proposal_takes_the_place_of_one_that_waits(world: World) -> None:
    thread = concluded(world)
    propose(thread)
    again = propose(thread)
    assert again["number"] == 1
    propose(thread, "team", team="100.00")
    rows = thread["broker"].get(place(thread)).json["items"]
    assert [row["state"] for row in rows] == ["SUPERSEDED", "PROPOSED"]
    assert rows[1]["accepted"] == []
    assert thread["firm_admin"].act(f"{place(thread)}/1", "accept").status_code == 409


@pytest.mark.parametrize(
    ("percents", "pointer"),
    [
        ({"firm": "50.00", "broker": "49.99"}, "/shares"),
        ({"firm": "50.00", "broker": "50.01"}, "/shares"),
        ({"firm": "0.00", "broker": "100.00"}, "/shares"),
        ({"firm": "33.333", "broker": "66.667"}, "/shares"),
        ({"firm": "x", "broker": "50.00"}, "/shares/0/percent"),
        ({"other_firm": "50.00", "broker": "50.00"}, "/shares/0/organisation_id"),
    ],
)
def test_shares_that_make_no_whole_or_go_astray_are_refused(
    world: World, percents: dict[str, str], pointer: str
) -> None:
    thread = concluded(world)
    body = {"shares": shares(world, **percents)}
    answer = thread["broker"].post(place(thread), body)
    assert answer.status_code == 422
    assert pointer in [e["pointer"] for e in answer.json["errors"]]
    assert world.session.scalar(sa.select(sa.func.count(ShareProposal.id))) == 0


def test_one_person_does_not_accept_for_two_units(world: World) -> None:
    from marketplace.models.users import Membership

    thread = concluded(world)
    world.session.add(
        Membership(
            user_id=world.user("firm_admin").id,
            org_id=world.org("team").id,
            roles=[Role.UNIT_ADMIN.value],
            created_at=world.clock.now(),
            updated_at=world.clock.now(),
        )
    )
    world.session.commit()
    propose(thread)
    one = f"{place(thread)}/1"
    assert thread["firm_admin"].act(one, "accept").status_code == 200
    assert thread["firm_admin"].act(one, "accept").status_code == 409
    state = thread["broker"].get(one).json["state"]
    assert state == "PROPOSED"


def test_shares_are_seen_by_the_deal_and_operators_only(world: World) -> None:
    thread = concluded(world)
    propose(thread)
    for who, status in (
        ("firm", 200),
        ("team", 200),
        ("broker", 200),
        ("operator", 200),
        ("other_firm", 404),
        ("clerk", 404),
        ("stranger", 404),
    ):
        assert thread[who].get(place(thread)).status_code == status, who
    applied = {"registry_org_id": str(world.org("clerk").id), "truthful": True}
    place_ = f"/contracts/{thread.contract}/registration"
    answer = thread["university_admin"].act(place_, "apply", applied)
    assert answer.status_code == 200, answer.json
    assert thread["clerk"].get(f"/contracts/{thread.contract}").status_code == 200
    assert thread["clerk"].get(place(thread)).status_code == 403
    query = f"/contributions?contract_id={thread.contract}"
    assert thread["clerk"].get(query).status_code == 403


def test_a_brokered_docking_gives_its_broker_a_say_also_where_he_is_no_party(
    world: World,
) -> None:
    thread = concluded(world)
    world.session.execute(
        sa.delete(ContractParty).where(ContractParty.org_id == world.org("broker").id)
    )
    world.session.commit()
    assert thread["broker"].get(f"/contracts/{thread.contract}").status_code == 404
    shown = thread["broker"].get(place(thread))
    assert shown.status_code == 200
    assert shown.json["deal"]["shape"] == "two-party"
    assert propose(thread)["state"] == "PROPOSED"


def test_shares_wait_on_the_units_whose_consent_is_missing(world: World) -> None:
    thread = concluded(world)
    propose(thread, "broker", **HALVES)

    def owing() -> list[str]:
        return [
            who
            for who in ("firm_admin", "university_admin", "broker")
            if any(
                item["step"] == "accept-shares"
                for item in thread[who].get("/work-queue").json["items"]
            )
        ]

    assert owing() == ["firm_admin", "university_admin"]
    told = thread["firm_admin"].get("/messages").json["items"]
    assert "分成方案" in told[0]["title"]
    assert told[0]["href"] == f"/api/v1{place(thread)}"
    one = f"{place(thread)}/1"
    assert thread["firm_admin"].act(one, "accept").status_code == 200
    assert owing() == ["university_admin"]
    refused = thread["university_admin"].act(one, "refuse", {"comment": "比例过高"})
    assert refused.status_code == 200
    assert owing() == []


def test_three_parties_and_affiliated_ones_are_marked(world: World) -> None:
    thread = concluded(world)
    deal = thread["broker"].get(place(thread)).json["deal"]
    assert deal["is_three_party"]
    assert not deal["is_affiliated"]
    relate(world, "firm")
    deal = thread["broker"].get(place(thread)).json["deal"]
    assert deal["is_affiliated"]
    assert deal["affiliations"] == [
        {"a": str(world.org("firm").id), "b": str(world.org("team").id)}
    ]


def test_a_commission_is_received_up_to_what_was_agreed_and_once_an_invoice(
    world: World,
) -> None:
    thread = concluded(world)
    paid = f"/contracts/{thread.contract}/commission-payments"
    first = {"amount_yuan": "20000.00", "paid_on": "2026-11-23", "voucher": "F-1"}
    assert thread["broker"].post(paid, first).status_code == 201
    assert thread["broker"].post(paid, first).status_code == 422
    again = {**first, "amount_yuan": "1.00"}
    assert thread["broker"].post(paid, again).status_code == 409
    rest = {**first, "amount_yuan": "16000.01", "voucher": "F-2"}
    assert thread["firm"].post(paid, rest).status_code == 201
    more = {**first, "amount_yuan": "0.01", "voucher": "F-3"}
    assert thread["firm"].post(paid, more).status_code == 422
    late = {**first, "amount_yuan": "0.01", "paid_on": "2026-11-24", "voucher": "F"}
    errors = thread["firm"].post(paid, late).json["errors"]
    assert {e["pointer"] for e in errors} == {"/amount_yuan", "/paid_on"}
    assert thread["operator"].post(paid, more).status_code == 403
    rows = thread["operator"].get(paid).json["items"]
    assert [row["amount_yuan"] for row in rows] == ["20000.00", "16000.01"]
    total = sum(
        world.session.scalars(sa.select(CommissionPayment.amount_yuan)), Decimal(0)
    )
    assert total == Decimal("36000.01")


def test_a_commission_is_taken_back_by_an_entry_that_names_it(world: World) -> None:
    thread = concluded(world)
    paid = f"/contracts/{thread.contract}/commission-payments"
    entry = {"amount_yuan": "30000.00", "paid_on": "2026-11-23", "voucher": "F-1"}
    first = thread["broker"].post(paid, entry).json["id"]
    back = {**entry, "voucher": "H-1", "reverses_id": first}
    answer = thread["broker"].post(paid, {**back, "amount_yuan": "30000.01"})
    assert [e["code"] for e in answer.json["errors"]] == ["more_than_received"]
    answer = thread["broker"].post(paid, {**back, "amount_yuan": "20000.00"})
    assert answer.status_code == 201
    assert answer.json["reverses_id"] == first
    again = {**back, "voucher": "H-2", "amount_yuan": "10000.01"}
    assert thread["broker"].post(paid, again).status_code == 422
    of_it = {**again, "amount_yuan": "1.00", "reverses_id": answer.json["id"]}
    errors = thread["broker"].post(paid, of_it).json["errors"]
    assert [e["code"] for e in errors] == ["no_such_payment"]
    deal = thread["broker"].get(place(thread)).json["deal"]
    assert deal["received_yuan"] == "10000.00"
    rest = {**entry, "voucher": "F-2", "amount_yuan": "26000.01"}
    assert thread["broker"].post(paid, rest).status_code == 201


def test_without_a_commission_shares_are_agreed_and_have_no_amounts(
    world: World,
) -> None:
    thread = concluded(world, commission={})
    found = propose(thread)
    assert found["commission_yuan"] is None
    assert {row["amount_yuan"] for row in found["shares"]} == {None}


def test_a_party_that_is_not_registered_cannot_agree_on_shares(world: World) -> None:
    thread = begin(world)
    parties = [
        {"side": "buyer", "organisation_id": str(world.org("firm").id)},
        {"side": "seller", "name": "Nordlicht Beispieltechnik GmbH", "country": "276"},
        {"side": "broker", "organisation_id": str(world.org("broker").id)},
    ]
    body = {**CONTRACT, "title": "技术开发", "parties": parties}
    answer = thread["firm_admin"].post("/contracts", body)
    assert answer.status_code == 201, answer.json
    contract = UUID(answer.json["id"])
    with pytest.raises(Conflict):
        commissions.propose(
            world.session,
            world.actor("broker"),
            contract,
            {"shares": shares(world, firm="50", broker="50")},
        )


def test_services_refuse_strangers_as_the_routes_do(world: World) -> None:
    thread = concluded(world)
    contract = UUID(thread.contract)
    session = world.session
    with pytest.raises(NotFound):
        commissions.get_deal(session, world.actor("expert"), contract)
    with pytest.raises(Forbidden):
        commissions.pay(session, world.actor("operator"), contract, {})
    with pytest.raises(Invalid):
        commissions.propose(session, world.actor("team"), contract, {"shares": []})
    administer(world, "team")
    with pytest.raises(NotFound):
        commissions.decide(session, world.actor("team"), contract, 1, "accept")
