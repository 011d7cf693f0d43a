"""Messages, preferences and messages to groups over the wire."""

from __future__ import annotations

from marshmallow import fields, validate

from marketplace.domain.messages import (
    FIRST_HOUR,
    LAST_HOUR,
    MailMode,
    MailState,
    told_topics,
)
from marketplace.domain.roles import Role
from marketplace.services.messages import SUBJECT_LENGTH, TEXT_LENGTH
from schemas.base import ActionLinkSchema, OpaqueSchema, PageQuery
from schemas.organisations import UnitRefSchema

TOPIC_NAMES = [topic.name for topic in told_topics()]


class MessageSchema(OpaqueSchema):
    """One message to the caller, in his language."""

    id = fields.UUID(required=True)
    topic = fields.String(required=True)
    title = fields.String(required=True)
    body = fields.String(required=True)
    subject_kind = fields.String(required=True)
    subject_id = fields.UUID(required=True)
    href = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Where the object is found, if it has a place."},
    )
    created_at = fields.AwareDateTime(required=True)
    read_at = fields.AwareDateTime(required=True, allow_none=True)
    mail_state = fields.Enum(
        MailState,
        by_value=True,
        required=True,
        metadata={"description": "NO_SERVER: kept here only, no mail server is set."},
    )
    mailed_at = fields.AwareDateTime(required=True, allow_none=True)
    actions = fields.List(fields.Nested(ActionLinkSchema), required=True)


class MessageListQuery(PageQuery):
    """Which messages to list."""

    unread = fields.Boolean(
        metadata={"description": "Only those not read yet, or only those read."}
    )
    topic = fields.String(validate=validate.OneOf(TOPIC_NAMES))


class ReadAllSchema(OpaqueSchema):
    """Up to when."""

    until = fields.AwareDateTime(
        allow_none=True,
        load_default=None,
        metadata={"description": "Messages that came later stay unread."},
    )


class ReadCountSchema(OpaqueSchema):
    """How many were marked as read, and how many are not read now."""

    read = fields.Integer(required=True)
    unread = fields.Integer(required=True)


class PreferencePutSchema(OpaqueSchema):
    """How one wants to hear; what is left out is as if nothing had been said."""

    email = fields.Enum(MailMode, by_value=True)
    muted = fields.List(
        fields.String(validate=validate.OneOf(TOPIC_NAMES)),
        validate=validate.Length(max=100),
        metadata={"description": "Topics; of mandatory ones only the mail is muted."},
    )
    digest_hour = fields.Integer(
        strict=True,
        validate=validate.Range(FIRST_HOUR, LAST_HOUR),
        metadata={"description": "Hour of the day in the market's time zone."},
    )


class TopicSchema(OpaqueSchema):
    """A kind of occasion that one may hear of."""

    name = fields.String(required=True)
    title = fields.String(required=True)
    mandatory = fields.Boolean(required=True)
    muted = fields.Boolean(required=True)


class PreferenceSchema(OpaqueSchema):
    """How the caller hears."""

    email = fields.Enum(MailMode, by_value=True, required=True)
    muted = fields.List(fields.String(), required=True)
    digest_hour = fields.Integer(required=True)
    topics = fields.List(fields.Nested(TopicSchema), required=True)
    updated_at = fields.AwareDateTime(required=True, allow_none=True)


class AudienceSchema(OpaqueSchema):
    """Who is meant: active people of verified units who meet all that is given."""

    roles = fields.List(
        fields.String(validate=validate.OneOf([role.value for role in Role])),
        validate=validate.Length(max=len(Role)),
    )
    region = fields.String(
        validate=validate.Length(6, 6),
        metadata={
            "description": "GB/T 2260; a province or city with all within it.",
            "example": "370200",
        },
    )
    organisation_ids = fields.List(fields.UUID(), validate=validate.Length(max=500))


class GroupPreviewSchema(OpaqueSchema):
    """A group to look at."""

    audience = fields.Nested(AudienceSchema, required=True)


class RecipientSchema(OpaqueSchema):
    """One person of a group, and the units for which he is in it."""

    user_id = fields.UUID(required=True)
    name = fields.String(required=True)
    organisations = fields.List(fields.Nested(UnitRefSchema), required=True)


class GroupSchema(OpaqueSchema):
    """Exactly whom a message would reach."""

    number = fields.Integer(required=True)
    digest = fields.String(required=True)
    recipients = fields.List(fields.Nested(RecipientSchema), required=True)


class GroupSendSchema(GroupPreviewSchema):
    """A message to a group, with the number and the digest of its preview."""

    subject = fields.String(required=True, validate=validate.Length(1, SUBJECT_LENGTH))
    text = fields.String(required=True, validate=validate.Length(1, TEXT_LENGTH))
    number = fields.Integer(required=True, strict=True, validate=validate.Range(0))
    digest = fields.String(required=True, validate=validate.Length(64, 64))


class SendingSchema(OpaqueSchema):
    """A message that was sent to a group."""

    id = fields.UUID(required=True)
    number = fields.Integer(required=True)
