"""Mail goes out through a real SMTP server: once is enough, twice is the same mail."""

from __future__ import annotations

import smtplib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from flask import Flask

from marketplace.config import Settings
from marketplace.domain.actors import system
from marketplace.domain.clock import FixedClock
from marketplace.domain.messages import MailState
from marketplace.extensions import db
from marketplace.integrations import mail
from marketplace.jobs.handlers import HANDLERS, MAIL_ATTEMPTS
from marketplace.jobs.runner import Handler, Runner
from marketplace.models.jobs import OutboxMessage, OutboxState
from marketplace.models.messages import Message
from marketplace.services import message_mails, messages, outbox
from marketplace.services import message_preferences as preferences
from marketplace.services.message_mails import Letter
from tests.conftest import START
from tests.mailboxes import Mailbox
from tests.people import World

Tell = Callable[..., int]
Set = Callable[..., Runner]
HOST = "market.example.test"


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with Mailbox().open() as opened:
        yield opened


@pytest.fixture
def runner_with(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Set:
    def make(box: Mailbox | None, **more: Any) -> Runner:
        settings: Settings = app.extensions["jiebang.settings"]
        changed = replace(
            settings,
            mail_server=box.server if box else None,
            mail_from="market@example.test",
            public_url=f"https://{HOST}",
            **more,
        )
        monkeypatch.setitem(app.extensions, "jiebang.settings", changed)
        handlers = {t: h for t, h in HANDLERS.items() if "mail" in t or "digest" in t}
        return Runner(app, handlers)

    return make


@pytest.fixture
def tell(world: World) -> Tell:
    def run(*who: str, key: str = "1", **values: Any) -> int:
        said = {
            "party": "海岱理工大学（演示）",
            "subject": "轻质托盘",
            "due": "2026-11-30",
        }
        count = messages.notify(
            world.session,
            system(world.clock.now()),
            to=[world.user(name).id for name in who],
            topic="docking.asked",
            values=said | values,
            subject_kind="need",
            subject_id=UUID(int=7),
            key=key,
        )
        world.session.commit()
        return count

    return run


def prefer(world: World, who: str, **data: Any) -> None:
    preferences.put(world.session, world.actor(who), data)
    world.session.commit()


def rows(world: World) -> list[Message]:
    world.session.rollback()
    found = world.session.scalars(sa.select(Message).order_by(Message.id)).all()
    for message in found:
        world.session.expunge(message)
    world.session.rollback()
    return list(found)


def test_a_mail_says_what_the_message_says_in_the_readers_language(
    world: World, tell: Tell, mailbox: Mailbox, runner_with: Set
) -> None:
    world.user("team").language = "en"
    tell("firm", "team")
    assert runner_with(mailbox).run_all() == 2
    by_address = {d.recipients[0]: d.mail for d in mailbox.deliveries}
    chinese = by_address["firm@example.test"]
    assert chinese["Subject"] == "海岱理工大学（演示）就“轻质托盘”提出对接"
    assert chinese["From"].addresses[0].addr_spec == "market@example.test"
    assert chinese["To"].addresses[0].display_name == "firm"
    assert chinese["Date"].datetime == START
    assert chinese["Auto-Submitted"] == "auto-generated"
    assert chinese.get_content_type() == "text/plain"
    assert chinese.get_content_charset() == "utf-8"
    text = chinese.get_content()
    assert "请于2026-11-30前答复" in text
    assert f"https://{HOST}/api/v1/needs/{UUID(int=7)}" in text
    english = by_address["team@example.test"]
    assert english["Subject"] == "海岱理工大学（演示） asks to talk on 轻质托盘"
    found = rows(world)
    assert {(m.mail_state, m.mailed_at) for m in found} == {(MailState.SENT, START)}
    assert {d.message_id for d in mailbox.deliveries} == {
        f"<{m.id}@{HOST}>" for m in found
    }


def test_no_value_adds_a_header(
    world: World, tell: Tell, mailbox: Mailbox, runner_with: Set
) -> None:
    world.user("firm").name = "甲\r\nBcc: b@example.test"
    tell("firm", party="甲\r\nBcc: c@example.test\r\n\r\nwords", subject="乙\n\tX: 1")
    runner_with(mailbox).run_all()
    (delivery,) = mailbox.deliveries
    assert delivery.recipients == ("firm@example.test",)
    assert sorted(delivery.mail.keys()) == [
        *("Auto-Submitted", "Content-Transfer-Encoding", "Content-Type", "Date"),
        *("From", "MIME-Version", "Message-ID", "Subject", "To"),
    ]
    assert "c@example.test" in delivery.mail["Subject"]


def test_without_a_mail_server_the_message_stays_here_and_says_so(
    world: World, tell: Tell, runner_with: Set
) -> None:
    tell("firm")
    assert runner_with(None).run_all() == 1
    (message,) = rows(world)
    assert message.mail_state is MailState.NO_SERVER
    assert message.mailed_at is None


def test_a_temporary_refusal_is_tried_again_as_the_same_mail(
    world: World, tell: Tell, mailbox: Mailbox, runner_with: Set, clock: FixedClock
) -> None:
    mailbox.to_data += ["451 try later", "421 closing"]
    tell("firm")
    runner = runner_with(mailbox)
    for _ in range(2):
        assert runner.run_once()
        assert rows(world)[0].mail_state is MailState.WAITING
        assert not runner.run_once()
        clock.advance(hours=1)
    assert runner.run_once()
    (message,) = rows(world)
    assert message.mail_state is MailState.SENT
    assert [d.message_id for d in mailbox.deliveries] == [f"<{message.id}@{HOST}>"]


def test_a_mail_that_was_sent_by_a_worker_that_died_goes_under_one_message_id(
    world: World,
    app: Flask,
    tell: Tell,
    mailbox: Mailbox,
    runner_with: Set,
    clock: FixedClock,
) -> None:
    tell("firm")
    runner = runner_with(mailbox)
    send = runner.handlers[messages.MAIL_TOPIC].run

    def die(work: Any) -> None:
        send(work)
        raise outbox.LeaseLost("killed between the mail and its commit")

    Runner(app, {messages.MAIL_TOPIC: Handler(die)}).run_once()
    assert rows(world)[0].mail_state is MailState.WAITING
    clock.advance(minutes=10)
    assert runner.run_once()
    assert rows(world)[0].mail_state is MailState.SENT
    assert len(mailbox.deliveries) == 2
    assert len({d.message_id for d in mailbox.deliveries}) == 1


@pytest.mark.parametrize(
    ("of_recipient", "of_data", "told"),
    [
        ("550 no such user", [], "550 no such user"),
        (None, ["554 looks like junk"], "554 looks like junk"),
    ],
)
def test_what_is_refused_for_good_is_given_up_with_the_reason(
    world: World,
    tell: Tell,
    mailbox: Mailbox,
    runner_with: Set,
    of_recipient: str | None,
    of_data: list[str],
    told: str,
) -> None:
    if of_recipient:
        mailbox.to_recipient["firm@example.test"] = of_recipient
    mailbox.to_data += of_data
    tell("firm", "team")
    assert runner_with(mailbox).run_all() == 2
    by_user = {m.user_id: m for m in rows(world)}
    states = sorted(m.mail_state for m in by_user.values())
    assert states == [MailState.FAILED, MailState.SENT]
    failed = next(m for m in by_user.values() if m.mail_state is MailState.FAILED)
    assert failed.mail_error == told
    assert len(mailbox.deliveries) == 1


def test_a_temporary_refusal_of_the_recipient_is_no_end(
    world: World, tell: Tell, mailbox: Mailbox, runner_with: Set
) -> None:
    mailbox.to_recipient["firm@example.test"] = "450 mailbox busy"
    tell("firm")
    runner_with(mailbox).run_all()
    assert rows(world)[0].mail_state is MailState.WAITING


def test_a_server_that_stays_away_is_given_up_in_the_end_with_the_reason(
    world: World, tell: Tell, runner_with: Set, clock: FixedClock
) -> None:
    with Mailbox().open() as gone:
        pass
    tell("firm")
    runner = runner_with(gone)
    for _ in range(MAIL_ATTEMPTS):
        assert rows(world)[0].mail_state is MailState.WAITING
        assert runner.run_once()
        clock.advance(hours=2)
    assert not runner.run_once()
    (message,) = rows(world)
    assert message.mail_state is MailState.FAILED
    assert "refused" in message.mail_error
    dead = world.session.scalars(sa.select(OutboxMessage.state)).all()
    assert set(dead) == {OutboxState.DEAD}


def test_an_account_that_was_disabled_meanwhile_gets_no_mail(
    world: World, tell: Tell, mailbox: Mailbox, runner_with: Set
) -> None:
    tell("firm")
    world.user("firm").disabled_at = world.clock.now()
    world.session.commit()
    runner_with(mailbox).run_all()
    assert rows(world)[0].mail_state is MailState.UNWANTED
    assert mailbox.deliveries == []


def test_an_address_that_no_mail_can_have_is_given_up_with_the_reason(
    world: World, tell: Tell, mailbox: Mailbox, runner_with: Set
) -> None:
    world.user("firm").email = "two words@example.test"
    tell("firm")
    runner_with(mailbox).run_all()
    (message,) = rows(world)
    assert message.mail_state is MailState.FAILED
    assert "not an address of a mail" in message.mail_error


def duties(app: Flask, runner: Runner) -> int:
    runner.prepare()
    count = runner.run_all()
    with app.app_context():
        db.session.remove()
    return count


def test_a_digest_tells_once_a_day_what_is_unread_since_the_last(
    world: World,
    app: Flask,
    tell: Tell,
    mailbox: Mailbox,
    runner_with: Set,
    clock: FixedClock,
) -> None:
    clock.at = START - timedelta(hours=3)
    prefer(world, "firm", email="digest", digest_hour=8)
    for key in ("1", "2", "3"):
        tell("firm", key=key, subject=f"第{key}项")
    runner = runner_with(mailbox)
    duties(app, runner)
    assert mailbox.deliveries == []

    first = rows(world)[0]
    messages.act(world.session, world.actor("firm"), first.id, "read")
    world.session.commit()
    clock.at = START
    duties(app, runner)
    (delivery,) = mailbox.deliveries
    user_id = world.user("firm").id
    assert delivery.message_id == f"<digest.{user_id}.2026-11-23@{HOST}>"
    assert delivery.mail["Subject"] == "2 条未读消息"
    text = delivery.mail.get_content()
    assert "第1项" not in text
    assert text.index("第3项") < text.index("第2项")
    assert [m.mail_state for m in rows(world)] == [
        MailState.UNWANTED,
        MailState.SENT,
        MailState.SENT,
    ]

    tell("firm", key="4", subject="第4项")
    clock.advance(hours=2)
    duties(app, runner)
    assert len(mailbox.deliveries) == 1
    clock.advance(days=1)
    duties(app, runner)
    assert len(mailbox.deliveries) == 2
    assert mailbox.deliveries[1].mail["Subject"] == "1 条未读消息"
    assert mailbox.deliveries[1].message_id != delivery.message_id


def test_what_comes_after_the_hour_waits_for_the_next_day(
    world: World,
    app: Flask,
    tell: Tell,
    mailbox: Mailbox,
    runner_with: Set,
    clock: FixedClock,
) -> None:
    prefer(world, "firm", email="digest", digest_hour=8)
    runner = runner_with(mailbox)
    clock.at = START
    duties(app, runner)
    clock.advance(hours=5)
    tell("firm", key="1", subject="午后")
    clock.advance(minutes=5)
    duties(app, runner)
    assert mailbox.deliveries == []
    clock.at = START + timedelta(days=1)
    duties(app, runner)
    assert len(mailbox.deliveries) == 1


def test_a_digest_that_is_sent_again_is_the_same(
    world: World, tell: Tell, clock: FixedClock
) -> None:
    prefer(world, "firm", email="digest", digest_hour=8)
    tell("firm", key="1", subject="第1项")
    tell("firm", key="2", subject="第2项")
    user_id, day = world.user("firm").id, clock.now().date()
    told = [message.id for message in rows(world)]
    first = message_mails.digest(world.session, user_id, day, told)
    messages.act(world.session, world.actor("firm"), told[0], "read")
    tell("firm", key="3", subject="第3项")
    assert message_mails.digest(world.session, user_id, day, told) == first


def test_whoever_wants_no_mail_any_more_gets_no_digest_either(
    world: World,
    app: Flask,
    tell: Tell,
    mailbox: Mailbox,
    runner_with: Set,
    clock: FixedClock,
) -> None:
    prefer(world, "firm", email="digest", digest_hour=0)
    tell("firm")
    prefer(world, "firm", email="none", digest_hour=0)
    clock.advance(days=1)
    duties(app, runner_with(mailbox))
    assert mailbox.deliveries == []
    assert rows(world)[0].mail_state is MailState.UNWANTED


def letter(**more: Any) -> Letter:
    return Letter(
        **{
            "name": "1",
            "address": "firm@example.test",
            "person": "张三",
            "language": "zh-CN",
            "title": "标题",
            "body": "正文",
            "message_ids": (),
            "href": None,
            "wanted": True,
            **more,
        }
    )


@pytest.mark.parametrize("store", ["sqlite"])
def test_a_server_that_asks_for_a_password_gets_it(
    app: Flask, mailbox: Mailbox
) -> None:
    settings = replace(
        app.extensions["jiebang.settings"], mail_from="market@example.test"
    )
    written = mail.compose(letter(), settings, START)
    right = replace(mailbox.server, user="market", password="right")
    mail.send(right, written)
    assert mailbox.signed_in == ["market"]
    assert len(mailbox.deliveries) == 1
    with pytest.raises(mail.Unavailable, match="535") as refused:
        mail.send(replace(right, password="wrong"), written)
    assert isinstance(refused.value.__cause__, smtplib.SMTPAuthenticationError)
    with pytest.raises(mail.Unavailable):
        mail.send(replace(right, tls="starttls"), written)
    assert len(mailbox.deliveries) == 1


@pytest.mark.parametrize("store", ["sqlite"])
def test_without_a_public_address_mails_are_named_by_their_sender(app: Flask) -> None:
    settings = replace(
        app.extensions["jiebang.settings"], mail_from="market@example.test"
    )
    written = mail.compose(letter(href="/api/v1/needs/1"), settings, START)
    assert written["Message-ID"] == "<1@example.test>"
    assert "/api/v1/needs/1" not in written.get_content()
