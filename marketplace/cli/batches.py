"""``jiebang match-all``: every need on the market against every offer."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import click
from flask import current_app
from flask.cli import with_appcontext

from marketplace.config import SettingsError
from marketplace.domain.actors import system
from marketplace.extensions import READ_ONLY, db
from marketplace.services import batches, matches
from matching.batches import CHUNK, Folder, Result, command
from matching.errors import MatchingError, Stopped


@click.command("match-all")
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the result and of what is done so far.",
)
@click.option("--k", default=10, show_default=True, type=click.IntRange(1))
@click.option(
    "--workers", type=click.IntRange(1), help="Processes here; all cores by default."
)
@click.option("--scheduler", help="tcp://host:port of a Dask scheduler.")
@click.option("--chunk", default=CHUNK, show_default=True, type=click.IntRange(1))
@with_appcontext
def match_all(
    out: Path, k: int, workers: int | None, scheduler: str | None, chunk: int
) -> None:
    """Rank all offers for all needs into OUT/matches.jsonl. 全量匹配。

    Stopped or killed, the same command goes on where it ended, with the market as it
    was when it began.
    """
    try:
        command.executor(workers, scheduler, _tell)  # wrong options end it here
        result = _finished(out, k, chunk) or _ranked(out, k, workers, scheduler, chunk)
    except Stopped as stopped:
        click.echo(f"jiebang: {stopped}", err=True)
        sys.exit(command.STOPPED)
    except (MatchingError, OSError, ValueError) as error:
        click.echo(f"jiebang: {error}", err=True)
        sys.exit(1)
    # What it was made from is confidential, and is not needed any more.
    if (inputs := Folder(out).inputs).exists():
        shutil.rmtree(inputs)
    click.echo(json.dumps(result.to_dict(), ensure_ascii=False))


def _tell(sentence: str) -> None:
    click.echo(f"match-all: {sentence}", err=True)


def _finished(out: Path, k: int, chunk: int) -> Result | None:
    """Return the result that is already there, if it is what is asked for.

    Raises
    ------
    SettingsError
        When something else was asked for.
    """
    with Folder(out).held() as folder:
        result, asked = folder.result(), folder.asked()
    if result is None or asked is None:
        return None
    for name, value in (("k", k), ("chunk", chunk)):
        if asked.get(name) != value:
            raise SettingsError(
                f"--out {out}: holds a finished ranking with {name} {asked.get(name)};"
                " name another folder"
            )
    _tell("finished before; for the market as it is now name another folder")
    return result


def _ranked(
    out: Path, k: int, workers: int | None, scheduler: str | None, chunk: int
) -> Result:
    inputs = _inputs(out)
    return command.run(
        inputs.index,
        inputs.needs,
        out,
        workers=workers,
        scheduler=scheduler,
        k=k,
        where=inputs.where,
        worth=matches.WORTH,
        chunk=chunk,
    )


def _inputs(out: Path) -> batches.Inputs:
    """Go on with what was put down before, or put down the market as it is now."""
    with Folder(out).held() as folder:
        if folder.inputs.exists():
            inputs = batches.Inputs.read(folder.inputs)
            _tell(f"going on with the market as of ledger entry {inputs.seq}")
            return inputs
        session = db.session()
        session.connection(execution_options=READ_ONLY)
        actor = system(current_app.extensions["jiebang.clock"].now())
        index = current_app.extensions["jiebang.index"]
        inputs = batches.put_down(session, actor, index, folder.inputs)
        # The ranking may take hours: no transaction stays open meanwhile.
        db.session.remove()
        return inputs
