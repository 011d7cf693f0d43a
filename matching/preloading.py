"""Load in one process what the processes forked from it then share."""

import gc

from matching import kernels
from matching.engine import Matcher
from matching.indicators import extract
from matching.postings import Posting

_TEXT = "高强铝合金T800挤压型材，抗拉强度≥350 MPa，High-strength carbon fibre coating"


def preload() -> None:
    """Load dictionaries, tables and kernels now instead of with the first questions.

    For a server that forks its workers: they share the memory, and none of them loads
    anything while it answers. Kernels that no one has compiled yet
    (``python -m matching warm``) are left to the first questions, since compiling takes
    longer than anybody waits for a server to start. What is there by now is taken out
    of the sight of the garbage collector, whose marks would make each worker copy it.
    A numba that is broken is logged, and NumPy answers.
    """
    if kernels.cached():
        kernels.load_or_log()
    rows = tuple(extract(_TEXT))
    for language in (_TEXT, "carbon fibre coating"):
        offer = Posting(id="offer", title=language, indicators=rows)
        need = Posting(id="need", title=language, indicators=rows, kind="need")
        Matcher.build([offer]).rank(need)
    gc.collect()
    gc.freeze()
