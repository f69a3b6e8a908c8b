"""MySQL and MariaDB, through PyMySQL: LOAD DATA or strict INSERTs in, the server's own texts out."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from hashlib import sha256
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa

from lumos_dagster.ahead import ahead
from lumos_dagster.connectors.jdbc.database import Column, Database
from lumos_dagster.connectors.jdbc.forms import Forms
from lumos_dagster.connectors.jdbc.mysql import types
from lumos_dagster.connectors.jdbc.mysql.place import PARAMETERS, REFUSED, driver_options
from lumos_dagster.errors import DataError, LumosError, TerminalError, TransientError
from lumos_dagster.passage import Passage

_INSERT = "INSERT INTO {target} ({columns}) SELECT {columns} FROM {staged}"
_MISSING = _INSERT + " WHERE NOT EXISTS (SELECT 1 FROM {target} WHERE {same_key}) {in_order}"
_UPDATE = "UPDATE {target} JOIN {staged} ON {same_key} SET {changes}"

_FORMS = Forms(
    quotes=("`", "`"),
    make_staging="CREATE TEMPORARY TABLE {staging} ({columns}, PRIMARY KEY ({position})) ENGINE=InnoDB",
    index_staging="",  # to make one would commit
    drop_staging="DROP TEMPORARY TABLE {staging}",
    create_table="CREATE TABLE {table} ({columns}) ENGINE=InnoDB",
    swap=("DROP TABLE IF EXISTS {old}", "RENAME TABLE {target} TO {old}, {beside} TO {target}", "DROP TABLE {old}"),
    move=("RENAME TABLE {beside} TO {target}",),
    insert_once="INSERT INTO {table} ({columns}) VALUES ({values}) ON DUPLICATE KEY UPDATE epoch = epoch",
    insert=_INSERT + " {in_order}",
    update=_UPDATE,
    delete="DELETE {target} FROM {target} JOIN {staged} ON {same_key}",
    # ON DUPLICATE KEY UPDATE would also change a row that shares no more than another unique value.
    upsert=(_UPDATE, _MISSING),
    insert_missing=(_MISSING,),
    change="{target}.{column} = staged.{column}",
)
_SESSION = (
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,"
    "NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO', time_zone = '+00:00', "
    "innodb_lock_wait_timeout = 300, lock_wait_timeout = 300"
)
_TURN_SECONDS = 300
_UNPROVEN = "certificate verify failed"
"""What the driver says, with the code of a server that is not there, where a certificate is not trusted."""
_NAME_CHARACTERS = 64
_LOOKS_PER_SECOND = 20
_NO_SUCH_TABLE, _IS_ALTERED = 1146, 1684
_GIVEN = re.compile(r"auto_increment|GENERATED")

# Codes: https://mariadb.com/kb/en/mariadb-error-code-reference/ and MySQL's, which agree on those of both.
_TRANSIENT = {
    1021, 1037, 1040, 1041, 1053, 1077, 1080, 1114, 1152, 1158, 1159, 1160, 1161, 1180, 1203, 1205, 1206, 1213, 1226,
    1317, 1927, 1969, 2002, 2003, 2005, 2006, 2013, 2014, 2055, 3024, 4031,
}  # fmt: skip
_BAD_DATA = {
    1048, 1062, 1216, 1217, 1242, 1264, 1265, 1292, 1300, 1364, 1365, 1366, 1367, 1406, 1411, 1416, 1425, 1441, 1451,
    1452, 1525, 1690, 3140, 3141, 3156, 3819, 4025, 4078,
}  # fmt: skip
_COMMITTING = {
    "ALTER", "ANALYZE", "BEGIN", "CACHE", "CHECK", "COMMIT", "CREATE", "DROP", "FLUSH", "GRANT", "INSTALL", "LOCK",
    "OPTIMIZE", "RENAME", "REPAIR", "RESET", "REVOKE", "ROLLBACK", "START", "TRUNCATE", "UNINSTALL", "UNLOCK",
}  # fmt: skip

_UNIQUE = """
    SELECT index_name, column_name FROM information_schema.statistics
    WHERE table_schema = coalesce(%s, database()) AND table_name = %s AND non_unique = 0 AND index_name NOT IN (
        SELECT index_name FROM information_schema.statistics WHERE table_schema = coalesce(%s, database())
        AND table_name = %s AND (sub_part IS NOT NULL OR column_name IS NULL))"""
_TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = coalesce(%s, database()) ORDER BY 1"
_ENGINE = """
    SELECT t.table_type, t.engine, e.transactions FROM information_schema.tables t
    LEFT JOIN information_schema.engines e ON e.engine = t.engine
    WHERE t.table_schema = coalesce(%s, database()) AND t.table_name = %s"""
_REFERENCES = """
    SELECT constraint_schema, table_name FROM information_schema.referential_constraints
    WHERE unique_constraint_schema = coalesce(%s, database()) AND referenced_table_name = %s
    AND NOT (constraint_schema = unique_constraint_schema AND table_name = referenced_table_name)"""


class MySQL(Database):
    """MySQL 8 and later, MariaDB 10.2 and later."""

    name = "mysql"
    technology = "mysql"
    schemes = ("mysql", "mariadb")
    driver = "mysql+pymysql"
    port = 3306
    schema_is_database = True
    ddl_commits = True
    fills_together = True
    forms = _FORMS
    parameters = PARAMETERS
    refused = REFUSED

    def driver_parameters(self, parameters: Mapping[str, str]) -> dict[str, Any]:
        return driver_options(parameters)

    def connect_options(self) -> dict[str, Any]:
        from pymysql.constants import CLIENT
        from pymysql.converters import conversions

        return {
            "connect_timeout": 15,
            "charset": "utf8mb4",
            "local_infile": True,
            "init_command": _SESSION,
            "client_flag": CLIENT.MULTI_STATEMENTS,
            # Values are read as the texts that they are sent as: the numbers among the keys are what would change that.
            "conv": {kind: how for kind, how in conversions.items() if not isinstance(kind, int)},
        }

    def driver_errors(self) -> type[Exception]:
        from pymysql.err import Error

        return Error

    def error(self, error: Exception) -> LumosError:
        code, *told = error.args if error.args else (0,)
        text = f"{' '.join(map(str, told)) or error} ({code})" if told else str(error)
        if _UNPROVEN in text:
            return TerminalError(text)
        if code in _BAD_DATA:
            return DataError(text)
        return TransientError(text) if code in _TRANSIENT else TerminalError(text)

    def cancel(self, raw: Any, another: Callable[[], Any]) -> None:
        with closing(another()) as other:
            self.execute(other, f"KILL QUERY {raw.thread_id()}")

    def begin(self, raw: Any, waiting: Iterator[None], writes: bool) -> None:
        """Readers see one moment; writers see what others have committed, as they wait for each other by locks."""
        level = "READ COMMITTED" if writes else "REPEATABLE READ"
        self.execute(raw, f"SET TRANSACTION ISOLATION LEVEL {level}")
        self.execute(raw, "START TRANSACTION" if writes else "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")

    def commit(self, raw: Any, waiting: Iterator[None]) -> None:
        raw.commit()

    def wait_turn(self, raw: Any, schema: str | None, table: str) -> None:
        """By a lock of the session's, which no DDL gives up; it goes with the connection."""
        named = sha256(f"{schema}.{table}".encode()).hexdigest()[:40]
        statement = "SELECT GET_LOCK(concat('lumos ', left(sha1(database()), 16), %s), %s)"
        (got,) = self.execute(raw, statement, (named[:40], _TURN_SECONDS)).fetchone()
        if got != "1":
            raise TransientError(f"another load has made or swapped table {table!r} for {_TURN_SECONDS} seconds")

    def check_script(self, script: str) -> None:
        from sqlglot.dialects.mysql import MySQL as Dialect

        begins = True  # a text that holds nothing but a semicolon begins none that matters
        tokens = list(Dialect().tokenize(script))
        for token, behind in zip(tokens, [*tokens[1:], None], strict=True):
            temporary = behind is not None and behind.text.upper() == "TEMPORARY"
            if begins and token.text.upper() in _COMMITTING and not temporary:
                raise TerminalError(
                    f"{token.text.upper()} commits by itself in MySQL, so that a failed load could not be taken back: "
                    "put it into a job of its own, or, in pre_sql, set pre_sql_commits: true"
                )
            begins = token.text == ";"

    def check_target(self, raw: Any, schema: str | None, table: str, replaced: bool) -> None:
        found = self.execute(raw, _ENGINE, (schema, table)).fetchone()
        if not found:
            return
        kind, engine, transactions = found
        if kind == "BASE TABLE" and transactions != "YES":
            raise TerminalError(
                f"table {table!r} is of the engine {engine}, which knows no transactions, so that a failed load could "
                f"not be taken back: ALTER TABLE {self.quote(schema, table)} ENGINE=InnoDB"
            )
        others = self.execute(raw, _REFERENCES, (schema, table)).fetchall() if replaced else ()
        if others:
            names = ", ".join(".".join(name) for name in others)
            raise TerminalError(
                f"table {table!r} cannot be replaced, as foreign keys of {names} refer to it: keep it and empty it "
                "(load_mode: truncate)"
            )

    def run_script(self, raw: Any, script: str) -> None:
        with raw.cursor() as cursor:
            cursor.execute(script)
            while cursor.nextset():
                pass

    def name_problem(self, name: str) -> str:
        if len(name) > _NAME_CHARACTERS:
            return f"has {len(name)} characters, and MySQL takes {_NAME_CHARACTERS}"
        if not _is_possible(name):
            return "has a character beyond U+FFFF or a blank at its end, which MySQL takes in no name"
        return ""

    def columns(self, raw: Any, schema: str | None, table: str) -> list[Column]:
        rows = self._described(raw, schema, table) if _is_possible(table) else ()
        columns = []
        for name, kind, collation, nullable, _, default, extra, _, comment in rows:
            has_default = default is not None or bool(_GIVEN.search(extra))
            columns.append(types.column(name, kind, nullable == "YES", has_default, collation or "", comment))
        return columns

    def _described(self, raw: Any, schema: str | None, table: str) -> Sequence[Any]:
        """What the server tells of a table's columns, once nobody is just altering it; none where it is missing."""
        for _ in range(_TURN_SECONDS * _LOOKS_PER_SECOND):
            try:
                found: Sequence[Any] = self.execute(
                    raw, f"SHOW FULL COLUMNS FROM {self.quote(schema, table)}"
                ).fetchall()
            except self.driver_errors() as error:
                if error.args[0] == _NO_SUCH_TABLE:
                    return ()
                if error.args[0] != _IS_ALTERED:
                    raise
                self.execute(raw, f"DO SLEEP({1 / _LOOKS_PER_SECOND})")
            else:
                return found
        raise TransientError(f"somebody has been altering table {table!r} for {_TURN_SECONDS} seconds")

    def unique_keys(self, raw: Any, schema: str | None, table: str) -> list[frozenset[str]]:
        keys: dict[str, set[str]] = {}
        for index, column in self.execute(raw, _UNIQUE, (schema, table, schema, table)).fetchall():
            keys.setdefault(index, set()).add(column)
        return [frozenset(names) for names in keys.values()]

    def table_names(self, raw: Any, schema: str | None) -> list[str]:
        return [name for (name,) in self.execute(raw, _TABLES, (schema,)).fetchall()]

    def sql_type(self, kind: pa.DataType) -> str:
        return types.made_type(kind)

    def key_type(self, kind: pa.DataType) -> str:
        return types.key_type(kind)

    def text_type(self, width: int) -> str:
        return types.text_type(width)

    def append(self, raw: Any, table: str, columns: Sequence[Column], batches: Iterator[pa.RecordBatch]) -> int:
        from lumos_dagster.connectors.jdbc.mysql.sending import execute, file_of, grouped, inserts, load_file

        names = [self.quote(column.name) for column in columns]
        if not self._takes_files(raw):
            with ahead(inserts(table, names, batches)) as statements:
                return execute(raw, statements)
        arrived = 0
        with (
            TemporaryDirectory(prefix="lumos-") as folder,  # holds what is made and, after a failure, not sent
            ahead(((part, file_of(part, folder)) for part in grouped(batches)), most=1) as made,
        ):
            for part, path in made:
                rows = sum(batch.num_rows for batch in part)
                if load_file(raw, table, names, columns, path, rows):
                    arrived += rows
                else:
                    arrived += execute(raw, inserts(table, names, part))
        return arrived

    def way_in(self, raw: Any, columns: Sequence[Column]) -> str:
        return "LOAD DATA" if self._takes_files(raw) else "INSERT, as the server allows no LOAD DATA (local_infile)"

    def append_passage(
        self, raw: Any, table: str, columns: Sequence[Column], passage: Passage, sample: list[dict[str, Any]]
    ) -> int | None:
        from lumos_dagster.connectors.jdbc.mysql.passing import append_passage

        names = [self.quote(column.name) for column in columns]
        return append_passage(raw, table, names, columns, passage, sample) if self._takes_files(raw) else None

    def _takes_files(self, raw: Any) -> bool:
        ((takes_files,),) = self.execute(raw, "SELECT @@local_infile").fetchall()
        return bool(takes_files == "1")

    def read(
        self, raw: Any, query: str, parameters: Mapping[str, Any], rows: int
    ) -> AbstractContextManager[pa.RecordBatchReader]:
        from lumos_dagster.connectors.jdbc.mysql.reading import read

        return read(raw, query, parameters, rows, self.quote)


MYSQL = MySQL()


def _is_possible(name: str) -> bool:
    return not name.endswith(" ") and max(name, default="") <= "\uffff"
