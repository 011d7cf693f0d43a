"""The index of postings on disk: its segments, and which of their documents live."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from matching import storage
from matching.errors import IndexCorrupt
from matching.segments import Mask, Segment
from matching.snapshots import Holding, Snapshot
from matching.storage import Stored
from matching.tokens import ANALYSER
from matching.weights import Weights

FORMAT: Final = 4
"""Raised whenever an array changes its meaning."""

_WANTED: Final = ("weights", "content", "note", "index", "documents", "segments")
_VERSIONS: Final = {"format": FORMAT, "analyser": ANALYSER}
_SEGMENT: Final = "segment-"
_DEAD: Final = "dead-"


@dataclass(frozen=True, eq=False)
class Dead:
    """What is kept of the dead documents of a segment.

    Attributes
    ----------
    living : array of bool, shape (documents,)
    lost : array of uint32, shape (features,)
        Dead documents that hold each feature.
    """

    living: Mask
    lost: npt.NDArray[np.uint32]


@dataclass(slots=True)
class Shelved:
    """What of an index lies on disk already, and where.

    Attributes
    ----------
    path : Path, optional
    segments, dead : dict
        By segment, and by holding.
    """

    path: Path | None = None
    segments: dict[Segment, Stored] = field(default_factory=dict)
    dead: dict[Holding, Stored] = field(default_factory=dict)


def save_index(
    snapshot: Snapshot,
    path: Path,
    known: Shelved,
    *,
    weights: Weights,
    note: Mapping[str, Any],
) -> tuple[int, Shelved]:
    """Write the index at `path`; what lies there already is not written again.

    Returns
    -------
    bytes, shelved
        Bytes of the whole index on disk, and what lies there now.
    """
    path = path.resolve()
    now = Shelved(path)
    entries = []
    with storage.writing(path):
        for holding in snapshot.holdings:
            segment = holding.segment
            kept = _still(path, known, known.segments.get(segment))
            now.segments[segment] = kept or storage.put(segment, path, _SEGMENT)
            entry = {"documents": len(segment), **now.segments[segment].entry()}
            if holding.lost is not None:
                dead = _still(path, known, known.dead.get(holding))
                now.dead[holding] = dead or storage.put(
                    Dead(holding.living, holding.lost), path, _DEAD
                )
                entry["dead"] = now.dead[holding].entry()
            entries.append(entry)
        manifest = {
            **_VERSIONS,
            "weights": weights.version,
            "content": weights.to_dict(),
            "note": dict(note),
            "index": snapshot.index_id,
            "documents": snapshot.documents,
            "segments": entries,
        }
        stored = [*now.segments.values(), *now.dead.values()]
        storage.publish(path, manifest, {one.name for one in stored})
    return sum(one.nbytes for one in stored), now


def _still(path: Path, known: Shelved, stored: Stored | None) -> Stored | None:
    """Return what lies at that path, unless another writer has taken it away."""
    if stored is None or known.path != path or not storage.is_whole(path, stored):
        return None
    return stored


def index_stamp(path: Path | str) -> str:
    """Return what changes whenever the index at `path` does; empty where is none.

    It is cheap enough to be asked for at every question.
    """
    return storage.stamp(Path(path))


def open_index(
    path: Path, *, verify: bool
) -> tuple[Snapshot, Mapping[str, Any], Shelved]:
    """Map the index at `path` into memory; raises as `storage.opened` does.

    Returns
    -------
    snapshot, manifest, shelved
    """
    path = path.resolve()

    def read(manifest: dict[str, Any]) -> tuple[Snapshot, Shelved]:
        shelved = Shelved(path)
        holdings: list[Holding] = []
        if not isinstance(manifest["segments"], list):
            raise IndexCorrupt(f"{path} has a manifest whose segments are no list")
        if not isinstance(manifest["note"], dict):
            raise IndexCorrupt(f"{path} has a manifest whose note is no object")
        for entry in manifest["segments"]:
            stored = Stored.of(entry)
            segment = storage.get(Segment, path, stored, verify=verify)
            shelved.segments[segment] = stored
            if len(segment) != entry.get("documents"):
                raise IndexCorrupt(
                    f"{path / stored.name} has not as many documents as its manifest "
                    "says"
                )
            if "dead" not in entry:
                holdings.append(Holding.whole(segment))
                continue
            stored = Stored.of(entry["dead"])
            dead = storage.get(Dead, path, stored, verify=verify)
            holdings.append(Holding(segment, dead.living, dead.lost))
            shelved.dead[holdings[-1]] = stored
        return Snapshot(tuple(holdings)), shelved

    (snapshot, shelved), manifest = storage.opened(path, _VERSIONS, _WANTED, read)
    if snapshot.documents != manifest["documents"]:
        raise IndexCorrupt(f"{path} has not as many documents as its manifest says")
    return snapshot, manifest, shelved
