"""Personal declarations, and the checks for conflicts of interest with their record."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace.domain.conflicts import ConflictState
from marketplace.models.base import Base, Identified, Timestamped, state_type


class PersonalTie(Identified, Timestamped, Base):
    """What a person declares of himself: work, family, advice, shares.

    The other side is a unit registered here (``other_org_id``), or a name with,
    perhaps, a credit code. Only the person and operators read it.
    """

    __tablename__ = "personal_ties"
    __table_args__ = (
        sa.CheckConstraint(
            "kind IN ('employment','adviser','family','co_author','paid_work',"
            "'shareholding')",
            name="kind_known",
        ),
        sa.CheckConstraint(
            "other_org_id IS NOT NULL OR length(name) > 0", name="someone"
        ),
        sa.CheckConstraint(
            "share_percent IS NULL OR (kind = 'shareholding'"
            " AND share_percent >= 0 AND share_percent <= 10000)",
            name="share_range",
        ),
        sa.CheckConstraint(
            "valid_to IS NULL OR valid_from IS NULL OR valid_to >= valid_from",
            name="dates",
        ),
    )

    user_id: so.Mapped[UUID] = so.mapped_column(sa.ForeignKey("users.id"), index=True)
    position: so.Mapped[int]
    kind: so.Mapped[str] = so.mapped_column(sa.String(12))
    other_org_id: so.Mapped[UUID | None] = so.mapped_column(
        sa.ForeignKey("organisations.id"), index=True
    )
    name: so.Mapped[str] = so.mapped_column(sa.String(120), default="")
    uscc: so.Mapped[str | None] = so.mapped_column(sa.String(18), index=True)
    share_percent: so.Mapped[Decimal | None]
    """Share in per cent with two places."""
    valid_from: so.Mapped[date | None]
    valid_to: so.Mapped[date | None]
    note: so.Mapped[str] = so.mapped_column(sa.String(500), default="")


class ConflictCheck(Identified, Timestamped, Base):
    """One check of two sides for one matter, what it found, and the decision on it.

    ``fingerprint`` is a digest of the matter, the sides and what was found: the same
    question with the same answer is one record, however often it is asked.
    """

    __tablename__ = "conflict_checks"
    __table_args__ = (
        sa.CheckConstraint(
            "purpose IN ('docking','expert','broker','contract')", name="purpose_known"
        ),
        sa.CheckConstraint(
            "verdict IN ('clear','declared','detected')", name="verdict_known"
        ),
        sa.CheckConstraint(
            "outcome IN ('refuse','ask','mark','note','pass')", name="outcome_known"
        ),
        sa.CheckConstraint(
            "(decision IS NULL OR decision = 'pending') = (decided_at IS NULL)",
            name="decided_at_some_time",
        ),
        sa.CheckConstraint(
            "(outcome = 'ask') = (decision IS NOT NULL)", name="decided_where_asked"
        ),
        sa.CheckConstraint(
            "verdict <> 'clear' OR outcome = 'pass'", name="clear_passes"
        ),
        sa.CheckConstraint("length(fingerprint) = 64", name="fingerprint_length"),
        sa.Index("ix_conflict_checks_subject", "subject_kind", "subject_id"),
        sa.Index("ix_conflict_checks_decision_id", "decision", "id"),
    )

    purpose: so.Mapped[str] = so.mapped_column(sa.String(12))
    subject_kind: so.Mapped[str] = so.mapped_column(sa.String(32))
    subject_id: so.Mapped[UUID]
    left: so.Mapped[list[str]] = so.mapped_column("left_parties")
    right: so.Mapped[list[str]] = so.mapped_column("right_parties")
    as_of: so.Mapped[date]
    verdict: so.Mapped[str] = so.mapped_column(sa.String(12))
    outcome: so.Mapped[str] = so.mapped_column(sa.String(12))
    findings: so.Mapped[list[Any]] = so.mapped_column(default=list)
    unexplored: so.Mapped[list[str]] = so.mapped_column(default=list)
    """Keys of parties with more ties than were followed."""
    fingerprint: so.Mapped[str] = so.mapped_column(sa.String(64), unique=True)
    decision: so.Mapped[ConflictState | None] = so.mapped_column(
        state_type(ConflictState)
    )
    reason: so.Mapped[str] = so.mapped_column(sa.Text, default="")
    decided_by: so.Mapped[UUID | None] = so.mapped_column(sa.ForeignKey("users.id"))
    decided_at: so.Mapped[datetime | None]
    revision: so.Mapped[int] = so.mapped_column()

    __mapper_args__ = {"version_id_col": revision}  # noqa: RUF012

    @property
    def units(self) -> frozenset[UUID]:
        """The units of both sides and on every way between them."""
        return self._concerned("unit:")

    @property
    def users(self) -> frozenset[UUID]:
        """The users of both sides and on every way between them."""
        return self._concerned("user:")

    def _concerned(self, prefix: str) -> frozenset[UUID]:
        keys = {*self.left, *self.right}
        keys |= {p["key"] for found in self.findings for p in found["parties"]}
        return frozenset(
            UUID(key.removeprefix(prefix)) for key in keys if key.startswith(prefix)
        )
