"""The types of SQLite's columns, which only declare them."""

import re

import pyarrow as pa

from lumos_dagster.connectors.jdbc.database import Column, is_binary, made_for

_DECIMAL = re.compile(r"(?:DECIMAL|NUMERIC)\s*\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)")
_DECLARED: tuple[tuple[re.Pattern[str], pa.DataType], ...] = tuple(
    (re.compile(pattern), kind)
    for pattern, kind in (
        (r"^BOOL(EAN)?$", pa.bool_()),
        (r"^DATE$", pa.date32()),
        (r"^TIMESTAMP(TZ| WITH TIME ZONE)", pa.timestamp("us", "UTC")),
        (r"^(TIMESTAMP|DATETIME)", pa.timestamp("us")),
        (r"^TIME$", pa.time64("us")),
        (r"INT", pa.int64()),
        (r"CHAR|CLOB|TEXT", pa.string()),
        (r"BLOB", pa.binary()),
        (r"REAL|FLOA|DOUB", pa.float64()),
        (r"^(NUMERIC|DECIMAL|NUMBER)", pa.decimal128(38, 18)),
    )
)
_MADE_FOR = (
    (pa.types.is_boolean, "BOOLEAN"),
    (pa.types.is_integer, "INTEGER"),
    (pa.types.is_floating, "REAL"),
    (pa.types.is_decimal, "TEXT"),
    (pa.types.is_date, "DATE"),
    (pa.types.is_time, "TIME"),
    (is_binary, "BLOB"),
    (lambda _: True, "TEXT"),
)


def sql_type(kind: pa.DataType) -> str:
    """The type that a column is declared with for values of this kind. ValueError where there is none."""
    if pa.types.is_timestamp(kind):
        return "TIMESTAMPTZ" if getattr(kind, "tz", None) else "TIMESTAMP"
    return made_for(kind, _MADE_FOR, "SQLite")


def column(name: str, declared: str, nullable: bool, has_default: bool) -> Column:
    """A column of the target."""
    kind = arrow_type(declared)
    if kind is not None and pa.types.is_decimal(kind):  # a NUMERIC column holds a float: only what that holds exactly
        return Column(name, kind, declared, nullable, has_default, stored=pa.float64())
    nan_is_null = kind is not None and pa.types.is_floating(kind)
    return Column(name, kind or pa.string(), declared, nullable, has_default, nan_is_null=nan_is_null)


def arrow_type(declared: str) -> pa.DataType | None:
    """The Arrow type of a declared column type, by SQLite's own rules of affinity; None where nothing is declared."""
    kind = declared.upper().strip()
    if decimal := _DECIMAL.match(kind):
        return pa.decimal128(min(int(decimal[1]), 38), min(int(decimal[2] or 0), 38))
    for pattern, found in _DECLARED:
        if pattern.search(kind):
            return found
    return None
