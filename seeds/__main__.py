"""``python -m seeds``: fill a market with reference data, and measure the demo."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from sqlalchemy.exc import OperationalError

from marketplace import problems
from marketplace.app import create_app
from marketplace.config import SettingsError
from marketplace.domain.clock import Clock
from marketplace.errors import MarketplaceError
from marketplace.extensions import db
from marketplace.integrations import migrations
from matching import UnknownWeights
from matching.examples import write_examples
from matching.weights import DEFAULT
from seeds import demo_market, demo_threads, loader, measure


def main(arguments: list[str] | None = None) -> int:
    """Run a command; a wrong setting is one line and exit status 2."""
    parser = argparse.ArgumentParser(prog="python -m seeds", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    load = commands.add_parser("load", help="migrations, code lists, rules; repeatable")
    load.add_argument("--demo", action="store_true", help="the demo market too, once")
    figures = commands.add_parser(
        "measure", help="count what the engine makes of the demo market's answers"
    )
    figures.add_argument("--json", action="store_true", help="only the JSON object")
    pairs = commands.add_parser(
        "examples", help="write the demo market's graded pairs, to fit a score to"
    )
    pairs.add_argument("out", type=Path, metavar="EXAMPLES.jsonl")
    pairs.add_argument("--weights", default=DEFAULT, metavar="VERSION")
    asked = parser.parse_args(arguments)
    try:
        if asked.command == "load":
            load_store(demo=asked.demo)
        elif asked.command == "examples":
            count = write_examples(asked.out, measure.examples(weights=asked.weights))
            sys.stdout.write(f"{count} examples\n")
        else:
            report = measure.measure()
            sys.stdout.write(report.as_json() if asked.json else report.as_text())
    except (SettingsError, MarketplaceError, UnknownWeights) as error:
        sys.stderr.write(f"seeds: {error}\n")
        return 2
    except OperationalError as error:
        sys.stderr.write(f"seeds: {problems.store_line(error)}\n")
        return 2
    return 0


def load_store(*, demo: bool) -> None:
    """Bring the store of this installation up to date, and the demo market in."""
    app = create_app()
    clock: Clock = app.extensions["jiebang.clock"]
    begun = time.perf_counter()

    def say(text: str) -> None:
        sys.stdout.write(f"seeds: {time.perf_counter() - begun:6.1f} s  {text}\n")
        sys.stdout.flush()

    with app.app_context():
        migrations.upgrade(db.engine)
        say(f"store at revision {migrations.current(db.engine)}")
        session = db.session()
        loader.load_reference(session)
        session.commit()
        say("code lists, calendar and rules")
        if not demo:
            return
        if demo_market.is_loaded(session):
            say("demo market 演示市场: there already")
            return
        content = demo_market.Content.read()
        market = demo_market.load(session, clock.now(), content, say)
        session.commit()
        index = app.extensions["jiebang.index"]
        reached = demo_threads.load(session, index, market, content)
        say(f"{sum(reached.values())} threads, at {len(reached)} stages")
        session.commit()
        say("demo market 演示市场 loaded")


if __name__ == "__main__":
    sys.exit(main())
