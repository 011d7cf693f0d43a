"""A posting is what the library accepts, and nothing else."""

import json
from decimal import Decimal

import pytest

from matching import Filter, InvalidPosting, Posting
from matching.indicators import parse


def test_a_posting_survives_json():
    posting = Posting(
        id="p",
        title="铝",
        text="抗拉强度≥600 MPa",
        keywords=["a", "b"],
        indicators=[parse("≥600 MPa", name="抗拉强度", is_core=True)],
        codes={"chain": {"SD-C04", "SD-C01"}, "region": "370785", "field": ()},
        maturity=0.0,
        budget_yuan="12.50",
        org="o",
        kind="need",
        tier=2,
        names=["x"],
        hidden_text="secret",
        hidden_indicators=[parse("≤5%", name="废品率")],
        hidden_parts=["budget"],
    )
    again = Posting.from_dict(json.loads(json.dumps(posting.to_dict())))
    assert again == posting
    assert again.budget_yuan == Decimal("12.50")


def test_corpora_may_have_other_columns_and_an_underscored_id():
    posting = Posting.from_dict({"_id": "7", "text": "x", "category": "工学"})
    assert (posting.id, posting.text) == ("7", "x")


def test_indicators_may_be_written_as_a_firm_would():
    posting = Posting.from_dict(
        {
            "id": "p",
            "indicators": [
                "抗拉强度≥600 MPa",
                {"text": "≥7%", "name": "延伸率", "is_core": True},
            ],
        }
    )
    first, second = posting.indicators
    assert (first.name, first.value) == ("抗拉强度", 600)
    assert (second.name, second.is_core) == ("延伸率", True)


@pytest.mark.parametrize(
    "fields",
    [
        {"id": ""},
        {"id": 7},
        {"id": "p", "title": 7},
        {"id": "p", "text": ["x"]},
        {"id": "p", "keywords": 7},
        {"id": "p", "keywords": [7]},
        {"id": "p", "kind": "offer"},
        {"id": "p", "codes": {"colour": "red"}},
        {"id": "p", "maturity": 1.5},
        {"id": "p", "maturity": float("nan")},
        {"id": "p", "budget_yuan": "-1"},
        {"id": "p", "budget_yuan": "NaN"},
        {"id": "p", "budget_yuan": "much"},
        {"id": "p", "indicators": [7]},
        {"id": "p", "indicators": [{"comparison": "=", "value": float("inf")}]},
    ],
)
def test_what_cannot_be_matched_is_refused(fields):
    with pytest.raises(InvalidPosting):
        Posting.from_dict(fields)


def test_a_list_is_no_posting():
    with pytest.raises(InvalidPosting, match="JSON object"):
        Posting.from_dict(["p"])


def test_spans_name_the_field_that_they_count_in():
    posting = Posting(id="p", title="t", text="x", keywords=["a", "b"])
    names = [name for name, _ in posting.visible_fields()]
    assert names == ["title", "keywords/0", "keywords/1", "text"]
    assert [posting.field_text(name) for name in names] == ["t", "a", "b", "x"]
    with pytest.raises(KeyError):
        posting.field_text("hidden_text")


def test_a_single_value_may_stand_for_a_collection():
    assert Filter(chain="SD-C04", exclude_org="o") == Filter(
        chain=["SD-C04"], exclude_org=["o"]
    )
