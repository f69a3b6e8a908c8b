"""What shape documents have: BSON types seen column by column, and the Arrow field that holds them all exactly."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any
from uuid import UUID

import pyarrow as pa
from bson import Binary, Decimal128, Int64, ObjectId
from bson.binary import UUID_SUBTYPE
from bson.datetime_ms import DatetimeMS

from lumos_dagster.connectors.mongodb.extended import as_json
from lumos_dagster.connectors.mongodb.marks import Field, binary_mark, marked, subtype_of

Convert = Callable[[Any], Any]

_KINDS: dict[type, str] = {
    bool: "bool",
    int: "int",
    Int64: "int",
    float: "double",
    str: "text",
    bytes: "binary",
    ObjectId: "objectId",
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
    "objectId": pa.string(),
    "uuid": pa.string(),
    "date": pa.timestamp("ms", tz="UTC"),
}
_MARKED = ("objectId", "uuid")
_CONVERT: dict[str, Convert] = {
    "objectId": str,
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

    @classmethod
    def of_rows(cls, names: list[str]) -> "Shape":
        """The shape of whole documents, which have these fields in any case."""
        shape = cls()
        shape._fields = {name: cls() for name in names}
        return shape

    def see(self, values: list[Any]) -> None:
        """Take the values at this place of many documents into account; null fits everywhere."""
        values = [value for value in values if value is not None]
        self.seen += len(values)
        for python_type in set(map(type, values)):
            kind = _KINDS.get(python_type)
            these: list[Any] = [value for value in values if type(value) is python_type]
            if kind is None:
                self._kinds.update(map(_rare_kind, these))
                continue
            self._kinds.add(kind)
            if kind == "document" and "other" not in self._kinds:
                self.see_documents(these)
                if len(self._fields) > _MOST_FIELDS:
                    self._kinds.add("other")
                    self._fields.clear()
            elif kind == "list":
                self._item = self._item or Shape()
                self._item.see(list(chain.from_iterable(these)))
            elif kind == "decimal":
                self._see_decimals(these)

    def see_documents(self, documents: list[dict[str, Any]]) -> None:
        """Take the fields of many documents into account."""
        columns: defaultdict[str, list[Any]] = defaultdict(list)
        for document in documents:
            for name, value in document.items():
                columns[name].append(value)
        for name, values in columns.items():
            field = self._fields.get(name)
            if field is None:
                field = self._fields[name] = Shape()
            field.see(values)

    def _see_decimals(self, values: list[Decimal128]) -> None:
        for number in map(Decimal128.to_decimal, values):
            sign, digits, exponent = number.as_tuple()
            # Arrow has neither NaN nor the infinities nor minus zero among its decimals.
            if not isinstance(exponent, int) or (sign and not any(digits)):
                self._kinds.add("other")
                continue
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
            return not self._fields
        return "decimal" in self._kinds and self._integer_digits + self._scale > _MOST_DIGITS

    def field(self, name: str) -> Field:
        """The field that holds every value seen, marked with the BSON type where Arrow's does not tell it."""
        if not self._kinds:
            return pa.field(name, pa.string())
        if self.odd:
            return marked(name, pa.string(), "json")
        (kind,) = self._kinds
        if kind == "document":
            return pa.field(name, pa.struct([shape.field(inner) for inner, shape in self._fields.items()]))
        if kind == "list":
            return pa.field(name, pa.list_((self._item or Shape()).field("item")))
        if kind == "decimal":
            digits = self._integer_digits + self._scale
            return pa.field(name, pa.decimal128(38, self._scale) if digits <= 38 else pa.decimal256(76, self._scale))
        if subtype_of(kind) is not None:
            return marked(name, pa.binary(), kind)
        return marked(name, _SIMPLE[kind], kind if kind in _MARKED else "")

    def converter(self) -> Convert | None:
        """What turns a value into what Arrow takes for `field`, or None where it is that already."""
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


def _rare_kind(value: Any) -> str:
    if not isinstance(value, Binary):
        return "other"
    is_uuid = value.subtype == UUID_SUBTYPE and len(value) == 16
    return "uuid" if is_uuid else binary_mark(value.subtype)


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
