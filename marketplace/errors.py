"""What can go wrong, as classes with a stable code.

No HTTP library is imported here: ``problems`` turns these into
``application/problem+json`` (RFC 9457), the commands into a line on standard error.
Texts are pairs of Chinese and English; the reader's language is chosen at the edge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Text:
    """One message in the two languages that the market speaks."""

    zh: str
    en: str

    def format(self, **values: object) -> Text:
        """Fill the named placeholders of both languages."""
        return Text(self.zh.format(**values), self.en.format(**values))

    def get(self, language: str) -> str:
        """Return the text for ``language`` (``en`` or anything Chinese)."""
        return self.en if language == "en" else self.zh


def misspelt(unknown: Text, near: str) -> Text:
    """Add to what is said of an unknown name the one that was probably meant."""
    return Text(f"{unknown.zh}；是否为 {near}？", f"{unknown.en} Did you mean {near}?")


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong at one place of the input.

    Parameters
    ----------
    pointer : str
        JSON pointer (RFC 6901) into the request body, or ``/query/limit`` and
        ``/headers/If-Match`` for what stands outside it.
    code : str
        Stable machine word.
    message : Text
        What is wrong and what would be right.
    """

    pointer: str
    code: str
    message: Text


@dataclass
class MarketplaceError(Exception):
    """Base of everything that the marketplace refuses on purpose."""

    detail: Text | None = None
    errors: Sequence[FieldError] = ()
    extra: dict[str, Any] = field(default_factory=dict)

    keeps_changes: ClassVar[bool] = False
    """What the use case wrote before it refused stays: a failed sign-in counts."""
    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    title: ClassVar[Text] = Text("系统内部错误", "Internal error")

    def __str__(self) -> str:
        """Give commands and logs an English line with the places."""
        parts = [self.title.en]
        if self.detail is not None:
            parts.append(self.detail.en)
        parts.extend(f"{e.pointer}: {e.message.en}" for e in self.errors)
        return "; ".join(parts)


class Invalid(MarketplaceError):
    """The input breaks a rule; ``errors`` say where."""

    status = 422
    code = "validation_failed"
    title = Text("提交内容有误", "The input is not valid")

    @classmethod
    def at(cls, pointer: str, code: str, zh: str, en: str) -> Invalid:
        """Make the error for one place."""
        return cls(errors=[FieldError(pointer, code, Text(zh, en))])


class NotJson(MarketplaceError):
    """The body is not JSON, or not JSON that can be read."""

    status = 400
    code = "not_json"
    title = Text("请求体不是有效的 JSON", "The body is not valid JSON")


class WrongPassword(Invalid):
    """The present password, asked for again, is not right; the attempt counts."""

    keeps_changes = True


class NotFound(MarketplaceError):
    """There is no such object, or the caller may not know that there is."""

    status = 404
    code = "not_found"
    title = Text("未找到", "Not found")


class Unauthenticated(MarketplaceError):
    """No valid credentials came with the request."""

    status = 401
    code = "unauthenticated"
    title = Text("请先登录", "Sign in first")


class SignInFailed(Unauthenticated):
    """No account has this address and password; which of the two is not told."""

    keeps_changes = True
    code = "sign_in_failed"
    title = Text("邮箱或密码不正确", "Wrong email or password")


class Forbidden(MarketplaceError):
    """The caller sees the object but may not do this with it."""

    status = 403
    code = "action_forbidden"
    title = Text("无权执行此操作", "You may not do this")


class Conflict(MarketplaceError):
    """The request contradicts what is stored."""

    status = 409
    code = "conflict"
    title = Text("与现有数据冲突", "Conflicts with what is stored")


class ConflictOfInterest(Conflict):
    """The two sides are related, and the rule in force does not let them go on."""

    code = "conflict_of_interest"
    title = Text("存在关联关系或利益冲突", "A conflict of interest")


class ConflictNoted(ConflictOfInterest):
    """The same, found before anything else was written: its record stays."""

    keeps_changes = True


class IllegalTransition(Conflict):
    """The record is in a state from which this action is not offered."""

    code = "transition_not_allowed"
    title = Text("当前状态不能执行此操作", "Action not available in this state")


class GroupChanged(Conflict):
    """The people whom a message would reach are not those of the preview."""

    code = "group_changed"
    title = Text("收件人已有变动", "The group has changed")


class Stale(MarketplaceError):
    """The object was changed after the caller had read it, maybe by himself."""

    status = 412
    code = "stale"
    title = Text(
        "内容已有变动，请重新读取后再试", "Changed in the meantime; read it again"
    )


class PreconditionRequired(MarketplaceError):
    """A change of an existing object came without ``If-Match``."""

    status = 428
    code = "if_match_required"
    title = Text("缺少 If-Match 请求头", "If-Match header required")


class IdempotencyKeyReused(MarketplaceError):
    """The same key came with another request."""

    status = 422
    code = "idempotency_key_reused"
    title = Text(
        "Idempotency-Key 已用于另一请求", "Idempotency-Key was used for another request"
    )


class TooManyRequests(MarketplaceError):
    """The caller must wait; ``extra['retry_after']`` says how many seconds."""

    status = 429
    code = "too_many_requests"
    title = Text("请求过于频繁", "Too many requests")


class PayloadTooLarge(MarketplaceError):
    """The body or file is larger than the setting allows."""

    status = 413
    code = "payload_too_large"
    title = Text("内容过大", "Payload too large")


class UnsupportedMedia(MarketplaceError):
    """The type of the body or file is not accepted."""

    status = 415
    code = "unsupported_media_type"
    title = Text("不支持的内容类型", "Unsupported media type")


class NotAcceptable(MarketplaceError):
    """None of the formats that the caller accepts can be given."""

    status = 406
    code = "not_acceptable"
    title = Text("无法提供所要求的格式", "Not acceptable")


class Busy(MarketplaceError):
    """The store is locked by somebody else for longer than we wait."""

    status = 503
    code = "busy"
    title = Text("系统繁忙，请稍后重试", "Busy; try again shortly")


class DocumentsUnavailable(MarketplaceError):
    """A library, font or character that a file needs is missing on this server."""

    status = 503
    code = "documents_unavailable"
    title = Text("本服务器暂不能生成该文件", "This server cannot make that file")
