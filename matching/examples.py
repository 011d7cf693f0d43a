"""Graded pairs with their parts: what a score is fitted to.

They come from judged sets (`of_set`), or from what people say of matches.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self

from matching.corpora import Corpus
from matching.engine import Matcher
from matching.errors import InvalidExamples
from matching.postings import Filter
from matching.weights import DEFAULT, PARTS

SHOWN: Final = 10
"""So many first matches of a query are taken: what people get to see."""


@dataclass(frozen=True, slots=True)
class Example:
    """One graded pair.

    Attributes
    ----------
    set : str
        Where it comes from; every set weighs the same.
    query, document : str
        Pairs with the same query belong together.
    grade : float
        Not below 0; orders the documents of a query.
    useful : bool
        Whether it helps whoever asked.
    parts : mapping of str to float or None
        Each between 0 and 1, the text's always known.
    blocked : bool
        Whether a core indicator is missed.
    """

    set: str
    query: str
    document: str
    grade: float
    useful: bool
    parts: Mapping[str, float | None]
    blocked: bool = False

    def __post_init__(self) -> None:
        """Refuse what is no graded pair."""
        for name in ("set", "query", "document"):
            if not isinstance(getattr(self, name), str):
                raise InvalidExamples(f"{name} must be a string")
        if not _is_number(self.grade) or not 0 <= self.grade < math.inf:
            raise InvalidExamples(f"grade must be a number not below 0: {self.grade!r}")
        for name in ("useful", "blocked"):
            if not isinstance(getattr(self, name), bool):
                raise InvalidExamples(f"{name} must be true or false")
        if not isinstance(self.parts, Mapping) or set(self.parts) - set(PARTS):
            raise InvalidExamples(f"parts must be an object of {', '.join(PARTS)}")
        whole = {part: self.parts.get(part) for part in PARTS}
        if whole["text"] is None:
            raise InvalidExamples("the text part must be known")
        for part, value in whole.items():
            if value is not None and not (_is_number(value) and 0 <= value <= 1):
                raise InvalidExamples(
                    f"part {part} must lie between 0 and 1: {value!r}"
                )
        object.__setattr__(self, "parts", whole)

    @classmethod
    def from_dict(cls, data: object) -> Self:
        """Read an example from parsed JSON.

        Raises
        ------
        InvalidExamples
            Saying what is missing, unknown or out of range.
        """
        if not isinstance(data, dict):
            raise InvalidExamples(f"an example is an object, not {data!r:.60}")
        try:
            return cls(**data)
        except TypeError as error:
            raise InvalidExamples(str(error).partition(") ")[2]) from error

    def to_dict(self) -> dict[str, Any]:
        """Return the example as JSON values; parts that are not known are left out."""
        known = {name: value for name, value in self.parts.items() if value is not None}
        return {**asdict(self), "parts": known}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def read_examples(path: Path) -> Iterator[Example]:
    """Read examples from JSON lines.

    Raises
    ------
    InvalidExamples
        With file and line.
    """
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                yield Example.from_dict(json.loads(line))
            except ValueError as error:
                raise InvalidExamples(f"{path}, line {number}: {error}") from error


def write_examples(path: Path, examples: Iterable[Example]) -> int:
    """Write examples as JSON lines and return how many there were."""
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for example in examples:
            file.write(json.dumps(example.to_dict(), ensure_ascii=False) + "\n")
            count += 1
    return count


def of_set(
    directory: Path,
    *,
    least_grade: float = 0.0,
    judged_only: bool = False,
    weights: str = DEFAULT,
) -> Iterator[Example]:
    """Rank every query of a judged set and take the first matches as examples.

    Parameters
    ----------
    directory : Path
        With documents, queries and judgements; its name becomes that of the set.
    least_grade : float, default=0
        A document is useful when its grade is above 0 and not below this.
    judged_only : bool, default=False
        Take the documents judged for each query, all of them. Otherwise what is not
        judged counts as not useful, which suits sets with one right answer.
    weights : str
        Shipped version that decides which matches are the first.
    """
    corpus = Corpus.read(directory)
    matcher = Matcher.build(corpus.documents(), weights=weights)
    for query in corpus.queries:
        if not (grades := corpus.judgements.get(query.id)):
            continue
        where = Filter(ids=grades) if judged_only else None
        most = len(grades) if judged_only else SHOWN
        for pair in matcher.compare(query, most, where):
            grade = grades.get(pair.id, 0.0)
            yield Example(
                set=directory.resolve().name,
                query=query.id,
                document=pair.id,
                grade=grade,
                useful=grade > 0 and grade >= least_grade,
                parts=pair.parts,
                blocked=pair.blocked,
            )
