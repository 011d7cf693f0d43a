"""Rank one chunk of postings against the index at a path: what every worker does."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Any, Final

from matching.batches.questions import Question
from matching.engine import Matcher
from matching.errors import BatchError
from matching.postings import Filter, Match, Posting, Worth

_PLAIN: Final[dict[str, Any]] = {
    "ensure_ascii": False,
    "separators": (",", ":"),
    "allow_nan": False,
}


@dataclass(frozen=True, slots=True)
class Task:
    """What is asked for every posting of a job.

    Attributes
    ----------
    index_id : str
        Name of the contents that the index must have.
    k : int
        How many matches at most.
    where : Filter
    worth : Worth, optional
    """

    index_id: str
    k: int
    where: Filter
    worth: Worth | None = None


def rank_chunk(
    index: Path, task: Task, lines: Sequence[bytes], *, verify: bool = False
) -> bytes:
    """Rank for some lines of an input.

    Parameters
    ----------
    index : Path
        A saved index. A process opens it once and keeps it.
    task : Task
    lines : sequence of bytes
        One posting each, as `Question.read` takes it.
    verify : bool, default=False
        Whether checksums are compared when the index is opened.

    Returns
    -------
    bytes
        One line of JSON for each: ``need`` with its id, and ``matches``, best first,
        each with ``rank``, ``offer``, ``score``, ``band`` and ``parts``. The same
        question gives the same bytes wherever it is answered.

    Raises
    ------
    BatchError
        When the index holds other postings than the task says.
    FileNotFoundError, IndexCorrupt, IndexVersionMismatch
        When there is none, or it cannot be used.
    """
    matcher = _SHELF.matcher(index, task.index_id, verify=verify)
    questions = [Question.read(line) for line in lines]
    alike: dict[tuple[Collection[str], Collection[str]], list[int]] = {}
    for place, question in enumerate(questions):
        alike.setdefault((question.exclude_org, question.exclude_ids), []).append(place)
    rows = [b""] * len(questions)
    for (orgs, ids), places in alike.items():
        where = replace(
            task.where,
            exclude_org={*task.where.exclude_org, *orgs},
            exclude_ids={*task.where.exclude_ids, *ids},
        )
        postings = [questions[place].posting for place in places]
        ranked = matcher.rank_all(postings, task.k, where=where, explain=0)
        for place, posting, (_, matches) in zip(places, postings, ranked, strict=True):
            kept = _worthy(matcher, posting, matches, task, where)
            rows[place] = _row(posting.id, kept)
    return b"".join(rows)


def _worthy(
    matcher: Matcher,
    posting: Posting,
    matches: list[Match],
    task: Task,
    where: Filter,
) -> list[Match]:
    """Leave out what is not worth a look; explain only where that decides."""
    worth = task.worth
    if worth is None:
        return matches
    if any(map(worth.doubts, matches)):
        matches = matcher.rank(posting, task.k, where)
    return list(filter(worth.admits, matches))


def _row(posting_id: str, matches: Sequence[Match]) -> bytes:
    row: dict[str, Any] = {
        "need": posting_id,
        "matches": [
            {
                "rank": rank,
                "offer": match.id,
                "score": match.score,
                "band": match.band,
                "parts": dict(match.parts),
            }
            for rank, match in enumerate(matches, start=1)
        ],
    }
    text = json.dumps(row, **_PLAIN)
    try:
        return text.encode() + b"\n"
    except UnicodeEncodeError:
        # Half a pair of surrogates has no bytes of its own; JSON can still name it.
        return json.dumps(row, **{**_PLAIN, "ensure_ascii": True}).encode() + b"\n"


class _Shelf:
    """The index that this process has open; the one asked for last is kept."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._place: tuple[Path, str] | None = None
        self._matcher: Matcher | None = None

    def matcher(self, index: Path, index_id: str, *, verify: bool) -> Matcher:
        """Return the index at a path, opened when it is asked for first."""
        with self._lock:
            if self._matcher is None or self._place != (index, index_id):
                matcher = Matcher.open(index, verify=verify)
                if matcher.index_id != index_id:
                    raise BatchError(
                        f"{index} holds other postings than when the job began"
                    )
                self._matcher, self._place = matcher, (index, index_id)
            return self._matcher

    def clear(self) -> None:
        """Let go of it."""
        with self._lock:
            self._matcher = self._place = None


_SHELF: Final = _Shelf()


def close() -> None:
    """Let go of the index that this process has open."""
    _SHELF.clear()
