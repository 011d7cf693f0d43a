"""Compiled loops of `matching.duplicates`. Importing this imports numba.

`matching.duplicates.sketches` and `matching.duplicates.finder` have the same in NumPy,
and a test holds them to equal answers.
"""

from importlib import import_module
from typing import Any, Final

import numpy as np

from matching.duplicates.sketches import LANES, POWER, SCATTER

_numba: Final[Any] = import_module("numba")
_compiled: Final[Any] = _numba.njit(cache=True, nogil=True)
_FIRST, _SECOND = SCATTER
_HALF: Final = np.uint64(32)
_POWER: Final = POWER
_ONE: Final = np.uintp(1)
_BANDS: Final = 8
"""Bands whose numbers are worked out in one pass over the sketches."""


def _shingle(
    codes: Any,
    first: Any,
    stop: Any,
    length: int,
    multiplier: Any,
    power: Any,
    room: Any,
) -> Any:
    """Number the shingles of a text, one after another; return how many there are.

    `power` is the multiplier to the power of the length: what a character counts when
    the shingle has gone past it.
    """
    if first == stop:
        return np.uintp(0)
    code = np.uint64(0)
    for at in range(first, first + np.uintp(length)):
        code *= multiplier
        if at < stop:
            code += np.uint64(codes[at]) + np.uint64(1)
    room[0] = code
    count = _ONE
    for at in range(first + np.uintp(length), stop):
        gone = np.uint64(codes[at - np.uintp(length)]) + np.uint64(1)
        code = code * multiplier + np.uint64(codes[at]) + np.uint64(1) - gone * power
        room[count] = code
        count += _ONE
    return count


shingle: Final[Any] = _compiled(_shingle)


def _longest(bounds: Any) -> Any:
    """Return the length of the longest text, at least 1."""
    longest = np.uintp(1)
    for text in range(len(bounds) - 1):
        longest = max(longest, np.uintp(bounds[text + 1] - bounds[text]))
    return longest


longest: Final[Any] = _compiled(_longest)


def _sketch(
    codes: Any,
    bounds: Any,
    length: int,
    multiplier: Any,
    power: Any,
    factors: Any,
    addends: Any,
    signatures: Any,
) -> None:
    """Write the sketches of texts."""
    lows = np.empty(LANES, np.uint32)
    room = np.empty(longest(bounds), np.uint64)
    # Four at a time, since most of the work is reading and writing the lanes; the last
    # one is said again until there are four.
    hashed = np.empty(len(room) + 3, np.uint32)
    for text in range(len(bounds) - 1):
        first, stop = np.uintp(bounds[text]), np.uintp(bounds[text + 1])
        count = shingle(codes, first, stop, length, multiplier, power, room)
        for at in range(count):
            mixed = room[at] * _FIRST
            hashed[at] = np.uint32((mixed ^ (mixed >> _HALF)) * _SECOND >> _HALF)
        lows[:] = np.uint32(0xFFFFFFFF)
        for at in range(count, count + np.uintp(3)):
            hashed[at] = hashed[at - _ONE] if count else np.uint32(0)
        for at in range(np.uintp(0), count, np.uintp(4)):
            one, two = hashed[at], hashed[at + _ONE]
            three, four = hashed[at + np.uintp(2)], hashed[at + np.uintp(3)]
            for lane in range(np.uintp(LANES)):
                factor, addend = factors[lane], addends[lane]
                lows[lane] = min(
                    lows[lane],
                    np.uint32(factor * one + addend),
                    np.uint32(factor * two + addend),
                    np.uint32(factor * three + addend),
                    np.uint32(factor * four + addend),
                )
        for lane in range(np.uintp(LANES)):
            signatures[text, lane] = np.uint16(lows[lane])


sketch: Final[Any] = _compiled(_sketch)


def _first_common_band(one: Any, other: Any, rows: int) -> int:
    """Return the first band in which two sketches agree, or -1."""
    for band in range(LANES // rows):
        lane = np.uintp(band * rows)
        end = lane + np.uintp(rows)
        while lane < end and one[lane] == other[lane]:
            lane += _ONE
        if lane == end:
            return band
    return -1


first_common_band: Final[Any] = _compiled(_first_common_band)


def _agreed(one: Any, other: Any) -> Any:
    """Return in how many lanes two sketches agree."""
    same = np.uint16(0)
    for lane in range(np.uintp(LANES)):
        same += np.uint16(one[lane] == other[lane])
    return np.int64(same)


agreed: Final[Any] = _compiled(_agreed)


def _band_keys(signatures: Any, texts: Any, first: int, rows: int, keys: Any) -> None:
    """Write a number for the lanes of some bands from `first`; equal lanes, equal ones.

    `keys` has a row for each band.
    """
    for at in range(len(texts)):
        one = signatures[texts[at]]
        for band in range(len(keys)):
            key = np.uint64(0)
            begin = np.uintp((first + band) * rows)
            for lane in range(begin, begin + np.uintp(rows)):
                key = key * _POWER + np.uint64(one[lane])
            key *= _FIRST
            keys[band, at] = (key ^ (key >> _HALF)) * _SECOND


band_keys: Final[Any] = _compiled(_band_keys)


def _repeated(keys: Any, once: Any, again: Any, places: Any) -> Any:
    """List the places of keys that may be there more than once; return how many.

    `once` and `again` are rows of bits, 2^n of them in words of 64. Each key has one
    bit, and most keys are there once, with a bit that no other key has.
    """
    once[:] = np.uint64(0)
    again[:] = np.uint64(0)
    mask = np.uint64(len(once) - 1)
    low = np.uint64(63)
    for at in range(len(keys)):
        word = np.uintp((keys[at] >> np.uint64(6)) & mask)
        bit = np.uint64(1) << (keys[at] & low)
        again[word] |= once[word] & bit
        once[word] |= bit
    count = np.uintp(0)
    for at in range(len(keys)):
        word = np.uintp((keys[at] >> np.uint64(6)) & mask)
        places[count] = at
        count += np.uintp((again[word] >> (keys[at] & low)) & np.uint64(1))
    return count


repeated: Final[Any] = _compiled(_repeated)


def _candidates(
    signatures: Any,
    texts: Any,
    first: int,
    last: int,
    rows: int,
    least: int,
    most: int,
) -> Any:
    """Return pairs whose first common band is one of some, and that agree enough.

    Looked at are the bands from `first` to before `last` of the given texts,
    ascending. Pairs are ``lesser << 32 | greater``, in no order; with more than `most`
    the search ends.
    """
    bits = 4
    while (1 << bits) < len(texts):
        bits += 1
    shift = np.uint64(64 - bits)
    heads = np.empty(1 << bits, np.int32)
    links = np.empty(len(texts), np.int32)
    once = np.empty(1 << (bits - 3), np.uint64)
    again = np.empty(1 << (bits - 3), np.uint64)
    places = np.empty(len(texts) + 1, np.int32)
    many = np.empty((_BANDS, len(texts)), np.uint64)
    # A copy mostly has one original, which it meets in a third of the bands.
    met = np.full(len(texts), -1, np.int32)
    found = np.empty(max(1024, len(texts)), np.int64)
    size = 0
    for band in range(first, last):
        if (band - first) % _BANDS == 0:
            ahead = min(_BANDS, last - band)
            band_keys(signatures, texts, band, rows, many[:ahead])
        keys = many[(band - first) % _BANDS]
        heads[:] = -1
        for number in range(repeated(keys, once, again, places)):
            at = places[number]
            key = keys[np.uintp(at)]
            bucket = np.uintp(key >> shift)
            before = heads[bucket]
            links[np.uintp(at)] = before
            heads[bucket] = at
            while before >= 0:
                if keys[np.uintp(before)] == key and met[np.uintp(at)] != before:
                    met[np.uintp(at)] = before
                    one, other = signatures[texts[at]], signatures[texts[before]]
                    if (
                        first_common_band(one, other, rows) == band
                        and agreed(one, other) >= least
                    ):
                        if size == len(found):
                            wider = np.empty(2 * size, np.int64)
                            wider[:size] = found
                            found = wider
                        found[size] = (texts[before] << 32) | texts[at]
                        size += 1
                        if size > most:
                            return found[:size]
                before = links[np.uintp(before)]
    return found[:size]


candidates: Final[Any] = _compiled(_candidates)


def _place(table: Any, mask: Any, code: Any) -> Any:
    """Return where a shingle stands in a table, or the empty place where it belongs.

    Used are a power of two of its places, one more than `mask`, and most of them are
    empty. Empty places are 0; no shingle is, for its characters are counted from one.
    """
    place = (code * _FIRST >> _HALF) & mask
    while table[place] != np.uint64(0) and table[place] != code:
        place = (place + np.uint64(1)) & mask
    return place


place_of: Final[Any] = _compiled(_place)


def _table_size(shingles: Any) -> Any:
    """Return a power of two more than four times as great."""
    size = np.uintp(8)
    while size <= np.uintp(4) * shingles:
        size += size
    return size


table_size: Final[Any] = _compiled(_table_size)


def _likenesses(
    codes: Any, bounds: Any, pairs: Any, length: int, multiplier: Any, power: Any
) -> Any:
    """Compare the shingles of pairs of texts, ``lesser << 32 | greater``, sorted.

    The shingles of the lesser text stand in a table. Those of the greater one are
    looked up, entered where they are new, and taken out again.
    """
    most = longest(bounds)
    room = np.empty(most, np.uint64)
    entered = np.empty(most, np.uint64)
    held = np.empty(table_size(most + most), np.uint64)
    seen = np.empty(len(held), np.int32)
    found = np.empty(len(pairs), np.float64)
    mine, size, before = np.int64(0), np.uintp(0), np.int64(-1)
    mask, turn = np.uint64(0), np.int32(0)
    for number in range(len(pairs)):
        turn += np.int32(1)
        one, other = pairs[number] >> 32, pairs[number] & 0xFFFFFFFF
        begin, end = np.uintp(bounds[other]), np.uintp(bounds[other + 1])
        first, stop = np.uintp(bounds[one]), np.uintp(bounds[one + 1])
        needed = table_size(max(stop - first, end - begin))
        if one != before or needed > size:
            before, size, mine = one, needed, np.int64(0)
            mask = np.uint64(size - _ONE)
            held[:size] = np.uint64(0)
            seen[:size] = -1
            turn = np.int32(0)
            count = shingle(codes, first, stop, length, multiplier, power, room)
            for at in range(count):
                place = place_of(held, mask, room[at])
                if held[place] == np.uint64(0):
                    held[place] = room[at]
                    mine += 1
        common, new = np.int64(0), np.uintp(0)
        count = shingle(codes, begin, end, length, multiplier, power, room)
        for at in range(count):
            place = place_of(held, mask, room[at])
            if held[place] == np.uint64(0):
                held[place] = room[at]
                seen[place] = turn
                entered[new] = place
                new += _ONE
            elif seen[place] != turn:
                seen[place] = turn
                common += 1
        # They came in behind those of the lesser text, of which none moves.
        for at in range(new):
            held[np.uintp(entered[at])] = np.uint64(0)
        found[number] = common / (mine + np.int64(new))
    return found


likenesses: Final[Any] = _compiled(_likenesses)
