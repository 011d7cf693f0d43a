"""Say why a document matches: shared terms with their places, and coded reasons.

Only visible fields are read here. What is hidden has moved the score already and leaves
no trace in an explanation.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from matching.indicators import Verdict, VerdictKind
from matching.names import Grade, best_grades
from matching.postings import Posting, Reason, Span, Term
from matching.segments import Integers
from matching.text import Normalised, normalise
from matching.tokens import Features, Kind, tokenise
from matching.views import Bm25View, Query, Statistics

_MOST_SPANS = 20
"""A word that stands everywhere is pointed at this often, on either side."""


Place = tuple[int, int, int]
"""Number of a field, start and end in its folded text."""

Places = dict[int, list[Place]]
"""Places in reading order, by feature."""

Units = dict[str, tuple[list[Place], list[Place]]]
"""Places in the query and in the document, by folded words."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The visible fields of a posting, with the places of its features.

    Attributes
    ----------
    fields : list of (str, Normalised)
    folded : list of str
        The same texts as features were cut from them.
    places : dict
        Of words, stems, codes and bigrams.
    """

    fields: list[tuple[str, Normalised]]
    folded: list[str]
    places: Places

    @classmethod
    def of_all(
        cls, postings: Sequence[Posting], only: Features | None = None
    ) -> "list[Reading]":
        """Read several postings in one pass.

        Parameters
        ----------
        postings : sequence of Posting
        only : array of uint64, optional
            Features to look for; all of them if None.
        """
        readings: list[Reading] = []
        origin: list[tuple[int, int]] = []
        for number, posting in enumerate(postings):
            texts = [(name, normalise(text)) for name, text in posting.visible_fields()]
            readings.append(cls(texts, [text.folded for _, text in texts], {}))
            origin.extend((number, field) for field in range(len(texts)))
        tokens = tokenise([t for r in readings for t in r.folded], grams=False)
        kept = tokens.kinds() != Kind.PAIR
        if only is not None:
            kept &= np.isin(tokens.features, only)
        order = np.flatnonzero(kept)
        order = order[np.lexsort((tokens.starts[order], tokens.owners[order]))]
        for feature, owner, start, length in zip(
            tokens.features[order].tolist(),
            tokens.owners[order].tolist(),
            tokens.starts[order].tolist(),
            tokens.lengths[order].tolist(),
            strict=True,
        ):
            number, field = origin[owner]
            place = (field, start, start + length)
            readings[number].places.setdefault(feature, []).append(place)
        return readings

    def span(self, place: Place) -> Span:
        """Return where a place of the folded text stands in the original."""
        name, text = self.fields[place[0]]
        return Span(name, *text.span(place[1], place[2]))

    def text(self, place: Place) -> str:
        """Return the folded words at a place."""
        return self.folded[place[0]][place[1] : place[2]]

    def find_all(self, words: str) -> Iterable[Place]:
        """Find words in the folded fields."""
        for number, text in enumerate(self.folded):
            start = text.find(words)
            while start >= 0:
                yield number, start, start + len(words)
                start = text.find(words, start + len(words))


class Explainer:
    """Explains the matches of one query; what concerns the query is done once."""

    def __init__(
        self,
        posting: Posting,
        query: Query,
        statistics: Statistics,
        view: Bm25View,
        *,
        most: int,
    ) -> None:
        self.reading = Reading.of_all([posting])[0]
        self.view = view
        self.most = most
        self.average = statistics.average_length
        weights = view.weights(query, statistics)
        self.features = query.features
        self.weights: dict[int, float] = dict(
            zip(query.features.tolist(), weights.tolist(), strict=True)
        )

    def terms(
        self, documents: Sequence[Posting], lengths: Sequence[float]
    ) -> list[tuple[Term, ...]]:
        """Find for each document the heaviest terms that it shares with the query.

        Parameters
        ----------
        documents : sequence of Posting
        lengths : sequence of float
            Numbers of their tokens.

        Returns
        -------
        list of tuple of Term
            Words, stems and codes; and runs of Chinese characters that both sides have
            though the word cutter saw no common word in them.
        """
        readings = Reading.of_all(documents, self.features)
        return [
            self._terms(reading, length)
            for reading, length in zip(readings, lengths, strict=True)
        ]

    def _terms(self, theirs: Reading, length: float) -> tuple[Term, ...]:
        mine = self.reading
        shared = mine.places.keys() & theirs.places.keys()
        own = {feature: mine.places[feature] for feature in sorted(shared)}
        other = theirs.places
        gains = {
            feature: self.weights.get(feature, 0.0)
            * self.view.saturated(len(other[feature]), length, self.average)
            for feature in own
        }
        total = sum(gains.values())
        if not total:
            return ()
        units = self._units(own, other)
        units.update(self._runs(own, theirs, units))
        weights = _weigh(units, own, gains)
        heaviest = sorted(units, key=lambda text: (-round(weights[text], 9), text))
        return tuple(
            Term(
                text=text,
                weight=round(min(weights[text] / total, 1.0), 6),
                query_spans=_spans(mine, units[text][0]),
                document_spans=_spans(theirs, units[text][1]),
            )
            for text in heaviest[: self.most]
            if weights[text] > 0
        )

    def _units(self, own: Places, other: Places) -> Units:
        """Return shared words of two characters and more, stems and codes."""
        units: Units = {}
        for feature, places in own.items():
            kind = feature >> 60
            if kind == Kind.BIGRAM:
                continue
            if kind == Kind.WORD and places[0][2] - places[0][1] < 2:
                continue
            text = self.reading.text(places[0])
            if text in units:
                units[text][0].extend(places)
                units[text][1].extend(other[feature])
            else:
                units[text] = (list(places), list(other[feature]))
        return units

    def _runs(self, own: Places, theirs: Reading, units: Units) -> Units:
        """Return runs of shared bigrams that no shared word covers."""
        covered = {
            (field, at)
            for places, _ in units.values()
            for field, start, end in places
            for at in range(start, end)
        }
        loose = sorted(
            place
            for feature, places in own.items()
            if feature >> 60 == Kind.BIGRAM
            for place in places
            if not all((place[0], at) in covered for at in range(*place[1:]))
        )
        runs: Units = {}
        for run in _chains(loose):
            joined = (run[0][0], run[0][1], run[-1][2])
            whole = self.reading.text(joined)
            for place in [joined] if _has(theirs, whole) else run:
                text = self.reading.text(place)
                if text in units:
                    continue
                if text not in runs:
                    runs[text] = ([], list(theirs.find_all(text)))
                runs[text][0].append(place)
        return {text: sides for text, sides in runs.items() if sides[1]}


def _has(reading: Reading, words: str) -> bool:
    return any(words in text for text in reading.folded)


def _chains(places: list[Place]) -> list[list[Place]]:
    """Group sorted places that overlap."""
    chains: list[list[Place]] = []
    for place in places:
        if chains and chains[-1][-1][0] == place[0] and place[1] < chains[-1][-1][2]:
            chains[-1].append(place)
        else:
            chains.append([place])
    return chains


def _weigh(units: Units, own: Places, gains: Mapping[int, float]) -> dict[str, float]:
    """Give each term the gain of the features that lie inside of its first place."""
    by_field: dict[int, list[tuple[int, int, float]]] = {}
    for feature, places in own.items():
        for field, start, end in places:
            by_field.setdefault(field, []).append((start, end, gains[feature]))
    starts: dict[int, Integers] = {}
    for field, inside in by_field.items():
        inside.sort()
        starts[field] = np.array([start for start, _, _ in inside], np.int64)
    weights: dict[str, float] = {}
    for text, (places, _) in units.items():
        field, start, end = min(places)
        first = int(np.searchsorted(starts[field], start))
        last = int(np.searchsorted(starts[field], end))
        weights[text] = sum(
            gain for _, stop, gain in by_field[field][first:last] if stop <= end
        )
    return weights


def _spans(reading: Reading, places: Iterable[Place]) -> tuple[Span, ...]:
    spans = dict.fromkeys(reading.span(place) for place in sorted(set(places)))
    return tuple(spans)[:_MOST_SPANS]


def reasons(
    query: Posting,
    document: Posting,
    grades: tuple[Sequence[Grade], Sequence[Grade]],
    parts: Mapping[str, float | None],
    terms: Iterable[Term],
    verdicts: Sequence[Verdict],
) -> tuple[Reason, ...]:
    """Give the reasons for a match as codes and values, weightiest kind first.

    Parameters
    ----------
    query, document : Posting
    grades : pair of sequences of Grade
        Of the visible fields of both.
    parts : mapping of str to float or None
        As they may be shown; a part that is None gives no reason.
    terms : iterable of Term
    verdicts : sequence of Verdict

    Returns
    -------
    tuple of Reason
        Codes: ``core_missed``, ``indicator_met``, ``indicator_near``,
        ``indicator_missed``, ``shared_terms``, ``same_grade``, ``other_grade``,
        ``same_chain``, ``same_field``, ``same_county``, ``same_city``,
        ``same_province``, ``mature_enough``, ``not_mature``, ``within_budget``,
        ``over_budget``.
    """
    found: list[Reason] = []
    for code, of_kind, core in (
        ("core_missed", VerdictKind.MISSED, True),
        ("indicator_met", VerdictKind.MET, None),
        ("indicator_near", VerdictKind.NEAR, None),
        ("indicator_missed", VerdictKind.MISSED, False),
    ):
        found.extend(
            Reason(code, _verdict_values(verdict))
            for verdict in verdicts
            if verdict.kind is of_kind and core in {None, verdict.required.is_core}
        )
    words = [term.text for term in terms][:5]
    if words:
        found.append(Reason("shared_terms", {"terms": words}))
    alike = best_grades(*grades)
    for wanted, offered, similarity in alike if parts["fuzzy"] is not None else ():
        code = "same_grade" if similarity >= 0.95 else "other_grade"
        values = {"wanted": wanted.text, "offered": offered.text}
        found.append(Reason(code, values))
    found.extend(_structured(query, document, parts))
    return tuple(found)


def _verdict_values(verdict: Verdict) -> dict[str, Any]:
    claimed = verdict.claimed
    return {
        "name": verdict.required.name,
        "required": verdict.required.text,
        "claimed": None if claimed is None else claimed.text,
    }


def _structured(
    query: Posting, document: Posting, parts: Mapping[str, float | None]
) -> Iterable[Reason]:
    for axis, part in (("chain", "chain"), ("field", "field")):
        both = set(query.codes.get(axis, ())).intersection(document.codes.get(axis, ()))
        if parts[part] is not None and both:
            yield Reason(f"same_{part}", {"codes": sorted(both)})
    if parts["region"] is not None:
        for code, digits in (("county", 6), ("city", 4), ("province", 2)):
            ours = {region[:digits] for region in query.codes.get("region", ())}
            theirs = {region[:digits] for region in document.codes.get("region", ())}
            if shared := sorted(ours & theirs):
                whole = [prefix.ljust(6, "0") for prefix in shared]
                yield Reason(f"same_{code}", {"codes": whole})
                break
    for part, enough, short in (
        ("maturity", "mature_enough", "not_mature"),
        ("budget", "within_budget", "over_budget"),
    ):
        if (value := parts[part]) is not None:
            yield Reason(enough if value >= 1 else short, {"share": round(value, 3)})
