"""``jiebang operator``: how the first person comes in."""

from __future__ import annotations

import click
from flask import current_app
from flask.cli import with_appcontext

from marketplace.domain.actors import system
from marketplace.extensions import db
from marketplace.services import accounts


@click.command()
@click.option("--organisation", required=True, help="Full name of the operating unit.")
@click.option("--uscc", required=True, help="Its unified social credit code.")
@click.option("--region", required=True, help="GB/T 2260 code of its seat.")
@click.option("--email", required=True)
@click.option("--name", required=True, help="The person's name.")
@click.password_option(help="Asked for when it is not given.")
@with_appcontext
def operator(
    organisation: str, uscc: str, region: str, email: str, name: str, password: str
) -> None:
    """Make the first operator of a new market. 创建首个运营方账号。"""
    session = db.session()
    user = accounts.create_first_operator(
        session,
        system(current_app.extensions["jiebang.clock"].now()),
        organisation={"name": organisation, "uscc": uscc, "region": region},
        email=email,
        name=name,
        password=password,
    )
    session.commit()
    click.echo(f"operator {user.email} of {organisation}")
