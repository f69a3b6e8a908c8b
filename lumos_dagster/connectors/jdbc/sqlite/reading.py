"""The rows of a query of SQLite, in the types that their columns declare, which each value must be of."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, time
from decimal import Decimal
from typing import Any

import pyarrow as pa

from lumos_dagster.connectors.jdbc.query import check_once, trimmed, with_values
from lumos_dagster.connectors.jdbc.sqlite.types import arrow_type
from lumos_dagster.conversion import as_text, convert
from lumos_dagster.errors import DataError

_AS_TEXT = "Select it as it is stored: CAST(column AS TEXT)"


@contextmanager
def read(raw: Any, query: str, parameters: Mapping[str, Any], rows: int) -> Iterator[pa.RecordBatchReader]:
    """The query's rows, so many at a time. DataError where a value is not of its column's type."""
    query = trimmed(query)
    declared = _declared(raw, with_values(query, parameters, lambda _: "NULL"))
    cursor = raw.execute(query, {name: _bound(value) for name, value in parameters.items()})
    names = [item[0] for item in cursor.description or ()]
    check_once(names)
    first = cursor.fetchmany(rows)
    fields = [pa.field(name, declared.get(name) or _found([row[at] for row in first])) for at, name in enumerate(names)]
    schema = pa.schema(fields)
    yield pa.RecordBatchReader.from_batches(schema, _batches(cursor, first, schema, rows))


def _bound(value: object) -> object:
    """A parameter as SQLite stores such a value: a date as text, an exact number as the float that it keeps."""
    if isinstance(value, Decimal):
        return float(value)
    return as_text(pa.array([value]))[0].as_py() if isinstance(value, date | time) else value


def _declared(raw: Any, query: str) -> dict[str, pa.DataType]:
    """The declared types of the query's columns, as a view over it tells them; expressions have none."""
    raw.execute("DROP VIEW IF EXISTS temp._lumos_described")
    raw.execute(f"CREATE TEMP VIEW _lumos_described AS {query}")
    rows = raw.execute("select name, type from pragma_table_info('_lumos_described')").fetchall()
    raw.execute("DROP VIEW temp._lumos_described")
    return {name: kind for name, declared in rows if (kind := arrow_type(declared)) is not None}


def _found(values: Sequence[object]) -> pa.DataType:
    """The type of a column of which nothing is declared, from its first values."""
    kinds = {type(value) for value in values if value is not None}
    if kinds == {int}:
        return pa.int64()
    if kinds and kinds <= {int, float}:
        return pa.float64()
    return pa.binary() if kinds == {bytes} else pa.string()


def _batches(cursor: Any, rows: list[Any], schema: pa.Schema, size: int) -> Iterator[pa.RecordBatch]:
    while rows:
        columns = [_array(list(values), field) for values, field in zip(zip(*rows, strict=True), schema, strict=True)]
        yield pa.RecordBatch.from_arrays(columns, schema=schema)
        rows = cursor.fetchmany(size)


def _array(values: list[Any], field: "pa.Field[Any]") -> "pa.Array[Any]":
    kind, found = field.type, set(map(type, values))
    try:
        if pa.types.is_integer(kind) and float in found:  # pyarrow would cut what is behind the point
            bad = next(value for value in values if isinstance(value, float))
            raise pa.ArrowInvalid(f"{bad!r} is no integer")
        if pa.types.is_binary(kind) or pa.types.is_floating(kind) or pa.types.is_integer(kind):
            return pa.array(values, kind)
        are_texts = found <= {str, type(None)}
        texts = pa.array(values if are_texts else [_text(value) for value in values], pa.string())
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
        raise DataError(
            f"column {field.name!r} is declared as {kind}, but holds a value that is none: {error}. {_AS_TEXT}"
        ) from None
    converted = convert(texts, kind)
    if not converted.bad.true_count:
        return converted.values
    bad = values[converted.bad.index(True).as_py()]
    raise DataError(f"column {field.name!r} is declared as {kind}, but holds {bad!r}. {_AS_TEXT}")


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return value.hex() if isinstance(value, bytes) else repr(value)
