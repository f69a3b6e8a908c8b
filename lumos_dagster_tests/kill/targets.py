"""The targets of the matrix: filled with the old rows, looked at after, and what a load may leave beside them."""

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from pymongo import MongoClient

from lumos_dagster_tests.kill.matrix import Line
from lumos_dagster_tests.kill.rows import OLD, Row, digest, expected, write_csv
from lumos_dagster_tests.servers.mariadb import MariadbDatabase, MariadbServer

TABLE, SOURCE = "target", "source"
_LEDGER = "_lumos_loads"


class Target(ABC):
    """Where a load goes. `folder` is the project folder of the job."""

    loader: str
    needs_server: bool = True

    @abstractmethod
    def options(self, line: Line) -> Mapping[str, Any]:
        """The loader's options that say where it lies."""

    @abstractmethod
    def fill(self, line: Line) -> None:
        """Make it anew with the old rows."""

    def disconnect(self) -> None:
        """Let the server drop all connections to it."""
        raise NotImplementedError

    @abstractmethod
    def digest(self, line: Line) -> str:
        """All rows of it."""

    @abstractmethod
    def leftovers(self) -> list[str]:
        """What lies beside it and is neither its own nor a ledger."""

    def wanted(self, line: Line) -> str:
        """The digest after the load."""
        return digest(expected(line))

    def old(self, line: Line) -> str:
        """The digest before it."""
        return digest(OLD)


_CREATE = "create table {} (id bigint{}, name varchar(1000))"


def _made(line: Line) -> str:
    """Only an upsert gets a key: elsewhere a doubled row must be seen, not refused."""
    return _CREATE.format(TABLE, " primary key" if line.merge == "upsert" else "")


def fill_source(server: str, rows: Sequence[Row]) -> None:
    """Make the table in a database of PostgreSQL that lines are read from."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"drop table if exists {SOURCE}".encode())
        _fill(connection, SOURCE, _CREATE.format(SOURCE, ""), rows)


def _fill(connection: psycopg.Connection[Any], table: str, create: str, rows: Sequence[Row]) -> None:
    connection.execute(create.encode())
    with connection.cursor() as cursor, cursor.copy(f"copy {table} from stdin".encode()) as copy:
        for row in rows:
            copy.write_row(row)


@dataclass
class SQLite(Target):
    """A file."""

    folder: Path
    loader = "jdbc"
    needs_server = False

    def options(self, line: Line) -> Mapping[str, Any]:
        return {"connection_string": f"jdbc:sqlite:{self._file}", "table_name": TABLE}

    def fill(self, line: Line) -> None:
        for path in self._file.parent.glob(f"{self._file.name}*"):
            path.unlink()
        with closing(sqlite3.connect(self._file)) as connection, connection:
            connection.execute(_made(line))
            connection.executemany("insert into target values (?, ?)", OLD)

    def digest(self, line: Line) -> str:
        return digest(self._rows("select id, name from target"))

    def leftovers(self) -> list[str]:
        tables = {str(name) for (name,) in self._rows("select name from sqlite_master where type = 'table'")}
        files = {path.name for path in self._file.parent.iterdir()} - {self._file.name}
        return sorted((tables | files) - {TABLE, _LEDGER})

    def _rows(self, query: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self._file)) as connection:
            return connection.execute(query).fetchall()

    @property
    def _file(self) -> Path:
        (self.folder / "database").mkdir(exist_ok=True)
        return self.folder / "database" / "target.db"


@dataclass
class PostgreSQL(Target):
    """A database of its own; `port` may be that of a proxy before the server."""

    server: str
    """URL of the database, with the server's own port."""
    port: int = 0
    loader = "jdbc"

    def options(self, line: Line) -> Mapping[str, Any]:
        url = self.server
        if self.port:
            url = f"{url.rsplit(':', 1)[0]}:{self.port}/{url.rsplit('/', 1)[1]}"
        return {"connection_string": url, "table_name": TABLE}

    def fill(self, line: Line) -> None:
        with psycopg.connect(self.server, autocommit=True) as connection:
            for name in [TABLE, *self.leftovers()]:
                connection.execute(f'drop table if exists "{name}"'.encode())
            _fill(connection, TABLE, _made(line), OLD)

    def digest(self, line: Line) -> str:
        return digest(self._rows("select id, name from target"))

    def leftovers(self) -> list[str]:
        tables = self._rows("select tablename from pg_tables where schemaname = 'public'")
        return sorted({str(name) for (name,) in tables} - {TABLE, SOURCE, _LEDGER})

    def disconnect(self) -> None:
        others = "datname = current_database() and pid <> pg_backend_pid()"
        self._rows(f"select pg_terminate_backend(pid, 30000) from pg_stat_activity where {others}")

    def _rows(self, query: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.server) as connection:
            return connection.execute(query.encode()).fetchall()


@dataclass
class MariaDB(Target):
    """A database of its own; `port` may be that of a proxy before the server."""

    database: MariadbDatabase
    port: int = 0
    loader = "jdbc"

    def options(self, line: Line) -> Mapping[str, Any]:
        url = MariadbServer(self.port).url(self.database.name) if self.port else self.database.url
        return {"connection_string": url, "table_name": TABLE}

    def fill(self, line: Line) -> None:
        with self.database.server.connect(self.database.name) as connection, connection.cursor() as cursor:
            for name in [TABLE, *self.leftovers()]:
                cursor.execute(f"drop table if exists `{name}`")
            cursor.execute(_made(line))
            cursor.executemany("insert into target values (%s, %s)", OLD)

    def digest(self, line: Line) -> str:
        return digest(self.database.rows("select id, name from target"))

    def disconnect(self) -> None:
        others = f"db = '{self.database.name}' and id <> connection_id()"
        for (number,) in self.database.rows(f"select id from information_schema.processlist where {others}"):
            self.database.rows(f"kill {number}")

    def leftovers(self) -> list[str]:
        return sorted({str(name) for (name,) in self.database.rows("show tables")} - {TABLE, _LEDGER})


@dataclass
class Csv(Target):
    """A file in a folder of its own."""

    folder: Path
    loader = "csv"
    needs_server = False

    def options(self, line: Line) -> Mapping[str, Any]:
        return {"file_path": str(self._file)}

    def fill(self, line: Line) -> None:
        for path in self._file.parent.iterdir():
            path.unlink()
        write_csv(self._file, OLD)

    def digest(self, line: Line) -> str:
        header, *rows = self._file.read_text().split("\n")
        end = rows.pop() if rows else "?"
        return digest([header.split(","), *(row.split(",", 1) for row in rows), [f"ends with {end!r}"]], ordered=True)

    def wanted(self, line: Line) -> str:
        return digest([("id", "name"), *expected(line), ("ends with ''",)], ordered=True)

    def old(self, line: Line) -> str:
        return digest([("id", "name"), *OLD, ("ends with ''",)], ordered=True)

    def leftovers(self) -> list[str]:
        own = {self._file.name, f"{self._file.name}.lumos-append"}
        return sorted({path.name for path in self._file.parent.iterdir()} - own)

    @property
    def _file(self) -> Path:
        (self.folder / "out").mkdir(exist_ok=True)
        return self.folder / "out" / "target.csv"


@dataclass
class MongoDB(Target):
    """A database of its own; `port` may be that of a proxy before the server."""

    server: str
    database: str
    port: int = 0
    loader = "mongodb"

    def options(self, line: Line) -> Mapping[str, Any]:
        url = self.server
        if self.port:  # else the driver would ask the server where it is, and go past the proxy
            url = f"mongodb://127.0.0.1:{self.port}/?directConnection=true"
        return {"connection_string": url, "database": self.database, "collection": TABLE, "batch_size": 500}

    def fill(self, line: Line) -> None:
        with MongoClient[dict[str, Any]](self.server) as client:
            database = client[self.database]
            for name in [TABLE, *self.leftovers()]:
                database[name].drop()
            key = "_id" if line.own_ids else "id"
            database[TABLE].insert_many([{key: number, "name": text} for number, text in OLD])
            database[TABLE].create_index("id")

    def digest(self, line: Line) -> str:
        key = "_id" if line.own_ids else "id"
        with MongoClient[dict[str, Any]](self.server) as client:
            return digest((row[key], row["name"]) for row in client[self.database][TABLE].find())

    def leftovers(self) -> list[str]:
        with MongoClient[dict[str, Any]](self.server) as client:
            return sorted({*client[self.database].list_collection_names()} - {TABLE, _LEDGER})
