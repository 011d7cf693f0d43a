"""What a declined docking does to later rankings of the same pair.

A coded reason lowers the pair, or leaves it out, for the two who declined it, until one
of them publishes a new version. Neither of them stands worse with anybody else, and
what the engine finds of the pair is not changed. Whoever may not know of the docking is
shown the pair as if it had never been: from a lowered one he could tell.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace import thread_policies as rights
from marketplace.domain.actors import Actor
from marketplace.domain.dockings import DockingSide
from marketplace.errors import Text
from marketplace.models.dockings import Docking
from marketplace.models.needs import Need
from marketplace.models.offers import Offer
from marketplace.services import codes, rules
from matching import Match, TeamMatch

RULE = "docking.declined"
REASONS = "decline_reason"
LOWEST_BAND = "possible"
MOST = 100
"""So many marked pairs are asked of the engine beyond the length of a list.

With the longest list that is no more than it compares in any case, so that asking for
more changes no score.
"""
SENTENCES: Mapping[DockingSide | None, Text] = {
    DockingSide.NEED: Text(
        "需求方于 {day} 终止过与该成果的对接：{reason}",
        "The need's side gave this pair up on {day}: {reason}",
    ),
    DockingSide.OFFER: Text(
        "供给方于 {day} 终止过与该需求的对接：{reason}",
        "The offer's side gave this pair up on {day}: {reason}",
    ),
    None: Text(
        "双方的对接于 {day} 终止过：{reason}",
        "The docking of this pair ended on {day}: {reason}",
    ),
}


@dataclass(frozen=True, slots=True)
class Mark:
    """How a pair was given up.

    Parameters
    ----------
    code : str
        Of the list ``decline_reason``.
    side : DockingSide or None
        Who gave it up.
    on : date
    """

    code: str
    side: DockingSide | None
    on: date


@dataclass(frozen=True)
class Marks:
    """The marks that count in one ranking, by the identifier of the other object.

    Parameters
    ----------
    left_out : frozenset of str
    lowered : mapping of str to Mark
    share_left : float
        What is left of the score of a lowered pair, above 0 and below 1.
    """

    left_out: frozenset[str] = frozenset()
    lowered: Mapping[str, Mark] = field(default_factory=dict)
    share_left: float = 1.0

    @property
    def more(self) -> int:
        """How many matches to ask for beyond a list's length, so that it stays full."""
        return min(MOST, len(self.left_out) + len(self.lowered))

    def settle(self, ranked: Iterable[Match]) -> list[Match]:
        """Leave out and lower what is marked; all others keep score and order.

        A lowered pair stands below those with the score that is left to it.
        """
        others: list[Match] = []
        marked: list[Match] = []
        for match in ranked:
            if match.id in self.lowered:
                score = match.score * self.share_left
                marked.append(replace(match, score=score, band=LOWEST_BAND))
            elif match.id not in self.left_out:
                others.append(match)
        marked.sort(key=lambda match: (-match.score, match.id))
        return list(heapq.merge(others, marked, key=lambda match: -match.score))

    def settle_teams(self, ranked: Iterable[TeamMatch]) -> list[TeamMatch]:
        """Lower the teams that come through a pair which was given up.

        Of a team's nearest offers only those count less that were declined; who has
        others beside them falls by so much less.
        """
        found = [self._settle_team(team) for team in ranked]
        return sorted(found, key=lambda team: (-team.score, team.id))

    def _settle_team(self, team: TeamMatch) -> TeamMatch:
        before = sum(match.score for match in team.nearest)
        nearest = tuple(self.settle(team.nearest))
        after = sum(match.score for match in nearest)
        if not before or not self.lowered.keys() & {m.id for m in nearest}:
            return team
        return replace(team, score=team.score * after / before, nearest=nearest)


def marks(session: so.Session, actor: Actor, subject: Need | Offer | None) -> Marks:
    """Return which pairs of a need or an offer the caller knows to be given up.

    Of several dockings of a pair the last one counts; while it is open, or led to a
    contract, nothing is given up. A lost docking is never written again, so the moment
    of its last change is the one at which it was given up.

    Parameters
    ----------
    subject : Need or Offer or None
        None for a draft that was never saved.
    """
    if subject is None or subject.published_at is None:
        return Marks()
    side, mine, theirs, other = _columns(subject)
    rows = session.execute(
        sa.select(
            theirs.label("other_id"),
            Docking.lost_reason,
            Docking.lost_side,
            Docking.updated_at,
            other.published_at,
        )
        .join(other, other.id == theirs)
        .where(
            mine == subject.id,
            rights.visible_dockings(actor),
        )
        .order_by(Docking.id)
    ).all()
    if not rows:
        return Marks()
    rule = rules.in_force(session, RULE, on=actor.today).value
    telling = [row for row in rows if row.lost_reason not in rule["ignored"]]
    left_out: set[str] = set()
    lowered: dict[str, Mark] = {}
    for row in {row.other_id: row for row in telling}.values():
        versions = (subject.published_at, row.published_at)
        anew = any(at is not None and at > row.updated_at for at in versions)
        if row.lost_reason is None or anew:
            continue
        on = row.updated_at.astimezone(actor.zone).date()
        if row.lost_reason in rule["leaves_out"] and row.lost_side is side:
            left_out.add(str(row.other_id))
        elif actor.today <= on + _lasts(rule, row.lost_reason):
            mark = Mark(row.lost_reason, row.lost_side, on)
            lowered[str(row.other_id)] = mark
    return Marks(frozenset(left_out), lowered, float(rule["share_left"]))


def _columns(subject: Need | Offer) -> tuple[DockingSide, Any, Any, Any]:
    """Return an object's side, its column and that of the other, and their table."""
    if isinstance(subject, Need):
        return DockingSide.NEED, Docking.need_id, Docking.offer_id, Offer
    return DockingSide.OFFER, Docking.offer_id, Docking.need_id, Need


def _lasts(rule: Mapping[str, Any], code: str) -> timedelta:
    """Return for how long a reason counts; without a limit until a new version."""
    return timedelta(days=int(rule["for_days"].get(code, _ENDLESS)))


_ENDLESS = 365_000


def names(session: so.Session, found: Marks) -> dict[str, tuple[str, str]]:
    """Return what the reasons of some marks are called, in Chinese and English."""
    said = {mark.code for mark in found.lowered.values()}
    return codes.names(session, REASONS, only=said) if said else {}


def sentence(mark: Mark, language: str, called: Mapping[str, tuple[str, str]]) -> str:
    """Say why a pair stands where it does, to those who may know of its docking."""
    chinese, english = called.get(mark.code, (mark.code, mark.code))
    reason = Text(chinese, english or chinese).get(language)
    text = SENTENCES[mark.side].format(day=mark.on.isoformat(), reason=reason)
    return text.get(language)


@dataclass(frozen=True, slots=True)
class Declined:
    """How often dockings of a need ended for one reason."""

    code: str
    name: Text
    count: int


def of_need(
    session: so.Session, actor: Actor, need_id: UUID | None
) -> tuple[Declined, ...]:
    """Tell the owner of a need why its dockings came to nothing, the most first.

    Those since the text was published count; what happened once is not told.
    """
    mine = rights.writing_org_ids(actor)
    if need_id is None or not mine:
        return ()
    rule = rules.in_force(session, RULE, on=actor.today).value
    count = sa.func.count()
    rows = session.execute(
        sa.select(Docking.lost_reason, count.label("times"))
        .join(Need, Need.id == Docking.need_id)
        .where(
            Docking.need_id == need_id,
            Docking.need_org_id.in_(mine),
            Docking.lost_reason.not_in(rule["ignored"]),
            Docking.updated_at >= Need.published_at,
        )
        .group_by(Docking.lost_reason)
        .having(count >= int(rule["told_from"]))
        .order_by(count.desc(), Docking.lost_reason)
    ).all()
    called = codes.names(session, REASONS, only={row.lost_reason for row in rows})
    return tuple(
        Declined(
            row.lost_reason,
            Text(*called.get(row.lost_reason, (row.lost_reason, row.lost_reason))),
            row.times,
        )
        for row in rows
    )
