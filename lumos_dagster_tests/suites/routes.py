"""The ways that rows go from one CSV file to another, and back out of a database."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from lumos_dagster.accounting import Book
from lumos_dagster.connectors.csv.extractor import CsvExtractor
from lumos_dagster.connectors.csv.loader import CsvLoader
from lumos_dagster.connectors.jdbc import JdbcExtractor, JdbcLoader
from lumos_dagster.interface import Component, Deferred, Extraction
from lumos_dagster.relation import Relation
from lumos_dagster.values import RunContext

Route = Callable[[Path], Path]
"""Takes the rows of a CSV file to another one, and tells where that is."""


def read(run: RunContext, component: type[Component], options: dict[str, Any]) -> pa.Table:
    """The rows as an op of a job reads them."""
    deferred: Any = Deferred("read", component, options, run)
    book = Book(run)
    with Relation(Extraction(deferred)).open(book) as rows:
        table = rows.read_all()
    book.check()
    return table


def write(run: RunContext, component: type[Any], options: dict[str, Any], table: pa.Table) -> None:
    """Write the rows as an op of a job does, each time as another load, and see that none was left out."""
    book = Book(replace(run, load_id=str(options)))
    with book.task("load") as task:
        assert component.model_validate(options).write(table.to_reader(), task).inserted == table.num_rows


def straight(run: RunContext) -> Route:
    """From CSV to CSV."""

    def way(source: Path) -> Path:
        return to_csv(run, source, read(run, CsvExtractor, {"file_path": str(source)}))

    return way


def through_table(run: RunContext, url: str, table_name: str = "t") -> Route:
    """From CSV into a table, and from there to CSV."""
    place = {"connection_string": url, "table_name": f'"{table_name.replace(chr(34), chr(34) * 2)}"'}

    def way(source: Path) -> Path:
        rows = read(run, CsvExtractor, {"file_path": str(source)})
        write(run, JdbcLoader, {**place, "load_mode": "replace"}, rows)
        return to_csv(run, source, read(run, JdbcExtractor, place))

    return way


def to_csv(run: RunContext, source: Path, table: pa.Table) -> Path:
    """The table in a file with the source's name, one folder deeper."""
    target = source.parent / "out" / source.name
    write(run, CsvLoader, {"file_path": str(target)}, table)
    return target


def saved(run: RunContext, path: Path, table: pa.Table) -> Path:
    """The table as a CSV file."""
    write(run, CsvLoader, {"file_path": str(path)}, table)
    return path
