"""The invented demo market 演示市场: units, people, needs and offers, by services.

Everything enters as it would in real life: the operator registers and verifies units
and invites people; they draft, submit, return, approve and publish, each in his own
role, so that the ledger reads like that of a market. No unit, person, product or right
in it is real.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so
from stdnum.cn import uscc

from marketplace.domain.actors import Actor, system
from marketplace.domain.money import yuan
from marketplace.domain.needs import Disclosure, NeedState
from marketplace.domain.offers import OfferState
from marketplace.domain.roles import Role
from marketplace.models.organisations import Organisation
from marketplace.models.users import User
from marketplace.policies import covers
from marketplace.services import (
    accounts,
    codes,
    invitations,
    needs,
    offers,
    organisations,
    teams,
    tokens,
)

FOLDER = Path(__file__).parent / "demo"
OPERATOR = "OP1"
"""The operating unit: the first to come in, and the mark of a loaded market."""
MAIL_DOMAIN = "demo.jiebang.example"
_REGISTER = {"FIRM": "91", "TTO": "91", "GOV": "11"}
"""First two places of a credit code by type of unit; 12, public institutions, else."""
_RESEARCH = frozenset({"UNIV", "INST", "NEWRD"})
_LEADER = re.compile(r"[\u4e00-\u9fff](?:演示|示例)")
"""The first person named in what an offer says of its team."""
_NOWHERE = "379900"
"""A region that GB/T 2260 does not have, so that no code here can be a real one's."""
_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
"""Weights of an organisation code's check character (GB 11714)."""

Json = dict[str, Any]
Say = Callable[[str], None]

REVIEW = ("submit", "district-approve", "formal-approve", "argue-pass", "pool")
NEED_WAYS: Mapping[NeedState, tuple[str, ...]] = {
    NeedState.DRAFT: (),
    NeedState.SUBMITTED: REVIEW[:1],
    NeedState.RETURNED: (*REVIEW[:1], "return"),
    NeedState.DISTRICT_OK: REVIEW[:2],
    NeedState.FORMAL_OK: REVIEW[:3],
    NeedState.ARGUED: REVIEW[:4],
    NeedState.REJECTED: (*REVIEW[:3], "argue-fail"),
    NeedState.POOLED: REVIEW,
    NeedState.WITHDRAWN: (*REVIEW[:2], "withdraw"),
}
"""What has to be done with a draft until it is in a state."""
LISTING = ("submit", "unit-approve", "register", "list")
OFFER_WAYS: Mapping[OfferState, tuple[str, ...]] = {
    OfferState.DRAFT: (),
    OfferState.SUBMITTED: LISTING[:1],
    OfferState.UNIT_OK: LISTING[:2],
    OfferState.REGISTERED: LISTING[:3],
    OfferState.LISTED: LISTING,
    OfferState.DELISTED: (*LISTING, "delist"),
}
"""The same for an offer."""
COMMENTS = {
    "district-approve": "材料齐全，企业确有需求，同意推荐。",
    "return": "请补充第一项指标的测试条件，并说明现有基础后重新提交。",
    "formal-approve": "形式审查合格。",
    "argue-pass": "专家论证认为问题真实、指标可考核，同意入库。",
    "argue-fail": "专家论证认为该需求以设备采购为主，研发内容不足，不予入库。",
    "withdraw": "企业已自行解决，申请撤回。",
    "unit-approve": "权属清楚，同意对外发布。",
    "delist": "成果正在升级，暂停对外发布。",
}
"""What the movers say."""
RETURNED_FIELD = {
    "pointer": "/indicators/0/test_condition",
    "comment": "请写明试样状态和测试温度。",
}


@dataclass(frozen=True)
class Content:
    """The files of ``seeds/demo``, read.

    Parameters
    ----------
    organisations, needs, offers : mapping of key to object
    answers : list of object
        Which offer answers which need: ``need``, ``offer``, ``grade`` (3 solves it, 2
        largely, 1 a near miss), ``fails`` (the indicator that a near miss fails).
    accounts : list of object
    password : str
        Of every account.
    """

    organisations: Mapping[str, Json]
    needs: Mapping[str, Json]
    offers: Mapping[str, Json]
    answers: list[Json]
    accounts: list[Json]
    password: str

    @classmethod
    def read(
        cls, chains: Collection[str] | None = None, folder: Path = FOLDER
    ) -> Content:
        """Read the files; of the chains named, or of all.

        With fewer chains there are fewer firms, and only those research units that own
        an offer; the people of the others stay out.
        """
        units = _by_key(read_json(folder / "organisations.json")["organisations"])
        posted: dict[str, Json] = {}
        offered: dict[str, Json] = {}
        answers: list[Json] = []
        for path in sorted((folder / "market").glob("*.json")):
            market = read_json(path)
            if chains is not None and market["chain"] not in chains:
                continue
            units |= _by_key(market["organisations"])
            posted |= _by_key(market["needs"])
            offered |= _by_key(market["offers"])
            answers += market["answers"]
        owners = {row["owner"] for row in (*posted.values(), *offered.values())}
        wanted = {
            key: unit
            for key, unit in units.items()
            if chains is None or key in owners or unit["org_type"] not in _RESEARCH
        }
        people = read_json(folder / "accounts.json")
        return cls(
            organisations=wanted,
            needs=posted,
            offers=offered,
            answers=answers,
            accounts=[a for a in people["accounts"] if a["org"] in wanted],
            password=people["password"],
        )


def read_json(path: Path) -> Json:
    """Read one file of the demo market."""
    data: Json = json.loads(path.read_text(encoding="utf-8"))
    return data


def _by_key(rows: Iterable[Json]) -> dict[str, Json]:
    return {row["key"]: row for row in rows}


@dataclass
class Market:
    """What has been loaded: identifiers by key, and the people as actors."""

    units: dict[str, UUID] = field(default_factory=dict)
    people: dict[str, list[Actor]] = field(default_factory=dict)
    needs: dict[str, UUID] = field(default_factory=dict)
    offers: dict[str, UUID] = field(default_factory=dict)
    teams: dict[tuple[str, str], UUID] = field(default_factory=dict)

    def person(self, unit: str, role: Role) -> Actor:
        """Return somebody of a unit in a role; the least powerful one that has it.

        Raises
        ------
        LookupError
            Nobody there has it.
        """
        able = [actor for actor in self.people.get(unit, []) if actor.has_role(role)]
        if not able:
            raise LookupError(f"nobody of {unit} is {role}")
        return min(able, key=lambda actor: len(actor.standings[0].roles))

    def author(self, unit: str) -> Actor:
        """Return who writes for a unit: an engineer, a research team."""
        for role in (Role.DEMAND, Role.SUPPLIER):
            if any(a.has_role(role) for a in self.people.get(unit, [])):
                return self.person(unit, role)
        return self.person(unit, Role.UNIT_ADMIN)


def credit_code(key: str, org_type: str) -> str:
    """Return an invented credit code with right check characters, always the same.

    Examples
    --------
    >>> credit_code("OP1", "OPER") == credit_code("OP1", "OPER")
    True
    """
    number = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big")
    body = f"MA{number % 10**6:06d}"
    values = (int(char, 36) for char in body)
    total = sum(w * v for w, v in zip(_WEIGHTS, values, strict=True))
    check = "0123456789X0"[11 - total % 11]
    code = f"{_REGISTER.get(org_type, '12')}{_NOWHERE}{body}{check}"
    return code + str(uscc.calc_check_digit(code))


def is_loaded(session: so.Session) -> bool:
    """Tell whether the demo market is there."""
    mark = credit_code(OPERATOR, "OPER")
    found = sa.select(sa.exists().where(Organisation.uscc == mark))
    return bool(session.scalar(found))


def load(
    session: so.Session, now: datetime, content: Content, say: Say | None = None
) -> Market:
    """Bring the market in; the caller commits, so that it is there whole or not at all.

    Parameters
    ----------
    now : datetime
        When everything happens.
    say : callable, optional
        Told what has been done.

    Raises
    ------
    Invalid, Conflict, Forbidden
        Whatever the services refuse: the files are held to the rules of the market.
    """
    loader, tell = Loader(session, now, content), say or _say_nothing
    loader.units_and_people()
    tell(f"{len(loader.market.units)} units, {len(content.accounts)} accounts")
    for key, offer in content.offers.items():
        loader.offer(key, offer)
    tell(f"{len(content.offers)} offers of {len(loader.market.teams)} teams")
    for key, need in content.needs.items():
        loader.need(key, need)
    tell(f"{len(content.needs)} needs")
    return loader.market


def _say_nothing(text: str) -> None:
    """Keep quiet."""


class Loader:
    """Brings one market in, object by object."""

    def __init__(self, session: so.Session, now: datetime, content: Content) -> None:
        self.session = session
        self.now = now
        self.content = content
        self.market = Market()
        today = system(now).today
        self.names = {name: _names(session, name, today) for name in _NAMED}

    def units_and_people(self) -> None:
        """Bring in the operator, and let him bring in everybody else."""
        units = self.content.organisations
        staff: dict[str, list[Json]] = {}
        for account in self.content.accounts:
            staff.setdefault(account["org"], []).append(account)
        first = staff[OPERATOR].pop(0)
        user = accounts.create_first_operator(
            self.session,
            system(self.now),
            organisation=self._unit(OPERATOR, units[OPERATOR]),
            email=first["email"],
            name=first["name"],
            password=self.content.password,
        )
        operator = self._actor(user)
        self.market.units[OPERATOR] = operator.standings[0].org_id
        self.market.people[OPERATOR] = [operator]
        for key, unit in units.items():
            if key != OPERATOR:
                data = self._unit(key, unit)
                org = organisations.create(self.session, operator, data)
                organisations.act(
                    self.session, operator, org.id, "verify", comment="证照核验一致。"
                )
                self.market.units[key] = org.id
            for account in staff.get(key, []):
                self._person(operator, key, account)

    def _unit(self, key: str, unit: Json) -> Json:
        region = codes.names(self.session, "region")[unit["region"]][0]
        data = {name: value for name, value in unit.items() if not _is_wan(name)}
        del data["key"]
        return {
            **data,
            **_in_yuan(unit),
            "uscc": credit_code(key, unit["org_type"]),
            "address": f"{region}示范路 1 号（演示）",
            "contact_phone": "0000-0000000",
            "contact_email": f"{key.lower()}@{MAIL_DOMAIN}",
        }

    def _person(self, operator: Actor, key: str, account: Json) -> None:
        """Invite somebody, who accepts."""
        raw, _ = invitations.create(
            self.session,
            operator,
            organisation_id=self.market.units[key],
            email=account["email"],
            roles=account["roles"],
        )
        answer = {
            "token": raw,
            "name": account["name"],
            "password": self.content.password,
        }
        user = invitations.accept(self.session, Actor(now=self.now), answer)
        self.market.people.setdefault(key, []).append(self._actor(user))

    def _actor(self, user: User) -> Actor:
        held = tokens.standings(self.session, user.id)
        return Actor(now=self.now, user_id=user.id, standings=held)

    def offer_data(self, offer: Json) -> Json:
        """Return an offer of the files under the names and codes of the service."""
        data = self._coded(offer, without={"key", "owner", "state", "team", "ip"})
        data["team_intro"] = offer["team"]
        data["ip"] = [
            {
                **self._coded(right),
                "owner": self.content.organisations[right["owner"]]["name"],
            }
            for right in offer["ip"]
        ]
        return data

    def need_data(self, need: Json) -> Json:
        """Return a need of the files under the names and codes of the service."""
        return self._coded(need, without={"key", "owner", "state"})

    def _coded(self, row: Json, without: Collection[str] = ()) -> Json:
        data = {
            name: self._code(name, value)
            for name, value in row.items()
            if name not in without and not _is_wan(name)
        }
        return data | _in_yuan(row)

    def offer(self, key: str, offer: Json) -> None:
        """Bring in an offer and move it to its state."""
        owner = offer["owner"]
        author, admin = self.market.author(owner), self._admin(owner)
        operator = self.market.person(OPERATOR, Role.OPERATOR)
        data = self._owned(owner, self.offer_data(offer))
        data["team_id"] = self._team(owner, offer["team"])
        found = offers.create(self.session, author, data)
        movers = {"submit": author, "register": operator}
        for action in OFFER_WAYS[OfferState(offer["state"])]:
            comment = COMMENTS.get(action, "")
            mover = movers.get(action, admin)
            offers.act(self.session, mover, found.id, action, comment=comment)
        self.market.offers[key] = found.id

    def _team(self, owner: str, words: str) -> UUID | None:
        """Return the team that offers, set up when its leader is first named."""
        named = _LEADER.search(words)
        research = self.content.organisations[owner]["org_type"] in _RESEARCH
        if named is None or not research:
            return None
        leader = named.group()
        if (owner, leader) not in self.market.teams:
            data = {"name": f"{leader}团队", "leader": leader, "intro": words}
            unit = self.market.units[owner]
            team = teams.create(self.session, self._admin(owner), unit, data)
            self.market.teams[owner, leader] = team.id
        return self.market.teams[owner, leader]

    def need(self, key: str, need: Json) -> None:
        """Bring in a need and move it to its state."""
        owner = need["owner"]
        data = self._owned(owner, self.need_data(need))
        if need["disclosure"] == Disclosure.TARGETED:
            data["intended_units"] = self._intended(key)
        found = needs.create(self.session, self.market.author(owner), data)
        movers = {
            "submit": self._admin(owner),
            "withdraw": self._admin(owner),
            "district-approve": self._district(owner),
            "return": self._district(owner),
        }
        operator = self.market.person(OPERATOR, Role.OPERATOR)
        for action in NEED_WAYS[NeedState(need["state"])]:
            notes: Json = {}
            if action == "return":
                notes["field_comments"] = [RETURNED_FIELD]
            needs.act(
                self.session,
                movers.get(action, operator),
                found.id,
                action,
                comment=COMMENTS.get(action, ""),
                **notes,
            )
        self.market.needs[key] = found.id

    def _owned(self, owner: str, data: Json) -> Json:
        return {**data, "owner_org_id": self.market.units[owner]}

    def _admin(self, unit: str) -> Actor:
        return self.market.person(unit, Role.UNIT_ADMIN)

    def _district(self, owner: str) -> Actor:
        """Return the reviewer of the district or city of a unit's seat."""
        region = self.content.organisations[owner]["region"]
        for actors in self.market.people.values():
            for actor in actors:
                for standing in actor.with_role(Role.DISTRICT_REVIEWER):
                    if covers(standing.region, region):
                        return actor
        raise LookupError(f"no district reviewer for {region}")

    def _intended(self, need: str) -> list[Json]:
        """Return the unit that a targeted need is meant for: who answers it best."""
        answers = [
            (-answer["grade"], answer["offer"])
            for answer in self.content.answers
            if answer["need"] == need
        ]
        owners = [self.content.offers[offer]["owner"] for _, offer in sorted(answers)]
        research = [o for o in owners if not o.startswith("c")]
        return [{"organisation_id": self.market.units[research[0]]}]

    def _code(self, name: str, value: Any) -> Any:
        """Return the code for a name of a list; other values stay."""
        if name not in _NAMED or value is None:
            return value
        return self.names[name][value]


_NAMED = {
    "activity_type": "activity_type",
    "solve_mode": "solve_mode",
    "future_tag": "future_tag",
    "category": "achievement_category",
    "nature": "achievement_nature",
    "form": "achievement_form",
    "level": "achievement_level",
    "secrecy": "secrecy",
    "legal_status": "ip_legal_status",
}
"""Fields that the files give by the Chinese name of a code, and their lists."""


def _names(session: so.Session, name: str, on: Any) -> dict[str, str]:
    """Return the codes of a list by name; of two alike, that of the wider region."""
    found: dict[str, str] = {}
    entries = codes.entries(session, _NAMED[name], on=on)
    for entry in sorted(entries, key=lambda e: "same_as" in e.attributes):
        found.setdefault(entry.zh, entry.code)
    return found


def _is_wan(name: str) -> bool:
    return name.endswith("_wan")


def _in_yuan(row: Json) -> Json:
    """Return the amounts in 万元 as exact amounts in 元."""
    return {
        name.removesuffix("_wan") + "_yuan": _yuan(value)
        for name, value in row.items()
        if _is_wan(name)
    }


def _yuan(wan: str | None) -> str | None:
    return None if wan is None else str(yuan(Decimal(wan) * 10_000))
