"""Real schedulers and workers of Dask, in processes and in networks of their own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SUBNET = "10.219.0"


def start(command: list[str], log: Path) -> subprocess.Popen[bytes]:
    """Start a command in the root of the source, with its words in a file."""
    with log.open("ab") as output:
        return subprocess.Popen(
            command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT
        )


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill a process, as a power failure would."""
    if process.poll() is None:
        process.send_signal(signal.SIGKILL)
    process.wait()


@dataclass
class Network:
    """Namespaces joined by a bridge that stands in a namespace of its own."""

    name: str
    hosts: dict[str, str] = field(default_factory=dict)

    @classmethod
    @contextmanager
    def made(cls, *hosts: str) -> Iterator[Network]:
        """Make it, and leave nothing of it behind.

        Raises
        ------
        subprocess.CalledProcessError
            When this process may not make namespaces.
        """
        network = cls(f"jb{os.getpid()}")
        with ExitStack() as stack:
            network._add(stack, "hub")
            hub = network._inner("hub")
            network._ip(f"-n {hub} link add br0 type bridge")
            network._ip(f"-n {hub} link set br0 up")
            for number, host in enumerate(hosts, start=1):
                network._join(stack, host, number)
            yield network

    def command(self, host: str, command: list[str]) -> list[str]:
        """Return a command that runs within a namespace, in the same process."""
        return ["ip", "netns", "exec", self._inner(host), *command]

    def unplug(self, host: str) -> None:
        """Take a host off the network without a word to the others."""
        self._ip(f"-n {self._inner(host)} link set eth0 down")

    def _join(self, stack: ExitStack, host: str, number: int) -> None:
        self._add(stack, host)
        hub, inner = self._inner("hub"), self._inner(host)
        address = f"{SUBNET}.{number}"
        for line in (
            f"-n {hub} link add v{number} type veth peer name eth0 netns {inner}",
            f"-n {hub} link set v{number} master br0",
            f"-n {hub} link set v{number} up",
            f"-n {inner} addr add {address}/24 dev eth0",
            f"-n {inner} link set eth0 up",
            f"-n {inner} link set lo up",
        ):
            self._ip(line)
        self.hosts[host] = address

    def _add(self, stack: ExitStack, host: str) -> None:
        self._ip(f"netns add {self._inner(host)}")
        stack.callback(self._ip, f"netns del {self._inner(host)}")

    def _inner(self, host: str) -> str:
        return f"{self.name}-{host}"

    @staticmethod
    def _ip(words: str) -> None:
        command = ["ip", *words.split()]
        subprocess.run(command, check=True, capture_output=True)


def why_no_network() -> str | None:
    """Say why namespaces cannot be made here; None if they can."""
    if shutil.which("ip") is None:
        return "there is no command `ip`"
    try:
        with Network.made("one"):
            return None
    except subprocess.CalledProcessError as error:
        return error.stderr.decode(errors="replace").strip()


@dataclass
class Running:
    """A scheduler and its workers."""

    folder: Path
    port: int
    network: Network | None = None
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """Where the scheduler is, once it is started."""
        return f"tcp://{self._host('scheduler')}:{self.port}"

    def start_scheduler(self) -> None:
        """Start the scheduler and wait until it listens."""
        self._start(
            "scheduler",
            *("--host", self._host("scheduler"), "--port", str(self.port)),
            program="dask_scheduler",
        )
        self._wait("scheduler", "Scheduler at:")

    def start_workers(self, **folders: str) -> None:
        """Start workers of one thread and wait until they have found the scheduler.

        Parameters
        ----------
        folders : str
            By the worker's name the folder that it keeps its files in.
        """
        for name, folder in folders.items():
            place = self.folder / folder
            place.mkdir(exist_ok=True)
            self._start(
                name,
                self.address,
                *("--host", self._host(name), "--name", name),
                *("--nthreads", "1", "--no-nanny", "--local-directory", str(place)),
                program="dask_worker",
            )
        for name in folders:
            self._wait(name, "Registered to:")

    def kill(self, name: str) -> None:
        """Kill the scheduler or a worker."""
        end(self.processes.pop(name))

    def command(self, host: str, command: list[str]) -> list[str]:
        """Return a command that runs on one of the hosts."""
        if self.network is None:
            return command
        return self.network.command(host, command)

    def indexes(self, folder: str) -> list[Path]:
        """Return the indexes that the workers of a folder keep."""
        return [
            path
            for path in (self.folder / folder).glob("*/jiebang-indexes/*")
            if path.is_dir()
        ]

    def told(self, name: str) -> str:
        """Return what a process has written."""
        return (self.folder / f"{name}.log").read_text("utf-8", "replace")

    def _host(self, name: str) -> str:
        return "127.0.0.1" if self.network is None else self.network.hosts[name]

    def _start(self, name: str, *arguments: str, program: str) -> None:
        (self.folder / f"{name}.log").unlink(missing_ok=True)
        command = [
            *(sys.executable, "-m", f"distributed.cli.{program}"),
            *(*arguments, "--no-dashboard"),
        ]
        log = self.folder / f"{name}.log"
        self.processes[name] = start(self.command(name, command), log)

    def _wait(self, name: str, words: str) -> None:
        deadline = time.monotonic() + 180
        while words not in self.told(name):
            assert self.processes[name].poll() is None, self.told(name)
            assert time.monotonic() < deadline, self.told(name)
            time.sleep(0.05)


@contextmanager
def running(
    folder: Path, port: int, network: Network | None = None
) -> Iterator[Running]:
    """Make a place for a cluster, and leave no process of it behind."""
    cluster = Running(folder, port, network)
    try:
        yield cluster
    finally:
        for process in cluster.processes.values():
            end(process)
