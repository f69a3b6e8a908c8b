"""Which BSON type a column had where its Arrow type does not tell: a mark in the field's metadata, at any depth."""

from typing import Any, Literal, TypeAlias

import pyarrow as pa

Field: TypeAlias = "pa.Field[Any]"
Mark: TypeAlias = Literal["objectId", "uuid", "json", "string"]
"""What a text column may be to BSON: `json` is extended JSON of any type, `string` the text itself."""

_KEY = b"lumos.bson"
_BINARY = "binary:"


def marked(name: str, kind: pa.DataType, mark: str) -> Field:
    """A field of that type, with the mark where there is one."""
    return pa.field(name, kind, metadata={_KEY: mark.encode()} if mark else None)


def mark_of(field: Field) -> str:
    """The field's mark, "" where it has none."""
    return (field.metadata or {}).get(_KEY, b"").decode()


def binary_mark(subtype: int) -> str:
    """The mark of binary values of that subtype."""
    return f"{_BINARY}{subtype}"


def subtype_of(mark: str) -> int | None:
    """The binary subtype that the mark tells, None where it tells none."""
    return int(mark.removeprefix(_BINARY)) if mark.startswith(_BINARY) else None
