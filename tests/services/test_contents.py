"""How fields are read, and what is said of those that are wrong."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
import sqlalchemy.orm as so
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketplace.domain.actors import system
from marketplace.errors import Invalid
from marketplace.models.attachments import Attachment
from marketplace.models.codes import Code, CodeListVersion
from marketplace.models.organisations import Team
from marketplace.services import contents, needs, offers
from marketplace.services.fields import Reader
from schemas.needs import NeedPatchSchema, NeedSchema
from schemas.offers import OfferPatchSchema, OfferSchema
from tests.listings import (
    NEED,
    OFFER,
    SERVICES,
    forget,
    make,
    make_need,
    make_offer,
    walk,
)
from tests.people import World

TODAY = date(2026, 11, 23)


def refused(world: World, kind: str, **data: Any) -> dict[str, str]:
    """Try to store something wrong; returns the code at each pointer."""
    owner = world.actor({"need": "firm", "offer": "team"}[kind])
    sample = {"title": "试"} | ({"kind": "result"} if kind == "offer" else {})
    with pytest.raises(Invalid) as caught:
        SERVICES[kind].create(world.session, owner, {**sample, **data})
    return {e.pointer: e.code for e in caught.value.errors}


def test_the_tables_and_the_schemas_name_the_same_fields() -> None:
    for table, patch, shown in (
        (needs.FIELDS, NeedPatchSchema, NeedSchema),
        (offers.FIELDS, OfferPatchSchema, OfferSchema),
    ):
        names = {field.name for field in table}
        assert names == set(patch().fields)
        assert names <= set(shown().fields)


def test_everything_wrong_is_named_at_once(world: World) -> None:
    found = refused(
        world,
        "need",
        title="",
        problem="长" * 1001,
        key_technology=7,
        keywords=["一", "二", "三", "四", "五", "六"],
        tech_field=["05", "ZZ"],
        chain="SD-C99",
        activity_type="X",
        budget_total_yuan="-1",
        budget_to_bidder_yuan="1.234",
        budget_negotiable="yes",
        period_start="tomorrow",
        disclosure="SECRET",
        intended_units=[{}, {"organisation_id": "x"}, {"colour": 1, "name": "甲"}],
        attachments=["not-an-id"],
        indicators=[{}, {"name": "强度", "value": "5"}, "words"],
        discipline="430.15 岩石",
        unknown=1,
        background="\ud800",
    )
    assert found == {
        "/title": "required",
        "/problem": "too_long",
        "/key_technology": "not_a_string",
        "/keywords": "too_many",
        "/tech_field/1": "unknown_code",
        "/chain": "unknown_code",
        "/activity_type": "unknown_code",
        "/budget_total_yuan": "negative",
        "/budget_to_bidder_yuan": "not_money",
        "/budget_negotiable": "not_a_boolean",
        "/period_start": "not_a_date",
        "/disclosure": "unknown_code",
        "/intended_units/0": "required",
        "/intended_units/1": "required",
        "/intended_units/1/organisation_id": "not_an_id",
        "/intended_units/2/colour": "unknown_field",
        "/attachments/0": "not_an_id",
        "/indicators/0": "required",
        "/indicators/1/operator": "required",
        "/indicators/2": "not_an_object",
        "/discipline": "bad_format",
        "/unknown": "unknown_field",
        "/background": "bad_character",
    } | {k: v for k, v in found.items() if k == "/indicators/2"}


def test_an_unknown_name_is_told_with_the_known_one_that_is_near(
    world: World,
) -> None:
    wrong = {"title": "试", "problm": "难", "intended_units": [{"nmae": "甲"}]}
    with pytest.raises(Invalid) as caught:
        needs.create(world.session, world.actor("firm"), {**wrong, "colour": 1})
    told = {
        e.pointer: e.message.zh
        for e in caught.value.errors
        if e.code == "unknown_field"
    }
    assert told == {
        "/problm": "未知字段；是否为 problem？",
        "/intended_units/0/nmae": "未知字段；是否为 name？",
        "/colour": "未知字段",
    }


def test_what_contradicts_itself_is_refused_in_a_draft(world: World) -> None:
    assert refused(
        world,
        "need",
        budget_total_yuan="100.00",
        budget_to_bidder_yuan="100.01",
        period_start="2027-01-02",
        period_end="2027-01-01",
    ) == {
        "/budget_to_bidder_yuan": "more_than_total",
        "/period_end": "dates_reversed",
    }
    draft = make_need(world, budget_total_yuan="100", budget_to_bidder_yuan="100")
    with pytest.raises(Invalid) as caught:
        needs.edit(
            world.session, world.actor("firm"), draft.id, {"budget_total_yuan": "99"}
        )
    assert caught.value.errors[0].pointer == "/budget_to_bidder_yuan"


def test_a_wrong_offer_is_refused(world: World) -> None:
    team = world.org("firm")
    stranger = Team(
        org_id=team.id,
        name="别家",
        created_at=world.clock.now(),
        updated_at=world.clock.now(),
    )
    world.session.add(stranger)
    world.session.flush()
    found = refused(
        world,
        "offer",
        team_id=stranger.id,
        innovations=["点" * 51],
        keywords=["一", "二", "三", "四"],
        period_from="2024-13",
        maturity_scale="maturity_other",
        maturity_level=3,
        secrecy="CLASSIFIED",
        empowerment="2",
        licence_years=9,
        five_values={"TECHNICAL": {"score": 101}, "FUN": {}},
        ip=[
            {},
            {"kind": "11", "filed_on": "2024-01-02", "granted_on": "2024-01-01"},
            {"kind": "99"},
        ],
    )
    assert found == {
        "/team_id": "unknown_team",
        "/innovations/0": "too_long",
        "/keywords": "too_many",
        "/period_from": "not_a_date",
        "/maturity_scale": "unknown_code",
        "/secrecy": "secret",
        "/licence_years": "too_short",
        "/five_values/TECHNICAL/score": "out_of_range",
        "/five_values/FUN": "unknown_field",
        "/ip/0/kind": "required",
        "/ip/1/granted_on": "dates_reversed",
        "/ip/2/kind": "unknown_code",
    }
    assert refused(world, "offer", maturity_scale="maturity_trl9") == {
        "/maturity_level": "required"
    }
    assert refused(
        world, "offer", maturity_scale="maturity_trl9", maturity_level=10
    ) == {"/maturity_level": "unknown_code"}
    with pytest.raises(Invalid) as caught:
        offers.create(world.session, world.actor("team"), {**OFFER, "kind": "idea"})
    assert caught.value.errors[0].pointer == "/kind"


def test_a_level_alone_is_one_of_the_usual_scale(world: World) -> None:
    made = offers.create(
        world.session,
        world.actor("team"),
        {"kind": "result", "title": "试", "maturity_level": 4},
    )
    assert made.working.maturity_scale == "maturity_qd13"


def test_types_and_their_texts_are_read_alike(world: World) -> None:
    """A sheet gives strings where a schema gives dates, amounts and identifiers."""
    typed = make_offer(
        world,
        period_from=date(2021, 3, 17),
        price_expect_yuan=Decimal(1200000),
        evaluated_on=date(2024, 1, 2),
    )
    text = make_offer(
        world,
        period_from="2021-03",
        price_expect_yuan="1200000",
        evaluated_on="2024-01-02",
    )
    table = offers.FIELDS
    assert contents.values_of(table, typed.working) == contents.values_of(
        table, text.working
    )


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (
            {"name": "抗拉强度", "operator": "GE", "value": "600", "unit": "兆帕"},
            ("抗拉强度", "GE", "600", None, "MPa"),
        ),
        (
            {"text": "抗拉强度不低于600兆帕"},
            ("抗拉强度", "GE", "600", None, "MPa"),
        ),
        (
            {"name": "厚度", "text": "厚度不大于0.05mm"},
            ("厚度", "LE", "0.05", None, "mm"),
        ),
        ({"text": "工作温度-40～85℃"}, ("工作温度", "RANGE", "-40", "85", "°C")),
        ({"name": "良品率99.5%以上"}, ("良品率", "GE", "99.5", None, "%")),
        (
            {"name": "外观", "text": "无明显划痕"},
            ("外观", "QUAL", None, None, ""),
        ),
        (
            {
                "name": "温度",
                "operator": "RANGE",
                "value": "-40",
                "value2": "85",
                "unit": "摄氏度",
            },
            ("温度", "RANGE", "-40", "85", "°C"),
        ),
    ],
)
def test_indicators_are_understood_and_their_words_kept(
    world: World, row: dict[str, Any], expected: tuple[Any, ...]
) -> None:
    made = make_need(world, indicators=[row])
    shown = needs.view(world.session, world.actor("firm"), made)["indicators"][0]
    parsed = shown["parsed"]
    found = (
        shown["name"],
        shown["operator"],
        parsed["value"] if parsed["value"] is None else str(parsed["value"]),
        parsed["value2"] if parsed["value2"] is None else str(parsed["value2"]),
        parsed["unit"],
    )
    assert found == expected
    words = row.get("text") or (row["name"] if "operator" not in row else "")
    assert shown["text"] == words
    if parsed["value"] is not None:
        assert parsed["dimension"]


def test_what_is_shown_can_be_sent_back(world: World) -> None:
    """Reading a text, and writing it as it is, changes nothing."""
    made = make_need(world, indicators=[{"text": "精度±0.01 mm"}, *NEED["indicators"]])
    rows = needs.view(world.session, world.actor("firm"), made)["indicators"]
    sent = [{k: v for k, v in row.items() if k != "parsed"} for row in rows]
    revision = made.revision
    again = needs.edit(
        world.session, world.actor("firm"), made.id, {"indicators": sent}
    )
    assert again.revision == revision


@pytest.mark.parametrize(
    ("row", "pointer"),
    [
        ({"name": "甲", "operator": "GE", "value": "1", "value2": "2"}, "value2"),
        ({"name": "甲", "operator": "QUAL", "value": "1"}, "value"),
        ({"name": "甲", "operator": "RANGE", "value": "2", "value2": "1"}, "value2"),
        ({"name": "甲", "operator": "GE", "value": "1e400"}, "value"),
        ({"name": "甲", "operator": "GE", "value": "NaN"}, "value"),
        ({"name": "甲", "operator": "GE", "value": 0.1}, "value"),
        ({"name": "甲", "operator": "≥", "value": "1"}, "operator"),
        ({"name": "甲", "is_core": "yes"}, "is_core"),
        ({"name": "甲", "parsed": {}}, "parsed"),
    ],
)
def test_an_indicator_that_says_nothing_sound_is_refused(
    world: World, row: dict[str, Any], pointer: str
) -> None:
    assert f"/indicators/0/{pointer}" in refused(world, "need", indicators=[row])


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.text(max_size=60), st.text(max_size=20))
def test_any_words_of_an_indicator_are_kept_or_refused(
    session: so.Session, text: str, name: str
) -> None:
    field = next(f for f in needs.FIELDS if f.name == "indicators")
    reader = Reader(session, TODAY)
    rows = field.read(reader, [{"text": text, "name": name}], None)
    assert rows or reader.errors
    for row in [] if reader.errors else rows:
        if text.strip():
            assert row["text"] == text.strip()
        assert len(row["name"]) <= 100
        for value in (row["value"], row["value2"]):
            assert value is None or len(f"{value:f}") <= 40


def test_files_must_be_the_units_own(world: World) -> None:
    def upload(who: str) -> Attachment:
        found = Attachment(
            org_id=world.org(who).id,
            filename="说明.pdf",
            media_type="application/pdf",
            size=10,
            digest="0" * 64,
            created_at=world.clock.now(),
        )
        world.session.add(found)
        world.session.flush()
        return found

    mine, other = upload("firm"), upload("team")
    assert refused(world, "need", attachments=[other.id]) == {
        "/attachments/0": "unknown_attachment"
    }
    made = make_need(world, attachments=[mine.id, mine.id])
    shown = needs.view(world.session, world.actor("firm"), made)["attachments"]
    assert shown == [
        {
            "id": mine.id,
            "filename": "说明.pdf",
            "media_type": "application/pdf",
            "size": 10,
        }
    ]


def test_the_team_of_an_offer_is_one_of_the_unit(world: World) -> None:
    team = Team(
        org_id=world.org("team").id,
        name="轻合金团队",
        created_at=world.clock.now(),
        updated_at=world.clock.now(),
    )
    world.session.add(team)
    world.session.flush()
    made = make_offer(world, "LISTED", team_id=team.id, disclosure="NDA")
    shown = offers.view(world.session, world.actor("team"), made)
    assert shown["team"] == {"id": team.id, "name": "轻合金团队"}
    stranger = world.actor("stranger")
    outside = offers.view(
        world.session, stranger, offers.get(world.session, stranger, made.id)
    )
    assert not {"team", "team_id", "team_intro", "completers"} & set(outside)
    assert {"team", "team_intro"} <= set(outside["withheld"])


def test_a_registered_unit_is_named_by_its_record(world: World) -> None:
    unit, pending = world.org("team"), world.org("pending_admin")
    made = make_need(
        world, intended_units=[{"organisation_id": unit.id, "name": "别名"}]
    )
    shown = needs.view(world.session, world.actor("firm"), made)["intended_units"]
    assert shown == [{"organisation_id": unit.id, "name": unit.name}]
    found = refused(
        world, "need", intended_units=[{"organisation_id": str(pending.id)}]
    )
    assert found == {"/intended_units/0/organisation_id": "unknown_organisation"}


@pytest.mark.parametrize("kind", ["need", "offer"])
def test_a_retired_code_stays_until_the_next_submission(
    world: World, kind: str
) -> None:
    session, service = world.session, SERVICES[kind]
    made = make(world, kind)
    owner = world.actor({"need": "firm_admin", "offer": "team"}[kind])
    versions = sa.select(CodeListVersion.id).where(
        CodeListVersion.list_id == "sd_chain"
    )
    session.execute(
        sa.update(Code)
        .where(Code.version_id.in_(versions), Code.code == "SD-C04")
        .values(valid_to=date(2026, 1, 1), valid_from=date(2023, 1, 1))
    )
    forget(session)
    edited = service.edit(session, owner, made.id, {"chain": "SD-C04", "title": "改"})
    assert edited.working.chain == "SD-C04"
    with pytest.raises(Invalid) as caught:
        service.act(session, owner, made.id, "submit")
    assert {e.pointer for e in caught.value.errors} == {"/chain"}
    with pytest.raises(Invalid):
        service.edit(session, owner, made.id, {"chain": "SD-C99"})
    session.rollback()


@pytest.mark.parametrize("kind", ["need", "offer"])
def test_a_reordered_list_is_told_as_reordered(world: World, kind: str) -> None:
    session, service = world.session, SERVICES[kind]
    rows = [{"text": "强度≥5 MPa"}, {"text": "厚度≤3 mm"}]
    made = make(world, kind, "POOLED" if kind == "need" else "LISTED", indicators=rows)
    owner = world.actor({"need": "firm", "offer": "team"}[kind])
    service.edit(session, owner, made.id, {"indicators": rows[::-1]})
    subject = service.get(session, owner, made.id)
    assert service.compare(session, owner, subject, 1, 2)["changes"] == [
        {"pointer": "/indicators", "old": ["强度", "厚度"], "new": ["厚度", "强度"]}
    ]
    walk(session, system(world.clock.now()), kind, made.id, "SUBMITTED")
