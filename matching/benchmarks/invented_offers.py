"""Postings for benchmarks: grown texts with invented columns.

The running words of a grown corpus become titles and texts. What a listing has beside
its text is drawn from a seed: half of the postings state indicators, most have codes
and a region, some a price and a maturity, each as often as in a market where half the
forms are filled in with care.
"""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from matching.benchmarks.grown import Grown, Runs
from matching.indicators import Indicator, parse
from matching.postings import Posting

TITLE: Final = 8
"""Words of a title."""
PHRASE: Final = 7
"""Words between two commas."""

_INDICATORS: Final = (
    ("抗拉强度", "≥{} MPa", 200, 1200),
    ("伸长率", "≥{}%", 2, 40),
    ("工作温度", "≤{}℃", 60, 900),
    ("厚度", "≤{} mm", 1, 60),
    ("响应时间", "≤{} ms", 1, 500),
    ("能耗", "≤{} kWh/t", 20, 800),
)
_CHAINS: Final = tuple(f"SD-C{number:02}" for number in range(1, 20))
_FIELDS: Final = tuple(f"{number:02}" for number in range(1, 12))
_INDUSTRIES: Final = tuple(f"C{number}" for number in range(13, 44))
_REGIONS: Final = tuple(
    f"37{city:02}{county:02}" for city in range(1, 17) for county in (0, 2, 3, 83)
)


def text_of(words: list[str]) -> str:
    """Write running words as a text with a comma now and then."""
    phrases = [
        "".join(words[start : start + PHRASE]) for start in range(0, len(words), PHRASE)
    ]
    return "，".join(phrases) + "。"


def offers(
    grown: Grown, documents: int, *, seed: int = 1, plain: bool = False
) -> Iterator[Posting]:
    """Return the first so many documents as results of research.

    Parameters
    ----------
    grown : Grown
    documents, seed : int
    plain : bool, default=False
        Leave the invented columns empty.
    """
    found = _postings(grown, grown.running, documents, "result", seed)
    return map(_plain, found) if plain else found


def needs(
    grown: Grown, most: int, *, seed: int = 2, plain: bool = False
) -> Iterator[Posting]:
    """Return the long queries as needs."""
    count = min(most, len(grown.running_long))
    found = _postings(grown, grown.running_long, count, "need", seed)
    return map(_plain, found) if plain else found


def _plain(posting: Posting) -> Posting:
    return Posting(
        id=posting.id, title=posting.title, text=posting.text, kind=posting.kind
    )


def _postings(
    grown: Grown, runs: Runs, count: int, kind: str, seed: int
) -> Iterator[Posting]:
    rng = np.random.default_rng(seed)
    for number in range(count):
        words = [grown.words[word] for word in runs[number].tolist()]
        columns: dict[str, Any] = {}
        if rng.random() < 0.5:
            columns["indicators"] = _indicators(rng, core=kind == "need")
        if rng.random() < 0.8:
            columns["codes"] = {
                "chain": [_one(rng, _CHAINS)],
                "field": [_one(rng, _FIELDS)],
                "industry": [_one(rng, _INDUSTRIES)],
                "region": [_one(rng, _REGIONS)],
            }
        if rng.random() < 0.4:
            columns["maturity"] = round(float(rng.random()), 1)
        if rng.random() < 0.3:
            columns["budget_yuan"] = int(rng.integers(1, 500)) * 10_000
        yield Posting(
            id=f"{kind}-{number:07}",
            title="".join(words[:TITLE]),
            text=text_of(words),
            org=f"org-{int(rng.integers(0, 2000)):04}",
            kind=kind,
            **columns,
        )


def _indicators(rng: np.random.Generator, *, core: bool) -> tuple[Indicator, ...]:
    chosen = rng.permutation(len(_INDICATORS))[: int(rng.integers(1, 4))]
    rows = []
    for place, which in enumerate(chosen.tolist()):
        name, pattern, low, high = _INDICATORS[which]
        value = int(rng.integers(low, high))
        is_core = core and place == 0
        rows.append(parse(pattern.format(value), name=name, is_core=is_core))
    return tuple(rows)


def _one(rng: np.random.Generator, values: tuple[str, ...]) -> str:
    return values[int(rng.integers(0, len(values)))]
