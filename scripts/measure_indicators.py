"""Time figures over 100,000 synthetic entries of the registry's book.

Fills an empty database with invented contracts, times a year's figures by city and
class, by field, and the rows of one cell, and prints the plans of their statements.

    DATABASE_URL=postgresql+psycopg://… python scripts/measure_indicators.py
    python scripts/measure_indicators.py --store sqlite:////tmp/figures.db

An empty database is migrated and filled, and left so for the next run.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so
from sqlalchemy.dialects import postgresql, sqlite

from marketplace.domain.actors import system
from marketplace.domain.ids import new_id
from marketplace.extensions import configure_engine
from marketplace.integrations import migrations
from marketplace.models.contracts import Contract
from marketplace.models.organisations import Organisation
from marketplace.models.registrations import Registration, RegistrationFact
from marketplace.services import codes, figures, indicators
from seeds import loader

NOW = datetime(2026, 12, 31, 12, 0, tzinfo=UTC)
BATCH = 5_000
ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "year by city and class": ("CT_AMT", {"by": ["seller_city", "class"]}),
    "year by district": ("OUT", {"by": ["seller_district"]}),
    "year by technology field": ("CT_N", {"by": ["tech_field"]}),
    "flows between cities": ("CT_AMT", {"by": ["flow"]}),
    "the year's total": ("CT_TECH", {}),
}


def main() -> int:
    """Fill, measure, print; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--store", default=os.environ.get("DATABASE_URL"))
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--repeat", type=int, default=7)
    asked = parser.parse_args()
    if not asked.store:
        sys.stderr.write("measure_indicators: give --store or DATABASE_URL\n")
        return 2
    url = sa.make_url(asked.store)
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    engine = sa.create_engine(url)
    configure_engine(engine, 20)
    migrations.upgrade(engine)
    with so.Session(engine) as session:
        if session.scalar(sa.select(sa.func.count()).select_from(Contract)):
            say("the store has contracts already: measured as it is")
        else:
            begun = time.perf_counter()
            fill(session, asked.entries)
            took = time.perf_counter() - begun
            say(f"{asked.entries} entries written in {took:.1f} s")
        measure(session, asked.repeat)
    return 0


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def fill(session: so.Session, entries: int) -> None:
    """Write the reference data and the book; half of it is of the year before."""
    loader.load_reference(session)
    owner = Organisation(
        name="海岱理工大学（演示）",
        name_key="海岱理工大学(演示)",
        org_type="UNIV",
        region="370102",
        state="VERIFIED",
        uscc="1237020049500001XX",
        created_at=NOW,
        updated_at=NOW,
    )
    session.add(owner)
    session.flush()
    made = book(session, owner.id, entries)
    while batch := list(islice(made, BATCH)):
        for place, model in enumerate((Contract, Registration, RegistrationFact)):
            session.execute(sa.insert(model), [rows[place] for rows in batch])
        session.commit()
    if session.get_bind().dialect.name == "postgresql":
        session.connection().exec_driver_sql("ANALYZE")
        session.commit()


def book(
    session: so.Session, owner: UUID, entries: int
) -> Iterator[tuple[dict[str, Any], ...]]:
    """Yield contracts with their registrations and entries, the same every time."""
    chance = random.Random(2026)  # noqa: S311 - nothing secret
    regions = [c for c in codes.names(session, "region") if c[:2] == "37"]
    districts = [c for c in regions if not c.endswith("00")]
    columns = {
        name: sorted(codes.names(session, list_id))
        for name, list_id in (
            ("contract_class", "contract_class"),
            ("tech_field", "tech_field"),
            ("ip_type", "ip_type"),
            ("plan_source", "plan_source"),
            ("seller_nature", "party_nature"),
            ("buyer_nature", "party_nature"),
        )
    }
    columns |= {"seller_region": districts, "buyer_region": districts}
    for number in range(entries):
        day = date(2025, 1, 1) + timedelta(days=chance.randrange(730))
        at = datetime.combine(day, datetime.min.time(), UTC)
        total = Decimal(chance.randrange(10**6, 10**9)) / 100
        contract = new_id()
        stamps = {"created_at": at, "updated_at": at, "revision": 1}
        yield (
            {
                "id": contract,
                "contract_no": f"HT-{number:08d}",
                "state": "EFFECTIVE",
                "created_for": owner,
                "concluded_at": at,
                "total_yuan": total,
                **stamps,
            },
            {"id": contract, "contract_id": contract, "state": "NONE", **stamps},
            {
                "id": new_id(),
                "registration_id": contract,
                "contract_id": contract,
                "kind": "registered",
                "at": at,
                "on_day": day,
                "count": 1,
                "total_yuan": total,
                "technical_yuan": (total / 2).quantize(Decimal("0.01")),
                **{name: chance.choice(known) for name, known in columns.items()},
            },
        )


def timed(repeat: int, work: Callable[[], Any]) -> str:
    """Return the median and the worst of some runs, in milliseconds."""
    times = []
    for _ in range(repeat):
        begun = time.perf_counter()
        work()
        times.append((time.perf_counter() - begun) * 1000)
    return f"median {statistics.median(times):.0f} ms, worst {max(times):.0f} ms"


def measure(session: so.Session, repeat: int) -> None:
    """Time each question, value and growth, and print the plan of its statement."""
    actor = system(NOW)
    for title, (code, more) in ASKED.items():

        def run(code: str = code, more: dict[str, Any] = more) -> Any:
            return indicators.figure(session, actor, code, period="2026", **more)

        say(f"\n{title}: {timed(repeat, run)}, {len(run().cells)} cells")
    title = "year by city and class"
    code, more = ASKED[title]
    question = indicators.ask(session, actor, code, period="2026", **more)
    keys = [figures.grouped_by(a, RegistrationFact) for a in question.axes]
    explain(session, title, figures.sum_statement(session, question, keys))
    cell = {"seller_city": ["370200"], "class": ["D"]}

    def page() -> Any:
        return indicators.rows(
            session, actor, "CT_AMT", period="2026", filters=cell
        ).page()

    say(f"\nfirst page of the rows of one cell: {timed(repeat, page)}")
    question = indicators.ask(session, actor, "CT_AMT", period="2026", filters=cell)
    statement = figures.sum_statement(session, question, [RegistrationFact.contract_id])
    explain(session, "rows of one cell", statement)


def explain(
    session: so.Session, title: str, statement: sa.Select[*tuple[Any, ...]]
) -> None:
    """Print how the store answers a statement."""
    name = session.get_bind().dialect.name
    dialect = postgresql.dialect() if name == "postgresql" else sqlite.dialect()
    text = statement.compile(
        dialect=dialect,  # type: ignore[no-untyped-call]
        compile_kwargs={"literal_binds": True},
    )
    how = "EXPLAIN (ANALYZE, BUFFERS)"
    if name != "postgresql":
        how = "EXPLAIN QUERY PLAN"
    say(f"\n{how} {title}")
    for row in session.execute(
        sa.text(f"{how} {str(text).replace(':', chr(92) + ':')}")
    ):
        say(f"  {row[0] if name == 'postgresql' else row[3]}")


if __name__ == "__main__":
    sys.exit(main())
