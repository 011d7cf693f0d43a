"""What the pre-check 预检 of a registration reads: a contract's picture, and rules.

Nothing here asks the database. A picture is everything that is known of a contract at
one moment; a rule set is the registration rules as they stand on one day.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID

from marketplace.domain.contracts import ContractState, RegistrationState, Side
from marketplace.domain.organisations import OrganisationState
from marketplace.errors import Text
from matching.text import HAN, clean

PASS, ASK, FIX = "pass", "ask", "fix"
LEVELS = (PASS, ASK, FIX)
"""Answers to a rule, the worst last."""
LAW = "L"
"""The only mark under which an answer may speak of law."""
HOME = frozenset({"", "156"})
"""Codes of the country that stand for China."""
NATURAL_PERSON, OVERSEAS = "500", "600"
"""Natures of a party that have no seal of their own or no seat in China."""
TEXTS = ("title", "subject", "goal", "method", "deliverables", "acceptance")
"""The texts by which the content of a contract is judged."""


@dataclass(frozen=True)
class PartyFacts:
    """A party as the contract names it, filled up with what the market knows of it.

    ``registered_name``, ``registered_uscc`` and ``standing`` are empty for a party
    that is no organisation of the market. ``is_inner`` says that the market knows it
    as a part of another unit without a credit code of its own.
    """

    index: int
    side: str
    name: str = ""
    uscc: str = ""
    party_nature: str = ""
    region: str = ""
    country: str = ""
    representative: str = ""
    contact_name: str = ""
    contact_phone: str = ""
    address: str = ""
    postcode: str = ""
    scale: str = ""
    industry: str = ""
    organisation_id: UUID | None = None
    registered_name: str = ""
    registered_uscc: str = ""
    standing: OrganisationState | None = None
    is_legal_person: bool = True
    is_inner: bool = False

    @property
    def is_foreign(self) -> bool:
        """The party sits outside China."""
        return self.country not in HOME or self.party_nature == OVERSEAS

    @property
    def is_enterprise(self) -> bool:
        """One of the enterprises of the list of natures."""
        return self.party_nature[:1] in {"1", "2", "3"}

    @property
    def is_person(self) -> bool:
        """A natural person."""
        return self.party_nature == NATURAL_PERSON or not self.is_legal_person

    @property
    def key(self) -> str:
        """What tells one party from another."""
        return str(self.organisation_id or plain(self.name))


@dataclass(frozen=True)
class Earlier:
    """Another contract of the same seller, to be compared with this one.

    ``buyers`` are keys as ``PartyFacts.key`` gives them.
    """

    id: UUID
    title: str
    subject: str
    contract_class: str
    total_yuan: Decimal | None
    buyers: frozenset[str]
    registration: RegistrationState


@dataclass(frozen=True)
class Picture:
    """All that is known of a contract when it is judged.

    Attributes
    ----------
    values : mapping
        The content, with its types (``thawed`` from ``CONTENT``).
    parties : tuple of PartyFacts
        In the order of ``values["parties"]``.
    documents : frozenset of str
        Kinds of papers (list ``contract_document``) of which a file is there.
    all_signed : bool
    state : ContractState
    today : date
    earlier : tuple of Earlier
        Other contracts of the same sellers.
    related : bool, optional
        Whether buyer and seller were found to be related; None when that could not
        be looked into, because a party is no organisation of the market.
    concluded_on : date, optional
        The day on which the last signature was put on record.
    registry_region : str
        Where the registry has its seat that has the papers; empty before.
    """

    values: Mapping[str, Any]
    parties: tuple[PartyFacts, ...]
    documents: frozenset[str]
    all_signed: bool
    state: ContractState
    today: date
    earlier: tuple[Earlier, ...] = ()
    related: bool | None = False
    concluded_on: date | None = None
    registry_region: str = ""

    @property
    def class_code(self) -> str:
        """The code of the class, empty when none is given."""
        return self.values["contract_class"] or ""

    @property
    def letter(self) -> str:
        """The class as one letter."""
        return self.class_code[:1]

    def of_side(self, side: Side) -> list[PartyFacts]:
        """Return the parties of one side."""
        return [party for party in self.parties if party.side == side.value]

    def texts(self) -> Iterator[tuple[str, str]]:
        """Yield every text in which the parties agree on something, by its pointer."""
        values = self.values
        for name in (*TEXTS, "results_ownership", "remarks"):
            yield f"/{name}", values[name]
        for index, clause in enumerate(values["clauses"]):
            yield f"/clauses/{index}/text", clause["text"]
        for name, inner in (("licence", "manner"), ("royalty", "method")):
            yield f"/{name}/{inner}", (values[name] or {}).get(inner) or ""

    def clause(self, code: str) -> Mapping[str, Any]:
        """Return the entry of the clause checklist, empty when it has none."""
        found = (c for c in self.values["clauses"] if c["code"] == code)
        return next(found, {})


@dataclass(frozen=True)
class Fault:
    """One thing that a check has to say.

    ``level`` is how bad it is at most; a rule's severity may lower it. A fault of
    level ``pass`` is a note. ``others`` are contracts that it speaks of.
    """

    level: str
    message: Text
    pointers: tuple[str, ...] = ()
    others: tuple[UUID, ...] = ()


@dataclass(frozen=True)
class RuleRow:
    """One rule of a rule set: where it stands, how sure that is, how it is checked."""

    code: str
    check: str
    clause: str
    source: str
    mark: str
    severity: str
    title: Text
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RuleSet:
    """The registration rules of one day.

    ``certainty`` gives the mark of those fields whose own certainty differs from that
    of the whole. ``days_unit`` is ``day`` or ``working_day``.
    """

    version: str
    mark: str
    source: str
    valid_from: date
    valid_to: date | None
    classes: frozenset[str]
    class_bridge: Mapping[str, str]
    days_normal: int
    days_large: int | None
    days_unit: str
    large_threshold_yuan: Decimal | None
    large_basis: str | None
    who_applies: Mapping[str, str]
    correction_clock: str
    certainty: Mapping[str, str]
    rules: tuple[RuleRow, ...]

    def mark_of(self, name: str) -> str:
        """Return how sure one field is."""
        return self.certainty.get(name, self.mark)


def plain(text: str) -> str:
    """Return a name or text as it is compared: one spelling, no signs, no blanks."""
    return _SIGNS.sub("", clean(text).casefold())


_SIGNS = re.compile(rf"[^{HAN}a-z0-9]")


@lru_cache(maxsize=256)
def pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    """Compile phrases of a rule; each may be a regular expression."""
    return re.compile("|".join(f"(?:{word})" for word in words))


_LEFT_OUT = re.compile("[^,，。;；\n]{0,4}(?:除外|以外|外(?=[,，的]))")
_NEGATED = re.compile(
    "(?:不含|不包含|不包括|不涉及|不属于|不存在|不是|不作|不得|不承担|不负责|不提供"
    "|不进行|不构成|不用于|不再|不以|不对|并非|而非|无需|无须|没有|未(?!来))"
    "[^,，。;；:：\n]{0,10}$"
)


def stated(text: str, words: Iterable[str]) -> str:
    """Return the first of some phrases that a text says, and does not deny.

    Returns
    -------
    str
        As found, in one spelling; empty when none is there.
    """
    folded = clean(text).casefold()
    for match in pattern(tuple(words)).finditer(folded):
        denied = _NEGATED.search(folded[: match.start()])
        if not (denied or _LEFT_OUT.match(folded[match.end() :])):
            return match.group()
    return ""


def mentions(
    picture: Picture, names: Iterable[str], words: Iterable[str]
) -> Iterator[tuple[str, str]]:
    """Yield pointer and phrase for each named text that says one of the phrases."""
    phrases = tuple(words)
    for name in names:
        quote = stated(picture.values[name], phrases)
        if quote:
            yield f"/{name}", quote


def substance(text: str, hollow: Iterable[str]) -> int:
    """Count what a text says: its different pairs of signs, without empty words.

    A text that repeats itself says no more than once. Latin words and figures count
    as two pairs each.
    """
    words = tuple(hollow)
    folded = clean(text).casefold()
    left = pattern(words).sub(" ", folded) if words else folded
    pairs = {
        run[at : at + 2]
        for run in re.findall(f"[{HAN}]+", left)
        for at in range(len(run) - 1)
    }
    terms = set(re.findall(r"[a-z0-9][a-z0-9.\-]*", left))
    return len(pairs) + 2 * len(terms)
