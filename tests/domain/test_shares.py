"""A commission is split so that nothing is lost and nobody is surprised."""

from __future__ import annotations

import itertools
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.domain.brokers import WHOLE, is_whole, split
from marketplace.domain.money import CENT

AMOUNTS = st.integers(0, 10**15).map(lambda fen: (Decimal(fen) * CENT).quantize(CENT))


@st.composite
def wholes(draw: st.DrawFn) -> list[Decimal]:
    """Positive shares with two places that add up to 100.00."""
    number = draw(st.integers(1, 20))
    cuts = draw(
        st.lists(
            st.integers(1, 9_999), min_size=number - 1, max_size=number - 1, unique=True
        )
    )
    edges = [0, *sorted(cuts), 10_000]
    return [
        (Decimal(b - a) * CENT).quantize(CENT) for a, b in itertools.pairwise(edges)
    ]


@given(amount=AMOUNTS, shares=wholes())
def test_no_cent_is_lost_or_made_by_a_split(
    amount: Decimal, shares: list[Decimal]
) -> None:
    parts = split(amount, shares)
    assert sum(shares) == WHOLE
    assert sum(parts) == amount
    for part, share in zip(parts, shares, strict=True):
        assert part >= 0
        assert abs(part - amount * share / 100) < CENT


@given(amount=AMOUNTS, shares=wholes())
def test_a_larger_share_never_gets_less(amount: Decimal, shares: list[Decimal]) -> None:
    pairs = sorted(zip(shares, split(amount, shares), strict=True))
    parts = [part for _, part in pairs]
    for (a, low), (b, high) in itertools.pairwise(pairs):
        assert low <= high or a == b
    assert len(parts) == len(shares)


def test_of_equal_remainders_the_larger_share_and_then_the_first_gets_the_cent() -> (
    None
):
    half = [Decimal("50.00"), Decimal("50.00")]
    assert split(Decimal("0.01"), half) == [Decimal("0.01"), Decimal("0.00")]
    assert split(Decimal("0.02"), [Decimal(25), Decimal(75)]) == [
        Decimal("0.00"),
        Decimal("0.02"),
    ]


@pytest.mark.parametrize(
    "shares",
    [
        [],
        ["99.99"],
        ["100.01"],
        ["0", "100"],
        ["-1", "101"],
        ["33.333", "33.333", "33.334"],
    ],
)
def test_what_is_no_whole_is_not_shared(shares: list[str]) -> None:
    percents = [Decimal(s) for s in shares]
    assert not is_whole(percents)
    with pytest.raises(ValueError, match=r"add up to 100\.00"):
        split(Decimal("1.00"), percents)


def test_a_debt_is_not_shared() -> None:
    with pytest.raises(ValueError, match="negative"):
        split(Decimal("-0.01"), [WHOLE])
