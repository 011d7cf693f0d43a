"""Transfer institutions 技术转移机构: applied, recommended, recorded, evaluated."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace import broker_policies as rights
from marketplace import policies
from marketplace.domain.actors import Actor
from marketplace.domain.brokers import (
    ASKING,
    CURRENT,
    INSTITUTION_WORKFLOW,
    ON_RECORD,
    STAYING,
)
from marketplace.domain.ids import new_id
from marketplace.domain.masking import mask_name
from marketplace.domain.roles import Role, Tier
from marketplace.errors import Conflict, IllegalTransition, Text
from marketplace.models.brokers import BrokerInstitution
from marketplace.models.organisations import Organisation
from marketplace.services import contents, duties, events, rules, serials, steps
from marketplace.services.duties import Whom
from marketplace.services.fields import (
    Amount,
    Code,
    Custom,
    Field,
    Items,
    Lines,
    Reader,
    Whole,
    Words,
    thawed,
)
from marketplace.services.paging import Listing

Values = dict[str, Any]
PATH = "/api/v1/broker-institutions"
MOST_PEOPLE, MOST_NUMBER, MOST_GROWTH = 50_000_000, 100_000_000, 100_000
ACHIEVEMENT: tuple[Field, ...] = (
    Words("name", most=200),
    Words("demand_side", most=120),
    Words("supply_side", most=120),
    Amount("amount_yuan"),
)
"""An achievement traded 成果交易."""
PEOPLE = (
    "staff_total",
    "staff_master",
    "staff_bachelor",
    "staff_college",
    "staff_senior",
    "staff_middle",
    "staff_brokers",
    "staff_full_time",
)
INCOME = (
    "income_operating_yuan",
    "income_working_funds_yuan",
    "income_transfer_services_yuan",
    "income_national_yuan",
    "income_local_yuan",
    "income_own_yuan",
    "income_other_yuan",
)


def _growth(reader: Reader, value: Any, pointer: str) -> str | None:
    """Read a growth in per cent, which may fall below zero; kept as its digits."""
    figure = reader.figure(value, pointer)
    if figure is not None and abs(figure) > MOST_GROWTH:
        reader.wrong(pointer, "out_of_range", "超出合理范围", "is out of range")
    return _digits(figure)


CONTENT: tuple[Field, ...] = (
    Words("head", most=60),
    Lines("main_services", length=100, most=20),
    Whole("office_area_m2", most=10_000_000),
    Words("website", most=200),
    Words("database", most=500),
    *(Whole(name, most=MOST_PEOPLE) for name in PEOPLE),
    Whole("figures_year", least=1990, most=2200),
    Words("economic_effect", most=2000),
    Items("achievements", table=ACHIEVEMENT, most=200),
    Whole("trainings", most=MOST_NUMBER),
    Whole("needs_collected", most=MOST_NUMBER),
    *(Amount(name) for name in INCOME),
    Custom("income_growth_percent", _growth),
    Lines("cases", length=1000, most=20),
)
"""What the application form asks (domain reference, section 11) beyond what the unit's
own record holds: name, founding, credit code, economic nature, address, contact."""
CODED: tuple[Field, ...] = (
    Code("legal_type", list_id="institution_legal_type"),
    Code("unit_type", list_id="institution_unit_type"),
)
TABLE = (*CODED, *CONTENT)
TIERS: dict[str, Tier] = {
    **dict.fromkeys(INCOME, Tier.OWNER),
    "income_growth_percent": Tier.OWNER,
    "economic_effect": Tier.OWNER,
    "achievements": Tier.VERIFIED,
    "removal_reason": Tier.OWNER,
}
"""The tier that a field needs; the head's name is masked below ``VERIFIED``."""


def _is_ready(institution: BrokerInstitution, action: str) -> bool:
    """The province records what a city has recommended; nobody recommends twice."""
    if action == "record":
        return institution.recommended_at is not None
    return action != "recommend" or institution.recommended_at is None


KIND: steps.Kind[BrokerInstitution] = steps.Kind(
    name="institution",
    path=f"{PATH}/{{id}}",
    model=BrokerInstitution,
    workflow=INSTITUTION_WORKFLOW,
    rules=rights.INSTITUTION_RULES,
    visible=rights.visible_institutions,
    options=(so.joinedload(BrokerInstitution.org),),
    staying=STAYING,
    possible=_is_ready,
)


def get(session: so.Session, actor: Actor, institution_id: UUID) -> BrokerInstitution:
    """Return an institution that the caller may know of.

    Raises
    ------
    NotFound
    """
    return steps.get(session, actor, KIND, institution_id)


def values_of(institution: BrokerInstitution) -> Values:
    """Return the application form with its types."""
    return {
        "legal_type": institution.legal_type,
        "unit_type": institution.unit_type,
        **thawed(CONTENT, institution.content),
    }


def apply(
    session: so.Session, actor: Actor, data: Mapping[str, Any]
) -> BrokerInstitution:
    """Apply for the record of the caller's unit.

    Parameters
    ----------
    data : mapping
        ``organisation_id``, needed by who administers several units; the form.

    Raises
    ------
    Unauthenticated, Forbidden, Invalid
    Conflict
        The unit has an application or a record already.
    """
    policies.require_signed_in(actor)
    org_id = _unit(actor, data.get("organisation_id"))
    grant = policies.require(
        actor, "apply-for-record", org_id, rights.INSTITUTION_RULES
    )
    # The unit's row is what two applications at once wait for.
    session.execute(
        sa.select(Organisation.id).where(Organisation.id == org_id).with_for_update()
    )
    if session.scalar(sa.select(sa.exists().where(BrokerInstitution.org_id == org_id))):
        raise Conflict(
            Text("本单位已申请或已备案", "this unit has applied or is on record")
        )
    before = {field.name: field.empty for field in TABLE}
    given = {k: v for k, v in data.items() if k != "organisation_id"}
    values = _read(session, actor, given, before)
    institution = BrokerInstitution(
        id=new_id(),
        org_id=org_id,
        state=INSTITUTION_WORKFLOW.initial,
        applied_at=actor.now,
        created_at=actor.now,
        updated_at=actor.now,
        evaluations=[],
    )
    _write(institution, values)
    session.add(institution)
    session.flush()
    events.record(
        session,
        actor,
        institution,
        "institution.apply",
        role=grant.role,
        org_id=grant.org_id,
        to_state=institution.state.value,
        changes=events.difference(before, values),
    )
    session.flush()
    found = get(session, actor, institution.id)
    _owe(session, actor, found)
    return found


def _owe(session: so.Session, actor: Actor, institution: BrokerInstitution) -> None:
    """Have the operator, and then the province, owe what an application waits for."""
    duties.close(session, actor, kind="institution", subject_id=institution.id)
    if institution.state not in ASKING:
        return
    step, role = "recommend-institution", Role.OPERATOR
    if institution.recommended_at is not None:
        step, role = "record-institution", Role.PROVINCIAL_AUTHORITY
    days = rules.in_force(session, "broker.duties", on=actor.today).value
    duties.open_(
        session,
        actor,
        Whom(role=role),
        step,
        kind="institution",
        subject_id=institution.id,
        title=institution.org.name,
        number=institution.record_no or "",
        due_on=duties.promise(session, actor, days[step]),
    )


def _unit(actor: Actor, given: UUID | None) -> UUID:
    """Return the unit that applies."""
    if given is not None:
        return given
    able = [
        s.org_id
        for s in actor.standings
        if policies.may(actor, "apply-for-record", s.org_id, rights.INSTITUTION_RULES)
    ]
    if not able:
        policies.require(actor, "apply-for-record", new_id(), rights.INSTITUTION_RULES)
    return min(able)


def _write(institution: BrokerInstitution, values: Values) -> None:
    institution.legal_type = values["legal_type"]
    institution.unit_type = values["unit_type"]
    institution.content = events.plain({f.name: values[f.name] for f in CONTENT})


def _read(
    session: so.Session, actor: Actor, data: Mapping[str, Any], before: Values
) -> Values:
    reader = Reader(session, actor.today)
    values = before | contents.read(TABLE, reader, data, before)
    contents.require_filled(reader, values, ("legal_type", "unit_type"))
    total = values["staff_total"]
    for name in PEOPLE[1:]:
        number = values[name]
        if number is not None and (total is None or number > total):
            reader.wrong(
                f"/{name}",
                "more_than_all",
                "不能多于职工总数",
                "must not exceed the whole staff",
            )
    reader.refuse()
    return values


def edit(
    session: so.Session,
    actor: Actor,
    institution_id: UUID,
    data: Mapping[str, Any],
    *,
    expected: str | None = None,
) -> BrokerInstitution:
    """Change the form; a recommendation of what it said before falls.

    Raises
    ------
    NotFound, Unauthenticated, Forbidden, Stale, Invalid
    IllegalTransition
        It is removed.
    """
    institution = steps.get(session, actor, KIND, institution_id, lock=True)
    grant = policies.require(actor, "edit", institution, rights.INSTITUTION_RULES)
    steps.require_revision(institution, expected)
    if institution.state not in CURRENT:
        raise IllegalTransition(
            Text("备案已取消，请重新申请", "the record is removed; apply again"),
            extra={"state": institution.state.value, "possible": ["reapply"]},
        )
    before = values_of(institution)
    values = _read(session, actor, data, before)
    changes = events.difference(before, values)
    if not changes:
        return institution
    _write(institution, values)
    if institution.state not in ON_RECORD:
        institution.recommended_at = institution.recommended_by = None
    steps.touch(institution, actor)
    events.record(
        session,
        actor,
        institution,
        "institution.edit",
        role=grant.role,
        org_id=grant.org_id,
        changes=changes,
    )
    session.flush()
    if institution.state in ASKING:
        _owe(session, actor, institution)
    return institution


@dataclass(slots=True)
class _Move:
    """A step on its way, for the functions that know what it does."""

    session: so.Session
    actor: Actor
    institution: BrokerInstitution
    comment: str
    given: Mapping[str, Any]
    changes: dict[str, Any] = field(default_factory=dict)


def act(
    session: so.Session,
    actor: Actor,
    institution_id: UUID,
    action: str,
    *,
    expected: str | None = None,
    comment: str = "",
    **given: Any,
) -> BrokerInstitution:
    """Recommend, return, record, evaluate or remove an institution.

    Parameters
    ----------
    given
        ``level`` (code ``record_level``) for ``record``; ``year`` and ``grade`` (code
        ``performance_grade``) for ``evaluate``.

    Raises
    ------
    NotFound, Unauthenticated, Forbidden, IllegalTransition, Stale, Invalid
    Conflict
        The year was evaluated already.
    """
    step = steps.begin(
        session,
        actor,
        KIND,
        institution_id,
        action,
        expected=expected,
        comment=comment,
        given=given,
    )
    move = _Move(session, actor, step.subject, step.comment, given)
    _DOING.get(action, _nothing)(move)
    done = steps.finish(session, actor, KIND, step, changes=move.changes)
    if action == "return":
        # It is the unit's turn; what it changes puts it before the operator again.
        duties.close(session, actor, kind="institution", subject_id=done.id)
    else:
        _owe(session, actor, done)
    return done


def _nothing(move: _Move) -> None:
    """A step that changes nothing but the state."""


def _recommend(move: _Move) -> None:
    move.institution.recommended_at = move.actor.now
    move.institution.recommended_by = move.actor.user_id


def _return(move: _Move) -> None:
    move.institution.recommended_at = move.institution.recommended_by = None


def _record(move: _Move) -> None:
    reader = Reader(move.session, move.actor.today)
    level = reader.code(move.given.get("level"), "/level", "record_level", None)
    reader.refuse()
    found, today = move.institution, move.actor.today
    region = found.org.region
    if found.record_no is None:
        number = serials.next_number(move.session, f"institution:{today.year}:{region}")
        found.record_no = f"Z{today.year}-{region}-{number:04d}"
    found.record_level = level or "PROVINCE"
    found.recorded_on = today
    move.changes = events.difference(
        {}, {"record_no": found.record_no, "level": found.record_level}
    )


def _evaluate(move: _Move) -> None:
    reader = Reader(move.session, move.actor.today)
    found = move.institution
    first = found.recorded_on.year if found.recorded_on else 1990
    year = reader.whole(
        move.given.get("year"), "/year", first - 1, move.actor.today.year
    )
    grade = reader.code(move.given.get("grade"), "/grade", "performance_grade", None)
    for name, value in (("year", year), ("grade", grade)):
        if value is None and not reader.errors:
            reader.wrong(f"/{name}", "required", "必填", "is required")
    reader.refuse()
    if year in {row["year"] for row in found.evaluations}:
        raise Conflict(Text("该年度已评价", "this year was evaluated already"))
    row = {"year": year, "grade": grade, "on": move.actor.today.isoformat()}
    rows = sorted([*found.evaluations, row], key=lambda r: r["year"])
    found.evaluations = rows
    found.grade = rows[-1]["grade"]
    move.changes = events.difference({}, {"year": year, "grade": grade})


def _remove(move: _Move) -> None:
    move.institution.removal_reason = move.comment
    _return(move)


def _reapply(move: _Move) -> None:
    move.institution.applied_at = move.actor.now
    move.institution.removal_reason = ""


_DOING: Mapping[str, Callable[[_Move], None]] = {
    "recommend": _recommend,
    "return": _return,
    "record": _record,
    "evaluate": _evaluate,
    "remove": _remove,
    "withdraw": _remove,
    "reapply": _reapply,
}


def search(session: so.Session, actor: Actor, **filters: Any) -> Listing[Values]:
    """List institutions that the caller may know of.

    Parameters
    ----------
    state, region, legal_type, grade, organisation_id : optional
    """
    statement = (
        sa.select(BrokerInstitution)
        .join(Organisation, Organisation.id == BrokerInstitution.org_id)
        .where(rights.visible_institutions(actor))
        .options(so.contains_eager(BrokerInstitution.org))
    )
    for name in ("state", "legal_type", "grade"):
        if filters.get(name) is not None:
            column = getattr(BrokerInstitution, name)
            statement = statement.where(column == filters[name])
    if filters.get("organisation_id") is not None:
        statement = statement.where(
            BrokerInstitution.org_id == filters["organisation_id"]
        )
    if filters.get("region"):
        prefix = policies.region_prefix(filters["region"])
        statement = statement.where(Organisation.region.startswith(prefix))

    def show(rows: Sequence[sa.Row[*tuple[Any, ...]]]) -> list[Values]:
        return [brief(row[0]) for row in rows]

    return Listing(
        session,
        statement,
        key=BrokerInstitution.id,
        view=show,
        sorts={"updated": BrokerInstitution.updated_at},
    )


def brief(institution: BrokerInstitution) -> Values:
    """Show an institution in a list."""
    return {
        "id": institution.id,
        "organisation": {"id": institution.org_id, "name": institution.org.name},
        "region": institution.org.region,
        "state": institution.state,
        "legal_type": institution.legal_type,
        "unit_type": institution.unit_type,
        "record_no": institution.record_no,
        "record_level": institution.record_level,
        "recorded_on": institution.recorded_on,
        "grade": institution.grade,
        "created_at": institution.created_at,
        "updated_at": institution.updated_at,
    }


def view(actor: Actor, institution: BrokerInstitution) -> Values:
    """Show an institution as far as the caller may read it."""
    tier = rights.institution_tier(actor, institution)
    values = values_of(institution)
    if tier < Tier.VERIFIED:
        values["head"] = mask_name(values["head"])
    hidden = {name for name, needed in TIERS.items() if needed > tier}
    shown = {
        **brief(institution),
        **values,
        **_shares(values),
        "founded_on": institution.org.founded_on,
        "uscc": institution.org.uscc,
        "party_nature": institution.org.party_nature,
        "applied_at": institution.applied_at,
        "recommended_at": institution.recommended_at,
        "evaluations": institution.evaluations,
        "removal_reason": institution.removal_reason,
        "withheld": sorted(hidden),
        "actions": steps.links(actor, KIND, institution, institution.id),
    }
    return {name: value for name, value in shown.items() if name not in hidden}


def _shares(values: Values) -> Values:
    """Work out the two shares of the form, in per cent with two places."""
    total = values["staff_total"]

    def share(name: str) -> str | None:
        if not total or values[name] is None:
            return None
        exact = Decimal(values[name]) * 100 / total
        return str(exact.quantize(Decimal("0.01"), ROUND_HALF_UP))

    return {
        "brokers_percent": share("staff_brokers"),
        "full_time_percent": share("staff_full_time"),
    }


def _digits(value: Decimal | None) -> str | None:
    """Show a decimal as its digits."""
    return None if value is None else f"{value:f}"


def history(session: so.Session, actor: Actor, institution_id: UUID) -> Listing[Values]:
    """List what happened to an institution, for who reads all of it.

    Raises
    ------
    NotFound, Unauthenticated, Forbidden
    """
    institution = get(session, actor, institution_id)
    if rights.institution_tier(actor, institution) < Tier.OWNER:
        policies.require(actor, "read-events", institution, {})
    return steps.history(session, "institution", institution.id)
