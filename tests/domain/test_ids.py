"""Identifiers sort by creation and cannot be guessed."""

from __future__ import annotations

import time
from uuid import RFC_4122

from hypothesis import given
from hypothesis import strategies as st

from marketplace.domain.ids import new_id

MOMENTS = st.integers(0, 2**48 - 1)


@given(MOMENTS)
def test_an_id_is_a_uuid_of_version_seven_that_keeps_its_moment(moment: int) -> None:
    made = new_id(moment)
    assert (made.version, made.variant) == (7, RFC_4122)
    assert made.int >> 80 == moment


@given(MOMENTS, MOMENTS)
def test_ids_of_two_moments_sort_as_these(first: int, second: int) -> None:
    if first != second:
        assert (new_id(first) < new_id(second)) == (first < second)
        assert (str(new_id(first)) < str(new_id(second))) == (first < second)


def test_ids_of_one_moment_differ_in_every_free_bit() -> None:
    made = [new_id(1_700_000_000_000).int for _ in range(10_000)]
    assert len(set(made)) == len(made)
    ones = zeros = 0
    for number in made:
        ones |= number
        zeros |= ~number
    free = ((1 << 12) - 1) << 64 | ((1 << 62) - 1)
    assert ones & zeros & ((1 << 128) - 1) == free


def test_an_id_made_now_carries_the_machines_time() -> None:
    before = time.time_ns() // 1_000_000
    moment = new_id().int >> 80
    assert before <= moment <= time.time_ns() // 1_000_000
