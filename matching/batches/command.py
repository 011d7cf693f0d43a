"""What ``match-all`` says and does on the command line, whoever offers it."""

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from types import FrameType
from typing import Any, Final

from matching.batches.cluster import Cluster
from matching.batches.driver import match_all
from matching.batches.jobs import Result
from matching.batches.local import Executor, Processes
from matching.errors import SchedulerLost, Stopped, WorkersLost
from matching.progress import Bar

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)

STOPPED: Final = 128 + signal.SIGINT
"""Exit status of a command that was stopped on demand."""

_CHATTY: Final = ("distributed", "distributed.client")

_STOPPING: Final = (
    b"\nmatch-all: stopping after the chunks under way; once more ends it at once\n"
)


def executor(
    workers: int | None, scheduler: str | None, tell: Callable[[str], None]
) -> Executor:
    """Return where to rank: on a cluster if one is named, else in processes here.

    Raises
    ------
    ValueError
        When both are named, or there is to be less than one worker.
    BatchError
        When there can be no cluster.
    """
    if scheduler is None:
        return Processes(workers)
    if workers is not None:
        raise ValueError("a cluster has its own workers: leave --workers out")
    cluster = Cluster(scheduler, tell=tell)
    for name in _CHATTY:
        # What matters of it is told in a sentence of our own.
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return cluster


def run(
    index: Path,
    needs: Path,
    out: Path,
    *,
    workers: int | None,
    scheduler: str | None,
    **options: Any,
) -> Result:
    """Rank with a bar on standard error; the first Ctrl-C or SIGTERM stops gently.

    Parameters
    ----------
    options
        As `match_all` takes them.

    Raises
    ------
    Stopped, SchedulerLost, WorkersLost
        Their message says how to go on.
    """

    def tell(sentence: str) -> None:
        print(f"match-all: {sentence}", file=sys.stderr)

    bar = Bar(0, unit="needs")

    def progress(done: int, total: int) -> None:
        bar.total = total
        bar.update(done, done)

    with stopping() as stop:
        try:
            result = match_all(
                index,
                needs,
                out,
                executor=executor(workers, scheduler, tell),
                progress=progress,
                stop=stop,
                **options,
            )
        except (Stopped, SchedulerLost, WorkersLost) as error:
            raise type(error)(
                f"{error}; what is done is kept in {out}, "
                "and the same command goes on from there"
            ) from error
    bar.finish(result.needs)
    return result


@contextmanager
def stopping() -> Iterator[Event]:
    """Take the first signal as a wish to stop; a second one ends the process."""
    asked = Event()
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        asked.set()
        restore()
        # Not through the stream, which may be in the middle of another line.
        os.write(sys.stderr.fileno(), _STOPPING)

    for number in SIGNALS:
        signal.signal(number, stop)
    try:
        yield asked
    finally:
        restore()
