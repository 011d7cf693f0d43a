"""Identifiers: unguessable, sortable by creation (UUID version 7, RFC 9562)."""

from __future__ import annotations

import secrets
import time
from uuid import UUID

_VERSION = 0x7 << 76
_VARIANT = 0b10 << 62


def new_id(milliseconds: int | None = None) -> UUID:
    """Make a UUIDv7.

    Parameters
    ----------
    milliseconds : int, optional
        Unix time in ms; the wall clock when absent. An identifier's time is a sort
        key and never a business date, so it is not taken from the injected clock.
    """
    low = secrets.randbits(62)
    if milliseconds is None:
        milliseconds, rest = divmod(time.time_ns(), 1_000_000)
        high = rest * 4096 // 1_000_000  # The finer part of the clock (RFC 9562, 6.2).
    else:
        high = secrets.randbits(12)
    stamp = (milliseconds & ((1 << 48) - 1)) << 80
    return UUID(int=stamp | _VERSION | high << 64 | _VARIANT | low)
