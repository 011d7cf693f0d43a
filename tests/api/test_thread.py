"""One thread, walked by five people over the API on a clock that stands still."""

from __future__ import annotations

from tests.people import World
from tests.printing import CAN_PRINT
from tests.threads import (
    Thread,
    agree_on_secrecy,
    agree_on_terms,
    attach,
    begin,
    correct,
    draw_up,
    fixes,
    meet,
    open_docking,
    pay,
    sign,
    to_contract,
)


def test_a_match_becomes_a_registered_and_paid_contract(world: World) -> None:
    thread = begin(world, disclosure="NDA")
    need = f"/needs/{thread.need.id}"

    ranked = thread["firm"].get(f"{need}/matches").json["items"]
    assert ranked[0]["offer"]["id"] == str(thread.offer.id)
    docking = open_docking(thread)
    assert docking["state"] == "RECOMMENDED"
    assert docking["match"]["engine"]["version"]
    assert docking["match"]["reasons"]["zh-CN"]
    assert thread.queue("firm") == thread.queue("team") == ["answer"]

    assert meet(thread)["state"] == "MEETING"
    assert thread["firm"].get(need).json["state"] == "DOCKING"
    assert "problem" in thread["team"].get(need).json["withheld"]
    assert agree_on_secrecy(thread)["state"] == "NDA"
    assert thread["team"].get(need).json["problem"]
    assert "problem" in thread["university_admin"].get(need).json["withheld"]
    read = thread["firm"].get(f"{need}/events?limit=100").json["items"]
    assert "need.read" in [row["action"] for row in read]

    assert agree_on_terms(thread)["intent_amount_yuan"] == "1200000.00"
    assert thread.queue("firm") == ["contract"]

    contract = draw_up(thread, goal="", clauses=[])
    assert contract["state"] == "DRAFT"
    assert [p["side"] for p in contract["parties"]] == ["buyer", "seller", "broker"]
    readiness = f"/contracts/{thread.contract}/readiness"
    found = thread["team"].get(readiness).json
    assert not found["ready"]
    flaws = {row["code"] for row in found["items"] if row["status"] == "fix"}
    assert flaws

    place = f"/contracts/{thread.contract}"
    correct(thread)
    left = fixes(thread)
    assert {"R03", "R09"}.isdisjoint(left)
    assert sign(thread)["state"] == "SIGNED"
    assert thread["firm"].get(f"/dockings/{thread.docking}").json["state"] == "SIGNED"
    assert thread["firm"].get(need).json["state"] == "CONTRACTED"
    assert thread.step("university_admin", "take-effect")["state"] == "EFFECTIVE"
    assert thread.queue("firm") == ["pay"]
    assert fixes(thread) == {"R50"}
    attach(thread)
    assert fixes(thread) == set()
    assert thread["team"].get(readiness).json["ready"]

    thread.register("university_admin", "apply", truthful=True)
    assert thread.queue("clerk") == ["accept-papers"]
    thread.register(
        "clerk",
        "request-correction",
        comment="请补充计划来源",
        items=[{"pointer": "/plan_source", "comment": "写明计划来源"}],
    )
    assert thread.queue("university_admin") == ["correct"]
    told = thread["university_admin"].get("/messages?unread=true").json["items"]
    assert "registration.correction" in [row["topic"] for row in told]
    etag = thread["team"].get(place).headers["ETag"]
    fixed = thread["team"].patch(place, {"plan_source": "9"}, etag)
    assert fixed.status_code == 200
    thread.register("university_admin", "resubmit")
    accepted = thread.register("clerk", "accept")
    assert accepted["due_on"] == "2026-12-14"
    assert accepted["working_days_left"] == 15
    thread.register("clerk", "first-approve")
    refused = thread["clerk"].act(f"{place}/registration", "register")
    assert refused.status_code == 403
    done = thread.register("reviewer", "register")
    assert done["state"] == "REGISTERED"
    assert done["reg_no"] == "2026370100000001"
    assert (done["total_yuan"], done["technical_yuan"]) == ("1200000.00", "1100000.00")

    pay(thread, "480000.00", 1)
    thread.later(days=30)
    plan = pay(thread, "720000.00", 2)
    assert plan["net_yuan"] == "1200000.00"
    assert plan["net_technical_yuan"] == "1100000.00"
    assert [row["state"] for row in plan["instalments"]] == ["paid", "paid"]
    assert thread.step("firm_admin", "complete")["state"] == "COMPLETED"
    assert thread["firm"].get(need).json["state"] == "SOLVED"
    everybody = ("firm", "team", "broker", "clerk", "reviewer", "university_admin")
    assert [thread.queue(who) for who in everybody] == [[]] * 6

    printed = ("data-sheet.pdf", "registration/certificate.pdf") if CAN_PRINT else ()
    for name in ("draft.docx", *printed):
        paper = thread["team"].get(f"{place}/{name}")
        assert paper.status_code == 200, paper.json
        assert paper.data
    sheet = thread["reviewer"].get(
        "/registrations/forms", headers={"Accept": "text/csv"}
    )
    assert "2026370100000001" in sheet.get_data(as_text=True)
    sheet.close()
    assert thread["other_firm"].get(place).status_code == 404
    _figures_show_exactly_it(thread)


def test_a_payment_without_a_day_is_of_today(world: World) -> None:
    thread = to_contract(world)
    thread.post("team", "/payments", kind="received", amount_yuan="480000.00")
    book = thread["team"].get(f"/contracts/{thread.contract}/payments").json["items"]
    assert [row["paid_on"] for row in book] == ["2026-11-23"]


def _figures_show_exactly_it(thread: Thread) -> None:
    operator = thread["operator"]
    for code, value in (
        ("CT_N", "1"),
        ("CT_AMT", "1200000.00"),
        ("CT_TECH", "1100000.00"),
        ("OUT", "1200000.00"),
        ("DOCK_N", "1"),
        ("DOCK_OK", "1"),
    ):
        shown = operator.get(f"/indicators/{code}?period=2026").json
        assert shown["total"]["value"] == value, code
    by_class = operator.get("/indicators/CT_AMT?period=2026&by=class").json["cells"]
    assert [(c["key"], c["value"]) for c in by_class] == [
        ({"class": "D"}, "1200000.00")
    ]
    before = "as_of=2026-11-22T23:59:00%2B08:00"
    then = operator.get(f"/indicators/CT_N?period=2026&{before}").json
    assert then["total"]["value"] == "0"
    rows = operator.get("/indicators/CT_AMT/rows?period=2026").json["items"]
    assert len(rows) == 1
    stages = operator.get("/funnel?period=2026").json["whole"]["stages"]
    assert [stage["count"] for stage in stages] == [1] * 9
    assert [stage["skipped"] for stage in stages] == [0] * 9


def test_talks_are_not_given_up_while_their_contract_is_being_signed(
    world: World,
) -> None:
    thread = begin(world)
    open_docking(thread)
    meet(thread)
    agree_on_secrecy(thread)
    agree_on_terms(thread)
    draw_up(thread)
    thread.step("firm_admin", "sign", signer="张示例")
    place = f"/dockings/{thread.docking}"
    refused = thread["team"].act(place, "lose", {"reason": "price"})
    assert refused.status_code == 409
    number = thread["firm"].get(f"/contracts/{thread.contract}").json["contract_no"]
    assert number in refused.json["detail"]
    thread.step("firm_admin", "withdraw-signature", comment="条款有误")
    assert thread.dock("team", "lose", reason="price")["state"] == "LOST"
