"""The command ``jiebang``; also ``python -m marketplace``."""

from __future__ import annotations

import sys

import click
from flask.cli import ScriptInfo
from sqlalchemy.exc import DBAPIError

from marketplace.app import create_app
from marketplace.cli import COMMANDS, stores
from marketplace.config import SettingsError
from marketplace.errors import MarketplaceError

cli = click.Group(
    name="jiebang",
    commands=COMMANDS,
    context_settings={"obj": ScriptInfo(create_app=create_app)},
    help="Jiebang 揭榜: a challenge-matching marketplace. 揭榜挂帅技术需求匹配平台。",
)
"""Only our own commands: Flask's group would add those of its extensions."""


def main() -> None:
    """Run a command; a wrong setting or input is one line and exit status 2."""
    try:
        cli.main(prog_name="jiebang", standalone_mode=True)
    except (SettingsError, MarketplaceError) as error:
        sys.stderr.write(f"jiebang: {error}\n")
        sys.exit(2)
    except DBAPIError as error:
        line = stores.line(error)
        if line is None:
            raise
        sys.stderr.write(f"jiebang: {line}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
