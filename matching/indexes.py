"""Keep an index on disk so that a killed writer never leaves a broken one.

An index directory holds generations and one manifest. A writer fills a new generation
beside the old one, brings it to the disk, and then replaces the manifest in one step.
Whoever opens the directory sees the old index or the new one, never a mixture.
"""

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from matching.errors import IndexCorrupt, IndexVersionMismatch
from matching.segments import Segment, read, write
from matching.tokens import ANALYSER

FORMAT: Final = 2
"""Raised whenever an array changes its meaning."""

_MANIFEST: Final = "manifest.json"
_GENERATION: Final = "generation-"
_UNFINISHED: Final = "unfinished-"
_ATTEMPTS: Final = 5


def save_index(segment: Segment, path: Path, *, index_id: str, weights: str) -> int:
    """Write a segment as the index at `path`, replacing what was there.

    Returns
    -------
    int
        Bytes on disk.
    """
    path.mkdir(parents=True, exist_ok=True)
    with _writing(path):
        for entry in path.glob(f"{_UNFINISHED}*"):
            shutil.rmtree(entry)
        unfinished = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=path))
        unfinished.chmod(0o755)
        listing = write(segment, unfinished)
        _sync(unfinished)
        name = unfinished.name.replace(_UNFINISHED, _GENERATION)
        unfinished.rename(path / name)
        manifest = {
            "format": FORMAT,
            "analyser": ANALYSER,
            "weights": weights,
            "index": index_id,
            "documents": len(segment),
            "generation": name,
            "files": listing,
        }
        _replace(path / _MANIFEST, json.dumps(manifest, indent=1))
        _sync(path)
        for entry in path.glob(f"{_GENERATION}*"):
            if entry.name != name:
                # Processes that have mapped these files keep them until they let go.
                shutil.rmtree(entry)
    return sum(int(item["bytes"]) for item in listing.values())


def open_index(path: Path, *, verify: bool) -> tuple[Segment, dict[str, Any]]:
    """Map the index at `path` into memory.

    Returns
    -------
    segment, manifest

    Raises
    ------
    FileNotFoundError
        When there is no index.
    IndexCorrupt
        When files are missing or do not fit their checksums.
    IndexVersionMismatch
        When another format or another analyser wrote it.
    """
    for attempt in range(_ATTEMPTS):
        manifest = _manifest(path)
        try:
            segment = read(
                path / manifest["generation"], manifest["files"], verify=verify
            )
        except FileNotFoundError as error:
            # A writer may just have replaced this generation; then look again.
            if attempt + 1 < _ATTEMPTS and _manifest(path) != manifest:
                continue
            raise IndexCorrupt(f"{error.filename} is missing") from error
        if len(segment) != manifest["documents"]:
            raise IndexCorrupt(f"{path} has not as many documents as its manifest says")
        return segment, manifest
    raise IndexCorrupt(f"{path} was replaced again and again while it was opened")


def _manifest(path: Path) -> dict[str, Any]:
    text = (path / _MANIFEST).read_text(encoding="utf-8")
    try:
        manifest: dict[str, Any] = json.loads(text)
    except ValueError as error:
        raise IndexCorrupt(f"{path / _MANIFEST} is not JSON") from error
    if not isinstance(manifest, dict) or "format" not in manifest:
        raise IndexCorrupt(f"{path / _MANIFEST} is not a manifest")
    written = (manifest["format"], manifest.get("analyser"))
    if written != (FORMAT, ANALYSER):
        raise IndexVersionMismatch(
            f"{path} was written as format {written[0]}, analyser {written[1]}; this "
            f"is format {FORMAT}, analyser {ANALYSER}: build it again"
        )
    wanted = {"weights", "index", "documents", "generation", "files"}
    if missing := sorted(wanted - manifest.keys()):
        raise IndexCorrupt(f"{path / _MANIFEST} lacks {', '.join(missing)}")
    return manifest


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Let one writer work at a time; a killed one frees the lock by its death."""
    with (path / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _replace(path: Path, text: str) -> None:
    new = path.with_suffix(".new")
    with new.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
