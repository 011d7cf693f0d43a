"""No exported text is a formula, and nothing is lost by making sure of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.domain.sheets import disarm, rearm

SIGNS = st.text(alphabet="=+-@＝＋－＠'\t\r\n 1.5a\ufeff\u200b", max_size=12)


@pytest.mark.parametrize(
    "text",
    [
        '=HYPERLINK("http://x")',
        "+cmd|' /C calc'!A0",
        "-2+3",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "  =1",
        "＝1+1",
        "'=1",
        "\ufeff=1",
        "-40～85 ℃",
    ],
)
def test_what_begins_like_a_formula_gets_an_apostrophe(text):
    assert disarm(text) == f"'{text}"


@pytest.mark.parametrize("text", ["-12.50", "+3", "-7", "抗拉强度≥600 MPa", "a=b", ""])
def test_numbers_and_plain_texts_stay_as_they_are(text):
    assert disarm(text) == text


@given(st.text() | SIGNS)
def test_reading_gives_back_what_was_written(text):
    assert rearm(disarm(text)) == text


@given(SIGNS)
def test_no_disarmed_text_begins_with_a_sign(text):
    written = disarm(text)
    if written and written[0] in "=@＝＠\t\r\n":
        pytest.fail(written)
    if written and written[0] in "+-＋－":
        assert float(written) == float(text)
