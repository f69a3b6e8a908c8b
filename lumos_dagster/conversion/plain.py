"""Text to values by Arrow's own parser, many times faster, where a column is spelled so plainly that all agree."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from lumos_dagster.conversion.kinds import Array, Kind

_LOWEST, _HIGHEST = ord("-"), ord("9")
"""Between them stand minus, point, digits, and a slash, which Arrow takes in no number and no date."""
_DOUBLE_LENGTH, _DECIMAL_LENGTH = 15, 38
"""So short a number is neither beyond a double's range nor lost below it; and has no more digits than Arrow counts."""
_INTEGER_LENGTH = 18
"""So short an integer, its sign and the zeros to come counted, is not beyond 64 bits."""
_FIRST_DAY = -719_162
"""The first day of the year 1: Arrow knows a year 0 too."""


def read_plainly(column: Array, target: Kind) -> Array | None:
    """The values where every text holds digits, minus and point only, and Arrow takes them all; else None.

    Arrow alone would take more than our grammar, such as 0x1F, and less, such as +1: what is not plain is for others.
    """
    has_point = types.is_decimal(target) or types.is_float64(target)
    if not (has_point or types.is_integer(target) or types.is_date32(target)):
        return None
    marks = bytes_of(column)
    if marks.min(initial=_LOWEST) < _LOWEST or marks.max(initial=_HIGHEST) > _HIGHEST:
        return None
    try:
        if types.is_decimal128(target) and (counted := _counted(column, target)) is not None:
            return counted
        if has_point and longest(column) > (_DECIMAL_LENGTH if types.is_decimal(target) else _DOUBLE_LENGTH):
            return None
        values = column.cast(target)
    except pa.ArrowInvalid:
        return None
    return None if types.is_date32(target) and _least(values.cast(pa.int32())) < _FIRST_DAY else values


def _counted(column: Array, target: Kind) -> Array | None:
    """Decimals that all have as many digits behind their point as the target, or none has a point; else None.

    Without the point they are integers, which Arrow reads several times as fast. pa.ArrowInvalid where one is none.
    """
    rows, scale = len(column), target.scale
    if not rows or column.null_count or scale < 0:
        return None
    ends, text = _ends(column), bytes_of(column)
    ends, digits = ends - ends[0], text.tobytes().translate(None, b".")
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
    """Those of all texts behind one another, where they lie."""
    text, ends = column.buffers()[2], _ends(column)
    return np.frombuffer(text or b"", np.uint8)[ends[0] : ends[-1]]


def _ends(column: Array) -> "np.ndarray[Any, np.dtype[Any]]":
    """Where in the buffer each text ends, behind where the first begins."""
    width = np.dtype(np.int64 if types.is_large_string(column.type) else np.int32)
    places, count = column.buffers()[1], len(column) + 1
    return np.frombuffer(places, width, count, column.offset * width.itemsize) if places else np.zeros(count, width)
