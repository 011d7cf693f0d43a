"""Who acts, in which of his roles, and when."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from uuid import UUID
from zoneinfo import ZoneInfo

from marketplace.domain.roles import Role

SHANGHAI = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True, slots=True)
class Standing:
    """One membership as it is at the moment of the request.

    Parameters
    ----------
    org_id : UUID
    roles : frozenset of Role
    org_verified : bool
        The organisation is VERIFIED: only then may it submit, bid or apply.
    region : str
        GB/T 2260 code of the organisation's seat; a reviewer's district.
    """

    org_id: UUID
    roles: frozenset[Role]
    org_verified: bool = True
    region: str = ""


@dataclass(frozen=True, slots=True)
class Actor:
    """The caller of a use case.

    The moment and the time zone are part of it, so that a use case never asks the
    machine. ``user_id`` is None for the public and for the system.
    """

    now: datetime
    user_id: UUID | None = None
    standings: tuple[Standing, ...] = ()
    is_system: bool = False
    scopes: frozenset[str] = field(default_factory=lambda: frozenset({"read", "write"}))
    zone: ZoneInfo = SHANGHAI
    request_id: str = ""

    def __post_init__(self) -> None:
        if self.now.tzinfo is None:
            raise ValueError("an actor's moment must be aware")

    @property
    def today(self) -> date:
        """The local date at the moment of the request."""
        return self.now.astimezone(self.zone).date()

    def audience(self) -> Actor:
        """The caller without what differs between two requests of one day.

        Callers who may see the same have equal audiences, so that what follows from
        that alone may be kept under them.
        """
        morning = datetime.combine(self.today, time(), self.zone)
        return Actor(
            now=morning,
            user_id=self.user_id,
            standings=self.standings,
            is_system=self.is_system,
            zone=self.zone,
        )

    @property
    def is_public(self) -> bool:
        """Nobody has signed in."""
        return self.user_id is None and not self.is_system

    @property
    def org_ids(self) -> frozenset[UUID]:
        """Every organisation that the caller belongs to."""
        return frozenset(s.org_id for s in self.standings)

    @property
    def is_verified(self) -> bool:
        """At least one of the caller's organisations is verified."""
        return any(s.org_verified for s in self.standings)

    def with_role(self, role: Role) -> tuple[Standing, ...]:
        """Standings of verified organisations in which the caller has ``role``."""
        return tuple(s for s in self.standings if role in s.roles and s.org_verified)

    def has_role(self, role: Role) -> bool:
        """The caller has ``role`` in a verified organisation."""
        return bool(self.with_role(role))

    def standing_in(self, org_id: UUID | None) -> Standing | None:
        """The caller's membership in one organisation."""
        return next((s for s in self.standings if s.org_id == org_id), None)


def system(now: datetime, *, request_id: str = "") -> Actor:
    """Make the actor for jobs, commands and loaders."""
    return Actor(now=now.astimezone(UTC), is_system=True, request_id=request_id)
