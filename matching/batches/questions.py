"""Read postings that are to be ranked for, in chunks, and check all of them before."""

import gzip
import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, Final, Self, TypeAlias

from matching.errors import BatchError, InvalidPosting
from matching.postings import Posting

_OWN: Final = ("exclude_org", "exclude_ids")


@dataclass(frozen=True, slots=True)
class Question:
    """A posting to rank for, and what it alone is not to meet.

    Attributes
    ----------
    posting : Posting
    exclude_org, exclude_ids : frozenset of str
        Organisations and postings that are left out for this posting only, beside
        those that are left out for all.
    """

    posting: Posting
    exclude_org: frozenset[str] = frozenset()
    exclude_ids: frozenset[str] = frozenset()

    @classmethod
    def read(cls, line: bytes) -> Self:
        """Read a line of JSON: a posting that may also hold the two exclusions.

        Raises
        ------
        InvalidPosting
            When the line holds no such thing.
        """
        try:
            data = json.loads(line)
            posting = Posting.from_dict(data)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InvalidPosting(str(error)) from error
        except RecursionError as error:
            raise InvalidPosting("lists within lists, too deep to read") from error
        return cls(posting, *(_names(data, name) for name in _OWN))


def _names(data: dict[str, Any], name: str) -> frozenset[str]:
    values = data.get(name) or []
    if not isinstance(values, list) or not all(isinstance(v, str) for v in values):
        raise InvalidPosting(f"{name} must be a list of strings")
    return frozenset(values)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some neighbouring lines of the input.

    Attributes
    ----------
    number : int
        From 0.
    first, last : int
        Line numbers in the file, from 1.
    lines : tuple of bytes
    """

    number: int
    first: int
    last: int
    lines: tuple[bytes, ...]

    def __str__(self) -> str:
        return f"chunk {self.number} (lines {self.first} to {self.last})"


@dataclass(frozen=True, slots=True)
class Survey:
    """What an input holds.

    Attributes
    ----------
    rows : int
    size : int
        Rows of a chunk.
    digest : str
        SHA-256 of the rows, however they are packed and cut.
    digests : tuple of bytes
        SHA-256 of the rows of every chunk.
    """

    rows: int
    size: int
    digest: str
    digests: tuple[bytes, ...]

    def rows_of(self, number: int) -> int:
        """Return how many rows a chunk has."""
        return min(self.size, self.rows - number * self.size)


def survey(
    path: Path, size: int, progress: Callable[[int, int], None] | None = None
) -> Survey:
    """Check every row of an input.

    Parameters
    ----------
    path : Path
        JSON lines, gzipped when the name ends in ``.gz``.
    size : int
        Rows of a chunk.
    progress : callable, optional
        Called with bytes of the file consumed and rows read.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    InvalidPosting
        With file and line, when a line holds no posting.
    BatchError
        When the file is damaged.
    """
    rows, whole = 0, sha256()
    digests: list[bytes] = []
    for chunk, place in _cut(path, size):
        for number, line in chunk:
            try:
                Question.read(line)
            except InvalidPosting as error:
                raise InvalidPosting(f"{path}, line {number}: {error}") from error
        rows += len(chunk)
        digests.append(_digest(chunk))
        whole.update(_joined(chunk))
        if progress is not None:
            progress(place, rows)
    return Survey(rows, size, whole.hexdigest(), tuple(digests))


def chunks(path: Path, expected: Survey) -> Iterator[Chunk]:
    """Cut an input into chunks, in its order.

    Raises
    ------
    BatchError
        When a chunk is not what was surveyed.
    """
    number = -1
    for number, (rows, _) in enumerate(_cut(path, expected.size)):
        if expected.digests[number : number + 1] != (_digest(rows),):
            break
        lines = tuple(line for _, line in rows)
        yield Chunk(number, rows[0][0], rows[-1][0], lines)
    else:
        if number + 1 == len(expected.digests):
            return
    raise BatchError(f"{path} was changed while it was read")


_Rows: TypeAlias = list[tuple[int, bytes]]


def _digest(rows: _Rows) -> bytes:
    return sha256(_joined(rows)).digest()


def _joined(rows: _Rows) -> bytes:
    return b"".join(line + b"\n" for _, line in rows)


def _cut(path: Path, size: int) -> Iterator[tuple[_Rows, int]]:
    """Yield numbered lines, so many at a time, and how far in the file they reach."""
    held: _Rows = []
    with _opened(path) as (raw, lines):
        for row in _numbered(path, lines):
            held.append(row)
            if len(held) == size:
                yield held, raw.tell()
                held = []
        if held:
            yield held, raw.tell()


@contextmanager
def _opened(path: Path) -> Iterator[tuple[BinaryIO, Iterable[bytes]]]:
    with path.open("rb") as raw:
        if path.suffix != ".gz":
            yield raw, raw
            return
        with gzip.open(raw) as lines:
            yield raw, lines


def _numbered(path: Path, lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield number and contents of every line that is not blank."""
    try:
        for number, line in enumerate(lines, start=1):
            if row := line.strip():
                yield number, row
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise BatchError(f"{path} is damaged: {error}") from error
