"""Rank chunks on a Dask cluster. Needs the extra ``cluster``; loads it when it is used.

The index is sent in pieces through the scheduler, once to each folder that workers
keep their files in, and its checksums are compared there. A chunk travels with its
task, and its result comes back to the client: workers and client need not share a
disk. A worker that comes later, or that takes the place of a lost one, says that it
has no index and is given it.
"""

import queue
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from time import monotonic, perf_counter
from typing import Any, Final

from matching.batches import handover
from matching.batches.handover import IndexAbsent, Listing, Place
from matching.batches.local import Answers
from matching.batches.questions import Chunk
from matching.batches.ranking import Task, rank_chunk
from matching.errors import (
    BatchError,
    IndexCorrupt,
    SchedulerLost,
    VersionsDiffer,
    WorkersLost,
)

PIECE: Final = 8 << 20
"""Bytes sent at once; client, scheduler and worker hold a few times as many."""

AHEAD: Final = 2
"""Chunks under way for each thread of the workers."""

FETCHING: Final = 8
"""Results that are brought to the client at the same time."""

_LOOK: Final = 1.0
"""Seconds after which the state of the cluster is looked at again."""

SCHEMES: Final = ("tcp://", "tls://")


@dataclass(frozen=True, slots=True)
class Handed:
    """What a handing over took.

    Attributes
    ----------
    folders, workers : int
        How many folders were filled, and how many workers looked at.
    bytes : int
        Size of the index if it was sent at all.
    seconds : float
    """

    folders: int
    workers: int
    bytes: int
    seconds: float


class Cluster:
    """Rank on the workers of a Dask scheduler.

    Parameters
    ----------
    address : str
        ``tcp://host:port``; for ``tls://host:port`` Dask's configuration names the
        certificates.
    patience : float, default=20
        Seconds within which the scheduler answers and has a first worker.
    tell : callable, optional
        Called with a sentence when something happens that a person may want to know.

    Raises
    ------
    BatchError
        When the extra is not installed, or the address is none.
    """

    def __init__(
        self,
        address: str,
        *,
        patience: float = 20.0,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        if not address.startswith(SCHEMES):
            raise BatchError(
                f"{address!r} is no address of a scheduler; expected for example "
                "tcp://10.0.0.1:8786"
            )
        try:
            self.dask = import_module("distributed")
        except ModuleNotFoundError as error:
            raise BatchError(
                f"{error}: a cluster needs the extra `cluster`, "
                "for example: pip install 'jiebang[cluster]'"
            ) from error
        self.address, self.patience = address, patience
        self.handed: list[Handed] = []
        self.tell = tell or _keep_quiet

    def run(self, index: Path, task: Task, chunks: Iterator[Chunk]) -> Answers:
        """Rank chunks; see `Executor.run`.

        Raises
        ------
        SchedulerLost
            When the scheduler does not answer, or stops.
        WorkersLost
            When there is no worker, or a chunk has ended several.
        VersionsDiffer
            When a worker runs other versions.
        BatchError
            When a worker cannot use the index.
        """
        first = next(chunks, None)
        if first is None:
            return
        with closing(_Session(self, index, task)) as session:
            yield from session.run(first, chunks)

    def connect(self) -> Any:
        """Return a client of the scheduler, once that has a worker."""
        try:
            client = self.dask.Client(
                self.address,
                timeout=self.patience,
                set_as_default=False,
                name="jiebang-match-all",
            )
        except OSError as error:
            raise SchedulerLost(
                f"no scheduler answers at {self.address}: {error}"
            ) from error
        try:
            client.wait_for_workers(1, timeout=self.patience)
        except TimeoutError as error:
            client.close()
            raise WorkersLost(f"the scheduler {self.address} has no workers") from error
        return client


def _keep_quiet(sentence: str) -> None:
    """Tell nobody."""


def answer(task: Task, versions: Mapping[str, str], lines: tuple[bytes, ...]) -> bytes:
    """Rank a chunk on a worker.

    Raises
    ------
    VersionsDiffer
        When this worker runs other versions than the client.
    IndexAbsent
        When it has not got the index.
    """
    worker = import_module("distributed").get_worker()
    _compare(worker.address, versions, handover.stamp())
    place = handover.place_of(worker, task.index_id)
    if not place.is_dir():
        raise IndexAbsent(worker.address)
    try:
        return rank_chunk(place, task, lines, verify=True)
    except (OSError, IndexCorrupt) as error:
        if not place.is_dir():
            # Another run with this index has ended meanwhile, and took it away.
            raise IndexAbsent(worker.address) from error
        if isinstance(error, OSError):
            raise BatchError(f"worker {worker.address}: {error}") from error
        raise


def _compare(address: str, here: Mapping[str, str], there: Mapping[str, str]) -> None:
    differing = [
        f"{name} {there.get(name)} there and {here.get(name)} here"
        for name in sorted(here.keys() | there.keys())
        if here.get(name) != there.get(name)
    ]
    if differing:
        raise VersionsDiffer(
            f"worker {address} runs {', '.join(differing)}: results might differ; "
            "install the same versions on all machines"
        )


class _Session:
    """One client's work on one job."""

    def __init__(self, cluster: Cluster, index: Path, task: Task) -> None:
        self.cluster, self.index, self.task = cluster, index, task
        self.versions = handover.stamp()
        self.name = secrets.token_hex(4)
        self.client = cluster.connect()
        self.done: queue.SimpleQueue[tuple[str, Future[bytes]]] = queue.SimpleQueue()
        # A result that lies on a lost worker is waited for half a minute: not here.
        self.fetching = ThreadPoolExecutor(FETCHING, "match-all")
        self.flying: dict[str, tuple[Chunk, Any]] = {}
        self.sent = 0
        self.width = 1
        self.looked = monotonic()
        self.alone = False
        self._listing: Listing | None = None

    def close(self) -> None:
        """Let the workers remove the index, and leave the cluster."""
        if self.client.status == "running":
            # A worker may die while it is asked, or the scheduler: then it stays.
            with suppress(OSError):
                self.client.run(handover.forget, self.task.index_id, on_error="ignore")
        self.fetching.shutdown(wait=False, cancel_futures=True)
        self.client.close(timeout=5)

    def run(self, first: Chunk, chunks: Iterator[Chunk]) -> Answers:
        """Keep the workers busy until the chunks end."""
        self._hand_over()
        self._send(first)
        more = True
        while more or self.flying:
            while more and len(self.flying) < self.width:
                chunk = next(chunks, None)
                if chunk is None:
                    more = False
                else:
                    self._send(chunk)
            if not self.flying:
                return
            finished = self._next_finished()
            if finished is None:
                continue
            chunk, fetched = finished
            rows = self._outcome(chunk, fetched)
            if rows is None:
                self._send(chunk)
            else:
                yield chunk.number, rows

    def _send(self, chunk: Chunk) -> None:
        self.sent += 1
        future = self.client.submit(
            answer,
            self.task,
            self.versions,
            chunk.lines,
            key=f"match-all-{self.name}-{chunk.number}-{self.sent}",
            pure=False,
        )
        self.flying[future.key] = chunk, future
        future.add_done_callback(self._fetch)

    def _fetch(self, future: Any) -> None:
        """Bring a result to the client, or the reason why there is none."""
        key = str(future.key)
        # When the session ends nobody waits for it any more.
        with suppress(RuntimeError):
            self.fetching.submit(future.result).add_done_callback(
                lambda fetched: self.done.put((key, fetched))
            )

    def _next_finished(self) -> tuple[Chunk, "Future[bytes]"] | None:
        """Wait a moment for a result; look after the cluster now and then."""
        found = None
        with suppress(queue.Empty):
            found = self.done.get(timeout=_LOOK)
        if self.client.status != "running":
            raise self._scheduler_lost()
        if monotonic() - self.looked >= _LOOK:
            self._look()
        if found is None:
            return None
        key, fetched = found
        return self.flying.pop(key)[0], fetched

    def _outcome(self, chunk: Chunk, fetched: "Future[bytes]") -> bytes | None:
        """Return the rows of a chunk; None when it is to be sent again."""
        try:
            return fetched.result()
        except IndexAbsent as absent:
            self.cluster.tell(f"worker {absent} has no index yet")
            self._hand_over()
            return None
        except self.cluster.dask.KilledWorker as error:
            raise WorkersLost(f"{chunk} has ended several workers: {error}") from error
        except (OSError, CancelledError) as error:
            raise self._scheduler_lost() from error

    def _scheduler_lost(self) -> SchedulerLost:
        return SchedulerLost(f"the scheduler {self.cluster.address} has stopped")

    def _look(self) -> None:
        """Learn how many threads there are; say when there are none, and again."""
        self.looked = monotonic()
        with suppress(OSError):
            threads = sum(self.client.nthreads().values())
            self.width = max(AHEAD * threads, 1)
            if (threads == 0) != self.alone:
                self.alone = threads == 0
                self.cluster.tell(
                    "all workers are gone; waiting for others"
                    if self.alone
                    else "there are workers again"
                )

    def _hand_over(self) -> None:
        """Send the index to every folder of workers that lacks it.

        Raises
        ------
        VersionsDiffer
            When a worker runs other versions.
        WorkersLost
            When nobody could take it.
        """
        began, index_id = perf_counter(), self.task.index_id
        places: dict[str, Place] = self._everywhere(None, handover.look, index_id)
        for address, place in places.items():
            _compare(address, self.versions, place.stamp)
        lacking = {p.folder: a for a, p in places.items() if not p.held}
        size = 0
        if lacking:
            if self._listing is None:
                self._listing = handover.listing(self.index)
            size = sum(size for size, _ in self._listing.values())
            self._fill(lacking.values(), self._listing)
        self._look()
        took = Handed(len(lacking), len(places), size, perf_counter() - began)
        if lacking:
            self.cluster.handed.append(took)
            self.cluster.tell(
                f"the index ({size:,} bytes) was handed to {took.folders} of the "
                f"folders of {took.workers} workers in {took.seconds:.1f} s"
            )

    def _fill(self, addresses: Collection[str], expected: Listing) -> None:
        about = (self.task.index_id, secrets.token_hex(4))
        able = self._everywhere(addresses, handover.begin, *about)
        for name in expected:
            with (self.index / name).open("rb") as file:
                # An empty file is sent as well.
                data = file.read(PIECE)
                while True:
                    able = self._everywhere(able, handover.receive, *about, name, data)
                    if not (data := file.read(PIECE)):
                        break
        self._everywhere(able, handover.finish, *about, expected)

    def _everywhere(
        self, addresses: Collection[str] | None, function: Any, *arguments: Any
    ) -> dict[str, Any]:
        """Run a function on workers; those that are lost meanwhile are left out.

        Parameters
        ----------
        addresses : collection of str, optional
            All workers if None.
        """
        named = None if addresses is None else list(addresses)
        try:
            answers = self.client.run(
                function, *arguments, workers=named, on_error="return"
            )
        except OSError as error:
            raise self._scheduler_lost() from error
        kept: dict[str, Any] = {}
        for address, found in answers.items():
            if isinstance(found, ModuleNotFoundError):
                raise VersionsDiffer(
                    f"worker {address} lacks the matching library of this version: "
                    f"{found}"
                ) from found
            if isinstance(found, OSError):
                self.cluster.tell(f"worker {address} is gone: {found}")
            elif isinstance(found, BatchError):
                raise BatchError(f"worker {address}: {found}") from found
            elif isinstance(found, Exception):
                raise found
            else:
                kept[address] = found
        if not kept:
            raise WorkersLost("all workers were lost while they got the index")
        return kept
