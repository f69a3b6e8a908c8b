"""What shape documents have: BSON types seen field by field, and the Arrow type that holds them all exactly."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pyarrow as pa
from bson import Binary, Decimal128, Int64, ObjectId, json_util
from bson.binary import UUID_SUBTYPE
from bson.datetime_ms import DatetimeMS

Convert = Callable[[Any], Any]

_KINDS: dict[type, str] = {
    bool: "bool",
    int: "int",
    Int64: "int",
    float: "double",
    str: "text",
    bytes: "binary",
    ObjectId: "object_id",
    DatetimeMS: "date",
    Decimal128: "decimal",
    list: "list",
    dict: "document",
}
_SIMPLE: dict[str, pa.DataType] = {
    "bool": pa.bool_(),
    "int": pa.int64(),
    "double": pa.float64(),
    "text": pa.string(),
    "binary": pa.binary(),
    "object_id": pa.string(),
    "uuid": pa.string(),
    "date": pa.timestamp("ms", tz="UTC"),
}
_CONVERT: dict[str, Convert] = {
    "object_id": str,
    "uuid": lambda value: str(UUID(bytes=bytes(value))),
    "date": int,
    "decimal": lambda value: value.to_decimal(),
}
_MOST_DIGITS = 76
_MOST_FIELDS = 1000
"""A nested document with more field names than this uses them as data; as a struct it would grow without bound."""


class Shape:
    """Everything seen at one place of the documents."""

    __slots__ = ("_fields", "_integer_digits", "_item", "_kinds", "_scale", "seen")

    def __init__(self) -> None:
        self.seen = 0
        self._kinds: set[str] = set()
        self._fields: dict[str, Shape] = {}
        self._item: Shape | None = None
        self._integer_digits = 0
        self._scale = 0

    def see(self, value: Any) -> None:
        """Take one value into account; null fits everywhere."""
        if value is None:
            return
        self.seen += 1
        kind = _KINDS.get(type(value)) or _rare_kind(value)
        self._kinds.add(kind)
        if kind == "document":
            self._see_document(value)
        elif kind == "list":
            self._item = self._item or Shape()
            for item in value:
                self._item.see(item)
        elif kind == "decimal":
            self._see_decimal(value)

    def _see_document(self, document: dict[str, Any]) -> None:
        for name, value in document.items():
            field = self._fields.get(name)
            if field is None:
                field = self._fields[name] = Shape()
            field.see(value)

    def _see_decimal(self, value: Decimal128) -> None:
        number = value.to_decimal()
        exponent = number.as_tuple().exponent
        if not isinstance(exponent, int):  # NaN and the infinities
            self._kinds.add("other")
            return
        self._integer_digits = max(self._integer_digits, number.adjusted() + 1)
        self._scale = max(self._scale, -exponent)

    @property
    def fields(self) -> dict[str, "Shape"]:
        """The shapes of a document's fields, in the order first met."""
        return self._fields

    @property
    def odd(self) -> bool:
        """Whether the values share no Arrow type, so that they are kept as JSON text."""
        if len(self._kinds) > 1 or "other" in self._kinds:
            return True
        if "document" in self._kinds:
            return not 0 < len(self._fields) <= _MOST_FIELDS
        return "decimal" in self._kinds and self._integer_digits + self._scale > _MOST_DIGITS

    def arrow(self) -> pa.DataType:
        """The type that holds every value seen."""
        if not self._kinds or self.odd:
            return pa.string()
        (kind,) = self._kinds
        if kind == "document":
            return pa.struct([pa.field(name, shape.arrow()) for name, shape in self._fields.items()])
        if kind == "list":
            return pa.list_((self._item or Shape()).arrow())
        if kind == "decimal":
            digits = self._integer_digits + self._scale
            return pa.decimal128(38, self._scale) if digits <= 38 else pa.decimal256(76, self._scale)
        return _SIMPLE[kind]

    def converter(self) -> Convert | None:
        """What turns a value into what Arrow takes for `arrow`, or None where it is that already."""
        if not self._kinds:
            return None
        if self.odd:
            return as_json
        (kind,) = self._kinds
        if kind == "document":
            return _document_converter({name: shape.converter() for name, shape in self._fields.items()})
        if kind == "list":
            return _list_converter((self._item or Shape()).converter())
        return _CONVERT.get(kind)

    def odd_paths(self, path: str) -> Iterator[tuple[str, int]]:
        """Every place below `path` that is kept as JSON text, with how many values it has."""
        if self.odd:
            yield path, self.seen
            return
        for name, shape in self._fields.items():
            yield from shape.odd_paths(f"{path}.{name}")
        if self._item:
            yield from self._item.odd_paths(f"{path}[]")


def as_json(value: Any) -> str:
    """A value as extended JSON, which names every BSON type that JSON lacks."""
    return json_util.dumps(value, json_options=json_util.RELAXED_JSON_OPTIONS, ensure_ascii=False)


def _rare_kind(value: Any) -> str:
    return "uuid" if isinstance(value, Binary) and value.subtype == UUID_SUBTYPE else "other"


def _document_converter(fields: dict[str, Convert | None]) -> Convert | None:
    changed = {name: convert for name, convert in fields.items() if convert}
    if not changed:
        return None

    def convert(document: dict[str, Any]) -> dict[str, Any]:
        result = dict(document)
        for name, change in changed.items():
            if (value := result.get(name)) is not None:
                result[name] = change(value)
        return result

    return convert


def _list_converter(change: Convert | None) -> Convert | None:
    if change is None:
        return None
    return lambda items: [None if item is None else change(item) for item in items]
