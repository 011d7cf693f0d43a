"""The walks of the README, run as they are printed, against a live server."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.serving import make_server

from marketplace.domain.clock import FixedClock
from marketplace.extensions import db
from marketplace.services import events
from seeds import demo_market

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"<!-- walk: (\w+) -->\n```bash\n(.*?)```", re.DOTALL)
LANGUAGES = ("README.md", "README.zh-CN.md")
TITLE = "替代6061-T6焊接件的免热处理压铸减震塔铝合金研发"
ANSWER = "非热处理强化型高真空压铸铝硅合金及熔体处理工艺"


def walk(name: str, readme: str = LANGUAGES[0]) -> list[str]:
    """Return the printed commands of a walk, block by block."""
    text = (ROOT / readme).read_text(encoding="utf-8")
    return [commands for found, commands in BLOCK.findall(text) if found == name]


@pytest.fixture
def server(app: Flask, clock: FixedClock) -> Iterator[str]:
    """A server with the part of the demo market that the walks speak of."""
    with app.app_context():
        session = db.session()
        content = demo_market.Content.read({"SD-C04"})
        demo_market.load(session, clock.now(), content)
        session.commit()
        db.session.remove()
    live = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=live.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{live.server_port}"
    live.shutdown()
    thread.join()
    live.server_close()


def run(name: str, server: str, folder: Path) -> str:
    """Run a walk in a shell of its own; returns what it prints."""
    folder.mkdir()
    python = Path(sys.executable).parent
    done = subprocess.run(
        [str(shutil.which("bash")), "-euo", "pipefail", "-c", "\n".join(walk(name))],
        cwd=ROOT,
        env={
            "PATH": f"{python}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "LC_ALL": "C.UTF-8",
            "JIEBANG_SERVER": server,
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def in_order(printed: str, *wanted: str) -> None:
    """Assert that these stand in the output, one after the other."""
    at = 0
    for text in wanted:
        found = printed.find(text, at)
        assert found >= 0, f"{text!r} is missing after {printed[at - 200 : at]!r}"
        at = found + len(text)


def test_both_readmes_print_the_same_walks() -> None:
    for name, blocks in {"client": 4, "curl": 4, "first": 2}.items():
        assert len(walk(name)) == blocks
        assert walk(name, LANGUAGES[0]) == walk(name, LANGUAGES[1])


@pytest.mark.parametrize("readme", LANGUAGES)
def test_a_command_names_the_python_that_has_the_dependencies(readme: str) -> None:
    """``python -m marketplace`` of the machine would know no SQLAlchemy."""
    text = (ROOT / readme).read_text(encoding="utf-8")
    run = re.findall(r"(\S+) -m (?:marketplace|seeds)", text)
    assert len(run) >= 4
    assert {command.lstrip("`") for command in run} == {".venv/bin/python"}


def test_the_walks_work_as_printed(server: str, app: Flask, tmp_path: Path) -> None:
    if shutil.which("bash") is None or shutil.which("curl") is None:
        pytest.skip("the walks need bash and curl")
    in_order(
        run("client", server, tmp_path / "client"),
        *("诊断意见", "无法检验", "诊断意见"),
        *(f"] {ANSWER}", "核心指标“断后伸长率”未达到"),
        *("submit → 已提交 SUBMITTED", f"已提交 SUBMITTED         {TITLE}"),
        *("district-approve → 区县初审通过", "return → 退回修改 RETURNED"),
        *("需求背景与现有基础 /background: 请写明已有的试验数据", "已修改"),
        *("background: 已完成减震塔模具一副", "submit → 已提交 SUBMITTED"),
        *("formal-approve → 形式审查通过", "argue-pass → 论证通过", "pool → 入库"),
        *("need.return", "need.pool", "台账完好", "已导出"),
        *(f"] {TITLE}", f"入库 POOLED              {TITLE}"),
        "入库 POOLED（第 1 版）",
        "氮化硅陶瓷基板",
    )
    in_order(
        run("curl", server, tmp_path / "curl"),
        *('"advice"', ANSWER, "断后伸长率"),
        *("SUBMITTED\n", TITLE, "DISTRICT_OK\n", "RETURNED\n", "SUBMITTED\n"),
        *("DISTRICT_OK\n", "FORMAL_OK\n", "ARGUED\n", "POOLED\n"),
        *('"need.pool"', '"sound": true', TITLE, TITLE, '"state": "POOLED"'),
    )
    for name in ("client", "curl"):
        sheet = (tmp_path / name / "needs.xlsx").read_bytes()
        assert sheet.startswith(b"PK")
    with app.app_context():
        assert list(events.verify(db.session())) == []
        db.session.remove()
