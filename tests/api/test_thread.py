"""One thread, walked by five people over the API on a clock that stands still."""

from __future__ import annotations

from tests.people import World
from tests.threads import (
    CLAUSES,
    CONTRACT,
    agree_on_secrecy,
    agree_on_terms,
    begin,
    draw_up,
    meet,
    open_docking,
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
    etag = thread["firm"].get(place).headers["ETag"]
    changes = {"goal": CONTRACT["goal"], "clauses": CLAUSES}
    assert thread["firm"].patch(place, changes, etag).status_code == 200
    left = thread["team"].get(readiness).json
    flaws = {row["code"] for row in left["items"] if row["status"] == "fix"}
    assert "R03" not in flaws
