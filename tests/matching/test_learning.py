"""A score is fitted to graded pairs: rightly, repeatably, and not to too few."""

import gzip
import json
from dataclasses import replace

import numpy as np
import pytest

from matching import learning
from matching.__main__ import main
from matching.errors import InvalidExamples
from matching.examples import Example, of_set, read_examples, write_examples
from matching.learning import BETTER, NO_BETTER, TOO_LITTLE, learn, reliability
from matching.weights import DEFAULT, PARTS, content, load, parse

TRUE = {
    "text": 0.3,
    "fuzzy": 0.0,
    "indicators": 0.5,
    "chain": 0.15,
    "field": 0.05,
    "maturity": 0.0,
    "region": 0.0,
    "budget": 0.0,
}
KNOWN = ("indicators", "chain", "field")


def draw(queries, *, shares=TRUE, start=-8.0, slope=16.0, pairs=10, seed=7, of="made"):
    """Draw pairs whose odds are a line in a score of these shares."""
    numbers = np.random.default_rng(seed)
    weights = replace(load(), parts=shares)
    for query in range(queries):
        for document in range(pairs):
            parts = {"text": round(float(numbers.random()), 6)}
            parts |= {part: round(float(numbers.random()), 6) for part in KNOWN}
            whole = dict.fromkeys(PARTS) | parts
            odds = start + slope * weights.score(whole, blocked=False)
            useful = numbers.random() < 1 / (1 + np.exp(-odds))
            yield Example(
                set=of,
                query=f"the-query-{query}",
                document=f"the-document-{document}",
                grade=float(useful),
                useful=bool(useful),
                parts=parts,
            )


@pytest.fixture(scope="module")
def made():
    return list(draw(200))


@pytest.fixture(scope="module")
def learned(made):
    return learn(made, content(DEFAULT), DEFAULT, date="2026-11-22", command="by hand")


def test_the_shares_and_the_line_that_made_the_data_come_back(learned):
    new = parse(learned.content, "new")
    for part in ("indicators", "chain", "field"):
        assert new.parts[part] == pytest.approx(TRUE[part], abs=0.05)
    assert new.calibration.intercept == pytest.approx(-8, abs=1.2)
    assert new.calibration.slope == pytest.approx(16, abs=2.4)
    assert learned.report["verdict"] == BETTER
    assert learned.content["fitted"]["fitted"] == "shares and calibration"
    gain = learned.report["differences"]["shares over calibration"]
    assert gain["log_loss"]["low"] > 0
    assert gain["pair_order"]["low"] > 0


def test_a_new_file_holds_and_says_where_it_comes_from(learned):
    new = parse(learned.content, "new")
    assert new.base == DEFAULT
    assert sum(new.parts.values()) == pytest.approx(1)
    assert new.fitted["date"] == "2026-11-22"
    assert new.fitted["command"] == "by hand"
    assert new.fitted["examples"]["made"]["pairs"] == 2000
    assert new.same_parts(load(DEFAULT))
    assert new.blocked_below <= new.least("good")


def test_a_part_that_is_seldom_known_keeps_its_relation_to_the_text(learned):
    new, old = learned.content["parts"], load(DEFAULT).parts
    for part in ("fuzzy", "maturity", "region", "budget"):
        assert new[part] / new["text"] == pytest.approx(
            old[part] / old["text"], abs=0.01
        )


def test_out_of_fold_probabilities_come_true(learned):
    row = learned.report["out_of_fold"]["shares"]
    for known in row["reliability"]:
        if known["pairs"] >= 100:
            assert known["useful"] == pytest.approx(known["probability"], abs=0.12)
    assert sum(known["pairs"] for known in row["reliability"]) == 2000


def test_the_same_data_in_any_order_give_the_same_file_and_report(made, learned):
    mixed = [made[n] for n in np.random.default_rng(3).permutation(len(made))]

    again = learn(
        mixed, content(DEFAULT), DEFAULT, date="2026-11-22", command="by hand"
    )
    assert json.dumps(again.content) == json.dumps(learned.content)
    assert json.dumps(again.report) == json.dumps(learned.report)


def test_the_report_names_no_query_and_no_document(learned):
    told = json.dumps(learned.report) + json.dumps(learned.content)
    assert "the-query" not in told
    assert "the-document" not in told


def test_what_the_base_says_already_is_not_called_better():
    line = load().calibration
    examples = draw(60, shares=load().parts, start=line.intercept, slope=line.slope)
    found = learn(examples, content(DEFAULT), DEFAULT)
    assert found.report["verdict"] == NO_BETTER
    assert found.content["parts"] == dict(load().parts)
    assert found.content["fitted"]["fitted"] == "calibration"
    assert found.content["fitted"]["verdict"] == NO_BETTER


def test_a_score_that_says_nothing_is_not_fitted():
    backwards = [replace(e, useful=not e.useful) for e in draw(40)]
    found = learn(backwards, content(DEFAULT), DEFAULT)
    assert found.content is None
    assert found.report["verdict"] == NO_BETTER
    assert "says nothing" in found.report["reason"]


def test_blocked_pairs_do_not_move_the_numbers():
    free = list(draw(250))
    blocked = [replace(e, blocked=True, useful=False) for e in draw(20, seed=8)]
    alone = learn(free, content(DEFAULT), DEFAULT).content
    beside = learn([*free, *blocked], content(DEFAULT), DEFAULT).content
    for number in ("parts", "calibration", "blocked_below"):
        assert alone[number] == beside[number]
    assert beside["fitted"]["examples"]["made"]["blocked"] == 200


@pytest.mark.parametrize(
    ("examples", "reason"),
    [
        ([], "0 queries"),
        (list(draw(29)), "29 queries"),
        ([replace(e, useful=True) for e in draw(40)], "0 pairs that are not useful"),
        ([replace(e, useful=False) for e in draw(40)], "0 useful pairs"),
        ([replace(e, blocked=True) for e in draw(40)], "0 queries"),
    ],
)
def test_too_little_is_refused_with_what_is_lacking(examples, reason):
    found = learn(examples, content(DEFAULT), DEFAULT)
    assert found.content is None
    assert found.report["verdict"] == TOO_LITTLE
    assert found.report["reason"].startswith(reason)


def test_pairs_of_one_outcome_in_all_but_one_query_are_no_obstacle():
    lone = [replace(e, useful=e.query == "the-query-0") for e in draw(40, pairs=30)]
    for base in ("2026.2", DEFAULT):
        found = learn(lone, content(base), base)
        assert found.report["verdict"] in {BETTER, NO_BETTER}


def test_sets_weigh_the_same_and_are_measured_when_left_out():
    few, many = list(draw(30)), list(draw(90, of="other", seed=2, start=-4.0))
    pairs = learning._Pairs.of([*few, *many], load())
    sums = np.bincount(pairs.set_of, pairs.weights())
    assert sums[0] == pytest.approx(sums[1])
    found = learning._left_out(pairs, load())
    assert set(found) == {"made", "other"}
    assert set(found["made"]) == {"bands", "any_rising_map", "line"}


def test_pairs_are_scored_as_the_engine_scores_them():
    examples = [*draw(3), *(replace(e, blocked=True) for e in draw(3, seed=1))]
    pairs = learning._Pairs.of(examples, load())
    weights = load()
    exact = [weights.score(e.parts, blocked=e.blocked) for e in pairs.examples]
    assert pairs.scores(weights) == pytest.approx(exact, abs=1e-12)


def test_reliability_by_hand():
    likely = np.array([0.1, 0.1, 0.6, 1.0])
    useful = np.array([False, True, True, True])
    assert reliability(likely, useful) == [
        {"from": 0.05, "to": 0.2, "pairs": 2, "probability": 0.1, "useful": 0.5},
        {"from": 0.5, "to": 0.65, "pairs": 1, "probability": 0.6, "useful": 1.0},
        {"from": 0.95, "to": 1.0, "pairs": 1, "probability": 1.0, "useful": 1.0},
    ]


def test_order_by_hand():
    rows = [("a", 2.0, 0.2), ("b", 0.0, 0.9), ("c", 1.0, 0.2)]
    examples = [
        Example("s", "q", name, grade, grade > 0, {"text": text})
        for name, grade, text in rows
    ]
    pairs = learning._Pairs.of(examples, load())
    found = learning._order(pairs, pairs.scores(load()))
    assert found["pair_order"][1:] == (pytest.approx([0.5]), pytest.approx([3.0]))
    (gain,) = found["ndcg@10"][1]
    best = 2 + 1 / np.log2(3)
    assert gain == pytest.approx((2 / np.log2(3) + 1 / 2) / best)


WRONG = [
    ("[1]", "an example is an object"),
    ("{", "Expecting"),
    ('{"set": "s"}', "missing"),
    ({"grade": -1}, "grade"),
    ({"grade": True}, "grade"),
    ({"useful": 1}, "useful must be true or false"),
    ({"parts": {}}, "text part must be known"),
    ({"parts": {"text": 1.5}}, "part text must lie between 0 and 1"),
    ({"parts": {"text": 0.5, "luck": 1}}, "parts must be an object of text"),
    ({"query": 7}, "query must be a string"),
    ({"mood": 1}, "mood"),
]


@pytest.mark.parametrize(("line", "told"), WRONG)
def test_a_wrong_line_is_refused_with_its_place(tmp_path, line, told):
    good = next(draw(1)).to_dict()
    text = line if isinstance(line, str) else json.dumps(good | line)
    path = tmp_path / "pairs.jsonl"
    path.write_text(json.dumps(good) + "\n\n" + text + "\n")
    with pytest.raises(InvalidExamples, match=f"pairs.jsonl, line 3: .*{told}"):
        list(read_examples(path))


def test_examples_are_read_as_they_were_written(tmp_path):
    examples = [*draw(2), replace(next(draw(1)), blocked=True, query="其他")]
    assert write_examples(tmp_path / "pairs.jsonl", examples) == 21
    assert list(read_examples(tmp_path / "pairs.jsonl")) == examples


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "graded"
    place.mkdir()
    documents = ["铝合金板材热处理", "碳纤维上浆剂", "牡蛎苗种繁育", "铝合金焊接"]
    with gzip.open(place / "docs.jsonl.gz", "wt") as file:
        for number, text in enumerate(documents):
            file.write(json.dumps({"_id": f"d{number}", "text": text}) + "\n")
    (place / "queries.jsonl").write_text(
        json.dumps({"_id": "q0", "text": "铝合金热处理"})
        + "\n"
        + json.dumps({"_id": "q1", "text": "碳纤维"})
    )
    (place / "qrels.tsv").write_text("q\td\tgrade\nq0\td0\t2\nq0\td3\t1\n")
    return place


def test_examples_of_a_set_are_its_first_matches(folder):
    pairs = list(of_set(folder, least_grade=2))
    assert [(e.query, e.document, e.grade, e.useful) for e in pairs] == [
        ("q0", "d0", 2.0, True),
        ("q0", "d3", 1.0, False),
    ]
    assert {e.set for e in pairs} == {"graded"}
    assert all(e.parts["text"] > 0 for e in pairs)
    assert [e.document for e in of_set(folder, judged_only=True)] == ["d0", "d3"]


def test_commands_make_examples_and_fit_them(folder, tmp_path, capsys):
    out = tmp_path / "pairs.jsonl"
    assert main(["examples", str(folder), "--out", str(out)]) == 0
    assert json.loads(capsys.readouterr().out) == {"examples": 2}
    write_examples(out, draw(40))
    new, told = tmp_path / "mine.json", tmp_path / "report.json"
    asked = ["fit", str(out), "--out", str(new), "--report", str(told)]
    assert main([*asked, "--date", "2026-11-22", "--check", str(out)]) == 0
    printed = capsys.readouterr().out
    report = json.loads(told.read_text())
    assert printed.startswith(report["verdict"])
    assert load("mine", tmp_path).base == DEFAULT
    assert report["check"]["made"]["pairs"] == 400
    assert main(["report", str(told)]) == 0
    tables = capsys.readouterr().out
    assert "| made | shares | " in tables
    assert "| made (not fitted) |" in tables
    assert main(asked) == 1
    assert "not written over" in capsys.readouterr().err


def test_the_command_leaves_a_report_of_too_little_and_no_file(tmp_path, capsys):
    out = tmp_path / "pairs.jsonl"
    write_examples(out, draw(3))
    new, told = tmp_path / "mine.json", tmp_path / "report.json"
    assert main(["fit", str(out), "--out", str(new), "--report", str(told)]) == 1
    assert json.loads(told.read_text())["verdict"] == TOO_LITTLE
    assert not new.exists()
    assert capsys.readouterr().out.startswith(TOO_LITTLE)
    assert main(["report", str(told)]) == 0
    assert capsys.readouterr().out.startswith(TOO_LITTLE)
    assert main(["examples", "--out", str(out)]) == 1


def test_shares_can_be_kept(made):
    found = learn(made, content(DEFAULT), DEFAULT, keep_shares=True)
    assert found.content["parts"] == content(DEFAULT)["parts"]
    assert found.content["fitted"]["fitted"] == "calibration"
    assert found.content["calibration"] != content(DEFAULT)["calibration"]
