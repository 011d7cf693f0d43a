"""Measure what each ingredient of the ranking brings, by leaving it out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Final

from matching.corpora import Corpus
from matching.engine import Matcher
from matching.evaluation import ndcg
from matching.postings import Filter, Posting
from matching.tokens import Kind
from matching.views import Query
from matching.weights import Weights, load

_TOP: Final = 10


def _share(view: str, share: float) -> Callable[[Weights], Weights]:
    return lambda weights: replace(weights, views={**weights.views, view: share})


@dataclass(frozen=True, slots=True)
class Ingredient:
    """Something that can be left out of the ranking.

    Attributes
    ----------
    name : str
    weights : callable
        Takes the weights and returns those without it.
    kinds : tuple of Kind
        Kinds of features that the query loses with it.
    """

    name: str
    weights: Callable[[Weights], Weights] = lambda weights: weights
    kinds: tuple[Kind, ...] = ()


INGREDIENTS: Final = (
    Ingredient("words", kinds=(Kind.WORD,)),
    Ingredient("character bigrams", kinds=(Kind.BIGRAM,)),
    Ingredient("single characters", kinds=(Kind.CHAR,)),
    Ingredient(
        "stems, pairs of them and codes", kinds=(Kind.STEM, Kind.PAIR, Kind.CODE)
    ),
    Ingredient("letter n-grams", _share("letter_grams", 0.0), (Kind.GRAM,)),
    Ingredient("thesaurus", _share("letter_thesaurus", 0.0)),
    Ingredient("BM25", _share("bm25", 1e-9)),
    Ingredient("cosine, how much of the document is covered", _share("cosine", 0.0)),
    Ingredient("power of the rarity", lambda w: replace(w, bm25_power=1.0)),
    Ingredient("feedback", lambda w: replace(w, feedback={**w.feedback, "share": 0.0})),
)


class _Lacking(Matcher):
    """A matcher whose queries lose some kinds of features."""

    lost: tuple[Kind, ...] = ()

    def _query(self, posting: Posting) -> Query:
        query = super()._query(posting)
        kept = ~query.of_kinds(self.lost)
        return Query(query.features[kept], query.counts[kept])


def ablate(
    sets: Mapping[Path, bool],
    ingredients: Sequence[Ingredient] = INGREDIENTS,
    progress: Callable[[str, str], None] | None = None,
) -> dict[str, dict[str, float]]:
    """Rank all queries with everything, and with each thing left out.

    Parameters
    ----------
    sets : mapping of Path to bool
        Folders, and whether only the judged documents are ranked.
    ingredients : sequence of Ingredient
    progress : callable, optional
        Called with the name of a set and of an ingredient before each is measured.

    Returns
    -------
    dict
        Mean nDCG@10 by ingredient left out (``""`` for none), then by set.
    """
    everything = Ingredient("")
    table: dict[str, dict[str, float]] = {
        ingredient.name: {} for ingredient in (everything, *ingredients)
    }
    for directory, judged_only in sets.items():
        corpus = Corpus.read(directory)
        built = _Lacking.build(corpus.documents())
        for ingredient in (everything, *ingredients):
            if progress is not None:
                progress(directory.name, ingredient.name)
            built.weights = ingredient.weights(load())
            built.lost = ingredient.kinds
            table[ingredient.name][directory.name] = _quality(
                built, corpus, judged_only=judged_only
            )
    return table


def _quality(matcher: Matcher, corpus: Corpus, *, judged_only: bool) -> float:
    values: list[float] = []
    for query in corpus.queries:
        grades = corpus.judgements.get(query.id, {})
        if not any(grade > 0 for grade in grades.values()):
            continue
        where = Filter(ids=grades) if judged_only else None
        ranked = [m.id for m in matcher.rank(query, _TOP, where, explain=0)]
        if judged_only:
            ranked += sorted(grades.keys() - set(ranked))
        gains = [grades.get(document, 0.0) for document in ranked]
        values.append(ndcg(gains, list(grades.values())))
    return fmean(values)


def markdown(table: Mapping[str, Mapping[str, float]]) -> str:
    """Write the table as Markdown: what is lost without each ingredient."""
    everything = table[""]
    names = list(everything)
    lines = [
        "| without | " + " | ".join(names) + " |",
        "|---" * (len(names) + 1) + "|",
        "| (all in) | " + " | ".join(f"{everything[n]:.4f}" for n in names) + " |",
    ]
    for ingredient, row in table.items():
        if ingredient:
            cells = (f"{row[n] - everything[n]:+.4f}" for n in names)
            lines.append(f"| {ingredient} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
