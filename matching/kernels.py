"""Load the compiled kernels, behind the first questions or ahead of them.

numba is optional and slow to import (about 0.6 s), so nothing here imports it until it
is asked to. Until `ready` says yes, and for ever where numba is not installed, NumPy
answers; the answers are the same.

Compiled code is cached on disk. ``python -m matching warm`` fills the cache when the
program is installed, so that no process ever compiles while it serves.
numba looks for a directory that it can write to, in this order: ``NUMBA_CACHE_DIR``,
``__pycache__`` beside the sources, the user's cache directory. Where none of them can
be written when the program runs (a read-only image), set ``NUMBA_CACHE_DIR`` at
installation and at run time to the same directory and run `warm` at installation: what
is found there is then copied to a temporary directory, where numba accepts it. The
cache holds for one kind of processor, one version of numba and one text of the sources;
anything else is compiled anew, behind the first questions.

A server that forks after loading the application calls `matching.preloading.preload`
before it forks: the workers then share the kernels, and no fork happens while a thread
is importing. A worker that was forked during that import keeps to NumPy.
"""

import atexit
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from threading import Lock, Thread
from time import perf_counter
from types import ModuleType

_log = logging.getLogger(__name__)
_COMPILED = "compiled.walk-*.nbi"
_lock = Lock()


class _State:
    """What has been loaded in this process."""

    module: ModuleType | None = None
    thread: Thread | None = None
    failed = False
    allowed = True


def installed() -> bool:
    """Say whether numba can be imported, without importing it."""
    return find_spec("numba") is not None


def ready() -> bool:
    """Say whether the compiled kernels will answer the next question."""
    return _State.allowed and _State.module is not None


def compiled() -> ModuleType | None:
    """Return the kernels if they are loaded; else begin to load them behind.

    The first call starts a thread. Where numba is missing nothing happens.
    """
    if not _State.allowed:
        return None
    if _State.module is None and _State.thread is None and not _State.failed:
        load_behind()
    return _State.module


def load_behind() -> None:
    """Begin to load the kernels in a thread, once."""
    with _lock:
        if _State.thread is None and not _State.failed and installed():
            _State.thread = Thread(target=load_or_log, name="kernels", daemon=True)
            _State.thread.start()
        elif not installed():
            _State.failed = True


def load() -> bool:
    """Load the kernels now, compiling what is not in the cache.

    Returns
    -------
    bool
        False where numba is not installed.

    Raises
    ------
    ImportError
        When numba is installed and cannot be imported.
    """
    if not installed():
        return False
    if _State.module is None:
        _copy_read_only_cache()
        _State.module = import_module("matching.compiled")
    return True


def load_or_log() -> None:
    """Load the kernels now; where that fails, log it and keep to NumPy."""
    try:
        load()
    except Exception:  # noqa: BLE001
        # A broken numba must not take the service down: NumPy goes on answering.
        _State.failed = True
        _log.exception("numba is installed and could not be loaded; NumPy answers")


def cached() -> bool:
    """Say whether kernels lie in the cache, compiled by an earlier process.

    They may be those of other sources; loading then compiles.
    """
    if not installed():
        return False
    given = os.environ.get("NUMBA_CACHE_DIR")
    # Below its own directory numba makes one for each directory of sources.
    beside = Path(__file__).parent / "__pycache__"
    found = Path(given).rglob(_COMPILED) if given else beside.glob(_COMPILED)
    return any(found)


@cache
def needing_numba(name: str) -> ModuleType | None:
    """Import a module of compiled loops; None where numba is not installed.

    For work that waits for its loops; a ranking asks for `compiled` instead.
    """
    return import_module(name) if installed() else None


def warm() -> float:
    """Compile and fill the cache; for the time of installation.

    Returns
    -------
    float
        Seconds that it took.

    Raises
    ------
    ModuleNotFoundError
        When numba is not installed.
    """
    start = perf_counter()
    if not load():
        raise ModuleNotFoundError("numba is not installed: pip install jiebang[speed]")
    return perf_counter() - start


@contextmanager
def without() -> Iterator[None]:
    """Let NumPy answer within the block; for tests and comparisons."""
    before, _State.allowed = _State.allowed, False
    try:
        yield
    finally:
        _State.allowed = before


def _copy_read_only_cache() -> None:
    """Give numba a directory that it can write to, filled from one that it cannot."""
    given = os.environ.get("NUMBA_CACHE_DIR")
    if not given or "numba" in sys.modules or not Path(given).is_dir():
        return
    if _writable(Path(given)):
        return
    directory = tempfile.mkdtemp(prefix="jiebang-kernels-")
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    shutil.copytree(given, directory, dirs_exist_ok=True)
    os.environ["NUMBA_CACHE_DIR"] = directory


def _writable(directory: Path) -> bool:
    """Say whether files can be made in a directory, as numba finds out."""
    try:
        tempfile.TemporaryFile(dir=directory).close()
    except OSError:
        return False
    return True
