"""Keep flat arrays on disk so that a killed writer never leaves a broken index.

A directory holds arrays, by the directory, and one manifest that names them. A writer
brings what is new to the disk beside the old, and then replaces the manifest in one
step. Whoever opens the directory sees the old index or the new one, never a mixture.
What an index holds are dataclasses of arrays, each array in a file of its own; what has
not changed is not written again.
"""

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, Self, TypeVar, cast
from zlib import crc32

import numpy as np
import numpy.typing as npt

from matching.errors import IndexCorrupt, IndexVersionMismatch

T = TypeVar("T")

_MANIFEST: Final = "manifest.json"
_GENERATION: Final = "generation-"
_UNFINISHED: Final = "unfinished-"
_OURS: Final = (_GENERATION, _UNFINISHED, "segment-", "dead-")
"""What the names of directories begin with that may be removed."""
_ATTEMPTS: Final = 5


@dataclass(frozen=True, slots=True)
class Stored:
    """Arrays that lie on disk: the name of their directory, and what is in it.

    Attributes
    ----------
    name : str
    files : mapping
        By file name: size in bytes and CRC-32.
    """

    name: str
    files: Mapping[str, Mapping[str, int]]

    @classmethod
    def of(cls, entry: Any) -> Self:
        """Read an entry of a manifest.

        Raises
        ------
        IndexCorrupt
            When it is none.
        """
        try:
            stored = cls(str(entry["name"]), dict(entry["files"]))
            whole = all(
                isinstance(file["bytes"], int) and isinstance(file["crc32"], int)
                for file in stored.files.values()
            )
        except (TypeError, KeyError, ValueError) as error:
            raise IndexCorrupt(f"{entry!r:.80} names no arrays") from error
        if not whole or not stored.name.startswith(_OURS) or "/" in stored.name:
            raise IndexCorrupt(f"{entry!r:.80} names no arrays")
        return stored

    def entry(self) -> dict[str, Any]:
        """Return the entry for a manifest."""
        return {"name": self.name, "files": self.files}

    @property
    def nbytes(self) -> int:
        """Bytes on disk."""
        return sum(int(file["bytes"]) for file in self.files.values())


def put(arrays: Any, path: Path, prefix: str) -> Stored:
    """Bring arrays to the disk, in a directory of their own that nothing names yet.

    Parameters
    ----------
    arrays : dataclass whose fields are arrays
    path : Path
    prefix : str
        What the name of the directory begins with.
    """
    path.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=path))
    unfinished.chmod(0o755)
    files = _write(arrays, unfinished)
    _sync(unfinished)
    name = unfinished.name.replace(_UNFINISHED, prefix, 1)
    unfinished.rename(path / name)
    return Stored(name, files)


def publish(path: Path, manifest: Mapping[str, Any], kept: Collection[str]) -> None:
    """Replace the manifest in one step, then remove what it no longer names.

    Processes that have mapped files keep them until they let go.

    Parameters
    ----------
    path : Path
    manifest : mapping
    kept : collection of str
        Names of the directories that the manifest names.
    """
    _sync(path)
    _replace(path / _MANIFEST, json.dumps(manifest, indent=1))
    _sync(path)
    for entry in path.iterdir():
        ours = entry.name.startswith(_OURS) and not entry.is_symlink()
        if ours and entry.is_dir() and entry.name not in kept:
            _remove(entry)


def _remove(directory: Path) -> None:
    """Remove arrays; a process that is killed meanwhile leaves nothing half removed.

    Under another name nobody takes them for whole.
    """
    if not directory.name.startswith(_UNFINISHED):
        away = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=directory.parent))
        directory = directory.rename(away / directory.name).parent
    shutil.rmtree(directory)


def is_whole(path: Path, stored: Stored) -> bool:
    """Say whether all files of an entry are there with their sizes."""
    try:
        return all(
            (path / stored.name / name).stat().st_size == file["bytes"]
            for name, file in stored.files.items()
        )
    except FileNotFoundError:
        return False


def stamp(path: Path) -> str:
    """Return what tells one manifest from the next; empty where there is none."""
    try:
        found = (path / _MANIFEST).stat()
    except FileNotFoundError:
        return ""
    return f"{found.st_ino}-{found.st_mtime_ns}-{found.st_size}"


def get(kind: type[T], path: Path, stored: Stored, *, verify: bool) -> T:
    """Map arrays into memory.

    Raises
    ------
    FileNotFoundError
        When a file is missing.
    IndexCorrupt
        When a file differs from what was noted of it.
    """
    return _read(kind, path / stored.name, stored.files, verify=verify)


def opened(
    path: Path,
    versions: Mapping[str, Any],
    wanted: Collection[str],
    read: Callable[[dict[str, Any]], T],
) -> tuple[T, dict[str, Any]]:
    """Read the manifest at `path` and what it names.

    Parameters
    ----------
    path : Path
    versions : mapping
        What the manifest must say of who wrote it, ``format`` first.
    wanted : collection of str
        What else it must say.
    read : callable
        Reads what a manifest names; called again where a writer has just replaced it.

    Returns
    -------
    what was read, manifest

    Raises
    ------
    FileNotFoundError
        When there is no index.
    IndexCorrupt
        When files are missing or do not fit their checksums.
    IndexVersionMismatch
        When another version wrote it.
    """
    for attempt in range(_ATTEMPTS):
        manifest = _manifest(path, versions, wanted)
        try:
            return read(manifest), manifest
        except FileNotFoundError as error:
            if attempt + 1 < _ATTEMPTS and _manifest(path, versions, ()) != manifest:
                continue
            raise IndexCorrupt(f"{error.filename} is missing") from error
    raise IndexCorrupt(f"{path} was replaced again and again while it was opened")


def save(arrays: Any, path: Path, about: Mapping[str, Any]) -> int:
    """Write arrays as the index at `path`, replacing what was there.

    Parameters
    ----------
    arrays : dataclass whose fields are arrays
    path : Path
    about : mapping
        What else the manifest says.

    Returns
    -------
    int
        Bytes on disk.
    """
    with writing(path):
        stored = put(arrays, path, _GENERATION)
        publish(path, {**about, "arrays": stored.entry()}, {stored.name})
    return stored.nbytes


def load(
    kind: type[T],
    path: Path,
    versions: Mapping[str, Any],
    wanted: Collection[str] = (),
    *,
    verify: bool,
) -> tuple[T, dict[str, Any]]:
    """Map the index that `save` wrote into memory; raises as `opened` does."""
    return opened(
        path,
        versions,
        {"arrays", *wanted},
        lambda manifest: get(kind, path, Stored.of(manifest["arrays"]), verify=verify),
    )


def _manifest(
    path: Path, versions: Mapping[str, Any], wanted: Collection[str]
) -> dict[str, Any]:
    raw = (path / _MANIFEST).read_bytes()
    try:
        manifest: dict[str, Any] = json.loads(raw)
    except ValueError as error:
        raise IndexCorrupt(f"{path / _MANIFEST} is no manifest: {error}") from error
    if not isinstance(manifest, dict) or "format" not in manifest:
        raise IndexCorrupt(f"{path / _MANIFEST} is no manifest")
    written = {name: manifest.get(name) for name in versions}
    if written != versions:
        raise IndexVersionMismatch(
            f"{path} was written as {_named(written)}; this is {_named(versions)}: "
            "build it again"
        )
    if missing := sorted(set(wanted) - manifest.keys()):
        raise IndexCorrupt(f"{path / _MANIFEST} lacks {', '.join(missing)}")
    return manifest


def _named(versions: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in versions.items())


def _write(arrays: Any, directory: Path) -> dict[str, dict[str, Any]]:
    """Write every array into a file of its own and bring them to the disk.

    Returns
    -------
    dict
        By file name: size in bytes and CRC-32.
    """
    listing: dict[str, dict[str, Any]] = {}
    for item in fields(arrays):
        array = np.ascontiguousarray(getattr(arrays, item.name))
        array = array.astype(array.dtype.newbyteorder("<"), copy=False)
        path = directory / f"{item.name}.npy"
        with path.open("wb") as file:
            np.save(file, array, allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
        listing[path.name] = {"bytes": path.stat().st_size, "crc32": _checksum(path)}
    return listing


def _read(
    kind: type[T],
    directory: Path,
    listing: Mapping[str, Mapping[str, Any]],
    *,
    verify: bool,
) -> T:
    """Map arrays into memory.

    Raises
    ------
    FileNotFoundError
        When a file is missing.
    IndexCorrupt
        When a file differs from what the listing says of it.
    """
    arrays: dict[str, npt.NDArray[Any]] = {}
    for item in fields(cast("Any", kind)):
        name = f"{item.name}.npy"
        path = directory / name
        expected = listing.get(name)
        if expected is None:
            raise IndexCorrupt(f"the manifest does not list {name}")
        if path.stat().st_size != expected["bytes"]:
            raise IndexCorrupt(f"{path} has not the size that the manifest says")
        if verify and _checksum(path) != expected["crc32"]:
            raise IndexCorrupt(f"{path} does not fit its checksum")
        try:
            array = cast("npt.NDArray[Any]", np.load(path, mmap_mode="r"))
        except ValueError as error:
            raise IndexCorrupt(f"{path} is not an array: {error}") from error
        # A plain view of the mapping is quicker to index than numpy's own class.
        arrays[item.name] = array.view(np.ndarray)
    return kind(**arrays)


def _checksum(path: Path) -> int:
    """Return the CRC-32 of a file."""
    value = 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            value = crc32(block, value)
    return value


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Let one writer work at a time; a killed one frees the lock by its death."""
    path.mkdir(parents=True, exist_ok=True)
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
