"""SQL Server as the tests have it: the real driver against a stand-in with canned answers."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lumos_dagster.values import RunContext
from lumos_dagster_tests.connectors.jdbc.conftest import Place
from lumos_dagster_tests.servers.tds import TdsServer, tds_server

SECRET = "hunter2-canary"
ID = ("id", "int", 4, 10, 0, 0, 0, 0, None, None)
NAME = ("name", "nvarchar", 40, 0, 0, 1, 0, 0, "Latin1_General_CI_AS", 1252)
_LEDGER = [("load_key", "nvarchar", 128, 0, 0, 0, 0, 0, "Latin1_General_CI_AS", 1252)]
ROWS = [{"id": 1, "name": "a"}, {"id": 2, "name": None}]


@contextmanager
def stand_in() -> Iterator[TdsServer]:
    """A server with a database that has what a load asks for."""
    with tds_server() as told:
        told.answers += [
            (r"SELECT epoch, result", [(1, None)]),
            (r"FROM sys.databases", [(0,)]),
            (r"sp_getapplock", [(0,)]),
            (r"CURRENT_TRANSACTION_ID", [(7,)]),
            (r"SELECT count\(\*\) FROM #_lumos_staging staged WHERE EXISTS", [(1,)]),
            (r"SELECT count\(\*\) FROM #_lumos_staging", [(2,)]),
            (r"SELECT count\(\*\) FROM \(SELECT DISTINCT.*EXISTS", [(1,)]),
            (r"SELECT count\(\*\) FROM \(SELECT DISTINCT", [(2,)]),
            (r"FROM sys.indexes", [(1, "id")]),
            (r"FROM sys.objects", [("t",)]),
            (r"UPDATE .*_lumos_loads", 1),
        ]
        yield told


def place(server: TdsServer, run: RunContext, table: list[Any] | None = None, **more: Any) -> Place:
    """With a table t of these columns."""
    tables = iter(more.get("tables", []))
    known = {"_lumos_loads": _LEDGER, "": [ID, NAME] if table is None else table}
    calls: list[int] = []

    def columns(statement: str) -> Any:
        calls.append(1)
        return known["_lumos_loads"] if len(calls) == 1 else next(tables, known[""])

    server.answers.insert(0, (r"FROM sys.columns", columns))
    url = f"jdbc:sqlserver://127.0.0.1:{server.port};databaseName=shop;encrypt=false;user=sa;password={SECRET}"
    found = Place("sqlserver", url, run, lambda _: [])
    found.listens = False
    return found
