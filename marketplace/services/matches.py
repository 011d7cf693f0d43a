"""Ranked pairs in both directions, previews, and what people say of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace import policies
from marketplace.domain.actors import Actor
from marketplace.domain.ids import new_id
from marketplace.domain.roles import Tier
from marketplace.errors import Forbidden, Invalid, Text
from marketplace.models.matches import MatchFeedback
from marketplace.models.needs import Need
from marketplace.models.offers import Offer
from marketplace.models.organisations import Team
from marketplace.services import (
    codes,
    declines,
    events,
    lifecycles,
    needs,
    offers,
    postings,
    relations,
)
from marketplace.services.indexes import MatchIndex
from marketplace.services.lifecycles import Aggregate
from marketplace.services.match_reasons import codes_in, sentence
from marketplace.services.postings import Composed
from matching import (
    VERSION,
    Filter,
    Match,
    Posting,
    Span,
    rank_teams,
    relaxations,
)
from matching.postings import Worth

PREVIEW_ID = "draft"
_MOST_TEAMS = 300
SUPPLY = frozenset({"result", "capability"})
QUOTED = {
    "need": (*postings.NEED_TEXTS, "indicators"),
    "offer": (*postings.OFFER_TEXTS, "indicators"),
}
WORTH = Worth(
    # Below this score a list is better empty than filled up.
    score=0.05,
    # The text part of a pair that shares nothing in public and yet is worth a look:
    # what speaks for it may be hidden.
    text=0.1,
    evidence=frozenset(
        {"indicator_met", "indicator_near", "core_missed", "same_grade"}
    ),
)
"""Which pairs are shown: being in the same province is no reason, nor is a word that
half the market uses."""


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a pair as it is shown."""

    id: str
    kind: str
    title: str
    org_id: UUID
    org_name: str
    composed: Composed


def for_need(
    session: so.Session,
    actor: Actor,
    index: MatchIndex,
    need: Need,
    *,
    limit: int = 10,
    language: str = "zh-CN",
    **filters: Any,
) -> dict[str, Any]:
    """Rank the offers on the market for a need that the caller reads.

    Raises
    ------
    Forbidden
        The caller reads the need but is neither its owner nor works on it.
    """
    posting, composed = postings.need_posting(
        need, *_as_read(session, actor, needs.KIND, need)
    )
    asked = _Asked(posting, composed, need.owner_org_id, need)
    return _answer(session, actor, index, asked, limit, language, filters)


def for_offer(
    session: so.Session,
    actor: Actor,
    index: MatchIndex,
    offer: Offer,
    *,
    limit: int = 10,
    language: str = "zh-CN",
    **filters: Any,
) -> dict[str, Any]:
    """Rank the needs in the library for an offer; raises as ``for_need``."""
    posting, composed = postings.offer_posting(
        offer, *_as_read(session, actor, offers.KIND, offer)
    )
    asked = _Asked(posting, composed, offer.owner_org_id, offer)
    return _answer(session, actor, index, asked, limit, language, filters)


def _as_read(
    session: so.Session, actor: Actor, kind: Aggregate[Any], subject: Any
) -> tuple[Any, Tier]:
    """Return the version that the caller reads and how much of it, if he may rank."""
    policies.require(actor, "match", subject, kind.rules)
    tier = lifecycles.tier_of(session, actor, kind, subject)
    return lifecycles.read_version(actor, kind, subject), tier


def preview(
    session: so.Session,
    actor: Actor,
    index: MatchIndex,
    *,
    kind: str,
    data: Mapping[str, Any],
    limit: int = 10,
    language: str = "zh-CN",
    **filters: Any,
) -> dict[str, Any]:
    """Rank for a need or offer that is not saved; nothing is stored.

    Raises
    ------
    Unauthenticated
        The public asked.
    Forbidden
        The caller belongs to no organisation that could own it.
    """
    policies.require_signed_in(actor)
    if kind == "need":
        need = needs.unsaved(session, actor, data)
        owner = need.owner_org_id
        made = postings.need_posting(need, need.working, Tier.OWNER)
    else:
        offer = offers.unsaved(session, actor, data)
        owner = offer.owner_org_id
        made = postings.offer_posting(offer, offer.working, Tier.OWNER)
    asked = _Asked(replace(made[0], id=PREVIEW_ID), made[1], owner)
    return _answer(session, actor, index, asked, limit, language, filters)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is ranked for: as it is read, whose it is, and its row if it has one."""

    posting: Posting
    composed: Composed
    owner_org_id: UUID
    subject: Need | Offer | None = None


def _answer(
    session: so.Session,
    actor: Actor,
    index: MatchIndex,
    asked: _Asked,
    limit: int,
    language: str,
    filters: Mapping[str, Any],
) -> dict[str, Any]:
    posting = asked.posting
    kinds = {"need"} if posting.kind in SUPPLY else _kinds(filters)
    where = _admitted(session, actor, posting, asked.owner_org_id, kinds, filters)
    marks = declines.marks(session, actor, asked.subject)
    ranked = index.fresh(session).rank(posting, limit + marks.more, where)
    sides = _sides(session, actor, [UUID(m.id) for m in ranked], need=kinds == {"need"})
    names = {
        name: codes.names(session, name, only=said)
        for name, said in codes_in(ranked).items()
    }
    called = declines.names(session, marks)
    own = Side(
        posting.id,
        posting.kind,
        posting.title,
        asked.owner_org_id,
        "",
        asked.composed,
    )
    worth = [m for m in ranked if m.id in sides and WORTH.admits(m)]
    items = []
    for rank, match in enumerate(marks.settle(worth)[:limit], start=1):
        item = _view(match, own, sides[match.id], rank, language, names)
        mark = marks.lowered.get(match.id)
        if mark is not None:
            said = declines.sentence(mark, language, called)
            item["reasons"].insert(0, said)
        items.append(item)
    return {"items": items, "next": None, "total": len(items)}


def relaxed(
    session: so.Session, actor: Actor, index: MatchIndex, need: Need, *, limit: int = 3
) -> dict[str, Any]:
    """Say which single requirement costs a need the most matches.

    Parameters
    ----------
    limit : int, default=3
        How many of the offers that it would gain are named for each requirement.

    Raises
    ------
    Forbidden
        As in ``for_need``.
    """
    posting, where = _asked(session, actor, need)
    found = relaxations(index.fresh(session), posting, where=where)
    named = {i for change in found for i in change.gained}
    sides = _sides(session, actor, [UUID(i) for i in named], need=False)
    items = []
    for change in found:
        claims = dict(change.claimed)
        gained = [i for i in change.gained if i in sides]
        if len(gained) > change.lost:
            items.append(
                {
                    **_requirement(posting, change.field),
                    "gained": len(gained),
                    "lost": change.lost,
                    "offers": [
                        {**_brief(sides[i]), "claimed": claims.get(i)}
                        for i in gained[:limit]
                    ],
                }
            )
    return {"items": items}


def teams(
    session: so.Session, actor: Actor, index: MatchIndex, need: Need, *, limit: int = 10
) -> dict[str, Any]:
    """Rank the teams behind offers by their three nearest ones.

    An offer that was declined counts less, or not at all, as in the list of matches.

    Raises
    ------
    Forbidden
        As in ``for_need``.
    """
    posting, where = _asked(session, actor, need)
    # Some may not be shown after all, so the list is cut only when that is known.
    marks = declines.marks(session, actor, need)
    where = replace(where, exclude_ids={*where.exclude_ids, *marks.left_out})
    ranked = marks.settle_teams(
        rank_teams(index.fresh(session), posting, _MOST_TEAMS, where)
    )
    matches = {match.id: match for team in ranked for match in team.nearest}
    sides = _sides(session, actor, [UUID(i) for i in matches], need=False)
    named = {
        str(team.id): team
        for team in session.scalars(
            sa.select(Team).where(
                Team.id.in_([UUID(found.id) for found in ranked]),
                Team.closed_at.is_(None),
            )
        )
    }
    items: list[dict[str, Any]] = []
    for found in ranked:
        near = [m for m in found.nearest if m.id in sides]
        team = named.get(found.id)
        if team is None or not near or near[0].score < WORTH.score:
            continue
        if len(items) == limit:
            break
        first = sides[near[0].id]
        items.append(
            {
                "rank": len(items) + 1,
                "score": round(found.score, 2),
                "team": {"id": team.id, "name": team.name},
                "owner_org": {"id": first.org_id, "name": first.org_name},
                "offers": [{**_brief(sides[m.id]), "band": m.band} for m in near],
            }
        )
    return {"items": items}


def kept_pair(
    session: so.Session, index: MatchIndex, need: Need, offer: Offer
) -> dict[str, Any] | None:
    """Return a published pair as the public would be shown it, for a record.

    Both sides, a broker and operators read the record, so it quotes nothing above the
    public tier. None when the two share nothing that the engine knows of.
    """
    assert need.published is not None  # noqa: S101 - asked by the caller
    assert offer.published is not None  # noqa: S101
    posting, composed = postings.need_posting(need, need.published, Tier.PUBLIC)
    found = index.fresh(session).rank(posting, 1, Filter(ids={str(offer.id)}))
    if not found:
        return None
    match = found[0]
    hidden = policies.withheld(offer.published.disclosure, Tier.PUBLIC, kind="offer")
    texts = postings.compose(offer.published, postings.OFFER_TEXTS, hidden)
    own = Side(
        str(need.id),
        "need",
        need.published.title,
        need.owner_org_id,
        need.owner_org.name,
        composed,
    )
    other = Side(
        str(offer.id),
        offer.kind.value,
        offer.published.title,
        offer.owner_org_id,
        offer.owner_org.name,
        texts,
    )
    names = {
        name: codes.names(session, name, only=said)
        for name, said in codes_in([match]).items()
    }
    shown = {
        language: _view(match, own, other, 1, language, names)["reasons"]
        for language in ("zh-CN", "en")
    }
    view = _view(match, own, other, 1, "zh-CN", names)
    kept = ("band", "score", "parts", "indicators", "blockers", "engine")
    return {**{name: view[name] for name in kept}, "reasons": shown}


def _asked(session: so.Session, actor: Actor, need: Need) -> tuple[Posting, Filter]:
    """Return a need as the caller reads it, and which offers may answer it."""
    read = _as_read(session, actor, needs.KIND, need)
    posting, _ = postings.need_posting(need, *read)
    return posting, _admitted(session, actor, posting, need.owner_org_id, SUPPLY, {})


def _requirement(posting: Posting, field: str) -> dict[str, Any]:
    """Name a requirement as the form does."""
    if field.startswith("indicators/"):
        row = posting.indicators[int(field.removeprefix("indicators/"))]
        return {"field": field, "name": row.name, "required": row.text}
    return {"field": field, "name": None, "required": None}


def _admitted(
    session: so.Session,
    actor: Actor,
    posting: Posting,
    owner_org_id: UUID,
    kinds: Collection[str],
    filters: Mapping[str, Any],
) -> Filter:
    """Return what may be ranked for a posting before this caller."""
    near = {owner_org_id} | (actor.org_ids if _is_party(actor) else set())
    related = relations.related_org_ids(session, near)
    return Filter(
        kind=kinds,
        exclude_org={str(i) for i in near | related},
        exclude_ids=_unseen(session, actor, kinds) | {posting.id},
        chain=filters.get("chain"),
        region=filters.get("region"),
        field=filters.get("tech_field"),
    )


def _is_party(actor: Actor) -> bool:
    """Somebody who judges or mediates sees the pairs of others, his own left out."""
    return not actor.is_system


def _kinds(filters: Mapping[str, Any]) -> Collection[str]:
    kind = filters.get("kind")
    return {kind} if kind else SUPPLY


def _unseen(session: so.Session, actor: Actor, kinds: Collection[str]) -> set[str]:
    """Return what is in the index and not for this caller."""
    needs_wanted = set(kinds) == {"need"}
    statement = (
        policies.needs_kept_from(actor)
        if needs_wanted
        else policies.offers_kept_from(actor)
    )
    return {str(i) for i in session.scalars(statement)}


def _sides(
    session: so.Session, actor: Actor, ids: Sequence[UUID], *, need: bool
) -> dict[str, Side]:
    """Read the ranked objects as the public sees them, if the caller may."""
    model: Any = Need if need else Offer
    kind, texts, seen = (
        ("need", postings.NEED_TEXTS, policies.library_needs)
        if need
        else ("offer", postings.OFFER_TEXTS, policies.market_offers)
    )
    statement = (
        sa.select(model)
        .where(model.id.in_(ids), seen(actor))
        .options(so.joinedload(model.owner_org), so.joinedload(model.published))
    )
    found: dict[str, Side] = {}
    for row in session.scalars(statement):
        version = row.published
        hidden = policies.withheld(version.disclosure, Tier.PUBLIC, kind=kind)
        found[str(row.id)] = Side(
            str(row.id),
            kind if need else row.kind.value,
            version.title,
            row.owner_org_id,
            row.owner_org.name,
            postings.compose(version, texts, hidden),
        )
    return found


def _view(
    match: Match,
    own: Side,
    other: Side,
    rank: int,
    language: str,
    names: Mapping[str, Mapping[str, tuple[str, str]]],
) -> dict[str, Any]:
    need, offer = (other, own) if other.kind == "need" else (own, other)
    query_is_need = need is own
    return {
        "rank": rank,
        "band": match.band,
        "score": round(match.score, 2),
        "need": _brief(need),
        "offer": _brief(offer),
        "parts": {k: round(v, 2) for k, v in match.parts.items() if v is not None},
        "reasons": [
            text
            for reason in match.reasons
            if (text := sentence(reason, language, names)) is not None
        ],
        "terms": [
            _term(
                term.text,
                term.weight,
                term.query_spans,
                term.document_spans,
                own,
                other,
                query_is_need=query_is_need,
            )
            for term in match.terms
        ],
        "indicators": [
            {
                "name": v.required.name,
                "required": v.required.text,
                "claimed": None if v.claimed is None else v.claimed.text,
                "verdict": v.kind.value,
                "is_core": v.required.is_core,
            }
            for v in match.indicators
        ],
        "blockers": [
            {
                "name": v.required.name,
                "required": v.required.text,
                "claimed": None if v.claimed is None else v.claimed.text,
            }
            for v in match.blockers
        ],
        "engine": {
            "version": match.engine.version,
            "index": match.engine.index,
            "weights": match.engine.weights,
        },
    }


def _brief(side: Side) -> dict[str, Any]:
    brief: dict[str, Any] = {
        "id": None if side.id == PREVIEW_ID else side.id,
        "title": side.title,
    }
    if side.kind != "need":
        brief["kind"] = side.kind
    if side.org_name:
        brief["owner_org"] = {"id": side.org_id, "name": side.org_name}
    return brief


def _term(
    text: str,
    weight: float,
    query_spans: Iterable[Span],
    document_spans: Iterable[Span],
    own: Side,
    other: Side,
    *,
    query_is_need: bool,
) -> dict[str, Any]:
    mine, theirs = (
        places(query_spans, own.composed),
        places(document_spans, other.composed),
    )
    need, offer = (mine, theirs) if query_is_need else (theirs, mine)
    return {
        "text": text,
        "weight": weight,
        "need_spans": [p["span"] for p in need if p["field"] == "title"],
        "offer_spans": [p["span"] for p in offer if p["field"] == "title"],
        "need_places": need,
        "offer_places": offer,
    }


def places(spans: Iterable[Span], composed: Composed) -> list[dict[str, Any]]:
    """Return spans of a posting as places in the fields of the form."""
    found: list[dict[str, Any]] = []
    for field, start, end in spans:
        if field != "text":
            found.append({"field": field, "span": [start, end]})
        elif (place := composed.field_span(start, end)) is not None:
            found.append({"field": place[0], "span": [place[1], place[2]]})
    return found


def guarded(actor: Actor, kind: Aggregate[Any], subject: Any) -> list[str]:
    """Name the confidential fields that a ranking for an object may quote.

    Which of them it quotes is not told apart: words of any of them may stand in a
    reason. To be asked before the ranking, which reads the store anew.
    """
    version = lifecycles.read_version(actor, kind, subject)
    shown = {name: getattr(version, name) for name in QUOTED[kind.name]}
    return lifecycles.confidential(actor, kind, subject, shown)


def give_feedback(
    session: so.Session,
    actor: Actor,
    index: MatchIndex,
    *,
    need_id: UUID,
    offer_id: UUID,
    verdict: str,
    reason: str | None = None,
    comment: str = "",
    shown: Mapping[str, Any] | None = None,
) -> MatchFeedback:
    """Keep what a person says of a pair; the last word of a person counts.

    Parameters
    ----------
    index : MatchIndex
        Compares the pair as it is now: learning needs the parts, and cannot take the
        caller's word for them.

    Raises
    ------
    NotFound
        The caller may not know of one of the two.
    Forbidden
        The caller could not have been shown the pair.
    Invalid
        An unknown reason, or none where the verdict needs one.
    """
    policies.require_signed_in(actor)
    need, offer = (
        needs.get(session, actor, need_id),
        offers.get(session, actor, offer_id),
    )
    grant = policies.may(actor, "match", need, policies.NEED_RULES) or policies.may(
        actor, "match", offer, policies.OFFER_RULES
    )
    if grant is None or actor.user_id is None:
        raise Forbidden(
            Text(
                "只有供需双方及运营方可以评价匹配结果",
                "only the two sides and the operator judge a match",
            )
        )
    wrong = codes.check(
        session, "feedback_reason", reason, on=actor.today, pointer="/reason"
    )
    if wrong:
        raise Invalid(errors=wrong)
    if verdict == "irrelevant" and reason is None:
        raise Invalid.at(
            "/reason", "required", "请选择不相关的原因", "say why it is irrelevant"
        )
    row = session.scalar(
        sa.select(MatchFeedback).where(
            MatchFeedback.need_id == need.id,
            MatchFeedback.offer_id == offer.id,
            MatchFeedback.user_id == actor.user_id,
        )
    )
    compared = _compared(session, actor, index, need, offer)
    before: dict[str, Any] = {}
    if row is None:
        row = MatchFeedback(
            id=new_id(),
            need_id=need.id,
            offer_id=offer.id,
            user_id=actor.user_id,
            created_at=actor.now,
        )
        session.add(row)
    else:
        before = {"verdict": row.verdict, "reason": row.reason, "comment": row.comment}
    row.org_id = grant.org_id
    row.verdict, row.reason, row.comment = verdict, reason, comment
    row.shown = {**(shown or {}), "compared": compared}
    row.updated_at = actor.now
    after = {"verdict": verdict, "reason": reason, "comment": comment}
    events.record(
        session,
        actor,
        row,
        "match.feedback",
        role=grant.role,
        org_id=grant.org_id,
        changes=events.difference(before, after),
    )
    session.flush()
    return row


def _compared(
    session: so.Session, actor: Actor, index: MatchIndex, need: Need, offer: Offer
) -> dict[str, Any] | None:
    """Return the parts of a pair as it is ranked for the caller.

    None when the other side is not on the market, or shares nothing with this one.
    """
    if policies.may(actor, "match", need, policies.NEED_RULES):
        posting, _ = postings.need_posting(
            need, *_as_read(session, actor, needs.KIND, need)
        )
        side, other = "need", offer.id
    else:
        posting, _ = postings.offer_posting(
            offer, *_as_read(session, actor, offers.KIND, offer)
        )
        side, other = "offer", need.id
    matcher = index.fresh(session)
    found = matcher.compare(posting, 1, Filter(ids={str(other)}))
    if not found:
        return None
    return {
        "for": side,
        "parts": dict(found[0].parts),
        "blocked": found[0].blocked,
        "engine": VERSION,
        "weights": matcher.weights.version,
    }
