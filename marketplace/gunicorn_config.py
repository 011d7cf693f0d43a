"""How gunicorn runs the market: processes with a few threads each.

The application and all that a ranking loads are there before a worker is forked,
so that workers share their memory and none loads anything while it answers.
"""

from __future__ import annotations

from typing import Any

from prometheus_client import multiprocess

from matching.preloading import preload

worker_class = "gthread"
threads = 4
timeout = 120
graceful_timeout = 15
keepalive = 5
accesslog = None
errorlog = "-"
loglevel = "warning"
control_socket_disable = True
preload_app = True


def when_ready(server: Any) -> None:  # noqa: ARG001
    """Load what every worker needs, once."""
    preload()


def child_exit(server: Any, worker: Any) -> None:  # noqa: ARG001
    """Drop the gauges of a worker that has ended."""
    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
