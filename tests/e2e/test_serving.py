"""``jiebang serve``: from an empty folder to a market, and back to nothing."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.test_walks import ROOT, walk
from tests.servers import (
    Installation,
    Server,
    descendants,
    free_port,
    processes,
    until,
)
from tests.stores import ONE


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


@pytest.mark.parametrize("store", [ONE])
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


def told_once(server: Server) -> str:
    """Return the start screen, once it is there."""
    until(lambda: "Ctrl-C stops it" in server.told(), 60, "the start screen")
    return server.told()


@pytest.mark.parametrize("store", ["sqlite"])
def test_an_empty_market_says_how_its_first_people_come_in(
    installation: Installation,
) -> None:
    """The commands of the README, as printed; the password comes by the keyboard."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("the walk needs bash")
    make, go_on = walk("first")
    password = "a-password-of-one-s-own"
    port = free_port()
    with installation.started(command(port), port) as server:
        screen = told_once(server)
        for words in make.replace("\\\n", "").split():
            if words.startswith(("--", ".venv", "operator")) and "@" not in words:
                assert words in screen, words
        make = make.replace(".venv/bin/python", shlex.quote(sys.executable))
        for commands, typed in ((make, f"{password}\n{password}\n"), (go_on, "")):
            done = subprocess.run(
                [bash, "-euo", "pipefail", "-c", commands],
                cwd=ROOT,
                env=installation.environment(
                    PATH=os.pathsep.join(
                        [str(Path(sys.executable).parent), os.environ["PATH"]]
                    ),
                    XDG_CONFIG_HOME=str(installation.folder),
                    JIEBANG_SERVER=f"http://127.0.0.1:{port}",
                    JIEBANG_PASSWORD=password,
                ),
                input=typed,
                capture_output=True,
                text=True,
                start_new_session=True,
                timeout=120,
                check=False,
            )
            assert done.returncode == 0, done.stdout + done.stderr
        assert "verify → 已认证 VERIFIED" in done.stdout
        assert "草稿 DRAFT（第 1 版）" in done.stdout
    port = free_port()
    with installation.started(command(port), port) as server:
        assert "marketplace operator" not in told_once(server)
    sound = installation.run("audit", "verify")
    assert sound.returncode == 0, sound.stderr
    assert "ledger sound" in sound.stdout


WRONG = {
    "DATABASE_URL": ("mysql://somebody@host/base", "'mysql' is not supported"),
    "JIEBANG_DATA_DIR": ("/dev/null/folder", "JIEBANG_DATA_DIR"),
    "JIEBANG_TOKEN_HUORS": ("3", "did you mean JIEBANG_TOKEN_HOURS?"),
}
"""What is wrong with a setting is read elsewhere; here, that it is one line."""


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
@pytest.mark.parametrize(
    ("asked", "away"),
    [
        ("serve", "postgresql://nobody:top-secret@127.0.0.1:1/nothing"),
        ("audit verify", "postgresql://nobody:top-secret@127.0.0.1/nothing?colour=1"),
        ("serve", "sqlite:////dev/null/market.db"),
        ("audit verify", f"sqlite:///{ROOT / 'README.md'}"),
    ],
)
def test_without_its_database_nothing_starts(
    installation: Installation, asked: str, away: str
) -> None:
    more = ["--port", str(free_port())] if asked == "serve" else []
    done = installation.run(*asked.split(), *more, DATABASE_URL=away)
    assert done.returncode == 2
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("jiebang: DATABASE_URL: the store cannot be used: ")
    assert "top-secret" not in lines[0]


@pytest.mark.parametrize("store", ["sqlite"])
def test_a_store_without_tables_is_told_apart(installation: Installation) -> None:
    done = installation.run("audit", "verify")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "jiebang: DATABASE_URL: the store has no tables" in done.stderr


@pytest.mark.parametrize("store", ["sqlite"])
def test_a_port_that_is_taken_is_told_before_anything_is_prepared(
    installation: Installation,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = installation.run("serve", "--port", str(port))
    assert done.returncode == 2
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith(f"jiebang: port {port} is taken")
    assert "make run PORT=" in lines[0]
    assert "PORT ?= 8000" in (ROOT / "Makefile").read_text(encoding="utf-8")


@pytest.mark.parametrize("store", ["sqlite"])
def test_the_help_names_our_commands_only(installation: Installation) -> None:
    done = installation.run("--help")
    assert done.returncode == 0
    named = done.stdout.partition("Commands:")[2].split("\n")
    assert {line.split()[0] for line in named if line.strip()} == {
        *("audit", "import", "learn", "match-all", "migrate", "operator"),
        *("serve", "work"),
    }
    assert "--app" not in done.stdout
