"""Compiled loops of `matching.organisations.index`. Importing this imports numba.

`matching.organisations.index` has the same in NumPy, and a test holds them to equal
answers: all arithmetic but one last division is in whole numbers. Prices are handed in,
for numba's cache would not notice that they changed in another file.
"""

from importlib import import_module
from typing import Any, Final

import numpy as np

from matching.organisations.words import (
    CHEAP,
    CLASS,
    FIRM,
    LIGHT,
    NEVER,
    SECOND,
    START,
)

_numba: Final[Any] = import_module("numba")
_compiled: Final[Any] = _numba.njit(cache=True, nogil=True)


def _push(heap: Any, size: int, most: int, value: int) -> int:
    """Keep the `most` greatest values, the least of them at the top."""
    if size < most:
        at = size
        size += 1
        while at > 0 and heap[(at - 1) >> 1] > value:
            heap[at] = heap[(at - 1) >> 1]
            at = (at - 1) >> 1
        heap[at] = value
        return size
    if most == 0 or value <= heap[0]:
        return size
    at = 0
    while True:
        child = 2 * at + 1
        if child >= size:
            break
        if child + 1 < size and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= value:
            break
        heap[at] = heap[child]
        at = child
    heap[at] = value
    return size


push: Final[Any] = _compiled(_push)


def _overlapping(
    query: Any,
    rows: Any,
    starts: Any,
    sizes: Any,
    weights: Any,
    chars: Any,
    bounds: Any,
    lengths: Any,
    first: int,
    most: int,
    weight: int,
    sums: Any,
    touched: Any,
    present: Any,
) -> Any:
    """Return the rows that share most with a query for their length.

    Of the rows of the chosen grams the `first` by shared grams are looked at, and of
    these the `most` are taken by grams and single characters, of which each counts
    `weight`. `sums` and `present` are left at nought.
    """
    length = len(query)
    count = np.uintp(0)
    for gram in range(len(starts)):
        begin = np.uintp(starts[gram])
        gain = np.uint16(weights[gram])
        for at in range(begin, begin + np.uintp(sizes[gram])):
            row = np.uintp(rows[at])
            if sums[row] == 0:
                touched[count] = row
                count += np.uintp(1)
            sums[row] += gain
    heap = np.empty(first, np.int64)
    size = 0
    for at in range(count):
        row = np.uintp(touched[at])
        share = (np.int64(sums[row]) << 12) // (length + np.int64(lengths[row]))
        size = push(heap, size, first, (share << 32) - np.int64(row))
    for i in range(length):
        present[np.uintp(query[i])] = 1
    best = np.empty(most, np.int64)
    kept = 0
    for at in range(size):
        row = np.uintp(-(heap[at] & 0xFFFFFFFF) & 0xFFFFFFFF)
        common = np.int64(0)
        for place in range(np.uintp(bounds[row]), np.uintp(bounds[row + np.uintp(1)])):
            common += present[np.uintp(chars[place])]
        total = np.int64(sums[row]) + weight * common
        share = (total << 12) // (length + np.int64(lengths[row]))
        kept = push(best, kept, most, (share << 32) - np.int64(row))
    for i in range(length):
        present[np.uintp(query[i])] = 0
    for at in range(count):
        sums[np.uintp(touched[at])] = 0
    found = np.empty(kept, np.int64)
    for at in range(kept):
        found[at] = -(best[at] & 0xFFFFFFFF) & 0xFFFFFFFF
    return found


overlapping: Final[Any] = _compiled(_overlapping)


def _is_subsequence(query: Any, chars: Any, first: int, last: int) -> bool:
    """Say whether a name has the characters of a query in their order."""
    at = 0
    for place in range(first, last):
        if chars[place] == query[at]:
            at += 1
            if at == len(query):
                return True
    return False


is_subsequence: Final[Any] = _compiled(_is_subsequence)


def _light_length(marks: Any, first: int, last: int) -> int:
    """Return the length of the legal form at the end of a name."""
    light = 0
    while light < last - first and (marks[last - 1 - light] & LIGHT) != 0:
        light += 1
    return light


light_length: Final[Any] = _compiled(_light_length)


def _close_word(costs: Any, drop: int, initial: int, inside: int) -> None:
    """Add the price of the word that ends here, and begin another one."""
    for taken in range(costs.shape[1]):
        costs[0, taken] = min(
            costs[0, taken] + drop,
            costs[1, taken],
            costs[2, taken] + initial,
            costs[3, taken] + inside,
        )
        costs[1, taken] = NEVER
        costs[2, taken] = NEVER
        costs[3, taken] = NEVER


close_word: Final[Any] = _compiled(_close_word)


def _take(
    query: Any, char: int, starts: bool, cheap: bool, more: int, costs: Any
) -> None:
    """Let the next character of a name be taken, or passed over.

    `more` is what it costs beside the price of a character that may stand for its word.
    """
    for taken in range(len(query), -1, -1):
        run = NEVER
        part = min(costs[2, taken], costs[1, taken])
        rest = costs[3, taken]
        if taken > 0 and query[taken - 1] == char:
            before = taken - 1
            if starts:
                run = costs[0, before]
            else:
                run = costs[1, before]
                fresh = min(costs[0, before], costs[2, before])
                if cheap:
                    part = min(part, fresh + more)
                else:
                    rest = min(rest, fresh)
                rest = min(rest, costs[3, before])
        costs[1, taken] = run
        costs[2, taken] = part
        costs[3, taken] = rest


take: Final[Any] = _compiled(_take)


def _short_form_cost(
    query: Any,
    stem: int,
    chars: Any,
    marks: Any,
    first: int,
    last: int,
    prices: Any,
    part_of_firm: int,
    costs: Any,
) -> Any:
    """Return what it costs to read a query as a short form of one name, or `NEVER`.

    `stem` is the length of the query without its legal form. `costs` is room for four
    rows of one number more than the query has characters. The rows stand for the word
    at hand: nothing of it taken yet; its beginning without a gap; its beginning, or a
    character that may stand for it; anything else.
    """
    if not is_subsequence(query, chars, first, last):
        return np.int64(NEVER)
    light = light_length(marks, first, last)
    firm = np.uintp(1) if (marks[first] & FIRM) != 0 else np.uintp(0)
    costs[:, :] = NEVER
    costs[0, 0] = 0
    drop, initial, inside = np.int64(0), np.int64(0), np.int64(0)
    for place in range(first, last):
        mark = marks[place]
        starts = (mark & START) != 0
        if starts:
            if place > first:
                close_word(costs, drop, initial, inside)
            of_word = np.uintp(mark & CLASS)
            drop = prices[firm, 0, of_word]
            initial = prices[firm, 1, of_word]
            inside = prices[firm, 2, of_word]
        more = 1 if (mark & SECOND) != 0 else 0
        take(query, chars[place], starts, (mark & CHEAP) != 0, more, costs)
    close_word(costs, drop, initial, inside)
    cost = costs[0, len(query)]
    if firm == 1 and stem < last - first - light:
        cost += part_of_firm
    return min(cost, NEVER)


short_form_cost: Final[Any] = _compiled(_short_form_cost)


def _shortened(
    query: Any,
    stem: int,
    pair_rows: Any,
    gram_rows: Any,
    of_pairs: Any,
    starts: Any,
    sizes: Any,
    chars: Any,
    marks: Any,
    bounds: Any,
    standing: Any,
    discounts: Any,
    prices: Any,
    part_of_firm: int,
    most: int,
    seen: Any,
    touched: Any,
) -> Any:
    """Return the rows that the query is the cheapest short form of; `seen` is cleared.

    Looked at are runs of `pair_rows` and `gram_rows`, by `of_pairs`. A name of some
    standing has a discount. At equal cost names of higher standing come first, then
    shorter ones, then lesser rows.
    """
    heap = np.empty(most, np.int64)
    costs = np.empty((4, len(query) + 1), np.int64)
    size = 0
    count = np.uintp(0)
    for run in range(len(starts)):
        begin = np.uintp(starts[run])
        for at in range(begin, begin + np.uintp(sizes[run])):
            row = np.uintp(pair_rows[at] if of_pairs[run] else gram_rows[at])
            if seen[row] != 0:
                continue
            seen[row] = 1
            touched[count] = row
            count += np.uintp(1)
            first, last = np.int64(bounds[row]), np.int64(bounds[row + np.uintp(1)])
            cost = short_form_cost(
                query, stem, chars, marks, first, last, prices, part_of_firm, costs
            )
            if cost < NEVER:
                cost = max(np.int64(0), cost - discounts[standing[row]])
                rank = (((cost << 8) + (255 - standing[row])) << 7) + (last - first)
                size = push(heap, size, most, -((rank << 32) + np.int64(row)))
    for at in range(count):
        seen[np.uintp(touched[at])] = 0
    found = np.empty(size, np.int64)
    for at in range(size):
        found[at] = -heap[at] & 0xFFFFFFFF
    return found


shortened: Final[Any] = _compiled(_shortened)


def _compared(
    query: Any,
    stem: int,
    worth: Any,
    chars: Any,
    marks: Any,
    bounds: Any,
    rows: Any,
    heavy: int,
    light: int,
    longest: int,
    prices: Any,
    part_of_firm: int,
) -> Any:
    """Compare a query with each row.

    Returns, a row each: twice the worth of the longest common subsequence, twice that
    of the common characters in any order, the worth of both, the cost as a short form.
    """
    length = len(query)
    found = np.empty((len(rows), 4), np.int64)
    line = np.empty(length + 1, np.int64)
    used = np.empty(length, np.uint8)
    costs = np.empty((4, length + 1), np.int64)
    mine = np.int64(0)
    for i in range(length):
        mine += worth[i]
    for number in range(len(rows)):
        row = np.uintp(rows[number])
        first, last = np.int64(bounds[row]), np.int64(bounds[row + np.uintp(1)])
        line[:] = 0
        used[:] = 0
        whole = mine
        common = np.int64(0)
        for place in range(first, last):
            value = np.int64(light if marks[place] & LIGHT else heavy)
            whole += value
            char = chars[place]
            diagonal = np.int64(0)
            free = True
            for i in range(length):
                above = line[i + 1]
                best = max(above, line[i])
                if query[i] == char:
                    gain = min(value, worth[i])
                    best = max(best, diagonal + gain)
                    if free and not used[i]:
                        used[i] = 1
                        free = False
                        common += gain
                line[i + 1] = best
                diagonal = above
        found[number, 0] = 2 * line[length]
        found[number, 1] = 2 * common
        found[number, 2] = whole
        found[number, 3] = NEVER
        if 1 < length <= longest and length < last - first:
            found[number, 3] = short_form_cost(
                query, stem, chars, marks, first, last, prices, part_of_firm, costs
            )
    return found


compared: Final[Any] = _compiled(_compared)
