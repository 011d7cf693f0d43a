"""The parts of a score that do not come from the text.

What is one number or a set of codes is compared for all documents of a segment at
once; grades, names and indicators for one candidate at a time.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from matching.indicators import Indicator, Verdict, VerdictKind, judge
from matching.names import best_grades, names_similarity
from matching.postings import SUPPLY, Filter, Posting
from matching.segments import HAS_CLAIMS, HAS_NAMES, Facts, Floats, Mask, Segment
from matching.weights import Weights

VECTOR_PARTS = ("chain", "field", "maturity", "region", "budget")
"""Parts that are computed for every document."""

_SAME_NAME = 0.6
"""Names less alike are taken for other names, which says nothing for or against."""


class Labels:
    """Postings of one segment's labels, grouped by axis."""

    def __init__(self, segment: Segment) -> None:
        self.segment = segment
        self.by_axis: dict[str, dict[str, slice]] = {}
        for (axis, value), place in segment.labels().items():
            self.by_axis.setdefault(axis, {})[value] = place

    def docs_with(self, axis: str, values: Iterable[str]) -> Mask:
        """Say which documents carry one of the values."""
        mask = np.zeros(len(self.segment), dtype=np.bool_)
        places = self.by_axis.get(axis, {})
        for value in values:
            if (place := places.get(value)) is not None:
                mask[self.segment.label_docs[place]] = True
        return mask

    def nearness(self, axis: str, near: Mapping[str, float]) -> Floats:
        """Return the best nearness of each document's values, NaN without a value."""
        best = np.full(len(self.segment), -1.0)
        for value, place in self.by_axis.get(axis, {}).items():
            docs = self.segment.label_docs[place]
            best[docs] = np.maximum(best[docs], near[value])
        return np.where(best < 0, np.nan, best)

    def values(self, axis: str) -> Iterable[str]:
        """Return every value on an axis."""
        return self.by_axis.get(axis, {})


def code_nearness(one: str, other: str, steps: Sequence[float]) -> float:
    """Compare two hierarchical codes by the characters that they begin with alike.

    Examples
    --------
    >>> [code_nearness("C32", code, (0.0, 0.5, 0.7)) for code in ("C32", "C39", "D1")]
    [1.0, 0.7, 0.0]
    """
    if one == other:
        return 1.0
    shared = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        shared += 1
    return steps[min(shared, len(steps) - 1)]


def region_nearness(one: str, other: str, steps: Mapping[str, float]) -> float:
    """Compare two GB/T 2260 codes: same county, city, province, or none of these.

    A code that ends in zeros stands for the whole city or province; its counties are
    as near to it as to one another.

    Examples
    --------
    >>> steps = {"county": 1.0, "city": 0.8, "province": 0.5, "else": 0.0}
    >>> [region_nearness("370785", r, steps) for r in ("370785", "370700", "110000")]
    [1.0, 0.8, 0.0]
    """
    if one == other:
        return steps["county"]
    if one[:4] == other[:4]:
        return steps["city"]
    return steps["province"] if one[:2] == other[:2] else steps["else"]


def admits_region(wanted: str, region: str) -> bool:
    """Say whether a region lies in the wanted one."""
    prefix = wanted
    while prefix.endswith("00") and len(prefix) > 2:
        prefix = prefix[:-2]
    return region.startswith(prefix)


def admitted(
    segment: Segment, labels: Labels, where: Filter | None, own_org: str | None
) -> Mask:
    """Say which documents may be returned. The own organisation's never may."""
    mask = np.ones(len(segment), dtype=np.bool_)
    if own_org is not None:
        mask &= ~labels.docs_with("org", [own_org])
    if where is None:
        return mask
    for axis, values in (
        ("kind", where.kind),
        ("chain", where.chain),
        ("field", where.field),
    ):
        if values is not None:
            mask &= labels.docs_with(axis, values)
    if where.region is not None:
        inside = [
            value
            for value in labels.values("region")
            if any(admits_region(wanted, value) for wanted in where.region)
        ]
        mask &= labels.docs_with("region", inside)
    if where.exclude_org:
        mask &= ~labels.docs_with("org", where.exclude_org)
    if where.max_tier is not None:
        mask &= segment.tiers <= where.max_tier
    if where.ids is not None:
        mask &= _with_ids(segment, where.ids)
    if where.exclude_ids:
        mask &= ~_with_ids(segment, where.exclude_ids)
    return mask


def _with_ids(segment: Segment, ids: Collection[str]) -> Mask:
    mask = np.zeros(len(segment), dtype=np.bool_)
    mask[[doc for posting_id in ids for doc in segment.find(posting_id)]] = True
    return mask


def vector_parts(
    posting: Posting, segment: Segment, labels: Labels, weights: Weights
) -> dict[str, Floats]:
    """Compute the structured parts for every document; NaN where not computable."""
    nothing = np.full(len(segment), np.nan)
    parts = dict.fromkeys(VECTOR_PARTS, nothing)
    codes = posting.codes

    def nearness(axis: str, steps: Sequence[float]) -> Floats:
        if axis not in codes:
            return nothing
        near = {
            value: max(code_nearness(own, value, steps) for own in codes[axis])
            for value in labels.values(axis)
        }
        return labels.nearness(axis, near)

    parts["chain"] = nearness("chain", (0.0,))
    field = nearness("field", (0.0,))
    industry = nearness("industry", weights.code_steps)
    both = (field + industry) / 2
    parts["field"] = np.where(
        np.isnan(both), np.where(np.isnan(field), industry, field), both
    )
    if "region" in codes:
        near = {
            value: max(
                region_nearness(own, value, weights.region) for own in codes["region"]
            )
            for value in labels.values("region")
        }
        parts["region"] = labels.nearness("region", near)
    supplies = posting.kind in SUPPLY
    if posting.maturity is not None:
        gap = posting.maturity - segment.maturity
        parts["maturity"] = 1 - np.maximum(-gap if supplies else gap, 0.0)
    if posting.budget_yuan is not None:
        own, theirs = float(posting.budget_yuan), segment.budget
        money, price = (theirs, own) if supplies else (own, theirs)
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.where(np.asarray(price) > 0, money / np.asarray(price), 1.0)
        known = ~np.isnan(theirs)
        parts["budget"] = np.where(known, np.minimum(share, 1.0), np.nan)
    return parts


def fuzzy_part(query: Facts, document: Facts) -> float | None:
    """Compare grades and names; None when neither can be compared."""
    scores: list[float] = []
    wanted = (*query.grades, *query.hidden_grades)
    offered = (*document.grades, *document.hidden_grades)
    if pairs := best_grades(wanted, offered):
        scores.append(sum(similarity for _, _, similarity in pairs) / len(pairs))
    names = names_similarity(query.names, document.names)
    if names is not None and names >= _SAME_NAME:
        scores.append(names)
    return sum(scores) / len(scores) if scores else None


@dataclass(frozen=True, slots=True)
class IndicatorFit:
    """How claims answer requirements.

    Attributes
    ----------
    part : float or None
        Worth of the verdicts between 0 and 1; None when nothing is stated.
    shown : tuple of Verdict
        On visible requirements by visible claims.
    blocked : bool
        Whether a core requirement is missed, hidden ones included.
    """

    part: float | None
    shown: tuple[Verdict, ...]
    blocked: bool


NO_FIT = IndicatorFit(None, (), blocked=False)


def indicator_fit(query: Facts, document: Facts, weights: Weights) -> IndicatorFit:
    """Judge the claims of the supplying side against what the other side requires.

    The query requires, unless it is an offer that looks for needs.
    """
    needs, offers = query, document
    if query.kind in SUPPLY and document.kind not in SUPPLY:
        needs, offers = document, query
    required, hidden_required = needs.required()
    claimed, hidden_claimed = offers.claimed()
    if not (required or hidden_required) or not (claimed or hidden_claimed):
        shown = tuple(judge(item, ()) for item in required)
        return IndicatorFit(None, shown, blocked=False)
    shown = tuple(judge(item, claimed) for item in required)
    full = shown
    if hidden_claimed:
        full = tuple(judge(item, (*claimed, *hidden_claimed)) for item in required)
    if hidden_required:
        everything = (*claimed, *hidden_claimed)
        full = (*full, *(judge(item, everything) for item in hidden_required))
    blocked = any(
        verdict.required.is_core and verdict.kind is VerdictKind.MISSED
        for verdict in full
    )
    if all(verdict.kind is VerdictKind.UNSTATED for verdict in full):
        return IndicatorFit(None, shown, blocked=False)
    total = worth = 0.0
    for verdict in full:
        weight = _indicator_weight(verdict.required, weights)
        total += weight
        worth += weight * weights.verdicts[verdict.kind.value]
    return IndicatorFit(worth / total, shown, blocked)


def _indicator_weight(indicator: Indicator, weights: Weights) -> float:
    return weights.core_weight if indicator.is_core else 1.0


def needs_a_look(query: Facts, segment: Segment) -> tuple[Mask, Mask]:
    """Say for which documents names, and for which indicators, must be compared."""
    names = bool(query.names or query.grades or query.hidden_grades)
    rows = any(query.claimed())
    none = np.zeros(len(segment), dtype=np.bool_)
    return (
        (segment.flags & HAS_NAMES) > 0 if names else none,
        (segment.flags & HAS_CLAIMS) > 0 if rows else none,
    )
