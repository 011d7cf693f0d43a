"""A contract is drawn up, signed by all, performed, amended, ended; nothing else."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from marketplace.domain.contracts import CONTRACT_WORKFLOW, ContractState
from marketplace.domain.dockings import DockingState
from marketplace.domain.needs import NeedState
from marketplace.domain.roles import Role
from marketplace.errors import (
    Conflict,
    Forbidden,
    IllegalTransition,
    Invalid,
    MarketplaceError,
    NotFound,
    Stale,
)
from marketplace.models.conflicts import ConflictCheck
from marketplace.models.contracts import Contract, ContractSignature, ContractVersion
from marketplace.models.dockings import Docking
from marketplace.models.messages import Message
from marketplace.models.needs import Need
from marketplace.models.registrations import Registration
from marketplace.models.users import Membership
from marketplace.services import contract_contents, contracts, dockings, notices
from tests import agreements
from tests.agreements import ROYALTY, Deal, amounts, party
from tests.people import World
from tests.threads import (
    agree_on_secrecy,
    agree_on_terms,
    begin,
    draw_up,
    meet,
    open_docking,
)

PLAN = amounts("1200000", "1100000", "480000", "720000")
SIGN = {"signer": "张示例"}
RESCIND = {"ground": "AGREED", "comment": "协商一致"}


def pointers(caught: pytest.ExceptionInfo[Any]) -> set[str]:
    return {error.pointer for error in caught.value.errors}


def reach(world: World, state: str) -> Deal:
    """Bring a contract to a state by its own steps."""
    world.user("operator")
    deal = agreements.draft(world)
    if state == "DRAFT":
        return deal
    deal.sign()
    if state == "SIGNED":
        return deal
    deal.act("firm_admin", "take-effect")
    if state == "PERFORMING":
        deal.pay("1000")
    if state == "COMPLETED":
        deal.act("firm_admin", "complete")
    if state == "RESCINDED":
        deal.act("firm_admin", "rescind", ground="LATE", comment="逾期未履行")
    if state == "VOID":
        deal.act("operator", "annul", comment="确认无效", document="（2026）示例1号")
    assert deal.contract.state == state
    return deal


# The life cycle

TRY: dict[str, tuple[str, dict[str, Any]]] = {
    "sign": ("firm_admin", SIGN),
    "withdraw-signature": ("firm_admin", {"comment": "再议"}),
    "take-effect": ("university_admin", {}),
    "complete": ("firm_admin", {}),
    "rescind": ("firm_admin", {"ground": "LATE", "comment": "逾期未履行"}),
    "annul": ("operator", {"comment": "确认无效", "document": "（2026）示例1号"}),
}


@pytest.mark.parametrize("state", [s.value for s in ContractState])
def test_from_every_state_only_the_arrows_of_the_table_lead_on(
    world: World, state: str
) -> None:
    deal = reach(world, state)
    rows = {row.action: row for row in CONTRACT_WORKFLOW.offered(ContractState(state))}
    assert set(TRY) == CONTRACT_WORKFLOW.actions
    world.session.commit()
    for action, (who, given) in TRY.items():
        if action == "withdraw-signature" and state == "DRAFT":
            continue
        if action in rows:
            assert deal.act(who, action, **given).state is rows[action].target
        else:
            with pytest.raises(IllegalTransition):
                deal.act(who, action, **given)
        world.session.rollback()


def test_who_mediates_is_checked_with_both_sides(world: World) -> None:
    deal = agreements.draft(
        world,
        parties=[
            party("buyer", world.org("firm").id),
            party("seller", world.org("university_admin").id),
            party("broker", world.org("broker").id),
        ],
    )
    world.org("broker").parent_org_id = world.org("university_admin").id
    world.session.commit()
    assert deal.sign("firm_admin").state is ContractState.DRAFT
    checks = world.session.scalars(
        sa.select(ConflictCheck).where(
            ConflictCheck.purpose == "broker",
            ConflictCheck.subject_id == deal.contract.id,
        )
    ).all()
    assert [(c.outcome, c.left) for c in checks] == [
        ("mark", [f"unit:{world.org('broker').id}"])
    ]
    assert not deal.contract.is_related, "the deal itself is none of related parties"


def test_all_parties_have_to_sign_and_the_last_one_concludes(world: World) -> None:
    deal = agreements.draft(
        world,
        parties=[
            party("buyer", world.org("firm").id),
            party("seller", world.org("university_admin").id),
            party("broker", world.org("broker").id),
        ],
    )
    assert deal.sign("firm_admin").state is ContractState.DRAFT
    assert set(deal.owed()) == {
        ("sign-contract", "university"),
        ("sign-contract", "broker:broker"),
    }
    assert deal.sign("broker").state is ContractState.DRAFT
    signed = deal.sign("university_admin")
    assert signed.state is ContractState.SIGNED
    assert signed.concluded_at == world.clock.now()
    assert signed.current.state == "IN_FORCE"
    assert set(deal.owed()) == {("take-effect", "university")}


def test_a_member_without_office_does_not_sign(world: World) -> None:
    deal = agreements.draft(world)
    for who in ("firm", "team"):
        with pytest.raises(Forbidden):
            deal.act(who, "sign", **SIGN)


@pytest.mark.parametrize("who", ["other_firm", "stranger", "expert", "clerk"])
def test_who_is_no_party_does_not_learn_that_there_is_a_contract(
    world: World, who: str
) -> None:
    deal = agreements.draft(world)
    with pytest.raises(NotFound):
        deal.act(who, "sign", **SIGN)
    with pytest.raises(NotFound):
        deal.edit(who, title="另一项目")


def test_an_unfinished_draft_is_not_signed(world: World) -> None:
    deal = agreements.draft(world, subject="", signed_on=None)
    with pytest.raises(Invalid) as caught:
        deal.sign("firm_admin")
    assert pointers(caught) == {"/subject", "/signed_on"}


def test_a_day_of_signing_that_is_yet_to_come_is_not_signed(world: World) -> None:
    ahead = {"signed_on": world.actor("firm").today + timedelta(days=1)}
    deal = agreements.draft(world, **ahead)
    with pytest.raises(Invalid) as caught:
        deal.sign("firm_admin")
    assert pointers(caught) == {"/signed_on"}
    deal = agreements.effective(world)
    with pytest.raises(Invalid) as caught:
        deal.amend("firm", **ahead)
    assert pointers(caught) == {"/changes/signed_on"}


def test_a_royalty_contract_is_signed_without_amounts_but_not_without_its_method(
    world: World,
) -> None:
    open_ = {"total_yuan": None, "technical_yuan": None, "non_technical": []}
    deal = agreements.draft(world, **open_, payment_method="3", instalments=[])
    with pytest.raises(Invalid) as caught:
        deal.sign("firm_admin")
    assert pointers(caught) == {"/royalty"}
    deal.edit("firm_admin", royalty=ROYALTY["royalty"])
    assert deal.sign().state is ContractState.SIGNED


@pytest.mark.parametrize(
    ("day", "given"),
    [("effective_on", -1), ("effective_on", 1)],
)
def test_effect_begins_with_the_signature_at_the_earliest_and_not_tomorrow(
    world: World, day: str, given: int
) -> None:
    deal = agreements.draft(world)
    deal.sign()
    when = deal.contract.signed_on + timedelta(days=given)
    with pytest.raises(Invalid) as caught:
        deal.act("firm_admin", "take-effect", **{day: when})
    assert pointers(caught) == {f"/{day}"}


@pytest.mark.parametrize(
    ("action", "name", "given"),
    [
        ("complete", "completed_on", {}),
        ("rescind", "rescinded_on", RESCIND),
        ("rescind", "rescinded_on", {**RESCIND, "ground": "LATE"}),
    ],
)
@pytest.mark.parametrize("days", [-1, 1])
def test_a_contract_ends_neither_before_it_began_nor_tomorrow(
    world: World, action: str, name: str, given: dict[str, Any], days: int
) -> None:
    deal = reach(world, "EFFECTIVE")
    when = world.actor("firm").today + timedelta(days=days)
    with pytest.raises(Invalid) as caught:
        deal.act("firm_admin", action, **given, **{name: when})
    assert pointers(caught) == {f"/{name}"}


# Double clicks and stale readers


@pytest.mark.parametrize(
    ("state", "action"), [("DRAFT", "sign"), ("SIGNED", "take-effect")]
)
def test_a_double_click_does_nothing_twice(
    world: World, state: str, action: str
) -> None:
    deal = reach(world, state)
    who, given = TRY[action]
    deal.act(who, action, **given)
    with pytest.raises(Conflict):
        deal.act(who, action, **given)


def test_who_has_not_read_the_contract_as_it_is_does_not_change_it(
    world: World,
) -> None:
    deal = reach(world, "EFFECTIVE")
    read = str(deal.contract.revision)
    deal.pay("1000")
    with pytest.raises(Stale):
        deal.act("firm_admin", "complete", expected=read)


# Signatures


def test_nothing_is_edited_or_deleted_under_a_signature(world: World) -> None:
    deal = agreements.draft(world)
    deal.sign("firm_admin")
    with pytest.raises(IllegalTransition):
        deal.edit("firm", title="另一项目")
    with pytest.raises(IllegalTransition):
        contracts.delete(world.session, world.actor("firm_admin"), deal.id)
    deal.act("firm_admin", "withdraw-signature", comment="再议价款")
    assert deal.edit("firm", title="另一项目").title == "另一项目"


def test_only_the_unit_that_signed_takes_its_signature_back(world: World) -> None:
    deal = agreements.draft(world)
    deal.sign("firm_admin")
    with pytest.raises(Conflict):
        deal.act("university_admin", "withdraw-signature", comment="再议")
    with pytest.raises(Forbidden):
        deal.act("firm", "withdraw-signature", comment="再议")
    agreements.another_admin(world, "firm_colleague", "firm")
    found = deal.act("firm_colleague", "withdraw-signature", comment="再议")
    assert found.current.signatures == []
    assert deal.owed() == {}


def test_signing_is_offered_to_whom_it_waits_for(world: World) -> None:
    def offered(who: str) -> set[str]:
        found = contracts.view(world.session, world.actor(who), deal.contract)
        names = {row["name"] for row in found["actions"]}
        return names & {"sign", "withdraw-signature"}

    deal = agreements.draft(world)
    assert offered("firm_admin") == offered("university_admin") == {"sign"}
    assert offered("team") == set()
    deal.sign("firm_admin")
    assert offered("firm_admin") == {"withdraw-signature"}
    assert offered("university_admin") == {"sign"}
    deal = outside(world)
    deal.sign("firm_admin")
    assert offered("firm_admin") == {"sign", "withdraw-signature"}


def test_after_the_last_signature_none_is_taken_back(world: World) -> None:
    deal = reach(world, "SIGNED")
    with pytest.raises(IllegalTransition):
        deal.act("firm_admin", "withdraw-signature", comment="再议")


def test_one_person_does_not_sign_for_two_units(world: World) -> None:
    deal = agreements.draft(world)
    now = world.clock.now()
    world.session.add(
        Membership(
            user_id=world.user("firm_admin").id,
            org_id=world.org("university_admin").id,
            roles=[Role.UNIT_ADMIN.value],
            created_at=now,
            updated_at=now,
        )
    )
    world.session.flush()
    deal.sign("firm_admin")
    with pytest.raises(Conflict):
        deal.sign("firm_admin")
    assert len(deal.contract.current.signatures) == 1


def outside(world: World) -> Deal:
    return agreements.draft(
        world,
        parties=[
            party("buyer", world.org("firm").id),
            party("seller", world.org("university_admin").id),
            party("seller", name="泰山仪器厂（演示）"),
        ],
    )


def test_for_an_unregistered_party_a_signed_file_comes_with_the_signature(
    world: World,
) -> None:
    deal = outside(world)
    with pytest.raises(Invalid) as caught:
        deal.act("firm_admin", "sign", **SIGN, party=2)
    assert pointers(caught) == {"/attachment_id"}
    foreign = agreements.attachment(world, "university_admin")
    with pytest.raises(Invalid) as caught:
        deal.act("firm_admin", "sign", **SIGN, party=2, attachment_id=foreign.id)
    assert pointers(caught) == {"/attachment_id"}
    file = agreements.attachment(world, "firm_admin", "b")
    found = deal.act("firm_admin", "sign", **SIGN, party=2, attachment_id=file.id)
    assert [s.digest for s in found.current.signatures] == ["b" * 64]
    # Whoever recorded it still signs for his own unit, in either order.
    deal.sign("firm_admin")
    assert deal.sign("university_admin").state is ContractState.SIGNED


def test_nobody_signs_for_a_registered_party_that_is_not_his(world: World) -> None:
    deal = outside(world)
    file = agreements.attachment(world, "firm_admin")
    for position in (0, 1, 7):
        with pytest.raises(Invalid) as caught:
            deal.act(
                "firm_admin", "sign", **SIGN, party=position, attachment_id=file.id
            )
        assert pointers(caught) == {"/party"}


def test_the_signature_of_an_unregistered_party_is_taken_back_by_who_recorded_it(
    world: World,
) -> None:
    deal = outside(world)
    file = agreements.attachment(world, "firm_admin")
    deal.act("firm_admin", "sign", **SIGN, party=2, attachment_id=file.id)
    with pytest.raises(Conflict):
        deal.act("university_admin", "withdraw-signature", comment="有误")
    deal.act("firm_admin", "withdraw-signature", comment="有误")
    assert deal.edit("firm", title="另一项目").title == "另一项目"


def test_a_signature_keeps_the_digest_of_what_was_agreed(world: World) -> None:
    deal = agreements.draft(world)
    deal.sign("firm_admin")
    deal.sign("university_admin")
    first, second = deal.contract.current.signatures
    assert first.digest == second.digest
    file = agreements.attachment(world, "team")
    proof = [{"kind": "IP_PROOF", "attachment_id": file.id}]
    deal.edit("team", tech_field="04", documents=proof)
    assert contracts._digest(deal.contract.current.content) == first.digest
    deal.amended(title="另一项目")
    assert contracts._digest(deal.contract.current.content) != first.digest


# Papers and drafts


@pytest.mark.parametrize("state", ["SIGNED", "EFFECTIVE", "PERFORMING"])
def test_papers_change_after_the_signature_and_what_was_agreed_does_not(
    world: World, state: str
) -> None:
    deal = reach(world, state)
    assert deal.edit("team", tech_field="04").tech_field == "04"
    for changes in ({"title": "另一项目"}, {"tech_field": "05", "place": "济南市"}):
        with pytest.raises(IllegalTransition):
            deal.edit("team", **changes)
        world.session.flush()
    assert deal.contract.tech_field == "04"


def test_papers_rest_while_the_registry_has_them_and_open_for_a_correction(
    world: World,
) -> None:
    deal = agreements.applied(world)
    with pytest.raises(IllegalTransition):
        deal.edit("team", tech_field="04")
    deal.register("clerk", "request-correction", comment="请补充")
    deal.edit("team", tech_field="04")
    deal.register("university_admin", "resubmit")
    with pytest.raises(IllegalTransition):
        deal.edit("team", tech_field="05")


def test_one_side_changes_no_term_by_way_of_the_papers(world: World) -> None:
    annex, other = (agreements.attachment(world, "firm_admin", m) for m in "ab")
    deal = agreements.draft(
        world, documents=[{"kind": "ANNEX", "attachment_id": annex.id}]
    )
    deal.sign()
    before = deal.contract.current.content
    for documents in (
        [],
        [{"kind": "ANNEX", "attachment_id": other.id}],
        [
            {"kind": "ANNEX", "attachment_id": annex.id},
            {"kind": "ANNEX", "attachment_id": other.id},
        ],
    ):
        with pytest.raises(IllegalTransition):
            deal.edit("firm_admin", documents=documents)
    with pytest.raises(IllegalTransition):
        deal.edit("team", remarks="总价另加十万元")
    assert deal.contract.current.content == before
    proof = {"kind": "IP_PROOF", "attachment_id": other.id}
    added = [{"kind": "ANNEX", "attachment_id": annex.id}, proof]
    deal.edit("firm_admin", documents=added)
    deal.edit("firm_admin", documents=added[:1])
    assert deal.contract.current.content == before


def test_what_a_contract_says_is_replaced_by_no_other_text(world: World) -> None:
    text, other = (agreements.attachment(world, "team", m) for m in "ab")
    deal = agreements.effective(world)
    row = {"kind": "CONTRACT", "attachment_id": text.id}
    deal.edit("team", documents=[row])
    with pytest.raises(IllegalTransition):
        deal.edit("team", documents=[{**row, "attachment_id": other.id}])
    deal.edit("team", documents=[row, {**row, "attachment_id": other.id}])


def test_what_the_form_asks_of_a_party_is_filled_in_after_the_signature(
    world: World,
) -> None:
    deal = agreements.applied(world)
    deal.register("clerk", "request-correction", comment="请补填印章名称")
    parties = contract_contents.values_of(deal.contract.current)["parties"]
    digest = contracts._digest(deal.contract.current.content)
    seller = {"seal_name": "海岱理工大学", "postcode": "250000", "flags": ["RD_BODY"]}
    more = {
        **seller,
        "contact_name": "乙联系人",
        "address": "济南市",
        "region": "370102",
    }
    more["party_nature"] = "022"
    deal.edit("team", parties=[parties[0], {**parties[1], **more}])
    filled = contract_contents.values_of(deal.contract.current)["parties"][1]
    assert {name: filled[name] for name in more} == more
    assert contracts._digest(deal.contract.current.content) == digest
    assert deal.contract.parties[1].region == "370102"
    assert deal.contract.parties[1].party_nature == "022"
    for changes in (
        {"address": "青岛市"},
        {"name": "海岱大学"},
        {"team_name": "另一课题组"},
        {"organisation_id": None, "name": "海岱大学"},
    ):
        with pytest.raises(IllegalTransition):
            deal.edit("team", parties=[parties[0], {**filled, **changes}])
    with pytest.raises(IllegalTransition):
        deal.edit("team", parties=[parties[0]])


def test_papers_changed_while_an_amendment_waits_are_not_lost(world: World) -> None:
    deal = reach(world, "EFFECTIVE")
    file = agreements.attachment(world, "firm")
    parties = contract_contents.values_of(deal.contract.current)["parties"]
    team = [parties[0], {**parties[1], "team_name": "轻合金课题组"}]
    annex = {"kind": "ANNEX", "attachment_id": file.id}
    number = deal.amend("firm", parties=team, documents=[annex]).number
    seal = [parties[0], {**parties[1], "seal_name": "海岱理工大学"}]
    proof = {
        "kind": "IP_PROOF",
        "attachment_id": agreements.attachment(world, "team").id,
    }
    deal.edit("team", tech_field="04", parties=seal, documents=[proof])
    deal.decide("firm_admin", "sign", number)
    deal.decide("university_admin", "sign", number)
    values = contract_contents.values_of(deal.contract.current)
    seller = values["parties"][1]
    assert (seller["team_name"], seller["seal_name"]) == (
        "轻合金课题组",
        "海岱理工大学",
    )
    assert values["documents"] == [annex, proof]
    assert values["tech_field"] == "04"


def test_a_draft_without_signature_is_deleted_whole(world: World) -> None:
    deal = agreements.draft(world)
    for who in ("university_admin", "team"):
        with pytest.raises(Forbidden):
            contracts.delete(world.session, world.actor(who), deal.id)
    contracts.delete(world.session, world.actor("firm"), deal.id)
    for model in (Contract, ContractVersion, ContractSignature, Registration):
        assert world.session.scalars(sa.select(model)).all() == []
    with pytest.raises(NotFound):
        contracts.delete(world.session, world.actor("firm"), deal.id)


@pytest.mark.parametrize("state", ["SIGNED", "EFFECTIVE", "COMPLETED", "VOID"])
def test_a_signed_contract_is_never_deleted(world: World, state: str) -> None:
    deal = reach(world, state)
    with pytest.raises(IllegalTransition):
        contracts.delete(world.session, world.actor("firm"), deal.id)


@pytest.mark.parametrize(
    "changes",
    [
        {"technical_yuan": "1100000.01"},
        {"total_yuan": "100.00"},
        {"non_technical": []},
        {"instalments": PLAN["instalments"][:1]},
        {"technical_yuan": "-1"},
        {"total_yuan": "10000000000000000"},
        {"total_yuan": "NaN"},
        {"technical_yuan": "0.001"},
        {"technical_yuan": 1.5},
    ],
)
def test_amounts_that_do_not_add_up_are_refused_before_the_store_does(
    world: World, changes: dict[str, Any]
) -> None:
    deal = agreements.draft(world, **PLAN)
    with pytest.raises(Invalid) as caught:
        deal.edit("firm", **changes)
    assert caught.value.errors


def test_a_contract_for_nothing_adds_up_too(world: World) -> None:
    deal = agreements.effective(world, **amounts("0.00", "0.00"))
    with pytest.raises(Invalid) as caught:
        deal.pay("0.01")
    assert "/amount_yuan" in pointers(caught)
    assert deal.plan["net_yuan"] == 0


# What follows from it


def thread(world: World) -> Any:
    found = begin(world)
    open_docking(found)
    meet(found)
    agree_on_secrecy(found)
    agree_on_terms(found)
    draw_up(found)
    return found


def test_need_and_docking_follow_the_contract(world: World) -> None:
    found = thread(world)

    def states() -> tuple[NeedState, DockingState]:
        world.session.expire_all()
        docking = world.session.scalars(sa.select(Docking)).one()
        return world.session.get_one(Need, found.need.id).state, docking.state

    found.step("firm_admin", "sign", signer="张示例")
    found.step("university_admin", "sign", signer="李示例")
    assert states() == (NeedState.DOCKING, DockingState.INTENT)
    found.step("broker", "sign", signer="王示例")
    assert states() == (NeedState.CONTRACTED, DockingState.SIGNED)
    docking = world.session.scalars(sa.select(Docking)).one()
    assert str(docking.contract_id) == found.contract
    found.step("university_admin", "take-effect")
    found.step("firm_admin", "complete")
    assert states() == (NeedState.SOLVED, DockingState.SIGNED)


# Rescission


@pytest.mark.parametrize("end", ["rescind", "annul"])
def test_a_need_whose_contract_has_ended_is_on_the_market_again(
    world: World, end: str
) -> None:
    found = thread(world)
    for who in ("firm_admin", "university_admin", "broker"):
        found.step(who, "sign", signer="张示例")
    if end == "rescind":
        found.step("firm_admin", "rescind", ground="LATE", comment="逾期")
    else:
        found.step("operator", "annul", comment="无效", document="示例1号")
    world.session.expire_all()
    need = world.session.get_one(Need, found.need.id)
    assert need.state is NeedState.POOLED
    listed = found["team"].get(f"/needs/{need.id}")
    assert listed.status_code == 200
    parties = [
        party("buyer", world.org("firm").id),
        party("seller", world.org("other_firm").id),
    ]
    deal = agreements.draft(world, need_id=need.id, parties=parties)
    deal.sign("firm_admin", "other_firm")
    assert need.state is NeedState.CONTRACTED


@pytest.mark.parametrize("end", ["rescind", "annul"])
def test_two_whose_contract_has_ended_may_dock_again(world: World, end: str) -> None:
    found = thread(world)
    for who in ("firm_admin", "university_admin", "broker"):
        found.step(who, "sign", signer="张示例")
    if end == "rescind":
        found.step("firm_admin", "rescind", ground="LATE", comment="逾期")
    else:
        found.step("operator", "annul", comment="无效", document="示例1号")
    world.session.expire_all()
    docking = world.session.scalars(sa.select(Docking)).one()
    assert docking.state is DockingState.LOST
    assert (docking.lost_reason, docking.lost_side) == ("contract-ended", None)
    people = told(world, "docking.ended")
    assert {"firm", "university_admin", "broker"} <= set(people)
    open_docking(found)
    assert len(world.session.scalars(sa.select(Docking)).all()) == 2


def test_a_docking_stays_won_as_long_as_one_of_its_contracts_stands(
    world: World,
) -> None:
    found = thread(world)
    docking = world.session.scalars(sa.select(Docking)).one()
    second = agreements.draft(world, docking_id=docking.id)
    for who in ("firm_admin", "university_admin", "broker"):
        found.step(who, "sign", signer="张示例")
    second.sign()
    found.step("firm_admin", "rescind", ground="LATE", comment="逾期")
    world.session.expire_all()
    assert docking.state is DockingState.SIGNED
    second.act("firm_admin", "rescind", ground="LATE", comment="逾期")
    world.session.expire_all()
    assert docking.state is DockingState.LOST


def test_a_draft_of_a_docking_that_was_given_up_is_not_signed(world: World) -> None:
    found = thread(world)
    docking = world.session.scalars(sa.select(Docking)).one()
    dockings.act(
        world.session, world.actor("firm_admin"), docking.id, "lose", reason="price"
    )
    owner = world.actor("firm_admin")
    contract = contracts.get(world.session, owner, UUID(found.contract))
    shown = contracts.view(world.session, owner, contract)["actions"]
    assert "sign" not in {row["name"] for row in shown}
    with pytest.raises(Conflict) as caught:
        contracts.act(world.session, owner, contract.id, "sign", **SIGN)
    assert docking.docking_no in str(caught.value)


def test_a_need_that_another_contract_answers_stays_off_the_market(
    world: World,
) -> None:
    found = thread(world)
    for who in ("firm_admin", "university_admin", "broker"):
        found.step(who, "sign", signer="张示例")
    other = agreements.draft(world, need_id=found.need.id)
    other.sign()
    found.step("firm_admin", "rescind", ground="LATE", comment="逾期")
    world.session.expire_all()
    need = world.session.get_one(Need, found.need.id)
    assert need.state is NeedState.CONTRACTED
    other.act("firm_admin", "rescind", ground="LATE", comment="逾期")
    assert need.state is NeedState.POOLED


def told(world: World, topic: str) -> dict[str, str]:
    """Return what was told of a topic, by whom it was told."""
    names = {user.id: name for name, user in world.users.items()}
    rows = world.session.execute(
        sa.select(Message.user_id, Message.values).where(Message.topic == topic)
    )
    return {names[row[0]]: str(row[1].get("what", "")) for row in rows}


@pytest.mark.parametrize("end", ["complete", "rescind", "annul"])
def test_who_stands_in_a_contract_is_told_of_its_end(world: World, end: str) -> None:
    parties = [
        party("buyer", world.org("firm").id),
        party("seller", world.org("university_admin").id),
        party("broker", world.org("broker").id),
    ]
    deal = agreements.effective(world, parties=parties)
    world.user("operator")
    if end == "complete":
        deal.act("firm_admin", "complete")
    elif end == "rescind":
        deal.act("firm_admin", "rescind", ground="LATE", comment="逾期")
    else:
        deal.act("operator", "annul", comment="无效", document="示例1号")
    people = {"team", "university_admin", "broker"}
    people |= {"firm", "firm_admin"} if end == "annul" else set()
    assert told(world, "contract.ended").keys() == people


def test_the_end_of_a_registered_contract_is_reported(world: World) -> None:
    world.user("operator")
    deal = agreements.registered(world)
    deal.act("firm_admin", "rescind", ground="LATE", comment="逾期")
    assert set(deal.owed("registration").values()) == {date(2026, 12, 7)}
    assert {step for step, _ in deal.owed("registration")} == {"report-change"}
    assert told(world, "registration.report").keys() == {"team", "university_admin"}
    assert {"clerk", "reviewer"} <= told(world, "contract.ended").keys()
    ask = {"comment": "合同已解除"}
    deal.register("university_admin", "request-change", wanted="cancel", **ask)
    assert {step for step, _ in deal.owed("registration")} == {"decide-change"}
    deal.register("university_admin", "withdraw-request")
    assert {step for step, _ in deal.owed("registration")} == {"report-change"}
    deal.register("university_admin", "request-change", wanted="cancel", **ask)
    deal.register("reviewer", "cancel", comment="合同已解除")
    assert deal.owed("registration") == {}


def test_by_agreement_a_second_click_of_one_side_does_not_rescind(
    world: World,
) -> None:
    deal = reach(world, "EFFECTIVE")
    agreements.another_admin(world, "firm_colleague", "firm")
    for who in ("firm_admin", "firm_admin", "firm_colleague"):
        assert deal.act(who, "rescind", **RESCIND).state is ContractState.EFFECTIVE
    found = deal.act("university_admin", "rescind", **RESCIND)
    assert found.state is ContractState.RESCINDED
    assert found.rescinded_on == world.actor("firm").today
    assert deal.owed() == {}


def test_two_buyers_are_one_side_of_a_rescission(world: World) -> None:
    parties = [
        party("buyer", world.org("firm").id),
        party("buyer", world.org("other_firm").id),
        party("seller", world.org("university_admin").id),
    ]
    deal = agreements.draft(world, parties=parties)
    deal.sign("firm_admin", "other_firm", "university_admin")
    for who in ("firm_admin", "other_firm"):
        assert deal.act(who, "rescind", **RESCIND).state is ContractState.SIGNED
    found = deal.act("university_admin", "rescind", **RESCIND)
    assert found.state is ContractState.RESCINDED


def test_a_broker_does_not_rescind(world: World) -> None:
    agreements.another_admin(world, "broker_admin", "broker")
    parties = [
        party("buyer", world.org("firm").id),
        party("seller", world.org("university_admin").id),
        party("broker", world.org("broker").id),
    ]
    deal = agreements.draft(world, parties=parties)
    deal.sign()
    deal.act("firm_admin", "rescind", **RESCIND)
    for who in ("broker", "broker_admin", "operator"):
        with pytest.raises(Forbidden):
            deal.act(who, "rescind", **RESCIND)
    assert deal.contract.state is ContractState.SIGNED


@pytest.mark.parametrize("ground", [None, "", "NO-SUCH"])
def test_a_rescission_names_its_ground(world: World, ground: Any) -> None:
    deal = reach(world, "SIGNED")
    with pytest.raises(Invalid) as caught:
        deal.act("firm_admin", "rescind", ground=ground, comment="解除")
    assert pointers(caught) == {"/ground"}


# Amendments


def test_an_amendment_holds_once_every_party_has_signed_it(world: World) -> None:
    deal = reach(world, "EFFECTIVE")
    version = deal.amend("team", **amounts("1000", "900", "400", "600"))
    assert set(deal.owed()) == {
        ("sign-amendment", "firm"),
        ("sign-amendment", "university"),
        ("pay", "firm"),
    }
    deal.decide("firm_admin", "sign", version.number)
    assert deal.contract.total_yuan == 1_200_000
    with pytest.raises(Conflict):
        deal.decide("firm_admin", "sign", version.number)
    deal.decide("university_admin", "sign", version.number)
    assert deal.contract.total_yuan == 1000
    assert [v.state for v in deal.versions] == ["SUPERSEDED", "IN_FORCE"]
    assert deal.owed() == {("pay", "firm"): date(2026, 12, 1)}


def test_a_refused_amendment_changes_nothing_and_makes_room(world: World) -> None:
    deal = reach(world, "EFFECTIVE")
    number = deal.amend("firm", title="甲").number
    with pytest.raises(Conflict):
        deal.amend("team", title="乙")
    with pytest.raises(Invalid):
        deal.decide("university_admin", "refuse", number)
    with pytest.raises(Forbidden):
        deal.decide("team", "refuse", number, comment="不同意")
    deal.decide("university_admin", "refuse", number, comment="不同意")
    assert deal.contract.title == "高强耐蚀铝合金型材在线淬火工艺委托开发"
    with pytest.raises(Conflict):
        deal.decide("firm_admin", "sign", number)
    assert deal.amend("team", title="乙").number == 3


def test_an_amendment_that_payments_have_overtaken_is_not_signed(world: World) -> None:
    deal = agreements.effective(world, **amounts("1000", "1000"))
    number = deal.amend("firm", **amounts("500", "500")).number
    deal.decide("firm_admin", "sign", number)
    deal.pay("600")
    with pytest.raises(Conflict):
        deal.decide("university_admin", "sign", number)
    deal.decide("university_admin", "refuse", number, comment="已收款")
    assert deal.contract.total_yuan == 1000
    with pytest.raises(Invalid) as caught:
        deal.amend("firm", **amounts("599.99", "599.99"))
    assert "/changes/total_yuan" in pointers(caught)


@pytest.mark.parametrize("end", ["rescind", "complete", "annul"])
def test_an_amendment_lapses_with_the_contract(world: World, end: str) -> None:
    deal = reach(world, "EFFECTIVE")
    number = deal.amend("firm", title="甲").number
    deal.decide("firm_admin", "sign", number)
    who, given = TRY[end]
    deal.act(who, end, **given)
    assert deal.versions[-1].state == "REFUSED"
    with pytest.raises(Conflict):
        deal.decide("university_admin", "sign", number)
    assert deal.contract.title == "高强耐蚀铝合金型材在线淬火工艺委托开发"


def test_an_amendment_does_not_exchange_a_party(world: World) -> None:
    deal = reach(world, "EFFECTIVE")
    seller = world.org("university_admin").id
    for parties in (
        [party("buyer", world.org("other_firm").id), party("seller", seller)],
        [party("buyer", world.org("firm").id), party("seller", name="某厂")],
        [party("buyer", seller), party("seller", world.org("firm").id)],
    ):
        with pytest.raises(Invalid) as caught:
            deal.amend("firm", parties=parties)
        assert "/changes/parties" in pointers(caught)
    parties = [
        party("buyer", world.org("firm").id, contact_name="李联系"),
        party("seller", seller),
    ]
    assert deal.amended(parties=parties).state == "IN_FORCE"


@pytest.mark.parametrize("state", ["DRAFT", "COMPLETED", "RESCINDED", "VOID"])
def test_what_is_not_in_force_is_not_amended(world: World, state: str) -> None:
    deal = reach(world, state)
    with pytest.raises(IllegalTransition):
        deal.amend("firm", title="另一项目")


def test_an_amendment_changes_something_and_says_why(world: World) -> None:
    deal = reach(world, "EFFECTIVE")
    with pytest.raises(Invalid) as caught:
        deal.amend("firm", title=deal.contract.title)
    assert pointers(caught) == {"/changes"}
    data = {"changes": {"title": "甲"}}
    with pytest.raises(Invalid) as caught:
        contracts.amend(world.session, world.actor("firm"), deal.id, data)
    assert pointers(caught) == {"/reason", "/reason_kind"}


# Payments and what is owed of them


def test_the_buyer_owes_the_earliest_instalment_from_the_day_of_effect(
    world: World,
) -> None:
    money = amounts("300", "300", "100", "100", "100")
    plan = money["instalments"]
    plan[0]["due_on"], plan[1]["due_on"] = None, date(2027, 3, 1)
    deal = agreements.effective(world, **money)
    assert deal.owed() == {("pay", "firm"): date(2026, 12, 3)}
    deal.pay("100", instalment=3)
    assert deal.owed() == {("pay", "firm"): date(2027, 3, 1)}
    deal.pay("100", instalment=2)
    assert deal.owed() == {}
    assert deal.plan["instalments"][0]["state"] == "planned"


def test_a_plan_whose_days_reach_to_the_end_of_time_is_promised_at_once(
    world: World,
) -> None:
    money = amounts("300", "300", "300")
    money["instalments"][0]["due_on"] = date.max
    deal = agreements.effective(world, **money)
    assert deal.owed() == {("pay", "firm"): date.max}


def test_a_part_payment_does_not_begin_the_reminders_anew(world: World) -> None:
    deal = agreements.effective(world, **PLAN)
    world.clock.advance(days=30)
    machine = world.actor("operator")
    notices.remind(world.session, machine)
    for _ in range(3):
        deal.pay("1000")
        notices.remind(world.session, machine)
    late = world.session.scalars(
        sa.select(Message).where(
            Message.topic == "duty.escalated",
            Message.user_id == world.user("firm").id,
        )
    ).all()
    assert len(late) == 1
    deal.pay("477000")
    assert deal.owed() == {("pay", "firm"): date(2026, 12, 2)}


def test_what_is_open_when_a_contract_is_completed_is_still_owed(
    world: World,
) -> None:
    deal = agreements.effective(world, **PLAN)
    deal.pay("480000")
    deal.act("firm_admin", "complete")
    assert deal.owed() == {("pay", "firm"): date(2026, 12, 2)}
    deal.pay("720000")
    assert deal.owed() == {}


def test_without_a_registered_buyer_the_seller_owes_the_record(world: World) -> None:
    parties = [
        party("buyer", name="泰山仪器厂（演示）"),
        party("seller", world.org("university_admin").id),
    ]
    deal = agreements.draft(world, parties=parties)
    file = agreements.attachment(world, "university_admin")
    deal.sign("university_admin")
    deal.act("university_admin", "sign", signer="外方", party=0, attachment_id=file.id)
    deal.act("university_admin", "take-effect")
    assert {step for step, _ in deal.owed()} == {"pay"}


def test_a_broker_who_has_to_sign_is_asked_and_told(world: World) -> None:
    parties = [
        party("buyer", world.org("firm").id),
        party("seller", world.org("university_admin").id),
        party("broker", world.org("broker").id),
    ]
    world.user("broker")
    deal = agreements.draft(world, parties=parties)
    deal.sign("firm_admin")
    owed = {step: who for step, who in deal.owed() if who.endswith(":broker")}
    assert owed.keys() == {"sign-contract"}
    assert "broker" in told(world, "contract.signed")
    deal.sign("university_admin", "broker")
    deal.act("firm_admin", "take-effect")
    deal.amend("firm", goal="抗拉强度不低于360 MPa。")
    asked = [who for step, who in deal.owed() if step == "sign-amendment"]
    assert sum(who.endswith(":broker") for who in asked) == 1


def test_a_rescinded_contract_owes_no_instalment(world: World) -> None:
    for state in ("RESCINDED", "VOID"):
        assert reach(world, state).owed() == {}


def test_what_was_paid_for_a_dropped_instalment_counts_for_the_others(
    world: World,
) -> None:
    deal = agreements.effective(world, **amounts("300", "300", "100", "100", "100"))
    deal.pay("100", instalment=3)
    deal.amended(**amounts("300", "300", "50", "250"))
    paid = [row["paid_yuan"] for row in deal.plan["instalments"]]
    assert paid == [50, 50]
    assert [row["state"] for row in deal.plan["instalments"]] == ["paid", "part"]


def test_what_is_paid_above_an_instalment_counts_for_the_next(world: World) -> None:
    deal = agreements.effective(world, **amounts("300", "300", "100", "100", "100"))
    deal.pay("250", instalment=1)
    rows = deal.plan["instalments"]
    assert [row["paid_yuan"] for row in rows] == [100, 100, 50]
    assert [row["open_yuan"] for row in rows] == [0, 0, 50]


def test_early_late_and_returned_payments_show_in_the_plan(world: World) -> None:
    deal = agreements.effective(world, **amounts("300", "300", "100", "100", "100"))
    early = deal.pay("100", instalment=1)
    world.clock.advance(days=10)
    deal.pay("100", instalment=2, paid_on=date(2026, 12, 3))
    states = [row["state"] for row in deal.plan["instalments"]]
    assert states == ["paid", "paid-late", "planned"]
    assert deal.plan["instalments"][2]["overdue"] is False
    world.clock.advance(days=1)
    assert deal.plan["instalments"][2]["overdue"] is True
    deal.give_back(early.id, "100")
    first = deal.plan["instalments"][0]
    assert (first["state"], first["paid_on"], first["overdue"]) == (
        "planned",
        None,
        True,
    )


def test_an_instalment_of_unknown_amount_is_not_paid_before_money_comes(
    world: World,
) -> None:
    row = {"deliverable": "年度提成", "due_on": date(2026, 12, 1)}
    open_ = {"total_yuan": None, "technical_yuan": None, "non_technical": []}
    deal = agreements.effective(world, **open_, **ROYALTY, instalments=[row])
    assert deal.plan["instalments"][0]["state"] == "planned"
    deal.pay("700", instalment=1)
    deal.pay("50")
    assert deal.plan["instalments"][0]["paid_yuan"] == 700
    assert deal.plan["unassigned_yuan"] == 50
    assert deal.plan["net_technical_yuan"] == 750


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"amount": "0"}, "/amount_yuan"),
        ({"amount": "-5"}, "/amount_yuan"),
        ({"amount": "1000.01"}, "/amount_yuan"),
        ({"technical_yuan": "101"}, "/technical_yuan"),
        ({"technical_yuan": "-1"}, "/technical_yuan"),
        ({"deductions": [{"kind": "LABOUR", "amount_yuan": "91"}]}, "/deductions"),
        ({"instalment": 2}, "/instalment"),
        ({"instalment": 0}, "/instalment"),
        ({"paid_on": date(2026, 11, 24)}, "/paid_on"),
        ({"reverses_id": "01890000-0000-7000-8000-000000000000"}, "/reverses_id"),
    ],
)
def test_a_payment_that_cannot_be_is_refused_before_the_store_does(
    world: World, wrong: dict[str, Any], pointer: str
) -> None:
    deal = agreements.effective(world, **amounts("1000", "900"))
    with pytest.raises(Invalid) as caught:
        deal.pay(**{"amount": "100", **wrong})
    assert pointer in pointers(caught)
    assert deal.book == []


def test_a_return_names_its_receipt_and_does_not_come_before_it(world: World) -> None:
    deal = agreements.effective(world, **amounts("1000", "900"))
    paid = deal.pay("100")
    with pytest.raises(Invalid) as caught:
        deal.pay("10", kind="returned")
    assert pointers(caught) == {"/reverses_id"}
    with pytest.raises(Invalid) as caught:
        deal.give_back(paid.id, "10", paid_on=date(2026, 11, 22))
    assert pointers(caught) == {"/paid_on"}
    back = deal.give_back(paid.id, "10")
    with pytest.raises(Invalid) as caught:
        deal.give_back(back.id, "10")
    assert pointers(caught) == {"/reverses_id"}
    with pytest.raises(Invalid) as caught:
        deal.give_back(paid.id, "90.01")
    assert pointers(caught) == {"/amount_yuan"}


def test_a_voucher_is_free_again_once_its_receipt_is_all_gone_back(
    world: World,
) -> None:
    deal = agreements.effective(world, **PLAN)
    wrong = deal.pay("48000", voucher="P-1")
    deal.give_back(wrong.id, "1000")
    with pytest.raises(Conflict):
        deal.pay("480000", voucher="P-1")
    deal.give_back(wrong.id, "47000")
    assert deal.pay("480000", voucher="P-1").voucher == "P-1"
    with pytest.raises(Conflict):
        deal.pay("1000", voucher="P-1")


def test_a_receipt_is_taken_back_by_its_writer_or_by_who_got_the_money(
    world: World,
) -> None:
    deal = agreements.effective(world, **PLAN)
    theirs, ours = deal.pay("480000", "team"), deal.pay("1000", "firm")
    with pytest.raises(Forbidden):
        deal.give_back(theirs.id, "1000", who="firm")
    deal.give_back(theirs.id, "1000", who="university_admin")
    deal.give_back(ours.id, "400", who="firm_admin")
    deal.give_back(ours.id, "600", who="team")


def test_of_a_royalty_the_itemised_costs_are_paid_first(world: World) -> None:
    costs = [{"kind": "MATERIAL", "name": "样机", "amount_yuan": "300.00"}]
    deal = agreements.effective(
        world,
        **ROYALTY,
        total_yuan=None,
        technical_yuan=None,
        instalments=[],
        non_technical=costs,
    )
    parts = [int(deal.pay(amount).technical_yuan) for amount in ("200", "250", "100")]
    assert parts == [0, 150, 100]


def test_a_voucher_is_recorded_once_for_each_direction(world: World) -> None:
    deal = agreements.effective(world, **amounts("1000", "900"))
    paid = deal.pay("100", voucher="转-001")
    with pytest.raises(Conflict):
        deal.pay("100", "team", voucher="转-001")
    deal.give_back(paid.id, "100", voucher="转-001")
    with pytest.raises(Conflict):
        deal.give_back(paid.id, "100", voucher="转-001")


def test_of_a_contract_that_is_over_money_only_goes_back(world: World) -> None:
    for end in ("rescind", "annul"):
        deal = reach(world, "PERFORMING")
        who, given = TRY[end]
        deal.act(who, end, **given)
        with pytest.raises(IllegalTransition):
            deal.pay("1")
        deal.give_back(deal.book[0].id, "1000")
        assert deal.plan["net_yuan"] == 0


@pytest.mark.parametrize("who", ["broker", "operator", "clerk", "other_firm"])
def test_only_buyer_and_seller_record_payments(world: World, who: str) -> None:
    deal = reach(world, "EFFECTIVE")
    with pytest.raises(MarketplaceError) as caught:
        deal.pay("1", who)
    assert isinstance(caught.value, Forbidden | NotFound)
