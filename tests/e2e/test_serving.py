"""``jiebang serve``: from an empty folder to a market, and back to nothing."""

from __future__ import annotations

import os
import signal
import sys
import time

import pytest

from tests.servers import (
    Installation,
    Server,
    descendants,
    free_port,
    processes,
    until,
)


def command(port: int) -> list[str]:
    return [sys.executable, "-m", "marketplace", "serve", "--port", str(port)]


def run_by(server: Server, word: str) -> list[int]:
    """Return the processes below the supervisor whose command line has a word."""
    below = descendants(server.process.pid)
    return sorted(pid for pid, found in below.items() if word in found.command)


def jobs(server: Server) -> list[int]:
    return run_by(server, "marketplace work")


def web(server: Server) -> list[int]:
    """The web server's processes: the one that listens, then its workers."""
    return run_by(server, "gunicorn")


def test_an_empty_folder_becomes_a_market_and_ends_cleanly(
    installation: Installation,
) -> None:
    port = free_port()
    with installation.started(command(port), port) as server:
        assert server.call("GET", "/readyz").json["status"] == "ok"
        assert server.call("GET", "/api/v1/needs").json["total"] == 0
        assert server.call("GET", "/api/v1/codes/sd_chain").status == 200
        until(lambda: len(web(server)) == 3, 30, "one that listens, two that work")
        runner = until(lambda: jobs(server), 30, "a job runner")

        os.kill(runner[0], signal.SIGKILL)
        again = until(
            lambda: [p for p in jobs(server) if p not in runner], 30, "a new runner"
        )
        assert len(again) == 1

        below = descendants(server.process.pid)
        assert len(below) >= 4
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(30) == 0
        assert not below.keys() & processes().keys()
        assert "Traceback" not in server.told()

    began = time.monotonic()
    port = free_port()
    with installation.started(command(port), port) as server:
        assert server.call("GET", "/api/v1/codes/sd_chain").status == 200
        assert "is serving" in until(
            lambda: "is serving" in server.told() and server.told(), 30, "the greeting"
        )
    assert time.monotonic() - began < 60


WRONG = {
    "DATABASE_URL": ("mysql://somebody@host/base", "'mysql' is not supported"),
    "JIEBANG_TOKEN_HOURS": ("zero", "JIEBANG_TOKEN_HOURS"),
    "JIEBANG_MAX_UPLOAD_MB": ("-1", "must be greater than 0"),
    "JIEBANG_TIME_ZONE": ("Asia/Nowhere", "not an IANA zone"),
    "JIEBANG_LOG_LEVEL": ("LOUD", "must be one of"),
}


@pytest.mark.parametrize("store", ["sqlite"])
@pytest.mark.parametrize("name", sorted(WRONG))
def test_a_wrong_setting_is_one_line_and_nothing_starts(
    installation: Installation, name: str
) -> None:
    value, told = WRONG[name]
    done = installation.run("serve", "--port", str(free_port()), **{name: value})
    assert done.returncode == 2
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("jiebang: ")
    assert told in lines[0]


@pytest.mark.parametrize("store", ["sqlite"])
def test_without_its_database_no_market_starts(installation: Installation) -> None:
    away = "postgresql://nobody@127.0.0.1:1/nothing"
    done = installation.run("serve", "--port", str(free_port()), DATABASE_URL=away)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert len(lines) == 2, done.stderr
    assert lines[0].startswith("seeds: the store cannot be used: ")
    assert lines[1] == "jiebang: the store could not be prepared"
    asked = installation.run("audit", "verify", DATABASE_URL=away)
    assert asked.returncode == 2
    assert asked.stderr.startswith("jiebang: the store cannot be used: ")
    assert len(asked.stderr.splitlines()) == 1
