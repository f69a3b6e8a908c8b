"""SQLite: values keep their declared types although the file does not enforce them."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import pyarrow as pa

from lumos_dagster.connectors.jdbc.database import Column, Database
from lumos_dagster.connectors.jdbc.forms import Forms
from lumos_dagster.connectors.jdbc.sqlite.reading import read
from lumos_dagster.connectors.jdbc.sqlite.sending import send
from lumos_dagster.connectors.jdbc.sqlite.types import column, sql_type
from lumos_dagster.errors import DataError, LumosError, TerminalError, TransientError

_BUSY = (5, 6, 15)
"""SQLITE_BUSY, SQLITE_LOCKED and SQLITE_PROTOCOL: somebody else has the file."""
_DISK = (10, 13)  # SQLITE_IOERR and SQLITE_FULL


class SQLite(Database):
    """A SQLite file."""

    name = "sqlite"
    technology = "sqlite"
    schemes = ("sqlite",)
    driver = "sqlite+pysqlite"
    driver_module = "sqlite3"
    in_a_file = True
    dates_are_text = True
    shares_snapshots = True
    forms = Forms(mark="?")
    swaps = False  # its readers wait for the commit anyway, and a rename would break the views over the table

    def connect_options(self) -> dict[str, Any]:
        # Waiting is done by us, where it can be broken off.
        return {"timeout": 0.0, "isolation_level": None, "check_same_thread": False}

    def driver_errors(self) -> type[Exception]:
        import sqlite3

        return sqlite3.Error

    def error(self, error: Exception) -> LumosError:
        import sqlite3

        if _is_busy(error):
            return TransientError(f"the database file is locked by somebody else: {error}")
        if isinstance(error, sqlite3.IntegrityError | sqlite3.DataError):
            return DataError(str(error))
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DISK:
            return TerminalError(f"the disk of the database file is full or fails: {error}")
        return TerminalError(str(error))

    def cancel(self, raw: Any, another: Callable[[], Any]) -> None:
        raw.interrupt()

    def begin(self, raw: Any, waiting: Iterator[None], writes: bool) -> None:
        """One writer at a time: others wait here for their turn. A reader waits while one commits."""
        if writes:
            self._patiently(raw, "BEGIN IMMEDIATE", waiting)
        else:
            raw.execute("BEGIN")
            self._patiently(raw, "SELECT 1 FROM sqlite_master", waiting)

    def begin_together(self, raws: Sequence[Any], waiting: Iterator[None]) -> None:
        """All begin between two looks at the file's version; where somebody has committed meanwhile, once more."""
        first, *others = raws
        for _ in waiting:
            try:
                before = _version(first)
                for raw in (*others, first):
                    raw.execute("BEGIN")
                    raw.execute("SELECT 1 FROM sqlite_master")
                if _version(first) == before:
                    return
            except self.driver_errors() as error:
                if not _is_busy(error):
                    raise
            for raw in raws:
                raw.rollback()
        raise TransientError("the database file is locked, or changed all the time, by somebody else")

    def commit(self, raw: Any, waiting: Iterator[None]) -> None:
        """Readers who began before must have ended."""
        self._patiently(raw, "COMMIT", waiting)

    def _patiently(self, raw: Any, statement: str, waiting: Iterator[None]) -> None:
        for _ in waiting:
            try:
                raw.execute(statement)
            except self.driver_errors() as error:
                if not _is_busy(error):
                    raise
            else:
                return
        raise TransientError("the database file is locked by somebody else")

    def run_script(self, raw: Any, script: str) -> None:
        from sqlite3 import complete_statement

        statement = ""
        for part in re.split(r"(;)", script):
            statement += part
            if complete_statement(statement):
                raw.execute(statement)
                statement = ""
        if statement.strip():
            raw.execute(statement)
        if not raw.in_transaction:
            raise TerminalError("the SQL ended the transaction of the load: leave out its COMMIT or ROLLBACK")

    def columns(self, raw: Any, schema: str | None, table: str) -> list[Column]:
        rows = raw.execute(
            'select name, type, "notnull", dflt_value, pk from pragma_table_info(?)', (table,)
        ).fetchall()
        single = sum(1 for row in rows if row[4]) == 1
        return [
            column(name, kind, not not_null, default is not None or bool(pk and single and kind.upper() == "INTEGER"))
            for name, kind, not_null, default, pk in rows
        ]

    def unique_keys(self, raw: Any, schema: str | None, table: str) -> list[frozenset[str]]:
        keys = "select name from pragma_table_info(?) where pk > 0"
        found = [frozenset(name for (name,) in raw.execute(keys, (table,)))]
        indexes = raw.execute('select name from pragma_index_list(?) where "unique" and not partial', (table,))
        for (index,) in indexes.fetchall():
            names = raw.execute("select name from pragma_index_info(?)", (index,))
            found.append(frozenset(name for (name,) in names))
        return [key for key in found if key and None not in key]  # an expression in an index has no name

    def table_names(self, raw: Any, schema: str | None) -> list[str]:
        return [
            name for (name,) in raw.execute("select name from sqlite_master where type in ('table', 'view') order by 1")
        ]

    def sql_type(self, kind: pa.DataType) -> str:
        return sql_type(kind)

    def append(self, raw: Any, table: str, columns: Sequence[Column], batches: Iterator[pa.RecordBatch]) -> int:
        return send(raw, table, [column.name for column in columns], batches)

    def read(
        self, raw: Any, query: str, parameters: Mapping[str, Any], rows: int
    ) -> AbstractContextManager[pa.RecordBatchReader]:
        return read(raw, query, parameters, rows)


SQLITE = SQLite()


def _is_busy(error: Exception) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _BUSY


def _version(raw: Any) -> int:
    """A number that changes when another connection has committed, as far as a transaction sees it."""
    return int(raw.execute("PRAGMA data_version").fetchone()[0])
