"""Structured parts: what they are worth, and what they do to a ranking."""

from dataclasses import replace

import pytest

from matching import Matcher, Posting, parts
from matching.facts import MOST_REQUIRED, Facts
from matching.indicators import parse
from matching.parts import indicator_fit
from matching.weights import load

NEED = Posting(
    id="n",
    title="铝合金",
    kind="need",
    codes={
        "chain": "SD-C04",
        "field": {"05", "06"},
        "industry": "C32",
        "region": "370785",
    },
    maturity=0.5,
    budget_yuan="1000000",
    names=["海岱理工大学"],
)


def parts_of(need=NEED, **offer):
    (match,) = Matcher.build([Posting(id="o", title="铝合金", **offer)]).rank(need)
    return match.parts


@pytest.mark.parametrize(
    ("offer", "part", "expected"),
    [
        ({"codes": {"chain": {"SD-C04", "SD-C01"}}}, "chain", 1.0),
        ({"codes": {"chain": "SD-C01"}}, "chain", 0.0),
        ({"codes": {"field": "05"}}, "field", 1.0),
        ({"codes": {"field": "05", "industry": "C33"}}, "field", 0.85),
        ({"codes": {"field": "09", "industry": "A01"}}, "field", 0.0),
        ({"codes": {"region": "370785"}}, "region", 1.0),
        ({"codes": {"region": "370702"}}, "region", 0.8),
        ({"codes": {"region": "370100"}}, "region", 0.5),
        ({"codes": {"region": "110000"}}, "region", 0.0),
        ({"maturity": 0.9}, "maturity", 1.0),
        ({"maturity": 0.2}, "maturity", 0.7),
        ({"budget_yuan": "900000"}, "budget", 1.0),
        ({"budget_yuan": "4000000"}, "budget", 0.25),
        ({"budget_yuan": "0"}, "budget", 1.0),
        ({"names": ["海岱理工大學"]}, "fuzzy", 1.0),
        ({"names": ["胶澳研究所"]}, "fuzzy", None),
        ({}, "chain", None),
        ({}, "maturity", None),
        ({}, "budget", None),
        ({}, "fuzzy", None),
        ({}, "indicators", None),
    ],
)
def test_each_part_is_worth_what_the_weights_file_says(offer, part, expected):
    assert parts_of(**offer)[part] == pytest.approx(expected)


def test_seen_from_the_offer_the_need_sets_budget_and_maturity():
    offer = Posting(
        id="o", title="铝合金", kind="result", maturity=0.2, budget_yuan="4000000"
    )
    (match,) = Matcher.build([NEED]).rank(offer)
    assert match.parts["maturity"] == pytest.approx(0.7)
    assert match.parts["budget"] == pytest.approx(0.25)
    assert {"not_mature", "over_budget"} <= {r.code for r in match.reasons}


@pytest.mark.parametrize("part", ["chain", "field", "region"])
def test_all_else_equal_the_nearer_one_comes_first(part):
    near = Posting(id="z", title="铝合金", codes={part: NEED.codes[part]})
    far = Posting(id="a", title="铝合金", codes={part: "999999"})
    assert [m.id for m in Matcher.build([near, far]).rank(NEED)] == ["z", "a"]


def test_the_share_of_what_is_unknown_goes_to_the_text():
    (match,) = Matcher.build([Posting(id="o", title="铝合金")]).rank(
        replace(NEED, codes={}, names=())
    )
    assert match.score == pytest.approx(match.parts["text"], abs=1e-6)


def test_the_shares_add_up_to_one():
    assert sum(load().parts.values()) == pytest.approx(1)


def test_of_one_long_table_only_the_first_figures_are_required():
    text = "；".join(f"抗拉强度{n}≥{n} MPa" for n in range(100, 400))
    facts = Facts.of(Posting(id="n", kind="need", text=text))
    assert len(facts.read) > MOST_REQUIRED
    required, hidden = facts.required()
    assert required == facts.read[:MOST_REQUIRED]
    assert hidden == ()
    assert len(facts.claimed()[0]) == len(facts.read)


def test_a_claim_of_another_dimension_is_not_compared(monkeypatch):
    compared = []
    real = parts.judge

    def counted(required, claims):
        compared.extend((required.dimension, claim.dimension) for claim in claims)
        return real(required, claims)

    monkeypatch.setattr(parts, "judge", counted)
    need = Facts.of(
        Posting(
            id="n",
            kind="need",
            indicators=(
                parse("≥600 MPa", name="抗拉强度"),
                parse("≥8%", name="伸长率"),
            ),
        )
    )
    offer = Facts.of(
        Posting(
            id="o",
            kind="result",
            indicators=(parse("620 MPa", name="抗拉强度"), parse("9%", name="伸长率")),
        )
    )
    fit = indicator_fit(need, offer, load())
    assert [verdict.kind.value for verdict in fit.shown] == ["met", "met"]
    assert len(compared) == 2
    assert all(one == other for one, other in compared)
