"""The command ``jiebang``; also ``python -m marketplace``."""

from __future__ import annotations

import sys

from flask.cli import FlaskGroup
from sqlalchemy.exc import OperationalError

from marketplace import problems
from marketplace.app import create_app
from marketplace.cli import COMMANDS
from marketplace.config import SettingsError
from marketplace.errors import MarketplaceError

cli = FlaskGroup(
    name="jiebang",
    create_app=create_app,
    add_default_commands=False,
    add_version_option=False,
    load_dotenv=False,
    help="Jiebang 揭榜: a challenge-matching marketplace. 揭榜挂帅技术需求匹配平台。",
)
for command in COMMANDS:
    cli.add_command(command)


def main() -> None:
    """Run a command; a wrong setting or input is one line and exit status 2."""
    try:
        cli.main(prog_name="jiebang", standalone_mode=True)
    except (SettingsError, MarketplaceError) as error:
        sys.stderr.write(f"jiebang: {error}\n")
        sys.exit(2)
    except OperationalError as error:
        sys.stderr.write(f"jiebang: {problems.store_line(error)}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
