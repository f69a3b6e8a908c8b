"""The jdbc extractor: a table or a query, streamed in the exact types of its columns."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
from pydantic import AliasChoices, Field, model_validator

from lumos_dagster.accounting import Task
from lumos_dagster.connectors.jdbc.address import Address
from lumos_dagster.connectors.jdbc.options import JdbcOptions, location_of, split_name
from lumos_dagster.connectors.jdbc.session import connect, translated, waiting
from lumos_dagster.connectors.jdbc.tables import Table
from lumos_dagster.errors import ConfigError, Problem, TerminalError
from lumos_dagster.interface import Extractor
from lumos_dagster.problems import near


class JdbcExtractor(JdbcOptions, Extractor):
    """Reads a table or a query of a database, in one consistent snapshot and bounded memory."""

    query: str | None = None
    """A SELECT statement; `:name` stands for a parameter. Either this or `table_name`."""
    table_name: str | None = None
    """`table` or `schema.table`. Either this or `query`."""
    columns: list[str] | None = None
    """The columns of `table_name` to read, in this order; default: all."""
    where: str | None = None
    """An SQL condition on the rows of `table_name`."""
    parameters: dict[str, Any] = Field(default_factory=dict)
    """Values for the `:name` parameters of `query` or `where`; bound, never pasted into the text."""
    batch_size: int = Field(10_000, gt=0, validation_alias=AliasChoices("batch_size", "fetch_size"))
    """Rows fetched at a time."""

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.query is None) == (self.table_name is None):
            raise ValueError("give either query or table_name" + (", not both" if self.query else ""))
        if self.query is not None and (self.columns is not None or self.where is not None):
            raise ValueError("columns and where go with table_name; with query, write them into the query")
        return self

    @contextmanager
    def read(self, task: Task) -> Iterator[pa.RecordBatchReader]:
        """Stream the rows."""
        address = self.address()
        database = address.database
        if database.in_a_file and not Path(address.name).is_file():
            raise TerminalError(f"there is no database file {address.name!r}; check connection_string")
        with connect(address, task) as raw:
            database.begin(raw, waiting(task), writes=False)
            query = self._query(raw, address)
            with database.read(raw, query, self.parameters, self.batch_size) as rows:
                yield pa.RecordBatchReader.from_batches(rows.schema, _to_the_end(raw, rows, address, task))

    def location(self) -> str:
        """The file, or the table on its server; of a query, which may read any of them, the database."""
        return location_of(self.address(), self.table_name)

    def _query(self, raw: Any, address: Address) -> str:
        if self.table_name is None:
            return self.query or ""
        table = Table(address.database, *split_name(self.table_name))
        known = [column.name for column in table.columns(raw)]
        if not known:
            raise table.missing(raw)
        if unknown := [name for name in self.columns or () if name not in known]:
            raise ConfigError(
                Problem(f"columns: table {table.quoted} has no {name!r}", allowed=tuple(known), hint=near(name, known))
                for name in unknown
            )
        columns = ", ".join(map(address.database.quote, self.columns)) if self.columns else "*"
        where = f" WHERE {self.where}" if self.where else ""
        return f"SELECT {columns} FROM {table.quoted}{where}"


def _to_the_end(raw: Any, rows: pa.RecordBatchReader, address: Address, task: Task) -> Iterator[pa.RecordBatch]:
    with translated(address, task):
        yield from rows
        raw.rollback()  # what was read is no longer locked when a loader goes on to swap tables
