"""The match index: a cache of the database on disk, shared by every worker.

A folder ``base-<seq>-<random>`` holds an index that tells of the market as it stood
when the ledger had ``seq`` entries; ``CURRENT`` names the folder in use and is replaced
as a whole. Every process maps the same files and keeps what came after in a delta of
its own: before each ranking it reads the ledger entries since its number and takes in
the objects they speak of. Since numbers follow the order of commits, nothing is missed,
and since the database is asked each time, what another worker has committed is found in
the next request. Deleting the folder costs one rebuild and loses nothing.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so
import structlog

from marketplace.models.ledger import LedgerEntry
from marketplace.services import events, postings
from matching import IndexCorrupt, IndexVersionMismatch, Matcher, UnknownWeights

KINDS = ("need", "offer")
COMPACT_AFTER = 2_000
"""Ledger entries about needs and offers after which a new base pays."""
_MARK = "ledger.json"
_CURRENT = "CURRENT"
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
        Where the bases lie; made when absent.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._matcher: Matcher | None = None
        self._mark = Mark(0, events.GENESIS)
        self._base = Mark(0, events.GENESIS)
        self._name = ""

    def fresh(self, session: so.Session) -> Matcher:
        """Return a matcher that knows everything this session can see."""
        with self._lock:
            if self._matcher is None or self._named() != self._name:
                self._load(session)
            if not self._belongs(session):
                log.warning("index.foreign", seq=self._mark.seq)
                self._rebuild(session)
            self._catch_up(session)
            assert self._matcher is not None  # noqa: S101 - loaded above
            return self._matcher

    def rebuild(self, session: so.Session) -> int:
        """Write a new base from the database; returns how many postings it holds."""
        with self._lock:
            return self._rebuild(session)

    def upkeep(self, session: so.Session) -> bool:
        """Write a new base when the delta has grown; tells whether it did."""
        self.fresh(session)
        with self._lock:
            behind = session.scalar(
                sa.select(sa.func.count())
                .select_from(LedgerEntry)
                .where(
                    LedgerEntry.seq > self._base.seq,
                    LedgerEntry.subject_kind.in_(KINDS),
                )
            )
            if (behind or 0) < COMPACT_AFTER:
                return False
            self._rebuild(session)
            return True

    def state(self) -> str:
        """Tell readiness: ``ok`` once an index is loaded."""
        return "ok" if self._matcher is not None else "not loaded"

    def _named(self) -> str:
        try:
            return (self.folder / _CURRENT).read_text("ascii").strip()
        except FileNotFoundError:
            return ""

    def _load(self, session: so.Session) -> None:
        """Open the base that ``CURRENT`` names, or build one."""
        if not self._open():
            with self._building():
                if not self._open():
                    self._build(session)

    def _open(self) -> bool:
        name = self._named()
        base = self.folder / name
        if not name or not (base / _MARK).is_file():
            return False
        try:
            data = json.loads((base / _MARK).read_text("ascii"))
            mark = Mark(int(data["seq"]), str(data["hash"]))
            matcher = Matcher.open(base / "index")
        except (
            OSError,
            ValueError,
            TypeError,
            KeyError,
            IndexCorrupt,
            IndexVersionMismatch,
            UnknownWeights,
        ) as error:
            log.warning("index.unusable", base=name, reason=str(error))
            return False
        self._matcher, self._name = matcher, name
        self._mark = self._base = mark
        return True

    def _rebuild(self, session: so.Session) -> int:
        with self._building():
            return self._build(session)

    def _build(self, session: so.Session) -> int:
        """Write a base and point ``CURRENT`` at it.

        The mark is read before the postings: what is committed while they are read is
        taken in once more by the next catching up, which does no harm.
        """
        mark = Mark(*events.head(session))
        matcher = Matcher.build(postings.everything(session))
        name = f"base-{mark.seq}-{secrets.token_hex(8)}"
        base = self.folder / name
        base.mkdir()
        matcher.save(base / "index")
        (base / _MARK).write_text(
            json.dumps({"seq": mark.seq, "hash": mark.hash}), encoding="ascii"
        )
        temporary = self.folder / f"{_CURRENT}.{os.getpid()}"
        temporary.write_text(name, encoding="ascii")
        temporary.replace(self.folder / _CURRENT)
        self._sweep(keep=name)
        self._matcher, self._name = Matcher.open(base / "index", verify=False), name
        self._mark = self._base = mark
        log.info("index.built", postings=len(matcher), seq=mark.seq)
        return len(matcher)

    def _sweep(self, keep: str) -> None:
        """Remove older bases; a process that has one mapped keeps its pages."""
        for path in self.folder.glob("base-*"):
            if path.name != keep:
                shutil.rmtree(path, ignore_errors=True)

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
        return (
            self._base.seq > 0 and _hash_at(session, self._base.seq) == self._base.hash
        )

    def _since(self, session: so.Session) -> Sequence[sa.Row[*tuple[Any, ...]]]:
        """Read what the ledger tells since the mark."""
        return session.execute(
            sa.select(
                LedgerEntry.seq,
                LedgerEntry.hash,
                LedgerEntry.subject_kind,
                LedgerEntry.subject_id,
            )
            .where(LedgerEntry.seq > self._mark.seq)
            .order_by(LedgerEntry.seq)
        ).all()

    def _renew(self, session: so.Session) -> None:
        """After very much has come, write a new base or take over another's.

        Taking everything into the delta would cost each process as much as one of
        them needs for a base that all can share.
        """
        with self._building():
            taken = self._named() != self._name and self._open()
            if not taken or len(self._since(session)) > COMPACT_AFTER:
                self._build(session)

    def _catch_up(self, session: so.Session) -> None:
        """Take in what the ledger tells since the mark."""
        rows = self._since(session)
        if len(rows) > COMPACT_AFTER:
            self._renew(session)
            rows = self._since(session)
        if not rows:
            return
        assert self._matcher is not None  # noqa: S101 - called after loading
        units = {r.subject_id for r in rows if r.subject_kind == "organisation"}
        for kind in KINDS:
            touched: set[UUID] = {r.subject_id for r in rows if r.subject_kind == kind}
            touched |= postings.of_units(session, kind, units)
            if touched:
                current = postings.load(session, kind, touched)
                self._matcher.add(current.values())
                self._matcher.remove([str(i) for i in touched - current.keys()])
        self._mark = Mark(rows[-1].seq, rows[-1].hash)


def _hash_at(session: so.Session, seq: int) -> str | None:
    return session.scalar(sa.select(LedgerEntry.hash).where(LedgerEntry.seq == seq))
