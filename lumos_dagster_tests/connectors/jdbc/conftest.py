"""The databases under one face: loading rows, reading them, and looking behind the connector's back."""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from lumos_dagster.accounting import Book, Count, OnError, Task
from lumos_dagster.connectors.jdbc import JdbcExtractor, JdbcLoader
from lumos_dagster.interface import LoadResult
from lumos_dagster.values import RunContext
from lumos_dagster_tests.servers.mariadb import MariadbDatabase
from lumos_dagster_tests.servers.postgres import PostgresDatabase


@dataclass
class Place:
    """A fresh database, and what a test does with it."""

    name: str
    url: str
    run: RunContext
    sql: Callable[[str], list[tuple[Any, ...]]]
    """Run statements of the test's own, each committed at once; gives the rows of the last."""
    log: list[str] = field(default_factory=list)
    count: Count = field(default_factory=Count)
    """The counts of the last load or reading."""
    accepted: list[dict[str, Any]] = field(default_factory=list)
    """The rows that the last load passed on."""
    listens: bool = True
    """Whether somebody waits for the rows of a load."""

    def load(
        self,
        rows: pa.Table | pa.RecordBatchReader | Sequence[dict[str, Any]],
        load_id: str = "load-1",
        on_error: OnError = "fail",
        max_rejects: str = "100",
        **options: Any,
    ) -> LoadResult:
        """Load rows as the op `load`, and hold its counts against each other as a run does."""
        table = pa.Table.from_pylist(list(rows)) if isinstance(rows, Sequence) else rows
        reader = table.to_reader() if isinstance(table, pa.Table) else table
        book = self.book(load_id)
        with book.task("load", on_error, max_rejects) as task:
            self.count, self.accepted = task.count, []
            if self.listens:
                task.accept = lambda batch: self.accepted.extend(batch.to_pylist())
            result = self.loader(**options).write(_counted(reader, task), task)
            task.count.merged, task.count.unmatched = result.merged, result.unmatched
            task.count.rows_out = result.inserted + result.updated + result.unchanged
        book.check()
        if self.listens:
            assert len(self.accepted) == task.count.rows_out, "what is passed on is not what was loaded"
        return result

    def quoted(self, name: str) -> str:
        """A name as this database's SQL has it."""
        mark = "`" if self.name == "mariadb" else '"'
        return f"{mark}{name.replace(mark, mark * 2)}{mark}"

    def declared(self, kind: str) -> str:
        """A column's type as this database has it: MariaDB cuts fractions of a second unless told otherwise."""
        theirs = {"timestamp": "datetime(6)", "time": "time(6)", "timestamp with time zone": "timestamp(6)"}
        return theirs.get(kind, kind) if self.name == "mariadb" else kind

    def loader(self, **options: Any) -> JdbcLoader:
        return JdbcLoader.model_validate({"connection_string": self.url, "table_name": "t", **options})

    def read(self, **options: Any) -> pa.Table:
        """All rows, by default those of table t."""
        with self.book().task("read") as task, self.extractor(**options).read(task) as rows:
            return rows.read_all()

    def extractor(self, **options: Any) -> JdbcExtractor:
        options = options if "query" in options else {"table_name": "t", **options}
        return JdbcExtractor.model_validate({"connection_string": self.url, **options})

    def book(self, load_id: str = "load-1") -> Book:
        return Book(replace(self.run, load_id=load_id), log=self.log.append)


def _counted(reader: pa.RecordBatchReader, task: Task) -> pa.RecordBatchReader:
    def batches() -> Any:
        for batch in reader:
            task.count.rows_in += batch.num_rows
            yield batch

    return pa.RecordBatchReader.from_batches(reader.schema, batches())


@pytest.fixture
def postgres_place(postgres: PostgresDatabase, run: RunContext) -> Place:
    def sql(text: str) -> list[tuple[Any, ...]]:
        with postgres.connect() as connection:
            cursor = connection.execute(text)
            while cursor.nextset():
                pass
            return cursor.fetchall() if cursor.description else []

    return Place("postgresql", postgres.url, run, sql)


@pytest.fixture
def mariadb_place(mariadb: MariadbDatabase, run: RunContext) -> Place:
    return Place("mariadb", mariadb.url, run, mariadb.rows)


@pytest.fixture
def sqlite_file(tmp_path: Path) -> Path:
    return tmp_path / "test.db"


@pytest.fixture
def sqlite_place(sqlite_file: Path, run: RunContext) -> Place:
    def sql(text: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(sqlite_file, isolation_level=None)) as connection:
            *before, last = text.split(";;")
            for statement in before:
                connection.execute(statement)
            return connection.execute(last).fetchall()

    return Place("sqlite", f"jdbc:sqlite:{sqlite_file}", run, sql)


@pytest.fixture
def duckdb_place(tmp_path: Path, run: RunContext) -> Place:
    file = tmp_path / "test.duckdb"

    def sql(text: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(file) as connection:
            *before, last = text.split(";;")
            for statement in before:
                connection.execute(statement)
            return connection.execute(last).fetchall()

    return Place("duckdb", f"jdbc:duckdb:{file}", run, sql)


SAVING = ["postgresql", "mariadb", "sqlite"]
"""Those with savepoints, so that rows which the database refuses can be told apart."""
PLACES = [*SAVING, pytest.param("duckdb", marks=pytest.mark.slow)]
"""The conformance suite holds DuckDB in the default run, test_duckdb.py what is its own."""


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest) -> Place:
    found: Place = request.getfixturevalue(f"{PREFIXES.get(request.param, request.param)}_place")
    return found


@pytest.fixture(params=["postgresql", "mariadb"])
def server_place(request: pytest.FixtureRequest) -> Place:
    """A database with several writers at a time, which swaps a replaced table in."""
    found: Place = request.getfixturevalue(f"{PREFIXES.get(request.param, request.param)}_place")
    return found


PREFIXES = {"postgresql": "postgres"}
