"""A docking day over the wire: set up, planned in the background, deployed, judged."""

from __future__ import annotations

from marketplace.jobs.runner import Runner
from tests.docking import DAY, make_team
from tests.listings import make_need


def test_a_day_from_its_slots_to_the_outcome_of_a_talk(world):
    need, offer = make_need(world, "POOLED"), make_team(world, "一队")
    operator, firm = world.client("operator"), world.client("firm")
    made = operator.post("/docking-days", DAY)
    assert made.status_code == 201
    path = made.headers["Location"]
    asking = operator.post(f"{path}/participants", {"need_id": str(need.id)}).json
    coming = operator.post(
        f"{path}/participants",
        {"offer_id": str(offer), "must_meet": [asking["id"]], "absent": [0]},
    ).json
    assert coming["must_meet"] == [asking["id"]]
    assert firm.get(path).status_code == 404
    started = operator.act(f"{path}/plan", "solve", {"seconds": 60})
    assert (started.json["state"], started.json["day_state"]) == ("QUEUED", "SOLVING")
    assert [a["name"] for a in started.json["actions"]] == ["cancel"]
    assert Runner(world.app).run_all() == 1
    found = operator.get(f"{path}/plan").json
    assert (found["state"], found["optimal"], found["stale"]) == ("FOUND", True, False)
    assert [a["name"] for a in found["actions"]] == ["solve", "deploy"]
    (talk,) = found["talks"]
    assert (talk["need"]["id"], talk["team"]["id"]) == (asking["id"], coming["id"])
    assert talk["slot"] in {1, 2}
    assert operator.act(f"{path}/plan", "deploy").json["day_state"] == "DEPLOYED"
    (mine,) = firm.get(f"{path}/talks").json["items"]
    place = f"{path}/talks/{mine['id']}"
    assert mine["actions"] == []
    world.clock.advance(days=15, hours=3)
    operator, firm = world.client("operator"), world.client("firm")
    (mine,) = firm.get(f"{path}/talks").json["items"]
    assert [a["name"] for a in mine["actions"]] == ["record-outcome"]
    said = {"outcome": "follow-up", "follow_up_on": "2026-12-20"}
    assert firm.act(place, "record-outcome", said).json["outcome"] == "follow-up"
    (duty,) = firm.get("/work-queue").json["items"]
    assert (duty["step"], duty["due_on"]) == ("follow-up", "2026-12-20")
    assert duty["href"] == place
    assert firm.get(place).status_code == 200
    feed = firm.post("/me/calendar-feed").json["path"]
    written = world.app.test_client().get(feed).get_data(as_text=True)
    assert f"talk-{mine['id']}@jiebang" in written
    assert f"duty-{duty['id']}@jiebang" in written
    assert world.client("broker").get(f"{path}/talks").status_code == 404
    assert firm.get(f"{path}/plan").status_code == 403


def test_a_stale_proposal_and_a_stale_reading_are_told_apart(world):
    operator = world.client("operator")
    path = operator.post("/docking-days", DAY).headers["Location"]
    need = make_need(world, "POOLED")
    operator.post(f"{path}/participants", {"need_id": str(need.id)})
    operator.act(f"{path}/plan", "solve")
    Runner(world.app).run_all()
    before = operator.get(f"{path}/plan").headers["ETag"]
    make = {"offer_id": str(make_team(world, "一队"))}
    assert operator.post(f"{path}/participants", make).status_code == 201
    headers = {"If-Match": before}
    late = operator.post(f"{path}/plan/actions/deploy", {}, headers=headers)
    assert (late.status_code, late.json["code"]) == (412, "stale")
    late = operator.act(f"{path}/plan", "deploy")
    assert (late.status_code, late.json["code"]) == (409, "proposal_stale")


def test_an_action_is_taken_where_it_belongs(world):
    operator = world.client("operator")
    path = operator.post("/docking-days", DAY).headers["Location"]
    for place, action in ((path, "solve"), (f"{path}/plan", "call-off")):
        refused = operator.act(place, action, {"comment": "测试"})
        assert refused.status_code == 409
        assert refused.json["code"] == "transition_not_allowed"
        assert action not in refused.json["possible"]
