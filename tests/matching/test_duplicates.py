"""Near-duplicates are found as surely as said, and nothing else is."""

import random
import subprocess
import sys
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching import kernels
from matching.benchmarks import duplicates as benchmark
from matching.duplicates import (
    DuplicateIndex,
    Measure,
    TooManyPairs,
    finder,
    groups,
    near_duplicates,
    sketches,
    warm,
)
from matching.errors import MatchingError

COMPILED = pytest.mark.skipif(not kernels.installed(), reason="numba is optional")
WAYS = [False, pytest.param(True, marks=COMPILED)]
ANY_TEXT = st.text(st.characters(), max_size=40)
"""Lone surrogates are among the characters."""
FEW_SIGNS = st.text("铝合金型材a ", max_size=12)
TEXTS = st.lists(st.one_of(ANY_TEXT, FEW_SIGNS), max_size=12)
SURE = Measure(threshold=0.3, length=2, miss=1e-9)


def drawing(seed):
    return random.Random(seed)  # noqa: S311 (texts, no secret)


def passage(source, length=150):
    return "".join(chr(source.randrange(0x4E00, 0x5E00)) for _ in range(length))


def market(seed=0, passages=200, copies=100, edits=0.2):
    """Make passages and edited copies of some of them, in any order."""
    source = drawing(seed)
    originals = [passage(source, source.randint(60, 200)) for _ in range(passages)]
    alphabet = "".join(originals)
    made = [
        benchmark.edited(text, source.uniform(0, edits), alphabet, source)
        for text in source.sample(originals, copies)
    ]
    return source.sample([*originals, *made], passages + copies)


def shingles(text, length):
    """Cut a text as the definition says."""
    if not text:
        return set()
    return {text[at : at + length] for at in range(max(1, len(text) - length + 1))}


def likeness(one, other, length):
    mine, theirs = shingles(one, length), shingles(other, length)
    return len(mine & theirs) / len(mine | theirs) if mine | theirs else 0.0


def brute(texts, measure):
    bags = [shingles(text, measure.length) for text in texts]
    found = {}
    for (i, mine), (j, theirs) in combinations(enumerate(bags), 2):
        common = len(mine & theirs)
        union = len(mine) + len(theirs) - common
        if union and common / union >= measure.threshold:
            found[i, j] = common / union
    return found


def as_dict(pairs):
    return {(pair.first, pair.second): pair.likeness for pair in pairs}


def same(one, other):
    return all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for name in ("first", "second", "likeness")
    )


@pytest.mark.parametrize("compiled", WAYS)
@given(texts=TEXTS)
@settings(max_examples=60, deadline=None)
def test_what_is_found_reaches_the_threshold_and_has_the_likeness_that_is_said(
    compiled, texts
):
    measure = Measure(threshold=0.4, length=2)
    found = as_dict(near_duplicates(texts, measure, compiled=compiled))
    assert found.items() <= brute(texts, measure).items()


@pytest.mark.parametrize("compiled", WAYS)
@pytest.mark.parametrize("length", [1, 2, 3, 4, 8])
def test_everything_at_the_threshold_is_found_where_misses_are_all_but_impossible(
    compiled, length
):
    texts = market(length, 120, 60, edits=0.5 / length)
    measure = Measure(threshold=0.5, length=length, miss=1e-9)
    exact = brute(texts, measure)
    assert len(exact) > 25
    assert min(exact.values()) < 0.6
    assert as_dict(near_duplicates(texts, measure, compiled=compiled)) == exact


def test_the_threshold_itself_is_enough_and_what_is_just_below_is_not():
    one, other = "铝合金型材挤压", "铝合金型材焊接"
    exact = likeness(one, other, 3)
    reached = Measure(threshold=exact, miss=0.3)
    missed = Measure(threshold=float(np.nextafter(exact, 1)), miss=0.3)
    pairs = as_dict(near_duplicates([one, other], reached, compiled=False))
    assert pairs == {(0, 1): exact}
    assert not as_dict(near_duplicates([one, other], missed, compiled=False))


@COMPILED
@given(
    texts=TEXTS,
    measure=st.sampled_from(
        [Measure(), SURE, Measure(0.8, 1), Measure(0.9, 5), Measure(1.0, 8)]
    ),
)
@settings(max_examples=60, deadline=None)
def test_numba_and_numpy_give_the_same_answer(texts, measure):
    plain = near_duplicates(texts, measure, compiled=False)
    fast = near_duplicates(texts, measure, compiled=True)
    assert same(plain, fast)


@COMPILED
def test_numba_and_numpy_compare_the_same_pairs_shingle_by_shingle():
    # Texts of few different characters agree in about as many lanes as are asked for.
    source = drawing(4)
    texts = ["".join(source.choices("铝合金型材挤压", k=9)) for _ in range(150)]
    texts = list(dict.fromkeys(texts))
    measure = Measure(threshold=0.4, length=2)
    signatures = finder.sketched(texts, measure, None)
    places = np.arange(len(texts))
    most = finder.MOST_PAIRS
    plain = finder._candidates(signatures, places, measure, most)
    same_lanes = signatures[plain >> 32] == signatures[plain & 0xFFFFFFFF]
    assert (same_lanes.sum(axis=1) == measure.least).any()
    for threads in (1, 2):
        fast = finder._compiled_candidates(
            signatures, places, measure, finder.kernels(), most, threads
        )
        assert np.array_equal(plain, fast)


@pytest.mark.parametrize("compiled", WAYS)
def test_a_short_text_is_compared_with_one_like_it_and_with_a_long_one(compiled):
    source = drawing(5)
    short = passage(source, 30)
    texts = [short, short + "铝", short + passage(source, 170), passage(source, 400)]
    measure = Measure(threshold=0.12, miss=1e-6)
    found = as_dict(near_duplicates(texts, measure, compiled=compiled))
    assert found == brute(texts, measure)
    assert list(found) == [(0, 1), (0, 2), (1, 2)]


@COMPILED
@pytest.mark.parametrize("length", [1, 3, 4, 8])
def test_numba_and_numpy_make_the_same_sketches(length):
    texts = [*market(3), "", "a", "\ud800铝", "\U0010ffff" * 9, "铝合金" * 4000]
    measure = Measure(length=length)
    plain = finder.sketched(texts, measure, None)
    assert np.array_equal(plain, finder.sketched(texts, measure, finder.kernels()))


@COMPILED
@pytest.mark.parametrize("threshold", [0.1, 0.3, 0.5, 0.7, 0.95, 1.0])
def test_the_number_of_threads_changes_nothing(threshold):
    texts = market(7, 1200, 300)
    measure = Measure(threshold)
    one = near_duplicates(texts, measure, compiled=True)
    assert len(one)
    assert same(one, near_duplicates(texts, measure, threads=3, compiled=True))
    assert same(one, near_duplicates(texts, measure, compiled=False))


@pytest.mark.parametrize("compiled", WAYS)
@given(data=st.data(), texts=TEXTS)
@settings(max_examples=40, deadline=None)
def test_the_order_of_the_texts_changes_nothing(compiled, data, texts):
    def found(order):
        pairs = near_duplicates([texts[at] for at in order], SURE, compiled=compiled)
        return {
            (frozenset((order[pair.first], order[pair.second])), pair.likeness)
            for pair in pairs
        }

    order = data.draw(st.permutations(range(len(texts))))
    assert found(order) == found(range(len(texts)))


@pytest.mark.parametrize("compiled", WAYS)
@given(texts=TEXTS)
@settings(max_examples=40, deadline=None)
def test_pairs_are_ascending_and_there_once(compiled, texts):
    places = list(as_dict(near_duplicates(texts, SURE, compiled=compiled)))
    assert places == sorted(set(places))
    assert all(first < second for first, second in places)


@given(one=ANY_TEXT, other=ANY_TEXT)
@settings(max_examples=60, deadline=None)
def test_likeness_is_symmetric_and_that_of_the_definition(one, other):
    measure = Measure()
    mine, theirs = (sketches.distinct(text, measure) for text in (one, other))
    assert sketches.likeness(mine, theirs) == likeness(one, other, 3)
    assert sketches.likeness(theirs, mine) == likeness(one, other, 3)


@pytest.mark.parametrize("compiled", WAYS)
def test_identical_texts_are_pairs_of_likeness_one_and_empty_ones_are_none(compiled):
    texts = ["", "铝合金型材", "碳", "铝合金型材", "", "碳", "铝合金型材"]
    found = near_duplicates(texts, compiled=compiled)
    assert as_dict(found) == dict.fromkeys([(1, 3), (1, 6), (2, 5), (3, 6)], 1.0)
    assert groups(texts, compiled=compiled) == [[1, 3, 6], [2, 5]]


@pytest.mark.parametrize("compiled", WAYS)
def test_a_copy_of_a_repeated_text_is_a_pair_with_each_of_them(compiled):
    text, copy = "高强铝合金型材的挤压成形工艺", "高强铝合金型材挤压成形工艺"
    found = near_duplicates([text, copy, text], SURE, compiled=compiled)
    alike = likeness(text, copy, 2)
    assert as_dict(found) == {(0, 1): alike, (0, 2): 1.0, (1, 2): alike}


@pytest.mark.parametrize("compiled", WAYS)
@given(texts=TEXTS)
@settings(max_examples=40, deadline=None)
def test_groups_are_what_pairs_connect(compiled, texts):
    found = groups(texts, SURE, compiled=compiled)
    parts = [{place} for place in range(len(texts))]
    for first, second in as_dict(near_duplicates(texts, SURE, compiled=compiled)):
        one = next(part for part in parts if first in part)
        other = next(part for part in parts if second in part)
        if one is not other:
            one |= other
            parts.remove(other)
    assert found == sorted(sorted(part) for part in parts if len(part) > 1)


@pytest.mark.parametrize("compiled", WAYS)
def test_many_identical_texts_are_one_group_and_too_many_pairs(compiled):
    texts = ["铝合金型材"] * 2000
    assert groups(texts, most=10, compiled=compiled) == [list(range(2000))]
    with pytest.raises(TooManyPairs, match="more than 1,000,000 pairs"):
        near_duplicates(texts, most=1_000_000, compiled=compiled)


@pytest.mark.parametrize("compiled", WAYS)
def test_too_many_alike_texts_are_refused_before_they_fill_the_memory(compiled):
    form = passage(drawing(1), 400)
    texts = [f"{form}{number}" for number in range(120)]
    pairs = 120 * 119 // 2
    assert len(near_duplicates(texts, most=pairs, compiled=compiled)) == pairs
    with pytest.raises(TooManyPairs):
        near_duplicates(texts, most=pairs - 1, compiled=compiled)
    with pytest.raises(TooManyPairs):
        groups(texts, most=pairs - 1, compiled=compiled)


@pytest.mark.parametrize("compiled", WAYS)
def test_misses_at_the_threshold_are_as_rare_as_said(compiled):
    source = drawing(11)
    measure = Measure(threshold=0.5, length=1, miss=0.3)
    assert (measure.rows, measure.bands) == (4, 32)
    pairs = 2000
    # Of 3 x 20 characters 2 x 20 belong to either text: half of 60 are common.
    texts = []
    for _ in range(pairs):
        drawn = source.sample(range(0x4E00, 0x9E00), 120)
        common, mine, theirs = drawn[:60], drawn[60:90], drawn[90:]
        texts += ["".join(map(chr, common + own)) for own in (mine, theirs)]
    found = as_dict(near_duplicates(texts, measure, compiled=compiled))
    hits = sum((2 * at, 2 * at + 1) in found for at in range(pairs))
    expected = pairs * measure.chance_of_miss(0.5)
    assert abs(pairs - hits - expected) < 4 * expected**0.5


def test_lanes_agree_as_often_as_texts_are_alike():
    source = drawing(12)
    measure = Measure(length=1)
    texts = []
    for _ in range(400):
        drawn = source.sample(range(0x4E00, 0x9E00), 100)
        texts += ["".join(map(chr, drawn[:90])), "".join(map(chr, drawn[10:]))]
    found = finder.sketched(texts, measure, None)
    agreed = (found[::2] == found[1::2]).mean(axis=1)
    deviation = np.sqrt(0.8 * 0.2 / sketches.LANES)
    assert abs(agreed.mean() - 0.8) < 4 * deviation / 400**0.5
    assert 0.85 < agreed.std() / deviation < 1.15


def test_more_rows_are_taken_the_higher_the_threshold():
    rows = [Measure(threshold).rows for threshold in (0.1, 0.3, 0.5, 0.7, 0.9, 1.0)]
    assert rows == sorted(rows)
    for threshold in (0.05, 0.2, 0.5, 0.9):
        measure = Measure(threshold)
        assert measure.chance_of_miss(threshold) <= 0.01
        assert measure.chance_of_miss(threshold) >= measure.chance_of_miss(0.95)
        assert measure.rows * measure.bands <= sketches.LANES


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"threshold": 0.0}, "threshold must be above 0"),
        ({"threshold": 1.5}, "threshold must be above 0"),
        ({"threshold": float("nan")}, "threshold must be above 0"),
        ({"length": 0}, "length must be from 1 to 8"),
        ({"length": 9}, "length must be from 1 to 8"),
        ({"miss": 0.0}, "miss must be between 0 and 1"),
        ({"threshold": 0.01}, "too low: at best 0.28 of the pairs"),
    ],
)
def test_a_measure_that_makes_no_sense_is_refused(values, message):
    with pytest.raises(ValueError, match=message):
        Measure(**values)


def test_no_threads_are_refused():
    with pytest.raises(ValueError, match="threads must be at least 1, it is 0"):
        near_duplicates(["铝"], threads=0)


def test_without_numba_it_cannot_be_asked_for(monkeypatch):
    monkeypatch.setattr(finder, "kernels", lambda: None)
    with pytest.raises(ValueError, match="numba is not installed"):
        near_duplicates(["铝"], compiled=True)
    assert not warm()
    assert groups(["铝", "铝"]) == [[0, 1]]


def test_importing_does_not_import_numba():
    code = "import sys, matching.duplicates; sys.exit('numba' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@given(texts=TEXTS, split=st.integers(0, 12))
@settings(max_examples=40, deadline=None)
def test_adding_and_finding_leads_to_the_pairs_of_the_batch(texts, split):
    index = DuplicateIndex(SURE)
    index.add_many(((f"{at:02}", text) for at, text in enumerate(texts[:split])))
    for at, text in enumerate(texts[split:], start=split):
        index.add(f"{at:02}", text)
    found = {
        (at, int(copy.id)): copy.likeness
        for at, text in enumerate(texts)
        for copy in index.find(text)
        if at < int(copy.id)
    }
    assert found == as_dict(near_duplicates(texts, SURE, compiled=False))


@pytest.mark.parametrize("compiled", WAYS)
def test_a_large_index_finds_what_the_batch_finds(compiled):
    texts = market(5, 400, 200)
    measure = Measure()
    batch = as_dict(near_duplicates(texts, measure, compiled=compiled))
    index = DuplicateIndex(measure)
    found = {}
    for at, text in enumerate(texts):
        found |= {(int(copy.id), at): copy.likeness for copy in index.find(text)}
        index.add_many([(str(at), text)], compiled=compiled)
    assert found == batch
    assert len(batch) > 100


def test_what_was_removed_is_not_found_and_may_come_back():
    texts = market(6, 80, 0)
    index = DuplicateIndex()
    index.add_many((str(at), text) for at, text in enumerate(texts))
    assert [copy.id for copy in index.find(texts[3])] == ["3"]
    index.remove("3")
    assert "3" not in index
    assert len(index) == 79
    assert index.find(texts[3]) == []
    index.add("3", texts[3])
    assert [copy.id for copy in index.find(texts[3])] == ["3"]
    with pytest.raises(KeyError):
        index.remove("none")


def test_coming_and_going_for_long_takes_no_more_room():
    index = DuplicateIndex()
    source = drawing(8)
    kept = passage(source)
    index.add("kept", kept)
    size = index.nbytes
    for number in range(500):
        index.add(str(number), passage(source, 20))
        index.remove(str(number))
    assert index.nbytes == size
    assert [copy.id for copy in index.find(kept)] == ["kept"]


def test_copies_are_the_likest_first_and_ties_go_to_the_lesser_id():
    text = passage(drawing(9))
    index = DuplicateIndex()
    index.add_many([("c", text), ("b", text[5:]), ("a", text), ("d", "铝合金")])
    assert [copy.id for copy in index.find(text)] == ["a", "c", "b"]
    assert [copy.id for copy in index.find(text, 1)] == ["a"]
    assert index.find("") == []
    with pytest.raises(ValueError, match="k must be at least 1, it is 0"):
        index.find(text, 0)


def test_an_id_is_taken_once_and_a_refused_call_adds_nothing():
    index = DuplicateIndex()
    index.add("1", "铝合金型材")
    for entries in ([("2", "碳纤维"), ("1", "钛")], [("2", "碳"), ("2", "钛")]):
        with pytest.raises(ValueError, match=f"the id '{entries[-1][0]}' already"):
            index.add_many(entries)
        assert len(index) == 1
        assert index.find("碳纤维") == []


@pytest.mark.parametrize("compiled", WAYS)
def test_edited_copies_are_found_as_the_benchmark_counts_them(compiled):
    source = drawing(10)
    texts = [passage(source, 173) for _ in range(300)]
    task = benchmark.make_task(texts, 100, 0.08, Measure(), seed=2)
    engine = benchmark.ours(1, compiled=compiled)
    row = benchmark.judge(task, {"ours": engine.read(engine.run(task))})["ours"]
    assert row["found"] == 100
    assert row["recall"] == row["precision"] == 1.0


def test_the_benchmark_cuts_texts_into_different_passages():
    texts = [passage(drawing(seed), 500) for seed in range(20)]
    passages = benchmark.cut(texts, 40, 100, seed=1)
    assert len(set(passages)) == len(passages) == 40
    assert all(50 <= len(text) <= 150 for text in passages)
    assert "".join(passages) == " ".join(texts)[: sum(map(len, passages))]
    with pytest.raises(MatchingError, match="3 characters are no passage"):
        benchmark.cut(["铝合金"], 40, 100, seed=1)


def test_edits_are_as_many_as_asked_for():
    text = passage(drawing(13), 500)
    assert benchmark.edited(text, 0.0, "x", drawing(1)) == text
    changed = benchmark.edited(text, 0.08, "x", drawing(1))
    kept = sum(char != "x" for char in changed)
    assert 460 <= kept < 500
    added = changed.count("x")
    assert len(changed) == kept + added
    assert 0 < added <= 40
