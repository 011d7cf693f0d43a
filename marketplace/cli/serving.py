"""``jiebang serve``: the whole market on one machine; ``jiebang work``: its jobs."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import FrameType

import click
from flask import current_app
from flask.cli import with_appcontext

from marketplace.config import Settings, SettingsError
from marketplace.extensions import READ_ONLY, db
from marketplace.services import accounts

GRACE_SECONDS = 20
FIRST_OPERATOR = (
    "  Nobody can sign in yet 尚无账号. Make the first operator 请创建首个运营方账号:",
    "  in a second terminal, in this folder, with the same variables exported",
    "  在另一终端的本目录下，导出同样的环境变量后执行（密码另行输入）",
    "    .venv/bin/python -m marketplace operator \\",
    "      --organisation 运营单位全称 --uscc 统一社会信用代码 \\",
    "      --region 所在地六位代码 --email 邮箱 --name 姓名",
)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 64))
@click.option("--demo", is_flag=True, help="Load the invented demo market once.")
@with_appcontext
def serve(host: str, port: int, workers: int, demo: bool) -> None:
    """Prepare the store and serve the market. 启动服务。"""
    settings: Settings = current_app.extensions["jiebang.settings"]
    _check_address(host, port)
    db.engine.connect().close()  # a store that cannot be used ends it here
    load = [sys.executable, "-m", "seeds", "load", *(["--demo"] if demo else [])]
    if subprocess.run(load, check=False).returncode:  # noqa: S603
        click.echo("jiebang: the store could not be prepared", err=True)
        sys.exit(1)
    environment = _environment(settings)
    commands = {
        "web": [
            sys.executable,
            *("-m", "gunicorn", "--config", "python:marketplace.gunicorn_config"),
            *("--bind", _place(host, port), "--workers", str(workers)),
            "marketplace.app:create_app()",
        ],
        "jobs": [sys.executable, "-m", "marketplace", "work"],
    }
    address = f"http://{_place(host, port)}"
    screen = greeting(address, demo=demo, operated=_has_operator())
    sys.exit(Supervisor(commands, environment).run(address, screen))


def _place(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _check_address(host: str, port: int) -> None:
    """Refuse an address that nobody can serve on, before anything is prepared."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            other = port + 1 if port < 65535 else port - 1
            raise SettingsError(
                f"port {port} is taken: stop what serves there, or take another one:"
                f" make run PORT={other}, or serve --port {other}"
            ) from None
        raise SettingsError(
            f"--host {host} --port {port}: cannot be served on ({error.strerror})"
        ) from None


def _has_operator() -> bool:
    session = db.session()
    session.connection(execution_options=READ_ONLY)
    found = bool(accounts.operators(session))
    db.session.remove()
    return found


def _environment(settings: Settings) -> dict[str, str]:
    """Give the children an empty folder for the counters of all processes."""
    folder = settings.metrics_dir.resolve()
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise SettingsError(
            f"JIEBANG_DATA_DIR: {str(folder)!r} cannot be made ({error.strerror})"
        ) from None
    return os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(folder)}


class Supervisor:
    """Start the processes, restart the job runner if it dies, stop all together."""

    def __init__(self, commands: dict[str, list[str]], environment: dict[str, str]):
        self.commands = commands
        self.environment = environment
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        self.stopping = threading.Event()

    def run(self, address: str, screen: str) -> int:
        """Serve until a signal or until the web process ends; return its status."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        for name in self.commands:
            self._start(name)
        threading.Thread(
            target=self._greet, args=(address, screen), daemon=True
        ).start()
        while not self.stopping.wait(0.5):
            if self.children["web"].poll() is not None:
                break
            if self.children["jobs"].poll() is not None:
                self._start("jobs")
        return self._end()

    def _start(self, name: str) -> None:
        self.children[name] = subprocess.Popen(  # noqa: S603
            self.commands[name], env=self.environment
        )

    def _stop(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self.stopping.set()

    def _end(self) -> int:
        for child in self.children.values():
            if child.poll() is None:
                child.terminate()
        deadline = time.monotonic() + GRACE_SECONDS
        for child in self.children.values():
            try:
                child.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        status = self.children["web"].returncode
        return 0 if self.stopping.is_set() else status or 1

    def _greet(self, address: str, screen: str) -> None:
        """Say where to look, once the market answers."""
        for _ in range(240):
            if self.stopping.wait(0.5):
                return
            try:
                with urllib.request.urlopen(f"{address}/readyz", timeout=5):  # noqa: S310
                    break
            except (urllib.error.URLError, OSError):
                continue
        else:
            click.echo(f"jiebang: {address}/readyz does not answer yet", err=True)
            return
        click.echo(screen)


def greeting(address: str, *, demo: bool, operated: bool) -> str:
    """Return the last screen of the start.

    Parameters
    ----------
    demo : bool
        Name the demo accounts.
    operated : bool
        Somebody is an operator already; otherwise say how the first one comes in.
    """
    lines = [
        "",
        "  Jiebang 揭榜 is serving 已启动",
        f"  API and its pages 接口文档   {address}/api/v1/docs/",
        f"  description 接口描述         {address}/api/v1/openapi.json",
        f"  needs library 需求库         {address}/api/v1/needs",
    ]
    if demo:
        lines += [
            "",
            "  demo accounts 演示账号 (invented; password 密码 jiebang-demo-2026)",
        ]
        path = Path(__file__).resolve().parents[2] / "seeds" / "demo" / "accounts.json"
        accounts = json.loads(path.read_text(encoding="utf-8"))["accounts"]
        lines += [f"    {a['email']:<32} {a['title']}" for a in accounts if a["shown"]]
    if not operated:
        lines += ["", *FIRST_OPERATOR]
    return "\n".join([*lines, "", "  Ctrl-C stops it 停止", ""])


@click.command()
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 64))
@click.option(
    "--lease",
    default=120,
    show_default=True,
    type=click.IntRange(1, 3600),
    help="Seconds after which the work of a dead worker is taken up by another one.",
)
@with_appcontext
def work(workers: int, lease: int) -> None:
    """Do what waits in the outbox: imports, mail, upkeep. 后台任务。"""
    jobs = current_app.extensions["jiebang.jobs"](workers=workers, lease_seconds=lease)

    def take_signals() -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: jobs.stop.set())
        signal.signal(signal.SIGHUP, signal.SIG_DFL)

    jobs.run(take_signals)
