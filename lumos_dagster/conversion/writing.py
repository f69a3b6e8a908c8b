"""Values to text, so that reading the text gives the same value."""

import pyarrow as pa
from pyarrow import types

from lumos_dagster.conversion.kinds import Array, is_text

_CAST = (is_text, types.is_null, types.is_boolean, types.is_integer)
_WRITTEN = (types.is_integer, types.is_decimal128, types.is_boolean)


def as_text(column: Array) -> Array:
    """Each value as the text that reads back as the same value."""
    kind = column.type
    if any(is_one(kind) for is_one in _CAST):
        return column.cast(pa.string())
    if types.is_nested(kind):
        from lumos_dagster.conversion.nesting import as_json

        return as_json(column)
    from lumos_dagster.conversion.spelling import spelled

    return spelled(column)


def as_written(column: Array) -> Array:
    """The column itself where polars writes its values into a CSV as `as_text` does, else their texts."""
    return column if any(is_one(column.type) for is_one in _WRITTEN) else as_text(column)
