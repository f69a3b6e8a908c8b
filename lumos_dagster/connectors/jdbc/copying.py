"""PostgreSQL's COPY, both ways: batches to binary or CSV, and rows of CSV to batches, every value exactly."""

import codecs
import io
import re
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
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
BINARY_HEADER, BINARY_END = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
_DECLARED_AS = re.compile(r"\([\d,]+\)")
_BINARY: dict[int, tuple[str, ...]] = {
    pa.bool_().id: ("boolean",), pa.int16().id: ("smallint",), pa.int32().id: ("integer",), pa.int64().id: ("bigint",),
    pa.float32().id: ("real",), pa.float64().id: ("double precision",), pa.decimal128(1).id: ("numeric",),
    pa.date32().id: ("date",), pa.time64("us").id: ("time without time zone",), pa.binary().id: ("bytea",),
    pa.string().id: ("text", "character varying", "character", "bpchar", "json"),
    pa.timestamp("us").id: ("timestamp without time zone", "timestamp with time zone"),
}  # fmt: skip
"""The declared types whose binary form is what the encoder makes of an Arrow type."""


def without_binary(columns: Sequence[Column]) -> list[Column]:
    """The columns for which COPY's binary form is not known to be exact, so that rows for them go as CSV.

    The server takes any bytes of the right width for the value, so the declared type must be the very one. A domain's
    name, say, is none of these.
    """
    return [
        column
        for column in columns
        if _DECLARED_AS.sub("", column.sql_type) not in _BINARY.get(column.type.id, ())
        and column.sql_type not in _OF_TEXT
    ]


def copy_in(raw: Any, table: str, names: str, columns: Sequence[Column], batches: Iterator[pa.RecordBatch]) -> int:
    """Send the batches to a table; gives the rows that the server says have arrived."""
    into = f"{table} ({names})"
    if without_binary(columns):
        return copy_bytes_in(raw, into, "csv", _as_csv(batches))
    return copy_bytes_in(raw, into, "binary", _as_binary(_received(batch, columns) for batch in batches))


def copy_bytes_in(raw: Any, table: str, form: str, pieces: Iterator[bytes]) -> int:
    """Send what COPY takes in that form; gives the rows that the server says have arrived."""
    with raw.cursor() as cursor:
        # The server takes what was sent while the next is made ready.
        with ahead(pieces) as made, cursor.copy(f"COPY {table} FROM STDIN (FORMAT {form})") as copy:
            for data in made:
                copy.write(memoryview(data))  # of which the driver can send a part without a copy
        rows: int = cursor.rowcount
        return rows


def _as_csv(batches: Iterator[pa.RecordBatch]) -> Iterator[bytes]:
    options = pacsv.WriteOptions(include_header=False, quoting_style="needed")
    for batch in batches:
        sink = io.BytesIO()
        pacsv.write_csv(_spelled(batch), sink, options)
        yield sink.getvalue()


def _received(batch: pa.RecordBatch, columns: Sequence[Column]) -> pa.RecordBatch:
    """The batch with the bytes that the server takes for a value where these are not just its text."""
    ways = [_OF_TEXT.get(column.sql_type) for column in columns]
    if not any(ways):
        return batch
    made = [way(values) if way else values for way, values in zip(ways, batch.columns, strict=True)]
    return pa.RecordBatch.from_arrays(made, names=batch.schema.names)


def _jsonb(texts: Any) -> Any:
    """Behind the version of the form. Source: jsonb_recv in https://doxygen.postgresql.org/jsonb_8c.html."""
    return pc.binary_join_element_wise(pa.scalar("\x01"), texts, "")


def _uuid(texts: Any) -> Any:
    """Sixteen bytes. DataError where one has not: a value that is no UUID should never have come so far."""
    digits = pc.replace_substring(pc.ascii_trim(texts, "{}"), "-", "")
    converted = convert(digits, pa.binary(16))
    if converted.bad.true_count:
        raise DataError("a value is no UUID; nothing was committed")
    return converted.values.cast(pa.binary())


_OF_TEXT: dict[str, Callable[[Any], Any]] = {"jsonb": _jsonb, "uuid": _uuid}
"""The declared types whose binary form is made of the text of a value."""


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
        yield BINARY_HEADER + BINARY_END
        return
    last = encoder.finish()
    if not last.endswith(BINARY_END):
        raise DataError("the rows were not encoded to their end; nothing was committed")
    yield last


@contextmanager
def copy_out(raw: Any, query: str, schema: pa.Schema, rows: int) -> Iterator[pa.RecordBatchReader]:
    """The rows of a query that gives text where `schema` has text or truth, and timestamps in UTC without their zone.

    Nothing is asked for before the first batch is.
    """

    def batches() -> Iterator[pa.RecordBatch]:
        for block, _ in blocks:
            yield from parsed(block, schema).to_batches()

    with closing(copied(raw, f"COPY ({query}) TO STDOUT (FORMAT csv)", rows)) as blocks:
        yield pa.RecordBatchReader.from_batches(schema, batches())


def parsed(block: bytes, schema: pa.Schema) -> pa.Table:
    """Rows of such a query, copied as CSV. DataError where Arrow has no place for a value."""
    types = {field.name: _read_as(field.type) for field in schema}
    parse = pacsv.ParseOptions(newlines_in_values=True, ignore_empty_lines=len(schema) > 1)
    values = pacsv.ConvertOptions(
        column_types=types, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False,
        true_values=["true"], false_values=["false"],
    )  # fmt: skip
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
    return pa.Table.from_arrays(columns, schema=schema)


def _kept(block: bytes) -> bytes:
    """The reader takes a byte order mark away, but here it is the first value's."""
    return codecs.BOM_UTF8 + block if block.startswith(codecs.BOM_UTF8) else block


def copied(raw: Any, statement: str, rows: int) -> Generator[tuple[bytes, int], None, int]:
    """What a COPY .. TO STDOUT gives: whole rows, so many at a time, or fewer where they are long; and how many.

    It returns how many the server says that it has sent.
    """
    with raw.cursor() as cursor, cursor.copy(statement):
        result = None
        while result is None:
            block, count, result = raw.wait(_block(raw.pgconn, rows))
            if block:
                yield block, count
        sent: int = result.command_tuples
        return sent


def _block(connection: Any, rows: int) -> Generator[Any, Any, tuple[bytes, int, Any]]:
    """Rows by one wait for all of them, and the result of the COPY behind its last row.

    The server sends each row by itself, and to wait for each by itself, as the driver's Copy.read does, takes three
    times the time. Source: https://www.postgresql.org/docs/current/libpq-copy.html, PQgetCopyData.
    """
    from psycopg.generators import fetch_many
    from psycopg.waiting import Wait

    block, take, count, held = io.BytesIO(), connection.get_copy_data, 0, 0
    keep = block.write
    while count < rows and held < _BLOCK_BYTES:
        size, row = take(1)
        if size > 0:
            keep(row)
            count += 1
            held += size
        elif size == 0:  # none is here yet
            while not (yield Wait.R):
                pass
            connection.consume_input()
        else:
            return block.getvalue(), count, _sound((yield from fetch_many(connection)))
    return block.getvalue(), count, None


def _sound(results: Sequence[Any]) -> Any:
    """The result of a COPY; the server's error where that is what ended it."""
    from psycopg.errors import error_from_result
    from psycopg.pq import ExecStatus

    result, *_ = results
    if result.status != ExecStatus.COMMAND_OK:
        raise error_from_result(result)
    return result


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
