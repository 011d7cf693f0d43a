"""How an import runs: batch by batch, with as much memory for many rows as for few.

Checking reads only; what is to be kept goes in by short transactions, or by a single
one when all or nothing is wanted. Between passes rows lie in temporary files.
"""

from __future__ import annotations

import hashlib
import json
import pickle
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from types import TracebackType
from typing import IO, Any, Self
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace.domain.actors import Actor
from marketplace.domain.ids import new_id
from marketplace.domain.sheets import BadSheet, Cell, SheetRow
from marketplace.errors import FieldError, Forbidden, Invalid, MarketplaceError, Text
from marketplace.models.jobs import ImportedRow, ImportJob, ImportProblem, ImportState
from marketplace.models.organisations import Organisation
from marketplace.policies import Grant
from marketplace.services import bulk, imports, needs, offers, organisations
from marketplace.services.attachments import FileStore
from marketplace.services.bulk import Checked, Owner
from marketplace.services.import_columns import (
    EXTERNAL,
    OWNER,
    CellError,
    Column,
    Lookups,
    as_text,
    columns,
    headings,
    kind_of_sheet,
    owner_of,
    plain_heading,
    read_cell,
    unknown_heading,
)
from marketplace.services.imports import FINAL, ReadRows
from marketplace.services.lifecycles import Aggregate

BATCH = 500
MOST_PROBLEMS = 10_000
"""Problems that a report lists; further wrong rows are only counted."""
READ_ONLY = {"read_only": True}
"""The execution option by which the store tells a transaction that only reads."""


class Cancelled(Exception):
    """Somebody has asked the job to stop."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One cell that is wrong; ``column`` counts from 0, None for the whole row."""

    row: int
    column: int | None
    heading: str
    code: str
    message: Text


@dataclass(frozen=True, slots=True)
class Candidate:
    """A row that may be kept.

    Parameters
    ----------
    scope, key : str
        Where and under which key the row is remembered.
    content : str
        Hash of what the row says.
    what : Checked or mapping
        An object that was checked, or the data of an organisation.
    """

    row: int
    scope: str
    key: str
    content: str
    what: Any


@dataclass
class Counts:
    """How far a job has come."""

    rows_read: int = 0
    rows_kept: int = 0
    rows_wrong: int = 0
    rows_repeated: int = 0

    def values(self) -> dict[str, int]:
        """Return the counters by their columns."""
        return dict(vars(self))


@dataclass
class Heading:
    """The header row, understood: where each column of the sheet stands."""

    places: list[tuple[int, Column, str]]
    words: dict[str, str]

    def heading(self, name: str) -> tuple[int | None, str]:
        """Return where a field stands and what its column is called here."""
        for place, column, _ in self.places:
            if column.name == name:
                return place, self.words[name]
        return None, ""


class Spool:
    """Objects in a temporary file, written once and read once, in order."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - see __exit__

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def put(self, batch: Sequence[Any]) -> None:
        """Append a batch."""
        pickle.dump(list(batch), self._file, protocol=pickle.HIGHEST_PROTOCOL)

    def batches(self) -> Iterator[list[Any]]:
        """Yield the batches from the first on."""
        self._file.seek(0)
        while True:
            try:
                yield pickle.load(self._file)  # noqa: S301 - our own file
            except EOFError:
                return


class Seen:
    """The keys of this file's rows, in a temporary database on disk."""

    def __init__(self) -> None:
        self._store = sqlite3.connect("", isolation_level=None)
        self._store.execute("CREATE TABLE seen (key TEXT PRIMARY KEY, content TEXT)")
        self._store.execute("BEGIN")

    def close(self) -> None:
        """Forget everything."""
        self._store.close()

    def add(self, key: str, content: str) -> str | None:
        """Remember a key; returns the content it came with before, if it did."""
        row = self._store.execute(
            "SELECT content FROM seen WHERE key = ?", (key,)
        ).fetchone()
        if row is not None:
            return str(row[0])
        self._store.execute("INSERT INTO seen VALUES (?, ?)", (key, content))
        return None


@dataclass
class Run:
    """One run of a job.

    Parameters
    ----------
    session : Session
    store : FileStore
    read_rows : callable
        Reads the rows of a file.
    now : callable
        Tells the time.
    hold : callable
        Called at the start of each transaction that writes; raises when the job is
        no longer this run's.
    """

    session: so.Session
    store: FileStore
    read_rows: ReadRows
    now: Callable[[], datetime]
    hold: Callable[[], None]
    batch: int = BATCH
    counts: Counts = field(default_factory=Counts)
    listed: int = 0

    def __call__(self, job_id: UUID) -> ImportState | None:
        """Run a job to its end; None when it has ended before.

        A job that an earlier run left is begun anew: what that run kept is recognised
        and counted as kept.
        """
        self.hold()
        job = self.session.get(ImportJob, job_id, populate_existing=True)
        if job is None or job.state in FINAL:
            self.session.rollback()
            return None
        self.session.execute(
            sa.delete(ImportProblem).where(ImportProblem.job_id == job_id)
        )
        job.state = ImportState.RUNNING
        job.error, job.rows_total = "", None
        for name, value in self.counts.values().items():
            setattr(job, name, value)
        job.updated_at = self.now()
        self.session.commit()
        self.session.refresh(job)
        self.session.expunge(job)
        self.session.rollback()
        try:
            return self._run(job)
        except Cancelled:
            self.session.rollback()
            return self.end(job, ImportState.CANCELLED)
        except BadSheet as error:
            self.session.rollback()
            problem = Problem(error.row, None, "", error.code, _file_message(error))
            return self._refuse(job, [problem], error.code)
        except (Forbidden, Invalid) as error:
            self.session.rollback()
            return self._refuse(job, [_job_problem(error)], error.code)

    def _run(self, job: ImportJob) -> ImportState:
        self.begin_reading()
        actor = imports.requester(self.session, job, self.now())
        grant = imports.grant_now(self.session, actor, job)
        owner = None
        if job.org_id is not None:
            owner = owner_of(self.session.get_one(Organisation, job.org_id))
        self.session.rollback()
        wanted = columns(job.kind, with_owner=owner is None)
        with self.store.open(job.digest) as file:
            total = sum(1 for _ in self.read_rows(file, job.filename)) - 1
            self._progress(job, rows_total=max(total, 0))
            with closing(self.read_rows(file, job.filename)) as rows:
                sheet, heading, found = _read_heading(rows, job.kind, wanted)
                if not found and total < 1:
                    found = [Problem(2, None, "", "no_rows", _NO_ROWS)]
                if found:
                    return self._refuse(job, found, found[0].code, sheet)
                task = _Task(self, job, actor, grant, owner, heading, sheet)
                with closing(Seen()) as seen:
                    return task.run(rows, seen)

    def begin_reading(self) -> None:
        """Begin a transaction that does not take SQLite's write lock."""
        self.session.connection(execution_options=READ_ONLY)

    def _progress(self, job: ImportJob, **more: Any) -> None:
        """Commit how far the job has come, unless it is to stop."""
        self.hold()
        self.stop_if_cancelled(job)
        values = self.counts.values() | {"updated_at": self.now()} | more
        imports.set_progress(self.session, job.id, values)
        self.session.commit()

    def stop_if_cancelled(self, job: ImportJob) -> None:
        """Raise ``Cancelled`` if somebody has asked for it."""
        asked = sa.select(ImportJob.cancel_requested).where(ImportJob.id == job.id)
        if self.session.scalar(asked):
            raise Cancelled

    def _refuse(
        self, job: ImportJob, found: Sequence[Problem], code: str, sheet: str = ""
    ) -> ImportState:
        """End a job of which nothing more can come in."""
        self.hold()
        self.write_problems(job, sheet, found)
        return self.end(job, ImportState.REFUSED, code)

    def end(self, job: ImportJob, state: ImportState, error: str = "") -> ImportState:
        """End the job and commit, together with what the transaction has kept."""
        self.hold()
        actor = Actor(now=self.now(), is_system=True, request_id=f"import:{job.id}")
        values = self.counts.values() | {"error": error}
        imports.finish(self.session, actor, job.id, state, values)
        self.session.commit()
        return state

    def write_problems(
        self, job: ImportJob, sheet: str, found: Sequence[Problem]
    ) -> None:
        """Add problems to the report, up to its length."""
        room = MOST_PROBLEMS - self.listed
        rows = [
            {
                "id": new_id(),
                "job_id": job.id,
                "number": self.listed + offset,
                "sheet": sheet[:64],
                "row": problem.row,
                "column": problem.heading[:64],
                "cell": _cell_name(problem),
                "code": problem.code,
                "message_zh": problem.message.zh,
                "message_en": problem.message.en,
            }
            for offset, problem in enumerate(found[:room], 1)
        ]
        if rows:
            self.session.execute(sa.insert(ImportProblem), rows)
        self.listed += len(rows)


_AGGREGATES: dict[str, Aggregate[Any]] = {"needs": needs.KIND, "offers": offers.KIND}


@dataclass
class _Task:
    """A job whose sheet has a header that is understood."""

    of: Run
    job: ImportJob
    actor: Actor
    grant: Grant
    owner: Owner | None
    heading: Heading
    sheet: str
    stale: list[tuple[str, str, UUID]] = field(default_factory=list)
    """Rows remembered for objects that are gone."""

    @property
    def comment(self) -> str:
        """What the ledger says beside every object."""
        return f"import {self.job.id}"

    def run(self, rows: Iterator[SheetRow], seen: Seen) -> ImportState:
        """Run in the mode that was asked for."""
        if self.job.kind == "organisations" and (
            self.job.dry_run or self.job.mode == "all"
        ):
            return self._try_whole(rows, seen)
        if self.job.mode == "good" and not self.job.dry_run:
            return self._keep_good(rows, seen)
        return self._keep_all(rows, seen)

    def _keep_good(self, rows: Iterator[SheetRow], seen: Seen) -> ImportState:
        counts = self.of.counts
        for batch in _batches(rows, self.of.batch):
            candidates, found = self._check(batch, seen)
            self.of.hold()
            self.of.stop_if_cancelled(self.job)
            fresh = self._fresh(candidates, found)
            self._store(fresh, found)
            self.of.write_problems(self.job, self.sheet, found)
            counts.rows_read += len(batch)
            counts.rows_wrong += len({p.row for p in found})
            self._note_progress()
            self.of.session.commit()
            self.of.session.expunge_all()
        return self.of.end(self.job, ImportState.DONE)

    def _keep_all(self, rows: Iterator[SheetRow], seen: Seen) -> ImportState:
        """Check everything, then keep everything at once, or nothing."""
        session, counts = self.of.session, self.of.counts
        ready = 0
        with Spool() as spool:
            for batch in _batches(rows, self.of.batch):
                candidates, found = self._check(batch, seen)
                self.of.begin_reading()
                fresh = self._fresh(candidates, found)
                session.rollback()
                spool.put(fresh)
                ready += len(fresh)
                self.of.hold()
                self.of.stop_if_cancelled(self.job)
                self.of.write_problems(self.job, self.sheet, found)
                counts.rows_read += len(batch)
                counts.rows_wrong += len({p.row for p in found})
                self._note_progress()
                session.commit()
                session.expunge_all()
            if self.job.dry_run:
                kept = ready if self.job.mode == "good" or not counts.rows_wrong else 0
                counts.rows_kept += kept
                return self.of.end(self.job, ImportState.DONE)
            if counts.rows_wrong:
                counts.rows_kept = 0
                return self.of.end(self.job, ImportState.REFUSED, "rows_wrong")
            return self._store_spool(spool)

    def _store_spool(self, spool: Spool) -> ImportState:
        session = self.of.session
        self.of.hold()
        for batch in spool.batches():
            self.of.stop_if_cancelled(self.job)
            found: list[Problem] = []
            fresh = self._fresh(batch, found)
            if found:
                raise RuntimeError("another import changed these rows meanwhile")
            self._store(fresh, found)
            session.flush()
            session.expunge_all()
        return self.of.end(self.job, ImportState.DONE)

    def _try_whole(self, rows: Iterator[SheetRow], seen: Seen) -> ImportState:
        """Keep units in one transaction, and take it back if one of them is wrong.

        Units refer to each other and exclude each other, so that checking one means
        having stored those before it.
        """
        session, counts = self.of.session, self.of.counts
        self.of.hold()
        report: list[Problem] = []
        for batch in _batches(rows, self.of.batch):
            candidates, found = self._check(batch, seen, read_only=False)
            self.of.stop_if_cancelled(self.job)
            self._store(self._fresh(candidates, found), found)
            counts.rows_read += len(batch)
            counts.rows_wrong += len({p.row for p in found})
            report += found[: MOST_PROBLEMS - len(report)]
        refused = counts.rows_wrong and self.job.mode == "all"
        if not refused and not self.job.dry_run:
            return self.of.end(self.job, ImportState.DONE)
        session.rollback()
        if refused:
            counts.rows_kept = 0
        self.of.hold()
        self.of.write_problems(self.job, self.sheet, report)
        if refused and not self.job.dry_run:
            return self.of.end(self.job, ImportState.REFUSED, "rows_wrong")
        return self.of.end(self.job, ImportState.DONE)

    def _note_progress(self) -> None:
        values = self.of.counts.values() | {"updated_at": self.of.now()}
        imports.set_progress(self.of.session, self.job.id, values)

    def _check(
        self, batch: Sequence[SheetRow], seen: Seen, *, read_only: bool = True
    ) -> tuple[list[Candidate], list[Problem]]:
        """Check a batch, by a transaction that only reads."""
        session = self.of.session
        if read_only:
            self.of.begin_reading()
        lookups = Lookups(session, self.actor.today)
        candidates: list[Candidate] = []
        found: list[Problem] = []
        for row in batch:
            wrong: list[Problem] = []
            candidate = self._check_row(row, lookups, wrong)
            if candidate is not None and not wrong:
                self._place(candidate, seen, candidates, wrong)
            found += wrong
        if read_only:
            session.rollback()
        return candidates, found

    def _place(
        self,
        candidate: Candidate,
        seen: Seen,
        candidates: list[Candidate],
        wrong: list[Problem],
    ) -> None:
        """Take a row up unless this file has had it."""
        before = seen.add(f"{candidate.scope}|{candidate.key}", candidate.content)
        if before is None:
            candidates.append(candidate)
        elif before == candidate.content:
            self.of.counts.rows_repeated += 1
        else:
            wrong.append(self._problem(candidate.row, EXTERNAL, "changed_row", _TWICE))

    def _check_row(
        self, row: SheetRow, lookups: Lookups, wrong: list[Problem]
    ) -> Candidate | None:
        data: dict[str, Any] = {}
        words: dict[str, str] = {}
        for place, column, unit in self.heading.places:
            cell: Cell = row.cells[place] if place < len(row.cells) else None
            heading = self.heading.words[column.name]
            try:
                words[column.name] = as_text(cell)
                value = read_cell(cell, column, unit, lookups)
                if value is None and column.required:
                    raise _REQUIRED
            except CellError as error:
                wrong.append(
                    Problem(row.number, place, heading, error.code, error.message)
                )
                continue
            if value is not None:
                data[column.name] = value
        external = data.pop(EXTERNAL, "")
        owner = self._owner(row, data.pop(OWNER, None), lookups, wrong)
        what: Any = data
        if self.job.kind in _AGGREGATES:
            what = self._checked(row, owner, data, wrong)
        if wrong:
            return None
        return _candidate(row.number, self.job.kind, owner, external, words, what)

    def _owner(
        self, row: SheetRow, text: str | None, lookups: Lookups, wrong: list[Problem]
    ) -> Owner | None:
        owner = self.owner
        if owner is None and text is not None:
            try:
                owner = lookups.owner(text)
            except CellError as error:
                problem = self._problem(row.number, OWNER, error.code, error.message)
                wrong.append(problem)
        if owner is None or not self.job.publish:
            return owner
        if not owner.verified:
            wrong.append(
                self._problem(row.number, OWNER, "not_verified", _NOT_VERIFIED)
            )
        if owner.id in self.actor.org_ids:
            wrong.append(self._problem(row.number, OWNER, "own_unit", _OWN_UNIT))
        return owner

    def _checked(
        self,
        row: SheetRow,
        owner: Owner | None,
        data: dict[str, Any],
        wrong: list[Problem],
    ) -> Checked | None:
        """Check the content; without a known owner only what needs none."""
        if owner is None:
            return None
        try:
            return bulk.checked(
                self.of.session,
                self.actor,
                _AGGREGATES[self.job.kind],
                owner,
                data,
                admitted=self.job.publish,
            )
        except Invalid as error:
            known = {problem.column for problem in wrong}
            told = [self._of_field(row.number, e) for e in error.errors]
            wrong += [p for p in told if p.column is None or p.column not in known]
            return None

    def _of_field(self, row: int, error: FieldError) -> Problem:
        """Say of a field's error in which cell it lies."""
        steps = error.pointer.split("/")[1:]
        name = steps[0] if steps else ""
        message = error.message
        if len(steps) > 1 and steps[1].isdigit():
            message = Text("第{n}项：{zh}", "item {n}: {en}").format(
                n=int(steps[1]) + 1, zh=message.zh, en=message.en
            )
        return self._problem(row, name, error.code, message)

    def _problem(self, row: int, name: str, code: str, message: Text) -> Problem:
        place, heading = self.heading.heading(name)
        if place is None and name:
            title = next(
                (
                    column.heading
                    for column in columns(self.job.kind, with_owner=True)
                    if column.name == name
                ),
                Text(name, name),
            )
            message = Text("{zt}：{zh}", "{et}: {en}").format(
                zt=title.zh, zh=message.zh, et=title.en, en=message.en
            )
        return Problem(row, place, heading, code, message)

    def _fresh(
        self, candidates: Sequence[Candidate], found: list[Problem]
    ) -> list[Candidate]:
        """Return the rows that have not come in before.

        A row whose object has been deleted since may come in again. A row that an
        earlier run of this very job has kept counts as kept.
        """
        session = self.of.session
        self.stale.clear()
        known = self._remembered(candidates)
        fresh: list[Candidate] = []
        for candidate in candidates:
            before = known.get((candidate.scope, candidate.key))
            if before is None:
                fresh.append(candidate)
            elif before.job_id == self.job.id:
                self.of.counts.rows_kept += 1
            elif before.content_hash == candidate.content:
                self.of.counts.rows_repeated += 1
            else:
                found.append(
                    self._problem(candidate.row, EXTERNAL, "changed_row", _CHANGED)
                )
        session.expunge_all()
        return fresh

    def _remembered(
        self, candidates: Sequence[Candidate]
    ) -> dict[tuple[str, str], ImportedRow]:
        """Return what is remembered of these rows, if its object still exists."""
        session = self.of.session
        keys = [candidate.key for candidate in candidates]
        if not keys:
            return {}
        rows = session.scalars(
            sa.select(ImportedRow).where(ImportedRow.row_key.in_(keys))
        ).all()
        model = (
            _AGGREGATES[self.job.kind].model
            if self.job.kind in _AGGREGATES
            else Organisation
        )
        subjects = [row.subject_id for row in rows]
        alive = set(session.scalars(sa.select(model.id).where(model.id.in_(subjects))))
        for row in rows:
            if row.subject_id not in alive:
                self.stale.append((row.scope, row.row_key, row.subject_id))
        return {
            (row.scope, row.row_key): row for row in rows if row.subject_id in alive
        }

    def _store(self, fresh: Sequence[Candidate], found: list[Problem]) -> None:
        """Keep rows and remember them, in the transaction that is open."""
        session = self.of.session
        if self.job.kind in _AGGREGATES:
            bulk.store(
                session,
                self.actor,
                _AGGREGATES[self.job.kind],
                self.grant,
                [candidate.what for candidate in fresh],
                admitted=self.job.publish,
                comment=self.comment,
            )
            kept = [(candidate, candidate.what.id) for candidate in fresh]
        else:
            kept = self._store_organisations(fresh, found)
        self._remember(kept)
        self.of.counts.rows_kept += len(kept)

    def _store_organisations(
        self, fresh: Sequence[Candidate], found: list[Problem]
    ) -> list[tuple[Candidate, UUID]]:
        session = self.of.session
        kept = []
        for candidate in fresh:
            try:
                with session.begin_nested():
                    org = organisations.create(session, self.actor, candidate.what)
            except MarketplaceError as error:
                if not error.errors:
                    raise
                found += [self._of_field(candidate.row, e) for e in error.errors]
            else:
                kept.append((candidate, org.id))
        return kept

    def _remember(self, kept: Sequence[tuple[Candidate, UUID]]) -> None:
        """Write down what came in.

        A row that another import has kept meanwhile breaks the key, and this run
        with it; the next attempt then finds it remembered. What is remembered of an
        object that is gone is replaced, and nothing else ever is.
        """
        session = self.of.session
        for scope, key, subject_id in self.stale:
            session.execute(
                sa.delete(ImportedRow).where(
                    ImportedRow.scope == scope,
                    ImportedRow.row_key == key,
                    ImportedRow.subject_id == subject_id,
                ),
                execution_options={"synchronize_session": False},
            )
        self.stale.clear()
        if not kept:
            return
        session.execute(
            sa.insert(ImportedRow),
            [
                {
                    "scope": candidate.scope,
                    "row_key": candidate.key,
                    "content_hash": candidate.content,
                    "subject_id": subject_id,
                    "job_id": self.job.id,
                }
                for candidate, subject_id in kept
            ],
        )


def _batches(rows: Iterator[SheetRow], size: int) -> Iterator[list[SheetRow]]:
    while batch := list(islice(rows, size)):
        yield batch


def _candidate(
    row: int,
    kind: str,
    owner: Owner | None,
    external: str,
    words: dict[str, str],
    what: Any,
) -> Candidate:
    said = {
        name: text
        for name, text in sorted(words.items())
        if text and name not in {EXTERNAL, OWNER}
    }
    content = _hash(json.dumps(said, ensure_ascii=True, sort_keys=True))
    scope = f"{kind}:{owner.id}" if owner is not None else kind
    key = _hash(f"no:{external}") if external else content
    return Candidate(row, scope, key, content, what)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _read_heading(
    rows: Iterator[SheetRow], kind: str, wanted: Sequence[Column]
) -> tuple[str, Heading, list[Problem]]:
    """Understand the first row; what is not understood is told, all of it.

    A sheet of another kind of records is told in one line: each of its headings would
    be wrong for the same reason.
    """
    first = next(rows, None)
    heading = Heading([], {})
    if first is None:
        return "", heading, [Problem(1, None, "", "no_rows", _EMPTY)]
    known = headings(wanted)
    found: list[Problem] = []
    named = [
        (place, cell.strip() if isinstance(cell, str) else str(cell))
        for place, cell in enumerate(first.cells)
        if cell is not None
    ]
    for place, words in named:
        match = known.get(plain_heading(words))
        if match is None:
            message = unknown_heading(words, kind, wanted)
            found.append(Problem(first.number, place, words, "unknown_column", message))
        elif match[0].name in heading.words:
            found.append(
                Problem(first.number, place, words, "column_twice", _COLUMN_TWICE)
            )
        else:
            column, unit = match
            heading.places.append((place, column, unit))
            heading.words[column.name] = words
    for column in wanted:
        if column.required and column.name not in heading.words:
            message = _NO_COLUMN.format(
                zh=column.heading.zh, en=column.heading.en, name=column.name
            )
            found.append(
                Problem(first.number, None, column.heading.zh, "no_column", message)
            )
    if found:
        found = _common_reason(first, kind, [words for _, words in named], found)
    return first.sheet, heading, found


def _common_reason(
    first: SheetRow, kind: str, words: Sequence[str], found: list[Problem]
) -> list[Problem]:
    """Say in one line why a whole header is not understood, if there is one reason."""
    fitting = kind_of_sheet(words, kind)
    if fitting != kind:
        message = _WRONG_KIND.format(**_SHEETS_OF[fitting], kind=fitting)
        return [Problem(first.number, None, "", "wrong_kind", message)]
    unknown = sum(problem.code == "unknown_column" for problem in found)
    if unknown == len(words) > 1:
        return [Problem(first.number, None, "", "no_heading", _NO_HEADING)]
    return found


def _cell_name(problem: Problem) -> str:
    if problem.column is None:
        return str(problem.row) if problem.row else ""
    letters, number = "", problem.column + 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return f"{letters}{problem.row}"


_REQUIRED = CellError("required", "必填", "is required")
_TWICE = Text(
    "同一外部编号在本文件中出现两次且内容不同",
    "this external number stands twice in the file with different contents",
)
_CHANGED = Text(
    "该外部编号此前已导入，但内容不同；请在系统中修改原记录，或换用新的编号",
    "a row of this external number came in before with another content;"
    " edit that record, or use a new number",
)
_OWN_UNIT = Text(
    "不能直接发布本单位的记录", "records of your own unit are never published unchecked"
)
_NOT_VERIFIED = Text(
    "只有已认证单位的记录可以直接发布", "only records of verified units are published"
)
_COLUMN_TWICE = Text("此列出现两次", "this column stands twice")
_NO_COLUMN = Text("缺少必填列“{zh}”", "the required column {en!r} ({name}) is missing")
_EMPTY = Text(
    "表是空的：第一行应为列名，从第二行起填写记录；可下载导入模板",
    "the sheet is empty: the first row holds the headings, each row below it a record;"
    " there are templates",
)
_NO_ROWS = Text(
    "表中只有列名，没有数据行", "the sheet has headings and no rows of data"
)
_NO_HEADING = Text(
    "第一行应为列名，但没有一个能识别；请使用导入模板中的表头",
    "the first row should hold the headings, and none of these is known;"
    " use those of the template",
)
_SHEETS_OF = {
    "organisations": {"zh": "单位", "en": "an organisations"},
    "needs": {"zh": "需求", "en": "a needs"},
    "offers": {"zh": "成果能力", "en": "an offers"},
}
_WRONG_KIND = Text(
    "这像是“{zh}”表，请以 kind={kind} 导入",
    "this looks like {en} sheet; import it with kind={kind}",
)
_FILE_MESSAGES = {
    "too_many_rows": Text(
        "行数过多，请拆分成几个文件", "too many rows; part the file in several"
    ),
    "too_many_columns": Text(
        "列数过多，请使用模板", "too many columns; use the template"
    ),
}
_BROKEN = Text(
    "文件不能读取或已损坏：请另存为 xlsx 或 UTF-8 编码的 csv",
    "the file cannot be read, or is damaged; save it as xlsx or as csv in UTF-8",
)


def _file_message(error: BadSheet) -> Text:
    return _FILE_MESSAGES.get(error.code, _BROKEN)


def _job_problem(error: MarketplaceError) -> Problem:
    message = error.detail or error.title
    if error.errors:
        message = error.errors[0].message
    return Problem(0, None, "", error.code, message)
