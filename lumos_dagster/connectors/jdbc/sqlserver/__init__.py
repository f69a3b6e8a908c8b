"""SQL Server, through python-tds: bulk copy. Never run on a live server: docs/databases.md."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import pyarrow as pa

from lumos_dagster.connectors.jdbc.database import Column, Database
from lumos_dagster.connectors.jdbc.forms import WHEN_MISSING, WHEN_THERE, Forms
from lumos_dagster.connectors.jdbc.sqlserver import types
from lumos_dagster.connectors.jdbc.sqlserver.place import PARAMETERS, REFUSED, driver_options, read_place
from lumos_dagster.connectors.jdbc.urls import Parts
from lumos_dagster.conversion import as_text
from lumos_dagster.errors import DataError, LumosError, TerminalError, TransientError

_INSERT = "INSERT INTO {target} ({columns}) SELECT {columns} FROM {staged}"
_MERGE = "MERGE INTO {target} WITH (HOLDLOCK) USING {staged} ON {same_key}"

_RENAME = "EXEC sp_rename N'{beside_text}', N'{name_text}', N'OBJECT'"

_FORMS = Forms(
    quotes=("[", "]"),
    staging="#_lumos_staging",
    make_staging="CREATE TABLE {staging} ({columns})",
    add_column="ALTER TABLE {table} ADD {column}",
    swap=("DROP TABLE {target}", _RENAME),
    move=(_RENAME,),
    insert_once="INSERT INTO {table} ({columns}) SELECT {values} WHERE NOT EXISTS "
    "(SELECT 1 FROM {table} WITH (UPDLOCK, HOLDLOCK) WHERE load_key = {key})",
    insert=_INSERT + " {in_order}",
    upsert=(_MERGE + WHEN_THERE + WHEN_MISSING + ";",),
    insert_missing=(_MERGE + WHEN_MISSING + ";",),
    savepoint="SAVE TRANSACTION {name}",
    rollback_to=("ROLLBACK TRANSACTION {name}",),
    release=(),
    numbers_given="SET IDENTITY_INSERT {target} ON",
    numbers_made="SET IDENTITY_INSERT {target} OFF",
)
# https://learn.microsoft.com/sql/relational-databases/errors-events/database-engine-events-and-errors
_TRANSIENT = {
    64, 233, 596, 617, 669, 701, 802, 921, 927, 1203, 1204, 1205, 1206, 1219, 1221, 1222, 3635, 3906, 3935, 3957, 3960,
    3961, 3966, 4221, 5231, 8645, 8651, 9002, 9515, 10053, 10054, 10060, 10922, 10928, 10929, 10936, 11001,
    14355, 17142, 17197, 18401, 20041, 21503, 30024, 40020, 40143, 40166, 40197, 40501, 40540, 40544, 40549, 40613,
    41301, 41302, 41305, 41325, 41839, 45319, 49918, 49919, 49920,
}  # fmt: skip
_BAD_DATA = {
    220, 232, 241, 242, 244, 245, 248, 295, 296, 515, 517, 535, 547, 2601, 2627, 2628, 4819, 4863,
    4864, 4867, 7339, 8023, 8114, 8115, 8152, 8169, 9420, 9436, 9807, 13609,
}  # fmt: skip
_REFERRED_TO = 3726
_CHANGE = "Or keep the table and empty it: load_mode: truncate"
_BATCHES = re.compile(r"(?im)^\s*GO\s*;?\s*$")
_QUOTED = re.compile(r"\[((?:[^\]]|\]\])+)\]")

_COLUMNS = """
    SELECT c.name, COALESCE(TYPE_NAME(c.system_type_id), TYPE_NAME(c.user_type_id)), c.max_length, c.precision, c.scale,
           c.is_nullable, CASE WHEN c.default_object_id <> 0 OR c.is_identity = 1 OR c.is_computed = 1
           OR c.generated_always_type <> 0 OR c.system_type_id = 189 THEN 1 ELSE 0 END, c.is_identity,
           c.collation_name, CONVERT(int, COLLATIONPROPERTY(c.collation_name, 'CodePage'))
    FROM sys.columns c WHERE c.object_id = OBJECT_ID(%s) ORDER BY c.column_id"""
_UNIQUE = """
    SELECT i.index_id, COL_NAME(k.object_id, k.column_id) FROM sys.indexes i
    JOIN sys.index_columns k ON k.object_id = i.object_id AND k.index_id = i.index_id AND k.key_ordinal > 0
    WHERE i.object_id = OBJECT_ID(%s) AND i.is_unique = 1 AND i.has_filter = 0 AND i.is_disabled = 0"""
_TABLES = """
    SELECT name FROM sys.objects WHERE type IN ('U', 'V') AND schema_id = SCHEMA_ID(COALESCE(%s, SCHEMA_NAME()))
    ORDER BY name"""
_TURN = """
    DECLARE @turn int, @what nvarchar(255) = CONVERT(nvarchar(64), HASHBYTES('SHA2_256',
    CONCAT(N'lumos ', COALESCE(%s, SCHEMA_NAME()), N'.', %s)), 2);
    EXEC @turn = sp_getapplock @Resource = @what, @LockMode = 'Exclusive', @LockOwner = 'Transaction',
    @LockTimeout = -1; SELECT @turn"""
_SNAPSHOT = "SELECT snapshot_isolation_state FROM sys.databases WHERE name = DB_NAME()"
_SETTINGS = ("SET XACT_ABORT OFF", "SET DATEFORMAT ymd", "SET LOCK_TIMEOUT -1")
_SNAPSHOT_LEVEL = 5
_TRANSACTION = "SELECT CURRENT_TRANSACTION_ID()"


class SQLServer(Database):
    """SQL Server 2016 and later, Azure SQL."""

    name = "sqlserver"
    technology = "sqlserver"
    schemes = ("sqlserver", "mssql")
    driver = "mssql+pytds"
    port = 1433
    default_schema = "dbo"
    forms = _FORMS
    folds_parameters = True
    parameters = PARAMETERS
    refused = REFUSED

    @property
    def example(self) -> str:
        return "jdbc:sqlserver://host\\instance:port;databaseName=name;encrypt=true"

    def read_url(self, rest: str) -> Parts | None:
        return read_place(rest)

    def driver_parameters(self, parameters: Mapping[str, str]) -> dict[str, Any]:
        return driver_options(parameters)

    def connect_options(self) -> dict[str, Any]:
        return {"login_timeout": 15.0, "appname": "Lumos"}

    def connect(self, url: Any, options: Mapping[str, Any]) -> Any:
        from lumos_dagster.connectors.jdbc.sqlserver.line import connect

        return connect(url, options)

    def driver_errors(self) -> type[Exception]:
        import pytds

        found: type[Exception] = pytds.Error
        return found

    def error(self, error: Exception) -> LumosError:
        import pytds

        from lumos_dagster.connectors.jdbc.sqlserver.line import Unverified

        code = getattr(error, "msg_no", 0) or 0
        text = " ".join(str(error.args[0] if error.args else error).split())
        if not code:
            lost = isinstance(error, pytds.OperationalError | pytds.InterfaceError | pytds.TimeoutError)
            may_pass = lost and not isinstance(error, Unverified)
            return TransientError(text or "the connection is lost") if may_pass else TerminalError(text)
        text = f"{text} ({code})"
        if code == _REFERRED_TO:
            return TerminalError(f"{text} {_CHANGE}")
        if code in _BAD_DATA:
            return DataError(text)
        return TransientError(text) if code in _TRANSIENT else TerminalError(text)

    def cancel(self, raw: Any, another: Callable[[], Any]) -> None:
        raw.line.shut()

    def begin(self, raw: Any, waiting: Iterator[None], writes: bool) -> None:
        """The driver opens the transaction. A reader sees one moment where the database allows it."""
        # A failing statement must leave the transaction to be rolled back to a savepoint; dates are year first.
        for setting in _SETTINGS:
            self.execute(raw, setting)
        if not writes:
            (state,) = self.execute(raw, _SNAPSHOT).fetchone() or (0,)
            if state == 1:
                raw.isolation_level = _SNAPSHOT_LEVEL
                raw.rollback()  # the level holds from the next transaction on

    def commit(self, raw: Any, waiting: Iterator[None]) -> None:
        raw.commit()

    def wait_turn(self, raw: Any, schema: str | None, table: str) -> None:
        cursor = self.execute(raw, _TURN, (schema, table))
        while cursor.description is None and cursor.nextset():
            pass
        (got,) = cursor.fetchone()
        if got < 0:
            raise TransientError(f"another load is making or swapping table {table!r} ({got})")

    def run_script(self, raw: Any, script: str) -> None:
        """Batches may be divided by lines of GO, as in the vendor's own tools."""
        before = self.execute(raw, _TRANSACTION).fetchone()
        for batch in filter(str.strip, _BATCHES.split(script)):
            cursor = self.execute(raw, batch)
            while cursor.nextset():
                pass
        if self.execute(raw, _TRANSACTION).fetchone() != before:
            raise TerminalError("the SQL ended the transaction of the load: leave out its COMMIT or ROLLBACK")

    def columns(self, raw: Any, schema: str | None, table: str) -> list[Column]:
        return [types.column(row) for row in self.execute(raw, _COLUMNS, (self.quote(schema, table),)).fetchall()]

    def unique_keys(self, raw: Any, schema: str | None, table: str) -> list[frozenset[str]]:
        keys: dict[int, set[str]] = {}
        for index, column in self.execute(raw, _UNIQUE, (self.quote(schema, table),)).fetchall():
            keys.setdefault(index, set()).add(column)
        return [frozenset(names) for names in keys.values()]

    def table_names(self, raw: Any, schema: str | None) -> list[str]:
        return [name for (name,) in self.execute(raw, _TABLES, (schema,)).fetchall()]

    def sql_type(self, kind: pa.DataType) -> str:
        return types.made_type(kind)

    def key_type(self, kind: pa.DataType) -> str:
        return types.key_type(kind)

    def text_type(self, width: int) -> str:
        return f"nvarchar({width})"

    def append(self, raw: Any, table: str, columns: Sequence[Column], batches: Iterator[pa.RecordBatch]) -> int:
        """By bulk copy, which checks constraints and fires triggers as an INSERT does."""
        from pytds import Column as Sent
        from pytds.tds_types import sql_type_by_declaration

        names = [name.replace("]]", "]") for name in _QUOTED.findall(table)] or [table]
        sent = [Sent(column.name, sql_type_by_declaration(types.sent_as(column.sql_type))) for column in columns]
        gives_numbers = any(column.is_identity for column in columns)
        if gives_numbers:
            self.execute(raw, self.forms.numbers_given.format(target=table))
        arrived = 0
        for batch in batches:
            if batch.num_rows:
                values = [_sendable(column).to_pylist() for column in batch.columns]
                cursor: Any = raw.cursor()
                cursor.copy_to(
                    data=zip(*values, strict=True), table_or_view=names[-1], columns=sent, keep_nulls=True,
                    schema=names[0] if len(names) > 1 else None, check_constraints=True, fire_triggers=True,
                )  # fmt: skip
                arrived += cursor.rowcount
        if gives_numbers:
            self.execute(raw, self.forms.numbers_made.format(target=table))
        return arrived

    def read(
        self, raw: Any, query: str, parameters: Mapping[str, Any], rows: int
    ) -> AbstractContextManager[pa.RecordBatchReader]:
        from lumos_dagster.connectors.jdbc.sqlserver.reading import read

        return read(raw, query, parameters, rows, self.quote)


SQLSERVER = SQLServer()


def _sendable(column: "pa.Array[Any]") -> "pa.Array[Any]":
    """The values as the driver takes them; what is nested as JSON."""
    return as_text(column) if pa.types.is_nested(column.type) else column
