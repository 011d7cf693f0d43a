"""Weights make scores and bands that rise with every part, and files that hold."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching import InvalidWeights, Matcher, Posting, UnknownWeights
from matching.weights import (
    DEFAULT,
    PARTS,
    Calibration,
    content,
    load,
    parse,
    save,
    versions,
)

BANDS = ("possible", "good", "strong")
VERSIONS = ("2026.2", "2026.3", "2026.4", "2026.5")
VALUE = st.none() | st.floats(0, 1)


@st.composite
def pairs(draw):
    parts = {part: draw(VALUE) for part in PARTS}
    return parts | {"text": draw(st.floats(0, 1))}


@st.composite
def shares(draw):
    numbers = [draw(st.integers(0, 100)) for _ in PARTS]
    numbers[0] += 1
    return {
        part: number / sum(numbers) for part, number in zip(PARTS, numbers, strict=True)
    }


@pytest.mark.parametrize("version", VERSIONS)
@given(
    parts=pairs(),
    part=st.sampled_from(PARTS),
    more=st.floats(0, 1),
    own=st.none() | shares(),
    blocked=st.booleans(),
)
def test_a_better_part_never_lowers_score_or_band(
    version, parts, part, more, own, blocked
):
    weights = load(version)
    if own is not None:
        weights = replace(weights, parts=own)
    if parts[part] is None:
        return
    better = parts | {part: max(parts[part], more)}
    was, now = (weights.score(each, blocked=blocked) for each in (parts, better))
    assert 0 <= was <= now + 1e-12 <= 1 + 1e-12
    before, after = (
        BANDS.index(weights.band(round(score, 9), blocked=blocked))
        for score in (was, now)
    )
    assert before <= after


@pytest.mark.parametrize("version", VERSIONS)
@given(parts=pairs(), more=st.floats(0, 1))
def test_a_blocked_score_keeps_its_order_below_whatever_is_good(version, parts, more):
    weights = load(version)
    blocked = weights.score(parts, blocked=True)
    assert blocked < weights.least("good")
    assert blocked <= weights.score(parts, blocked=False) + 1e-12
    assert weights.band(blocked, blocked=True) == "possible"
    above = parts | {"text": max(parts["text"], more)}
    assert weights.score(above, blocked=True) >= blocked


@pytest.mark.parametrize("version", VERSIONS)
@given(one=st.floats(0, 1), other=st.floats(0, 1))
def test_bands_follow_the_score(version, one, other):
    weights = load(version)
    low, high = sorted((one, other))
    bands = [BANDS.index(weights.band(s, blocked=False)) for s in (low, high)]
    assert bands == sorted(bands)


@given(score=st.floats(0, 1))
def test_bands_are_probabilities(score):
    weights = load()
    likely = weights.calibration.probability(score)
    band = weights.band(score, blocked=False)
    for name in ("strong", "good"):
        if abs(likely - weights.bands[name]) > 1e-6:
            reached = BANDS.index(band) >= BANDS.index(name)
            assert reached == (likely > weights.bands[name])


@given(probability=st.floats(0.01, 0.99))
def test_a_probability_has_one_score(probability):
    line = Calibration(-6.0, 14.0)
    again = line.probability(line.score_of(probability))
    assert again == pytest.approx(probability)


def test_a_calibration_by_itself_changes_no_ranking():
    offers = [
        Posting(
            id=str(n), title="铝合金板材" * (n % 3 + 1), text="轧制热处理" * (n % 5)
        )
        for n in range(30)
    ]
    need = Posting(id="q", title="铝合金板材轧制", text="要求热处理后强度高")
    weights = load()
    other = replace(
        weights,
        version="other",
        calibration=Calibration(-3.0, 7.0),
        bands=weights.bands,
    )
    found = Matcher.build(offers, weights=weights).rank(need, 30)
    again = Matcher.build(offers, weights=other).rank(need, 30)
    assert [(m.id, m.score) for m in found] == [(m.id, m.score) for m in again]
    assert {m.engine.weights for m in again} == {"other"}


def test_an_uncalibrated_version_has_bands_by_score():
    weights = load("2026.2")
    assert weights.calibration is None
    assert (weights.least("strong"), weights.least("good")) == (0.6, 0.4)
    assert weights.blocked_below == weights.least("good")


def test_the_default_says_how_it_was_fitted():
    weights = load(DEFAULT)
    assert weights.base == "2026.3"
    assert weights.fitted["verdict"] == "better"
    assert weights.fitted["command"].startswith("python -m matching fit ")
    assert weights.fitted["date"]
    assert sum(e["queries"] for e in weights.fitted["examples"].values()) > 3000
    assert set(weights.fitted["out_of_fold"]) == {"base", "calibration", "shares"}


def test_what_a_fit_may_change_leaves_the_parts_of_a_pair_alone():
    assert load("2026.3").same_parts(load("2026.4"))
    assert not load().same_parts(replace(load(), text_power=2.0))


FAULTS = [
    (lambda d: d.pop("views"), "missing: views"),
    (lambda d: d.update(colour=1), "unknown: colour"),
    (lambda d: d["parts"].update(text=0.9), "add up to"),
    (lambda d: d["parts"].update(text=0.0, chain=0.7), "text's must be above 0"),
    (lambda d: d["parts"].pop("budget"), "parts must be text, fuzzy"),
    (lambda d: d["parts"].update(chain=float("nan")), "not finite"),
    (lambda d: d["parts"].update(chain="much"), "TypeError"),
    (lambda d: d["bands"].update(good=0.9), "bands must rise"),
    (lambda d: d["calibration"].update(slope=-1.0), "slope"),
    (lambda d: d["calibration"].pop("slope"), "slope"),
    (lambda d: d["calibration"].update(intercept=9.0), "blocked_below"),
    (lambda d: d.update(calibration="steep"), "TypeError"),
    (lambda d: d.update(parts=[]), "AttributeError"),
]


@pytest.mark.parametrize(("spoil", "told"), FAULTS)
def test_a_file_that_does_not_hold_is_refused_with_name_and_reason(
    tmp_path, spoil, told
):
    data = content(DEFAULT)
    spoil(data)
    with pytest.raises(InvalidWeights, match=f"weights mine: .*{told}"):
        parse(data, "mine")
    with pytest.raises(InvalidWeights):
        save(data, "mine", tmp_path)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "mine.json").write_text(json.dumps(data))
    with pytest.raises(InvalidWeights, match=told):
        load("mine", tmp_path)


def test_a_file_of_another_engine_is_refused(tmp_path):
    (tmp_path / "mine.json").write_text(json.dumps(content(DEFAULT) | {"engine": 7}))
    with pytest.raises(UnknownWeights, match="engine 7"):
        load("mine", tmp_path)
    with pytest.raises(UnknownWeights, match="engine 1"):
        load("2026.1")


@pytest.mark.parametrize("text", ["", "[1]", "{"])
def test_a_file_that_is_no_object_is_refused(tmp_path, text):
    (tmp_path / "mine.json").write_text(text)
    with pytest.raises(InvalidWeights, match="weights mine"):
        load("mine", tmp_path)


def test_versions_of_a_folder_are_found_and_told():
    with pytest.raises(UnknownWeights, match=r"no weights '2019\.1'; there are: 2026"):
        load("2019.1")


def test_a_kept_version_is_loaded_and_never_written_over(tmp_path):
    data = content(DEFAULT)
    path = save(data, "market-1", tmp_path / "own")
    assert versions(tmp_path / "own") == ["market-1"]
    assert load("market-1", tmp_path / "own").parts == load().parts
    before = path.read_bytes()
    with pytest.raises(InvalidWeights, match="not written over"):
        save(data | {"terms": 3}, "market-1", tmp_path / "own")
    assert path.read_bytes() == before
    assert [p.name for p in (tmp_path / "own").iterdir()] == ["market-1.json"]
    with pytest.raises(UnknownWeights, match="market-1"):
        load("market-2", tmp_path / "own")


@pytest.mark.parametrize("name", ["", "../x", "Mine", "a/b", ".x", "x" * 41, "市场"])
def test_a_name_that_is_no_file_name_is_refused(tmp_path, name):
    with pytest.raises(InvalidWeights, match="cannot be named"):
        save(content(DEFAULT), name, tmp_path)


def test_the_name_of_a_shipped_version_is_taken(tmp_path):
    with pytest.raises(InvalidWeights, match="are shipped"):
        save(content(DEFAULT), "2026.2", tmp_path)
    (tmp_path / "2026.2.json").write_text("{}")
    assert load("2026.2", tmp_path) == load("2026.2")


def test_an_index_opens_with_weights_from_elsewhere(tmp_path):
    save(content(DEFAULT) | {"terms": 1}, "market-1", tmp_path / "own")
    own = load("market-1", tmp_path / "own")
    built = Matcher.build([Posting(id="a", title="铝合金轧制")])
    built.save(tmp_path / "index")
    opened = Matcher.open(tmp_path / "index", weights=own)
    (match,) = opened.rank(Posting(id="q", title="铝合金轧制工艺"))
    assert match.engine.weights == "market-1"
    opened.save(tmp_path / "again")
    assert Matcher.open(tmp_path / "again").weights == own
    assert Matcher.open(tmp_path / "again", weights=own).weights is own


def test_ranking_imports_neither_scikit_learn_nor_scipy():
    code = (
        "import sys; from matching import Matcher, Posting\n"
        "m = Matcher.build([Posting(id='a', title='铝合金')])\n"
        "assert m.rank(Posting(id='q', title='铝合金'))[0].band\n"
        "import matching.learning, matching.examples\n"
        "heavy = {'sklearn', 'scipy.sparse', 'scipy.optimize'}\n"
        "print(heavy & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"


@given(
    values=st.lists(st.floats(0, 1), min_size=2, max_size=2).map(sorted),
    texts=st.lists(st.floats(0, 1), min_size=2, max_size=2).map(sorted),
    enough=st.floats(0, 1),
)
def test_what_speaks_for_a_pair_counts_by_how_much_is_said_of_the_same(
    values, texts, enough
):
    weights = replace(load(), enough_text=enough)

    def worth(value, text):
        return float(weights.worth(np.array([value]), np.float64(text))[0])

    (low, high), (little, much) = values, texts
    assert worth(low, little) <= worth(high, little) + 1e-12
    assert worth(low, little) <= worth(low, much) + 1e-12
    assert worth(low, much) == pytest.approx(low) or low > much
    if little >= enough:
        assert worth(high, little) == pytest.approx(high)
    if enough and high > little:
        assert little - 1e-12 <= worth(high, little) <= high + 1e-12
    assert worth(high, 0.0) == (0.0 if enough else pytest.approx(high))
