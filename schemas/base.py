"""Fields and schemas that every resource uses."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar

import marshmallow as ma
from marshmallow import fields, validate

from marketplace.domain.money import yuan
from marketplace.services.paging import DEFAULT_LIMIT, MAX_LIMIT

ID = fields.UUID


class Money(fields.Field[Decimal]):
    """An amount in 元 as a decimal string with two places."""

    default_error_messages = {  # noqa: RUF012
        "not_money": "Not an amount: a string of digits with up to two decimals.",
        "negative": "Must not be negative.",
    }

    def __init__(self, **kwargs: Any) -> None:
        metadata = {
            "type": "string",
            "pattern": r"^[0-9]{1,16}(\.[0-9]{1,2})?$",
            "example": "1200000.00",
            **kwargs.pop("metadata", {}),
        }
        super().__init__(metadata=metadata, **kwargs)

    def _serialize(
        self,
        value: Decimal | None,
        attr: str | None,  # noqa: ARG002
        obj: Any,  # noqa: ARG002
        **kwargs: Any,  # noqa: ARG002
    ) -> str | None:
        return None if value is None else f"{value:.2f}"

    def _deserialize(
        self,
        value: Any,
        attr: str | None,  # noqa: ARG002
        data: Any,  # noqa: ARG002
        **kwargs: Any,  # noqa: ARG002
    ) -> Decimal:
        if not isinstance(value, str) or not value.isascii():
            raise self.make_error("not_money")
        if value != value.strip() or value.lower().strip("0123456789.-"):
            raise self.make_error("not_money")
        try:
            amount = yuan(value)
        except ValueError as error:
            raise self.make_error("not_money") from error
        if amount < 0:
            raise self.make_error("negative")
        return amount


class OpaqueSchema(ma.Schema):
    """Base of every schema: fields in order, unknown ones refused."""

    together: ClassVar[tuple[frozenset[str], ...] | None] = None
    """Where the service checks further: the fields that it checks against each other.

    What a body has wrong by its schema is then told together with what the service
    finds wrong with the rest. A field goes to the service only if all fields that
    belong together with it are right.
    """

    class Meta:
        """Unknown names are an error that names them."""

        unknown = ma.RAISE


class NoteSchema(OpaqueSchema):
    """A body with nothing but a comment."""

    comment = fields.String(load_default="", validate=validate.Length(max=2000))


class ActionLinkSchema(OpaqueSchema):
    """Something that this caller may do with the object now."""

    name = fields.String(required=True)
    title = fields.String(required=True)
    method = fields.String(required=True)
    href = fields.String(required=True)
    fields_ = fields.List(fields.String(), data_key="fields", attribute="fields")


class PageQuery(OpaqueSchema):
    """How to read a list."""

    limit = fields.Integer(
        load_default=DEFAULT_LIMIT, validate=validate.Range(1, MAX_LIMIT)
    )
    cursor = fields.String(load_default=None, validate=validate.Length(max=1000))
    sort = fields.String(load_default="", validate=validate.Length(max=40))


class FieldProblemSchema(ma.Schema):
    """One thing wrong at one place."""

    pointer = fields.String(required=True)
    code = fields.String(required=True)
    message = fields.String(required=True)


class ProblemSchema(ma.Schema):
    """RFC 9457 problem details; a problem may say more than this."""

    class Meta:
        """Extension members are allowed (RFC 9457, section 3.2)."""

        unknown = ma.INCLUDE

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    code = fields.String(required=True)
    detail = fields.String()
    instance = fields.String()
    errors = fields.List(fields.Nested(FieldProblemSchema))
    state = fields.String(
        metadata={"description": "Of an action that is not offered: where it stands."}
    )
    possible = fields.List(
        fields.String(), metadata={"description": "What could be done instead."}
    )


class EventSchema(OpaqueSchema):
    """One entry of an object's history."""

    id = fields.UUID(required=True)
    at = fields.AwareDateTime(required=True)
    user_id = fields.UUID(allow_none=True)
    user_name = fields.String(allow_none=True)
    role = fields.String(required=True)
    organisation_id = fields.UUID(allow_none=True)
    action = fields.String(required=True)
    from_ = fields.String(data_key="from", attribute="from", allow_none=True)
    to = fields.String(allow_none=True)
    comment = fields.String()
    changes = fields.Dict(keys=fields.String(), values=fields.Dict())
