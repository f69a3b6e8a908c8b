"""Values to text, so that reading the text gives the same value."""

import json
from datetime import date, time
from decimal import Decimal
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from lumos_dagster.conversion.frames import VALUE, Array, compute, is_bytes, is_text, is_utc


def as_text(column: Array) -> Array:
    """Each value as the text that reads back as the same value."""
    kind = column.type
    if any(is_one(kind) for is_one in (is_text, types.is_null, types.is_boolean, types.is_integer)):
        return column.cast(pa.string())
    if any(is_one(kind) for is_one in (types.is_nested, types.is_decimal256, types.is_duration, types.is_interval)):
        spell = _json if types.is_nested(kind) else _plain
        return pa.array([None if value is None else spell(value) for value in column.to_pylist()], pa.string())
    if types.is_timestamp(kind):
        return _timestamp(column)
    if types.is_time(kind):
        return compute(column, VALUE.dt.strftime("%H:%M:%S%.f"), pa.string())
    if is_bytes(kind):
        return compute(column.cast(pa.binary()), VALUE.bin.encode("hex"), pa.string())
    return compute(column, VALUE.cast(pl.String), pa.string())


def as_written(column: Array) -> Array:
    """The column itself where polars writes its values into a CSV as `as_text` does, else their texts."""
    kind = column.type
    plain = (types.is_integer, types.is_decimal128, types.is_date32, types.is_boolean)
    return column if any(is_one(kind) for is_one in plain) else as_text(column)


def _timestamp(column: Array) -> Array:
    kind = column.type
    suffix = ""
    if kind.tz and (is_utc(kind.tz) or kind.tz[0] in "+-"):  # polars knows zones by their names only
        suffix = "Z" if is_utc(kind.tz) else kind.tz
        column = pc.local_timestamp(column)
    elif kind.tz:
        suffix = "%:z"
    if kind.unit == "s":
        column = column.cast(pa.timestamp("ms", column.type.tz))
    return compute(column, VALUE.dt.strftime("%Y-%m-%dT%H:%M:%S%.f" + suffix), pa.string())


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_plain)


def _plain(value: Any) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value)
