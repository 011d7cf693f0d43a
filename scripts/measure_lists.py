#!/usr/bin/env python3
"""Measure a list of the market beside FastAPI and pydantic on the same database.

    python scripts/measure_lists.py MARKET [--list needs] [--rounds 5] [--seconds 3]

MARKET is a folder with a market; one that is not there is made of the demo market,
whose published needs and offers are copied until there are enough. ``DATABASE_URL``
may name a PostgreSQL store instead. The application runs under gunicorn as ``serve``
runs it, with one worker; the peer (``scripts/list_peer.py``) runs under uvicorn. Both
have the first core of the machine, one at a time. The second core sends the requests,
by asyncio over 16 connections that stay open, one request after another on each. Before
anything is measured both must give the same answer, page by page.

Prints a table: requests a second, milliseconds of CPU a request (user and system, of
the serving process), medians over the rounds; the ratio is taken within each round.
The peer needs ``fastapi`` and ``uvicorn``; ``uvloop`` and ``httptools`` make it fast,
``greenlet`` and ``aiosqlite`` let it wait for SQLite.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import importlib.util
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import sqlalchemy as sa

from marketplace.config import load_settings
from marketplace.domain.ids import new_id
from marketplace.domain.needs import NeedState
from marketplace.domain.offers import OfferState
from marketplace.models.needs import Need, NeedIntendedUnit, NeedVersion
from marketplace.models.offers import Offer, OfferVersion

ROOT = Path(__file__).resolve().parents[1]
PEER_NEEDS = ("fastapi", "uvicorn")
PEER_LIKES = ("uvloop", "httptools")
PASSWORD = "jiebang-demo-2026"  # noqa: S105 - of the invented market
SERVING_CORE, SENDING_CORE = 0, 1
CONNECTIONS = 16
PAGES = 3
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Kind:
    """A list, and the tables of its objects.

    Parameters
    ----------
    number : str
        The column with the official number, which no two objects share.
    published : state
        Of an object that everybody finds.
    reader : str
        Somebody who has no objects of this kind: the peer shows nobody his own drafts.
    further : dict of str to value
        What a copy cannot take over.
    """

    model: type[Need | Offer]
    version: type[NeedVersion | OfferVersion]
    number: str
    published: NeedState | OfferState
    reader: str
    further: Mapping[str, Any] = field(default_factory=dict)


KINDS: Mapping[str, Kind] = {
    "needs": Kind(
        Need, NeedVersion, "need_no", NeedState.POOLED, "team@demo.jiebang.example"
    ),
    "offers": Kind(
        Offer,
        OfferVersion,
        "ach_no",
        OfferState.LISTED,
        "firm@demo.jiebang.example",
        {"reg_no": None},
    ),
}


def make_market(folder: Path, wanted: int) -> None:
    """Load the demo market and copy what it publishes until there is enough."""
    folder.mkdir(parents=True, exist_ok=True)
    load = [sys.executable, "-m", "seeds", "load", "--demo"]
    subprocess.run(load, cwd=ROOT, check=True)  # noqa: S603 - our own
    engine = sa.create_engine(load_settings().database_url)
    with engine.begin() as connection:
        for kind in KINDS.values():
            model = kind.model
            published = sa.select(model).where(
                model.state == kind.published,
                model.published_version_id == model.working_version_id,
            )
            rows = connection.execute(published.order_by(model.id)).mappings().all()
            for number in range(max(0, wanted - len(rows))):
                _copy(connection, kind, rows[number % len(rows)], number)
    engine.dispose()


def _copy(
    connection: sa.Connection, kind: Kind, original: Mapping[str, Any], number: int
) -> None:
    """Copy one published object with the version that everybody reads.

    In the order that the store's own rules ask for: a text is fixed when it is whole,
    and an object is published when it has a text.
    """
    model, version = kind.model, kind.version
    subject_id, version_id = new_id(), new_id()
    held = ("state", "released", "working_version_id", "published_version_id")
    old_version = original["published_version_id"]
    published = {name: original[name] for name in held} | {
        "working_version_id": version_id,
        "published_version_id": version_id,
    }
    values = {name: value for name, value in original.items() if name not in held}
    values |= {"id": subject_id, kind.number: f"{original[kind.number]}-{number}"}
    values |= {"state": "DRAFT", "released": False, **kind.further}
    connection.execute(sa.insert(model).values(values))
    found = connection.execute(
        sa.select(version.__table__).where(version.id == old_version)
    ).mappings()
    parent = "need_id" if model is Need else "offer_id"
    text = {**found.one(), "id": version_id, parent: subject_id}
    fixed_at = text.pop("fixed_at")
    connection.execute(sa.insert(version).values(text))
    units = sa.select(NeedIntendedUnit.__table__).where(
        NeedIntendedUnit.version_id == old_version
    )
    for unit in connection.execute(units).mappings().all():
        copied = {**unit, "id": new_id(), "version_id": version_id}
        connection.execute(sa.insert(NeedIntendedUnit).values(copied))
    for table, row_id, more in (
        (version, version_id, {"fixed_at": fixed_at}),
        (model, subject_id, published),
    ):
        connection.execute(sa.update(table).where(table.id == row_id).values(more))


def free_port() -> int:
    """Return a port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@dataclass
class Server:
    """A server under measurement.

    Parameters
    ----------
    name : str
    command : list of str
        With ``{port}`` where the port goes.
    path : str
        The list's.
    ready : str
        A path that answers 200 as soon as the server serves.
    below : bool
        Whether a child of the process that is started does the serving.
    """

    name: str
    command: list[str]
    path: str
    ready: str
    below: bool
    environment: Mapping[str, str] = field(default_factory=dict)
    port: int = 0
    pid: int = 0

    @contextlib.contextmanager
    def running(self, log: Path) -> Iterator[None]:
        """Start the server on its core; stop it afterwards."""
        self.port = free_port()
        command = [part.format(port=self.port) for part in self.command]
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603 - our own
                command,
                cwd=ROOT,
                env=os.environ | dict(self.environment),
                stdout=output,
                stderr=output,
                preexec_fn=lambda: os.sched_setaffinity(0, {SERVING_CORE}),  # noqa: PLW1509
            )
        try:
            self._wait(process, log)
            self.pid = _child(process.pid) if self.below else process.pid
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _wait(self, process: subprocess.Popen[bytes], log: Path) -> None:
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline and process.poll() is None:
            try:
                if self.get(self.ready).status == 200:
                    return
            except OSError:
                time.sleep(0.2)
        said = log.read_text("utf-8", "replace")[-2000:]
        raise SystemExit(f"{self.name} does not answer:\n{said}")

    def get(self, path: str, token: str | None = None) -> Answer:
        """Ask once, on a connection of its own."""
        return self._ask("GET", path, token=token)

    def post(self, path: str, body: Mapping[str, Any]) -> Answer:
        """Send a JSON body once."""
        return self._ask("POST", path, json.dumps(body))

    def _ask(
        self, method: str, path: str, body: str | None = None, token: str | None = None
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Content-Type": "application/json"} if body else {}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        try:
            connection.request(method, path, body, headers)
            found = connection.getresponse()
            return Answer(found.status, found.read())
        finally:
            connection.close()

    def cpu(self) -> float:
        """Return the seconds of CPU that the serving process has used."""
        stat = Path(f"/proc/{self.pid}/stat").read_text("utf-8")
        words = stat.rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / TICKS


@dataclass
class Answer:
    """What a server said."""

    status: int
    body: bytes


def _child(pid: int) -> int:
    """Return the only child process: gunicorn's worker."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text("utf-8").split()
    if len(found) != 1:
        raise SystemExit(f"one worker expected, there are {len(found)}")
    return int(found[0])


class Connection(asyncio.Protocol):
    """One connection that asks again as soon as it has its answer."""

    def __init__(self, request: bytes, length: int, until: float) -> None:
        self.request, self.length, self.until = request, length, until
        self.done = asyncio.get_running_loop().create_future()
        self.count = 0
        self._held = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the first time."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101
        self.transport = transport
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        """Take in a part of the answer; the last part is followed by a request."""
        self._held += data
        head, blank, body = self._held.partition(b"\r\n\r\n")
        if not blank or len(body) < self.length:
            return
        if not head.startswith(b"HTTP/1.1 200") or len(body) != self.length:
            self._fail(f"not the answer expected: {head.decode('latin-1')}")
            return
        self._held = b""
        self.count += 1
        if time.perf_counter() < self.until:
            self.transport.write(self.request)
        elif not self.done.done():
            self.done.set_result(self.count)
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell of a server that hangs up in the middle."""
        self._fail(f"the connection was closed: {exc}")

    def _fail(self, why: str) -> None:
        if not self.done.done():
            self.done.set_exception(RuntimeError(why))


async def drive(server: Server, token: str | None, seconds: float) -> tuple[int, float]:
    """Ask for the first page as fast as the server answers; returns count, seconds."""
    lines = [f"GET {server.path} HTTP/1.1", "Host: 127.0.0.1", "Accept: */*"]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    request = ("\r\n".join(lines) + "\r\n\r\n").encode()
    length = len(server.get(server.path, token).body)
    begun = time.perf_counter()
    loop = asyncio.get_running_loop()
    connections = []
    for _ in range(CONNECTIONS):
        _, connection = await loop.create_connection(
            lambda: Connection(request, length, begun + seconds),
            "127.0.0.1",
            server.port,
        )
        connections.append(connection)
    counts = await asyncio.gather(*(c.done for c in connections))
    return sum(counts), time.perf_counter() - begun


@dataclass(frozen=True)
class Figure:
    """One round of one server."""

    per_second: float
    cpu_ms: float


def measure(server: Server, token: str | None, seconds: float) -> Figure:
    """Drive a server for some seconds."""
    before = server.cpu()
    count, took = asyncio.run(drive(server, token, seconds))
    return Figure(count / took, (server.cpu() - before) * 1000 / count)


def comparable(server: Server, token: str | None) -> list[Any]:
    """Return the first pages of a server in a form that does not depend on spelling."""
    pages, cursor = [], None
    for _ in range(PAGES):
        query = f"?cursor={quote(cursor)}" if cursor else ""
        answer = server.get(server.path + query, token)
        if answer.status != 200:
            raise SystemExit(f"{server.name}: {answer.status} {answer.body!r}")
        page = json.loads(answer.body)
        for row in page["items"]:
            for name, value in row.items():
                if name.endswith("_at") and value is not None:
                    row[name] = datetime.fromisoformat(value).timestamp()
        cursor = page["next"]
        pages.append(page)
    return pages


def token_of(ours: Server, reader: str) -> str:
    """Sign the reader in."""
    answer = ours.post("/api/v1/auth/tokens", {"email": reader, "password": PASSWORD})
    if answer.status != 201:
        raise SystemExit(f"{reader}: {answer.status} {answer.body!r}")
    token: str = json.loads(answer.body)["token"]
    return token


def servers(folder: Path, name: str, *, waiting: bool) -> tuple[Server, Server]:
    """Return the application and the peer."""
    counters = folder / "counters"
    shutil.rmtree(counters, ignore_errors=True)
    counters.mkdir()
    factory = "create_async_app" if waiting else "create_app"
    ours = Server(
        "jiebang",
        [
            *(sys.executable, "-m", "gunicorn"),
            *("--config", "python:marketplace.gunicorn_config"),
            *("--bind", "127.0.0.1:{port}", "--workers", "1"),
            "marketplace.app:create_app()",
        ],
        path=f"/api/v1/{name}",
        ready="/readyz",
        below=True,
        environment={
            "PROMETHEUS_MULTIPROC_DIR": str(counters),
            "JIEBANG_RATE_LIMIT": "100000000/minute",
        },
    )
    peer = Server(
        "FastAPI",
        [
            *(sys.executable, "-m", "uvicorn", f"scripts.list_peer:{factory}"),
            *("--factory", "--host", "127.0.0.1", "--port", "{port}"),
            *("--no-access-log", "--log-level", "warning"),
        ],
        path=f"/{name}",
        ready="/openapi.json",
        below=False,
        environment={"DATABASE_URL": load_settings().database_url},
    )
    return ours, peer


def table(
    rounds: Mapping[str, Sequence[tuple[Figure, Figure]]], peer: str
) -> Iterator[str]:
    """Yield the lines of the result."""
    yield f"peer: {peer}"
    yield "| reader | server | req/s [min-max] | CPU ms/request [min-max] |"
    yield "|---|---|---|---|"
    for reader, pairs in rounds.items():
        for place, name in enumerate(("jiebang", "FastAPI")):
            speeds = [pair[place].per_second for pair in pairs]
            costs = [pair[place].cpu_ms for pair in pairs]
            yield (
                f"| {reader} | {name} | {statistics.median(speeds):.0f}"
                f" [{min(speeds):.0f}-{max(speeds):.0f}]"
                f" | {statistics.median(costs):.3f}"
                f" [{min(costs):.3f}-{max(costs):.3f}] |"
            )
        speed = [ours.per_second / peer.per_second for ours, peer in pairs]
        cost = [peer.cpu_ms / ours.cpu_ms for ours, peer in pairs]
        yield (
            f"| {reader} | ratio | {statistics.median(speed):.2f} x"
            f" [{min(speed):.2f}-{max(speed):.2f}]"
            f" | {statistics.median(cost):.2f} x [{min(cost):.2f}-{max(cost):.2f}] |"
        )


def run(folder: Path, name: str, rounds: int, seconds: float, *, waiting: bool) -> None:
    """Measure both servers in turn and print the table."""
    os.sched_setaffinity(0, {SENDING_CORE})
    ours, peer = servers(folder, name, waiting=waiting)
    log = folder / "measure.log"
    with ours.running(log), peer.running(log.with_suffix(".peer.log")):
        token = token_of(ours, KINDS[name].reader)
        found: dict[str, list[tuple[Figure, Figure]]] = {}
        for reader, held in (("anonymous", None), ("signed in", token)):
            if comparable(ours, held) != comparable(peer, held):
                raise SystemExit(f"the servers answer differently, reader {reader}")
            for server in (ours, peer):
                measure(server, held, 1.0)
            pairs = [
                (measure(ours, held, seconds), measure(peer, held, seconds))
                for _ in range(rounds)
            ]
            found[reader] = pairs
    like = [name for name in PEER_LIKES if importlib.util.find_spec(name)]
    how = "waiting for its store" if waiting else "a pool of threads"
    print("\n".join(table(found, f"FastAPI by {how}, with {', '.join(like) or '-'}")))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("market", type=Path, metavar="MARKET")
    parser.add_argument("--list", choices=list(KINDS), default="needs")
    parser.add_argument(
        "--size", type=int, default=5000, help="of a new market's lists"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each round")
    parser.add_argument(
        "--async-peer", action="store_true", help="have the peer wait for its store"
    )
    asked = parser.parse_args(arguments)
    wanted = [*PEER_NEEDS, *(["greenlet", "aiosqlite"] if asked.async_peer else [])]
    missing = [name for name in wanted if importlib.util.find_spec(name) is None]
    if missing:
        parser.error(
            f"对照程序缺少 the peer needs {', '.join(missing)}: "
            f"pip install {' '.join(missing)}"
        )
    if len(os.sched_getaffinity(0)) < 2:
        parser.error("须有两个处理器核 two cores are needed: one serves, one sends")
    os.environ["JIEBANG_DATA_DIR"] = str(asked.market.resolve())
    if not asked.market.exists():
        make_market(asked.market, asked.size)
    run(asked.market, asked.list, asked.rounds, asked.seconds, waiting=asked.async_peer)
    return 0


if __name__ == "__main__":
    sys.exit(main())
