"""A contract with everything that its papers say, read in a few queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace.models.attachments import Attachment
from marketplace.models.contracts import Contract, ContractVersion
from marketplace.models.organisations import Organisation
from marketplace.models.registrations import Registration
from marketplace.services import codes
from marketplace.services.contract_contents import CONTENT, Values
from marketplace.services.fields import Row, thawed

_FROM_UNIT = {
    "name": "name",
    "uscc": "uscc",
    "party_nature": "party_nature",
    "region": "region",
    "representative": "legal_rep",
    "contact_name": "contact_name",
    "contact_phone": "contact_phone",
    "address": "address",
    "postcode": "postcode",
    "flags": "flags",
    "scale": "scale",
    "industry": "industry",
}
"""Which field of an organisation fills an empty one of the party that it is."""


class Names:
    """The Chinese names of codes; each list is read once."""

    def __init__(self, session: so.Session) -> None:
        self._session = session
        self._known: dict[str, dict[str, tuple[str, str]]] = {}

    def __call__(self, list_id: str, code: str | None) -> str:
        """Return a code's name; the code where the list does not have it."""
        if not code:
            return ""
        if list_id not in self._known:
            self._known[list_id] = codes.names(self._session, list_id)
        return self._known[list_id].get(code, (code, code))[0]


@dataclass(frozen=True)
class Record:
    """One version of a contract, typed, its parties completed from their units.

    Parameters
    ----------
    number : int
        Of the version; 0 where nothing is written yet.
    moment : datetime
        When that version was written.
    files : mapping of UUID to str
        Names of the attachments among its papers.
    """

    contract_no: str
    state: str
    number: int
    moment: datetime
    values: Values
    names: Names
    registration: Registration | None = None
    registry: str = ""
    files: Mapping[UUID, str] = field(default_factory=dict)


def stamp(known: Record) -> str:
    """Return when what stands on a paper was written, as files date themselves.

    A paper dates from its record and not from the moment of printing, so that it is
    the same file whenever it is printed.
    """
    return known.moment.astimezone(UTC).isoformat(timespec="seconds")


def record(
    session: so.Session, contract: Contract, *, registered: bool = False
) -> Record:
    """Read one contract; see ``records``."""
    return records(session, [contract], registered=registered)[0]


def records(
    session: so.Session, contracts: Sequence[Contract], *, registered: bool = False
) -> list[Record]:
    """Read what the papers of contracts need, in the order of the contracts.

    Whether the caller may see the contracts has been asked before.

    Parameters
    ----------
    registered : bool
        Take the version that stands registered where there is one, not the version
        in force.
    """
    held = _registrations(session, contracts)
    versions = _versions(session, contracts, held if registered else {})
    contents = {
        contract.id: thawed(CONTENT, versions[contract.id].content)
        if contract.id in versions
        else thawed(CONTENT, {})
        for contract in contracts
    }
    units = _units(session, contents.values(), held.values())
    files = _files(session, contents.values())
    names = Names(session)
    found = []
    for contract in contracts:
        version, entry = versions.get(contract.id), held.get(contract.id)
        values = contents[contract.id]
        registry = units.get(entry.registry_org_id) if entry else None
        found.append(
            Record(
                contract_no=contract.contract_no,
                state=contract.state.value,
                number=version.number if version else 0,
                moment=version.created_at if version else contract.created_at,
                values={**values, "parties": _completed(values["parties"], units)},
                names=names,
                registration=entry,
                registry=registry.name if registry else "",
                files=files,
            )
        )
    return found


def _registrations(
    session: so.Session, contracts: Sequence[Contract]
) -> dict[UUID, Registration]:
    ids = [contract.id for contract in contracts]
    rows = session.scalars(
        sa.select(Registration).where(Registration.contract_id.in_(ids))
    )
    return {row.contract_id: row for row in rows}


def _versions(
    session: so.Session,
    contracts: Sequence[Contract],
    held: Mapping[UUID, Registration],
) -> dict[UUID, ContractVersion]:
    numbers = [
        (entry.contract_id, entry.version_number)
        for entry in held.values()
        if entry.version_number is not None
    ]
    current = [c.current_version_id for c in contracts if c.current_version_id]
    rows = session.scalars(
        sa.select(ContractVersion).where(
            sa.or_(
                ContractVersion.id.in_(current),
                sa.tuple_(ContractVersion.contract_id, ContractVersion.number).in_(
                    numbers
                ),
            )
        )
    ).all()
    wanted = set(numbers)
    found = {row.contract_id: row for row in rows if row.id in set(current)}
    found |= {
        row.contract_id: row for row in rows if (row.contract_id, row.number) in wanted
    }
    return found


def _units(session: so.Session, contents: Any, held: Any) -> dict[Any, Organisation]:
    ids = {
        party["organisation_id"] for values in contents for party in values["parties"]
    }
    ids |= {entry.registry_org_id for entry in held}
    ids.discard(None)
    rows = session.scalars(sa.select(Organisation).where(Organisation.id.in_(ids)))
    return {row.id: row for row in rows}


def _files(session: so.Session, contents: Any) -> dict[UUID, str]:
    ids = {
        paper["attachment_id"] for values in contents for paper in values["documents"]
    }
    ids.discard(None)
    rows = session.execute(
        sa.select(Attachment.id, Attachment.filename).where(Attachment.id.in_(ids))
    )
    return {row.id: row.filename for row in rows}


def _completed(parties: Sequence[Row], units: Mapping[Any, Organisation]) -> list[Row]:
    """Fill what is empty of a party from the organisation that it names."""
    found = []
    for party in parties:
        unit = units.get(party["organisation_id"])
        row = dict(party)
        if unit is not None:
            for name, attribute in _FROM_UNIT.items():
                row[name] = row[name] or getattr(unit, attribute)
        found.append(row)
    return found
