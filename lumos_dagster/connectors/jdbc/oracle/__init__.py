"""Oracle, through python-oracledb without Oracle's client. Never run on a live server: docs/databases.md."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from hashlib import sha256
from typing import Any, ClassVar

import pyarrow as pa

from lumos_dagster.connectors.jdbc.database import Column, Database
from lumos_dagster.connectors.jdbc.forms import WHEN_MISSING, WHEN_THERE, Forms
from lumos_dagster.connectors.jdbc.oracle import types
from lumos_dagster.connectors.jdbc.scripts import first_word, statements
from lumos_dagster.connectors.jdbc.urls import Parts, milliseconds, read_url, seconds, truth
from lumos_dagster.errors import DataError, LumosError, TerminalError, TransientError

_MERGE = "MERGE INTO {target} USING {staged} ON ({same_key})"

_FORMS = Forms(
    mark=":{number}",
    staging="ORA$PTT_LUMOS_STAGING",
    make_staging="CREATE PRIVATE TEMPORARY TABLE {staging} ({columns}) ON COMMIT DROP DEFINITION",
    index_staging="",  # such a table has none
    drop_table="BEGIN EXECUTE IMMEDIATE 'DROP TABLE {table_text} PURGE'; EXCEPTION WHEN OTHERS THEN "
    "IF SQLCODE != -942 THEN RAISE; END IF; END;",
    add_column="ALTER TABLE {table} ADD ({column})",
    swap=(
        "ALTER TABLE {target} RENAME TO {old_name}",
        "ALTER TABLE {beside} RENAME TO {name}",
        "DROP TABLE {old} PURGE",
    ),
    insert_once="BEGIN INSERT INTO {table} ({columns}) VALUES ({values}); "
    "EXCEPTION WHEN DUP_VAL_ON_INDEX THEN NULL; END;",
    update=_MERGE + WHEN_THERE,
    upsert=(_MERGE + WHEN_THERE + WHEN_MISSING,),
    insert_missing=(_MERGE + WHEN_MISSING,),
    change="{column} = staged.{column}",
    rollback_to=("ROLLBACK TO SAVEPOINT {name}",),
    release=(),
)
_SESSION = "ALTER SESSION SET TIME_ZONE = 'UTC' NLS_NUMERIC_CHARACTERS = '.,' NLS_CALENDAR = 'GREGORIAN'"

# https://docs.oracle.com/en/error-help/db/
_TRANSIENT = {
    "ORA-00018", "ORA-00020", "ORA-00028", "ORA-00051", "ORA-00054", "ORA-00060", "ORA-00104", "ORA-00257",
    "ORA-00604", "ORA-00955", "ORA-01012", "ORA-01013", "ORA-01033", "ORA-01034", "ORA-01089", "ORA-01090",
    "ORA-01092", "ORA-01555", "ORA-01652", "ORA-01653", "ORA-01654", "ORA-02049", "ORA-02391", "ORA-02396",
    "ORA-03113", "ORA-03114", "ORA-03135", "ORA-03136", "ORA-04020", "ORA-04021", "ORA-04031", "ORA-08177",
    "ORA-12170", "ORA-12514", "ORA-12516", "ORA-12518", "ORA-12519", "ORA-12520", "ORA-12528", "ORA-12537",
    "ORA-12541", "ORA-12547", "ORA-12570", "ORA-12571", "ORA-12805", "ORA-14403", "ORA-25408", "ORA-30006",
    "ORA-30036", "ORA-56600",
    "DPY-1001", "DPY-4011", "DPY-4024", "DPY-6001", "DPY-6004", "DPY-6005", "DPY-6010",
}  # fmt: skip
_BAD_DATA = {
    "ORA-00001", "ORA-01400", "ORA-01401", "ORA-01407", "ORA-01426", "ORA-01438", "ORA-01461", "ORA-01722",
    "ORA-01830", "ORA-01839", "ORA-01840", "ORA-01841", "ORA-01843", "ORA-01847", "ORA-01858", "ORA-01861",
    "ORA-01873", "ORA-01878", "ORA-02290", "ORA-02291", "ORA-02292", "ORA-12899", "ORA-14400", "ORA-22835",
    "ORA-40441",
}  # fmt: skip
_REFERRED_TO = ("ORA-02449", "ORA-02266")
_NO_RIGHT = "ORA-06550"
_GOES_ON = {"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "WITH", "LOCK", "SAVEPOINT", "EXPLAIN", "BEGIN", "DECLARE"}
_TURN_SECONDS = 300
_TURN = "BEGIN :1 := DBMS_LOCK.REQUEST(:2, 6, :3, FALSE); END;"
_WHERE = "owner = NVL(:1, SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA'))"

_COLUMNS = f"""
    SELECT column_name, data_type, data_length, char_length, char_used, data_precision, data_scale, nullable,
           CASE WHEN default_length IS NOT NULL OR virtual_column = 'YES' OR identity_column = 'YES' THEN 1 ELSE 0 END,
           identity_column
    FROM all_tab_cols WHERE {_WHERE} AND table_name = :2 AND hidden_column = 'NO' ORDER BY column_id"""
_UNIQUE = """
    SELECT c.index_name, c.column_name FROM all_indexes i
    JOIN all_ind_columns c ON c.index_owner = i.owner AND c.index_name = i.index_name
    WHERE i.table_owner = NVL(:1, SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA')) AND i.table_name = :2
    AND i.uniqueness = 'UNIQUE' AND i.index_type = 'NORMAL' AND i.status <> 'UNUSABLE'"""
_TABLES = f"""
    SELECT table_name FROM all_tables WHERE {_WHERE}
    UNION SELECT view_name FROM all_views WHERE {_WHERE.replace(":1", ":2")} ORDER BY 1"""

_REGULAR = re.compile(r"[a-z][a-z0-9_$#]*")
_THIN = re.compile(
    r"""(?:(?P<user>"[^"]+"|[^/@]*)(?:/(?P<password>"[^"]*"|[^@]*))?)?@(?:(?P<protocol>tcps?):)?(?://)?
        (?P<host>\[[^\]]+\]|[^:/?@(]+)(?::(?P<port>\d+))?(?:(?P<kind>[:/])(?P<name>[^?/:]*))?(?:\?(?P<query>.*))?""",
    re.VERBOSE | re.DOTALL,
)


class Oracle(Database):
    """Oracle Database 18c and later."""

    name = "oracle"
    technology = "oracle"
    schemes = ("oracle",)
    driver = "oracle+oracledb"
    port = 1521
    ddl_commits = True
    max_name_bytes = 128
    sends_rows = True
    forms = _FORMS
    parameters: ClassVar[Mapping[str, str]] = {
        "sid": "sid", "service_name": "service_name", "ssl": "protocol", "protocol": "protocol",
        "oracle.net.CONNECT_TIMEOUT": "tcp_connect_timeout", "tcp_connect_timeout": "tcp_connect_timeout",
        "oracle.net.ssl_server_dn_match": "ssl_server_dn_match", "ssl_server_dn_match": "ssl_server_dn_match",
        "oracle.net.ssl_server_cert_dn": "ssl_server_cert_dn", "ssl_server_cert_dn": "ssl_server_cert_dn",
        "oracle.net.wallet_location": "wallet_location", "wallet_location": "wallet_location",
        "oracle.net.wallet_password": "wallet_password", "wallet_password": "wallet_password",
        "v$session.program": "program", "program": "program", "edition": "edition",
        "oracle.jdbc.ReadTimeout": "call_timeout",
    }  # fmt: skip
    refused: ClassVar[Mapping[str, str]] = {
        "TNS_ADMIN": "name host, port and service in the URL",
        "javax.net.ssl.trustStore": "name a folder with ewallet.pem by wallet_location instead of a Java key store",
        "defaultRowPrefetch": "set batch_size",
        "internal_logon": "connect as a user who may read and write the tables",
        "mode": "connect as a user who may read and write the tables",
        "encoding": "texts always travel as UTF-8; leave it out",
    }

    @property
    def example(self) -> str:
        return "jdbc:oracle:thin:@//host:port/service"

    def read_url(self, rest: str) -> Parts | None:
        """The spellings of the thin driver; else a URL, in which SQLAlchemy takes the name for a SID."""
        if not rest.startswith("thin:"):
            parts = read_url(rest)
            if parts is None or not (service := parts.query.get("service_name", "")):
                return parts and replace(parts, query={**parts.query, "sid": parts.name})
            return replace(parts, name=service)
        match = _THIN.fullmatch(rest.removeprefix("thin:"))
        if not match or not match["name"]:
            return None
        parts = read_url(f"//h?{match['query'] or ''}")
        query = dict(parts.query if parts else {})
        if match["protocol"]:
            query["protocol"] = match["protocol"]
        if match["kind"] == ":":
            query["sid"] = match["name"]
        user, password = (match["user"] or "").strip('"'), (match["password"] or "").strip('"')
        return Parts(match["host"].strip("[]"), int(match["port"] or 0), match["name"], user, password, query)

    def connect_options(self) -> dict[str, Any]:
        return {"tcp_connect_timeout": 15.0}

    def driver_parameters(self, parameters: Mapping[str, str]) -> dict[str, Any]:
        options: dict[str, Any] = {}
        for name, value in parameters.items():
            if name in ("ssl", "ssl_server_dn_match", "oracle.net.ssl_server_dn_match"):
                is_on = truth(name, value)
                options |= {"ssl_server_dn_match": is_on} if name != "ssl" else {"protocol": "tcps" if is_on else "tcp"}
            else:
                options[self.parameters[name]] = _CONVERTED.get(name, str)(value)
        return options

    def connect(self, url: Any, options: Mapping[str, Any]) -> Any:
        import oracledb

        known = {"service_name": url.database, **options}
        if "sid" in known:
            del known["service_name"]
        call_timeout = known.pop("call_timeout", 0)
        raw = oracledb.connect(user=url.username, password=url.password, host=url.host, port=url.port, **known)
        raw.call_timeout = call_timeout
        return raw

    def driver_errors(self) -> type[Exception]:
        import oracledb

        return oracledb.Error

    def error(self, error: Exception) -> LumosError:
        told: Any = error.args[0] if error.args else error
        code, text = getattr(told, "full_code", "") or "", " ".join(str(told).split())
        text = text.partition(" Help: ")[0]
        if code in _REFERRED_TO:
            return TerminalError(f"{text}. Or keep the table and empty it: load_mode: truncate")
        if code in _BAD_DATA:
            return DataError(text)
        return TransientError(text) if code in _TRANSIENT else TerminalError(text)

    def cancel(self, raw: Any, another: Callable[[], Any]) -> None:
        raw.cancel()

    def begin(self, raw: Any, waiting: Iterator[None], writes: bool) -> None:
        """The first statement opens the transaction; a reader sees one moment."""
        self.execute(raw, _SESSION)
        if not writes:
            self.execute(raw, "SET TRANSACTION READ ONLY")

    def commit(self, raw: Any, waiting: Iterator[None]) -> None:
        raw.commit()

    def execute(self, raw: Any, statement: str, values: Sequence[object] = ()) -> Any:
        cursor = raw.cursor()
        cursor.execute(statement, list(values), fetch_lobs=False)
        return cursor

    def wait_turn(self, raw: Any, schema: str | None, table: str) -> None:
        """By a lock of the session's, which no DDL gives up; without it where the user may not ask for one."""
        number = int(sha256(self.quote(schema, table).encode()).hexdigest(), 16) % (1 << 30)
        got = raw.cursor().var(int)
        try:
            self.execute(raw, _TURN, (got, number, _TURN_SECONDS))
        except self.driver_errors() as error:
            if getattr(error.args[0], "full_code", "") == _NO_RIGHT:
                return
            raise
        if got.getvalue() not in (0, 4):
            raise TransientError(f"another load has made or swapped table {table!r} for {_TURN_SECONDS} seconds")

    def check_script(self, script: str) -> None:
        for statement in statements(script):
            word = first_word(statement)
            if word not in _GOES_ON:
                raise TerminalError(
                    f"{word} commits by itself in Oracle, so that a failed load could not be taken back: "
                    "put it into a job of its own, or, in pre_sql, set pre_sql_commits: true"
                )

    def run_script(self, raw: Any, script: str) -> None:
        """A block of PL/SQL must be a script of its own, or end with a line of /."""
        for statement in statements(script):
            self.execute(raw, statement)

    def columns(self, raw: Any, schema: str | None, table: str) -> list[Column]:
        found = self.execute(raw, _COLUMNS, (_inside(schema), _inside(table))).fetchall()
        return [types.column(_outside(name), row) for name, *row in found]

    def unique_keys(self, raw: Any, schema: str | None, table: str) -> list[frozenset[str]]:
        keys: dict[str, set[str]] = {}
        for index, column in self.execute(raw, _UNIQUE, (_inside(schema), _inside(table))).fetchall():
            keys.setdefault(index, set()).add(_outside(column))
        return [frozenset(names) for names in keys.values()]

    def table_names(self, raw: Any, schema: str | None) -> list[str]:
        found = self.execute(raw, _TABLES, (_inside(schema), _inside(schema))).fetchall()
        return [_outside(name) for (name,) in found]

    def sql_type(self, kind: pa.DataType) -> str:
        return types.made_type(kind)

    def key_type(self, kind: pa.DataType) -> str:
        return types.key_type(kind)

    def text_type(self, width: int) -> str:
        return f"VARCHAR2({width} CHAR)"

    def append(self, raw: Any, table: str, columns: Sequence[Column], batches: Iterator[pa.RecordBatch]) -> int:
        """A batch is one statement with arrays of values, taken from Arrow's memory by the driver."""
        names = ", ".join(self.quote(column.name) for column in columns)
        marks = self.forms.marks(len(columns))
        values = ", ".join(types.mark(column, mark) for column, mark in zip(columns, marks, strict=True))
        arrived = 0
        for batch in batches:
            if batch.num_rows:
                arrays = [types.sendable(column, array) for column, array in zip(columns, batch.columns, strict=True)]
                rows = pa.Table.from_arrays(arrays, names=[f"c{number}" for number in range(len(arrays))])
                with raw.cursor() as cursor:
                    cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({values})", rows)
                    arrived += cursor.rowcount
        return arrived

    def read(
        self, raw: Any, query: str, parameters: Mapping[str, Any], rows: int
    ) -> AbstractContextManager[pa.RecordBatchReader]:
        from lumos_dagster.connectors.jdbc.oracle.reading import read

        return read(raw, query, parameters, rows, _outside)

    def quote(self, *names: str | None) -> str:
        """A name in small letters is one that Oracle keeps in capitals, as in SQLAlchemy: both mean any spelling."""
        return self.forms.quote(*map(_inside, names))


ORACLE = Oracle()

_CONVERTED: dict[str, Callable[[str], Any]] = {
    "oracle.net.CONNECT_TIMEOUT": milliseconds, "tcp_connect_timeout": seconds,
    "oracle.jdbc.ReadTimeout": lambda text: int(milliseconds(text) * 1000),
}  # fmt: skip


def _inside(name: str | None) -> str | None:
    return name.upper() if name is not None and _REGULAR.fullmatch(name) else name


def _outside(name: str) -> str:
    return name.lower() if _REGULAR.fullmatch(name.lower()) and name == name.upper() else name
