"""Fit the shares of the parts and the probability of a score to graded pairs.

What is fitted is one logistic regression with coefficients that are not below 0 over
the parts, where a part that could not be computed counts as the text does. Its log odds
are a line in a score that is made as `Weights.score` makes it: the coefficients,
divided by their sum, are the shares, and their sum is the slope of the calibration. So
the score never falls when a part grows, and bands follow its order.

Graded pairs are few and numbers are many, so much is held fast:

- The shares are drawn to those of the base by a penalty on whatever in the coefficients
  is not along them. How strong it is, is chosen by cross-validation; in doubt, within
  one standard error (Breiman et al., Classification and Regression Trees, 1984), it is
  the stronger.
- A part that is seldom known keeps its relation to the text.
- Shares that are not clearly better than the base's on pairs that they were not fitted
  to are not taken. Then only the two numbers of the calibration are new.
- The calibration starts from the base's, as if that had been seen on some pairs before.

Blocked pairs are never more than possible, whatever their probability. They are left
out of the fit, and stand in the figures on order.

Fitting needs scikit-learn and SciPy, which are imported here when they are needed and
nowhere where rankings are made.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from matching.evaluation import ndcg
from matching.examples import Example
from matching.weights import PARTS, Calibration, Weights, parse

BETTER: Final = "better"
NO_BETTER: Final = "no better"
TOO_LITTLE: Final = "too little data"

LEAST_QUERIES: Final = 30
"""Queries with pairs that are not blocked, below which nothing is fitted."""
LEAST_OUTCOMES: Final = 30
"""Pairs of either outcome, useful and not, below which nothing is fitted."""
LEAST_KNOWN: Final = 30
"""Pairs in which a part must be known so that its share is fitted."""

BANDS: Final = {"strong": 0.8, "good": 0.5}
"""Least probabilities, where the base has none: 4 in 5, and as likely as not."""

FOLDS: Final = 5
PENALTIES: Final = (1.0, 10.0, 100.0)
"""The least of them expects that a part adds one log odd more or less than it did."""
LEAST_KEPT: Final = 0.25
"""Least share of a part, in terms of the base's. What a need asks for is honoured a
little even where the pairs seen so far say nothing of it."""
_PRIOR_PAIRS: Final = 20
_DRAWS: Final = 1000
_SEED: Final = 20261122
_EDGES: Final = (0.0, 0.05, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95, 1.0)
_LEAST_TEXT: Final = 0.1
"""Least coefficient of the text, without which nothing would be found."""

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Map = Callable[[Floats], Floats]
"""Makes probabilities of scores."""


@dataclass(frozen=True, slots=True)
class Learned:
    """What came out of a fit.

    Attributes
    ----------
    content : dict or None
        Of a new weights file; None when nothing could be fitted.
    report : dict
        Figures as JSON values. ``verdict`` is `BETTER`, `NO_BETTER` or `TOO_LITTLE`,
        ``reason`` says why. No query and no document is named.
    """

    content: dict[str, Any] | None
    report: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Examples as arrays, in an order that does not depend on how they came.

    Attributes
    ----------
    examples : list of Example
    sets : list of str
    set_of, group : array of int64, shape (pairs,)
        Numbers of each pair's set and query.
    filled : array of float64, shape (pairs, parts)
        What parts are worth beside the text, whose value stands for one not known.
    useful, blocked : array of bool, shape (pairs,)
    """

    examples: list[Example]
    sets: list[str]
    set_of: Integers
    group: Integers
    filled: Floats
    useful: Mask
    blocked: Mask

    @classmethod
    def of(cls, examples: Iterable[Example], base: Weights) -> "_Pairs":
        """Sort and lay out, with what the parts are worth by the base."""
        ordered = sorted(examples, key=_place)
        sets = sorted({example.set for example in ordered})
        groups: dict[tuple[str, str], int] = {}
        for example in ordered:
            groups.setdefault((example.set, example.query), len(groups))
        rows = [
            [_filled(example.parts[part], example.parts["text"]) for part in PARTS]
            for example in ordered
        ]
        filled = np.array(rows, np.float64).reshape(-1, len(PARTS))
        return cls(
            ordered,
            sets,
            np.array([sets.index(e.set) for e in ordered], np.int64),
            np.array([groups[e.set, e.query] for e in ordered], np.int64),
            base.worth(filled, filled[:, [PARTS.index("text")]]),
            np.array([e.useful for e in ordered], np.bool_),
            np.array([e.blocked for e in ordered], np.bool_),
        )

    def take(self, kept: Mask) -> "_Pairs":
        """Return some of the pairs; sets and groups keep their numbers."""
        chosen = [e for e, keep in zip(self.examples, kept, strict=True) if keep]
        return _Pairs(
            chosen,
            self.sets,
            self.set_of[kept],
            self.group[kept],
            self.filled[kept],
            self.useful[kept],
            self.blocked[kept],
        )

    def weights(self) -> Floats:
        """Let every set weigh the same, and all together what they are worth.

        The sum is Kish's effective number of pairs (Survey Sampling, 1965).
        """
        sizes = np.bincount(self.set_of, minlength=len(self.sets))
        weights = 1.0 / sizes[self.set_of]
        scaled: Floats = weights * (weights.sum() / (weights**2).sum())
        return scaled

    def known(self) -> dict[str, int]:
        """Count in how many pairs each part is known."""
        return {
            part: sum(example.parts[part] is not None for example in self.examples)
            for part in PARTS
        }

    def scores(self, weights: Weights) -> Floats:
        """Score every pair as the engine does, save for the last places."""
        shares = np.array([weights.parts[part] for part in PARTS])
        scores: Floats = np.clip(self.filled @ shares, 0.0, 1.0)
        for row in np.flatnonzero(self.blocked):
            scores[row] = weights.score(self.examples[row].parts, blocked=True)
        return scores


def _place(example: Example) -> tuple[object, ...]:
    parts = tuple(-1.0 if v is None else v for v in example.parts.values())
    return (
        *(example.set, example.query, example.document),
        *(example.useful, float(example.grade), example.blocked, parts),
    )


def _filled(value: float | None, text: float | None) -> float:
    return float((text or 0.0) if value is None else value)


def learn(
    examples: Iterable[Example],
    base: Mapping[str, Any],
    version: str,
    *,
    check: Iterable[Example] = (),
    keep_shares: bool = False,
    date: str | None = None,
    command: str = "",
) -> Learned:
    """Fit new weights and say whether they are better than the base.

    The same examples, in whatever order and with whatever number of threads, give the
    same numbers.

    Parameters
    ----------
    examples : iterable of Example
        Sets weigh the same; the pairs of a query are never parted between what is
        fitted to and what is measured on.
    base : mapping
        Content of the weights file to begin with.
    version : str
        Its name.
    check : iterable of Example
        Sets that nothing is fitted to, and that the report has figures for.
    keep_shares : bool, default=False
        Fit the calibration only, where the pairs are not like those of a market.
    date, command : str
        Kept in the new file, for whoever asks where it comes from.

    Raises
    ------
    UnknownWeights, InvalidWeights
        When the base is of another engine or does not hold.
    """
    # Threads add up in another order, and wait for each other on so little.
    with import_module("threadpoolctl").threadpool_limits(1):
        return _learn(examples, base, version, check, keep_shares, date, command)


def _learn(
    examples: Iterable[Example],
    base: Mapping[str, Any],
    version: str,
    check: Iterable[Example],
    keep_shares: bool,
    date: str | None,
    command: str,
) -> Learned:
    old = parse(base, version)
    everything = _Pairs.of(examples, old)
    pairs = everything.take(~everything.blocked)
    report: dict[str, Any] = {
        "base": version,
        "examples": _counts(everything),
    }
    if reason := _lacks(pairs):
        return Learned(None, {"verdict": TOO_LITTLE, "reason": reason, **report})
    out = _out_of_fold(everything, old)
    taken = not keep_shares and out.prefers_shares()
    penalty = _penalty(pairs, old) if taken else None
    new = _fitted(pairs, old, penalty)
    report |= out.report()
    report["penalty"] = penalty
    report["left_out"] = _left_out(pairs, old)
    if new is None:
        reason = "the score says nothing of what is useful in these pairs"
        return Learned(None, {"verdict": NO_BETTER, "reason": reason, **report})
    verdict, reason = out.verdict("shares" if taken else "calibration")
    report["shares"] = dict(new.parts)
    assert new.calibration is not None  # noqa: S101 - _fitted sees to it
    line = {"intercept": new.calibration.intercept, "slope": new.calibration.slope}
    report["calibration"] = line
    report["least_score"] = {band: new.least(band) for band in BANDS}
    report["bands"] = _bands(everything, old, new)
    checked = _Pairs.of(check, old)
    report["check"] = _checked(checked.take(~checked.blocked), new)
    report = {"verdict": verdict, "reason": reason, **report}
    about = {**base.get("about", {}), **_ABOUT}
    if not taken:
        about["parts"] = base.get("about", {}).get("parts", _ABOUT["parts"])
    content = {
        **base,
        "base": version,
        "about": about,
        "parts": dict(new.parts),
        "bands": dict(new.bands),
        "blocked_below": new.blocked_below,
        "calibration": line,
        "fitted": {
            "command": command,
            "date": date,
            "fitted": "shares and calibration" if taken else "calibration",
            "penalty": penalty,
            "examples": report["examples"],
            "verdict": verdict,
            "out_of_fold": {
                name: {key: row[key] for key in _HEADLINES}
                for name, row in report["out_of_fold"].items()
            },
            "left_out": report["left_out"],
        },
    }
    return Learned(content, report)


_ABOUT: Final = {
    "parts": "Shares of the score, drawn to those of the base; see fitted. A part that "
    "cannot be computed gives its share to the text.",
    "bands": "Least probability that a pair is useful.",
    "calibration": "Log odds of being useful: intercept + slope * score.",
    "blocked_below": "The score of a pair that misses a core indicator stays below it.",
}
_HEADLINES: Final = ("log_loss", "brier", "pair_order", "ndcg@10")


def _lacks(pairs: _Pairs) -> str:
    """Say what there is too little of; empty when there is enough."""
    queries, useful = len(np.unique(pairs.group)), int(pairs.useful.sum())
    useless = len(pairs.useful) - useful
    for count, least, what in (
        (queries, LEAST_QUERIES, "queries"),
        (useful, LEAST_OUTCOMES, "useful pairs"),
        (useless, LEAST_OUTCOMES, "pairs that are not useful"),
    ):
        if count < least:
            return f"{count} {what} that are not blocked; {least} are needed"
    return ""


def _counts(pairs: _Pairs) -> dict[str, dict[str, int]]:
    return {
        name: {
            "queries": len(np.unique(pairs.group[mine])),
            "pairs": int(mine.sum()),
            "useful": int(pairs.useful[mine].sum()),
            "blocked": int(pairs.blocked[mine].sum()),
            "blocked_useful": int((pairs.useful & pairs.blocked)[mine].sum()),
        }
        for number, name in enumerate(pairs.sets)
        for mine in (pairs.set_of == number,)
    }


# Fitting


def _calibrate(
    scores: Floats, useful: Mask, weights: Floats, prior: Calibration | None
) -> tuple[float, float]:
    """Fit intercept and slope; a prior counts as some pairs that behave like it.

    Both are 0 where all pairs have one outcome.
    """
    columns, labels, counts = [scores], [useful], [weights]
    if prior is not None:
        at = _prior_scores()
        likely = np.array([prior.probability(float(score)) for score in at])
        columns += [at, at]
        labels += [np.ones(len(at), np.bool_), np.zeros(len(at), np.bool_)]
        counts += [likely, 1 - likely]
    outcomes = np.concatenate(labels)
    if outcomes.all() or not outcomes.any():
        return 0.0, 0.0
    linear = import_module("sklearn.linear_model")
    # The penalty is next to nothing; it holds the slope where outcomes do not overlap.
    model = linear.LogisticRegression(C=100.0, tol=1e-10, max_iter=1000)
    model.fit(
        np.concatenate(columns)[:, None],
        outcomes,
        sample_weight=np.concatenate(counts),
    )
    return float(model.intercept_[0]), float(model.coef_[0, 0])


def _prior_scores() -> Floats:
    return (np.arange(_PRIOR_PAIRS) + 0.5) / _PRIOR_PAIRS


def _shares(pairs: _Pairs, base: Weights, penalty: float) -> dict[str, float]:
    """Fit the shares: logistic regression, no coefficient below 0, drawn to the base.

    Parameters
    ----------
    penalty : float
        Half of it times the squared coefficients across the base's shares is added to
        the loss: an addend of a part to the log odds has the variance 1 / penalty.
    """
    known = pairs.known()
    fitted = [p for p in PARTS if p != "text" and known[p] >= LEAST_KNOWN]
    held = [p for p in PARTS if p not in fitted]
    place = {part: number for number, part in enumerate(PARTS)}
    base_shares = np.array([base.parts[part] for part in PARTS])
    own = base_shares[[place[part] for part in held]]
    joined = pairs.filled[:, [place[part] for part in held]] @ (own / own.sum())
    columns = np.column_stack(
        [joined, *(pairs.filled[:, place[part]] for part in fitted)]
    )
    shares = np.array([own.sum(), *(base.parts[part] for part in fitted)])
    outcomes = _Outcomes.of(columns, pairs, base.calibration)
    coefficients = outcomes.fit(shares / np.linalg.norm(shares), penalty)
    total = float(coefficients.sum())
    found = {
        part: round(float(coefficients[0] * share / own.sum()) / total, 4)
        for part, share in zip(held, own, strict=True)
    }
    for part, coefficient in zip(fitted, coefficients[1:], strict=True):
        share = max(float(coefficient) / total, LEAST_KEPT * base.parts[part])
        found[part] = round(share, 4)
    others = sum(share for part, share in found.items() if part != "text")
    found["text"] = round(1 - others, 4)
    return {part: found[part] for part in PARTS}


@dataclass(frozen=True, slots=True)
class _Outcomes:
    """What the shares are fitted to.

    Every set has log odds of its own to begin with. Otherwise a part that is known in
    one set only would be fitted to how that set differs from the others.

    Attributes
    ----------
    columns : array of float64, shape (pairs, columns)
    sets : array of float64, shape (pairs, sets)
        1 in the column of the pair's set.
    useful, weights : array of float64, shape (pairs,)
        The weights add up to 1.
    total : float
        What they added up to.
    """

    columns: Floats
    sets: Floats
    useful: Floats
    weights: Floats
    total: float

    @classmethod
    def of(
        cls, columns: Floats, pairs: _Pairs, prior: Calibration | None
    ) -> "_Outcomes":
        """Take pairs, and some that behave like the prior as a set of their own."""
        present, number = np.unique(pairs.set_of, return_inverse=True)
        useful, weights = pairs.useful.astype(np.float64), np.ones(len(pairs.useful))
        if prior is not None:
            at = _prior_scores()
            alike = np.repeat(at[:, None], columns.shape[1], axis=1)
            columns = np.vstack([columns, alike])
            number = np.concatenate(
                [number, np.full(len(at), 0 if len(present) == 1 else len(present))]
            )
            likely = [prior.probability(float(score)) for score in at]
            useful = np.concatenate([useful, likely])
            weights = np.concatenate([weights, np.ones(len(at))])
        total = float(weights.sum())
        sets = np.eye(int(number.max()) + 1)[number]
        return cls(columns, sets, useful, weights / total, total)

    def fit(self, along: Floats, penalty: float) -> Floats:
        """Minimise the penalised logistic loss; return the coefficients of the columns.

        Parameters
        ----------
        along : array of float64, shape (columns,)
            Direction of length 1 that costs nothing.
        penalty : float
        """
        strength, first = penalty / self.total, self.sets.shape[1]

        def loss(values: Floats) -> tuple[float, Floats]:
            starts, slopes = values[:first], values[first:]
            odds = self.sets @ starts + self.columns @ slopes
            across = slopes - along * (along @ slopes)
            lost = self.weights @ (np.logaddexp(0, odds) - self.useful * odds)
            wrong = self.weights * (1 / (1 + np.exp(-odds)) - self.useful)
            gradient = np.concatenate(
                [self.sets.T @ wrong, self.columns.T @ wrong + strength * across]
            )
            return float(lost + strength / 2 * (across @ across)), gradient

        found = import_module("scipy.optimize").minimize(
            loss,
            np.concatenate([np.full(first, -5.0), 10 * along]),
            jac=True,
            method="L-BFGS-B",
            bounds=[
                *[(None, None)] * first,
                (_LEAST_TEXT, None),
                *[(0, None)] * (len(along) - 1),
            ],
            options={"maxiter": 5000, "maxfun": 20000, "ftol": 1e-14, "gtol": 1e-8},
        )
        values: Floats = np.asarray(found.x, np.float64)[first:]
        return values


def _fitted(pairs: _Pairs, base: Weights, penalty: float | None) -> Weights | None:
    """Return the base with new numbers, None where the score tells nothing.

    Parameters
    ----------
    penalty : float or None
        None keeps the base's shares.
    """
    shares = base.parts if penalty is None else _shares(pairs, base, penalty)
    weights = replace(base, parts=shares)
    intercept, slope = _calibrate(
        pairs.scores(weights), pairs.useful, pairs.weights(), base.calibration
    )
    if slope <= 0:
        return None
    line = Calibration(round(intercept, 4), round(slope, 4))
    bands = BANDS if base.calibration is None else base.bands
    # Rounded down, so that it does not come to lie above the least good score.
    good = math.floor(line.score_of(bands["good"]) * 1e4) / 1e4
    if good <= 0:
        return None
    return replace(
        weights,
        calibration=line,
        bands=dict(bands),
        blocked_below=min(base.blocked_below, good),
    )


def _penalty(pairs: _Pairs, base: Weights) -> float | None:
    """Choose by cross-validation; None where the base's shares will do."""
    choices = (*PENALTIES, None)
    losses = np.zeros((len(choices), len(pairs.useful)))
    for train, test in _folds(pairs):
        for number, penalty in enumerate(choices):
            fitted = _fitted(pairs.take(train), base, penalty)
            likely = _likely(fitted, pairs.take(test), pairs.take(train))
            losses[number, test] = _log_losses(likely, pairs.useful[test])
    means = losses @ _normal(pairs)
    best = int(means.argmin())
    for number in reversed(range(len(choices))):
        apart = _by_query(pairs, losses[number] - losses[best])
        error = float(apart.std(ddof=1)) / math.sqrt(len(apart))
        if means[number] - means[best] <= error:
            return choices[number]
    return choices[best]


def _normal(pairs: _Pairs) -> Floats:
    weights = pairs.weights()
    normal: Floats = weights / weights.sum()
    return normal


def _by_query(pairs: _Pairs, values: Floats) -> Floats:
    """Add up weighted values by query, so that their mean is the weighted mean."""
    queries = np.unique(pairs.group)
    return _sums(pairs.group, values * _normal(pairs))[queries] * float(len(queries))


def _sums(numbers: Integers, values: Floats) -> Floats:
    """Add up the values of each number."""
    return np.bincount(numbers, values).astype(np.float64)


def _folds(pairs: _Pairs) -> list[tuple[Mask, Mask]]:
    """Part the queries into folds: masks of what is fitted to and measured on."""
    selection = import_module("sklearn.model_selection")
    folds = []
    for _, test in selection.GroupKFold(FOLDS).split(pairs.filled, groups=pairs.group):
        mask = np.zeros(len(pairs.group), np.bool_)
        mask[test] = True
        folds.append((~mask, mask))
    return folds


# Measuring


def _likely(weights: Weights | None, pairs: _Pairs, train: _Pairs) -> Floats:
    """Return probabilities by a calibration; without one, the share that is useful."""
    if weights is None or weights.calibration is None:
        rate = float(train.useful @ _normal(train))
        return np.full(len(pairs.useful), rate)
    line = weights.calibration
    return np.array([line.probability(float(s)) for s in pairs.scores(weights)])


def _by_bands(base: Weights, pairs: _Pairs, train: _Pairs) -> Floats:
    """Return for each pair how often its band was useful in what is fitted to.

    What a base without a calibration says of a pair is its band and no more.
    """
    weights, likely = _normal(train), {}
    bands = np.array([base.band(float(s), blocked=False) for s in train.scores(base)])
    for band in ("strong", "good", "possible"):
        mine = bands == band
        total, count = float(weights[mine].sum()), int(mine.sum())
        rate = float(weights[mine & train.useful].sum()) / total if total else 0.5
        likely[band] = (rate * count + 0.5) / (count + 1)
    return np.array(
        [likely[base.band(float(s), blocked=False)] for s in pairs.scores(base)],
        np.float64,
    )


def _log_losses(likely: Floats, useful: Mask) -> Floats:
    certain = np.clip(likely, 1e-6, 1 - 1e-6)
    losses: Floats = -np.log(np.where(useful, certain, 1 - certain))
    return losses


@dataclass(frozen=True, slots=True)
class _OutOfFold:
    """What each candidate says of pairs that it was not fitted to.

    Attributes
    ----------
    everything : _Pairs
        Blocked ones too.
    likely : mapping of str to array of float64, shape (pairs,)
        By ``base``, ``calibration`` (new, with the base's shares) and ``shares`` (both
        new); without meaning for blocked pairs.
    scores : mapping of str to array of float64, shape (pairs,)
    """

    everything: _Pairs
    likely: Mapping[str, Floats]
    scores: Mapping[str, Floats]

    def losses(self, name: str) -> dict[str, tuple[Integers, Floats, Floats]]:
        """Return for each figure the queries, their sums and what these are sums of."""
        pairs, free = self.everything, ~self.everything.blocked
        likely, useful = self.likely[name][free], pairs.useful[free]
        groups, counts = np.unique(pairs.group[free], return_counts=True)

        def sums(values: Floats) -> Floats:
            return _sums(pairs.group[free], values)[groups]

        ones = counts.astype(np.float64)
        return {
            "log_loss": (groups, sums(_log_losses(likely, useful)), ones),
            "brier": (groups, sums((likely - useful) ** 2), ones),
            **_order(pairs, self.scores[name]),
        }

    def differences(self, one: str, other: str) -> dict[str, dict[str, float]]:
        """Say how much better ``other`` is, with the 95 % interval of a bootstrap.

        Queries are drawn with replacement within each set.
        """
        before, after = self.losses(one), self.losses(other)
        found = {}
        for figure in _HEADLINES:
            groups, sums, counts = before[figure]
            gain = after[figure][1] - sums
            if figure in {"log_loss", "brier"}:
                gain = -gain
            drawn = self._draw(groups, gain, counts)
            low, high = np.percentile(drawn[1:], [2.5, 97.5])
            found[figure] = {
                "mean": round(float(drawn[0]), 6),
                "low": round(float(low), 6),
                "high": round(float(high), 6),
            }
        return found

    def _by_set(
        self, figures: Mapping[str, tuple[Integers, Floats, Floats]]
    ) -> dict[str, dict[str, float]]:
        """Return the figures of each set by itself."""
        pairs = self.everything
        found: dict[str, dict[str, float]] = {}
        for number, name in enumerate(pairs.sets):
            own = np.unique(pairs.group[pairs.set_of == number])
            found[name] = {}
            for figure, (groups, sums, counts) in figures.items():
                mine = np.isin(groups, own)
                if mine.any():
                    mean = float(sums[mine].sum() / counts[mine].sum())
                    found[name][figure] = round(mean, 6)
        return found

    def _draw(self, groups: Integers, sums: Floats, counts: Floats) -> Floats:
        """Return the mean over the sets of as it is, then of each draw."""
        set_of = dict(
            zip(
                self.everything.group.tolist(),
                self.everything.set_of.tolist(),
                strict=True,
            )
        )
        mine = np.array([set_of[group] for group in groups.tolist()], np.int64)
        random = np.random.default_rng(_SEED)
        means = []
        for number in np.unique(mine):
            own = np.flatnonzero(mine == number)
            drawn = np.vstack(
                [
                    np.ones(len(own)),
                    random.multinomial(
                        len(own), np.full(len(own), 1 / len(own)), _DRAWS
                    ),
                ]
            )
            means.append((drawn @ sums[own]) / np.maximum(drawn @ counts[own], 1e-12))
        mean: Floats = np.mean(means, axis=0) if means else np.zeros(_DRAWS + 1)
        return mean

    def prefers_shares(self) -> bool:
        """Say whether new shares are clearly better than a new calibration alone."""
        return _clearly_better(self.differences("calibration", "shares"))

    def verdict(self, name: str) -> tuple[str, str]:
        """Say whether a candidate is better than the base, and why."""
        gain = self.differences("base", name)
        lost, order = gain["log_loss"], gain["pair_order"]
        told = (
            f"log loss out of fold {lost['mean']:+.4f} less "
            f"({lost['low']:+.4f} to {lost['high']:+.4f}), pairs in order "
            f"{order['mean']:+.4f} ({order['low']:+.4f} to {order['high']:+.4f})"
        )
        return (BETTER if _clearly_better(gain) else NO_BETTER), told

    def report(self) -> dict[str, Any]:
        """Return the figures of all candidates."""
        pairs, free = self.everything, ~self.everything.blocked
        rows = {}
        for name, likely in self.likely.items():
            figures = self.losses(name)
            rows[name] = {
                **{f: round(float(self._draw(*figures[f])[0]), 6) for f in _HEADLINES},
                "by_set": self._by_set(figures),
                "reliability": reliability(likely[free], pairs.useful[free]),
                "reliability_by_set": {
                    of: reliability(likely[mine], pairs.useful[mine])
                    for number, of in enumerate(pairs.sets)
                    for mine in (free & (pairs.set_of == number),)
                },
            }
        return {
            "out_of_fold": rows,
            "differences": {
                "calibration over base": self.differences("base", "calibration"),
                "shares over calibration": self.differences("calibration", "shares"),
            },
        }


def _clearly_better(gain: Mapping[str, Mapping[str, float]]) -> bool:
    """Fewer surprises for certain, and an order that is not certainly worse."""
    return (
        gain["log_loss"]["low"] > 0
        and gain["brier"]["mean"] >= 0
        and gain["ndcg@10"]["high"] >= 0
        and gain["pair_order"]["high"] >= 0
    )


def _out_of_fold(everything: _Pairs, base: Weights) -> _OutOfFold:
    names = ("base", "calibration", "shares")
    count = len(everything.useful)
    likely = {name: np.zeros(count) for name in names}
    scores = {name: np.zeros(count) for name in names}
    for train, test in _folds(everything):
        fitting = everything.take(train & ~everything.blocked)
        measured = everything.take(test)
        candidates = {
            "base": base,
            "calibration": _fitted(fitting, base, None),
            "shares": _fitted(fitting, base, _penalty(fitting, base)),
        }
        for name, weights in candidates.items():
            said: Callable[..., Floats] = partial(_likely, weights)
            if name == "base" and base.calibration is None:
                said = partial(_by_bands, base)
            likely[name][test] = said(measured, fitting)
            scores[name][test] = measured.scores(weights or base)
    return _OutOfFold(everything, likely, scores)


def _order(pairs: _Pairs, scores: Floats) -> dict[str, tuple[Integers, Floats, Floats]]:
    """Return nDCG@10 and the share of pairs of documents in the right order, by query.

    Only queries with documents of different grades say anything; a tie counts half.
    """
    rows: dict[int, list[int]] = defaultdict(list)
    for row, group in enumerate(pairs.group.tolist()):
        rows[group].append(row)
    grades = np.array([float(example.grade) for example in pairs.examples])
    groups, gains, right, compared = [], [], [], []
    for group, mine in rows.items():
        own, values = grades[mine], scores[mine]
        higher = own[:, None] > own[None, :]
        if not higher.any():
            continue
        above = values[:, None] > values[None, :]
        level = values[:, None] == values[None, :]
        documents = [pairs.examples[row].document for row in mine]
        order = sorted(
            range(len(mine)), key=lambda i: (-float(values[i]), documents[i])
        )
        groups.append(group)
        gains.append(ndcg([float(own[i]) for i in order], own.tolist()))
        right.append(float((higher & above).sum() + (higher & level).sum() / 2))
        compared.append(float(higher.sum()))
    numbers, ones = np.array(groups, np.int64), np.ones(len(groups))
    return {
        "ndcg@10": (numbers, np.array(gains), ones),
        "pair_order": (numbers, np.array(right), np.array(compared)),
    }


def reliability(likely: Floats, useful: Mask) -> list[dict[str, float | int]]:
    """Compare probabilities with what came true, class by class.

    Parameters
    ----------
    likely : array of float64, shape (pairs,)
    useful : array of bool, shape (pairs,)

    Returns
    -------
    list of dict
        For each class with pairs in it: ``from`` and ``to``, ``pairs``, mean
        ``probability`` and the share ``useful``.
    """
    inner = np.array(_EDGES[1:-1])
    classes = np.searchsorted(inner, likely, side="right")
    return [
        {
            "from": _EDGES[number],
            "to": _EDGES[number + 1],
            "pairs": int(mine.sum()),
            "probability": round(float(likely[mine].mean()), 4),
            "useful": round(float(useful[mine].mean()), 4),
        }
        for number in range(len(_EDGES) - 1)
        for mine in (classes == number,)
        if mine.any()
    ]


def _left_out(pairs: _Pairs, base: Weights) -> dict[str, dict[str, Any]]:
    """Measure on each set a calibration that was fitted to the others."""
    if len(pairs.sets) < 2:
        return {}
    found: dict[str, dict[str, Any]] = {}
    isotonic = import_module("sklearn.isotonic").IsotonicRegression
    for number, name in enumerate(pairs.sets):
        mine = pairs.set_of == number
        train, test = pairs.take(~mine), pairs.take(mine)
        if not mine.any() or len(np.unique(train.useful)) < 2:
            continue
        rising = isotonic(out_of_bounds="clip", y_min=0.001, y_max=0.999)
        rising.fit(train.scores(base), train.useful, sample_weight=train.weights())
        found[name] = {
            "bands": _figures(_by_bands(base, test, train), test),
            "any_rising_map": _figures(rising.predict(test.scores(base)), test),
            "line": _figures(_likely(_fitted(train, base, None), test, train), test),
        }
    return found


def _figures(likely: Floats, pairs: _Pairs) -> dict[str, float]:
    losses = _log_losses(likely, pairs.useful)
    return {
        "log_loss": round(float(losses.mean()), 4),
        "brier": round(float(((likely - pairs.useful) ** 2).mean()), 4),
    }


def _checked(pairs: _Pairs, weights: Weights) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for number, name in enumerate(pairs.sets):
        mine = pairs.take(pairs.set_of == number)
        if mine.examples:
            likely = _likely(weights, mine, mine)
            found[name] = {
                "pairs": len(mine.examples),
                "useful": int(mine.useful.sum()),
                **_figures(likely, mine),
                "reliability": reliability(likely, mine.useful),
            }
    return found


def _bands(pairs: _Pairs, old: Weights, new: Weights) -> dict[str, Any]:
    """Count pairs by set, band and grade, before and after."""
    told: dict[str, Any] = {}
    for name, weights in (("before", old), ("after", new)):
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for example, score in zip(pairs.examples, pairs.scores(weights), strict=True):
            band = weights.band(round(float(score), 9), blocked=example.blocked)
            counts[example.set][f"{band}, grade {example.grade:g}"] += 1
        told[name] = {of: dict(sorted(c.items())) for of, c in sorted(counts.items())}
    return told


def summary(report: Mapping[str, Any]) -> Sequence[str]:
    """Return the lines that a person reads first."""
    lines = [f"{report['verdict']}: {report['reason']}"]
    for name, counts in report["examples"].items():
        lines.append(
            f"{name}: {counts['queries']} queries, {counts['pairs']} pairs, "
            f"{counts['useful']} useful, {counts['blocked']} blocked"
        )
    for name, row in report.get("out_of_fold", {}).items():
        figures = ", ".join(f"{key} {row[key]:.4f}" for key in _HEADLINES)
        lines.append(f"{name:<12} {figures}")
    return lines


def markdown(report: Mapping[str, Any]) -> str:
    """Write the tables of a report as Markdown.

    Pairs that were not fitted to, by set and candidate; whole sets that were not fitted
    to; and what came true of the probabilities that the new weights give.
    """
    if "out_of_fold" not in report:
        return f"{report['verdict']}: {report['reason']}"
    rows = report["out_of_fold"]
    fitted = [
        (name, candidate, *(f"{row['by_set'][name][key]:.4f}" for key in _HEADLINES))
        for name in report["examples"]
        for candidate, row in rows.items()
        if set(_HEADLINES) <= row["by_set"][name].keys()
    ]
    left_out = [
        (name, *(f"{row[key]['log_loss']:.3f}, {row[key]['brier']:.3f}" for key in row))
        for name, row in report["left_out"].items()
    ]
    candidate = "calibration" if report["penalty"] is None else "shares"
    of_all = rows[candidate]["reliability"]
    by_set = rows[candidate]["reliability_by_set"]
    by_set |= {
        f"{name} (not fitted)": row["reliability"]
        for name, row in report.get("check", {}).items()
    }
    true = [
        (
            f"{row['from']:.2f} to {row['to']:.2f}",
            f"{row['useful']:.2f} of {row['pairs']}",
            *(_class(classes, row["from"]) for classes in by_set.values()),
        )
        for row in of_all
    ]
    return "\n\n".join(
        [
            _table(("set", "candidate", *_HEADLINES), fitted),
            _table(("left out", "bands", "any rising map", "line"), left_out),
            _table(("probability", "fitted sets", *by_set), true),
        ]
    )


def _class(classes: Iterable[Mapping[str, float]], start: float) -> str:
    found = (row for row in classes if row["from"] == start)
    return next((f"{row['useful']:.2f} of {row['pairs']}" for row in found), "-")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
