"""Who may do what, and who may see what: rules with their WHERE clauses beside them.

An action with no rule is refused. A rule answers with the hat under which the caller
may act (``Grant``), because the ledger keeps the role that the actor had then. Being
owner comes from the row, never from the request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from marketplace.domain import needs as need_states
from marketplace.domain import offers as offer_states
from marketplace.domain.actions import action_title
from marketplace.domain.actors import Actor, Standing
from marketplace.domain.needs import NEED_TIERS, Disclosure
from marketplace.domain.offers import OFFER_TIERS
from marketplace.domain.organisations import OrganisationState
from marketplace.domain.roles import Role, Tier
from marketplace.errors import Forbidden, Text, Unauthenticated
from marketplace.models.needs import Need, NeedIntendedUnit, NeedVersion
from marketplace.models.offers import Offer, OfferVersion
from marketplace.models.organisations import DisclosureGrant, Organisation


@dataclass(frozen=True, slots=True)
class Grant:
    """The role and organisation under which something is allowed."""

    role: str
    org_id: UUID | None = None


Rule = Callable[[Actor, Any], Grant | None]
Rules = Mapping[str, tuple[Rule, ...]]
SYSTEM = Grant("system")


def may(actor: Actor, action: str, subject: Any, rules: Rules) -> Grant | None:
    """Return the grant under which ``actor`` may do ``action``, or None."""
    for rule in rules.get(action, ()):
        grant = rule(actor, subject)
        if grant is not None:
            return grant
    return None


def require(actor: Actor, action: str, subject: Any, rules: Rules) -> Grant:
    """Return the grant, or refuse.

    Raises
    ------
    Unauthenticated
        The public tried; signing in may help.
    Forbidden
        The caller is known and may not.
    """
    grant = may(actor, action, subject, rules)
    if grant is not None:
        return grant
    if actor.is_public:
        raise Unauthenticated
    raise Forbidden(
        Text(
            f"您的角色不能执行“{action_title(action, _kind_of(rules)).zh}”",
            f"your roles do not allow '{action}'",
        )
    )


def _kind_of(rules: Rules) -> str:
    """Return the life cycle to which a table of rules belongs, if to any."""
    known = {
        "need": NEED_RULES,
        "offer": OFFER_RULES,
        "organisation": ORGANISATION_RULES,
        "user": USER_RULES,
    }
    return next((kind for kind, table in known.items() if table is rules), "")


def require_signed_in(actor: Actor) -> None:
    """Refuse the public."""
    if actor.is_public:
        raise Unauthenticated


def system(actor: Actor, subject: Any) -> Grant | None:  # noqa: ARG001
    """Jobs, commands and loaders."""
    return SYSTEM if actor.is_system else None


def signed_in(actor: Actor, subject: Any) -> Grant | None:  # noqa: ARG001
    """Anybody with an account."""
    return None if actor.is_public else Grant("member")


def operator(actor: Actor, subject: Any) -> Grant | None:  # noqa: ARG001
    """The operator of the market 平台运营方, in a verified organisation."""
    standing = next(iter(actor.with_role(Role.OPERATOR)), None)
    return Grant(Role.OPERATOR, standing.org_id) if standing else None


def _has_a_stake(actor: Actor, subject: Need | Offer) -> bool:
    """Whether the caller belongs to the owner, or began the object when he did."""
    mine = actor.user_id is not None and subject.created_by == actor.user_id
    return mine or subject.owner_org_id in actor.org_ids


def impartial_operator(actor: Actor, subject: Need | Offer) -> Grant | None:
    """An operator who neither belongs to the unit that he judges nor wrote the text."""
    if _has_a_stake(actor, subject):
        return None
    return operator(actor, subject)


def owner_member(actor: Actor, subject: Need | Offer) -> Grant | None:
    """A member of the owning unit who may write needs and offers."""
    standing = actor.standing_in(subject.owner_org_id)
    if standing is None:
        return None
    for role in (Role.DEMAND, Role.SUPPLIER, Role.UNIT_ADMIN):
        if role in standing.roles:
            return Grant(role, standing.org_id)
    return None


def owner_admin(actor: Actor, subject: Need | Offer) -> Grant | None:
    """The unit's own administrator 单位管理员, in a verified unit."""
    standing = actor.standing_in(subject.owner_org_id)
    if standing and standing.org_verified and Role.UNIT_ADMIN in standing.roles:
        return Grant(Role.UNIT_ADMIN, standing.org_id)
    return None


def owner_verified_member(actor: Actor, subject: Need | Offer) -> Grant | None:
    """A member of the owning unit, which is verified."""
    standing = actor.standing_in(subject.owner_org_id)
    if standing is None or not standing.org_verified:
        return None
    return owner_member(actor, subject)


def broker(actor: Actor, subject: Any) -> Grant | None:  # noqa: ARG001
    """A technology broker 技术经纪人, who sees recommendations."""
    standing = next(iter(actor.with_role(Role.BROKER)), None)
    return Grant(Role.BROKER, standing.org_id) if standing else None


def covers(reviewer_region: str, region: str) -> bool:
    """Tell whether a reviewer's GB/T 2260 code covers a seat's.

    A province (``370000``) covers its cities, a city (``370200``) its districts.
    """
    if not reviewer_region:
        return False
    return region.startswith(region_prefix(reviewer_region))


def region_prefix(code: str) -> str:
    """Return the digits that all places within a region share."""
    for zeros in ("0000", "00"):
        if code.endswith(zeros):
            return code[: -len(zeros)]
    return code


def district(actor: Actor, subject: Need) -> Grant | None:
    """A reviewer of the district or city of the owner's seat, not of the unit."""
    if _has_a_stake(actor, subject):
        return None
    for standing in actor.with_role(Role.DISTRICT_REVIEWER):
        if covers(standing.region, subject.owner_org.region):
            return Grant(Role.DISTRICT_REVIEWER, standing.org_id)
    return None


def in_turn(turns: Mapping[Any, Rule]) -> Rule:
    """Make the rule that only he may whose opinion the object's state waits for.

    In any other state, and while the text is its unit's own affair, each of them may,
    and the workflow refuses: who is refused must not learn of the state from how.
    """

    def rule(actor: Actor, subject: Need | Offer) -> Grant | None:
        asked = turns.get(subject.state) if subject.released else None
        candidates = turns.values() if asked is None else (asked,)
        return next(filter(None, (each(actor, subject) for each in candidates)), None)

    return rule


NEED_RULES: Rules = {
    "create": (system, owner_member),
    "edit": (system, owner_member),
    "delete": (system, owner_member),
    "submit": (system, owner_admin),
    "district-approve": (system, district),
    "return": (
        system,
        in_turn(
            {
                need_states.SUBMITTED: district,
                need_states.DISTRICT_OK: impartial_operator,
            }
        ),
    ),
    "formal-approve": (system, impartial_operator),
    "argue-pass": (system, impartial_operator),
    "argue-fail": (system, impartial_operator),
    "pool": (system, impartial_operator),
    "withdraw": (system, owner_admin, owner_verified_member),
    "discard": (system, owner_admin, owner_verified_member),
    "renew": (system, owner_admin),
    "grant": (system, owner_admin),
    "match": (system, owner_member, operator, district, broker),
}
OFFER_RULES: Rules = {
    "create": (system, owner_member),
    "edit": (system, owner_member),
    "delete": (system, owner_member),
    "submit": (system, owner_verified_member),
    "unit-approve": (system, owner_admin),
    "register": (system, impartial_operator),
    "reject": (system, impartial_operator),
    "list": (system, owner_admin, impartial_operator),
    "return": (
        system,
        in_turn(
            {
                offer_states.SUBMITTED: owner_admin,
                offer_states.UNIT_OK: impartial_operator,
            }
        ),
    ),
    "delist": (system, owner_admin, operator),
    "discard": (system, owner_admin, owner_verified_member),
    "grant": (system, owner_admin),
    "match": (system, owner_member, operator, broker),
}
AUDIT_RULES: Rules = {"read": (system, operator)}
SCORE_RULES: Rules = {"learn-score": (operator,), "use-score": (operator,)}


def unit_member(actor: Actor, subject: UUID) -> Grant | None:
    """Anybody who belongs to the organisation, whatever he does there."""
    standing = actor.standing_in(subject)
    if standing is None or not standing.roles:
        return None
    return Grant(min(r.value for r in standing.roles), standing.org_id)


def unit_writer(actor: Actor, subject: UUID | None) -> Grant | None:
    """A member of the organisation who may write its needs and offers."""
    standing = actor.standing_in(subject)
    if subject is None or standing is None:
        return None
    for role in (Role.DEMAND, Role.SUPPLIER, Role.UNIT_ADMIN):
        if role in standing.roles:
            return Grant(role, standing.org_id)
    return None


ATTACHMENT_RULES: Rules = {"create": (system, unit_member)}


def publisher(actor: Actor, subject: UUID | None) -> Grant | None:
    """An operator who brings checked records in, but never those of his own unit."""
    return None if subject in actor.org_ids else operator(actor, subject)


IMPORT_RULES: Rules = {
    "import-organisations": (system, operator),
    "import-needs": (system, unit_writer, operator),
    "import-offers": (system, unit_writer, operator),
    "publish": (system, publisher),
}


def own_admin(actor: Actor, subject: Organisation) -> Grant | None:
    """The unit's own administrator, whether or not the unit is verified yet."""
    standing = actor.standing_in(subject.id)
    if standing is None or Role.UNIT_ADMIN not in standing.roles:
        return None
    return Grant(Role.UNIT_ADMIN, standing.org_id)


def own_member(actor: Actor, subject: Organisation) -> Grant | None:
    """Anybody who belongs to the unit."""
    return unit_member(actor, subject.id)


def unrelated_operator(actor: Actor, subject: Organisation | None) -> Grant | None:
    """An operator who is not a member of the unit, if there is one, that he judges."""
    if subject is not None and actor.standing_in(subject.id):
        return None
    return operator(actor, subject)


ORGANISATION_RULES: Rules = {
    "create": (system, operator, signed_in),
    "edit": (system, own_admin, operator),
    "edit-verified": (system, unrelated_operator),
    "rate": (system, unrelated_operator),
    "verify": (system, unrelated_operator),
    "suspend": (system, unrelated_operator),
    "blacklist": (system, unrelated_operator),
    "reinstate": (system, unrelated_operator),
    "close": (system, unrelated_operator),
    "read-contact": (system, own_member, operator),
    "read-bank": (system, own_admin, operator),
    "read-events": (system, own_member, operator),
    "read-members": (system, own_member, operator),
    "manage-members": (system, own_admin, operator),
    "give-official-roles": (system, operator),
    "manage-teams": (system, own_admin, operator),
}
USER_RULES: Rules = {
    "read": (system, operator),
    "disable": (system, operator),
    "enable": (system, operator),
}
DISCLOSURE_RULES: Rules = {
    "read": (system, owner_member, operator),
    "grant": (system, owner_admin),
}


def sees_organisation(actor: Actor, org: Organisation) -> bool:
    """Whether the caller may know of a unit: verified ones are public."""
    if actor.is_system or org.state is OrganisationState.VERIFIED:
        return True
    return bool(actor.standing_in(org.id) or operator(actor, org))


def visible_organisations(actor: Actor) -> sa.ColumnElement[bool]:
    """Rows for which ``sees_organisation`` holds."""
    if actor.is_system or actor.has_role(Role.OPERATOR):
        return sa.true()
    verified = Organisation.state == OrganisationState.VERIFIED
    return sa.or_(verified, Organisation.id.in_(actor.org_ids))


def organisation_tier(actor: Actor, org: Organisation) -> Tier:
    """How much of a visible unit the caller reads."""
    if actor.is_system or own_member(actor, org) or operator(actor, org):
        return Tier.OWNER
    return Tier.VERIFIED if actor.is_verified else Tier.PUBLIC


def need_insider(actor: Actor, need: Need) -> bool:
    """The caller reads the working version, whatever its state."""
    return actor.is_system or owner_member(actor, need) is not None


def need_reviewer(actor: Actor, need: Need) -> bool:
    """The caller is asked for an opinion, now or later."""
    return bool(operator(actor, need) or district(actor, need))


def reads_working_need(actor: Actor, need: Need) -> bool:
    """Whether the caller reads the working version instead of the published one.

    A text that was never submitted belongs to its unit alone, also when withdrawn.
    """
    if need_insider(actor, need):
        return True
    return need.released and need_reviewer(actor, need)


def need_tier(actor: Actor, need: Need, granted: Iterable[UUID]) -> Tier:
    """How much of a visible need the caller reads."""
    if need_insider(actor, need) or need_reviewer(actor, need):
        return Tier.OWNER
    return outsider_tier(actor, need.id, granted)


def outsider_tier(actor: Actor, subject_id: UUID, granted: Iterable[UUID]) -> Tier:
    """Tier of somebody who neither owns nor reviews an object."""
    if subject_id in set(granted):
        return Tier.NDA
    return Tier.VERIFIED if actor.is_verified else Tier.PUBLIC


def withheld(disclosure: Disclosure, tier: Tier, *, kind: str) -> frozenset[str]:
    """Names of the fields above ``tier`` for an object shown this openly."""
    tiers = (NEED_TIERS if kind == "need" else OFFER_TIERS)[disclosure]
    return frozenset(name for name, needed in tiers.items() if needed > tier)


def granted_subjects(actor: Actor, kind: str) -> sa.Select[UUID]:
    """Objects whose NDA an organisation of the caller has signed."""
    orgs = [s.org_id for s in actor.standings if s.org_verified]
    return sa.select(DisclosureGrant.subject_id).where(
        DisclosureGrant.subject_kind == kind, DisclosureGrant.org_id.in_(orgs)
    )


def _owner_org_ids(actor: Actor) -> list[UUID]:
    writing = {Role.DEMAND, Role.SUPPLIER, Role.UNIT_ADMIN}
    return [s.org_id for s in actor.standings if s.roles & writing]


def _in_districts(
    owner: Any, standings: Iterable[Standing], own: list[UUID]
) -> sa.ColumnElement[bool]:
    clauses = [
        Organisation.region.like(f"{region_prefix(s.region)}%")
        for s in standings
        if s.region
    ]
    if not clauses:
        return sa.false()
    inside = owner.in_(sa.select(Organisation.id).where(sa.or_(*clauses)))
    return sa.and_(inside, owner.not_in(own)) if own else inside


def own_needs(actor: Actor) -> sa.ColumnElement[bool]:
    """Rows for which ``need_insider`` holds."""
    if actor.is_system:
        return sa.true()
    return Need.owner_org_id.in_(_owner_org_ids(actor))


def own_offers(actor: Actor) -> sa.ColumnElement[bool]:
    """Rows for which ``offer_insider`` holds."""
    if actor.is_system:
        return sa.true()
    return Offer.owner_org_id.in_(_owner_org_ids(actor))


def working_needs(actor: Actor) -> sa.ColumnElement[bool]:
    """Rows for which ``reads_working_need`` holds."""
    if actor.is_system:
        return sa.true()
    own = own_needs(actor)
    if actor.has_role(Role.OPERATOR):
        return sa.or_(own, Need.released)
    reviewers = actor.with_role(Role.DISTRICT_REVIEWER)
    within = _in_districts(Need.owner_org_id, reviewers, list(actor.org_ids))
    return sa.or_(own, sa.and_(Need.released, within))


def _units_in_good_standing() -> sa.Select[UUID]:
    """Units whose listings the market shows: suspended and closed ones rest."""
    return sa.select(Organisation.id).where(
        Organisation.state == OrganisationState.VERIFIED
    )


def _units_at_rest() -> sa.Select[UUID]:
    return sa.select(Organisation.id).where(
        Organisation.state != OrganisationState.VERIFIED
    )


def _meant_for(actor: Actor) -> sa.ColumnElement[bool]:
    """Needs whose firm has a unit of the caller in mind."""
    orgs = [s.org_id for s in actor.standings if s.org_verified]
    return sa.exists().where(
        NeedIntendedUnit.version_id == Need.published_version_id,
        NeedIntendedUnit.org_id.in_(orgs),
    )


def library_needs(actor: Actor) -> sa.ColumnElement[bool]:
    """Rows that an outsider finds in the needs library."""
    targeted = sa.exists().where(
        NeedVersion.id == Need.published_version_id,
        NeedVersion.disclosure == Disclosure.TARGETED,
    )
    meant = _meant_for(actor)
    return sa.and_(
        Need.published_version_id.is_not(None),
        Need.state.in_(need_states.SHOWN),
        Need.owner_org_id.in_(_units_in_good_standing()),
        sa.or_(Need.valid_until.is_(None), Need.valid_until >= actor.today),
        sa.or_(~targeted, meant, Need.id.in_(granted_subjects(actor, "need"))),
    )


def needs_kept_from(actor: Actor) -> sa.Select[UUID]:
    """Published needs that ``library_needs`` hides from the caller: a few.

    Written from the rare side, so that a ranking need not walk the whole library.
    """
    targeted = (
        sa.select(Need.id)
        .join(NeedVersion, NeedVersion.id == Need.published_version_id)
        .where(
            NeedVersion.disclosure == Disclosure.TARGETED,
            ~_meant_for(actor),
            Need.id.not_in(granted_subjects(actor, "need")),
        )
    )
    return sa.select(sa.union(targeted, *_needs_at_rest(actor)).subquery().c.id)


def needs_at_rest(actor: Actor) -> sa.Select[UUID]:
    """Published needs that nobody is to answer: out of date, or of a unit at rest."""
    return sa.select(sa.union(*_needs_at_rest(actor)).subquery().c.id)


def _needs_at_rest(actor: Actor) -> tuple[sa.Select[UUID], sa.Select[UUID]]:
    over = sa.select(Need.id).where(
        Need.published_version_id.is_not(None), Need.valid_until < actor.today
    )
    resting = sa.select(Need.id).where(
        Need.published_version_id.is_not(None), Need.owner_org_id.in_(_units_at_rest())
    )
    return over, resting


def visible_needs(actor: Actor) -> sa.ColumnElement[bool]:
    """Every need that the caller may know of."""
    if actor.is_system:
        return sa.true()
    seen = sa.or_(working_needs(actor), library_needs(actor))
    published = Need.published_version_id.is_not(None)
    if actor.has_role(Role.OPERATOR):
        return sa.or_(seen, published)
    reviewers = actor.with_role(Role.DISTRICT_REVIEWER)
    within = _in_districts(Need.owner_org_id, reviewers, list(actor.org_ids))
    return sa.or_(seen, sa.and_(published, within))


def offer_insider(actor: Actor, offer: Offer) -> bool:
    """The caller reads the working version, whatever its state."""
    return actor.is_system or owner_member(actor, offer) is not None


def reads_working_offer(actor: Actor, offer: Offer) -> bool:
    """Whether the caller reads the working version instead of the published one.

    What the unit has not yet approved does not leave the unit.
    """
    if offer_insider(actor, offer):
        return True
    return offer.released and operator(actor, offer) is not None


def offer_tier(actor: Actor, offer: Offer, granted: Iterable[UUID]) -> Tier:
    """How much of a visible offer the caller reads."""
    if offer_insider(actor, offer) or operator(actor, offer):
        return Tier.OWNER
    return outsider_tier(actor, offer.id, granted)


def working_offers(actor: Actor) -> sa.ColumnElement[bool]:
    """Rows for which ``reads_working_offer`` holds."""
    if actor.is_system:
        return sa.true()
    own = own_offers(actor)
    if actor.has_role(Role.OPERATOR):
        return sa.or_(own, Offer.released)
    return own


def market_offers(actor: Actor) -> sa.ColumnElement[bool]:
    """Rows that an outsider finds on the market."""
    targeted = sa.exists().where(
        OfferVersion.id == Offer.published_version_id,
        OfferVersion.disclosure == Disclosure.TARGETED,
    )
    return sa.and_(
        Offer.published_version_id.is_not(None),
        Offer.state.in_(offer_states.SHOWN),
        Offer.owner_org_id.in_(_units_in_good_standing()),
        sa.or_(~targeted, Offer.id.in_(granted_subjects(actor, "offer"))),
    )


def offers_kept_from(actor: Actor) -> sa.Select[UUID]:
    """Published offers that ``market_offers`` hides from the caller: a few."""
    targeted = (
        sa.select(Offer.id)
        .join(OfferVersion, OfferVersion.id == Offer.published_version_id)
        .where(
            OfferVersion.disclosure == Disclosure.TARGETED,
            Offer.id.not_in(granted_subjects(actor, "offer")),
        )
    )
    resting = sa.select(Offer.id).where(
        Offer.published_version_id.is_not(None),
        Offer.owner_org_id.in_(_units_at_rest()),
    )
    return sa.select(sa.union(targeted, resting).subquery().c.id)


def visible_offers(actor: Actor) -> sa.ColumnElement[bool]:
    """Every offer that the caller may know of."""
    if actor.is_system:
        return sa.true()
    seen = sa.or_(working_offers(actor), market_offers(actor))
    if actor.has_role(Role.OPERATOR):
        return sa.or_(seen, Offer.published_version_id.is_not(None))
    return seen
