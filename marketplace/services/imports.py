"""Imports 导入: a sheet on its way in, with progress and a report on every wrong cell.

A job is asked for, put into the outbox, and run batch by batch. With ``mode`` "good"
each batch keeps its good rows; with "all" the whole sheet is checked first and then
kept in one transaction, or not at all. A row that came in once never comes in twice,
whoever is killed and however often the job runs again.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from datetime import datetime
from typing import Any, BinaryIO
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace import policies
from marketplace.domain import filetypes
from marketplace.domain.actors import Actor
from marketplace.domain.sheets import SheetRow
from marketplace.domain.workflows import refusal as refused
from marketplace.errors import (
    Forbidden,
    Invalid,
    NotFound,
    Stale,
    Text,
)
from marketplace.models.jobs import ImportJob, ImportProblem, ImportState
from marketplace.models.organisations import Organisation
from marketplace.models.users import User
from marketplace.policies import IMPORT_RULES, Grant
from marketplace.services import events, outbox, tokens
from marketplace.services.attachments import (
    FileStore,
    FileTooLarge,
    refusal,
    too_large,
)
from marketplace.services.import_columns import KINDS
from marketplace.services.paging import Listing

TOPIC = "import"
MODES = ("all", "good")
CANCEL = Text("取消", "Cancel")
FINAL = frozenset(
    {
        ImportState.DONE,
        ImportState.REFUSED,
        ImportState.CANCELLED,
        ImportState.FAILED,
    }
)
SHEETS = frozenset({filetypes.XLSX, filetypes.CSV, filetypes.TEXT})

ReadRows = Callable[[BinaryIO, str], Generator[SheetRow]]
"""Reads the rows of a file by its name; raises ``BadSheet``."""


def request(
    session: so.Session,
    actor: Actor,
    store: FileStore,
    stream: BinaryIO,
    *,
    filename: str,
    kind: str,
    mode: str,
    dry_run: bool,
    publish: bool,
    limit: int,
    org_id: UUID | None = None,
) -> ImportJob:
    """Take a sheet in and put its job into the outbox.

    Parameters
    ----------
    kind : str
        ``organisations``, ``needs`` or ``offers``.
    mode : str
        ``all``: nothing is kept when a row is wrong; ``good``: good rows are kept.
    dry_run : bool
        Check and report, keep nothing.
    publish : bool
        The rows are records that were checked before; they go straight to the market.
    org_id : UUID, optional
        Whose rows these are. An operator leaves it out when each row names its unit.

    Raises
    ------
    Unauthenticated, Forbidden
        The caller may not import this, or not for this unit.
    Invalid, UnsupportedMedia, PayloadTooLarge
        The options or the file are refused.
    """
    _check_options(kind, mode, publish=publish)
    org_id, grant = _allowed(session, actor, kind, org_id, publish=publish)
    name = filetypes.clean_name(filename)
    try:
        found = filetypes.recognise(stream, name)
        if found.media_type not in SHEETS:
            raise filetypes.BadFile("type_not_accepted", "neither xlsx nor csv")  # noqa: TRY301
        stored = store.put(stream, limit=limit)
    except filetypes.BadFile as error:
        raise refusal(error, accepted="xlsx, csv", modern="xlsx") from error
    except FileTooLarge as error:
        raise too_large(error) from error
    job = ImportJob(
        user_id=actor.user_id,
        org_id=org_id,
        role=grant.role,
        kind=kind,
        mode=mode,
        dry_run=dry_run,
        publish=publish,
        filename=name,
        digest=stored.digest,
        size=stored.size,
        state=ImportState.QUEUED,
        created_at=actor.now,
        updated_at=actor.now,
    )
    session.add(job)
    session.flush()
    events.record(
        session,
        actor,
        job,
        "import.request",
        role=grant.role,
        org_id=grant.org_id,
        to_state=job.state.value,
        changes=events.difference(
            {},
            {
                "kind": kind,
                "mode": mode,
                "dry_run": dry_run,
                "publish": publish,
                "filename": name,
                "digest": stored.digest,
                "organisation_id": org_id,
            },
        ),
    )
    outbox.put(session, TOPIC, {"job_id": job.id}, now=actor.now)
    return job


def _check_options(kind: str, mode: str, *, publish: bool) -> None:
    if kind not in KINDS:
        raise Invalid.at(
            "/kind",
            "unknown_kind",
            "只能是 organisations、needs 或 offers",
            "must be organisations, needs or offers",
        )
    if mode not in MODES:
        raise Invalid.at(
            "/mode", "unknown_mode", "只能是 all 或 good", "must be all or good"
        )
    if publish and kind == "organisations":
        raise Invalid.at(
            "/publish",
            "not_for_organisations",
            "单位须经认证，不能直接发布",
            "units are verified one by one, never published by an import",
        )


def _allowed(
    session: so.Session,
    actor: Actor,
    kind: str,
    org_id: UUID | None,
    *,
    publish: bool,
) -> tuple[UUID | None, Grant]:
    """Return whose rows these will be, and the role that allows it."""
    policies.require_signed_in(actor)
    action = f"import-{kind}"
    if kind == "organisations":
        if org_id is not None:
            raise Invalid.at(
                "/organisation_id",
                "not_for_organisations",
                "导入单位时不需要",
                "not needed to import organisations",
            )
        return None, policies.require(actor, action, None, IMPORT_RULES)
    if org_id is None and not policies.may(actor, "publish", None, IMPORT_RULES):
        org_id = _only_unit(actor)
    if org_id is not None and policies.unit_writer(actor, org_id) is None:
        known = session.get(Organisation, org_id)
        policies.require(actor, action, org_id, IMPORT_RULES)
        if known is None:
            raise Invalid.at(
                "/organisation_id", "unknown_organisation", "没有此单位", "no such unit"
            )
    grant = policies.require(actor, action, org_id, IMPORT_RULES)
    if publish:
        grant = policies.require(actor, "publish", org_id, IMPORT_RULES)
    return org_id, grant


def _only_unit(actor: Actor) -> UUID:
    """Return the one unit for which the caller writes.

    Raises
    ------
    Forbidden
        He writes for none.
    Invalid
        He writes for several and has to name one.
    """
    mine = [s.org_id for s in actor.standings if policies.unit_writer(actor, s.org_id)]
    if not mine:
        raise Forbidden(Text("您没有为任何单位填报的角色", "you write for no unit"))
    if len(mine) > 1:
        raise Invalid.at(
            "/organisation_id",
            "required",
            "您属于多个单位，请写明 organisation_id",
            "you write for several units; name one",
        )
    return mine[0]


def visible_imports(actor: Actor) -> sa.ColumnElement[bool]:
    """Jobs that the caller may see: his own, his units', an operator's operators'.

    A report quotes rows that have not left their unit, so nobody else sees it, nor
    does he who has left the unit since.
    """
    if actor.is_system:
        return sa.true()
    if actor.user_id is None:
        return sa.false()
    mine = [s.org_id for s in actor.standings if policies.unit_writer(actor, s.org_id)]
    own = ImportJob.user_id == actor.user_id
    clauses = [sa.and_(own, ImportJob.org_id.in_(actor.org_ids))]
    if mine:
        clauses.append(ImportJob.org_id.in_(mine))
    if policies.operator(actor, None):
        clauses.append(ImportJob.role.in_(["operator", "system"]))
    return sa.or_(*clauses)


def get(session: so.Session, actor: Actor, job_id: UUID) -> ImportJob:
    """Return a job as it stands now.

    Raises
    ------
    Unauthenticated
        The public imports nothing.
    NotFound
        There is none, or the caller may not know of it.
    """
    policies.require_signed_in(actor)
    job = session.scalar(
        sa.select(ImportJob).where(ImportJob.id == job_id, visible_imports(actor)),
        execution_options={"populate_existing": True},
    )
    if job is None:
        raise NotFound
    return job


def view(actor: Actor, job: ImportJob) -> dict[str, Any]:
    """Show a job with what the caller may do with it."""
    href = f"/api/v1/imports/{job.id}"
    actions = []
    if _may_cancel(actor, job) and _cancellable(job):
        actions.append(
            {
                "name": "cancel",
                "title": CANCEL,
                "method": "POST",
                "href": f"{href}/actions/cancel",
                "fields": ["comment"],
            }
        )
    return {
        **{
            name: getattr(job, name)
            for name in (
                "id",
                "kind",
                "mode",
                "dry_run",
                "publish",
                "filename",
                "digest",
                "size",
                "state",
                "cancel_requested",
                "rows_total",
                "rows_read",
                "rows_kept",
                "rows_wrong",
                "rows_repeated",
                "error",
                "created_at",
                "updated_at",
            )
        },
        "organisation_id": job.org_id,
        "user_id": job.user_id,
        "problems": f"{href}/problems",
        "actions": actions,
    }


def search(session: so.Session, actor: Actor, **filters: Any) -> Listing[Any]:
    """List the jobs that the caller may see, the newest first.

    Parameters
    ----------
    filters
        ``kind`` and ``state``.
    """
    policies.require_signed_in(actor)
    statement = sa.select(ImportJob).where(visible_imports(actor))
    for name in ("kind", "state"):
        if filters.get(name) is not None:
            statement = statement.where(getattr(ImportJob, name) == filters[name])

    def show(rows: Sequence[sa.Row[*tuple[Any, ...]]]) -> list[dict[str, Any]]:
        return [view(actor, row[0]) for row in rows]

    return Listing(session, statement, key=ImportJob.id, view=show)


def problems(session: so.Session, actor: Actor, job_id: UUID) -> Listing[Any]:
    """List what is wrong with a sheet, in the order of its rows."""
    job = get(session, actor, job_id)

    def show(rows: Sequence[sa.Row[*tuple[Any, ...]]]) -> list[dict[str, Any]]:
        return [
            {
                "number": problem.number,
                "sheet": problem.sheet,
                "row": problem.row,
                "column": problem.column,
                "cell": problem.cell,
                "code": problem.code,
                "message": Text(problem.message_zh, problem.message_en),
            }
            for (problem, *_) in rows
        ]

    return Listing(
        session,
        sa.select(ImportProblem).where(ImportProblem.job_id == job.id),
        key=ImportProblem.id,
        view=show,
        sorts={"number": ImportProblem.number},
        default_sort="number",
    )


def _may_cancel(actor: Actor, job: ImportJob) -> bool:
    return actor.is_system or job.user_id == actor.user_id or job.org_id is None


def _cancellable(job: ImportJob) -> bool:
    return job.state not in FINAL and not job.cancel_requested


def act(
    session: so.Session,
    actor: Actor,
    job_id: UUID,
    action: str,
    *,
    expected: int | None = None,
    comment: str = "",
) -> ImportJob:
    """Cancel a job; a running one stops before its next batch.

    Rows that ``mode`` "good" has kept by then stay. Who asked for the job may cancel
    it; what operators import, any operator.

    Raises
    ------
    NotFound, Forbidden, Stale
    IllegalTransition
        It has ended, or is being cancelled, or the action is another one.
    """
    job = get(session, actor, job_id)
    if not _may_cancel(actor, job):
        raise Forbidden
    if expected is not None and job.revision != expected:
        raise Stale
    if action != "cancel" or not _cancellable(job):
        possible = ["cancel"] if _cancellable(job) else []
        raise refused("import", job.state, action, possible, {"cancel": CANCEL})
    before = job.state
    job.cancel_requested = True
    if job.state is ImportState.QUEUED:
        job.state = ImportState.CANCELLED
    job.updated_at = actor.now
    events.record(
        session,
        actor,
        job,
        "import.cancel",
        from_state=before.value,
        to_state=job.state.value,
        comment=comment,
    )
    session.flush()
    return job


def requester(session: so.Session, job: ImportJob, now: datetime) -> Actor:
    """Return who asked for a job, with the rights that he has now.

    Raises
    ------
    Forbidden
        The account was disabled meanwhile.
    """
    if job.user_id is None:
        return Actor(now=now, is_system=True, request_id=f"import:{job.id}")
    user = session.get_one(User, job.user_id)
    if user.disabled_at is not None:
        raise Forbidden(Text("账号已停用", "the account is disabled"))
    return Actor(
        now=now,
        user_id=user.id,
        standings=tokens.standings(session, user.id),
        request_id=f"import:{job.id}",
    )


def grant_now(session: so.Session, actor: Actor, job: ImportJob) -> Grant:
    """Return the grant under which a job runs, judged again when it runs."""
    _, grant = _allowed(session, actor, job.kind, job.org_id, publish=job.publish)
    return grant


def set_progress(session: so.Session, job_id: UUID, values: Mapping[str, Any]) -> None:
    """Write counters without moving the revision that a cancellation refers to."""
    session.execute(
        sa.update(ImportJob).where(ImportJob.id == job_id).values(**values),
        execution_options={"synchronize_session": False},
    )


def finish(
    session: so.Session,
    actor: Actor,
    job_id: UUID,
    state: ImportState,
    values: Mapping[str, Any],
) -> None:
    """End a job: its state, its last counters and its entry in the ledger."""
    job = session.get_one(
        ImportJob, job_id, populate_existing=True, with_for_update=True
    )
    before = job.state
    for name, value in values.items():
        setattr(job, name, value)
    job.state = state
    job.updated_at = actor.now
    counted = ("rows_read", "rows_kept", "rows_wrong", "rows_repeated")
    events.record(
        session,
        actor,
        job,
        "import.finish",
        from_state=before.value,
        to_state=state.value,
        comment=job.error,
        changes={name: {"old": None, "new": getattr(job, name)} for name in counted},
    )
    session.flush()


def gave_up(session: so.Session, now: datetime, job_id: UUID) -> None:
    """Mark a job FAILED whose runs have ended in errors too often.

    What the errors were stands in the outbox and in the logs, not in the answer.
    """
    job = session.get(ImportJob, job_id, populate_existing=True)
    if job is None or job.state in FINAL:
        return
    actor = Actor(now=now, is_system=True, request_id=f"import:{job_id}")
    finish(session, actor, job_id, ImportState.FAILED, {"error": "internal_error"})
