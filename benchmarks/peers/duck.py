"""DuckDB and its PostgreSQL, MySQL and SQLite extensions: python duck.py FROM TO COLUMNS [SELECT [KEY]].

A place is csv:PATH or URL#TABLE. COLUMNS are those of a file with their types, as JSON; SELECT is what is selected,
with {} for where from; with KEY, PostgreSQL is to merge the rows, which are staged there first.
"""

import json
import sys

import duckdb
from duckdb_extensions import import_extension


def main(source: str, target: str, columns: str, selected: str = "* from {}", key: str = "") -> None:
    """One statement, or staged and merged."""
    types = json.loads(columns)
    with duckdb.connect() as connection:
        rows = _place(connection, source, "source", types)
        if target.startswith("csv:"):
            connection.execute(f"copy (select {selected.format(rows)}) to '{target[4:]}' (header)")
        elif key:
            staged = _place(connection, f"{target}_staged", "target", {})
            connection.execute(f"create or replace table {staged} as select {selected.format(rows)}")
            changes = ", ".join(f"{name} = excluded.{name}" for name in types if name not in key.split(", "))
            table = target.rpartition("#")[2]
            connection.execute(
                f"call postgres_execute('target', 'insert into {table} select * from {table}_staged "
                f"on conflict ({key}) do update set {changes}; drop table {table}_staged')"
            )
        else:
            connection.execute(f"insert into {_place(connection, target, 'target', {})} select {selected.format(rows)}")


def _place(connection: "duckdb.DuckDBPyConnection", place: str, name: str, columns: dict[str, str]) -> str:
    if place.startswith("csv:"):
        return f"read_csv('{place[4:]}', header = true, columns = {columns})"
    url, _, table = place.partition("#")
    kind = url.removeprefix("jdbc:").partition(":")[0]
    extension = {"postgresql": "postgres_scanner", "mariadb": "mysql_scanner", "sqlite": "sqlite_scanner"}[kind]
    import_extension(extension, con=connection)
    connection.execute(f"load {extension}")
    attached = url.removeprefix("sqlite:") if kind == "sqlite" else url
    if kind == "mariadb":
        _, _, rest = url.partition("://root@")
        host, _, database = rest.partition("/")
        address, _, port = host.partition(":")
        attached = f"host={address} port={port} user=root database={database}"
    connection.execute(f"attach '{attached}' as {name} (type {extension.partition('_')[0]})")
    return f"{name}.{table}"


if __name__ == "__main__":
    main(*sys.argv[1:])
