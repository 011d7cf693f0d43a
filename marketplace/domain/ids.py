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
    if milliseconds is None:
        milliseconds = time.time_ns() // 1_000_000
    random = secrets.randbits(74)
    high = random >> 62
    low = random & ((1 << 62) - 1)
    stamp = (milliseconds & ((1 << 48) - 1)) << 80
    return UUID(int=stamp | _VERSION | high << 64 | _VARIANT | low)
