"""Arrow rows to JSON, without loss: what JSON has no form for becomes text that reads back as the same value."""

import json
import math
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from lumos_dagster.conversion import as_text
from lumos_dagster.conversion.kinds import Array
from lumos_dagster.errors import DataError
from lumos_dagster.problems import repeated


def to_json(rows: pa.RecordBatch) -> str:
    """A JSON array of one object for each row, every column in it, null or not.

    Integers, floats and booleans are themselves; decimals, dates, times and timestamps ISO text; durations
    integers of their unit; binary base64; maps lists of {key, value}; NaN and the infinities their names as text.
    """
    rendered = _rendered(rows)
    return rendered.write_json() if isinstance(rendered, pl.DataFrame) else f"[{','.join(rendered)}]"


def to_json_lines(rows: pa.RecordBatch) -> list[str]:
    """The same objects, each a text of its own."""
    rendered = _rendered(rows)
    return rendered.write_ndjson().split("\n")[:-1] if isinstance(rendered, pl.DataFrame) else rendered


def _rendered(rows: pa.RecordBatch) -> pl.DataFrame | list[str]:
    """The rows as a frame that polars writes exactly, or each as JSON where it could not."""
    if not rows.num_columns:
        return ["{}"] * rows.num_rows
    names = rows.schema.names
    if twice := sorted(repeated(names)):
        raise DataError(f"columns {', '.join(twice)} are there twice, which JSON cannot tell apart: rename one")
    columns = [_plain(column) for column in rows.columns]
    if all(_is_finite(column) for column in columns):
        return pl.DataFrame({name: pl.from_arrow(column) for name, column in zip(names, columns, strict=True)})
    records = pa.RecordBatch.from_arrays(columns, names).to_pylist()
    return [json.dumps(_named(record), ensure_ascii=False, separators=(",", ":")) for record in records]


def _plain(column: Array) -> Array:
    """The same values in types that JSON has."""
    kind = column.type
    if isinstance(column, pa.ExtensionArray):
        return _plain(column.storage)
    if isinstance(column, pa.DictionaryArray):
        return _plain(column.dictionary_decode())
    if (
        types.is_binary(kind)
        or types.is_large_binary(kind)
        or types.is_fixed_size_binary(kind)
        or types.is_binary_view(kind)
    ):
        text = pl.Series(pl.from_arrow(column.cast(pa.large_binary()))).bin.encode("base64")
        return text.to_arrow().cast(pa.string())
    if types.is_duration(kind):
        return column.cast(pa.int64())
    if types.is_map(kind):
        entries = pa.StructArray.from_arrays([column.keys, column.items], ["key", "value"])
        lists: Array = pa.ListArray.from_arrays(
            column.offsets, entries, mask=column.is_null() if column.null_count else None
        )
        return _plain(lists)
    if types.is_struct(kind):
        children = [_plain(child) for child in column.flatten()]
        return pa.StructArray.from_arrays(children, [field.name for field in kind], mask=column.is_null())
    if types.is_nested(kind):
        lengths = pc.list_value_length(column).fill_null(0).cast(pa.int64())
        ends: Array = pa.concat_arrays([pa.array([0], pa.int64()), pc.cumulative_sum(lengths)])
        items = _plain(column.flatten())
        return pa.LargeListArray.from_arrays(ends, items, type=pa.large_list(items.type), mask=column.is_null())
    if types.is_string_view(kind) or types.is_float16(kind):
        return column.cast(pa.string() if types.is_string_view(kind) else pa.float32())
    if types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind):
        return column
    return as_text(column)


def _is_finite(column: Array) -> bool:
    if types.is_nested(column.type):
        return (
            all(_is_finite(child) for child in column.flatten())
            if types.is_struct(column.type)
            else _is_finite(column.flatten())
        )
    return not types.is_floating(column.type) or pc.all(pc.is_finite(column)).as_py() is not False


def _named(value: Any) -> Any:
    """The value with NaN and the infinities as text."""
    match value:
        case list():
            return [_named(one) for one in value]
        case dict():
            return {key: _named(one) for key, one in value.items()}
        case float() if not math.isfinite(value):
            return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value
