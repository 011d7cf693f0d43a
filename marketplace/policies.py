"""Who may do what, and who may see what: rules with their WHERE clauses beside them.

An action with no rule is refused. A rule answers with the hat under which the caller
may act (``Grant``), because the ledger keeps the role that the actor had then. Being
owner comes from the row, never from the request.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace.domain import needs as need_states
from marketplace.domain import offers as offer_states
from marketplace.domain.actions import action_title
from marketplace.domain.actors import Actor, Standing
from marketplace.domain.dockings import DISCLOSING, TALKING, DockingSide
from marketplace.domain.needs import NEED_TIERS, Disclosure
from marketplace.domain.offers import OFFER_TIERS
from marketplace.domain.organisations import OrganisationState
from marketplace.domain.roles import Role, Tier
from marketplace.errors import Forbidden, Text, Unauthenticated
from marketplace.models.conflicts import ConflictCheck
from marketplace.models.docking_days import DockingDay, DockingTalk
from marketplace.models.dockings import Docking, NdaAcceptance
from marketplace.models.needs import Need, NeedIntendedUnit, NeedVersion
from marketplace.models.offers import Offer, OfferVersion
from marketplace.models.organisations import DisclosureGrant, Organisation
from marketplace.models.reports import IssuedReport


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
        "conflict_check": CONFLICT_RULES,
        "docking-day": DOCKING_DAY_RULES,
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


def in_verified_unit(standing: Standing | None, *roles: Role) -> Grant | None:
    """Somebody with one of the roles, the first that he has, in a verified unit."""
    if standing is None or not standing.org_verified:
        return None
    found = next((role for role in roles if role in standing.roles), None)
    return Grant(found, standing.org_id) if found is not None else None


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
MESSAGE_RULES: Rules = {"preview-group": (operator,), "send-group": (operator,)}
AUDIT_RULES: Rules = {"read": (system, operator)}


def provincial(actor: Actor, subject: Any) -> Grant | None:  # noqa: ARG001
    """The provincial authority 省级主管部门."""
    standing = next(iter(actor.with_role(Role.PROVINCIAL_AUTHORITY)), None)
    if standing is None:
        return None
    return Grant(Role.PROVINCIAL_AUTHORITY, standing.org_id)


@dataclass(frozen=True, slots=True)
class FigureScope:
    """Of which part of the market somebody may have figures and their rows.

    Parameters
    ----------
    everything : bool
        All of it: operators and the provincial authority. The public's totals are
        made of everything too, and are ``public``.
    regions : tuple of str
        GB/T 2260 codes of the places that a district reviewer answers for.
    registries : tuple of UUID
        Registries for which the caller is clerk or reviewer; contracts only.
    public : bool
        Only totals, with small cells hidden, and never a row.
    """

    everything: bool = False
    regions: tuple[str, ...] = ()
    registries: tuple[UUID, ...] = ()
    public: bool = False


def figure_scope(actor: Actor, *, contracts: bool) -> FigureScope:
    """Return of what the caller may have figures.

    Parameters
    ----------
    contracts : bool
        The figures are of contracts, which the registries may have too.
    """
    if actor.is_system or operator(actor, None) or provincial(actor, None):
        return FigureScope(everything=True)
    regions = {s.region for s in actor.with_role(Role.DISTRICT_REVIEWER) if s.region}
    registries = {
        s.org_id
        for role in (Role.REGISTRY_CLERK, Role.REGISTRY_REVIEWER)
        for s in actor.with_role(role)
        if contracts
    }
    if not regions and not registries:
        return FigureScope(everything=True, public=True)
    return FigureScope(
        regions=tuple(sorted(regions)), registries=tuple(sorted(registries))
    )


def within(column: Any, regions: Collection[str]) -> sa.ColumnElement[bool]:
    """Rows whose place lies in one of some regions; the rule is ``covers``."""
    if not regions:
        return sa.false()
    return sa.or_(*(column.like(f"{region_prefix(r)}%") for r in sorted(regions)))


def statistician(actor: Actor, subject: Any) -> Grant | None:
    """Who answers for statistics: the operator, or the provincial authority."""
    return operator(actor, subject) or provincial(actor, subject)


@dataclass(frozen=True, slots=True)
class ReportPlace:
    """Whose report it is: of a region, or of one unit."""

    region: str = ""
    org_id: UUID | None = None


def reported_unit(actor: Actor, subject: ReportPlace) -> Grant | None:
    """The administrator of the unit that a conversion report is about."""
    standing = actor.standing_in(subject.org_id)
    if standing is None or not standing.org_verified:
        return None
    if Role.UNIT_ADMIN not in standing.roles:
        return None
    return Grant(Role.UNIT_ADMIN, standing.org_id)


def reported_member(actor: Actor, subject: ReportPlace) -> Grant | None:
    """A member, who writes for it, of the unit that a report is about."""
    standing = actor.standing_in(subject.org_id)
    if standing is None or not standing.org_verified:
        return None
    return unit_writer(actor, subject.org_id)


def reported_district(actor: Actor, subject: ReportPlace) -> Grant | None:
    """A reviewer of the district or city that a report is about."""
    if subject.org_id is not None:
        return None
    for standing in actor.with_role(Role.DISTRICT_REVIEWER):
        if subject.region and covers(standing.region, subject.region):
            return Grant(Role.DISTRICT_REVIEWER, standing.org_id)
    return None


REPORT_RULES: Rules = {
    "read": (system, statistician, reported_district, reported_member),
    "prepare": (system, statistician, reported_district, reported_member),
    "issue": (system, statistician, reported_unit),
}


def visible_reports(actor: Actor) -> sa.ColumnElement[bool]:
    """Issued reports for which the rule ``read`` holds."""
    if actor.is_system or statistician(actor, None):
        return sa.true()
    units = [
        s.org_id
        for s in actor.standings
        if reported_member(actor, ReportPlace(org_id=s.org_id))
    ]
    regions = [s.region for s in actor.with_role(Role.DISTRICT_REVIEWER) if s.region]
    return sa.or_(
        one_of(IssuedReport.org_id, units),
        sa.and_(IssuedReport.org_id.is_(None), within(IssuedReport.region, regions)),
    )


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


def impartial_judge(actor: Actor, subject: ConflictCheck) -> Grant | None:
    """An operator who is no party, nor belongs to one or to a unit on the way."""
    if actor.user_id in subject.users or actor.org_ids & subject.units:
        return None
    return operator(actor, subject)


CONFLICT_RULES: Rules = {
    "read": (operator,),
    "clear": (impartial_judge,),
    "uphold": (impartial_judge,),
}


def talk_firm(actor: Actor, subject: DockingTalk) -> Grant | None:
    """A member of the firm whose need a talk was about."""
    return unit_writer(actor, subject.firm_org_id)


DOCKING_DAY_RULES: Rules = {
    "create": (system, operator),
    "edit": (system, operator),
    "read": (system, operator),
    "solve": (system, operator),
    "cancel": (system, operator),
    # A person deploys, never the machine that planned.
    "deploy": (operator,),
    "finish": (system, operator),
    "call-off": (system, operator),
}
TALK_RULES: Rules = {"record-outcome": (system, operator, talk_firm)}
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


def one_of(column: Any, values: Collection[Any]) -> sa.ColumnElement[bool]:
    """Tell whether a column holds one of some values, each written out.

    A plain ``in_`` has its statement written anew whenever it runs. States and other
    codes stand in the statement themselves, for they never differ; in order, so that
    every process writes the same statement.
    """
    if not values:
        return sa.false()
    found: sa.ColumnElement[bool] = column.in_(
        [
            sa.literal_column(f"'{value.value}'", column.type)
            if isinstance(value, StrEnum)
            else sa.literal(value, column.type)
            for value in sorted(values)
        ]
    )
    return found


def granted_subjects(
    actor: Actor, kind: str, among: Collection[UUID] = ()
) -> sa.Select[UUID]:
    """Objects whose protected fields are open to the caller.

    Either an organisation of his has signed the owner's agreement, or he himself has
    accepted the one that both sides of a docking agreed on, and belongs to the unit
    for which he did. To a broker an owner opens them by a grant: what the two sides
    agreed on does not bind them towards him.

    Parameters
    ----------
    among : collection of UUID, optional
        Only these are asked about.
    """
    orgs = [s.org_id for s in actor.standings if s.org_verified]
    of_unit = sa.select(DisclosureGrant.subject_id.label("subject_id")).where(
        DisclosureGrant.subject_kind == kind, one_of(DisclosureGrant.org_id, orgs)
    )
    subject = Docking.need_id if kind == "need" else Docking.offer_id
    of_person = (
        sa.select(subject.label("subject_id"))
        .join(NdaAcceptance, NdaAcceptance.docking_id == Docking.id)
        .where(
            NdaAcceptance.user_id == actor.user_id,
            NdaAcceptance.number == Docking.nda_number,
            one_of(NdaAcceptance.org_id, orgs),
            one_of(NdaAcceptance.side, (DockingSide.NEED, DockingSide.OFFER)),
            one_of(Docking.state, DISCLOSING),
        )
    )
    if among:
        of_unit = of_unit.where(DisclosureGrant.subject_id.in_(among))
        of_person = of_person.where(subject.in_(among))
    return sa.select(sa.union_all(of_unit, of_person).subquery().c.subject_id)


def is_granted(column: Any, actor: Actor, kind: str) -> sa.ColumnElement[bool]:
    """Tell whether the protected fields of an object are open to the caller."""
    if not any(s.org_verified for s in actor.standings):
        return sa.false()
    granted: sa.ColumnElement[bool] = column.in_(granted_subjects(actor, kind))
    return granted


def _owner_org_ids(actor: Actor) -> list[UUID]:
    writing = {Role.DEMAND, Role.SUPPLIER, Role.UNIT_ADMIN}
    return [s.org_id for s in actor.standings if s.roles & writing]


def _in_districts(
    actor: Actor, condition: sa.ColumnElement[bool] | Any
) -> sa.ColumnElement[bool]:
    """Needs that meet a condition and for which ``district`` holds."""
    clauses = [
        Organisation.region.like(f"{region_prefix(s.region)}%")
        for s in actor.with_role(Role.DISTRICT_REVIEWER)
        if s.region
    ]
    if not clauses:
        return sa.false()
    owner = Need.owner_org_id
    inside = owner.in_(sa.select(Organisation.id).where(sa.or_(*clauses)))
    no_stake = sa.and_(
        Need.created_by.is_distinct_from(actor.user_id),
        sa.not_(one_of(owner, actor.org_ids)),
    )
    return sa.and_(condition, inside, no_stake)


def own_needs(actor: Actor) -> sa.ColumnElement[bool]:
    """Rows for which ``need_insider`` holds."""
    if actor.is_system:
        return sa.true()
    return one_of(Need.owner_org_id, _owner_org_ids(actor))


def own_offers(actor: Actor) -> sa.ColumnElement[bool]:
    """Rows for which ``offer_insider`` holds."""
    if actor.is_system:
        return sa.true()
    return one_of(Offer.owner_org_id, _owner_org_ids(actor))


def working_needs(actor: Actor) -> sa.ColumnElement[bool]:
    """Rows for which ``reads_working_need`` holds."""
    if actor.is_system:
        return sa.true()
    own = own_needs(actor)
    if actor.has_role(Role.OPERATOR):
        return sa.or_(own, Need.released)
    return sa.or_(own, _in_districts(actor, Need.released))


def _meant_for(actor: Actor) -> sa.ColumnElement[bool]:
    """Needs whose firm has a unit of the caller in mind."""
    orgs = [s.org_id for s in actor.standings if s.org_verified]
    if not orgs:
        return sa.false()
    return sa.exists().where(
        NeedIntendedUnit.version_id == Need.published_version_id,
        one_of(NeedIntendedUnit.org_id, orgs),
    )


_OWNER = so.aliased(Organisation)
"""The owner in a condition of its own, also where a statement reads owners itself."""


@dataclass(frozen=True)
class Shelf:
    """What an outsider finds of a kind of object, and why he does not find the rest.

    The rule stands here once. A list asks for the rows that meet it, a ranking for the
    few published ones that do not, a total for their number.

    Parameters
    ----------
    shown : set of state
        Where outsiders read the published version, if there is one.
    published : set of state
        The part of it in which the store itself asks for a published version.
    over : expression of bool
        The row has passed its day or is paused; never null.
    open_to : expression of bool
        The caller is among those for whom a targeted row is meant.
    """

    model: type[Need | Offer]
    version: type[NeedVersion | OfferVersion]
    shown: frozenset[Any]
    published: frozenset[Any]
    over: sa.ColumnElement[bool]
    open_to: sa.ColumnElement[bool]

    def _is_published(self) -> sa.ColumnElement[bool]:
        return self.model.published_version_id.is_not(None)

    def _is_shown(self) -> sa.ColumnElement[bool]:
        """Tell whether the state is one that outsiders are shown.

        Nearly every state is, so it is said in the negative: SQLite then does not look
        for the few rows of a ranking by their states instead of by their identifiers.
        """
        states = frozenset(self.model.state.type.python_type)
        return sa.not_(one_of(self.model.state, states - self.shown))

    def _rests(self) -> sa.ColumnElement[bool]:
        """Tell whether the owner is suspended or closed, or not verified yet."""
        return ~sa.exists().where(
            _OWNER.id == self.model.owner_org_id,
            _OWNER.state == OrganisationState.VERIFIED,
        )

    def _is_targeted(self) -> sa.ColumnElement[bool]:
        return sa.exists().where(
            self.version.id == self.model.published_version_id,
            self.version.disclosure == Disclosure.TARGETED,
        )

    def rows(self) -> sa.ColumnElement[bool]:
        """Rows that the caller finds."""
        return sa.and_(
            self._is_published(),
            self._is_shown(),
            sa.not_(self._rests()),
            sa.not_(self.over),
            sa.or_(sa.not_(self._is_targeted()), self.open_to),
        )

    def stands(self) -> sa.ColumnElement[bool]:
        """Rows with a published version, of units that are not at rest."""
        return sa.and_(self._is_published(), sa.not_(self._rests()))

    def _of_units_at_rest(self) -> sa.ColumnElement[bool]:
        """Say ``_rests`` from the side of the units: there are few of them."""
        resting = sa.select(Organisation.id).where(
            Organisation.state != OrganisationState.VERIFIED
        )
        return self.model.owner_org_id.in_(resting)

    def _targeted(self, *columns: Any) -> sa.Select[*tuple[Any, ...]]:
        """Return columns of what is targeted at others than the caller."""
        return (
            sa.select(*columns)
            .select_from(self.version)
            .join(self.model, self.model.published_version_id == self.version.id)
            .where(
                self.version.disclosure == Disclosure.TARGETED, sa.not_(self.open_to)
            )
        )

    def kept_back(self) -> sa.Select[UUID]:
        """Return the published objects that ``rows`` leaves out, for any reason.

        Written from the rare side, so that a ranking need not walk the whole shelf.
        """
        reasons = (self._targeted(self.model.id), *self._resting())
        return sa.select(sa.union(*reasons).subquery().c.id)

    def at_rest(self) -> sa.Select[UUID]:
        """Return the published objects whose day has passed or whose unit rests."""
        return sa.select(sa.union(*self._resting()).subquery().c.id)

    def _resting(self) -> tuple[sa.Select[UUID], sa.Select[UUID]]:
        found = sa.select(self.model.id).where(self._is_published())
        return found.where(self.over), found.where(self._of_units_at_rest())

    def size(self) -> sa.ColumnElement[int]:
        """Count ``rows`` by the indexes, from the rare side.

        All there is, less what is not published, less what has passed its day, less
        what units at rest own, less what is targeted at others. A row is taken off
        once, for the first of these reasons, and rows are read only of what is taken
        off: all there is the store knows from its smallest index.
        """
        model = self.model
        count = sa.select(sa.func.count()).select_from(model)
        there = self._is_published()
        in_time = sa.and_(there, self._is_shown(), sa.not_(self.over))
        of_unit = count.where(model.owner_org_id == Organisation.id, in_time)
        resting = sa.select(
            sa.func.coalesce(
                sa.func.sum(of_unit.correlate(Organisation).scalar_subquery()), 0
            )
        ).where(Organisation.state != OrganisationState.VERIFIED)
        targeted = self._targeted(sa.func.count()).where(
            in_time, sa.not_(self._of_units_at_rest())
        )
        states = frozenset(model.state.type.python_type)
        unpublished = count.where(
            one_of(model.state, states - self.published),
            sa.not_(sa.and_(there, self._is_shown())),
        )
        return (
            _alone(count)
            - _alone(unpublished)
            - _alone(count.where(one_of(model.state, self.shown), there, self.over))
            - sa.cast(_alone(resting), sa.Integer)
            - _alone(targeted)
        )

    def size_with(self, own: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
        """Count ``rows`` and beside them the caller's own."""
        more = sa.select(sa.func.count()).select_from(self.model)
        return self.size() + _alone(more.where(own, sa.not_(self.rows())))


def _alone(statement: sa.Select[*tuple[Any, ...]]) -> sa.ScalarSelect[int]:
    """Return a number that has nothing to do with the statement that it stands in."""
    return statement.correlate(None).scalar_subquery()


def _library(actor: Actor) -> Shelf:
    """The needs library."""
    until = Need.valid_until
    return Shelf(
        Need,
        NeedVersion,
        shown=need_states.SHOWN,
        published=need_states.PUBLISHED,
        over=sa.or_(
            sa.and_(until.is_not(None), until < actor.today),
            Need.paused_at.is_not(None),
        ),
        open_to=sa.or_(_meant_for(actor), is_granted(Need.id, actor, "need")),
    )


def _market(actor: Actor) -> Shelf:
    """The market of offers."""
    return Shelf(
        Offer,
        OfferVersion,
        shown=offer_states.SHOWN,
        published=offer_states.PUBLISHED,
        over=Offer.paused_at.is_not(None),
        open_to=is_granted(Offer.id, actor, "offer"),
    )


def library_needs(actor: Actor) -> sa.ColumnElement[bool]:
    """Rows that an outsider finds in the needs library."""
    return _library(actor).rows()


def docked_needs(actor: Actor) -> sa.ColumnElement[bool]:
    """Needs about which the caller's unit talks, be they on the market or not.

    What is read by who takes part in a docking is no longer a matter of the library.
    """
    return _docked(actor, _library(actor), Docking.need_id, Docking.offer_org_id)


def docked_offers(actor: Actor) -> sa.ColumnElement[bool]:
    """Offers about which the caller's unit talks, be they on the market or not."""
    return _docked(actor, _market(actor), Docking.offer_id, Docking.need_org_id)


def _docked(
    actor: Actor, shelf: Shelf, subject: Any, partner: Any
) -> sa.ColumnElement[bool]:
    orgs = [
        s.org_id
        for s in actor.standings
        if s.org_verified and s.org_id in _owner_org_ids(actor)
    ]
    if not orgs:
        return sa.false()
    talks = sa.exists().where(
        subject == shelf.model.id,
        one_of(partner, orgs),
        one_of(Docking.state, TALKING | DISCLOSING),
    )
    return sa.and_(shelf.stands(), talks)


def needs_kept_from(actor: Actor) -> sa.Select[UUID]:
    """Published needs that ``library_needs`` hides from the caller: a few."""
    return _library(actor).kept_back()


def needs_at_rest(actor: Actor) -> sa.Select[UUID]:
    """Published needs that nobody is to answer: out of date, paused, or at rest."""
    return _library(actor).at_rest()


def visible_needs(actor: Actor) -> sa.ColumnElement[bool]:
    """Every need that the caller may know of."""
    if actor.is_system:
        return sa.true()
    seen = sa.or_(working_needs(actor), library_needs(actor))
    published = Need.published_version_id.is_not(None)
    if actor.has_role(Role.OPERATOR):
        return sa.or_(seen, published)
    return sa.or_(seen, _in_districts(actor, published))


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
    return _market(actor).rows()


def offers_kept_from(actor: Actor) -> sa.Select[UUID]:
    """Published offers that ``market_offers`` hides from the caller: a few."""
    return _market(actor).kept_back()


def visible_offers(actor: Actor) -> sa.ColumnElement[bool]:
    """Every offer that the caller may know of."""
    if actor.is_system:
        return sa.true()
    seen = sa.or_(working_offers(actor), market_offers(actor))
    if actor.has_role(Role.OPERATOR):
        return sa.or_(seen, Offer.published_version_id.is_not(None))
    return seen


def visible_needs_size(actor: Actor) -> sa.ColumnElement[int] | None:
    """Return how many rows ``visible_needs`` has; None for who has to walk them.

    Reviewers and operators do: what they read is not rare.
    """
    if actor.is_system or actor.has_role(Role.OPERATOR):
        return None
    if actor.has_role(Role.DISTRICT_REVIEWER):
        return None
    return _library(actor).size_with(own_needs(actor))


def visible_offers_size(actor: Actor) -> sa.ColumnElement[int] | None:
    """Return how many rows ``visible_offers`` has; None for who has to walk them."""
    if actor.is_system or actor.has_role(Role.OPERATOR):
        return None
    return _market(actor).size_with(own_offers(actor))


def visible_talks(actor: Actor) -> sa.ColumnElement[bool]:
    """Talks that the caller may know of: an operator's all, a participant's own.

    Who writes for the firm or for the team's unit takes part for it; a broker does
    not, whomever he has brought together.
    """
    if actor.is_system or actor.has_role(Role.OPERATOR):
        return sa.true()
    orgs = _owner_org_ids(actor)
    return sa.or_(
        one_of(DockingTalk.firm_org_id, orgs), one_of(DockingTalk.unit_org_id, orgs)
    )


def visible_docking_days(actor: Actor) -> sa.ColumnElement[bool]:
    """Days that the caller may know of: an operator's all, else those of own talks."""
    if actor.is_system or actor.has_role(Role.OPERATOR):
        return sa.true()
    return sa.exists().where(DockingTalk.day_id == DockingDay.id, visible_talks(actor))
