"""An index on disk is the old one or the new one, never a broken one."""

import json
import subprocess
import sys
from dataclasses import fields

import pytest

from matching import IndexCorrupt, IndexVersionMismatch, Matcher, Posting
from matching.segments import Segment

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
    assert names[:1] == [".lock"]
    assert names[2] == "manifest.json"


def test_a_damaged_array_is_named(saved):
    (path,) = saved.glob("generation-*/docs.npy")
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(bytes(raw))
    with pytest.raises(IndexCorrupt, match=r"docs\.npy does not fit its checksum"):
        Matcher.open(saved)
    path.write_bytes(bytes(raw[:-1]))
    with pytest.raises(IndexCorrupt, match=r"docs\.npy has not the size"):
        Matcher.open(saved, verify=False)
    path.unlink()
    with pytest.raises(IndexCorrupt, match=r"docs\.npy is missing"):
        Matcher.open(saved)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '"x"'])
def test_a_damaged_manifest_is_refused(saved, text):
    (saved / "manifest.json").write_text(text)
    with pytest.raises(IndexCorrupt, match=r"manifest\.json"):
        Matcher.open(saved)


@pytest.mark.parametrize("key", ["generation", "files", "documents", "weights"])
def test_a_manifest_without_a_key_is_refused(saved, key):
    path = saved / "manifest.json"
    manifest = json.loads(path.read_text())
    del manifest[key]
    path.write_text(json.dumps(manifest))
    with pytest.raises(IndexCorrupt, match=key):
        Matcher.open(saved)


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


def test_a_writer_killed_at_any_moment_leaves_a_readable_index(saved, tmp_path):
    before = Matcher.open(saved)
    code = (
        "import os, sys; from matching import Matcher, Posting, segments, indexes;"
        "step = int(sys.argv[2]); real = os.fsync; done = [0]\n"
        "def fsync(handle):\n"
        "    real(handle); done[0] += 1\n"
        "    if done[0] == step: os._exit(9)\n"
        "os.fsync = fsync\n"
        "Matcher.build([Posting(id='z', title='铝合金')]).save(sys.argv[1])"
    )
    sizes = set()
    arrays = len(fields(Segment))
    for step in (1, arrays // 2, arrays, arrays + 1, arrays + 3):
        result = subprocess.run(
            [sys.executable, "-c", code, str(saved), str(step)], check=False
        )
        assert result.returncode in (0, 9)
        sizes.add(len(Matcher.open(saved)))
    # The last of these steps comes after the manifest was replaced.
    assert sizes == {len(before), 1}
    assert len(Matcher.open(saved)) == 1
