"""DuckDB: a file that one process at a time may change; rows go in and come out as Arrow."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from lumos_dagster.connectors.jdbc.database import Column, Database
from lumos_dagster.connectors.jdbc.duckdb.opening import Connection, is_held
from lumos_dagster.connectors.jdbc.duckdb.types import checked, column, made_for, spelled
from lumos_dagster.connectors.jdbc.forms import Forms
from lumos_dagster.connectors.jdbc.query import check_once, trimmed, with_values
from lumos_dagster.errors import DataError, LumosError, TerminalError, TransientError

_EXPRESSION = re.compile(r"""'?("(?:[^"]|"")*"|[^\[\],' ]+)'?""")


class DuckDB(Database):
    """A DuckDB file."""

    name = "duckdb"
    technology = "duckdb"
    schemes = ("duckdb",)
    driver = "duckdb"
    in_a_file = True
    parameter_marks = "[?;&]"
    default_schema = "main"
    forms = Forms(mark="?", savepoint="")

    def connect(self, url: Any, options: Mapping[str, Any]) -> Connection:
        """Not yet open: the path is made whole, since a name like md: would lead to a server."""
        return Connection(str(Path(url.database).resolve()), options)

    def connect_options(self) -> dict[str, Any]:
        return {"autoinstall_known_extensions": False, "python_enable_replacements": False}

    def driver_errors(self) -> type[Exception]:
        import duckdb

        return duckdb.Error

    def error(self, error: Exception) -> LumosError:
        import duckdb

        text = str(error).partition("\n")[0]
        if is_held(error):
            return TransientError(f"the database file is held by somebody else: {text}")
        if isinstance(error, duckdb.TransactionException) and "conflict" in text.lower():
            return TransientError(f"another load changes the same rows: {text}")
        if isinstance(error, duckdb.IntegrityError | duckdb.DataError):
            return DataError(text)
        return TerminalError(text)

    def cancel(self, raw: Connection, another: Callable[[], Any]) -> None:
        if raw.opened is not None:
            raw.opened.interrupt()

    def begin(self, raw: Connection, waiting: Iterator[None], writes: bool) -> None:
        """Wait for the file where another process holds it; readers share it, a writer has it alone."""
        raw.begin(waiting, writes)

    def commit(self, raw: Connection, waiting: Iterator[None]) -> None:
        raw.commit()

    def execute(self, raw: Connection, statement: str, values: Sequence[object] = ()) -> Any:
        return raw.run(statement, values)

    def run_script(self, raw: Connection, script: str) -> None:
        before = _transaction(raw)
        raw.run(script)
        if _transaction(raw) != before:
            raise TerminalError("the SQL ended the transaction of the load: leave out its COMMIT or ROLLBACK")

    def columns(self, raw: Connection, schema: str | None, table: str) -> list[Column]:
        rows = raw.run(
            "SELECT column_name, data_type, is_nullable, column_default FROM duckdb_columns() "
            "WHERE database_name = current_database() AND schema_name = ? AND table_name = ? ORDER BY column_index",
            [schema or self.default_schema, table],
        ).fetchall()
        if not rows:
            return []
        kinds = raw.opened.sql(f"SELECT * FROM {self.quote(schema, table)} LIMIT 0").types
        return [
            column(name, declared, kind, bool(nullable), default is not None)
            for (name, declared, nullable, default), kind in zip(rows, kinds, strict=True)
        ]

    def unique_keys(self, raw: Connection, schema: str | None, table: str) -> list[frozenset[str]]:
        rows = raw.run(
            "SELECT constraint_column_names FROM duckdb_constraints() WHERE database_name = current_database() "
            "AND schema_name = ? AND table_name = ? AND constraint_type IN ('PRIMARY KEY', 'UNIQUE')",
            [schema or self.default_schema, table],
        )
        indexes = raw.run(
            "SELECT expressions FROM duckdb_indexes() WHERE database_name = current_database() "
            "AND schema_name = ? AND table_name = ? AND is_unique",
            [schema or self.default_schema, table],
        )
        known = {self.quote(column.name): column.name for column in self.columns(raw, schema, table)}
        found = [frozenset(names) for (names,) in rows.rows]
        for (expressions,) in indexes.rows:
            names = _EXPRESSION.findall(expressions)
            found.append(frozenset(known.get(name if name.startswith('"') else f'"{name}"', "") for name in names))
        return [key for key in found if key and "" not in key]  # an expression in an index is no column

    def table_names(self, raw: Connection, schema: str | None) -> list[str]:
        rows = raw.run(
            "SELECT table_name FROM information_schema.tables WHERE table_catalog = current_database() "
            "AND table_schema = ? ORDER BY 1",
            [schema or self.default_schema],
        )
        return [name for (name,) in rows.fetchall()]

    def sql_type(self, kind: pa.DataType) -> str:
        return made_for(kind)

    def append(self, raw: Connection, table: str, columns: Sequence[Column], batches: Iterator[pa.RecordBatch]) -> int:
        names = ", ".join(self.quote(column.name) for column in columns)
        values = ", ".join(f"c{at}" for at in range(len(columns)))
        arrived = 0
        for batch in batches:
            rows = pa.RecordBatch.from_arrays(batch.columns, values.split(", "))
            # A reader is read once and let go of; a table would be kept until the transaction ends.
            raw.opened.register("_lumos_rows", pa.RecordBatchReader.from_batches(rows.schema, [rows]))
            arrived += raw.run(f"INSERT INTO {table} ({names}) SELECT {values} FROM _lumos_rows").rowcount
            raw.opened.unregister("_lumos_rows")
        return arrived

    @contextmanager
    def read(
        self, raw: Connection, query: str, parameters: Mapping[str, Any], rows: int
    ) -> Iterator[pa.RecordBatchReader]:
        text = with_values(trimmed(query), parameters, lambda name: f"${name}")
        values = {"params": dict(parameters)} if parameters else {}
        asked = raw.opened.sql(text, **values)
        if asked is None:
            raise TerminalError("the query gives no rows: write a SELECT")
        check_once(asked.columns)
        chosen = ", ".join(
            f"{spelled(self.quote(name), kind)} AS {self.quote(name)}"
            for name, kind in zip(asked.columns, asked.types, strict=True)
        )
        reader = raw.opened.sql(f"SELECT {chosen} FROM ({text}\n)", **values).to_arrow_reader(rows)
        yield pa.RecordBatchReader.from_batches(reader.schema, map(checked, reader))


DUCKDB = DuckDB()


def _transaction(raw: Connection) -> int:
    """Its number; outside of a transaction another one each time."""
    return int(raw.run("SELECT txid_current()").rows[0][0])
