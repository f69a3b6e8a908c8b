"""Arrow rows to BSON documents: each column goes to the nearest type that BSON has, exactly or as a bad row."""

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from bson import Decimal128
from bson.datetime_ms import DatetimeMS

from lumos_dagster.errors import DataError
from lumos_dagster.interface import BadRow, Task

Convert = Callable[[Any], Any]

_DECIMAL_DIGITS = 34
_MILLISECONDS = pa.timestamp("ms")
_DECIMALS = (pa.Decimal32Type, pa.Decimal64Type, pa.Decimal128Type, pa.Decimal256Type)
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


class Column:
    """One column on its way to BSON: the casts that it goes through in Arrow, and the last step in Python."""

    def __init__(self, field: "pa.Field[Any]") -> None:
        self.name: str = field.name
        self._exact = _bson_type(field.type, field.name)
        self._plain = _plain_type(self._exact)
        self._convert = _converter(self._exact)

    def values(self, array: "pa.Array[Any]") -> list[Any]:
        """The BSON values. Raises pa.ArrowInvalid where one does not fit."""
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
            except pa.ArrowInvalid as error:
                reasons[row] = f"{str(error).partition(chr(10))[0]}; {_RULES}"
        return reasons


_RULES = "BSON dates hold milliseconds, integers 64 bits, decimals 34 digits; round or convert the field first"


def columns_of(schema: pa.Schema) -> list[Column]:
    """A Column for each field. Raises DataError naming one that has no place in a document."""
    return [Column(field) for field in schema]


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
        except pa.ArrowInvalid:
            reasons = column.unfit(arrays[place])
            found = [
                BadRow(
                    first_row + row,
                    column.name,
                    batch.column(place)[row].as_py(),
                    reason,
                    batch.slice(row, 1).to_pylist()[0],
                )
                for row, reason in reasons.items()
            ]
            if task.on_error == "null":
                task.bad_rows(found, len(found))
            else:
                bad = dict(zip(reasons, found, strict=True)) | bad
            mask = pa.array([row in reasons for row in range(batch.num_rows)])
            arrays[place] = pc.if_else(mask, pa.scalar(None, arrays[place].type), arrays[place])
            values.append(column.values(arrays[place]))
    task.bad_rows(bad.values(), len(bad))
    names = batch.schema.names
    documents = [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]
    kept = [row for row in range(batch.num_rows) if row not in bad]
    clean = pa.RecordBatch.from_arrays(arrays, schema=batch.schema)
    if bad:
        clean = clean.take(pa.array(kept, pa.int64()))
        documents = [documents[row] for row in kept]
    return clean, documents, [first_row + row for row in kept]


def _bson_type(kind: pa.DataType, name: str) -> pa.DataType:
    """The Arrow type whose every value BSON holds exactly."""
    for is_kind, bson_type in _SIMPLE:
        if is_kind(kind):
            return bson_type
    if isinstance(kind, pa.DictionaryType):
        return _bson_type(kind.value_type, name)
    if isinstance(kind, pa.StructType):
        return pa.struct([pa.field(field.name, _bson_type(field.type, f"{name}.{field.name}")) for field in kind])
    if isinstance(kind, pa.ListType | pa.LargeListType | pa.FixedSizeListType):
        return pa.list_(_bson_type(kind.value_type, f"{name}[]"))
    if isinstance(kind, _DECIMALS):
        return pa.decimal128(min(kind.precision, _DECIMAL_DIGITS), min(kind.scale, _DECIMAL_DIGITS))
    raise DataError(f"column {name!r} is {kind}, for which MongoDB has no type: convert it (convert_field) first")


def _plain_type(kind: pa.DataType) -> pa.DataType:
    """The same with dates as whole milliseconds, since Python's datetime lacks most of their years."""
    if kind == _MILLISECONDS:
        return pa.int64()
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(field.name, _plain_type(field.type)) for field in kind])
    if pa.types.is_list(kind):
        return pa.list_(_plain_type(kind.value_type))
    return kind


def _converter(kind: pa.DataType) -> Convert | None:
    if kind == _MILLISECONDS:
        return DatetimeMS
    if pa.types.is_decimal(kind):
        return Decimal128
    if pa.types.is_struct(kind):
        return _struct_converter({field.name: _converter(field.type) for field in kind})
    if pa.types.is_list(kind) and (item := _converter(kind.value_type)):
        return lambda values: [None if value is None else item(value) for value in values]
    return None


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
