"""Rank teams by what they have done: their single results, not one joined profile."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from matching.engine import Matcher
from matching.postings import Filter, Match, Posting

NEAREST: Final = 3
"""So many of a team's postings count."""
DEPTH: Final = 300
"""So many postings are ranked to find teams by."""


@dataclass(frozen=True, slots=True)
class TeamMatch:
    """A team in a ranking.

    Attributes
    ----------
    id : str
        `Posting.team`.
    score : float
        Mean score of its nearest postings, between 0 and 1.
    nearest : tuple of Match
        Those postings, best first; at least one.
    """

    id: str
    score: float
    nearest: tuple[Match, ...]


def rank_teams(
    matcher: Matcher,
    posting: Posting,
    k: int = 10,
    where: Filter | None = None,
    *,
    depth: int = DEPTH,
) -> list[TeamMatch]:
    """Rank the teams behind postings by the mean of their three nearest ones.

    A profile that joins everything a team ever did is near to all needs and nearest to
    none. Of a team with fewer than three postings all count; one of three that is not
    among the first `depth` counts as nought.

    Parameters
    ----------
    matcher : Matcher
    posting : Posting
        A need.
    k : int, default=10
        How many teams at most.
    where : Filter, optional
    depth : int
        How many postings are looked at.

    Returns
    -------
    list of TeamMatch
        Best first; ties go to the lesser id. Postings without a team are left aside.

    Raises
    ------
    ValueError
        When `k` is less than 1.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}")
    found: dict[str, list[Match]] = {}
    matches = matcher.rank(posting, depth, where, explain=0)
    teams = matcher.teams_of(match.id for match in matches)
    for match in matches:
        if (team := teams.get(match.id)) is not None:
            found.setdefault(team, []).append(match)
    sizes: Mapping[str, int] = matcher.team_sizes(found, where, own_org=posting.org)
    ranked = [
        TeamMatch(
            team,
            round(
                sum(match.score for match in mine[:NEAREST])
                / min(max(sizes[team], 1), NEAREST),
                9,
            ),
            tuple(mine[:NEAREST]),
        )
        for team, mine in found.items()
    ]
    ranked.sort(key=lambda match: (-match.score, match.id))
    return ranked[:k]
