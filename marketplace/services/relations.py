"""Related parties 关联方: who belongs together by what the units declared."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace.domain.organisations import OrganisationState
from marketplace.models.organisations import Organisation, OrganisationTie


def related_org_ids(session: so.Session, org_ids: Collection[UUID]) -> set[UUID]:
    """Return the declared related parties of units, whoever of the two declared it.

    A unit's family is everything joined to it by parent and branch. Related are the
    family; whoever a member of it names as controller, shareholder or otherwise
    related; whoever names a member of it; whoever names the same third party; and the
    families of all these. A party may be named by its registration here or by its
    credit code. What others declare counts once they are verified: a unit that nobody
    has checked could else part two strangers.

    Parameters
    ----------
    org_ids : collection of UUID

    Returns
    -------
    set of UUID
        Without ``org_ids`` themselves.
    """
    own = set(org_ids)
    family = _family(session, own)
    if not family:
        return set()
    named = _named_by(session, family)
    third = _with_codes(session, named | _codes_and_ids(session, family))
    ids = {key for key in third if isinstance(key, UUID)}
    usccs = {key for key in third if isinstance(key, str)}
    naming = session.scalars(
        sa.select(OrganisationTie.org_id)
        .join(Organisation, Organisation.id == OrganisationTie.org_id)
        .where(
            Organisation.state == OrganisationState.VERIFIED,
            sa.or_(
                OrganisationTie.other_org_id.in_(ids), OrganisationTie.uscc.in_(usccs)
            ),
        )
    )
    return _family(session, family | ids | set(naming)) - own


def _family(session: so.Session, org_ids: Collection[UUID]) -> set[UUID]:
    """Return units with everything that parent and branch join to them."""
    found, fresh = set(org_ids), set(org_ids)
    while fresh:
        rows = session.execute(
            sa.select(Organisation.id, Organisation.parent_org_id).where(
                sa.or_(
                    Organisation.parent_org_id.in_(fresh), Organisation.id.in_(fresh)
                ),
                sa.or_(
                    Organisation.state == OrganisationState.VERIFIED,
                    Organisation.id.in_(org_ids),
                ),
            )
        )
        met = {i for pair in rows for i in pair if i is not None}
        fresh = met - found
        found |= fresh
    return found


def _named_by(session: so.Session, org_ids: Collection[UUID]) -> set[UUID | str]:
    rows = session.execute(
        sa.select(OrganisationTie.other_org_id, OrganisationTie.uscc).where(
            OrganisationTie.org_id.in_(org_ids)
        )
    )
    return {key for pair in rows for key in pair if key is not None}


def _codes_and_ids(session: so.Session, org_ids: Collection[UUID]) -> set[UUID | str]:
    usccs = session.scalars(
        sa.select(Organisation.uscc).where(
            Organisation.id.in_(org_ids), Organisation.uscc.is_not(None)
        )
    )
    return set(org_ids) | {code for code in usccs if code is not None}


def _with_codes(session: so.Session, keys: Collection[UUID | str]) -> set[UUID | str]:
    """Return parties by both of their keys, where they are registered here."""
    rows = session.execute(
        sa.select(Organisation.id, Organisation.uscc).where(
            sa.or_(
                Organisation.id.in_([k for k in keys if isinstance(k, UUID)]),
                Organisation.uscc.in_([k for k in keys if isinstance(k, str)]),
            )
        )
    )
    return set(keys) | {key for pair in rows for key in pair if key is not None}
