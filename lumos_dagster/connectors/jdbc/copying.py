"""PostgreSQL's COPY, both ways: batches to binary or CSV, and rows of CSV to batches, every value exactly."""

import codecs
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from lumos_dagster.ahead import ahead
from lumos_dagster.connectors.jdbc.database import Column
from lumos_dagster.conversion import as_text, convert
from lumos_dagster.errors import DataError

TIMESTAMP_TZ = pa.timestamp("us", "UTC")
_BLOCK_BYTES = 1 << 23
_BINARY_HEADER, _BINARY_END = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
_DECLARED_AS = re.compile(r"\([\d,]+\)")
_BINARY: dict[int, tuple[str, ...]] = {
    pa.bool_().id: ("boolean",), pa.int16().id: ("smallint",), pa.int32().id: ("integer",), pa.int64().id: ("bigint",),
    pa.float32().id: ("real",), pa.float64().id: ("double precision",), pa.decimal128(1).id: ("numeric",),
    pa.date32().id: ("date",), pa.string().id: ("text", "character varying"), pa.binary().id: ("bytea",),
    pa.time64("us").id: ("time without time zone",),
    pa.timestamp("us").id: ("timestamp without time zone", "timestamp with time zone"),
}  # fmt: skip
"""The declared types whose binary form is what the encoder makes of an Arrow type."""


def without_binary(columns: Sequence[Column]) -> list[Column]:
    """The columns for which COPY's binary form is not known to be exact, so that rows for them go as CSV.

    The server takes any bytes of the right width for the value, so the declared type must be the very one. A domain's
    name, say, is none of these.
    """
    return [
        column for column in columns if _DECLARED_AS.sub("", column.sql_type) not in _BINARY.get(column.type.id, ())
    ]


def copy_in(raw: Any, table: str, names: str, columns: Sequence[Column], batches: Iterator[pa.RecordBatch]) -> int:
    """Send the batches to a table; gives the rows that the server says have arrived."""
    form, encoded = ("csv", _as_csv) if without_binary(columns) else ("binary", _as_binary)
    with raw.cursor() as cursor:
        # The server takes what was sent while the next is fitted and encoded.
        with ahead(encoded(batches)) as made, cursor.copy(f"COPY {table} ({names}) FROM STDIN (FORMAT {form})") as copy:
            for data in made:
                copy.write(data)
        rows: int = cursor.rowcount
        return rows


def _as_csv(batches: Iterator[pa.RecordBatch]) -> Iterator[bytes]:
    options = pacsv.WriteOptions(include_header=False, quoting_style="needed")
    for batch in batches:
        sink = io.BytesIO()
        pacsv.write_csv(_spelled(batch), sink, options)
        yield sink.getvalue()


def _as_binary(batches: Iterator[pa.RecordBatch]) -> Iterator[bytes]:
    """The rows in COPY's binary form. DataError where the encoder leaves out its end, since the server would not."""
    import pgpq

    encoder = None
    for batch in batches:
        if encoder is None:
            encoder = pgpq.ArrowToPostgresBinaryEncoder(batch.schema)
            yield encoder.write_header()
        if data := encoder.write_batch(batch):  # it may give what it was told only later
            yield data
    if encoder is None:
        yield _BINARY_HEADER + _BINARY_END
        return
    last = encoder.finish()
    if not last.endswith(_BINARY_END):
        raise DataError("the rows were not encoded to their end; nothing was committed")
    yield last


@contextmanager
def copy_out(raw: Any, query: str, schema: pa.Schema, rows: int) -> Iterator[pa.RecordBatchReader]:
    """The rows of a query that gives text where `schema` has text, and timestamps in UTC without their zone."""
    with ExitStack() as stack:
        cursor = stack.enter_context(raw.cursor())
        copy = stack.enter_context(cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT csv)"))

        def batches() -> Iterator[pa.RecordBatch]:
            yield from _batches(copy, schema, rows)
            stack.close()  # the connection can be used again as soon as the last row is read

        yield pa.RecordBatchReader.from_batches(schema, batches())


def _batches(copy: Any, schema: pa.Schema, rows: int) -> Iterator[pa.RecordBatch]:
    types = {field.name: _read_as(field.type) for field in schema}
    parse = pacsv.ParseOptions(newlines_in_values=True, ignore_empty_lines=len(schema) > 1)
    values = pacsv.ConvertOptions(
        column_types=types, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False,
        true_values=["t"], false_values=["f"],
    )  # fmt: skip
    for block in _blocks(copy, rows):
        # One block, so that no value is too long for it.
        read = pacsv.ReadOptions(column_names=list(types), block_size=len(block) + 4, use_threads=False)
        try:
            table = pacsv.read_csv(io.BytesIO(_kept(block)), read, parse, values)
            columns = [_typed(column, field.type) for column, field in zip(table.columns, schema, strict=True)]
        except pa.ArrowInvalid as error:
            raise DataError(
                f"a value cannot be read exactly: {error}. Values like infinity, NaN or a year beyond 9999 have "
                "no place in every type: select such a column as text (column::text)"
            ) from None
        yield from pa.Table.from_arrays(columns, schema=schema).to_batches()


def _kept(block: bytes) -> bytes:
    """The reader takes a byte order mark away, but here it is the first value's."""
    return codecs.BOM_UTF8 + block if block.startswith(codecs.BOM_UTF8) else block


def _blocks(copy: Any, rows: int) -> Iterator[bytes]:
    """Whole rows of CSV, so many at a time, or fewer where they are long: the server sends each row by itself."""
    block, count = io.BytesIO(), 0
    while data := copy.read():
        block.write(data)
        count += 1
        if count >= rows or block.tell() >= _BLOCK_BYTES:
            yield block.getvalue()
            block, count = io.BytesIO(), 0
    if count:
        yield block.getvalue()


def _read_as(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_binary(kind):
        return pa.string()
    return pa.timestamp("us") if kind == TIMESTAMP_TZ else kind


def _typed(column: Any, kind: pa.DataType) -> Any:
    if pa.types.is_binary(kind):
        return convert(column.combine_chunks(), kind).values
    return column.cast(kind)


def _spelled(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The values as COPY reads them: what pyarrow writes its own way is made text first."""
    columns: list[Any] = []
    for column in batch.columns:
        kind = column.type
        if pa.types.is_binary(kind):
            columns.append(pc.binary_join_element_wise(pa.scalar("\\x"), as_text(column), ""))
        elif pa.types.is_nested(kind) or pa.types.is_time(kind):
            columns.append(as_text(column))
        else:
            columns.append(column)
    return pa.RecordBatch.from_arrays(columns, names=[f"c{number}" for number in range(len(columns))])
