"""Rows as batches, where the driver's cursor alone does not give them their exact types."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pyarrow as pa

from lumos_dagster.conversion import convert
from lumos_dagster.errors import DataError

_AS_IT_IS: Callable[[str], str] = str
_LOCAL, _INSTANT = pa.timestamp("us"), pa.timestamp("us", "UTC")


def with_instants(rows: pa.RecordBatchReader, known: Mapping[str, pa.DataType]) -> pa.RecordBatchReader:
    """The rows, with the instants that only the catalogue knows for such: they come as local times, in UTC."""
    instants = [at for at, field in enumerate(rows.schema) if (field.type, known.get(field.name)) == (_LOCAL, _INSTANT)]
    schema = rows.schema
    for at in instants:
        schema = schema.set(at, schema.field(at).with_type(_INSTANT))
    return rows if not instants else pa.RecordBatchReader.from_batches(schema, (batch.cast(schema) for batch in rows))


def fetched(
    cursor: Any, schema: pa.Schema, rows: int, remedy: str, spelled: Callable[[str], str] = _AS_IT_IS
) -> Iterator[pa.RecordBatch]:
    """So many rows at a time. Texts of columns that are none are read strictly, `spelled` in our grammar first.

    DataError, with the remedy, where a value does not fit its column's type exactly.
    """
    while found := cursor.fetchmany(rows):
        columns = [
            _array(list(values), field, remedy, spelled)
            for values, field in zip(zip(*found, strict=True), schema, strict=True)
        ]
        yield pa.RecordBatch.from_arrays(columns, schema=schema)


def _array(values: list[Any], field: "pa.Field[Any]", remedy: str, spelled: Callable[[str], str]) -> "pa.Array[Any]":
    if pa.types.is_string(field.type) or not any(isinstance(value, str) for value in values):
        plain: pa.Array[Any] = pa.array(values, field.type)
        return plain
    texts = pa.array([None if value is None else spelled(value) for value in values], pa.string())
    converted = convert(texts, field.type)
    if converted.bad.true_count:
        bad = values[converted.bad.index(True).as_py()]
        raise DataError(f"column {field.name!r} holds {bad!r}, which is no {field.type} exactly; {remedy}")
    return converted.values
