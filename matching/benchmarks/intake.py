"""Measure whether the time to take in a text grows no faster than the text.

``python -m matching.benchmarks.intake`` makes texts of many kinds, each of 0.25, 0.5, 1
and 2 MB, and times what every posting goes through. For each doubling of the size it
prints ``t(2x) / (2 t(x))``, which is 1 where time is linear; the target is 1.2 at most.

Fresh memory costs the more the more of it is taken at once, whatever it is used for:
the system clears each page. With ``MALLOC_MMAP_THRESHOLD_=8589934592
MALLOC_TRIM_THRESHOLD_=17179869184 MALLOC_TOP_PAD_=1500000000`` in the environment
(glibc) the process keeps its memory, and what is left is the work itself.

Processor time is measured, the sizes take turns, and of several rounds the best counts,
since other work on the machine can only make a run slower. The memories for known words
are warm after the first round, as they are in a process that has served for a while.
"""

import argparse
import gc
import json
import random
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from time import process_time
from typing import Any, Final

from matching.indicators import extract
from matching.names import grades
from matching.text import normalise
from matching.tokens import tokenise

TARGET: Final = 1.2
"""Time for twice the text, as a share of twice the time."""

SIZES: Final = (0.25, 0.5, 1.0, 2.0)
"""In MB of UTF-8."""

_ROUNDS: Final = 3
_PATIENCE: Final = 15.0
"""A size that took so many seconds is the last one that is tried for its kind."""

_PROSE = """
针对新能源汽车电池托盘用高强铝合金型材，研究了挤压成形中晶粒粗大与焊接接头软化的原因。
采用等温挤压与在线淬火，抗拉强度达到320 MPa，断后伸长率不低于10%，已在三家企业应用。
目前国内产品依赖进口，供货周期长，成本高，亟需开发替代材料及其连接工艺。
该装置能在-40～85℃范围内稳定工作，响应时间小于50毫秒，防护等级IP65。
建立了基于深度学习的表面缺陷检测方法，准确率99.2%，误检率降低到0.5%以下。
"""

REPEATED: Final[Mapping[str, str]] = {
    "one letter": "a",
    "one capital": "A",
    "one digit": "1",
    "one character": "铝",
    "characters without punctuation": "高强铝合金型材挤压成形焊接接头软化工艺研究",
    "words without punctuation": "中国科学技术大学研究生命起源",
    "letters without blanks": "abcdefghijklmnopqrstuvwxyz",
    "letters and digits": "a1",
    "digits and hyphens": "1-",
    "digits and points": "1.",
    "digits and commas": "1,",
    "digits and blanks": "1 ",
    "grouped digits": "1,234",
    "full-width digits and commas": "０，",
    "words and strokes": "a/",
    "code": "a1-b2.",
    "words that grow": "ﬃ",
    "opening brackets": "(",
    "closing brackets": ")",
    "nested brackets": "铝(",
    "brackets with figures": "铝(1)",
    "pinyin residue": "術(shù)",
    "alternating scripts": "铝a",
    "alternating scripts and figures": "铝a1，",
    "Traditional": "乾隆年間的乾燥設備與術語",
    "blanks": " ",
    "letters and blanks": "a  ",
    "newlines": "\n",
    "figures and newlines": "1\r\n",
    "combining marks": "\u0301",
    "letters with marks": "e\u0301",
    "half characters": "\ud800",
    "invisible characters": "\u200b",
    "right to left": "مرحبا ",
    "private use": "\ue000",
    "ligature of eighteen letters": "ﷺ",
    "superscripts": "²",
    "raised powers": "10⁻⁶",
    "fractions": "½",
    "dashes": "—",
    "figures and dashes": "5—",
    "comparisons": "≥",
    "comparisons in two signs": "<=",
    "bounds": "≥1",
    "chained bounds": "1≤x≤",
    "ranges": "1~",
    "tolerances": "5±0.5×10^-3",
    "powers": "×10^",
    "units": "MPa",
    "figures with units": "600MPa",
    "compound units": "W/(m·K)",
    "multipliers": "万",
    "Chinese numbers": "一百",
    "parts of a hundred": "百分之",
    "words of comparison": "不低于",
    "words that lead to a figure": "需要",
    "words that lead to a figure, and figures": "需要" * 20 + "某≥5MPa",
    "conditions": "200℃下",
    "figures set aside": "60℃存储",
    "sums": "5MPa+1",
    "indicators": "抗拉强度≥600MPa，",
    "indicators without punctuation": "抗拉强度不低于600MPa",
    "grades": "6061-T6",
    "standards": "GB/T1591-2018",
    "formulas": "Al2O3-",
    "telephone numbers": "0532-8888",
    "addresses": "https://a.example/b?c=1&",
}
"""Kinds of text that are one piece over and over again."""


def _random(alphabet: Callable[[random.Random], str], size: int) -> str:
    source = random.Random(size)  # noqa: S311 (a text, no secret)
    pieces: list[str] = []
    length = 0
    while length < size:
        pieces.append(alphabet(source))
        length += _bytes(pieces[-1])
    return "".join(pieces)


def _word(source: random.Random) -> str:
    return "".join(source.choices("abcdefghijklmnop", k=8)) + " "


_SIGNS = (
    *" 09.,-~()±×≥≤:/%",
    *"强度率铝合金的不低于至到为",
    *("MPa", "℃", "^10", "５", "\n", "。", "，", "e\u0301", "\u200b", "術(shù)"),
)
_SENTENCES = _PROSE.split()
MIXED: Final[Mapping[str, Callable[[random.Random], str]]] = {
    "prose": lambda source: source.choice(_SENTENCES),
    "any character": lambda source: chr(source.randrange(0x110000)),
    "any Chinese character": lambda source: chr(source.randrange(0x4E00, 0x9FA6)),
    "any printable ASCII": lambda source: chr(source.randrange(0x20, 0x7F)),
    "words, each another": _word,
    "signs of indicators": lambda source: source.choice(_SIGNS),
}
"""Kinds of text that are drawn piece by piece, always the same for a size."""

STEPS: Final[Mapping[str, Callable[[str], object]]] = {
    "normalise": normalise,
    "tokenise": lambda folded: tokenise([folded]),
    "extract": extract,
    "grades": grades,
}
"""What is timed; `tokenise` gets folded text, `grades` normalised text."""


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def text_of(kind: str, size: int) -> str:
    """Make a text.

    Parameters
    ----------
    kind : str
        One of `REPEATED` or `MIXED`.
    size : int
        In bytes of UTF-8; the last piece may reach beyond.

    Returns
    -------
    str
    """
    if kind in REPEATED:
        piece = REPEATED[kind]
        return piece * -(-size // _bytes(piece))
    return _random(MIXED[kind], size)


def _prepared(text: str, step: str) -> str:
    if step == "tokenise":
        return normalise(text).folded
    return normalise(text).text if step == "grades" else text


def _seconds(step: str, text: str) -> float:
    gc.collect()
    gc.disable()
    began = process_time()
    STEPS[step](text)
    spent = process_time() - began
    gc.enable()
    return spent


def measure(
    kind: str, step: str, sizes: Sequence[float], rounds: int = _ROUNDS
) -> dict[str, Any]:
    """Time one step on one kind of text.

    Parameters
    ----------
    kind, step : str
    sizes : sequence of float
        In MB, each twice the one before.
    rounds : int, default=3

    Returns
    -------
    dict
        ``seconds`` by size, the best of all rounds; ``seconds_per_mb`` of the largest
        size; ``ratios``, one for each doubling; ``left_out``, the sizes for which
        patience did not suffice.
    """
    texts = [_prepared(text_of(kind, round(size * 1e6)), step) for size in sizes]
    best: list[float] = []
    for number in range(rounds):
        for place, text in enumerate(texts):
            if number and place >= len(best):
                break
            spent = _seconds(step, text)
            if number:
                best[place] = min(best[place], spent)
            else:
                best.append(spent)
                if spent > _PATIENCE:
                    break
    return {
        "kind": kind,
        "step": step,
        "seconds": [round(each, 4) for each in best],
        "seconds_per_mb": round(best[-1] / sizes[len(best) - 1], 3),
        "ratios": [
            round(twice / (2 * once), 3) if once else 1.0
            for once, twice in pairwise(best)
        ],
        "left_out": list(sizes[len(best) :]),
    }


def bench(
    kinds: Iterable[str],
    steps: Iterable[str],
    sizes: Sequence[float] = SIZES,
    rounds: int = _ROUNDS,
    show: Callable[[dict[str, Any]], None] = lambda _: None,
) -> dict[str, Any]:
    """Time every step on every kind.

    Returns
    -------
    dict
        ``rows`` as `measure` returns them, the ``target``, and in ``missed`` the kinds
        and steps with a ratio above it.
    """
    steps = list(steps)
    rows = []
    for kind in kinds:
        for step in steps:
            rows.append(measure(kind, step, sizes, rounds))
            show(rows[-1])
    missed = [
        f"{row['kind']}: {row['step']}"
        for row in rows
        if max(row["ratios"], default=1.0) > TARGET
    ]
    return {"rows": rows, "target": TARGET, "missed": missed}


def _show(row: Mapping[str, Any]) -> None:
    ratios = " ".join(f"{ratio:6.2f}" for ratio in row["ratios"])
    left_out = f"  left out: {row['left_out']} MB" if row["left_out"] else ""
    print(
        f"{row['kind']:<42}{row['step']:<10}{row['seconds_per_mb']:>8.3f} s/MB "
        f"{ratios}{left_out}",
        flush=True,
    )


def _listed(known: Iterable[str], wanted: str) -> list[str]:
    """Return the wanted names; all that are known for an empty wish."""
    names = list(known)
    chosen = [name for name in wanted.split(";") if name]
    if unknown := set(chosen) - set(names):
        raise SystemExit(f"unknown: {sorted(unknown)}; known: {names}")
    return chosen or names


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; the status is 1 when a ratio is above the target."""
    parser = argparse.ArgumentParser(
        prog="python -m matching.benchmarks.intake", description=__doc__
    )
    parser.add_argument("--kinds", default="", help="some kinds, parted by ;")
    parser.add_argument("--steps", default="normalise;tokenise", help="parted by ;")
    parser.add_argument("--sizes", default="0.25,0.5,1,2", help="in MB")
    parser.add_argument("--rounds", type=int, default=_ROUNDS)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    sizes = [float(size) for size in options.sizes.split(",")]
    if any(after != 2 * before for before, after in pairwise(sizes)):
        parser.error("each size must be twice the one before")
    report = bench(
        _listed((*REPEATED, *MIXED), options.kinds),
        _listed(STEPS, options.steps),
        sizes,
        options.rounds,
        (lambda _: None) if options.json else _show,
    )
    if options.json:
        print(json.dumps(report, ensure_ascii=False))
    else:
        print(f"above {TARGET}: {'; '.join(report['missed']) or 'none'}")
    return 1 if report["missed"] else 0


if __name__ == "__main__":
    sys.exit(main())
