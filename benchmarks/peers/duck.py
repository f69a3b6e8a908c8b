"""DuckDB and its PostgreSQL, MySQL and SQLite extensions: python duck.py FROM TO [SELECT], each csv:PATH or URL#TABLE.

SELECT is what is selected, with {} for where from; all of it if not said.
"""

import sys

import duckdb
from duckdb_extensions import import_extension

COLUMNS = {
    "l_orderkey": "BIGINT", "l_partkey": "BIGINT", "l_suppkey": "BIGINT", "l_linenumber": "INTEGER",
    "l_quantity": "DECIMAL(12,2)", "l_extendedprice": "DECIMAL(12,2)", "l_discount": "DECIMAL(12,2)",
    "l_tax": "DECIMAL(12,2)", "l_returnflag": "VARCHAR", "l_linestatus": "VARCHAR", "l_shipdate": "DATE",
    "l_commitdate": "DATE", "l_receiptdate": "DATE", "l_shipinstruct": "VARCHAR", "l_shipmode": "VARCHAR",
    "l_comment": "VARCHAR",
}  # fmt: skip


def main(source: str, target: str, selected: str = "* from {}") -> None:
    """One statement."""
    with duckdb.connect() as connection:
        rows = _place(connection, source, "source")
        if target.startswith("csv:"):
            connection.execute(f"copy (select {selected.format(rows)}) to '{target[4:]}' (header)")
        else:
            connection.execute(f"insert into {_place(connection, target, 'target')} select {selected.format(rows)}")


def _place(connection: "duckdb.DuckDBPyConnection", place: str, name: str) -> str:
    if place.startswith("csv:"):
        return f"read_csv('{place[4:]}', header = true, columns = {COLUMNS})"
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
    main(*sys.argv[1:4])
