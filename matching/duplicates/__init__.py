"""Find texts that were copied from one another and edited."""

from matching.duplicates.finder import (
    Pair,
    Pairs,
    TooManyPairs,
    groups,
    near_duplicates,
    warm,
)
from matching.duplicates.index import Copy, DuplicateIndex
from matching.duplicates.sketches import Measure

__all__ = [
    "Copy",
    "DuplicateIndex",
    "Measure",
    "Pair",
    "Pairs",
    "TooManyPairs",
    "groups",
    "near_duplicates",
    "warm",
]
