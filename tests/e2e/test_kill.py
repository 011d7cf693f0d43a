"""Workers are killed in the middle of posts that their client sends again."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import sqlalchemy as sa

from marketplace.models.idempotency import IdempotentAnswer
from marketplace.models.ledger import Event
from marketplace.models.needs import Need, NeedVersion
from tests.people import World
from tests.servers import Answer, Installation, Server

POSTS = 500
CLIENTS = 8
KILLS = 6


def kill_now_and_then(server: Server, done: threading.Event, killed: list[int]) -> None:
    """Kill one worker after the other while the posts go on."""
    while len(killed) < KILLS and not done.wait(0.4):
        workers = server.workers()
        if len(workers) > 1:
            victim = random.choice(workers)  # noqa: S311 - any of them
            os.kill(victim, signal.SIGKILL)
            killed.append(victim)


def test_each_of_500_posts_happens_once_however_often_workers_die(
    settled: World, installation: Installation
) -> None:
    headers = settled.client("firm").headers
    done = threading.Event()
    killed: list[int] = []

    with installation.serving() as server:
        began = time.monotonic()

        def post(number: int) -> Answer:
            return server.insist(
                "POST",
                "/api/v1/needs",
                {"title": f"第{number}项需求"},
                {**headers, "Idempotency-Key": f"post-{number}"},
            )

        killer = threading.Thread(target=kill_now_and_then, args=(server, done, killed))
        killer.start()
        with ThreadPoolExecutor(CLIENTS) as pool:
            answers = list(pool.map(post, range(POSTS)))
        seconds = time.monotonic() - began
        done.set()
        killer.join()
        again = [post(number) for number in range(0, POSTS, 50)]

    assert len(killed) == KILLS, seconds
    assert {a.status for a in answers} == {201}
    assert len({a.json["id"] for a in answers}) == POSTS
    for number, answer in zip(range(0, POSTS, 50), again, strict=True):
        assert answer.headers["Idempotent-Replay"] == "true"
        assert answer.body == answers[number].body

    session = settled.session
    session.rollback()
    titles = session.scalars(sa.select(NeedVersion.title)).all()
    assert sorted(titles) == sorted(f"第{n}项需求" for n in range(POSTS))
    assert session.scalar(sa.select(sa.func.count(Need.id))) == POSTS
    assert session.scalar(sa.select(sa.func.count(Need.need_no.distinct()))) == POSTS
    assert session.scalar(sa.select(sa.func.count(IdempotentAnswer.id))) == POSTS
    created = sa.select(sa.func.count(Event.id)).where(Event.action == "need.create")
    assert session.scalar(created) == POSTS
    session.rollback()

    verified = installation.run("audit", "verify")
    assert verified.returncode == 0, verified.stderr
    assert verified.stdout.startswith("ledger sound: ")
