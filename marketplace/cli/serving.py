"""``jiebang serve``: the whole market on one machine; ``jiebang work``: its jobs."""

from __future__ import annotations

import json
import os
import shutil
import signal
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

from marketplace.config import Settings

GRACE_SECONDS = 20


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 64))
@click.option("--demo", is_flag=True, help="Load the invented demo market once.")
@with_appcontext
def serve(host: str, port: int, workers: int, demo: bool) -> None:
    """Prepare the store and serve the market. 启动服务。"""
    settings: Settings = current_app.extensions["jiebang.settings"]
    load = [sys.executable, "-m", "seeds", "load", *(["--demo"] if demo else [])]
    if subprocess.run(load, check=False).returncode:  # noqa: S603
        click.echo("jiebang: the store could not be prepared", err=True)
        sys.exit(1)
    environment = _environment(settings)
    commands = {
        "web": [
            sys.executable,
            *("-m", "gunicorn", "--config", "python:marketplace.gunicorn_config"),
            *("--bind", f"{host}:{port}", "--workers", str(workers)),
            "marketplace.app:create_app()",
        ],
        "jobs": [sys.executable, "-m", "marketplace", "work"],
    }
    sys.exit(Supervisor(commands, environment).run(f"http://{host}:{port}", demo=demo))


def _environment(settings: Settings) -> dict[str, str]:
    """Give the children an empty folder for the counters of all processes."""
    folder = settings.metrics_dir.resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(folder)}


class Supervisor:
    """Start the processes, restart the job runner if it dies, stop all together."""

    def __init__(self, commands: dict[str, list[str]], environment: dict[str, str]):
        self.commands = commands
        self.environment = environment
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        self.stopping = threading.Event()

    def run(self, address: str, *, demo: bool) -> int:
        """Serve until a signal or until the web process ends; return its status."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        for name in self.commands:
            self._start(name)
        threading.Thread(target=self._greet, args=(address, demo), daemon=True).start()
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

    def _greet(self, address: str, demo: bool) -> None:
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
        click.echo(greeting(address, demo=demo))


def greeting(address: str, *, demo: bool) -> str:
    """Return the last screen of the start."""
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
    return "\n".join([*lines, "", "  Ctrl-C stops it 停止", ""])


@click.command()
@with_appcontext
def work() -> None:
    """Do what waits in the outbox: imports, upkeep. 后台任务。"""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    current_app.extensions["jiebang.runner"].run_forever(stop)
