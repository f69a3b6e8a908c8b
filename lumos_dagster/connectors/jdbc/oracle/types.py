"""Oracle's types: what values of each are in Arrow, what is made for an Arrow type, and how values are sent."""

import re
from typing import Any

import pyarrow as pa

from lumos_dagster.connectors.jdbc.database import Column, is_binary, made_for
from lumos_dagster.conversion import as_text

TIMESTAMP_TZ = pa.timestamp("us", "UTC")
_PLAIN: dict[str, pa.DataType] = {
    "BINARY_FLOAT": pa.float32(), "BINARY_DOUBLE": pa.float64(), "DATE": pa.timestamp("us"), "RAW": pa.binary(),
    "BLOB": pa.binary(), "LONG RAW": pa.binary(), "BOOLEAN": pa.bool_(),
}  # fmt: skip
_TIMESTAMP = re.compile(r"TIMESTAMP\((\d)\)(.*)")
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_ARROW_DIGITS = 38
_TEXTS = ("VARCHAR2", "NVARCHAR2", "CHAR", "NCHAR", "CLOB", "NCLOB", "LONG")
_MOMENT = 'YYYY-MM-DD"T"HH24:MI:SS'


def column(name: str, row: Any) -> Column:
    """A column as `all_tab_cols` tells it."""
    kind, length, characters, counts, precision, scale, nullable, has_default, is_identity = row
    stamp = _TIMESTAMP.fullmatch(kind)
    is_short = kind in ("VARCHAR2", "CHAR", "NVARCHAR2", "NCHAR")
    by_bytes = is_short and counts == "B"
    type_ = number_type(precision, scale) if kind == "NUMBER" else arrow_type(kind)
    return Column(
        name,
        type_,
        _declared(kind, length if by_bytes or kind == "RAW" else characters, precision, scale, by_bytes),
        nullable=nullable == "Y",
        has_default=bool(has_default),
        max_length=characters if is_short and not by_bytes else None,
        max_bytes=length if by_bytes else None,
        pattern=_NUMBER if kind in ("NUMBER", "FLOAT") and pa.types.is_string(type_) else "",
        fraction=0 if kind == "DATE" else min(int(stamp[1]), 6) if stamp else None,
        empty_is_null=kind in _TEXTS or kind == "RAW",
        is_identity=is_identity == "YES",
    )


def _declared(kind: str, width: int | None, precision: int | None, scale: int | None, by_bytes: bool) -> str:
    if kind in ("VARCHAR2", "CHAR"):
        return f"{kind}({width} {'BYTE' if by_bytes else 'CHAR'})"
    if kind in ("NVARCHAR2", "NCHAR", "RAW"):
        return f"{kind}({width})"
    if kind == "NUMBER" and scale is not None:
        return f"NUMBER({'*' if precision is None else precision},{scale})"
    return kind


def number_type(precision: int | None, scale: int | None) -> pa.DataType:
    """The Arrow type of a NUMBER; text where it may have any digits."""
    if scale is None or scale < 0 or (precision or _ARROW_DIGITS) > _ARROW_DIGITS or scale > _ARROW_DIGITS:
        return pa.string()
    if precision is not None and precision <= 18 and scale == 0:
        return pa.int64()
    return pa.decimal128(max(precision or _ARROW_DIGITS, scale), scale)


def arrow_type(kind: str) -> pa.DataType:
    """The Arrow type that holds every value of a type exactly; text where Arrow has none."""
    if stamp := _TIMESTAMP.fullmatch(kind):
        return TIMESTAMP_TZ if "TIME ZONE" in stamp[2] else pa.timestamp("us")
    plain: pa.DataType = _PLAIN.get(kind, pa.string())
    return plain


def made_type(kind: pa.DataType) -> str:
    """The type of a column made for values of this kind. ValueError where there is none."""
    if isinstance(kind, pa.Decimal128Type | pa.Decimal256Type):
        if kind.precision > 38:
            raise ValueError(f"Oracle has no column type for {kind}")
        return f"NUMBER({kind.precision},{kind.scale})"
    if pa.types.is_timestamp(kind):
        return "TIMESTAMP(6) WITH TIME ZONE" if getattr(kind, "tz", None) else "TIMESTAMP(6)"
    return made_for(kind, _MADE_FOR, "Oracle")


def key_type(kind: pa.DataType) -> str:
    """The same for a column of a primary key, which no LOB can be."""
    made = made_type(kind)
    return {"CLOB": "VARCHAR2(1000 CHAR)", "BLOB": "RAW(1000)"}.get(made, made)


def mark(column: Column, mark: str) -> str:
    """How a value of a column is spelled in an INSERT: moments travel as texts, whatever the session's formats are."""
    if not pa.types.is_timestamp(column.type):
        return mark
    if column.sql_type == "DATE":
        return f"TO_DATE({mark}, '{_MOMENT}')"
    if column.type.tz:
        return f"TO_TIMESTAMP_TZ({mark}, '{_MOMENT}.FF6TZH:TZM')"
    return f"TO_TIMESTAMP({mark}, '{_MOMENT}.FF6')"


def sendable(column: Column, values: Any) -> Any:
    """The values in the Arrow types that the driver takes."""
    import pyarrow.compute as pc

    kind = values.type
    if pa.types.is_timestamp(kind):
        if column.sql_type == "DATE":
            return pc.strftime(values.cast(pa.timestamp("s")), "%Y-%m-%dT%H:%M:%S")
        texts: Any = pc.strftime(values.cast(pa.timestamp("us", kind.tz and "UTC")), "%Y-%m-%dT%H:%M:%S")
        return pc.binary_join_element_wise(texts, "+00:00", "") if kind.tz else texts
    if pa.types.is_boolean(kind):
        return values.cast(pa.int8())
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return values.cast(pa.large_binary() if column.sql_type in ("BLOB", "LONG RAW") else pa.binary())
    known = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal128)
    if any(is_one(kind) for is_one in known):
        return values
    return as_text(values).cast(pa.large_string() if column.sql_type in ("CLOB", "NCLOB", "LONG") else pa.string())


_MADE_FOR = (
    (pa.types.is_boolean, "NUMBER(1)"),
    (lambda kind: kind in (pa.int8(), pa.uint8()), "NUMBER(3)"),
    (lambda kind: kind in (pa.int16(), pa.uint16()), "NUMBER(5)"),
    (lambda kind: kind in (pa.int32(), pa.uint32()), "NUMBER(10)"),
    (lambda kind: kind == pa.uint64(), "NUMBER(20)"),
    (pa.types.is_integer, "NUMBER(19)"),
    (pa.types.is_float32, "BINARY_FLOAT"),
    (pa.types.is_floating, "BINARY_DOUBLE"),
    (pa.types.is_date, "DATE"),
    (
        is_binary,
        "BLOB",
    ),
    (pa.types.is_nested, "CLOB"),
    (lambda kind: pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind), "CLOB"),
)
