"""Constants of a job file as typed values."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pyarrow as pa

from lumos_dagster.conversion import convert
from lumos_dagster.conversion.kinds import Array
from lumos_dagster.errors import ConfigError, DataError, Problem
from lumos_dagster.transforms.series import to_polars


def constant(value: Any) -> Array:
    """A YAML value as an array of one, of the type that the value has. Raises ValueError where it has none."""
    if value is None:
        return pa.nulls(1, pa.string())
    if isinstance(value, datetime):
        return pa.array([value], pa.timestamp("us", "UTC" if value.tzinfo else None))
    try:
        return pa.array([value])
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError) as error:
        raise ValueError(f"{value!r} has no type that a column could have") from error


def constant_as(value: Any, kind: pa.DataType, path: str) -> pl.Series:
    """A YAML value as a series of one of the type given. Raises ConfigError where the value is none of that type."""
    if isinstance(value, datetime) and pa.types.is_timestamp(kind) and kind.tz is None and value.tzinfo:
        value = value.astimezone(UTC).replace(tzinfo=None)
    try:
        found = convert(constant(value), kind)
    except (ValueError, DataError):
        found = None
    if found is None or found.values[0].as_py() is None:
        raise ConfigError(Problem(f"the value is not {article(kind)}, which the column is", path=path))
    return to_polars(found.values)


def number(value: Any) -> Decimal | None:
    """The exact number that a YAML value is written as; None where it is none, true and false included."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    found = Decimal(repr(value) if isinstance(value, float) else value)
    return found if found.is_finite() and abs(found.adjusted()) <= 400 else None


def scale_of(value: Decimal) -> int:
    """The digits behind the point."""
    return max(-int(value.normalize().as_tuple().exponent), 0)


def article(kind: pa.DataType) -> str:
    """`an int64`, `a date32[day]`."""
    return f"{'an' if str(kind)[0] in 'aeiou' else 'a'} {kind}"
