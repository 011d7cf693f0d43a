"""Rank needs against offers: text, grades, indicators and structured parts, explained.

A plain library. It reads no clock and no network and can be used from a notebook.
"""

from matching.engine import VERSION, Matcher
from matching.errors import (
    IndexCorrupt,
    IndexVersionMismatch,
    InvalidPosting,
    InvalidWeights,
    MatchingError,
    UnknownWeights,
)
from matching.indexes import index_stamp
from matching.postings import (
    EngineStamp,
    Filter,
    Match,
    Pair,
    Posting,
    Reason,
    Span,
    Term,
)
from matching.relaxations import Relaxation, relaxations
from matching.teams import TeamMatch, rank_teams

__all__ = [
    "VERSION",
    "EngineStamp",
    "Filter",
    "IndexCorrupt",
    "IndexVersionMismatch",
    "InvalidPosting",
    "InvalidWeights",
    "Match",
    "Matcher",
    "MatchingError",
    "Pair",
    "Posting",
    "Reason",
    "Relaxation",
    "Span",
    "TeamMatch",
    "Term",
    "UnknownWeights",
    "index_stamp",
    "rank_teams",
    "relaxations",
]
