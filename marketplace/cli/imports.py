"""``jiebang import``: bring a sheet in from the command line."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from uuid import UUID

import click
import sqlalchemy as sa
from flask import current_app
from flask.cli import with_appcontext

from marketplace.cli.callers import caller
from marketplace.config import Settings
from marketplace.extensions import READ_ONLY, db
from marketplace.integrations.files import FolderStore
from marketplace.models.jobs import ImportJob, ImportProblem, ImportState
from marketplace.services import imports

RUNNING = frozenset({ImportState.QUEUED, ImportState.RUNNING})


@click.command("import")
@click.argument("kind", type=click.Choice(["organisations", "needs", "offers"]))
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--as", "email", required=True, help="E-mail of who imports.")
@click.option("--mode", type=click.Choice(["all", "good"]), default="all")
@click.option("--dry-run", is_flag=True, help="Check and report, keep nothing.")
@click.option("--publish", is_flag=True, help="The rows were checked before.")
@click.option("--organisation", type=click.UUID, help="Id of the unit of all rows.")
@with_appcontext
def import_(
    kind: str,
    path: Path,
    email: str,
    mode: str,
    dry_run: bool,
    publish: bool,
    organisation: UUID | None,
) -> None:
    """Bring in a sheet and print its report. 导入表格。"""
    settings: Settings = current_app.extensions["jiebang.settings"]
    session = db.session()
    actor = caller(session, email)
    with path.open("rb") as stream:
        job = imports.request(
            session,
            actor,
            FolderStore(settings.files_dir),
            stream,
            filename=path.name,
            kind=kind,
            mode=mode,
            dry_run=dry_run,
            publish=publish,
            limit=settings.max_upload_bytes,
            org_id=organisation,
        )
    job_id = job.id
    session.commit()
    db.session.remove()
    sys.exit(0 if _follow(job_id) is ImportState.DONE else 1)


def _follow(job_id: UUID) -> ImportState:
    """Run the job here unless a job process takes it first; show how far it is."""
    stop = threading.Event()
    runner = current_app.extensions["jiebang.runner"]

    def work() -> None:
        while not stop.is_set() and runner.run_once(stop):
            pass

    worker = threading.Thread(target=work)
    worker.start()
    try:
        while True:
            worker.join(1.0)
            state = _show(job_id)
            if state not in RUNNING:
                return state
    finally:
        stop.set()
        worker.join()
        _report(job_id)


def _show(job_id: UUID) -> ImportState:
    session = db.session()
    session.connection(execution_options=READ_ONLY)
    job = session.get_one(ImportJob, job_id)
    total = "?" if job.rows_total is None else job.rows_total
    click.echo(
        f"{job.state.value}: {job.rows_read} of {total} rows read,"
        f" {job.rows_kept} kept, {job.rows_repeated} known, {job.rows_wrong} wrong",
        err=True,
    )
    state = job.state
    session.rollback()
    return state


def _report(job_id: UUID) -> None:
    session = db.session()
    session.connection(execution_options=READ_ONLY)
    problems = session.scalars(
        sa.select(ImportProblem)
        .where(ImportProblem.job_id == job_id)
        .order_by(ImportProblem.number)
    )
    for p in problems:
        click.echo(f"{p.sheet} 第{p.row}行 {p.column}: {p.message_zh} / {p.message_en}")
    session.rollback()
