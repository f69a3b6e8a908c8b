"""Text to values by a whole column at once, many times faster, where it is spelled so plainly that all agree."""

from binascii import Error as NoHex
from binascii import unhexlify
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from lumos_dagster.conversion.kinds import DAY_SECONDS, DIGITS, FIRST_DAY, Array, Kind, is_bytes, is_utc, sized

_LOWEST, _HIGHEST = ord("-"), ord("9")
"""Between them stand minus, point, digits, and a slash, which Arrow takes in no number and no date."""
_DECIMAL_LENGTH = 38
"""So short a number has no more digits than Arrow counts."""
_INTEGER_LENGTH = 18
"""So short an integer, its sign and the zeros to come counted, is not beyond 64 bits."""
_DAY_LENGTH, _MINUTE_COLON, _MINUTE_LENGTH = len("2026-03-04"), len("2026-03-04T05"), len("2026-03-04T05:06")
_ZONE_HOURS = 18
"""A plain zone has less; Arrow knows some of 23."""
_NOT_ZERO = "^[^eE]*[1-9]"


def read_plainly(column: Array, target: Kind) -> Array | None:
    """The values where Arrow takes every text, and each of those by our grammar; else None.

    Arrow alone would take more than our grammar, such as 0x1F, and less, such as +1: what is not plain is for others.
    """
    read = next((read for matches, read in _READERS if matches(target)), None)
    try:
        return read(column, target) if read else None
    except (pa.ArrowInvalid, NoHex):
        return None


def _cast(column: Array, target: Kind) -> Array:
    """The first by itself: where Arrow takes none, to say so of each takes longer than our grammar does."""
    column.slice(0, 1).cast(target)
    return column.cast(target)


def _floating(column: Array, target: Kind) -> Array | None:
    """Where none is beyond the type's range, or lost below it."""
    values = _cast(column, target)
    zeros = column.filter(pc.equal(values, pa.scalar(0, target)))
    is_known = pc.all(pc.is_finite(values)).as_py() is not False
    return values if is_known and not pc.any(pc.match_substring_regex(zeros, _NOT_ZERO)).as_py() else None


def _digits(column: Array, target: Kind) -> Array | None:
    """Integers, decimals and days where every text holds digits, minus and point only."""
    marks = bytes_of(column)
    if marks.min(initial=_LOWEST) < _LOWEST or marks.max(initial=_HIGHEST) > _HIGHEST:
        return None
    if types.is_decimal128(target) and (counted := _counted(column, target)) is not None:
        return counted
    if types.is_decimal(target) and longest(column) > _DECIMAL_LENGTH:
        return None
    values: Array = column.cast(target)
    return None if types.is_date32(target) and _least(values.cast(pa.int32())) < FIRST_DAY else values


def _time(column: Array, target: Kind) -> Array | None:
    """As the moments of a day, as Arrow reads no times."""
    day, nothing = (pa.scalar(text, column.type) for text in ("1970-01-01 ", ""))
    moments = _timestamp(pc.binary_join_element_wise(day, column, nothing), pa.timestamp(target.unit))
    if moments is None:
        return None
    ticks = moments.cast(pa.int64())
    return (ticks.cast(pa.int32()) if types.is_time32(target) else ticks).cast(target)


def _timestamp(column: Array, target: Kind) -> Array | None:
    """Where none has a zone, or each one: Z, +08:00 or +08."""
    if target.unit == "ns" or (target.tz is not None and not is_utc(target.tz)):
        return None
    texts = column.drop_null()
    is_zoned = target.tz is not None and _is_zoned(texts.slice(0, 1))
    moments = _cast(column, pa.timestamp(target.unit, "UTC" if is_zoned else None))
    ticks = moments.cast(pa.int64())
    # A day more, as a zone may bring what begins in the year 0 into the year 1.
    if _least(ticks) < (FIRST_DAY + 1) * DAY_SECONDS * 10 ** DIGITS[target.unit]:
        return None
    return ticks.cast(target) if _are_plain_moments(texts, is_zoned) else None


def _is_zoned(moment: Array) -> bool:
    try:
        moment.cast(pa.timestamp("us", "UTC"))
    except pa.ArrowInvalid:
        return False
    return True


def _are_plain_moments(column: Array, are_zoned: bool) -> bool:
    """Of what Arrow takes: that none has hours without minutes, nor a zone that only Arrow knows."""
    text, offsets = bytes_of(column), offsets_of(column)
    starts, ends = offsets[:-1], offsets[1:]
    lengths = ends - starts
    longer = lengths != _DAY_LENGTH
    if (lengths[longer] < _MINUTE_LENGTH).any() or (text[starts[longer] + _MINUTE_COLON] != ord(":")).any():
        return False
    ends = ends[text[ends - 1] != ord("Z")] if are_zoned else ends[:0]
    hours_end = np.where(text[ends - 3] == ord(":"), ends - 3, ends)
    signs, tens, ones = (text[hours_end - back] for back in (3, 2, 1))
    hours = 10 * (tens - ord("0")) + (ones - ord("0"))
    return not ((signs != ord("+")) & (signs != ord("-"))).any() and not (hours >= _ZONE_HOURS).any()


def _hex(column: Array, target: Kind) -> Array | None:
    """Bytes, all at once, where each text has whole ones, and the same mark in front of them."""
    marked: Array = pc.starts_with(column, "\\x")
    if marked.true_count:
        if marked.false_count:
            return None
        column = pc.binary_replace_slice(column, 0, 2, "")
    digits = pc.fill_null(column.cast(pa.large_string()), "")
    offsets = offsets_of(digits)
    if (offsets % 2).any():
        return None
    buffers = [None, pa.py_buffer((offsets // 2).data), pa.py_buffer(unhexlify(bytes_of(digits).data))]
    values = pa.Array.from_buffers(pa.large_binary(), len(digits), buffers)
    return sized(pc.if_else(column.is_valid(), values, pa.scalar(None, pa.large_binary())), target)


def _counted(column: Array, target: Kind) -> Array | None:
    """Decimals that all have as many digits behind their point as the target, or none has a point; else None.

    Without the point they are integers, which Arrow reads several times as fast. pa.ArrowInvalid where one is none.
    """
    rows, scale = len(column), target.scale
    if not rows or scale < 0:
        return None
    if column.null_count:
        zero = "0." + "0" * scale if scale and (bytes_of(column) == ord(".")).any() else "0"
        counted = _counted(pc.fill_null(column, pa.scalar(zero, column.type)), target)
        return None if counted is None else pc.if_else(column.is_valid(), counted, pa.scalar(None, target))
    ends, text = offsets_of(column), bytes_of(column)
    digits = text.tobytes().translate(None, b".")
    lengths, points = np.diff(ends), len(text) - len(digits)
    if lengths.max() + scale > _INTEGER_LENGTH:
        return None
    if points:
        if points != rows or lengths.min() < scale + 2:  # something stands before the point
            return None
        if (text[ends[1:] - (scale + 1)] != ord(".")).any():
            return None
        ends = ends - np.arange(rows + 1, dtype=ends.dtype)
    buffers = [None, pa.py_buffer(ends.data), pa.py_buffer(digits)]
    found: Array = pa.Array.from_buffers(column.type, rows, buffers).cast(pa.int64())
    counts = np.frombuffer(found.buffers()[1], np.int64, rows)  # to_numpy would load pandas
    counts = counts if points else counts * 10**scale
    if np.abs(counts).max() >= 10**target.precision:
        return None
    halves = np.stack((counts, counts >> 63), axis=1)  # of 128 bits; the upper one holds nothing but the sign
    return pa.Array.from_buffers(target, rows, [None, pa.py_buffer(halves.data)])


def longest(column: Array) -> int:
    """How many bytes the longest text has."""
    lengths: Array = pc.binary_length(column)
    longest: Array = pc.max(lengths)
    return longest.as_py() or 0


def _least(days: Array) -> int:
    least: Array = pc.min(days)
    return least.as_py() or 0


def bytes_of(column: Array) -> "np.ndarray[Any, np.dtype[np.uint8]]":
    """Those of all values behind one another, where they lie."""
    values, offsets = column.buffers()[2], _offsets(column)
    return np.frombuffer(values or b"", np.uint8)[offsets[0] : offsets[-1]]


def offsets_of(column: Array) -> "np.ndarray[Any, np.dtype[Any]]":
    """Where in those bytes each value begins, and behind the last one where it ends."""
    whole = _offsets(column)
    offsets: np.ndarray[Any, np.dtype[Any]] = whole - whole[0]
    return offsets


def _offsets(column: Array) -> "np.ndarray[Any, np.dtype[Any]]":
    """The same in the whole buffer, of which the column may be a part."""
    is_large = types.is_large_string(column.type) or types.is_large_binary(column.type)
    width = np.dtype(np.int64 if is_large else np.int32)
    places, count = column.buffers()[1], len(column) + 1
    return np.frombuffer(places, width, count, column.offset * width.itemsize) if places else np.zeros(count, width)


_READERS = (
    (types.is_boolean, _cast),
    (types.is_float32, _floating),
    (types.is_float64, _floating),
    (types.is_integer, _digits),
    (types.is_decimal, _digits),
    (types.is_date32, _digits),
    (types.is_time, _time),
    (types.is_timestamp, _timestamp),
    (is_bytes, _hex),
)
