"""What if a need asked for less? Which one change brings the most matches."""

from dataclasses import dataclass, replace
from typing import Final

from matching.engine import Matcher
from matching.indicators import VerdictKind
from matching.postings import Filter, Match, Posting

_WORTH_A_LOOK: Final = frozenset({"strong", "good"})
DEPTH: Final = 50
"""Matches of either ranking that are compared at first; more where all of them are
worth a look."""


@dataclass(frozen=True, slots=True)
class Relaxation:
    """One requirement, and what a need gains without it.

    Attributes
    ----------
    field : str
        ``indicators/0``, ``indicators/1``, …, ``maturity``, ``budget`` or ``region``.
    gained : tuple of str
        Ids of postings that become ``good`` or ``strong``, best first.
    lost : int
        Postings that no longer are, because something that spoke for them is gone.
    claimed : tuple of (str, str)
        For an indicator: id and words of those that state a value which misses it, in
        the order of `gained`. The least of these steps would do.
    """

    field: str
    gained: tuple[str, ...]
    lost: int
    claimed: tuple[tuple[str, str], ...]

    @property
    def net(self) -> int:
        """How many more postings are worth a look."""
        return len(self.gained) - self.lost


def relaxations(
    matcher: Matcher,
    posting: Posting,
    *,
    where: Filter | None = None,
    depth: int = DEPTH,
) -> list[Relaxation]:
    """Rank a need again without each of its requirements in turn.

    Parameters
    ----------
    matcher : Matcher
    posting : Posting
        A need. What is hidden of it is not touched: advice on it would give it away.
    where : Filter, optional
    depth : int, default=50

    Returns
    -------
    list of Relaxation
        Those that bring more than they cost, the best first; ties in the order of the
        form. Empty where no single change helps.
    """
    before = _down_to_possible(matcher, posting, depth, where)
    found = []
    for field, relaxed in _relaxed(posting):
        after = _down_to_possible(matcher, relaxed, depth, where)
        change = _compared(matcher, field, before, after)
        if change.net > 0:
            found.append(change)
    return sorted(found, key=lambda change: -change.net)


def _down_to_possible(
    matcher: Matcher, posting: Posting, depth: int, where: Filter | None
) -> list[Match]:
    """Rank so deep that all matches that are worth a look are among them."""
    while True:
        matches = matcher.rank(posting, depth, where, explain=0)
        if len(matches) < depth or matches[-1].band not in _WORTH_A_LOOK:
            return matches
        depth *= 2


def _relaxed(posting: Posting) -> list[tuple[str, Posting]]:
    """Leave out one requirement at a time."""
    rows = posting.indicators
    changes = []
    # The last row stays: without rows, requirements are read out of the text.
    if len(rows) > 1 or posting.hidden_indicators:
        changes = [
            (
                f"indicators/{at}",
                replace(posting, indicators=rows[:at] + rows[at + 1 :]),
            )
            for at in range(len(rows))
        ]
    if posting.maturity is not None and "maturity" not in posting.hidden_parts:
        changes.append(("maturity", replace(posting, maturity=None)))
    if posting.budget_yuan is not None and "budget" not in posting.hidden_parts:
        changes.append(("budget", replace(posting, budget_yuan=None)))
    if "region" in posting.codes and "region" not in posting.hidden_parts:
        codes = {axis: c for axis, c in posting.codes.items() if axis != "region"}
        changes.append(("region", replace(posting, codes=codes)))
    return changes


def _compared(
    matcher: Matcher, field: str, before: list[Match], after: list[Match]
) -> Relaxation:
    was = {match.id for match in before if match.band in _WORTH_A_LOOK}
    now = [match.id for match in after if match.band in _WORTH_A_LOOK]
    part = field.partition("/")[0]
    # That a hidden price or claim is what bars an offer would tell of it.
    gained = tuple(
        posting_id
        for posting_id in now
        if posting_id not in was
        and (offer := matcher.get(posting_id)) is not None
        and part not in offer.hidden_parts
    )
    claims: dict[str, str] = {}
    if field.startswith("indicators/"):
        at = int(field.removeprefix("indicators/"))
        for match in before:
            verdict = match.indicators[at] if at < len(match.indicators) else None
            if (
                verdict is not None
                and verdict.claimed is not None
                and verdict.kind in {VerdictKind.MISSED, VerdictKind.NEAR}
            ):
                claims[match.id] = verdict.claimed.text
    return Relaxation(
        field=field,
        gained=gained,
        lost=len(was.difference(now)),
        claimed=tuple((i, claims[i]) for i in gained if i in claims),
    )
