"""What an agreement opens, for whom, and since when."""

from __future__ import annotations

from uuid import UUID

import pytest
import sqlalchemy as sa

from marketplace import policies
from marketplace.domain.needs import NeedState
from marketplace.domain.organisations import OrganisationState
from marketplace.domain.roles import Tier
from marketplace.models.ledger import Event
from marketplace.models.needs import Need, NeedVersion
from marketplace.services import needs
from tests.people import World

BASIS = "保密协议 2026-1"


@pytest.fixture
def need(world: World) -> UUID:
    """A need of the firm in the library, its details under the agreement."""
    now = world.clock.now()
    stamps = {"created_at": now, "updated_at": now}
    row = Need(
        need_no="N-1",
        owner_org_id=world.org("firm").id,
        state=NeedState.DRAFT,
        **stamps,
    )
    world.session.add(row)
    world.session.flush()
    version = NeedVersion(
        need_id=row.id,
        number=1,
        title="甲",
        problem="只给签过协议的单位看",
        disclosure="NDA",
        created_at=now,
        fixed_at=now,
    )
    world.session.add(version)
    world.session.flush()
    row.working_version_id = row.published_version_id = version.id
    row.state, row.published_at = NeedState.POOLED, now
    world.session.commit()
    return row.id


def granted(world: World, who: str) -> Tier:
    actor = world.actor(who)
    ids = world.session.scalars(policies.granted_subjects(actor, "need")).all()
    subject = world.session.scalars(sa.select(Need)).one()
    return policies.outsider_tier(actor, subject.id, ids)


def test_an_agreement_opens_one_need_to_one_unit_until_it_is_taken_back(world, need):
    admin, team = world.client("firm_admin"), world.client("team")
    path, details = f"/needs/{need}/disclosures", f"/needs/{need}"
    assert "problem" in team.get(details).json["withheld"]
    body = {"organisation_id": str(world.org("team").id), "basis": BASIS}
    given = admin.post(path, body)
    assert given.status_code == 201
    assert given.json["granted_by"] == str(world.user("firm_admin").id)
    assert team.get(details).json["problem"] == "只给签过协议的单位看"
    assert "problem" in world.client("broker").get(details).json["withheld"]
    assert granted(world, "team") is Tier.NDA
    assert granted(world, "broker") is Tier.VERIFIED
    (row,) = admin.get(path).json["items"]
    assert row["basis"] == BASIS
    again = admin.post(path, body)
    assert again.status_code == 409
    assert again.json["errors"][0]["pointer"] == "/organisation_id"
    assert admin.delete(f"{path}/{row['id']}").status_code == 204
    assert admin.delete(f"{path}/{row['id']}").status_code == 404
    assert "problem" in team.get(details).json["withheld"]
    log = world.session.scalars(
        sa.select(Event.action)
        .where(Event.subject_id == need, Event.action.contains("grant"))
        .order_by(Event.id)
    ).all()
    assert log == ["need.grant", "need.revoke-grant"]


def test_only_another_verified_unit_signs(world, need):
    admin, path = world.client("firm_admin"), f"/needs/{need}/disclosures"
    for who, code in (("firm", "itself"), ("pending_admin", "unknown_organisation")):
        body = {"organisation_id": str(world.org(who).id), "basis": " "}
        answer = admin.post(path, body)
        assert answer.status_code == 422
        found = {e["pointer"]: e["code"] for e in answer.json["errors"]}
        assert found == {"/organisation_id": code, "/basis": "required"}


def test_a_suspended_unit_opens_nothing(world, need):
    world.user("firm_admin")
    client = world.client("firm_admin")
    org, until = world.org("firm"), world.actor("team").today
    org.suspended_until, org.suspension_document = until, "x"
    org.state = OrganisationState.SUSPENDED
    body = {"organisation_id": str(world.org("team").id), "basis": BASIS}
    assert client.post(f"/needs/{need}/disclosures", body).status_code == 403


def test_a_grant_belongs_to_its_own_object(world, need):
    admin = world.client("firm_admin")
    body = {"organisation_id": str(world.org("team").id), "basis": BASIS}
    given = admin.post(f"/needs/{need}/disclosures", body).json["id"]
    other = needs.create(world.session, world.actor("firm_admin"), {"title": "乙"})
    elsewhere = admin.delete(f"/needs/{other.id}/disclosures/{given}")
    assert elsewhere.status_code == 404
    hidden = world.client("team").get(f"/needs/{other.id}/disclosures")
    assert hidden.status_code == 404
