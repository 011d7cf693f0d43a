"""Rank postings against postings. `Matcher` is what applications use.

How a ranking comes about
-------------------------
1. Posting lists bring up as many documents as the weights file says under
   ``candidates``, or k if that is more: those with the greatest likeness by words.
   Where fewer may be returned at all, all of those are candidates.
2. Every view scores the candidates exactly; the text part is a mixture that depends on
   the query: how long it is beside the documents, in which script, and how much of it
   the best document shares. Where that is little, what the best documents have in
   common is asked for as well, and may bring up further candidates.
3. Structured parts are computed for every candidate. Grades, names and indicators take
   longer: candidates are visited in the order of the best score that they could still
   reach, until no further one can enter the first k. A part that cannot be computed
   gives its share to the text.
4. Where a core indicator (核心指标) is missed, the score is at most what the text would
   earn if every other part were nought, and below every score that is called good.
   Whoever meets it earns more by the same text.
5. Scores are rounded to nine places, then sorted; ties go to the lesser id.

A document that shares nothing with the query is not returned.
"""

from bisect import insort
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import zip_longest
from math import isnan
from pathlib import Path
from threading import Lock, Thread
from types import MappingProxyType
from typing import Any, Final, Self

import numpy as np

from matching.building import build, features_of
from matching.errors import IndexCorrupt, IndexVersionMismatch, InvalidWeights
from matching.explanations import Explainer, reasons
from matching.facts import Facts
from matching.indexes import Shelved, open_index, save_index
from matching.indicators import VerdictKind
from matching.parts import (
    NO_FIT,
    VECTOR_PARTS,
    IndicatorFit,
    admitted,
    fuzzy_part,
    indicator_fit,
    needs_a_look,
    vector_parts,
)
from matching.postings import EngineStamp, Filter, Match, Pair, Posting, Reason, Term
from matching.retrieval import (
    Asked,
    Chosen,
    Counts,
    Pool,
    retrieve,
    retrieve_led,
    weighed,
)
from matching.segments import Floats, Mask, Segment, merge
from matching.snapshots import Snapshot
from matching.views import (
    Bm25View,
    Feedback,
    Query,
    Rows,
    Statistics,
    cosine_scores,
    feedback,
    gram_scores,
    plain_weights,
    retrieval_weights,
    thesaurus_scores,
)
from matching.weights import DEFAULT, PARTS, Weights, load, parse

VERSION: Final = "2.1"
"""Raised whenever the same input and weights could give another ranking."""

_PLACES: Final = 9
_AT_ONCE: Final = 256
"""So many documents are joined at once; more take so long that they are joined behind
the questions."""
_MOST_HOLDINGS: Final = 40
"""With more segments than this, additions wait until some are joined."""
_LEADERS: Final = 20
"""So many documents are scored to find those that feed back."""


_SLACK: Final = 4 * 10.0**-_PLACES
"""More than rounding and another order of adding up can make between two sums."""

_LETTERS: Final = 0.01
"""Least share of the views of text in letters; a tenth of the query is in letters then.
With less they cost more than they could change."""

_LETTER_VIEWS: Final = ("words", "grams", "thesaurus")
"""Views of text in letters, in the order in which they are added up."""

Progress = Callable[[int], None]
_NO_NOTE: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Prepared:
    """A query, and its candidates with their text scores and structured parts."""

    facts: Facts
    query: Query
    statistics: Statistics
    chosen: Chosen
    text: Floats
    parts: dict[str, Floats]
    named: Mask
    claiming: Mask


@dataclass(frozen=True, slots=True)
class Hint:
    """What the best documents of the whole collection add to a question.

    Attributes
    ----------
    feedback : Feedback
    share : float
        How much it counts beside the question itself.
    best : float
        Text score of the best document, before it is scaled.
    """

    feedback: Feedback
    share: float
    best: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """A document on its way into the ranking."""

    score: float
    id: str
    segment: Segment
    doc: int
    parts: dict[str, float | None]
    fit: IndicatorFit
    facts: Facts | None


class Matcher:
    """An index of postings that ranks them for a posting.

    Reading is safe from any number of threads; `add` and `remove` take a lock, and a
    ranking that has begun goes on with the contents it began with.

    Parameters
    ----------
    snapshot : Snapshot
    weights : Weights

    Examples
    --------
    >>> offers = [
    ...     Posting(id="a", title="高强铝合金轧制工艺"),
    ...     Posting(id="b", title="牡蛎苗种繁育"),
    ... ]
    >>> matcher = Matcher.build(offers)
    >>> [match.id for match in matcher.rank(Posting(id="q", text="铝合金板材轧制"))]
    ['a']
    """

    def __init__(self, snapshot: Snapshot, weights: Weights) -> None:
        self.weights = weights
        self._lock = Lock()
        self._tidying = Lock()
        self._snapshot = snapshot
        self._shelved = Shelved()
        self.note: dict[str, Any] = {}

    @property
    def _bm25(self) -> Bm25View:
        weights = self.weights
        return Bm25View(k1=weights.bm25_k1, b=weights.bm25_b, power=weights.bm25_power)

    @classmethod
    def build(
        cls,
        postings: Iterable[Posting],
        *,
        weights: str | Weights = DEFAULT,
        progress: Progress | None = None,
    ) -> Self:
        """Build an index from a stream of postings.

        Parameters
        ----------
        postings : iterable of Posting
            Read once, in chunks; texts do not stay in memory. Of postings with the same
            id the last one counts.
        weights : str or Weights
            A shipped version, or weights that were loaded from elsewhere.
        progress : callable, optional
            Called with the number of postings done so far.

        Raises
        ------
        UnknownWeights
            When there are no such weights.
        """
        chosen = _loaded(weights)
        segments = list(build(postings, chosen.fields, spool=True, progress=progress))
        return cls(Snapshot.of(segments), chosen)

    @classmethod
    def open(
        cls,
        path: Path | str,
        *,
        weights: str | Weights | None = None,
        verify: bool = True,
    ) -> Self:
        """Map a saved index into memory. Processes that open it share its pages.

        Parameters
        ----------
        path : path
        weights : str or Weights, optional
            Others than the index was saved with.
        verify : bool, default=True
            Compare all checksums; takes about a second for a gigabyte.

        Raises
        ------
        FileNotFoundError
            When there is no index.
        IndexCorrupt
            When it is incomplete or damaged.
        IndexVersionMismatch
            When another format, analyser or field weighting wrote it.
        UnknownWeights
            When there are no such weights.
        """
        snapshot, manifest, shelved = open_index(Path(path), verify=verify)
        try:
            written = parse(manifest["content"], manifest["weights"])
        except InvalidWeights as error:
            raise IndexCorrupt(f"{path}: {error}") from error
        chosen = written if weights is None else _loaded(weights)
        if chosen.fields != written.fields:
            raise IndexVersionMismatch(
                f"{path} was built with weights {written.version}, whose fields count "
                f"otherwise than in {chosen.version}: build it again"
            )
        matcher = cls(snapshot, chosen)
        matcher._shelved = shelved
        matcher.note = dict(manifest["note"])
        return matcher

    def save(self, path: Path | str, *, note: Mapping[str, Any] = _NO_NOTE) -> int:
        """Write the index so that it is there as a whole or not at all.

        Saved to where it was opened, only what has changed is written.

        Parameters
        ----------
        path : path
        note : mapping, optional
            JSON values that belong to these contents; `open` gives them back.

        Returns
        -------
        int
            Bytes on disk.
        """
        size, shelved = save_index(
            self._snapshot,
            Path(path),
            self._shelved,
            weights=self.weights,
            note=note,
        )
        # A copy saved elsewhere does not make the next save at home write everything.
        if self._shelved.path in {None, shelved.path}:
            self._shelved = shelved
        return size

    def __len__(self) -> int:
        return self._snapshot.documents

    def __contains__(self, posting_id: object) -> bool:
        return isinstance(posting_id, str) and (
            self._snapshot.find(posting_id) is not None
        )

    @property
    def index_id(self) -> str:
        """Digest of the contents; the same postings give the same one."""
        return self._snapshot.index_id

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays, mapped or in memory."""
        return sum(segment.nbytes for segment in self._snapshot.segments)

    def ids(self) -> Iterator[str]:
        """Iterate over the ids of all postings, in no particular order."""
        snapshot = self._snapshot
        for holding in snapshot.holdings:
            for doc in np.flatnonzero(holding.living):
                yield holding.segment.id_of(int(doc))

    def get(self, posting_id: str) -> Posting | None:
        """Return a posting as it was added, None when it is not there."""
        snapshot = self._snapshot
        if (place := snapshot.find(posting_id)) is None:
            return None
        return snapshot.segments[place[0]].posting(place[1])

    def teams_of(self, ids: Iterable[str]) -> dict[str, str]:
        """Return the teams behind postings; those without a team are left out."""
        snapshot = self._snapshot
        teams: dict[str, str] = {}
        for posting_id in ids:
            if (place := snapshot.find(posting_id)) is None:
                continue
            segment = snapshot.holdings[place[0]].segment
            for axis, value in segment.labels_of(place[1]):
                if axis == "team":
                    teams[posting_id] = value
        return teams

    def team_sizes(
        self,
        teams: Iterable[str],
        where: Filter | None = None,
        *,
        own_org: str | None = None,
    ) -> dict[str, int]:
        """Count the postings of teams that a ranking could show.

        Parameters
        ----------
        teams : iterable of str
        where : Filter, optional
        own_org : str, optional
            Organisation of the query, whose postings are never shown.
        """
        snapshot = self._snapshot
        masks = admitted(snapshot, where, own_org)
        if masks is None:
            masks = [holding.living for holding in snapshot.holdings]
        pairs = list(zip(snapshot.segments, masks, strict=True))
        return {
            team: sum(int(m[s.docs_with(("team", team))].sum()) for s, m in pairs)
            for team in teams
        }

    def add(self, postings: Iterable[Posting]) -> None:
        """Add postings; one with a known id replaces the old one.

        They are found by the next `rank`. Nothing is fitted anew, since all statistics
        are counted when a question is asked.
        """
        latest = {posting.id: posting for posting in postings}
        if not latest:
            return
        segments = list(build(latest.values(), self.weights.fields))
        with self._lock:
            self._snapshot = self._snapshot.without(latest).with_segments(segments)
        self._keep_tidy()

    def remove(self, ids: Iterable[str]) -> None:
        """Take postings out; unknown ids are left aside."""
        with self._lock:
            self._snapshot = self._snapshot.without(ids)
        self._keep_tidy()

    def settle(self) -> None:
        """Join small segments now, instead of behind the next questions."""
        with self._tidying:
            while self._join():
                pass

    def _keep_tidy(self) -> None:
        """Join small segments: few documents at once, many in a thread of its own.

        Where so much comes in that the thread does not keep up, the caller waits.
        """
        while crowd := self._snapshot.crowd():
            many = sum(holding.documents for holding in crowd) > _AT_ONCE
            behind = len(self._snapshot.holdings) > _MOST_HOLDINGS
            if not self._tidying.acquire(blocking=behind):
                return
            if many and not behind:
                self._start_tidying()
                return
            try:
                self._join()
            finally:
                self._tidying.release()

    def _start_tidying(self) -> None:
        """Hand the lock over to a thread that joins what there is to join."""
        try:
            Thread(target=self._tidy, name="joining", daemon=True).start()
        except RuntimeError:
            self._tidying.release()
            raise

    def _tidy(self) -> None:
        try:
            while self._join():
                pass
        finally:
            self._tidying.release()

    def _join(self) -> bool:
        """Join the holdings that stand next; say whether there were any."""
        crowd = self._snapshot.crowd()
        if not crowd:
            return False
        segment = merge([(holding.segment, holding.living) for holding in crowd])
        with self._lock:
            self._snapshot = self._snapshot.with_joined(crowd, segment)
        return True

    def rank(
        self,
        posting: Posting,
        k: int = 10,
        where: Filter | None = None,
        *,
        explain: int | None = None,
    ) -> list[Match]:
        """Rank the postings of the index for one posting.

        Parameters
        ----------
        posting : Posting
            Need not be in the index. Postings of its own organisation are left out.
        k : int, default=10
            How many matches at most.
        where : Filter, optional
        explain : int, optional
            How many of the first matches get terms and reasons; all of them if None.

        Returns
        -------
        list of Match
            Best first; ties go to the lesser id. Empty for a posting without words.

        Raises
        ------
        ValueError
            When `k` is less than 1.
        """
        _check(k)
        snapshot = self._snapshot
        prepared = self._prepare(snapshot, posting, where, k)
        if prepared is None:
            return []
        ranked = self._rank(prepared, k)
        stamp = EngineStamp(VERSION, snapshot.index_id, self.weights.version)
        documents = [candidate.segment.posting(candidate.doc) for candidate in ranked]
        facts = [
            candidate.facts or candidate.segment.facts_of(candidate.doc)
            for candidate in ranked
        ]
        explained = ranked if explain is None else ranked[: max(explain, 0)]
        terms: list[tuple[Term, ...]] = []
        if explained:
            explainer = Explainer(
                posting,
                prepared.query,
                prepared.statistics,
                self._bm25,
                most=self.weights.terms,
            )
            terms = explainer.terms(
                documents[: len(explained)],
                [
                    float(candidate.segment.lengths[candidate.doc])
                    for candidate in explained
                ],
            )
        return [
            self._match(
                (posting, prepared.facts), (document, known), candidate, shared, stamp
            )
            for candidate, document, known, shared in zip_longest(
                ranked, documents, facts, terms
            )
        ]

    def compare(
        self, posting: Posting, k: int = 10, where: Filter | None = None
    ) -> list[Pair]:
        """Rank as `rank` does, and return the parts as they count, hidden ones too.

        For fitting weights, not for display: `Match.parts` leaves out what rests on
        a hidden field.

        Parameters
        ----------
        posting : Posting
        k : int, default=10
        where : Filter, optional

        Returns
        -------
        list of Pair
            Best first.

        Raises
        ------
        ValueError
            When `k` is less than 1.
        """
        _check(k)
        snapshot = self._snapshot
        prepared = self._prepare(snapshot, posting, where, k)
        if prepared is None:
            return []
        return [
            Pair(
                id=candidate.id,
                score=candidate.score,
                parts={part: _rounded(candidate.parts[part]) for part in PARTS},
                blocked=candidate.fit.blocked,
            )
            for candidate in self._rank(prepared, k)
        ]

    def rank_all(
        self,
        postings: Iterable[Posting],
        k: int = 10,
        *,
        where: Filter | None = None,
        explain: int | None = None,
        progress: Progress | None = None,
    ) -> Iterator[tuple[str, list[Match]]]:
        """Rank for every posting in turn, each as `rank` would.

        Returns
        -------
        iterator of (str, list of Match)
            Lazy: a posting is ranked when its turn comes.
        """
        _check(k)

        def ranked() -> Iterator[tuple[str, list[Match]]]:
            for done, posting in enumerate(postings, start=1):
                yield posting.id, self.rank(posting, k, where, explain=explain)
                if progress is not None:
                    progress(done)

        return ranked()

    def similar(
        self,
        posting: Posting,
        *,
        k: int = 5,
        where: Filter | None = None,
        threshold: float = 0.8,
    ) -> list[tuple[str, float]]:
        """Find near-duplicates by the n-grams of their whole texts.

        Parameters
        ----------
        posting : Posting
            Its own id is left out, so that a stored draft does not find itself.
        k : int, default=5
        where : Filter, optional
        threshold : float, default=0.8
            Least likeness.

        Returns
        -------
        list of (str, float)
            Id and likeness between 0 and 1, the likest first.
        """
        _check(k)
        snapshot = self._snapshot
        query = self._query(posting)
        where = where or Filter()
        where = replace(where, exclude_ids={*where.exclude_ids, posting.id})
        allowed = admitted(snapshot, where, None)
        weights = plain_weights(query)
        asked = Asked(snapshot, query.features)
        pool = retrieve(asked, weights, k + _LEADERS, allowed, by_grams=True)
        norms = pool.chosen.gather("gram_norms")
        likeness = np.minimum(weighed(pool.counts, weights) / norms, 1.0)
        found = [
            (-float(value), pool.chosen.id_of(row))
            for row, value in enumerate(likeness.round(_PLACES))
            if value >= threshold and value > 0
        ]
        return [(posting_id, -negative) for negative, posting_id in sorted(found)[:k]]

    def _query(self, posting: Posting) -> Query:
        return Query.of(*features_of(posting, self.weights.fields))

    def _prepare(
        self, snapshot: Snapshot, posting: Posting, where: Filter | None, k: int
    ) -> Prepared | None:
        """Choose candidates and score them; None when there is nothing to compare."""
        query = self._query(posting)
        if not len(query.features) or not snapshot.documents:
            return None
        asked = Asked(snapshot, query.features)
        statistics = Statistics(
            snapshot.documents,
            snapshot.total_length / snapshot.documents or 1.0,
            asked.frequencies,
        )
        allowed = admitted(snapshot, where, posting.org)
        most = max(k, self.weights.candidates)
        weights = retrieval_weights(query, statistics)
        pool, leaders = retrieve_led(asked, weights, most, _LEADERS, allowed)
        hint = self._hint(query, statistics, leaders)
        chosen, counts = pool.chosen, pool.counts
        if hint is not None:
            theirs = hint.feedback
            further = retrieve(theirs.asked, theirs.weights, most, allowed)
            chosen, counts = pool.with_more(further.chosen, asked)
        if not len(chosen):
            return None
        facts = Facts.of(posting)
        named, claiming = needs_a_look(facts, chosen)
        return Prepared(
            facts=facts,
            query=query,
            statistics=statistics,
            chosen=chosen,
            text=self._text(query, statistics, chosen, counts, hint),
            parts=vector_parts(posting, chosen, self.weights),
            named=named,
            claiming=claiming,
        )

    def _words(
        self, query: Query, statistics: Statistics, rows: Rows
    ) -> tuple[Floats, float]:
        """Mix the word views; return also the most that any of them gives.

        The longer the query is beside the documents, the more it matters how much of
        the document it covers.
        """
        shares = self.weights.views
        covered = self._bm25.scores(query, statistics, rows)
        covering = cosine_scores(query, statistics, rows)
        share = shares["cosine"] * min(_ratio(query, statistics), 1.0)
        mixed = shares["bm25"] * covered + share * covering
        most = float(max(covered.max(), covering.max()))
        return mixed / (shares["bm25"] + share), most

    def _hint(self, query: Query, statistics: Statistics, leaders: Pool) -> Hint | None:
        """Ask the best documents, where even they share little with the query.

        They are those of the whole collection, whoever asks: the score of a pair must
        not depend on which others may be shown.
        """
        settings = self.weights.feedback
        chosen = leaders.chosen
        if not len(chosen):
            return None
        rows = Rows.of(chosen, leaders.counts)
        mixed, level = self._words(query, statistics, rows)
        lacking = 1 - level / settings["below"]
        best = float(mixed.max())
        if lacking <= 0 or best <= 0:
            return None
        ids = np.array([chosen.id_of(row) for row in range(len(chosen))])
        order = np.lexsort((ids, -mixed.round(_PLACES)))[: int(settings["documents"])]
        found = feedback(
            chosen,
            order,
            mixed[order] / best,
            statistics.documents,
            chosen.snapshot.frequencies,
            most=int(settings["terms"]),
        )
        # Short documents have little to feed back.
        share = settings["share"] * lacking / (1 + _ratio(query, statistics))
        return Hint(found, share, best)

    def _text(
        self,
        query: Query,
        statistics: Statistics,
        chosen: Chosen,
        counts: Counts,
        hint: Hint | None,
    ) -> Floats:
        """Mix the views into the text part."""
        weights, lettered = self.weights, query.lettered
        rows = Rows.of(chosen, counts)
        raw, _ = self._words(query, statistics, rows)
        if hint is not None:
            theirs = chosen.counts(hint.feedback.asked)
            hinted = hint.feedback.scores(theirs, rows.norms)
            raw = (raw + hint.share * hint.best * hinted) / (1 + hint.share)
        # A few foreign words in a Chinese text change little.
        part_in_letters = lettered**2
        if part_in_letters >= _LETTERS:
            shares = [weights.views[f"letter_{v}"] for v in _LETTER_VIEWS]
            scores = [
                raw,
                gram_scores(query, statistics, rows),
                thesaurus_scores(
                    query,
                    statistics,
                    statistics.documents,
                    chosen,
                    chosen.snapshot.frequencies,
                ),
            ]
            mixed = sum(
                share * view for share, view in zip(shares, scores, strict=True)
            )
            raw += part_in_letters * (mixed / sum(shares) - raw)
        tokens = max(query.tokens, 1.0)
        scale = weights.text_scale + weights.text_scale_tokens / tokens
        part: Floats = np.expm1(-(raw**weights.text_power) / scale) / np.expm1(
            -1 / scale
        )
        return np.minimum(part, 1.0)

    def _rank(self, prepared: Prepared, k: int) -> list[Candidate]:
        """Visit the most promising candidates until no other can enter the first k."""
        ranked: list[tuple[float, str, Candidate]] = []
        most = self._most(prepared)
        for row in np.argsort(-most, kind="stable").tolist():
            if not prepared.text[row] > 0:
                continue
            if len(ranked) >= k and most[row] + _SLACK < -ranked[k - 1][0]:
                break
            candidate = self._candidate(prepared, row)
            insort(
                ranked,
                (-candidate.score, candidate.id, candidate),
                key=lambda entry: entry[:2],
            )
        return [candidate for _, _, candidate in ranked[:k]]

    def _most(self, prepared: Prepared) -> Floats:
        """Return the best score that each candidate could still reach."""
        shares, text = self.weights.parts, prepared.text
        most = shares["text"] * text
        reachable = prepared.parts | {
            "fuzzy": np.where(prepared.named, 1.0, np.nan),
            "indicators": np.where(prepared.claiming, 1.0, np.nan),
        }
        for part, values in reachable.items():
            known = np.where(np.isnan(values), text, values)
            most += shares[part] * self.weights.worth(known, text)
        return most

    def _candidate(self, prepared: Prepared, row: int) -> Candidate:
        """Compute what is left of a document's parts, and its score."""
        chosen = prepared.chosen
        segment = chosen.snapshot.holdings[chosen.segments[row]].segment
        doc = int(chosen.docs[row])
        parts: dict[str, float | None] = {"text": float(prepared.text[row])}
        for part in VECTOR_PARTS:
            value = float(prepared.parts[part][row])
            parts[part] = None if isnan(value) else value
        fuzzy, fit, facts = None, NO_FIT, None
        named, claiming = prepared.named[row], prepared.claiming[row]
        if named or claiming:
            facts = segment.facts_of(doc)
            if named:
                fuzzy = fuzzy_part(prepared.facts, facts)
            if claiming:
                fit = indicator_fit(prepared.facts, facts, self.weights)
        parts["fuzzy"], parts["indicators"] = fuzzy, fit.part
        score = round(self.weights.score(parts, blocked=fit.blocked), _PLACES)
        return Candidate(score, segment.id_of(doc), segment, doc, parts, fit, facts)

    def _match(
        self,
        asking: tuple[Posting, Facts],
        found: tuple[Posting, Facts],
        candidate: Candidate,
        terms: tuple[Term, ...] | None,
        stamp: EngineStamp,
    ) -> Match:
        """Show a candidate; without terms it is not explained."""
        (query, query_facts), (document, facts) = asking, found
        fit = candidate.fit
        if fit is NO_FIT:
            fit = indicator_fit(query_facts, facts, self.weights)
        hidden = query.hidden_parts | document.hidden_parts
        parts = {
            part: None if part in hidden else _rounded(candidate.parts[part])
            for part in PARTS
        }
        shown = () if "indicators" in hidden else fit.shown
        why: tuple[Reason, ...] = ()
        if terms is not None:
            grades = (query_facts.grades, facts.grades)
            why = reasons(query, document, grades, parts, terms, shown)
        return Match(
            id=candidate.id,
            score=candidate.score,
            band=self.weights.band(candidate.score, blocked=fit.blocked),
            parts=parts,
            terms=terms or (),
            indicators=shown,
            reasons=why,
            blockers=tuple(
                verdict
                for verdict in shown
                if verdict.required.is_core and verdict.kind is VerdictKind.MISSED
            ),
            blocked=fit.blocked,
            engine=stamp,
        )


def _ratio(query: Query, statistics: Statistics) -> float:
    """Return how long the query is beside the mean document."""
    return query.tokens / statistics.average_length


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def _loaded(weights: str | Weights) -> Weights:
    return load(weights) if isinstance(weights, str) else weights


def _check(k: int) -> None:
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}")
