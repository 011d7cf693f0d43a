#!/usr/bin/env python3
"""Measure a served market: rows per second of an import, and how long rankings take.

    python scripts/measure_serving.py DIR [DIR ...] --owner UNIT

Each DIR holds ``docs.jsonl`` or ``docs.jsonl.gz`` as the evaluation of the engine
reads it. The documents become results of one unit, go in through ``POST /imports`` as
an Excel sheet, and then every need of the library is ranked several times, one request
after another. Prints one JSON object. What was imported stays: take a market that may
be thrown away.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from marketplace.integrations import sheets
from matching.corpora import read_postings
from scripts.jiebang_client import SERVER, Api, multipart

HEADINGS = ("外部编号", "类型", "成果名称", "成果简介", "成果密级", "所属单位")
TITLE_LENGTH, ABSTRACT_LENGTH = 100, 2000
WAITING = {"QUEUED", "RUNNING"}


def rows(folders: Iterable[Path], owner: str) -> Iterator[Sequence[str]]:
    """Yield the rows of a sheet of results; a text without a title lends its start."""
    for folder in folders:
        packed = folder / "docs.jsonl.gz"
        documents = read_postings(packed if packed.exists() else folder / "docs.jsonl")
        for document in documents:
            title = (document.title or document.text)[:TITLE_LENGTH]
            abstract = (document.text or document.title)[:ABSTRACT_LENGTH]
            number = f"{folder.name}-{document.id}"
            yield number, "成果", title, abstract, "公开", owner


def bring_in(api: Api, sheet: Path) -> dict[str, Any]:
    """Import a sheet and wait for its end; returns counts, seconds, rows a second."""
    fields = {"kind": "offers", "mode": "good", "publish": "true", "dry_run": "false"}
    body, media = multipart(fields, "file", sheet)
    begun = time.perf_counter()
    job = api.call("POST", "/imports", body, headers={"Content-Type": media}).json
    while job["state"] in WAITING:
        time.sleep(0.5)
        job = api.get(f"/imports/{job['id']}")
    seconds = time.perf_counter() - begun
    counts = {name: job[name] for name in ("state", "rows_kept", "rows_wrong")}
    speed = round(job["rows_kept"] / seconds)
    return {**counts, "seconds": round(seconds, 1), "rows_per_second": speed}


def library(api: Api) -> list[str]:
    """Return the ids of all needs in the library."""
    found: list[str] = []
    cursor = None
    while True:
        page = api.get("/needs", state="POOLED", limit=100, cursor=cursor)
        found += [row["id"] for row in page["items"]]
        cursor = page["next"]
        if cursor is None:
            return found


def timed(api: Api, need_id: str) -> float:
    """Ask for the matches of a need; returns milliseconds."""
    begun = time.perf_counter()
    api.get(f"/needs/{need_id}/matches")
    return (time.perf_counter() - begun) * 1000


def share(sorted_times: Sequence[float], part: float) -> float:
    """Return the least time that at least this part of all requests stays within."""
    place = max(0, -int(-len(sorted_times) * part // 1) - 1)
    return round(sorted_times[place], 1)


def measure(
    api: Api, folders: Sequence[Path], owner: str, rounds: int
) -> dict[str, Any]:
    """Import, then rank every need of the library ``rounds`` times."""
    found: dict[str, Any] = {}
    if folders:
        with tempfile.TemporaryDirectory() as folder:
            sheet = Path(folder) / "results.xlsx"
            with sheet.open("w+b") as file:
                sheets.write(file, sheets.XLSX, HEADINGS, rows(folders, owner))
            found["import"] = bring_in(api, sheet)
    needs = library(api)
    if not needs:
        raise SystemExit("需求库为空 the library is empty: nothing to rank")
    first = [timed(api, needs[0]) for _ in range(2)]
    times = sorted(timed(api, need_id) for _ in range(rounds) for need_id in needs)
    found["matches"] = {
        "needs": len(needs),
        "requests": len(times),
        "first_ms": round(first[0], 1),
        "second_ms": round(first[1], 1),
        "p50_ms": share(times, 0.5),
        "p90_ms": share(times, 0.9),
        "p99_ms": share(times, 0.99),
        "max_ms": round(times[-1], 1),
    }
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folders", nargs="*", type=Path, metavar="DIR")
    parser.add_argument("--owner", default="", help="unit that the results belong to")
    parser.add_argument("--server", default=os.environ.get("JIEBANG_SERVER", SERVER))
    parser.add_argument("--email", default="operator@demo.jiebang.example")
    parser.add_argument("--rounds", type=int, default=8)
    asked = parser.parse_args(arguments)
    if asked.folders and not asked.owner:
        parser.error("--owner: 请给出单位全称 name the unit in full")
    password = os.environ.get("JIEBANG_PASSWORD")
    if not password:
        parser.error("JIEBANG_PASSWORD: 未设置 is not set")
    api = Api(asked.server)
    signed = api.post("/auth/tokens", {"email": asked.email, "password": password})
    api.token = signed["token"]
    found = measure(api, asked.folders, asked.owner, asked.rounds)
    print(json.dumps(found, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
