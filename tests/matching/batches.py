"""A small market for tests of long rankings."""

from __future__ import annotations

import json
import random
import re
import sys
from pathlib import Path

from matching import Matcher, Posting

WORDS = re.findall(
    r"\w+",
    "铝合金 挤压 型材 热处理 淬火 残余应力 耐蚀 盐雾 压铸 模具 焊接 激光 涂层 轴承 "
    "齿轮 传感器 电池 隔膜 正极 石墨 海藻 牡蛎 苗种 养殖 饲料 发酵 酶 催化 分子筛 "
    "膜分离 脱硝 余热 锅炉 风机 叶片 碳纤维 预浸料 固化 机器人 视觉 检测 算法",
)


def offers(number: int = 120, seed: int = 1) -> list[Posting]:
    """Invent offers of a few organisations."""
    chance = random.Random(seed)  # noqa: S311 - invented, and the same each time
    return [
        Posting(
            id=f"offer-{n:04}",
            title="".join(chance.sample(WORDS, 3)) + "技术",
            text="，".join(chance.choices(WORDS, k=25)),
            kind=chance.choice(["result", "capability"]),
            org=f"org-{n % 7}",
            codes={"chain": [f"C{n % 4}"]},
        )
        for n in range(number)
    ]


def needs(number: int = 60, seed: int = 2) -> list[Posting]:
    """Invent needs of the same organisations."""
    chance = random.Random(seed)  # noqa: S311 - invented, and the same each time
    return [
        Posting(
            id=f"need-{n:04}",
            title="".join(chance.sample(WORDS, 4)) + "研发",
            text="，".join(chance.choices(WORDS, k=40)),
            kind="need",
            org=f"org-{n % 5}",
            codes={"chain": [f"C{n % 4}"]},
        )
        for n in range(number)
    ]


def write(path: Path, postings: list[Posting]) -> Path:
    """Write postings as JSON lines."""
    lines = (json.dumps(posting.to_dict()) + "\n" for posting in postings)
    path.write_text("".join(lines), encoding="ascii")
    return path


def market(folder: Path, needs_: int = 60, offers_: int = 120) -> tuple[Path, Path]:
    """Make a saved index and a file of needs."""
    folder.mkdir(exist_ok=True)
    Matcher.build(offers(offers_)).save(folder / "index")
    return folder / "index", write(folder / "needs.jsonl", needs(needs_))


def command(index: Path, asked: Path, out: Path, *options: str) -> list[str]:
    """Return the command line of a ranking."""
    return [
        *(sys.executable, "-m", "matching", "match-all"),
        *(str(index), str(asked), str(out), *options),
    ]


def chunks_done(out: Path) -> int:
    """Return how many chunks are kept in an unfinished job."""
    return len(list((out / "chunks").glob("*.jsonl")))
