"""The file store: bytes on disk under the SHA-256 of their content."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from pathlib import Path
from typing import BinaryIO

from marketplace.services.attachments import FileTooLarge, Stored, StoreDamaged

_CHUNK = 256 * 1024
_DIGEST = re.compile(r"[0-9a-f]{64}")


class FolderStore:
    """Keep files below one folder of this machine.

    A file is written beside its place, forced to the disk and then renamed, so that
    under a digest there is either the whole content or nothing, whoever is killed.
    Two writers of the same content write the same name.

    Parameters
    ----------
    folder : Path
        Made when first written to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, stream: BinaryIO, *, limit: int) -> Stored:
        """Store what ``stream`` still holds.

        Raises
        ------
        FileTooLarge
            More than ``limit`` bytes; nothing is kept.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".incoming-", dir=self.folder)
        incoming = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                digest, size = _copy(stream, file, limit)
                file.flush()
                os.fsync(file.fileno())
            target = self._path(digest)
            target.parent.mkdir(exist_ok=True)
            incoming.replace(target)
            _sync_folder(target.parent)
        finally:
            incoming.unlink(missing_ok=True)
        return Stored(digest, size)

    def open(self, digest: str) -> BinaryIO:
        """Open a file at its beginning after its whole content was checked.

        Raises
        ------
        StoreDamaged
            It is missing, or is not what was stored.
        """
        try:
            file = self._path(digest).open("rb")
        except FileNotFoundError as error:
            raise StoreDamaged(f"{digest} is missing") from error
        if hashlib.file_digest(file, "sha256").hexdigest() != digest:
            file.close()
            raise StoreDamaged(f"{digest} has another content")
        file.seek(0)
        return file

    def _path(self, digest: str) -> Path:
        if not _DIGEST.fullmatch(digest):
            raise StoreDamaged("not a digest")
        return self.folder / digest[:2] / digest


def _copy(stream: BinaryIO, file: BinaryIO, limit: int) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    while chunk := stream.read(_CHUNK):
        size += len(chunk)
        if size > limit:
            raise FileTooLarge(limit)
        digest.update(chunk)
        file.write(chunk)
    return digest.hexdigest(), size


def _sync_folder(folder: Path) -> None:
    """Force the new name to the disk, where the system can do that to a folder."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
