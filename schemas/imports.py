"""Imports on the wire."""

from __future__ import annotations

from flask_smorest.fields import Upload
from marshmallow import fields, validate

from marketplace.models.jobs import ImportState
from marketplace.services.import_columns import KINDS
from marketplace.services.imports import MODES
from schemas.base import ActionLinkSchema, OpaqueSchema, PageQuery


class ImportFileSchema(OpaqueSchema):
    """The sheet of a multipart form."""

    file = Upload(required=True, metadata={"description": "xlsx or csv"})


class ImportFormSchema(OpaqueSchema):
    """What is to be done with the sheet."""

    kind = fields.String(required=True, validate=validate.OneOf(KINDS))
    mode = fields.String(
        load_default="all",
        validate=validate.OneOf(MODES),
        metadata={
            "description": "all: nothing is kept when a row is wrong;"
            " good: good rows are kept."
        },
    )
    dry_run = fields.Boolean(
        load_default=False, metadata={"description": "Check and report only."}
    )
    publish = fields.Boolean(
        load_default=False,
        metadata={
            "description": "Operators: rows are records that were checked before and"
            " go straight to the market."
        },
    )
    organisation_id = fields.UUID(
        load_default=None,
        metadata={
            "description": "Whose rows these are; an operator leaves it out when each"
            " row names its unit."
        },
    )


class ImportSchema(OpaqueSchema):
    """A sheet on its way in."""

    id = fields.UUID(required=True)
    kind = fields.String(required=True)
    mode = fields.String(required=True)
    dry_run = fields.Boolean(required=True)
    publish = fields.Boolean(required=True)
    organisation_id = fields.UUID(required=True, allow_none=True)
    user_id = fields.UUID(required=True, allow_none=True)
    filename = fields.String(required=True)
    digest = fields.String(required=True)
    size = fields.Integer(required=True)
    state = fields.Enum(ImportState, by_value=True, required=True)
    cancel_requested = fields.Boolean(required=True)
    rows_total = fields.Integer(required=True, allow_none=True)
    rows_read = fields.Integer(required=True)
    rows_kept = fields.Integer(required=True)
    rows_wrong = fields.Integer(required=True)
    rows_repeated = fields.Integer(required=True)
    error = fields.String(
        required=True,
        metadata={"description": "A stable word when the job was refused or failed."},
    )
    problems = fields.String(
        required=True, metadata={"description": "Where the report is."}
    )
    created_at = fields.AwareDateTime(required=True)
    updated_at = fields.AwareDateTime(required=True)
    actions = fields.List(fields.Nested(ActionLinkSchema), required=True)


class ImportQuery(PageQuery):
    """Which jobs to list."""

    kind = fields.String(load_default=None, validate=validate.OneOf(KINDS))
    state = fields.Enum(ImportState, by_value=True, load_default=None)


class ImportProblemSchema(OpaqueSchema):
    """One cell that is wrong, and what would be right."""

    number = fields.Integer(required=True)
    sheet = fields.String(required=True)
    row = fields.Integer(required=True, metadata={"description": "0: the whole file."})
    column = fields.String(required=True, metadata={"description": "Its heading."})
    cell = fields.String(required=True, metadata={"example": "D17"})
    code = fields.String(required=True)
    message = fields.String(required=True)
