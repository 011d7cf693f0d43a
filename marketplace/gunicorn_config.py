"""How gunicorn runs the market: processes with a few threads each."""

from __future__ import annotations

from typing import Any

from prometheus_client import multiprocess

worker_class = "gthread"
threads = 4
timeout = 120
graceful_timeout = 15
keepalive = 5
accesslog = None
errorlog = "-"
loglevel = "warning"
control_socket_disable = True


def child_exit(server: Any, worker: Any) -> None:  # noqa: ARG001
    """Drop the gauges of a worker that has ended."""
    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
