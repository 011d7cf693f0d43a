"""The numbers that turn parts into one score, as dated files that are never edited.

A ranking can only be replayed when its weights can be found again. So each version is
a JSON file of its own in this package; a change of any number is a new file. A market
may keep versions of its own, fitted to its feedback, in a folder of its own.
"""

import json
import math
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from matching.errors import InvalidWeights, UnknownWeights

Floats: TypeAlias = npt.NDArray[np.float64]

DEFAULT = "2026.5"
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

FITTED: Final = frozenset(
    {"version", "base", "parts", "calibration", "bands", "blocked_below", "fitted"}
)
"""What learning may change. With all else equal a pair has the same parts."""

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9.-]{0,39}")
_PLACES: Final = 9

_KNEE: Final = 0.97
"""Share of the most that a blocked pair may reach up to which it keeps its score."""

_BELOW: Final = 1 - 1e-6
"""Keeps the highest blocked score just below that."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """How probable it is that a pair with a score is useful.

    Platt's map (Advances in Large Margin Classifiers, 1999): the log odds are a line
    in the score, so that order is kept and two numbers tell everything.

    Attributes
    ----------
    intercept, slope : float
        Log odds at score 0, and what a score of 1 adds; the slope is above 0.
    """

    intercept: float
    slope: float

    def probability(self, score: float) -> float:
        """Return the probability that a pair with this score is useful."""
        # As 1 / (1 + exp(-odds)), without a number too large on the way.
        return (1 + math.tanh((self.intercept + self.slope * score) / 2)) / 2

    def score_of(self, probability: float) -> float:
        """Return the score whose probability this is; it may lie outside of 0 to 1."""
        return (math.log(probability / (1 - probability)) - self.intercept) / self.slope


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
        Least probability of being useful of ``strong`` and ``good``; below is
        ``possible``. Without a calibration, the least score instead.
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
    blocked_below : float
        The score of a blocked pair stays below it; at most the least ``good`` score.
    enough_text : float
        Text part from which on whatever else speaks for a pair counts in full. Below it
        counts in proportion: the same region and a fitting budget are no reason where
        little is said of the same thing. What speaks against a pair always counts.
    calibration : Calibration, optional
        What makes a probability of a score.
    base : str, optional
        The version that this one was fitted from.
    fitted : mapping, optional
        On what, how and with which result.
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
    blocked_below: float
    enough_text: float = 0.0
    calibration: Calibration | None = None
    base: str | None = None
    fitted: Mapping[str, Any] | None = None

    def score(self, parts: Mapping[str, float | None], *, blocked: bool) -> float:
        """Add up the parts; one that could not be computed is worth what the text is.

        Parameters
        ----------
        parts : mapping of str to float or None
            Each between 0 and 1.
        blocked : bool
            A core indicator is missed: the score is at most what the text would earn
            if every other part were nought, and below every score that is called good.

        Returns
        -------
        float
            Between 0 and 1. It never falls when a part grows.
        """
        text = parts["text"] or 0.0
        values = np.array([text if (v := parts[part]) is None else v for part in PARTS])
        worth = self.worth(values, np.float64(text)).tolist()
        score = 0.0
        for part, value in zip(PARTS, worth, strict=True):
            score += self.parts[part] * value
        if blocked:
            score = self._pressed(min(score, self.parts["text"] * text))
        return min(max(score, 0.0), 1.0)

    def worth(self, values: Floats, text: Floats | np.float64) -> Floats:
        """Return what parts count for beside a text part; see `enough_text`.

        Parameters
        ----------
        values : array of float64, between 0 and 1
        text : float64, or an array of the shape of `values`
        """
        enough = self.enough_text
        reach = np.minimum(text, enough) / enough if enough else 1.0
        more = np.maximum(values - text, 0.0)
        counted: Floats = values - more + reach * more
        return counted

    def _pressed(self, score: float) -> float:
        """Bring a blocked score below those of the bands above, in its order.

        Otherwise a miss with much common text would stand, as merely ``possible``,
        above offers that are ``good``.
        """
        ceiling, most = self.blocked_below, self.parts["text"]
        knee = _KNEE * ceiling
        if score <= knee or most <= ceiling:
            return score
        share = (score - knee) / (most - knee) * _BELOW
        return knee + (ceiling - knee) * share

    def least(self, band: str) -> float:
        """Return the least score that is called ``strong`` or ``good``."""
        if self.calibration is None:
            return self.bands[band]
        return round(self.calibration.score_of(self.bands[band]), _PLACES)

    def band(self, score: float, *, blocked: bool) -> str:
        """Name the band of a score; a blocked match is never more than possible."""
        if blocked:
            return "possible"
        if score >= self.least("strong"):
            return "strong"
        return "good" if score >= self.least("good") else "possible"

    def to_dict(self) -> dict[str, Any]:
        """Return the content of a file that `parse` makes the same weights of."""
        data = asdict(self) | {"engine": ENGINE}
        del data["version"]
        return {name: value for name, value in data.items() if value is not None}

    def same_parts(self, other: "Weights") -> bool:
        """Say whether a pair has the same parts by either version."""
        names = (field.name for field in fields(self) if field.name not in FITTED)
        return all(getattr(self, name) == getattr(other, name) for name in names)


def versions(folder: Path | None = None) -> list[str]:
    """List the versions that are shipped, or those in a folder, oldest name first."""
    if folder is None:
        names = [entry.name for entry in files(__name__).iterdir()]
    else:
        names = [path.name for path in folder.glob("*.json")]
    stems = (name.removesuffix(".json") for name in names if name.endswith(".json"))
    return sorted(stem for stem in stems if _NAME.fullmatch(stem))


def load(version: str = DEFAULT, folder: Path | None = None) -> Weights:
    """Read one version of the weights.

    Parameters
    ----------
    version : str
    folder : Path, optional
        Where versions lie that are not shipped.

    Raises
    ------
    UnknownWeights
        When there is no such version, or it belongs to another engine.
    InvalidWeights
        When the file does not say what weights must say.

    Examples
    --------
    >>> round(sum(load().parts.values()), 6)
    1.0
    """
    if version in versions():
        return _shipped(version)
    return parse(content(version, folder), version)


@cache
def _shipped(version: str) -> Weights:
    return parse(content(version), version)


def content(version: str, folder: Path | None = None) -> dict[str, Any]:
    """Read the file of a version as it is; raises as `load`."""
    shipped = versions()
    if version in shipped:
        text = files(__name__).joinpath(f"{version}.json").read_text(encoding="utf-8")
    elif folder is not None and version in versions(folder):
        text = (folder / f"{version}.json").read_text(encoding="utf-8")
    else:
        own = [] if folder is None else versions(folder)
        known = ", ".join([*shipped, *own])
        raise UnknownWeights(f"no weights {version!r}; there are: {known}")
    try:
        data = json.loads(text)
    except ValueError as error:
        raise InvalidWeights(f"weights {version}: no JSON: {error}") from error
    if not isinstance(data, dict):
        raise InvalidWeights(f"weights {version}: not an object: {data!r:.40}")
    return data


def save(data: Mapping[str, Any], version: str, folder: Path) -> Path:
    """Keep a version in a folder. What is there already is never written over.

    Parameters
    ----------
    data : mapping
        The content of the file.
    version : str
        Small letters, digits, dots and hyphens; no name of a shipped version.
    folder : Path
        Made when absent.

    Raises
    ------
    InvalidWeights
        When the name will not do or is taken, or the content does not hold.
    UnknownWeights
        When it belongs to another engine.
    """
    path = place_of(version, folder)
    parse(data, version)
    folder.mkdir(parents=True, exist_ok=True)
    write_new(path, data)
    return path


def place_of(version: str, folder: Path) -> Path:
    """Return where a new version would be kept.

    Raises
    ------
    InvalidWeights
        When the name will not do or is taken.
    """
    if not _NAME.fullmatch(version):
        raise InvalidWeights(
            f"weights cannot be named {version!r}: small letters, digits, dots and "
            "hyphens, at most 40, beginning with a letter or digit"
        )
    if version in versions():
        raise InvalidWeights(f"weights {version} are shipped; take another name")
    path = folder / f"{version}.json"
    if path.exists():
        raise InvalidWeights(f"{path} is there already and is not written over")
    return path


def write_new(path: Path, data: Mapping[str, Any]) -> None:
    """Write a JSON file that is there as a whole or not at all, and never over another.

    Raises
    ------
    InvalidWeights
        When there is a file of that name.
    """
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, suffix=".new"
    ) as file:
        file.write(json.dumps(data, ensure_ascii=False, indent=1) + "\n")
        file.flush()
        os.fsync(file.fileno())
        try:
            os.link(file.name, path)
        except FileExistsError:
            raise InvalidWeights(
                f"{path} is there already and is not written over"
            ) from None
    path.chmod(0o644)


def parse(data: Mapping[str, Any], version: str) -> Weights:
    """Make weights of the content of a file.

    Raises
    ------
    UnknownWeights
        When they belong to another engine.
    InvalidWeights
        Naming the version and what is wrong in it.
    """
    if not isinstance(data, Mapping):
        raise InvalidWeights(f"weights {version}: not an object: {data!r:.40}")
    values = dict(data)
    values.pop("about", None)
    if (engine := values.pop("engine", 1)) != ENGINE:
        raise UnknownWeights(
            f"weights {version} belong to engine {engine}, this is engine {ENGINE}"
        )
    names = {field.name for field in fields(Weights)} - {"version"}
    optional = {"calibration", "base", "fitted", "blocked_below", "enough_text"}
    if unknown := sorted(values.keys() - names):
        raise InvalidWeights(f"weights {version}: unknown: {', '.join(unknown)}")
    if missing := sorted(names - optional - values.keys()):
        raise InvalidWeights(f"weights {version}: missing: {', '.join(missing)}")
    try:
        values["code_steps"] = tuple(values["code_steps"])
        if (line := values.get("calibration")) is not None:
            values["calibration"] = Calibration(**line)
        values.setdefault("blocked_below", values["bands"]["good"])
        weights = Weights(version=version, **values)
        wrong = _fault(weights)
    except (TypeError, KeyError, AttributeError, ValueError, OverflowError) as error:
        raise InvalidWeights(f"weights {version}: {error!r}") from error
    if wrong:
        raise InvalidWeights(f"weights {version}: {wrong}")
    return weights


def _fault(weights: Weights) -> str | None:
    """Say what is wrong in the numbers that a score is made of, if anything is."""
    shares, bands, line = weights.parts, weights.bands, weights.calibration
    numbers = [*shares.values(), *bands.values(), weights.blocked_below]
    numbers.append(weights.enough_text)
    if line is not None:
        numbers += [line.intercept, line.slope]
    if not all(map(math.isfinite, numbers)):
        return "a number is not finite"
    if not 0 < bands["good"] < bands["strong"] < 1:
        return "bands must rise: 0 < good < strong < 1"
    if line is not None and line.slope <= 0:
        return "the slope of the calibration must be above 0"
    total, least = sum(shares.values()), weights.least("good")
    rules = {
        f"parts must be {', '.join(PARTS)}": set(shares) == set(PARTS),
        "enough_text must lie between 0 and 1": 0 <= weights.enough_text <= 1,
        "no share may be below 0, and the text's must be above 0": (
            min(shares.values()) >= 0 and shares["text"] > 0
        ),
        f"the shares add up to {total}, not to 1": abs(total - 1) <= 1e-6,
        f"blocked_below is {weights.blocked_below}; it must lie above 0 and not above "
        f"{least}, the least good score": 0 < weights.blocked_below <= least,
    }
    return next((rule for rule, holds in rules.items() if not holds), None)
