"""Accounts, memberships and invitations over the wire."""

from __future__ import annotations

from marshmallow import fields, validate

from marketplace.domain.accounts import AccountState
from marketplace.domain.organisations import OrganisationState
from marketplace.domain.roles import Role
from marketplace.services.accounts import LANGUAGES
from marketplace.services.tokens import SCOPES
from schemas.base import ActionLinkSchema, OpaqueSchema, PageQuery
from schemas.organisations import UnitRefSchema

LONGEST_PASSWORD = 1000
"""What the wire lets through; the rule for new passwords is the service's."""


def _roles(**about: object) -> fields.List[str]:
    return fields.List(
        fields.String(validate=validate.OneOf([role.value for role in Role])),
        required=True,
        validate=validate.Length(min=1, max=len(Role)),
        metadata=about,
    )


class SignInSchema(OpaqueSchema):
    """Address and password."""

    # An address that cannot be one is answered like one that nobody has.
    email = fields.String(required=True, validate=validate.Length(1, 254))
    password = fields.String(
        required=True,
        validate=validate.Length(1, LONGEST_PASSWORD),
        metadata={"format": "password"},
    )
    scopes = fields.List(
        fields.String(validate=validate.OneOf(sorted(SCOPES))),
        validate=validate.Length(min=1, max=len(SCOPES)),
        load_default=lambda: sorted(SCOPES),
    )


class TokenSchema(OpaqueSchema):
    """A token, shown this once."""

    token = fields.String(required=True)
    expires_at = fields.AwareDateTime(required=True)
    scopes = fields.List(fields.String(), required=True)


class MemberOrganisationSchema(UnitRefSchema):
    """A unit that somebody belongs to."""

    org_type = fields.String(required=True)
    region = fields.String(required=True)
    state = fields.Enum(OrganisationState, by_value=True, required=True)


class OwnMembershipSchema(OpaqueSchema):
    """What somebody is in one unit."""

    id = fields.UUID(required=True)
    organisation = fields.Nested(MemberOrganisationSchema, required=True)
    roles = fields.List(fields.String(), required=True)


class OwnAccountSchema(OpaqueSchema):
    """One's own account."""

    id = fields.UUID(required=True)
    email = fields.String(required=True)
    name = fields.String(required=True)
    language = fields.String(required=True)
    created_at = fields.AwareDateTime(required=True)


class MeSchema(OpaqueSchema):
    """Who the caller is."""

    user = fields.Nested(OwnAccountSchema, required=True)
    memberships = fields.List(fields.Nested(OwnMembershipSchema), required=True)


class MePatchSchema(OpaqueSchema):
    """What somebody may change of his own account."""

    name = fields.String(validate=validate.Length(1, 60))
    language = fields.String(validate=validate.OneOf(LANGUAGES))
    password = fields.String(
        validate=validate.Length(1, LONGEST_PASSWORD),
        metadata={"format": "password", "description": "Ends all other tokens."},
    )
    current_password = fields.String(
        validate=validate.Length(1, LONGEST_PASSWORD),
        metadata={"format": "password", "description": "Needed for a new password."},
    )


class UserRowSchema(OpaqueSchema):
    """An account in a list, its address masked."""

    id = fields.UUID(required=True)
    email = fields.String(required=True)
    name = fields.String(required=True)
    language = fields.String(required=True)
    state = fields.Enum(AccountState, by_value=True, required=True)
    disabled_at = fields.AwareDateTime(required=True, allow_none=True)
    created_at = fields.AwareDateTime(required=True)


class UserSchema(UserRowSchema):
    """An account for operators; the reading is written down."""

    memberships = fields.List(fields.Nested(OwnMembershipSchema), required=True)
    actions = fields.List(fields.Nested(ActionLinkSchema), required=True)


class UserListQuery(PageQuery):
    """Which accounts to list."""

    q = fields.String(
        validate=validate.Length(max=254),
        metadata={"description": "Part of a name, or a whole address."},
    )
    organisation_id = fields.UUID()
    state = fields.Enum(AccountState, by_value=True)


class MemberSchema(OpaqueSchema):
    """A member of a unit; the address is whole for its administrator."""

    id = fields.UUID(required=True)
    user_id = fields.UUID(required=True)
    name = fields.String(required=True)
    email = fields.String(required=True)
    roles = fields.List(fields.String(), required=True)
    disabled = fields.Boolean(required=True)
    created_at = fields.AwareDateTime(required=True)
    updated_at = fields.AwareDateTime(required=True)


class MemberPatchSchema(OpaqueSchema):
    """The roles that a member shall have."""

    roles = _roles(description="All roles, not only the new ones.")


class InvitationCreateSchema(OpaqueSchema):
    """A seat to offer."""

    organisation_id = fields.UUID(required=True)
    email = fields.Email(required=True, validate=validate.Length(max=254))
    roles = _roles()


class InvitationSchema(OpaqueSchema):
    """A seat that waits to be taken."""

    id = fields.UUID(required=True)
    organisation = fields.Nested(UnitRefSchema, required=True)
    email = fields.String(required=True)
    roles = fields.List(fields.String(), required=True)
    created_at = fields.AwareDateTime(required=True)
    expires_at = fields.AwareDateTime(required=True)


class NewInvitationSchema(InvitationSchema):
    """An invitation with its text, shown this once."""

    token = fields.String(required=True)


class InvitationQuery(PageQuery):
    """Which invitations to list."""

    organisation_id = fields.UUID()


class AcceptSchema(OpaqueSchema):
    """The invitation's text; a new user's name and password beside it."""

    token = fields.String(required=True, validate=validate.Length(1, 200))
    name = fields.String(validate=validate.Length(1, 60))
    password = fields.String(
        validate=validate.Length(1, LONGEST_PASSWORD), metadata={"format": "password"}
    )
