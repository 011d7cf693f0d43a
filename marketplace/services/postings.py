"""Needs and offers as the engine sees them.

What the public may read is the posting's text; every field above the public tier goes
into its hidden part, which may move score and band and is never quoted. A caller who
asks for his own object is shown more: his posting is made at his own tier.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace import policies
from marketplace.domain import needs as need_states
from marketplace.domain import offers as offer_states
from marketplace.domain.roles import Tier
from marketplace.models.contents import IndicatorColumns
from marketplace.models.needs import Need, NeedVersion
from marketplace.models.offers import Offer, OfferVersion
from matching import Posting
from matching.indicators import Indicator, from_parts, parse

NEED_TEXTS = (
    "problem",
    "key_technology",
    "expected_goal",
    "research_content",
    "background",
    "bidder_conditions",
)
OFFER_TEXTS = (
    "abstract",
    "innovations",
    "equipment",
    "track_record",
    "prospects",
    "team_intro",
    "maturity_evidence",
)
TOP_MATURITY = 9
"""First level at which a technology is in use, on both scales (codes list 17)."""
COMPARISONS = {
    "GE": "≥",
    "LE": "≤",
    "GT": ">",
    "LT": "<",
    "EQ": "=",
    "PM": "±",
    "RANGE": "range",
    "QUAL": "qualitative",
}
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Composed:
    """Fields joined into one text, and where each of them lies in it."""

    text: str
    places: tuple[tuple[str, int, int], ...]

    def field_span(self, start: int, end: int) -> tuple[str, int, int] | None:
        """Return the field that a span lies in, and the span within that field."""
        for name, first, last in self.places:
            if first <= start and end <= last:
                return name, start - first, end - first
        return None


def compose(version: Any, names: Sequence[str], without: Collection[str]) -> Composed:
    """Join the named fields of a version, each on lines of its own."""
    parts: list[str] = []
    places: list[tuple[str, int, int]] = []
    at = 0
    for name in names:
        value = getattr(version, name)
        if name in without or not value:
            continue
        items = [value] if isinstance(value, str) else list(value)
        for index, item in enumerate(items):
            label = name if isinstance(value, str) else f"{name}/{index}"
            places.append((label, at, at + len(item)))
            parts.append(item)
            at += len(item) + 1
    return Composed("\n".join(parts), tuple(places))


def indicator(row: IndicatorColumns) -> Indicator:
    """Return a row of a form as the engine's indicator."""
    comparison = COMPARISONS[row.operator]
    if row.value is None:
        words = row.text or row.name
        return parse(
            words, name=row.name, is_core=row.is_core, condition=row.test_condition
        )
    return from_parts(
        row.name,
        comparison,
        float(row.value),
        None if row.value2 is None else float(row.value2),
        row.unit,
        text=row.text,
        condition=row.test_condition,
        is_core=row.is_core,
    )


def _split(
    version: Any, names: Sequence[str], hidden: frozenset[str]
) -> tuple[Composed, str, tuple[Indicator, ...], tuple[Indicator, ...]]:
    shown = compose(version, names, hidden)
    kept_back = compose(version, [n for n in names if n in hidden], ()).text
    rows = tuple(indicator(row) for row in version.indicators)
    if "indicators" in hidden:
        return shown, kept_back, (), rows
    return shown, kept_back, rows, ()


def _codes(version: Any, region: str) -> dict[str, set[str]]:
    codes = {
        "field": set(version.tech_field),
        "chain": {version.chain} if version.chain else set(),
        "industry": {version.industry_use} if version.industry_use else set(),
        "region": {region} if region else set(),
    }
    return {axis: values for axis, values in codes.items() if values}


def _hidden_parts(hidden: frozenset[str], money: str) -> frozenset[str]:
    """Return the parts of the score whose value would tell a hidden field."""
    parts = {"budget": money, "indicators": "indicators"}
    return frozenset(part for part, name in parts.items() if name in hidden)


def need_posting(
    need: Need, version: NeedVersion, tier: Tier = Tier.PUBLIC
) -> tuple[Posting, Composed]:
    """Return a need as a posting that quotes what ``tier`` may read."""
    hidden = policies.withheld(version.disclosure, tier, kind="need")
    shown, kept_back, rows, hidden_rows = _split(version, NEED_TEXTS, hidden)
    budget = None if version.budget_negotiable else version.budget_total_yuan
    posting = Posting(
        id=str(need.id),
        kind="need",
        title=version.title,
        text=shown.text,
        keywords=tuple(version.keywords),
        indicators=rows,
        codes=_codes(version, need.owner_org.region),
        budget_yuan=budget or None,
        org=str(need.owner_org_id),
        hidden_text=kept_back,
        hidden_indicators=hidden_rows,
        hidden_parts=_hidden_parts(hidden, "budget_total_yuan"),
    )
    return posting, shown


def maturity(version: OfferVersion) -> float | None:
    """Map a maturity level to 0 (an idea) … 1 (in use).

    The Qingdao scale and the nine levels agree up to level 9, the first real use;
    what comes after on the Qingdao scale is sales, not technology (list 17b).
    """
    if version.maturity_level is None:
        return None
    return min(version.maturity_level, TOP_MATURITY) / TOP_MATURITY


def offer_posting(
    offer: Offer, version: OfferVersion, tier: Tier = Tier.PUBLIC
) -> tuple[Posting, Composed]:
    """Return an offer as a posting that quotes what ``tier`` may read."""
    hidden = policies.withheld(version.disclosure, tier, kind="offer")
    shown, kept_back, rows, hidden_rows = _split(version, OFFER_TEXTS, hidden)
    team = None if "team" in hidden else version.team_id
    price: Decimal | None = version.price_expect_yuan
    posting = Posting(
        id=str(offer.id),
        kind=offer.kind.value,
        title=version.title,
        text=shown.text,
        keywords=tuple(version.keywords),
        indicators=rows,
        codes=_codes(version, offer.owner_org.region),
        maturity=maturity(version),
        budget_yuan=price,
        org=str(offer.owner_org_id),
        team=None if team is None else str(team),
        hidden_text=kept_back,
        hidden_indicators=hidden_rows,
        hidden_parts=_hidden_parts(hidden, "price_expect_yuan"),
    )
    return posting, shown


def _indexed_needs() -> sa.Select[Need]:
    return (
        sa.select(Need)
        .where(
            Need.published_version_id.is_not(None),
            Need.state.in_(
                need_states.SHOWN - {need_states.CONTRACTED, need_states.SOLVED}
            ),
        )
        .options(
            so.joinedload(Need.owner_org),
            so.joinedload(Need.published).selectinload(NeedVersion.indicators),
        )
        .order_by(Need.id)
    )


def _indexed_offers() -> sa.Select[Offer]:
    return (
        sa.select(Offer)
        .where(
            Offer.published_version_id.is_not(None),
            Offer.state.in_(offer_states.SHOWN - {offer_states.CONVERTED}),
        )
        .options(
            so.joinedload(Offer.owner_org),
            so.joinedload(Offer.published).selectinload(OfferVersion.indicators),
        )
        .order_by(Offer.id)
    )


def of_units(session: so.Session, kind: str, units: Collection[UUID]) -> set[UUID]:
    """Return the published objects of units, whose seat or standing may matter."""
    if not units:
        return set()
    table = Need if kind == "need" else Offer
    return set(
        session.scalars(
            sa.select(table.id).where(
                table.owner_org_id.in_(units), table.published_version_id.is_not(None)
            )
        )
    )


def load(session: so.Session, kind: str, ids: Collection[UUID]) -> dict[UUID, Posting]:
    """Return the postings of those objects that are on the market now.

    What is missing from the answer is to be taken out of the index.
    """
    found: dict[UUID, Posting] = {}
    wanted = sorted(ids)
    for start in range(0, len(wanted), _BATCH):
        part = wanted[start : start + _BATCH]
        found.update(_read(session, kind, part))
    return found


def _read(
    session: so.Session, kind: str, ids: Sequence[UUID]
) -> Iterator[tuple[UUID, Posting]]:
    fresh = {"populate_existing": True}
    if kind == "need":
        needs = _indexed_needs().where(Need.id.in_(ids))
        for need in session.scalars(needs, execution_options=fresh):
            assert need.published is not None  # noqa: S101 - the query asks for it
            yield need.id, need_posting(need, need.published)[0]
    else:
        offers = _indexed_offers().where(Offer.id.in_(ids))
        for offer in session.scalars(offers, execution_options=fresh):
            assert offer.published is not None  # noqa: S101 - the query asks for it
            yield offer.id, offer_posting(offer, offer.published)[0]


def everything(
    session: so.Session, kinds: Collection[str] = ("need", "offer")
) -> Iterator[Posting]:
    """Stream every posting that is on the market, a batch in memory at a time.

    It is read in a transaction of its own, whose objects can be let go of batch by
    batch without touching those of the caller.
    """
    options = {"read_only": True}
    with so.Session(session.get_bind()) as apart:
        apart.connection(execution_options=options)
        for kind, table in (("need", Need), ("offer", Offer)):
            if kind not in kinds:
                continue
            after = UUID(int=0)
            while True:
                ids = apart.scalars(
                    sa.select(table.id)
                    .where(table.id > after)
                    .order_by(table.id)
                    .limit(_BATCH)
                ).all()
                if not ids:
                    break
                for _, posting in _read(apart, kind, ids):
                    yield posting
                apart.expunge_all()
                after = ids[-1]
