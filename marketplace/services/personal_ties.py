"""What a person declares of himself 个人关联申报: work, family, advice, shares.

Nobody but the person reads it, except an operator in the answer of a check.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace import policies
from marketplace.domain.actors import Actor
from marketplace.domain.conflicts import PERSONAL_KINDS
from marketplace.errors import Unauthenticated
from marketplace.models.conflicts import PersonalTie
from marketplace.models.organisations import Organisation
from marketplace.models.users import User
from marketplace.services import events, organisations
from marketplace.services.fields import Reader, Row
from marketplace.services.organisation_fields import is_share, read_uscc

MOST = 200
_NAMES = frozenset(
    {
        "kind",
        "organisation_id",
        "name",
        "uscc",
        "share_percent",
        "valid_from",
        "valid_to",
        "note",
    }
)


def get(session: so.Session, actor: Actor) -> tuple[User, dict[str, Any]]:
    """Return the caller's account, at whose revision his declarations stand, and them.

    Raises
    ------
    Unauthenticated
    """
    user = _own(session, actor)
    ties = _ties(session, user)
    ids = {tie.other_org_id for tie in ties} - {None}
    names = organisations.names(session, [i for i in ids if i is not None])
    shown = [_values(tie) | {"id": tie.id} for tie in ties]
    for row in shown:
        row["name"] = names.get(row["organisation_id"], row["name"])
    return user, {"ties": shown}


def replace(
    session: so.Session,
    actor: Actor,
    data: Mapping[str, Any],
    *,
    expected: int | None = None,
) -> User:
    """Put the caller's declarations in the place of the earlier ones.

    A tie that has not changed keeps its identifier, to which checks refer. One that is
    over is given its last day, not taken out.

    Parameters
    ----------
    data : mapping
        ``ties``, each with ``kind`` and a unit (``organisation_id``) or a ``name``.

    Raises
    ------
    Unauthenticated, Stale
    Invalid
        With every wrong field.
    """
    user = _own(session, actor)
    organisations.require_revision(user.revision, expected)
    reader = Reader(session, actor.today)
    items = reader.items(data.get("ties"), "/ties", MOST)
    rows = [_read(reader, item, f"/ties/{i}") for i, item in enumerate(items)]
    before = _ties(session, user)
    kept = {tie.other_org_id for tie in before}
    _refuse_unknown(reader, actor, rows, {i for i in kept if i is not None})
    reader.refuse()
    if [_values(tie) for tie in before] == rows:
        return user
    _write(session, actor, user, before, rows)
    user.updated_at = actor.now
    # The account's revision tells that its declarations have changed, also within the
    # moment of an earlier change.
    so.attributes.flag_modified(user, "updated_at")
    events.record(
        session,
        actor,
        user,
        "user.declare-ties",
        changes=events.difference(_summary(map(_values, before)), _summary(rows)),
    )
    session.flush()
    return user


def _own(session: so.Session, actor: Actor) -> User:
    policies.require_signed_in(actor)
    if actor.user_id is None:
        raise Unauthenticated
    return session.get_one(User, actor.user_id, populate_existing=True)


def _ties(session: so.Session, user: User) -> Sequence[PersonalTie]:
    return session.scalars(
        sa.select(PersonalTie)
        .where(PersonalTie.user_id == user.id)
        .order_by(PersonalTie.position, PersonalTie.id)
    ).all()


def _values(tie: PersonalTie) -> Row:
    return {
        "kind": tie.kind,
        "organisation_id": tie.other_org_id,
        "name": tie.name,
        "uscc": tie.uscc,
        "share_percent": tie.share_percent,
        "valid_from": tie.valid_from,
        "valid_to": tie.valid_to,
        "note": tie.note,
    }


def _read(reader: Reader, value: Any, place: str) -> Row:
    data = reader.row(value, place, _NAMES)
    row: Row = {
        "kind": _kind(reader, data.get("kind"), f"{place}/kind"),
        "organisation_id": reader.reference(
            data.get("organisation_id"), f"{place}/organisation_id"
        ),
        "name": reader.words(data.get("name"), f"{place}/name", 120),
        "uscc": read_uscc(reader, data.get("uscc"), f"{place}/uscc"),
        "share_percent": reader.figure(
            data.get("share_percent"), f"{place}/share_percent"
        ),
        "valid_from": reader.day(data.get("valid_from"), f"{place}/valid_from"),
        "valid_to": reader.day(data.get("valid_to"), f"{place}/valid_to"),
        "note": reader.words(data.get("note"), f"{place}/note", 500),
    }
    if row["organisation_id"] is None and not row["name"]:
        reader.wrong(
            place,
            "required",
            "须有单位编号或名称",
            "needs an organisation_id or a name",
        )
    _check_share(reader, row, place)
    begun, over = row["valid_from"], row["valid_to"]
    if begun and over and over < begun:
        reader.wrong(
            f"{place}/valid_to",
            "before_start",
            "不能早于开始日期",
            "lies before the first day",
        )
    return row


def _kind(reader: Reader, value: Any, pointer: str) -> str:
    word = reader.words(value, pointer, 12)
    if word not in PERSONAL_KINDS:
        reader.wrong(
            pointer,
            "unknown_kind",
            "应为其中之一：{known}",
            "must be one of {known}",
            known=", ".join(PERSONAL_KINDS),
        )
    return word


def _check_share(reader: Reader, row: Row, place: str) -> None:
    share = row["share_percent"]
    if share is None:
        return
    if row["kind"] != "shareholding":
        reader.wrong(
            f"{place}/share_percent",
            "not_of_this_kind",
            "仅持股填写比例",
            "only a shareholding has a share",
        )
    elif not is_share(share):
        reader.wrong(
            f"{place}/share_percent",
            "out_of_range",
            "应为 0 至 100，最多两位小数",
            "a share lies between 0 and 100, with up to two decimals",
        )


def _refuse_unknown(
    reader: Reader, actor: Actor, rows: Sequence[Row], kept: set[UUID]
) -> None:
    """Refuse units that the caller may not know of and has not named before."""
    wanted = {row["organisation_id"] for row in rows} - {None} - kept
    visible = sa.select(Organisation.id).where(
        Organisation.id.in_(wanted), policies.visible_organisations(actor)
    )
    known = kept | set(reader.session.scalars(visible) if wanted else ())
    for index, row in enumerate(rows):
        if row["organisation_id"] is not None and row["organisation_id"] not in known:
            reader.wrong(
                f"/ties/{index}/organisation_id",
                "unknown_organisation",
                "没有此单位",
                "there is no such unit",
            )


def _write(
    session: so.Session,
    actor: Actor,
    user: User,
    before: Sequence[PersonalTie],
    rows: Sequence[Row],
) -> None:
    left = list(before)
    for position, row in enumerate(rows):
        same = next((tie for tie in left if _values(tie) == row), None)
        if same is not None:
            left.remove(same)
            same.position = position
            continue
        values = {k: v for k, v in row.items() if k != "organisation_id"}
        session.add(
            PersonalTie(
                user_id=user.id,
                position=position,
                other_org_id=row["organisation_id"],
                created_at=actor.now,
                updated_at=actor.now,
                **values,
            )
        )
    for tie in left:
        session.delete(tie)


def _summary(rows: Any) -> dict[str, Any]:
    """Say for the ledger how many ties of each kind there are, and no names.

    The ledger is never erased, so what may have to be erased does not enter it.
    """
    counts: dict[str, Any] = {}
    for row in rows:
        counts[row["kind"]] = counts.get(row["kind"], 0) + 1
    return counts
