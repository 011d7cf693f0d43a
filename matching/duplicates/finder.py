"""Find all near-duplicates among many texts.

Texts are sketched, sketches that agree in a band become candidates, and every candidate
is compared shingle by shingle. So a pair that is found has the likeness that is said,
and one that is not found is below the threshold, or was missed with the probability
that `matching.duplicates.sketches` gives. The answer is the same on every machine, with
numba or without, and whatever the number of threads.

Texts are compared as they are. Where script, width and case should not matter, fold
them first (`matching.tokens.fold`).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations, pairwise, product
from types import ModuleType
from typing import Final, NamedTuple, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from matching.duplicates import sketches
from matching.duplicates.sketches import Integers, Measure, Shingles, Signatures
from matching.errors import MatchingError
from matching.kernels import needing_numba

Floats: TypeAlias = npt.NDArray[np.float64]
Task = TypeVar("Task")
Result = TypeVar("Result")

MOST_PAIRS: Final = 10_000_000
"""Pairs that are compared or listed before a search is given up."""
_LOWER: Final = (1 << 32) - 1
_MOST_TEXTS: Final = (1 << 31) - 1
_TEXTS: Final = 512
"""Texts that are laid out and sketched in one go, so that they stay in the cache."""


class Pair(NamedTuple):
    """Two near-duplicates, by their places in the texts; the first is the lesser."""

    first: int
    second: int
    likeness: float


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Near-duplicates, ascending by their places.

    Attributes
    ----------
    first, second : array of int64, shape (pairs,)
        Places of the texts; the first is the lesser.
    likeness : array of float64, shape (pairs,)
    """

    first: Integers
    second: Integers
    likeness: Floats

    def __len__(self) -> int:
        return len(self.first)

    def __iter__(self) -> Iterator[Pair]:
        columns = self.first.tolist(), self.second.tolist(), self.likeness.tolist()
        return map(Pair, *columns)


class TooManyPairs(MatchingError):
    """So many texts are alike that their pairs cannot be listed."""


def near_duplicates(
    texts: Iterable[str],
    measure: Measure | None = None,
    *,
    most: int = MOST_PAIRS,
    threads: int = 1,
    compiled: bool | None = None,
) -> Pairs:
    """Find all pairs of texts that are at least as alike as the threshold says.

    Of ``n`` identical texts there are ``n (n - 1) / 2`` pairs. Where many may be
    identical, ask for `groups`.

    Parameters
    ----------
    texts : iterable of str
        Any strings; an empty one is like none. Besides them 256 bytes are taken for the
        sketch of each, and some 100 bytes while sketches are compared.
    measure : Measure, optional
        Threshold, length of the shingles, and how surely pairs are found.
    most : int
        Pairs that are compared or listed before the search is given up; 8 to 24 bytes
        each. A thousand texts that all begin with the same long form are half a million
        pairs.
    threads : int, default=1
        Used with numba only.
    compiled : bool, optional
        Whether numba is used; by default when it is installed. The answer is the same.

    Returns
    -------
    Pairs

    Raises
    ------
    TooManyPairs
        When there are more than `most`. A higher threshold may help, or leaving out
        what all the texts share.
    ValueError
        When numba is asked for and not installed, when `threads` is less than 1, or
        when there are more than 2,147,483,647 texts.

    Examples
    --------
    >>> texts = ["高强铝合金型材的挤压成形工艺", "高强铝合金型材挤压成形工艺", "碳纤维"]
    >>> [(pair.first, pair.second) for pair in near_duplicates(texts)]
    [(0, 1)]
    """
    texts = list(texts)
    found, firsts = _search(texts, measure or Measure(), most, threads, compiled)
    repeats = np.flatnonzero(firsts != np.arange(len(firsts)))
    return _spread(found, firsts, repeats, most) if len(repeats) else found


def groups(
    texts: Iterable[str],
    measure: Measure | None = None,
    *,
    most: int = MOST_PAIRS,
    threads: int = 1,
    compiled: bool | None = None,
) -> list[list[int]]:
    """Put texts together that are near-duplicates, directly or through others.

    Parameters
    ----------
    texts, measure, most, threads, compiled
        See `near_duplicates`. Identical texts count as one of them.

    Returns
    -------
    list of list of int
        Places of the texts of each group of two or more, ascending; the groups by their
        first text.

    Raises
    ------
    TooManyPairs, ValueError
        See `near_duplicates`.

    Examples
    --------
    >>> groups(["铝合金型材", "碳纤维", "铝合金型材"])
    [[0, 2]]
    """
    texts = list(texts)
    found, firsts = _search(texts, measure or Measure(), most, threads, compiled)
    roots = firsts.tolist()
    for one, other in zip(found.first.tolist(), found.second.tolist(), strict=True):
        low, high = sorted((_root(roots, one), _root(roots, other)))
        roots[high] = low
    members: dict[int, list[int]] = {}
    for place, text in enumerate(texts):
        if text:
            members.setdefault(_root(roots, place), []).append(place)
    return [group for group in members.values() if len(group) > 1]


def warm() -> bool:
    """Compile the loops, or load them as compiled before; say whether numba is there.

    To be called at installation, so that no question waits for a compiler.
    """
    if kernels() is None:
        return False
    near_duplicates(["铝合金型材", "铝合金型材挤压"], compiled=True)
    return True


def kernels() -> ModuleType | None:
    """Import the compiled loops when they are first needed, if numba is installed."""
    return needing_numba("matching.duplicates.kernels")


def chosen(compiled: bool | None) -> ModuleType | None:
    """Return the compiled loops, or None when NumPy is to answer.

    Raises
    ------
    ValueError
        When numba is asked for and not installed.
    """
    loops = kernels() if compiled is None or compiled else None
    if compiled and loops is None:
        raise ValueError("numba is not installed")
    return loops


def sketched(
    texts: Sequence[str],
    measure: Measure,
    loops: ModuleType | None,
    threads: int = 1,
) -> Signatures:
    """Return the sketches of texts, compiled or by NumPy."""
    found = np.empty((len(texts), sketches.LANES), np.uint16)

    def work(first: int) -> None:
        codes, bounds = sketches.encode(texts[first : first + _TEXTS])
        part = found[first : first + _TEXTS]
        if loops is None:
            part[:] = sketches.sketch(codes, bounds, measure)
            return
        loops.sketch(
            codes,
            bounds,
            measure.length,
            measure.multiplier,
            measure.power,
            sketches.FACTORS,
            sketches.ADDENDS,
            part,
        )

    _share(work, range(0, len(texts), _TEXTS), threads)
    return found


def _share(
    work: Callable[[Task], Result], tasks: Iterable[Task], threads: int
) -> list[Result]:
    """Let threads do tasks; the results are in the order of the tasks."""
    if threads == 1:
        return [work(task) for task in tasks]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, tasks))


def _firsts(texts: Sequence[str], signatures: Signatures) -> Integers:
    """Return for each text the place of the first that is identical; its own if empty.

    Identical texts have identical sketches, so few texts have to be looked at.
    """
    firsts = np.arange(len(texts))
    keys = signatures.view(np.uint64) @ sketches.WHOLE
    order = np.argsort(keys, kind="stable")
    same = keys[order[1:]] == keys[order[:-1]]
    twin = np.zeros(len(texts), np.bool_)
    twin[order[1:][same]] = True
    twin[order[:-1][same]] = True
    numbers: dict[str, int] = {}
    for place in np.flatnonzero(twin).tolist():
        if texts[place]:
            firsts[place] = numbers.setdefault(texts[place], place)
    return firsts


def _root(roots: list[int], number: int) -> int:
    """Return the first text of a group, and shorten the way to it."""
    while roots[number] != number:
        roots[number] = roots[roots[number]]
        number = roots[number]
    return number


def _search(
    texts: Sequence[str],
    measure: Measure,
    most: int,
    threads: int,
    compiled: bool | None,
) -> tuple[Pairs, Integers]:
    """Find pairs among texts of which each is the first that is spelt so.

    Returns
    -------
    Pairs
    array of int64
        For each text the place of the first that is identical.
    """
    if threads < 1:
        raise ValueError(f"threads must be at least 1, it is {threads}")
    if len(texts) > _MOST_TEXTS:
        raise ValueError(f"{len(texts)} texts are more than {_MOST_TEXTS}")
    loops = chosen(compiled)
    signatures = sketched(texts, measure, loops, threads)
    firsts = _firsts(texts, signatures)
    worded = np.fromiter(map(bool, texts), np.bool_, len(texts))
    worded &= firsts == np.arange(len(texts))
    if loops is None:
        pairs = _candidates(signatures, np.flatnonzero(worded), measure, most)
        likeness = _likenesses(texts, pairs, measure)
    else:
        pairs = _compiled_candidates(
            signatures, np.flatnonzero(worded), measure, loops, most, threads
        )
        likeness = _compiled_likenesses(texts, pairs, measure, loops)
    near = likeness >= measure.threshold
    pairs = pairs[near]
    return Pairs(pairs >> 32, pairs & _LOWER, likeness[near]), firsts


def _compiled_candidates(
    signatures: Signatures,
    texts: Integers,
    measure: Measure,
    loops: ModuleType,
    most: int,
    threads: int,
) -> Integers:
    def between(bands: tuple[int, int]) -> Integers:
        found: Integers = loops.candidates(
            signatures, texts, *bands, measure.rows, measure.least, most
        )
        return found

    cuts = np.linspace(0, measure.bands, threads + 1).astype(np.int64).tolist()
    pairs = np.sort(np.concatenate(_share(between, pairwise(cuts), threads)))
    _limit(len(pairs), most)
    return pairs


def _compiled_likenesses(
    texts: Sequence[str], pairs: Integers, measure: Measure, loops: ModuleType
) -> Floats:
    # Only texts that occur in a pair are laid out.
    sides = np.concatenate((pairs >> 32, pairs & _LOWER))
    places, numbers = np.unique(sides, return_inverse=True)
    codes, bounds = sketches.encode([texts[place] for place in places.tolist()])
    first, second = np.split(numbers.astype(np.int64), 2)
    found: Floats = loops.likenesses(
        codes,
        bounds,
        (first << 32) | second,
        measure.length,
        measure.multiplier,
        measure.power,
    )
    return found


def _limit(pairs: int, most: int) -> None:
    if pairs > most:
        raise TooManyPairs(
            f"more than {most:,} pairs of texts are alike; a higher threshold may help"
        )


def _candidates(
    signatures: Signatures, texts: Integers, measure: Measure, most: int
) -> Integers:
    """Return sorted pairs that share a band and agree in enough lanes."""
    found = np.empty(0, np.int64)
    for keys in sketches.band_keys(signatures[texts], measure).T:
        kept = [found]
        size = 0
        for first, second in _equal(keys):
            one, other = texts[first], texts[second]
            enough = sketches.agreeing(signatures[one], signatures[other], measure)
            kept.append(((one << 32) | other)[enough])
            size += len(kept[-1])
            _limit(size, most)
        found = np.unique(np.concatenate(kept))
        _limit(len(found), most)
    return found


def _equal(keys: Shingles) -> Iterator[tuple[Integers, Integers]]:
    """Yield the pairs of places with equal keys, the lesser first, some at a time."""
    order = np.argsort(keys, kind="stable")
    bounds = np.flatnonzero(np.diff(keys[order])) + 1
    bounds = np.concatenate(([0], bounds, [len(order)]))
    # By the distance between two members of a run, so that runs are handled together.
    ends = np.repeat(bounds[1:], np.diff(bounds))
    places = np.arange(len(order))
    for distance in range(1, int(np.diff(bounds).max(initial=1))):
        places = places[places + distance < ends[places]]
        yield order[places], order[places + distance]


def _likenesses(texts: Sequence[str], pairs: Integers, measure: Measure) -> Floats:
    known: dict[int, Shingles] = {}
    for text in np.unique(np.concatenate((pairs >> 32, pairs & _LOWER))).tolist():
        known[text] = sketches.distinct(texts[text], measure)
    found = (
        sketches.likeness(known[pair >> 32], known[pair & _LOWER])
        for pair in pairs.tolist()
    )
    return np.fromiter(found, np.float64, len(pairs))


def _spread(found: Pairs, firsts: Integers, repeats: Integers, most: int) -> Pairs:
    """Add the pairs of texts that repeat another one."""
    same: dict[int, list[int]] = {}
    for place in repeats.tolist():
        first = int(firsts[place])
        same.setdefault(first, [first]).append(place)
    sizes = np.bincount(firsts)
    total = (sizes * (sizes - 1) // 2).sum() + (
        sizes[found.first] * sizes[found.second]
    ).sum()
    _limit(int(total), most)
    pairs = [
        Pair(min(one, other), max(one, other), pair.likeness)
        for pair in found
        for one, other in product(
            same.get(pair.first, [pair.first]), same.get(pair.second, [pair.second])
        )
    ]
    for places in same.values():
        pairs += [Pair(one, other, 1.0) for one, other in combinations(places, 2)]
    pairs.sort()
    return Pairs(
        np.array([pair.first for pair in pairs], np.int64),
        np.array([pair.second for pair in pairs], np.int64),
        np.array([pair.likeness for pair in pairs], np.float64),
    )
