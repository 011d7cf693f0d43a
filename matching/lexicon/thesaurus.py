"""English words that mean much the same: synonyms, forms, wider and narrower words.

From the relations of WordNet (Fellbaum 1998). A word is its stem here, so that any form
of it finds any form of the other.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from matching.tokens import Features

Floats: TypeAlias = npt.NDArray[np.float64]
Numbers: TypeAlias = npt.NDArray[np.uint32]

SYNONYM: Final = 0.9
"""Nearness of two words that share a meaning."""
RELATIONS: Final = (0.7, 0.5, 0.4, 0.4, 0.2)
"""Nearness by kind of relation: derived form, similar meaning, wider, narrower, and the
rest, which are parts, wholes and opposites."""
SIBLING: Final = 0.2
"""Nearness of two words under the same wider one."""
WIDER: Final = 2
"""Number of the relation that leads to the wider meaning."""
NARROWER: Final = 3
"""Number of the relation that leads to narrower ones."""


@dataclass(frozen=True, slots=True, eq=False)
class _Graph:
    """Words and meanings, as flat arrays.

    Attributes
    ----------
    stems : array of uint64
        Sorted features.
    stem_bounds, stem_meanings : array of uint32
        Meanings of each stem.
    meaning_bounds, meaning_stems : array of uint32
        Stems of each meaning.
    link_bounds, links : array of uint32
        Related meanings of each meaning; `kinds`, uint8, says how.
    """

    stems: Features
    stem_bounds: Numbers
    stem_meanings: Numbers
    meaning_bounds: Numbers
    meaning_stems: Numbers
    link_bounds: Numbers
    links: Numbers
    kinds: npt.NDArray[np.uint8]


@cache
def _graph() -> _Graph:
    with files(__package__).joinpath("thesaurus.npz").open("rb") as file:
        arrays = np.load(file)
        return _Graph(**{name: arrays[name] for name in _Graph.__slots__})


@lru_cache(maxsize=4096)
def related(stem: int) -> tuple[Features, Floats]:
    """Return the stems that are near a stem, and how near.

    Parameters
    ----------
    stem : int
        A feature of kind STEM.

    Returns
    -------
    features : array of uint64
        Sorted; the stem itself is not among them.
    nearness : array of float64
        Between 0 and 1.

    Examples
    --------
    >>> from matching.tokens import Kind, feature_of
    >>> near, _ = related(feature_of(Kind.STEM, "engine"))
    >>> feature_of(Kind.STEM, "motor") in near
    True
    """
    graph = _graph()
    place = int(np.searchsorted(graph.stems, np.uint64(stem)))
    if place == len(graph.stems) or graph.stems[place] != np.uint64(stem):
        return np.zeros(0, np.uint64), np.zeros(0)
    best: dict[int, float] = {}

    def put(meanings: Iterable[int], nearness: float) -> None:
        for meaning in meanings:
            for other in _slice(graph.meaning_bounds, graph.meaning_stems, meaning):
                if best.get(other, 0.0) < nearness:
                    best[other] = nearness

    for meaning in _slice(graph.stem_bounds, graph.stem_meanings, place):
        put([meaning], SYNONYM)
        for other, kind in _linked(graph, meaning):
            put([other], RELATIONS[kind])
            if kind == WIDER:
                below = [m for m, k in _linked(graph, other) if k == NARROWER]
                put(below, SIBLING)
    best.pop(place, None)
    numbers = np.array(sorted(best), np.int64)
    nearness = np.array([best[int(number)] for number in numbers])
    return graph.stems[numbers], nearness


def _slice(bounds: Numbers, values: Numbers, number: int) -> list[int]:
    found: list[int] = values[bounds[number] : bounds[number + 1]].tolist()
    return found


def _linked(graph: _Graph, meaning: int) -> list[tuple[int, int]]:
    place = slice(graph.link_bounds[meaning], graph.link_bounds[meaning + 1])
    return list(
        zip(graph.links[place].tolist(), graph.kinds[place].tolist(), strict=True)
    )
