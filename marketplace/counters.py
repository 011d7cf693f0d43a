"""Counts of requests for the rate limit, kept in the process."""

from __future__ import annotations

import threading
import time

from limits.storage import Storage

LEAST_KEPT = 1000


class ProcessCounters(Storage):
    """How often each caller has come within the running window.

    The library's own storage in memory starts a thread with nearly every request, to
    forget the windows that have ended. Here they are forgotten together, whenever
    there are twice as many as were left the last time: a request costs a look-up, and
    memory grows with the callers of one window and not with all that ever came.
    """

    STORAGE_SCHEME = ["process"]  # noqa: RUF012 - so declared by the library

    def __init__(
        self, uri: str | None = None, wrap_exceptions: bool = False, **options: str
    ) -> None:
        super().__init__(uri, wrap_exceptions=wrap_exceptions, **options)
        self._lock = threading.Lock()
        self._windows: dict[str, tuple[int, float]] = {}
        self._most = LEAST_KEPT

    @property
    def base_exceptions(self) -> type[Exception]:
        """What may go wrong in the storage: nothing that it raises itself."""
        return ValueError

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Count a request; the first one begins a window of ``expiry`` seconds."""
        now = time.time()
        with self._lock:
            count, end = self._windows.get(key, (0, 0.0))
            if end <= now:
                count, end = 0, now + expiry
                self._forget(now)
            self._windows[key] = count + amount, end
        return count + amount

    def _forget(self, now: float) -> None:
        if len(self._windows) < self._most:
            return
        kept = {key: value for key, value in self._windows.items() if value[1] > now}
        self._windows, self._most = kept, max(LEAST_KEPT, 2 * len(kept))

    def get(self, key: str) -> int:
        """Return the count of the running window."""
        count, end = self._windows.get(key, (0, 0.0))
        return count if end > time.time() else 0

    def get_expiry(self, key: str) -> float:
        """Return when the running window ends, in seconds of Unix time; else now."""
        now = time.time()
        return max(now, self._windows.get(key, (0, 0.0))[1])

    def check(self) -> bool:
        """Tell that the storage can be used."""
        return True

    def reset(self) -> int:
        """Forget every window; returns how many there were."""
        with self._lock:
            count = len(self._windows)
            self._windows = {}
        return count

    def clear(self, key: str) -> None:
        """Forget one window."""
        with self._lock:
            self._windows.pop(key, None)
