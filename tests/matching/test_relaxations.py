"""A relaxation is offered when it brings more, and for nothing that is hidden."""

from dataclasses import replace

import pytest

from matching import Filter, Matcher, Posting, relaxations
from matching.indicators import parse

TITLE = "免热处理压铸铝合金材料与工艺"
NEED = Posting(
    id="need",
    kind="need",
    title=TITLE,
    text="一体化压铸件用铝合金，要求免热处理，铸态使用。",
    indicators=(
        parse("≥180MPa", name="屈服强度", is_core=True),
        parse("≥12%", name="断后伸长率", is_core=True),
    ),
)


def offer(posting_id, strength, elongation, **more):
    return Posting(
        id=posting_id,
        kind="result",
        title=TITLE,
        text="一体化压铸件用免热处理铝合金，铸态使用。",
        indicators=(
            parse(f"{strength}MPa", name="屈服强度"),
            parse(f"{elongation}%", name="断后伸长率"),
        ),
        **more,
    )


OTHERS = [
    Posting(id=f"other{i}", kind="result", title=f"{food}加工", text=f"{food}的加工")
    for i, food in enumerate(["苹果", "葡萄", "牡蛎", "海参", "大蒜"])
]


@pytest.fixture
def matcher():
    return Matcher.build(
        [offer("a", 190, 9), offer("b", 185, 8), offer("c", 120, 13), *OTHERS]
    )


def test_the_change_that_brings_most_comes_first_with_what_is_claimed(matcher):
    best, second = relaxations(matcher, NEED)
    assert best.field == "indicators/1"
    assert set(best.gained) == {"a", "b"}
    assert dict(best.claimed) == {"a": "9%", "b": "8%"}
    assert (second.field, second.gained) == ("indicators/0", ("c",))
    assert best.net == 2 > second.net == 1


def test_nothing_is_advised_where_nothing_helps(matcher):
    content = replace(NEED, indicators=(parse("≥100MPa", name="屈服强度"),))
    assert relaxations(matcher, content) == []
    assert relaxations(Matcher.build(OTHERS), NEED) == []
    assert relaxations(Matcher.build([]), NEED) == []


def test_what_is_hidden_is_left_as_it_is(matcher):
    hidden = replace(NEED, indicators=(), hidden_indicators=NEED.indicators)
    assert relaxations(matcher, hidden) == []
    strict = replace(NEED, maturity=0.9, hidden_parts=frozenset({"maturity"}))
    assert "maturity" not in {change.field for change in relaxations(matcher, strict)}


def test_only_what_may_be_returned_counts(matcher):
    (only,) = relaxations(matcher, NEED, where=Filter(ids={"c", "other1"}))
    assert (only.field, only.gained) == ("indicators/0", ("c",))


def test_each_gain_is_what_a_ranking_without_the_requirement_shows(matcher):
    for change in relaxations(matcher, NEED):
        at = int(change.field.removeprefix("indicators/"))
        rows = NEED.indicators[:at] + NEED.indicators[at + 1 :]
        ranked = matcher.rank(replace(NEED, indicators=rows))
        shown = [match.id for match in ranked if match.band != "possible"]
        assert [i for i in shown if i in change.gained] == list(change.gained)


def test_what_a_hidden_price_or_claim_bars_is_not_told():
    need = replace(NEED, budget_yuan=1_000_000)
    barred = offer("a", 190, 9, hidden_parts={"indicators"})
    found = relaxations(Matcher.build([barred, *OTHERS]), need)
    assert not [change for change in found if change.field.startswith("indicators")]
    dear = offer("d", 190, 13, budget_yuan=90_000_000, hidden_parts={"budget"})
    found = relaxations(Matcher.build([dear, *OTHERS]), need)
    assert not [change for change in found if change.field == "budget"]


def test_all_that_would_be_gained_is_counted():
    good = [offer(f"g{n:02}", 190, 13) for n in range(9)]
    barred = [offer(f"b{n:02}", 190, 9) for n in range(8)]
    matcher = Matcher.build([*good, *barred, *OTHERS])
    (change,) = [
        c for c in relaxations(matcher, NEED, depth=4) if c.field == "indicators/1"
    ]
    assert len(change.gained) == 8
