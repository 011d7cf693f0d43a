"""Personal data stays personal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.domain.masking import (
    mask_account,
    mask_email,
    mask_name,
    mask_number,
)


@pytest.mark.parametrize(
    ("mask", "value", "shown"),
    [
        (mask_number, "13800001234", "138****1234"),
        (mask_number, "0532-88881234", "053****1234"),
        (mask_number, "12345", "1****5"),
        (mask_number, "110", "****"),
        (mask_number, "", ""),
        (mask_name, "王小明", "王**"),
        (mask_name, "王", "王**"),
        (mask_name, "", ""),
        (mask_email, "zhang@example.test", "z***@example.test"),
        (mask_email, "z@example.test", "***@example.test"),
        (mask_email, "nothing like it", "****"),
        (mask_email, "", ""),
        (mask_account, "6222020200001234567", "****4567"),
        (mask_account, "1234567", "****"),
        (mask_account, "", ""),
    ],
)
def test_a_mask_shows_only_the_ends(mask, value, shown):
    assert mask(value) == shown


@given(st.text("0123456789", min_size=1, max_size=40))
def test_at_least_a_third_of_a_number_is_hidden(number):
    for mask in (mask_number, mask_account):
        shown = mask(number).replace("*", "")
        assert len(number) - len(shown) >= len(number) / 3


@given(st.text(min_size=1, max_size=30), st.text(min_size=1, max_size=30))
def test_a_mask_does_not_tell_how_long_a_name_is(first, second):
    first, second = "王" + first, "王" + second
    assert mask_name(first) == mask_name(second)
