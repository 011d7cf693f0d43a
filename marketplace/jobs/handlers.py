"""What is done for each topic of the outbox."""

from __future__ import annotations

from datetime import timedelta
from typing import cast
from uuid import UUID

from flask import current_app

from marketplace.extensions import READ_ONLY
from marketplace.integrations import sheets
from marketplace.integrations.files import FolderStore
from marketplace.jobs.runner import Handler, Work
from marketplace.services import (
    accounts,
    idempotency,
    import_runs,
    imports,
    needs,
    outbox,
)
from marketplace.services.indexes import MatchIndex

KEEP_INDEX = "duty.keep-index"


def run_import(work: Work) -> None:
    """Bring a sheet in; then the index takes it in, ahead of the first question."""
    run = import_runs.Run(
        session=work.session,
        store=FolderStore(work.settings.files_dir),
        read_rows=sheets.read,
        now=work.now,
        hold=work.hold,
    )
    run(UUID(work.claim.payload["job_id"]))
    outbox.hasten(work.session, KEEP_INDEX, now=work.now())


def give_import_up(work: Work, error: str) -> None:  # noqa: ARG001 - stays in the outbox
    """Tell who waits for an import that it has failed."""
    imports.gave_up(work.session, work.now(), UUID(work.claim.payload["job_id"]))


def expire_needs(work: Work) -> None:
    """Take needs out of the library whose last day has passed."""
    needs.expire_due(work.session, work.actor())


def forget_answers(work: Work) -> None:
    """Drop answers that were kept for requests sent again."""
    hours = work.settings.idempotency_hours
    idempotency.forget(work.session, work.now(), hours=hours)


def forget_attempts(work: Work) -> None:
    """Drop failed sign-ins that no longer count."""
    minutes = work.settings.sign_in_minutes
    accounts.forget_attempts(work.session, work.now(), minutes=minutes)


def forget_messages(work: Work) -> None:
    """Drop messages that were done long ago."""
    outbox.forget(work.session, work.now())


def keep_index(work: Work) -> None:
    """Write a new base of the match index when much has come since the last.

    That reads for long and writes nothing into the store, so it must not hold
    SQLite's write lock.
    """
    index = cast("MatchIndex", current_app.extensions["jiebang.index"])
    work.session.connection(execution_options=READ_ONLY)
    index.upkeep(work.session)
    work.session.rollback()


HOUR = timedelta(hours=1)
HANDLERS: dict[str, Handler] = {
    imports.TOPIC: Handler(run_import, gave_up=give_import_up),
    "duty.expire-needs": Handler(expire_needs, every=HOUR),
    "duty.forget-answers": Handler(forget_answers, every=HOUR),
    "duty.forget-attempts": Handler(forget_attempts, every=HOUR),
    "duty.forget-messages": Handler(forget_messages, every=24 * HOUR),
    KEEP_INDEX: Handler(keep_index, every=timedelta(minutes=1)),
}
"""Every topic; those with ``every`` are duties that come back by themselves."""
