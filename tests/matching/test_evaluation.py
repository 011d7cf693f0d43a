"""Measures are right by hand, and the command line says what the contract says."""

import gzip
import json

import pytest

from matching.__main__ import main
from matching.ablation import INGREDIENTS, Ingredient, ablate, markdown
from matching.bench import bench
from matching.evaluation import evaluate, ndcg, pearson, recall, spearman
from matching.tokens import Kind

KEYS = [
    "queries",
    "ndcg@10",
    "recall@10",
    "recall@100",
    "mrr",
    "pearson",
    "spearman",
    "build_seconds",
    "p50_ms",
    "p99_ms",
    "index_bytes_per_document",
]


@pytest.fixture
def folder(tmp_path):
    documents = ["铝合金板材热处理", "碳纤维上浆剂", "牡蛎苗种繁育", "铝合金焊接"]
    lines = [
        json.dumps({"_id": f"d{n}", "title": "", "text": text, "year": 2020})
        for n, text in enumerate(documents)
    ]
    with gzip.open(tmp_path / "docs.jsonl.gz", "wt") as file:
        file.write("\n".join(lines))
    queries = {"q0": "铝合金热处理", "q1": "碳纤维", "q2": "铝合金", "q3": "无"}
    (tmp_path / "queries.jsonl").write_text(
        "\n".join(json.dumps({"_id": i, "text": t}) for i, t in queries.items())
    )
    (tmp_path / "other.jsonl").write_text(json.dumps({"_id": "q1", "text": "牡蛎"}))
    (tmp_path / "qrels.tsv").write_text(
        "query-id\tcorpus-id\tscore\n"
        "q0\td0\t2\nq0\td3\t1\nq0\td2\t0\nq1\td1\t1\nq2\td2\t0\n"
    )
    return tmp_path


def test_measures_by_hand():
    assert ndcg([2, 0, 1], [2, 1]) == pytest.approx(2.5 / (2 + 1 / 1.5849625))
    assert ndcg([], [1]) == 0
    assert ndcg([0] * 10 + [1], [1]) == 0
    assert recall(["a", "b"], {"b", "c"}, at=2) == 0.5
    assert pearson([1, 2, 3], [2, 4, 7]) == pytest.approx(0.9933992678)
    assert pearson([1, 1], [1, 2]) is None
    assert spearman([1, 1, 2, 3], [1, 2, 3, 4]) == pytest.approx(0.9486832981)


def test_evaluate_prints_exactly_the_keys_of_the_contract(folder, capsys):
    assert main(["evaluate", str(folder)]) == 0
    report = json.loads(capsys.readouterr().out)
    assert list(report) == KEYS
    assert report["queries"] == 3
    assert report["ndcg@10"] == report["mrr"] == report["recall@100"] == 1.0
    assert report["pearson"] is None


def test_judged_only_ranks_all_judged_and_nothing_else(folder):
    report = evaluate(folder, judged_only=True)
    assert report["ndcg@10"] == 1.0
    assert report["pearson"] > 0.5
    assert report["spearman"] > 0.5


def test_other_queries_may_be_asked(folder, capsys):
    other = str(folder / "other.jsonl")
    assert main(["evaluate", str(folder), "--queries", other]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["queries"], report["ndcg@10"]) == (1, 0.0)


def test_build_and_rank(folder, capsys):
    index = str(folder / "index")
    assert main(["build", str(folder / "docs.jsonl.gz"), index]) == 0
    out, err = capsys.readouterr()
    report = json.loads(out)
    assert list(report) == ["documents", "seconds", "bytes"]
    assert report["documents"] == 4
    assert "100%" in err
    assert main(["rank", index, "--text", "铝合金热处理", "-k", "2", "--json"]) == 0
    matches = json.loads(capsys.readouterr().out)
    assert [match["id"] for match in matches] == ["d0", "d3"]
    assert main(["rank", index, "--text", "铝合金热处理，硬度≥90 HB"]) == 0
    shown = capsys.readouterr().out
    assert "d0" in shown
    assert "terms: " in shown
    assert main(["rank", index, "--text", "xyz"]) == 0
    assert "no posting" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["evaluate", "/nonexistent"],
        ["rank", "/nonexistent", "--text", "x"],
        ["build", "/nonexistent.jsonl", "/nonexistent"],
    ],
)
def test_what_goes_wrong_is_one_line(arguments, capsys):
    assert main(arguments) == 1
    assert capsys.readouterr().err.startswith("matching: ")


def test_a_bad_line_is_named(folder, capsys):
    bad = folder / "bad.jsonl"
    bad.write_text('{"_id": "a"}\n\n{"text": "no id"}\n')
    assert main(["build", str(bad), str(folder / "out")]) == 1
    assert "bad.jsonl, line 3" in capsys.readouterr().err


def test_bench_measures_installed_peers_and_names_the_others(folder, capsys):
    report = bench(folder, ["sklearn", "tantivy"], limit=2)
    names = [row["engine"] for row in report["engines"]]
    assert names[:3] == ["jiebang", "jiebang, not explained", "sklearn"]
    assert set(names[3:]) | set(report["left_out"]) == {"tantivy"}
    for row in report["engines"][:3]:
        assert row["agreement"] == 1.0
        assert row["ndcg@10"] == 1.0
        assert row["p50_ms"] > 0
    assert main(["bench", str(folder), "--peers", "", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["left_out"] == []
    assert main(["bench", str(folder), "--peers", "sklearn"]) == 0
    assert "queries_per_second" in capsys.readouterr().out
    assert main(["bench", str(folder), "--peers", "magic"]) == 1
    assert "unknown peers: magic" in capsys.readouterr().err


def test_what_is_left_out_no_longer_counts(folder):
    (folder / "queries.jsonl").write_text(
        json.dumps({"_id": "q0", "text": "热处理的铝合金"})
    )
    nothing = Ingredient("all features", kinds=tuple(Kind))
    table = ablate({folder: False}, [nothing, Ingredient("a name only")])
    assert table[""][folder.name] == table["a name only"][folder.name] == 1.0
    assert table["all features"][folder.name] == 0.0
    assert markdown(table).splitlines()[-2] == "| all features | -1.0000 |"


def test_ablate_prints_a_table_for_every_set(folder, capsys):
    assert main(["ablate", str(folder), "--judged-only", str(folder), "--json"]) == 0
    table = json.loads(capsys.readouterr().out)
    assert set(table) == {"", *(ingredient.name for ingredient in INGREDIENTS)}
    assert all(set(row) == {folder.name} for row in table.values())
    assert main(["ablate"]) == 1
    assert "evaluation set" in capsys.readouterr().err
