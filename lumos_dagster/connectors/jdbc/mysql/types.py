"""MySQL's types: what a column holds in Arrow, by the catalogue or the protocol, and what is made for Arrow's."""

import re
from typing import Any

import pyarrow as pa

from lumos_dagster.connectors.jdbc.database import Column, is_binary, made_for

_UTF8 = "CHARACTER SET utf8mb4 /*M!100200 COLLATE utf8mb4_nopad_bin */ /*!80017 COLLATE utf8mb4_0900_bin */"
"""Texts are the same only where every character is, blanks at the end included; MariaDB and MySQL read one each."""

TEXT = f"longtext {_UTF8}"
_KEY_CHARACTERS = 255
_INSTANT = "UTC"
"""The comment of a column made for instants: a TIMESTAMP would keep their zone, but none outside 1970 to 2038."""

_INTEGERS = {
    "tinyint": (pa.int8(), pa.uint8()), "smallint": (pa.int16(), pa.uint16()), "mediumint": (pa.int32(), pa.uint32()),
    "int": (pa.int32(), pa.uint32()), "bigint": (pa.int64(), pa.uint64()),
}  # fmt: skip
_PLAIN: dict[str, pa.DataType] = {
    "float": pa.float32(), "double": pa.float64(), "date": pa.date32(), "time": pa.time64("us"),
    "datetime": pa.timestamp("us"), "timestamp": pa.timestamp("us", "UTC"), "year": pa.int16(), "bit": pa.uint64(),
    "binary": pa.binary(), "varbinary": pa.binary(), "tinyblob": pa.binary(), "blob": pa.binary(),
    "mediumblob": pa.binary(), "longblob": pa.binary(),
    **dict.fromkeys(("geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon",
                     "geometrycollection"), pa.binary()),
}  # fmt: skip
_KIND = re.compile(r"(?P<name>\w+)(?:\((?P<numbers>[\d,]+)\))?")
_NO_BLANK_AT_THE_END = r"[^ ]$|^$"
_YEARS = (0, *range(1901, 2156))
"""Below 100 the server takes any other number for a year of our centuries."""
_ESCAPES = {"''": "'", "\\\\": "\\", "\\n": "\n", "\\r": "\r", "\\0": "\0"}

# Types of the protocol: https://dev.mysql.com/doc/dev/mysql-server/latest/field__types_8h.html
_SENT: dict[int, pa.DataType] = {
    4: pa.float32(), 5: pa.float64(), 6: pa.string(), 7: pa.timestamp("us", "UTC"), 10: pa.date32(),
    11: pa.time64("us"), 12: pa.timestamp("us"), 13: pa.int16(), 14: pa.date32(), 255: pa.binary(),
}  # fmt: skip
_SENT_INTEGERS = {1: "tinyint", 2: "smallint", 3: "int", 8: "bigint", 9: "mediumint"}
BIT, _DECIMALS, _JSON, _BINARY_CHARACTERS, _UNSIGNED = 16, (0, 246), 245, 63, 32


def column(name: str, sql_type: str, nullable: bool, has_default: bool, collation: str, comment: str) -> Column:
    """A column as the catalogue describes it."""
    match = _KIND.match(sql_type)
    kind, numbers = (match["name"], match["numbers"] or "") if match else ("", "")
    size = int(numbers.split(",")[0]) if numbers else 0
    is_time = kind in ("time", "datetime", "timestamp")
    is_instant = kind == "datetime" and comment == _INSTANT
    return Column(
        name,
        pa.timestamp("us", "UTC") if is_instant else _arrow_type(kind, numbers, "unsigned" in sql_type),
        sql_type,
        nullable,
        has_default,
        max_length=size if kind in ("char", "varchar") else None,
        pattern=_NO_BLANK_AT_THE_END if kind == "char" else "",
        stored=_stored(kind, numbers),
        fraction=size if is_time else None,
        labels=_labels(sql_type) if kind == "enum" else _YEARS if kind == "year" else (),
        is_finite=kind in ("float", "double"),
        is_truth=sql_type == "tinyint(1)",
        collation=f"CHARACTER SET {collation.split('_', maxsplit=1)[0]} COLLATE {collation}" if collation else "",
    )


def sent_type(field: Any) -> pa.DataType:
    """The Arrow type of a field of a result, as the protocol describes it."""
    unsigned = bool(field.flags & _UNSIGNED)
    if name := _SENT_INTEGERS.get(field.type_code):
        return pa.bool_() if (name, field.length) == ("tinyint", 1) else _INTEGERS[name][unsigned]
    if field.type_code in _DECIMALS:
        digits = max(field.length - (field.scale > 0) - (not unsigned), 1)
        return _decimal(digits, field.scale)
    if field.type_code == BIT:
        return pa.bool_() if field.length == 1 else pa.uint64()
    if field.type_code in _SENT:
        return _SENT[field.type_code]
    return pa.binary() if field.charsetnr == _BINARY_CHARACTERS and field.type_code != _JSON else pa.string()


def made_type(kind: pa.DataType) -> str:
    """The type of a column made for values of this kind. ValueError where there is none."""
    types = pa.types
    if types.is_decimal(kind):
        return _made_decimal(kind)
    if types.is_timestamp(kind):
        return f"datetime(6) COMMENT '{_INSTANT}'" if getattr(kind, "tz", None) else "datetime(6)"
    for name, both in _INTEGERS.items():
        if kind in both and name != "mediumint":
            return name if kind == both[0] else f"{name} unsigned"
    return made_for(kind, _MADE_FOR, "MySQL")


def key_type(kind: pa.DataType) -> str:
    """The same for a column of a key, which may not be of any length."""
    made = made_type(kind)
    if made == TEXT:
        return text_type(_KEY_CHARACTERS)
    return f"varbinary({_KEY_CHARACTERS})" if made == "longblob" else made


def text_type(width: int) -> str:
    """A column for texts of so many characters."""
    return f"varchar({width}) {_UTF8}"


_MADE_FOR = (
    (pa.types.is_boolean, "boolean"),
    (pa.types.is_float32, "float"),
    (pa.types.is_floating, "double"),
    (pa.types.is_date, "date"),
    (pa.types.is_time, "time(6)"),
    (
        is_binary,
        "longblob",
    ),
    (pa.types.is_nested, "json"),
    (lambda kind: pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind), TEXT),
)


def _made_decimal(kind: Any) -> str:
    if kind.precision > 65 or not 0 <= kind.scale <= 30:
        raise ValueError(f"MySQL has no column type for {kind}: it knows 65 digits, 30 of them behind the point")
    return f"decimal({kind.precision},{kind.scale})"


def _arrow_type(kind: str, numbers: str, unsigned: bool) -> pa.DataType:
    if kind in _INTEGERS:
        return _INTEGERS[kind][unsigned]
    if kind == "decimal":
        digits, scale = map(int, numbers.split(","))
        return _decimal(digits, scale)
    if kind == "bit" and numbers == "1":
        return pa.bool_()
    return _PLAIN.get(kind, pa.string())


def _decimal(digits: int, scale: int) -> pa.DataType:
    return pa.decimal128(digits, scale) if digits <= 38 else pa.decimal256(digits, scale)


def _stored(kind: str, numbers: str) -> pa.DataType | None:
    """What a value must also be, or the server would pad or round it in silence."""
    if kind == "binary":
        return pa.binary(int(numbers))
    if kind in ("float", "double") and "," in numbers:
        digits, scale = map(int, numbers.split(","))
        return pa.decimal256(min(digits, 76), scale)
    return None


def _labels(sql_type: str) -> tuple[str, ...]:
    written = re.findall(r"'((?:[^']|'')*)'", sql_type)
    return tuple(re.sub(r"''|\\[\\nr0]", lambda found: _ESCAPES[found[0]], label) for label in written)
