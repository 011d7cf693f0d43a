"""The runner: takes what is due from the outbox and hands it to its handler."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import cast
from uuid import UUID

import sqlalchemy.orm as so
import structlog
from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from marketplace.config import Settings
from marketplace.domain import actors
from marketplace.domain.actors import Actor
from marketplace.domain.clock import Clock
from marketplace.extensions import READ_ONLY, db
from marketplace.models.jobs import OutboxState
from marketplace.services import outbox
from marketplace.services.outbox import Claim

LEASE_SECONDS = 120
POLL_SECONDS = 1.0


class Interrupted(Exception):
    """The runner is asked to stop; the message goes back and loses nothing."""


class Later(Exception):
    """Something outside does not answer: no defect, and to be tried again."""


@dataclass
class Work:
    """One message in the hands of its handler.

    Parameters
    ----------
    session : Session
        Its transaction commits together with the end of the message.
    claim : Claim
    clock : Clock
    settings : Settings
    stop : threading.Event
        Set when the process is to end.
    """

    session: so.Session
    claim: Claim
    clock: Clock
    settings: Settings
    stop: threading.Event = field(default_factory=threading.Event)
    lease_seconds: int = LEASE_SECONDS

    def now(self) -> datetime:
        """Return the present moment of the injected clock."""
        return self.clock.now()

    def actor(self) -> Actor:
        """Return the system as the actor of this moment."""
        return actors.system(self.now(), request_id=f"job:{self.claim.id}")

    def hold(self) -> None:
        """Begin a further transaction of a long job, and keep the lease through it.

        Raises
        ------
        Interrupted
            The process is to end.
        LeaseLost
            Another runner has taken over.
        """
        if self.stop.is_set():
            raise Interrupted
        outbox.hold(self.session, self.claim, self.now(), self.lease_seconds)


@dataclass(frozen=True)
class Handler:
    """What to do for a topic.

    Parameters
    ----------
    run : callable
        Called at least once for each message.
    gave_up : callable, optional
        Called once, in the transaction in which the message becomes DEAD, with the
        last error.
    every : timedelta, optional
        The topic is a duty that comes back, not something that somebody puts.
    attempts : int
        How often it is tried before the message is given up.
    """

    run: Callable[[Work], None]
    gave_up: Callable[[Work, str], None] | None = None
    every: timedelta | None = None
    attempts: int = outbox.MAX_ATTEMPTS


class Runner:
    """Run the handlers, one message at a time, without threads of its own.

    Parameters
    ----------
    app : Flask
    handlers : mapping of topic to Handler, optional
        Those of the marketplace when absent.
    lease_seconds : int
        How long a message stays with a runner that has died.
    """

    def __init__(
        self,
        app: Flask,
        handlers: Mapping[str, Handler] | None = None,
        *,
        lease_seconds: int = LEASE_SECONDS,
    ) -> None:
        if handlers is None:
            from marketplace.jobs.handlers import HANDLERS  # noqa: PLC0415 - a cycle

            handlers = HANDLERS
        self.app = app
        self.handlers = handlers
        self.lease_seconds = lease_seconds
        self.clock = cast("Clock", app.extensions["jiebang.clock"])
        self.settings = cast("Settings", app.extensions["jiebang.settings"])
        self.log = structlog.get_logger("jiebang.jobs")

    def run_once(
        self,
        stop: threading.Event | None = None,
        *,
        message_id: UUID | None = None,
    ) -> bool:
        """Take and handle one message; returns whether there was one.

        Parameters
        ----------
        message_id : UUID, optional
            This one, unless it is done or somebody else has it; by default the one
            that has been due longest.
        """
        with self.app.app_context():
            session = db.session()
            try:
                claim = self._claim(session, message_id)
                if claim is None:
                    return False
                work = Work(
                    session=session,
                    claim=claim,
                    clock=self.clock,
                    settings=self.settings,
                    stop=stop or threading.Event(),
                    lease_seconds=self.lease_seconds,
                )
                self._handle(work)
                return True
            finally:
                db.session.remove()

    def run_all(self, most: int = 1000) -> int:
        """Handle what is due until nothing is left; returns how many messages."""
        for count in range(most):
            if not self.run_once():
                return count
        return most

    def prepare(self) -> None:
        """See that every recurring duty has its message."""
        with self.app.app_context():
            session = db.session()
            for topic, handler in self.handlers.items():
                if handler.every is not None:
                    outbox.recurring(session, topic, now=self.clock.now())
            session.commit()
            db.session.remove()

    def run_forever(
        self, stop: threading.Event, *, poll_seconds: float = POLL_SECONDS
    ) -> None:
        """Work until ``stop`` is set; a store that is away is waited for."""
        prepared = False
        while not stop.is_set():
            try:
                if not prepared:
                    self.prepare()
                    prepared = True
                worked = self.run_once(stop)
            except SQLAlchemyError:
                self.log.exception("jobs.store_unavailable")
                worked = False
            if not worked:
                stop.wait(poll_seconds)

    def due(self, most: int) -> Sequence[UUID]:
        """Return what waits to be taken, due longest first, without taking it."""
        with self.app.app_context():
            session = db.session()
            try:
                session.connection(execution_options=READ_ONLY)
                return outbox.due(session, self.clock.now(), most)
            finally:
                db.session.remove()

    def _claim(self, session: so.Session, message_id: UUID | None) -> Claim | None:
        now = self.clock.now()
        session.connection(execution_options=READ_ONLY)
        due = outbox.is_due(session, now, message_id)
        session.rollback()
        if not due:
            return None
        claim = outbox.claim(session, now, self.lease_seconds, message_id)
        session.commit()
        return claim

    def _handle(self, work: Work) -> None:
        claim = work.claim
        handler = self.handlers.get(claim.topic)
        log = self.log.bind(topic=claim.topic, message=str(claim.id))
        try:
            if claim.attempt > (handler.attempts if handler else outbox.MAX_ATTEMPTS):
                raise RuntimeError("earlier runners died with this message")  # noqa: TRY301
            if handler is None:
                raise LookupError(f"no handler for {claim.topic!r}")  # noqa: TRY301
            handler.run(work)
            if handler.every is None:
                outbox.done(work.session, claim, work.now())
            else:
                now = work.now()
                outbox.again(work.session, claim, now, now + handler.every)
            work.session.commit()
        except outbox.LeaseLost:
            work.session.rollback()
            log.warning("jobs.lease_lost")
        except Interrupted:
            work.session.rollback()
            outbox.release(work.session, claim, work.now())
            work.session.commit()
            log.info("jobs.interrupted")
        except Later as error:
            work.session.rollback()
            log.warning("jobs.later", attempt=claim.attempt, why=str(error))
            self._failed(work, handler, error)
        except Exception as error:
            work.session.rollback()
            log.exception("jobs.failed", attempt=claim.attempt)
            self._failed(work, handler, error)
        else:
            log.info("jobs.done", attempt=claim.attempt)

    def _failed(self, work: Work, handler: Handler | None, error: Exception) -> None:
        text = "".join(traceback.format_exception(error))
        try:
            state = outbox.failed(
                work.session,
                work.claim,
                work.now(),
                text,
                give_up=handler is None or handler.every is None,
                attempts=handler.attempts if handler else outbox.MAX_ATTEMPTS,
            )
            if state is OutboxState.DEAD and handler and handler.gave_up:
                handler.gave_up(work, text)
            work.session.commit()
        except outbox.LeaseLost:
            work.session.rollback()
