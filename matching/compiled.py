"""The compiled walk over posting lists. Importing this module imports numba.

Ask `matching.kernels` for it; the method and its proof stand in `docs/retrieval.md`.
All subscripts are unsigned, so that no loop tests for a negative one, and the scan
over the accumulators goes by windows of a fixed width, so that it is vectorised.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import carray, njit, types
from numba.extending import intrinsic

WINDOW = 256
"""Documents whose bounds are compared with the threshold in one go."""
PART = 32
"""Documents of a window that are compared next."""
SLACK = 1.0 - 1e-9
"""Covers every rounding of a float on the way to a bound; see the proof."""
SCAN_COST = 6000
"""Postings that cost about as much as one more look at all accumulators."""
LOOKUP_COST = 96
"""Postings that cost about as much as to look one document up in the lists left."""
AHEAD = 4
"""Cache lines of a list that are asked for ahead of its turn."""
EMPTY = np.uint32(0xFFFFFFFF)
"""Stands for an empty place in a table of numbers of features."""
SPREAD = np.uint32(0x9E3779B1)
"""Spreads numbers over such a table (Knuth, vol. 3, section 6.4)."""
NUL = np.uintp(0)
ONE = np.uintp(1)
START = np.uint64((1 << 40) - 1)
"""Part of an entry that says where its list begins."""
PEAK = np.uint64(56)
"""Upper part of an entry, the greatest frequency in its list."""
(
    DOCUMENTS,
    FEATURES,
    SHIFT,
    BUCKETS,
    LENGTH,
    DIRECTORY,
    ENTRIES,
    LISTS,
    NORMS,
    INVERSES,
) = range(10)
"""Columns of the table of blocks."""


@intrinsic
def _pointer(_typing: Any, address: Any) -> Any:
    """Take a number as an address."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.inttoptr(args[0], context.get_value_type(signature.return_type))

    return types.voidptr(address), codegen


@intrinsic
def _prefetch(_typing: Any, address: Any) -> Any:
    """Ask for the cache line at an address, for reading."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:  # noqa: ARG001
        pointer = builder.inttoptr(args[0], context.get_value_type(types.voidptr))
        word = ir.IntType(32)
        function = builder.module.declare_intrinsic(
            "llvm.prefetch",
            (pointer.type,),
            ir.FunctionType(ir.VoidType(), [pointer.type, word, word, word]),
        )
        builder.call(function, [pointer, word(0), word(3), word(1)])
        return context.get_dummy_value()

    return types.none(address), codegen


@njit(nogil=True)
def _find(docs, start, end, doc):
    """Return where a document stands in an ascending list, or the end of it."""
    low = np.uintp(start)
    size = np.uintp(end - start)
    stop = np.uintp(end)
    if size == NUL:
        return stop
    while size > ONE:
        half = size >> ONE
        if docs[low + half] <= doc:
            low += half
        size -= half
    if docs[low] == doc:
        return low
    return stop


@njit(nogil=True)
def _seat(entries, low, high, key):
    """Return the number of a scattered key in its bucket, or -1."""
    while high - low > np.uintp(8):
        middle = (low + high) >> ONE
        if entries[middle, NUL] <= key:
            low = middle
        else:
            high = middle
    for i in range(low, high):
        if entries[i, NUL] == key:
            return np.int64(i)
    return np.int64(-1)


@njit(nogil=True)
def _header(lists, start, peak):
    """Return how many documents of a list have its feature more than once."""
    if peak > ONE:
        return np.uintp(lists[start]) + ONE
    return NUL


@njit(nogil=True)
def _frequency(lists, start, end, peak, doc):
    """Return how often a document has a feature."""
    again = _header(lists, start, peak)
    skipped = start + again + again + ONE if again else start
    if _find(lists, skipped, end, doc) == end:
        return NUL
    if again:
        stop = start + ONE + again
        where = _find(lists, start + ONE, stop, doc)
        if where != stop:
            return np.uintp(lists[where + again])
    return ONE


@njit(nogil=True)
def _sink(bounds, names, at, size):
    """Restore a heap whose greatest bound stands first; ties: the lesser name."""
    bound = bounds[at]
    name = names[at]
    while True:
        child = 2 * at + 1
        if child >= size:
            break
        right = child + 1
        if right < size and (
            bounds[right] > bounds[child]
            or (bounds[right] == bounds[child] and names[right] < names[child])
        ):
            child = right
        if bounds[child] < bound or (bounds[child] == bound and names[child] > name):
            break
        bounds[at] = bounds[child]
        names[at] = names[child]
        at = child
    bounds[at] = bound
    names[at] = name


@njit(nogil=True)
def _heapify(bounds, names, size):
    for at in range(size // 2 - 1, -1, -1):
        _sink(bounds, names, at, size)


@njit(nogil=True)
def _sink_worst(scores, places, at, size):
    """Restore a heap whose worst entry stands first; of equals the greater place."""
    score = scores[at]
    place = places[at]
    while True:
        child = 2 * at + 1
        if child >= size:
            break
        right = child + 1
        if right < size and (
            scores[right] < scores[child]
            or (scores[right] == scores[child] and places[right] > places[child])
        ):
            child = right
        if scores[child] > score or (scores[child] == score and places[child] < place):
            break
        scores[at] = scores[child]
        places[at] = places[child]
        at = child
    scores[at] = score
    places[at] = place


@njit(nogil=True)
def _push(scores, places, size, most, score, place):
    """Keep the best; return how many are kept."""
    if size < most:
        at = size
        while at > 0:
            parent = (at - 1) // 2
            if scores[parent] < score or (
                scores[parent] == score and places[parent] > place
            ):
                break
            scores[at] = scores[parent]
            places[at] = places[parent]
            at = parent
        scores[at] = score
        places[at] = place
        return size + 1
    if score > scores[0] or (score == scores[0] and place < places[0]):
        scores[0] = score
        places[0] = place
        _sink_worst(scores, places, 0, size)
    return size


@njit(nogil=True, inline="always")
def _reach(sums, inverses, at, width, rest):
    """Return the greatest coarse bound of so many documents."""
    best = np.uint32(0)
    for i in range(at, at + np.uintp(width)):
        value = np.uint32(np.uint32(np.uint32(sums[i]) + rest) * np.uint32(inverses[i]))
        best = max(best, value)
    return best


@njit(nogil=True)
def _limit(threshold, step):
    """Return the least coarse bound that a score of the threshold can have."""
    value = threshold * SLACK / step
    if value >= 4.0e9:
        return np.uint32(4_000_000_000)
    return max(np.uint32(value), np.uint32(1))


@njit(nogil=True)
def _raised(
    sums, inverses, norms, alive, padded, unit, step, lists, most, lows, numbers
):
    """Return a score that at least `most` documents of the block reach surely.

    Every list adds less than one unit too much, so what is left after taking one unit
    a list away is reached.
    """
    kept = 0
    limit = np.uint32(1)
    for at in range(NUL, padded, np.uintp(WINDOW)):
        if _reach(sums, inverses, at, WINDOW, np.uint32(0)) < limit:
            continue
        for part in range(at, at + np.uintp(WINDOW), np.uintp(PART)):
            if _reach(sums, inverses, part, PART, np.uint32(0)) < limit:
                continue
            for i in range(part, part + np.uintp(PART)):
                if np.uint32(sums[i]) * np.uint32(inverses[i]) < limit:
                    continue
                surely = np.int64(sums[i]) - lists
                if surely <= 0 or (len(alive) and not alive[i]):
                    continue
                low = np.float64(surely) * unit / norms[i] * SLACK
                kept = _push(lows, numbers, kept, most, low, np.int64(i))
                if kept == most:
                    limit = _limit(lows[0], step)
    return lows[0] if kept == most else 0.0


@njit(nogil=True)
def _collect(sums, inverses, alive, padded, limit, rest, found, most):
    """List the documents that may still reach the limit; -1 if more than `most`."""
    size = 0
    for at in range(NUL, padded, np.uintp(WINDOW)):
        if _reach(sums, inverses, at, WINDOW, rest) < limit:
            continue
        for part in range(at, at + np.uintp(WINDOW), np.uintp(PART)):
            if _reach(sums, inverses, part, PART, rest) < limit:
                continue
            for i in range(part, part + np.uintp(PART)):
                value = (np.uint32(sums[i]) + rest) * np.uint32(inverses[i])
                if value < limit or (len(alive) and not alive[i]):
                    continue
                if size == most:
                    return -1
                found[size] = i
                size += 1
    return size


@njit(nogil=True)
def _look_up(table, wanted, seats, peaks):
    """Find all keys in all blocks, and the greatest frequency of each."""
    total = len(wanted)
    lows = np.empty(total, np.uintp)
    highs = np.empty(total, np.uintp)
    for b in range(len(table)):
        row = table[b]
        directory = carray(
            _pointer(row[DIRECTORY]), (np.int64(row[BUCKETS]) + 1,), np.uint32
        )
        entries = carray(
            _pointer(row[ENTRIES]), (np.int64(row[FEATURES]) + 1, 2), np.uint64
        )
        for j in range(total):
            bucket = np.uintp(wanted[j] >> row[SHIFT])
            lows[j] = directory[bucket]
            highs[j] = directory[bucket + ONE]
        for j in range(total):
            _prefetch(row[ENTRIES] + np.uint64(lows[j] * np.uintp(16)))
        for j in range(total):
            seat = _seat(entries, lows[j], highs[j], wanted[j])
            seats[b, j] = seat
            if seat >= 0:
                entry = entries[np.uintp(seat), ONE]
                _prefetch(row[LISTS] + np.uint64(2) * (entry & START))
                peaks[j] = max(peaks[j], np.int64(entry >> PEAK))


@njit(nogil=True)
def _weigh(first, last, weights, logs, peaks, tables, gains, order, reaches):
    """Turn the weights of one query into whole numbers; return their unit.

    `order` is filled so that the feature that can add the least comes first.
    """
    sum_of_reaches = 0.0
    for j in range(first, last):
        reaches[j] = weights[j] * logs[peaks[j]]
        sum_of_reaches += reaches[j]
        order[j] = j
    unit = sum_of_reaches / (65534.0 - np.float64(last - first))
    for j in range(first, last):
        gains[tables[j]] = 0
        for t in range(1, peaks[j] + 1):
            gains[tables[j] + t] = np.uint16(np.int64(weights[j] * logs[t] / unit) + 1)
    heap, names = reaches[first:last], order[first:last]
    size = last - first
    _heapify(heap, names, size)
    while size > 1:
        size -= 1
        bound, name = heap[0], names[0]
        heap[0], names[0] = heap[size], names[size]
        heap[size], names[size] = bound, name
        _sink(heap, names, 0, size)
    return unit


@njit(nogil=True)
def _open_lists(address, lists, entries, seats, order, tables, gains, sums, opened):
    """Note the lists of a query in a block, and add what repeated words add.

    Parameters
    ----------
    opened : array of int64, shape (3, features)
        Filled with start, end and gain of each list, the least gain first.

    Returns
    -------
    held, rest, reach, left : int
        Number of lists, sum of their gains, sum of their greatest gains, postings.
    """
    for r in range(len(order)):
        seat = seats[order[r]]
        if seat >= 0:
            at = entries[np.uintp(seat), ONE] & START
            for line in range(AHEAD):
                _prefetch(address + np.uint64(2) * at + np.uint64(64 * line))
    held = 0
    rest, reach, left = 0, 0, 0
    for r in range(len(order)):
        j = order[r]
        if seats[j] < 0:
            continue
        seat = np.uintp(seats[j])
        start = np.uintp(entries[seat, ONE] & START)
        end = np.uintp(entries[seat + ONE, ONE] & START)
        if start == end:
            continue
        peak = np.int64(entries[seat, ONE] >> PEAK)
        gain = gains[tables[j] + 1]
        if peak > 1:
            again = np.uintp(lists[start]) + ONE
            start += ONE
            for i in range(start, start + again):
                doc = lists[i]
                more = gains[tables[j] + np.int64(lists[i + again])]
                sums[doc] += np.uint16(more - gain)
            start += again + again
        opened[0, held] = np.int64(start)
        opened[1, held] = np.int64(end)
        opened[2, held] = np.int64(gain)
        rest += np.int64(gain)
        reach += np.int64(gains[tables[j] + peak])
        left += np.int64(end - start)
        held += 1
    return held, rest, reach, left


@njit(nogil=True)
def _refine(
    lists, opened, unread, rest, sums, inverses, norms, unit, limit, least, found,
    bounds, survivors,
):  # fmt: skip
    """Look survivors up in the unread lists; keep those that still reach the limit."""
    kept = 0
    for s in range(survivors):
        doc = np.uintp(found[s])
        value = np.uint32(sums[doc])
        still = np.uint32(rest)
        inverse = np.uint32(inverses[doc])
        for p in range(unread - 1, -1, -1):
            if np.uint32(np.uint32(value + still) * inverse) < limit:
                break
            end = np.uintp(opened[1, p])
            gain = np.uint32(opened[2, p])
            if _find(lists, np.uintp(opened[0, p]), end, doc) != end:
                value = np.uint32(value + gain)
            still = np.uint32(still - gain)
        if np.uint32(np.uint32(value + still) * inverse) < limit:
            continue
        bound = np.float64(value) * unit / norms[doc]
        if bound >= least and value > 0:
            bounds[kept] = bound
            found[kept] = np.int64(doc)
            kept += 1
    return kept


@njit(nogil=True)
def _score(lists, entries, seats, weights, logs, norm, doc):
    """Return the score of a document, summed in the order of the features."""
    score = 0.0
    for j in range(len(seats)):
        if seats[j] < 0:
            continue
        seat = np.uintp(seats[j])
        entry = entries[seat, ONE]
        end = np.uintp(entries[seat + ONE, ONE] & START)
        peak = np.uintp(entry >> PEAK)
        count = _frequency(lists, np.uintp(entry & START), end, peak, doc)
        if count:
            score += weights[j] * logs[count]
    return score / norm


@njit(nogil=True)
def _read(
    lists, opened, held, rest, left, limit, sums, inverses, alive, padded, found, tally
):
    """Read lists, the greatest gains first, until few documents can reach the limit.

    Returns
    -------
    survivors, unread, rest : int
        How many documents were put into `found`, -1 if all lists were read; the number
        of lists left, and the sum of their gains. A limit of 0 has all lists read.
    """
    tried = rest
    unread = held
    while unread:
        unread -= 1
        start, end = np.uintp(opened[0, unread]), np.uintp(opened[1, unread])
        gain = np.uint16(opened[2, unread])
        for i in range(start, end):
            doc = lists[i]
            sums[doc] += gain
        rest -= np.int64(gain)
        left -= np.int64(end - start)
        tally[1] += np.int64(end - start)
        if left < SCAN_COST or 2 * rest > tried or rest * 255 >= limit:
            continue
        survivors = _collect(
            sums, inverses, alive, padded, np.uint32(limit), np.uint32(rest), found,
            left // LOOKUP_COST,
        )  # fmt: skip
        if survivors >= 0:
            return survivors, unread, rest
        tried = rest
    return -1, 0, rest


@njit(nogil=True)
def _rank(
    lists, entries, norms, number, seats, weights, logs, most, rescored, found, bounds,
    kept, places, scores, size, tally,
):  # fmt: skip
    """Score the kept documents, the greatest bound first, as long as one can enter."""
    _heapify(bounds, found, kept)
    while kept > 0:
        score, doc = bounds[0], found[0]
        if size == most and score < scores[0] * SLACK:
            break
        kept -= 1
        bounds[0], found[0] = bounds[kept], found[kept]
        _sink(bounds, found, 0, kept)
        if rescored:
            tally[3] += 1
            norm = norms[np.uintp(doc)]
            score = _score(lists, entries, seats, weights, logs, norm, np.uintp(doc))
        if score > 0.0:
            size = _push(scores, places, size, most, score, (number << 16) + doc)
    return size


@njit(nogil=True)
def _ask_block(
    row, scale, mask, number, seats, order, tables, gains, weights, logs, unit, most,
    rescored, sums, found, bounds, opened, lows, lows_names, places, scores, size,
    tally,
):  # fmt: skip
    """Ask one query of one block; return how many documents are found by now."""
    documents = np.int64(row[DOCUMENTS])
    entries = carray(
        _pointer(row[ENTRIES]), (np.int64(row[FEATURES]) + 1, 2), np.uint64
    )
    lists = carray(_pointer(row[LISTS]), (np.int64(row[LENGTH]),), np.uint16)
    padded = np.uintp((documents + WINDOW - 1) // WINDOW * WINDOW)
    inverses = carray(_pointer(row[INVERSES]), (np.int64(padded),), np.uint8)
    norms = carray(_pointer(row[NORMS]), (documents,), np.float64)
    alive = carray(_pointer(mask), (documents if mask else 0,), np.bool_)
    step = scale * unit
    sums[:padded] = 0
    held, rest, reach, left = _open_lists(
        row[LISTS], lists, entries, seats, order, tables, gains, sums, opened
    )
    if held == 0:
        return size
    tally[0] += left
    threshold = scores[0] if size == most else 0.0
    limit = _limit(threshold, step)
    if np.uint32(reach * 255) < limit:
        return size
    survivors, unread, rest = _read(
        lists, opened, held, rest, left, limit if size == most else 0, sums, inverses,
        alive, padded, found, tally,
    )  # fmt: skip
    if survivors < 0:
        if size < most:
            low = _raised(
                sums, inverses, norms, alive, padded, unit, step, held, most, lows,
                lows_names,
            )  # fmt: skip
            threshold = max(threshold, low)
            limit = _limit(threshold, step)
        survivors = _collect(
            sums, inverses, alive, padded, limit, np.uint32(0), found, 65536
        )
    if unread:
        tally[2] += survivors
    kept = _refine(
        lists, opened, unread, rest, sums, inverses, norms, unit, limit,
        threshold * SLACK, found, bounds, survivors,
    )  # fmt: skip
    return _rank(
        lists, entries, norms, number, seats, weights, logs, most, rescored, found,
        bounds, kept, places, scores, size, tally,
    )  # fmt: skip


@njit(
    [
        types.int64(
            types.Array(types.uint64, 2, "C", readonly=True),  # table
            types.Array(types.float64, 1, "C", readonly=True),  # steps
            types.Array(types.uint64, 1, "C", readonly=True),  # living
            types.Array(types.int64, 1, "C", readonly=True),  # firsts
            types.Array(types.uint64, 1, "C", readonly=True),  # wanted
            types.Array(types.float64, 1, "C", readonly=True),  # weights
            types.Array(types.float64, 1, "C", readonly=True),  # logs
            types.int64,  # most
            types.boolean,  # rescored
            types.uint16[::1],  # sums
            types.int64[::1],  # found
            types.float64[::1],  # bounds
            types.int64[:, ::1],  # places
            types.float64[:, ::1],  # scores
            types.int64[::1],  # sizes
            types.int64[::1],  # tally
        )
    ],
    nogil=True,
    cache=True,
)
def walk(
    table,
    steps,
    living,
    firsts,
    wanted,
    weights,
    logs,
    most,
    rescored,
    sums,
    found,
    bounds,
    places,
    scores,
    sizes,
    tally,
):
    """Answer queries, block by block; see `matching.scan` for what goes in and out.

    Parameters
    ----------
    table : array of uint64, shape (blocks, 10)
        `matching.scan.Block.row` of each block.
    steps : array of float64, shape (blocks,)
    living : array of uint64, shape (blocks,)
        Address of each block's mask, 0 if all documents live.
    firsts : array of int64, shape (queries + 1,)
        Where the features of each query begin.
    wanted : array of uint64, weights : array of float64
        Scattered keys and their positive weights.
    logs : array of float64, shape (256,)
    most : int
    rescored : bool
        Whether to rank by exact scores instead of bounds.
    sums, found, bounds
        Working memory, 65,536 each.
    places, scores : array, shape (queries, most)
        The result, best first: block times 65,536 plus local id, and score.
    sizes : array of int64, shape (queries,)
        How many were found.
    tally : array of int64, shape (4,)
        Raised by postings in the lists, postings read, documents looked up in the
        lists left, documents scored exactly.

    Returns
    -------
    int
        Number of queries answered.
    """
    blocks = len(table)
    queries = len(firsts) - 1
    total = len(wanted)
    seats = np.empty((blocks, total), np.int64)
    peaks = np.zeros(total, np.int64)
    _look_up(table, wanted, seats, peaks)
    tables = np.zeros(total + 1, np.int64)
    tables[1:] = np.cumsum(peaks + 1)
    gains = np.empty(tables[total], np.uint16)
    order = np.empty(total, np.int64)
    reaches = np.empty(total, np.float64)
    units = np.empty(queries, np.float64)
    widest = 0
    for q in range(queries):
        first, last = firsts[q], firsts[q + 1]
        units[q] = _weigh(
            first, last, weights, logs, peaks, tables, gains, order, reaches
        )
        for r in range(first, last):
            order[r] -= first
        widest = max(widest, last - first)
        sizes[q] = 0
    opened = np.empty((3, widest), np.int64)
    lows = np.empty(most, np.float64)
    lows_names = np.empty(most, np.int64)
    for b in range(blocks):
        for q in range(queries):
            first, last = firsts[q], firsts[q + 1]
            sizes[q] = _ask_block(
                table[b], steps[b], living[b], np.int64(b), seats[b, first:last],
                order[first:last], tables[first:last], gains, weights[first:last], logs,
                units[q], most, rescored, sums, found, bounds, opened, lows, lows_names,
                places[q], scores[q], sizes[q], tally,
            )  # fmt: skip
    for q in range(queries):
        size = sizes[q]
        best, level = places[q], scores[q]
        while size > 1:
            size -= 1
            score, place = level[0], best[0]
            level[0], best[0] = level[size], best[size]
            level[size], best[size] = score, place
            _sink_worst(level, best, 0, size)
    return queries


@njit(
    [
        types.void(
            types.Array(types.uint64, 2, "C", readonly=True),  # table
            types.Array(types.uint64, 1, "C", readonly=True),  # wanted
            types.int64[:, ::1],  # places
        )
    ],
    nogil=True,
    cache=True,
)
def look_up(table, wanted, places):
    """Fill in the number of each scattered key in each block, -1 where missing."""
    _look_up(table, wanted, places, np.zeros(len(wanted), np.int64))


@njit(
    [
        types.void(
            types.Array(types.uint32, 1, "C", readonly=True),  # bounds
            types.Array(types.uint32, 1, "C", readonly=True),  # numbers
            types.Array(types.uint8, 1, "C", readonly=True),  # counts
            types.Array(types.int64, 1, "C", readonly=True),  # docs
            types.Array(types.int64, 1, "C", readonly=True),  # seats
            types.Array(types.int64, 1, "C", readonly=True),  # columns
            types.uint8[:, ::1],  # found
        )
    ],
    nogil=True,
    cache=True,
)
def forward_frequencies(bounds, numbers, counts, docs, seats, columns, found):
    """Fill in how often documents have features.

    The numbers of the features are few and looked up often, so they go into a small
    table, a quarter full; most features of a document end at an empty place of it.
    """
    bits = np.uint32(3)
    while (1 << bits) < 4 * len(seats):
        bits += np.uint32(1)
    mask = np.uint32((1 << bits) - 1)
    shift = np.uint32(32) - bits
    keys = np.full(np.int64(mask) + 1, EMPTY, np.uint32)
    values = np.zeros(np.int64(mask) + 1, np.uint32)
    for j in range(len(seats)):
        key = np.uint32(seats[j])
        at = np.uint32(key * SPREAD) >> shift
        while keys[np.uintp(at)] != EMPTY:
            at = np.uint32(at + np.uint32(1)) & mask
        keys[np.uintp(at)] = key
        values[np.uintp(at)] = np.uint32(columns[j])
    for row in range(len(docs)):
        doc = np.uintp(docs[row])
        for i in range(np.uintp(bounds[doc]), np.uintp(bounds[doc + ONE])):
            key = numbers[i]
            at = np.uint32(key * SPREAD) >> shift
            held = keys[np.uintp(at)]
            while held != key and held != EMPTY:  # noqa: PLR1714
                at = np.uint32(at + np.uint32(1)) & mask
                held = keys[np.uintp(at)]
            if held == key:
                found[np.uintp(row), np.uintp(values[np.uintp(at)])] = counts[i]


@njit(
    [
        types.void(
            types.Array(types.uint32, 1, "C", readonly=True),  # numbers
            types.int64[::1],  # places
            types.Array(types.uint16, 1, "C", readonly=True),  # docs
            types.Array(types.uint8, 1, "C", readonly=True),  # counts
            types.uint16[::1],  # listed
            types.uint8[::1],  # often
        )
    ],
    nogil=True,
    cache=True,
)
def put_in_order(numbers, places, docs, counts, listed, often):
    """Sort by counting: `places` says where the next of each number goes."""
    for i in range(np.uintp(len(numbers))):
        number = np.uintp(numbers[i])
        place = np.uintp(places[number])
        places[number] += 1
        listed[place] = docs[i]
        often[place] = counts[i]
