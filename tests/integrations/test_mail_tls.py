"""Mail over TLS: to a real server, under a trusted certificate, or not at all."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import trustme

from marketplace.config import MailServer
from marketplace.integrations.mail import Unavailable, send
from tests.mailboxes import Mailbox

WAYS = ("tls", "starttls")
Serve = Callable[..., Any]


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """An authority of the house, trusted by the setting that OpenSSL reads."""
    made = trustme.CA()
    file = tmp_path / "authority.pem"
    made.cert_pem.write_to_path(str(file))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    return made


def letter() -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"] = "market@example.test", "firm@example.test"
    mail["Subject"] = "对接请求"
    mail["Message-ID"] = "<1@example.test>"
    mail.set_content("请于约定日期前答复。")
    return mail


@contextmanager
def serving(
    way: str, authority: trustme.CA, name: str = "127.0.0.1"
) -> Iterator[tuple[Mailbox, MailServer]]:
    """Serve under a certificate for ``name``, in one of the two ways."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(context)
    options: dict[str, Any] = (
        {"ssl_context": context}
        if way == "tls"
        else {"tls_context": context, "require_starttls": True}
    )
    with Mailbox().open(**options) as box:
        yield box, replace(box.server, tls=way, user="market", password="right")


@pytest.mark.parametrize("way", WAYS)
def test_a_mail_goes_over_tls_with_the_password_inside(
    way: str, authority: trustme.CA
) -> None:
    with serving(way, authority) as (box, server):
        send(server, letter())
    (delivery,) = box.deliveries
    assert delivery.message_id == "<1@example.test>"
    assert delivery.mail["Subject"] == "对接请求"
    assert box.signed_in == ["market"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["mail.example.test", "127.0.0.2"])
def test_a_certificate_of_somebody_else_is_told_no_password(
    way: str, name: str, authority: trustme.CA
) -> None:
    with serving(way, authority, name) as (box, server):
        with pytest.raises(Unavailable, match="certificate"):
            send(server, letter())
        assert (box.deliveries, box.signed_in) == ([], [])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.usefixtures("authority")
def test_an_authority_that_nobody_trusts_vouches_for_nothing(way: str) -> None:
    with serving(way, trustme.CA()) as (box, server):
        with pytest.raises(Unavailable, match="certificate"):
            send(server, letter())
        assert (box.deliveries, box.signed_in) == ([], [])


def test_a_server_without_starttls_gets_neither_password_nor_mail() -> None:
    with Mailbox().open() as box:
        server = replace(box.server, tls="starttls", user="market", password="right")
        with pytest.raises(Unavailable):
            send(server, letter())
        assert (box.deliveries, box.signed_in) == ([], [])
