"""The match index: a cache of the database on disk, shared by every worker.

The folder ``index`` holds an index that tells of the market as it stood when the ledger
had as many entries as its note says; note and contents are replaced in one step. Every
process maps the same files and keeps what came after in a delta of its own: before each
ranking it reads the ledger entries since its number and takes in the objects they speak
of. Since numbers follow the order of commits, nothing is missed, and since the database
is asked each time, what another worker has committed is found in the next request. Now
and then one process writes its delta beside the rest, which costs as much as what has
changed, and the others map that. Deleting the folder costs one rebuild and loses
nothing.

The ledger also tells which weights the operator has chosen, so every process changes to
them in its next request.
"""

from __future__ import annotations

import fcntl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so
import structlog

from marketplace.models.ledger import Event, LedgerEntry
from marketplace.services import events, postings, scores
from matching import (
    IndexCorrupt,
    IndexVersionMismatch,
    InvalidWeights,
    Matcher,
    UnknownWeights,
    index_stamp,
)
from matching.weights import Weights
from matching.weights import load as load_weights

KINDS = ("need", "offer")
_READ = tuple(f"{kind}.read" for kind in KINDS)
"""Actions that leave an object as it is."""
_PAST = 16
"""Earlier marks that a base remembers, for readers whose moment lies before it."""
COMPACT_AFTER = 2_000
"""Ledger entries about needs and offers after which the delta is written for all."""
log = structlog.get_logger("jiebang.index")


@dataclass(frozen=True, slots=True)
class Mark:
    """The ledger entry that an index is up to."""

    seq: int
    hash: str


class MatchIndex:
    """One process's view of the shared index.

    Parameters
    ----------
    folder : Path
        Where the index and its lock lie; made when absent.
    weights : Path, optional
        Where the market's own weights lie.
    """

    def __init__(self, folder: Path, weights: Path | None = None) -> None:
        self.folder = folder
        self.path = folder / "index"
        self.weights = weights
        self._lock = threading.Lock()
        self._matcher: Matcher | None = None
        self._mark = Mark(0, events.GENESIS)
        self._base = Mark(0, events.GENESIS)
        self._past: list[Mark] = []
        self._stamp = ""

    def fresh(self, session: so.Session) -> Matcher:
        """Return a matcher that knows everything this session can see."""
        with self._lock:
            if self._matcher is None or index_stamp(self.path) != self._stamp:
                self._load(session)
            if not self._belongs(session):
                log.warning("index.foreign", seq=self._mark.seq)
                self._rebuild(session)
            self._catch_up(session)
            assert self._matcher is not None  # noqa: S101 - loaded above
            return self._matcher

    def rebuild(self, session: so.Session) -> int:
        """Build the index anew from the database; returns how many it holds."""
        with self._lock:
            return self._rebuild(session)

    def upkeep(self, session: so.Session) -> bool:
        """Write the delta for all when it has grown; tells whether it did."""
        self.fresh(session)
        with self._lock:
            behind = session.scalar(
                sa.select(sa.func.count())
                .select_from(LedgerEntry)
                .join(Event, Event.id == LedgerEntry.event_id)
                .where(
                    LedgerEntry.seq > self._base.seq,
                    LedgerEntry.subject_kind.in_(KINDS),
                    Event.action.not_in(_READ),
                )
            )
            if (behind or 0) < COMPACT_AFTER:
                return False
            with self._building():
                if index_stamp(self.path) != self._stamp:
                    return False
                self._grow()
            return True

    def state(self) -> str:
        """Tell readiness: ``ok`` once an index is loaded."""
        return "ok" if self._matcher is not None else "not loaded"

    def _load(self, session: so.Session) -> None:
        """Open the index on disk, or build one."""
        if not self._open(session):
            with self._building():
                if not self._open(session):
                    self._build(session)

    def _weights(self, session: so.Session) -> Weights:
        """Load the weights that the operator has chosen, or the shipped ones."""
        version = scores.in_use(session)
        if version is None:
            return load_weights()
        try:
            return scores.load(version, self.weights)
        except (UnknownWeights, InvalidWeights, OSError) as error:
            # What a ranking names as its weights tells the reader which ones counted.
            log.error("weights.unusable", version=version, reason=str(error))  # noqa: TRY400
            return load_weights()

    def _open(self, session: so.Session) -> bool:
        """Map what lies on disk; whoever has it mapped already trusts the rest."""
        stamp = index_stamp(self.path)
        if not stamp:
            return False
        try:
            matcher = Matcher.open(
                self.path,
                weights=self._weights(session),
                verify=self._matcher is None,
            )
            mark = _mark_of(matcher.note)
            past = [_mark_of(one) for one in matcher.note["past"]]
        except (
            OSError,
            ValueError,
            TypeError,
            KeyError,
            IndexCorrupt,
            IndexVersionMismatch,
            UnknownWeights,
        ) as error:
            log.warning("index.unusable", reason=str(error))
            return False
        self._matcher, self._stamp, self._past = matcher, stamp, past
        self._mark = self._base = mark
        return True

    def _rebuild(self, session: so.Session) -> int:
        with self._building():
            return self._build(session)

    def _build(self, session: so.Session) -> int:
        """Build an index from the database and write it.

        The mark is read before the postings: what is committed while they are read is
        taken in once more by the next catching up, which does no harm.
        """
        mark = Mark(*events.head(session))
        matcher = Matcher.build(
            postings.everything(session), weights=self._weights(session)
        )
        self._write(matcher, mark, past=[])
        log.info("index.built", postings=len(matcher), seq=mark.seq)
        return len(matcher)

    def _write(self, matcher: Matcher, mark: Mark, *, past: list[Mark]) -> None:
        """Bring what is new to the disk, and share its pages from then on."""
        matcher.settle()
        earlier = [asdict(one) for one in past[:_PAST]]
        matcher.save(self.path, note={**asdict(mark), "past": earlier})
        stamp = index_stamp(self.path)
        self._matcher = Matcher.open(self.path, weights=matcher.weights, verify=False)
        self._stamp, self._past = stamp, past[:_PAST]
        self._mark = self._base = mark

    def _grow(self) -> None:
        """Write the delta beside the rest."""
        assert self._matcher is not None  # noqa: S101 - opened or built before
        self._write(self._matcher, self._mark, past=[self._base, *self._past])

    @contextmanager
    def _building(self) -> Iterator[None]:
        """Let one process build at a time; the lock dies with its holder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def _belongs(self, session: so.Session) -> bool:
        """Tell whether the index is of this database's ledger.

        When the ledger ends before the mark, either this transaction looks at an older
        snapshot than another thread's (then the base is of this ledger, and what is
        too new is dropped when results are read), or the ledger is another one.
        """
        if self._mark.seq == 0:
            return True
        known = _hash_at(session, self._mark.seq)
        if known is not None:
            return known == self._mark.hash
        for mark in (self._base, *self._past):
            known = _hash_at(session, mark.seq) if mark.seq else None
            if known is not None:
                return known == mark.hash
        return False

    def _since(self, session: so.Session) -> Sequence[sa.Row[*tuple[Any, ...]]]:
        """Read what the ledger tells since the mark."""
        return session.execute(
            sa.select(
                LedgerEntry.seq,
                LedgerEntry.hash,
                LedgerEntry.subject_kind,
                LedgerEntry.subject_id,
                Event.action,
            )
            .join(Event, Event.id == LedgerEntry.event_id)
            .where(LedgerEntry.seq > self._mark.seq)
            .order_by(LedgerEntry.seq)
        ).all()

    def _catch_up(self, session: so.Session) -> None:
        """Take in what the ledger tells since the mark."""
        rows = self._since(session)
        if any(row.subject_kind == scores.KIND for row in rows):
            # Another matcher is opened: whoever ranks now goes on with the old weights.
            self._load(session)
            rows = self._since(session)
        if len(rows) <= COMPACT_AFTER:
            self._take_in(session, rows)
            return
        # Taking all of this into the delta would cost each process as much as one of
        # them needs to write it for all.
        with self._building():
            if index_stamp(self.path) != self._stamp:
                self._open(session)
            rows = self._since(session)
            self._take_in(session, rows)
            if len(rows) > COMPACT_AFTER:
                self._grow()

    def _take_in(
        self, session: so.Session, rows: Sequence[sa.Row[*tuple[Any, ...]]]
    ) -> None:
        if not rows:
            return
        assert self._matcher is not None  # noqa: S101 - called after loading
        units = {r.subject_id for r in rows if r.subject_kind == "organisation"}
        for kind in KINDS:
            touched: set[UUID] = {
                r.subject_id
                for r in rows
                if r.subject_kind == kind and r.action not in _READ
            }
            touched |= postings.of_units(session, kind, units)
            if touched:
                current = postings.load(session, kind, touched)
                self._matcher.add(current.values())
                self._matcher.remove([str(i) for i in touched - current.keys()])
        self._mark = Mark(rows[-1].seq, rows[-1].hash)


def _mark_of(note: Any) -> Mark:
    return Mark(int(note["seq"]), str(note["hash"]))


def _hash_at(session: so.Session, seq: int) -> str | None:
    return session.scalar(sa.select(LedgerEntry.hash).where(LedgerEntry.seq == seq))
