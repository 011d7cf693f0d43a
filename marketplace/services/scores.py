"""The score of matches 匹配评分: learned from what people say, used when it is better.

Learning reads the feedback and writes a weights file and a report with counts and no
names; it changes nothing. Using is a step of its own, refused for weights that are not
better than those they were fitted from. Which weights are in use stands in the ledger:
there it is found by every process, in the transaction in which it was decided.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace import policies
from marketplace.domain.actors import Actor
from marketplace.errors import Conflict, Invalid, Text
from marketplace.models.ledger import Event, LedgerEntry
from marketplace.models.matches import MatchFeedback
from marketplace.policies import SCORE_RULES
from marketplace.services import events
from matching import VERSION, InvalidWeights, MatchingError, UnknownWeights
from matching.examples import Example
from matching.learning import BETTER, learn
from matching.weights import DEFAULT, Weights, content, place_of, save, write_new
from matching.weights import load as load_weights

KIND = "score"
"""Subject of the ledger's entries about weights."""
SHIPPED = "shipped"
"""Name for whatever weights this release comes with."""
USEFUL = {"useful": True, "already-working": True, "irrelevant": False}
"""What a verdict says of a pair. Who works together already has found a right match."""
OF_THE_MOMENT = frozenset({"timing", "duplicate", "already-solved"})
"""Reasons that speak of when a pair was shown, not of whether it fits."""
_REPORTS = "reports"


@dataclass(frozen=True, slots=True)
class Version:
    """What an entry of the ledger is about."""

    id: UUID

    @classmethod
    def of(cls, name: str) -> Version:
        """Return the version of a name; the same name has the same id everywhere."""
        return cls(uuid5(NAMESPACE_URL, f"jiebang:weights:{name}"))


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a fit needs, read from the store.

    Parameters
    ----------
    version, base : str
        Names of the new weights and of those to begin with.
    on : date
    examples : list of Example
    counts : mapping of str to int
        All feedback, what is used, and what is left out and why.
    """

    version: str
    base: str
    on: date
    examples: list[Example]
    counts: Mapping[str, int]


def in_use(session: so.Session) -> str | None:
    """Return the version that was chosen last, None for the shipped one."""
    changes = session.scalar(
        sa.select(Event.changes)
        .join(LedgerEntry, LedgerEntry.event_id == Event.id)
        .where(Event.subject_kind == KIND, Event.action == "score.use")
        .order_by(LedgerEntry.seq.desc())
        .limit(1)
    )
    chosen: str = SHIPPED if changes is None else changes["version"]["new"]
    return None if chosen == SHIPPED else chosen


def load(version: str, folder: Path | None) -> Weights:
    """Load weights that rankings of this market may use.

    Raises
    ------
    UnknownWeights, InvalidWeights
        There are none of that name, or they do not suit the index.
    """
    weights = load_weights(version, folder)
    if weights.fields != load_weights().fields:
        raise InvalidWeights(
            f"weights {version} count the fields of a posting otherwise than {DEFAULT};"
            " the index does not suit them"
        )
    return weights


def gather(
    session: so.Session, actor: Actor, folder: Path, *, name: str | None = None
) -> Lesson:
    """Read the feedback. Writes nothing: a fit takes long, and nobody shall wait.

    Parameters
    ----------
    folder : Path
        Where the market's own weights lie.
    name : str, optional
        Of the new version; by default ``market-`` and the date.

    Raises
    ------
    Forbidden
        The caller is no operator.
    Invalid
        The name is taken or will not do, or the weights in use cannot be read.
    """
    policies.require(actor, "learn-score", None, SCORE_RULES)
    base = in_use(session) or DEFAULT
    version = name or _free_name(folder, actor.today)
    counts: Counter[str] = Counter()
    try:
        place_of(version, folder)
        examples = list(_examples(session, load(base, folder), folder, counts))
    except MatchingError as error:
        raise _refusal("--name", "weights_refused", error) from error
    return Lesson(version, base, actor.today, examples, dict(counts))


def fit(lesson: Lesson, folder: Path) -> dict[str, Any]:
    """Fit new weights and write them beside a report, in ``reports``; use nothing.

    Returns
    -------
    dict
        The report, with the ``version``; no file is written when there is too little
        feedback.

    Raises
    ------
    Invalid
        Somebody has taken the name meanwhile.
    """
    found = learn(
        lesson.examples,
        content(lesson.base, folder),
        lesson.base,
        date=lesson.on.isoformat(),
        command=f"jiebang learn --name {lesson.version}",
    )
    report = {"version": lesson.version, "feedback": lesson.counts, **found.report}
    if found.content is not None:
        path = folder / _REPORTS / f"{lesson.version}.json"
        try:
            save(found.content, lesson.version, folder)
            path.parent.mkdir(exist_ok=True)
            write_new(path, report)
        except InvalidWeights as error:
            raise _refusal("--name", "weights_refused", error) from error
    return report


def note(session: so.Session, actor: Actor, report: Mapping[str, Any]) -> None:
    """Write into the ledger what was learned; raises as ``gather``."""
    grant = policies.require(actor, "learn-score", None, SCORE_RULES)
    events.record(
        session,
        actor,
        Version.of(report["version"]),
        "score.learn",
        role=grant.role,
        org_id=grant.org_id,
        changes={
            "version": {"old": report["base"], "new": report["version"]},
            "verdict": {"new": report["verdict"]},
            "feedback": {"new": report["feedback"]},
        },
    )
    session.flush()


def _refusal(pointer: str, code: str, error: Exception) -> Invalid:
    return Invalid.at(pointer, code, f"匹配评分文件不可用：{error}", str(error))


def _free_name(folder: Path, today: date) -> str:
    """Return the first name of the day that nothing has."""
    stem = f"market-{today:%Y%m%d}"
    number, name = 1, stem
    while (folder / f"{name}.json").exists():
        number += 1
        name = f"{stem}-{number}"
    return name


def _examples(
    session: so.Session, base: Weights, folder: Path, counts: Counter[str]
) -> Iterator[Example]:
    """Yield what can be learned from; count all feedback, and what is left out and why.

    Left out is feedback from before the parts were kept, on parts that the weights in
    use would not give, and on when a pair was shown rather than on the pair.
    """
    known: dict[str, bool] = {}
    statement = (
        sa.select(MatchFeedback)
        .order_by(MatchFeedback.id)
        .execution_options(yield_per=500)
    )
    for row in session.scalars(statement):
        counts["all"] += 1
        compared = row.shown.get("compared")
        if row.reason in OF_THE_MOMENT and not USEFUL[row.verdict]:
            counts["of the moment"] += 1
        elif compared is None:
            counts["without parts"] += 1
        elif compared["engine"] != VERSION or not _same_parts(
            compared["weights"], base, folder, known
        ):
            counts["of another engine"] += 1
        else:
            counts["used"] += 1
            asked, found = row.need_id, row.offer_id
            if compared["for"] == "offer":
                asked, found = found, asked
            useful = USEFUL[row.verdict]
            yield Example(
                set="market",
                query=str(asked),
                document=str(found),
                grade=float(useful),
                useful=useful,
                parts=compared["parts"],
                blocked=compared["blocked"],
            )


def _same_parts(
    version: str, base: Weights, folder: Path, known: dict[str, bool]
) -> bool:
    """Say whether a pair has the same parts by the weights it was shown with."""
    if version not in known:
        try:
            known[version] = load_weights(version, folder).same_parts(base)
        except (UnknownWeights, InvalidWeights):
            known[version] = False
    return known[version]


def use(
    session: so.Session,
    actor: Actor,
    folder: Path,
    version: str,
    *,
    force: bool = False,
    reason: str = "",
) -> None:
    """Rank by other weights from the next request on.

    Parameters
    ----------
    version : str
        One of the market's own, a shipped one, or ``shipped`` for that of the release.
    force : bool, default=False
        Take weights that their report does not call better; with a reason.

    Raises
    ------
    Forbidden
        The caller is no operator.
    Invalid
        There are no such weights, they cannot be used, or a reason is missing.
    Conflict
        They are in use already, or not better.
    """
    grant = policies.require(actor, "use-score", None, SCORE_RULES)
    before = in_use(session) or SHIPPED
    if version == before:
        raise Conflict(Text(f"{version} 已在使用", f"{version} is in use already"))
    if force and not reason.strip():
        raise Invalid.at("--reason", "required", "请说明理由", "say why")
    if version != SHIPPED:
        try:
            load(version, folder)
            verdict = _verdict(version, folder)
        except MatchingError as error:
            raise _refusal("--use", "weights_refused", error) from error
        if verdict != BETTER and not force:
            raise Conflict(
                Text(
                    f"报告结论为“{verdict}”；如确需使用，请加 --force 并说明理由",
                    f"the report on {version} says: {verdict}; --force with a --reason"
                    " takes it all the same",
                )
            )
    events.record(
        session,
        actor,
        Version.of(version),
        "score.use",
        role=grant.role,
        org_id=grant.org_id,
        comment=reason,
        changes={
            "version": {"old": before, "new": version},
            "forced": {"new": force},
        },
    )
    session.flush()


def _verdict(version: str, folder: Path) -> str:
    """Return what the fit said; a release answers for the weights it comes with."""
    data = content(version, folder)
    if not (folder / f"{version}.json").exists():
        return BETTER
    fitted = data.get("fitted") or {}
    return str(fitted.get("verdict", "no report"))
