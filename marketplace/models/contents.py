"""Columns that the versions of needs and offers share."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace.domain.needs import Disclosure
from marketplace.models.base import ExactDecimal, Identified, state_type


class IndicatorColumns(Identified):
    """One technical or economic indicator 指标, as the firm wrote it and as read.

    ``text`` keeps the words. ``operator``, ``value``, ``value2`` and ``unit`` are the
    form's fields or what was read out of the words; ``parsed_unit`` and
    ``dimension`` are the canonical unit and its physical dimension.
    """

    position: so.Mapped[int]
    name: so.Mapped[str] = so.mapped_column(sa.String(100))
    text: so.Mapped[str] = so.mapped_column(sa.String(500), default="")
    operator: so.Mapped[str] = so.mapped_column(sa.String(12))
    value: so.Mapped[Decimal | None] = so.mapped_column(ExactDecimal)
    value2: so.Mapped[Decimal | None] = so.mapped_column(ExactDecimal)
    unit: so.Mapped[str] = so.mapped_column(sa.String(40), default="")
    parsed_unit: so.Mapped[str] = so.mapped_column(sa.String(60), default="")
    dimension: so.Mapped[str] = so.mapped_column(sa.String(120), default="")
    test_condition: so.Mapped[str] = so.mapped_column(sa.String(300), default="")
    test_method: so.Mapped[str] = so.mapped_column(sa.String(300), default="")
    current_level: so.Mapped[str] = so.mapped_column(sa.String(300), default="")
    benchmark: so.Mapped[str] = so.mapped_column(sa.String(300), default="")
    is_core: so.Mapped[bool] = so.mapped_column(default=False)


class VersionColumns(Identified):
    """What every version of a need or an offer has beside its content.

    A version is open while ``fixed_at`` is empty; publishing fixes it for good.
    ``search_public`` and ``search_full`` are the normalised texts that the list
    search looks into, without and with the fields above the public tier.
    """

    number: so.Mapped[int]
    created_at: so.Mapped[datetime]
    created_by: so.Mapped[UUID | None] = so.mapped_column(sa.ForeignKey("users.id"))
    fixed_at: so.Mapped[datetime | None]
    title: so.Mapped[str] = so.mapped_column(sa.String(100))
    keywords: so.Mapped[list[str]] = so.mapped_column(default=list)
    tech_field: so.Mapped[list[str]] = so.mapped_column(default=list)
    industry_use: so.Mapped[str | None] = so.mapped_column(sa.String(40))
    chain: so.Mapped[str | None] = so.mapped_column(sa.String(40), index=True)
    cooperation_mode: so.Mapped[list[str]] = so.mapped_column(default=list)
    disclosure: so.Mapped[Disclosure] = so.mapped_column(
        state_type(Disclosure), default=Disclosure.FULL, index=True
    )
    search_public: so.Mapped[str] = so.mapped_column(sa.Text, default="")
    search_full: so.Mapped[str] = so.mapped_column(sa.Text, default="")
