"""The need doctor over the wire."""

from __future__ import annotations

from marshmallow import fields, validate

from marketplace.services.diagnosis import BANDS
from marketplace.services.diagnosis_drafts import IMPORTANT, USEFUL
from schemas.base import OpaqueSchema
from schemas.contents import IndicatorInputSchema, line
from schemas.needs import NeedCreateSchema


class DiagnosisDraftSchema(NeedCreateSchema):
    """A draft as far as it is written; what the form would refuse is advised on."""

    title = line(400, description="需求名称")


class DiagnosisQuery(OpaqueSchema):
    """Which stored need the draft is the text of."""

    need_id = fields.UUID(
        load_default=None,
        metadata={"description": "It is not named as a duplicate of itself."},
    )


class AdviceSchema(OpaqueSchema):
    """One thing that could be better."""

    field = fields.String(
        required=True,
        metadata={
            "description": "JSON pointer into the draft.",
            "example": "/indicators/0/value",
        },
    )
    code = fields.String(required=True, metadata={"example": "missing_metric"})
    severity = fields.String(
        required=True, validate=validate.OneOf([IMPORTANT, USEFUL])
    )
    title = fields.String(required=True)
    message = fields.String(required=True)
    suggestion = fields.String(required=True)
    quote = fields.String(
        required=True, metadata={"description": "The words in question, or empty."}
    )
    span = fields.List(
        fields.Integer(),
        required=True,
        allow_none=True,
        validate=validate.Length(equal=2),
        metadata={"description": "Where the quote stands in the field, in characters."},
    )
    row = fields.Nested(
        IndicatorInputSchema,
        metadata={"description": "An indicator row that can be added as it is."},
    )


class DuplicateSchema(OpaqueSchema):
    """A need that says nearly the same."""

    id = fields.UUID(required=True)
    need_no = fields.String(required=True)
    title = fields.String(required=True)
    similarity_band = fields.String(required=True, validate=validate.OneOf(BANDS))


class DiagnosisSummarySchema(OpaqueSchema):
    """How much was found."""

    important = fields.Integer(required=True)
    useful = fields.Integer(required=True)
    duplicates = fields.Integer(required=True)
    rules = fields.Integer(
        required=True, metadata={"description": "How many rules were applied."}
    )


class DiagnosisSchema(OpaqueSchema):
    """Advice on a draft; it never stands in the way of saving or submitting."""

    advice = fields.List(fields.Nested(AdviceSchema), required=True)
    duplicates = fields.List(fields.Nested(DuplicateSchema), required=True)
    summary = fields.Nested(DiagnosisSummarySchema, required=True)
