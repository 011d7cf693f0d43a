"""Say why a document matches: shared terms with their places, and coded reasons.

Only visible fields are read here. What is hidden has moved the score already and leaves
no trace in an explanation.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from matching.indicators import Verdict, VerdictKind
from matching.names import Grade, best_grades
from matching.postings import Posting, Reason, Span, Term
from matching.text import Normalised, normalise
from matching.tokens import Features, Kind, tokenise
from matching.units import canonical
from matching.views import Bm25View, Query, Statistics

_LONGEST_TERM = 16
"""Longer runs of shared characters are quotations, not terms."""

_LITTLE = """
的 了 和 与 及 或 在 中 对 为 以 是 有 等 并 各 其 该 将 被 把 从 到 由 于 上 下 内
外 后 前 时 可 能 使 用 不 无 高 低 大 小 多 少 新 型 化 性 式 级 类 种 个 次 至 而
且 也 均 按 经 需 现 已 较 更 最 度 量 值 率
"""
_COMMON = """
以上 以下 以内 之间 达到 要求 问题 缩小 提高 提升 降低 减少 增加 实现 采用 进行
具有 满足 需要 需求 目前 现有 国内 国外 国际 先进 水平 主要 包括 相关 通过 利用
使用 应用 开发 研究 研发 技术 关键 项目 企业 公司 单位 产品 指标 目标 内容 以及
同时 不同 能够 可以 形成 解决 存在 由于 导致 影响 较大 较高 较低 不足 低于 高于
不低于 不高于 不大于 不小于 不超过 大于 小于 等于 小时 分钟 左右 一种 进一步 方面
情况 方式 过程 条件 之后 以来 保证 确保 完成 其中 分别 一致 配套 针对
面向 取消 围绕 基于 结合 给出 提供 允许 包含 采取 给定
"""
_COMMON_WORDS = frozenset(_COMMON.split())
"""Words that any need and any offer has: they weigh little and explain nothing."""

_NOT_AT_ENDS = _COMMON_WORDS.union(_LITTLE.split())
"""A term neither begins nor ends with them."""

_MOST_RUNS = 400
"""So many runs of the query are looked at; texts that are longer are all alike."""

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
        self._cut: dict[Place, Place | None] = {}
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
        levels = self.view.levels(np.array(lengths), self.average).tolist()
        return [
            self._terms(reading, level)
            for reading, level in zip(readings, levels, strict=True)
        ]

    def _terms(self, theirs: Reading, level: float) -> tuple[Term, ...]:
        mine = self.reading
        shared = mine.places.keys() & theirs.places.keys()
        own = {feature: mine.places[feature] for feature in sorted(shared)}
        other = theirs.places
        gains: dict[int, float] = {}
        for feature in own:
            count = len(other[feature])
            gains[feature] = self.weights.get(feature, 0.0) * (count / (count + level))
        total = sum(gains.values())
        if not total:
            return ()
        units = self._units(own, other)
        for text, sides in self._runs(own, theirs).items():
            units.setdefault(text, sides)
        weights = _weigh(units, own, gains)
        heaviest = self._distinct(
            units,
            sorted(
                (text for text in units if weights[text] > 0),
                key=lambda text: (-round(weights[text], 9), text),
            ),
        )
        return tuple(
            Term(
                text=text,
                weight=round(min(weights[text] / total, 1.0), 6),
                query_spans=_spans(mine, units[text][0]),
                document_spans=_spans(theirs, units[text][1]),
            )
            for text in heaviest
        )

    def _distinct(self, units: Units, ordered: Iterable[str]) -> list[str]:
        """Take the first terms; not those that only stand inside of one taken before.

        A longer term weighs no less than its parts and so comes before them.
        """
        taken: list[str] = []
        for text in ordered:
            around = [p for longer in taken if text in longer for p in units[longer][0]]
            if around and _all_inside(units[text][0], around):
                continue
            taken.append(text)
            if len(taken) == self.most:
                break
        return taken

    def _units(self, own: Places, other: Places) -> Units:
        """Return shared words of two characters and more, stems and codes.

        Bare figures, units and words that any need has are no technical terms.
        """
        units: Units = {}
        for feature, places in own.items():
            kind = feature >> 60
            if kind == Kind.BIGRAM:
                continue
            if kind == Kind.WORD and places[0][2] - places[0][1] < 2:
                continue
            text = self.reading.text(places[0])
            if _says_nothing(text):
                continue
            if text in units:
                units[text][0].extend(places)
                units[text][1].extend(other[feature])
            else:
                units[text] = (list(places), list(other[feature]))
        return units

    def _runs(self, own: Places, theirs: Reading) -> Units:
        """Return the longest runs of characters that both sides have, as whole words.

        Where the two sides are cut otherwise, or a term has several words, no shared
        word tells of it. A run ends where words end on the query's side; of a longer
        word its first two characters and more will do.
        """
        shared = sorted(
            place
            for feature, places in own.items()
            if feature >> 60 == Kind.BIGRAM
            for place in places
            if place[2] - place[1] == 2
        )
        runs: Units = {}
        tried = 0
        for chain in _chains(shared):
            field, first, last = chain[0][0], chain[0][1], chain[-1][2]
            for start, end in _longest(self.reading, theirs, field, first, last):
                tried += 1
                if tried > _MOST_RUNS:
                    return runs
                run = (field, start, end)
                if run not in self._cut:
                    self._cut[run] = self._trimmed(run)
                if (place := self._cut[run]) is None:
                    continue
                text = self.reading.text(place)
                if text not in runs:
                    runs[text] = ([], list(theirs.find_all(text)))
                runs[text][0].append(place)
        return runs

    def _trimmed(self, run: Place) -> Place | None:
        """Cut a run to whole words, no little ones at its ends; None if too short."""
        field, start, end = run
        words = self._words.get(field, [])
        number = bisect_left(words, (start, 0))
        inside = [
            (first, min(last, end))
            for first, last in words[number : number + end - start]
            if first < end and min(last, end) - first >= min(last - first, 2)
        ]
        texts = self.reading.folded[field]
        while inside and texts[slice(*inside[0])] in _NOT_AT_ENDS:
            inside.pop(0)
        while inside and texts[slice(*inside[-1])] in _NOT_AT_ENDS:
            inside.pop()
        if not inside or inside[-1][1] - inside[0][0] < 2:
            return None
        place = (field, inside[0][0], inside[-1][1])
        return None if _says_nothing(self.reading.text(place)) else place

    @cached_property
    def _words(self) -> dict[int, list[tuple[int, int]]]:
        """Places of the query's Chinese words in reading order, by field."""
        found: dict[int, list[tuple[int, int]]] = {}
        for feature, places in self.reading.places.items():
            if feature >> 60 == Kind.WORD:
                for field, start, end in places:
                    found.setdefault(field, []).append((start, end))
        return {field: sorted(words) for field, words in found.items()}


def _all_inside(places: Iterable[Place], around: list[Place]) -> bool:
    """Say whether each place lies inside of one of the others."""
    starts: dict[int, list[int]] = {}
    reached: dict[int, list[int]] = {}
    for field, start, end in sorted(around):
        ends = reached.setdefault(field, [])
        # No place that begins up to here ends further on.
        ends.append(max(end, ends[-1]) if ends else end)
        starts.setdefault(field, []).append(start)
    for field, start, end in places:
        before = bisect_right(starts.get(field, []), start)
        if not before or reached[field][before - 1] < end:
            return False
    return True


def _longest(
    mine: Reading, theirs: Reading, field: int, first: int, last: int
) -> Iterable[tuple[int, int]]:
    """Cut a stretch into pieces that the other side has, each as long as it goes."""
    start = first
    while start < last - 1:
        end = start + 2
        while end < min(last, start + _LONGEST_TERM) and _has(
            theirs, mine.text((field, start, end + 1))
        ):
            end += 1
        yield start, end
        # The last character may begin the next piece, unless all of it was used up.
        start = end if end >= last - 1 else end - 1


@lru_cache(maxsize=8192)
def _says_nothing(text: str) -> bool:
    """Say whether words name nothing technical: figures, units, common words."""
    if text in _COMMON_WORDS or len(text) < 2:
        return True
    if not any(map(str.isalpha, text)):
        return True
    return text.isascii() and text.isalpha() and bool(canonical(text))


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
    starts: dict[int, list[int]] = {}
    for field, inside in by_field.items():
        inside.sort()
        starts[field] = [start for start, _, _ in inside]
    weights: dict[str, float] = {}
    for text, (places, _) in units.items():
        field, start, end = min(places)
        first = bisect_left(starts[field], start)
        last = bisect_left(starts[field], end, first)
        weights[text] = sum(
            gain for _, stop, gain in by_field[field][first:last] if stop <= end
        )
    return weights


def _spans(reading: Reading, places: Iterable[Place]) -> tuple[Span, ...]:
    spans: dict[Span, None] = {}
    for place in sorted(set(places)):
        spans[reading.span(place)] = None
        if len(spans) == _MOST_SPANS:
            break
    return tuple(spans)


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
    if "indicators" in document.hidden_parts and query.indicators:
        found.append(Reason("indicators_hidden", {}))
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
