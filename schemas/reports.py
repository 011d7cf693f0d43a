"""Statistical reports over the wire."""

from __future__ import annotations

from marshmallow import fields, validate

from marketplace.domain.reports import ReportKind
from schemas.base import OpaqueSchema, PageQuery

KIND = validate.OneOf([kind.value for kind in ReportKind])


class ReportAskSchema(OpaqueSchema):
    """Which report to prepare or to issue."""

    kind = fields.String(required=True, validate=KIND)
    period = fields.String(required=True, validate=validate.Length(1, 24))
    region = fields.String(load_default="", validate=validate.Length(max=6))
    organisation_id = fields.UUID(load_default=None, allow_none=True)


class ReportQuery(PageQuery):
    """Which issued reports to list."""

    kind = fields.String(validate=KIND)
    period = fields.String(validate=validate.Length(1, 24))
    region = fields.String(validate=validate.Length(1, 6))


class PreparedSchema(OpaqueSchema):
    """A report as it would be issued now."""

    kind = fields.String(required=True)
    period = fields.String(required=True)
    digest = fields.String(required=True)
    note = fields.String(required=True)
    content = fields.Dict(keys=fields.String(), required=True)


class ReportSchema(OpaqueSchema):
    """An issued report, without its content."""

    id = fields.UUID(required=True)
    number = fields.String(required=True)
    kind = fields.String(required=True)
    period = fields.String(required=True)
    region = fields.String(required=True)
    organisation_id = fields.UUID(required=True, allow_none=True)
    as_of = fields.AwareDateTime(required=True)
    issued_at = fields.AwareDateTime(required=True)
    issued_by = fields.UUID(required=True, allow_none=True)
    revision = fields.Integer(required=True)
    digest = fields.String(required=True)
    note = fields.String(required=True)


class WholeReportSchema(ReportSchema):
    """An issued report with its content."""

    content = fields.Dict(keys=fields.String(), required=True)
    sound = fields.Boolean(
        required=True,
        metadata={"description": "The content still has the digest of its issue."},
    )
