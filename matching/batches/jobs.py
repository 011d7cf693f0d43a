"""The output directory of a job: what it is, its finished chunks, and the result.

``job.json`` says what is asked, ``chunks/`` holds a file for each finished chunk, and
``matches.jsonl`` is the result, vouched for by ``done.json``. Every file appears as a
whole under its name. A chunk carries a checksum and the name of its job: one that does
not fit is made again.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Self

from matching.batches.questions import Survey
from matching.batches.ranking import Task
from matching.errors import BatchError, JobDiffers
from matching.postings import Filter

FORMAT: Final = 1
"""Raised whenever the same job would be written otherwise."""

INPUTS: Final = "inputs"
"""A folder that an application may keep beside the job's own files."""

_JOB: Final = "job.json"
_DONE: Final = "done.json"
_CHUNKS: Final = "chunks"
_RESULT: Final = "matches.jsonl"
_LOCK: Final = ".lock"
_OURS: Final = frozenset({_JOB, _DONE, _CHUNKS, _RESULT, _LOCK, INPUTS})
_NEW: Final = ".new"


@dataclass(frozen=True)
class Job:
    """What decides about every byte of the result.

    Attributes
    ----------
    task : Task
    survey : Survey
        Of the input.
    engine, weights : str
        Versions that rank.
    """

    task: Task
    survey: Survey
    engine: str
    weights: str

    def to_dict(self) -> dict[str, Any]:
        """Return the job as JSON values."""
        worth = self.task.worth
        return {
            "format": FORMAT,
            "engine": self.engine,
            "weights": self.weights,
            "index": self.task.index_id,
            "input": self.survey.digest,
            "rows": self.survey.rows,
            "chunk": self.survey.size,
            "k": self.task.k,
            "filter": filter_to_dict(self.task.where),
            "worth": worth and {**asdict(worth), "evidence": sorted(worth.evidence)},
        }

    @cached_property
    def name(self) -> str:
        """Digest of all that."""
        text = json.dumps(self.to_dict(), sort_keys=True)
        return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def filter_to_dict(where: Filter) -> dict[str, Any]:
    """Return the conditions of a filter that bind, as JSON values."""
    values: dict[str, Any] = {}
    for name in Filter.__dataclass_fields__:
        value = getattr(where, name)
        if isinstance(value, frozenset):
            value = sorted(value)
        if value is not None and (value != [] or not name.startswith("exclude")):
            values[name] = value
    return values


@dataclass(frozen=True, slots=True)
class Result:
    """The finished result of a job.

    Attributes
    ----------
    path : Path
    needs, pairs : int
        Lines, and matches in all of them.
    bytes : int
    digest : str
        SHA-256 of the file.
    """

    path: Path
    needs: int
    pairs: int
    bytes: int
    digest: str

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {**asdict(self), "path": str(self.path)}


class Folder:
    """An output directory. One process at a time works on it, within `held`.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def held(self) -> Iterator[Self]:
        """Make the directory if need be, and keep other processes off it.

        Raises
        ------
        JobDiffers
            When it holds something else than a job.
        BatchError
            When another process works on it.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        strange = {entry.name.removesuffix(_NEW) for entry in self.path.iterdir()}
        if strange := strange - _OURS:
            raise JobDiffers(
                f"{self.path} holds something else ({min(strange)}); "
                "name a directory that is empty or not there yet"
            )
        with (self.path / _LOCK).open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise BatchError(f"another process works on {self.path}") from error
            yield self

    @property
    def inputs(self) -> Path:
        """Where an application may keep what the job is made from."""
        return self.path / INPUTS

    def asked(self) -> dict[str, Any] | None:
        """Return what is asked, as `Job.to_dict` says it; None before it began."""
        return self._read(_JOB)

    def begin(self, job: Job) -> None:
        """Write down what is asked, or compare it with what was asked before.

        Raises
        ------
        JobDiffers
            Naming what is not the same.
        """
        before = self.asked()
        if before is None:
            (self.path / _DONE).unlink(missing_ok=True)
            _write(self.path / _JOB, _dumped(job.to_dict()))
            return
        now = json.loads(_dumped(job.to_dict()))
        for name, value in now.items():
            if before.get(name) != value:
                raise JobDiffers(
                    f"{self.path} belongs to another job: {name} was "
                    f"{_short(before.get(name))} and is now {_short(value)}; "
                    "name another directory, or remove this one"
                )

    def missing(self, job: Job) -> Iterator[int]:
        """Yield the chunks that are not there or damaged."""
        (self.path / _CHUNKS).mkdir(exist_ok=True)
        for number in range(len(job.survey.digests)):
            if self._chunk(job, number) is None:
                yield number

    def keep(self, job: Job, number: int, rows: bytes) -> None:
        """Keep the result of a chunk."""
        head = {"job": job.name, "chunk": number, "sha256": sha256(rows).hexdigest()}
        _write(self._place(number), json.dumps(head).encode("ascii") + b"\n" + rows)

    def join(self, job: Job) -> Result:
        """Write the result out of all chunks, in the order of the input.

        Raises
        ------
        BatchError
            When a chunk is damaged meanwhile.
        """
        path, digest = self.path / _RESULT, sha256()
        size = pairs = 0
        with _whole(path) as file:
            for number in range(len(job.survey.digests)):
                rows = self._chunk(job, number)
                if rows is None:
                    raise BatchError(
                        f"{self._place(number)} was damaged or removed meanwhile; "
                        "start again, and it is made anew"
                    )
                file.write(rows)
                digest.update(rows)
                size += len(rows)
                pairs += sum(
                    len(json.loads(row)["matches"]) for row in rows.splitlines()
                )
        result = Result(path, job.survey.rows, pairs, size, digest.hexdigest())
        about = {name: v for name, v in result.to_dict().items() if name != "path"}
        _write(self.path / _DONE, _dumped(about))
        shutil.rmtree(self.path / _CHUNKS)
        return result

    def result(self) -> Result | None:
        """Return the finished result; None when there is none or it is damaged."""
        path, about = self.path / _RESULT, self._read(_DONE)
        if about is None or not path.is_file():
            return None
        digest = sha256()
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
        wanted = set(Result.__dataclass_fields__) - {"path"}
        if about.keys() != wanted or digest.hexdigest() != about["digest"]:
            return None
        shutil.rmtree(self.path / _CHUNKS, ignore_errors=True)
        return Result(path=path, **about)

    def _place(self, number: int) -> Path:
        return self.path / _CHUNKS / f"{number:08}.jsonl"

    def _chunk(self, job: Job, number: int) -> bytes | None:
        """Read a chunk; None when it is not there, damaged or of another job."""
        try:
            head, _, rows = self._place(number).read_bytes().partition(b"\n")
            about = json.loads(head)
        except (FileNotFoundError, ValueError):
            return None
        wanted = {"job": job.name, "chunk": number, "sha256": sha256(rows).hexdigest()}
        if about != wanted or rows.count(b"\n") != job.survey.rows_of(number):
            return None
        return rows

    def _read(self, name: str) -> dict[str, Any] | None:
        path = self.path / name
        try:
            found = json.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise BatchError(f"{path} is damaged ({error}); remove it") from error
        if not isinstance(found, dict):
            raise BatchError(f"{path} is damaged; remove it")
        return found


def _dumped(values: dict[str, Any]) -> bytes:
    return (json.dumps(values, indent=1) + "\n").encode("ascii")


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


@contextmanager
def _whole(path: Path) -> Iterator[Any]:
    """Write a file that appears under its name when it is complete."""
    new = path.with_name(path.name + _NEW)
    with new.open("wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write(path: Path, contents: bytes) -> None:
    with _whole(path) as file:
        file.write(contents)
