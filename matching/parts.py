"""The parts of a score that do not come from the text.

What is one number or a set of codes is compared for all candidates at once; grades,
names and indicators for one candidate at a time.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from matching.facts import Facts
from matching.indicators import Indicator, Verdict, VerdictKind, judge
from matching.names import best_grades, names_similarity
from matching.postings import SUPPLY, Filter, Posting
from matching.retrieval import Chosen
from matching.scan import ranges
from matching.segments import (
    Floats,
    Integers,
    Mask,
    Segment,
    digest64,
)
from matching.snapshots import Snapshot
from matching.weights import Weights

VECTOR_PARTS = ("chain", "field", "maturity", "region", "budget")
"""Parts that are computed for all candidates at once."""

_SAME_NAME = 0.6
"""Names less alike are taken for other names, which says nothing for or against."""


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
    snapshot: Snapshot, where: Filter | None, own_org: str | None
) -> list[Mask] | None:
    """Say which living documents of each segment may be returned; None for all.

    The own organisation's never may.
    """
    where = where or Filter()
    if own_org is not None:
        where = replace(where, exclude_org={*where.exclude_org, own_org})
    if where == Filter():
        return None
    return [
        holding.living & _admitted(holding.segment, where)
        for holding in snapshot.holdings
    ]


def _admitted(segment: Segment, where: Filter) -> Mask:
    mask = np.ones(len(segment), dtype=np.bool_)
    for axis, values in (
        ("kind", where.kind),
        ("chain", where.chain),
        ("field", where.field),
    ):
        if values is not None:
            mask &= _carrying(segment, axis, values)
    if where.region is not None:
        inside = [
            value
            for axis, value in segment.labels
            if axis == "region"
            and any(admits_region(wanted, value) for wanted in where.region)
        ]
        mask &= _carrying(segment, "region", inside)
    if where.exclude_org:
        mask &= ~_carrying(segment, "org", where.exclude_org)
    if where.max_tier is not None:
        mask &= segment.tiers <= where.max_tier
    if where.ids is not None:
        mask &= _with_ids(segment, where.ids)
    if where.exclude_ids:
        mask &= ~_with_ids(segment, where.exclude_ids)
    return mask


def _carrying(segment: Segment, axis: str, values: Iterable[str]) -> Mask:
    """Say which documents carry one of the values on an axis."""
    mask = np.zeros(len(segment), dtype=np.bool_)
    for value in values:
        mask[segment.docs_with((axis, value))] = True
    return mask


def _with_ids(segment: Segment, ids: Collection[str]) -> Mask:
    mask = np.zeros(len(segment), dtype=np.bool_)
    mask[[doc for i in ids for doc in segment.find(i, digest64(i))]] = True
    return mask


def vector_parts(
    posting: Posting, chosen: Chosen, weights: Weights
) -> dict[str, Floats]:
    """Compute the structured parts of the candidates; NaN where not computable."""
    nothing = np.full(len(chosen), np.nan)
    parts = dict.fromkeys(VECTOR_PARTS, nothing)
    codes = posting.codes
    carried = _Carried(chosen) if codes else None

    def nearness(axis: str, near: Callable[[str, str], float]) -> Floats:
        if carried is None or axis not in codes:
            return nothing
        own = codes[axis]
        return carried.nearness(axis, lambda value: max(near(o, value) for o in own))

    parts["chain"] = nearness("chain", _same)
    field = nearness("field", _same)
    industry = nearness(
        "industry", lambda own, value: code_nearness(own, value, weights.code_steps)
    )
    both = (field + industry) / 2
    parts["field"] = np.where(
        np.isnan(both), np.where(np.isnan(field), industry, field), both
    )
    parts["region"] = nearness(
        "region", lambda own, value: region_nearness(own, value, weights.region)
    )
    supplies = posting.kind in SUPPLY
    if posting.maturity is not None:
        gap = posting.maturity - chosen.gather("maturity")
        parts["maturity"] = 1 - np.maximum(-gap if supplies else gap, 0.0)
    if posting.budget_yuan is not None:
        own, theirs = float(posting.budget_yuan), chosen.gather("budget")
        money, price = (theirs, own) if supplies else (own, theirs)
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.where(np.asarray(price) > 0, money / np.asarray(price), 1.0)
        known = ~np.isnan(theirs)
        parts["budget"] = np.where(known, np.minimum(share, 1.0), np.nan)
    return parts


def _same(own: str, value: str) -> float:
    return 1.0 if own == value else 0.0


class _Carried:
    """The labels of the candidates.

    A segment numbers the labels of one axis one after another.
    """

    def __init__(self, chosen: Chosen) -> None:
        self.total = len(chosen)
        self.found: list[tuple[Segment, Integers, npt.NDArray[np.uint32]]] = []
        first = 0
        for segment, docs in chosen.held:
            if not len(docs):
                continue
            starts = segment.doc_label_bounds[docs]
            sizes = segment.doc_label_bounds[docs + 1] - starts
            rows = np.repeat(np.arange(first, first + len(docs)), sizes)
            numbers = segment.doc_labels[ranges(starts, sizes)]
            self.found.append((segment, rows, numbers))
            first += len(docs)

    def nearness(self, axis: str, near: Callable[[str], float]) -> Floats:
        """Return the best nearness of each candidate's values, NaN without a value."""
        best = np.full(self.total, -1.0)
        known: dict[str, float] = {}
        for segment, rows, numbers in self.found:
            first, end = segment.label_range(axis)
            mine = np.flatnonzero((numbers >= first) & (numbers < end))
            values = []
            for number in numbers[mine].tolist():
                _, value = segment.label_list[number]
                if value not in known:
                    known[value] = near(value)
                values.append(known[value])
            np.maximum.at(best, rows[mine], values)
        return np.where(best < 0, np.nan, best)


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
    visible = _by_dimension(claimed)
    shown = tuple(judge(item, visible.get(item.dimension, ())) for item in required)
    full = shown
    if hidden_claimed or hidden_required:
        everything = _by_dimension((*claimed, *hidden_claimed))
        full = tuple(
            judge(item, everything.get(item.dimension, ()))
            for item in (*required, *hidden_required)
        )
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


def _by_dimension(items: Iterable[Indicator]) -> dict[str, list[Indicator]]:
    """Group claims; only one of the same dimension can answer a requirement."""
    groups: dict[str, list[Indicator]] = {}
    for item in items:
        groups.setdefault(item.dimension, []).append(item)
    return groups


def _indicator_weight(indicator: Indicator, weights: Weights) -> float:
    return weights.core_weight if indicator.is_core else 1.0


def needs_a_look(query: Facts, chosen: Chosen) -> tuple[Mask, Mask]:
    """Say for which candidates names, and for which indicators, must be compared."""
    named = chosen.gather("named") & query.is_named
    common = chosen.gather("dimensions") & np.uint64(query.dimensions())
    return named, common > 0
