"""Who is related is found, refused or put before an operator, and not given away."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace.domain.conflicts import Outcome, Purpose
from marketplace.domain.organisations import OrganisationState
from marketplace.domain.roles import Role
from marketplace.errors import (
    Conflict,
    ConflictNoted,
    ConflictOfInterest,
    Forbidden,
    IllegalTransition,
    Invalid,
    NotFound,
    Stale,
    Unauthenticated,
)
from marketplace.models.conflicts import ConflictCheck, PersonalTie
from marketplace.models.ledger import Event
from marketplace.models.organisations import OrganisationTie
from marketplace.models.rules import Rule
from marketplace.models.users import Membership
from marketplace.services import (
    conflicts,
    events,
    organisations,
    personal_ties,
    relations,
)
from marketplace.services.conflicts import side
from tests.listings import forget
from tests.people import World, valid_uscc

SUBJECT = "docking"


def tie(world: World, org, kind: str, **other: Any) -> OrganisationTie:
    other.setdefault("position", 0)
    made = OrganisationTie(org_id=org.id, kind=kind, **other)
    world.session.add(made)
    world.session.flush()
    return made


def declare(world: World, user, kind: str, **other: Any) -> PersonalTie:
    now = world.clock.now()
    made = PersonalTie(
        user_id=user.id, kind=kind, position=0, created_at=now, updated_at=now, **other
    )
    world.session.add(made)
    world.session.flush()
    return made


def ask(world: World, left, right, *, by="firm", on=None, purpose=Purpose.DOCKING):
    actor = world.actor(by)
    if on is not None:
        actor = replace(actor, now=actor.now + timedelta(days=on))
    return conflicts.check(
        world.session,
        actor,
        purpose=purpose,
        subject_kind=SUBJECT,
        subject_id=left.id,
        left=as_side(left),
        right=as_side(right),
    )


def demand(world: World, left, right, *, by="firm", purpose=Purpose.DOCKING):
    return conflicts.require_clear(
        world.session,
        world.actor(by),
        purpose=purpose,
        subject_kind=SUBJECT,
        subject_id=left.id,
        left=as_side(left),
        right=as_side(right),
    )


def as_side(party) -> conflicts.Side:
    if party.__tablename__ == "users":
        return side(users=[party.id])
    return side(units=[party.id])


def kinds(check: ConflictCheck) -> set[str]:
    return {found["kind"] for found in check.findings}


class TestWhatIsFound:
    def test_strangers_are_clear_and_the_check_is_kept(self, world):
        check = ask(world, world.org("firm"), world.org("team"))
        assert (check.verdict, check.outcome, check.decision) == ("clear", "pass", None)
        assert check.findings == []
        kept = world.session.get(ConflictCheck, check.id)
        assert kept is check

    @pytest.mark.parametrize("by_code", [True, False])
    @pytest.mark.parametrize("declares", ["left", "right"])
    def test_shares_are_found_whoever_declares_them_and_however(
        self, world, by_code, declares
    ):
        one, other = world.org("firm"), world.org("team")
        teller, named = (one, other) if declares == "left" else (other, one)
        how = (
            {"uscc": named.uscc, "name": "x"} if by_code else {"other_org_id": named.id}
        )
        made = tie(
            world,
            teller,
            "shareholder",
            share_percent=Decimal(30),
            source="章程",
            **how,
        )
        check = ask(world, one, other)
        assert check.verdict == "declared"
        (found,) = check.findings
        assert found["kind"] == "significant_influence"
        assert Decimal(found["share_percent"]) == 30
        assert [p["name"] for p in found["parties"]] == [one.name, other.name]
        assert found["ties"][0]["source"] == {
            "table": "organisation_ties",
            "record": str(made.id),
            "text": "章程",
        }

    def test_a_chain_over_parties_outside_the_market_multiplies(self, world):
        one, middle, other = (world.make_org(n) for n in ("a", "b", "c"))
        code = valid_uscc(900100)
        tie(
            world, middle, "shareholder", other_org_id=one.id, share_percent=Decimal(60)
        )
        tie(
            world,
            other,
            "shareholder",
            name="x",
            uscc=middle.uscc,
            share_percent=Decimal(50),
        )
        (found,) = ask(world, one, other).findings
        assert found["kind"] == "significant_influence"
        assert Decimal(found["share_percent"]) == 30
        third, fourth = world.make_org("d"), world.make_org("e")
        for org in (third, fourth):
            tie(world, org, "controller", name="外部集团（演示）", uscc=code)
        (found,) = ask(world, third, fourth).findings
        assert found["kind"] == "same_controller"
        assert found["parties"][1]["key"] == f"outside:{code}"

    def test_ties_hold_from_their_first_to_their_last_day(self, world):
        one, other = world.org("firm"), world.org("team")
        today = world.actor("firm").today
        tie(
            world,
            one,
            "related",
            other_org_id=other.id,
            valid_from=today,
            valid_to=today + timedelta(days=2),
        )
        verdicts = [ask(world, one, other, on=on).verdict for on in (-1, 0, 2, 3)]
        assert verdicts == ["clear", "declared", "declared", "clear"]

    def test_what_an_unchecked_unit_says_parts_no_strangers(self, world):
        one, other = world.org("firm"), world.org("team")
        liar = world.make_org("liar", state=OrganisationState.PENDING)
        tie(world, liar, "shareholder", other_org_id=one.id)
        tie(world, liar, "shareholder", other_org_id=other.id, position=1)
        assert ask(world, one, other).verdict == "clear"
        assert ask(world, liar, other).verdict == "declared"
        liar.state = OrganisationState.VERIFIED
        world.session.flush()
        assert ask(world, one, other).verdict == "declared"

    def test_a_state_owner_in_common_relates_nobody(self, world):
        one, other = world.org("firm"), world.org("team")
        for org in (one, other):
            tie(
                world,
                org,
                "controller",
                name="某市人民政府国有资产监督管理委员会",
                uscc=valid_uscc(900200),
            )
        assert ask(world, one, other).verdict == "clear"

    def test_every_declared_relation_that_matching_knows_is_found(self, world):
        orgs = [world.make_org(name) for name in "abcdefgh"]
        a, b, c, d, e, f, g, h = orgs
        b.parent_org_id, h.parent_org_id = a.id, e.id
        tie(world, b, "related", other_org_id=c.id)
        tie(world, d, "shareholder", name="x", uscc=c.uscc)
        tie(world, a, "controller", name="x", uscc=valid_uscc(900300))
        tie(world, e, "controller", name="x", uscc=valid_uscc(900300))
        tie(world, f, "related", other_org_id=g.id)
        world.session.flush()
        for org in orgs:
            related = relations.related_org_ids(world.session, {org.id})
            found = {
                other.id
                for other in orgs
                if other is not org and ask(world, org, other).verdict == "declared"
            }
            assert related <= found

    def test_who_asks_for_what_is_not_there_learns_nothing(self, world):
        firm = world.org("firm")
        with pytest.raises(NotFound):
            conflicts.check(
                world.session,
                world.actor("firm"),
                purpose=Purpose.DOCKING,
                subject_kind=SUBJECT,
                subject_id=firm.id,
                left=side(units=[firm.id]),
                right=side(units=[world.user("firm").id]),
            )

    def test_a_hub_is_named_as_not_followed_and_met_from_the_other_side(self, world):
        rule = world.session.scalars(
            sa.select(Rule).where(Rule.key == "conflicts.search")
        ).one()
        kept = dict(rule.value)
        rule.value = {**kept, "most_neighbours": 2}
        forget(world.session)
        hub, one, other = (world.make_org(n) for n in ("hub", "a", "b"))
        for n, org in enumerate(
            (one, other, *(world.make_org(f"s{i}") for i in "123"))
        ):
            tie(world, org, "controller", other_org_id=hub.id, position=n)
        check = ask(world, one, other)
        assert kinds(check) == {"same_controller"}
        assert check.unexplored == [f"unit:{hub.id}"]
        world.session.rollback()

    def test_the_neighbourhood_is_read_in_a_number_of_queries_that_does_not_grow(
        self, world
    ):
        hub, one, other = (world.make_org(n) for n in ("hub", "a", "b"))

        def queries() -> int:
            seen: list[str] = []
            engine = world.session.get_bind()

            def note(conn, cursor, statement, *rest) -> None:
                seen.append(statement)

            world.session.expire_all()
            sa.event.listen(engine, "before_cursor_execute", note)
            try:
                conflicts.outlooks(
                    world.session,
                    world.actor("firm"),
                    purpose=Purpose.DOCKING,
                    left=side(units=[one.id]),
                    right=[side(units=[other.id])],
                )
            finally:
                sa.event.remove(engine, "before_cursor_execute", note)
            return len(seen)

        for org in (one, other, world.make_org("s")):
            tie(world, org, "controller", other_org_id=hub.id)
        world.actor("firm")
        queries()
        before = queries()
        for n in range(30):
            tie(world, world.make_org(f"s{n}"), "controller", other_org_id=hub.id)
        assert queries() == before


class TestPeople:
    def test_one_name_of_two_legal_representatives_is_for_an_operator(self, world):
        one, other = world.org("firm"), world.org("team")
        one.legal_rep, other.legal_rep = "张示例", " 张示例 "
        world.session.flush()
        check = ask(world, one, other)
        assert (check.verdict, check.outcome) == ("detected", "ask")
        assert check.decision == "pending"
        assert kinds(check) == {"same_legal_representative"}

    def test_one_identity_is_declared_and_two_are_two_persons(self, world):
        one, other = world.org("firm"), world.org("team")
        one.legal_rep = other.legal_rep = "张示例"
        first = tie(world, one, "officer", name="张示例", id_digest="a" * 64)
        tie(world, other, "officer", name="张示例", id_digest="b" * 64)
        assert ask(world, one, other).verdict == "clear"
        first.id_digest = "b" * 64
        world.session.flush()
        check = ask(world, one, other)
        assert check.verdict == "declared"
        assert "same_legal_representative" in kinds(check)

    def test_an_experts_employer_and_declarations_refuse_him(self, world):
        expert, firm = world.user("expert"), world.org("firm")
        assert ask(world, expert, firm, purpose=Purpose.EXPERT).verdict == "clear"
        employed = ask(world, expert, world.org("expert"), purpose=Purpose.EXPERT)
        assert (kinds(employed), employed.outcome) == ({"employment"}, "refuse")
        for kind in ("adviser", "family", "co_author", "paid_work", "shareholding"):
            with world.session.begin_nested() as nested:
                declare(world, expert, kind, other_org_id=firm.id)
                check = ask(world, expert, firm, purpose=Purpose.EXPERT)
                assert check.verdict == "declared"
                assert check.outcome == "refuse"
                nested.rollback()

    def test_an_ended_seat_binds_no_longer_than_its_last_day(self, world):
        expert, panel = world.user("expert"), world.org("expert")
        seat = world.session.scalars(
            sa.select(Membership).where(Membership.user_id == expert.id)
        ).one()
        seat.ended_at = world.clock.now()
        world.session.flush()
        verdicts = [ask(world, expert, panel, on=on).verdict for on in (0, 1)]
        assert verdicts == ["declared", "clear"]

    def test_a_person_with_seats_on_both_sides_is_found(self, world):
        one, other = world.org("firm"), world.org("team")
        now = world.clock.now()
        world.session.add(
            Membership(
                user_id=world.user("firm").id,
                org_id=other.id,
                roles=[Role.SUPPLIER.value],
                created_at=now,
                updated_at=now,
            )
        )
        world.session.flush()
        check = ask(world, one, other)
        assert kinds(check) == {"shared_person"}
        assert check.outcome == "ask"

    def test_shares_that_a_member_declares_join_his_unit_to_the_other(self, world):
        one, other = world.org("firm"), world.org("team")
        declare(
            world,
            world.user("firm_admin"),
            "shareholding",
            name="x",
            uscc=other.uscc,
            share_percent=Decimal(30),
        )
        check = ask(world, one, other)
        assert check.verdict == "declared"
        assert check.findings[0]["parties"][1]["kind"] == "user"

    def test_a_name_that_a_person_declares_is_only_a_suspicion(self, world):
        expert, firm = world.user("expert"), world.org("firm")
        declare(world, expert, "paid_work", name=firm.name)
        check = ask(world, expert, firm, purpose=Purpose.EXPERT)
        assert (check.verdict, kinds(check)) == ("detected", {"paid_work"})


class TestConsequences:
    def test_docking_refuses_what_is_declared_and_the_own_unit(self, world):
        one, other = world.org("firm"), world.org("team")
        with pytest.raises(ConflictNoted):
            demand(world, one, one)
        tie(world, other, "related", other_org_id=one.id)
        with pytest.raises(ConflictNoted) as caught:
            demand(world, one, other)
        assert caught.value.keeps_changes
        assert world.session.scalar(sa.select(sa.func.count(ConflictCheck.id))) == 2

    def test_after_a_change_a_refusal_takes_everything_back(self, world):
        one = world.org("firm")
        events.record(world.session, world.actor("firm"), one, "organisation.edit")
        with pytest.raises(ConflictOfInterest) as caught:
            demand(world, one, one)
        assert not caught.value.keeps_changes

    def test_a_contract_of_related_parties_is_marked_and_reviewed_higher(self, world):
        one, other = world.org("firm"), world.org("team")
        plain = demand(world, one, other, purpose=Purpose.CONTRACT)
        meaning = conflicts.answer(world.session, plain)
        assert (meaning.is_related, meaning.review_level) == (False, 0)
        tie(world, other, "related", other_org_id=one.id)
        one.legal_rep = other.legal_rep = "张示例"
        world.session.flush()
        row = demand(world, one, other, purpose=Purpose.CONTRACT)
        meaning = conflicts.answer(world.session, row)
        assert (row.outcome, row.decision) == ("mark", None)
        assert (meaning.is_related, meaning.review_level) == (True, 1)

    def test_a_broker_of_a_party_is_marked_as_affiliated(self, world):
        firm, broker = world.org("firm"), world.org("broker")
        tie(world, broker, "controller", other_org_id=firm.id)
        row = demand(world, firm, broker, purpose=Purpose.BROKER)
        assert conflicts.answer(world.session, row).is_related

    def test_a_suspected_expert_waits_and_a_suspected_docking_goes_on(self, world):
        one, other = world.org("firm"), world.org("team")
        one.legal_rep = other.legal_rep = "张示例"
        world.session.flush()
        row = demand(world, one, other)
        assert conflicts.answer(world.session, row).waits
        with pytest.raises(ConflictNoted) as caught:
            demand(world, one, other, purpose=Purpose.EXPERT)
        assert "operator" in caught.value.detail.en
        assert caught.value.extra["conflict"]["ways"] == []

    def test_the_same_question_with_the_same_answer_is_one_item(self, world):
        one, other = world.org("firm"), world.org("team")
        one.legal_rep = other.legal_rep = "张示例"
        world.session.flush()
        first = ask(world, one, other)
        assert ask(world, one, other, by="team") is first
        assert ask(world, one, other, purpose=Purpose.CONTRACT) is not first
        tie(world, one, "officer", name="李示例")
        tie(world, other, "officer", name="李示例")
        assert ask(world, one, other) is not first

    def test_a_question_asked_by_many_at_once_makes_one_item(self, world):
        one, other = world.org("firm"), world.org("team")
        one.legal_rep = other.legal_rep = "张示例"
        world.session.commit()
        actor, left, right = world.actor("firm"), one.id, other.id
        engine = world.session.get_bind()
        world.session.rollback()

        def go(_: int):
            with so.Session(engine) as session:
                row = conflicts.check(
                    session,
                    actor,
                    purpose=Purpose.EXPERT,
                    subject_kind=SUBJECT,
                    subject_id=left,
                    left=side(units=[left]),
                    right=side(units=[right]),
                )
                found = row.id
                session.commit()
                return found

        with ThreadPoolExecutor(6) as pool:
            found = set(pool.map(go, range(12)))
        rows = world.session.scalars(sa.select(ConflictCheck.id)).all()
        assert list(found) == rows
        made = sa.select(sa.func.count(Event.id)).where(
            Event.action == "conflict_check.create"
        )
        assert world.session.scalar(made) == 1

    def test_many_candidates_are_judged_at_once_as_one_by_one(self, world):
        firm, panel = world.org("firm"), world.org("expert")
        free, tied, owned = (world.make_org(n) for n in ("free", "tied", "owned"))
        tie(world, tied, "related", other_org_id=firm.id)
        owned.parent_org_id = firm.id
        world.session.flush()
        candidates = [side(units=[o.id]) for o in (panel, free, tied, owned, firm)]
        candidates += [side(users=[world.user("expert").id], units=[tied.id])]
        candidates += [side(users=[world.user("firm").id])]
        left = side(units=[firm.id])
        seen = conflicts.outlooks(
            world.session,
            world.actor("operator"),
            purpose=Purpose.EXPERT,
            left=left,
            right=candidates,
        )
        assert seen == [Outcome.PASS] * 2 + [Outcome.REFUSE] * 5
        alone = [
            conflicts.check(
                world.session,
                world.actor("operator"),
                purpose=Purpose.EXPERT,
                subject_kind=SUBJECT,
                subject_id=firm.id,
                left=left,
                right=candidate,
            ).outcome
            for candidate in candidates
        ]
        assert alone == seen
        assert (
            conflicts.unaffected(
                world.session,
                world.actor("operator"),
                purpose=Purpose.EXPERT,
                left=left,
                right=candidates,
            )
            == candidates[:2]
        )


class TestSmallShares:
    def test_a_fund_with_a_little_of_both_refuses_no_docking(self, world):
        firm, team, fund = (
            world.org("firm"),
            world.org("team"),
            world.make_org("fund"),
        )
        for org in (firm, team):
            tie(
                world,
                org,
                "shareholder",
                other_org_id=fund.id,
                share_percent=Decimal("0.5"),
            )
        row = demand(world, firm, team)
        assert (row.verdict, row.outcome) == ("declared", "note")

    @pytest.mark.parametrize(
        ("share", "outcome"), [("19.99", "ask"), ("20", "refuse"), (None, "refuse")]
    )
    def test_only_a_share_that_gives_influence_or_is_unknown_refuses(
        self, world, share, outcome
    ):
        firm, team = world.org("firm"), world.org("team")
        tie(
            world,
            firm,
            "shareholder",
            other_org_id=team.id,
            share_percent=share and Decimal(share),
        )
        assert ask(world, firm, team).outcome == outcome


class TestOutsideParties:
    def check(self, world, code):
        return conflicts.check(
            world.session,
            world.actor("firm"),
            purpose=Purpose.CONTRACT,
            subject_kind=SUBJECT,
            subject_id=world.org("firm").id,
            left=as_side(world.org("firm")),
            right=side(codes=[code]),
        )

    def test_they_are_looked_up_by_their_credit_codes(self, world):
        code = valid_uscc(77)
        tie(world, world.org("firm"), "controller", uscc=code, name="母公司（演示）")
        for each, outcome in ((code, "mark"), (valid_uscc(78), "pass")):
            row = self.check(world, each)
            assert row.outcome == outcome
            shown = conflicts.view(world.session, world.actor("operator"), row)
            assert [(p["kind"], p["id"]) for p in shown["right"]] == [("outside", None)]

    def test_a_code_that_is_registered_here_is_that_unit(self, world):
        team = world.org("team")
        tie(world, world.org("firm"), "related", other_org_id=team.id)
        row = self.check(world, team.uscc)
        assert (row.right, row.outcome) == ([f"unit:{team.id}"], "mark")


class TestWhatIsTold:
    def story(self, world):
        """The university declares in confidence that the firm's owner is related."""
        firm, university, hidden = (
            world.org("firm"),
            world.org("team"),
            world.make_org("hidden"),
        )
        tie(world, firm, "controller", other_org_id=hidden.id)
        tie(world, university, "related", other_org_id=hidden.id)
        return ask(world, firm, university)

    def test_a_party_learns_that_there_is_a_relation_and_not_which(self, world):
        row = self.story(world)
        for who in ("firm", "team", "stranger", "broker"):
            shown = conflicts.told(world.session, world.actor(who), row)
            assert shown == {"verdict": "declared", "ways": []}
        shown = conflicts.told(world.session, world.actor("operator"), row)
        assert shown["ways"][0]["parties"][1] == world.orgs["hidden"].name

    def test_a_refusal_tells_no_more_than_that(self, world):
        self.story(world)
        for who in ("firm", "team"):
            with pytest.raises(ConflictOfInterest) as caught:
                demand(world, world.org("firm"), world.org("team"), by=who)
            text = f"{caught.value}{caught.value.detail}{caught.value.extra}"
            assert "hidden" not in text
            assert "controller" not in text

    def test_who_declared_all_of_it_and_who_reads_public_parents_is_told(self, world):
        firm, university, branch = (
            world.org("firm"),
            world.org("team"),
            world.make_org("branch"),
        )
        tie(world, firm, "related", other_org_id=university.id)
        row = ask(world, firm, university)
        inside = conflicts.told(world.session, world.actor("firm"), row)
        assert inside["ways"][0]["kind"] == "declared_relation"
        outside = conflicts.told(world.session, world.actor("team"), row)
        assert outside["ways"] == []
        branch.parent_org_id = university.id
        world.session.flush()
        row = ask(world, university, branch)
        shown = conflicts.told(world.session, world.actor("firm"), row)
        assert [way["kind"] for way in shown["ways"]] == ["parent_branch"]

    def test_the_ledger_of_a_check_holds_no_names(self, world):
        row = self.story(world)
        event = world.session.scalars(
            sa.select(Event).where(Event.subject_id == row.id)
        ).one()
        assert event.action == "conflict_check.create"
        assert "hidden" not in str(event.changes)
        assert event.changes["verdict"]["new"] == "declared"


class TestDecisions:
    def pending(self, world, purpose=Purpose.EXPERT):
        one, other = world.org("firm"), world.org("team")
        one.legal_rep = other.legal_rep = "张示例"
        world.session.flush()
        return ask(world, one, other, purpose=purpose)

    def decide(self, world, row, action, who="operator", **more):
        more.setdefault("comment", "已核对证件，同名不同人")
        return conflicts.act(world.session, world.actor(who), row.id, action, **more)

    def test_cleared_goes_on_and_upheld_is_refused_as_if_declared(self, world):
        row = self.pending(world)
        self.decide(world, row, "clear")
        assert (
            demand(world, world.org("firm"), world.org("team"), purpose=Purpose.EXPERT)
            is row
        )
        self.decide(world, row, "uphold")
        with pytest.raises(ConflictOfInterest):
            demand(world, world.org("firm"), world.org("team"), purpose=Purpose.EXPERT)
        actions = world.session.scalars(
            sa.select(Event.action).where(Event.subject_id == row.id).order_by(Event.id)
        ).all()
        assert actions == [
            "conflict_check.create",
            "conflict_check.clear",
            "conflict_check.uphold",
        ]
        assert row.decided_by == world.user("operator").id

    def test_an_upheld_relation_marks_a_contract(self, world):
        row = self.pending(world, Purpose.CONTRACT)
        assert not conflicts.answer(world.session, row).is_related
        self.decide(world, row, "uphold")
        meaning = conflicts.answer(world.session, row)
        assert (meaning.may_go_on, meaning.is_related, meaning.review_level) == (
            True,
            True,
            1,
        )

    def test_a_decision_needs_a_reason_and_what_was_read(self, world):
        row = self.pending(world)
        with pytest.raises(Invalid):
            self.decide(world, row, "clear", comment=" ")
        with pytest.raises(Stale):
            self.decide(world, row, "clear", expected=row.revision + 1)
        self.decide(world, row, "clear", expected=row.revision)
        with pytest.raises(IllegalTransition):
            self.decide(world, row, "clear")

    def test_what_the_rule_itself_settles_is_not_decided(self, world):
        row = ask(world, world.org("firm"), world.org("firm"))
        with pytest.raises(Conflict):
            self.decide(world, row, "clear")

    def test_only_operators_know_of_checks(self, world):
        row = self.pending(world)
        for who in ("firm", "team", "stranger", "expert"):
            with pytest.raises(NotFound):
                conflicts.get(world.session, world.actor(who), row.id)
            with pytest.raises((Forbidden, Unauthenticated)):
                conflicts.search(world.session, world.actor(who))

    def test_who_belongs_to_a_party_or_stands_on_the_way_decides_nothing(self, world):
        row = self.pending(world)
        now = world.clock.now()
        user = world.user("operator")
        world.session.add(
            Membership(
                user_id=user.id,
                org_id=world.org("team").id,
                roles=[Role.FINAL_USER.value],
                created_at=now,
                updated_at=now,
            )
        )
        world.session.flush()
        with pytest.raises(Forbidden):
            self.decide(world, row, "clear")
        shown = conflicts.view(world.session, world.actor("operator"), row)
        assert shown["actions"] == []
        self.decide(world, row, "clear", who="operator_two")

    def test_an_operator_on_the_way_between_the_parties_decides_nothing(self, world):
        one, other, keeper = world.org("firm"), world.org("team"), world.org("operator")
        for org in (one, other):
            tie(world, org, "officer", name="王示例")
            tie(
                world,
                org,
                "shareholder",
                position=1,
                other_org_id=keeper.id,
                share_percent=Decimal(1),
            )
        row = ask(world, one, other, purpose=Purpose.EXPERT)
        assert row.outcome == "ask"
        with pytest.raises(Forbidden):
            self.decide(world, row, "clear")

    def test_the_list_is_filtered_and_shows_no_way(self, world):
        row = self.pending(world)
        clear = ask(world, world.org("broker"), world.org("team"))
        actor = world.actor("operator")

        def found(**filters):
            page = conflicts.search(world.session, actor, **filters).page()
            return [item["id"] for item in page.items]

        assert found() == [clear.id, row.id]
        assert found(verdict="detected") == [row.id]
        assert found(decision="pending") == [row.id]
        assert found(purpose="docking") == [clear.id]
        assert found(subject_id=row.subject_id) == [row.id]
        brief = conflicts.search(world.session, actor).page().items[1]
        assert "findings" not in brief
        assert brief["left"][0]["name"] == world.org("firm").name


class TestOwnDeclarations:
    def put(self, world, rows, who="firm", **more):
        return personal_ties.replace(
            world.session, world.actor(who), {"ties": rows}, **more
        )

    def test_what_is_declared_is_read_by_its_author_alone(self, world):
        other = world.org("team")
        rows = [
            {
                "kind": "adviser",
                "organisation_id": other.id,
                "valid_from": "2026-01-01",
            },
            {"kind": "shareholding", "name": "某公司（演示）", "share_percent": "2.5"},
        ]
        self.put(world, rows)
        _, shown = personal_ties.get(world.session, world.actor("firm"))
        assert [t["kind"] for t in shown["ties"]] == ["adviser", "shareholding"]
        assert shown["ties"][0]["name"] == other.name
        assert shown["ties"][0]["valid_from"] == date(2026, 1, 1)
        _, others = personal_ties.get(world.session, world.actor("firm_admin"))
        assert others == {"ties": []}
        with pytest.raises(Unauthenticated):
            personal_ties.get(world.session, world.actor("stranger"))

    def test_a_tie_that_stays_keeps_its_record_and_the_revision_moves(self, world):
        first = {"kind": "adviser", "name": "甲公司（演示）"}
        second = {"kind": "family", "name": "乙公司（演示）"}
        user = self.put(world, [first])
        revision = user.revision
        _, before = personal_ties.get(world.session, world.actor("firm"))
        self.put(world, [second, first], expected=revision)
        _, after = personal_ties.get(world.session, world.actor("firm"))
        assert after["ties"][1]["id"] == before["ties"][0]["id"]
        assert user.revision == revision + 1
        self.put(world, [second, first], expected=revision + 1)
        assert user.revision == revision + 1
        with pytest.raises(Stale):
            self.put(world, [], expected=revision)

    def test_everything_that_is_wrong_is_named_at_once(self, world):
        hidden = world.org("pending_admin")
        with pytest.raises(Invalid) as caught:
            self.put(
                world,
                [
                    {"kind": "friend", "name": "x"},
                    {"kind": "adviser"},
                    {"kind": "family", "name": "x", "share_percent": "1"},
                    {"kind": "shareholding", "name": "x", "share_percent": "101"},
                    {"kind": "adviser", "name": "x", "uscc": "123"},
                    {"kind": "adviser", "organisation_id": str(hidden.id)},
                    {
                        "kind": "adviser",
                        "name": "x",
                        "valid_from": "2026-02-01",
                        "valid_to": "2026-01-01",
                    },
                ],
            )
        assert {e.pointer: e.code for e in caught.value.errors} == {
            "/ties/0/kind": "unknown_kind",
            "/ties/1": "required",
            "/ties/2/share_percent": "not_of_this_kind",
            "/ties/3/share_percent": "out_of_range",
            "/ties/4/uscc": "uscc_length",
            "/ties/5/organisation_id": "unknown_organisation",
            "/ties/6/valid_to": "before_start",
        }

    def test_the_ledger_tells_how_many_and_not_whom(self, world):
        self.put(world, [{"kind": "family", "name": "机密公司"}])
        event = world.session.scalars(
            sa.select(Event).where(Event.action == "user.declare-ties")
        ).one()
        assert event.changes == {"family": {"old": None, "new": 1}}


class TestOfficers:
    NUMBER = "11010519491231002X"

    def edit(self, world, who, officers):
        org = world.org(who)
        return organisations.edit(
            world.session, world.actor(who), org.id, {"officers": officers}
        )

    def test_officers_of_two_units_with_one_number_are_one_person(self, world):
        row = {"name": "张示例", "duty": "董事", "id_number": self.NUMBER}
        self.edit(world, "firm_admin", [row])
        self.edit(world, "university_admin", [row | {"duty": "监事"}])
        check = ask(world, world.org("firm_admin"), world.org("university_admin"))
        assert (check.verdict, kinds(check)) == ("declared", {"shared_person"})
        assert check.findings[0]["ties"][0]["source"]["text"] == "董事"

    def test_a_number_is_nowhere_kept_or_shown_and_stays_with_its_name(self, world):
        row = {"name": "张示例", "id_number": self.NUMBER}
        org = self.edit(world, "firm_admin", [row])
        (first,) = org.ties
        digest = first.id_digest
        org = self.edit(world, "firm_admin", [{"name": "张示例", "duty": "总经理"}])
        assert [(t.id_digest, t.duty) for t in org.ties] == [(digest, "总经理")]
        shown = organisations.view(world.session, world.actor("firm_admin"), org)
        told = [shown, *world.session.scalars(sa.select(Event.changes))]
        for secret in (self.NUMBER, digest):
            assert secret not in str(told)
        changes = world.session.scalars(
            sa.select(Event.changes).where(Event.subject_id == org.id)
        ).all()
        assert "张示例" not in str(changes)
        outside = organisations.view(world.session, world.actor("team"), org)
        assert "officers" in outside["withheld"]

    def test_what_is_no_number_or_no_person_is_refused_at_its_place(self, world):
        with pytest.raises(Invalid) as caught:
            self.edit(
                world,
                "firm_admin",
                [
                    {"name": "张示例", "id_number": "110105194912310021"},
                    {"name": "李示例", "uscc": valid_uscc(900400)},
                    {"duty": "董事"},
                    {
                        "name": "王示例",
                        "valid_from": "2026-02-01",
                        "valid_to": "2026-01-01",
                    },
                ],
            )
        assert {e.pointer: e.code for e in caught.value.errors} == {
            "/officers/0/id_number": "not_an_identity_number",
            "/officers/1/uscc": "unknown_field",
            "/officers/2": "required",
            "/officers/3/valid_to": "before_start",
        }
