"""What is loaded before a server forks."""

import subprocess
import sys
import textwrap

from matching import kernels

SERVER = """
import gc, os, sys
from matching import kernels
from matching.preloading import preload

preload()
assert gc.get_freeze_count() > 0
assert kernels.ready() == kernels.cached()
loaded = set(sys.modules)
if os.fork() == 0:
    from matching import Matcher, Posting
    matcher = Matcher.build([Posting(id="a", title="铝合金 T700 carbon fibre")])
    need = Posting(id="q", title="铝合金 carbon fibres", text="强度≥5 MPa", kind="need")
    found = [match.id for match in matcher.rank(need)]
    more = sorted(set(sys.modules) - loaded)
    print(found, more, flush=True)
    os._exit(0)
os.wait()
"""


def test_a_worker_forked_afterwards_ranks_and_imports_nothing_more():
    told = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SERVER)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout == "['a'] []\n", told.stderr


BROKEN = """
from matching import kernels

def load():
    raise ImportError("numba is broken")

kernels.cached = lambda: True
kernels.load = load
from matching.preloading import preload

preload()
assert not kernels.ready()
print("served by NumPy")
"""


def test_a_broken_numba_does_not_stop_the_start():
    told = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(BROKEN)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout == "served by NumPy\n"
    assert "numba is broken" in told.stderr


def test_kernels_are_cached_where_numba_has_left_them(tmp_path, monkeypatch):
    monkeypatch.setattr(kernels, "installed", lambda: True)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    assert not kernels.cached()
    (tmp_path / "matching_1f").mkdir()
    (tmp_path / "matching_1f" / "compiled.walk-553.py311.nbi").write_bytes(b"")
    assert kernels.cached()
    monkeypatch.setattr(kernels, "installed", lambda: False)
    assert not kernels.cached()
