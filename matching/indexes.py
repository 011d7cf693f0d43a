"""The index of postings on disk: one segment, and what it was built with."""

from pathlib import Path
from typing import Any, Final

from matching import storage
from matching.errors import IndexCorrupt
from matching.segments import Segment
from matching.tokens import ANALYSER

FORMAT: Final = 2
"""Raised whenever an array changes its meaning."""

_VERSIONS: Final = {"format": FORMAT, "analyser": ANALYSER}


def save_index(segment: Segment, path: Path, *, index_id: str, weights: str) -> int:
    """Write a segment as the index at `path`, replacing what was there.

    Returns
    -------
    int
        Bytes on disk.
    """
    about = {"weights": weights, "index": index_id, "documents": len(segment)}
    with storage.writing(path):
        return storage.save(segment, path, {**_VERSIONS, **about})


def open_index(path: Path, *, verify: bool) -> tuple[Segment, dict[str, Any]]:
    """Map the index at `path` into memory; raises as `storage.load` does.

    Returns
    -------
    segment, manifest
    """
    segment, manifest = storage.load(
        Segment, path, _VERSIONS, ("weights", "index", "documents"), verify=verify
    )
    if len(segment) != manifest["documents"]:
        raise IndexCorrupt(f"{path} has not as many documents as its manifest says")
    return segment, manifest
