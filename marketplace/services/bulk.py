"""Many needs or offers at once: the same checks as one by one, few statements.

An import checks each row with ``checked`` and stores a batch of them with ``store``.
Nothing is validated less than in ``lifecycles.create``; only the writing differs: rows
go in table by table, and nothing of them stays in memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace.domain.actors import Actor
from marketplace.domain.ids import new_id
from marketplace.domain.offers import OfferKind
from marketplace.policies import Grant
from marketplace.services import contents, events, needs, offers
from marketplace.services.contents import Rows, Values
from marketplace.services.fields import Reader
from marketplace.services.lifecycles import Aggregate, search_texts

ADMIT = "admit"


@dataclass(frozen=True, slots=True)
class Owner:
    """The unit that owns what comes in, without its row."""

    id: UUID
    region: str
    name: str
    verified: bool


@dataclass(frozen=True, slots=True)
class Checked:
    """One object that may be stored.

    Parameters
    ----------
    id : UUID
        Its identifier, made with the check.
    kind : OfferKind or None
        None for a need.
    """

    id: UUID
    owner: Owner
    kind: OfferKind | None
    values: Values


def checked(
    session: so.Session,
    actor: Actor,
    aggregate: Aggregate[Any],
    owner: Owner,
    data: Mapping[str, Any],
    *,
    admitted: bool,
) -> Checked:
    """Check one object as ``create`` would, without storing it.

    Parameters
    ----------
    data : mapping
        Fields by their names in the API.
    admitted : bool
        It is to come in as a record that was checked elsewhere: beside a title it
        needs the text that the market shows, and an offer has to say that it is
        public.

    Raises
    ------
    Invalid
        With every value that is wrong.
    """
    is_offer = aggregate is offers.KIND
    given = dict(data)
    kind = offers.kind_of(given.pop("kind", None)) if is_offer else None
    if is_offer:
        if given.get("maturity_level") is not None:
            given["maturity_scale"] = given.get("maturity_scale") or offers.SCALES[0]
    elif not given.get("valid_until"):
        day = needs.default_validity(session, actor.today, owner.region)
        given["valid_until"] = day
    reader = Reader(
        session,
        actor.today,
        limits=aggregate.limits(session, actor.today, owner.region),
        owner_org_id=owner.id,
    )
    before = contents.empty_values(aggregate.table)
    values = before | contents.read(aggregate.table, reader, given, before)
    contents.require_filled(reader, values, ["title"])
    aggregate.check(reader, values)
    if admitted:
        _require_admissible(reader, values, is_offer=is_offer)
    reader.refuse()
    return Checked(new_id(), owner, kind, values)


def _require_admissible(reader: Reader, values: Values, *, is_offer: bool) -> None:
    if not is_offer:
        contents.require_filled(reader, values, ["problem"])
        return
    contents.require_filled(reader, values, ["abstract", "secrecy"])
    level = contents.attributes(reader.session, "secrecy", values["secrecy"])
    if values["secrecy"] and not level.get("publishable"):
        reader.wrong(
            "/secrecy",
            "not_publishable",
            "只有公开的成果可以发布",
            "only public results can be published",
        )


def store(
    session: so.Session,
    actor: Actor,
    aggregate: Aggregate[Any],
    grant: Grant,
    rows: Sequence[Checked],
    *,
    admitted: bool,
    comment: str,
) -> None:
    """Store checked objects, each with its first version and its events.

    Parameters
    ----------
    grant : Grant
        Under which the import was allowed; the ledger keeps it with every object.
    admitted : bool
        They go straight to the market by the system's transition ``admit``.
    comment : str
        Names the import in the ledger.
    """
    if not rows:
        return
    numbers = _numbers(session, actor, rows)
    versions = [new_id() for _ in rows]
    session.execute(
        sa.insert(aggregate.model),
        [
            _subject(actor, aggregate, row, number)
            for row, number in zip(rows, numbers, strict=True)
        ],
    )
    session.execute(
        sa.insert(aggregate.version_model),
        [
            _version(actor, aggregate, row, number, version)
            for row, number, version in zip(rows, numbers, versions, strict=True)
        ],
    )
    for field in contents.child_tables(aggregate.table):
        _store_children(session, field, rows, versions)
    target = aggregate.workflow.initial
    if admitted:
        target = aggregate.workflow.step(target, ADMIT, system=True).target
    _close(session, actor, aggregate, rows, versions, target, admitted=admitted)
    for row in rows:
        _record(session, actor, aggregate, grant, row, target, comment)
    session.flush()


def _numbers(session: so.Session, actor: Actor, rows: Sequence[Checked]) -> list[str]:
    """Take a number for each row, in the order of the rows within each series."""
    places: dict[tuple[OfferKind | None, str], list[int]] = {}
    for place, row in enumerate(rows):
        places.setdefault((row.kind, row.owner.region), []).append(place)
    found = [""] * len(rows)
    for (kind, region), members in sorted(places.items(), key=str):
        if kind is None:
            taken = needs.numbers(session, actor, region, len(members))
        else:
            taken = offers.numbers(session, actor, kind, region, len(members))
        for place, number in zip(members, taken, strict=True):
            found[place] = number
    return found


def _subject(
    actor: Actor, aggregate: Aggregate[Any], row: Checked, number: str
) -> dict[str, Any]:
    values = {
        "id": row.id,
        aggregate.number: number,
        "owner_org_id": row.owner.id,
        "created_by": actor.user_id,
        "state": aggregate.workflow.initial,
        "opinions": {},
        "created_at": actor.now,
        "updated_at": actor.now,
        "revision": 1,
    }
    if row.kind is not None:
        values["kind"] = row.kind
    return values


def _version(
    actor: Actor,
    aggregate: Aggregate[Any],
    row: Checked,
    number: str,
    version: UUID,
) -> dict[str, Any]:
    plain = {f.name for f in aggregate.table if not isinstance(f, Rows)}
    columns = set(aggregate.version_model.__table__.columns.keys())
    return {
        "id": version,
        aggregate.parent: row.id,
        "number": 1,
        "created_at": actor.now,
        "created_by": actor.user_id,
        "fixed_at": None,
        **search_texts(aggregate, number, row.values),
        **{name: row.values[name] for name in sorted(plain & columns)},
    }


def _store_children(
    session: so.Session, field: Rows, rows: Sequence[Checked], versions: Sequence[UUID]
) -> None:
    found = [
        {
            "id": new_id(),
            "version_id": version,
            "position": position,
            **{name: child[name] for name in field.columns},
        }
        for row, version in zip(rows, versions, strict=True)
        for position, child in enumerate(row.values[field.name])
    ]
    if found:
        session.execute(sa.insert(field.model), found)


def _close(
    session: so.Session,
    actor: Actor,
    aggregate: Aggregate[Any],
    rows: Sequence[Checked],
    versions: Sequence[UUID],
    target: Any,
    *,
    admitted: bool,
) -> None:
    """Point each object at its version, and move it to where it belongs.

    An admitted version is fixed only now: a fixed one takes no more child rows.
    """
    if admitted:
        model = aggregate.version_model
        session.execute(
            sa.update(model).where(model.id.in_(versions)).values(fixed_at=actor.now),
            execution_options={"synchronize_session": False},
        )
    table = cast("sa.Table", aggregate.model.__table__)
    values: dict[str, Any] = {
        "working_version_id": sa.bindparam("of_version"),
        "state": target,
    }
    found = [
        {"of_id": row.id, "of_version": version}
        for row, version in zip(rows, versions, strict=True)
    ]
    if admitted:
        values["published_version_id"] = sa.bindparam("of_version")
        values["published_at"] = actor.now
        values["released"] = True
    if admitted and "valid_until" in table.c:
        values["valid_until"] = sa.bindparam("of_day")
        for row, parameters in zip(rows, found, strict=True):
            parameters["of_day"] = row.values["valid_until"]
    statement = sa.update(table).where(table.c.id == sa.bindparam("of_id"))
    session.connection().execute(statement.values(**values), found)


def _record(
    session: so.Session,
    actor: Actor,
    aggregate: Aggregate[Any],
    grant: Grant,
    row: Checked,
    target: Any,
    comment: str,
) -> None:
    initial = aggregate.workflow.initial
    events.record(
        session,
        actor,
        row,
        f"{aggregate.name}.create",
        role=grant.role,
        org_id=grant.org_id,
        to_state=initial.value,
        comment=comment,
        changes=events.difference(contents.empty_values(aggregate.table), row.values),
    )
    if target is not initial:
        events.record(
            session,
            actor,
            row,
            f"{aggregate.name}.{ADMIT}",
            role=grant.role,
            org_id=grant.org_id,
            from_state=initial.value,
            to_state=target.value,
            comment=comment,
        )
