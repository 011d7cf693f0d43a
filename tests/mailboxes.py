"""A real mail server on loopback that keeps what it is given."""

# ruff: noqa: ARG002 - what the mail server passes is given, whatever is used of it
from __future__ import annotations

import email.policy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from marketplace.config import MailServer
from tests.servers import free_port

OK = "250 OK"


@dataclass(frozen=True)
class Delivery:
    """One mail as it came in."""

    recipients: tuple[str, ...]
    raw: bytes

    @property
    def mail(self) -> EmailMessage:
        """The mail, read."""
        parser = BytesParser(policy=email.policy.default)
        found = parser.parsebytes(self.raw)
        assert isinstance(found, EmailMessage)
        return found

    @property
    def message_id(self) -> str:
        """Its Message-ID."""
        return str(self.mail["Message-ID"])


@dataclass
class Mailbox:
    """What has come in, and what is answered.

    Parameters
    ----------
    to_recipient : dict
        By address the answer to ``RCPT TO``, where it is not yes.
    to_data : list of str
        Answers to the next mails; yes when it is empty.
    """

    deliveries: list[Delivery] = field(default_factory=list)
    to_recipient: dict[str, str] = field(default_factory=dict)
    to_data: list[str] = field(default_factory=list)
    signed_in: list[str] = field(default_factory=list)
    server: MailServer = field(default_factory=lambda: MailServer("127.0.0.1", 0))

    async def handle_RCPT(  # noqa: N802 - the name that the library calls
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        """Answer for one recipient."""
        answer = self.to_recipient.get(address, OK)
        if answer == OK:
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(  # noqa: N802 - the name that the library calls
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Keep a mail."""
        answer = self.to_data.pop(0) if self.to_data else OK
        if answer == OK:
            raw = envelope.original_content or b""
            self.deliveries.append(Delivery(tuple(envelope.rcpt_tos), raw))
        return answer

    def authenticate(
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        mechanism: str,
        data: Any,
    ) -> AuthResult:
        """Let in who has the password."""
        assert isinstance(data, LoginPassword)
        self.signed_in.append(data.login.decode())
        return AuthResult(success=data.password == b"right", handled=False)

    @contextmanager
    def open(self, **options: Any) -> Iterator[Mailbox]:
        """Serve on a free port until the end of the block."""
        port = free_port()
        controller = Controller(
            self,
            hostname="127.0.0.1",
            port=port,
            authenticator=self.authenticate,
            auth_require_tls=False,
            **options,
        )
        controller.start()
        try:
            self.server = MailServer("127.0.0.1", port)
            yield self
        finally:
            controller.stop()
