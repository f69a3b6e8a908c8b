"""Arrow rows to BSON documents: each column goes to the nearest type that BSON has, exactly or as a bad row."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc
from bson import Binary, Decimal128, ObjectId
from bson.datetime_ms import DatetimeMS
from bson.errors import BSONError

from lumos_dagster.connectors.mongodb.extended import from_json
from lumos_dagster.connectors.mongodb.marks import Field, Mark, mark_of, marked, subtype_of
from lumos_dagster.errors import ConfigError, DataError
from lumos_dagster.interface import BadRow, Task
from lumos_dagster.problems import repeated

Convert = Callable[[Any], Any]

_MILLISECONDS = pa.timestamp("ms")
_DECIMALS = (pa.Decimal32Type, pa.Decimal64Type, pa.Decimal128Type, pa.Decimal256Type)
_LISTS = (pa.ListType, pa.LargeListType, pa.FixedSizeListType)
_SIMPLE: tuple[tuple[Callable[[pa.DataType], bool], pa.DataType], ...] = (
    (pa.types.is_null, pa.null()),
    (pa.types.is_boolean, pa.bool_()),
    (pa.types.is_integer, pa.int64()),
    (pa.types.is_floating, pa.float64()),
    (pa.types.is_date, _MILLISECONDS),
    (pa.types.is_timestamp, _MILLISECONDS),
    (pa.types.is_string, pa.string()),
    (pa.types.is_large_string, pa.string()),
    (pa.types.is_string_view, pa.string()),
    (pa.types.is_time, pa.string()),
    (pa.types.is_binary, pa.binary()),
    (pa.types.is_large_binary, pa.binary()),
    (pa.types.is_fixed_size_binary, pa.binary()),
    (pa.types.is_binary_view, pa.binary()),
)
_RULES = "BSON dates hold milliseconds, integers 64 bits; round or convert the field first"


class Column:
    """One column on its way to BSON: the casts that it goes through in Arrow, and the last step in Python."""

    def __init__(self, field: Field) -> None:
        self.name: str = field.name
        exact = _bson_field(field, field.name)
        self._exact = exact.type
        self._plain = _plain_type(self._exact)
        self._convert = _converter(exact)

    def values(self, array: "pa.Array[Any]") -> list[Any]:
        """The BSON values. Raises ValueError where one does not fit."""
        exact = array if array.type == self._exact else array.cast(self._exact)
        plain: Any = exact if exact.type == self._plain else exact.cast(self._plain)
        values: list[Any] = plain.to_pylist()
        return [None if value is None else self._convert(value) for value in values] if self._convert else values

    def unfit(self, array: "pa.Array[Any]") -> dict[int, str]:
        """The rows whose values do not fit, and why; found one by one, so only asked when there are some."""
        reasons = {}
        for row in range(len(array)):
            try:
                self.values(array.slice(row, 1))
            except ValueError as error:
                rules = f"; {_RULES}" if isinstance(error, pa.ArrowInvalid) else ""
                reasons[row] = str(error).partition("\n")[0] + rules
        return reasons


def columns_of(schema: pa.Schema, types: dict[str, Mark]) -> list[Column]:
    """A Column for each field, `types` over what the fields' marks say.

    Raises DataError naming a field that has no place in a document, ConfigError for one of `types` that is not there.
    """
    if missing := [name for name in types if name not in schema.names]:
        raise ConfigError(f"types: {', '.join(missing)} is not among the columns: {', '.join(schema.names)}")
    _check_names(schema.names, "the input")
    return [
        Column(marked(field.name, field.type, types[field.name]) if field.name in types else field) for field in schema
    ]


def fitting(
    batch: pa.RecordBatch, columns: list[Column], first_row: int, task: Task
) -> tuple[pa.RecordBatch, list[dict[str, Any]], list[int]]:
    """The batch without its bad rows, which are booked, the documents of what is left, and their row numbers."""
    arrays = list(batch.columns)
    bad: dict[int, BadRow] = {}
    values = []
    for place, column in enumerate(columns):
        try:
            values.append(column.values(arrays[place]))
        except ValueError:
            reasons = column.unfit(arrays[place])
            found = [bad_row(batch, row, first_row + row, column.name, reason) for row, reason in reasons.items()]
            if task.on_error == "null":
                task.bad_rows(found, len(found))
            else:
                bad = dict(zip(reasons, found, strict=True)) | bad
            mask = pa.array([row in reasons for row in range(batch.num_rows)])
            arrays[place] = pc.if_else(mask, pa.scalar(None, arrays[place].type), arrays[place])
            values.append(column.values(arrays[place]))
    task.bad_rows([bad[row] for row in sorted(bad)], len(bad))
    names = batch.schema.names
    documents = _documents(names, values)
    kept = [row for row in range(batch.num_rows) if row not in bad]
    clean = pa.RecordBatch.from_arrays(arrays, schema=batch.schema) if names else batch
    if bad:
        clean = clean.take(pa.array(kept, pa.int64()))
        documents = [documents[row] for row in kept]
    return clean, documents, [first_row + row for row in kept]


def documents_of(batch: pa.RecordBatch, columns: list[Column]) -> list[dict[str, Any]]:
    """The documents of rows that all fit."""
    arrays = zip(columns, batch.columns, strict=True)
    return _documents(batch.schema.names, [column.values(array) for column, array in arrays])


def bad_row(batch: pa.RecordBatch, row: int, number: int, field: str, reason: str) -> BadRow:
    """The bad row at a place of the batch, as it is shown and kept aside."""
    shown = {name: _shown(column.slice(row, 1)) for name, column in zip(batch.schema.names, batch.columns, strict=True)}
    return BadRow(number, field, shown.get(field), reason, shown)


def _documents(names: list[str], values: list[list[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]


def _shown(one: "pa.Array[Any]") -> Any:
    try:
        return one[0].as_py()
    except (OverflowError, ValueError):  # a date of a year that Python's datetime lacks
        return one.to_string(skip_new_lines=True)


def _check_names(names: list[str], where: str) -> None:
    if doubled := repeated(names):
        raise DataError(f"{where} has more than one field named {doubled[0]!r}, and a document has each name once")


def _bson_field(field: Field, path: str) -> Field:
    """The field of the Arrow type whose every value BSON holds exactly, its mark kept where that type can have it."""
    kind = _bson_type(field.type, path)
    mark = mark_of(field)
    fits = pa.types.is_binary(kind) if subtype_of(mark) is not None else pa.types.is_string(kind)
    return marked(field.name, kind, mark if fits else "")


def _bson_type(kind: pa.DataType, path: str) -> pa.DataType:
    for is_kind, bson_type in _SIMPLE:
        if is_kind(kind):
            return bson_type
    if isinstance(kind, pa.BaseExtensionType):
        return _bson_type(kind.storage_type, path)
    if isinstance(kind, pa.DictionaryType):
        return _bson_type(kind.value_type, path)
    if isinstance(kind, pa.StructType):
        _check_names([field.name for field in kind], f"column {path!r}")
        return pa.struct([_bson_field(field, f"{path}.{field.name}") for field in kind])
    if isinstance(kind, _LISTS):
        return pa.list_(_bson_field(kind.value_field, f"{path}[]"))
    if isinstance(kind, _DECIMALS):
        return kind
    raise DataError(f"column {path!r} is {kind}, for which MongoDB has no type: convert it (convert_field) first")


def _plain_type(kind: pa.DataType) -> pa.DataType:
    """The same with dates as whole milliseconds, since Python's datetime lacks most of their years."""
    if kind == _MILLISECONDS:
        return pa.int64()
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(field.name, _plain_type(field.type)) for field in kind])
    if pa.types.is_list(kind):
        return pa.list_(_plain_type(kind.value_type))
    return kind


def _converter(field: Field) -> Convert | None:
    kind, mark = field.type, mark_of(field)
    if mark in _OF_MARK:
        return _OF_MARK[mark]
    if (subtype := subtype_of(mark)) is not None:
        return lambda value: Binary(value, subtype)
    if kind == _MILLISECONDS:
        return DatetimeMS
    if pa.types.is_decimal(kind):
        return _decimal
    if pa.types.is_struct(kind):
        return _struct_converter({inner.name: _converter(inner) for inner in kind})
    if pa.types.is_list(kind) and (item := _converter(kind.value_field)):
        return lambda values: [None if value is None else item(value) for value in values]
    return None


def _decimal(value: Any) -> Decimal128:
    try:
        return Decimal128(value)
    except ArithmeticError:
        raise ValueError("more than the 34 digits of BSON's decimals; round the field first") from None


def _object_id(text: str) -> ObjectId:
    try:
        return ObjectId(text)
    except BSONError:
        raise ValueError("not an ObjectId, which has 24 hex digits; if it is plain text, say types: string") from None


def _uuid(text: str) -> Binary:
    try:
        return Binary.from_uuid(UUID(text))
    except ValueError:
        raise ValueError("not a UUID; if it is plain text, say types: string") from None


_OF_MARK: dict[str, Convert] = {"objectId": _object_id, "uuid": _uuid, "json": from_json}


def _struct_converter(fields: dict[str, Convert | None]) -> Convert | None:
    changed = {name: convert for name, convert in fields.items() if convert}
    if not changed:
        return None

    def convert(document: dict[str, Any]) -> dict[str, Any]:
        for name, change in changed.items():
            if document[name] is not None:
                document[name] = change(document[name])
        return document

    return convert
