"""What there is to know of Arrow's types by themselves, for whoever has not loaded polars."""

from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from lumos_dagster.errors import DataError

Array: TypeAlias = Any
"""A pyarrow.Array whose type is only known at run time, while the stubs bind each function to some types."""
Kind: TypeAlias = Any
"""A pyarrow.DataType whose family has been looked at, so that its unit, zone or precision may be asked for."""

DIGITS = {"s": 0, "ms": 3, "us": 6, "ns": 9}
DAY_SECONDS = 86_400
FIRST_DAY = -719_162
"""The first day of the year 1, from 1970: Arrow knows a year 0 too."""


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


def is_utc(zone: str | None) -> bool:
    """Whether the zone's clocks show UTC, by its name."""
    return zone is not None and zone.upper() in ("UTC", "ETC/UTC", "Z", "+00:00")


def impossible(kind: pa.DataType, target: pa.DataType) -> DataError:
    """No value of the one type could be the other."""
    return DataError(f"{kind} cannot become {target}")


def unwrapped(column: Array) -> Array:
    """The values as they are laid out most often, so that every way between types knows them."""
    if isinstance(column, pa.ExtensionArray):
        return unwrapped(column.storage)
    if isinstance(column, pa.DictionaryArray):
        return unwrapped(column.dictionary_decode())
    return column.cast(pa.large_string()) if types.is_string_view(column.type) else column


def are_multiples(ticks: Array, unit: int) -> Array:
    """Which of the 64-bit counts the unit goes into; null for null."""
    whole = pa.scalar(unit, pa.int64())
    return pc.equal(pc.multiply(pc.divide(ticks, whole), whole), ticks)


def sized(column: Array, target: Kind) -> Array:
    """Binary values in another layout; null where a fixed size does not fit."""
    column = column.cast(pa.binary())
    if types.is_fixed_size_binary(target):
        column = pc.if_else(pc.equal(pc.binary_length(column), pa.scalar(target.byte_width)), column, None)
    return column.cast(target)
