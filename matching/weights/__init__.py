"""The numbers that turn parts into one score, as dated files that are never edited.

A ranking can only be replayed when its weights can be found again. So each version is
a JSON file of its own in this package; a change of any number is a new file.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from matching.errors import UnknownWeights

DEFAULT = "2026.2"
"""The version that is used unless another one is asked for."""

ENGINE = 2
"""Weights are numbers of one way to score and mean nothing in another."""

PARTS = (
    "text",
    "fuzzy",
    "indicators",
    "chain",
    "field",
    "maturity",
    "region",
    "budget",
)
"""Every part of a score, in the order in which they are added up and shown."""


@dataclass(frozen=True, slots=True)
class Weights:
    """One version of the weights.

    Attributes
    ----------
    version : str
        Name of the file.
    parts : mapping of str to float
        Share of each part in the score; they add up to 1. The share of a part that
        cannot be computed goes to the text.
    views : mapping of str to float
        Shares of the views in the raw text score: ``bm25`` and ``cosine``, the latter
        times the query's length over the mean document's, at most 1; and for text in
        letters ``letter_words`` (the mixture of these two), ``letter_grams`` and
        ``letter_thesaurus``. Between Chinese and letters it is mixed by how much of the
        query is either.
    feedback : mapping of str to float
        ``documents`` that feed back, ``terms`` taken from them, ``below`` which share
        of the query in the best document they are asked at all, and their ``share``.
    text_power, text_scale, text_scale_tokens : float
        The raw text score ``r`` of a query with ``n`` tokens becomes the part
        ``(1 - exp(-r^p / s)) / (1 - exp(-1 / s))``, ``p = text_power``, ``s =
        text_scale + text_scale_tokens / n``. The longer a query, the less of it any one
        document can share, and the steeper the part rises.
    fields : mapping of str to int
        How often a word counts when it stands in that field.
    bm25_k1, bm25_b, bm25_power : float
        Saturation, length normalisation and power of the inverse document frequency.
    bands : mapping of str to float
        Least score of ``strong`` and ``good``; below is ``possible``.
    verdicts : mapping of str to float
        What each indicator verdict is worth, between 0 and 1.
    core_weight : float
        How much more a core indicator counts than another one.
    region : mapping of str to float
        Nearness of two places: same ``county``, ``city``, ``province``, or ``else``.
    code_steps : sequence of float
        Nearness of two hierarchical codes that share 1, 2, … leading characters and
        then differ; the last step holds for longer common beginnings.
    candidates : int
        How many postings at most are compared by all views and parts.
    terms : int
        How many shared terms an explanation shows at most.
    """

    version: str
    parts: Mapping[str, float]
    views: Mapping[str, float]
    feedback: Mapping[str, float]
    text_power: float
    text_scale: float
    text_scale_tokens: float
    fields: Mapping[str, int]
    bm25_k1: float
    bm25_b: float
    bm25_power: float
    bands: Mapping[str, float]
    verdicts: Mapping[str, float]
    core_weight: float
    region: Mapping[str, float]
    code_steps: tuple[float, ...]
    candidates: int
    terms: int

    def band(self, score: float, *, blocked: bool) -> str:
        """Name the band of a score; a blocked match is never more than possible."""
        if blocked:
            return "possible"
        if score >= self.bands["strong"]:
            return "strong"
        return "good" if score >= self.bands["good"] else "possible"


def versions() -> list[str]:
    """List the versions that are shipped, oldest first."""
    names = (entry.name for entry in files(__name__).iterdir())
    return sorted(name.removesuffix(".json") for name in names if ".json" in name)


@cache
def load(version: str = DEFAULT) -> Weights:
    """Read one version of the weights.

    Raises
    ------
    UnknownWeights
        When there is no such version, or it belongs to another engine.

    Examples
    --------
    >>> round(sum(load().parts.values()), 6)
    1.0
    """
    if version not in versions():
        known = ", ".join(versions())
        raise UnknownWeights(f"no weights {version!r}; there are: {known}")
    text = files(__name__).joinpath(f"{version}.json").read_text(encoding="utf-8")
    data: dict[str, Any] = json.loads(text)
    data.pop("about")
    if (engine := data.pop("engine", 1)) != ENGINE:
        raise UnknownWeights(
            f"weights {version} belong to engine {engine}, this is engine {ENGINE}"
        )
    data["code_steps"] = tuple(data["code_steps"])
    return Weights(version=version, **data)
