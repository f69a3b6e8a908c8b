"""What the ways between types share: one polars expression over one Arrow column."""

from typing import Any, TypeAlias

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from lumos_dagster.errors import DataError

Array: TypeAlias = Any
"""A pyarrow.Array whose type is only known at run time, while the stubs bind each function to some types."""
Kind: TypeAlias = Any
"""A pyarrow.DataType whose family has been looked at, so that its unit, zone or precision may be asked for."""

DIGITS = {"s": 0, "ms": 3, "us": 6, "ns": 9}
VALUE = pl.col("value")


def compute(column: Array, result: pl.Expr, target: pa.DataType) -> Array:
    """The expression over the column, which it calls VALUE, as an Arrow array of type `target`."""
    return to_arrow(frame(column).select(result.alias("value"))["value"], target)


def frame(column: Array) -> pl.DataFrame:
    """A frame of one column, called as VALUE says."""
    return pl.DataFrame({"value": pl.from_arrow(column)})


def to_arrow(series: pl.Series, target: pa.DataType) -> Array:
    """The series as one Arrow array."""
    return series.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(target)


def polars_type(kind: Kind) -> pl.DataType:
    """What polars calls the type."""
    return pl.Series(pl.from_arrow(pa.nulls(0, kind))).dtype


def only(text: pl.Expr, pattern: str) -> pl.Expr:
    """The texts that match; null in place of the others."""
    return pl.when(text.str.contains(pattern)).then(text)


def is_text(kind: pa.DataType) -> bool:
    """Whether the type is text, however it is laid out."""
    return types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)


def is_bytes(kind: pa.DataType) -> bool:
    """Whether the type is binary, however it is laid out."""
    return any(
        matches(kind)
        for matches in (types.is_binary, types.is_large_binary, types.is_binary_view, types.is_fixed_size_binary)
    )


def is_number(kind: pa.DataType) -> bool:
    """Whether the type counts, booleans among them."""
    return types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind) or types.is_boolean(kind)


def of_ticks(ticks: Array, target: pa.DataType) -> Array:
    """64-bit counts of the target's own unit as times or timestamps."""
    return (ticks.cast(pa.int32()) if types.is_time32(target) else ticks).cast(target)


def sized(column: Array, target: Kind) -> Array:
    """Binary values in another layout; null where a fixed size does not fit."""
    column = column.cast(pa.binary())
    if types.is_fixed_size_binary(target):
        column = pc.if_else(pc.equal(pc.binary_length(column), pa.scalar(target.byte_width)), column, None)
    return column.cast(target)


def is_utc(zone: str | None) -> bool:
    """Whether the zone's clocks show UTC, by its name."""
    return zone is not None and zone.upper() in ("UTC", "ETC/UTC", "Z", "+00:00")


def impossible(kind: pa.DataType, target: pa.DataType) -> DataError:
    """No value of the one type could be the other."""
    return DataError(f"{kind} cannot become {target}")
