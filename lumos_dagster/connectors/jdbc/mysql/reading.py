"""Rows from MySQL: every value as the text that the server sends, turned into its exact type column by column."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from lumos_dagster.connectors.jdbc.mysql.receiving import received
from lumos_dagster.connectors.jdbc.mysql.types import BIT, sent_type
from lumos_dagster.connectors.jdbc.query import trimmed, with_values
from lumos_dagster.conversion import convert
from lumos_dagster.conversion.plain import bytes_of
from lumos_dagster.errors import DataError

_TWICE = 1060
_LAST_ASCII = 0x7F
_ORDERED = re.compile(r"\border\s+by\b", re.IGNORECASE)


@contextmanager
def read(raw: Any, query: str, parameters: Mapping[str, Any], rows: int, quote: Any) -> Iterator[pa.RecordBatchReader]:
    """The query's rows, `rows` at a time, while the server still sends them."""
    from pymysql.cursors import SSCursor

    query = with_values(trimmed(query), parameters, lambda name: raw.escape(parameters[name], raw.encoders))
    fields = _fields(raw, f"SELECT * FROM (\n{query}\n) q LIMIT 0")
    if any(pa.types.is_float32(field.type) for field in fields):
        query = _with_all_digits(query, fields, quote)
    cursor = raw.cursor(SSCursor)
    cursor.execute(query)
    schema = pa.schema(fields)
    try:
        yield pa.RecordBatchReader.from_batches(schema, _batches(raw, cursor, schema, rows))
    finally:
        _abandon(raw, cursor)


def _fields(raw: Any, query: str) -> list["pa.Field[Any]"]:
    from pymysql.err import OperationalError

    with raw.cursor() as cursor:
        try:
            cursor.execute(query)
        except OperationalError as error:
            if error.args[0] != _TWICE:
                raise
            raise DataError(f"the query gives a column more than once ({error.args[1]}); name each by AS") from None
        # The cursor's own description does not tell signs and character sets.
        return [pa.field(field.name, sent_type(field)) for field in cursor._result.fields]


def _with_all_digits(query: str, fields: Sequence["pa.Field[Any]"], quote: Any) -> str:
    """The server rounds a FLOAT to six digits when it sends it, but not a DOUBLE."""
    floats = [field.name for field in fields if pa.types.is_float32(field.type)]
    if _ORDERED.search(query):
        raise DataError(
            f"{', '.join(floats)}: the server sends only six digits of a FLOAT. Select it as a DOUBLE, "
            f"{quote(floats[0])} + 0e0 AS {quote(floats[0])}, or leave out ORDER BY, and it is done here"
        )
    names = {field.name: quote(field.name) for field in fields}
    chosen = ", ".join(f"{told} + 0e0 AS {told}" if name in floats else told for name, told in names.items())
    return f"SELECT {chosen} FROM (\n{query}\n) q"


def _batches(raw: Any, cursor: Any, schema: pa.Schema, size: int) -> Iterator[pa.RecordBatch]:
    result = cursor._result
    are_bits = [field.type_code == BIT for field in result.fields]
    for columns in received(raw, result, len(schema), size):
        arrays = [_array(*column) for column in zip(columns, schema, are_bits, strict=True)]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _array(values: Any, field: "pa.Field[Any]", are_bits: bool) -> Any:
    kind = field.type
    if pa.types.is_binary(kind):
        return values
    if are_bits:
        values = pa.array([bits and str(int.from_bytes(bits)).encode() for bits in values.to_pylist()], pa.binary())
    texts = _texts(values, field.name)
    converted = convert(texts, kind)
    if converted.bad.true_count:
        bad = texts[converted.bad.index(pa.scalar(value=True)).as_py()]
        raise DataError(
            f"column {field.name!r} holds {bad.as_py()!r}, which is no {kind}: select it as a number (column + 0) or "
            "as text (CAST(column AS CHAR)), or leave such rows out"
        )
    return converted.values


def _texts(values: Any, name: str) -> Any:
    """The bytes as text. ASCII, as numbers and moments always are, is found at once, and in no value by itself."""
    if bytes_of(values).max(initial=0) <= _LAST_ASCII:
        return values.view(pa.string())
    try:
        return values.cast(pa.string())
    except pa.ArrowInvalid:
        raise DataError(f"column {name!r} holds bytes that are no UTF-8; select it AS BINARY") from None


def _abandon(raw: Any, cursor: Any) -> None:
    """Where not all rows were read, cut the line: the driver would read the rest before it closes the cursor."""
    if cursor._result is not None and cursor._result.unbuffered_active:
        cursor._result.unbuffered_active = False
        raw._force_close()
    cursor.close()
