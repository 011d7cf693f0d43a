"""Rank chunks on this machine, in processes that each map the index."""

import os
import signal
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Final, Protocol, TypeAlias, cast

from matching.batches.questions import Chunk
from matching.batches.ranking import Task, rank_chunk
from matching.errors import BatchError, MatchingError, WorkersLost

TRIES: Final = 3
"""A chunk that has ended so many workers is given up."""


Answers: TypeAlias = Generator[tuple[int, bytes], None, None]
"""Number and rows of chunks, in any order. Closing it ends what works on them."""


class Executor(Protocol):
    """Where chunks are ranked."""

    def run(self, index: Path, task: Task, chunks: Iterator[Chunk]) -> Answers:
        """Rank chunks and yield number and rows of each, in any order.

        Only a few chunks are taken ahead of those that are done. When `chunks` ends,
        those under way are still finished.
        """
        ...


class Here:
    """Rank in this very process, one chunk after another."""

    def run(self, index: Path, task: Task, chunks: Iterator[Chunk]) -> Answers:
        """Rank chunks; see `Executor.run`."""
        for chunk in chunks:
            yield chunk.number, rank_chunk(index, task, chunk.lines)


def usable_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(slots=True, eq=False)
class _Worker:
    """A process, the line to it, and the chunk that it works on."""

    process: BaseProcess
    line: Connection
    chunk: Chunk | None = None


@dataclass
class Processes:
    """Rank in processes of this machine.

    A process that dies is replaced, and its chunk is given to another one.

    Parameters
    ----------
    workers : int, optional
        How many; as many as cores that may be used, if None.

    Raises
    ------
    ValueError
        When there is to be less than one.
    """

    workers: int | None = None
    _crew: list[_Worker] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise ValueError(f"at least one worker is needed, not {self.workers}")

    @property
    def pids(self) -> list[int]:
        """Process numbers of the workers."""
        return [w.process.pid for w in self._crew if w.process.pid is not None]

    def run(self, index: Path, task: Task, chunks: Iterator[Chunk]) -> Answers:
        """Rank chunks; see `Executor.run`.

        Raises
        ------
        WorkersLost
            When a chunk has ended several processes.
        BatchError
            When a worker cannot use the index.
        """
        width = self.workers or usable_cores()
        again: list[Chunk] = []
        tries: dict[int, int] = {}
        try:
            while True:
                while len(self._busy()) < width:
                    chunk = again.pop() if again else next(chunks, None)
                    if chunk is None:
                        break
                    self._give(chunk, index, task)
                busy = self._busy()
                if not busy:
                    return
                ready = wait([worker.line for worker in busy])
                for worker in busy:
                    if worker.line not in ready:
                        continue
                    chunk, worker.chunk = cast("Chunk", worker.chunk), None
                    rows = self._answer(worker)
                    if rows is not None:
                        yield chunk.number, rows
                        continue
                    tries[chunk.number] = tries.get(chunk.number, 0) + 1
                    if tries[chunk.number] == TRIES:
                        raise WorkersLost(f"{chunk} has ended {TRIES} worker processes")
                    again.append(chunk)
        finally:
            self._dismiss()

    def _busy(self) -> list[_Worker]:
        return [worker for worker in self._crew if worker.chunk is not None]

    def _give(self, chunk: Chunk, index: Path, task: Task) -> None:
        """Give a chunk to an idle worker, or to a new one."""
        worker = next((w for w in self._crew if w.chunk is None), None)
        if worker is None:
            context = get_context("spawn")
            ours, theirs = context.Pipe()
            process = context.Process(
                target=_work, args=(theirs, index, task), daemon=True
            )
            with _undisturbed():
                process.start()
            theirs.close()
            worker = _Worker(process, ours)
            self._crew.append(worker)
        worker.chunk = chunk
        # One that has just died is noticed when its answer is waited for.
        with suppress(BrokenPipeError, ConnectionResetError):
            worker.line.send(chunk.lines)

    def _answer(self, worker: _Worker) -> bytes | None:
        """Take a worker's answer; None when it died over it."""
        try:
            answer = worker.line.recv()
        except (EOFError, ConnectionResetError):
            self._crew.remove(worker)
            worker.line.close()
            worker.process.join()
            worker.process.close()
            return None
        if isinstance(answer, str):
            raise BatchError(answer)
        return cast("bytes", answer)

    def _dismiss(self) -> None:
        """End all workers; one that is idle ends by itself."""
        for worker in self._crew:
            worker.line.close()
            if worker.chunk is not None:
                worker.process.kill()
        for worker in self._crew:
            worker.process.join()
            worker.process.close()
        self._crew.clear()


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Start processes that Ctrl-C does not reach from their first moment on.

    At a terminal it reaches the whole group, and the client alone decides what it
    means. Here it is only put off.
    """
    # Otherwise it is started with the first process and lets the signal through.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(line: Connection, index: Path, task: Task) -> None:
    """Answer chunks until the other end is closed, if only by the client's death."""
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            lines = line.recv()
            try:
                answer: bytes | str = rank_chunk(index, task, lines)
            except (MatchingError, OSError) as error:
                answer = str(error)
            line.send(answer)
