"""Trial licences 先用后转 of a docking: terms, results, conversion, who sees them."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from marketplace.domain.organisations import OrganisationState
from marketplace.models.contracts import ContractParty
from marketplace.models.dockings import TrialLicence
from marketplace.models.messages import Message
from marketplace.models.offers import Offer
from marketplace.services import trials
from tests.factories import list_offer, pool
from tests.people import World
from tests.threads import (
    Thread,
    agree_on_secrecy,
    agree_on_terms,
    begin,
    draw_up,
    meet,
    open_docking,
    sign,
)

TERMS: dict[str, Any] = {
    "starts_on": "2026-11-23",
    "ends_on": "2027-02-26",
    "site": "青岛挤压车间二号线（演示）",
    "indicators": [
        {
            "name": "抗拉强度",
            "operator": "GE",
            "value": "350",
            "unit": "MPa",
            "is_core": True,
        },
        {"text": "表面无粗晶环"},
    ],
    "liability_cap_yuan": "200000.00",
    "price_yuan": "800000.50",
}
RESULTS = [
    {"name": "抗拉强度", "measured": "372 MPa"},
    {"name": "表面无粗晶环", "measured": "目视未见", "verdict": "met"},
]


def to_secrecy(world: World) -> Thread:
    thread = begin(world)
    open_docking(thread)
    meet(thread)
    agree_on_secrecy(thread)
    return thread


def ask(thread: Thread, who: str, **changes: Any) -> Any:
    place = f"/dockings/{thread.docking}"
    etag = thread["firm"].get(place).headers["ETag"]
    body = {**TERMS, **changes}
    return thread[who].post(f"{place}/trials", body, headers={"If-Match": etag})


def propose(thread: Thread, who: str = "team", **changes: Any) -> str:
    answer = ask(thread, who, **changes)
    assert answer.status_code == 201, answer.json
    found: str = answer.json["id"]
    assert answer.headers["Location"] == f"/api/v1/trials/{found}"
    return found


def pointers(answer: Any) -> set[tuple[str, str]]:
    assert answer.status_code == 422, answer.json
    return {(e["pointer"], e["code"]) for e in answer.json["errors"]}


def offer_state(thread: Thread) -> str:
    return str(thread["team"].get(f"/offers/{thread.offer.id}").json["state"])


def queue(thread: Thread, who: str) -> dict[str, str]:
    rows = thread[who].get("/work-queue?limit=100").json["items"]
    return {row["step"]: row["due_on"] for row in rows if row["kind"] == "trial"}


def test_a_trial_is_agreed_measured_and_converted_by_the_contract(world: World) -> None:
    thread = to_secrecy(world)
    trial = f"/trials/{propose(thread)}"
    shown = thread["firm"].get(trial).json
    assert (shown["state"], shown["proposed_side"]) == ("PROPOSED", "offer")
    assert shown["price_yuan"] == "800000.50"
    assert [a["name"] for a in shown["actions"]] == ["start", "drop"]
    assert offer_state(thread) == "LISTED"

    thread.do("firm", trial, "start")
    assert offer_state(thread) == "TRIAL"
    assert queue(thread, "firm") == {"trial-result": "2027-02-26"}
    assert queue(thread, "team") == {}

    ended = thread.do("firm", trial, "report", results=RESULTS, comment="两炉试制")
    assert ended["state"] == "ENDED"
    assert ended["result"] == "两炉试制"
    assert [
        (r["measured"], r["verdict"], r["compared"]) for r in ended["indicators"]
    ] == [
        ("372 MPa", "met", "met"),
        ("目视未见", "met", None),
    ]
    assert offer_state(thread) == "LISTED"
    assert set(queue(thread, "firm")) == {"trial-decision"}

    agree_on_terms(thread)
    draw_up(thread)
    body = {"contract_id": thread.contract}
    unsigned = thread["firm"].act(trial, "convert", body)
    assert pointers(unsigned) == {("/contract_id", "unknown_contract")}
    sign(thread)
    assert thread.do("team", trial, "convert", **body)["state"] == "CONVERTED"
    assert queue(thread, "firm") == {}
    told = thread["broker"].get(f"{trial}/events").json["items"]
    assert [row["action"] for row in told] == [
        *("trial.propose", "trial.start", "trial.report", "trial.convert"),
    ]
    listed = thread["team"].get(f"/dockings/{thread.docking}/trials").json["items"]
    assert [row["state"] for row in listed] == ["CONVERTED"]


def test_only_the_other_side_agrees_and_brokers_decide_nothing(world: World) -> None:
    thread = to_secrecy(world)
    assert ask(thread, "broker").status_code == 403
    trial = f"/trials/{propose(thread, 'firm')}"
    assert thread["firm"].act(trial, "start").status_code == 403
    for action in ("start", "drop"):
        refused = thread["broker"].act(trial, action, {"comment": "不同意"})
        assert refused.status_code == 403
    assert thread.do("team", trial, "start")["state"] == "RUNNING"


def test_outsiders_do_not_know_that_there_is_a_trial(world: World) -> None:
    thread = to_secrecy(world)
    trial = propose(thread)
    for who in ("other_firm", "district", "stranger"):
        for path in (
            f"/trials/{trial}",
            f"/trials/{trial}/events",
            f"/dockings/{thread.docking}/trials",
        ):
            assert thread[who].get(path).status_code == 404, (who, path)
        assert thread[who].act(f"/trials/{trial}", "start").status_code == 404
    for who in ("firm", "team", "broker", "operator"):
        assert thread[who].get(f"/trials/{trial}").status_code == 200


def test_a_trial_waits_for_secrecy_and_a_second_click_proposes_nothing(
    world: World,
) -> None:
    thread = begin(world)
    open_docking(thread)
    meet(thread)
    assert ask(thread, "team").status_code == 409
    agree_on_secrecy(thread)
    place = f"/dockings/{thread.docking}"
    tag = {"If-Match": thread["team"].get(place).headers["ETag"]}
    made = [
        thread["team"].post(f"{place}/trials", TERMS, headers=tag).status_code
        for _ in range(2)
    ]
    assert made == [201, 412]
    assert len(thread["team"].get(f"{place}/trials").json["items"]) == 1


def test_all_that_is_wrong_with_the_terms_is_told_at_once(world: World) -> None:
    thread = to_secrecy(world)
    wrong = ask(
        thread,
        "team",
        starts_on="2026-11-20",
        ends_on="2026-11-20",
        site="  ",
        indicators=[{"text": "抗拉强度≥350 MPa"}, {"name": "抗拉强度"}],
    )
    assert pointers(wrong) == {
        ("/starts_on", "in_the_past"),
        ("/ends_on", "dates_reversed"),
        ("/site", "required"),
        ("/indicators/1/name", "duplicate"),
    }
    money = ask(thread, "team", price_yuan="-1.00", liability_cap_yuan="1.005")
    assert {place for place, _ in pointers(money)} == {
        *("/price_yuan", "/liability_cap_yuan"),
    }
    assert ("/indicators", "bad_length") in pointers(ask(thread, "team", indicators=[]))


@pytest.mark.parametrize(
    ("measured", "verdict", "code"),
    [
        ("300 MPa", "met", "contradicts_figures"),
        ("372 MPa", "missed", "contradicts_figures"),
        ("345 MPa", "met", "contradicts_figures"),
        ("0.3 GPa", "met", "contradicts_figures"),
        ("300", "met", "contradicts_figures"),
        ("372 MPa", "unstated", "contradicts_measured"),
        ("", "met", "required"),
        ("良好", None, "required"),
    ],
)
def test_a_verdict_may_not_contradict_the_figures(
    world: World, measured: str, verdict: str | None, code: str
) -> None:
    thread = to_secrecy(world)
    trial = f"/trials/{propose(thread)}"
    thread.do("firm", trial, "start")
    first = {"name": "抗拉强度", "measured": measured, "verdict": verdict}
    answer = thread["firm"].act(trial, "report", {"results": [first, RESULTS[1]]})
    assert {found for _, found in pointers(answer)} == {code}


@pytest.mark.parametrize(
    ("measured", "kind"),
    [
        ("372 MPa", "met"),
        ("0.372 GPa", "met"),
        ("抗拉强度 372MPa", "met"),
        ("345", "near"),
        ("300 MPa", "missed"),
        ("12 mm", None),
        ("合格", None),
        ("", None),
    ],
)
def test_figures_are_compared_as_the_matching_compares_them(
    measured: str, kind: str | None
) -> None:
    empty = dict.fromkeys(trials.INDICATORS.columns, "")
    row = {**empty, **TERMS["indicators"][0], "value2": None}
    found = trials.compared(row, measured)
    assert (found.value if found else None) == kind


def test_a_report_tells_of_each_indicator_once(world: World) -> None:
    thread = to_secrecy(world)
    trial = f"/trials/{propose(thread)}"
    thread.do("firm", trial, "start")

    def report(*results: dict[str, Any]) -> set[tuple[str, str]]:
        return pointers(thread["firm"].act(trial, "report", {"results": results}))

    assert report(RESULTS[0]) == {("/results", "incomplete")}
    assert report(RESULTS[0], RESULTS[0]) == {("/results/1/name", "duplicate")}
    unknown = {"name": "硬度", "measured": "90", "verdict": "met"}
    assert report(unknown, RESULTS[1]) == {("/results/0/name", "unknown_indicator")}
    assert thread["firm"].get(trial).json["state"] == "RUNNING"


def test_an_offer_is_on_trial_from_the_first_of_two_trials_to_the_last(
    world: World,
) -> None:
    thread = to_secrecy(world)
    first = f"/trials/{propose(thread)}"
    second = f"/trials/{propose(thread, site='三号线（演示）')}"
    for trial in (first, second):
        thread.do("firm", trial, "start")
        assert offer_state(thread) == "TRIAL"
    thread.do("firm", first, "drop", comment="停线")
    assert offer_state(thread) == "TRIAL"
    thread.do("firm", second, "report", results=RESULTS)
    assert offer_state(thread) == "LISTED"
    told = thread["university_admin"].get(f"/offers/{thread.offer.id}/events?limit=100")
    moves = [row["action"] for row in told.json["items"]]
    assert moves.count("offer.try") == moves.count("offer.end-trial") == 1


def at_once(
    thread: Thread, paths: list[str], action: str, body: dict[str, Any]
) -> list[int]:
    """Take one step of several trials at the same moment."""
    tags = [thread["firm"].get(path).headers["ETag"] for path in paths]
    app, headers = thread.world.app, thread["firm"].headers
    together = threading.Barrier(len(paths))

    def send(path: str, tag: str) -> int:
        together.wait()
        answer = app.test_client().post(
            f"/api/v1{path}/actions/{action}",
            json=body,
            headers={**headers, "If-Match": tag},
        )
        return int(answer.status_code)

    with ThreadPoolExecutor(len(paths)) as pool:
        return list(pool.map(send, paths, tags))


def test_trials_that_start_and_end_at_the_same_moment_move_the_offer_once(
    world: World,
) -> None:
    thread = to_secrecy(world)
    paths = [f"/trials/{propose(thread, site=f'{n}号线（演示）')}" for n in range(4)]
    assert at_once(thread, paths, "start", {}) == [200] * 4
    assert offer_state(thread) == "TRIAL"
    assert at_once(thread, paths, "report", {"results": RESULTS}) == [200] * 4
    assert offer_state(thread) == "LISTED"
    told = thread["university_admin"].get(f"/offers/{thread.offer.id}/events?limit=100")
    moves = [row["action"] for row in told.json["items"]]
    assert moves.count("offer.try") == moves.count("offer.end-trial") == 1
    first = paths[0]
    assert sorted(at_once(thread, [first] * 3, "drop", {"comment": "停"})) == [
        *(200, 412, 412),
    ]


def test_trials_of_two_dockings_share_the_state_of_the_offer(world: World) -> None:
    thread = to_secrecy(world)
    other = Thread(world, pool(world, title="另一条产线的高强型材需求"), thread.offer)
    open_docking(other)
    meet(other)
    agree_on_secrecy(other)
    mine, theirs = f"/trials/{propose(thread)}", f"/trials/{propose(other)}"
    thread.do("firm", mine, "start")
    other.do("firm", theirs, "start")
    thread.dock("firm", "lose", reason="price")
    assert offer_state(thread) == "TRIAL"
    lost = thread["firm"].get(mine).json
    assert (lost["state"], lost["actions"], lost["owed"]) == ("DROPPED", [], [])
    assert other["firm"].get(theirs).json["state"] == "RUNNING"
    other.dock("team", "lose", reason="timing")
    assert offer_state(thread) == "LISTED"
    assert queue(thread, "firm") == {}


def test_an_offer_that_left_the_market_is_left_where_it_is(world: World) -> None:
    thread = to_secrecy(world)
    trial = f"/trials/{propose(thread)}"
    thread.do("firm", trial, "start")
    thread.do(
        "university_admin", f"/offers/{thread.offer.id}", "delist", comment="到期"
    )
    thread.do("firm", trial, "drop", comment="不再试用")
    state = world.session.scalar(
        sa.select(Offer.state).where(Offer.id == thread.offer.id)
    )
    assert state == "DELISTED"


def test_a_term_that_is_over_cannot_be_agreed_to(world: World) -> None:
    thread = to_secrecy(world)
    trial = f"/trials/{propose(thread)}"
    row = world.session.get_one(TrialLicence, UUID(trial[8:]))
    row.starts_on, row.ends_on = date(2026, 10, 1), date(2026, 11, 20)
    world.session.commit()
    assert thread["firm"].act(trial, "start").status_code == 409
    row.ends_on = world.clock.now().date() + timedelta(days=1)
    world.session.commit()
    assert thread.do("firm", trial, "start")["state"] == "RUNNING"


def test_a_contract_of_another_docking_converts_nothing(world: World) -> None:
    thread = to_secrecy(world)
    trial = f"/trials/{propose(thread)}"
    thread.do("firm", trial, "start")
    thread.do("firm", trial, "report", results=RESULTS)
    other = Thread(world, pool(world, title="另一项型材需求"), list_offer(world))
    open_docking(other)
    meet(other)
    agree_on_secrecy(other)
    agree_on_terms(other)
    draw_up(other)
    sign(other)
    answer = thread["firm"].act(trial, "convert", {"contract_id": other.contract})
    assert pointers(answer) == {("/contract_id", "unknown_contract")}


def test_who_was_proposed_a_trial_owes_the_answer(world: World) -> None:
    thread = to_secrecy(world)
    trial = f"/trials/{propose(thread)}"
    assert queue(thread, "firm") == {"answer-trial": "2026-12-07"}
    assert queue(thread, "team") == {}
    owed = thread["team"].get(trial).json["owed"]
    assert [(row["step"], row["side"]) for row in owed] == [("answer-trial", "need")]
    thread.do("firm", trial, "drop", comment="暂不试用")
    assert queue(thread, "firm") == {}
    propose(thread, "firm")
    assert (queue(thread, "firm"), set(queue(thread, "team"))) == (
        {},
        {"answer-trial"},
    )


def test_a_suspended_unit_does_not_see_what_it_owes_of_a_trial(world: World) -> None:
    thread = to_secrecy(world)
    propose(thread)
    assert queue(thread, "firm")
    firm = world.org("firm")
    firm.state = OrganisationState.SUSPENDED
    firm.suspended_until = date(2026, 12, 31)
    firm.suspension_document = "鲁科字〔2026〕1号（演示）"
    world.session.commit()
    assert queue(thread, "firm") == {}


def test_no_trial_is_proposed_before_there_is_an_agreement_on_secrecy(
    world: World,
) -> None:
    thread = begin(world)
    open_docking(thread)
    thread.dock("firm", "express-interest")
    thread.dock("team", "accept")
    thread.dock("team", "propose-intent", terms={"scope": "在线淬火工艺"})
    assert ask(thread, "team").status_code == 409
    agree_on_secrecy(thread)
    assert ask(thread, "team").status_code == 201


def test_the_side_that_tries_reports_and_not_before_the_first_day(
    world: World,
) -> None:
    thread = to_secrecy(world)
    trial = f"/trials/{propose(thread, starts_on='2026-11-30')}"
    thread.do("firm", trial, "start")
    names = [row["name"] for row in thread["team"].get(trial).json["actions"]]
    assert names == ["drop"]
    assert thread["team"].act(trial, "report", {"results": RESULTS}).status_code == 403
    assert thread["firm"].act(trial, "report", {"results": RESULTS}).status_code == 409
    thread.later(days=7)
    assert thread.do("firm", trial, "report", results=RESULTS)["state"] == "ENDED"


def test_a_contract_with_somebody_else_converts_nothing(world: World) -> None:
    thread = to_secrecy(world)
    trial = f"/trials/{propose(thread)}"
    thread.do("firm", trial, "start")
    thread.do("firm", trial, "report", results=RESULTS)
    agree_on_terms(thread)
    draw_up(thread)
    sign(thread)
    seller = world.session.scalars(
        sa.select(ContractParty).where(
            ContractParty.contract_id == UUID(thread.contract),
            ContractParty.org_id == world.org("team").id,
        )
    ).one()
    seller.org_id = world.org("broker").id
    world.session.commit()
    answer = thread["firm"].act(trial, "convert", {"contract_id": thread.contract})
    assert pointers(answer) == {("/contract_id", "unknown_contract")}


def test_the_others_are_told_of_every_step_of_a_trial(world: World) -> None:
    thread = to_secrecy(world)
    trial = f"/trials/{propose(thread)}"
    thread.do("firm", trial, "start")
    thread.do("firm", trial, "report", results=RESULTS)

    def told(who: str) -> list[str]:
        found = world.session.scalars(
            sa.select(Message)
            .where(
                Message.user_id == world.user(who).id, Message.topic == "trial.moved"
            )
            .order_by(Message.id)
        )
        return [message.values["step"]["zh"] for message in found]

    assert told("firm") == ["提出试用"]
    assert told("team") == ["同意试用", "报告试用结果"]
    assert told("broker") == ["提出试用", "同意试用", "报告试用结果"]
