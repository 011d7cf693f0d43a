"""An index on disk is the old one or the new one, never a broken one."""

import json
import os
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import pytest

from matching import (
    IndexCorrupt,
    IndexVersionMismatch,
    Matcher,
    Posting,
    UnknownWeights,
)
from matching.segments import Segment
from matching.weights import load

QUERY = Posting(id="q", text="铝合金热处理")


@pytest.fixture
def postings():
    return [
        Posting(id=f"p{n}", title=f"铝合金第{n}号热处理工艺", org="a")
        for n in range(20)
    ]


@pytest.fixture
def saved(tmp_path, postings):
    Matcher.build(postings).save(tmp_path / "index")
    return tmp_path / "index"


def ranking(matcher):
    return [(m.id, m.score, m.terms, m.engine) for m in matcher.rank(QUERY, k=30)]


def test_a_saved_index_ranks_as_the_one_in_memory(saved, postings):
    assert ranking(Matcher.open(saved)) == ranking(Matcher.build(postings))


def test_an_opened_index_takes_additions_and_removals(saved, postings):
    matcher = Matcher.open(saved)
    matcher.add([Posting(id="new", title="铝合金热处理")])
    matcher.remove(["p3"])
    rest = [p for p in postings if p.id != "p3"]
    rebuilt = Matcher.build([*rest, Posting(id="new", title="铝合金热处理")])
    assert ranking(matcher) == ranking(rebuilt)
    matcher.save(saved)
    assert ranking(Matcher.open(saved)) == ranking(rebuilt)


def test_an_open_index_survives_its_replacement(saved):
    matcher = Matcher.open(saved)
    before = ranking(matcher)
    Matcher.build([]).save(saved)
    assert ranking(matcher) == before
    assert len(Matcher.open(saved)) == 0


def test_saving_leaves_one_generation_and_no_rubbish(saved, postings):
    (saved / "unfinished-of-a-killed-writer").mkdir()
    Matcher.build(postings).save(saved)
    names = sorted(entry.name for entry in saved.iterdir())
    assert len(names) == 3
    assert names[:2] == [".lock", "manifest.json"]
    assert names[2].startswith("segment-")


def test_a_damaged_array_is_named(saved):
    (path,) = saved.glob("segment-*/lists.npy")
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(bytes(raw))
    with pytest.raises(IndexCorrupt, match=r"lists\.npy does not fit its checksum"):
        Matcher.open(saved)
    path.write_bytes(bytes(raw[:-1]))
    with pytest.raises(IndexCorrupt, match=r"lists\.npy has not the size"):
        Matcher.open(saved, verify=False)
    path.unlink()
    with pytest.raises(IndexCorrupt, match=r"lists\.npy is missing"):
        Matcher.open(saved)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '"x"'])
def test_a_damaged_manifest_is_refused(saved, text):
    (saved / "manifest.json").write_text(text)
    with pytest.raises(IndexCorrupt, match=r"manifest\.json"):
        Matcher.open(saved)


@pytest.mark.parametrize(
    "key", ["segments", "index", "documents", "weights", "content"]
)
def test_a_manifest_without_a_key_is_refused(saved, key):
    path = saved / "manifest.json"
    manifest = json.loads(path.read_text())
    del manifest[key]
    path.write_text(json.dumps(manifest))
    with pytest.raises(IndexCorrupt, match=key):
        Matcher.open(saved)


@pytest.mark.parametrize(
    "segments",
    [
        *({}, 1, [1], [{}], [{"name": "x"}], [{"name": "x", "files": 1}]),
        [{"name": "../x", "files": {}}],
        [{"name": "segment-x", "files": {"lists.npy": {"bytes": "1"}}}],
    ],
)
def test_segments_that_are_none_are_refused(saved, segments):
    path = saved / "manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps(manifest | {"segments": segments}))
    with pytest.raises(IndexCorrupt):
        Matcher.open(saved)


@pytest.mark.parametrize("content", [1, {}, {"engine": 2}])
def test_weights_that_are_none_are_refused(saved, content):
    path = saved / "manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps(manifest | {"content": content}))
    with pytest.raises((IndexCorrupt, UnknownWeights), match="weights"):
        Matcher.open(saved)


def test_an_index_keeps_the_weights_that_are_not_shipped(tmp_path, postings):
    own = replace(load(), version="ours", enough_text=0.3)
    before = Matcher.build(postings, weights=own)
    before.save(tmp_path / "own")
    after = Matcher.open(tmp_path / "own")
    assert after.weights == own
    assert ranking(after) == ranking(before)


def test_what_is_not_ours_in_the_folder_stays(tmp_path, postings):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "one.jpg").write_text("x")
    elsewhere = tmp_path.with_name("elsewhere")
    elsewhere.mkdir()
    (tmp_path / "segment-link").symlink_to(elsewhere)
    Matcher.build(postings).save(tmp_path)
    Matcher.build(postings[:3]).save(tmp_path)
    assert (tmp_path / "photos" / "one.jpg").read_text() == "x"
    assert elsewhere.is_dir()
    assert len(list(tmp_path.glob("segment-*/lists.npy"))) == 1


def test_what_a_killed_writer_half_removed_is_written_again(saved, postings):
    matcher = Matcher.open(saved)
    Matcher.build([]).save(saved)
    (name,) = {stored.name for stored in matcher._shelved.segments.values()}
    (saved / name).mkdir()
    matcher.save(saved)
    assert ranking(Matcher.open(saved)) == ranking(Matcher.build(postings))


def test_a_copy_saved_elsewhere_does_not_make_the_next_save_write_all(saved, tmp_path):
    before = set(saved.glob("segment-*"))
    matcher = Matcher.open(saved)
    matcher.save(tmp_path / "copy")
    matcher.remove(["p3"])
    matcher.save(saved)
    assert set(saved.glob("segment-*")) == before


@pytest.mark.parametrize("raw", [b"\xff", b'{"format": 3, "note": null}'])
def test_damaged_bytes_are_named(saved, raw):
    manifest = json.loads((saved / "manifest.json").read_text())
    told = json.dumps(manifest | {"note": None}).encode() if raw != b"\xff" else raw
    (saved / "manifest.json").write_bytes(told)
    with pytest.raises(IndexCorrupt):
        Matcher.open(saved)


def test_what_has_not_changed_is_not_written_again(saved):
    def directories():
        return {e.name: e.stat().st_ino for e in saved.iterdir() if e.is_dir()}

    before = directories()
    matcher = Matcher.open(saved)
    matcher.save(saved)
    assert directories() == before
    matcher.remove(["p3"])
    matcher.save(saved)
    with_dead = directories()
    assert before.items() < with_dead.items()
    assert {name for name in with_dead if name not in before} == {
        name for name in with_dead if name.startswith("dead-")
    }
    again = Matcher.open(saved)
    again.save(saved)
    assert directories() == with_dead
    again.add([Posting(id="new", title="铝合金热处理")])
    again.save(saved)
    assert with_dead.items() < directories().items()
    assert ranking(Matcher.open(saved)) == ranking(again)


def test_what_another_writer_took_away_is_written_again(saved, tmp_path, postings):
    matcher = Matcher.open(saved)
    Matcher.build([]).save(saved)
    matcher.save(saved)
    assert ranking(Matcher.open(saved)) == ranking(Matcher.build(postings))
    matcher.save(tmp_path / "elsewhere")
    assert ranking(Matcher.open(tmp_path / "elsewhere")) == ranking(matcher)


@pytest.mark.parametrize(("key", "value"), [("format", 0), ("analyser", "other")])
def test_another_format_or_analyser_is_refused(saved, key, value):
    path = saved / "manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps(manifest | {key: value}))
    with pytest.raises(IndexVersionMismatch, match="build it again"):
        Matcher.open(saved)


def test_no_index_is_no_corrupt_index(tmp_path):
    with pytest.raises(FileNotFoundError):
        Matcher.open(tmp_path)


def test_serving_does_not_load_scikit_learn(saved):
    code = (
        "import sys; from matching import Matcher, Posting;"
        f"m = Matcher.open({str(saved)!r});"
        "assert m.rank(Posting(id='q', text='铝合金'));"
        "heavy = {'sklearn', 'scipy.sparse', 'flask', 'sqlalchemy'} & set(sys.modules);"
        "sys.exit(' '.join(heavy) or 0)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")


def test_a_writer_killed_at_any_step_leaves_the_old_index_or_the_new_one(saved):
    before = Matcher.open(saved)
    code = (
        "import os, sys; from matching import Matcher, Posting;"
        "step = int(sys.argv[2]); real = os.fsync; done = [0]\n"
        "def fsync(handle):\n"
        "    real(handle); done[0] += 1\n"
        "    if done[0] == step: os._exit(9)\n"
        "os.fsync = fsync\n"
        "Matcher.build([Posting(id='z', title='铝合金')]).save(sys.argv[1])"
    )
    sizes = set()
    arrays = len(fields(Segment))
    for step in (1, arrays // 2, arrays, arrays + 1, arrays + 4):
        result = subprocess.run(
            [sys.executable, "-c", code, str(saved), str(step)], check=False
        )
        assert result.returncode == 9
        sizes.add(len(Matcher.open(saved)))
    # The last of these steps comes after the manifest was replaced.
    assert sizes == {len(before), 1}
    assert len(Matcher.open(saved)) == 1


def test_200_writers_killed_at_random_leave_an_index_that_answers_rightly(tmp_path):
    """They build, add, remove, join and save; each is killed at some moment."""
    result = subprocess.run(
        [sys.executable, Path(__file__).with_name("kill_writers.py"), tmp_path / "i"],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert result.returncode == 0, result.stderr
    told = json.loads(result.stdout)
    assert told["killed"] == 200
    # Most were killed at work, and the index went on between them.
    assert told["steps"] > 5
    assert told["wrong"] == []
