"""Shingles of texts, their sketches, and what a band of a sketch finds.

A text is the set of its *shingles*, all runs of a few neighbouring characters [1]_. The
likeness of two texts is the share of their shingles that both have (Jaccard),
``|A ∩ B| / |A ∪ B|``.

A *sketch* has `LANES` numbers. Each lane has a hash function of its own and keeps the
least value that any shingle has. Two texts have the same in a lane with a probability
equal to their likeness [2]_. Of the least value 16 bits are kept; two different values
agree in these with a probability of ``2^-16``, which only adds to what is found [3]_.

Lanes are taken `rows` at a time into bands [4]_, and two texts are compared when they
agree in all lanes of any band. With likeness ``s``, ``r`` rows and ``b`` bands they are
missed with probability

    (1 - s^r)^b.

`Measure` takes the most rows with which a pair just at the threshold is missed no more
often than allowed. Pairs above the threshold are missed less often.

References
----------
.. [1] U. Manber, Finding similar files in a large file system, USENIX 1994; A. Broder,
   S. Glassman, M. Manasse, G. Zweig, Syntactic clustering of the Web, WWW 1997.
.. [2] A. Broder, On the resemblance and containment of documents, SEQUENCES 1997. The
   lanes are linear functions, as in A. Broder, M. Charikar, A. Frieze, M. Mitzenmacher,
   Min-wise independent permutations, JCSS 60, 2000, of shingles that were scattered.
.. [3] P. Li, C. König, b-bit minwise hashing, WWW 2010.
.. [4] P. Indyk, R. Motwani, Approximate nearest neighbors, STOC 1998; J. Leskovec, A.
   Rajaraman, J. Ullman, Mining of Massive Datasets, chapter 3.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil, log, sqrt
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

Codes: TypeAlias = npt.NDArray[np.uint32]
Integers: TypeAlias = npt.NDArray[np.int64]
Shingles: TypeAlias = npt.NDArray[np.uint64]
Signatures: TypeAlias = npt.NDArray[np.uint16]

LANES: Final = 128
"""Numbers of a sketch."""
LONGEST: Final = 8
"""Characters of a shingle, at most."""
_EXACT: Final = 3
"""Characters whose code points fit into 64 bits, with 21 bits each."""
_MOST_ROWS: Final = 16
_OVERLOOKED: Final = 1e-6
"""Chance that a pair at the threshold agrees in fewer than `Measure.least` lanes."""
_AT_A_TIME: Final = 2048
"""Shingles that NumPy hashes in one go."""

SCATTER: Final = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93))
"""Odd numbers that spread the bits of a shingle."""
_HALF: Final = np.uint64(32)
POWER: Final = np.uint64(0x5851F42D4C957F2D)
"""An odd number whose powers tell the places of a run apart."""


def _drawn(seed: int, count: int) -> npt.NDArray[np.uint32]:
    """Draw numbers that are the same everywhere (SplitMix, Steele et al., 2014)."""
    state = (np.arange(1, count + 1, dtype=np.uint64) + np.uint64(seed)) * SCATTER[0]
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (state >> _HALF).astype(np.uint32)


FACTORS: Final = _drawn(0, LANES) | np.uint32(1)
ADDENDS: Final = _drawn(LANES, LANES)
"""Lane `i` has the hash function ``FACTORS[i] * x + ADDENDS[i]`` modulo 2^32."""
WHOLE: Final = _drawn(2 * LANES, LANES // 4).astype(np.uint64)
"""Makes one number of a whole sketch, read as numbers of 64 bits."""


@dataclass(frozen=True)
class Measure:
    """What counts as a near-duplicate, and how surely it is found.

    Attributes
    ----------
    threshold : float, default=0.5
        Least likeness, above 0 and at most 1. Chinese passages of which 8 % of the
        characters were edited are 0.51 to 0.75 like their originals, different ones
        hardly ever above 0.2.
    length : int, default=3
        Characters of a shingle, from 1 to 8. Up to three characters are compared as
        they are, more of them by a hash of 64 bits. Texts in letters need five or so.
    miss : float, default=0.01
        Greatest probability that a pair just at the threshold is missed.

    Raises
    ------
    ValueError
        When a value is out of its range, or when the threshold is too low for that few
        misses.

    Examples
    --------
    >>> measure = Measure()
    >>> measure.rows, measure.bands
    (3, 42)
    >>> f"{measure.chance_of_miss(0.5):.4f} {measure.chance_of_miss(0.62):.6f}"
    '0.0037 0.000011'
    """

    threshold: float = 0.5
    length: int = 3
    miss: float = 0.01

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1:
            raise ValueError(
                f"threshold must be above 0 and at most 1, it is {self.threshold}"
            )
        if not 1 <= self.length <= LONGEST:
            raise ValueError(f"length must be from 1 to {LONGEST}, it is {self.length}")
        if not 0 < self.miss < 1:
            raise ValueError(f"miss must be between 0 and 1, it is {self.miss}")
        if not self.rows:
            raise ValueError(
                f"a threshold of {self.threshold} is too low: at best "
                f"{(1 - self.threshold) ** LANES:.2g} of the pairs at it are missed, "
                f"and {self.miss} are allowed"
            )

    @cached_property
    def rows(self) -> int:
        """Lanes of a band."""
        return max(
            (
                rows
                for rows in range(1, _MOST_ROWS + 1)
                if _missed(self.threshold, rows) <= self.miss
            ),
            default=0,
        )

    @property
    def bands(self) -> int:
        """Bands of a sketch."""
        return LANES // self.rows

    @cached_property
    def least(self) -> int:
        """Lanes in which texts have to agree before their shingles are compared.

        By Hoeffding's inequality a pair at the threshold ``t`` agrees in fewer than
        ``n (t - d)`` of ``n`` lanes with a probability of at most ``exp(-2 n d^2)``,
        here one in a million.
        """
        margin = sqrt(-log(_OVERLOOKED) / (2 * LANES))
        return max(0, ceil(LANES * (self.threshold - margin)))

    def chance_of_miss(self, likeness: float) -> float:
        """Return the probability that a pair of this likeness has no common band."""
        return _missed(likeness, self.rows)

    @property
    def multiplier(self) -> np.uint64:
        """What the number of a shingle is multiplied by before a character is added."""
        return np.uint64(1 << 21) if self.length <= _EXACT else POWER

    @property
    def power(self) -> np.uint64:
        """The multiplier to the power of the length, modulo 2^64."""
        return np.uint64(pow(int(self.multiplier), self.length, 1 << 64))


def _missed(likeness: float, rows: int) -> float:
    return float((1 - likeness**rows) ** (LANES // rows))


def encode(texts: Sequence[str]) -> tuple[Codes, Integers]:
    """Lay the code points of texts one after another.

    Returns
    -------
    codes : array of uint32
    bounds : array of int64, shape (texts + 1,)
        Where each text begins.
    """
    joined = "".join(texts).encode("utf-32-le", "surrogatepass")
    bounds = np.zeros(len(texts) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, texts), np.int64, len(texts)), out=bounds[1:])
    return np.frombuffer(joined, np.uint32), bounds


def shingle(
    codes: Codes, bounds: Integers, measure: Measure
) -> tuple[Shingles, Integers]:
    """Number all shingles of texts.

    A text that is shorter than a shingle is one shingle; an empty one has none.

    Returns
    -------
    shingles : array of uint64
    owners : array of int64
        Number of the text of each, ascending.
    """
    lengths = np.diff(bounds)
    counts = np.maximum(lengths - measure.length + 1, np.minimum(lengths, 1))
    owners = np.repeat(np.arange(len(lengths)), counts)
    first = np.cumsum(counts) - counts
    places = np.arange(len(owners)) - first[owners] + bounds[owners]
    stops = bounds[owners + 1]
    # Nought stands behind the end of a text, so characters are counted from one.
    raised = np.append(codes.astype(np.uint64) + np.uint64(1), np.uint64(0))
    found = np.zeros(len(owners), np.uint64)
    for at in range(measure.length):
        inside = np.where(places + at < stops, places + at, len(codes))
        found = found * measure.multiplier + raised[inside]
    return found, owners


def sketch(codes: Codes, bounds: Integers, measure: Measure) -> Signatures:
    """Return the sketches of texts, shape (texts, `LANES`)."""
    shingles, owners = shingle(codes, bounds, measure)
    hashed = (scattered(shingles) >> _HALF).astype(np.uint32)
    lows = np.full((LANES, len(bounds) - 1), 0xFFFFFFFF, np.uint32)
    for begin in range(0, len(hashed), _AT_A_TIME):
        part = slice(begin, begin + _AT_A_TIME)
        starts = np.flatnonzero(np.diff(owners[part], prepend=-1))
        values = FACTORS[:, None] * hashed[part] + ADDENDS[:, None]
        least = np.minimum.reduceat(values, starts, axis=1)
        texts = owners[part][starts]
        lows[:, texts] = np.minimum(lows[:, texts], least)
    return lows.T.astype(np.uint16)


def band_keys(signatures: Signatures, measure: Measure) -> Shingles:
    """Return a number for the lanes of each band; equal lanes have equal numbers.

    Parameters
    ----------
    signatures : array of uint16, shape (..., `LANES`)

    Returns
    -------
    array of uint64, shape (..., bands)
    """
    used = signatures[..., : measure.rows * measure.bands].astype(np.uint64)
    lanes = used.reshape(*used.shape[:-1], measure.bands, measure.rows)
    keys = np.zeros(lanes.shape[:-1], np.uint64)
    for row in range(measure.rows):
        keys = keys * POWER + lanes[..., row]
    return scattered(keys)


def scattered(numbers: Shingles) -> Shingles:
    """Spread the bits of numbers; what differed differs still."""
    mixed = numbers * SCATTER[0]
    return (mixed ^ (mixed >> _HALF)) * SCATTER[1]


def agreeing(
    one: Signatures, other: Signatures, measure: Measure
) -> npt.NDArray[np.bool_]:
    """Say which sketches have to be compared shingle by shingle.

    Parameters
    ----------
    one, other : array of uint16, shape (pairs, `LANES`), or one row for all
    """
    same = one == other
    banded = same[:, : measure.rows * measure.bands]
    shared = banded.reshape(len(same), measure.bands, measure.rows).all(axis=2)
    enough = same.sum(axis=1) >= measure.least
    found: npt.NDArray[np.bool_] = enough & shared.any(axis=1)
    return found


def distinct(text: str, measure: Measure) -> Shingles:
    """Return the different shingles of one text, ascending.

    Examples
    --------
    >>> len(distinct("铝合金铝合金", Measure()))
    3
    """
    return np.unique(shingle(*encode([text]), measure)[0])


def likeness(one: Shingles, other: Shingles) -> float:
    """Return the share of different shingles that both have; 0 where there are none.

    Examples
    --------
    >>> measure = Measure()
    >>> likeness(distinct("铝合金型材", measure), distinct("铝合金板材", measure))
    0.2
    """
    common = len(np.intersect1d(one, other, assume_unique=True))
    union = len(one) + len(other) - common
    return common / union if union else 0.0
