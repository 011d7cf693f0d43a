"""Rank needs against offers: text, grades, indicators and structured parts, explained.

A plain library. It reads no clock and no network and can be used from a notebook.
"""

from matching.engine import VERSION, Matcher
from matching.errors import (
    IndexCorrupt,
    IndexVersionMismatch,
    InvalidPosting,
    MatchingError,
    UnknownWeights,
)
from matching.indexes import index_stamp
from matching.postings import (
    EngineStamp,
    Filter,
    Match,
    Posting,
    Reason,
    Span,
    Term,
)
from matching.relaxations import Relaxation, relaxations

__all__ = [
    "VERSION",
    "EngineStamp",
    "Filter",
    "IndexCorrupt",
    "IndexVersionMismatch",
    "InvalidPosting",
    "Match",
    "Matcher",
    "MatchingError",
    "Posting",
    "Reason",
    "Relaxation",
    "Span",
    "Term",
    "UnknownWeights",
    "index_stamp",
    "relaxations",
]
