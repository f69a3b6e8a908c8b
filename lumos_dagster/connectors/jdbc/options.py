"""What the jdbc extractor and loader share: where the database is, and how a table is named."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

from pydantic import AliasChoices, Field, SecretStr, field_validator, model_validator

from lumos_dagster.connectors.jdbc.address import Address, find_database, parse_address
from lumos_dagster.connectors.jdbc.query import tables_of
from lumos_dagster.files import dataset
from lumos_dagster.interface import Component, ConnectionString, Texts
from lumos_dagster.values import Raw, has_placeholder

Mode = Literal["insert", "append", "update", "upsert", "replace", "truncate", "delete_insert"]

_PART = re.compile(r'"((?:[^"]|"")+)"|([^".][^.]*)')


class JdbcOptions(Component):
    """Which database, and as whom."""

    connection_string: ConnectionString
    """As JDBC spells it, behind `jdbc:postgresql:`, `jdbc:mysql:`, `jdbc:mariadb:`, `jdbc:sqlserver:`,
    `jdbc:oracle:thin:`, `jdbc:sqlite:` or `jdbc:duckdb:` (docs/databases.md); the same without `jdbc:`; or a
    SQLAlchemy URL."""
    username: str | None = None
    """Instead of the one in the connection string."""
    password: SecretStr | None = None
    """Instead of the one in the connection string; best as `${NAME}`."""

    @field_validator("connection_string")
    @classmethod
    def _is_known(cls, value: SecretStr) -> SecretStr:
        parse_address(value.get_secret_value())
        return value

    @classmethod
    def technology(cls, options: Mapping[str, Raw]) -> str:
        """The icon of the database, where the connection string tells it without the environment."""
        try:
            return find_database(str(options.get("connection_string", "")))[0].technology
        except ValueError:
            return ""

    @classmethod
    def modules(cls, options: Mapping[str, Raw]) -> tuple[str, ...]:
        """The driver too, where the connection string tells it without the environment."""
        try:
            driver = find_database(str(options.get("connection_string", "")))[0].driver_module
        except ValueError:
            return super().modules(options)
        return (*super().modules(options), driver)

    @classmethod
    def datasets(cls, options: Mapping[str, Raw]) -> tuple[tuple[str, ...], ...]:
        """The table, or the tables of the query, behind their server and database."""
        table, query = options.get("table_name"), options.get("query")
        connection_string = str(options.get("connection_string", ""))
        try:
            address = parse_address(connection_string)
        except ValueError:  # the environment says it whole, or it is told when the op starts
            known = has_placeholder(connection_string) or not connection_string.isidentifier()
            place = ("jdbc",) if known else ("jdbc", connection_string)
            return ((*place, *(part for part in split_name(str(table)) if part)),) if table else ()
        names = [split_name(str(table))] if table else tables_of(str(query), address.database.technology)
        return tuple(_dataset(address, schema, name) for schema, name in names)

    def address(self) -> Address:
        """The database's address, password included."""
        password = self.password.get_secret_value() if self.password else None
        return parse_address(self.connection_string.get_secret_value(), self.username, password)


class LoadOptions(JdbcOptions):
    """Which table, and how rows get into it."""

    table_name: str = Field(min_length=1)
    """`table` or `schema.table`; a name with a dot in it in double quotes."""
    load_mode: Mode = Field("insert", validation_alias=AliasChoices("load_mode", "mode"))
    """insert (= append) adds; update changes rows whose key is there; upsert does both; replace makes the table anew
    from the input; truncate empties it first; delete_insert deletes the input's keys, then inserts."""
    key_column: Texts = Field(("id",), min_length=1, validation_alias=AliasChoices("key_column", "key_columns"))
    """The column or columns that tell rows apart, for update, upsert and delete_insert."""
    batch_size: int = Field(10_000, gt=0)
    """Rows to a round trip where the driver sends rows, and rows to a transaction with `commit: batch`."""
    commit: Literal["load", "batch"] = "load"
    """load: all rows in one transaction. batch: one for each `batch_size` rows; a retry goes on behind the last."""
    connections: int | None = Field(None, ge=1, le=16)
    """How many connections fill a new table together (`load_mode: replace` without table_schema, into PostgreSQL,
    MySQL or MariaDB); all or nothing nevertheless. By itself two, where there are more than 8 MiB of rows; 1 keeps the
    rows in the order of the input."""
    create_table: bool = False
    """Make the table where it is missing: by `table_schema`, else from the input's columns."""
    table_schema: str | None = None
    """The table's DDL, a whole CREATE TABLE. Columns that the input has beyond it are left out and counted."""
    pre_sql: Texts = ()
    """SQL to run before the rows, in their transaction; behind `create_table`. A text or a list."""
    pre_sql_commits: bool = False
    """Whether pre_sql may commit by itself, as DDL does in MySQL and Oracle; refused there otherwise."""
    post_sql: Texts = ()
    """SQL to run after the rows, in their transaction: a text or a list."""
    columns: dict[str, str] = Field(default_factory=dict)
    """Input column -> table column, where the names differ."""
    schema_change: Literal["error", "add_columns", "ignore"] = "error"
    """What becomes of input columns that the table lacks, unless `table_schema` is given."""

    @field_validator("table_schema")
    @classmethod
    def _whole_statement(cls, ddl: str | None) -> str | None:
        if ddl is not None and not has_placeholder(ddl) and "create" not in ddl.lower():
            raise ValueError("give the whole statement: CREATE TABLE name (column type, ..)")
        return ddl

    @property
    def fills_anew(self) -> bool:
        """Whether the rows go into a table that nobody sees before the end, made by us as it is to be."""
        is_plain = not (self.table_schema or self.pre_sql)
        return self.load_mode == "replace" and self.commit == "load" and is_plain

    @model_validator(mode="after")
    def _promise_is_kept(self) -> Self:
        if self.connections and self.connections > 1 and not self.fills_anew:
            raise ValueError(
                f"connections: {self.connections} needs load_mode: replace, commit: load, and neither table_schema nor "
                "pre_sql: each connection commits by itself, into a table that nobody sees before the end; leave "
                "connections out"
            )
        return self

    @model_validator(mode="after")
    def _keys_stay_together(self) -> Self:
        if self.load_mode == "delete_insert" and self.commit == "batch":
            raise ValueError(
                "delete_insert needs commit: load, since rows of one key may lie in two batches, and the second would "
                "delete those of the first"
            )
        return self


def split_name(table_name: str) -> tuple[str | None, str]:
    """Schema and table of `schema.table`; a name with a dot in it is written in double quotes: `"a.b"`."""
    parts: list[str] = []
    at = 0
    while match := _PART.match(table_name, at):
        parts.append(match[1].replace('""', '"') if match[1] else match[2])
        at = match.end() + 1
        if match.end() == len(table_name):
            return (None, parts[0]) if len(parts) == 1 else (parts[0], ".".join(parts[1:]))
        if table_name[match.end()] != ".":
            break
    return None, table_name


def _dataset(address: Address, schema: str | None, table: str) -> tuple[str, ...]:
    database = address.database
    if database.in_a_file:
        return (database.name, *dataset(address.name), table)
    server = address.host if address.port == database.port else f"{address.host}:{address.port}"
    if database.schema_is_database:
        return (database.name, server, schema or address.name, table)
    place = (database.name, server, address.name, schema or database.default_schema, table)
    return tuple(part for part in place if part)


def location_of(address: Address, table_name: str | None) -> str:
    """What reading or writing locks: a whole database file, else one table; all of the database for a query."""
    if address.database.in_a_file:
        return f"{address.database.name}:{Path(str(address.name)).resolve()}"
    if not table_name:
        return ":".join(address.place)
    schema, table = split_name(table_name)
    if address.database.schema_is_database:
        return ":".join((*address.place[:2], schema or address.name, table))
    return ":".join((*address.place, schema or address.database.default_schema, table))
