"""What two people, two workers and a killed build do to each other."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from flask import Flask

from marketplace.app import create_app
from marketplace.domain.clock import SystemClock
from marketplace.extensions import db
from marketplace.models.ledger import Event
from marketplace.services import events
from tests.conftest import make_settings
from tests.listings import OFFER, make_need, make_offer
from tests.people import Client, World
from tests.servers import ROOT, Answer, Installation, Server

ROUNDS = 200
CHAIN = ("formal-approve", "argue-pass", "pool")
QUARRELS = 20
"""Rounds in which the two operators want different things."""


class Table:
    """Two operators, who act at the same moment on what both have read."""

    def __init__(self, world: World, server: Server) -> None:
        self.server = server
        self.headers = [
            world.client(who).headers for who in ("operator", "operator_two")
        ]
        self.barrier = threading.Barrier(2)
        self.pool = ThreadPoolExecutor(2)

    def act(
        self, need_id: UUID, etag: str, wishes: tuple[str, str]
    ) -> tuple[Answer, Answer]:
        """Let both act; returns the winner's and the loser's answer."""

        def one(number: int) -> Answer:
            self.barrier.wait(60)
            return self.server.call(
                "POST",
                f"/api/v1/needs/{need_id}/actions/{wishes[number]}",
                {"comment": "同时办理"},
                {**self.headers[number], "If-Match": etag},
            )

        answers = list(self.pool.map(one, range(2)))
        answers.sort(key=lambda a: a.status)
        return answers[0], answers[1]


def test_of_two_operators_who_act_at_once_one_wins_200_times(
    settled: World, installation: Installation
) -> None:
    session = settled.session
    needs = [
        make_need(settled, "DISTRICT_OK")
        for _ in range((ROUNDS - QUARRELS) // 3 + QUARRELS)
    ]
    etags = {need.id: f'"{need.revision}"' for need in needs}
    straight, disputed = list(etags)[QUARRELS:], list(etags)[:QUARRELS]
    moves = sa.select(sa.func.count(Event.id)).where(Event.action != "need.read")
    before = session.scalar(moves)
    results: list[tuple[int, int]] = []

    with installation.serving() as server:
        table = Table(settled, server)
        for need_id in straight:
            for action in CHAIN:
                won, lost = table.act(need_id, etags[need_id], (action, action))
                results.append((won.status, lost.status))
                assert won.status == 200, (won, lost)
                etags[need_id] = won.headers["ETag"]
                assert lost.json["code"] in {"stale", "transition_not_allowed"}
        for need_id in disputed:
            won, lost = table.act(need_id, etags[need_id], ("formal-approve", "return"))
            results.append((won.status, lost.status))
            assert won.json["state"] in {"FORMAL_OK", "RETURNED"}

    assert len(results) == ROUNDS
    assert {won for won, _ in results} == {200}
    assert {lost for _, lost in results} <= {412, 409}
    session.expire_all()
    assert session.scalar(moves) - before == ROUNDS
    assert list(events.verify(session)) == []


# The match index, shared by workers


@pytest.fixture
def second(installation: Installation, inside: Flask) -> Iterator[Flask]:
    """Another worker of the installation: same store, same folder, nothing shared."""
    app = create_app(
        make_settings(installation.url, installation.folder), clock=SystemClock()
    )
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


def shown(answer: Any) -> set[str]:
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return {match["offer"]["id"] for match in answer.json["items"]}


def listed(world: World, title: str) -> str:
    """List an offer through the worker that the world's clients talk to."""
    offer = make_offer(world, "REGISTERED", title=title)
    admin = world.client("university_admin")
    answer = admin.act(f"/offers/{offer.id}", "list")
    assert answer.status_code == 200, answer.json
    return str(offer.id)


def test_what_one_worker_lists_the_other_one_ranks_in_its_next_request(
    settled: World, second: Flask
) -> None:
    need = make_need(settled, "POOLED")
    here = settled.client("firm")
    there = Client(second.test_client(), here.headers, settled.session)
    path = f"/needs/{need.id}/matches?limit=100"
    known: set[str] = set()
    assert shown(there.get(path)) == shown(here.get(path)) == known
    for number in range(5):
        known.add(listed(settled, f"{OFFER['title']}第{number}号"))
        assert shown(there.get(path)) == known
        assert shown(here.get(path)) == known
    gone = known.pop()
    delisted = settled.client("university_admin").act(
        f"/offers/{gone}", "delist", {"comment": "不再提供"}
    )
    assert delisted.status_code == 200, delisted.json
    assert shown(there.get(path)) == shown(here.get(path)) == known


def test_a_deleted_index_folder_loses_nothing(
    settled: World, second: Flask, installation: Installation
) -> None:
    need = make_need(settled, "POOLED")
    here = settled.client("firm")
    there = Client(second.test_client(), here.headers, settled.session)
    path = f"/needs/{need.id}/matches?limit=100"
    known = {listed(settled, f"{OFFER['title']}甲")}
    assert shown(there.get(path)) == shown(here.get(path)) == known
    for number in range(3):
        shutil.rmtree(installation.folder / "index")
        known.add(listed(settled, f"{OFFER['title']}第{number}号"))
        assert shown(here.get(path)) == known
        assert shown(there.get(path)) == known
    assert there.get("/readyz").status_code == 200


def test_a_running_server_ranks_what_was_listed_the_moment_before(
    settled: World, installation: Installation
) -> None:
    path = f"/api/v1/needs/{make_need(settled, 'POOLED').id}/matches?limit=100"
    offers = [
        make_offer(settled, "REGISTERED", title=f"{OFFER['title']}第{n}号")
        for n in range(6)
    ]
    etags = {offer.id: f'"{offer.revision}"' for offer in offers}
    ready = list(etags)
    firm = settled.client("firm").headers
    admin = settled.client("university_admin").headers

    with installation.serving() as server, ThreadPoolExecutor(6) as pool:

        def seen(_: int) -> set[str]:
            answer = server.call("GET", path, headers=firm)
            assert answer.status == 200, answer.body
            return {match["offer"]["id"] for match in answer.json["items"]}

        def act(offer_id: UUID, action: str) -> None:
            answer = server.call(
                "POST",
                f"/api/v1/offers/{offer_id}/actions/{action}",
                {"comment": "测试"} if action == "delist" else {},
                {**admin, "If-Match": etags[offer_id]},
            )
            assert answer.status == 200, answer.body
            etags[offer_id] = answer.headers["ETag"]

        known: set[str] = set()
        for offer_id in ready:
            act(offer_id, "list")
            known.add(str(offer_id))
            assert list(pool.map(seen, range(12))) == [known] * 12
        for offer_id in ready[:3]:
            act(offer_id, "delist")
            known.discard(str(offer_id))
            assert list(pool.map(seen, range(12))) == [known] * 12
        shutil.rmtree(installation.folder / "index")
        assert list(pool.map(seen, range(12))) == [known] * 12


BUILDER = """
import os, random, signal, sys, time
from marketplace.app import create_app
from marketplace.extensions import READ_ONLY, db
from marketplace.services.indexes import MatchIndex

app = create_app()
folder = app.extensions["jiebang.settings"].index_dir
expected = int(sys.argv[1])


def fresh_session():
    db.engine.dispose(close=False)
    session = db.session()
    session.connection(execution_options=READ_ONLY)
    return session


def child(work):
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            with app.app_context():
                status = work()
        finally:
            os._exit(status)
    return pid


def build():
    while True:
        MatchIndex(folder).rebuild(fresh_session())


def check():
    found = MatchIndex(folder).fresh(fresh_session())
    return 0 if len(found) == expected else 1


for number in range(12):
    pid = child(build)
    time.sleep(random.uniform(0.0, 0.15))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    _, status = os.waitpid(child(check), 0)
    if status:
        sys.exit(f"broken after kill {number}")
print(len(list((folder / "index").glob("segment-*"))))
"""


def test_a_build_that_is_killed_leaves_no_broken_index(
    settled: World, installation: Installation
) -> None:
    for number in range(3):
        make_need(settled, "POOLED", title=f"需求第{number}号")
        make_offer(settled, "LISTED", title=f"成果第{number}号")
    settled.session.commit()
    done = subprocess.run(
        [sys.executable, "-c", BUILDER, "6"],
        cwd=ROOT,
        env=installation.environment(),
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    left = int(done.stdout.split()[-1])
    assert 1 <= left <= 3
