"""Teams over the wire."""

from __future__ import annotations

from marshmallow import fields, validate

from schemas.base import OpaqueSchema, PageQuery
from schemas.contents import codes, line
from schemas.organisations import UnitRefSchema


class TeamPatchSchema(OpaqueSchema):
    """Fields of a team to change."""

    name = fields.String(validate=validate.Length(1, 120))
    leader = line(60, description="负责人")
    intro = line(1000, description="团队简介")
    tech_field = codes("tech_field")


class TeamCreateSchema(TeamPatchSchema):
    """A team to set up."""

    name = fields.String(required=True, validate=validate.Length(1, 120))


class TeamSchema(TeamPatchSchema):
    """A team as the caller may see it."""

    id = fields.UUID(required=True)
    organisation = fields.Nested(UnitRefSchema, required=True)
    closed_at = fields.AwareDateTime(required=True, allow_none=True)
    created_at = fields.AwareDateTime(required=True)
    updated_at = fields.AwareDateTime(required=True)
    withheld = fields.List(fields.String(), required=True)


class TeamListQuery(PageQuery):
    """Which teams of a unit to list."""

    closed = fields.Boolean(
        metadata={"description": "Also those that are closed."},
    )
