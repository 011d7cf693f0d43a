"""A grown corpus follows from its seed, keeps to Heaps' law, and can be measured."""

import json

import numpy as np
import pytest

from matching import kernels
from matching.benchmarks import retrieval, whole
from matching.benchmarks.grown import Bags, Grown, grow, main
from matching.errors import MatchingError

WORDS = [
    first + second
    for first in "铝钢铜碳硅氢氧锂钛镁稀陶玻纤电机光热声磁"
    for second in "材料器件技术工艺方法系统设备传感制备合金"
]


@pytest.fixture(scope="module")
def texts():
    rng = np.random.default_rng(1)
    share = 1 / np.arange(3, len(WORDS) + 3)
    share /= share.sum()
    return [
        "，".join("".join(rng.choice(WORDS, 5, p=share)) for _ in range(9))
        for _ in range(150)
    ]


@pytest.fixture(scope="module")
def titles():
    rng = np.random.default_rng(2)
    return ["的".join(rng.choice(WORDS, 9)) for _ in range(300)]


@pytest.fixture(scope="module")
def grown(texts, titles):
    return grow(texts, titles, 3000, seed=7)


def same(one, other):
    return all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for name in ("bounds", "words", "counts")
    )


def test_the_same_seed_grows_the_same_corpus(texts, titles, grown, tmp_path):
    again = grow(texts, titles, 3000, seed=7)
    assert same(grown.documents, again.documents)
    assert grown.words == again.words
    assert grown.about == again.about
    assert not same(grown.documents, grow(texts, titles, 3000, seed=8).documents)
    grown.save(tmp_path)
    opened = Grown.open(tmp_path)
    assert same(opened.documents, grown.documents)
    assert opened.about == grown.about
    assert opened.words == grown.words


def test_words_are_different_and_as_many_as_heaps_law_asks_for(grown):
    assert len(set(grown.words)) == len(grown.words)
    about = grown.about
    running = int(grown.documents.counts.sum())
    expected = about["heaps_k"] * running ** about["heaps_beta"]
    assert about["distinct_words"] == pytest.approx(expected, rel=0.15)
    assert int(grown.documents.words.max()) < len(grown.words)


def test_bags_count_words_by_text():
    bags = Bags.of(np.array([0, 0, 2, 0]), np.array([5, 3, 1, 5]), 3)
    assert [part.tolist() for part in bags[0]] == [[3, 5], [1, 2]]
    assert len(bags[1][0]) == 0
    assert len(bags) == 3
    assert len(bags.first(2)) == 2


def test_texts_without_passages_are_refused():
    with pytest.raises(MatchingError, match="25 words"):
        grow(["铝合金材料"], [], 10)
    with pytest.raises(MatchingError, match="no words"):
        grow(["，"], [], 10)


def test_the_commands_grow_and_measure(texts, titles, tmp_path, capsys):
    source, table = tmp_path / "docs.jsonl", tmp_path / "titles.csv"
    lines = [json.dumps({"id": str(i), "text": text}) for i, text in enumerate(texts)]
    source.write_text("\n".join(lines), "utf-8")
    table.write_text("title\n" + "\n".join(titles), "utf-8")
    out = str(tmp_path / "out")
    options = ["--documents", "2000", "--texts", str(source), "--titles", str(table)]
    assert main([out, *options]) == 0
    assert json.loads(capsys.readouterr().out)["documents"] == 2000
    options = ["--limit", "5", "--rounds", "1", "--exact", "60", "--json", "--peers"]
    plot = tmp_path / "growth.svg"
    growth = ["--growth", "500", "2000", "--plot", str(plot)]
    growth = growth if kernels.installed() else []
    assert retrieval.main([out, *options, *growth]) == 0
    result = json.loads(capsys.readouterr().out)
    exact = result["sizes"][0]["exact"]
    assert exact["queries"] == 60
    assert exact["different"] == 0
    assert exact["greatest_error"] < 1e-12
    assert result["sizes"][0]["long"]["ours"]["asked"] == 5
    for row in result.get("growth", []):
        assert 0 < row["postings_read"] <= row["postings"]
    if growth:
        assert plot.read_text("utf-8").count("<circle") == 2


def test_the_whole_engine_is_measured(grown, tmp_path):
    result = whole.measure(grown, tmp_path / "index", 300, limit=5, rounds=1, many=60)
    assert result["documents"] == 300
    assert result["build"]["ratio"] > 0
    assert result["rank"]["explained"]["p50"] > 0
    assert [row["equal"] for row in result["final_order"]] == [1.0] * 3
    assert result["joining"]["seconds"] > 0
    again = whole.measure(grown, tmp_path / "index", 300, limit=5, rounds=1, many=60)
    assert "build" not in again
