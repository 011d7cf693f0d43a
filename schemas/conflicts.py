"""Checks for conflicts of interest, and personal declarations, over the wire."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from marshmallow import fields, validate

from marketplace.domain.conflicts import (
    PERSONAL_KINDS,
    ConflictState,
    Outcome,
    Purpose,
    Verdict,
)
from marketplace.services.relation_graph import EdgeKind, FindingKind, PartyKind
from schemas.base import ActionLinkSchema, OpaqueSchema, PageQuery
from schemas.contents import day, line

_PERCENT = {"description": "Decimal string, in per cent.", "example": "51.00"}


def _word(words: type[StrEnum], **more: Any) -> fields.String:
    """Make one of some words, as the record keeps them."""
    known = [word.value for word in words]
    return fields.String(validate=validate.OneOf(known), **more)


class SidePartySchema(OpaqueSchema):
    """A unit or a user of one side, or an outside party, named by its credit code."""

    kind = fields.String(
        required=True, validate=validate.OneOf(["unit", "user", "outside"])
    )
    id = fields.UUID(required=True, allow_none=True)
    name = fields.String(required=True)


class MetPartySchema(OpaqueSchema):
    """A party on the way between two others."""

    key = fields.String(required=True)
    kind = _word(PartyKind, required=True)
    name = fields.String(required=True)


class TieSourceSchema(OpaqueSchema):
    """Where a tie was learnt: the table, its record, and in words."""

    table = fields.String(required=True)
    record = fields.String(required=True)
    text = fields.String(required=True)


class FoundTieSchema(OpaqueSchema):
    """One tie on the way, from the holder down to the target."""

    kind = _word(EdgeKind, required=True)
    holder = fields.String(required=True)
    target = fields.String(required=True)
    share_percent = fields.String(required=True, allow_none=True, metadata=_PERCENT)
    declared_by = fields.String(required=True, allow_none=True)
    valid_from = fields.Date(required=True, allow_none=True)
    valid_to = fields.Date(required=True, allow_none=True)
    source = fields.Nested(TieSourceSchema, required=True)


class FindingSchema(OpaqueSchema):
    """A relation between two parties, and the way that explains it."""

    kind = _word(FindingKind, required=True)
    left = fields.String(required=True)
    right = fields.String(required=True)
    declared = fields.Boolean(required=True)
    outcome = _word(Outcome, required=True)
    share_percent = fields.String(required=True, allow_none=True, metadata=_PERCENT)
    parties = fields.List(fields.Nested(MetPartySchema), required=True)
    ties = fields.List(fields.Nested(FoundTieSchema), required=True)


class ConflictCheckRowSchema(OpaqueSchema):
    """A check in a list."""

    id = fields.UUID(required=True)
    purpose = _word(Purpose, required=True)
    subject_kind = fields.String(required=True)
    subject_id = fields.UUID(required=True)
    left = fields.List(fields.Nested(SidePartySchema), required=True)
    right = fields.List(fields.Nested(SidePartySchema), required=True)
    as_of = fields.Date(required=True)
    verdict = _word(Verdict, required=True)
    outcome = _word(Outcome, required=True)
    kinds = fields.List(_word(FindingKind), required=True)
    decision = fields.Enum(ConflictState, by_value=True, required=True, allow_none=True)
    created_at = fields.AwareDateTime(required=True)
    decided_at = fields.AwareDateTime(required=True, allow_none=True)


class ConflictCheckSchema(ConflictCheckRowSchema):
    """A check with all that was found, for operators."""

    findings = fields.List(fields.Nested(FindingSchema), required=True)
    unexplored = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "Parties with more ties than were followed."},
    )
    may_go_on = fields.Boolean(required=True)
    is_related = fields.Boolean(required=True)
    review_level = fields.Integer(required=True)
    reason = fields.String(required=True)
    decided_by = fields.UUID(required=True, allow_none=True)
    actions = fields.List(fields.Nested(ActionLinkSchema), required=True)


class ConflictCheckQuery(PageQuery):
    """Which checks to list."""

    purpose = fields.Enum(Purpose, by_value=True)
    verdict = fields.Enum(Verdict, by_value=True)
    outcome = fields.Enum(Outcome, by_value=True)
    decision = fields.Enum(ConflictState, by_value=True)
    subject_kind = fields.String(validate=validate.Length(1, 32))
    subject_id = fields.UUID()


class PersonalTieInputSchema(OpaqueSchema):
    """What a person declares: to a unit registered here, or to a name."""

    kind = fields.String(required=True, validate=validate.OneOf(PERSONAL_KINDS))
    organisation_id = fields.UUID(allow_none=True)
    name = line(120)
    uscc = fields.String(
        allow_none=True,
        validate=validate.Length(max=60),
        metadata={"description": "统一社会信用代码"},
    )
    share_percent = fields.String(
        allow_none=True,
        validate=validate.Length(max=10),
        metadata={"description": "Decimal string, 0 to 100.", "example": "5.00"},
    )
    valid_from = day(description="起始日期")
    valid_to = day(description="终止日期")
    note = line(500, description="说明")


class PersonalTieSchema(PersonalTieInputSchema):
    """A declared tie."""

    id = fields.UUID(required=True)


class PersonalTiesInputSchema(OpaqueSchema):
    """All that a person declares; it takes the place of what was declared before."""

    ties = fields.List(
        fields.Nested(PersonalTieInputSchema),
        required=True,
        validate=validate.Length(max=200),
    )


class PersonalTiesSchema(OpaqueSchema):
    """All that a person has declared."""

    ties = fields.List(fields.Nested(PersonalTieSchema), required=True)
