"""DuckDB's types: which are Arrow's own, which are read as text, and what a text for them must look like."""

from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lumos_dagster.connectors.jdbc.database import Column, is_binary
from lumos_dagster.errors import DataError

_TYPES: tuple[tuple[Callable[[pa.DataType], bool], str], ...] = (
    (pa.types.is_boolean, "BOOLEAN"),
    (pa.types.is_int8, "TINYINT"),
    (pa.types.is_int16, "SMALLINT"),
    (pa.types.is_int32, "INTEGER"),
    (pa.types.is_int64, "BIGINT"),
    (pa.types.is_uint8, "UTINYINT"),
    (pa.types.is_uint16, "USMALLINT"),
    (pa.types.is_uint32, "UINTEGER"),
    (pa.types.is_uint64, "UBIGINT"),
    (pa.types.is_float64, "DOUBLE"),
    (pa.types.is_floating, "FLOAT"),
    (pa.types.is_date, "DATE"),
    (pa.types.is_time, "TIME"),
    (pa.types.is_nested, "JSON"),
    (
        is_binary,
        "BLOB",
    ),
    (lambda _: True, "VARCHAR"),
)
_PLAIN: Mapping[str, pa.DataType] = {
    "boolean": pa.bool_(), "tinyint": pa.int8(), "smallint": pa.int16(), "integer": pa.int32(), "bigint": pa.int64(),
    "utinyint": pa.uint8(), "usmallint": pa.uint16(), "uinteger": pa.uint32(), "ubigint": pa.uint64(),
    "float": pa.float32(), "double": pa.float64(), "varchar": pa.string(), "blob": pa.binary(), "date": pa.date32(),
    "time": pa.time64("us"), "timestamp": pa.timestamp("us"), "timestamp with time zone": pa.timestamp("us", "UTC"),
}  # fmt: skip
"""Types that are the same in Arrow, by their id. What is neither here nor below is text."""
_COARSE: Mapping[str, int] = {"timestamp_s": 0, "timestamp_ms": 3}
"""Timestamps that keep so many digits of a second."""
_PATTERNS: Mapping[str, str] = {
    "hugeint": r"-?[0-9]+",
    "uhugeint": r"[0-9]+",
    "bignum": r"-?[0-9]+",
    "bit": r"[01]+",
    "interval": r"[^.]*(\.[0-9]{1,6})?",
    "time with time zone": r"[0-9:]*(\.[0-9]{1,6})?([-+][0-9:]+)?",
    "time_ns": r"[0-9:]*(\.[0-9]{1,9})?",
    "timestamp_ns": r"[-0-9T: ]*(\.[0-9]{1,9})?",
}
"""What a text for such a column must look like, since more of it would be rounded or cut."""
_MOMENTS: tuple[tuple[Callable[[pa.DataType], bool], str, int, int], ...] = (
    (pa.types.is_date32, "int32", -719_162, 2_932_896),
    (pa.types.is_timestamp, "int64", -62_135_596_800_000_000, 253_402_300_799_999_999),
)
"""The years 1 to 9999: the database has more, and infinity, which no reader of Arrow knows for such."""


def made_for(kind: pa.DataType) -> str:
    """The type of a column that is made for such values. ValueError where there is none."""
    if pa.types.is_timestamp(kind):
        return "TIMESTAMPTZ" if getattr(kind, "tz", None) else "TIMESTAMP"
    if pa.types.is_decimal(kind) and kind.precision <= 38 and 0 <= kind.scale <= kind.precision:
        return f"DECIMAL({kind.precision},{kind.scale})"
    if pa.types.is_duration(kind):
        raise ValueError(f"DuckDB has no column type for {kind}")
    return next(name for is_kind, name in _TYPES if is_kind(kind))


def column(name: str, declared: str, kind: Any, nullable: bool, has_default: bool) -> Column:
    """As its type says; texts for the others are read by the database itself, once they look right."""
    if (found := _arrow(kind)) is not None:
        return Column(name, found, declared, nullable, has_default)
    if kind.id in _COARSE:
        return Column(name, pa.timestamp("us"), declared, nullable, has_default, fraction=_COARSE[kind.id])
    if kind.id == "enum":
        labels = tuple(dict(kind.children)["values"])
        return Column(name, pa.string(), declared, nullable, has_default, labels=labels)
    pattern = _PATTERNS.get(kind.id, "")
    return Column(name, pa.string(), declared, nullable, has_default, pattern=pattern and f"^(?:{pattern})$")


def spelled(name: str, kind: Any) -> str:
    """The column as it is read: exact in Arrow, or as text."""
    if _arrow(kind) is not None:
        return name
    return f"CAST({name} AS {'TIMESTAMP' if kind.id in _COARSE else 'VARCHAR'})"


def checked(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch. DataError where it holds a moment that Arrow would take for another."""
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        for is_kind, number, least, greatest in _MOMENTS:
            if is_kind(column.type):
                ends: Any = pc.min_max(column.view(number)).as_py()
                if ends["min"] is not None and not least <= ends["min"] <= ends["max"] <= greatest:
                    raise DataError(
                        f"column {name!r} holds a moment beyond the years 1 to 9999, or infinity: select it as text "
                        f'(CAST("{name}" AS VARCHAR))'
                    )
    return batch


def _arrow(kind: Any, is_inside: bool = False) -> pa.DataType | None:
    """The Arrow type that keeps every value; None where there is none."""
    if str(kind) == "JSON":
        return None
    if kind.id == "decimal":
        parts = dict(kind.children)
        return pa.decimal128(parts["precision"], parts["scale"])
    if kind.id == "list":
        inside = _arrow(kind.children[0][1], is_inside=True)
        return None if inside is None else pa.list_(inside)
    if is_inside and kind.id.startswith(("date", "time")):  # what is inside is not looked at for infinity
        return None
    return _PLAIN.get(kind.id)
