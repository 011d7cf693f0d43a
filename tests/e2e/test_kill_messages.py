"""Job workers and web workers are killed while a thousand people are told something."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import sqlalchemy as sa

from marketplace.domain.messages import MailState
from marketplace.domain.roles import Role
from marketplace.models.jobs import OutboxMessage, OutboxState
from marketplace.models.messages import Message
from tests.mailboxes import Mailbox
from tests.people import World
from tests.servers import ROOT, Answer, Installation, Server, until

NOTICES, PEOPLE = 50, 20
CLIENTS = 4
WEB_KILLS = 5
JOB_KILLS = (150, 600)
"""The job worker is killed when so many mails have come in."""
LEASE = "2"


@dataclass
class Jobs:
    """A job worker that is started again whenever it has ended."""

    installation: Installation
    environment: dict[str, str]
    killed: int = 0
    process: subprocess.Popen[bytes] | None = None
    done: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def working(self) -> Iterator[Jobs]:
        """Keep one alive until the end of the block."""
        keeper = threading.Thread(target=self._keep)
        keeper.start()
        try:
            yield self
        finally:
            self.done.set()
            keeper.join()

    def kill(self) -> None:
        """Kill it as a power failure would."""
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGKILL)
        self.killed += 1

    def told(self) -> str:
        """Return what they have written."""
        return (self.installation.folder / "jobs.log").read_text("utf-8", "replace")

    def _keep(self) -> None:
        with (self.installation.folder / "jobs.log").open("ab") as log:
            while not self.done.is_set():
                self.process = subprocess.Popen(
                    [sys.executable, "-m", "marketplace", "work", "--lease", LEASE],
                    cwd=ROOT,
                    env=self.installation.environment(**self.environment),
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
                while self.process.poll() is None and not self.done.wait(0.1):
                    pass
            assert self.process is not None
            self.process.terminate()
            self.process.wait(30)


def kill_web(server: Server, done: threading.Event, killed: list[int]) -> None:
    """Kill one web worker after the other while the notices go out."""
    while len(killed) < WEB_KILLS and not done.wait(0.3):
        workers = server.workers()
        if len(workers) > 1:
            victim = workers[len(killed) % len(workers)]
            os.kill(victim, signal.SIGKILL)
            killed.append(victim)


def test_each_of_1000_messages_is_there_once_and_mailed_under_one_message_id(
    settled: World, installation: Installation
) -> None:
    org = settled.make_org("audience")
    for number in range(PEOPLE):
        settled.make_user(f"reader{number}", org, (Role.SUPPLIER,))
    audience = {"organisation_ids": [str(org.id)]}
    headers = settled.client("operator").headers
    done = threading.Event()
    web_killed: list[int] = []

    with Mailbox().open() as mailbox, installation.serving() as server:
        group = server.insist(
            "POST", "/api/v1/messages/groups/preview", {"audience": audience}, headers
        ).json
        assert group["number"] == PEOPLE

        def notice(number: int) -> Answer:
            return server.insist(
                "POST",
                "/api/v1/messages/groups",
                {
                    "audience": audience,
                    "subject": f"第{number}号通知",
                    "text": "系统维护",
                    "number": group["number"],
                    "digest": group["digest"],
                },
                {**headers, "Idempotency-Key": f"notice-{number}"},
            )

        jobs = Jobs(
            installation,
            {
                "JIEBANG_SMTP_URL": f"smtp://127.0.0.1:{mailbox.server.port}",
                "JIEBANG_MAIL_FROM": "market@example.test",
                "JIEBANG_PUBLIC_URL": "https://market.example.test",
            },
        )
        with jobs.working():
            killer = threading.Thread(target=kill_web, args=(server, done, web_killed))
            killer.start()
            with ThreadPoolExecutor(CLIENTS) as pool:
                answers = list(pool.map(notice, range(NOTICES)))
            done.set()
            killer.join()
            for count in JOB_KILLS:
                until(lambda c=count: len(mailbox.deliveries) >= c, 60, jobs.told())
                jobs.kill()
            session = settled.session

            def all_sent() -> bool:
                left = session.scalar(
                    sa.select(sa.func.count()).where(
                        OutboxMessage.topic == "mail.send",
                        OutboxMessage.state == OutboxState.WAITING,
                    )
                )
                session.rollback()
                return left == 0

            until(all_sent, 60, jobs.told())

    assert len(web_killed) >= 1
    assert jobs.killed == len(JOB_KILLS)
    assert {answer.status for answer in answers} == {201}
    rows = session.execute(
        sa.select(Message.id, Message.user_id, Message.key, Message.mail_state)
    ).all()
    assert len(rows) == NOTICES * PEOPLE
    assert set(Counter(row.user_id for row in rows).values()) == {NOTICES}
    assert set(Counter(row.key for row in rows).values()) == {PEOPLE}
    assert {row.mail_state for row in rows} == {MailState.SENT}
    arrived = {(d.message_id, d.recipients) for d in mailbox.deliveries}
    assert len(arrived) == len(rows)
    assert {message_id for message_id, _ in arrived} == {
        f"<{row.id}@market.example.test>" for row in rows
    }
    session.rollback()
