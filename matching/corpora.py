"""Read postings and judgements from files, line by line."""

import gzip
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from matching.errors import InvalidPosting, MatchingError
from matching.postings import Posting

Judgements = dict[str, dict[str, float]]
"""Grade by query and document; higher is better, 0 is judged and not relevant."""


def read_postings(
    path: Path, progress: Callable[[int, int], None] | None = None
) -> Iterator[Posting]:
    """Read postings from JSON lines, gzipped when the name ends in ``.gz``.

    Parameters
    ----------
    path : Path
    progress : callable, optional
        Called with bytes of the file consumed and postings read.

    Raises
    ------
    InvalidPosting
        With file and line, when a line holds no posting.
    """
    with path.open("rb") as raw, ExitStack() as stack:
        lines: Iterable[bytes] = raw
        if path.suffix == ".gz":
            lines = stack.enter_context(gzip.open(raw))
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                posting = Posting.from_dict(json.loads(line))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise InvalidPosting(f"{path}, line {number}: {error}") from error
            yield posting
            if progress is not None:
                progress(raw.tell(), number)


def read_judgements(path: Path) -> Judgements:
    """Read a table of query, document and grade with a heading, tab-separated."""
    judgements: Judgements = {}
    with path.open(encoding="utf-8") as file:
        next(file, None)
        for number, line in enumerate(file, start=2):
            if not line.strip():
                continue
            try:
                query, document, grade = line.rstrip("\r\n").split("\t")
                judgements.setdefault(query, {})[document] = float(grade)
            except ValueError as error:
                raise MatchingError(f"{path}, line {number}: {error}") from error
    return judgements


@dataclass(frozen=True, slots=True)
class Corpus:
    """An evaluation set: a folder with documents, queries and judgements."""

    directory: Path
    queries: list[Posting]
    judgements: Judgements

    @classmethod
    def read(cls, directory: Path, queries: Path | None = None) -> "Corpus":
        """Read a folder; the queries may come from another file than its own."""
        return cls(
            directory,
            list(read_postings(queries or directory / "queries.jsonl")),
            read_judgements(directory / "qrels.tsv"),
        )

    def documents(self) -> Iterator[Posting]:
        """Read the documents from the disk, one at a time."""
        packed = self.directory / "docs.jsonl.gz"
        plain = self.directory / "docs.jsonl"
        return read_postings(packed if packed.exists() else plain)
