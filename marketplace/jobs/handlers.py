"""What is done for each topic of the outbox."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import cast
from uuid import UUID

from flask import current_app

from marketplace.domain.actors import Actor
from marketplace.domain.messages import MailState
from marketplace.extensions import READ_ONLY
from marketplace.integrations import mail, sheets
from marketplace.integrations.files import FolderStore
from marketplace.jobs.runner import Handler, Later, Work
from marketplace.services import (
    accounts,
    conversion_duties,
    docking_plans,
    dockings,
    idempotency,
    import_runs,
    imports,
    lifecycles,
    message_mails,
    messages,
    needs,
    notices,
    outbox,
)
from marketplace.services.indexes import MatchIndex
from marketplace.services.message_mails import Letter

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


def solve_docking_day(work: Work) -> None:
    """Plan a docking day in a child process, while no lock is held."""
    run = docking_plans.Run(
        session=work.session,
        index=cast("MatchIndex", current_app.extensions["jiebang.index"]),
        now=work.now,
        hold=work.hold,
        reading=lambda: work.session.connection(execution_options=READ_ONLY),
    )
    run(UUID(work.claim.payload["plan_id"]))


def give_plan_up(work: Work, error: str) -> None:  # noqa: ARG001 - stays in the outbox
    """Tell who waits for a plan that it has failed."""
    plan_id = UUID(work.claim.payload["plan_id"])
    docking_plans.gave_up(work.session, work.now(), plan_id)


def expire_needs(work: Work) -> None:
    """Take needs out of the library whose last day has passed."""
    needs.expire_due(work.session, work.actor())


def lapse_dockings(work: Work) -> None:
    """Let requests lapse that nobody has answered."""
    dockings.expire_due(work.session, _local(work))


def take_leave(work: Work) -> None:
    """Tell those who talk about a listing that it has left the market."""
    payload = work.claim.payload
    listing_id = UUID(payload["listing_id"])
    dockings.take_leave(work.session, _local(work), payload["kind"], listing_id)


def ask_for_reports(work: Work) -> None:
    """Ask units for the reports that they owe each year."""
    conversion_duties.ask(work.session, _local(work))


def remind(work: Work) -> None:
    """Remind of what is due soon, and escalate what is late."""
    notices.remind(work.session, _local(work))


def _local(work: Work) -> Actor:
    """Return the system, with the days of the market's time zone."""
    return replace(work.actor(), zone=work.settings.zone)


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


def send_mail(work: Work) -> None:
    """Send the mail about one message."""
    message_id = UUID(work.claim.payload["message_id"])
    _deliver(work, lambda: message_mails.letter(work.session, message_id))


def give_mail_up(work: Work, error: str) -> None:
    """Say of a message that no mail about it could be sent, and why."""
    message_mails.close(
        work.session,
        work.actor(),
        [UUID(work.claim.payload["message_id"])],
        MailState.FAILED,
        reason=error.strip().rpartition("\n")[2],
    )


def send_digest(work: Work) -> None:
    """Send one person what he had not read when his digest was asked for.

    When it is given up, what it told of waits for the next one.
    """
    user_id = UUID(work.claim.payload["user_id"])
    day = date.fromisoformat(work.claim.payload["day"])
    told = [UUID(each) for each in work.claim.payload.get("message_ids", ())]
    _deliver(work, lambda: message_mails.digest(work.session, user_id, day, told))
    message_mails.drop_read(work.session, user_id)


def _deliver(work: Work, read: Callable[[], Letter | None]) -> None:
    """Read a letter, send it outside of any transaction, and write down its end.

    A mail server may take its time, and on SQLite a transaction that may write holds
    the lock of all writers.
    """
    work.session.connection(execution_options=READ_ONLY)
    letter = read()
    work.session.rollback()
    if letter is None:
        return
    state, reason = _sent(work, letter)
    message_mails.close(
        work.session, work.actor(), letter.message_ids, state, reason=reason
    )


def _sent(work: Work, letter: Letter) -> tuple[MailState, str]:
    server = work.settings.mail_server
    if server is None:
        return MailState.NO_SERVER, ""
    if not letter.wanted:
        return MailState.UNWANTED, ""
    try:
        mail.send(server, mail.compose(letter, work.settings, work.now()))
    except mail.Refused as error:
        return MailState.FAILED, str(error)
    except mail.Unavailable as error:
        raise Later(str(error)) from error
    return MailState.SENT, ""


def put_digests(work: Work) -> None:
    """Ask for the digest of everybody whose hour has come."""
    message_mails.put_digests(work.session, _local(work))


MAIL_ATTEMPTS = 24
"""With delays of up to an hour a mail server may be away for most of a day."""
HOUR = timedelta(hours=1)
HANDLERS: dict[str, Handler] = {
    imports.TOPIC: Handler(run_import, gave_up=give_import_up),
    messages.MAIL_TOPIC: Handler(
        send_mail, gave_up=give_mail_up, attempts=MAIL_ATTEMPTS
    ),
    message_mails.DIGEST_TOPIC: Handler(send_digest),
    "duty.put-digests": Handler(put_digests, every=timedelta(minutes=5)),
    docking_plans.TOPIC: Handler(solve_docking_day, gave_up=give_plan_up),
    lifecycles.LEFT: Handler(take_leave),
    "duty.expire-needs": Handler(expire_needs, every=HOUR),
    "duty.lapse-dockings": Handler(lapse_dockings, every=HOUR),
    "duty.ask-for-reports": Handler(ask_for_reports, every=24 * HOUR),
    "duty.remind": Handler(remind, every=HOUR),
    "duty.forget-answers": Handler(forget_answers, every=HOUR),
    "duty.forget-attempts": Handler(forget_attempts, every=HOUR),
    "duty.forget-messages": Handler(forget_messages, every=24 * HOUR),
    KEEP_INDEX: Handler(keep_index, every=timedelta(minutes=1)),
}
"""Every topic; those with ``every`` are duties that come back by themselves."""
