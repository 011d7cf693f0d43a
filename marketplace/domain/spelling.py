"""What somebody probably meant to write."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_ALIKE = 0.7
_LONGEST = 60


def nearest(word: str, known: Iterable[str], *, alike: float = _ALIKE) -> str | None:
    """Return the known word that is nearly ``word``, None when none is near.

    Case does not count. Of two that are equally near the first one is taken. Words
    less ``alike`` than that share, between 0 and 1, are not near.

    >>> nearest("Titel", ["title", "problem"])
    'title'
    >>> nearest("主要难题", ["关键词", "主要问题"])
    '主要问题'
    >>> nearest("colour", ["title", "problem"])
    """
    if len(word) > _LONGEST:
        return None
    folded: dict[str, str] = {}
    for candidate in known:
        folded.setdefault(candidate.casefold(), candidate)
    found = difflib.get_close_matches(word.casefold(), folded, n=2, cutoff=alike)
    return folded[found[0]] if found else None
