"""The types as job files name them."""

import re

import pyarrow as pa

_TYPES: dict[str, pa.DataType] = {
    "string": pa.string(),
    "int": pa.int64(),
    "int16": pa.int16(),
    "int32": pa.int32(),
    "float": pa.float64(),
    "bool": pa.bool_(),
    "date": pa.date32(),
    "time": pa.time64("us"),
    "timestamp": pa.timestamp("us"),
    "timestamptz": pa.timestamp("us", "UTC"),
    "binary": pa.binary(),
}
_SPELLINGS = {
    "text": "string",
    "str": "string",
    "integer": "int",
    "int64": "int",
    "bigint": "int",
    "smallint": "int16",
    "double": "float",
    "float64": "float",
    "boolean": "bool",
    "datetime": "timestamp",
    "bytes": "binary",
}
_DECIMAL = re.compile(r"(?:decimal|numeric)\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)")

TYPE_NAMES = (*_TYPES, "decimal(p,s)")
"""What may be written, other spellings left out."""


def type_named(name: str) -> pa.DataType:
    """The Arrow type of a name such as `int` or `decimal(10,2)`. Raises ValueError naming the known ones."""
    word = name.strip().lower()
    if decimal := _DECIMAL.fullmatch(word):
        precision, scale = int(decimal[1]), int(decimal[2] or 0)
        if 1 <= precision <= 76 and scale <= precision:
            return pa.decimal128(precision, scale) if precision <= 38 else pa.decimal256(precision, scale)
        raise ValueError(f"{name} is not possible: a decimal has 1 to 76 digits, and no more of them behind the point")
    kind = _TYPES.get(_SPELLINGS.get(word, word))
    if kind is None:
        raise ValueError(f"{name!r} is not a type; allowed: {', '.join(TYPE_NAMES)}")
    return kind
