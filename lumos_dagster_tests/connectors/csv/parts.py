"""What the CSV tests share: write bytes, read rows."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

from lumos_dagster.accounting import Book, OnError
from lumos_dagster.connectors.csv.extractor import CsvExtractor
from lumos_dagster.connectors.csv.loader import CsvLoader
from lumos_dagster.interface import Deferred, Extraction, LoadResult
from lumos_dagster.relation import Relation

Read = Callable[..., pa.Table]


def read(book: Book, file_path: Path | list[str] | str, on_error: OnError = "fail", **options: Any) -> pa.Table:
    """The rows as an op of a job would read them, counts and all."""
    path = str(file_path) if isinstance(file_path, Path) else file_path
    deferred: Any = Deferred("read", CsvExtractor, {"file_path": path, **options}, book.run, on_error)
    with Relation(Extraction(deferred)).open(book) as rows:
        table = rows.read_all()
    book.check()
    return table


def rows_of(table: pa.Table) -> list[tuple[Any, ...]]:
    """The rows without their names."""
    return [tuple(row.values()) for row in table.to_pylist()]


def load(book: Book, path: Path, rows: pa.Table | pa.RecordBatchReader, op: str = "load", **options: Any) -> LoadResult:
    """Write the rows as an op of a job would."""
    reader = rows.to_reader() if isinstance(rows, pa.Table) else rows
    with book.task(op) as task:
        return CsvLoader(file_path=str(path), **options).write(reader, task)


def failing(table: pa.Table, error: Exception) -> pa.RecordBatchReader:
    """The rows of the table, and then the error."""

    def batches() -> Any:
        yield from table.to_batches()
        raise error

    return pa.RecordBatchReader.from_batches(table.schema, batches())
