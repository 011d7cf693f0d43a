"""``jiebang audit``: is the ledger as it was written?"""

from __future__ import annotations

import json
import sys

import click
from flask.cli import with_appcontext

from marketplace.extensions import READ_ONLY, db
from marketplace.services import events


@click.group()
def audit() -> None:
    """Look after the ledger. 台账。"""


@audit.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@with_appcontext
def verify(as_json: bool) -> None:
    """Walk the chain and name each changed, removed or reordered entry."""
    session = db.session()
    session.connection(execution_options=READ_ONLY)
    faults = 0
    for fault in events.verify(session):
        faults += 1
        if as_json:
            event_id = str(fault.event_id) if fault.event_id else None
            click.echo(
                json.dumps(
                    {
                        "seq": fault.seq,
                        "event_id": event_id,
                        "kind": fault.kind,
                        "detail": fault.detail,
                    }
                )
            )
        else:
            click.echo(
                f"{fault.kind}: seq {fault.seq}, event {fault.event_id}: {fault.detail}"
            )
    seq, digest = events.head(session)
    if faults:
        click.echo(f"ledger NOT sound: {faults} faults, head {seq} {digest}", err=True)
        sys.exit(1)
    click.echo(f"ledger sound: {seq} entries, head {digest}")
