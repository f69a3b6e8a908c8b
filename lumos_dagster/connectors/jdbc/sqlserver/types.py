"""SQL Server's types: what values of each are in Arrow, what is made for an Arrow type, and what a column can hold."""

import re
from functools import lru_cache
from typing import Any

import pyarrow as pa

from lumos_dagster.connectors.jdbc.database import Column, is_binary, made_for

TIMESTAMP_TZ = pa.timestamp("us", "UTC")
_LONGEST = {"nvarchar": 4000, "nchar": 4000, "varchar": 8000, "char": 8000, "varbinary": 8000, "binary": 8000}
_PLAIN: dict[str, pa.DataType] = {
    "bit": pa.bool_(), "tinyint": pa.uint8(), "smallint": pa.int16(), "int": pa.int32(), "bigint": pa.int64(),
    "real": pa.float32(), "float": pa.float64(), "date": pa.date32(), "time": pa.time64("us"),
    "datetime": pa.timestamp("us"), "smalldatetime": pa.timestamp("us"), "datetime2": pa.timestamp("us"),
    "datetimeoffset": TIMESTAMP_TZ, "money": pa.decimal128(19, 4), "smallmoney": pa.decimal128(10, 4),
    "binary": pa.binary(), "varbinary": pa.binary(), "image": pa.binary(), "timestamp": pa.binary(),
    "rowversion": pa.binary(),
}  # fmt: skip
_UUID = r"(?i)^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
_GRIDS = {"datetime": (10_000, 0, 3_000, 7_000), "smalldatetime": (60_000_000, 0)}
"""Values are kept to the third of a hundredth of a second, or to the minute."""
_SCALED = ("time", "datetime2", "datetimeoffset")
_DECLARED = re.compile(r"(?P<name>\w+)(?:\((?P<first>\d+|max)(?:,(?P<second>\d+))?\))?")
_UTF8 = 65001
_WIDE = {932: "cp932", 936: "cp936", 949: "cp949", 950: "cp950"}


def column(row: Any) -> Column:
    """A column as `sys.columns` tells it."""
    name, kind, length, precision, scale, nullable, has_default, is_identity, collation, code_page = row
    declared = _declared(kind, length, precision, scale)
    is_text = kind in ("char", "varchar", "text", "nchar", "nvarchar", "ntext")
    is_wide = kind in ("nchar", "nvarchar", "ntext") or code_page == _UTF8
    per_character = 2 if kind in ("nchar", "nvarchar") else 1
    return Column(
        name,
        arrow_type(declared),
        declared,
        nullable=bool(nullable),
        has_default=bool(has_default),
        max_length=length // per_character if kind in _LONGEST and is_text and length > 0 else None,
        pattern=_UUID if kind == "uniqueidentifier" else "" if is_wide or not is_text else _repertoire(code_page),
        fraction=min(scale, 6) if kind in _SCALED else None,
        grid=_GRIDS.get(kind, ()),
        is_finite=kind in ("real", "float"),
        is_identity=bool(is_identity),
        collation=f"COLLATE {collation}" if collation else "",
    )


def _declared(kind: str, length: int, precision: int, scale: int) -> str:
    if kind in _LONGEST:
        characters = length // 2 if kind in ("nchar", "nvarchar") else length
        return f"{kind}({'max' if length < 0 else characters})"
    if kind in ("decimal", "numeric"):
        return f"{kind}({precision},{scale})"
    return f"{kind}({scale})" if kind in _SCALED else kind


def arrow_type(declared: str) -> pa.DataType:
    """The Arrow type that holds every value of a type exactly; text where Arrow has none."""
    match = _DECLARED.fullmatch(declared)
    if match and match["name"] in ("decimal", "numeric"):
        return pa.decimal128(int(match["first"]), int(match["second"] or 0))
    plain: pa.DataType = _PLAIN.get(match["name"] if match else "", pa.string())
    return plain


def made_type(kind: pa.DataType) -> str:
    """The type of a column made for values of this kind. ValueError where there is none."""
    if isinstance(kind, pa.Decimal128Type | pa.Decimal256Type):
        if kind.precision > 38 or kind.scale < 0:
            raise ValueError(f"SQL Server has no column type for {kind}")
        return f"decimal({kind.precision},{kind.scale})"
    if pa.types.is_timestamp(kind):
        return "datetimeoffset(6)" if getattr(kind, "tz", None) else "datetime2(6)"
    return made_for(kind, _MADE_FOR, "SQL Server")


def key_type(kind: pa.DataType) -> str:
    """The same for a column of a primary key, which is at most 900 bytes long."""
    made = made_type(kind)
    return {"nvarchar(max)": "nvarchar(450)", "varbinary(max)": "varbinary(900)"}.get(made, made)


def sent_as(declared: str) -> str:
    """How values of a column travel: texts always as UTF-16, so that no code page of the connection's comes between."""
    match = _DECLARED.fullmatch(declared)
    name, first = (match["name"], match["first"]) if match else ("", None)
    if name in ("char", "varchar", "nchar", "nvarchar"):
        return "nvarchar(max)" if first == "max" or int(first or 1) > _LONGEST["nvarchar"] else f"nvarchar({first})"
    if name == "uniqueidentifier":
        return "nvarchar(36)"
    if name in ("money", "smallmoney"):
        return "decimal(19,4)"
    if name in ("decimal", "numeric"):
        return f"decimal({first},{(match and match['second']) or 0})"
    if name in ("datetime", "smalldatetime"):
        return "datetime2(6)"
    if name in ("binary", "varbinary", "image"):
        return "varbinary(max)"
    return declared if name in _PLAIN else "nvarchar(max)"


@lru_cache(maxsize=16)
def _repertoire(code_page: int | None) -> str:
    """A pattern of the texts that a code page has, as SQL Server writes a ? for any other character in silence."""
    codec = _WIDE.get(code_page or 0, f"cp{code_page}")
    ranges: list[list[int]] = []
    try:
        for point in range(1, 0x10000):
            if 0xD800 <= point < 0xE000 or not _is_in(point, codec):
                continue
            if ranges and ranges[-1][1] == point - 1:
                ranges[-1][1] = point
            else:
                ranges.append([point, point])
    except LookupError:
        return ""
    return "^[{}]*$".format("".join(rf"\x{{{first:x}}}-\x{{{last:x}}}" for first, last in ranges))


def _is_in(point: int, codec: str) -> bool:
    try:
        return chr(point).encode(codec).decode(codec) == chr(point)
    except UnicodeError:
        return False


_MADE_FOR = (
    (pa.types.is_boolean, "bit"),
    (lambda kind: kind == pa.uint8(), "tinyint"),
    (lambda kind: kind in (pa.int8(), pa.int16()), "smallint"),
    (lambda kind: kind in (pa.int32(), pa.uint16()), "int"),
    (lambda kind: kind == pa.uint64(), "decimal(20,0)"),
    (pa.types.is_integer, "bigint"),
    (pa.types.is_float32, "real"),
    (pa.types.is_floating, "float(53)"),
    (pa.types.is_date, "date"),
    (pa.types.is_time, "time(6)"),
    (
        is_binary,
        "varbinary(max)",
    ),
    (pa.types.is_nested, "nvarchar(max)"),
    (
        lambda kind: pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind),
        "nvarchar(max)",
    ),
)
