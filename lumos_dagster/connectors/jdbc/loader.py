"""The jdbc loader: rows into a table in one transaction, with the ledger's entry in it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
from pydantic import AliasChoices, Field, field_validator

from lumos_dagster.accounting import Task
from lumos_dagster.connectors.jdbc.address import Address
from lumos_dagster.connectors.jdbc.fitting import Fit, Fitting
from lumos_dagster.connectors.jdbc.ledger import Ledger
from lumos_dagster.connectors.jdbc.options import JdbcOptions, location_of, split_name
from lumos_dagster.connectors.jdbc.session import connect, waiting
from lumos_dagster.connectors.jdbc.staging import Staging
from lumos_dagster.connectors.jdbc.tables import Matching, Table
from lumos_dagster.errors import DataError, TransientError
from lumos_dagster.interface import Loader, LoadResult

Mode = Literal["insert", "append", "update", "upsert", "replace", "truncate", "delete_insert"]
_KEYED = ("update", "upsert", "delete_insert")
_BESIDE = "_lumos_new"


class JdbcLoader(JdbcOptions, Loader):
    """Writes rows into a table, all or nothing, strictly in the types of its columns."""

    table_name: str
    """`table` or `schema.table`; a name with a dot in it in double quotes."""
    load_mode: Mode = Field("insert", validation_alias=AliasChoices("load_mode", "mode"))
    """insert (= append) adds; update changes rows whose key is there; upsert does both; replace makes the table anew
    from the input; truncate empties it first; delete_insert deletes the input's keys, then inserts."""
    key_column: tuple[str, ...] = Field(("id",), validation_alias=AliasChoices("key_column", "key_columns"))
    """The column or columns that tell rows apart, for update, upsert and delete_insert."""
    batch_size: int = Field(10_000, gt=0)
    """Rows sent at a time where the driver sends rows; all of them are one transaction."""
    create_table: bool = False
    """Make the table where it is missing: by `table_schema`, else from the input's columns."""
    table_schema: str | None = None
    """The table's DDL. Columns that the input has beyond it are left out and counted."""
    pre_sql: tuple[str, ...] = ()
    """SQL to run before the rows, in their transaction: a text or a list."""
    post_sql: tuple[str, ...] = ()
    """SQL to run after the rows, in their transaction: a text or a list."""
    columns: dict[str, str] = Field(default_factory=dict)
    """Input column -> table column, where the names differ."""
    schema_change: Literal["error", "add_columns", "ignore"] = "error"
    """What becomes of input columns that the table lacks, unless `table_schema` is given."""

    @field_validator("key_column", "pre_sql", "post_sql", mode="before")
    @classmethod
    def _one_or_more(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    def target(self) -> tuple[str, ...]:
        """The database and the table."""
        return (*self.address().place, *(part for part in split_name(self.table_name) if part))

    def location(self) -> str:
        """The file, or the table on its server."""
        return location_of(self.address(), self.table_name)

    def write(self, rows: pa.RecordBatchReader, task: Task) -> LoadResult:
        """Load everything in one transaction; a load that the ledger knows is only counted."""
        address = self.address()
        if address.database.in_a_file:
            Path(str(address.url.database)).resolve().parent.mkdir(parents=True, exist_ok=True)
        schema, name = split_name(self.table_name)
        ledger = Ledger(address.database, schema, self.target(), task)
        table = Table(address.database, schema, name, self.key_column if self.load_mode in _KEYED else ())
        with connect(address, task) as raw:
            self._begin(raw, address, task)
            ledger.prepare(raw)
            raw.commit()
            self._begin(raw, address, task)
            if (done := ledger.claim(raw)) is not None:
                task.log(f"{task.op}: this load was committed by an earlier attempt; nothing is written again")
                return self._count_again(raw, table, rows, task, done)
            result = self._load(raw, table, rows, task)
            ledger.record(raw, result, self.model_dump_json(exclude={"connection_string", "password"}))
            task.cancellation.check()
            try:
                raw.commit()
            except address.database.driver_errors() as error:
                return self._ask_the_ledger(address, ledger, task, result, error)
        return result

    def _begin(self, raw: Any, address: Address, task: Task) -> None:
        address.database.begin(raw, waiting(task))

    def _ask_the_ledger(
        self, address: Address, ledger: Ledger, task: Task, result: LoadResult, error: Exception
    ) -> LoadResult:
        """The connection died while it committed: only the ledger knows whether the rows are in."""
        with connect(address, task) as raw:
            if ledger.find(raw) is not None:
                return result
        reason = address.database.error(error)
        raise (
            reason
            if not isinstance(reason, TransientError)
            else TransientError(f"the commit did not come through: {reason}")
        )

    def _count_again(
        self, raw: Any, table: Table, rows: pa.RecordBatchReader, task: Task, done: LoadResult
    ) -> LoadResult:
        """Read the input once more without writing, so that every row is accounted for and travels on."""
        fits = self._matching().fits(raw, table, rows.schema, task)
        for _ in Fitting(fits, task).batches(rows):
            pass
        return done

    def _load(self, raw: Any, table: Table, rows: pa.RecordBatchReader, task: Task) -> LoadResult:
        database = table.database
        for script in self.pre_sql:
            database.run_script(raw, script)
        into = self._prepared(raw, table, rows.schema)
        fits = self._matching().fits(raw, into, rows.schema, task)
        fitting = Fitting(fits, task)
        expected = [0]

        def keep(count: int) -> None:
            expected[0] += count

        batches = fitting.batches(rows, keep)
        if self.load_mode in _KEYED:
            result = self._staged(raw, into, fits, batches, expected)
        else:
            arrived = database.append(raw, into.quoted, [fit.column for fit in fits], batches)
            _demand(arrived, expected[0], into.quoted)
            result = LoadResult(inserted=arrived)
        for note in task.count.notes:
            task.count.notes[note] = fitting.seen
        if into is not table:
            self._swap(raw, table, into)
        for script in self.post_sql:
            database.run_script(raw, script)
        return result

    def _staged(
        self, raw: Any, table: Table, fits: list[Fit], batches: Iterator[pa.RecordBatch], expected: list[int]
    ) -> LoadResult:
        staging = Staging(raw, table, fits)
        _demand(staging.fill(batches), expected[0], "the staging table")
        result: LoadResult = getattr(staging, self.load_mode)()
        staging.drop()
        return result

    def _matching(self) -> Matching:
        return Matching(self.columns, self.table_schema is not None, self.schema_change)

    def _prepared(self, raw: Any, table: Table, schema: pa.Schema) -> Table:
        """The table to fill: as it is, emptied, made where it is missing, or a new one beside it to be swapped in."""
        columns = self._matching().renamed(schema)
        if self.load_mode == "replace":
            if self.table_schema is not None:
                raw.execute(f"DROP TABLE IF EXISTS {table.quoted}")
                return self._made(raw, table, columns)
            beside = Table(table.database, table.schema, _BESIDE, table.key)
            raw.execute(f"DROP TABLE IF EXISTS {beside.quoted}")
            beside.make(raw, columns, with_key=False)
            return beside
        if not table.columns(raw):
            if not (self.create_table or self.table_schema):
                raise table.missing(raw)
            return self._made(raw, table, columns)
        if self.load_mode == "truncate":
            raw.execute(f"DELETE FROM {table.quoted}")
        return table

    def _made(self, raw: Any, table: Table, columns: pa.Schema) -> Table:
        if self.table_schema is None:
            table.make(raw, columns, with_key=self.load_mode == "upsert")
            return table
        table.database.run_script(raw, self.table_schema)
        if not table.columns(raw):
            raise DataError(f"table_schema was run, but there is no table {table.quoted} after it: do the names agree?")
        return table

    def _swap(self, raw: Any, table: Table, beside: Table) -> None:
        raw.execute(f"DROP TABLE IF EXISTS {table.quoted}")
        raw.execute(f"ALTER TABLE {beside.quoted} RENAME TO {table.database.quote(table.name)}")


def _demand(arrived: int, expected: int, where: str) -> None:
    if arrived != expected:
        raise DataError(f"{expected} rows were sent to {where}, but {arrived} arrived; nothing was committed")
