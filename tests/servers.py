"""Real servers on free loopback ports, with the processes that they are made of."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PROC = Path("/proc")
OURS = ("JIEBANG_", "DATABASE_URL", "PROMETHEUS_", "PYTEST_")


def free_port() -> int:
    """Return a port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@dataclass(frozen=True)
class Process:
    """A process of this machine."""

    pid: int
    parent: int
    command: str


def processes() -> dict[int, Process]:
    """Return every process of this machine; Linux tells without any tool."""
    if not PROC.is_dir():
        return {p.pid: p for p in _listed()}
    return {p.pid: p for p in map(_read, PROC.glob("[0-9]*")) if p is not None}


def _read(folder: Path) -> Process | None:
    """Read one process; None for one that ended meanwhile."""
    try:
        status = (folder / "stat").read_text("utf-8", "replace")
        words = (folder / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return None
    parent = int(status.rpartition(")")[2].split()[1])
    return Process(int(folder.name), parent, b" ".join(words).decode(errors="replace"))


def _listed() -> Iterator[Process]:
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,args="],  # noqa: S607 - wherever ps is
        capture_output=True,
        text=True,
        check=True,
    )
    for line in listed.stdout.splitlines():
        pid, parent, command = line.split(maxsplit=2)
        yield Process(int(pid), int(parent), command)


def descendants(pid: int) -> dict[int, Process]:
    """Return every process below ``pid``."""
    everything = processes()
    found: dict[int, Process] = {}
    while True:
        above = {pid, *found}
        more = {
            p: x for p, x in everything.items() if x.parent in above and p not in found
        }
        if not more:
            return found
        found |= more


def until(true: Callable[[], Any], seconds: float, what: str) -> Any:
    """Wait until something holds and return it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = true()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {what}")


@dataclass
class Installation:
    """A store and a data folder, set up as an operator would: by environment."""

    url: str
    folder: Path

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment of its commands, without this test's own."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(OURS)}
        return {
            **kept,
            "DATABASE_URL": self.url,
            "JIEBANG_DATA_DIR": str(self.folder),
            "JIEBANG_LOG_LEVEL": "WARNING",
            "JIEBANG_RATE_LIMIT": "1000000/minute",
            **more,
        }

    def run(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run ``jiebang`` with some arguments to its end."""
        return subprocess.run(
            [sys.executable, "-m", "marketplace", *arguments],
            cwd=ROOT,
            env=self.environment(**more),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    @contextmanager
    def started(self, command: list[str], port: int, **more: str) -> Iterator[Server]:
        """Start a command that serves on a port, and leave nothing of it behind."""
        log = self.folder / f"server-{port}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=self.environment(**more),
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        server = Server(process, port, log)
        try:
            server.wait()
            yield server
        except BaseException:
            sys.stderr.write(server.told())
            raise
        finally:
            server.stop()

    @contextmanager
    def serving(self, workers: int = 2) -> Iterator[Server]:
        """Serve with several worker processes."""
        port = free_port()
        counters = self.folder / f"counters-{port}"
        counters.mkdir()
        command = [
            *(sys.executable, "-m", "gunicorn"),
            *("--config", "python:marketplace.gunicorn_config"),
            *("--bind", f"127.0.0.1:{port}", "--workers", str(workers)),
            "marketplace.app:create_app()",
        ]
        with self.started(
            command, port, PROMETHEUS_MULTIPROC_DIR=str(counters)
        ) as server:
            until(lambda: len(server.workers()) == workers, 30, "all workers")
            yield server


@dataclass
class Answer:
    """What a server said."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)


@dataclass
class Server:
    """A running server."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def wait(self) -> None:
        """Wait until it is ready."""

        def ready() -> bool:
            assert self.process.poll() is None, self.told()
            try:
                return self.call("GET", "/readyz").status == 200
            except OSError:
                return False

        until(ready, 60, f"ready; {self.told()}")

    def told(self) -> str:
        """Return what it has written."""
        return self.log.read_text("utf-8", "replace")

    def workers(self) -> list[int]:
        """Return the worker processes."""
        return sorted(
            p for p, found in processes().items() if found.parent == self.process.pid
        )

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        *,
        seconds: float = 60,
    ) -> Answer:
        """Send one request on a connection of its own.

        Raises
        ------
        OSError, http.client.HTTPException
            The connection was refused, reset, or ended before the answer.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        try:
            sent = None if body is None else json.dumps(body)
            kind = {} if body is None else {"Content-Type": "application/json"}
            connection.request(method, path, sent, {**kind, **(headers or {})})
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.headers), answer.read())
        finally:
            connection.close()

    def insist(self, *request: Any, tries: int = 60, **more: Any) -> Answer:
        """Send a request again and again until it is answered, as a client would."""
        for number in range(tries):
            try:
                answer = self.call(*request, **more)
            except (OSError, http.client.HTTPException):
                answer = None
            if answer is not None and answer.status != 503:
                return answer
            time.sleep(min(0.05 * 2**number, 1.0))
        raise AssertionError(f"no answer to {request[:2]}: {self.told()}")

    def stop(self) -> None:
        """End it and whatever it started."""
        below = descendants(self.process.pid)
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for pid in below.keys() & processes().keys():
            os.kill(pid, signal.SIGKILL)
