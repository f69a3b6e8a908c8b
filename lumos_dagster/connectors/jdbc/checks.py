"""What a column asks of its values beyond their type, held against a whole batch at once."""

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lumos_dagster.connectors.jdbc.database import Column
from lumos_dagster.conversion.kinds import are_multiples
from lumos_dagster.conversion.plain import bytes_of, longest

Array = Any
"""A pyarrow.Array, as in fitting.py."""

_MICROSECOND_DIGITS = 6


def misfits(column: Column, values: Array) -> Iterator[tuple[Array, str]]:
    """Which values the column would refuse or change, with the reason; `values` are of its type."""
    for bad, reason in _checked(column, values):
        yield pc.fill_null(bad, False), reason


def _checked(column: Column, values: Array) -> Iterator[tuple[Array, str]]:
    where = f"column {column.name!r}"
    if pa.types.is_string(values.type):
        yield from _checked_text(column, values, where)
    elif column.is_finite and pa.types.is_floating(values.type):
        yield pc.invert(pc.is_finite(values)), f"{where} ({column.sql_type}) knows neither NaN nor infinity"
    elif column.fraction is not None and column.fraction < _MICROSECOND_DIGITS:
        are_kept = are_multiples(values.cast(pa.int64()), 10 ** (_MICROSECOND_DIGITS - column.fraction))
        yield pc.invert(are_kept), f"cannot be kept exactly by {where} ({column.sql_type})"
    if column.labels:
        known = pc.is_in(values, value_set=pa.array(column.labels, values.type))
        shown = ", ".join(map(repr, column.labels[:20]))
        yield pc.and_(values.is_valid(), pc.invert(known)), f"is none of the values of {where}: {shown}"
    if column.grid and pa.types.is_timestamp(values.type):
        yield _off_grid(column.grid, values.cast(pa.int64())), f"cannot be kept exactly by {where} ({column.sql_type})"


def _off_grid(grid: Sequence[int], ticks: Array) -> Array:
    size, *kept = (pa.scalar(number, pa.int64()) for number in grid)
    rest: Array = pc.subtract(ticks, pc.multiply(pc.divide(ticks, size), size))
    # Of a moment before 1970 it is negative.
    rest = pc.if_else(pc.less(rest, pa.scalar(0, pa.int64())), pc.add(rest, size), rest)
    known = pc.is_in(rest, value_set=pa.array([number.as_py() for number in kept], pa.int64()))
    return pc.and_(ticks.is_valid(), pc.invert(known))


def _checked_text(column: Column, values: Array, where: str) -> Iterator[tuple[Array, str]]:
    """What can be told of all values at once is: characters are counted only where bytes are too many."""
    if column.max_length is not None and longest(values) > column.max_length:
        too_long = pc.greater(pc.utf8_length(values), pa.scalar(column.max_length, pa.int32()))
        yield too_long, f"longer than the {column.max_length} characters of {where}"
    if column.max_bytes is not None and longest(values) > column.max_bytes:
        too_many = pc.greater(pc.binary_length(values), pa.scalar(column.max_bytes, pa.int32()))
        yield too_many, f"longer than the {column.max_bytes} bytes of {where}"
    if column.never and bytes_of(values).min(initial=255) <= min(column.never.encode()):  # else none holds it
        yield pc.match_substring(values, column.never), f"holds {column.never!r}, which {where} cannot"
    if column.pattern:
        fits = pc.match_substring_regex(values, column.pattern)
        yield pc.invert(fits), f"does not fit {where} ({column.sql_type})"
