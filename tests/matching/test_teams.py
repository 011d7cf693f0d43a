"""A team is ranked by its nearest single results."""

import pytest

from matching import Filter, Matcher, Posting, rank_teams

NEED = Posting(id="n", kind="need", title="铝合金板材热处理", text="要求强度高")


def offer(posting_id, title, team=None, org=None):
    return Posting(id=posting_id, title=title, team=team, org=org, kind="result")


@pytest.fixture
def matcher():
    return Matcher.build(
        [
            offer("a1", "铝合金板材热处理工艺", "a"),
            offer("a2", "铝合金板材热处理设备", "a"),
            offer("a3", "铝合金板材轧制与热处理", "a"),
            offer("a4", "牡蛎苗种繁育", "a"),
            offer("b1", "铝合金板材热处理", "b"),
            offer("b2", "牡蛎养殖装备", "b"),
            offer("b3", "海带育苗", "b"),
            offer("c1", "铝合金板材热处理工艺", "c", org="x"),
            offer("d1", "铝合金板材热处理工艺"),
            offer("e1", "海参育苗", "e"),
        ]
    )


def test_the_mean_of_the_three_nearest_ranks_teams(matcher):
    scores = {match.id: match.score for match in matcher.rank(NEED, 20)}
    found = {team.id: team for team in rank_teams(matcher, NEED)}
    assert found["a"].score == pytest.approx(
        (scores["a1"] + scores["a2"] + scores["a3"]) / 3, abs=1e-9
    )
    # What is not found counts as nought where a team has as much.
    assert found["b"].score == pytest.approx(scores["b1"] / 3, abs=1e-9)
    assert found["c"].score == pytest.approx(scores["c1"], abs=1e-9)
    assert [match.id for match in found["b"].nearest] == ["b1"]
    assert "e" not in found
    assert [team.id for team in rank_teams(matcher, NEED)][:2] in (
        ["c", "a"],
        ["a", "c"],
    )
    assert rank_teams(matcher, NEED)[-1].id == "b"
    assert len(rank_teams(matcher, NEED, 1)) == 1


def test_only_what_a_filter_admits_counts(matcher):
    where = Filter(exclude_org={"x"}, exclude_ids={"b2", "b3"})
    found = {team.id: team for team in rank_teams(matcher, NEED, where=where)}
    assert "c" not in found
    scores = {match.id: match.score for match in matcher.rank(NEED, 20, where)}
    assert found["b"].score == pytest.approx(scores["b1"], abs=1e-9)


def test_what_comes_and_goes_counts_at_once(matcher):
    matcher.remove(["b2", "b3"])
    matcher.add([offer("e2", "铝合金板材热处理", "e")])
    found = {team.id: team for team in rank_teams(matcher, NEED)}
    assert len(found["b"].nearest) == 1
    assert found["b"].score > found["e"].score > 0


def test_ties_go_to_the_lesser_id():
    twins = [offer(f"{team}1", "铝合金热处理", team) for team in "zyx"]
    found = rank_teams(Matcher.build(twins), NEED)
    assert [team.id for team in found] == ["x", "y", "z"]
    with pytest.raises(ValueError, match="k must be at least 1"):
        rank_teams(Matcher.build(twins), NEED, 0)
