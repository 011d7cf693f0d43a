"""Attachments 附件: uploaded once, referred to by id, seen with what they hang on."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace import policies
from marketplace import thread_policies as rights
from marketplace.domain import filetypes
from marketplace.domain.actors import Actor
from marketplace.domain.roles import Tier
from marketplace.errors import (
    FieldError,
    Invalid,
    NotFound,
    PayloadTooLarge,
    Text,
    Unauthenticated,
    UnsupportedMedia,
)
from marketplace.models.attachments import Attachment
from marketplace.models.contracts import (
    Contract,
    ContractParty,
    ContractSignature,
    ContractVersion,
)
from marketplace.models.dockings import Docking, DockingNda
from marketplace.models.needs import Need, NeedAttachment, NeedVersion
from marketplace.models.offers import Offer, OfferAttachment, OfferVersion
from marketplace.services import events

ACCEPTED = "pdf, png, jpg, docx, xlsx, csv, txt"


@dataclass(frozen=True, slots=True)
class Stored:
    """Where a file lies and how many bytes it has."""

    digest: str
    size: int


class FileTooLarge(Exception):
    """A stream holds more bytes than ``limit``."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"more than {limit} bytes")
        self.limit = limit


class StoreDamaged(Exception):
    """The store no longer holds what was given to it: a defect, never an input."""


class FileStore(Protocol):
    """Bytes under the SHA-256 of their content."""

    def put(self, stream: BinaryIO, *, limit: int) -> Stored:
        """Store what the stream still holds, or raise ``FileTooLarge``."""
        ...

    def open(self, digest: str) -> BinaryIO:
        """Open a file whose content was checked, or raise ``StoreDamaged``."""
        ...


_REFUSALS: dict[str, Text] = {
    "empty": Text("文件为空", "the file is empty"),
    "type_not_accepted": Text(
        "不接受此类文件；可上传：{accepted}（文本须为 UTF-8 或 GB18030 编码）",
        "a file of this content is not accepted; accepted are {accepted}"
        " (texts in UTF-8 or GB18030)",
    ),
    "name_disagrees": Text(
        "文件扩展名与内容不符；可上传：{accepted}",
        "the extension does not agree with the content; accepted are {accepted}",
    ),
    "macros": Text(
        "不接受含宏或控件的文档，请另存为普通的 {modern}",
        "documents with macros or controls are not accepted;"
        " save it as a plain {modern}",
    ),
    "old_format": Text(
        "旧版 Office 格式（如 .xls、.doc）不能读取，请用 Excel 或 WPS 打开后另存为"
        " {modern} 再上传",
        "the old formats of Office (such as .xls or .doc) are not read;"
        " save it as {modern}",
    ),
    "unmarked_utf16": Text(
        "文本为 UTF-16 编码且没有标记，请另存为 UTF-8 或 GBK 编码的文件再上传",
        "the text is in UTF-16 without a mark; save it in UTF-8 or GBK",
    ),
    "zip_bomb": Text(
        "文件解压后过大，不予接受", "the file unfolds to more than is accepted"
    ),
    "encrypted": Text(
        "不接受加密文档，请去除密码后再上传",
        "encrypted documents are not accepted; remove the password",
    ),
    "damaged": Text(
        "文件已损坏或结构不合规范，请重新保存后再上传",
        "the file is damaged or not well formed; save it again",
    ),
}
_NOT_A_TYPE = frozenset(
    {"type_not_accepted", "old_format", "unmarked_utf16", "macros", "encrypted"}
)


def refusal(
    error: filetypes.BadFile, *, accepted: str = ACCEPTED, modern: str = "docx / xlsx"
) -> Invalid | UnsupportedMedia:
    """Say what is wrong with a file and what would be right.

    Parameters
    ----------
    accepted, modern : str
        Types that are taken here, and those of them that Office writes today.
    """
    message = _REFUSALS[error.code].format(accepted=accepted, modern=modern)
    kind = UnsupportedMedia if error.code in _NOT_A_TYPE else Invalid
    return kind(errors=[FieldError("/file", error.code, message)])


def too_large(error: FileTooLarge) -> PayloadTooLarge:
    """Say how large a file may be."""
    return PayloadTooLarge(
        Text("文件不得超过 {size} MB", "a file may have at most {size} MB").format(
            size=max(1, error.limit // (1024 * 1024))
        )
    )


def add(
    session: so.Session,
    actor: Actor,
    store: FileStore,
    stream: BinaryIO,
    *,
    filename: str,
    limit: int,
    org_id: UUID | None = None,
) -> Attachment:
    """Keep an uploaded file for one of the caller's organisations.

    Parameters
    ----------
    stream : seekable binary file
    filename : str
        As the client sent it; only its last part is kept.
    limit : int
        Most bytes that are accepted.
    org_id : UUID, optional
        Whose file it is; may be left out by who belongs to one organisation.

    Raises
    ------
    Unauthenticated, Forbidden
        The caller is nobody, or does not belong to the organisation.
    Invalid, UnsupportedMedia, PayloadTooLarge
        The file is refused; the pointer is ``/file``.
    """
    policies.require_signed_in(actor)
    org_id = owner_of_upload(actor, org_id)
    grant = policies.require(actor, "create", org_id, policies.ATTACHMENT_RULES)
    name = filetypes.clean_name(filename)
    if not name:
        raise Invalid.at(
            "/file", "no_name", "缺少文件名", "the file has no usable name"
        )
    try:
        found = filetypes.recognise(stream, name)
        stored = store.put(stream, limit=limit)
    except filetypes.BadFile as error:
        raise refusal(error) from error
    except FileTooLarge as error:
        raise too_large(error) from error
    attachment = Attachment(
        org_id=org_id,
        uploaded_by=actor.user_id,
        filename=name,
        media_type=found.header,
        size=stored.size,
        digest=stored.digest,
        created_at=actor.now,
    )
    session.add(attachment)
    session.flush()
    events.record(
        session,
        actor,
        attachment,
        "attachment.upload",
        role=grant.role,
        org_id=grant.org_id,
        changes=events.difference({}, view(attachment)),
    )
    return attachment


def owner_of_upload(actor: Actor, org_id: UUID | None) -> UUID:
    """Return the organisation that was named, or the caller's only one.

    Raises
    ------
    Unauthenticated
        The system has no unit; it must name one.
    Invalid
        The caller belongs to several, or to none.
    """
    if org_id is not None:
        return org_id
    if actor.user_id is None:
        raise Unauthenticated
    if len(actor.org_ids) == 1:
        return next(iter(actor.org_ids))
    raise Invalid.at(
        "/organisation_id",
        "required",
        "您属于多个单位或不属于任何单位，请写明 organisation_id",
        "name the organisation: you belong to several, or to none",
    )


def get(session: so.Session, actor: Actor, attachment_id: UUID) -> Attachment:
    """Return an attachment that the caller may see.

    Raises
    ------
    NotFound
        There is none, or the caller may not know that there is.
    """
    attachment = session.get(Attachment, attachment_id)
    if attachment is None or not _visible(session, actor, attachment):
        raise NotFound
    return attachment


@dataclass(frozen=True, slots=True)
class Read:
    """An attachment that was read, for a ledger entry in a later transaction."""

    id: UUID


def note_reading(session: so.Session, actor: Actor, subject: Read, part: str) -> None:
    """Write down that somebody from outside the owner's unit read a file.

    Parameters
    ----------
    part : str
        ``metadata`` or ``content``.
    """
    events.record(session, actor, subject, "attachment.read", comment=part)


def is_outsider(actor: Actor, attachment: Attachment) -> bool:
    """Tell whether a reading goes to the ledger."""
    return not actor.is_system and attachment.org_id not in actor.org_ids


def view(attachment: Attachment) -> dict[str, Any]:
    """Return what the API shows of an attachment."""
    return {
        "id": attachment.id,
        "organisation_id": attachment.org_id,
        "filename": attachment.filename,
        "media_type": attachment.media_type,
        "size": attachment.size,
        "digest": attachment.digest,
        "created_at": attachment.created_at,
    }


def usable(
    session: so.Session, ids: Collection[UUID], org_id: UUID
) -> dict[UUID, Attachment]:
    """Return those of ``ids`` that a need or offer of ``org_id`` may refer to."""
    rows = session.scalars(
        sa.select(Attachment).where(Attachment.id.in_(ids), Attachment.org_id == org_id)
    )
    return {row.id: row for row in rows}


def _visible(session: so.Session, actor: Actor, attachment: Attachment) -> bool:
    if actor.is_system or attachment.org_id in actor.org_ids:
        return True
    if any(_through(session, actor, it, attachment.id) for it in _CARRIERS):
        return True
    return _of_docking(session, actor, attachment) or _of_contract(
        session, actor, attachment
    )


def _of_docking(session: so.Session, actor: Actor, attachment: Attachment) -> bool:
    """Whether the file is an agreement that was put before a side of the caller."""
    proposed = sa.exists().where(
        DockingNda.attachment_id == attachment.id,
        DockingNda.docking_id == Docking.id,
        rights.visible_dockings(actor),
    )
    return bool(session.scalar(sa.select(proposed)))


def _of_contract(session: so.Session, actor: Actor, attachment: Attachment) -> bool:
    """Whether the file is a paper of a contract that the caller reads."""
    signed = sa.exists().where(
        ContractSignature.version_id == ContractVersion.id,
        ContractSignature.attachment_id == attachment.id,
    )
    named = sa.cast(ContractVersion.content, sa.Text).contains(
        f'"{attachment.id}"', autoescape=True
    )
    of_owner = sa.or_(
        Contract.created_for == attachment.org_id,
        sa.exists().where(
            ContractParty.contract_id == Contract.id,
            ContractParty.org_id == attachment.org_id,
        ),
    )
    found = sa.select(ContractVersion.id).join(
        Contract, Contract.id == ContractVersion.contract_id
    )
    found = found.where(
        of_owner, rights.visible_contracts(actor), sa.or_(signed, named)
    )
    return session.scalar(found.limit(1)) is not None


@dataclass(frozen=True, slots=True)
class _Carrier:
    """A kind of object that files hang on, and who reads it how far."""

    kind: str
    model: Any
    version: Any
    parent: str
    link: Any
    visible: Callable[[Actor], sa.ColumnElement[bool]]
    reads_working: Callable[[Actor, Any], bool]
    tier: Callable[[Actor, Any, Collection[UUID]], Tier]


_CARRIERS = (
    _Carrier(
        "need",
        Need,
        NeedVersion,
        "need_id",
        NeedAttachment,
        policies.visible_needs,
        policies.reads_working_need,
        policies.need_tier,
    ),
    _Carrier(
        "offer",
        Offer,
        OfferVersion,
        "offer_id",
        OfferAttachment,
        policies.visible_offers,
        policies.reads_working_offer,
        policies.offer_tier,
    ),
)


def _through(
    session: so.Session, actor: Actor, carrier: _Carrier, attachment_id: UUID
) -> bool:
    """Whether the caller reads a version of a need or an offer that the file is on."""
    model, link = carrier.model, carrier.link
    version = so.aliased(carrier.version)
    rows = session.execute(
        sa.select(model, version)
        .join(version, getattr(version, carrier.parent) == model.id)
        .join(link, link.version_id == version.id)
        .where(link.attachment_id == attachment_id, carrier.visible(actor))
        .options(so.joinedload(model.owner_org))
    ).all()
    granted = _granted(session, actor, carrier.kind) if rows else frozenset()
    for subject, text in rows:
        reviewed = text.id == subject.working_version_id or text.fixed_at is not None
        if reviewed and carrier.reads_working(actor, subject):
            return True
        if text.id == subject.published_version_id:
            tier = carrier.tier(actor, subject, granted)
            hidden = policies.withheld(text.disclosure, tier, kind=carrier.kind)
            if "attachments" not in hidden:
                return True
    return False


def _granted(session: so.Session, actor: Actor, kind: str) -> frozenset[UUID]:
    return frozenset(session.scalars(policies.granted_subjects(actor, kind)))
