"""Show on standard error how far a long job is."""

import sys
from time import monotonic
from typing import TextIO

_WIDTH = 30


class Bar:
    """A progress bar that also reads well in a log.

    On a terminal one line is redrawn; elsewhere a line is written now and then.

    Parameters
    ----------
    total : int
        Amount of work in any unit; 0 when it is not known.
    stream : text file, optional
        Standard error by default.
    unit : str, default="documents"
        What is counted for the reader.
    """

    def __init__(
        self, total: int, *, stream: TextIO | None = None, unit: str = "documents"
    ) -> None:
        self.total = total
        self.unit = unit
        self.stream = sys.stderr if stream is None else stream
        self.every = 0.1 if self.stream.isatty() else 5.0
        self.shown = monotonic()

    def update(self, done: int, items: int) -> None:
        """Show the state, unless it was shown a moment ago.

        Parameters
        ----------
        done : int
            In the unit of `total`.
        items : int
            What to count for the reader.
        """
        if monotonic() - self.shown >= self.every:
            self._show(done, items, "\r" if self.stream.isatty() else "\n")

    def finish(self, items: int) -> None:
        """Show the end state on a line of its own."""
        self._show(self.total, items, "\n")

    def _show(self, done: int, items: int, end: str) -> None:
        self.shown = monotonic()
        share = min(done / self.total, 1.0) if self.total else 1.0
        bar = "#" * round(_WIDTH * share)
        line = f"[{bar:<{_WIDTH}}] {share:4.0%} {items:,} {self.unit}"
        self.stream.write(line + end)
        self.stream.flush()
