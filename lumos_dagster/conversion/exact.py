"""Values of one type to another, where they stay exactly the same."""

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from lumos_dagster.conversion.frames import VALUE, compute, of_ticks, polars_type
from lumos_dagster.conversion.kinds import DIGITS, Array, Kind, impossible, is_bytes, is_number, sized
from lumos_dagster.conversion.reading import decimal, floating, from_text, localised
from lumos_dagster.conversion.writing import as_text


def from_values(column: Array, target: Kind) -> Array:
    """Each value as `target`, null where it would not be the same."""
    kind = column.type
    ways = (
        (is_number, is_number, _number),
        (types.is_date, types.is_date, _cast),
        (types.is_date, types.is_timestamp, _midnight),
        (types.is_timestamp, types.is_date, _day),
        (types.is_time, types.is_time, _time),
        (types.is_timestamp, types.is_timestamp, _timestamp),
        (is_bytes, is_bytes, sized),
        (types.is_nested, types.is_nested, _cast),
        (types.is_duration, types.is_duration, _cast),
    )
    for here, there, way in ways:
        if here(kind) and there(target):
            return way(column, target)
    raise impossible(kind, target)


def _number(column: Array, target: Kind) -> Array:
    kind = column.type
    if types.is_boolean(kind):
        return _number(column.cast(pa.int8()), target)
    if types.is_decimal(target):
        return decimal(as_text(column), target)
    if not types.is_decimal(kind):
        there = VALUE.cast(polars_type(target), strict=False)
        same = there.cast(polars_type(kind), strict=False) == VALUE
        return compute(column, pl.when(same).then(there), target)
    if types.is_floating(target):
        numbers = floating(as_text(column), target)
        return pc.if_else(pc.equal(_number(numbers, kind), column), numbers, None)
    whole = decimal(as_text(column), pa.decimal256(76, 0)).cast(pa.string())
    return from_text(whole, target)


def _cast(column: Array, target: Kind) -> Array:
    try:
        return column.cast(target)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise impossible(column.type, target) from error


def _midnight(column: Array, target: Kind) -> Array:
    seconds = column.cast(pa.date32()).cast(pa.timestamp("s")).cast(pa.int64())
    return localised(of_ticks(_rescaled(seconds, "s", target.unit), pa.timestamp(target.unit)), target)


def _day(column: Array, target: Kind) -> Array:
    kind = column.type
    local = pc.local_timestamp(column) if kind.tz else column
    day = pc.floor_temporal(local, unit="day")
    return pc.if_else(pc.equal(day, local), day, None).cast(target)


def _time(column: Array, target: Kind) -> Array:
    return of_ticks(_rescaled(_ticks(column), column.type.unit, target.unit), target)


def _timestamp(column: Array, target: Kind) -> Array:
    kind = column.type
    if kind.tz and not target.tz:  # which clock it should show is not ours to guess
        raise impossible(kind, target)
    ticks = _rescaled(_ticks(column), kind.unit, target.unit)
    return localised(of_ticks(ticks, pa.timestamp(target.unit, kind.tz)), target)


def _ticks(column: Array) -> Array:
    return (column.cast(pa.int32()) if types.is_time32(column.type) else column).cast(pa.int64())


def _rescaled(ticks: Array, unit: str, target: str) -> Array:
    """Ticks in another unit; null where a digit would be lost or 64 bits are not enough."""
    power = DIGITS[target] - DIGITS[unit]
    factor = 10 ** abs(power)
    if power >= 0:
        there = VALUE * factor
        return compute(ticks, pl.when(there // factor == VALUE).then(there), pa.int64())
    return compute(ticks, pl.when(VALUE % factor == 0).then(VALUE // factor), pa.int64())
