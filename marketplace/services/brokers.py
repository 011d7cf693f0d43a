"""Brokers 技术经纪人: their records, what they brought about, their ratings."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so
from sqlalchemy.exc import IntegrityError

from marketplace import broker_policies as rights
from marketplace import policies
from marketplace.domain.actors import Actor
from marketplace.domain.brokers import (
    BROKER_TIERS,
    BROKER_WORKFLOW,
    CERTIFIED,
    CHECKED,
    UNCHECKED,
)
from marketplace.domain.conflicts import UPHELD, Purpose
from marketplace.domain.contracts import EXECUTED, Side
from marketplace.domain.ids import new_id
from marketplace.domain.masking import mask_name, mask_number
from marketplace.domain.roles import Role, Tier
from marketplace.errors import Conflict, FieldError, Forbidden, Text
from marketplace.models.brokers import Broker, BrokerRating
from marketplace.models.conflicts import ConflictCheck
from marketplace.models.contracts import Contract, ContractParty
from marketplace.models.dockings import Docking
from marketplace.models.ledger import Event
from marketplace.models.organisations import Organisation
from marketplace.policies import Grant
from marketplace.services import conflicts, contents, duties, events, rules, steps
from marketplace.services.duties import Whom
from marketplace.services.fields import (
    Code,
    Codes,
    Custom,
    Day,
    Field,
    Lines,
    Reader,
    Whole,
    Words,
)
from marketplace.services.paging import Listing
from marketplace.services.relation_loader import unit_key

Values = dict[str, Any]
PATH = "/api/v1/brokers"
NOTHING = Decimal("0.00")
_RESIDENT = re.compile(r"[0-9]{17}[0-9X]")
_PAPERS = re.compile(r"[0-9A-Z]{6,20}")
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def is_identity_number(number: str) -> bool:
    """Tell whether an identity number can be one.

    A number of eighteen places is a resident's and has to have the right check
    character (GB 11643-1999, ISO 7064 MOD 11-2); passports and permits have others.

    >>> is_identity_number("11010519491231002X")
    True
    """
    if len(number) != 18:
        return _PAPERS.fullmatch(number) is not None
    if not _RESIDENT.fullmatch(number):
        return False
    total = sum(
        int(digit) * weight for digit, weight in zip(number[:17], _WEIGHTS, strict=True)
    )
    return "10X98765432"[total % 11] == number[17]


def _identity(reader: Reader, value: Any, pointer: str) -> str:
    number = reader.words(value, pointer, 20).upper()
    if number and not is_identity_number(number):
        reader.wrong(
            pointer, "bad_identity_number", "证件号码不正确", "is no identity number"
        )
    return number


FIELDS: tuple[Field, ...] = (
    Words("name", most=60),
    Custom("id_no", _identity, str),
    Words("education", most=40),
    Words("title", most=60),
    Words("certificate_no", most=60),
    Words("certificate_body", most=120),
    Code("grade", list_id="broker_grade"),
    Day("obtained_on"),
    Day("valid_until"),
    Codes("fields", list_id="tech_field"),
    Whole("service_years", most=80),
    Lines("cases", length=300, most=20),
)
KIND: steps.Kind[Broker] = steps.Kind(
    name="broker",
    path=f"{PATH}/{{id}}",
    model=Broker,
    workflow=BROKER_WORKFLOW,
    rules=rights.BROKER_RULES,
    visible=rights.visible_brokers,
    options=(so.joinedload(Broker.org),),
)


def get(session: so.Session, actor: Actor, broker_id: UUID) -> Broker:
    """Return a record that the caller may know of.

    Raises
    ------
    NotFound
    """
    return steps.get(session, actor, KIND, broker_id)


def create(session: so.Session, actor: Actor, data: Mapping[str, Any]) -> Broker:
    """Enter one's own record, or that of a colleague who has no account.

    Parameters
    ----------
    data : mapping
        Fields of the record; ``organisation_id``, needed where the caller belongs to
        several units; ``own``, True unless said otherwise.

    Raises
    ------
    Unauthenticated, Forbidden, Invalid
    Conflict
        There is such a record already.
    """
    policies.require_signed_in(actor)
    own = data.get("own", True)
    action = "create-own" if own else "create"
    org_id = _unit(actor, action, data.get("organisation_id"))
    grant = policies.require(actor, action, org_id, rights.BROKER_RULES)
    before = {field.name: field.empty for field in FIELDS}
    values = _read(session, actor, data, before)
    user_id = actor.user_id if own else None
    _refuse_second(session, values, user_id, None)
    broker = Broker(
        id=new_id(),
        user_id=user_id,
        org_id=org_id,
        state=BROKER_WORKFLOW.initial,
        created_at=actor.now,
        updated_at=actor.now,
        **values,
    )
    try:
        with session.begin_nested():
            session.add(broker)
    except IntegrityError as error:
        # Somebody was quicker: two clicks, or two units with one certificate.
        raise Conflict(
            Text("该经纪人或证书已登记", "the broker or the certificate is on record")
        ) from error
    events.record(
        session,
        actor,
        broker,
        "broker.create",
        role=grant.role,
        org_id=grant.org_id,
        to_state=broker.state.value,
        changes=events.difference(_told(before), _told(values)),
    )
    session.flush()
    _owe(session, actor, broker)
    return get(session, actor, broker.id)


def _owe(session: so.Session, actor: Actor, broker: Broker) -> None:
    """Have an operator owe the check of a record as long as it waits for one."""
    if broker.state not in UNCHECKED:
        duties.close(session, actor, kind="broker", subject_id=broker.id)
        return
    days = rules.in_force(session, "broker.duties", on=actor.today).value
    duties.open_(
        session,
        actor,
        Whom(role=Role.OPERATOR),
        "verify-broker",
        kind="broker",
        subject_id=broker.id,
        title=broker.name,
        number=broker.certificate_no,
        due_on=duties.promise(session, actor, days["verify-broker"]),
    )


def _unit(actor: Actor, action: str, given: UUID | None) -> UUID:
    """Return the unit for which somebody is entered."""
    if given is not None:
        return given
    able = [
        s.org_id
        for s in actor.standings
        if policies.may(actor, action, s.org_id, rights.BROKER_RULES)
    ]
    if not able:
        policies.require(actor, action, new_id(), rights.BROKER_RULES)
    return min(able)


def edit(
    session: so.Session,
    actor: Actor,
    broker_id: UUID,
    data: Mapping[str, Any],
    *,
    expected: str | None = None,
) -> Broker:
    """Put a record anew; what an operator has checked asks for him again.

    Parameters
    ----------
    data : mapping
        What does not come is emptied, but for ``id_no``: nobody is shown it, so that
        nobody can send it back; it stays until another one comes.

    Raises
    ------
    NotFound, Unauthenticated, Forbidden, Stale, Invalid, Conflict
    """
    broker = steps.get(session, actor, KIND, broker_id, lock=True)
    grant = policies.require(actor, "edit", broker, rights.BROKER_RULES)
    steps.require_revision(broker, expected)
    before = {field.name: getattr(broker, field.name) for field in FIELDS}
    start = {field.name: field.empty for field in FIELDS}
    values = _read(session, actor, data, start | {"id_no": before["id_no"]})
    changes = events.difference(before, values)
    if not changes:
        return broker
    _refuse_second(session, values, broker.user_id, broker)
    if broker.state in CERTIFIED and CHECKED & changes.keys():
        broker.verified_at = broker.verified_by = None
        steps.advance(session, actor, KIND, broker, "recheck")
    for name, value in values.items():
        setattr(broker, name, value)
    steps.touch(broker, actor)
    events.record(
        session,
        actor,
        broker,
        "broker.edit",
        role=grant.role,
        org_id=grant.org_id,
        changes=events.difference(_told(before), _told(values)),
    )
    session.flush()
    _owe(session, actor, broker)
    return broker


def _told(values: Values) -> Values:
    """Return values as the ledger may hold them: it is never emptied."""
    return {**values, "id_no": mask_number(values["id_no"])}


def _read(
    session: so.Session, actor: Actor, data: Mapping[str, Any], before: Values
) -> Values:
    reader = Reader(session, actor.today)
    names = {field.name for field in FIELDS}
    given = {name: value for name, value in data.items() if name in names}
    values = before | contents.read(FIELDS, reader, given, before)
    contents.in_order(reader, values, "obtained_on", "valid_until")
    if values["obtained_on"] is not None and values["obtained_on"] > actor.today:
        reader.wrong("/obtained_on", "in_the_future", "不能晚于今天", "lies ahead")
    if not values["name"] and not reader.errors:
        reader.wrong("/name", "required", "必填", "is required")
    reader.refuse()
    return values


def _refuse_second(
    session: so.Session, values: Values, user_id: UUID | None, broker: Broker | None
) -> None:
    """Refuse a second record of a person, or of a certificate."""
    others = Broker.id != broker.id if broker is not None else sa.true()
    if user_id is not None and session.scalar(
        sa.select(sa.exists().where(Broker.user_id == user_id, others))
    ):
        raise Conflict(Text("您已有经纪人信息", "you have a record already"))
    number = values["certificate_no"]
    same = sa.exists().where(
        Broker.certificate_no == number,
        Broker.certificate_body == values["certificate_body"],
        others,
    )
    if number and session.scalar(sa.select(same)):
        text = Text("该证书已登记", "this certificate is on record already")
        raise Conflict(
            errors=[FieldError("/certificate_no", "certificate_taken", text)]
        )


def act(
    session: so.Session,
    actor: Actor,
    broker_id: UUID,
    action: str,
    *,
    expected: str | None = None,
    comment: str = "",
) -> Broker:
    """Verify, suspend or reopen a record.

    Raises
    ------
    NotFound, Unauthenticated, Forbidden, IllegalTransition, Stale
    Invalid
        The certificate is not told, or has run out.
    """
    step = steps.begin(
        session,
        actor,
        KIND,
        broker_id,
        action,
        expected=expected,
        comment=comment,
        given={},
    )
    broker = step.subject
    if action == "verify":
        _require_certificate(session, actor, broker)
        broker.verified_at, broker.verified_by = actor.now, actor.user_id
    else:
        broker.verified_at = broker.verified_by = None
    done = steps.finish(session, actor, KIND, step)
    _owe(session, actor, done)
    return done


def _require_certificate(session: so.Session, actor: Actor, broker: Broker) -> None:
    reader = Reader(session, actor.today)
    values = {field.name: getattr(broker, field.name) for field in FIELDS}
    needed = ("certificate_no", "certificate_body", "grade", "obtained_on")
    contents.require_filled(reader, values, needed)
    if broker.valid_until is not None and broker.valid_until < actor.today:
        reader.wrong(
            "/valid_until", "run_out", "证书已过有效期", "the certificate has run out"
        )
    reader.refuse()


def search(session: so.Session, actor: Actor, **filters: Any) -> Listing[Values]:
    """List brokers: the valid ones, or those that the caller has to do with.

    Parameters
    ----------
    mine, state, organisation_id, grade, tech_field, q : optional
        ``mine``: his own record and those of units that he administers. ``state``:
        beyond the valid ones, of what the caller may know of.
    """
    statement = (
        sa.select(Broker)
        .where(rights.visible_brokers(actor))
        .options(so.joinedload(Broker.org))
    )
    if filters.get("mine"):
        statement = statement.where(rights.own_brokers(actor))
    elif filters.get("state") is not None:
        statement = statement.where(Broker.state == filters["state"])
    else:
        statement = statement.where(rights.valid_brokers(actor))
    if filters.get("organisation_id") is not None:
        statement = statement.where(Broker.org_id == filters["organisation_id"])
    if filters.get("grade"):
        statement = statement.where(Broker.grade == filters["grade"])
    if filters.get("tech_field"):
        mark = f'"{filters["tech_field"]}"'
        statement = statement.where(
            sa.cast(Broker.fields, sa.Text).contains(mark, autoescape=True)
        )

    def show(rows: Sequence[sa.Row[*tuple[Any, ...]]]) -> list[Values]:
        brokers = [row[0] for row in rows]
        known = _records(session, brokers)
        return [_row(actor, broker, known[broker.id]) for broker in brokers]

    return Listing(
        session,
        statement,
        key=Broker.id,
        view=show,
        sorts={"updated": Broker.updated_at},
        default_sort="created",
    )


def view(session: so.Session, actor: Actor, broker: Broker) -> Values:
    """Show a record as far as the caller may read it, with what he may do now."""
    shown = _row(actor, broker, _records(session, [broker])[broker.id])
    return {**shown, "actions": steps.links(actor, KIND, broker, broker.id)}


@dataclass(frozen=True, slots=True)
class Record:
    """What a broker brought about and how he is rated.

    Parameters
    ----------
    deals : int
        Contracts signed by all that came out of his dockings.
    amount_yuan : Decimal
        Their totals.
    """

    deals: int
    amount_yuan: Decimal
    ratings: int
    score_sum: int

    @property
    def rating(self) -> str | None:
        """The mean score, to one place; None where nobody has rated."""
        if not self.ratings:
            return None
        mean = Decimal(self.score_sum) / self.ratings
        return str(mean.quantize(Decimal("0.1"), ROUND_HALF_UP))


def _records(session: so.Session, brokers: Sequence[Broker]) -> dict[UUID, Record]:
    """Count what brokers brought about, in two queries."""
    deals = _deals(session, {b.user_id for b in brokers if b.user_id is not None})
    rated = {
        row[0]: (row[1], row[2])
        for row in session.execute(
            sa.select(
                BrokerRating.broker_id,
                sa.func.count(),
                sa.func.sum(BrokerRating.score),
            )
            .where(BrokerRating.broker_id.in_([b.id for b in brokers]))
            .group_by(BrokerRating.broker_id)
        )
    }
    return {
        broker.id: Record(
            *deals.get(broker.user_id, (0, NOTHING)), *rated.get(broker.id, (0, 0))
        )
        for broker in brokers
    }


def _deals(
    session: so.Session, user_ids: Collection[UUID]
) -> dict[UUID | None, tuple[int, Decimal]]:
    """Add up what came out of dockings of brokers, affiliated deals left out."""
    rows = session.execute(
        sa.select(
            Docking.broker_id,
            Docking.broker_org_id,
            Docking.need_id,
            Contract.id,
            Contract.total_yuan,
        )
        .join(Docking, Docking.id == Contract.docking_id)
        .where(
            Docking.broker_id.in_(user_ids),
            policies.one_of(Contract.state, EXECUTED),
            Contract.contract_class.is_distinct_from(MEDIATION),
            Contract.is_related.is_(False),
        )
    ).all()
    tied = _affiliated(session, {i for row in rows for i in (row.id, row.need_id)})
    found: dict[UUID | None, tuple[int, Decimal]] = {}
    for row in rows:
        broker = unit_key(row.broker_org_id)
        if None in tied.get(row.id, ()) or broker in tied.get(row.need_id, ()):
            continue
        number, amount = found.get(row.broker_id, (0, NOTHING))
        found[row.broker_id] = (number + 1, amount + (row.total_yuan or NOTHING))
    return found


def _affiliated(
    session: so.Session, subjects: Collection[UUID]
) -> dict[UUID, set[str | None]]:
    """Return who was found to belong to the other side, by the checks that are kept.

    Under a contract's identifier None stands for any of its parties: a deal of related
    parties is nobody's merit. Under a need's the units that brokered for it.
    """
    certain = sa.or_(
        policies.one_of(ConflictCheck.outcome, conflicts.CERTAIN),
        ConflictCheck.decision == UPHELD,
    )
    rows = session.execute(
        sa.select(
            ConflictCheck.subject_kind, ConflictCheck.subject_id, ConflictCheck.left
        ).where(
            ConflictCheck.subject_id.in_(subjects),
            policies.one_of(ConflictCheck.purpose, {Purpose.BROKER, Purpose.CONTRACT}),
            certain,
        )
    )
    found: dict[UUID, set[str | None]] = {}
    for kind, subject_id, left in rows:
        names = {None} if kind == "contract" else set(left)
        found.setdefault(subject_id, set()).update(names)
    return found


MEDIATION = "S3"
"""技术中介合同: what a broker is paid for, and not what he brought about."""


def _row(actor: Actor, broker: Broker, record: Record) -> Values:
    tier = rights.broker_tier(actor, broker)
    hidden = {name for name, needed in BROKER_TIERS.items() if needed > tier}
    shown = {
        "id": broker.id,
        "organisation": {"id": broker.org_id, "name": broker.org.name},
        "state": broker.state,
        **{field.name: getattr(broker, field.name) for field in FIELDS},
        "id_no": mask_number(broker.id_no),
        "user_id": broker.user_id,
        "is_valid": _is_valid(actor, broker),
        "deals_count": record.deals,
        "deals_amount_yuan": record.amount_yuan,
        "rating": record.rating,
        "ratings_count": record.ratings,
        "created_at": broker.created_at,
        "updated_at": broker.updated_at,
        "withheld": sorted(hidden),
    }
    if tier < Tier.VERIFIED:
        shown["name"] = mask_name(broker.name)
    return {name: value for name, value in shown.items() if name not in hidden}


def _is_valid(actor: Actor, broker: Broker) -> bool:
    runs = broker.valid_until is None or broker.valid_until >= actor.today
    return runs and broker.state in CERTIFIED


def history(session: so.Session, actor: Actor, broker_id: UUID) -> Listing[Values]:
    """List what happened to a record, for who reads all of it.

    Raises
    ------
    NotFound, Unauthenticated, Forbidden
    """
    broker = get(session, actor, broker_id)
    if rights.broker_tier(actor, broker) < Tier.OWNER:
        policies.require(actor, "read-events", broker, {})
    return steps.history(session, "broker", broker.id)


def rate(
    session: so.Session, actor: Actor, broker_id: UUID, data: Mapping[str, Any]
) -> BrokerRating:
    """Rate a broker with whom one had to do; a second time replaces the first.

    The ledger keeps it with the rating and not with the broker, who reads his own
    history: who rated him is not for him to know.

    Parameters
    ----------
    data : mapping
        ``score`` (1 to 5), ``text``.

    Raises
    ------
    NotFound, Unauthenticated, Invalid
    Forbidden
        The caller belongs to the broker's unit, or the ledger tells of no docking or
        contract in which both took a step.
    """
    broker = steps.get(session, actor, KIND, broker_id, lock=True)
    policies.require(actor, "rate-broker", broker, rights.BROKER_RULES)
    basis = _basis(session, actor, broker)
    if basis is None:
        raise Forbidden(
            Text(
                "只有与其在对接或合同中打过交道的人可以评价",
                "only who had a docking or a contract with a broker rates him",
            )
        )
    reader = Reader(session, actor.today)
    score = reader.whole(data.get("score"), "/score", 1, 5)
    text = reader.words(data.get("text"), "/text", 1000)
    if score is None and not reader.errors:
        reader.wrong("/score", "required", "必填", "is required")
    reader.refuse()
    rating = session.scalar(
        sa.select(BrokerRating).where(
            BrokerRating.broker_id == broker.id, BrokerRating.user_id == actor.user_id
        )
    )
    before: Values = {}
    if rating is None:
        rating = BrokerRating(
            id=new_id(),
            broker_id=broker.id,
            user_id=actor.user_id,
            created_at=actor.now,
        )
        session.add(rating)
    else:
        before = {"score": rating.score, "text": rating.text}
    rating.score, rating.text = score or 0, text
    rating.org_id, rating.basis_kind, rating.basis_id = (
        basis.org_id,
        basis.kind,
        basis.id,
    )
    rating.updated_at = actor.now
    events.record(
        session,
        actor,
        rating,
        "broker-rating.give",
        role=basis.grant.role,
        org_id=basis.org_id,
        changes=events.difference(before, {"score": score, "text": text}),
    )
    session.flush()
    return rating


@dataclass(frozen=True, slots=True)
class _Basis:
    kind: str
    id: UUID
    org_id: UUID
    grant: Grant


def _basis(session: so.Session, actor: Actor, broker: Broker) -> _Basis | None:
    """Return the latest docking or contract in which caller and broker took a step."""
    if broker.user_id is None:
        return None
    for kind, among in (
        ("docking", _common_dockings(actor, broker)),
        ("contract", _common_contracts(actor, broker)),
    ):
        found = session.execute(
            sa.select(Event.subject_id, Event.actor_org_id, Event.actor_role)
            .where(
                Event.subject_kind == kind,
                Event.actor_id == actor.user_id,
                among,
            )
            .order_by(Event.at.desc(), Event.id.desc())
            .limit(1)
        ).first()
        if found is not None:
            grant = Grant(found.actor_role, found.actor_org_id)
            return _Basis(kind, found.subject_id, found.actor_org_id, grant)
    return None


def _common_dockings(actor: Actor, broker: Broker) -> sa.ColumnElement[bool]:
    """Steps of the caller's unit, as a side, in dockings of the broker."""
    mine = policies.one_of(Event.actor_org_id, actor.org_ids)
    return sa.exists().where(
        Docking.id == Event.subject_id,
        Docking.broker_id == broker.user_id,
        Event.actor_org_id.in_([Docking.need_org_id, Docking.offer_org_id]),
        mine,
    )


def _common_contracts(actor: Actor, broker: Broker) -> sa.ColumnElement[bool]:
    """Steps of the caller, as buyer or seller, in contracts that the broker signed."""
    his = so.aliased(Event)
    took_part = sa.exists().where(
        his.subject_kind == "contract",
        his.subject_id == Event.subject_id,
        his.actor_id == broker.user_id,
        his.actor_org_id == broker.org_id,
    )
    a_party = sa.exists().where(
        ContractParty.contract_id == Event.subject_id,
        ContractParty.org_id == Event.actor_org_id,
        policies.one_of(ContractParty.side, {Side.BUYER, Side.SELLER}),
    )
    mine = policies.one_of(Event.actor_org_id, actor.org_ids)
    return sa.and_(took_part, a_party, mine)


def ratings(session: so.Session, actor: Actor, broker_id: UUID) -> Listing[Values]:
    """List the ratings of a broker; who gave them is not told.

    Raises
    ------
    NotFound
    """
    broker = get(session, actor, broker_id)
    statement = sa.select(BrokerRating).where(BrokerRating.broker_id == broker.id)

    def show(rows: Sequence[sa.Row[*tuple[Any, ...]]]) -> list[Values]:
        return [view_rating(actor, row[0]) for row in rows]

    return Listing(session, statement, key=BrokerRating.id, view=show)


def view_rating(actor: Actor, rating: BrokerRating) -> Values:
    """Show a rating without its author."""
    return {
        "id": rating.id,
        "score": rating.score,
        "text": rating.text,
        "basis": rating.basis_kind,
        "mine": actor.user_id is not None and rating.user_id == actor.user_id,
        "created_at": rating.created_at,
        "updated_at": rating.updated_at,
    }


def names_of(session: so.Session, org_ids: Collection[UUID]) -> dict[UUID, str]:
    """Return what units are called."""
    rows = session.execute(
        sa.select(Organisation.id, Organisation.name).where(
            Organisation.id.in_(org_ids)
        )
    )
    return {row.id: row.name for row in rows}
