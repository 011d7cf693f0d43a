"""Kill 200 writers of one index at random moments; see what is left each time.

Run by a test, in a process of its own: writers are forked, and a process that forks
must not have threads. What an index holds after so many steps is known beforehand, so
the one that is found after a kill can be compared with one built anew.
"""

import json
import os
import random
import signal
import sys
from functools import cache
from pathlib import Path
from time import perf_counter, sleep

from matching import Matcher, Posting, kernels

KILLS = 200
LONGEST = 2.5
"""How many steps a writer is left alive at most."""
QUERY = Posting(id="q", title="铝合金热处理", text="碳纤维 焊接")
WORDS = ("铝合金", "碳纤维", "焊接", "热处理", "传感器", "牡蛎")


def posting(number: int, step: int) -> Posting:
    """Return a posting as that step writes it."""
    chosen = random.Random(f"{number} {step // 7}").sample(WORDS, 3)  # noqa: S311
    return Posting(id=f"p{number}", title="".join(chosen), org=f"o{number % 5}")


def contents(step: int) -> dict[str, Posting]:
    """Return what the index holds after so many steps."""
    held = {f"p{n}": posting(n, step) for n in range(40) if (n + step) % 9}
    return held | {"step": Posting(id="step", title=f"第{step}步")}


def write(path: Path) -> None:
    """Go one step on from what is there."""
    matcher = Matcher.open(path)
    step = step_of(matcher) + 1
    held = contents(step)
    if step % 5 == 0:
        matcher = Matcher.build(held.values())
    else:
        now = list(held.values())
        matcher.remove([i for i in matcher.ids() if i not in held])
        for start in range(0, len(now), 11):
            matcher.add(now[start : start + 11])
    matcher.save(path)


def step_of(matcher: Matcher) -> int:
    """Return the step that wrote an index."""
    found = matcher.get("step")
    if found is None:
        raise ValueError("the index does not say which step wrote it")
    return int(found.title.strip("第步"))


@cache
def expected(step: int) -> tuple[str, list[tuple[str, float]]]:
    """Return name and answer of an index built at once."""
    return answer(Matcher.build(contents(step).values()))


def answer(matcher: Matcher) -> tuple[str, list[tuple[str, float]]]:
    """Return name and answer of an index."""
    return matcher.index_id, [(m.id, m.score) for m in matcher.rank(QUERY, 20)]


def main(path: Path) -> int:
    """Kill and look, again and again."""
    chance = random.Random(20261122)  # noqa: S311
    Matcher.build(contents(0).values()).save(path)
    began = perf_counter()
    for _ in range(5):
        write(path)
    longest = LONGEST * (perf_counter() - began) / 5
    wrong: list[str] = []
    killed = 0
    for number in range(KILLS):
        writer = os.fork()
        if not writer:
            while True:
                write(path)
        sleep(chance.random() * longest)
        os.kill(writer, signal.SIGKILL)
        _, status = os.waitpid(writer, 0)
        killed += os.WIFSIGNALED(status)
        matcher = Matcher.open(path)
        if answer(matcher) != expected(step_of(matcher)):
            wrong.append(f"after kill {number}, step {step_of(matcher)}")
    print(json.dumps({"killed": killed, "steps": step_of(matcher), "wrong": wrong}))
    return 0


if __name__ == "__main__":
    # A killed process loses nothing that it has written; only a power cut would.
    os.fsync = lambda _: None
    with kernels.without():
        raise SystemExit(main(Path(sys.argv[1])))
