"""The measurement of long rankings counts what it says it counts."""

from __future__ import annotations

import gzip
import json
import os
import sys
from pathlib import Path

import pytest

from matching.benchmarks import scaling
from tests.matching import batches as samples

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc of Linux")


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """An evaluation set of our own."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    lines = [json.dumps(posting.to_dict()) + "\n" for posting in samples.offers(40)]
    (folder / "docs.jsonl.gz").write_bytes(gzip.compress("".join(lines).encode()))
    samples.write(folder / "queries.jsonl", samples.needs(7))
    return folder


@linux
def test_it_ranks_every_way_and_leaves_nothing_behind(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    work = tmp_path / "work"
    options = [
        *("--sets", str(corpus), "--needs", "12", "--workers", "1"),
        *("--rounds", "1", "--chunk", "4", "--json"),
    ]
    assert scaling.main([str(work), *options]) == 0
    report = json.loads(capsys.readouterr().out)
    (market,) = report["markets"]
    assert (market["market"], market["documents"]) == ("corpus", 40)
    assert market["handed"] == []
    way = market["ways"]["1 local"]
    assert way["rate"] > 0
    assert way["own"] > 0
    assert way["scheduler"] == 0
    assert not work.exists()
    table = scaling.markdown(report)
    assert "| corpus | 40 |" in table
    columns = {line.count("|") for line in table.splitlines() if "corpus" in line}
    assert columns == {len(scaling._WAYS) + 1}


def test_needs_are_asked_again_when_there_are_too_few(
    corpus: Path, tmp_path: Path
) -> None:
    market = scaling.from_set(corpus, 12, tmp_path / "work")
    asked = [json.loads(line)["id"] for line in market.needs.read_text().splitlines()]
    names = [posting.id for posting in samples.needs(7)]
    assert asked == [*names, *names[:5]]
    assert market.documents == 40


@linux
def test_processor_time_and_memory_are_those_of_the_process() -> None:
    before = scaling.cpu_seconds(os.getpid())
    sum(n * n for n in range(1_000_000))
    assert scaling.cpu_seconds(os.getpid()) >= before
    own, mapped = scaling.memory(os.getpid())
    held = bytearray(64 << 20)
    held[:: 1 << 12] = b"x" * len(held[:: 1 << 12])
    more, _ = scaling.memory(os.getpid())
    assert more - own > 60 << 20
    assert mapped > 0
