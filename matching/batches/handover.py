"""Give a saved index to the workers of a cluster: what runs on the workers.

An index is kept below the folder that a worker was given for its files, so that all
workers that share this folder share one copy, and map the same pages of it.
"""

import asyncio
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from platform import python_version_tuple
from typing import Any, Final

from matching.batches import ranking
from matching.engine import VERSION
from matching.errors import BatchError

FOLDER: Final = "jiebang-indexes"
_MARK: Final = "folder-id"
_COUNTED: Final = (
    "numpy",
    "rapidfuzz",
    "rjieba",
    "opencc",
    "pint",
    "snowballstemmer",
)
"""Packages whose version may change what a posting's features or score are."""

Listing = dict[str, tuple[int, str]]
"""Size in bytes and SHA-256 of every file by its path within the index."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a worker keeps indexes, and what it runs.

    Attributes
    ----------
    folder : str
        Name of the folder; workers that share one say the same.
    held : bool
        Whether the index is there.
    stamp : mapping
        See `stamp`.
    """

    folder: str
    held: bool
    stamp: Mapping[str, str]


class IndexAbsent(BatchError):
    """A worker has not got the index yet. Its address is the message."""


def stamp() -> dict[str, str]:
    """Name the versions that must be the same everywhere, by what they are of."""
    found = {"python": ".".join(python_version_tuple()[:2]), "matching": VERSION}
    return found | {name: version(name) for name in _COUNTED}


def listing(index: Path) -> Listing:
    """List the files of a saved index."""
    found: Listing = {}
    for path in sorted(index.rglob("*")):
        if path.is_file():
            name = path.relative_to(index).as_posix()
            found[name] = (path.stat().st_size, _digest(path))
    return found


def _digest(path: Path) -> str:
    digest = sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def place_of(worker: Any, index_id: str) -> Path:
    """Return where a worker keeps an index."""
    return Path(worker.local_directory).parent / FOLDER / index_id


def _unfinished(worker: Any, index_id: str, number: str) -> Path:
    place = place_of(worker, index_id)
    return place.with_name(f"{place.name}.{number}.part")


async def look(index_id: str, dask_worker: Any) -> Place:
    """Say where this worker keeps indexes and whether it has one."""
    return await asyncio.to_thread(_look, index_id, dask_worker)


def _look(index_id: str, worker: Any) -> Place:
    place = place_of(worker, index_id)
    mark = place.parent / _MARK
    with _on_disk():
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not mark.exists():
            # Several workers may do so at once: whoever links first names the folder.
            mine = mark.with_name(f"{_MARK}.{secrets.token_hex(8)}")
            mine.write_text(secrets.token_hex(16), encoding="ascii")
            with suppress(FileExistsError):
                os.link(mine, mark)
            mine.unlink()
        return Place(mark.read_text("ascii"), place.is_dir(), stamp())


@contextmanager
def _on_disk() -> Iterator[None]:
    """Tell a disk's refusal from the loss of a connection, which is an OSError too."""
    try:
        yield
    except OSError as error:
        raise BatchError(f"the index cannot be kept there: {error}") from error


async def begin(index_id: str, number: str, dask_worker: Any) -> None:
    """Make room for an index; what an earlier attempt has left is removed."""
    place = place_of(dask_worker, index_id)
    unfinished = _unfinished(dask_worker, index_id, number)
    await asyncio.to_thread(_begin, place, unfinished)


def _begin(place: Path, unfinished: Path) -> None:
    with _on_disk():
        for left in place.parent.glob(f"{place.name}.*.part"):
            shutil.rmtree(left)
        unfinished.mkdir(mode=0o700)


async def receive(
    index_id: str, number: str, name: str, data: bytes, dask_worker: Any
) -> None:
    """Add to a file of the index.

    Raises
    ------
    BatchError
        When the file would lie outside of the index.
    """
    within = PurePosixPath(name)
    if within.is_absolute() or ".." in within.parts:
        raise BatchError(f"{name} is no file of an index")
    path = _unfinished(dask_worker, index_id, number) / within
    await asyncio.to_thread(_append, path, data)


def _append(path: Path, data: bytes) -> None:
    with _on_disk():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(data)


async def finish(
    index_id: str, number: str, expected: Listing, dask_worker: Any
) -> None:
    """Check what was received and give it its name.

    Raises
    ------
    BatchError
        When a file is not as it was sent.
    """
    unfinished = _unfinished(dask_worker, index_id, number)
    await asyncio.to_thread(
        _finish, unfinished, place_of(dask_worker, index_id), expected
    )


def _finish(unfinished: Path, place: Path, expected: Listing) -> None:
    with _on_disk():
        found = listing(unfinished)
        names = sorted(expected.keys() | found.keys())
        if wrong := [name for name in names if expected.get(name) != found.get(name)]:
            shutil.rmtree(unfinished)
            raise BatchError(f"the index did not arrive whole: {', '.join(wrong)}")
        if place.exists():
            shutil.rmtree(place)
        unfinished.rename(place)


async def forget(index_id: str, dask_worker: Any) -> None:
    """Let go of an index and remove it, unless another worker has done so."""
    ranking.close()
    place = place_of(dask_worker, index_id)
    gone = place.with_name(f"{place.name}.{secrets.token_hex(8)}.part")
    try:
        place.rename(gone)
    except FileNotFoundError:
        return
    await asyncio.to_thread(shutil.rmtree, gone)
