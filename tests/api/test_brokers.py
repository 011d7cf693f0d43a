"""Brokers and institutions over the API: records, ratings, the way onto the record."""

from __future__ import annotations

import json
from datetime import date
from uuid import UUID

import pytest
import sqlalchemy as sa

from marketplace.domain.conflicts import Purpose
from marketplace.models.brokers import Broker, BrokerRating
from marketplace.models.ledger import Event
from marketplace.models.users import Membership
from marketplace.services import conflicts
from tests.brokers import FORM, RECORD, applied, deal, enter, recorded, verified
from tests.factories import relate
from tests.people import World
from tests.threads import begin, meet, open_docking

RATING = {"score": 4, "text": "对接及时"}


def listed(world: World, who: str, query: str = "") -> list[str]:
    answer = world.client(who).get(f"/brokers?{query}")
    assert answer.status_code == 200, answer.json
    return [row["id"] for row in answer.json["items"]]


def test_a_record_is_public_once_an_operator_has_seen_the_certificate(
    world: World,
) -> None:
    found = enter(world)
    assert found["state"] == "PENDING"
    place = f"/brokers/{found['id']}"
    assert listed(world, "stranger") == []
    assert world.client("stranger").get(place).status_code == 404
    assert listed(world, "broker", "mine=true") == [found["id"]]
    shown = world.client("operator").act(place, "verify")
    assert shown.json["state"] == "VERIFIED"
    assert listed(world, "stranger") == [found["id"]]


def test_the_public_reads_no_personal_data_and_nobody_a_whole_identity_number(
    world: World,
) -> None:
    place = verified(world)
    public = world.client("stranger").get(place).json
    assert public["name"] == "王**"
    assert {"id_no", "certificate_no", "education", "user_id"} <= set(
        public["withheld"]
    )
    assert not {"id_no", "certificate_no", "education", "user_id"} & public.keys()
    assert world.client("firm").get(place).json["name"] == RECORD["name"]
    row = world.client("stranger").get("/brokers").json["items"][0]
    assert row["name"] == "王**"
    for who in ("broker", "operator"):
        shown = world.client(who).get(place)
        assert shown.json["id_no"] == "110****002X"
        assert RECORD["id_no"] not in shown.get_data(as_text=True)
    sheet = world.client("operator").get(
        "/brokers?state=VERIFIED", headers={"Accept": "text/csv"}, buffered=True
    )
    assert str(RECORD["id_no"]) not in sheet.get_data(as_text=True)


def test_the_ledger_never_holds_an_identity_number(world: World) -> None:
    place = verified(world)
    client = world.client("broker")
    other = {**RECORD, "id_no": "440524188001010014"}
    etag = client.get(place).headers["ETag"]
    answer = client.open("PUT", place, json=other, headers={"If-Match": etag})
    assert answer.status_code == 200, answer.json
    told = world.session.scalars(
        sa.select(Event.changes).where(Event.subject_kind == "broker")
    ).all()
    text = json.dumps(told)
    assert len(told) >= 3
    assert "440****0014" in text
    assert RECORD["id_no"] not in text
    assert "440524188001010014" not in text


def test_a_checked_field_that_changes_is_checked_again(world: World) -> None:
    place = verified(world)
    client = world.client("broker")
    etag = client.get(place).headers["ETag"]
    body = {k: v for k, v in RECORD.items() if k != "id_no"}
    answer = client.open(
        "PUT", place, json={**body, "cases": []}, headers={"If-Match": etag}
    )
    assert answer.json["state"] == "VERIFIED"
    assert answer.json["id_no"] == "110****002X"
    answer = client.open(
        "PUT",
        place,
        json={**body, "grade": "SENIOR"},
        headers={"If-Match": answer.headers["ETag"]},
    )
    assert answer.json["state"] == "PENDING"
    assert listed(world, "stranger") == []


def test_a_certificate_that_has_run_out_is_neither_verified_nor_listed(
    world: World,
) -> None:
    found = enter(world, valid_until="2026-11-22")
    answer = world.client("operator").act(f"/brokers/{found['id']}", "verify")
    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == "/valid_until"
    row = world.session.get_one(Broker, UUID(found["id"]))
    row.valid_until = world.clock.now().date()
    world.session.commit()
    answer = world.client("operator").act(f"/brokers/{found['id']}", "verify")
    assert answer.status_code == 200, answer.json
    assert listed(world, "stranger") == [found["id"]]
    row.valid_until = row.obtained_on
    world.session.commit()
    assert listed(world, "stranger") == []


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"id_no": "110105194912310021"}, "/id_no"),
        ({"grade": "MASTER"}, "/grade"),
        ({"obtained_on": "2026-11-24", "valid_until": None}, "/obtained_on"),
        ({"valid_until": "2020-01-01"}, "/valid_until"),
        ({"fields": ["99"]}, "/fields/0"),
    ],
)
def test_a_wrong_field_of_a_record_is_told_at_its_place(
    world: World, changes: dict[str, object], pointer: str
) -> None:
    answer = world.client("broker").post("/brokers", {**RECORD, **changes})
    assert answer.status_code == 422
    assert [e["pointer"] for e in answer.json["errors"]] == [pointer]


def test_a_person_and_a_certificate_are_on_record_once(world: World) -> None:
    enter(world)
    again = world.client("broker").post("/brokers", {**RECORD, "certificate_no": "X"})
    assert again.status_code == 409
    answer = world.client("university_admin").post(
        "/brokers", {**RECORD, "own": False, "id_no": ""}
    )
    assert answer.status_code == 409
    assert answer.json["errors"][0]["pointer"] == "/certificate_no"
    answer = world.client("university_admin").post(
        "/brokers", {**RECORD, "own": False, "certificate_no": "JJ-2"}
    )
    assert answer.status_code == 201, answer.json
    assert answer.json["user_id"] is None


def test_an_operator_does_not_verify_for_his_own_unit(world: World) -> None:
    found = enter(world)
    row = world.session.get_one(Broker, UUID(found["id"]))
    row.org_id = world.org("operator").id
    world.session.commit()
    answer = world.client("operator").act(f"/brokers/{found['id']}", "verify")
    assert answer.status_code == 403


def test_only_who_took_a_step_with_a_broker_rates_him(world: World) -> None:
    place = verified(world)
    rated = f"{place}/ratings"
    for who in ("firm", "team", "operator", "broker", "other_firm"):
        assert world.client(who).post(rated, RATING).status_code == 403, who
    assert world.client("stranger").post(rated, RATING).status_code == 401
    thread = begin(world)
    open_docking(thread)
    meet(thread)
    assert thread["firm"].post(rated, RATING).status_code == 201
    assert thread["team"].post(rated, {"score": 5}).status_code == 201
    assert thread["firm_admin"].post(rated, RATING).status_code == 403
    assert thread["other_firm"].post(rated, RATING).status_code == 403
    assert thread["broker"].post(rated, {"score": 5}).status_code == 403


def test_a_person_has_one_rating_of_a_broker_and_stays_unnamed(world: World) -> None:
    place = verified(world)
    thread = begin(world)
    open_docking(thread)
    meet(thread)
    rated = f"{place}/ratings"
    thread["firm"].post(rated, {"score": 1})
    thread["firm"].post(rated, RATING)
    thread["team"].post(rated, {"score": 5})
    rows = world.client("stranger").get(rated).json["items"]
    assert sorted(row["score"] for row in rows) == [4, 5]
    assert not any("user" in name for row in rows for name in row)
    shown = world.client("stranger").get(place).json
    assert (shown["rating"], shown["ratings_count"]) == ("4.5", 2)
    kept = world.session.scalar(sa.select(sa.func.count(BrokerRating.id)))
    assert kept == 2
    history = thread["broker"].get(f"{place}/events").json["items"]
    assert "firm" not in {row["user_name"] for row in history}


@pytest.mark.parametrize("score", [0, 6, "5", 4.5, None])
def test_a_score_is_a_whole_number_from_one_to_five(
    world: World, score: object
) -> None:
    place = verified(world)
    answer = world.client("firm").post(f"{place}/ratings", {"score": score})
    assert answer.status_code == 422


def test_an_institution_is_recommended_recorded_and_evaluated(world: World) -> None:
    place = applied(world)
    assert world.client("stranger").get(place).status_code == 404
    assert world.client("firm").get(place).status_code == 404
    early = world.client("province").act(place, "record")
    assert early.status_code == 409
    assert world.client("operator").act(place, "recommend").status_code == 200
    assert world.client("operator").act(place, "recommend").status_code == 409
    found = world.client("province").act(place, "record", {"level": "PROVINCE"})
    assert found.json["state"] == "RECORDED"
    assert found.json["record_no"] == "Z2026-370100-0001"
    shown = world.client("province").act(
        place, "evaluate", {"year": 2026, "grade": "GOOD"}
    )
    assert (shown.json["state"], shown.json["grade"]) == ("EVALUATED", "GOOD")
    again = world.client("province").act(
        place, "evaluate", {"year": 2026, "grade": "EXCELLENT"}
    )
    assert again.status_code == 409
    gone = world.client("province").act(place, "remove", {"comment": "不再符合条件"})
    assert gone.json["state"] == "REMOVED"
    assert world.client("stranger").get(place).status_code == 404
    back = world.client("broker").act(place, "reapply")
    assert (back.json["state"], back.json["recommended_at"]) == ("APPLIED", None)


def test_the_public_reads_an_institution_without_its_income(world: World) -> None:
    place = recorded(world)
    listed_ = world.client("stranger").get("/broker-institutions?region=370000").json
    assert [row["state"] for row in listed_["items"]] == ["RECORDED"]
    assert not [name for name in listed_["items"][0] if name.startswith("income")]
    public = world.client("stranger").get(place).json
    assert public["head"] == "赵**"
    assert "income_operating_yuan" in public["withheld"]
    assert not [name for name in public if name.startswith("income")]
    assert public["brokers_percent"] == "41.67"
    assert public["full_time_percent"] == "75.00"
    own = world.client("broker").get(place).json
    assert own["income_operating_yuan"] == "900000.00"
    assert own["income_growth_percent"] == "-3.5"


def test_a_changed_application_has_to_be_recommended_again(world: World) -> None:
    place = applied(world)
    world.client("operator").act(place, "recommend")
    client = world.client("broker")
    etag = client.get(place).headers["ETag"]
    answer = client.patch(place, {"staff_total": 13}, etag)
    assert answer.json["recommended_at"] is None
    assert world.client("province").act(place, "record").status_code == 409


def test_a_unit_applies_once_and_its_staff_adds_up(world: World) -> None:
    applied(world)
    client = world.client("broker")
    assert client.post("/broker-institutions", FORM).status_code == 409
    wrong = world.client("university_admin").post(
        "/broker-institutions", {**FORM, "staff_brokers": 13}
    )
    assert wrong.status_code == 422
    assert wrong.json["errors"][0]["pointer"] == "/staff_brokers"
    refused = world.client("firm").post("/broker-institutions", FORM)
    assert refused.status_code == 403


def test_who_belongs_to_an_institution_does_not_judge_it(world: World) -> None:
    place = applied(world)
    for who, role in (
        ("operator", "operator"),
        ("province", "provincial_authority"),
    ):
        world.session.add(
            Membership(
                user_id=world.user(who).id,
                org_id=world.org("broker").id,
                roles=[role],
                created_at=world.clock.now(),
                updated_at=world.clock.now(),
            )
        )
    world.session.commit()
    assert world.client("operator").act(place, "recommend").status_code == 403
    world.client("operator_two").act(place, "recommend")
    assert world.client("province").act(place, "record").status_code == 403


def test_a_deal_of_affiliated_units_is_nobodys_merit(world: World) -> None:
    place = verified(world)
    thread = begin(world)
    docking = open_docking(thread)["id"]
    contract = deal(world, "1000000.00", date(2026, 5, 4), docking=docking)
    shown = world.client("operator").get(place).json
    assert (shown["deals_count"], shown["deals_amount_yuan"]) == (1, "1000000.00")
    relate(world, "firm")
    conflicts.check(
        world.session,
        world.actor("broker"),
        purpose=Purpose.CONTRACT,
        subject_kind="contract",
        subject_id=contract.id,
        left=conflicts.side(units=[world.org("firm").id]),
        right=conflicts.side(units=[world.org("team").id]),
    )
    world.session.commit()
    shown = world.client("operator").get(place).json
    assert (shown["deals_count"], shown["deals_amount_yuan"]) == (0, "0.00")


def queued(world: World, who: str) -> list[str]:
    items = world.client(who).get("/work-queue").json["items"]
    return [i["step"] for i in items if i["kind"] in {"broker", "institution"}]


def test_records_wait_in_the_queue_of_who_has_to_look_at_them(world: World) -> None:
    place = f"/brokers/{enter(world)['id']}"
    assert queued(world, "operator") == ["verify-broker"]
    operator = world.client("operator")
    item = operator.get("/work-queue").json["items"][0]
    assert (item["href"], item["title"]) == (f"/api/v1{place}", RECORD["name"])
    operator.act(place, "verify")
    assert queued(world, "operator") == []
    operator.act(place, "suspend", {"comment": "证书存疑"})
    operator.act(place, "reinstate", {"comment": "已澄清"})
    assert queued(world, "operator") == ["verify-broker"]


def test_an_application_waits_on_the_operator_and_then_on_the_province(
    world: World,
) -> None:
    place = applied(world)
    assert queued(world, "operator") == ["recommend-institution"]
    world.client("operator").act(place, "recommend")
    assert (queued(world, "operator"), queued(world, "province")) == (
        [],
        ["record-institution"],
    )
    world.client("province").act(place, "return", {"comment": "补充材料"})
    assert queued(world, "operator") == queued(world, "province") == []
    client = world.client("broker")
    etag = client.get(place).headers["ETag"]
    client.patch(place, {"head": "钱示例"}, etag)
    assert queued(world, "operator") == ["recommend-institution"]
    world.client("operator").act(place, "recommend")
    answer = world.client("province").act(place, "record", {"level": "PROVINCE"})
    assert answer.json["state"] == "RECORDED"
    assert queued(world, "province") == []
