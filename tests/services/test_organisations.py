"""Units are registered once, verified on their papers, and know their relatives."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from marketplace import policies
from marketplace.domain.actors import system
from marketplace.domain.organisations import (
    ORGANISATION_WORKFLOW,
    PRIVATE,
    OrganisationState,
)
from marketplace.errors import (
    Conflict,
    Forbidden,
    IllegalTransition,
    Invalid,
    MarketplaceError,
    NotFound,
    Stale,
    Unauthenticated,
)
from marketplace.models.ledger import Event
from marketplace.models.organisations import Organisation, OrganisationTie
from marketplace.models.users import Membership
from marketplace.services import events, organisations
from tests.people import ROLES, valid_uscc

FIRM: dict[str, Any] = {
    "name": "云岭轻合金有限公司（测试）",
    "uscc": valid_uscc(900001),
    "org_type": "FIRM",
    "party_nature": "150",
    "region": "370202",
    "address": "测试路 1 号",
    "postcode": "266000",
    "legal_rep": "王测试",
    "contact_name": "赵测试",
    "contact_phone": "13912345678",
    "contact_email": "zhao@example.test",
    "industry": "C32",
    "scale": "M",
    "founded_on": "2009-05-01",
    "registered_capital_yuan": "50000000.00",
    "staff_total": 320,
    "staff_rd": 46,
    "revenue_last_year_yuan": "480000000.00",
    "rd_spend_last_year_yuan": "21000000.00",
    "flags": ["NATIONAL_HTZ"],
    "main_products": "铝合金型材",
    "intro": "轻合金挤压与热处理。",
    "qualifications": [
        {"label": "HNTE", "granted_on": "2024-12-01", "valid_until": "2027-11-30"}
    ],
    "controllers": [{"name": "李测试", "share_percent": "51.00"}],
    "shareholders": [{"name": "测试投资公司", "uscc": valid_uscc(900009)}],
    "bank_name": "测试银行青岛分行",
    "bank_account": "6222020200001234567",
}
MINIMUM = {"name": "测试单位甲", "org_type": "FIRM", "region": "370202"}
SANCTION = {
    "comment": "提供虚假材料",
    "until": date(2027, 5, 31),
    "document": "鲁科字〔2026〕1号",
}


def pointers(error: MarketplaceError) -> dict[str, str]:
    return {e.pointer: e.code for e in error.errors}


def make(world, who="system", **more) -> Organisation:
    actor = system(world.clock.now()) if who == "system" else world.actor(who)
    return organisations.create(world.session, actor, {**FIRM, **more})


def changes_of(session, org, action) -> dict[str, Any]:
    statement = sa.select(Event).where(
        Event.subject_id == org.id, Event.action == action
    )
    return session.scalars(statement).one().changes


class TestRegistering:
    def test_every_field_is_kept(self, world):
        org = make(world)
        world.session.commit()
        kept = organisations.get(world.session, system(world.clock.now()), org.id)
        assert kept.state is OrganisationState.PENDING
        assert kept.founded_on == date(2009, 5, 1)
        assert kept.registered_capital_yuan == Decimal("50000000.00")
        assert [q.label for q in kept.qualifications] == ["HNTE"]
        assert [(t.kind, t.share_percent) for t in kept.ties] == [
            ("controller", Decimal("51.00")),
            ("shareholder", None),
        ]
        for name in ("uscc", "scale", "staff_rd", "flags", "bank_account", "intro"):
            assert getattr(kept, name) == FIRM[name], name

    def test_who_registers_becomes_the_units_administrator(self, world):
        org = make(world, "team")
        world.session.commit()
        member = world.session.scalars(
            sa.select(Membership).where(Membership.org_id == org.id)
        ).one()
        assert member.user_id == world.user("team").id
        assert member.roles == ["unit_admin"]

    @pytest.mark.parametrize("who", ["operator", "system"])
    def test_who_registers_for_others_does_not(self, world, who):
        org = make(world, who)
        members = sa.select(Membership).where(Membership.org_id == org.id)
        assert world.session.scalars(members).all() == []

    def test_the_public_does_not_register(self, world):
        with pytest.raises(Unauthenticated):
            make(world, "stranger")

    def test_everything_wrong_is_told_at_once(self, world):
        with pytest.raises(Invalid) as caught:
            make(
                world,
                name=" ",
                uscc=FIRM["uscc"][:-1],
                org_type="COMPANY",
                region="999999",
                industry="Z99",
                scale="XXL",
                party_nature="999",
                flags=["NATIONAL_HTZ", "NOTHING"],
                contact_phone="call me",
                contact_email="nobody",
                postcode="？",
                bank_account="-",
                founded_on="2030-01-01",
                staff_total=10,
                staff_rd=11,
                revenue_last_year_yuan="-1",
                credit_status="excellent",
                intro="长" * 501,
                qualifications=[
                    {"label": "NOBEL"},
                    {},
                    {
                        "label": "HNTE",
                        "granted_on": "2024-01-01",
                        "valid_until": "2023-01-01",
                    },
                ],
                controllers=[{"share_percent": "1"}],
                shareholders=[
                    {"name": "x", "share_percent": "100.01"},
                    {"name": "y", "uscc": "1"},
                ],
                colour="red",
            )
        assert pointers(caught.value) == {
            "/name": "required",
            "/uscc": "uscc_length",
            "/org_type": "unknown_code",
            "/region": "unknown_code",
            "/industry": "unknown_code",
            "/scale": "unknown_code",
            "/party_nature": "unknown_code",
            "/flags/1": "unknown_code",
            "/contact_phone": "bad_format",
            "/contact_email": "bad_format",
            "/postcode": "bad_format",
            "/bank_account": "bad_format",
            "/founded_on": "in_the_future",
            "/staff_rd": "out_of_range",
            "/revenue_last_year_yuan": "negative",
            "/credit_status": "unknown_code",
            "/intro": "too_long",
            "/qualifications/0/label": "unknown_code",
            "/qualifications/1/label": "required",
            "/qualifications/2/valid_until": "before_start",
            "/controllers/0": "required",
            "/shareholders/0/share_percent": "out_of_range",
            "/shareholders/1/uscc": "uscc_length",
            "/colour": "unknown_field",
        }
        for error in caught.value.errors:
            assert error.message.zh
            assert error.message.en

    def test_a_flag_of_contracts_is_no_flag_of_units(self, world):
        with pytest.raises(Invalid) as caught:
            make(world, flags=["RELATED_DEAL"])
        assert pointers(caught.value) == {"/flags/0": "unknown_code"}

    def test_the_overseas_mark_is_for_parties_overseas(self, world):
        with pytest.raises(Invalid) as caught:
            make(world, region="000000")
        assert pointers(caught.value) == {"/region": "unknown_code"}
        org = make(world, region="000000", party_nature="600", uscc=None)
        assert org.region == "000000"

    @pytest.mark.parametrize(
        "spelling",
        [
            "云岭轻合金有限公司(测试)",
            "雲嶺輕合金有限公司（測試）",
            "云岭 轻合金有限公司【测试】",
            "云岭轻合金有限公司\u200b（测试）",
        ],
    )
    def test_a_name_is_taken_in_its_region_however_it_is_spelt(self, world, spelling):
        make(world)
        other = {"name": spelling, "uscc": valid_uscc(900002)}
        with pytest.raises(Conflict) as caught:
            make(world, **other)
        assert pointers(caught.value) == {"/name": "name_taken"}
        assert make(world, **other, region="370203").name == spelling

    def test_a_credit_code_is_registered_once(self, world):
        make(world)
        with pytest.raises(Conflict) as caught:
            make(world, name="另一单位", uscc=FIRM["uscc"].lower())
        assert pointers(caught.value) == {"/uscc": "uscc_taken"}

    def test_the_database_refuses_what_slips_past_the_service(self, world):
        org = make(world)
        twin = {
            "name": org.name,
            "name_key": org.name_key,
            "org_type": "FIRM",
            "region": org.region,
            "created_at": org.created_at,
            "updated_at": org.created_at,
        }
        world.session.commit()
        world.session.add(Organisation(**twin, state=OrganisationState.PENDING))
        with pytest.raises(IntegrityError):
            world.session.flush()
        world.session.rollback()
        world.session.add(Organisation(**twin, state=OrganisationState.CLOSED))
        world.session.flush()

    def test_a_closed_unit_frees_its_name(self, world):
        org = make(world)
        organisations.act(
            world.session, world.actor("operator"), org.id, "close", comment="注销"
        )
        assert make(world, uscc=valid_uscc(900002)).id != org.id


class TestVerifying:
    def test_an_incomplete_unit_is_told_everything_it_lacks(self, world):
        org = organisations.create(world.session, world.actor("operator"), MINIMUM)
        with pytest.raises(Invalid) as caught:
            organisations.act(world.session, world.actor("operator"), org.id, "verify")
        assert pointers(caught.value) == dict.fromkeys(
            [
                "/uscc",
                "/address",
                "/legal_rep",
                "/contact_name",
                "/contact_phone",
                "/contact_email",
                "/industry",
            ],
            "required",
        )

    @pytest.mark.parametrize(
        "kind",
        [
            {
                "org_type": "PERS",
                "party_nature": "500",
                "legal_rep": "",
                "industry": None,
            },
            {"party_nature": "600", "region": "000000"},
        ],
    )
    def test_persons_and_parties_overseas_need_no_credit_code(self, world, kind):
        org = make(world, **kind, uscc=None)
        organisations.act(world.session, world.actor("operator"), org.id, "verify")
        world.session.commit()
        assert org.state is OrganisationState.VERIFIED

    def test_nobody_verifies_his_own_unit(self, world):
        operator = world.actor("operator")
        org = world.org("operator")
        org.state = OrganisationState.PENDING
        world.session.flush()
        with pytest.raises(Forbidden):
            organisations.act(world.session, operator, org.id, "verify")

    def test_a_unit_does_not_change_what_was_verified(self, world):
        admin, org = world.actor("firm_admin"), world.org("firm")
        with pytest.raises(Forbidden) as caught:
            organisations.edit(
                world.session,
                admin,
                org.id,
                {"name": "别的名字", "region": "370000", "intro": "新的简介"},
            )
        assert pointers(caught.value) == {
            "/name": "verified_field",
            "/region": "verified_field",
        }
        world.session.refresh(org)
        assert org.intro == "测试单位"
        organisations.edit(
            world.session, world.actor("operator"), org.id, {"name": "别的名字"}
        )
        assert org.name == "别的名字"

    def test_a_waiting_unit_corrects_everything(self, world):
        admin, org = world.actor("pending_admin"), world.org("pending_admin")
        organisations.edit(
            world.session, admin, org.id, {"name": "改正的名称", "region": "370203"}
        )
        assert (org.name, org.region) == ("改正的名称", "370203")

    def test_a_verified_unit_does_not_empty_what_it_needs(self, world):
        admin, org = world.actor("firm_admin"), world.org("firm")
        with pytest.raises(Invalid) as caught:
            organisations.edit(world.session, admin, org.id, {"contact_phone": ""})
        assert pointers(caught.value) == {"/contact_phone": "required"}

    def test_a_rule_that_came_later_does_not_lock_a_unit(self, world):
        admin, org = world.actor("firm_admin"), world.org("firm")
        assert org.address == ""
        organisations.edit(
            world.session, admin, org.id, {"contact_phone": "13900000000"}
        )
        assert org.contact_phone == "13900000000"

    def test_only_an_operator_rates_credit(self, world):
        admin, org = world.actor("firm_admin"), world.org("firm")
        with pytest.raises(Forbidden) as caught:
            organisations.edit(
                world.session, admin, org.id, {"credit_status": "dishonest"}
            )
        assert pointers(caught.value) == {"/credit_status": "operator_only"}
        with pytest.raises(Forbidden):
            make(world, "team", credit_status="watch")
        organisations.edit(
            world.session, world.actor("operator"), org.id, {"credit_status": "watch"}
        )
        assert org.credit_status == "watch"


class TestLifeCycle:
    @pytest.mark.parametrize("action", ["suspend", "blacklist"])
    def test_a_sanction_needs_reason_document_and_end(self, world, action):
        org, operator = world.org("firm"), world.actor("operator")
        with pytest.raises(Invalid) as caught:
            organisations.act(world.session, operator, org.id, action)
        assert pointers(caught.value) == {"/comment": "required"}
        with pytest.raises(Invalid) as caught:
            organisations.act(world.session, operator, org.id, action, comment="因故")
        assert pointers(caught.value) == {"/until": "required", "/document": "required"}
        with pytest.raises(Invalid) as caught:
            organisations.act(
                world.session,
                operator,
                org.id,
                action,
                **{**SANCTION, "until": operator.today},
            )
        assert pointers(caught.value) == {"/until": "not_in_the_future"}
        organisations.act(world.session, operator, org.id, action, **SANCTION)
        world.session.commit()
        assert org.suspended_until == date(2027, 5, 31)
        assert org.suspension_reason == "提供虚假材料"
        recorded = changes_of(world.session, org, f"organisation.{action}")
        assert recorded["suspended_until"] == {"old": None, "new": "2027-05-31"}
        assert recorded["suspension_document"]["new"] == "鲁科字〔2026〕1号"

    def test_a_sanction_ends_with_its_facts(self, world):
        org, operator = world.org("firm"), world.actor("operator")
        organisations.act(world.session, operator, org.id, "suspend", **SANCTION)
        organisations.act(
            world.session, operator, org.id, "reinstate", comment="整改完成"
        )
        world.session.commit()
        assert org.state is OrganisationState.VERIFIED
        facts = (org.suspended_until, org.suspension_reason, org.suspension_document)
        assert facts == (None, "", "")

    @pytest.mark.parametrize("extra", [{"until": date(2027, 1, 1)}, {"document": "x"}])
    def test_an_action_takes_nothing_that_is_not_its_own(self, world, extra):
        org = make(world)
        with pytest.raises(Invalid) as caught:
            organisations.act(
                world.session, world.actor("operator"), org.id, "verify", **extra
            )
        assert list(pointers(caught.value).values()) == ["not_of_this_action"]

    def test_the_members_of_a_suspended_unit_may_not_act_for_it(self, world):
        org = world.org("operator")
        world.user("operator_two")
        org.state = OrganisationState.SUSPENDED
        org.suspended_until, org.suspension_document = date(2027, 1, 1), "x"
        world.session.flush()
        assert policies.operator(world.actor("operator"), None) is None

    def test_an_action_works_in_the_states_of_its_row_only(self, world):
        operator = world.actor("operator")
        for number, state in enumerate(OrganisationState):
            offered = {t.action: t for t in ORGANISATION_WORKFLOW.offered(state)}
            for other, action in enumerate(sorted(ORGANISATION_WORKFLOW.actions)):
                serial = 10 * number + other
                org = make(
                    world, name=f"单位{serial}", uscc=valid_uscc(900100 + serial)
                )
                org.state = state
                if state in {
                    OrganisationState.SUSPENDED,
                    OrganisationState.BLACKLISTED,
                }:
                    org.suspended_until = date(2027, 1, 1)
                    org.suspension_document = "x"
                world.session.flush()
                sanction = action in {"suspend", "blacklist"}
                more = SANCTION if sanction else {"comment": "因故"}
                if action in offered:
                    moved = organisations.act(
                        world.session, operator, org.id, action, **more
                    )
                    assert moved.state is offered[action].target
                    continue
                with pytest.raises(IllegalTransition) as caught:
                    organisations.act(world.session, operator, org.id, action, **more)
                assert caught.value.extra["state"] == state
                assert caught.value.extra["possible"] == list(offered)

    def test_an_action_that_does_not_exist_is_in_no_row(self, world):
        org = world.org("firm")
        with pytest.raises(IllegalTransition):
            organisations.act(world.session, world.actor("team"), org.id, "promote")
        with pytest.raises(Unauthenticated):
            organisations.act(world.session, world.actor("stranger"), org.id, "promote")

    def test_a_closed_unit_is_not_edited(self, world):
        org, operator = make(world), world.actor("operator")
        organisations.act(world.session, operator, org.id, "close", comment="注销")
        with pytest.raises(Conflict):
            organisations.edit(world.session, operator, org.id, {"intro": "新"})

    def test_the_second_of_two_editors_is_told(self, world):
        org, operator = world.org("firm"), world.actor("operator")
        world.session.commit()
        read = org.revision
        organisations.edit(
            world.session, operator, org.id, {"intro": "先"}, expected=read
        )
        assert org.revision == read + 1
        for change in (
            lambda: organisations.edit(
                world.session, operator, org.id, {"intro": "后"}, expected=read
            ),
            lambda: organisations.act(
                world.session, operator, org.id, "close", comment="x", expected=read
            ),
        ):
            with pytest.raises(Stale):
                change()

    def test_an_edit_that_changes_nothing_leaves_no_trace(self, world):
        org, operator = world.org("firm"), world.actor("operator")
        world.session.commit()
        before = org.revision
        organisations.edit(world.session, operator, org.id, {"intro": "测试单位"})
        assert org.revision == before
        assert events.of_subject(world.session, "organisation", org.id) == []


class TestPrivacy:
    def test_the_ledger_holds_no_personal_data_and_no_account(self, world):
        org = make(world)
        organisations.edit(
            world.session,
            world.actor("operator"),
            org.id,
            {
                "contact_phone": "13700009999",
                "contact_email": "new@example.test",
                "legal_rep": "钱测试",
                "bank_account": "9999000011112222",
                "bank_name": "别的银行",
            },
        )
        world.session.commit()
        written = str(
            [
                e.changes
                for e in events.of_subject(world.session, "organisation", org.id)
            ]
        )
        for secret in (
            *(FIRM[name] for name in (*sorted(PRIVATE), "bank_account", "bank_name")),
            "13700009999",
            "new@example.test",
            "钱测试",
            "9999000011112222",
            "别的银行",
        ):
            assert secret not in written
        changed = changes_of(world.session, org, "organisation.edit")
        assert changed["contact_phone"] == {"old": "139****5678", "new": "137****9999"}
        assert changed["bank_account"] == {"old": "changed", "new": "changed"}

    def test_search_never_finds_personal_data(self, world):
        org = make(world)
        operator = world.actor("operator")
        organisations.act(world.session, operator, org.id, "verify")
        hidden = (*sorted(PRIVATE), "bank_account", "bank_name")
        for name in hidden:
            found = organisations.search(world.session, operator, q=FIRM[name]).page()
            assert (name, found.total) == (name, 0)
        (row,) = organisations.search(world.session, operator, q="轻合金").page().items
        assert not set(row) & set(hidden)

    def test_search_reads_any_script_and_takes_no_wildcards(self, world):
        org = make(world)
        operator = world.actor("operator")
        organisations.act(world.session, operator, org.id, "verify")
        for q, found in {
            "铝合金": True,
            "鋁合金 型材": True,
            "型材 雲嶺": True,
            FIRM["uscc"].lower(): True,
            "铝合金 钛": False,
            "%": False,
            "_": False,
            "　": True,
        }.items():
            listing = organisations.search(
                world.session, operator, q=q, region="370200"
            )
            rows = listing.page().items
            assert (org.id in {row["id"] for row in rows}) is found, q

    @pytest.mark.parametrize(
        ("who", "absent"),
        [
            ("stranger", {"legal_rep", "contact_phone", "staff_rd", "shareholders"}),
            ("pending_admin", {"legal_rep", "contact_email", "staff_total"}),
            ("team", {"shareholders", "revenue_last_year_yuan", "bank_account"}),
            ("firm", {"bank_account"}),
            ("firm_admin", set()),
            ("operator", set()),
        ],
    )
    def test_each_reads_up_to_his_tier(self, world, who, absent):
        org = world.org("firm")
        actor = world.actor(who)
        org.bank_account, org.legal_rep = "6222020200001234567", "王测试"
        world.session.commit()
        shown = organisations.view(
            world.session, actor, organisations.get(world.session, actor, org.id)
        )
        assert absent <= set(shown["withheld"])
        assert not set(shown["withheld"]) & set(shown)
        assert "bank_name" in shown["withheld"]
        if "legal_rep" in shown:
            assert shown["legal_rep"] == "王**"
            assert shown["contact_phone"] == "138****1234"
        if "bank_account" in shown:
            assert shown["bank_account"] == "****4567"

    def test_the_home_of_a_person_is_not_public(self, world):
        org = make(world, org_type="PERS", uscc=None)
        organisations.act(world.session, world.actor("operator"), org.id, "verify")
        shown = organisations.view(world.session, world.actor("team"), org)
        assert {"address", "postcode"} <= set(shown["withheld"])


class TestVisibility:
    @pytest.mark.parametrize("state", list(OrganisationState))
    def test_the_row_filter_agrees_with_the_rule(self, world, state):
        org = world.org("firm")
        actors = {who: world.actor(who) for who in (*ROLES, "stranger")}
        org.state = state
        if state in {OrganisationState.SUSPENDED, OrganisationState.BLACKLISTED}:
            org.suspended_until, org.suspension_document = date(2027, 1, 1), "x"
        world.session.commit()
        for who, before in actors.items():
            actor = world.actor(who) if who != "stranger" else before
            listed = organisations.search(world.session, actor).page(limit=100).items
            seen = org.id in {row["id"] for row in listed}
            assert seen == policies.sees_organisation(actor, org), who
            if not seen:
                with pytest.raises(NotFound):
                    organisations.get(world.session, actor, org.id)

    def test_the_total_counts_only_what_may_be_seen(self, world):
        world.org("firm")
        pending = world.org("pending_admin")
        public = organisations.search(world.session, world.actor("stranger")).page()
        own = organisations.search(world.session, world.actor("pending_admin")).page()
        assert pending.id not in {row["id"] for row in public.items}
        assert own.total == public.total + 1

    def test_filters(self, world):
        firm, university = world.org("firm"), world.org("team")
        actor = world.actor("firm")

        def found(**filters):
            page = organisations.search(world.session, actor, **filters).page()
            return {row["id"] for row in page.items}

        assert found(region="370200") == {firm.id}
        assert found(region="370202") == {firm.id}
        assert found(region="370000") >= {firm.id, university.id}
        assert found(org_type="UNIV") == {university.id}
        assert found(mine=True) == {firm.id}
        assert found(state=OrganisationState.PENDING) == set()


def tie(world, org, kind, **other) -> None:
    world.session.add(OrganisationTie(org_id=org.id, kind=kind, position=0, **other))
    world.session.flush()


class TestRelatedParties:
    def orgs(self, world, *names):
        return [world.make_org(name) for name in names]

    def related(self, world, org):
        return organisations.related_org_ids(world.session, {org.id})

    def test_nobody_is_related_without_a_declaration(self, world):
        one, _ = self.orgs(world, "a", "b")
        assert self.related(world, one) == set()
        assert organisations.related_org_ids(world.session, set()) == set()

    def test_parent_and_branches_are_one_family(self, world):
        top, branch, twig, sister, other = self.orgs(world, *"abcde")
        branch.parent_org_id = sister.parent_org_id = top.id
        twig.parent_org_id = branch.id
        world.session.flush()
        family = {top.id, branch.id, twig.id, sister.id}
        for member in (top, branch, twig, sister):
            assert self.related(world, member) == family - {member.id}
        assert self.related(world, other) == set()

    @pytest.mark.parametrize("kind", ["controller", "shareholder", "related"])
    @pytest.mark.parametrize("by", ["id", "uscc"])
    def test_a_tie_holds_in_both_directions(self, world, kind, by):
        one, two, _ = self.orgs(world, "a", "b", "c")
        named = {"other_org_id": two.id} if by == "id" else {"uscc": two.uscc}
        tie(world, one, kind, name="x", **named)
        assert self.related(world, one) == {two.id}
        assert self.related(world, two) == {one.id}

    @pytest.mark.parametrize("registered", [True, False])
    def test_who_names_the_same_third_party_is_related(self, world, registered):
        one, two, third, other = self.orgs(world, "a", "b", "c", "d")
        if registered:
            tie(world, one, "controller", other_org_id=third.id)
            tie(world, two, "shareholder", name="x", uscc=third.uscc)
            assert self.related(world, one) == {two.id, third.id}
        else:
            for org in (one, two):
                tie(world, org, "controller", name="x", uscc=valid_uscc(900123))
            assert self.related(world, one) == {two.id}
        assert self.related(world, other) == set()

    def test_the_branches_of_a_related_party_are_related(self, world):
        one, two, branch = self.orgs(world, "a", "b", "c")
        branch.parent_org_id = two.id
        tie(world, one, "shareholder", other_org_id=two.id)
        assert self.related(world, one) == {two.id, branch.id}
        assert self.related(world, branch) == {two.id, one.id}

    def test_a_circle_in_old_data_ends(self, world):
        one, two = self.orgs(world, "a", "b")
        one.parent_org_id, two.parent_org_id = two.id, one.id
        world.session.flush()
        assert self.related(world, one) == {two.id}

    def test_a_unit_is_neither_its_own_parent_nor_its_branchs_branch(self, world):
        top, branch, twig = self.orgs(world, "a", "b", "c")
        operator = world.actor("operator")
        for org, parent in ((branch, top), (twig, branch)):
            organisations.edit(
                world.session, operator, org.id, {"parent_org_id": parent.id}
            )
        for parent, code in ((top, "itself"), (branch, "circle"), (twig, "circle")):
            with pytest.raises(Invalid) as caught:
                organisations.edit(
                    world.session, operator, top.id, {"parent_org_id": str(parent.id)}
                )
            assert pointers(caught.value) == {"/parent_org_id": code}

    def test_a_tie_names_somebody_else_whom_the_caller_may_know(self, world):
        admin, org, hidden = (
            world.actor("firm_admin"),
            world.org("firm"),
            world.org("pending_admin"),
        )
        with pytest.raises(Invalid) as caught:
            organisations.edit(
                world.session,
                admin,
                org.id,
                {
                    "controllers": [{"organisation_id": org.id}],
                    "shareholders": [{"organisation_id": hidden.id}],
                    "related": [{"name": "x", "uscc": org.uscc}],
                    "parent_org_id": hidden.id,
                },
            )
        assert pointers(caught.value) == {
            "/controllers/0/organisation_id": "itself",
            "/shareholders/0/organisation_id": "unknown_organisation",
            "/related/0/uscc": "itself",
            "/parent_org_id": "unknown_organisation",
        }

    def test_a_tie_is_shown_under_the_present_name(self, world):
        admin, org, other = (
            world.actor("firm_admin"),
            world.org("firm"),
            world.org("team"),
        )
        organisations.edit(
            world.session,
            admin,
            org.id,
            {"related": [{"organisation_id": other.id, "name": "旧名"}]},
        )
        shown = organisations.view(world.session, admin, org)
        assert shown["related"][0]["name"] == other.name


def test_a_member_is_not_written_down_as_a_reader(world):
    org = world.org("firm")
    org.revenue_last_year_yuan = Decimal(1)
    world.session.commit()
    inside, outside = world.actor("firm"), world.actor("operator")
    found = organisations.get(world.session, inside, org.id)
    assert organisations.confidential(inside, found) == []
    assert organisations.confidential(outside, found) == ["revenue_last_year_yuan"]
    assert organisations.confidential(world.actor("team"), found) == []
    assert organisations.confidential(replace(outside, standings=()), found) == []
