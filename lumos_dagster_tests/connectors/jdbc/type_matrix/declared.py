"""What the connectors declare of types: the columns that they make, and the types of servers that are not here."""

from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa

from lumos_dagster.connectors.jdbc.duckdb import DUCKDB
from lumos_dagster.connectors.jdbc.mysql import MYSQL
from lumos_dagster.connectors.jdbc.oracle import types as oracle
from lumos_dagster.connectors.jdbc.postgresql import POSTGRESQL
from lumos_dagster.connectors.jdbc.sqlite import SQLITE
from lumos_dagster.connectors.jdbc.sqlserver import types as sqlserver

_NEVER_RUN = "**Never run on a live server**: this is what the connector declares, checked without one.\n"
_MAKERS: Mapping[str, Callable[[pa.DataType], str]] = {
    "PostgreSQL": POSTGRESQL.sql_type, "MariaDB, MySQL": MYSQL.sql_type, "SQLite": SQLITE.sql_type, "DuckDB": DUCKDB.sql_type,
    "SQL Server (never run)": sqlserver.made_type, "Oracle (never run)": oracle.made_type,
}  # fmt: skip
_ARROW: tuple[Any, ...] = (
    pa.bool_(), pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64(),
    pa.float32(), pa.float64(), pa.decimal128(38, 10), pa.decimal256(65, 30), pa.string(), pa.binary(), pa.date32(),
    pa.time64("us"), pa.timestamp("us"), pa.timestamp("us", "UTC"), pa.list_(pa.int64()),
    pa.struct([pa.field("a", pa.string())]), pa.duration("us"),
)  # fmt: skip
_SQL_SERVER = (
    "bit", "tinyint", "smallint", "int", "bigint", "decimal(38,10)", "numeric(5,2)", "money", "smallmoney", "real",
    "float", "char(5)", "varchar(5)", "varchar(max)", "text", "nchar(5)", "nvarchar(5)", "nvarchar(max)", "ntext",
    "binary(4)", "varbinary(100)", "varbinary(max)", "image", "date", "time(6)", "datetime", "smalldatetime",
    "datetime2(6)", "datetimeoffset(6)", "uniqueidentifier", "xml", "rowversion", "sql_variant", "hierarchyid",
    "geometry", "geography",
)  # fmt: skip
_ORACLE = (
    "BINARY_FLOAT", "BINARY_DOUBLE", "FLOAT", "CHAR", "VARCHAR2", "NCHAR", "NVARCHAR2", "CLOB", "NCLOB", "LONG", "RAW",
    "LONG RAW", "BLOB", "DATE", "TIMESTAMP(6)", "TIMESTAMP(6) WITH TIME ZONE", "TIMESTAMP(6) WITH LOCAL TIME ZONE",
    "INTERVAL YEAR(2) TO MONTH", "INTERVAL DAY(2) TO SECOND(6)", "BOOLEAN", "JSON", "XMLTYPE", "ROWID",
)  # fmt: skip
_NUMBERS = ((None, None), (10, 0), (18, 0), (19, 0), (38, 10), (5, -2))


def made() -> str:
    """The column that each database makes for each Arrow type."""
    rows = [(f"{kind}", *(_made(maker, kind) for maker in _MAKERS.values())) for kind in _ARROW]
    return _table(("Arrow", *_MAKERS), rows)


def sql_server() -> str:
    """The Arrow type of each of SQL Server's."""
    return f"{_NEVER_RUN}\n{_table(('SQL Server', 'Arrow'), [(kind, str(sqlserver.arrow_type(kind))) for kind in _SQL_SERVER])}"


def oracle_types() -> str:
    """The Arrow type of each of Oracle's."""
    rows = [(_number(*digits), str(oracle.number_type(*digits))) for digits in _NUMBERS]
    rows += [(kind, str(oracle.arrow_type(kind))) for kind in _ORACLE]
    return f"{_NEVER_RUN}\n{_table(('Oracle', 'Arrow'), rows)}"


def _number(precision: int | None, scale: int | None) -> str:
    return "NUMBER" if precision is None else f"NUMBER({precision},{scale})"


def _made(maker: Callable[[pa.DataType], str], kind: pa.DataType) -> str:
    try:
        return maker(kind).split(" CHARACTER SET")[0]
    except ValueError:
        return ""


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    cells = [" | ".join(f"`{cell}`" if cell else "refused" for cell in row) for row in rows]
    return "\n".join([f"| {' | '.join(head)} |", "|" + "---|" * len(head), *(f"| {row} |" for row in cells), ""])
