"""How much a feature says, judged by the language and not by the collection.

A document's norm must not change when other documents come and go, or every index would
have to be fitted anew. So it is weighed by how common features are in Chinese at large:
half by a dictionary's word frequencies, half by titles of research projects.
"""

from functools import cache
from importlib.resources import files
from typing import Final

import numpy as np
import numpy.typing as npt

from matching.scan import scattered
from matching.tokens import Features

Floats = npt.NDArray[np.float64]

DOCUMENTS: Final = 10_000
"""Size of the imagined collection in which features are as common as in the table."""

_UNKNOWN: Final = float(np.log1p(DOCUMENTS)) + 1.0


@cache
def _table() -> tuple[Features, Floats]:
    """Return the scattered features, ascending, and what each says.

    Those of an index come in the same order, and are found quicker than in another.
    """
    with files(__package__).joinpath("background.npz").open("rb") as file:
        arrays = np.load(file)
        features, share = arrays["features"], arrays["share"].astype(np.float64)
    weight = np.log((1 + DOCUMENTS) / (1 + DOCUMENTS * share)) + 1
    order = np.argsort(keys := scattered(features))
    return keys[order], weight[order]


def informativeness(features: Features) -> Floats:
    """Return the inverse document frequency of features in the language at large.

    Parameters
    ----------
    features : array of uint64, shape (n,)

    Returns
    -------
    array of float64, shape (n,)
        ``ln((1 + N) / (1 + N p)) + 1`` with the share ``p`` of texts that hold the
        feature, 0 where it is not known.

    Examples
    --------
    >>> from matching.tokens import Kind, feature_of
    >>> chars = np.array([feature_of(Kind.CHAR, c) for c in "的铌"], np.uint64)
    >>> common, rare = informativeness(chars)
    >>> bool(common < rare)
    True
    """
    known, weight = _table()
    keys = scattered(features)
    places = np.searchsorted(known, keys)
    places[places == len(known)] = 0
    return np.where(known[places] == keys, weight[places], _UNKNOWN)
