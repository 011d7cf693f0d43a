"""``jiebang learn``: fit the score to the market's feedback, and change to it."""

from __future__ import annotations

import json

import click
from flask import current_app
from flask.cli import with_appcontext

from marketplace.cli.callers import caller
from marketplace.config import Settings
from marketplace.extensions import READ_ONLY, db
from marketplace.services import scores
from matching.learning import summary


@click.command()
@click.option("--as", "email", required=True, help="E-mail of the operator.")
@click.option("--name", help="Of the new version; by default market- and the date.")
@click.option("--use", "version", help="Change to a version; 'shipped' goes back.")
@click.option("--force", is_flag=True, help="Though its report does not say better.")
@click.option("--reason", default="", help="Why; kept in the ledger.")
@click.option("--json", "as_json", is_flag=True, help="The whole report.")
@with_appcontext
def learn(
    email: str,
    name: str | None,
    version: str | None,
    force: bool,
    reason: str,
    as_json: bool,
) -> None:
    """Fit the score to feedback and say whether it is better. 训练匹配评分。

    Nothing changes until a version is named with --use.
    """
    settings: Settings = current_app.extensions["jiebang.settings"]
    session = db.session()
    if version is not None:
        actor = caller(session, email)
        scores.use(
            session,
            actor,
            settings.weights_dir,
            version,
            force=force,
            reason=reason,
        )
        session.commit()
        click.echo(f"in use from the next request on: {version}")
        return
    if force or reason:
        raise click.UsageError("--force and --reason go with --use")
    session.connection(execution_options=READ_ONLY)
    actor = caller(session, email)
    lesson = scores.gather(session, actor, settings.weights_dir, name=name)
    session.rollback()
    report = scores.fit(lesson, settings.weights_dir)
    scores.note(session, actor, report)
    session.commit()
    if as_json:
        click.echo(json.dumps(report, ensure_ascii=False))
        return
    click.echo(f"feedback: {json.dumps(report['feedback'])}")
    click.echo("\n".join(summary(report)))
    if "calibration" in report:
        click.echo(f"written: {settings.weights_dir / report['version']}.json")
