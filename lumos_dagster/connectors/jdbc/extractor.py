"""The jdbc extractor: a table or a query, streamed in the exact types of its columns."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
from pydantic import AliasChoices, Field, model_validator

from lumos_dagster.accounting import Task
from lumos_dagster.cancellation import stoppable
from lumos_dagster.connectors.jdbc.address import Address
from lumos_dagster.connectors.jdbc.fetching import with_instants
from lumos_dagster.connectors.jdbc.incremental import Incremental
from lumos_dagster.connectors.jdbc.options import JdbcOptions, location_of, split_name
from lumos_dagster.connectors.jdbc.parallel import Parallel
from lumos_dagster.connectors.jdbc.partitions import Partitions
from lumos_dagster.connectors.jdbc.query import named
from lumos_dagster.connectors.jdbc.selection import Selection
from lumos_dagster.connectors.jdbc.session import connect, translated, waiting
from lumos_dagster.connectors.jdbc.tables import Table
from lumos_dagster.errors import ConfigError, Problem, TerminalError
from lumos_dagster.interface import Extractor, Increments
from lumos_dagster.problems import near
from lumos_dagster.values import Raw, has_placeholder

_MOST_PARTITIONS = 64


class JdbcExtractor(JdbcOptions, Extractor):
    """Reads a table or a query of a database, in one consistent snapshot and bounded memory."""

    query: str | None = None
    """A SELECT statement; `:name` or `?` stands for a parameter. Either this or `table_name`."""
    table_name: str | None = None
    """`table` or `schema.table`. Either this or `query`."""
    columns: list[str] | None = None
    """The columns of `table_name` to read, in this order; default: all."""
    where: str | None = None
    """An SQL condition on the rows of `table_name`."""
    parameters: dict[str, Any] | list[Any] = Field(default_factory=dict)
    """Values for the `:name` parameters of `query` or `where`, or a list for its `?`; bound, never pasted into the
    text. In `IN (:name)` the value may be a list. With a list, a `?` that is none is written `??`."""
    batch_size: int = Field(10_000, gt=0, validation_alias=AliasChoices("batch_size", "fetch_size"))
    """Rows fetched at a time."""
    partition_column: str | None = None
    """A number, date or timestamp column by whose ranges the rows are read over several connections at once."""
    num_partitions: int | None = Field(None, gt=0, le=_MOST_PARTITIONS)
    """How many ranges, and connections."""
    lower_bound: Any = None
    """Where the first range ends and the others begin is reckoned from here; default: the least value. No filter."""
    upper_bound: Any = None
    """As `lower_bound`; default: the greatest value."""
    incremental: Incremental | None = None
    """Read only what is new since the last load: `{cursor_column, initial_value, lag}`. Set it to null for one launch
    to read everything."""

    @classmethod
    def increments(cls, options: Mapping[str, Raw]) -> Increments:
        """As `incremental` says; a lag that only the launch knows is taken for one."""
        written = options.get("incremental")
        if not isinstance(written, Mapping):
            return ""
        lag = written.get("lag", 0)
        return "again" if has_placeholder(lag) or Incremental(cursor_column="", lag=lag).overlaps else "new"

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.query is None) == (self.table_name is None):
            raise ValueError("give either query or table_name" + (", not both" if self.query else ""))
        if self.query is not None and (self.columns is not None or self.where is not None):
            raise ValueError("columns and where go with table_name; with query, write them into the query")
        return self

    @model_validator(mode="after")
    def _whole_partitioning(self) -> Self:
        if (self.partition_column is None) != (self.num_partitions is None):
            raise ValueError("partition_column and num_partitions go together")
        if self.partition_column is None and (self.lower_bound is not None or self.upper_bound is not None):
            raise ValueError("lower_bound and upper_bound go with partition_column; to filter rows, use where")
        return self

    @contextmanager
    def read(self, task: Task) -> Iterator[pa.RecordBatchReader]:
        """Stream the rows."""
        address = self.address()
        database = address.database
        if database.in_a_file and not Path(address.name).is_file():
            raise TerminalError(f"there is no database file {address.name!r}; check connection_string")
        with ExitStack() as stack:
            own = stack.enter_context(stoppable(task))
            connections = [stack.enter_context(connect(address, own)) for _ in range(self.num_partitions or 1)]
            raw = connections[0]
            if self.partition_column is None:
                database.begin(raw, waiting(task), writes=False)
            else:
                database.begin_together(connections, waiting(task))
            known = self._known_columns(raw, address)
            selection = self._selection(address, known)
            if (incremental := self.incremental) is not None:
                window = task.window(lambda last: incremental.window(last, selection, database, raw))
                selection = incremental.within(window, selection, database, raw)
            parts = self._parts(selection, address, raw, task)
            if len(parts) > 1:
                parallel = Parallel(address, task, own.cancellation, self.batch_size)
                yield with_instants(stack.enter_context(parallel.read(parts, connections)), known)
                return
            sql, parameters = parts[0].sql, parts[0].parameters
            rows = stack.enter_context(database.read(raw, sql, parameters, self.batch_size))
            task.passage = database.passage(raw, sql, parameters, partial(translated, address, task))
            rows = pa.RecordBatchReader.from_batches(rows.schema, _to_the_end(raw, rows, address, task))
            yield with_instants(rows, known)

    def location(self) -> str:
        """The file, or the table on its server; of a query, which may read any of them, the database."""
        return location_of(self.address(), self.table_name)

    def _parts(self, selection: Selection, address: Address, raw: Any, task: Task) -> list[Selection]:
        if self.partition_column is None or self.num_partitions is None:
            return [selection]
        if not address.database.shares_snapshots:
            task.log(
                f"{task.op}: {address.database.name} shows each connection a state of its own: a row that moves from "
                "one partition to another while they are read may be missed or read twice"
            )
        partitions = Partitions(self.partition_column, self.num_partitions, self.lower_bound, self.upper_bound)
        return partitions.of(selection, address.database, raw)

    def _known_columns(self, raw: Any, address: Address) -> dict[str, pa.DataType]:
        """Those of the table, with their types; none of a query."""
        if self.table_name is None:
            return {}
        table = Table(address.database, *split_name(self.table_name))
        columns = table.columns(raw)
        if not columns:
            raise table.missing(raw)
        return {column.name: column.type for column in columns}

    def _selection(self, address: Address, known: Collection[str]) -> Selection:
        if self.table_name is None:
            query, parameters = named(self.query or "", self.parameters)
            return Selection(query, is_query=True, parameters=parameters)
        table = Table(address.database, *split_name(self.table_name))
        wanted = [("columns", name) for name in self.columns or ()]
        wanted += [("partition_column", self.partition_column)] if self.partition_column is not None else []
        wanted += [("incremental.cursor_column", self.incremental.cursor_column)] if self.incremental else []
        if unknown := [(option, name) for option, name in wanted if name not in known]:
            raise ConfigError(
                Problem(f"{option}: table {table.quoted} has no {name!r}", allowed=tuple(known), hint=near(name, known))
                for option, name in unknown
            )
        columns = ", ".join(map(address.database.quote, self.columns)) if self.columns else "*"
        selection = Selection(table.quoted, columns=columns)
        where, parameters = named(self.where or "", self.parameters)
        return selection.where(where or "1 = 1", parameters) if where or parameters else selection


def _to_the_end(raw: Any, rows: pa.RecordBatchReader, address: Address, task: Task) -> Iterator[pa.RecordBatch]:
    with translated(address, task):
        yield from rows
        raw.rollback()  # what was read is no longer locked when a loader goes on to swap tables
