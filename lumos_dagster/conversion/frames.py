"""What the ways between types share: one polars expression over one Arrow column."""

import polars as pl
import pyarrow as pa
from pyarrow import types

from lumos_dagster.conversion.kinds import Array, Kind

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


def of_ticks(ticks: Array, target: pa.DataType) -> Array:
    """64-bit counts of the target's own unit as times or timestamps."""
    return (ticks.cast(pa.int32()) if types.is_time32(target) else ticks).cast(target)
