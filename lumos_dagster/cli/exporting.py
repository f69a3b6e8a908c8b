"""Rejected rows as a file that a job can read: their own columns, and beside them what was wrong."""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import reduce
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lumos_dagster.accounting import Book
from lumos_dagster.connectors.csv.loader import CsvLoader
from lumos_dagster.conversion import as_text
from lumos_dagster.errors import ConfigError, DataError, Problem
from lumos_dagster.files import open_atomic
from lumos_dagster.relation import united_schema
from lumos_dagster.values import RunContext

Records = Callable[[], Iterator[dict[str, Any]]]

_ABOUT = ("run", "job", "op", "operation", "number", "field", "value", "reason")
_COLUMNS = {name: f"_reject_{'row' if name == 'number' else name}" for name in _ABOUT}
_BATCH = 10_000


def export_rows(records: Records, file: str) -> int:
    """Write the records to `file` in the form that its suffix says, whole or not at all, and tell how many.

    They are read twice, first for the columns and their types, so that memory holds a batch of them.
    Raises ConfigError for another suffix, DataError or OSError where the file cannot be written.
    """
    name = file.lower()
    if name.endswith(".parquet"):
        return _parquet(_reader(records), file)
    if name.endswith((".jsonl", ".ndjson")):
        return _json_lines(records, file)
    if name.endswith(".csv") or ".csv." in name:
        run = RunContext("rejects", "export", "export", datetime.now(UTC), "")
        with Book(run).task("export") as task:
            return CsvLoader(file_path=file).write(_reader(records), task).inserted
    raise ConfigError(Problem(f"{file}: the suffix names no form", allowed=(".csv", ".jsonl", ".parquet")))


def plain(value: Any) -> Any:
    """The value in JSON's own words, the others as the text that reads back as the same value."""
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if value is None or isinstance(value, bool | int | str) or (isinstance(value, float) and abs(value) < float("inf")):
        return value
    return as_text(_array([value])).to_pylist()[0]


def _flat(record: Mapping[str, Any]) -> dict[str, Any]:
    """A row that was exported, mended and rejected again tells of the last time only."""
    about = {column: record[name] for name, column in _COLUMNS.items()}
    value = plain(about["_reject_value"])
    if value is not None and not isinstance(value, str):
        value = json.dumps(value, ensure_ascii=False)
    own = {name: item for name, item in record["row"].items() if name not in about}
    return own | about | {"_reject_value": value}


def _json_lines(records: Records, file: str) -> int:
    rows = 0
    with open_atomic(file) as stream:
        for record in records():
            stream.write(json.dumps(plain(_flat(record)), ensure_ascii=False).encode() + b"\n")
            rows += 1
    return rows


def _parquet(rows: pa.RecordBatchReader, file: str) -> int:
    written = 0
    with open_atomic(file) as stream, pq.ParquetWriter(pa.PythonFile(stream, mode="w"), rows.schema) as writer:
        for batch in rows:
            writer.write_batch(batch)
            written += batch.num_rows
    return written


def _reader(records: Records) -> pa.RecordBatchReader:
    own = reduce(_wider, (_table(chunk).schema for chunk in _chunks(records)), pa.schema([]))
    about = {column: pa.int64() if column == "_reject_row" else pa.string() for column in _COLUMNS.values()}
    fields = {field.name: field.type for field in own if field.name not in about}
    fields = {name: pa.string() if pa.types.is_null(kind) else kind for name, kind in fields.items()} | about
    schema = pa.schema(list(fields.items()))
    return pa.RecordBatchReader.from_batches(
        schema, (batch for chunk in _chunks(records) for batch in _cast(_table(chunk), schema).to_batches())
    )


def _chunks(records: Records) -> Iterator[tuple[dict[str, Any], ...]]:
    rows = map(_flat, records())
    while chunk := tuple(islice(rows, _BATCH)):
        yield chunk


def _table(chunk: tuple[dict[str, Any], ...]) -> pa.Table:
    names = dict.fromkeys(name for row in chunk for name in row)
    return pa.table({name: _array([row.get(name) for row in chunk]) for name in names})


def _array(values: list[Any]) -> Any:
    """As Arrow takes the values; those of two kinds, or beyond its integers, as text."""
    try:
        moments = [value for value in values if isinstance(value, datetime)]
        if moments and moments[0].tzinfo:
            return pa.array(values, pa.timestamp("us" if type(moments[0]) is datetime else "ns", "UTC"))
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return pa.array([None if value is None else _text(value) for value in values], pa.string())


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) else str(as_text(pa.array([value])).to_pylist()[0])


def _wider(one: pa.Schema, other: pa.Schema) -> pa.Schema:
    """Columns that hold the values of both, as text where nothing else does."""
    try:
        return united_schema([one, other])
    except DataError:
        fields = {field.name: field.type for field in (*one, *other)}
        for name in set(one.names) & set(other.names):
            try:
                fields[name] = (
                    united_schema([pa.schema([one.field(name)]), pa.schema([other.field(name)])]).field(name).type
                )
            except DataError:
                fields[name] = pa.string()
        return pa.schema(list(fields.items()))


def _cast(table: pa.Table, schema: pa.Schema) -> pa.Table:
    columns: list[Any] = []
    for field in schema:
        if field.name not in table.column_names:
            columns.append(pa.nulls(table.num_rows, field.type))
            continue
        column = table[field.name].combine_chunks()
        as_it_is = not pa.types.is_string(field.type) or pa.types.is_null(column.type)
        columns.append(column.cast(field.type) if as_it_is else as_text(column))
    return pa.table(columns, schema=schema)
