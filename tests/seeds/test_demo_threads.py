"""What goes on in the demo market: whole, invented, and as far as its file says."""

from __future__ import annotations

import sqlalchemy as sa

from marketplace.domain.contracts import RegistrationState
from marketplace.domain.needs import NeedState
from marketplace.models.contracts import Contract
from marketplace.models.dockings import Docking
from marketplace.models.ledger import Event
from marketplace.models.needs import Need
from marketplace.models.registrations import Registration
from marketplace.services import duties, events
from seeds import demo_market, demo_threads
from seeds.demo_market import FOLDER, Content, read_json
from tests.people import World

CHAINS = {"SD-C02", "SD-C09"}
"""One thread that has met, and the one that lies with the registry."""


def test_every_thread_names_an_answer_of_the_market() -> None:
    content, data = Content.read(), read_json(FOLDER / "threads.json")
    solves = {(a["need"], a["offer"]) for a in content.answers if a["grade"] == 3}
    threads = data["threads"]
    assert {(t["need"], t["offer"]) for t in threads} <= solves
    assert {t["until"] for t in threads} == set(demo_threads.STAGES)
    for thread in threads:
        # The README's walks start from these two; nothing of theirs is taken.
        assert content.needs[thread["need"]]["owner"] != "c04-f1"


def test_threads_come_in_as_far_as_the_file_says(world: World) -> None:
    session, now = world.session, world.clock.now()
    content = Content.read(CHAINS)
    market = demo_market.load(session, now, content)
    session.commit()
    index = world.app.extensions["jiebang.index"]
    reached = demo_threads.load(session, index, market, content)
    session.commit()
    assert {stage: n for stage, n in reached.items() if n} == {"met": 1, "applied": 1}
    found = session.scalars(sa.select(Docking).order_by(Docking.docking_no)).all()
    assert [docking.state.value for docking in found] == ["MEETING", "SIGNED"]
    assert all(docking.match["parts"] for docking in found)
    contract = session.scalars(sa.select(Contract)).one()
    assert contract.docking_id == found[1].id
    registration = session.scalars(sa.select(Registration)).one()
    assert registration.state is RegistrationState.APPLIED
    assert registration.reg_no is None
    needed = session.get_one(Need, contract.need_id)
    assert needed.state is NeedState.CONTRACTED
    (clerk,) = [a for a in market.people["R01"] if a.has_role("registry_clerk")]
    waiting = duties.queue(session, clerk).page(limit=5).items
    assert [row["step"] for row in waiting] == ["accept-papers"]
    people = {actor.user_id for unit in market.people.values() for actor in unit}
    kinds = ("docking", "contract", "registration")
    took = sa.select(Event.actor_id).where(Event.subject_kind.in_(kinds))
    assert set(session.scalars(took)) <= people
    assert list(events.verify(session)) == []
