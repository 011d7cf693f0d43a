"""Mail by SMTP (RFC 5321): plain text to one person, always under one Message-ID."""

from __future__ import annotations

import contextlib
import smtplib
import ssl
from collections.abc import Iterator
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime
from urllib.parse import urlsplit

from marketplace.config import MailServer, Settings
from marketplace.domain.messages import one_line
from marketplace.errors import Text
from marketplace.services.message_mails import Letter

SECONDS = 20
"""So long a mail server may be silent: less than a job's lease."""
PERMANENT = range(500, 600)
SENDER = Text("揭榜平台", "Jiebang")
LINK = Text("查看：{link}", "See {link}")
HOW_TO_STOP = Text(
    "此邮件由系统自动发送，请勿回复。接收方式可在“消息设置”中修改。",
    "This mail was sent by a machine; please do not reply. How you are told can be"
    " changed in your message preferences.",
)


class Refused(Exception):
    """The mail will never be taken: the recipient or the text is refused for good."""


class Unavailable(Exception):
    """The mail was not taken now; another attempt may succeed."""


class _WholeNames(EmailPolicy):
    """SMTP's rules of writing, with a Message-ID that is never broken into lines.

    A line break before it is allowed (RFC 5322, 3.2.2), but readers that compare names
    byte by byte then see two mails where there is one.
    """

    def fold_binary(self, name: str, value: str) -> bytes:
        """Write one header."""
        if name.lower() == "message-id":
            return f"{name}: {value.strip()}{self.linesep}".encode("ascii")
        return super().fold_binary(name, value)


POLICY = _WholeNames(linesep="\r\n")


def compose(letter: Letter, settings: Settings, now: datetime) -> EmailMessage:
    """Write a letter as a mail.

    No value can add a header: every header is one line by then, and the library
    refuses any that is not.

    Raises
    ------
    Refused
        The address cannot be written into a mail.
    """
    mail = EmailMessage(policy=POLICY)
    try:
        mail["From"] = Address(
            SENDER.get(letter.language), addr_spec=settings.mail_from
        )
        mail["To"] = Address(one_line(letter.person), addr_spec=letter.address)
    except (ValueError, IndexError, MessageError) as error:
        raise Refused(f"not an address of a mail: {error}") from error
    mail["Subject"] = one_line(letter.title)
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = f"<{letter.name}@{_host(settings)}>"
    mail["Auto-Submitted"] = "auto-generated"
    parts = [letter.body]
    if letter.href and settings.public_url:
        link = f"{settings.public_url}{letter.href}"
        parts.append(LINK.get(letter.language).format(link=link))
    parts.append(f"-- \n{HOW_TO_STOP.get(letter.language)}")
    mail.set_content("\n\n".join(parts) + "\n", charset="utf-8")
    return mail


def _host(settings: Settings) -> str:
    """Return the host under which mails are named: where the market is, if known."""
    named = urlsplit(settings.public_url).hostname
    return named or settings.mail_from.rpartition("@")[2]


def send(server: MailServer, mail: EmailMessage) -> None:
    """Hand a mail to the server; when this returns, the server has taken it.

    Raises
    ------
    Refused
        The server will not take it for this recipient, or not this text (5xx).
    Unavailable
        Anything else: no connection, a wrong password, a temporary refusal (4xx).
    """
    try:
        with _session(server) as smtp:
            _hand_over(smtp, mail)
    except (smtplib.SMTPException, OSError) as error:
        raise Unavailable(_told(error)) from error


@contextlib.contextmanager
def _session(server: MailServer) -> Iterator[smtplib.SMTP]:
    smtp: smtplib.SMTP
    if server.tls == "tls":
        context = ssl.create_default_context()
        smtp = smtplib.SMTP_SSL(
            server.host, server.port, timeout=SECONDS, context=context
        )
    else:
        smtp = smtplib.SMTP(server.host, server.port, timeout=SECONDS)
    try:
        if server.tls == "starttls":
            smtp.starttls(context=ssl.create_default_context())
        if server.user:
            smtp.login(server.user, server.password)
        yield smtp
        # The mail is taken by now, whatever the server says to our leaving.
        with contextlib.suppress(smtplib.SMTPException, OSError):
            smtp.quit()
    finally:
        smtp.close()


def _hand_over(smtp: smtplib.SMTP, mail: EmailMessage) -> None:
    try:
        smtp.send_message(mail)
    except smtplib.SMTPRecipientsRefused as error:
        codes = {code for code, _ in error.recipients.values()}
        if codes <= set(PERMANENT):
            raise Refused(_told(error)) from error
        raise
    except smtplib.SMTPDataError as error:
        if error.smtp_code in PERMANENT:
            raise Refused(_told(error)) from error
        raise
    except (smtplib.SMTPNotSupportedError, UnicodeError) as error:
        # An address beyond ASCII, and a server that knows ASCII only (RFC 6531).
        raise Refused(_told(error)) from error


def _told(error: Exception) -> str:
    """Return what the server said, on one line and without our own secrets."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        answers = [f"{code} {_text(said)}" for code, said in error.recipients.values()]
        return "; ".join(sorted(answers))
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{error.smtp_code} {_text(error.smtp_error)}"
    return one_line(f"{type(error).__name__}: {error}")


def _text(said: bytes | str) -> str:
    return one_line(
        said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    )
