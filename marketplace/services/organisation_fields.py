"""The fields of an organisation: how they are read, stored, masked and compared."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from marketplace.domain.masking import (
    mask_account,
    mask_email,
    mask_name,
    mask_number,
)
from marketplace.domain.organisations import BANK, OVERSEAS_REGION, PRIVATE
from marketplace.errors import FieldError, Text
from marketplace.models.organisations import (
    Organisation,
    OrganisationTie,
    Qualification,
)
from marketplace.services import codes, credit_codes, events, person_ids
from marketplace.services.contents import fold
from marketplace.services.fields import (
    Amount,
    Code,
    Codes,
    Custom,
    Field,
    Reader,
    Row,
    Whole,
    Words,
)
from matching.text import clean

TIES = {
    "controllers": "controller",  # 实际控制人
    "shareholders": "shareholder",  # 股东
    "related": "related",  # 其他关联方
    "officers": "officer",  # 董事、监事、高级管理人员
}
_MOST_PEOPLE = 50_000_000
_MOST_LABELS, _MOST_TIES = 50, 200
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+")
_PHONE = re.compile(r"[0-9+][0-9 ()\-+#*转]{4,39}")
_ACCOUNT = re.compile(r"[0-9A-Za-z][0-9A-Za-z \-]{4,39}")
_POSTCODE = re.compile(r"[0-9A-Za-z][0-9A-Za-z \-]{2,9}")
_BRACKETS = str.maketrans("[]{}〔〕【】〈〉《》「」『』", "()()()()()()()()")


def name_key(name: str) -> str:
    """Return the spelling in which names are compared.

    Script, width and case count no more, nor do blanks, nor which kind of brackets
    the writer used: one unit is not registered twice under two spellings.
    """
    key = clean(name).casefold().translate(_BRACKETS).replace(" ", "")
    return key[:240]


def _form(
    reader: Reader,
    value: Any,
    pointer: str,
    most: int,
    form: re.Pattern[str],
    what: Text,
) -> str:
    word = reader.words(value, pointer, most)
    if word and len(word) <= most and not form.fullmatch(word):
        reader.errors.append(FieldError(pointer, "bad_format", what))
    return word


def _email(reader: Reader, value: Any, pointer: str) -> str:
    what = Text("不是有效的邮箱地址", "Not a valid email address.")
    return _form(reader, value, pointer, 254, _EMAIL, what)


def _phone(reader: Reader, value: Any, pointer: str) -> str:
    what = Text("应为电话号码，如 13800001234", "not a telephone number")
    return _form(reader, value, pointer, 40, _PHONE, what)


def _account(reader: Reader, value: Any, pointer: str) -> str:
    what = Text("应为银行账号（数字）", "not a bank account number")
    return _form(reader, value, pointer, 40, _ACCOUNT, what)


def _postcode(reader: Reader, value: Any, pointer: str) -> str:
    what = Text("应为邮政编码，如 250000", "not a postcode")
    return _form(reader, value, pointer, 10, _POSTCODE, what)


def read_uscc(reader: Reader, value: Any, pointer: str) -> str | None:
    """Read a credit code, compacted and checked."""
    number = credit_codes.compact(reader.words(value, pointer, 60))
    if not number:
        return None
    reader.errors += credit_codes.faults(number, pointer)
    return number


def _past_day(reader: Reader, value: Any, pointer: str) -> date | None:
    day = reader.day(value, pointer)
    if day is not None and day > reader.on:
        reader.wrong(pointer, "in_the_future", "不能晚于今天", "lies in the future")
    return day


def _parent(reader: Reader, value: Any, pointer: str) -> UUID | None:
    return reader.reference(value, pointer)


_LABEL_NAMES = frozenset({"label", "granted_on", "valid_until", "evidence"})
_PERSON_NAMES = frozenset({"name", "id_number", "valid_from", "valid_to", "source"})
_TIE_NAMES = _PERSON_NAMES | {"organisation_id", "uscc", "share_percent"}
_OFFICER_NAMES = _PERSON_NAMES | {"duty"}


def _check_label(reader: Reader, label: str, pointer: str) -> None:
    """Check a label against every version: it outlives the list that named it."""
    list_id = "enterprise_label"
    if label in codes.offered(reader.session, list_id, reader.on):
        return
    if label not in codes.names(reader.session, list_id):
        reader.errors += codes.check(
            reader.session, list_id, label, on=reader.on, pointer=pointer
        )


def _labels(reader: Reader, value: Any, pointer: str) -> list[Row]:
    found = []
    for index, item in enumerate(reader.items(value, pointer, _MOST_LABELS)):
        place = f"{pointer}/{index}"
        data = reader.row(item, place, _LABEL_NAMES)
        label = reader.words(data.get("label"), f"{place}/label", 40)
        if not label:
            reader.wrong(f"{place}/label", "required", "必填", "is required")
            continue
        _check_label(reader, label, f"{place}/label")
        granted = reader.day(data.get("granted_on"), f"{place}/granted_on")
        until = reader.day(data.get("valid_until"), f"{place}/valid_until")
        if granted and until and until < granted:
            reader.wrong(
                f"{place}/valid_until",
                "before_start",
                "不能早于认定日期",
                "lies before the day it was granted",
            )
        evidence = reader.words(data.get("evidence"), f"{place}/evidence", 200)
        found.append(
            {
                "label": label,
                "granted_on": granted,
                "valid_until": until,
                "evidence": evidence,
            }
        )
    return found


@dataclass(frozen=True)
class Ties(Field):
    """Ties of one kind; an identity number comes in and only its digest is kept."""

    row_names: frozenset[str] = _TIE_NAMES

    @property
    def empty(self) -> Any:
        """No ties."""
        return []

    def read(self, reader: Reader, value: Any, old: Any) -> list[Row]:
        """Read ties; a person who was identified before stays so under his name."""
        known = {row["name"]: row["id_digest"] for row in old or [] if row["name"]}
        found = []
        for index, item in enumerate(reader.items(value, self.pointer, _MOST_TIES)):
            place = f"{self.pointer}/{index}"
            row = _tie(reader, reader.row(item, place, self.row_names), place)
            if row["organisation_id"] is None and not row["name"]:
                reader.wrong(
                    place,
                    "required",
                    "须有单位编号或名称",
                    "needs an organisation_id or a name",
                )
                continue
            row["id_digest"] = row["id_digest"] or known.get(row["name"])
            found.append(row)
        return found


def _tie(reader: Reader, data: Row, place: str) -> Row:
    share = reader.figure(data.get("share_percent"), f"{place}/share_percent")
    if share is not None and not is_share(share):
        reader.wrong(
            f"{place}/share_percent",
            "out_of_range",
            "应为 0 至 100，最多两位小数",
            "a share lies between 0 and 100, with up to two decimals",
        )
        share = None
    begun = reader.day(data.get("valid_from"), f"{place}/valid_from")
    over = reader.day(data.get("valid_to"), f"{place}/valid_to")
    if begun and over and over < begun:
        reader.wrong(
            f"{place}/valid_to",
            "before_start",
            "不能早于开始日期",
            "lies before the first day",
        )
    return {
        "organisation_id": reader.reference(
            data.get("organisation_id"), f"{place}/organisation_id"
        ),
        "name": reader.words(data.get("name"), f"{place}/name", 120),
        "uscc": read_uscc(reader, data.get("uscc"), f"{place}/uscc"),
        "share_percent": share,
        "source": reader.words(data.get("source"), f"{place}/source", 200),
        "duty": reader.words(data.get("duty"), f"{place}/duty", 60),
        "id_digest": person_ids.read(
            reader, data.get("id_number"), f"{place}/id_number"
        ),
        "valid_from": begun,
        "valid_to": over,
    }


def is_share(share: Decimal) -> bool:
    """Whether a number is a share in per cent, with up to two decimals."""
    return 0 <= share <= 100 and share == round(share, 2)


@dataclass(frozen=True)
class Seat(Code):
    """Where a unit sits: a code of the list, or the mark of a party overseas."""

    def read(self, reader: Reader, value: Any, old: Any) -> str | None:
        """Read a region."""
        if value == OVERSEAS_REGION:
            return OVERSEAS_REGION
        return super().read(reader, value, old)


FIELDS: tuple[Field, ...] = (
    Words("name", most=120),
    Custom("uscc", reading=read_uscc),
    Code("org_type"),
    Code("party_nature"),
    Custom("parent_org_id", reading=_parent),
    Seat("region"),
    Words("address", most=200),
    Custom("postcode", reading=_postcode, initial=str),
    Words("legal_rep", most=60),
    Words("contact_name", most=60),
    Custom("contact_phone", reading=_phone, initial=str),
    Custom("contact_email", reading=_email, initial=str),
    Words("supervising_body", most=120),
    Code("industry"),
    Code("scale", list_id="enterprise_scale"),
    Custom("founded_on", reading=_past_day),
    Amount("registered_capital_yuan"),
    Whole("staff_total", most=_MOST_PEOPLE),
    Whole("staff_rd", most=_MOST_PEOPLE),
    Amount("revenue_last_year_yuan"),
    Amount("rd_spend_last_year_yuan"),
    Codes("flags", list_id="party_flag"),
    Words("main_products", most=300),
    Words("intro", most=500),
    Code("credit_status"),
    Words("bank_name", most=120),
    Custom("bank_account", reading=_account, initial=str),
    Custom("qualifications", reading=_labels, initial=list),
    *(Ties(name) for name in TIES if name != "officers"),
    Ties("officers", row_names=_OFFICER_NAMES),
)
"""The fields of an organisation under their names in the API (domain, section 3)."""
_PLAIN = tuple(f.name for f in FIELDS if f.name not in {"qualifications", *TIES})


def values_of(org: Organisation) -> dict[str, Any]:
    """Return what a unit holds under the API's names; its rows must be loaded."""
    values = {name: getattr(org, name) for name in _PLAIN}
    values["qualifications"] = [
        {name: getattr(row, name) for name in sorted(_LABEL_NAMES)}
        for row in org.qualifications
    ]
    for name, kind in TIES.items():
        values[name] = [_tie_values(tie) for tie in org.ties if tie.kind == kind]
    return values


def _tie_values(tie: OrganisationTie) -> Row:
    return {
        "organisation_id": tie.other_org_id,
        "name": tie.name,
        "uscc": tie.uscc,
        "share_percent": tie.share_percent,
        "source": tie.source,
        "duty": tie.duty,
        "id_digest": tie.id_digest,
        "valid_from": tie.valid_from,
        "valid_to": tie.valid_to,
    }


def write(org: Organisation, values: Mapping[str, Any]) -> None:
    """Put values into a unit, and what is worked out from them."""
    for name in _PLAIN:
        if getattr(org, name) != values[name]:
            setattr(org, name, values[name])
    present = values_of(org)
    if present["qualifications"] != values["qualifications"]:
        org.qualifications = [
            Qualification(position=i, **row)
            for i, row in enumerate(values["qualifications"])
        ]
    if any(present[name] != values[name] for name in TIES):
        org.ties = [
            OrganisationTie(
                kind=kind,
                position=position,
                other_org_id=row["organisation_id"],
                **{k: v for k, v in row.items() if k != "organisation_id"},
            )
            for name, kind in TIES.items()
            for position, row in enumerate(values[name])
        ]
    org.name_key = name_key(org.name)
    parts = (org.name, org.uscc or "", org.main_products, org.intro)
    org.search_text = fold("\n".join(parts))


def masked(org: Organisation) -> dict[str, str]:
    """Return the personal data and the account of a unit with their inside hidden."""
    return {
        "legal_rep": mask_name(org.legal_rep),
        "contact_name": mask_name(org.contact_name),
        "contact_phone": mask_number(org.contact_phone),
        "contact_email": mask_email(org.contact_email),
        "bank_account": mask_account(org.bank_account),
    }


def _without_identity(field: str, row: Mapping[str, Any]) -> Row:
    """Show a tie for the ledger: that a person is identified, and not by what."""
    shown = dict(row) | {"id_digest": "given" if row["id_digest"] else None}
    if field == "officers":
        shown["name"] = mask_name(row["name"])
    return shown


def changes_between(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """List what changed, with personal data masked and accounts left out.

    The ledger is never erased, so what may have to be erased does not enter it.
    """
    changes = events.difference(before, after)
    hide = {
        "contact_phone": mask_number,
        "contact_email": mask_email,
        "contact_name": mask_name,
        "legal_rep": mask_name,
    }
    for name in PRIVATE & set(changes):
        changes[name] = {
            side: hide[name](value or "") for side, value in changes[name].items()
        }
    for name in TIES.keys() & set(changes):
        changes[name] = {
            side: [_without_identity(name, row) for row in rows or []]
            for side, rows in changes[name].items()
        }
    for name in BANK & set(changes):
        changes[name] = {
            side: "changed" if value else value for side, value in changes[name].items()
        }
    return changes
