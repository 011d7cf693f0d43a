"""The measurement imports what it is given and ranks what is in the library."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from werkzeug.serving import make_server

from marketplace.domain.offers import OfferState
from marketplace.jobs.runner import Runner
from marketplace.models.offers import Offer
from scripts import measure_serving
from scripts.jiebang_client import Api
from tests.listings import make_need
from tests.people import World


@pytest.fixture
def api(world: World) -> Iterator[Api]:
    """A client of a live server, signed in as the operator, with a worker beside it."""
    app: Flask = world.app
    live = make_server("127.0.0.1", 0, app, threaded=True)
    over = threading.Event()

    def work() -> None:
        runner = Runner(app)
        while not over.wait(0.05):
            runner.run_once()

    threads = [
        threading.Thread(target=live.serve_forever, args=(0.05,)),
        threading.Thread(target=work),
    ]
    token = world.client("operator").headers["Authorization"].removeprefix("Bearer ")
    for thread in threads:
        thread.start()
    yield Api(f"http://127.0.0.1:{live.server_port}", token)
    over.set()
    live.shutdown()
    for thread in threads:
        thread.join()
    live.server_close()


def test_it_imports_and_ranks(world: World, api: Api, tmp_path: Path) -> None:
    make_need(world, "POOLED")
    owner = world.org("team").name
    world.session.commit()
    lines = [
        {"id": "1", "title": "铝合金挤压型材", "text": "在线淬火工艺"},
        {"id": "2", "title": "", "text": "牡蛎苗种繁育"},
    ]
    packed = "\n".join(json.dumps(line) for line in lines).encode()
    (tmp_path / "docs.jsonl.gz").write_bytes(gzip.compress(packed))
    found = measure_serving.measure(api, [tmp_path], owner, rounds=2)
    assert found["import"]["state"] == "DONE"
    assert found["import"]["rows_kept"] == 2
    assert found["matches"]["needs"] == 1
    assert found["matches"]["requests"] == 2
    world.session.rollback()
    states = world.session.scalars(sa.select(Offer.state)).all()
    assert states == [OfferState.LISTED] * 2


def test_shares_are_those_of_the_requests() -> None:
    times = [float(n) for n in range(1, 101)]
    assert measure_serving.share(times, 0.5) == 50
    assert measure_serving.share(times, 0.99) == 99
    assert measure_serving.share([7.0], 0.99) == 7
