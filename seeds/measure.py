"""Count what the shipped engine makes of the demo market's graded answers.

The market is loaded into a store of its own and every need is ranked for its owner, by
the use case that the API calls, so that the figures are those of the product.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import sqlalchemy.orm as so

from marketplace.app import create_app
from marketplace.config import load_settings
from marketplace.domain.clock import Clock
from marketplace.domain.needs import Disclosure
from marketplace.domain.offers import MATCHABLE, OfferState
from marketplace.domain.roles import Tier
from marketplace.extensions import db
from marketplace.integrations import migrations
from marketplace.services import matches, needs, postings
from marketplace.services.indexes import MatchIndex
from matching import Filter, Matcher, Posting
from matching.evaluation import ndcg
from matching.examples import Example
from matching.weights import DEFAULT, load
from seeds import demo_market, loader

ANSWER = 2
"""The least grade that solves a need."""
TOP = 10
NEAR_TOP = 5
TARGET_TOP_5 = 0.90
TARGET_FIRST = 0.85


@dataclass(frozen=True)
class NearMisses:
    """How often the explanation of a near miss names the indicator that it fails.

    Parameters
    ----------
    count, named : int
    withheld : list of str
        Pairs whose offer shows its indicators under an NDA only: a reason may not
        quote them.
    silent : list of str
        Pairs that could be explained and are not.
    """

    count: int = 0
    named: int = 0
    withheld: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)

    def __add__(self, other: NearMisses) -> NearMisses:
        return NearMisses(
            self.count + other.count,
            self.named + other.named,
            self.withheld + other.withheld,
            self.silent + other.silent,
        )


@dataclass(frozen=True)
class Row:
    """What became of one need.

    Parameters
    ----------
    rank : int or None
        Of the best-placed answer; None when it is not among the first ten.
    first_grade : int
        Grade of the offer in the first place, 0 for one that is not graded.
    text_rank : int
        Where the best-placed answer would stand by the text part alone.
    """

    need: str
    state: str
    best_grade: int
    rank: int | None
    first: str
    first_grade: int
    text_rank: int
    ndcg_10: float
    near_top_10: NearMisses
    near_all: NearMisses


@dataclass(frozen=True)
class Report:
    """The figures of all needs."""

    rows: list[Row]
    offers: int
    engine: Mapping[str, str]

    def share(self, holds: Callable[[Row], bool]) -> float:
        """Return the share of the needs for which something holds."""
        return round(sum(map(holds, self.rows)) / len(self.rows), 4)

    def figures(self) -> dict[str, Any]:
        """Return what is counted, as JSON values."""
        top = sum((row.near_top_10 for row in self.rows), NearMisses())
        every = sum((row.near_all for row in self.rows), NearMisses())
        return {
            "needs": len(self.rows),
            "offers": self.offers,
            "answer_in_top_5": self.share(lambda row: (row.rank or TOP) <= NEAR_TOP),
            "answer_first": self.share(lambda row: row.first_grade >= ANSWER),
            "best_grade_first": self.share(
                lambda row: row.first_grade == row.best_grade
            ),
            "ndcg@10": round(fmean(row.ndcg_10 for row in self.rows), 4),
            "by_text_alone": {
                "answer_in_top_5": self.share(lambda row: row.text_rank <= NEAR_TOP),
                "answer_first": self.share(lambda row: row.text_rank == 1),
            },
            "near_misses_in_top_10": asdict(top),
            "near_misses": asdict(every),
            "not_in_top_5": [r.need for r in self.rows if (r.rank or TOP) > NEAR_TOP],
            "not_first": [r.need for r in self.rows if r.first_grade < ANSWER],
            "engine": dict(self.engine),
        }

    def as_json(self) -> str:
        """Return the figures as one line of JSON."""
        return json.dumps(self.figures(), ensure_ascii=False) + "\n"

    def as_text(self) -> str:
        """Return the JSON object, and tables for people."""
        return "\n".join([self.as_json(), *self._table(), "", *self._summary(), ""])

    def _table(self) -> list[str]:
        head = ("need", "state", "rank", "first", "grade", "by text", "nDCG@10")
        lines = [_columns(*head, "near misses named: top 10, all")]
        for row in self.rows:
            top, every = row.near_top_10, row.near_all
            lines.append(
                _columns(
                    row.need,
                    row.state,
                    row.rank or "-",
                    row.first,
                    f"{row.first_grade}/{row.best_grade}",
                    row.text_rank,
                    f"{row.ndcg_10:.3f}",
                    f"{top.named}/{top.count}, {every.named}/{every.count}",
                )
            )
        return lines

    def _summary(self) -> list[str]:
        found = self.figures()
        top, every = found["near_misses_in_top_10"], found["near_misses"]
        text = found["by_text_alone"]
        told = {
            "needs": found["needs"],
            "offers on the market": found["offers"],
            "a graded answer in the top 5": f"{found['answer_in_top_5']:.3f}"
            f" (target {TARGET_TOP_5:.2f})",
            "a graded answer first": f"{found['answer_first']:.3f}"
            f" (target {TARGET_FIRST:.2f})",
            "the best grade first": f"{found['best_grade_first']:.3f}",
            "nDCG@10": f"{found['ndcg@10']:.3f}",
            "by the text part alone": f"{text['answer_in_top_5']:.3f} in the top 5,"
            f" {text['answer_first']:.3f} first",
            "near misses named, top 10": f"{top['named']} of {top['count']}",
            "near misses named, all": f"{every['named']} of {every['count']}",
            "  under an NDA, not quoted": ", ".join(every["withheld"]) or "-",
            "  not named": ", ".join(every["silent"]) or "-",
        }
        return [f"{name:<30} {value}" for name, value in told.items()]


def _columns(*cells: object) -> str:
    need, state, rank, first, grade, text, gain, near = cells
    return (
        f"{need!s:<9} {state!s:<12} {rank!s:>4} {first!s:<9} {grade!s:>5}"
        f" {text!s:>7} {gain!s:>7}  {near}"
    )


@contextmanager
def _judge(chains: Collection[str] | None) -> Iterator[_Judge]:
    """Load the demo market into a store of its own, to be ranked."""
    with tempfile.TemporaryDirectory(prefix="jiebang-measure-") as folder:
        data = Path(folder)
        settings = replace(
            load_settings(),
            database_url=f"sqlite:///{data / 'demo.db'}",
            data_dir=data,
            log_level="ERROR",
        )
        app = create_app(settings)
        clock: Clock = app.extensions["jiebang.clock"]
        content = demo_market.Content.read(chains)
        with app.app_context():
            session = db.session()
            migrations.upgrade(db.engine)
            loader.load_reference(session)
            market = demo_market.load(session, clock.now(), content)
            session.commit()
            index: MatchIndex = app.extensions["jiebang.index"]
            try:
                yield _Judge(session, index, market, content)
            finally:
                db.session.remove()
                db.engine.dispose()


def measure(chains: Collection[str] | None = None) -> Report:
    """Load the demo market into a store of its own and rank every need of it."""
    with _judge(chains) as judge:
        return judge.report()


def examples(
    chains: Collection[str] | None = None, weights: str = DEFAULT
) -> list[Example]:
    """Take the first offers for each need, and all graded answers, as examples.

    An offer is useful from the grade on that solves a need. What is not graded is
    not useful.

    Parameters
    ----------
    weights : str
        Shipped version that decides which offers are the first.
    """
    chosen = load(weights)
    with _judge(chains) as judge:
        matcher = judge.index.fresh(judge.session)
        matcher.weights = chosen
        return [
            pair for key in judge.content.needs for pair in judge.examples(matcher, key)
        ]


def measure_market(
    session: so.Session,
    index: MatchIndex,
    market: demo_market.Market,
    content: demo_market.Content,
) -> Report:
    """Rank every need of a loaded market; drafts as their owners would."""
    return _Judge(session, index, market, content).report()


class _Judge:
    def __init__(
        self,
        session: so.Session,
        index: MatchIndex,
        market: demo_market.Market,
        content: demo_market.Content,
    ) -> None:
        self.session = session
        self.index = index
        self.market = market
        self.content = content
        self.listed = {
            str(market.offers[key]): key
            for key, offer in content.offers.items()
            if OfferState(offer["state"]) in MATCHABLE
        }
        self.engine: dict[str, str] = {}
        self.answers: dict[str, dict[str, demo_market.Json]] = {}
        on_market = set(self.listed.values())
        for answer in content.answers:
            if answer["offer"] in on_market:
                found = self.answers.setdefault(answer["need"], {})
                found[answer["offer"]] = answer

    def report(self) -> Report:
        """Rank every need."""
        rows = [self.row(key) for key in self.content.needs]
        return Report(rows, len(self.listed), self.engine)

    def examples(self, matcher: Matcher, key: str) -> list[Example]:
        """Return the pairs of a need that it can be learned from."""
        author = self.market.author(self.content.needs[key]["owner"])
        stored = needs.get(self.session, author, self.market.needs[key])
        posting, _ = postings.need_posting(stored, stored.working, Tier.OWNER)
        where = Filter(kind=matches.SUPPLY)
        answers = self.answers[key]
        found = []
        for rank, pair in enumerate(matcher.compare(posting, len(self.listed), where)):
            offer = self.listed[pair.id]
            grade = answers[offer]["grade"] if offer in answers else 0
            if rank < TOP or grade:
                found.append(
                    Example(
                        set="demo-market",
                        query=key,
                        document=offer,
                        grade=grade,
                        useful=grade >= ANSWER,
                        parts=pair.parts,
                        blocked=pair.blocked,
                    )
                )
        return found

    def row(self, key: str) -> Row:
        need = self.content.needs[key]
        answers = self.answers[key]
        grades = {offer: answer["grade"] for offer, answer in answers.items()}
        author = self.market.author(need["owner"])
        stored = needs.get(self.session, author, self.market.needs[key])
        found = matches.for_need(self.session, author, self.index, stored, limit=TOP)[
            "items"
        ]
        if found:
            self.engine = found[0]["engine"]
        ranked = [self.listed[str(item["offer"]["id"])] for item in found]
        first = ranked[0] if ranked else "-"
        ranks = [r for r, o in enumerate(ranked, 1) if grades.get(o, 0) >= ANSWER]
        posting, _ = postings.need_posting(stored, stored.working, Tier.OWNER)
        matcher = self.index.fresh(self.session)
        explained = {
            offer: " ".join(item["reasons"])
            for offer, item in zip(ranked, found, strict=True)
        }
        misses = {o: a for o, a in answers.items() if a["grade"] == 1}
        return Row(
            need=key,
            state=need["state"],
            best_grade=max(grades.values()),
            rank=min(ranks, default=None),
            first=first,
            first_grade=grades.get(first, 0),
            text_rank=self._text_rank(matcher, posting, grades),
            ndcg_10=ndcg([grades.get(o, 0) for o in ranked], list(grades.values())),
            near_top_10=self._named(
                {o: a for o, a in misses.items() if o in explained}, explained
            ),
            near_all=self._named(misses, self._sentences(matcher, posting, misses)),
        )

    def _text_rank(
        self, matcher: Matcher, posting: Posting, grades: Mapping[str, int]
    ) -> int:
        """Return the best rank of an answer if only the text counted."""
        every = matcher.rank(
            posting, len(self.listed), Filter(kind=matches.SUPPLY), explain=0
        )
        every.sort(key=lambda match: (-(match.parts["text"] or 0.0), match.id))
        ranks = (
            rank
            for rank, match in enumerate(every, start=1)
            if grades.get(self.listed[match.id], 0) >= ANSWER
        )
        return min(ranks, default=len(self.listed))

    def _sentences(
        self, matcher: Matcher, posting: Posting, misses: Collection[str]
    ) -> dict[str, str]:
        """Return the names in the reasons of these offers, wherever they rank."""
        ids = {str(self.market.offers[offer]) for offer in misses}
        if not ids:
            return {}
        return {
            self.listed[match.id]: " ".join(
                str(reason.values["name"])
                for reason in match.reasons
                if reason.code in {"core_missed", "indicator_missed"}
            )
            for match in matcher.rank(posting, len(ids), Filter(ids=ids))
        }

    def _named(
        self,
        misses: Mapping[str, demo_market.Json],
        explained: Mapping[str, str],
    ) -> NearMisses:
        named, withheld, silent = 0, [], []
        for offer, answer in misses.items():
            pair = f"{answer['need']}:{offer}"
            if answer["fails"] in explained.get(offer, ""):
                named += 1
            elif self.content.offers[offer]["disclosure"] != Disclosure.FULL:
                withheld.append(pair)
            else:
                silent.append(pair)
        return NearMisses(len(misses), named, withheld, silent)
