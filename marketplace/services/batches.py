"""All needs on the market against all offers: what a long ranking begins with.

A ranking of everything may take hours and be interrupted, and the market goes on. So
what it ranks is put down first, in a folder beside its results: the index as it is now,
and every need with the organisations whose offers it is not to meet. The folder holds
what is confidential and is removed when the ranking is done.
"""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import sqlalchemy.orm as so

from marketplace import policies
from marketplace.domain.actors import Actor
from marketplace.services import events, postings, relations
from marketplace.services.indexes import MatchIndex
from marketplace.services.matches import SUPPLY
from matching import Filter, Posting

_INDEX = "index"
_NEEDS = "needs.jsonl.gz"
_ABOUT = "about.json"


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a ranking of everything begins with.

    Attributes
    ----------
    index, needs : Path
        A saved index, and the needs as the engine's batches take them.
    where : Filter
        What no need meets.
    seq : int
        Number of the ledger's last entry when it was put down.
    """

    index: Path
    needs: Path
    where: Filter
    seq: int

    @classmethod
    def read(cls, folder: Path) -> Inputs:
        """Read what `put_down` wrote."""
        about = json.loads((folder / _ABOUT).read_text("ascii"))
        where = Filter(kind=SUPPLY, exclude_ids=about["exclude_ids"])
        return cls(folder / _INDEX, folder / _NEEDS, where, about["seq"])


def put_down(
    session: so.Session, actor: Actor, index: MatchIndex, folder: Path
) -> Inputs:
    """Put down index and needs in a new folder, which appears as a whole.

    Needs are asked as the public reads them, so nothing confidential can be quoted;
    what is hidden counts. A need that only some units may see is asked too: the result
    is for those who run the market. Offers that they would not be shown are left out.
    """
    seq, _ = events.head(session)
    unfinished = folder.with_name(f"{folder.name}.new")
    if unfinished.exists():
        shutil.rmtree(unfinished)
    unfinished.mkdir(mode=0o700, parents=True)
    index.fresh(session).save(unfinished / _INDEX)
    kept = session.scalars(policies.offers_kept_from(actor))
    about = {"seq": seq, "exclude_ids": sorted(map(str, kept))}
    (unfinished / _ABOUT).write_text(json.dumps(about), encoding="ascii")
    with gzip.open(unfinished / _NEEDS, "wt", encoding="utf-8") as file:
        for posting, apart in _needs(session, actor):
            row = {**posting.to_dict(), "exclude_org": sorted(map(str, apart))}
            file.write(json.dumps(row) + "\n")
    unfinished.rename(folder)
    return Inputs.read(folder)


def _needs(session: so.Session, actor: Actor) -> Iterator[tuple[Posting, set[UUID]]]:
    """Yield every need that may be answered now, and its owner's related parties."""
    resting = set(map(str, session.scalars(policies.needs_at_rest(actor))))
    related: dict[UUID, set[UUID]] = {}
    for posting in postings.everything(session, ("need",)):
        if posting.id in resting:
            continue
        owner = UUID(posting.org)
        if owner not in related:
            related[owner] = relations.related_org_ids(session, {owner})
        yield posting, related[owner] | {owner}
