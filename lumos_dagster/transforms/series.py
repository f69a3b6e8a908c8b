"""Arrow arrays as polars series, and back."""

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from lumos_dagster.conversion import is_text
from lumos_dagster.conversion.kinds import Array


def to_polars(array: Array) -> pl.Series:
    """An Arrow array as a series of exactly the same values; of types polars lacks, only where they are null."""
    if types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if types.is_time32(array.type):
        array = array.cast(pa.time64("ns"))
    if types.is_timestamp(array.type):
        if array.type.unit == "s":
            array = array.cast(pa.timestamp("ms", array.type.tz))
        if array.type.tz and not array.type.tz[0].isalpha():  # polars knows zones by name only, not +08:00
            array = array.cast(pa.timestamp(array.type.unit, "UTC"))
    if not polars_holds(array.type):
        array = pc.if_else(array.is_valid(), True, None)
    return pl.Series(pl.from_arrow(array))


def to_arrow(values: pl.Series) -> Array:
    """A series as one Arrow array, in the layouts that the rest of the code uses."""
    return values.to_arrow(compat_level=pl.CompatLevel.oldest())


def polars_holds(kind: pa.DataType) -> bool:
    """Whether polars has the type, with exactly the same values."""
    exactly = (
        types.is_boolean, types.is_integer, types.is_float32, types.is_float64, types.is_decimal128, is_text,
        types.is_binary, types.is_large_binary, types.is_binary_view, types.is_date32, types.is_time64,
        types.is_timestamp,
    )  # fmt: skip
    return any(is_one(kind) for is_one in exactly)
