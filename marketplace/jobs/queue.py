"""The process that works the outbox off: Huey's workers, and who gives them work.

The outbox stays the only truth. A dispatcher reads which messages are due and puts
their identifiers into Huey's queue; a worker that takes one out claims the message
under its lease and handles it as ``Runner`` does. Whatever is lost of the queue, with
a worker or with its whole file, is due in the outbox as before; whatever is in it twice
finds its message taken or done. Nothing has to be kept in step.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import structlog
from flask import Flask
from huey import Huey, PostgresHuey, SqliteHuey
from huey.registry import Message
from huey.serializer import Serializer
from sqlalchemy.exc import SQLAlchemyError

from marketplace.config import Settings
from marketplace.extensions import db
from marketplace.jobs.runner import LEASE_SECONDS, Handler, Runner

NAME = "jiebang"
WORKERS = 2
"""One may sit over a large import while the other one goes on."""
POLL_SECONDS = 0.5
BUSY_SECONDS = 0.1
"""How soon to look again while the workers have something to do."""
BATCH = 100
"""So many are handed over at a time; a message that comes meanwhile waits for them."""
SHUTDOWN_SECONDS = 15.0
"""A worker that has not ended by then is left; its message comes back by its lease."""


class PlainSerializer(Serializer):  # type: ignore[misc]
    """Tasks as JSON: what lies in the queue is data, and never code as in a pickle."""

    def _serialize(self, data: Message) -> bytes:
        return json.dumps(list(data)).encode("ascii")

    def _deserialize(self, data: bytes) -> Message:
        return Message(*json.loads(bytes(data)))


def make_queue(settings: Settings) -> Huey:
    """Return the queue that belongs to a store, without touching it yet.

    Beside an SQLite store it is a file of its own, which needs no care: it may be
    deleted whenever no worker runs. On PostgreSQL it is tables of the same database,
    ``huey_*``, so that workers on several machines share it.
    """
    options: dict[str, Any] = {
        "results": False,
        "serializer": PlainSerializer(),
        "create_tables": False,
    }
    url = sa.make_url(settings.database_url)
    if url.get_backend_name() == "sqlite":
        return SqliteHuey(
            NAME,
            filename=str(settings.jobs_file),
            timeout=settings.busy_seconds,
            fsync=False,
            **options,
        )
    dsn = url.set(drivername="postgresql").render_as_string(hide_password=False)
    return PostgresHuey(NAME, dsn=dsn, blocking=False, **options)


class JobProcess:
    """Workers and their dispatcher, until they are stopped.

    Parameters
    ----------
    app : Flask
    handlers : mapping of topic to Handler, optional
        Those of the marketplace when absent.
    workers : int
        Threads; each handles one message at a time.
    lease_seconds : int
        How long a message stays with a worker that has died.
    """

    def __init__(
        self,
        app: Flask,
        handlers: Mapping[str, Handler] | None = None,
        *,
        workers: int = WORKERS,
        lease_seconds: int = LEASE_SECONDS,
    ) -> None:
        self.runner = Runner(app, handlers, lease_seconds=lease_seconds)
        self.queue = make_queue(self.runner.settings)
        self.workers = workers
        self.stop = threading.Event()
        self.log = structlog.get_logger("jiebang.jobs")
        self._put: Callable[[str], Any] = self.queue.task(name="handle")(self._handle)
        logger = logging.getLogger("huey")
        logger.setLevel(max(logging.getLogger().level, logging.WARNING))

    def run(self, take_signals: Callable[[], None] = lambda: None) -> None:
        """Work until ``stop`` is set; a store that is away is waited for.

        Has to be called from the main thread.

        Parameters
        ----------
        take_signals : callable
            Called once the workers run: Huey then has set signal handlers of its own.
        """
        take_signals()
        self._until_done(self._prepare)
        consumer = self.queue.create_consumer(
            workers=self.workers,
            periodic=False,
            max_delay=POLL_SECONDS,
            shutdown_timeout=SHUTDOWN_SECONDS,
        )
        consumer.start()
        take_signals()
        handed_over = 0

        def dispatch() -> None:
            nonlocal handed_over
            handed_over = self.dispatch() or self.queue.pending_count()

        while not self.stop.is_set():
            self._until_done(dispatch)
            consumer.check_worker_health()
            self.stop.wait(BUSY_SECONDS if handed_over else POLL_SECONDS)
        consumer.stop(graceful=True)
        self.queue.storage.close()

    def dispatch(self) -> int:
        """Hand over what is due, once everything handed over before was taken.

        Returns
        -------
        int
            How many messages were handed over.
        """
        if self.queue.pending_count():
            return 0
        due = self.runner.due(BATCH)
        for message_id in due:
            self._put(str(message_id))
        return len(due)

    def _handle(self, message_id: str) -> None:
        """Handle one message in a worker; one that is taken or done is passed over."""
        if not self.stop.is_set():
            self.runner.run_once(self.stop, message_id=UUID(message_id))

    def _prepare(self) -> None:
        self.queue.storage.initialize_schema()
        self.runner.prepare()

    def _until_done(self, step: Callable[[], Any]) -> None:
        """Take a step, again and again while the store is away."""
        errors = self._store_errors()
        while not self.stop.is_set():
            try:
                step()
            except errors:
                self.log.exception("jobs.store_unavailable")
                self.stop.wait(1.0)
            else:
                return

    def _store_errors(self) -> tuple[type[Exception], ...]:
        """Return what a store that is away raises; the queue uses its driver bare."""
        with self.runner.app.app_context():
            driver: Any = db.engine.dialect.loaded_dbapi
        return SQLAlchemyError, driver.Error
