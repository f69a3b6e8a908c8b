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
from lumos_dagster.connectors.jdbc.session import connect, translated
from lumos_dagster.errors import TerminalError
from lumos_dagster.interface import Extractor


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
    """Rows fetched at a time, where the driver fetches rows."""

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
        if database.in_a_file and not Path(str(address.url.database)).is_file():
            raise TerminalError(f"there is no database file {address.url.database!r}; check connection_string")
        with (
            connect(address, task) as raw,
            database.read(raw, self._query(address), self.parameters, self.batch_size) as rows,
        ):
            yield pa.RecordBatchReader.from_batches(rows.schema, _translated(rows, address, task))

    def location(self) -> str:
        """The file, or the table on its server."""
        return location_of(self.address(), self.table_name)

    def _query(self, address: Address) -> str:
        if self.query is not None:
            return self.query
        quote = address.database.quote
        columns = ", ".join(quote(name) for name in self.columns) if self.columns else "*"
        where = f" WHERE {self.where}" if self.where else ""
        return f"SELECT {columns} FROM {quote(*split_name(self.table_name or ''))}{where}"


def _translated(rows: pa.RecordBatchReader, address: Address, task: Task) -> Iterator[pa.RecordBatch]:
    with translated(address, task):
        yield from rows
