"""What goes on in the demo market 演示市场: dockings and a contract at every stage.

They are opened, met over, agreed on and signed by the services, each step by who takes
it in real life; nothing is registered yet, so that the first number of the registry is
the visitor's own. Nobody and nothing in it is real.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy.orm as so

from marketplace.domain.actors import Actor
from marketplace.domain.roles import Role
from marketplace.services import contracts, dockings, registrations
from marketplace.services.indexes import MatchIndex
from seeds.demo_market import FOLDER, Content, Json, Market, read_json

BROKER = "B01"
STAGES = ("asked", "met", "secret", "agreed", "applied")
"""How far a thread goes; each includes those before it."""
TALK_IN = timedelta(days=3)
"""When the first meeting is, counted from the day of loading."""


def load(
    session: so.Session, index: MatchIndex, market: Market, content: Content
) -> Mapping[str, int]:
    """Bring the threads in; the caller has committed the market, and commits these.

    A pair is kept as the index shows it, and the index reads what was committed.

    Returns
    -------
    mapping of str to int
        How many threads stand at each stage; those of chains that were left out are
        not among them.

    Raises
    ------
    Invalid, Conflict, Forbidden
        Whatever the services refuse: the file is held to the rules of the market.
    """
    data = read_json(FOLDER / "threads.json")
    reached = dict.fromkeys(STAGES, 0)
    for thread in data["threads"]:
        if not {thread["need"], thread["offer"]} <= {*market.needs, *market.offers}:
            continue
        walk = _Walk.begin(session, index, market, content, data, thread)
        for stage in STAGES[1 : STAGES.index(thread["until"]) + 1]:
            getattr(walk, stage)()
        reached[thread["until"]] += 1
    return reached


@dataclass
class _Walk:
    """One thread on its way."""

    session: so.Session
    data: Json
    thread: Json
    firm: Actor
    firm_admin: Actor
    team: Actor
    team_admin: Actor
    broker: Actor
    docking_id: UUID

    @classmethod
    def begin(
        cls,
        session: so.Session,
        index: MatchIndex,
        market: Market,
        content: Content,
        data: Json,
        thread: Json,
    ) -> _Walk:
        """Have the broker recommend a need and an offer to each other."""
        need, offer = content.needs[thread["need"]], content.offers[thread["offer"]]
        broker = market.person(BROKER, Role.BROKER)
        asked = {
            "need_id": market.needs[thread["need"]],
            "offer_id": market.offers[thread["offer"]],
            "message": data["message"],
        }
        return cls(
            session,
            data,
            thread,
            market.author(need["owner"]),
            market.person(need["owner"], Role.UNIT_ADMIN),
            market.author(offer["owner"]),
            market.person(offer["owner"], Role.UNIT_ADMIN),
            broker,
            dockings.open_(session, broker, index, asked).id,
        )

    def met(self) -> None:
        """Both sides say yes and have met."""
        self._step(self.firm, "express-interest")
        self._step(self.team, "accept")
        begins = self.broker.now + TALK_IN
        meeting = {
            **self.data["meeting"],
            "starts_at": begins,
            "next_on": (begins + TALK_IN).date().isoformat(),
        }
        self._step(self.broker, "log-meeting", meeting=meeting)

    def secret(self) -> None:
        """A person of each side accepts the agreement on secrecy."""
        self._step(self.firm, "propose-nda", text=self.data["nda"])
        self._step(self.firm, "sign-nda", nda_version=1)
        self._step(self.team, "sign-nda", nda_version=1)

    def agreed(self) -> None:
        """The team proposes terms and the firm accepts them."""
        self._step(self.team, "propose-intent", terms=self.thread["terms"])
        self._step(self.firm, "accept-intent", number=1)

    def applied(self) -> None:
        """The contract is signed, takes effect and lies with the registry."""
        today = self.firm_admin.today.isoformat()
        drawn_up = contracts.create(
            self.session,
            self.firm_admin,
            {
                **self.thread["contract"],
                "docking_id": self.docking_id,
                "signed_on": today,
            },
        )
        for who in (self.firm_admin, self.team_admin, self.broker):
            contracts.act(
                self.session, who, drawn_up.id, "sign", signer="经办人（演示）"
            )
        contracts.act(self.session, self.firm_admin, drawn_up.id, "take-effect")
        registrations.act(
            self.session, self.team_admin, drawn_up.id, "apply", truthful=True
        )

    def _step(self, who: Actor, action: str, **given: Any) -> None:
        dockings.act(self.session, who, self.docking_id, action, **given)
