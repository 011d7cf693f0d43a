"""The walks of the README, run as they are printed, against a live server."""

from __future__ import annotations

import os
import re
import shutil
import stat
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


def have_told_time(folder: Path, clock: FixedClock) -> Path:
    """Make a ``date`` for the shell that goes by the server's clock."""
    program = folder / "bin" / "date"
    program.parent.mkdir()
    program.write_text(
        f"#!{sys.executable}\nimport datetime, sys\n"
        f"at = datetime.datetime.fromisoformat({clock.now().isoformat()!r})\n"
        "print(at.strftime(sys.argv[1][1:]))\n",
        encoding="utf-8",
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program.parent


def run(name: str, server: str, folder: Path, clock: FixedClock) -> str:
    """Run a walk in a shell of its own; returns what it prints."""
    folder.mkdir()
    programs = (have_told_time(folder, clock), Path(sys.executable).parent)
    done = subprocess.run(
        [str(shutil.which("bash")), "-euo", "pipefail", "-c", "\n".join(walk(name))],
        cwd=ROOT,
        env={
            "PATH": os.pathsep.join([*map(str, programs), os.environ["PATH"]]),
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
    for name, blocks in {"client": 7, "curl": 4, "first": 2}.items():
        assert len(walk(name)) == blocks
        assert walk(name, LANGUAGES[0]) == walk(name, LANGUAGES[1])


@pytest.mark.parametrize("readme", LANGUAGES)
def test_a_command_names_the_python_that_has_the_dependencies(readme: str) -> None:
    """``python -m marketplace`` of the machine would know no SQLAlchemy."""
    text = (ROOT / readme).read_text(encoding="utf-8")
    run = re.findall(r"(\S+) -m (?:marketplace|seeds)", text)
    assert len(run) >= 4
    assert {command.lstrip("`") for command in run} == {".venv/bin/python"}


def test_the_walks_work_as_printed(
    server: str, app: Flask, clock: FixedClock, tmp_path: Path
) -> None:
    if shutil.which("bash") is None or shutil.which("curl") is None:
        pytest.skip("the walks need bash and curl")
    in_order(
        run("client", server, tmp_path / "client", clock),
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
        *("答复对接意向", "express-interest → 有意向", "accept → 已联系 CONTACTED"),
        *("sign-nda → 对接 MEETING", "sign-nda → 已签保密 NDA"),
        *("accept-intent → 意向协议 INTENT", f"{TITLE} ↔ {ANSWER}"),
        *("方案 1（供给方）: 1800000.00 元，已接受", "拟订并签订合同"),
        *("有须改正之处", "须改正: 7", "R02", "/goal", "R50", "须人工核对: 2"),
        *("sign → 草稿", "sign → 草稿", "sign → 已签订", "take-effect → 生效"),
        *("contract.docx", "未发现须改正之处", "须改正: 0", "须人工核对: 0"),
        *("apply → 已申请", "request-correction → 补正", "写明预计新增产值"),
        *("resubmit → 已申请", "accept → 受理", "first-approve → 初审"),
        *("复审并决定登记", "register → 已登记 REGISTERED  2026370100000001"),
        *("实收 720000.00 元，共 1800000.00 元", "[已付清] 工艺方案"),
        *("CT_AMT 技术合同成交额 2026: 1800000.00 元", "技术开发: 1800000.00 元"),
        *("    1  签约", "    1  登记", "    0  付清"),
    )
    in_order(
        run("curl", server, tmp_path / "curl", clock),
        *('"advice"', ANSWER, "断后伸长率"),
        *("SUBMITTED\n", TITLE, "DISTRICT_OK\n", "RETURNED\n", "SUBMITTED\n"),
        *("DISTRICT_OK\n", "FORMAL_OK\n", "ARGUED\n", "POOLED\n"),
        *('"need.pool"', '"sound": true', TITLE, TITLE, '"state": "POOLED"'),
    )
    word = (tmp_path / "client" / "contract.docx").read_bytes()
    assert word.startswith(b"PK")
    for name in ("client", "curl"):
        sheet = (tmp_path / name / "needs.xlsx").read_bytes()
        assert sheet.startswith(b"PK")
    with app.app_context():
        assert list(events.verify(db.session())) == []
        db.session.remove()
