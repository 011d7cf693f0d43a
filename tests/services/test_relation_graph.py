"""Shares multiply along chains, circles end, and a name alone declares nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.services.relation_graph import (
    Edge,
    EdgeKind,
    FindingKind,
    Limits,
    Party,
    PartyKind,
    RelationGraph,
    Source,
    effective_share,
    effective_shares,
    findings,
    graph_of,
    is_declared,
    paths,
)

DAY = date(2026, 11, 23)
CONTROLLER, SHAREHOLDER, PARENT = (
    EdgeKind.CONTROLLER,
    EdgeKind.SHAREHOLDER,
    EdgeKind.PARENT,
)
LEGAL_REP, OFFICER, NAMESAKE = EdgeKind.LEGAL_REP, EdgeKind.OFFICER, EdgeKind.NAMESAKE


def tie(kind: EdgeKind, holder: str, target: str, share=None, **more) -> Edge:
    """A tie that the target has declared."""
    source = Source("test", f"{kind}/{holder}/{target}")
    percent = None if share is None else Decimal(share)
    more.setdefault("declared_by", target)
    return Edge(kind, holder, target, source, percent, **more)


def graph(*edges: Edge, state_owners: tuple[str, ...] = ()) -> RelationGraph:
    """A graph of parties whose keys begin with how they are known."""
    keys = {key for edge in edges for key in (edge.holder, edge.target)}
    kinds = {
        "name": PartyKind.NAME,
        "user": PartyKind.USER,
        "person": PartyKind.PERSON,
        "code": PartyKind.OUTSIDE,
    }
    parties = [
        Party(
            key,
            kinds.get(key.partition(":")[0], PartyKind.UNIT),
            key,
            key in state_owners,
        )
        for key in sorted(keys)
    ]
    return graph_of(parties, edges)


def kinds_of(found, *, declared=None) -> set[str]:
    return {
        f.kind.value for f in found if declared is None or f.is_declared is declared
    }


def between(whole: RelationGraph, one: str, other: str, **more) -> set[str]:
    """The kinds found between two parties, from both sides alike."""
    there = findings(whole, [one], [other], **more)
    back = findings(whole, [other], [one], **more)
    assert kinds_of(there, declared=True) == kinds_of(back, declared=True)
    assert kinds_of(there) == kinds_of(back)
    return kinds_of(there)


def by_walks(stakes, holder: str, target: str, seen: frozenset[str]) -> Decimal:
    """What one party holds of another over simple chains, by walking them all."""
    total = Decimal(0)
    for (above, below), percent in stakes.items():
        if below != target or above in seen:
            continue
        part = percent / 100
        if above == holder:
            total += part
        else:
            total += part * by_walks(stakes, holder, above, seen | {above})
    return total


NODES = "abcdef"


@st.composite
def holdings(draw, *, circles: bool = True):
    """Shares among six units; the holders of each have at most 100 % together."""
    stakes: dict[tuple[str, str], Decimal] = {}
    for place, target in enumerate(NODES):
        holders = NODES.replace(target, "") if circles else NODES[:place]
        left = 100
        for holder in holders:
            percent = draw(st.integers(0, left)) if draw(st.booleans()) else 0
            left -= percent
            if percent:
                stakes[holder, target] = Decimal(percent)
    return stakes


def of(stakes) -> RelationGraph:
    edges = [tie(SHAREHOLDER, a, b, share) for (a, b), share in stakes.items()]
    return graph(*edges)


class TestEffectiveShares:
    def test_shares_multiply_along_a_chain(self):
        chain = graph(tie(SHAREHOLDER, "a", "b", 60), tie(SHAREHOLDER, "b", "c", 50))
        assert effective_share(chain, "a", "c") == Decimal(30)
        assert effective_share(chain, "c", "a") == 0
        assert effective_share(chain, "a", "a") == 100

    def test_several_chains_add_up(self):
        fork = graph(
            tie(SHAREHOLDER, "a", "b", 40),
            tie(SHAREHOLDER, "a", "c", 50),
            tie(SHAREHOLDER, "b", "d", 50),
            tie(SHAREHOLDER, "c", "d", 30),
            tie(SHAREHOLDER, "a", "d", "10.5"),
        )
        assert effective_share(fork, "a", "d") == Decimal("45.5")

    def test_one_holding_told_twice_counts_once(self):
        twice = graph(
            tie(SHAREHOLDER, "a", "b", 30),
            tie(CONTROLLER, "a", "b", 40),
        )
        assert effective_share(twice, "a", "b") == 40

    def test_units_that_hold_each_other_are_looked_through(self):
        # b holds half of c and c half of b; a holds the other half of b. Of b belong
        # to a: 50 % + 50 % of what c holds = x, with c = 50 % of x: x = 2/3.
        circle = graph(
            tie(SHAREHOLDER, "a", "b", 50),
            tie(SHAREHOLDER, "c", "b", 50),
            tie(SHAREHOLDER, "b", "c", 50),
        )
        assert effective_share(circle, "a", "b") == Decimal("66.6667")
        assert effective_share(circle, "a", "c") == Decimal("33.3333")

    def test_a_circle_that_is_all_but_closed_is_solved_too(self):
        nearly = graph(
            tie(SHAREHOLDER, "b", "c", 100),
            tie(SHAREHOLDER, "c", "b", "99.99"),
            tie(SHAREHOLDER, "a", "b", "0.01"),
        )
        assert effective_share(nearly, "a", "c") == 100

    def test_a_circle_that_nobody_outside_holds_ends(self):
        closed = graph(
            tie(SHAREHOLDER, "b", "c", 100),
            tie(SHAREHOLDER, "c", "b", 100),
            tie(SHAREHOLDER, "a", "d", 10),
        )
        assert effective_shares(closed, "a") == {"d": Decimal(10)}
        assert effective_share(closed, "b", "c") == 100

    @settings(deadline=None, max_examples=60)
    @given(holdings(circles=False))
    def test_without_circles_it_is_the_sum_over_all_chains(self, stakes):
        whole = of(stakes)
        for a, b in permutations(NODES, 2):
            expected = 100 * by_walks(stakes, a, b, frozenset({b}))
            assert abs(effective_share(whole, a, b) - expected) <= Decimal("0.0001")

    @settings(deadline=None, max_examples=60)
    @given(holdings())
    def test_with_circles_it_is_never_less_than_the_simple_chains(self, stakes):
        whole = of(stakes)
        for a, b in permutations(NODES, 2):
            least = 100 * by_walks(stakes, a, b, frozenset({b}))
            assert effective_share(whole, a, b) >= least - Decimal("0.0001")

    @settings(deadline=None, max_examples=60)
    @given(holdings())
    def test_nobody_holds_more_than_all(self, stakes):
        whole = of(stakes)
        for a in NODES:
            shares = effective_shares(whole, a)
            assert all(0 < share <= 100 for share in shares.values())
        for target in NODES:
            outer = [a for a in NODES if not any(b == a for _, b in stakes)]
            held = sum(effective_share(whole, a, target) for a in outer if a != target)
            assert held <= Decimal("100.01")

    @settings(deadline=None, max_examples=60)
    @given(st.lists(st.tuples(*[st.sampled_from(NODES)] * 2, st.integers(1, 100))))
    def test_false_data_are_cut_off_at_all(self, rows):
        whole = graph(*[tie(SHAREHOLDER, a, b, n) for a, b, n in rows])
        for a in NODES:
            assert all(s <= 100 for s in effective_shares(whole, a).values())

    @settings(deadline=None, max_examples=60)
    @given(
        holdings(), st.sampled_from(list(permutations(NODES, 2))), st.integers(1, 50)
    )
    def test_more_shares_never_make_less(self, stakes, pair, more):
        taken = sum(share for (_, target), share in stakes.items() if target == pair[1])
        raised = dict(stakes)
        raised[pair] = raised.get(pair, Decimal(0)) + min(more, 100 - taken)
        before, after = of(stakes), of({k: v for k, v in raised.items() if v})
        for a, b in permutations(NODES, 2):
            assert effective_share(after, a, b) >= effective_share(before, a, b)


class TestDates:
    @settings(deadline=None, max_examples=60)
    @given(st.integers(-3, 3), st.integers(0, 3), st.integers(-5, 8))
    def test_a_tie_holds_from_its_first_to_its_last_day(self, begin, length, asked):
        first, last = DAY + timedelta(begin), DAY + timedelta(begin + length)
        whole = graph(tie(SHAREHOLDER, "a", "b", 60, valid_from=first, valid_to=last))
        day = DAY + timedelta(asked)
        held = whole.as_of(day)
        assert bool(held.edges) == (first <= day <= last)
        assert between(held, "a", "b") == ({"control"} if held.edges else set())


class TestControl:
    @pytest.mark.parametrize(
        ("percent", "kind"),
        [
            ("50.01", "control"),
            ("50", "joint_control"),
            ("49.99", "significant_influence"),
            ("20", "significant_influence"),
            ("19.99", "shareholding"),
            (None, "shareholding"),
        ],
    )
    def test_a_share_is_named_by_the_limits(self, percent, kind):
        assert between(graph(tie(SHAREHOLDER, "a", "b", percent)), "a", "b") == {kind}

    def test_the_limits_are_data(self):
        whole = graph(tie(SHAREHOLDER, "a", "b", 26))
        strict = Limits(control=Decimal(25), significant=Decimal(10))
        assert between(whole, "a", "b", limits=strict) == {"control"}

    def test_control_goes_down_a_chain_although_the_share_shrinks(self):
        whole = graph(tie(SHAREHOLDER, "a", "b", 60), tie(SHAREHOLDER, "b", "c", 60))
        (found,) = findings(whole, ["a"], ["c"])
        assert found.kind is FindingKind.CONTROL
        assert found.share == 36
        assert found.path.parties == ("a", "b", "c")

    def test_what_its_subsidiaries_hold_counts_for_control(self):
        whole = graph(
            tie(SHAREHOLDER, "a", "b", 80),
            tie(SHAREHOLDER, "b", "c", 30),
            tie(SHAREHOLDER, "a", "c", 30),
        )
        assert between(whole, "a", "c") == {"control"}

    def test_two_named_controllers_control_jointly(self):
        whole = graph(tie(CONTROLLER, "a", "c"), tie(CONTROLLER, "b", "c"))
        assert between(whole, "a", "c") == {"joint_control"}
        both_of_one_group = graph(*whole.edges, tie(CONTROLLER, "a", "b"))
        assert between(both_of_one_group, "a", "c") == {"control"}

    def test_a_half_and_a_half_control_jointly(self):
        whole = graph(tie(SHAREHOLDER, "a", "c", 50), tie(SHAREHOLDER, "b", "c", 50))
        assert between(whole, "b", "c") == {"joint_control"}

    def test_who_is_steered_by_one_is_related_through_him(self):
        whole = graph(
            tie(CONTROLLER, "x", "a"),
            tie(SHAREHOLDER, "x", "y", 51),
            tie(SHAREHOLDER, "y", "b", 51),
        )
        (found,) = findings(whole, ["a"], ["b"])
        assert found.kind is FindingKind.SAME_CONTROLLER
        assert found.path.parties == ("a", "x", "y", "b")
        assert found.is_declared

    def test_the_state_as_owner_relates_nobody(self):
        edges = (tie(SHAREHOLDER, "x", "a", 60), tie(SHAREHOLDER, "x", "b", 60))
        assert between(graph(*edges), "a", "b") == {"same_controller"}
        assert between(graph(*edges, state_owners=("x",)), "a", "b") == set()
        assert between(graph(*edges, state_owners=("x",)), "x", "b") == {"control"}

    def test_owners_of_much_in_common_are_told(self):
        whole = graph(tie(SHAREHOLDER, "x", "a", 30), tie(SHAREHOLDER, "x", "b", 25))
        assert between(whole, "a", "b") == {"same_shareholder"}
        small = graph(tie(SHAREHOLDER, "x", "a", 3), tie(SHAREHOLDER, "x", "b", 25))
        assert between(small, "a", "b") == {"indirect"}


class TestOtherTies:
    def test_parents_and_branches_are_one_family(self):
        whole = graph(
            tie(PARENT, "top", "a"), tie(PARENT, "top", "b"), tie(PARENT, "b", "c")
        )
        for one, other in permutations(["top", "a", "b", "c"], 2):
            assert between(whole, one, other) == {"parent_branch"}

    def test_the_same_party_on_both_sides_is_told(self):
        (found,) = findings(graph(), ["a"], ["a"])
        assert found.kind is FindingKind.SAME_PARTY
        assert found.is_declared

    @pytest.mark.parametrize(
        ("kind", "name"),
        [
            (EdgeKind.EMPLOYMENT, "employment"),
            (EdgeKind.FAMILY, "family"),
            (EdgeKind.ADVISER, "adviser"),
            (EdgeKind.CO_AUTHOR, "co_author"),
            (EdgeKind.PAID_WORK, "paid_work"),
        ],
    )
    def test_what_a_person_declares_is_found_under_its_name(self, kind, name):
        whole = graph(tie(kind, "user:1", "a", declared_by="user:1"))
        (found,) = findings(whole, ["user:1"], ["a"])
        assert (found.kind.value, found.is_declared) == (name, True)

    def test_a_few_ties_of_any_kind_are_indirect_and_more_are_nothing(self):
        related = EdgeKind.RELATED
        chain = [tie(related, a, b) for a, b in ("ab", "bc", "cd")]
        whole = graph(*chain)
        assert between(whole, "a", "b") == {"declared_relation"}
        assert between(whole, "a", "c") == {"indirect"}
        assert between(whole, "a", "d") == set()
        family = graph(*chain, tie(PARENT, "d", "e"), tie(PARENT, "a", "z"))
        assert between(family, "z", "c") == {"indirect"}


class TestNames:
    def test_one_name_of_two_legal_representatives_is_only_detected(self):
        whole = graph(
            tie(LEGAL_REP, "name:张示例", "a"), tie(LEGAL_REP, "name:张示例", "b")
        )
        (found,) = findings(whole, ["a"], ["b"])
        assert found.kind is FindingKind.SAME_LEGAL_REP
        assert not found.is_declared

    def test_one_identity_of_two_legal_representatives_is_declared(self):
        whole = graph(tie(LEGAL_REP, "person:1", "a"), tie(LEGAL_REP, "person:1", "b"))
        (found,) = findings(whole, ["a"], ["b"])
        assert (found.kind, found.is_declared) == (FindingKind.SAME_LEGAL_REP, True)

    def test_two_identities_of_one_name_are_two_persons(self):
        edges = (
            tie(LEGAL_REP, "person:1", "a"),
            tie(LEGAL_REP, "person:2", "b"),
            tie(NAMESAKE, "name:张示例", "person:1", declared_by=None),
            tie(NAMESAKE, "name:张示例", "person:2", declared_by=None),
        )
        assert between(graph(*edges), "a", "b") == set()
        unnamed = tie(LEGAL_REP, "name:张示例", "c")
        assert between(graph(*edges, unnamed), "a", "c") == {
            "same_legal_representative"
        }

    def test_a_user_may_be_the_officer_of_his_name(self):
        whole = graph(
            tie(OFFICER, "person:1", "a"),
            tie(NAMESAKE, "name:张示例", "person:1", declared_by=None),
            tie(NAMESAKE, "name:张示例", "user:1", declared_by=None),
        )
        (found,) = findings(whole, ["user:1"], ["a"])
        assert (found.kind, found.is_declared) == (FindingKind.EMPLOYMENT, False)

    def test_a_controller_who_is_only_a_name_relates_by_suspicion(self):
        whole = graph(
            tie(CONTROLLER, "name:张示例", "a"), tie(CONTROLLER, "name:张示例", "b")
        )
        (found,) = findings(whole, ["a"], ["b"])
        assert (found.kind, found.is_declared) == (FindingKind.SAME_CONTROLLER, False)

    def test_persons_of_both_units_are_told(self):
        whole = graph(tie(OFFICER, "person:1", "a"), tie(LEGAL_REP, "person:1", "b"))
        assert between(whole, "a", "b") == {"shared_person"}

    def test_a_declared_way_goes_before_a_suspected_one(self):
        whole = graph(
            tie(LEGAL_REP, "name:张示例", "a"),
            tie(LEGAL_REP, "name:张示例", "b"),
            tie(LEGAL_REP, "person:1", "a"),
            tie(LEGAL_REP, "person:1", "b"),
        )
        (found,) = findings(whole, ["a"], ["b"])
        assert found.is_declared
        assert found.path.parties == ("a", "person:1", "b")

    def test_what_is_certain_is_not_hidden_by_a_suspicion(self):
        whole = graph(
            tie(LEGAL_REP, "name:张示例", "a"),
            tie(LEGAL_REP, "name:张示例", "b"),
            tie(EdgeKind.RELATED, "c", "a"),
            tie(EdgeKind.RELATED, "c", "b"),
        )
        found = findings(whole, ["a"], ["b"])
        assert kinds_of(found, declared=False) == {"same_legal_representative"}
        assert kinds_of(found, declared=True) == {"indirect"}

    @settings(deadline=None, max_examples=60)
    @given(st.data())
    def test_nothing_that_rests_on_a_name_or_a_guess_is_declared(self, data):
        nodes = ["a", "b", "c", "person:1", "name:x", "user:1"]
        targets = ["a", "b", "c"]
        row = st.tuples(
            st.sampled_from([k for k in EdgeKind if k is not NAMESAKE]),
            st.sampled_from(nodes),
            st.sampled_from(targets),
            st.sampled_from([None, 10, 30, 60]),
            st.booleans(),
        )
        edges = [
            replace(
                tie(kind, holder, target, share, declared_by=target if said else None),
                source=Source("test", str(place)),
            )
            for place, (kind, holder, target, share, said) in enumerate(
                data.draw(st.lists(row, max_size=12))
            )
            if holder != target
        ]
        whole = graph(*edges, tie(NAMESAKE, "name:x", "user:1", declared_by=None))
        found = findings(whole, nodes, nodes)
        for each in found:
            ends = (each.path.start, each.path.end)
            assert ends == (each.left, each.right)
            assert len(set(each.path.parties)) == len(each.path.parties)
            assert each.is_declared == is_declared(whole, each.path)
            if each.is_declared and each.path.steps:
                assert "name:x" not in each.path.parties
                assert all(step.edge.is_declared for step in each.path.steps)
        pairs = [(f.left, f.right, f.kind) for f in found]
        assert len(pairs) == len(set(pairs))
        assert {(b, a, k) for a, b, k in pairs} == set(pairs)
        again = graph_of(list(whole.parties.values())[::-1], whole.edges[::-1])
        assert findings(again, nodes[::-1], nodes) == found


class TestPaths:
    def test_the_shortest_ways_come_first_and_circles_end(self):
        ring = [tie(EdgeKind.RELATED, a, b) for a, b in ("ab", "bc", "cd", "da")]
        found = paths(graph(*ring), ["a"], ["b", "c", "d"])
        assert [p.parties for p in found] == [("a", "b"), ("a", "d"), ("a", "b", "c")]
        assert paths(graph(*ring), ["a"], ["c"], longest=1) == []
        assert [p.parties for p in paths(graph(*ring), ["a"], ["a"])] == [("a",)]
        only = paths(graph(*ring), ["a"], ["b"], kinds={SHAREHOLDER})
        assert only == []

    def test_a_way_back_is_the_way_reversed(self):
        whole = graph(tie(SHAREHOLDER, "a", "b", 60), tie(SHAREHOLDER, "c", "b", 30))
        (way,) = paths(whole, ["a"], ["c"])
        back = way.reversed()
        assert back.parties == ("c", "b", "a")
        assert back.reversed() == way
        assert replace(way, start="a") == way
