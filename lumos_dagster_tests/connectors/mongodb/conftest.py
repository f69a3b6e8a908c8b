"""A fresh database, and reading and loading in it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
from pymongo import MongoClient
from pymongo.database import Database

from lumos_dagster.accounting import Book, Count
from lumos_dagster.connectors.mongodb import MongoExtractor, MongoLoader
from lumos_dagster.interface import LoadResult
from lumos_dagster.values import RunContext

Read = Callable[..., tuple[pa.Table, Count]]
Load = Callable[..., LoadResult]


@pytest.fixture
def database(mongodb_url: str, mongodb_database: str) -> Iterator[Database[dict[str, Any]]]:
    with MongoClient[dict[str, Any]](mongodb_url) as client:
        yield client[mongodb_database]


@pytest.fixture
def place(mongodb_url: str, mongodb_database: str) -> dict[str, Any]:
    return {"connection_string": mongodb_url, "database": mongodb_database, "collection": "things"}


@pytest.fixture
def address(mongodb_url: str) -> tuple[str, int]:
    with MongoClient[dict[str, Any]](mongodb_url) as client:
        client.admin.command("ping")
        assert client.address is not None
        return client.address


@pytest.fixture
def read(place: dict[str, Any], book: Book) -> Read:
    def read(**options: Any) -> tuple[pa.Table, Count]:
        with book.task("read") as task, MongoExtractor(**place | options).read(task) as rows:
            return rows.read_all(), task.count

    return read


@pytest.fixture
def load(place: dict[str, Any], run: RunContext) -> Load:
    def load(rows: Any, load_id: str = "run-1", on_error: Any = "fail", **options: Any) -> LoadResult:
        table = rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(rows)
        book = Book(replace(run, load_id=load_id))
        with book.task("load", on_error) as task:
            return MongoLoader(**place | options).write(table.to_reader(), task)

    return load
